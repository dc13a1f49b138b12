//! The rules of the United States at their edges, as far as `rules.rs` has not got them.

mod support;

use jiff::civil::Time;
use recoup_compliance::{Audience, Proposal, Purpose};
use recoup_domain::contact::ContactClass as Class;
use recoup_domain::ids::KeyedHash;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{
    Attorney, Cease, ConsentKind, ContactPoint, Inconvenient, OptOut, Party, PointKind, PointOwner,
    PointState, Relation,
};
use recoup_domain::past::PastContact;
use support::check::{denies, permits, third};
use support::{DEBT, OTHER_DEBT, at, consent, inbound, made, party, point, proposal};

fn new_york() -> Party {
    party(&["America/New_York"])
}

fn opt_out(class: Option<Class>, point: Option<KeyedHash>) -> OptOut {
    let at = at("2026-05-01T12:00:00Z");
    OptOut {
        id: recoup_domain::ids::OptOutId::from_bytes([1; 16]),
        class,
        point,
        via: "letter".into(),
        at,
    }
}

const NOON: &str = "2026-05-06T12:00:00-04:00";

#[test]
fn a_time_called_unsuitable_is_left_alone() {
    for rule in [
        "US-REGF-1006.6b1-DESIG",
        "HOUSE-INCONVENIENT",
        "IN-RBI2026-TIMES",
    ] {
        let mut who = new_york();
        who.inconvenient.push(Inconvenient {
            days: vec![3],
            from: Time::constant(9, 0, 0, 0),
            to: Some(Time::constant(17, 0, 0, 0)),
        });
        // 2026-07-08 is a Wednesday.
        let on = |day: u8, clock: &str| at(&format!("2026-07-{day:02}T{clock}-04:00"));
        permits(rule, &proposal(&who, Class::Phone, on(8, "08:59:59")), &[]);
        let end = Some("2026-07-08T17:00:00-04:00");
        denies(
            rule,
            &proposal(&who, Class::Phone, on(8, "09:00:00")),
            &[],
            end,
        );
        denies(
            rule,
            &proposal(&who, Class::Phone, on(8, "16:59:59")),
            &[],
            end,
        );
        permits(rule, &proposal(&who, Class::Phone, on(8, "17:00:00")), &[]);
        permits(rule, &proposal(&who, Class::Phone, on(9, "12:00:00")), &[]);
        permits(rule, &proposal(&who, Class::Legal, on(8, "12:00:00")), &[]);
    }
}

#[test]
fn a_place_or_number_that_was_declined_is_not_used() {
    let mut who = new_york();
    let at_home = point(PointKind::Postal, PointState::Usable);
    let other = ContactPoint {
        key: KeyedHash([8; 16]),
        ..at_home.clone()
    };
    who.opt_outs.push(opt_out(None, Some(at_home.key)));
    let p = proposal(&who, Class::Visit, at(NOON));
    let rule = "US-REGF-1006.6b1ii";
    let to = |point| Proposal {
        point: Some(point),
        ..p
    };
    denies(rule, &to(&at_home), &[], None);
    permits(rule, &to(&other), &[]);
    permits(rule, &p, &[]);
    // At work, and in Massachusetts.
    let audience = Audience::Workplace;
    let class = Class::Phone;
    let call = Proposal {
        audience,
        class,
        ..to(&at_home)
    };
    denies("US-MA-WORK", &call, &[], None);
    let elsewhere = Proposal {
        point: Some(&other),
        ..call
    };
    permits("US-MA-WORK", &elsewhere, &[]);
}

#[test]
fn others_are_asked_once_and_nobody_once_an_attorney_is_known() {
    let who = new_york();
    let asks = Proposal {
        purpose: Purpose::LocationInformation,
        ..third(&who, Relation::Neighbour)
    };
    let rule = "US-REGF-1006.10c";
    let before = at("2026-05-05T12:00:00Z");
    let once = [made(Class::Phone, before, Outcome::ThirdPartyAnswered)];
    permits(rule, &asks, &[]);
    denies(rule, &asks, &once, None);
    denies(
        rule,
        &asks,
        &[made(Class::Phone, before, Outcome::Unknown)],
        None,
    );
    permits(
        rule,
        &asks,
        &[made(Class::Phone, before, Outcome::NoAnswer)],
    );
    let mut invited = asks;
    invited.requested_by_person = true;
    permits(rule, &invited, &once);
    // A spouse is a consumer, an attorney is free.
    permits(rule, &third(&who, Relation::Spouse), &once);
    permits(rule, &third(&who, Relation::Attorney), &once);

    let rule = "US-REGF-1006.10b5";
    permits(rule, &asks, &[]);
    let mut known = asks;
    known.debtor.represented = true;
    denies(rule, &known, &[], None);
    known.relation = Relation::Attorney;
    permits(rule, &known, &[]);
}

