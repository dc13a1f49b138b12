//! An engine on a real store, a clock that the test moves, and channels that answer as they are told.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use recoup_channel::wire::{
    self, CancelKind, CancelRequest, Cancelled, Capabilities, ChannelDescriptor, Inbound, Inbounds,
    RawCallback, Receipt, Reply, SendRequest, Status, StatusRequest, inbound,
};
use recoup_channel::{Call, Channel, ChannelError};
use recoup_compliance::Packs;
use recoup_compliance::content::{Licence, Marks, Signature};
use recoup_domain::case::{Amounts, Document, DocumentKind, LenderKind, Scores};
use recoup_domain::contact::ContactClass;
use recoup_domain::ids::{CaseId, TenantId};
use recoup_domain::money::Currency;
use recoup_domain::party::{BorrowerKind, PointKind, PointOwner};
use recoup_domain::time::Zone;
use recoup_engine::callback::CallbackTarget;
use recoup_engine::channels::{ChannelHandle, Standing};
use recoup_engine::clock::{SteppedWall, Wall};
use recoup_engine::stepped::Ground;
use recoup_engine::types::{
    Answered, Caller, CaseInput, CollectorInput, PartyInput, PartyName, PointInput, RequestKey,
    TemplateInput,
};
use recoup_engine::{Engine, EngineOptions, TenantOptions};
use recoup_store::Store;
use recoup_store::sqlite::{ClockStamp, Options, SqliteStore};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::watch;

/// What a channel was asked, in order: the operation and the key.
pub(crate) type Seen = Arc<Mutex<Vec<(Timestamp, SendRequest)>>>;

/// A channel that answers as it is told.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) seen: Seen,
    pub(crate) cancelled: Arc<Mutex<Vec<String>>>,
    pub(crate) answer: Arc<Mutex<Result<Receipt, ChannelError>>>,
    /// What the carrier says of a contact that it is asked about.
    pub(crate) knows: Arc<Mutex<Result<Status, ChannelError>>>,
    /// What it was asked about.
    pub(crate) asked: Arc<Mutex<Vec<StatusRequest>>>,
    /// What comes of contacts at once, by the contact's id; of others nothing is known yet.
    pub(crate) outcomes: Arc<Mutex<HashMap<String, wire::Outcome>>>,
    /// What the next call-back says.
    calls_back: Arc<Mutex<Vec<Inbound>>>,
    wall: SteppedWall,
    held: Arc<Mutex<Option<Hold>>>,
    /// The contacts it was asked for, each with the newest position of the journal at that moment.
    pub(crate) submitted: Arc<Mutex<Vec<(u64, String)>>>,
    journal: Arc<OnceLock<watch::Receiver<u64>>>,
    /// Whether the carrier answers nobody.
    busy: Arc<watch::Sender<bool>>,
    standing: Arc<Mutex<Standing>>,
}

/// Holds a send until it is released.
#[derive(Clone, Default)]
pub(crate) struct Hold {
    reached: Arc<tokio::sync::Notify>,
    released: Arc<tokio::sync::Notify>,
}

impl Hold {
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    pub(crate) fn release(&self) {
        self.released.notify_one();
    }
}

impl Told {
    /// Holds the next send.
    pub(crate) fn hold(&self) -> Hold {
        let hold = Hold::default();
        *self.held.lock().unwrap() = Some(hold.clone());
        hold
    }

    fn outcome_of(&self, contact: &str) -> Option<i32> {
        let known = self.outcomes.lock().unwrap();
        known.get(contact).map(|outcome| (*outcome).into())
    }

    /// What its host says of it from now on.
    pub(crate) fn stands(&self, standing: Standing) {
        *self.standing.lock().unwrap() = standing;
    }

    /// Whether the carrier answers nobody from now on, or everybody again.
    pub(crate) fn is_busy(&self, busy: bool) {
        self.busy.send_replace(busy);
    }
}

impl Channel for Told {
    async fn send(&self, _: &Call, request: SendRequest) -> Result<Receipt, ChannelError> {
        let immediate = self.outcome_of(&request.contact_id);
        let position = self.journal.get().map_or(0, |newest| *newest.borrow());
        let submitted = (position, request.contact_id.clone());
        self.submitted.lock().unwrap().push(submitted);
        self.seen.lock().unwrap().push((self.wall.now(), request));
        let held = self.held.lock().unwrap().take();
        if let Some(hold) = held {
            hold.reached.notify_one();
            hold.released.notified().await;
        }
        let answers = |busy: &bool| !*busy;
        self.busy.subscribe().wait_for(answers).await.unwrap();
        let answer = self.answer.lock().unwrap().clone();
        answer.map(|receipt| Receipt {
            immediate: immediate.or(receipt.immediate),
            ..receipt
        })
    }

