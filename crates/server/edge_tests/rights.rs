//! Rights and circumstances of a person, each told, in force, shown, and taken back.

use super::*;
use v1::record_circumstance_request::Circumstance as Told;

fn borrower() -> Option<v1::PartyRef> {
    Some(v1::PartyRef {
        r#ref: Some(v1::party_ref::Ref::LenderRef("B-1".into())),
    })
}

fn paper() -> Option<v1::Evidence> {
    Some(v1::Evidence {
        reference: "scan-9".into(),
        sha256: "b".repeat(64),
    })
}

fn told(id: &str, circumstance: Told) -> v1::RecordCircumstanceRequest {
    v1::RecordCircumstanceRequest {
        request_id: id.into(),
        party: borrower(),
        circumstance: Some(circumstance),
        received_time: Some(instant(1, 0)),
    }
}

fn attorney(id: &str, represents: bool) -> v1::RecordAttorneyRequest {
    v1::RecordAttorneyRequest {
        request_id: id.into(),
        party: borrower(),
        attorney: None,
        represents,
        received_time: Some(instant(1, 0)),
    }
}

fn consent(id: &str) -> v1::RecordConsentRequest {
    v1::RecordConsentRequest {
        request_id: id.into(),
        party: borrower(),
        kind: v1::ConsentKind::OffHours.into(),
        received_time: Some(instant(1, 0)),
        evidence: paper(),
        source: "letter".into(),
        ..v1::RecordConsentRequest::default()
    }
}

async fn shown_consents(
    borrowers: &mut v1::borrower_service_client::BorrowerServiceClient<Channel>,
) -> Vec<v1::Consent> {
    let request = v1::GetBorrowerRequest { party: borrower() };
    let found = borrowers.get_borrower(of("ana", request)).await;
    found
        .expect("the borrower")
        .into_inner()
        .party
        .expect("a party")
        .consents
}

fn opt_out(id: &str) -> v1::RecordOptOutRequest {
    v1::RecordOptOutRequest {
        request_id: id.into(),
        party: borrower(),
        scope: Some(v1::record_opt_out_request::Scope::Channel("sms".into())),
        received_via: "letter".into(),
        ..v1::RecordOptOutRequest::default()
    }
}

fn opt_in(id: &str, opt_out_id: &str) -> v1::WithdrawOptOutRequest {
    v1::WithdrawOptOutRequest {
        request_id: id.into(),
        opt_out_id: opt_out_id.into(),
        evidence: paper(),
    }
}

fn hardship(id: &str, until: Option<prost_types::Timestamp>) -> v1::DeclareHardshipRequest {
    v1::DeclareHardshipRequest {
        request_id: id.into(),
        party: borrower(),
        until,
        kind: "illness".into(),
    }
}

fn kinds(party: &v1::Party) -> Vec<v1::CircumstanceKind> {
    party
        .circumstances
        .iter()
        .map(v1::Circumstance::kind)
        .collect()
}

/// The kinds of stops recorded and lifted, in order.
async fn stops(world: &World) -> Vec<(v1::EventKind, v1::StopKind)> {
    let events = world.events("ana").await;
    let stop = |e: v1::Event| match &e.detail {
        Some(v1::event::Detail::Stop(s)) => Some((e.kind(), s.kind())),
        _ => None,
    };
    events.into_iter().filter_map(stop).collect()
}

