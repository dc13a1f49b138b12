//! The recoup server: the edge between callers and the engine.
//!
//! Start at [`wiring::Server`], which puts everything together, then at a handler such as
//! `services/case.rs`. Only this package knows tonic and the messages of `recoup.v1`.

pub mod api;
pub mod callbacks;
pub mod cli;
pub mod codec;
pub mod config;
pub mod convert;
pub mod disk;
#[cfg(test)]
mod edge_tests;
pub mod generations;
pub mod identity;
mod key;
pub mod layers;
pub mod listen;
pub mod metrics;
mod packs;
#[cfg(test)]
mod pages;
mod places;
pub mod server;
pub mod services;
pub mod status;
pub mod tls;
pub mod trial;
pub mod vouch;
pub mod wiring;
