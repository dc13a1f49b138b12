//! What a new case brings along, and what a late payment says.

use super::*;

async fn pay(world: &World, request_id: &str, case: &v1::Case, payment_ref: &str) -> bool {
    let payment = v1::RecordPaymentRequest {
        request_id: request_id.into(),
        case_id: case.case_id.clone(),
        payment_ref: payment_ref.into(),
        amount: money(100),
        received_time: Some(instant(1, 0)),
        balance_after: None,
    };
    let paid = world.cases().record_payment(of("ana", payment)).await;
    paid.expect("a payment").into_inner().cured
}

#[tokio::test]
async fn only_the_payment_that_cured_says_so() {
    let world = World::new().await;
    world.with_policy().await;
    let case = world.case("L-1").await;
    assert!(pay(&world, "m1", &case, "first").await);
    assert!(!pay(&world, "m2", &case, "late").await);
    assert!(pay(&world, "m3", &case, "first").await, "said once more");
    assert!(!pay(&world, "m4", &case, "late").await);
}

#[tokio::test]
async fn a_case_opened_in_a_hardship_is_paused_until_it_ends() {
    let world = World::new().await;
    world.with_policy().await;
    world.case("L-1").await;
    let until = Some(instant(30, 0));
    let declared = v1::DeclareHardshipRequest {
        request_id: "h1".into(),
        party: Some(v1::PartyRef {
            r#ref: Some(v1::party_ref::Ref::LenderRef("B-1".into())),
        }),
        kind: "unemployment".into(),
        until,
    };
    let declared = world
        .borrowers()
        .declare_hardship(of("ana", declared))
        .await;
    declared.expect("a hardship");
    let second = world.case("L-2").await;
    assert_eq!(second.status(), v1::CaseStatus::Paused);
    let pause = world.stored(&second.case_id).await.pauses.remove(0);
    assert_eq!(pause.reason.name(), "hardship");
    world.run_dry().await;
    assert_eq!(world.sent().await, 0);
    let later = world.engine.wall().now() + SignedDuration::from_hours(48);
    world.wall.advance(later);
    world.run_dry().await;
    let third = world.case("L-3").await;
    assert_eq!(third.status(), v1::CaseStatus::Open, "the hardship is over");
}

#[tokio::test]
async fn a_case_follows_a_closed_one_of_the_same_loan_or_person() {
    let world = World::new().await;
    world.with_policy().await;
    let first = world.case("L-1").await;
    let follow = |request_id: &str, borrower: &str, previous: &str| {
        let mut request = open(request_id, request_id);
        request.borrower = Some(v1::open_case_request::Borrower::Upsert(party(borrower)));
        let case = request.case.as_mut().expect("a case");
        case.previous_case_id = previous.into();
        request
    };
    let unknown = format!("case_{}", "0".repeat(26));
    for (request_id, who, borrower, previous, expected) in [
        ("L-2", "ana", "B-1", &unknown, "CASE_NOT_FOUND"),
        ("L-3", "eve", "B-1", &first.case_id, "CASE_NOT_FOUND"),
        ("L-4", "ana", "B-1", &first.case_id, "FIELD_INVALID"),
    ] {
        let request = follow(request_id, borrower, previous);
        let refused = world.cases().open_case(of(who, request)).await;
        assert_eq!(
            reason(&refused.expect_err("no such case")),
            expected,
            "{request_id}"
        );
    }
    pay(&world, "m1", &first, "all").await;
    let other = follow("L-5", "B-2", &first.case_id);
    let other = world.cases().open_case(of("ana", other)).await;
    assert_eq!(reason(&other.expect_err("another person")), "FIELD_INVALID");
    let next = follow("L-6", "B-1", &first.case_id);
    let next = world.cases().open_case(of("ana", next)).await;
    let next = next.expect("a case").into_inner().case.expect("a case");
    assert_eq!(next.previous_case_id, first.case_id);
}
