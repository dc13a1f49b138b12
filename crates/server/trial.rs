//! Tries a channel's library with the conformance kit, without a server. Nothing is sent to anybody.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use recoup_channel::wire::send_request::Content;
use recoup_channel::wire::{
    DebtorMessage, Desk, Destination, PostalAddress, SendRequest, destination,
};
use recoup_channel_host::kit::{self, RECORDER, RECORDER_PORT, Report, Trial};
use recoup_channel_host::{Host, LoadSpec, Placement};
use recoup_domain::ContactClass;
use recoup_engine::blobs::Blobs;
use recoup_engine::clock::{LiveWall, Wall};

use crate::config::{ChannelConfig, Config, PlacementConfig, Secret};
use crate::generations::{class_of, isolation_of, spec_of};
use crate::wiring::chain;

/// How a library is tried.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Makes the hostile payloads.
    pub seed: u64,
    /// 1 to [`kit::LEVEL_MAX`].
    pub level: u8,
    /// The oldest of the servers that it is for.
    pub glibc: kit::Glibc,
}

/// Tries the channel `name` of a configuration.
///
/// # Errors
/// Where the configuration has no such channel, a secret cannot be read, or the library says no class of contact.
pub async fn named(config: &Config, name: &str, how: How) -> Result<Report, String> {
    let channel = config.channel.iter().find(|c| c.name == name);
    let channel = channel.ok_or_else(|| {
        let known: Vec<&str> = config.channel.iter().map(|c| c.name.as_str()).collect();
        format!(
            "the configuration has no channel `{name}` (there are: {})",
            known.join(", ")
        )
    })?;
    let settings = serde_json::to_string(&channel.config).map_err(|e| e.to_string())?;
    run(channel, settings, how).await
}

/// Tries a library with settings of its own.
///
/// # Errors
/// Where the file is not there, a secret cannot be read, or the library says no class of contact.
pub async fn file(
    library: PathBuf,
    settings: String,
    secrets: BTreeMap<String, Secret>,
    how: How,
) -> Result<Report, String> {
    let channel = ChannelConfig {
        secrets,
        ..of_file(library)
    };
    run(&channel, settings, how).await
}

/// A library that no configuration names.
pub(crate) fn of_file(library: PathBuf) -> ChannelConfig {
    ChannelConfig {
        name: "tried".to_owned(),
        library,
        config: toml::Table::new(),
        secrets: BTreeMap::new(),
        desk: None,
        placement: PlacementConfig::Isolated,
        memory_mib: 512,
        require_sandbox: false,
        allow_downgrade: false,
    }
}

async fn run(channel: &ChannelConfig, settings: String, how: How) -> Result<Report, String> {
    let staging = Staging::new();
    let wall: Arc<dyn Wall> = Arc::new(LiveWall);
    let spec = LoadSpec {
        config_json: settings,
        ..spec_of(channel, &staging.0, &wall, &Arc::new(Blobs::default()))?
    };
    let isolation = isolation_of(channel);
    // Only to be told its class: the kit gives it a carrier.
    let look = LoadSpec {
        config_json: spec
            .config_json
            .replace(RECORDER, "127.0.0.1:9")
            .replace(RECORDER_PORT, "9"),
        placement: Placement::Isolated(isolation.clone()),
        ..spec.clone()
    };
    let sample = match Host::load(look).await {
        Ok(loaded) => class_of(&loaded).map(sample),
        // The kit says why, as one of its checks.
        Err(error) if !channel.library.exists() => return Err(chain(&error)),
        Err(_) => Some(sample(ContactClass::Sms)),
    };
    let sample = sample.ok_or("its descriptor names no class of contact that the law knows")?;
    let trial = Trial {
        spec,
        isolation,
        sample,
        seed: how.seed,
        level: how.level,
        glibc: how.glibc,
    };
    Ok(kit::check(trial).await)
}

/// Copies of libraries; they go with the trial.
pub(crate) struct Staging(PathBuf);

impl Staging {
    pub(crate) fn new() -> Self {
        Self(std::env::temp_dir().join(format!("recoup-trial-{}", std::process::id())))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A request as the engine would make it.
pub(crate) fn sample(class: ContactClass) -> SendRequest {
    use destination::To;
    let to = match class {
        ContactClass::Sms | ContactClass::Phone => To::E164("+8613800000001".to_owned()),
        ContactClass::Email => To::Email("nobody@example.com".to_owned()),
        ContactClass::Visit => To::Postal(PostalAddress {
            lines: vec!["1 Example Road".to_owned(), "Shanghai".to_owned()],
            ..PostalAddress::default()
        }),
        ContactClass::Legal => To::Desk(Desk {
            id: "default".to_owned(),
            ..Desk::default()
        }),
    };
    SendRequest {
        contact_id: "contact_trial".to_owned(),
        idempotency_key: "trial".to_owned(),
        locale: "en".to_owned(),
        destination: Some(Destination {
            to: Some(to),
            display_name: "Nobody".to_owned(),
        }),
        content: Some(Content::Debtor(DebtorMessage {
            subject: "A trial".to_owned(),
            body: "Nobody reads this.".to_owned(),
            ..DebtorMessage::default()
        })),
        effect_from_unix_ms: kit::NOW_UNIX_MS,
        effect_to_unix_ms: kit::NOW_UNIX_MS + 3_600_000,
        callback_url: "https://callbacks.example.com/trial".to_owned(),
        ..SendRequest::default()
    }
}
