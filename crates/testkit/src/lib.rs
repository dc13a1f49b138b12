//! Builders and generators for tests.
//!
//! [`build`] makes small whole values (a lender, a borrower, a case, a contact, and the changes that tell a
//! store of them); [`arb`] generates histories of a case for property tests.

pub mod arb;

pub use recoup_store::conformance::build;
