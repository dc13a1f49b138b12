//! Running cases go on under another version on a real store: as it was told before, with what was made, once each.

mod support;

use jiff::civil::date;
use recoup_domain::case::{CloseReason, WorklistReason};
use recoup_domain::contact::{Contact, ContactClass, ContactState};
use recoup_domain::ids::{CaseId, ContactId};
use recoup_domain::journal::{What, apply_to_case};
use recoup_domain::{Case, CaseEvent};
use recoup_engine::CommandError;
use recoup_engine::commands::{
    CaseName, CloseInput, HoldInput, Migration, MigrationInput, Obstacle,
};
use recoup_engine::explain::Tongue;
use recoup_engine::types::{Answered, CaseView};
use recoup_store::ContactFilter;
use support::{POLICY, Rig, at};

/// The numbers of all stages moved up by one, the first has another name, calls are fewer.
fn second() -> String {
    let soon = "stages:\n  - name: soon\n    enter: case.dpd >= 0\n    steps: [{channel: sms, template: \
                reminder, max: 1}]\n";
    POLICY
        .replace("stages:\n", soon)
        .replace("name: remind\n", "name: nudge\n")
        .replace("exhausted(\"remind\")", "exhausted(\"nudge\")")
        .replace("max: 10", "max: 4")
}

/// Nobody is visited any more.
fn without_visits() -> String {
    let (before, rest) = POLICY.split_once("  - name: visit\n").unwrap();
    let (_, after) = rest.split_once("  - name: legal\n").unwrap();
    format!("{before}  - name: legal\n{after}")
}

/// Stores a version; somebody else activates it, unless nobody shall.
async fn store(rig: &Rig, text: &str, active: bool) -> (String, u32) {
    let ana = rig.as_of("ana");
    let created = rig.engine.create_policy(&ana, text.into(), &|_| vec![]);
    let Answered::Now(created) = created.await.unwrap() else {
        panic!("created before")
    };
    let stored = created.policy.stored;
    let (name, version) = (stored.name, stored.version);
    if active {
        let ben = rig.as_of("ben");
        let done = rig
            .engine
            .activate_policy(&ben, &name, version, String::new(), &|_| vec![]);
        done.await.unwrap();
    }
    (name, version)
}

fn to(version: &(String, u32)) -> MigrationInput {
    MigrationInput {
        from: ("cn-microloan".into(), 1),
        to: version.clone(),
        reason: "fewer calls".into(),
        stages: vec![("remind".into(), "nudge".into())],
        tags: vec![],
        cases: vec![],
        after: None,
        limit: 100,
    }
}

async fn migrate(rig: &Rig, input: &MigrationInput) -> Result<Migration, CommandError> {
    let cara = rig.as_of("cara");
    let done = rig.engine.migrate_cases(&cara, input, &|_| vec![]).await?;
    let Answered::Now(migration) = done else {
        panic!("no request id was given")
    };
    Ok(migration)
}

async fn view(rig: &Rig, case: CaseId) -> CaseView {
    let view = rig.engine.case(&rig.tenant, &CaseName::Id(case)).await;
    view.unwrap()
}

async fn contacts(rig: &Rig, case: CaseId) -> Vec<Contact> {
    let filter = ContactFilter {
        case: Some(case),
        ..ContactFilter::default()
    };
    let page = rig.engine.contacts(&rig.tenant, &filter, None, 1_000).await;
    page.unwrap().rows.into_iter().map(|v| v.contact).collect()
}

/// The contacts of one kind, and where they stand.
async fn states(rig: &Rig, case: CaseId, class: ContactClass) -> Vec<ContactState> {
    let all = contacts(rig, case).await.into_iter();
    let own = all.filter(|c| c.class == class);
    own.map(|c| c.state).collect()
}

/// The journal of a case.
async fn history(rig: &Rig, case: CaseId) -> Vec<(String, What, String)> {
    let page = rig.engine.timeline(&rig.tenant, case, 0, 10_000).await;
    let rows = page.unwrap().rows.into_iter();
    rows.map(|r| (r.actor, r.what, r.summary)).collect()
}

