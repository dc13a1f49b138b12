//! Software that others wrote, for tests and measurements against it: found, or installed by name at a pinned
//! version, into a cache outside the tree. Nothing of it is part of the product.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cargo;
use crate::test::Ended;

/// What the interop tests take from Python's index: a mail server, a calendar server, a reader of events.
const PYTHON: [&str; 3] = ["aiosmtpd==1.4.6", "radicale==3.9.0", "vobject==0.9.9"];
/// From npm's: a message centre, and the voice provider's library.
const NODE: [&str; 2] = ["smpp@0.5.1", "twilio@6.2.0"];
/// From Debian, whose release decides the version: programs and the package that has them.
const DEBIAN: [(&str, &str); 2] = [("bearerbox", "kannel"), ("smsbox", "kannel")];

/// Test each channel against a real peer: Kannel, npm smpp and twilio, aiosmtpd, radicale. Peers that are not
/// here are installed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {}

/// The tests as a command of their own.
pub(crate) fn command(_args: &Args) -> std::process::ExitCode {
    match interop() {
        Ended::Passed => std::process::ExitCode::SUCCESS,
        Ended::Failed(why) | Ended::Skipped(why) => {
            eprintln!("{why}");
            std::process::ExitCode::from(1)
        }
    }
}

/// Installs what is missing and runs the tests. Skipped where a peer cannot be had; the tests against the
/// others have passed then.
pub(crate) fn interop() -> Ended {
    let python = python("python", &PYTHON);
    let modules = npm("node", &NODE);
    let debian = debian(&DEBIAN);
    let mut tests = cargo::cargo();
    tests.args(["test", "--workspace", "--test", "interop"]);
    let mut missing = Vec::new();
    match python {
        Ok(path) => drop(tests.env("RECOUP_PEER_PYTHON", path)),
        Err(why) => missing.push(why),
    }
    match modules {
        Ok(path) => drop(tests.env("RECOUP_PEER_NODE_MODULES", path)),
        Err(why) => missing.push(why),
    }
    missing.extend(debian.err());
    // With all peers here, a test that skips itself is wrong.
    match missing.is_empty() {
        true => tests.env("RECOUP_STRICT", "1"),
        false => tests.env_remove("RECOUP_STRICT"),
    };
    match tests.status() {
        Ok(status) if status.success() && missing.is_empty() => Ended::Passed,
        Ok(status) if status.success() => Ended::Skipped(missing.join("; ")),
        Ok(status) => Ended::Failed(format!("the interop tests ended with {status}")),
        Err(error) => Ended::Failed(format!("{tests:?} could not be started: {error}")),
    }
}

/// Sees to it that the tests find a PostgreSQL server to start; skipped where there is none to be had.
pub(crate) fn postgres() -> Ended {
    let is_there = || {
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        versions
            .flatten()
            .any(|version| version.path().join("bin/initdb").is_file())
    };
    if is_there() {
        return Ended::Passed;
    }
    // Its own programs are in no PATH; this one comes with them.
    match debian(&[("pg_ctlcluster", "postgresql")]) {
        Ok(()) if is_there() => Ended::Passed,
        Ok(()) => Ended::Skipped(
            "no initdb in /usr/lib/postgresql: install Debian's postgresql".to_owned(),
        ),
        Err(why) => Ended::Skipped(why),
    }
}

/// Sees to it that the tests can set a server's clock; skipped where libfaketime is not to be had.
pub(crate) fn faketime() -> Ended {
    // The program comes with the library, which is what the tests look for.
    match debian(&[("faketime", "faketime")]) {
        Ok(()) => Ended::Passed,
        Err(why) => Ended::Skipped(why),
    }
}

/// The Python of a virtual environment of this name with these packages, `name==version`.
///
/// # Errors
/// What is missing or did not work, and what would help.
pub(crate) fn python(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let folder = peers()?.join(name);
    let python = folder.join("bin/python3");
    once(&folder, packages, || {
        let system =
            program("python3").ok_or("there is no `python3`: install Python 3.11 or newer")?;
        run(Command::new(system).args(["-m", "venv"]).arg(&folder))
            .map_err(|why| format!("{why}; Debian has venv in the package python3-venv"))?;
        let mut pip = Command::new(&python);
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]);
        run(pip.args(packages))
    })?;
    Ok(python)
}

/// The `node_modules` of this name with these packages, `name@version`. None runs scripts at install.
///
/// # Errors
/// What is missing or did not work, and what would help.
pub(crate) fn npm(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    program("node").ok_or("there is no `node`: install Node.js 20 or newer")?;
    let folder = peers()?.join(name);
    once(&folder, packages, || {
        let npm = program("npm").ok_or("there is no `npm`: install it beside Node.js")?;
        let mut npm = Command::new(npm);
        npm.args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ]);
        run(npm.arg(&folder).args(packages))
    })?;
    Ok(folder.join("node_modules"))
}

