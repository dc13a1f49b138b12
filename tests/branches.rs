//! What a policy says beside its stages, through the real binary: a word before the due date, other words for a
//! label, what an outcome brings; and the schema that editors read.

use std::process::Command;

use jiff::ToSpan;
use recoup::api::recoup::v1;
use v1::ContactState;

use crate::support::World;
use crate::support::builds;
use crate::support::process::until;
use crate::support::scenes::{self, Loan};

/// A courtesy before the due date; other words for a label, and rest; else a person looks once a text arrived.
const POLICY: &str = r#"name: branches
stages:
  - name: courtesy
    enter: case.dpd >= -3 && case.dpd < 1
    steps: [{channel: email, template: courtesy, max: 1}]
  - name: remind
    enter: case.dpd >= 1
    steps:
      - {when: '!borrower.has_tag("gentle")', channel: sms, template: reminder, every: 1d, max: 3, on: {delivered: worklist, undelivered: worklist, unknown: worklist}}
      - {when: 'borrower.has_tag("gentle")', channel: sms, template: gentle, every: 1d, max: 3, on: {delivered: {hold: 7d}, undelivered: {hold: 7d}, unknown: {hold: 7d}}}
"#;

async fn world() -> World {
    let world = World::live(&["sms", "email"], scenes::ONE_TEXT).await;
    let courtesy = "{{ lender_name }}: the next instalment falls due on {{ due_date }}.";
    let gentle = "【{{ lender_name }}】Please call us when it suits you. Due was {{ due_date }}.";
    for (name, channel, subject, body) in [
        ("courtesy", "email", "Your loan", courtesy),
        ("gentle", "sms", "", gentle),
    ] {
        let approved = |text: &str| match channel {
            "sms" => text.to_owned(),
            _ => String::new(),
        };
        let request = v1::RegisterTemplateRequest {
            request_id: format!("template-{name}"),
            name: name.into(),
            channel: channel.into(),
            locale: "zh-CN".into(),
            subject: subject.into(),
            body: body.into(),
            variables: ["lender_name", "due_date"].map(str::to_owned).into(),
            sms_signature: approved("Demo Lender"),
            provider_template_id: approved("demo"),
            ..v1::RegisterTemplateRequest::default()
        };
        let done = world.ana.policies().register_template(request).await;
        done.expect("a template");
    }
    let request = v1::CreatePolicyRequest {
        request_id: "branches".into(),
        yaml: POLICY.into(),
    };
    let created = world.ana.policies().create_policy(request).await;
    let policy = created.expect("a policy").into_inner().policy;
    let request = v1::ActivatePolicyRequest {
        request_id: "activate-branches".into(),
        policy_id: policy.expect("the policy").policy_id,
        note: String::new(),
    };
    let active = world.server.ben().policies().activate_policy(request).await;
    active.expect("an active policy");
    world
}

/// The contacts of a case, as `channel template`.
async fn made(world: &World, case: &str) -> Vec<String> {
    let all = scenes::contacts_of(&world.ana, case).await;
    let name = |c: &v1::Contact| format!("{} {}", c.channel, c.template);
    all.iter().map(name).collect()
}

async fn open(world: &World, mut request: v1::OpenCaseRequest) -> v1::Case {
    if let Some(case) = &mut request.case {
        case.policy_name = "branches".into();
    }
    let opened = world.ana.cases().open_case(request).await;
    opened
        .expect("an open case")
        .into_inner()
        .case
        .expect("the case")
}

async fn explained(world: &World, case: &str) -> v1::ExplainCaseResponse {
    let request = v1::ExplainCaseRequest {
        case_id: case.to_owned(),
        ..v1::ExplainCaseRequest::default()
    };
    let answer = world.ana.cases().explain_case(request).await;
    answer.expect("an explanation").into_inner()
}

#[tokio::test]
async fn a_case_is_written_to_before_its_due_date_and_labels_and_outcomes_branch() {
    let world = world().await;

    // Due the day after tomorrow, nothing overdue: one courtesy, and nothing of what is overdue.
    let late = Loan::at_noon(1);
    let mut early = late.clone();
    early.due = late.due.checked_add(12.days()).expect("a date");
    let case = open(&world, early.open()).await;
    let sent = until("a courtesy", async || {
        let all = scenes::contacts_of(&world.ana, &case.case_id).await;
        all.into_iter().find(|c| c.template == "courtesy")
    });
    assert_eq!(sent.await.channel, "email");
    let why = explained(&world, &case.case_id).await;
    assert_eq!(why.stage, "courtesy", "{why:?}");

    // A label: other words, and a week of rest once they arrived.
    let mut gentle = Loan::at_noon(2).open();
    if let Some(v1::open_case_request::Borrower::Upsert(party)) = &mut gentle.borrower {
        party.tags = vec!["gentle".into()];
    }
    let case = open(&world, gentle).await;
    until("a week of rest", async || {
        let why = explained(&world, &case.case_id).await;
        let steps = &why.steps;
        let [usual, gentle] = &steps[..] else {
            return None;
        };
        let week = gentle.due_time.as_ref()?.seconds - scenes::now().as_second();
        assert_eq!(usual.state(), v1::StepState::NoTurn, "{usual:?}");
        assert!(usual.blocked_reason.contains("does not hold"), "{usual:?}");
        (gentle.made == 1 && week > 6 * 86_400).then_some(())
    })
    .await;
    assert_eq!(made(&world, &case.case_id).await, ["sms gentle"]);

    // No label: a text, and whatever came of it, a person looks.
    let case = open(&world, Loan::at_noon(3).open()).await;
    until("a person's work", async || {
        let why = explained(&world, &case.case_id).await;
        let told = |l: &String| l.contains("the policy asks for a person");
        why.lines.iter().any(told).then_some(())
    })
    .await;
    assert_eq!(made(&world, &case.case_id).await, ["sms reminder"]);
    let done = scenes::contacts_of(&world.ana, &case.case_id).await;
    assert!(
        matches!(
            done[0].state(),
            ContactState::Effected | ContactState::Failed
        ),
        "{done:?}"
    );
}

#[test]
fn the_schema_is_printed_as_it_is_published() {
    let mut command = Command::new(builds::recoup());
    let said = command
        .args(["policy", "schema"])
        .output()
        .expect("recoup runs");
    assert!(said.status.success(), "{said:?}");
    let published = include_str!("../docs/formats/policy.schema.json");
    assert_eq!(String::from_utf8(said.stdout).expect("text"), published);
}
