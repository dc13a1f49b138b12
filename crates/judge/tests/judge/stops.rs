//! Stops by scope, their end, what was in flight, and visits that must be cancelled.

use serde_json::{Value, json};

use crate::support::{DAY, Run, SECOND, check, cn, done};

const NOON: &str = "2026-03-02T12:00:00";

/// A message whose intent is a second before noon and which arrives at noon.
fn message() -> Run {
    let mut run = Run::china();
    run.contact("A", "sms", cn(NOON));
    run
}

fn stop(run: &mut Run, ok_at_us: i64, fields: Value) {
    run.stop(json!({"ok_at_us":ok_at_us}))
        .ledger
        .last_mut()
        .and_then(Value::as_object_mut)
        .expect("the stop")
        .extend(fields.as_object().expect("fields").clone());
}

/// Ten minutes before noon, long before the intent.
fn before() -> i64 {
    cn(NOON) - 600 * SECOND
}

#[test]
fn stops_bind_their_scope() {
    check(
        message,
        &[
            (
                "the case",
                |r| stop(r, before(), json!({"case":"C"})),
                &["after_stop"],
            ),
            (
                "another case",
                |r| stop(r, before(), json!({"case":"D"})),
                &[],
            ),
            (
                "the person",
                |r| stop(r, before(), json!({"party":"P"})),
                &["after_stop"],
            ),
            (
                "the guarantor",
                |r| stop(r, before(), json!({"party":"G"})),
                &[],
            ),
            (
                "both",
                |r| stop(r, before(), json!({"party":"P","case":"C"})),
                &["after_stop"],
            ),
            (
                "the guarantor of the case",
                |r| stop(r, before(), json!({"party":"G","case":"C"})),
                &[],
            ),
            (
                "a promise by the guarantor pauses the case",
                |r| {
                    stop(
                        r,
                        before(),
                        json!({"party":"G","case":"C","kind":"promise"}),
                    )
                },
                &["after_stop"],
            ),
            (
                "opt-out of messages",
                |r| {
                    stop(
                        r,
                        before(),
                        json!({"party":"P","kind":"opt_out","channel":"sms"}),
                    )
                },
                &["after_stop"],
            ),
            (
                "opt-out of calls",
                |r| {
                    stop(
                        r,
                        before(),
                        json!({"party":"P","kind":"opt_out","channel":"phone"}),
                    )
                },
                &[],
            ),
            (
                "opt-out of all",
                |r| stop(r, before(), json!({"party":"P","kind":"opt_out"})),
                &["after_stop"],
            ),
            (
                "a payment that cures",
                |r| done(r.payment(before(), true)),
                &["after_stop"],
            ),
            (
                "a payment that does not",
                |r| done(r.payment(before(), false)),
                &[],
            ),
            (
                "two stops, one contact",
                |r| {
                    stop(r, before(), json!({"case":"C"}));
                    stop(r, before(), json!({"party":"P"}));
                },
                &["after_stop"],
            ),
        ],
    );
}

#[test]
fn stops_begin_and_end() {
    check(
        message,
        &[
            (
                "after it",
                |r| stop(r, cn(NOON) + SECOND, json!({"case":"C"})),
                &[],
            ),
            (
                "at the same instant",
                |r| stop(r, cn(NOON), json!({"case":"C"})),
                &[],
            ),
            (
                "its end is the instant",
                |r| {
                    stop(
                        r,
                        before(),
                        json!({"case":"C","kind":"hold","until_us":cn(NOON) - SECOND}),
                    )
                },
                &[],
            ),
            (
                "its end is a moment later",
                |r| {
                    stop(
                        r,
                        before(),
                        json!({"case":"C","kind":"hold","until_us":cn(NOON) + 1}),
                    )
                },
                &["after_stop"],
            ),
        ],
    );
}

