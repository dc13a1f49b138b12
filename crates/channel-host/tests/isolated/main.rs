//! The tests of `tests/host`, each library in a process of its own behind the whole fence; and what
//! only such a process survives.

#[path = "../host/foreign.rs"]
mod foreign;
#[path = "../host/hostile.rs"]
mod hostile;
#[path = "../host/loading.rs"]
mod loading;
mod own;
#[path = "../host/sms.rs"]
mod sms;
#[path = "../host/support.rs"]
mod support;
#[path = "../host/tls.rs"]
mod tls;

/// See `support::placement`.
const ISOLATED: bool = true;
