//! What pauses a case and what ends that; money taken back.

use super::*;

fn hold(id: &str, case_id: &str, until: Option<prost_types::Timestamp>) -> v1::HoldCaseRequest {
    v1::HoldCaseRequest {
        request_id: id.into(),
        case_id: case_id.into(),
        reason: "her sister is ill".into(),
        until,
    }
}

fn release(id: &str, case_id: &str) -> v1::ReleaseHoldRequest {
    v1::ReleaseHoldRequest {
        request_id: id.into(),
        case_id: case_id.into(),
        note: "well again".into(),
    }
}

fn dispute(id: &str, case_id: &str, written: bool) -> v1::RaiseDisputeRequest {
    v1::RaiseDisputeRequest {
        request_id: id.into(),
        case_id: case_id.into(),
        statement: "not my signature".into(),
        written,
        received_time: Some(instant(1, 0)),
    }
}

fn resolve(id: &str, dispute_id: &str, debt_verified: bool) -> v1::ResolveDisputeRequest {
    v1::ResolveDisputeRequest {
        request_id: id.into(),
        dispute_id: dispute_id.into(),
        debt_verified,
        verification_sent_time: debt_verified.then(|| instant(2, 0)),
        note: "the notary has it".into(),
    }
}

fn complain(id: &str, case_id: &str) -> v1::FileComplaintRequest {
    v1::FileComplaintRequest {
        request_id: id.into(),
        case_id: case_id.into(),
        statement: "called at work".into(),
        received_time: Some(instant(1, 0)),
        ..v1::FileComplaintRequest::default()
    }
}

fn answered(id: &str, complaint_id: &str) -> v1::ResolveComplaintRequest {
    v1::ResolveComplaintRequest {
        request_id: id.into(),
        complaint_id: complaint_id.into(),
        upheld: true,
        note: "we said sorry".into(),
    }
}

fn reverse(id: &str, case_id: &str, payment_ref: &str) -> v1::ReversePaymentRequest {
    v1::ReversePaymentRequest {
        request_id: id.into(),
        case_id: case_id.into(),
        payment_ref: payment_ref.into(),
        reason: "it bounced".into(),
        balance_after: None,
    }
}

fn payment(id: &str, case_id: &str, reference: &str, units: i64) -> v1::RecordPaymentRequest {
    v1::RecordPaymentRequest {
        request_id: id.into(),
        case_id: case_id.into(),
        payment_ref: reference.into(),
        amount: money(units),
        received_time: Some(instant(1, 0)),
        balance_after: None,
    }
}

async fn pay(world: &World, id: &str, case_id: &str, reference: &str, units: i64) -> v1::Case {
    let payment = payment(id, case_id, reference, units);
    let paid = world.cases().record_payment(of("ana", payment)).await;
    paid.expect("a payment").into_inner().case.expect("a case")
}

fn noted(timeline: &[v1::TimelineEntry], kind: v1::EventKind) -> Vec<(&str, &str)> {
    let of_kind = timeline.iter().filter(|e| e.kind() == kind);
    of_kind
        .map(|e| (e.note.as_str(), e.actor.as_str()))
        .collect()
}

#[tokio::test]
async fn a_held_case_stands_still_until_it_is_released() {
    let world = World::new().await;
    world.with_policy().await;
    let id = world.case("L-1").await.case_id;
    let mut cases = world.cases();
    let held = cases.hold_case(of("ana", hold("h1", &id, None))).await;
    let held = held.expect("a hold").into_inner();
    let case = held.case.clone().expect("a case");
    assert_eq!(case.status(), v1::CaseStatus::Paused);
    assert_eq!(case.next_action_time, None, "a person must end it");
    let pause = case.pause.expect("a pause");
    assert_eq!(pause.reason(), v1::PauseReason::Hold);
    assert_eq!((pause.owner.as_str(), pause.until), ("ana", None));
    let again = cases.hold_case(of("ana", hold("h1", &id, None))).await;
    assert_eq!(again.expect("the same answer").into_inner(), held);
    let other = cases
        .hold_case(of("ana", hold("h1", &id, Some(instant(9, 0)))))
        .await;
    assert_eq!(
        reason(&other.expect_err("another body")),
        "REQUEST_ID_REUSED"
    );
    world.run_dry().await;
    assert_eq!(world.sent().await, 0);
    let freed = cases.release_hold(of("ben", release("r1", &id))).await;
    let freed = freed.expect("a release").into_inner().case.expect("a case");
    assert_eq!((freed.status(), freed.pause), (v1::CaseStatus::Open, None));
    world.run_dry().await;
    assert_eq!(world.sent().await, 1, "the ladder goes on");
    let twice = cases.release_hold(of("ben", release("r2", &id))).await;
    assert_eq!(
        reason(&twice.expect_err("nothing holds it")),
        "CASE_NOT_PAUSED"
    );
    let timeline = world.timeline("ana", &id).await;
    let paused = noted(&timeline, v1::EventKind::CasePaused);
    assert_eq!(paused, [("her sister is ill", "ana")]);
    let resumed = noted(&timeline, v1::EventKind::CaseResumed);
    assert_eq!(resumed, [("well again", "ben")]);
    super::kept::must_be_sealed(&world, "sister").await;
}

