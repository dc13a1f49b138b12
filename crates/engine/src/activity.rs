//! Whether anything is under way: what the stepped clock must know before it moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;

/// Counts work under way. Cheap to clone.
#[derive(Clone, Default)]
pub struct Activity(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Pieces of work begun, ever.
    begun: AtomicU64,
    /// Pieces of work ended, ever.
    ended: AtomicU64,
    changed: Notify,
}

/// A piece of work; it ends when this is dropped.
pub struct Work(Activity);

impl Activity {
    /// Begins a piece of work.
    #[must_use]
    pub fn begin(&self) -> Work {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        Work(self.clone())
    }

    /// The count of pieces of work ever begun, if none is under way.
    #[must_use]
    pub fn quiet(&self) -> Option<u64> {
        let ended = self.0.ended.load(Ordering::SeqCst);
        let begun = self.0.begun.load(Ordering::SeqCst);
        (begun == ended).then_some(begun)
    }

    /// Waits until nothing is under way; answers the count of pieces of work ever begun.
    pub async fn until_quiet(&self) -> u64 {
        loop {
            let changed = self.0.changed.notified();
            if let Some(begun) = self.quiet() {
                return begun;
            }
            changed.await;
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.0.ended.fetch_add(1, Ordering::SeqCst);
        self.0.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn quiet_means_that_nothing_is_under_way() {
        let activity = Activity::default();
        assert_eq!(activity.quiet(), Some(0));
        let work = activity.begin();
        assert_eq!(activity.quiet(), None);
        let waiting = tokio::spawn({
            let activity = activity.clone();
            async move { activity.until_quiet().await }
        });
        drop(work);
        assert_eq!(waiting.await.unwrap(), 1);
    }
}
