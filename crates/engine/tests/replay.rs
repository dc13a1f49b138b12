//! Decisions of the past, taken again: identical while everything that decides is; listed where it is not. Journals of
//! earlier versions are kept as they were written and decided again by every later one.
//!
//! `RECOUP_BLESS=1 cargo test -p recoup-engine --test replay golden` writes the journal of this decision version anew.

mod support;

use jiff::civil::date;
use recoup_compliance::Packs;
use recoup_decide::DECISION_VERSION;
use recoup_domain::case::Case;
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{CaseId, TenantId};
use recoup_domain::journal::{Entry, What};
use recoup_domain::money::{Currency, Money};
use recoup_domain::overrides::Override;
use recoup_domain::party::BorrowerKind;
use recoup_engine::commands::{HoldInput, OptOutInput, PaymentInput, PromiseInput};
use recoup_engine::replay::{Count, Decided, Difference, Rules, again};
use recoup_engine::types::PartyName;
use recoup_policy::{Names, Policy};
use recoup_store::sqlite::{ClockStamp, Options, SqliteStore};
use recoup_store::{ContactFilter, JournalFilter, Recorded, Store as _, StoredPolicy};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::{Rig, at, case_input};
use tokio::sync::mpsc;

const START: &str = "2026-03-01T00:00:00Z";
const END: &str = "2026-06-20T00:00:00Z";

/// Four people: one who does nothing, one who pays in part, promises and breaks it, one who opts out of texts and is
/// held, and a micro-business.
async fn live(dir: &Path) -> [CaseId; 4] {
    let rig = Rig::new(dir, at(START)).await;
    let silent = rig.open_case("1", date(2026, 3, 1)).await;
    let promises = rig.open_case("2", date(2026, 2, 20)).await;
    let opts_out = rig.open_case("3", date(2026, 2, 27)).await;
    let mut input = case_input("4", date(2026, 2, 1));
    input.borrower_kind = Some(BorrowerKind::MicroBusiness);
    let opened = rig
        .engine
        .open_case(&rig.as_of("lena"), input, &|_| vec![])
        .await;
    let recoup_engine::types::Answered::Now(opened) = opened.unwrap() else {
        panic!("opened before");
    };
    let business = opened.case.id;
    rig.run_until(at("2026-03-07T04:00:00Z")).await;
    let cny = |minor| Money::new(minor, Currency::new("CNY").unwrap());
    let paid = PaymentInput {
        reference: "p1".into(),
        amount: cny(20_000),
        received_at: Some(at("2026-03-05T09:00:00Z")),
        balance_after: None,
    };
    let ledger = rig.as_of("ledger");
    rig.engine
        .record_payment(&ledger, promises, paid, &|_| vec![])
        .await
        .unwrap();
    let promise = PromiseInput {
        amount: cny(10_000),
        due: date(2026, 3, 12),
        note: String::new(),
        contact: None,
    };
    let ana = rig.as_of("ana");
    rig.engine
        .record_promise(&ana, promises, promise, &|_| vec![])
        .await
        .unwrap();
    let whose = PartyName::Reference("b-3".into());
    let opt_out = OptOutInput {
        class: Some(ContactClass::Sms),
        point: None,
        via: "phone".into(),
        received_at: None,
    };
    rig.engine
        .record_opt_out(&ana, &whose, opt_out, &|_| vec![])
        .await
        .unwrap();
    rig.run_until(at("2026-03-20T04:00:00Z")).await;
    let hold = HoldInput {
        until: Some(at("2026-04-02T04:00:00Z")),
        reason: "branch asked".into(),
    };
    rig.engine
        .hold_case(&ana, opts_out, hold, &|_| vec![])
        .await
        .unwrap();
    rig.run_until(at("2026-06-01T00:00:00Z")).await;
    // Referrals wait for somebody else's word.
    let all = rig
        .engine
        .contacts(&rig.tenant, &ContactFilter::default(), None, 1_000)
        .await;
    let waiting = all.unwrap().rows.into_iter().map(|v| v.contact);
    for contact in waiting.filter(|c| c.state == ContactState::Planned) {
        let ben = rig.as_of("ben");
        rig.engine
            .approve_contact(&ben, contact.id, String::new(), &|_| vec![])
            .await
            .unwrap();
    }
    rig.run_until(at(END)).await;
    [silent, promises, opts_out, business]
}

