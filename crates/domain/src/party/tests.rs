//! Tests of what a party learns and keeps.

use super::*;

fn party(numbers: u8) -> Party {
    let point = |i| ContactPoint::of_contract(KeyedHash([i; 16]), PointKind::Mobile);
    let told = Introduction {
        id: PartyId::from_bytes([1; 16]),
        tenant: TenantId::new("t").unwrap(),
        lender_ref: KeyedHash([9; 16]),
        kind: BorrowerKind::Individual,
        regions: vec!["CN".into()],
        zones: vec![Zone::new("Asia/Shanghai").unwrap()],
        locale: "zh-CN".into(),
        points: (0..numbers).map(point).collect(),
        tags: vec![],
    };
    introduce(told, Timestamp::UNIX_EPOCH)
}

fn day(d: i64) -> Timestamp {
    Timestamp::from_second(1_775_000_000 + d * 86_400).unwrap()
}

#[test]
fn three_days_of_failures_lose_a_person_and_an_answer_finds_them() {
    let mut p = party(1);
    let point = p.points[0].key;
    for d in 0..3 {
        p.learn(point, Outcome::NoAnswer, day(d));
        p.learn(point, Outcome::Busy, day(d));
    }
    assert_eq!(
        p.contactability(LOST_AFTER_FAILED_DAYS),
        Contactability::Lost
    );
    p.learn(point, Outcome::Conversation, day(4));
    assert_eq!(
        p.contactability(LOST_AFTER_FAILED_DAYS),
        Contactability::Reachable
    );
}

#[test]
fn two_failures_on_one_day_are_one_day() {
    let mut p = party(1);
    let point = p.points[0].key;
    (0..5).for_each(|_| p.learn(point, Outcome::NoAnswer, day(0)));
    assert_eq!(
        p.contactability(LOST_AFTER_FAILED_DAYS),
        Contactability::Doubtful
    );
}

#[test]
fn one_good_number_is_enough() {
    let mut p = party(2);
    p.learn(p.points[0].key, Outcome::NotInService, day(0));
    assert_eq!(
        p.contactability(LOST_AFTER_FAILED_DAYS),
        Contactability::Reachable
    );
    p.learn(p.points[1].key, Outcome::WrongNumber, day(0));
    assert_eq!(
        p.contactability(LOST_AFTER_FAILED_DAYS),
        Contactability::Lost
    );
    assert_eq!(p.usable_points(ContactClass::Sms).count(), 0);
}

#[test]
fn telling_anew_keeps_rights_and_wrong_numbers() {
    let mut p = party(1);
    let told = party(1);
    apply(
        &mut p,
        &PartyEvent::OptedOut(OptOut {
            id: OptOutId::from_bytes([1; 16]),
            class: Some(ContactClass::Sms),
            point: None,
            via: "letter".into(),
            at: day(0),
        }),
        day(0),
    );
    p.learn(p.points[0].key, Outcome::WrongNumber, day(0));
    apply(&mut p, &PartyEvent::Upserted(Box::new(told)), day(1));
    assert_eq!(p.opt_outs.len(), 1);
    assert_eq!(p.points[0].state, PointState::WrongNumber);
}

#[test]
fn what_is_learned_of_a_number_holds_for_every_kind_it_was_told_as() {
    let mut p = party(1);
    let key = p.points[0].key;
    let mut line = p.points[0].clone();
    line.kind = PointKind::Landline;
    p.points.push(line);
    let states = |p: &Party| [p.points[0].state, p.points[1].state];
    p.told(key, PointState::Invalid);
    assert_eq!(states(&p), [PointState::Invalid; 2]);
    p.learn(key, Outcome::WrongNumber, day(0));
    assert_eq!(states(&p), [PointState::WrongNumber; 2]);
    assert_eq!(p.usable_points(ContactClass::Phone).count(), 0);
    let usable = Taught {
        state: PointState::Usable,
        failed_days: 0,
        failed_on: None,
    };
    p.teach(key, usable);
    assert_eq!(states(&p), [PointState::Usable; 2]);
}

#[test]
fn a_number_of_somebody_else_stays_so_when_it_is_left_out_and_told_again() {
    let mut p = party(2);
    let [kept, wrong] = [p.points[0].key, p.points[1].key];
    let tell = |p: &mut Party, numbers: u8| {
        apply(p, &PartyEvent::Upserted(Box::new(party(numbers))), day(1));
    };
    p.learn(wrong, Outcome::WrongNumber, day(0));
    tell(&mut p, 1);
    assert_eq!(p.gone, [wrong]);
    tell(&mut p, 2);
    assert_eq!(p.point(wrong).unwrap().state, PointState::WrongNumber);
    assert_eq!(p.point(kept).unwrap().state, PointState::Usable);
    // A correction lifts it, also while the number is not told.
    let usable = Taught {
        state: PointState::Usable,
        failed_days: 0,
        failed_on: None,
    };
    tell(&mut p, 1);
    p.teach(wrong, usable);
    tell(&mut p, 2);
    assert_eq!(p.point(wrong).unwrap().state, PointState::Usable);
    // What is learned only after the number was left out counts as well.
    tell(&mut p, 1);
    p.learn(wrong, Outcome::NoAnswer, day(2));
    assert!(p.gone.is_empty());
    p.learn(wrong, Outcome::WrongNumber, day(2));
    tell(&mut p, 2);
    assert_eq!(p.point(wrong).unwrap().state, PointState::WrongNumber);
}

