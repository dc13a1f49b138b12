//! Holds and other pauses.

use super::{Case, CaseEvent, EndedBy, Pause, PauseReason, Refusal, WorklistReason};
use crate::ids::PauseId;
use jiff::Timestamp;

/// A pause somebody asks for.
#[derive(Clone, Debug)]
pub struct PauseRequest {
    /// Its id.
    pub id: PauseId,
    /// Why.
    pub reason: PauseReason,
    /// Who answers for it.
    pub owner: String,
    /// When it ends by itself.
    pub until: Timestamp,
}

/// Pauses contact.
///
/// # Errors
/// Where the case is closed or the end is not ahead.
pub fn pause(case: &Case, r: PauseRequest, now: Timestamp) -> Result<Vec<CaseEvent>, Refusal> {
    case.must_be_open()?;
    if r.until <= now {
        let problem = format!("{} is not ahead of now ({now})", r.until);
        return Err(Refusal::Time {
            field: "until",
            problem,
        });
    }
    let PauseRequest {
        id,
        reason,
        owner,
        until,
    } = r;
    Ok(vec![CaseEvent::Paused(Pause {
        id,
        reason,
        owner,
        since: now,
        until,
        promise: None,
    })])
}

/// Ends what somebody holds the case by: its holds; where it has none, a declared hardship.
///
/// # Errors
/// Where neither pauses it, which is so of every closed case.
pub fn release_hold(case: &Case) -> Result<Vec<CaseEvent>, Refusal> {
    let held_by = |reason: PauseReason| {
        let own = case.pauses.iter().filter(move |p| p.reason == reason);
        let ended = |p: &Pause| CaseEvent::PauseEnded {
            pause: p.id,
            by: EndedBy::Release,
        };
        own.map(ended).collect::<Vec<_>>()
    };
    let mut ended = held_by(PauseReason::Hold);
    if ended.is_empty() {
        ended = held_by(PauseReason::Hardship);
    }
    if ended.is_empty() {
        return Err(Refusal::NotPaused("a hold"));
    }
    // Who releases it says that it was seen to.
    if case.worklist == Some(WorklistReason::DisputeWon) {
        ended.push(CaseEvent::WorklistChanged { reason: None });
    }
    Ok(ended)
}

/// Ends a pause before its time.
///
/// # Errors
/// Where the case is closed or has no such pause.
pub fn release(case: &Case, id: PauseId) -> Result<Vec<CaseEvent>, Refusal> {
    case.must_be_open()?;
    if case.pauses.iter().all(|p| p.id != id) {
        return Err(Refusal::Missing("such pause"));
    }
    Ok(vec![CaseEvent::PauseEnded {
        pause: id,
        by: EndedBy::Release,
    }])
}