async fn replayed(rig: &Rig, from: &str, to: &str) -> (Count, Vec<Difference>) {
    let (tell, mut told) = mpsc::channel(10_000);
    let count = rig
        .engine
        .replay(&rig.tenant, at(from), at(to), tell)
        .await
        .unwrap();
    let mut differences = Vec::new();
    while let Some(difference) = told.recv().await {
        differences.push(difference);
    }
    (count, differences)
}

#[tokio::test]
async fn each_decision_comes_out_as_it_was_taken() {
    let dir = tempfile::tempdir().unwrap();
    live(dir.path()).await;
    let rig = Rig::open(dir.path(), at(END)).await;
    let (all, differences) = replayed(&rig, START, END).await;
    assert_eq!(differences, []);
    assert_eq!(all.same, all.decisions);
    assert!(all.decisions >= 50, "{all:?}");
    // By the day: each decision lies on one.
    let (first, _) = replayed(&rig, START, "2026-03-05T00:00:00Z").await;
    let (rest, _) = replayed(&rig, "2026-03-05T00:00:00Z", END).await;
    assert!(first.decisions > 0 && rest.decisions > 0);
    assert_eq!(first.decisions + rest.decisions, all.decisions);
    let (none, _) = replayed(&rig, "2026-02-01T00:00:00Z", START).await;
    assert_eq!(none, Count::default());
}

#[tokio::test]
async fn under_other_packs_the_differences_are_listed() {
    let dir = tempfile::tempdir().unwrap();
    live(dir.path()).await;
    let text = Packs::builtin().text_of("cn").unwrap();
    let later = text.replace(
        "hours: [{open: \"08:00\", close: \"22:00\"}]",
        "hours: [{open: \"11:00\", close: \"22:00\"}]",
    );
    assert_ne!(text, later);
    let packs = Packs::builtin()
        .with_files(&[("cn-2027.yaml", &later)])
        .unwrap();
    let rig = Rig::open_under(dir.path(), at(END), packs).await;
    let (count, differences) = replayed(&rig, START, END).await;
    assert!(!differences.is_empty());
    let told = u64::try_from(differences.len()).unwrap();
    assert_eq!(count.same + told, count.decisions);
    for difference in &differences {
        assert!(
            difference.rules.iter().any(|r| r.starts_with("packs ")),
            "{difference:?}"
        );
    }
    // Texts went at eight; they would not now.
    let asleep = |d: &&Difference| {
        d.what
            .iter()
            .any(|w| w.contains("now nothing is done before"))
    };
    assert!(differences.iter().filter(asleep).count() > 0);
}

