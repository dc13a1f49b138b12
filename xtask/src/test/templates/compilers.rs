//! How each template is built, by the compilers that are pinned or the machine's own.

use std::path::Path;
use std::process::Command;

use crate::{cargo, peers};

/// The one that its template was written for. It carries clang, too.
const ZIG: &str = "ziglang==0.14.1";

/// A template, how it is built, and what comes of that.
#[derive(Clone)]
pub(super) struct Template {
    /// Of its folder.
    pub(super) name: String,
    pub(super) lang: &'static str,
    pub(super) build: fn(&Path) -> Result<Command, String>,
    /// Further variables of its build.
    pub(super) with: Vec<(&'static str, String)>,
    pub(super) library: &'static str,
}

const MADE: &str = "libacme_sms.so";
const BY_CARGO: &str = "target/release/libacme_sms.so";

/// Each language by its usual compiler.
pub(super) fn usual() -> Vec<Template> {
    [
        ("c", make as fn(&Path) -> Result<Command, String>, MADE),
        ("cpp", make, MADE),
        ("rust", release, BY_CARGO),
        ("go", make, MADE),
        ("zig", zig, "zig-out/lib/libacme_sms.so"),
    ]
    .map(|(lang, build, library)| Template {
        name: lang.to_owned(),
        lang,
        build,
        with: Vec::new(),
        library,
    })
    .into()
}

/// C by clang, and Rust by a toolchain of another version than this program's, where one is installed.
pub(super) fn others() -> Result<Vec<Template>, String> {
    let clang = format!("{} -m ziglang cc", peers::python("zig", &[ZIG])?.display());
    let mut others = vec![Template {
        name: "c-by-clang".to_owned(),
        lang: "c",
        build: make,
        with: vec![("CC", clang)],
        library: MADE,
    }];
    match other_toolchain() {
        Some((toolchain, version)) => {
            eprintln!("a second Rust toolchain: {version}");
            others.push(Template {
                name: "rust-by-another".to_owned(),
                lang: "rust",
                build: release_by_rustup,
                with: vec![("RUSTUP_TOOLCHAIN", toolchain)],
                library: BY_CARGO,
            });
        }
        None => eprintln!("a second Rust toolchain: none is installed, so none was tried"),
    }
    Ok(others)
}

fn make(folder: &Path) -> Result<Command, String> {
    let mut make = Command::new("make");
    make.arg("--silent").current_dir(folder);
    Ok(make)
}

fn release(folder: &Path) -> Result<Command, String> {
    Ok(released(cargo::cargo(), folder))
}

/// By the cargo that picks the toolchain, and not by the one that this program was called by.
fn release_by_rustup(folder: &Path) -> Result<Command, String> {
    let cargo = peers::program("cargo").ok_or("there is no `cargo` in the PATH")?;
    Ok(released(Command::new(cargo), folder))
}

fn released(mut build: Command, folder: &Path) -> Command {
    build.args(["build", "--quiet", "--release"]);
    build.current_dir(folder);
    build.env("CARGO_TARGET_DIR", folder.join("target"));
    // Set by the cargo that called this program, and in the way of another one.
    build.env_remove("RUSTC").env_remove("CARGO");
    build
}

fn zig(folder: &Path) -> Result<Command, String> {
    let mut build = Command::new(peers::python("zig", &[ZIG])?);
    build
        .args(["-m", "ziglang", "build", "install", "test"])
        .current_dir(folder);
    Ok(build)
}

/// An installed toolchain whose compiler is of another version, by its name and in its own words.
fn other_toolchain() -> Option<(String, String)> {
    let version = |toolchain: Option<&str>| {
        let mut rustc = Command::new(peers::program("rustc")?);
        if let Some(toolchain) = toolchain {
            rustc.env("RUSTUP_TOOLCHAIN", toolchain);
        }
        let output = rustc.arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    };
    let own = version(None)?;
    let mut list = Command::new(peers::program("rustup")?);
    let list = list.args(["toolchain", "list"]).output().ok()?;
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    list.lines().find_map(|line| {
        let toolchain = line.split_whitespace().next()?;
        let version = version(Some(toolchain)).filter(|version| *version != own)?;
        Some((toolchain.to_owned(), version))
    })
}
