//! The rules of China, India, Europe and other places at their edges, as far as `rules.rs` has not got them.

mod support;

use jiff::SignedDuration;
use recoup_compliance::{Audience, Proposal, Purpose};
use recoup_domain::contact::ContactClass as Class;
use recoup_domain::ids::KeyedHash;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{
    ConsentKind, ContactPoint, Dispute, Party, PointKind, PointState, Relation,
};
use recoup_domain::past::PastContact;
use support::check::{ask, denies, permits, third};
use support::{at, consent, inbound, made, party, point, proposal};

fn shanghai() -> Party {
    party(&["Asia/Shanghai"])
}

#[test]
fn six_attempts_at_one_number_in_china() {
    let rule = "CN-CBA2026-ATT6";
    let mut who = shanghai();
    let number = point(PointKind::Mobile, PointState::Usable);
    let other = ContactPoint {
        key: KeyedHash([8; 16]),
        ..number.clone()
    };
    let six = |outcome| -> Vec<PastContact> {
        let call = |i: u8| PastContact {
            point: Some(number.key),
            ..made(
                Class::Phone,
                at(&format!("2026-07-08T{:02}:00:00+08:00", 9 + i)),
                outcome,
            )
        };
        (0..6).map(call).collect()
    };
    let evening = at("2026-07-08T16:00:00+08:00");
    let p = Proposal {
        point: Some(&number),
        ..proposal(&who, Class::Phone, evening)
    };
    let midnight = Some("2026-07-09T00:00:00+08:00");
    denies(rule, &p, &six(Outcome::NoAnswer), midnight);
    denies(rule, &p, &six(Outcome::Voicemail), midnight);
    permits(rule, &p, &six(Outcome::NoAnswer)[1..]);
    permits(rule, &p, &six(Outcome::Conversation));
    let point = Some(&other);
    permits(rule, &Proposal { point, ..p }, &six(Outcome::NoAnswer));
    who.consents
        .push(consent(ConsentKind::MoreAttemptsAgreed, None));
    let p = Proposal {
        point: Some(&number),
        ..proposal(&who, Class::Phone, evening)
    };
    permits(rule, &p, &six(Outcome::NoAnswer));
}

#[test]
fn others_are_left_alone_by_each_text_in_china() {
    let who = shanghai();
    for rule in ["CN-CARD2011-68", "CN-MICRO2025-OBLIGOR"] {
        permits(rule, &third(&who, Relation::Guarantor), &[]);
        let mut p = third(&who, Relation::EmergencyContact);
        p.debtor.unreachable = true;
        p.purpose = Purpose::LocationInformation;
        denies(rule, &p, &[], None);
    }
    let rule = "CN-CFC2024-THIRD";
    let mut p = third(&who, Relation::EmergencyContact);
    denies(rule, &p, &[], None);
    p.purpose = Purpose::LocationInformation;
    permits(rule, &p, &[]);

    let rule = "CN-CBA2026-THIRD";
    denies(rule, &p, &[], None);
    p.debtor.unreachable = true;
    permits(rule, &p, &[]);
    p.purpose = Purpose::Ordinary;
    denies(rule, &p, &[], None);
    // A spouse may be near to the debt.
    p.relation = Relation::Spouse;
    permits(rule, &p, &[]);
    p.debtor.unreachable = false;
    denies(rule, &p, &[], None);
}

#[test]
fn noon_and_holidays_are_options_in_china() {
    let who = shanghai();
    let on = |when| proposal(&who, Class::Sms, at(when));
    let rule = "CN-HOUSE-NOON";
    let expires = permits(rule, &on("2026-07-08T11:59:59+08:00"), &[]);
    assert_eq!(expires, at("2026-07-08T12:00:00+08:00"));
    let free = Some("2026-07-08T14:00:00+08:00");
    denies(rule, &on("2026-07-08T12:00:00+08:00"), &[], free);
    permits(rule, &on("2026-07-08T14:00:00+08:00"), &[]);
    let mut long = on("2026-07-08T11:00:00+08:00");
    long.effect.to = long.effect.from + SignedDuration::from_hours(1);
    permits(rule, &long, &[]);
    long.effect.to += SignedDuration::from_nanos(1);
    denies(rule, &long, &[], free);

    let rule = "CN-HOUSE-HOLIDAYS";
    // National Day 2026 goes to October 7; Saturday October 10 is worked, and a day like others.
    let free = Some("2026-10-08T00:00:00+08:00");
    denies(rule, &on("2026-10-05T12:00:00+08:00"), &[], free);
    permits(rule, &on("2026-10-10T12:00:00+08:00"), &[]);
    permits(rule, &on("2026-09-30T23:59:59+08:00"), &[]);
    // Nobody has told the holidays of 2027.
    denies(rule, &on("2027-03-03T12:00:00+08:00"), &[], None);
}

