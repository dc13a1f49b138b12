//! Disputes and complaints: each pauses contact until a person settles it.

use super::{Case, CaseEvent, Pause, PauseReason, Refusal, WorklistReason};
use crate::ids::PauseId;
use crate::party::Dispute;
use crate::time::{NEVER, Zone, add_days};
use jiff::Timestamp;

/// Calendar days after the day a complaint was received in which it is answered (house rule).
pub const COMPLAINT_DAYS: i32 = 15;

/// A dispute or a complaint as told.
#[derive(Clone, Debug)]
pub struct Objection {
    /// Id of the pause that stands for it.
    pub pause: PauseId,
    /// Who answers for it.
    pub owner: String,
    /// When it was received.
    pub received_at: Timestamp,
}

/// How a dispute ends.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The debt stands; otherwise the borrower was right.
    pub verified: bool,
    /// Verification was sent to the borrower.
    pub sent: bool,
    /// Id of the hold that follows where the borrower was right, and who owns it.
    pub hold: (PauseId, String),
}

/// The debt or its amount is disputed: contact pauses until a person settles it. A `written` one is known to
/// the gate too, for as long as no verification was sent.
///
/// # Errors
/// Where the case is closed.
pub fn raise_dispute(case: &Case, o: Objection, written: bool) -> Result<Vec<CaseEvent>, Refusal> {
    case.must_be_open()?;
    let mut events = vec![paused(o, PauseReason::Dispute)];
    if written {
        let dispute = Dispute::WrittenUnverified;
        events.push(CaseEvent::Disputed { dispute });
    }
    Ok(events)
}

/// Settles a dispute. Where the borrower was right, the case stays on hold for the lender to correct it or
/// close it. Where the debt stands but no verification was sent, a written dispute stays known to the gate.
///
/// # Errors
/// Where the case has no such dispute, which is so of every closed case.
pub fn resolve_dispute(
    case: &Case,
    pause: PauseId,
    s: Settlement,
    now: Timestamp,
) -> Result<Vec<CaseEvent>, Refusal> {
    open_one(case, pause, PauseReason::Dispute).ok_or(Refusal::Missing("such dispute"))?;
    let disputes = case.pauses.iter();
    let others = disputes
        .filter(|p| p.reason == PauseReason::Dispute && p.id != pause)
        .count();
    let dispute = if s.sent && others == 0 {
        case.dispute.map(|_| Dispute::VerifiedSent)
    } else {
        case.dispute
    };
    let verified = s.verified;
    let mut events = vec![CaseEvent::DisputeResolved {
        pause,
        verified,
        dispute,
    }];
    if !verified {
        let (id, owner) = s.hold;
        events.push(CaseEvent::Paused(Pause {
            id,
            reason: PauseReason::Hold,
            owner,
            since: now,
            until: NEVER,
            promise: None,
        }));
        // Until the case is released.
        let reason = Some(WorklistReason::DisputeWon);
        events.push(CaseEvent::WorklistChanged { reason });
    }
    Ok(events)
}

/// Somebody complains: contact pauses until a person settles it.
///
/// # Errors
/// Where the case is closed.
pub fn file_complaint(case: &Case, o: Objection) -> Result<Vec<CaseEvent>, Refusal> {
    case.must_be_open()?;
    Ok(vec![paused(o, PauseReason::Complaint)])
}

/// Settles a complaint.
///
/// # Errors
/// Where the case has no such complaint, which is so of every closed case.
pub fn resolve_complaint(
    case: &Case,
    pause: PauseId,
    upheld: bool,
) -> Result<Vec<CaseEvent>, Refusal> {
    open_one(case, pause, PauseReason::Complaint).ok_or(Refusal::Missing("such complaint"))?;
    Ok(vec![CaseEvent::ComplaintResolved { pause, upheld }])
}

/// Before when a complaint is answered: the end of its last day in the borrower's `zone`.
#[must_use]
pub fn complaint_due(pause: &Pause, zone: &Zone) -> Timestamp {
    zone.start_of_day(add_days(zone.date(pause.since), COMPLAINT_DAYS + 1))
}

fn paused(o: Objection, reason: PauseReason) -> CaseEvent {
    CaseEvent::Paused(Pause {
        id: o.pause,
        reason,
        owner: o.owner,
        since: o.received_at,
        until: NEVER,
        promise: None,
    })
}

fn open_one(case: &Case, id: PauseId, reason: PauseReason) -> Option<&Pause> {
    let mut pauses = case.pauses.iter();
    pauses.find(|p| p.id == id && p.reason == reason)
}
