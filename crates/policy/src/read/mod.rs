//! A policy's text to a policy. Everything that is wrong is found in one go, where it stands.

mod fields;
mod source;
pub(crate) mod step;
mod yaml;

pub(crate) use step::{default_lead, default_window};

use crate::expr::check::{Compiler, Owner};
use crate::finding::{Finding, Severity, code};
use crate::horizon::Horizon;
use crate::policy::{
    Arm, Names, OnOutcome, Policy, SOURCE_BYTES_MAX, STAGES_MAX, STEPS_MAX, Stage, Step,
};
use crate::program::{self, Program};
use fields::{Map, Report};
use recoup_domain::money::Currency;
use recoup_domain::party::LOST_AFTER_FAILED_DAYS;
use yaml::{At, Key, Node, Value};

pub(crate) const KEYS: [&str; 6] = [
    "name",
    "currency",
    "segments",
    "contactability",
    "stages",
    "arms",
];
pub(crate) const SEGMENT_KEYS: [&str; 2] = ["name", "when"];
pub(crate) const STAGE_KEYS: [&str; 4] = ["name", "enter", "approval", "steps"];
pub(crate) const ARM_KEYS: [&str; 2] = ["share", "policy"];
pub(crate) const LOST_KEY: &str = "lost_after_failed_days";
pub(crate) const LOST_DAYS_MAX: u32 = 30;
pub(crate) const SEGMENTS_MAX: usize = 32;
pub(crate) const ARMS_MAX: usize = 8;
pub(crate) const NAME_BYTES_MAX: usize = 64;
/// How ids of policy versions begin.
const ID_PREFIX: &str = "policy_";
/// The arm that is the policy itself.
pub(crate) const CHAMPION: &str = "champion";

/// Reads, checks and compiles.
pub(crate) fn policy(source: &str, names: &Names) -> Result<Policy, Vec<Finding>> {
    let mut report = Report {
        source,
        findings: Vec::new(),
        shielded: Vec::new(),
    };
    if source.len() > SOURCE_BYTES_MAX {
        let message = format!("the policy is {} bytes long", source.len());
        let hint = format!("at most {SOURCE_BYTES_MAX} are allowed");
        report.error(code::TOO_LARGE, At::default(), message, hint);
        return Err(report.findings);
    }
    let document = yaml::read(source).map_err(|finding| vec![*finding])?;
    report.shielded = document.shielded;
    let policy = report.policy(&document.root, names);
    let mut findings = report.findings;
    findings.sort_by_key(|f| (f.line, f.column));
    let usable = findings.iter().all(|f| f.severity == Severity::Warning);
    match policy {
        Some(policy) if usable => Ok(Policy {
            warnings: findings,
            ..policy
        }),
        _ => Err(findings),
    }
}

/// A condition before it is compiled.
pub(crate) struct Condition<'n> {
    at: At,
    pub(crate) text: &'n str,
}

/// The stages, and conditions that wait to be compiled until all names are known.
#[derive(Default)]
struct Stages<'n> {
    stages: Vec<Stage>,
    enters: Vec<Option<Condition<'n>>>,
    /// Of steps: number of the stage, number of the step.
    turns: Vec<(u8, usize, Condition<'n>)>,
}

impl<'s> Report<'s> {
    fn policy(&mut self, document: &Node, names: &Names) -> Option<Policy> {
        let map = self.map(document, "a policy", &KEYS)?;
        let name = self
            .required(&map, "a policy", "name")
            .and_then(|node| self.own_policy_name(node));
        let currency = map.get("currency").and_then(|node| self.currency(node));
        let lost = map
            .get("contactability")
            .and_then(|node| self.contactability(node));
        let (segments, whens) = self.segments(&map);
        let Stages {
            mut stages,
            enters,
            turns,
        } = self.stages(&map, names);
        let arms = map
            .get("arms")
            .map_or_else(|| Some(vec![champion(100)]), |node| self.arms(node));
        let stage_names: Vec<String> = stages.iter().map(|s| s.name.clone()).collect();
        let mut compiler = Compiler {
            program: Program {
                segments,
                ..Program::default()
            },
            currency,
            stages: &stage_names,
            segments_move: false,
        };
        for when in &whens {
            if let Some(root) = self.condition(&mut compiler, when.as_ref(), Owner::Segment) {
                compiler.program.whens.push(root);
            }
        }
        let segments_end = compiler.program.nodes.len();
        compiler.segments_move = compiler
            .program
            .nodes
            .iter()
            .any(program::Node::moves_with_time);
        for (i, enter) in enters.iter().enumerate() {
            let owner = Owner::Stage(i as u8);
            if let Some(root) = self.condition(&mut compiler, enter.as_ref(), owner) {
                compiler.program.enters.push(root);
            }
        }
        for (i, n, when) in &turns {
            let root = self.condition(&mut compiler, Some(when), Owner::Step(*i));
            let stage = stages.get_mut(usize::from(*i));
            if let Some(step) = stage.and_then(|s| s.steps.get_mut(*n)) {
                step.when_root = root;
            }
        }
        let (mut program, currency) = (compiler.program, compiler.currency);
        program.finish();
        let steps = stages.iter().flat_map(|s| &s.steps);
        let mut actions = steps.flat_map(|s| &s.on);
        let holds = actions.any(|(_, action)| matches!(action, OnOutcome::Hold(_)));
        Some(Policy {
            source: self.source.into(),
            name: name?,
            currency,
            segments: program.segments.clone(),
            stages,
            arms: arms?,
            lost_after_failed_days: lost.unwrap_or(LOST_AFTER_FAILED_DAYS),
            warnings: Vec::new(),
            holds,
            horizon: Horizon::of(&program, segments_end),
            program,
        })
    }

