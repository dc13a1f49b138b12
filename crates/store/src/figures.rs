//! What a store counts while it works, for whoever watches it: numbers alone, no ids and no lender's name.

use crate::{Change, Write};
use recoup_domain::case::{CaseEvent, SkipReason};
use recoup_domain::ids::ContactId;
use recoup_domain::journal::{ContactEvent, What};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Bounds for spans of time, in seconds.
pub const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Bounds for sizes of groups.
pub const SIZES: &[f64] = &[
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0,
];

/// How many values fell where: a count for each bound, and one for what is above all.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// Upper bounds, ascending; a value that equals one falls below it.
    pub bounds: &'static [f64],
    /// Values in each bucket, not cumulated; one more than there are bounds.
    pub counts: Vec<u64>,
    /// The sum of all values.
    pub sum: f64,
}

impl Spread {
    /// Nothing yet.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: vec![0; bounds.len() + 1],
            sum: 0.0,
        }
    }

    /// How many values there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Counts a value.
    pub fn add(&mut self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket] += 1;
        self.sum += value;
    }
}

/// A spread that many count in.
#[derive(Debug)]
pub struct Histogram(Mutex<Spread>);

impl Histogram {
    /// Nothing yet, with these bounds.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        Self(Mutex::new(Spread::new(bounds)))
    }

    /// Counts a span of time, in seconds.
    pub fn took(&self, span: Duration) {
        self.add(span.as_secs_f64());
    }

    /// Counts a value.
    pub fn add(&self, value: f64) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(value);
    }

    /// What was counted so far.
    #[must_use]
    pub fn read(&self) -> Spread {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// How groups of changes were that were committed together.
pub(crate) struct Groups {
    pub(crate) seconds: Histogram,
    pub(crate) changes: Histogram,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            seconds: Histogram::new(SECONDS),
            changes: Histogram::new(SIZES),
        }
    }
}

impl Groups {
    pub(crate) fn note(&self, span: Duration, changes: usize) {
        self.seconds.took(span);
        let changes = u32::try_from(changes).unwrap_or(u32::MAX);
        self.changes.add(f64::from(changes));
    }
}

/// Counts by a key of which there are few.
#[derive(Debug)]
pub struct Counts<K>(Mutex<BTreeMap<K, u64>>);

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }
}

impl<K: Ord + Clone> Counts<K> {
    /// One more.
    pub fn add(&self, key: K) {
        *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(key)
            .or_default() += 1;
    }

    /// What was counted so far.
    #[must_use]
    pub fn read(&self) -> BTreeMap<K, u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// What happened that is counted, and to which channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// A case was opened.
    Opened,
    /// A contact of a channel came into a state; its name.
    Entered(String, &'static str),
    /// What came of a contact of a channel became known; the outcome's name.
    Outcome(String, &'static str),
    /// The gate refused what a policy asked for; the primary rule.
    Denied(String),
    /// A step was passed over for good.
    Skipped(&'static str),
}

impl Fact {
    /// What a change does that is counted.
    #[must_use]
    pub fn of(change: &Change) -> Vec<Self> {
        let mut facts = Vec::new();
        for entry in &change.entries {
            match &entry.what {
                What::Case { event, .. } => facts.extend(Self::of_case(event)),
                What::Contact { id, event, .. } => Self::of_contact(&mut facts, change, *id, event),
                What::Party { .. }
                | What::Override { .. }
                | What::Collector { .. }
                | What::Service { .. } => {}
            }
        }
        facts
    }

    fn of_case(event: &CaseEvent) -> Option<Self> {
        match event {
            CaseEvent::Opened(_) => Some(Self::Opened),
            CaseEvent::Denied(denial) => Some(Self::Denied(denial.rule.clone())),
            CaseEvent::StepSkipped { why, .. } => Some(Self::Skipped(match why {
                SkipReason::NoTarget => "no_target",
                SkipReason::DeniedForever { .. } => "denied_forever",
                SkipReason::NoChannel => "no_channel",
                SkipReason::RetriesUsedUp => "retries_used_up",
                SkipReason::CalledOff => "called_off",
                SkipReason::ByOutcome { .. } => "by_outcome",
            })),
            _ => None,
        }
    }

    fn of_contact(facts: &mut Vec<Self>, change: &Change, id: ContactId, event: &ContactEvent) {
        let channel = || {
            let rows = change.writes.iter();
            let mut own = rows.filter_map(|write| match write {
                Write::Contact(contact) if contact.id == id => Some(contact.channel.clone()),
                _ => None,
            });
            own.next().unwrap_or_default()
        };
        match event {
            ContactEvent::Planned(contact) | ContactEvent::Intended(contact) => {
                facts.push(Self::Entered(contact.channel.clone(), contact.state.name()));
            }
            ContactEvent::Approved { .. } | ContactEvent::BeyondRecall => {}
            ContactEvent::Moved { to } => facts.push(Self::Entered(channel(), to.name())),
            ContactEvent::Learned { outcome, .. } | ContactEvent::Corrected { outcome, .. } => {
                facts.push(Self::Outcome(channel(), outcome.name()));
            }
            ContactEvent::Settled { to, outcome, .. } => {
                facts.push(Self::Entered(channel(), to.name()));
                facts.push(Self::Outcome(channel(), outcome.name()));
            }
        }
    }
}

/// What a store has counted since it was opened, and how things stand, over all lenders.
#[derive(Clone, Debug)]
pub struct Figures {
    /// What happened since the store was opened.
    pub facts: BTreeMap<Fact, u64>,
    /// Cases as they stand, by status name.
    pub cases: BTreeMap<String, u64>,
    /// Contacts as they stand, by the names of kind and state.
    pub contacts: BTreeMap<(&'static str, &'static str), u64>,
    /// How long a group of changes took to be durable, in seconds.
    pub group_seconds: Spread,
    /// How many changes a group held.
    pub group_changes: Spread,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            facts: BTreeMap::new(),
            cases: BTreeMap::new(),
            contacts: BTreeMap::new(),
            group_seconds: Spread::new(SECONDS),
            group_changes: Spread::new(SIZES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_below_the_bound_that_it_equals() {
        let all = Histogram::new(SIZES);
        for value in [1.0, 1.5, 2.0, 5000.0] {
            all.add(value);
        }
        let read = all.read();
        assert_eq!(read.counts[..3], [1, 2, 0]);
        assert_eq!(read.counts.last(), Some(&1));
        assert_eq!((read.count(), read.sum), (4, 5004.5));
    }
}