async fn moves(rig: &Rig, case: CaseId) -> Vec<String> {
    let all = history(rig, case).await.into_iter();
    let moved = |what: &What| {
        let What::Case { event, .. } = what else {
            return false;
        };
        matches!(event, CaseEvent::PolicyMoved(_))
    };
    let own = all.filter(|(_, what, _)| moved(what));
    own.map(|(actor, _, words)| format!("{actor}: {words}"))
        .collect()
}

/// A case is what its journal makes of it.
async fn must_fold(rig: &Rig, id: CaseId) {
    // What carriers say to what was called off comes by itself.
    rig.engine.activity().until_quiet().await;
    let page = rig.engine.timeline(&rig.tenant, id, 0, 10_000).await;
    let mut folded: Option<Case> = None;
    for row in page.unwrap().rows {
        match (&mut folded, &row.what) {
            (
                None,
                What::Case {
                    event: CaseEvent::Opened(opened),
                    ..
                },
            ) => folded = Some((**opened).clone()),
            (Some(case), what) => apply_to_case(case, what, row.at),
            (None, _) => {}
        }
    }
    assert_eq!(folded, Some(view(rig, id).await.case));
}

#[tokio::test]
async fn what_was_made_counts_on_and_who_is_not_moved_stays() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let moved = rig.open_case("1", date(2026, 3, 1)).await;
    let stays = rig.open_case("2", date(2026, 3, 1)).await;
    rig.run_until(at("2026-03-10T12:00:00Z")).await;
    assert_eq!(states(&rig, moved, ContactClass::Phone).await.len(), 6);
    let version = store(&rig, &second(), true).await;
    // Activation alone moves nobody.
    for case in [moved, stays] {
        assert_eq!(view(&rig, case).await.case.policy.unwrap().version, 1);
    }
    let input = MigrationInput {
        cases: vec![moved],
        ..to(&version)
    };
    let cara = rig.as_of("cara");
    let position = view(&rig, moved).await.case.version;
    let told = rig.engine.rehearse_migration(&cara, &input).await.unwrap();
    assert_eq!(
        view(&rig, moved).await.case.version,
        position,
        "written in a rehearsal"
    );
    let done = migrate(&rig, &input).await.unwrap();
    for m in [&told, &done] {
        assert_eq!(
            (m.cases, m.moved(), m.due_now, m.dropped, m.recalled),
            (1, 1, 0, 0, 0)
        );
        // Six calls were made, four may be.
        assert_eq!((m.used_up.cases, &*m.used_up.examples), (1, &[moved][..]));
        let ways: Vec<_> = m
            .moves
            .iter()
            .map(|((a, b), n)| (&**a, &**b, n.cases))
            .collect();
        assert_eq!(ways, [("call", "call", 1)]);
        assert_eq!(m.stages[0], ("remind".into(), "nudge".into()));
        assert_eq!(m.unnamed, [], "it is named");
    }
    let now = view(&rig, moved).await;
    let pin = now.case.policy.clone().unwrap();
    assert_eq!(
        (pin.version, &*pin.arm, &*now.stage),
        (2, "champion", "call")
    );
    assert_eq!(
        moves(&rig, moved).await,
        [
            "cara: goes on under cn-microloan@2, before under cn-microloan@1; it stood in stage `call`; steps by \
          stage and number: 1.1 is 2.1, 2.1 is 3.1"
        ]
    );
    let beside = rig.engine.timeline(&rig.tenant, moved, 0, 10_000).await;
    let mut notes = beside.unwrap().rows.into_iter().filter_map(|r| r.beside);
    assert!(notes.any(|b| b.note == "fewer calls"));
    let told = rig.engine.explain(&rig.tenant, moved).await.unwrap();
    assert_eq!(told.policy_since, at("2026-03-10T12:00:00Z"));
    assert_eq!((told.steps[0].made, told.steps[0].max), (6, 4));
    let line = "It runs under policy cn-microloan@2 since 2026-03-10T12:00:00Z; before, under cn-microloan@1.";
    let lines = told.words(Tongue::English);
    assert!(lines.iter().any(|l| l == line), "{lines:?}");
    // Six were made, four may be: none is made any more, and a person looks at it.
    rig.run_until(at("2026-03-20T12:00:00Z")).await;
    assert_eq!(states(&rig, moved, ContactClass::Phone).await.len(), 6);
    let stage = "call".to_owned();
    assert_eq!(
        view(&rig, moved).await.case.worklist,
        Some(WorklistReason::StepsUsedUp { stage })
    );
    assert_eq!(states(&rig, stays, ContactClass::Phone).await.len(), 10);
    must_fold(&rig, moved).await;
    must_fold(&rig, stays).await;
    // And a second move on top of the first: back, where ten may be made.
    let back = MigrationInput {
        from: version,
        to: ("cn-microloan".into(), 1),
        stages: vec![
            ("nudge".into(), "remind".into()),
            ("soon".into(), String::new()),
        ],
        ..to(&("cn-microloan".into(), 1))
    };
    assert_eq!(migrate(&rig, &back).await.unwrap().moved(), 1);
    rig.run_until(at("2026-03-29T12:00:00Z")).await;
    assert_eq!(states(&rig, moved, ContactClass::Phone).await.len(), 10);
    assert_eq!(states(&rig, moved, ContactClass::Sms).await.len(), 1);
    must_fold(&rig, moved).await;
}

