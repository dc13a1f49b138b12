//! What came of a fault: the judge's figures, what was answered OK and is not there, and where the kills hit.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::campaign::Fault;
use super::load::Acked;
use super::look::Looks;
use super::swaps::Told;
use super::world::program;

/// Points of a whole slice: what the gates of the histogram are meant for.
const SLICE: usize = 500;
/// Contacts that the kills of a whole slice find in each state, at least.
const EACH_STATE_MIN: usize = 20;
/// And between first byte and outcome.
const BETWEEN_MIN: usize = 50;
/// The states that each run with several servers comes to: what is called off is rare there.
const STATES_SHARED: [&str; 3] = ["DISPATCHING", "ACCEPTED", "EFFECTED"];
/// How often it must happen to come to each of them for certain.
const SHARED_MIN: usize = 20;
/// Of a hundred contacts so many may be left in doubt where something is always wrong.
const DOUBTS_MAX: u64 = 20;
/// The states that a run of this load comes to. Few visits are called off in lives so short: what is on its way there
/// is hit all the same.
const STATES: [&str; 7] = [
    "DISPATCHING",
    "ACCEPTED",
    "EFFECTED",
    "FAILED",
    "REJECTED_PROVEN",
    "UNKNOWN",
    "CANCELLING",
];

/// A row of the table, and what stands behind it.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    /// Kills.
    pub(super) points: usize,
    /// Requests that reached a person.
    pub(super) receipts: u64,
    /// Contacts with an intent.
    pub(super) intents: u64,
    /// Contacts that reached somebody twice.
    pub(super) doubles: u64,
    /// What was answered, sent or begun and is lost.
    pub(super) losses: u64,
    /// Contacts in doubt at the end.
    pub(super) unknown: u64,
    /// Everything that must not have happened, doubles and losses among it, by kind.
    pub(super) violations: BTreeMap<String, u64>,
    /// Some of them in words.
    pub(super) said: Vec<String>,
    /// The slowest start.
    pub(super) slowest_start: Duration,
    /// Contacts by the state that a kill found them in first.
    pub(super) states: BTreeMap<&'static str, usize>,
    pub(super) between: usize,
    pub(super) kills_under_way: usize,
    /// What swaps came to, where channels are swapped.
    pub(super) swaps: Told,
    /// Contacts that no kill hit under way: all, and those that a provider answered.
    pub(super) unhit: (usize, usize),
}

