//! Where cases live. The [`Store`] trait says what a store must do; [`sqlite`] is the embedded backend,
//! [`postgres`] the one for several processes.
//!
//! A write is a value: a [`Change`] names what it assumes ([`Guard`]), what happened ([`Entry`]) and the
//! rows that follow ([`Write`]). A store applies each change whole or not at all, commits waiting changes
//! together, and answers only after they are durable.

mod change;
mod codec;
pub mod conformance;
pub mod figures;
mod leaf;
pub mod postgres;
mod query;
mod restored;
mod room;
mod rules;
pub mod sqlite;
mod stamp;
mod tally;
mod waiting;

pub use change::{
    Activation, Answer, Change, CommitError, Committed, Guard, LIBRARY_PART_BYTES, LibraryPart,
    Scope, StoredPolicy, StoredTemplate, Switch, Write,
};
pub use leaf::{Leaf, leaf_hash};
pub use query::{
    CaseFilter, Claim, ContactFilter, Facts, JournalFilter, Page, Reach, Recorded, Sought,
    SoughtParty, Standing, StoreStatus,
};
pub use restored::{Copied, CopyError, CopyTo, Histories, Restored};
pub use room::Room;
pub use stamp::ClockStamp;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use recoup_domain::collector::Collector;
use recoup_domain::contact::{Contact, ContactState};
use recoup_domain::ids::{
    CaseId, CollectorId, ContactId, KeyedHash, OverrideId, PartyId, TenantId,
};
use recoup_domain::overrides::Override;
use recoup_domain::rollout::Rollout;
use recoup_domain::{Case, Party};

