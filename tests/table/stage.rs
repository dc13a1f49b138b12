//! One server with two lenders, and facts of each for the requests of the table to be about.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use jiff::tz::TimeZone;
use prost_reflect::DynamicMessage;
use recoup::api::recoup::v1;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use v1::ContactState;

use super::contract::Method;
use super::seeds::{self, Seed};
use super::wire::Wire;
use crate::support::builds;
use crate::support::client::Client;
use crate::support::process::{Folder, until};
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, Loan};
use crate::support::server::{Server, Setup};

/// The roles there are.
pub(crate) const ROLES: [&str; 6] = [
    "lender",
    "agent",
    "strategist",
    "compliance",
    "operator",
    "auditor",
];

/// Policies: one that texts, one that asks a person first, one that calls, and one that does nothing before tomorrow
/// morning: it is about noon where borrowers are.
const POLICIES: [(&str, &str); 4] = [
    (
        "texts",
        "dpd >= 1|{channel: sms, template: reminder, max: 1}",
    ),
    (
        "asks",
        "dpd >= 1|{channel: sms, template: reminder, max: 1, approval: required}",
    ),
    (
        "calls",
        "dpd >= 1|{channel: phone, template: first_call, max: 1}",
    ),
    (
        "quiet",
        "dpd >= 1|{channel: sms, template: reminder, max: 1, between: ['09:00', '09:15']}",
    ),
];

/// A server on a store that was restored from a copy, which somebody has confirmed.
async fn restored(dir: &std::path::Path, setup: &Setup) -> Server {
    let mut server = Server::start(dir, setup).await;
    crate::backup::copy(&server.ana(), "stage").await;
    assert!(server.stop().await.success());
    crate::backup::restore(dir, "stage");
    let server = Server::start(dir, setup).await;
    crate::backup::confirm(&server.ana()).await;
    server
}

/// The server and what it holds.
pub(crate) struct Stage {
    server: Server,
    pub(crate) wire: Wire,
    pub(crate) ana: Client,
    pub(crate) own: Facts,
    pub(crate) theirs: Facts,
    number: Cell<u32>,
    _sandbox: Sandbox,
    // The last: processes end before their folder goes.
    folder: Folder,
}

/// What a lender has, by the names that seeds use.
pub(crate) type Facts = BTreeMap<&'static str, String>;

impl Stage {
    pub(crate) async fn set() -> Self {
        let folder = Folder::new();
        let sandbox = Sandbox::live(folder.path(), 42).await;
        let silent = silent_provider().await;
        let mut setup = Setup::default()
            .with("sms", &sandbox)
            .with("email", &sandbox)
            .with("visit", &sandbox)
            .with_channel(
                "phone",
                &builds::plugin("phone"),
                &format!(
                    "config = {{ base_url = \"{silent}\", account_sid = \"ACsandbox\", \
                     auth_token_secret = \"voice\", from = \"+861068000000\" }}\n\
                     secrets = {{ voice = {{ file = \"voice.secret\" }} }}"
                ),
            );
        setup.tables.push_str(&people());
        let server = restored(folder.path(), &setup).await;
        let ana = server.ana();
        let mut own = facts(&ana, &server.ben(), 1).await;
        let library = builds::plugin("email");
        let bytes = std::fs::read(&library).expect("the plugin");
        let digest = Sha256::digest(&bytes);
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        own.insert("$digest_of_it", digest);
        own.insert("$library", library.display().to_string());
        // Generation 2, for those that ask for one.
        let staged = v1::StageChannelRequest {
            request_id: "stage".into(),
            kind: "email".into(),
            path: library.display().to_string(),
            ..v1::StageChannelRequest::default()
        };
        let staged = ana.channels().stage_channel(staged).await;
        staged.expect("a generation");
        let (olga, otto) = (server.client("dev-olga"), server.client("dev-otto"));
        let theirs = facts(&olga, &otto, 50).await;
        Self {
            wire: Wire::new(server.api()),
            server,
            ana,
            own,
            theirs,
            number: Cell::new(1_000_000),
            _sandbox: sandbox,
            folder,
        }
    }

