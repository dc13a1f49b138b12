//! What operators do with generations: stage, probe, swap, roll back, drain.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use recoup_channel::wire::HealthState;
use recoup_channel::{Call, Channel};
use recoup_channel_host::LoadedChannel;
use recoup_domain::rollout::{Made, Rollout, SHARES, Step};
use recoup_engine::channels::ChannelClock;
use recoup_engine::commands::StagedLibrary;
use recoup_engine::types::{Answered, Caller, Encode};
use recoup_engine::{CommandError, Engine};
use sha2::{Digest, Sha256};

use super::load::{Loaded, Purpose, Source, class_of, load};
use super::start::{is_older, kept, made, settings_of};
use super::{Generations, Here, Own, source};
use crate::config::PlacementConfig;
use crate::convert::page::hex;
use crate::trial;

/// How long a channel may take to say how it is.
const HEALTH: Duration = Duration::from_secs(5);
/// How often it is asked before it gets contacts.
const ASKED: usize = 2;
/// The largest library that is staged, in bytes.
const LIBRARY_BYTES_MAX: u64 = 512 << 20;

/// Why a channel's generations are not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    /// No channel of that name runs here.
    #[error(
        "no channel `{0}` is loaded: a swap needs one that runs; where the list says `refused`, mend what it says, and \
         the server loads it within half a minute"
    )]
    NoChannel(String),
    /// A field of the request.
    #[error("{0}: {1}")]
    Field(&'static str, String),
    /// The file does not have the hash that was asked for.
    #[error("{0}")]
    Hash(String),
    /// The library does not do.
    #[error("the library is refused: {0}")]
    Library(String),
    /// The engine refuses.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// What is to be staged.
pub(crate) struct Staging<'a> {
    /// The channel's name.
    pub(crate) name: &'a str,
    /// The file, on this machine.
    pub(crate) path: &'a str,
    /// The hash that it must have, hexadecimal; empty: any.
    pub(crate) sha256: &'a str,
    /// Its settings, as JSON; none: those of the live generation.
    pub(crate) settings: Option<String>,
    /// Take it also where it is older than the live one.
    pub(crate) allow_downgrade: bool,
}

/// What a probe found.
pub(crate) struct Probe {
    /// Whether every step was good.
    pub(crate) ok: bool,
    /// What was tried and found.
    pub(crate) lines: Vec<String>,
}

/// How a swap goes.
pub(crate) struct Shares {
    /// The generation.
    pub(crate) to: u32,
    /// Shares in percent; empty: 1, 10, 50, 100.
    pub(crate) shares: Vec<u8>,
    /// How long each lasts at least.
    pub(crate) hold: SignedDuration,
    /// How many contacts must have been judged at each.
    pub(crate) judged_min: u32,
}

impl Generations {
    /// A channel that runs here, and its rollout as it is on record, or would be as the first.
    async fn running(&self, engine: &Engine, name: &str) -> Result<(&Own, Started), Unfit> {
        let none = || Unfit::NoChannel(name.to_owned());
        let own = self.own(name).ok_or_else(none)?;
        let (start, live) = {
            let held = own.held();
            (held.start, held.live())
        };
        // Where the live one does not start here, what runs in its place can be gone back from, too.
        let here = own.here(live).or_else(|| own.any_here()).ok_or_else(none)?;
        let (rollout, library) = match engine.rollout(name).await? {
            Some(rollout) => (rollout, None),
            None => {
                let first = own.here(start).ok_or_else(none)?;
                let (rollout, bytes) = own.first(&first, engine.wall().now())?;
                (rollout, Some(bytes))
            }
        };
        let started = Started {
            rollout,
            library,
            here,
        };
        Ok((own, started))
    }

