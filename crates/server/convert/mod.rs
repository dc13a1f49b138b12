//! Between the contract's messages and the engine's values, a file an area. Reading collects every
//! field that cannot be taken; writing cannot fail.

pub mod case;
pub mod collector;
pub mod comparison;
pub mod contact;
pub mod event;
pub mod explain;
pub mod filter;
pub mod gate;
pub mod hypothetical;
pub mod law;
pub mod migration;
pub mod page;
pub mod party;
pub mod policy;
pub mod read;
pub mod simulation;
pub mod template;
pub mod value;
pub mod words;