/// What went wrong below the store, mapped inside the backend; no driver's text reaches a client.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The medium failed (disk, file). The process must stop: what was written last is in doubt.
    #[error("the store failed: {what}")]
    Broken {
        /// What was being done.
        what: &'static str,
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store cannot be reached now. Nothing was written by whoever is told so; the same again may go later, and
    /// the process goes on.
    #[error("the store cannot be reached: {what}")]
    Unavailable {
        /// What was being done.
        what: &'static str,
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row holds what this version cannot read.
    #[error("the store holds a row that cannot be read: {what}")]
    Unreadable {
        /// Which row.
        what: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store is of another kind of clock, schema or owner.
    #[error("{0}")]
    Refused(String),
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

/// Bytes that a store on this machine's disk sets aside for outcomes.
pub const BALLAST_BYTES: u64 = 64 << 20;

/// The bytes of a channel's library as they are kept; cut short where parts are missing, so whoever uses them holds them
/// against their hash.
///
/// # Errors
/// Where the store fails.
pub async fn library_bytes(store: &dyn Store, channel: &str, sha256: &str) -> Read<Vec<u8>> {
    let mut bytes = Vec::new();
    for part in 0.. {
        match store.library_part(channel, sha256, part).await? {
            Some(more) => bytes.extend(more),
            None => break,
        }
    }
    Ok(bytes)
}

/// The result of a read.
pub type Read<T> = Result<T, StoreError>;

/// A store. Reads see every change that was answered before they began.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The backend's name, written into the store so that it is opened by the same one.
    fn name(&self) -> &'static str;

    /// Applies changes, each whole or not at all, in order; answers when the outcome of all is durable.
    /// A change sees those before it in the same call.
    async fn commit_all(&self, changes: Vec<Change>) -> Vec<Result<Committed, CommitError>>;

    /// Applies one change.
    async fn commit(&self, change: Change) -> Result<Committed, CommitError> {
        let mut results = self.commit_all(vec![change]).await;
        results
            .pop()
            .unwrap_or(Err(CommitError::Store(StoreError::Closed)))
    }

    /// Takes a lease on up to `limit` cases that are due at or before `now`, the longest due first. A
    /// lease is no state of a case: one that dies frees the row. Each carries a fence that only grows.
    /// A leased case is not claimed again before the lease has ended (real time) or a change with its
    /// fence has set a new schedule.
    async fn claim(&self, now: Timestamp, lease: SignedDuration, limit: usize) -> Read<Vec<Claim>>;

    /// The least instant at which an unleased case is due; none where nothing is scheduled.
    async fn next_due(&self) -> Read<Option<Timestamp>>;

    /// What a decision needs of each case: the case, its borrower, and all contacts of that person at the
    /// lender, sorted by time; read in one snapshot. Unknown ids are left out.
    async fn facts(&self, cases: &[CaseId]) -> Read<Vec<Facts>>;

    /// As [`facts`](Self::facts), each with when the case is due next; none where it is not due by itself.
    async fn shown(&self, cases: &[CaseId]) -> Read<Vec<(Facts, Option<Timestamp>)>>;

    /// A case of the tenant.
    async fn case(&self, tenant: &TenantId, id: CaseId) -> Read<Option<Case>>;

    /// The open case of a loan, else its newest closed one.
    async fn case_by_ref(&self, tenant: &TenantId, lender_ref: KeyedHash) -> Read<Option<Case>>;

    /// Cases in the order of their ids, after `after`.
    async fn cases(
        &self,
        tenant: &TenantId,
        filter: &CaseFilter,
        after: Option<CaseId>,
        limit: usize,
    ) -> Read<Page<Case>>;

    /// A party of the tenant.
    async fn party(&self, tenant: &TenantId, id: PartyId) -> Read<Option<Party>>;

    /// A party by the lender's reference.
    async fn party_by_ref(&self, tenant: &TenantId, lender_ref: KeyedHash) -> Read<Option<Party>>;

    /// Parties of the tenant that have a number or address, or had it once.
    async fn parties_by_point(&self, tenant: &TenantId, point: KeyedHash) -> Read<Vec<Party>>;

    /// The party that has an opt-out or a consent of this id.
    async fn party_of_record(&self, tenant: &TenantId, record: [u8; 16]) -> Read<Option<Party>>;

    /// The open cases of a borrower.
    async fn open_cases_of(&self, tenant: &TenantId, party: PartyId) -> Read<Vec<Case>>;

    /// The wrapped data key of a party; none where it never existed or was erased.
    async fn party_key(&self, party: PartyId) -> Read<Option<Vec<u8>>>;

    /// What stands already of each case that is to be opened, in their order; read in one snapshot.
    async fn standing(&self, sought: &[Sought]) -> Read<Vec<Standing>>;

    /// A contact of the tenant.
    async fn contact(&self, tenant: &TenantId, id: ContactId) -> Read<Option<Contact>>;

    /// Contacts in the order of (case, number), after `after`.
    async fn contacts(
        &self,
        tenant: &TenantId,
        filter: &ContactFilter,
        after: Option<ContactId>,
        limit: usize,
    ) -> Read<Page<Contact>>;

    /// Contacts of all tenants that stand in `state`, up to `limit`: what a restart must look after.
    async fn contacts_in(&self, state: ContactState, limit: usize) -> Read<Vec<Contact>>;

    /// The store's own time, where it has a clock that is not this machine's.
    async fn clock(&self) -> Read<Option<Timestamp>> {
        Ok(None)
    }

    /// How much room its disk has; none where that is no disk of this machine's, or it does not say.
    async fn room(&self) -> Read<Option<Room>> {
        Ok(None)
    }

    /// Whether other processes may work on the same store at the same time.
    fn is_shared(&self) -> bool {
        false
    }

    /// As [`contacts_in`](Self::contacts_in), but without those that a process looks after which still lives. In a
    /// store of one process, for its start.
    async fn contacts_left_in(&self, state: ContactState, limit: usize) -> Read<Vec<Contact>> {
        self.contacts_in(state, limit).await
    }

    /// Journal entries with a position above `after`, in order.
    async fn journal(
        &self,
        filter: &JournalFilter,
        after: u64,
        limit: usize,
    ) -> Read<Vec<Recorded>>;

    /// Audit leaves of the entries with a position above `after`, in order.
    async fn leaves(&self, after: u64, limit: usize) -> Read<Vec<Leaf>>;

    /// The newest position, and word of each later one; closed once the store has failed and writes nothing more.
    fn newest(&self) -> tokio::sync::watch::Receiver<u64>;

    /// All versions of all policies of a tenant, or of all tenants.
    async fn policies(&self, tenant: Option<&TenantId>) -> Read<Vec<StoredPolicy>>;

    /// How many open cases are pinned to a policy version.
    async fn pinned_cases(&self, tenant: &TenantId, name: &str, version: u32) -> Read<u64>;

    /// The languages and regions of the borrowers of open cases, each combination once, at most `limit` of them. It may
    /// be dear where many parties have no open case.
    async fn reach(&self, tenant: &TenantId, limit: usize) -> Read<Vec<Reach>>;

    /// Open cases that are pinned to a policy version, in the order of their ids, after `after`.
    async fn cases_pinned(
        &self,
        tenant: &TenantId,
        name: &str,
        version: u32,
        after: Option<CaseId>,
        limit: usize,
    ) -> Read<Page<Case>>;

    /// All templates of a tenant, or of all tenants, newest version of each last.
    async fn templates(&self, tenant: Option<&TenantId>) -> Read<Vec<StoredTemplate>>;

    /// A collector of the tenant.
    async fn collector(&self, tenant: &TenantId, id: CollectorId) -> Read<Option<Collector>>;

    /// All collectors of the tenant.
    async fn collectors(&self, tenant: &TenantId) -> Read<Vec<Collector>>;

    /// An override of the tenant.
    async fn override_of(&self, tenant: &TenantId, id: OverrideId) -> Read<Option<Override>>;

    /// How many times the tenant's overrides were written, and the approved ones that had not ended when the newest
    /// entry was recorded, revoked ones among them.
    async fn approved_overrides(&self, tenant: &TenantId) -> Read<(u64, Vec<Override>)>;

    /// All overrides of the tenant, the oldest first.
    async fn overrides(&self, tenant: &TenantId) -> Read<Vec<Override>>;

    /// The hash of the packs that every open case of the tenant has been looked at under; none where nobody said so yet.
    async fn packs_of(&self, tenant: &TenantId) -> Read<Option<String>>;

    /// The rollouts of all channels whose generations were ever changed, by channel.
    async fn rollouts(&self) -> Read<Vec<Rollout>>;

    /// A part of a channel's library, which is named by its SHA-256; parts count from 0. None behind the last, or where it is not there.
    async fn library_part(&self, channel: &str, sha256: &str, part: u32) -> Read<Option<Vec<u8>>>;

    /// Switches that are off.
    async fn switches(&self) -> Read<Vec<Switch>>;

    /// The recorded answer to a request of a tenant.
    async fn answer(&self, tenant: &TenantId, request_id: &str) -> Read<Option<Answer>>;

    /// A lender's counts, for the operator's screen.
    async fn status(&self, tenant: &TenantId, now: Timestamp) -> Read<StoreStatus>;

    /// Writes a consistent copy of itself while it is used, which knows that it is one: opened as a store, it stops
    /// dispatch by [`Scope::Restored`] and begins a new history. Answers once the copy was checked and is durable.
    ///
    /// # Errors
    /// See [`CopyError`]; the store itself is as it was.
    async fn copy_to(&self, _to: &CopyTo) -> Result<Copied, CopyError> {
        Err(CopyError::Elsewhere(
            "this store is copied by whoever runs its server: see `Back up` of the runbook",
        ))
    }

    /// The times that it was opened from a copy.
    async fn histories(&self) -> Read<Histories> {
        Ok(Histories::default())
    }

    /// What it has counted since it was opened, over all lenders. A store that counts nothing says so by zeros.
    fn figures(&self) -> figures::Figures {
        figures::Figures::default()
    }
}