#[tokio::test]
async fn an_opt_out_taken_back_lets_the_ladder_go_on() {
    let world = World::new().await;
    world.with_policy().await;
    let id = world.case("L-1").await.case_id;
    let mut borrowers = world.borrowers();
    let out = borrowers.record_opt_out(of("ana", opt_out("o1"))).await;
    let out = out.expect("an opt-out").into_inner().opt_out_id;
    world.run_dry().await;
    assert_eq!(world.sent().await, 0);
    let stuck = world.stored(&id).await;
    assert!(
        !stuck.skipped.is_empty() && stuck.worklist.is_some(),
        "{stuck:?}"
    );
    let back = borrowers
        .withdraw_opt_out(of("ben", opt_in("w1", &out)))
        .await;
    let back = back.expect("a withdrawal").into_inner();
    assert_eq!(back.party.clone().expect("a party").opt_outs, []);
    let freed = world.stored(&id).await;
    assert!(
        freed.skipped.is_empty() && freed.worklist.is_none(),
        "{freed:?}"
    );
    world.run_dry().await;
    assert_eq!(world.sent().await, 1);
    let replay = borrowers
        .withdraw_opt_out(of("ben", opt_in("w1", &out)))
        .await;
    assert_eq!(replay.expect("the same answer").into_inner(), back);
    let again = borrowers
        .withdraw_opt_out(of("ben", opt_in("w2", &out)))
        .await;
    assert_eq!(reason(&again.expect_err("taken back")), "RECORD_NOT_FOUND");
    assert!(shown_consents(&mut borrowers).await.is_empty());
    let timeline = world.timeline("ana", &id).await;
    let lifted = timeline
        .iter()
        .find(|e| e.kind() == v1::EventKind::StopLifted);
    let lifted = lifted.expect("on record");
    assert_eq!(lifted.evidence, paper().into_iter().collect::<Vec<_>>());
    assert_eq!(lifted.actor, "ben");
    super::kept::must_be_sealed(&world, "scan-9").await;
}

#[tokio::test]
async fn an_attorney_ends_contact_until_he_represents_no_more() {
    let world = World::new().await;
    world.with_policy().await;
    world.case("L-1").await;
    let mut borrowers = world.borrowers();
    let done = borrowers
        .record_attorney(of("ana", attorney("y1", true)))
        .await;
    let party = done
        .expect("an attorney")
        .into_inner()
        .party
        .expect("a party");
    assert_eq!(kinds(&party), [v1::CircumstanceKind::Attorney]);
    let same = borrowers
        .record_attorney(of("ana", attorney("y2", true)))
        .await;
    let same = same
        .expect("nothing new")
        .into_inner()
        .party
        .expect("a party");
    assert_eq!(same.version, party.version);
    world.run_dry().await;
    assert_eq!(world.sent().await, 0);
    let done = borrowers
        .record_attorney(of("ana", attorney("y3", false)))
        .await;
    let party = done.expect("his end").into_inner().party.expect("a party");
    assert_eq!(kinds(&party), []);
    world.run_dry().await;
    assert_eq!(world.sent().await, 1);
    use v1::{EventKind as E, StopKind as S};
    let expected = [(E::StopRecorded, S::Attorney), (E::StopLifted, S::Attorney)];
    assert_eq!(stops(&world).await, expected);
}

#[tokio::test]
async fn nobody_writes_to_the_dead() {
    let world = World::new().await;
    world.with_policy().await;
    let id = world.case("L-1").await.case_id;
    let mut borrowers = world.borrowers();
    let died = borrowers.record_circumstance(of("ana", told("d1", Told::Deceased(true))));
    let party = died
        .await
        .expect("a death")
        .into_inner()
        .party
        .expect("a party");
    assert_eq!(kinds(&party), [v1::CircumstanceKind::Deceased]);
    world.run_dry().await;
    assert_eq!(world.sent().await, 0);
    assert!(
        world.stored(&id).await.worklist.is_some(),
        "the lender must act"
    );
    let timeline = world.timeline("ana", &id).await;
    let death = timeline.iter().find(|e| e.summary == "the person has died");
    assert_eq!(
        death.expect("on record").effective_time,
        Some(instant(1, 0))
    );
    let wrong = borrowers.record_circumstance(of("ana", told("d2", Told::Deceased(false))));
    let party = wrong
        .await
        .expect("alive")
        .into_inner()
        .party
        .expect("a party");
    assert_eq!(kinds(&party), []);
    assert!(world.stored(&id).await.worklist.is_none());
    world.run_dry().await;
    assert_eq!(world.sent().await, 1);
}

