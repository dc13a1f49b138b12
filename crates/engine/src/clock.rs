//! The two clocks, which never mix: [`Wall`] for policy, gate and event times (it may be stepped), and
//! real monotonic time (`tokio::time`, `std::time::Instant`) for leases, time-outs and back-off. A live wall is
//! held against [`BootClock`], see [`crate::clock_guard`].

use crate::clock_guard::{ClockGuard, Reading};
use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Two clocks that are read further apart than this are read again: the process was put aside in between.
const READ_WITHIN: SignedDuration = SignedDuration::from_millis(100);
/// How often they are read again.
const READ_MAX: usize = 16;

/// Where policy time comes from.
pub trait Wall: Send + Sync + 'static {
    /// The instant it is now.
    fn now(&self) -> Timestamp;

    /// The latest that it may be now, where the clock is not to be trusted: what must not leave too late is held
    /// against this.
    fn latest(&self) -> Timestamp {
        self.now()
    }

    /// The guard of a live clock.
    fn guarded(&self) -> Option<&GuardedWall> {
        None
    }
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

/// Time since the machine's boot, its sleep included: nobody can set it.
pub trait BootClock: Send + Sync + 'static {
    /// How long ago the machine was started.
    fn since_boot(&self) -> SignedDuration;
}

/// The operating system's `CLOCK_BOOTTIME`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LiveBoot;

impl BootClock for LiveBoot {
    fn since_boot(&self) -> SignedDuration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        SignedDuration::new(time.tv_sec, i32::try_from(time.tv_nsec).unwrap_or(0))
    }
}

/// A wall clock under guard: each reading is held against the time since boot. Its time never goes back.
pub struct GuardedWall {
    wall: Box<dyn Wall>,
    boot: Box<dyn BootClock>,
    guard: Mutex<ClockGuard>,
}

impl GuardedWall {
    /// The machine's clocks; `mark` is the newest instant that the store has on record.
    #[must_use]
    pub fn live(mark: Option<Timestamp>) -> Self {
        Self::new(Box::new(LiveWall), Box::new(LiveBoot), mark)
    }

    /// As [`live`](Self::live), of other clocks.
    #[must_use]
    pub fn new(wall: Box<dyn Wall>, boot: Box<dyn BootClock>, mark: Option<Timestamp>) -> Self {
        let guard = ClockGuard::new(mark, read(&*wall, &*boot));
        Self {
            wall,
            boot,
            guard: Mutex::new(guard),
        }
    }

    /// Looks at the clocks.
    pub fn look(&self) -> ClockGuard {
        self.step(ClockGuard::look)
    }

    /// Takes in the time that the database told, which is sure but for `unsure`.
    pub fn hear(&self, database: Timestamp, unsure: SignedDuration) -> ClockGuard {
        self.step(|guard, now| guard.hear(now, database, unsure))
    }

    /// Accepts the clock as somebody saw it. Where it has leapt again since, it is not trusted again.
    pub fn accept(&self, seen: Reading) -> ClockGuard {
        self.step(|guard, now| guard.accept(seen).look(now))
    }

    /// Time since boot.
    #[must_use]
    pub fn since_boot(&self) -> SignedDuration {
        self.boot.since_boot()
    }

    fn step(&self, next: impl FnOnce(ClockGuard, Reading) -> ClockGuard) -> ClockGuard {
        let mut guard = self.held();
        // Read under the lock, so that readings come in their order.
        *guard = next(*guard, read(&*self.wall, &*self.boot));
        *guard
    }

    fn held(&self) -> MutexGuard<'_, ClockGuard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wall for GuardedWall {
    fn now(&self) -> Timestamp {
        self.look().now()
    }

    fn latest(&self) -> Timestamp {
        self.look().latest()
    }

    fn guarded(&self) -> Option<&GuardedWall> {
        Some(self)
    }
}

/// Both clocks at one instant.
fn read(wall: &dyn Wall, boot: &dyn BootClock) -> Reading {
    let mut before = boot.since_boot();
    for _ in 1..READ_MAX {
        let reading = Reading {
            wall: wall.now(),
            boot: boot.since_boot(),
        };
        if reading.boot.saturating_sub(before) <= READ_WITHIN {
            return reading;
        }
        before = reading.boot;
    }
    Reading {
        wall: wall.now(),
        boot: boot.since_boot(),
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
