//! Stops: after the OK to a stop fact nobody in its scope is reached, and nothing new is intended.
//!
//! What was in flight at that instant may still arrive until its `not_after_us`. A visit that was
//! accepted before and would take place after must be cancelled.

use std::collections::HashMap;

use crate::facts::{Facts, Seen};
use crate::instant::Micros;
use crate::ledger::{Slot, State, Stop, StopKind};
use crate::log::{Channel, Outcome};
use crate::verdict::{Kind, Violation};

/// The stops by what they are about, so that each slot meets only its own.
struct Index<'a> {
    by_case: HashMap<usize, Vec<Scoped<'a>>>,
    by_party: HashMap<usize, Vec<Scoped<'a>>>,
}

/// A stop, and for a wrong number the destination that it means.
#[derive(Clone, Copy)]
struct Scoped<'a> {
    stop: &'a Stop,
    wrong_dest: Option<&'a str>,
}

/// All that happened after a stop, one violation a contact.
pub fn check(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    let index = Index::build(facts);
    for (_, slot, seen) in facts.slots() {
        let mut stops = index.of(slot).filter(|scoped| scoped.binds(slot));
        if let Some((stop, text)) = stops.find_map(|s| Some((s.stop, s.broken(facts, slot, seen)?)))
        {
            let text = format!(
                "{text}, after the OK to {:?} at {}{}",
                stop.kind,
                stop.ok_at.show_utc(),
                stop.until
                    .map(|until| format!(" until {}", until.show_utc()))
                    .unwrap_or_default(),
            );
            found.push(Violation::of(facts, slot, Kind::AfterStop, text));
        }
    }
}

impl<'a> Index<'a> {
    fn build(facts: &Facts<'a>) -> Self {
        let wrong = wrong_dests(facts);
        let mut index = Self {
            by_case: HashMap::new(),
            by_party: HashMap::new(),
        };
        for stop in &facts.ledger.stops {
            let wrong_dest = stop.party.filter(|_| stop.kind == StopKind::WrongNumber);
            let wrong_dest = wrong_dest.and_then(|party| last_before(&wrong, party, stop.ok_at));
            let scoped = Scoped { stop, wrong_dest };
            match (stop.case, stop.party) {
                (Some(case), _) => index.by_case.entry(case).or_default().push(scoped),
                (None, Some(party)) => index.by_party.entry(party).or_default().push(scoped),
                (None, None) => {}
            }
        }
        index
    }

    fn of(&self, slot: &Slot) -> impl Iterator<Item = Scoped<'a>> {
        let case = self.by_case.get(&slot.case).into_iter().flatten();
        case.chain(self.by_party.get(&slot.party).into_iter().flatten())
            .copied()
    }
}

type WrongDests<'a> = HashMap<usize, Vec<(Micros, &'a str)>>;

/// For each party the destinations that proved to be somebody else's, by instant.
fn wrong_dests<'a>(facts: &Facts<'a>) -> WrongDests<'a> {
    let mut wrong: WrongDests<'a> = HashMap::new();
    for (_, slot, seen) in facts.slots() {
        let Some(at) = seen.first(Outcome::WrongNumber) else {
            continue;
        };
        let dests = facts
            .effects(seen)
            .map(|receipt| (at, receipt.dest.as_str()));
        wrong.entry(slot.party).or_default().extend(dests);
    }
    wrong.values_mut().for_each(|dests| dests.sort());
    wrong
}

fn last_before<'a>(wrong: &WrongDests<'a>, party: usize, ok_at: Micros) -> Option<&'a str> {
    let dests = wrong.get(&party)?;
    let known = dests.partition_point(|(at, _)| *at <= ok_at);
    dests[..known].last().map(|(_, dest)| *dest)
}

