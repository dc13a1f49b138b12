//! What reads ask for and get.

use crate::Guard;
use jiff::Timestamp;
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{CaseId, KeyedHash, PartyId, TenantId};
use recoup_domain::journal::Entry;
use recoup_domain::overrides::Override;
use recoup_domain::{Case, Party, PastContact};

/// A case that is due, under lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The case.
    pub case: CaseId,
    /// The lease's number; only grows, also over restarts.
    pub fence: u64,
    /// When the case fell due.
    pub due: Timestamp,
}

/// What a decision needs of a case.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The case.
    pub case: Case,
    /// Its borrower.
    pub borrower: Party,
    /// All contacts of that person at the lender, sorted by time.
    pub contacts: Vec<PastContact>,
    /// Approved overrides of the lender that are about the case, revoked ones among them; those that had ended
    /// when the newest entry was recorded are left out.
    pub overrides: Vec<Override>,
    /// How many times the lender's overrides were written, for [`Guard::Overrides`](crate::Guard::Overrides); what
    /// was merely asked for is not counted.
    pub overrides_version: u64,
    /// The newest position when they were read.
    pub position: u64,
}

/// A case that is to be opened.
#[derive(Clone, Debug)]
pub struct Sought {
    /// Whose.
    pub tenant: TenantId,
    /// The lender's reference of the loan.
    pub case_ref: KeyedHash,
    /// The borrower, as the caller names them.
    pub borrower: SoughtParty,
}

/// How a party is looked for.
#[derive(Clone, Copy, Debug)]
pub enum SoughtParty {
    /// By id.
    Id(PartyId),
    /// By the lender's reference.
    Reference(KeyedHash),
}

/// What stands already where a case is to be opened.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The open case of the loan.
    pub case: Option<Case>,
    /// The borrower.
    pub borrower: Option<Party>,
    /// The borrower's open cases.
    pub others: Vec<Case>,
}

impl Facts {
    /// That the lender's overrides are as they were read.
    #[must_use]
    pub fn overrides_guard(&self) -> Guard {
        Guard::Overrides(self.case.tenant.clone(), self.overrides_version)
    }
}

/// As whom borrowers are reached.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Reach {
    /// The language of their texts, BCP 47.
    pub locale: String,
    /// Where they may be, ISO 3166.
    pub regions: Vec<String>,
}

/// Which cases to list; none of a field means all.
#[derive(Clone, Debug, Default)]
pub struct CaseFilter {
    /// `open`, `paused`, `legal` or `closed`.
    pub status: Option<String>,
    /// The borrower.
    pub borrower: Option<PartyId>,
    /// The stage's number.
    pub stage: Option<u8>,
    /// Only those on the worklist.
    pub on_worklist: bool,
}

/// Which contacts to list; none of a field means all.
#[derive(Clone, Debug, Default)]
pub struct ContactFilter {
    /// The case.
    pub case: Option<CaseId>,
    /// The party.
    pub party: Option<PartyId>,
    /// The state.
    pub state: Option<ContactState>,
    /// The kind.
    pub class: Option<ContactClass>,
}

/// Which journal entries to read; none of a field means all.
#[derive(Clone, Debug, Default)]
pub struct JournalFilter {
    /// The lender.
    pub tenant: Option<TenantId>,
    /// A case: its own entries and those of its contacts.
    pub case: Option<CaseId>,
    /// A party: its own entries and those of contacts with it.
    pub party: Option<PartyId>,
}

/// A journal entry with its place in commit order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// From 1, without gaps; also the index of its audit leaf plus 1.
    pub position: u64,
    /// The entry.
    pub entry: Entry,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether there are more.
    pub more: bool,
}

/// A lender's counts, for the operator's screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStatus {
    /// Cases by status name.
    pub cases: Vec<(String, u64)>,
    /// Contacts by state name.
    pub contacts: Vec<(String, u64)>,
    /// Cases that wait for a person to look at them.
    pub worklist: u64,
    /// Cases due now.
    pub due: u64,
    /// The least instant at which a case is due.
    pub next_due: Option<Timestamp>,
    /// Newest journal position, over all lenders.
    pub position: u64,
}
