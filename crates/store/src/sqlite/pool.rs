//! Threads that only read. Each takes what waits and reads it in one snapshot: a thread that is busy needs no
//! waking, and what a snapshot costs (the look at the log, pages that a commit made stale) is paid once a batch.

use crate::{Read, StoreError};
use rusqlite::{Connection, OptionalExtension, Params, Row};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use tokio::sync::{mpsc, oneshot};

use super::writer::lock;

/// Reads that share a snapshot, at most: the more, the longer each waits for the others.
const BATCH_MAX: usize = 16;
/// Reads that may wait; one more waits for room.
const QUEUE_MAX: usize = 4_096;

/// A reader: both files, read only.
pub(super) struct Reader {
    pub(super) main: Connection,
    pub(super) keys: Connection,
}

/// Which snapshot a read may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// Any that was begun after it was asked for.
    Shared,
    /// One that begins with itself.
    Own,
}

/// Reads and answers who asked; gets no reader where none could begin.
type Answering = Box<dyn FnOnce(Read<&Reader>) + Send>;

struct Job {
    view: View,
    read: Answering,
}

/// The readers' queue and their threads.
pub(super) struct Pool {
    queue: Option<mpsc::Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts a thread for each reader.
    pub(super) fn start(readers: Vec<Reader>) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let jobs = Arc::new(Mutex::new(jobs));
        let threads = readers.into_iter().map(|reader| {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new()
                .name("store-reader".into())
                .spawn(move || work(&reader, &jobs))
        });
        Ok(Self {
            threads: threads.collect::<Result<_, _>>()?,
            queue: Some(queue),
        })
    }

    /// Closes the readers, once they have read what waits: the connection that closes last brings the log into the
    /// file, and a reader's cannot.
    pub(super) fn close(&mut self) {
        drop(self.queue.take());
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }

    /// Reads on a reader's thread.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        view: View,
        read: impl FnOnce(&Reader) -> Read<T> + Send + 'static,
    ) -> Read<T> {
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let read = Box::new(move |reader: Read<&Reader>| {
            // Nobody waits any more: nothing to do.
            let _ = reply.send(reader.and_then(read));
        });
        let job = Job { view, read };
        queue.send(job).await.map_err(|_| StoreError::Closed)?;
        answer.await.unwrap_or_else(|_| {
            Err(StoreError::Broken {
                what: "reading",
                source: "a read panicked; the log says where".into(),
            })
        })
    }
}

/// Reads until nobody can ask any more.
fn work(reader: &Reader, jobs: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        let batch = next_batch(&mut lock(jobs));
        if batch.is_empty() {
            return;
        }
        let mut shared = Vec::with_capacity(batch.len());
        let mut own = Vec::new();
        for job in batch {
            match job.view {
                View::Shared => shared.push(job),
                View::Own => own.push(job),
            }
        }
        reader.in_snapshot(shared);
        own.into_iter()
            .for_each(|job| reader.in_snapshot(vec![job]));
    }
}

/// What waits, at most a batch of it; nothing where nothing can come any more.
fn next_batch(jobs: &mut mpsc::Receiver<Job>) -> Vec<Job> {
    let mut batch: Vec<Job> = jobs.blocking_recv().into_iter().collect();
    while !batch.is_empty()
        && batch.len() < BATCH_MAX
        && let Ok(job) = jobs.try_recv()
    {
        batch.push(job);
    }
    batch
}

impl Reader {
    /// Answers reads in one snapshot.
    fn in_snapshot(&self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let snapshot = self.main.unchecked_transaction();
        for job in jobs {
            let reader = snapshot
                .as_ref()
                .map(|_| self)
                .map_err(|error| StoreError::Broken {
                    what: "beginning to read",
                    source: error.to_string().into(),
                });
            // A read that panics leaves its asker without an answer, and the others with theirs.
            drop(catch_unwind(AssertUnwindSafe(|| (job.read)(reader))));
        }
        // Nothing was written: how the transaction ends is of no account. It ends here.
    }

    /// The first row of a query.
    pub(super) fn one<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        decode: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Read<Option<T>> {
        one(&self.main, sql, params, decode)
    }

    /// All rows of a query.
    pub(super) fn all<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        decode: impl Fn(&Row<'_>) -> Read<T>,
    ) -> Read<Vec<T>> {
        let mut statement = self.main.prepare_cached(sql).map_err(failed)?;
        let mut rows = statement.query(params).map_err(failed)?;
        let mut out = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            out.push(decode(row)?);
        }
        Ok(out)
    }
}

pub(super) fn one<T>(
    conn: &Connection,
    sql: &'static str,
    params: impl Params,
    decode: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Read<Option<T>> {
    let mut statement = conn.prepare_cached(sql).map_err(failed)?;
    let row = statement.query_row(params, decode);
    row.optional().map_err(failed)
}

/// The driver's error, behind our own.
pub(super) fn failed(e: rusqlite::Error) -> StoreError {
    StoreError::Broken {
        what: "reading",
        source: Box::new(e),
    }
}
