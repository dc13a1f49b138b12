//! Room set aside on the store's disk. What becomes of a contact must be put on record whatever else fills the disk:
//! dispatch ends while there is room, and where that was not enough the writer gives this up and writes on.

use super::open::private;
use crate::{BALLAST_BYTES, Room};
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file that holds the room.
pub(super) const NAME: &str = "ballast";

/// The room set aside for a store.
pub(super) struct Ballast {
    dir: PathBuf,
    least_bytes: u64,
    /// Whether the file is there in full.
    laid: Mutex<bool>,
}

impl Ballast {
    /// Sets it aside where the disk has the room; a store opens on a full disk, too, and sends nothing.
    pub(super) fn new(dir: &Path, least_bytes: u64) -> Self {
        let ballast = Self {
            dir: dir.to_owned(),
            least_bytes,
            laid: Mutex::new(false),
        };
        ballast.lay(&mut ballast.laid());
        ballast
    }

    /// How the disk is, once what had to be given up is set aside anew; none where it does not say.
    pub(super) fn room(&self) -> Option<Room> {
        let mut laid = self.laid();
        self.lay(&mut laid);
        Some(Room {
            free_bytes: self.free_bytes()?,
            least_bytes: self.least_bytes,
            ballast_bytes: if *laid { BALLAST_BYTES } else { 0 },
        })
    }

    /// Gives the room up; false where it was given up before.
    pub(super) fn give_up(&self) -> bool {
        let mut laid = self.laid();
        if !*laid {
            return false;
        }
        *laid = false;
        match fs::remove_file(self.path()) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "the room set aside for outcomes cannot be given up");
                false
            }
        }
    }

    fn lay(&self, laid: &mut bool) {
        if *laid {
            return;
        }
        let whole = fs::metadata(self.path()).is_ok_and(|m| m.len() == BALLAST_BYTES);
        if !whole {
            let wanted = self.least_bytes.saturating_add(BALLAST_BYTES);
            if self.free_bytes().is_none_or(|free| free < wanted) {
                return;
            }
            if let Err(error) = self.fill() {
                tracing::warn!(%error, "room for outcomes cannot be set aside");
                drop(fs::remove_file(self.path()));
                return;
            }
        }
        *laid = true;
    }

    fn fill(&self) -> io::Result<()> {
        let mut file = private().open(self.path())?;
        match fallocate(&file, FallocateFlags::empty(), 0, BALLAST_BYTES) {
            Ok(()) => {}
            // Not every file system gives room without bytes.
            Err(Errno::OPNOTSUPP) => fill_with_zeros(&mut file)?,
            Err(error) => return Err(error.into()),
        }
        file.sync_all()
    }

    fn free_bytes(&self) -> Option<u64> {
        let found = statvfs(&self.dir).ok()?;
        found.f_bavail.checked_mul(found.f_frsize)
    }

    fn path(&self) -> PathBuf {
        self.dir.join(NAME)
    }

    fn laid(&self) -> MutexGuard<'_, bool> {
        self.laid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fill_with_zeros(file: &mut File) -> io::Result<()> {
    static BLOCK: [u8; 65_536] = [0; 65_536];
    for _ in 0..BALLAST_BYTES / BLOCK.len() as u64 {
        file.write_all(&BLOCK)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn room_is_set_aside_given_up_once_and_set_aside_anew() {
        let dir = tempfile::tempdir().expect("a folder");
        let ballast = Ballast::new(dir.path(), MIB);
        let blocks = |path: &Path| {
            let found = rustix::fs::stat(path).expect("the file");
            found.st_blocks as u64 * 512
        };
        assert!(
            blocks(&dir.path().join(NAME)) >= BALLAST_BYTES,
            "a hole holds no room"
        );
        let room = ballast.room().expect("room");
        assert!(!room.is_short(), "{room}");
        assert!(ballast.give_up());
        assert!(!ballast.give_up(), "there is nothing left to give up");
        assert!(!dir.path().join(NAME).exists());
        assert!(
            !ballast.room().expect("room").is_short(),
            "there is room again"
        );
        assert!(dir.path().join(NAME).exists());
    }

    #[test]
    fn on_a_disk_with_too_little_room_nothing_is_set_aside() {
        let dir = tempfile::tempdir().expect("a folder");
        let ballast = Ballast::new(dir.path(), u64::MAX / 2);
        let room = ballast.room().expect("room");
        assert!(room.is_short());
        assert_eq!(room.ballast_bytes, 0);
        assert!(!dir.path().join(NAME).exists());
        assert!(!ballast.give_up());
    }

    #[test]
    fn what_an_earlier_process_set_aside_counts() {
        let dir = tempfile::tempdir().expect("a folder");
        drop(Ballast::new(dir.path(), MIB));
        // Of too small a file nothing is known.
        let file = private().open(dir.path().join(NAME)).expect("the file");
        file.set_len(MIB).expect("cut");
        let ballast = Ballast::new(dir.path(), MIB);
        assert_eq!(ballast.room().expect("room").ballast_bytes, BALLAST_BYTES);
        let length = fs::metadata(dir.path().join(NAME)).expect("the file").len();
        assert_eq!(length, BALLAST_BYTES);
    }
}