impl Row {
    /// Lets the judge speak.
    pub(super) fn judge(fault: Fault, log: &Path, ledger: &Path) -> Result<Self, String> {
        let mut judge = Command::new(program("recoup-judge"));
        judge
            .arg("--sandbox-log")
            .arg(log)
            .arg("--ledger")
            .arg(ledger);
        let output = judge.arg("--json").args(fault.judged()).output();
        let output = output.map_err(|e| format!("the judge could not be started: {e}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let json: Option<Value> = text
            .lines()
            .last()
            .and_then(|l| serde_json::from_str(l).ok());
        let json = json.filter(|_| matches!(output.status.code(), Some(0 | 1)));
        let json = json.ok_or_else(|| {
            format!(
                "the judge cannot judge: {}",
                String::from_utf8_lossy(&output.stderr)
            )
        })?;
        let of = |name: &str| json[name].as_u64().unwrap_or_default();
        let mut row = Self {
            receipts: of("receipts"),
            intents: of("intents"),
            doubles: of("doubles"),
            losses: of("losses"),
            unknown: of("unknown"),
            ..Self::default()
        };
        for violation in json["violations"].as_array().into_iter().flatten() {
            let kind = violation["kind"].as_str().unwrap_or("?");
            row.add(
                kind,
                &format!("contact {}: {}", violation["contact"], violation["text"]),
            );
        }
        if fault == Fault::Calm && json["live"] != true {
            row.add("not_live", &json["live_reason"].to_string());
        }
        Ok(row)
    }

    pub(super) fn add(&mut self, kind: &str, what: &str) {
        *self.violations.entry(kind.to_owned()).or_default() += 1;
        self.said.push(format!("{kind}: {what}"));
    }

    /// Whatever was answered OK is in the ledger.
    pub(super) fn check_acked(&mut self, ledger: &Path, acked: &Acked) -> Result<(), String> {
        let lines = lines(ledger)?;
        let of = |kind: &'static str| lines.iter().filter(move |l| l["type"] == kind);
        let text = |l: &Value, field: &str| l[field].as_str().unwrap_or_default().to_owned();
        let borrowers: BTreeMap<String, String> = of("case")
            .map(|l| (text(l, "case"), text(l, "borrower")))
            .collect();
        let paid: HashSet<String> = of("payment").map(|l| text(l, "case")).collect();
        let out = of("stop").filter(|l| l["kind"] == "opt_out");
        let opted_out: HashSet<String> = out.map(|l| text(l, "party")).collect();
        for case in acked.cases.iter().filter(|c| !borrowers.contains_key(*c)) {
            self.lose(&format!("the case {case} was answered OK and is not there"));
        }
        for case in &acked.denied {
            self.lose(&format!(
                "the case {case} was answered OK and not known afterwards"
            ));
        }
        for case in acked.paid.iter().filter(|c| !paid.contains(*c)) {
            self.lose(&format!(
                "the payment of {case} was answered OK and is not there"
            ));
        }
        let stays = |c: &&String| borrowers.get(*c).is_some_and(|b| opted_out.contains(b));
        for case in acked.opted_out.iter().filter(|c| !stays(c)) {
            self.lose(&format!(
                "the opt-out in {case} was answered OK and is not there"
            ));
        }
        Ok(())
    }

    fn lose(&mut self, what: &str) {
        self.losses += 1;
        self.add("answered_and_lost", what);
    }

    /// Only what a kill hit under way may ever have been in doubt.
    pub(super) fn check_doubts(
        &mut self,
        log: &Path,
        ledger: &Path,
        looks: Looks,
    ) -> Result<(), String> {
        let keys: HashSet<String> = lines(log)?
            .iter()
            .filter(|l| l["type"] == "receipt")
            .filter_map(|l| l["key"].as_str().map(str::to_owned))
            .collect();
        for slot in lines(ledger)?.iter().filter(|l| l["type"] == "slot") {
            let contact = slot["contact"].as_str().unwrap_or_default();
            let states: BTreeSet<&str> = slot["states"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|s| s["state"].as_str())
                .collect();
            if looks.hit.contains(contact) {
                let reached = slot["key"].as_str().is_some_and(|key| keys.contains(key));
                self.between += usize::from(reached);
            } else if states.contains("DISPATCHING") {
                let answered = states.contains("ACCEPTED") || states.contains("REJECTED_PROVEN");
                self.unhit.0 += 1;
                self.unhit.1 += usize::from(answered);
                if states.contains("UNKNOWN") {
                    self.add("doubt_without_a_kill", &format!("contact {contact}"));
                }
            }
        }
        self.states = looks.states;
        self.kills_under_way = looks.kills_under_way;
        Ok(())
    }

    /// Puts another round's figures to these.
    pub(super) fn take(&mut self, other: Self) {
        self.points += other.points;
        self.receipts += other.receipts;
        self.intents += other.intents;
        self.doubles += other.doubles;
        self.losses += other.losses;
        self.unknown += other.unknown;
        self.between += other.between;
        self.kills_under_way += other.kills_under_way;
        self.unhit.0 += other.unhit.0;
        self.unhit.1 += other.unhit.1;
        self.slowest_start = self.slowest_start.max(other.slowest_start);
        self.swaps.take(other.swaps);
        self.said.extend(other.said);
        for (kind, count) in other.violations {
            *self.violations.entry(kind).or_default() += count;
        }
        for (state, count) in other.states {
            *self.states.entry(state).or_default() += count;
        }
    }

    /// All that must not have happened.
    pub(super) fn violated(&self) -> u64 {
        self.violations.values().sum()
    }

    /// What a run must have come to, so that it shows anything.
    pub(super) fn gates(&self, fault: Fault) -> Vec<String> {
        match fault {
            Fault::Calm | Fault::StopFacts | Fault::Answers => Vec::new(),
            Fault::KillSyscall => self.gates_of_kills(),
            Fault::KillChannels if self.unknown == 0 => {
                vec!["no kill hit a contact under way".to_owned()]
            }
            Fault::KillChannels | Fault::Swaps => Vec::new(),
            Fault::KillRandom | Fault::Zombie | Fault::DatabaseAway | Fault::CutLine => {
                self.gates_of_servers(fault)
            }
        }
    }

    fn gates_of_servers(&self, fault: Fault) -> Vec<String> {
        let mut missed = Vec::new();
        for state in STATES_SHARED {
            if self.points >= SHARED_MIN && !self.states.contains_key(state) {
                missed.push(format!("no contact was {state} when it happened"));
            }
        }
        let (all, answered) = self.unhit;
        // Of the others nothing is free of it: the servers may take one another for dead for a while.
        if fault == Fault::KillRandom && (all == 0 || answered * 100 < all * 95) {
            missed.push(format!(
                "of {all} contacts that no kill hit only {answered} were answered"
            ));
        }
        if self.unknown * 100 > self.intents * DOUBTS_MAX {
            missed.push(format!(
                "{} of {} contacts are in doubt",
                self.unknown, self.intents
            ));
        }
        missed
    }

    fn gates_of_kills(&self) -> Vec<String> {
        let mut missed = Vec::new();
        // A short run shows that all of it is reached; how often is chance.
        let wanted = |of_a_slice: usize| if self.points < SLICE { 1 } else { of_a_slice };
        for state in STATES {
            let found = self.states.get(state).copied().unwrap_or(0);
            if found < wanted(EACH_STATE_MIN) {
                missed.push(format!("the kills found only {found} contacts {state}"));
            }
        }
        if self.between < wanted(BETWEEN_MIN) {
            let found = self.between;
            missed.push(format!(
                "the kills found only {found} contacts between first byte and outcome"
            ));
        }
        let (all, answered) = self.unhit;
        if all == 0 || answered * 100 < all * 95 {
            missed.push(format!(
                "of {all} contacts that no kill hit only {answered} were answered"
            ));
        }
        missed
    }

    /// Where the kills hit.
    pub(super) fn histogram(&self) -> String {
        let mut text = "contacts by the state that it found them in first:\n".to_owned();
        for (state, count) in &self.states {
            let _ = writeln!(text, "  {state:<16} {count:>8}");
        }
        let (all, answered) = self.unhit;
        let _ = writeln!(text, "  between first byte and outcome: {}", self.between);
        let _ = writeln!(
            text,
            "  how often it hit a contact under way: {}",
            self.kills_under_way
        );
        let _ = writeln!(
            text,
            "  never hit under way: {all}, answered by a provider: {answered}"
        );
        let _ = writeln!(
            text,
            "  slowest start: {:.1} s",
            self.slowest_start.as_secs_f64()
        );
        text
    }
}

/// The lines of a file, each JSON.
pub(super) fn lines(path: &Path) -> Result<Vec<Value>, String> {
    let about = |e: String| format!("{}: {e}", path.display());
    let text = fs::read_to_string(path).map_err(|e| about(e.to_string()))?;
    let lines = text.lines().map(serde_json::from_str);
    lines
        .collect::<Result<_, _>>()
        .map_err(|e| about(e.to_string()))
}
