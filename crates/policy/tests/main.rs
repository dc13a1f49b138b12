//! The policy language from outside: what is refused and where, what conditions come to, and when they
//! may change.

#[path = "checks/diff.rs"]
mod diff;
#[path = "checks/document.rs"]
mod document;
#[path = "checks/due.rs"]
mod due;
#[path = "checks/evaluation.rs"]
mod evaluation;
#[path = "checks/explore.rs"]
mod explore;
#[path = "checks/expressions.rs"]
mod expressions;
#[path = "checks/horizon.rs"]
mod horizon;
#[path = "checks/oracle.rs"]
mod oracle;
#[path = "checks/schema.rs"]
mod schema;
#[path = "checks/support.rs"]
mod support;
#[path = "checks/turns.rs"]
mod turns;
#[path = "checks/written.rs"]
mod written;
