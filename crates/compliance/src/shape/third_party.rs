//! Contact with somebody who does not owe the debt, unless something allows it.

use super::{Answer, Rank};
use crate::proposal::{Audience, DebtorFacts, Proposal, Purpose};
use crate::question::{Moment, Question};
use crate::rule::Scope;
use crate::sets::Set;
use recoup_domain::party::Relation;
use serde::Deserialize;

/// Somebody else may be contacted if their relation, the purpose, or a fact of the debtor allows it; never
/// if they asked to be left alone.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThirdParty {
    /// These may always be contacted, even after a refusal: they owe the debt or stand for who does.
    allow_relations: Set<Relation>,
    /// Contacts of these purposes are allowed.
    #[serde(default)]
    allow_purposes: Vec<Purpose>,
    /// Contacts are allowed while one of these holds of the debtor.
    #[serde(default)]
    allow_if: Vec<DebtorIs>,
    /// Contacts allowed by `allow_if` must have one of these purposes; none means any.
    #[serde(default)]
    only_purposes: Vec<Purpose>,
    /// But these relations, who are near to the debt, are not held to `only_purposes`.
    #[serde(default)]
    any_purpose_for: Option<Set<Relation>>,
}

/// What can be true of the debtor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DebtorIs {
    /// No number works any more.
    Unreachable,
    /// Dead.
    Deceased,
    /// Without or with limited capacity.
    Incapacitated,
}

impl ThirdParty {
    pub(super) const RANK: Rank = Rank::Indefinite;

    #[inline]
    pub(super) fn judge(&self, q: &Question<'_>, _: Scope, _: &Moment<'_>) -> Answer {
        let p = q.proposal;
        let open = if p.audience != Audience::ThirdParty || self.allow_relations.has(p.relation) {
            true
        } else {
            let allowed = self.allow_purposes.contains(&p.purpose)
                || (self.allow_if.iter().any(|is| is.holds(p.debtor)) && self.suits(p));
            allowed && !p.party.refused
        };
        Answer::for_good(open)
    }
}

impl ThirdParty {
    fn suits(&self, p: &Proposal<'_>) -> bool {
        self.only_purposes.is_empty()
            || self.only_purposes.contains(&p.purpose)
            || self
                .any_purpose_for
                .is_some_and(|near| near.has(p.relation))
    }
}

impl DebtorIs {
    const fn holds(self, debtor: DebtorFacts) -> bool {
        match self {
            Self::Unreachable => debtor.unreachable,
            Self::Deceased => debtor.deceased,
            Self::Incapacitated => debtor.incapacitated,
        }
    }
}
