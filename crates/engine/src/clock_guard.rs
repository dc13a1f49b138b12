//! Whether the wall clock is to be trusted: a pure function of what was known and of what the clocks say now.
//!
//! The wall clock is held against the time since the machine's boot, which nobody sets. While the two do not go
//! together no contact leaves, and the service's own time goes on with what was trusted; it never goes back.

use jiff::{SignedDuration, Timestamp};
use std::fmt;

/// How far the wall may move against the time since boot, or stand below what is on record.
pub const APART_MAX: SignedDuration = SignedDuration::from_secs(2);
/// A leap of at most this mends itself once the clocks go together again: half the guard of an effect window.
pub const MENDS_ITSELF_MAX: SignedDuration = SignedDuration::from_secs(60);
/// How long they must have gone together for that.
pub const STEADY: SignedDuration = SignedDuration::from_secs(10);
/// From here on it is said that this clock and the database's differ.
pub const SKEW_TOLD: SignedDuration = SignedDuration::from_millis(500);

/// What the two clocks say at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock.
    pub wall: Timestamp,
    /// Time since the machine's boot, sleep included.
    pub boot: SignedDuration,
}

impl Reading {
    /// How much further the wall has gone than the time since boot.
    fn leapt(self, to: Self) -> SignedDuration {
        let wall = to.wall.duration_since(self.wall);
        wall.saturating_sub(to.boot.saturating_sub(self.boot))
    }

    /// What the wall would show, had it gone on with the time since boot.
    fn carried_to(self, boot: SignedDuration) -> Timestamp {
        let on = self.wall.saturating_add(boot.saturating_sub(self.boot));
        on.unwrap_or(Timestamp::MAX)
    }
}

/// What is wrong with the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The wall has moved against the time since boot, by so much; below 0 backward.
    Leapt(SignedDuration),
    /// The wall stands so far below what is on record.
    Behind(SignedDuration),
    /// The wall is so far ahead of the database's clock; below 0 behind it.
    Skewed(SignedDuration),
}

impl Trouble {
    /// What it is in a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Leapt(_) => "leapt",
            Self::Behind(_) => "behind",
            Self::Skewed(_) => "skewed",
        }
    }
}

impl Trouble {
    /// What to do.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Leapt(_) | Self::Behind(_) => {
                "if it is wrong, set it right; if it is right, accept it: recoup clock accept --reason ..."
            }
            Self::Skewed(_) => {
                "let both machines ask the same time servers; it goes on by itself within 2 s"
            }
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Leapt(by) | Self::Behind(by) | Self::Skewed(by)) = self;
        let seconds = by.unsigned_abs().as_secs();
        let (went, what) = match self {
            Self::Leapt(_) if by.is_negative() => ("was set back by", ""),
            Self::Leapt(_) => ("was set on by", ""),
            Self::Behind(_) => ("is", " behind what is on record"),
            Self::Skewed(_) if by.is_negative() => ("is", " behind the database's"),
            Self::Skewed(_) => ("is", " ahead of the database's"),
        };
        write!(f, "the machine's clock {went} {seconds} s{what}")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Trusted,
    /// The wall has moved against the time since boot. `from` was trusted last; the two go together since `steady`.
    Leapt {
        from: Reading,
        steady: SignedDuration,
    },
    /// The wall stands below what is on record.
    Behind {
        from: Reading,
    },
}

/// What is known of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockGuard {
    last: Reading,
    /// The service's time: it never goes back.
    now: Timestamp,
    /// The wall is behind below this: the service's time, unless somebody accepted an earlier wall.
    floor: Timestamp,
    standing: Standing,
    skew: Option<SignedDuration>,
}

impl ClockGuard {
    /// What is known at the start: what the store has on record was so.
    #[must_use]
    pub fn new(mark: Option<Timestamp>, now: Reading) -> Self {
        let mark = mark.unwrap_or(now.wall).max(now.wall);
        let standing = if is_below(now.wall, mark) {
            Standing::Behind { from: now }
        } else {
            Standing::Trusted
        };
        Self {
            last: now,
            now: mark,
            floor: mark,
            standing,
            skew: None,
        }
    }

    /// What is known after another look at the clocks.
    #[must_use]
    pub fn look(self, now: Reading) -> Self {
        let standing = self.standing_at(now);
        let on = match standing {
            Standing::Trusted => now.wall,
            // As far as both agree that it is so late already.
            Standing::Leapt { from, .. } => from.carried_to(now.boot).min(now.wall),
            Standing::Behind { .. } => self.now,
        };
        Self {
            last: now,
            now: self.now.max(on),
            floor: match standing {
                Standing::Behind { .. } => self.floor,
                Standing::Trusted | Standing::Leapt { .. } => self.floor.max(on),
            },
            standing,
            skew: self.skew,
        }
    }

