//! The gate held against a second reading of the law: random cases, answered by both.

mod case;
mod checker;
mod draw;
mod gate;
mod generate;
mod past;

use std::collections::BTreeMap;
use std::process::ExitCode;

use case::{Answer, Case};
use generate::Known;
use recoup_compliance::Packs;

use crate::test::Ended;

/// A full run: its goals are those of docs/law/checker.md.
const FULL: u64 = 100_000;
/// How often each shape must be decisive in a full run.
const DECISIVE_MIN: u64 = 1_000;
/// The share of cases with a finite earliest instant that a full run must have, in percent.
const FINITE_MIN: u64 = 30;
/// What `cargo xtask test` runs.
const SLICE: u64 = 5_000;
const SEED: u64 = 20_261_121;
/// No more disagreements are shown.
const SHOWN_MAX: usize = 10;

/// Hold the gate against a second reading of the law that shares no code with it: random cases, answered by
/// both; verdict, reasons and earliest instant must be the same. Exit code 1 where they differ, or where a run
/// of 100,000 cases and more misses its goals.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// How many cases.
    #[arg(long, default_value_t = FULL)]
    cases: u64,
    /// Other cases.
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// Show this one case of the seed and both answers.
    #[arg(long, value_name = "NUMBER")]
    show: Option<u64>,
}

/// Runs it.
pub(crate) fn command(args: &Args) -> ExitCode {
    let known = known();
    if let Some(number) = args.show {
        let case = generate::case(args.seed, number, &known);
        println!("{case:#?}\ngate:    {:?}", gate::answer(&case));
        println!("checker: {:?}", checker::answer(&case));
        return ExitCode::SUCCESS;
    }
    match run(args.cases, args.seed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(1)
        }
    }
}

/// The step of `cargo xtask test`.
pub(crate) fn step() -> Ended {
    match run(SLICE, SEED) {
        Ok(()) => Ended::Passed,
        Err(why) => Ended::Failed(why),
    }
}

/// All rules of the packs, on or off, with the names of their shapes.
fn known() -> Vec<Known> {
    let rules = Packs::builtin().rules();
    rules.map(|rule| (rule.id(), rule.shape())).collect()
}

/// What came of some cases.
#[derive(Default)]
struct Tally {
    permitted: u64,
    denied: u64,
    finite: u64,
    /// How often a rule was the primary reason.
    decisive: BTreeMap<String, u64>,
    disagreements: Vec<String>,
}

fn run(cases: u64, seed: u64) -> Result<(), String> {
    let known = known();
    let unstated = known
        .iter()
        .filter(|(id, _)| !checker::rule_ids().contains(id));
    let unstated: Vec<&str> = unstated.map(|(id, _)| *id).collect();
    if !unstated.is_empty() {
        let ids = unstated.join(", ");
        return Err(format!(
            "the checker does not state {ids}; see xtask/src/law/checker/rules.rs"
        ));
    }
    println!("{cases} cases, seed {seed}, {} rules", known.len());
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let share = |first: u64| {
            let known = &known;
            scope.spawn(move || tally((first..cases).step_by(threads as usize), seed, known))
        };
        let running: Vec<_> = (0..threads).map(share).collect();
        let ended = running.into_iter().map(|thread| thread.join());
        ended.collect::<Result<_, _>>()
    })
    .map_err(|_| "a case made gate or checker panic; it stands above".to_owned())?;
    report(
        cases,
        &known,
        &tallies.into_iter().fold(Tally::default(), Tally::with),
    )
}

impl Tally {
    fn with(mut self, other: Self) -> Self {
        self.permitted += other.permitted;
        self.denied += other.denied;
        self.finite += other.finite;
        for (rule, times) in other.decisive {
            *self.decisive.entry(rule).or_default() += times;
        }
        self.disagreements.extend(other.disagreements);
        self
    }

    fn take(&mut self, number: u64, case: &Case) {
        match compare(case) {
            Ok(Answer::Permit) => self.permitted += 1,
            Ok(Answer::Deny {
                reason, earliest, ..
            }) => {
                self.denied += 1;
                self.finite += u64::from(earliest.is_some());
                *self.decisive.entry(reason).or_default() += 1;
            }
            Err(how) => self.disagreements.push(format!("case {number}\n{how}")),
        }
    }
}

