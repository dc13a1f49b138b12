//! The embedded backend: two SQLite files, one writer, a few readers, one owner.
//!
//! Instants in columns are microseconds; snapshots and entries keep theirs to the nanosecond, what
//! [`facts`](crate::Store::facts) tells of past contacts is rounded down to the microsecond.

mod apply;
mod ballast;
mod checkpoint;
mod copy;
mod leases;
mod open;
mod pool;
mod read;
mod sql;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use crate::ClockStamp;
use crate::figures::Groups;
use crate::tally::Tally;
use crate::waiting::Job;
use crate::{Read, StoreError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};

/// The backend's name.
pub const NAME: &str = "sqlite";

/// How a store is opened. Everything has a maximum.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of `recoup.db`, `keys.db` and the lock; made where it does not exist.
    pub dir: PathBuf,
    /// The clock it must be stamped with.
    pub clock: ClockStamp,
    /// Connections that read, each with a thread; at least one.
    pub readers: usize,
    /// Calls that may wait for the writer; one more waits for room.
    pub queue_max: usize,
    /// Changes after which a batch is full and committed.
    pub batch_max: usize,
    /// Bytes that must be free on the disk for contacts to go, what is set aside not counted.
    pub least_free_bytes: u64,
    /// The size up to which a file is checked at the start, in bytes.
    pub check_max_bytes: u64,
}

impl Options {
    /// The usual: 4 readers, 4,096 waiting calls, 1,024 changes a batch, 256 MiB free, a check up to 2 GiB.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, clock: ClockStamp) -> Self {
        Self {
            dir: dir.into(),
            clock,
            readers: 4,
            queue_max: 4_096,
            batch_max: 1_024,
            least_free_bytes: 256 << 20,
            check_max_bytes: 2 << 30,
        }
    }
}

/// A store in two SQLite files.
///
/// Dropping it waits until what was handed in is committed, then gives the files free.
pub struct SqliteStore {
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<std::thread::JoinHandle<()>>,
    checkpointer: checkpoint::Checkpointer,
    pool: pool::Pool,
    leases: Arc<Mutex<leases::Leases>>,
    tally: Arc<Mutex<Tally>>,
    groups: Arc<Groups>,
    newest: watch::Receiver<u64>,
    copier: copy::Copier,
    ballast: Arc<ballast::Ballast>,
    /// Held until all connections are closed.
    _lock: std::fs::File,
}

impl SqliteStore {
    /// Opens a store, or makes one.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where another process has it, a file is damaged or no store, or it is of
    /// another clock or a newer schema; nothing is changed then. [`StoreError::Broken`] where the disk
    /// fails.
    pub fn open(options: Options) -> Result<Self, StoreError> {
        let parts = open::open(&options)?;
        let (queue, jobs) = mpsc::channel(options.queue_max.max(1));
        let writer = parts.writer;
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run(jobs))
            .map_err(|e| StoreError::Broken {
                what: "starting the writer",
                source: Box::new(e),
            })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            checkpointer: parts.checkpointer,
            pool: parts.pool,
            leases: parts.leases,
            tally: parts.tally,
            groups: parts.groups,
            newest: parts.newest,
            copier: parts.copier,
            ballast: parts.ballast,
            _lock: parts.lock,
        })
    }

    /// The main file and the key file of a store in `dir`: what a backup copies, apart from each other.
    #[must_use]
    pub fn files(dir: &Path) -> [PathBuf; 2] {
        open::files(dir)
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&pool::Reader) -> Read<T> + Send + 'static,
    ) -> Read<T> {
        self.pool.read(pool::View::Shared, read).await
    }

    /// A read that must see what was committed until it runs, not only until it was asked for.
    async fn read_own<T: Send + 'static>(
        &self,
        read: impl FnOnce(&pool::Reader) -> Read<T> + Send + 'static,
    ) -> Read<T> {
        self.pool.read(pool::View::Own, read).await
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.pool.close();
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // What a writer that panicked has committed of a call, and not answered, is in doubt to who asked.
            drop(thread.join());
        }
        self.checkpointer.join();
    }
}
