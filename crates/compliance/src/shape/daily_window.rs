//! Hours of the day in which contact is allowed, by weekday and holiday, in every candidate zone.

use super::{Answer, Rank};
use crate::calendar::{self, Calendar};
use crate::gate::{DAYS_AHEAD, PERMIT_MAX, SEARCH_DAYS_MAX, Why};
use crate::numbers::{Numbers, Span};
use crate::question::{Moment, Question};
use crate::rule::Scope;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use recoup_domain::day::Day;
use recoup_domain::party::ConsentKind;
use recoup_domain::time::{Window, Zone, add_days};
use serde::Deserialize;
use std::sync::Arc;

/// Half-open hours by the wall clock. An hour that repeats opens at its later and closes at its earlier
/// instant; one that does not exist maps forward. The whole effect must lie within them.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Raw")]
pub(crate) struct DailyWindow {
    /// By weekday, Monday first; none is closed.
    week: [Option<Hours>; 7],
    holidays: Option<Holidays>,
    consent: Option<ConsentKind>,
    only_for_several_zones: bool,
    /// Read in these zones beside those of the person.
    also_in: Vec<Zone>,
}

/// A span of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hours {
    open: Time,
    /// None is the end of the day.
    close: Option<Time>,
}

/// Days that have hours of their own, or none. A year that the calendar lacks is closed as a whole. A
/// make-up working day keeps the hours of its own day of the week.
#[derive(Debug, PartialEq, Eq)]
struct Holidays {
    calendar: Arc<Calendar>,
    hours: Option<Hours>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    hours: Vec<RawHours>,
    holidays: Option<RawHolidays>,
    /// A consent of this kind opens every hour.
    unless_consent: Option<ConsentKind>,
    /// The rule speaks only of persons with several candidate zones.
    #[serde(default)]
    only_for_several_zones: bool,
    #[serde(default)]
    also_in: Vec<Zone>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHours {
    /// None means every day of the week.
    days: Option<Vec<Weekday>>,
    open: String,
    close: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHolidays {
    /// A built-in calendar, such as `ru`.
    calendar: Option<String>,
    /// Or the dates themselves, with where they come from.
    source: Option<String>,
    years: Option<Vec<i16>>,
    dates: Option<Vec<Date>>,
    /// The hours of a holiday; none is closed.
    open: Option<String>,
    close: Option<String>,
}

/// A day of the week, Monday first.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl TryFrom<Raw> for DailyWindow {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let mut week = [None; 7];
        for entry in &raw.hours {
            let hours = Hours::parse(&entry.open, &entry.close)?;
            let all: Vec<usize> = (0..7).collect();
            let named = entry.days.as_ref();
            let days = named.map_or(all, |days| days.iter().map(|d| *d as usize).collect());
            for day in days {
                if week[day].replace(hours).is_some() {
                    return Err("a day of the week has hours twice".into());
                }
            }
        }
        if week.iter().all(Option::is_none) {
            return Err("no day of the week has hours; say `hours: [{open, close}]`".into());
        }
        let holidays = raw.holidays.map(RawHolidays::check).transpose()?;
        Ok(Self {
            week,
            holidays,
            consent: raw.unless_consent,
            only_for_several_zones: raw.only_for_several_zones,
            also_in: raw.also_in,
        })
    }
}

impl RawHolidays {
    fn check(self) -> Result<Holidays, String> {
        let calendar = match (self.calendar, self.source, self.years, self.dates) {
            (Some(name), None, None, None) => named(&name)?,
            (None, Some(source), Some(years), Some(dates)) => {
                if let Some(date) = dates.iter().find(|d| !years.contains(&d.year())) {
                    return Err(format!("holiday {date} lies in none of the years listed"));
                }
                Arc::new(Calendar::inline(&years, &source, &dates)?)
            }
            _ => return Err("holidays name a `calendar`, or `source`, `years` and `dates`".into()),
        };
        let hours = match (self.open, self.close) {
            (None, None) => None,
            (Some(open), Some(close)) => Some(Hours::parse(&open, &close)?),
            _ => return Err("holidays have `open` without `close`, or the reverse".into()),
        };
        Ok(Holidays { calendar, hours })
    }
}

