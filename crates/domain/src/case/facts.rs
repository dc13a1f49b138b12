//! The lender's ledger changed, or evidence was added.

use super::{Amounts, Case, CaseEvent, CloseReason, Document, DueDate, Refusal, Scores};
use crate::time::Zone;
use jiff::Timestamp;
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

/// Something is overdue that is not due yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{due} lies ahead (where the borrower is it is {today}), and yet something is overdue: tell overdue 0 until \
     then, or the day on which the oldest of what is unpaid was due"
)]
pub struct NotDueYet {
    /// The oldest unpaid due date, as told.
    pub due: Date,
    /// The latest calendar day that it may be where the borrower is.
    pub today: Date,
}

/// Refuses an amount that is overdue before anything is due. Where the borrower may be in several zones, the
/// latest of their calendars counts: what may be due today is.
///
/// # Errors
/// Where something is overdue and the oldest unpaid due date lies ahead in every zone.
pub fn check_due(
    overdue: i64,
    due: Option<Date>,
    zones: &[Zone],
    now: Timestamp,
) -> Result<(), NotDueYet> {
    let today = zones.iter().map(|zone| zone.date(now)).max();
    match (due, today) {
        (Some(due), Some(today)) if overdue > 0 && due > today => Err(NotDueYet { due, today }),
        _ => Ok(()),
    }
}

/// [`check_due`] over what a case would hold after the lender's ledger was told; where neither amounts nor due date
/// are told, nothing is checked.
///
/// # Errors
/// As [`check_due`].
pub fn check_due_after(
    case: &Case,
    amounts: Option<Amounts>,
    due: Option<DueDate>,
    zones: &[Zone],
    now: Timestamp,
) -> Result<(), NotDueYet> {
    if amounts.is_none() && due.is_none() {
        return Ok(());
    }
    let then = match due {
        Some(DueDate::On(day)) => Some(day),
        Some(DueDate::Cleared) => None,
        None => case.oldest_unpaid_due,
    };
    check_due(amounts.unwrap_or(case.amounts).overdue, then, zones, now)
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
    fn nothing_is_overdue_before_it_is_due_on_the_latest_of_the_borrowers_calendars() {
        let zones = |names: &[&str]| -> Vec<Zone> {
            names.iter().map(|name| Zone::new(name).unwrap()).collect()
        };
        let day = |d| jiff::civil::date(2026, 11, d);
        // 22 November, 18:00 in Shanghai; noon in Honolulu is still the 22nd when Shanghai has the 23rd.
        let (evening, later) = ("2026-11-22T10:00:00Z", "2026-11-22T22:00:00Z");
        let two = ["Pacific/Honolulu", "Asia/Shanghai"];
        for (overdue, due, places, now, refused) in [
            (1, None, &two[1..], evening, None),
            (1, Some(day(21)), &two[1..], evening, None),
            (1, Some(day(22)), &two[1..], evening, None),
            (1, Some(day(23)), &two[1..], evening, Some(day(22))),
            (0, Some(day(23)), &two[1..], evening, None),
            // It is the 23rd somewhere.
            (1, Some(day(23)), &two[..], later, None),
            (1, Some(day(23)), &two[..1], later, Some(day(22))),
            (1, Some(day(24)), &two[..], later, Some(day(23))),
            // No zone, no calendar to judge by.
            (1, Some(day(24)), &two[..0], later, None),
        ] {
            let answer = check_due(overdue, due, &zones(places), now.parse().unwrap());
            let expected = match (due, refused) {
                (Some(due), Some(today)) => Err(NotDueYet { due, today }),
                _ => Ok(()),
            };
            assert_eq!(answer, expected, "{overdue} {due:?} {places:?} {now}");
        }
    }

    #[test]
    fn what_is_told_is_judged_with_what_stays() {
        let zones = [Zone::new("Asia/Shanghai").unwrap()];
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let ahead = jiff::civil::date(2026, 12, 1);
        let none = Amounts::default();
        let some = Amounts { overdue: 1, ..none };
        // 100 are overdue, and no due date is told.
        let late = case(500);
        let mut early = case(500);
        (early.amounts, early.oldest_unpaid_due) = (none, Some(ahead));
        let on = Some(DueDate::On(ahead));
        for (case, amounts, due, taken) in [
            (&late, None, on, false),
            (&late, Some(none), on, true),
            (&late, Some(some), on, false),
            (&early, Some(some), None, false),
            (&early, Some(some), Some(DueDate::Cleared), true),
            (&early, Some(none), None, true),
            (&early, None, on, true),
            (&early, None, None, true),
        ] {
            let answer = check_due_after(case, amounts, due, &zones, now);
            assert_eq!(answer.is_ok(), taken, "{amounts:?} {due:?}");
        }
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
