//! A peer as a process: its events, what it is told, and its end.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tokio::sync::mpsc::{self, UnboundedReceiver};

/// No test waits so long unless something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running peer. It says events as lines of JSON with a key `event`; whatever else it writes is
/// shown when the test fails. Dropped, it is ended with all that it started.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    stdin: ChildStdin,
    events: UnboundedReceiver<Value>,
    log: PathBuf,
}

impl Running {
    /// Starts it with its log in `folder`.
    pub(crate) fn start(name: &'static str, command: &mut Command, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = std::fs::File::create(&log).expect("a log");
        let mut child = command
            .current_dir(folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file.try_clone().expect("a log"))
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (say, events) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                match serde_json::from_str::<Value>(&line) {
                    Ok(event) if event["event"].is_string() => drop(say.send(event)),
                    _ => drop(writeln!(&file, "{line}")),
                }
            }
        });
        Self {
            name,
            child,
            stdin,
            events,
            log,
        }
    }

    /// The next event, which must be this one.
    pub(crate) async fn event(&mut self, wanted: &str) -> Value {
        let next = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        let Ok(Some(event)) = next else {
            panic!("{} says no `{wanted}`: {next:?}", self.name)
        };
        assert_eq!(event["event"], wanted, "{}: {event}", self.name);
        event
    }

    /// Tells it something, in a line.
    pub(crate) fn tell(&mut self, what: &Value) {
        writeln!(self.stdin, "{what}").expect("it reads");
    }

    /// Tells it something and takes its answer, the event `done`.
    pub(crate) async fn ask(&mut self, what: &Value) -> Value {
        self.tell(what);
        self.event("done").await
    }

    /// Waits until it listens at a port.
    pub(crate) async fn listens(&mut self, port: u16) {
        let connects = async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
        let listens = async {
            while connects().await.is_err() {
                if let Some(status) = self.child.try_wait().expect("our child") {
                    panic!("{} ended: {status}", self.name);
                }
                // Programs of others do not tell when they listen.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, listens)
            .await
            .unwrap_or_else(|_| panic!("{} never listens at {port}", self.name));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read(&self.log).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            eprintln!("--- {} wrote:\n{log}", self.name);
        }
    }
}

/// A port that nobody has now, for peers that take no port 0.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// A script beside this file.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/interop/peers")
        .join(name)
}
