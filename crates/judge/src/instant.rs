//! Instants, and what a clock on a wall shows at them.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::Deserialize;

/// Microseconds of a second.
pub const SECOND_US: i64 = 1_000_000;
/// Microseconds of a day that has 24 hours.
const DAY_US: i64 = 86_400 * SECOND_US;
/// The newest instant that is taken: about the year 9987, so that adding to one never overflows.
const MAX_US: i64 = 253_000_000_000 * SECOND_US;

/// Microseconds since the Unix epoch, between 1970 and the year 9987.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "i64")]
pub struct Micros(i64);

impl TryFrom<i64> for Micros {
    type Error = String;

    fn try_from(us: i64) -> Result<Self, String> {
        if (0..=MAX_US).contains(&us) {
            Ok(Self(us))
        } else {
            Err(format!("instant {us} is not microseconds since 1970"))
        }
    }
}

impl Micros {
    /// Microseconds since the epoch.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }

    /// This instant and `us` microseconds more (or fewer).
    #[must_use]
    pub fn plus_us(self, us: i64) -> Self {
        Self(self.0.saturating_add(us).clamp(0, MAX_US))
    }

    fn timestamp(self) -> Timestamp {
        Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::MAX)
    }

    /// The local day and the time of that day in `zone`.
    #[must_use]
    pub fn local(self, zone: &TimeZone) -> Local {
        let offset_us = i64::from(zone.to_offset(self.timestamp()).seconds()) * SECOND_US;
        let shown = self.0 + offset_us;
        Local {
            day: shown.div_euclid(DAY_US),
            time_us: shown.rem_euclid(DAY_US),
        }
    }

    /// For people: local time to the microsecond, with the zone's name.
    #[must_use]
    pub fn show(self, zone: &TimeZone) -> String {
        let zoned = self.timestamp().to_zoned(zone.clone());
        format!(
            "{} {}",
            zoned.strftime("%F %T%.f"),
            zone.iana_name().unwrap_or("UTC")
        )
    }

    /// For people: the instant in UTC.
    #[must_use]
    pub fn show_utc(self) -> String {
        self.show(&TimeZone::UTC)
    }
}

/// What a clock and a calendar show at an instant in one zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    /// Days since 1970-01-01 on the local calendar.
    pub day: i64,
    /// Microseconds since local midnight as the clock shows them.
    pub time_us: i64,
}

/// Looks zones up by name, each once. The time zone data is the one built into the program, so a
/// verdict does not change with the machine.
#[derive(Debug)]
pub struct Zones {
    database: TimeZoneDatabase,
    known: HashMap<String, TimeZone>,
}

impl Default for Zones {
    fn default() -> Self {
        Self {
            database: TimeZoneDatabase::bundled(),
            known: HashMap::new(),
        }
    }
}

impl Zones {
    /// The zone called `name`.
    ///
    /// # Errors
    /// The name is no IANA name.
    pub fn get(&mut self, name: &str) -> Result<TimeZone, String> {
        if let Some(zone) = self.known.get(name) {
            return Ok(zone.clone());
        }
        let zone = self
            .database
            .get(name)
            .ok()
            .filter(|zone| !zone.is_unknown());
        let zone = zone.ok_or_else(|| {
            format!("zone {name:?} is not an IANA name such as \"Asia/Shanghai\"")
        })?;
        self.known.insert(name.to_owned(), zone.clone());
        Ok(zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_follows_the_clock_change() {
        let mut zones = Zones::default();
        let new_york = zones.get("America/New_York").unwrap();
        // 2026-03-08 12:00 UTC is 08:00 after the clocks went forward that night.
        let after = Micros::try_from(1_772_971_200 * SECOND_US).unwrap();
        assert_eq!(after.local(&new_york).time_us, 8 * 3600 * SECOND_US);
        let day_before = after.plus_us(-DAY_US);
        assert_eq!(day_before.local(&new_york).time_us, 7 * 3600 * SECOND_US);
        assert_eq!(
            day_before.local(&new_york).day + 1,
            after.local(&new_york).day
        );
        assert_eq!(
            after.show(&new_york),
            "2026-03-08 08:00:00 America/New_York"
        );
    }

    #[test]
    fn names_and_instants_that_are_none_are_refused() {
        let mut zones = Zones::default();
        assert!(zones.get("Mars/Olympus").is_err());
        assert!(zones.get("Etc/Unknown").is_err());
        assert!(Micros::try_from(-1).is_err());
        assert!(Micros::try_from(i64::MAX).is_err());
    }
}