#[tokio::test]
async fn a_moratorium_puts_off_what_was_due() {
    let world = World::new().await;
    world.with_policy().await;
    let id = world.case("L-1").await.case_id;
    let day = |day| google::Date {
        year: 2026,
        month: 3,
        day,
    };
    let mut borrowers = world.borrowers();
    let until = told("m1", Told::MoratoriumLastDate(day(5)));
    let party = borrowers.record_circumstance(of("ana", until)).await;
    let party = party
        .expect("a moratorium")
        .into_inner()
        .party
        .expect("a party");
    let kept = &party.circumstances[0];
    assert_eq!(kept.kind(), v1::CircumstanceKind::Moratorium);
    assert_eq!(kept.last_date, Some(day(5)));
    world.run_dry().await;
    assert_eq!(world.sent().await, 0);
    // The day after has begun in Shanghai at 16:00 UTC of 5 March.
    let next = world.stored_next(&id).await.expect("a time");
    assert!(next.seconds >= instant(3 * 24 + 16, 0).seconds, "{next:?}");
    let ended = told("m2", Told::MoratoriumLastDate(day(1)));
    borrowers
        .record_circumstance(of("ana", ended))
        .await
        .expect("its end");
    world.run_dry().await;
    assert_eq!(world.sent().await, 1);
}

#[tokio::test]
async fn a_place_and_a_time_that_do_not_suit_are_kept() {
    let world = World::new().await;
    world.with_policy().await;
    world.case("L-1").await;
    let mut borrowers = world.borrowers();
    let get = v1::GetBorrowerRequest { party: borrower() };
    let party = borrowers.get_borrower(of("ana", get)).await;
    let party = party.expect("a party").into_inner().party.expect("a party");
    let point = party.contact_points[0].contact_point_id.clone();
    let place = told("p1", Told::InconvenientContactPointId(point));
    borrowers
        .record_circumstance(of("ana", place))
        .await
        .expect("a place");
    let time = v1::InconvenientTime {
        days: vec![6, 7],
        start: "08:00".into(),
        end: "24:00".into(),
    };
    let time = told("p2", Told::InconvenientTime(time));
    let party = borrowers.record_circumstance(of("ana", time)).await;
    let party = party.expect("a time").into_inner().party.expect("a party");
    use v1::CircumstanceKind as K;
    assert_eq!(kinds(&party), [K::InconvenientTime, K::InconvenientPlace]);
    let ban = told("p3", Told::EmployerBan(true));
    let party = borrowers.record_circumstance(of("ana", ban)).await;
    let party = party.expect("a ban").into_inner().party.expect("a party");
    assert!(kinds(&party).contains(&K::EmployerBan));
    let lifted = told("p4", Told::EmployerBan(false));
    let party = borrowers.record_circumstance(of("ana", lifted)).await;
    let party = party.expect("its end").into_inner().party.expect("a party");
    assert!(!kinds(&party).contains(&K::EmployerBan));
    world.run_dry().await;
    assert_eq!(world.sent().await, 0, "the only number is declined");
}

