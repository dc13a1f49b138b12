//! One decision of policy and gate.

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::{Binding, Packs};
use recoup_decide::{Action, Decision, Input, NoTrace, step};
use recoup_domain::case::{self, Amounts, CaseEvent, LenderKind, Opening, Scores};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{CaseId, ContactId, KeyedHash, PartyId, TenantId};
use recoup_domain::money::Currency;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{BorrowerKind, ContactPoint, Introduction, PointKind, introduce};
use recoup_domain::past::Direction;
use recoup_domain::sealed::Sealed;
use recoup_domain::time::{Window, Zone};
use recoup_domain::{Case, Party, PastContact};
use recoup_policy::{Names, Policy};

use super::Fault;

const DUE: Date = date(2026, 4, 7);
const CASE: CaseId = CaseId::from_bytes([1; 16]);
const BORROWER: PartyId = PartyId::from_bytes([2; 16]);

/// Twenty stages, each with a condition of seven terms; the last that holds has a text and a call.
fn policy() -> Result<Policy, Fault> {
    let rule = "case.dpd >= 1 && !case.has_tag('x') && (willingness < 20 || contacts.visit.completed >= 0) \
        && contactability != 'lost' && case.age >= duration('1d') && case.overdue_in('CNY') >= 100 \
        && case.dpd < 200";
    let mut text = "name: twenty\nstages:\n".to_owned();
    for n in 0..20 {
        text += &format!(
            "  - name: s{n}\n    enter: {rule}\n    steps:\n      \
             - {{channel: sms, template: reminder, every: 3d, max: 100}}\n      \
             - {{channel: phone, template: reminder, every: 3d, max: 100}}\n"
        );
    }
    let names = Names {
        channels: ContactClass::ALL.map(|c| (c.name().to_owned(), c)).into(),
        templates: ["reminder".to_owned()].into(),
        ..Names::default()
    };
    Policy::parse(&text, &names).map_err(|findings| {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        lines.join("; ").into()
    })
}

/// What one decision looks at.
pub(crate) struct Facts {
    policy: Policy,
    binding: Binding,
    pub(crate) case: Case,
    borrower: Party,
    pub(crate) contacts: Vec<PastContact>,
}

impl Facts {
    /// A person with fifty contacts, the last a day and a half before `now`.
    pub(crate) fn new(now: Timestamp) -> Result<Self, Fault> {
        let opening = Opening {
            id: CASE,
            tenant: TenantId::new("demo")?,
            lender_ref: KeyedHash([101; 16]),
            borrower: BORROWER,
            parties: Vec::new(),
            jurisdiction: "CN".to_owned(),
            lender_kind: LenderKind::MicroloanCompany,
            borrower_kind: BorrowerKind::Individual,
            product: None,
            currency: Currency::new("CNY")?,
            amounts: Amounts {
                principal: 2_500_000,
                interest: 100_000,
                fees: 0,
                overdue: 2_600_000,
            },
            oldest_unpaid_due: Some(DUE),
            scores: Scores::default(),
            tags: Vec::new(),
            documents: Vec::new(),
            previous: None,
            sealed: Sealed::default(),
        };
        let opened_at = now - SignedDuration::from_hours(24 * 100);
        let opened = case::open(opening, opened_at)?;
        let CaseEvent::Opened(case) = opened else {
            return Err("opening a case opened none".into());
        };
        let mut case = *case;
        case.stage = Some(19);
        Ok(Self {
            policy: policy()?,
            binding: Packs::builtin()
                .bind("CN", &[], case.lender_kind)
                .map_err(|e| format!("{e:?}"))?,
            borrower: person("Asia/Shanghai")?,
            contacts: (1..=50).rev().map(|n| contact(n, now)).collect(),
            case,
        })
    }

    /// Day 101 past due, at noon in Shanghai: both steps' three days are over.
    ///
    /// # Errors
    /// Never: it is a constant.
    pub(crate) fn due() -> Result<Timestamp, Fault> {
        Ok("2026-07-17T04:00:00Z".parse()?)
    }

    /// The last hour before `due` in which nothing is to be done.
    ///
    /// # Errors
    /// Where the case never sleeps.
    pub(crate) fn early(&self, due: Timestamp) -> Result<Timestamp, Fault> {
        let mut hours_before = (1..72).map(|hours| due - SignedDuration::from_hours(hours));
        let early = hours_before.find(|at| {
            let decision = self.decide(*at);
            matches!(decision.action, Action::Sleep { .. }) && decision.events.is_empty()
        });
        early.ok_or_else(|| "the case never sleeps".into())
    }

    /// Decides.
    pub(crate) fn decide(&self, now: Timestamp) -> Decision {
        let input = Input {
            case: &self.case,
            borrower: &self.borrower,
            contacts: &self.contacts,
            waiting: &[],
            policy: &self.policy,
            binding: &self.binding,
            channels: &|_: &str| true,
            visitors: 2,
        };
        step(&input, now, &mut NoTrace::default())
    }
}

/// A person with nothing special about them, in one zone, with one number.
pub(crate) fn person(zone: &str) -> Result<Party, Fault> {
    let told = Introduction {
        id: BORROWER,
        tenant: TenantId::new("demo")?,
        lender_ref: KeyedHash([102; 16]),
        kind: BorrowerKind::Individual,
        regions: Vec::new(),
        zones: vec![Zone::new(zone)?],
        locale: "en".to_owned(),
        points: vec![ContactPoint::of_contract(
            KeyedHash([1; 16]),
            PointKind::Mobile,
        )],
        tags: Vec::new(),
    };
    Ok(introduce(told, Timestamp::UNIX_EPOCH))
}

fn contact(n: u32, now: Timestamp) -> PastContact {
    let at = now - SignedDuration::from_hours(36 * i64::from(n));
    PastContact {
        id: Some(ContactId {
            case: CASE,
            seq: 51 - n,
        }),
        at,
        effect: Window::starting(at, SignedDuration::from_mins(30)),
        class: ContactClass::ALL[n as usize % 2],
        direction: Direction::Outbound,
        debt: CASE,
        more_debts: Box::default(),
        party: BORROWER,
        point: None,
        outcome: Some(Outcome::NoAnswer),
        state: Some(ContactState::Failed),
        place: Some((19, (n % 2) as u8)),
    }
}
