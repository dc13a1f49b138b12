//! The case: one delinquent loan, its facts and where it stands. State is a fold of events
//! ([`apply`]); each verb has a file of its own and answers with events, or says why it refuses.

mod apply;
mod close;
mod dispute;
mod event;
mod facts;
mod migrate;
mod open;
mod pause;
mod payment;
mod promise;
mod worklist;

pub use apply::apply;
pub use close::close;
pub use dispute::{
    COMPLAINT_DAYS, Objection, Settlement, complaint_due, file_complaint, raise_dispute,
    resolve_complaint, resolve_dispute,
};
pub use event::{CaseEvent, Denial, DueDate, EndedBy, PromiseResult, SkipReason};
pub use facts::{NotDueYet, add_document, check_due, check_due_after, update_facts};
pub use migrate::{Became, Moved, PolicyMove, move_policy};
pub use open::{Opening, open};
pub use pause::{PauseRequest, pause, release, release_hold};
pub use payment::{Payment, Reversal, record_payment, reverse_payment};
pub use promise::{PROMISE_GRACE_DAYS, PromiseRequest, due_timers, record_promise};
pub use worklist::WorklistReason;

use crate::ids::{CaseId, CollectorId, KeyedHash, PartyId, PauseId, TenantId};
use crate::money::{Currency, Money, MoneyError};
use crate::party::{BorrowerKind, Dispute, Relation};
use crate::sealed::Sealed;
use crate::time::{Zone, days_between};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A delinquent loan under collection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Case {
    /// Its id.
    pub id: CaseId,
    /// The lender.
    pub tenant: TenantId,
    /// Counts events; every write compares it.
    pub version: u64,
    /// Keyed hash of the lender's own reference of the loan; one open case a loan.
    pub lender_ref: KeyedHash,
    /// The borrower.
    pub borrower: PartyId,
    /// Others who are bound by or named in the loan.
    pub parties: Vec<CaseParty>,
    /// Whose law binds it: `CN`, `TW`, `US`, or a region such as `US-MA`.
    pub jurisdiction: String,
    /// What kind of lender collects.
    pub lender_kind: LenderKind,
    /// What kind of borrower, as of this loan.
    pub borrower_kind: BorrowerKind,
    /// The lender's product, none where it said nothing.
    pub product: Option<String>,
    /// Currency of all amounts.
    pub currency: Currency,
    /// What is owed.
    pub amounts: Amounts,
    /// Due date of the oldest unpaid instalment; none where nothing was ever due.
    pub oldest_unpaid_due: Option<Date>,
    /// Days that do not count as past due.
    pub pause_days: u32,
    /// Scores.
    pub scores: Scores,
    /// Labels of the lender.
    pub tags: Vec<String>,
    /// Evidence by reference.
    pub documents: Vec<Document>,
    /// Whether the debt is disputed, and how.
    pub dispute: Option<Dispute>,
    /// Suit on it is barred by time.
    pub time_barred: bool,
    /// What pauses contact, none once all have ended.
    pub pauses: Vec<Pause>,
    /// Since when it is with the law, until a recall.
    pub legal_since: Option<Timestamp>,
    /// Why it was closed; final.
    pub closed: Option<Closed>,
    /// The policy version it is pinned to.
    pub policy: Option<PolicyPin>,
    /// The moves from version to version that it has behind it, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
    /// The stage it stands in, by number; none before the first.
    pub stage: Option<u8>,
    /// Steps that were skipped, as (stage, step).
    pub skipped: Vec<(u8, u8)>,
    /// Payments known, by keyed hash of the lender's reference.
    pub payments: Vec<(KeyedHash, i64)>,
    /// Those of them that were taken back.
    #[serde(default)]
    pub reversed: Vec<KeyedHash>,
    /// The plan number the next contact takes.
    pub next_seq: u32,
    /// The denial that stands, so that it is recorded once.
    pub last_denial: Option<Denial>,
    /// Why a person must look at it; none where nobody must.
    pub worklist: Option<WorklistReason>,
    /// Since when somebody must.
    #[serde(default)]
    pub worklist_since: Option<Timestamp>,
    /// The collectors it is given to.
    pub collectors: Vec<CollectorId>,
    /// The case it follows, where the loan was collected before.
    pub previous: Option<CaseId>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When anything of it last changed, its contacts included.
    pub updated_at: Timestamp,
    /// The lender's references, sealed under the borrower's key.
    pub sealed: Sealed,
}

/// A party of a case besides its borrower.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CaseParty {
    /// The party.
    pub party: PartyId,
    /// What it is to the debt.
    pub relation: Relation,
}

