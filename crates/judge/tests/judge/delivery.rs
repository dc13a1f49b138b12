//! Doubles, losses, twins, intents, and the state table.

use serde_json::json;

use crate::support::{DAY, Run, SECOND, check, cn, done};

const NOON: &str = "2026-03-02T12:00:00";

fn one_sms() -> Run {
    let mut run = Run::china();
    run.contact("A", "sms", cn(NOON));
    run
}

#[test]
fn effects_are_at_most_one() {
    check(
        one_sms,
        &[
            ("as it should be", |_| {}, &[]),
            (
                "the key twice",
                |r| done(r.receipt("A", "sms", cn(NOON) + SECOND)),
                &["double"],
            ),
            (
                "a duplicate that the provider dropped",
                |r| {
                    done(
                        r.receipt("A", "sms", cn(NOON) + SECOND)
                            .last_log(json!({"effect":false})),
                    )
                },
                &[],
            ),
            (
                "two contacts of one plan_seq",
                |r| {
                    done(
                        r.contact("B", "sms", cn(NOON))
                            .edit("B", json!({"plan_seq":0})),
                    )
                },
                &["double"],
            ),
            (
                "one plan_seq in two cases",
                |r| {
                    r.contact("B", "sms", cn(NOON))
                        .edit("B", json!({"plan_seq":0,"case":"D"}));
                },
                &[],
            ),
            (
                "a key that no slot has, twice",
                |r| {
                    done(
                        r.receipt("X", "sms", cn(NOON))
                            .receipt("X", "sms", cn(NOON)),
                    )
                },
                &["double", "receipt_without_intent", "receipt_without_intent"],
            ),
        ],
    );
}

#[test]
fn intents_come_first() {
    check(
        one_sms,
        &[
            (
                "no slot",
                |r| done(r.receipt("X", "sms", cn(NOON))),
                &["receipt_without_intent"],
            ),
            (
                "no key",
                |r| {
                    done(
                        r.receipt("X", "sms", cn(NOON))
                            .last_log(json!({"key":null})),
                    )
                },
                &["receipt_without_intent"],
            ),
            (
                "a refused request of no slot",
                |r| {
                    done(
                        r.receipt("X", "sms", cn(NOON))
                            .last_log(json!({"effect":false})),
                    )
                },
                &[],
            ),
            (
                "at the same instant",
                |r| done(r.edit("A", json!({"intent_at_us":cn(NOON)}))),
                &[],
            ),
            (
                "a moment later",
                |r| done(r.edit("A", json!({"intent_at_us":cn(NOON) + 1}))),
                &["receipt_without_intent"],
            ),
            (
                "none at all",
                |r| done(r.edit("A", json!({"intent_at_us":null}))),
                &["receipt_without_intent", "bad_edge"],
            ),
        ],
    );
}

#[test]
fn nothing_is_lost() {
    check(
        one_sms,
        &[
            (
                "denied",
                |r| done(r.history("A", &["DISPATCHING", "REJECTED_PROVEN"])),
                &["loss"],
            ),
            (
                "proven not sent",
                |r| done(r.history("A", &["DISPATCHING", "PROVEN_NOT_SENT"])),
                &["loss"],
            ),
            (
                "received, in flight",
                |r| done(r.history("A", &["DISPATCHING"])),
                &["loss"],
            ),
            (
                "unknown",
                |r| done(r.history("A", &["DISPATCHING", "UNKNOWN"])),
                &[],
            ),
            (
                "unknown, found later",
                |r| done(r.history("A", &["DISPATCHING", "UNKNOWN", "ACCEPTED", "EFFECTED"])),
                &[],
            ),
            (
                "an intent without end",
                |r| {
                    done(
                        r.slot("B", "sms", cn(NOON), "DISPATCHING")
                            .history("B", &["DISPATCHING"]),
                    )
                },
                &["loss"],
            ),
            (
                "a proven refusal",
                |r| done(r.slot("B", "sms", cn(NOON), "REJECTED_PROVEN")),
                &[],
            ),
            (
                "a cancel without end",
                |r| done(r.history("A", &["DISPATCHING", "ACCEPTED", "CANCELLING"])),
                &["loss"],
            ),
            (
                "accepted by nobody",
                |r| done(r.slot("B", "sms", cn(NOON), "ACCEPTED")),
                &["accepted_without_receipt"],
            ),
            (
                "effected by nobody",
                |r| {
                    r.slot("B", "sms", cn(NOON), "ACCEPTED")
                        .history("B", &["DISPATCHING", "ACCEPTED", "EFFECTED"]);
                },
                &["accepted_without_receipt"],
            ),
            (
                "cancelled while it was planned",
                |r| {
                    r.slot("B", "sms", cn(NOON), "ACCEPTED")
                        .history("B", &["PLANNED", "CANCELLED"])
                        .edit("B", json!({"intent_at_us":null}));
                },
                &[],
            ),
        ],
    );
}

#[test]
fn a_cancel_on_its_way_is_no_loss() {
    let mut run = one_sms();
    run.history("A", &["DISPATCHING", "ACCEPTED", "CANCELLING"]);
    run.ledger[0]["exported_at_us"] = json!(cn(NOON) + 61 * SECOND);
    assert!(run.kinds().is_empty());
    run.ledger[0]["exported_at_us"] = json!(cn(NOON) + 61 * SECOND + 1);
    assert_eq!(run.kinds(), ["loss"]);
}

/// A second contact with the first one's template.
fn again(run: &mut Run, channel: &str, at_us: i64) {
    run.contact("B", channel, at_us)
        .edit("B", json!({"template":"template-A"}));
}

