//! A change of law from outside: a pack in a file is checked, previewed and switched on, and what was told happens.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use jiff::{Timestamp, ToSpan};
use recoup::api::recoup::v1;
use serde_json::Value;

use crate::support::builds;
use crate::support::client::{Client, fields, reason};
use crate::support::process::{Folder, until};
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, Loan, ONE_TEXT};
use crate::support::server::{Server, Setup, launch};

const TIME: &str = "CN-GBT45251-TIME";
const DAY: &str = "hours: [{open: \"08:00\", close: \"22:00\"}]";

/// `recoup law …` beside the files of a folder: exit code, and what it says.
fn law(dir: &Path, server: Option<&Server>, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(builds::recoup());
    command.arg("law").args(args).current_dir(dir);
    if let Some(server) = server {
        command
            .env("RECOUP_SERVER", format!("http://{}", server.api()))
            .env("RECOUP_TOKEN", "dev-ana");
    }
    let done = command.output().expect("recoup runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

/// What a preview tells, line by line.
fn preview(dir: &Path, server: &Server, args: &[&str]) -> (Option<i32>, Vec<Value>) {
    let args = [&["preview", "--json"], args].concat();
    let (code, said, err) = law(dir, Some(server), &args);
    let lines = said.lines().map(|l| serde_json::from_str(l).expect("JSON"));
    let lines: Vec<Value> = lines.collect();
    assert!(!lines.is_empty(), "{code:?} {err}");
    (code, lines)
}

fn of<'a>(lines: &'a [Value], part: &str) -> Vec<&'a Value> {
    lines.iter().filter_map(|l| l.get(part)).collect()
}

/// What becomes of each case, and when its next contact goes then.
fn cases(lines: &[Value]) -> BTreeMap<String, (String, String)> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let told = of(lines, "case").into_iter();
    told.map(|c| {
        (
            text(&c["caseId"]),
            (text(&c["change"]), text(&c["after"]["time"])),
        )
    })
    .collect()
}

/// The built-in pack of China with other hours.
fn write_hours(dir: &Path, name: &str, hours: &str) -> String {
    let (code, text, _) = law(dir, None, &["text", "cn"]);
    assert_eq!(code, Some(0));
    assert!(text.contains(DAY), "{text}");
    let text = text.replace(DAY, &format!("hours: [{hours}]"));
    std::fs::write(dir.join(name), &text).expect("a file");
    text
}

fn setup(sandbox: &Sandbox, packs: &str) -> Setup {
    let mut setup = Setup::default().with("sms", sandbox);
    setup.tables = format!("[compliance]\npacks = [{packs}]\n{}", setup.tables);
    setup
}

/// A loan ten days late, of somebody for whom it will be noon in so many hours.
fn noon_in(number: u32, hours: i64) -> Loan {
    Loan {
        zone: scenes::noon_zone(scenes::now() + hours.hours()),
        ..Loan::at_noon(number)
    }
}

async fn open(client: &Client, loan: &Loan, jurisdiction: &str) -> String {
    let mut request = loan.open();
    request.case.as_mut().expect("the case").jurisdiction = jurisdiction.into();
    let opened = client.cases().open_case(request).await;
    let opened = opened.expect("a case").into_inner();
    opened.case.expect("the case").case_id
}

async fn due(client: &Client, case: &str) -> String {
    let request = v1::ExplainCaseRequest {
        case_id: case.into(),
        ..v1::ExplainCaseRequest::default()
    };
    let answer = client.cases().explain_case(request).await;
    let steps = answer.expect("an explanation").into_inner().steps;
    let at = steps[0].due_time.as_ref().expect("it waits");
    let at = Timestamp::new(at.seconds, at.nanos).expect("an instant");
    at.to_string()
}

/// Waits until the gateway has said what became of the case's text.
async fn until_sent(client: &Client, case: &str) {
    until("the text's end", async || {
        let all = scenes::contacts_of(client, case).await;
        all.into_iter().find(|c| c.outcome != 0)
    })
    .await;
}

async fn dispatch(client: &Client, stops: bool) {
    let scope = Some(v1::DispatchScope {
        scope: Some(v1::dispatch_scope::Scope::All(true)),
    });
    let (request_id, reason) = (format!("all-{stops}"), "a change of law".to_owned());
    let mut admin = client.admin();
    if stops {
        let request = v1::PauseDispatchRequest {
            request_id,
            scope,
            reason,
        };
        admin.pause_dispatch(request).await.expect("it stops");
    } else {
        let request = v1::ResumeDispatchRequest {
            request_id,
            scope,
            reason,
        };
        admin.resume_dispatch(request).await.expect("it goes on");
    }
}

