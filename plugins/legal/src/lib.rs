//! The legal channel: a case handed to a law firm's desk, as a pack over HTTPS.
//!
//! `pack` makes the zip; this file hands it over, asks after it and recalls it.

mod config;
#[path = "../../shared/http.rs"]
mod http;
mod pack;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use recoup_channel::wire::{
    CancelKind, CancelRequest, Cancelled, Capabilities, ChannelDescriptor, ContactClass, Inbound,
    Inbounds, Outcome, OutcomeReport, RawCallback, Receipt, SendRequest, Status, StatusKind,
    StatusRequest, Valid, destination, inbound,
};
use recoup_channel::{Call, Channel, ChannelError, ChannelFactory, Host};
use serde::Deserialize;

use crate::config::Config;

recoup_channel::export_channel! { LegalChannel }

const REFERRALS: &str = "/v1/referrals";

/// What may stand in a path or query as it is.
const IN_URL: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A law firm that takes referrals.
pub struct LegalChannel {
    config: Config,
    client: http::Client,
    host: Host,
}

/// A referral as the desk shows it and calls back with.
#[derive(Debug, Deserialize)]
struct Shown {
    receipt_id: String,
    #[serde(default)]
    status: String,
    /// Microseconds since the Unix epoch.
    at_us: Option<i64>,
}

impl Shown {
    fn read(body: &[u8]) -> Result<Self, String> {
        let shown: Self = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        match shown.receipt_id.is_empty() {
            true => Err("`receipt_id` is empty".to_owned()),
            false => Ok(shown),
        }
    }

    /// What became of the referral; `None`: nothing yet.
    fn outcome(&self) -> Result<Option<Outcome>, String> {
        match self.status.as_str() {
            "filed" => Ok(Some(Outcome::Filed)),
            "recalled" => Ok(Some(Outcome::Cancelled)),
            "received" => Ok(None),
            other => Err(format!("`{other}` is no status of a referral")),
        }
    }
}

impl ChannelFactory for LegalChannel {
    fn descriptor() -> ChannelDescriptor {
        ChannelDescriptor {
            id: "org.recoup.legal".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            vendor: "recoup".to_owned(),
            kind: "legal".to_owned(),
            contact_class: ContactClass::Legal.into(),
            capabilities: Some(Capabilities {
                idempotent_send: true,
                status_query: true,
                cancel: true,
                callbacks: true,
                began: true,
                scheduled: true,
                validate: true,
                ..Capabilities::default()
            }),
            config_schema_json: config::SCHEMA.to_owned(),
            egress: vec!["config:endpoint".to_owned()],
            ..ChannelDescriptor::default()
        }
    }

    fn create(config_json: &str, host: Host) -> Result<Self, String> {
        let config = Config::read(config_json)?;
        let client = http::Client::with_ca(&config.endpoint, &config.ca_pem)
            .map_err(|why| format!("legal: `endpoint` or `ca_pem`: {why}"))?;
        let channel = Self {
            config,
            client,
            host,
        };
        // Fails now rather than at the first contact.
        channel
            .credentials()
            .map_err(|error| format!("legal: {}", error.message()))?;
        Ok(channel)
    }
}

impl LegalChannel {
    /// The bearer token, asked for each time: it may be changed while we run.
    fn credentials(&self) -> Result<Option<String>, ChannelError> {
        let Some(name) = &self.config.token_secret else {
            return Ok(None);
        };
        let token = self.host.secret(name).ok_or_else(|| {
            ChannelError::auth(format!(
                "the secret `{name}` (`token_secret`) is not set or not granted"
            ))
        })?;
        Ok(Some(format!("Bearer {token}")))
    }

