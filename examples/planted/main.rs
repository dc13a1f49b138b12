//! The server with one fault planted in it, for the tests that show that the judge finds such a fault. The
//! command line is that of `recoup`; `RECOUP_PLANT` names the fault: `double`, `lost`, `night`,
//! `after-payment`, or nothing for none. Never shipped.
//!
//! A fault is a decorator between the engine and its store or channels. It writes nothing into the sandbox's
//! log or the export: what they show is what truly happened.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use recoup::wiring::Seams;
use recoup_channel::wire::{
    CancelRequest, Cancelled, Health, Inbounds, PollRequest, Polled, RawCallback, Receipt,
    SendRequest, Status, StatusRequest, Valid,
};
use recoup_channel::{BoxFuture, Call, ChannelError, DynChannel};
use recoup_domain::case::CaseEvent;
use recoup_domain::collector::Collector;
use recoup_domain::contact::{Contact, ContactState};
use recoup_domain::ids::{CaseId, CollectorId, ContactId, KeyedHash, PartyId, TenantId};
use recoup_domain::journal::What;
use recoup_domain::time::Zone;
use recoup_domain::{Case, Party};
use recoup_store::{
    Answer, CaseFilter, Change, Claim, CommitError, Committed, ContactFilter, Facts, JournalFilter,
    Leaf, Page, Read, Recorded, Sought, Standing, Store, StoreStatus, StoredPolicy, StoredTemplate,
    Switch, Write,
};

fn main() -> ExitCode {
    let name = std::env::var("RECOUP_PLANT").unwrap_or_default();
    let mut seams = Seams::default();
    match name.as_str() {
        "" => {}
        "double" => seams.channel = Box::new(|channel| Arc::new(Doubled(channel))),
        "lost" => seams.channel = Box::new(|channel| Arc::new(Lost(channel))),
        "night" => seams.store = Box::new(|store| Arc::new(Planted::new(store, Fault::WrongZones))),
        "after-payment" => {
            seams.store = Box::new(|store| Arc::new(Planted::new(store, Fault::PaymentForgotten)));
        }
        other => {
            eprintln!(
                "planted: RECOUP_PLANT is `{other}`; it can be double, lost, night, after-payment or empty"
            );
            return ExitCode::from(2);
        }
    }
    recoup::cli::main_with(&seams)
}

/// A channel that sends everything twice, as one does that tries again after a slow answer.
struct Doubled(Arc<dyn DynChannel>);

/// A channel that says of every third contact that it sent it, and sends nothing.
struct Lost(Arc<dyn DynChannel>);

macro_rules! as_beneath {
    () => {
        fn status<'a>(
            &'a self,
            cx: &'a Call,
            request: StatusRequest,
        ) -> BoxFuture<'a, Result<Status, ChannelError>> {
            self.0.status(cx, request)
        }

        fn cancel<'a>(
            &'a self,
            cx: &'a Call,
            request: CancelRequest,
        ) -> BoxFuture<'a, Result<Cancelled, ChannelError>> {
            self.0.cancel(cx, request)
        }

        fn health<'a>(&'a self, cx: &'a Call) -> BoxFuture<'a, Health> {
            self.0.health(cx)
        }

        fn parse_callback<'a>(
            &'a self,
            cx: &'a Call,
            callback: RawCallback,
        ) -> BoxFuture<'a, Result<Inbounds, ChannelError>> {
            self.0.parse_callback(cx, callback)
        }

        fn poll<'a>(
            &'a self,
            cx: &'a Call,
            request: PollRequest,
        ) -> BoxFuture<'a, Result<Polled, ChannelError>> {
            self.0.poll(cx, request)
        }

        fn validate<'a>(
            &'a self,
            cx: &'a Call,
            request: SendRequest,
        ) -> BoxFuture<'a, Result<Valid, ChannelError>> {
            self.0.validate(cx, request)
        }

        fn event_acked(&self, ticket: u64) {
            self.0.event_acked(ticket);
        }

        fn drain<'a>(&'a self, timeout: Duration) -> BoxFuture<'a, ()> {
            self.0.drain(timeout)
        }
    };
}

impl DynChannel for Doubled {
    fn send<'a>(
        &'a self,
        cx: &'a Call,
        request: SendRequest,
    ) -> BoxFuture<'a, Result<Receipt, ChannelError>> {
        Box::pin(async move {
            let _ = self.0.send(cx, request.clone()).await;
            self.0.send(cx, request).await
        })
    }

    as_beneath!();
}

