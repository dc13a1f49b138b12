//! Past contacts as gate and policy read them: flat, sorted by time, without personal data.

use crate::contact::{Contact, ContactClass, ContactState};
use crate::ids::{CaseId, ContactId, KeyedHash, PartyId};
use crate::outcome::Outcome;
use crate::time::Window;
use jiff::Timestamp;

/// Who began a contact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The person came to us.
    Inbound,
    /// We went to the person.
    Outbound,
}

/// A contact that was made (or is under way), or came in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PastContact {
    /// The contact, none for an inbound one or one of before the import.
    pub id: Option<ContactId>,
    /// When it was made: of the intent for our own.
    pub at: Timestamp,
    /// When its effect lies; caps are booked on the local day of `effect.from`.
    pub effect: Window,
    /// The kind.
    pub class: ContactClass,
    /// Who began it.
    pub direction: Direction,
    /// The debt, or the first of several.
    pub debt: CaseId,
    /// Further debts that were subject of the same contact.
    pub more_debts: Box<[CaseId]>,
    /// Who was contacted.
    pub party: PartyId,
    /// The number or address.
    pub point: Option<KeyedHash>,
    /// What came of it; none while it is under way.
    pub outcome: Option<Outcome>,
    /// Where it stands; none for inbound ones.
    pub state: Option<ContactState>,
    /// Stage and step of the policy it belongs to.
    pub place: Option<(u8, u8)>,
}

impl PastContact {
    /// Whether `debt` was a subject.
    #[must_use]
    #[inline]
    pub fn concerns(&self, debt: CaseId) -> bool {
        self.debt == debt || self.more_debts.contains(&debt)
    }

    /// The outcome for counting: a contact that is under way or doubtful counts as unknown; one that was
    /// never sent has none and counts for nothing.
    #[must_use]
    #[inline]
    pub fn counted(&self) -> Option<Outcome> {
        use ContactState as S;
        match self.state {
            Some(
                S::Planned | S::Suppressed | S::Expired | S::RejectedProven | S::ProvenNotSent,
            ) => None,
            Some(S::Cancelled) => Some(Outcome::Cancelled),
            _ => Some(self.outcome.unwrap_or(Outcome::Unknown)),
        }
    }

    /// Whether it counts as made (`contacts.<channel>.made`).
    #[must_use]
    #[inline]
    pub fn is_made(&self) -> bool {
        self.direction == Direction::Outbound && self.counted().is_some_and(|o| o.meaning().attempt)
    }

    /// Whether its effect is proven (`contacts.<channel>.completed`).
    #[must_use]
    #[inline]
    pub fn is_completed(&self) -> bool {
        self.direction == Direction::Outbound
            && self.outcome.is_some_and(|o| o.meaning().effect_proven)
    }
}

impl From<&Contact> for PastContact {
    fn from(c: &Contact) -> Self {
        Self {
            id: Some(c.id),
            at: c.intent_at.unwrap_or(c.planned_at),
            effect: c.effect,
            class: c.class,
            direction: Direction::Outbound,
            debt: c.id.case,
            more_debts: Box::default(),
            party: c.party,
            point: c.point,
            outcome: c.outcome,
            state: Some(c.state),
            place: c.place.as_ref().map(|p| (p.stage, p.step)),
        }
    }
}
