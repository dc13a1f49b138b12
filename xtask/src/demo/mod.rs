//! The main job in one command: a portfolio, months of the ladder on a virtual clock, and the judge's verdict.

mod acts;
mod behaviour;
mod cases;
pub(crate) mod client;
mod clock;
mod driver;
mod http;
pub(crate) mod ledger;
mod live;
mod report;
mod roll;
mod setup;
mod visits;
mod watch;
mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use recoup::cli::import;
use recoup::cli::import::mapping::Mapping;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::portfolio;
use acts::People;
use behaviour::DAY_US;
use client::Client;
use clock::Clock;
use driver::{Driver, Plan};
use live::LiveLine;
use report::{Floors, Portfolio, Report};
use roll::Roll;
use world::{Built, Start, World};

/// The day the made-up portfolio is of, and the run's first.
const SAMPLE_DAY: Date = Date::constant(2026, 3, 1);
/// Days after the last statement of a portfolio with months.
const DAYS_AFTER_ROLL: i64 = 31;
/// The run ends a little after a full hour, at an instant at which nothing can be due: then everything that
/// was due has been answered.
const END_OFFSET_US: i64 = 7_000_001;
/// Receipts without which the sample was no run.
const SAMPLE_RECEIPTS_MIN: u64 = 5_000;

/// Run the ladder from a portfolio to the verdict: builds, starts sandbox and server on a stepped clock,
/// imports, drives the people outside, prints tables and lets the judge speak.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Cases of the made-up portfolio.
    #[arg(long, default_value_t = 2_000)]
    cases: u32,
    /// Days to run. By default 120; for a portfolio of months until a month after the last.
    #[arg(long)]
    days: Option<i64>,
    /// Everything that looks like chance follows from it.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// A real portfolio in place of the made-up one.
    #[arg(long, value_name = "FILE")]
    portfolio: Option<PathBuf>,
    /// Mapping of the real portfolio.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "recoup",
        requires = "portfolio"
    )]
    mapping: String,
    /// Run a server that is faulty on purpose; the judge must find it, and the exit code is 1.
    #[arg(long, value_name = "FAULT")]
    plant: Option<Plant>,
    /// Leave sandbox and server running at the end.
    #[arg(long)]
    keep: bool,
    /// Print the result as one JSON object, the last line of standard output.
    #[arg(long)]
    json: bool,
    /// Cargo profile of what is built and run.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Run what was built before.
    #[arg(long)]
    no_build: bool,
}

/// A fault to plant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Plant {
    /// A contact is sent twice.
    Double,
    /// A contact counts as accepted and is never sent.
    Lost,
    /// A contact goes out at night.
    Night,
    /// A contact goes out after the money came in.
    AfterPayment,
}

impl Plant {
    /// The name as the faulty server knows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Double => "double",
            Self::Lost => "lost",
            Self::Night => "night",
            Self::AfterPayment => "after-payment",
        }
    }
}

/// Why the demo could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// Something outside went wrong.
    #[error("{0}")]
    Failed(String),
    /// The service refused a call that must succeed.
    #[error("{what}: the service answered {code}: {message}")]
    Rpc {
        /// What was to be done.
        what: String,
        /// The code.
        code: tonic::Code,
        /// What it said.
        message: String,
    },
}

impl DemoError {
    /// A refused call.
    pub(crate) fn rpc(what: &str, status: &tonic::Status) -> Self {
        Self::Rpc {
            what: what.to_owned(),
            code: status.code(),
            message: status.message().to_owned(),
        }
    }
}

