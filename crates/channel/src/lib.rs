//! The one trait that a contact channel implements, its messages and its C ABI.
//!
//! A channel hands contacts (a text message, a call, a mail, a visit, a referral) to a carrier. It
//! is a shared library that a vendor builds alone. In Rust: implement [`Channel`] and
//! [`ChannelFactory`]. In C and its like: see `include/recoup_channel.h`.
//!
//! Start reading at [`contract`] (what an operation must do) and [`ChannelError`] (what may be
//! claimed when it fails). The rule behind both: **a person is never contacted twice for one planned
//! contact**, so what is not proven unsent is [`ChannelError::Unknown`].

pub mod abi;
pub mod call;
pub mod connector;
pub mod contract;
pub mod error;
pub mod host;
pub mod wire;

pub use call::{BeganHook, Call, Cancel, Clock};
pub use connector::Guarded;
pub use contract::{BoxFuture, Channel, ChannelFactory, DynChannel};
pub use error::ChannelError;
pub use host::{Blob, Host, HostApi, Level};
