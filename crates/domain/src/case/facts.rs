//! The lender's ledger changed, or evidence was added.

use super::{Amounts, Case, CaseEvent, CloseReason, Document, DueDate, Refusal, Scores};

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
    oldest_unpaid_due: Option<DueDate>,
    pause_days: Option<u32>,
    scores: Option<Scores>,
    tags: Option<Vec<String>>,
) -> Result<Vec<CaseEvent>, Refusal> {
    case.must_be_open()?;
    amounts.as_ref().map_or(Ok(()), check_amounts)?;
    scores.map_or(Ok(()), check_scores)?;
    let cured = amounts.is_some_and(|a| a.overdue == 0) && case.amounts.overdue > 0;
    // Paid needs a balance that was known and is gone: amounts that were never told read as 0.
    let was_owed = owed(&case.amounts) > 0;
    let paid = cured && was_owed && amounts.is_some_and(|a| owed(&a) == 0);
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
        events.extend(super::close::ending(case, reason, case.collected()));
    }
    Ok(events)
}

/// Principal, interest and fees together.
const fn owed(a: &Amounts) -> i64 {
    a.principal
        .saturating_add(a.interest)
        .saturating_add(a.fees)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{LenderKind, Opening, open};
    use crate::ids::{CaseId, KeyedHash, PartyId, TenantId};
    use crate::money::Currency;
    use crate::party::BorrowerKind;
    use crate::sealed::Sealed;
    use jiff::Timestamp;

    fn case(principal: i64) -> Case {
        let opening = Opening {
            id: CaseId::from_bytes([1; 16]),
            tenant: TenantId::new("t").unwrap(),
            lender_ref: KeyedHash([1; 16]),
            borrower: PartyId::from_bytes([2; 16]),
            parties: vec![],
            jurisdiction: "CN".into(),
            lender_kind: LenderKind::Bank,
            borrower_kind: BorrowerKind::Individual,
            product: None,
            currency: Currency::new("CNY").unwrap(),
            amounts: Amounts {
                principal,
                overdue: 100,
                ..Amounts::default()
            },
            oldest_unpaid_due: None,
            scores: Scores::default(),
            tags: vec![],
            documents: vec![],
            previous: None,
            sealed: Sealed::default(),
        };
        match open(opening, Timestamp::UNIX_EPOCH).unwrap() {
            CaseEvent::Opened(case) => *case,
            other => panic!("{other:?}"),
        }
    }

    fn closed_by(before: i64, after: Amounts) -> Option<CloseReason> {
        let events = update_facts(&case(before), Some(after), None, None, None, None).unwrap();
        events.into_iter().find_map(|e| match e {
            CaseEvent::Closed { reason, .. } => Some(reason),
            _ => None,
        })
    }

    #[test]
    fn a_due_date_is_told_kept_and_cleared() {
        let due = jiff::civil::date(2026, 4, 1);
        let mut case = case(0);
        for (told, then) in [
            (Some(DueDate::On(due)), Some(due)),
            (None, Some(due)),
            (Some(DueDate::Cleared), None),
        ] {
            let events = update_facts(&case, None, told, None, None, None).unwrap();
            // As a store keeps it.
            let json = serde_json::to_string(&events).unwrap();
            let events: Vec<CaseEvent> = serde_json::from_str(&json).unwrap();
            for event in &events {
                crate::case::apply(&mut case, event, Timestamp::UNIX_EPOCH);
            }
            assert_eq!(case.oldest_unpaid_due, then);
        }
        assert_eq!(case.dpd_on(due), 0);
    }

    #[test]
    fn a_case_is_cured_when_nothing_is_overdue_and_paid_when_nothing_is_owed() {
        let some = Amounts {
            principal: 50,
            ..Amounts::default()
        };
        assert_eq!(closed_by(500, some), Some(CloseReason::Cured));
        assert_eq!(closed_by(500, Amounts::default()), Some(CloseReason::Paid));
        assert_eq!(closed_by(0, Amounts::default()), Some(CloseReason::Cured));
        let still = Amounts {
            overdue: 1,
            ..Amounts::default()
        };
        assert_eq!(closed_by(500, still), None);
    }
}
