//! The phone channel: calls through an HTTP voice provider in the shape of Twilio's Calls.
//!
//! A call to the debtor asks whoever picks up to press 1 first; the message is said only after that,
//! as the answer to the digit's call-back. `script` holds what is said, `report` what comes back.

mod api;
mod config;
#[path = "../../shared/http.rs"]
mod http;
mod report;
mod script;
mod seal;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use recoup_channel::wire::send_request::Content;
use recoup_channel::wire::{
    CancelKind, CancelRequest, Cancelled, Capabilities, ChannelDescriptor, ContactClass, Inbound,
    Inbounds, Outcome, OutcomeReport, RawCallback, Receipt, SendRequest, Status, StatusKind,
    StatusRequest, Valid, destination, inbound,
};
use recoup_channel::{Call, Channel, ChannelError, ChannelFactory, Host};

use crate::api::Shown;
use crate::config::Config;
use crate::report::{Form, Progress};
use crate::script::{Manner, TWIML_CHARS_MAX};
use crate::seal::{Seal, Text};

recoup_channel::export_channel! { PhoneChannel }

/// An account at the voice provider.
pub struct PhoneChannel {
    config: Config,
    client: http::Client,
    host: Host,
}

/// A request made ready: nothing in it can fail any more.
struct Ready {
    form: String,
    warnings: Vec<String>,
}

impl ChannelFactory for PhoneChannel {
    fn descriptor() -> ChannelDescriptor {
        ChannelDescriptor {
            id: "org.recoup.phone".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            vendor: "recoup".to_owned(),
            kind: "phone".to_owned(),
            contact_class: ContactClass::Phone.into(),
            capabilities: Some(Capabilities {
                status_query: true,
                cancel: true,
                callbacks: true,
                began: true,
                validate: true,
                ..Capabilities::default()
            }),
            config_schema_json: config::SCHEMA.to_owned(),
            egress: vec!["config:base_url".to_owned()],
            ..ChannelDescriptor::default()
        }
    }

    fn create(config_json: &str, host: Host) -> Result<Self, String> {
        let config = Config::read(config_json)?;
        let client = http::Client::with_ca(&config.base_url, &config.ca_pem)
            .map_err(|why| format!("phone: `base_url` or `ca_pem`: {why}"))?;
        let channel = Self {
            config,
            client,
            host,
        };
        // Fails now rather than at the first contact.
        Seal::new(
            &channel
                .token()
                .map_err(|error| format!("phone: {}", error.message()))?,
        )?;
        Ok(channel)
    }
}

impl PhoneChannel {
    /// The account's token, asked for each time: it may be changed while we run.
    fn token(&self) -> Result<String, ChannelError> {
        let name = &self.config.auth_token_secret;
        self.host.secret(name).ok_or_else(|| {
            ChannelError::auth(format!(
                "the secret `{name}` (`auth_token_secret`) is not set or not granted"
            ))
        })
    }

    fn prepare(&self, request: &SendRequest) -> Result<Ready, ChannelError> {
        let destination = request.destination.clone().unwrap_or_default();
        let Some(destination::To::E164(to)) = &destination.to else {
            return Err(ChannelError::permanent(
                "the destination is no phone number; this channel takes `e164`",
            ));
        };
        if !config::is_e164(to) {
            return Err(ChannelError::permanent(
                "invalid_address: the number is not E.164, + and 7 to 15 digits",
            ));
        }
        let manner = Manner::of(&self.config, &request.locale);
        let mut warnings = Vec::new();
        let twiml = match &request.content {
            Some(Content::ThirdParty(message)) if !message.body.is_empty() => {
                manner.plain(&message.body)
            }
            Some(Content::Debtor(message)) if !message.body.is_empty() => {
                let body = message.body.clone();
                let locale = request.locale.clone();
                let action = self.action(request, &Text { locale, body })?;
                manner.ask(&destination.display_name, &action)
            }
            _ => return Err(ChannelError::permanent("the message has no text to say")),
        };
        let length = twiml.chars().count();
        if length > TWIML_CHARS_MAX {
            return Err(ChannelError::permanent(format!(
                "the script has {length} characters, the provider takes {TWIML_CHARS_MAX}: \
                 shorten the text"
            )));
        }
        if request.callback_url.is_empty() {
            warnings.push("without a call-back URL the outcome must be asked for".to_owned());
        }
        let form = api::create_form(&self.config, to, &twiml, &request.callback_url);
        Ok(Ready { form, warnings })
    }

