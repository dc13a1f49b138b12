//! The pure core of recoup: what a case, a party, a contact and an outcome *are*, and how events change
//! them. Nothing here reads a clock, draws a random number, does IO or knows a wire format.
//!
//! Start at [`Case`](case::Case) and [`CaseEvent`](case::CaseEvent); then [`Contact`](contact::Contact)
//! and the one table of [`Outcome`](outcome::Outcome).

pub mod case;
pub mod collector;
pub mod contact;
pub mod correction;
pub mod day;
pub mod history;
pub mod ids;
pub mod journal;
pub mod language;
pub mod money;
mod offsets;
pub mod outcome;
pub mod overrides;
pub mod party;
pub mod past;
pub mod regions;
pub mod rollout;
pub mod sealed;
pub mod standing;
pub mod time;

pub use case::{Case, CaseEvent};
pub use contact::{Contact, ContactClass, ContactState};
pub use ids::{CaseId, CollectorId, ContactId, PartyId, TenantId};
pub use money::{Currency, Money};
pub use outcome::Outcome;
pub use party::Party;
pub use past::PastContact;
