//! No contact on a range of calendar days.

use super::{Answer, Rank};
use crate::numbers::Numbers;
use crate::question::{Moment, Question};
use crate::rule::Scope;
use jiff::Timestamp;
use jiff::civil::Date;
use recoup_domain::time::{Window, add_days};
use serde::Deserialize;

/// Days on which nothing may take effect, in the person's first zone.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pause {
    /// The same for everybody.
    Dates(Vec<Span>),
    /// Up to the last protected day of the person's moratorium.
    Moratorium(Until),
}

/// First and last day, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawSpan")]
pub(crate) struct Span {
    from: Date,
    to: Date,
}

/// Which fact of the person ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Until {
    /// The last protected day.
    LastProtectedDay,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSpan {
    from: Date,
    to: Date,
}

impl TryFrom<RawSpan> for Span {
    type Error = String;
    fn try_from(RawSpan { from, to }: RawSpan) -> Result<Self, String> {
        if from <= to {
            Ok(Self { from, to })
        } else {
            Err(format!(
                "the pause ends on {to}, before it begins on {from}"
            ))
        }
    }
}

impl Pause {
    pub(super) const RANK: Rank = Rank::Pause;

    /// A pause on other dates, where it has dates and some are given.
    pub(super) fn on_dates(&self, dates: &[(Date, Date)]) -> Option<Self> {
        let span = |(from, to): &(Date, Date)| Span {
            from: *from,
            to: *to,
        };
        let replaced = matches!(self, Self::Dates(_)) && !dates.is_empty();
        replaced.then(|| Self::Dates(dates.iter().map(span).collect()))
    }

    /// The days in force, where they are the same for everybody.
    pub(super) fn limit(&self) -> Option<Numbers> {
        let Self::Dates(spans) = self else {
            return None;
        };
        Some(Numbers::NotOn(
            spans.iter().map(|s| (s.from, s.to)).collect(),
        ))
    }

    #[inline]
    pub(super) fn judge(&self, q: &Question<'_>, _: Scope, m: &Moment<'_>) -> Answer {
        match self {
            Self::Moratorium(Until::LastProtectedDay) => match q.proposal.party.moratorium_until {
                Some(last) if m.day.date() <= last => {
                    Answer::shut_until(q.home.start_of_day(add_days(last, 1)))
                }
                _ => Answer::ALWAYS,
            },
            Self::Dates(spans) => judge_dates(spans, q, m),
        }
    }
}

fn judge_dates(spans: &[Span], q: &Question<'_>, m: &Moment<'_>) -> Answer {
    let instants = |span: &Span| Window {
        from: q.home.start_of_day(span.from),
        to: q.home.start_of_day(add_days(span.to, 1)),
    };
    let ahead = |at: Timestamp| spans.iter().map(instants).filter(move |span| at < span.to);
    let meets = |at: Timestamp| {
        let effect = q.window_at(at);
        let mut met = ahead(at).filter(|span| span.from < effect.to || span.from <= at);
        met.next().map(|span| span.to)
    };
    let Some(mut next) = meets(m.at) else {
        let until = ahead(m.at).map(|span| span.from).min();
        return until.map_or(Answer::ALWAYS, |until| Answer::Open { until });
    };
    // Each step ends one span for good, so there are no more steps than spans.
    while let Some(later) = meets(next) {
        next = later;
    }
    Answer::shut_until(next)
}
