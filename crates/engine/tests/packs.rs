//! Other packs on a real store: what they would change is told for exactly the cases that they change, nothing is
//! written, and after the switch it comes as it was told.

mod support;

use jiff::Timestamp;
use jiff::civil::date;
use recoup_compliance::Packs;
use recoup_domain::CaseEvent;
use recoup_domain::case::WorklistReason;
use recoup_domain::contact::{Contact, ContactClass, ContactState};
use recoup_domain::ids::CaseId;
use recoup_domain::journal::What;
use recoup_engine::Ahead;
use recoup_engine::commands::{
    CalledOff, CaseChange, CaseName, ChangedCase, HoldInput, PackEffect, PackSummary,
};
use recoup_store::ContactFilter;
use std::path::Path;
use support::{Rig, at};
use tokio::sync::mpsc;

const TIME: &str = "CN-GBT45251-TIME";
/// Ten in the evening of the first in UTC is six in the morning of the second in Shanghai.
const START: &str = "2026-03-01T00:00:00Z";
/// One at night in Shanghai: texts begin at eight.
const NIGHT: &str = "2026-03-01T17:00:00Z";
const SIX: &str = "2026-03-01T22:00:00Z";
const EIGHT: &str = "2026-03-02T00:00:00Z";
const TEN: &str = "2026-03-02T02:00:00Z";

/// The built-in packs with other hours in China.
fn hours(open: &str, close: &str) -> Packs {
    let text = Packs::builtin().text_of("cn").unwrap();
    let hours = format!("hours: [{{open: \"{open}\", close: \"{close}\"}}]");
    let text = text.replace("hours: [{open: \"08:00\", close: \"22:00\"}]", &hours);
    file("cn-2027.yaml", &text)
}

/// The built-in packs and a file.
fn file(name: &str, text: &str) -> Packs {
    Packs::builtin().with_files(&[(name, text)]).unwrap()
}

