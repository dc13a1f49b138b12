//! Bugs that are planted, each under the fault that must find it. The page docs/reliability.md has them all.

use super::campaign::Fault;

/// A bug, by its name in `RECOUP_PLANT`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bug {
    /// The name.
    pub(super) name: &'static str,
    /// The fault that must find it.
    pub(super) fault: Fault,
    /// As what: a kind of violation.
    pub(super) kind: &'static str,
}

impl Bug {
    /// Whether CI plants it: where it is found within seconds, and not by chance.
    pub(super) fn is_in_slice(&self) -> bool {
        let is_quick = matches!(self.fault, Fault::Calm | Fault::StopFacts | Fault::Answers);
        is_quick && self.name != "versions-unchecked"
    }
}

/// How often its fault happens until a bug must be found.
pub(super) const fn points(fault: Fault) -> usize {
    match fault {
        Fault::KillSyscall | Fault::KillRandom => 60,
        Fault::Zombie => 16,
        Fault::DatabaseAway => 8,
        other => other.points().1,
    }
}

const fn bug(name: &'static str, fault: Fault, kind: &'static str) -> Bug {
    Bug { name, fault, kind }
}

/// All that can be planted.
pub(super) const BUGS: [Bug; 19] = [
    bug("double", Fault::Calm, "double"),
    bug("lost", Fault::Calm, "accepted_without_receipt"),
    bug("night", Fault::Calm, "outside_window"),
    bug("after-payment", Fault::StopFacts, "after_stop"),
    bug("cancel-forgotten", Fault::StopFacts, "after_stop"),
    bug("outcome-dropped", Fault::Calm, "loss"),
    bug("key-per-try", Fault::Calm, "receipt_without_intent"),
    bug("versions-unchecked", Fault::StopFacts, "after_stop"),
    bug("submit-again", Fault::Answers, "double"),
    bug("proof-claimed", Fault::Answers, "loss"),
    bug(
        "taken-for-granted",
        Fault::Answers,
        "accepted_without_receipt",
    ),
    bug(
        "send-before-intent",
        Fault::KillSyscall,
        "receipt_without_intent",
    ),
    bug("answers-too-soon", Fault::KillSyscall, "answered_and_lost"),
    bug("sends-again", Fault::KillSyscall, "double"),
    bug("doubt-forgotten", Fault::KillSyscall, "loss"),
    bug(
        "doubt-as-accepted",
        Fault::KillSyscall,
        "accepted_without_receipt",
    ),
    bug("fence-unchecked", Fault::Zombie, "after_stop"),
    bug(
        "lives-unchecked",
        Fault::KillRandom,
        "doubt_without_a_fault",
    ),
    bug(LAZY_DISK, Fault::DatabaseAway, "answered_and_lost"),
];

/// The bug that is not in the server: its database answers before the disk has what it was told.
pub(super) const LAZY_DISK: &str = "synchronous-off";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo;

    #[test]
    fn the_page_has_every_bug_under_its_fault() {
        let page = cargo::root().join("docs/reliability.md");
        let page = std::fs::read_to_string(page).expect("the page");
        let row = |name: &str| {
            let mut rows = page
                .lines()
                .filter(|l| l.starts_with(&format!("| `{name}` |")));
            rows.next_back().map(str::to_owned)
        };
        for bug in BUGS {
            let row = row(bug.name).unwrap_or_else(|| panic!("no row of {}", bug.name));
            let ending = format!(
                "| `{}` | {} |",
                bug.fault.name(),
                bug.kind.replace('_', " ")
            );
            assert!(row.ends_with(&ending), "{row}\nmust end with {ending}");
        }
        let named = page.lines().filter(|l| l.ends_with("| not there yet |"));
        assert_eq!(BUGS.len() + named.count(), 20);
    }
}
