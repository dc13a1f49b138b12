//! Brings the log into the main file beside the writer, so that no commit waits for it: what a checkpoint takes
//! would else be the time of one call in some hundred.

use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};

/// Pages of log (4 KiB each) from one look to the next: busy pages reach the file once in 16 MiB of log.
const PAGES: i32 = 4_000;
/// Pages from which the writer itself sees to what is left, again after as many as lie between two looks: only when
/// nobody writes, and who reads has gone on to the newest, can the log begin anew instead of growing.
const PAGES_MAX: i32 = 16_000;
/// Pages until the writer looks again where the thread had the log at that very moment: that ends soon, and where the
/// machine is busy the log would else grow by another round each time.
const PAGES_AGAIN: i32 = 500;
/// Pages from which the writer waits for the thread before it looks: what the disk takes for the thread's part is the
/// commit's time from here on, or a disk slower than the writer would let the log grow without an end.
const PAGES_END: i32 = 24_000;

/// The thread that does it.
pub(super) struct Checkpointer {
    thread: Option<JoinHandle<Connection>>,
}

impl Checkpointer {
    /// Starts it on a connection of its own; `writer` tells it when. It ends with the writer's connection.
    pub(super) fn start(
        mut own: Connection,
        writer: &mut Connection,
        copying: Arc<AtomicBool>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let (wake, woken) = sync_channel(1);
        let at_it = Arc::new(Mutex::new(()));
        // Its own commits are none: a checkpoint of its own would be one inside the other.
        own.wal_hook(None::<fn(&mut Wal, i32) -> rusqlite::Result<()>>)?;
        writer.wal_hook(Some(watch(wake, Arc::clone(&at_it), copying)))?;
        let thread = thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || run(own, &woken, &at_it))?;
        Ok(Self {
            thread: Some(thread),
        })
    }

    /// Closes its connection, which must be the last one: of two that close at once each takes the other for
    /// the last, and the log stays beside the file. To be called when the writer and the readers are gone.
    pub(super) fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// What the writer does after a commit, with the length of the log in pages. Who holds `at_it` makes a checkpoint.
/// While a copy is made the log grows: the copy reads one snapshot for minutes, and the writer would wait for it.
pub(super) fn watch(
    wake: SyncSender<()>,
    at_it: Arc<Mutex<()>>,
    copying: Arc<AtomicBool>,
) -> impl FnMut(&mut Wal, i32) -> rusqlite::Result<()> {
    let mut last = 0;
    move |log, pages| {
        if pages < last {
            // It began anew.
            last = 0;
        }
        if pages - last < PAGES {
            return Ok(());
        }
        last = pages;
        if pages < PAGES_MAX || copying.load(Ordering::SeqCst) {
            // Where it has work already, that comes to this, too.
            let _ = wake.try_send(());
            return Ok(());
        }
        let Some(_mine) = taken(&at_it, pages) else {
            last = pages - PAGES + PAGES_AGAIN;
            return Ok(());
        };
        // Most of it is in the file already. Readers' snapshots are short: those of now are waited for.
        match log.checkpoint_v2(CheckpointMode::RESTART) {
            Ok(_) => {}
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                tracing::debug!(
                    pages,
                    "the log of the store is in use; its next look comes later"
                );
            }
            Err(error) => tell(&error),
        }
        Ok(())
    }
}

/// The right to make a checkpoint: waited for from [`PAGES_END`] on, `None` before where the thread has it.
fn taken(at_it: &Mutex<()>, pages: i32) -> Option<MutexGuard<'_, ()>> {
    if pages < PAGES_END {
        return match at_it.try_lock() {
            Ok(mine) => Some(mine),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
    }
    Some(at_it.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Gives the connection back, to be closed by who knows that all others are.
fn run(own: Connection, woken: &Receiver<()>, at_it: &Mutex<()>) -> Connection {
    while woken.recv().is_ok() {
        let _mine = at_it.lock().unwrap_or_else(PoisonError::into_inner);
        let done = own.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = done {
            tell(&error);
        }
    }
    own
}

fn tell(error: &rusqlite::Error) {
    tracing::warn!(%error, "the log of the store cannot be brought into its file for now");
}
