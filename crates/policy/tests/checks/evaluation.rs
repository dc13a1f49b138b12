//! What conditions come to.

use crate::support::{at, borrower, case, contact, holds, ladder, now, parsed, placed};
use jiff::Timestamp;
use proptest::prelude::*;
use recoup_domain::case::{Pause, PauseReason};
use recoup_domain::ids::PauseId;
use recoup_domain::party::{BorrowerKind, PointState};
use recoup_domain::past::Direction;
use recoup_domain::{Case, CaseId, ContactClass, ContactState, Outcome, Party, PastContact};
use recoup_policy::{Facts, FullTrace, NoTrace, Note};

fn days_ago(days: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() - days * 86_400).unwrap()
}

/// A case with some history: two SMS, a failed call, a visit whose appointment lies ahead.
fn history() -> Vec<PastContact> {
    let mut elsewhere = contact(ContactClass::Email, Outcome::Delivered, days_ago(9));
    elsewhere.debt = CaseId::from_bytes([99; 16]);
    let mut inbound = contact(ContactClass::Phone, Outcome::Conversation, days_ago(2));
    inbound.direction = Direction::Inbound;
    let mut rejected = contact(ContactClass::Sms, Outcome::Delivered, days_ago(1));
    (rejected.outcome, rejected.state) = (None, Some(ContactState::RejectedProven));
    let mut doubtful = contact(ContactClass::Visit, Outcome::Visited, days_ago(0));
    (doubtful.outcome, doubtful.state) = (None, Some(ContactState::Unknown));
    doubtful.effect = doubtful.effect.moved_to(days_ago(-2));
    vec![
        elsewhere,
        placed(
            contact(ContactClass::Sms, Outcome::Delivered, days_ago(6)),
            0,
            0,
        ),
        placed(
            contact(ContactClass::Sms, Outcome::Undelivered, days_ago(5)),
            0,
            0,
        ),
        placed(
            contact(ContactClass::Phone, Outcome::NoAnswer, days_ago(3)),
            1,
            0,
        ),
        inbound,
        rejected,
        doubtful,
    ]
}

fn check(case: &Case, borrower: &Party, contacts: &[PastContact], table: &[(&str, bool)]) {
    let facts = Facts {
        case,
        borrower,
        contacts,
    };
    for (expression, expected) in table {
        assert_eq!(holds(expression, &facts), *expected, "{expression}");
    }
}

#[test]
fn facts_of_the_case() {
    check(
        &case(45),
        &borrower(),
        &[],
        &[
            ("case.dpd == 45", true),
            (
                "case.dpd - 5 == 40 && 90 == case.dpd * 2 && case.dpd / 7 == 6 && -case.dpd % 7 == -3",
                true,
            ),
            ("45 < case.dpd || 45 > case.dpd || 45 != case.dpd", false),
            ("45 <= case.dpd && 45 >= case.dpd && 45 == case.dpd", true),
            (
                "44 < case.dpd && 46 > case.dpd && !(46 < case.dpd) && !(44 > case.dpd)",
                true,
            ),
            ("case.dpd in [44, 45]", true),
            ("case.dpd in [44, 46]", false),
            ("case.status == 'open'", true),
            ("case.status in ['legal', 'closed']", false),
            ("case.product == 'gold'", true),
            ("case.product != 'silver'", true),
            ("case.overdue_in('CNY') == 100000", true),
            ("case.principal_in('CNY') == 80000", true),
            ("case.has_tag('vip') && !case.has_tag('student')", true),
            (
                "borrower.has_tag('student') && !borrower.has_tag('vip')",
                true,
            ),
            ("borrower.region('CN') && borrower.region('CN-SH')", true),
            ("borrower.region('C') || borrower.region('CN-S')", false),
            ("case.age_days == 7 && case.age == duration('7d')", true),
            (
                "case.jurisdiction == 'CN' && case.jurisdiction != 'US'",
                true,
            ),
            ("case.lender_kind == 'microloan_company'", true),
            ("borrower.kind == 'individual'", true),
            ("now.hour == 10 && now.weekday == 3", true),
            ("segment == 'rest'", true),
            ("contactability == 'reachable'", true),
            ("case.dpd > 3 ? true : 1 / 0 == 1", true),
        ],
    );
}

