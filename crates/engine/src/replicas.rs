//! Other processes on the same store: what they put into the library is read from time to time, and what one that is
//! gone has left in flight is looked after. Where a process has its store alone, nothing of this happens.

use crate::engine::Engine;
use recoup_store::StoreError;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How old the library may be: so long a policy that was activated in one process is unknown in the others.
const LIBRARY_AGE: Duration = Duration::from_secs(2);
/// How long what a process left behind that is gone may wait.
const LEFT_AGE: Duration = Duration::from_secs(10);

/// When it was last looked at what others do.
#[derive(Default)]
pub(crate) struct Others(Mutex<Looked>);

#[derive(Clone, Copy, Default)]
struct Looked {
    library: Option<Instant>,
    left: Option<Instant>,
}

impl Others {
    fn looked(&self) -> std::sync::MutexGuard<'_, Looked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_over(since: Option<Instant>, age: Duration) -> bool {
    since.is_none_or(|at| at.elapsed() >= age)
}

impl Engine {
    /// Follows what other processes do, as often as is due.
    pub(crate) async fn follow_others(&self) -> Result<(), StoreError> {
        if !self.0.store.is_shared() {
            return Ok(());
        }
        let looked = *self.0.others.looked();
        if is_over(looked.library, LIBRARY_AGE) {
            self.read_library().await?;
        }
        if is_over(looked.left, LEFT_AGE) {
            self.recover().await?;
            self.0.others.looked().left = Some(Instant::now());
        }
        Ok(())
    }

    /// Takes in what others have changed of policies, templates and collectors.
    pub(crate) async fn read_library(&self) -> Result<(), StoreError> {
        let (store, library) = (&self.0.store, &self.0.library);
        for template in store.templates(None).await? {
            library.take_template(template);
        }
        for policy in store.policies(None).await? {
            if library.has_policy(&policy) {
                continue;
            }
            // Its cases wait for a person where they are decided; the others go on.
            if let Err(error) = library.take_policy(policy) {
                tracing::error!(%error, "a policy that another process stored is of no use here");
            }
        }
        for tenant in self.0.tenants.keys() {
            let collectors = store.collectors(tenant).await?;
            for collector in collectors {
                library.take_collector(collector);
            }
        }
        self.0.others.looked().library = Some(Instant::now());
        Ok(())
    }
}
