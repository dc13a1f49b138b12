//! CheckPolicy's exploration: a corpus of good policies and of bad ones, each one edit away from a good one; and
//! mutants of the good ones, whose verdict is held against lives of made-up cases.

mod corpus;
#[path = "../support/dice.rs"]
#[expect(dead_code, reason = "shared with the other tests")]
mod dice;
#[path = "../support/facts.rs"]
#[expect(dead_code, unused_imports, reason = "shared with the other tests")]
mod facts;
mod lives;
mod mutants;
mod operators;

use facts::names;
use recoup_policy::{Finding, Policy};
use std::path::PathBuf;

fn parse(text: &str) -> Result<Policy, Vec<Finding>> {
    Policy::parse(text, &names())
}

/// The policies of a folder, by name.
fn policies(folder: &str) -> Vec<(String, String)> {
    let dir: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/policies", folder]
        .iter()
        .collect();
    let files = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut found: Vec<(String, String)> = files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    found
}
