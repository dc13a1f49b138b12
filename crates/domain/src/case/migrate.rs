//! Migration: a running case goes on under another policy version. What was made stays made: a contact belongs to
//! the step that its own became.

use super::{Case, CaseEvent, PolicyPin, Refusal};
use crate::past::PastContact;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A stage and step with those that they became, each by number.
pub type Became = ((u8, u8), (u8, u8));

/// How a case goes on under another policy version.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PolicyMove {
    /// The version it was pinned to.
    pub from: PolicyPin,
    /// The version it is pinned to from now on.
    pub to: PolicyPin,
    /// Names of the stage it stood in, and of the one that became of it. Empty for none.
    pub stage_names: (String, String),
    /// The number of the latter; none where the case is in no stage until it is decided.
    pub stage: Option<u8>,
    /// Contacts with a lower number were planned under versions before.
    pub below: u32,
    /// Stage and step of such contacts, by their number before, with what each became. One that is not among them
    /// became nothing.
    pub places: Vec<Became>,
    /// Steps that stay passed over, by their number now.
    pub skipped: Vec<(u8, u8)>,
}

/// A move that a case has behind it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Moved {
    /// When.
    pub at: Timestamp,
    /// The version it was pinned to until then.
    pub from: PolicyPin,
    /// See [`PolicyMove::below`].
    pub below: u32,
    /// See [`PolicyMove::places`].
    pub places: Vec<Became>,
}

impl Moved {
    pub(super) fn of(policy_move: &PolicyMove, at: Timestamp) -> Self {
        Self {
            at,
            from: policy_move.from.clone(),
            below: policy_move.below,
            places: policy_move.places.clone(),
        }
    }

    fn place(&self, place: (u8, u8)) -> Option<(u8, u8)> {
        let mut all = self.places.iter();
        all.find(|(before, _)| *before == place)
            .map(|(_, now)| *now)
    }
}

impl Case {
    /// Stage and step, in the policy version that the case runs under now, of a contact of it; none for one by hand,
    /// and for one whose step became nothing.
    #[must_use]
    #[inline]
    pub fn place_of(&self, contact: &PastContact) -> Option<(u8, u8)> {
        let place = contact.place?;
        let own = contact.id.filter(|id| id.case == self.id);
        let Some(id) = own.filter(|_| !self.moved.is_empty()) else {
            return Some(place);
        };
        place_after(&self.moved, id.seq, place)
    }

    /// Since when it runs under its policy version.
    #[must_use]
    pub fn policy_since(&self) -> Timestamp {
        self.moved.last().map_or(self.opened_at, |m| m.at)
    }
}

/// What became of the place of contact `seq` in all moves that it has behind it.
fn place_after(moved: &[Moved], seq: u32, place: (u8, u8)) -> Option<(u8, u8)> {
    let mut behind = moved.iter().filter(|m| seq < m.below);
    behind.try_fold(place, |place, m| m.place(place))
}

/// Moves a case to another policy version.
///
/// # Errors
/// Where it is closed.
pub fn move_policy(case: &Case, policy_move: PolicyMove) -> Result<Vec<CaseEvent>, Refusal> {
    case.must_be_open()?;
    Ok(vec![CaseEvent::PolicyMoved(Box::new(policy_move))])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(below: u32, places: &[Became]) -> Moved {
        Moved {
            at: Timestamp::UNIX_EPOCH,
            from: PolicyPin {
                name: "p".into(),
                version: 1,
                hash: String::new(),
                arm: String::new(),
            },
            below,
            places: places.to_vec(),
        }
    }

    #[test]
    fn a_place_goes_through_every_move_behind_it() {
        // Three contacts before the first move, two between the moves, one since.
        let first = moved(4, &[((0, 0), (1, 0)), ((1, 0), (2, 1))]);
        let second = moved(6, &[((1, 0), (0, 3))]);
        let all = [first, second];
        let now = |seq: u32, place| place_after(&all, seq, place);
        assert_eq!(now(1, (0, 0)), Some((0, 3)), "both moves");
        assert_eq!(now(3, (1, 0)), None, "the second move gave it up");
        assert_eq!(now(3, (7, 7)), None, "the first one did");
        assert_eq!(now(4, (1, 0)), Some((0, 3)), "the second alone");
        assert_eq!(now(6, (1, 0)), Some((1, 0)), "neither");
    }
}
