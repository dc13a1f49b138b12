//! Leaves a channel alone that fails again and again.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::Limits;

/// An open circuit is never left alone for longer than so many times the first while.
const LONGEST: u64 = 20;

/// Closed: calls pass. Open: none does, until a while has passed; then one tries. Each try that fails
/// doubles the while.
#[derive(Debug)]
pub(crate) struct Circuit {
    failures_max: u32,
    open_for_ns: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    opens_again_mono_ns: Option<u64>,
    trying: bool,
}

impl Circuit {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            failures_max: limits.failures_max.max(1),
            open_for_ns: u64::try_from(limits.open_for.as_nanos()).unwrap_or(u64::MAX),
            state: Mutex::default(),
        }
    }

    /// True where a call may pass now.
    pub(crate) fn admits(&self, now_mono_ns: u64) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(again) = state.opens_again_mono_ns else {
            return true;
        };
        if state.trying || now_mono_ns < again {
            return false;
        }
        state.trying = true;
        true
    }

    /// A call came to its end in time.
    pub(crate) fn ended(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// A call overran, or the instance failed. True where that opens the circuit.
    pub(crate) fn failed(&self, now_mono_ns: u64) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        state.trying = false;
        let Some(tries) = state.failures.checked_sub(self.failures_max) else {
            return false;
        };
        let times = 1u64.checked_shl(tries).unwrap_or(LONGEST).min(LONGEST);
        let while_ns = spread(self.open_for_ns.saturating_mul(times));
        state.opens_again_mono_ns = Some(now_mono_ns.saturating_add(while_ns));
        true
    }

    /// A call that had been let through was given up by its caller: it says nothing.
    pub(crate) fn given_up(&self) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .trying = false;
    }

    /// How many failures opened it; `None` where it is closed.
    pub(crate) fn open_after(&self) -> Option<u32> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.opens_again_mono_ns.map(|_| state.failures)
    }

    /// How it stands, for whoever decides what to hand over.
    pub(crate) fn standing(&self, now_mono_ns: u64) -> Standing {
        match self.open_after() {
            None => Standing::Sound,
            Some(_) => match self.waits_ns(now_mono_ns) {
                0 => Standing::OnTrial,
                left => Standing::Rests(Duration::from_nanos(left)),
            },
        }
    }

    /// How long until the next call is let through, in nanoseconds; 0 where one is.
    pub(crate) fn waits_ns(&self, now_mono_ns: u64) -> u64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let again = state.opens_again_mono_ns.unwrap_or(0);
        again.saturating_sub(now_mono_ns)
    }
}

/// How a channel stands with its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Calls go through.
    Sound,
    /// It failed again and again; the next call is a trial, and others are refused meanwhile.
    OnTrial,
    /// It failed again and again; calls are refused for so long.
    Rests(Duration),
}

/// Up to an eighth longer, so that channels that failed together do not come back together.
fn spread(while_ns: u64) -> u64 {
    let random = RandomState::new().hash_one(while_ns);
    while_ns.saturating_add(random % (while_ns / 8).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circuit() -> Circuit {
        Circuit::new(&Limits {
            failures_max: 2,
            open_for: Duration::from_nanos(80),
            ..Limits::default()
        })
    }

    #[test]
    fn it_opens_after_so_many_failures_and_lets_one_try_later() {
        let circuit = circuit();
        assert!(!circuit.failed(100));
        assert!(circuit.admits(100), "one is not enough");
        assert!(circuit.failed(100));
        assert_eq!(circuit.open_after(), Some(2));
        assert!(!circuit.admits(179), "it rests for 80");
        let Standing::Rests(left) = circuit.standing(179) else {
            panic!("it rests")
        };
        assert!((1..=11).contains(&left.as_nanos()), "{left:?}");
        assert_eq!(circuit.standing(190), Standing::OnTrial);
        assert!(circuit.admits(190), "and an eighth at most");
        assert!(!circuit.admits(190), "one tries");
        circuit.given_up();
        assert!(circuit.admits(190), "another may");
        circuit.ended();
        assert!(circuit.admits(191) && circuit.admits(191));
        assert_eq!(circuit.standing(191), Standing::Sound);
    }

    #[test]
    fn each_try_that_fails_makes_the_rest_longer_up_to_a_bound() {
        let circuit = circuit();
        circuit.failed(0);
        circuit.failed(0);
        for (tries, rest) in [
            (1, 160),
            (2, 320),
            (3, 640),
            (4, 1_280),
            (5, 1_600),
            (99, 1_600),
        ] {
            circuit.failed(0);
            let waits = circuit.waits_ns(0);
            assert!(
                (rest..=rest + rest / 8).contains(&waits),
                "try {tries}: {waits}"
            );
        }
    }
}
