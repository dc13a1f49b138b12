//! What must hold of every decision and of every life, by arithmetic of its own: none of it asks the gate.

use super::world::World;
use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp};
use recoup_decide::{Action, Decision, FullTrace, Input, NoTrace, RETRIES_MAX, stage_of, step};
use recoup_domain::case::CaseEvent;
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::outcome::Outcome;
use recoup_domain::past::Direction;
use recoup_domain::time::{SLOT, days_between};
use recoup_domain::{Party, PastContact};

/// How far a sleep is looked into.
const LOOKED_INTO: SignedDuration = SignedDuration::from_hours(24 * 20);
/// At how many places.
const PLACES: i64 = 6;

/// Nothing is done in a sleep that a decision between would have done: asked in between, it neither contacts
/// nor puts anything on record. (A denial may: it is recorded only where somebody asked.)
pub(crate) fn a_sleep_is_sound(input: &Input<'_>, now: Timestamp, decision: &Decision) {
    let Action::Sleep { until } = decision.action else {
        return;
    };
    // Then it is asked again as soon as that is on record.
    let moves = !decision.dropped.is_empty() || until.is_some_and(|at| at <= now);
    if moves {
        return;
    }
    let end = until.unwrap_or(Timestamp::MAX).min(now + LOOKED_INTO);
    let length = end.duration_since(now);
    for place in 1..=PLACES {
        // What is due within the last slot is asked for at its end.
        let near = now + length.checked_mul(place as i32).unwrap() / (PLACES as i32 + 1);
        let at = near.min(end - SLOT);
        if at <= now {
            continue;
        }
        let between = step(input, at, &mut NoTrace::default());
        let known = |e: &CaseEvent| {
            matches!(e, CaseEvent::Denied(_)) || decision.events.iter().any(|k| says_the_same(e, k))
        };
        let sleeps = matches!(between.action, Action::Sleep { .. });
        assert!(
            sleeps && between.events.iter().all(known) && between.dropped.is_empty(),
            "decided at {now}: {decision:?}\nat {at}: {between:?}"
        );
    }
}

/// A stage is entered once: on whatever day it is put on record.
fn says_the_same(a: &CaseEvent, b: &CaseEvent) -> bool {
    match (a, b) {
        (
            CaseEvent::StageEntered { from, to, .. },
            CaseEvent::StageEntered { from: f, to: t, .. },
        ) => (from, to) == (f, t),
        _ => a == b,
    }
}

/// Where a step is what a sleep ends for, the step goes then, if nothing happened in between.
pub(crate) fn a_sleep_is_live(
    input: &Input<'_>,
    now: Timestamp,
    decision: &Decision,
    trace: &FullTrace,
) {
    let Action::Sleep { until } = decision.action else {
        return;
    };
    let Some((place, due)) = trace.due.iter().min_by_key(|(_, at)| *at).copied() else {
        return;
    };
    let until = until.unwrap_or_else(|| panic!("step {place:?} is due at {due}, asleep for ever"));
    assert!(
        until <= due,
        "step {place:?} is due at {due}, asleep to {until}"
    );
    let stage = |at| stage_of(input, at, &mut NoTrace::default()).1;
    if until < due || until <= now || stage(now) != stage(due) {
        return;
    }
    let then = step(input, due, &mut NoTrace::default());
    assert!(
        matches!(then.action, Action::Contact(_)),
        "decided at {now}: {decision:?}\nat {due}: {then:?}"
    );
}

/// Never a contact where facts forbid every contact.
pub(crate) fn a_contact_is_allowed(input: &Input<'_>, decision: &Decision) {
    let Action::Contact(plan) = &decision.action else {
        return;
    };
    let case = input.case;
    assert!(case.closed.is_none(), "closed: {plan:?}");
    assert!(case.pauses.is_empty(), "paused: {plan:?}");
    assert!(!input.borrower.deceased, "dead: {plan:?}");
    let stopped = input.borrower.has_ceased(case.id, false);
    assert!(
        !stopped || plan.class == ContactClass::Legal,
        "ceased: {plan:?}"
    );
    let point = plan.point.map(|key| input.borrower.point(key).unwrap());
    assert_eq!(point.is_none(), plan.class == ContactClass::Legal);
    assert!(point.is_none_or(|p| p.kind.serves(plan.class)), "{point:?}");
    assert!(plan.effect.from < plan.expires, "{plan:?}");
}

