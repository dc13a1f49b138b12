//! When a step is due, as far as the policy alone says: `every`, `after`, `between`, `lead`.

use crate::env::{Env, Facts};
use crate::policy::{OnOutcome, Policy, Step};
use jiff::{SignedDuration, Timestamp};
use recoup_domain::PastContact;
use recoup_domain::time::{NEVER, SLOT, Zone, add_days};

/// When a contact of a step can be planned, and when its effect can begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Due {
    /// Not before this instant can it be planned; it is due where this is not after now.
    pub plan_at: Timestamp,
    /// Not before this instant can its effect begin: `plan_at` and the step's lead.
    pub effect_at: Timestamp,
}

impl Policy {
    /// When the next contact of a step is due, at `now` or later; none while the step waits for the one
    /// before it, and for a step that is not there. Whether it has attempts left is not asked here, nor
    /// what any rule of law says; instants are not rounded to slots.
    #[must_use]
    pub fn due(
        &self,
        stage: u8,
        step: u8,
        facts: &Facts<'_>,
        env: &Env,
        now: Timestamp,
    ) -> Option<Due> {
        let this = self.step_at((stage, step))?;
        let zone = facts.borrower.home_zone();
        let mut effect_at = later(now, this.lead);
        if let Some(every) = this.every {
            let last = last_made(facts, |place| place == (stage, step));
            if let Some(last) = last {
                effect_at = effect_at.max(plus(last.effect.from, every, zone));
            }
        }
        if let Some(after) = this.after {
            // A step that has no turn is not waited for.
            let waits_for = (0..step).rev().find(|n| self.applies(env, stage, *n));
            let base = match waits_for.map(|before| (stage, before)) {
                Some(before) => {
                    let made = last_made(facts, |place| place == before);
                    if made.is_none() && !facts.case.skipped.contains(&before) {
                        return None;
                    }
                    // Where the step before was skipped, what was made before that counts.
                    made.or_else(|| last_made(facts, |place| place < before))
                }
                None => last_made(facts, |place| place < (stage, step)),
            };
            if let Some(base) = base {
                effect_at = effect_at.max(plus(base.effect.from, after, zone));
            }
        }
        if self.holds {
            let held = self.held_until(facts, zone);
            effect_at = effect_at.max(held.unwrap_or(effect_at));
        }
        let effect_at = this.next_between(effect_at, zone);
        let plan_at = effect_at.checked_sub(this.lead).unwrap_or(effect_at);
        Some(Due { plan_at, effect_at })
    }

    /// Until when outcomes of the case's contacts hold it.
    fn held_until(&self, facts: &Facts<'_>, zone: &Zone) -> Option<Timestamp> {
        let own = facts.contacts.iter();
        let own = own.filter(|c| c.debt == facts.case.id && c.is_made());
        let until = |c: &PastContact| match self.step_at(facts.case.place_of(c)?)?.on(c.outcome?)? {
            OnOutcome::Hold(length) => Some(plus(c.effect.from, length, zone)),
            _ => None,
        };
        own.filter_map(until).max()
    }
}

impl Step {
    /// The first instant not before `at` that lies in the step's `between`, in a zone.
    #[must_use]
    #[inline]
    pub fn next_between(&self, at: Timestamp, zone: &Zone) -> Timestamp {
        let Some((from, to)) = self.between else {
            return at;
        };
        let local = zone.local(at);
        let (date, time) = (local.date(), local.time());
        let opens = if time < from {
            zone.instant(date, from)
        } else if time < to {
            at
        } else {
            zone.instant(add_days(date, 1), from)
        };
        opens.max(at)
    }
}

/// The latest contact made of this case at a place that fits.
fn last_made<'a>(facts: &Facts<'a>, fits: impl Fn((u8, u8)) -> bool) -> Option<&'a PastContact> {
    let own = facts.contacts.iter().rev();
    own.filter(|c| c.debt == facts.case.id && c.is_made())
        .find(|c| facts.case.place_of(c).is_some_and(&fits))
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(NEVER)
}

/// `at` and a length of time. Whole days are calendar days: the same local time, taken from the slot that
/// `at` fell into, so that daily contacts do not drift later by the moment each of them took.
fn plus(at: Timestamp, length: SignedDuration, zone: &Zone) -> Timestamp {
    const DAY: i64 = 86_400;
    let seconds = length.as_secs();
    if seconds % DAY != 0 {
        return later(at, length);
    }
    let slot = SLOT.as_secs();
    let second = at.as_second();
    let slot_start = second - second.rem_euclid(slot);
    let slot_start = Timestamp::from_second(slot_start).unwrap_or(at);
    let local = zone.local(slot_start);
    let days = i32::try_from(seconds / DAY).unwrap_or(i32::MAX);
    zone.instant(add_days(local.date(), days), local.time())
}
