//! The visit channel: a work order for collectors, as an event in a CalDAV calendar.
//!
//! `event` makes the event, `guard` keeps amounts out of it, `ical` writes it.

mod config;
mod event;
mod guard;
#[path = "../../shared/http.rs"]
mod http;
mod ical;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use recoup_channel::wire::{
    CancelKind, CancelRequest, Cancelled, Capabilities, ChannelDescriptor, ContactClass, Outcome,
    Receipt, SendRequest, Status, StatusKind, StatusRequest, Valid,
};
use recoup_channel::{Call, Channel, ChannelError, ChannelFactory, Host};

use crate::config::Config;

recoup_channel::export_channel! { VisitChannel }

/// What may stand in a path as it is.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A calendar that collectors work from.
pub struct VisitChannel {
    config: Config,
    client: http::Client,
    host: Host,
}

impl ChannelFactory for VisitChannel {
    fn descriptor() -> ChannelDescriptor {
        ChannelDescriptor {
            id: "org.recoup.visit".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            vendor: "recoup".to_owned(),
            kind: "visit".to_owned(),
            contact_class: ContactClass::Visit.into(),
            capabilities: Some(Capabilities {
                idempotent_send: true,
                status_query: true,
                cancel: true,
                began: true,
                scheduled: true,
                validate: true,
                ..Capabilities::default()
            }),
            config_schema_json: config::SCHEMA.to_owned(),
            egress: vec!["config:collection_url".to_owned()],
            ..ChannelDescriptor::default()
        }
    }

    fn create(config_json: &str, host: Host) -> Result<Self, String> {
        let config = Config::read(config_json)?;
        let client = http::Client::with_ca(&config.collection_url, &config.ca_pem)
            .map_err(|why| format!("visit: `collection_url` or `ca_pem`: {why}"))?;
        let channel = Self {
            config,
            client,
            host,
        };
        // Fails now rather than at the first contact.
        channel
            .credentials()
            .map_err(|error| format!("visit: {}", error.message()))?;
        Ok(channel)
    }
}

impl VisitChannel {
    /// Basic credentials, asked for each time: the password may be changed while we run.
    fn credentials(&self) -> Result<Option<String>, ChannelError> {
        let (Some(user), Some(name)) = (&self.config.username, &self.config.password_secret) else {
            return Ok(None);
        };
        let password = self.host.secret(name).ok_or_else(|| {
            ChannelError::auth(format!(
                "the secret `{name}` (`password_secret`) is not set or not granted"
            ))
        })?;
        Ok(Some(format!(
            "Basic {}",
            STANDARD.encode(format!("{user}:{password}"))
        )))
    }

    /// The event's place: always made of the key, so that no reference is needed to find it.
    fn path(key: &str) -> Result<String, ChannelError> {
        if key.is_empty() {
            return Err(ChannelError::permanent(
                "the request has no idempotency key",
            ));
        }
        Ok(format!("/{}.ics", utf8_percent_encode(key, IN_PATH)))
    }

    async fn ask(
        &self,
        cx: &Call,
        (method, path): (&str, &str),
        header: Option<(&str, &str)>,
        ics: Option<String>,
    ) -> Result<http::Answer, ChannelError> {
        let credentials = self.credentials()?;
        let mut headers: Vec<(&str, &str)> = header.into_iter().collect();
        if let Some(credentials) = &credentials {
            headers.push(("Authorization", credentials));
        }
        if ics.is_some() {
            headers.push(("Content-Type", "text/calendar; charset=utf-8"));
        }
        let body = ics.unwrap_or_default().into_bytes();
        let ask = http::Ask {
            method,
            path,
            headers: &headers,
            body,
        };
        self.client.ask(cx, ask).await
    }

    fn order(&self, request: &SendRequest) -> Result<String, ChannelError> {
        event::order(request, &self.config.domain, self.host.wall_unix_ms())
    }
}

/// Whether an answer is for people: a proxy's, or a login's.
fn is_page(answer: &http::Answer) -> bool {
    let kind = answer.header("content-type").unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("text/html")
}