impl DynChannel for Lost {
    fn send<'a>(
        &'a self,
        cx: &'a Call,
        request: SendRequest,
    ) -> BoxFuture<'a, Result<Receipt, ChannelError>> {
        // Keys are spread evenly: any byte of theirs chooses as well as chance.
        let chosen = cx.idempotency_key().bytes().next_back();
        if chosen.is_some_and(|byte| byte % 3 == 0) {
            return Box::pin(async { Ok(Receipt::default()) });
        }
        self.0.send(cx, request)
    }

    as_beneath!();
}

/// What a store does wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Decisions read somebody else's time zone. What is stored stays right.
    WrongZones,
    /// A payment is journalled and answered, but the case's row stays as it was.
    PaymentForgotten,
}

/// A store with a fault.
struct Planted {
    inner: Arc<dyn Store>,
    fault: Fault,
    /// The zones that were hidden.
    hidden: Mutex<HashMap<PartyId, Hidden>>,
}

#[derive(Clone)]
struct Hidden {
    zones: Vec<Zone>,
    points: Vec<Option<Zone>>,
}

impl Planted {
    fn new(inner: Arc<dyn Store>, fault: Fault) -> Self {
        Self {
            inner,
            fault,
            hidden: Mutex::default(),
        }
    }

    /// Half a world away: where it is day there, it is night here.
    fn hide_zones(&self, party: &mut Party) {
        let Ok(wrong) = Zone::new("America/New_York") else {
            return;
        };
        let points = party.points.iter_mut();
        let hidden = Hidden {
            zones: std::mem::replace(&mut party.zones, vec![wrong]),
            points: points.map(|p| p.zone.take()).collect(),
        };
        let mut all = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(party.id, hidden);
    }

    /// What was decided on the wrong zones is stored with the right ones.
    fn restore_zones(&self, change: &mut Change) {
        let all = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        for write in &mut change.writes {
            let Write::Party(party) = write else { continue };
            let Some(hidden) = all.get(&party.id) else {
                continue;
            };
            party.zones.clone_from(&hidden.zones);
            for (point, zone) in party.points.iter_mut().zip(&hidden.points) {
                point.zone.clone_from(zone);
            }
        }
    }

    /// Keeps the row and the schedule of a case that was paid as they were.
    async fn forget_payment(&self, change: &mut Change) {
        let paid = change.entries.iter().find_map(|entry| match &entry.what {
            What::Case {
                id,
                event: CaseEvent::PaymentRecorded(_),
            } => Some((entry.tenant.clone(), *id)),
            _ => None,
        });
        let Some((tenant, id)) = paid else { return };
        let Ok(Some(before)) = self.inner.case(&tenant, id).await else {
            return;
        };
        change
            .writes
            .retain(|w| !matches!(w, Write::Schedule(case, _) if *case == id));
        for write in &mut change.writes {
            if let Write::Case(case) = write
                && case.id == id
            {
                let version = case.version;
                **case = Case {
                    version,
                    ..before.clone()
                };
            }
        }
    }
}

#[async_trait]
impl Store for Planted {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn commit_all(&self, mut changes: Vec<Change>) -> Vec<Result<Committed, CommitError>> {
        for change in &mut changes {
            match self.fault {
                Fault::WrongZones => self.restore_zones(change),
                Fault::PaymentForgotten => self.forget_payment(change).await,
            }
        }
        self.inner.commit_all(changes).await
    }

    async fn facts(&self, cases: &[CaseId]) -> Read<Vec<Facts>> {
        let mut facts = self.inner.facts(cases).await?;
        if self.fault == Fault::WrongZones {
            facts
                .iter_mut()
                .for_each(|f| self.hide_zones(&mut f.borrower));
        }
        Ok(facts)
    }

    async fn claim(&self, now: Timestamp, lease: SignedDuration, limit: usize) -> Read<Vec<Claim>> {
        self.inner.claim(now, lease, limit).await
    }

    async fn next_due(&self) -> Read<Option<Timestamp>> {
        self.inner.next_due().await
    }

    async fn shown(&self, cases: &[CaseId]) -> Read<Vec<(Facts, Option<Timestamp>)>> {
        self.inner.shown(cases).await
    }

    async fn standing(&self, sought: &[Sought]) -> Read<Vec<Standing>> {
        self.inner.standing(sought).await
    }

    async fn pinned_cases(&self, tenant: &TenantId, name: &str, version: u32) -> Read<u64> {
        self.inner.pinned_cases(tenant, name, version).await
    }

    async fn cases_pinned(
        &self,
        tenant: &TenantId,
        name: &str,
        version: u32,
        after: Option<CaseId>,
        limit: usize,
    ) -> Read<Page<Case>> {
        let page = self.inner.cases_pinned(tenant, name, version, after, limit);
        page.await
    }

