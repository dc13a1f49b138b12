//! The trait, method by method; each goes to the writer or to a connection that reads.

use super::read::{self, is_away, snapshot_of, told};
use super::writer::lock;
use super::{NAME, PostgresStore, sql};
use crate::figures::Figures;
use crate::leaf::micros;
use crate::waiting::{Job, Outcomes};
use crate::{
    Answer, CaseFilter, Change, Claim, CommitError, Committed, ContactFilter, Facts, JournalFilter,
    Leaf, Page, Reach, Read, Recorded, Sought, Standing, Store, StoreError, StoreStatus,
    StoredPolicy, StoredTemplate, Switch, codec,
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
use tokio::sync::{oneshot, watch};

/// Changes that are encoded before others have a turn.
const PREPARED_AT_ONCE: usize = 16;
/// The longest lease, in seconds: a year.
const LEASE_MAX: f64 = 31_536_000.0;

fn closed(changes: usize) -> Outcomes {
    (0..changes)
        .map(|_| Err(CommitError::Store(StoreError::Closed)))
        .collect()
}

/// Reads on a connection; once more on another one where it was lost.
macro_rules! read {
    ($store:ident, $conn:ident => $read:expr) => {{
        let mut is_first = true;
        loop {
            let read = match $store.readers.get().await {
                Ok($conn) => $read.await,
                Err(e) => Err(super::load::Unloaded::Fault(e.into())),
            };
            match read {
                Ok(found) => break Ok(found),
                Err(why) if is_first && is_away(&why) => is_first = false,
                Err(why) => break Err(told(why)),
            }
        }
    }};
}

/// As [`read!`], in one snapshot.
macro_rules! read_at_once {
    ($store:ident, $snapshot:ident => $read:expr) => {
        read!($store, conn => async {
            let mut conn = conn;
            let $snapshot = &snapshot_of(&mut conn).await?;
            $read.await
        })
    };
}

#[async_trait]
impl Store for PostgresStore {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn commit_all(&self, changes: Vec<Change>) -> Vec<Result<Committed, CommitError>> {
        let count = changes.len();
        if count == 0 {
            return Vec::new();
        }
        let mut prepared = Vec::with_capacity(count);
        for (n, change) in changes.into_iter().enumerate() {
            if n > 0 && n.is_multiple_of(PREPARED_AT_ONCE) {
                tokio::task::yield_now().await;
            }
            prepared.push(codec::prepare(change));
        }
        let (reply, outcomes) = oneshot::channel();
        let job = Job {
            changes: prepared,
            reply,
        };
        if self.queue.send(job).await.is_err() {
            return closed(count);
        }
        outcomes.await.unwrap_or_else(|_| closed(count))
    }

    async fn claim(&self, now: Timestamp, lease: SignedDuration, limit: usize) -> Read<Vec<Claim>> {
        let seconds = lease.as_secs_f64().clamp(0.0, LEASE_MAX);
        // Not asked again where the answer was lost: those leases are somebody's, until they end.
        let conn = self.readers.get().await;
        let conn = conn.map_err(|e| told(super::load::Unloaded::Fault(e.into())))?;
        read::claim(&conn, micros(now), (seconds, self.owner), limit)
            .await
            .map_err(told)
    }

    async fn clock(&self) -> Read<Option<Timestamp>> {
        read!(self, conn => read::instant_of(&conn, sql::CLOCK, &[]))
    }

    async fn next_due(&self) -> Read<Option<Timestamp>> {
        read!(self, conn => read::instant_of(&conn, sql::NEXT_DUE, &[]))
    }

    async fn facts(&self, cases: &[CaseId]) -> Read<Vec<Facts>> {
        read_at_once!(self, at => read::facts(at, cases))
    }

    async fn shown(&self, cases: &[CaseId]) -> Read<Vec<(Facts, Option<Timestamp>)>> {
        read_at_once!(self, at => read::shown(at, cases))
    }

    async fn case(&self, tenant: &TenantId, id: CaseId) -> Read<Option<Case>> {
        let (id, tenant) = (id.to_bytes(), tenant.as_str());
        read!(self, conn => read::first(&conn, "a case", sql::CASE_OF, &[&&id[..], &tenant]))
    }

    async fn case_by_ref(&self, tenant: &TenantId, lender_ref: KeyedHash) -> Read<Option<Case>> {
        read_at_once!(self, at => read::case_by_ref(at, tenant, lender_ref))
    }

    async fn cases(
        &self,
        tenant: &TenantId,
        filter: &CaseFilter,
        after: Option<CaseId>,
        limit: usize,
    ) -> Read<Page<Case>> {
        read!(self, conn => read::cases(&conn, tenant, filter, after, limit))
    }

    async fn party(&self, tenant: &TenantId, id: PartyId) -> Read<Option<Party>> {
        let (id, tenant) = (id.to_bytes(), tenant.as_str());
        read!(self, conn => read::first(&conn, "a party", sql::PARTY_OF, &[&&id[..], &tenant]))
    }

    async fn party_by_ref(&self, tenant: &TenantId, lender_ref: KeyedHash) -> Read<Option<Party>> {
        let (tenant, key) = (tenant.as_str(), &lender_ref.0[..]);
        read!(self, conn => read::first(&conn, "a party", sql::PARTY_BY_REF, &[&tenant, &key]))
    }

    async fn parties_by_point(&self, tenant: &TenantId, point: KeyedHash) -> Read<Vec<Party>> {
        let (tenant, point) = (tenant.as_str(), &point.0[..]);
        read!(self, conn => read::all(&conn, "a party", sql::PARTIES_BY_POINT, &[&tenant, &point]))
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
        read!(self, conn => read::open_cases_of(&conn, tenant, party))
    }

    async fn party_key(&self, party: PartyId) -> Read<Option<Vec<u8>>> {
        let id = party.to_bytes();
        read!(self, conn => async {
            let found = super::connect::rows(&conn, sql::KEY_GET, &[&&id[..]]).await?;
            Ok(found.first().map(|row| row.get(0)))
        })
    }

    async fn standing(&self, sought: &[Sought]) -> Read<Vec<Standing>> {
        read_at_once!(self, at => read::standing(at, sought))
    }

    async fn contact(&self, tenant: &TenantId, id: ContactId) -> Read<Option<Contact>> {
        let (case, seq, tenant) = (id.case.to_bytes(), i64::from(id.seq), tenant.as_str());
        let what = "a contact";
        read!(self, conn => read::first(&conn, what, sql::CONTACT_OF, &[&&case[..], &seq, &tenant]))
    }

    async fn contacts(
        &self,
        tenant: &TenantId,
        filter: &ContactFilter,
        after: Option<ContactId>,
        limit: usize,
    ) -> Read<Page<Contact>> {
        read!(self, conn => read::contacts(&conn, tenant, filter, after, limit))
    }

    async fn contacts_in(&self, state: ContactState, limit: usize) -> Read<Vec<Contact>> {
        read!(self, conn => read::contacts_in(&conn, state, limit))
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn contacts_left_in(&self, state: ContactState, limit: usize) -> Read<Vec<Contact>> {
        read!(self, conn => read::contacts_left_in(&conn, state, limit))
    }

    async fn journal(
        &self,
        filter: &JournalFilter,
        after: u64,
        limit: usize,
    ) -> Read<Vec<Recorded>> {
        read!(self, conn => read::journal(&conn, filter, after, limit))
    }

    async fn leaves(&self, after: u64, limit: usize) -> Read<Vec<Leaf>> {
        read!(self, conn => read::leaves(&conn, after, limit))
    }

    fn newest(&self) -> watch::Receiver<u64> {
        self.newest.clone()
    }

    async fn policies(&self, tenant: Option<&TenantId>) -> Read<Vec<StoredPolicy>> {
        let tenant = tenant.map(TenantId::as_str);
        read!(self, conn => read::bodies(&conn, "a policy", sql::POLICIES, &[&tenant]))
    }

    async fn pinned_cases(&self, tenant: &TenantId, name: &str, version: u32) -> Read<u64> {
        let (tenant, version) = (tenant.as_str(), i64::from(version));
        read!(self, conn => read::number(&conn, sql::CASES_PINNED, &[&tenant, &name, &version]))
    }

    async fn reach(&self, tenant: &TenantId, limit: usize) -> Read<Vec<Reach>> {
        let (tenant, limit) = (tenant.as_str(), limit.min(i32::MAX as usize) as i64);
        read!(self, conn => read::reaches(&conn, tenant, limit))
    }

    async fn cases_pinned(
        &self,
        tenant: &TenantId,
        name: &str,
        version: u32,
        after: Option<CaseId>,
        limit: usize,
    ) -> Read<Page<Case>> {
        let of = (name, i64::from(version));
        read!(self, conn => read::cases_pinned(&conn, tenant, of, after, limit))
    }

    async fn templates(&self, tenant: Option<&TenantId>) -> Read<Vec<StoredTemplate>> {
        let tenant = tenant.map(TenantId::as_str);
        read!(self, conn => read::bodies(&conn, "a template", sql::TEMPLATES, &[&tenant]))
    }

    async fn collector(&self, tenant: &TenantId, id: CollectorId) -> Read<Option<Collector>> {
        let (id, tenant, what) = (id.to_bytes(), tenant.as_str(), "a collector");
        read!(self, conn => read::first(&conn, what, sql::COLLECTOR_OF, &[&&id[..], &tenant]))
    }

    async fn collectors(&self, tenant: &TenantId) -> Read<Vec<Collector>> {
        let tenant = tenant.as_str();
        read!(self, conn => read::all(&conn, "a collector", sql::COLLECTORS, &[&tenant]))
    }

    async fn override_of(&self, tenant: &TenantId, id: OverrideId) -> Read<Option<Override>> {
        let (id, tenant, what) = (id.to_bytes(), tenant.as_str(), "an override");
        read!(self, conn => read::first(&conn, what, sql::OVERRIDE_OF, &[&&id[..], &tenant]))
    }

    async fn approved_overrides(&self, tenant: &TenantId) -> Read<(u64, Vec<Override>)> {
        read_at_once!(self, at => read::approved(at, tenant))
    }

    async fn overrides(&self, tenant: &TenantId) -> Read<Vec<Override>> {
        let tenant = tenant.as_str();
        read!(self, conn => read::all(&conn, "an override", sql::OVERRIDES, &[&tenant]))
    }

    async fn packs_of(&self, tenant: &TenantId) -> Read<Option<String>> {
        let name = codec::packs_name(tenant);
        read!(self, conn => async {
            let found = super::connect::rows(&conn, sql::META_GET, &[&name]).await?;
            Ok(found.first().map(|row| row.get(0)))
        })
    }

    async fn rollouts(&self) -> Read<Vec<Rollout>> {
        read!(self, conn => read::bodies(&conn, "a rollout", sql::ROLLOUTS, &[]))
    }

    async fn library_part(&self, channel: &str, sha256: &str, part: u32) -> Read<Option<Vec<u8>>> {
        let part = i64::from(part);
        read!(self, conn => async {
            let named: super::connect::Params<'_> = &[&channel, &sha256, &part];
            let found = super::connect::rows(&conn, sql::LIBRARY_PART, named).await?;
            Ok(found.first().map(|row| row.get(0)))
        })
    }

    async fn switches(&self) -> Read<Vec<Switch>> {
        read!(self, conn => read::bodies(&conn, "a switch", sql::SWITCHES, &[]))
    }

    async fn answer(&self, tenant: &TenantId, request_id: &str) -> Read<Option<Answer>> {
        read!(self, conn => read::answer(&conn, tenant, request_id))
    }

    async fn status(&self, tenant: &TenantId, now: Timestamp) -> Read<StoreStatus> {
        read_at_once!(self, at => read::status(at, tenant, micros(now)))
    }

    fn figures(&self) -> Figures {
        Figures {
            group_seconds: self.groups.seconds.read(),
            group_changes: self.groups.changes.read(),
            ..lock(&self.tally).figures()
        }
    }
}
