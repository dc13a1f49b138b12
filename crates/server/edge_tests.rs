//! The edge as clients see it: a real listener, the generated clients, an engine on a store of its own.
//! No planner runs here: a test that wants something to go out asks for it, see [`World::run_dry`].

mod filled;
mod hand;
mod kept;
mod numbers;
mod opening;
mod past;
mod pauses;
mod policies;
mod rights;
mod told;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use recoup_channel::wire::{ChannelDescriptor, Receipt, SendRequest};
use recoup_channel::{Call, Channel as ContactChannel, ChannelError};
use recoup_domain::ContactClass;
use recoup_domain::ids::TenantId;
use recoup_engine::blobs::Blobs;
use recoup_engine::channels::ChannelHandle;
use recoup_engine::clock::SteppedWall;
use recoup_engine::stepped::Ground;
use recoup_engine::{Engine, EngineOptions, TenantOptions};
use recoup_store::Store;
use recoup_store::sqlite::{ClockStamp, Options, SqliteStore};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::api::google::r#type as google;
use crate::api::recoup::v1;
use crate::config::{Config, DevPrincipal, SmsConfig, TenantConfig};
use crate::identity::Principals;
use crate::services::{Edge, Inner};

const POLICY: &str = "name: demo\nsegments: [{name: all, when: 'true'}]\nstages:\n  - name: remind\n    \
    enter: case.dpd >= 1\n    steps: [{channel: sms, template: reminder, every: 3d, max: 3}]\n";

/// Takes whatever it is given.
struct Taking;

impl ContactChannel for Taking {
    async fn send(&self, _: &Call, _: SendRequest) -> Result<Receipt, ChannelError> {
        Ok(Receipt {
            provider_ref: "r".into(),
            ..Receipt::default()
        })
    }
}

/// Never says what it did.
struct Doubting;

impl ContactChannel for Doubting {
    async fn send(&self, _: &Call, _: SendRequest) -> Result<Receipt, ChannelError> {
        Err(ChannelError::unknown("the line broke"))
    }
}

