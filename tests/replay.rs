//! A policy replayed by the real binary: over a file without a server, and over the live portfolio.

use std::path::Path;
use std::process::Command;

use recoup::api::recoup::v1;
use recoup::api::recoup::v1::simulate_policy_request::{Against, Subject};
use recoup::api::recoup::v1::simulate_policy_response::Part;
use serde_json::Value;

use crate::support::builds;
use crate::support::client::{Client, fields, reason};
use crate::support::process::Folder;
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, LADDER, Loan, ONE_TEXT};
use crate::support::server::{Server, Setup};

const ROWS: &str = "lender_case_ref,borrower_ref,borrower_kind,jurisdiction,lender_kind,currency,overdue,\
oldest_unpaid_due_date,mobiles,emails,addresses,contract,statement,repayment_record
A-1,B-1,individual,CN,microloan_company,CNY,9000.00,2026-01-10,+8613800000001,a@borrower.example,Road 1,c HASH,s HASH,r HASH
A-2,B-1,individual,CN,microloan_company,CNY,5000.00,2026-02-20,+8613800000001,a@borrower.example,Road 1,,,
A-3,B-2,micro_business,CN,microloan_company,CNY,8000.00,2026-02-25,+8613800000002,,Road 2,c HASH,s HASH,r HASH
A-4,B-3,individual,CN,microloan_company,XYZ,8000.00,2026-02-25,+8613800000003,,,,,
";

/// `recoup policy …` in a folder: exit code, and what it says.
fn policy(dir: &Path, server: Option<&Server>, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(builds::recoup());
    command.arg("policy").args(args).current_dir(dir);
    if let Some(server) = server {
        command
            .env("RECOUP_SERVER", format!("http://{}", server.api()))
            .env("RECOUP_TOKEN", "dev-ana");
    }
    let done = command.output().expect("recoup runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[test]
fn a_file_is_replayed_without_a_server_and_gives_the_same_bytes_again() {
    let folder = Folder::new();
    let dir = folder.path();
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).expect("a file");
    write("cases.csv", &ROWS.replace("HASH", &"ab".repeat(32)));
    write("ladder.yaml", LADDER);
    write(
        "later.yaml",
        &LADDER.replace("case.dpd >= 15", "case.dpd >= 60"),
    );
    let run = |threads: &str, out: &str| {
        let report = format!("{out}.html");
        let args = [
            "simulate",
            "ladder.yaml",
            "--against",
            "later.yaml",
            "--portfolio",
            "cases.csv",
            "--from",
            "2026-03-02",
            "--days",
            "40",
            "--threads",
            threads,
            "--report",
            &report,
            "--csv",
            out,
            "--json",
        ];
        let (code, said, err) = policy(dir, None, &args);
        // One row has a currency that does not exist.
        assert_eq!(code, Some(4), "{said}{err}");
        assert!(err.contains("row 4 (line 5)"), "{err}");
        let read = |name: &str| std::fs::read(dir.join(name)).expect("a file");
        let cases = read(&format!("{out}/cases.csv"));
        (said, read(&report), cases)
    };
    let one = run("1", "one");
    assert_eq!(one, run("3", "three"), "on one thread and on three");
    let (said, report, cases) = one;
    let told: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(told["policies"][0]["policy"], "ladder.yaml");
    assert_eq!(told["policies"][0]["cases"], 3);
    assert_eq!(told["policies"][0]["people"], 2);
    assert_eq!(told["difference"]["cases"], 3);
    assert_eq!(told["policies"][0]["money"][0]["overdue"], 2_200_000);
    let cases = String::from_utf8(cases).expect("text");
    let refs: Vec<&str> = cases
        .lines()
        .map(|l| l.split(',').next().expect("a cell"))
        .collect();
    assert_eq!(refs, ["case", "A-1", "A-2", "A-3"]);
    let report = String::from_utf8(report).expect("text");
    for part in [
        "<svg",
        "assumption",
        "ladder.yaml against later.yaml",
        "Taiwan",
    ] {
        assert!(report.contains(part), "{part}");
    }
}

#[test]
fn what_cannot_be_replayed_is_said() {
    let folder = Folder::new();
    let dir = folder.path();
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).expect("a file");
    write("cases.csv", &ROWS.replace("HASH", &"ab".repeat(32)));
    write("ladder.yaml", LADDER);
    write("wrong.yaml", &LADDER.replace("every: 3d", "every: often"));
    let (code, behaviour, _) = policy(dir, None, &["behaviour"]);
    assert_eq!(code, Some(0));
    write(
        "mine.yaml",
        &behaviour.replace("own_accord: 6000", "own_accord: 16000"),
    );
    let on = |args: &[&str]| {
        let args = [&["simulate"], args, &["--portfolio", "cases.csv"]].concat();
        policy(dir, None, &args)
    };
    let (code, _, err) = on(&["wrong.yaml"]);
    assert_eq!(code, Some(1));
    assert!(err.starts_with("wrong.yaml:6:"), "{err}");
    let (code, _, err) = on(&["ladder.yaml", "--behaviour", "mine.yaml"]);
    assert_eq!(code, Some(2));
    assert!(
        err.contains("mine.yaml: assumed.own_accord: is 16000"),
        "{err}"
    );
    let (code, _, err) = on(&["ladder.yaml", "--days", "401"]);
    assert!(code == Some(2) && err.contains("401"), "{err}");
    let args = ["simulate", "ladder.yaml", "--portfolio", "none.csv"];
    let (code, _, err) = policy(dir, None, &args);
    assert!(code == Some(2) && err.contains("none.csv"), "{err}");
}

