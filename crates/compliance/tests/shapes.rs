//! What the shapes can say beyond what the built-in packs use: weekdays, holidays, dates.

mod support;

use recoup_compliance::{NoTrace, Packs, Verdict, gate};
use recoup_domain::contact::ContactClass;
use recoup_domain::time::Window;
use support::{at, party, proposal};

fn pack(dates: &str, rule: &str) -> Packs {
    let text = format!(
        "pack: t\ntitle: Test\nregions: [XX]\nrules:\n  - id: T\n    text: t\n    citation: t\n    \
         cited: 2026-01-01\n    severity: hard\n    confidence: M\n    scope: person\n    \
         channels: [sms]\n{dates}    rule:\n      {rule}\n"
    );
    Packs::parse(&[("t.yaml", &text)]).unwrap()
}

/// The verdict on a text in UTC: until when it is permitted, or from when.
fn ask(packs: &Packs, from: &str, minutes: i64) -> (bool, Option<String>) {
    let who = party(&["UTC"]);
    let mut p = proposal(&who, ContactClass::Sms, at(from));
    p.effect = Window::starting(at(from), jiff::SignedDuration::from_mins(minutes));
    let binding = packs.only(&["T"]).unwrap();
    match gate(&binding, &p, &[], at(from), &mut NoTrace) {
        Verdict::Permit { expires } => (true, Some(expires.to_string())),
        Verdict::Deny(denial) => (false, denial.earliest.map(|e| e.to_string())),
    }
}

#[track_caller]
fn check(packs: &Packs, from: &str, minutes: i64, permitted: bool, instant: Option<&str>) {
    assert_eq!(
        ask(packs, from, minutes),
        (permitted, instant.map(ToOwned::to_owned)),
        "{from}"
    );
}

const BY_DAY: &str = r#"daily_window:
        hours:
          - {days: [mon, tue, wed, thu, fri], open: "08:00", close: "20:00"}
          - {days: [sat], open: "08:00", close: "14:00"}
        holidays: {source: test, years: [2026], dates: [2026-05-01]}"#;

#[test]
fn hours_differ_by_weekday_and_holiday() {
    let packs = pack("", BY_DAY);
    // 2026-05-01 is a Friday and a holiday, the 2nd a Saturday, the 3rd a Sunday.
    check(
        &packs,
        "2026-04-30T19:59:59Z",
        0,
        true,
        Some("2026-04-30T20:00:00Z"),
    );
    check(
        &packs,
        "2026-04-30T20:00:00Z",
        0,
        false,
        Some("2026-05-02T08:00:00Z"),
    );
    check(
        &packs,
        "2026-05-01T10:00:00Z",
        0,
        false,
        Some("2026-05-02T08:00:00Z"),
    );
    check(
        &packs,
        "2026-05-02T13:59:00Z",
        2,
        false,
        Some("2026-05-04T08:00:00Z"),
    );
    check(
        &packs,
        "2026-05-02T14:00:00Z",
        0,
        false,
        Some("2026-05-04T08:00:00Z"),
    );
}

#[test]
fn holidays_can_have_hours_and_an_unknown_year_is_closed() {
    let packs = pack(
        "",
        &BY_DAY.replace(
            "source: test,",
            "source: test, open: \"09:00\", close: \"12:00\",",
        ),
    );
    check(
        &packs,
        "2026-05-01T08:59:59Z",
        0,
        false,
        Some("2026-05-01T09:00:00Z"),
    );
    check(
        &packs,
        "2026-05-01T11:00:00Z",
        0,
        true,
        Some("2026-05-01T12:00:00Z"),
    );
    // Nobody has told the holidays of 2025: it is closed to its end.
    check(
        &packs,
        "2025-12-30T10:00:00Z",
        0,
        false,
        Some("2026-01-01T08:00:00Z"),
    );
    check(&packs, "2026-12-31T20:00:00Z", 0, false, None);
}

#[test]
fn hours_around_the_clock_are_one_window_over_midnight() {
    let rule = r#"daily_window:
        hours:
          - {days: [mon, tue, wed, thu, fri], open: "00:00", close: "24:00"}"#;
    let packs = pack("", rule);
    check(
        &packs,
        "2026-04-30T23:00:00Z",
        120,
        true,
        Some("2026-05-01T01:00:00Z"),
    );
    check(
        &packs,
        "2026-05-01T23:00:00Z",
        60,
        true,
        Some("2026-05-02T00:00:00Z"),
    );
    check(
        &packs,
        "2026-05-01T23:00:00Z",
        61,
        false,
        Some("2026-05-04T00:00:00Z"),
    );
}

