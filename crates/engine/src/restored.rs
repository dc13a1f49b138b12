//! A store that was opened from a copy. What its predecessor did after the copy is not on record, so a contact may
//! have been made of each case that was due meanwhile: dispatch stays stopped until a person has compared with the
//! carriers, and each such case is held until somebody releases it.

use crate::commands::HoldInput;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::types::{Caller, CaseView};
use futures_util::{StreamExt, stream};
use jiff::SignedDuration;
use recoup_domain::contact::ContactState;
use recoup_domain::ids::{CaseId, TenantId};
use recoup_store::{Change, Histories, Restored, StoreError, Write};
use std::collections::HashSet;

/// Who holds the cases in doubt.
pub(crate) const ACTOR: &str = "restore";
/// How long cases are taken for, while they are held.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// Cases that are taken together, and those of them that are held at once.
const BATCH: usize = 512;
const AT_ONCE: usize = 64;
/// How far the numbers of contacts of one minute's history lie from those of the next.
const SLOTS_A_MINUTE: u32 = 64;

/// The least number of a contact in a history. The predecessor of a restored store may have used those that follow
/// in the copy: a carrier's report of one of them must not settle another contact, and no key is sent twice.
pub(crate) fn first_slot(histories: &Histories) -> u32 {
    histories.current().saturating_mul(SLOTS_A_MINUTE)
}

impl Engine {
    /// The number of the next contact of a case that is at `next` by its own count.
    pub(crate) fn slot_from(&self, next: u32) -> u32 {
        next.max(first_slot(&self.0.histories))
    }

    /// The times that the store was opened from a copy.
    #[must_use]
    pub fn histories(&self) -> &Histories {
        &self.0.histories
    }

    /// Holds every case that was due when a copy was opened as a store, and those that waited for a person: their
    /// contact may have been made after the copy. What a crash leaves undone the next start does.
    pub(crate) async fn hold_what_was_due(&self) -> Result<(), StoreError> {
        let Some(restored) = self.0.histories.unheld() else {
            return Ok(());
        };
        let (now, mut seen) = (self.0.wall.now(), HashSet::new());
        let waiting = self
            .0
            .store
            .contacts_in(ContactState::Planned, usize::MAX >> 1);
        let waiting: HashSet<CaseId> = waiting.await?.iter().map(|c| c.id.case).collect();
        let mut held = self.hold_all(restored, waiting, &mut seen).await?;
        loop {
            let claims = self.0.store.claim(now, LEASE, BATCH).await?;
            if claims.is_empty() {
                break;
            }
            let cases = claims.into_iter().map(|c| c.case);
            held += self.hold_all(restored, cases.collect(), &mut seen).await?;
        }
        let done = Change {
            writes: vec![Write::RestoreHeld(restored.history)],
            ..Change::default()
        };
        let done = self.0.store.commit(done).await;
        done.map_err(|e| StoreError::Refused(e.to_string()))?;
        tracing::warn!(
            held,
            copy = %restored.taken_at,
            "the store was restored from a copy: nothing is sent, and cases that were due since are held"
        );
        Ok(())
    }

    /// Holds those of the cases that were not seen yet; answers how many.
    async fn hold_all(
        &self,
        restored: &Restored,
        mut cases: HashSet<CaseId>,
        seen: &mut HashSet<CaseId>,
    ) -> Result<usize, StoreError> {
        cases.retain(|id| seen.insert(*id));
        let ids: Vec<CaseId> = cases.into_iter().collect();
        let facts = self.0.store.facts(&ids).await?;
        let of_us = |p: &recoup_domain::case::Pause| p.owner == ACTOR;
        let todo = facts.into_iter().map(|f| f.case);
        let todo = todo.filter(|c| !c.pauses.iter().any(of_us));
        let mut holding = stream::iter(todo)
            .map(|case| self.hold_doubtful(case.tenant, case.id, restored))
            .buffer_unordered(AT_ONCE);
        let mut held = 0;
        while let Some(done) = holding.next().await {
            match done {
                Ok(()) => held += 1,
                // It is closed: nothing is sent of it.
                Err(CommandError::Refused(_)) => {}
                Err(CommandError::Store(error)) => return Err(error),
                Err(error) => return Err(StoreError::Refused(error.to_string())),
            }
        }
        Ok(held)
    }

    async fn hold_doubtful(&self, tenant: TenantId, case: CaseId, restored: &Restored) -> Done<()> {
        let who = Caller {
            tenant,
            principal: ACTOR.to_owned(),
            request: None,
        };
        let input = HoldInput {
            reason: format!(
                "the store was restored from a copy of {}: a contact may have been made since",
                restored.taken_at
            ),
            until: None,
        };
        let unkept = |_: &CaseView| Vec::new();
        self.hold_case(&who, case, input, &unkept).await.map(drop)
    }
}
