//! Calendar arithmetic in people's zones. Instants come in from outside; nothing here reads a clock.

use crate::day::Day;
use crate::offsets::Offsets;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// Planned work is rounded up to slots of this length, so that it falls due in batches.
pub const SLOT: SignedDuration = SignedDuration::from_mins(15);

/// The end of time as far as plans go: "never".
pub const NEVER: Timestamp = Timestamp::MAX;

/// An IANA time zone, known by name. Only names are stored, never offsets.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Zone {
    name: Box<str>,
    tz: TimeZone,
    /// What `tz` says of the years in use, quicker.
    offsets: Option<Arc<Offsets>>,
}

/// A name that is no IANA zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no IANA time zone; one looks like `Asia/Shanghai`")]
pub struct UnknownZone(pub String);

impl Zone {
    /// A zone by its IANA name, from the bundled tz database.
    ///
    /// # Errors
    /// Where no zone has that name.
    pub fn new(name: &str) -> Result<Self, UnknownZone> {
        match TimeZone::get(name) {
            Ok(tz) if !says_nothing(&tz) => Ok(Self {
                name: name.into(),
                offsets: Offsets::of(&tz),
                tz,
            }),
            Ok(_) | Err(_) => Err(UnknownZone(name.to_owned())),
        }
    }

    /// The IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The zone's rules.
    #[must_use]
    pub const fn tz(&self) -> &TimeZone {
        &self.tz
    }

    /// The calendar day at `at`.
    #[must_use]
    #[inline]
    pub fn date(&self, at: Timestamp) -> Date {
        self.local(at).date()
    }

    /// The calendar day at `at`, with all that one look at the zone tells of it.
    #[must_use]
    #[inline]
    pub fn day(&self, at: Timestamp) -> Day<'_> {
        let table = self.offsets.as_ref();
        Day::at(self, table.and_then(|t| t.plain_day(at)), at)
    }

    /// Whether both are known to show the same time always. False says nothing.
    #[must_use]
    #[inline]
    pub fn shows_time_of(&self, other: &Self) -> bool {
        match (&self.offsets, &other.offsets) {
            // One table for all zones of a name.
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }

    /// The wall-clock time at `at`.
    #[must_use]
    #[inline]
    pub fn time(&self, at: Timestamp) -> Time {
        self.local(at).time()
    }

    /// The calendar day and the wall-clock time at `at`.
    #[must_use]
    #[inline]
    pub fn local(&self, at: Timestamp) -> DateTime {
        let offset = self.offsets.as_ref().and_then(|table| table.at(at));
        offset.map_or_else(|| self.tz.to_datetime(at), |o| o.to_datetime(at))
    }

    /// The first instant of a calendar day. Where midnight does not exist (some zones change at
    /// midnight), the first instant after the gap; where it exists twice, the earlier one.
    #[must_use]
    #[inline]
    pub fn start_of_day(&self, date: Date) -> Timestamp {
        self.instant(date, Time::midnight())
    }

    /// The instant of a wall-clock time: a time in a gap maps forward, a repeated one to the earlier.
    #[must_use]
    #[inline]
    pub fn instant(&self, date: Date, time: Time) -> Timestamp {
        let local = date.to_datetime(time);
        if let Some(known) = self.offsets.as_ref().and_then(|t| t.instants(local)) {
            return known.earlier;
        }
        let instant = self.tz.to_ambiguous_timestamp(local).compatible();
        instant.unwrap_or(NEVER)
    }

    /// The same, but a repeated time is the later one; none beyond the end of time.
    #[must_use]
    pub fn later_instant(&self, date: Date, time: Time) -> Option<Timestamp> {
        let local = date.to_datetime(time);
        if let Some(known) = self.offsets.as_ref().and_then(|t| t.instants(local)) {
            return Some(known.later);
        }
        self.tz.to_ambiguous_timestamp(local).later().ok()
    }
}

/// Whether a name of the tz database stands for no place: what programs write that do not know theirs, and what
/// reads as UTC then.
fn says_nothing(tz: &TimeZone) -> bool {
    tz.is_unknown() || tz.iana_name() == Some("Factory")
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl TryFrom<String> for Zone {
    type Error = UnknownZone;
    fn try_from(name: String) -> Result<Self, UnknownZone> {
        Self::new(&name)
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.name)
    }
}

/// A half-open span of instants `[from, to)`; a moment where both are equal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
pub struct Window {
    /// The first instant.
    pub from: Timestamp,
    /// The end, not included (but for a moment, where it equals `from`).
    pub to: Timestamp,
}

