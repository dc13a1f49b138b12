//! What was reported wrongly is corrected: both stay on record, and everything follows the corrected outcome.

mod support;

use jiff::Timestamp;
use jiff::civil::date;
use recoup_channel::wire::{self, OutcomeReport, Receipt, inbound};
use recoup_domain::contact::{Contact, ContactClass, ContactState};
use recoup_domain::ids::{CaseId, ContactId};
use recoup_domain::journal::{ContactEvent, What, apply_to_party};
use recoup_domain::party::{ContactPoint, PartyEvent, PointState};
use recoup_domain::{Outcome, Party};
use recoup_engine::CommandError;
use recoup_engine::types::{Answered, PartyName, Report};
use recoup_store::ContactFilter;
use support::{Rig, at};

async fn contacts(rig: &Rig) -> Vec<Contact> {
    let filter = ContactFilter::default();
    let page = rig.engine.contacts(&rig.tenant, &filter, None, 1_000).await;
    page.unwrap().rows.into_iter().map(|v| v.contact).collect()
}

fn report(contact: ContactId, outcome: Outcome, when: Option<Timestamp>) -> Report {
    Report {
        contact,
        outcome,
        at: when,
        reporter: "desk".into(),
        note: String::new(),
        evidence: vec![],
        collectors: vec![],
    }
}

async fn tell(rig: &Rig, who: &str, report: Report) -> Result<Contact, CommandError> {
    let who = rig.as_of(who);
    let told = rig.engine.report_outcome(&who, report, &|_| vec![]);
    match told.await? {
        Answered::Now(view) => Ok(view.contact),
        Answered::Before(_) => panic!("no request id was given"),
    }
}

/// The number of the borrower as it stands, which is also what the journal says of it.
async fn number(rig: &Rig) -> ContactPoint {
    let name = PartyName::Reference("b-1".into());
    let party = rig.engine.borrower(&rig.tenant, &name).await.unwrap().party;
    let mut folded: Option<Party> = None;
    for row in rig.engine.events(&rig.tenant, 0, 1_000).await.unwrap() {
        match (&row.entry.what, &mut folded) {
            (
                What::Party {
                    event: PartyEvent::Upserted(told),
                    ..
                },
                None,
            ) => folded = Some((**told).clone()),
            (what, Some(party)) => apply_to_party(party, what, row.entry.at),
            _ => {}
        }
    }
    assert_eq!(folded.unwrap().points, party.points);
    party.points[0].clone()
}

async fn opened(rig: &Rig, until: &str) -> (CaseId, Contact) {
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at(until)).await;
    (case, contacts(rig).await.remove(0))
}

