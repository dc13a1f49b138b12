//! Where contacts stood while something went wrong, read from their histories afterwards: what is shared by several
//! servers cannot be read between a death and what the others make of it.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use super::loan;
use super::look::Looks;
use super::verdict::{Row, lines};

/// How long after a trouble the servers may take one another for dead: they look for what a dead one left every ten
/// seconds.
const AFTER_US: i64 = 12_000_000;

/// From when to when something was wrong, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Trouble {
    from: i64,
    to: i64,
}

impl Trouble {
    /// It is over.
    pub(super) fn until_now(from: i64) -> Self {
        let to = loan::now_us();
        Self { from, to }
    }

    /// It is over, and may have consequences for a while.
    pub(super) fn until_now_and_after(from: i64) -> Self {
        let to = loan::now_us() + AFTER_US;
        Self { from, to }
    }
}

impl Row {
    /// Only what was under way while something was wrong may ever have been in doubt.
    pub(super) fn check_past(
        &mut self,
        log: &Path,
        ledger: &Path,
        troubles: &[Trouble],
    ) -> Result<(), String> {
        let receipts = lines(log)?;
        let receipts = receipts.iter().filter(|l| l["type"] == "receipt");
        let received: HashMap<&str, i64> = receipts
            .filter_map(|l| Some((l["key"].as_str()?, l["wall_us"].as_i64()?)))
            .collect();
        let ledger = lines(ledger)?;
        let slots: Vec<&Value> = ledger.iter().filter(|l| l["type"] == "slot").collect();
        let mut looks = Looks::default();
        for trouble in troubles {
            let mut found = Vec::new();
            for slot in &slots {
                let Some(state) = state_at(slot, trouble.from) else {
                    continue;
                };
                let contact = slot["contact"].as_str().unwrap_or_default();
                found.push((contact.to_owned(), state));
                let is_new = state == "DISPATCHING" && !looks.hit.contains(contact);
                let key = slot["key"].as_str().unwrap_or_default();
                let reached = received.get(key).is_some_and(|at| *at <= trouble.from);
                self.between += usize::from(is_new && reached);
            }
            looks.take(found);
        }
        for slot in &slots {
            self.count_unhit(slot, troubles);
        }
        self.states = looks.states;
        self.kills_under_way = looks.kills_under_way;
        Ok(())
    }

    fn count_unhit(&mut self, slot: &Value, troubles: &[Trouble]) {
        let Some(begun) = first(slot, "DISPATCHING") else {
            return;
        };
        let later = states(slot).filter_map(|s| s["at_us"].as_i64());
        let ended = later.filter(|at| *at > begun).min().unwrap_or(i64::MAX);
        if troubles.iter().any(|t| begun <= t.to && ended >= t.from) {
            return;
        }
        let answered = first(slot, "ACCEPTED").or(first(slot, "REJECTED_PROVEN"));
        self.unhit.0 += 1;
        self.unhit.1 += usize::from(answered.is_some());
        if first(slot, "UNKNOWN").is_some() {
            self.add("doubt_without_a_fault", &slot["contact"].to_string());
        }
    }
}

fn states(slot: &Value) -> impl Iterator<Item = &Value> {
    slot["states"].as_array().into_iter().flatten()
}

fn first(slot: &Value, state: &str) -> Option<i64> {
    let mut own = states(slot).filter(|s| s["state"] == state);
    own.find_map(|s| s["at_us"].as_i64())
}

fn state_at(slot: &Value, at: i64) -> Option<&'static str> {
    let past = states(slot).filter(|s| s["at_us"].as_i64() <= Some(at));
    let name = past.last()?["state"].as_str()?;
    let all = recoup_domain::contact::ContactState::ALL;
    all.iter().map(|s| s.name()).find(|n| *n == name)
}
