//! When conditions may change though nothing happens: so that a case can sleep until then.

use crate::env::{Env, Facts};
use crate::expr::eval::value;
use crate::expr::names;
use crate::expr::parser::{Cmp, Id};
use crate::policy::Policy;
use crate::program::{Node, Program};
use jiff::Timestamp;
use jiff::civil::Date;
use recoup_domain::Case;
use recoup_domain::time::{Zone, add_days};

/// How the conditions of the stages depend on time. Found once, when a policy is compiled.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Horizon {
    /// The days past due from which on a comparison with a constant, or a look into a list, gives something else
    /// than for the day before; ascending.
    known: Vec<i32>,
    /// `case.dpd` compared with what other facts say.
    compared: Vec<(Cmp, Id)>,
    /// `case.dpd` used otherwise: any day may change the result.
    irregular: bool,
    /// Something else that changes with the day.
    daily: bool,
    /// Something that changes with the hour.
    hourly: bool,
}

impl Horizon {
    /// Reads the nodes; `segments_end` is the number of the first node that is not a segment's.
    pub(crate) fn of(program: &Program, segments_end: usize) -> Self {
        let nodes = &program.nodes;
        let asks_segment = |n: &Node| *n == Node::Slot(names::SEGMENT);
        let start = if nodes[segments_end..].iter().any(asks_segment) {
            0
        } else {
            segments_end
        };
        let is_dpd = |id: Id| nodes[id as usize] == Node::Slot(names::DPD);
        let mut horizon = Self::default();
        let mut known = Vec::new();
        let mut regular = 0;
        let mut all = 0;
        for node in &nodes[start..] {
            let compared = match *node {
                Node::Cmp(_, l, r) if is_dpd(l) && is_dpd(r) => {
                    regular += 2;
                    continue;
                }
                Node::Cmp(op, l, r) if is_dpd(l) => (op, r),
                Node::Cmp(op, l, r) if is_dpd(r) => (op.mirrored(), l),
                Node::In(of, from, to) if is_dpd(of) => {
                    regular += 1;
                    let list = &program.lists[from as usize..to as usize];
                    known.extend(list.iter().flat_map(|k| edges(Cmp::Eq, *k)));
                    continue;
                }
                Node::Slot(names::DPD) => {
                    all += 1;
                    continue;
                }
                Node::Slot(names::HOUR) => {
                    horizon.hourly = true;
                    continue;
                }
                Node::Slot(slot) | Node::Days(slot) if names::changes_daily(slot) => {
                    horizon.daily = true;
                    continue;
                }
                _ => continue,
            };
            regular += 1;
            let (op, other) = compared;
            match nodes[other as usize] {
                Node::Const(k) => known.extend(edges(op, k)),
                _ => horizon.compared.push(compared),
            }
        }
        horizon.irregular = all > regular;
        horizon.known = known.into_iter().filter_map(day).collect();
        horizon.known.sort_unstable();
        horizon.known.dedup();
        horizon
    }

    fn reads_dpd(&self) -> bool {
        self.irregular || !self.compared.is_empty() || !self.known.is_empty()
    }

    /// The least `case.dpd` above the present one at which a condition may change, as far as it depends
    /// on `case.dpd`.
    fn next_dpd(&self, program: &Program, env: &Env) -> Option<i32> {
        let dpd = env.dpd();
        if self.irregular {
            return dpd.checked_add(1);
        }
        let passed = self.known.partition_point(|edge| *edge <= dpd);
        let known = self.known.get(passed).copied();
        let compared = self.compared.iter().flat_map(|(op, other)| {
            // What has no value now makes the comparison false whatever the day.
            let k = value(program, *other, env).ok();
            k.map_or([i64::MIN; 2], |k| edges(*op, k))
        });
        let compared = compared.filter_map(day).filter(|edge| *edge > dpd);
        known.into_iter().chain(compared).min()
    }
}

/// Days past due that a case can have.
fn day(edge: i64) -> Option<i32> {
    i32::try_from(edge).ok()
}

/// The values from which on a comparison with `k` gives something else than for the value before.
const fn edges(op: Cmp, k: i64) -> [i64; 2] {
    let above = k.saturating_add(1);
    match op {
        Cmp::Ge | Cmp::Lt => [k; 2],
        Cmp::Gt | Cmp::Le => [above; 2],
        Cmp::Eq | Cmp::Ne => [k, above],
    }
}

impl Policy {
    /// The least `case.dpd` above the present one at which the condition of some stage may change while
    /// no fact does; none where none depends on days. No condition changes before; one need not change
    /// then. Where that cannot be told from constants, the next day.
    #[must_use]
    pub fn next_dpd_change(&self, env: &Env) -> Option<i32> {
        let horizon = &self.horizon;
        if horizon.daily || horizon.hourly {
            return env.dpd().checked_add(1);
        }
        horizon.next_dpd(&self.program, env)
    }

    /// The next instant at which the condition of some stage may change while no fact does: a local
    /// midnight, or a full local hour where one asks for the hour. None where nothing but a fact changes
    /// them. Before that instant, [`Policy::stage`] need not be asked again.
    #[must_use]
    pub fn next_time_change(
        &self,
        facts: &Facts<'_>,
        env: &Env,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let horizon = &self.horizon;
        let zone = facts.borrower.home_zone();
        let tomorrow = add_days(zone.date(now), 1);
        let hour = horizon.hourly.then(|| next_hour(zone, now));
        let day = horizon.daily.then_some(tomorrow);
        let dpd = (horizon.reads_dpd())
            .then(|| horizon.next_dpd(&self.program, env))
            .flatten()
            .and_then(|dpd| first_day_of_dpd(facts.case, dpd))
            // A day that is over would have been seen; one that is not must lie ahead.
            .map(|date| date.max(tomorrow));
        let midnight = day.into_iter().chain(dpd).min();
        let midnight = midnight.map(|date| zone.start_of_day(date));
        hour.into_iter().chain(midnight).min()
    }
}

/// The first calendar day on which a case is `dpd` days past due or more; none where nothing was ever due.
#[must_use]
pub fn first_day_of_dpd(case: &Case, dpd: i32) -> Option<Date> {
    let due = case.oldest_unpaid_due?;
    let paused = if dpd > 0 {
        i32::try_from(case.pause_days).unwrap_or(i32::MAX)
    } else {
        0
    };
    Some(add_days(due, dpd.saturating_add(paused)))
}

/// The next full local hour, or the next change of the zone's clock if that comes first.
fn next_hour(zone: &Zone, now: Timestamp) -> Timestamp {
    let local = zone.local(now);
    let into_hour = i64::from(local.minute()) * 60 + i64::from(local.second());
    let second = now.as_second();
    let full = Timestamp::from_second(second - into_hour + 3_600).unwrap_or(Timestamp::MAX);
    let shift = zone.tz().following(now).next().map(|t| t.timestamp());
    shift.map_or(full, |shift| shift.min(full))
}