    async fn case(&self, tenant: &TenantId, id: CaseId) -> Read<Option<Case>> {
        self.inner.case(tenant, id).await
    }

    async fn case_by_ref(&self, tenant: &TenantId, lender_ref: KeyedHash) -> Read<Option<Case>> {
        self.inner.case_by_ref(tenant, lender_ref).await
    }

    async fn cases(
        &self,
        tenant: &TenantId,
        filter: &CaseFilter,
        after: Option<CaseId>,
        limit: usize,
    ) -> Read<Page<Case>> {
        self.inner.cases(tenant, filter, after, limit).await
    }

    async fn party(&self, tenant: &TenantId, id: PartyId) -> Read<Option<Party>> {
        self.inner.party(tenant, id).await
    }

    async fn party_by_ref(&self, tenant: &TenantId, lender_ref: KeyedHash) -> Read<Option<Party>> {
        self.inner.party_by_ref(tenant, lender_ref).await
    }

    async fn parties_by_point(&self, tenant: &TenantId, point: KeyedHash) -> Read<Vec<Party>> {
        self.inner.parties_by_point(tenant, point).await
    }

    async fn party_of_record(&self, tenant: &TenantId, record: [u8; 16]) -> Read<Option<Party>> {
        self.inner.party_of_record(tenant, record).await
    }

    async fn open_cases_of(&self, tenant: &TenantId, party: PartyId) -> Read<Vec<Case>> {
        self.inner.open_cases_of(tenant, party).await
    }

    async fn party_key(&self, party: PartyId) -> Read<Option<Vec<u8>>> {
        self.inner.party_key(party).await
    }

    async fn contact(&self, tenant: &TenantId, id: ContactId) -> Read<Option<Contact>> {
        self.inner.contact(tenant, id).await
    }

    async fn contacts(
        &self,
        tenant: &TenantId,
        filter: &ContactFilter,
        after: Option<ContactId>,
        limit: usize,
    ) -> Read<Page<Contact>> {
        self.inner.contacts(tenant, filter, after, limit).await
    }

    async fn contacts_in(&self, state: ContactState, limit: usize) -> Read<Vec<Contact>> {
        self.inner.contacts_in(state, limit).await
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    async fn contacts_left_in(&self, state: ContactState, limit: usize) -> Read<Vec<Contact>> {
        self.inner.contacts_left_in(state, limit).await
    }

    async fn journal(
        &self,
        filter: &JournalFilter,
        after: u64,
        limit: usize,
    ) -> Read<Vec<Recorded>> {
        self.inner.journal(filter, after, limit).await
    }

    async fn leaves(&self, after: u64, limit: usize) -> Read<Vec<Leaf>> {
        self.inner.leaves(after, limit).await
    }

    fn newest(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.newest()
    }

    fn figures(&self) -> recoup_store::figures::Figures {
        self.inner.figures()
    }

    async fn policies(&self, tenant: Option<&TenantId>) -> Read<Vec<StoredPolicy>> {
        self.inner.policies(tenant).await
    }

    async fn templates(&self, tenant: Option<&TenantId>) -> Read<Vec<StoredTemplate>> {
        self.inner.templates(tenant).await
    }

    async fn collector(&self, tenant: &TenantId, id: CollectorId) -> Read<Option<Collector>> {
        self.inner.collector(tenant, id).await
    }

    async fn collectors(&self, tenant: &TenantId) -> Read<Vec<Collector>> {
        self.inner.collectors(tenant).await
    }

    async fn override_of(
        &self,
        tenant: &TenantId,
        id: recoup_domain::ids::OverrideId,
    ) -> Read<Option<recoup_domain::overrides::Override>> {
        self.inner.override_of(tenant, id).await
    }

    async fn approved_overrides(
        &self,
        tenant: &TenantId,
    ) -> Read<(u64, Vec<recoup_domain::overrides::Override>)> {
        self.inner.approved_overrides(tenant).await
    }

    async fn overrides(&self, tenant: &TenantId) -> Read<Vec<recoup_domain::overrides::Override>> {
        self.inner.overrides(tenant).await
    }

    async fn packs_of(&self, tenant: &TenantId) -> Read<Option<String>> {
        self.inner.packs_of(tenant).await
    }

    async fn switches(&self) -> Read<Vec<Switch>> {
        self.inner.switches().await
    }

    async fn answer(&self, tenant: &TenantId, request_id: &str) -> Read<Option<Answer>> {
        self.inner.answer(tenant, request_id).await
    }

    async fn status(&self, tenant: &TenantId, now: Timestamp) -> Read<StoreStatus> {
        self.inner.status(tenant, now).await
    }
}
