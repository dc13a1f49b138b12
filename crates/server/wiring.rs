//! Puts the parts together: key, store, channels, engine, listeners. Nothing is decided here.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use jiff::{SignedDuration, Timestamp};
use recoup_channel::DynChannel;
use recoup_domain::ids::TenantId;
use recoup_engine::blobs::Blobs;
use recoup_engine::clock::{GuardedWall, SteppedWall, Wall};
use recoup_engine::stepped::Coordinator;
use recoup_engine::types::Caller;
use recoup_engine::{CommandError, Engine, EngineOptions, StartError, TenantOptions};
use recoup_store::postgres::{Options as PostgresOptions, PostgresStore};
use recoup_store::sqlite::{Options as SqliteOptions, SqliteStore};
use recoup_store::{ClockStamp, JournalFilter, Scope, Store, StoreError, Switch};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::callbacks;
use crate::config::{Config, ConfigError, Secret, StorePlace};
use crate::generations::Generations;
use crate::identity::{self, Principals};
use crate::key;
use crate::metrics;
use crate::packs;
use crate::server;
use crate::services::{Comparing, Edge, Inner};
use crate::tls::{Certificates, TlsError};

/// Which clock rules.
#[derive(Clone, Debug)]
pub enum ClockChoice {
    /// The machine's.
    Live,
    /// One that a coordinator moves to what is due next.
    Stepped {
        /// Where it starts.
        start: Timestamp,
        /// Where parties join.
        listen: SocketAddr,
        /// The parties without which it does not move.
        parties: Vec<String>,
    },
}