/// The built-in packs, and a rule of the house that denies a kind of contact for good.
fn never(class: &str) -> Packs {
    let text = format!(
        "pack: own
title: A rule of our own
regions: [\"*\"]
rules:
  - id: OWN-ASKED
    text: Only who asked for it.
    citation: house rule
    cited: 2026-11-21
    severity: hard
    confidence: house
    scope: person
    channels: [{class}]
    rule:
      duty: requested_by_person
"
    );
    file("own.yaml", &text)
}

async fn preview(rig: &Rig, packs: Packs) -> (Vec<ChangedCase>, Vec<CalledOff>, PackSummary) {
    let (out, mut told) = mpsc::channel(1);
    let now = rig.engine.wall().now();
    let collecting = tokio::spawn(async move {
        let (mut cases, mut contacts) = (Vec::new(), Vec::new());
        while let Some(effect) = told.recv().await {
            match effect {
                PackEffect::Case(case) => cases.push(*case),
                PackEffect::CalledOff(contact) => contacts.push(*contact),
            }
        }
        (cases, contacts)
    });
    let previewed = rig.engine.preview_packs(&rig.tenant, packs, now, &out);
    let summary = previewed.await.unwrap();
    drop(out);
    let (cases, contacts) = collecting.await.unwrap();
    (cases, contacts, summary)
}

/// What is told of each case: what becomes of it, when its next contact goes now and then.
type Told = (CaseId, CaseChange, Option<Timestamp>, Option<Timestamp>);

fn told(cases: &[ChangedCase]) -> Vec<Told> {
    let at = |ahead: &Option<Ahead>| ahead.as_ref().and_then(|a| a.at);
    let told = cases.iter();
    told.map(|c| (c.case, c.change, at(&c.before), at(&c.after)))
        .collect()
}

fn rules(ahead: &Option<Ahead>) -> Vec<&str> {
    let rules = ahead.iter().flat_map(|a| &a.rules);
    rules.map(String::as_str).collect()
}

async fn contacts(rig: &Rig) -> Vec<Contact> {
    let filter = ContactFilter::default();
    let page = rig.engine.contacts(&rig.tenant, &filter, None, 100).await;
    page.unwrap().rows.into_iter().map(|v| v.contact).collect()
}

/// Every row of every table of the store.
fn everything(dir: &Path) -> Vec<String> {
    let db = rusqlite::Connection::open(dir.join("recoup.db")).unwrap();
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
    let mut tables = db.prepare(names).unwrap();
    let tables = tables.query_map([], |r| r.get::<_, String>(0)).unwrap();
    let mut rows = Vec::new();
    for table in tables.map(Result::unwrap) {
        let mut all = db.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
        let columns = all.column_count();
        let read = all.query_map([], |row| {
            let values = (0..columns).map(|i| row.get::<_, rusqlite::types::Value>(i).unwrap());
            Ok(format!("{table} {:?}", values.collect::<Vec<_>>()))
        });
        rows.extend(read.unwrap().map(Result::unwrap));
    }
    rows
}

async fn hold(rig: &Rig, case: CaseId) {
    let input = HoldInput {
        reason: "a word with the lawyer".into(),
        until: None,
    };
    let ana = rig.as_of("ana");
    rig.engine
        .hold_case(&ana, case, input, &|_| vec![])
        .await
        .unwrap();
}

#[tokio::test]
async fn it_tells_exactly_what_changes_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(START)).await;
    let waits = rig.open_case("1", date(2026, 3, 1)).await;
    rig.open_case("2", date(2026, 12, 1)).await;
    let held = rig.open_case("3", date(2026, 3, 1)).await;
    hold(&rig, held).await;
    rig.run_until(at(NIGHT)).await;
    let before = everything(dir.path());
    assert!(before.len() > 20, "{}", before.len());
    let (eight, never_at) = (Some(at(EIGHT)), None);
    for (packs, change, then, deciding) in [
        (
            hours("10:00", "20:00"),
            CaseChange::Later,
            Some(at(TEN)),
            vec![TIME],
        ),
        (
            hours("06:00", "22:00"),
            CaseChange::Sooner,
            Some(at(SIX)),
            vec![TIME],
        ),
        (
            hours("00:00", "24:00"),
            CaseChange::Allowed,
            Some(at(NIGHT)),
            vec![],
        ),
        (never("sms"), CaseChange::Never, never_at, vec!["OWN-ASKED"]),
    ] {
        let (cases, called_off, summary) = preview(&rig, packs).await;
        assert_eq!(told(&cases), [(waits, change, eight, then)]);
        assert_eq!(rules(&cases[0].before), [TIME]);
        assert!(
            deciding.iter().all(|r| rules(&cases[0].after).contains(r)),
            "{cases:?}"
        );
        let next = cases[0].before.as_ref().unwrap();
        assert_eq!(
            (&*next.stage, next.place, &*next.channel),
            ("remind", (0, 0), "sms")
        );
        assert_eq!(
            (summary.cases, summary.called_off, called_off.len()),
            (3, 0, 0)
        );
        assert_eq!(summary.changed, [(change, 1)].into());
        let decides = match change {
            CaseChange::Never => vec![TIME, "OWN-ASKED"],
            _ => vec![TIME],
        };
        let by: Vec<(&str, u64)> = summary.by_rule.iter().map(|(r, n)| (&**r, *n)).collect();
        assert_eq!(by, decides.into_iter().map(|r| (r, 1)).collect::<Vec<_>>());
    }
    // What says the same changes nothing, however it is written.
    let text = Packs::builtin().text_of("cn").unwrap();
    let same = file("cn.yaml", &format!("# looked over\n{text}"));
    let (cases, _, summary) = preview(&rig, same).await;
    assert_eq!((told(&cases), summary.cases), (vec![], 3));
    assert_eq!(everything(dir.path()), before, "a preview writes nothing");
    rig.run_until(at(EIGHT)).await;
    assert_eq!(
        rig.sent(ContactClass::Sms),
        [at(EIGHT)],
        "and moves no plan"
    );
}

