//! The corpus. The first line of a bad policy says which finding it must have, and of which good policy it is one
//! edit away; the lines behind it may say what is asked beside it.

use super::{parse, policies};
use recoup_compliance::Packs;
use recoup_decide::check::{Question, check, code};
use recoup_policy::{Finding, Severity};
use std::collections::{BTreeMap, BTreeSet};

/// All languages of the templates of the corpus.
fn templates() -> BTreeMap<String, BTreeSet<String>> {
    let both = || BTreeSet::from(["en".to_owned(), "zh-CN".to_owned()]);
    let names = super::names().templates.into_iter();
    let mut all: BTreeMap<String, BTreeSet<String>> = names.map(|name| (name, both())).collect();
    all.insert("english_only".to_owned(), BTreeSet::from(["en".to_owned()]));
    all
}

/// What a header line `# key: a, b` gives.
fn given(text: &str, key: &str) -> Vec<String> {
    let prefix = format!("# {key}: ");
    let line = text.lines().find_map(|l| l.strip_prefix(&prefix));
    line.map_or_else(Vec::new, |l| l.split(", ").map(str::to_owned).collect())
}

fn findings(text: &str) -> Vec<Finding> {
    let policy = match parse(text) {
        Ok(policy) => policy,
        Err(findings) => return findings,
    };
    let templates = templates();
    let question = Question {
        packs: Some(Packs::builtin()),
        regions: &given(text, "region"),
        templates: Some(&templates),
        languages: &given(text, "languages"),
    };
    check(&policy, &question).findings
}

/// The lines of a policy without those of its header.
fn body(text: &str) -> Vec<&str> {
    text.lines().skip_while(|l| l.starts_with('#')).collect()
}

fn told(findings: &[Finding]) -> String {
    let line = |f: &Finding| format!("  {f}\n    {}\n", f.example.join("\n    "));
    findings.iter().map(line).collect()
}

#[test]
fn good_policies_are_accepted() {
    let good = policies("good");
    assert!(good.len() >= 15, "{} good policies", good.len());
    let mut wrong = String::new();
    for (name, text) in &good {
        let found = findings(text);
        if !found.is_empty() {
            wrong += &format!("{name}:\n{}", told(&found));
        }
    }
    assert_eq!(wrong, "", "good policies with findings");
    println!("{} good policies accepted", good.len());
}

#[test]
fn bad_policies_are_rejected_each_for_its_own_reason() {
    let good: BTreeMap<String, String> = policies("good").into_iter().collect();
    let bad = policies("bad");
    assert!(bad.len() >= 40, "{} bad policies", bad.len());
    let mut wrong = String::new();
    let mut codes = BTreeMap::new();
    for (name, text) in &bad {
        let header = text.lines().next().unwrap();
        let (expected, rest) = header[2..].split_once(", from ").unwrap();
        let (from, _) = rest.split_once(':').unwrap();
        let (old, new) = (body(&good[from]), body(text));
        let edits = old.iter().zip(&new).filter(|(a, b)| a != b).count();
        assert_eq!(
            (old.len(), edits),
            (new.len(), 1),
            "{name}: edits of {from}"
        );
        let found = findings(text);
        let has = |f: &Finding| f.code == expected && f.severity == Severity::Error;
        *codes.entry(expected.to_owned()).or_insert(0) += 1;
        if !found.iter().any(has) {
            wrong += &format!("{name} is not {expected}:\n{}", told(&found));
        }
    }
    assert_eq!(wrong, "", "bad policies without their finding");
    println!("{} bad policies rejected: {codes:?}", bad.len());
    let explored = [
        code::UNREACHABLE,
        code::GAP,
        code::OVERLAP,
        code::LOOP,
        code::UNBOUNDED,
        code::NO_PRIOR_CONTACT,
        code::NEVER_PERMITTED,
        code::STARVES,
        code::NO_TEXT,
    ];
    for code in explored {
        assert!(
            codes.contains_key(code),
            "no policy of the corpus has {code}"
        );
    }
}

#[test]
fn a_step_that_only_some_agreed_to_is_warned_of() {
    let with = |region: &str, from: &str, to: &str| {
        format!(
            "# region: {region}\nname: night\nstages:\n  - name: call\n    enter: case.dpd >= 1\n    steps:\n      \
             - {{channel: phone, template: first_call, every: 1d, max: 3, between: [\"{from}\", \"{to}\"]}}\n"
        )
    };
    let told = |text: String| {
        let line = |f: Finding| (f.severity, f.code, f.message);
        findings(&text).into_iter().map(line).collect::<Vec<_>>()
    };
    let night = "step 1 of stage `call` (phone) is permitted in CN only to somebody who consented: CN-GBT45251-TIME";
    assert_eq!(
        told(with("CN", "22:30", "23:30")),
        [(Severity::Warning, code::ONLY_CONSENTED, night.to_owned())]
    );
    // An hour of it is enough.
    assert_eq!(told(with("CN", "20:30", "23:30")), []);
    assert_eq!(told(with("US-NY, TW", "10:00", "19:00")), []);
}

