//! The engine: a cheap handle on everything that runs.

use crate::activity::Activity;
use crate::blobs::Blobs;
use crate::channels::{ChannelClock, ChannelHandle, ChannelInfo, Channels, GenerationInfo, Routed};
use crate::clock::Wall;
use crate::doubts::Asked;
use crate::error::{CommandError, Done};
use crate::ids::IdSource;
use crate::keys::Keys;
use crate::library::{Library, PolicyDoesNotCompile};
use crate::lifts::Known;
use crate::other_packs::Looking;
use crate::planner::{HeldBack, Parked};
use crate::replicas::Others;
use crate::results::Results;
use crate::vault::Vault;
use jiff::SignedDuration;
use recoup_compliance::Packs;
use recoup_compliance::content::Marks;
use recoup_domain::ids::TenantId;
use recoup_store::{Histories, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// Policies that are explored at once.
const EXPLORING_MAX: usize = 2;

/// A lender as configured.
#[derive(Clone, Debug)]
pub struct TenantOptions {
    /// The lender's id.
    pub id: TenantId,
    /// The name in texts.
    pub display_name: String,
    /// Licences and approved signatures that texts carry.
    pub marks: Marks,
}

/// What the engine needs to know.
pub struct EngineOptions {
    /// The lenders.
    pub tenants: Vec<TenantOptions>,
    /// The master key: 256 random bits, kept outside the store.
    pub master_key: [u8; 32],
    /// Where providers call back, without a slash at the end, such as `https://cb.example.com`.
    pub callback_base_url: String,
    /// How long a channel may take for one operation.
    pub call_timeout: Duration,
    /// How long before the end of its effect window a contact may leave at the latest.
    pub guard: SignedDuration,
    /// Fixes the random bits of ids, so that a run repeats; none on a live clock.
    pub id_seed: Option<u64>,
    /// How many due cases are taken at once.
    pub batch: usize,
    /// Where attachments wait for the channel that takes them.
    pub blobs: Arc<Blobs>,
    /// The law, as far as it is switched on.
    pub packs: Packs,
    /// Channels of the configuration that could not be loaded so far, with why: for whoever names them in a policy. Steps
    /// that need them wait.
    pub refused_channels: BTreeMap<String, String>,
}

/// Why the engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored policy does not compile.
    #[error(transparent)]
    Policy(#[from] PolicyDoesNotCompile),
}

/// The engine. Cheap to clone; clones are the same engine.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) options: EngineOptions,
    pub(crate) tenants: BTreeMap<TenantId, TenantOptions>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) wall: Arc<dyn Wall>,
    pub(crate) channel_clock: Arc<ChannelClock>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) keys: Keys,
    pub(crate) ids: IdSource,
    pub(crate) channels: Channels,
    pub(crate) library: Library,
    pub(crate) activity: Activity,
    /// The times that the store was opened from a copy.
    pub(crate) histories: Histories,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) parked: Parked,
    pub(crate) held_back: HeldBack,
    pub(crate) known: Known,
    pub(crate) results: Results,
    pub(crate) asked: Asked,
    pub(crate) others: Others,
    pub(crate) looking: Looking,
    /// Places of explorations of policies, which take a processor for as long as they last.
    pub(crate) exploring: Arc<Semaphore>,
    /// Something may be due: look again.
    pub(crate) wake: Notify,
    /// Nothing is dispatched any more in this process: it is going down, or the clock's run has ended.
    pub(crate) halted: AtomicBool,
}

