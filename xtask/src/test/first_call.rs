//! The README's first call from Python, run as it stands there: against a real server, with a client
//! generated from the contract.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Ended;
use crate::{cargo, peers};

const PYTHON: [&str; 2] = ["grpcio==1.85.1", "grpcio-tools==1.85.1"];
/// Stands above the code block in README.md.
const MARK: &str = "<!-- test:first-call -->";
/// A hang guard: the server is up in well under a second.
const READY_WAIT: Duration = Duration::from_secs(60);

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
    let packages = [
        "build",
        "--quiet",
        "-p",
        "recoup",
        "-p",
        "recoup-sms",
        "--bin",
        "recoup",
        "--lib",
    ];
    succeed(cargo::cargo().args(packages))?;
    let folder = cargo::target_dir().join("first-call");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("gen")).map_err(|e| format!("{}: {e}", folder.display()))?;
    generate(python, &folder.join("gen"))?;
    let code = code_block(&cargo::root().join("README.md"))?;
    let script = folder.join("first_call.py");
    write(&script, &code)?;
    let server = Server::start(&folder)?;
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

/// The code block below the mark.
fn code_block(readme: &Path) -> Result<String, String> {
    let text = fs::read_to_string(readme).map_err(|e| format!("{}: {e}", readme.display()))?;
    let block = text
        .split_once(MARK)
        .and_then(|(_, after)| after.split_once("```python\n"))
        .and_then(|(_, code)| code.split_once("```"));
    block
        .map(|(code, _)| code.to_owned())
        .ok_or_else(|| format!("README.md has no Python block below `{MARK}`"))
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

struct Server {
    child: Child,
    api: String,
}

impl Server {
    /// Starts the real server with the real SMS library; nothing listens where its gateway should be, and
    /// nothing of this test is ever sent.
    fn start(folder: &Path) -> Result<Self, String> {
        let built = cargo::profile_dir("dev");
        let config = example(&built, folder)?;
        write(&folder.join("recoup.toml"), &config)?;
        let log = fs::File::create(folder.join("server.log")).map_err(|e| e.to_string())?;
        let child = Command::new(built.join("recoup"))
            .arg("serve")
            .arg("--config")
            .arg(folder.join("recoup.toml"))
            .arg("--ready-file")
            .arg(folder.join("ready.json"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|e| format!("the server could not be started: {e}"))?;
        let mut server = Self {
            child,
            api: String::new(),
        };
        server.api = server.ready(folder)?;
        Ok(server)
    }

    fn ready(&mut self, folder: &Path) -> Result<String, String> {
        let since = Instant::now();
        while since.elapsed() < READY_WAIT {
            let text = fs::read_to_string(folder.join("ready.json")).unwrap_or_default();
            let ready: Option<serde_json::Value> = serde_json::from_str(&text).ok();
            if let Some(api) = ready.as_ref().and_then(|r| r["api"].as_str()) {
                return Ok(api.to_owned());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!(
                    "the server ended with {status}; see first-call/server.log"
                ));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("the server did not come up".to_owned())
    }
}

/// The configuration that the README names, with free ports, and the libraries of this build.
fn example(built: &Path, folder: &Path) -> Result<String, String> {
    let first = cargo::root().join("examples/first");
    let path = first.join("recoup.toml");
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let parts = [
        ("127.0.0.1:7700", "127.0.0.1:0".to_owned()),
        ("127.0.0.1:7701", "127.0.0.1:0".to_owned()),
        (
            "../../target/first-data",
            folder.join("store").display().to_string(),
        ),
        ("../../target/release", built.display().to_string()),
        (
            "sandbox-password",
            first.join("sandbox-password").display().to_string(),
        ),
    ];
    parts
        .iter()
        .try_fold(text, |text, (old, new)| match text.contains(old) {
            true => Ok(text.replacen(old, new, 1)),
            false => Err(format!("{} does not say `{old}` any more", path.display())),
        })
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

fn succeed(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?} ended with {status}")),
        Err(error) => Err(format!("{command:?} could not be started: {error}")),
    }
}
