//! What must or must not happen, as a strategist writes it: when, and what.
//!
//! When: `ever`, `day 4`, `day 4 10:00`, `day 4 to 13`, `before day 30`, `from day 30`; behind a comma how often,
//! `3 times`. What: the beginning of a line of the record; a kind of contact alone, such as `visit`, is a contact of
//! that kind, made or asked for, and `contact` one of any kind.

use crate::support::facts::day_of;
use crate::support::world::{Line, World};
use recoup_domain::contact::ContactClass;
use std::fmt;

/// One of them.
#[derive(Clone)]
pub(crate) struct Clause {
    written: String,
    days: (i32, i32),
    time: Option<String>,
    times: Option<usize>,
    what: String,
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Clause {
    pub(crate) fn read(when: &str, what: &str) -> Self {
        let written = format!("{when}: {what}");
        let (when, times) = match when.split_once(", ") {
            Some((when, times)) => (when, Some(number(times.trim_end_matches(" times")))),
            None => (when, None),
        };
        let words: Vec<&str> = when.split(' ').collect();
        let mut time = None;
        let days = match words[..] {
            ["ever"] => (i32::MIN, i32::MAX),
            ["before", "day", n] => (i32::MIN, number::<i32>(n) - 1),
            ["from", "day", n] => (number(n), i32::MAX),
            ["day", n] => (number(n), number(n)),
            ["day", n, "to", m] => (number(n), number(m)),
            ["day", n, clock] => {
                time = Some(format!("day {n} {clock}"));
                (number(n), number(n))
            }
            _ => panic!("`{when}` is no time"),
        };
        Self {
            written,
            days,
            time,
            times,
            what: what.to_owned(),
        }
    }

    pub(crate) fn happened(&self, world: &World) -> bool {
        let zone = world.borrower.home_zone();
        let then = |l: &&Line| {
            let day = day_of(zone, l.at);
            let at = self.time.as_ref().is_none_or(|t| *t == world.clock(l.at));
            at && (self.days.0..=self.days.1).contains(&day)
        };
        let found = world.log.iter().filter(then).filter(|l| self.is(l)).count();
        match self.times {
            Some(times) => found == times,
            None => found > 0,
        }
    }

    /// Whether it happened, whenever and however often.
    pub(crate) fn happened_ever(&self, world: &World) -> bool {
        world.log.iter().any(|l| self.is(l))
    }

    fn is(&self, line: &Line) -> bool {
        let what = self.what.as_str();
        let kinds = ContactClass::ALL.map(ContactClass::name);
        match what {
            "contact" => line.kind == "contact",
            kind if kinds.contains(&kind) => {
                line.kind == "contact" && line.text.split(' ').next() == Some(kind)
            }
            _ => line.text.starts_with(what),
        }
    }
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    let read = text.parse().ok();
    read.unwrap_or_else(|| panic!("`{text}` is no number"))
}
