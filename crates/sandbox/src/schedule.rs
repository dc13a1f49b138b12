//! What is due later, in order of time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::sms;
use crate::smtp;

/// Something that happens in the world at an instant.
#[derive(Debug)]
pub(crate) enum Due {
    /// A text reaches the handset, or does not.
    Sms(Box<sms::Delivery>),
    /// A person writes back.
    Reply(sms::Reply),
    /// A call begins to ring.
    Ring { sid: String },
    /// A call is over.
    HangUp { sid: String },
    /// A mail is given up.
    Bounce(smtp::Bounce),
    /// A visit's appointment begins. The version tells a moved appointment from its former one.
    Appointment { path: String, version: u64 },
    /// The law firm files.
    Filing { receipt_id: String },
}

struct Timer {
    at_us: i64,
    seq: u64,
    due: Due,
}

/// Timers; those of one instant come out in the order in which they went in.
#[derive(Default)]
pub(crate) struct Schedule {
    heap: BinaryHeap<Timer>,
    seq: u64,
}

impl Schedule {
    pub(crate) fn at(&mut self, at_us: i64, due: Due) {
        self.seq += 1;
        self.heap.push(Timer {
            at_us,
            seq: self.seq,
            due,
        });
    }

    pub(crate) fn next_us(&self) -> Option<i64> {
        self.heap.peek().map(|timer| timer.at_us)
    }

    pub(crate) fn pop_due(&mut self, now_us: i64) -> Option<(i64, Due)> {
        if self.next_us()? > now_us {
            return None;
        }
        self.heap.pop().map(|timer| (timer.at_us, timer.due))
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }
}

// BinaryHeap gives the greatest first; the least instant must count as greatest.
impl Ord for Timer {
    fn cmp(&self, other: &Timer) -> Ordering {
        (other.at_us, other.seq).cmp(&(self.at_us, self.seq))
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Timer) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Timer) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Timer {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_instant_first_and_equal_ones_in_order() {
        let mut schedule = Schedule::default();
        for (at_us, sid) in [(20, "a"), (10, "b"), (20, "c"), (10, "d")] {
            schedule.at(at_us, Due::Ring { sid: sid.into() });
        }
        let mut seen = Vec::new();
        while let Some((at_us, Due::Ring { sid })) = schedule.pop_due(19) {
            seen.push((at_us, sid));
        }
        assert_eq!(seen, [(10, "b".to_owned()), (10, "d".to_owned())]);
        assert_eq!(schedule.next_us(), Some(20));
    }
}
