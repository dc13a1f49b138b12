//! Against crate `cel`: what both understand comes to the same.

use crate::support::{borrower, case, ladder, now, parsed};
use cel::parser::PrattParser;
use cel::{Context, ExecutionError, Value};
use proptest::prelude::*;
use recoup_policy::{Facts, NoTrace};
use std::collections::HashMap;

/// Expressions without parentheses around everything, so that precedence is compared too.
fn expression() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        (-4..9_i64).prop_map(|n| n.to_string()),
        prop::sample::select(vec!["9223372036854775807", "-9223372036854775808", "0x1f"])
            .prop_map(str::to_owned),
        prop::sample::select(vec!["case.dpd", "ability", "willingness"]).prop_map(str::to_owned),
    ];
    let number = number.prop_recursive(3, 12, 2, |n| {
        prop_oneof![
            4 => (n.clone(), prop::sample::select(vec!["+", "-", "*", "/", "%"]), n.clone())
                .prop_map(|(l, op, r)| format!("{l} {op} {r}")),
            1 => n.clone().prop_map(|n| format!("({n})")),
            1 => n.clone().prop_map(|n| format!("-({n})")),
            1 => (n.clone(), n).prop_map(|(l, r)| format!("(case.dpd > 2 ? {l} : {r})")),
        ]
    });
    let text = prop::sample::select(vec![
        "\"gold\"",
        "'silver'",
        "'lost'",
        "\"reachable\"",
        "'a\\'b'",
    ]);
    let order = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        5 => (number.clone(), order, number.clone()).prop_map(|(l, op, r)| format!("{l} {op} {r}")),
        1 => (number.clone(), number).prop_map(|(n, k)| {
            let k = if k.parse::<i64>().is_ok() { k } else { "5".to_owned() };
            format!("{n} in [1, -2, {k}]")
        }),
        1 => (text.clone(), text).prop_map(|(l, r)| format!("{l} == {r}")),
        1 => prop::sample::select(vec![
            "true", "false", "case.product == 'gold'", "case.product in ['silver', \"gold\"]",
            "contactability != 'lost'", "(case.dpd > 2 ? 'lost' : 'doubtful') == contactability",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 3, |b| {
        prop_oneof![
            4 => (b.clone(), b.clone()).prop_map(|(l, r)| format!("{l} && {r}")),
            4 => (b.clone(), b.clone()).prop_map(|(l, r)| format!("{l} || {r}")),
            1 => b.clone().prop_map(|of| format!("!({of})")),
            1 => b.clone().prop_map(|of| format!("({of})")),
            1 => (b.clone(), b.clone(), b).prop_map(|(t, l, r)| format!("({t} ? {l} : {r})")),
        ]
    })
}

/// What crate `cel` says; an error is false here.
fn theirs(expression: &str, dpd: i64, ability: i64, willingness: i64) -> bool {
    let tree = PrattParser::default()
        .parse(expression)
        .unwrap_or_else(|e| panic!("{expression}: {e}"));
    let mut context = Context::default();
    let case: HashMap<String, Value> = HashMap::from([
        ("dpd".to_owned(), Value::Int(dpd)),
        ("product".to_owned(), Value::from("gold")),
    ]);
    context.add_variable_from_value("case", case);
    context.add_variable_from_value("ability", ability);
    context.add_variable_from_value("willingness", willingness);
    context.add_variable_from_value("contactability", "reachable");
    match context.resolve(&tree) {
        Ok(Value::Bool(holds)) => holds,
        Ok(other) => panic!("{expression} is {other:?}"),
        Err(unknown @ ExecutionError::UndeclaredReference(_)) => panic!("{expression}: {unknown}"),
        Err(_) => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn conditions_come_to_what_cel_says(text in expression(), dpd in -3..9_i32, ability in 0..9_u8, willingness in 0..9_u8) {
        prop_assume!(text.len() < 900);
        let policy = parsed(&ladder(&["true", &text]));
        let mut it = case(dpd);
        it.scores.ability = Some(ability);
        it.scores.willingness = Some(willingness);
        let person = borrower();
        let facts = Facts { case: &it, borrower: &person, contacts: &[] };
        let ours = policy.enters(&policy.env(&facts, now()), 1, &mut NoTrace);
        let theirs = theirs(&text, i64::from(dpd), i64::from(ability), i64::from(willingness));
        prop_assert_eq!(ours, theirs, "{}", text);
    }
}
