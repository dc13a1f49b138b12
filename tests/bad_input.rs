//! Bad input: it is named with its place and what would be right, and everything else goes on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use recoup::api::recoup::v1;
use v1::{ChannelState, ContactState, Severity};

use crate::support::World;
use crate::support::builds;
use crate::support::client::{fields, reason};
use crate::support::process::Folder;
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, Loan, ONE_TEXT};
use crate::support::server::{Server, Setup, launch};

/// Starts a server that must refuse to start; answers its exit code and what it said.
async fn refused(top: &str, tables: &str) -> (Option<i32>, String) {
    let folder = Folder::new();
    let mut setup = Setup::default();
    setup.top.push_str(top);
    setup.tables.push_str(tables);
    let mut process = launch(folder.path(), &setup);
    let status = process.wait().await;
    assert!(!folder.path().join("ready.json").exists());
    (status.code(), process.stderr())
}

#[tokio::test]
async fn a_wrong_configuration_names_key_place_and_what_would_be_right() {
    for (top, tables, words) in [
        (
            "callback_lisen = \"127.0.0.1:0\"\n",
            "",
            &["recoup.toml:4", "callback_lisen", "callback_listen"][..],
        ),
        (
            "[engine]\nguard_ms = 5\n",
            "",
            &["recoup.toml:5", "guard_ms", "guard_s"],
        ),
        (
            "[engine]\nbatch = 0\n",
            "",
            &["engine.batch", "from 1 to 4096"],
        ),
        (
            "",
            "[[tenant]]\nid = \"demo\"\ndisplay_name = \"D\"\n[[dev_principal]]\nname = \"eve\"\n\
             token = \"dev-eve\"\ntenant = \"demo\"\nroles = [\"boss\"]\n",
            &["boss", "lender", "compliance"],
        ),
    ] {
        let (code, said) = refused(top, tables).await;
        assert_eq!(code, Some(2), "{said}");
        for word in words {
            assert!(said.contains(word), "{top}{tables}: {word}: {said}");
        }
    }
}

#[tokio::test]
async fn development_mode_listens_on_loopback_alone() {
    let folder = Folder::new();
    let setup = Setup {
        args: vec!["--listen".into(), "0.0.0.0:0".into()],
        ..Setup::default()
    };
    let mut process = launch(folder.path(), &setup);
    let status = process.wait().await;
    assert_eq!(status.code(), Some(2));
    assert!(
        process.stderr().contains("not a loopback address"),
        "{}",
        process.stderr()
    );
}

/// A library that is missing, is no library, is somebody else's, or refuses its configuration: each is
/// listed with the reason, and the one that is well works.
#[tokio::test]
async fn a_channel_that_does_not_load_says_why_and_the_others_run_on() {
    let folder = Folder::new();
    let dir = folder.path();
    let sandbox = Sandbox::live(dir, 42).await;
    let broken = dir.join("broken.so");
    let whole = fs::read(builds::plugin("email")).expect("the plugin");
    fs::write(&broken, &whole[..whole.len() / 3]).expect("a third of it");
    let text = dir.join("text.so");
    fs::write(&text, "not a library").expect("a file");
    let setup = Setup::default()
        .with("sms", &sandbox)
        .with_channel("missing", &dir.join("nowhere.so"), "")
        .with_channel("broken", &broken, "")
        .with_channel("text", &text, "")
        .with_channel("foreign", Path::new(&system_library()), "")
        .with_channel(
            "misled",
            &builds::plugin("phone"),
            "config = { base_ulr = \"x\" }",
        );
    let server = Server::start(dir, &setup).await;
    let (ana, ben) = (server.ana(), server.ben());

    let request = v1::ListChannelsRequest {
        show_all: true,
        ..v1::ListChannelsRequest::default()
    };
    let all = ana.channels().list_channels(request).await;
    let all = all.expect("channels").into_inner().channels;
    let find = |name: &str| all.iter().find(|c| c.name == name).expect("it is listed");
    assert_eq!(find("sms").state, i32::from(ChannelState::Live));
    for (name, word) in [
        ("missing", "nowhere.so"),
        ("broken", "broken.so"),
        ("text", "text.so"),
        ("foreign", "does not export"),
        ("misled", "base_ulr"),
    ] {
        let channel = find(name);
        assert_eq!(
            channel.state,
            i32::from(ChannelState::Refused),
            "{channel:?}"
        );
        assert!(channel.detail.contains(word), "{name}: {}", channel.detail);
    }

    scenes::set_up(&ana, &ben, ONE_TEXT).await;
    let case = scenes::open(&ana, &Loan::at_noon(1)).await;
    scenes::until_contact(&ana, &case.case_id, ContactState::Effected).await;
    assert_eq!(sandbox.effects("sms").len(), 1);
}

