//! One HTTP/1.1 request over a connection of its own: no TLS, no redirects, nothing repeated.

use std::time::Duration;

use recoup_channel::connector::refusal;
use recoup_channel::{Call, ChannelError, Guarded};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A longer answer is none of this gateway's.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 64;

/// Where requests go.
pub(crate) struct Endpoint {
    host: String,
    port: u16,
    /// The `Host` header.
    authority: String,
    pub(crate) path: String,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

impl Endpoint {
    /// Reads `http://host:port/path`. An error says what is wrong with it.
    pub(crate) fn parse(url: &str) -> Result<Self, &'static str> {
        let starts_with = |scheme: &str| {
            let start = url.get(..scheme.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        if starts_with("https://") {
            return Err(
                "this channel has no TLS; let a TLS proxy beside it (stunnel, for example) \
                 hold the connection, and name that by http://",
            );
        }
        if !starts_with("http://") {
            return Err("it must look like http://host:port/cgi-bin/sendsms");
        }
        let rest = &url["http://".len()..];
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // What stands in a request's head must not be able to end a line there.
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"?#@\"<>\\^`{|}".contains(&byte);
        if !rest.bytes().all(is_plain) {
            return Err("it must be host, port and path alone, and escaped");
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().ok().filter(|port| *port > 0);
                (host, port.ok_or("its port is not within 1 to 65535")?)
            }
            _ => (authority, 80),
        };
        let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let name = bracketed.unwrap_or(host);
        if name.is_empty() || (bracketed.is_none() && name.contains([':', '[', ']'])) {
            return Err("its host must be a name or an address");
        }
        Ok(Self {
            host: name.to_owned(),
            port,
            authority: format!("{host}:{port}"),
            path: if path.is_empty() { "/" } else { path }.to_owned(),
        })
    }

    /// Asks once. The time of the call is the SDK's to watch: when it is over, this future is dropped,
    /// and the call ends as `Retryable` or `Unknown` by the same rule as below.
    ///
    /// # Errors
    /// `Retryable` where no byte of the request has left, `Unknown` where one may have: `broken`
    /// knows which, since `Guarded` told the host before the first.
    pub(crate) async fn get(&self, cx: &Call, target: &str) -> Result<Answer, ChannelError> {
        let place = &self.authority;
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {place}\r\nAccept: text/plain\r\nConnection: close\r\n\r\n"
        );
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream =
            stream.map_err(|error| cx.broken(format!("not sent: connect to {place}: {error}")))?;
        // Its first write checks `not_after`, then asks the host's leave.
        let mut stream = Guarded::new(stream, cx);
        let sent = stream.write_all(request.as_bytes()).await;
        sent.map_err(|error| match refusal(&error) {
            Some(refused) => refused.clone(),
            None => cx.broken(format!("sending: {error}")),
        })?;
        let mut all = Vec::new();
        loop {
            let count = stream.read_buf(&mut all).await;
            let count = count.map_err(|e| cx.broken(format!("reading the answer: {e}")))?;
            let read = read(&all, count == 0);
            match read.map_err(|why| cx.broken(format!("reading the answer: {why}")))? {
                Some(answer) => return Ok(answer),
                None if count == 0 => {
                    return Err(cx.broken("the connection ended before a whole answer"));
                }
                None if all.len() > ANSWER_BYTES_MAX => {
                    return Err(cx.broken("the answer is too long"));
                }
                None => {}
            }
        }
    }
}

/// Looks at what has come so far; `None` where more is to come. A connection that ended early never
/// makes a short body: half an answer could be read as another one.
fn read(all: &[u8], ended: bool) -> Result<Option<Answer>, String> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut headers);
    let parsed = head.parse(all).map_err(|error| error.to_string())?;
    let (httparse::Status::Complete(size), Some(status)) = (parsed, head.code) else {
        return Ok(None);
    };
    let (mut length, mut is_chunked, mut retry_after) = (None, false, None);
    for header in head.headers.iter() {
        let value = str::from_utf8(header.value).unwrap_or_default().trim();
        if header.name.eq_ignore_ascii_case("content-length") {
            let found: usize = value.parse().map_err(|_| "its length is no number")?;
            if length.replace(found).is_some_and(|other| other != found) {
                return Err("it has two lengths".to_owned());
            }
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if !value.eq_ignore_ascii_case("chunked") {
                return Err("it is encoded".to_owned());
            }
            is_chunked = true;
        } else if header.name.eq_ignore_ascii_case("retry-after") {
            retry_after = value.parse().ok().map(Duration::from_secs); // or it is a date
        }
    }
    let rest = &all[size..];
    let body = match length {
        _ if is_chunked => joined(rest)?,
        Some(length) => rest.get(..length).map(<[u8]>::to_vec),
        None => ended.then(|| rest.to_vec()), // its end is the connection's end
    };
    Ok(body.map(|body| Answer {
        status,
        retry_after,
        body,
    }))
}

/// A body in chunks; `None` where more is to come.
fn joined(mut rest: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut body = Vec::new();
    loop {
        let parsed = httparse::parse_chunk_size(rest).map_err(|error| error.to_string())?;
        let httparse::Status::Complete((head, size)) = parsed else {
            return Ok(None);
        };
        rest = &rest[head..];
        if size == 0 {
            break;
        }
        let size = usize::try_from(size).map_err(|error| error.to_string())?;
        let Some((chunk, behind)) = rest.split_at_checked(size) else {
            return Ok(None);
        };
        body.extend_from_slice(chunk);
        if behind.len() < 2 {
            return Ok(None);
        }
        rest = behind
            .strip_prefix(b"\r\n")
            .ok_or("a chunk goes on behind its end")?;
    }
    // Trailers, until an empty line.
    let is_whole = rest.starts_with(b"\r\n") || rest.windows(4).any(|four| four == b"\r\n\r\n");
    Ok(is_whole.then_some(body))
}
