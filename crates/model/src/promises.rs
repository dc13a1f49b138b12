//! What holds in every state, and what is reached in some: a promise about states that no run comes to would be worth
//! nothing.

use crate::action::{Action, can_be_called_off, is_in};
use crate::protocol::Protocol;
use crate::world::{CASES, CancelAnswer, Goods, SLOTS, Task, World, case_of, slot};
use recoup_domain::contact::ContactState as S;
use stateright::Property;

/// The invariants by their numbers in docs/reliability.md, and the places that a full walk comes to.
pub(crate) fn all() -> Vec<Property<Protocol>> {
    type Holds = fn(&Protocol, &World) -> bool;
    let always = |name, holds: Holds| Property::always(name, holds);
    let sometimes = |name, comes: Holds| Property::sometimes(name, comes);
    vec![
        always("I1 a slot reaches its carrier once at most", |_, w| {
            w.carried.iter().all(|c| c.submitted <= 1)
        }),
        always("I1 a case that wants one contact makes one", |_, w| {
            let made = |c| {
                (slot(c, 0)..slot(c + 1, 0))
                    .map(|s| w.carried[s].submitted)
                    .sum::<u8>()
            };
            (0..CASES).all(|c| made(c) <= 1)
        }),
        always("I2 what a carrier has is on record", |_, w| {
            each(|s| w.carried[s].submitted == 0 || !is_in(w, s, S::RejectedProven))
        }),
        always("I2 what is on record as accepted a carrier has", |_, w| {
            let beyond = [
                S::Accepted,
                S::Effected,
                S::Cancelling,
                S::Cancelled,
                S::CancelUnknown,
            ];
            each(|s| w.carried[s].submitted == 1 || !beyond.iter().any(|b| is_in(w, s, *b)))
        }),
        always("I2 what is in flight has somebody who ends it", |p, w| {
            each(|s| !is_in(w, s, S::Dispatching) || is_in_hand(p, w, s))
        }),
        always("I3 the intent comes first", |_, w| {
            each(|s| w.carried[s].submitted == 0 || w.contacts[s].is_some())
        }),
        always("I4 no way back", |_, w| !w.broken.edge),
        always("I6 no intent after a stop", |_, w| !w.broken.late_intent),
        always("I6 a stop calls off what a carrier has", |_, w| {
            let lies_ahead = |s: usize| can_be_called_off(s) && w.carried[s].goods != Goods::Over;
            each(|s| !(w.stopped && lies_ahead(s) && is_in(w, s, S::Accepted)))
        }),
        always("I6 no effect follows a cancel that is done", |_, w| {
            each(|s| !is_in(w, s, S::Cancelled) || w.carried[s].goods == Goods::CalledOff)
        }),
        always("an effect on record took place", |_, w| {
            each(|s| !is_in(w, s, S::Effected) || w.carried[s].goods == Goods::Effected)
        }),
        sometimes("both reached", |_, w| {
            (0..CASES).all(|c| w.contacts_of(c).any(|k| k.state == S::Effected))
        }),
        sometimes("doubt", |_, w| some(|s| is_in(w, s, S::Unknown))),
        sometimes("a second contact after proof", |_, w| {
            (0..CASES).any(|c| {
                is_in(w, slot(c, 0), S::RejectedProven) && is_in(w, slot(c, 1), S::Effected)
            })
        }),
        sometimes("called off in time", |_, w| {
            some(|s| is_in(w, s, S::Cancelled))
        }),
        sometimes("called off too late", |_, w| {
            w.replicas
                .iter()
                .any(|r| matches!(r.cancel, Some((_, CancelAnswer::TooLate))))
        }),
        sometimes("a cancel in doubt", |_, w| {
            some(|s| is_in(w, s, S::CancelUnknown))
        }),
        sometimes("a zombie sends what is in doubt already", |_, w| {
            some(|s| is_in(w, s, S::Unknown) && is_being_sent(w, s))
        }),
        sometimes("two at one case", |_, w| {
            (0..CASES).any(|c| {
                w.replicas
                    .iter()
                    .filter(|r| matches!(r.tasks[c], Task::Decided { .. }))
                    .count()
                    > 1
            })
        }),
    ]
}

fn each(holds: impl Fn(usize) -> bool) -> bool {
    (0..SLOTS).all(holds)
}

fn some(comes: impl Fn(usize) -> bool) -> bool {
    (0..SLOTS).any(comes)
}

/// Whether its process is at it, or it is nobody's and is found.
fn is_in_hand(protocol: &Protocol, w: &World, s: usize) -> bool {
    let Some(contact) = w.contacts[s] else {
        return false;
    };
    match contact.owner {
        None => !w.somebody_runs() || w.after(Action::Doubt(s), protocol) != *w,
        Some(r) => {
            let seq_of = |task| match task {
                Task::Sending { seq, .. } | Task::Answered { seq, .. } => Some(seq),
                _ => None,
            };
            let task = w.replicas[usize::from(r)].tasks[case_of(s)];
            seq_of(task).is_some_and(|seq| slot(case_of(s), seq) == s)
        }
    }
}

fn is_being_sent(w: &World, s: usize) -> bool {
    let at_it =
        |task: &Task| matches!(task, Task::Sending { seq, .. } if slot(case_of(s), *seq) == s);
    w.replicas.iter().any(|r| at_it(&r.tasks[case_of(s)]))
}
