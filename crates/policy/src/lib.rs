//! Escalation policies: a document of stages with conditions, read, checked and compiled; asked which
//! stage a case stands in, and when that may change. Pure: the instant comes in with every question.
//!
//! Start at [`Policy::parse`], then [`Policy::env`] and [`Policy::stage`]. The language is written down in
//! docs/policy-language.md. A policy can only ask for contacts; whether one may be made is not known here.

pub mod diff;
mod due;
mod duration;
mod env;
pub mod explore;
mod expr;
mod finding;
mod hint;
mod horizon;
mod policy;
mod program;
mod read;
mod schema;
mod trace;

pub use due::Due;
pub use env::{Env, Facts, StepCounts};
pub use finding::{Finding, Severity};
pub use horizon::first_day_of_dpd;
pub use policy::{
    Arm, Names, OnOutcome, Policy, SOURCE_BYTES_MAX, STAGES_MAX, STEPS_MAX, Stage, Step,
};
pub use schema::{ID as SCHEMA_ID, schema};
pub use trace::{FullTrace, NoTrace, Note, Trace, Value};
