//! Lives of made-up cases under a policy, by the step that decides real ones, with no rule of law: what a check says
//! of the policy is held against what happens in them. A life is a function of its seed.

use super::dice::Dice;
use super::facts::{self, CASE};
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::{Binding, Packs};
use recoup_decide::{Action, Input, NoTrace, Plan, stage_of, step};
use recoup_domain::case::{self, CaseEvent, LenderKind, Status};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{ContactId, KeyedHash};
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{BorrowerKind, PointKind, PointState};
use recoup_domain::time::{SLOT, Window, Zone, add_days, days_between};
use recoup_domain::{Case, Currency, Party, PastContact};
use recoup_policy::Policy;
use recoup_policy::explore::{Cell, Fact};
use std::collections::BTreeSet;

const DUE: Date = date(2026, 3, 2);
/// Days of a life.
const DAYS: i32 = 400;
/// Days behind them in which nothing happens from outside.
const QUIET_DAYS: i32 = 700;
/// The last of those, in which stages that still follow each other do so for ever.
const LAST_DAYS: i32 = 60;

/// What was seen in lives.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Stages that the ladder alone came to.
    pub(crate) stages: BTreeSet<u8>,
    /// Steps that were chosen while the case stayed in their stage, and no step of it had been passed over.
    pub(crate) steps: BTreeSet<(u8, u8)>,
    /// An open, overdue case stood nowhere.
    pub(crate) gap: bool,
    /// Stages of which a visit or referral was the first contact.
    pub(crate) first_visits: BTreeSet<u8>,
    /// Stages followed each other though nothing had happened for long.
    pub(crate) endless: bool,
    /// The most contacts on one day, and in all.
    pub(crate) a_day: usize,
    pub(crate) in_all: usize,
}

/// How somebody lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Facts change, contacts come from the ladder alone.
    Lively,
    /// People contact the borrower by hand, too.
    ByHand,
    /// Facts change for a while, then nothing happens.
    Quiet,
}

struct Life<'a> {
    policy: &'a Policy,
    binding: &'a Binding,
    manner: Manner,
    dice: Dice,
    case: Case,
    borrower: Party,
    contacts: Vec<PastContact>,
    /// Stages that were left, or of which a step was passed over.
    disturbed: BTreeSet<u8>,
    seen: &'a mut Seen,
}

/// Rules of law: none.
pub(crate) fn lawless() -> Binding {
    Packs::builtin().only::<&str>(&[]).unwrap()
}

/// Lives one life, and notes what is seen in it.
pub(crate) fn live(policy: &Policy, binding: &Binding, manner: Manner, seed: u64, seen: &mut Seen) {
    let mut dice = Dice::new(seed);
    let opened_on = dice.pick(&[-5, 0, 0, 1, 1, 2, 8, 40, 100]);
    let zone = Zone::new("Asia/Shanghai").unwrap();
    let midnight = zone.start_of_day(add_days(DUE, opened_on));
    let now = midnight + SignedDuration::from_mins(dice.below(1_440) as i64);
    let mut life = Life {
        policy,
        binding,
        manner,
        dice,
        case: case(now, policy.currency()),
        borrower: facts::borrower(
            &["Asia/Shanghai"],
            &[PointKind::Mobile, PointKind::Email, PointKind::Postal],
        ),
        contacts: Vec::new(),
        disturbed: BTreeSet::new(),
        seen,
    };
    for _ in 0..12 {
        life.learn(now);
    }
    life.run(now);
}

