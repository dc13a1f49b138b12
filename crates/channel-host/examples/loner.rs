//! A channel that may only run in a process of its own.

use recoup_channel::wire::{ChannelDescriptor, ContactClass, Receipt, SendRequest};
use recoup_channel::{Call, Channel, ChannelError, ChannelFactory, Host};

recoup_channel::export_channel!(Loner, isolated_only);

/// The channel.
#[derive(Debug)]
pub struct Loner;

impl ChannelFactory for Loner {
    fn descriptor() -> ChannelDescriptor {
        ChannelDescriptor {
            id: "org.recoup.loner".into(),
            version: "1.0.0".into(),
            kind: "loner".into(),
            contact_class: ContactClass::Sms.into(),
            ..ChannelDescriptor::default()
        }
    }

    fn create(_config_json: &str, _host: Host) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Channel for Loner {
    async fn send(&self, _cx: &Call, _request: SendRequest) -> Result<Receipt, ChannelError> {
        Ok(Receipt::default())
    }
}
