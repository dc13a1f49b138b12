//! Faults from outside, and what the judge says of them afterwards: docs/reliability.md.

mod aim;
mod campaign;
pub(crate) mod lender;
mod line;
mod load;
pub(crate) mod loan;
mod look;
mod past;
mod planted;
mod servers;
mod swaps;
mod verdict;
mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use tokio::signal::unix::{SignalKind, signal};

use crate::test::Ended;
use crate::{cargo, peers};
use campaign::{Campaign, Fault};
use verdict::Row;

/// Rounds at once: while one waits for the disk, another computes.
const AT_ONCE: usize = 2;
/// Violations shown in words.
const SHOWN: usize = 10;

/// Let faults happen to a real server under load, and have judged what came of it. Exit code 1 where one has a double,
/// a loss or a violation.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Only this fault; may stand several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<Fault>,
    /// How often it happens: kills, stops, crashes of the database, cuts. Each fault has a number of its own.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    points: Option<u32>,
    /// As often as CI does.
    #[arg(long, conflicts_with = "points")]
    slice: bool,
    /// What is drawn follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Plant bugs instead, each under the fault that must find it, and say which are found.
    #[arg(long)]
    planted: bool,
    /// Only this bug; may stand several times.
    #[arg(long, value_name = "NAME", requires = "planted", value_parser = planted::BUGS.map(|bug| bug.name))]
    bug: Vec<String>,
}

/// Swap channels of a real server under load, for good generations and for bad ones, with kills of the server amid some
/// swaps; the judge says what came of it. The same as `faults --only swaps --points N`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SoakArgs {
    /// How many swaps.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    swaps: u32,
    /// What is drawn follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The soak as a command.
pub(crate) fn soak(args: &SoakArgs) -> ExitCode {
    command(&Args {
        only: vec![Fault::Swaps],
        points: Some(args.swaps),
        slice: false,
        seed: args.seed,
        planted: false,
        bug: Vec::new(),
    })
}

/// The faults as a command.
pub(crate) fn command(args: &Args) -> ExitCode {
    match step(args) {
        Ended::Passed => ExitCode::SUCCESS,
        Ended::Failed(why) => {
            eprintln!("faults: {why}");
            ExitCode::from(1)
        }
        Ended::Skipped(missing) => {
            eprintln!("faults: {missing}");
            ExitCode::from(2)
        }
    }
}

/// The slice that CI runs.
pub(crate) fn slice() -> Ended {
    step(&Args::slice(false))
}

/// The planted bugs that CI looks for.
pub(crate) fn planted_slice() -> Ended {
    step(&Args::slice(true))
}

impl Args {
    fn slice(planted: bool) -> Self {
        Self {
            only: Vec::new(),
            points: None,
            slice: true,
            seed: 1,
            planted,
            bug: Vec::new(),
        }
    }
}

fn step(args: &Args) -> Ended {
    if let Err(missing) = peers::debian(&[("strace", "strace")]) {
        return Ended::Skipped(missing);
    }
    match peers::postgres() {
        Ended::Passed => {}
        other => return other,
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let done = runtime.map_err(|e| e.to_string()).and_then(|runtime| {
        world::build(args.planted)?;
        runtime.block_on(until_interrupted(args))
    });
    match done {
        Ok(()) => Ended::Passed,
        Err(why) => Ended::Failed(why),
    }
}

/// Whoever interrupts it finds no process of it left: dropping the run ends them.
async fn until_interrupted(args: &Args) -> Result<(), String> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    let faults = async {
        match args.planted {
            true => find(args).await,
            false => run(args).await,
        }
    };
    tokio::select! {
        done = faults => done,
        _ = tokio::signal::ctrl_c() => Err("interrupted".to_owned()),
        _ = terminate.recv() => Err("terminated".to_owned()),
    }
}

async fn run(args: &Args) -> Result<(), String> {
    let folder = fresh_folder()?;
    println!("seed {}, folder {}", args.seed, folder.display());
    let mut rows = Vec::new();
    for fault in Fault::value_variants() {
        if !args.only.is_empty() && !args.only.contains(fault) {
            continue;
        }
        let begun = Instant::now();
        let (by_hand, in_ci) = fault.points();
        let points = match (args.points, args.slice) {
            (Some(points), _) => by_hand.min(1) * points as usize,
            (None, true) => in_ci,
            (None, false) => by_hand,
        };
        let row = campaign(*fault, points, args.seed, &folder, None).await;
        let row =
            row.map_err(|why| format!("{}: {why}; see {}", fault.name(), folder.display()))?;
        if points > 0 && !matches!(fault, Fault::KillChannels | Fault::Swaps) {
            println!("{}", fault.name());
            print!("{}", row.histogram());
        }
        if *fault == Fault::Swaps {
            println!("{}", row.swaps);
        }
        rows.push((*fault, row, begun.elapsed()));
    }
    println!("{}", table(&rows));
    let wrong = wrong(&rows);
    if wrong.is_empty() {
        let _ = fs::remove_dir_all(&folder);
        return Ok(());
    }
    for line in &wrong {
        println!("{line}");
    }
    Err(format!(
        "{} things are wrong; see {}",
        wrong.len(),
        folder.display()
    ))
}

