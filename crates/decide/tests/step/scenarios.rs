//! Runs `scenarios/*.yaml`: facts, a policy, what the world answers and what happens; then the record, line
//! by line, as it must be. The runner only says what differs; nothing is written for you.

use crate::support::facts;
use crate::support::world::{Answer, Answers, Fact, World};
use jiff::SignedDuration;
use jiff::civil::Time;
use recoup_decide::Plan;
use recoup_domain::case::LenderKind;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{BorrowerKind, PointKind};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// What it shows.
    title: String,
    /// A file of `tests/policies`, without its ending.
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
    /// Kinds of lines to show; empty shows all but outcomes.
    #[serde(default)]
    show: Vec<String>,
    /// The record.
    record: String,
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is the default of an optional field"
)]
const fn two() -> Option<i64> {
    Some(2)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CaseSpec {
    jurisdiction: String,
    lender: LenderKind,
    currency: String,
    kind: BorrowerKind,
    /// Minor units.
    overdue: i64,
    willingness: Option<u8>,
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
            willingness: None,
            evidence: true,
            zones: vec!["Asia/Shanghai".into()],
            regions: vec![],
            points: vec![PointKind::Mobile, PointKind::Postal],
            collectors: 2,
            opened: (1, "09:00".into()),
        }
    }
}

#[derive(Deserialize)]
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
        let opened = facts::day_at(borrower.home_zone(), spec.opened.0, time(&spec.opened.1));
        let mut case = facts::case(opened);
        case.jurisdiction.clone_from(&spec.jurisdiction);
        case.lender_kind = spec.lender;
        case.borrower_kind = spec.kind;
        case.currency = recoup_domain::Currency::new(&spec.currency).unwrap();
        case.amounts.overdue = spec.overdue;
        case.scores.willingness = spec.willingness;
        if spec.evidence {
            case.documents.extend(facts::evidence());
        }
        let mut world = World::new(facts::policy(&self.policy), case, borrower, self.answers());
        world.visitors = spec.collectors;
        world.approves_after = self.approves_after_hours.map(SignedDuration::from_hours);
        for h in &self.happens {
            world.expect(world.at(h.day, time(&h.time)), h.fact.clone());
        }
        world
    }

    fn lived(&self) -> String {
        let mut world = self.world();
        let end = world.at(self.until_day, Time::midnight());
        world.run(world.case.opened_at, end);
        let shown = |kind: &str| {
            if self.show.is_empty() {
                kind != "outcome"
            } else {
                self.show.iter().any(|k| k == kind)
            }
        };
        let lines = world.log.iter().filter(|l| shown(l.kind));
        lines
            .map(|l| format!("{}: {}\n", world.clock(l.at), l.text))
            .collect()
    }
}

#[test]
fn every_scenario_comes_out_as_written() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(
        files.len() >= 15,
        "{} scenarios in {}",
        files.len(),
        dir.display()
    );
    let mut wrong = String::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy();
        let scenario: Scenario =
            serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let lived = scenario.lived();
        if lived != scenario.record {
            wrong += &format!(
                "{name}: {}\n--- as written\n{}--- as lived\n{lived}\n",
                scenario.title, scenario.record
            );
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