impl Window {
    /// The moment `at`.
    #[must_use]
    pub const fn moment(at: Timestamp) -> Self {
        Self { from: at, to: at }
    }

    /// A window of `length` from `from`, ended at the end of time.
    #[must_use]
    #[inline]
    pub fn starting(from: Timestamp, length: SignedDuration) -> Self {
        Self {
            from,
            to: from.saturating_add(length).unwrap_or(NEVER),
        }
    }

    /// The same length, beginning at `from`.
    #[must_use]
    pub fn moved_to(self, from: Timestamp) -> Self {
        Self::starting(from, self.to.duration_since(self.from))
    }
}

/// Rounds an instant up to the next slot of 15 minutes (on the UTC grid, which is the grid of every
/// zone in use).
#[must_use]
#[inline]
pub fn round_up_to_slot(at: Timestamp) -> Timestamp {
    let slot = SLOT.as_micros() as i64;
    let us = at.as_microsecond();
    let exact = us.rem_euclid(slot) == 0 && at.subsec_nanosecond() % 1_000 == 0;
    if exact {
        return at;
    }
    let up = us.div_euclid(slot).saturating_add(1).saturating_mul(slot);
    Timestamp::from_microsecond(up).unwrap_or(NEVER)
}

/// Calendar days from `from` to `to`; negative where `to` is earlier.
#[must_use]
#[inline]
pub fn days_between(from: Date, to: Date) -> i32 {
    // Both dates lie within jiff's range of ±9999 years: the difference always fits.
    from.until(to).map_or(0, |span| span.get_days())
}

