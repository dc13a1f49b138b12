//! Overrides on a real store: two people lift a presumption, cases that slept on it wake, and its end holds.

mod support;

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use recoup_channel::ChannelError;
use recoup_domain::CaseEvent;
use recoup_domain::Outcome;
use recoup_domain::case::WorklistReason;
use recoup_domain::contact::{Contact, ContactClass, ContactState};
use recoup_domain::ids::{CaseId, OverrideId, TenantId};
use recoup_domain::journal::What;
use recoup_domain::overrides::OverrideState;
use recoup_engine::CommandError;
use recoup_engine::commands::{CaseName, HandInput, OverrideInput, OverrideView, ResolutionInput};
use recoup_engine::explain::Tongue;
use recoup_engine::types::{Answered, Caller, Report};
use recoup_store::ContactFilter;
use support::{Rig, at};

const NIGHT: &str = "CN-GBT45251-TIME";
const FREQ3: &str = "CN-GBT45251-FREQ3";

fn asked(rule: &str, case: Option<CaseId>, until: Timestamp) -> OverrideInput {
    OverrideInput {
        rule: rule.into(),
        case,
        reason: "the borrower works nights and asked for it".into(),
        until,
    }
}

fn now(done: Answered<OverrideView>) -> OverrideView {
    match done {
        Answered::Now(view) => view,
        Answered::Before(_) => panic!("no request id was given"),
    }
}

async fn propose(rig: &Rig, input: OverrideInput) -> OverrideId {
    let ana = rig.as_of("ana");
    let done = rig.engine.propose_override(&ana, input, &|_| vec![]).await;
    now(done.unwrap()).row.id
}

async fn approve(rig: &Rig, who: &Caller, id: OverrideId) -> Result<OverrideView, CommandError> {
    let note = String::new();
    let done = rig
        .engine
        .approve_override(who, id, note, &|_| vec![])
        .await;
    done.map(now)
}

async fn lift(rig: &Rig, rule: &str, case: Option<CaseId>, until: Timestamp) -> OverrideId {
    let id = propose(rig, asked(rule, case, until)).await;
    approve(rig, &rig.as_of("ben"), id).await.unwrap();
    id
}

async fn revoke(rig: &Rig, id: OverrideId) {
    let ana = rig.as_of("ana");
    let reason = "she asked to be left alone at night".to_owned();
    let done = rig
        .engine
        .revoke_override(&ana, id, reason, &|_| vec![])
        .await;
    assert_eq!(now(done.unwrap()).state, OverrideState::Revoked);
}

async fn contacts(rig: &Rig, case: CaseId) -> Vec<Contact> {
    let filter = ContactFilter {
        case: Some(case),
        ..Default::default()
    };
    let page = rig.engine.contacts(&rig.tenant, &filter, None, 100).await;
    page.unwrap().rows.into_iter().map(|v| v.contact).collect()
}

async fn lines(rig: &Rig, case: CaseId) -> String {
    rig.engine
        .explain(&rig.tenant, case)
        .await
        .unwrap()
        .words(Tongue::English)
        .join("\n")
}

/// Five in the evening of the first in UTC is one at night in Shanghai; texts begin at eight.
const ONE_AT_NIGHT: &str = "2026-03-01T17:00:00Z";
const EIGHT: &str = "2026-03-02T00:00:00Z";

