//! What may take the place of what: the same on every backend.

use crate::codec::ContactRow;
use crate::{CommitError, Guard};
use recoup_domain::contact::ContactState;
use recoup_domain::ids::TenantId;

/// The code of a closed case.
pub(crate) const CLOSED: u8 = 3;

/// Whether a snapshot may replace the stored one: of the same lender and no older.
pub(crate) fn may_follow(
    head: Option<(u64, String)>,
    tenant: &TenantId,
    version: u64,
    what: &'static str,
    stale: Guard,
) -> Result<(), CommitError> {
    match head {
        Some((_, owner)) if owner != tenant.as_str() => Err(CommitError::Taken(what)),
        Some((stored, _)) if stored > version => Err(CommitError::Stale(stale)),
        _ => Ok(()),
    }
}

/// Whether a contact may go from its stored state to its new one: at once, or over the states that its own
/// history names since (one change can hold several moves).
pub(crate) fn may_go(old: ContactState, contact: &ContactRow) -> bool {
    let edge = |from: ContactState, to| from.may_become(to) || from.may_be_corrected_to(to);
    if old == contact.state || edge(old, contact.state) {
        return true;
    }
    let since = contact.path.iter().rposition(|state| *state == old);
    since.is_some_and(|since| {
        let path = &contact.path[since..];
        path.last() == Some(&contact.state) && path.windows(2).all(|pair| edge(pair[0], pair[1]))
    })
}
