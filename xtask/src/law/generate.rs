//! Cases by chance, aimed: each has one rule in its focus, and people, days and a past that make it matter.

use jiff::civil::{Date, Time, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::case::{
    Agreed, Attorney, Case, Cease, Class, Consent, DEBT, Debtor, FORGOTTEN, Kin, OptOut, Purpose,
    To, Unsuitable, WORK_MAILBOX, WORK_PHONE,
};
use super::draw::Draw;
use super::past;

/// What the generator must know of a rule: its id and the name of its shape.
pub(crate) type Known = (&'static str, &'static str);

/// Zones with and without summer time, by half hours, and with clocks that change at midnight.
const ZONES: [&str; 12] = [
    "Asia/Shanghai",
    "America/New_York",
    "America/Los_Angeles",
    "America/Havana",
    "America/Santiago",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Asia/Jakarta",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Europe/London",
    "Europe/Moscow",
];

/// Days around which something is special: clocks change somewhere, leap days, holidays, turns of years,
/// first days of rules.
const DAYS: [Date; 26] = [
    date(2025, 10, 5),
    date(2025, 10, 26),
    date(2025, 11, 2),
    date(2025, 12, 31),
    date(2026, 1, 30),
    date(2026, 2, 14),
    date(2026, 3, 8),
    date(2026, 3, 29),
    date(2026, 4, 5),
    date(2026, 5, 9),
    date(2026, 7, 1),
    date(2026, 9, 1),
    date(2026, 9, 6),
    date(2026, 10, 4),
    date(2026, 10, 25),
    date(2026, 11, 1),
    date(2026, 11, 20),
    date(2026, 12, 31),
    date(2027, 1, 31),
    date(2027, 3, 14),
    date(2027, 3, 28),
    date(2027, 4, 4),
    date(2027, 11, 7),
    date(2028, 2, 29),
    date(2028, 3, 12),
    date(2028, 3, 26),
];

/// Clock times at which rules turn.
const TURNS: [(i8, i8); 14] = [
    (0, 0),
    (1, 0),
    (6, 0),
    (7, 0),
    (7, 30),
    (8, 0),
    (9, 0),
    (12, 0),
    (14, 0),
    (18, 0),
    (19, 0),
    (20, 0),
    (21, 0),
    (22, 0),
];

const TIMED: [&str; 9] = [
    "daily_window",
    "interval_ban",
    "rolling_days",
    "rolling_hours",
    "nested_periods",
    "calendar_day",
    "cool_down",
    "pause",
    "prior_contact",
];

/// Case `number` of the stream `seed`. `known` are all rules, in the order of their packs.
pub(crate) fn case(seed: u64, number: u64, known: &[Known]) -> Case {
    let mut draw = Draw::of(seed, number);
    let draw = &mut draw;
    let focus = focus(draw, known);
    let zones = zones(draw);
    let changes = if focus.1 == "interval_ban" { 45 } else { 12 };
    let at = if draw.chance(changes) {
        beside_a_change(draw, zones[0])
    } else {
        None
    };
    let at = at.unwrap_or_else(|| instant(draw, focus.0, zones[0]));
    let mut case = Case {
        rules: rules(draw, focus.0, known),
        zones,
        at,
        minutes: 0,
        class: Class::Phone,
        to: To::Consumer,
        kin: Kin::Borrower,
        purpose: purpose(draw),
        number: number_used(draw),
        number_is_wrong: draw.chance(4),
        requested: draw.chance(30),
        days_past_due: draw.chance(60).then(|| draw.between(0, 30) as i32),
        evidence_pack: draw.chance(85),
        forbearance: draw.chance(60),
        collectors: draw.weighed(&[(1, 0), (2, 1), (8, 2), (2, 3)]),
        time_barred: draw.chance(10),
        disputed: draw.chance(4),
        opt_outs: vec![],
        ceases: vec![],
        attorneys: vec![],
        employer_prohibits: draw.chance(20),
        deceased: draw.chance(2),
        refused: draw.chance(15),
        debtor: Debtor {
            unreachable: draw.chance(30),
            deceased: draw.chance(10),
            incapacitated: draw.chance(10),
            ceased: draw.chance(5),
            represented: draw.chance(15),
        },
        moratorium_until: None,
        unsuitable: vec![],
        consents: vec![],
        past: vec![],
    };
    aim(draw, focus.0, &mut case);
    case.minutes = minutes(draw, case.class);
    stops(draw, focus.1, &mut case);
    case.moratorium_until = moratorium(draw, focus.1, &case);
    case.unsuitable = unsuitable(draw, focus.1);
    case.consents = consents(draw, focus.1, &case);
    case.past = past::past(draw, focus.1, &case);
    case
}

/// The rule that the case is about: each shape as often as another, those that time cures oftener.
fn focus(draw: &mut Draw, known: &[Known]) -> Known {
    let mut shapes: Vec<&str> = known.iter().map(|(_, shape)| *shape).collect();
    shapes.sort_unstable();
    shapes.dedup();
    let weigh = |shape: &&'static str| (if TIMED.contains(shape) { 5 } else { 2 }, *shape);
    let shapes: Vec<(i64, &str)> = shapes.iter().map(weigh).collect();
    let shape = draw.weighed(&shapes);
    let of_shape: Vec<Known> = known.iter().copied().filter(|k| k.1 == shape).collect();
    draw.pick(&of_shape)
}

/// The rule in focus and up to four others, in the order of their packs.
fn rules(draw: &mut Draw, focus: &'static str, known: &[Known]) -> Vec<&'static str> {
    let mut chosen = vec![focus];
    for _ in 0..draw.weighed(&[(4, 0), (3, 1), (3, 2), (2, 3), (1, 4)]) {
        chosen.push(draw.pick(known).0);
    }
    let ids = known.iter().map(|(id, _)| *id);
    ids.filter(|id| chosen.contains(id)).collect()
}

fn zones(draw: &mut Draw) -> Vec<&'static str> {
    let mut zones = vec![draw.pick(&ZONES)];
    for _ in 0..draw.weighed(&[(78, 0), (16, 1), (6, 2)]) {
        let zone = draw.pick(&ZONES);
        if !zones.contains(&zone) {
            zones.push(zone);
        }
    }
    zones
}

/// When it is asked: over three years, often about a special day, often just beside a turn of the clock.
fn instant(draw: &mut Draw, focus: &str, zone: &str) -> Timestamp {
    let day = day(draw, focus);
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let (hour, minute) = draw.pick(&TURNS);
    let nanos = if draw.chance(35) {
        draw.pick(&[0, 0, 1, -1, 1_000_000_000, -1_000_000_000, 60_000_000_000])
    } else {
        draw.between(-600, 600) * 60_000_000_000
    };
    let turn = day.to_datetime(Time::constant(hour, minute, 0, 0));
    let turn = zone.to_timestamp(turn).unwrap_or(Timestamp::UNIX_EPOCH);
    turn + SignedDuration::from_nanos(nanos)
}

/// Within three hours of a change of the zone's clock, if it has any.
fn beside_a_change(draw: &mut Draw, zone: &str) -> Option<Timestamp> {
    let zone = TimeZone::get(zone).ok()?;
    let from = date(2025, 7, 1).saturating_add(draw.between(0, 1000).days());
    let from = from.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let change = zone.following(from).next()?.timestamp();
    let nano = SignedDuration::from_nanos(draw.pick(&[0, 0, 0, 1, -1]));
    let near = change + SignedDuration::from_mins(draw.between(-12, 12) * 15) + nano;
    (near < from + SignedDuration::from_hours(24 * 400)).then_some(near)
}

fn day(draw: &mut Draw, focus: &str) -> Date {
    let needs_calendar = [
        "BR-SP-",
        "RU-230FZ-HOURS",
        "ID-POJK22-62-HOURS",
        "CN-HOUSE-HOL",
    ];
    let (base, spread) = if focus == "TW-CNY-PAUSE" {
        (date(2026, 2, 18), 9)
    } else if needs_calendar.iter().any(|p| focus.starts_with(p)) && draw.chance(85) {
        (date(2026, 3, 25), 265)
    } else if focus == "US-TCPA-REVOKE-ALL" {
        (date(2027, 9, 1), 230)
    } else if focus.starts_with("US-NYC") || focus.starts_with("IN-RBI2026") {
        (date(2027, 2, 1), 230)
    } else if focus == "EU-CCD2-35" {
        (date(2027, 4, 1), 180)
    } else if draw.chance(40) {
        (draw.pick(&DAYS), 1)
    } else {
        (date(2027, 1, 1), 548)
    };
    base.saturating_add(draw.between(-spread, spread).days())
}

/// Makes the contact one that the rule in focus speaks of.
fn aim(draw: &mut Draw, focus: &str, case: &mut Case) {
    for _ in 0..60 {
        case.class = draw.pick(&[
            Class::Sms,
            Class::Phone,
            Class::Phone,
            Class::Email,
            Class::Visit,
            Class::Legal,
        ]);
        (case.to, case.kin) = draw.weighed(&[
            (10, (To::Consumer, Kin::Borrower)),
            (1, (To::Consumer, Kin::Guarantor)),
            (3, (To::Workplace, Kin::Borrower)),
            (1, (To::Third, Kin::Guarantor)),
            (1, (To::Third, Kin::Spouse)),
            (1, (To::Third, Kin::Parent)),
            (1, (To::Third, Kin::Attorney)),
            (1, (To::Third, Kin::EmergencyContact)),
            (1, (To::Third, Kin::Neighbour)),
            (1, (To::Third, Kin::Colleague)),
            (1, (To::Third, Kin::Other)),
        ]);
        if super::checker::speaks_of(focus, case) {
            break;
        }
    }
    if focus == "US-REGF-1006.22f3" && draw.chance(70) {
        case.number = Some(WORK_MAILBOX);
    }
}

fn purpose(draw: &mut Draw) -> Purpose {
    draw.weighed(&[
        (30, Purpose::Ordinary),
        (3, Purpose::Location),
        (5, Purpose::Response),
        (3, Purpose::OptOutConfirmation),
        (1, Purpose::EffortsTerminated),
        (1, Purpose::OrdinaryRemedy),
        (1, Purpose::SpecifiedRemedy),
    ])
}

/// A number, or none; those of the person, at work, and one that nobody knows.
pub(super) fn number_used(draw: &mut Draw) -> Option<u8> {
    let numbers = [
        (4, None),
        (6, Some(1)),
        (1, Some(3)),
        (1, Some(WORK_MAILBOX)),
        (2, Some(WORK_PHONE)),
        (1, Some(FORGOTTEN)),
    ];
    draw.weighed(&numbers)
}

fn minutes(draw: &mut Draw, class: Class) -> i64 {
    let long = if class == Class::Visit { 50 } else { 12 };
    if !draw.chance(long) {
        return 0;
    }
    let length = draw.weighed(&[(4, 10), (4, 60), (3, 120), (1, 700), (1, 1500)]);
    draw.between(1, length)
}

/// Opt-outs, demands to stop, attorneys: seldom, but where the case is about such a fact.
fn stops(draw: &mut Draw, shape: &str, case: &mut Case) {
    let often = if shape == "state_flag" { 35 } else { 3 };
    if draw.chance(often) {
        let class = draw.pick(&[None, Some(case.class), Some(case.class), Some(Class::Sms)]);
        let number = if draw.chance(50) {
            case.number
        } else {
            number_used(draw)
        };
        case.opt_outs.push(OptOut {
            class,
            number: if draw.chance(60) { None } else { number },
            at: case.at - SignedDuration::from_mins(draw.between(0, 6000)),
        });
    }
    if draw.chance(often) {
        case.ceases.push(Cease {
            debt: draw.pick(&[None, Some(DEBT), Some(2)]),
            written: draw.chance(70),
        });
    }
    if draw.chance(often) {
        case.attorneys.push(Attorney {
            debt: draw.pick(&[None, Some(DEBT), Some(2)]),
            unresponsive: draw.chance(15),
            consents: draw.chance(15),
        });
    }
    if shape == "state_flag" {
        case.disputed = draw.chance(50);
        case.time_barred = draw.chance(50);
        case.number_is_wrong = draw.chance(40);
        case.deceased = draw.chance(40);
        case.employer_prohibits = draw.chance(60);
        case.refused = draw.chance(50);
        case.debtor.represented = draw.chance(50);
        case.debtor.ceased = draw.chance(30);
    }
}

fn moratorium(draw: &mut Draw, shape: &str, case: &Case) -> Option<Date> {
    let often = if shape == "pause" { 85 } else { 5 };
    if !draw.chance(often) {
        return None;
    }
    let zone = TimeZone::get(case.zones[0]).unwrap_or(TimeZone::UTC);
    let today = zone.to_datetime(case.at).date();
    let ahead = draw.weighed(&[(2, 0), (6, 5), (6, 60), (1, 500)]);
    Some(today.saturating_add(draw.between(-1, ahead).days()))
}

fn unsuitable(draw: &mut Draw, shape: &str) -> Vec<Unsuitable> {
    let often = if shape == "interval_ban" { 90 } else { 4 };
    if !draw.chance(often) {
        return vec![];
    }
    let mut all = Vec::new();
    for _ in 0..draw.between(1, 3) {
        let mut days: Vec<i8> = Vec::new();
        if draw.chance(40) {
            days = (1..=7).filter(|_| draw.chance(50)).collect();
        }
        let time = |draw: &mut Draw| {
            let minute = draw.pick(&[0, 0, 15, 30]);
            // Often in the hours in which clocks change.
            let hour = if draw.chance(35) {
                draw.between(0, 3)
            } else {
                draw.between(0, 23)
            };
            Time::constant(hour as i8, minute, 0, 0)
        };
        let from = time(draw);
        let to = (!draw.chance(15)).then(|| time(draw));
        all.push(Unsuitable { days, from, to });
    }
    all
}

fn consents(draw: &mut Draw, shape: &str, case: &Case) -> Vec<Consent> {
    // Where calls are counted, a consent to more of them is often about to end by its seven days.
    let calls = matches!(shape, "rolling_days" | "cool_down");
    let mut all = Vec::new();
    for _ in 0..draw.weighed(&[(6, 0), (3, 1), (1, 2)]) {
        let near = |draw: &mut Draw, first: i64, last: i64| {
            case.at + SignedDuration::from_mins(draw.between(first, last))
        };
        let a_week = calls && draw.chance(60);
        let first = if a_week { -10_500 } else { -14_000 };
        let last = if a_week { -7_500 } else { 60 };
        all.push(Consent {
            to: if a_week {
                Agreed::ExtraCalls
            } else {
                draw.pick(&[
                    Agreed::OffHours,
                    Agreed::ExtraCalls,
                    Agreed::MoreAttempts,
                    Agreed::MoreVisits,
                    Agreed::WorkEmail,
                    Agreed::Electronic,
                ])
            },
            debt: draw.pick(&[None, None, Some(DEBT), Some(2)]),
            class: draw.pick(&[None, None, None, Some(case.class), Some(Class::Sms)]),
            number: draw.pick(&[None, None, None, case.number, Some(3)]),
            received: draw.chance(85).then(|| near(draw, first, last)),
            expires: draw.chance(20).then(|| near(draw, -600, 6000)),
            revoked: draw.chance(10).then(|| near(draw, -600, 600)),
        });
    }
    all
}
