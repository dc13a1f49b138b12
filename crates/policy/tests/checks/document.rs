//! Documents: what is refused, with code, line and column.

use crate::support::{case_id, names, parsed};
use jiff::SignedDuration;
use jiff::civil::time;
use recoup_domain::{CaseId, ContactClass, Currency, Outcome};
use recoup_policy::{Finding, OnOutcome, Policy, Severity};

pub(crate) fn findings(source: &str) -> Vec<Finding> {
    match Policy::parse(source, &names()) {
        Ok(policy) => policy.warnings().to_vec(),
        Err(findings) => findings,
    }
}

fn places(source: &str) -> Vec<String> {
    let place = |f: &Finding| format!("{}:{} {}", f.line, f.column, &f.code["RCP-POL-".len()..]);
    findings(source).iter().map(place).collect()
}

fn check(source: &str, expected: &[&str]) {
    let all = findings(source);
    assert_eq!(places(source), expected, "{all:#?}\nin\n{source}");
}

const STAGE: &str =
    "stages: [{name: a, enter: case.dpd >= 1, steps: [{channel: sms, template: reminder}]}]\n";

#[test]
fn the_example_of_the_design_compiles() {
    let policy = parsed(include_str!("../data/cn-microloan.yaml"));
    assert_eq!(policy.name(), "cn-microloan");
    assert_eq!(policy.currency(), Some(Currency::new("CNY").unwrap()));
    assert_eq!(policy.segments(), ["micro_business", "individual"]);
    assert!(policy.warnings().is_empty());
    let stages: Vec<&str> = policy.stages().iter().map(|s| s.name.as_str()).collect();
    assert_eq!(stages, ["remind", "call", "visit", "legal"]);
    let call = &policy.stages()[1].steps[0];
    assert_eq!(call.between, Some((time(10, 0, 0, 0), time(19, 0, 0, 0))));
    assert_eq!(call.every, Some(SignedDuration::from_hours(24)));
    assert_eq!((call.max, call.class), (10, ContactClass::Phone));
    assert_eq!(call.window, SignedDuration::from_mins(30));
    let visit = &policy.stages()[2].steps[0];
    assert_eq!(visit.lead, SignedDuration::from_hours(24));
    assert_eq!(visit.window, SignedDuration::from_hours(2));
    let legal = &policy.stages()[3];
    assert!(legal.approval && legal.steps.iter().all(|s| s.approval));
    assert_eq!(
        legal.steps[1].after,
        Some(SignedDuration::from_hours(15 * 24))
    );
    assert_eq!(policy.channels().len(), 4);
    assert_eq!(policy.templates().len(), 5);
    assert_eq!(
        policy.arms()[1].policy.as_deref(),
        Some("cn-microloan-soft")
    );
}

#[test]
fn all_mistakes_are_found_in_one_go() {
    check(
        include_str!("../data/every-mistake.yaml"),
        &[
            "2:7 008",
            "3:11 017",
            "4:17 004",
            "4:18 003",
            "6:21 018",
            "7:12 007",
            "7:22 022",
            "9:5 004",
            "10:5 003",
            "12:19 012",
            "12:34 013",
            "12:50 009",
            "12:63 011",
            "16:16 022",
            "17:17 026",
            "18:15 005",
            "22:15 018",
            "23:28 010",
            "24:14 015",
            "24:53 014",
            "25:7 016",
        ],
    );
}

#[test]
fn hints_name_what_would_be_right() {
    let source = include_str!("../data/every-mistake.yaml");
    let all = findings(source);
    let hint = |code: &str| {
        let code = format!("RCP-POL-{code}");
        let found: Vec<&str> = all
            .iter()
            .filter(|f| f.code == code)
            .map(|f| f.hint.as_str())
            .collect();
        found.join("; ")
    };
    assert_eq!(hint("012"), "did you mean `sms`?");
    assert_eq!(hint("013"), "did you mean `reminder`?");
    assert_eq!(hint("015"), "did you mean `wrong_number`?");
    assert_eq!(
        hint("014"),
        "there are: next_contact_point, skip_step, skip_stage, worklist"
    );
    assert!(hint("003").contains("did you mean `enter`?"));
    assert!(
        hint("022").contains("did you mean `phone`?"),
        "{}",
        hint("022")
    );
}

