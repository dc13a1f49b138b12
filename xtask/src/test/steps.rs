//! The steps of `cargo xtask test`. A further one is a file beside this with a function, and a line in [`all`].

use std::process::Command;

use super::{Ended, Step};
use crate::{cargo, faults, law, mutants, peers, vectors};

/// Every step, in the order they run.
pub(crate) fn all() -> Vec<Step> {
    let mut steps = vec![
        step("format", || cargo(&["fmt", "--all", "--check"])),
        step("lints", || {
            cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ])
        }),
    ];
    for package in packages() {
        let name = format!("{package} alone");
        steps.push(step(&name, move || {
            cargo(&["check", "--package", &package])
        }));
    }
    // Before all tests, which find the peers where this step puts them.
    steps.push(step("interop", peers::interop));
    steps.push(step("a PostgreSQL server", peers::postgres));
    steps.push(step("a clock that a test sets", peers::faketime));
    steps.push(step("tests", || {
        let mut tests = cargo::cargo();
        tests.args(["test", "--workspace", "--no-fail-fast"]);
        // The same cases on every machine; whoever looks for new ones sets another seed.
        if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
            tests.env("PROPTEST_RNG_SEED", "20261121");
        }
        // Most wait for servers, peers and deadlines: with one a core, half of the machine stands idle.
        if std::env::var_os("RUST_TEST_THREADS").is_none()
            && let Ok(cores) = std::thread::available_parallelism()
        {
            tests.env("RUST_TEST_THREADS", (2 * cores.get()).to_string());
        }
        ended(&mut tests)
    }));
    steps.push(step("examples of the law", vectors::step));
    steps.push(step("the law, read twice", law::step));
    steps.push(step("faults in the law that changed", mutants::step));
    steps.push(step(
        "README's first call from Python",
        super::first_call::run,
    ));
    steps.push(step(
        "channels from templates, built and tried",
        super::templates::run,
    ));
    steps.push(step("clients in four languages", super::clients::run));
    steps.push(step("a report in a browser", super::report::run));
    steps.push(step("contract", super::contract::run));
    steps.push(step("a small run, judged", small_demo));
    steps.push(step("faults, judged", faults::slice));
    steps.push(step("planted bugs, found", faults::planted_slice));
    steps
}

fn step(name: &str, run: impl Fn() -> Ended + 'static) -> Step {
    Step {
        name: name.to_owned(),
        run: Box::new(run),
    }
}

/// The packages of the workspace.
fn packages() -> Vec<String> {
    let output = cargo::cargo()
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output();
    let metadata = output
        .ok()
        .and_then(|output| serde_json::from_slice::<serde_json::Value>(&output.stdout).ok());
    let packages = metadata.as_ref().and_then(|m| m["packages"].as_array());
    let names = packages
        .into_iter()
        .flatten()
        .filter_map(|p| p["name"].as_str());
    names.map(str::to_owned).collect()
}

fn cargo(args: &[&str]) -> Ended {
    ended(cargo::cargo().args(args))
}

/// Runs a command; it fails where the command does, and is skipped where the program is not installed.
fn ended(command: &mut Command) -> Ended {
    match command.status() {
        Ok(status) if status.success() => Ended::Passed,
        Ok(status) => Ended::Failed(format!("{command:?} ended with {status}")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ended::Skipped(format!(
            "{} is not installed",
            command.get_program().display()
        )),
        Err(error) => Ended::Failed(format!("{command:?} could not be started: {error}")),
    }
}

/// The main job, small: what it proves at full size is the demo's own business.
fn small_demo() -> Ended {
    // Through cargo: the steps before may have built this program anew.
    cargo(&[
        "run",
        "--quiet",
        "--package",
        "xtask",
        "--",
        "demo",
        "--cases",
        "200",
        "--days",
        "40",
        "--profile",
        "dev",
    ])
}
