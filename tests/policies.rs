//! Versions of policies from outside: they are compared, running cases move from one to another, and a text is shown
//! before anybody reads it.

use std::path::Path;
use std::process::Command;

use recoup::api::recoup::v1;
use serde_json::Value;
use v1::ContactState;

use crate::support::World;
use crate::support::builds;
use crate::support::client::{Client, fields, reason};
use crate::support::judge;
use crate::support::process::{Folder, until};
use crate::support::scenes::{self, Loan};

/// A text, then an appointment.
const FIRST: &str = "name: ladder
stages:
  - name: remind
    enter: case.dpd >= 1
    steps: [{channel: sms, template: reminder, every: 3d, max: 3}]
  - name: door
    enter: case.dpd >= 1 && contacts.any.made >= 1
    steps: [{channel: visit, template: visit_brief, max: 1}]
";

/// One text, under another name, and nobody is visited.
const SECOND: &str = "name: ladder
stages:
  - name: nudge
    enter: case.dpd >= 1
    steps: [{channel: sms, template: reminder, every: 3d, max: 1}]
";

/// `recoup …` as somebody: exit code, and what it says.
fn recoup(world: Option<(&World, &str)>, dir: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(builds::recoup());
    command.args(args).current_dir(dir);
    match world {
        Some((world, token)) => {
            let server = format!("http://{}", world.server.api());
            command.env("RECOUP_SERVER", server);
            command.env("RECOUP_TOKEN", token);
        }
        // Nobody is there.
        None => {
            command.env("RECOUP_SERVER", "http://127.0.0.1:1");
        }
    }
    let done = command.output().expect("recoup runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let code = done.status.code().expect("an exit code");
    (code, text(done.stdout), text(done.stderr))
}

fn json(text: &str) -> Value {
    let last = text.lines().last().expect("a line");
    serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {text}"))
}

async fn store(client: &Client, request_id: &str, yaml: &str) -> Result<v1::Policy, tonic::Status> {
    let request = v1::CreatePolicyRequest {
        request_id: request_id.into(),
        yaml: yaml.into(),
    };
    let created = client.policies().create_policy(request).await?;
    Ok(created.into_inner().policy.expect("the policy"))
}

async fn activate(client: &Client, policy_id: &str) -> Result<v1::Policy, tonic::Status> {
    let request = v1::ActivatePolicyRequest {
        request_id: format!("activate-{policy_id}"),
        policy_id: policy_id.into(),
        note: String::new(),
    };
    let active = client.policies().activate_policy(request).await?;
    Ok(active.into_inner().policy.expect("the policy"))
}

async fn version(client: &Client, policy_id: &str) -> v1::Policy {
    let request = v1::GetPolicyRequest {
        r#ref: Some(v1::get_policy_request::Ref::PolicyId(policy_id.into())),
        version: None,
    };
    let found = client.policies().get_policy(request).await;
    found
        .expect("a version")
        .into_inner()
        .policy
        .expect("the policy")
}

#[test]
fn files_are_compared_without_a_server() {
    let folder = Folder::new();
    let dir = folder.path();
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).expect("a file");
    write("first.yaml", FIRST);
    write("second.yaml", SECOND);
    write(
        "again.yaml",
        &format!("# as before\n{}", FIRST.replace(">= 1 && ", ">=1 && ")),
    );
    write("bad.yaml", "name: bad\n");
    let diff = |args: &[&str]| recoup(None, dir, &[&["policy", "diff"], args].concat());
    let (code, said, err) = diff(&["first.yaml", "second.yaml"]);
    assert_eq!(code, 5, "{err}");
    for line in [
        "stage `door` is gone (visit visit_brief)",
        "stage `remind` is named `nudge` now",
        "step 1 of stage `nudge` (sms reminder) makes one contact instead of at most 3 contacts: fewer",
        "3 difference(s) from first.yaml to second.yaml",
    ] {
        assert!(said.lines().any(|l| l == line), "{line}\nin\n{said}");
    }
    let (code, said, _) = diff(&["first.yaml", "second.yaml", "--json"]);
    let found = json(&said);
    assert_eq!(
        (code, found["differences"].as_array().map(Vec::len)),
        (5, Some(3))
    );
    assert_eq!(found["differences"][1]["change"], "POLICY_CHANGE_RENAMED");
    let (code, said, _) = diff(&["first.yaml", "again.yaml"]);
    assert_eq!(code, 0);
    assert!(
        said.contains("do the same; only the writing differs"),
        "{said}"
    );
    let (code, said, _) = diff(&["first.yaml", "first.yaml"]);
    assert_eq!((code, said.contains("are the same text")), (0, true));
    let (code, _, err) = diff(&["first.yaml", "bad.yaml"]);
    assert_eq!((code, err.contains("RCP-POL-004")), (1, true), "{err}");
}

