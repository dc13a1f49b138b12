//! Whether anything is under way: what the stepped clock must know before it moves, and what the engine gives way to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// How long calls are given way to at a time. Contacts are due by the quarter of an hour and callers wait by the
/// millisecond; but whoever calls without end must not hold up contacts for more than a part of the time.
const GIVEN_WAY_MAX: Duration = Duration::from_millis(5);

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
    /// Calls whose callers wait now.
    calls: AtomicUsize,
    no_call: Notify,
}

/// A piece of work; it ends when this is dropped.
pub struct Work(Activity);

/// A call whose caller waits; it ends when this is dropped.
pub struct Waited(Activity);

impl Activity {
    /// Begins a piece of work.
    #[must_use]
    pub fn begin(&self) -> Work {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        Work(self.clone())
    }

    /// Begins a call whose caller waits for a short answer: the engine's own work gives way to it.
    #[must_use]
    pub fn begin_call(&self) -> Waited {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        Waited(self.clone())
    }

    /// Waits until no caller waits, for a while at most.
    pub(crate) async fn give_way_to_calls(&self) {
        let all_answered = async {
            loop {
                let none = self.0.no_call.notified();
                if self.0.calls.load(Ordering::SeqCst) == 0 {
                    return;
                }
                none.await;
            }
        };
        // Late is as good as answered: it was given way to for long enough.
        let _ = tokio::time::timeout(GIVEN_WAY_MAX, all_answered).await;
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

impl Drop for Waited {
    fn drop(&mut self) {
        if self.0.0.calls.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.0.no_call.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

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

    #[tokio::test]
    async fn calls_are_given_way_to_until_they_are_answered() {
        let activity = Activity::default();
        activity.give_way_to_calls().await;
        let calls = [activity.begin_call(), activity.begin_call()];
        let mut given_way = Box::pin(activity.give_way_to_calls());
        assert_eq!((&mut given_way).now_or_never(), None);
        drop(calls);
        assert_eq!(given_way.now_or_never(), Some(()));
    }

    #[tokio::test]
    async fn a_call_that_is_never_answered_holds_nothing_up_for_ever() {
        let activity = Activity::default();
        let _call = activity.begin_call();
        activity.give_way_to_calls().await;
    }
}
