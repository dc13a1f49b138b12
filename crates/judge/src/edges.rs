//! The state table: a contact's history has no way back.

use crate::facts::Facts;
use crate::ledger::{Slot, State, Step};
use crate::verdict::{Kind, Violation};

/// All histories that leave the state table, one violation a contact.
pub fn check(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    for (_, slot, _) in facts.slots() {
        if let Err(text) = history(slot) {
            found.push(Violation::of(facts, slot, Kind::BadEdge, text));
        }
    }
}

fn history(slot: &Slot) -> Result<(), String> {
    let (Some(first), Some(last)) = (slot.states.first(), slot.states.last()) else {
        return Err("has no history of states".to_owned());
    };
    if !matches!(first.state, State::Planned | State::Dispatching) {
        return Err(format!(
            "begins as {:?}; it must be planned or dispatching",
            first.state
        ));
    }
    slot.states
        .windows(2)
        .try_for_each(|pair| edge(pair[0], pair[1]))?;
    if last.state != slot.state {
        return Err(format!(
            "is {:?} now, but its history ends {:?}",
            slot.state, last.state
        ));
    }
    match (slot.intent_at, slot.reached(State::Dispatching)) {
        (Some(at), false) => Err(format!(
            "has an intent of {} but was never dispatching",
            at.show_utc()
        )),
        (None, true) => Err("was dispatching without an intent".to_owned()),
        _ => Ok(()),
    }
}

fn edge(from: Step, to: Step) -> Result<(), String> {
    if !permitted(from.state, to.state) {
        return Err(format!(
            "went from {:?} to {:?} at {}, which the state table does not have",
            from.state,
            to.state,
            to.at.show_utc()
        ));
    }
    if to.at < from.at {
        return Err(format!(
            "became {:?} at {}, before it became {:?} at {}",
            to.state,
            to.at.show_utc(),
            from.state,
            from.at.show_utc()
        ));
    }
    Ok(())
}

fn permitted(from: State, to: State) -> bool {
    use State::{
        Accepted, CancelUnknown, Cancelled, Cancelling, Dispatching, Effected, Expired, Failed,
        Planned, ProvenNotSent, RejectedProven, Suppressed, Unknown,
    };
    match from {
        Planned => matches!(to, Dispatching | Suppressed | Expired | Cancelled),
        Dispatching => matches!(to, Accepted | RejectedProven | ProvenNotSent | Unknown),
        Accepted => matches!(to, Effected | Failed | Cancelling),
        Cancelling => matches!(to, Cancelled | CancelUnknown | Effected),
        Unknown => matches!(to, Accepted | ProvenNotSent | Dispatching),
        CancelUnknown => matches!(to, Cancelled | Effected | Accepted),
        // What was reported wrongly is corrected.
        Effected => matches!(to, Failed),
        Failed => matches!(to, Effected),
        RejectedProven | ProvenNotSent | Cancelled | Suppressed | Expired => false,
    }
}
