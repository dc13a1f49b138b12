//! This crate's part of a decision allocates nothing: facts to environment, environment to stage, when
//! the stage may change, and when a step is due.

#[path = "checks/support.rs"]
#[expect(dead_code, reason = "shared with the other tests")]
mod support;

use allocation_counter::measure;
use recoup_domain::{ContactClass, Outcome, PastContact};
use recoup_policy::{Facts, FullTrace, NoTrace, Policy};
use std::hint::black_box;
use support::{at, borrower, case, contact, ladder, now, parsed, placed};

/// Twenty stages that ask for everything there is.
fn twenty_rules() -> Policy {
    let rule = "case.dpd >= 1 && !case.has_tag('x') && (willingness < 20 || contacts.visit.completed >= 1 \
        || contacts.any.days_since_last > 3 || contacts.sms.last_outcome in ['busy', 'delivered']) \
        && case.product != 'none' && case.jurisdiction == 'CN' && contactability != 'lost' \
        && case.age >= duration('3d') && now.hour < 20 && case.dpd >= (segment == 'small' ? 30 : 60) \
        && case.overdue_in('CNY') / 3 * 2 % 7 >= 0 && borrower.region('CN')";
    let later = format!("{rule} && (exhausted('s0') || case.dpd / 0 == 1)");
    let rules: Vec<&str> = [rule]
        .into_iter()
        .chain(std::iter::repeat_n(later.as_str(), 19))
        .collect();
    parsed(&ladder(&rules))
}

fn fifty_contacts() -> Vec<PastContact> {
    let sent = |i: u8| {
        let class = ContactClass::ALL[usize::from(i) % 5];
        placed(
            contact(class, Outcome::Delivered, at("2026-03-01T02:00:00Z")),
            i % 20,
            0,
        )
    };
    (0..50).map(sent).collect()
}

#[test]
fn a_decision_allocates_nothing() {
    let policy = twenty_rules();
    let (case, borrower, contacts) = (case(70), borrower(), fifty_contacts());
    let facts = Facts {
        case: &case,
        borrower: &borrower,
        contacts: &contacts,
    };
    let decide = || {
        let env = policy.env(&facts, now());
        let stage = policy.stage(&env, &mut NoTrace);
        let change = policy.next_time_change(&facts, &env, now());
        let day = policy.next_dpd_change(&env);
        let due = policy.due(19, 0, &facts, &env, now());
        let counts = policy.step_counts(&facts);
        let used_up = policy.is_used_up(&facts, &counts, 19, 0);
        black_box((stage, change, day, due, used_up, policy.arm(case.id)))
    };
    // The zone's rules are read lazily, once in the life of a process.
    let first = decide();
    assert_eq!(
        first.0,
        Some(19),
        "the last rule holds, so all of it was asked"
    );
    let counted = measure(|| {
        decide();
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn the_counter_counts() {
    let policy = twenty_rules();
    let (case, borrower) = (case(70), borrower());
    let facts = Facts {
        case: &case,
        borrower: &borrower,
        contacts: &[],
    };
    let env = policy.env(&facts, now());
    let counted = measure(|| {
        policy.stage(&env, &mut FullTrace::default());
    });
    assert!(counted.count_total > 0, "a trace that collects allocates");
}
