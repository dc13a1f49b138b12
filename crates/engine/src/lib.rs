//! The shell around the pure step: it claims what is due, asks [`recoup_decide::step`], writes the intent,
//! dispatches it through a channel, writes the outcome and the next schedule.
//!
//! Start at [`Engine`] and its planner (`planner.rs`); then `intent.rs`, `dispatch.rs` and `settle.rs`, in
//! the order a contact lives.

pub mod activity;
mod ahead;
mod beside;
pub mod blobs;
pub mod callback;
pub mod channels;
pub mod clock;
pub mod clock_guard;
pub mod commands;
mod content;
mod dispatch;
mod doubts;
mod draft;
mod engine;
pub mod error;
pub mod explain;
pub mod figures;
pub mod ids;
mod intent;
mod keys;
mod language;
mod ledger;
mod library;
mod lifts;
mod many;
mod message;
mod other_packs;
mod others;
mod overtaken;
mod planner;
pub mod preview;
mod recovery;
mod referral;
pub mod render;
pub mod replay;
mod replicas;
mod reply;
mod restored;
mod results;
mod room;
mod routes;
mod settle;
pub mod sms;
pub mod status;
pub mod stepped;
mod stops;
pub mod third_party;
pub mod timeline;
pub mod types;
pub mod vault;
mod watch;

pub use ahead::Ahead;
pub use beside::Beside;
pub use engine::{Engine, EngineOptions, StartError, TenantOptions};
pub use error::{CommandError, Done, Violation};
pub use intent::TZDB;
pub use library::PolicyDoesNotCompile;
pub use routes::Sends;
