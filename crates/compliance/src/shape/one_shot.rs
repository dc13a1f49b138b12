//! One-shot exceptions: what a rule lets through all the same, once.

use crate::proposal::Purpose;
use crate::question::Question;
use jiff::Timestamp;
use recoup_domain::past::Direction;
use serde::Deserialize;

/// A contact of `purpose` is excepted; with `once_after`, only the first by its medium since then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exception {
    purpose: Purpose,
    #[serde(default)]
    once_after: Option<Since>,
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
    /// Whether the proposal is excepted. Time does not change the answer.
    pub(crate) fn covers(self, q: &Question<'_>) -> bool {
        self.purpose == q.proposal.purpose
            && self
                .once_after
                .is_none_or(|since| since.at(q).is_some_and(|at| !spent(q, at)))
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