#[test]
fn documents_that_are_no_policies() {
    check("", &["1:1 005"]);
    check("[]", &["1:1 005"]);
    check("name: x\n", &["1:1 004"]);
    check("name: x\nstages: []\n", &["2:9 006"]);
    check("name: x\nstages: {}\n", &["2:9 005"]);
    check("name: [\n", &["1:7 002"]);
    check("name: a\nname: b\n", &["2:1 002"]);
    check("name: &a x\nstages: *a\n", &["1:10 002"]);
    check(&format!("name: x\n---\n{STAGE}"), &["3:1 002"]);
    check(&format!("name: 3\n{STAGE}"), &["1:7 005"]);
    check(&format!("name: a\nsteps: []\n{STAGE}"), &["2:1 003"]);
    check(
        &format!("name: a\narms: {{challenger: {{share: 100, policy: b}}}}\n{STAGE}"),
        &["2:7 016"],
    );
    check(
        &format!("name: a\narms: {{champion: 90.5}}\n{STAGE}"),
        &["2:18 005"],
    );
}

#[test]
fn messages_do_not_speak_of_the_library() {
    for source in [
        "name: a\nname: b\n",
        "name: &a x\n",
        "a: 1\n---\nb: 2\n",
        "<<: {a: 1}\n",
        "? [a]\n: b\n",
    ] {
        let all = findings(source);
        let text = format!("{} {}", all[0].message, all[0].hint);
        for word in [
            "Options", "Policy", "from_str", "Anchors", "at line", "Depth",
        ] {
            assert!(!text.contains(word), "{text}");
        }
    }
}

#[test]
fn sizes_are_limited() {
    let long = format!("name: a\n# {}\n{STAGE}", "x".repeat(64 * 1024));
    check(&long, &["1:1 001"]);
    let stage = "  - {name: NAME, enter: 'true', steps: [{channel: sms, template: reminder}]}\n";
    let stages = |n: usize| -> String {
        let each = (0..n).map(|i| stage.replace("NAME", &format!("s{i}")));
        format!("name: a\nstages:\n{}", each.collect::<String>())
    };
    check(&stages(32), &[]);
    check(&stages(33), &["35:5 006"]);
    let steps = |n: usize| {
        let each = vec!["{channel: sms, template: reminder}"; n].join(", ");
        format!("name: a\nstages: [{{name: s, enter: 'true', steps: [{each}]}}]\n")
    };
    check(&steps(16), &[]);
    check(&steps(17), &["2:619 006"]);
}

#[test]
fn of_many_unknown_keys_the_first_are_named_and_the_rest_counted() {
    let many: String = (0..3_000).map(|n| format!("k{n}: 1\n")).collect();
    let found = findings(&format!("name: n\n{STAGE}{many}"));
    let unknown: Vec<_> = found.iter().filter(|f| f.code == "RCP-POL-003").collect();
    assert_eq!(unknown.len(), 50);
    assert!(
        unknown[49].message.ends_with("nor 2950 others below"),
        "{}",
        unknown[49].message
    );
    assert!(!unknown[48].message.contains("others"));
}

#[test]
fn nests_are_refused_and_never_overflow_the_stack() {
    for open in ["[", "{a: ", "- ", "? "] {
        let source = open.repeat(64 * 1024 / open.len());
        assert_eq!(findings(&source)[0].code, "RCP-POL-002", "{open}");
    }
}

#[test]
fn a_step_without_spacing_is_warned_of() {
    let source = "name: a\nstages: [{name: s, enter: 'true', steps: [{channel: sms, template: reminder, max: 3}]}]\n";
    let all = findings(source);
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].severity, all[0].code),
        (Severity::Warning, "RCP-POL-030")
    );
    assert!(Policy::parse(source, &names()).is_ok());
}

