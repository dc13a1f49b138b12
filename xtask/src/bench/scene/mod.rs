//! What is decided in the benchmarks of decisions: shared with the program that counts their allocations.

pub(crate) mod decision;
pub(crate) mod gate;

/// A scene that cannot be set.
pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;
