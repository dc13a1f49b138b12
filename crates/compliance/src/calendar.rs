//! Calendars of public holidays and make-up working days: dated data with its source, a file each in
//! `calendars/`. A year that a calendar does not list is not known, and what is not known is closed.

use crate::load::PackError;
use jiff::civil::{Date, Weekday};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::{Arc, LazyLock};

/// Name and text of each calendar. A new one is a file in `calendars/` and a line here.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("br-sp.yaml", include_str!("../calendars/br-sp.yaml")),
    ("cn.yaml", include_str!("../calendars/cn.yaml")),
    ("id.yaml", include_str!("../calendars/id.yaml")),
    ("ru.yaml", include_str!("../calendars/ru.yaml")),
    ("tw.yaml", include_str!("../calendars/tw.yaml")),
];

/// The holidays of one place, year by year.
#[derive(Debug, PartialEq, Eq)]
pub struct Calendar {
    file: Box<str>,
    title: Box<str>,
    years: Vec<Year>,
}

/// One year as it was published.
#[derive(Debug, PartialEq, Eq)]
pub struct Year {
    year: i16,
    source: Box<str>,
    /// Sorted.
    holidays: Vec<Date>,
    /// Sorted.
    working: Vec<Date>,
}

/// What a day is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Day {
    /// A public holiday, or a day off in place of one.
    Holiday,
    /// A day of the weekend that is worked to make up for a holiday.
    MadeUp,
    /// None of these.
    Ordinary,
}

/// A calendar does not know a year. Nobody may guess its holidays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("calendar file `{calendar}` lacks the year {year}; add it as published, with its source")]
pub struct MissingYear {
    /// The file.
    pub calendar: String,
    /// The year.
    pub year: i16,
}

impl Calendar {
    /// Version of the built-in calendars: SHA-256 of their files, hexadecimal. The hash of packs covers it.
    #[must_use]
    pub fn version() -> &'static str {
        static VERSION: LazyLock<String> = LazyLock::new(|| {
            let mut digest = Sha256::new();
            for part in FILES.iter().flat_map(|(name, text)| [name, text]) {
                digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                digest.update(part.as_bytes());
            }
            crate::pack::hexadecimal(digest)
        });
        &VERSION
    }

    /// The calendars that are built in.
    ///
    /// # Panics
    /// Where a built-in calendar is faulty, which a test of this crate rules out.
    #[must_use]
    pub fn builtin() -> &'static [Arc<Self>] {
        static BUILTIN: LazyLock<Vec<Arc<Calendar>>> = LazyLock::new(|| {
            let read = FILES.iter().map(|(file, text)| Calendar::parse(file, text));
            match read.map(|c| c.map(Arc::new)).collect() {
                Ok(calendars) => calendars,
                Err(error) => panic!("built-in calendar: {error}"),
            }
        });
        &BUILTIN
    }

    /// Reads a calendar.
    ///
    /// # Errors
    /// The first fault, with file and line.
    pub fn parse(file: &str, text: &str) -> Result<Self, PackError> {
        let fault = |line, problem: String| PackError {
            file: file.to_owned(),
            line,
            rule: None,
            problem,
        };
        let raw: Raw = serde_saphyr::from_str(text).map_err(|error| {
            let line = error.location().map(|at| at.line());
            fault(line, error.without_snippet().to_string())
        })?;
        raw.check(file).map_err(|problem| fault(None, problem))
    }

    /// Dates of whole years that stand in a pack itself.
    pub(crate) fn inline(years: &[i16], source: &str, dates: &[Date]) -> Result<Self, String> {
        let of = |year: &i16| RawYear {
            year: *year,
            source: source.to_owned(),
            holidays: dates
                .iter()
                .filter(|d| d.year() == *year)
                .copied()
                .collect(),
            working: vec![],
        };
        let raw = Raw {
            calendar: "inline".to_owned(),
            title: source.to_owned(),
            years: years.iter().map(of).collect(),
        };
        raw.check("inline")
    }

    /// Holidays that come with a question: what is not listed, two years around included, is no holiday.
    pub(crate) fn given(holidays: &[Date]) -> Option<Self> {
        let around = holidays.iter().flat_map(|d| d.year() - 2..=d.year() + 2);
        let years: BTreeSet<i16> = around.collect();
        let years: Vec<i16> = years.into_iter().collect();
        Self::inline(&years, "given with the question", holidays).ok()
    }

    /// The file it stands in, such as `cn.yaml`.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What it is, for people.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The years it knows.
    #[must_use]
    pub fn years(&self) -> &[Year] {
        &self.years
    }

    /// What `date` is.
    ///
    /// # Errors
    /// Where the year is not known.
    pub fn day(&self, date: Date) -> Result<Day, MissingYear> {
        self.find(date).ok_or_else(|| MissingYear {
            calendar: self.file.to_string(),
            year: date.year(),
        })
    }

    /// What `date` is; none where the year is not known. Allocates nothing.
    pub(crate) fn find(&self, date: Date) -> Option<Day> {
        let year = self.years.iter().find(|y| y.year == date.year())?;
        Some(if year.holidays.binary_search(&date).is_ok() {
            Day::Holiday
        } else if year.working.binary_search(&date).is_ok() {
            Day::MadeUp
        } else {
            Day::Ordinary
        })
    }

    /// The first of `years` that it does not know.
    pub(crate) fn lacks(&self, mut years: RangeInclusive<i16>) -> Option<MissingYear> {
        let knows = |year: &i16| self.years.iter().any(|y| y.year == *year);
        let year = years.find(|year| !knows(year))?;
        let calendar = self.file.to_string();
        Some(MissingYear { calendar, year })
    }

    /// Whether people work on `date`, weekends being Saturday and Sunday.
    ///
    /// # Errors
    /// Where the year is not known.
    pub fn is_working(&self, date: Date) -> Result<bool, MissingYear> {
        let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        Ok(match self.day(date)? {
            Day::Holiday => false,
            Day::MadeUp => true,
            Day::Ordinary => !weekend,
        })
    }
}