    async fn status(&self, _: &Call, request: StatusRequest) -> Result<Status, ChannelError> {
        self.asked.lock().unwrap().push(request);
        self.knows.lock().unwrap().clone()
    }

    async fn parse_callback(&self, _: &Call, _: RawCallback) -> Result<Inbounds, ChannelError> {
        let items = std::mem::take(&mut *self.calls_back.lock().unwrap());
        Ok(Inbounds {
            items,
            ..Inbounds::default()
        })
    }

    async fn cancel(&self, _: &Call, request: CancelRequest) -> Result<Cancelled, ChannelError> {
        self.cancelled.lock().unwrap().push(request.contact_id);
        Ok(Cancelled {
            kind: CancelKind::Cancelled.into(),
            ..Default::default()
        })
    }
}

/// An engine under test.
pub(crate) struct Rig {
    pub(crate) engine: Engine,
    pub(crate) wall: SteppedWall,
    pub(crate) channels: Vec<(ContactClass, Told)>,
    pub(crate) tenant: TenantId,
}

pub(crate) const POLICY: &str = r#"
name: cn-microloan
segments: [{name: micro_business, when: 'borrower.kind == "micro_business"'}, {name: individual, when: 'true'}]
stages:
  - name: remind
    enter: case.dpd >= 1
    steps: [{channel: sms, template: reminder, every: 3d, max: 3}]
  - name: call
    enter: case.dpd >= 4 && (contacts.sms.made >= 1 || exhausted("remind"))
    steps: [{channel: phone, template: first_call, every: 1d, max: 10, between: ["10:00","19:00"]}]
  - name: visit
    enter: contacts.any.made >= 1 && case.dpd >= 30 && case.overdue_in("CNY") >= 100
    steps: [{channel: visit, template: visit_brief, every: 14d, max: 3}]
  - name: legal
    enter: contacts.any.made >= 1 && case.dpd >= 90
    approval: required
    steps: [{channel: legal, template: demand_letter, max: 1}, {channel: legal, template: referral, after: 15d, max: 1}]
