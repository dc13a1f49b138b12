//! The hard points of meaning, decided once for all packs; one test each, in the order of the list in
//! docs/law/README.md.

mod support;

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::{
    Audience, Calendar, DebtorFacts, NoTrace, Packs, Proposal, Purpose, Verdict, Why, gate,
};
use recoup_domain::contact::{ContactClass as Class, ContactState};
use recoup_domain::ids::KeyedHash;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{
    self, Attorney, Cease, Consent, ConsentKind, OptOut, Party, PartyEvent, PointKind, PointState,
    Relation,
};
use recoup_domain::past::PastContact;
use support::check::{ask, denies, permits, third};
use support::{DEBT, OTHER_DEBT, at, consent, inbound, made, party, proposal};

const HOURS: &str = "US-REGF-1006.6b1i";
const SEVEN: &str = "US-REGF-1006.14b2iA";
const TALKED: &str = "US-REGF-1006.14b2iB";

fn new_york() -> Party {
    party(&["America/New_York"])
}

/// Calls at noon in New York on days of April 2026.
fn april(days: std::ops::RangeInclusive<u8>, outcome: Outcome) -> Vec<PastContact> {
    let call = |day: u8| april_at(day, Class::Phone, outcome);
    days.map(call).collect()
}

fn april_at(day: u8, class: Class, outcome: Outcome) -> PastContact {
    made(
        class,
        at(&format!("2026-04-{day:02}T12:00:00-04:00")),
        outcome,
    )
}

fn call<'a>(who: &'a Party, when: &str) -> Proposal<'a> {
    proposal(who, Class::Phone, at(when))
}

fn opt_out(point: Option<KeyedHash>, at: Timestamp) -> OptOut {
    OptOut {
        id: recoup_domain::ids::OptOutId::from_bytes([1; 16]),
        class: Some(Class::Sms),
        point,
        via: "letter".into(),
        at,
    }
}

/// A rule of its own, in UTC terms where nothing else is said.
fn packs_with(rule: &str) -> Packs {
    let text = format!(
        "pack: t\ntitle: Test\nregions: [XX]\nrules:\n  - id: T\n    text: t\n    citation: t\n    \
         cited: 2026-01-01\n    severity: hard\n    confidence: M\n    scope: person\n    \
         channels: [sms, phone]\n    rule:\n      {rule}\n"
    );
    Packs::parse(&[("t.yaml", &text)]).unwrap()
}

fn ask_own(packs: &Packs, p: &Proposal<'_>) -> Verdict {
    let binding = packs.only(&["T"]).unwrap();
    gate(&binding, p, &[], p.effect.from, &mut NoTrace)
}

#[test]
fn s01_all_candidate_zones_must_be_open_and_a_statement_collapses_them() {
    let mut who = party(&["America/New_York", "America/Los_Angeles"]);
    let early = "2026-07-08T10:59:59-04:00";
    denies(
        HOURS,
        &call(&who, early),
        &[],
        Some("2026-07-08T11:00:00-04:00"),
    );
    permits(HOURS, &call(&who, "2026-07-08T11:00:00-04:00"), &[]);
    // The person says where they are.
    let told = Box::new(new_york());
    party::apply(&mut who, &PartyEvent::Upserted(told), at(early));
    permits(HOURS, &call(&who, early), &[]);
    // Names are kept, never offsets.
    let kept = serde_json::to_value(&who).unwrap();
    assert_eq!(kept["zones"], serde_json::json!(["America/New_York"]));
}

#[test]
fn s02_no_common_window_is_said_and_never_cured_by_time() {
    let zones = [
        "Asia/Shanghai",
        "America/New_York",
        "Europe/London",
        "Pacific/Honolulu",
    ];
    let who = party(&zones);
    let Verdict::Deny(denial) = ask(HOURS, &call(&who, "2026-07-08T10:00:00-04:00"), &[]) else {
        panic!("permitted")
    };
    assert_eq!(denial.earliest, None);
    assert_eq!(denial.all[0].why, Some(Why::NoCommonWindow));
    let text = denial.all[0].why.as_ref().unwrap().to_string();
    assert!(text.starts_with("NO_COMMON_WINDOW") && text.contains("a person must decide"));
    let told = denial.all[0].to_string();
    assert!(
        told.starts_with(HOURS) && told.ends_with(&format!("{text})")),
        "{told}"
    );
    // Where one hour is common, time cures it, and nothing more is said.
    let two = party(&zones[1..3]);
    let verdict = ask(HOURS, &call(&two, "2026-07-08T07:00:00-04:00"), &[]);
    assert_eq!(verdict.denial().unwrap().all[0].why, None);
}

