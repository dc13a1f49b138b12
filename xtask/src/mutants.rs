//! Faults by the hundred, each planted in a copy of the gate, and which of them its tests notice: cargo-mutants.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::{cargo, peers};

/// What is installed, at what version.
const TOOL: (&str, &str) = ("cargo-mutants", "27.1.0");
/// The package whose code is changed and whose tests must notice.
const PACKAGE: &str = "recoup-compliance";

/// Plant faults in the gate's code, one at a time, and name those that its tests do not notice (cargo-mutants,
/// installed pinned into the cache where it is not there). Exit code 1 where some are not noticed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Only in lines that are not as they were when the branch left `main`.
    #[arg(long)]
    changed: bool,
    /// Only in lines that are not as they are in this revision.
    #[arg(long, value_name = "REVISION")]
    since: Option<String>,
    /// Only in files of this name, such as `gate.rs` or `src/shape/*.rs`; may stand several times.
    #[arg(long, value_name = "GLOB")]
    file: Vec<String>,
    /// Only in every n-th part: `0/8` is the first of eight.
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Only name the faults.
    #[arg(long)]
    list: bool,
}

/// Runs it.
pub(crate) fn command(args: &Args) -> ExitCode {
    match run(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<bool, String> {
    let output = cargo::target_dir().join("mutants");
    fs::create_dir_all(&output).map_err(|e| format!("{}: {e}", output.display()))?;
    let mut mutants = Command::new(tool()?);
    mutants
        .current_dir(cargo::root())
        .args(["mutants", "--package", PACKAGE, "--jobs", "1", "--output"])
        .arg(&output)
        // The copies share what they are built of.
        .env("CARGO_TARGET_DIR", output.join("target"))
        // The same cases for every fault.
        .env("PROPTEST_RNG_SEED", "20261121");
    if let Some(base) = base(args)? {
        let changes = output.join("changes.diff");
        fs::write(&changes, diff(&base)?).map_err(|e| format!("{}: {e}", changes.display()))?;
        mutants.arg("--in-diff").arg(changes);
    }
    for file in &args.file {
        mutants.args(["--file", file]);
    }
    if let Some(shard) = &args.shard {
        mutants.args(["--shard", shard]);
    }
    if args.list {
        mutants.arg("--list");
    }
    let status = mutants.status();
    let status = status.map_err(|e| format!("{mutants:?} could not be started: {e}"))?;
    match status.code() {
        Some(0) => Ok(true),
        // Missed, or slower than they may be.
        Some(2 | 3) => Ok(false),
        _ => Err(format!("{} ended with {status}", TOOL.0)),
    }
}

/// With what the lines are compared, if they are.
fn base(args: &Args) -> Result<Option<String>, String> {
    match &args.since {
        Some(revision) => Ok(Some(revision.clone())),
        None if args.changed => git(&["merge-base", "main", "HEAD"]).map(Some),
        None => Ok(None),
    }
}

fn diff(base: &str) -> Result<String, String> {
    git(&["diff", base, "--", "crates/compliance"]).map(|text| text + "\n")
}

fn git(args: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .current_dir(cargo::root())
        .args(args)
        .output()
        .map_err(|e| format!("git could not be started: {e}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("git {}: {}", args.join(" "), said.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}

/// The program, pinned; made where it is not there.
fn tool() -> Result<PathBuf, String> {
    let (name, version) = TOOL;
    let package = format!("{name}@{version}");
    let folder = peers::cache("tools")?.join(name);
    peers::once(&folder, &[&package], || {
        let mut install = cargo::cargo();
        install.args(["install", "--locked", "--quiet", "--root"]);
        peers::run(install.arg(&folder).arg(&package))
    })?;
    Ok(folder.join("bin").join(name))
}
