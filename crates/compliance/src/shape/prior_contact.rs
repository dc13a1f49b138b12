//! A contact that may only follow another one.

use super::counting::Counted;
use super::{Answer, Rank};
use crate::question::{Moment, Question};
use crate::rule::Scope;
use serde::Deserialize;

/// Some past contact of this kind must have taken effect before.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriorContact {
    of: Counted,
}

impl PriorContact {
    pub(super) const RANK: Rank = Rank::Indefinite;

    pub(super) fn judge(&self, q: &Question<'_>, scope: Scope, m: &Moment<'_>) -> Answer {
        let first = q
            .ever()
            .filter(|c| self.of.counts(c, q, scope))
            .map(|c| c.effect.from)
            .min();
        match first {
            Some(at) if at < m.at => Answer::ALWAYS,
            // Made already, with its effect ahead: the least start after it.
            Some(at) => Answer::Shut {
                next: at.checked_add(jiff::SignedDuration::from_nanos(1)).ok(),
            },
            None => Answer::NEVER,
        }
    }
}