#[tokio::test]
async fn what_slept_on_a_presumption_goes_once_two_people_lift_it() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at(ONE_AT_NIGHT)).await;
    assert_eq!(rig.sent(ContactClass::Sms), []);
    let until = at("2026-03-01T20:00:00Z");
    let id = propose(&rig, asked(NIGHT, None, until)).await;
    rig.run_until(at(ONE_AT_NIGHT)).await;
    assert_eq!(rig.sent(ContactClass::Sms), [], "nobody approved it");
    let own = approve(&rig, &rig.as_of("ana"), id).await;
    assert!(
        matches!(own, Err(CommandError::SamePerson { .. })),
        "{own:?}"
    );
    let view = approve(&rig, &rig.as_of("ben"), id).await.unwrap();
    assert_eq!(view.state, OverrideState::Active);
    let explained = rig.engine.explain(&rig.tenant, case).await.unwrap();
    assert!(
        explained
            .overrides
            .iter()
            .all(|(lift, used)| lift.id == id && *used)
    );
    assert_eq!(explained.overrides.len(), 1);
    rig.run_until(at(ONE_AT_NIGHT)).await;
    assert_eq!(rig.sent(ContactClass::Sms), [at(ONE_AT_NIGHT)]);
    let said = lines(&rig, case).await;
    assert!(
        said.contains(&format!("{NIGHT} is lifted by {id} until")),
        "{said}"
    );
    // What was decided stays on record, also after the end.
    let record = |c: &Contact| c.decision.clone().unwrap();
    let decision = record(&contacts(&rig, case).await[0]);
    assert!(!decision.permitted_by.contains(&NIGHT.to_owned()));
    assert_eq!(decision.lifted.len(), 1);
    assert_eq!(
        (decision.lifted[0].id, decision.lifted[0].until),
        (id, until)
    );
    // A loan that comes in later goes under it too, one after its end does not.
    rig.open_case("2", date(2026, 3, 1)).await;
    rig.run_until(at(ONE_AT_NIGHT)).await;
    assert_eq!(rig.sent(ContactClass::Sms).len(), 2);
    rig.run_until(at("2026-03-01T19:45:00Z")).await;
    rig.open_case("3", date(2026, 3, 1)).await;
    rig.run_until(at("2026-03-01T23:59:00Z")).await;
    assert_eq!(
        rig.sent(ContactClass::Sms).len(),
        2,
        "its half hour ends after the override"
    );
    rig.run_until(at(EIGHT)).await;
    assert_eq!(rig.sent(ContactClass::Sms).last(), Some(&at(EIGHT)));
    assert_eq!(record(&contacts(&rig, case).await[0]), decision);
    let gone = approve(&rig, &rig.as_of("ben"), id).await;
    assert!(
        matches!(
            gone,
            Err(CommandError::NotFound {
                what: "override",
                ..
            })
        ),
        "{gone:?}"
    );
}

#[tokio::test]
async fn an_override_of_one_case_is_none_of_another_and_ends_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let one = rig.open_case("1", date(2026, 3, 1)).await;
    let other = rig.open_case("2", date(2026, 3, 1)).await;
    rig.run_until(at(ONE_AT_NIGHT)).await;
    let until = at("2026-03-20T00:00:00Z");
    let id = lift(&rig, NIGHT, Some(one), until).await;
    rig.run_until(at("2026-03-01T17:05:00Z")).await;
    assert_eq!(contacts(&rig, one).await.len(), 1);
    assert_eq!(contacts(&rig, other).await, []);
    // The text is with its carrier, and its half hour still runs: nothing can call it off, and nobody need look.
    revoke(&rig, id).await;
    rig.run_until(at("2026-03-01T17:05:00Z")).await;
    let text = contacts(&rig, one).await.remove(0);
    assert_eq!(text.state, ContactState::Accepted);
    assert!(text.beyond_recall, "a text cannot be called back");
    let case = rig
        .engine
        .case(&rig.tenant, &recoup_engine::commands::CaseName::Id(one))
        .await;
    assert_eq!(case.unwrap().case.worklist, None);
    // The timeline says who, and why with it.
    let page = rig.engine.timeline(&rig.tenant, one, 0, 100).await.unwrap();
    let told: Vec<_> = page
        .rows
        .iter()
        .filter(|r| matches!(r.what, What::Override { .. }))
        .collect();
    let kinds: Vec<(&str, &str)> = told.iter().map(|r| (&*r.kind, &*r.actor)).collect();
    assert_eq!(
        kinds,
        [
            ("override_proposed", "ana"),
            ("override_approved", "ben"),
            ("override_revoked", "ana")
        ]
    );
    let why = told[0].beside.clone().unwrap().note;
    assert!(why.contains("works nights"), "{why}");
    let other = rig
        .engine
        .timeline(&rig.tenant, other, 0, 100)
        .await
        .unwrap();
    assert!(
        !other
            .rows
            .iter()
            .any(|r| matches!(r.what, What::Override { .. }))
    );
}