#[test]
fn an_hour_that_repeats_closes_at_its_earlier_and_opens_at_its_later_instant() {
    let hours = |open, close| {
        let rule = format!("daily_window: {{hours: [{{open: \"{open}\", close: \"{close}\"}}]}}");
        pack("", &rule)
    };
    let ask = |packs: &Packs, from: &str| {
        let who = party(&["America/New_York"]);
        let p = proposal(&who, ContactClass::Sms, at(from));
        gate(
            &packs.only(&["T"]).unwrap(),
            &p,
            &[],
            at(from),
            &mut NoTrace,
        )
    };
    // 2026-11-01: 01:30 is at 05:30Z and again at 06:30Z.
    let closing = hours("00:30", "01:30");
    assert!(ask(&closing, "2026-11-01T05:29:59Z").is_permit());
    assert!(!ask(&closing, "2026-11-01T05:30:00Z").is_permit());
    let opening = hours("01:30", "05:00");
    let early = ask(&opening, "2026-11-01T05:30:00Z");
    assert_eq!(
        early.denial().unwrap().earliest,
        Some(at("2026-11-01T06:30:00Z"))
    );
    // 2026-03-08: 02:30 does not exist; it maps forward to 03:30, which is 07:30Z.
    let spring = hours("02:30", "05:00");
    let early = ask(&spring, "2026-03-08T07:29:59Z");
    assert_eq!(
        early.denial().unwrap().earliest,
        Some(at("2026-03-08T07:30:00Z"))
    );
}

#[test]
fn a_pause_denies_every_window_that_meets_it() {
    let rule =
        "pause: {dates: [{from: 2026-02-14, to: 2026-02-22}, {from: 2026-02-23, to: 2026-02-23}]}";
    let packs = pack("", rule);
    check(
        &packs,
        "2026-02-13T22:00:00Z",
        120,
        true,
        Some("2026-02-14T00:00:00Z"),
    );
    check(
        &packs,
        "2026-02-13T22:00:00Z",
        121,
        false,
        Some("2026-02-24T00:00:00Z"),
    );
    check(
        &packs,
        "2026-02-14T00:00:00Z",
        0,
        false,
        Some("2026-02-24T00:00:00Z"),
    );
    check(
        &packs,
        "2026-02-24T00:00:00Z",
        0,
        true,
        Some("2026-02-25T00:00:00Z"),
    );
}

#[test]
fn a_rule_binds_from_its_first_to_its_last_day() {
    let dates = "    effective_from: 2026-05-06\n    effective_to: 2026-05-07\n";
    let packs = pack(dates, "duty: {qualified_collectors: 9}");
    check(
        &packs,
        "2026-05-05T23:59:59Z",
        0,
        true,
        Some("2026-05-06T00:00:00Z"),
    );
    check(
        &packs,
        "2026-05-06T00:00:00Z",
        0,
        false,
        Some("2026-05-08T00:00:00Z"),
    );
    check(
        &packs,
        "2026-05-08T00:00:00Z",
        0,
        true,
        Some("2026-05-09T00:00:00Z"),
    );
}

#[test]
fn what_no_time_cures_is_named_first() {
    let mut who = party(&["America/New_York"]);
    who.moratorium_until = Some(jiff::civil::date(2026, 5, 9));
    let called = support::made(
        ContactClass::Phone,
        at("2026-05-06T12:00:00Z"),
        recoup_domain::outcome::Outcome::Conversation,
    );
    let night = at("2026-05-07T03:00:00Z");
    let ids = [
        "US-REGF-1006.6b1i",
        "US-REGF-1006.14b2iB",
        "HOUSE-MORATORIUM",
        "HOUSE-DECEASED",
    ];
    let binding = Packs::builtin().only(&ids).unwrap();
    let order = |who: &_| {
        let p = proposal(who, ContactClass::Phone, night);
        let verdict = gate(
            &binding,
            &p,
            std::slice::from_ref(&called),
            night,
            &mut NoTrace,
        );
        let denial = verdict.denial().unwrap().clone();
        let ids: Vec<String> = denial.all.iter().map(|r| r.rule.id().to_owned()).collect();
        assert_eq!(denial.reason.id(), ids[0]);
        (ids, denial.earliest)
    };
    let timed = [
        "HOUSE-MORATORIUM",
        "US-REGF-1006.14b2iB",
        "US-REGF-1006.6b1i",
    ];
    let (ids, earliest) = order(&who);
    assert_eq!(ids, timed);
    assert_eq!(earliest, Some(at("2026-05-13T08:00:00-04:00")));
    who.deceased = true;
    let (ids, earliest) = order(&who);
    assert_eq!(ids[0], "HOUSE-DECEASED");
    assert_eq!(ids[1..], timed);
    assert_eq!(earliest, None);
}
