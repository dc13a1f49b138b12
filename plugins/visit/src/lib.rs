//! The visit channel.
