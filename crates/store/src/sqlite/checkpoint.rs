//! Brings the log into the main file beside the writer, so that no commit waits for it: what a checkpoint takes
//! would else be the time of one call in some hundred.

use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// Pages of log (4 KiB each) from one look to the next: busy pages reach the file once in 16 MiB of log.
const PAGES: i32 = 4_000;
/// Pages from which the writer itself sees to what is left, again after as many as lie between two looks: only when
/// nobody writes, and who reads has gone on to the newest, can the log begin anew instead of growing.
const PAGES_MAX: i32 = 16_000;

/// The thread that does it.
pub(super) struct Checkpointer {
    thread: Option<JoinHandle<Connection>>,
}

impl Checkpointer {
    /// Starts it on a connection of its own; `writer` tells it when. It ends with the writer's connection.
    pub(super) fn start(
        mut own: Connection,
        writer: &mut Connection,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let (wake, woken) = sync_channel(1);
        // Its own commits are none: a checkpoint of its own would be one inside the other.
        own.wal_hook(None::<fn(&mut Wal, i32) -> rusqlite::Result<()>>)?;
        writer.wal_hook(Some(watch(wake)))?;
        let thread = thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || run(own, &woken))?;
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

/// What the writer does after a commit, with the length of the log in pages.
fn watch(wake: SyncSender<()>) -> impl FnMut(&mut Wal, i32) -> rusqlite::Result<()> {
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
        if pages < PAGES_MAX {
            // Where it has work already, that comes to this, too.
            let _ = wake.try_send(());
            return Ok(());
        }
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

/// Gives the connection back, to be closed by who knows that all others are.
fn run(own: Connection, woken: &Receiver<()>) -> Connection {
    while woken.recv().is_ok() {
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
