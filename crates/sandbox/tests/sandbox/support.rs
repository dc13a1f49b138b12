//! Raw clients and peers: nothing here shares code with the sandbox.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use recoup_sandbox::{Channel, Endpoints, Options, Outcome, Rule, Running};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

/// A hang guard, far above what anything here takes.
const GUARD: Duration = Duration::from_secs(30);

pub(crate) async fn guarded<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(GUARD, future)
        .await
        .unwrap_or_else(|_| panic!("{what} hangs"))
}

/// 2026-11-24 02:00:00 UTC.
pub(crate) const T0: i64 = 1_795_485_600_000_000;
pub(crate) const SECOND: i64 = 1_000_000;

pub(crate) struct World {
    pub(crate) running: Running,
    pub(crate) at: Endpoints,
    log: PathBuf,
    _dir: TempDir,
}

pub(crate) async fn start(change: impl FnOnce(&mut Options)) -> World {
    let dir = tempfile::tempdir().expect("a folder");
    let log = dir.path().join("sandbox.log");
    let mut options = Options::new(&log);
    change(&mut options);
    let running = recoup_sandbox::start(options)
        .await
        .expect("the sandbox starts");
    World {
        at: running.endpoints().clone(),
        running,
        log,
        _dir: dir,
    }
}

/// A sandbox whose clock stands at [`T0`].
pub(crate) async fn start_stepped(change: impl FnOnce(&mut Options)) -> (World, Coordinator) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let world = start(|options| {
        options.clock = Some(address);
        change(options);
    })
    .await;
    let mut coordinator = Coordinator::accept(&listener).await;
    coordinator.now(T0).await;
    (world, coordinator)
}

pub(crate) fn rule(prefix: &str, channel: Channel, outcome: Outcome) -> Rule {
    Rule {
        prefix: prefix.to_owned(),
        channel,
        outcome,
    }
}

impl World {
    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).expect("the log");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a line is JSON"))
            .collect()
    }

    pub(crate) fn of_type(&self, kind: &str) -> Vec<Value> {
        self.lines()
            .into_iter()
            .filter(|line| line["type"] == kind)
            .collect()
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.log.clone()
    }
}

/// One request on a connection of its own; None when it is closed without an answer.
pub(crate) async fn http(
    url: &str,
    method: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<(u16, String)> {
    let (host, path) = url
        .strip_prefix("http://")
        .expect("http")
        .split_once('/')
        .expect("a path");
    let mut stream = TcpStream::connect(host).await.expect("a connection");
    let mut head = format!(
        "{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.expect("written");
    stream.write_all(body).await.expect("written");
    let mut answer = Vec::new();
    let read = guarded("the answer", stream.read_to_end(&mut answer)).await;
    if read.is_err() || answer.is_empty() {
        return None;
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    let status = head
        .split(' ')
        .nth(1)
        .expect("a status")
        .parse()
        .expect("a number");
    Some((status, body.to_owned()))
}

pub(crate) async fn get(url: &str) -> (u16, String) {
    http(url, "GET", &[], b"").await.expect("an answer")
}

/// A text to `to` with the call-back `dlr` (empty for none).
pub(crate) fn sms_url(at: &Endpoints, to: &str, key: &str, dlr: &str) -> String {
    let dlr = if dlr.is_empty() {
        String::new()
    } else {
        format!("&dlr-mask=31&dlr-url={}", percent(dlr))
    };
    format!(
        "{}/cgi-bin/sendsms?username=recoup&password=sandbox&from=10690&to={}&text=%E6%82%A8%E5%A5%BD+x&coding=2&charset=UTF-8&binfo={key}{dlr}",
        at.sms,
        percent(to)
    )
}

pub(crate) fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(b).to_string()
            }
            b => format!("%{b:02X}"),
        })
        .collect()
}

/// A request that the service got, held until it is answered.
pub(crate) struct Got {
    pub(crate) line: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
    answer: oneshot::Sender<u16>,
}

impl Got {
    pub(crate) fn answer(self, status: u16) {
        let _ = self.answer.send(status);
    }
}

/// A service that takes call-backs.
pub(crate) struct Recorder {
    pub(crate) url: String,
    got: mpsc::UnboundedReceiver<Got>,
}

