//! The README's first call from Python, run as it stands there: against a real server, with a client
//! generated from the contract.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Ended;
use super::server::{self, Server, write};
use crate::cargo::succeed;
use crate::{cargo, peers};

const PYTHON: [&str; 2] = ["grpcio==1.85.1", "grpcio-tools==1.85.1"];

/// Runs it; passes where Python prints the explanation of the case it opened.
pub(crate) fn run() -> Ended {
    let python = match peers::python("first-call", &PYTHON) {
        Ok(python) => python,
        Err(missing) => return Ended::Skipped(missing),
    };
    match first_call(&python) {
        Ok(()) => Ended::Passed,
        Err(why) => Ended::Failed(why),
    }
}

fn first_call(python: &Path) -> Result<(), String> {
    server::build()?;
    let folder = cargo::target_dir().join("first-call");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("gen")).map_err(|e| format!("{}: {e}", folder.display()))?;
    generate(python, &folder.join("gen"))?;
    let code = server::code_block(&cargo::root().join("README.md"), "first-call", "python")?;
    let script = folder.join("first_call.py");
    write(&script, &code)?;
    let server = Server::start(&folder, server::NO_GATEWAY)?;
    let output = Command::new(python)
        .arg(&script)
        .env("PYTHONPATH", folder.join("gen"))
        .env("RECOUP_SERVER", &server.api)
        .output()
        .map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let explained = said.contains("It stands in stage `remind`");
    if output.status.success() && explained {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "README's first call ended with {}:\n{said}\n{complaint}",
        output.status
    ))
}

fn generate(python: &Path, out: &Path) -> Result<(), String> {
    let root = cargo::root();
    let mut protos: Vec<PathBuf> = Vec::new();
    for folder in ["proto/recoup/v1", "proto/google/rpc", "proto/google/type"] {
        let entries = fs::read_dir(root.join(folder)).map_err(|e| format!("{folder}: {e}"))?;
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        protos.extend(paths.filter(|path| path.extension().is_some_and(|e| e == "proto")));
    }
    let mut protoc = Command::new(python);
    protoc
        .args(["-m", "grpc_tools.protoc", "-I"])
        .arg(root.join("proto"));
    protoc.arg(format!("--python_out={}", out.display()));
    protoc.arg(format!("--grpc_python_out={}", out.display()));
    succeed(protoc.args(protos))
}
