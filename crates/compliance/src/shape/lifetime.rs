//! At most so many contacts, ever.

use super::counting::Counted;
use super::{Answer, Rank};
use crate::numbers::{Numbers, Within};
use crate::question::{Moment, Question};
use crate::rule::Scope;
use serde::Deserialize;
use std::num::NonZeroUsize;

/// `max` includes the proposed contact; no passing of time makes room for another.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lifetime {
    max: NonZeroUsize,
    count: Counted,
}

impl Lifetime {
    pub(super) const RANK: Rank = Rank::Indefinite;

    /// The number in force.
    pub(super) fn limit(&self) -> Numbers {
        let max = u32::try_from(self.max.get()).unwrap_or(u32::MAX);
        Numbers::AtMost(vec![(max, Within::Ever)])
    }

    pub(super) fn judge(&self, q: &Question<'_>, scope: Scope, _: &Moment<'_>) -> Answer {
        let made = q.ever().filter(|c| self.count.counts(c, q, scope)).count();
        Answer::for_good(made < self.max.get())
    }
}
