//! The real server, and the sandbox beside it, for steps that call it from outside.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cargo::{self, succeed};

/// A hang guard: both are up, and have ended, in well under a second.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// Where no SMS gateway listens: nothing is ever sent.
pub(crate) const NO_GATEWAY: &str = "http://127.0.0.1:9";

/// Builds both, and the SMS library.
pub(crate) fn build() -> Result<(), String> {
    cargo::build(cargo::PROFILE, &["--bin", "recoup", "--lib"])
}

/// Writes a file.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// The code block of this language below the mark `<!-- test:… -->`.
pub(crate) fn code_block(readme: &Path, mark: &str, language: &str) -> Result<String, String> {
    let text = fs::read_to_string(readme).map_err(|e| format!("{}: {e}", readme.display()))?;
    let block = text
        .split_once(&format!("<!-- test:{mark} -->"))
        .and_then(|(_, after)| after.split_once(&format!("```{language}\n")))
        .and_then(|(_, code)| code.split_once("```"));
    block.map(|(code, _)| code.to_owned()).ok_or_else(|| {
        format!(
            "{} has no {language} block below `<!-- test:{mark} -->`",
            readme.display()
        )
    })
}

fn recoup() -> Command {
    Command::new(cargo::profile_dir(cargo::PROFILE).join("recoup"))
}

/// A server in a folder of its own: configuration, store and log.
pub(crate) struct Server {
    folder: PathBuf,
    gateway: String,
    /// What the configuration says beside: at its top, and its last tables.
    more: [String; 2],
    child: Option<Child>,
    /// The address of the API, `host:port`. A server that is started again has the same.
    pub(crate) api: String,
}

impl Server {
    /// Starts it with the configuration of the first call. `gateway` is the SMS gateway, `http://host:port`.
    pub(crate) fn start(folder: &Path, gateway: &str) -> Result<Self, String> {
        Self::start_with(folder, gateway, Default::default())
    }

    /// The same with more in the configuration: at its top, and tables.
    pub(crate) fn start_with(
        folder: &Path,
        gateway: &str,
        more: [String; 2],
    ) -> Result<Self, String> {
        let mut server = Self {
            folder: folder.to_owned(),
            gateway: gateway.to_owned(),
            more,
            child: None,
            api: "127.0.0.1:0".to_owned(),
        };
        server.start_again()?;
        Ok(server)
    }

    /// Starts it once more on the same store and address.
    pub(crate) fn start_again(&mut self) -> Result<(), String> {
        self.configure()?;
        let (ready, log) = (
            self.folder.join("ready.json"),
            self.folder.join("server.log"),
        );
        let _ = fs::remove_file(&ready);
        let log = File::options().create(true).append(true).open(log);
        let child = recoup()
            .arg("serve")
            .arg("--config")
            .arg(self.folder.join("recoup.toml"))
            .arg("--ready-file")
            .arg(&ready)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.map_err(|e| e.to_string())?)
            .spawn()
            .map_err(|e| format!("the server could not be started: {e}"))?;
        let said = until_ready(self.child.insert(child), &ready)
            .map_err(|why| format!("the server {why}; see {}/server.log", self.folder.display()))?;
        self.api = said["api"].as_str().unwrap_or_default().to_owned();
        Ok(())
    }

    /// The configuration that the README names, with free ports, and the libraries of this build.
    fn configure(&self) -> Result<(), String> {
        let first = cargo::root().join("examples/first");
        let path = first.join("recoup.toml");
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let built = cargo::profile_dir(cargo::PROFILE);
        let said = |path: PathBuf| path.display().to_string();
        let parts = [
            ("127.0.0.1:7700", self.api.clone()),
            ("127.0.0.1:7701", "127.0.0.1:0".to_owned()),
            ("../../target/first-data", said(self.folder.join("store"))),
            ("../../target/release", said(built)),
            ("http://127.0.0.1:13013", self.gateway.clone()),
            (
                "\"sandbox-password\"",
                format!("\"{}\"", said(first.join("sandbox-password"))),
            ),
        ];
        let config = parts
            .iter()
            .try_fold(text, |text, (old, new)| match text.contains(old) {
                true => Ok(text.replacen(old, new, 1)),
                false => Err(format!("{} does not say `{old}` any more", path.display())),
            })?;
        let [top, tables] = &self.more;
        let config = format!("{top}{config}{tables}");
        write(&self.folder.join("recoup.toml"), &config)
    }

    /// Asks it to stop, as an operator does, and waits for its end.
    pub(crate) fn stop(&mut self) -> Result<(), String> {
        let Some(child) = &mut self.child else {
            return Ok(());
        };
        succeed(Command::new("kill").arg(child.id().to_string()))?;
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            match child.try_wait() {
                Ok(None) => std::thread::sleep(LOOK),
                Ok(Some(status)) if status.success() => {
                    self.child = None;
                    return Ok(());
                }
                other => return Err(format!("the server ended badly: {other:?}")),
            }
        }
        Err("the server did not stop".to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            end(child);
        }
    }
}

/// Stands for the outside world; ends with its handle.
pub(crate) struct Sandbox {
    child: Child,
    /// Its SMS gateway, `http://host:port`.
    pub(crate) gateway: String,
}

impl Sandbox {
    /// Starts it; its log and output go to the folder.
    pub(crate) fn start(folder: &Path) -> Result<Self, String> {
        let ready = folder.join("sandbox.json");
        let (out, log) = (
            File::create(&ready),
            File::create(folder.join("sandbox.log")),
        );
        let child = recoup()
            .args(["sandbox", "--log"])
            .arg(folder.join("sandbox.jsonl"))
            .stdin(Stdio::null())
            .stdout(out.map_err(|e| e.to_string())?)
            .stderr(log.map_err(|e| e.to_string())?)
            .spawn()
            .map_err(|e| format!("the sandbox could not be started: {e}"))?;
        let mut sandbox = Self {
            child,
            gateway: String::new(),
        };
        let said = until_ready(&mut sandbox.child, &ready)
            .map_err(|why| format!("the sandbox {why}; see {}/sandbox.log", folder.display()))?;
        sandbox.gateway = said["sms"].as_str().unwrap_or_default().to_owned();
        Ok(sandbox)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// What it says in the file once it serves.
fn until_ready(child: &mut Child, file: &Path) -> Result<Value, String> {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        let text = fs::read_to_string(file).unwrap_or_default();
        if let Ok(said) = serde_json::from_str(&text) {
            return Ok(said);
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("ended with {status}"));
        }
        std::thread::sleep(LOOK);
    }
    Err("did not come up".to_owned())
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
