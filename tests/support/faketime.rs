//! A wall clock that a test sets while the server runs, by Debian's libfaketime.
//!
//! Only the wall is faked. `FAKETIME_DONT_FAKE_MONOTONIC` spares the monotonic clocks, `CLOCK_BOOTTIME` among them;
//! and the server asks for that one by the kernel's own entry, past the C library where the fake sits.

use std::fs;
use std::path::{Path, PathBuf};

use super::server::Setup;

/// Where Debian has it: the variant for programs with threads.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// A wall clock of a test's own.
pub(crate) struct FakeWall {
    library: PathBuf,
    file: PathBuf,
}

impl FakeWall {
    /// One that is right, its file in `dir`. None where libfaketime is not installed, which is said; under
    /// `RECOUP_STRICT=1` that fails.
    pub(crate) fn new(dir: &Path) -> Option<Self> {
        let roots = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let libraries = roots.map(|root| root.path().join(LIBRARY));
        let Some(library) = libraries.into_iter().find(|path| path.is_file()) else {
            let strict = std::env::var_os("RECOUP_STRICT").is_some_and(|v| v == "1");
            assert!(
                !strict,
                "no {LIBRARY} in /usr/lib: install Debian's `faketime`"
            );
            eprintln!("skipped: no {LIBRARY} in /usr/lib");
            return None;
        };
        let wall = Self {
            library,
            file: dir.join("wall"),
        };
        wall.set(0);
        Some(wall)
    }

    /// Sets the wall so far from the truth, in seconds.
    pub(crate) fn set(&self, off: i64) {
        // Whole or not at all: it is read at every look at the clock.
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{off:+}\n")).expect("a file");
        fs::rename(&new, &self.file).expect("a file in its place");
    }

    /// Puts a server under this wall.
    pub(crate) fn over(&self, mut setup: Setup) -> Setup {
        let library = self.library.display().to_string();
        let file = self.file.display().to_string();
        for (name, value) in [
            ("LD_PRELOAD", library.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", &file),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
        ] {
            setup.env.push((name.to_owned(), value.to_owned()));
        }
        setup
    }
}