#[tokio::test]
async fn a_number_that_was_not_wrong_is_texted_again() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let (case, sent) = opened(&rig, "2026-03-02T01:00:00Z").await;
    let failed = report(sent.id, Outcome::WrongNumber, None);
    assert_eq!(
        tell(&rig, "ana", failed).await.unwrap().state,
        ContactState::Failed
    );
    assert_eq!(number(&rig).await.state, PointState::WrongNumber);
    rig.run_until(at("2026-03-08T00:00:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Sms).len(), 1, "the number is gone");
    assert_eq!(rig.sent(ContactClass::Phone).len(), 0);

    let right = report(
        sent.id,
        Outcome::Delivered,
        Some(at("2026-03-02T00:30:00Z")),
    );
    let corrected = tell(&rig, "ben", right.clone()).await.unwrap();
    assert_eq!(
        (corrected.state, corrected.outcome, corrected.outcome_at),
        (
            ContactState::Effected,
            Some(Outcome::Delivered),
            Some(at("2026-03-02T00:30:00Z"))
        )
    );
    assert_eq!(number(&rig).await.state, PointState::Usable);
    let before = rig
        .engine
        .events(&rig.tenant, 0, 1_000)
        .await
        .unwrap()
        .len();
    tell(&rig, "ben", right).await.unwrap();
    let after = rig.engine.events(&rig.tenant, 0, 1_000).await.unwrap();
    assert_eq!(after.len(), before, "the same again changes nothing");

    let told: Vec<_> = after
        .iter()
        .filter_map(|row| match &row.entry.what {
            What::Contact {
                event: ContactEvent::Settled { outcome, .. },
                ..
            } => Some((row.entry.actor.clone(), None, *outcome)),
            What::Contact {
                event: ContactEvent::Corrected { was, outcome, .. },
                ..
            } => Some((row.entry.actor.clone(), Some(*was), *outcome)),
            _ => None,
        })
        .collect();
    assert_eq!(
        told,
        [
            ("ana".into(), None, Outcome::WrongNumber),
            ("ben".into(), Some(Outcome::WrongNumber), Outcome::Delivered)
        ]
    );
    let lines = rig.engine.timeline(&rig.tenant, case, 0, 1_000).await;
    let lines: Vec<_> = lines.unwrap().rows.into_iter().map(|l| l.summary).collect();
    for line in [
        "is FAILED: wrong_number",
        "corrected: it was delivered, not wrong_number; is EFFECTED",
    ] {
        assert!(lines.iter().any(|l| l == line), "{line}: {lines:#?}");
    }
    rig.run_until(at("2026-03-12T12:00:00Z")).await;
    assert!(
        rig.sent(ContactClass::Sms).len() + rig.sent(ContactClass::Phone).len() > 1,
        "steps that were passed over are asked again"
    );
}

#[tokio::test]
async fn a_correction_lifts_what_its_outcome_had_set_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let (_, first) = opened(&rig, "2026-03-09T12:00:00Z").await;
    let second = contacts(&rig).await.remove(1);
    assert_eq!(first.point, second.point);
    for id in [first.id, second.id] {
        tell(&rig, "ana", report(id, Outcome::WrongNumber, None))
            .await
            .unwrap();
    }
    let right = |id| {
        let class = |c: &Contact| c.id == id && c.class == ContactClass::Phone;
        let is_call = [&first, &second].into_iter().any(class);
        let outcome = if is_call {
            Outcome::Conversation
        } else {
            Outcome::Delivered
        };
        report(id, outcome, None)
    };
    tell(&rig, "ana", right(first.id)).await.unwrap();
    assert_eq!(number(&rig).await.state, PointState::WrongNumber);
    tell(&rig, "ana", right(second.id)).await.unwrap();
    assert_eq!(number(&rig).await.state, PointState::Usable);
    // And back: the first correction was wrong itself.
    tell(&rig, "ana", report(first.id, Outcome::WrongNumber, None))
        .await
        .unwrap();
    let states = contacts(&rig).await.remove(0).states;
    let states: Vec<_> = states.into_iter().map(|(s, _)| s).collect();
    assert_eq!(
        states[states.len() - 3..],
        [
            ContactState::Failed,
            ContactState::Effected,
            ContactState::Failed
        ]
    );
    assert_eq!(number(&rig).await.state, PointState::WrongNumber);
}

#[tokio::test]
async fn a_failure_that_was_none_does_not_count_against_the_number() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let (_, sent) = opened(&rig, "2026-03-02T01:00:00Z").await;
    tell(&rig, "ana", report(sent.id, Outcome::Undelivered, None))
        .await
        .unwrap();
    assert_eq!(number(&rig).await.failed_days, 1);
    tell(&rig, "ana", report(sent.id, Outcome::Delivered, None))
        .await
        .unwrap();
    let now = number(&rig).await;
    assert_eq!((now.failed_days, now.failed_on), (0, None));
}

#[tokio::test]
async fn a_carriers_word_is_contradicted_by_evidence_alone() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let mut receipt = Receipt {
        provider_ref: "r".into(),
        ..Receipt::default()
    };
    receipt.set_immediate(wire::Outcome::Delivered);
    *rig.channel(ContactClass::Sms).answer.lock().unwrap() = Ok(receipt);
    let (_, sent) = opened(&rig, "2026-03-02T01:00:00Z").await;
    assert_eq!(sent.state, ContactState::Effected);
    let mut wrong = report(sent.id, Outcome::WrongNumber, None);
    let refused = tell(&rig, "ana", wrong.clone()).await;
    let Err(CommandError::Invalid(violations)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(violations[0].field, "evidence");
    assert_eq!(number(&rig).await.state, PointState::Usable);
    wrong.evidence = vec![("letter-7".into(), "a".repeat(64))];
    let done = tell(&rig, "ana", wrong).await.unwrap();
    assert_eq!(done.outcome, Some(Outcome::WrongNumber));
    assert_eq!(number(&rig).await.state, PointState::WrongNumber);
}