#[tokio::test]
async fn cases_move_to_the_next_version_and_keep_what_was_made() {
    let world = World::live(&["sms", "visit"], FIRST).await;
    scenes::add_collectors(&world.ana).await;
    let (ana, ben) = (&world.ana, world.server.ben());
    let moved = scenes::open(ana, &Loan::at_noon(1)).await.case_id;
    let stays = scenes::open(ana, &Loan::at_noon(2)).await.case_id;
    let third = scenes::open(ana, &Loan::at_noon(3)).await.case_id;
    for case in [&moved, &stays, &third] {
        visit(ana, case, ContactState::Accepted).await;
    }
    let second = store(ana, "second", SECOND).await.expect("a version");
    let own = activate(ana, &second.policy_id)
        .await
        .expect_err("its author");
    assert_eq!(reason(&own), "SAME_PERSON");
    let draft = migrate(&ben, "m-0", |_| {}).await.expect_err("a draft");
    assert_eq!(reason(&draft), "POLICY_NOT_ACTIVE");
    activate(&ben, &second.policy_id).await.expect("active");
    // Activation moves nobody.
    assert_eq!(version(ana, "policy_ladder-1").await.pinned_cases, 3);
    let author = migrate(ana, "m-1", |_| {}).await.expect_err("its author");
    assert_eq!(reason(&author), "SAME_PERSON");

    let dir = world.folder.path();
    let by_ben = |args: &[&str]| recoup(Some((&world, "dev-ben")), dir, args);
    let (code, said, _) = by_ben(&["policy", "get", "ladder@1"]);
    assert!(code == 0 && said.contains(FIRST.trim_end()), "{said}");
    let (code, said, err) = by_ben(&["policy", "diff", "ladder@1", "ladder@2"]);
    assert_eq!((code, said.lines().count()), (5, 4), "{said}{err}");
    let migrate_cli = |more: &[&str]| {
        let args = [
            "policy",
            "migrate",
            "ladder@1",
            "ladder@2",
            "--reason",
            "fewer visits",
        ];
        by_ben(&[&args[..], more].concat())
    };
    // Nobody said what became of the stage that they stand in.
    let (code, said, err) = migrate_cli(&["--dry-run"]);
    assert_eq!(code, 0, "{err}");
    assert!(
        said.contains("0 of 3 case(s) would be moved") && said.contains("door="),
        "{said}"
    );
    let mapped = ["--stage", "remind=nudge", "--stage", "door="];
    let (code, said, err) = migrate_cli(&[&mapped[..], &["--dry-run", "--case", &moved]].concat());
    assert_eq!(code, 5, "{err}");
    assert!(
        said.contains("1 of 1 case(s) would be moved; 0 of them"),
        "{said}"
    );
    assert!(
        said.contains("1 accepted one(s) would be called off"),
        "{said}"
    );
    assert_eq!(
        version(ana, "policy_ladder-1").await.pinned_cases,
        3,
        "a dry run"
    );
    let (code, said, err) = migrate_cli(&[&mapped[..], &["--case", &moved]].concat());
    assert_eq!(code, 0, "{err}");
    assert!(said.contains("1 of 1 case(s) moved"), "{said}");

    visit(ana, &moved, ContactState::Cancelled).await;
    let case = until("the stage under the other version", async || {
        Some(scenes::get(ana, "L1").await).filter(|c| c.stage == "nudge")
    });
    let pin = case.await.policy.expect("a policy");
    assert_eq!((pin.version, &*pin.policy_id), (2, "policy_ladder-2"));
    let request = v1::ExplainCaseRequest {
        case_id: moved.clone(),
        ..v1::ExplainCaseRequest::default()
    };
    let told = ana
        .cases()
        .explain_case(request)
        .await
        .expect("an explanation");
    let told = told.into_inner();
    assert!(told.policy_since_time.is_some());
    // One text was made, and one may be: no second one, though the first version would make three.
    assert_eq!((told.steps[0].made, told.steps[0].max), (1, Some(1)));
    let line = told
        .lines
        .iter()
        .find(|l| l.starts_with("It runs under policy ladder@2 since "));
    assert!(
        line.is_some_and(|l| l.ends_with("; before, under ladder@1.")),
        "{:?}",
        told.lines
    );
    let (_, said, _) = by_ben(&["case", "timeline", &moved]);
    let line = said
        .lines()
        .find(|l| l.contains("goes on under ladder@2, before under ladder@1"));
    assert!(line.is_some(), "{said}");

    // Who was not named stays where they are, and is moved by whoever asks for all; nobody is moved twice.
    assert_eq!(
        scenes::get(ana, "L2")
            .await
            .policy
            .expect("a policy")
            .version,
        1
    );
    visit(ana, &stays, ContactState::Accepted).await;
    let stages = |r: &mut v1::MigrateCasesRequest| {
        let stage = |from: &str, to: &str| v1::StageMapping {
            from_stage: from.into(),
            to_stage: to.into(),
        };
        r.stages = vec![stage("remind", "nudge"), stage("door", "")];
        r.batch_size = 1;
    };
    let first = migrate(&ben, "m-2", stages).await.expect("moved");
    assert_eq!((first.cases, first.moved), (1, 1));
    let twin = migrate(&ben, "m-2", stages).await.expect("answered before");
    assert_eq!(first, twin);
    let token = || first.next_batch_token.clone();
    let other = migrate(&ben, "m-x", |r| r.batch_token = token());
    let other = other.await.expect_err("a token for other stages");
    assert_eq!(reason(&other), "PAGE_TOKEN_INVALID");
    let next = migrate(&ben, "m-y", |r| {
        stages(r);
        r.batch_token = token();
    });
    let next = next.await.expect("moved");
    assert_eq!(
        (next.cases, next.moved, &*next.next_batch_token),
        (1, 1, "")
    );
    let after = migrate(&ben, "m-3", stages).await.expect("nothing is left");
    assert_eq!((after.cases, after.moved), (0, 0));
    let odd = migrate(&ben, "m-4", |r| {
        r.case_ids = vec![moved.clone(), "case_01kjkb3q00fv9b0r8yjzd9szm7".into()];
    });
    assert_eq!(
        reason(&odd.await.expect_err("nobody's case")),
        "CASE_NOT_FOUND"
    );
    visit(ana, &stays, ContactState::Cancelled).await;

    let ledger = judge::export(ana, dir).await;
    let lines = std::fs::read_to_string(&ledger).expect("the ledger");
    let versions = lines.lines().filter_map(|l| {
        let line: Value = serde_json::from_str(l).expect("JSON");
        line["policies"].as_array().map(Vec::len)
    });
    assert_eq!(versions.collect::<Vec<_>>(), [2, 2, 2]);
    let judged = judge::judge(world.sandbox.log(), &ledger, &[]);
    assert_eq!(judged.status, Some(0), "{}", judged.text);
}