#[tokio::test]
async fn who_may_not_go_stays_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let mut cases = Vec::new();
    for loan in ["1", "2", "3"] {
        cases.push(rig.open_case(loan, date(2026, 3, 1)).await);
    }
    rig.run_until(at("2026-03-02T12:00:00Z")).await;
    let close = CloseInput {
        reason: CloseReason::Withdrawn,
        note: String::new(),
        etag: None,
    };
    let ana = rig.as_of("ana");
    let closed = rig.engine.close_case(&ana, cases[2], close, &|_| vec![]);
    closed.await.unwrap();
    let draft = store(&rig, &second(), false).await;
    let refused = migrate(&rig, &to(&draft)).await;
    assert!(
        matches!(refused, Err(CommandError::NotActivated(_))),
        "{refused:?}"
    );
    let version = store(&rig, &second(), true).await;
    let own = rig
        .engine
        .migrate_cases(&ana, &to(&version), &|_| vec![])
        .await;
    assert!(
        matches!(own, Err(CommandError::SamePerson { .. })),
        "{own:?}"
    );
    let unnamed = MigrationInput {
        stages: vec![],
        ..to(&version)
    };
    let stay = migrate(&rig, &unnamed).await.unwrap();
    let obstacle = Obstacle::Stage {
        stage: "remind".into(),
        like: Some("nudge".into()),
    };
    assert_eq!((stay.cases, stay.moved()), (2, 0));
    assert_eq!(stay.left[&obstacle].cases, 2);
    assert_eq!(stay.unnamed, [("remind".to_owned(), "nudge".to_owned())]);
    for (wrong, field) in [
        (("remin", "nudge"), "stages[0].from_stage"),
        (("remind", "remind"), "stages[0].to_stage"),
    ] {
        let input = MigrationInput {
            stages: vec![(wrong.0.into(), wrong.1.into())],
            ..to(&version)
        };
        let Err(CommandError::Invalid(violations)) = migrate(&rig, &input).await else {
            panic!("{wrong:?} is taken")
        };
        assert_eq!(violations[0].field, field);
    }
    let dollars = POLICY.replace("overdue_in(\"CNY\")", "overdue_in(\"USD\")");
    let dollars = store(&rig, &dollars, true).await;
    let stay = MigrationInput {
        stages: vec![],
        ..to(&dollars)
    };
    let stay = migrate(&rig, &stay).await.unwrap();
    assert_eq!(stay.left[&Obstacle::Currency("USD".into())].cases, 2);
    // Named one by one, closed and moved ones say so too.
    let some = MigrationInput {
        cases: vec![cases[0], cases[2]],
        ..to(&version)
    };
    let done = migrate(&rig, &some).await.unwrap();
    assert_eq!((done.moved(), done.left[&Obstacle::Closed].cases), (1, 1));
    let again = migrate(&rig, &some).await.unwrap();
    assert_eq!(
        (again.moved(), again.left[&Obstacle::Version].cases),
        (0, 1)
    );
    let nobody = MigrationInput {
        cases: vec![CaseId::from_bytes([9; 16])],
        ..to(&version)
    };
    let refused = migrate(&rig, &nobody).await;
    assert!(matches!(
        refused,
        Err(CommandError::NotFound { what: "case", .. })
    ));
    let tagged = MigrationInput {
        tags: vec!["vip".into()],
        ..to(&version)
    };
    assert_eq!(migrate(&rig, &tagged).await.unwrap().cases, 0);
    assert_eq!(moves(&rig, cases[0]).await.len(), 1);
    assert_eq!(moves(&rig, cases[1]).await, [""; 0]);
}