#[tokio::test]
async fn a_revocation_reaches_what_is_accepted_and_what_is_in_flight() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let accepted = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at(ONE_AT_NIGHT)).await;
    let id = lift(&rig, NIGHT, None, at("2026-03-20T00:00:00Z")).await;
    rig.run_until(at("2026-03-01T17:01:00Z")).await;
    assert_eq!(
        contacts(&rig, accepted).await[0].state,
        ContactState::Accepted
    );
    // Another text is on its way to the channel when the override ends.
    let hold = rig.channel(ContactClass::Sms).hold();
    let flying = rig.open_case("2", date(2026, 3, 1)).await;
    let engine = rig.engine.clone();
    let running =
        tokio::spawn(async move { recoup_engine::stepped::Ground::run_dry(&engine).await });
    hold.reached().await;
    revoke(&rig, id).await;
    hold.release();
    running.await.unwrap().unwrap();
    rig.run_until(at("2026-03-01T17:02:00Z")).await;
    for case in [accepted, flying] {
        let text = contacts(&rig, case).await.remove(0);
        let told = (text.state, text.beyond_recall);
        assert_eq!(told, (ContactState::Accepted, true), "{case}");
    }
    // Nothing goes under it any more, also not for a loan that is new.
    let late = rig.open_case("3", date(2026, 3, 1)).await;
    rig.run_until(at("2026-03-01T23:59:00Z")).await;
    assert_eq!(contacts(&rig, late).await, []);
    rig.run_until(at(EIGHT)).await;
    assert_eq!(contacts(&rig, late).await.len(), 1);
}

async fn worklist(rig: &Rig, case: CaseId) -> Option<String> {
    let view = rig.engine.case(&rig.tenant, &CaseName::Id(case)).await;
    view.unwrap().case.worklist.map(|reason| reason.to_string())
}

/// How many times something happened to the case.
async fn happened(rig: &Rig, case: CaseId, what: impl Fn(&CaseEvent) -> bool) -> usize {
    let page = rig.engine.timeline(&rig.tenant, case, 0, 1_000).await;
    let rows = page.unwrap().rows;
    let is = |w: &What| matches!(w, What::Case { event, .. } if what(event));
    rows.iter().filter(|r| is(&r.what)).count()
}

#[tokio::test]
async fn a_doubt_after_a_revocation_is_put_before_a_person_once() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at(ONE_AT_NIGHT)).await;
    let id = lift(&rig, NIGHT, None, at("2026-03-20T00:00:00Z")).await;
    *rig.channel(ContactClass::Sms).answer.lock().unwrap() = Err(ChannelError::unknown("cut"));
    rig.run_until(at("2026-03-01T17:01:00Z")).await;
    assert_eq!(contacts(&rig, case).await[0].state, ContactState::Unknown);
    assert_eq!(worklist(&rig, case).await, None, "the override stands");
    revoke(&rig, id).await;
    let listed = |e: &CaseEvent| matches!(e, CaseEvent::WorklistChanged { .. });
    for _ in 0..3 {
        // Goes on for ever where the case spins.
        rig.run_until(at("2026-03-01T17:02:00Z")).await;
        let told = worklist(&rig, case).await.unwrap_or_default();
        assert!(told.contains("may be on its way"), "{told}");
        assert_eq!(happened(&rig, case, listed).await, 1);
        let other = lift(&rig, NIGHT, None, at("2026-03-01T18:00:00Z")).await;
        revoke(&rig, other).await;
    }
}

#[tokio::test]
async fn what_turns_out_to_be_sent_under_a_revoked_override_is_called_off() {
    for revoked in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
        let case = rig.open_case("1", date(2026, 3, 1)).await;
        rig.run_until(at(ONE_AT_NIGHT)).await;
        let id = lift(&rig, NIGHT, Some(case), at("2026-03-20T00:00:00Z")).await;
        *rig.channel(ContactClass::Sms).answer.lock().unwrap() = Err(ChannelError::unknown("cut"));
        rig.run_until(at("2026-03-01T17:01:00Z")).await;
        let text = contacts(&rig, case).await.remove(0);
        assert_eq!(text.state, ContactState::Unknown);
        if revoked {
            revoke(&rig, id).await;
        }
        let told = worklist(&rig, case).await.unwrap_or_default();
        assert_eq!(told.contains("may be on its way"), revoked, "{told}");
        let evidence = ResolutionInput {
            accepted: true,
            evidence: ("the carrier's list".into(), "a".repeat(64)),
            reason: "it is on their list".into(),
        };
        let ben = rig.as_of("ben");
        let settled = rig
            .engine
            .resolve_unknown(&ben, text.id, evidence, &|_| vec![]);
        settled.await.unwrap();
        // As far as a text can be called back.
        let text = contacts(&rig, case).await.remove(0);
        let told = (text.state, text.beyond_recall);
        assert_eq!(told, (ContactState::Accepted, revoked));
        assert_eq!(worklist(&rig, case).await, None);
    }
}

