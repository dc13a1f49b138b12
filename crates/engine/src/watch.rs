//! Watches the clock: once a second beside all work, and at every step of a contact's way out.

use crate::clock_guard::{ClockGuard, SKEW_TOLD, Trouble};
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use jiff::{SignedDuration, Timestamp};
use recoup_store::{Change, CommitError, Committed, Guard, StoreError};
use std::time::Duration;

/// How often the clock is looked at where nothing else looks.
const EVERY: Duration = Duration::from_secs(1);

/// Why a change does not stand.
pub(crate) enum Refusal {
    /// It holds an intent, and the clock is not to be trusted, or its outcome might find no room.
    NothingGoes,
    /// The store refused it.
    Commit(CommitError),
}

/// What was said last of the clock.
#[derive(Default)]
struct Said {
    trouble: Option<&'static str>,
    skewed: bool,
}

impl Engine {
    /// Why no contact leaves, where that is the clock.
    #[must_use]
    pub fn clock_trouble(&self) -> Option<Trouble> {
        self.clock_guard().and_then(|guard| guard.trouble())
    }

    /// What is known of a live clock.
    #[must_use]
    pub fn clock_guard(&self) -> Option<ClockGuard> {
        self.0.wall.guarded().map(|wall| wall.look())
    }

    /// Where an earlier wall was accepted: that instant. A contact must be permitted at both.
    pub(crate) fn earlier(&self) -> Option<Timestamp> {
        self.clock_guard().and_then(|guard| guard.earlier())
    }

    /// Refuses where the clock is not to be trusted.
    pub(crate) fn must_trust_clock(&self) -> Done<()> {
        match self.clock_trouble() {
            Some(trouble) => Err(CommandError::ClockSuspect(trouble)),
            None => Ok(()),
        }
    }

    /// Commits changes; those that hold an intent only where the clock is to be trusted at the last moment, and the
    /// disk has room for what becomes of them.
    pub(crate) async fn commit_what_may(
        &self,
        changes: Vec<Change>,
    ) -> Vec<Result<Committed, Refusal>> {
        // An intent asks whether dispatch is on, and nothing else does.
        let sends = |change: &Change| {
            let mut guards = change.guards.iter();
            guards.any(|g| matches!(g, Guard::DispatchOn(..)))
        };
        let none_may = self.short_of_room().await.is_some() || self.clock_trouble().is_some();
        let held: Vec<bool> = changes.iter().map(|c| none_may && sends(c)).collect();
        let free = changes.into_iter().zip(&held);
        let free = free.filter_map(|(change, held)| (!held).then_some(change));
        let mut done = self.0.store.commit_all(free.collect()).await.into_iter();
        let closed = || Err(CommitError::Store(StoreError::Closed));
        let result = |held: bool| match held {
            true => Err(Refusal::NothingGoes),
            false => done.next().unwrap_or_else(closed).map_err(Refusal::Commit),
        };
        held.into_iter().map(result).collect()
    }

    /// Looks at a live clock for ever, and says what becomes of it.
    pub(crate) async fn watch_clock(&self) {
        let mut said = Said::default();
        loop {
            self.hear_database().await;
            if let Some(guard) = self.clock_guard() {
                self.tell_of_clock(&mut said, &guard);
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Asks the store for its own time, where it has one. One that does not answer says nothing.
    async fn hear_database(&self) {
        let Some(wall) = self.0.wall.guarded() else {
            return;
        };
        let before = wall.since_boot();
        let Ok(Some(told)) = self.0.store.clock().await else {
            return;
        };
        let took = wall.since_boot().saturating_sub(before);
        let half = took.checked_div(2).unwrap_or(SignedDuration::ZERO);
        let now = told.saturating_add(half).unwrap_or(Timestamp::MAX);
        wall.hear(now, half);
    }

    fn tell_of_clock(&self, said: &mut Said, guard: &ClockGuard) {
        let trouble = guard.trouble();
        let name = trouble.map(Trouble::name);
        if name != said.trouble {
            match trouble {
                Some(why) => {
                    tracing::error!(%why, advice = why.advice(), "nothing is sent: the clock is not to be trusted")
                }
                None => {
                    tracing::info!("the clock is to be trusted again");
                    self.0.wake.notify_one();
                }
            }
            said.trouble = name;
        }
        let skew = guard.skew().unwrap_or_default();
        let skewed = skew.abs() > SKEW_TOLD;
        if skewed && !said.skewed {
            let by_ms = i64::try_from(skew.as_millis()).unwrap_or(i64::MAX);
            tracing::warn!(by_ms, "this server's clock and the database's differ");
        }
        said.skewed = skewed;
    }
}
