//! What a test needs besides the server: plugins, the judge, the planted build. Built once a run.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The binary under test.
pub(crate) fn recoup() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_recoup"))
}

/// The library of a plugin: `sms`, `phone`, `email`, `visit` or `legal`.
pub(crate) fn plugin(name: &str) -> PathBuf {
    artifact(&format!("recoup_{name}"), |file| file.ends_with(".so"))
}

/// The judge, a program of its own that shares no code with the server.
pub(crate) fn judge() -> PathBuf {
    artifact("recoup-judge", |file| file.ends_with("recoup-judge"))
}

/// The build with faults planted in it; never shipped.
pub(crate) fn planted() -> PathBuf {
    artifact("planted", |file| file.ends_with("planted"))
}

/// A library that misbehaves, among the examples of recoup-channel-host.
pub(crate) fn hostile(name: &str) -> PathBuf {
    artifact(name, |file| file.ends_with(".so"))
}

fn artifact(target: &str, fits: impl Fn(&str) -> bool) -> PathBuf {
    static BUILT: OnceLock<HashMap<String, Vec<String>>> = OnceLock::new();
    let built = BUILT.get_or_init(build);
    let files = built.get(target).map_or(&[][..], Vec::as_slice);
    let found = files.iter().find(|file| fits(file));
    PathBuf::from(found.unwrap_or_else(|| panic!("cargo built no {target}: {files:?}")))
}

/// Builds with the cargo that runs this test; files by the name of their target. It is the whole workspace with its
/// examples, since every crate has the features then that `cargo test --workspace` gives it, and is there already.
fn build() -> HashMap<String, Vec<String>> {
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo tells this test about itself would look to build scripts like a change.
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name);
        }
    }
    cargo.args(["build", "--quiet", "--message-format=json", "--workspace"]);
    cargo.args(["--lib", "--bin", "recoup-judge", "--examples"]);
    let output = cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo build: {errors}");
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    for line in output.stdout.split(|byte| *byte == b'\n') {
        let Ok(message) = serde_json::from_slice::<serde_json::Value>(line) else {
            continue;
        };
        let name = message["target"]["name"].as_str().unwrap_or_default();
        let files = message["filenames"].as_array().into_iter().flatten();
        let files = files.filter_map(|file| file.as_str().map(str::to_owned));
        found.entry(name.to_owned()).or_default().extend(files);
    }
    found
}