fn named(name: &str) -> Result<Arc<Calendar>, String> {
    let all = Calendar::builtin();
    let stem = |c: &Arc<Calendar>| c.file().trim_end_matches(".yaml").to_owned();
    let found = all.iter().find(|c| stem(c) == name);
    found.cloned().ok_or_else(|| {
        let known: Vec<String> = all.iter().map(stem).collect();
        format!("no calendar `{name}`; there are {}", known.join(", "))
    })
}

impl Hours {
    fn parse(open: &str, close: &str) -> Result<Self, String> {
        let hours = Self {
            open: clock(open)?,
            close: if close == "24:00" {
                None
            } else {
                Some(clock(close)?)
            },
        };
        if hours.close.is_some_and(|close| close <= hours.open) {
            return Err(format!("closes at {close}, which is not after {open}"));
        }
        Ok(hours)
    }
}

pub(super) fn clock(text: &str) -> Result<Time, String> {
    let colons = || text.bytes().skip(2).step_by(3).all(|b| b == b':');
    let shape = matches!(text.len(), 5 | 8) && colons();
    shape
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| format!("`{text}` is no time of day; write it as \"08:00\""))
}

impl DailyWindow {
    pub(super) const RANK: Rank = Rank::Window;

    /// The same hours with other holidays, where holidays matter to it and some are given.
    pub(super) fn on_holidays(&self, holidays: &[Date]) -> Option<Self> {
        let own = self.holidays.as_ref()?;
        Some(Self {
            week: self.week,
            holidays: Some(Holidays {
                calendar: Arc::new(Calendar::given(holidays)?),
                hours: own.hours,
            }),
            consent: self.consent,
            only_for_several_zones: self.only_for_several_zones,
            also_in: self.also_in.clone(),
        })
    }

    /// The hours in force, days of the week with the same hours together.
    pub(super) fn limit(&self) -> Numbers {
        let span = |hours: &Option<Hours>| hours.map(|h| Span(h.open, h.close));
        let mut week: Vec<((i8, i8), Option<Span>)> = Vec::new();
        for (day, hours) in (1..).zip(&self.week) {
            match week.last_mut() {
                Some(((_, last), open)) if *open == span(hours) => *last = day,
                _ => week.push(((day, day), span(hours))),
            }
        }
        let holidays = self.holidays.as_ref().map(|h| span(&h.hours));
        Numbers::Open { week, holidays }
    }

    #[inline]
    pub(super) fn judge(&self, q: &Question<'_>, _: Scope, m: &Moment<'_>) -> Answer {
        if self.only_for_several_zones && q.zones().nth(1).is_none() {
            return Answer::ALWAYS;
        }
        if let Some(until) = self.consented(q, m.effect) {
            return Answer::Open { until };
        }
        let mut until = Timestamp::MAX;
        for zone in self.zones(q) {
            // By far the most look at one zone, home.
            let closes = if zone.shows_time_of(q.home) {
                self.closes(q, &m.day, m.effect)
            } else {
                self.closes(q, &zone.day(m.at), m.effect)
            };
            match closes {
                Some(close) => until = until.min(close),
                None => {
                    return Answer::Shut {
                        next: self.next_common(q, m),
                    };
                }
            }
        }
        Answer::Open { until }
    }

    /// The person's zones and those of the rule: all must be open.
    fn zones<'a>(&'a self, q: &Question<'a>) -> impl Iterator<Item = &'a Zone> + Clone {
        q.zones().chain(&self.also_in)
    }

    /// The calendar it reads, where it reads one.
    pub(super) fn calendar(&self) -> Option<&Calendar> {
        self.holidays.as_ref().map(|h| &*h.calendar)
    }

