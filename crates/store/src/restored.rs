//! What a store knows of copies of itself: how one is made, and that it was opened from one.

use crate::StoreError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where a copy goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyTo {
    /// The folder of all copies, made where it does not exist.
    pub dir: PathBuf,
    /// The folder of the newest copy of the wrapped data keys; an older one is replaced, or an erased key would come
    /// back with it.
    pub keys_dir: PathBuf,
    /// The copy's own folder in `dir`: letters, digits, `.`, `_` and `-`, and no `.` in front.
    pub name: String,
}

/// A copy that is whole and on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its folder among the copies.
    pub name: String,
    /// SHA-256 of its `recoup.db`, hexadecimal.
    pub sha256: String,
    /// The newest position of the journal that it holds.
    pub position: u64,
    /// Bytes of both files.
    pub bytes: u64,
}

/// Why there is no copy. Nothing is left that looks like one.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Whoever runs the medium copies it.
    #[error("{0}")]
    Elsewhere(&'static str),
    /// Another one is being made.
    #[error("another copy is being made; wait for its end")]
    Busy,
    /// There is one of that name.
    #[error("{0} exists already; a copy is never written over, give another name")]
    Exists(PathBuf),
    /// The name is none.
    #[error(
        "`{0}` is no name of a copy: 1-64 letters, digits, `.`, `_` and `-`, and no `.` in front"
    )]
    Name(String),
    /// The folder cannot take it.
    #[error("{path} cannot take the copy: {problem}")]
    Place {
        /// Where.
        path: PathBuf,
        /// What is wrong and what would be right.
        problem: &'static str,
    },
    /// What was written is not what was read.
    #[error("the copy was not sound and is gone again: {0}")]
    Unsound(String),
    /// The store or the medium of the copy failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The mark that a copy carries, and that the store it was made of never has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CopyMark {
    /// When it was made, by the machine's clock.
    pub(crate) taken_at: Timestamp,
}

/// A store was opened from a copy: what its predecessor wrote after that is not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The number of what is written from then on: higher than that of any predecessor.
    pub history: u32,
    /// The newest position of the copy. What the predecessor wrote above it is lost.
    pub position: u64,
    /// When the copy was made, by the machine's clock.
    pub taken_at: Timestamp,
}

/// All the times that a store was opened from a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histories {
    /// The oldest first.
    pub restored: Vec<Restored>,
    /// The history whose cases in doubt are all held.
    pub held: Option<u32>,
}

impl Histories {
    /// The number of what is written now; 0 where the store never was a copy.
    #[must_use]
    pub fn current(&self) -> u32 {
        self.restored.last().map_or(0, |r| r.history)
    }

    /// The last restore, where its cases in doubt are not all held yet.
    #[must_use]
    pub fn unheld(&self) -> Option<&Restored> {
        self.restored
            .last()
            .filter(|r| self.held != Some(r.history))
    }

    /// Whether a position that was told in a history is the same entry today: it lies below where that history and
    /// ours part.
    #[must_use]
    pub fn holds(&self, history: u32, position: u64) -> bool {
        let known = history == 0 || self.restored.iter().any(|r| r.history == history);
        let mut later = self.restored.iter().filter(|r| r.history > history);
        known && later.all(|r| position <= r.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restored(history: u32, position: u64) -> Restored {
        Restored {
            history,
            position,
            taken_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_position_holds_up_to_where_its_history_parts_from_ours() {
        let never = Histories::default();
        assert!(never.holds(0, 9) && !never.holds(7, 1), "of another store");
        let twice = Histories {
            restored: vec![restored(100, 10), restored(200, 8)],
            held: Some(100),
        };
        for (history, position, holds) in [
            (0, 8, true),
            (0, 9, false),
            (100, 8, true),
            (100, 11, false),
            (200, 11, true),
            (150, 1, false),
        ] {
            assert_eq!(
                twice.holds(history, position),
                holds,
                "{history} {position}"
            );
        }
        assert_eq!(twice.current(), 200);
        assert_eq!(twice.unheld().map(|r| r.history), Some(200));
    }
}