#[tokio::test]
async fn page_by_page_over_a_break_and_each_once() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let mut cases = Vec::new();
    for loan in 1..=5 {
        cases.push(rig.open_case(&loan.to_string(), date(2026, 3, 1)).await);
    }
    rig.run_until(at("2026-03-02T12:00:00Z")).await;
    let hold = HoldInput {
        reason: "asked".into(),
        until: None,
    };
    let ana = rig.as_of("ana");
    let held = rig.engine.hold_case(&ana, cases[4], hold, &|_| vec![]);
    held.await.unwrap();
    let version = store(&rig, &second(), true).await;
    let input = MigrationInput {
        limit: 2,
        ..to(&version)
    };
    let mut in_order = cases.clone();
    in_order.sort();
    let encode = |m: &Migration| vec![m.moved() as u8];
    let page = rig.requesting("cara", "m-1", b"1");
    let first = rig
        .engine
        .migrate_cases(&page, &input, &encode)
        .await
        .unwrap();
    let Answered::Now(first) = first else {
        panic!("answered before")
    };
    assert_eq!(
        (first.cases, first.moved(), first.next),
        (2, 2, Some(in_order[1]))
    );
    // The same request once more, as a caller does who saw no answer.
    let twin = rig
        .engine
        .migrate_cases(&page, &input, &encode)
        .await
        .unwrap();
    assert!(
        matches!(twin, Answered::Before(ref bytes) if bytes == &[2]),
        "{twin:?}"
    );
    // The process goes down; whoever comes back knows of no page.
    drop(rig);
    let rig = Rig::open(dir.path(), at("2026-03-02T12:00:00Z")).await;
    let twin = rig
        .engine
        .migrate_cases(&page, &input, &encode)
        .await
        .unwrap();
    assert!(
        matches!(twin, Answered::Before(ref bytes) if bytes == &[2]),
        "{twin:?}"
    );
    let told = rig
        .engine
        .rehearse_migration(&rig.as_of("cara"), &input)
        .await
        .unwrap();
    assert_eq!((told.cases, told.moved()), (3, 3));
    let mut after = None;
    let mut seen = 0;
    loop {
        let page = MigrationInput {
            after,
            ..input.clone()
        };
        let done = migrate(&rig, &page).await.unwrap();
        seen += done.moved();
        after = done.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, 3);
    for case in &cases {
        assert_eq!(moves(&rig, *case).await.len(), 1);
        must_fold(&rig, *case).await;
    }
    // Who was held stays held, under the other version.
    let held = view(&rig, cases[4]).await;
    assert_eq!(
        (held.case.status().name(), &*held.stage),
        ("paused", "nudge")
    );
    rig.run_until(at("2026-03-03T12:00:00Z")).await;
    assert_eq!(states(&rig, cases[4], ContactClass::Phone).await, []);
}

