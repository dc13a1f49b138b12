//! The program: exit status, the report for people, and the JSON line.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Run, SECOND, cn};

const NOON: &str = "2026-03-02T12:00:00";

/// Status, standard output and standard error of the program over two files.
fn judge(log: &str, ledger: &str, options: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = [
        folder.path().join("sandbox.jsonl"),
        folder.path().join("ledger.jsonl"),
    ];
    std::fs::write(&paths[0], log).expect("the log");
    std::fs::write(&paths[1], ledger).expect("the ledger");
    let output = Command::new(env!("CARGO_BIN_EXE_recoup-judge"))
        .args(["--sandbox-log".as_ref(), paths[0].as_os_str()])
        .args(["--ledger".as_ref(), paths[1].as_os_str()])
        .args(options)
        .output()
        .expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code().expect("a status"),
        text(output.stdout),
        text(output.stderr),
    )
}

fn last_json(stdout: &str) -> Value {
    serde_json::from_str(stdout.lines().last().expect("a line")).expect("JSON")
}

#[test]
fn a_clean_run_is_status_0() {
    let mut run = Run::china();
    run.contact("A", "sms", cn(NOON));
    let (status, stdout, stderr) = judge(&run.log_text(), &run.ledger_text(), &["--json"]);
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert!(stdout.contains("verdict: clean"), "{stdout}");
    let expected = json!({
        "intents":1, "receipts":1, "accepted":1, "effected":0, "unknown":0, "denied":0,
        "cancelled":0, "doubles":0, "losses":0, "twins":0, "outside_window":0, "over_cap":0,
        "after_stop":0, "receipts_without_intent":0, "accepted_without_receipt":0,
        "no_prior_contact":0, "bad_edges":0, "misbehaved":0, "ignored_lines":0, "live":false,
        "live_reason":"nothing was accepted on phone, email, visit, legal",
        "violations":[], "verdict":"clean",
    });
    assert_eq!(last_json(&stdout), expected);
    let (log, ledger) = (run.log_text(), run.ledger_text());
    assert_eq!(judge(&log, &ledger, &["--require-live"]).0, 1);
    assert_eq!(
        judge(&log, &ledger, &["--require-live", "--live-channels", "sms"]).0,
        0
    );
}

#[test]
fn a_violated_run_is_status_1_and_names_the_contact() {
    let mut run = Run::china();
    run.contact("A", "sms", cn(NOON))
        .receipt("A", "sms", cn(NOON) + SECOND);
    let (status, stdout, _) = judge(&run.log_text(), &run.ledger_text(), &["--json"]);
    assert_eq!(status, 1);
    let json = last_json(&stdout);
    assert_eq!(
        (&json["verdict"], &json["doubles"]),
        (&json!("violated"), &json!(1))
    );
    let violation = &json["violations"][0];
    assert_eq!(violation["kind"], "double");
    assert_eq!(
        (&violation["contact"], &violation["case"]),
        (&json!("A"), &json!("C"))
    );
    assert!(stdout.contains("double: contact A, case C: plan_seq 0 reached the person 2 times"));
    assert!(!stdout.contains("+86100"), "a person's number was printed");
}

#[test]
fn what_cannot_be_judged_is_status_2() {
    let run = Run::china();
    let (status, stdout, stderr) = judge("", &run.ledger_text(), &["--json"]);
    assert_eq!(status, 2);
    assert!(
        stderr.starts_with("recoup-judge: sandbox log: is empty"),
        "{stderr}"
    );
    assert_eq!(last_json(&stdout)["verdict"], "unjudged");
    assert_eq!(judge("garbage\n", &run.ledger_text(), &[]).0, 2);
    let nowhere = Command::new(env!("CARGO_BIN_EXE_recoup-judge"))
        .args([
            "--sandbox-log",
            "nowhere.jsonl",
            "--ledger",
            "nowhere.jsonl",
        ])
        .output()
        .expect("the program runs");
    assert_eq!(nowhere.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&nowhere.stderr);
    assert!(
        stderr.starts_with("recoup-judge: sandbox log cannot be read: "),
        "{stderr}"
    );
}
