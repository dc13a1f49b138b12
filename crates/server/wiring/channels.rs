//! Channels of the configuration: loaded where it says, and handed to the engine.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use recoup_channel::wire::Inbound;
use recoup_channel::{Clock, DynChannel};
use recoup_channel_host::{
    BlobSource, Host, Isolation, Limits as HostLimits, LoadSpec, LoadedChannel, Placement, Sink,
    Standing as HostStanding,
};
use recoup_domain::ContactClass;
use recoup_engine::blobs::Blobs;
use recoup_engine::channels::{AskStanding, ChannelHandle, Standing};
use recoup_engine::clock::Wall;

use super::{Installed, Loaded, Seams, chain};
use crate::config::{ChannelConfig, Config, PlacementConfig};

pub(super) async fn load_channels(
    config: &Config,
    dir: &Path,
    wall: &Arc<dyn Wall>,
    blobs: &Arc<Blobs>,
) -> Vec<Installed> {
    let run_dir = config.run_dir.clone().unwrap_or_else(|| dir.join("run"));
    let mut all = Vec::with_capacity(config.channel.len());
    for channel in &config.channel {
        let loaded = load(channel, &run_dir, wall, blobs).await;
        match &loaded {
            Ok(loaded) => {
                let d = loaded.channel.descriptor();
                let (plugin, version) = (&d.id, &d.version);
                tracing::info!(channel = channel.name, plugin, version, "channel loaded");
                if let Some(process) = loaded.channel.state().await.process
                    && !process.unguarded.is_empty()
                {
                    let missing = process.unguarded.join("; ");
                    tracing::warn!(
                        channel = channel.name,
                        missing,
                        "the channel's fence has gaps"
                    );
                }
            }
            Err(why) => tracing::error!(channel = channel.name, "channel refused: {why}"),
        }
        all.push(Installed {
            name: channel.name.clone(),
            placement: channel.placement,
            loaded,
        });
    }
    all
}

async fn load(
    channel: &ChannelConfig,
    run_dir: &Path,
    wall: &Arc<dyn Wall>,
    blobs: &Arc<Blobs>,
) -> Result<Loaded, String> {
    let spec = spec_of(channel, run_dir, wall, blobs)?;
    let loaded = Host::load(spec).await.map_err(|e| chain(&e))?;
    if class_of(&loaded).is_none() {
        return Err("its descriptor names no class of contact that the law knows".to_owned());
    }
    Ok(Loaded {
        channel: Arc::new(loaded),
        at: wall.now(),
    })
}

/// How a channel of the configuration is loaded.
///
/// # Errors
/// Where a secret cannot be read.
pub(crate) fn spec_of(
    channel: &ChannelConfig,
    run_dir: &Path,
    wall: &Arc<dyn Wall>,
    blobs: &Arc<Blobs>,
) -> Result<LoadSpec, String> {
    let mut secrets = BTreeMap::new();
    for (name, secret) in &channel.secrets {
        let text = secret
            .read(Path::new(""))
            .map_err(|e| format!("secret `{name}`: {e}"))?;
        secrets.insert(name.clone(), text);
    }
    let config_json = serde_json::to_string(&channel.config).map_err(|e| e.to_string())?;
    Ok(LoadSpec {
        path: channel.library.clone(),
        name: channel.name.clone(),
        config_json,
        secrets,
        run_dir: run_dir.to_owned(),
        blobs: Arc::new(HeldBlobs(Arc::clone(blobs))),
        clock: Arc::new(HostClock {
            wall: Arc::clone(wall),
            start: Instant::now(),
        }),
        sink: Arc::new(NoEvents(channel.name.clone())),
        limits: HostLimits::default(),
        placement: placement_of(channel),
    })
}

/// The word on the command line that makes this program a channel's host.
pub(crate) const CHANNEL_HOST: &str = "channel-host";

fn placement_of(channel: &ChannelConfig) -> Placement {
    match channel.placement {
        PlacementConfig::Inline => Placement::Inline,
        PlacementConfig::Isolated => Placement::Isolated(isolation_of(channel)),
    }
}

/// The process that a channel gets where it has one.
pub(crate) fn isolation_of(channel: &ChannelConfig) -> Isolation {
    Isolation {
        // The program that runs, though its file may have been replaced since.
        program: PathBuf::from("/proc/self/exe"),
        arguments: vec![CHANNEL_HOST.to_owned()],
        memory_bytes: u64::from(channel.memory_mib) << 20,
        require_sandbox: channel.require_sandbox,
    }
}

pub(crate) fn class_of(loaded: &LoadedChannel) -> Option<ContactClass> {
    use recoup_channel::wire::ContactClass as W;
    match loaded.descriptor().contact_class() {
        W::Sms => Some(ContactClass::Sms),
        W::Phone => Some(ContactClass::Phone),
        W::Email => Some(ContactClass::Email),
        W::Visit => Some(ContactClass::Visit),
        W::Legal => Some(ContactClass::Legal),
        _ => None,
    }
}

pub(super) fn handle(
    config: &Config,
    installed: &Installed,
    seams: &Seams,
) -> Option<ChannelHandle> {
    let loaded = installed.loaded.as_ref().ok()?;
    let own = config.channel.iter().find(|c| c.name == installed.name)?;
    Some(ChannelHandle {
        name: installed.name.clone(),
        class: class_of(&loaded.channel)?,
        descriptor: loaded.channel.descriptor().clone(),
        digest: loaded.channel.digest().to_owned(),
        channel: (seams.channel)(Arc::clone(&loaded.channel) as Arc<dyn DynChannel>),
        desk: own.desk.clone(),
        standing: ask(Arc::clone(&loaded.channel)),
    })
}

/// How the host sees a channel, as the engine asks it.
fn ask(channel: Arc<LoadedChannel>) -> AskStanding {
    Arc::new(move || match channel.standing() {
        HostStanding::Sound => Standing::Sound,
        HostStanding::OnTrial => Standing::OnTrial,
        HostStanding::Rests(left) => Standing::Rests(left),
    })
}

/// Attachments that the engine holds for a contact under way.
struct HeldBlobs(Arc<Blobs>);

impl BlobSource for HeldBlobs {
    fn read(&self, sha256: &[u8; 32]) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(sha256).map(|bytes| bytes.to_vec()))
    }
}

/// The clock of the channels: wall time as the engine's, monotonic time always real.
struct HostClock {
    wall: Arc<dyn Wall>,
    start: Instant,
}

impl Clock for HostClock {
    fn wall_unix_ms(&self) -> i64 {
        // Held against `not_after`.
        self.wall.latest().as_millisecond()
    }

    fn mono_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Takes nothing that a channel tells on its own: reports come by call-back so far. The channel offers
/// it again.
struct NoEvents(String);

impl Sink for NoEvents {
    fn event(&self, _ticket: u64, _inbound: Inbound) -> bool {
        tracing::warn!(
            channel = self.0,
            "an event outside a call-back was not taken"
        );
        false
    }
}
