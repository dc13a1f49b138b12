//! Room on the disk that a store lies on: an outcome that finds none is lost, so dispatch ends before that.

use std::fmt;

/// How much room there is, and how much there must be for contacts to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Bytes that are free on the disk.
    pub free_bytes: u64,
    /// Below so many no contact goes.
    pub least_bytes: u64,
    /// Bytes set aside, to be given up when the disk is full; 0 where they had to be, or could not be had.
    pub ballast_bytes: u64,
}

impl Room {
    /// Bytes that must be free for contacts to go: what was given up is set aside anew before.
    #[must_use]
    pub const fn wanted_bytes(&self) -> u64 {
        match self.ballast_bytes {
            0 => self.least_bytes.saturating_add(super::BALLAST_BYTES),
            _ => self.least_bytes,
        }
    }

    /// Whether no contact may go: what becomes of it might not be put on record.
    #[must_use]
    pub const fn is_short(&self) -> bool {
        self.free_bytes < self.least_bytes || self.ballast_bytes == 0
    }
}

/// What is wrong, for who must make room.
impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: u64 = 1 << 20;
        let (free, wanted) = (self.free_bytes / MIB, self.wanted_bytes().div_ceil(MIB));
        write!(f, "the store's disk has {free} MiB free; ")?;
        write!(f, "contacts go from {wanted} MiB on")
    }
}
