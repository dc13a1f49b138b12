//! Each rule at its edges: permitted on one side, denied on the other.

mod support;

use recoup_compliance::{Audience, Packs, Proposal, Purpose};
use recoup_domain::contact::{ContactClass as Class, ContactState};
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{
    Attorney, Cease, ConsentKind, Dispute, OptOut, Party, PointKind, PointState, Relation,
};
use recoup_domain::past::PastContact;
use support::check::{denies, permits, third, window};
use support::{DEBT, OTHER_DEBT, SOMEBODY_ELSE, at, consent, inbound, made, party, proposal};

fn shanghai() -> Party {
    party(&["Asia/Shanghai"])
}

fn new_york() -> Party {
    party(&["America/New_York"])
}

#[test]
fn hours_open_and_close_to_the_nanosecond() {
    // Tuesday and Wednesday, 7 and 8 July 2026: no holiday anywhere here.
    let rows = [
        (
            "CN-GBT45251-TIME",
            "Asia/Shanghai",
            Class::Visit,
            "08:00",
            "22:00",
        ),
        (
            "CN-CBA2026-TIME",
            "Asia/Shanghai",
            Class::Visit,
            "08:00",
            "22:00",
        ),
        ("TW-HOURS", "Asia/Taipei", Class::Visit, "07:00", "22:00"),
        (
            "US-REGF-1006.6b1i",
            "America/New_York",
            Class::Visit,
            "08:00",
            "21:00",
        ),
        (
            "US-FDCPA-1692c.a1",
            "America/New_York",
            Class::Visit,
            "08:00:01",
            "21:00",
        ),
        (
            "US-MA-HOURS",
            "America/New_York",
            Class::Phone,
            "08:00",
            "21:00",
        ),
        (
            "US-WA-HOURS",
            "America/Los_Angeles",
            Class::Phone,
            "07:30",
            "21:00",
        ),
        (
            "US-CA-1788.17-HOURS",
            "America/Los_Angeles",
            Class::Email,
            "08:00",
            "21:00",
        ),
        (
            "IN-RBI2022-HOURS",
            "Asia/Kolkata",
            Class::Phone,
            "08:00",
            "19:00",
        ),
        (
            "IN-RBI-MFI-HOURS",
            "Asia/Kolkata",
            Class::Phone,
            "09:00",
            "18:00",
        ),
        (
            "IN-HOUSE-HOURS",
            "Asia/Kolkata",
            Class::Sms,
            "08:00",
            "19:00",
        ),
        (
            "IN-RBI2026-HOURS",
            "Asia/Kolkata",
            Class::Visit,
            "08:00",
            "19:00",
        ),
        (
            "UK-CONC-7.9-HOURS",
            "Europe/London",
            Class::Phone,
            "08:00",
            "21:00",
        ),
        (
            "ID-POJK22-62-HOURS",
            "Asia/Jayapura",
            Class::Phone,
            "08:00",
            "20:00",
        ),
        (
            "VN-C18-HOURS",
            "Asia/Ho_Chi_Minh",
            Class::Sms,
            "07:00",
            "21:00",
        ),
        (
            "PH-MC18-HOURS",
            "Asia/Manila",
            Class::Phone,
            "06:00",
            "22:00",
        ),
        (
            "BR-SP-15426-HOURS",
            "America/Sao_Paulo",
            Class::Sms,
            "08:00",
            "20:00",
        ),
        (
            "BR-SP-HOUSE-HOURS",
            "America/Sao_Paulo",
            Class::Email,
            "08:00",
            "20:00",
        ),
        (
            "RU-230FZ-HOURS",
            "Europe/Moscow",
            Class::Visit,
            "08:00",
            "22:00",
        ),
        (
            "HOUSE-VISIT-HOURS",
            "Asia/Shanghai",
            Class::Visit,
            "08:00",
            "20:00",
        ),
    ];
    for (rule, zone, class, open, close) in rows {
        let who = party(&[zone]);
        let instant = |day: u8, clock: &str| {
            let text = format!("2026-07-{day:02}T{clock}[{zone}]");
            text.parse::<jiff::Zoned>().unwrap().timestamp()
        };
        let nano = jiff::SignedDuration::from_nanos(1);
        let (open_at, close_at) = (instant(7, open), instant(7, close));
        let expires = permits(rule, &proposal(&who, class, open_at), &[]);
        assert_eq!(expires, close_at);
        permits(rule, &proposal(&who, class, close_at - nano), &[]);
        let opens = open_at.to_string();
        denies(
            rule,
            &proposal(&who, class, open_at - nano),
            &[],
            Some(&opens),
        );
        let again = instant(8, open).to_string();
        denies(rule, &proposal(&who, class, close_at), &[], Some(&again));
    }
}

