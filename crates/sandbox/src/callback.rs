//! Call-backs to the service: bounded in number at once and in tries.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sha1::Sha1;
use tokio::sync::Semaphore;

use crate::hub::Hub;
use crate::misbehave::CallbackFaults;

/// The most call-backs on the wire at once.
const AT_ONCE_MAX: usize = 64;
/// How long one try may take.
const TRY_TIMEOUT: Duration = Duration::from_secs(10);
const BACK_OFF_MIN: Duration = Duration::from_millis(100);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
/// What is read of an answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// A request to the service.
#[derive(Clone, Debug)]
pub(crate) struct Callback {
    method: Method,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Callback {
    pub(crate) fn get(url: String) -> Callback {
        Callback {
            method: Method::GET,
            url,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    pub(crate) fn json(url: String, body: &serde_json::Value) -> Callback {
        let headers = vec![("content-type", "application/json".to_owned())];
        Callback {
            method: Method::POST,
            url,
            headers,
            body: body.to_string(),
        }
    }

    /// A form as the voice provider signs it.
    pub(crate) fn signed_form(url: String, form: &[(&str, String)], token: &str) -> Callback {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form.iter().map(|(name, value)| (*name, value.as_str())));
        let headers = vec![
            (
                "content-type",
                "application/x-www-form-urlencoded".to_owned(),
            ),
            ("x-twilio-signature", signature(token, &url, form)),
        ];
        Callback {
            method: Method::POST,
            url,
            headers,
            body: body.finish(),
        }
    }
}

/// base64(HMAC-SHA1(token, url + each name and value, sorted by name)).
fn signature(token: &str, url: &str, form: &[(&str, String)]) -> String {
    let mut sorted: Vec<_> = form.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(b.0));
    // HMAC takes a key of any length, so this arm is never empty-handed.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(token.as_bytes()) else {
        return String::new();
    };
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

pub(crate) struct Callbacks {
    client: Client<HttpConnector, Full<Bytes>>,
    seats: Semaphore,
    tries_max: u32,
}

impl Callbacks {
    pub(crate) fn new(tries_max: u32) -> Callbacks {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Callbacks {
            client: Client::builder(TokioExecutor::new()).build(connector),
            seats: Semaphore::new(AT_ONCE_MAX),
            tries_max: tries_max.max(1),
        }
    }

    /// Sends one call-back, again while the service can't be reached or says 5xx or 429.
    async fn send(&self, callback: &Callback) -> Result<(), &'static str> {
        let uri: Uri = callback.url.parse().map_err(|_| "bad_url")?;
        let mut back_off = BACK_OFF_MIN;
        for left in (0..self.tries_max).rev() {
            let status = {
                let _seat = self.seats.acquire().await;
                tokio::time::timeout(TRY_TIMEOUT, self.try_once(callback, uri.clone())).await
            };
            match status {
                Ok(Some(200..=399)) => return Ok(()),
                Ok(Some(400..=428 | 430..=499)) => return Err("refused"),
                _ if left == 0 => break,
                _ => tokio::time::sleep(back_off).await,
            }
            back_off = (back_off * 2).min(BACK_OFF_MAX);
        }
        Err("given_up")
    }

    async fn try_once(&self, callback: &Callback, uri: Uri) -> Option<u16> {
        let mut request = Request::builder().method(&callback.method).uri(uri);
        for (name, value) in &callback.headers {
            request = request.header(*name, value);
        }
        let request = request
            .body(Full::new(Bytes::from(callback.body.clone())))
            .ok()?;
        let response = self.client.request(request).await.ok()?;
        let status = response.status().as_u16();
        // Reading to the end gives the connection back; what it says is of no interest.
        let _ = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        Some(status)
    }
}

/// Sends the call-backs of one contact one after the other, with the faults drawn for it.
pub(crate) async fn send_all(hub: &Arc<Hub>, mut callbacks: Vec<Callback>, faults: CallbackFaults) {
    if faults.duplicate {
        callbacks.extend(callbacks.last().cloned());
    }
    if faults.reorder {
        callbacks.reverse();
    }
    for callback in callbacks {
        let result = hub.callbacks.send(&callback).await;
        hub.world()
            .count(format!("callback.{}", result.err().unwrap_or("answered")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in the provider's documentation of its request validation.
    #[test]
    fn signature_is_the_documented_one() {
        let form = [
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        assert_eq!(
            signature("12345", url, &form),
            "RSOYDt4T1cUTdK1PDd93/VVr8B8="
        );
    }
}
