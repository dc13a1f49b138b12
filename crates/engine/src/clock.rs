//! The two clocks, which never mix: [`Wall`] for policy, gate and event times (it may be stepped), and
//! real monotonic time (`tokio::time`, `std::time::Instant`) for leases, time-outs and back-off.

use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Where policy time comes from.
pub trait Wall: Send + Sync + 'static {
    /// The instant it is now.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock, cut to microseconds: what a store keeps is what was decided on.
#[derive(Clone, Copy, Debug, Default)]
pub struct LiveWall;

impl Wall for LiveWall {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one seam that reads the clock"
    )]
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }
}

/// A clock that a coordinator moves.
#[derive(Clone, Debug)]
pub struct SteppedWall(Arc<AtomicI64>);

impl SteppedWall {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.as_microsecond())))
    }

    /// Moves on to `to`; never backward.
    pub fn advance(&self, to: Timestamp) {
        self.0.fetch_max(to.as_microsecond(), Ordering::SeqCst);
    }
}

impl Wall for SteppedWall {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}
