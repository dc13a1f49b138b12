//! The messages of `recoup.channel.v1`, generated from `proto/recoup/channel/v1/channel.proto`.
//!
//! The generated file is committed, so a vendor needs no protobuf compiler. `tests/fresh.rs` holds
//! it equal to the proto; `RECOUP_REGENERATE=1 cargo test -p recoup-channel --test fresh` writes it
//! anew.

#[rustfmt::skip]
#[allow(clippy::all, missing_docs, unreachable_pub)]
mod recoup_channel_v1;

pub use prost::Message;
pub use recoup_channel_v1::*;
