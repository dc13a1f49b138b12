//! The contract keeps its style and its promises: buf's lint over proto/, and no change that breaks callers of
//! what works, compared with proto/baseline.binpb. Methods that carry the option `preview` are no promise yet:
//! the baseline holds the methods that work and what they reach, so previews and their messages may change.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde_json::Value;

use super::Ended;
use crate::{cargo, peers};

/// The checker of contracts.
pub(crate) const BUF: [&str; 1] = ["@bufbuild/buf@1.75.0"];
/// What is promised beside methods and their messages: reasons of errors, and the wire of channel libraries.
const BESIDE: [&str; 2] = ["recoup.v1.ErrorReason", "recoup.channel.v1"];
/// The folder of the wire of channel libraries.
const CHANNEL: &str = "recoup/channel";
/// The whole baseline stays small, in bytes.
const BASELINE_BYTES_MAX: u64 = 200_000;

/// Write proto/baseline.binpb anew: all methods that work become a promise. Refused where that would break
/// an earlier one.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The wire of channel libraries breaks, which it may before ABI 1.0: ABI_MINOR was raised, so that a host
    /// refuses libraries of the old one. What callers of the API count on is compared all the same.
    #[arg(long)]
    new_abi: bool,
}

/// The command.
pub(crate) fn command(args: &Args) -> ExitCode {
    let written = Buf::find().and_then(|buf| {
        match baseline().exists() {
            true if args.new_abi => buf.unbroken_but_for(&proto(), CHANNEL)?,
            true => buf.unbroken(&proto())?,
            false => {}
        }
        buf.write_baseline()
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(1)
        }
    }
}

/// The step.
pub(crate) fn run() -> Ended {
    let buf = match Buf::find() {
        Ok(buf) => buf,
        Err(missing) => return Ended::Skipped(missing),
    };
    match check(&buf) {
        Ok(()) => Ended::Passed,
        Err(why) => Ended::Failed(why),
    }
}

fn check(buf: &Buf) -> Result<(), String> {
    buf.run(&["lint", &text(&proto())])?;
    let size = fs::metadata(baseline()).map_err(|e| format!("{}: {e}", baseline().display()))?;
    if size.len() > BASELINE_BYTES_MAX {
        return Err(format!("proto/baseline.binpb has {} bytes", size.len()));
    }
    buf.unbroken(&proto())?;
    let (working, preview) = methods()?;
    promises(&buf.promised()?, &working, &preview)?;
    buf.sees_breaks()
}

fn proto() -> PathBuf {
    cargo::root().join("proto")
}

