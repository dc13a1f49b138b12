//! Connections that only read, lent one at a time.

use super::writer::lock;
use crate::{Read, StoreError};
use rusqlite::{Connection, OptionalExtension, Params, Row};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;

/// A reader: both files, read only.
pub(super) struct Reader {
    pub(super) main: Connection,
    pub(super) keys: Connection,
}

/// A few readers, and who may have one.
#[derive(Clone)]
pub(super) struct Pool {
    idle: Arc<Mutex<Vec<Reader>>>,
    permits: Arc<Semaphore>,
}

/// A reader on loan; it comes back also where the read panics.
struct Lent {
    reader: Option<Reader>,
    idle: Arc<Mutex<Vec<Reader>>>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        lock(&self.idle).extend(self.reader.take());
    }
}

impl Pool {
    pub(super) fn new(readers: Vec<Reader>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(readers.len())),
            idle: Arc::new(Mutex::new(readers)),
        }
    }

    /// Closes the readers that are idle: the last connection to close should be the writer's, which
    /// brings the log into the file.
    pub(super) fn close(&self) {
        lock(&self.idle).clear();
    }

    /// Reads on a thread that may block.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Read<T> + Send + 'static,
    ) -> Read<T> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| StoreError::Closed)?;
        let idle = Arc::clone(&self.idle);
        let task = tokio::task::spawn_blocking(move || {
            // The permit outlives the loan: whoever gets it next finds a reader.
            let _permit = permit;
            let reader = lock(&idle).pop();
            let lent = Lent { reader, idle };
            lent.reader.as_ref().map_or(Err(StoreError::Closed), read)
        });
        task.await.unwrap_or_else(|e| {
            if e.is_cancelled() {
                return Err(StoreError::Closed);
            }
            Err(StoreError::Broken {
                what: "reading",
                source: Box::new(e),
            })
        })
    }
}

impl Reader {
    /// Runs a read in one snapshot.
    pub(super) fn snapshot<T>(&self, read: impl FnOnce(&Self) -> Read<T>) -> Read<T> {
        let tx = self.main.unchecked_transaction().map_err(failed)?;
        let value = read(self)?;
        tx.commit().map_err(failed)?;
        Ok(value)
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
