//! The tests of the step: scenarios to read, random lives to search through, and what must always hold.

mod clauses;
mod properties;
mod random;
mod scenarios;
mod support;
mod unknown_year;
mod worklist;
