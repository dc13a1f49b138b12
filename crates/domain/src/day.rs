//! A calendar day of a zone: when it begins and ends, and when its clocks show a time.

use crate::offsets::PlainDay;
use crate::time::{Zone, add_days};
use jiff::Timestamp;
use jiff::civil::{Date, Time};

/// A calendar day of a zone. Most days are plain: 24 hours that no clock change touches; of these all is known at
/// one look at the zone, of others each question is one.
#[derive(Clone, Copy, Debug)]
pub struct Day<'z> {
    zone: &'z Zone,
    date: Date,
    plain: Option<PlainDay>,
}

impl<'z> Day<'z> {
    /// The day at `at`.
    pub(crate) fn at(zone: &'z Zone, plain: Option<PlainDay>, at: Timestamp) -> Self {
        let date = match &plain {
            Some(day) => day.date,
            None => zone.date(at),
        };
        Self { zone, date, plain }
    }

    /// A day by its date.
    #[must_use]
    pub const fn of(zone: &'z Zone, date: Date) -> Self {
        let plain = None;
        Self { zone, date, plain }
    }

    /// The day after.
    #[must_use]
    #[inline]
    pub fn next(&self) -> Self {
        Self::of(self.zone, add_days(self.date, 1))
    }

    /// Its date.
    #[must_use]
    #[inline]
    pub const fn date(&self) -> Date {
        self.date
    }

    /// Monday 0 to Sunday 6.
    #[must_use]
    #[inline]
    pub fn weekday(&self) -> usize {
        match &self.plain {
            Some(day) => day.weekday,
            None => usize::from(self.date.weekday().to_monday_zero_offset().unsigned_abs()),
        }
    }

    /// Its first instant, see [`Zone::start_of_day`].
    #[must_use]
    #[inline]
    pub fn start(&self) -> Timestamp {
        match &self.plain {
            Some(day) => day.start,
            None => self.zone.start_of_day(self.date),
        }
    }

    /// The first instant of the day after.
    #[must_use]
    #[inline]
    pub fn end(&self) -> Timestamp {
        let plain = self.plain.and_then(PlainDay::end);
        plain.unwrap_or_else(|| self.zone.start_of_day(add_days(self.date, 1)))
    }

    /// The first instant of the day so many days before.
    #[must_use]
    #[inline]
    pub fn start_before(&self, days: i32) -> Timestamp {
        let plain = self.plain.and_then(|day| day.start_before(days));
        plain.unwrap_or_else(|| self.zone.start_of_day(add_days(self.date, -days)))
    }

    /// When its clocks show `time`, see [`Zone::instant`].
    #[must_use]
    #[inline]
    pub fn instant(&self, time: Time) -> Timestamp {
        let plain = self.plain.and_then(|day| day.at(time));
        plain.unwrap_or_else(|| self.zone.instant(self.date, time))
    }

    /// When its clocks last show `time`, see [`Zone::later_instant`].
    #[must_use]
    #[inline]
    pub fn later_instant(&self, time: Time) -> Option<Timestamp> {
        let plain = self.plain.and_then(|day| day.at(time));
        plain.map_or_else(|| self.zone.later_instant(self.date, time), Some)
    }
}