/// What a refusal of the calendar proves.
fn refused(answer: &http::Answer) -> ChannelError {
    let status = answer.status;
    let said = format!("the calendar answered {status}");
    match status {
        401 | 403 => ChannelError::auth(format!(
            "{said}; check `username`, the secret of `password_secret` and the calendar's rights"
        )),
        404 | 405 | 409 => ChannelError::permanent(format!(
            "{said}; check that `collection_url` is a calendar collection"
        )),
        400 | 413 | 415 | 422 => ChannelError::permanent(said),
        429 => ChannelError::rate_limited(said, answer.retry_after()),
        301 | 302 | 307 | 308 => ChannelError::permanent(format!(
            "{said} (moved); write the new place into `collection_url`"
        )),
        _ => ChannelError::unknown(said),
    }
}

impl Channel for VisitChannel {
    async fn send(&self, cx: &Call, request: SendRequest) -> Result<Receipt, ChannelError> {
        let path = Self::path(&request.idempotency_key)?;
        let order = self.order(&request)?;
        let only_new = Some(("If-None-Match", "*"));
        let answer = self.ask(cx, ("PUT", &path), only_new, Some(order)).await?;
        match answer.status {
            // 412: it is there, put by this very key. A new event is no 200: that is a proxy's page, or who knows what,
            // and `status` will tell.
            201 | 204 | 412 => Ok(Receipt {
                provider_ref: event::uid(&request.idempotency_key, &self.config.domain),
                ..Receipt::default()
            }),
            _ => Err(refused(&answer)),
        }
    }

    async fn status(&self, cx: &Call, request: StatusRequest) -> Result<Status, ChannelError> {
        let path = Self::path(&request.idempotency_key)?;
        let answer = self.ask(cx, ("GET", &path), None, None).await?;
        match answer.status {
            404 | 410 => {
                return Ok(Status {
                    kind: StatusKind::NotFound.into(),
                    ..Status::default()
                });
            }
            200 => {}
            _ => return Err(refused(&answer)),
        }
        let ics = String::from_utf8_lossy(&answer.body);
        let uid = event::uid(&request.idempotency_key, &self.config.domain);
        if ical::find(&ics, "UID").as_deref() != Some(uid.as_str()) {
            return Err(ChannelError::unknown(
                "what lies at the event's place is not the event of this key",
            ));
        }
        let state = ical::find(&ics, "STATUS").unwrap_or_default();
        let cancelled = state.eq_ignore_ascii_case("CANCELLED");
        Ok(Status {
            kind: StatusKind::Found.into(),
            outcome: cancelled.then(|| Outcome::Cancelled.into()),
            provider_ref: uid,
            detail: format!("the event's status is `{state}`"),
            ..Status::default()
        })
    }

    async fn cancel(&self, cx: &Call, request: CancelRequest) -> Result<Cancelled, ChannelError> {
        let path = Self::path(&request.idempotency_key)?;
        let now = self.host.wall_unix_ms();
        let ics = event::cancelled(&request, &self.config.domain, now)?;
        let only_there = Some(("If-Match", "*"));
        let answer = self.ask(cx, ("PUT", &path), only_there, Some(ics)).await?;
        match answer.status {
            200 if is_page(&answer) => return Err(refused(&answer)),
            200 | 201 | 204 => {}
            404 | 410 | 412 => {
                return Ok(Cancelled {
                    kind: CancelKind::NotFound.into(),
                    ..Cancelled::default()
                });
            }
            _ => return Err(refused(&answer)),
        }
        // The calendar takes a cancel at any time; it cannot tell whether somebody had set out.
        if self.host.wall_unix_ms() >= request.effect_from_unix_ms {
            return Err(ChannelError::unknown(
                "the event is cancelled, but its appointment had begun: ask the collectors \
                 whether they went",
            ));
        }
        Ok(Cancelled {
            kind: CancelKind::Cancelled.into(),
            ..Cancelled::default()
        })
    }

    async fn validate(&self, _cx: &Call, request: SendRequest) -> Result<Valid, ChannelError> {
        Self::path(&request.idempotency_key)?;
        self.order(&request)?;
        Ok(Valid {
            parts: 1,
            ..Valid::default()
        })
    }
}
