//! The sandbox's time: real, or given by the stepped clock's coordinator.

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::watch;

/// Real wall time in microseconds since the Unix epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox is outside the core: real time is its own"
)]
pub(crate) fn wall_us() -> i64 {
    Timestamp::now().as_microsecond()
}

/// Real monotonic time (CLOCK_MONOTONIC) in microseconds: comparable between processes.
pub(crate) fn mono_us() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

/// An instant as text in UTC, by a strftime pattern.
pub(crate) fn format_us(us: i64, pattern: &str) -> String {
    let at = Timestamp::from_microsecond(us).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime(pattern).to_string()
}

/// The clock that all delays and appointments go by.
pub(crate) struct Time {
    stepped: bool,
    virtual_us: watch::Sender<Option<i64>>,
}

impl Time {
    pub(crate) fn new(stepped: bool) -> Time {
        Time {
            stepped,
            virtual_us: watch::Sender::new(None),
        }
    }

    pub(crate) fn is_stepped(&self) -> bool {
        self.stepped
    }

    /// The virtual instant; None on real time, and before the coordinator's first NOW.
    pub(crate) fn virtual_us(&self) -> Option<i64> {
        *self.virtual_us.borrow()
    }

    pub(crate) fn now_us(&self) -> i64 {
        self.virtual_us().unwrap_or_else(wall_us)
    }

    pub(crate) fn step_to(&self, us: i64) {
        self.virtual_us.send_replace(Some(us));
    }

    /// Waits until it is known what time it is.
    pub(crate) async fn known(&self) {
        if self.stepped {
            // The sender lives in self, so this only ends with a value.
            let _ = self.virtual_us.subscribe().wait_for(Option::is_some).await;
        }
    }
}
