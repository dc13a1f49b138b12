//! Builders and generators for tests.
//!
//! [`build`] makes small whole values (a lender, a borrower, a case, a contact, and the changes that tell a
//! store of them); [`facts`] those that a decision is made of; [`arb`] generates histories of a case for property
//! tests.

pub mod arb;
pub mod around;
pub mod cluster;
pub mod facts;

pub use recoup_store::conformance::build;
