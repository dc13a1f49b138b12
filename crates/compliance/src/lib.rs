//! Compliance packs as data, and the gate that no contact gets past.
//!
//! Start at [`gate`](gate::gate): facts in ([`Proposal`], past contacts), a [`Verdict`] out. The rules are
//! in `packs/*.yaml`; each is one of a small closed set of shapes (`src/shape/<shape>.rs`). [`Packs::bind`]
//! says which rules bind a contact. Holidays are in `calendars/*.yaml`. Packs compose by intersection: every bound rule must permit.
//!
//! What a message must say is in the same packs, checked over its text by [`content::lacking`]; what it must not
//! say to somebody who owes nothing, by [`Unsayable`].
//!
//! Nothing here reads a clock, does IO or knows a policy. Packs are software, not legal advice.

mod builtin;
pub mod calendar;
mod clauses;
pub mod content;
mod denial;
pub mod difference;
mod files;
pub mod gate;
mod lifted;
mod load;
mod numbers;
pub mod pack;
mod plain;
pub mod proposal;
mod question;
pub mod rule;
mod sets;
mod shape;
pub mod trace;
mod tree;
pub mod unsayable;

pub use calendar::{Calendar, MissingYear};
pub use content::{Duty, DutyRef, Lack};
pub use difference::Difference;
pub use gate::{Denial, Reason, Verdict, Why, gate};
pub use load::PackError;
pub use numbers::{Numbers, Span, Within};
pub use pack::{BindError, Binding, Packs, Unchecked, UnknownRule, UnknownSwitch};
pub use proposal::{Audience, CaseFacts, DebtorFacts, FORBEARANCE_TAG, Proposal, Purpose};
pub use rule::{Confidence, Layer, Rule, RuleRef, Scope, Severity};
pub use trace::{FullTrace, NoTrace, Trace, TraceLine};
pub use unsayable::{Found, Unsayable};
