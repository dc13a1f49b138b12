//! HTTP/2 by hand: frames as no decent client would send them.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::process::HANG;

/// Kinds of frames.
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// Flags.
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// Settings by their numbers in RFC 9113.
pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(crate) const MAX_HEADER_LIST_SIZE: u16 = 6;

/// A frame as it came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The error code of a GOAWAY.
    pub(crate) fn error(&self) -> u32 {
        let code = self.payload.get(4..8).expect("an error code");
        u32::from_be_bytes(code.try_into().expect("four bytes"))
    }

    /// A setting's value.
    pub(crate) fn setting(&self, id: u16) -> Option<u32> {
        let entry = self
            .payload
            .chunks(6)
            .find(|e| e[..2] == id.to_be_bytes())?;
        Some(u32::from_be_bytes(
            entry[2..].try_into().expect("four bytes"),
        ))
    }
}

/// A connection.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    /// Connects, with the preface and empty settings unless told otherwise.
    pub(crate) async fn greet(server: SocketAddr) -> Self {
        let mut raw = Self(TcpStream::connect(server).await.expect("a connection"));
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        raw.frame(SETTINGS, 0, 0, &[]).await;
        raw
    }

    /// Writes, as far as the server still listens.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).await.is_ok()
    }

    pub(crate) async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.send(&frame(kind, flags, stream, payload)).await
    }

    /// The next frame; none where the server has closed.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let read = async {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            self.0.read_exact(&mut payload).await.ok()?;
            Some(Frame {
                kind: head[3],
                payload,
            })
        };
        tokio::time::timeout(HANG, read)
            .await
            .expect("a frame or the end")
    }

    /// Frames until one of a kind, or the end.
    pub(crate) async fn until(&mut self, kind: u8) -> Option<Frame> {
        while let Some(frame) = self.next().await {
            if frame.kind == kind {
                return Some(frame);
            }
        }
        None
    }

    /// Whether the server closes within a span.
    pub(crate) async fn closes(&mut self, within: Duration) -> bool {
        let end = async {
            let mut bytes = [0; 1024];
            while !matches!(self.0.read(&mut bytes).await, Ok(0) | Err(_)) {}
        };
        tokio::time::timeout(within, end).await.is_ok()
    }
}

/// A frame's bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .expect("a small frame")
        .to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The head of a call to `path`, without any compression that a server must remember.
pub(crate) fn call(path: &str) -> Vec<u8> {
    let mut head = vec![0x83, 0x86]; // :method POST, :scheme http
    literal(&mut head, 0x04, path); // :path
    literal(&mut head, 0x01, "recoup"); // :authority
    field(&mut head, "content-type", "application/grpc");
    field(&mut head, "te", "trailers");
    head
}

/// A header field that is not indexed.
pub(crate) fn field(head: &mut Vec<u8>, name: &str, value: &str) {
    head.push(0);
    text(head, name);
    text(head, value);
}

fn literal(head: &mut Vec<u8>, index: u8, value: &str) {
    head.push(index);
    text(head, value);
}

fn text(head: &mut Vec<u8>, text: &str) {
    // Seven bits of length, then seven at a time.
    match text.len() {
        short @ 0..127 => head.push(short as u8),
        long => {
            head.push(127);
            let mut rest = long - 127;
            while rest >= 128 {
                head.push((rest % 128) as u8 | 0x80);
                rest /= 128;
            }
            head.push(rest as u8);
        }
    }
    head.extend(text.as_bytes());
}