#[test]
fn a_reaction_to_what_never_comes_is_warned_of() {
    let source = "name: a\nstages:\n  - name: s\n    enter: 'true'\n    steps:\n      - {channel: sms, template: reminder, \
                  on: {delivered: worklist, conversation: worklist, unknown: worklist}}\n";
    let all = findings(source);
    assert_eq!(
        all.iter().map(|f| (f.severity, f.code)).collect::<Vec<_>>(),
        [(Severity::Warning, "RCP-POL-031")]
    );
    assert_eq!(
        all[0].message,
        "`conversation` does not come of a contact by sms: nothing follows from it here"
    );
    assert_eq!(
        all[0].hint,
        "take one of delivered, undelivered, not_in_service, invalid_address, wrong_number, cancelled, or leave it out"
    );
    assert!(Policy::parse(source, &names()).is_ok());
}

#[test]
fn a_condition_with_a_colon_needs_no_quotes_on_a_line_of_its_own() {
    let with = |enter: &str| {
        format!(
            "name: a\nstages:\n  - name: s\n    enter: {enter}\n    steps: [{{channel: sms, template: reminder}}]\n"
        )
    };
    let enter = "case.dpd >= (ability > 3 ? 30 : 60) || case.dpd == (true ? 1 : 2)";
    let policy = parsed(&with(&format!("{enter}  # why: because")));
    assert_eq!(policy.stages()[0].enter, enter);
    check(
        &with("case.dpd >= (ability > 3 ? 30 : sixty)"),
        &["4:44 022"],
    );
    check(&with("case.dpd >= 1 ; true"), &["4:26 020"]);
    // Where YAML cannot be told what is meant, the hint says what to do.
    let flow = "name: a\nstages: [{name: s, enter: case.dpd > (true ? 1 : 2), steps: [{channel: sms, template: reminder}]}]\n";
    let all = findings(flow);
    assert!(all.iter().any(|f| f.hint.contains("quotes")), "{all:#?}");
}

#[test]
fn outcomes_bring_their_actions() {
    let policy = parsed(
        "name: a\nstages: [{name: s, enter: 'true', steps: [{channel: phone, template: first_call, on: {wrong_number: next_contact_point, declined: skip_step}}]}]\n",
    );
    let step = &policy.stages()[0].steps[0];
    assert_eq!(
        step.on(Outcome::WrongNumber),
        Some(OnOutcome::NextContactPoint)
    );
    assert_eq!(step.on(Outcome::Declined), Some(OnOutcome::SkipStep));
    assert_eq!(step.on(Outcome::Busy), None);
}

#[test]
fn arms_divide_the_cases_by_their_shares() {
    let policy = parsed(include_str!("../data/cn-microloan.yaml"));
    let cases = (0..10_000_u32).map(|n| {
        let mut id = [7; 16];
        id[..4].copy_from_slice(&n.to_be_bytes());
        CaseId::from_bytes(id)
    });
    let challenged = cases
        .filter(|c| policy.arm(*c).name == "challenger")
        .count();
    assert!((850..1150).contains(&challenged), "{challenged}");
    // The arm of a case is for ever: this one is written down.
    assert_eq!(policy.arm(case_id(1)).name, "champion");
    let alone = parsed(&format!("name: a\n{STAGE}"));
    assert_eq!((alone.arms().len(), alone.arm(case_id(9)).share), (1, 100));
}

#[test]
fn a_policy_is_not_named_as_ids_are() {
    for (name, taken) in [
        ("policy_x", false),
        ("policy_", false),
        ("policy-x", true),
        ("my_policy_x", true),
    ] {
        let source = format!(
            "name: {name}\nstages: [{{name: policy_x, enter: 'true', steps: [{{channel: sms, template: reminder}}]}}]"
        );
        let parsed = Policy::parse(&source, &names());
        let codes = parsed.map_or_else(|f| f.iter().map(|f| f.code).collect(), |_| Vec::new());
        assert_eq!(codes.is_empty(), taken, "{name}: {codes:?}");
        assert!(taken || codes == ["RCP-POL-008"], "{name}: {codes:?}");
    }
}