#[test]
fn other_facts() {
    let mut it = case(3);
    it.borrower_kind = BorrowerKind::MicroBusiness;
    it.product = None;
    it.amounts.overdue = 999;
    it.scores.ability = Some(40);
    it.pauses.push(Pause {
        id: PauseId::from_bytes([1; 16]),
        reason: PauseReason::Hold,
        owner: "ops".into(),
        since: now(),
        until: days_ago(-1),
        promise: None,
    });
    let mut person = borrower();
    person.points[0].failed_days = 1;
    let table = [
        (
            "borrower.kind == 'micro_business' && segment == 'small'",
            true,
        ),
        ("case.status == 'paused'", true),
        ("case.product == 'gold' || case.product != 'gold'", false),
        ("ability < 50 && ability == 40", true),
        ("contactability == 'doubtful'", true),
    ];
    check(&it, &person, &[], &table);
    person.points[0].state = PointState::Invalid;
    check(&it, &person, &[], &[("contactability == 'lost'", true)]);
}

#[test]
fn every_comparison_with_an_absent_value_is_false() {
    let table = [
        ("willingness < 20", false),
        ("willingness >= 20", false),
        ("willingness == 20 || willingness != 20", false),
        ("20 > willingness || 20 <= willingness", false),
        ("willingness in [0, 20, 100]", false),
        ("willingness + 1 > 0 || -willingness < 1000", false),
        ("willingness == willingness", false),
        ("(true ? willingness : 3) == 3", false),
        ("(false ? willingness : 3) == 3", true),
        ("!(willingness < 20)", true),
        (
            "contacts.any.days_since_last >= 0 || contacts.any.since_last >= duration('1s')",
            false,
        ),
        ("contacts.any.last_outcome != 'delivered'", false),
        (
            "contacts.any.made == 0 && contacts.any.completed == 0",
            true,
        ),
    ];
    check(&case(3), &borrower(), &[], &table);
}

#[test]
fn a_case_in_another_currency_has_no_amounts() {
    let facts_of = |currency: &str| {
        let mut it = case(3);
        it.currency = recoup_domain::Currency::new(currency).unwrap();
        it
    };
    let table = [(
        "case.overdue_in('CNY') > 0 || case.overdue_in('CNY') <= 0",
        false,
    )];
    check(&facts_of("USD"), &borrower(), &[], &table);
}

#[test]
fn what_cannot_be_computed_does_not_hold() {
    let table = [
        ("case.dpd / 0 == 1", false),
        ("!(case.dpd / 0 == 1)", false),
        ("case.dpd % 0 != 1", false),
        ("9223372036854775807 + case.dpd > 0", false),
        ("-9223372036854775808 - case.dpd < 0", false),
        ("9223372036854775807 * case.dpd > 0", false),
        ("-(-9223372036854775808) > 0", false),
        (
            "-9223372036854775808 / -1 > 0 || -9223372036854775808 % -1 == 0",
            false,
        ),
        // As in CEL, a side that decides wins over an error in the other.
        ("case.dpd / 0 == 1 || true", true),
        ("true || case.dpd / 0 == 1", true),
        ("!(case.dpd / 0 == 1 && false)", true),
        ("case.dpd / 0 == 1 || false", false),
        ("(case.dpd / 0 == 1 ? true : true)", false),
        // An error is not hidden by something absent beside it.
        ("!(willingness > 1 / 0)", false),
    ];
    check(&case(3), &borrower(), &[], &table);
}

#[test]
fn contacts_are_counted_by_their_outcomes() {
    let table = [
        (
            "contacts.sms.made == 2 && contacts.sms.completed == 1",
            true,
        ),
        (
            "contacts.phone.made == 1 && contacts.phone.completed == 0",
            true,
        ),
        (
            "contacts.visit.made == 1 && contacts.visit.completed == 0",
            true,
        ),
        ("contacts.email.made == 0 && contacts.legal.made == 0", true),
        (
            "contacts.any.made == 4 && contacts.any.completed == 1",
            true,
        ),
        ("contacts.sms.last_outcome == 'undelivered'", true),
        ("contacts.phone.last_outcome == 'no_answer'", true),
        ("contacts.any.last_outcome == 'unknown'", true),
        (
            "contacts.sms.days_since_last == 5 && contacts.phone.days_since_last == 3",
            true,
        ),
        ("contacts.visit.days_since_last == 0", true),
        ("contacts.phone.since_last >= duration('3d')", true),
        ("contacts.phone.since_last > duration('3d')", false),
        ("exhausted('s0')", true),
    ];
    check(&case(9), &borrower(), &history(), &table);
}

