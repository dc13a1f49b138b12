//! The one thread that writes: it takes what waits, commits it together, and answers afterwards. No
//! timer: while one commit reaches the disk, the next batch gathers.

use super::apply::{Batch, Fault};
use super::codec::Prepared;
use super::leases::Leases;
use super::sql;
use super::tally::Tally;
use crate::figures::{Histogram, SECONDS, SIZES};
use crate::{CommitError, Committed, Read, StoreError};
use recoup_domain::ids::PartyId;
use rusqlite::{Connection, params};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

pub(super) type Outcomes = Vec<Result<Committed, CommitError>>;

/// The changes of one call, and who waits for them.
pub(super) struct Job {
    pub(super) changes: Vec<Read<Prepared>>,
    pub(super) reply: oneshot::Sender<Outcomes>,
}

/// How groups of changes were that were committed together.
pub(super) struct Groups {
    pub(super) seconds: Histogram,
    pub(super) changes: Histogram,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            seconds: Histogram::new(SECONDS),
            changes: Histogram::new(SIZES),
        }
    }
}

impl Groups {
    fn note(&self, span: Duration, changes: usize) {
        self.seconds.took(span);
        let changes = u32::try_from(changes).unwrap_or(u32::MAX);
        self.changes.add(f64::from(changes));
    }
}

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
    /// Changes after which a batch is full.
    pub(super) batch_max: usize,
    /// Why nothing is written any more.
    pub(super) broken: Option<String>,
}

impl Writer {
    /// Works until nobody can send any more.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(first) = queue.blocking_recv() {
            let mut waiting = first.changes.len();
            let mut jobs = vec![first];
            while waiting < self.batch_max
                && let Ok(job) = queue.try_recv()
            {
                waiting += job.changes.len();
                jobs.push(job);
            }
            self.work(jobs);
        }
    }

    fn work(&mut self, jobs: Vec<Job>) {
        let (jobs, replies): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|j| (j.changes, j.reply)).unzip();
        let sizes: Vec<_> = jobs.iter().map(Vec::len).collect();
        let begun = Instant::now();
        let outcomes = match &self.broken {
            Some(why) => Err(why.clone()),
            None => self.commit(jobs),
        };
        self.groups.note(begun.elapsed(), sizes.iter().sum());
        if let Err(why) = &outcomes {
            tracing::error!(%why, "the store failed: nothing is written any more");
            self.broken = Some(why.clone());
            self.newest = None;
        }
        let mut outcomes = outcomes.map(Vec::into_iter);
        for (reply, size) in replies.into_iter().zip(sizes) {
            let answer = match &mut outcomes {
                Ok(all) => all.by_ref().take(size).collect(),
                Err(why) => (0..size).map(|_| Err(in_doubt(why))).collect(),
            };
            // Nobody waits any more: the change stands all the same.
            drop(reply.send(answer));
        }
    }

    /// Applies and commits. An error says why the outcome of the whole batch is in doubt.
    fn commit(&mut self, jobs: Vec<Vec<Read<Prepared>>>) -> Result<Outcomes, String> {
        let leases = Arc::clone(&self.leases);
        let newest = self.newest.as_ref().ok_or("the store is broken")?;
        let mut batch = Batch::new(&self.main, &leases, *newest.borrow());
        let mut outcomes = Outcomes::new();
        let done = execute(&self.main, sql::BEGIN)
            .and_then(|()| apply_all(&mut batch, jobs, &mut outcomes))
            .and_then(|()| put_keys(&self.keys, &batch.keys))
            .and_then(|()| execute(&self.main, sql::COMMIT));
        if done.is_err() {
            // The connection rolls back when it closes, too; what counts is that nothing was answered.
            drop(self.main.execute_batch("ROLLBACK"));
        }
        lock(&leases).settle(batch.touched);
        done.map_err(|e| e.to_string())?;
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
        Ok(outcomes)
    }
}

fn execute(conn: &Connection, sql: &'static str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

fn apply_all(
    batch: &mut Batch<'_>,
    jobs: Vec<Vec<Read<Prepared>>>,
    outcomes: &mut Outcomes,
) -> rusqlite::Result<()> {
    for change in jobs.into_iter().flatten() {
        let outcome = match change.map(|change| batch.apply(&change)) {
            Ok(Ok(committed)) => Ok(committed),
            Ok(Err(Fault::Refused(e))) => Err(e),
            Ok(Err(Fault::Failed(e))) => return Err(e),
            Err(e) => Err(CommitError::Store(e)),
        };
        outcomes.push(outcome);
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
