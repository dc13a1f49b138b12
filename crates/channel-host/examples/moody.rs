//! A channel that does what its configuration, `{"mood": MOOD}`, or else the text of a message says, good or bad.

use std::time::Duration;

use recoup_channel::wire::inbound::What;
use recoup_channel::wire::send_request::Content;
use recoup_channel::wire::{
    Capabilities, ChannelDescriptor, ContactClass, Inbound, Receipt, Reply, SendRequest,
};
use recoup_channel::{Call, Channel, ChannelError, ChannelFactory, Host, Level};

recoup_channel::export_channel!(Moody);

/// The channel.
#[derive(Debug)]
pub struct Moody {
    host: Host,
    mood: Option<String>,
}

impl ChannelFactory for Moody {
    fn descriptor() -> ChannelDescriptor {
        ChannelDescriptor {
            id: "org.recoup.moody".into(),
            version: "1.2.3".into(),
            kind: "moody".into(),
            contact_class: ContactClass::Sms.into(),
            capabilities: Some(Capabilities {
                began: true,
                max_in_flight: 4,
                ..Capabilities::default()
            }),
            ..ChannelDescriptor::default()
        }
    }

    fn create(config_json: &str, host: Host) -> Result<Self, String> {
        match config_json {
            "\"refuse\"" => Err("`mood` is missing; write \"calm\"".to_owned()),
            "\"panic\"" => panic!("no mood for a start"),
            config => {
                let object: Option<serde_json::Value> = serde_json::from_str(config).ok();
                let mood = object.as_ref().and_then(|object| object["mood"].as_str());
                let mood = mood.map(str::to_owned);
                Ok(Self { host, mood })
            }
        }
    }
}

impl Channel for Moody {
    async fn send(&self, cx: &Call, request: SendRequest) -> Result<Receipt, ChannelError> {
        let Some(Content::Debtor(message)) = &request.content else {
            return Err(ChannelError::permanent("no content"));
        };
        let receipt = |provider_ref: String| Receipt {
            provider_ref,
            ..Receipt::default()
        };
        match self.mood.as_deref().unwrap_or(&message.body) {
            "ok" => Ok(receipt(request.idempotency_key)),
            "panic" => panic!("the mood is bad"),
            "wait" => std::future::pending().await,
            "begin and wait" => {
                cx.began()?;
                std::future::pending().await
            }
            "wait for cancel" => {
                cx.cancel().cancelled().await;
                Err(cx.broken("nobody waits any more"))
            }
            "abort" => std::process::abort(),
            "begin and abort" => {
                cx.began()?;
                std::process::abort();
            }
            "block" => loop {
                std::thread::sleep(Duration::from_secs(60));
            },
            "secret" => match self.host.secret(&message.subject) {
                Some(secret) => Ok(receipt(secret)),
                None => Err(ChannelError::auth("no such secret")),
            },
            "log" => {
                self.host.log(Level::Warn, &message.subject);
                Ok(Receipt::default())
            }
            "event" => {
                let what = What::Reply(Reply {
                    text: message.subject.clone(),
                    ..Reply::default()
                });
                let ticket = self.host.event(&Inbound { what: Some(what) });
                Ok(receipt(
                    ticket.map(|ticket| ticket.to_string()).unwrap_or_default(),
                ))
            }
            "blob" => self.blob(&request).map(receipt),
            other => Err(ChannelError::permanent(format!("no mood `{other}`"))),
        }
    }

    fn event_acked(&self, ticket: u64) {
        let what = What::Reply(Reply {
            text: format!("acked {ticket}"),
            ..Reply::default()
        });
        let _ = self.host.event(&Inbound { what: Some(what) });
    }
}

impl Moody {
    /// The last byte of the first attachment.
    fn blob(&self, request: &SendRequest) -> Result<String, ChannelError> {
        let bad = |error: std::io::Error| ChannelError::permanent(error.to_string());
        let attachment = match &request.content {
            Some(Content::Debtor(message)) => message.attachments.first(),
            _ => None,
        };
        let sha256 = attachment
            .and_then(|attachment| attachment.sha256.as_slice().try_into().ok())
            .ok_or_else(|| ChannelError::permanent("no attachment of 32 bytes of hash"))?;
        let blob = self.host.blob(&sha256).map_err(bad)?;
        let mut last = [0];
        blob.read_at(&mut last, blob.size_bytes() - 1)
            .map_err(bad)?;
        Ok(format!("{} ends in {}", blob.size_bytes(), last[0]))
    }
}