impl Recorder {
    pub(crate) async fn start() -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (tx, got) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let tx = tx.clone();
                tokio::spawn(async move { record(stream, &tx).await });
            }
        });
        Recorder { url, got }
    }

    /// The next request, unanswered.
    pub(crate) async fn next(&mut self) -> Got {
        guarded("the call-back", self.got.recv())
            .await
            .expect("a call-back")
    }

    /// The next request, answered 200: its first line and body.
    pub(crate) async fn take(&mut self) -> (String, String) {
        let got = self.next().await;
        let seen = (got.line.clone(), got.body.clone());
        got.answer(200);
        seen
    }

    /// Answers all from here on; gives the list of their first lines, which grows.
    pub(crate) fn answer_all(mut self) -> Arc<Mutex<Vec<String>>> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lines);
        tokio::spawn(async move {
            while let Some(got) = self.got.recv().await {
                seen.lock().expect("the list").push(got.line.clone());
                got.answer(200);
            }
        });
        lines
    }

    pub(crate) fn is_empty(&mut self) -> bool {
        self.got.try_recv().is_err()
    }
}

/// Takes the requests of one connection.
async fn record(stream: TcpStream, tx: &mpsc::UnboundedSender<Got>) -> Option<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).await.ok().filter(|n| *n > 0)?;
        let mut headers = HashMap::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).await.ok()?;
            let Some((name, value)) = header.trim_end().split_once(": ") else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers
            .get("content-length")
            .map_or(0, |n| n.parse().unwrap_or(0));
        let mut body = vec![0; length];
        reader.read_exact(&mut body).await.ok()?;
        let (answer, answered) = oneshot::channel();
        let body = String::from_utf8_lossy(&body).into_owned();
        tx.send(Got {
            line: line.trim_end().to_owned(),
            headers,
            body,
            answer,
        })
        .ok()?;
        let status = answered.await.ok()?;
        let reply = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
        writer.write_all(reply.as_bytes()).await.ok()?;
    }
}

/// The coordinator's end of one party's connection.
pub(crate) struct Coordinator {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    asked: u64,
    pub(crate) joined: String,
}

impl Coordinator {
    pub(crate) async fn accept(listener: &TcpListener) -> Coordinator {
        let (stream, _) = guarded("the join", listener.accept())
            .await
            .expect("a party");
        let (reader, writer) = stream.into_split();
        let reader = BufReader::new(reader);
        let mut coordinator = Coordinator {
            reader,
            writer,
            asked: 0,
            joined: String::new(),
        };
        coordinator.joined = coordinator.line().await;
        coordinator
    }

    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        guarded("the party", self.reader.read_line(&mut line))
            .await
            .expect("a line");
        line.trim_end().to_owned()
    }

    pub(crate) async fn say(&mut self, line: &str) {
        self.writer
            .write_all(format!("{line}\n").as_bytes())
            .await
            .expect("written");
    }

    pub(crate) async fn now(&mut self, us: i64) {
        self.say(&format!("NOW {us}")).await;
    }

    /// None for BUSY, else the next due instant.
    pub(crate) async fn ask(&mut self) -> Option<Option<i64>> {
        self.asked += 1;
        let n = self.asked;
        self.say(&format!("ASK {n} 0")).await;
        let answer = self.line().await;
        if answer == format!("BUSY {n}") {
            return None;
        }
        let next = answer
            .strip_prefix(&format!("QUIET {n} "))
            .unwrap_or_else(|| {
                panic!("{answer:?} is neither BUSY nor QUIET {n}");
            });
        Some((next != "never").then(|| next.parse().expect("an instant")))
    }

    /// Asks again until the party is quiet.
    pub(crate) async fn quiet(&mut self) -> Option<i64> {
        guarded("quiet", async {
            loop {
                match self.ask().await {
                    Some(next) => return next,
                    None => tokio::task::yield_now().await,
                }
            }
        })
        .await
    }

    /// Moves to the party's next due instant and returns it.
    pub(crate) async fn step(&mut self) -> i64 {
        let next = self.quiet().await.expect("something is due");
        self.now(next).await;
        next
    }
}