#[test]
fn the_whole_effect_must_lie_in_the_hours() {
    let who = shanghai();
    let rule = "HOUSE-VISIT-HOURS";
    let fits = window(
        &who,
        Class::Visit,
        "2026-05-06T18:00:00+08:00",
        "2026-05-06T20:00:00+08:00",
    );
    assert_eq!(permits(rule, &fits, &[]), at("2026-05-06T20:00:00+08:00"));
    let over = window(
        &who,
        Class::Visit,
        "2026-05-06T18:00:01+08:00",
        "2026-05-06T20:00:01+08:00",
    );
    denies(rule, &over, &[], Some("2026-05-07T08:00:00+08:00"));
    let early = window(
        &who,
        Class::Visit,
        "2026-05-06T07:30:00+08:00",
        "2026-05-06T09:00:00+08:00",
    );
    denies(rule, &early, &[], Some("2026-05-06T08:00:00+08:00"));
    let long = window(
        &who,
        Class::Visit,
        "2026-05-06T08:00:00+08:00",
        "2026-05-06T20:00:01+08:00",
    );
    denies(rule, &long, &[], None);
}

#[test]
fn every_zone_must_be_open_and_none_in_common_is_never() {
    let rule = "US-REGF-1006.6b1i";
    let two = party(&["America/New_York", "America/Los_Angeles"]);
    let late = proposal(&two, Class::Sms, at("2026-05-06T21:00:00-04:00"));
    denies(rule, &late, &[], Some("2026-05-07T11:00:00-04:00"));
    let open = proposal(&two, Class::Sms, at("2026-05-06T20:59:59-04:00"));
    assert_eq!(permits(rule, &open, &[]), at("2026-05-06T21:00:00-04:00"));
    let apart = party(&[
        "America/New_York",
        "Asia/Shanghai",
        "Pacific/Honolulu",
        "Europe/London",
    ]);
    let any = proposal(&apart, Class::Sms, at("2026-07-08T10:00:00-04:00"));
    denies(rule, &any, &[], None);
    denies("US-REGF-LOC", &any, &[], None);
    permits(
        "US-REGF-LOC",
        &proposal(&new_york(), Class::Sms, at("2026-05-06T03:00:00Z")),
        &[],
    );
}

#[test]
fn a_consent_opens_the_hours_until_it_expires() {
    let mut who = shanghai();
    let mut agreed = consent(ConsentKind::OffHours, None);
    agreed.expires_at = Some(at("2026-05-06T23:00:00+08:00"));
    who.consents.push(agreed);
    let rule = "CN-GBT45251-TIME";
    let p = proposal(&who, Class::Phone, at("2026-05-06T22:30:00+08:00"));
    assert_eq!(permits(rule, &p, &[]), at("2026-05-06T23:00:00+08:00"));
    let p = proposal(&who, Class::Phone, at("2026-05-06T23:00:00+08:00"));
    denies(rule, &p, &[], Some("2026-05-07T08:00:00+08:00"));
    who.consents[0].case = Some(OTHER_DEBT);
    let p = proposal(&who, Class::Phone, at("2026-05-06T22:30:00+08:00"));
    denies(rule, &p, &[], Some("2026-05-07T08:00:00+08:00"));
}

#[test]
fn hours_do_not_bind_a_legal_referral() {
    let who = new_york();
    let night = at("2026-05-06T03:00:00-04:00");
    for rule in [
        "CN-GBT45251-TIME",
        "CN-CBA2026-TIME",
        "TW-HOURS",
        "US-REGF-1006.6b1i",
        "US-REGF-LOC",
    ] {
        permits(rule, &proposal(&who, Class::Legal, night), &[]);
    }
}

/// Calls at 09:00 Shanghai time on the same day.
fn calls(n: u8, outcome: Outcome) -> Vec<PastContact> {
    let call = |i: u8| {
        let minute = format!("2026-05-06T09:{i:02}:00+08:00");
        made(Class::Phone, at(&minute), outcome)
    };
    (0..n).map(call).collect()
}

