//! Opening a case.

use super::{Amounts, Case, CaseEvent, CaseParty, Document, LenderKind, Refusal, Scores};
use crate::ids::{CaseId, KeyedHash, PartyId, TenantId};
use crate::money::Currency;
use crate::party::BorrowerKind;
use crate::sealed::Sealed;
use jiff::Timestamp;
use jiff::civil::Date;

/// What a lender says of a loan when it gives it to collection.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The new case's id.
    pub id: CaseId,
    /// The lender.
    pub tenant: TenantId,
    /// Keyed hash of the lender's reference of the loan.
    pub lender_ref: KeyedHash,
    /// The borrower.
    pub borrower: PartyId,
    /// Others who are bound by or named in the loan.
    pub parties: Vec<CaseParty>,
    /// Whose law binds it.
    pub jurisdiction: String,
    /// What kind of lender collects.
    pub lender_kind: LenderKind,
    /// What kind of borrower.
    pub borrower_kind: BorrowerKind,
    /// The lender's product.
    pub product: Option<String>,
    /// Currency of all amounts.
    pub currency: Currency,
    /// What is owed.
    pub amounts: Amounts,
    /// Due date of the oldest unpaid instalment.
    pub oldest_unpaid_due: Option<Date>,
    /// Scores.
    pub scores: Scores,
    /// Labels.
    pub tags: Vec<String>,
    /// Evidence.
    pub documents: Vec<Document>,
    /// The case it follows.
    pub previous: Option<CaseId>,
    /// The lender's references, sealed.
    pub sealed: Sealed,
}

/// Opens a case at `now`.
///
/// # Errors
/// Where an amount is negative, a score is out of range or a document's hash is none.
pub fn open(o: Opening, now: Timestamp) -> Result<CaseEvent, Refusal> {
    super::facts::check_amounts(&o.amounts)?;
    super::facts::check_scores(o.scores)?;
    o.documents
        .iter()
        .try_for_each(super::facts::check_document)?;
    Ok(CaseEvent::Opened(Box::new(Case {
        id: o.id,
        tenant: o.tenant,
        version: 1,
        lender_ref: o.lender_ref,
        borrower: o.borrower,
        parties: o.parties,
        jurisdiction: o.jurisdiction,
        lender_kind: o.lender_kind,
        borrower_kind: o.borrower_kind,
        product: o.product,
        currency: o.currency,
        amounts: o.amounts,
        oldest_unpaid_due: o.oldest_unpaid_due,
        pause_days: 0,
        scores: o.scores,
        tags: o.tags,
        documents: o.documents,
        dispute: None,
        time_barred: false,
        pauses: Vec::new(),
        legal_since: None,
        closed: None,
        policy: None,
        stage: None,
        skipped: Vec::new(),
        payments: Vec::new(),
        reversed: Vec::new(),
        moved: Vec::new(),
        next_seq: 1,
        last_denial: None,
        worklist: None,
        worklist_since: None,
        collectors: Vec::new(),
        previous: o.previous,
        opened_at: now,
        updated_at: now,
        sealed: o.sealed,
    })))
}