async fn visit(client: &Client, case: &str, state: ContactState) {
    until(&format!("a visit that is {state:?}"), async || {
        let all = scenes::contacts_of(client, case).await;
        all.into_iter()
            .find(|c| c.channel == "visit" && c.state() == state)
    })
    .await;
}

async fn migrate(
    client: &Client,
    request_id: &str,
    more: impl Fn(&mut v1::MigrateCasesRequest),
) -> Result<v1::MigrateCasesResponse, tonic::Status> {
    let mut request = v1::MigrateCasesRequest {
        request_id: request_id.into(),
        from_policy_id: "policy_ladder-1".into(),
        to_policy_id: "policy_ladder-2".into(),
        reason: "fewer visits".into(),
        ..v1::MigrateCasesRequest::default()
    };
    more(&mut request);
    let done = client.policies().migrate_cases(request).await?;
    Ok(done.into_inner())
}

#[tokio::test]
async fn versions_stay_as_they_were_written() {
    let world = World::live(&["sms", "visit"], FIRST).await;
    let (ana, ben) = (&world.ana, world.server.ben());
    let first = version(ana, "policy_ladder-1").await;
    let second = store(ana, "second", SECOND).await.expect("a version");
    assert_eq!(
        (&*second.policy_id, second.state()),
        ("policy_ladder-2", v1::PolicyState::Draft)
    );
    // The same text is a version of its own: nothing is ever written over.
    let third = store(ana, "third", FIRST).await.expect("a version");
    assert_eq!((third.version, &third.hash), (3, &first.hash));
    activate(&ben, &second.policy_id).await.expect("active");
    let again = version(ana, "policy_ladder-1").await;
    assert_eq!((&again.yaml, &again.hash), (&first.yaml, &first.hash));
    assert_eq!(again.state(), v1::PolicyState::Retired);
    let digest = recoup::convert::policy::sha256_hex(&[FIRST]);
    assert_eq!(again.hash, digest);
    let same = v1::DiffPoliciesRequest {
        base_policy_id: "policy_ladder-1".into(),
        other_policy_id: third.policy_id,
    };
    let same = ana
        .policies()
        .diff_policies(same)
        .await
        .expect("a comparison");
    let same = same.into_inner();
    assert_eq!((same.same_text, same.differences.len()), (true, 0));
    // A name that looks like an id could not be told from one.
    let looks_like_an_id = FIRST.replace("name: ladder", "name: policy_x");
    let odd = store(ana, "odd", &looks_like_an_id);
    let odd = odd.await.expect_err("it looks like an id");
    assert_eq!(reason(&odd), "POLICY_INVALID");
    assert!(odd.message().contains("RCP-POL-008"), "{}", odd.message());
}

