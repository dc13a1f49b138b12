//! Corrections: what the journal says of a number or address once an outcome turns out to be another.

use crate::ids::{ContactId, KeyedHash};
use crate::journal::{ContactEvent, Entry, What};
use crate::outcome::Outcome;
use crate::party::{self, Party, PartyEvent, PointState, Taught};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What all contacts with a person have taught of `point`, where the outcome of `contact` is `outcome` of `at`
/// instead of what was told before. `entries` are all of the person, oldest first. What other contacts, replies
/// and the lender said of the point stays: a correction lifts only what the wrong outcome had set.
#[must_use]
pub fn taught(
    entries: &[&Entry],
    contact: ContactId,
    outcome: Outcome,
    at: Timestamp,
    point: KeyedHash,
) -> Option<Taught> {
    let mut corrected: BTreeMap<ContactId, Option<(Outcome, Timestamp)>> = BTreeMap::new();
    for entry in entries {
        if let What::Contact {
            id,
            event: ContactEvent::Corrected { outcome, at, .. },
            ..
        } = &entry.what
        {
            corrected.insert(*id, Some((*outcome, *at)));
        }
    }
    corrected.insert(contact, Some((outcome, at)));
    let mut person: Option<Party> = None;
    for entry in entries {
        match (&entry.what, &mut person) {
            (
                What::Party {
                    event: PartyEvent::Upserted(told),
                    ..
                },
                None,
            ) => person = Some((**told).clone()),
            (What::Party { event, .. }, Some(person)) => party::apply(person, event, entry.at),
            (What::Contact { id, event, .. }, Some(person)) => {
                let Some((told, when, of)) = outcome_of(event) else {
                    continue;
                };
                match corrected.get_mut(id) {
                    None => person.learn(of, told, when),
                    // What was told of it first stands for all that was; later words of it are overtaken.
                    Some(right) => {
                        if let Some((right, at)) = right.take() {
                            // Days are counted in the order of the journal: one that lies ahead of the entry
                            // would keep the days between from counting.
                            person.learn(of, right, at.min(when));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    let person = person?;
    // Of a number that is told no more it is known alone whether it is somebody else's.
    let told_no_more = Taught {
        state: match person.gone.contains(&point) {
            true => PointState::WrongNumber,
            false => PointState::Usable,
        },
        failed_days: 0,
        failed_on: None,
    };
    Some(person.taught(point).unwrap_or(told_no_more))
}

fn outcome_of(event: &ContactEvent) -> Option<(Outcome, Timestamp, KeyedHash)> {
    match event {
        ContactEvent::Learned { outcome, point, at }
        | ContactEvent::Settled {
            outcome, point, at, ..
        } => point.map(|point| (*outcome, *at, point)),
        _ => None,
    }
}
