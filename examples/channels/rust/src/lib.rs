//! {{name}}: text messages over an HTTP gateway in the shape of Kannel's `sendsms`.
//!
//! Start reading at `send`, which is one contact from its check to its end, then at `answer.rs`: what
//! the gateway's answer proves. One rule stands above all others: a person is never contacted twice
//! for one planned contact. So whatever is not proven unsent is `Unknown`.

mod answer;
mod http;
mod text;

use recoup_channel::wire::{
    Capabilities, ChannelDescriptor, ContactClass, Health, Receipt, SendRequest,
};
use recoup_channel::{Call, Channel, ChannelError, ChannelFactory, Host};
use serde::Deserialize;

recoup_channel::export_channel!(Gateway);

/// JSON Schema of [`Settings`], which the descriptor carries.
const SCHEMA: &str = include_str!("settings.schema.json");

/// What the operator writes. An unknown key is an error that names it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    endpoint: String,
    username: String,
    from: String,
    /// The secret's name; its value comes from the host with each send, since it may change.
    password_secret: String,
}

/// One account at a gateway.
pub struct Gateway {
    settings: Settings,
    endpoint: http::Endpoint,
    host: Host,
}

impl ChannelFactory for Gateway {
    fn descriptor() -> ChannelDescriptor {
        ChannelDescriptor {
            id: "com.example.{{name_}}".into(), // yours, in reverse domain order; it never changes
            version: env!("CARGO_PKG_VERSION").into(),
            vendor: "{{name}}".into(),
            kind: "sms".into(),
            contact_class: ContactClass::Sms.into(),
            capabilities: Some(Capabilities {
                began: true, // on every path: `Guarded` says it, see http.rs
                max_in_flight: 8,
                ..Capabilities::default()
            }),
            config_schema_json: SCHEMA.into(),
            egress: vec!["config:endpoint".into()],
            ..ChannelDescriptor::default()
        }
    }

    fn create(config_json: &str, host: Host) -> Result<Self, String> {
        let settings: Settings = serde_json::from_str(config_json).map_err(|e| e.to_string())?;
        let required = [
            ("username", &settings.username),
            ("from", &settings.from),
            ("password_secret", &settings.password_secret),
        ];
        if let Some((key, _)) = required.iter().find(|(_, value)| value.is_empty()) {
            return Err(format!("`{key}` is empty"));
        }
        let endpoint = http::Endpoint::parse(&settings.endpoint)
            .map_err(|why| format!("`endpoint` is `{}`: {why}", settings.endpoint))?;
        if host.secret(&settings.password_secret).is_none() {
            return Err(format!(
                "`password_secret` names the secret `{}`, which this channel is not given",
                settings.password_secret
            ));
        }
        Ok(Self {
            settings,
            endpoint,
            host,
        })
    }
}

impl Channel for Gateway {
    async fn send(&self, cx: &Call, request: SendRequest) -> Result<Receipt, ChannelError> {
        cx.check_not_after()?; // first, since it costs no connection
        let text = text::of(&request)?;
        let target = self.target(&text, &request.idempotency_key)?;
        let answer = self.endpoint.get(cx, &target).await?;
        answer::judge(&answer, text.parts)
    }

    /// Whether it could send. It asks no gateway: no request to it certainly reaches nobody.
    async fn health(&self, _cx: &Call) -> Health {
        match self.host.secret(&self.settings.password_secret) {
            Some(_) => Health::ok(),
            None => Health::down("the secret that `password_secret` names is not given any more"),
        }
    }
}

impl Gateway {
    /// Path and query of the one request.
    fn target(&self, text: &text::Text<'_>, key: &str) -> Result<String, ChannelError> {
        let secret = &self.settings.password_secret;
        let password = self.host.secret(secret).ok_or_else(|| {
            ChannelError::auth(format!(
                "not sent: the secret `{secret}` is not given any more"
            ))
        })?;
        let before = format!("{}?", self.endpoint.path);
        let from = before.len();
        Ok(form_urlencoded::Serializer::for_suffix(before, from)
            .append_pair("username", &self.settings.username)
            .append_pair("password", &password)
            .append_pair("from", &self.settings.from)
            .append_pair("to", text.to)
            .append_pair("coding", if text.is_gsm7 { "0" } else { "2" })
            .append_pair("charset", "UTF-8")
            .append_pair("text", text.body)
            // The contact's key: by it the carrier, and whoever asks it later, finds the contact.
            .append_pair("binfo", key)
            .finish())
    }
}