    fn condition(
        &mut self,
        compiler: &mut Compiler<'_>,
        condition: Option<&Condition<'_>>,
        owner: Owner,
    ) -> Option<u16> {
        let Condition { at, text } = condition?;
        match compiler.condition(text, owner) {
            Ok(root) => Some(root),
            Err(faults) => {
                for fault in faults {
                    self.fault(*at, text, fault);
                }
                None
            }
        }
    }

    fn name(&mut self, node: &Node, what: &str) -> Option<String> {
        let name = self.text(node, &format!("the name of {what}"))?;
        if self.is_name(name, node.at) {
            Some(name.to_owned())
        } else {
            None
        }
    }

    /// The policy's own name; not one that could be taken for the id of a version.
    fn own_policy_name(&mut self, node: &Node) -> Option<String> {
        let name = self.name(node, "a policy")?;
        if !name.starts_with(ID_PREFIX) {
            return Some(name);
        }
        let message = format!("`{name}` begins as ids of versions do");
        let hint = format!("a name that does not begin with `{ID_PREFIX}`");
        self.error(code::NAME, node.at, message, hint);
        None
    }

    fn is_name(&mut self, name: &str, at: At) -> bool {
        let fits = (1..=NAME_BYTES_MAX).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
        if !fits {
            let hint = format!("1 to {NAME_BYTES_MAX} of a-z, 0-9, _ and -");
            self.error(code::NAME, at, format!("`{name}` is no name"), hint);
        }
        fits
    }

    fn currency(&mut self, node: &Node) -> Option<Currency> {
        let text = self.text(node, "`currency`")?;
        let currency = Currency::new(text).ok();
        if currency.is_none() {
            let hint = "three capital letters, such as CNY";
            self.error(
                code::CURRENCY,
                node.at,
                format!("`{text}` is no currency"),
                hint,
            );
        }
        currency
    }

    fn contactability(&mut self, node: &Node) -> Option<u8> {
        let map = self.map(node, "`contactability`", &[LOST_KEY])?;
        let days = self.required(&map, "`contactability`", LOST_KEY)?;
        let days = self.int(days, LOST_KEY, 1, LOST_DAYS_MAX)?;
        u8::try_from(days).ok()
    }