#[test]
fn s03_days_are_local_calendar_days_and_the_day_of_the_event_is_the_first() {
    let who = new_york();
    let talked = april(6..=6, Outcome::Conversation);
    let free = Some("2026-04-13T00:00:00-04:00");
    denies(
        TALKED,
        &call(&who, "2026-04-12T23:59:59-04:00"),
        &talked,
        free,
    );
    permits(TALKED, &call(&who, "2026-04-13T00:00:00-04:00"), &talked);
    let seven = april(6..=12, Outcome::NoAnswer);
    permits(SEVEN, &call(&who, "2026-04-13T00:00:00-04:00"), &seven);
    // The 168 hours are an option, which releases later, by less than a day.
    let by_hour = Some("2026-04-13T12:00:00-04:00");
    let rule = "US-REGF-1006.14b2iA-168H";
    denies(
        rule,
        &call(&who, "2026-04-13T00:00:00-04:00"),
        &seven,
        by_hour,
    );
    assert!(!Packs::builtin().is_on(rule));
}

#[test]
fn s04_days_are_read_in_the_first_zone() {
    let talked = april(6..=6, Outcome::Conversation);
    let east = party(&["America/New_York", "America/Los_Angeles"]);
    let west = party(&["America/Los_Angeles", "America/New_York"]);
    let midnight_east = "2026-04-13T00:00:00-04:00";
    permits(TALKED, &call(&east, midnight_east), &talked);
    denies(
        TALKED,
        &call(&west, midnight_east),
        &talked,
        Some("2026-04-13T00:00:00-07:00"),
    );
}