#[test]
fn three_effective_calls_a_day_in_china() {
    let rule = "CN-GBT45251-FREQ3";
    let who = shanghai();
    let p = proposal(&who, Class::Phone, at("2026-05-06T15:00:00+08:00"));
    permits(rule, &p, &calls(2, Outcome::Conversation));
    let midnight = Some("2026-05-07T00:00:00+08:00");
    denies(rule, &p, &calls(3, Outcome::Conversation), midnight);
    denies(rule, &p, &calls(3, Outcome::Unknown), midnight);
    permits(rule, &p, &calls(9, Outcome::NoAnswer));
    permits(rule, &p, &calls(9, Outcome::Voicemail));
    let mut to_others = calls(3, Outcome::Conversation);
    to_others[0].party = SOMEBODY_ELSE;
    permits(rule, &p, &to_others);
    let mut came_in = calls(3, Outcome::Conversation);
    came_in[0] = inbound(Class::Phone, came_in[0].at, Outcome::Conversation);
    permits(rule, &p, &came_in);
    let mut two_debts = calls(3, Outcome::Conversation);
    two_debts[0].debt = OTHER_DEBT;
    denies(rule, &p, &two_debts, midnight);
}

#[test]
fn what_is_under_way_counts_and_what_was_not_sent_does_not() {
    let rule = "CN-GBT45251-FREQ3";
    let who = shanghai();
    let p = proposal(&who, Class::Phone, at("2026-05-06T15:00:00+08:00"));
    let mut past = calls(3, Outcome::Conversation);
    past[2].outcome = None;
    past[2].state = Some(ContactState::Dispatching);
    denies(rule, &p, &past, Some("2026-05-07T00:00:00+08:00"));
    past[2].state = Some(ContactState::ProvenNotSent);
    permits(rule, &p, &past);
}

fn seven_calls() -> Vec<PastContact> {
    let call = |d: i32| {
        let day = format!("2026-04-{:02}T15:00:00-04:00", 6 + d);
        made(Class::Phone, at(&day), Outcome::NoAnswer)
    };
    (0..7).map(call).collect()
}

#[test]
fn seven_calls_in_seven_days() {
    let rule = "US-REGF-1006.14b2iA";
    let who = new_york();
    let p = proposal(&who, Class::Phone, at("2026-04-12T18:00:00-04:00"));
    denies(rule, &p, &seven_calls(), Some("2026-04-13T00:00:00-04:00"));
    permits(rule, &p, &seven_calls()[1..]);
    for free in [Outcome::Busy, Outcome::NotInService, Outcome::Cancelled] {
        let mut past = seven_calls();
        past[3].outcome = Some(free);
        permits(rule, &p, &past);
    }
    for counts in [
        Outcome::Unknown,
        Outcome::ThirdPartyAnswered,
        Outcome::Voicemail,
    ] {
        let mut past = seven_calls();
        past[3].outcome = Some(counts);
        denies(rule, &p, &past, Some("2026-04-13T00:00:00-04:00"));
    }
    let mut other = seven_calls();
    other[3].debt = OTHER_DEBT;
    permits(rule, &p, &other);
    other[3].more_debts = [DEBT].into();
    denies(rule, &p, &other, Some("2026-04-13T00:00:00-04:00"));
}

#[test]
fn a_contact_that_lies_ahead_is_counted_with_it() {
    let who = new_york();
    let p = proposal(&who, Class::Phone, at("2026-04-11T09:00:00-04:00"));
    // Six before it, one planned for the day after: an eighth within seven days of April 6 to 12.
    let past = seven_calls();
    permits("US-REGF-1006.14b2iA", &p, &past[1..]);
    denies(
        "US-REGF-1006.14b2iA",
        &p,
        &past,
        Some("2026-04-13T00:00:00-04:00"),
    );
}

