//! A person's life under a policy: from one instant at which something happens to the next. It does what the engine
//! around the step does (timers, intents, outcomes, stop facts), and nothing is sent.

mod answers;
mod stops;

use crate::behaviour::{Behaviour, bucket};
use crate::chance::{Chance, What};
use crate::person::{LoanCase, Person};
use crate::totals::{CLASSES, Excluded, Totals, count};
use crate::trail::Trail;
use crate::watch::Watch;
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::{Binding, Packs};
use recoup_decide::{Action, ChannelNames, Dropped, Input, NoTrace, Plan, Waiting, step};
use recoup_domain::case::{self, CaseEvent, LenderKind, PromiseResult, SkipReason};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::ContactId;
use recoup_domain::past::Direction;
use recoup_domain::time::{SLOT, Zone};
use recoup_domain::{Case, Party, PastContact};
use recoup_policy::Policy;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// How often a case is decided at one instant before it waits for the next slot, so that it never spins.
const DECISIONS_MAX: u32 = 64;
const DAY_SECONDS: i64 = 86_400;
/// How long a month of the behaviour is.
const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What a portfolio is replayed under.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The rules of law and house.
    pub packs: &'a Packs,
    /// How borrowers behave.
    pub behaviour: &'a Behaviour,
    /// Which channels are there.
    pub channels: &'a (dyn ChannelNames + Sync),
    /// How many collectors could go on a visit.
    pub visitors: u8,
    /// The first instant.
    pub start: Timestamp,
    /// Days from there on, 1 to [`DAYS_MAX`](crate::DAYS_MAX).
    pub days: u32,
    /// Another one is another luck.
    pub seed: u64,
}

impl Setting<'_> {
    /// The first instant that is not replayed.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        let days = SignedDuration::from_hours(24 * i64::from(self.days));
        self.start.saturating_add(days).unwrap_or(Timestamp::MAX)
    }
}

/// Replays people one after the other and counts.
pub struct Replay<'a> {
    setting: Setting<'a>,
    /// What was counted so far.
    pub totals: Totals,
    bindings: Vec<(String, Vec<String>, LenderKind, Option<Binding>)>,
    queue: BinaryHeap<Reverse<Event>>,
}

/// Something that happens from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Event {
    at: Timestamp,
    /// In the order they were planned.
    number: u32,
    /// Number of the case in the person's.
    loan: usize,
    what: Happening,
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Happening {
    /// What came of a contact is known.
    Settled(u32),
    /// A person approves a contact.
    Approved(u32),
    /// So many months have begun; what becomes of the loan in this one by itself.
    Month(u32),
    /// Money comes in.
    Pays(Sum, Cause),
}

/// How much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sum {
    /// All that is overdue.
    Whole,
    /// Basis points of what is overdue.
    Part(u32),
    /// Minor units, as promised.
    Minor(i64),
}

/// Why money comes in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cause {
    OwnAccord,
    Contact,
    Promise,
}

/// A case while it is lived.
struct Loan {
    case: Case,
    waiting: Vec<Waiting>,
    binding: Binding,
    visitors: u8,
    chance: Chance,
    /// When the step is asked again.
    wake: Option<Timestamp>,
    /// How often it was asked at one instant.
    turns: (Timestamp, u32),
    /// Contacts made by kind in the replay: the ordinal of their luck.
    made: [u32; CLASSES],
    /// Contacts that reached the person.
    reached: u32,
    promises: u32,
    payments: u32,
    /// Its place among all cases of the person, replayed or not.
    trail: usize,
}

struct Life<'a, 's, W> {
    setting: &'a Setting<'s>,
    totals: &'a mut Totals,
    queue: &'a mut BinaryHeap<Reverse<Event>>,
    trails: &'a mut [Trail],
    watch: &'a mut W,
    borrower: Party,
    zone: Zone,
    /// Midnight of the person's first day.
    midnight: Timestamp,
    contacts: Vec<PastContact>,
    loans: Vec<Loan>,
    luck: Chance,
    queued: u32,
    contacted: [bool; CLASSES],
    was_reached: bool,
}

