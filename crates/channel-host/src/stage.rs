//! Reads a library once, judges its bytes, and writes those bytes to a private file.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::{LoadError, LoadSpec};

/// A private copy that is removed when dropped; what is mapped by then stays mapped.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) path: PathBuf,
    pub(crate) sha256: [u8; 32],
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes the private copy. The operator's file is read once and never mapped: overwriting a mapped
/// file kills the process.
pub(crate) fn stage(spec: &LoadSpec) -> Result<Staged, LoadError> {
    let read = || {
        fs::read(&spec.path).map_err(|source| LoadError::Unreadable {
            name: spec.name.clone(),
            path: spec.path.clone(),
            source,
        })
    };
    let bytes = match &spec.bytes {
        Some(given) => given.clone(),
        None => read()?.into(),
    };
    check_elf(spec, &bytes)?;
    let sha256: [u8; 32] = Sha256::digest(&bytes).into();
    let path =
        write_private(&spec.run_dir, &sha256, &bytes).map_err(|source| LoadError::Staging {
            name: spec.name.clone(),
            run_dir: spec.run_dir.clone(),
            source,
        })?;
    Ok(Staged { path, sha256 })
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(target_arch = "x86_64")]
const MACHINE: (u16, &str) = (62, "x86-64");
#[cfg(target_arch = "aarch64")]
const MACHINE: (u16, &str) = (183, "AArch64");

/// A constructor runs inside `dlopen`, so what can be seen in the bytes is judged before.
fn check_elf(spec: &LoadSpec, bytes: &[u8]) -> Result<(), LoadError> {
    const SHARED_OBJECT: u16 = 3;
    let u16_at = |at: usize| {
        bytes
            .get(at..at + 2)
            .map(|two| u16::from_le_bytes([two[0], two[1]]))
    };
    let found = if bytes.is_empty() {
        "empty".to_owned()
    } else if bytes.get(..4) != Some(b"\x7fELF") {
        "no ELF file".to_owned()
    } else if bytes.get(4) != Some(&2) || bytes.get(5) != Some(&1) {
        "an ELF file of another word size or byte order".to_owned()
    } else if u16_at(16) != Some(SHARED_OBJECT) {
        "an ELF file, but no shared object".to_owned()
    } else if u16_at(18) != Some(MACHINE.0) {
        format!("built for ELF machine {}", u16_at(18).unwrap_or_default())
    } else if !has_all_segments(bytes) {
        "cut short: its headers speak of bytes that are not there".to_owned()
    } else {
        return Ok(());
    };
    Err(LoadError::NotALibrary {
        name: spec.name.clone(),
        path: spec.path.clone(),
        found,
        wanted: format!("a 64-bit ELF shared object for {}", MACHINE.1),
    })
}

/// True where every program header, and every byte that one names, is in the file. The loader maps
/// what the headers say, and touching a page behind the file's end is SIGBUS for this process.
fn has_all_segments(bytes: &[u8]) -> bool {
    let number = |at: usize, size: usize| {
        let field = bytes.get(at..at.checked_add(size)?)?;
        Some(
            field
                .iter()
                .rev()
                .fold(0u64, |sum, byte| sum << 8 | u64::from(*byte)),
        )
    };
    let all = || {
        let (table, entry, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
        for index in 0..count {
            let header = usize::try_from(table.checked_add(index * entry)?).ok()?;
            let (offset, size) = (
                number(header.checked_add(8)?, 8)?,
                number(header.checked_add(32)?, 8)?,
            );
            (offset.checked_add(size)? <= bytes.len() as u64).then_some(())?;
        }
        (count > 0).then_some(())
    };
    all().is_some()
}

/// Names are unique in this process, for the loader takes a name that it knows for the old library.
fn write_private(run_dir: &Path, sha256: &[u8; 32], bytes: &[u8]) -> io::Result<PathBuf> {
    static GENERATION: AtomicU64 = AtomicU64::new(1);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(run_dir)?;
    // A channel's process works in another folder.
    let run_dir = std::path::absolute(run_dir)?;
    let run_dir = run_dir.as_path();
    let folder = fs::metadata(run_dir)?;
    if folder.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the folder is another user's, who could replace what is in it",
        ));
    }
    if folder.permissions().mode() & 0o022 != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "others may write to the folder; its mode has to be 0700",
        ));
    }
    loop {
        let generation = GENERATION.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}-{generation}.so", hex(sha256), std::process::id());
        let path = run_dir.join(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o500)
            .open(&path);
        match file {
            Ok(mut file) => {
                if let Err(error) = file.write_all(bytes) {
                    let _ = fs::remove_file(&path);
                    return Err(error);
                }
                return Ok(path);
            }
            // Left by a process of the same id that was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}