#[test]
fn a_mailbox_at_work_needs_consent_or_use() {
    let mut who = new_york();
    let mailbox = ContactPoint {
        owner: PointOwner::Workplace,
        ..point(PointKind::Email, PointState::Usable)
    };
    let mail = |who: &Party, past: &[PastContact], open: bool| {
        let p = Proposal {
            point: Some(&mailbox),
            ..proposal(who, Class::Email, at(NOON))
        };
        if open {
            permits("US-REGF-1006.22f3", &p, past);
        } else {
            denies("US-REGF-1006.22f3", &p, past, None);
        }
    };
    mail(&who, &[], false);
    let mut wrote = inbound(Class::Email, at("2026-05-01T12:00:00Z"), Outcome::Delivered);
    mail(&who, std::slice::from_ref(&wrote), false);
    wrote.point = Some(mailbox.key);
    mail(&who, std::slice::from_ref(&wrote), true);
    wrote.debt = OTHER_DEBT;
    mail(&who, &[wrote], false);
    who.consents.push(consent(ConsentKind::WorkEmail, None));
    mail(&who, &[], true);
    who.consents[0].revoked_at = Some(at(NOON));
    mail(&who, &[], false);
    let own = ContactPoint {
        owner: PointOwner::Own,
        ..mailbox.clone()
    };
    let p = Proposal {
        point: Some(&own),
        ..proposal(&who, Class::Email, at(NOON))
    };
    permits("US-REGF-1006.22f3", &p, &[]);
}

#[test]
fn the_safe_harbours_need_consent_or_use_of_the_address() {
    for (rule, class, days) in [
        ("US-REGF-1006.6d4", Class::Email, None),
        (
            "US-REGF-1006.6d5",
            Class::Sms,
            Some("2026-07-05T00:00:00-04:00"),
        ),
        ("US-NYC-5-77-ELECTRONIC", Class::Sms, None),
    ] {
        let mut who = new_york();
        let to = point(PointKind::Mobile, PointState::Usable);
        fn on<'a>(who: &'a Party, class: Class, to: &'a ContactPoint) -> Proposal<'a> {
            Proposal {
                point: Some(to),
                ..proposal(who, class, at("2026-09-06T12:00:00-04:00"))
            }
        }
        denies(rule, &on(&who, class, &to), &[], None);
        let mut agreed = consent(ConsentKind::Electronic, Some(at(NOON)));
        agreed.point = Some(to.key);
        agreed.expires_at = Some(at("2026-09-06T18:00:00-04:00"));
        who.consents.push(agreed);
        assert_eq!(
            permits(rule, &on(&who, class, &to), &[]),
            at("2026-09-06T18:00:00-04:00")
        );
        who.consents[0].point = Some(KeyedHash([8; 16]));
        denies(rule, &on(&who, class, &to), &[], None);
        who.consents.clear();
        // Day 1 of the 60 is May 6, the last is July 4.
        let mut wrote = inbound(class, at(NOON), Outcome::Delivered);
        wrote.point = Some(to.key);
        if let Some(end) = days {
            let nano = jiff::SignedDuration::from_nanos(1);
            let last = Proposal {
                point: Some(&to),
                ..proposal(&who, class, at(end) - nano)
            };
            assert_eq!(permits(rule, &last, std::slice::from_ref(&wrote)), at(end));
            let after = Proposal {
                effect: recoup_domain::time::Window::moment(at(end)),
                ..last
            };
            denies(rule, &after, std::slice::from_ref(&wrote), None);
            // Where neither is known, the person did not use this very number.
            wrote.point = None;
            let unnamed = Proposal {
                point: None,
                ..last
            };
            denies(rule, &unnamed, &[wrote], None);
        } else if class == Class::Email {
            permits(rule, &on(&who, class, &to), &[wrote]);
        } else {
            denies(rule, &on(&who, class, &to), &[wrote], None);
        }
    }
}

#[test]
fn a_revocation_stops_calls_and_texts_and_from_2027_both() {
    let mut who = new_york();
    who.opt_outs.push(opt_out(Some(Class::Sms), None));
    let on = |class, when| proposal(&who, class, at(when));
    denies("US-TCPA-REVOKED", &on(Class::Sms, NOON), &[], None);
    permits("US-TCPA-REVOKED", &on(Class::Phone, NOON), &[]);
    permits("US-TCPA-REVOKED", &on(Class::Email, NOON), &[]);
    let rule = "US-TCPA-REVOKE-ALL";
    let eve = on(Class::Phone, "2027-01-30T23:59:59-05:00");
    assert_eq!(permits(rule, &eve, &[]), at("2027-01-31T00:00:00-05:00"));
    denies(
        rule,
        &on(Class::Phone, "2027-01-31T00:00:00-05:00"),
        &[],
        None,
    );
    permits(rule, &on(Class::Email, "2027-01-31T00:00:00-05:00"), &[]);
}

