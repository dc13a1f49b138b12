//! A channel whose descriptor does not say which class of contact it makes.

use recoup_channel::wire::{ChannelDescriptor, Receipt, SendRequest};
use recoup_channel::{Call, Channel, ChannelError, ChannelFactory, Host};

recoup_channel::export_channel!(Vague);

/// The channel.
#[derive(Debug)]
pub struct Vague;

impl ChannelFactory for Vague {
    fn descriptor() -> ChannelDescriptor {
        ChannelDescriptor {
            id: "org.recoup.vague".into(),
            version: "1.0.0".into(),
            kind: "vague".into(),
            ..ChannelDescriptor::default()
        }
    }

    fn create(_config_json: &str, _host: Host) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Channel for Vague {
    async fn send(&self, _cx: &Call, _request: SendRequest) -> Result<Receipt, ChannelError> {
        Ok(Receipt::default())
    }
}
