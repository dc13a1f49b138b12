//! Many cases, a few at a time, so that nobody else waits for all of them.

use crate::engine::Engine;
use recoup_domain::ids::{CaseId, PartyId, TenantId};
use recoup_store::{CaseFilter, Facts, StoreError};

/// Cases whose facts are read at once: who is behind them in the queue of a reader waits for all of them.
pub(crate) const READ_AT_ONCE: usize = 32;
/// Cases whose rows are read at a time.
const PAGE: usize = 256;
/// Cases that are decided before others have a turn on the thread.
const DECIDED_AT_ONCE: usize = 8;

/// Before the decision about case `n` of many, counted from 0, for somebody who waits for all of them: now and then
/// others have a turn.
pub(crate) async fn take_turns(n: usize) {
    if n > 0 && n.is_multiple_of(DECIDED_AT_ONCE) {
        tokio::task::yield_now().await;
    }
}

/// A walk over the open cases of a lender, in the order of their ids. Each page is read when it is asked for: a case
/// that opens or closes meanwhile may be in it or not.
pub(crate) struct OpenCases<'e> {
    engine: &'e Engine,
    tenant: &'e TenantId,
    after: Option<CaseId>,
    is_over: bool,
}

impl OpenCases<'_> {
    /// The next page, each case with its borrower; it may be empty, as closed cases are left out. None after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<(PartyId, CaseId)>>, StoreError> {
        if self.is_over {
            return Ok(None);
        }
        let store = &self.engine.0.store;
        let filter = CaseFilter::default();
        let page = store.cases(self.tenant, &filter, self.after, PAGE).await?;
        self.after = page.rows.last().map(|c| c.id);
        self.is_over = !page.more;
        let open = page.rows.iter().filter(|c| c.closed.is_none());
        Ok(Some(open.map(|c| (c.borrower, c.id)).collect()))
    }
}

impl Engine {
    /// Begins a walk over the open cases of a lender.
    pub(crate) const fn walk_open_cases<'e>(&'e self, tenant: &'e TenantId) -> OpenCases<'e> {
        OpenCases {
            engine: self,
            tenant,
            after: None,
            is_over: false,
        }
    }

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
