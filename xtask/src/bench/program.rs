//! Measurements that need a program of their own, with another allocator or other crates than this one.

use std::process::Command;

use super::Failure;
use crate::cargo;

/// A program of the workspace.
#[derive(Clone, Copy)]
pub(super) enum Program {
    /// One that is built for use.
    Bin(&'static str),
    /// One that may use what only tests do.
    Example(&'static str),
}

/// What a program prints, in a build of this program's own profile.
pub(super) fn said_by(which: Program, args: &[String]) -> Result<Vec<u8>, Failure> {
    let folder = cargo::profile_dir(cargo::PROFILE);
    let (target, file) = match which {
        Program::Bin(name) => (["--bin", name], folder.join(name)),
        Program::Example(name) => (["--example", name], folder.join("examples").join(name)),
    };
    cargo::build(cargo::PROFILE, &target).map_err(Failure::Wrong)?;
    let out = Command::new(file).args(args).output()?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        return Err(Failure::Wrong(said));
    }
    Ok(out.stdout)
}
