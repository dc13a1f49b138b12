//! The recoup server.

pub mod api;