/// A library of the system that is loaded into this very process.
fn system_library() -> String {
    let maps = fs::read_to_string("/proc/self/maps").expect("the maps of this process");
    let paths = maps.lines().filter_map(|l| l.split_whitespace().nth(5));
    let mut libraries = paths.filter(|p| p.contains("libc.so") || p.contains("libm.so"));
    libraries.next().expect("a C library").to_owned()
}

#[tokio::test]
async fn every_fault_of_a_policy_comes_with_line_and_column() {
    let world = World::live(&["sms"], ONE_TEXT).await;
    let yaml = "name: wrong
stages:
  - name: remind
    enter: case.dpd >= 1 &&
    steps: [{channel: sms, template: reminder, evry: 3d}]
  - name: call
    enter: case.dbd >= 4
    steps: [{channel: fax, template: nothing}]
";
    let request = v1::CheckPolicyRequest {
        yaml: yaml.into(),
        ..v1::CheckPolicyRequest::default()
    };
    let checked = world.ana.policies().check_policy(request).await;
    let checked = checked.expect("a check").into_inner();
    assert!(!checked.ok);
    let errors = checked.findings.iter();
    let errors = errors.filter(|f| f.severity == i32::from(Severity::Error));
    let found: Vec<_> = errors.map(|f| (f.line, f.code.as_str())).collect();
    for wanted in [
        (4, "RCP-POL-020"),
        (5, "RCP-POL-003"),
        (7, "RCP-POL-022"),
        (8, "RCP-POL-012"),
        (8, "RCP-POL-013"),
    ] {
        assert!(
            found.contains(&wanted),
            "{wanted:?}: {:#?}",
            checked.findings
        );
    }
    let typo = checked.findings.iter().find(|f| f.line == 7);
    let typo = typo.expect("the unknown name");
    let place = yaml.lines().nth(6).and_then(|l| l.find("dbd"));
    let place = i32::try_from(place.expect("it is there") + 1).expect("a column");
    assert!((place - 5..=place).contains(&typo.column), "{typo:?}");
    assert!(
        format!("{} {}", typo.message, typo.hint).contains("dpd"),
        "{typo:?}"
    );

    let request = v1::CreatePolicyRequest {
        request_id: "wrong".into(),
        yaml: yaml.into(),
    };
    let refused = world.ana.policies().create_policy(request).await;
    assert_eq!(
        reason(&refused.expect_err("it has faults")),
        "POLICY_INVALID"
    );
    let file = world.folder.path().join("wrong.yaml");
    fs::write(&file, yaml).expect("a file");
    let told = recoup(&world, &["policy", "check"], &file);
    let said = String::from_utf8_lossy(&told.stdout) + String::from_utf8_lossy(&told.stderr);
    assert!(
        !told.status.success() && said.contains("RCP-POL-022"),
        "{said}"
    );
}

/// A text without faults that leaves cases alone on their first days, and visits whom nobody called.
const GAP_AND_FIRST_VISIT: &str = "name: bold
stages:
  - name: call
    enter: case.dpd >= 4
    steps: [{channel: phone, template: first_call, every: 1d, max: 3}]
  - name: visit
    enter: case.dpd >= 30
    steps: [{channel: visit, template: visit_brief, max: 1}]
";

