//! The parts of a referral pack that the service itself can vouch for.

use jiff::Timestamp;
use recoup_domain::{Case, PastContact};

/// The statement of account as of `now`, as JSON.
pub(crate) fn statement(case: &Case, now: Timestamp) -> Vec<u8> {
    let a = case.amounts;
    let statement = serde_json::json!({
        "format": 1,
        "case": case.id,
        "as_of": now.to_string(),
        "currency": case.currency.code(),
        "minor_units": {
            "principal": a.principal,
            "interest": a.interest,
            "fees": a.fees,
            "overdue": a.overdue,
        },
        "oldest_unpaid_due_date": case.oldest_unpaid_due.map(|d| d.to_string()),
        "payments_recorded": case.payments.len(),
        "payments_minor": case.payments.iter().map(|(_, minor)| minor).sum::<i64>(),
        "disputed": case.dispute.is_some(),
    });
    serde_json::to_vec_pretty(&statement).unwrap_or_default()
}

/// Every contact of the case with its outcome, as JSON.
pub(crate) fn contact_log(case: &Case, contacts: &[PastContact]) -> Vec<u8> {
    let own = contacts.iter().filter(|c| c.concerns(case.id));
    let lines: Vec<_> = own
        .map(|c| {
            serde_json::json!({
                "contact": c.id,
                "channel": c.class,
                "at": c.at.to_string(),
                "effect_from": c.effect.from.to_string(),
                "effect_to": c.effect.to.to_string(),
                "state": c.state,
                "outcome": c.outcome,
            })
        })
        .collect();
    serde_json::to_vec_pretty(
        &serde_json::json!({ "format": 1, "case": case.id, "contacts": lines }),
    )
    .unwrap_or_default()
}