#[test]
fn twins_share_case_template_and_local_day() {
    check(
        one_sms,
        &[
            (
                "same day",
                |r| again(r, "sms", cn("2026-03-02T21:59:59")),
                &["twin"],
            ),
            (
                "next local day, eight hours later",
                |r| {
                    r.edit("A", json!({"intent_at_us":1}));
                    r.last_log(json!({"virtual_us":cn("2026-03-02T21:00:00")}));
                    r.edit("A", json!({"not_after_us":cn("2026-03-02T21:00:00")}));
                    again(r, "sms", cn("2026-03-03T08:00:00"));
                },
                &[],
            ),
            (
                "other template",
                |r| done(r.contact("B", "sms", cn(NOON) + SECOND)),
                &[],
            ),
            (
                "other case",
                |r| {
                    again(r, "sms", cn(NOON));
                    r.edit("B", json!({"case":"D"}));
                },
                &[],
            ),
            (
                "the guarantor",
                |r| {
                    again(r, "sms", cn(NOON));
                    r.edit("B", json!({"party":"G"}));
                },
                &[],
            ),
            (
                "a wrong number, then another one",
                |r| {
                    r.outcome("A", "wrong_number", cn(NOON));
                    again(r, "sms", cn(NOON) + 60 * SECOND);
                    r.last_log(json!({"dest":"+86200"}));
                },
                &[],
            ),
            (
                "a wrong number, then the same one",
                |r| {
                    r.outcome("A", "wrong_number", cn(NOON));
                    again(r, "sms", cn(NOON) + 60 * SECOND);
                },
                &["twin"],
            ),
        ],
    );
}

#[test]
fn a_retry_is_a_twin_only_if_the_first_one_was_received() {
    let retry = |end: &str, received: bool| {
        let mut run = Run::china();
        run.slot("A", "sms", cn(NOON), end);
        if received {
            run.receipt("A", "sms", cn(NOON));
        }
        again(&mut run, "sms", cn(NOON) + 60 * SECOND);
        run.edit("B", json!({"retry_of":"A"}));
        run.kinds()
    };
    assert!(retry("PROVEN_NOT_SENT", false).is_empty());
    assert!(retry("REJECTED_PROVEN", false).is_empty());
    assert_eq!(retry("PROVEN_NOT_SENT", true), ["loss", "twin"]);
}

#[test]
fn a_visit_that_was_cancelled_is_no_twin() {
    let mut run = one_sms();
    run.contact("V", "visit", cn(NOON))
        .contact("W", "visit", cn(NOON) + SECOND);
    run.edit("V", json!({"template":"v"}))
        .edit("W", json!({"template":"v"}));
    assert_eq!(run.kinds(), ["twin"]);
    run.cancel("V", "visit", cn(NOON) + DAY - SECOND);
    assert!(run.kinds().is_empty());
}

#[test]
fn states_follow_the_table() {
    let histories: [(&[&str], bool); 16] = [
        (&["PLANNED", "DISPATCHING", "ACCEPTED"], true),
        (&["DISPATCHING", "ACCEPTED", "FAILED"], true),
        (&["DISPATCHING", "ACCEPTED", "CANCELLING", "EFFECTED"], true),
        (
            &[
                "DISPATCHING",
                "ACCEPTED",
                "CANCELLING",
                "CANCEL_UNKNOWN",
                "CANCELLED",
            ],
            true,
        ),
        (&["DISPATCHING", "UNKNOWN", "DISPATCHING", "ACCEPTED"], true),
        (&["ACCEPTED"], false),
        (&["DISPATCHING", "EFFECTED"], false),
        (
            &["DISPATCHING", "ACCEPTED", "DISPATCHING", "ACCEPTED"],
            false,
        ),
        (&["DISPATCHING", "DISPATCHING", "ACCEPTED"], false),
        // A report that was wrong is corrected; nothing else leads out of an end.
        (&["DISPATCHING", "ACCEPTED", "EFFECTED", "FAILED"], true),
        (&["DISPATCHING", "ACCEPTED", "FAILED", "EFFECTED"], true),
        (&["DISPATCHING", "ACCEPTED", "EFFECTED", "ACCEPTED"], false),
        (&["DISPATCHING", "ACCEPTED", "CANCELLED"], false),
        (
            &[
                "DISPATCHING",
                "ACCEPTED",
                "CANCELLING",
                "CANCELLED",
                "EFFECTED",
            ],
            false,
        ),
        (&["DISPATCHING", "ACCEPTED", "UNKNOWN"], false),
        (&["DISPATCHING", "REJECTED_PROVEN", "ACCEPTED"], false),
    ];
    for (states, permitted) in histories {
        let mut run = one_sms();
        run.history("A", states);
        let expected: &[&str] = if permitted { &[] } else { &["bad_edge"] };
        assert_eq!(run.kinds(), expected, "{states:?}");
    }
}

#[test]
fn histories_agree_with_their_slot() {
    check(
        one_sms,
        &[
            (
                "no history",
                |r| done(r.edit("A", json!({"states":[]}))),
                &["bad_edge"],
            ),
            (
                "another end",
                |r| done(r.edit("A", json!({"state":"UNKNOWN"}))),
                &["bad_edge"],
            ),
            (
                "time goes back",
                |r| {
                    r.edit(
                        "A",
                        json!({"states":[{"state":"DISPATCHING","at_us":9},
                        {"state":"ACCEPTED","at_us":8}]}),
                    );
                },
                &["bad_edge"],
            ),
            (
                "an intent, never dispatching",
                |r| {
                    r.slot("B", "sms", cn(NOON), "ACCEPTED")
                        .history("B", &["PLANNED", "EXPIRED"]);
                },
                &["bad_edge"],
            ),
        ],
    );
}
