//! The published JSON Schema says of a document's shape what the reader says.

use crate::document::findings;
use crate::support::names;
use boon::{Compiler, Schemas};
use recoup_policy::{Finding, Names, Policy, SCHEMA_ID, Severity, schema};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The files of a folder of the workspace.
fn files(folder: &str) -> Vec<PathBuf> {
    let dir = root().join(folder);
    let entries = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut all: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    all.retain(|path| path.extension().is_some_and(|e| e == "yaml"));
    all.sort();
    all
}

/// A document as other YAML tools read it: a condition with a choice stands in quotes there.
fn document(text: &str) -> Value {
    let quoted = |line: &str| {
        let entry = line.trim_start_matches([' ', '-']);
        let key = ["enter: ", "when: "]
            .into_iter()
            .find(|k| entry.starts_with(k));
        let Some(key) = key.filter(|_| entry.contains(" ? ")) else {
            return format!("{line}\n");
        };
        let value = &entry[key.len()..];
        let before = &line[..line.len() - value.len()];
        format!("{before}'{}'\n", value.replace('\'', "''"))
    };
    let text: String = text.lines().map(quoted).collect();
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// Whether a schema takes a document.
struct Shape {
    schemas: Schemas,
    index: boon::SchemaIndex,
}

impl Shape {
    fn new() -> Self {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        let text: Value = serde_json::from_str(&schema()).unwrap();
        compiler.add_resource(SCHEMA_ID, text).unwrap();
        let index = compiler.compile(SCHEMA_ID, &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn refuses(&self, document: &Value) -> Option<String> {
        let verdict = self.schemas.validate(document, self.index);
        verdict.err().map(|e| e.to_string())
    }
}

/// Whether a finding is about the shape of the document: not about what its names and conditions mean.
fn is_of_shape(finding: &Finding) -> bool {
    let number = &finding.code["RCP-POL-".len()..];
    match number {
        "003" | "004" | "005" | "006" | "008" | "009" | "011" | "014" | "015" => true,
        "017" => finding.message.ends_with("is no currency"),
        "010" => {
            finding.message.contains("is no time of day") || finding.message.contains("two times")
        }
        "016" => finding.message.starts_with("there is no arm"),
        _ => false,
    }
}

#[test]
fn the_published_schema_is_that_of_the_reader() {
    let path = root().join("docs/formats/policy.schema.json");
    if std::env::var_os("RECOUP_BLESS").is_some() {
        std::fs::write(&path, schema()).unwrap();
    }
    assert!(
        read(&path) == schema(),
        "docs/formats/policy.schema.json is not what `recoup policy schema` prints: RECOUP_BLESS=1 writes it anew"
    );
}

#[test]
fn every_key_of_the_reader_is_described() {
    // What a table of the reader has and the schema has no word for is `false` there.
    let all: Value = serde_json::from_str(&schema()).unwrap();
    let mut left = vec![&all];
    while let Some(value) = left.pop() {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            for (key, of) in properties {
                assert!(of.is_object(), "`{key}` is not described");
            }
        }
        match value {
            Value::Object(map) => left.extend(map.values()),
            Value::Array(list) => left.extend(list),
            _ => {}
        }
    }
}

#[test]
fn every_good_policy_has_that_shape() {
    let shape = Shape::new();
    let mut seen = 0;
    for folder in [
        "crates/decide/tests/policies",
        "crates/decide/tests/policies/good",
        "xtask/data/policies",
    ] {
        for path in files(folder) {
            let wrong = shape.refuses(&document(&read(&path)));
            assert_eq!(wrong, None, "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 20, "only {seen} policies");
}

#[test]
fn bad_shapes_of_the_corpus_are_refused() {
    let shape = Shape::new();
    let names = Names {
        any_template: true,
        ..names()
    };
    let mut refused = 0;
    let mut all = files("crates/decide/tests/policies/bad");
    all.push(root().join("crates/policy/tests/data/every-mistake.yaml"));
    for path in all {
        let text = read(&path);
        let found = Policy::parse(&text, &names).err().unwrap_or_default();
        if found.iter().any(|f| f.code == "RCP-POL-002") {
            continue;
        }
        let of_shape = found.iter().any(is_of_shape);
        let wrong = shape.refuses(&document(&text));
        assert_eq!(
            wrong.is_some(),
            of_shape,
            "{}: {wrong:?}\n{found:#?}",
            path.display()
        );
        refused += usize::from(of_shape);
    }
    assert!(refused >= 3, "only {refused} bad shapes");
}

/// A policy that has every key there is.
fn full() -> Value {
    json!({
        "name": "full",
        "currency": "CNY",
        "segments": [{"name": "a", "when": "borrower.kind == \"individual\""}],
        "contactability": {"lost_after_failed_days": 5},
        "stages": [{
            "name": "first", "enter": "case.dpd >= 1", "approval": "required",
            "steps": [
                {
                    "channel": "visit", "template": "visit_brief", "when": "segment == \"a\"", "every": "7d",
                    "after": "15m", "max": 3, "between": ["10:00", "19:00"], "approval": "required", "lead": "2h",
                    "window": "30m",
                    "on": {"visited": {"hold": "7d"}, "nobody_contacted": "skip_step", "unknown": "worklist"},
                },
                {"channel": "phone", "template": "first_call"},
            ],
        }],
        "arms": {"champion": 90, "challenger": {"share": 10, "policy": "other"}},
    })
}

/// Where values stand in a document: the way to each.
fn places(of: &Value, way: &str, all: &mut Vec<String>) {
    all.push(way.to_owned());
    match of {
        Value::Object(map) => {
            for (key, value) in map {
                places(value, &format!("{way}/{key}"), all);
            }
        }
        Value::Array(list) => {
            for (n, value) in list.iter().enumerate() {
                places(value, &format!("{way}/{n}"), all);
            }
        }
        _ => {}
    }
}

/// The full policy spoiled at one place.
fn spoiled() -> Vec<(String, Value)> {
    let full = full();
    let mut ways = Vec::new();
    places(&full, "", &mut ways);
    let others = [
        json!(null),
        json!(true),
        json!(7),
        json!(-1),
        json!(100_000),
        json!(1.5),
        json!("x y"),
        json!("0d"),
        json!("hold"),
        json!([]),
        json!({}),
        json!(["10:00"]),
        json!(["10:00", "25:00"]),
    ];
    let mut all = Vec::new();
    for way in &ways {
        for other in &others {
            let mut document = full.clone();
            *document.pointer_mut(way).unwrap() = other.clone();
            all.push((format!("{way} is {other}"), document));
        }
        if full.pointer(way).unwrap().is_object() {
            let mut document = full.clone();
            document.pointer_mut(way).unwrap()["no such key"] = json!("x");
            all.push((format!("{way} with another key"), document));
        }
        if let Some((before, key)) = way.rsplit_once('/') {
            let mut document = full.clone();
            if let Some(map) = document.pointer_mut(before).unwrap().as_object_mut() {
                map.remove(key);
                all.push((format!("{way} left out"), document));
            }
        }
    }
    all
}

#[test]
fn schema_and_reader_refuse_the_same_shapes() {
    let shape = Shape::new();
    assert_eq!(findings(&full().to_string()), []);
    assert_eq!(shape.refuses(&full()), None);
    let all = spoiled();
    let mut wrong = String::new();
    let mut refused = 0;
    for (what, document) in &all {
        let found = findings(&document.to_string());
        let error = |f: &&Finding| f.severity == Severity::Error && is_of_shape(f);
        let by_reader = found.iter().find(error);
        let by_schema = shape.refuses(document);
        refused += usize::from(by_schema.is_some());
        if by_reader.is_some() != by_schema.is_some() {
            wrong += &format!("{what}: the reader says {by_reader:?}, the schema {by_schema:?}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    println!("{} documents, {refused} refused by both", all.len());
    assert!(refused * 2 > all.len(), "{refused} of {}", all.len());
}
