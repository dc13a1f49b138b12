//! `recoup channel test`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use recoup_channel_host::kit::{Glibc, LEVEL_MAX, RECORDER, RECORDER_PORT, Report, Verdict};
use serde_json::json;

use super::output::{say, table};
use super::{EXIT_REFUSED, Failure, Outcome};
use crate::config::{Config, Secret};
use crate::trial::{self, How};

/// What is tried, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A library (a `.so` file), or with `--config` the name of a channel in it.
    #[arg(value_name = "FILE.so|NAME")]
    what: String,
    /// The configuration that names the channel's library, settings and secrets.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["settings", "secret"])]
    config: Option<PathBuf>,
    /// The settings of a library, as JSON. `{recorder}` in it stands for the host and port of a recorder in the
    /// carrier's place, `{recorder_port}` for its port.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    settings: String,
    /// A secret of a library, and the file that holds it; may stand several times.
    #[arg(long, value_name = "NAME=FILE", value_parser = secret)]
    secret: Vec<(String, PathBuf)>,
    /// How strict: 1 it loads, 2 it answers, 3 it bears hostility and ends cleanly, 4 its carrier gets what it
    /// should.
    #[arg(long, default_value_t = LEVEL_MAX, value_parser = clap::value_parser!(u8).range(1..=i64::from(LEVEL_MAX)))]
    level: u8,
    /// The oldest GNU C library of the servers that it is for.
    #[arg(long, value_name = "VERSION", default_value_t = Glibc::OLDEST)]
    glibc: Glibc,
    /// Makes the hostile payloads.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// JSON.
    #[arg(long)]
    json: bool,
    /// Write a report in JUnit's form as well.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

fn secret(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("write NAME=FILE")?;
    Ok((name.to_owned(), PathBuf::from(file)))
}

pub(super) async fn run(args: Args) -> Outcome {
    let how = How {
        seed: args.seed,
        level: args.level,
        glibc: args.glibc,
    };
    let tried = match &args.config {
        Some(config) => {
            let config = Config::load(Some(config));
            let config = config.map_err(|e| Failure::usage(crate::wiring::chain(&e)))?;
            trial::named(&config, &args.what, how).await
        }
        None => {
            let secrets = args.secret.into_iter();
            let secrets: BTreeMap<_, _> = secrets
                .map(|(name, file)| (name, Secret::File(file)))
                .collect();
            library(&args.what, args.settings, secrets, how).await
        }
    };
    let about = |problem: String| Failure::usage(format!("channel `{}`: {problem}", args.what));
    let report = tried.map_err(about)?;
    if let Some(path) = &args.junit {
        let written = std::fs::write(path, junit(&args.what, &report));
        written.map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
    }
    if args.json {
        say(as_json(&report));
    } else {
        show(&report);
    }
    Ok(if report.passed() { 0 } else { EXIT_REFUSED })
}

async fn library(
    what: &str,
    settings: String,
    secrets: BTreeMap<String, Secret>,
    how: How,
) -> Result<Report, String> {
    if !Path::new(what).exists() {
        return Err(
            "there is no such file; for a channel of a configuration, name it by --config"
                .to_owned(),
        );
    }
    // A port is a number, and its place holds one only when it is tried.
    let filled = settings
        .replace(RECORDER_PORT, "9")
        .replace(RECORDER, "127.0.0.1:9");
    if let Err(error) = serde_json::from_str::<serde_json::Value>(&filled) {
        return Err(format!("--settings is no JSON: {error}"));
    }
    trial::file(PathBuf::from(what), settings, secrets, how).await
}

fn words(verdict: &Verdict) -> (&'static str, &str) {
    match verdict {
        Verdict::Pass => ("pass", ""),
        Verdict::Fail(why) => ("FAIL", why),
        Verdict::Skip(why) => ("skipped", why),
        Verdict::Untried(why) => ("not tried", why),
    }
}

/// What came of all of it.
fn end(report: &Report) -> String {
    let all = report.checks.len();
    let ended = |wanted: &str| {
        let of = report.checks.iter().map(|check| words(&check.verdict).0);
        of.filter(|verdict| *verdict == wanted).count()
    };
    let level = report.level();
    match (ended("FAIL"), ended("not tried")) {
        (0, 0) => format!("passed at level {level}"),
        (0, untried) => {
            format!("passed at level {level}: {untried} of {all} checks could not be tried")
        }
        (failed, _) => format!("FAILED: {failed} of {all} checks"),
    }
}

fn show(report: &Report) {
    let mut rows = table(&["level", "check", "verdict", "detail"]);
    for check in &report.checks {
        let (verdict, detail) = words(&check.verdict);
        rows.add_row([&check.level.to_string(), check.rule, verdict, detail]);
    }
    say(rows);
    say(format!(
        "{}; SHA-256 {}, seed {}",
        end(report),
        report.digest,
        report.seed
    ));
}

fn as_json(report: &Report) -> serde_json::Value {
    let checks = report.checks.iter().map(|check| {
        let (verdict, detail) = words(&check.verdict);
        json!({
            "level": check.level,
            "rule": check.rule,
            "verdict": verdict.to_lowercase(),
            "detail": detail,
            "seconds": check.took.as_secs_f64(),
        })
    });
    json!({
        "passed": report.passed(),
        "level": report.level(),
        "sha256": report.digest,
        "seed": report.seed,
        "tool": env!("CARGO_PKG_VERSION"),
        "checks": checks.collect::<Vec<_>>(),
    })
}

fn junit(name: &str, report: &Report) -> String {
    let count = |wanted: &str| {
        let of = report.checks.iter().map(|c| words(&c.verdict).0);
        of.filter(|verdict| *verdict == wanted).count()
    };
    let name = escaped(name);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
        report.checks.len(),
        count("FAIL"),
        count("skipped") + count("not tried"),
    );
    for check in &report.checks {
        let (rule, took) = (escaped(check.rule), check.took.as_secs_f64());
        let head = format!("  <testcase classname=\"{name}\" name=\"{rule}\" time=\"{took:.3}\"");
        text.push_str(&match &check.verdict {
            Verdict::Pass => format!("{head}/>\n"),
            Verdict::Fail(why) => {
                format!(
                    "{head}><failure message=\"{}\"/></testcase>\n",
                    escaped(why)
                )
            }
            Verdict::Skip(why) | Verdict::Untried(why) => {
                format!(
                    "{head}><skipped message=\"{}\"/></testcase>\n",
                    escaped(why)
                )
            }
        });
    }
    text + "</testsuite>\n"
}

/// For an attribute. What XML cannot hold at all is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
