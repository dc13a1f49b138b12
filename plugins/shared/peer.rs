//! What the plugins' own tests share: a host, a clock that is set by hand, and a loopback peer that
//! answers as told and keeps what it received.
//!
//! Included by `#[path = "../../shared/peer.rs"] mod peer;`.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use recoup_channel::wire::Inbound;
use recoup_channel::{Blob, Call, Clock, Host, HostApi, Level};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// 2026-11-24 02:00:00 UTC.
pub(crate) const NOW_UNIX_MS: i64 = 1_795_485_600_000;

/// A host with secrets and attachments; its wall clock stands still unless it is moved.
pub(crate) struct TestHost {
    secrets: BTreeMap<String, String>,
    blobs: Mutex<BTreeMap<[u8; 32], Vec<u8>>>,
    wall_unix_ms: AtomicI64,
    started: Instant,
}

impl TestHost {
    pub(crate) fn new(secrets: &[(&str, &str)]) -> Arc<Self> {
        let secrets = secrets
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        Arc::new(Self {
            secrets: secrets.collect(),
            blobs: Mutex::default(),
            wall_unix_ms: AtomicI64::new(NOW_UNIX_MS),
            started: Instant::now(),
        })
    }

    /// The handle that a channel gets.
    pub(crate) fn host(self: &Arc<Self>) -> Host {
        Host::new(self.clone())
    }

    /// Serves these bytes under this hash, be it theirs or not.
    pub(crate) fn put_blob(&self, sha256: [u8; 32], bytes: &[u8]) {
        self.blobs
            .lock()
            .expect("not poisoned")
            .insert(sha256, bytes.to_vec());
    }

    /// A call of ten seconds with a key, and how often `began` has been said.
    pub(crate) fn call(self: &Arc<Self>, key: &str) -> (Call, Arc<AtomicU64>) {
        let began = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&began);
        let call = Call::new(Duration::from_secs(10), self.clone())
            .with_idempotency_key(key)
            .with_began(Arc::new(move || {
                counter.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }));
        (call, began)
    }
}

impl Clock for TestHost {
    fn wall_unix_ms(&self) -> i64 {
        self.wall_unix_ms.load(Ordering::SeqCst)
    }

    fn mono_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl HostApi for TestHost {
    fn log(&self, _level: Level, _line: &str) {}

    fn metric(&self, _id: u32, _value: f64) {}

    fn secret(&self, name: &str) -> Option<String> {
        self.secrets.get(name).cloned()
    }

    fn event(&self, _inbound: &Inbound) -> Option<u64> {
        None
    }

    fn blob(&self, sha256: &[u8; 32]) -> io::Result<Blob> {
        let blobs = self.blobs.lock().expect("not poisoned");
        let bytes = blobs.get(sha256).ok_or(io::ErrorKind::NotFound)?;
        let mut file = tempfile::tempfile()?;
        io::Write::write_all(&mut file, bytes)?;
        Ok(Blob::new(file, bytes.len() as u64))
    }
}

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Method and target.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// What the peer does with its next request.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// Answers with this status, these headers (whole lines) and this body.
    Answer(u16, String, Vec<u8>),
    /// Reads the request and closes without an answer.
    Cut,
    /// Answers with bytes that are no HTTP.
    Garbage,
}

impl Then {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        let headers = "Content-Type: application/json\r\n".to_owned();
        Self::Answer(status, headers, body.as_bytes().to_vec())
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self::Answer(status, String::new(), Vec::new())
    }
}

/// A peer on a loopback port of its own.
pub(crate) struct Peer {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Peer {
    /// Answers one request with each of `script`, in order; cuts what comes after.
    pub(crate) async fn start(script: Vec<Then>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut script = script.into_iter();
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                // A connection that brings no request uses up no answer.
                let Some((stream, request)) = read(stream).await else {
                    continue;
                };
                kept.lock().expect("not poisoned").push(request);
                act(stream, script.next().unwrap_or(Then::Cut)).await;
            }
        });
        Self { url, seen, task }
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("not poisoned").clone()
    }

    /// The only request.
    pub(crate) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A URL that nobody listens at.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    format!("http://{}", listener.local_addr().expect("bound"))
}

async fn read(mut stream: TcpStream) -> Option<(TcpStream, Seen)> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut request = Seen::default();
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.lines();
    let line = lines.next().unwrap_or_default();
    request.line = line.trim_end_matches(" HTTP/1.1").to_owned();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        request
            .headers
            .insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = request
        .headers
        .get("content-length")
        .map_or(Ok(0), |n| n.parse::<usize>());
    let length = length.expect("a length");
    while bytes.len() < head + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    request.body = bytes[head..].to_vec();
    Some((stream, request))
}

async fn act(mut stream: TcpStream, then: Then) {
    let answer = match then {
        Then::Cut => return,
        Then::Garbage => b"220 this is no web server\r\n".to_vec(),
        Then::Answer(status, headers, body) => {
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n");
            [head.into_bytes(), body].concat()
        }
    };
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}
