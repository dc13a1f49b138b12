//! What runs when a server starts: the store's rollout, unless the configuration says something new.

use std::path::Path;
use std::sync::{Arc, Mutex};

use recoup_channel::DynChannel;
use recoup_channel::wire::ChannelDescriptor;
use recoup_channel_host::LoadedChannel;
use recoup_domain::rollout::{Made, Rollout, Step, Vouched};
use recoup_engine::blobs::Blobs;
use recoup_engine::clock::Wall;
use recoup_engine::{CommandError, Engine, commands::StagedLibrary};
use recoup_store::{Store, StoreError};
use semver::Version;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use super::load::{Loaded, Purpose, Source, Surroundings, load};
use super::{Generations, Held, Here, Own, source};
use crate::config::{ChannelConfig, Config, PlacementConfig};
use crate::convert::page::hex;
use crate::wiring::Wrap;

impl Generations {
    /// Loads what is to run of each channel. A channel that does not load is no error: it is listed as refused.
    ///
    /// # Errors
    /// Where the store fails.
    pub(crate) async fn start(
        config: &Config,
        (dir, store): (&Path, &dyn Store),
        (wall, blobs): (&Arc<dyn Wall>, &Arc<Blobs>),
        wrap: Wrap<dyn DynChannel>,
    ) -> Result<Self, StoreError> {
        let around = Surroundings {
            run_dir: config.run_dir.clone().unwrap_or_else(|| dir.join("run")),
            wall: Arc::clone(wall),
            blobs: Arc::clone(blobs),
            trust: config.trust(),
        };
        let mut rollouts = store.rollouts().await?;
        let mut all = Vec::with_capacity(config.channel.len());
        for channel in &config.channel {
            let known = rollouts.iter().position(|r| r.channel == channel.name);
            let known = known.map(|at| rollouts.swap_remove(at));
            let own = start(channel, known.as_ref(), store, (&around, &wrap)).await?;
            for why in own.held().refused.values() {
                tracing::error!(channel = channel.name, "channel refused: {why}");
            }
            all.push(own);
        }
        Ok(Self {
            all,
            around,
            wrap,
            folders: folders(config),
            changed: Notify::new(),
        })
    }

    /// Puts on record what the configuration says otherwise than it did, and brings every channel to what its rollout
    /// says.
    ///
    /// # Errors
    /// Where the store fails.
    pub(crate) async fn settle(&self, engine: &Engine) -> Result<(), CommandError> {
        for own in &self.all {
            self.settle_own(own, engine).await?;
        }
        Ok(())
    }

    async fn settle_own(&self, own: &Own, engine: &Engine) -> Result<(), CommandError> {
        let (start, unsettled, configured) = {
            let held = own.held();
            let configured = held.configured.clone().unwrap_or_default();
            (held.start, held.unsettled.clone(), configured)
        };
        if let Some(was) = &unsettled {
            // Refused, as it is listed: what was live before is not what the configuration says.
            let Some(here) = own.here(start) else {
                return Ok(());
            };
            let (made, bytes) = own.of_configuration(&here)?;
            let libraries = [StagedLibrary {
                sha256: &made.sha256,
                bytes: &bytes,
            }];
            let step = Step::Configure {
                made: made.clone(),
                configured,
            };
            // Another server may have said the same; what the rollout says counts below.
            engine
                .step_rollout_by_itself(was, &step, &libraries)
                .await?;
        }
        let rollout = engine.rollout(&own.config.name).await?;
        self.follow(own, engine, rollout).await;
        Ok(())
    }

    /// Tries a channel again of which nothing could be loaded so far: what it lacked may be there by now. The library, its
    /// signature, the lock and the secrets are read anew; the configuration is that of the start.
    ///
    /// # Errors
    /// Where the store fails.
    pub(super) async fn try_again(
        &self,
        own: &Own,
        engine: &Engine,
        known: Option<&Rollout>,
    ) -> Result<(), CommandError> {
        let name = &own.config.name;
        let joined = {
            let _one = own.working.lock().await;
            let surroundings = (&self.around, &self.wrap);
            let found = find(&own.config, known, &**engine.store(), surroundings).await?;
            let joined = found.here.is_ok();
            let mut held = own.held();
            if let Err(why) = &found.here
                && held.refused.values().all(|known| known != why)
            {
                tracing::error!(channel = name, "channel still refused: {why}");
                engine.still_refused(name, why);
            }
            held.take(found, known);
            if let (Some(here), None) = (held.here.get(&held.start), known) {
                // Nobody changed its generations: there is no rollout to go by.
                let _ = engine.route(name, vec![here.handle.clone()], held.start, None);
            }
            joined
        };
        if joined {
            tracing::info!(channel = name, "a channel that was refused is loaded now");
            self.settle_own(own, engine).await?;
        }
        Ok(())
    }
}