#[tokio::test]
async fn what_goes_now_and_what_no_pack_knows_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-02T00:30:00Z")).await;
    let case = rig.open_case("1", date(2026, 2, 27)).await;
    let (cases, _, _) = preview(&rig, hours("10:00", "20:00")).await;
    let now = at("2026-03-02T00:30:00Z");
    assert_eq!(
        told(&cases),
        [(case, CaseChange::Denied, Some(now), Some(at(TEN)))]
    );
    let text = Packs::builtin().text_of("cn").unwrap();
    let moved = file("cn.yaml", &text.replace("regions: [CN]", "regions: [XX]"));
    let (cases, _, summary) = preview(&rig, moved.clone()).await;
    assert_eq!(
        told(&cases),
        [(case, CaseChange::LawUnknown, Some(now), None)]
    );
    assert_eq!((cases[0].jurisdiction.as_str(), summary.cases), ("CN", 1));
    rig.run_until(now).await;
    drop(rig);
    // Under such packs nothing goes, a person hears of it, and the way back is told too.
    let rig = Rig::open_under(dir.path(), at("2026-03-08T00:00:00Z"), moved).await;
    rig.run_until(at("2026-03-08T04:00:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Sms), []);
    let view = rig
        .engine
        .case(&rig.tenant, &CaseName::Id(case))
        .await
        .unwrap();
    assert_eq!(view.case.worklist, Some(WorklistReason::Undecidable));
    let (cases, _, _) = preview(&rig, Packs::builtin().clone()).await;
    assert_eq!(cases[0].change, CaseChange::LawKnown);
    assert!(cases[0].before.is_none() && cases[0].after.is_some());
}

/// The built-in packs, and a duty of China that every text says something.
fn duty(words: &str) -> Packs {
    let text = Packs::builtin().text_of("cn").unwrap();
    let duty = format!(
        "\ncontent:
  - id: CN-OWN-WORDS
    text: Every text says it.
    citation: none
    cited: 2026-11-21
    severity: hard
    confidence: M
    channels: [sms]
    message: every
    demand:
      says:
        - zh: [{words}]
"
    );
    file("cn-2027.yaml", &text.replacen("\ncontent:\n", &duty, 1))
}

#[tokio::test]
async fn a_text_that_would_lack_what_must_be_said_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(START)).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at(NIGHT)).await;
    let (cases, contacts, summary) = preview(&rig, duty("咨询电话")).await;
    assert_eq!(cases.len(), 1, "{cases:?}");
    assert_eq!(
        (cases[0].case, cases[0].change),
        (case, CaseChange::TextHeld)
    );
    assert_eq!(rules(&cases[0].after), [TIME, "CN-OWN-WORDS"]);
    assert_eq!(rules(&cases[0].before), [TIME]);
    assert!(contacts.is_empty());
    assert_eq!(summary.by_rule.get("CN-OWN-WORDS"), Some(&1));
    // What its text says anyway changes nothing.
    let (cases, _, summary) = preview(&rig, duty("Demo")).await;
    assert_eq!((cases.len(), summary.cases), (0, 1), "{cases:?}");
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(START)).await;
    for n in 0..8 {
        rig.open_case(&n.to_string(), date(2026, 3, 1)).await;
    }
    rig.run_until(at(NIGHT)).await;
    let (out, mut told) = mpsc::channel(1);
    let now = rig.engine.wall().now();
    let packs = hours("10:00", "20:00");
    let reading = async {
        told.recv().await.unwrap();
        drop(told);
    };
    let previewed = rig.engine.preview_packs(&rig.tenant, packs, now, &out);
    let (summary, ()) = tokio::join!(previewed, reading);
    let read = summary.unwrap().cases;
    assert!((1..8).contains(&read), "{read} cases were read");
}

/// A case that sleeps until eight, and the process that goes down.
async fn asleep(dir: &Path) -> CaseId {
    let rig = Rig::new(dir, at(START)).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at(NIGHT)).await;
    assert_eq!(rig.sent(ContactClass::Sms), []);
    case
}

