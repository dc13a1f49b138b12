//! HTTP/1.1 for channels that speak to a carrier over HTTP(S): one connection per call, behind the
//! connector's gate, and an error that says what is proven.
//!
//! A channel depends on `recoup-channel` alone of our crates, and that has no HTTP, so this file is
//! shared as source: `#[path = "../../http.rs"] mod http;`. The including crate depends on
//! `bytes`, `http-body-util`, `hyper` (client, http1), `hyper-util` (tokio), `tokio` (net, time, rt),
//! `tokio-rustls` (ring, tls12, no default features) and `webpki-roots`.
//!
//! What it promises:
//! - [`HttpClient::send`] writes no byte of the request before the connector's gate has opened, so
//!   `not_after` is checked after look-up, connect and TLS handshake, and `began` is reported.
//! - An error before that is `Retryable` (proven), one after it `Unknown`. An answer of any status
//!   is `Ok`: what it proves is the carrier's contract, which only the channel knows.
//! - Nothing is repeated, no redirect is followed, no connection is kept.
#![allow(dead_code, reason = "no channel uses all of it")]

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use recoup_channel::{Call, ChannelError, Guarded};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// The largest answer that is read, in bytes.
pub(crate) const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A carrier's endpoint, ready to be called.
#[derive(Clone)]
pub(crate) struct HttpClient {
    host: String,
    port: u16,
    /// What goes into the `Host` header: host, and port where it is not the scheme's.
    authority: String,
    /// Path of the endpoint's URL, without a query; never empty.
    path: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// One request. Headers are sent as given, `Host` and `Content-Length` are added.
#[derive(Clone, Default)]
pub(crate) struct HttpRequest {
    /// Method; GET where it is not set.
    pub(crate) method: Method,
    /// Path and query, already encoded, beginning with "/".
    pub(crate) target: String,
    /// Further headers.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Bytes,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl HttpAnswer {
    /// The body as text; bytes that are no UTF-8 are replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// `Retry-After` in seconds, where the carrier gives it so.
    pub(crate) fn retry_after(&self) -> Option<std::time::Duration> {
        let seconds = self.headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
        Some(std::time::Duration::from_secs(seconds))
    }
}

impl HttpClient {
    /// Reads an endpoint's URL. `ca_pem` adds roots to the web's own, for a carrier with its own CA.
    ///
    /// # Errors
    /// For the person who wrote the configuration.
    pub(crate) fn new(url: &str, ca_pem: Option<&str>) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("`{url}` is no URL: {error}"))?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(format!("`{url}` has to begin with https:// or http://")),
        };
        let authority = uri.authority().ok_or_else(|| format!("`{url}` names no host"))?;
        if authority.as_str().contains('@') {
            return Err("a URL must not hold credentials; use a secret".to_owned());
        }
        if uri.query().is_some() {
            return Err(format!("`{url}` must not have a query"));
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let tls = if https { Some(connector(&host, ca_pem)?) } else { None };
        Ok(Self {
            port: authority.port_u16().unwrap_or(if https { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
            path: uri.path().to_owned(),
            host,
            tls,
        })
    }

    /// Path of the endpoint's URL.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Makes one request and reads its whole answer, within the call's time.
    ///
    /// # Errors
    /// `Retryable` where no byte of the request has left (proven), else `Unknown`.
    pub(crate) async fn send(
        &self,
        cx: &Call,
        request: HttpRequest,
    ) -> Result<HttpAnswer, ChannelError> {
        let request = self.build(request)?;
        match tokio::time::timeout(cx.remaining(), self.exchange(cx, request)).await {
            Ok(answer) => answer,
            Err(_) => Err(cx.broken(format!("{} did not answer in time", self.authority))),
        }
    }

    fn build(&self, request: HttpRequest) -> Result<Request<Full<Bytes>>, ChannelError> {
        let bad = |what: &str| ChannelError::permanent(format!("not sent: {what}"));
        let mut built = Request::new(Full::new(request.body.clone()));
        *built.uri_mut() = request
            .target
            .parse()
            .map_err(|error| bad(&format!("the request's path is not valid: {error}")))?;
        *built.method_mut() = request.method.clone();
        let headers = built.headers_mut();
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| bad(&format!("`{name}` is no header name")))?;
            // The value may be a credential, so it is not repeated in the error.
            let value = HeaderValue::from_str(value)
                .map_err(|_| bad(&format!("the value of header `{name}` is not valid")))?;
            headers.append(name, value);
        }
        let host = HeaderValue::from_str(&self.authority).map_err(|_| bad("the host is no header"))?;
        headers.insert(HOST, host);
        let has_body = !request.body.is_empty();
        if has_body || [Method::POST, Method::PUT].contains(&request.method) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.len()));
        }
        Ok(built)
    }

    async fn exchange(
        &self,
        cx: &Call,
        request: Request<Full<Bytes>>,
    ) -> Result<HttpAnswer, ChannelError> {
        let to = &self.authority;
        let tcp = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|error| cx.broken(format!("cannot connect to {to}: {error}")))?;
        // Small requests must not wait for the last one's acknowledgement.
        let _ = tcp.set_nodelay(true);
        match &self.tls {
            None => over(cx, to, tcp, request).await,
            Some((connector, name)) => {
                let stream = connector
                    .connect(name.clone(), tcp)
                    .await
                    .map_err(|error| cx.broken(format!("no TLS with {to}: {error}")))?;
                over(cx, to, stream, request).await
            }
        }
    }
}

/// The exchange itself, over a finished stream.
async fn over<S>(
    cx: &Call,
    to: &str,
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<HttpAnswer, ChannelError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = TokioIo::new(Guarded::new(stream, cx));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
        .await
        .map_err(|error| cx.broken(format!("no HTTP with {to}: {error}")))?;
    let exchange = async {
        let answer = sender.send_request(request).await?;
        let (head, body) = answer.into_parts();
        Ok::<_, hyper::Error>((head, Limited::new(body, ANSWER_BYTES_MAX).collect().await))
    };
    let (head, body) = beside(exchange, connection).await.map_err(|error| {
        match recoup_channel::connector::refusal(&error) {
            Some(refused) if !cx.has_begun() => refused.clone(),
            _ => cx.broken(format!("the request to {to} was cut: {error}")),
        }
    })?;
    let body = body.map_err(|error| cx.broken(format!("the answer of {to} was cut: {error}")))?;
    Ok(HttpAnswer { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() })
}

/// Runs `main` with `helper` beside it in the same task, so that neither outlives the call.
async fn beside<M: Future, H: Future>(main: M, helper: H) -> M::Output {
    let mut main = std::pin::pin!(main);
    let mut helper = std::pin::pin!(helper);
    let mut helper_runs = true;
    std::future::poll_fn(move |cx| {
        if helper_runs && helper.as_mut().poll(cx).is_ready() {
            helper_runs = false;
        }
        main.as_mut().poll(cx)
    })
    .await
}

fn connector(
    host: &str,
    ca_pem: Option<&str>,
) -> Result<(TlsConnector, ServerName<'static>), String> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for certificate in CertificateDer::pem_slice_iter(ca_pem.unwrap_or_default().as_bytes()) {
        let certificate = certificate.map_err(|error| format!("the CA's PEM is broken: {error}"))?;
        roots.add(certificate).map_err(|error| format!("the CA cannot be used: {error}"))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| format!("`{host}` is no name that a certificate could carry"))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}
