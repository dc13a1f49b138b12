//! Runs `scenarios/*.yaml`: facts, a policy, what the world answers and what happens; then what must happen and what
//! must not, or the whole record, line by line. The runner only says what differs; nothing is written for you.
//!
//! A scenario that cannot fail shows nothing. So each must fail with one of its clauses turned round, with a line of
//! its record left out, and where what it is about is taken away: the happenings, or the facts of `otherwise`.

use crate::clauses::Clause;
use crate::support::facts;
use crate::support::happenings::Fact;
use crate::support::world::{Answer, Answers, Line, World};
use jiff::SignedDuration;
use jiff::civil::Time;
use recoup_decide::Plan;
use recoup_domain::case::LenderKind;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{BorrowerKind, PointKind};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// What it shows.
    title: String,
    /// A file of `tests/policies`, without its ending; or a policy, written out.
    policy: String,
    /// Where, whom, and what is known.
    #[serde(default)]
    case: CaseSpec,
    /// By channel: what comes of its first contact, its second and so on; the last stands for all further.
    /// An outcome, `not_sent`, `lost` (nobody knows) or `silence`. A channel not named: see `usual`.
    #[serde(default)]
    world: BTreeMap<String, Vec<String>>,
    /// Hours a person takes to approve; `null` never does.
    #[serde(default = "two")]
    approves_after_hours: Option<i64>,
    /// What happens from outside.
    #[serde(default)]
    happens: Vec<Happens>,
    /// The day before which it ends.
    until_day: i32,
    /// What must happen: when, and what.
    #[serde(default)]
    must_happen: Vec<BTreeMap<String, String>>,
    /// What must not.
    #[serde(default)]
    must_not_happen: Vec<BTreeMap<String, String>>,
    /// Facts with which it must come out otherwise; without them, and where something happens, it must without that.
    #[serde(default)]
    otherwise: Option<Otherwise>,
    /// Kinds of lines of the record; empty shows all but outcomes.
    #[serde(default)]
    show: Vec<String>,
    /// The whole record, where every line of it matters.
    #[serde(default)]
    record: Option<String>,
}

