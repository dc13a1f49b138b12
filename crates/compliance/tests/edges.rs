//! Where rules begin and end, by packs written for it: the last day, the last hour, the list that says a thing
//! twice. Faults planted in the gate showed that no worked example asks these.

mod support;

use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::{
    Calendar, Confidence, FullTrace, Layer, NoTrace, Packs, Proposal, Scope, Severity, TraceLine,
    Verdict, gate,
};
use recoup_domain::case::LenderKind;
use recoup_domain::contact::ContactClass as Class;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{Consent, ConsentKind, Inconvenient, PointKind, PointState};
use recoup_domain::past::PastContact;
use recoup_domain::time::{Window, Zone};
use support::{at, consent, inbound, made, party, proposal};

const NEW_YORK: &str = "America/New_York";

/// A pack of one rule that binds texts and calls, with these further keys.
fn text(keys: &str, rule: &str) -> String {
    let channels = match keys.contains("channels:") {
        true => "",
        false => "channels: [sms, phone]",
    };
    format!(
        "pack: t\ntitle: T\nregions: [XX]\nrules:\n  - id: T-ONE\n    text: A rule.\n    citation: none\n    \
         cited: 2026-01-01\n    severity: hard\n    confidence: M\n    scope: person\n    {channels}\n    {keys}\n    \
         rule:\n      {rule}\n"
    )
}

fn pack(keys: &str, rule: &str) -> Packs {
    Packs::parse(&[("t.yaml", &text(keys, rule))]).unwrap()
}

fn refused(keys: &str, rule: &str) -> String {
    let read = Packs::parse(&[("t.yaml", &text(keys, rule))]);
    read.unwrap_err().problem
}

/// What the one rule of a pack says: until when it permits, or from when it would.
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

fn call(who: &recoup_domain::Party, when: &str) -> Proposal<'static> {
    // A party lives as long as its test.
    proposal(Box::leak(Box::new(who.clone())), Class::Phone, at(when))
}

#[test]
fn a_rule_binds_on_its_first_and_on_its_last_day() {
    let who = party(&[NEW_YORK]);
    let day = pack(
        "effective_from: 2026-05-06\n    effective_to: 2026-05-06",
        "duty: requested_by_person",
    );
    let rule = &day.packs()[0].rules()[0];
    let only = Some(jiff::civil::date(2026, 5, 6));
    assert_eq!((rule.effective_from(), rule.effective_to()), (only, only));
    let asked = |when| ask(&day, &call(&who, when), &[]);
    // The permit of the day before lapses where the rule begins; what it denies ends with it.
    assert_eq!(
        asked("2026-05-05T23:00:00-04:00"),
        Ok(at("2026-05-06T00:00:00-04:00"))
    );
    let over = Err(Some(at("2026-05-07T00:00:00-04:00")));
    assert_eq!(asked("2026-05-06T00:00:00-04:00"), over);
    assert_eq!(asked("2026-05-06T23:59:59-04:00"), over);
    assert!(asked("2026-05-07T00:00:00-04:00").is_ok());
    let wrong = "effective_from: 2026-05-07\n    effective_to: 2026-05-06";
    assert!(refused(wrong, "duty: requested_by_person").contains("lies before"));
}

#[test]
fn names_are_those_of_packs() {
    let severities = [Severity::Hard, Severity::Presumption, Severity::Advisory];
    let names = severities.map(Severity::name);
    assert_eq!(names, ["hard", "presumption", "advisory"]);
    let sure = [
        Confidence::V1,
        Confidence::V2,
        Confidence::M,
        Confidence::House,
    ];
    assert_eq!(sure.map(Confidence::name), ["V1", "V2", "M", "house"]);
    let scopes = [Scope::Debt, Scope::Person, Scope::Number];
    assert_eq!(scopes.map(Scope::name), ["debt", "person", "number"]);
    let layers = [
        (Layer::Law, "law"),
        (Layer::Standard, "standard"),
        (Layer::Guide, "guide"),
        (Layer::Voluntary, "voluntary"),
        (Layer::Draft, "draft"),
        (Layer::House, "house"),
    ];
    for (layer, name) in layers {
        assert_eq!(layer.name(), name);
    }
    let shape = |rule| pack("", rule).packs()[0].rules()[0].shape();
    assert_eq!(shape("duty: evidence_pack"), "duty");
    assert_eq!(shape("state_flag: deceased"), "state_flag");
}

