//! What is left of the disk.

use std::path::Path;

/// Free space for an ordinary user on the disk that holds a folder, in bytes; none where the system does not say.
#[must_use]
pub fn free_bytes(dir: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(dir).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_room_and_none_has_nothing_to_say() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(free_bytes(dir.path()).is_some_and(|n| n > 0));
        assert_eq!(free_bytes(&dir.path().join("none")), None);
    }
}
