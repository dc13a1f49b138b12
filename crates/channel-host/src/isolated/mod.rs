//! An instance in a process of its own: the same program, started anew as a channel's host.
//!
//! Two lines join the two processes. Over the work line the core hands calls over and the process
//! tells how they ended. Over the ask line the process asks and waits: for a secret, for the time, and
//! whether a call may [begin](recoup_channel::Call::began). Because that answer comes from the core,
//! a call whose time is over, or whose core is stopped, can no longer let anything out, and a process
//! that dies before it asked has sent nothing.

mod child;
mod frame;
mod line;
mod process;
mod sandbox;

pub use child::serve;
pub(crate) use frame::Lived;
pub(crate) use process::{Found, Isolated, Order, Started, Task};
