//! What is known of a library, wherever it lives, and how an instance of it is made.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use recoup_channel::abi::MAX_IN_FLIGHT_DEFAULT;
use recoup_channel::wire::{Capabilities, ChannelDescriptor};
use tokio::sync::oneshot;

use crate::context::Context;
use crate::inline::Inline;
use crate::instance::{Instance, on_big_stack};
use crate::isolated::{Found, Isolated, Lived, Order, Started, Task};
use crate::library::{self, Library, read_descriptor};
use crate::method::Methods;
use crate::stage::{Staged, stage};
use crate::{Isolation, LoadError, LoadSpec, Placement};

/// A library that was loaded once.
pub(crate) struct Product {
    pub(crate) sha256: [u8; 32],
    pub(crate) descriptor: ChannelDescriptor,
    pub(crate) methods: Methods,
    home: Home,
}

/// Where instances of it are made.
enum Home {
    /// Mapped in this process; the private copy has no name any more, and is still open.
    Here(Library, File),
    /// The private copy, mapped by each process anew.
    Elsewhere(Staged, Isolation),
}

impl Product {
    /// Stages, verifies and loads it, and makes the first instance.
    pub(crate) async fn load(
        spec: &LoadSpec,
        tickets: &Arc<AtomicU64>,
    ) -> Result<(Self, Arc<dyn Instance>), LoadError> {
        let staged = staged(spec).await?;
        let sha256 = staged.sha256;
        let (found, home, instance) = match &spec.placement {
            Placement::Inline => {
                let copy = File::open(&staged.path).map_err(|source| LoadError::Staging {
                    name: spec.name.clone(),
                    run_dir: spec.run_dir.clone(),
                    source,
                })?;
                let (library, found) = open_here(spec, &staged).await?;
                // A library that wants a process of its own does not get to run anything here.
                refuse_inline(spec, &found)?;
                let instance = start_here(spec, &library, tickets).await?;
                (found, Home::Here(library, copy), instance)
            }
            Placement::Isolated(isolation) => {
                let (found, instance) = start_elsewhere(spec, isolation, &staged, tickets).await?;
                (found, Home::Elsewhere(staged, isolation.clone()), instance)
            }
        };
        let descriptor = described(spec, &found)?;
        let _ = instance.context().metrics.set(descriptor.metrics.clone());
        let product = Self {
            sha256,
            descriptor,
            methods: found.methods,
            home,
        };
        Ok((product, instance))
    }

    /// Makes a further instance.
    pub(crate) async fn start(
        &self,
        spec: &LoadSpec,
        tickets: &Arc<AtomicU64>,
    ) -> Result<Arc<dyn Instance>, LoadError> {
        let instance = match &self.home {
            Home::Here(library, _) => start_here(spec, library, tickets).await?,
            Home::Elsewhere(staged, isolation) => {
                let made = start_elsewhere(spec, isolation, staged, tickets).await;
                made?.1
            }
        };
        let _ = instance
            .context()
            .metrics
            .set(self.descriptor.metrics.clone());
        Ok(instance)
    }