/// Hours, limits and order of a whole life.
pub(crate) fn a_life_is_lawful(world: &World, context: &str) {
    let gone = |c: &&PastContact| c.state.is_some_and(ContactState::has_intent);
    let sent: Vec<&PastContact> = world.contacts.iter().filter(gone).collect();
    let own = sent.iter().enumerate().filter(|(_, c)| c.place.is_some());
    for (i, c) in own {
        let context = format!("{context}: {c:?}");
        hours(world, c, &context);
        limits(world, c, &sent[..i], &context);
        if let Some(closed) = world.case.closed {
            assert!(c.at < closed.at, "after the end, {context}");
        }
    }
    retries(&sent, context);
}

/// The country of the case, whatever the state.
fn country(world: &World) -> &str {
    let place = world.case.jurisdiction.as_str();
    place.split('-').next().unwrap_or(place)
}

fn hours(world: &World, c: &PastContact, context: &str) {
    let (open, close) = match (country(world), c.class) {
        (_, ContactClass::Legal) => return,
        (_, ContactClass::Visit) => (8, 20),
        ("US", _) => (8, 21),
        _ => (8, 22),
    };
    let (open, close) = (
        Time::constant(open, 0, 0, 0),
        Time::constant(close, 0, 0, 0),
    );
    let Party { zones, .. } = &world.borrower;
    for zone in zones {
        let (from, to) = (zone.time(c.effect.from), zone.time(c.effect.to));
        let one_day = zone.date(c.effect.from) == zone.date(c.effect.to);
        assert!(
            open <= from && to <= close && one_day,
            "{zone:?}, {context}"
        );
    }
}

/// What was made before `c`, counted as the rules count.
fn limits(world: &World, c: &PastContact, before: &[&PastContact], context: &str) {
    use Outcome as O;
    let zone = world.borrower.home_zone();
    let days_ago =
        |b: &PastContact| days_between(zone.date(b.effect.from), zone.date(c.effect.from));
    let made = |b: &&&PastContact| b.direction == Direction::Outbound && b.is_made();
    let count = |fits: &dyn Fn(&PastContact) -> bool| {
        before.iter().filter(made).filter(|b| fits(b)).count()
    };
    let reaches = |b: &PastContact| b.class != ContactClass::Legal;
    let called = |b: &PastContact, outcomes: &[O]| {
        b.class == ContactClass::Phone && b.counted().is_some_and(|o| outcomes.contains(&o))
    };
    if reaches(c) {
        let today = count(&|b| reaches(b) && days_ago(b) == 0);
        assert!(today < 5, "{today} that day, {context}");
    }
    if c.class == ContactClass::Sms {
        let today = count(&|b| b.class == c.class && b.debt == c.debt && days_ago(b) == 0);
        assert_eq!(today, 0, "texts that day, {context}");
    }
    if matches!(c.class, ContactClass::Visit | ContactClass::Legal) {
        let earlier = count(&|b| b.class != c.class && b.debt == c.debt);
        assert!(earlier > 0, "without a contact before, {context}");
    }
    if c.class == ContactClass::Visit {
        assert!(world.visitors >= 2, "alone, {context}");
        assert!(
            world.case.has_evidence_pack(),
            "without evidence, {context}"
        );
    }
    if c.class != ContactClass::Phone {
        return;
    }
    if country(world) == "US" {
        let uncounted = [O::Busy, O::NotInService, O::Cancelled];
        let week = count(&|b| {
            b.class == c.class
                && b.debt == c.debt
                && (0..7).contains(&days_ago(b))
                && b.counted().is_some_and(|o| !uncounted.contains(&o))
        });
        assert!(week < 7, "{week} calls in seven days, {context}");
        let talked = count(&|b| {
            b.debt == c.debt && (0..7).contains(&days_ago(b)) && called(b, &[O::Conversation])
        });
        assert_eq!(talked, 0, "within seven days of a conversation, {context}");
    } else {
        let talks = [O::Conversation, O::AnsweredUnconfirmed, O::Unknown];
        let today = count(&|b| called(b, &talks) && days_ago(b) == 0);
        assert!(today < 3, "{today} talks that day, {context}");
    }
}

/// No more than so many tries that are proven not sent follow each other at one step.
fn retries(sent: &[&PastContact], context: &str) {
    let mut places: Vec<_> = sent.iter().filter_map(|c| c.place).collect();
    places.sort_unstable();
    places.dedup();
    for place in places {
        let mut run = 0;
        for c in sent.iter().filter(|c| c.place == Some(place)) {
            let failed = c.state == Some(ContactState::RejectedProven);
            run = if failed { run + 1 } else { 0 };
            assert!(
                run <= 1 + RETRIES_MAX,
                "tried {run} times, {context}: {c:?}"
            );
        }
    }
}
