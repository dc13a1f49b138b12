//! When conditions may change: against trying every day.

use crate::support::{TODAY, at, borrower, case, ladder, now, parsed};
use proptest::prelude::*;
use recoup_domain::time::add_days;
use recoup_policy::{Env, Facts, NoTrace, Policy, first_day_of_dpd};

const DAYS: i32 = 60;

fn with_env<T>(policy: &Policy, dpd: i32, ask: impl Fn(&Facts<'_>, Env) -> T) -> T {
    let (mut case, borrower) = (case(dpd), borrower());
    case.scores.ability = Some(20);
    let facts = Facts {
        case: &case,
        borrower: &borrower,
        contacts: &[],
    };
    ask(&facts, policy.env(&facts, now()))
}

fn results(policy: &Policy, env: &Env) -> Vec<bool> {
    let stages = 0..policy.stages().len() as u8;
    stages
        .map(|s| policy.enters(env, s, &mut NoTrace))
        .collect()
}

/// The first day on which some condition gives something else, by trying.
fn tried(policy: &Policy, env: &Env) -> Option<i32> {
    let today = results(policy, env);
    (env.dpd() + 1..=env.dpd() + DAYS).find(|d| results(policy, &env.with_dpd(policy, *d)) != today)
}

fn check(enter: &str, dpd: i32, expected: Option<i32>) {
    let policy = parsed(&ladder(&[enter]));
    let found = with_env(&policy, dpd, |_, env| policy.next_dpd_change(&env));
    assert_eq!(found, expected, "{enter} at {dpd}");
}

#[test]
fn constants_tell_the_day() {
    check("case.dpd >= 30", 3, Some(30));
    check("case.dpd >= 30", 30, None);
    check("30 <= case.dpd", 3, Some(30));
    check("case.dpd > 30", 30, Some(31));
    check("case.dpd < 30", 3, Some(30));
    check("case.dpd <= 30", 3, Some(31));
    check("case.dpd == 7", 3, Some(7));
    check("case.dpd == 7", 7, Some(8));
    check("case.dpd in [5, 9]", 3, Some(5));
    check("case.dpd in [5, 9]", 5, Some(6));
    check("case.dpd in [5, 9]", 9, Some(10));
    check(
        "case.dpd >= 4 && case.dpd < 30 || case.dpd > 90",
        10,
        Some(30),
    );
    check("case.dpd >= (segment == \"small\" ? 10 : 20)", 3, Some(20));
    check("case.dpd >= (case.dpd > 5 ? 10 : 20)", 3, Some(6));
    check("case.dpd >= ability + 3", 3, Some(23));
    check("case.dpd >= willingness", 3, None);
    check("true", 3, None);
    check("contacts.sms.made > 3", 3, None);
    check("case.dpd >= -2", -5, Some(-2));
    check("case.dpd > 9223372036854775807", 3, None);
}

#[test]
fn where_constants_do_not_tell_it_is_the_next_day() {
    check("case.dpd % 7 == 0", 3, Some(4));
    check("case.dpd + 1 >= 30", 3, Some(4));
    check("now.weekday == 1", 3, Some(4));
    check("case.age_days > 30 && case.dpd > 90", 3, Some(4));
    check("contacts.any.since_last > duration(\"3d\")", 3, Some(4));
    check("now.hour > 9", 3, Some(4));
}

#[test]
fn instants() {
    let check = |enter: &str, expected: Option<&str>| {
        let policy = parsed(&ladder(&[enter]));
        let found = with_env(&policy, 3, |facts, env| {
            policy.next_time_change(facts, &env, now())
        });
        assert_eq!(found, expected.map(at), "{enter}");
    };
    // Today is 8 April; midnight in Shanghai is 16:00 UTC.
    check("case.dpd >= 5", Some("2026-04-09T16:00:00Z"));
    check("case.dpd >= 4", Some("2026-04-08T16:00:00Z"));
    check("now.weekday == 1", Some("2026-04-08T16:00:00Z"));
    check("now.hour == 1", Some("2026-04-08T03:00:00Z"));
    check("case.dpd >= 2", None);
    check("contacts.sms.made >= 2", None);
}

#[test]
fn pause_days_put_the_day_off() {
    let mut it = case(10);
    it.pause_days = 4;
    assert_eq!(it.dpd_on(TODAY), 6);
    for dpd in -3..40 {
        let day = first_day_of_dpd(&it, dpd).unwrap();
        assert!(
            it.dpd_on(day) >= dpd && it.dpd_on(add_days(day, -1)) < dpd,
            "{dpd}"
        );
    }
    it.oldest_unpaid_due = None;
    assert_eq!(first_day_of_dpd(&it, 3), None);
}

/// Conditions on days past due in which any comparison may decide.
fn on_days() -> impl Strategy<Value = String> {
    let order = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let limit = prop_oneof![
        3 => (-5..50_i64).prop_map(|n| n.to_string()),
        1 => Just("(ability * 2 - 7)".to_owned()),
        1 => (-5..50_i64, 0..50_i64).prop_map(|(a, b)| format!("(case.dpd > {a} ? {b} : 30)")),
        1 => (0..50_i64).prop_map(|a| format!("(segment == \"small\" ? {a} : 10)")),
        1 => Just("willingness".to_owned()),
    ];
    let leaf = prop_oneof![
        4 => (order, limit.clone()).prop_map(|(op, k)| format!("case.dpd {op} {k}")),
        2 => limit.prop_map(|k| format!("{k} < case.dpd")),
        1 => prop::collection::vec(-5..50_i64, 1..4).prop_map(|l| format!("case.dpd in {l:?}")),
        1 => Just("contacts.any.made >= 1".to_owned()),
        1 => Just("case.dpd % 5 == 0".to_owned()),
    ];
    leaf.prop_recursive(2, 8, 2, |b| {
        prop_oneof![
            (b.clone(), b.clone()).prop_map(|(l, r)| format!("({l} && {r})")),
            (b.clone(), b.clone()).prop_map(|(l, r)| format!("({l} || {r})")),
            b.prop_map(|of| format!("!({of})")),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_changes_before_the_day_told(enters in prop::collection::vec(on_days(), 1..4), dpd in -8..45_i32) {
        let texts: Vec<&str> = enters.iter().map(String::as_str).collect();
        let policy = parsed(&ladder(&texts));
        with_env(&policy, dpd, |_, env| {
            let told = policy.next_dpd_change(&env);
            let changes = tried(&policy, &env);
            if let Some(changes) = changes {
                prop_assert!(told.is_some_and(|told| told <= changes), "told {told:?}, changes {changes}");
            }
            prop_assert!(told.is_none_or(|told| told > dpd));
            Ok(())
        })?;
    }

    #[test]
    fn single_comparisons_are_told_exactly(
        op in prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]),
        limit in -5..50_i32,
        dpd in -8..45_i32,
    ) {
        let policy = parsed(&ladder(&[&format!("case.dpd {op} {limit}")]));
        with_env(&policy, dpd, |_, env| {
            prop_assert_eq!(policy.next_dpd_change(&env), tried(&policy, &env));
            Ok(())
        })?;
    }
}
