//! Limits on calls, and what must come before a visit or a referral.

use serde_json::json;

use crate::support::{DAY, Run, SECOND, check, cn, done, ny};

/// Calls on consecutive days at `time`, from 2 March on.
fn calls(run: &mut Run, first_day: i64, number: i64, outcome: &str) {
    for i in 0..number {
        run.call(
            &format!("call-{first_day}-{i}"),
            first_day + i * DAY,
            outcome,
        );
    }
}

#[test]
fn china_permits_three_conversations_a_day() {
    fn three() -> Run {
        let mut run = Run::china();
        for hour in [9, 10, 11] {
            let at_us = cn(&format!("2026-03-02T{hour:02}:00:00"));
            run.call(&format!("call-{hour}"), at_us, "conversation");
        }
        run
    }
    check(
        three,
        &[
            ("three", |_| {}, &[]),
            (
                "a fourth",
                |r| done(r.call("X", cn("2026-03-02T12:00:00"), "conversation")),
                &["over_cap"],
            ),
            (
                "a fourth about another debt",
                |r| {
                    r.call("X", cn("2026-03-02T12:00:00"), "conversation")
                        .edit("X", json!({"case":"D"}));
                },
                &["over_cap"],
            ),
            (
                "a fourth with the guarantor",
                |r| {
                    r.call("X", cn("2026-03-02T12:00:00"), "conversation")
                        .edit("X", json!({"party":"G"}));
                },
                &[],
            ),
            (
                "the next day",
                |r| done(r.call("X", cn("2026-03-03T08:00:00"), "conversation")),
                &[],
            ),
            (
                "nobody answers",
                |r| done(r.call("X", cn("2026-03-02T12:00:00"), "no_answer")),
                &[],
            ),
            (
                "no outcome",
                |r| done(r.contact("X", "phone", cn("2026-03-02T12:00:00"))),
                &[],
            ),
        ],
    );
}

#[test]
fn the_us_permits_seven_calls_in_seven_days() {
    fn seven() -> Run {
        let mut run = Run::us();
        calls(&mut run, ny("2026-03-02T12:00:00"), 6, "no_answer");
        // The seventh of the week, unknown to the ledger and without an outcome: it was made.
        run.slot("u", "phone", ny("2026-03-02T15:00:00"), "UNKNOWN");
        run.receipt("u", "phone", ny("2026-03-02T15:00:00"));
        run
    }
    check(
        seven,
        &[
            ("seven", |_| {}, &[]),
            (
                "the eighth on the seventh day, over a clock change",
                |r| done(r.call("X", ny("2026-03-08T20:59:00"), "no_answer")),
                &["over_cap"],
            ),
            (
                "the eighth on the eighth day",
                |r| done(r.call("X", ny("2026-03-09T08:00:00"), "no_answer")),
                &[],
            ),
            (
                "busy",
                |r| done(r.call("X", ny("2026-03-08T12:00:00"), "busy")),
                &[],
            ),
            (
                "not in service",
                |r| done(r.call("X", ny("2026-03-08T12:00:00"), "not_in_service")),
                &[],
            ),
            (
                "another debt",
                |r| {
                    r.call("X", ny("2026-03-08T12:00:00"), "no_answer")
                        .edit("X", json!({"case":"D"}));
                },
                &[],
            ),
            (
                "a message",
                |r| done(r.contact("X", "sms", ny("2026-03-08T12:00:00"))),
                &[],
            ),
            (
                "hung up before it began",
                |r| {
                    r.contact("X", "phone", ny("2026-03-08T12:00:00")).cancel(
                        "X",
                        "phone",
                        ny("2026-03-08T12:00:01"),
                    );
                },
                &[],
            ),
        ],
    );
}

#[test]
fn the_us_wants_quiet_after_a_conversation() {
    fn monday() -> Run {
        let mut run = Run::us();
        run.call("A", ny("2026-03-02T12:00:00"), "conversation");
        run
    }
    check(
        monday,
        &[
            ("nothing more", |_| {}, &[]),
            (
                "Sunday",
                |r| done(r.call("X", ny("2026-03-08T20:00:00"), "no_answer")),
                &["over_cap"],
            ),
            (
                "Monday",
                |r| done(r.call("X", ny("2026-03-09T08:00:00"), "no_answer")),
                &[],
            ),
            (
                "Sunday, busy",
                |r| done(r.call("X", ny("2026-03-08T12:00:00"), "busy")),
                &[],
            ),
            (
                "the other debt",
                |r| {
                    r.call("X", ny("2026-03-03T12:00:00"), "no_answer")
                        .edit("X", json!({"case":"D"}));
                },
                &[],
            ),
            (
                "the same day, later",
                |r| done(r.call("X", ny("2026-03-02T12:05:00"), "no_answer")),
                &["over_cap"],
            ),
            (
                "the same day, while they talk",
                |r| done(r.call("X", ny("2026-03-02T12:00:30"), "no_answer")),
                &[],
            ),
            (
                "the same day, earlier",
                |r| done(r.call("X", ny("2026-03-02T09:00:00"), "no_answer")),
                &[],
            ),
        ],
    );
}

#[test]
fn other_countries_have_their_own_limits() {
    let mut run = Run::new("TW", &["Asia/Taipei"]);
    for hour in 8..18 {
        run.call(
            &format!("c{hour}"),
            cn(&format!("2026-03-02T{hour:02}:00:00")),
            "conversation",
        );
    }
    assert!(run.kinds().is_empty());
}

#[test]
fn a_visit_or_a_referral_is_never_the_first_contact() {
    const NOON: &str = "2026-03-02T12:00:00";
    check(
        Run::china,
        &[
            (
                "visit",
                |r| done(r.contact("V", "visit", cn(NOON))),
                &["no_prior_contact"],
            ),
            (
                "referral",
                |r| done(r.contact("L", "legal", cn(NOON))),
                &["no_prior_contact"],
            ),
            (
                "after a message",
                |r| {
                    done(
                        r.contact("A", "sms", cn(NOON))
                            .contact("V", "visit", cn(NOON) + SECOND),
                    )
                },
                &[],
            ),
            (
                "after a message of another case",
                |r| {
                    r.contact("A", "sms", cn(NOON))
                        .edit("A", json!({"case":"D"}));
                    r.contact("V", "visit", cn(NOON) + SECOND);
                },
                &["no_prior_contact"],
            ),
            (
                "before the message",
                |r| {
                    done(
                        r.contact("V", "visit", cn(NOON))
                            .contact("A", "sms", cn(NOON) + SECOND),
                    )
                },
                &["no_prior_contact"],
            ),
            (
                "after one that is unknown",
                |r| {
                    r.slot("A", "sms", cn(NOON) - SECOND, "UNKNOWN");
                    r.contact("V", "visit", cn(NOON));
                },
                &[],
            ),
            (
                "after one that was refused",
                |r| {
                    r.slot("A", "sms", cn(NOON) - SECOND, "REJECTED_PROVEN");
                    r.contact("V", "visit", cn(NOON));
                },
                &["no_prior_contact"],
            ),
            (
                "after one that was cancelled",
                |r| {
                    r.contact("A", "phone", cn(NOON) - 60 * SECOND);
                    r.outcome("A", "cancelled", cn(NOON) - 30 * SECOND);
                    r.contact("V", "visit", cn(NOON));
                },
                &["no_prior_contact"],
            ),
        ],
    );
}
