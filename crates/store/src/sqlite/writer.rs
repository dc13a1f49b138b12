//! The one thread that writes: it takes what waits, commits it together, and answers afterwards. No
//! timer: while one commit reaches the disk, the next batch gathers.

use super::apply::{Batch, Fault};
use super::ballast::Ballast;
use super::leases::Leases;
use super::sql;
use crate::codec::Prepared;
use crate::figures::Groups;
use crate::tally::Tally;
use crate::waiting::{Group, Job, Outcomes, Waiting};
use crate::{CommitError, Committed, Read, StoreError};
use recoup_domain::ids::PartyId;
use rusqlite::{Connection, ErrorCode, params};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::{mpsc, watch};

/// The writer's side of the store.
pub(super) struct Writer {
    pub(super) main: Connection,
    pub(super) keys: Connection,
    pub(super) leases: Arc<Mutex<Leases>>,
    pub(super) tally: Arc<Mutex<Tally>>,
    /// Word of the newest position; gone once nothing is written any more, which whoever listens hears.
    pub(super) newest: Option<watch::Sender<u64>>,
    /// How its groups of changes were.
    pub(super) groups: Arc<Groups>,
    /// Room to be given up where the disk has none left.
    pub(super) ballast: Arc<Ballast>,
    /// Changes after which a batch is full.
    pub(super) batch_max: usize,
    /// Why nothing is written any more.
    pub(super) broken: Option<String>,
}

impl Writer {
    /// Works until nobody can send any more.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut waiting = Waiting::new(self.batch_max);
        loop {
            if waiting.is_empty() {
                match queue.blocking_recv() {
                    Some(job) => waiting.push(job),
                    None => return,
                }
            }
            while !waiting.is_full()
                && let Ok(job) = queue.try_recv()
            {
                waiting.push(job);
            }
            self.work(&mut waiting);
        }
    }

    fn work(&mut self, waiting: &mut Waiting) {
        let Group { changes, shares } = waiting.group();
        let (count, begun) = (changes.len(), Instant::now());
        let outcomes = match &self.broken {
            Some(why) => Err(why.clone()),
            None => self.commit(changes),
        };
        self.groups.note(begun.elapsed(), count);
        if let Err(why) = &outcomes {
            tracing::error!(%why, "the store failed: nothing is written any more");
            self.broken = Some(why.clone());
            self.newest = None;
        }
        let mut outcomes = outcomes.map(Vec::into_iter);
        waiting.settle(shares, || match &mut outcomes {
            Ok(all) => all.next().unwrap_or_else(|| Err(in_doubt("no outcome"))),
            Err(why) => Err(in_doubt(why)),
        });
    }

    /// Applies and commits; where the disk is full, once more in the room that was set aside for that. An error says
    /// why the outcome of the whole batch is in doubt.
    pub(super) fn commit(&mut self, changes: Vec<Read<Prepared>>) -> Result<Outcomes, String> {
        let mut applied = self.try_commit(&changes);
        if applied.as_ref().is_err_and(is_full) && self.ballast.give_up() {
            tracing::error!(
                "the store's disk is full: the room set aside for outcomes is given up"
            );
            applied = self.try_commit(&changes);
        }
        let applied = applied.map_err(|e| e.to_string())?;
        let outcome = |(change, applied): (Read<Prepared>, Option<_>)| match change {
            Ok(_) => applied.unwrap_or_else(|| Err(in_doubt("no outcome"))),
            Err(e) => Err(CommitError::Store(e)),
        };
        Ok(changes.into_iter().zip(applied).map(outcome).collect())
    }

    fn try_commit(&mut self, changes: &[Read<Prepared>]) -> rusqlite::Result<Applied> {
        let leases = Arc::clone(&self.leases);
        let Some(newest) = &self.newest else {
            return Ok(changes.iter().map(|_| None).collect());
        };
        let mut batch = Batch::new(&self.main, &leases, *newest.borrow());
        let mut applied = Applied::new();
        let done = execute(&self.main, sql::BEGIN)
            .and_then(|()| apply_all(&mut batch, changes, &mut applied))
            .and_then(|()| put_keys(&self.keys, &batch.keys))
            .and_then(|()| execute(&self.main, sql::COMMIT));
        if done.is_err() {
            // The connection rolls back when it closes, too; what counts is that nothing was answered.
            drop(self.main.execute_batch("ROLLBACK"));
        }
        lock(&leases).settle(batch.touched);
        done?;
        if batch.applied > 0 {
            let mut tally = lock(&self.tally);
            tally.add(batch.moves);
            tally.tell(batch.facts);
            drop(tally);
            let position = batch.position;
            newest.send_if_modified(|newest| {
                let moved = *newest != position;
                *newest = position;
                moved
            });
        }
        Ok(applied)
    }
}

/// What became of the changes of a group, in order; none of what could not be prepared.
type Applied = Vec<Option<Result<Committed, CommitError>>>;

fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

fn execute(conn: &Connection, sql: &'static str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

fn apply_all(
    batch: &mut Batch<'_>,
    changes: &[Read<Prepared>],
    applied: &mut Applied,
) -> rusqlite::Result<()> {
    for change in changes {
        applied.push(match change.as_ref().map(|change| batch.apply(change)) {
            Ok(Ok(committed)) => Some(Ok(committed)),
            Ok(Err(Fault::Refused(e))) => Some(Err(e)),
            Ok(Err(Fault::Failed(e))) => return Err(e),
            Err(_) => None,
        });
    }
    Ok(())
}

/// Makes keys durable before anything sealed under them is. A key without its person is harmless; a
/// person without a key could never be read again. An empty key erases: its bytes leave the file.
fn put_keys(conn: &Connection, keys: &[(PartyId, Vec<u8>)]) -> rusqlite::Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let mut erases = false;
    let tx = conn.unchecked_transaction()?;
    for (party, wrapped) in keys {
        let wrapped = Some(wrapped).filter(|w| !w.is_empty());
        erases |= wrapped.is_none();
        tx.prepare_cached(sql::KEY_PUT)?
            .execute(params![party.to_bytes(), wrapped])?;
    }
    tx.commit()?;
    if erases {
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(())
}

fn in_doubt(why: &str) -> CommitError {
    CommitError::Store(StoreError::Broken {
        what: "committing a batch of changes",
        source: why.into(),
    })
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
