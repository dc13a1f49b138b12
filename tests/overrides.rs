//! Overrides from outside: what a presumption of law denies goes once two people lift it, and stops when they end it.

use std::process::Command;

use jiff::ToSpan;
use recoup::api::recoup::v1;
use serde_json::Value;
use v1::EventKind;

use crate::support::World;
use crate::support::builds;
use crate::support::client::reason;
use crate::support::judge;
use crate::support::scenes::{self, Loan};

const RULE: &str = "CN-GBT45251-FREQ3";
/// One that calls nobody by itself.
const POLICY: &str = "name: quiet
stages:
  - name: one
    enter: case.dpd >= 1
    steps: [{channel: phone, template: first_call, max: 1, between: ['03:00', '03:01']}]
";

/// A command by somebody: exit code, and what it says.
fn run(world: &World, token: &str, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(builds::recoup());
    command.args(args);
    let server = format!("http://{}", world.server.api());
    command
        .env("RECOUP_SERVER", server)
        .env("RECOUP_TOKEN", token);
    let done = command.output().expect("recoup runs");
    let (out, err) = (done.stdout, done.stderr);
    let text = String::from_utf8([out, err].concat()).expect("text");
    (done.status.code(), text)
}

/// A command that is done; its answer in JSON.
fn says(world: &World, token: &str, args: &[&str]) -> Value {
    let (code, text) = run(world, token, &[args, &["--json"]].concat());
    assert_eq!(code, Some(0), "{args:?}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"))
}

fn propose(world: &World, case: &str, minutes: i64) -> String {
    let until = (scenes::now() + minutes.minutes()).to_string();
    let args = [
        "law", "override", "propose", RULE, "--case", case, "--until", &until,
    ];
    let said = says(
        world,
        "dev-ana",
        &[&args[..], &["--reason", "she asked for it"]].concat(),
    );
    assert_eq!(
        said["override"]["state"], "OVERRIDE_STATE_PROPOSED",
        "{said}"
    );
    said["override"]["overrideId"]
        .as_str()
        .expect("an id")
        .to_owned()
}

async fn call(world: &World, case: &str, n: u32) -> Result<v1::Contact, tonic::Status> {
    let request = v1::RequestContactRequest {
        request_id: format!("call-{n}"),
        case_id: case.into(),
        channel: "phone".into(),
        template: "first_call".into(),
        reason: "they asked for a call".into(),
        ..v1::RequestContactRequest::default()
    };
    let done = world.ana.contacts().request_contact(request).await?;
    Ok(done.into_inner().contact.expect("the contact"))
}

async fn must_be_denied(world: &World, case: &str, n: u32) {
    let refused = call(world, case, n).await.expect_err("one call too many");
    assert_eq!(reason(&refused), "CONTACT_DENIED", "{refused:?}");
    assert!(refused.message().contains(RULE), "{refused:?}");
}

async fn explained(world: &World, case: &str) -> Vec<v1::LiftedRule> {
    let request = v1::ExplainCaseRequest {
        case_id: case.into(),
        ..v1::ExplainCaseRequest::default()
    };
    let answer = world.ana.cases().explain_case(request).await;
    answer.expect("an explanation").into_inner().overrides
}

async fn kinds(world: &World, case: &str) -> Vec<(EventKind, String)> {
    let request = v1::WatchEventsRequest {
        end_at_present: true,
        case_ids: vec![case.into()],
        kinds: [
            EventKind::OverrideProposed,
            EventKind::OverrideApproved,
            EventKind::OverrideRevoked,
        ]
        .map(Into::into)
        .into(),
        ..v1::WatchEventsRequest::default()
    };
    let stream = world.ana.events().watch_events(request).await;
    let mut stream = stream.expect("events").into_inner();
    let mut found = Vec::new();
    while let Some(answer) = stream.message().await.expect("events") {
        found.extend(answer.event.map(|e| (e.kind(), e.actor)));
    }
    found
}

