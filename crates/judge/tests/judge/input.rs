//! What cannot be judged is refused, with the line and what would be right.

use serde_json::json;

use crate::support::{Run, cn, done, judge_texts};
use recoup_judge::verdict::Options;

fn good() -> Run {
    let mut run = Run::china();
    run.contact("A", "sms", cn("2026-03-02T12:00:00"));
    run
}

/// The refusal of a run spoiled in one place.
fn refusal(spoil: impl FnOnce(&mut Run)) -> String {
    let mut run = good();
    spoil(&mut run);
    run.try_judge().expect_err("a refusal").to_string()
}

fn refusal_of(log: &str, ledger: &str) -> String {
    judge_texts(log, ledger, &Options::default())
        .expect_err("a refusal")
        .to_string()
}

#[test]
fn logs_that_cannot_be_judged() {
    let ledger = good().ledger_text();
    let log = good().log_text();
    assert!(refusal_of("", &ledger).starts_with("sandbox log: is empty"));
    let open = log.lines().next().unwrap();
    assert!(refusal_of(open, &ledger).contains("no receipt"));
    let no_open = log.lines().nth(1).unwrap();
    assert!(refusal_of(no_open, &ledger).starts_with("sandbox log, line 1: the first line"));
    for garbage in [
        "{",
        "garbage",
        "[]",
        "{\"n\":1}",
        "",
        "{\"type\":\"receipt\",\"n\":2}",
    ] {
        let text = refusal_of(&format!("{log}{garbage}\n"), &ledger);
        assert!(
            text.starts_with("sandbox log, line 3: is not"),
            "{garbage}: {text}"
        );
    }
    let not_utf8 = [log.as_bytes(), &[0xff, b'\n']].concat();
    let error = recoup_judge::log::SandboxLog::read(not_utf8.as_slice()).expect_err("a refusal");
    assert!(
        error.to_string().starts_with("sandbox log, line 3"),
        "{error}"
    );
}

#[test]
fn log_lines_that_are_wrong() {
    let rows = [
        (json!({"n":3}), "number 3 where 1 must follow"),
        (json!({"channel":"fax"}), "unknown variant `fax`"),
        (json!({"virtual_us":null}), "no virtual_us"),
        (json!({"virtual_us":-5}), "not microseconds since 1970"),
        (
            json!({"virtual_us":i64::MAX}),
            "not microseconds since 1970",
        ),
        (json!({"effect_from_us":5}), "half an appointment"),
    ];
    for (fields, expected) in rows {
        let text = refusal(|run| done(run.last_log(fields)));
        assert!(
            text.starts_with("sandbox log, line 2") && text.contains(expected),
            "{text}"
        );
    }
    let text = refusal(|run| done(run.outcome("A", "abducted", 1)));
    assert!(
        text.contains("line 3") && text.contains("abducted"),
        "{text}"
    );
}

#[test]
fn misbehaviour_is_refused_unless_it_is_allowed() {
    let spoil = |run: &mut Run| run.log.push(json!({"type":"misbehave","what":"cut","n":1}));
    assert!(refusal(spoil).contains("--allow-misbehave"));
    let mut run = good();
    spoil(&mut run);
    run.options.allow_misbehave = true;
    assert_eq!(run.judge().misbehaved, 1);
}

#[test]
fn exports_that_cannot_be_judged() {
    let log = good().log_text();
    let ledger = good().ledger_text();
    let without = |kind: &str| -> String {
        let keep = |line: &&str| !line.contains(&format!("\"type\":\"{kind}\""));
        ledger
            .lines()
            .filter(keep)
            .map(|line| format!("{line}\n"))
            .collect()
    };
    assert!(refusal_of(&log, "").contains("is empty"));
    assert!(refusal_of(&log, &without("header")).starts_with("ledger export, line 1"));
    assert!(refusal_of(&log, &without("footer")).contains("no footer"));
    assert!(refusal_of(&log, &without("slot")).contains("counts 1 of \"slot\", the file has 0"));
    let twice = format!("{ledger}{}\n", ledger.lines().last().unwrap());
    assert!(refusal_of(&log, &twice).contains("follows the footer"));
    let uncounted = ledger.replace("\"denial\":0,", "");
    assert!(refusal_of(&log, &uncounted).contains("lacks the kind \"denial\""));
    let unknown = format!(
        "{{\"type\":\"novelty\"}}\n{}",
        ledger.lines().last().unwrap()
    );
    let unknown = ledger.replace(ledger.lines().last().unwrap(), &unknown);
    assert!(refusal_of(&log, &unknown).contains("counts 0 of \"novelty\", the file has 1"));
}

#[test]
fn ledger_lines_that_are_wrong() {
    let rows: [(usize, serde_json::Value, &str); 8] = [
        (0, json!({"format":2}), "line 1: format 2"),
        (0, json!({"clock":"live"}), "not of one run"),
        (
            1,
            json!({"jurisdiction":"ATLANTIS"}),
            "case C: jurisdiction \"ATLANTIS\"",
        ),
        (2, json!({"case":"C"}), "line 3: case C is there twice"),
        (3, json!({"zones":[]}), "party P has no zone"),
        (
            3,
            json!({"zones":["Mars/Olympus"]}),
            "zone \"Mars/Olympus\"",
        ),
        (
            5,
            json!({"case":"missing"}),
            "line 6: contact A: case missing is not in the file",
        ),
        (5, json!({"state":"LOST"}), "unknown variant `LOST`"),
    ];
    for (line, fields, expected) in rows {
        let text = refusal(|run| {
            let fields = fields.as_object().unwrap().clone();
            run.ledger[line].as_object_mut().unwrap().extend(fields);
        });
        assert!(
            text.starts_with("ledger export") && text.contains(expected),
            "{text}"
        );
    }
    let text = refusal(|run| done(run.stop(json!({}))));
    assert!(text.contains("neither a party nor a case"), "{text}");
    let text = refusal(|run| {
        run.slot("B", "sms", 9_000_000, "UNKNOWN")
            .edit("B", json!({"key":"key-A"}));
    });
    assert!(text.contains("key of contact B is another's too"), "{text}");
}

#[test]
fn unknown_fields_are_read_over() {
    let mut run = good();
    run.last_log(json!({"novelty":1}));
    run.edit("A", json!({"novelty":{"a":[1]}}));
    run.log.push(json!({"type":"novelty"}));
    let judgement = run.judge();
    assert!(judgement.violations.is_empty());
    assert_eq!(judgement.ignored_lines, 1);
}