/// Facts in place of those of a scenario.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Otherwise {
    policy: Option<String>,
    case: Option<CaseSpec>,
    world: Option<BTreeMap<String, Vec<String>>>,
    approves_after_hours: Option<i64>,
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is the default of an optional field"
)]
const fn two() -> Option<i64> {
    Some(2)
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CaseSpec {
    jurisdiction: String,
    lender: LenderKind,
    currency: String,
    kind: BorrowerKind,
    /// Minor units.
    overdue: i64,
    ability: Option<u8>,
    willingness: Option<u8>,
    product: Option<String>,
    tags: Vec<String>,
    borrower_tags: Vec<String>,
    evidence: bool,
    zones: Vec<String>,
    regions: Vec<String>,
    points: Vec<PointKind>,
    collectors: u8,
    /// The day and time at which the case is opened.
    opened: (i32, String),
}

impl Default for CaseSpec {
    fn default() -> Self {
        Self {
            jurisdiction: "CN".into(),
            lender: LenderKind::MicroloanCompany,
            currency: "CNY".into(),
            kind: BorrowerKind::Individual,
            overdue: 2_600_000,
            ability: None,
            willingness: None,
            product: None,
            tags: vec![],
            borrower_tags: vec![],
            evidence: true,
            zones: vec!["Asia/Shanghai".into()],
            regions: vec![],
            points: vec![PointKind::Mobile, PointKind::Postal],
            collectors: 2,
            opened: (1, "09:00".into()),
        }
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Happens {
    day: i32,
    time: String,
    fact: Fact,
}

fn time(text: &str) -> Time {
    text.parse().unwrap_or_else(|e| panic!("`{text}`: {e}"))
}

/// What comes of a contact where the scenario says nothing.
const fn usual(class: &str) -> &'static str {
    match class.as_bytes() {
        b"phone" => "no_answer",
        b"visit" => "visited",
        b"legal" => "filed",
        _ => "delivered",
    }
}

fn answer(text: &str) -> Answer {
    match text {
        "not_sent" => Answer::NotSent,
        "lost" => Answer::Unknown,
        "silence" => Answer::Silence,
        outcome => Answer::Outcome(outcome.parse::<Outcome>().unwrap()),
    }
}

impl Scenario {
    fn answers(&self) -> Answers {
        let world = self.world.clone();
        Box::new(move |plan: &Plan, ordinal: u32| {
            let class = plan.class.name();
            let said = world.get(class).and_then(|answers| {
                let last = answers.len().checked_sub(1)?;
                answers.get(last.min(ordinal as usize))
            });
            answer(said.map_or(usual(class), String::as_str))
        })
    }

    fn world(&self) -> World {
        let spec = &self.case;
        let zones: Vec<&str> = spec.zones.iter().map(String::as_str).collect();
        let mut borrower = facts::borrower(&zones, &spec.points);
        borrower.kind = spec.kind;
        borrower.regions.clone_from(&spec.regions);
        borrower.tags.clone_from(&spec.borrower_tags);
        let opened = facts::day_at(borrower.home_zone(), spec.opened.0, time(&spec.opened.1));
        let mut case = facts::case(opened);
        case.jurisdiction.clone_from(&spec.jurisdiction);
        case.lender_kind = spec.lender;
        case.borrower_kind = spec.kind;
        case.currency = recoup_domain::Currency::new(&spec.currency).unwrap();
        case.amounts.overdue = spec.overdue;
        case.scores.ability = spec.ability;
        case.scores.willingness = spec.willingness;
        case.product.clone_from(&spec.product);
        case.tags.clone_from(&spec.tags);
        if spec.evidence {
            case.documents.extend(facts::evidence());
        }
        let policy = match self.policy.contains('\n') {
            true => facts::parsed(&self.policy),
            false => facts::policy(&self.policy),
        };
        let mut world = World::new(policy, case, borrower, self.answers());
        world.visitors = spec.collectors;
        world.approves_after = self.approves_after_hours.map(SignedDuration::from_hours);
        for h in &self.happens {
            world.expect(world.at(h.day, time(&h.time)), h.fact.clone());
        }
        world
    }

    fn lived(&self) -> World {
        let mut world = self.world();
        let end = world.at(self.until_day, Time::midnight());
        world.run(world.case.opened_at, end);
        world
    }

    /// The lines of the record that the scenario shows.
    fn record(&self, world: &World) -> String {
        let shown = |kind: &str| {
            if self.show.is_empty() {
                kind != "outcome"
            } else {
                self.show.iter().any(|k| k == kind)
            }
        };
        let lines = world.log.iter().filter(|l| shown(l.kind));
        lines.map(|l| told(world, l)).collect()
    }

    fn clauses(&self) -> Judgement {
        let read = |given: &[BTreeMap<String, String>]| {
            let pairs = given.iter().flatten();
            pairs.map(|(when, what)| Clause::read(when, what)).collect()
        };
        Judgement {
            must: read(&self.must_happen),
            must_not: read(&self.must_not_happen),
            record: self.record.clone(),
        }
    }

    /// The same without what it is about; none where its record alone says it.
    fn without_its_point(&self) -> Option<Self> {
        let mut other = self.clone();
        match &self.otherwise {
            Some(o) => {
                other.policy = o.policy.clone().unwrap_or(other.policy);
                other.case = o.case.clone().unwrap_or(other.case);
                other.world = o.world.clone().unwrap_or(other.world);
                other.approves_after_hours = o.approves_after_hours.or(other.approves_after_hours);
            }
            None if self.happens.is_empty() => return None,
            None => other.happens.clear(),
        }
        Some(other)
    }
}

fn told(world: &World, line: &Line) -> String {
    format!("{}: {}\n", world.clock(line.at), line.text)
}

/// What a scenario asks of a life.
#[derive(Clone)]
struct Judgement {
    must: Vec<Clause>,
    must_not: Vec<Clause>,
    record: Option<String>,
}

impl Judgement {
    /// What is not as it must be; nothing where all is.
    fn complaints(&self, scenario: &Scenario, world: &World) -> Vec<String> {
        let must = self.must.iter().filter(|c| !c.happened(world));
        let must_not = self.must_not.iter().filter(|c| c.happened(world));
        let mut all: Vec<String> = must.map(|c| format!("must happen: {c}")).collect();
        all.extend(must_not.map(|c| format!("must not happen: {c}")));
        let lived = scenario.record(world);
        if let Some(record) = self.record.as_ref().filter(|r| **r != lived) {
            all.push(format!("--- as written\n{record}--- as lived\n{lived}"));
        }
        all
    }

    /// The same with one thing turned round, for each thing: all of them must fail.
    fn turned_round(&self) -> Vec<(String, Self)> {
        let mut all = Vec::new();
        for i in 0..self.must.len() {
            let mut other = self.clone();
            let clause = other.must.remove(i);
            let what = format!("must happen: {clause}");
            other.must_not.push(clause);
            all.push((what, other));
        }
        for i in 0..self.must_not.len() {
            let mut other = self.clone();
            let clause = other.must_not.remove(i);
            let what = format!("must not happen: {clause}");
            other.must.push(clause);
            all.push((what, other));
        }
        let lines: Vec<&str> = self.record.iter().flat_map(|r| r.lines()).collect();
        for i in 0..lines.len() {
            let mut left = lines.clone();
            let line = left.remove(i);
            let mut other = self.clone();
            other.record = Some(left.iter().map(|l| format!("{l}\n")).collect());
            all.push((format!("the line `{line}`"), other));
        }
        all
    }
}

/// Every scenario, by the name of its file.
fn scenarios() -> Vec<(String, Scenario)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    let read = |file: &std::path::PathBuf| {
        let text = std::fs::read_to_string(file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        assert!(
            text.starts_with("# "),
            "{name}: the first line says which practice or rule it shows"
        );
        let scenario: Scenario =
            serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(
            scenario.record.is_some() || !scenario.must_happen.is_empty(),
            "{name}: nothing must happen"
        );
        (name, scenario)
    };
    files.iter().map(read).collect()
}

#[test]
fn every_scenario_comes_out_as_written_and_would_fail_turned_round() {
    let all = scenarios();
    assert!(all.len() >= 60, "{} scenarios", all.len());
    let mut wrong = String::new();
    let mut turned = 0;
    for (name, scenario) in &all {
        let world = scenario.lived();
        let judgement = scenario.clauses();
        let complaints = judgement.complaints(scenario, &world);
        if !complaints.is_empty() {
            let full: String = world.log.iter().map(|l| told(&world, l)).collect();
            let complaints = complaints.join("\n");
            wrong += &format!(
                "{name}: {}\n{complaints}\n--- all that happened\n{full}\n",
                scenario.title
            );
            continue;
        }
        for (what, other) in judgement.turned_round() {
            turned += 1;
            if other.complaints(scenario, &world).is_empty() {
                wrong += &format!("{name}: turned round, it holds as well: {what}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    println!("{} scenarios, {turned} times turned round", all.len());
}

#[test]
fn a_scenario_comes_out_otherwise_without_what_it_is_about() {
    let mut wrong = String::new();
    for (name, scenario) in scenarios() {
        let Some(other) = scenario.without_its_point() else {
            assert!(scenario.record.is_some(), "{name}: nothing tells it apart");
            continue;
        };
        let world = other.lived();
        if scenario.clauses().complaints(&other, &world).is_empty() {
            wrong += &format!("{name}: it holds without what it is about\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn what_must_not_happen_is_something_that_can() {
    let all = scenarios();
    let worlds: Vec<World> = all.iter().map(|(_, s)| s.lived()).collect();
    let mut wrong = String::new();
    for (name, scenario) in &all {
        for clause in scenario.clauses().must_not {
            if !worlds.iter().any(|w| clause.happened_ever(w)) {
                wrong += &format!("{name}: happens in no scenario at all: {clause}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
