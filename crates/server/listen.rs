//! The API's listener: takes connections up to its caps, makes them encrypted, and gives up those that say
//! nothing. Nobody outside can hold it by connecting.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use crate::config::Limits;
use crate::metrics::Meters;
use crate::metrics::meters::OneMore;
use crate::tls::{Certificates, names_of};

/// What a connection must have said in time: the preface of HTTP/2 and the head of its SETTINGS frame.
const FIRST_BYTES: usize = 24 + 9;
/// Accepted connections that wait to be served.
const READY_MAX: usize = 64;
/// How long the listener rests where the system gives it no connection (out of descriptors).
const REST: Duration = Duration::from_millis(20);

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The names of its certificate, which the listener has verified; none where it showed none.
    pub names: Arc<[String]>,
    /// Calls that may still begin on its connection.
    pub room: Arc<Semaphore>,
}

/// Takes connections until the stream is dropped.
pub fn incoming(
    listener: TcpListener,
    certificates: Option<Arc<Certificates>>,
    limits: &Limits,
    meters: Arc<Meters>,
) -> ReceiverStream<io::Result<Connection>> {
    let (to, connections) = mpsc::channel(READY_MAX);
    let caps = Arc::new(Caps {
        total: limits.connections_max,
        address: limits.address_connections_max,
        calls: limits.connection_calls_max,
        open: Mutex::default(),
        meters,
    });
    let patience = Duration::from_millis(limits.handshake_timeout_ms);
    tokio::spawn(accept(listener, certificates, caps, patience, to));
    ReceiverStream::new(connections)
}

async fn accept(
    listener: TcpListener,
    certificates: Option<Arc<Certificates>>,
    caps: Arc<Caps>,
    patience: Duration,
    to: mpsc::Sender<io::Result<Connection>>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = to.closed() => return,
        };
        let Ok((stream, address)) = accepted else {
            tokio::time::sleep(REST).await;
            continue;
        };
        let Some(seat) = caps.seat(address.ip()) else {
            caps.meters.connections.add("refused");
            tracing::debug!(%address, "a connection past the caps was closed");
            continue;
        };
        // Small messages on one connection (an event, then an answer) would each wait for the peer's delayed
        // acknowledgement, 40 ms. tonic's own setting holds for its own listener alone.
        let _ = stream.set_nodelay(true);
        let (to, certificates) = (to.clone(), certificates.clone());
        let room = Arc::new(Semaphore::new(caps.calls));
        // On a task of its own: whoever is slow to shake hands keeps nobody waiting.
        tokio::spawn(async move {
            let shaken =
                tokio::time::timeout(patience, shake(stream, certificates.as_deref())).await;
            match shaken {
                Ok(Ok((io, names))) => {
                    seat.caps.meters.connections.add("served");
                    let peer = Peer {
                        address,
                        names: names.into(),
                        room,
                    };
                    let connection = Connection {
                        io,
                        peer,
                        first: Some(First {
                            missing: FIRST_BYTES,
                            until: Box::pin(tokio::time::sleep(patience)),
                        }),
                        _seat: seat,
                    };
                    // Nobody serves any more: it closes.
                    let _ = to.send(Ok(connection)).await;
                }
                Ok(Err(error)) => {
                    seat.caps.meters.connections.add("handshake_failed");
                    tracing::debug!(%address, %error, "a handshake failed");
                }
                Err(_) => {
                    seat.caps.meters.connections.add("handshake_timeout");
                    tracing::debug!(%address, "a handshake took too long");
                }
            }
        });
    }
}

async fn shake(
    stream: TcpStream,
    certificates: Option<&Certificates>,
) -> io::Result<(Io, Vec<String>)> {
    let Some(certificates) = certificates else {
        return Ok((Io::Plain(stream), Vec::new()));
    };
    let stream = TlsAcceptor::from(certificates.current())
        .accept(stream)
        .await?;
    let shown = stream.get_ref().1.peer_certificates();
    let names = shown
        .and_then(<[_]>::first)
        .map(names_of)
        .unwrap_or_default();
    Ok((Io::Tls(Box::new(stream)), names))
}

