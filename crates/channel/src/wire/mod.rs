//! The messages of `recoup.channel.v1`, generated from `proto/recoup/channel/v1/channel.proto`.
//!
//! The generated file is committed, so a vendor needs no protobuf compiler. `tests/fresh.rs` holds
//! it equal to the proto; `RECOUP_REGENERATE=1 cargo test -p recoup-channel --test fresh` writes it
//! anew.
//!
//! **What cannot be said cannot be sent.** A message to somebody who owes nothing is a type of its own:
//!
//! ```
//! use recoup_channel::wire::ThirdPartyMessage;
//! let message = ThirdPartyMessage {
//!     subject: String::new(),
//!     body: "This is Ana. Please ask Mr Chen to call +1 202 555 0100.".to_owned(),
//! };
//! # assert!(!message.body.is_empty());
//! ```
//!
//! It has no field for references, values, a carrier's template, files or ids of the case:
//!
//! ```compile_fail,E0560
//! use recoup_channel::wire::ThirdPartyMessage;
//! let message = ThirdPartyMessage {
//!     references: [("contract".to_owned(), "LN-1".to_owned())].into(),
//!     ..Default::default()
//! };
//! ```
//!
//! ```compile_fail,E0560
//! use recoup_channel::wire::ThirdPartyMessage;
//! let message = ThirdPartyMessage {
//!     variables: [("overdue_amount".to_owned(), "600.00".to_owned())].into(),
//!     ..Default::default()
//! };
//! ```
//!
//! ```compile_fail,E0560
//! use recoup_channel::wire::{Attachment, ThirdPartyMessage};
//! let message = ThirdPartyMessage {
//!     attachments: vec![Attachment::default()],
//!     ..Default::default()
//! };
//! ```
//!
//! Nor is there one beside it, on the request:
//!
//! ```compile_fail,E0560
//! use recoup_channel::wire::{Attachment, SendRequest};
//! let request = SendRequest {
//!     attachments: vec![Attachment::default()],
//!     ..Default::default()
//! };
//! ```
//!
//! ```compile_fail,E0560
//! use recoup_channel::wire::SendRequest;
//! let request = SendRequest {
//!     correlation: [("case".to_owned(), "case_1".to_owned())].into(),
//!     ..Default::default()
//! };
//! ```
//!
//! And a message to the debtor does not pass for one to a third party:
//!
//! ```compile_fail,E0308
//! use recoup_channel::wire::{DebtorMessage, send_request::Content};
//! let content = Content::ThirdParty(DebtorMessage::default());
//! ```
//!
//! The fields of both messages are listed once more by `tests/third_party.rs`, from the proto, so that a
//! field that is added is noticed.

#[rustfmt::skip]
#[allow(clippy::all, missing_docs, unreachable_pub)]
mod recoup_channel_v1;

pub use prost::Message;
pub use recoup_channel_v1::*;
