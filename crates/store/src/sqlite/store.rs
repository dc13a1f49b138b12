//! The trait, method by method; each goes to the writer or to a reader.

use super::writer::lock;
use super::{NAME, SqliteStore, leases, read, sql};
use crate::codec;
use crate::figures::Figures;
use crate::leaf::micros;
use crate::waiting::{Job, Outcomes};
use crate::{
    Answer, CaseFilter, Change, Claim, CommitError, Committed, ContactFilter, Copied, CopyError,
    CopyTo, Facts, Histories, JournalFilter, Leaf, Page, Reach, Read, Recorded, Room, Sought,
    Standing, Store, StoreError, StoreStatus, StoredPolicy, StoredTemplate, Switch,
};
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
use rusqlite::params;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{oneshot, watch};

/// Changes that are encoded before others have a turn.
const PREPARED_AT_ONCE: usize = 16;

fn closed(changes: usize) -> Outcomes {
    (0..changes)
        .map(|_| Err(CommitError::Store(StoreError::Closed)))
        .collect()
}

#[async_trait]
impl Store for SqliteStore {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn commit_all(&self, changes: Vec<Change>) -> Vec<Result<Committed, CommitError>> {
        let count = changes.len();
        let Some(queue) = self.queue.as_ref().filter(|_| count > 0) else {
            return closed(count);
        };
        // Encoded here, by whoever asks: the one writer has no time for it.
        let mut prepared = Vec::with_capacity(count);
        for (n, change) in changes.into_iter().enumerate() {
            if n > 0 && n.is_multiple_of(PREPARED_AT_ONCE) {
                tokio::task::yield_now().await;
            }
            prepared.push(codec::prepare(change));
        }
        let changes = prepared;
        let (reply, outcomes) = oneshot::channel();
        if queue.send(Job { changes, reply }).await.is_err() {
            return closed(count);
        }
        outcomes.await.unwrap_or_else(|_| closed(count))
    }

    async fn claim(&self, now: Timestamp, lease: SignedDuration, limit: usize) -> Read<Vec<Claim>> {
        let length = lease.try_into().unwrap_or_default();
        let leases = Arc::clone(&self.leases);
        self.read_own(move |r| {
            // Held while the rows are read: a lease that ends meanwhile ended with a commit that this
            // read would not see. An older snapshot would not see it either.
            let mut leases = lock(&leases);
            let rows = limit.saturating_add(leases.len());
            let due = read::due(r, micros(now), rows)?;
            Ok(leases::grant(&mut leases, due.into_iter(), length, limit))
        })
        .await
    }

    async fn next_due(&self) -> Read<Option<Timestamp>> {
        let leases = Arc::clone(&self.leases);
        self.read_own(move |r| {
            let leases = lock(&leases);
            let rows = read::next_due(r, leases.len().saturating_add(1))?;
            let now = Instant::now();
            let free = rows
                .into_iter()
                .find(|(case, _)| !leases.is_held(*case, now));
            Ok(free.map(|(_, due)| due))
        })
        .await
    }

    async fn room(&self) -> Read<Option<Room>> {
        Ok(self.ballast.room())
    }

    async fn facts(&self, cases: &[CaseId]) -> Read<Vec<Facts>> {
        let cases = cases.to_vec();
        self.read(move |r| read::facts(r, &cases)).await
    }

    async fn shown(&self, cases: &[CaseId]) -> Read<Vec<(Facts, Option<Timestamp>)>> {
        let cases = cases.to_vec();
        self.read(move |r| read::shown(r, &cases)).await
    }

    async fn case(&self, tenant: &TenantId, id: CaseId) -> Read<Option<Case>> {
        let tenant = tenant.clone();
        self.read(move |r| {
            let key = params![id.to_bytes(), tenant.as_str()];
            read::first(r, "a case", sql::CASE_OF, key)
        })
        .await
    }

    async fn case_by_ref(&self, tenant: &TenantId, lender_ref: KeyedHash) -> Read<Option<Case>> {
        let tenant = tenant.clone();
        self.read(move |r| read::case_by_ref(r, &tenant, lender_ref))
            .await
    }

    async fn cases(
        &self,
        tenant: &TenantId,
        filter: &CaseFilter,
        after: Option<CaseId>,
        limit: usize,
    ) -> Read<Page<Case>> {
        let (tenant, filter) = (tenant.clone(), filter.clone());
        self.read(move |r| read::cases(r, &tenant, &filter, after, limit))
            .await
    }

    async fn party(&self, tenant: &TenantId, id: PartyId) -> Read<Option<Party>> {
        let tenant = tenant.clone();
        self.read(move |r| {
            let key = params![id.to_bytes(), tenant.as_str()];
            read::first(r, "a party", sql::PARTY_OF, key)
        })
        .await
    }

