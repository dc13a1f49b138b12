//! No contact on a range of calendar days.

use super::{Answer, Rank};
use crate::question::{Moment, Question};
use crate::rule::Scope;
use jiff::Timestamp;
use jiff::civil::Date;
use recoup_domain::time::add_days;
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

    pub(super) const fn days(&self) -> i32 {
        0
    }

    /// A pause on other dates, where it has dates and some are given.
    pub(super) fn on_dates(&self, dates: &[(Date, Date)]) -> Option<Self> {
        let span = |(from, to): &(Date, Date)| Span {
            from: *from,
            to: *to,
        };
        let replaced = matches!(self, Self::Dates(_)) && !dates.is_empty();
        replaced.then(|| Self::Dates(dates.iter().map(span).collect()))
    }

    pub(super) fn judge(&self, q: &Question<'_>, _: Scope, m: &Moment) -> Answer {
        match self {
            Self::Moratorium(Until::LastProtectedDay) => match q.proposal.party.moratorium_until {
                Some(last) if m.day <= last => {
                    Answer::shut_until(q.home.start_of_day(add_days(last, 1)))
                }
                _ => Answer::ALWAYS,
            },
            Self::Dates(spans) => judge_dates(spans, q, m),
        }
    }
}

fn judge_dates(spans: &[Span], q: &Question<'_>, m: &Moment) -> Answer {
    let meets = |at: Timestamp| {
        let window = q.window_at(at);
        spans.iter().find_map(|span| {
            let from = q.home.start_of_day(span.from);
            let to = q.home.start_of_day(add_days(span.to, 1));
            let touches = at < to && (from < window.to || from <= at);
            touches.then_some(to)
        })
    };
    let Some(mut next) = meets(m.at) else {
        let later = spans.iter().map(|s| q.home.start_of_day(s.from));
        let until = later.filter(|from| *from > m.at).min();
        return until.map_or(Answer::ALWAYS, |until| Answer::Open { until });
    };
    // Each step ends one span for good, so there are no more steps than spans.
    while let Some(later) = meets(next) {
        next = later;
    }
    Answer::shut_until(next)
}
