//! The offsets of a zone over the years in which contacts lie, in a table. A zone's rules for years to come are
//! worked out anew by jiff with each question, and the gate asks dozens of times; it answers beyond the table.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

/// 2015-01-01 and 2045-01-01, midnight UTC, as seconds.
const YEARS: std::ops::Range<i64> = 1_420_070_400..2_366_841_600;
/// Local times are looked up within the years by so much: more than any offset.
const MARGIN: i64 = 48 * 3_600;
/// Seconds.
const DAY: i64 = 86_400;

/// What the wall clocks of a zone show from 2015 to 2044.
#[derive(Debug)]
pub(crate) struct Offsets {
    first: Offset,
    changes: Box<[Change]>,
}

/// The clocks are moved.
#[derive(Debug)]
struct Change {
    /// From this second on, UTC.
    at: i64,
    after: Offset,
    /// The local times between these do not exist, or exist twice.
    odd: std::ops::Range<i64>,
    /// They exist twice.
    twice: bool,
}

/// The instants of a local time: the same one where the clocks are not moved then, or are moved past it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instants {
    pub(crate) earlier: Timestamp,
    pub(crate) later: Timestamp,
}

/// A calendar day of 24 hours on whose clocks nobody lays a hand, both midnights included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainDay {
    pub(crate) date: Date,
    /// Its midnight.
    pub(crate) start: Timestamp,
    /// Monday 0 to Sunday 6.
    pub(crate) weekday: usize,
    /// Since this second each day has been a plain one.
    plain_since: i64,
}

impl PlainDay {
    /// When the clocks show `time`, whole seconds; none for a time within a second.
    #[inline]
    pub(crate) fn at(self, time: Time) -> Option<Timestamp> {
        let [hour, minute, second] = [time.hour(), time.minute(), time.second()].map(i64::from);
        let second = hour * 3_600 + minute * 60 + second;
        let whole = time.subsec_nanosecond() == 0;
        whole.then(|| self.after(second)).flatten()
    }

    /// The midnight at its end.
    #[inline]
    pub(crate) fn end(self) -> Option<Timestamp> {
        self.after(DAY)
    }

    /// The midnight so many days before its own, where all days between are plain ones.
    #[inline]
    pub(crate) fn start_before(self, days: i32) -> Option<Timestamp> {
        let midnight = self.after(-DAY * i64::from(days))?;
        (self.plain_since <= midnight.as_second()).then_some(midnight)
    }

    #[inline]
    fn after(self, seconds: i64) -> Option<Timestamp> {
        Timestamp::from_second(self.start.as_second() + seconds).ok()
    }
}

impl Offsets {
    /// The table of a zone, made once for each; none for one that moves its clocks again before they settled.
    pub(crate) fn of(tz: &TimeZone) -> Option<Arc<Self>> {
        static MADE: LazyLock<RwLock<HashMap<String, Option<Arc<Offsets>>>>> =
            LazyLock::new(RwLock::default);
        let name = tz.iana_name()?;
        if let Some(made) = MADE
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
        {
            return made.clone();
        }
        let table = Self::read(tz).map(Arc::new);
        let mut made = MADE.write().unwrap_or_else(PoisonError::into_inner);
        made.entry(name.to_owned()).or_insert(table).clone()
    }

    fn read(tz: &TimeZone) -> Option<Self> {
        let start = Timestamp::from_second(YEARS.start).ok()?;
        let first = tz.to_offset(start);
        let mut before = first;
        let mut changes: Vec<Change> = Vec::new();
        for change in tz.following(start) {
            let (at, after) = (change.timestamp().as_second(), change.offset());
            if at >= YEARS.end {
                break;
            }
            let shown = [before, after].map(|offset| at + i64::from(offset.seconds()));
            let odd = shown[0].min(shown[1])..shown[0].max(shown[1]);
            if changes.last().is_some_and(|last| odd.start < last.odd.end) {
                return None;
            }
            let twice = after < before;
            changes.push(Change {
                at,
                after,
                odd,
                twice,
            });
            before = after;
        }
        Some(Self {
            first,
            changes: changes.into(),
        })
    }

    /// What the clocks are ahead of UTC at `at`; none beyond the table.
    #[inline]
    pub(crate) fn at(&self, at: Timestamp) -> Option<Offset> {
        let second = at.as_second();
        let passed = || self.changes.partition_point(|change| change.at <= second);
        YEARS.contains(&second).then(|| self.after(passed()))
    }

    /// When the clocks show `local`; none beyond the table.
    #[inline]
    pub(crate) fn instants(&self, local: DateTime) -> Option<Instants> {
        let shown = Offset::UTC.to_timestamp(local).ok()?;
        let second = shown.as_second();
        if !(YEARS.start + MARGIN..YEARS.end - MARGIN).contains(&second) {
            return None;
        }
        let passed = self
            .changes
            .partition_point(|change| change.odd.end <= second);
        let before = self.after(passed);
        let next = self.changes.get(passed);
        let again = next.filter(|change| change.twice && change.odd.start <= second);
        let instant = |offset: Offset| {
            let second = second - i64::from(offset.seconds());
            Timestamp::new(second, shown.subsec_nanosecond()).ok()
        };
        let earlier = instant(before)?;
        Some(Instants {
            earlier,
            later: again.map_or(Some(earlier), |change| instant(change.after))?,
        })
    }

    /// The day of `at`, if the table knows it and it is a plain one.
    #[inline]
    pub(crate) fn plain_day(&self, at: Timestamp) -> Option<PlainDay> {
        let second = at.as_second();
        if !(YEARS.start + MARGIN..YEARS.end - MARGIN).contains(&second) {
            return None;
        }
        let passed = self.changes.partition_point(|change| change.at <= second);
        let offset = self.after(passed);
        let ahead = i64::from(offset.seconds());
        let day = (second + ahead).div_euclid(DAY);
        let shown = day * DAY;
        let last = passed.checked_sub(1).and_then(|i| self.changes.get(i));
        let since = last.map_or(YEARS.start + MARGIN, |change| change.odd.end);
        let next = self.changes.get(passed);
        let plain = since <= shown && next.is_none_or(|change| shown + DAY < change.odd.start);
        plain.then_some(PlainDay {
            date: offset.to_datetime(at).date(),
            start: Timestamp::from_second(shown - ahead).ok()?,
            // 1970-01-01 was a Thursday.
            weekday: usize::try_from((day + 3).rem_euclid(7)).ok()?,
            plain_since: since - ahead,
        })
    }

    /// The offset after so many changes.
    #[inline]
    fn after(&self, passed: usize) -> Offset {
        let last = passed.checked_sub(1).and_then(|i| self.changes.get(i));
        last.map_or(self.first, |change| change.after)
    }
}