#[tokio::test]
async fn a_fourth_call_of_a_day_goes_under_an_override_of_two_people() {
    let mut world = World::live(&["phone"], POLICY).await;
    let case = scenes::open(&world.ana, &Loan::at_noon(1)).await.case_id;
    // The provider says nothing: each call may be a talk, and counts.
    world.sandbox.freeze();
    for n in 0..3 {
        call(&world, &case, n).await.expect("three calls are free");
    }
    must_be_denied(&world, &case, 3).await;

    let id = propose(&world, &case, 120);
    must_be_denied(&world, &case, 4).await;
    let (code, text) = run(&world, "dev-ana", &["law", "override", "approve", &id]);
    assert!(code != Some(0) && text.contains("SAME_PERSON"), "{text}");
    let said = says(&world, "dev-ben", &["law", "override", "approve", &id]);
    assert_eq!(said["override"]["approvedBy"], "ben", "{said}");
    let lifted = explained(&world, &case).await;
    assert_eq!(lifted.len(), 1);
    assert_eq!(
        (&lifted[0].override_id, lifted[0].rule_id.as_str()),
        (&id, RULE)
    );
    let fourth = call(&world, &case, 5)
        .await
        .expect("two people lifted the rule");
    assert_eq!(fourth.lifted[0].override_id, id);
    assert!(fourth.lifted[0].decides && fourth.lifted[0].author == "ana");

    let revoke = ["law", "override", "revoke", &id, "--reason", "enough"];
    let said = says(&world, "dev-ana", &revoke);
    assert_eq!(said["override"]["revokedBy"], "ana", "{said}");
    must_be_denied(&world, &case, 6).await;
    assert_eq!(explained(&world, &case).await, []);
    // What was recorded stays: the fourth call names the override that has ended.
    let request = v1::GetContactRequest {
        contact_id: fourth.contact_id,
    };
    let fourth = world.ana.contacts().get_contact(request).await;
    let fourth = fourth.expect("the contact").into_inner().contact;
    assert_eq!(fourth.expect("the contact").lifted[0].override_id, id);
    // One that ends before the call's half hour does lifts nothing.
    let short = propose(&world, &case, 20);
    says(&world, "dev-ben", &["law", "override", "approve", &short]);
    must_be_denied(&world, &case, 7).await;

    let (_, listed) = run(&world, "dev-ana", &["law", "override", "list"]);
    assert!(
        listed.contains("revoked") && listed.contains("active"),
        "{listed}"
    );
    let both = |kind, actor: &str| (kind, actor.to_owned());
    assert_eq!(
        kinds(&world, &case).await,
        [
            both(EventKind::OverrideProposed, "ana"),
            both(EventKind::OverrideApproved, "ben"),
            both(EventKind::OverrideRevoked, "ana"),
            both(EventKind::OverrideProposed, "ana"),
            both(EventKind::OverrideApproved, "ben"),
        ]
    );
    world.sandbox.thaw();
    let ledger = judge::export(&world.ana, world.folder.path()).await;
    let ledger = std::fs::read_to_string(ledger).expect("the ledger");
    let lines = ledger
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).expect("JSON"));
    let lines: Vec<Value> = lines.collect();
    let of = |kind: &str| {
        lines
            .iter()
            .filter(|l| l["type"] == kind)
            .collect::<Vec<_>>()
    };
    let written: Vec<_> = of("override")
        .iter()
        .map(|o| o["override"].clone())
        .collect();
    assert_eq!(written, [id.as_str(), short.as_str()]);
    assert_eq!(of("override")[0]["approved_by"], "ben");
    let under: Vec<_> = of("slot").iter().map(|s| s["lifted_by"].clone()).collect();
    assert_eq!(
        under
            .iter()
            .filter(|l| *l == &serde_json::json!([id]))
            .count(),
        1
    );
    assert!(
        !ledger.contains("she asked"),
        "why it was asked for stays sealed"
    );
    world.sandbox.stop().await;
}

#[tokio::test]
async fn what_nobody_may_override_is_refused_by_its_reason() {
    let world = World::live(&["phone"], POLICY).await;
    let mut law = world.ana.law();
    let mut ask = async |rule: &str, case: &str| {
        let request = v1::ProposeOverrideRequest {
            request_id: format!("ask-{rule}-{}", case.len()),
            rule_id: rule.into(),
            case_id: case.into(),
            reason: "why not".into(),
            until: Some(scenes::pb_time(scenes::now() + 1.hour())),
        };
        let refused = law.propose_override(request).await.expect_err("refused");
        reason(&refused)
    };
    assert_eq!(ask("HOUSE-DAILY", "").await, "RULE_NOT_OVERRIDABLE");
    assert_eq!(ask("CN-CBA2026-ATT6", "").await, "RULE_NOT_OVERRIDABLE");
    assert_eq!(ask("NO-SUCH-RULE", "").await, "RULE_UNKNOWN");
    let nobodys = "case_00000000000000000000000000";
    assert_eq!(ask(RULE, nobodys).await, "CASE_NOT_FOUND");
    let nobodys = v1::ApproveOverrideRequest {
        request_id: "approve".into(),
        override_id: "override_00000000000000000000000000".into(),
        note: String::new(),
    };
    let refused = world.ana.law().approve_override(nobodys).await;
    assert_eq!(reason(&refused.expect_err("refused")), "OVERRIDE_NOT_FOUND");
}