#[test]
fn taiwan_paused_over_the_new_year() {
    let who = party(&["Asia/Taipei"]);
    let on = |when| proposal(&who, Class::Sms, at(when));
    let rule = "TW-CNY-PAUSE";
    permits(rule, &on("2026-02-13T23:59:59+08:00"), &[]);
    let free = Some("2026-02-23T00:00:00+08:00");
    denies(rule, &on("2026-02-14T00:00:00+08:00"), &[], free);
    denies(rule, &on("2026-02-22T23:59:59+08:00"), &[], free);
    permits(rule, &on("2026-02-23T00:00:00+08:00"), &[]);
}

#[test]
fn others_are_left_alone_elsewhere() {
    let who = party(&["Asia/Kolkata"]);
    for rule in [
        "IN-RBI2022-THIRD",
        "IN-RBI2026-THIRD",
        "ID-POJK22-62-THIRD",
        "VN-C18-THIRD",
        "PH-MC18-THIRD",
        "UK-CONC-7.9-THIRD",
    ] {
        // The draft of 2026 begins in July.
        let on = |relation| {
            let mut p = third(&who, relation);
            p.effect = recoup_domain::time::Window::moment(at("2026-07-08T12:00:00+05:30"));
            p
        };
        permits(rule, &on(Relation::Guarantor), &[]);
        denies(rule, &on(Relation::Parent), &[], None);
        denies(rule, &on(Relation::EmergencyContact), &[], None);
        let mut asks = on(Relation::Colleague);
        asks.purpose = Purpose::LocationInformation;
        let open = ask(rule, &asks, &[]).is_permit();
        assert_eq!(open, rule.starts_with("UK"), "{rule}");
    }
    let early = third(&who, Relation::Parent);
    permits("IN-RBI2026-THIRD", &early, &[]);
}

#[test]
fn a_digital_loan_in_india_is_announced_before_the_visit() {
    let who = party(&["Asia/Kolkata"]);
    let p = proposal(&who, Class::Visit, at("2026-07-08T12:00:00+05:30"));
    let before = at("2026-07-07T12:00:00+05:30");
    let rule = "IN-DLD-NOTICE";
    denies(rule, &p, &[], None);
    denies(
        rule,
        &p,
        &[made(Class::Phone, before, Outcome::Conversation)],
        None,
    );
    permits(rule, &p, &[made(Class::Sms, before, Outcome::Delivered)]);
}

#[test]
fn a_breathing_space_ends_after_its_last_day() {
    for rule in ["UK-DRS-60", "UK-DRS-MH"] {
        let mut who = party(&["Europe/London"]);
        who.moratorium_until = Some(jiff::civil::date(2026, 10, 24));
        let late = at("2026-10-24T23:59:59+01:00");
        let free = Some("2026-10-25T00:00:00+01:00");
        let p = proposal(&who, Class::Legal, late);
        denies(rule, &p, &[], free);
        let after = at("2026-10-25T00:00:00+01:00");
        permits(rule, &proposal(&who, Class::Sms, after), &[]);
        // Who writes is answered.
        let reply = Proposal {
            purpose: Purpose::ResponseToInbound,
            ..proposal(&who, Class::Sms, late)
        };
        let wrote = inbound(Class::Sms, at("2026-10-24T12:00:00Z"), Outcome::Delivered);
        denies(rule, &reply, &[], free);
        permits(rule, &reply, &[wrote]);
    }
}

#[test]
fn conc_asks_for_appointments_and_leaves_disputes_and_old_debts() {
    let who = party(&["Europe/London"]);
    let noon = at("2026-07-08T12:00:00+01:00");
    let mut visit = proposal(&who, Class::Visit, noon);
    denies("UK-CONC-7.9-VISIT", &visit, &[], None);
    visit.requested_by_person = true;
    permits("UK-CONC-7.9-VISIT", &visit, &[]);
    let mut p = proposal(&who, Class::Legal, noon);
    permits("UK-CONC-7.14", &p, &[]);
    permits("UK-CONC-7.15", &p, &[]);
    p.case.dispute = Some(Dispute::WrittenUnverified);
    p.case.time_barred = true;
    denies("UK-CONC-7.14", &p, &[], None);
    denies("UK-CONC-7.15", &p, &[], None);
    p.class = Class::Email;
    permits("UK-CONC-7.15", &p, &[]);
}

