//! At most one effect, none lost, none without an intent.

use std::collections::BTreeMap;

use crate::facts::{Facts, Seen};
use crate::instant::SECOND_US;
use crate::ledger::{Slot, State};
use crate::verdict::{Kind, Violation};

/// How long before the export a cancel may have been on its way.
const CANCELLING_US_MAX: i64 = 60 * SECOND_US;

/// All violations of delivery.
pub fn check(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    doubles(facts, found);
    stray_doubles(facts, found);
    strays(facts, found);
    for (_, slot, seen) in facts.slots() {
        intent_first(facts, slot, seen, found);
        loss(facts, slot, seen, found);
        unproven(facts, slot, seen, found);
    }
}

/// By `(case, plan_seq)`: two contacts that share one are caught, whatever their keys.
fn doubles(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    let mut effects: BTreeMap<(usize, i64), Vec<(usize, &Slot)>> = BTreeMap::new();
    for (_, slot, seen) in facts.slots() {
        let of_slot = effects.entry((slot.case, slot.plan_seq)).or_default();
        of_slot.extend(seen.effects.iter().map(|receipt| (*receipt, slot)));
    }
    for ((_, plan_seq), mut group) in effects.into_iter().filter(|(_, group)| group.len() > 1) {
        group.sort_by_key(|(receipt, _)| *receipt);
        let at = |i: usize| facts.log.receipts[group[i].0].at.show_utc();
        let text = format!(
            "plan_seq {plan_seq} reached the person {} times: at {} (contact {}), at {} (contact {})",
            group.len(),
            at(0),
            group[0].1.contact,
            at(1),
            group[1].1.contact,
        );
        found.push(Violation::of(facts, group[1].1, Kind::Double, text));
    }
}

fn stray_doubles(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    let mut by_key: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for receipt in facts.strays.iter().map(|i| &facts.log.receipts[*i]) {
        if let Some(key) = &receipt.key {
            by_key.entry(key).or_default().push(receipt.n);
        }
    }
    for (key, requests) in by_key
        .into_iter()
        .filter(|(_, requests)| requests.len() > 1)
    {
        let text =
            format!("key {key}, which no slot has, reached a person at requests {requests:?}");
        found.push(Violation::stray(Kind::Double, text));
    }
}

fn strays(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    for receipt in facts.strays.iter().map(|i| &facts.log.receipts[*i]) {
        let what = match &receipt.key {
            Some(key) => format!("key {key}, which no slot has"),
            None => "no key".to_owned(),
        };
        let text = format!(
            "request {} ({}) at {} reached a person with {what}",
            receipt.n,
            receipt.channel.name(),
            receipt.at.show_utc(),
        );
        found.push(Violation::stray(Kind::ReceiptWithoutIntent, text));
    }
}

fn intent_first(facts: &Facts<'_>, slot: &Slot, seen: &Seen, found: &mut Vec<Violation>) {
    for receipt in facts.effects(seen) {
        let wrong = match slot.intent_at {
            Some(intent) if intent <= receipt.at => continue,
            Some(intent) => format!("its intent is of {}, later", intent.show_utc()),
            None => "it has no intent".to_owned(),
        };
        let text = format!(
            "reached the person at {}, but {wrong}",
            receipt.at.show_utc()
        );
        found.push(Violation::of(facts, slot, Kind::ReceiptWithoutIntent, text));
    }
}

fn loss(facts: &Facts<'_>, slot: &Slot, seen: &Seen, found: &mut Vec<Violation>) {
    use State::{
        Cancelling, Dispatching, Expired, Planned, ProvenNotSent, RejectedProven, Suppressed,
    };
    let denied = matches!(
        slot.state,
        RejectedProven | ProvenNotSent | Planned | Suppressed | Expired | Dispatching
    );
    let text = match facts.effects(seen).next() {
        Some(receipt) if denied => {
            format!(
                "reached the person at {}, but is {:?}",
                receipt.at.show_utc(),
                slot.state
            )
        }
        _ => match (slot.state, slot.intent_at) {
            (Dispatching | Planned, Some(intent)) => format!(
                "its intent of {} never came to an end: it is {:?} at the export",
                intent.show_utc(),
                slot.state
            ),
            (Cancelling, _) if cancelling_too_long(facts, slot) => format!(
                "its cancel never came to an end: it is still CANCELLING at the export of {}",
                facts.ledger.exported_at.show_utc()
            ),
            _ => return,
        },
    };
    found.push(Violation::of(facts, slot, Kind::Loss, text));
}

fn cancelling_too_long(facts: &Facts<'_>, slot: &Slot) -> bool {
    let since = slot
        .states
        .last()
        .map(|step| step.at.plus_us(CANCELLING_US_MAX));
    since.is_some_and(|end| end < facts.ledger.exported_at)
}

fn unproven(facts: &Facts<'_>, slot: &Slot, seen: &Seen, found: &mut Vec<Violation>) {
    if slot.was_accepted() && seen.effects.is_empty() {
        let text = format!(
            "is {:?} but no request of it ever reached anyone",
            slot.state
        );
        found.push(Violation::of(
            facts,
            slot,
            Kind::AcceptedWithoutReceipt,
            text,
        ));
    }
}