#[tokio::test]
async fn a_visit_that_nothing_asks_for_any_more_is_called_off() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at("2026-03-31T01:00:00Z")).await;
    assert_eq!(
        states(&rig, case, ContactClass::Visit).await,
        [ContactState::Accepted]
    );
    let version = store(&rig, &without_visits(), true).await;
    let input = MigrationInput {
        stages: vec![],
        ..to(&version)
    };
    assert_eq!(
        migrate(&rig, &input).await.unwrap().moved(),
        0,
        "nobody said what became of it"
    );
    let input = MigrationInput {
        stages: vec![("visit".into(), String::new())],
        ..input
    };
    let done = migrate(&rig, &input).await.unwrap();
    assert_eq!(
        (done.moved(), done.recalled, done.contacts.len()),
        (1, 1, 1)
    );
    assert!(
        done.moves.contains_key(&("visit".into(), "call".into())),
        "{:?}",
        done.moves
    );
    rig.run_until(at("2026-04-02T12:00:00Z")).await;
    assert_eq!(
        states(&rig, case, ContactClass::Visit).await,
        [ContactState::Cancelled]
    );
    assert_eq!(view(&rig, case).await.stage, "call");
    must_fold(&rig, case).await;
}

#[tokio::test]
async fn what_waits_for_a_person_is_asked_anew_and_what_they_refused_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at("2026-06-01T00:00:00Z")).await;
    assert_eq!(
        states(&rig, case, ContactClass::Legal).await,
        [ContactState::Planned]
    );
    let version = store(&rig, &second(), true).await;
    let done = migrate(&rig, &to(&version)).await.unwrap();
    assert_eq!((done.moved(), done.dropped), (1, 1));
    rig.run_until(at("2026-06-01T01:00:00Z")).await;
    let states_now = states(&rig, case, ContactClass::Legal).await;
    assert_eq!(
        states_now,
        [ContactState::Suppressed, ContactState::Planned]
    );
    let asked = contacts(&rig, case).await;
    let asked = asked
        .iter()
        .find(|c| c.state == ContactState::Planned)
        .unwrap();
    let pin = asked.policy.as_ref().unwrap();
    let place = asked.place.as_ref().unwrap();
    assert_eq!(
        (pin.version, place.stage, &*place.stage_name),
        (2, 4, "legal")
    );
    refuse(&rig, asked.id).await;
    assert_eq!(view(&rig, case).await.case.skipped, [(4, 0)]);
    // The refusal outlives a move, by the number that the step has there.
    let back = MigrationInput {
        from: version,
        stages: vec![
            ("nudge".into(), "remind".into()),
            ("soon".into(), String::new()),
        ],
        ..to(&("cn-microloan".into(), 1))
    };
    assert_eq!(migrate(&rig, &back).await.unwrap().moved(), 1);
    assert_eq!(view(&rig, case).await.case.skipped, [(3, 0)]);
    let told = rig.engine.explain(&rig.tenant, case).await.unwrap();
    assert_eq!(
        told.steps[0].state.say(Tongue::English),
        "skipped: a person called it off"
    );
    must_fold(&rig, case).await;
}

async fn refuse(rig: &Rig, contact: ContactId) {
    let ben = rig.as_of("ben");
    let done = rig
        .engine
        .cancel_contact(&ben, contact, "not yet".into(), &|_| vec![]);
    done.await.unwrap();
}

#[tokio::test]
async fn who_is_with_the_law_is_taken_back_where_the_stage_has_no_law_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at("2026-06-01T00:00:00Z")).await;
    let waiting = contacts(&rig, case).await;
    let waiting = waiting
        .iter()
        .find(|c| c.state == ContactState::Planned)
        .unwrap();
    let ben = rig.as_of("ben");
    let done = rig
        .engine
        .approve_contact(&ben, waiting.id, String::new(), &|_| vec![]);
    done.await.unwrap();
    rig.run_until(at("2026-06-01T03:00:00Z")).await;
    assert!(view(&rig, case).await.case.legal_since.is_some());
    let (before, _) = POLICY.split_once("    approval: required\n").unwrap();
    let lawless = format!("{before}    steps: [{{channel: sms, template: reminder, max: 1}}]\n");
    let version = store(&rig, &lawless, true).await;
    let input = MigrationInput {
        stages: vec![],
        ..to(&version)
    };
    let done = migrate(&rig, &input).await.unwrap();
    assert!(
        done.moves.contains_key(&("legal".into(), "legal".into())),
        "{:?}",
        done.moves
    );
    let now = view(&rig, case).await;
    assert_eq!(
        (now.case.legal_since, now.case.status().name()),
        (None, "open")
    );
    must_fold(&rig, case).await;
}