/// How many connections may be open, and how many are.
struct Caps {
    /// Calls at once on one connection.
    calls: usize,
    total: usize,
    address: usize,
    open: Mutex<Open>,
    meters: Arc<Meters>,
}

#[derive(Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Caps {
    /// A seat for a connection, if there is one left.
    fn seat(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.by_address.get(&address).copied().unwrap_or(0);
        if open.total >= self.total || own >= self.address {
            return None;
        }
        open.total += 1;
        open.by_address.insert(address, own + 1);
        Some(Seat {
            _counted: self.meters.one_more(|m| &m.connections_open),
            caps: Arc::clone(self),
            address,
        })
    }
}

/// A place among the open connections; given back when it is dropped.
struct Seat {
    caps: Arc<Caps>,
    address: IpAddr,
    _counted: OneMore,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self
            .caps
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        if let Some(own) = open.by_address.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// A connection of the API.
pub struct Connection {
    io: Io,
    peer: Peer,
    /// What it has yet to say before it counts as a client.
    first: Option<First>,
    _seat: Seat,
}

enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

struct First {
    missing: usize,
    until: Pin<Box<Sleep>>,
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Io::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
        };
        let Some(first) = &mut self.first else {
            return read;
        };
        if read.is_pending() {
            ready!(first.until.as_mut().poll(cx));
            let silent = "said nothing in time";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, silent)));
        }
        first.missing = first.missing.saturating_sub(buf.filled().len() - before);
        if first.missing == 0 {
            self.first = None;
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Io::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Io::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Io::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Io::Tls(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Plain(stream) => stream.is_write_vectored(),
            Io::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_stream::StreamExt;

    async fn listening(limits: Limits) -> (SocketAddr, ReceiverStream<io::Result<Connection>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        (address, incoming(listener, None, &limits, Arc::default()))
    }

    async fn next(incoming: &mut ReceiverStream<io::Result<Connection>>) -> Connection {
        incoming.next().await.expect("open").expect("accepted")
    }

    #[tokio::test]
    async fn no_small_message_waits_for_an_acknowledgement() {
        let (address, mut incoming) = listening(Limits::default()).await;
        let _client = TcpStream::connect(address).await.expect("connected");
        let Io::Plain(stream) = next(&mut incoming).await.io else {
            panic!("no TLS was asked for");
        };
        assert!(stream.nodelay().expect("readable"));
    }

    #[tokio::test]
    async fn past_the_cap_of_an_address_a_connection_is_closed_and_its_seat_comes_back() {
        let limits = Limits {
            address_connections_max: 2,
            ..Limits::default()
        };
        let (address, mut incoming) = listening(limits).await;
        let _one = TcpStream::connect(address).await.expect("connected");
        let _two = TcpStream::connect(address).await.expect("connected");
        let (first, _second) = (next(&mut incoming).await, next(&mut incoming).await);
        let mut third = TcpStream::connect(address).await.expect("connected");
        let closed = third.read(&mut [0]).await;
        assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
        drop(first);
        let _fourth = TcpStream::connect(address).await.expect("connected");
        next(&mut incoming).await;
    }

    #[tokio::test]
    async fn who_says_nothing_is_given_up_and_who_spoke_may_be_silent() {
        let limits = Limits {
            handshake_timeout_ms: 100,
            ..Limits::default()
        };
        let (address, mut incoming) = listening(limits).await;
        let _silent = TcpStream::connect(address).await.expect("connected");
        let mut silent = next(&mut incoming).await;
        let error = silent.read(&mut [0; 64]).await.expect_err("silence");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);

        let mut client = TcpStream::connect(address).await.expect("connected");
        let mut served = next(&mut incoming).await;
        client.write_all(&[7; FIRST_BYTES]).await.expect("written");
        let mut bytes = [0; FIRST_BYTES];
        served.read_exact(&mut bytes).await.expect("read");
        assert!(served.first.is_none(), "from here on keep-alive decides");
    }
}