#[tokio::test]
async fn a_consent_is_kept_until_it_is_taken_back() {
    let world = World::new().await;
    world.with_policy().await;
    let case = world.case("L-1").await;
    let mut borrowers = world.borrowers();
    let given = borrowers.record_consent(of("ana", consent("c1"))).await;
    let given = given.expect("a consent").into_inner();
    assert!(given.consent_id.starts_with("consent_"));
    let replay = borrowers.record_consent(of("ana", consent("c1"))).await;
    assert_eq!(replay.expect("the same answer").into_inner(), given);
    let stored = world.party(&case.party_id).await;
    assert_eq!(stored.consents[0].ends_at(), None);
    let shown = shown_consents(&mut borrowers).await;
    let [one] = shown.as_slice() else {
        panic!("{shown:?}");
    };
    assert_eq!(one.consent_id, given.consent_id);
    assert_eq!(one.kind(), v1::ConsentKind::OffHours);
    assert_eq!((one.source.as_str(), one.has_evidence), ("letter", true));
    assert_eq!(one.received_time, Some(instant(1, 0)));
    assert_eq!(one.expire_time, None);
    let take_back = |id: &str| v1::WithdrawConsentRequest {
        request_id: id.into(),
        consent_id: given.consent_id.clone(),
        received_time: Some(instant(2, 0)),
    };
    let back = borrowers.withdraw_consent(of("ben", take_back("c2"))).await;
    back.expect("a withdrawal");
    let stored = world.party(&case.party_id).await;
    let end: Timestamp = "2026-03-02T02:00:00Z".parse().expect("an instant");
    assert_eq!(stored.consents[0].ends_at(), Some(end));
    let again = borrowers.withdraw_consent(of("ben", take_back("c3"))).await;
    assert_eq!(reason(&again.expect_err("taken back")), "RECORD_NOT_FOUND");
    let timeline = world.timeline("ana", &case.case_id).await;
    let seen: Vec<_> = timeline.iter().map(v1::TimelineEntry::kind).collect();
    use v1::EventKind as E;
    assert!(seen.contains(&E::ConsentRecorded) && seen.contains(&E::ConsentWithdrawn));
}

