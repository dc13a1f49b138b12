//! A small HTTP/1.1 client for the plugins: one guarded connection a request, nothing repeated.
//!
//! Included by `#[path = "../../shared/http.rs"] mod http;`. The finished stream, above TLS, is
//! wrapped in [`Guarded`]: no byte of a request leaves after `not_after` or before `began`. What
//! fails before that is proven unsent; what fails after it is unknown.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use recoup_channel::connector::refusal;
use recoup_channel::{Call, ChannelError, Guarded};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// The most of an answer's body that is read.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Where requests go: scheme, host, port and a path before each request's own.
#[derive(Clone)]
pub(crate) struct Client {
    host: String,
    port: u16,
    prefix: String,
    tls: Option<TlsConnector>,
}

/// One request.
#[derive(Debug, Default)]
pub(crate) struct Ask<'a> {
    /// Upper case, for example "GET".
    pub(crate) method: &'a str,
    /// Path and query, from "/".
    pub(crate) path: &'a str,
    /// Names and values; `Host` and `Content-Length` are added.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    headers: HeaderMap,
    /// The body, at most 1 MiB.
    pub(crate) body: Bytes,
}

impl Answer {
    /// A header's value, where it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Retry-After` in seconds, where the carrier gives one.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header("retry-after")?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}

impl Client {
    /// For a base URL such as `https://host:port/prefix`.
    ///
    /// # Errors
    /// What is wrong with the URL, for the person who wrote it.
    #[allow(dead_code, reason = "some channels only use `with_ca`")]
    pub(crate) fn new(base_url: &str) -> Result<Self, String> {
        Self::with_ca(base_url, "")
    }

    /// As `new`; trusts the certificates of `ca_pem` besides the web's own roots.
    ///
    /// # Errors
    /// As `new`, and what is wrong with the PEM.
    pub(crate) fn with_ca(base_url: &str, ca_pem: &str) -> Result<Self, String> {
        let uri: Uri = base_url
            .parse()
            .map_err(|error| format!("`{base_url}`: {error}"))?;
        let tls = match uri.scheme_str() {
            Some("http") => None,
            Some("https") => Some(tls(ca_pem)?),
            _ => {
                return Err(format!(
                    "`{base_url}`: it must begin with https:// or http://"
                ));
            }
        };
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| format!("`{base_url}`: it names no host"))?;
        if uri.query().is_some() || uri.authority().is_some_and(|a| a.as_str().contains('@')) {
            return Err(format!(
                "`{base_url}`: it must hold neither a query nor a user"
            ));
        }
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri
                .port_u16()
                .unwrap_or(if tls.is_some() { 443 } else { 80 }),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            tls,
        })
    }

    /// Asks once, within the call's time.
    ///
    /// # Errors
    /// `Retryable` where no byte of the request has left, `Unknown` where one may have.
    pub(crate) async fn ask(&self, cx: &Call, ask: Ask<'_>) -> Result<Answer, ChannelError> {
        let request = self.request(ask)?;
        match tokio::time::timeout(cx.remaining(), self.exchange(cx, request)).await {
            Ok(answer) => answer,
            Err(_) => Err(cx.broken(format!("no whole answer from {} in time", self.host))),
        }
    }

    fn request(&self, ask: Ask<'_>) -> Result<Request<Full<Bytes>>, ChannelError> {
        let wrong = |what: String| ChannelError::permanent(format!("not sent: {what}"));
        let method = Method::from_bytes(ask.method.as_bytes());
        let method = method.map_err(|error| wrong(format!("method: {error}")))?;
        let target = format!("{}{}", self.prefix, ask.path);
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .body(Full::new(Bytes::from(ask.body)))
            .map_err(|error| wrong(format!("path: {error}")))?;
        let host = self.authority();
        for (name, value) in [("host", host.as_str())].iter().chain(ask.headers) {
            let name = HeaderName::from_bytes(name.as_bytes());
            let name = name.map_err(|error| wrong(format!("header: {error}")))?;
            let value = HeaderValue::from_str(value)
                .map_err(|error| wrong(format!("header {name}: {error}")))?;
            request.headers_mut().append(name, value);
        }
        Ok(request)
    }

    fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (self.port, self.tls.is_some()) {
            (80, false) | (443, true) => host,
            (port, _) => format!("{host}:{port}"),
        }
    }

    async fn exchange(
        &self,
        cx: &Call,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, ChannelError> {
        let place = format!("{}:{}", self.host, self.port);
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|error| cx.broken(format!("not sent: connect to {place}: {error}")))?;
        // A request is small and whole: waiting to fill a segment gains nothing.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else {
            return talk(cx, stream, request).await;
        };
        let name = ServerName::try_from(self.host.clone())
            .map_err(|error| ChannelError::permanent(format!("not sent: {place}: {error}")))?;
        let stream = tls
            .connect(name, stream)
            .await
            .map_err(|error| cx.broken(format!("not sent: TLS with {place}: {error}")))?;
        talk(cx, stream, request).await
    }
}

fn tls(ca_pem: &str) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        let certificate = certificate.map_err(|error| format!("the CA's PEM: {error}"))?;
        roots
            .add(certificate)
            .map_err(|error| format!("the CA's certificate: {error}"))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// One request and its whole answer over a finished stream.
async fn talk<S>(
    cx: &Call,
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<Answer, ChannelError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(Guarded::new(stream, cx));
    let (mut sender, connection) = http1::handshake(io)
        .await
        .map_err(|error| cx.broken(format!("not sent: {error}")))?;
    let exchange = async {
        let answer = sender.send_request(request).await?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((head, body.to_bytes()))
    };
    // The connection must be polled for the exchange to move. Dropped with it, it writes nothing
    // behind our back.
    let mut connection = std::pin::pin!(connection);
    let mut exchange = std::pin::pin!(exchange);
    let done = tokio::select! {
        biased;
        done = &mut exchange => done,
        ended = &mut connection => match ended {
            Err(error) if refusal(&error).is_some() => Err(error.into()),
            // What has arrived before the end may be the whole answer.
            _ => exchange.await,
        },
    };
    match done {
        Ok((head, body)) => Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }),
        Err(error) => Err(match refusal(error.as_ref()) {
            Some(refused) => refused.clone(),
            None => cx.broken(format!(
                "the connection broke before a whole answer: {error}"
            )),
        }),
    }
}
