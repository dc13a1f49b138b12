//! A carrier on loopback that keeps what comes, and never answers, or answers each HTTP request the same.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How long a connection may say nothing until one that never answers cuts it.
const QUIET: Duration = Duration::from_millis(300);
/// How long one that answers waits for the rest of a request.
const PATIENT: Duration = Duration::from_secs(2);

/// All that came.
#[derive(Default)]
struct Seen {
    /// Connection after connection.
    bytes: Vec<u8>,
    /// Those that were answered.
    requests: Vec<Vec<u8>>,
}

/// What came so far, shared with the connections.
type Shared = Arc<Mutex<Seen>>;

/// A carrier.
pub(super) struct Recorder {
    pub(super) address: String,
    seen: Shared,
    serving: JoinHandle<()>,
}

impl Recorder {
    /// Takes connections, reads until nothing more comes, and cuts them.
    pub(super) async fn silent() -> io::Result<Self> {
        Self::start(None).await
    }

    /// Takes connections, and says the same after each whole request.
    pub(super) async fn answering(answer: &'static [u8]) -> io::Result<Self> {
        Self::start(Some(answer)).await
    }

    async fn start(answer: Option<&'static [u8]>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let seen = Shared::default();
        let all = Arc::clone(&seen);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&all), answer));
            }
        });
        Ok(Self {
            address,
            seen,
            serving,
        })
    }

    /// Asks about what came since the last take.
    pub(super) fn has_seen(&self, is_there: impl Fn(&[u8]) -> bool) -> bool {
        is_there(&held(&self.seen).bytes)
    }

    /// What came since the last look.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut held(&self.seen).bytes)
    }

    /// How many of the requests that were answered are such.
    pub(super) fn answered(&self, is_such: impl Fn(&[u8]) -> bool) -> usize {
        let seen = held(&self.seen);
        seen.requests.iter().filter(|one| is_such(one)).count()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn held(seen: &Shared) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(mut stream: TcpStream, seen: Shared, answer: Option<&'static [u8]>) {
    let wait = answer.map_or(QUIET, |_| PATIENT);
    let mut unanswered = answer;
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout(wait, stream.read(&mut buffer)).await {
        held(&seen).bytes.extend_from_slice(&buffer[..count]);
        request.extend_from_slice(&buffer[..count]);
        if is_whole(&request)
            && let Some(answer) = unanswered.take()
        {
            held(&seen).requests.push(std::mem::take(&mut request));
            // It may be gone by now, which is its own affair.
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
    }
}

/// Whether a request of HTTP/1 is there to its end.
fn is_whole(bytes: &[u8]) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = request.parse(bytes) else {
        return false;
    };
    let value = |name: &str| {
        let mut all = request.headers.iter();
        let found = all.find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok().map(str::trim)
    };
    let body = &bytes[head..];
    if value("transfer-encoding").is_some_and(|how| how.eq_ignore_ascii_case("chunked")) {
        return body.ends_with(b"0\r\n\r\n");
    }
    let length = value("content-length").and_then(|text| text.parse().ok());
    body.len() >= length.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn a_request_is_whole_at_its_end_and_not_before() {
        let requests = [
            "GET /send?text=x HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-LENGTH: 5\r\n\r\nhello",
            "PUT / HTTP/1.0\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ];
        for request in requests {
            let ends: Vec<usize> = (0..=request.len())
                .filter(|&end| is_whole(&request.as_bytes()[..end]))
                .collect();
            assert_eq!(ends, [request.len()], "{request}");
        }
        assert!(!is_whole(b"EHLO a\r\n\r\n"));
    }
}
