//! The legal channel.
