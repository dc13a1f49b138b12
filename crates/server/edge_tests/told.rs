//! A watcher learns from an event what happened, without asking anew.

use super::*;
use v1::event::Detail;

const TWO_STAGES: &str = "name: steps\nsegments: [{name: all, when: 'true'}]\nstages:\n  - name: remind\n    \
    enter: case.dpd >= 1\n    steps: [{channel: sms, template: reminder, every: 30d, max: 3}]\n  - name: again\n    \
    enter: case.dpd >= 20\n    steps: [{channel: sms, template: reminder, every: 30d, max: 3}]\n";

fn only(events: &[v1::Event], kind: v1::EventKind) -> v1::Event {
    let mut found = events.iter().filter(|e| e.kind() == kind);
    let one = found
        .next()
        .unwrap_or_else(|| panic!("no {kind:?}"))
        .clone();
    assert_eq!(found.next(), None);
    one
}

#[tokio::test]
async fn an_opening_names_its_borrower_and_its_policy() {
    let world = World::new().await;
    let policy = world.with(POLICY).await;
    let case = world.case("L-1").await;
    let event = only(&world.events("ana").await, v1::EventKind::CaseOpened);
    assert_eq!(event.party_id, case.party_id);
    let Some(Detail::CaseOpened(opened)) = event.detail else {
        panic!("{event:?}")
    };
    assert_eq!((opened.lender_case_ref.as_str(), opened.dpd), ("L-1", 10));
    assert_eq!(opened.policy.expect("a policy").policy_id, policy.policy_id);
}

#[tokio::test]
async fn a_contact_event_tells_its_window_and_its_outcome() {
    let world = World::new().await;
    world.with_policy().await;
    world.case("L-1").await;
    world.run_dry().await;
    let contact = world.contacts();
    let list = v1::ListContactsRequest::default();
    let list = contact.clone().list_contacts(of("ana", list)).await;
    let sent = list.expect("a page").into_inner().contacts.remove(0);
    let report = v1::ReportOutcomeRequest {
        request_id: "q1".into(),
        contact_id: sent.contact_id.clone(),
        outcome: v1::Outcome::Undelivered.into(),
        occurred_time: Some(instant(3, 0)),
        ..v1::ReportOutcomeRequest::default()
    };
    let reported = contact.clone().report_outcome(of("ana", report)).await;
    reported.expect("a report");
    let events = world.events("ana").await;
    let detail = |kind| match only(&events, kind).detail {
        Some(Detail::Contact(detail)) => detail,
        other => panic!("{other:?}"),
    };
    let accepted = detail(v1::EventKind::ContactAccepted);
    assert_eq!(accepted.effect_start_time, sent.effect_start_time);
    assert_eq!(accepted.effect_end_time, sent.effect_end_time);
    assert!(accepted.effect_end_time.is_some());
    assert_eq!(accepted.outcome(), v1::Outcome::Unspecified);
    let failed = detail(v1::EventKind::ContactFailed);
    assert_eq!(failed.outcome(), v1::Outcome::Undelivered);
    assert_eq!(failed.outcome_time, Some(instant(3, 0)));
}

#[tokio::test]
async fn a_correction_tells_what_was_said_before() {
    let world = World::new().await;
    world.with_policy().await;
    let case = world.case("L-1").await;
    world.run_dry().await;
    let report = |n: u32, outcome: v1::Outcome, note: &str| v1::ReportOutcomeRequest {
        request_id: format!("q{n}"),
        contact_id: format!("{}-1", case.case_id.replacen("case_", "contact_", 1)),
        outcome: outcome.into(),
        occurred_time: Some(instant(3, 0)),
        note: note.into(),
        ..v1::ReportOutcomeRequest::default()
    };
    let tell = async |who: &'static str, report| {
        let told = world.contacts().report_outcome(of(who, report)).await;
        told.map(|done| done.into_inner().contact.expect("a contact"))
    };
    let wrong = report(1, v1::Outcome::WrongNumber, "she hung up");
    tell("ana", wrong).await.expect("a report");
    let right = report(2, v1::Outcome::Delivered, "wrong line, sorry");
    let contact = tell("ben", right.clone()).await.expect("a correction");
    assert_eq!(contact.state(), v1::ContactState::Effected);
    assert_eq!(contact.outcome(), v1::Outcome::Delivered);
    let again = tell("ben", right).await.expect("the same answer");
    assert_eq!(again, contact);
    let event = only(&world.events("ana").await, v1::EventKind::OutcomeRecorded);
    assert_eq!(event.actor, "ben");
    let Some(Detail::Outcome(told)) = event.detail else {
        panic!("{event:?}")
    };
    assert_eq!(told.outcome(), v1::Outcome::Delivered);
    assert_eq!(told.previous_outcome(), v1::Outcome::WrongNumber);
    assert_eq!(told.state(), v1::ContactState::Effected);
    assert!(told.correction);
    let timeline = world.timeline("ana", &case.case_id).await;
    let notes: Vec<_> = timeline.iter().map(|l| l.note.as_str()).collect();
    for note in ["she hung up", "wrong line, sorry"] {
        assert!(notes.contains(&note), "{notes:?}");
    }
    let filed = tell("ana", report(3, v1::Outcome::Filed, "")).await;
    let filed = filed.expect_err("a text is not filed");
    assert_eq!(reason(&filed), "OUTCOME_INVALID");
    let off = tell("ana", report(4, v1::Outcome::Cancelled, "")).await;
    assert_eq!(reason(&off.expect_err("it was sent")), "CONTACT_STATE");
}

