//! How often decisions allocate. The benchmark runs under the allocator of the service, which counts nothing, so a
//! program of its own counts them.

use serde::Deserialize;

use super::Failure;
use super::program::{Program, said_by};

/// Allocations of one call each.
#[derive(Clone, Copy, Deserialize)]
pub(super) struct Allocations {
    /// A decision that permits.
    pub(super) permit: u64,
    /// A decision that sleeps.
    pub(super) sleep: u64,
    /// The gate alone, where it permits.
    pub(super) gate: u64,
}

impl Allocations {
    /// Counts them, in a build of this program's own profile.
    pub(super) fn count() -> Result<Self, Failure> {
        let said = said_by(Program::Bin("allocations"), &[])?;
        serde_json::from_slice(&said).map_err(Failure::other)
    }
}
