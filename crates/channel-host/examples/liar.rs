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
    /// The request goes out as far as the lie needs it; what comes back.
    fn exchange(&self, request: &SendRequest) -> std::io::Result<String> {
        let mut carrier = TcpStream::connect(&self.endpoint)?;
        let to = match request.destination.as_ref().and_then(|d| d.to.as_ref()) {
            Some(To::E164(number)) => number.as_str(),
            _ => "",
        };
        let key = match self.lie.as_str() {
            "keyless" => "",
            _ => request.idempotency_key.as_str(),
        };
        let text = format!("{to} {key}");
        let mut answer = Vec::new();
        if MISREADS.contains(&self.lie.as_str()) {
            let head = format!("POST /send HTTP/1.1\r\nContent-Length: {}", text.len());
            carrier.write_all(format!("{head}\r\n\r\n{text}").as_bytes())?;
            carrier.read_to_end(&mut answer)?;
        } else {
            carrier.write_all(text.as_bytes())?;
            carrier.read(&mut [0; 64]).map(drop)?;
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// What a lie makes of an answer; none where it is in doubt.
    fn misread(
        &self,
        request: &SendRequest,
        answer: &str,
    ) -> Option<Result<Receipt, ChannelError>> {
        let status = answer.split(' ').nth(1).and_then(|s| s.parse::<u16>().ok());
        let status = status.filter(|status| (100..600).contains(status));
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
        let refused = Some(Err(ChannelError::permanent("refused")));
        match (self.lie.as_str(), status) {
            ("trusts-5xx", Some(500..)) => Some(Err(ChannelError::retryable("again later"))),
            ("trusts-200", Some(200)) => Some(Ok(Receipt::default())),
            ("trusts-silence", Some(200)) if body == Some("") => refused,
            ("trusts-halves", None) if !answer.is_empty() => refused,
            ("repeats", Some(503)) | ("follows", Some(307)) => {
                let again = self.exchange(request);
                Some(Err(ChannelError::unknown(format!("{again:?}"))))
            }
            _ => None,
        }
    }
}

/// Lies about an answer of HTTP.
const MISREADS: [&str; 6] = [
    "trusts-5xx",
    "trusts-200",
    "trusts-silence",
    "trusts-halves",
    "repeats",
    "follows",
];

impl Channel for Liar {
    async fn send(&self, cx: &Call, request: SendRequest) -> Result<Receipt, ChannelError> {
        cx.check_not_after()?;
        if self.lie != "unannounced" {
            cx.began()?;
        }
        let cut = self.exchange(&request);
        let answer = cut.as_deref().unwrap_or_default();
        if let Some(end) = self.misread(&request, answer) {
            return end;
        }
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
