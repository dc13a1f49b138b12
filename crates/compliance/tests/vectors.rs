//! Runs the worked examples of `tests/vectors/*.jsonl` against the gate.

#[path = "vectors/ask.rs"]
mod ask;
#[path = "vectors/format.rs"]
mod format;

use format::{Answer, Vector};
use jiff::civil::date;
use recoup_compliance::{Calendar, Packs};

/// How many worked examples of the law there are; see tests/vectors/README.md.
const VECTORS: usize = 95;
/// And of the house.
const HOUSE_VECTORS: usize = 24;

/// What is wrong with an answer, if anything is. The command asks for the primary reason alone; here every
/// rule that the example names must be among the reasons besides.
fn miss(vector: &Vector) -> Option<String> {
    let answer = ask::ask(vector).unwrap_or_else(|why| panic!("{}: {why}", vector.id));
    let expect = &vector.expect;
    let named = match &answer {
        Answer::Permit => true,
        Answer::Deny { all, .. } => expect.allowed().all(|id| all.iter().any(|r| r == id)),
    };
    let fits = named && expect.is_met_by(&answer);
    (!fits).then(|| format!("{}: {answer}, not {expect}", vector.id))
}

fn read(file: &str) -> Vec<Vector> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/");
    let text = std::fs::read_to_string(format!("{folder}{file}")).unwrap();
    let vectors = format::read(&text).unwrap_or_else(|bad| panic!("{file}: {bad}"));
    vectors.into_iter().map(|(_, vector)| vector).collect()
}

#[track_caller]
fn check(vectors: &[Vector]) {
    let misses: Vec<String> = vectors.iter().filter_map(miss).collect();
    let (bad, all) = (misses.len(), vectors.len());
    assert!(bad == 0, "{bad} of {all} missed:\n{}", misses.join("\n"));
}

#[test]
fn every_vector_of_the_law_is_answered_as_written() {
    let vectors = read("compliance.jsonl");
    assert_eq!(vectors.len(), VECTORS);
    check(&vectors);
}

#[test]
fn every_vector_of_the_house_is_answered_as_written() {
    let vectors = read("house.jsonl");
    assert_eq!(vectors.len(), HOUSE_VECTORS);
    assert!(vectors.iter().all(|v| v.jurisdiction == "HOUSE"));
    check(&vectors);
    let asked = |rule: &str| {
        vectors
            .iter()
            .any(|v| v.rule_ids.iter().any(|id| id == rule))
    };
    let house = Packs::builtin().packs().iter().find(|p| p.id() == "house");
    for rule in house.unwrap().rules() {
        assert!(asked(rule.id()), "no vector asks {}", rule.id());
    }
}

#[test]
fn no_two_vectors_have_one_name() {
    let mut ids: Vec<String> = ["compliance.jsonl", "house.jsonl"]
        .into_iter()
        .flat_map(read)
        .map(|v| v.id)
        .collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

/// The gate reads holidays and pauses from data: what a vector says of them must be what the data say.
#[test]
fn holidays_and_pauses_of_the_vectors_are_those_of_the_data() {
    let mut seen = 0;
    for vector in read("compliance.jsonl") {
        let file = format!("{}.yaml", vector.jurisdiction.to_lowercase());
        for date in &vector.consumer.holidays {
            let calendar = Calendar::builtin().iter().find(|c| c.file() == file);
            let day = calendar.unwrap().day(*date);
            assert_eq!(
                day,
                Ok(recoup_compliance::calendar::Day::Holiday),
                "{}",
                vector.id
            );
            seen += 1;
        }
        if let Some([from, to]) = vector.consumer.pause {
            assert_eq!((from, to), (date(2026, 2, 14), date(2026, 2, 22)));
            let pack = include_str!("../packs/tw.yaml");
            assert!(pack.contains(&format!("{{from: {from}, to: {to}}}")));
            seen += 1;
        }
    }
    assert_eq!(seen, 9);
}

#[test]
fn a_line_that_is_no_vector_is_named() {
    let lines = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/house.jsonl"
    ));
    let good = lines.unwrap().lines().next().unwrap().to_owned();
    let line = |text: &str| format::read(text).err().map(|bad| bad.line);
    assert_eq!(line(&format!("{good}\n\n{good}\n")), None);
    assert_eq!(line(&format!("{good}\n\n{{}}\n")), Some(3));
    assert_eq!(line(&good.replace("\"sms\"", "\"telegraph\"")), Some(1));
}
