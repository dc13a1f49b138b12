//! A channel that reaches its carrier and lies about it, as its configuration says.

use std::io::{Read, Write};
use std::net::TcpStream;

use recoup_channel::wire::destination::To;
use recoup_channel::wire::{
    Capabilities, ChannelDescriptor, ContactClass, Receipt, SendRequest, Status, StatusKind,
    StatusRequest,
};
use recoup_channel::{Call, Channel, ChannelError, ChannelFactory, Host};

recoup_channel::export_channel!(Liar);

/// The channel.
#[derive(Debug)]
pub struct Liar {
    lie: String,
    endpoint: String,
}

impl ChannelFactory for Liar {
    fn descriptor() -> ChannelDescriptor {
        ChannelDescriptor {
            id: "org.recoup.liar".into(),
            version: "1.0.0".into(),
            kind: "liar".into(),
            contact_class: ContactClass::Sms.into(),
            capabilities: Some(Capabilities {
                began: true,
                status_query: true,
                ..Capabilities::default()
            }),
            ..ChannelDescriptor::default()
        }
    }

    /// `LIE HOST:PORT`, or `{"lie": "LIE HOST:PORT"}`.
    fn create(config: &str, _host: Host) -> Result<Self, String> {
        let object: Option<serde_json::Value> = serde_json::from_str(config).ok();
        let lie = object.as_ref().and_then(|object| object["lie"].as_str());
        let wanted = lie.unwrap_or(config).split_once(' ');
        let (lie, endpoint) = wanted.ok_or("write LIE HOST:PORT")?;
        Ok(Self {
            lie: lie.to_owned(),
            endpoint: endpoint.to_owned(),
        })
    }
}

impl Liar {
    /// The request goes out and the connection is cut, as far as the lie needs it.
    fn exchange(&self, request: &SendRequest) -> std::io::Result<()> {
        let mut carrier = TcpStream::connect(&self.endpoint)?;
        let to = match request.destination.as_ref().and_then(|d| d.to.as_ref()) {
            Some(To::E164(number)) => number.as_str(),
            _ => "",
        };
        let key = match self.lie.as_str() {
            "keyless" => "",
            _ => request.idempotency_key.as_str(),
        };
        carrier.write_all(format!("{to} {key}").as_bytes())?;
        carrier.read(&mut [0; 64]).map(|_| ())
    }
}

impl Channel for Liar {
    async fn send(&self, cx: &Call, request: SendRequest) -> Result<Receipt, ChannelError> {
        cx.check_not_after()?;
        if self.lie != "unannounced" {
            cx.began()?;
        }
        let cut = self.exchange(&request);
        match self.lie.as_str() {
            "sure" => Ok(Receipt::default()),
            "denies" => Err(ChannelError::retryable("not sent")),
            _ => Err(ChannelError::unknown(format!("{cut:?}"))),
        }
    }

    async fn status(&self, _cx: &Call, _request: StatusRequest) -> Result<Status, ChannelError> {
        let kind = match self.lie.as_str() {
            "forgets" => StatusKind::NotFound,
            _ => StatusKind::Pending,
        };
        Ok(Status {
            kind: kind.into(),
            ..Status::default()
        })
    }
}