/// What kind of lender collects; some packs bind only some kinds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LenderKind {
    /// The creditor itself.
    FirstParty,
    /// An agency that collects for others, or bought the debt.
    Agency,
    /// A microloan company.
    MicroloanCompany,
    /// A bank.
    Bank,
}

impl LenderKind {
    /// The name in packs, exports and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FirstParty => "first_party",
            Self::Agency => "agency",
            Self::MicroloanCompany => "microloan_company",
            Self::Bank => "bank",
        }
    }
}

/// What is owed, in minor units of the case's currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Amounts {
    /// Principal still owed.
    pub principal: i64,
    /// Interest owed.
    pub interest: i64,
    /// Fees owed.
    pub fees: i64,
    /// What is past due; the case is cured when this falls to 0.
    pub overdue: i64,
}

/// Scores from 0 to 100; none where nobody scored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Scores {
    /// Ability to pay.
    pub ability: Option<u8>,
    /// Willingness to pay.
    pub willingness: Option<u8>,
}

/// What a document is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// The loan contract.
    Contract,
    /// A statement of account.
    Statement,
    /// The record of repayments.
    RepaymentRecord,
    /// Proof of identity or of the business.
    Identity,
    /// Proof that the loan was paid out.
    Disbursement,
    /// A power of attorney.
    PowerOfAttorney,
    /// Anything else.
    Other,
}

impl DocumentKind {
    /// What an evidence pack must hold before a visit (house rule).
    pub const EVIDENCE_PACK: [Self; 3] = [Self::Contract, Self::Statement, Self::RepaymentRecord];

    /// The name in packs and manifests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Statement => "statement",
            Self::RepaymentRecord => "repayment_record",
            Self::Identity => "identity",
            Self::Disbursement => "disbursement",
            Self::PowerOfAttorney => "power_of_attorney",
            Self::Other => "other",
        }
    }
}

/// A document held by the lender, named by the hash of its bytes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Document {
    /// What it is.
    pub kind: DocumentKind,
    /// SHA-256 of its bytes, 64 hexadecimal digits.
    pub sha256: String,
    /// Where the lender keeps it: an opaque reference without personal data.
    pub reference: String,
}

/// Why contact is paused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// Somebody put it on hold.
    Hold,
    /// A promise to pay is open.
    Promise,
    /// A payment plan is kept.
    Plan,
    /// Hardship.
    Hardship,
    /// The debt is disputed.
    Dispute,
    /// A complaint is open.
    Complaint,
}

impl PauseReason {
    /// The name in exports and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Promise => "promise",
            Self::Plan => "plan",
            Self::Hardship => "hardship",
            Self::Dispute => "dispute",
            Self::Complaint => "complaint",
        }
    }
}

/// A pause: no contact until it ends.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pause {
    /// Its id.
    pub id: PauseId,
    /// Why.
    pub reason: PauseReason,
    /// Who answers for it.
    pub owner: String,
    /// When it began.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// The promise it stands for.
    pub promise: Option<Promise>,
}

/// A promise to pay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Promise {
    /// How much, in minor units.
    pub amount: i64,
    /// Until the end of which local day.
    pub due: Date,
    /// What came in since it was made, in minor units.
    pub paid: i64,
    /// How many payments the case knew when it was made: those after them count for it.
    #[serde(default)]
    pub after_payments: u32,
}

/// The end of a case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Closed {
    /// Why.
    pub reason: CloseReason,
    /// When.
    pub at: Timestamp,
}

/// Why a case was closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// Everything owed was paid.
    Paid,
    /// Less was accepted as final.
    Settled,
    /// Nothing is overdue any more.
    Cured,
    /// Booked as loss.
    WrittenOff,
    /// The lender took it back.
    Withdrawn,
    /// The borrower died.
    Deceased,
}

impl CloseReason {
    /// The name in exports and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Settled => "settled",
            Self::Cured => "cured",
            Self::WrittenOff => "written_off",
            Self::Withdrawn => "withdrawn",
            Self::Deceased => "deceased",
        }
    }
}

/// The policy version a case runs under until a migration moves it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PolicyPin {
    /// The policy's name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// SHA-256 of its text, hexadecimal.
    pub hash: String,
    /// The arm of the experiment, `champion` where there is none.
    pub arm: String,
}

/// Where a case stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Status {
    /// The ladder runs.
    Open,
    /// Contact is paused.
    Paused,
    /// With the law; the ladder goes on.
    Legal,
    /// Final.
    Closed,
}