/// `date` plus calendar days, held at the ends of the calendar.
#[must_use]
#[inline]
pub fn add_days(date: Date, days: i32) -> Date {
    match days {
        // By far the most, and cheaper.
        1 => date.tomorrow().unwrap_or(Date::MAX),
        -1 => date.yesterday().unwrap_or(Date::MIN),
        _ => date.saturating_add(days.days()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn slots_round_up_and_keep_what_is_exact() {
        assert_eq!(
            round_up_to_slot(at("2026-04-08T08:00:00Z")),
            at("2026-04-08T08:00:00Z")
        );
        assert_eq!(
            round_up_to_slot(at("2026-04-08T08:00:00.000000001Z")),
            at("2026-04-08T08:15:00Z")
        );
        assert_eq!(
            round_up_to_slot(at("2026-04-08T08:14:59Z")),
            at("2026-04-08T08:15:00Z")
        );
        assert_eq!(
            round_up_to_slot(at("1969-12-31T23:50:00Z")),
            at("1970-01-01T00:00:00Z")
        );
        assert_eq!(round_up_to_slot(NEVER), NEVER);
    }

    #[test]
    fn a_midnight_that_does_not_exist_maps_forward() {
        let havana = Zone::new("America/Havana").unwrap();
        // 2026-03-08: clocks go from 00:00 to 01:00.
        assert_eq!(
            havana.start_of_day(date(2026, 3, 8)),
            at("2026-03-08T05:00:00Z")
        );
    }

    /// What a zone says quickly is what its rules say.
    #[test]
    fn the_table_of_a_zone_agrees_with_its_rules() {
        let zones = [
            "Asia/Shanghai",
            "America/New_York",
            "America/Havana",    // at midnight
            "Asia/Beirut",       // at midnight
            "Africa/Casablanca", // by the moon
            "Asia/Gaza",
            "Australia/Lord_Howe", // by half an hour
            "Asia/Pyongyang",
            "Pacific/Apia",
            "Europe/Dublin", // summer is standard time
            "Asia/Kathmandu",
            "America/Caracas",
            "UTC",
        ];
        let around = |at: i64| {
            let beside = [
                -90_000, -7_200, -3_601, -3_600, -1_800, -1, 0, 1, 1_799, 1_800, 3_600,
            ];
            beside.map(|by| at + by)
        };
        let (mut moved, mut plain) = (0, 0);
        for name in zones {
            let zone = Zone::new(name).unwrap();
            let start = at("2012-01-01T00:00:00Z");
            let end = at("2047-01-01T00:00:00Z");
            let changes = zone
                .tz()
                .following(start)
                .map(|c| c.timestamp().as_second());
            let mut seconds: Vec<i64> = changes
                .take_while(|s| *s < end.as_second())
                .flat_map(around)
                .collect();
            moved += seconds.len();
            // Both ends of the table, and every ten days or so.
            seconds.extend([1_420_070_400, 2_366_841_600].into_iter().flat_map(around));
            seconds.extend((start.as_second()..end.as_second()).step_by(876_543));
            for second in seconds {
                let instant = Timestamp::new(second, 999_999_999).unwrap();
                let local = zone.tz().to_datetime(instant);
                assert_eq!(zone.date(instant), local.date(), "{name} {instant}");
                assert_eq!(zone.time(instant), local.time(), "{name} {instant}");
                let table = zone.offsets.as_ref();
                plain += u32::from(table.is_some_and(|t| t.plain_day(instant).is_some()));
                agrees_with_its_date(zone.day(instant), &zone, local.date());
                // The same figures as a time on the clock, those that clocks skip or repeat included.
                let shown = jiff::tz::Offset::UTC.to_datetime(instant);
                for local in [local, shown] {
                    let by_rule = || zone.tz().to_ambiguous_timestamp(local);
                    let (date, time) = (local.date(), local.time());
                    let what = format!("{name} {local}");
                    assert_eq!(
                        Some(zone.instant(date, time)),
                        by_rule().compatible().ok(),
                        "{what}"
                    );
                    assert_eq!(
                        zone.later_instant(date, time),
                        by_rule().later().ok(),
                        "{what}"
                    );
                }
            }
        }
        assert!(moved > 4_000 && plain > 10_000, "{moved}, {plain}");
    }

    /// What a day says at one look is what the zone says of its date.
    fn agrees_with_its_date(day: Day<'_>, zone: &Zone, date: Date) {
        let what = format!("{} {date}", zone.name());
        let slow = Day::of(zone, date);
        assert_eq!(day.date(), date, "{what}");
        assert_eq!(day.weekday(), slow.weekday(), "{what}");
        assert_eq!(day.start(), zone.start_of_day(date), "{what}");
        let next = zone.start_of_day(add_days(date, 1));
        assert_eq!((day.end(), slow.end()), (next, next), "{what}");
        assert_eq!(day.next().start(), next, "{what}");
        for days in [0, 1, 6, 29, 200] {
            let before = zone.start_of_day(add_days(date, -days));
            let both = (day.start_before(days), slow.start_before(days));
            assert_eq!(both, (before, before), "{what}, {days} days before");
        }
        let times = [
            Time::midnight(),
            time(0, 0, 0, 1),
            time(2, 30, 1, 0),
            time(23, 59, 59, 0),
        ];
        for time in times {
            assert_eq!(day.instant(time), zone.instant(date, time), "{what}");
            let later = zone.later_instant(date, time);
            assert_eq!(day.later_instant(time), later, "{what}");
        }
    }

    #[test]
    fn zones_that_show_the_same_time_are_known_by_their_name() {
        let zone = |name| Zone::new(name).unwrap();
        assert!(zone("Asia/Taipei").shows_time_of(&zone("Asia/Taipei")));
        assert!(!zone("Asia/Taipei").shows_time_of(&zone("Asia/Shanghai")));
    }

    #[test]
    fn days_are_added_up_to_the_ends_of_the_calendar() {
        for (day, by, sum) in [
            (date(2028, 2, 28), 1, date(2028, 2, 29)),
            (date(2026, 12, 31), 1, date(2027, 1, 1)),
            (date(2026, 1, 1), -1, date(2025, 12, 31)),
            (date(2026, 1, 1), 0, date(2026, 1, 1)),
            (date(2026, 1, 30), 31, date(2026, 3, 2)),
            (date(2026, 3, 2), -31, date(2026, 1, 30)),
            (Date::MAX, 1, Date::MAX),
            (Date::MIN, -1, Date::MIN),
        ] {
            assert_eq!(add_days(day, by), sum);
        }
    }

    #[test]
    fn days_are_calendar_days() {
        assert_eq!(days_between(date(2028, 2, 28), date(2028, 3, 1)), 2);
        assert_eq!(days_between(date(2026, 3, 1), date(2026, 2, 28)), -1);
        assert_eq!(days_between(date(2026, 1, 1), date(2027, 1, 1)), 365);
    }

    #[test]
    fn zones_are_names() {
        assert_eq!(
            Zone::new("Mars/Olympus"),
            Err(UnknownZone("Mars/Olympus".into()))
        );
        for nowhere in ["Etc/Unknown", "etc/unknown", "Factory", "factory", ""] {
            assert!(Zone::new(nowhere).is_err(), "{nowhere}");
        }
        let zone: Zone = serde_json::from_str("\"Asia/Shanghai\"").unwrap();
        assert_eq!(zone.date(at("2026-04-08T16:00:00Z")), date(2026, 4, 9));
    }
}
