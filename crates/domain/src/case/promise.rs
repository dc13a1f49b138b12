//! Promises to pay, and the timers of all pauses.

use super::{Case, CaseEvent, EndedBy, Pause, PauseReason, Promise, PromiseResult, Refusal};
use crate::ids::PauseId;
use crate::money::Money;
use crate::time::{Zone, add_days};
use jiff::Timestamp;
use jiff::civil::Date;

/// Calendar days after the promised day before a promise counts as broken: money takes its time.
pub const PROMISE_GRACE_DAYS: i32 = 1;

/// The longest a promise may lie ahead, in calendar days; what is later is a plan, not a promise.
pub(super) const PROMISE_DAYS_MAX: i32 = 90;

/// What was promised.
#[derive(Clone, Debug)]
pub struct PromiseRequest {
    /// Id of the pause that stands for it.
    pub pause: PauseId,
    /// Minor units.
    pub amount: i64,
    /// The local day by the end of which it is to be paid.
    pub due: Date,
    /// Who took it.
    pub owner: String,
}

/// Records a promise: contact pauses until the promised day and a day of grace have passed in the
/// borrower's `zone`.
///
/// # Errors
/// Where the case is closed, the amount is not above 0 or is more than what is overdue, the day has passed or is
/// more than 90 days away.
pub fn record_promise(
    case: &Case,
    r: PromiseRequest,
    now: Timestamp,
    zone: &Zone,
) -> Result<Vec<CaseEvent>, Refusal> {
    case.must_be_open()?;
    let refused = |field, problem| Err(Refusal::Promise { field, problem });
    let overdue = case.amounts.overdue;
    if r.amount <= 0 || r.amount > overdue {
        return Err(Refusal::PromisedAmount {
            given: Money::new(r.amount, case.currency),
            overdue: Money::new(overdue, case.currency),
        });
    }
    let today = zone.date(now);
    if r.due < today || r.due > add_days(today, PROMISE_DAYS_MAX) {
        let last = add_days(today, PROMISE_DAYS_MAX);
        let problem = format!("{} does not lie between today ({today}) and {last}", r.due);
        return refused("due_date", problem);
    }
    let until = zone.start_of_day(add_days(r.due, 1 + PROMISE_GRACE_DAYS));
    let mut events: Vec<_> = case
        .pauses
        .iter()
        .filter(|p| p.reason == PauseReason::Promise)
        .map(|p| CaseEvent::PauseEnded {
            pause: p.id,
            by: EndedBy::Release,
        })
        .collect();
    events.push(CaseEvent::Paused(Pause {
        id: r.pause,
        reason: PauseReason::Promise,
        owner: r.owner,
        since: now,
        until,
        promise: Some(Promise {
            amount: r.amount,
            due: r.due,
            paid: 0,
            after_payments: u32::try_from(case.payments.len()).unwrap_or(u32::MAX),
        }),
    }));
    Ok(events)
}

/// What the timers of a case say at `now`: pauses whose end has come, in the order of their ends. The
/// second value is when the next one ends; none where none is left.
#[must_use]
pub fn due_timers(case: &Case, now: Timestamp) -> (Vec<CaseEvent>, Option<Timestamp>) {
    let mut due: Vec<&Pause> = case.pauses.iter().filter(|p| p.until <= now).collect();
    due.sort_by_key(|p| (p.until, p.id));
    let events = due.into_iter().map(end_of).collect();
    let next = case
        .pauses
        .iter()
        .map(|p| p.until)
        .filter(|until| *until > now)
        .min();
    (events, next)
}

fn end_of(pause: &Pause) -> CaseEvent {
    let Some(promise) = pause.promise else {
        return CaseEvent::PauseEnded {
            pause: pause.id,
            by: EndedBy::Timer,
        };
    };
    let result = match promise.paid {
        paid if paid >= promise.amount => PromiseResult::Kept,
        paid if paid > 0 => PromiseResult::Partial,
        _ => PromiseResult::Broken,
    };
    CaseEvent::PromiseResolved {
        pause: pause.id,
        result,
        paid: promise.paid,
    }
}
