//! The channels of this server: which generations of each run here, and what operators do with them.
//!
//! What is to run follows from the rollout in the store (see [`recoup_domain::rollout`]), which all servers of a store
//! share; until somebody changes the generations of a channel there is none, and the configuration's library runs.

mod change;
mod keep;
mod load;
mod source;
mod start;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use recoup_channel::DynChannel;
use recoup_channel_host::LoadedChannel;
use recoup_channel_host::trust::Trust;
use recoup_domain::rollout::{Rollout, Vouched};
use recoup_engine::Sends;
use recoup_engine::channels::ChannelHandle;
use recoup_engine::clock::Wall;
use tokio::sync::Notify;

pub(crate) use change::{Shares, Staging, Unfit};
pub(crate) use load::{class_of, isolation_of, spec_of};
pub(crate) use source::{beside, read};
pub(crate) use start::settings_of;

use crate::config::ChannelConfig;
use crate::wiring::Wrap;
use load::{Loaded, Surroundings, handle};

/// The channels of a server.
pub struct Generations {
    all: Vec<Own>,
    around: Surroundings,
    wrap: Wrap<dyn DynChannel>,
    /// Folders whose files may be staged.
    folders: Vec<PathBuf>,
    /// A rollout was changed here: look at once.
    changed: Notify,
}

/// A channel of the configuration.
pub struct Own {
    /// What the configuration says of it.
    pub config: ChannelConfig,
    held: Mutex<Held>,
    /// Held while generations are loaded or put away, so that it is done by one.
    working: tokio::sync::Mutex<()>,
}

/// What is known of a channel's generations.
#[derive(Default)]
pub struct Held {
    /// Those that run here, by number.
    pub here: BTreeMap<u32, Here>,
    /// Those that should and could not be started here, and why.
    pub refused: BTreeMap<u32, String>,
    /// The generation that the server started with, live while no rollout is known.
    start: u32,
    /// A hash of what the configuration says, as it was read last; none where its library cannot be read.
    configured: Option<String>,
    /// The signature of the configuration's library, as it was read last.
    signature: Option<String>,
    /// The rollout as the server found it, where the configuration says otherwise since.
    unsettled: Option<Rollout>,
    /// The rollout as it was read last; none where nobody changed the channel's generations.
    pub rollout: Option<Rollout>,
    /// Inline generations that were put away; their libraries stay mapped.
    pub mapped: u32,
    /// When those were tried last.
    tried: BTreeMap<u32, Instant>,
    judging: Option<Judging>,
}

/// A generation that runs here.
#[derive(Clone)]
pub struct Here {
    /// The library.
    pub channel: Arc<LoadedChannel>,
    /// When it was loaded, by the server's clock.
    pub at: Timestamp,
    /// Who vouches for it.
    pub vouched: Vouched,
    handle: ChannelHandle,
}

/// What a swap's two generations had done when its share came in force.
struct Judging {
    /// The rollout's version that it is of.
    version: u64,
    tried: Seen,
    live: Seen,
    /// What its next step waits for.
    awaited: String,
}

struct Seen {
    sends: Sends,
    failures: u64,
}

impl Generations {
    /// No channels, for a server that has none.
    pub fn none(wall: Arc<dyn Wall>) -> Self {
        Self {
            all: Vec::new(),
            around: Surroundings {
                run_dir: PathBuf::new(),
                wall,
                blobs: Arc::default(),
                trust: Trust::default(),
            },
            wrap: Arc::new(|channel| channel),
            folders: Vec::new(),
            changed: Notify::new(),
        }
    }

    /// The channels, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Own> {
        self.all.iter()
    }

    fn own(&self, name: &str) -> Option<&Own> {
        self.all.iter().find(|own| own.config.name == name)
    }

    /// What the engine starts with: the live generation of each channel that has one here.
    pub(crate) fn handles(&self) -> Vec<ChannelHandle> {
        let live = |own: &Own| {
            let held = own.held();
            let live = held.live();
            held.here.get(&live).map(|here| here.handle.clone())
        };
        self.all.iter().filter_map(live).collect()
    }

    /// Channels that have no generation here, and why.
    pub(crate) fn refused(&self) -> BTreeMap<String, String> {
        let why = |own: &Own| {
            let held = own.held();
            let why = held.refused.get(&held.live())?.clone();
            held.here.is_empty().then(|| (own.config.name.clone(), why))
        };
        self.all.iter().filter_map(why).collect()
    }
}

impl Own {
    /// What is known of its generations.
    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The live generation, where it runs here.
    pub fn live(&self) -> Option<Here> {
        let held = self.held();
        held.here.get(&held.live()).cloned()
    }

    fn is_missing(&self) -> bool {
        self.held().here.is_empty()
    }

    fn any_here(&self) -> Option<Here> {
        self.held().here.values().next_back().cloned()
    }

    fn here(&self, number: u32) -> Option<Here> {
        self.held().here.get(&number).cloned()
    }
}

impl Here {
    /// A generation that was loaded, as the engine calls it.
    fn of(
        config: &ChannelConfig,
        loaded: Loaded,
        number: u32,
        (around, wrap): (&Surroundings, &Wrap<dyn DynChannel>),
    ) -> Result<Self, String> {
        let channel = Arc::new(loaded.channel);
        let handle = handle(config, &channel, number, wrap);
        Ok(Self {
            handle: handle.ok_or("it names no class of contact")?,
            channel,
            at: around.wall.now(),
            vouched: loaded.vouched,
        })
    }
}

impl Held {
    /// The number of the live generation.
    pub fn live(&self) -> u32 {
        self.rollout.as_ref().map_or(self.start, Rollout::live)
    }

    /// What the share of a swap waits for before the next, as this server sees it; none where nothing was looked at yet.
    pub fn awaited(&self) -> Option<String> {
        let (rollout, judging) = (self.rollout.as_ref()?, self.judging.as_ref()?);
        let is_of_it = rollout.version == judging.version && !judging.awaited.is_empty();
        is_of_it.then(|| format!("the next share waits: {}", judging.awaited))
    }
}