impl Life<'_> {
    fn run(&mut self, start: Timestamp) {
        let day = |n: i32| start + SignedDuration::from_hours(24 * i64::from(n));
        let (settled, end) = match self.manner {
            Manner::Quiet => (day(DAYS / 2), day(DAYS / 2 + QUIET_DAYS)),
            _ => (day(DAYS), day(DAYS)),
        };
        let last_days = end - SignedDuration::from_hours(24 * i64::from(LAST_DAYS));
        let mut now = start;
        let mut news = self.next_news(now);
        let mut turns = 0;
        while now < end {
            if now >= news && now < settled {
                self.learn(now);
                news = self.next_news(now);
            }
            let (entered, contacted, wake) = self.decide(now);
            if now >= last_days && self.manner == Manner::Quiet {
                turns += u32::from(entered);
                if contacted {
                    turns = 0;
                }
            }
            let next = match wake {
                Some(at) if at <= now => now + SLOT,
                Some(at) => at,
                None => end,
            };
            now = if now < settled { next.min(news) } else { next };
        }
        self.seen.endless |= turns >= 4;
        self.pace();
    }

    fn next_news(&mut self, now: Timestamp) -> Timestamp {
        now + SignedDuration::from_hours(6 + self.dice.below(400) as i64)
    }

    /// Asks the step and does what it says. Answers whether the case came from one stage to another, whether it was
    /// contacted, and when to ask again.
    fn decide(&mut self, now: Timestamp) -> (bool, bool, Option<Timestamp>) {
        let (decision, stage) = self.with_input(|input| {
            let stage = stage_of(input, now, &mut NoTrace::default()).1;
            (step(input, now, &mut NoTrace::default()), stage)
        });
        let mut entered = false;
        for event in &decision.events {
            match event {
                CaseEvent::StageEntered { from, to, .. } => {
                    entered |= from.is_some() && to.is_some();
                    self.disturbed.extend(from);
                }
                CaseEvent::StepSkipped { stage, .. } => {
                    self.disturbed.insert(*stage);
                }
                _ => {}
            }
            case::apply(&mut self.case, event, now);
        }
        self.look(now, stage);
        match decision.action {
            Action::Sleep { until } => (entered, false, until),
            Action::Contact(plan) => {
                self.contact(now, &plan);
                let soon = now + SignedDuration::from_mins(1);
                (entered, true, Some(soon))
            }
        }
    }

    fn with_input<R>(&self, ask: impl FnOnce(&Input<'_>) -> R) -> R {
        ask(&Input {
            case: &self.case,
            borrower: &self.borrower,
            contacts: &self.contacts,
            waiting: &[],
            policy: self.policy,
            binding: self.binding,
            channels: &|_: &str| true,
            visitors: 2,
        })
    }

    fn look(&mut self, now: Timestamp, stage: Option<u8>) {
        let dpd = self.case.dpd(now, self.borrower.home_zone());
        let open = self.case.status() == Status::Open;
        match stage {
            Some(stage) if self.manner != Manner::ByHand => {
                self.seen.stages.insert(stage);
            }
            Some(_) => {}
            None => self.seen.gap |= open && dpd >= 1 && self.case.amounts.overdue > 0,
        }
    }

    fn contact(&mut self, now: Timestamp, plan: &Plan) {
        let place = (plan.stage, plan.step);
        let first = !self.contacts.iter().any(PastContact::is_made);
        if first && matches!(plan.class, ContactClass::Visit | ContactClass::Legal) {
            self.seen.first_visits.insert(plan.stage);
        }
        if self.manner != Manner::ByHand && !self.disturbed.contains(&plan.stage) {
            self.seen.steps.insert(place);
        }
        let outcome = self.outcome(plan.class);
        if let Some(point) = plan.point {
            self.borrower.learn(point, outcome, now);
        }
        if plan.class == ContactClass::Legal && self.case.legal_since.is_none() {
            case::apply(&mut self.case, &CaseEvent::LegalBegan, now);
        }
        self.push(
            now,
            plan.effect,
            plan.class,
            outcome,
            Some(place),
            plan.point,
        );
    }

    /// Something that counts as an attempt: of others a case may have any number.
    fn outcome(&mut self, class: ContactClass) -> Outcome {
        let of_class: Vec<Outcome> = Outcome::of_class(class)
            .filter(|o| o.meaning().attempt)
            .collect();
        self.dice.pick(&of_class)
    }

    fn push(
        &mut self,
        at: Timestamp,
        effect: Window,
        class: ContactClass,
        outcome: Outcome,
        place: Option<(u8, u8)>,
        point: Option<KeyedHash>,
    ) {
        let proven = outcome.meaning().effect_proven;
        let seq = self.case.next_seq;
        self.case.next_seq += 1;
        self.contacts.push(PastContact {
            id: Some(ContactId { case: CASE, seq }),
            effect,
            point,
            outcome: Some(outcome),
            state: Some(match proven {
                true => ContactState::Effected,
                false => ContactState::Failed,
            }),
            place,
            ..facts::contact(class, at)
        });
    }

    /// A fact changes, to a value that some condition tells from others.
    fn learn(&mut self, now: Timestamp) {
        self.case.skipped.clear();
        if self.manner == Manner::ByHand && self.dice.chance(40) {
            let class = self.dice.pick(&ContactClass::ALL);
            let outcome = self.outcome(class);
            self.push(now, Window::moment(now), class, outcome, None, None);
        }
        let axes = self.policy.axes(&[]);
        if axes.is_empty() {
            return;
        }
        let axis = &axes[self.dice.place(axes.len())];
        let cell = self.dice.pick(&axis.cells);
        let value = match cell {
            Cell::Absent => None,
            Cell::Span(from, to) => Some(self.dice.pick(&[from, to.min(from.saturating_add(9))])),
        };
        self.set(axis.fact, value, now);
        self.fortune();
    }

    /// Numbers work, or they do not.
    fn fortune(&mut self) {
        for point in &mut self.borrower.points {
            match self.dice.below(8) {
                0 => point.state = PointState::Invalid,
                1 | 2 => {
                    point.state = PointState::Usable;
                    point.failed_days = 0;
                }
                3 => point.failed_days = 1,
                4 => point.failed_days = 9,
                _ => {}
            }
        }
    }

    fn set(&mut self, fact: Fact, value: Option<i64>, now: Timestamp) {
        let words = self.policy.value_in_words(fact, value);
        let text = words.trim_matches('"').to_owned();
        let case = &mut self.case;
        let score = value.and_then(|v| u8::try_from(v).ok());
        match fact {
            Fact::Dpd if self.dice.chance(30) => {
                let zone = self.borrower.home_zone();
                let today = zone.date(now);
                let dpd = value.unwrap_or(0).clamp(-9, 300);
                case.oldest_unpaid_due = Some(add_days(today, -(dpd as i32)));
            }
            Fact::Overdue => case.amounts.overdue = value.unwrap_or(0),
            Fact::Principal => case.amounts.principal = value.unwrap_or(0),
            Fact::Product => case.product = value.map(|_| text),
            Fact::Jurisdiction => case.jurisdiction = text,
            Fact::LenderKind => {
                let all = [
                    LenderKind::FirstParty,
                    LenderKind::Agency,
                    LenderKind::MicroloanCompany,
                    LenderKind::Bank,
                ];
                case.lender_kind = self.dice.pick(&all);
            }
            Fact::BorrowerKind => {
                let all = [BorrowerKind::Individual, BorrowerKind::MicroBusiness];
                case.borrower_kind = self.dice.pick(&all);
            }
            Fact::Ability => case.scores.ability = score,
            Fact::Willingness => case.scores.willingness = score,
            Fact::Flag(_) => self.flag(fact, value == Some(1)),
            _ => {}
        }
    }

    /// Sets or takes away a label or region, from how conditions write it.
    fn flag(&mut self, fact: Fact, on: bool) {
        let written = self.policy.fact_in_words(fact);
        let (what, rest) = written.split_once("(\"").unwrap();
        let name = rest.trim_end_matches("\")").to_owned();
        let all = match what {
            "case.has_tag" => &mut self.case.tags,
            "borrower.has_tag" => &mut self.borrower.tags,
            _ => &mut self.borrower.regions,
        };
        all.retain(|t| !t.starts_with(&name));
        if on {
            all.push(name);
        }
    }

    fn pace(&mut self) {
        let zone = self.borrower.home_zone();
        let own = self.contacts.iter().filter(|c| c.place.is_some());
        let days: Vec<i32> = own.map(|c| days_between(DUE, zone.date(c.at))).collect();
        let on = |day: &i32| days.iter().filter(|d| *d == day).count();
        let most = days.iter().map(on).max().unwrap_or(0);
        self.seen.a_day = self.seen.a_day.max(most);
        let from = |day: &i32| {
            days.iter()
                .filter(|d| (*day..day + DAYS).contains(d))
                .count()
        };
        let most = days.iter().map(from).max().unwrap_or(0);
        self.seen.in_all = self.seen.in_all.max(most);
    }
}

/// A case that fell due on another day than those of the scenarios, in the currency of the policy.
fn case(opened_at: Timestamp, currency: Option<Currency>) -> Case {
    let mut case = facts::case(opened_at);
    case.oldest_unpaid_due = Some(DUE);
    case.currency = currency.unwrap_or(case.currency);
    case
}