#[test]
fn a_finding_stands_at_its_stage_and_shows_how_a_case_comes_there() {
    let ladder = policies("good").into_iter().find(|(n, _)| n == "ladder");
    let text = ladder.unwrap().1.replace(
        "enter: contacts.any.made >= 1 && case.dpd >= 90",
        "enter: case.dpd >= 90",
    );
    let found = findings(&text);
    let [first] = &found[..] else {
        panic!("{}", told(&found))
    };
    assert_eq!(first.code, code::NO_PRIOR_CONTACT);
    let line = text.lines().nth(first.line as usize - 1).unwrap();
    assert!(line[first.column as usize - 1..].starts_with("{channel: legal, template: demand"));
    assert_eq!(
        first.example,
        [
            "2026-03-02 DPD 0: the loan falls due; the case is open",
            "2026-03-03 DPD 1: the case comes to `remind`",
            "2026-05-31 DPD 90: case.overdue_in(\"CNY\") is 1, borrower.kind is \"individual\", segment is \
             \"individual\", contactability is \"reachable\", willingness is 0",
            "2026-05-31 DPD 90: the case stands in `legal`: a referral is chosen, and nobody was ever contacted",
        ]
    );
}

#[test]
fn what_is_not_asked_is_said_to_be_unchecked() {
    let text = &policies("good")[0].1;
    let report = check(&parse(text).unwrap(), &Question::default());
    assert!(report.accepts());
    assert_eq!(report.unchecked.len(), 2, "{:?}", report.unchecked);
}

#[test]
fn conditions_that_tell_too_much_apart_are_warned_of_and_not_passed_over() {
    // Each stage asks for the product of two sums: no number of cells holds that.
    let text = "name: huge\nstages:\n  - name: a\n    enter: case.dpd >= 1\n    steps: [{channel: sms, template: \
                reminder}]\n  - name: b\n    enter: case.dpd * case.age_days * contacts.any.made > 7000\n    \
                steps: [{channel: email, template: reminder}]\n";
    let found = findings(text);
    let codes: Vec<_> = found.iter().map(|f| (f.code, f.severity)).collect();
    assert_eq!(
        codes,
        [(code::NOT_EXPLORED, Severity::Warning)],
        "{}",
        told(&found)
    );
}

#[test]
fn a_stage_that_is_reached_at_values_nobody_looked_at_is_not_called_unreachable() {
    let text = "name: doubled\nstages:\n  - name: a\n    enter: case.dpd >= 1\n    steps: [{channel: sms, template: \
                reminder}]\n  - name: b\n    enter: case.dpd * 2 >= 4000\n    steps: [{channel: email, template: \
                reminder}]\n";
    let found = findings(text);
    let codes: Vec<_> = found.iter().map(|f| (f.code, f.severity)).collect();
    assert_eq!(
        codes,
        [(code::NOT_EXPLORED, Severity::Warning)],
        "{}",
        told(&found)
    );
}

#[test]
fn a_step_whose_turn_comes_at_values_nobody_looked_at_is_not_said_to_starve() {
    let with = |when: &str| {
        findings(&format!(
            "name: sums\nstages:\n  - name: a\n    enter: case.dpd >= 1\n    steps:\n      - {{channel: sms, template: \
             reminder}}\n      - {{when: '{when}', channel: email, template: reminder}}\n"
        ))
    };
    let found = with("case.overdue_in(\"CNY\") * 7 == 21000007");
    let warned = |f: &Finding| f.code == code::NOT_EXPLORED && f.severity == Severity::Warning;
    assert!(
        !found.is_empty() && found.iter().all(warned),
        "{}",
        told(&found)
    );
    let found = with("case.overdue_in(\"CNY\") < 0");
    assert_eq!(found[0].code, code::STARVES, "{}", told(&found));
}

#[test]
fn every_code_is_written_down() {
    let codes = |text: &'static str| -> BTreeSet<&str> {
        let starts = text.match_indices("RCP-POL-").map(|(i, _)| i);
        let all = starts.filter_map(|i| text.get(i..i + 11));
        all.filter(|code| *code >= "RCP-POL-040").collect()
    };
    let document = include_str!("../../../../docs/policy-language.md");
    let (_, document) = document.split_once("## Findings").unwrap();
    assert_eq!(
        codes(include_str!("../../src/check/mod.rs")),
        codes(document)
    );
}

#[test]
fn the_policies_of_this_repository_are_accepted() {
    let names = recoup_policy::Names {
        any_template: true,
        ..super::names()
    };
    let read = |path: &str| {
        let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
    };
    let example = |text: String| {
        let mut blocks = text.split("```yaml\n").skip(1);
        let block = blocks.find(|b| b.contains("stages:")).unwrap();
        block.split("```").next().unwrap().to_owned()
    };
    let mut all = vec![example(read("../../docs/policy-language.md"))];
    for path in [
        "../../xtask/data/policies/cn-micro.yaml",
        "../../xtask/data/policies/tw-card.yaml",
        "../../xtask/data/policies/us-consumer.yaml",
        "../policy/tests/data/cn-microloan.yaml",
        "tests/policies/cn-gentle.yaml",
        "tests/policies/cn-microloan.yaml",
        "tests/policies/side-by-side.yaml",
        "tests/policies/us-agency.yaml",
    ] {
        all.push(read(path));
    }
    let regions = ["CN", "TW", "US-CA", "US-MA"].map(str::to_owned);
    for text in &all {
        let policy = recoup_policy::Policy::parse(text, &names);
        let policy = policy.unwrap_or_else(|found| panic!("{}\n{text}", told(&found)));
        let question = Question {
            packs: Some(Packs::builtin()),
            regions: &regions,
            ..Question::default()
        };
        let report = check(&policy, &question);
        assert!(report.accepts(), "{}\n{text}", told(&report.findings));
    }
}