#[tokio::test]
async fn what_a_policy_does_wrong_comes_with_a_timeline_and_is_not_stored() {
    let world = World::live(&["sms", "phone", "visit"], ONE_TEXT).await;
    let request = v1::CheckPolicyRequest {
        yaml: GAP_AND_FIRST_VISIT.into(),
        regions: vec!["CN".into()],
        ..v1::CheckPolicyRequest::default()
    };
    let checked = world.ana.policies().check_policy(request).await;
    let checked = checked.expect("a check").into_inner();
    assert!(!checked.ok);
    let found: Vec<_> = checked
        .findings
        .iter()
        .map(|f| (f.line, f.code.as_str(), f.counter_example.is_empty()))
        .collect();
    assert_eq!(
        found,
        [(4, "RCP-POL-041", false), (8, "RCP-POL-045", false)]
    );
    let [unchecked] = &checked.unchecked[..] else {
        panic!("{:?}", checked.unchecked);
    };
    assert!(unchecked.contains("in each language"), "{unchecked}");

    let request = v1::CreatePolicyRequest {
        request_id: "bold".into(),
        yaml: GAP_AND_FIRST_VISIT.into(),
    };
    let refused = world.ana.policies().create_policy(request).await;
    let refused = refused.expect_err("it has faults");
    assert_eq!(reason(&refused), "POLICY_INVALID");
    assert!(refused.message().contains("RCP-POL-045"), "{refused:?}");

    let file = world.folder.path().join("bold.yaml");
    fs::write(&file, GAP_AND_FIRST_VISIT).expect("a file");
    let told = recoup(&world, &["policy", "check", "--region", "CN"], &file);
    let said = String::from_utf8_lossy(&told.stdout);
    assert_eq!(told.status.code(), Some(1), "{said}");
    for line in [
        "error: RCP-POL-041",
        "    2026-03-03 DPD 1: the case is overdue, and no stage holds",
        "rejected: 2 error(s), 0 warning(s)",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
}

fn recoup(world: &World, args: &[&str], file: &Path) -> Output {
    let mut command = Command::new(builds::recoup());
    command.args(args).arg(file);
    command.env("RECOUP_SERVER", format!("http://{}", world.server.api()));
    command.env("RECOUP_TOKEN", "dev-ana");
    command.output().expect("recoup runs")
}

#[tokio::test]
async fn bad_rows_come_back_as_a_file_and_the_others_are_in() {
    let world = World::live(&["sms"], ONE_TEXT).await;
    let loan = Loan::at_noon(1);
    let row = |reference: &str, overdue: &str, zone: &str| {
        format!(
            "{reference},B-{reference},individual,CN,microloan_company,CNY,{overdue},{},{zone},\
             +8613800000001\n",
            loan.due
        )
    };
    let mut rows = "lender_case_ref,borrower_ref,borrower_kind,jurisdiction,lender_kind,currency,\
                    overdue,oldest_unpaid_due_date,time_zones,mobiles\n"
        .to_owned();
    rows += &row("G1", "600.00", &loan.zone);
    rows += &row("BAD-AMOUNT", "6oo", &loan.zone);
    rows += &row("BAD-ZONE", "600.00", "Asia/Nowhere");
    rows += &row("G2", "10.00", &loan.zone);
    let file = world.folder.path().join("rows.csv");
    fs::write(&file, rows).expect("a file");
    let told = recoup(&world, &["import", "--json", "--file"], &file);
    assert_eq!(told.status.code(), Some(4), "{told:?}");
    let summary: serde_json::Value = serde_json::from_slice(&told.stdout).expect("one JSON object");
    assert_eq!(summary["rows"], 4, "{summary}");
    assert_eq!(
        (&summary["opened"], &summary["bad"]),
        (&2.into(), &2.into()),
        "{summary}"
    );

    let bad = summary["bad_rows"].as_str().expect("the file of bad rows");
    let mode = fs::metadata(bad).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let bad = fs::read_to_string(bad).expect("the file");
    assert_eq!(bad.lines().count(), 3, "{bad}");
    for (reference, word) in [("BAD-AMOUNT", "6oo"), ("BAD-ZONE", "Asia/Nowhere")] {
        let row = bad
            .lines()
            .find(|l| l.contains(reference))
            .expect("the row");
        assert!(
            row.matches(word).count() > 1,
            "it is named in the error: {row}"
        );
    }
    for reference in ["G1", "G2"] {
        let case = scenes::get(&world.ana, reference).await;
        scenes::until_contact(&world.ana, &case.case_id, ContactState::Effected).await;
    }
    let missing = v1::GetCaseRequest {
        r#ref: Some(v1::get_case_request::Ref::LenderCaseRef("BAD-ZONE".into())),
    };
    let missing = world.ana.cases().get_case(missing).await;
    assert_eq!(
        reason(&missing.expect_err("it is not in")),
        "CASE_NOT_FOUND"
    );
}

#[tokio::test]
async fn all_wrong_fields_of_a_message_are_named_at_once() {
    let world = World::live(&["sms"], ONE_TEXT).await;
    let mut request = Loan::at_noon(1).open();
    let case = request.case.as_mut().expect("the case");
    case.lender_case_ref.clear();
    case.jurisdiction = "Utopia".into();
    let Some(v1::open_case_request::Borrower::Upsert(party)) = &mut request.borrower else {
        panic!("a new borrower")
    };
    party.time_zones = vec!["Moon/Crater".into()];
    party.contact_points[0].value = "12".into();
    let refused = world.ana.cases().open_case(request).await;
    let status = refused.expect_err("nothing of it can be taken");
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    let named = fields(&status);
    for field in [
        "case.lender_case_ref",
        "case.jurisdiction",
        "time_zones[0]",
        "contact_points[0].value",
    ] {
        assert!(
            named.iter().any(|n| n.ends_with(field)),
            "{field}: {named:?}"
        );
    }
    let events = world
        .ana
        .cases()
        .list_cases(v1::ListCasesRequest::default())
        .await;
    assert!(
        events.expect("a list").into_inner().cases.is_empty(),
        "nothing half written"
    );
}

#[tokio::test]
async fn a_channel_is_tried_without_a_server() {
    let folder = Folder::new();
    let sms = builds::plugin("sms");
    let config = "config = { endpoint = \"http://127.0.0.1:9/x\", username = \"u\", \
                  password_secret = \"p\", from = \"1\" }\nsecrets = { p = { file = \"p\" } }";
    fs::write(folder.path().join("p"), "secret").expect("a secret");
    let text = format!(
        "[[channel]]\nname = \"good\"\nlibrary = \"{}\"\n{config}\n\
         [[channel]]\nname = \"none\"\nlibrary = \"{}\"\n",
        sms.display(),
        builds::recoup().display()
    );
    fs::write(folder.path().join("recoup.toml"), text).expect("a configuration");
    let run = |name: &str| {
        let mut command = std::process::Command::new(builds::recoup());
        command.current_dir(folder.path());
        command.args(["channel", "test", name, "--config", "recoup.toml"]);
        let output = command.output().expect("it ran");
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    };
    let (code, said) = run("good");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("past not_after nothing is sent"), "{said}");
    let (code, said) = run("none");
    assert_eq!(code, Some(1), "a program is no channel: {said}");
    assert!(said.contains("FAIL"), "{said}");
    let (code, said) = run("other");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("there are: good, none"), "{said}");
}