#[tokio::test]
async fn what_a_preview_tells_happens_after_the_switch() {
    let folder = Folder::new();
    let dir = folder.path();
    let mut sandbox = Sandbox::live(dir, 42).await;
    let mut server = Server::start(dir, &setup(&sandbox, "")).await;
    let (ana, ben) = (server.ana(), server.ben());
    scenes::set_up(&ana, &ben, ONE_TEXT).await;
    dispatch(&ana, true).await;
    let noon = open(&ana, &Loan::at_noon(1), "CN").await;
    // Two at night: it sleeps until eight.
    let night = open(&ana, &noon_in(2, 10), "CN").await;
    open(&ana, &Loan::at_noon(3), "TW").await;
    let early = Loan {
        due: Loan::at_noon(4).due + 40.days(),
        ..Loan::at_noon(4)
    };
    open(&ana, &early, "CN").await;

    // Hours that are over at noon, and a rule less.
    let text = write_hours(dir, "narrow.yaml", "{open: \"15:00\", close: \"16:00\"}");
    let (before, rest) = text.split_once("  - id: CN-GBT45251-OBJ").expect("a rule");
    let (_, after) = rest
        .split_once("  - id: CN-GBT45251-THIRD")
        .expect("another");
    let text = format!("{before}  - id: CN-GBT45251-THIRD{after}");
    std::fs::write(dir.join("narrow.yaml"), text).expect("a file");
    assert_eq!(law(dir, None, &["check", "narrow.yaml"]).0, Some(0));
    let (code, lines) = preview(dir, &server, &["narrow.yaml"]);
    assert_eq!(code, Some(5), "cases change");
    let told = cases(&lines);
    let kinds: Vec<(&str, &str)> = told.iter().map(|(c, (k, _))| (&**c, &**k)).collect();
    let mut expected = [
        (noon.as_str(), "CASE_LAW_CHANGE_DENIED"),
        (night.as_str(), "CASE_LAW_CHANGE_LATER"),
    ];
    expected.sort_unstable();
    assert_eq!(kinds, expected, "{lines:#?}");
    let rules: BTreeMap<&str, &str> = of(&lines, "rule")
        .iter()
        .filter_map(|r| Some((r["ruleId"].as_str()?, r["change"].as_str()?)))
        .collect();
    assert_eq!(rules[TIME], "LAW_CHANGE_CHANGED", "{rules:?}");
    assert_eq!(rules["CN-GBT45251-OBJ"], "LAW_CHANGE_REMOVED");
    let summary = of(&lines, "summary")[0];
    assert_eq!(
        (&summary["cases"], &summary["changedCases"]),
        (&"4".into(), &"2".into())
    );
    assert_eq!(summary["byRule"][TIME], "2");
    let (code, words, _) = law(dir, Some(&server), &["preview", "narrow.yaml"]);
    assert_eq!(code, Some(5));
    for part in [
        &noon,
        &night,
        TIME,
        "rule.daily_window.hours[0].open: 08:00, then 15:00",
        "binds no more",
        "2 change",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert!(server.stop().await.success());

    // What was told is so: the hash, the times, and that nothing goes.
    let mut server = Server::start(dir, &setup(&sandbox, "\"narrow.yaml\"")).await;
    let ana = server.ana();
    let listed = ana.law().list_packs(v1::ListPacksRequest::default()).await;
    let listed = listed.expect("packs").into_inner().packs;
    let cn = listed
        .iter()
        .find(|p| p.file.ends_with("narrow.yaml"))
        .expect("the file");
    let hash = &cn.pack.as_ref().expect("its version").hash;
    assert_eq!(of(&lines, "compared")[0]["hashAfter"], hash.as_str());
    for (case, (_, time)) in &told {
        assert_eq!(due(&ana, case).await, *time, "{case}");
    }
    dispatch(&ana, false).await;
    let late = open(&ana, &Loan::at_noon(5), "CN").await;
    let control = open(&ana, &Loan::at_noon(6), "TW").await;
    until_sent(&ana, &control).await;
    for case in [&noon, &night, &late] {
        assert_eq!(scenes::contacts_of(&ana, case).await, [], "{case}");
    }
    let log = server.process().stderr();
    let loosened = log.lines().find(|l| l.contains("a file loosens a rule"));
    assert!(
        loosened.is_some_and(|l| l.contains("CN-GBT45251-OBJ")),
        "{log}"
    );

    // And the other way: hours all day wake what sleeps.
    write_hours(dir, "wide.yaml", "{open: \"00:00\", close: \"24:00\"}");
    let (_, lines) = preview(dir, &server, &["wide.yaml"]);
    let told = cases(&lines);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told.values()
            .all(|(kind, _)| kind == "CASE_LAW_CHANGE_ALLOWED")
    );
    assert!(server.stop().await.success());
    let mut server = Server::start(dir, &setup(&sandbox, "\"wide.yaml\"")).await;
    let ana = server.ana();
    for case in told.keys() {
        until_sent(&ana, case).await;
    }
    // Back to the built-in packs: `--instead` without a file.
    let (code, lines) = preview(dir, &server, &["--instead"]);
    assert!(code == Some(0) || code == Some(5), "{code:?}");
    assert!(of(&lines, "rule").iter().any(|r| r["ruleId"] == TIME));
    assert!(server.stop().await.success());
    sandbox.stop().await;
}