impl Scoped<'_> {
    /// Whether the slot lies in the stop's scope.
    fn binds(&self, slot: &Slot) -> bool {
        let stop = self.stop;
        // Whoever asked to be left alone, or has an attorney, may still be sued: the referral stays open.
        let leaves_law_open = matches!(stop.kind, StopKind::Cease | StopKind::Attorney);
        if leaves_law_open && slot.channel == Channel::Legal {
            return false;
        }
        // These pause the whole case, whoever of its parties they came from.
        let whole_case = matches!(
            stop.kind,
            StopKind::Promise
                | StopKind::Plan
                | StopKind::Hold
                | StopKind::Hardship
                | StopKind::Dispute
                | StopKind::Payment
                | StopKind::Closed
        );
        let party = (whole_case && stop.case.is_some())
            || stop.party.is_none_or(|party| party == slot.party);
        let channel = stop.channel.is_none_or(|channel| channel == slot.channel);
        let point = match (&stop.contact_point, &slot.contact_point) {
            (Some(stop), Some(slot)) => stop == slot,
            _ => true,
        };
        party && channel && point
    }

    /// What the slot did that the stop forbids.
    fn broken(&self, facts: &Facts<'_>, slot: &Slot, seen: &Seen) -> Option<String> {
        self.receipt_after(facts, slot, seen)
            .or_else(|| self.intent_after(slot))
            .or_else(|| self.visit_after(facts, slot, seen))
    }

    fn covers(&self, at: Micros) -> bool {
        at > self.stop.ok_at && self.stop.until.is_none_or(|until| at < until)
    }

    /// A wrong number stops one contact point: that of the slot where both lines name it, else the
    /// destination that the outside world found wrong.
    fn is_point_unknown(&self, slot: &Slot) -> bool {
        self.stop.kind == StopKind::WrongNumber
            && (self.stop.contact_point.is_none() || slot.contact_point.is_none())
    }

    fn receipt_after(&self, facts: &Facts<'_>, slot: &Slot, seen: &Seen) -> Option<String> {
        let in_flight = slot
            .intent_at
            .is_some_and(|intent| intent < self.stop.ok_at);
        let receipt = facts.effects(seen).find(|receipt| {
            let excused = in_flight && slot.not_after.is_some_and(|end| receipt.at <= end);
            let elsewhere =
                self.is_point_unknown(slot) && self.wrong_dest != Some(receipt.dest.as_str());
            self.covers(receipt.at) && !excused && !elsewhere
        })?;
        Some(format!(
            "the {} arrived at {}",
            slot.channel.name(),
            receipt.at.show_utc()
        ))
    }

    fn intent_after(&self, slot: &Slot) -> Option<String> {
        let intent = slot.intent_at.filter(|intent| self.covers(*intent))?;
        let judged = !self.is_point_unknown(slot);
        judged.then(|| format!("an intent was written at {}", intent.show_utc()))
    }

    fn visit_after(&self, facts: &Facts<'_>, slot: &Slot, seen: &Seen) -> Option<String> {
        if slot.channel != Channel::Visit || seen.effects.is_empty() || self.is_point_unknown(slot)
        {
            return None;
        }
        let (from, _) = seen.appointment(facts.log, slot)?;
        if !self.covers(from) || seen.cancelled_by(from) {
            return None;
        }
        let wrong = match slot.state {
            State::CancelUnknown => return None,
            // Nobody knows whether the calendar took it, so there is nothing to call off: it was on the
            // worklist at the stop. Proven accepted later, it must be called off like any other.
            State::Unknown => return None,
            // Settled later by evidence, which need not have come from the calendar.
            State::Cancelled if slot.reached(State::CancelUnknown) => return None,
            State::Cancelled => "the ledger says cancelled but the calendar was not told before it",
            // The cancel is on its way and the visit has not begun.
            State::Cancelling if from > facts.ledger.exported_at => return None,
            _ => "it was not cancelled",
        };
        Some(format!(
            "the visit takes place from {}: {wrong}",
            from.show_utc()
        ))
    }
}
