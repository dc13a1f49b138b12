//! What must be ready before a contact.

use super::{Answer, Rank};
use crate::question::{Moment, Question};
use crate::rule::Scope;
use serde::Deserialize;

/// The duties a rule can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Duty {
    /// The documents of the case make a complete evidence pack.
    EvidencePack,
    /// At least so many collectors with valid credentials go.
    QualifiedCollectors(std::num::NonZeroU8),
    /// The person contacted asked for this contact.
    RequestedByPerson,
    /// Forbearance was offered or considered, and that is on record.
    Forbearance,
}

impl Duty {
    pub(super) const RANK: Rank = Rank::Indefinite;

    #[inline]
    pub(super) fn judge(self, q: &Question<'_>, _: Scope, _: &Moment<'_>) -> Answer {
        Answer::for_good(match self {
            Self::EvidencePack => q.proposal.case.evidence_pack,
            Self::RequestedByPerson => q.proposal.requested_by_person,
            Self::Forbearance => q.proposal.case.forbearance,
            Self::QualifiedCollectors(min) => q.proposal.qualified_collectors >= min.get(),
        })
    }
}
