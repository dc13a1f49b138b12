//! recoup as it is served: store, engine and API in this process, called over loopback TCP.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use recoup::config::Config;
use recoup::identity::Principals;
use recoup::services::{Comparing, Edge, Inner};
use recoup::tls::Certificates;
use recoup_channel::wire::{Capabilities, ChannelDescriptor, Receipt, SendRequest};
use recoup_channel::{Call, Channel, ChannelError};
use recoup_compliance::content::{Marks, Signature};
use recoup_domain::ContactClass;
use recoup_domain::ids::TenantId;
use recoup_engine::channels::{ChannelHandle, Standing};
use recoup_engine::clock::{LiveWall, Wall};
use recoup_engine::types::{Answered, Caller, TemplateInput};
use recoup_engine::{Engine, EngineOptions, TenantOptions};
use recoup_store::Store;
use recoup_store::sqlite::{ClockStamp, Options, SqliteStore};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::client::{CALLS_A_CONNECTION, Client};
use crate::people::People;

/// Bytes of what the channel says of a contact: the handler's own write.
const OUTCOME_BYTES: usize = 200;
/// Contacts a channel may have under way: the most that the engine allows.
const IN_FLIGHT: u32 = 256;

/// A lender beside the one that is measured.
const NEIGHBOUR: &str = "loud";

/// A channel that takes every contact at once, and says so much of it.
struct Instant {
    state: Vec<u8>,
}

impl Channel for Instant {
    async fn send(&self, _: &Call, _: SendRequest) -> Result<Receipt, ChannelError> {
        Ok(Receipt {
            provider_ref: "r".to_owned(),
            state: self.state.clone(),
            ..Receipt::default()
        })
    }
}

fn channels() -> Vec<ChannelHandle> {
    let handle = |class: ContactClass| ChannelHandle {
        name: class.name().to_owned(),
        class,
        descriptor: ChannelDescriptor {
            capabilities: Some(Capabilities {
                max_in_flight: IN_FLIGHT,
                ..Capabilities::default()
            }),
            ..ChannelDescriptor::default()
        },
        digest: "00".to_owned(),
        generation: 1,
        channel: Arc::new(Instant {
            state: vec![b'x'; OUTCOME_BYTES],
        }),
        desk: None,
        standing: Standing::always_sound(),
    };
    ContactClass::ALL.into_iter().map(handle).collect()
}

/// The lender of the development mode.
pub(crate) fn tenant() -> Result<TenantId, Failure> {
    TenantId::new("demo").map_err(Failure::other)
}

/// That one, and its neighbour.
fn lenders() -> Result<[TenantId; 2], Failure> {
    Ok([tenant()?, TenantId::new(NEIGHBOUR).map_err(Failure::other)?])
}

/// Somebody who calls the engine.
pub(crate) fn caller(principal: &str) -> Result<Caller, Failure> {
    caller_at(tenant()?, principal)
}

fn caller_at(tenant: TenantId, principal: &str) -> Result<Caller, Failure> {
    Ok(Caller {
        tenant,
        principal: principal.to_owned(),
        request: None,
    })
}

/// The store, by what is asked of it.
pub(crate) struct StoreIs<'a> {
    /// Its folder.
    pub(crate) dir: &'a Path,
    /// Its clock.
    pub(crate) clock: ClockStamp,
    /// Changes after which a batch is full; none takes the store's own.
    pub(crate) batch_max: Option<usize>,
}

/// An engine with a policy that is active.
pub(crate) async fn engine(
    store: StoreIs<'_>,
    wall: Arc<dyn Wall>,
    policy: &str,
) -> Result<Engine, Failure> {
    let mut options = Options::new(store.dir, store.clock);
    options.batch_max = store.batch_max.unwrap_or(options.batch_max);
    // A check reads every page of a large file; nothing here is measured on a damaged one.
    options.check_max_bytes = 0;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(options)?);
    let options = EngineOptions {
        tenants: lenders()?
            .into_iter()
            .map(|id| TenantOptions {
                display_name: id.to_string(),
                marks: Marks {
                    licences: Vec::new(),
                    signatures: vec![Signature {
                        signature: id.to_string(),
                        templates: vec!["bench".to_owned()],
                    }],
                },
                id,
            })
            .collect(),
        master_key: [7; 32],
        callback_base_url: "http://127.0.0.1:1".to_owned(),
        call_timeout: Duration::from_secs(10),
        guard: SignedDuration::from_secs(60),
        id_seed: None,
        batch: 256,
        blobs: Arc::default(),
        packs: recoup_compliance::Packs::builtin().clone(),
        refused_channels: Default::default(),
    };
    let engine = Engine::start(options, store, channels(), wall)
        .await
        .map_err(Failure::other)?;
    for lender in lenders()? {
        activate(&engine, &lender, policy).await?;
    }
    Ok(engine)
}

async fn activate(engine: &Engine, lender: &TenantId, policy: &str) -> Result<(), Failure> {
    let template = TemplateInput {
        name: "reminder".to_owned(),
        class: ContactClass::Sms,
        locale: "zh-CN".to_owned(),
        subject: String::new(),
        body: "【{{ lender_name }}】{{ borrower_name }}, please pay what is due.".to_owned(),
        variables: vec!["lender_name".to_owned(), "borrower_name".to_owned()],
        reader: recoup_domain::contact::Reader::Obligor,
        regions: Vec::new(),
        lender_kinds: Vec::new(),
        approval: Some((lender.to_string(), "bench".to_owned())),
    };
    let ana = caller_at(lender.clone(), "ana")?;
    let ben = caller_at(lender.clone(), "ben")?;
    engine
        .register_template(&ana, template, &|_| Vec::new())
        .await
        .map_err(Failure::other)?;
    let made = engine.create_policy(&ana, policy.to_owned(), &|_| Vec::new());
    let Answered::Now(made) = made.await.map_err(Failure::other)? else {
        return Err(Failure::Wrong("the policy was made before".to_owned()));
    };
    engine
        .activate_policy(
            &ben,
            &made.policy.stored.name,
            made.policy.stored.version,
            String::new(),
            &|_| Vec::new(),
        )
        .await
        .map_err(Failure::other)?;
    Ok(())
}

