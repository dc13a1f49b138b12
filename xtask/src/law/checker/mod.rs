//! The law once more, plain and slow, to hold the gate against: written from the regulations and the pages of
//! `docs/law`, sharing no code with the gate and reading none of its packs. A rule is a question about one
//! instant, answered by looking at everything; the earliest instant is found by trying every instant at which
//! anything can begin to be allowed.

mod counts;
mod dates;
mod facts;
mod hours;
mod rules;
mod search;
mod world;

use jiff::Timestamp;

use super::case::{Answer, Case};
use rules::{Rule, Says};
use world::World;

/// The ids of all rules that are stated here.
pub(crate) fn rule_ids() -> Vec<&'static str> {
    rules::all().iter().map(|r| r.id).collect()
}

/// Whether this rule looks at contacts of this class with such a person at all.
pub(crate) fn speaks_of(id: &str, case: &Case) -> bool {
    rules::all().iter().any(|r| r.id == id && r.binds(case))
}

/// What the law says to a case.
///
/// # Errors
/// Where the search for the earliest instant contradicts itself, which is a fault of the checker.
pub(crate) fn answer(case: &Case) -> Result<Answer, String> {
    let world = World::new(case);
    let bound: Vec<&Rule> = case
        .rules
        .iter()
        .filter_map(|id| rules::all().iter().find(|r| r.id == *id))
        .filter(|r| r.binds(case))
        .collect();
    let denying: Vec<&Rule> = bound
        .iter()
        .copied()
        .filter(|r| !permits(r, &world, case.at))
        .collect();
    if denying.is_empty() {
        return Ok(Answer::Permit);
    }
    let mut all: Vec<String> = denying.iter().map(|r| r.id.to_owned()).collect();
    all.sort();
    let found = search::earliest(&bound, &world)?;
    Ok(Answer::Deny {
        reason: primary(&denying, &world).to_owned(),
        all,
        earliest: found,
        waits_for_a_year: found.is_none() && waits_for_a_year(&bound, case)?,
    })
}

/// Whether there would be an earliest instant if the years that nobody told had no holidays.
fn waits_for_a_year(bound: &[&Rule], case: &Case) -> Result<bool, String> {
    let reads = |rule: &&Rule| matches!(&rule.says, Says::Hours(hours) if hours.holidays.is_some());
    if !bound.iter().any(reads) {
        return Ok(false);
    }
    Ok(search::earliest(bound, &World::supposing(case))?.is_some())
}

/// An instant from the case's on and before `end` at which some rule denies; a sample is tried.
pub(crate) fn denied_before(case: &Case, end: Timestamp) -> Option<Timestamp> {
    let world = World::new(case);
    let rules = || rules::all().iter().filter(|r| case.rules.contains(&r.id));
    let mut samples = search::samples(case.at, end).into_iter();
    samples.find(|at| rules().any(|r| r.binds(case) && !permits(r, &world, *at)))
}

/// What no time cures, before moratoria and pauses, before frequency, before hours; then as the packs order.
fn primary(denying: &[&Rule], world: &World<'_>) -> &'static str {
    let weight = |rule: &Rule| {
        let incurable = denying.len() > 1 && !search::is_curable(rule, world);
        (!incurable, order(&rule.says))
    };
    let first = denying.iter().min_by_key(|r| weight(r));
    first.map_or("", |r| r.id)
}

const fn order(says: &Says) -> u8 {
    match says {
        Says::Fact(_) | Says::Ever(..) | Says::After(_) | Says::Consented(_) => 0,
        Says::Moratorium | Says::Paused(..) => 1,
        Says::Run(_) | Says::Runs(..) | Says::InHours(..) => 2,
        Says::Hours(_) | Says::Ban(_) | Says::Unsuitable => 3,
    }
}

/// Whether the rule lets a contact begin at this instant.
fn permits(rule: &Rule, world: &World<'_>, at: Timestamp) -> bool {
    if rule.from.is_some_and(|from| world.day(at) < from.date()) {
        return true;
    }
    if rule.but.iter().any(|but| facts::excepts(*but, world, at)) {
        return true;
    }
    match &rule.says {
        Says::Fact(forbids) => !forbids(world),
        Says::Ever(count, max) => counts::ever(count, world) < *max,
        Says::After(count) => counts::came_before(count, world, at),
        Says::Consented(days) => facts::consented(*days, world, at),
        Says::Moratorium => world
            .case
            .moratorium_until
            .is_none_or(|last| world.day(at) > last),
        Says::Paused(first, last) => hours::is_outside(first.date(), last.date(), world, at),
        Says::Run(run) => counts::has_room(run, world, at),
        Says::Runs(runs) => runs.iter().all(|run| counts::has_room(run, world, at)),
        Says::InHours(count, length, max) => {
            counts::has_room_in_hours(count, *length, *max, world, at)
        }
        Says::Hours(hours) => hours::are_open(hours, world, at),
        Says::Ban(bans) => hours::is_free_of(&hours::fixed(bans), world, at),
        Says::Unsuitable => hours::is_free_of(&world.case.unsuitable, world, at),
    }
}

/// Whether a denial by it lasts for ever: nothing in it reads a clock, but to end a consent or exception.
const fn is_timeless(says: &Says) -> bool {
    matches!(says, Says::Fact(_) | Says::Ever(..) | Says::Consented(_))
}