    async fn party_by_ref(&self, tenant: &TenantId, lender_ref: KeyedHash) -> Read<Option<Party>> {
        let tenant = tenant.clone();
        self.read(move |r| {
            let key = params![tenant.as_str(), lender_ref.0];
            read::first(r, "a party", sql::PARTY_BY_REF, key)
        })
        .await
    }

    async fn parties_by_point(&self, tenant: &TenantId, point: KeyedHash) -> Read<Vec<Party>> {
        let tenant = tenant.clone();
        self.read(move |r| {
            let key = params![tenant.as_str(), point.0];
            read::all(r, "a party", sql::PARTIES_BY_POINT, key)
        })
        .await
    }

    async fn party_of_record(&self, tenant: &TenantId, record: [u8; 16]) -> Read<Option<Party>> {
        let found = self.parties_by_point(tenant, KeyedHash(record)).await?;
        let has = |p: &Party| {
            let opt_outs = p.opt_outs.iter().map(|o| o.id.to_bytes());
            let mut records = opt_outs.chain(p.consent_ids.iter().map(|id| id.to_bytes()));
            records.any(|id| id == record)
        };
        Ok(found.into_iter().find(has))
    }

    async fn open_cases_of(&self, tenant: &TenantId, party: PartyId) -> Read<Vec<Case>> {
        let tenant = tenant.clone();
        self.read(move |r| read::open_cases_of(r, &tenant, party))
            .await
    }

    async fn standing(&self, sought: &[Sought]) -> Read<Vec<Standing>> {
        let sought = sought.to_vec();
        self.read(move |r| read::standing(r, &sought)).await
    }

    async fn party_key(&self, party: PartyId) -> Read<Option<Vec<u8>>> {
        self.read(move |r| read::party_key(r, party)).await
    }

    async fn contact(&self, tenant: &TenantId, id: ContactId) -> Read<Option<Contact>> {
        let tenant = tenant.clone();
        self.read(move |r| {
            let key = params![id.case.to_bytes(), id.seq, tenant.as_str()];
            read::first(r, "a contact", sql::CONTACT_OF, key)
        })
        .await
    }

    async fn contacts(
        &self,
        tenant: &TenantId,
        filter: &ContactFilter,
        after: Option<ContactId>,
        limit: usize,
    ) -> Read<Page<Contact>> {
        let (tenant, filter) = (tenant.clone(), filter.clone());
        self.read(move |r| read::contacts(r, &tenant, &filter, after, limit))
            .await
    }

    async fn contacts_in(&self, state: ContactState, limit: usize) -> Read<Vec<Contact>> {
        self.read(move |r| read::contacts_in(r, state, limit)).await
    }

    async fn journal(
        &self,
        filter: &JournalFilter,
        after: u64,
        limit: usize,
    ) -> Read<Vec<Recorded>> {
        let filter = filter.clone();
        self.read(move |r| read::journal(r, &filter, after, limit))
            .await
    }

    async fn leaves(&self, after: u64, limit: usize) -> Read<Vec<Leaf>> {
        self.read(move |r| read::leaves(r, after, limit)).await
    }

    fn newest(&self) -> watch::Receiver<u64> {
        self.newest.clone()
    }

    async fn policies(&self, tenant: Option<&TenantId>) -> Read<Vec<StoredPolicy>> {
        let tenant = tenant.cloned();
        self.read(move |r| {
            let tenant = tenant.as_ref().map(TenantId::as_str);
            read::bodies(r, "a policy", sql::POLICIES, [tenant])
        })
        .await
    }

    async fn pinned_cases(&self, tenant: &TenantId, name: &str, version: u32) -> Read<u64> {
        let (tenant, name) = (tenant.clone(), name.to_owned());
        self.read(move |r| read::pinned(r, &tenant, &name, version))
            .await
    }

    async fn reach(&self, tenant: &TenantId, limit: usize) -> Read<Vec<Reach>> {
        let tenant = tenant.clone();
        self.read(move |r| read::reaches(r, &tenant, limit)).await
    }

    async fn cases_pinned(
        &self,
        tenant: &TenantId,
        name: &str,
        version: u32,
        after: Option<CaseId>,
        limit: usize,
    ) -> Read<Page<Case>> {
        let (tenant, name) = (tenant.clone(), name.to_owned());
        self.read(move |r| read::cases_pinned(r, &tenant, (&name, version), after, limit))
            .await
    }

