//! A store around another one: what is not overridden goes on to the one beneath. For tests that plant a fault between
//! a store and whoever asks it.

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
use recoup_store::{
    Answer, CaseFilter, Change, Claim, CommitError, Committed, ContactFilter, Copied, CopyError,
    CopyTo, Facts, Histories, JournalFilter, Leaf, Page, Reach, Read, Recorded, Room, Sought,
    Standing, Store, StoreStatus, StoredPolicy, StoredTemplate, Switch,
};
use tokio::sync::watch;

/// What a store does otherwise than the one beneath it. A test overrides what it is about; a method that none did yet
/// comes here from [`Wrapped`].
#[async_trait]
pub trait Around: Send + Sync + 'static {
    /// The store beneath.
    fn beneath(&self) -> &dyn Store;

    /// Applies changes.
    async fn commit_all(&self, changes: Vec<Change>) -> Vec<Result<Committed, CommitError>> {
        self.beneath().commit_all(changes).await
    }

    /// Takes a lease on what is due.
    async fn claim(&self, now: Timestamp, lease: SignedDuration, limit: usize) -> Read<Vec<Claim>> {
        self.beneath().claim(now, lease, limit).await
    }

    /// What decisions need of each case.
    async fn facts(&self, cases: &[CaseId]) -> Read<Vec<Facts>> {
        self.beneath().facts(cases).await
    }

    /// A case of a lender.
    async fn case(&self, tenant: &TenantId, id: CaseId) -> Read<Option<Case>> {
        self.beneath().case(tenant, id).await
    }

    /// A page of a lender's cases.
    async fn cases(
        &self,
        tenant: &TenantId,
        filter: &CaseFilter,
        after: Option<CaseId>,
        limit: usize,
    ) -> Read<Page<Case>> {
        self.beneath().cases(tenant, filter, after, limit).await
    }

    /// The wrapped data key of a party.
    async fn party_key(&self, party: PartyId) -> Read<Option<Vec<u8>>> {
        self.beneath().party_key(party).await
    }

    /// Contacts in a state that nobody looks after.
    async fn contacts_left_in(&self, state: ContactState, limit: usize) -> Read<Vec<Contact>> {
        self.beneath().contacts_left_in(state, limit).await
    }

    /// Entries of the journal.
    async fn journal(
        &self,
        filter: &JournalFilter,
        after: u64,
        limit: usize,
    ) -> Read<Vec<Recorded>> {
        self.beneath().journal(filter, after, limit).await
    }

    /// Audit leaves.
    async fn leaves(&self, after: u64, limit: usize) -> Read<Vec<Leaf>> {
        self.beneath().leaves(after, limit).await
    }
}

/// A store with something around it.
pub struct Wrapped<A>(pub A);