#[tokio::test]
async fn a_carrier_that_says_it_again_does_not_overturn_a_correction() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let (_, first) = opened(&rig, "2026-03-09T12:00:00Z").await;
    let delivered = report(first.id, Outcome::Delivered, None);
    tell(&rig, "ana", delivered).await.unwrap();
    rig.run_until(at("2026-03-10T12:00:00Z")).await;
    let is_call = |c: &Contact| c.class == ContactClass::Phone;
    let call = contacts(&rig).await.into_iter().find(is_call).unwrap();
    let says = |outcome: wire::Outcome| {
        let mut said = OutcomeReport {
            contact_id: call.id.to_string(),
            r#final: true,
            ..OutcomeReport::default()
        };
        said.set_outcome(outcome);
        inbound::What::Report(said)
    };
    let now = async || {
        let all = contacts(&rig).await;
        let call = all.into_iter().find(|c| c.id == call.id).unwrap();
        (call.outcome, call.corrected)
    };
    // Before anybody corrects it, a confirmed conversation is more than an answer nobody confirmed.
    let answered = says(wire::Outcome::AnsweredUnconfirmed);
    rig.call_back(ContactClass::Phone, answered).await;
    assert_eq!(now().await, (Some(Outcome::AnsweredUnconfirmed), false));
    let talked = || rig.call_back(ContactClass::Phone, says(wire::Outcome::Conversation));
    talked().await;
    assert_eq!(now().await, (Some(Outcome::Conversation), false));

    let mut right = report(call.id, Outcome::AnsweredUnconfirmed, None);
    right.evidence = vec![("recording-7".into(), "a".repeat(64))];
    tell(&rig, "ben", right).await.unwrap();
    assert_eq!(now().await, (Some(Outcome::AnsweredUnconfirmed), true));
    talked().await;
    assert_eq!(now().await, (Some(Outcome::AnsweredUnconfirmed), true));
}

#[tokio::test]
async fn what_a_contact_of_its_kind_cannot_come_to_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let (_, sent) = opened(&rig, "2026-03-02T01:00:00Z").await;
    for outcome in [
        Outcome::Conversation,
        Outcome::Filed,
        // It would take a contact that was made out of the counts.
        Outcome::InboundNoDiscussion,
    ] {
        let refused = tell(&rig, "ana", report(sent.id, outcome, None)).await;
        assert!(
            matches!(&refused, Err(CommandError::Invalid(v)) if v[0].field == "outcome"),
            "{refused:?}"
        );
    }
    tell(&rig, "ana", report(sent.id, Outcome::Delivered, None))
        .await
        .unwrap();
    let off = tell(&rig, "ana", report(sent.id, Outcome::Cancelled, None)).await;
    assert!(
        matches!(off, Err(CommandError::ContactState { .. })),
        "{off:?}"
    );
}

#[tokio::test]
async fn a_carrier_has_no_say_in_what_another_channel_carries() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let (_, sent) = opened(&rig, "2026-03-02T01:00:00Z").await;
    assert_eq!(
        (sent.class, sent.state),
        (ContactClass::Sms, ContactState::Accepted)
    );
    let says = || {
        let mut said = OutcomeReport {
            contact_id: sent.id.to_string(),
            r#final: true,
            ..OutcomeReport::default()
        };
        said.set_outcome(wire::Outcome::WrongNumber);
        inbound::What::Report(said)
    };
    let now = async || contacts(&rig).await.remove(0).state;
    rig.call_back(ContactClass::Phone, says()).await;
    assert_eq!(now().await, ContactState::Accepted);
    assert_eq!(number(&rig).await.state, PointState::Usable);
    rig.call_back(ContactClass::Sms, says()).await;
    assert_eq!(now().await, ContactState::Failed);
}
