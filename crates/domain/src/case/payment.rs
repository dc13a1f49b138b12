//! Money came in.

use super::{Case, CaseEvent, CloseReason, PromiseResult, Refusal};
use crate::ids::KeyedHash;
use crate::money::{Currency, Money, MoneyError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A payment as recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Payment {
    /// Keyed hash of the lender's reference of the payment.
    pub reference: KeyedHash,
    /// Minor units of the case's currency.
    pub amount: i64,
    /// When the lender received it.
    pub received_at: Timestamp,
    /// What is overdue after it, in minor units.
    pub overdue_after: i64,
    /// Whether it brought the overdue amount from above 0 to 0.
    pub cures: bool,
}

/// A payment taken back, as recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reversal {
    /// Keyed hash of the lender's reference of the payment.
    pub reference: KeyedHash,
    /// Minor units that came in with it.
    pub amount: i64,
    /// What is overdue after it, in minor units.
    pub overdue_after: i64,
}

/// Takes a recorded payment back (bounced, charged back, booked to the wrong loan). The payment stays in
/// history. `overdue_after`, where the lender knows it, rules; without it the overdue amount rises by the
/// payment. One taken back before is no event. A case that was closed stays so: what is overdue again is a new one.
///
/// # Errors
/// Where the case was never paid by that reference, or the amount cannot be.
pub fn reverse_payment(
    case: &Case,
    reference: KeyedHash,
    overdue_after: Option<i64>,
) -> Result<Vec<CaseEvent>, Refusal> {
    let paid = case.payments.iter().find(|(known, _)| *known == reference);
    let Some((_, amount)) = paid.copied() else {
        return Err(Refusal::NoPayment);
    };
    if case.reversed.contains(&reference) {
        return Ok(Vec::new());
    }
    if let Some(given) = overdue_after.filter(|a| *a < 0) {
        return Err(Refusal::Amount {
            field: "balance_after",
            given,
            must: "0 or more",
        });
    }
    let overdue_after =
        overdue_after.unwrap_or_else(|| case.amounts.overdue.saturating_add(amount));
    Ok(vec![CaseEvent::PaymentReversed(Reversal {
        reference,
        amount,
        overdue_after,
    })])
}

/// Records a payment of `amount` minor units. `overdue_after`, where the lender knows it, rules; without
/// it the overdue amount falls by the payment, never below 0, and days past due stay until the lender
/// updates the facts. A payment recorded before is no event.
///
/// # Errors
/// Where the amount is not above 0 or not of the case's currency, or the reference was recorded with
/// another amount, or was taken back: what comes in again is another payment. A closed case still takes payments: money may come in late.
pub fn record_payment(
    case: &Case,
    reference: KeyedHash,
    amount: i64,
    currency: Currency,
    received_at: Timestamp,
    overdue_after: Option<i64>,
) -> Result<Vec<CaseEvent>, Refusal> {
    if amount <= 0 {
        return Err(Refusal::Amount {
            field: "amount",
            given: amount,
            must: "above 0",
        });
    }
    if let Some(given) = overdue_after.filter(|a| *a < 0) {
        return Err(Refusal::Amount {
            field: "balance_after",
            given,
            must: "0 or more",
        });
    }
    if currency != case.currency {
        return Err(MoneyError::Mixed(case.currency, currency).into());
    }
    if case.reversed.contains(&reference) {
        return Err(Refusal::TakenBack);
    }
    match case.payments.iter().find(|(known, _)| *known == reference) {
        Some((_, recorded)) if *recorded == amount => return Ok(Vec::new()),
        Some((_, recorded)) => {
            return Err(Refusal::OtherPayment {
                recorded: Money::new(*recorded, currency),
                given: Money::new(amount, currency),
            });
        }
        None => {}
    }
    let overdue_after =
        overdue_after.unwrap_or_else(|| case.amounts.overdue.saturating_sub(amount).max(0));
    let cures = case.closed.is_none() && case.amounts.overdue > 0 && overdue_after == 0;
    let mut events = vec![CaseEvent::PaymentRecorded(Payment {
        reference,
        amount,
        received_at,
        overdue_after,
        cures,
    })];
    if case.closed.is_some() {
        return Ok(events);
    }
    for pause in &case.pauses {
        let Some(promise) = pause.promise else {
            continue;
        };
        let paid = promise.paid.saturating_add(amount);
        if paid >= promise.amount {
            let result = PromiseResult::Kept;
            events.push(CaseEvent::PromiseResolved {
                pause: pause.id,
                result,
                paid,
            });
        }
    }
    if cures {
        let kept: Vec<_> = events
            .iter()
            .filter_map(|e| match e {
                CaseEvent::PromiseResolved { pause, .. } => Some(*pause),
                _ => None,
            })
            .collect();
        let collected = case.collected().saturating_add(amount);
        let endings = super::close::ending(case, CloseReason::Cured, collected);
        events.extend(endings.into_iter().filter(|e| match e {
            CaseEvent::PauseEnded { pause, .. } => !kept.contains(pause),
            _ => true,
        }));
    }
    Ok(events)
}