#[test]
fn enforcement_in_the_union_follows_forbearance() {
    let who = party(&["Europe/Berlin"]);
    let rule = "EU-CCD2-35";
    permits(
        rule,
        &proposal(&who, Class::Legal, at("2026-11-19T23:59:59+01:00")),
        &[],
    );
    let mut p = proposal(&who, Class::Legal, at("2026-11-20T00:00:00+01:00"));
    denies(rule, &p, &[], None);
    p.case.forbearance = true;
    permits(rule, &p, &[]);
    permits(
        rule,
        &proposal(&who, Class::Phone, at("2026-11-20T12:00:00+01:00")),
        &[],
    );
}

#[test]
fn indonesia_keeps_sundays_holidays_and_the_place_of_work() {
    let who = party(&["Asia/Jakarta"]);
    let on = |when| proposal(&who, Class::Phone, at(when));
    let rule = "ID-POJK22-62-HOURS";
    // Saturday evening; Sunday; Monday August 17 is a holiday.
    let free = Some("2026-08-18T08:00:00+07:00");
    permits(rule, &on("2026-08-15T19:59:59+07:00"), &[]);
    denies(rule, &on("2026-08-15T20:00:00+07:00"), &[], free);
    denies(rule, &on("2026-08-17T12:00:00+07:00"), &[], free);
    let rule = "ID-POJK22-62-PLACE";
    let mut visit = proposal(&who, Class::Visit, at("2026-08-18T12:00:00+07:00"));
    permits(rule, &visit, &[]);
    visit.audience = Audience::Workplace;
    denies(rule, &visit, &[], None);
    visit.requested_by_person = true;
    permits(rule, &visit, &[]);
}

#[test]
fn five_reminders_a_day_in_vietnam() {
    let who = party(&["Asia/Ho_Chi_Minh"]);
    let call = |i: u8| {
        let when = at(&format!("2026-07-08T{:02}:00:00+07:00", 8 + i));
        made(Class::Phone, when, Outcome::Busy)
    };
    let mut five: Vec<PastContact> = (0..5).map(call).collect();
    five[2].class = Class::Visit;
    let p = proposal(&who, Class::Email, at("2026-07-08T17:00:00+07:00"));
    let rule = "VN-C18-FREQ5";
    denies(rule, &p, &five, Some("2026-07-09T00:00:00+07:00"));
    permits(rule, &p, &five[1..]);
    five[0].outcome = Some(Outcome::Cancelled);
    permits(rule, &p, &five);
}

#[test]
fn long_overdue_accounts_in_the_philippines_may_be_called_at_night_but_for_the_house() {
    let mut who = party(&["Asia/Manila"]);
    let night = at("2026-07-08T22:00:00+08:00");
    let free = Some("2026-07-09T06:00:00+08:00");
    let rule = "PH-MC18-HOURS";
    let mut p = proposal(&who, Class::Phone, night);
    denies(rule, &p, &[], free);
    p.case.days_past_due = Some(15);
    denies(rule, &p, &[], free);
    p.case.days_past_due = Some(16);
    permits(rule, &p, &[]);
    let rule = "PH-HOUSE-NIGHT";
    denies(rule, &p, &[], free);
    permits(
        rule,
        &proposal(&who, Class::Phone, at("2026-07-08T21:59:59+08:00")),
        &[],
    );
    let morning = at("2026-07-09T06:00:00+08:00");
    permits(rule, &proposal(&who, Class::Phone, morning), &[]);
    let early = proposal(&who, Class::Phone, at("2026-07-08T05:59:59+08:00"));
    denies(rule, &early, &[], Some("2026-07-08T06:00:00+08:00"));
    who.consents.push(consent(ConsentKind::OffHours, None));
    permits(rule, &proposal(&who, Class::Phone, night), &[]);
}

#[test]
fn saturdays_sundays_and_holidays_in_sao_paulo() {
    let who = party(&["America/Sao_Paulo"]);
    for (rule, class) in [
        ("BR-SP-15426-HOURS", Class::Phone),
        ("BR-SP-HOUSE-HOURS", Class::Visit),
    ] {
        let on = |when| proposal(&who, class, at(when));
        permits(rule, &on("2026-04-18T13:59:59-03:00"), &[]);
        let monday = Some("2026-04-20T08:00:00-03:00");
        denies(rule, &on("2026-04-18T14:00:00-03:00"), &[], monday);
        // Tuesday, Tiradentes; July 9 is a holiday of the state.
        let free = Some("2026-04-22T08:00:00-03:00");
        denies(rule, &on("2026-04-21T12:00:00-03:00"), &[], free);
        let free = Some("2026-07-10T08:00:00-03:00");
        denies(rule, &on("2026-07-09T12:00:00-03:00"), &[], free);
    }
}

