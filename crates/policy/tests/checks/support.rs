//! A case, a borrower and contacts that tests bend to their question.

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use recoup_domain::case::{Amounts, LenderKind, Scores};
use recoup_domain::ids::KeyedHash;
use recoup_domain::party::{BorrowerKind, ContactPoint, PointKind, PointOwner, PointState};
use recoup_domain::past::Direction;
use recoup_domain::sealed::Sealed;
use recoup_domain::time::{Window, Zone};
use recoup_domain::{
    Case, CaseId, ContactClass, ContactState, Currency, Outcome, Party, PartyId, PastContact,
    TenantId,
};
use recoup_policy::{Facts, FullTrace, Names, NoTrace, Policy};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

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
        id: case_id(1),
        tenant: TenantId::new("t").unwrap(),
        version: 1,
        lender_ref: KeyedHash([1; 16]),
        borrower: PartyId::from_bytes([2; 16]),
        parties: vec![],
        jurisdiction: "CN".into(),
        lender_kind: LenderKind::MicroloanCompany,
        borrower_kind: BorrowerKind::Individual,
        product: Some("gold".into()),
        currency: Currency::new("CNY").unwrap(),
        amounts: Amounts {
            principal: 80_000,
            interest: 15_000,
            fees: 5_000,
            overdue: 100_000,
        },
        oldest_unpaid_due: Some(recoup_domain::time::add_days(TODAY, -dpd)),
        pause_days: 0,
        scores: Scores::default(),
        tags: vec!["vip".into()],
        documents: vec![],
        dispute: None,
        time_barred: false,
        pauses: vec![],
        legal_since: None,
        closed: None,
        policy: None,
        stage: None,
        skipped: vec![],
        payments: vec![],
        reversed: vec![],
        moved: vec![],
        next_seq: 1,
        last_denial: None,
        worklist: None,
        worklist_since: None,
        collectors: vec![],
        previous: None,
        opened_at: at("2026-04-01T02:00:00Z"),
        updated_at: at("2026-04-01T02:00:00Z"),
        sealed: Sealed::default(),
    }
}

pub(crate) fn borrower() -> Party {
    Party {
        id: PartyId::from_bytes([2; 16]),
        tenant: TenantId::new("t").unwrap(),
        lender_ref: KeyedHash([2; 16]),
        version: 1,
        kind: BorrowerKind::Individual,
        regions: vec!["CN-SH".into()],
        zones: vec![Zone::new("Asia/Shanghai").unwrap()],
        locale: "zh-CN".into(),
        points: vec![ContactPoint {
            key: KeyedHash([3; 16]),
            kind: PointKind::Mobile,
            owner: PointOwner::Own,
            zone: None,
            verified: true,
            source: "contract".into(),
            state: PointState::Usable,
            failed_days: 0,
            failed_on: None,
        }],
        tags: vec!["student".into()],
        opt_outs: vec![],
        ceases: vec![],
        consents: vec![],
        attorneys: vec![],
        employer_prohibits: false,
        inconvenient: vec![],
        consent_ids: vec![],
        declined_points: vec![],
        gone: vec![],
        hardship_until: None,
        moratorium_until: None,
        deceased: false,
        incapacitated: false,
        refused: false,
        created_at: jiff::Timestamp::UNIX_EPOCH,
        updated_at: jiff::Timestamp::UNIX_EPOCH,
        sealed: Sealed::default(),
    }
}

/// An outbound contact of case 1 that went out at `when`.
pub(crate) fn contact(class: ContactClass, outcome: Outcome, when: Timestamp) -> PastContact {
    PastContact {
        id: None,
        at: when,
        effect: Window::starting(when, SignedDuration::from_mins(30)),
        class,
        direction: Direction::Outbound,
        debt: case_id(1),
        more_debts: Box::default(),
        party: PartyId::from_bytes([2; 16]),
        point: None,
        outcome: Some(outcome),
        state: Some(ContactState::Effected),
        place: None,
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