#[test]
fn a_list_that_says_a_thing_twice_says_it() {
    let twice = pack("channels: [phone, phone]", "duty: evidence_pack");
    let rule = &twice.packs()[0].rules()[0];
    assert!(rule.channels().eq([Class::Phone]));
    // Read apart, the same rule is the same, and another one is not.
    let same = pack("channels: [phone]", "duty: evidence_pack");
    let other = pack("channels: [sms]", "duty: evidence_pack");
    assert_eq!(rule, &same.packs()[0].rules()[0]);
    assert_ne!(rule, &other.packs()[0].rules()[0]);
    let shown = [&same, &other].map(|p| format!("{:?}", p.packs()[0].rules()[0]));
    assert!(shown[0].contains("Set(") && shown[0] != shown[1]);
}

#[test]
fn pack_and_rule_bind_the_lenders_that_both_name() {
    let rule = "duty: evidence_pack";
    let whole = text("lender_kinds: [bank, first_party]", rule);
    let whole = whole.replace(
        "regions: [XX]",
        "regions: [XX]\nlender_kinds: [agency, bank]",
    );
    let packs = Packs::parse(&[("t.yaml", &whole)]).unwrap();
    let kinds = packs.packs()[0].rules()[0].lender_kinds();
    assert!(kinds.eq([LenderKind::Bank]));
    let bound = |kind| packs.bind("XX", &[], kind).unwrap().rules().len();
    assert_eq!(bound(LenderKind::Bank), 1);
    assert_eq!(bound(LenderKind::Agency), 0);
    assert_eq!(bound(LenderKind::FirstParty), 0);
}

#[test]
fn what_is_off_has_a_reason_in_words() {
    let off = |why: &str| format!("enabled: false\n    disabled_because: {why}");
    let rule = "duty: evidence_pack";
    let problem = "`enabled: false` needs `disabled_because`";
    assert_eq!(refused(&off("\"  \""), rule), problem);
    assert_eq!(refused("enabled: false", rule), problem);
    let packs = pack(&off("A draft."), rule);
    assert!(packs.off().eq([("T-ONE", "A draft.")]));
}

#[test]
fn contacts_that_came_in_are_counted_where_a_rule_says_so() {
    let count = "count: {channels: [phone], direction: inbound, outcomes: [conversation]}";
    let once = pack("", &format!("calendar_day: {{max: 1, {count}}}"));
    let who = party(&[NEW_YORK]);
    let p = call(&who, "2026-05-06T12:00:00-04:00");
    let (early, talked) = (at("2026-05-06T09:00:00-04:00"), Outcome::Conversation);
    assert!(ask(&once, &p, &[made(Class::Phone, early, talked)]).is_ok());
    let tomorrow = Err(Some(at("2026-05-07T00:00:00-04:00")));
    assert_eq!(
        ask(&once, &p, &[inbound(Class::Phone, early, talked)]),
        tomorrow
    );
}

#[test]
fn bans_of_some_days_are_read_by_the_day_of_the_week() {
    let who = party(&[NEW_YORK]);
    let asked = |packs: &Packs, when| ask(packs, &call(&who, when), &[]);
    let ban = |days: &str, from: &str, to: &str| {
        let span = format!("{{days: {days}, from: \"{from}\", to: \"{to}\"}}");
        pack("", &format!("interval_ban: {{times: [{span}]}}"))
    };
    // 2026-05-04 is a Monday.
    let monday = ban("[mon]", "09:00", "17:00");
    let over = Err(Some(at("2026-05-04T17:00:00-04:00")));
    assert_eq!(asked(&monday, "2026-05-04T12:00:00-04:00"), over);
    assert!(asked(&monday, "2026-05-05T12:00:00-04:00").is_ok());
    assert!(asked(&monday, "2026-05-03T12:00:00-04:00").is_ok());
    let sunday = ban("[sun]", "09:00", "17:00");
    assert!(asked(&sunday, "2026-05-03T12:00:00-04:00").is_err());
    assert!(asked(&sunday, "2026-05-02T12:00:00-04:00").is_ok());
    // A permit ends where the next ban begins.
    assert_eq!(
        asked(&monday, "2026-05-04T08:00:00-04:00"),
        Ok(at("2026-05-04T09:00:00-04:00"))
    );
    // One that ends as it begins lasts a day.
    let whole = ban("[mon]", "08:00", "08:00");
    let over = Err(Some(at("2026-05-05T08:00:00-04:00")));
    assert_eq!(asked(&whole, "2026-05-04T08:00:00-04:00"), over);
    assert_eq!(asked(&whole, "2026-05-05T07:59:59-04:00"), over);
    assert!(asked(&whole, "2026-05-04T07:59:59-04:00").is_ok());
}

