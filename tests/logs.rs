//! The log: lines that machines read, and nobody's name or number in them, whatever is switched on.

use recoup::api::recoup::v1;
use serde_json::Value;
use v1::ContactState;

use crate::support::process::Folder;
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, Loan, ONE_TEXT};
use crate::support::server::{Server, Setup, launch};

/// A setup that logs as told.
fn logging(sandbox: &Sandbox, filter: &str) -> Setup {
    let mut setup = Setup::default().with("sms", sandbox);
    setup.top += &format!("log = \"{filter}\"\nlog_format = \"json\"\n");
    setup
}

#[tokio::test]
async fn a_contact_leaves_no_name_and_no_number_in_the_log_even_where_all_is_logged() {
    let folder = Folder::new();
    let sandbox = Sandbox::live(folder.path(), 42).await;
    let setup = logging(&sandbox, "trace");
    let mut server = Server::start(folder.path(), &setup).await;
    let (ana, ben) = (server.ana(), server.ben());
    scenes::set_up(&ana, &ben, ONE_TEXT).await;
    let loan = Loan::at_noon(1);
    let case = scenes::open(&ana, &loan).await;
    scenes::until_contact(&ana, &case.case_id, ContactState::Effected).await;
    // A request that is refused, and one that nobody may make, speak of people as well.
    let again = v1::OpenCaseRequest {
        request_id: "again".into(),
        ..loan.open()
    };
    let refused = ana.cases().open_case(again).await;
    refused.expect_err("the loan has an open case");
    let nobody = server.nobody().cases().open_case(loan.open()).await;
    nobody.expect_err("nobody may");
    assert!(server.stop().await.success());

    let log = server.process().stderr();
    let mut messages = 0;
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        for field in ["timestamp", "level", "target"] {
            assert!(line[field].is_string(), "{field}: {line}");
        }
        messages += usize::from(line["fields"]["message"].is_string());
    }
    assert!(messages > 10, "so much is logged at least: {log}");
    let number = loan.mobile();
    let digits = number.trim_start_matches('+');
    let own = [
        "Borrower 1",
        "b1@borrower.example",
        "Road 1, Town",
        "is overdue",
    ];
    let tokens = ["dev-ana", "dev-ben"];
    for secret in own.into_iter().chain(tokens).chain([digits]) {
        let line = log.lines().find(|line| line.contains(secret));
        // The principals are announced by name, never by token.
        assert!(line.is_none(), "`{secret}` is in the log: {line:?}");
    }
}

#[tokio::test]
async fn a_filter_keeps_quiet_what_it_does_not_name() {
    let folder = Folder::new();
    let sandbox = Sandbox::live(folder.path(), 42).await;
    let setup = logging(&sandbox, "warn,recoup::cli=info");
    let mut server = Server::start(folder.path(), &setup).await;
    assert!(server.stop().await.success());
    let log = server.process().stderr();
    let lines = log
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).expect("JSON"));
    let infos: Vec<Value> = lines.filter(|l| l["level"] == "INFO").collect();
    assert!(
        !infos.is_empty() && infos.iter().all(|l| l["target"] == "recoup::cli::serve"),
        "{infos:?}"
    );
}

#[tokio::test]
async fn a_filter_that_is_none_is_said_before_anything_runs() {
    let folder = Folder::new();
    let mut setup = Setup::default();
    setup.top += "log = \"recoup=loud\"\n";
    let mut process = launch(folder.path(), &setup);
    assert_eq!(process.wait().await.code(), Some(2));
    let said = process.stderr();
    assert!(said.contains("configuration `log`"), "{said}");
}

/// A macro that logs for operators, and the level that docs/logs.md writes.
const MACROS: [(&str, &str); 3] = [
    ("tracing::info!(", "INFO"),
    ("tracing::warn!(", "WARN"),
    ("tracing::error!(", "ERROR"),
];

/// The message of a macro's arguments, up to what is put into it: its last literal.
fn message(arguments: &str) -> String {
    let (mut depth, mut literals) = (0, Vec::new());
    let mut literal: Option<String> = None;
    for c in arguments.chars() {
        match (&mut literal, c) {
            (Some(_), '"') => literals.extend(literal.take()),
            (Some(text), c) => text.push(c),
            (None, '"') => literal = Some(String::new()),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => break,
            (None, ')') => depth -= 1,
            (None, _) => {}
        }
    }
    let last = literals.pop().unwrap_or_default();
    let fixed = last.split('{').next().unwrap_or_default();
    fixed.trim_end_matches([' ', ':', ';']).to_owned()
}

fn sources(dir: &std::path::Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("tests") && !path.ends_with("examples") {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(std::fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn every_line_that_is_logged_has_its_row_and_every_row_its_line() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/logs.md")).expect("the page");
    let row = |line: &str| {
        let (level, rest) = line.strip_prefix("| ")?.split_once(" | `")?;
        let message = rest.split_once("` |")?.0;
        (level != "level").then(|| (level.to_owned(), message.to_owned()))
    };
    let is_level = |(level, _): &(String, String)| MACROS.iter().any(|(_, l)| l == level);
    let mut documented: Vec<_> = page.lines().filter_map(row).filter(is_level).collect();

    let mut files = Vec::new();
    sources(&root.join("crates"), &mut files);
    let mut logged = Vec::new();
    for source in &files {
        for (name, level) in MACROS {
            for (at, _) in source.match_indices(name) {
                logged.push((level.to_owned(), message(&source[at + name.len()..])));
            }
        }
    }
    // What a channel says, and an incident, is not known beforehand.
    logged.retain(|(_, message)| !message.is_empty());
    for list in [&mut logged, &mut documented] {
        list.sort();
        list.dedup();
    }
    let of_principals = "; principals";
    for (_, message) in &mut logged {
        *message = message.trim_end_matches(of_principals).to_owned();
    }
    assert!(logged.len() > 30, "the sources were not read: {logged:?}");
    assert_eq!(documented, logged, "docs/logs.md against the sources");
}
