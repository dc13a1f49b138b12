//! Hours: nobody is reached outside those of the law and of the house, nor too late.
//!
//! A message or a call counts at the instant of its receipt, a visit over its whole appointment
//! unless it was cancelled before. No law in the table opens or closes in an hour at which any
//! zone moves its clocks, so the local clock alone decides.

use jiff::tz::TimeZone;

use crate::facts::{Facts, Seen};
use crate::instant::{Micros, SECOND_US};
use crate::law::{HOUSE_VISIT, Window};
use crate::ledger::Slot;
use crate::log::Channel;
use crate::verdict::{Kind, Violation};

/// How much later than `not_after_us` a request may arrive.
pub const LATE_US_MAX: i64 = SECOND_US;

/// All violations of hours.
pub fn check(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    for (_, slot, seen) in facts.slots() {
        late(facts, slot, seen, found);
        match slot.channel {
            Channel::Legal => {}
            Channel::Visit => visit(facts, slot, seen, found),
            Channel::Sms | Channel::Phone | Channel::Email => at_receipt(facts, slot, seen, found),
        }
    }
}

fn late(facts: &Facts<'_>, slot: &Slot, seen: &Seen, found: &mut Vec<Violation>) {
    let Some(not_after) = slot.not_after else {
        return;
    };
    for receipt in facts.effects(seen) {
        if receipt.at > not_after.plus_us(LATE_US_MAX) {
            let text = format!(
                "the {} arrived at {}, later than its not_after {}",
                slot.channel.name(),
                receipt.at.show_utc(),
                not_after.show_utc(),
            );
            found.push(Violation::of(facts, slot, Kind::Late, text));
        }
    }
}

fn at_receipt(facts: &Facts<'_>, slot: &Slot, seen: &Seen, found: &mut Vec<Violation>) {
    let window = facts.case(slot).law.window;
    for receipt in facts.effects(seen) {
        let closed = facts
            .party(slot)
            .zones
            .iter()
            .find(|zone| !instant_fits(receipt.at, zone, window));
        if let Some(zone) = closed {
            let text = format!(
                "the {} arrived at {}; {} permits {} there",
                slot.channel.name(),
                receipt.at.show(zone),
                window.rule,
                show(window),
            );
            found.push(Violation::of(facts, slot, Kind::OutsideWindow, text));
        }
    }
}

fn visit(facts: &Facts<'_>, slot: &Slot, seen: &Seen, found: &mut Vec<Violation>) {
    if seen.effects.is_empty() {
        return;
    }
    let Some((from, to)) = seen.appointment(facts.log, slot) else {
        let text = "a visit without an appointment was received: its hours are unknown".to_owned();
        found.push(Violation::of(facts, slot, Kind::OutsideWindow, text));
        return;
    };
    if seen.cancelled_by(from) {
        return;
    }
    for window in [facts.case(slot).law.window, HOUSE_VISIT] {
        let zones = &facts.party(slot).zones;
        if let Some(zone) = zones.iter().find(|zone| !span_fits(from, to, zone, window)) {
            let text = format!(
                "the visit is from {} to {}; {} permits {} there, over the whole visit",
                from.show(zone),
                to.show(zone),
                window.rule,
                show(window),
            );
            found.push(Violation::of(facts, slot, Kind::OutsideWindow, text));
            return;
        }
    }
}

fn instant_fits(at: Micros, zone: &TimeZone, window: Window) -> bool {
    (window.open_us..window.close_us).contains(&at.local(zone).time_us)
}

/// The end of a visit may touch the closing time: the span is half-open too.
fn span_fits(from: Micros, to: Micros, zone: &TimeZone, window: Window) -> bool {
    let end = to.local(zone);
    instant_fits(from, zone, window)
        && end.day == from.local(zone).day
        && end.time_us <= window.close_us
}

fn show(window: Window) -> String {
    let hour = 3600 * SECOND_US;
    format!(
        "[{:02}:00, {:02}:00)",
        window.open_us / hour,
        window.close_us / hour
    )
}
