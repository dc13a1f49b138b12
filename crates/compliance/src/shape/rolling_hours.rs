//! At most so many contacts in any so many hours: the clock's reading of a limit, not the calendar's.

use super::counting::Counted;
use super::{Answer, Rank};
use crate::numbers::{Numbers, Within};
use crate::question::{Moment, Question};
use crate::rule::Scope;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use std::num::{NonZeroU16, NonZeroUsize};

/// `max` includes the proposed contact. A contact leaves the count exactly `hours` after it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollingHours {
    hours: NonZeroU16,
    max: NonZeroUsize,
    count: Counted,
}

impl RollingHours {
    pub(super) const RANK: Rank = Rank::Frequency;

    /// The number in force.
    pub(super) fn limit(&self) -> Numbers {
        let max = u32::try_from(self.max.get()).unwrap_or(u32::MAX);
        Numbers::AtMost(vec![(max, Within::Hours(self.hours.get()))])
    }

    pub(super) fn judge(&self, q: &Question<'_>, scope: Scope, m: &Moment<'_>) -> Answer {
        if !self.is_full(q, scope, m.at) {
            let until = self.times(q, scope, m.at).map(|t| self.reaches(t));
            let until = until.filter(|t| *t > m.at).min();
            return until.map_or(Answer::ALWAYS, |until| Answer::Open { until });
        }
        // The count falls only where a contact leaves it.
        let mut at = m.at;
        loop {
            let leaves = self.times(q, scope, m.at).map(|t| plus(t, self.length()));
            match leaves.filter(|t| *t > at).min() {
                None => return Answer::NEVER,
                Some(next) if !self.is_full(q, scope, next) => return Answer::shut_until(next),
                Some(next) => at = next,
            }
        }
    }

    /// Whether some span of the length that holds `at` has `max` others. The fullest span begins at a
    /// contact, or at `at` itself.
    fn is_full(&self, q: &Question<'_>, scope: Scope, at: Timestamp) -> bool {
        let length = self.length();
        let behind = |t: &Timestamp| *t <= at && at < plus(*t, length);
        let begins = self.times(q, scope, at).filter(behind);
        begins.chain([at]).any(|from| {
            let inside = |t: &Timestamp| from <= *t && *t < plus(from, length);
            self.times(q, scope, at).filter(inside).count() >= self.max.get()
        })
    }

    /// The least start whose span reaches a contact at `t` that lies ahead.
    fn reaches(&self, t: Timestamp) -> Timestamp {
        plus(t, SignedDuration::from_nanos(1) - self.length())
    }

    /// When contacts that count took or take effect: all that a span that holds `at` or begins later can hold.
    fn times<'a>(
        &'a self,
        q: &'a Question<'_>,
        scope: Scope,
        at: Timestamp,
    ) -> impl Iterator<Item = Timestamp> + 'a {
        let since = q.since(plus(at, -self.length()));
        let counted = since.filter(move |c| self.count.counts(c, q, scope));
        counted.map(|c| c.effect.from)
    }

    fn length(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.hours.get()))
    }
}

fn plus(at: Timestamp, length: SignedDuration) -> Timestamp {
    at.saturating_add(length).unwrap_or(at)
}