    /// The bytes that were loaded, whatever has become of the operator's file.
    pub(crate) fn bytes(&self) -> io::Result<Vec<u8>> {
        let copy = match &self.home {
            Home::Here(_, copy) => copy,
            Home::Elsewhere(staged, _) => return std::fs::read(&staged.path),
        };
        let size = usize::try_from(copy.metadata()?.len()).map_err(io::Error::other)?;
        let mut bytes = vec![0; size];
        copy.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// What it can do; nothing where it says nothing.
    pub(crate) fn capabilities(&self) -> Capabilities {
        self.descriptor.capabilities.unwrap_or_default()
    }

    /// How many calls an instance takes at once.
    pub(crate) fn max_in_flight(&self) -> usize {
        match self.capabilities().max_in_flight {
            0 => MAX_IN_FLIGHT_DEFAULT as usize,
            limit => limit as usize,
        }
    }
}

async fn staged(spec: &LoadSpec) -> Result<Staged, LoadError> {
    let (done, wait) = oneshot::channel();
    let own = spec.clone();
    on_big_stack(&spec.name, move || drop(done.send(stage(&own))))
        .map_err(|source| no_thread(spec, source))?;
    match tokio::time::timeout(spec.limits.create_timeout, wait).await {
        Ok(Ok(staged)) => staged,
        Ok(Err(_)) | Err(_) => Err(hung(spec, "be read")),
    }
}

async fn open_here(spec: &LoadSpec, staged: &Staged) -> Result<(Library, Found), LoadError> {
    let (done, wait) = oneshot::channel();
    let (own, copy) = (spec.clone(), staged.path.clone());
    on_big_stack(&spec.name, move || {
        let file = library::File {
            name: &own.name,
            path: &own.path,
            staged: &copy,
        };
        let _ = done.send(Library::open(&file));
    })
    .map_err(|source| no_thread(spec, source))?;
    let library = match tokio::time::timeout(spec.limits.create_timeout, wait).await {
        Ok(Ok(opened)) => opened?,
        Ok(Err(_)) | Err(_) => return Err(hung(spec, "load")),
    };
    let found = Found {
        descriptor: library.descriptor.to_vec(),
        methods: library.methods(),
        isolated_only: library.isolated_only(),
    };
    Ok((library, found))
}

fn refuse_inline(spec: &LoadSpec, found: &Found) -> Result<(), LoadError> {
    let descriptor = described(spec, found)?;
    if descriptor.capabilities.is_some_and(|can| can.isolated_only) {
        return Err(LoadError::IsolatedOnly {
            name: spec.name.clone(),
            path: spec.path.clone(),
        });
    }
    Ok(())
}

fn described(spec: &LoadSpec, found: &Found) -> Result<ChannelDescriptor, LoadError> {
    let read = read_descriptor(&found.descriptor, found.methods);
    let mut descriptor = read.map_err(|problem| LoadError::Descriptor {
        name: spec.name.clone(),
        path: spec.path.clone(),
        problem,
    })?;
    // The table's flag and the descriptor say the same thing; one of them is enough.
    if found.isolated_only {
        let can = descriptor.capabilities.get_or_insert_default();
        can.isolated_only = true;
    }
    Ok(descriptor)
}

async fn start_here(
    spec: &LoadSpec,
    library: &Library,
    tickets: &Arc<AtomicU64>,
) -> Result<Arc<dyn Instance>, LoadError> {
    let context = Context::new(spec, Arc::clone(tickets));
    let drain = spec.limits.drain_timeout;
    let (instance, made) = Inline::start(context, library, spec.config_json.clone(), drain)
        .map_err(|source| no_thread(spec, source))?;
    match tokio::time::timeout(spec.limits.create_timeout, made).await {
        Ok(Ok(Ok(()))) => Ok(Arc::new(instance)),
        Ok(Ok(Err(message))) => Err(refused(spec, message)),
        Ok(Err(_)) | Err(_) => Err(hung(spec, "create an instance")),
    }
}

async fn start_elsewhere(
    spec: &LoadSpec,
    isolation: &Isolation,
    staged: &Staged,
    tickets: &Arc<AtomicU64>,
) -> Result<(Found, Arc<dyn Instance>), LoadError> {
    let context = Context::new(spec, Arc::clone(tickets));
    let order = order(spec, isolation, staged, Task::Serve);
    let (instance, started) =
        Isolated::start(context, order).map_err(|source| no_thread(spec, source))?;
    match found(spec, started, "create an instance").await {
        Ok(found) => Ok((found, Arc::new(instance))),
        Err(why) => {
            instance.kill();
            Err(why)
        }
    }
}

/// What a library says of itself, asked in a process of its own. No instance is made: it sees neither settings
/// nor secrets.
pub(crate) async fn look(
    spec: &LoadSpec,
    isolation: &Isolation,
) -> Result<ChannelDescriptor, LoadError> {
    // What runs when a library is mapped could ask for a secret by itself.
    let spec = &LoadSpec {
        config_json: String::new(),
        secrets: std::collections::BTreeMap::new(),
        ..spec.clone()
    };
    let staged = staged(spec).await?;
    let order = order(spec, isolation, &staged, Task::Look);
    let context = Context::new(spec, Arc::default());
    let (instance, started) =
        Isolated::start(context, order).map_err(|source| no_thread(spec, source))?;
    let found = found(spec, started, "say what it is").await;
    if found.is_err() {
        instance.kill();
    }
    described(spec, &found?)
}

async fn found(
    spec: &LoadSpec,
    started: oneshot::Receiver<Started>,
    step: &'static str,
) -> Result<Found, LoadError> {
    match tokio::time::timeout(spec.limits.create_timeout, started).await {
        Ok(Ok(Started::Made(found))) => Ok(found),
        Ok(Ok(Started::CannotLoad(message))) => Err(LoadError::NotLoaded { message }),
        Ok(Ok(Started::Refused(message))) => Err(refused(spec, message)),
        Ok(Ok(Started::Died(how))) => Err(LoadError::Died {
            name: spec.name.clone(),
            path: spec.path.clone(),
            how,
        }),
        Ok(Ok(Started::Lived(_)) | Err(_)) | Err(_) => Err(hung(spec, step)),
    }
}

fn order(spec: &LoadSpec, isolation: &Isolation, staged: &Staged, task: Task) -> Order {
    Order {
        isolation: isolation.clone(),
        path: spec.path.clone(),
        staged: staged.path.clone(),
        config_json: spec.config_json.clone(),
        drain: spec.limits.drain_timeout,
        grace: spec.limits.grace,
        task,
    }
}

/// Begins and ends so many instances in one process of its own: what that left behind, or why it did not
/// come to its end.
pub(crate) async fn live_often(
    spec: &LoadSpec,
    isolation: &Isolation,
    lives: u32,
) -> Result<Lived, String> {
    let staged = staged(spec).await.map_err(|e| e.to_string())?;
    let context = Context::new(spec, Arc::default());
    let order = order(spec, isolation, &staged, Task::Live(lives));
    let (instance, started) = Isolated::start(context, order).map_err(|e| e.to_string())?;
    match tokio::time::timeout(spec.limits.create_timeout, started).await {
        Ok(Ok(Started::Lived(lived))) => Ok(lived),
        Ok(Ok(Started::CannotLoad(why) | Started::Refused(why) | Started::Died(why))) => Err(why),
        Ok(Ok(Started::Made(_)) | Err(_)) => {
            Err("its process did not do as it was told".to_owned())
        }
        Err(_) => {
            instance.kill();
            let seconds = spec.limits.create_timeout.as_secs();
            Err(format!("not at an end after {seconds} s"))
        }
    }
}

fn refused(spec: &LoadSpec, message: String) -> LoadError {
    LoadError::Refused {
        name: spec.name.clone(),
        path: spec.path.clone(),
        message,
    }
}

fn no_thread(spec: &LoadSpec, source: std::io::Error) -> LoadError {
    LoadError::NoThread {
        name: spec.name.clone(),
        source,
    }
}

fn hung(spec: &LoadSpec, step: &'static str) -> LoadError {
    LoadError::Hung {
        name: spec.name.clone(),
        path: spec.path.clone(),
        step,
        seconds: spec.limits.create_timeout.as_secs(),
    }
}
