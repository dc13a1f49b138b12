//! Where the peers are: where the environment says, else where `cargo xtask interop` puts them.

use std::path::{Path, PathBuf};

/// Python with aiosmtpd and radicale.
pub(crate) fn python() -> Option<PathBuf> {
    found("RECOUP_PEER_PYTHON", "python/bin/python3")
}

/// The folder `node_modules` with smpp and twilio.
pub(crate) fn node_modules() -> Option<PathBuf> {
    program("node")?;
    found("RECOUP_PEER_NODE_MODULES", "node/node_modules")
}

/// A program of the system.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let program = folders
        .map(|folder| folder.join(name))
        .find(|program| program.is_file());
    program.or_else(|| missing(&format!("there is no program `{name}`")))
}

fn found(variable: &str, cached: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let path = named.or_else(|| Some(cache()?.join("peers").join(cached)))?;
    if path.exists() {
        return Some(path);
    }
    let path = path.display();
    missing(&format!(
        "{path} is not there, and `{variable}` may name another place"
    ))
}

/// As in `xtask/src/peers.rs`.
fn cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    folder("RECOUP_CACHE")
        .map(PathBuf::from)
        .or_else(|| folder("XDG_CACHE_HOME").map(|base| Path::new(&base).join("recoup")))
        .or_else(|| folder("HOME").map(|home| Path::new(&home).join(".cache/recoup")))
}

/// The test is left out, and says so; with `RECOUP_STRICT=1` it fails.
fn missing<T>(what: &str) -> Option<T> {
    let strict = std::env::var("RECOUP_STRICT").is_ok_and(|value| value == "1");
    assert!(!strict, "{what}; `cargo xtask interop` installs the peers");
    println!("skipped: {what}; `cargo xtask interop` installs the peers");
    None
}