    /// Verifies a library by loading it in a process of its own, and keeps it as a new generation.
    pub(crate) async fn stage(
        &self,
        (engine, who): (&Engine, &Caller),
        staging: &Staging<'_>,
        encode: Encode<'_, Rollout>,
    ) -> Result<Answered<Rollout>, Unfit> {
        let (own, started) = self.running(engine, staging.name).await?;
        let settings = staging.settings.clone();
        let settings = settings.unwrap_or_else(|| settings_of_live(&started.rollout));
        let source = self.read(staging, settings).await?;
        let made = self.judge(own, &started, &source, staging.allow_downgrade);
        let made = made.await.map_err(Unfit::Library)?;
        let sha256 = made.sha256.clone();
        let step = Step::Stage(made);
        let mut libraries = vec![StagedLibrary {
            sha256: &sha256,
            bytes: &source.bytes,
        }];
        let first = started.first_library();
        libraries.extend(
            first
                .as_ref()
                .map(|(sha256, bytes)| StagedLibrary { sha256, bytes }),
        );
        let done = engine
            .step_rollout(who, &started.rollout, &step, &libraries, encode)
            .await?;
        if let Answered::Now(rollout) = &done {
            self.follow(own, engine, Some(rollout.clone())).await;
        }
        Ok(done)
    }

    /// Loads a library in a process of its own, and says what a generation of it would be made of.
    async fn judge(
        &self,
        own: &Own,
        started: &Started,
        source: &Source,
        allow_downgrade: bool,
    ) -> Result<Made, String> {
        let Loaded { channel, vouched } =
            load(&own.config, &self.around, source.clone(), Purpose::Trial).await?;
        let verified = verified(own, &started.here, &channel);
        let mut made = made(&channel, source, vouched);
        let live = started.rollout.generation(started.rollout.live());
        let older = live.map_or(Ok(false), |live| is_older(channel.descriptor(), &live.made));
        channel.shutdown(Duration::from_secs(1)).await;
        verified?;
        made.older = older?;
        match live {
            Some(live) if made.older && !allow_downgrade => Err(format!(
                "{} {} is older than {}, which is live: say `--allow-downgrade` (`allow_downgrade`) where that is \
                 meant",
                made.plugin, made.plugin_version, live.made.plugin_version
            )),
            _ => Ok(made),
        }
    }

    /// Reads a file that may be staged, and its signature.
    async fn read(&self, staging: &Staging<'_>, settings: String) -> Result<Source, Unfit> {
        let refused = |why: String| Unfit::Field("path", why);
        let path = PathBuf::from(staging.path);
        if !path.is_absolute() {
            return Err(refused(
                "not an absolute path on the server's machine".to_owned(),
            ));
        }
        let real = path
            .canonicalize()
            .map_err(|e| refused(format!("cannot be read: {e}")))?;
        let is_inside = |folder: &PathBuf| {
            let folder = folder.canonicalize();
            folder.is_ok_and(|folder| real.starts_with(folder))
        };
        if !self.folders.iter().any(is_inside) {
            let folders: Vec<String> = self
                .folders
                .iter()
                .map(|f| f.display().to_string())
                .collect();
            return Err(refused(format!(
                "lies in none of the folders that the configuration allows (`library_dirs`): {}",
                folders.join(", ")
            )));
        }
        let size = std::fs::metadata(&real).map(|m| (m.is_file(), m.len()));
        match size {
            Ok((true, bytes)) if bytes <= LIBRARY_BYTES_MAX => {}
            Ok((true, bytes)) => {
                let why = format!("has {bytes} bytes, over the {LIBRARY_BYTES_MAX} that are taken");
                return Err(refused(why));
            }
            Ok((false, _)) => return Err(refused("is no file".to_owned())),
            Err(e) => return Err(refused(format!("cannot be read: {e}"))),
        }
        let reading = tokio::task::spawn_blocking(move || {
            let source = source::read(&real, settings)?;
            let hash = Sha256::digest(&source.bytes);
            Ok((source, hex(&hash)))
        });
        let read = reading.await.unwrap_or_else(|e| Err(e.to_string()));
        let (source, found) = read.map_err(refused)?;
        if !staging.sha256.is_empty() && !found.eq_ignore_ascii_case(staging.sha256) {
            return Err(Unfit::Hash(format!(
                "the file has SHA-256 {found}, not {}",
                staging.sha256
            )));
        }
        Ok(source)
    }