    /// Why no passing of time cures a denial.
    pub(super) fn why(
        &self,
        q: &Question<'_>,
        m: &Moment<'_>,
        next: Option<Timestamp>,
    ) -> Option<Why> {
        if let Some(calendar) = self.calendar() {
            let from = m.day.date().year();
            let last = || add_days(m.day.date(), SEARCH_DAYS_MAX).year();
            let to = next.map_or_else(last, |_| from);
            // Where no hour is common, the year would not help if somebody told it.
            let helps = || next.is_some() || self.next_common(&q.presuming(), m).is_some();
            if let Some(missing) = calendar.lacks(from..=to).filter(|_| helps()) {
                return Some(Why::CalendarLacks(missing));
            }
        }
        let presuming = q.presuming();
        let alone = |zone| self.next_in(zone, &presuming, m.at, last_day(m)).is_some();
        (next.is_none() && self.zones(q).all(alone)).then_some(Why::NoCommonWindow)
    }

    /// Until when a consent opens every hour, if one does for the whole effect.
    fn consented(&self, q: &Question<'_>, effect: Window) -> Option<Timestamp> {
        q.consent(self.consent?, effect)
    }

    /// When the hours that hold the whole effect close, which begins on `day`; none where none hold it.
    fn closes(&self, q: &Question<'_>, day: &Day<'_>, effect: Window) -> Option<Timestamp> {
        let (open, mut close) = self.span(q, day)?;
        if effect.from < open || close <= effect.from {
            return None;
        }
        // Only hours that reach midnight can go on after it.
        if day.end() <= close {
            close = self.goes_on(q, *day, close, effect);
        }
        (effect.to <= close).then_some(close)
    }

    /// When hours close that reach `close`, the end of `day`, as far as it matters to an effect.
    fn goes_on(
        &self,
        q: &Question<'_>,
        mut day: Day<'_>,
        mut close: Timestamp,
        effect: Window,
    ) -> Timestamp {
        let enough = effect.from.saturating_add(PERMIT_MAX).unwrap_or(effect.to);
        while close < effect.to.max(enough) {
            day = day.next();
            match self.follows(q, &day, close) {
                Some(later) => close = later,
                None => break,
            }
        }
        close
    }

    /// The end of the hours of `day` if they follow on `close` without a gap.
    fn follows(&self, q: &Question<'_>, day: &Day<'_>, close: Timestamp) -> Option<Timestamp> {
        // Hours from midnight on alone do.
        self.hours(q, day).filter(|h| h.open == Time::midnight())?;
        let (open, later) = self.span(q, day)?;
        (open <= close).then_some(later)
    }

    /// The least start after `m` that is open in all zones.
    fn next_common(&self, q: &Question<'_>, m: &Moment<'_>) -> Option<Timestamp> {
        let mut candidate = m.at;
        loop {
            let start = candidate;
            for zone in self.zones(q) {
                candidate = self.next_in(zone, q, candidate, last_day(m))?;
            }
            if candidate == start {
                return Some(candidate);
            }
        }
    }

    /// The least start from `at` on that is open in `zone`, up to the day `last`.
    fn next_in(
        &self,
        zone: &Zone,
        q: &Question<'_>,
        at: Timestamp,
        last: Date,
    ) -> Option<Timestamp> {
        let mut day = zone.day(at);
        while day.date() <= last {
            if let Some((open, _)) = self.span(q, &day) {
                let from = open.max(at);
                let effect = q.window_at(from);
                if self.closes(q, &zone.day(from), effect).is_some() {
                    return Some(from);
                }
            }
            day = day.next();
        }
        None
    }

    /// Hours that lie within a repeated hour open after they close, and hold nothing.
    fn span(&self, q: &Question<'_>, day: &Day<'_>) -> Option<(Timestamp, Timestamp)> {
        let hours = self.hours(q, day)?;
        let open = day.later_instant(hours.open)?;
        let close = hours.close.map(|close| day.instant(close));
        Some((open, close.unwrap_or_else(|| day.end())))
    }

    fn hours(&self, q: &Question<'_>, day: &Day<'_>) -> Option<Hours> {
        if let Some(holidays) = &self.holidays {
            match holidays.calendar.find(day.date()) {
                // A year that nobody has told is closed.
                None if !q.presumes_ordinary => return None,
                Some(calendar::Day::Holiday) => return holidays.hours,
                _ => {}
            }
        }
        self.week[day.weekday()]
    }
}

/// The last day within the search from `m`.
fn last_day(m: &Moment<'_>) -> Date {
    add_days(m.day.date(), DAYS_AHEAD)
}
