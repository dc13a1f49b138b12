//! Many cases, a few at a time, so that nobody else waits for all of them.

use crate::engine::Engine;
use recoup_domain::ids::CaseId;
use recoup_store::{Facts, StoreError};

/// Cases whose facts are read at once: who is behind them in the queue of a reader waits for all of them.
pub(crate) const READ_AT_ONCE: usize = 32;
/// Cases that are decided before others have a turn on the thread.
const DECIDED_AT_ONCE: usize = 8;

/// Before the decision about case `n` of many, counted from 0, for somebody who waits for all of them: now and then
/// others have a turn.
pub(crate) async fn take_turns(n: usize) {
    if n > 0 && n.is_multiple_of(DECIDED_AT_ONCE) {
        tokio::task::yield_now().await;
    }
}

impl Engine {
    /// As [`take_turns`], for what nobody waits for: calls whose callers wait are first.
    pub(crate) async fn give_way(&self, n: usize) {
        if n.is_multiple_of(DECIDED_AT_ONCE) {
            self.0.activity.give_way_to_calls().await;
            tokio::task::yield_now().await;
        }
    }

    /// The facts of those cases that are there, in no order that counts.
    pub(crate) async fn facts_of_many(&self, cases: &[CaseId]) -> Result<Vec<Facts>, StoreError> {
        let mut all = Vec::with_capacity(cases.len());
        for some in cases.chunks(READ_AT_ONCE) {
            all.extend(self.0.store.facts(some).await?);
        }
        Ok(all)
    }
}
