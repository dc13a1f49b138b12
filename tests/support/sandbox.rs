//! The outside world as a process of its own, which stays when the server is killed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::builds;
use super::process::{Process, until};

/// A running sandbox.
pub(crate) struct Sandbox {
    process: Process,
    log: PathBuf,
    endpoints: Value,
}

impl Sandbox {
    /// Starts one on real time.
    pub(crate) async fn live(dir: &Path, seed: u64) -> Self {
        Self::start(dir, seed, None).await
    }

    /// Starts one that follows the stepped clock at `clock`.
    pub(crate) async fn stepped(dir: &Path, seed: u64, clock: SocketAddr) -> Self {
        Self::start(dir, seed, Some(clock)).await
    }

    async fn start(dir: &Path, seed: u64, clock: Option<SocketAddr>) -> Self {
        let log = dir.join("sandbox.jsonl");
        let mut command = Command::new(builds::recoup());
        command.arg("sandbox").arg("--log").arg(&log);
        command.args(["--seed", &seed.to_string()]);
        if let Some(clock) = clock {
            command.args(["--clock", &clock.to_string()]);
        }
        let mut process = Process::start(dir, "sandbox", &mut command);
        let endpoints = until("the sandbox's addresses", async || {
            assert!(process.exited().is_none(), "the sandbox ended at once");
            let line = process.stdout();
            line.ends_with('\n')
                .then(|| serde_json::from_str(&line).expect("one JSON line"))
        })
        .await;
        Self {
            process,
            log,
            endpoints,
        }
    }

    /// Base URL of a part: `sms`, `voice`, `smtp`, `caldav`, `legal` or `control`.
    pub(crate) fn endpoint(&self, part: &str) -> &str {
        self.endpoints[part].as_str().expect("an endpoint")
    }

    /// It takes connections, and answers nothing until it is thawed.
    pub(crate) fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// It goes on.
    pub(crate) fn thaw(&self) {
        self.process.signal("CONT");
    }

    /// Its log, for the judge.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// The lines of its log of one type.
    pub(crate) fn lines(&self, kind: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).expect("the sandbox's log");
        // The last line may be half written.
        let whole = text
            .rsplit_once('\n')
            .map_or("", |(whole, _)| whole)
            .lines();
        let lines = whole.map(|line| serde_json::from_str::<Value>(line).expect("a JSON line"));
        lines.filter(|line| line["type"] == kind).collect()
    }

    /// Requests that reach a person, on one channel.
    pub(crate) fn effects(&self, channel: &str) -> Vec<Value> {
        let mut lines = self.lines("receipt");
        lines.retain(|l| l["channel"] == channel && l["effect"] == true);
        lines
    }

    /// Tells it what to do wrong from now on.
    pub(crate) async fn misbehave(&self, how: &str) {
        let address = self.endpoint("control").trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let request = format!(
            "POST /control/misbehave HTTP/1.1\r\nhost: sandbox\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{how}",
            how.len()
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    }

    /// Ends it, so that its log is whole.
    pub(crate) async fn stop(&mut self) {
        let status = self.process.terminate().await;
        assert!(status.success(), "{status}: {}", self.process.stderr());
    }
}
