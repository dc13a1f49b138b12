//! The HTTP server beneath the gateway, voice, calendar, legal and control interfaces.
//!
//! It stands on hyper alone: a handler may answer by closing the connection, which a router whose
//! services cannot fail has no word for.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::hub::Hub;

/// The largest body that is read.
const BODY_BYTES_MAX: usize = 64 << 20;
/// The most connections that one server holds.
const CONNECTIONS_MAX: usize = 4_096;

/// A whole request.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    pub(crate) fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The hash of the body or, where there is none, of the query.
    pub(crate) fn payload_sha256(&self) -> String {
        let payload = if self.body.is_empty() {
            self.query().as_bytes()
        } else {
            self.body.as_ref()
        };
        crate::hub::sha256_hex(payload)
    }
}

pub(crate) type Reply = hyper::Response<Full<Bytes>>;

/// What a handler says.
pub(crate) enum Answer {
    Reply(Reply),
    /// Close the connection without a byte.
    Cut,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Answer {
        Answer::Reply(reply)
    }
}

/// Makes hyper close the connection without an answer.
#[derive(Debug)]
struct CutOff;

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is closed without an answer on purpose")
    }
}

impl std::error::Error for CutOff {}

pub(crate) fn reply(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Reply::new(Full::new(body.into()));
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

pub(crate) fn text(status: u16, body: impl Into<Bytes>) -> Reply {
    reply(status, "text/plain; charset=utf-8", body)
}

pub(crate) fn json(status: u16, body: &serde_json::Value) -> Reply {
    reply(status, "application/json", body.to_string())
}

/// Serves until the sandbox stops.
pub(crate) async fn serve<H, F>(hub: Arc<Hub>, listener: TcpListener, handler: H)
where
    H: Fn(Arc<Hub>, Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(seat) = Arc::clone(&seats).acquire_owned().await {
        let stream = accept(&listener).await;
        let (hub, handler) = (Arc::clone(&hub), handler.clone());
        tokio::spawn(async move {
            connection(hub, stream, handler).await;
            drop(seat);
        });
    }
}

/// The next connection. A failed accept (out of descriptors, peer gone) must not end the server.
pub(crate) async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection<H, F>(hub: Arc<Hub>, stream: TcpStream, handler: H)
where
    H: Fn(Arc<Hub>, Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let mut stopped = hub.stop.subscribe();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (hub, handler) = (Arc::clone(&hub), handler.clone());
        async move {
            let under_way = hub.begin();
            let answer = match read(request).await {
                Ok(request) => handler(Arc::clone(&hub), request).await,
                Err(status) => text(status, "the body could not be read").into(),
            };
            drop(under_way);
            match answer {
                Answer::Reply(reply) => Ok(reply),
                Answer::Cut => Err(CutOff),
            }
        }
    });
    let serving =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // How a connection ends is the peer's affair or our own cut: neither is an error here.
    tokio::select! {
        _ = serving => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
}

async fn read(request: hyper::Request<Incoming>) -> Result<Request, u16> {
    let (head, body) = request.into_parts();
    let whole = Limited::new(body, BODY_BYTES_MAX).collect().await;
    let status = |e: Box<dyn std::error::Error + Send + Sync>| match e.is::<hyper::Error>() {
        true => 400u16,
        false => 413,
    };
    let body = whole.map_err(status)?.to_bytes();
    Ok(Request {
        method: head.method,
        uri: head.uri,
        headers: head.headers,
        body,
    })
}

/// A parameter list as in a query or a form; values are bytes, since SMS has its own charsets.
pub(crate) struct Params(Vec<(String, Vec<u8>)>);

impl Params {
    pub(crate) fn parse(encoded: &str) -> Params {
        let decode = |part: &str| -> Vec<u8> {
            percent_encoding::percent_decode_str(&part.replace('+', " ")).collect()
        };
        let pairs = encoded
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (
                    String::from_utf8_lossy(&decode(name)).into_owned(),
                    decode(value),
                )
            });
        Params(pairs.collect())
    }

    /// The query and, for a form, the body.
    pub(crate) fn of(request: &Request) -> Params {
        let mut all = Params::parse(request.query());
        let form = "application/x-www-form-urlencoded";
        if request
            .header("content-type")
            .is_some_and(|t| t.starts_with(form))
        {
            all.0
                .extend(Params::parse(&String::from_utf8_lossy(&request.body)).0);
        }
        all
    }

    pub(crate) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_slice())
    }

    /// The value as text; None where it is missing or empty.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let value = self.bytes(name).filter(|value| !value.is_empty())?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    /// All values of a name that may come several times.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(n, _)| n == name);
        values
            .map(|(_, v)| String::from_utf8_lossy(v).into_owned())
            .collect()
    }
}

/// A value as it stands in a query.
pub(crate) fn encode(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect()
}
