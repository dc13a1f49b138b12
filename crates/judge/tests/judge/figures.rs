//! The figures, liveness, and that the work grows with the lines.

use recoup_judge::log::Channel;
use recoup_judge::verdict::Verdict;
use serde_json::json;

use crate::support::{DAY, Run, SECOND, cn, done};

const NOON: &str = "2026-03-02T12:00:00";

#[test]
fn figures_are_counted() {
    let mut run = Run::china();
    run.contact("A", "sms", cn(NOON))
        .contact("E", "email", cn(NOON));
    run.history("E", &["DISPATCHING", "ACCEPTED", "EFFECTED"]);
    run.contact("V", "visit", cn(NOON));
    run.history("V", &["DISPATCHING", "ACCEPTED", "CANCELLING", "CANCELLED"]);
    run.cancel("V", "visit", cn(NOON) + SECOND);
    run.slot("U", "sms", cn(NOON), "UNKNOWN");
    run.slot("R", "sms", cn(NOON), "REJECTED_PROVEN");
    run.slot("S", "sms", cn(NOON), "x")
        .history("S", &["PLANNED", "SUPPRESSED"]);
    run.edit("S", json!({"intent_at_us":null}));
    run.ledger.push(
        json!({"type":"denial","case":"C","party":"P","channel":"sms","at_us":5,
        "reason":"r","also":[],"earliest_us":null}),
    );
    let judgement = run.judge();
    assert_eq!(judgement.violations, []);
    let tally = &judgement.tally;
    let found = [
        tally.intents,
        tally.receipts,
        tally.accepted,
        tally.effected,
    ];
    assert_eq!(found, [5, 3, 3, 1]);
    assert_eq!([tally.unknown, tally.denied, tally.cancelled], [1, 1, 1]);
    let sms = judgement.channels[&Channel::Sms];
    assert_eq!(
        [sms.intents, sms.receipts, sms.accepted, sms.unknown],
        [3, 1, 1, 1]
    );
}

#[test]
fn liveness_is_told_and_fails_only_where_it_is_required() {
    let live = |spoil: fn(&mut Run)| {
        let mut run = Run::china();
        for (i, channel) in ["sms", "phone", "email", "visit", "legal"]
            .iter()
            .enumerate()
        {
            run.contact(channel, channel, cn(NOON) + i as i64 * SECOND);
        }
        spoil(&mut run);
        let told = run.judge();
        assert_eq!(told.verdict, Verdict::Clean);
        run.options.require_live = true;
        let required = run.judge();
        assert_eq!(required.verdict == Verdict::Clean, told.live);
        told.live_reason.unwrap_or_default()
    };
    assert_eq!(live(|_| {}), "");
    let rejected = live(|run| done(run.slot("R", "sms", cn(NOON), "REJECTED_PROVEN")));
    assert_eq!(rejected, "5 of 6 intents were accepted, fewer than 95 %");
    let unknown = live(|run| {
        for i in 0..60 {
            run.contact(&format!("c{i}"), "email", cn(NOON));
        }
        run.history("c0", &["DISPATCHING", "UNKNOWN"]);
    });
    assert_eq!(unknown, "1 of 65 intents are unknown, more than 1 %");
    let silent = live(|run| {
        run.ledger.retain(|line| line["contact"] != "legal");
        run.log.retain(|line| line["channel"] != "legal");
    });
    assert_eq!(silent, "nothing was accepted on legal");
}

/// 20,000 contacts of one person in one case: quadratic work would be felt at once.
#[test]
fn many_contacts_of_one_person() {
    let mut run = Run::us();
    for i in 0..20_000_i64 {
        let name = i.to_string();
        let at_us = crate::support::ny("2026-03-02T12:00:00") + (i % 300) * 8 * DAY;
        run.log.push(
            json!({"type":"receipt","n":i + 1,"wall_us":7,"mono_us":7,"virtual_us":at_us,
            "channel":"phone","op":"send","dest":"+1","ordinal":0,"key":name,
            "payload_sha256":"0","text":null,"effect_from_us":null,"effect_to_us":null,
            "answer":200,"effect":true,"outcome":null}),
        );
        run.ledger.push(
            json!({"type":"slot","contact":name,"case":"C","plan_seq":i,"party":"P",
            "channel":"phone","template":name,"stage":"s","key":name,"origin":"policy",
            "retry_of":null,"effect_from_us":at_us,"effect_to_us":at_us,"not_after_us":at_us,
            "intent_at_us":at_us,"state":"ACCEPTED","outcome":null,"outcome_at_us":null,
            "states":[{"state":"DISPATCHING","at_us":at_us},{"state":"ACCEPTED","at_us":at_us}]}),
        );
    }
    // 300 days of 66 or 67 calls each, of which seven are permitted.
    assert_eq!(run.judge().tally.over_cap, 20_000 - 300 * 7);
}