/// What both say, or how they differ.
fn compare(case: &Case) -> Result<Answer, String> {
    let (gate, expires) = gate::answer(case)?;
    let checker = checker::answer(case)?;
    if gate != checker {
        return Err(format!("  gate:    {gate:?}\n  checker: {checker:?}"));
    }
    // A permit for a moment is good for every moment until it expires.
    let end = expires.filter(|_| case.minutes == 0);
    match end.and_then(|end| checker::denied_before(case, end)) {
        Some(at) => Err(format!(
            "  gate:    permit until {end:?}\n  checker: deny at {at}"
        )),
        None => Ok(gate),
    }
}

fn tally(numbers: impl Iterator<Item = u64>, seed: u64, known: &[Known]) -> Tally {
    let mut tally = Tally::default();
    for number in numbers {
        tally.take(number, &generate::case(seed, number, known));
    }
    tally
}

fn report(cases: u64, known: &[Known], tally: &Tally) -> Result<(), String> {
    let mut shapes: BTreeMap<&str, u64> = known.iter().map(|(_, shape)| (*shape, 0)).collect();
    for (id, shape) in known {
        let times = tally.decisive.get(*id).copied().unwrap_or(0);
        *shapes.entry(shape).or_default() += times;
    }
    println!("decisive, by shape:");
    for (shape, times) in &shapes {
        println!("  {shape:<16}{times:>8}");
    }
    let decisive = known
        .iter()
        .filter(|(id, _)| tally.decisive.contains_key(*id));
    println!(
        "rules that were decisive: {} of {}",
        decisive.count(),
        known.len()
    );
    println!(
        "permitted {}, denied {}, with a finite earliest {} ({} % of all)",
        tally.permitted,
        tally.denied,
        tally.finite,
        tally.finite * 100 / cases.max(1)
    );
    for shown in tally.disagreements.iter().take(SHOWN_MAX) {
        println!("{shown}");
    }
    println!("disagreements: {}", tally.disagreements.len());
    if !tally.disagreements.is_empty() {
        let why = "gate and checker disagree; `--show NUMBER` prints a case";
        return Err(why.to_owned());
    }
    let full = cases >= FULL;
    let least = if full { DECISIVE_MIN } else { 1 };
    let rare: Vec<&str> = shapes
        .iter()
        .filter(|(_, times)| **times < least)
        .map(|(shape, _)| *shape)
        .collect();
    if !rare.is_empty() {
        let rare = rare.join(", ");
        return Err(format!("decisive fewer than {least} times: {rare}"));
    }
    if full && tally.finite * 100 < cases * FINITE_MIN {
        return Err(format!(
            "fewer than {FINITE_MIN} % have a finite earliest instant"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checker_knows_nothing_of_the_gate() {
        let files = [
            include_str!("checker/mod.rs"),
            include_str!("checker/counts.rs"),
            include_str!("checker/dates.rs"),
            include_str!("checker/facts.rs"),
            include_str!("checker/hours.rs"),
            include_str!("checker/rules.rs"),
            include_str!("checker/search.rs"),
            include_str!("checker/world.rs"),
            include_str!("case.rs"),
        ];
        let own = |line: &&str| line.contains("recoup_") || line.contains("include_str");
        for file in files {
            assert_eq!(file.lines().find(own), None);
        }
    }

    #[test]
    fn the_checker_states_every_rule_once() {
        let mut stated = checker::rule_ids();
        let mut known: Vec<&str> = known().into_iter().map(|(id, _)| id).collect();
        stated.sort_unstable();
        known.sort_unstable();
        assert_eq!(stated, known);
    }

    #[test]
    fn a_case_repeats() {
        let known = known();
        let text = |seed, number| format!("{:?}", generate::case(seed, number, &known));
        assert_eq!(text(1, 7), text(1, 7));
        assert_ne!(text(1, 7), text(1, 8));
        assert_ne!(text(1, 7), text(2, 7));
    }
}