#[tokio::test]
async fn what_was_told_comes_after_the_switch() {
    for (packs, goes) in [
        (hours("10:00", "20:00"), vec![at(TEN)]),
        (hours("06:00", "22:00"), vec![at(SIX)]),
        (hours("00:00", "24:00"), vec![at(NIGHT)]),
        (never("sms"), vec![]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        asleep(dir.path()).await;
        let rig = Rig::open_under(dir.path(), at(NIGHT), packs.clone()).await;
        rig.run_until(at("2026-03-02T12:00:00Z")).await;
        assert_eq!(rig.sent(ContactClass::Sms), goes);
        let kept = rig.engine.store().packs_of(&rig.tenant).await.unwrap();
        assert_eq!(kept.as_deref(), Some(packs.hash()));
    }
}

#[tokio::test]
async fn a_start_under_the_same_packs_looks_at_nothing_and_one_that_breaks_off_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    asleep(dir.path()).await;
    let epoch = |rows: Vec<String>| -> Vec<String> {
        let others = rows.into_iter().filter(|r| !r.contains("\"epoch\""));
        others.collect()
    };
    let before = epoch(everything(dir.path()));
    let rig = Rig::open(dir.path(), at(NIGHT)).await;
    rig.engine.activity().until_quiet().await;
    drop(rig);
    assert_eq!(epoch(everything(dir.path())), before);
    // It goes down before it has looked at a single case.
    let packs = hours("06:00", "22:00");
    let rig = Rig::open_under(dir.path(), at(NIGHT), packs.clone()).await;
    rig.engine.halt();
    rig.engine.activity().until_quiet().await;
    let kept = rig.engine.store().packs_of(&rig.tenant).await.unwrap();
    let begun = format!("under way: {}", packs.hash());
    assert_eq!(kept.as_deref(), Some(&*begun));
    drop(rig);
    let others = |rows: Vec<String>| -> Vec<String> {
        let others = epoch(rows).into_iter();
        others.filter(|row| !row.contains("packs")).collect()
    };
    assert_eq!(others(everything(dir.path())), others(before));
    let rig = Rig::open_under(dir.path(), at(NIGHT), packs).await;
    rig.run_until(at(EIGHT)).await;
    assert_eq!(rig.sent(ContactClass::Sms), [at(SIX)]);
}

