//! Whether what was seen of a run is a path of the model.

use crate::action::{Action, enabled};
use crate::protocol::Protocol;
use crate::world::World;
use recoup_domain::contact::ContactState;
use std::collections::HashSet;

/// What the journal and the carriers' logs show of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// A slot's contact came to a state.
    Moved(usize, ContactState),
    /// A carrier was given a slot's contact.
    Submitted(usize),
    /// The time of what a carrier had was over, and nobody was reached.
    Passed(usize),
    /// The borrower paid.
    Stopped,
    /// A process was killed.
    Killed,
}

/// The place in a run where it leaves the model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stray {
    /// How much of it the model can follow.
    pub followed: usize,
    /// What it cannot.
    pub strange: Seen,
}

/// Follows runs through the model.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    protocol: Protocol,
}

impl Walk {
    /// By the protocol, without a flaw.
    #[must_use]
    pub const fn new(protocol: Protocol) -> Self {
        Self { protocol }
    }

    /// Looks for a path of the model that shows what was seen, in its order. Other carriers' effects and what is no
    /// step of the protocol are not to be given.
    ///
    /// # Errors
    /// Where there is none: how far the longest goes.
    pub fn follow(&self, run: &[Seen]) -> Result<(), Stray> {
        let start = World::new(self.protocol.kills, self.protocol.lapses);
        let mut known = HashSet::from([(start.clone(), 0)]);
        let mut todo = vec![(start, 0)];
        let mut followed = 0;
        while let Some((world, at)) = todo.pop() {
            followed = followed.max(at);
            if at == run.len() {
                return Ok(());
            }
            for next in self.shown_next(&world, at, run) {
                if known.insert(next.clone()) {
                    todo.push(next);
                }
            }
        }
        Err(Stray {
            followed,
            strange: run[followed],
        })
    }

    /// Where a step leads of which nothing else is seen than what comes next in the run.
    fn shown_next(&self, world: &World, at: usize, run: &[Seen]) -> Vec<(World, usize)> {
        let mut actions = Vec::new();
        enabled(world, &mut actions);
        let step = |action| {
            let (after, mut seen) = world.step(action, &self.protocol);
            if matches!(action, Action::Kill(_)) {
                seen.push(Seen::Killed);
            }
            let shows = run[at..].starts_with(&seen);
            shows.then(|| (after.representative(), at + seen.len()))
        };
        actions.into_iter().filter_map(step).collect()
    }
}