struct World {
    channel: Channel,
    engine: Engine,
    wall: SteppedWall,
    stopping: CancellationToken,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        Self::on(sms(Arc::new(Taking))).await
    }

    /// A world whose gateway never says what it did.
    async fn doubtful() -> Self {
        Self::on(sms(Arc::new(Doubting))).await
    }

    async fn on(channel: ChannelHandle) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let tenant = |id: &str| TenantConfig {
            id: id.into(),
            display_name: id.to_uppercase(),
            licence: Vec::new(),
            sms: vec![SmsConfig {
                signature: id.to_uppercase(),
                templates: vec!["demo".into()],
            }],
        };
        let mut config = Config {
            tenant: vec![tenant("demo"), tenant("other")],
            ..Config::default()
        };
        for (name, tenant, role) in [("eve", "other", "all"), ("sue", "demo", "strategist")] {
            config.dev_principal.push(DevPrincipal {
                name: name.into(),
                token: format!("dev-{name}"),
                tenant: tenant.into(),
                roles: vec![role.into()],
            });
        }
        config.check().expect("a configuration");
        let start: Timestamp = "2026-03-02T03:00:00Z".parse().expect("an instant");
        let wall = SteppedWall::new(start);
        let options = Options::new(dir.path().join("store"), ClockStamp::Stepped);
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(options).expect("a store"));
        let engine = Engine::start(
            engine_options(&config),
            store,
            vec![channel],
            Arc::new(wall.clone()),
        )
        .await
        .expect("an engine");
        let stopping = CancellationToken::new();
        let edge = Edge::new(Inner {
            engine: engine.clone(),
            limits: config.limits.clone(),
            channels: Arc::new(crate::generations::Generations::none(Arc::clone(
                engine.wall(),
            ))),
            stopping: stopping.clone(),
            stepped: true,
            started: start,
            store_dir: dir.path().to_owned(),
            copies: (dir.path().join("copies"), dir.path().join("copies-of-keys")),
            meters: Arc::default(),
            comparing: crate::services::Comparing::of(&engine),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let principals = Principals::of(&config).expect("principals");
        tokio::spawn(crate::server::serve(
            config, edge, principals, None, listener,
        ));
        let endpoint = Channel::from_shared(format!("http://{address}")).expect("an address");
        let channel = endpoint.connect().await.expect("a connection");
        Self {
            channel,
            engine,
            wall,
            stopping,
            _dir: dir,
        }
    }

    fn cases(&self) -> v1::case_service_client::CaseServiceClient<Channel> {
        v1::case_service_client::CaseServiceClient::new(self.channel.clone())
    }

    fn borrowers(&self) -> v1::borrower_service_client::BorrowerServiceClient<Channel> {
        v1::borrower_service_client::BorrowerServiceClient::new(self.channel.clone())
    }

    fn policies(&self) -> v1::policy_service_client::PolicyServiceClient<Channel> {
        v1::policy_service_client::PolicyServiceClient::new(self.channel.clone())
    }

    fn contacts(&self) -> v1::contact_service_client::ContactServiceClient<Channel> {
        v1::contact_service_client::ContactServiceClient::new(self.channel.clone())
    }

    /// Does what is due now, and waits for what came of it.
    async fn run_dry(&self) {
        self.engine.run_dry().await.expect("a store that works");
        self.engine.activity().until_quiet().await;
    }

    async fn with_policy(&self) {
        self.with(POLICY).await;
    }

    /// Registers the text and makes the policy the active one; ana writes it, ben activates it.
    async fn with(&self, yaml: &str) -> v1::Policy {
        let mut policies = self.policies();
        let template = v1::RegisterTemplateRequest {
            request_id: "t".into(),
            name: "reminder".into(),
            channel: "sms".into(),
            locale: "zh-CN".into(),
            body: "【{{ lender_name }}】{{ case_ref }}".into(),
            variables: vec!["lender_name".into(), "case_ref".into()],
            sms_signature: "DEMO".into(),
            provider_template_id: "demo".into(),
            ..v1::RegisterTemplateRequest::default()
        };
        policies
            .register_template(of("ana", template))
            .await
            .expect("a template");
        let create = v1::CreatePolicyRequest {
            request_id: "p".into(),
            yaml: yaml.into(),
        };
        let policy = policies
            .create_policy(of("ana", create))
            .await
            .expect("a policy");
        let policy = policy.into_inner().policy.expect("a policy");
        assert_eq!(policy.stages[0], "remind");
        let activate = |id: &str| v1::ActivatePolicyRequest {
            request_id: id.into(),
            policy_id: policy.policy_id.clone(),
            note: "agreed in the risk round".into(),
        };
        let own = policies.activate_policy(of("ana", activate("a1"))).await;
        assert_eq!(reason(&own.expect_err("the author")), "SAME_PERSON");
        let active = policies
            .activate_policy(of("ben", activate("a2")))
            .await
            .expect("a second person");
        active.into_inner().policy.expect("a policy")
    }

    /// Events of a lender up to now, as a principal sees them.
    async fn events(&self, who: &str) -> Vec<v1::Event> {
        let mut events = v1::event_service_client::EventServiceClient::new(self.channel.clone());
        let watch = v1::WatchEventsRequest {
            end_at_present: true,
            ..v1::WatchEventsRequest::default()
        };
        let stream = events.watch_events(of(who, watch)).await;
        let mut stream = stream.expect("a stream").into_inner();
        let mut all = Vec::new();
        while let Some(answer) = stream.message().await.expect("an answer") {
            all.extend(answer.event);
        }
        all
    }

    /// A case's history, as a principal sees it.
    async fn timeline(&self, who: &str, case_id: &str) -> Vec<v1::TimelineEntry> {
        let request = v1::GetTimelineRequest {
            case_id: case_id.into(),
            page_size: 1000,
            ..v1::GetTimelineRequest::default()
        };
        let page = self.cases().get_timeline(of(who, request)).await;
        page.expect("a timeline").into_inner().entries
    }

    /// An active policy that a case is pinned to, and a second version that nobody activated.
    async fn with_policy_listed(&self) -> v1::Policy {
        let active = self.with(POLICY).await;
        self.case("L-1").await;
        let second = v1::CreatePolicyRequest {
            request_id: "second".into(),
            yaml: POLICY.replace("max: 3", "max: 2"),
        };
        let created = self.policies().create_policy(of("ana", second)).await;
        created.expect("a second version");
        active
    }

    /// How many contacts went out, whatever became of them.
    async fn sent(&self) -> usize {
        let list = v1::ListContactsRequest::default();
        let list = self.contacts().list_contacts(of("ana", list)).await;
        let all = list.expect("a page").into_inner().contacts;
        all.iter().filter(|c| c.intent_time.is_some()).count()
    }

    /// When a case is looked at next.
    async fn stored_next(&self, case_id: &str) -> Option<prost_types::Timestamp> {
        let get = v1::GetCaseRequest {
            r#ref: Some(v1::get_case_request::Ref::CaseId(case_id.into())),
        };
        let case = self.cases().get_case(of("ana", get)).await;
        let case = case.expect("a case").into_inner().case;
        case.expect("a case").next_action_time
    }

    /// A party as it is stored.
    async fn party(&self, party_id: &str) -> recoup_domain::Party {
        let tenant = TenantId::new("demo").expect("a tenant");
        let id = party_id.parse().expect("an id");
        let party = self.engine.store().party(&tenant, id).await;
        party.expect("a read").expect("a party")
    }

    /// A case as it is stored.
    async fn stored(&self, case_id: &str) -> recoup_domain::Case {
        let tenant = TenantId::new("demo").expect("a tenant");
        let id = case_id.parse().expect("an id");
        let case = self.engine.store().case(&tenant, id).await;
        case.expect("a read").expect("a case")
    }

    /// Opens a case of borrower B-1 and gives it back.
    async fn case(&self, reference: &str) -> v1::Case {
        let mut cases = self.cases();
        let opened = cases.open_case(of("ana", open(reference, reference))).await;
        let opened = opened.expect("a case").into_inner();
        opened.case.expect("a case")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

fn engine_options(config: &Config) -> EngineOptions {
    let tenant = |t: &TenantConfig| TenantOptions {
        id: TenantId::new(t.id.clone()).expect("a tenant"),
        display_name: t.display_name.clone(),
        marks: t.marks(),
    };
    EngineOptions {
        tenants: config.tenant.iter().map(tenant).collect(),
        master_key: [7; 32],
        callback_base_url: "http://127.0.0.1:1".into(),
        call_timeout: Duration::from_secs(1),
        guard: SignedDuration::from_secs(60),
        id_seed: Some(1),
        batch: 16,
        blobs: Arc::new(Blobs::default()),
        packs: recoup_compliance::Packs::builtin().clone(),
        refused_channels: Default::default(),
    }
}

fn sms(channel: Arc<dyn recoup_channel::DynChannel>) -> ChannelHandle {
    ChannelHandle {
        name: "sms".into(),
        class: ContactClass::Sms,
        descriptor: ChannelDescriptor::default(),
        digest: String::new(),
        generation: 1,
        channel,
        desk: None,
        standing: recoup_engine::channels::Standing::always_sound(),
    }
}

fn of<T>(who: &str, body: T) -> Request<T> {
    let mut request = Request::new(body);
    let token = format!("Bearer dev-{who}").parse().expect("a token");
    request.metadata_mut().insert("authorization", token);
    request
}

/// An instant on 2 March 2026, the day of the world's clock, which stands at 03:00 UTC.
fn instant(hour: i64, minute: i64) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: 1_772_409_600 + hour * 3600 + minute * 60,
        nanos: 0,
    }
}

fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details
        .error_info()
        .map_or_else(|| format!("{status:?}"), |info| info.reason.clone())
}

fn money(units: i64) -> Option<google::Money> {
    Some(google::Money {
        currency_code: "CNY".into(),
        units,
        nanos: 0,
    })
}

fn party(lender_ref: &str) -> v1::Party {
    v1::Party {
        lender_ref: lender_ref.into(),
        display_name: "Zhang San".into(),
        kind: v1::BorrowerKind::Individual.into(),
        regions: vec!["CN".into()],
        locale: "zh-CN".into(),
        contact_points: vec![v1::ContactPoint {
            kind: v1::ContactPointKind::Mobile.into(),
            value: "+8613800138000".into(),
            ..v1::ContactPoint::default()
        }],
        ..v1::Party::default()
    }
}

fn case(reference: &str) -> v1::CaseInput {
    v1::CaseInput {
        lender_case_ref: reference.into(),
        jurisdiction: "CN".into(),
        lender_kind: v1::LenderKind::MicroloanCompany.into(),
        facts: Some(v1::CaseFacts {
            overdue: money(100),
            oldest_unpaid_due_date: Some(google::Date {
                year: 2026,
                month: 2,
                day: 20,
            }),
            ..v1::CaseFacts::default()
        }),
        ..v1::CaseInput::default()
    }
}