/// Why a server does not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The certificates of the API.
    #[error("certificates of the API: {0}")]
    Tls(#[from] TlsError),
    /// The master key.
    #[error("master key {path}: {problem}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A port.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A file or folder.
    #[error("cannot write {path}")]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The store does not open.
    #[error("cannot open the store")]
    Store(#[from] StoreError),
    /// The engine does not start.
    #[error("cannot start the engine")]
    Engine(#[from] StartError),
    /// The contract's descriptors are broken: a fault of the build.
    #[error("the contract's descriptors are broken")]
    Descriptors(#[from] prost_reflect::DescriptorError),
    /// Reflection cannot be built: a fault of the build.
    #[error("reflection cannot be built")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// A listener died.
    #[error("the API's listener died")]
    Api(#[from] tonic::transport::Error),
    /// The store failed.
    #[error(
        "the store failed and nothing more can be written; what was answered is kept. The log says what the disk \
         said: make room or mend it, and start again"
    )]
    Lost,
    /// Dispatch could not be stopped, or a channel's generation put on record, before the start.
    #[error("cannot write what comes before the start")]
    Before(#[from] CommandError),
    /// The run of the stepped clock ended.
    #[error("the stepped clock ended the run: {0}")]
    Clock(String),
}

/// How long a stop waits for connections to close once nothing is under way on them.
const FAREWELL: Duration = Duration::from_secs(2);

/// Where a server listens, for whoever started it.
#[derive(Clone, Debug, Serialize)]
pub struct Ready {
    /// The API.
    pub api: SocketAddr,
    /// Where providers call back.
    pub callbacks: SocketAddr,
    /// Where a monitor scrapes, where it may.
    pub metrics: Option<SocketAddr>,
    /// Where parties join the stepped clock.
    pub clock: Option<SocketAddr>,
    /// The process.
    pub pid: u32,
    /// The fixed call-back addresses of provider accounts: lender, channel, URL.
    pub accounts: Vec<Account>,
}

/// A fixed call-back address.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// The lender.
    pub tenant: String,
    /// The channel.
    pub channel: String,
    /// The address.
    pub url: String,
}

/// A server that is put together and holds its ports, but does not serve yet.
pub struct Server {
    config: Config,
    engine: Engine,
    edge: Edge,
    principals: Principals,
    certificates: Option<Arc<Certificates>>,
    api: TcpListener,
    callbacks: TcpListener,
    metrics: Option<TcpListener>,
    clock: Option<(TcpListener, Coordinator)>,
    ready: Ready,
    stopping: CancellationToken,
}

/// Puts something around a part; what it gives stands in the part's place.
pub type Wrap<T> = Arc<dyn Fn(Arc<T>) -> Arc<T> + Send + Sync>;

/// What stands between the engine and its store and channels: nothing, but in the test build that has
/// faults planted (`examples/planted`).
pub struct Seams {
    /// Wraps the store.
    pub store: Wrap<dyn Store>,
    /// Wraps each channel.
    pub channel: Wrap<dyn DynChannel>,
}

impl Default for Seams {
    fn default() -> Self {
        Self {
            store: Arc::new(|store| store),
            channel: Arc::new(|channel| channel),
        }
    }
}

impl Server {
    /// Opens the store, loads the channels, starts the engine and takes the ports.
    ///
    /// # Errors
    /// See [`ServeError`]. A channel that does not load is no error: it is listed as refused.
    pub async fn start(
        config: Config,
        clock: ClockChoice,
        seams: &Seams,
    ) -> Result<Self, ServeError> {
        config.check()?;
        let principals = Principals::of(&config)?;
        let certificates = match &config.tls {
            Some(tls) => Some(Arc::new(Certificates::load(tls)?)),
            None => {
                identity::must_be_loopback("listen", config.listen)?;
                None
            }
        };
        identity::must_be_loopback("callback_listen", config.callback_listen)?;
        let dir = config.home()?;
        make_private(&dir)?;
        let master_key = key::master_key(&config, &dir)?;
        let store = (seams.store)(open_store(&config, stamp_of(&clock)).await?);
        let (wall, stepped) = wall_of(&clock, newest_on_record(&*store).await?);
        let api = bind(config.listen).await?;
        let callbacks = bind(config.callback_listen).await?;
        let metrics = metrics_listener(&config).await?;
        let ready_clock = clock_listener(&clock).await?;
        let callbacks_at = local(&callbacks, config.callback_listen)?;
        let base_url = config
            .callback_base_url
            .clone()
            .unwrap_or_else(|| format!("http://{callbacks_at}"));
        let blobs = Arc::new(Blobs::default());
        let wrap = Arc::clone(&seams.channel);
        let channels = Generations::start(&config, (&dir, &*store), (&wall, &blobs), wrap).await?;
        let options = EngineOptions {
            tenants: tenants(&config)?,
            master_key,
            callback_base_url: base_url.clone(),
            call_timeout: config.call_timeout(),
            guard: SignedDuration::from_secs(i64::from(config.engine.guard_s)),
            id_seed: config.engine.id_seed,
            batch: config.engine.batch,
            blobs,
            packs: packs::of(&config)?,
            refused_channels: channels.refused(),
        };
        let today = jiff::tz::TimeZone::UTC.to_datetime(wall.now()).date();
        packs::tell_of_calendars(&options.packs, today);
        let engine = Engine::start(options, store, channels.handles(), Arc::clone(&wall)).await?;
        channels.settle(&engine).await?;
        let stopping = CancellationToken::new();
        let ready = Ready {
            api: local(&api, config.listen)?,
            callbacks: callbacks_at,
            metrics: metrics.as_ref().and_then(|m| m.local_addr().ok()),
            clock: match &ready_clock {
                Some((listener, _)) => listener.local_addr().ok(),
                None => None,
            },
            pid: std::process::id(),
            accounts: accounts(&engine, &base_url),
        };
        let edge = Edge::new(Inner {
            engine: engine.clone(),
            limits: config.limits.clone(),
            channels: Arc::new(channels),
            stopping: stopping.clone(),
            stepped: stepped.is_some(),
            started: wall.now(),
            copies: (
                config
                    .backup_dir
                    .clone()
                    .unwrap_or_else(|| dir.join("copies")),
                config
                    .backup_keys_dir
                    .clone()
                    .unwrap_or_else(|| dir.join("copied-keys")),
            ),
            store_dir: dir,
            meters: Arc::default(),
            comparing: Comparing::of(&engine),
        });
        let clock = ready_clock.zip(stepped).map(|((listener, parties), wall)| {
            let coordinator =
                Coordinator::new(wall, engine.activity(), Arc::new(engine.clone()), parties);
            (listener, coordinator)
        });
        Ok(Self {
            config,
            engine,
            edge,
            principals,
            certificates,
            api,
            callbacks,
            metrics,
            clock,
            ready,
            stopping,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The edge, for whoever asks in the same process.
    #[must_use]
    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    /// Stops dispatch for everything before anything is sent, as `recoup dispatch pause --all` does: for a store
    /// that was restored, or that nobody trusts yet. A stop that is in force stays as it is.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn pause(&self, reason: &str) -> Result<(), ServeError> {
        let switches = self.engine.store().switches().await?;
        if switches.iter().any(|s| s.paused && s.scope == Scope::All) {
            return Ok(());
        }
        let Some(tenant) = self.config.tenant.first() else {
            return Ok(());
        };
        let id = TenantId::new(tenant.id.clone()).map_err(|e| ConfigError::Value {
            key: "tenant.id".to_owned(),
            problem: e.to_string(),
        })?;
        let who = Caller {
            tenant: id,
            principal: "serve".to_owned(),
            request: None,
        };
        let answer = |_: &Vec<Switch>| Vec::new();
        let reason = reason.to_owned();
        self.engine
            .pause_dispatch(&who, Scope::All, reason, &answer)
            .await?;
        tracing::warn!(
            "dispatch is stopped for everything: recoup dispatch resume --all lets it go"
        );
        Ok(())
    }

    /// Serves until `shutdown`, then lets what is under way go to its end.
    ///
    /// # Errors
    /// Where a listener dies or the stepped clock's run ends.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Self {
            config,
            engine,
            edge,
            principals,
            certificates,
            api,
            callbacks,
            metrics,
            clock,
            stopping,
            ..
        } = self;
        let drain = Duration::from_secs(config.limits.drain_s);
        let fresh = tokio::spawn({
            let (certificates, meters) = (certificates.clone(), Arc::clone(&edge.meters));
            async move {
                if let Some(certificates) = certificates {
                    certificates.keep_fresh(&meters).await;
                }
            }
        });
        let keeping = edge.channels.clone();
        let (with, until) = (engine.clone(), stopping.clone());
        tokio::spawn(async move { keeping.keep(with, until).await });
        let served = server::serve(config, edge.clone(), principals, certificates, api);
        let mut api = tokio::spawn(served);
        if let Some(metrics) = metrics {
            tokio::spawn(tell(metrics, edge.clone(), stopping.clone()));
        }
        let cb_stop = stopping.clone();
        let callbacks = tokio::spawn(async move {
            let meters = Arc::clone(&edge.meters);
            let service = callbacks::router(edge.engine.clone(), meters).into_make_service();
            // A provider that keeps its connection must not wait for delayed acknowledgements.
            let callbacks = callbacks.tap_io(|stream| {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a call-back's connection keeps Nagle's delay");
                }
            });
            let served = axum::serve(callbacks, service)
                .with_graceful_shutdown(async move { cb_stop.cancelled().await });
            if let Err(error) = served.await {
                tracing::error!(%error, "the call-back listener died");
            }
        });
        let mut moving = tokio::spawn(moving(engine.clone(), clock, stopping.clone()));
        let ended = tokio::select! {
            () = shutdown => Ok(()),
            done = &mut api => joined(done),
            () = lost(&engine) => Err(ServeError::Lost),
            why = &mut moving => Err(ServeError::Clock(why.unwrap_or_else(|e| e.to_string()))),
        };
        engine.halt();
        stopping.cancel();
        fresh.abort();
        let rest = async {
            let _ = callbacks.await;
            engine.activity().until_quiet().await;
            // Every stream has been told. A peer that answers nothing would hold its connection, and with it
            // the whole stop, until the keep-alive finds it dead.
            if !api.is_finished() {
                let _ = tokio::time::timeout(FAREWELL, &mut api).await;
            }
        };
        if tokio::time::timeout(drain, rest).await.is_err() {
            tracing::warn!(
                "stopped with calls under way: their contacts are looked after at start"
            );
        }
        ended
    }
}

fn joined(done: Result<Result<(), ServeError>, tokio::task::JoinError>) -> Result<(), ServeError> {
    done.unwrap_or_else(|e| Err(ServeError::Clock(format!("the API's task died: {e}"))))
}

/// Waits until the store gives no more word: it failed, and a server that goes on would look well and do nothing.
async fn lost(engine: &Engine) {
    let mut newest = engine.newest();
    while newest.changed().await.is_ok() {}
}

/// Lets time pass: on a live clock the engine's own loop, on a stepped one the coordinator.
async fn moving(
    engine: Engine,
    clock: Option<(TcpListener, Coordinator)>,
    stopping: CancellationToken,
) -> String {
    match clock {
        None => {
            engine.run(stopping.cancelled()).await;
            // The loop ends with the server alone; wait for it.
            stopping.cancelled().await;
            std::future::pending().await
        }
        Some((listener, coordinator)) => tokio::select! {
            why = coordinator.run(listener) => why,
            () = stopping.cancelled() => std::future::pending().await,
        },
    }
}

const fn stamp_of(clock: &ClockChoice) -> ClockStamp {
    match clock {
        ClockChoice::Live => ClockStamp::Live,
        ClockChoice::Stepped { .. } => ClockStamp::Stepped,
    }
}

/// What is on record has happened: no clock goes back behind `mark`.
pub(crate) fn wall_of(
    clock: &ClockChoice,
    mark: Option<Timestamp>,
) -> (Arc<dyn Wall>, Option<SteppedWall>) {
    match clock {
        ClockChoice::Live => (Arc::new(GuardedWall::live(mark)), None),
        ClockChoice::Stepped { start, .. } => {
            let wall = SteppedWall::new(mark.map_or(*start, |mark| mark.max(*start)));
            (Arc::new(wall.clone()), Some(wall))
        }
    }
}

/// The newest instant that the store has on record.
pub(crate) async fn newest_on_record(store: &dyn Store) -> Result<Option<Timestamp>, StoreError> {
    let newest = *store.newest().borrow();
    let before = newest.saturating_sub(1);
    let last = store.journal(&JournalFilter::default(), before, 1).await?;
    Ok(last.first().map(|last| last.entry.at))
}

async fn clock_listener(
    clock: &ClockChoice,
) -> Result<Option<(TcpListener, Vec<String>)>, ServeError> {
    let ClockChoice::Stepped {
        listen, parties, ..
    } = clock
    else {
        return Ok(None);
    };
    identity::must_be_loopback("--clock-listen", *listen)?;
    Ok(Some((bind(*listen).await?, parties.clone())))
}

async fn metrics_listener(config: &Config) -> Result<Option<TcpListener>, ServeError> {
    match &config.metrics {
        Some(metrics) => Ok(Some(bind(metrics.listen).await?)),
        None => Ok(None),
    }
}

/// Tells a monitor until the server stops.
async fn tell(listener: TcpListener, edge: Edge, stopping: CancellationToken) {
    let served = axum::serve(listener, metrics::listener::router(edge))
        .with_graceful_shutdown(async move { stopping.cancelled().await });
    if let Err(error) = served.await {
        tracing::error!(%error, "the metrics' listener died");
    }
}

async fn open_store(config: &Config, clock: ClockStamp) -> Result<Arc<dyn Store>, ServeError> {
    let options = match config.store_place()? {
        StorePlace::Folder(dir) => SqliteOptions {
            least_free_bytes: u64::from(config.least_free_mib) << 20,
            ..SqliteOptions::new(dir, clock)
        },
        StorePlace::Postgres(url) => {
            let mut options = PostgresOptions::new(url, clock);
            options.password = store_password(config)?;
            return Ok(Arc::new(PostgresStore::open(options).await?));
        }
    };
    let opening = tokio::task::spawn_blocking(move || SqliteStore::open(options));
    let store = opening.await.map_err(|_| StoreError::Closed)??;
    Ok(Arc::new(store))
}

/// The password of the store's user, where a file has one.
fn store_password(config: &Config) -> Result<Option<String>, ConfigError> {
    let Some(path) = &config.store_password_file else {
        return Ok(None);
    };
    let secret = Secret::File(path.clone());
    let read = secret.read(Path::new(""));
    read.map(Some).map_err(|problem| ConfigError::Value {
        key: "store_password_file".to_owned(),
        problem,
    })
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Bind { address, source })
}

