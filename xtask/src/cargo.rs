//! Cargo, as this program was called by it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// The folder of what cargo builds.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir), // an absolute one stays as it is
        None => root().join("target"),
    }
}

/// A call of the cargo that this program was started by.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    // What cargo told this program of itself would make build scripts that watch it run anew.
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// Builds targets in a profile, such as `["--bin", "recoup"]`. The whole workspace is meant, and an example is always
/// among them, so every crate has the features that `cargo test --workspace` gives it: what one step has built, no other
/// builds anew with others.
///
/// # Errors
/// Where it does not build.
pub(crate) fn build(profile: &str, targets: &[&str]) -> Result<(), String> {
    let mut build = cargo();
    build.args(["build", "--quiet", "--workspace", "--profile", profile]);
    succeed(build.args(["--example", "noop_channel"]).args(targets))
}

/// Runs a command to its end.
///
/// # Errors
/// Where it cannot be started, or fails.
pub(crate) fn succeed(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?} ended with {status}")),
        Err(error) => Err(format!("{command:?} could not be started: {error}")),
    }
}

/// The profile of this program, and of what it builds to run beside it.
pub(crate) const PROFILE: &str = if cfg!(debug_assertions) {
    "dev"
} else {
    "release"
};

/// The folder in the target folder that a profile's programs stand in.
pub(crate) fn profile_dir(profile: &str) -> PathBuf {
    let name = if profile == "dev" { "debug" } else { profile };
    target_dir().join(name)
}