    async fn templates(&self, tenant: Option<&TenantId>) -> Read<Vec<StoredTemplate>> {
        let tenant = tenant.cloned();
        self.read(move |r| {
            let tenant = tenant.as_ref().map(TenantId::as_str);
            read::bodies(r, "a template", sql::TEMPLATES, [tenant])
        })
        .await
    }

    async fn collector(&self, tenant: &TenantId, id: CollectorId) -> Read<Option<Collector>> {
        let tenant = tenant.clone();
        self.read(move |r| {
            let key = params![id.to_bytes(), tenant.as_str()];
            read::first(r, "a collector", sql::COLLECTOR_OF, key)
        })
        .await
    }

    async fn collectors(&self, tenant: &TenantId) -> Read<Vec<Collector>> {
        let tenant = tenant.clone();
        self.read(move |r| read::all(r, "a collector", sql::COLLECTORS, [tenant.as_str()]))
            .await
    }

    async fn override_of(&self, tenant: &TenantId, id: OverrideId) -> Read<Option<Override>> {
        let tenant = tenant.clone();
        self.read(move |r| {
            let key = params![id.to_bytes(), tenant.as_str()];
            read::first(r, "an override", sql::OVERRIDE_OF, key)
        })
        .await
    }

    async fn approved_overrides(&self, tenant: &TenantId) -> Read<(u64, Vec<Override>)> {
        let tenant = tenant.clone();
        self.read(move |r| read::approved(r, &tenant)).await
    }

    async fn overrides(&self, tenant: &TenantId) -> Read<Vec<Override>> {
        let tenant = tenant.clone();
        self.read(move |r| read::all(r, "an override", sql::OVERRIDES, [tenant.as_str()]))
            .await
    }

    async fn packs_of(&self, tenant: &TenantId) -> Read<Option<String>> {
        let name = codec::packs_name(tenant);
        self.read(move |r| read::meta(r, &name)).await
    }

    async fn copy_to(&self, to: &CopyTo) -> Result<Copied, CopyError> {
        let copying = self.copier.begin()?;
        let to = to.clone();
        // A thread of its own: the readers are for reads that are short.
        let (reply, copied) = oneshot::channel();
        let work = move || {
            let copied = copying.copy(&to);
            // Whoever is answered may ask for the next one.
            drop(copying);
            drop(reply.send(copied));
        };
        let thread = std::thread::Builder::new().name("store-copy".into());
        let started = thread.spawn(work).map_err(|e| StoreError::Broken {
            what: "starting a copy",
            source: Box::new(e),
        });
        started.map_err(CopyError::from)?;
        copied.await.map_err(|_| StoreError::Closed)?
    }

    async fn histories(&self) -> Read<Histories> {
        self.read(|r| {
            let restored = read::meta(r, codec::RESTORED)?;
            let held = read::meta(r, codec::RESTORE_HELD)?;
            codec::histories(restored.as_deref(), held.as_deref())
        })
        .await
    }

    async fn rollouts(&self) -> Read<Vec<Rollout>> {
        self.read(|r| read::bodies(r, "a rollout", sql::ROLLOUTS, []))
            .await
    }

    async fn library_part(&self, channel: &str, sha256: &str, part: u32) -> Read<Option<Vec<u8>>> {
        let named = (channel.to_owned(), sha256.to_owned(), part);
        self.read(move |r| {
            let found = r.all(sql::LIBRARY_PART, named, |row| read::get(row, 0))?;
            Ok(found.into_iter().next())
        })
        .await
    }

    async fn switches(&self) -> Read<Vec<Switch>> {
        self.read(|r| read::bodies(r, "a switch", sql::SWITCHES, []))
            .await
    }

    async fn answer(&self, tenant: &TenantId, request_id: &str) -> Read<Option<Answer>> {
        let (tenant, request_id) = (tenant.clone(), request_id.to_owned());
        self.read(move |r| read::answer(r, &tenant, &request_id))
            .await
    }

    async fn status(&self, tenant: &TenantId, now: Timestamp) -> Read<StoreStatus> {
        let counts = lock(&self.tally).of(tenant);
        let tenant = tenant.clone();
        self.read(move |r| {
            Ok(StoreStatus {
                cases: counts.cases(),
                contacts: counts.contacts(),
                worklist: read::waiting_count(r, &tenant)?,
                due: read::due_count(r, &tenant, micros(now))?,
                next_due: read::next_due_of(r, &tenant)?,
                position: read::position(r)?,
            })
        })
        .await
    }

    fn figures(&self) -> Figures {
        Figures {
            group_seconds: self.groups.seconds.read(),
            group_changes: self.groups.changes.read(),
            ..lock(&self.tally).figures()
        }
    }
}
