//! Stopping: by a switch, by a payment, by SIGTERM.

use recoup::api::recoup::v1;
use v1::{ContactState, dispatch_scope};

use crate::support::World;
use crate::support::client::reason;
use crate::support::judge;
use crate::support::process::until;
use crate::support::scenes::{self, Loan, ONE_TEXT, cny};
use crate::support::server::{Server, Setup};

fn all() -> Option<v1::DispatchScope> {
    Some(v1::DispatchScope {
        scope: Some(dispatch_scope::Scope::Channel("sms".into())),
    })
}

#[tokio::test]
async fn a_pause_stops_what_is_due_and_a_resume_lets_it_go() {
    let mut world = World::live(&["sms"], ONE_TEXT).await;
    let request = v1::PauseDispatchRequest {
        request_id: "pause".into(),
        scope: all(),
        reason: "the gateway's texts are garbled".into(),
    };
    let paused = world.ana.admin().pause_dispatch(request).await;
    let paused = paused.expect("a pause").into_inner().pauses;
    assert_eq!((paused.len(), paused[0].author.as_str()), (1, "ana"));
    let mut cases = Vec::new();
    for number in 1..=5 {
        cases.push(scenes::open(&world.ana, &Loan::at_noon(number)).await);
    }
    // Each case is looked at, found due, and put off.
    until("the planner to have looked at all", async || {
        let status = world.ana.admin().get_status(v1::GetStatusRequest {}).await;
        let status = status.expect("a status").into_inner();
        (status.due == 0 && status.open_cases == 5).then_some(())
    })
    .await;
    // The switch outlives the process.
    world.server.process().kill();
    let setup = Setup::default().with("sms", &world.sandbox);
    world.server = Server::start(world.folder.path(), &setup).await;
    let (ana, ben) = (world.server.ana(), world.server.ben());
    cases.push(scenes::open(&ana, &Loan::at_noon(6)).await);
    until("the planner to have looked at the sixth", async || {
        let status = ana.admin().get_status(v1::GetStatusRequest {}).await;
        (status.expect("a status").into_inner().due == 0).then_some(())
    })
    .await;
    assert_eq!(world.sandbox.effects("sms").len(), 0);
    for case in &cases {
        assert!(scenes::contacts_of(&ana, &case.case_id).await.is_empty());
    }
    let request = v1::ResumeDispatchRequest {
        request_id: "resume".into(),
        scope: all(),
        reason: "repaired".into(),
    };
    let resumed = ben.admin().resume_dispatch(request).await;
    assert!(resumed.expect("a resume").into_inner().pauses.is_empty());
    // Those put off wait for the next slot; a new one goes at once.
    let case = scenes::open(&ana, &Loan::at_noon(7)).await;
    scenes::until_contact(&ana, &case.case_id, ContactState::Effected).await;
}

#[tokio::test]
async fn a_stop_by_signal_lets_what_is_under_way_go_to_its_end() {
    let mut world = World::live(&["sms"], ONE_TEXT).await;
    let mut opening = tokio::task::JoinSet::new();
    for number in 1..=60 {
        let ana = world.ana.clone();
        opening.spawn(async move { ana.cases().open_case(Loan::at_noon(number).open()).await });
    }
    until("the first text", async || {
        (!world.sandbox.effects("sms").is_empty()).then_some(())
    })
    .await;
    let status = world.server.stop().await;
    assert!(
        status.success(),
        "{status}: {}",
        world.server.process().stderr()
    );
    opening.join_all().await;

    let setup = Setup::default().with("sms", &world.sandbox);
    world.server = Server::start(world.folder.path(), &setup).await;
    let said = world.server.process().stderr();
    assert!(!said.contains("contacts were in flight"), "{said}");
    let ana = world.server.ana();
    let unknown = v1::ListContactsRequest {
        filter: "state = UNKNOWN".into(),
        ..v1::ListContactsRequest::default()
    };
    let unknown = ana.contacts().list_contacts(unknown).await;
    let unknown = unknown.expect("contacts").into_inner().contacts;
    assert!(unknown.is_empty(), "{unknown:?}");
    until("every case that is in to be texted", async || {
        let status = ana.admin().get_status(v1::GetStatusRequest {}).await;
        let status = status.expect("a status").into_inner();
        let texted = world.sandbox.effects("sms").len();
        (i64::try_from(texted).ok() == Some(status.open_cases)).then_some(())
    })
    .await;
    world.sandbox.stop().await;
    let ledger = judge::export(&ana, world.folder.path()).await;
    let judged = judge::judge(world.sandbox.log(), &ledger, &[]);
    assert_eq!(judged.status, Some(0), "{}", judged.text);
    assert_eq!(judged.figure("unknown"), 0, "{}", judged.text);
}