#[tokio::test]
async fn who_goes_back_to_the_old_packs_before_all_was_looked_at_looks_at_all() {
    let dir = tempfile::tempdir().unwrap();
    asleep(dir.path()).await;
    // Under the new packs the case sleeps until ten; that all were looked at is not on record.
    let late = hours("10:00", "20:00");
    let half_past_eight = at("2026-03-02T00:30:00Z");
    let rig = Rig::open_under(dir.path(), at(NIGHT), late.clone()).await;
    rig.run_until(half_past_eight).await;
    assert_eq!(rig.sent(ContactClass::Sms), []);
    let begun = format!("under way: {}", late.hash());
    let write = recoup_store::Write::Packs(rig.tenant.clone(), begun);
    let change = recoup_store::Change {
        writes: vec![write],
        ..Default::default()
    };
    rig.engine.store().commit(change).await.unwrap();
    let next = rig.engine.store().next_due().await.unwrap();
    assert!(next >= Some(at(TEN)), "{next:?}");
    drop(rig);
    let rig = Rig::open(dir.path(), half_past_eight).await;
    rig.run_until(at("2026-03-02T01:00:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Sms), [half_past_eight]);
    let kept = rig.engine.store().packs_of(&rig.tenant).await.unwrap();
    assert_eq!(kept.as_deref(), Some(Packs::builtin().hash()));
}

#[tokio::test]
async fn steps_that_the_old_packs_ruled_out_for_good_are_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    asleep(dir.path()).await;
    let rig = Rig::open_under(dir.path(), at(NIGHT), never("sms")).await;
    rig.run_until(at("2026-03-02T04:00:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Sms), []);
    let (cases, _, _) = preview(&rig, Packs::builtin().clone()).await;
    let noon = at("2026-03-02T04:00:00Z");
    assert_eq!(cases.len(), 1);
    assert_eq!(told(&cases)[0].1, CaseChange::Possible);
    assert_eq!(told(&cases)[0].3, Some(noon));
    let case = cases[0].case;
    drop(rig);
    // Packs that rule it out as well leave it as it is.
    let stricter = never("sms, phone");
    let rig = Rig::open_under(dir.path(), noon, stricter).await;
    rig.run_until(noon).await;
    let reopened = async |rig: &Rig| {
        let page = rig.engine.timeline(&rig.tenant, case, 0, 100).await;
        let rows = page.unwrap().rows;
        let is = |w: &What| {
            matches!(
                w,
                What::Case {
                    event: CaseEvent::StepsReopened,
                    ..
                }
            )
        };
        rows.iter().filter(|r| is(&r.what)).count()
    };
    assert_eq!(reopened(&rig).await, 0);
    drop(rig);
    let rig = Rig::open(dir.path(), noon).await;
    rig.run_until(noon).await;
    assert_eq!(rig.sent(ContactClass::Sms), [noon]);
    assert_eq!(reopened(&rig).await, 1);
    let view = rig
        .engine
        .case(&rig.tenant, &CaseName::Id(case))
        .await
        .unwrap();
    assert_eq!(view.case.worklist, None, "nobody need look at its steps");
}

#[tokio::test]
async fn an_accepted_visit_that_is_forbidden_now_is_told_and_called_off() {
    let dir = tempfile::tempdir().unwrap();
    let text = Packs::builtin().text_of("house").unwrap();
    let text = text.replace(
        "hours: [{open: \"08:00\", close: \"20:00\"}]",
        "hours: [{open: \"21:00\", close: \"23:00\"}]",
    );
    let late = file("house.yaml", &text);
    let before = at("2026-03-31T01:00:00Z");
    let visit = {
        let rig = Rig::new(dir.path(), at(START)).await;
        rig.open_case("1", date(2026, 3, 1)).await;
        rig.run_until(before).await;
        let all = contacts(&rig).await;
        let visit = all.into_iter().find(|c| c.class == ContactClass::Visit);
        let visit = visit.unwrap();
        assert_eq!(visit.state, ContactState::Accepted);
        let (_, called_off, summary) = preview(&rig, late.clone()).await;
        let ids: Vec<_> = called_off.iter().map(|c| (c.contact, c.effect)).collect();
        assert_eq!(ids, [(visit.id, visit.effect)]);
        assert_eq!(called_off[0].rules, ["HOUSE-VISIT-HOURS"]);
        assert_eq!(summary.called_off, 1);
        let (_, called_off, _) = preview(&rig, hours("06:00", "22:00")).await;
        assert!(called_off.is_empty(), "{called_off:?}");
        visit
    };
    let rig = Rig::open_under(dir.path(), before, late).await;
    rig.run_until(before).await;
    let cancelled = rig
        .channel(ContactClass::Visit)
        .cancelled
        .lock()
        .unwrap()
        .clone();
    assert_eq!(cancelled, [visit.id.to_string()]);
    let all = contacts(&rig).await;
    let after = all.iter().find(|c| c.id == visit.id).unwrap();
    assert_eq!(after.state, ContactState::Cancelled);
}

#[tokio::test]
async fn what_was_planned_under_the_old_packs_and_approved_under_the_new_does_not_go() {
    let dir = tempfile::tempdir().unwrap();
    let late = at("2026-06-05T12:00:00Z");
    let planned = |all: Vec<Contact>| {
        let mut all = all.into_iter();
        all.find(|c| c.class == ContactClass::Legal && c.state == ContactState::Planned)
    };
    {
        let rig = Rig::new(dir.path(), at(START)).await;
        rig.open_case("1", date(2026, 3, 1)).await;
        rig.run_until(late).await;
        assert!(planned(contacts(&rig).await).is_some());
    }
    // What still runs of the engine holds the store for a moment longer; closed, all of it is in its files.
    let lock = std::fs::File::open(dir.path().join("recoup.lock")).unwrap();
    while lock.try_lock().is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    for (packs, goes) in [(never("legal"), 0), (Packs::builtin().clone(), 1)] {
        let copy = tempfile::tempdir().unwrap();
        for name in ["recoup.db", "keys.db"] {
            std::fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
        }
        let rig = Rig::open_under(copy.path(), late, packs).await;
        rig.run_until(late).await;
        let letter = planned(contacts(&rig).await).unwrap();
        let ben = rig.as_of("ben");
        let approved = rig
            .engine
            .approve_contact(&ben, letter.id, String::new(), &|_| vec![]);
        approved.await.unwrap();
        rig.run_until(late).await;
        assert_eq!(rig.sent(ContactClass::Legal).len(), goes);
    }
}