/// Plants the bugs one after the other.
async fn find(args: &Args) -> Result<(), String> {
    let folder = fresh_folder()?;
    println!("seed {}, folder {}", args.seed, folder.display());
    let mut missed = Vec::new();
    for bug in planted::BUGS {
        let is_wanted = args.bug.is_empty() || args.bug.iter().any(|name| name == bug.name);
        let is_left_out = args.slice && !bug.is_in_slice();
        if !is_wanted || is_left_out || !(args.only.is_empty() || args.only.contains(&bug.fault)) {
            continue;
        }
        let begun = Instant::now();
        let points = planted::points(bug.fault);
        let own = folder.join(bug.name);
        let row = campaign(bug.fault, points, args.seed, &own, Some(bug.name)).await;
        let (found, what) = match &row {
            Ok(row) => (
                row.violations.contains_key(bug.kind),
                format!("{:?}", row.violations),
            ),
            Err(why) => (false, why.clone()),
        };
        let word = if found { "found" } else { "not found" };
        let (name, fault, took) = (bug.name, bug.fault.name(), begun.elapsed().as_secs());
        println!("{word:<9} {name:<20} {fault:<13} {took:>4} s  {what}");
        if !found {
            missed.push(name);
        }
    }
    match missed.is_empty() {
        true => fs::remove_dir_all(&folder).map_err(|e| e.to_string()),
        false => Err(format!(
            "not found: {}; see {}",
            missed.join(", "),
            folder.display()
        )),
    }
}

/// A fault in rounds, each with a store and an outside world of its own.
async fn campaign(
    fault: Fault,
    points: usize,
    seed: u64,
    folder: &Path,
    plant: Option<&'static str>,
) -> Result<Row, String> {
    let part = |name: String, points: usize, seed: u64| -> Result<Campaign, String> {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        Ok(Campaign {
            fault,
            folder,
            seed,
            points,
            plant,
        })
    };
    if fault.is_shared() {
        return part(fault.name().to_owned(), points, seed)?
            .run_shared()
            .await;
    }
    let Some(most) = fault.round() else {
        return part(fault.name().to_owned(), points, seed)?.run(None).await;
    };
    let mut range = None;
    if fault == Fault::KillSyscall {
        let aimed = part("aim".to_owned(), 0, seed)?.aim().await?;
        if plant.is_none() {
            println!("points: {aimed}");
        }
        range = Some(std::sync::Arc::new(aimed));
    }
    let mut rounds = Vec::new();
    for (n, first) in (0..points).step_by(most).enumerate() {
        let points = most.min(points - first);
        rounds.push(part(
            format!("{}-{n}", fault.name()),
            points,
            seed.wrapping_add(n as u64),
        )?);
    }
    let mut all = Row::default();
    let mut running = tokio::task::JoinSet::new();
    let mut waiting = rounds.into_iter();
    loop {
        while running.len() < AT_ONCE
            && let Some(round) = waiting.next()
        {
            let range = range.clone();
            running.spawn(async move { round.run(range.as_deref()).await });
        }
        match running.join_next().await {
            Some(done) => all.take(done.map_err(|e| e.to_string())??),
            None => break,
        }
    }
    Ok(all)
}

fn table(rows: &[(Fault, Row, Duration)]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header([
        "fault",
        "points",
        "receipts",
        "intents",
        "doubles",
        "losses",
        "UNKNOWN",
        "violations",
        "seconds",
    ]);
    for (fault, row, took) in rows {
        let figures = [
            row.points as u64,
            row.receipts,
            row.intents,
            row.doubles,
            row.losses,
            row.unknown,
            row.violated(),
            took.as_secs(),
        ];
        let figures = figures.iter().map(u64::to_string);
        table.add_row(std::iter::once(fault.name().to_owned()).chain(figures));
    }
    table
}

/// What must not be, in words.
fn wrong(rows: &[(Fault, Row, Duration)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (fault, row, _) in rows {
        let said = row.said.iter().take(SHOWN).cloned();
        let lines = said.chain(row.gates(*fault));
        wrong.extend(lines.map(|line| format!("{}: {line}", fault.name())));
    }
    wrong
}

fn fresh_folder() -> Result<PathBuf, String> {
    let all = cargo::target_dir().join("faults");
    let made = fs::create_dir_all(&all).and_then(|()| tempfile::tempdir_in(&all));
    made.map(tempfile::TempDir::keep)
        .map_err(|e| format!("{}: {e}", all.display()))
}