fn open(request_id: &str, reference: &str) -> v1::OpenCaseRequest {
    v1::OpenCaseRequest {
        request_id: request_id.into(),
        borrower: Some(v1::open_case_request::Borrower::Upsert(party("B-1"))),
        case: Some(case(reference)),
    }
}

#[tokio::test]
async fn a_case_is_opened_once_and_paid() {
    let world = World::new().await;
    world.with_policy().await;
    let mut cases = world.cases();
    let first = cases
        .open_case(of("ana", open("r1", "L-1")))
        .await
        .expect("a case")
        .into_inner();
    let again = cases
        .open_case(of("ana", open("r1", "L-1")))
        .await
        .expect("again")
        .into_inner();
    assert_eq!(first, again);
    let other = cases
        .open_case(of("ana", open("r1", "L-2")))
        .await
        .expect_err("another body");
    assert_eq!(
        (other.code(), reason(&other).as_str()),
        (Code::AlreadyExists, "REQUEST_ID_REUSED")
    );
    let twin = cases
        .open_case(of("ana", open("r2", "L-1")))
        .await
        .expect_err("an open case");
    assert_eq!(reason(&twin), "CASE_EXISTS");
    let case = first.case.expect("a case");
    assert_eq!((case.dpd, case.bucket.as_str()), (10, "M1"));

    let walled = v1::GetCaseRequest {
        r#ref: Some(v1::get_case_request::Ref::CaseId(case.case_id.clone())),
    };
    let walled = cases
        .get_case(of("eve", walled))
        .await
        .expect_err("another lender");
    assert_eq!(
        (walled.code(), reason(&walled).as_str()),
        (Code::NotFound, "CASE_NOT_FOUND")
    );

    let facts = v1::UpdateCaseFactsRequest {
        request_id: "f1".into(),
        case_id: case.case_id.clone(),
        facts: Some(v1::CaseFacts {
            willingness: Some(30),
            ..v1::CaseFacts::default()
        }),
        ..v1::UpdateCaseFactsRequest::default()
    };
    let changed = cases
        .update_case_facts(of("ana", facts))
        .await
        .expect("facts")
        .into_inner();
    let changed = changed.case.and_then(|c| c.facts).expect("facts");
    assert_eq!(
        (changed.willingness, changed.overdue),
        (Some(30), money(100))
    );

    let payment = v1::RecordPaymentRequest {
        request_id: "m1".into(),
        case_id: case.case_id,
        payment_ref: "P-1".into(),
        amount: money(100),
        received_time: Some(prost_types::Timestamp {
            seconds: 1_772_000_000,
            nanos: 0,
        }),
        balance_after: None,
    };
    let paid = cases
        .record_payment(of("ana", payment))
        .await
        .expect("a payment")
        .into_inner();
    assert!(paid.cured);
    assert_eq!(paid.case.expect("a case").status(), v1::CaseStatus::Closed);
}

#[tokio::test]
async fn all_that_is_wrong_with_a_request_comes_back_at_once() {
    let world = World::new().await;
    let request = v1::OpenCaseRequest {
        request_id: "no spaces".into(),
        case: Some(v1::CaseInput::default()),
        borrower: None,
    };
    let status = world
        .cases()
        .open_case(of("ana", request))
        .await
        .expect_err("all wrong");
    let details = status.get_error_details();
    let fields = &details.bad_request().expect("fields").field_violations;
    let names: Vec<&str> = fields.iter().map(|f| f.field.as_str()).collect();
    for name in [
        "request_id",
        "borrower",
        "case.lender_case_ref",
        "case.facts",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let unbuilt = v1::EraseBorrowerRequest::default();
    let unbuilt = world
        .borrowers()
        .erase_borrower(of("ana", unbuilt))
        .await
        .expect_err("preview");
    assert_eq!(
        (unbuilt.code(), reason(&unbuilt).as_str()),
        (Code::Unimplemented, "NOT_BUILT")
    );
    let large = v1::GetCaseRequest {
        r#ref: Some(v1::get_case_request::Ref::LenderCaseRef(
            "x".repeat(2 << 20),
        )),
    };
    let large = world
        .cases()
        .get_case(of("ana", large))
        .await
        .expect_err("too large");
    assert_eq!(reason(&large), "MESSAGE_TOO_LARGE");
}