impl<'a> Replay<'a> {
    /// Nothing is counted yet.
    #[must_use]
    pub fn new(setting: Setting<'a>) -> Self {
        Self {
            totals: Totals::new(setting.days, setting.policy.stages().len()),
            setting,
            bindings: Vec::new(),
            queue: BinaryHeap::new(),
        }
    }

    /// Replays one person; `trails` has a place for each of the cases.
    ///
    /// # Panics
    /// Where `trails` is shorter than the cases.
    pub fn live(&mut self, person: Person, trails: &mut [Trail]) {
        self.live_watched(person, trails, &mut |_: &Input<'_>, _, _: &Plan| {});
    }

    /// The same; `watch` is shown each contact before it is made, what comes from outside, and how it ends.
    ///
    /// # Panics
    /// Where `trails` is shorter than the cases.
    pub fn live_watched(&mut self, person: Person, trails: &mut [Trail], watch: &mut impl Watch) {
        let Person {
            borrower,
            cases,
            contacts,
            key,
        } = person;
        let seed = self.setting.seed;
        let mut loans = Vec::with_capacity(cases.len());
        for (trail, loan) in cases.into_iter().enumerate() {
            match self.binding(&loan, &borrower) {
                Ok(binding) => loans.push(Loan::new(loan, binding, seed, trail, &self.setting)),
                Err(why) => {
                    *self.totals.excluded.entry(why).or_default() += 1;
                    trails[trail].excluded = true;
                }
            }
        }
        if loans.is_empty() {
            return;
        }
        self.queue.clear();
        let zone = borrower.home_zone().clone();
        let mut life = Life {
            setting: &self.setting,
            totals: &mut self.totals,
            queue: &mut self.queue,
            trails,
            watch,
            midnight: zone.start_of_day(zone.date(self.setting.start)),
            zone,
            borrower,
            contacts,
            loans,
            luck: Chance::new(seed, key),
            queued: 0,
            contacted: [false; CLASSES],
            was_reached: false,
        };
        life.begin();
        life.run();
        life.end();
    }

    /// The rules that bind contacts of a case; made once for equal places.
    fn binding(&mut self, loan: &LoanCase, borrower: &Party) -> Result<Binding, Excluded> {
        let case = &loan.case;
        if case.closed.is_some() {
            return Err(Excluded::Closed);
        }
        let currency = self.setting.policy.currency();
        if currency.is_some_and(|c| c != case.currency) {
            return Err(Excluded::Currency);
        }
        let of = |b: &&(String, Vec<String>, LenderKind, Option<Binding>)| {
            b.2 == case.lender_kind && b.0 == case.jurisdiction && b.1 == borrower.regions
        };
        let found = match self.bindings.iter().find(of) {
            Some(found) => found.3.clone(),
            None => {
                let (place, regions) = (case.jurisdiction.clone(), borrower.regions.clone());
                let bound = self.setting.packs.bind(&place, &regions, case.lender_kind);
                let bound = bound.ok();
                self.bindings
                    .push((place, regions, case.lender_kind, bound.clone()));
                bound
            }
        };
        let binding = found.ok_or(Excluded::Law)?;
        Ok(match loan.lifts.is_empty() {
            true => binding,
            false => binding.lifting(loan.lifts.iter().cloned()),
        })
    }
}

impl Loan {
    fn new(loan: LoanCase, binding: Binding, seed: u64, trail: usize, at: &Setting<'_>) -> Self {
        Self {
            chance: Chance::new(seed, loan.key),
            case: loan.case,
            waiting: loan.waiting,
            binding,
            visitors: loan.visitors.unwrap_or(at.visitors),
            wake: Some(at.start),
            turns: (at.start, 0),
            made: [0; CLASSES],
            reached: 0,
            promises: 0,
            payments: 0,
            trail,
        }
    }
}

impl<W: Watch> Life<'_, '_, W> {
    /// What is under way at the start, and what the months bring.
    fn begin(&mut self) {
        let start = self.setting.start;
        self.totals.people += 1;
        for i in 0..self.loans.len() {
            self.totals.cases += 1;
            let (currency, overdue) = {
                let case = &self.loans[i].case;
                (case.currency, case.amounts.overdue)
            };
            let money = self.totals.money.entry(currency).or_default();
            money.overdue += i128::from(overdue.max(0));
            let seconds = MONTH.as_secs().unsigned_abs();
            let first = self.loans[i].chance.below(What::MonthDay, 0, seconds);
            self.later(start, first, i, Happening::Month(0));
            for w in self.loans[i].waiting.clone() {
                if !w.approved {
                    self.await_approval(start, i, w.seq);
                }
            }
            self.await_old_promises(i);
        }
        self.await_old_contacts();
    }