    /// Where the digit goes: the call-back URL, with the sealed text.
    fn action(&self, request: &SendRequest, text: &Text) -> Result<String, ChannelError> {
        if request.callback_url.is_empty() {
            return Err(ChannelError::permanent(
                "a call to the debtor needs a call-back URL: the message is said only after the \
                 digit's call-back",
            ));
        }
        let seal = Seal::new(&self.token()?).map_err(ChannelError::auth)?;
        let token = seal
            .close(&request.contact_id, &request.idempotency_key, text)
            .ok_or_else(|| ChannelError::permanent("the text is too long to seal"))?;
        let url = &request.callback_url;
        let joint = if url.contains('?') { '&' } else { '?' };
        Ok(format!("{url}{joint}g=1&m={token}"))
    }

    fn path(&self, rest: &str) -> String {
        format!("/2010-04-01/Accounts/{}/{rest}", self.config.account_sid)
    }

    async fn ask(
        &self,
        cx: &Call,
        (method, path): (&str, &str),
        form: Option<String>,
    ) -> Result<http::Answer, ChannelError> {
        let token = self.token()?;
        let basic = STANDARD.encode(format!("{}:{token}", self.config.account_sid));
        let basic = format!("Basic {basic}");
        let mut headers = vec![
            ("Authorization", basic.as_str()),
            ("Accept", "application/json"),
        ];
        if form.is_some() {
            headers.push(("Content-Type", "application/x-www-form-urlencoded"));
        }
        if !cx.idempotency_key().is_empty() {
            headers.push(("Idempotency-Key", cx.idempotency_key()));
        }
        let body = form.unwrap_or_default().into_bytes();
        let ask = http::Ask {
            method,
            path,
            headers: &headers,
            body,
        };
        self.client.ask(cx, ask).await
    }

    async fn show(&self, cx: &Call, sid: &str) -> Result<Option<Shown>, ChannelError> {
        let path = self.path(&format!("Calls/{sid}.json"));
        let answer = self.ask(cx, ("GET", &path), None).await?;
        match answer.status {
            200 => Shown::read(&answer.body).map(Some).ok_or_else(|| {
                ChannelError::unknown("the provider's answer about the call cannot be read")
            }),
            404 => Ok(None),
            status => Err(api::refused(status, answer.retry_after(), &answer.body)),
        }
    }
}

impl Channel for PhoneChannel {
    async fn send(&self, cx: &Call, request: SendRequest) -> Result<Receipt, ChannelError> {
        let ready = self.prepare(&request)?;
        let path = self.path("Calls.json");
        let answer = self.ask(cx, ("POST", &path), Some(ready.form)).await?;
        if !(200..300).contains(&answer.status) {
            return Err(api::refused(
                answer.status,
                answer.retry_after(),
                &answer.body,
            ));
        }
        let shown = Shown::read(&answer.body).ok_or_else(|| {
            ChannelError::unknown(format!(
                "the provider answered {} without a readable call",
                answer.status
            ))
        })?;
        Ok(Receipt {
            provider_ref: shown.sid,
            ..Receipt::default()
        })
    }

    async fn status(&self, cx: &Call, request: StatusRequest) -> Result<Status, ChannelError> {
        let Some(sid) = sid_of(&request.provider_ref)? else {
            return Ok(Status {
                kind: StatusKind::Pending.into(),
                detail: "this provider is asked by its reference alone, and none is known; a \
                         call-back or a person settles it"
                    .to_owned(),
                ..Status::default()
            });
        };
        let Some(shown) = self.show(cx, sid).await? else {
            return Ok(Status {
                kind: StatusKind::NotFound.into(),
                ..Status::default()
            });
        };
        Ok(Status {
            kind: StatusKind::Found.into(),
            outcome: report::outcome(shown.progress()).map(Into::into),
            detail: format!("the provider says `{}`", shown.status()),
            provider_ref: shown.sid,
            ..Status::default()
        })
    }