#[tokio::test]
async fn an_import_answers_its_rows_in_order_and_lists_page_through_them() {
    let world = World::new().await;
    world.with_policy().await;
    let row = |n: i64| v1::ImportCasesRequest {
        request_id: "batch".into(),
        row_number: n,
        borrower: Some(party(&format!("B-{n}"))),
        case: Some(v1::CaseInput {
            jurisdiction: if n == 3 {
                "nowhere".into()
            } else {
                "CN".into()
            },
            ..case(&format!("L-{n}"))
        }),
    };
    let rows = tokio_stream::iter((1..=40).map(row).collect::<Vec<_>>());
    let mut answers = world
        .cases()
        .import_cases(of("ana", rows))
        .await
        .expect("an import")
        .into_inner();
    let mut numbers = Vec::new();
    while let Some(answer) = answers.message().await.expect("an answer") {
        use v1::import_cases_response::Result as Row;
        assert_eq!(
            matches!(answer.result, Some(Row::Error(_))),
            answer.row_number == 3
        );
        numbers.push(answer.row_number);
    }
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());

    let list = |page_token: String, filter: &str| v1::ListCasesRequest {
        page_size: 15,
        page_token,
        filter: filter.into(),
    };
    let (mut seen, mut token) = (std::collections::BTreeSet::new(), String::new());
    loop {
        let request = list(token, "status = OPEN AND dpd >= 10");
        let page = world
            .cases()
            .list_cases(of("ana", request))
            .await
            .expect("a page")
            .into_inner();
        seen.extend(page.cases.into_iter().map(|c| c.lender_case_ref));
        token = page.next_page_token.clone();
        if token.is_empty() {
            break;
        }
        let stolen = world
            .cases()
            .list_cases(of("eve", list(token.clone(), "")))
            .await;
        assert_eq!(
            reason(&stolen.expect_err("another lender")),
            "PAGE_TOKEN_INVALID"
        );
    }
    assert_eq!(seen.len(), 39);
    let none = list(String::new(), "dpd > 10");
    let none = world
        .cases()
        .list_cases(of("ana", none))
        .await
        .expect("a page")
        .into_inner();
    assert_eq!((none.cases.len(), none.next_page_token), (0, String::new()));
}

#[tokio::test]
async fn a_watcher_misses_nothing_and_gets_nothing_twice() {
    let world = World::new().await;
    world.with_policy().await;
    let mut events = v1::event_service_client::EventServiceClient::new(world.channel.clone());
    let watch = |cursor: String, end_at_present: bool| v1::WatchEventsRequest {
        cursor,
        end_at_present,
        ..v1::WatchEventsRequest::default()
    };
    let live = events
        .watch_events(of("ana", watch(String::new(), false)))
        .await;
    let mut live = live.expect("a stream").into_inner();
    let mut cases = world.cases();
    for n in 0..5 {
        let request = open(&format!("r{n}"), &format!("L-{n}"));
        cases.open_case(of("ana", request)).await.expect("a case");
    }
    let all = events
        .watch_events(of("ana", watch(String::new(), true)))
        .await;
    let mut all = all.expect("a stream").into_inner();
    let mut recorded = Vec::new();
    while let Some(answer) = all.message().await.expect("an answer") {
        recorded.extend(answer.event.map(|e| (e.position, answer.cursor)));
    }
    assert!(
        recorded.windows(2).all(|w| w[0].0 < w[1].0),
        "in commit order"
    );
    for (position, _) in &recorded {
        let answer = live
            .message()
            .await
            .expect("an answer")
            .expect("a live event");
        assert_eq!(answer.event.expect("an event").position, *position);
    }
    let half = recorded.len() / 2;
    let rest = events
        .watch_events(of("ana", watch(recorded[half].1.clone(), true)))
        .await;
    let mut rest = rest.expect("a stream").into_inner();
    let mut resumed = Vec::new();
    while let Some(answer) = rest.message().await.expect("an answer") {
        resumed.extend(answer.event.map(|e| e.position));
    }
    let expected: Vec<i64> = recorded[half + 1..].iter().map(|(p, _)| *p).collect();
    assert_eq!(resumed, expected);
    let stolen = events
        .watch_events(of("eve", watch(recorded[0].1.clone(), true)))
        .await;
    assert_eq!(
        reason(&stolen.expect_err("another lender")),
        "CURSOR_INVALID"
    );
    let nothing = events
        .watch_events(of("eve", watch(String::new(), true)))
        .await;
    let nothing = nothing
        .expect("a stream")
        .into_inner()
        .message()
        .await
        .expect("an end");
    assert!(
        nothing.is_none_or(|a| a.event.is_none()),
        "events of another lender"
    );
    world.stopping.cancel();
    let ended = live.message().await.expect_err("the server stops");
    assert_eq!(reason(&ended), "NOT_SERVING");
}

