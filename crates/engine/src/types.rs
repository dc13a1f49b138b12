//! What callers say and get: plain values, with personal data in the open. They live as long as a call.

use crate::error::{CommandError, Done};
use jiff::Timestamp;
use jiff::civil::Date;
use recoup_domain::case::{Amounts, Document, LenderKind, Scores};
use recoup_domain::collector::Collector;
use recoup_domain::contact::{Contact, ContactClass, Reader};
use recoup_domain::ids::{CaseId, CollectorId, ContactId, KeyedHash, PartyId, TenantId};
use recoup_domain::money::Currency;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{BorrowerKind, PointKind, PointOwner, PointState, Relation};
use recoup_domain::time::Zone;
use recoup_domain::{Case, Party};
use recoup_store::StoredPolicy;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who asks, and under which request id.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The lender they act for.
    pub tenant: TenantId,
    /// Their name, as the journal keeps it.
    pub principal: String,
    /// The request, for a mutation.
    pub request: Option<RequestKey>,
}

/// A request's id and the keyed hash of its method and body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// As the caller chose it.
    pub id: String,
    /// See [`crate::vault::Vault::fingerprint`].
    pub fingerprint: [u8; 16],
}

/// The answer to a mutation: made now, or given before to the same request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered<R> {
    /// It was done now.
    Now(R),
    /// The same request was done before; this is the answer it got, as encoded then.
    Before(Vec<u8>),
}

impl<R> Answered<R> {
    /// What was done now, as `part` of it.
    pub(crate) fn map<S>(self, part: impl FnOnce(R) -> S) -> Answered<S> {
        match self {
            Self::Now(result) => Answered::Now(part(result)),
            Self::Before(bytes) => Answered::Before(bytes),
        }
    }

    /// The answer given before, where it was.
    pub fn into_before(self) -> Option<Vec<u8>> {
        match self {
            Self::Now(_) => None,
            Self::Before(bytes) => Some(bytes),
        }
    }
}

/// Encodes an answer, so that it is kept with the change it answers.
pub type Encode<'a, R> = &'a (dyn Fn(&R) -> Vec<u8> + Sync);

/// A party told by the lender.
#[derive(Clone, Debug, PartialEq)]
pub struct PartyInput {
    /// The lender's own reference.
    pub lender_ref: String,
    /// Name, as texts use it.
    pub display_name: String,
    /// What kind of borrower.
    pub kind: BorrowerKind,
    /// Candidate regions.
    pub regions: Vec<String>,
    /// Candidate zones; empty means those of the regions.
    pub zones: Vec<Zone>,
    /// BCP 47 language tag.
    pub locale: String,
    /// Numbers and addresses, preferred first.
    pub points: Vec<PointInput>,
    /// Labels.
    pub tags: Vec<String>,
}

/// A number or address told by the lender.
#[derive(Clone, Debug, PartialEq)]
pub struct PointInput {
    /// What it is.
    pub kind: PointKind,
    /// E.164, mailbox, or a postal address with a line for each line.
    pub value: String,
    /// Whose.
    pub owner: PointOwner,
    /// The zone it indicates.
    pub zone: Option<Zone>,
    /// Whether the lender verified it.
    pub verified: bool,
    /// Where it came from.
    pub source: String,
    /// Whether it works, where the lender says so; else it stays as it is known, and a new one works.
    pub state: Option<PointState>,
    /// The id it was given by, and the path of the field that did: it must be one of the party's, and of the value
    /// where that is given.
    pub named: Option<(KeyedHash, String)>,
}

/// Names a party.
#[derive(Clone, Debug, PartialEq)]
pub enum PartyName {
    /// By id.
    Id(PartyId),
    /// By the lender's reference.
    Reference(String),
    /// Told in full: made or updated on the way.
    Told(Box<PartyInput>),
}

impl PartyName {
    /// What is answered where there is no such party.
    pub(crate) fn not_found(&self) -> CommandError {
        let id = match self {
            Self::Id(id) => id.to_string(),
            Self::Reference(reference) => reference.clone(),
            Self::Told(told) => told.lender_ref.clone(),
        };
        CommandError::NotFound { what: "party", id }
    }
}

/// A loan given to collection.
#[derive(Clone, Debug)]
pub struct CaseInput {
    /// The lender's reference of the loan.
    pub lender_case_ref: String,
    /// The borrower.
    pub borrower: PartyName,
    /// Others.
    pub parties: Vec<(PartyName, Relation)>,
    /// Whose law binds it.
    pub jurisdiction: String,
    /// What kind of lender collects.
    pub lender_kind: LenderKind,
    /// What kind of borrower; none takes the party's.
    pub borrower_kind: Option<BorrowerKind>,
    /// The lender's product.
    pub product: Option<String>,
    /// Currency of the amounts.
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
    /// Name of the policy; none takes the tenant's newest active one of the currency.
    pub policy: Option<String>,
}

/// A case as a caller sees it.
#[derive(Clone, Debug)]
pub struct CaseView {
    /// The case.
    pub case: Case,
    /// Its borrower.
    pub borrower: Party,
    /// The lender's reference of the loan, in the open.
    pub lender_case_ref: String,
    /// The lender's reference of the borrower, in the open.
    pub borrower_ref: String,
    /// Days past due, now, in the borrower's zone.
    pub dpd: i32,
    /// Name of the stage it stands in; empty for none.
    pub stage: String,
    /// Segment of the policy; empty for none.
    pub segment: String,
    /// When it is due next; none where only a fact or a person moves it.
    pub next_at: Option<Timestamp>,
    /// Contacts that count as made.
    pub contacts_made: BTreeMap<ContactClass, u32>,
    /// What a command on it called off, contacts by id.
    pub cancelling: Vec<ContactId>,
    /// Whether the payment that was recorded cured it.
    pub cured: bool,
}