/// Runs the demo; exit code 0 where all is as it must be, 1 where it is not, 2 where it could not run.
pub(crate) fn run(args: &Args) -> ExitCode {
    let outcome = world::build(&args.profile, args.plant, args.no_build).and_then(|built| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        let runtime =
            runtime.map_err(|error| DemoError::Failed(format!("start the demo: {error}")))?;
        runtime.block_on(until_interrupted(args, &built))
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whoever interrupts the demo finds no process of it left: dropping the run ends them.
async fn until_interrupted(args: &Args, built: &Built) -> Result<bool, DemoError> {
    let failed = |error: std::io::Error| DemoError::Failed(format!("watch for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        outcome = play(args, built) => outcome,
        _ = tokio::signal::ctrl_c() => Err(DemoError::Failed("interrupted".to_owned())),
        _ = terminate.recv() => Err(DemoError::Failed("terminated".to_owned())),
    }
}

/// What is played.
struct Script {
    file: PathBuf,
    mapping: String,
    month: Option<String>,
    policies: Vec<&'static str>,
    start: Timestamp,
    days: i64,
    roll: Option<Roll>,
    floors: Floors,
}

impl Script {
    fn write(args: &Args, folder: &Path) -> Result<Self, DemoError> {
        match &args.portfolio {
            Some(file) => Self::of_file(args, file),
            None => Self::sample(args, folder),
        }
    }

    fn sample(args: &Args, folder: &Path) -> Result<Self, DemoError> {
        let file = folder.join("portfolio.jsonl");
        let about =
            |error: std::io::Error| DemoError::Failed(format!("write {}: {error}", file.display()));
        let rows = portfolio::rows(&portfolio::Options {
            cases: args.cases,
            seed: args.seed,
            as_of: SAMPLE_DAY,
        });
        let to = std::io::BufWriter::new(fs::File::create(&file).map_err(about)?);
        portfolio::write(&rows, to).map_err(about)?;
        let is_default = args.cases >= 2_000 && args.days.is_none_or(|days| days >= 120);
        Ok(Self {
            mapping: "recoup".to_owned(),
            month: None,
            policies: vec!["cn-micro", "tw-card", "us-consumer"],
            start: midnight(SAMPLE_DAY)?,
            days: args.days.unwrap_or(120),
            roll: None,
            floors: Floors {
                receipts: if is_default { SAMPLE_RECEIPTS_MIN } else { 0 },
                every_channel: is_default,
            },
            file,
        })
    }

    fn of_file(args: &Args, file: &Path) -> Result<Self, DemoError> {
        let mapping =
            Mapping::load(&args.mapping).map_err(|error| DemoError::Failed(error.to_string()))?;
        let floors = Floors {
            receipts: 0,
            every_channel: false,
        };
        let (file, name) = (file.to_owned(), args.mapping.clone());
        let Some(monthly) = mapping.monthly() else {
            let day = mapping.as_of.unwrap_or(SAMPLE_DAY);
            return Ok(Self {
                policies: policies_for(&name),
                start: midnight(day)?,
                days: args.days.unwrap_or(120),
                roll: None,
                month: None,
                mapping: name,
                file,
                floors,
            });
        };
        let zone = TimeZone::get("Asia/Taipei")
            .map_err(|error| DemoError::Failed(format!("find the zone: {error}")))?;
        let (first, last) = monthly.span().map_err(DemoError::Failed)?;
        let start_us = Roll::first_instant(&mapping, &zone)?;
        let start = Timestamp::from_microsecond(start_us)
            .map_err(|error| DemoError::Failed(error.to_string()))?;
        let span = first
            .last_of_month()
            .until(last)
            .map_or(0, |span| i64::from(span.get_days()));
        Ok(Self {
            policies: policies_for(&name),
            month: Some(first.strftime("%Y-%m").to_string()),
            start,
            days: args.days.unwrap_or(span + DAYS_AFTER_ROLL),
            roll: Some(Roll::read(&file, mapping, &zone)?),
            mapping: name,
            file,
            floors,
        })
    }
}

/// A portfolio of one currency needs its policy alone.
fn policies_for(mapping: &str) -> Vec<&'static str> {
    match mapping {
        "us-consumer-loans" => vec!["us-consumer"],
        "taiwan-credit-card" => vec!["tw-card"],
        _ => vec!["cn-micro", "tw-card", "us-consumer"],
    }
}

fn midnight(day: Date) -> Result<Timestamp, DemoError> {
    let zoned = day.to_zoned(TimeZone::UTC);
    let zoned = zoned.map_err(|error| DemoError::Failed(format!("begin on {day}: {error}")))?;
    Ok(zoned.timestamp())
}

async fn play(args: &Args, built: &Built) -> Result<bool, DemoError> {
    let began = Instant::now();
    let folder = world::run_folder()?;
    eprintln!(
        "demo: seed {}, everything of this run stands in {}",
        args.seed,
        folder.display()
    );
    let script = Script::write(args, &folder)?;
    let world = World::start(
        built,
        &Start {
            folder: &folder,
            seed: args.seed,
            clock_start: script.start,
        },
    )
    .await?;
    let people = People {
        agent: Client::connect(&world.api, world::AGENT_TOKEN).await?,
        second: Client::connect(&world.api, world::SECOND_TOKEN).await?,
    };
    setup::set_up(&people.agent, &people.second, &script.policies).await?;
    let imported = import(&world, &script, &folder).await?;
    eprintln!("{}", imported.text());

    let start_us = script.start.as_microsecond();
    let end_us = start_us + script.days * DAY_US + END_OFFSET_US;
    let notes = script.roll.as_ref().map(|roll| {
        json!({
            "accounts": roll.accounts,
            "accounts_late": roll.late,
            "months_late_with_nothing_owed": roll.without_debt,
        })
    });
    let plan = Plan {
        seed: args.seed,
        end_us,
        roll: script.roll,
        control: world.control.clone(),
        calendar: world.calendar.clone(),
    };
    let clock = Clock::join(world.clock, "demo").await?;
    let live = LiveLine::new(start_us, end_us);
    let mut driver = Driver::new(people.clone(), clock, plan, live);
    driver.run().await?;
    let run_seconds = began.elapsed().as_secs_f64();

    let ledger_file = folder.join("ledger.jsonl");
    ledger::export(&people.agent, &ledger_file).await?;
    let portfolio = Portfolio::read(&people.agent).await?;
    let refused = std::mem::take(&mut driver.refused);
    let cases = driver.finish().await?;
    let figures = ledger::read(&ledger_file)?;
    let report = Report {
        portfolio: &portfolio,
        figures: &figures,
        cases: &cases,
        refused: &refused,
    };
    println!("{}", report.tables());
    if let Some((id, case)) = cases
        .story()
        .and_then(|id| Some((id, cases.by_id.get(id)?)))
    {
        println!(
            "{}",
            report::story(&people.agent, id, &case.case_ref).await?
        );
    }
    if let Some(notes) = &notes {
        println!("accounts of the file: {notes}");
    }
    let judged = judge(built, &world.sandbox_log, &ledger_file)?;
    println!("{}", judged.text);
    println!(
        "{} days of {} cases in {run_seconds:.1} s; ledger, log and configuration in {}",
        script.days,
        portfolio.cases,
        folder.display()
    );
    let data = report.data(
        judged.proof,
        json!({
            "seed": args.seed,
            "days": script.days,
            "seconds": run_seconds,
            "imported": imported,
            "accounts": notes,
            "violations": judged.violations,
            "verdict": judged.verdict,
        }),
    );
    let shortfalls = match args.plant {
        Some(_) => Vec::new(),
        None => report::shortfalls(&data, script.floors),
    };
    for line in &shortfalls {
        eprintln!("demo: {line}");
    }
    if args.keep {
        keep(world, built);
    }
    if args.json {
        println!("{data}");
    }
    Ok(judged.clean && shortfalls.is_empty())
}

async fn import(
    world: &World,
    script: &Script,
    folder: &Path,
) -> Result<import::Summary, DemoError> {
    let args = import::Args {
        file: script.file.clone(),
        mapping: script.mapping.clone(),
        month: script.month.clone(),
        dry_run: false,
        bad_rows: Some(
            folder
                .join("bad-rows")
                .with_extension(script.file.extension().unwrap_or_default()),
        ),
        batch: None,
        json: false,
    };
    let failed = |what: String| DemoError::Failed(format!("import the portfolio: {what}"));
    let endpoint = tonic::transport::Endpoint::from_shared(world.api.clone());
    let endpoint = endpoint.map_err(|error| failed(error.to_string()))?;
    let channel = endpoint
        .connect()
        .await
        .map_err(|error| failed(error.to_string()))?;
    let summary = import::run(&args, channel, world::AGENT_TOKEN).await;
    let summary = summary.map_err(|error| failed(error.to_string()))?;
    if summary.opened == 0 {
        return Err(failed(format!("no row became a case\n{}", summary.text())));
    }
    Ok(summary)
}

/// What the judge said.
struct Judged {
    text: String,
    proof: Value,
    violations: Value,
    verdict: Value,
    clean: bool,
}

fn judge(built: &Built, sandbox_log: &Path, ledger: &Path) -> Result<Judged, DemoError> {
    let failed = |what: String| DemoError::Failed(format!("ask the judge: {what}"));
    let output = Command::new(built.judge())
        .arg("--sandbox-log")
        .arg(sandbox_log)
        .arg("--ledger")
        .arg(ledger)
        .arg("--json")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    let said = String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned();
    let (text, last) = said.rsplit_once('\n').unwrap_or(("", &said));
    let mut proof: Value = serde_json::from_str(last)
        .map_err(|error| failed(format!("its last line is no JSON: {error}")))?;
    let verdict = proof["verdict"].clone();
    if verdict == "unjudged" {
        return Err(failed(format!("it could not judge: {}", proof["error"])));
    }
    let violations = proof.as_object_mut().and_then(|p| p.remove("violations"));
    Ok(Judged {
        text: text.to_owned(),
        clean: output.status.success() && verdict == "clean",
        violations: violations.unwrap_or_else(|| json!([])),
        proof,
        verdict,
    })
}

fn keep(world: World, built: &Built) {
    let (recoup, api) = (built.recoup(), world.api.clone());
    let (recoup, token) = (recoup.display(), world::AGENT_TOKEN);
    println!("the server runs on at {api}; its clock stands still. Call it, for example:");
    for call in ["case list", "status", "channel list"] {
        println!("  {recoup} {call} --server {api} --token {token}");
    }
    let (server, sandbox) = world.keep();
    println!("end both with: kill {server} {sandbox}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Parser, ValueEnum};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        demo: Args,
    }

    #[test]
    fn faults_have_the_same_name_everywhere() {
        for plant in Plant::value_variants() {
            let known = plant.to_possible_value().unwrap();
            assert_eq!(known.get_name(), plant.name());
        }
    }

    #[test]
    fn the_sample_is_the_default_and_has_its_floors() {
        let dir = tempfile::tempdir().unwrap();
        let script = |line: &[&str]| {
            let line = std::iter::once("demo").chain(line.iter().copied());
            Script::write(&Line::parse_from(line).demo, dir.path()).unwrap()
        };
        let sample = script(&[]);
        assert_eq!(
            (sample.days, sample.floors.receipts),
            (120, SAMPLE_RECEIPTS_MIN)
        );
        assert!(sample.floors.every_channel);
        let text = fs::read_to_string(&sample.file).unwrap();
        assert_eq!(text.lines().count(), 2_000);
        let small = script(&["--cases", "50", "--days", "9"]);
        assert_eq!((small.days, small.floors.receipts), (9, 0));
    }
}