#[test]
fn a_permit_ends_where_a_contact_that_lies_ahead_would_hold_back() {
    let who = new_york();
    let rule = "US-REGF-1006.14b2iB";
    let mut ahead = made(
        Class::Phone,
        at("2026-04-12T10:00:00-04:00"),
        Outcome::Unknown,
    );
    ahead.outcome = None;
    ahead.state = Some(ContactState::Accepted);
    let p = proposal(&who, Class::Phone, at("2026-04-11T18:00:00-04:00"));
    let midnight = at("2026-04-12T00:00:00-04:00");
    assert_eq!(permits(rule, &p, std::slice::from_ref(&ahead)), midnight);
    let p = proposal(&who, Class::Phone, midnight);
    denies(rule, &p, &[ahead], Some("2026-04-19T00:00:00-04:00"));
}

#[test]
fn consented_calls_are_neither_limited_nor_counted() {
    let rule = "US-REGF-1006.14b2iA";
    let mut who = new_york();
    let received = at("2026-04-12T16:00:00-04:00");
    who.consents
        .push(consent(ConsentKind::ExtraCalls, Some(received)));
    let p = proposal(&who, Class::Phone, at("2026-04-12T18:00:00-04:00"));
    permits(rule, &p, &seven_calls());
    // A conversation after it ends the consent.
    let mut past = seven_calls();
    past.push(made(
        Class::Phone,
        at("2026-04-12T17:00:00-04:00"),
        Outcome::Conversation,
    ));
    denies(rule, &p, &past, Some("2026-04-14T00:00:00-04:00"));
    // Day 7 of the consent is April 18.
    let last = proposal(&who, Class::Phone, at("2026-04-18T23:59:59-04:00"));
    let after = proposal(&who, Class::Phone, at("2026-04-19T00:00:00-04:00"));
    let full: Vec<_> = (0..7)
        .map(|i| {
            let at = at("2026-04-12T10:00:00-04:00") + jiff::SignedDuration::from_secs(i);
            made(Class::Phone, at, Outcome::NoAnswer)
        })
        .collect();
    permits(rule, &last, &full);
    permits(rule, &after, &full);
    let before = proposal(&who, Class::Phone, at("2026-04-12T15:59:59-04:00"));
    let earliest = Some("2026-04-19T00:00:00-04:00");
    // The consent was not there yet when this was asked.
    denies(rule, &before, &full, earliest);
}

#[test]
fn a_conversation_is_followed_by_quiet_days() {
    let rule = "US-REGF-1006.14b2iB";
    let who = new_york();
    let talked = |outcome| [made(Class::Phone, at("2026-04-06T15:00:00-04:00"), outcome)];
    let sunday = proposal(&who, Class::Phone, at("2026-04-12T23:59:59-04:00"));
    let monday = proposal(&who, Class::Phone, at("2026-04-13T00:00:00-04:00"));
    let end = Some("2026-04-13T00:00:00-04:00");
    denies(rule, &sunday, &talked(Outcome::Conversation), end);
    permits(rule, &monday, &talked(Outcome::Conversation));
    denies(rule, &sunday, &talked(Outcome::Unknown), end);
    permits(rule, &sunday, &talked(Outcome::Voicemail));
    let came_in = [inbound(
        Class::Phone,
        at("2026-04-06T15:00:00-04:00"),
        Outcome::Conversation,
    )];
    denies(rule, &sunday, &came_in, end);
    let text = proposal(&who, Class::Sms, at("2026-04-07T10:00:00-04:00"));
    permits(rule, &text, &talked(Outcome::Conversation));
}

fn opted_out(class: Option<Class>) -> Party {
    let mut who = new_york();
    who.opt_outs.push(OptOut {
        id: recoup_domain::ids::OptOutId::from_bytes([1; 16]),
        class,
        point: None,
        via: "letter".into(),
        at: at("2026-05-01T12:00:00Z"),
    });
    who
}

#[test]
fn an_opt_out_binds_its_medium_but_for_one_confirmation_and_one_reply() {
    for rule in ["US-REGF-1006.14h1", "HOUSE-OPT-OUT"] {
        let who = opted_out(Some(Class::Sms));
        let noon = at("2026-05-06T12:00:00-04:00");
        let sms = proposal(&who, Class::Sms, noon);
        denies(rule, &sms, &[], None);
        permits(rule, &proposal(&who, Class::Phone, noon), &[]);
        let all = opted_out(None);
        denies(rule, &proposal(&all, Class::Visit, noon), &[], None);
        permits(rule, &proposal(&all, Class::Legal, noon), &[]);

        let confirm = Proposal {
            purpose: Purpose::OptOutConfirmation,
            ..sms
        };
        let sent = made(Class::Sms, at("2026-05-01T12:00:01Z"), Outcome::Unknown);
        permits(rule, &confirm, &[]);
        denies(rule, &confirm, std::slice::from_ref(&sent), None);

        let reply = Proposal {
            purpose: Purpose::ResponseToInbound,
            ..sms
        };
        let wrote = inbound(Class::Sms, at("2026-05-06T12:00:00Z"), Outcome::Delivered);
        let answered = made(Class::Sms, at("2026-05-06T12:01:00Z"), Outcome::Delivered);
        denies(rule, &reply, &[], None);
        permits(rule, &reply, &[sent.clone(), wrote.clone()]);
        denies(rule, &reply, &[sent, wrote, answered], None);
    }
}