impl Status {
    /// The name in exports and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Legal => "legal",
            Self::Closed => "closed",
        }
    }
}

/// Why a command on a case is refused. Nothing changes then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The case is closed, which is final.
    #[error("the case is closed ({0}); a new delinquency is a new case that names this one")]
    Closed(&'static str),
    /// An amount that cannot be.
    #[error("{field} is {given}; it must be {must}")]
    Amount {
        /// Which one.
        field: &'static str,
        /// What was given, in minor units.
        given: i64,
        /// What would be right.
        must: &'static str,
    },
    /// Amounts of different currencies, or too large.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A payment of this reference was recorded with another amount.
    #[error("a payment of that reference was recorded with another amount")]
    OtherPayment {
        /// The recorded amount.
        recorded: Money,
        /// The amount given now.
        given: Money,
    },
    /// The payment of this reference was taken back: nothing is booked under it any more.
    #[error(
        "the payment of that reference was taken back; give what came in again a new reference"
    )]
    TakenBack,
    /// A promise of an amount that cannot be: not above 0, or more than what is overdue.
    #[error("a promise is above 0 and at most what is overdue")]
    PromisedAmount {
        /// The amount given.
        given: Money,
        /// What is overdue.
        overdue: Money,
    },
    /// A time that lies wrong.
    #[error("{field}: {problem}")]
    Time {
        /// Which field.
        field: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A promise that the case cannot rest on.
    #[error("{field}: {problem}")]
    Promise {
        /// Which field.
        field: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// Something that is not there.
    #[error("the case has no {0}")]
    Missing(&'static str),
    /// No payment has the reference.
    #[error("no payment of that reference was recorded in the case")]
    NoPayment,
    /// Nothing holds the case.
    #[error("the case is not paused by {0}; read what pauses it, if anything does")]
    NotPaused(&'static str),
    /// A document hash that is none.
    #[error("`{0}` is not a SHA-256: 64 hexadecimal digits in lower case")]
    Sha256(String),
    /// A score out of range.
    #[error("{field} is {given}; scores go from 0 to 100")]
    Score {
        /// Which score.
        field: &'static str,
        /// What was given.
        given: u8,
    },
}

impl Case {
    /// Where it stands.
    #[must_use]
    #[inline]
    pub const fn status(&self) -> Status {
        if self.closed.is_some() {
            Status::Closed
        } else if !self.pauses.is_empty() {
            Status::Paused
        } else if self.legal_since.is_some() {
            Status::Legal
        } else {
            Status::Open
        }
    }

    /// Something of it changed at `at`.
    pub(crate) const fn touch(&mut self, at: Timestamp) {
        self.version += 1;
        self.updated_at = at;
    }

    /// Days past due at `at` in `zone`: calendar days since the oldest unpaid due date, less pause days;
    /// negative before it, 0 where nothing is due.
    #[must_use]
    #[inline]
    pub fn dpd(&self, at: Timestamp, zone: &Zone) -> i32 {
        self.dpd_on(zone.date(at))
    }

    /// Days past due on a calendar day.
    #[must_use]
    #[inline]
    pub fn dpd_on(&self, day: Date) -> i32 {
        self.oldest_unpaid_due.map_or(0, |due| {
            let days = days_between(due, day);
            if days > 0 {
                (days - i32::try_from(self.pause_days).unwrap_or(i32::MAX)).max(0)
            } else {
                days
            }
        })
    }

    /// What came in so far and was not taken back, in minor units.
    #[must_use]
    pub fn collected(&self) -> i64 {
        let kept = self.payments.iter();
        let kept = kept.filter(|(reference, _)| !self.reversed.contains(reference));
        let amounts = kept.map(|(_, minor)| *minor);
        amounts.fold(0, i64::saturating_add)
    }

    /// Whether the documents make a complete evidence pack.
    #[must_use]
    pub fn has_evidence_pack(&self) -> bool {
        DocumentKind::EVIDENCE_PACK
            .iter()
            .all(|kind| self.documents.iter().any(|d| d.kind == *kind))
    }

    /// What `party` is to the debt; none where it has nothing to do with it.
    #[must_use]
    pub fn relation(&self, party: PartyId) -> Option<Relation> {
        if party == self.borrower {
            return Some(Relation::Borrower);
        }
        self.parties
            .iter()
            .find(|p| p.party == party)
            .map(|p| p.relation)
    }

    fn must_be_open(&self) -> Result<(), Refusal> {
        self.closed
            .map_or(Ok(()), |c| Err(Refusal::Closed(c.reason.name())))
    }
}