#[tokio::test]
async fn a_text_is_shown_before_anybody_reads_it() {
    let world = World::live(&["sms", "visit"], FIRST).await;
    let ana = &world.ana;
    let dir = world.folder.path();
    let preview = |args: &[&str]| {
        let args = [&["policy", "preview-template"], args].concat();
        recoup(Some((&world, "dev-ana")), dir, &args)
    };
    let (code, said, err) = preview(&["reminder"]);
    assert_eq!(code, 0, "{err}");
    for part in [
        "  | 【Demo Lender】示例姓名: 1,234.50 CNY is overdue.",
        "  EXAMPLE DATA, nobody's: borrower_name, overdue_amount, currency",
        "1 segment(s) of UCS-2, for GSM 03.38 lacks 【】示例姓名",
        "  channel sms: 1 part(s)",
        "    the text goes as UCS-2: 70 characters a segment",
    ] {
        assert!(said.contains(part), "{part}\nin\n{said}");
    }
    let (_, said, _) = preview(&["reminder", "--json", "--value", "borrower_name=Li"]);
    let shown = &json(&said)["previews"][0];
    assert_eq!(shown["body"], "【Demo Lender】Li: 1,234.50 CNY is overdue.");
    let declared = ["lender_name", "borrower_name", "overdue_amount", "currency"];
    assert_eq!(shown["variables"], serde_json::json!(declared));
    assert_eq!(shown["regions"], serde_json::json!(["CN"]));
    assert_eq!(shown["lacks"], Value::Null);
    // What an agency's text owes in the United States it does not say.
    let (_, said, _) = preview(&[
        "reminder",
        "--json",
        "--region",
        "US",
        "--lender-kind",
        "agency",
    ]);
    let shown = &json(&said)["previews"][0];
    let lacks = shown["lacks"].as_array().expect("something is missing");
    let opt_out = |l: &Value| l["dutyId"] == "US-REGF-1006.6e" && l["everyMessage"] == true;
    assert!(lacks.iter().any(opt_out), "{shown}");
    // With a case, it is the borrower's own.
    let case = scenes::open(ana, &Loan::at_noon(7)).await.case_id;
    let (_, said, _) = preview(&["reminder", "--case", &case]);
    assert!(
        said.contains("Borrower 7: 600.00 CNY is overdue."),
        "{said}"
    );
    assert!(!said.contains("EXAMPLE DATA"), "{said}");
    let request = |name: &str, value: &str| v1::PreviewTemplateRequest {
        name: name.into(),
        values: vec![v1::TemplateValue {
            name: value.into(),
            value: "x".into(),
        }],
        ..v1::PreviewTemplateRequest::default()
    };
    let wrong = ana
        .policies()
        .preview_template(request("reminder", "dpd"))
        .await;
    assert_eq!(
        fields(&wrong.expect_err("it does not declare dpd")),
        ["values[0].name"]
    );
    let wrong = ana
        .policies()
        .preview_template(request("no_such", "dpd"))
        .await;
    assert_eq!(
        reason(&wrong.expect_err("no such text")),
        "TEMPLATE_NOT_FOUND"
    );
    let wrong = v1::PreviewTemplateRequest {
        locale: "fr".into(),
        ..request("reminder", "borrower_name")
    };
    let wrong = ana.policies().preview_template(wrong).await;
    assert_eq!(reason(&wrong.expect_err("no French")), "TEMPLATE_INVALID");
    // Nothing went out but the one case's own text.
    let all = scenes::contacts_of(ana, &case).await;
    assert!(all.len() <= 1, "{all:?}");
}