#[test]
fn bans_that_meet_are_one_and_a_ban_of_every_hour_never_ends() {
    let mut who = party(&[NEW_YORK]);
    let times = |spans: &str| pack("", &format!("interval_ban: {{times: [{spans}]}}"));
    let two = times(
        "{from: \"09:00\", to: \"12:00\"}, {from: \"12:00\", to: \"14:00\"}, {from: \"15:00\", to: \"16:00\"}",
    );
    let asked = |when| ask(&two, &call(&who, when), &[]);
    let over = Err(Some(at("2026-05-06T14:00:00-04:00")));
    assert_eq!(asked("2026-05-06T10:00:00-04:00"), over);
    let always = times("{from: \"00:00\", to: \"24:00\"}");
    let when = "2026-05-06T10:00:00-04:00";
    assert_eq!(ask(&always, &call(&who, when), &[]), Err(None));
    // An hour that does not exist bans nothing, not even what passes over it.
    let hour = |hour| Time::constant(hour, 0, 0, 0);
    who.inconvenient = vec![Inconvenient {
        days: vec![],
        from: hour(2),
        to: Some(hour(3)),
    }];
    let over_it = |from: &str, to: &str| Proposal {
        effect: Window {
            from: at(from),
            to: at(to),
        },
        ..call(&who, from)
    };
    let designated = pack("", "interval_ban: designated");
    let gap = over_it("2026-03-08T01:30:00-05:00", "2026-03-08T03:30:00-04:00");
    assert!(ask(&designated, &gap, &[]).is_ok());
    let day_before = over_it("2026-03-07T01:30:00-05:00", "2026-03-07T03:30:00-05:00");
    let over = Err(Some(at("2026-03-07T03:00:00-05:00")));
    assert_eq!(ask(&designated, &day_before, &[]), over);
}

#[test]
fn periods_grow_and_what_one_opens_another_may_still_shut() {
    let count = "count: {channels: [phone], direction: outbound, outcomes: [no_answer]}";
    let rule = |periods: &str| format!("nested_periods: {{periods: [{periods}], {count}}}");
    for wrong in [
        "{days: 7, max: 3}, {days: 7, max: 4}",
        "{days: 7, max: 3}, {days: 1, max: 3}",
        "{days: 1, max: 3}, {days: 7, max: 2}",
    ] {
        assert!(
            refused("", &rule(wrong)).contains("from short to long"),
            "{wrong}"
        );
    }
    let packs = pack("", &rule("{days: 1, max: 1}, {days: 7, max: 3}"));
    let who = party(&["UTC"]);
    let on = |day: &str| {
        made(
            Class::Phone,
            at(&format!("{day}T12:00:00Z")),
            Outcome::NoAnswer,
        )
    };
    // Three within seven days up to the 14th; on the 15th there is room in the week, but one is agreed for then.
    let past = ["2026-05-08", "2026-05-08", "2026-05-09", "2026-05-15"].map(on);
    let p = call(&who, "2026-05-10T12:00:00Z");
    assert_eq!(
        ask(&packs, &p, &past),
        Err(Some(at("2026-05-16T00:00:00Z")))
    );
    assert!(ask(&packs, &call(&who, "2026-05-16T00:00:00Z"), &past).is_ok());
    // The rule by itself names that instant, too, not one at which a longer period is still full.
    let binding = packs.only(&["T-ONE"]).unwrap();
    let verdict = gate(&binding, &p, &past, p.effect.from, &mut NoTrace);
    let alone = verdict.denial().unwrap().all[0].earliest;
    assert_eq!(alone, Some(at("2026-05-16T00:00:00Z")));
}

