//! Dispatch ends before the store's disk is full: what becomes of a contact that is under way must find room.

use crate::engine::Engine;
use crate::error::{CommandError, Done};
use recoup_store::Room;
use std::time::Duration;

/// How often the disk is looked at where nothing else looks.
const EVERY: Duration = Duration::from_secs(1);

impl Engine {
    /// How the store's disk is; none where that is not known.
    pub async fn room(&self) -> Option<Room> {
        self.0.store.room().await.ok().flatten()
    }

    /// The store's disk, where no contact leaves because of it.
    pub(crate) async fn short_of_room(&self) -> Option<Room> {
        self.room().await.filter(Room::is_short)
    }

    /// Refuses where a contact could not be put on record.
    pub(crate) async fn must_have_room(&self) -> Done<()> {
        match self.short_of_room().await {
            Some(room) => Err(CommandError::DispatchPaused(room.to_string())),
            None => Ok(()),
        }
    }

    /// Looks at the store's disk for ever, says what becomes of it, and wakes what waited for room.
    pub(crate) async fn watch_room(&self) {
        let mut was_short = false;
        loop {
            let short = self.short_of_room().await;
            match short {
                Some(room) if !was_short => {
                    tracing::error!(free_bytes = room.free_bytes, why = %room, "nothing is sent: the store's disk is nearly full");
                }
                None if was_short => {
                    tracing::info!("the store's disk has room again");
                    self.0.wake.notify_one();
                }
                _ => {}
            }
            was_short = short.is_some();
            tokio::time::sleep(EVERY).await;
        }
    }
}
