//! Times of the day in which nothing may take effect: those a person called inconvenient, or fixed ones.

use super::daily_window::{Weekday, clock};
use super::{Answer, Rank};
use crate::gate::DAYS_AHEAD;
use crate::numbers::{Numbers, Span};
use crate::question::{Moment, Question};
use crate::rule::Scope;
use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};
use recoup_domain::party::Inconvenient;
use recoup_domain::time::{Window, Zone, add_days};
use serde::Deserialize;

/// Half-open spans by the wall clock of every candidate zone and of the number or address used; one that ends no later than it begins goes on
/// into the next day. A repeated hour is banned from its earlier to its later instant.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IntervalBan {
    /// What the person proposed called inconvenient.
    Designated,
    /// The same for everybody.
    Times(Vec<Ban>),
}

/// A span of the day, on some days of the week or on all.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Raw")]
pub(crate) struct Ban(Inconvenient);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    /// None means every day of the week.
    days: Option<Vec<Weekday>>,
    from: String,
    to: String,
}

impl TryFrom<Raw> for Ban {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let number = |day: &Weekday| 1 + *day as i8;
        Ok(Self(Inconvenient {
            days: raw.days.iter().flatten().map(number).collect(),
            from: clock(&raw.from)?,
            to: (raw.to != "24:00").then(|| clock(&raw.to)).transpose()?,
        }))
    }
}

impl IntervalBan {
    pub(super) const RANK: Rank = Rank::Window;

    /// The times in force, where they are the same for everybody.
    pub(super) fn limit(&self) -> Option<Numbers> {
        let Self::Times(bans) = self else {
            return None;
        };
        let each = |Ban(ban): &Ban| (Span(ban.from, ban.to), !ban.days.is_empty());
        Some(Numbers::NotAt(bans.iter().map(each).collect()))
    }

    #[inline]
    pub(super) fn judge(&self, q: &Question<'_>, _: Scope, m: &Moment<'_>) -> Answer {
        match self {
            Self::Designated => judge(q.proposal.party.inconvenient.iter(), q, m),
            Self::Times(bans) => judge(bans.iter().map(|ban| &ban.0), q, m),
        }
    }
}

fn judge<'a>(
    bans: impl Iterator<Item = &'a Inconvenient> + Clone,
    q: &Question<'_>,
    m: &Moment<'_>,
) -> Answer {
    // Most people named none: there is no need to look at their zones.
    if bans.clone().next().is_none() {
        return Answer::ALWAYS;
    }
    let Some(mut next) = lifted(bans.clone(), q, m.at) else {
        let until = next_ban(bans, q, m.at);
        return until.map_or(Answer::ALWAYS, |until| Answer::Open { until });
    };
    let end = q.home.start_of_day(add_days(m.day.date(), DAYS_AHEAD));
    // Every start before the end of a ban that the effect meets, meets it too: nothing is stepped over.
    while let Some(later) = lifted(bans.clone(), q, next) {
        if later > end {
            return Answer::NEVER;
        }
        next = later;
    }
    Answer::shut_until(next)
}

/// The latest end of a ban that an effect from `at` meets in some zone.
fn lifted<'a>(
    bans: impl Iterator<Item = &'a Inconvenient> + Clone,
    q: &Question<'_>,
    at: Timestamp,
) -> Option<Timestamp> {
    let effect = q.window_at(at);
    spans(bans, q, at, effect.to)
        .filter(|ban| ban.from < effect.to || ban.from <= at)
        .map(|ban| ban.to)
        .max()
}

/// When the next ban begins, as far as a permit can reach, where none is met at `at`.
fn next_ban<'a>(
    bans: impl Iterator<Item = &'a Inconvenient> + Clone,
    q: &Question<'_>,
    at: Timestamp,
) -> Option<Timestamp> {
    let ahead = at.saturating_add(SignedDuration::from_hours(48));
    let bans = spans(bans, q, at, ahead.unwrap_or(at));
    bans.map(|ban| ban.from).min()
}

/// The bans of all zones that end after `from`, up to the day of `to`.
fn spans<'a>(
    bans: impl Iterator<Item = &'a Inconvenient> + Clone,
    q: &Question<'_>,
    from: Timestamp,
    to: Timestamp,
) -> impl Iterator<Item = Window> {
    let spans = q.zones().flat_map(move |zone| {
        let bans = bans.clone();
        let last = zone.date(to);
        let days = std::iter::successors(Some(add_days(zone.date(from), -1)), |d| {
            Some(add_days(*d, 1))
        });
        days.take_while(move |day| *day <= last)
            .flat_map(move |day| {
                let of = move |ban: &'a Inconvenient| span(zone, ban, day);
                bans.clone().filter_map(of)
            })
    });
    spans.filter(move |ban| from < ban.to)
}

fn span(zone: &Zone, ban: &Inconvenient, day: Date) -> Option<Window> {
    let weekday = day.weekday().to_monday_one_offset();
    if !ban.days.is_empty() && !ban.days.contains(&weekday) {
        return None;
    }
    let (last, to) = match ban.to {
        Some(to) if to > ban.from => (day, to),
        Some(to) => (add_days(day, 1), to),
        None => (add_days(day, 1), Time::midnight()),
    };
    let from = zone.instant(day, ban.from);
    let to = zone.later_instant(last, to)?;
    (from < to).then_some(Window { from, to })
}