#[test]
fn what_stands_against_a_person_is_said_in_words() {
    let debt = CaseId::from_bytes([1; 16]);
    let attorney = Attorney {
        case: None,
        unresponsive: false,
        consents: false,
    };
    let cease = |written| Cease {
        case: None,
        written,
        at: day(1),
    };
    let opt_out = OptOut {
        id: OptOutId::from_bytes([1; 16]),
        class: Some(ContactClass::Sms),
        point: None,
        via: "sms".into(),
        at: day(1),
    };
    let with = |change: &dyn Fn(&mut Party)| {
        let mut person = party(1);
        change(&mut person);
        person
    };
    let (sms, legal) = (ContactClass::Sms, ContactClass::Legal);
    for (person, class, words) in [
        (with(&|_| {}), sms, None),
        (with(&|p| p.deceased = true), sms, Some("died")),
        (with(&|p| p.deceased = true), legal, Some("died")),
        (
            with(&|p| p.attorneys.push(attorney.clone())),
            sms,
            Some("attorney"),
        ),
        (with(&|p| p.attorneys.push(attorney.clone())), legal, None),
        (
            with(&|p| p.ceases.push(cease(true))),
            sms,
            Some("in writing"),
        ),
        (
            with(&|p| p.ceases.push(cease(false))),
            sms,
            Some("asked to stop:"),
        ),
        (
            with(&|p| p.opt_outs.push(opt_out.clone())),
            sms,
            Some("wants no contact"),
        ),
        (with(&|p| p.opt_outs.push(opt_out.clone())), legal, None),
    ] {
        let said = person.stands_against(debt, class);
        assert_eq!(said.is_some(), words.is_some(), "{said:?}");
        assert!(
            said.unwrap_or_default().contains(words.unwrap_or_default()),
            "{said:?}"
        );
    }
}

#[test]
fn what_widens_hours_or_places_is_taken_on_paper_alone() {
    for (kind, paper) in [
        (ConsentKind::OffHours, true),
        (ConsentKind::MoreVisitsWritten, true),
        (ConsentKind::WorkEmail, true),
        (ConsentKind::ExtraCalls, false),
        (ConsentKind::MoreAttemptsAgreed, false),
        (ConsentKind::Electronic, false),
    ] {
        assert_eq!(kind.needs_paper(), paper, "{kind:?}");
    }
}

#[test]
fn a_consent_holds_for_what_it_names_until_it_ends() {
    let case = CaseId::from_bytes([1; 16]);
    let point = KeyedHash([1; 16]);
    let written = r#"{"kind":"electronic","case":null,"received_at":null,"expires_at":null}"#;
    let mut consent: Consent = serde_json::from_str(written).unwrap();
    let about = |c: &Consent, class, at| c.is_about(ConsentKind::Electronic, case, class, at);
    assert!(about(&consent, ContactClass::Sms, None) && consent.ends_at().is_none());
    consent.class = Some(ContactClass::Sms);
    consent.point = Some(point);
    assert!(about(&consent, ContactClass::Sms, Some(point)));
    assert!(!about(&consent, ContactClass::Sms, None));
    assert!(!about(&consent, ContactClass::Email, Some(point)));
    consent.expires_at = Some(day(9));
    consent.revoked_at = Some(day(2));
    assert_eq!(consent.ends_at(), Some(day(2)));
}

#[test]
fn an_opt_out_binds_at_its_narrowest_stated_scope() {
    let sms = OptOut {
        id: OptOutId::from_bytes([1; 16]),
        class: Some(ContactClass::Sms),
        point: None,
        via: "letter".into(),
        at: day(0),
    };
    assert!(sms.covers(ContactClass::Sms, None) && !sms.covers(ContactClass::Phone, None));
    let here = OptOut {
        id: OptOutId::from_bytes([1; 16]),
        class: None,
        point: Some(KeyedHash([1; 16])),
        via: "letter".into(),
        at: day(0),
    };
    assert!(here.covers(ContactClass::Phone, Some(KeyedHash([1; 16]))));
    assert!(!here.covers(ContactClass::Phone, Some(KeyedHash([2; 16]))));
}