    fn run(&mut self) {
        let end = self.setting.end();
        loop {
            let event = self.queue.peek().map(|Reverse(e)| e.at);
            let wake = self.loans.iter().filter_map(|l| l.wake).min();
            let Some(now) = event.into_iter().chain(wake).min().filter(|at| *at < end) else {
                return;
            };
            while self.queue.peek().is_some_and(|Reverse(e)| e.at <= now) {
                if let Some(Reverse(event)) = self.queue.pop() {
                    self.happen(now, event);
                }
            }
            for i in 0..self.loans.len() {
                if self.loans[i].wake.is_some_and(|at| at <= now) {
                    self.loans[i].wake = self.decide(now, i);
                }
            }
        }
    }

    fn end(&mut self) {
        let end = self.setting.end();
        let none = self.totals.stages.len() - 1;
        for loan in &self.loans {
            self.watch.ended(&loan.case, &self.contacts);
            let until = loan.case.closed.map_or(end, |c| c.at.min(end));
            let lived = until.duration_since(self.setting.start).as_secs();
            self.totals.case_days += u64::try_from(lived / DAY_SECONDS).unwrap_or(0);
            if loan.case.closed.is_some() {
                self.totals.cured += 1;
                continue;
            }
            let stage = loan.case.stage.map_or(none, usize::from);
            self.totals.stages[stage.min(none)] += 1;
            self.totals.worklist += u64::from(loan.case.worklist.is_some());
        }
        self.totals.people_reached += u64::from(self.was_reached);
        self.totals.people_contacted += u64::from(self.contacted.contains(&true));
        for (n, was) in self.totals.people_by_class.iter_mut().zip(self.contacted) {
            *n += u64::from(was);
        }
    }

    /// Asks the step and does what it says; answers when to ask again.
    fn decide(&mut self, now: Timestamp, i: usize) -> Option<Timestamp> {
        self.totals.decisions += 1;
        let (timers, _) = case::due_timers(&self.loans[i].case, now);
        self.apply(now, i, &timers);
        let Self {
            loans,
            borrower,
            contacts,
            setting,
            watch,
            ..
        } = self;
        let loan = &loans[i];
        let input = Input {
            case: &loan.case,
            borrower,
            contacts,
            waiting: &loan.waiting,
            policy: setting.policy,
            binding: &loan.binding,
            channels: setting.channels,
            visitors: loan.visitors,
        };
        let decision = step(&input, now, &mut NoTrace::default());
        if let Action::Contact(plan) = &decision.action {
            watch.contact(&input, now, plan);
        }
        self.apply(now, i, &decision.events);
        for Dropped { seq, to } in &decision.dropped {
            self.drop_waiting(i, *seq, *to);
        }
        let moved = !decision.events.is_empty() || !decision.dropped.is_empty();
        let next = match decision.action {
            // What was put on record may change the answer: it is asked again at once.
            Action::Sleep { until } if moved => until?.max(now),
            Action::Sleep { until } => match until? {
                at if at <= now => now + SLOT,
                at => at,
            },
            Action::Contact(plan) => self.contact(now, i, &plan),
        };
        Some(if next <= now {
            self.again(now, i)
        } else {
            next
        })
    }

    /// Now, unless that was said too often.
    fn again(&mut self, now: Timestamp, i: usize) -> Timestamp {
        let turns = &mut self.loans[i].turns;
        *turns = match *turns {
            (at, n) if at == now => (at, n + 1),
            _ => (now, 1),
        };
        if turns.1 > DECISIONS_MAX {
            now + SLOT
        } else {
            now
        }
    }

