//! What an exploration asks: cells between constants, and parts of conditions at given values.

use super::support::names;
use recoup_policy::Policy;
use recoup_policy::explore::{ANY, Axis, Cell, Detail, Fact, Of, Probe, Shape};

fn policy(enter: &str) -> Policy {
    let text = format!(
        "name: p\nsegments: [{{name: a, when: 'ability >= 60'}}]\nstages:\n  - name: one\n    enter: case.dpd >= 1\n    \
         steps: [{{channel: sms, template: reminder}}]\n  - name: two\n    enter: {enter}\n    \
         steps: [{{channel: sms, template: reminder}}]\n"
    );
    Policy::parse(&text, &names()).unwrap_or_else(|found| panic!("{found:?}"))
}

fn axis(policy: &Policy, fact: Fact) -> Axis {
    let axes = policy.axes(&[]);
    let found = axes.into_iter().find(|a| a.fact == fact);
    found.unwrap_or_else(|| panic!("{fact:?} is not read"))
}

/// Where cells begin, "not known" left out.
fn starts(axis: &Axis) -> Vec<i64> {
    let spans = axis.cells.iter().filter_map(|c| c.span());
    spans.map(|(from, _)| from).skip(1).collect()
}

#[test]
fn cells_begin_where_a_comparison_may_change() {
    for (enter, fact, expected) in [
        ("case.dpd >= 30", Fact::Dpd, &[1, 2, 30, 31][..]),
        ("30 > case.dpd", Fact::Dpd, &[1, 2, 30, 31]),
        ("case.dpd in [5, 9]", Fact::Dpd, &[1, 2, 5, 6, 9, 10]),
        (
            "case.dpd >= (segment == 'a' ? 7 : 4 + 5)",
            Fact::Dpd,
            &[1, 2, 7, 8, 9, 10],
        ),
        ("case.dpd > -3", Fact::Dpd, &[-3, -2, 1, 2]),
        ("case.age >= duration('36h')", Fact::AgeDays, &[1, 2]),
        (
            "contacts.sms.made >= 2",
            Fact::Contacts(0, Of::Made),
            &[2, 3],
        ),
        ("willingness < 20", Fact::Willingness, &[20, 21]),
        ("borrower.kind == 'individual'", Fact::BorrowerKind, &[1]),
        ("exhausted('one')", Fact::Exhausted(0), &[1]),
    ] {
        let axis = axis(&policy(enter), fact);
        assert_eq!(starts(&axis), expected, "{enter}");
        assert_eq!(axis.detail, Detail::Exact, "{enter}");
    }
}

#[test]
fn what_may_be_absent_has_a_cell_for_that() {
    let policy =
        policy("willingness < 20 && contacts.any.days_since_last > 3 && case.age_days > 1");
    for (fact, absent) in [
        (Fact::Willingness, true),
        (Fact::Contacts(ANY, Of::DaysSinceLast), true),
        (Fact::AgeDays, false),
        (Fact::Dpd, false),
    ] {
        let cells = axis(&policy, fact).cells;
        assert_eq!(cells.contains(&Cell::Absent), absent, "{fact:?}");
    }
}

#[test]
fn what_is_calculated_with_is_looked_at_value_by_value() {
    let doubled = axis(&policy("willingness * 2 < 30"), Fact::Willingness);
    assert_eq!((doubled.cells.len(), doubled.detail), (102, Detail::Exact));
    let days = axis(&policy("case.dpd % 7 == 0"), Fact::Dpd);
    assert_eq!(days.detail, Detail::UpTo(431));
    let sums = axis(&policy("case.overdue_in('CNY') * 2 > 900"), Fact::Overdue);
    assert_eq!(sums.detail, Detail::Picked);
    let other = axis(&policy("ability > willingness"), Fact::Ability);
    assert_eq!(other.cells.len(), 102);
}

#[test]
fn parts_are_asked_of_values() {
    let policy = policy("case.dpd >= 30 && (willingness < 20 || exhausted('one'))");
    let enter = policy.enter_part(1).unwrap();
    let Shape::Both(days, rest) = policy.shape(enter) else {
        panic!("two parts");
    };
    assert_eq!(policy.facts_of(days), [Fact::Dpd]);
    assert_eq!(
        policy.facts_of(rest),
        [Fact::Willingness, Fact::Exhausted(0)]
    );
    assert!(matches!(policy.shape(rest), Shape::Either(..)));
    assert_eq!(policy.shape(days), Shape::Whole);
    let mut probe = Probe::new(&policy);
    for (dpd, willingness, used_up, stage) in [
        (0, None, 0, None),
        (29, Some(5), 1, Some(0)),
        (30, None, 0, Some(0)),
        (30, Some(19), 0, Some(1)),
        (30, Some(20), 0, Some(0)),
        (30, None, 1, Some(1)),
    ] {
        probe.set(Fact::Dpd, Some(dpd));
        probe.set(Fact::Willingness, willingness);
        probe.set(Fact::Exhausted(0), Some(used_up));
        assert_eq!(probe.stage(), stage, "{dpd} {willingness:?} {used_up}");
        assert_eq!(probe.holds(enter), stage == Some(1));
    }
}
