//! G10: one decision of policy and gate, beside the same questions written by hand.

use std::hint::black_box;

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::{Binding, Packs};
use recoup_decide::{Action, Decision, Input, NoTrace, step};
use recoup_domain::case::{self, Amounts, CaseEvent, LenderKind, Opening, Scores};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{CaseId, ContactId, KeyedHash, PartyId};
use recoup_domain::money::Currency;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{BorrowerKind, ContactPoint, PointKind, PointOwner, PointState};
use recoup_domain::past::Direction;
use recoup_domain::sealed::Sealed;
use recoup_domain::time::{Window, Zone};
use recoup_domain::{Case, Party, PastContact};
use recoup_policy::{Names, Policy};

use super::measure::{Arm, Pairs, Sample, Stopwatch, median_of};
use super::report::{Better, Figure, Line, short};
use super::{Failure, Ground, stack};

const DUE: Date = date(2026, 4, 7);
const CASE: CaseId = CaseId::from_bytes([1; 16]);
const BORROWER: PartyId = PartyId::from_bytes([2; 16]);

/// Twenty stages, each with a condition of seven terms; the last that holds has a text and a call.
fn policy() -> Result<Policy, Failure> {
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
        Failure::Wrong(lines.join("; "))
    })
}

struct Facts {
    policy: Policy,
    binding: Binding,
    case: Case,
    borrower: Party,
    contacts: Vec<PastContact>,
}

