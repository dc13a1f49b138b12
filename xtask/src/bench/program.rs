//! Measurements that need a program of their own, with another allocator or other crates than this one.

use super::Failure;
use crate::cargo;

/// What a program of the workspace prints, in a build of this program's own profile.
pub(super) fn said_by(which: &[&str], args: &[String]) -> Result<Vec<u8>, Failure> {
    let mut cargo = cargo::cargo();
    cargo.args(["run", "--quiet"]).args(which);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    cargo.arg("--").args(args);
    let out = cargo.output()?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        return Err(Failure::Wrong(said));
    }
    Ok(out.stdout)
}
