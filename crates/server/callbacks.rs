//! The listener where providers call back. It serves two addresses and nothing else: that of a contact,
//! by its token, and that of a provider account. Whose call it is, is settled before a channel reads a
//! byte; a forged token is 404.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use recoup_channel::wire::{Pair, RawCallback};
use recoup_engine::Engine;
use recoup_engine::callback::{CallbackAnswer, CallbackTarget};

use crate::metrics::Meters;

/// The largest body of a call-back, in bytes.
const BODY_MAX: usize = 256 * 1024;
/// The most query parameters or headers that go to a channel.
const PAIRS_MAX: usize = 256;

/// The routes of the listener.
pub fn router(engine: Engine, meters: Arc<Meters>) -> Router {
    Router::new()
        .route("/cb/v1/c/{token}", get(contact).post(contact))
        .route("/cb/v1/a/{account}", get(account).post(account))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(Taking { engine, meters })
}

/// What takes call-backs, and counts them.
#[derive(Clone)]
struct Taking {
    engine: Engine,
    meters: Arc<Meters>,
}

/// A call-back as HTTP has it.
struct Incoming {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

async fn contact(
    State(taking): State<Taking>,
    Path(token): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let incoming = Incoming {
        method,
        uri,
        headers,
        body,
    };
    take(&taking, CallbackTarget::Contact(token), incoming).await
}

async fn account(
    State(taking): State<Taking>,
    Path(account): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let incoming = Incoming {
        method,
        uri,
        headers,
        body,
    };
    take(&taking, CallbackTarget::Account(account), incoming).await
}

async fn take(taking: &Taking, target: CallbackTarget, incoming: Incoming) -> Response {
    // A provider that hangs up has told it all the same.
    let engine = taking.engine.clone();
    let taken = async move { engine.callback(&target, incoming.into_raw()).await };
    let response = match tokio::spawn(taken).await {
        Ok(Ok(answer)) => respond(answer),
        Err(panicked) => {
            tracing::error!(error = %panicked, "a call-back could not be taken");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Ok(Err(error)) => {
            // The provider is to call again; it learns nothing else.
            tracing::error!(%error, "a call-back could not be taken");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    };
    taking.meters.callbacks.add(class_of(response.status()));
    response
}

/// The class of a status; a channel chooses its own, so single ones are not counted.
fn class_of(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => "other",
    }
}

fn respond(answer: CallbackAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (
        status,
        [(header::CONTENT_TYPE, answer.media_type)],
        answer.body,
    )
        .into_response()
}

impl Incoming {
    fn into_raw(self) -> RawCallback {
        let headers = self
            .headers
            .iter()
            .take(PAIRS_MAX)
            .filter_map(|(name, value)| {
                let value = value.to_str().ok()?.to_owned();
                Some(Pair {
                    name: name.as_str().to_owned(),
                    value,
                })
            });
        RawCallback {
            method: self.method.as_str().to_owned(),
            path: self.uri.path().to_owned(),
            query: pairs(self.uri.query().unwrap_or_default()),
            headers: headers.collect(),
            body: self.body.to_vec(),
            ..RawCallback::default()
        }
    }
}

/// Query parameters in their order, decoded.
fn pairs(query: &str) -> Vec<Pair> {
    let parts = query
        .split('&')
        .filter(|part| !part.is_empty())
        .take(PAIRS_MAX);
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        Pair {
            name: decode(name),
            value: decode(value),
        }
    };
    parts.map(pair).collect()
}

/// Undoes percent-encoding and `+`; what cannot be read stays as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = bytes
            .get(i + 1..i + 3)
            .and_then(|h| std::str::from_utf8(h).ok());
        match (bytes[i], hex.and_then(|h| u8::from_str_radix(h, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                i += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                i += 1;
            }
            (byte, _) => {
                out.push(byte);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_in_order() {
        let all = pairs("status=8&text=a+b%20c%2Bd&x&=y&bad=%zz");
        let seen: Vec<(&str, &str)> = all
            .iter()
            .map(|p| (p.name.as_str(), p.value.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                ("status", "8"),
                ("text", "a b c+d"),
                ("x", ""),
                ("", "y"),
                ("bad", "%zz")
            ]
        );
    }
}
