//! The two files joined: for each slot what the outside world knows of it.

use std::collections::{HashMap, HashSet};

use crate::input::InputError;
use crate::instant::Micros;
use crate::ledger::{Case, Ledger, Party, Slot};
use crate::log::{Op, Outcome, Receipt, SandboxLog};

/// What the outside world knows of one slot. Numbers are indices of [`SandboxLog::receipts`].
#[derive(Debug, Default)]
pub struct Seen {
    /// Sends that reach the person, in the order of the file.
    pub effects: Vec<usize>,
    /// Cancellations that the provider took.
    pub cancels: Vec<Micros>,
    /// What became of it.
    pub outcomes: Vec<(Outcome, Micros)>,
}

/// Log and ledger joined by key.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What the outside world received.
    pub log: &'a SandboxLog,
    /// What the service says.
    pub ledger: &'a Ledger,
    /// For each slot of the ledger, what was seen of it.
    pub seen: Vec<Seen>,
    /// Sends that reach a person, of a key that no slot has.
    pub strays: Vec<usize>,
}

impl<'a> Facts<'a> {
    /// Joins the two.
    ///
    /// # Errors
    /// One ran on a live clock and the other on a stepped one: their instants can't be compared.
    pub fn join(log: &'a SandboxLog, ledger: &'a Ledger) -> Result<Self, InputError> {
        if log.clock != ledger.clock {
            let problem = format!(
                "its clock is {:?}, the sandbox log's is {:?}: they are not of one run",
                ledger.clock, log.clock
            );
            return Err(InputError::File {
                file: "ledger export",
                problem,
            });
        }
        let by_key: HashMap<&str, usize> = ledger
            .slots
            .iter()
            .enumerate()
            .map(|(i, slot)| (slot.key.as_str(), i))
            .collect();
        let slot_of = |key: &Option<String>| by_key.get(key.as_deref()?).copied();
        let mut seen: Vec<Seen> = Vec::new();
        seen.resize_with(ledger.slots.len(), Seen::default);
        let mut strays = Vec::new();
        let cut: HashSet<u64> = log
            .misbehaved
            .iter()
            .filter(|(_, what)| what == "cut")
            .map(|(n, _)| *n)
            .collect();
        for (i, receipt) in log.receipts.iter().enumerate() {
            match (receipt.op, slot_of(&receipt.key)) {
                (Op::Send, Some(slot)) if receipt.effect => seen[slot].effects.push(i),
                (Op::Send, None) if receipt.effect => strays.push(i),
                (Op::Cancel, Some(slot)) if was_taken(receipt, &cut) => {
                    seen[slot].cancels.push(receipt.at);
                }
                _ => {}
            }
        }
        for line in &log.outcomes {
            if let Some(slot) = slot_of(&line.key) {
                seen[slot].outcomes.push((line.outcome, line.at));
            }
        }
        Ok(Self {
            log,
            ledger,
            seen,
            strays,
        })
    }

    /// The case of a slot.
    #[must_use]
    pub fn case(&self, slot: &Slot) -> &'a Case {
        &self.ledger.cases[slot.case]
    }

    /// The person of a slot.
    #[must_use]
    pub fn party(&self, slot: &Slot) -> &'a Party {
        &self.ledger.parties[slot.party]
    }

    /// The slots with what was seen of each.
    pub fn slots(&self) -> impl Iterator<Item = (usize, &'a Slot, &Seen)> {
        self.ledger
            .slots
            .iter()
            .zip(&self.seen)
            .enumerate()
            .map(|(i, (slot, seen))| (i, slot, seen))
    }

    /// The receipts of a slot that reach the person.
    pub fn effects(&self, seen: &Seen) -> impl Iterator<Item = &'a Receipt> {
        seen.effects.iter().map(|i| &self.log.receipts[*i])
    }
}

/// Whether the provider took a cancellation: it said so, or did it and then cut the connection.
fn was_taken(cancel: &Receipt, cut: &HashSet<u64>) -> bool {
    (200..300).contains(&cancel.answer) || cut.contains(&cancel.n)
}

impl Seen {
    /// Whether the outside world was told to take it back at or before `at`.
    #[must_use]
    pub fn cancelled_by(&self, at: Micros) -> bool {
        let told = self.cancels.iter().any(|cancel| *cancel <= at);
        told || self
            .outcomes
            .iter()
            .any(|(what, when)| *what == Outcome::Cancelled && *when <= at)
    }

    /// The appointment of a visit: as the calendar has it, else as the ledger says.
    #[must_use]
    pub fn appointment(&self, log: &SandboxLog, slot: &Slot) -> Option<(Micros, Micros)> {
        let received = self
            .effects
            .iter()
            .rev()
            .find_map(|i| log.receipts[*i].effect_window);
        received.or_else(|| slot.effect_from.map(|from| (from, from)))
    }

    /// Whether every outcome is one of `outcomes`, and there is one.
    #[must_use]
    pub fn only(&self, outcomes: &[Outcome]) -> bool {
        !self.outcomes.is_empty()
            && self
                .outcomes
                .iter()
                .all(|(what, _)| outcomes.contains(what))
    }

    /// The instant of the first outcome `wanted`.
    #[must_use]
    pub fn first(&self, wanted: Outcome) -> Option<Micros> {
        self.outcomes
            .iter()
            .filter(|(what, _)| *what == wanted)
            .map(|(_, at)| *at)
            .min()
    }

    /// The destinations that it went to.
    #[must_use]
    pub fn dests<'l>(&self, log: &'l SandboxLog) -> HashSet<&'l str> {
        self.effects
            .iter()
            .map(|i| log.receipts[*i].dest.as_str())
            .collect()
    }
}