async fn call(rig: &Rig, case: CaseId) -> Result<Contact, CommandError> {
    let input = HandInput {
        case,
        class: ContactClass::Phone,
        template: "first_call".into(),
        party: None,
        point: None,
        at: None,
        reason: "asked to be called".into(),
    };
    let ana = rig.as_of("ana");
    let done = rig.engine.request_contact(&ana, input, &|_| vec![]).await?;
    let Answered::Now(view) = done else {
        panic!("no request id was given")
    };
    rig.engine.activity().until_quiet().await;
    Ok(view.contact)
}

async fn talk(rig: &Rig, case: CaseId) {
    let contact = call(rig, case).await.unwrap();
    let report = Report {
        contact: contact.id,
        outcome: Outcome::Conversation,
        at: None,
        reporter: "li".into(),
        note: String::new(),
        evidence: vec![],
        collectors: vec![],
    };
    let ana = rig.as_of("ana");
    rig.engine
        .report_outcome(&ana, report, &|_| vec![])
        .await
        .unwrap();
}

/// Whether a call by hand is denied, by the rule alone, and from when it would be permitted.
async fn denied(rig: &Rig, case: CaseId) -> Option<Timestamp> {
    match call(rig, case).await {
        Err(CommandError::Denied { reasons, earliest }) => {
            assert!(
                reasons.len() == 1 && reasons[0].starts_with(FREQ3),
                "{reasons:?}"
            );
            earliest
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_fourth_talk_of_a_day_needs_an_override_in_force() {
    let dir = tempfile::tempdir().unwrap();
    // Ten in the morning in Shanghai.
    let rig = Rig::new(dir.path(), at("2026-03-01T02:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 12, 1)).await;
    for _ in 0..3 {
        talk(&rig, case).await;
    }
    let tomorrow = Some(at("2026-03-02T00:00:00Z"));
    assert_eq!(
        denied(&rig, case).await,
        Some(at("2026-03-01T16:00:00Z")).max(tomorrow)
    );
    let day = |hours| at("2026-03-01T02:00:00Z") + SignedDuration::from_hours(hours);
    let id = lift(&rig, FREQ3, Some(case), day(2)).await;
    let contact = call(&rig, case).await.unwrap();
    assert_eq!(contact.decision.unwrap().lifted[0].id, id);
    revoke(&rig, id).await;
    assert_eq!(denied(&rig, case).await, tomorrow);
    // A second one, until noon: half an hour before its end the call may begin, and no later.
    lift(&rig, FREQ3, None, day(2)).await;
    rig.wall.advance(day(2) - SignedDuration::from_mins(29));
    assert_eq!(denied(&rig, case).await, tomorrow);
}

#[tokio::test]
async fn what_nobody_may_override_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let ana = rig.as_of("ana");
    let until = at("2026-03-02T00:00:00Z");
    let ask = async |who: &Caller, input| {
        let done = rig.engine.propose_override(who, input, &|_| vec![]).await;
        done.err().map_or("taken".to_owned(), |e| format!("{e:?}"))
    };
    for (rule, expected) in [
        ("HOUSE-DAILY", "RuleNotOverridable"),
        ("CN-CBA2026-ATT6", "RuleNotOverridable"),
        ("NO-SUCH-RULE", "RuleUnknown"),
        (FREQ3, "taken"),
    ] {
        let said = ask(&ana, asked(rule, None, until)).await;
        assert!(said.starts_with(expected), "{rule}: {said}");
    }
    // Of now on, and not for ever.
    for until in ["2026-03-01T00:00:00Z", "2027-03-02T00:00:01Z"] {
        let said = ask(&ana, asked(FREQ3, None, at(until))).await;
        assert!(said.starts_with("Invalid"), "{said}");
    }
    let nobodys = CaseId::from_bytes([9; 16]);
    let said = ask(&ana, asked(FREQ3, Some(nobodys), until)).await;
    assert!(said.starts_with("NotFound"), "{said}");
    // Tenants are walls.
    let id = propose(&rig, asked(FREQ3, None, until)).await;
    let strange = Caller {
        tenant: TenantId::new("other").unwrap(),
        ..rig.as_of("ben")
    };
    let said = approve(&rig, &strange, id).await;
    assert!(
        matches!(
            said,
            Err(CommandError::NotFound {
                what: "override",
                ..
            })
        ),
        "{said:?}"
    );
    assert_eq!(
        rig.engine.overrides(&strange.tenant).await.unwrap().len(),
        0
    );
    let all = rig.engine.overrides(&rig.tenant).await.unwrap();
    assert_eq!(all.len(), 2);
    assert!(all[0].plain.reason.contains("works nights"));
    // Said twice, done once.
    let again = rig.requesting("ben", "approve-1", b"1");
    let twice = |encode| {
        rig.engine
            .approve_override(&again, id, String::new(), encode)
    };
    assert!(matches!(
        twice(&|_| b"yes".to_vec()).await,
        Ok(Answered::Now(_))
    ));
    let before = twice(&|_| b"no".to_vec()).await.unwrap().into_before();
    assert_eq!(before, Some(b"yes".to_vec()));
    // An override that nobody approved can be ended too.
    revoke(&rig, all[0].row.id).await;
    let ended = approve(&rig, &rig.as_of("ben"), all[0].row.id).await;
    assert!(ended.is_err(), "{ended:?}");
}

/// A loan in Texas whose text was passed over for good, for nobody agreed to texts.
async fn passed_over(rig: &Rig) -> CaseId {
    let mut input = support::case_input("1", date(2026, 2, 25));
    input.jurisdiction = "US-TX".into();
    if let recoup_engine::types::PartyName::Told(told) = &mut input.borrower {
        told.regions = vec!["US-TX".into()];
    }
    let ana = rig.as_of("ana");
    let opened = rig.engine.open_case(&ana, input, &|_| vec![]).await;
    let Answered::Now(view) = opened.unwrap() else {
        panic!("no request id was given")
    };
    rig.run_until(at("2026-03-01T16:00:00Z")).await;
    assert_eq!(skipped(rig, view.case.id).await, 1);
    assert_eq!(rig.sent(ContactClass::Sms).len(), 0);
    let ruled_out = |e: &CaseEvent| {
        let CaseEvent::WorklistChanged { reason } = e else {
            return false;
        };
        matches!(reason, Some(WorklistReason::NeverMade { .. }))
    };
    assert_eq!(happened(rig, view.case.id, ruled_out).await, 1);
    // The ladder goes on with calls: nobody need do anything.
    assert_eq!(worklist(rig, view.case.id).await, None);
    view.case.id
}

async fn skipped(rig: &Rig, case: CaseId) -> usize {
    let skip = |e: &CaseEvent| matches!(e, CaseEvent::StepSkipped { .. });
    happened(rig, case, skip).await
}

const TEXTS: &str = "US-REGF-1006.6d5";

#[tokio::test]
async fn steps_that_a_presumption_ruled_out_for_good_are_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::with_packs(dir.path(), at("2026-03-01T16:00:00Z"), &[TEXTS]).await;
    let case = passed_over(&rig).await;
    lift(&rig, TEXTS, None, at("2026-03-02T16:00:00Z")).await;
    rig.run_until(at("2026-03-01T18:00:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Sms).len(), 1);
    assert_eq!(skipped(&rig, case).await, 1);
    assert_eq!(worklist(&rig, case).await, None);
}

#[tokio::test]
async fn what_a_person_must_read_stays_before_them_when_steps_are_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::with_packs(dir.path(), at("2026-03-01T16:00:00Z"), &[TEXTS]).await;
    let case = passed_over(&rig).await;
    rig.reply("+8613800000001", "I was in hospital, please ring my sister")
        .await;
    let told = worklist(&rig, case).await.unwrap();
    assert!(told.contains("wrote back"), "{told}");
    lift(&rig, TEXTS, None, at("2026-03-02T16:00:00Z")).await;
    rig.run_until(at("2026-03-01T18:00:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Sms).len(), 1);
    assert_eq!(worklist(&rig, case).await, Some(told));
}

async fn held_call(rig: &Rig, loan: &str) -> (CaseId, Contact) {
    let case = rig.open_case(loan, date(2026, 3, 1)).await;
    let made = call(rig, case).await.unwrap();
    let hold = recoup_engine::commands::HoldInput {
        reason: "a word with the lawyer".into(),
        until: None,
    };
    let ana = rig.as_of("ana");
    let held = rig.engine.hold_case(&ana, case, hold, &|_| vec![]);
    held.await.unwrap();
    let mut all = contacts(rig, case).await;
    all.retain(|c| c.id == made.id);
    (case, all.remove(0))
}

/// A call that may still ring lies ahead: its channel cannot call it off, so a person hears of it, and proof settles it.
#[tokio::test]
async fn what_may_not_have_been_called_off_is_settled_by_proof_alone() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T02:00:00Z")).await;
    let proof = || ("their log".to_owned(), "a".repeat(64));
    for (n, accepted, state) in [
        (1, false, ContactState::Cancelled),
        (2, true, ContactState::Accepted),
    ] {
        let (case, made) = held_call(&rig, &n.to_string()).await;
        assert_eq!(made.state, ContactState::CancelUnknown);
        assert!(worklist(&rig, case).await.is_some());
        let report = |evidence| Report {
            contact: made.id,
            outcome: Outcome::NoAnswer,
            at: None,
            reporter: "li".into(),
            note: String::new(),
            evidence,
            collectors: vec![],
        };
        let ana = rig.as_of("ana");
        let word = rig
            .engine
            .report_outcome(&ana, report(vec![]), &|_| vec![])
            .await;
        assert!(
            matches!(&word, Err(CommandError::Invalid(v)) if v[0].field == "evidence"),
            "{word:?}"
        );
        let resolution = ResolutionInput {
            accepted,
            evidence: proof(),
            reason: "in their log".into(),
        };
        let ben = rig.as_of("ben");
        let settled = rig
            .engine
            .resolve_unknown(&ben, made.id, resolution, &|_| vec![]);
        settled.await.unwrap();
        assert_eq!(contacts(&rig, case).await[0].state, state);
        assert_eq!(worklist(&rig, case).await, None);
    }
}

#[tokio::test]
async fn a_rule_that_does_not_bind_a_case_reopens_none_of_its_steps() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::with_packs(dir.path(), at("2026-03-01T16:00:00Z"), &[TEXTS]).await;
    let case = passed_over(&rig).await;
    let asked_again =
        async || happened(&rig, case, |e| matches!(e, CaseEvent::StepsReopened)).await;
    // China's hours are none of a loan in Texas.
    lift(&rig, NIGHT, None, at("2026-03-02T16:00:00Z")).await;
    rig.run_until(at("2026-03-01T18:00:00Z")).await;
    assert_eq!(asked_again().await, 0);
    lift(&rig, TEXTS, None, at("2026-03-02T16:00:00Z")).await;
    rig.run_until(at("2026-03-01T19:00:00Z")).await;
    assert_eq!(asked_again().await, 1);
}

#[tokio::test]
async fn a_decision_under_an_override_is_taken_again_under_it_though_it_was_revoked_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at(ONE_AT_NIGHT)).await;
    let until = at("2026-03-01T20:00:00Z");
    let id = propose(&rig, asked(NIGHT, None, until)).await;
    approve(&rig, &rig.as_of("ben"), id).await.unwrap();
    rig.run_until(at(ONE_AT_NIGHT)).await;
    assert_eq!(rig.sent(ContactClass::Sms), [at(ONE_AT_NIGHT)]);
    let replayed = async || {
        let (tell, mut told) = tokio::sync::mpsc::channel(16);
        let (from, to) = (at("2026-03-01T00:00:00Z"), at("2026-03-02T00:00:00Z"));
        let count = rig
            .engine
            .replay(&rig.tenant, from, to, tell)
            .await
            .unwrap();
        let difference = told.recv().await;
        assert_eq!(difference, None);
        (count.decisions, count.same)
    };
    assert_eq!(replayed().await, (1, 1));
    // The clock stands still: the revocation has the instant of the decision, and comes after it.
    revoke(&rig, id).await;
    assert_eq!(replayed().await, (1, 1));
}