    /// Tries a generation in a process of its own: starts it, asks how it is, and shows it a contact.
    pub(crate) async fn probe(
        &self,
        engine: &Engine,
        name: &str,
        number: u32,
    ) -> Result<Probe, Unfit> {
        let (own, started) = self.running(engine, name).await?;
        if started.rollout.generation(number).is_none() {
            return Err(not_there(name, number));
        }
        let source = match started.bytes_of(number) {
            Some(bytes) => Ok(Source {
                from: own.config.library.clone(),
                bytes,
                signature: own.held().signature.clone(),
                settings: settings_of(&own.config),
            }),
            None => kept(&**engine.store(), &started.rollout, number)
                .await
                .map_err(CommandError::from)?,
        };
        let mut probe = Probe {
            ok: true,
            lines: Vec::new(),
        };
        let source = match source {
            Ok(source) => source,
            Err(why) => {
                probe.note("kept", Err(why));
                return Ok(probe);
            }
        };
        let found = match load(&own.config, &self.around, source, Purpose::Trial).await {
            Ok(loaded) => loaded.channel,
            Err(why) => {
                probe.note("start", Err(why));
                return Ok(probe);
            }
        };
        let d = found.descriptor();
        probe.note("start", Ok(format!("{} {}", d.id, d.version)));
        let suits = verified(own, &started.here, &found).map(|()| "as the live one".to_owned());
        probe.note("kind of contact", suits);
        probe.note("health", well(engine, &found).await);
        probe.note("dry run", dry_run(engine, &found).await);
        let ended = found.shutdown(Duration::from_secs(1)).await;
        let ended = ended.then(|| "by itself".to_owned());
        probe.note("end", ended.ok_or_else(|| "not within its time".to_owned()));
        Ok(probe)
    }

    /// Starts a generation here, asks how it is, and gives it its first share of the new contacts.
    pub(crate) async fn swap(
        &self,
        (engine, who): (&Engine, &Caller),
        name: &str,
        how: Shares,
        encode: Encode<'_, Rollout>,
    ) -> Result<Answered<Rollout>, Unfit> {
        let (own, started) = self.running(engine, name).await?;
        if started.rollout.generation(how.to).is_none() {
            return Err(not_there(name, how.to));
        }
        let shares = if how.shares.is_empty() {
            SHARES.to_vec()
        } else {
            how.shares
        };
        let step = Step::Begin {
            to: how.to,
            shares,
            hold: how.hold,
            judged_min: how.judged_min,
        };
        // What cannot be is said before anything is started.
        let can_be = started.rollout.take(&step, "", engine.wall().now());
        if can_be.is_ok() {
            let warm = async {
                let _one = own.working.lock().await;
                let here = self.bring(own, engine, &started.rollout, how.to).await?;
                well(engine, &here.channel).await.map(drop)
            };
            warm.await.map_err(Unfit::Library)?;
        }
        self.step((engine, who), own, &started, &step, encode).await
    }

    /// Moves all new contacts back to the generation before.
    pub(crate) async fn roll_back(
        &self,
        (engine, who): (&Engine, &Caller),
        name: &str,
        why: String,
        encode: Encode<'_, Rollout>,
    ) -> Result<Answered<Rollout>, Unfit> {
        let (own, started) = self.running(engine, name).await?;
        let step = Step::RollBack {
            why: format!("taken back by hand: {why}"),
        };
        let can_be = started.rollout.take(&step, "", engine.wall().now());
        if let Ok(next) = can_be {
            // It may be gone since: it takes everything from the answer on.
            let _one = own.working.lock().await;
            let back = self.bring(own, engine, &started.rollout, next.live()).await;
            back.map_err(Unfit::Library)?;
        }
        self.step((engine, who), own, &started, &step, encode).await
    }

    /// Ends a generation once what is under way of it is at its end.
    pub(crate) async fn drain(
        &self,
        (engine, who): (&Engine, &Caller),
        name: &str,
        number: u32,
        encode: Encode<'_, Rollout>,
    ) -> Result<Answered<Rollout>, Unfit> {
        let (own, started) = self.running(engine, name).await?;
        let step = Step::Drain(number);
        self.step((engine, who), own, &started, &step, encode).await
    }

