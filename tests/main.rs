//! The real binary from outside: started as a process, called by gRPC, in front of a sandbox that stands
//! for the providers. What it did is judged by the judge, a program that shares no code with it.
//!
//! One file an area; a test holds that none is forgotten here.

mod awaited;
mod backup;
mod bad_input;
mod branches;
mod callbacks;
mod clock;
mod commands;
mod content;
mod discovery;
mod dispatch;
mod doubts;
mod events;
mod facts;
mod hostile;
mod identity;
mod kill;
mod logs;
mod metrics;
mod overrides;
mod packs;
mod planted;
mod policies;
mod postgres;
mod race;
mod replay;
mod requests;
mod rights;
mod room;
mod runbook;
mod sealed;
mod support;
mod swap;
mod table;
mod templates;
mod third_parties;
mod trust;
mod vertical;
mod wire;

/// A file that is not named above would compile and never run.
#[test]
fn every_file_is_part_of_this_binary() {
    let own = include_str!("main.rs");
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    let mut seen = 0;
    for entry in std::fs::read_dir(dir).expect("the folder of the tests") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy().into_owned();
        let Some(module) = name.strip_suffix(".rs").filter(|m| *m != "main") else {
            continue;
        };
        seen += 1;
        let line = format!("mod {module};");
        assert!(own.lines().any(|l| l == line), "main.rs lacks `{line}`");
    }
    assert!(seen > 0, "no test file was found in {dir}");
}
