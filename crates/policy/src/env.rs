//! The environment of a decision: every name of the language as a number, built once from the facts.

use crate::expr::eval::holds;
use crate::expr::names::{
    self, ANY, BORROWER_KINDS, CONTACTABILITIES, GROUPS, LENDER_KINDS, Of, SLOTS, STATUSES, Slot,
    contacts,
};
use crate::policy::{Policy, STAGES_MAX, STEPS_MAX};
use crate::program::Flag;
use crate::trace::{NoTrace, Trace};
use jiff::Timestamp;
use jiff::civil::Date;
use recoup_domain::past::Direction;
use recoup_domain::time::{Zone, days_between};
use recoup_domain::{Case, ContactClass, Outcome, Party, PastContact};

/// What is not known. No fact is this number.
pub(crate) const ABSENT: i64 = i64::MIN;

/// What a decision is made from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The case.
    pub case: &'a Case,
    /// Its borrower.
    pub borrower: &'a Party,
    /// Contacts of the borrower over all cases, sorted by time, earliest first.
    pub contacts: &'a [PastContact],
}

/// Contacts made of each step of a case, [`Outcome::Unknown`] included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StepCounts([[u16; STEPS_MAX]; STAGES_MAX]);

impl StepCounts {
    const NONE: Self = Self([[0; STEPS_MAX]; STAGES_MAX]);

    /// Contacts made of a step; 0 for a step that no policy can have.
    #[must_use]
    #[inline]
    pub fn made(&self, stage: u8, step: u8) -> u32 {
        let stage = self.0.get(usize::from(stage));
        stage
            .and_then(|steps| steps.get(usize::from(step)))
            .map_or(0, |n| u32::from(*n))
    }

    fn count(&mut self, place: (u8, u8)) {
        let stage = self.0.get_mut(usize::from(place.0));
        if let Some(n) = stage.and_then(|steps| steps.get_mut(usize::from(place.1))) {
            *n = n.saturating_add(1);
        }
    }
}

/// The facts of a case at an instant, flat. Valid for the policy it was made by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Env {
    pub(crate) slots: [i64; SLOTS],
    pub(crate) flags: u64,
    pub(crate) exhausted: u32,
    pub(crate) made: StepCounts,
    segment: Option<u8>,
}

impl Env {
    /// Days past due.
    #[must_use]
    #[inline]
    pub fn dpd(&self) -> i32 {
        i32::try_from(self.slots[names::DPD as usize]).unwrap_or(0)
    }

    /// Contacts made of each step.
    #[must_use]
    #[inline]
    pub const fn step_counts(&self) -> &StepCounts {
        &self.made
    }

    /// The same facts with other days past due: for what-if questions. The segment is found anew.
    #[must_use]
    pub fn with_dpd(mut self, policy: &Policy, dpd: i32) -> Self {
        self.set(names::DPD, i64::from(dpd));
        policy.find_segment(&mut self);
        self
    }

    pub(crate) fn set(&mut self, slot: Slot, value: i64) {
        self.slots[slot as usize] = value;
    }

    pub(crate) const fn empty() -> Self {
        Self {
            slots: [ABSENT; SLOTS],
            flags: 0,
            exhausted: 0,
            made: StepCounts::NONE,
            segment: None,
        }
    }
}

impl Policy {
    /// The facts at `now` as this policy's conditions read them. Allocates nothing.
    #[must_use]
    pub fn env(&self, facts: &Facts<'_>, now: Timestamp) -> Env {
        let mut env = Env::empty();
        let zone = facts.borrower.home_zone();
        let local = zone.local(now);
        let today = local.date();
        env.set(names::HOUR, i64::from(local.hour()));
        let weekday = today.weekday().to_monday_one_offset();
        env.set(names::WEEKDAY, i64::from(weekday));
        self.case_slots(&mut env, facts.case, today, zone);
        self.borrower_slots(&mut env, facts);
        self.contact_slots(&mut env, facts, today, zone);
        env.flags = self.flags(facts);
        self.find_segment(&mut env);
        self.find_exhausted(&mut env, facts);
        env
    }