/// What a golden journal begins with.
#[derive(Serialize, Deserialize)]
struct Header {
    decision_version: u32,
    packs_hash: String,
    tenant: TenantId,
    policies: Vec<StoredPolicy>,
    overrides: Vec<Override>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    position: u64,
    entry: Entry,
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

async fn bless() {
    let dir = tempfile::tempdir().unwrap();
    live(dir.path()).await;
    let store = SqliteStore::open(Options::new(dir.path(), ClockStamp::Stepped)).unwrap();
    let tenant = TenantId::new("demo").unwrap();
    let header = Header {
        decision_version: DECISION_VERSION,
        packs_hash: Packs::builtin().hash().to_owned(),
        policies: store.policies(None).await.unwrap(),
        overrides: store.overrides(&tenant).await.unwrap(),
        tenant,
    };
    let mut text = serde_json::to_string(&header).unwrap() + "\n";
    let all = store
        .journal(&JournalFilter::default(), 0, usize::MAX)
        .await;
    for Recorded { position, entry } in all.unwrap() {
        text += &serde_json::to_string(&Row { position, entry }).unwrap();
        text += "\n";
    }
    std::fs::create_dir_all(golden()).unwrap();
    let file = format!("decision-{DECISION_VERSION}.jsonl");
    std::fs::write(golden().join(file), text).unwrap();
}

/// Each golden journal, decided again: a journal of this decision version comes out the same to the byte of its traces;
/// of an earlier one, what differs is what the file beside it accepts.
#[tokio::test]
async fn golden_journals_come_out_as_they_were_decided() {
    if std::env::var_os("RECOUP_BLESS").is_some() {
        bless().await;
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir(golden())
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "jsonl"));
    assert!(!files.is_empty());
    let mut newest = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut lines = text.lines();
        let header: Header = serde_json::from_str(lines.next().unwrap()).unwrap();
        newest = newest.max(header.decision_version);
        let row = |line: &str| {
            let Row { position, entry } = serde_json::from_str(line).unwrap();
            Recorded { position, entry }
        };
        let journal: Vec<Recorded> = lines.map(row).collect();
        let (decisions, differences) = decide_again(&header, &journal);
        assert!(decisions >= 50, "{}: {decisions} decisions", file.display());
        let told: Vec<String> = differences
            .iter()
            .map(|d| format!("{} {:?}", d.contact, d.what))
            .collect();
        let accepted =
            std::fs::read_to_string(file.with_extension("differences")).unwrap_or_default();
        println!(
            "{}: {decisions} decisions, {} differ",
            file.display(),
            told.len()
        );
        assert_eq!(told.join("\n"), accepted.trim_end(), "{}", file.display());
        if header.decision_version == DECISION_VERSION {
            assert!(
                accepted.is_empty(),
                "within one decision version nothing may differ"
            );
        }
    }
    assert_eq!(
        newest, DECISION_VERSION,
        "the journal of this version is there"
    );
}

fn decide_again(header: &Header, journal: &[Recorded]) -> (usize, Vec<Difference>) {
    let names = Names {
        channels: ContactClass::ALL.map(|c| (c.name().to_owned(), c)).into(),
        any_template: true,
        ..Names::default()
    };
    let compiled = |p: &StoredPolicy| {
        let policy = Policy::parse(&p.text, &names).expect("a stored policy compiles");
        ((p.name.clone(), p.version), Arc::new(policy))
    };
    let policies: HashMap<_, _> = header.policies.iter().map(compiled).collect();
    let policy_of = |case: &Case| {
        let pin = case.policy.as_ref()?;
        policies.get(&(pin.name.clone(), pin.version)).cloned()
    };
    let rules = Rules {
        policy_of: &policy_of,
        packs: Packs::builtin(),
    };
    let decided: Vec<Decided> = journal.iter().filter_map(Decided::of).collect();
    let differ = |d: &Decided| again(&about(journal, d), &header.overrides, d, rules);
    (decided.len(), decided.iter().filter_map(differ).collect())
}

/// The entries that may matter to a decision.
fn about(journal: &[Recorded], decided: &Decided) -> Vec<Recorded> {
    let (case, party) = (decided.contact.id.case, decided.contact.party);
    let matters = |r: &&Recorded| match &r.entry.what {
        What::Case { id, .. } => *id == case,
        What::Party { id, .. } => *id == party,
        What::Contact {
            id, party: with, ..
        } => id.case == case || *with == party,
        What::Collector { .. } | What::Override { .. } => true,
        What::Service { .. } => false,
    };
    journal.iter().filter(matters).cloned().collect()
}

#[test]
fn a_decision_that_was_tampered_with_is_told() {
    let file = golden().join(format!("decision-{DECISION_VERSION}.jsonl"));
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines = text.lines();
    let header: Header = serde_json::from_str(lines.next().unwrap()).unwrap();
    let row = |line: &str| {
        let Row { position, entry } = serde_json::from_str(line).unwrap();
        Recorded { position, entry }
    };
    let mut journal: Vec<Recorded> = lines.map(row).collect();
    // The first text is taken out of the history: those after it would have come sooner.
    let first = journal
        .iter()
        .find_map(Decided::of)
        .expect("a decision")
        .contact
        .id;
    let of_it = |r: &Recorded| matches!(&r.entry.what, What::Contact { id, .. } if *id == first);
    journal.retain(|r| !of_it(r));
    let (_, differences) = decide_again(&header, &journal);
    let of_case = differences.iter().filter(|d| d.contact.case == first.case);
    assert!(of_case.count() > 0, "what came after it stood on it");
}