"#;

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl Rig {
    pub(crate) async fn new(dir: &Path, start: Timestamp) -> Self {
        Self::with_packs(dir, start, &[]).await
    }

    /// With packs or rules switched on that ship off.
    pub(crate) async fn with_packs(dir: &Path, start: Timestamp, on: &[&str]) -> Self {
        let rig = Self::open_under(dir, start, switched_on(on)).await;
        rig.prepare().await;
        rig
    }

    /// Opens without registering anything: a restart.
    pub(crate) async fn open(dir: &Path, start: Timestamp) -> Self {
        Self::open_under(dir, start, switched_on(&[])).await
    }

    /// As [`open`](Self::open), under other packs.
    pub(crate) async fn open_under(dir: &Path, start: Timestamp, packs: Packs) -> Self {
        Self::open_with(dir, start, packs, 4).await
    }

    /// As [`open_under`](Self::open_under), with channels that take so many contacts at once.
    pub(crate) async fn open_with(
        dir: &Path,
        start: Timestamp,
        packs: Packs,
        at_once: u32,
    ) -> Self {
        let wall = SteppedWall::new(start);
        let store = SqliteStore::open(Options::new(dir, ClockStamp::Stepped)).unwrap();
        let channels: Vec<(ContactClass, Told)> = ContactClass::ALL
            .into_iter()
            .map(|c| (c, told(&wall)))
            .collect();
        let handles = channels
            .iter()
            .map(|(class, told)| handle(*class, told.clone(), at_once))
            .collect();
        let tenant = TenantId::new("demo").unwrap();
        let options = EngineOptions {
            tenants: vec![TenantOptions {
                id: tenant.clone(),
                display_name: "Demo".into(),
                marks: Marks {
                    licences: vec![Licence {
                        region: "US-CA".into(),
                        number: "10101-99".into(),
                    }],
                    signatures: vec![Signature {
                        signature: "Demo".into(),
                        templates: vec!["SMS_1".into()],
                    }],
                },
            }],
            master_key: [7; 32],
            callback_base_url: "http://127.0.0.1:1".into(),
            call_timeout: Duration::from_secs(5),
            guard: SignedDuration::from_secs(120),
            id_seed: Some(1),
            batch: 64,
            blobs: Arc::default(),
            packs,
            refused_channels: Default::default(),
        };
        let store: Arc<dyn Store> = Arc::new(store);
        for (_, told) in &channels {
            told.journal.set(store.newest()).unwrap();
        }
        let engine = Engine::start(options, store, handles, Arc::new(wall.clone()))
            .await
            .unwrap();
        Self {
            engine,
            wall,
            channels,
            tenant,
        }
    }

    /// Registers the text of the scene, as the next version of a template.
    pub(crate) async fn register_again(&self, name: &str, class: ContactClass) {
        let input = TemplateInput {
            name: name.into(),
            class,
            locale: "zh".into(),
            subject: String::new(),
            body: "【{{ lender_name }}】{{ borrower_name }}. Reply STOP to end texts.".into(),
            variables: vec!["lender_name".into(), "borrower_name".into()],
            reader: recoup_domain::contact::Reader::Obligor,
            regions: vec![],
            lender_kinds: vec![],
            approval: (class == ContactClass::Sms).then(|| ("Demo".into(), "SMS_1".into())),
        };
        self.engine
            .register_template(&self.as_of("ana"), input, &|_| vec![])
            .await
            .unwrap();
    }

    async fn prepare(&self) {
        for (name, class) in [
            ("reminder", ContactClass::Sms),
            ("first_call", ContactClass::Phone),
            ("visit_brief", ContactClass::Visit),
            ("demand_letter", ContactClass::Legal),
            ("referral", ContactClass::Legal),
        ] {
            self.register_again(name, class).await;
        }
        let ana = self.as_of("ana");
        let created = self
            .engine
            .create_policy(&ana, POLICY.into(), &|_| vec![])
            .await;
        let Answered::Now(created) = created.unwrap() else {
            panic!()
        };
        let ben = self.as_of("ben");
        let (name, version) = (&created.policy.stored.name, created.policy.stored.version);
        self.engine
            .activate_policy(&ben, name, version, String::new(), &|_| vec![])
            .await
            .unwrap();
        for name in ["li", "wang"] {
            let input = CollectorInput {
                id: None,
                lender_ref: name.into(),
                display_name: name.into(),
                credentials: vec![("field_visit".into(), "1".into(), at("2030-01-01T00:00:00Z"))],
                languages: vec![],
                regions: vec![],
                active: true,
                etag: None,
            };
            self.engine
                .upsert_collector(&self.as_of("ana"), input, &|told, _| told, &|_| vec![])
                .await
                .unwrap();
        }
    }

    pub(crate) fn as_of(&self, principal: &str) -> Caller {
        Caller {
            tenant: self.tenant.clone(),
            principal: principal.into(),
            request: None,
        }
    }

    pub(crate) fn requesting(&self, principal: &str, id: &str, body: &[u8]) -> Caller {
        let fingerprint = self.engine.vault().fingerprint(&self.tenant, "test", body);
        let request = Some(RequestKey {
            id: id.into(),
            fingerprint,
        });
        Caller {
            request,
            ..self.as_of(principal)
        }
    }

    pub(crate) async fn open_case(&self, loan: &str, due: Date) -> CaseId {
        let mut input = case_input(loan, due);
        if Zone::new("Asia/Shanghai").unwrap().date(self.wall.now()) < due {
            input.amounts.overdue = 0;
        }
        match self
            .engine
            .open_case(&self.as_of("ana"), input, &|_| vec![])
            .await
            .unwrap()
        {
            Answered::Now(view) => view.case.id,
            Answered::Before(_) => panic!("no request id was given"),
        }
    }

    /// Works until nothing is due up to `until`, moving the clock from due instant to due instant.
    pub(crate) async fn run_until(&self, until: Timestamp) {
        loop {
            let next = self.engine.run_dry().await.unwrap();
            self.engine.activity().until_quiet().await;
            match next.filter(|at| *at <= until) {
                Some(at) => self.wall.advance(at),
                None => break self.wall.advance(until),
            }
        }
        self.engine.run_dry().await.unwrap();
    }

    pub(crate) fn channel(&self, class: ContactClass) -> &Told {
        &self.channels.iter().find(|(c, _)| *c == class).unwrap().1
    }

    /// Somebody writes back to a text.
    pub(crate) async fn reply(&self, from: &str, text: &str) {
        let reply = Reply {
            from: from.into(),
            text: text.into(),
            ..Default::default()
        };
        self.call_back(ContactClass::Sms, inbound::What::Reply(reply))
            .await;
    }

    /// The carrier of a channel calls back at its account.
    pub(crate) async fn call_back(&self, class: ContactClass, what: inbound::What) {
        let inbound = Inbound { what: Some(what) };
        *self.channel(class).calls_back.lock().unwrap() = vec![inbound];
        let mut accounts = self.engine.accounts();
        let own = accounts.find(|(_, channel, _)| channel == class.name());
        let target = CallbackTarget::Account(own.unwrap().2);
        let raw = RawCallback::default();
        let answer = self.engine.callback(&target, raw).await.unwrap();
        assert_eq!(answer.status, 200);
    }

    pub(crate) fn sent(&self, class: ContactClass) -> Vec<Timestamp> {
        self.channel(class)
            .seen
            .lock()
            .unwrap()
            .iter()
            .map(|(at, _)| *at)
            .collect()
    }
}

