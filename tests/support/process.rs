//! A child process: its output goes to files, it is killed by its handle, and a failed test shows all of it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take before a test calls it hung. Ten times what it takes on a slow machine
/// that does much else.
pub(crate) const HANG: Duration = Duration::from_secs(180);
/// How often something is looked at that gives no word.
pub(crate) const LOOK: Duration = Duration::from_millis(10);
/// How much of an output a failed test shows, in bytes.
const SHOWN: usize = 8_000;

/// A child process.
pub(crate) struct Process {
    child: Child,
    what: String,
    out: PathBuf,
    err: PathBuf,
}

impl Process {
    /// Starts a program; its output goes to `<dir>/<name>.out` and `.err`, behind what is there.
    pub(crate) fn start(dir: &Path, name: &str, command: &mut Command) -> Self {
        let (out, err) = (
            dir.join(format!("{name}.out")),
            dir.join(format!("{name}.err")),
        );
        let open = |path: &Path| -> File {
            let opened = File::options().create(true).append(true).open(path);
            opened.unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        };
        command
            .stdin(Stdio::null())
            .stdout(open(&out))
            .stderr(open(&err));
        let what = format!("{command:?}");
        let child = command.spawn().unwrap_or_else(|e| panic!("{what}: {e}"));
        Self {
            child,
            what,
            out,
            err,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to standard output.
    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(&self.out).unwrap_or_default()
    }

    /// What it wrote to standard error.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(&self.err).unwrap_or_default()
    }

    /// Its exit, once it has one.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// SIGKILL, and its end.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop and waits for its end.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait().await
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.pid().to_string()])
            .status();
        assert!(sent.expect("kill runs").success(), "{}", self.what);
    }

    /// Waits for its end.
    pub(crate) async fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.exited() {
                return status;
            }
            assert!(begun.elapsed() < HANG, "{} does not end", self.what);
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let (out, err) = (tail(&self.stdout()), tail(&self.stderr()));
            eprintln!("--- {}\n--- stdout\n{out}\n--- stderr\n{err}", self.what);
        }
    }
}

fn tail(text: &str) -> String {
    let from = text.len().saturating_sub(SHOWN);
    let from = (from..=text.len()).find(|i| text.is_char_boundary(*i));
    text[from.unwrap_or(0)..].to_owned()
}

/// Waits until `look` finds something; `what` is for whoever reads of a hang.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    until_within(HANG, what, look).await
}

/// As [`until`], with a guard of its own.
pub(crate) async fn until_within<T>(
    guard: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < guard, "waited in vain for {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// A folder of one test: gone after it, kept and named where it failed.
pub(crate) struct Folder(Option<tempfile::TempDir>);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(Some(tempfile::tempdir().expect("a folder")))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.as_ref().expect("it is there until the end").path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(dir) = self.0.take()
        {
            eprintln!("--- kept: {}", dir.keep().display());
        }
    }
}