#[test]
fn a_consent_to_calls_counts_from_after_its_receipt_to_before_its_end() {
    const SEVEN: &str = "US-REGF-1006.14b2iA";
    let binding = Packs::builtin().only(&[SEVEN]).unwrap();
    let mut who = party(&[NEW_YORK]);
    who.consents = vec![Consent {
        expires_at: Some(at("2026-05-03T12:00:00-04:00")),
        ..consent(
            ConsentKind::ExtraCalls,
            Some(at("2026-05-03T09:00:00-04:00")),
        )
    }];
    let on = |when: &str| made(Class::Phone, at(when), Outcome::NoAnswer);
    let six = ["04-29", "04-30", "05-01", "05-02", "05-02", "05-02"];
    let six = six.map(|day| on(&format!("2026-{day}T12:00:00-04:00")));
    let asked = |when: &str, now: &str, seventh: Option<&str>| {
        let mut past = six.to_vec();
        past.extend(seventh.map(on));
        let p = call(&who, when);
        match gate(&binding, &p, &past, at(now), &mut NoTrace) {
            Verdict::Permit { .. } => Ok(()),
            Verdict::Deny(denial) => Err(denial.earliest),
        }
    };
    // A week of six calls and one more on the day after; it is left out where it was made under the consent.
    let next_day = |seventh| {
        let noon = "2026-05-04T12:00:00-04:00";
        asked(noon, noon, Some(seventh))
    };
    let full = Err(Some(at("2026-05-06T00:00:00-04:00")));
    assert_eq!(next_day("2026-05-03T09:00:00-04:00"), full, "its instant");
    assert_eq!(next_day("2026-05-03T09:00:01-04:00"), Ok(()));
    assert_eq!(next_day("2026-05-03T11:59:59-04:00"), Ok(()));
    assert_eq!(next_day("2026-05-03T12:00:00-04:00"), full, "its end");
    // With seven before it, the consent alone lets an eighth through: while it lasts.
    let eighth = |when: &str| asked(when, when, Some("2026-05-02T18:00:00-04:00"));
    assert_eq!(eighth("2026-05-03T09:00:00-04:00"), Ok(()));
    assert_eq!(eighth("2026-05-03T11:59:59-04:00"), Ok(()));
    assert_eq!(eighth("2026-05-03T12:00:00-04:00"), full);
    // Asked afterwards of a call before the consent came in: not from then, but from its receipt on.
    let (before, asked_at) = ("2026-05-03T08:00:00-04:00", "2026-05-03T10:00:00-04:00");
    assert_eq!(
        asked(before, asked_at, Some("2026-05-02T18:00:00-04:00")),
        Err(Some(at("2026-05-03T09:00:00-04:00")))
    );
}

#[test]
fn a_permit_before_a_pause_lapses_where_it_begins() {
    let who = party(&["Asia/Taipei"]);
    let binding = Packs::builtin().only(&["TW-CNY-PAUSE"]).unwrap();
    let asked = |when: &str| {
        let p = call(&who, when);
        match gate(&binding, &p, &[], p.effect.from, &mut NoTrace) {
            Verdict::Permit { expires } => Ok(expires),
            Verdict::Deny(denial) => Err(denial.earliest),
        }
    };
    let begins = at("2026-02-14T00:00:00+08:00");
    assert_eq!(asked("2026-02-13T12:00:00+08:00"), Ok(begins));
    assert_eq!(asked("2026-02-13T23:59:59+08:00"), Ok(begins));
    let over = Err(Some(at("2026-02-23T00:00:00+08:00")));
    assert_eq!(asked("2026-02-14T00:00:00+08:00"), over);
}

