//! Good policies spoiled in many ways: what the check says of each, against what happens in lives of made-up cases.
//!
//! `RECOUP_MUTANTS=all` looks at every mutant in many lives, the name of a policy at every one of that policy alone;
//! without it, at one of each kind of each policy in few.

use super::lives::{Manner, Seen, lawless, live};
use super::operators::OPERATORS;
use super::{parse, policies};
use recoup_decide::check::{Question, Report, check, code};
use recoup_policy::{Finding, Policy, Severity};
use std::collections::BTreeMap;

/// More on one day, or in 400 days, than the check takes.
const A_DAY_MAX: usize = 10;
const IN_ALL_MAX: usize = 400;

/// What verdicts and lives say together.
#[derive(Debug, Default)]
struct Tally {
    mutants: usize,
    not_compiled: usize,
    accepted: usize,
    rejected: usize,
    not_explored: usize,
    /// Seen in a life, and not told by the check: a miss.
    misses: Vec<String>,
    /// Told by the check, and refuted by a life: a false alarm.
    false_alarms: Vec<String>,
    /// Told by the check, and seen in no life.
    not_seen: BTreeMap<&'static str, usize>,
    /// Told and seen.
    borne_out: BTreeMap<&'static str, usize>,
    /// Stages and steps seen in no life, and not told: lives are too few to say more of them.
    idle: usize,
}

#[test]
fn verdicts_agree_with_lives_of_made_up_cases() {
    let asked = std::env::var("RECOUP_MUTANTS").ok();
    let all = asked.is_some();
    let lives = if all { 48 } else { 6 };
    let mut tally = Tally::default();
    let is_asked = |name: &str| asked.as_ref().is_none_or(|a| a == "all" || a == name);
    let policies = policies("good").into_iter();
    for (name, text) in policies.filter(|(name, _)| is_asked(name)) {
        judge(&format!("{name}, as it is"), &text, lives, &mut tally);
        for operator in &OPERATORS {
            let mutants = (operator.mutants)(&text);
            // A few at random places would not repeat: the one in the middle stands for all.
            let middle = mutants.len() / 2;
            for (i, mutant) in mutants.iter().enumerate() {
                if all || i == middle {
                    let what = format!("{name}: {} ({})", operator.name, i + 1);
                    tally.mutants += 1;
                    judge(&what, mutant, lives, &mut tally);
                }
            }
        }
    }
    println!("{tally:#?}");
    println!(
        "{} operators, {} mutants: {} did not compile, {} accepted, {} rejected, {} not explored; {} misses, {} false \
         alarms",
        OPERATORS.len(),
        tally.mutants,
        tally.not_compiled,
        tally.accepted,
        tally.rejected,
        tally.not_explored,
        tally.misses.len(),
        tally.false_alarms.len()
    );
    assert!(OPERATORS.len() >= 15);
    assert!(
        tally.rejected > tally.mutants / 4,
        "the operators spoil little"
    );
    assert_eq!(
        tally.misses, [""; 0],
        "seen in a life, not told by the check"
    );
    assert_eq!(
        tally.false_alarms, [""; 0],
        "told by the check, refuted by a life"
    );
}

fn judge(what: &str, text: &str, lives: u64, tally: &mut Tally) {
    let Ok(policy) = parse(text) else {
        tally.not_compiled += 1;
        return;
    };
    let report = check(&policy, &Question::default());
    let warned = |f: &Finding| f.severity == Severity::Warning;
    tally.not_explored += usize::from(report.findings.iter().any(warned));
    if report.accepts() {
        tally.accepted += 1;
    } else {
        tally.rejected += 1;
    }
    let binding = lawless();
    let mut seen = Seen::default();
    for seed in 0..lives {
        let manner = match seed % 3 {
            0 => Manner::Lively,
            1 => Manner::ByHand,
            _ => Manner::Quiet,
        };
        live(&policy, &binding, manner, seed + 1, &mut seen);
    }
    compare(what, &policy, &report, &seen, tally);
}

fn compare(what: &str, policy: &Policy, report: &Report, seen: &Seen, tally: &mut Tally) {
    let tells = |code| report.findings.iter().any(|f| f.code == code);
    let much = seen.a_day > A_DAY_MAX || seen.in_all > IN_ALL_MAX;
    for (code, happened) in [
        (code::GAP, seen.gap),
        (code::LOOP, seen.endless),
        (code::UNBOUNDED, much),
        (code::NO_PRIOR_CONTACT, !seen.first_visits.is_empty()),
    ] {
        match (tells(code), happened) {
            (true, true) => *tally.borne_out.entry(code).or_default() += 1,
            (true, false) => *tally.not_seen.entry(code).or_default() += 1,
            (false, true) => tally.misses.push(format!("{what}: {code}")),
            (false, false) => {}
        }
    }
    let stages = policy.stages();
    let at = |code, place| {
        let mut all = report.findings.iter();
        all.any(|f| f.code == code && (f.line, f.column) == place)
    };
    for (number, stage) in stages.iter().enumerate() {
        let name = &stage.name;
        let told = at(code::UNREACHABLE, stage.place);
        let stood_in = seen.stages.contains(&(number as u8));
        match (told, stood_in) {
            (true, true) => tally
                .false_alarms
                .push(format!("{what}: `{name}` is reached")),
            (true, false) => *tally.borne_out.entry(code::UNREACHABLE).or_default() += 1,
            (false, false) => tally.idle += 1,
            (false, true) => {}
        }
        for (n, step) in stage.steps.iter().enumerate() {
            let chosen = seen.steps.contains(&(number as u8, n as u8));
            match (at(code::STARVES, step.place), chosen) {
                (true, true) => {
                    let alarm = format!("{what}: step {} of `{name}` has its turn", n + 1);
                    tally.false_alarms.push(alarm);
                }
                (true, false) => *tally.borne_out.entry(code::STARVES).or_default() += 1,
                (false, false) if stood_in => {
                    tally.idle += 1;
                }
                _ => {}
            }
        }
    }
}