#[tokio::test]
async fn whoever_pays_hears_nothing_more_and_his_visit_is_called_off() {
    let policy = r"name: visit-now
stages:
  - name: all
    enter: case.dpd >= 1
    steps:
      - {channel: sms, template: reminder, max: 1}
  - name: then
    enter: case.dpd >= 1 && contacts.any.made >= 1
    steps:
      - {channel: visit, template: visit_brief, max: 1}
";
    let mut world = World::live(&["sms", "visit"], policy).await;
    scenes::add_collectors(&world.ana).await;
    let case = scenes::open(&world.ana, &Loan::at_noon(1)).await;
    let visit = until("the visit's appointment", async || {
        let all = scenes::contacts_of(&world.ana, &case.case_id).await;
        all.into_iter()
            .find(|c| c.channel == "visit" && c.state == i32::from(ContactState::Accepted))
    })
    .await;
    let request = v1::RecordPaymentRequest {
        request_id: "pay".into(),
        case_id: case.case_id.clone(),
        payment_ref: "P1".into(),
        amount: Some(cny(600)),
        received_time: Some(scenes::pb_time(scenes::now())),
        balance_after: None,
    };
    let paid = world.ana.cases().record_payment(request).await;
    let paid = paid.expect("a payment").into_inner();
    assert!(paid.cured);
    assert_eq!(
        paid.cancelling_contact_ids,
        std::slice::from_ref(&visit.contact_id)
    );
    until("the calendar to have called it off", async || {
        let all = scenes::contacts_of(&world.ana, &case.case_id).await;
        let own = all.into_iter().find(|c| c.contact_id == visit.contact_id);
        own.filter(|c| c.state == i32::from(ContactState::Cancelled))
    })
    .await;
    world.sandbox.stop().await;
    let ledger = judge::export(&world.ana, world.folder.path()).await;
    let judged = judge::judge(world.sandbox.log(), &ledger, &[]);
    assert_eq!(judged.status, Some(0), "{}", judged.text);
}

#[tokio::test]
async fn nobody_reports_away_what_a_carrier_took() {
    let world = World::live(&["sms"], ONE_TEXT).await;
    let case = scenes::open(&world.ana, &Loan::at_noon(1)).await;
    let sent = scenes::until_contact(&world.ana, &case.case_id, ContactState::Effected).await;
    let request = v1::ReportOutcomeRequest {
        request_id: "away".into(),
        contact_id: sent.contact_id.clone(),
        outcome: v1::Outcome::Cancelled.into(),
        occurred_time: sent.intent_time,
        ..v1::ReportOutcomeRequest::default()
    };
    let refused = world.ana.contacts().report_outcome(request).await;
    let refused = refused.expect_err("it was sent");
    assert_eq!(reason(&refused), "CONTACT_STATE");
}

#[tokio::test]
async fn the_same_close_said_by_many_at_once_is_answered_to_all() {
    let world = World::live(&["sms"], ONE_TEXT).await;
    let case = scenes::open(&world.ana, &Loan::at_noon(1)).await;
    let mut saying = tokio::task::JoinSet::new();
    for _ in 0..48 {
        let ana = world.ana.clone();
        let request = v1::CloseCaseRequest {
            request_id: "close".into(),
            case_id: case.case_id.clone(),
            reason: v1::CloseReason::Withdrawn.into(),
            ..v1::CloseCaseRequest::default()
        };
        saying.spawn(async move { ana.cases().close_case(request).await });
    }
    for answer in saying.join_all().await {
        let closed = answer.expect("the answer of the first").into_inner();
        assert_eq!(closed.case.expect("the case").case_id, case.case_id);
    }
}
