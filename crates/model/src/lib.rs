//! The delivery protocol as a model: three processes on one store, two carriers, a person who pays, processes that are
//! killed and one that stands still past its lease. [`Protocol`] is walked through by stateright, every state of it;
//! the same steps say whether what the engine did is a path of the model ([`Walk`]).
//!
//! One borrower has two cases. One is to be sent a text, which nobody can call off; the other is to be visited, which
//! can be called off until somebody has gone. Time is not in it: a lease may end whenever nobody renews it, an answer
//! may come whenever it likes, and what depends on hours (windows, limits, `not_after`) is held by other tests.
//!
//! What is left to chance in the world is an [`Action`]; what the service does about it is in [`World::after`], written
//! from the specification, with the table of states taken from the product itself.

mod action;
mod alike;
mod promises;
mod protocol;
mod step;
mod walk;
mod world;

pub use action::{Action, Line, Reply};
pub use protocol::{Flaw, Protocol};
pub use walk::{Seen, Stray, Walk};
pub use world::{
    Answer, CASES, CancelAnswer, Carried, Case, Contact, Goods, REPLICAS, Replica, SEQS, SLOTS,
    TEXT, Task, VISIT, World, case_of, slot,
};
