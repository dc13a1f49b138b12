//! What people write and when they said it is kept: sealed where it speaks of a person, shown to who may see.

use super::*;

/// A ladder whose first text waits for a second person.
pub(super) const APPROVED: &str = "name: careful\nsegments: [{name: all, when: 'true'}]\nstages:\n  - name: remind\n    \
    enter: case.dpd >= 1\n    approval: required\n    \
    steps: [{channel: sms, template: reminder, every: 3d, max: 3}]\n";

fn borrower() -> Option<v1::PartyRef> {
    Some(v1::PartyRef {
        r#ref: Some(v1::party_ref::Ref::LenderRef("B-1".into())),
    })
}

fn paper() -> v1::Evidence {
    v1::Evidence {
        reference: "scan-7".into(),
        sha256: "a".repeat(64),
    }
}

fn with_note<'a>(timeline: &'a [v1::TimelineEntry], note: &str) -> Vec<&'a v1::TimelineEntry> {
    timeline.iter().filter(|e| e.note == note).collect()
}

/// Nothing of the words is in the journal but sealed.
pub(super) async fn must_be_sealed(world: &World, words: &str) {
    let everything = recoup_store::JournalFilter::default();
    let journal = world.engine.store().journal(&everything, 0, usize::MAX);
    for recorded in journal.await.expect("the journal") {
        let mut entry = recorded.entry;
        entry.sealed = recoup_domain::sealed::Sealed::default();
        let text = serde_json::to_string(&entry).expect("JSON");
        assert!(!text.contains(words), "{text}");
    }
}

#[tokio::test]
async fn a_note_on_the_end_of_a_case_is_shown_to_who_may_see_people() {
    let world = World::new().await;
    world.with_policy().await;
    let case = world.case("L-1").await;
    let close = v1::CloseCaseRequest {
        request_id: "c1".into(),
        case_id: case.case_id.clone(),
        reason: v1::CloseReason::Withdrawn.into(),
        note: "his sister called".into(),
        ..v1::CloseCaseRequest::default()
    };
    world
        .cases()
        .close_case(of("ana", close))
        .await
        .expect("an end");
    let timeline = world.timeline("ana", &case.case_id).await;
    let told = with_note(&timeline, "his sister called");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].kind(), v1::EventKind::CaseClosed);
    let hidden = world.timeline("sue", &case.case_id).await;
    assert_eq!(hidden.len(), timeline.len());
    assert!(hidden.iter().all(|e| e.note.is_empty()), "{hidden:?}");
    must_be_sealed(&world, "sister").await;
}

#[tokio::test]
async fn a_wish_to_stop_holds_from_when_it_was_received() {
    let world = World::new().await;
    world.with_policy().await;
    let case = world.case("L-1").await;
    let mut borrowers = world.borrowers();
    let mut opt_out = v1::RecordOptOutRequest {
        request_id: "o1".into(),
        party: borrower(),
        scope: Some(v1::record_opt_out_request::Scope::Channel("sms".into())),
        received_via: "regulator".into(),
        received_time: Some(instant(1, 30)),
        ..v1::RecordOptOutRequest::default()
    };
    let done = borrowers.record_opt_out(of("ana", opt_out.clone())).await;
    let party = done.expect("an opt-out").into_inner().party;
    let kept = party.expect("a party").opt_outs.remove(0);
    assert_eq!(kept.received_time, Some(instant(1, 30)));
    assert_eq!(kept.received_via, "regulator");
    opt_out.request_id = "o2".into();
    opt_out.received_via = "Her brother wrote us".into();
    let sentence = borrowers.record_opt_out(of("ana", opt_out)).await;
    assert_eq!(reason(&sentence.expect_err("a sentence")), "FIELD_INVALID");
    let cease = v1::RecordCeaseRequest {
        request_id: "s1".into(),
        party: borrower(),
        written: true,
        received_time: Some(instant(0, 15)),
        evidence: Some(paper()),
        ..v1::RecordCeaseRequest::default()
    };
    let done = borrowers.record_cease(of("ana", cease.clone())).await;
    let party = done.expect("a demand").into_inner().party;
    let kept = &party.expect("a party").ceases[0];
    assert_eq!(kept.received_time, Some(instant(0, 15)));
    let ahead = v1::RecordCeaseRequest {
        request_id: "s2".into(),
        received_time: Some(instant(4, 0)),
        evidence: Some(v1::Evidence::default()),
        ..cease
    };
    let ahead = borrowers.record_cease(of("ana", ahead)).await;
    let details = ahead.expect_err("ahead of now").get_error_details();
    let fields = &details.bad_request().expect("fields").field_violations;
    let names: Vec<&str> = fields.iter().map(|f| f.field.as_str()).collect();
    assert_eq!(
        names,
        ["received_time", "evidence.reference", "evidence.sha256"]
    );
    let stops: Vec<_> = world.events("ana").await;
    let late = stops
        .iter()
        .filter(|e| e.kind() == v1::EventKind::StopRecorded);
    let late: Vec<_> = late.map(|e| (e.time, e.effective_time)).collect();
    let now = Some(instant(3, 0));
    assert_eq!(
        late,
        [(now, Some(instant(1, 30))), (now, Some(instant(0, 15)))]
    );
    let timeline = world.timeline("ana", &case.case_id).await;
    let proven: Vec<_> = timeline.iter().flat_map(|e| &e.evidence).collect();
    assert_eq!(proven, [&paper()]);
    let hidden = world.timeline("sue", &case.case_id).await;
    assert!(hidden.iter().all(|e| e.evidence.is_empty()));
    must_be_sealed(&world, "scan-7").await;
}

