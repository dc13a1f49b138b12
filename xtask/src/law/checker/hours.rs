//! When: hours of the day, bans and pauses, all by the wall clock.

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use super::dates::Calendar;
use super::world::{World, date, instants, plus, zone};
use crate::law::case::{Agreed, Unsuitable};

/// Seconds of the day.
pub(super) type Span = (i32, i32);

/// Hours in which contact is allowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hours {
    pub(super) weekdays: Span,
    pub(super) saturday: Option<Span>,
    pub(super) sunday: Option<Span>,
    /// Days with hours of their own, or none at all.
    pub(super) holidays: Option<(Calendar, Option<Span>)>,
    /// The person can agree to other hours.
    pub(super) by_agreement: bool,
    /// It speaks of persons with several candidate zones alone.
    pub(super) several_zones: bool,
    /// Another place whose hours must be right too.
    pub(super) also_in: Option<&'static str>,
}

/// Whether a contact that begins at `at` lies in the hours of every zone, to its end.
pub(super) fn are_open(hours: &Hours, world: &World<'_>, at: Timestamp) -> bool {
    if hours.several_zones && world.zones.len() < 2 {
        return true;
    }
    if hours.by_agreement && world.agreed(Agreed::OffHours, at) {
        return true;
    }
    let other = hours.also_in.map(zone);
    let end = world.end(at);
    let mut zones = world.zones.iter().chain(&other);
    zones.all(|zone| {
        let today = date(zone, at);
        let ahead = 2 + i32::try_from(world.case.minutes / 1440).unwrap_or(0);
        // Hours that follow on each other without a gap are one span.
        let mut spans: Vec<(Timestamp, Timestamp)> = Vec::new();
        for day in -1..=ahead {
            let Some((open, close)) = open_on(hours, world, zone, plus(today, day)) else {
                continue;
            };
            match spans.last_mut() {
                Some(last) if open <= last.1 => last.1 = close,
                _ => spans.push((open, close)),
            }
        }
        let mut spans = spans.iter();
        spans.any(|(open, close)| *open <= at && at < *close && end <= *close)
    })
}

/// The hours of a day. A time that comes twice opens at the later and closes at the earlier instant.
fn open_on(
    hours: &Hours,
    world: &World<'_>,
    zone: &TimeZone,
    day: Date,
) -> Option<(Timestamp, Timestamp)> {
    let mut span = match day.weekday() {
        Weekday::Saturday => hours.saturday,
        Weekday::Sunday => hours.sunday,
        _ => Some(hours.weekdays),
    };
    if let Some((calendar, on_holidays)) = hours.holidays {
        // A year that nobody told is closed.
        let is_holiday = calendar.is_holiday(day);
        if is_holiday.or(world.supposes.then_some(false))? {
            span = on_holidays;
        }
    }
    let (open, close) = span?;
    let open = at_clock(zone, day, open).1;
    let close = at_clock(zone, day, close).0;
    (open < close).then_some((open, close))
}

/// The first and the last instant at which the clock shows it; 86,400 is the next midnight.
fn at_clock(zone: &TimeZone, day: Date, seconds: i32) -> (Timestamp, Timestamp) {
    if seconds == 86_400 {
        return instants(zone, plus(day, 1), Time::midnight());
    }
    instants(zone, day, clock(seconds))
}

pub(super) fn clock(seconds: i32) -> Time {
    let part = |n: i32| i8::try_from(n).unwrap_or(0);
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    Time::new(part(h), part(m), part(s), 0).unwrap_or(Time::midnight())
}

/// Bans that are the same for everybody.
pub(super) fn fixed(bans: &[Span]) -> Vec<Unsuitable> {
    let ban = |(from, to): &Span| Unsuitable {
        days: vec![],
        from: clock(*from),
        to: (*to != 86_400).then(|| clock(*to)),
    };
    bans.iter().map(ban).collect()
}

/// Whether a contact that begins at `at` meets none of these times in any zone.
pub(super) fn is_free_of(bans: &[Unsuitable], world: &World<'_>, at: Timestamp) -> bool {
    let end = world.end(at);
    world.zones.iter().all(|zone| {
        let last = date(zone, end);
        let mut day = plus(date(zone, at), -1);
        while day <= last {
            for ban in bans {
                let weekday = day.weekday().to_monday_one_offset();
                if !ban.days.is_empty() && !ban.days.contains(&weekday) {
                    continue;
                }
                let (from, to) = banned(ban, zone, day);
                let meets = (from <= at && at < to) || (at < from && from < end);
                if from < to && meets {
                    return false;
                }
            }
            day = plus(day, 1);
        }
        true
    })
}

/// A ban of a day: from the first to the last instant its clock times are shown; one that ends no later than
/// it begins goes on into the next day.
fn banned(ban: &Unsuitable, zone: &TimeZone, day: Date) -> (Timestamp, Timestamp) {
    let to = match ban.to {
        Some(to) if to > ban.from => instants(zone, day, to),
        Some(to) => instants(zone, plus(day, 1), to),
        None => instants(zone, plus(day, 1), Time::midnight()),
    };
    (instants(zone, day, ban.from).0, to.1)
}

/// Whether a contact that begins at `at` touches none of the days from `first` to `last`.
pub(super) fn is_outside(first: Date, last: Date, world: &World<'_>, at: Timestamp) -> bool {
    let (begins, ends) = (world.day(at), world.end(at));
    // What ends with the last instant before a day does not touch it.
    let touched = if ends > at {
        world.day(ends - jiff::SignedDuration::from_nanos(1))
    } else {
        begins
    };
    touched < first || last < begins
}
