//! How a channel's library is loaded, and handed to the engine.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use recoup_channel::wire::Inbound;
use recoup_channel::{Clock, DynChannel};
use recoup_channel_host::trust::{Bytes, Proof, Trust, Wanted};
use recoup_channel_host::{
    BlobSource, Host, Isolation, Limits as HostLimits, LoadSpec, LoadedChannel, Placement, Sink,
    Standing as HostStanding, descriptor, settings,
};
use recoup_domain::ContactClass;
use recoup_domain::rollout::Vouched;
use recoup_engine::blobs::Blobs;
use recoup_engine::channels::{AskStanding, ChannelHandle, Standing};
use recoup_engine::clock::Wall;

use crate::config::{ChannelConfig, PlacementConfig};
use crate::wiring::{Wrap, chain};

/// What every channel of this server is loaded with.
pub(crate) struct Surroundings {
    /// Private folder for staged copies.
    pub(crate) run_dir: PathBuf,
    /// The clock.
    pub(crate) wall: Arc<dyn Wall>,
    /// Attachments.
    pub(crate) blobs: Arc<Blobs>,
    /// Whose libraries are loaded.
    pub(crate) trust: Trust,
}

/// What a generation is to be loaded from.
#[derive(Clone)]
pub(crate) struct Source {
    /// Where they come from, for messages: nothing is read there.
    pub(crate) from: PathBuf,
    /// The library's bytes.
    pub(crate) bytes: Arc<[u8]>,
    /// The text of its minisign file.
    pub(crate) signature: Option<String>,
    /// Its settings, as JSON.
    pub(crate) settings: String,
}

/// A library that was loaded.
pub(super) struct Loaded {
    pub(super) channel: LoadedChannel,
    /// Who vouches for it.
    pub(super) vouched: Vouched,
}

/// What a library is loaded for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To make contacts, where the configuration says.
    Work,
    /// To be looked at, in a process of its own.
    Trial,
}

/// Judges a library, loads it, and makes an instance of it.
///
/// # Errors
/// Why not, for the person who must act.
pub(super) async fn load(
    channel: &ChannelConfig,
    around: &Surroundings,
    source: Source,
    purpose: Purpose,
) -> Result<Loaded, String> {
    let mut spec = spec_of(channel, &around.run_dir, &around.wall, &around.blobs)?;
    let given = Bytes {
        library: &source.bytes,
        signature: source.signature.as_deref(),
    };
    let admitted = around.trust.admit(&spec.name, given);
    let admitted = admitted.map_err(|e| e.to_string())?;
    spec.bytes = Some(source.bytes);
    spec.path = source.from;
    spec.config_json = source.settings;
    // Before an instance could see a setting or a secret that it must not have.
    let descriptor = Host::look(&spec, &isolation_of(channel)).await;
    let descriptor = descriptor.map_err(|e| chain(&e))?;
    let secrets: Vec<&str> = spec.secrets.keys().map(String::as_str).collect();
    let wanted = Wanted {
        descriptor: &descriptor,
        settings: &spec.config_json,
        placement: &spec.placement,
        secrets: &secrets,
    };
    admitted.fits(&wanted).map_err(|e| e.to_string())?;
    descriptor::check(&descriptor)
        .and_then(|()| settings::check(&descriptor, &spec.config_json, &secrets))
        .map_err(|why| format!("channel `{}`: {why}", spec.name))?;
    if purpose == Purpose::Trial {
        spec.placement = Placement::Isolated(isolation_of(channel));
    }
    if let Placement::Isolated(isolation) = &mut spec.placement {
        isolation.ports = admitted.ports();
    }
    let vouched = match admitted.proof {
        Proof::Pinned => Vouched::Pinned,
        Proof::Signed { publisher } => Vouched::Signed { publisher },
        Proof::Unsigned => Vouched::Nobody,
    };
    let channel = load_as(spec).await?;
    if purpose == Purpose::Work {
        tell(&channel, &vouched);
    }
    Ok(Loaded { channel, vouched })
}

fn tell(channel: &LoadedChannel, vouched: &Vouched) {
    let (name, sha256) = (channel.name(), channel.digest());
    let (plugin, version) = (&channel.descriptor().id, &channel.descriptor().version);
    let publisher = match vouched {
        Vouched::Signed { publisher } => Some(publisher),
        Vouched::Pinned | Vouched::Nobody => None,
    };
    tracing::info!(
        channel = name,
        plugin,
        version,
        sha256,
        publisher,
        "channel loaded"
    );
    if vouched.is_nobody() {
        tracing::warn!(
            channel = name,
            sha256,
            "nobody vouches for the channel's library"
        );
    }
}

async fn load_as(spec: LoadSpec) -> Result<LoadedChannel, String> {
    let name = spec.name.clone();
    let loaded = Host::load(spec).await.map_err(|e| chain(&e))?;
    if class_of(&loaded).is_none() {
        return Err("its descriptor names no class of contact that the law knows".to_owned());
    }
    if let Some(process) = loaded.state().await.process
        && !process.unguarded.is_empty()
    {
        let missing = process.unguarded.join("; ");
        tracing::warn!(channel = name, missing, "the channel's fence has gaps");
    }
    Ok(loaded)
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
        bytes: None,
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
const CHANNEL_HOST: &str = "channel-host";

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
        ports: None,
        ends_forks: false,
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

/// A generation as the engine calls it.
pub(super) fn handle(
    channel: &ChannelConfig,
    loaded: &Arc<LoadedChannel>,
    generation: u32,
    wrap: &Wrap<dyn DynChannel>,
) -> Option<ChannelHandle> {
    Some(ChannelHandle {
        name: channel.name.clone(),
        class: class_of(loaded)?,
        descriptor: loaded.descriptor().clone(),
        digest: loaded.digest().to_owned(),
        generation,
        channel: wrap(Arc::clone(loaded) as Arc<dyn DynChannel>),
        desk: channel.desk.clone(),
        standing: ask(Arc::clone(loaded)),
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
