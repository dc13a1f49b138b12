//! What the tests share.

pub(crate) mod facts;
pub(crate) mod world;