impl Year {
    /// The year.
    #[must_use]
    pub const fn year(&self) -> i16 {
        self.year
    }

    /// Where it was published, and how that was checked.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Holidays and days off in place of them, sorted.
    #[must_use]
    pub fn holidays(&self) -> &[Date] {
        &self.holidays
    }

    /// Days of the weekend that are worked, sorted.
    #[must_use]
    pub fn working(&self) -> &[Date] {
        &self.working
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    calendar: String,
    title: String,
    years: Vec<RawYear>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawYear {
    year: i16,
    source: String,
    holidays: Vec<Date>,
    #[serde(default)]
    working: Vec<Date>,
}

impl Raw {
    fn check(self, file: &str) -> Result<Calendar, String> {
        if self.years.is_empty() {
            return Err(format!("calendar `{}` knows no year", self.calendar));
        }
        for (i, year) in self.years.iter().enumerate() {
            if self.years[..i].iter().any(|y| y.year == year.year) {
                return Err(format!("the year {} stands twice", year.year));
            }
            year.check()?;
        }
        Ok(Calendar {
            file: file.into(),
            title: self.title.into(),
            years: self.years.into_iter().map(Year::from).collect(),
        })
    }
}

impl RawYear {
    fn check(&self) -> Result<(), String> {
        let year = self.year;
        if self.source.trim().is_empty() {
            return Err(format!("the year {year} names no source"));
        }
        let all = || self.holidays.iter().chain(&self.working);
        if let Some(date) = all().find(|d| d.year() != year) {
            return Err(format!("{date} does not lie in the year {year}"));
        }
        if let Some(date) = self.working.iter().find(|d| self.holidays.contains(d)) {
            return Err(format!("{date} is a holiday and a working day"));
        }
        if let Some(date) = self.working.iter().find(|d| is_weekday(**d)) {
            return Err(format!("{date} is worked anyway; `working` lists weekends"));
        }
        Ok(())
    }
}

fn is_weekday(date: Date) -> bool {
    !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

impl From<RawYear> for Year {
    fn from(mut raw: RawYear) -> Self {
        raw.holidays.sort_unstable();
        raw.holidays.dedup();
        raw.working.sort_unstable();
        raw.working.dedup();
        Self {
            year: raw.year,
            source: raw.source.into(),
            holidays: raw.holidays,
            working: raw.working,
        }
    }
}