impl Engine {
    /// Starts on a store: reads policies and templates, and looks after what a crash left behind.
    /// Nothing is sent before [`run`](Self::run), or the stepped clock's coordinator, asks for it.
    ///
    /// # Errors
    /// Where the store fails or a stored policy does not compile.
    pub async fn start(
        options: EngineOptions,
        store: Arc<dyn Store>,
        channels: Vec<ChannelHandle>,
        wall: Arc<dyn Wall>,
    ) -> Result<Self, StartError> {
        let vault = Arc::new(Vault::new(options.master_key));
        let awaited = options.refused_channels.keys().cloned();
        let channels = Channels::new(channels, awaited);
        let library = Library::new(
            channels.names(),
            options.refused_channels.clone(),
            options.packs.clone(),
        );
        for template in store.templates(None).await? {
            library.take_template(template);
        }
        for policy in store.policies(None).await? {
            library.take_policy(policy)?;
        }
        for tenant in &options.tenants {
            let collectors = store.collectors(&tenant.id).await?;
            collectors
                .into_iter()
                .for_each(|c| drop(library.take_collector(c)));
        }
        let histories = store.histories().await?;
        let engine = Self(Arc::new(Inner {
            histories,
            tenants: options
                .tenants
                .iter()
                .map(|t| (t.id.clone(), t.clone()))
                .collect(),
            keys: Keys::new(vault.clone(), store.clone()),
            ids: IdSource::new(wall.clone(), options.id_seed),
            channel_clock: Arc::new(ChannelClock::new(wall.clone())),
            activity: Activity::default(),
            parked: Parked::default(),
            held_back: HeldBack::default(),
            known: Known::default(),
            results: Results::default(),
            asked: Asked::default(),
            others: Others::default(),
            looking: Looking::default(),
            exploring: Arc::new(Semaphore::new(EXPLORING_MAX)),
            wake: Notify::new(),
            halted: AtomicBool::new(false),
            blobs: options.blobs.clone(),
            options,
            store,
            wall,
            vault,
            channels,
            library,
        }));
        engine.recover().await?;
        engine.hold_what_was_due().await?;
        engine.follow_packs().await?;
        Ok(engine)
    }

    /// The store beneath.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// Keys and hashes.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    /// The policy clock.
    #[must_use]
    pub fn wall(&self) -> &Arc<dyn Wall> {
        &self.0.wall
    }

    /// What is under way, for the stepped clock.
    #[must_use]
    pub fn activity(&self) -> Activity {
        self.0.activity.clone()
    }

    /// The channels that are loaded.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelInfo> {
        self.0.channels.list()
    }

    /// The generations of a channel that are in this process, the live one first.
    #[must_use]
    pub fn generations(&self, channel: &str) -> Vec<GenerationInfo> {
        self.0.channels.generations(channel)
    }

    /// Says which generations of a channel take new contacts in this process: `live`, and `tried` with its share in
    /// percent. The others of `handles` keep what is theirs, and take none. A channel of
    /// [`refused_channels`](EngineOptions::refused_channels) is there from now on: policies know what kind of contact it
    /// makes, and cases that waited for it are looked at. False where nothing was changed: the channel is none of the
    /// configuration, `live` is not among the handles, or makes another kind of contact.
    #[must_use]
    pub fn route(
        &self,
        channel: &str,
        handles: Vec<ChannelHandle>,
        live: u32,
        tried: Option<(u32, u8)>,
    ) -> bool {
        let routed = self.0.channels.route(channel, handles, live, tried);
        if let Routed::Joined(class) = &routed {
            for error in self.0.library.learn(channel, *class) {
                tracing::error!(channel, %error, "a policy on record does not fit the channel that is loaded now; its cases wait for a person");
            }
            for tenant in self.0.tenants.keys() {
                self.look_again(tenant);
            }
        }
        // Who waited for room in one may have it in another.
        self.0.wake.notify_one();
        !matches!(routed, Routed::No)
    }

    /// Says why a channel that could not be loaded so far still cannot be, for whoever names it in a policy.
    pub fn still_refused(&self, channel: &str, why: &str) {
        self.0.library.refuse(channel, why);
    }

    /// The lenders.
    pub fn tenants(&self) -> impl Iterator<Item = &TenantOptions> {
        self.0.tenants.values()
    }

    /// The law, as far as it is switched on.
    #[must_use]
    pub fn packs(&self) -> &Packs {
        self.0.library.packs()
    }

    /// Word of each new event position.
    #[must_use]
    pub fn newest(&self) -> tokio::sync::watch::Receiver<u64> {
        self.0.store.newest()
    }

    /// Sends nothing new from now on; what is under way goes to its end.
    pub fn halt(&self) {
        self.0.halted.store(true, Ordering::SeqCst);
        self.0.wake.notify_waiters();
    }

    /// Whether nothing is sent any more: the process is going down, or the stepped clock has ended.
    #[must_use]
    pub fn is_halted(&self) -> bool {
        self.0.halted.load(Ordering::SeqCst)
    }

    pub(crate) fn tenant(&self, id: &TenantId) -> Done<&TenantOptions> {
        let missing = || CommandError::NotFound {
            what: "tenant",
            id: id.to_string(),
        };
        self.0.tenants.get(id).ok_or_else(missing)
    }
}