/// How a client comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// With identity: over mutual TLS, with a key on each call.
    Identified,
    /// In the development mode: plain text and a token.
    Development,
}

/// Who calls, with identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Of the lender that is measured.
    Ana,
    /// Of its neighbour.
    Lou,
}

/// A server that runs, with both doors open on one engine.
pub(crate) struct Running {
    /// Its engine.
    pub(crate) engine: Engine,
    doors: [SocketAddr; 2],
    people: People,
    stop: CancellationToken,
    serving: Vec<JoinHandle<()>>,
    planning: Option<(JoinHandle<()>, oneshot::Sender<()>)>,
}

impl Running {
    /// The whole stack on a live clock: API behind its gatekeeper and limits, engine with its loop,
    /// store.
    pub(crate) async fn start(
        dir: &Path,
        batch_max: Option<usize>,
        policy: &str,
    ) -> Result<Self, Failure> {
        let store = StoreIs {
            dir,
            clock: ClockStamp::Live,
            batch_max,
        };
        let engine = engine(store, Arc::new(LiveWall), policy).await?;
        let mut running = Self::serve(dir, engine).await?;
        let (halt, halted) = oneshot::channel::<()>();
        let planner = running.engine.clone();
        let planning = tokio::spawn(async move {
            planner
                .run(async {
                    let _ = halted.await;
                })
                .await;
        });
        running.planning = Some((planning, halt));
        Ok(running)
    }

    /// The API in front of an engine that somebody else drives.
    pub(crate) async fn serve(dir: &Path, engine: Engine) -> Result<Self, Failure> {
        let people = People::new(dir, &[("ana", "demo"), ("lou", NEIGHBOUR)]);
        let mut running = Self {
            engine,
            doors: [([127, 0, 0, 1], 0).into(); 2],
            people: people.map_err(Failure::other)?,
            stop: CancellationToken::new(),
            serving: Vec::new(),
            planning: None,
        };
        let [top, tables] = running.people.configuration();
        let lenders = [("demo", "Demo"), (NEIGHBOUR, "Neighbour")]
            .map(|(id, name)| format!("[[tenant]]\nid = \"{id}\"\ndisplay_name = \"{name}\"\n"))
            .concat();
        let identified = Config::parse(&format!("{top}{tables}{lenders}"), &dir.join("bench.toml"));
        let identified = identified.map_err(Failure::other)?;
        running.doors = [
            running.open(dir, identified).await?,
            running.open(dir, Config::default()).await?,
        ];
        Ok(running)
    }

    /// Opens a door as a configuration has it.
    async fn open(&mut self, dir: &Path, config: Config) -> Result<SocketAddr, Failure> {
        let principals = Principals::of(&config).map_err(Failure::other)?;
        let certificates = config.tls.as_ref().map(Certificates::load).transpose();
        let certificates = certificates.map_err(Failure::other)?.map(Arc::new);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let at = listener.local_addr()?;
        let edge = Edge::new(Inner {
            engine: self.engine.clone(),
            limits: config.limits.clone(),
            channels: Arc::new(recoup::generations::Generations::none(Arc::clone(
                self.engine.wall(),
            ))),
            stopping: self.stop.clone(),
            stepped: false,
            started: self.engine.wall().now(),
            store_dir: dir.to_owned(),
            copies: (dir.join("copies"), dir.join("copies-of-keys")),
            meters: Arc::default(),
            comparing: Comparing::of(&self.engine),
        });
        let served = recoup::server::serve(config, edge, principals, certificates, listener);
        self.serving.push(tokio::spawn(async move {
            if let Err(error) = served.await {
                eprintln!("the server died: {error}");
            }
        }));
        Ok(at)
    }

    /// A connection through a door.
    pub(crate) async fn client(&self, door: Door, who: Who) -> Result<Client, Failure> {
        if door == Door::Development {
            return Client::plain(self.doors[1]).await;
        }
        let person = self.people.who(match who {
            Who::Ana => 0,
            Who::Lou => 1,
        });
        let at = self.doors[0].to_string();
        let channel = self.people.connect(&at, Some(person)).await;
        Client::over(channel.map_err(Failure::other)?, &person.key)
    }

    /// Connections for so many calls at once.
    pub(crate) async fn clients(
        &self,
        door: Door,
        in_flight: usize,
    ) -> Result<Vec<Client>, Failure> {
        let mut all = Vec::new();
        for _ in 0..in_flight.div_ceil(CALLS_A_CONNECTION) {
            all.push(self.client(door, Who::Ana).await?);
        }
        Ok(all)
    }

    /// Stops it, and waits until its files are free.
    pub(crate) async fn end(self) {
        self.engine.halt();
        self.stop.cancel();
        if let Some((planning, halt)) = self.planning {
            let _ = halt.send(());
            let _ = planning.await;
        }
        for serving in self.serving {
            let _ = serving.await;
        }
        self.engine.activity().until_quiet().await;
    }
}