    /// Puts events on record.
    fn apply(&mut self, now: Timestamp, i: usize, events: &[CaseEvent]) {
        for event in events {
            match event {
                CaseEvent::Denied(denial) => count(&mut self.totals.denials, &denial.rule, 1),
                CaseEvent::StepSkipped {
                    why: SkipReason::DeniedForever { rule },
                    ..
                } => count(&mut self.totals.never, rule, 1),
                CaseEvent::PromiseResolved { result, .. } => {
                    let ended = &mut self.totals.promises_ended;
                    match result {
                        PromiseResult::Kept => ended[0] += 1,
                        PromiseResult::Partial => ended[1] += 1,
                        PromiseResult::Broken => ended[2] += 1,
                    }
                }
                _ => {}
            }
            case::apply(&mut self.loans[i].case, event, now);
            if *event == CaseEvent::LegalRecalled {
                let id = self.loans[i].case.id;
                let legal = |c: &PastContact| c.debt == id && c.class == ContactClass::Legal;
                self.call_off(now, legal);
            }
        }
    }

    /// Puts a plan into its slot; answers when to ask again.
    fn contact(&mut self, now: Timestamp, i: usize, plan: &Plan) -> Timestamp {
        let loan = &mut self.loans[i];
        let seq = plan.approved.unwrap_or(loan.case.next_seq);
        let id = ContactId {
            case: loan.case.id,
            seq,
        };
        match plan.approved {
            Some(_) => {
                loan.waiting.retain(|w| w.seq != seq);
                self.contacts.retain(|c| c.id != Some(id));
            }
            None => loan.case.next_seq += 1,
        }
        // What is refused after a contact is refused anew.
        loan.case.last_denial = None;
        let state = match plan.needs_approval {
            true => ContactState::Planned,
            false => ContactState::Accepted,
        };
        let place = (plan.stage, plan.step);
        self.contacts.push(PastContact {
            id: Some(id),
            at: now,
            effect: plan.effect,
            class: plan.class,
            direction: Direction::Outbound,
            debt: id.case,
            more_debts: Box::default(),
            party: self.borrower.id,
            point: plan.point,
            outcome: None,
            state: Some(state),
            place: Some(place),
        });
        if plan.needs_approval {
            let (approved, since) = (false, now);
            self.loans[i].waiting.push(Waiting {
                seq,
                place,
                approved,
                since,
            });
            self.totals.approvals += 1;
            self.await_approval(now, i, seq);
            return now + SLOT;
        }
        let first = self.loans[i].case.legal_since.is_none();
        if plan.class == ContactClass::Legal && first {
            self.apply(now, i, &[CaseEvent::LegalBegan]);
        }
        match plan.class {
            // An appointment ends before anybody knows what came of it.
            ContactClass::Visit => {
                let after = plan.effect.to.duration_since(now).as_secs();
                self.later(now, after.unsigned_abs(), i, Happening::Settled(seq));
            }
            ContactClass::Legal => {
                let hours = u64::from(self.setting.behaviour.assumed.filing_hours);
                self.later(now, hours * 3_600, i, Happening::Settled(seq));
            }
            // Known within the slot.
            ContactClass::Sms | ContactClass::Phone | ContactClass::Email => {
                self.settle(now, i, seq);
            }
        }
        now
    }

    fn later(&mut self, now: Timestamp, seconds: u64, loan: usize, what: Happening) {
        let wait = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        let at = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        if at >= self.setting.end() {
            return;
        }
        self.queued += 1;
        let number = self.queued;
        self.queue.push(Reverse(Event {
            at,
            number,
            loan,
            what,
        }));
    }

    fn await_approval(&mut self, now: Timestamp, i: usize, seq: u32) {
        let (from, to) = self.setting.behaviour.assumed.approval_hours;
        let (from, to) = (u64::from(from) * 3_600, u64::from(to) * 3_600);
        let chance = self.loans[i].chance;
        let wait = chance.between(What::Approval, u64::from(seq), from, to);
        self.later(now, wait, i, Happening::Approved(seq));
    }

    /// The day of the replay, from 0.
    fn day(&self, at: Timestamp) -> u32 {
        let seconds = at.duration_since(self.midnight).as_secs();
        u32::try_from(seconds / DAY_SECONDS).unwrap_or(0)
    }

    fn bucket(&self, i: usize, at: Timestamp) -> usize {
        bucket(self.loans[i].case.dpd(at, &self.zone))
    }
}