#[tokio::test]
async fn who_approves_calls_off_or_reports_a_contact_is_quoted() {
    let world = World::new().await;
    world.with(APPROVED).await;
    let case = world.case("L-1").await;
    world.run_dry().await;
    let mut contacts = world.contacts();
    let id = format!("{}-1", case.case_id.replacen("case_", "contact_", 1));
    let approve = v1::ApproveContactRequest {
        request_id: "y1".into(),
        contact_id: id.clone(),
        note: "she asked for it".into(),
    };
    let approved = contacts.approve_contact(of("ben", approve)).await;
    let approved = approved.expect("a second person").into_inner().contact;
    assert_eq!(
        approved.expect("a contact").approvals[0].note,
        "she asked for it"
    );
    world.run_dry().await;
    let report = v1::ReportOutcomeRequest {
        request_id: "q1".into(),
        contact_id: id.clone(),
        outcome: v1::Outcome::Delivered.into(),
        occurred_time: Some(instant(3, 0)),
        reporter: "the carrier's desk".into(),
        note: "by telephone".into(),
        evidence: vec![paper()],
        ..v1::ReportOutcomeRequest::default()
    };
    contacts
        .report_outcome(of("ana", report))
        .await
        .expect("a report");
    let get = |who| {
        let contact_id = id.clone();
        of(who, v1::GetContactRequest { contact_id })
    };
    let seen = contacts.get_contact(get("ana")).await.expect("a contact");
    let seen = seen.into_inner().contact.expect("a contact");
    assert_eq!(seen.state(), v1::ContactState::Effected);
    assert_eq!(seen.approvals[0].note, "she asked for it");
    assert_eq!(seen.evidence, [paper()]);
    let hidden = contacts.get_contact(get("sue")).await.expect("a contact");
    let hidden = hidden.into_inner().contact.expect("a contact");
    assert_eq!(
        (hidden.approvals[0].note.as_str(), hidden.evidence.len()),
        ("", 0)
    );
    let timeline = world.timeline("ana", &case.case_id).await;
    let report = with_note(&timeline, "by telephone");
    assert_eq!(report.len(), 1);
    assert_eq!(report[0].reporter, "the carrier's desk");
    assert_eq!(with_note(&timeline, "she asked for it").len(), 1);
    must_be_sealed(&world, "she asked").await;
    must_be_sealed(&world, "by telephone").await;
}

#[tokio::test]
async fn a_contact_called_off_says_why() {
    let world = World::new().await;
    world.with(APPROVED).await;
    let case = world.case("L-1").await;
    world.run_dry().await;
    let cancel = v1::CancelContactRequest {
        request_id: "x1".into(),
        contact_id: format!("{}-1", case.case_id.replacen("case_", "contact_", 1)),
        reason: "he is in hospital".into(),
    };
    let done = world.contacts().cancel_contact(of("ana", cancel)).await;
    let contact = done.expect("a cancel").into_inner().contact;
    let contact = contact.expect("a contact");
    assert_eq!(contact.state(), v1::ContactState::Cancelled);
    assert_eq!(contact.reason, "he is in hospital");
    let timeline = world.timeline("ana", &case.case_id).await;
    assert_eq!(with_note(&timeline, "he is in hospital").len(), 1);
    must_be_sealed(&world, "hospital").await;
}

#[tokio::test]
async fn a_policy_shows_what_was_written_when_it_was_activated() {
    let world = World::new().await;
    let active = world.with(POLICY).await;
    assert_eq!(active.activate_note, "agreed in the risk round");
    let get = v1::GetPolicyRequest {
        r#ref: Some(v1::get_policy_request::Ref::PolicyId(active.policy_id)),
        version: None,
    };
    let read = world.policies().get_policy(of("sue", get)).await;
    let read = read.expect("a policy").into_inner().policy;
    assert_eq!(
        read.expect("a policy").activate_note,
        "agreed in the risk round"
    );
}
