//! A case, a borrower and contacts that tests bend to their question.

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use recoup_domain::case::Amounts;
use recoup_domain::party::PointKind;
use recoup_domain::time::Window;
use recoup_domain::{Case, CaseId, ContactClass, ContactState, Outcome, Party, PastContact};
use recoup_policy::{Facts, FullTrace, Names, NoTrace, Policy};
use recoup_testkit::facts;
pub(crate) use recoup_testkit::facts::at;

/// Wednesday, 8 April 2026, 10:30 in Shanghai.
pub(crate) fn now() -> Timestamp {
    at("2026-04-08T02:30:00Z")
}

pub(crate) const TODAY: Date = date(2026, 4, 8);

pub(crate) fn names() -> Names {
    let channels = ContactClass::ALL.map(|c| (c.name().to_owned(), c));
    let templates = [
        "reminder",
        "first_call",
        "visit_brief",
        "demand_letter",
        "referral",
    ];
    Names {
        channels: channels.into(),
        templates: templates.map(str::to_owned).into(),
        ..Names::default()
    }
}

pub(crate) fn case_id(n: u8) -> CaseId {
    CaseId::from_bytes([n; 16])
}

/// A case of 100,000 fen, `dpd` days past due today in Shanghai.
pub(crate) fn case(dpd: i32) -> Case {
    Case {
        product: Some("gold".into()),
        amounts: Amounts {
            principal: 80_000,
            interest: 15_000,
            fees: 5_000,
            overdue: 100_000,
        },
        oldest_unpaid_due: Some(recoup_domain::time::add_days(TODAY, -dpd)),
        tags: vec!["vip".into()],
        ..facts::case(at("2026-04-01T02:00:00Z"))
    }
}

pub(crate) fn borrower() -> Party {
    Party {
        regions: vec!["CN-SH".into()],
        locale: "zh-CN".into(),
        points: facts::points(&[PointKind::Mobile]),
        tags: vec!["student".into()],
        ..facts::person(&["Asia/Shanghai"])
    }
}

/// An outbound contact of case 1 that went out at `when`.
pub(crate) fn contact(class: ContactClass, outcome: Outcome, when: Timestamp) -> PastContact {
    PastContact {
        effect: Window::starting(when, SignedDuration::from_mins(30)),
        outcome: Some(outcome),
        state: Some(ContactState::Effected),
        ..facts::contact(class, when)
    }
}

/// The same, planned at a place of the policy.
pub(crate) fn placed(mut contact: PastContact, stage: u8, step: u8) -> PastContact {
    contact.place = Some((stage, step));
    contact
}

/// A policy whose stages have these conditions and one SMS each; they are named `s0`, `s1` and so on.
pub(crate) fn ladder(enters: &[&str]) -> String {
    let mut text = String::from(
        "name: test\nsegments:\n  - {name: small, when: case.overdue_in(\"CNY\") < 1000}\n  - {name: rest, when: 'true'}\nstages:\n",
    );
    for (i, enter) in enters.iter().enumerate() {
        text += &format!(
            "  - name: s{i}\n    enter: {}\n    steps: [{{channel: sms, template: reminder, every: 1d, max: 2}}]\n",
            quoted(enter)
        );
    }
    text
}

pub(crate) fn quoted(expression: &str) -> String {
    format!("'{}'", expression.replace('\'', "''"))
}

pub(crate) fn parsed(source: &str) -> Policy {
    Policy::parse(source, &names()).unwrap_or_else(|findings| {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        panic!("{}\nin\n{source}", lines.join("\n"))
    })
}

/// Whether a condition holds, under both traces, which must agree.
pub(crate) fn holds(expression: &str, facts: &Facts<'_>) -> bool {
    let policy = parsed(&ladder(&["true", expression]));
    let env = policy.env(facts, now());
    let quiet = policy.enters(&env, 1, &mut NoTrace);
    assert_eq!(
        quiet,
        policy.enters(&env, 1, &mut FullTrace::default()),
        "{expression}"
    );
    quiet
}