    async fn step(
        &self,
        (engine, who): (&Engine, &Caller),
        own: &Own,
        started: &Started,
        step: &Step,
        encode: Encode<'_, Rollout>,
    ) -> Result<Answered<Rollout>, Unfit> {
        let done = engine
            .step_rollout(who, &started.rollout, step, &[], encode)
            .await?;
        if let Answered::Now(rollout) = &done {
            self.follow(own, engine, Some(rollout.clone())).await;
        }
        Ok(done)
    }
}

/// A channel that runs here, before it is changed.
struct Started {
    rollout: Rollout,
    /// The bytes of generation 1, where the rollout is not on record yet.
    library: Option<Arc<[u8]>>,
    /// The generation that is live here.
    here: Here,
}

impl Started {
    /// The library of a rollout that is not on record yet, under its hash.
    fn first_library(&self) -> Option<(String, Arc<[u8]>)> {
        let bytes = self.library.clone()?;
        Some((self.rollout.generation(1)?.made.sha256.clone(), bytes))
    }

    /// The bytes of a generation that the store does not keep yet.
    fn bytes_of(&self, number: u32) -> Option<Arc<[u8]>> {
        self.library.clone().filter(|_| number == 1)
    }
}

impl Probe {
    fn note(&mut self, what: &str, found: Result<String, String>) {
        self.ok &= found.is_ok();
        self.lines.push(match found {
            Ok(found) => format!("{what}: {found}"),
            Err(why) => format!("{what}: FAILED: {why}"),
        });
    }
}

fn not_there(name: &str, number: u32) -> Unfit {
    Unfit::Command(CommandError::NotFound {
        what: "generation",
        id: format!("{number} of channel {name}"),
    })
}

/// Settings of the live generation.
fn settings_of_live(rollout: &Rollout) -> String {
    let live = rollout.generation(rollout.live());
    live.map_or_else(|| "{}".to_owned(), |g| g.made.settings.clone())
}

/// Whether a library may take the place of the one that is live.
fn verified(own: &Own, live: &Here, found: &LoadedChannel) -> Result<(), String> {
    let (new, old) = (class_of(found), class_of(&live.channel));
    if new != old {
        let name = |class: Option<recoup_domain::ContactClass>| {
            class.map_or_else(|| "no".to_owned(), |c| c.to_string())
        };
        return Err(format!(
            "it makes {} contacts and the channel {} ones: policies would mean something else",
            name(new),
            name(old)
        ));
    }
    let wants_process = found.capabilities().isolated_only;
    if wants_process && own.config.placement == PlacementConfig::Inline {
        return Err("it must have a process of its own, and the channel is inline".to_owned());
    }
    Ok(())
}

fn call(engine: &Engine, timeout: Duration) -> Call {
    Call::new(
        timeout,
        Arc::new(ChannelClock::new(Arc::clone(engine.wall()))),
    )
}

async fn health(engine: &Engine, channel: &LoadedChannel) -> Result<String, String> {
    let health = channel.health(&call(engine, HEALTH)).await;
    match health.state() {
        HealthState::Ok => Ok("up".to_owned()),
        HealthState::Degraded => Ok(format!("up, but: {}", health.detail)),
        HealthState::Down | HealthState::Unspecified => Err(format!("not up: {}", health.detail)),
    }
}

/// Whether it is up each time that it is asked; the last answer.
async fn well(engine: &Engine, channel: &LoadedChannel) -> Result<String, String> {
    for _ in 1..ASKED {
        health(engine, channel).await?;
    }
    health(engine, channel).await
}

/// Shows it a contact that is sent to nobody.
async fn dry_run(engine: &Engine, channel: &LoadedChannel) -> Result<String, String> {
    let Some(class) = class_of(channel) else {
        return Err("it names no class of contact".to_owned());
    };
    let request = trial::sample(class);
    match channel.validate(&call(engine, HEALTH), request).await {
        Ok(_) => Ok("a contact would be taken".to_owned()),
        Err(recoup_channel::ChannelError::Unsupported { .. }) => {
            Ok("none: the library has no `validate`".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}
