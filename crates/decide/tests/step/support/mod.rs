//! What the tests share.

pub(crate) mod checks;
pub(crate) mod happenings;
pub(crate) mod world;

#[path = "../../support/dice.rs"]
pub(crate) mod dice;
#[path = "../../support/facts.rs"]
pub(crate) mod facts;
