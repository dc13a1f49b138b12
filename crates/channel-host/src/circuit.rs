//! Leaves a channel alone that overruns its calls again and again.

use std::sync::{Mutex, PoisonError};

use crate::Limits;

/// Closed: calls pass. Open: none does, until a while has passed; then one tries.
#[derive(Debug)]
pub(crate) struct Circuit {
    overruns_max: u32,
    open_for_ns: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    overruns: u32,
    opened_mono_ns: Option<u64>,
    trying: bool,
}

impl Circuit {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            overruns_max: limits.overruns_max.max(1),
            open_for_ns: u64::try_from(limits.open_for.as_nanos()).unwrap_or(u64::MAX),
            state: Mutex::default(),
        }
    }

    /// True where a call may pass now.
    pub(crate) fn admits(&self, now_mono_ns: u64) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(opened) = state.opened_mono_ns else {
            return true;
        };
        if state.trying || now_mono_ns.saturating_sub(opened) < self.open_for_ns {
            return false;
        }
        state.trying = true;
        true
    }

    /// A call came to its end in time.
    pub(crate) fn ended(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// A call overran. True where that opens the circuit.
    pub(crate) fn overran(&self, now_mono_ns: u64) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.overruns = state.overruns.saturating_add(1);
        if state.overruns < self.overruns_max {
            return false;
        }
        state.opened_mono_ns = Some(now_mono_ns);
        state.trying = false;
        true
    }

    /// A call that had been let through was given up by its caller: it says nothing.
    pub(crate) fn given_up(&self) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .trying = false;
    }

    /// How many overruns opened it; `None` where it is closed.
    pub(crate) fn open_after(&self) -> Option<u32> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.opened_mono_ns.map(|_| state.overruns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn overruns_in_a_row_open_it_and_one_call_tries_later() {
        let limits = Limits {
            overruns_max: 2,
            open_for: Duration::from_nanos(10),
            ..Limits::default()
        };
        let circuit = Circuit::new(&limits);
        assert!(!circuit.overran(0));
        circuit.ended();
        assert!(!circuit.overran(0), "a call in time starts the count anew");
        assert!(circuit.overran(1));
        assert_eq!(circuit.open_after(), Some(2));
        assert!(!circuit.admits(10));
        assert!(circuit.admits(11));
        assert!(!circuit.admits(12), "one tries, not two");
        assert!(circuit.overran(20), "it failed again");
        assert!(!circuit.admits(21));
        assert!(circuit.admits(30));
        circuit.ended();
        assert!(circuit.admits(31) && circuit.open_after().is_none());
    }
}
