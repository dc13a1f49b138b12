//! CheckPolicy's exploration: a corpus of good policies and of bad ones, each one edit away from a good one; and
//! mutants of the good ones, whose verdict is held against lives of made-up cases.

mod corpus;
mod lives;
mod mutants;
mod operators;

use recoup_domain::ContactClass;
use recoup_policy::{Finding, Names, Policy};
use std::path::PathBuf;

fn names() -> Names {
    let channels = ContactClass::ALL.map(|c| (c.name().to_owned(), c));
    let templates = [
        "reminder",
        "first_call",
        "visit_brief",
        "notice",
        "demand_letter",
        "referral",
        "english_only",
    ];
    Names {
        channels: channels.into(),
        templates: templates.map(str::to_owned).into(),
        ..Names::default()
    }
}

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
