//! The judge against tiny runs: each violation caught and named, each near miss accepted.

mod support;

mod delivery;
mod figures;
mod hours;
mod input;
mod limits;
mod program;
mod stops;
