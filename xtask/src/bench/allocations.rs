//! How often decisions allocate. The benchmark runs under the allocator of the service, which counts nothing, so a
//! program of its own counts them.

use serde::Deserialize;

use super::Failure;
use crate::cargo;

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
        let mut cargo = cargo::cargo();
        cargo.args([
            "run",
            "--quiet",
            "--package",
            "xtask",
            "--bin",
            "allocations",
        ]);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        let out = cargo.output()?;
        if !out.status.success() {
            let said = String::from_utf8_lossy(&out.stderr).into_owned();
            return Err(Failure::Wrong(said));
        }
        serde_json::from_slice(&out.stdout).map_err(Failure::other)
    }
}
