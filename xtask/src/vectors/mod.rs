//! Worked examples of the law, asked twice: through the public API of a running server, and of the gate itself.

mod remote;

// The tests of the gate read the same files by the same code.
#[path = "../../../crates/compliance/tests/vectors/ask.rs"]
mod ask;
#[path = "../../../crates/compliance/tests/vectors/format.rs"]
pub(crate) mod format;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use format::{Answer, Vector};

use crate::cargo;
use crate::test::Ended;
use crate::test::server::{self, Server};

/// Ask worked examples of the law, one JSON object a line (tests/vectors/README.md has the fields): through
/// PreviewContact of a server that is started for it, and of the gate itself. Exit code 1: an answer was
/// missed; 2: a file could not be read.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Files of examples; the project's own where none is named.
    files: Vec<PathBuf>,
}

/// What a file came to.
enum Failure {
    /// It cannot be read as examples.
    Unreadable(String),
    /// The server could not be asked.
    Server(String),
}

/// Asks them all.
pub(crate) fn command(args: &Args) -> ExitCode {
    let files = if args.files.is_empty() {
        own_files()
    } else {
        args.files.clone()
    };
    match run(&files) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(Failure::Unreadable(why)) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
        Err(Failure::Server(why)) => {
            eprintln!("error: {why}");
            ExitCode::from(1)
        }
    }
}

/// The step of `cargo xtask test`.
pub(crate) fn step() -> Ended {
    match run(&own_files()) {
        Ok(true) => Ended::Passed,
        Ok(false) => Ended::Failed("answers were missed; they stand above".to_owned()),
        Err(Failure::Unreadable(why) | Failure::Server(why)) => Ended::Failed(why),
    }
}

fn own_files() -> Vec<PathBuf> {
    let folder = cargo::root().join("tests/vectors");
    ["compliance.jsonl", "house.jsonl"]
        .map(|file| folder.join(file))
        .into()
}

/// Whether every answer of every file was met, both ways.
fn run(files: &[PathBuf]) -> Result<bool, Failure> {
    // All are read before anything is started.
    let mut read = Vec::new();
    for file in files {
        read.push((file, examples(file).map_err(Failure::Unreadable)?));
    }
    server::build().map_err(Failure::Server)?;
    let folder = tempfile::tempdir().map_err(|e| Failure::Server(e.to_string()))?;
    let mut server = Server::start(folder.path(), server::NO_GATEWAY).map_err(Failure::Server)?;
    let mut well = true;
    for (file, vectors) in &read {
        println!("{}", file.display());
        let answers = remote::ask(&server.api, vectors).map_err(Failure::Server)?;
        well &= report("through PreviewContact", vectors, answers);
        let answers = vectors.iter().map(|(_, v)| ask::ask(v)).collect();
        well &= report("of the gate itself", vectors, answers);
    }
    server.stop().map_err(Failure::Server)?;
    Ok(well)
}

fn examples(file: &Path) -> Result<Vec<(usize, Vector)>, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let vectors = format::read(&text).map_err(|bad| format!("{}: {bad}", file.display()))?;
    if vectors.is_empty() {
        return Err(format!("{}: no examples in it", file.display()));
    }
    // A rule that no pack has cannot be asked about by anybody.
    let packs = recoup_compliance::Packs::builtin();
    for (line, vector) in &vectors {
        packs
            .only(&vector.rule_ids)
            .map_err(|e| format!("{}: line {line}: {e}", file.display()))?;
    }
    Ok(vectors)
}

/// Prints what was missed and how many were met; true where all were.
fn report(way: &str, vectors: &[(usize, Vector)], answers: Vec<Result<Answer, String>>) -> bool {
    let mut passed = 0;
    for ((line, vector), answer) in vectors.iter().zip(answers) {
        let expect = &vector.expect;
        match answer {
            Ok(answer) if expect.is_met_by(&answer) => passed += 1,
            Ok(answer) => println!("  line {line}, {}: {answer}; not {expect}", vector.id),
            Err(why) => println!(
                "  line {line}, {}: no answer ({why}); not {expect}",
                vector.id
            ),
        }
    }
    println!("  {way}: passed {passed} of {}", vectors.len());
    passed == vectors.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_expectation_is_a_miss_and_a_bad_line_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = std::fs::read_to_string(&own_files()[1]).expect("the house's examples");
        let line = own.lines().next().expect("a line");
        let file = folder.path().join("some.jsonl");
        let given = |text: &str| {
            std::fs::write(&file, text).expect("written");
            examples(&file)
        };
        let met = |text: &str| {
            let vectors = given(text).expect("examples");
            let answers = vectors.iter().map(|(_, v)| ask::ask(v)).collect();
            report("of the gate itself", &vectors, answers)
        };
        assert!(met(line));
        assert!(!met(&line.replace("\"deny\"", "\"permit\"")));
        assert!(!met(&line.replace(
            "\"earliest\": null",
            "\"earliest\": \"2026-05-13T00:00:00Z\""
        )));
        assert!(!met(&line.replace(
            "\"reason_rule_id\": \"HOUSE-OPT-OUT\"",
            "\"reason_rule_id\": \"HOUSE-CEASE\""
        )));
        let why = |text: &str| given(text).err().expect("a bad line");
        assert!(why(&format!("{line}\n{{}}")).contains("line 2"));
        assert!(why("\n").contains("no examples"));
        let unknown = line.replace("[\"HOUSE-OPT-OUT\"]", "[\"NO-SUCH\"]");
        assert!(why(&unknown).contains("line 1") && why(&unknown).contains("NO-SUCH"));
    }
}