/// Sees to it that the system has these programs: (program, Debian package). Root gets them installed, and no
/// daemon is started by that; anybody else is told what to install.
///
/// # Errors
/// What is missing or did not work, and what would help.
pub(crate) fn debian(programs: &[(&str, &str)]) -> Result<(), String> {
    let missing = || {
        let missing = programs.iter().filter(|(name, _)| program(name).is_none());
        let mut packages: Vec<&str> = missing.map(|(_, package)| *package).collect();
        packages.dedup();
        packages
    };
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    let named = packages.join(", ");
    let Some(apt) = program("apt-get").filter(|_| is_root()) else {
        return Err(format!("install what Debian calls {named}"));
    };
    let _quiet = NoDaemons::new()
        .map_err(|error| format!("daemons cannot be kept from starting: {error}"))?;
    let apt = || {
        let mut command = Command::new(&apt);
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        command
    };
    run(apt().arg("update"))?;
    run(apt()
        .args(["install", "-y", "--no-install-recommends"])
        .args(&packages))?;
    match missing().as_slice() {
        [] => Ok(()),
        _ => Err(format!(
            "the Debian package {named} is installed and lacks its programs"
        )),
    }
}

/// Keeps Debian's packages from starting what they install, while it lives.
struct NoDaemons(Option<PathBuf>);

impl NoDaemons {
    fn new() -> io::Result<Self> {
        let policy = Path::new("/usr/sbin/policy-rc.d");
        if policy.exists() {
            // The system has its own word on that.
            return Ok(Self(None));
        }
        fs::write(policy, "#!/bin/sh\nexit 101\n")?;
        let ours = Self(Some(policy.to_owned()));
        fs::set_permissions(policy, fs::Permissions::from_mode(0o755))?;
        Ok(ours)
    }
}

impl Drop for NoDaemons {
    fn drop(&mut self) {
        if let Some(policy) = &self.0 {
            let _ = fs::remove_file(policy);
        }
    }
}

/// The folder of all peers. The interop tests look there, too.
fn peers() -> Result<PathBuf, String> {
    cache("peers")
}

/// A folder outside the tree: in `$RECOUP_CACHE`, else in the user's cache.
///
/// # Errors
/// There is no place for it.
pub(crate) fn cache(name: &str) -> Result<PathBuf, String> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = folder("RECOUP_CACHE")
        .map(PathBuf::from)
        .or_else(|| folder("XDG_CACHE_HOME").map(|base| Path::new(&base).join("recoup")))
        .or_else(|| folder("HOME").map(|home| Path::new(&home).join(".cache/recoup")));
    let cache = cache.ok_or("set `RECOUP_CACHE` to a folder that peers may be installed in")?;
    std::path::absolute(cache.join(name)).map_err(|error| format!("`RECOUP_CACHE`: {error}"))
}

/// Makes a folder, unless it holds these very packages. Whoever comes second waits.
pub(crate) fn once(
    folder: &Path,
    packages: &[&str],
    make: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let at = |error: io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(at)?;
    let lock = File::create(folder.with_extension("lock")).map_err(at)?;
    lock.lock().map_err(at)?;
    let list = packages.join("\n");
    let made = folder.join("peers.txt");
    if fs::read_to_string(&made).is_ok_and(|last| last == list) {
        return Ok(());
    }
    eprintln!(
        "   installing {} into {}",
        packages.join(", "),
        folder.display()
    );
    fs::remove_dir_all(folder).map_err(at)?;
    fs::create_dir_all(folder).map_err(at)?;
    make()?;
    // Last, so that a folder made by half is made again.
    fs::write(made, list).map_err(at)
}

/// Where the system has this program.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let mut programs = folders.map(|folder| folder.join(name));
    programs.find(|program| program.is_file())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Runs a command to its end; where it fails, the error has the end of what it wrote.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{command:?} could not be started: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let wrote = [output.stdout, output.stderr].concat();
    let wrote = String::from_utf8_lossy(&wrote);
    let lines: Vec<&str> = wrote
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let end = lines[lines.len().saturating_sub(3)..].join(" | ");
    Err(format!("{command:?} ended with {}: {end}", output.status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_folder_is_made_once_for_a_list_and_anew_for_another() {
        let cache = tempfile::tempdir().expect("a folder for the test");
        let folder = cache.path().join("node");
        let made = Cell::new(0);
        let ask = |packages: &[&str], result: Result<(), String>| {
            once(&folder, packages, || {
                assert_eq!(fs::read_dir(&folder).expect("there").count(), 0);
                fs::write(folder.join("thing"), "").expect("written");
                made.set(made.get() + 1);
                result
            })
        };
        assert_eq!(
            ask(&["a@1"], Err("no network".to_owned())),
            Err("no network".to_owned())
        );
        ask(&["a@1"], Ok(())).expect("made by half before, so made again");
        ask(&["a@1"], Ok(())).expect("there");
        assert_eq!(made.get(), 2);
        ask(&["a@2"], Ok(())).expect("another version");
        assert_eq!(made.get(), 3);
    }

    #[test]
    fn a_command_that_fails_says_why() {
        run(Command::new("sh").args(["-c", "true"])).expect("it works");
        let why = run(Command::new("sh").args(["-c", "echo first; echo 'no space' >&2; exit 3"]));
        let why = why.expect_err("it fails");
        assert!(
            why.contains("no space") && why.contains("exit status: 3"),
            "{why}"
        );
        let why = run(&mut Command::new("/nowhere/at-all")).expect_err("no such program");
        assert!(why.contains("could not be started"), "{why}");
    }

    #[test]
    fn programs_are_found_or_not() {
        assert!(program("sh").is_some());
        assert!(program("no-such-program-here").is_none());
        debian(&[("sh", "dash")]).expect("nothing to install");
    }
}