    /// The segment: the first whose condition holds.
    #[must_use]
    pub const fn segment(&self, env: &Env) -> Option<u8> {
        env.segment
    }

    /// The stage the case stands in: the last one whose `enter` holds. Later stages are asked first, so a
    /// trace holds the stages from the last down to the one found.
    pub fn stage<T: Trace>(&self, env: &Env, trace: &mut T) -> Option<u8> {
        (0..self.stages.len())
            .rev()
            .map(|stage| stage as u8)
            .find(|stage| self.enters(env, *stage, trace))
    }

    /// Whether the condition of one stage holds; false for a stage that is not there.
    pub fn enters<T: Trace>(&self, env: &Env, stage: u8, trace: &mut T) -> bool {
        let Some(root) = self.program.enters.get(usize::from(stage)) else {
            return false;
        };
        let entered = holds(&self.program, *root, env, trace);
        if T::ON {
            trace.stage(stage, &self.stages[usize::from(stage)].name, entered);
        }
        entered
    }

    /// Contacts made of each step of the case, by the place each was planned at.
    #[must_use]
    #[inline]
    pub fn step_counts(&self, facts: &Facts<'_>) -> StepCounts {
        let mut made = StepCounts::NONE;
        let own = facts.contacts.iter().filter(|c| c.debt == facts.case.id);
        own.filter(|c| c.is_made())
            .filter_map(|c| facts.case.place_of(c))
            .for_each(|place| made.count(place));
        made
    }

    /// Whether a step has no attempts left: `max` is reached, or it was skipped. Its `when` is not asked.
    #[must_use]
    #[inline]
    pub fn is_used_up(&self, facts: &Facts<'_>, made: &StepCounts, stage: u8, step: u8) -> bool {
        let found = self.stages.get(usize::from(stage));
        let max = found
            .and_then(|s| s.steps.get(usize::from(step)))
            .map_or(0, |s| s.max);
        made.made(stage, step) >= max || facts.case.skipped.contains(&(stage, step))
    }

    /// Whether a step has its turn with these facts: it has no `when`, or that holds. False for a step that is not
    /// there.
    #[must_use]
    #[inline]
    pub fn applies(&self, env: &Env, stage: u8, step: u8) -> bool {
        let stage = self.stages.get(usize::from(stage));
        let step = stage.and_then(|s| s.steps.get(usize::from(step)));
        step.is_some_and(|step| {
            let mut when = step.when_root.into_iter();
            when.all(|root| holds(&self.program, root, env, &mut NoTrace))
        })
    }

    pub(crate) fn find_segment(&self, env: &mut Env) {
        let whens = &self.program.whens;
        let found = whens
            .iter()
            .position(|root| holds(&self.program, *root, env, &mut NoTrace));
        env.segment = found.map(|i| i as u8);
        env.set(names::SEGMENT, found.map_or(ABSENT, |i| i as i64));
    }

    fn case_slots(&self, env: &mut Env, case: &Case, today: Date, zone: &Zone) {
        let program = &self.program;
        env.set(names::DPD, i64::from(case.dpd_on(today)));
        env.set(names::STATUS, number(&STATUSES, &case.status()));
        if let Some(product) = &case.product {
            env.set(names::PRODUCT, text_number(&program.products, product));
        }
        if Some(case.currency) == self.currency {
            // The least number of all stands for what is not known.
            env.set(names::OVERDUE, case.amounts.overdue.max(ABSENT + 1));
            env.set(names::PRINCIPAL, case.amounts.principal.max(ABSENT + 1));
        }
        if program.reads(names::AGE_DAYS) {
            let age = days_between(zone.date(case.opened_at), today);
            env.set(names::AGE_DAYS, i64::from(age));
        }
        let jurisdiction = text_number(&program.jurisdictions, &case.jurisdiction);
        env.set(names::JURISDICTION, jurisdiction);
        env.set(names::LENDER_KIND, number(&LENDER_KINDS, &case.lender_kind));
        env.set(
            names::BORROWER_KIND,
            number(&BORROWER_KINDS, &case.borrower_kind),
        );
        let score = |s: Option<u8>| s.map_or(ABSENT, i64::from);
        env.set(names::ABILITY, score(case.scores.ability));
        env.set(names::WILLINGNESS, score(case.scores.willingness));
    }