#[test]
fn at_night_only_what_just_came_in_is_answered() {
    let who = new_york();
    let reply = Proposal {
        purpose: Purpose::ResponseToInbound,
        ..proposal(&who, Class::Sms, at("2026-05-06T23:00:00-04:00"))
    };
    let rule = "US-REGF-1006.6b1i";
    let morning = Some("2026-05-07T08:00:00-04:00");
    let wrote = |when, class| [inbound(class, at(when), Outcome::Delivered)];
    permits(
        rule,
        &reply,
        &wrote("2026-05-06T22:00:00-04:00", Class::Sms),
    );
    denies(
        rule,
        &reply,
        &wrote("2026-05-06T21:59:59-04:00", Class::Sms),
        morning,
    );
    denies(
        rule,
        &reply,
        &wrote("2026-05-06T22:00:00-04:00", Class::Email),
        morning,
    );
    let purpose = Purpose::Ordinary;
    let ordinary = Proposal { purpose, ..reply };
    denies(
        rule,
        &ordinary,
        &wrote("2026-05-06T22:00:00-04:00", Class::Sms),
        morning,
    );
}

#[test]
fn a_cease_stops_all_but_law_and_notices() {
    let noon = at("2026-05-06T12:00:00-04:00");
    let ceased = |written, case| {
        let mut who = new_york();
        let at = at("2026-05-01T12:00:00Z");
        who.ceases.push(Cease { case, written, at });
        who
    };
    let oral = ceased(false, None);
    permits(
        "US-REGF-1006.6c1",
        &proposal(&oral, Class::Phone, noon),
        &[],
    );
    denies(
        "HOUSE-CEASE",
        &proposal(&oral, Class::Phone, noon),
        &[],
        None,
    );
    permits("HOUSE-CEASE", &proposal(&oral, Class::Legal, noon), &[]);
    let written = ceased(true, Some(DEBT));
    for rule in ["US-REGF-1006.6c1", "HOUSE-CEASE"] {
        let p = proposal(&written, Class::Email, noon);
        denies(rule, &p, &[], None);
        for purpose in [
            Purpose::NoticeEffortsTerminated,
            Purpose::NoticeOrdinaryRemedy,
            Purpose::NoticeSpecifiedRemedy,
        ] {
            permits(rule, &Proposal { purpose, ..p }, &[]);
        }
        let debt = OTHER_DEBT;
        permits(rule, &Proposal { debt, ..p }, &[]);
    }
    let neighbour = new_york();
    let mut p = third(&neighbour, Relation::Neighbour);
    permits("HOUSE-CEASE", &p, &[]);
    p.debtor.ceased = true;
    denies("HOUSE-CEASE", &p, &[], None);
}

#[test]
fn third_parties_need_a_reason() {
    let who = shanghai();
    let owed = Proposal {
        audience: Audience::Consumer,
        ..third(&who, Relation::Borrower)
    };
    for rule in [
        "CN-GBT45251-THIRD",
        "CN-GBT45251-OBJ",
        "TW-THIRD",
        "US-REGF-1006.6d1",
    ] {
        permits(rule, &owed, &[]);
        permits(rule, &third(&who, Relation::Guarantor), &[]);
        permits(rule, &third(&who, Relation::Attorney), &[]);
        denies(rule, &third(&who, Relation::Neighbour), &[], None);
    }
    permits("US-REGF-1006.6d1", &third(&who, Relation::Spouse), &[]);
    denies("CN-GBT45251-OBJ", &third(&who, Relation::Spouse), &[], None);
    let asks = Proposal {
        purpose: Purpose::LocationInformation,
        ..third(&who, Relation::Colleague)
    };
    for rule in ["CN-GBT45251-OBJ", "TW-THIRD", "US-REGF-1006.6d1"] {
        permits(rule, &asks, &[]);
    }
    denies("CN-GBT45251-THIRD", &asks, &[], None);
    let mut lost = asks;
    lost.debtor.unreachable = true;
    permits("CN-GBT45251-THIRD", &lost, &[]);
    let mut incapable = asks;
    incapable.debtor.incapacitated = true;
    permits("CN-GBT45251-THIRD", &incapable, &[]);
}