#[test]
fn seven_calls_by_the_clock_are_held_to_the_hour() {
    let rule = "US-REGF-1006.14b2iA-168H";
    let who = new_york();
    let call = |d: i32| {
        let day = format!("2026-04-{:02}T15:00:00-04:00", 6 + d);
        made(Class::Phone, at(&day), Outcome::NoAnswer)
    };
    let seven: Vec<PastContact> = (0..7).map(call).collect();
    let on = |when| proposal(&who, Class::Phone, at(when));
    let free = Some("2026-04-13T15:00:00-04:00");
    denies(
        rule,
        &on("2026-04-13T14:59:59.999999999-04:00"),
        &seven,
        free,
    );
    permits(rule, &on("2026-04-13T15:00:00-04:00"), &seven);
    permits(rule, &on("2026-04-13T09:00:00-04:00"), &seven[1..]);
    // Seven that lie ahead are reached 168 hours before the last of them.
    let ahead = on("2026-04-05T15:00:00-04:00");
    assert_eq!(
        permits(rule, &ahead, &seven),
        at("2026-04-05T15:00:00.000000001-04:00")
    );
    denies(
        rule,
        &on("2026-04-05T15:00:00.000000001-04:00"),
        &seven,
        free,
    );
}

#[test]
fn two_contacts_a_week_in_massachusetts() {
    let mut who = new_york();
    let home = point(PointKind::Mobile, PointState::Usable);
    let work = ContactPoint {
        key: KeyedHash([8; 16]),
        owner: PointOwner::Workplace,
        ..home.clone()
    };
    who.points = vec![home.clone(), work.clone()];
    let at_point = |class, day: u8, outcome, point: &ContactPoint| PastContact {
        point: Some(point.key),
        ..made(
            class,
            at(&format!("2026-04-{day:02}T12:00:00-04:00")),
            outcome,
        )
    };
    let two = [
        at_point(Class::Phone, 6, Outcome::NoAnswer, &home),
        at_point(Class::Sms, 8, Outcome::Delivered, &home),
    ];
    let on = |when| proposal(&who, Class::Phone, at(when));
    let rule = "US-MA-FREQ2";
    let free = Some("2026-04-13T00:00:00-04:00");
    denies(rule, &on("2026-04-12T12:00:00-04:00"), &two, free);
    permits(rule, &on("2026-04-13T00:00:00-04:00"), &two);
    for unable in [
        Outcome::UnableToLeaveMessage,
        Outcome::Busy,
        Outcome::NotInService,
    ] {
        let mut past = two.clone();
        past[0].outcome = Some(unable);
        permits(rule, &on("2026-04-12T12:00:00-04:00"), &past);
    }
    // A call at work is not one at home, nor the reverse.
    let mut past = two.clone();
    past[0].point = Some(work.key);
    permits(rule, &on("2026-04-12T12:00:00-04:00"), &past);
    let rule = "US-MA-FREQ2-ELSEWHERE";
    let audience = Audience::Workplace;
    let call = |when| Proposal {
        audience,
        ..on(when)
    };
    permits(rule, &call("2026-04-12T12:00:00-04:00"), &two);
    let there = [6, 8].map(|day| at_point(Class::Phone, day, Outcome::Voicemail, &work));
    let free = Some("2026-05-06T00:00:00-04:00");
    denies(rule, &call("2026-05-05T23:00:00-04:00"), &there, free);
    permits(rule, &on("2026-04-12T12:00:00-04:00"), &there);
}

#[test]
fn one_visit_in_thirty_days_in_massachusetts() {
    let mut who = new_york();
    let visited = [made(
        Class::Visit,
        at("2026-04-01T12:00:00-04:00"),
        Outcome::Visited,
    )];
    let rule = "US-MA-VISIT30";
    let last = "2026-04-30T20:00:00-04:00";
    let free = Some("2026-05-01T00:00:00-04:00");
    denies(
        rule,
        &proposal(&who, Class::Visit, at(last)),
        &visited,
        free,
    );
    permits(
        rule,
        &proposal(&who, Class::Visit, at("2026-05-01T00:00:00-04:00")),
        &visited,
    );
    who.consents
        .push(consent(ConsentKind::MoreVisitsWritten, None));
    permits(rule, &proposal(&who, Class::Visit, at(last)), &visited);
    who.consents[0].expires_at = Some(at("2026-04-30T20:00:01-04:00"));
    let p = proposal(&who, Class::Visit, at(last));
    assert_eq!(permits(rule, &p, &visited), at("2026-04-30T20:00:01-04:00"));

    let rule = "US-MA-VISIT-WORK";
    permits(rule, &p, &[]);
    let audience = Audience::Workplace;
    let mut at_work = Proposal { audience, ..p };
    denies(rule, &at_work, &[], None);
    at_work.requested_by_person = true;
    permits(rule, &at_work, &[]);
    // Eastern time holds for who may be elsewhere, too.
    let west = party(&["America/Los_Angeles"]);
    let evening = proposal(&west, Class::Visit, at("2026-04-30T18:00:00-07:00"));
    denies(
        "US-MA-HOURS",
        &evening,
        &[],
        Some("2026-05-01T08:00:00-07:00"),
    );
}