impl Own {
    /// What the configuration says, as it was loaded at the start, with the library's bytes.
    ///
    /// # Errors
    /// Where the private copy of the library cannot be read.
    pub(super) fn of_configuration(&self, here: &Here) -> Result<(Made, Arc<[u8]>), CommandError> {
        let bytes = here.channel.bytes();
        let bytes = bytes.map_err(|e| StoreError::Refused(format!("the staged library: {e}")))?;
        let source = Source {
            from: self.config.library.clone(),
            bytes: bytes.into(),
            signature: self.held().signature.clone(),
            settings: settings_of(&self.config),
        };
        let made = made(&here.channel, &source, here.vouched.clone());
        Ok((made, source.bytes))
    }

    /// The rollout of a channel whose generations nobody changed yet, and the library that it names.
    pub(super) fn first(
        &self,
        here: &Here,
        at: jiff::Timestamp,
    ) -> Result<(Rollout, Arc<[u8]>), CommandError> {
        let (made, bytes) = self.of_configuration(here)?;
        let configured = self.held().configured.clone().unwrap_or_default();
        Ok((
            Rollout::first(&self.config.name, configured, made, at),
            bytes,
        ))
    }
}

/// What a library that was loaded makes of a generation.
pub(super) fn made(loaded: &LoadedChannel, source: &Source, vouched: Vouched) -> Made {
    let descriptor = loaded.descriptor();
    Made {
        sha256: loaded.digest().to_owned(),
        bytes: source.bytes.len() as u64,
        settings: source.settings.clone(),
        plugin: descriptor.id.clone(),
        plugin_version: descriptor.version.clone(),
        signature: source.signature.clone(),
        vouched,
        older: false,
    }
}

/// Whether a library is older than what was live. Versions of different libraries say nothing of each other.
///
/// # Errors
/// Where its version is none.
pub(super) fn is_older(descriptor: &ChannelDescriptor, live: &Made) -> Result<bool, String> {
    if descriptor.id != live.plugin {
        return Ok(false);
    }
    let version = &descriptor.version;
    let new = Version::parse(version)
        .map_err(|e| format!("its version `{version}` is none ({e}): write it as 1.2.3"))?;
    Ok(Version::parse(&live.plugin_version).is_ok_and(|live| new < live))
}

/// The settings of the configuration, as JSON.
pub(crate) fn settings_of(channel: &ChannelConfig) -> String {
    serde_json::to_string(&channel.config).unwrap_or_default()
}

/// A hash of what the configuration says of a channel: its library, its settings and where it lives.
fn fingerprint(channel: &ChannelConfig, library: &[u8]) -> String {
    let placement = match channel.placement {
        PlacementConfig::Isolated => "isolated",
        PlacementConfig::Inline => "inline",
    };
    let hash = Sha256::new()
        .chain_update(Sha256::digest(library))
        .chain_update(settings_of(channel))
        .chain_update(placement)
        .finalize();
    hex(&hash)
}

/// The library and settings of a generation, as the store keeps them; or why they cannot be loaded.
pub(super) async fn kept(
    store: &dyn Store,
    rollout: &Rollout,
    number: u32,
) -> Result<Result<Source, String>, StoreError> {
    let Some(generation) = rollout.generation(number) else {
        return Ok(Err(format!("there is no generation {number}")));
    };
    let sha256 = &generation.made.sha256;
    let bytes = recoup_store::library_bytes(store, &rollout.channel, sha256).await?;
    if hex(&Sha256::digest(&bytes)) != *sha256 {
        return Ok(Err(format!(
            "the {} bytes that the store keeps of generation {number} are not the {} of SHA-256 {sha256} that were \
             staged: stage the library again",
            bytes.len(),
            generation.made.bytes
        )));
    }
    Ok(Ok(Source {
        from: format!("generation {number}").into(),
        bytes: bytes.into(),
        signature: generation.made.signature.clone(),
        settings: generation.made.settings.clone(),
    }))
}

