//! The fold: an event changes the state, and nothing else does.

use super::{Case, CaseEvent, Closed, Moved};
use jiff::Timestamp;

/// Applies an event that took place at `at`. Total: an event that was recorded always applies, also to a
/// state a later version of the code would not have let it happen in.
pub fn apply(case: &mut Case, event: &CaseEvent, at: Timestamp) {
    match event {
        CaseEvent::Opened(opened) => *case = (**opened).clone(),
        CaseEvent::FactsUpdated {
            amounts,
            oldest_unpaid_due,
            pause_days,
            scores,
            tags,
        } => {
            case.amounts = amounts.unwrap_or(case.amounts);
            if let Some(told) = oldest_unpaid_due {
                case.oldest_unpaid_due = told.day();
            }
            case.pause_days = pause_days.unwrap_or(case.pause_days);
            case.scores = scores.unwrap_or(case.scores);
            if let Some(tags) = tags {
                case.tags.clone_from(tags);
            }
            case.skipped.clear();
        }
        // What could not be done before may be possible now: skipped steps are asked again.
        CaseEvent::DocumentAdded(document) => {
            case.skipped.clear();
            case.documents
                .retain(|d| d.sha256 != document.sha256 || d.kind != document.kind);
            case.documents.push(document.clone());
        }
        CaseEvent::PaymentRecorded(payment) => {
            case.payments.push((payment.reference, payment.amount));
            case.amounts.overdue = payment.overdue_after;
            let open_promises = case.pauses.iter_mut().filter_map(|p| p.promise.as_mut());
            open_promises.for_each(|p| p.paid = p.paid.saturating_add(payment.amount));
        }
        CaseEvent::PaymentReversed(reversal) => {
            let known = case.payments.iter();
            let place = known
                .take_while(|(reference, _)| *reference != reversal.reference)
                .count();
            case.reversed.push(reversal.reference);
            case.amounts.overdue = reversal.overdue_after;
            let open_promises = case.pauses.iter_mut().filter_map(|p| p.promise.as_mut());
            open_promises
                .filter(|p| usize::try_from(p.after_payments).is_ok_and(|after| place >= after))
                .for_each(|p| p.paid = p.paid.saturating_sub(reversal.amount).max(0));
        }
        CaseEvent::Paused(pause) => case.pauses.push(pause.clone()),
        CaseEvent::PauseEnded { pause, .. }
        | CaseEvent::PromiseResolved { pause, .. }
        | CaseEvent::ComplaintResolved { pause, .. } => {
            case.pauses.retain(|p| p.id != *pause);
        }
        CaseEvent::Disputed { dispute } => case.dispute = Some(*dispute),
        CaseEvent::DisputeResolved { pause, dispute, .. } => {
            case.pauses.retain(|p| p.id != *pause);
            case.dispute = *dispute;
        }
        CaseEvent::PolicyPinned(pin) => {
            case.policy = Some(pin.clone());
            case.stage = None;
            case.skipped.clear();
        }
        CaseEvent::PolicyMoved(policy_move) => {
            case.moved.push(Moved::of(policy_move, at));
            case.policy = Some(policy_move.to.clone());
            case.stage = policy_move.stage;
            case.skipped.clone_from(&policy_move.skipped);
            case.last_denial = None;
        }
        CaseEvent::StageEntered { to, .. } => {
            case.stage = *to;
            case.last_denial = None;
        }
        CaseEvent::StepSkipped { stage, step, .. } => case.skipped.push((*stage, *step)),
        CaseEvent::StepsReopened => {
            case.skipped.clear();
            case.last_denial = None;
        }
        CaseEvent::Denied(denial) => case.last_denial = Some(denial.clone()),
        CaseEvent::LegalBegan => case.legal_since = Some(at),
        CaseEvent::LegalRecalled => case.legal_since = None,
        CaseEvent::WorklistChanged { reason } => {
            case.worklist.clone_from(reason);
            case.worklist_since = case.worklist.as_ref().map(|_| at);
        }
        CaseEvent::Closed { reason, .. } => {
            case.closed = Some(Closed {
                reason: *reason,
                at,
            })
        }
    }
    if !matches!(event, CaseEvent::Opened(_)) {
        case.touch(at);
    }
}
