//! G11: which stage a case stands in, by this crate and by crate `cel`, each with everything prepared: the policy
//! compiled, the facts in the form it reads. `cargo xtask bench --only g11` runs it.
//!
//! `beside_cel QUESTIONS ROUNDS` prints JSON: microseconds a question of both, a round each, measured in turn.

#[path = "../tests/checks/support.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod support;

use cel::parser::{Expression, PrattParser};
use cel::{Context, Value};
use recoup_domain::{ContactClass, Outcome};
use recoup_policy::{Facts, NoTrace, Policy};
use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

const STAGES: usize = 20;
const DPD: i32 = 45;

/// Twenty conditions of seven terms; but for the first, all but the last term of each holds.
fn conditions() -> Vec<String> {
    let of_stage = |n: usize| {
        let days = if n == 0 { 1 } else { 60 + n };
        format!(
            "willingness < 60 && contactability != \"lost\" && contacts.phone.made >= 1 && case.age_days >= 1 \
             && case.product in [\"gold\", \"silver\"] && (ability >= 30 || case.status == \"legal\") \
             && case.dpd >= {days}"
        )
    };
    (0..STAGES).map(of_stage).collect()
}

/// The last condition that holds, from the last one on, as a policy is asked.
fn by_cel(conditions: &[Expression], context: &Context<'_, '_>) -> Option<u8> {
    let holds = |n: &usize| matches!(context.resolve(&conditions[*n]), Ok(Value::Bool(true)));
    (0..conditions.len()).rev().find(holds).map(|n| n as u8)
}

fn context() -> Context<'static, 'static> {
    let object = |of: Vec<(&str, Value)>| -> HashMap<String, Value> {
        of.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
    };
    let mut context = Context::default();
    let case = object(vec![
        ("dpd", Value::Int(i64::from(DPD))),
        ("age_days", Value::Int(7)),
        ("product", Value::from("gold")),
        ("status", Value::from("open")),
    ]);
    let phone = object(vec![("made", Value::Int(1))]);
    context.add_variable_from_value("case", case);
    context.add_variable_from_value("contacts", object(vec![("phone", Value::from(phone))]));
    context.add_variable_from_value("contactability", "reachable");
    context.add_variable_from_value("ability", 50_i64);
    context.add_variable_from_value("willingness", 20_i64);
    context
}

fn time(questions: u32, mut ask: impl FnMut() -> Option<u8>) -> Duration {
    let start = Instant::now();
    for _ in 0..questions {
        black_box(ask());
    }
    start.elapsed()
}

fn main() {
    let given: Vec<u32> = std::env::args()
        .skip(1)
        .filter_map(|a| a.parse().ok())
        .collect();
    let [questions, rounds] = given[..] else {
        eprintln!("usage: beside_cel QUESTIONS ROUNDS");
        std::process::exit(2);
    };
    let texts = conditions();
    let policy: Policy = {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        support::parsed(&support::ladder(&texts))
    };
    let parse = |text: &String| PrattParser::default().parse(text).expect("a condition");
    let programs: Vec<Expression> = texts.iter().map(parse).collect();
    let mut case = support::case(DPD);
    case.scores.ability = Some(50);
    case.scores.willingness = Some(20);
    let borrower = support::borrower();
    let when = support::at("2026-04-07T02:00:00Z");
    let contacts = [support::contact(
        ContactClass::Phone,
        Outcome::NoAnswer,
        when,
    )];
    let facts = Facts {
        case: &case,
        borrower: &borrower,
        contacts: &contacts,
    };
    let env = policy.env(&facts, support::now());
    let context = context();
    let ours = || policy.stage(black_box(&env), &mut NoTrace);
    let theirs = || by_cel(black_box(&programs), black_box(&context));
    assert_eq!(
        (ours(), theirs()),
        (Some(0), Some(0)),
        "both ask all twenty conditions"
    );
    let us = |took: Duration| took.as_secs_f64() * 1e6 / f64::from(questions);
    let (mut of_ours, mut of_theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // Who begins alternates.
        let first = (round % 2 == 0).then(|| us(time(questions, ours)));
        of_theirs.push(us(time(questions, theirs)));
        of_ours.push(first.unwrap_or_else(|| us(time(questions, ours))));
    }
    println!(
        "{}",
        serde_json::json!({"ours_us": of_ours, "cel_us": of_theirs})
    );
}
