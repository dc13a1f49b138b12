//! `cargo xtask bench`: how near recoup comes to what the machine can do. Each figure stands beside a raw
//! limit or a peer that was measured in turn with it, in the same run. docs/benchmarks.md tells how to
//! read it.

mod allocations;
mod beside;
mod channel;
mod check;
mod client;
mod contacts;
mod decision;
mod gate;
mod get;
mod hostile;
mod language;
mod machine;
mod measure;
mod open_loop;
mod opening;
mod program;
mod raw;
mod replay;
mod report;
mod scene;
mod stack;
mod staging;
mod swap;
mod tick;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::cargo;
use report::{Baseline, Line, Report};

/// How near recoup comes to what the machine can do: rates, times and processor time beside raw limits
/// of the same run. A debug build calls cargo for a release build first.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Small sizes and one round: shows that everything runs. Its figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Prints JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Only these goals. All, where none is given.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Goal>,
    /// Rounds of each comparison, whose median counts; less than 7 is for trying things out.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=99))]
    rounds: u16,
    /// Folder for the stores of the run, on the disk that is to be measured. A new one under cargo's
    /// target folder, where none is given; it is removed at the end.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Goals of docs/benchmarks.md that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Goal {
    G1,
    G2,
    G3,
    G4,
    G9,
    G10,
    /// The gate's part of G10, with the most rules that bind one case.
    #[value(name = "g10-gate")]
    G10Gate,
    G11,
    G12,
    G13,
    G14,
    G18,
    G20,
    G21,
    /// The same of a channel in a process of its own.
    #[value(name = "g21-isolated")]
    G21Isolated,
    /// A policy of ten stages, explored.
    CheckPolicy,
    /// A good client beside a noisy neighbour.
    Neighbour,
    /// A good channel beside hostile ones.
    Hostile,
    /// A library of 1 MiB, staged.
    Staging,
    /// A channel that is swapped under load.
    Swap,
}

/// A bench that does not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Plain SQL failed.
    #[error("SQL: {0}")]
    Sql(#[from] rusqlite::Error),
    /// The store failed.
    #[error("store: {0}")]
    Store(#[from] recoup_store::StoreError),
    /// A call was refused.
    #[error("call: {0}")]
    Call(Box<tonic::Status>),
    /// A file or port.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Something else failed.
    #[error("{0}")]
    Other(Box<dyn std::error::Error + Send + Sync>),
    /// What was measured did not do what it should: its time would mean nothing.
    #[error("not measured: {0}")]
    Wrong(String),
}

impl Failure {
    fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Self::Call(Box::new(status))
    }
}

/// What every measurement stands on.
pub(crate) struct Ground {
    runtime: Runtime,
    dir: TempDir,
    quick: bool,
    rounds: usize,
}

impl Ground {
    fn new(args: &Args) -> Result<Self, Failure> {
        let parent = match &args.dir {
            Some(dir) => dir.clone(),
            None => cargo::target_dir().join("bench"),
        };
        std::fs::create_dir_all(&parent)?;
        Ok(Self {
            runtime: Builder::new_multi_thread().enable_all().build()?,
            dir: tempfile::tempdir_in(parent)?,
            quick: args.quick,
            rounds: if args.quick { 1 } else { args.rounds.into() },
        })
    }