#[tokio::test]
async fn a_hold_ends_by_itself_at_its_time() {
    let world = World::new().await;
    world.with_policy().await;
    let id = world.case("L-1").await.case_id;
    let until = Some(instant(4, 0));
    let held = world
        .cases()
        .hold_case(of("ana", hold("h1", &id, until)))
        .await;
    let case = held.expect("a hold").into_inner().case.expect("a case");
    assert_eq!(case.next_action_time, until);
    world.run_dry().await;
    assert_eq!(world.sent().await, 0);
    let later = world.engine.wall().now() + SignedDuration::from_hours(1);
    world.wall.advance(later);
    world.run_dry().await;
    assert_eq!(world.sent().await, 1);
    let timeline = world.timeline("ana", &id).await;
    let resumed = noted(&timeline, v1::EventKind::CaseResumed);
    assert_eq!(resumed, [("", "timer")]);
}

#[tokio::test]
async fn a_dispute_pauses_until_it_is_settled() {
    let world = World::new().await;
    world.with_policy().await;
    let id = world.case("L-1").await.case_id;
    let mut cases = world.cases();
    let raised = cases
        .raise_dispute(of("ana", dispute("d1", &id, true)))
        .await;
    let raised = raised.expect("a dispute").into_inner();
    let pause = raised.case.expect("a case").pause.expect("a pause");
    assert_eq!(pause.reason(), v1::PauseReason::Dispute);
    assert_eq!(pause.since, Some(instant(1, 0)));
    world.run_dry().await;
    assert_eq!(world.sent().await, 0);
    let known = world.stored(&id).await.dispute;
    assert_eq!(
        known,
        Some(recoup_domain::party::Dispute::WrittenUnverified)
    );
    let settled = cases.resolve_dispute(of("ben", resolve("s1", &raised.dispute_id, true)));
    let settled = settled.await.expect("settled").into_inner().case;
    assert_eq!(settled.expect("a case").status(), v1::CaseStatus::Open);
    let known = world.stored(&id).await.dispute;
    assert_eq!(known, Some(recoup_domain::party::Dispute::VerifiedSent));
    world.run_dry().await;
    assert_eq!(world.sent().await, 1, "the ladder goes on");
    let again = cases.resolve_dispute(of("ben", resolve("s2", &raised.dispute_id, true)));
    assert_eq!(
        reason(&again.await.expect_err("settled")),
        "RECORD_NOT_FOUND"
    );
    let timeline = world.timeline("ana", &id).await;
    let told = timeline.iter().find(|e| e.note == "not my signature");
    assert_eq!(
        told.expect("the dispute").effective_time,
        Some(instant(1, 0))
    );
    let told = timeline.iter().find(|e| e.note == "the notary has it");
    assert_eq!(told.expect("its end").effective_time, Some(instant(2, 0)));
    super::kept::must_be_sealed(&world, "signature").await;
}

