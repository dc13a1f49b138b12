//! CheckPolicy's work: a policy of ten stages is compiled and explored, beside the compiler alone.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;

use recoup_compliance::Packs;
use recoup_decide::check::{Question, Report, check, code};
use recoup_domain::ContactClass;
use recoup_policy::{Names, Policy};

use super::decision::time;
use super::measure::{Arm, Pairs, Sample, median_of};
use super::report::{Better, Figure, Line, short};
use super::{Failure, Ground};

/// Ten stages, three segments, branches by score, amount, reachability and what was done before.
const TEN: &str = include_str!("../../../crates/decide/tests/policies/good/ten.yaml");
/// Where each step must be permitted: the most packs that are asked of one policy in practice.
const REGIONS: [&str; 3] = ["CN", "TW", "US"];
const LANGUAGES: [&str; 3] = ["zh-CN", "zh-TW", "en"];
/// Microseconds of a millisecond.
const MS: f64 = 1_000.0;

/// What is asked.
struct Scene {
    names: Names,
    regions: Vec<String>,
    languages: Vec<String>,
    templates: BTreeMap<String, BTreeSet<String>>,
}

impl Scene {
    fn new() -> Self {
        let languages = LANGUAGES.map(str::to_owned);
        let names = [
            "reminder",
            "first_call",
            "notice",
            "visit_brief",
            "demand_letter",
            "referral",
        ];
        let templates = names.map(|name| (name.to_owned(), languages.clone().into()));
        Self {
            names: Names {
                channels: ContactClass::ALL.map(|c| (c.name().to_owned(), c)).into(),
                templates: names.map(str::to_owned).into(),
                ..Names::default()
            },
            regions: REGIONS.map(str::to_owned).into(),
            languages: languages.into(),
            templates: templates.into(),
        }
    }

    fn compile(&self) -> Result<Policy, Failure> {
        let faults = |f: Vec<_>| Failure::Wrong(format!("the ten stages: {f:?}"));
        Policy::parse(black_box(TEN), &self.names).map_err(faults)
    }

    fn explore(&self, policy: &Policy) -> Report {
        check(
            policy,
            &Question {
                packs: Some(Packs::builtin()),
                regions: &self.regions,
                templates: Some(&self.templates),
                languages: &self.languages,
            },
        )
    }
}

/// A policy of ten stages, compiled and explored.
pub(super) fn check_policy(ground: &Ground) -> Result<Line, Failure> {
    let scene = Scene::new();
    let policy = scene.compile()?;
    let report = scene.explore(&policy);
    // What was not explored takes no time.
    let missed = report.findings.iter().any(|f| f.code == code::NOT_EXPLORED);
    if !report.accepts() || !report.unchecked.is_empty() || missed || policy.stages().len() != 10 {
        return Err(Failure::Wrong(format!("the ten stages: {report:?}")));
    }
    let n = ground.size(10, 1);
    let pairs = Pairs::measure(ground.rounds, |arm| {
        Ok::<_, Failure>(match arm {
            Arm::Ours => time(n, || {
                let policy = scene.compile();
                drop(black_box(policy.map(|policy| scene.explore(&policy))));
            }),
            Arm::Raw => time(n, || drop(black_box(scene.compile()))),
        })
    })?;
    let us = median_of(&pairs.ours, Sample::us);
    Ok(Line {
        goal: "check-policy",
        what: "CheckPolicy of ten stages: compiled and explored, each step held to the law of three countries"
            .to_owned(),
        ours: Figure::time("compiled and explored", &pairs.ours),
        raw: Figure::time("compiled alone", &pairs.raw),
        result: us / MS,
        result_unit: "ms",
        aim: 2_000.0,
        stretch: Some(200.0),
        better: Better::Lower,
        suspect: None,
        price: None,
        notes: vec![format!(
            "an exploration takes {} times its compilation",
            short(us / median_of(&pairs.raw, Sample::us))
        )],
    })
}