#[tokio::test]
async fn a_file_that_is_no_pack_is_told_with_all_its_faults_wherever_it_comes_in() {
    let folder = Folder::new();
    let dir = folder.path();
    let text = write_hours(dir, "bad.yaml", "{open: \"25:00\", close: \"22:00\"}");
    let text = text.replace("max: 3\n", "max: many\n");
    std::fs::write(dir.join("bad.yaml"), &text).expect("a file");
    let line = |of: &str| text.lines().position(|l| l.contains(of)).expect("a line") + 1;
    let freq = format!("bad.yaml:{}: rule CN-GBT45251-FREQ3", line("max: many"));
    let (code, said, _) = law(dir, None, &["check", "bad.yaml"]);
    assert_eq!(code, Some(4), "{said}");
    let hours = format!("bad.yaml:{}: rule {TIME}", line("25:00"));
    assert!(said.contains(&freq) && said.contains(&hours), "{said}");
    assert_eq!(law(dir, None, &["check", "none.yaml"]).0, Some(2));
    assert_eq!(law(dir, None, &["text", "none"]).0, Some(2));

    let refused = Setup {
        tables: "[compliance]\npacks = [\"bad.yaml\"]\n".into(),
        ..Setup::default()
    };
    let mut process = launch(dir, &refused);
    assert_eq!(process.wait().await.code(), Some(2));
    let told = process.stderr();
    assert!(
        told.contains("compliance.packs") && told.contains(&freq),
        "{told}"
    );

    let server = Server::start(dir, &Setup::default()).await;
    let (code, _, err) = law(dir, Some(&server), &["preview", "bad.yaml"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("PACK_INVALID") && err.contains(&freq), "{err}");
    let request = v1::PreviewPacksRequest {
        files: vec![v1::PackFile {
            name: "bad.yaml".into(),
            text,
        }],
        enabled: vec!["no-such-pack".into()],
        instead: false,
    };
    let refused = server.ana().law().preview_packs(request).await;
    let refused = refused.expect_err("it is no pack");
    assert_eq!(reason(&refused), "PACK_INVALID");
    let named = fields(&refused);
    assert!(
        named.len() >= 2 && named.iter().all(|f| f == "files[0].text"),
        "{named:?}"
    );
    let request = v1::PreviewPacksRequest {
        enabled: vec!["us-nyc".into(), "no-such-pack".into()],
        ..v1::PreviewPacksRequest::default()
    };
    let refused = server.ana().law().preview_packs(request).await;
    let refused = refused.expect_err("nothing of that id ships off");
    assert_eq!(
        (reason(&refused), fields(&refused)),
        ("RULE_UNKNOWN".into(), vec!["enabled[1]".to_owned()])
    );
}

#[tokio::test]
async fn whoever_stops_listening_makes_room_for_the_next() {
    let folder = Folder::new();
    let server = Server::start(folder.path(), &Setup::default()).await;
    let ana = server.ana();
    let mut law = ana.law();
    let request = v1::PreviewPacksRequest {
        enabled: vec!["us-nyc".into()],
        ..v1::PreviewPacksRequest::default()
    };
    for _ in 0..5 {
        let stream = law.preview_packs(request.clone()).await.expect("a stream");
        let first = stream.into_inner().message().await.expect("an answer");
        assert!(first.and_then(|a| a.part).is_some());
    }
    let mut parts = law
        .preview_packs(request)
        .await
        .expect("a stream")
        .into_inner();
    let mut last = None;
    while let Some(answer) = parts.message().await.expect("an answer") {
        last = answer.part;
    }
    let Some(v1::preview_packs_response::Part::Summary(summary)) = last else {
        panic!("the last is the summary: {last:?}");
    };
    assert_eq!((summary.cases, summary.changed_cases), (0, 0));
    assert!(summary.differences > 0);
}

#[tokio::test]
async fn a_check_tells_what_may_be_a_slip() {
    let folder = Folder::new();
    let dir = folder.path();
    let text = write_hours(dir, "doubtful.yaml", "{open: \"08:00\", close: \"19:00\"}");
    let text = text.replace("regions: [CN]", "regions: [CN, XX-ZZ]");
    assert!(text.contains("XX-ZZ"));
    std::fs::write(dir.join("doubtful.yaml"), &text).expect("a file");
    let (code, said, _) = law(dir, None, &["check", "doubtful.yaml"]);
    assert_eq!(code, Some(0), "{said}");
    for part in [
        "CN-GBT45251-TIME: `rule` is another, and `text` is as before",
        "In force: 08:00 to 19:00.",
        "`XX-ZZ` of `regions` begins with the code of no country",
        "CN-HOUSE-HOLIDAYS: calendar `cn.yaml` ends with 2026",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
