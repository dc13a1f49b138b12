//! Limits on calls, and the house's rule on what must come before a visit or a legal contact.
//!
//! Days are local calendar days in the first zone of the person. A call counts by what the outside
//! world knows of it: one without an outcome was made, and was no conversation.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use crate::facts::{Facts, Seen};
use crate::instant::Micros;
use crate::law::{CallLimit, TalkLimit};
use crate::ledger::{Slot, State};
use crate::log::{Channel, Outcome};
use crate::verdict::{Kind, Violation};

/// Calls that were never connected to the number, or taken back before it rang.
const NOT_PLACED: [Outcome; 3] = [Outcome::Busy, Outcome::NotInService, Outcome::Cancelled];
/// Contacts that were taken back; any other outcome was an attempt to reach the person.
const NOT_MADE: [Outcome; 1] = [Outcome::Cancelled];

/// One call that counts.
struct Call<'a> {
    slot: &'a Slot,
    placed: Micros,
    day: i64,
    talked: Option<Micros>,
}

/// All violations of limits.
pub fn check(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    let mut by_person: BTreeMap<(&str, usize), (TalkLimit, Vec<Call<'_>>)> = BTreeMap::new();
    let mut by_debt: BTreeMap<(&str, usize), (CallLimit, Vec<Call<'_>>)> = BTreeMap::new();
    for (_, slot, seen) in facts
        .slots()
        .filter(|(_, slot, _)| slot.channel == Channel::Phone)
    {
        let case = facts.case(slot);
        for call in calls(facts, slot, seen) {
            if let Some(limit) = case.law.talks {
                let person = (case.law.code, slot.party);
                by_person
                    .entry(person)
                    .or_insert((limit, Vec::new()))
                    .1
                    .push(call);
            } else if let Some(limit) = case.law.calls {
                let debt = (case.debt.as_str(), slot.party);
                by_debt
                    .entry(debt)
                    .or_insert((limit, Vec::new()))
                    .1
                    .push(call);
            }
        }
    }
    for (limit, calls) in by_person.into_values() {
        too_many_talks(facts, limit, calls, found);
    }
    for (limit, mut calls) in by_debt.into_values() {
        calls.sort_by_key(|call| call.placed);
        too_many_calls(facts, limit, &calls, found);
        too_soon(facts, limit, calls, found);
    }
    prior_contact(facts, found);
}

fn calls<'a>(facts: &Facts<'a>, slot: &'a Slot, seen: &Seen) -> Vec<Call<'a>> {
    if !seen.cancels.is_empty() || seen.only(&NOT_PLACED) {
        return Vec::new();
    }
    let talked = seen.first(Outcome::Conversation);
    let zone = facts.party(slot).first_zone();
    let call = |placed: Micros| Call {
        slot,
        placed,
        day: placed.local(zone).day,
        talked,
    };
    facts
        .effects(seen)
        .map(|receipt| call(receipt.at))
        .collect()
}

fn too_many_talks(
    facts: &Facts<'_>,
    limit: TalkLimit,
    mut calls: Vec<Call<'_>>,
    found: &mut Vec<Violation>,
) {
    calls.retain(|call| call.talked.is_some());
    calls.sort_by_key(|call| call.placed);
    let mut day = i64::MIN;
    let mut talks = 0;
    for call in &calls {
        talks = if call.day == day { talks + 1 } else { 1 };
        day = call.day;
        if talks > limit.talks {
            let zone = facts.party(call.slot).first_zone();
            let text = format!(
                "the call at {} was conversation number {talks} with this person that day over all \
                 debts; {} permits {}",
                call.placed.show(zone),
                limit.rule,
                limit.talks,
            );
            found.push(Violation::of(facts, call.slot, Kind::OverCap, text));
        }
    }
}

fn too_many_calls(
    facts: &Facts<'_>,
    limit: CallLimit,
    calls: &[Call<'_>],
    found: &mut Vec<Violation>,
) {
    let mut days = VecDeque::new();
    for call in calls {
        days.push_back(call.day);
        while days.front().is_some_and(|day| call.day - day >= limit.days) {
            days.pop_front();
        }
        if days.len() > limit.calls {
            let zone = facts.party(call.slot).first_zone();
            let text = format!(
                "the call at {} was number {} about this debt in {} consecutive local days; {} \
                 permits {}",
                call.placed.show(zone),
                days.len(),
                limit.days,
                limit.rule,
                limit.calls,
            );
            found.push(Violation::of(facts, call.slot, Kind::OverCap, text));
        }
    }
}

/// Takes the calls in order of placing; a conversation binds those placed after it.
fn too_soon(facts: &Facts<'_>, limit: CallLimit, calls: Vec<Call<'_>>, found: &mut Vec<Violation>) {
    let mut talks: Vec<Micros> = calls.iter().filter_map(|call| call.talked).collect();
    talks.sort();
    let mut before = 0;
    for call in &calls {
        while before < talks.len() && talks[before] < call.placed {
            before += 1;
        }
        let Some(talk) = before.checked_sub(1).map(|last| talks[last]) else {
            continue;
        };
        let zone = facts.party(call.slot).first_zone();
        if call.day - talk.local(zone).day < limit.quiet_days {
            let text = format!(
                "the call at {} came fewer than {} days after the conversation of {} about this \
                 debt ({})",
                call.placed.show(zone),
                limit.quiet_days,
                talk.show(zone),
                limit.quiet_rule,
            );
            found.push(Violation::of(facts, call.slot, Kind::OverCap, text));
        }
    }
}

/// What a case's first contact was.
#[derive(Clone, Copy, Default)]
struct First {
    /// Index of its first receipt.
    receipt: Option<usize>,
    /// The first intent of a contact that is unknown: it counts as made.
    unknown: Option<Micros>,
}

fn prior_contact(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    let mut first = vec![First::default(); facts.ledger.cases.len()];
    for (_, slot, seen) in facts.slots() {
        let first = &mut first[slot.case];
        if slot.state == State::Unknown && seen.effects.is_empty() {
            first.unknown = earliest(first.unknown, slot.intent_at);
        } else if seen.cancels.is_empty() && !seen.only(&NOT_MADE) {
            first.receipt = earliest(first.receipt, seen.effects.first().copied());
        }
    }
    for (_, slot, seen) in facts.slots() {
        if !matches!(slot.channel, Channel::Visit | Channel::Legal) {
            continue;
        }
        let Some(&index) = seen.effects.first() else {
            continue;
        };
        let at = facts.log.receipts[index].at;
        let first = first[slot.case];
        let met = first.receipt.is_some_and(|i| i < index) || first.unknown.is_some_and(|i| i < at);
        if !met {
            let text = format!(
                "the {} received at {} had no earlier contact of its case; the house wants one",
                slot.channel.name(),
                at.show_utc(),
            );
            found.push(Violation::of(facts, slot, Kind::NoPriorContact, text));
        }
    }
}

fn earliest<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
