//! The written language and the code say the same.

use crate::support::{names, parsed};
use recoup_policy::Policy;
use std::collections::BTreeSet;

const DOCUMENT: &str = include_str!("../../../../docs/policy-language.md");

fn codes(text: &str) -> BTreeSet<&str> {
    let starts = text.match_indices("RCP-POL-").map(|(i, _)| i);
    starts.filter_map(|i| text.get(i..i + 11)).collect()
}

#[test]
fn every_code_is_written_down() {
    let code = include_str!("../../src/finding.rs");
    // The example in a comment is one of the codes. From 040 on they are those of an exploration, which crate decide
    // has and holds to the document.
    let mut of_the_text = codes(DOCUMENT);
    of_the_text.retain(|code| *code < "RCP-POL-040");
    assert_eq!(codes(code), of_the_text);
}

#[test]
fn the_example_compiles() {
    let (_, rest) = DOCUMENT.split_once("```yaml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    assert_eq!(parsed(example).stages().len(), 2);
}

#[test]
fn every_name_is_known() {
    let (_, names_table) = DOCUMENT.split_once("### Names").unwrap();
    let (names_table, _) = names_table.split_once("## Findings").unwrap();
    let rows = names_table.lines().filter(|line| line.starts_with("| `"));
    let mut asked = 0;
    for row in rows {
        let first = row.split(" | ").next().unwrap();
        let written: Vec<&str> = first.split('`').skip(1).step_by(2).collect();
        for name in &written {
            let name = match name.strip_prefix('.') {
                Some(member) => format!("contacts.sms.{member}"),
                None => (*name).to_owned(),
            };
            // Compared with itself, every name is right in its type, but for free text.
            let condition = match name.as_str() {
                "case.product" | "case.jurisdiction" => format!("{name} == \"x\""),
                _ => format!("{name} == {name}"),
            };
            let source = format!(
                "name: a\nsegments: [{{name: x, when: 'true'}}]\nstages:\n  - {{name: remind, enter: 'true', steps: [{{channel: sms, template: reminder}}]}}\n  - {{name: b, enter: '{condition}', steps: [{{channel: sms, template: reminder}}]}}\n"
            );
            let found = Policy::parse(&source, &names());
            assert!(found.is_ok(), "{name}: {:?}", found.err());
            asked += 1;
        }
    }
    assert!(asked >= 24, "only {asked} names were found in the table");
}
