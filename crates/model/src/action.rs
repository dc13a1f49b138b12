//! What can happen next, whatever the service would like.

use crate::world::{Answer, CASES, Goods, REPLICAS, SLOTS, Task, VISIT, World, case_of};
use recoup_domain::contact::ContactState;

/// A step of a process, of a carrier or of the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A process takes a lease on a case.
    Claim(usize, usize),
    /// It reads the facts and decides.
    Decide(usize, usize),
    /// It commits the intent (T1).
    Intend(usize, usize),
    /// It calls the channel.
    Send(usize, usize, Reply),
    /// It commits what the channel answered (T2).
    Record(usize, usize),
    /// Some process finds a contact in flight whose process is gone.
    Doubt(usize),
    /// A process asks the carrier to call a contact off.
    AskCancel(usize, usize, Line),
    /// It commits what the carrier answered.
    RecordCancel(usize),
    /// What a carrier has reaches the person.
    Effect(usize),
    /// The time of what a carrier has is over.
    Pass(usize),
    /// The carrier's receipt goes on record.
    Receipt(usize),
    /// The borrower pays: nothing may follow.
    Stop,
    /// kill -9.
    Kill(usize),
    /// A process starts anew.
    Start(usize),
    /// A process stood still so long that it is taken for gone; it goes on without knowing.
    Lapse(usize),
}

/// How a line to a carrier does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    /// It holds.
    Holds,
    /// The request is lost.
    Cut,
    /// The answer is lost.
    Deaf,
}

impl Line {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Holds, Self::Cut, Self::Deaf];
}

/// What comes of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// The carrier takes it and says so.
    Taken,
    /// The carrier takes it, reaches the person and says so.
    Reached,
    /// Nothing left, provably.
    Refused,
    /// The carrier takes it, and the answer is lost.
    TakenUnheard,
    /// It never arrived, and nobody can tell.
    Vanished,
}

impl Reply {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Taken,
        Self::Reached,
        Self::Refused,
        Self::TakenUnheard,
        Self::Vanished,
    ];

    /// What the process is told.
    #[must_use]
    pub const fn says(self) -> Answer {
        match self {
            Self::Taken => Answer::Accepted,
            Self::Reached => Answer::Effected,
            Self::Refused => Answer::Refused,
            Self::TakenUnheard | Self::Vanished => Answer::Unknown,
        }
    }
}

/// All that can happen in a world.
pub(crate) fn enabled(world: &World, actions: &mut Vec<Action>) {
    for r in 0..REPLICAS {
        of_replica(world, r, actions);
    }
    for slot in 0..SLOTS {
        of_slot(world, slot, actions);
    }
    if !world.stopped {
        actions.push(Action::Stop);
    }
}

fn of_replica(world: &World, r: usize, actions: &mut Vec<Action>) {
    let replica = &world.replicas[r];
    if replica.dead {
        actions.push(Action::Start(r));
        return;
    }
    for c in 0..CASES {
        let case = &world.cases[c];
        match replica.tasks[c] {
            Task::Idle if case.due && case.holder.is_none() => actions.push(Action::Claim(r, c)),
            Task::Idle => {}
            Task::Claimed { .. } => actions.push(Action::Decide(r, c)),
            Task::Decided { .. } => actions.push(Action::Intend(r, c)),
            Task::Sending { .. } => {
                actions.extend(Reply::ALL.map(|reply| Action::Send(r, c, reply)));
            }
            Task::Answered { .. } => actions.push(Action::Record(r, c)),
        }
    }
    if replica.cancel.is_some() {
        actions.push(Action::RecordCancel(r));
    } else {
        let asked = (0..SLOTS).filter(|s| is_in(world, *s, ContactState::Cancelling));
        actions.extend(asked.flat_map(|s| Line::ALL.map(|line| Action::AskCancel(r, s, line))));
    }
    if world.kills > 0 {
        actions.push(Action::Kill(r));
    }
    let is_at_something = world.cases.iter().any(|c| c.holder == Some(r as u8))
        || world
            .contacts
            .iter()
            .flatten()
            .any(|c| c.owner == Some(r as u8));
    if world.lapses > 0 && is_at_something {
        actions.push(Action::Lapse(r));
    }
}

fn of_slot(world: &World, slot: usize, actions: &mut Vec<Action>) {
    let carried = world.carried[slot];
    if carried.submitted > 0 && carried.goods == Goods::Waits {
        actions.extend([Action::Effect(slot), Action::Pass(slot)]);
    }
    if carried.goods == Goods::Effected {
        actions.push(Action::Receipt(slot));
    }
    let left = world.contacts[slot].is_some_and(|c| c.owner.is_none());
    if left && is_in(world, slot, ContactState::Dispatching) && world.somebody_runs() {
        actions.push(Action::Doubt(slot));
    }
}

/// Whether a slot's contact stands in a state.
pub(crate) fn is_in(world: &World, slot: usize, state: ContactState) -> bool {
    world.contacts[slot].is_some_and(|c| c.state == state)
}

/// Whether a carrier can call it off.
pub(crate) const fn can_be_called_off(slot: usize) -> bool {
    case_of(slot) == VISIT
}
