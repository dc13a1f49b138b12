//! One-shot exceptions: what a rule lets through all the same, once.

use crate::proposal::Purpose;
use crate::question::Question;
use jiff::{SignedDuration, Timestamp};
use recoup_domain::past::Direction;
use serde::Deserialize;
use std::num::NonZeroU8;

/// A contact of `purpose` is excepted; with `once_after`, only the first by its medium since then, and with
/// `within_hours` only if that is no longer ago when the gate is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exception {
    purpose: Purpose,
    #[serde(default)]
    once_after: Option<Since>,
    #[serde(default)]
    within_hours: Option<NonZeroU8>,
}

/// What lets one contact through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Since {
    /// The person came to us by this medium.
    Inbound,
    /// The person opted out of this medium.
    OptOut,
}

impl Exception {
    /// Whether the proposal is excepted. The answer is the same for every candidate start.
    pub(crate) fn covers(self, q: &Question<'_>) -> bool {
        let fresh = |at: Timestamp| {
            let age = q.now.duration_since(at);
            self.within_hours
                .is_none_or(|h| age <= SignedDuration::from_hours(i64::from(h.get())))
        };
        let open = |since: Since| since.at(q).is_some_and(|at| fresh(at) && !spent(q, at));
        self.purpose == q.proposal.purpose && self.once_after.is_none_or(open)
    }
}

impl Since {
    fn at(self, q: &Question<'_>) -> Option<Timestamp> {
        let p = q.proposal;
        match self {
            Self::Inbound => q
                .ever()
                .filter(|c| c.direction == Direction::Inbound && c.class == p.class)
                .map(|c| c.at)
                .filter(|at| *at <= q.now)
                .max(),
            Self::OptOut => {
                let point = p.point.map(|point| point.key);
                let covering = p.party.opt_outs.iter();
                covering
                    .filter(|o| o.covers(p.class, point))
                    .map(|o| o.at)
                    .max()
            }
        }
    }
}

/// Whether a contact by the same medium went out since. One that was proven not sent did not.
fn spent(q: &Question<'_>, since: Timestamp) -> bool {
    q.ever().any(|c| {
        c.direction == Direction::Outbound
            && c.class == q.proposal.class
            && c.at >= since
            && c.counted().is_some()
    })
}