    fn number(&self) -> u32 {
        self.number.set(self.number.get() + 1);
        self.number.get()
    }

    /// A connection of its own.
    pub(crate) fn wire(&self) -> Wire {
        Wire::new(self.server.api())
    }

    /// What the server's log says of faults of its own.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("server.err"));
        let log = log.expect("the server's log");
        let bad = |line: &&str| line.contains("panicked") || line.contains("ERROR");
        log.lines().filter(bad).map(str::to_owned).collect()
    }

    /// The newest position of the journal, over all lenders.
    pub(crate) async fn position(&self) -> i64 {
        let status = self.ana.admin().get_status(v1::GetStatusRequest {}).await;
        let status = status.expect("a good call is served").into_inner();
        status.store.expect("the store").position
    }

    /// What somebody has done after a position.
    pub(crate) async fn deeds(&self, who: &str, after: i64) -> Vec<String> {
        let request = v1::WatchEventsRequest {
            end_at_present: true,
            ..v1::WatchEventsRequest::default()
        };
        let stream = self.ana.events().watch_events(request).await;
        let mut stream = stream.expect("events").into_inner();
        let mut found = Vec::new();
        // An override that is approved reopens passed over steps case by case, after its answer.
        let mut reopened = BTreeSet::new();
        while let Some(answer) = stream.message().await.expect("events") {
            let event = answer.event.unwrap_or_default();
            let is_tail = match event.kind() {
                v1::EventKind::StepsReopened => {
                    reopened.insert(event.case_id.clone());
                    true
                }
                v1::EventKind::WorklistAdded => reopened.contains(&event.case_id),
                _ => false,
            };
            if event.position > after && event.actor == who && !is_tail {
                found.push(format!("{:?}", event.kind()));
            }
        }
        found
    }

    /// What a seed's names stand for: a quiet case of its own, and what was called before.
    pub(crate) async fn names(&self, seed: &Seed, methods: &super::Contract) -> Facts {
        let mut names = self.own.clone();
        let loan = Loan::at_noon(self.number());
        let mut open = loan.open();
        open.case.as_mut().expect("the case").policy_name = "quiet".into();
        let case = self.ana.cases().open_case(open).await;
        let case = case.expect("a case").into_inner().case.expect("a case");
        names.insert("$case_ref", case.lender_case_ref.clone());
        names.insert("$case", case.case_id.clone());
        names.insert("$party", case.party_id.clone());
        names.insert("$ref", case.borrower_ref.clone());
        names.insert("$point", point_of(&self.ana, &case.party_id).await);
        if let Some(before) = &seed.before {
            let method = methods.named(before.method);
            let message = self.fill(method, before.json, &names);
            let bytes = prost::Message::encode_to_vec(&message);
            let answer = self.wire.call(&method.path, Some("dev-ben"), bytes).await;
            let answer = answer.unwrap_or_else(|e| panic!("before {}: {e:?}", seed.method));
            if !before.take.is_empty() {
                names.insert("$taken", text_at(method, &answer, before.take));
            }
        }
        names
    }

    /// The request of a seed, with new numbers where it asks for them.
    pub(crate) fn fill(&self, method: &Method, json: &str, names: &Facts) -> DynamicMessage {
        let mut text = seeds::whole(json);
        let number = self.number();
        text = text.replace("$request", &format!("request-{number}"));
        text = text.replace(
            "$yaml",
            &yaml(&format!("p{number}"), POLICIES[3].1).replace('\n', "\\n"),
        );
        for (name, value) in names.iter().rev() {
            text = text.replace(name, value);
        }
        text = text.replace("$n", &number.to_string());
        let mut json = serde_json::Deserializer::from_str(&text);
        let message = DynamicMessage::deserialize(method.input.clone(), &mut json);
        message.unwrap_or_else(|e| panic!("the seed of {}: {e}: {text}", method.name))
    }
}