#[tokio::test]
async fn hardship_pauses_every_case_of_the_person() {
    let world = World::new().await;
    world.with_policy().await;
    let one = world.case("L-1").await.case_id;
    let two = world.case("L-2").await.case_id;
    let mut borrowers = world.borrowers();
    let done = borrowers
        .declare_hardship(of("ana", hardship("h1", None)))
        .await;
    let done = done.expect("a hardship").into_inner();
    let mut paused = done.case_ids.clone();
    paused.sort();
    let mut both = vec![one.clone(), two];
    both.sort();
    assert_eq!(paused, both);
    let party = done.party.expect("a party");
    assert_eq!(kinds(&party), [v1::CircumstanceKind::Hardship]);
    world.run_dry().await;
    assert_eq!(world.sent().await, 0);
    let release = v1::ReleaseHoldRequest {
        request_id: "r1".into(),
        case_id: one.clone(),
        note: String::new(),
    };
    world
        .cases()
        .release_hold(of("ana", release))
        .await
        .expect("a release");
    world.run_dry().await;
    assert_eq!(world.sent().await, 1, "the other case stands still");
    let timeline = world.timeline("ana", &one).await;
    assert!(timeline.iter().any(|e| e.note == "illness"));
    super::kept::must_be_sealed(&world, "illness").await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_its_reason() {
    let world = World::new().await;
    world.with_policy().await;
    world.case("L-1").await;
    let ahead = Some(instant(9, 0));
    let nobody = Some(v1::PartyRef {
        r#ref: Some(v1::party_ref::Ref::LenderRef("B-9".into())),
    });
    let elsewhere = format!("point_{}", "0".repeat(32));
    let mut borrowers = world.borrowers();
    let given = borrowers.record_consent(of("ana", consent("c1"))).await;
    let given = given.expect("a consent").into_inner().consent_id;
    let out = borrowers.record_opt_out(of("ana", opt_out("o1"))).await;
    let out = out.expect("an opt-out").into_inner().opt_out_id;
    let take_back = |id: &str, consent_id: &str| v1::WithdrawConsentRequest {
        request_id: id.into(),
        consent_id: consent_id.into(),
        received_time: None,
    };
    let day = |day| google::Date {
        year: 2026,
        month: 2,
        day,
    };
    let evening = v1::InconvenientTime {
        days: vec![8],
        start: "20:00".into(),
        end: "19:00".into(),
    };
    let mut seen = Vec::new();
    macro_rules! refused {
        ($($who:literal $method:ident($request:expr) -> $reason:literal;)*) => {$(
            let refused = borrowers.$method(of($who, $request)).await.map(|_| ());
            seen.push((stringify!($method), refused.map_err(|e| reason(&e)), $reason));
        )*};
    }
    refused! {
        "ana" record_consent(v1::RecordConsentRequest { party: nobody.clone(), ..consent("1") }) -> "PARTY_NOT_FOUND";
        "eve" record_consent(consent("2")) -> "PARTY_NOT_FOUND";
        "ana" record_consent(v1::RecordConsentRequest { kind: 0, ..consent("3") }) -> "FIELD_REQUIRED";
        "ana" record_consent(v1::RecordConsentRequest { source: String::new(), ..consent("3s") }) -> "FIELD_REQUIRED";
        "ana" record_consent(v1::RecordConsentRequest { source: "By Letter".into(), ..consent("3w") }) -> "FIELD_INVALID";
        "ana" record_consent(v1::RecordConsentRequest { evidence: None, ..consent("3e") }) -> "FIELD_REQUIRED";
        "ana" record_consent(v1::RecordConsentRequest { received_time: ahead, ..consent("4") }) -> "TIME_INVALID";
        "ana" record_consent(v1::RecordConsentRequest { expire_time: Some(instant(0, 30)), ..consent("5") }) -> "TIME_INVALID";
        "ana" record_consent(v1::RecordConsentRequest { contact_point_id: elsewhere.clone(), ..consent("6") }) -> "CONTACT_POINT_NOT_FOUND";
        "ana" record_consent(v1::RecordConsentRequest { case_id: "case_00000000000000000000000000".into(), ..consent("7") }) -> "CASE_NOT_FOUND";
        "ana" withdraw_consent(take_back("8", "consent_00000000000000000000000000")) -> "RECORD_NOT_FOUND";
        "eve" withdraw_consent(take_back("9", &given)) -> "RECORD_NOT_FOUND";
        "ana" withdraw_consent(take_back("10", "consent_7")) -> "ID_INVALID";
        "eve" withdraw_opt_out(opt_in("11", &out)) -> "RECORD_NOT_FOUND";
        "ana" withdraw_opt_out(v1::WithdrawOptOutRequest { evidence: None, ..opt_in("12", &out) }) -> "FIELD_REQUIRED";
        "eve" record_attorney(attorney("13", true)) -> "PARTY_NOT_FOUND";
        "ana" record_attorney(v1::RecordAttorneyRequest { attorney: nobody, ..attorney("14", true) }) -> "PARTY_NOT_FOUND";
        "ana" record_attorney(v1::RecordAttorneyRequest { received_time: ahead, ..attorney("15", true) }) -> "TIME_INVALID";
        "ana" record_circumstance(v1::RecordCircumstanceRequest { circumstance: None, ..told("16", Told::Deceased(true)) }) -> "FIELD_REQUIRED";
        "ana" record_circumstance(told("17", Told::MoratoriumLastDate(day(30)))) -> "DATE_INVALID";
        "ana" record_circumstance(told("18", Told::InconvenientContactPointId(elsewhere.clone()))) -> "CONTACT_POINT_NOT_FOUND";
        "ana" record_circumstance(told("19", Told::InconvenientTime(evening))) -> "FIELD_INVALID";
        "eve" record_circumstance(told("20", Told::Deceased(true))) -> "PARTY_NOT_FOUND";
        "ana" declare_hardship(hardship("21", Some(instant(1, 0)))) -> "TIME_INVALID";
        "ana" declare_hardship(v1::DeclareHardshipRequest { kind: String::new(), ..hardship("22", None) }) -> "FIELD_REQUIRED";
        "eve" declare_hardship(hardship("23", None)) -> "PARTY_NOT_FOUND";
    }
    for (method, refused, expected) in seen {
        assert_eq!(refused, Err(expected.to_owned()), "{method}");
    }
}
