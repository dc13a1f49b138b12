//! Twins: one party of one case gets the same template twice on one local day, whatever the ids.
//!
//! A retry whose predecessor is proven not sent is no twin, because the predecessor then has no
//! effect receipt; if it has one, the proof was wrong and the two are twins. Nor is a visit that
//! was cancelled before it began, or a contact that went to an address which proved to be nobody's
//! and was then made at another one.

use std::collections::BTreeMap;

use crate::facts::{Facts, Seen};
use crate::instant::Micros;
use crate::ledger::Slot;
use crate::log::{Channel, Outcome};
use crate::verdict::{Kind, Violation};

const NOBODY: [Outcome; 3] = [
    Outcome::WrongNumber,
    Outcome::NotInService,
    Outcome::InvalidAddress,
];

struct One<'a> {
    slot: &'a Slot,
    seen: &'a Seen,
    at: Micros,
}

/// All twins. A slot that reached the person twice itself is a double, not a twin.
pub fn check(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    let mut groups: BTreeMap<(usize, usize, &str, i64), Vec<One<'_>>> = BTreeMap::new();
    for (index, slot, _) in facts.slots() {
        let seen = &facts.seen[index];
        let Some(first) = facts.effects(seen).next() else {
            continue;
        };
        if taken_back(facts, slot, seen) {
            continue;
        }
        let day = first.at.local(facts.party(slot).first_zone()).day;
        let group = (slot.case, slot.party, slot.template.as_str(), day);
        groups.entry(group).or_default().push(One {
            slot,
            seen,
            at: first.at,
        });
    }
    for mut group in groups.into_values().filter(|group| group.len() > 1) {
        group.sort_by_key(|one| one.at);
        for pair in group.windows(2) {
            if !moved_on(facts, &pair[0], &pair[1]) {
                found.push(twin(facts, &pair[0], &pair[1]));
            }
        }
    }
}

fn taken_back(facts: &Facts<'_>, slot: &Slot, seen: &Seen) -> bool {
    match slot.channel {
        Channel::Visit => seen
            .appointment(facts.log, slot)
            .is_some_and(|(from, _)| seen.cancelled_by(from)),
        _ => !seen.cancels.is_empty() || seen.only(&[Outcome::Cancelled]),
    }
}

/// Whether the earlier one reached nobody and the later one went elsewhere.
fn moved_on(facts: &Facts<'_>, earlier: &One<'_>, later: &One<'_>) -> bool {
    let dests = (earlier.seen.dests(facts.log), later.seen.dests(facts.log));
    earlier.seen.only(&NOBODY) && dests.0.is_disjoint(&dests.1)
}

fn twin(facts: &Facts<'_>, earlier: &One<'_>, later: &One<'_>) -> Violation {
    let zone = facts.party(later.slot).first_zone();
    let text = format!(
        "template {:?} reached this party at {} and already at {} as contact {}",
        later.slot.template,
        later.at.show(zone),
        earlier.at.show(zone),
        earlier.slot.contact,
    );
    Violation::of(facts, later.slot, Kind::Twin, text)
}