    /// A size, cut in a quick run.
    fn size(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// A folder of its own for a store, removed when it is dropped.
    fn folder(&self) -> Result<TempDir, Failure> {
        Ok(tempfile::tempdir_in(self.dir.path())?)
    }
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    if cfg!(debug_assertions) && !args.quick {
        return in_release();
    }
    match measure_all(args) {
        Ok(report) if args.json => println!("{}", report.json()),
        Ok(report) => println!("{}", report.text()),
        Err(failure) => {
            eprintln!("the benchmark failed: {failure}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// The same command, built for speed.
fn in_release() -> ExitCode {
    let mut cargo = cargo::cargo();
    cargo.args(["run", "--quiet", "--release", "--package", "xtask", "--"]);
    match cargo.args(std::env::args_os().skip(1)).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo cannot be called for a release build: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all(args: &Args) -> Result<Report, Failure> {
    let ground = Ground::new(args)?;
    eprintln!("measuring the machine, then the goals one by one");
    let machine = machine::measure(&ground)?;
    let mut lines = Vec::new();
    for goal in Goal::value_variants() {
        if args.only.is_empty() || args.only.contains(goal) {
            let mut line = measure(*goal, &ground)?;
            // A run takes minutes: what is known so far outlives one that is broken off.
            let result = report::short(line.result);
            eprintln!(
                "{goal:?}: {result} {}, {}",
                line.result_unit,
                line.verdict()
            );
            line.suspect = line.suspect.or_else(|| suspect(*goal, &machine));
            lines.push(line);
        }
    }
    Ok(Report {
        quick: args.quick,
        rounds: ground.rounds,
        machine,
        lines,
    })
}

fn measure(goal: Goal, ground: &Ground) -> Result<Line, Failure> {
    match goal {
        Goal::G1 => opening::unary(ground),
        Goal::G2 => opening::import(ground),
        Goal::G3 => get::get(ground),
        Goal::G4 => opening::grouping(ground),
        Goal::G9 => contacts::contacts(ground),
        Goal::G10 => decision::decision(ground),
        Goal::G10Gate => gate::gate(ground),
        Goal::G11 => language::conditions(ground),
        Goal::G12 => replay::rate(ground),
        Goal::G13 => replay::threads(ground),
        Goal::G14 => tick::tick(ground),
        Goal::G18 => replay::memory(ground),
        Goal::G20 => beside::contacts(ground),
        Goal::G21 => channel::inline(ground),
        Goal::G21Isolated => channel::isolated(ground),
        Goal::CheckPolicy => check::check_policy(ground),
        Goal::Neighbour => beside::neighbour(ground),
        Goal::Hostile => hostile::hostile(ground),
        Goal::Staging => staging::staging(ground),
        Goal::Swap => swap::swap(ground),
    }
}

/// What of the machine a goal's raw limit rests on.
fn suspect(goal: Goal, machine: &[Baseline]) -> Option<String> {
    let rests_on = match goal {
        Goal::G1 | Goal::G9 => machine::ROWS_100,
        Goal::G2 => machine::ROWS_1000,
        Goal::G4 | Goal::G20 | Goal::Neighbour | Goal::Staging | Goal::Swap => machine::ROWS_1,
        Goal::G3 => machine::ECHO,
        Goal::G14 => machine::TICK,
        Goal::G21
        | Goal::G21Isolated
        | Goal::G10
        | Goal::G10Gate
        | Goal::G11
        | Goal::G12
        | Goal::G13
        | Goal::G18
        | Goal::Hostile
        | Goal::CheckPolicy => machine::TRAIT_CALL,
    };
    let found = machine.iter().find(|b| b.what == rests_on);
    found.and_then(Baseline::suspect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_run_measures_every_goal_and_prints_it() {
        let dir = tempfile::tempdir().unwrap();
        let args = Args {
            quick: true,
            json: true,
            only: Vec::new(),
            rounds: 7,
            dir: Some(dir.path().to_owned()),
        };
        let report = measure_all(&args).unwrap();
        let goals: Vec<_> = report.lines.iter().map(|l| l.goal).collect();
        let all = [
            "G1",
            "G2",
            "G3",
            "G4",
            "G9",
            "G10",
            "G10-gate",
            "G11",
            "G12",
            "G13",
            "G14",
            "G18",
            "G20",
            "G21",
            "G21-isolated",
            "check-policy",
            "neighbour",
            "hostile",
            "staging",
            "swap",
        ];
        assert_eq!(goals, all);
        for line in &report.lines {
            assert!(line.result.is_finite() && line.result > 0.0, "{line:?}");
            assert!(line.ours.value > 0.0 && line.raw.value > 0.0, "{line:?}");
        }
        assert!(report.text().contains("figures mean nothing"));
        serde_json::from_str::<serde_json::Value>(&report.json()).unwrap();
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            0,
            "left behind"
        );
    }
}