#[test]
fn what_was_in_flight_may_arrive_until_its_not_after() {
    check(
        message,
        &[
            (
                "in flight",
                |r| stop(r, cn(NOON) - 1, json!({"case":"C"})),
                &[],
            ),
            (
                "at not_after",
                |r| {
                    r.edit("A", json!({"not_after_us":cn(NOON)}));
                    stop(r, cn(NOON) - 1, json!({"case":"C"}));
                },
                &[],
            ),
            (
                "past not_after",
                |r| {
                    r.edit("A", json!({"not_after_us":cn(NOON) - 1}));
                    stop(r, cn(NOON) - 2, json!({"case":"C"}));
                },
                &["after_stop"],
            ),
            (
                "intended at the instant of the stop",
                |r| stop(r, cn(NOON) - SECOND, json!({"case":"C"})),
                &["after_stop"],
            ),
            (
                "only intended, after it",
                |r| {
                    r.slot("B", "sms", cn(NOON) + 10 * SECOND, "REJECTED_PROVEN");
                    stop(r, cn(NOON) + SECOND, json!({"case":"C"}));
                },
                &["after_stop"],
            ),
        ],
    );
}

/// A message, then a visit received at noon for the next noon.
fn visit() -> Run {
    let mut run = message();
    run.contact("V", "visit", cn(NOON));
    run
}

#[test]
fn a_visit_after_a_stop_is_cancelled() {
    fn paid(run: &mut Run) {
        run.payment(cn(NOON) + 3600 * SECOND, true);
    }
    fn cancelled(run: &mut Run, states: &[&str]) {
        paid(run);
        run.history(
            "V",
            &[&["DISPATCHING", "ACCEPTED", "CANCELLING"], states].concat(),
        );
    }
    check(
        visit,
        &[
            ("no stop", |_| {}, &[]),
            ("not cancelled", paid, &["after_stop"]),
            (
                "took place before",
                |r| done(r.payment(cn(NOON) + DAY, true)),
                &[],
            ),
            (
                "cancelled in time",
                |r| {
                    cancelled(r, &["CANCELLED"]);
                    r.cancel("V", "visit", cn(NOON) + 3601 * SECOND);
                },
                &[],
            ),
            (
                "honestly unknown",
                |r| cancelled(r, &["CANCEL_UNKNOWN"]),
                &[],
            ),
            (
                "settled by evidence",
                |r| cancelled(r, &["CANCEL_UNKNOWN", "CANCELLED"]),
                &[],
            ),
            (
                "only the ledger says so",
                |r| cancelled(r, &["CANCELLED"]),
                &["after_stop"],
            ),
            (
                "never came to an end",
                |r| cancelled(r, &[]),
                &["loss", "after_stop"],
            ),
            (
                "on its way",
                |r| {
                    cancelled(r, &[]);
                    r.ledger[0]["exported_at_us"] = json!(cn(NOON) + 30 * SECOND);
                },
                &[],
            ),
            (
                "in flight at the stop",
                |r| done(r.payment(cn(NOON) - 1, true)),
                &["after_stop"],
            ),
            (
                "the pause ends before the visit",
                |r| {
                    let until = cn(NOON) + DAY;
                    stop(
                        r,
                        cn(NOON) + SECOND,
                        json!({"case":"C","kind":"promise","until_us":until}),
                    );
                },
                &[],
            ),
        ],
    );
}

#[test]
fn a_wrong_number_stops_that_number() {
    fn wrong() -> Run {
        let mut run = Run::china();
        run.call("A", cn(NOON), "wrong_number");
        run.stop(
            json!({"party":"P","kind":"wrong_number","contact_point":"hash",
            "ok_at_us":cn(NOON) + 120 * SECOND}),
        );
        run.contact("B", "phone", cn(NOON) + DAY);
        run
    }
    check(
        wrong,
        &[
            ("the same number", |_| {}, &["after_stop"]),
            (
                "another number",
                |r| done(r.last_log(json!({"dest":"+86200"}))),
                &[],
            ),
            (
                "the ledger names another contact point",
                |r| done(r.edit("B", json!({"contact_point":"other"}))),
                &[],
            ),
        ],
    );
}

#[test]
fn a_cease_leaves_the_referral_open_and_nothing_else() {
    check(
        || {
            let mut run = message();
            run.stop(json!({"party":"P","ok_at_us":cn(NOON) + SECOND}));
            run
        },
        &[
            (
                "a referral",
                |r| done(r.contact("B", "legal", cn(NOON) + DAY)),
                &[],
            ),
            (
                "a mail",
                |r| done(r.contact("B", "email", cn(NOON) + DAY)),
                &["after_stop"],
            ),
        ],
    );
}
