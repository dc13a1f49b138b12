//! A case with its zones looked up and its past laid on the calendar.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::law::case::{Agreed, Case, Consent, DEBT, Past, Stands};

pub(super) struct World<'a> {
    pub(super) case: &'a Case,
    /// The person's own first.
    pub(super) zones: Vec<TimeZone>,
    /// On what day at home each past contact took effect.
    pub(super) past_days: Vec<Date>,
    /// Years that nobody told are taken to have no holidays, to see what hangs on them.
    pub(super) supposes: bool,
}

impl<'a> World<'a> {
    pub(super) fn new(case: &'a Case) -> Self {
        let zones: Vec<TimeZone> = case.zones.iter().map(|name| zone(name)).collect();
        let past_days = case.past.iter().map(|p| date(&zones[0], p.effect));
        Self {
            past_days: past_days.collect(),
            zones,
            case,
            supposes: false,
        }
    }

    /// The same world, had the years that nobody told no holidays.
    pub(super) fn supposing(case: &'a Case) -> Self {
        Self {
            supposes: true,
            ..Self::new(case)
        }
    }

    /// The day at home.
    pub(super) fn day(&self, at: Timestamp) -> Date {
        date(&self.zones[0], at)
    }

    /// When a contact that begins at `at` ends.
    pub(super) fn end(&self, at: Timestamp) -> Timestamp {
        at + SignedDuration::from_mins(self.case.minutes)
    }

    /// Past contacts with the person, with the day at home.
    pub(super) fn past(&self) -> impl Iterator<Item = (&'a Past, Date)> + '_ {
        let days = self.past_days.iter().copied();
        let all = self.case.past.iter().zip(days);
        all.filter(|(p, _)| !p.with_another)
    }

    /// Consents of this kind that speak of this contact and were there when it was asked about.
    pub(super) fn consents(&self, to: Agreed) -> impl Iterator<Item = &'a Consent> + '_ {
        let case = self.case;
        case.consents.iter().filter(move |c| {
            c.to == to
                && c.debt.is_none_or(|debt| debt == DEBT)
                && c.class.is_none_or(|class| class == case.class)
                && (c.number.is_none() || c.number == case.number)
                && c.received.is_none_or(|at| at <= case.at)
        })
    }

    /// Whether a consent of this kind covers a contact that begins at `at`, to its end.
    pub(super) fn agreed(&self, to: Agreed, at: Timestamp) -> bool {
        let end = self.end(at);
        self.consents(to).any(|c| {
            let ends = [c.expires, c.revoked];
            ends.into_iter().flatten().all(|e| at < e && end <= e)
        })
    }
}

/// Whether it went out or came in, or may have.
pub(super) fn happened(past: &Past) -> bool {
    matches!(past.stands, Stands::Done | Stands::UnderWay)
}

pub(super) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

pub(super) fn date(zone: &TimeZone, at: Timestamp) -> Date {
    zone.to_datetime(at).date()
}

/// The two instants a wall clock shows a time, or one twice; a time that does not exist is the instant after
/// the gap that is as far in.
pub(super) fn instants(zone: &TimeZone, day: Date, time: Time) -> (Timestamp, Timestamp) {
    let ambiguous = zone.to_ambiguous_timestamp(day.to_datetime(time));
    let is_fold = matches!(ambiguous.offset(), jiff::tz::AmbiguousOffset::Fold { .. });
    let first = ambiguous.compatible().unwrap_or(Timestamp::MAX);
    if is_fold {
        (first, ambiguous.later().unwrap_or(Timestamp::MAX))
    } else {
        (first, first)
    }
}

pub(super) fn plus(day: Date, days: i32) -> Date {
    day.saturating_add(days.days())
}