/// Two lenders; of one two persons who may do everything, and a person for each role.
fn people() -> String {
    let lender = |id: &str| {
        format!(
            "[[tenant]]\nid = \"{id}\"\ndisplay_name = \"Demo Lender\"\n\
             sms = [{{ signature = \"Demo Lender\", templates = [\"demo\"] }}]\n"
        )
    };
    let mut text = lender("demo") + &lender("other");
    let all = [
        ("ana", "demo"),
        ("ben", "demo"),
        ("olga", "other"),
        ("otto", "other"),
    ];
    let all = all.map(|(name, tenant)| (name, tenant, "all"));
    for (name, tenant, role) in all.into_iter().chain(ROLES.map(|r| (r, "demo", r))) {
        text += &format!(
            "[[dev_principal]]\nname = \"{name}\"\ntoken = \"dev-{name}\"\ntenant = \"{tenant}\"\n\
             roles = [\"{role}\"]\n"
        );
    }
    text
}

/// A provider that takes a request and says nothing: what became of it nobody knows.
async fn silent_provider() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut some = [0; 4096];
                let _ = stream.read(&mut some).await;
            });
        }
    });
    format!("http://{address}")
}

fn yaml(name: &str, rule: &str) -> String {
    let (enter, step) = rule.split_once('|').expect("a rule");
    format!("name: {name}\nstages:\n  - name: one\n    enter: case.{enter}\n    steps: [{step}]\n")
}

/// Prepares a lender: policies, collectors, and contacts in the states that requests ask for.
async fn facts(one: &Client, two: &Client, first: u32) -> Facts {
    for (name, rule) in POLICIES {
        match name {
            "texts" => {
                scenes::set_up(one, two, &yaml(name, rule)).await;
            }
            // Its contacts wait for somebody who did not write it.
            "asks" => activate(two, one, name, &yaml(name, rule)).await,
            _ => activate(one, two, name, &yaml(name, rule)).await,
        }
    }
    if first > 1 {
        activate(one, two, "theirs", &yaml("theirs", POLICIES[3].1)).await;
    }
    scenes::add_collectors(one).await;
    let mut facts = Facts::new();
    let open = async |number: u32, policy: &str| {
        let loan = Loan::at_noon(first + number);
        let mut request = loan.open();
        request.case.as_mut().expect("the case").policy_name = policy.into();
        let opened = one.cases().open_case(request).await;
        opened.expect("a case").into_inner().case.expect("the case")
    };
    let sent = open(0, "texts").await;
    let blamed = open(5, "texts").await;
    let told = open(6, "texts").await;
    let asked = [open(1, "asks").await, open(2, "asks").await];
    let called = open(3, "calls").await;
    let plain = open(4, "quiet").await;
    let doubtful = open(7, "calls").await;
    let contact = async |case: &v1::Case, state| {
        let found = scenes::until_contact(one, &case.case_id, state).await;
        found.contact_id
    };
    facts.insert("$sent", contact(&sent, ContactState::Effected).await);
    facts.insert(
        "$planned_a",
        contact(&asked[0], ContactState::Planned).await,
    );
    facts.insert(
        "$planned_b",
        contact(&asked[1], ContactState::Planned).await,
    );
    facts.insert("$unknown", contact(&called, ContactState::Unknown).await);
    facts.insert("$blamed", contact(&blamed, ContactState::Effected).await);
    contact(&told, ContactState::Effected).await;
    facts.insert("$doubtful", contact(&doubtful, ContactState::Unknown).await);
    facts.insert("$sent_case", sent.case_id);
    facts.insert("$blamed_case", blamed.case_id);
    facts.insert("$told_case", told.case_id);
    facts.insert("$told_ref", told.borrower_ref);
    facts.insert("$case_ref", plain.lender_case_ref);
    facts.insert("$case", plain.case_id);
    facts.insert("$point", point_of(one, &plain.party_id).await);
    facts.insert("$party", plain.party_id);
    facts.insert("$ref", plain.borrower_ref);
    facts.insert("$guarantor_id", called.party_id);
    facts.insert("$guarantor", called.borrower_ref);
    let request = v1::ListCollectorsRequest::default();
    let collectors = one.collectors().list_collectors(request).await;
    let collectors = collectors.expect("collectors").into_inner().collectors;
    facts.insert("$collector", collectors[0].collector_id.clone());
    let watch = one
        .events()
        .watch_events(v1::WatchEventsRequest::default())
        .await;
    let event = watch.expect("events").into_inner().message().await;
    facts.insert("$cursor", event.expect("an event").expect("one").cursor);
    for reason in ["the first", "the second"] {
        let request = v1::ProposeOverrideRequest {
            request_id: format!("override-{reason}").replace(' ', "-"),
            rule_id: "CN-GBT45251-FREQ3".into(),
            case_id: String::new(),
            reason: reason.into(),
            until: Some(scenes::pb_time(scenes::now() + 2.hours())),
        };
        let proposed = one.law().propose_override(request).await;
        let proposed = proposed.expect("an override").into_inner().r#override;
        facts.insert("$override", proposed.expect("an override").override_id);
    }
    times(&mut facts);
    facts
}