#[test]
fn a_skipped_step_is_used_up() {
    let mut it = case(9);
    check(&it, &borrower(), &[], &[("exhausted('s0')", false)]);
    it.skipped.push((0, 0));
    check(&it, &borrower(), &[], &[("exhausted('s0')", true)]);
}

#[test]
fn a_case_stands_in_the_last_stage_that_holds_and_steps_back() {
    let policy = parsed(&ladder(&[
        "case.dpd >= 1",
        "case.dpd >= 10",
        "case.dpd >= 5",
    ]));
    let stage_at = |dpd| {
        let (case, borrower) = (case(dpd), borrower());
        let facts = Facts {
            case: &case,
            borrower: &borrower,
            contacts: &[],
        };
        policy.stage(&policy.env(&facts, now()), &mut NoTrace)
    };
    assert_eq!(stage_at(0), None);
    assert_eq!(stage_at(4), Some(0));
    assert_eq!(stage_at(5), Some(2));
    assert_eq!(stage_at(30), Some(2));
}

#[test]
fn the_design_example_climbs() {
    let policy = parsed(include_str!("../data/cn-microloan.yaml"));
    let borrower = borrower();
    let stage = |case: &Case, contacts: &[PastContact]| {
        let facts = Facts {
            case,
            borrower: &borrower,
            contacts,
        };
        let found = policy.stage(&policy.env(&facts, now()), &mut NoTrace);
        found.map(|s| policy.stages()[usize::from(s)].name.as_str())
    };
    let sms = placed(
        contact(ContactClass::Sms, Outcome::Delivered, days_ago(9)),
        0,
        0,
    );
    let call = placed(
        contact(ContactClass::Phone, Outcome::NoAnswer, days_ago(8)),
        1,
        0,
    );
    assert_eq!(stage(&case(0), &[]), None);
    assert_eq!(stage(&case(4), &[]), Some("remind"));
    assert_eq!(stage(&case(4), std::slice::from_ref(&sms)), Some("call"));
    let mut rich = case(61);
    rich.amounts.overdue = 2_000_000;
    assert_eq!(stage(&rich, &[sms.clone(), call.clone()]), Some("visit"));
    rich.oldest_unpaid_due = case(45).oldest_unpaid_due;
    assert_eq!(stage(&rich, &[sms.clone(), call.clone()]), Some("call"));
    rich.borrower_kind = BorrowerKind::MicroBusiness;
    assert_eq!(stage(&rich, &[sms.clone(), call.clone()]), Some("visit"));
    let mut unwilling = case(90);
    unwilling.scores.willingness = Some(19);
    assert_eq!(stage(&unwilling, &[sms.clone(), call]), Some("legal"));
    assert_eq!(stage(&unwilling, &[]), Some("remind"));
}

#[test]
fn a_trace_shows_each_part_and_what_it_came_to() {
    let policy = parsed(&ladder(&[
        "case.dpd >= 1",
        "case.dpd >= 4 && (willingness < 20 || case.status == 'legal')",
    ]));
    let (case, borrower) = (case(5), borrower());
    let facts = Facts {
        case: &case,
        borrower: &borrower,
        contacts: &[],
    };
    let mut trace = FullTrace::default();
    assert_eq!(
        policy.stage(&policy.env(&facts, now()), &mut trace),
        Some(0)
    );
    let lines = trace.notes.iter().map(|note| match note {
        Note::Part { text, value } => format!("{text} = {value}"),
        Note::Stage { stage, name, holds } => format!("stage {stage} {name}: {holds}"),
    });
    let lines: Vec<String> = lines.collect();
    assert_eq!(
        lines,
        [
            "case.dpd = 5",
            "case.dpd >= 4 = true",
            "willingness = not known",
            "willingness < 20 = false",
            "case.status = \"open\"",
            "case.status == 'legal' = false",
            "willingness < 20 || case.status == 'legal' = false",
            "case.dpd >= 4 && (willingness < 20 || case.status == 'legal') = false",
            "stage 1 s1: false",
            "case.dpd = 5",
            "case.dpd >= 1 = true",
            "stage 0 s0: true",
        ]
    );
}

