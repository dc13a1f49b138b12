//! The backend for several processes on one database: PostgreSQL.
//!
//! Each process has one writer that commits waiting changes together, connections that read, and one session by
//! which the others know that it lives. Guards are compared under row locks in the transaction of the write;
//! positions are given under the lock of one row, the last that a transaction takes, so that they have no gaps and
//! come in the order of commits. `docs/decisions/postgres.md` says what was weighed.

mod commit;
mod connect;
mod load;
mod open;
mod presence;
mod put;
mod read;
mod sql;
mod store;
#[cfg(test)]
mod tests;
mod view;
mod writer;

use crate::figures::Groups;
use crate::tally::Tally;
use crate::waiting::Job;
use crate::{ClockStamp, Read};
use deadpool_postgres::Pool;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// The backend's name.
pub const NAME: &str = "postgres";

/// How a store is opened. Everything has a maximum.
#[derive(Clone)]
pub struct Options {
    /// `postgres://user@host:port/database` with a loopback host, or `host=/run/postgresql dbname=…`.
    pub url: String,
    /// The password of the address's user, where it needs one; never in the address.
    pub password: Option<String>,
    /// The clock it must be stamped with.
    pub clock: ClockStamp,
    /// Connections that read and claim; at least one.
    pub readers: usize,
    /// Calls that may wait for the writer; one more waits for room.
    pub queue_max: usize,
    /// Changes after which a group is full and committed.
    pub batch_max: usize,
}

impl Options {
    /// The usual: 4 readers, 4,096 waiting calls, 1,024 changes a group.
    #[must_use]
    pub fn new(url: impl Into<String>, clock: ClockStamp) -> Self {
        Self {
            url: url.into(),
            password: None,
            clock,
            readers: 4,
            queue_max: 4_096,
            batch_max: 1_024,
        }
    }
}

/// A store in a PostgreSQL database. Made and used on a tokio runtime.
pub struct PostgresStore {
    queue: mpsc::Sender<Job>,
    readers: Pool,
    /// The process's epoch.
    owner: i64,
    presence: JoinHandle<()>,
    tally: Arc<Mutex<Tally>>,
    groups: Arc<Groups>,
    newest: watch::Receiver<u64>,
}

impl PostgresStore {
    /// Opens a store, or makes one in an empty database. Several processes may open one whose clock is live.
    ///
    /// # Errors
    /// [`StoreError::Refused`](crate::StoreError::Refused) where the address is none that may be used, the server
    /// does not keep what it commits, the database holds something else, or the store is of another clock or a newer
    /// schema; [`StoreError::Unavailable`](crate::StoreError::Unavailable) where the server does not answer.
    pub async fn open(options: Options) -> Read<Self> {
        open::open(options).await
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // Its session ends, and with it the word that this process lives. The writer ends with the queue.
        self.presence.abort();
        self.readers.close();
    }
}