fn baseline() -> PathBuf {
    proto().join("baseline.binpb")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The methods of the contract that work, and the previews: `recoup.v1.CaseService.OpenCase`.
fn methods() -> Result<(BTreeSet<String>, BTreeSet<String>), String> {
    let all = recoup::api::methods().map_err(|error| error.to_string())?;
    let name = |path: &str| path.trim_start_matches('/').replace('/', ".");
    let (preview, working): (Vec<_>, Vec<_>) = all.into_iter().partition(|m| m.preview);
    let names = |methods: Vec<recoup::api::Method>| {
        let names = methods.iter().map(|m| name(&m.path));
        names.collect::<BTreeSet<_>>()
    };
    Ok((names(working), names(preview)))
}

/// What works must be promised, and what is promised must work.
fn promises(
    promised: &BTreeSet<String>,
    working: &BTreeSet<String>,
    preview: &BTreeSet<String>,
) -> Result<(), String> {
    if let Some(method) = promised.intersection(preview).next() {
        return Err(format!(
            "{method} is in proto/baseline.binpb: its callers count on it, it cannot become a preview"
        ));
    }
    match working.difference(promised).next() {
        None => Ok(()),
        Some(method) => Err(format!(
            "{method} works and is not in proto/baseline.binpb: run `cargo xtask baseline`"
        )),
    }
}

/// The program.
struct Buf(PathBuf);

impl Buf {
    fn find() -> Result<Self, String> {
        Ok(Self(peers::npm("buf", &BUF)?.join(".bin/buf")))
    }

    /// Runs it; where it fails, the error is what it wrote.
    fn run(&self, args: &[&str]) -> Result<Vec<u8>, String> {
        self.run_in(Path::new("."), args)
    }

    /// Runs it in a folder.
    fn run_in(&self, folder: &Path, args: &[&str]) -> Result<Vec<u8>, String> {
        let output = Command::new(&self.0)
            .current_dir(folder)
            .args(args)
            .output();
        let output = output.map_err(|e| format!("{} could not be started: {e}", text(&self.0)))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let wrote = [output.stdout, output.stderr].concat();
        let wrote = String::from_utf8_lossy(&wrote);
        let what = args.first().unwrap_or(&"");
        Err(format!("buf {what}:\n{}", wrote.trim_end()))
    }

    /// Whether the contract in this folder keeps all promises of the baseline.
    fn unbroken(&self, proto: &Path) -> Result<(), String> {
        let (proto, baseline) = (text(proto), text(&baseline()));
        self.run(&["breaking", &proto, "--against", &baseline])
            .map(drop)
    }

    /// As [`unbroken`](Self::unbroken), one folder left out.
    fn unbroken_but_for(&self, proto: &Path, folder: &str) -> Result<(), String> {
        // Left out is named as seen from where the program stands.
        let baseline = text(&baseline());
        let args = [
            "breaking",
            ".",
            "--against",
            &baseline,
            "--exclude-path",
            folder,
        ];
        self.run_in(proto, &args).map(drop)
    }

    fn write_baseline(&self) -> Result<(), String> {
        let (working, _) = methods()?;
        let (proto, baseline) = (text(&proto()), text(&baseline()));
        let mut args = vec!["build", &proto, "--exclude-source-info", "-o", &baseline];
        for name in working.iter().map(String::as_str).chain(BESIDE) {
            args.extend(["--type", name]);
        }
        self.run(&args).map(drop)
    }

    /// The methods of the baseline.
    fn promised(&self) -> Result<BTreeSet<String>, String> {
        let json = self.run(&["build", &text(&baseline()), "-o", "-#format=json"])?;
        let image: Value = serde_json::from_slice(&json).map_err(|e| format!("buf build: {e}"))?;
        let list = |of: &Value, key: &str| of[key].as_array().cloned().unwrap_or_default();
        let name = |of: &Value, key: &str| of[key].as_str().unwrap_or_default().to_owned();
        let mut names = BTreeSet::new();
        for file in list(&image, "file") {
            for service in list(&file, "service") {
                for method in list(&service, "method") {
                    let (package, service) = (name(&file, "package"), name(&service, "name"));
                    names.insert(format!("{package}.{service}.{}", name(&method, "name")));
                }
            }
        }
        match names.is_empty() {
            true => Err("proto/baseline.binpb holds no methods".to_owned()),
            false => Ok(names),
        }
    }

    /// The check itself, checked: a field taken away is found, a preview that changes its name is not.
    fn sees_breaks(&self) -> Result<(), String> {
        let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
        let changed = |file: &str, from: &str, to: &str| -> Result<bool, String> {
            copy(&proto(), scratch.path()).map_err(|e| format!("copy proto/: {e}"))?;
            let path = scratch.path().join("recoup/v1").join(file);
            let old = fs::read_to_string(&path).map_err(|e| e.to_string())?;
            let new = old.replacen(from, to, 1);
            if new == old {
                return Err(format!(
                    "{file} has no `{from}`: choose another change to test with"
                ));
            }
            fs::write(&path, new).map_err(|e| e.to_string())?;
            Ok(self.unbroken(scratch.path()).is_err())
        };
        if !changed("case.proto", "  string payment_ref = 3;\n", "")? {
            return Err("buf does not see that RecordPayment lost a field".to_owned());
        }
        if changed("arrangement.proto", "rpc ProposePlan(", "rpc SuggestPlan(")? {
            return Err("a preview cannot be renamed: the baseline holds it".to_owned());
        }
        Ok(())
    }
}

/// Copies a folder of small files.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_works_is_promised_and_what_is_promised_works() {
        let set = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        let (a, b, none) = (set(&["S.A"]), set(&["S.B"]), set(&[]));
        promises(&a, &a, &b).expect("as it must be");
        let why = promises(&a, &set(&["S.A", "S.C"]), &b).expect_err("C is new");
        assert!(why.contains("S.C works"), "{why}");
        let why = promises(&set(&["S.A", "S.B"]), &a, &b).expect_err("B was promised");
        assert!(why.contains("S.B is in"), "{why}");
        promises(&a, &none, &none).expect("what vanished is for buf to say");
    }
}