    async fn ask(
        &self,
        cx: &Call,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<http::Answer, ChannelError> {
        let credentials = self.credentials()?;
        let mut headers = headers.to_vec();
        if let Some(credentials) = &credentials {
            headers.push(("Authorization", credentials));
        }
        let ask = http::Ask {
            method,
            path,
            headers: &headers,
            body,
        };
        self.client.ask(cx, ask).await
    }

    /// The desk's id and the pack for it.
    fn pack(&self, request: &SendRequest) -> Result<(String, Vec<u8>), ChannelError> {
        let to = request
            .destination
            .as_ref()
            .and_then(|destination| destination.to.as_ref());
        let Some(destination::To::Desk(desk)) = to else {
            return Err(ChannelError::permanent(
                "the destination is no desk; this channel takes `desk`",
            ));
        };
        if request.idempotency_key.is_empty() {
            return Err(ChannelError::permanent(
                "the request has no idempotency key",
            ));
        }
        let known = self
            .config
            .desks
            .as_ref()
            .is_none_or(|desks| desks.contains(&desk.id));
        if !known || !config::is_desk(&desk.id) {
            return Err(ChannelError::permanent(format!(
                "the desk `{}` is not one of `desks`",
                desk.id
            )));
        }
        let pack = pack::make(&self.host, request, &desk.id, self.config.pack_bytes_max)?;
        Ok((desk.id.clone(), pack))
    }

    /// The referral of a key, as the desk has it.
    async fn by_key(&self, cx: &Call, key: &str) -> Result<Option<Shown>, ChannelError> {
        if key.is_empty() {
            return Err(ChannelError::permanent(
                "the request has no idempotency key",
            ));
        }
        let path = format!("{REFERRALS}?key={}", utf8_percent_encode(key, IN_URL));
        let answer = self.ask(cx, ("GET", &path), &[], Vec::new()).await?;
        match answer.status {
            200 => Shown::read(&answer.body).map(Some).map_err(unreadable),
            404 => Ok(None),
            _ => Err(refused(&answer)),
        }
    }
}

fn unreadable(why: String) -> ChannelError {
    ChannelError::unknown(format!("the desk's answer cannot be read: {why}"))
}

/// What a refusal of the desk proves.
fn refused(answer: &http::Answer) -> ChannelError {
    let status = answer.status;
    let said = format!("the desk answered {status}");
    match status {
        401 | 403 => ChannelError::auth(format!(
            "{said}; check the secret of `token_secret` and whether this desk takes our referrals"
        )),
        404 | 405 => ChannelError::permanent(format!("{said}; check `endpoint`")),
        400 | 413 | 415 | 422 => ChannelError::permanent(said),
        429 => ChannelError::rate_limited(said, answer.retry_after()),
        301 | 302 | 307 | 308 => ChannelError::permanent(format!(
            "{said} (moved); write the new place into `endpoint`"
        )),
        // 409 too: another pack may have come with this key.
        _ => ChannelError::unknown(said),
    }
}

impl Channel for LegalChannel {
    async fn send(&self, cx: &Call, request: SendRequest) -> Result<Receipt, ChannelError> {
        let (desk, pack) = self.pack(&request)?;
        let sha256 = pack::sha256_hex(&pack);
        let mut headers = vec![
            ("Content-Type", "application/zip"),
            ("Idempotency-Key", request.idempotency_key.as_str()),
            ("Content-SHA256", &sha256),
            ("Desk", &desk),
        ];
        if !request.callback_url.is_empty() {
            headers.push(("Callback-URL", &request.callback_url));
        }
        let answer = self.ask(cx, ("POST", REFERRALS), &headers, pack).await?;
        if !matches!(answer.status, 200 | 201) {
            return Err(refused(&answer));
        }
        let shown = Shown::read(&answer.body).map_err(unreadable)?;
        Ok(Receipt {
            provider_ref: shown.receipt_id,
            ..Receipt::default()
        })
    }

    async fn status(&self, cx: &Call, request: StatusRequest) -> Result<Status, ChannelError> {
        let Some(shown) = self.by_key(cx, &request.idempotency_key).await? else {
            return Ok(Status {
                kind: StatusKind::NotFound.into(),
                ..Status::default()
            });
        };
        Ok(Status {
            kind: StatusKind::Found.into(),
            outcome: shown.outcome().map_err(unreadable)?.map(Into::into),
            at_unix_ms: shown.at_us.unwrap_or_default().div_euclid(1000),
            detail: format!("the desk says `{}`", shown.status),
            provider_ref: shown.receipt_id,
            ..Status::default()
        })
    }

    async fn cancel(&self, cx: &Call, request: CancelRequest) -> Result<Cancelled, ChannelError> {
        let not_found = Cancelled {
            kind: CancelKind::NotFound.into(),
            ..Cancelled::default()
        };
        let receipt_id = match request.provider_ref.as_str() {
            "" => match self.by_key(cx, &request.idempotency_key).await? {
                Some(shown) => shown.receipt_id,
                None => return Ok(not_found),
            },
            known => known.to_owned(),
        };
        let id = utf8_percent_encode(&receipt_id, IN_URL);
        let path = format!("{REFERRALS}/{id}");
        let answer = self.ask(cx, ("DELETE", &path), &[], Vec::new()).await?;
        match answer.status {
            200 | 204 => Ok(Cancelled {
                kind: CancelKind::Cancelled.into(),
                ..not_found
            }),
            404 | 410 => Ok(not_found),
            409 => Ok(Cancelled {
                kind: CancelKind::TooLate.into(),
                detail: "the desk has filed it".to_owned(),
                outcome: Some(Outcome::Filed.into()),
                ..Cancelled::default()
            }),
            _ => Err(refused(&answer)),
        }
    }

    async fn parse_callback(
        &self,
        _cx: &Call,
        callback: RawCallback,
    ) -> Result<Inbounds, ChannelError> {
        let bad = |why: String| {
            ChannelError::permanent(format!("the desk's call-back cannot be read: {why}"))
        };
        let shown = Shown::read(&callback.body).map_err(bad)?;
        let Some(outcome) = shown.outcome().map_err(bad)? else {
            return Ok(Inbounds::default());
        };
        let report = OutcomeReport {
            contact_id: callback.contact_id,
            outcome: outcome.into(),
            at_unix_ms: shown.at_us.unwrap_or_default().div_euclid(1000),
            detail: format!("the desk says `{}`", shown.status),
            r#final: true,
            provider_ref: shown.receipt_id,
        };
        Ok(Inbounds::from(vec![Inbound {
            what: Some(inbound::What::Report(report)),
        }]))
    }

    async fn validate(&self, _cx: &Call, request: SendRequest) -> Result<Valid, ChannelError> {
        self.pack(&request)?;
        Ok(Valid {
            parts: 1,
            ..Valid::default()
        })
    }
}
