//! Limits, hours and spans held against a reading by hand, at their edges and in every order of the past.

mod support;

use jiff::{SignedDuration, Timestamp};
use recoup_compliance::{NoTrace, Packs, Proposal, Verdict, gate};
use recoup_domain::contact::ContactClass as Class;
use recoup_domain::outcome::Outcome;
use recoup_domain::past::PastContact;
use recoup_domain::time::Window;
use support::{at, made, party, proposal};

fn text(rule: &str) -> String {
    format!(
        "pack: t\ntitle: T\nregions: [XX]\nrules:\n  - id: T-ONE\n    text: A rule.\n    citation: none\n    \
         cited: 2026-01-01\n    severity: hard\n    confidence: M\n    scope: person\n    channels: [phone]\n    \
         rule:\n      {rule}\n"
    )
}

fn pack(rule: &str) -> Packs {
    Packs::parse(&[("t.yaml", &text(rule))]).unwrap()
}

fn refused(rule: &str) -> String {
    Packs::parse(&[("t.yaml", &text(rule))])
        .unwrap_err()
        .problem
}

fn ask(
    packs: &Packs,
    p: &Proposal<'_>,
    past: &[PastContact],
) -> Result<Timestamp, Option<Timestamp>> {
    let binding = packs.only(&["T-ONE"]).unwrap();
    match gate(&binding, p, past, p.effect.from, &mut NoTrace) {
        Verdict::Permit { expires } => Ok(expires),
        Verdict::Deny(denial) => Err(denial.earliest),
    }
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Whether a call on day 0 is one too many beside calls on `days`: some span of `length` days that holds the day has
/// `max` of them. A cool-down looks back alone.
fn is_full(days: &[i64], length: i64, max: usize, ahead: bool) -> bool {
    let first = 1 - length;
    let last = if ahead { 0 } else { first };
    (first..=last).any(|from| {
        let inside = |day: &&i64| (from..from + length).contains(*day);
        days.iter().filter(inside).count() >= max
    })
}

#[test]
fn limits_over_days_are_those_of_a_count_by_hand() {
    let count = "count: {channels: [phone], direction: outbound, outcomes: [no_answer]}";
    let after = "after: {channels: [phone], direction: outbound, outcomes: [no_answer]}";
    let rules = [
        (
            format!("rolling_days: {{days: 3, max: 2, {count}}}"),
            3,
            2,
            true,
        ),
        (format!("calendar_day: {{max: 2, {count}}}"), 1, 2, true),
        (format!("cool_down: {{days: 3, {after}}}"), 3, 1, false),
    ];
    let who = party(&["UTC"]);
    let midnight = at("2026-05-06T00:00:00Z");
    let noon = midnight + HOUR * 12;
    // The first instant of a day, its last, and the middle.
    let times: Vec<Timestamp> = (-4..=4)
        .flat_map(|day| {
            let start = midnight + DAY * day;
            [
                start,
                start + HOUR * 13,
                start + DAY - SignedDuration::from_nanos(1),
            ]
        })
        .collect();
    let (mut permits, mut denials) = (0, 0);
    for (rule, length, max, ahead) in &rules {
        let packs = pack(rule);
        for (i, one) in times.iter().enumerate() {
            for other in &times[i..] {
                for order in [[one, other], [other, one]] {
                    let past = order.map(|at| made(Class::Phone, *at, Outcome::NoAnswer));
                    // From before all of them on, since hours are cut towards zero.
                    let start = midnight - DAY * 9;
                    let day = |t: &Timestamp| t.duration_since(start).as_hours() / 24 - 9;
                    let days = [day(one), day(other)];
                    let full = |by: i64| {
                        let seen = days.map(|d| d - by);
                        is_full(&seen, *length, *max, *ahead)
                    };
                    let p = proposal(&who, Class::Phone, noon);
                    let expected = if full(0) {
                        denials += 1;
                        let open = (1..).find(|by| !full(*by)).unwrap();
                        Err(Some(midnight + DAY * i32::try_from(open).unwrap()))
                    } else {
                        permits += 1;
                        let later = days.iter().any(|d| *d > 0);
                        Ok(if later { midnight + DAY } else { noon + DAY })
                    };
                    assert_eq!(ask(&packs, &p, &past), expected, "{rule}: {one}, {other}");
                }
            }
        }
    }
    assert!(permits > 500 && denials > 500, "{permits}, {denials}");
}

#[test]
fn a_limit_finds_the_place_of_a_day_on_which_clocks_move() {
    let count = "count: {channels: [phone], direction: outbound, outcomes: [no_answer]}";
    let packs = pack(&format!("rolling_days: {{days: 3, max: 1, {count}}}"));
    let who = party(&["America/New_York"]);
    // 2026-11-01 has 25 hours, 2026-03-08 has 23.
    for (asked, first_counted, open) in [
        (
            "2026-11-02T23:30:00-05:00",
            "2026-10-31T00:00:00-04:00",
            "2026-11-03T00:00:00-05:00",
        ),
        (
            "2026-11-01T12:00:00-05:00",
            "2026-10-30T00:00:00-04:00",
            "2026-11-02T00:00:00-05:00",
        ),
        (
            "2026-03-09T00:30:00-04:00",
            "2026-03-07T00:00:00-05:00",
            "2026-03-10T00:00:00-04:00",
        ),
        (
            "2026-03-10T00:30:00-04:00",
            "2026-03-08T00:00:00-05:00",
            "2026-03-11T00:00:00-04:00",
        ),
    ] {
        let p = proposal(&who, Class::Phone, at(asked));
        let first = at(first_counted);
        let on = |when| [made(Class::Phone, when, Outcome::NoAnswer)];
        assert_eq!(ask(&packs, &p, &on(first)), Err(Some(at(open))), "{asked}");
        let before = first - SignedDuration::from_nanos(1);
        assert!(ask(&packs, &p, &on(before)).is_ok(), "{asked}");
    }
}

#[test]
fn contacts_of_the_same_second_and_out_of_order_are_all_seen() {
    let count = "count: {channels: [phone], direction: outbound, outcomes: [no_answer]}";
    let packs = pack(&format!("rolling_days: {{days: 2, max: 3, {count}}}"));
    let who = party(&["UTC"]);
    let noon = at("2026-05-06T12:00:00Z");
    let p = proposal(&who, Class::Phone, noon);
    let call = |when| made(Class::Phone, when, Outcome::NoAnswer);
    let nanos = SignedDuration::from_nanos;
    let same = [nanos(700), nanos(100), nanos(400)].map(|by| call(noon - HOUR + by));
    let over = Err(Some(at("2026-05-08T00:00:00Z")));
    assert_eq!(ask(&packs, &p, &same), over);
    // An old one after recent ones, and one of somebody else between.
    let mut mixed = vec![
        call(noon - HOUR),
        call(noon - DAY),
        call(noon - DAY * 9),
        call(noon - HOUR * 2),
    ];
    assert_eq!(
        ask(&packs, &p, &mixed),
        Err(Some(at("2026-05-07T00:00:00Z")))
    );
    mixed[0].party = support::SOMEBODY_ELSE;
    assert!(ask(&packs, &p, &mixed).is_ok());
}

#[test]
fn hours_for_persons_of_several_zones_bind_from_two_on() {
    let rule = "daily_window: {hours: [{open: \"08:00\", close: \"21:00\"}], only_for_several_zones: true}";
    let packs = pack(rule);
    let night = at("2026-05-06T03:00:00Z");
    let one = party(&["UTC"]);
    assert!(ask(&packs, &proposal(&one, Class::Phone, night), &[]).is_ok());
    let two = party(&["UTC", "Europe/London"]);
    let p = proposal(&two, Class::Phone, night);
    assert_eq!(ask(&packs, &p, &[]), Err(Some(at("2026-05-06T08:00:00Z"))));
}

#[test]
fn hours_around_the_clock_have_a_gap_where_midnight_comes_twice() {
    let packs = pack("daily_window: {hours: [{open: \"00:00\", close: \"24:00\"}]}");
    // 2026-11-01 in Havana: 01:00 becomes 00:00 at 05:00Z.
    let who = party(&["America/Havana"]);
    let effect = |from: &str, minutes| {
        let mut p = proposal(&who, Class::Phone, at(from));
        p.effect = Window::starting(at(from), SignedDuration::from_mins(minutes));
        p
    };
    let (first, second) = (at("2026-11-01T04:00:00Z"), at("2026-11-01T05:00:00Z"));
    let evening = "2026-11-01T03:30:00Z";
    assert_eq!(ask(&packs, &effect(evening, 0), &[]), Ok(first));
    assert_eq!(ask(&packs, &effect(evening, 30), &[]), Ok(first));
    assert_eq!(ask(&packs, &effect(evening, 31), &[]), Err(Some(second)));
    // Any other midnight is passed over, once and again.
    let spring = effect("2026-05-06T03:30:00Z", 45 * 60);
    assert_eq!(ask(&packs, &spring, &[]), Ok(at("2026-05-07T03:30:00Z")));
}

#[test]
fn hours_that_reach_midnight_and_do_not_begin_at_it_end_there() {
    let hours = "{days: [wed], open: \"08:00\", close: \"24:00\"}, {days: [thu], open: \"00:01\", close: \"24:00\"}";
    let packs = pack(&format!("daily_window: {{hours: [{hours}]}}"));
    let who = party(&["UTC"]);
    // 2026-05-06 is a Wednesday.
    let p = proposal(&who, Class::Phone, at("2026-05-06T23:00:00Z"));
    assert_eq!(ask(&packs, &p, &[]), Ok(at("2026-05-07T00:00:00Z")));
    let p = proposal(&who, Class::Phone, at("2026-05-07T00:00:00Z"));
    assert_eq!(ask(&packs, &p, &[]), Err(Some(at("2026-05-07T00:01:00Z"))));
}

#[test]
fn a_time_of_day_is_written_in_one_way() {
    let hours =
        |open: &str| format!("daily_window: {{hours: [{{open: \"{open}\", close: \"21:00\"}}]}}");
    for wrong in [
        "08",
        "0800",
        "T0830",
        "08.30",
        "8:00",
        "08:00:00.5",
        "08:0",
        "",
    ] {
        let problem = refused(&hours(wrong));
        assert!(problem.contains("is no time of day"), "{wrong}: {problem}");
    }
    for right in ["08:00", "08:00:30"] {
        assert!(Packs::parse(&[("t.yaml", &text(&hours(right)))]).is_ok());
    }
}

#[test]
fn hours_are_looked_for_to_the_end_of_the_search_and_no_further() {
    // Closed until the year that is told begins: 400 days of 24 hours are the search.
    let holidays = "{source: test, years: [2027], dates: []}";
    let hours = "{open: \"08:00\", close: \"20:00\"}";
    let packs = pack(&format!(
        "daily_window: {{hours: [{hours}], holidays: {holidays}}}"
    ));
    let who = party(&["UTC"]);
    let opens = at("2027-01-01T08:00:00Z");
    let asked = |when: Timestamp| ask(&packs, &proposal(&who, Class::Phone, when), &[]);
    assert_eq!(asked(opens - DAY * 400), Err(Some(opens)));
    assert_eq!(
        asked(opens - DAY * 400 - SignedDuration::from_nanos(1)),
        Err(None)
    );
}

#[test]
fn a_pause_lets_a_contact_end_as_it_begins() {
    let packs = pack(
        "pause: {dates: [{from: 2026-02-14, to: 2026-02-14}, {from: 2026-03-01, to: 2026-03-02}]}",
    );
    let who = party(&["UTC"]);
    let asked = |from: &str, minutes| {
        let mut p = proposal(&who, Class::Phone, at(from));
        p.effect = Window::starting(at(from), SignedDuration::from_mins(minutes));
        ask(&packs, &p, &[])
    };
    let over = Err(Some(at("2026-02-15T00:00:00Z")));
    assert_eq!(
        asked("2026-02-13T23:00:00Z", 60),
        Ok(at("2026-02-14T00:00:00Z"))
    );
    assert_eq!(asked("2026-02-13T23:00:00Z", 61), over);
    assert_eq!(asked("2026-02-14T23:59:59Z", 0), over);
    // After the last of them nothing is ahead, and a permit lasts its day.
    assert_eq!(
        asked("2026-02-15T00:00:00Z", 0),
        Ok(at("2026-02-16T00:00:00Z"))
    );
    assert_eq!(
        asked("2026-02-28T12:00:00Z", 0),
        Ok(at("2026-03-01T00:00:00Z"))
    );
    assert_eq!(
        asked("2026-03-03T00:00:00Z", 0),
        Ok(at("2026-03-04T00:00:00Z"))
    );
}