#[tokio::test]
async fn a_change_of_stage_tells_both_stages() {
    let world = World::new().await;
    world.with(TWO_STAGES).await;
    world.case("L-1").await;
    world.run_dry().await;
    let later = world.engine.wall().now() + SignedDuration::from_hours(24 * 11);
    world.wall.advance(later);
    world.run_dry().await;
    let changes: Vec<_> = world
        .events("ana")
        .await
        .into_iter()
        .filter_map(|e| match e.detail {
            Some(Detail::StageChanged(c)) => Some((c.from_stage, c.to_stage, c.dpd)),
            _ => None,
        })
        .collect();
    let step = |from: &str, to: &str, dpd| (from.to_owned(), to.to_owned(), dpd);
    assert_eq!(
        changes,
        [step("", "remind", 10), step("remind", "again", 21)]
    );
}

#[tokio::test]
async fn a_payment_is_told_by_the_lenders_reference_and_an_end_with_all_that_came_in() {
    let world = World::new().await;
    world.with_policy().await;
    let case = world.case("L-1").await;
    for (n, units) in [(1, 30), (2, 70), (3, 5)] {
        let payment = v1::RecordPaymentRequest {
            request_id: format!("m{n}"),
            case_id: case.case_id.clone(),
            payment_ref: format!("transfer {n}"),
            amount: money(units),
            received_time: Some(instant(n, 0)),
            balance_after: None,
        };
        let paid = world.cases().record_payment(of("ana", payment)).await;
        paid.expect("a payment");
    }
    let events = world.events("ana").await;
    let told: Vec<_> = events
        .iter()
        .filter_map(|e| match &e.detail {
            Some(Detail::Payment(p)) => Some((p.payment_ref.clone(), e.effective_time, p.cured)),
            _ => None,
        })
        .collect();
    let transfer = |n: i64, at, cured| (format!("transfer {n}"), at, cured);
    assert_eq!(
        told,
        [
            transfer(1, Some(instant(1, 0)), false),
            transfer(2, Some(instant(2, 0)), true),
            transfer(3, None, false)
        ]
    );
    let end = only(&events, v1::EventKind::CaseClosed);
    let Some(Detail::CaseClosed(end)) = end.detail else {
        panic!("{end:?}")
    };
    assert_eq!(end.collected, money(100), "what came in late is not in it");
}

#[tokio::test]
async fn a_change_of_facts_tells_what_changed_and_nothing_else() {
    let world = World::new().await;
    world.with_policy().await;
    let case = world.case("L-1").await;
    let due = |day| {
        Some(google::Date {
            year: 2026,
            month: 2,
            day,
        })
    };
    for (n, facts) in [
        v1::CaseFacts {
            overdue: money(80),
            ..v1::CaseFacts::default()
        },
        v1::CaseFacts {
            oldest_unpaid_due_date: due(27),
            ..v1::CaseFacts::default()
        },
    ]
    .into_iter()
    .enumerate()
    {
        let update = v1::UpdateCaseFactsRequest {
            request_id: format!("f{n}"),
            case_id: case.case_id.clone(),
            facts: Some(facts),
            ..v1::UpdateCaseFactsRequest::default()
        };
        let done = world.cases().update_case_facts(of("ana", update)).await;
        done.expect("facts");
    }
    let events = world.events("ana").await;
    let told = events.into_iter().filter_map(|e| match e.detail {
        Some(Detail::CaseFactsUpdated(f)) => Some((f.overdue, f.dpd)),
        _ => None,
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [(money(80), None), (None, Some(3))]
    );
}
