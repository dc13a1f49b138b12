//! A fact of the person, the point or the case that forbids, for as long as it stands.

use super::{Answer, Rank};
use crate::question::{Moment, Question};
use crate::rule::Scope;
use recoup_domain::contact::ContactClass;
use recoup_domain::party::{ContactPoint, Dispute, OptOut, PointKind, PointOwner, PointState};
use recoup_domain::past::{Direction, PastContact};
use serde::Deserialize;

/// The facts a rule can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StateFlag {
    /// The person opted out of the medium or the number.
    OptedOut,
    /// The person asked not to be contacted at this very number, address or place, by whatever medium.
    PointDeclined,
    /// The person opted out of calls or of texts, at any number: either stops both.
    OptedOutOfCallsOrTexts,
    /// It is a mailbox at work, and the person never wrote to us from it about this debt.
    WorkMailbox,
    /// The person asked to stop contact, orally or in writing; or the debtor did and somebody else is
    /// to be contacted about the debt.
    Ceased,
    /// The person asked to stop contact in writing.
    CeasedInWriting,
    /// The number or address is somebody else's, or does not exist.
    PointUnusable,
    /// The person died.
    Deceased,
    /// The person, who does not owe the debt, asked to be left alone.
    Refused,
    /// An attorney represents the person in this debt, answers, and does not consent.
    Represented,
    /// An attorney represents the debtor, who is not the one contacted: say in `relations` whom it binds.
    DebtorRepresented,
    /// The employer forbids contact at work.
    EmployerProhibits,
    /// The debt is disputed in writing and was not verified yet.
    DisputeUnverified,
    /// Suit on the debt is barred by time.
    TimeBarred,
}

impl StateFlag {
    pub(super) const RANK: Rank = Rank::Indefinite;

    #[inline]
    pub(super) fn judge(self, q: &Question<'_>, _: Scope, _: &Moment<'_>) -> Answer {
        Answer::for_good(!self.stands(q))
    }

    fn stands(self, q: &Question<'_>) -> bool {
        let p = q.proposal;
        let party = p.party;
        match self {
            Self::OptedOut => {
                let point = p.point.map(|point| point.key);
                party.opt_outs.iter().any(|o| o.covers(p.class, point))
            }
            Self::PointDeclined => p.point.is_some_and(|at| {
                let declined = |o: &OptOut| o.point == Some(at.key);
                party.opt_outs.iter().any(declined)
            }),
            Self::OptedOutOfCallsOrTexts => {
                let spoken = [ContactClass::Phone, ContactClass::Sms];
                let either = |o: &OptOut| o.class.is_none_or(|class| spoken.contains(&class));
                party.opt_outs.iter().any(either)
            }
            Self::WorkMailbox => p.point.is_some_and(|at| {
                at.kind == PointKind::Email
                    && at.owner == PointOwner::Workplace
                    && !q.ever().any(|c| came_from(c, at, q))
            }),
            Self::Ceased => {
                party.has_ceased(p.debt, false) || (p.debtor.ceased && !p.relation.is_obligor())
            }
            Self::CeasedInWriting => party.has_ceased(p.debt, true),
            Self::PointUnusable => p.point.is_some_and(|at| at.state != PointState::Usable),
            Self::Deceased => party.deceased,
            Self::Refused => party.refused && !p.relation.is_obligor(),
            Self::Represented => party
                .attorneys
                .iter()
                .any(|a| a.case.is_none_or(|id| id == p.debt) && !a.unresponsive && !a.consents),
            Self::DebtorRepresented => p.debtor.represented,
            Self::EmployerProhibits => party.employer_prohibits,
            Self::DisputeUnverified => p.case.dispute == Some(Dispute::WrittenUnverified),
            Self::TimeBarred => p.case.time_barred,
        }
    }
}

/// Whether the person came to us from `point` about this debt.
fn came_from(contact: &PastContact, point: &ContactPoint, q: &Question<'_>) -> bool {
    contact.direction == Direction::Inbound
        && contact.point == Some(point.key)
        && contact.at <= q.now
        && contact.concerns(q.proposal.debt)
}
