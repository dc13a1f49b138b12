//! The email channel: one mail a contact, handed to a mail server over SMTP.
//!
//! `mail` makes the bytes, `smtp` hands them over and says what its end proves.

mod config;
mod mail;
mod smtp;

use recoup_channel::wire::{
    Capabilities, ChannelDescriptor, ContactClass, Receipt, SendRequest, Valid,
};
use recoup_channel::{Call, Channel, ChannelError, ChannelFactory, Host};

use crate::config::Config;

recoup_channel::export_channel! { EmailChannel }

/// An account at a mail server.
pub struct EmailChannel {
    config: Config,
    host: Host,
}

impl ChannelFactory for EmailChannel {
    fn descriptor() -> ChannelDescriptor {
        ChannelDescriptor {
            id: "org.recoup.email".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            vendor: "recoup".to_owned(),
            kind: "email".to_owned(),
            contact_class: ContactClass::Email.into(),
            capabilities: Some(Capabilities {
                began: true,
                validate: true,
                ..Capabilities::default()
            }),
            config_schema_json: config::SCHEMA.to_owned(),
            egress: vec!["config:host:port".to_owned()],
            ..ChannelDescriptor::default()
        }
    }

    fn create(config_json: &str, host: Host) -> Result<Self, String> {
        let config = Config::read(config_json)?;
        let channel = Self { config, host };
        // Fails now rather than at the first contact.
        channel
            .password()
            .map_err(|error| format!("email: {}", error.message()))?;
        Ok(channel)
    }
}

impl EmailChannel {
    /// The password, asked for each time: it may be changed while we run.
    fn password(&self) -> Result<Option<String>, ChannelError> {
        let Some((_, name)) = &self.config.login else {
            return Ok(None);
        };
        let password = self.host.secret(name).ok_or_else(|| {
            ChannelError::auth(format!(
                "the secret `{name}` (`password_secret`) is not set or not granted"
            ))
        })?;
        Ok(Some(password))
    }
}

impl Channel for EmailChannel {
    async fn send(&self, cx: &Call, request: SendRequest) -> Result<Receipt, ChannelError> {
        let mail = mail::make(&self.config, &self.host, &request)?;
        smtp::deliver(&self.config, self.password()?, cx, &mail).await?;
        // A 250 is acceptance, not delivery, so there is no immediate outcome.
        Ok(Receipt {
            provider_ref: mail.message_id,
            ..Receipt::default()
        })
    }

    async fn validate(&self, _cx: &Call, request: SendRequest) -> Result<Valid, ChannelError> {
        mail::make(&self.config, &self.host, &request)?;
        Ok(Valid {
            parts: 1,
            ..Valid::default()
        })
    }
}
