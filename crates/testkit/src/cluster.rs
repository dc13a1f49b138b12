//! A PostgreSQL server of a test's own: a data folder, a socket, a child process, gone with the value.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a server may take to answer; a guard against hanging, nothing that is measured.
const PATIENCE: Duration = Duration::from_secs(60);
/// The role that owns the databases.
const ROLE: &str = "recoup";

/// A private server, reached by a socket alone.
pub struct Cluster {
    dir: TempDir,
    bin: PathBuf,
    settings: Vec<String>,
    server: Option<Child>,
}

impl Cluster {
    /// Starts a server with more settings (`name=value`). None where PostgreSQL is not installed, which is said;
    /// under `RECOUP_STRICT=1` that fails.
    ///
    /// # Panics
    /// Where the server does not start.
    #[must_use]
    pub fn start(settings: &[&str]) -> Option<Self> {
        let Some(bin) = newest_bin() else {
            let strict = std::env::var_os("RECOUP_STRICT").is_some_and(|v| v == "1");
            assert!(
                !strict,
                "no PostgreSQL in /usr/lib/postgresql: install Debian's `postgresql`"
            );
            eprintln!("skipped: no PostgreSQL in /usr/lib/postgresql");
            return None;
        };
        let near = Path::new("/dev/shm");
        let root = if near.is_dir() {
            near.to_owned()
        } else {
            std::env::temp_dir()
        };
        let dir = TempDir::with_prefix_in("pg-", root).expect("a folder");
        let mut cluster = Self {
            dir,
            bin,
            settings: settings.iter().map(|s| (*s).to_owned()).collect(),
            server: None,
        };
        cluster.give_away();
        let data = cluster.dir.path().join("data");
        let made = cluster
            .command("initdb")
            .args([
                "--no-sync",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "-U",
                ROLE,
                "-D",
            ])
            .arg(&data)
            .output();
        must("initdb", made);
        cluster.resume();
        Some(cluster)
    }

    /// The address of a new, empty database.
    ///
    /// # Panics
    /// Where it cannot be made.
    #[must_use]
    pub fn database(&self, name: &str) -> String {
        self.sql("postgres", &format!("CREATE DATABASE \"{name}\""));
        self.url(name)
    }

    /// The address of a database.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        let socket = self.dir.path().display().to_string().replace('/', "%2F");
        format!("postgres://{ROLE}@{socket}/{name}")
    }

    /// The folder of the server's socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        self.dir.path()
    }

    /// Runs SQL as the owner; answers what it prints, without decoration.
    ///
    /// # Panics
    /// Where it fails.
    pub fn sql(&self, database: &str, text: &str) -> String {
        let ran = Command::new(self.bin.join("psql"))
            .args([
                "-XAtq",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                ROLE,
                "-d",
                database,
                "-c",
                text,
                "-h",
            ])
            .arg(self.dir.path())
            .output();
        String::from_utf8_lossy(&must(text, ran).stdout)
            .trim()
            .to_owned()
    }

    /// Ends the server as a crash does: nothing is flushed, its log is played at the next start.
    pub fn crash(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        // SIGQUIT: its children end with it; what it had in shared memory is not taken for somebody else's.
        let pid = server.id().to_string();
        let sent = Command::new("kill").args(["-QUIT", &pid]).status();
        if !sent.is_ok_and(|s| s.success()) {
            drop(server.kill());
        }
        drop(server.wait());
    }

    /// Starts it, at first or again.
    ///
    /// # Panics
    /// Where it does not answer.
    pub fn resume(&mut self) {
        let log = std::fs::File::create(self.dir.path().join("log")).expect("a log");
        let mut server = self.command("postgres");
        server.arg("-D").arg(self.dir.path().join("data"));
        server.arg("-k").arg(self.dir.path());
        for setting in ["listen_addresses=", "max_connections=200"] {
            server.args(["-c", setting]);
        }
        for setting in &self.settings {
            server.args(["-c", setting]);
        }
        let server = server.stdout(Stdio::null()).stderr(log).spawn();
        self.server = Some(server.expect("the server starts"));
        let begun = Instant::now();
        while !self.answers() {
            assert!(begun.elapsed() < PATIENCE, "{}", self.log());
            sleep(Duration::from_millis(20));
        }
    }

    fn answers(&self) -> bool {
        let ready = Command::new(self.bin.join("pg_isready"))
            .args(["-q", "-U", ROLE, "-h"])
            .arg(self.dir.path())
            .status();
        ready.is_ok_and(|s| s.success())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// A program of the server's, as the user it may run as: it refuses root.
    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command
            .args([
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
                "--pdeathsig=QUIT",
            ])
            .arg(program)
            .current_dir("/");
        command
    }

    fn give_away(&self) {
        if !is_root() {
            return;
        }
        let [user, group] = ["-u", "-g"].map(|what| {
            let id = must("id", Command::new("id").args([what, "postgres"]).output());
            String::from_utf8_lossy(&id.stdout).trim().parse().ok()
        });
        chown(self.dir.path(), user, group).expect("the folder is given to postgres");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.crash();
    }
}

fn newest_bin() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/initdb").is_file())
        .max_by_key(number)?;
    Some(newest.join("bin"))
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

fn must(what: &str, ran: std::io::Result<Output>) -> Output {
    let output = ran.unwrap_or_else(|e| panic!("{what}: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {said}");
    output
}
