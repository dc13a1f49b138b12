//! At most so many contacts on one local calendar day.

use super::counting::{ConsentSpan, Counted, Limit};
use super::{Answer, Rank};
use crate::numbers::{Numbers, Within};
use crate::question::{Moment, Question};
use crate::rule::Scope;
use serde::Deserialize;
use std::num::NonZeroU32;

/// `max` includes the proposed contact.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CalendarDay {
    max: NonZeroU32,
    count: Counted,
    /// Contacts under this consent are neither limited nor counted.
    #[serde(default)]
    unless_consent: Option<ConsentSpan>,
}

impl CalendarDay {
    pub(super) const RANK: Rank = Rank::Frequency;

    /// The number in force.
    pub(super) fn limit(&self) -> Numbers {
        Numbers::AtMost(vec![(self.max.get(), Within::Day)])
    }

    #[inline]
    pub(super) fn judge(&self, q: &Question<'_>, scope: Scope, m: &Moment<'_>) -> Answer {
        let limit = Limit {
            counted: &self.count,
            days: 1,
            max: self.max.get(),
            looks_ahead: true,
            unless: self.unless_consent,
            consented_count: false,
        };
        limit.judge(q, scope, m)
    }
}