    async fn cancel(&self, cx: &Call, request: CancelRequest) -> Result<Cancelled, ChannelError> {
        let Some(sid) = sid_of(&request.provider_ref)? else {
            return Err(ChannelError::unknown(
                "the call cannot be cancelled without the provider's reference",
            ));
        };
        let path = self.path(&format!("Calls/{sid}.json"));
        let form = Some("Status=canceled".to_owned());
        let answer = self.ask(cx, ("POST", &path), form).await?;
        let shown = match answer.status {
            200 => Shown::read(&answer.body),
            404 => {
                return Ok(Cancelled {
                    kind: CancelKind::NotFound.into(),
                    ..Cancelled::default()
                });
            }
            // It is under way or over: what it has come to, the call itself says.
            400 | 409 => self.show(cx, sid).await?,
            status => return Err(api::refused(status, answer.retry_after(), &answer.body)),
        };
        let shown = shown.ok_or_else(|| {
            ChannelError::unknown("the provider's answer to the cancel cannot be read")
        })?;
        let outcome = report::outcome(shown.progress());
        let kind = match outcome {
            Some(Outcome::Cancelled) => CancelKind::Cancelled,
            _ => CancelKind::TooLate,
        };
        Ok(Cancelled {
            kind: kind.into(),
            detail: format!("the provider says `{}`", shown.status()),
            outcome: outcome.map(Into::into),
            ..Cancelled::default()
        })
    }

    async fn parse_callback(
        &self,
        _cx: &Call,
        callback: RawCallback,
    ) -> Result<Inbounds, ChannelError> {
        let token = self.token()?;
        let form = Form::read(&callback.body);
        let public = self.config.public_base_url.as_deref();
        if !report::signature_fits(&token, &callback, &form, public) {
            return Err(ChannelError::rejected(
                "the signature of the call-back is missing or wrong: check the secret of \
                 `auth_token_secret`, and `public_base_url` if a proxy changes host or scheme",
            ));
        }
        let query = |name: &str| callback.query.iter().find(|p| p.name == name);
        if query("g").is_some() {
            let sealed = query("m").map_or("", |pair| pair.value.as_str());
            return self.digit(&token, &callback, &form, sealed);
        }
        let outcome = report::outcome(Progress {
            status: form.get("CallStatus").unwrap_or_default(),
            answered_by: form.get("AnsweredBy"),
            sip_code: form
                .get("SipResponseCode")
                .and_then(|code| code.parse().ok()),
            error_code: form.get("ErrorCode").and_then(|code| code.parse().ok()),
        });
        let items = outcome.map(|outcome| told(&callback, &form, outcome, &progress_detail(&form)));
        Ok(Inbounds::from(items.into_iter().collect::<Vec<_>>()))
    }

    async fn validate(&self, _cx: &Call, request: SendRequest) -> Result<Valid, ChannelError> {
        let ready = self.prepare(&request)?;
        Ok(Valid {
            parts: 1,
            warnings: ready.warnings,
        })
    }
}

impl PhoneChannel {
    /// The person has pressed a key, or let the time pass: says the message after a 1.
    fn digit(
        &self,
        token: &str,
        callback: &RawCallback,
        form: &Form,
        sealed: &str,
    ) -> Result<Inbounds, ChannelError> {
        let seal = Seal::new(token).map_err(ChannelError::auth)?;
        let text = seal.open(&callback.contact_id, sealed).ok_or_else(|| {
            ChannelError::permanent(
                "the text in the digit's URL was not sealed for this contact with today's token",
            )
        })?;
        let manner = Manner::of(&self.config, &text.locale);
        let confirmed = form.get("Digits") == Some("1");
        let (items, answer) = if confirmed {
            let item = told(
                callback,
                form,
                Outcome::Conversation,
                "the person pressed 1",
            );
            (vec![item], manner.plain(&text.body))
        } else {
            (Vec::new(), manner.goodbye())
        };
        Ok(Inbounds {
            items,
            answer: answer.into_bytes(),
            answer_media_type: "text/xml".to_owned(),
        })
    }
}

fn told(callback: &RawCallback, form: &Form, outcome: Outcome, detail: &str) -> Inbound {
    Inbound {
        what: Some(inbound::What::Report(OutcomeReport {
            contact_id: callback.contact_id.clone(),
            provider_ref: form.get("CallSid").unwrap_or_default().to_owned(),
            outcome: outcome.into(),
            detail: detail.to_owned(),
            r#final: true,
            ..OutcomeReport::default()
        })),
    }
}

/// What the provider said, for people: no number, no name.
fn progress_detail(form: &Form) -> String {
    ["CallStatus", "AnsweredBy", "SipResponseCode", "ErrorCode"]
        .iter()
        .filter_map(|name| form.get(name).map(|value| format!("{name} {value}")))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The reference, which becomes part of a path: letters and digits alone.
fn sid_of(provider_ref: &str) -> Result<Option<&str>, ChannelError> {
    if provider_ref.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(Some(provider_ref).filter(|sid| !sid.is_empty()));
    }
    Err(ChannelError::permanent(
        "the reference is no call's: it must be letters and digits",
    ))
}
