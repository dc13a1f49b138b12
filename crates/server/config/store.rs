//! Where the store is, and what goes with it.

use super::{Config, ConfigError, value_error};
use std::path::PathBuf;

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorePlace {
    /// A folder with SQLite files.
    Folder(PathBuf),
    /// The address of a PostgreSQL database.
    Postgres(String),
}

impl Config {
    /// Where the store is.
    ///
    /// # Errors
    /// Where the store is of a kind that is not built in.
    pub fn store_place(&self) -> Result<StorePlace, ConfigError> {
        let is_postgres = ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| self.store.starts_with(scheme));
        match self.store.strip_prefix("sqlite:") {
            Some(dir) if !dir.is_empty() => Ok(StorePlace::Folder(PathBuf::from(dir))),
            None if is_postgres => Ok(StorePlace::Postgres(self.store.clone())),
            _ => {
                let problem = format!(
                    "`{}` is no store; write `sqlite:` and a folder, or `postgres://` and the address of a database",
                    self.store
                );
                Err(value_error("store", problem))
            }
        }
    }

    /// The server's own folder: that of the store, where it has one.
    ///
    /// # Errors
    /// As [`store_place`](Self::store_place).
    pub fn home(&self) -> Result<PathBuf, ConfigError> {
        Ok(match self.store_place()? {
            StorePlace::Folder(dir) => dir,
            StorePlace::Postgres(_) => self.home.clone(),
        })
    }
}
