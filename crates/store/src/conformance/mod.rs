//! What every backend must do, as tests it calls: a backend's own test is a [`Suite`] with a way to open
//! stores, and [`Suite::run`].

pub mod build;
pub mod fold;
mod guards;
mod keeping;
mod leases;
mod lists;

use crate::{Change, CommitError, Store};
use recoup_domain::{Case, Party};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

type Opening = Pin<Box<dyn Future<Output = Arc<dyn Store>> + Send>>;

/// The tests of a backend.
pub struct Suite {
    open: Box<dyn Fn(String) -> Opening + Send + Sync>,
}

impl Suite {
    /// A suite over stores that `open` opens by name: an empty one at the first call with a name, later the
    /// same again. No store is opened twice at once.
    pub fn new<F, O>(open: F) -> Self
    where
        F: Fn(String) -> O + Send + Sync + 'static,
        O: Future<Output = Arc<dyn Store>> + Send + 'static,
    {
        Self {
            open: Box::new(move |name| Box::pin(open(name))),
        }
    }

    /// Runs all tests.
    ///
    /// # Panics
    /// Where the backend does not do what it must; the panic's place is the test that says so.
    pub async fn run(&self) {
        self.run_guards().await;
        self.run_keeping().await;
        self.run_leases().await;
        self.run_lists().await;
    }

    async fn fresh(&self, name: &str) -> Arc<dyn Store> {
        (self.open)(name.to_owned()).await
    }

    async fn again(&self, name: &str, store: Arc<dyn Store>) -> Arc<dyn Store> {
        drop(store);
        (self.open)(name.to_owned()).await
    }
}

/// Commits what must succeed.
async fn done(store: &dyn Store, change: Change) -> u64 {
    match store.commit(change).await {
        Ok(committed) => committed.position,
        Err(e) => panic!("a sound change was refused: {e}"),
    }
}

/// Commits what must be refused.
async fn refused(store: &dyn Store, change: Change) -> CommitError {
    match store.commit(change).await {
        Ok(_) => panic!("a change that must be refused was applied"),
        Err(e) => e,
    }
}

/// A store with one borrower and one case of theirs, not due.
async fn with_case(store: &dyn Store) -> (Party, Case) {
    let party = build::party(&build::tenant("a"), 1);
    let case = build::case(&party, 1);
    done(store, build::tell_party(&party)).await;
    done(store, build::open_case(&case, None)).await;
    (party, case)
}

async fn journal(store: &dyn Store) -> Vec<crate::Recorded> {
    let everything = crate::JournalFilter::default();
    let read = store.journal(&everything, 0, usize::MAX).await;
    read.expect("the journal")
}