impl Facts {
    /// A person with fifty contacts, the last a day and a half before `now`.
    fn new(now: Timestamp) -> Result<Self, Failure> {
        let opening = Opening {
            id: CASE,
            tenant: stack::tenant()?,
            lender_ref: KeyedHash([101; 16]),
            borrower: BORROWER,
            parties: Vec::new(),
            jurisdiction: "CN".to_owned(),
            lender_kind: LenderKind::MicroloanCompany,
            borrower_kind: BorrowerKind::Individual,
            product: None,
            currency: Currency::new("CNY").map_err(Failure::other)?,
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
        let opened = case::open(opening, opened_at).map_err(Failure::other)?;
        let CaseEvent::Opened(case) = opened else {
            return Err(Failure::Wrong("opening a case opened none".to_owned()));
        };
        let mut case = *case;
        case.stage = Some(19);
        Ok(Self {
            policy: policy()?,
            binding: Packs::builtin()
                .bind("CN", &[], case.lender_kind)
                .map_err(|e| Failure::Wrong(format!("{e:?}")))?,
            borrower: person("Asia/Shanghai")?,
            contacts: (1..=50).rev().map(|n| contact(n, now)).collect(),
            case,
        })
    }

    fn decide(&self, now: Timestamp) -> Decision {
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
pub(super) fn person(zone: &str) -> Result<Party, Failure> {
    Ok(Party {
        consent_ids: Vec::new(),
        declined_points: Vec::new(),
        gone: Vec::new(),
        hardship_until: None,
        id: BORROWER,
        tenant: stack::tenant()?,
        lender_ref: KeyedHash([102; 16]),
        version: 1,
        kind: BorrowerKind::Individual,
        regions: Vec::new(),
        zones: vec![Zone::new(zone).map_err(Failure::other)?],
        locale: "en".to_owned(),
        points: vec![ContactPoint {
            key: KeyedHash([1; 16]),
            kind: PointKind::Mobile,
            owner: PointOwner::Own,
            zone: None,
            verified: true,
            source: "contract".to_owned(),
            state: PointState::Usable,
            failed_days: 0,
            failed_on: None,
        }],
        tags: Vec::new(),
        opt_outs: Vec::new(),
        ceases: Vec::new(),
        consents: Vec::new(),
        attorneys: Vec::new(),
        employer_prohibits: false,
        inconvenient: Vec::new(),
        moratorium_until: None,
        deceased: false,
        incapacitated: false,
        refused: false,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        sealed: Sealed::default(),
    })
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

/// What the same decision must look at, written by hand without calendar, law packs or reasons: counts
/// of the fifty contacts, twenty conditions, the hours, the caps of a day, the step that is due.
fn by_hand(facts: &Facts, now: Timestamp) -> Option<u8> {
    const DAY: i64 = 86_400;
    let local = |at: Timestamp| at.as_second() + 8 * 3_600;
    let today = local(now) / DAY;
    let mut last = [i64::MIN; 2];
    let (mut made, mut talks, mut visits) = (0, 0, 0);
    for c in &facts.contacts {
        let place = usize::from(c.place.map_or(0, |p| p.1)) % 2;
        last[place] = last[place].max(c.at.as_second());
        if local(c.at) / DAY == today {
            made += 1;
            talks += u32::from(c.outcome == Some(Outcome::Conversation));
        }
        visits += u32::from(c.class == ContactClass::Visit);
    }
    let dpd = today - black_box(20_550);
    let case = &facts.case;
    let least = black_box([1_i64; 20]);
    let holds = |n: &usize| {
        dpd >= least[*n]
            && case.tags.is_empty()
            && (case.scores.willingness.is_some_and(|w| w < 20) || visits < 9)
            && now.as_second() - case.opened_at.as_second() >= DAY
            && case.amounts.overdue >= 100
            && dpd < 200
    };
    (0..20).rev().find(holds)?;
    let hour = local(now) % DAY / 3_600;
    let lawful = (8..22).contains(&hour) && made < 5 && talks < 3;
    let due = last.iter().position(|at| now.as_second() - at >= 3 * DAY)?;
    lawful.then_some(due as u8)
}

pub(super) fn time(decisions: usize, mut once: impl FnMut()) -> Sample {
    let watch = Stopwatch::start();
    for _ in 0..decisions {
        once();
    }
    watch.stop(decisions)
}

/// G10: one decision.
pub(super) fn decision(ground: &Ground) -> Result<Line, Failure> {
    // Day 101 past due, at noon in Shanghai: both steps' three days are over.
    let due: Timestamp = "2026-07-17T04:00:00Z".parse().map_err(Failure::other)?;
    let facts = Facts::new(due)?;
    if !matches!(facts.decide(due).action, Action::Contact(_)) {
        return Err(Failure::Wrong("nothing is due".to_owned()));
    }
    let mut hours_before = (1..72).map(|hours| due - SignedDuration::from_hours(hours));
    let early = hours_before.find(|at| {
        let decision = facts.decide(*at);
        matches!(decision.action, Action::Sleep { .. }) && decision.events.is_empty()
    });
    let early = early.ok_or_else(|| Failure::Wrong("the case never sleeps".to_owned()))?;
    let allocated = |at| {
        let counted = allocation_counter::measure(|| {
            black_box(facts.decide(at));
        });
        counted.count_total
    };
    let (of_sleep, of_permit) = (allocated(early), allocated(due));
    let n = ground.size(200_000, 500);
    let permit = Pairs::measure(ground.rounds, |arm| {
        Ok::<_, Failure>(match arm {
            Arm::Ours => time(n, || drop(black_box(facts.decide(black_box(due))))),
            Arm::Raw => time(n, || {
                black_box(by_hand(black_box(&facts), black_box(due)));
            }),
        })
    })?;
    let sleep: Vec<Sample> = (0..ground.rounds)
        .map(|_| time(n, || drop(black_box(facts.decide(black_box(early))))))
        .collect();
    let us = median_of(&permit.ours, Sample::us);
    // Whatever its time, a decision that allocates misses.
    let aim = if of_permit == 0 && of_sleep == 0 {
        1.0
    } else {
        0.0
    };
    Ok(Line {
        goal: "G10",
        what: "one decision that permits: 20 rules and the gate, a person with 50 contacts; no allocation"
            .to_owned(),
        ours: Figure::time("step", &permit.ours),
        raw: Figure::time("by hand, without calendar or law", &permit.raw),
        result: us,
        result_unit: "us",
        aim,
        stretch: Some(0.3 * aim),
        better: Better::Lower,
        suspect: None,
        price: None,
        notes: vec![format!(
            "{of_permit} allocations with a permit, {of_sleep} with a sleep; a sleep takes {} us",
            short(median_of(&sleep, Sample::us))
        )],
    })
}