    /// Entries of a list under `key`, at most `max`.
    fn entries<'n>(&mut self, map: &Map<'n>, key: &str, max: usize) -> &'n [Node] {
        let Some(node) = map.get(key) else {
            return &[];
        };
        let list = self.list(node, &format!("`{key}`")).unwrap_or_default();
        if list.len() > max {
            let message = format!("`{key}` has {} entries", list.len());
            let hint = format!("at most {max} are allowed");
            self.error(code::COUNT, list[max].at, message, hint);
        }
        &list[..list.len().min(max)]
    }

    fn segments<'n>(&mut self, map: &Map<'n>) -> (Vec<String>, Vec<Option<Condition<'n>>>)
    where
        's: 'n,
    {
        let mut names = Vec::new();
        let mut whens = Vec::new();
        for node in self.entries(map, "segments", SEGMENTS_MAX) {
            let Some(map) = self.map(node, "a segment", &SEGMENT_KEYS) else {
                continue;
            };
            let name = self.own_name(&map, "a segment", &names);
            names.push(name.unwrap_or_default());
            whens.push(self.expression(&map, "a segment", "when"));
        }
        (names, whens)
    }

    /// The name of an entry, unlike those before it.
    fn own_name(&mut self, map: &Map<'_>, what: &str, before: &[String]) -> Option<String> {
        let node = self.required(map, what, "name")?;
        let name = self.name(node, what)?;
        if before.contains(&name) {
            let message = format!("there is {what} `{name}` already");
            self.error(code::DUPLICATE, node.at, message, "give it another name");
        }
        Some(name)
    }

    pub(crate) fn expression<'n>(
        &mut self,
        map: &Map<'n>,
        what: &str,
        key: &str,
    ) -> Option<Condition<'n>>
    where
        's: 'n,
    {
        let node = self.required(map, what, key)?;
        let at = node.at;
        let text = match &node.value {
            Value::Text(text) => self.as_written(at).unwrap_or(text),
            // Written without quotes, YAML reads these two as truth values.
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            _ => self.text(node, &format!("`{key}`"))?,
        };
        Some(Condition { at, text })
    }

    fn stages<'n>(&mut self, map: &Map<'n>, names: &Names) -> Stages<'n>
    where
        's: 'n,
    {
        let mut all = Stages::default();
        let mut stage_names = Vec::new();
        let node = self.required(map, "a policy", "stages");
        let entries = self.entries(map, "stages", STAGES_MAX);
        if let Some(node) = node.filter(|n| matches!(&n.value, Value::List(l) if l.is_empty())) {
            self.error(
                code::COUNT,
                node.at,
                "a policy needs at least one stage",
                "",
            );
        }
        for node in entries {
            let Some(map) = self.map(node, "a stage", &STAGE_KEYS) else {
                continue;
            };
            let name = self.own_name(&map, "a stage", &stage_names);
            let name = name.unwrap_or_default();
            stage_names.push(name.clone());
            let enter = self.expression(&map, "a stage", "enter");
            let approval = self.approval(&map);
            let mut steps = Vec::new();
            for (step, when) in self.steps(&map, names, approval) {
                let place = (all.stages.len() as u8, steps.len());
                all.turns.extend(when.map(|when| (place.0, place.1, when)));
                steps.push(step);
            }
            all.stages.push(Stage {
                name,
                enter: enter.as_ref().map_or("", |e| e.text).to_owned(),
                approval,
                steps,
                place: self.place(enter.as_ref().map_or(node.at, |e| e.at)),
            });
            all.enters.push(enter);
        }
        all
    }

    fn steps<'n>(
        &mut self,
        map: &Map<'n>,
        names: &Names,
        approval: bool,
    ) -> Vec<(Step, Option<Condition<'n>>)>
    where
        's: 'n,
    {
        let node = self.required(map, "a stage", "steps");
        if let Some(node) = node.filter(|n| matches!(&n.value, Value::List(l) if l.is_empty())) {
            self.error(code::COUNT, node.at, "a stage needs at least one step", "");
        }
        self.entries(map, "steps", STEPS_MAX)
            .iter()
            .filter_map(|node| self.step(node, names, approval))
            .collect()
    }

    fn arms(&mut self, node: &Node) -> Option<Vec<Arm>> {
        let Value::Map(entries) = &node.value else {
            self.map(node, "`arms`", &[]);
            return None;
        };
        let mut arms = Vec::new();
        for (key, value) in entries.iter().take(ARMS_MAX) {
            arms.push(self.arm(key, value));
        }
        if entries.len() > ARMS_MAX {
            let message = format!("an experiment has at most {ARMS_MAX} arms");
            self.error(code::COUNT, entries[ARMS_MAX].0.at, message, "");
        }
        let mut arms = arms.into_iter().collect::<Option<Vec<Arm>>>()?;
        let total: u32 = arms.iter().map(|a| u32::from(a.share)).sum();
        if total != 100 {
            let message = format!("the arms' shares add up to {total}");
            self.error(code::ARMS, node.at, message, "they must add up to 100");
        }
        let Some(own) = arms.iter().position(|a| a.name == CHAMPION) else {
            let hint = format!("add {CHAMPION}: its share, for this policy itself");
            self.error(
                code::ARMS,
                node.at,
                format!("there is no arm `{CHAMPION}`"),
                hint,
            );
            return None;
        };
        arms[..=own].rotate_right(1);
        Some(arms)
    }

    fn arm(&mut self, key: &Key, node: &Node) -> Option<Arm> {
        if !self.is_name(&key.name, key.at) {
            return None;
        }
        if key.name == CHAMPION {
            let share = self.int(node, "a share", 0, 100)?;
            return Some(champion(u8::try_from(share).ok()?));
        }
        let what = format!("arm `{}`", key.name);
        let map = self.map(node, &what, &ARM_KEYS)?;
        let share = self
            .required(&map, &what, "share")
            .and_then(|node| self.int(node, "a share", 0, 100));
        let policy = self
            .required(&map, &what, "policy")
            .and_then(|node| self.name(node, "a policy"));
        Some(Arm {
            name: key.name.clone(),
            share: u8::try_from(share?).ok()?,
            policy: Some(policy?),
        })
    }
}

fn champion(share: u8) -> Arm {
    Arm {
        name: CHAMPION.to_owned(),
        share,
        policy: None,
    }
}