    fn standing_at(&self, now: Reading) -> Standing {
        let moved = self.last.leapt(now).abs();
        match self.standing {
            Standing::Trusted if is_below(now.wall, self.floor) => {
                Standing::Behind { from: self.last }
            }
            Standing::Trusted if moved > APART_MAX => Standing::Leapt {
                from: self.last,
                steady: now.boot,
            },
            Standing::Trusted => Standing::Trusted,
            Standing::Leapt { from, .. } if is_below(now.wall, self.floor) => {
                Standing::Behind { from }
            }
            Standing::Leapt { from, steady } => {
                let steady = if moved > APART_MAX { now.boot } else { steady };
                let by = from.leapt(now).abs();
                let mended = by <= MENDS_ITSELF_MAX && now.boot.saturating_sub(steady) >= STEADY;
                if by <= APART_MAX || mended {
                    Standing::Trusted
                } else {
                    Standing::Leapt { from, steady }
                }
            }
            Standing::Behind { from } if now.wall < self.floor => Standing::Behind { from },
            // It has caught up by waiting, or was set right.
            Standing::Behind { from }
                if moved <= APART_MAX || from.leapt(now).abs() <= APART_MAX =>
            {
                Standing::Trusted
            }
            Standing::Behind { from } => Standing::Leapt {
                from,
                steady: now.boot,
            },
        }
    }

    /// What is known once the database has told its time, which is sure but for `unsure`: a leap that it bears out is
    /// none any more.
    #[must_use]
    pub fn hear(self, now: Reading, database: Timestamp, unsure: SignedDuration) -> Self {
        let seen = self.look(now);
        let off = now.wall.duration_since(database);
        let agrees = off.abs().saturating_add(unsure) <= APART_MAX;
        let standing = match seen.standing {
            Standing::Leapt { .. } if agrees => Standing::Trusted,
            other => other,
        };
        // What may be the way to the database and back is held against nobody.
        let least = off.abs().saturating_sub(unsure).max(SignedDuration::ZERO);
        let skew = if off.is_negative() { -least } else { least };
        Self {
            standing,
            skew: Some(skew),
            ..seen
        }
        .look(now)
    }

    /// What is known once an operator has accepted the wall as it was seen. The service's time does not go back: it
    /// stands until the wall has caught up.
    #[must_use]
    pub fn accept(self, seen: Reading) -> Self {
        Self {
            last: seen,
            floor: seen.wall,
            standing: Standing::Trusted,
            ..self
        }
        .look(seen)
    }

    /// The service's time.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The latest that it may be, whichever clock is right: what must not leave too late is held against this.
    #[must_use]
    pub fn latest(&self) -> Timestamp {
        let carried = match self.standing {
            Standing::Trusted => self.now,
            Standing::Leapt { from, .. } | Standing::Behind { from } => {
                from.carried_to(self.last.boot)
            }
        };
        self.now.max(self.last.wall).max(carried)
    }

    /// The wall, where it was accepted although more than a moment behind the service's time.
    #[must_use]
    pub fn earlier(&self) -> Option<Timestamp> {
        Some(self.last.wall).filter(|wall| is_below(*wall, self.now))
    }

    /// The last look at the clocks.
    #[must_use]
    pub const fn seen(&self) -> Reading {
        self.last
    }

    /// How far the wall is ahead of the database's clock; none where none has told.
    #[must_use]
    pub const fn skew(&self) -> Option<SignedDuration> {
        self.skew
    }

    /// Why no contact may leave; none where the clock is to be trusted.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        // The first, because nobody can accept it.
        if let Some(far) = self.skew.filter(|by| by.abs() > APART_MAX) {
            return Some(Trouble::Skewed(far));
        }
        match self.standing {
            Standing::Trusted => None,
            Standing::Leapt { from, .. } => Some(Trouble::Leapt(from.leapt(self.last))),
            Standing::Behind { .. } => {
                Some(Trouble::Behind(self.floor.duration_since(self.last.wall)))
            }
        }
    }
}

/// Whether it is below, by more than a moment.
fn is_below(wall: Timestamp, mark: Timestamp) -> bool {
    mark.duration_since(wall) > APART_MAX
}

#[cfg(test)]
#[path = "clock_guard_tests.rs"]
mod tests;