#[test]
fn who_refused_is_left_alone() {
    let mut who = shanghai();
    who.refused = true;
    let mut p = third(&who, Relation::EmergencyContact);
    p.debtor.unreachable = true;
    denies("CN-GBT45251-THIRD", &p, &[], None);
    denies("HOUSE-REFUSED", &p, &[], None);
    p.purpose = Purpose::LocationInformation;
    denies("US-REGF-1006.6d1", &p, &[], None);
    permits("HOUSE-REFUSED", &third(&who, Relation::Guarantor), &[]);
}

#[test]
fn an_unusable_point_and_the_dead_are_left_alone() {
    let mut who = shanghai();
    let good = support::point(PointKind::Mobile, PointState::Usable);
    let wrong = support::point(PointKind::Mobile, PointState::WrongNumber);
    let invalid = support::point(PointKind::Mobile, PointState::Invalid);
    let base = proposal(&who, Class::Sms, at("2026-05-06T12:00:00+08:00"));
    let to = |point| Proposal {
        point: Some(point),
        ..base
    };
    permits("HOUSE-WRONG-NUMBER", &to(&good), &[]);
    denies("HOUSE-WRONG-NUMBER", &to(&wrong), &[], None);
    denies("HOUSE-WRONG-NUMBER", &to(&invalid), &[], None);
    permits("HOUSE-DECEASED", &base, &[]);
    who.deceased = true;
    let p = proposal(&who, Class::Legal, at("2026-05-06T12:00:00+08:00"));
    denies("HOUSE-DECEASED", &p, &[], None);
}

#[test]
fn a_moratorium_ends_after_its_last_day_at_local_midnight() {
    // Clocks in Havana skip from 00:00 to 01:00 on 2026-03-08.
    let mut who = party(&["America/Havana"]);
    who.moratorium_until = Some(jiff::civil::date(2026, 3, 7));
    let rule = "HOUSE-MORATORIUM";
    let p = proposal(&who, Class::Legal, at("2026-03-08T04:59:59Z"));
    denies(rule, &p, &[], Some("2026-03-08T05:00:00Z"));
    permits(
        rule,
        &proposal(&who, Class::Legal, at("2026-03-08T05:00:00Z")),
        &[],
    );
}

#[test]
fn five_contacts_a_day_and_one_text_a_debt() {
    let who = shanghai();
    let noon = at("2026-05-06T12:00:00+08:00");
    let midnight = Some("2026-05-07T00:00:00+08:00");
    let mut past = calls(5, Outcome::Busy);
    past[1].class = Class::Email;
    past[2].debt = OTHER_DEBT;
    denies(
        "HOUSE-DAILY",
        &proposal(&who, Class::Sms, noon),
        &past,
        midnight,
    );
    permits("HOUSE-DAILY", &proposal(&who, Class::Sms, noon), &past[1..]);
    permits("HOUSE-DAILY", &proposal(&who, Class::Legal, noon), &past);
    let text = [made(
        Class::Sms,
        at("2026-05-06T09:00:00+08:00"),
        Outcome::Unknown,
    )];
    let p = proposal(&who, Class::Sms, noon);
    denies("HOUSE-DAILY-SMS", &p, &text, midnight);
    let debt = OTHER_DEBT;
    permits("HOUSE-DAILY-SMS", &Proposal { debt, ..p }, &text);
    permits("HOUSE-DAILY-SMS", &p, &calls(1, Outcome::NoAnswer));
}