#[test]
fn what_must_come_before_lies_before_and_not_at_the_same_instant() {
    let of = "{channels: [sms], direction: outbound, outcomes: [delivered]}";
    let first = pack("", &format!("prior_contact: {{of: {of}}}"));
    let who = party(&[NEW_YORK]);
    let noon = at("2026-05-06T12:00:00-04:00");
    let p = call(&who, "2026-05-06T12:00:00-04:00");
    let text = |when| made(Class::Sms, when, Outcome::Delivered);
    let nano = SignedDuration::from_nanos(1);
    assert!(ask(&first, &p, &[text(noon - nano)]).is_ok());
    for ahead in [noon, noon + SignedDuration::from_hours(5)] {
        assert_eq!(ask(&first, &p, &[text(ahead)]), Err(Some(ahead + nano)));
    }
    assert_eq!(ask(&first, &p, &[]), Err(None));
}

#[test]
fn a_limit_by_the_clock_ends_when_the_last_that_fills_it_has_left() {
    let count = "count: {channels: [phone], direction: outbound, outcomes: [no_answer]}";
    let hours = |max: u8| {
        pack(
            "",
            &format!("rolling_hours: {{hours: 24, max: {max}, {count}}}"),
        )
    };
    let (one, two) = (hours(1), hours(2));
    let who = party(&[NEW_YORK]);
    let noon = at("2026-05-06T12:00:00-04:00");
    let p = call(&who, "2026-05-06T12:00:00-04:00");
    let hour = SignedDuration::from_hours(1);
    let nano = SignedDuration::from_nanos(1);
    let on = |when| made(Class::Phone, when, Outcome::NoAnswer);
    // The first to leave makes no room while another fills it; one that leaves now has left.
    let five_and_one = [on(noon - hour * 5), on(noon - hour)];
    let over = Err(Some(noon + hour * 23));
    assert_eq!(ask(&one, &p, &five_and_one), over);
    let verdict = gate(
        &one.only(&["T-ONE"]).unwrap(),
        &p,
        &five_and_one,
        noon,
        &mut NoTrace,
    );
    let alone = verdict.denial().unwrap().all[0].earliest;
    assert_eq!(alone, Some(noon + hour * 23), "the rule by itself");
    let day_and_one = [on(noon - hour * 24), on(noon - hour)];
    assert_eq!(ask(&one, &p, &day_and_one), over);
    assert!(ask(&one, &p, &day_and_one[..1]).is_ok());
    let a_nano_less = [on(noon - hour * 24 + nano)];
    assert_eq!(ask(&one, &p, &a_nano_less), Err(Some(noon + nano)));
    // A day and a half reaches farther back than a day.
    let rule = format!("rolling_hours: {{hours: 36, max: 1, {count}}}");
    let thirty_ago = [on(noon - hour * 30)];
    assert_eq!(
        ask(&pack("", &rule), &p, &thirty_ago),
        Err(Some(noon + hour * 6))
    );
    // One that lies ahead: a permit lapses where its 24 hours begin, and not where they have begun.
    let ahead = |by| [on(noon + hour * 24 + by)];
    assert_eq!(ask(&two, &p, &ahead(hour)), Ok(noon + hour + nano));
    assert_eq!(ask(&two, &p, &ahead(-nano)), Ok(noon + hour * 24));
}

#[test]
fn a_contact_at_midnight_counts_for_the_day_that_begins() {
    let count = "count: {channels: [phone], direction: outbound, outcomes: [no_answer]}";
    let once = pack("", &format!("calendar_day: {{max: 1, {count}}}"));
    let who = party(&[NEW_YORK]);
    let midnight = at("2026-05-07T00:00:00-04:00");
    let agreed = [made(Class::Phone, midnight, Outcome::NoAnswer)];
    let today = call(&who, "2026-05-06T12:00:00-04:00");
    assert_eq!(ask(&once, &today, &agreed), Ok(midnight));
    let tomorrow = call(&who, "2026-05-07T12:00:00-04:00");
    let over = Err(Some(at("2026-05-08T00:00:00-04:00")));
    assert_eq!(ask(&once, &tomorrow, &agreed), over);
}