#[tokio::test]
async fn a_mask_writes_its_fields_alone_and_an_etag_guards() {
    let world = World::new().await;
    let upsert = |id: &str, party: v1::Party, paths: &[&str]| v1::UpsertBorrowerRequest {
        request_id: id.into(),
        party: Some(party),
        update_mask: Some(prost_types::FieldMask {
            paths: paths.iter().map(|p| (*p).to_owned()).collect(),
        }),
    };
    let mut borrowers = world.borrowers();
    let first = borrowers
        .upsert_borrower(of("ana", upsert("u1", party("B-1"), &[])))
        .await;
    let first = first.expect("a party").into_inner();
    assert!(first.created);
    let read = first.party.expect("a party");
    let renamed = v1::Party {
        lender_ref: "B-1".into(),
        display_name: "Li Si".into(),
        etag: read.etag.clone(),
        ..v1::Party::default()
    };
    let request = upsert("u2", renamed.clone(), &["display_name"]);
    let second = borrowers.upsert_borrower(of("ana", request.clone())).await;
    let second = second.expect("a change").into_inner();
    let party = second.party.clone().expect("a party");
    assert_eq!(
        (party.display_name.as_str(), party.contact_points.len()),
        ("Li Si", 1)
    );
    let again = borrowers
        .upsert_borrower(of("ana", request))
        .await
        .expect("again")
        .into_inner();
    assert_eq!(
        again, second,
        "the same request, the same answer, though its etag is old now"
    );
    let stale = borrowers.upsert_borrower(of("ana", upsert("u3", renamed, &["display_name"])));
    let stale = stale.await.expect_err("an old etag");
    assert_eq!(
        (stale.code(), reason(&stale).as_str()),
        (Code::Aborted, "STALE_ETAG")
    );
    let mut opt_out = v1::RecordOptOutRequest {
        request_id: "o1".into(),
        party: Some(v1::PartyRef {
            r#ref: Some(v1::party_ref::Ref::LenderRef("B-1".into())),
        }),
        scope: Some(v1::record_opt_out_request::Scope::Channel("sms".into())),
        received_via: "letter".into(),
        ..v1::RecordOptOutRequest::default()
    };
    let done = borrowers
        .record_opt_out(of("ana", opt_out.clone()))
        .await
        .expect("an opt-out");
    assert_eq!(done.into_inner().party.expect("a party").opt_outs.len(), 1);
    opt_out.request_id = "o2".into();
    opt_out.scope = Some(v1::record_opt_out_request::Scope::Channel(
        "telegraph".into(),
    ));
    let unknown = borrowers
        .record_opt_out(of("ana", opt_out))
        .await
        .expect_err("no channel");
    assert_eq!(reason(&unknown), "CHANNEL_UNKNOWN");
}

#[tokio::test]
async fn a_ledger_ends_with_its_footer() {
    let world = World::new().await;
    world.with_policy().await;
    world
        .cases()
        .open_case(of("ana", open("r1", "L-1")))
        .await
        .expect("a case");
    let mut audit = v1::audit_service_client::AuditServiceClient::new(world.channel.clone());
    let export = audit
        .export_ledger(of("ben", v1::ExportLedgerRequest {}))
        .await;
    let mut export = export.expect("an export").into_inner();
    let mut lines = Vec::new();
    while let Some(group) = export.message().await.expect("lines") {
        lines.extend(group.lines);
    }
    assert!(
        lines.first().is_some_and(|l| l.contains("\"header\"")),
        "{lines:?}"
    );
    assert!(
        lines.last().is_some_and(|l| l.contains("\"footer\"")),
        "{lines:?}"
    );
}