#[tokio::test]
async fn a_borrower_who_was_right_is_left_alone_until_the_lender_acts() {
    let world = World::new().await;
    world.with_policy().await;
    let id = world.case("L-1").await.case_id;
    let mut cases = world.cases();
    let raised = cases
        .raise_dispute(of("ana", dispute("d1", &id, false)))
        .await;
    let raised = raised.expect("a dispute").into_inner();
    let settled = cases.resolve_dispute(of("ben", resolve("s1", &raised.dispute_id, false)));
    let settled = settled.await.expect("settled").into_inner().case;
    let pause = settled.expect("a case").pause.expect("a pause");
    assert_eq!(pause.reason(), v1::PauseReason::Hold);
    world.run_dry().await;
    assert_eq!(world.sent().await, 0);
    let mut reports = v1::report_service_client::ReportServiceClient::new(world.channel.clone());
    let mut listed = async |filter: &str| {
        let request = v1::GetWorklistRequest {
            filter: filter.into(),
            ..v1::GetWorklistRequest::default()
        };
        let page = reports.get_worklist(of("ana", request)).await;
        page.expect("the worklist").into_inner().items
    };
    let items = listed("review = DISPUTE_WON").await;
    assert_eq!(items.len(), 1, "{items:?}");
    assert_eq!(items[0].case_id, id);
    assert_eq!(items[0].review(), v1::ReviewReason::DisputeWon);
    assert_eq!(items[0].reason, "case_review");
    assert!(items[0].text.contains("right in a dispute"));
    assert_eq!(listed("review != DISPUTE_WON").await, []);
    let freed = cases.release_hold(of("ana", release("r1", &id))).await;
    freed.expect("a release");
    assert_eq!(
        world.stored(&id).await.worklist,
        None,
        "who releases it has seen to it"
    );
    world.run_dry().await;
    assert_eq!(world.sent().await, 1);
}

#[tokio::test]
async fn a_complaint_has_a_term_and_is_settled_by_another() {
    let world = World::new().await;
    world.with_policy().await;
    let id = world.case("L-1").await.case_id;
    let mut cases = world.cases();
    let filed = cases.file_complaint(of("ana", complain("c1", &id))).await;
    let filed = filed.expect("a complaint").into_inner();
    // 15 days after 2 March, to its end in Shanghai: 17 March, 16:00 UTC.
    let due = instant(15 * 24 + 16, 0);
    assert_eq!(filed.answer_due_time, Some(due));
    world.run_dry().await;
    assert_eq!(world.sent().await, 0);
    let own = cases
        .resolve_complaint(of("ana", answered("q1", &filed.complaint_id)))
        .await;
    assert_eq!(reason(&own.expect_err("her own")), "SAME_PERSON");
    let other = cases
        .resolve_complaint(of("ben", answered("q2", &filed.complaint_id)))
        .await;
    let case = other.expect("settled").into_inner().case.expect("a case");
    assert_eq!(case.status(), v1::CaseStatus::Open);
    world.run_dry().await;
    assert_eq!(world.sent().await, 1);
    let timeline = world.timeline("ana", &id).await;
    let resumed = noted(&timeline, v1::EventKind::CaseResumed);
    assert_eq!(resumed, [("we said sorry", "ben")]);
}

