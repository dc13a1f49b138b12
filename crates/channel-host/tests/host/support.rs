//! Builds libraries once, loads them, and plays the gateway.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use recoup_channel::wire::inbound::What;
use recoup_channel::wire::send_request::Content;
use recoup_channel::wire::{DebtorMessage, Destination, Inbound, SendRequest, destination};
use recoup_channel::{Call, Clock};
use recoup_channel_host::{
    BlobSource, Host, Isolation, Limits, LoadError, LoadSpec, LoadedChannel, NoBlobs, Placement,
    Sink,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Where the wall clock of a test begins, in Unix milliseconds.
pub(crate) const START_UNIX_MS: i64 = 1_700_000_000_000;

/// Where the libraries of these tests live.
pub(crate) fn placement() -> Placement {
    if crate::ISOLATED {
        Placement::Isolated(Isolation {
            program: example("child"),
            arguments: Vec::new(),
            memory_bytes: 512 * 1024 * 1024,
            require_sandbox: true,
            ports: None,
            ends_forks: false,
        })
    } else {
        Placement::Inline
    }
}

/// A library, or program, among the examples of this package.
pub(crate) fn example(name: &str) -> PathBuf {
    let built = built();
    let found = built.get(name);
    found
        .unwrap_or_else(|| panic!("no example {name} among {built:?}"))
        .clone()
}

/// The library of the SMS plugin.
pub(crate) fn sms() -> PathBuf {
    plugin("sms")
}

/// The library of a plugin: that in `RECOUP_PLUGIN_DIR`, for one that another compiler built, else
/// that of this workspace.
pub(crate) fn plugin(name: &str) -> PathBuf {
    let library = format!("recoup_{name}");
    match std::env::var_os("RECOUP_PLUGIN_DIR") {
        Some(folder) => PathBuf::from(folder).join(format!("lib{library}.so")),
        None => built()[&library].clone(),
    }
}

/// Libraries and programs that cargo built, by the name of their target; once a run.
fn built() -> &'static HashMap<String, PathBuf> {
    static BUILT: OnceLock<HashMap<String, PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build)
}

/// Builds with the cargo that runs this test. It is the whole workspace with its examples, since every crate has the
/// features then that `cargo test --workspace` gives it, and is there already.
fn build() -> HashMap<String, PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo tells this test about itself would look to build scripts like a change: ring would
    // be compiled anew by each side in turn.
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name);
        }
    }
    let output = cargo
        .args(["build", "--quiet", "--message-format=json", "--workspace"])
        .args(["--lib", "--examples"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo build: {errors}");
    let mut found = HashMap::new();
    for line in output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let message: serde_json::Value = serde_json::from_slice(line).expect("a JSON message");
        let name = message["target"]["name"].as_str().unwrap_or_default();
        for file in message["filenames"].as_array().into_iter().flatten() {
            let file = file.as_str().unwrap_or_default();
            if file.ends_with(".so") {
                found.insert(name.to_owned(), PathBuf::from(file));
            }
        }
        if let Some(program) = message["executable"].as_str() {
            found.insert(name.to_owned(), PathBuf::from(program));
        }
    }
    found
}

/// A wall clock that a test sets, and the real monotonic one.
pub(crate) struct TestClock {
    wall_unix_ms: AtomicI64,
    origin: Instant,
    /// After so many more reads of the wall clock it jumps by an hour; 0: never.
    reads_to_jump: AtomicU32,
}

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Self::jumping_after(0)
    }

    pub(crate) fn jumping_after(reads: u32) -> Arc<Self> {
        Arc::new(Self {
            wall_unix_ms: AtomicI64::new(START_UNIX_MS),
            origin: Instant::now(),
            reads_to_jump: AtomicU32::new(reads),
        })
    }
}

impl Clock for TestClock {
    fn wall_unix_ms(&self) -> i64 {
        let now = self.wall_unix_ms.load(Ordering::SeqCst);
        let jumps = |left: u32| left.checked_sub(1);
        if self
            .reads_to_jump
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, jumps)
            == Ok(1)
        {
            self.wall_unix_ms.fetch_add(3_600_000, Ordering::SeqCst);
        }
        now
    }

    fn mono_ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).expect("a short test")
    }
}

/// Keeps what channels tell.
#[derive(Default)]
pub(crate) struct Told {
    events: Mutex<Vec<(u64, Inbound)>>,
}

impl Told {
    /// The texts of the replies so far, with their tickets.
    pub(crate) fn replies(&self) -> Vec<(u64, String)> {
        let events = self.events.lock().expect("no panic while held");
        let text = |(ticket, inbound): &(u64, Inbound)| match &inbound.what {
            Some(What::Reply(reply)) => (*ticket, reply.text.clone()),
            other => panic!("not a reply: {other:?}"),
        };
        events.iter().map(text).collect()
    }
}