fn switched_on(ids: &[&str]) -> Packs {
    Packs::builtin().with_enabled(ids).unwrap()
}

fn told(wall: &SteppedWall) -> Told {
    Told {
        seen: Arc::default(),
        cancelled: Arc::default(),
        calls_back: Arc::default(),
        answer: Arc::new(Mutex::new(Ok(Receipt {
            provider_ref: "r".into(),
            ..Default::default()
        }))),
        knows: Arc::new(Mutex::new(Err(ChannelError::retryable("away")))),
        asked: Arc::default(),
        outcomes: Arc::default(),
        wall: wall.clone(),
        held: Arc::default(),
        submitted: Arc::default(),
        journal: Arc::default(),
        busy: Arc::default(),
        standing: Arc::new(Mutex::new(Standing::Sound)),
    }
}

fn handle(class: ContactClass, told: Told, at_once: u32) -> ChannelHandle {
    let cancel = matches!(class, ContactClass::Visit | ContactClass::Legal);
    ChannelHandle {
        name: class.name().into(),
        class,
        descriptor: ChannelDescriptor {
            capabilities: Some(Capabilities {
                cancel,
                status_query: true,
                max_in_flight: at_once,
                ..Default::default()
            }),
            ..Default::default()
        },
        digest: "00".into(),
        generation: 1,
        standing: {
            let standing = told.standing.clone();
            Arc::new(move || *standing.lock().unwrap())
        },
        channel: Arc::new(told),
        desk: None,
    }
}

pub(crate) fn case_input(loan: &str, due: Date) -> CaseInput {
    let document = |kind: DocumentKind| Document {
        kind,
        sha256: "a".repeat(64),
        reference: kind.name().into(),
    };
    CaseInput {
        lender_case_ref: loan.into(),
        borrower: PartyName::Told(Box::new(PartyInput {
            lender_ref: format!("b-{loan}"),
            display_name: "Zhang San".into(),
            kind: BorrowerKind::Individual,
            regions: vec!["CN".into()],
            zones: vec![],
            locale: "zh-CN".into(),
            points: vec![
                point(PointKind::Mobile, &format!("+8613800{loan:0>6}")),
                point(PointKind::Postal, "1 Main Road\nShanghai"),
            ],
            tags: vec![],
        })),
        parties: vec![],
        jurisdiction: "CN".into(),
        lender_kind: LenderKind::MicroloanCompany,
        borrower_kind: None,
        product: None,
        currency: Currency::new("CNY").unwrap(),
        amounts: Amounts {
            principal: 500_000,
            interest: 0,
            fees: 0,
            overdue: 60_000,
        },
        oldest_unpaid_due: Some(due),
        scores: Scores::default(),
        tags: vec![],
        documents: DocumentKind::EVIDENCE_PACK.map(document).into(),
        previous: None,
        policy: None,
    }
}

pub(crate) fn point(kind: PointKind, value: &str) -> PointInput {
    PointInput {
        state: None,
        named: None,
        kind,
        value: value.into(),
        owner: PointOwner::Own,
        zone: None,
        verified: true,
        source: "contract".into(),
    }
}
