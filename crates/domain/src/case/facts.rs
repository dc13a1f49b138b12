//! The lender's ledger changed, or evidence was added.

use super::{Amounts, Case, CaseEvent, CloseReason, Document, Refusal, Scores};
use jiff::civil::Date;

pub(super) fn check_amounts(a: &Amounts) -> Result<(), Refusal> {
    let fields = [
        ("principal", a.principal),
        ("interest", a.interest),
        ("fees", a.fees),
        ("overdue", a.overdue),
    ];
    match fields.into_iter().find(|(_, minor)| *minor < 0) {
        Some((field, given)) => Err(Refusal::Amount {
            field,
            given,
            must: "0 or more",
        }),
        None => Ok(()),
    }
}

pub(super) fn check_scores(s: Scores) -> Result<(), Refusal> {
    match [("ability", s.ability), ("willingness", s.willingness)]
        .into_iter()
        .find_map(|(field, score)| score.filter(|v| *v > 100).map(|given| (field, given)))
    {
        Some((field, given)) => Err(Refusal::Score { field, given }),
        None => Ok(()),
    }
}

pub(super) fn check_document(d: &Document) -> Result<(), Refusal> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if d.sha256.len() == 64 && d.sha256.bytes().all(hex) {
        Ok(())
    } else {
        Err(Refusal::Sha256(d.sha256.clone()))
    }
}

/// Takes over what the lender's ledger says now. Fields that are none stay. A case whose overdue amount
/// falls to 0 from above 0 is cured by it.
///
/// # Errors
/// Where the case is closed, an amount is negative or a score out of range.
pub fn update_facts(
    case: &Case,
    amounts: Option<Amounts>,
    oldest_unpaid_due: Option<Date>,
    pause_days: Option<u32>,
    scores: Option<Scores>,
    tags: Option<Vec<String>>,
) -> Result<Vec<CaseEvent>, Refusal> {
    case.must_be_open()?;
    amounts.as_ref().map_or(Ok(()), check_amounts)?;
    scores.map_or(Ok(()), check_scores)?;
    let cured = amounts.is_some_and(|a| a.overdue == 0) && case.amounts.overdue > 0;
    let paid = cured && amounts.is_some_and(|a| a.principal == 0 && a.interest == 0 && a.fees == 0);
    let mut events = vec![CaseEvent::FactsUpdated {
        amounts,
        oldest_unpaid_due,
        pause_days,
        scores,
        tags,
    }];
    if cured {
        let reason = if paid {
            CloseReason::Paid
        } else {
            CloseReason::Cured
        };
        events.extend(super::close::ending(case, reason));
    }
    Ok(events)
}

/// Adds a document. The same one twice is no event.
///
/// # Errors
/// Where the case is closed or the hash is none.
pub fn add_document(case: &Case, document: Document) -> Result<Vec<CaseEvent>, Refusal> {
    case.must_be_open()?;
    check_document(&document)?;
    if case.documents.contains(&document) {
        return Ok(Vec::new());
    }
    Ok(vec![CaseEvent::DocumentAdded(document)])
}
