//! Text messages over an HTTP gateway, in the shape of Kannel's `sendsms`.
//!
//! Start reading at [`Sms`]'s `send`, then at `answer.rs`: what the gateway's answer proves.

mod answer;
mod callback;
mod config;
#[path = "../../shared/http.rs"]
mod http;
mod segment;

use recoup_channel::wire::destination::To;
use recoup_channel::wire::send_request::Content;
use recoup_channel::wire::{
    Capabilities, ChannelDescriptor, ContactClass, Inbounds, RawCallback, Receipt, SendRequest,
    Valid,
};
use recoup_channel::{Call, Channel, ChannelError, ChannelFactory, Host};

use config::Config;
use segment::{Alphabet, Segments, segments};

recoup_channel::export_channel!(Sms);

/// One account at a gateway.
pub struct Sms {
    config: Config,
    client: http::Client,
    host: Host,
}

impl ChannelFactory for Sms {
    fn descriptor() -> ChannelDescriptor {
        ChannelDescriptor {
            id: "org.recoup.sms".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            vendor: "recoup".into(),
            kind: "sms".into(),
            contact_class: ContactClass::Sms.into(),
            capabilities: Some(Capabilities {
                callbacks: true,
                two_way: true,
                began: true,
                validity: true,
                validate: true,
                max_in_flight: 64,
                ..Capabilities::default()
            }),
            config_schema_json: config::SCHEMA.into(),
            egress: vec!["config:endpoint".into()],
            ..ChannelDescriptor::default()
        }
    }

    fn create(config_json: &str, host: Host) -> Result<Self, String> {
        let config = Config::parse(config_json)?;
        let client = http::Client::with_ca(&config.endpoint, &config.ca_pem)
            .map_err(|error| format!("`endpoint`: {error}"))?;
        if host.secret(&config.password_secret).is_none() {
            return Err(format!(
                "`password_secret` names the secret `{}`, which this channel is not given",
                config.password_secret
            ));
        }
        Ok(Self {
            config,
            client,
            host,
        })
    }
}

impl Channel for Sms {
    async fn send(&self, cx: &Call, request: SendRequest) -> Result<Receipt, ChannelError> {
        let text = self.text_of(&request)?;
        let query = self.query(cx, &request, &text)?;
        let ask = http::Ask {
            method: "GET",
            path: &query,
            headers: &[("accept", "text/plain")],
            body: Vec::new(),
        };
        let answer = self.client.ask(cx, ask).await?;
        answer::read(&answer, text.parts())
    }

    async fn parse_callback(
        &self,
        _cx: &Call,
        callback: RawCallback,
    ) -> Result<Inbounds, ChannelError> {
        callback::read(&callback)
    }

    async fn validate(&self, _cx: &Call, request: SendRequest) -> Result<Valid, ChannelError> {
        let text = self.text_of(&request)?;
        let warnings = match text.segments.alphabet {
            Alphabet::Gsm7 => Vec::new(),
            Alphabet::Ucs2 => vec!["the text goes as UCS-2: 70 characters a segment".to_owned()],
        };
        Ok(Valid {
            parts: text.parts(),
            warnings,
        })
    }
}

/// A request that can be sent: its number, its text, and how the text is cut.
struct Text<'a> {
    to: &'a str,
    body: &'a str,
    segments: Segments,
}

impl Text<'_> {
    fn parts(&self) -> u32 {
        u32::try_from(self.segments.parts.len()).unwrap_or(u32::MAX)
    }
}

impl Sms {
    /// What of the request a text message carries, or why it cannot.
    fn text_of<'a>(&self, request: &'a SendRequest) -> Result<Text<'a>, ChannelError> {
        let bad = |what: String| Err(ChannelError::permanent(format!("not sent: {what}")));
        let to = match request.destination.as_ref().and_then(|to| to.to.as_ref()) {
            Some(To::E164(number)) if is_e164(number) => number,
            Some(To::E164(_)) => {
                return bad("the number is not in E.164, `+` and 7 to 15 digits".into());
            }
            _ => return bad("a text message goes to a phone number".into()),
        };
        let body = match &request.content {
            Some(Content::Debtor(message)) if !message.template.is_empty() => {
                return bad(format!(
                    "this gateway knows no template `{}`",
                    message.template
                ));
            }
            Some(Content::Debtor(message)) if !message.attachments.is_empty() => {
                return bad("a text message carries no attachments".into());
            }
            Some(Content::Debtor(message)) => &message.body,
            Some(Content::ThirdParty(message)) => &message.body,
            None => return bad("the request has no content".into()),
        };
        if body.trim().is_empty() {
            return bad("the text is empty".into());
        }
        let segments = segments(body);
        let (count, limit) = (segments.parts.len(), self.config.segments_max);
        if count > limit {
            return bad(format!(
                "the text has {count} segments, over `segments_max` {limit}"
            ));
        }
        Ok(Text { to, body, segments })
    }

    /// The query of `sendsms`, with the question mark.
    fn query(
        &self,
        cx: &Call,
        request: &SendRequest,
        text: &Text<'_>,
    ) -> Result<String, ChannelError> {
        let secret = &self.config.password_secret;
        let password = self.host.secret(secret).ok_or_else(|| {
            ChannelError::auth(format!(
                "not sent: the secret `{secret}` is not given any more"
            ))
        })?;
        let coding = match text.segments.alphabet {
            Alphabet::Gsm7 => "0",
            Alphabet::Ucs2 => "2",
        };
        let mut query = form_urlencoded::Serializer::for_suffix("?".to_owned(), 1);
        query
            .append_pair("username", &self.config.username)
            .append_pair("password", &password)
            .append_pair("from", &self.config.from)
            .append_pair("to", text.to)
            .append_pair("coding", coding)
            .append_pair("charset", "UTF-8")
            .append_pair("text", text.body)
            .append_pair("binfo", &request.idempotency_key);
        if let Some(not_after) = cx.not_after_unix_ms() {
            let left_ms = not_after.saturating_sub(cx.clock().wall_unix_ms());
            // The gateway counts whole minutes and takes 0 for "no limit".
            query.append_pair("validity", &(left_ms / 60_000).max(1).to_string());
        }
        if self.config.dlr && !request.callback_url.is_empty() {
            let url = &request.callback_url;
            let joint = if url.contains('?') { '&' } else { '?' };
            query.append_pair("dlr-mask", "31");
            query.append_pair("dlr-url", &format!("{url}{joint}st=%d&t=%T"));
        }
        Ok(query.finish())
    }
}

fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}