#[async_trait]
impl<A: Around> Store for Wrapped<A> {
    fn name(&self) -> &'static str {
        self.0.beneath().name()
    }

    async fn commit_all(&self, changes: Vec<Change>) -> Vec<Result<Committed, CommitError>> {
        self.0.commit_all(changes).await
    }

    async fn claim(&self, now: Timestamp, lease: SignedDuration, limit: usize) -> Read<Vec<Claim>> {
        self.0.claim(now, lease, limit).await
    }

    async fn next_due(&self) -> Read<Option<Timestamp>> {
        self.0.beneath().next_due().await
    }

    async fn facts(&self, cases: &[CaseId]) -> Read<Vec<Facts>> {
        self.0.facts(cases).await
    }

    async fn shown(&self, cases: &[CaseId]) -> Read<Vec<(Facts, Option<Timestamp>)>> {
        self.0.beneath().shown(cases).await
    }

    async fn case(&self, tenant: &TenantId, id: CaseId) -> Read<Option<Case>> {
        self.0.case(tenant, id).await
    }

    async fn case_by_ref(&self, tenant: &TenantId, lender_ref: KeyedHash) -> Read<Option<Case>> {
        self.0.beneath().case_by_ref(tenant, lender_ref).await
    }

    async fn cases(
        &self,
        tenant: &TenantId,
        filter: &CaseFilter,
        after: Option<CaseId>,
        limit: usize,
    ) -> Read<Page<Case>> {
        self.0.cases(tenant, filter, after, limit).await
    }

    async fn party(&self, tenant: &TenantId, id: PartyId) -> Read<Option<Party>> {
        self.0.beneath().party(tenant, id).await
    }

    async fn party_by_ref(&self, tenant: &TenantId, lender_ref: KeyedHash) -> Read<Option<Party>> {
        self.0.beneath().party_by_ref(tenant, lender_ref).await
    }

    async fn parties_by_point(&self, tenant: &TenantId, point: KeyedHash) -> Read<Vec<Party>> {
        self.0.beneath().parties_by_point(tenant, point).await
    }

    async fn party_of_record(&self, tenant: &TenantId, record: [u8; 16]) -> Read<Option<Party>> {
        self.0.beneath().party_of_record(tenant, record).await
    }

    async fn open_cases_of(&self, tenant: &TenantId, party: PartyId) -> Read<Vec<Case>> {
        self.0.beneath().open_cases_of(tenant, party).await
    }

    async fn party_key(&self, party: PartyId) -> Read<Option<Vec<u8>>> {
        self.0.party_key(party).await
    }

    async fn standing(&self, sought: &[Sought]) -> Read<Vec<Standing>> {
        self.0.beneath().standing(sought).await
    }

    async fn contact(&self, tenant: &TenantId, id: ContactId) -> Read<Option<Contact>> {
        self.0.beneath().contact(tenant, id).await
    }

    async fn contacts(
        &self,
        tenant: &TenantId,
        filter: &ContactFilter,
        after: Option<ContactId>,
        limit: usize,
    ) -> Read<Page<Contact>> {
        self.0
            .beneath()
            .contacts(tenant, filter, after, limit)
            .await
    }

    async fn contacts_in(&self, state: ContactState, limit: usize) -> Read<Vec<Contact>> {
        self.0.beneath().contacts_in(state, limit).await
    }

    async fn clock(&self) -> Read<Option<Timestamp>> {
        self.0.beneath().clock().await
    }
    async fn room(&self) -> Read<Option<Room>> {
        self.0.beneath().room().await
    }

    fn is_shared(&self) -> bool {
        self.0.beneath().is_shared()
    }

    async fn contacts_left_in(&self, state: ContactState, limit: usize) -> Read<Vec<Contact>> {
        self.0.contacts_left_in(state, limit).await
    }

    async fn journal(
        &self,
        filter: &JournalFilter,
        after: u64,
        limit: usize,
    ) -> Read<Vec<Recorded>> {
        self.0.journal(filter, after, limit).await
    }

    async fn leaves(&self, after: u64, limit: usize) -> Read<Vec<Leaf>> {
        self.0.leaves(after, limit).await
    }

    fn newest(&self) -> watch::Receiver<u64> {
        self.0.beneath().newest()
    }

    async fn policies(&self, tenant: Option<&TenantId>) -> Read<Vec<StoredPolicy>> {
        self.0.beneath().policies(tenant).await
    }

    async fn pinned_cases(&self, tenant: &TenantId, name: &str, version: u32) -> Read<u64> {
        self.0.beneath().pinned_cases(tenant, name, version).await
    }

    async fn reach(&self, tenant: &TenantId, limit: usize) -> Read<Vec<Reach>> {
        self.0.beneath().reach(tenant, limit).await
    }

    async fn cases_pinned(
        &self,
        tenant: &TenantId,
        name: &str,
        version: u32,
        after: Option<CaseId>,
        limit: usize,
    ) -> Read<Page<Case>> {
        self.0
            .beneath()
            .cases_pinned(tenant, name, version, after, limit)
            .await
    }

    async fn templates(&self, tenant: Option<&TenantId>) -> Read<Vec<StoredTemplate>> {
        self.0.beneath().templates(tenant).await
    }

    async fn collector(&self, tenant: &TenantId, id: CollectorId) -> Read<Option<Collector>> {
        self.0.beneath().collector(tenant, id).await
    }

    async fn collectors(&self, tenant: &TenantId) -> Read<Vec<Collector>> {
        self.0.beneath().collectors(tenant).await
    }

    async fn override_of(&self, tenant: &TenantId, id: OverrideId) -> Read<Option<Override>> {
        self.0.beneath().override_of(tenant, id).await
    }

    async fn approved_overrides(&self, tenant: &TenantId) -> Read<(u64, Vec<Override>)> {
        self.0.beneath().approved_overrides(tenant).await
    }

    async fn overrides(&self, tenant: &TenantId) -> Read<Vec<Override>> {
        self.0.beneath().overrides(tenant).await
    }

    async fn packs_of(&self, tenant: &TenantId) -> Read<Option<String>> {
        self.0.beneath().packs_of(tenant).await
    }

    async fn rollouts(&self) -> Read<Vec<Rollout>> {
        self.0.beneath().rollouts().await
    }

    async fn library_part(&self, channel: &str, sha256: &str, part: u32) -> Read<Option<Vec<u8>>> {
        self.0.beneath().library_part(channel, sha256, part).await
    }

    async fn switches(&self) -> Read<Vec<Switch>> {
        self.0.beneath().switches().await
    }

    async fn answer(&self, tenant: &TenantId, request_id: &str) -> Read<Option<Answer>> {
        self.0.beneath().answer(tenant, request_id).await
    }

    async fn status(&self, tenant: &TenantId, now: Timestamp) -> Read<StoreStatus> {
        self.0.beneath().status(tenant, now).await
    }

    async fn copy_to(&self, to: &CopyTo) -> Result<Copied, CopyError> {
        self.0.beneath().copy_to(to).await
    }

    async fn histories(&self) -> Read<Histories> {
        self.0.beneath().histories().await
    }

    fn figures(&self) -> recoup_store::figures::Figures {
        self.0.beneath().figures()
    }
}