/// A party as a caller sees it.
#[derive(Clone, Debug)]
pub struct PartyView {
    /// The party.
    pub party: Party,
    /// What is sealed in it.
    pub plain: PartyPlain,
    /// Whether the command made it.
    pub created: bool,
    /// What a command on it called off.
    pub cancelling: Vec<ContactId>,
    /// Cases that a command on it paused.
    pub paused: Vec<CaseId>,
}

/// What is sealed of a party.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyPlain {
    /// The lender's own reference.
    pub lender_ref: String,
    /// Name.
    pub display_name: String,
    /// Values of the contact points, in their order.
    pub points: Vec<String>,
}

/// Says what of a party is to be written, seeing what was told and what is there.
pub type Over<'a> = &'a (dyn Fn(PartyInput, Option<&PartyView>) -> Done<PartyInput> + Sync);

/// As [`Over`], of a collector.
pub type OverCollector<'a> =
    &'a (dyn Fn(CollectorInput, Option<(&Collector, &CollectorPlain)>) -> CollectorInput + Sync);

/// A contact as a caller sees it.
#[derive(Clone, Debug)]
pub struct ContactView {
    /// The contact.
    pub contact: Contact,
    /// Why the policy asked for it, in words.
    pub reason: String,
    /// Why somebody called it off, as they wrote. Empty for nothing; not told in lists.
    pub cancel_note: String,
    /// What whoever approved it wrote. Empty for nothing; not told in lists.
    pub approval_note: String,
    /// Evidence of what came of it: reference and SHA-256. Not told in lists.
    pub evidence: Vec<(String, String)>,
    /// Language of the template's version; told where one contact is asked for.
    pub locale: String,
    /// What it says, subject and text; told where one contact is asked for.
    pub said: Option<(String, String)>,
}

/// Where a policy version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyState {
    /// Stored; nobody activated it.
    Draft,
    /// New cases are pinned to it.
    Active,
    /// It was active, and a later one took its place.
    Retired,
}

/// A policy version as a caller sees it.
#[derive(Clone, Debug)]
pub struct PolicyView {
    /// The version.
    pub stored: StoredPolicy,
    /// Where it stands.
    pub state: PolicyState,
    /// Names of its stages, mildest first.
    pub stages: Vec<String>,
    /// How many open cases are pinned to it.
    pub pinned_cases: u64,
}

/// A policy version that was stored or activated now.
#[derive(Clone, Debug)]
pub struct CheckedPolicy {
    /// The version.
    pub policy: PolicyView,
    /// What the check warns of.
    pub warnings: Vec<recoup_policy::Finding>,
    /// What was not looked at, and why.
    pub unchecked: Vec<String>,
    /// The newest version before it that has the very same text; none where there is none.
    pub same_as: Option<u32>,
}

/// What a check of a policy is asked beside the policy's own behaviour.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PolicyQuestion {
    /// Where borrowers are, ISO 3166: each step must be permitted there by some day. Empty means it is not asked.
    pub regions: Vec<String>,
    /// The languages that borrowers have, BCP 47: each step must have a text in each. Empty means it is not asked.
    pub languages: Vec<String>,
}

/// What an agent, the field app or a law firm reports of a contact.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which.
    pub contact: ContactId,
    /// What came of it.
    pub outcome: Outcome,
    /// When; none means now.
    pub at: Option<Timestamp>,
    /// Who reports, as the lender names them.
    pub reporter: String,
    /// What happened, in words; kept sealed.
    pub note: String,
    /// Evidence: reference and SHA-256.
    pub evidence: Vec<(String, String)>,
    /// Collectors who took part.
    pub collectors: Vec<CollectorId>,
}

/// A text registered for a step of a policy.
#[derive(Clone, Debug)]
pub struct TemplateInput {
    /// The name policies use.
    pub name: String,
    /// The kind of contact it is written for.
    pub class: ContactClass,
    /// BCP 47 language tag.
    pub locale: String,
    /// Subject line; empty where the channel has none.
    pub subject: String,
    /// Text with variables.
    pub body: String,
    /// The variables it may use.
    pub variables: Vec<String>,
    /// For whom it is written.
    pub reader: Reader,
    /// Where it is sent to; empty means the region of its locale, where a pack knows it.
    pub regions: Vec<String>,
    /// The kinds of lender whose cases it is for; empty means any.
    pub lender_kinds: Vec<LenderKind>,
    /// The signature, without `【】`, and the provider's template id that carriers approved.
    pub approval: Option<(String, String)>,
}

/// A collector told by the lender.
#[derive(Clone, Debug)]
pub struct CollectorInput {
    /// Its id; none makes a new one, or finds the one of the reference.
    pub id: Option<CollectorId>,
    /// The lender's own reference.
    pub lender_ref: String,
    /// Name.
    pub display_name: String,
    /// Licences and trainings: kind, number, valid before.
    pub credentials: Vec<(String, String, Timestamp)>,
    /// BCP 47 language tags.
    pub languages: Vec<String>,
    /// Regions worked in; empty means all.
    pub regions: Vec<String>,
    /// Whether work may be given to them.
    pub active: bool,
    /// The etag the caller saw; none writes without looking.
    pub etag: Option<String>,
}

/// What is sealed of a collector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorPlain {
    /// The lender's own reference.
    pub lender_ref: String,
    /// Name.
    pub display_name: String,
    /// Numbers of the credentials, in their order.
    pub numbers: Vec<String>,
}