#[test]
fn three_a_week_in_washington_and_one_at_work() {
    let who = party(&["America/Los_Angeles"]);
    let on = |day: u8, class, outcome| {
        made(
            class,
            at(&format!("2026-06-{day:02}T10:00:00-07:00")),
            outcome,
        )
    };
    let past = [
        on(1, Class::Phone, Outcome::NoAnswer),
        on(2, Class::Sms, Outcome::Delivered),
        on(4, Class::Visit, Outcome::NobodyContacted),
    ];
    let mut p = proposal(&who, Class::Email, at("2026-06-07T23:59:59-07:00"));
    let free = Some("2026-06-08T00:00:00-07:00");
    denies("US-WA-FREQ3", &p, &past, free);
    permits("US-WA-FREQ3", &p, &past[1..]);
    let mut busy = past.clone();
    busy[0].outcome = Some(Outcome::Busy);
    permits("US-WA-FREQ3", &p, &busy);
    permits("US-WA-WORK1", &p, &past);
    p.audience = Audience::Workplace;
    // Where a contact landed is not known: it counts.
    denies("US-WA-WORK1", &p, &past[..1], free);
    p.requested_by_person = true;
    permits("US-WA-FREQ3", &p, &past);
    permits("US-WA-WORK1", &p, &past);
}

#[test]
fn california_says_what_the_federal_act_says() {
    let mut who = party(&["America/Los_Angeles"]);
    who.attorneys.push(Attorney {
        case: Some(DEBT),
        unresponsive: false,
        consents: false,
    });
    who.employer_prohibits = true;
    who.ceases.push(Cease {
        case: None,
        written: true,
        at: at(NOON),
    });
    let p = proposal(&who, Class::Phone, at(NOON));
    denies("US-CA-1788.17-ATTORNEY", &p, &[], None);
    let debt = OTHER_DEBT;
    permits("US-CA-1788.17-ATTORNEY", &Proposal { debt, ..p }, &[]);
    denies("US-CA-1788.17-CEASE", &p, &[], None);
    let purpose = Purpose::NoticeEffortsTerminated;
    permits("US-CA-1788.17-CEASE", &Proposal { purpose, ..p }, &[]);
    permits("US-CA-1788.17-EMPLOYER", &p, &[]);
    let audience = Audience::Workplace;
    denies(
        "US-CA-1788.17-EMPLOYER",
        &Proposal { audience, ..p },
        &[],
        None,
    );
    let rule = "US-CA-1788.17-THIRD";
    denies(rule, &third(&who, Relation::Neighbour), &[], None);
    permits(rule, &third(&who, Relation::Spouse), &[]);
}

#[test]
fn new_york_city_binds_from_september_2026() {
    let mut who = new_york();
    let on = |day: u8, outcome| {
        made(
            Class::Phone,
            at(&format!("2026-08-{day:02}T10:00:00-04:00")),
            outcome,
        )
    };
    let past = [28, 29, 30].map(|day| on(day, Outcome::Busy));
    let rule = "US-NYC-5-77-FREQ3";
    let eve = proposal(&who, Class::Sms, at("2026-08-31T23:59:59-04:00"));
    let first = proposal(&who, Class::Sms, at("2026-09-01T00:00:00-04:00"));
    permits(rule, &eve, &past);
    denies(rule, &first, &past, Some("2026-09-04T00:00:00-04:00"));
    permits(rule, &first, &past[1..]);
    let rule = "US-NYC-5-77-EXCHANGE";
    let talked = [on(30, Outcome::Conversation)];
    denies(rule, &first, &talked, Some("2026-09-06T00:00:00-04:00"));
    permits(rule, &first, &past);
    let rule = "US-NYC-5-77-MEDIUM";
    permits(rule, &first, &[]);
    who.opt_outs.push(opt_out(Some(Class::Sms), None));
    denies(
        rule,
        &proposal(&who, Class::Sms, at("2026-09-01T12:00:00Z")),
        &[],
        None,
    );
    permits(
        rule,
        &proposal(&who, Class::Phone, at("2026-09-01T12:00:00Z")),
        &[],
    );
}