#[tokio::test]
async fn money_taken_back_is_owed_again_and_stays_in_history() {
    let world = World::new().await;
    world.with_policy().await;
    let id = world.case("L-1").await.case_id;
    pay(&world, "m1", &id, "T1", 30).await;
    let mut cases = world.cases();
    let back = cases
        .reverse_payment(of("ana", reverse("v1", &id, "T1")))
        .await;
    let back = back.expect("a reversal").into_inner().case.expect("a case");
    assert_eq!(back.facts.expect("facts").overdue, money(100));
    assert_eq!(back.collected, money(0));
    let again = cases
        .reverse_payment(of("ana", reverse("v2", &id, "T1")))
        .await;
    let again = again
        .expect("nothing new")
        .into_inner()
        .case
        .expect("a case");
    assert_eq!(again.facts.expect("facts").overdue, money(100));
    for (request_id, units) in [("m2", 30), ("m2b", 31)] {
        let known = cases.record_payment(of("ana", payment(request_id, &id, "T1", units)));
        let refused = known.await.expect_err("it was taken back");
        assert_eq!(reason(&refused), "PAYMENT_EXISTS");
        assert!(refused.message().contains("taken back"), "{refused}");
    }
    pay(&world, "m3", &id, "T2", 60).await;
    let balance = v1::ReversePaymentRequest {
        balance_after: money(70),
        ..reverse("v3", &id, "T2")
    };
    let ruled = cases.reverse_payment(of("ana", balance)).await;
    let ruled = ruled
        .expect("a reversal")
        .into_inner()
        .case
        .expect("a case");
    assert_eq!(ruled.facts.expect("facts").overdue, money(70));
    let timeline = world.timeline("ana", &id).await;
    let told = noted(&timeline, v1::EventKind::PaymentReversed);
    assert_eq!(told, [("it bounced", "ana"), ("it bounced", "ana")]);
    let events = world.events("ana").await;
    let refs: Vec<_> = events
        .iter()
        .filter(|e| e.kind() == v1::EventKind::PaymentReversed)
        .map(|e| match &e.detail {
            Some(v1::event::Detail::Payment(p)) => (p.payment_ref.clone(), p.amount.clone()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(refs, [("T1".into(), money(30)), ("T2".into(), money(60))]);
    let cured = pay(&world, "m4", &id, "T3", 70).await;
    assert_eq!(cured.status(), v1::CaseStatus::Closed);
    let late = cases
        .reverse_payment(of("ana", reverse("v4", &id, "T3")))
        .await;
    let late = late.expect("on record").into_inner().case.expect("a case");
    assert_eq!(late.status(), v1::CaseStatus::Closed, "closed is final");
    assert_eq!(late.collected, money(0));
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_its_reason() {
    let world = World::new().await;
    world.with_policy().await;
    let id = world.case("L-1").await.case_id;
    let closed = world.case("L-2").await.case_id;
    let close = v1::CloseCaseRequest {
        request_id: "end".into(),
        case_id: closed.clone(),
        reason: v1::CloseReason::Withdrawn.into(),
        ..v1::CloseCaseRequest::default()
    };
    world
        .cases()
        .close_case(of("ana", close))
        .await
        .expect("an end");
    let past = Some(instant(2, 0));
    let mut seen = Vec::new();
    let mut cases = world.cases();
    macro_rules! refused {
        ($($who:literal $method:ident($request:expr) -> $reason:literal;)*) => {$(
            let refused = cases.$method(of($who, $request)).await.map(|_| ());
            seen.push((stringify!($method), refused.map_err(|e| reason(&e)), $reason));
        )*};
    }
    refused! {
        "ana" hold_case(hold("1", &id, past)) -> "TIME_INVALID";
        "ana" hold_case(hold("2", &closed, None)) -> "CASE_CLOSED";
        "eve" hold_case(hold("3", &id, None)) -> "CASE_NOT_FOUND";
        "ana" hold_case(v1::HoldCaseRequest { reason: String::new(), ..hold("4", &id, None) }) -> "FIELD_REQUIRED";
        "ana" release_hold(release("5", &closed)) -> "CASE_NOT_PAUSED";
        "eve" release_hold(release("6", &id)) -> "CASE_NOT_FOUND";
        "ana" raise_dispute(dispute("7", &closed, true)) -> "CASE_CLOSED";
        "eve" raise_dispute(dispute("8", &id, true)) -> "CASE_NOT_FOUND";
        "ana" raise_dispute(v1::RaiseDisputeRequest { received_time: Some(instant(9, 0)), ..dispute("9", &id, true) }) -> "TIME_INVALID";
        "ana" resolve_dispute(resolve("10", "dispute_7", true)) -> "ID_INVALID";
        "ana" resolve_dispute(resolve("11", "", true)) -> "FIELD_REQUIRED";
        "ana" file_complaint(complain("12", &closed)) -> "CASE_CLOSED";
        "ana" file_complaint(v1::FileComplaintRequest { contact_id: format!("{}-9", id.replacen("case_", "contact_", 1)), ..complain("13", &id) }) -> "CONTACT_NOT_FOUND";
        "ana" resolve_complaint(answered("14", "complaint_7")) -> "ID_INVALID";
        "ana" reverse_payment(reverse("15", &id, "never")) -> "PAYMENT_NOT_FOUND";
        "eve" reverse_payment(reverse("16", &id, "never")) -> "CASE_NOT_FOUND";
    }
    let raised = cases
        .raise_dispute(of("ana", dispute("d", &id, true)))
        .await;
    let raised = raised.expect("a dispute").into_inner().dispute_id;
    let filed = cases.file_complaint(of("ana", complain("c", &id))).await;
    let filed = filed.expect("a complaint").into_inner().complaint_id;
    refused! {
        "eve" resolve_dispute(resolve("17", &raised, true)) -> "RECORD_NOT_FOUND";
        "ana" resolve_dispute(resolve("18", &filed.replacen("complaint", "dispute", 1), true)) -> "RECORD_NOT_FOUND";
        "eve" resolve_complaint(answered("19", &filed)) -> "RECORD_NOT_FOUND";
    }
    for (method, refused, expected) in seen {
        assert_eq!(refused, Err(expected.to_owned()), "{method}");
    }
}
