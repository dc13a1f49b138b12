//! Hours: one second inside and one outside, two zones, clock changes, visits, lateness.

use serde_json::json;

use crate::support::{Run, SECOND, at, check, cn, done, ny};

fn message(jurisdiction: &str, zones: &[&str], channel: &str, at_us: i64) -> Vec<&'static str> {
    let mut run = Run::new(jurisdiction, zones);
    run.contact("A", channel, at_us).kinds()
}

#[test]
fn each_law_at_its_edges() {
    let shanghai: &[&str] = &["Asia/Shanghai"];
    let taipei: &[&str] = &["Asia/Taipei"];
    let east: &[&str] = &["America/New_York"];
    let coasts: &[&str] = &["America/New_York", "America/Los_Angeles"];
    let rows: [(&str, &[&str], &str, bool); 16] = [
        ("CN", shanghai, "2026-03-02T08:00:00", true),
        ("CN", shanghai, "2026-03-02T07:59:59", false),
        ("CN", shanghai, "2026-03-02T21:59:59.999999", true),
        ("CN", shanghai, "2026-03-02T22:00:00", false),
        ("TW", taipei, "2026-03-02T07:00:00", true),
        ("TW", taipei, "2026-03-02T06:59:59", false),
        ("TW", taipei, "2026-03-02T22:00:00", false),
        ("US", east, "2026-03-02T08:00:00", true),
        ("US", east, "2026-03-02T07:59:59", false),
        ("US", east, "2026-03-02T20:59:59", true),
        ("US", east, "2026-03-02T21:00:00", false),
        // Two zones: open only while both are, 11:00 to 21:00 in the east.
        ("US", coasts, "2026-03-02T10:59:59", false),
        ("US", coasts, "2026-03-02T11:00:00", true),
        ("US", coasts, "2026-03-02T20:59:59", true),
        ("US", coasts, "2026-03-02T21:00:00", false),
        (
            "CN",
            &["Asia/Shanghai", "Asia/Urumqi"],
            "2026-03-02T09:59:59",
            false,
        ),
    ];
    for (law, zones, local, permitted) in rows {
        let expected: &[&str] = if permitted { &[] } else { &["outside_window"] };
        let at_us = at(local, zones[0]);
        assert_eq!(
            message(law, zones, "sms", at_us),
            expected,
            "{law} {zones:?} {local}"
        );
        assert_eq!(
            message(law, zones, "phone", at_us),
            expected,
            "{law} {zones:?} {local}"
        );
    }
}

#[test]
fn referrals_have_no_hours() {
    let mut run = Run::china();
    run.contact("A", "sms", cn("2026-03-02T12:00:00"));
    run.contact("L", "legal", cn("2026-03-03T03:00:00"));
    assert!(run.kinds().is_empty());
}

#[test]
fn the_clock_change_moves_the_window() {
    // Clocks go forward on 2026-03-08 and back on 2026-11-01: 08:00 is 12:00, then 13:00 UTC.
    for (utc, permitted) in [
        ("2026-03-07T12:59:59", false),
        ("2026-03-07T13:00:00", true),
        ("2026-03-08T11:59:59", false),
        ("2026-03-08T12:00:00", true),
        ("2026-11-01T12:59:59", false),
        ("2026-11-01T13:00:00", true),
    ] {
        let found = message("US", &["America/New_York"], "email", at(utc, "UTC"));
        assert_eq!(found.is_empty(), permitted, "{utc}: {found:?}");
    }
}

/// A visit on 3 March, received at noon of the day before, after a message.
fn visit(from: i64, to: i64) -> Run {
    let mut run = Run::china();
    run.contact("A", "sms", cn("2026-03-02T11:00:00"));
    run.contact("V", "visit", cn("2026-03-02T12:00:00"));
    run.last_log(json!({"effect_from_us":from,"effect_to_us":to}));
    run
}

#[test]
fn visits_lie_wholly_in_house_hours() {
    let day = |time: &str| cn(&format!("2026-03-03T{time}"));
    for (from, to, permitted) in [
        (day("08:00:00"), day("09:00:00"), true),
        (day("07:59:59"), day("09:00:00"), false),
        (day("19:00:00"), day("20:00:00"), true),
        (day("19:00:00"), day("20:00:01"), false),
        (day("10:00:00"), cn("2026-03-04T10:00:00"), false),
    ] {
        let expected: &[&str] = if permitted { &[] } else { &["outside_window"] };
        assert_eq!(visit(from, to).kinds(), expected);
    }
    let mut cancelled = visit(day("19:00:00"), day("20:00:01"));
    cancelled.cancel("V", "visit", day("18:59:59"));
    assert!(cancelled.kinds().is_empty());
    let mut too_late = visit(day("19:00:00"), day("20:00:01"));
    too_late.cancel("V", "visit", day("19:00:01"));
    assert_eq!(too_late.kinds(), ["outside_window"]);
    let mut refused = visit(day("19:00:00"), day("20:00:01"));
    refused
        .cancel("V", "visit", day("18:59:59"))
        .last_log(json!({"answer":404}));
    assert_eq!(refused.kinds(), ["outside_window"]);
    let mut cut = visit(day("19:00:00"), day("20:00:01"));
    cut.cancel("V", "visit", day("18:59:59"))
        .last_log(json!({"answer":0}));
    cut.options.allow_misbehave = true;
    assert_eq!(cut.kinds(), ["outside_window"], "cut before it was taken");
    cut.log.push(json!({"type":"misbehave","what":"cut","n":3}));
    assert!(cut.kinds().is_empty(), "taken, then cut");
}

#[test]
fn a_request_may_be_a_second_late() {
    let noon = "2026-03-02T12:00:00";
    fn base() -> Run {
        let mut run = Run::china();
        run.contact("A", "sms", cn("2026-03-02T12:00:00"));
        run
    }
    assert_eq!(
        base().ledger.last().unwrap()["not_after_us"],
        cn(noon) + 1800 * SECOND
    );
    check(
        base,
        &[
            (
                "one second",
                |r| done(r.edit("A", json!({"not_after_us":cn("2026-03-02T11:59:59")}))),
                &[],
            ),
            (
                "a moment more",
                |r| done(r.edit("A", json!({"not_after_us":cn("2026-03-02T11:59:59") - 1}))),
                &["late"],
            ),
        ],
    );
}

#[test]
fn a_violation_says_who_where_and_when() {
    let mut run = Run::us();
    run.contact("A", "sms", ny("2026-03-02T21:00:00"));
    let judgement = run.judge();
    let [violation] = judgement.violations.as_slice() else {
        panic!("one violation")
    };
    assert_eq!(
        (violation.contact.as_deref(), violation.case.as_deref()),
        (Some("A"), Some("C"))
    );
    assert_eq!(
        violation.text,
        "the sms arrived at 2026-03-02 21:00:00 America/New_York; US-REGF-1006.6b1i permits \
         [08:00, 21:00) there"
    );
    assert_eq!(judgement.tally.outside_window, 1);
}
