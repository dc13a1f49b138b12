//! A channel whose descriptor no server could go by.

use recoup_channel::wire::{ChannelDescriptor, ContactClass, Receipt, SendRequest};
use recoup_channel::{Call, Channel, ChannelError, ChannelFactory, Host};

recoup_channel::export_channel!(Vague);

/// The channel.
#[derive(Debug)]
pub struct Vague;

impl ChannelFactory for Vague {
    fn descriptor() -> ChannelDescriptor {
        ChannelDescriptor {
            id: "org.recoup.vague".into(),
            version: "new-one".into(),
            kind: "vague".into(),
            contact_class: ContactClass::Sms.into(),
            config_schema_json: "{properties: {}}".into(),
            egress: vec!["a:b:c".into()],
            ..ChannelDescriptor::default()
        }
    }

    fn create(_config: &str, _host: Host) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Channel for Vague {
    async fn send(&self, cx: &Call, _request: SendRequest) -> Result<Receipt, ChannelError> {
        cx.check_not_after()?;
        Err(ChannelError::permanent("it sends nothing"))
    }
}
