//! The end of a case.

use super::{Case, CaseEvent, CloseReason, EndedBy, Refusal};

/// Closes a case. Final.
///
/// # Errors
/// Where it is closed already.
pub fn close(case: &Case, reason: CloseReason) -> Result<Vec<CaseEvent>, Refusal> {
    case.must_be_open()?;
    Ok(ending(case, reason, case.collected()))
}

/// What an end brings with it: pauses end, the worklist entry goes, the case is closed with `collected` minor
/// units.
pub(super) fn ending(case: &Case, reason: CloseReason, collected: i64) -> Vec<CaseEvent> {
    let pauses = case.pauses.iter().map(|p| CaseEvent::PauseEnded {
        pause: p.id,
        by: EndedBy::Close,
    });
    let off = case.worklist.as_ref();
    let off = off.map(|_| CaseEvent::WorklistChanged { reason: None });
    pauses
        .chain(off)
        .chain([CaseEvent::Closed { reason, collected }])
        .collect()
}