#[tokio::test]
async fn a_library_is_tried_alone_and_reported_for_people_and_machines() {
    let folder = Folder::new();
    fs::write(folder.path().join("p"), "secret").expect("a secret");
    let sms = builds::plugin("sms").display().to_string();
    let settings = r#"{"endpoint": "http://{recorder}/x", "username": "u", "password_secret": "p", "from": "1", "dlr": true}"#;
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(builds::recoup());
        command.current_dir(folder.path());
        let output = command.args(["channel", "test"]).args(arguments).output();
        let output = output.expect("it ran");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (output.status.code(), said)
    };
    let (code, said) = run(&[
        &sms,
        "--settings",
        settings,
        "--secret",
        "p=p",
        "--json",
        "--junit",
        "out.xml",
    ]);
    assert_eq!(code, Some(0), "{said}");
    let report: serde_json::Value = serde_json::from_str(said.trim()).expect("JSON");
    assert_eq!(report["passed"], true);
    let checks = report["checks"].as_array().expect("a list");
    assert!(
        checks.len() > 10 && checks.iter().all(|c| c["verdict"] == "pass"),
        "{said}"
    );
    let junit = fs::read_to_string(folder.path().join("out.xml")).expect("the report");
    let head = format!("tests=\"{}\" failures=\"0\" skipped=\"0\"", checks.len());
    assert!(junit.contains(&head), "{junit}");

    let phone = builds::plugin("phone").display().to_string();
    let settings = r#"{"base_url": "http://{recorder}", "account_sid": "ACx", "auth_token_secret": "p", "from": "+12025550100"}"#;
    let (code, said) = run(&[&phone, "--settings", settings, "--secret", "p=p"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("skipped"), "a call is made: {said}");
    let email = builds::plugin("email").display().to_string();
    let settings = r#"{"host": "127.0.0.1", "port": {recorder_port}, "tls": "none", "from": "A <a@example.com>"}"#;
    let (code, said) = run(&[&email, "--settings", settings, "--level", "3"]);
    assert_eq!(code, Some(0), "a port is a number: {said}");

    let (code, said) = run(&[&sms, "--level", "1"]);
    assert_eq!(code, Some(1), "it needs settings: {said}");
    assert!(said.contains("endpoint"), "{said}");
    let (code, said) = run(&["nowhere.so"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("no such file"), "{said}");
    let (code, said) = run(&[&sms, "--settings", "{"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--settings is no JSON"), "{said}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_fault() {
    let folder = Folder::new();
    let rows = "lender_case_ref,borrower_ref,borrower_kind,jurisdiction,lender_kind,currency,overdue,\
                oldest_unpaid_due_date\nL1,B1,individual,CN,microloan_company,CNY,600.00,2026-01-01\n";
    fs::write(folder.path().join("cases.csv"), rows).expect("a file");
    for command in ["import --dry-run --file cases.csv", "policy schema"] {
        // It prints once nobody reads any more.
        let line = format!("(sleep 1; {} {command}) | true", builds::recoup().display());
        let mut shell = std::process::Command::new("sh");
        let output = shell
            .args(["-c", &line])
            .current_dir(folder.path())
            .output();
        let said = output.expect("a shell runs").stderr;
        let said = String::from_utf8_lossy(&said);
        assert!(!said.contains("panicked"), "{command}: {said}");
    }
}
