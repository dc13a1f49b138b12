//! The plugins, loaded, against real peers: software that others wrote, on loopback. `tools` says
//! where the peers come from; `peers/` holds the few lines that start those that are libraries.

#[path = "../host/support.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

mod email;
mod listener;
mod peer;
mod phone;
mod sms;
mod tools;
mod visit;

/// See `support::placement`: as operators run them.
const ISOLATED: bool = true;
