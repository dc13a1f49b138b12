//! Faults by the hundred, each planted in a copy of the gate, and which of them its tests notice: cargo-mutants.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::test::Ended;
use crate::{cargo, peers};

/// What is installed, at what version.
const TOOL: (&str, &str) = ("cargo-mutants", "27.1.0");
/// The package whose code is changed and whose tests must notice.
const PACKAGE: &str = "recoup-compliance";

/// All its tests in one program that ends at the first failure.
const TESTS: &str = "every";
/// Faults that change nothing, each as file and change; docs/law/mutants.md says of each why.
const HARMLESS: &str = include_str!("../data/harmless-faults.txt");
/// How many faults the step of `cargo xtask test` plants at most.
const STEP_MAX: u16 = 40;

/// Plant faults in the gate's code, one at a time, and name those that its tests do not notice (cargo-mutants,
/// installed pinned into the cache where it is not there). Exit code 1 where some are not noticed that are not known
/// to change nothing.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Args {
    /// Only in lines that are not as they were when the branch left `main`; on `main` itself, before the last
    /// commit.
    #[arg(long)]
    changed: bool,
    /// Only in lines that are not as they are in this revision.
    #[arg(long, value_name = "REVISION")]
    since: Option<String>,
    /// Only in files of this name, such as `gate.rs`; may stand several times.
    #[arg(long, value_name = "GLOB")]
    file: Vec<String>,
    /// Only in every n-th part: `0/8` is the first of eight.
    #[arg(long, value_name = "K/N", conflicts_with = "at_most")]
    shard: Option<String>,
    /// No more than so many, spread evenly over all that are asked for.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    at_most: Option<u16>,
    /// Only name the faults.
    #[arg(long)]
    list: bool,
}

/// The step of `cargo xtask test`: faults in the lines that changed.
pub(crate) fn step() -> Ended {
    if let Err(missing) = tool() {
        return Ended::Skipped(missing);
    }
    let args = Args {
        changed: true,
        at_most: Some(STEP_MAX),
        ..Args::default()
    };
    match run(&args) {
        Ok(true) => Ended::Passed,
        Ok(false) => Ended::Failed("a fault in lines that changed is not noticed".to_owned()),
        Err(why) => Ended::Failed(why),
    }
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
    let changes = match base(args)? {
        Base::None => None,
        Base::First => {
            println!("there is no commit before this one: nothing to compare with");
            return Ok(true);
        }
        Base::Revision(base) => {
            let diff = git(&["diff", &base, "--", "crates/compliance/src"])?;
            if diff.is_empty() {
                println!("nothing in crates/compliance/src is other than in {base}");
                return Ok(true);
            }
            let path = output.join("changes.diff");
            fs::write(&path, diff + "\n").map_err(|e| format!("{}: {e}", path.display()))?;
            Some(path)
        }
    };
    let faults = |more: &[String]| -> Result<Command, String> {
        let mut mutants = Command::new(tool()?);
        mutants.current_dir(cargo::root());
        mutants.args(["mutants", "--package", PACKAGE]);
        if let Some(changes) = &changes {
            mutants.arg("--in-diff").arg(changes);
        }
        for file in &args.file {
            mutants.args(["--file", file]);
        }
        mutants.args(more);
        Ok(mutants)
    };
    let part = match args.at_most {
        Some(most) => {
            let listed = faults(&["--list".to_owned()])?.output();
            let listed = listed.map_err(|e| format!("{} could not be started: {e}", TOOL.0))?;
            let all = String::from_utf8_lossy(&listed.stdout).lines().count();
            let most = usize::from(most);
            println!(
                "{} of {all} faults",
                all.div_ceil(all.div_ceil(most).max(1))
            );
            (all > most).then(|| format!("0/{}", all.div_ceil(most)))
        }
        None => args.shard.clone(),
    };
    let part = part.map(|part| ["--sharding", "round-robin", "--shard", &part].map(str::to_owned));
    let mut mutants = faults(part.as_ref().map_or(&[][..], |part| &part[..]))?;
    if args.list {
        mutants.arg("--list");
    }
    planted(mutants, &output)
}

/// Plants and asks the tests; whether they noticed all.
fn planted(mut mutants: Command, output: &Path) -> Result<bool, String> {
    let only = format!("--cargo-arg=--test={TESTS}");
    mutants
        .args(["--jobs", "1", "--profile", "mutants", &only])
        // Endless loops are faults too; a busy machine is none.
        .args(["--minimum-test-timeout", "60", "--output"])
        .arg(output)
        // The copies share what they are built of.
        .env("CARGO_TARGET_DIR", output.join("target"))
        // The same cases for every fault, few of them, and no search for the smallest that shows it.
        .env("PROPTEST_RNG_SEED", "20261121")
        .env("PROPTEST_CASES", "12")
        .env("PROPTEST_MAX_SHRINK_ITERS", "0")
        .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
    let status = mutants.status();
    let status = status.map_err(|e| format!("{mutants:?} could not be started: {e}"))?;
    match status.code() {
        Some(0) => Ok(true),
        // Missed; 3 where one ran into the time limit, too, which is noticed.
        Some(2 | 3) => {
            let path = output.join("mutants.out").join("missed.txt");
            let missed = fs::read_to_string(&path);
            let missed = missed.map_err(|e| format!("{}: {e}", path.display()))?;
            let unknown: Vec<&str> = missed.lines().filter(|fault| !is_harmless(fault)).collect();
            for fault in &unknown {
                println!("not noticed: {fault}");
            }
            Ok(unknown.is_empty())
        }
        _ => Err(format!("{} ended with {status}", TOOL.0)),
    }
}

/// Whether a fault, as cargo-mutants names it (`path:line:column: change`), is known to change nothing.
fn is_harmless(fault: &str) -> bool {
    let mut parts = fault.splitn(4, ':');
    let (Some(path), Some(change)) = (parts.next(), parts.nth(2)) else {
        return false;
    };
    let known = HARMLESS.lines().filter_map(|line| line.split_once(": "));
    known
        .filter(|(file, _)| !file.starts_with('#'))
        .any(|(file, known)| path.ends_with(file) && change.trim() == known)
}

/// With what the lines are compared.
enum Base {
    /// All lines are asked for.
    None,
    Revision(String),
    /// There is nothing before: the first commit, or a clone of one commit.
    First,
}

fn base(args: &Args) -> Result<Base, String> {
    if let Some(revision) = &args.since {
        return Ok(Base::Revision(revision.clone()));
    }
    if !args.changed {
        return Ok(Base::None);
    }
    let head = git(&["rev-parse", "HEAD"])?;
    // A clone may lack `main`, or the commit at which the branch left it.
    let left = ["main", "origin/main"]
        .iter()
        .find_map(|main| git(&["merge-base", main, "HEAD"]).ok());
    Ok(match left.filter(|left| *left != head) {
        Some(left) => Base::Revision(left),
        None => {
            git(&["rev-parse", "--verify", "--quiet", "HEAD~1"]).map_or(Base::First, Base::Revision)
        }
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_known_by_its_file_and_change_wherever_it_stands_now() {
        let at = |place: &str, change: &str| {
            is_harmless(&format!("crates/compliance/src/shape/{place}: {change}"))
        };
        let change = "replace > with >= in judge";
        assert!(at("interval_ban.rs:7:30", change));
        assert!(at("interval_ban.rs:70:3", change));
        assert!(!at("pause.rs:7:30", change));
        assert!(!at("interval_ban.rs:7:30", "replace > with < in judge"));
        assert!(!is_harmless(""));
        assert!(!is_harmless("crates/compliance/src/shape/interval_ban.rs"));
    }
}