#[test]
fn s05_wall_clocks_skip_and_repeat() {
    // 02:30 does not exist on 2026-03-08 in New York and maps forward to 03:30; 01:30 on 2026-11-01 is
    // twice: the later opens, the earlier closes.
    let who = new_york();
    let opens = packs_with(r#"daily_window: {hours: [{open: "02:30", close: "12:00"}]}"#);
    let spring = ask_own(&opens, &call(&who, "2026-03-08T00:00:00-05:00"));
    assert_eq!(
        spring.denial().unwrap().earliest,
        Some(at("2026-03-08T03:30:00-04:00"))
    );
    let opens = packs_with(r#"daily_window: {hours: [{open: "01:30", close: "12:00"}]}"#);
    let autumn = ask_own(&opens, &call(&who, "2026-11-01T01:30:00-04:00"));
    assert_eq!(
        autumn.denial().unwrap().earliest,
        Some(at("2026-11-01T01:30:00-05:00"))
    );
    let closes = packs_with(r#"daily_window: {hours: [{open: "00:30", close: "01:30"}]}"#);
    let autumn = ask_own(&closes, &call(&who, "2026-11-01T01:00:00-04:00"));
    assert_eq!(
        autumn,
        Verdict::Permit {
            expires: at("2026-11-01T01:30:00-04:00")
        }
    );
    let again = ask_own(&closes, &call(&who, "2026-11-01T01:00:00-05:00"));
    assert!(!again.is_permit());
    // A ban holds from the earlier to the later.
    let ban = packs_with(r#"interval_ban: {times: [{from: "01:15", to: "01:30"}]}"#);
    let inside = ask_own(&ban, &call(&who, "2026-11-01T01:15:00-04:00"));
    assert_eq!(
        inside.denial().unwrap().earliest,
        Some(at("2026-11-01T01:30:00-05:00"))
    );
    // Midnight itself is skipped in Beirut on 2026-03-29.
    let mut beirut = party(&["Asia/Beirut"]);
    beirut.moratorium_until = Some(date(2026, 3, 28));
    let late = call(&beirut, "2026-03-28T21:59:59Z");
    denies("HOUSE-MORATORIUM", &late, &[], Some("2026-03-28T22:00:00Z"));
}

#[test]
fn s06_days_are_added_by_the_calendar() {
    let who = new_york();
    // 2028 has a February 29, which is day 7.
    let talked = [made(
        Class::Phone,
        at("2028-02-23T12:00:00-05:00"),
        Outcome::Conversation,
    )];
    let free = Some("2028-03-01T00:00:00-05:00");
    denies(
        TALKED,
        &call(&who, "2028-02-29T23:59:59-05:00"),
        &talked,
        free,
    );
    // Seven days over the change of clocks are 167 hours.
    let talked = [made(
        Class::Phone,
        at("2026-03-02T00:00:00-05:00"),
        Outcome::Conversation,
    )];
    permits(TALKED, &call(&who, "2026-03-09T00:00:00-04:00"), &talked);
    // April 1 is day 1 of 30, May 1 is free.
    let visited = [april_at(1, Class::Visit, Outcome::Visited)];
    let visit = proposal(&who, Class::Visit, at("2026-04-30T12:00:00-04:00"));
    denies(
        "US-MA-VISIT30",
        &visit,
        &visited,
        Some("2026-05-01T00:00:00-04:00"),
    );
}

#[test]
fn s07_what_is_under_way_counts_and_nothing_is_given_back() {
    let who = new_york();
    let p = call(&who, "2026-04-12T18:00:00-04:00");
    let free = Some("2026-04-13T00:00:00-04:00");
    let mut past = april(6..=12, Outcome::NoAnswer);
    // An intent of another worker, seen in the same transaction: nothing is known of it yet.
    past[6].outcome = None;
    past[6].state = Some(ContactState::Dispatching);
    denies(SEVEN, &p, &past, free);
    // A call that did not connect to the number never counted; one that was made always does.
    past[6].outcome = Some(Outcome::NotInService);
    past[6].state = Some(ContactState::Failed);
    permits(SEVEN, &p, &past);
    past[6].outcome = Some(Outcome::WrongNumber);
    denies(SEVEN, &p, &past, free);
}

#[test]
fn s08_each_dial_and_each_text_counts_when_it_was_sent() {
    let who = new_york();
    let p = call(&who, "2026-04-12T18:00:00-04:00");
    // Seven dials of one call within a minute are seven calls.
    let dial = |i: i64| {
        let when = at("2026-04-12T12:00:00-04:00") + SignedDuration::from_secs(5 * i);
        made(Class::Phone, when, Outcome::NoAnswer)
    };
    let dials: Vec<PastContact> = (0..7).map(dial).collect();
    denies(SEVEN, &p, &dials, Some("2026-04-19T00:00:00-04:00"));
    permits(SEVEN, &p, &dials[1..]);
    // A text that was sent again is a new text; it counts on the day it was sent, whenever it arrived.
    let text = proposal(&who, Class::Sms, at("2026-04-12T18:00:00-04:00"));
    let sent = [april_at(11, Class::Sms, Outcome::Delivered)];
    permits("HOUSE-DAILY-SMS", &text, &sent);
    let again = [april_at(12, Class::Sms, Outcome::Undelivered)];
    denies(
        "HOUSE-DAILY-SMS",
        &text,
        &again,
        Some("2026-04-13T00:00:00-04:00"),
    );
}

#[test]
fn s09_an_unknown_outcome_counts_as_a_call_and_holds_back_until_it_is_settled() {
    let who = new_york();
    let p = call(&who, "2026-04-12T18:00:00-04:00");
    let free = Some("2026-04-13T00:00:00-04:00");
    denies(SEVEN, &p, &april(6..=12, Outcome::Unknown), free);
    let mut one = april(6..=6, Outcome::Unknown);
    denies(TALKED, &p, &one, free);
    one[0].outcome = Some(Outcome::NoAnswer);
    permits(TALKED, &p, &one);
}

#[test]
fn s10_voicemail_counts_for_some_rules_and_not_for_others() {
    let who = new_york();
    let p = call(&who, "2026-04-12T18:00:00-04:00");
    let free = Some("2026-04-13T00:00:00-04:00");
    denies(SEVEN, &p, &april(6..=12, Outcome::Voicemail), free);
    permits(TALKED, &p, &april(6..=12, Outcome::Voicemail));
    denies(
        "US-MA-FREQ2",
        &p,
        &april(11..=12, Outcome::Voicemail),
        Some("2026-04-18T00:00:00-04:00"),
    );
    // No effective call under the standard of China; an attempt under the guide.
    let on_one_day = |outcome| -> Vec<PastContact> {
        let hour = |h: i64| at("2026-04-12T12:00:00-04:00") - SignedDuration::from_hours(h);
        (0..6)
            .map(|h| made(Class::Phone, hour(h), outcome))
            .collect()
    };
    permits("CN-GBT45251-FREQ3", &p, &on_one_day(Outcome::Voicemail));
    denies("CN-CBA2026-ATT6", &p, &on_one_day(Outcome::Voicemail), free);
}

#[test]
fn s11_a_call_that_somebody_else_answered_is_a_call_and_no_conversation() {
    let who = new_york();
    let p = call(&who, "2026-04-12T18:00:00-04:00");
    let answered = april(6..=12, Outcome::ThirdPartyAnswered);
    denies(SEVEN, &p, &answered, Some("2026-04-13T00:00:00-04:00"));
    permits(TALKED, &p, &answered);
    // Who answered is a contact of their own in China, and a refusal is for good.
    let mut other = party(&["Asia/Shanghai"]);
    party::apply(&mut other, &PartyEvent::Refused, at("2026-04-12T12:00:00Z"));
    let mut asks = third(&other, Relation::EmergencyContact);
    asks.debtor.unreachable = true;
    denies("CN-GBT45251-THIRD", &asks, &[], None);
    denies("HOUSE-REFUSED", &asks, &[], None);
}

#[test]
fn s12_a_wrong_number_is_stopped_at_once_and_lifts_no_cap() {
    let mut who = new_york();
    who.points = vec![support::point(PointKind::Mobile, PointState::Usable)];
    let key = who.points[0].key;
    who.learn(key, Outcome::WrongNumber, at("2026-04-12T12:00:00Z"));
    let p = Proposal {
        point: who.point(key),
        ..call(&who, "2026-04-12T18:00:00-04:00")
    };
    denies("HOUSE-WRONG-NUMBER", &p, &[], None);
    assert_eq!(who.usable_points(Class::Phone).count(), 0);
    let past = april(6..=12, Outcome::WrongNumber);
    denies(SEVEN, &p, &past, Some("2026-04-13T00:00:00-04:00"));
}

#[test]
fn s13_a_contact_about_several_debts_counts_for_each() {
    let who = new_york();
    let p = call(&who, "2026-04-12T18:00:00-04:00");
    let mut talked = april(6..=6, Outcome::Conversation);
    talked[0].debt = OTHER_DEBT;
    permits(TALKED, &p, &talked);
    talked[0].more_debts = [DEBT].into();
    let free = Some("2026-04-13T00:00:00-04:00");
    denies(TALKED, &p, &talked, free);
    // China, Vietnam and Russia count the person over all debts.
    let of_other = |mut past: Vec<PastContact>| {
        past.iter_mut().for_each(|c| c.debt = OTHER_DEBT);
        past
    };
    let today = |n: usize| vec![april_at(12, Class::Phone, Outcome::Conversation); n];
    denies("CN-GBT45251-FREQ3", &p, &of_other(today(3)), free);
    denies("VN-C18-FREQ5", &p, &of_other(today(5)), free);
    denies("RU-230FZ-DAY1", &p, &of_other(today(1)), free);
}

#[test]
fn s14_rights_travel_with_the_file_and_imported_history_counts() {
    // A contact of before the import has no id and no state.
    let who = new_york();
    let p = call(&who, "2026-04-12T18:00:00-04:00");
    let mut imported = april(6..=12, Outcome::NoAnswer);
    imported
        .iter_mut()
        .for_each(|c| (c.id, c.state) = (None, None));
    denies(SEVEN, &p, &imported, Some("2026-04-13T00:00:00-04:00"));
    // What the new lender tells of the person takes back none of their rights.
    let since = at("2026-04-01T12:00:00Z");
    let mut old = new_york();
    let opt_out = opt_out(None, since);
    party::apply(&mut old, &PartyEvent::OptedOut(opt_out), since);
    let cease = Cease {
        case: None,
        written: true,
        at: since,
    };
    party::apply(&mut old, &PartyEvent::Ceased(cease), since);
    old.attorneys.push(Attorney {
        case: None,
        unresponsive: false,
        consents: false,
    });
    party::apply(&mut old, &PartyEvent::Upserted(Box::new(new_york())), since);
    let p = call(&old, "2026-04-12T18:00:00-04:00");
    denies("US-REGF-1006.6c1", &p, &[], None);
    denies("US-REGF-1006.6b2", &p, &[], None);
    denies(
        "HOUSE-OPT-OUT",
        &Proposal {
            class: Class::Sms,
            ..p
        },
        &[],
        None,
    );
}

#[test]
fn s15_a_consent_has_kind_scope_time_and_end() {
    let night = "2026-04-12T22:00:00-04:00";
    let point = support::point(PointKind::Mobile, PointState::Usable);
    let given = Consent {
        expires_at: Some(at("2026-04-12T23:00:00-04:00")),
        class: Some(Class::Phone),
        point: Some(point.key),
        case: Some(DEBT),
        ..consent(ConsentKind::OffHours, Some(at("2026-04-12T20:00:00-04:00")))
    };
    let open = |change: fn(&mut Consent)| {
        let mut who = new_york();
        let mut consent = given.clone();
        change(&mut consent);
        who.consents.push(consent);
        let p = Proposal {
            point: Some(&point),
            ..call(&who, night)
        };
        ask(HOURS, &p, &[]).is_permit()
    };
    assert!(open(|_| {}));
    assert!(!open(|c| c.kind = ConsentKind::ExtraCalls));
    assert!(!open(|c| c.class = Some(Class::Sms)));
    assert!(!open(|c| c.point = Some(KeyedHash([8; 16]))));
    assert!(!open(|c| c.case = Some(OTHER_DEBT)));
    assert!(!open(
        |c| c.received_at = Some(at("2026-04-12T22:00:01-04:00"))
    ));
    assert!(!open(
        |c| c.expires_at = Some(at("2026-04-12T22:00:00-04:00"))
    ));
    assert!(!open(
        |c| c.revoked_at = Some(at("2026-04-12T21:00:00-04:00"))
    ));
    // It covers an effect only as a whole.
    let mut who = new_york();
    who.consents.push(given.clone());
    let mut long = call(&who, night);
    long.point = Some(&point);
    long.effect.to = at("2026-04-12T23:00:00-04:00");
    permits(HOURS, &long, &[]);
    long.effect.to = at("2026-04-12T23:00:01-04:00");
    denies(HOURS, &long, &[], Some("2026-04-13T08:00:00-04:00"));
    // Got in a contact that was not allowed: taken back when it was received.
    assert!(!open(|c| c.revoked_at = c.received_at));
}

#[test]
fn s16_opt_outs_are_kept_narrow_and_from_2027_read_wide() {
    let mut who = new_york();
    let here = support::point(PointKind::Mobile, PointState::Usable);
    let there = recoup_domain::party::ContactPoint {
        key: KeyedHash([8; 16]),
        ..here.clone()
    };
    let at_here = opt_out(Some(here.key), Timestamp::UNIX_EPOCH);
    who.opt_outs.push(at_here);
    let text = |when, point| Proposal {
        point: Some(point),
        ..proposal(&who, Class::Sms, at(when))
    };
    let now = "2026-04-12T12:00:00-04:00";
    denies("US-REGF-1006.14h1", &text(now, &here), &[], None);
    permits("US-REGF-1006.14h1", &text(now, &there), &[]);
    permits("US-TCPA-REVOKE-ALL", &text(now, &there), &[]);
    let then = "2027-01-31T12:00:00-05:00";
    denies("US-TCPA-REVOKE-ALL", &text(then, &there), &[], None);
}

#[test]
fn s17_holidays_matter_where_the_law_says_so_and_an_unknown_year_is_closed() {
    let who = party(&["Asia/Jakarta"]);
    let p = call(&who, "2027-03-03T10:00:00+07:00");
    let verdict = ask("ID-POJK22-62-HOURS", &p, &[]);
    let denial = verdict.denial().expect("a year that nobody told");
    assert_eq!(denial.earliest, None);
    let why = denial.all[0].why.as_ref().unwrap().to_string();
    assert!(why.contains("`id.yaml` lacks the year 2027"), "{why}");
    // Open on a working day, but the way to the next open hour leads into what is not known.
    let evening = call(&who, "2026-12-31T20:00:00+07:00");
    let verdict = ask("ID-POJK22-62-HOURS", &evening, &[]);
    let reason = &verdict.denial().unwrap().all[0];
    assert!(matches!(&reason.why, Some(Why::CalendarLacks(lack)) if lack.year == 2027));
    permits(
        "ID-POJK22-62-HOURS",
        &call(&who, "2026-12-31T19:59:59+07:00"),
        &[],
    );
    // New Year's Day is a day like others for the federal rule, China's standard and India's circular.
    let new_year = call(&who, "2027-01-01T12:00:00+07:00");
    for rule in [HOURS, "CN-GBT45251-TIME", "IN-RBI2022-HOURS"] {
        permits(rule, &new_year, &[]);
    }
    assert!(Calendar::builtin().iter().any(|c| c.file() == "tw.yaml"));
}

#[test]
fn s18_the_second_counts_and_a_contact_must_begin_inside() {
    let who = new_york();
    permits(HOURS, &call(&who, "2026-04-12T20:59:59-04:00"), &[]);
    permits(
        HOURS,
        &call(&who, "2026-04-12T20:59:59.999999999-04:00"),
        &[],
    );
    let free = Some("2026-04-13T08:00:00-04:00");
    denies(HOURS, &call(&who, "2026-04-12T21:00:00-04:00"), &[], free);
    // A call is a moment and may run over; what is known to last must fit as a whole.
    let mut visit = proposal(&who, Class::Visit, at("2026-04-12T20:30:00-04:00"));
    visit.effect.to = at("2026-04-12T21:00:00-04:00");
    permits(HOURS, &visit, &[]);
    visit.effect.to = at("2026-04-12T21:00:01-04:00");
    denies(HOURS, &visit, &[], free);
}

#[test]
fn s19_a_permit_lapses_where_the_answer_could_change() {
    let who = new_york();
    let p = call(&who, "2026-04-12T20:00:00-04:00");
    let closes = at("2026-04-12T21:00:00-04:00");
    assert_eq!(permits(HOURS, &p, &[]), closes);
    // Asked again at that instant, the gate says no; no permit lasts more than a day.
    denies(
        HOURS,
        &call(&who, "2026-04-12T21:00:00-04:00"),
        &[],
        Some("2026-04-13T08:00:00-04:00"),
    );
    let always = permits("US-REGF-1006.14h1", &p, &[]);
    assert_eq!(always, p.effect.from + SignedDuration::from_hours(24));
    // The instant that counts for what came in is the gate's own, not the proposal's.
    let reply = Proposal {
        purpose: Purpose::ResponseToInbound,
        audience: Audience::Consumer,
        debtor: DebtorFacts::default(),
        ..call(&who, "2026-04-12T22:00:00-04:00")
    };
    let wrote = [inbound(
        Class::Phone,
        at("2026-04-12T21:59:00-04:00"),
        Outcome::Conversation,
    )];
    let binding = Packs::builtin().only(&[HOURS]).unwrap();
    let asked = |now| gate(&binding, &reply, &wrote, at(now), &mut NoTrace).is_permit();
    assert!(asked("2026-04-12T22:00:00-04:00"));
    assert!(
        !asked("2026-04-12T21:58:59-04:00"),
        "it had not come in yet"
    );
    assert!(!asked("2026-04-12T22:59:01-04:00"), "more than an hour ago");
}

#[test]
fn a_reply_that_was_called_off_leaves_the_one_reply_open() {
    let mut who = new_york();
    let noon = "2026-05-06T12:00:00-04:00";
    who.moratorium_until = Some(date(2026, 5, 31));
    let reply = Proposal {
        purpose: Purpose::ResponseToInbound,
        ..call(&who, noon)
    };
    let called = inbound(
        Class::Phone,
        at("2026-05-06T11:00:00-04:00"),
        Outcome::InboundNoDiscussion,
    );
    let answer = |state| {
        let mut ours = made(
            Class::Phone,
            at("2026-05-06T11:30:00-04:00"),
            Outcome::Unknown,
        );
        (ours.state, ours.outcome) = (Some(state), None);
        [called.clone(), ours]
    };
    for never_made in [ContactState::Cancelled, ContactState::ProvenNotSent] {
        permits("UK-DRS-60", &reply, &answer(never_made));
    }
    denies(
        "UK-DRS-60",
        &reply,
        &answer(ContactState::Accepted),
        Some("2026-06-01T00:00:00-04:00"),
    );
}

#[test]
fn a_question_may_bring_holidays_and_pauses_of_its_own() {
    let who = party(&["Europe/Moscow"]);
    let only = |rule: &str| Packs::builtin().only(&[rule]).unwrap();
    let earliest = |binding: &recoup_compliance::Binding, when: &str| {
        let p = proposal(&who, Class::Phone, at(when));
        let verdict = gate(binding, &p, &[], p.effect.from, &mut NoTrace);
        verdict
            .denial()
            .map(|d| (d.reason.text().to_owned(), d.earliest))
    };
    let free = |rule: &str, when| {
        let text = only(rule).rules()[0].text().to_owned();
        Some((text, Some(at(when))))
    };
    let hours = only("RU-230FZ-HOURS");
    // 2030 is in no calendar, so all of it is closed; a list that is given speaks of it, and of the year
    // before and after.
    let (day, new_year) = ("2030-03-05T21:00:00+03:00", "2031-12-31T21:00:00+03:00");
    assert_eq!(earliest(&hours, day).unwrap().1, None);
    let given = hours.on_days(&[date(2030, 3, 5)], &[]);
    assert_eq!(
        earliest(&given, day),
        free("RU-230FZ-HOURS", "2030-03-06T08:00:00+03:00")
    );
    assert_eq!(earliest(&given, new_year), None);
    assert_eq!(earliest(&given, "2028-01-05T21:00:00+03:00"), None);
    assert_eq!(
        earliest(&given, "2033-01-05T12:00:00+03:00").unwrap().1,
        None
    );
    // What is known is replaced as a whole; without a list the calendar stays.
    let plain_monday = "2026-01-05T21:00:00+03:00";
    assert!(earliest(&hours.on_days(&[], &[]), plain_monday).is_some());
    assert_eq!(
        earliest(&hours.on_days(&[date(2026, 3, 5)], &[]), plain_monday),
        None
    );
    let pause = only("TW-CNY-PAUSE");
    let dates = [(date(2030, 3, 5), date(2030, 3, 6))];
    assert_eq!(earliest(&pause, day), None);
    assert_eq!(
        earliest(&pause.on_days(&[], &dates), day),
        free("TW-CNY-PAUSE", "2030-03-07T00:00:00+03:00")
    );
    let own = "2026-02-20T12:00:00+03:00";
    assert_eq!(earliest(&pause.on_days(&[], &dates), own), None);
    assert!(earliest(&pause.on_days(&[], &[]), own).is_some());
    // A moratorium is the person's own, whatever dates are given.
    let mut held = who.clone();
    held.moratorium_until = Some(date(2030, 3, 5));
    let p = proposal(&held, Class::Phone, at(day));
    let bound = only("HOUSE-MORATORIUM").on_days(&[], &[(date(2031, 1, 1), date(2031, 1, 2))]);
    assert!(!gate(&bound, &p, &[], p.effect.from, &mut NoTrace).is_permit());
    // It stays the same rule.
    let rule = only("RU-230FZ-HOURS");
    let (before, after) = (&rule.rules()[0], rule.on_days(&[date(2030, 3, 5)], &[]));
    let after = &after.rules()[0];
    assert_eq!(
        (
            before.id(),
            before.pack(),
            before.citation(),
            before.severity()
        ),
        (after.id(), after.pack(), after.citation(), after.severity())
    );
}
