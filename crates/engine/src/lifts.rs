//! What lenders have overridden, for the decisions of their cases.

use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::Done;
use crate::stops::alarm_for_sending;
use recoup_domain::contact::{Contact, ContactState};
use recoup_domain::ids::{OverrideId, TenantId};
use recoup_domain::overrides::{Lift, Override};
use recoup_store::Facts;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// A lender's approved overrides, and how many times its overrides were written.
pub(crate) type Told = (u64, Vec<Override>);

/// What was read of each lender last, for cases that are new: what is old is noticed by the guard of whoever used
/// it, and forgotten then.
#[derive(Default)]
pub(crate) struct Known(Mutex<HashMap<TenantId, Told>>);

impl Known {
    fn get(&self, tenant: &TenantId) -> Option<Told> {
        self.lock().get(tenant).cloned()
    }

    fn put(&self, tenant: &TenantId, told: Told) {
        self.lock().insert(tenant.clone(), told);
    }

    /// What was read has moved.
    pub(crate) fn forget(&self, tenant: &TenantId) {
        self.lock().remove(tenant);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TenantId, Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is lifted for a case.
pub(crate) fn lifts(overrides: &[Override]) -> impl Iterator<Item = Lift> + '_ {
    overrides.iter().filter_map(Override::lift)
}

/// Whether a contact was permitted by an override that was revoked since.
pub(crate) fn is_unlifted(contact: &Contact, overrides: &[Override]) -> bool {
    let decision = contact.decision.iter();
    let mut lifted = decision.flat_map(|d| d.lifted.iter().map(|l| l.id));
    let revoked = |id: OverrideId| {
        let mut ended = overrides.iter().filter(|o| o.revoked.is_some());
        ended.any(|o| o.id == id)
    };
    lifted.any(revoked)
}

impl Engine {
    /// The lender's overrides that can be about a case that is new: those about no other case.
    pub(crate) async fn wide_overrides(&self, tenant: &TenantId) -> Done<Told> {
        let (version, all) = match self.0.known.get(tenant) {
            Some(told) => told,
            None => {
                let told = self.0.store.approved_overrides(tenant).await?;
                self.0.known.put(tenant, told.clone());
                told
            }
        };
        let wide = all.into_iter().filter(|o| o.case.is_none());
        Ok((version, wide.collect()))
    }

    /// Begins to call off what the case's channels accepted under an override that was revoked since, and puts the case
    /// before a person where nobody can say whether such a contact was sent; answers whether anything was done.
    pub(crate) async fn call_off_unlifted(&self, draft: &mut Draft, facts: &Facts) -> Done<bool> {
        if facts.overrides.iter().all(|o| o.revoked.is_none()) {
            return Ok(false);
        }
        let case = facts.case.id;
        let on_its_way = |s| matches!(s, ContactState::Accepted | ContactState::Unknown);
        let sent = facts
            .contacts
            .iter()
            .filter(|c| c.state.is_some_and(on_its_way) && c.id.is_some_and(|id| id.case == case));
        let mut some = false;
        for id in sent.filter_map(|c| c.id) {
            let stored = self.0.store.contact(&facts.case.tenant, id).await?;
            let Some(contact) = stored.filter(|c| is_unlifted(c, &facts.overrides)) else {
                continue;
            };
            if contact.state == ContactState::Accepted && contact.can_be_called_off(draft.now) {
                draft.hold_contact(contact);
                self.begin_cancel(draft, id);
                some = true;
            } else if contact.state == ContactState::Unknown && draft.now < contact.effect.to {
                some |= alarm_for_sending(draft, case);
            }
        }
        Ok(some)
    }
}