impl Sink for Told {
    fn event(&self, ticket: u64, inbound: Inbound) -> bool {
        self.events
            .lock()
            .expect("no panic while held")
            .push((ticket, inbound));
        true
    }
}

/// Attachments by hash.
pub(crate) struct Blobs(pub(crate) BTreeMap<[u8; 32], Vec<u8>>);

impl BlobSource for Blobs {
    fn read(&self, sha256: &[u8; 32]) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(sha256).cloned())
    }
}

/// A channel to load in a test, with its own folder.
pub(crate) struct Setup {
    pub(crate) spec: LoadSpec,
    pub(crate) told: Arc<Told>,
    _folder: tempfile::TempDir,
}

impl Setup {
    pub(crate) fn new(path: &Path, config_json: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let told = Arc::new(Told::default());
        let spec = LoadSpec {
            bytes: None,
            path: path.to_owned(),
            name: "test".to_owned(),
            config_json: config_json.to_owned(),
            secrets: BTreeMap::from([("pass".to_owned(), "s3cret-word".to_owned())]),
            run_dir: folder.path().join("run"),
            blobs: Arc::new(NoBlobs),
            clock: TestClock::new(),
            sink: told.clone(),
            limits: Limits::default(),
            placement: placement(),
        };
        Self {
            spec,
            told,
            _folder: folder,
        }
    }

    pub(crate) async fn load(&self) -> LoadedChannel {
        Host::load(self.spec.clone())
            .await
            .expect("the library loads")
    }

    /// The text of the error with its causes.
    pub(crate) async fn load_error(&self) -> String {
        let error: LoadError = Host::load(self.spec.clone())
            .await
            .expect_err("it is refused");
        let mut text = error.to_string();
        let mut next = std::error::Error::source(&error);
        while let Some(cause) = next {
            text = format!("{text}: {cause}");
            next = cause.source();
        }
        text
    }
}

/// A message to a debtor in China.
pub(crate) fn message(body: &str) -> SendRequest {
    let to = destination::To::E164("+8613800000001".to_owned());
    SendRequest {
        contact_id: "c-1".into(),
        idempotency_key: "key-1".into(),
        destination: Some(Destination {
            to: Some(to),
            ..Destination::default()
        }),
        content: Some(Content::Debtor(DebtorMessage {
            body: body.into(),
            ..DebtorMessage::default()
        })),
        ..SendRequest::default()
    }
}

/// A message whose mood needs a word.
pub(crate) fn message_about(body: &str, subject: &str) -> SendRequest {
    let mut request = message(body);
    if let Some(Content::Debtor(message)) = &mut request.content {
        message.subject = subject.into();
    }
    request
}

/// A call whose `began` is counted.
pub(crate) fn call(clock: &Arc<dyn Clock>, timeout_ms: u64) -> (Call, Arc<AtomicU32>) {
    let began = Arc::new(AtomicU32::new(0));
    let count = began.clone();
    let call = Call::new(Duration::from_millis(timeout_ms), clock.clone())
        .with_not_after(START_UNIX_MS + 600_000)
        .with_began(Arc::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }));
    (call, began)
}

/// What the gateway does with a connection once it has read a request.
#[derive(Clone, Copy)]
pub(crate) enum Gateway {
    Answer(u16, &'static str),
    Cut,
    Silent,
}

/// A gateway on loopback for one connection.
pub(crate) struct Peer {
    pub(crate) endpoint: String,
    seen: tokio::task::JoinHandle<Vec<u8>>,
}

impl Peer {
    pub(crate) async fn start(gateway: Gateway) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let endpoint = format!("http://{address}/cgi-bin/sendsms");
        let seen = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut seen = Vec::new();
            let mut buffer = [0; 4096];
            while !seen.ends_with(b"\r\n\r\n") {
                match stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => return seen,
                    Ok(count) => seen.extend_from_slice(&buffer[..count]),
                }
            }
            match gateway {
                Gateway::Cut => {}
                // Until the other side goes away.
                Gateway::Silent => {
                    while !matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)) {}
                }
                Gateway::Answer(status, text) => {
                    let length = text.len();
                    let answer =
                        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{text}");
                    stream
                        .write_all(answer.as_bytes())
                        .await
                        .expect("the answer is written");
                    while !matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)) {}
                }
            }
            seen
        });
        Self { endpoint, seen }
    }

    /// All bytes that came.
    pub(crate) async fn seen(self) -> String {
        let seen = self.seen.await.expect("the gateway ran");
        String::from_utf8(seen).expect("a request is text")
    }
}