#[test]
fn a_policy_is_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&parsed(&ladder(&["true"])));
}

#[test]
fn days_are_those_of_the_borrower() {
    let policy = parsed(&ladder(&["case.dpd >= 1"]));
    let (case, borrower) = (case(0), borrower());
    let facts = Facts {
        case: &case,
        borrower: &borrower,
        contacts: &[],
    };
    // Midnight in Shanghai is 16:00 UTC.
    let dpd = |when| policy.env(&facts, at(when)).dpd();
    assert_eq!(dpd("2026-04-08T15:59:59Z"), 0);
    assert_eq!(dpd("2026-04-08T16:00:00Z"), 1);
}

/// Conditions of all kinds, true or not, right in their types.
pub(crate) fn condition() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        3 => (-3..12_i64).prop_map(|n| n.to_string()),
        3 => prop::sample::select(vec![
            "case.dpd", "willingness", "ability", "contacts.sms.made", "contacts.any.days_since_last",
            "now.hour", "now.weekday", "case.age_days", "case.overdue_in(\"CNY\")",
        ])
        .prop_map(str::to_owned),
        1 => Just("9223372036854775807".to_owned()),
    ];
    let number = number.prop_recursive(2, 8, 2, |n| {
        (
            n.clone(),
            prop::sample::select(vec!["+", "-", "*", "/", "%"]),
            n,
        )
            .prop_map(|(l, op, r)| format!("({l} {op} {r})"))
    });
    let order = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        4 => (number.clone(), order, number.clone()).prop_map(|(l, op, r)| format!("{l} {op} {r}")),
        1 => number.prop_map(|n| format!("{n} in [1, 2, 3, 7]")),
        2 => prop::sample::select(vec![
            "true", "false", "exhausted(\"s0\")", "case.has_tag(\"vip\")", "borrower.region(\"US\")",
            "segment == \"small\"", "contactability != \"lost\"", "contacts.sms.last_outcome == \"undelivered\"",
            "case.product in [\"gold\", \"silver\"]", "case.age > duration(\"3d\")",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 20, 3, |b| {
        prop_oneof![
            (b.clone(), b.clone()).prop_map(|(l, r)| format!("({l} && {r})")),
            (b.clone(), b.clone()).prop_map(|(l, r)| format!("({l} || {r})")),
            b.clone().prop_map(|of| format!("!({of})")),
            (b.clone(), b.clone(), b).prop_map(|(t, l, r)| format!("({t} ? {l} : {r})")),
        ]
    })
}

proptest! {
    #[test]
    fn watching_changes_nothing(
        enters in prop::collection::vec(condition(), 1..4),
        dpd in -3..12_i32,
        willingness in prop::option::of(0..=12_u8),
        with_history: bool,
    ) {
        let texts: Vec<&str> = ["true"].into_iter().chain(enters.iter().map(String::as_str)).collect();
        let policy = parsed(&ladder(&texts));
        let mut it = case(dpd);
        it.scores.willingness = willingness;
        let past = if with_history { history() } else { vec![] };
        let person = borrower();
        let facts = Facts { case: &it, borrower: &person, contacts: &past };
        let env = policy.env(&facts, now());
        prop_assert_eq!(env, policy.env(&facts, now()));
        let mut full = FullTrace::default();
        prop_assert_eq!(policy.stage(&env, &mut NoTrace), policy.stage(&env, &mut full));
        for stage in 0..texts.len() as u8 {
            let quiet = policy.enters(&env, stage, &mut NoTrace);
            prop_assert_eq!(quiet, policy.enters(&env, stage, &mut full));
        }
    }

    #[test]
    fn no_text_ends_the_process(text in "\\PC{0,80}", expression in "[-a-z.\"'()!&|<>=0-9 ,?:+*/%\\[\\]]{0,60}") {
        let _ = recoup_policy::Policy::parse(&text, &crate::support::names());
        let source = ladder(&["true", &expression]);
        let _ = recoup_policy::Policy::parse(&source, &crate::support::names());
    }
}
