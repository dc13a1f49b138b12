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

fn day(year: i32, month: i32, day: i32) -> Option<google::Date> {
    Some(google::Date { year, month, day })
}

#[tokio::test]
async fn what_is_overdue_before_its_due_date_is_refused_with_what_would_be_right() {
    let world = World::new().await;
    world.with_policy().await;
    let with = |reference: &str, overdue: i64, due: Option<google::Date>| {
        let mut request = open(reference, reference);
        let case = request.case.as_mut().expect("a case");
        let facts = case.facts.as_mut().expect("facts");
        facts.overdue = money(overdue);
        facts.oldest_unpaid_due_date = due;
        request
    };
    let early = with("L-1", 100, day(2027, 11, 18));
    let refused = world.cases().open_case(of("ana", early)).await;
    let refused = refused.expect_err("nothing is overdue yet");
    assert_eq!(reason(&refused), "DATE_INVALID");
    let details = refused.get_error_details();
    let field = &details.bad_request().expect("fields").field_violations[0];
    assert_eq!(field.field, "case.facts.oldest_unpaid_due_date");
    assert!(
        field.description.contains("overdue 0"),
        "{}",
        field.description
    );
    // Nothing is overdue: it may be told early.
    let opened = world
        .cases()
        .open_case(of("ana", with("L-1", 0, day(2027, 11, 18))))
        .await;
    let opened = opened.expect("a case").into_inner().case.expect("a case");
    assert_eq!(opened.dpd, 0);
    let update = |id: &str, facts: v1::CaseFacts| v1::UpdateCaseFactsRequest {
        request_id: id.into(),
        case_id: opened.case_id.clone(),
        facts: Some(facts),
        ..v1::UpdateCaseFactsRequest::default()
    };
    let overdue = v1::CaseFacts {
        overdue: money(50),
        ..v1::CaseFacts::default()
    };
    let refused = world
        .cases()
        .update_case_facts(of("ana", update("u1", overdue.clone())))
        .await;
    let refused = refused.expect_err("it is not due");
    assert_eq!(reason(&refused), "DATE_INVALID");
    let details = refused.get_error_details();
    let field = &details.bad_request().expect("fields").field_violations[0];
    assert_eq!(field.field, "facts.oldest_unpaid_due_date");
    let both = v1::CaseFacts {
        oldest_unpaid_due_date: day(2026, 2, 20),
        ..overdue
    };
    let done = world
        .cases()
        .update_case_facts(of("ana", update("u2", both)))
        .await;
    done.expect("facts that agree");
}

#[tokio::test]
async fn a_second_promise_says_whose_place_it_takes() {
    let world = World::new().await;
    world.with_policy().await;
    let case = world.case("L-1").await;
    let mut service =
        v1::arrangement_service_client::ArrangementServiceClient::new(world.channel.clone());
    let mut seen = Vec::new();
    for (id, units) in [("p1", 60), ("p2", 40)] {
        let promise = v1::RecordPromiseRequest {
            request_id: id.into(),
            case_id: case.case_id.clone(),
            amount: money(units),
            due_date: day(2026, 3, 8),
            ..v1::RecordPromiseRequest::default()
        };
        let done = service.record_promise(of("ana", promise)).await;
        let done = done.expect("a promise").into_inner();
        let own = done.promise.expect("a promise").promise_id;
        seen.push((own, done.replaced_promise_id));
    }
    assert_eq!(seen[0].1, "");
    assert_eq!(seen[1].1, seen[0].0);
}

#[tokio::test]
async fn a_contact_shows_what_was_said_and_what_it_was_judged_under() {
    let world = World::new().await;
    world.with_policy().await;
    let case = world.case("L-1").await;
    world.run_dry().await;
    let get = || v1::GetContactRequest {
        contact_id: format!("{}-1", case.case_id.replacen("case_", "contact_", 1)),
    };
    let shown = world.contacts().get_contact(of("ana", get())).await;
    let shown = shown
        .expect("a contact")
        .into_inner()
        .contact
        .expect("a contact");
    assert_eq!(shown.template_id, "template_reminder-1");
    assert_eq!(shown.template_locale, "zh-CN");
    assert_eq!(shown.payload_hash.len(), 32);
    let judged = shown.judged_under.expect("a decision");
    assert!(!judged.packs_hash.is_empty() && !judged.permitted_by.is_empty());
    let said = shown.said.expect("a text");
    assert!(said.body.ends_with("L-1"), "{}", said.body);
    let hash = crate::convert::policy::sha256_hex(&[&format!("\n{}", said.body)]);
    assert_eq!(said.sha256, hash);
    // A strategist sees the proof, and no text.
    let blind = world.contacts().get_contact(of("sue", get())).await;
    let blind = blind
        .expect("a contact")
        .into_inner()
        .contact
        .expect("a contact");
    assert_eq!(blind.payload_hash, shown.payload_hash);
    assert_eq!(blind.said, None);
    // The timeline names the version.
    let timeline = world.timeline("ana", &case.case_id).await;
    assert!(
        format!("{timeline:?}").contains("template_reminder-1"),
        "{timeline:?}"
    );
}
