//! The last gate before a byte leaves: a wrapper around a finished stream.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{Call, ChannelError};

/// A stream to a carrier whose first write asks [`Call::began`]: that checks `not_after` and reports
/// to the host, so a byte leaves only in time and never unseen.
///
/// Wrap the **finished** stream, above TLS: name look-up and handshakes carry nothing to the person.
/// When the gate refuses, no byte is written, and every later write fails as well.
#[derive(Debug)]
pub struct Guarded<S> {
    stream: S,
    call: Call,
    gate: Gate,
}

#[derive(Debug, Clone)]
enum Gate {
    Closed,
    Open,
    Refused(ChannelError),
}

impl<S> Guarded<S> {
    /// Guards `stream` for one call.
    pub fn new(stream: S, call: &Call) -> Self {
        Self {
            stream,
            call: call.clone(),
            gate: Gate::Closed,
        }
    }

    /// The error with which the gate refused, if it did; also found in the `io::Error` of a write
    /// (see [`refusal`]).
    pub fn refused(&self) -> Option<&ChannelError> {
        match &self.gate {
            Gate::Refused(error) => Some(error),
            Gate::Closed | Gate::Open => None,
        }
    }

    fn pass(&mut self) -> io::Result<()> {
        if let Gate::Closed = self.gate {
            self.gate = match self.call.began() {
                Ok(()) => Gate::Open,
                Err(error) => Gate::Refused(error),
            };
        }
        match &self.gate {
            Gate::Refused(error) => Err(io::Error::other(error.clone())),
            Gate::Closed | Gate::Open => Ok(()),
        }
    }
}

/// The gate's refusal inside an error chain, however deep a client has wrapped it.
pub fn refusal<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a ChannelError> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<ChannelError>() {
            return Some(found);
        }
        // An io::Error hides its own payload from `source` and shows the payload's source instead.
        let inner = current
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| inner.downcast_ref::<ChannelError>()) {
            return Some(found);
        }
        next = current.source();
    }
    None
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !bytes.is_empty() {
            self.pass()?;
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if bytes.iter().any(|slice| !slice.is_empty()) {
            self.pass()?;
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
