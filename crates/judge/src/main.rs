//! The program around the judge: arguments, files and exit status.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use recoup_judge::input::InputError;
use recoup_judge::ledger::Ledger;
use recoup_judge::log::{Channel, SandboxLog};
use recoup_judge::report;
use recoup_judge::verdict::{Judgement, Options, Verdict, judge};

/// Compare what the outside world received with what the ledger says.
///
/// Exit status: 0 clean, 1 violated, 2 the input cannot be judged.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The log that the sandbox wrote.
    #[arg(long, value_name = "FILE")]
    sandbox_log: PathBuf,
    /// The ledger that the service exported.
    #[arg(long, value_name = "FILE")]
    ledger: PathBuf,
    /// Also print one JSON object, the last line of standard output.
    #[arg(long)]
    json: bool,
    /// Accept a log in which the sandbox misbehaved on purpose.
    #[arg(long)]
    allow_misbehave: bool,
    /// A run that is not live is violated.
    #[arg(long)]
    require_live: bool,
    /// The channels that must have accepted something to be live (all five by default).
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = channel)]
    live_channels: Vec<Channel>,
}

fn channel(name: &str) -> Result<Channel, String> {
    Channel::ALL
        .into_iter()
        .find(|channel| channel.name() == name)
        .ok_or_else(|| "must be one of sms, phone, email, visit, legal".to_owned())
}

fn main() -> ExitCode {
    let args = Args::parse();
    let (text, json, status) = match run(&args) {
        Ok(judgement) => {
            let status = match judgement.verdict {
                Verdict::Clean => 0,
                Verdict::Violated => 1,
            };
            (
                report::text(&judgement),
                serde_json::to_string(&judgement),
                status,
            )
        }
        Err(error) => {
            let chain = chain(&error);
            eprintln!("recoup-judge: {chain}");
            let object = serde_json::json!({"verdict": "unjudged", "error": chain});
            (String::new(), serde_json::to_string(&object), 2)
        }
    };
    let json = json.ok().filter(|_| args.json);
    let out = format!("{text}{}", json.map(|json| json + "\n").unwrap_or_default());
    match std::io::stdout().write_all(out.as_bytes()) {
        Ok(()) => ExitCode::from(status),
        Err(error) => {
            eprintln!("recoup-judge: the verdict cannot be written: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<Judgement, InputError> {
    let log = SandboxLog::read(open(&args.sandbox_log, "sandbox log")?)?;
    let ledger = Ledger::read(open(&args.ledger, "ledger export")?)?;
    let mut options = Options {
        allow_misbehave: args.allow_misbehave,
        require_live: args.require_live,
        ..Options::default()
    };
    if !args.live_channels.is_empty() {
        options.live_channels.clone_from(&args.live_channels);
    }
    judge(&log, &ledger, &options)
}

fn open(path: &Path, file: &'static str) -> Result<BufReader<File>, InputError> {
    let opened = File::open(path).map_err(|source| InputError::Io { file, source })?;
    Ok(BufReader::with_capacity(1 << 20, opened))
}

/// An error and what lies beneath it, on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
