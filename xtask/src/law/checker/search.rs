//! The earliest instant, by trying: every instant at which anything can begin to be allowed, in order, and a
//! sample of those between, which must all be denied.

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};

use super::rules::{Rule, Says};
use super::world::{World, date, instants, plus, zone};
use super::{hours, is_timeless, permits};

/// Nothing is looked for further ahead.
const DAYS_MAX: i32 = 400;
/// Days whose instants are laid out at once.
const STRIDE: i32 = 8;
/// How many instants between are tried.
const SAMPLES: i32 = 48;

/// The least instant from the case's on at which all rules permit; none where there is none in reach.
pub(super) fn earliest(rules: &[&Rule], world: &World<'_>) -> Result<Option<Timestamp>, String> {
    let found = first(rules, world);
    let from = world.case.at;
    let end = found.unwrap_or_else(|| from + SignedDuration::from_hours(24 * 10));
    for at in samples(from, end) {
        if rules.iter().all(|rule| permits(rule, world, at)) {
            return Err(format!("the checker permits at {at}, before {found:?}"));
        }
    }
    Ok(found)
}

/// Instants from `from` on and before `end`: some evenly spread, some just before the end.
pub(super) fn samples(from: Timestamp, end: Timestamp) -> Vec<Timestamp> {
    let step = end.duration_since(from) / (SAMPLES + 1);
    let nanos = [1, 1_000_000_000, 60_000_000_000].map(SignedDuration::from_nanos);
    let just_before = nanos.iter().map(|n| end - *n);
    let spread = (1..=SAMPLES).map(|i| from + step * i);
    let all = just_before.chain(spread);
    all.filter(|t| from <= *t && *t < end).collect()
}

/// Whether some time cures a denial by this rule alone.
pub(super) fn is_curable(rule: &Rule, world: &World<'_>) -> bool {
    first(&[rule], world).is_some()
}

fn first(rules: &[&Rule], world: &World<'_>) -> Option<Timestamp> {
    let from = world.case.at;
    let last = from + SignedDuration::from_hours(24 * i64::from(DAYS_MAX));
    let clocks = clocks(rules, world);
    // The rule that denied last is asked first.
    let mut order: Vec<&Rule> = rules.to_vec();
    let mut day = world.day(from);
    let mut start = from;
    while start <= last {
        let next_day = plus(day, STRIDE);
        let end = instants(&world.zones[0], next_day, Time::midnight()).0;
        for at in candidates(&clocks, world, rules, day, (start, end)) {
            if at > last {
                return None;
            }
            match order.iter().position(|rule| !permits(rule, world, at)) {
                None => return Some(at),
                Some(i) if is_timeless(&order[i].says) => return None,
                Some(i) => order.swap(0, i),
            }
        }
        (day, start) = (next_day, end);
    }
    None
}

/// Times of the day at which something in these rules can begin to be allowed; midnight always.
fn clocks(rules: &[&Rule], world: &World<'_>) -> Vec<Time> {
    let mut all = vec![Time::midnight()];
    for rule in rules {
        match &rule.says {
            Says::Hours(h) => {
                let holiday = h.holidays.and_then(|(_, span)| span);
                let spans = [Some(h.weekdays), h.saturday, h.sunday, holiday];
                all.extend(spans.iter().flatten().map(|(open, _)| hours::clock(*open)));
            }
            Says::Ban(bans) => all.extend(bans.iter().map(|(_, to)| hours::clock(*to))),
            Says::Unsuitable => all.extend(world.case.unsuitable.iter().filter_map(|u| u.to)),
            _ => {}
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// All such instants from `start` to before `end`, which are about the days from `day` on.
fn candidates(
    clocks: &[Time],
    world: &World<'_>,
    rules: &[&Rule],
    day: Date,
    (start, end): (Timestamp, Timestamp),
) -> Vec<Timestamp> {
    let mut all = vec![start];
    let others = rules.iter().filter_map(|rule| match &rule.says {
        Says::Hours(h) => h.also_in.map(zone),
        _ => None,
    });
    let others: Vec<_> = others.collect();
    for zone in world.zones.iter().chain(&others) {
        // Zones are no more than a day apart.
        for ahead in -2..=STRIDE + 2 {
            for time in clocks {
                let (first, last) = instants(zone, plus(day, ahead), *time);
                all.extend([first, last]);
            }
        }
    }
    let nano = SignedDuration::from_nanos(1);
    for (past, _) in world.past() {
        all.extend([past.effect, past.effect + nano]);
        let leaves = rules.iter().filter_map(|rule| match &rule.says {
            Says::InHours(_, hours, _) => Some(past.effect + SignedDuration::from_hours(*hours)),
            _ => None,
        });
        all.extend(leaves);
    }
    all.retain(|at| start <= *at && *at < end);
    all.sort_unstable();
    all.dedup();
    debug_assert!(
        all.iter()
            .all(|at| date(&world.zones[0], *at) >= plus(day, -1))
    );
    all
}