/// Calls, texts or visits on the given days of June 2026, at noon.
fn june(class: Class, days: &[u8], outcome: Outcome) -> Vec<PastContact> {
    let on = |day: &u8| {
        made(
            class,
            at(&format!("2026-06-{day:02}T12:00:00+03:00")),
            outcome,
        )
    };
    days.iter().map(on).collect()
}

#[test]
fn russia_limits_days_weeks_and_months() {
    let who = party(&["Europe/Moscow"]);
    let on = |class, day: &str| proposal(&who, class, at(&format!("2026-{day}T15:00:00+03:00")));
    let talked = |days: &[u8]| june(Class::Phone, days, Outcome::Conversation);
    let rule = "RU-230FZ-DAY1";
    let next = Some("2026-06-02T00:00:00+03:00");
    denies(rule, &on(Class::Phone, "06-01"), &talked(&[1]), next);
    permits(rule, &on(Class::Phone, "06-02"), &talked(&[1]));
    let rule = "RU-230FZ-CALLS";
    denies(rule, &on(Class::Phone, "06-01"), &talked(&[1]), next);
    // Two in a week: June 1 leaves the seven days on June 8.
    let week = Some("2026-06-08T00:00:00+03:00");
    denies(rule, &on(Class::Phone, "06-03"), &talked(&[1, 2]), week);
    denies(rule, &on(Class::Phone, "06-07"), &talked(&[1, 2]), week);
    permits(rule, &on(Class::Phone, "06-08"), &talked(&[1, 2]));
    // Eight in 31 days: June 1 leaves them on July 2.
    let eight = talked(&[1, 4, 8, 11, 15, 18, 22, 25]);
    let month = Some("2026-07-02T00:00:00+03:00");
    denies(rule, &on(Class::Phone, "06-29"), &eight, month);
    permits(rule, &on(Class::Phone, "06-29"), &eight[1..]);
    permits(rule, &on(Class::Phone, "07-02"), &eight);
    permits(
        rule,
        &on(Class::Phone, "06-03"),
        &june(Class::Phone, &[1, 2], Outcome::NoAnswer),
    );

    let sent = |days: &[u8]| june(Class::Sms, days, Outcome::Delivered);
    denies(
        "RU-230FZ-SMS2",
        &on(Class::Sms, "06-01"),
        &sent(&[1, 1]),
        next,
    );
    permits("RU-230FZ-SMS2", &on(Class::Sms, "06-01"), &sent(&[1]));
    let rule = "RU-230FZ-MESSAGES";
    denies(rule, &on(Class::Email, "06-01"), &sent(&[1, 1]), next);
    denies(rule, &on(Class::Sms, "06-03"), &sent(&[1, 1, 2, 2]), week);
    let rule = "RU-230FZ-MEETINGS";
    let met = june(Class::Visit, &[1], Outcome::Visited);
    denies(rule, &on(Class::Visit, "06-07"), &met, week);
    permits(rule, &on(Class::Visit, "06-08"), &met);
    permits(
        rule,
        &on(Class::Visit, "06-02"),
        &june(Class::Visit, &[1], Outcome::NobodyContacted),
    );
}

#[test]
fn weekends_and_holidays_have_hours_of_their_own_in_russia() {
    let who = party(&["Europe/Moscow"]);
    let on = |when: &str| proposal(&who, Class::Phone, at(when));
    let rule = "RU-230FZ-HOURS";
    // Friday, May 1: a holiday.
    let opens = Some("2026-05-01T09:00:00+03:00");
    denies(rule, &on("2026-05-01T08:30:00+03:00"), &[], opens);
    permits(rule, &on("2026-05-01T19:59:59+03:00"), &[]);
    let saturday = Some("2026-05-02T09:00:00+03:00");
    denies(rule, &on("2026-05-01T20:00:00+03:00"), &[], saturday);
    // A Saturday that is worked keeps its own hours.
    let opens = Some("2025-11-01T09:00:00+03:00");
    denies(rule, &on("2025-11-01T08:30:00+03:00"), &[], opens);
}