fn local(listener: &TcpListener, address: SocketAddr) -> Result<SocketAddr, ServeError> {
    listener
        .local_addr()
        .map_err(|source| ServeError::Bind { address, source })
}

fn tenants(config: &Config) -> Result<Vec<TenantOptions>, ConfigError> {
    let tenant = |t: &crate::config::TenantConfig| {
        let id = TenantId::new(t.id.clone()).map_err(|e| ConfigError::Value {
            key: "tenant.id".to_owned(),
            problem: e.to_string(),
        })?;
        Ok(TenantOptions {
            id,
            display_name: t.display_name.clone(),
            marks: t.marks(),
        })
    };
    config.tenant.iter().map(tenant).collect()
}

fn accounts(engine: &Engine, base_url: &str) -> Vec<Account> {
    let account = |(tenant, channel, path): (TenantId, String, String)| Account {
        tenant: tenant.to_string(),
        channel,
        url: format!("{base_url}/cb/v1/a/{path}"),
    };
    engine.accounts().map(account).collect()
}

fn make_private(dir: &Path) -> Result<(), ServeError> {
    let failed = |source| ServeError::Write {
        path: dir.to_owned(),
        source,
    };
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(failed)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(failed)
}

/// An error with all that lies beneath it.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(e) = source {
        text.push_str(": ");
        text.push_str(&e.to_string());
        source = e.source();
    }
    text
}