#[test]
fn a_visit_needs_a_prior_contact_evidence_and_two_collectors() {
    let who = shanghai();
    let p = proposal(&who, Class::Visit, at("2026-05-06T12:00:00+08:00"));
    let before = at("2026-05-05T12:00:00+08:00");
    let rule = "HOUSE-VISIT-PRIOR";
    denies(rule, &p, &[], None);
    permits(rule, &p, &[made(Class::Phone, before, Outcome::NoAnswer)]);
    permits(rule, &p, &[made(Class::Sms, before, Outcome::Unknown)]);
    let mut not_sent = made(Class::Sms, before, Outcome::Unknown);
    not_sent.state = Some(ContactState::RejectedProven);
    denies(rule, &p, &[not_sent], None);
    denies(
        rule,
        &p,
        &[made(Class::Visit, before, Outcome::NobodyContacted)],
        None,
    );
    let mut other = made(Class::Phone, before, Outcome::Conversation);
    other.debt = OTHER_DEBT;
    denies(rule, &p, &[other], None);

    permits("HOUSE-VISIT-EVIDENCE", &p, &[]);
    let mut bare = p;
    bare.case.evidence_pack = false;
    denies("HOUSE-VISIT-EVIDENCE", &bare, &[], None);
    permits("HOUSE-VISIT-TWO", &p, &[]);
    let qualified_collectors = 1;
    let alone = Proposal {
        qualified_collectors,
        ..p
    };
    denies("HOUSE-VISIT-TWO", &alone, &[], None);
}

#[test]
fn a_referral_needs_a_prior_contact_and_a_live_debt() {
    let who = new_york();
    let p = proposal(&who, Class::Legal, at("2026-05-06T12:00:00Z"));
    denies("HOUSE-LEGAL-PRIOR", &p, &[], None);
    let visited = made(
        Class::Visit,
        at("2026-05-05T12:00:00Z"),
        Outcome::NobodyContacted,
    );
    permits("HOUSE-LEGAL-PRIOR", &p, &[visited]);
    permits("US-REGF-1006.26b", &p, &[]);
    let mut barred = p;
    barred.case.time_barred = true;
    denies("US-REGF-1006.26b", &barred, &[], None);
}

#[test]
fn an_attorney_stops_contact_everywhere() {
    let mut who = shanghai();
    who.attorneys.push(Attorney {
        case: None,
        unresponsive: false,
        consents: false,
    });
    let p = proposal(&who, Class::Phone, at("2026-05-06T12:00:00+08:00"));
    denies("HOUSE-ATTORNEY", &p, &[], None);
    let class = Class::Legal;
    permits("HOUSE-ATTORNEY", &Proposal { class, ..p }, &[]);
    who.attorneys[0].consents = true;
    let p = proposal(&who, Class::Phone, at("2026-05-06T12:00:00+08:00"));
    permits("HOUSE-ATTORNEY", &p, &[]);
}

#[test]
fn attorney_employer_and_dispute_stop_contact_in_the_us() {
    let mut who = new_york();
    who.attorneys.push(Attorney {
        case: Some(DEBT),
        unresponsive: false,
        consents: false,
    });
    who.employer_prohibits = true;
    let p = proposal(&who, Class::Phone, at("2026-05-06T12:00:00-04:00"));
    denies("US-REGF-1006.6b2", &p, &[], None);
    let debt = OTHER_DEBT;
    permits("US-REGF-1006.6b2", &Proposal { debt, ..p }, &[]);
    let audience = Audience::Workplace;
    permits("US-REGF-1006.6b3", &p, &[]);
    denies("US-REGF-1006.6b3", &Proposal { audience, ..p }, &[], None);
    let mut disputed = p;
    disputed.case.dispute = Some(Dispute::WrittenUnverified);
    denies("US-REGF-1006.38d2", &disputed, &[], None);
    disputed.case.dispute = Some(Dispute::VerifiedSent);
    permits("US-REGF-1006.38d2", &disputed, &[]);
    who.attorneys[0].unresponsive = true;
    let p = proposal(&who, Class::Phone, at("2026-05-06T12:00:00-04:00"));
    permits("US-REGF-1006.6b2", &p, &[]);
}

#[test]
fn every_rule_of_the_packs_is_tested_at_its_edges() {
    let here = concat!(
        include_str!("rules.rs"),
        include_str!("rules_us.rs"),
        include_str!("rules_places.rs")
    );
    for rule in Packs::builtin().rules() {
        let quoted = format!("\"{}\"", rule.id());
        assert!(
            here.contains(&quoted),
            "{} has no test of its edges",
            rule.id()
        );
    }
}