    fn borrower_slots(&self, env: &mut Env, facts: &Facts<'_>) {
        if self.program.reads(names::CONTACTABILITY) {
            let found = facts.borrower.contactability(self.lost_after_failed_days);
            env.set(names::CONTACTABILITY, number(&CONTACTABILITIES, &found));
        }
    }

    /// One pass over the contacts: counts of groups and of steps, and the last of each group.
    fn contact_slots(&self, env: &mut Env, facts: &Facts<'_>, today: Date, zone: &Zone) {
        let case = facts.case.id;
        let mut made = [0_i64; GROUPS];
        let mut completed = [0_i64; GROUPS];
        let mut last: [Option<&PastContact>; GROUPS] = [None; GROUPS];
        let own = facts.contacts.iter().filter(|c| c.concerns(case));
        for contact in own.filter(|c| c.direction == Direction::Outbound) {
            let class = contact.class as usize;
            if contact.is_completed() {
                completed[class] += 1;
            }
            if !contact.is_made() {
                continue;
            }
            made[class] += 1;
            last[class] = Some(contact);
            last[ANY] = Some(contact);
            let own = Some(contact).filter(|c| c.debt == case);
            if let Some(place) = own.and_then(|c| facts.case.place_of(c)) {
                env.made.count(place);
            }
        }
        made[ANY] = made.iter().sum();
        completed[ANY] = completed.iter().sum();
        for group in 0..GROUPS {
            env.set(contacts(group, Of::Made), made[group]);
            env.set(contacts(group, Of::Completed), completed[group]);
            let Some(last) = last[group] else {
                continue;
            };
            let days = contacts(group, Of::DaysSinceLast);
            if self.program.reads(days) {
                // An appointment that lies ahead is no days ago.
                let since = days_between(zone.date(last.effect.from), today).max(0);
                env.set(days, i64::from(since));
            }
            let outcome = last.counted().map_or(ABSENT, |o| o as i64);
            env.set(contacts(group, Of::LastOutcome), outcome);
        }
    }

    /// In order: what a step asks of earlier stages is known by then.
    fn find_exhausted(&self, env: &mut Env, facts: &Facts<'_>) {
        for (i, stage) in self.stages.iter().enumerate() {
            if self.program.uses_exhausted >> i & 1 == 0 {
                continue;
            }
            let mut steps = 0..stage.steps.len() as u8;
            let used_up = |step| {
                let stage = i as u8;
                self.is_used_up(facts, &env.made, stage, step) || !self.applies(env, stage, step)
            };
            if steps.all(used_up) {
                env.exhausted |= 1 << i;
            }
        }
    }

    fn flags(&self, facts: &Facts<'_>) -> u64 {
        let mut bits = 0;
        for (i, flag) in self.program.flags.iter().enumerate() {
            let holds = match flag {
                Flag::CaseTag(tag) => facts.case.tags.contains(tag),
                Flag::BorrowerTag(tag) => facts.borrower.tags.contains(tag),
                Flag::Region(region) => facts.borrower.regions.iter().any(|r| within(r, region)),
            };
            bits |= u64::from(holds) << i;
        }
        bits
    }
}

/// Whether region `given` is `asked` or a part of it: `US-NY` is within `US`.
pub(crate) fn within(given: &str, asked: &str) -> bool {
    given
        .strip_prefix(asked)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The number of a member: its index in its table.
fn number<T: PartialEq>(table: &[T], member: &T) -> i64 {
    table
        .iter()
        .position(|m| m == member)
        .map_or(ABSENT, |i| i as i64)
}

/// The number of a text that the policy names, -1 for any other.
fn text_number(table: &[String], text: &str) -> i64 {
    table
        .iter()
        .position(|t| t == text)
        .map_or(-1, |i| i as i64)
}

// The number of an outcome and of a class in a slot is that of its variant.
const _: () = assert!(Outcome::ALL.len() == Outcome::Unknown as usize + 1);
const _: () = assert!(ContactClass::ALL.len() == ContactClass::Legal as usize + 1);
