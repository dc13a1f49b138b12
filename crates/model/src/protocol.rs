//! The model as the checker asks for it.

use crate::action::{Action, enabled};
use crate::promises;
use crate::world::World;
use stateright::{Model, Property};

/// The protocol, with at most one flaw.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protocol {
    /// How often a process may be killed.
    pub kills: u8,
    /// How often one may stand still past its lease.
    pub lapses: u8,
    /// What is left out of it, to see that the promises would notice.
    pub flaw: Option<Flaw>,
}

/// A rule of the protocol that somebody forgot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// T1 compares no versions and no number of the contact: who read long ago writes all the same.
    VersionsUnchecked,
    /// A fact that forbids contact counts no version up, and T1 does not look at facts again.
    StopUncounted,
    /// An intent whose process is gone is sent again.
    SentAgain,
    /// An answer that did not come is taken for proof that nothing left.
    SilenceIsProof,
    /// A late answer is written whatever the contact's state is by now.
    LateAnswer,
    /// A stop calls nothing off.
    NothingCalledOff,
    /// What was in flight at the stop is not looked at when it is accepted.
    OvertakenForgotten,
    /// The process calls the channel before its intent is durable.
    SentBeforeIntent,
    /// A cancel that nobody answered is taken for done.
    CancelIsBelieved,
    /// Nobody looks after what a process left in flight.
    NobodyRecovers,
}

impl Flaw {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::VersionsUnchecked,
        Self::StopUncounted,
        Self::SentAgain,
        Self::SilenceIsProof,
        Self::LateAnswer,
        Self::NothingCalledOff,
        Self::OvertakenForgotten,
        Self::SentBeforeIntent,
        Self::CancelIsBelieved,
        Self::NobodyRecovers,
    ];
}

impl Protocol {
    /// Whether it has a flaw.
    pub(crate) fn lacks(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.kills, self.lapses)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        enabled(world, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let after = world.after(action, self);
        (after != *world).then_some(after)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promises::all()
    }
}