#[test]
fn every_rule_that_was_asked_leaves_a_line() {
    let who = party(&[NEW_YORK]);
    let p = call(&who, "2026-05-06T12:00:00-04:00");
    let packs = Packs::builtin();
    let binding = packs
        .only(&["HOUSE-DECEASED", "US-REGF-1006.6b1i"])
        .unwrap();
    let mut trace = FullTrace::default();
    let _ = gate(&binding, &p, &[], p.effect.from, &mut trace);
    let until = at("2026-05-06T21:00:00-04:00");
    let permitted = |rule: &str, until| TraceLine::Permitted {
        rule: rule.to_owned(),
        until,
    };
    let hours = permitted("US-REGF-1006.6b1i", until);
    assert_eq!(
        trace.lines,
        [permitted("HOUSE-DECEASED", Timestamp::MAX), hours]
    );
    let mut dead = who;
    dead.deceased = true;
    let p = call(&dead, "2026-05-06T22:00:00-04:00");
    let mut trace = FullTrace::default();
    let _ = gate(&binding, &p, &[], p.effect.from, &mut trace);
    let denied = |rule: &str, next| TraceLine::Denied {
        rule: rule.to_owned(),
        next,
    };
    let morning = Some(at("2026-05-07T08:00:00-04:00"));
    let lines = [
        denied("HOUSE-DECEASED", None),
        denied("US-REGF-1006.6b1i", morning),
    ];
    assert_eq!(trace.lines, lines);
}

#[test]
fn a_calendar_says_what_it_is_and_given_days_speak_of_two_years_around() {
    let years = "[{year: 2030, source: s, holidays: [2030-03-05]}]";
    let text = format!("calendar: x\ntitle: Days of X\nyears: {years}\n");
    let calendar = Calendar::parse("x.yaml", &text).unwrap();
    assert_eq!((calendar.title(), calendar.file()), ("Days of X", "x.yaml"));
    let hours = Packs::builtin().only(&["RU-230FZ-HOURS"]).unwrap();
    let given = hours.on_days(&[jiff::civil::date(2030, 3, 5)], &[]);
    let who = party(&["Europe/Moscow"]);
    let asked = |when: &str| {
        let p = call(&who, when);
        gate(&given, &p, &[], p.effect.from, &mut NoTrace).is_permit()
    };
    // Weekdays at noon.
    assert!(!asked("2027-06-09T12:00:00+03:00"));
    assert!(asked("2028-06-07T12:00:00+03:00"));
    assert!(asked("2032-06-09T12:00:00+03:00"));
    assert!(!asked("2033-06-08T12:00:00+03:00"));
}

/// The zone of a number or address is a place where the person may be, like those of the person.
#[test]
fn hours_are_right_where_the_number_is_too() {
    let hours = pack(
        "",
        "daily_window: {hours: [{open: \"08:00\", close: \"21:00\"}]}",
    );
    let several = pack(
        "",
        "daily_window: {hours: [{open: \"08:00\", close: \"21:00\"}], only_for_several_zones: true}",
    );
    let lunch = pack(
        "",
        "interval_ban: {times: [{from: \"12:00\", to: \"13:00\"}]}",
    );
    let who = party(&[NEW_YORK]);
    let mut there = support::point(PointKind::Mobile, PointState::Usable);
    there.zone = Some(Zone::new("America/Los_Angeles").unwrap());
    let mut here = there.clone();
    here.zone = Some(Zone::new(NEW_YORK).unwrap());
    let asked = |packs, point, when| {
        let point = Some(point);
        ask(
            packs,
            &Proposal {
                point,
                ..call(&who, when)
            },
            &[],
        )
    };
    // Nine in New York is six in Los Angeles, where it opens two hours later and closes three hours later.
    let nine = "2026-05-06T09:00:00-04:00";
    let opens = at("2026-05-06T08:00:00-07:00");
    for packs in [&hours, &several] {
        assert_eq!(asked(packs, &there, nine), Err(Some(opens)));
        assert!(asked(packs, &here, nine).is_ok());
        assert!(asked(packs, &there, "2026-05-06T12:00:00-04:00").is_ok());
    }
    assert_eq!(
        asked(&hours, &there, "2026-05-06T11:00:00-04:00"),
        Ok(at("2026-05-06T21:00:00-04:00"))
    );
    let noon_there = "2026-05-06T12:30:00-07:00";
    assert_eq!(
        asked(&lunch, &there, noon_there),
        Err(Some(at("2026-05-06T13:00:00-07:00")))
    );
    assert!(asked(&lunch, &here, noon_there).is_ok());
}