fn times(facts: &mut Facts) {
    let now = scenes::now();
    let zone = Loan::at_noon(0).zone;
    let here = TimeZone::get(&zone).expect("a zone").to_datetime(now);
    let date = |days: i64| {
        let day = here.date().checked_add(days.days()).expect("a date");
        let (y, m, d) = (day.year(), day.month(), day.day());
        format!(r#"{{"year": {y}, "month": {m}, "day": {d}}}"#)
    };
    facts.insert("$due", date(-10));
    facts.insert("$tomorrow", date(1));
    facts.insert("$now", now.to_string());
    facts.insert("$soon", (now + 2.hours()).to_string());
    facts.insert("$tomorrow_noon", (now + 24.hours()).to_string());
    facts.insert("$zone", zone);
}

async fn activate(one: &Client, two: &Client, name: &str, yaml: &str) {
    let request = v1::CreatePolicyRequest {
        request_id: format!("policy-{name}"),
        yaml: yaml.into(),
    };
    let policy = one.policies().create_policy(request).await;
    let policy = policy.expect("a policy").into_inner().policy.expect("it");
    let request = v1::ActivatePolicyRequest {
        request_id: format!("activate-{name}"),
        policy_id: policy.policy_id,
        note: String::new(),
    };
    two.policies()
        .activate_policy(request)
        .await
        .expect("an active policy");
}

/// The id of somebody's mobile number.
async fn point_of(client: &Client, party: &str) -> String {
    let request = v1::GetBorrowerRequest {
        party: Some(v1::PartyRef {
            r#ref: Some(v1::party_ref::Ref::PartyId(party.into())),
        }),
    };
    let found = client.borrowers().get_borrower(request).await;
    let found = found.expect("a party").into_inner().party.expect("it");
    found.contact_points[0].contact_point_id.clone()
}

/// A text in an answer, by its path.
pub(crate) fn text_at(method: &Method, answer: &[u8], path: &str) -> String {
    let message = DynamicMessage::decode(method.output.clone(), answer).expect("an answer");
    let mut value = prost_reflect::Value::Message(message);
    for name in path.split('.') {
        let message = value.as_message().expect("a message");
        value = message
            .get_field_by_name(name)
            .expect("a field")
            .into_owned();
    }
    match value {
        prost_reflect::Value::I64(number) => number.to_string(),
        value => value.as_str().expect("a text").to_owned(),
    }
}

/// Waits until nothing happens by itself any more: contacts have come to their end.
pub(crate) async fn settled(stage: &Stage) {
    let mut last = -1;
    let mut same = 0;
    until("the journal to rest", async || {
        let now = stage.position().await;
        same = if now == last { same + 1 } else { 0 };
        last = now;
        (same > 20).then_some(())
    })
    .await;
}