/// Folders whose files may be staged: those that the configuration names, else those of its libraries.
fn folders(config: &Config) -> Vec<std::path::PathBuf> {
    if !config.library_dirs.is_empty() {
        return config.library_dirs.clone();
    }
    let of = |c: &ChannelConfig| c.library.parent().map(Path::to_owned);
    config.channel.iter().filter_map(of).collect()
}

/// Loads what the configuration says for the first time, in place of what was live.
async fn first(
    channel: &ChannelConfig,
    around: &Surroundings,
    source: Source,
    live: Option<&Made>,
) -> Result<Loaded, String> {
    let loaded = load(channel, around, source, Purpose::Work).await?;
    let found = loaded.channel.descriptor();
    if let Some(live) = live.filter(|_| !channel.allow_downgrade)
        && is_older(found, live)?
    {
        return Err(format!(
            "channel `{}`: {} {} is older than {}, which was live: say `allow_downgrade = true` of the channel \
             where that is meant",
            channel.name, found.id, found.version, live.plugin_version
        ));
    }
    Ok(loaded)
}

/// What a look at the configuration and the store found.
struct Found {
    /// The number of the generation that is to run.
    number: u32,
    /// The generation, or why it is refused.
    here: Result<Here, String>,
    /// A hash of what the configuration says; none where its library cannot be read.
    configured: Option<String>,
    /// The signature of the configuration's library.
    signature: Option<String>,
    /// The rollout does not say what the configuration does.
    differs: bool,
}

/// Loads what is to run of a channel: what the rollout on record says, unless the configuration says something new.
async fn find(
    channel: &ChannelConfig,
    known: Option<&Rollout>,
    store: &dyn Store,
    (around, wrap): (&Surroundings, &Wrap<dyn DynChannel>),
) -> Result<Found, StoreError> {
    // Read once: what runs is what was compared.
    let source = source::read(&channel.library, settings_of(channel));
    let configured = source.as_ref().ok();
    let configured = configured.map(|source| fingerprint(channel, &source.bytes));
    let signature = source.as_ref().ok().and_then(|s| s.signature.clone());
    let says_the_same = |r: &&Rollout| {
        configured
            .as_ref()
            .is_none_or(|given| *given == r.configured)
    };
    let same = known.filter(says_the_same);
    let (number, loaded) = match same {
        None => {
            // Under the number that it gets once it is on record.
            let number = known.map_or(1, |r| r.next);
            let live = known.and_then(|r| r.generation(r.live()));
            let loaded = match source {
                Ok(source) => first(channel, around, source, live.map(|g| &g.made)).await,
                Err(why) => Err(format!("channel `{}`: {why}", channel.name)),
            };
            (number, loaded)
        }
        Some(rollout) => {
            let live = rollout.live();
            let kept = kept(store, rollout, live).await?;
            let loaded = match kept {
                Ok(source) => load(channel, around, source, Purpose::Work).await,
                Err(why) => Err(why),
            };
            (live, loaded)
        }
    };
    Ok(Found {
        number,
        here: loaded.and_then(|loaded| Here::of(channel, loaded, number, (around, wrap))),
        configured,
        signature,
        differs: known.is_some() && same.is_none(),
    })
}

impl Held {
    /// Takes what was found, where nothing was here; `known` is the rollout that it was held against.
    fn take(&mut self, found: Found, known: Option<&Rollout>) {
        self.start = found.number;
        self.configured = found.configured;
        self.signature = found.signature;
        self.unsettled = known.filter(|_| found.differs).cloned();
        self.refused.clear();
        match found.here {
            Ok(here) => drop(self.here.insert(found.number, here)),
            Err(why) => self.refuse(found.number, why),
        }
    }
}

async fn start(
    channel: &ChannelConfig,
    known: Option<&Rollout>,
    store: &dyn Store,
    surroundings: (&Surroundings, &Wrap<dyn DynChannel>),
) -> Result<Own, StoreError> {
    let found = find(channel, known, store, surroundings).await?;
    let mut held = Held::default();
    held.take(found, known);
    Ok(Own {
        config: channel.clone(),
        held: Mutex::new(held),
        working: tokio::sync::Mutex::new(()),
    })
}
