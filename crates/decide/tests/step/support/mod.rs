//! What the tests share.

pub(crate) mod checks;
pub(crate) mod dice;
pub(crate) mod facts;
pub(crate) mod world;
