//! A channel library that takes every contact and does nothing: what a call over the table costs.

use recoup_channel::wire::{Capabilities, ChannelDescriptor, ContactClass, Receipt, SendRequest};
use recoup_channel::{Call, Channel, ChannelError, ChannelFactory, Host};

recoup_channel::export_channel!(Noop);

/// The channel.
#[derive(Debug)]
pub struct Noop;

impl ChannelFactory for Noop {
    fn descriptor() -> ChannelDescriptor {
        ChannelDescriptor {
            id: "org.recoup.noop".into(),
            version: "1.0.0".into(),
            kind: "noop".into(),
            contact_class: ContactClass::Sms.into(),
            capabilities: Some(Capabilities {
                max_in_flight: 256,
                ..Capabilities::default()
            }),
            ..ChannelDescriptor::default()
        }
    }

    fn create(_: &str, _: Host) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Channel for Noop {
    async fn send(&self, _: &Call, request: SendRequest) -> Result<Receipt, ChannelError> {
        Ok(Receipt {
            provider_ref: request.idempotency_key,
            ..Receipt::default()
        })
    }
}
