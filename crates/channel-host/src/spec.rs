//! What the core says about a channel that it wants loaded.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use recoup_channel::Clock;
use recoup_channel::wire::Inbound;

/// One channel to load.
#[derive(Clone)]
pub struct LoadSpec {
    /// The library, as the operator placed it.
    pub path: PathBuf,
    /// Its bytes, where they are not to be read there.
    pub bytes: Option<Arc<[u8]>>,
    /// The channel's name in the core's configuration; in errors, logs and thread names.
    pub name: String,
    /// The configuration that the library's `create` gets.
    pub config_json: String,
    /// The secrets that this channel may ask for, by name. Any other name is refused.
    pub secrets: BTreeMap<String, String>,
    /// Private folder for staged copies; made with mode 0700 where it is missing.
    pub run_dir: PathBuf,
    /// Where attachments come from.
    pub blobs: Arc<dyn BlobSource>,
    /// The core's clock: its wall clock may be stepped.
    pub clock: Arc<dyn Clock>,
    /// Who takes what carriers tell.
    pub sink: Arc<dyn Sink>,
    /// Limits on waiting.
    pub limits: Limits,
    /// Where the library lives.
    pub placement: Placement,
}

/// Where a library lives.
#[derive(Clone, Debug)]
pub enum Placement {
    /// In a process of its own, behind a fence: what it breaks is itself.
    Isolated(Isolation),
    /// In this process. **That is full trust**: what it breaks is everything.
    Inline,
}

/// A channel's own process.
#[derive(Clone, Debug)]
pub struct Isolation {
    /// The program to start: one that calls [`serve_isolated`](crate::serve_isolated) before anything
    /// else when it gets the arguments below.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The most private memory that the process may write, in bytes.
    pub memory_bytes: u64,
    /// Load nothing where the system does not give the whole fence.
    pub require_sandbox: bool,
    /// The TCP ports that the process may connect to; it then binds none. `None`: any.
    pub ports: Option<Vec<u16>>,
    /// End the process where it tries to start another one, which otherwise only fails: for the kit, which wants
    /// to see it.
    pub ends_forks: bool,
}

impl fmt::Debug for LoadSpec {
    // Neither the configuration nor the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadSpec")
            .field("path", &self.path)
            .field("name", &self.name)
            .field("run_dir", &self.run_dir)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Limits on waiting for a channel.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long past its time-out a call may come to its end; an isolated channel that hangs is ended
    /// then. Default: 1 s.
    pub grace: Duration,
    /// How long `create` may take. Default: 30 s.
    pub create_timeout: Duration,
    /// So many failures in a row open the circuit: calls that overran, processes that ended, instances
    /// that could not be made. Default: 3.
    pub failures_max: u32,
    /// How long an open circuit lets nothing through, the first time. It doubles with each further
    /// failure, up to 20 times this. Default: 30 s.
    pub open_for: Duration,
    /// How long a retired instance may finish its calls. Default: 60 s.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(1),
            create_timeout: Duration::from_secs(30),
            failures_max: 3,
            open_for: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(60),
        }
    }
}

/// Takes what a channel tells. Called on the channel's threads: it must return fast and must not
/// call the channel.
pub trait Sink: Send + Sync + 'static {
    /// A report or a reply, under a ticket. True: taken; the core calls `event_acked` with the ticket
    /// once it is durable. False: the channel offers it again.
    fn event(&self, ticket: u64, inbound: Inbound) -> bool;

    /// A metric of the descriptor's list.
    fn metric(&self, _name: &str, _value: f64) {}
}

/// Gives attachments by their hash. Called on the channel's threads.
pub trait BlobSource: Send + Sync + 'static {
    /// The bytes of this SHA-256; `None` where there are none.
    ///
    /// # Errors
    /// Where the bytes exist and can't be read.
    fn read(&self, sha256: &[u8; 32]) -> io::Result<Option<Vec<u8>>>;
}

/// A core without attachments.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBlobs;

impl BlobSource for NoBlobs {
    fn read(&self, _sha256: &[u8; 32]) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }
}