fn asked(subject: Subject) -> v1::SimulatePolicyRequest {
    v1::SimulatePolicyRequest {
        subject: Some(subject),
        days: 30,
        ..v1::SimulatePolicyRequest::default()
    }
}

async fn replayed(client: &Client, request: v1::SimulatePolicyRequest) -> v1::SimulationResult {
    let answers = client.policies().simulate_policy(request).await;
    let mut answers = answers.expect("a replay").into_inner();
    let mut last = None;
    while let Some(answer) = answers.message().await.expect("it goes on") {
        last = answer.part;
    }
    match last {
        Some(Part::Result(result)) => result,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_live_portfolio_is_replayed_and_nothing_happens_to_it() {
    let folder = Folder::new();
    let dir = folder.path();
    let sandbox = Sandbox::live(dir, 42).await;
    let mut server = Server::start(dir, &Setup::default().with("sms", &sandbox)).await;
    let (ana, ben) = (server.ana(), server.ben());
    scenes::set_up(&ana, &ben, ONE_TEXT).await;
    let stop = v1::PauseDispatchRequest {
        request_id: "stop".into(),
        scope: Some(v1::DispatchScope {
            scope: Some(v1::dispatch_scope::Scope::All(true)),
        }),
        reason: "only to look".into(),
    };
    ana.admin().pause_dispatch(stop).await.expect("it stops");
    let mut cases = Vec::new();
    for number in 1..=5 {
        cases.push(scenes::open(&ana, &Loan::at_noon(number)).await.case_id);
    }

    let id = || Subject::PolicyId("policy_one-text-1".into());
    let result = replayed(&ana, asked(id())).await;
    let [under] = &result.policies[..] else {
        panic!("{result:?}");
    };
    assert_eq!(
        (under.cases, under.people, under.policy.as_str()),
        (5, 5, "policy_one-text-1")
    );
    let texts = under.contacts["sms"];
    assert!((5..=15).contains(&texts), "{texts}");
    assert_eq!(under.contacts["visit"], 0);
    assert!(result.report_html.is_empty() && result.difference.is_none());
    assert_eq!(under.stages.values().sum::<i64>() + under.cured, 5);

    // One text instead of three, with the report.
    let fewer = ONE_TEXT.replace("max: 3", "max: 1");
    let mut request = asked(id());
    request.against = Some(Against::AgainstYaml(fewer.clone()));
    request.with_report = true;
    let result = replayed(&ana, request).await;
    assert_eq!(result.policies[1].contacts["sms"], 5);
    let difference = result.difference.expect("two are compared");
    assert_eq!(difference.cases, 5);
    let change = difference
        .changes
        .iter()
        .find(|c| c.change == "fewer_contacts");
    let change = change.expect("all changes are told");
    assert!(
        change.cases > 0 && cases.contains(&change.first_case_ids[0]),
        "{change:?}"
    );
    assert!(result.report_html.contains("<svg"));

    let mut none = asked(id());
    none.case_filter = "dpd > 300".into();
    assert_eq!(replayed(&ana, none).await.policies[0].cases, 0);
    let wrong = asked(Subject::Yaml(ONE_TEXT.replace("every: 3d", "every: often")));
    let refused = ana.policies().simulate_policy(wrong).await;
    let refused = refused.expect_err("it does not compile");
    assert_eq!(reason(&refused), "POLICY_INVALID");
    let mut wrong = asked(Subject::PolicyId("policy_one-text-1".into()));
    (wrong.days, wrong.behaviour_yaml) = (401, "name: x".into());
    let refused = ana.policies().simulate_policy(wrong).await;
    let refused = refused.expect_err("two fields are wrong");
    assert_eq!(fields(&refused), ["days", "behaviour_yaml"]);

    // A caller that goes away gives its place back: the next one has it.
    let left = ana.policies().simulate_policy(asked(id())).await;
    drop(left.expect("a replay"));
    assert_eq!(replayed(&ana, asked(id())).await.policies[0].cases, 5);

    std::fs::write(dir.join("fewer.yaml"), fewer).expect("a file");
    let args = [
        "simulate",
        "one-text@1",
        "--against",
        "fewer.yaml",
        "--report",
        "live.html",
    ];
    let (code, said, err) = policy(dir, Some(&server), &args);
    assert_eq!(code, Some(0), "{said}{err}");
    assert!(said.contains("fewer contacts"), "{said}");
    let report = std::fs::read_to_string(dir.join("live.html")).expect("a report");
    assert!(
        report.contains("Replay of policy_one-text-1 against one-text"),
        "{report}"
    );

    for case in &cases {
        assert!(scenes::contacts_of(&ana, case).await.is_empty(), "{case}");
    }
    assert!(server.stop().await.success());
}
