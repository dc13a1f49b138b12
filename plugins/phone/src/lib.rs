//! The phone channel.
