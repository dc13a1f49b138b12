//! No contact for some local calendar days after something happened.

use super::counting::{ConsentSpan, Counted, Limit};
use super::{Answer, Rank};
use crate::numbers::Numbers;
use crate::question::{Moment, Question};
use crate::rule::Scope;
use serde::Deserialize;
use std::num::NonZeroU8;

/// The day on which it happened is the first of the `days`.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CoolDown {
    days: NonZeroU8,
    after: Counted,
    /// Contacts under this consent need not wait. What happened under it counts all the same.
    #[serde(default)]
    unless_consent: Option<ConsentSpan>,
}

impl CoolDown {
    pub(super) const RANK: Rank = Rank::Frequency;

    /// The number in force.
    pub(super) fn limit(&self) -> Numbers {
        Numbers::Apart(self.days.get())
    }

    #[inline]
    pub(super) fn judge(&self, q: &Question<'_>, scope: Scope, m: &Moment<'_>) -> Answer {
        let limit = Limit {
            counted: &self.after,
            days: self.days.get().into(),
            max: 1,
            looks_ahead: false,
            unless: self.unless_consent,
            consented_count: true,
        };
        limit.judge(q, scope, m)
    }
}
