//! What the core's listener is to a carrier: takes requests, and makes call-backs of them.

use recoup_channel::wire::{Pair, RawCallback};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::peer::PATIENCE;
use crate::support::START_UNIX_MS;

/// A listener on loopback that answers each request alike.
pub(crate) struct Listener {
    /// Scheme and authority.
    pub(crate) base: String,
    requests: UnboundedReceiver<RawCallback>,
    task: tokio::task::JoinHandle<()>,
}

impl Listener {
    /// Answers with this status, media type and body.
    pub(crate) async fn start(status: u16, media_type: &str, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        );
        let (keep, requests) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), keep.clone()));
            }
        });
        Self {
            base,
            requests,
            task,
        }
    }

    /// The next request.
    pub(crate) async fn next(&mut self) -> RawCallback {
        let next = tokio::time::timeout(PATIENCE, self.requests.recv()).await;
        let mut callback = next.expect("nobody calls back").expect("it listens");
        callback.url = format!("{}{}", self.base, callback.path);
        callback
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, answer: String, keep: UnboundedSender<RawCallback>) {
    let Some(request) = read(&mut stream).await else {
        return;
    };
    // The answer first: a test that ends with its last call-back leaves no peer without one.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    let _ = keep.send(request);
}

async fn read(stream: &mut TcpStream) -> Option<RawCallback> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).ok()?;
    let (line, lines) = text.split_once("\r\n")?;
    let headers: Vec<Pair> = lines.lines().filter_map(header).collect();
    let length = headers.iter().find(|pair| pair.name == "content-length");
    let length: usize = length.map_or(Some(0), |pair| pair.value.parse().ok())?;
    while bytes.len() < head + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Some(RawCallback {
        method: method.to_owned(),
        path: path.to_owned(),
        query: pairs(query.as_bytes()),
        headers,
        body: bytes[head..].to_vec(),
        received_at_unix_ms: START_UNIX_MS,
        ..RawCallback::default()
    })
}

fn header(line: &str) -> Option<Pair> {
    let (name, value) = line.split_once(':')?;
    Some(Pair {
        name: name.to_ascii_lowercase(),
        value: value.trim().to_owned(),
    })
}

/// The pairs of a query or a form.
pub(crate) fn pairs(encoded: &[u8]) -> Vec<Pair> {
    let pairs = form_urlencoded::parse(encoded).into_owned();
    pairs.map(|(name, value)| Pair { name, value }).collect()
}
