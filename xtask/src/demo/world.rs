//! The processes of the demo: the server, and the sandbox that stands for the outside world. They end with it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;

use super::{DemoError, Plant};
use crate::cargo;

/// How long a process may take to be ready, or to end when asked to.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a process is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(20);

/// The programs and libraries that were built.
pub(crate) struct Built {
    dir: PathBuf,
    plant: Option<Plant>,
}

/// Builds everything the demo runs, with the profile named, unless it is to run what is there.
pub(crate) fn build(
    profile: &str,
    plant: Option<Plant>,
    no_build: bool,
) -> Result<Built, DemoError> {
    if !no_build {
        match profile {
            "dev" => build_for_tests(plant)?,
            _ => build_for_use(profile, plant)?,
        }
    }
    Ok(Built {
        dir: cargo::profile_dir(profile),
        plant,
    })
}

/// As everything else that tests build.
fn build_for_tests(plant: Option<Plant>) -> Result<(), DemoError> {
    let mut targets = vec!["--lib", "--bin", "recoup", "--bin", "recoup-judge"];
    if plant.is_some() {
        targets.extend(["--example", "planted"]);
    }
    cargo::build("dev", &targets).map_err(|why| DemoError::Failed(format!("build the demo: {why}")))
}

/// As it is shipped, with no feature that only a test wants.
fn build_for_use(profile: &str, plant: Option<Plant>) -> Result<(), DemoError> {
    let mut cargo = cargo::cargo();
    cargo.args([
        "build",
        "--profile",
        profile,
        "--bin",
        "recoup",
        "--bin",
        "recoup-judge",
        "--lib",
    ]);
    for package in [
        "recoup",
        "recoup-judge",
        "recoup-sms",
        "recoup-phone",
        "recoup-email",
        "recoup-visit",
        "recoup-legal",
    ] {
        cargo.args(["--package", package]);
    }
    run(&mut cargo)?;
    if plant.is_some() {
        let mut cargo = cargo::cargo();
        run(cargo.args([
            "build",
            "--profile",
            profile,
            "--package",
            "recoup",
            "--example",
            "planted",
        ]))?;
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<(), DemoError> {
    // What cargo says goes beside our own last line, never before it.
    let status = command.stdout(Stdio::from(io::stderr())).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(DemoError::Failed(format!(
            "build the demo: cargo ended with {status}"
        ))),
        Err(error) => Err(DemoError::Failed(format!("build the demo: {error}"))),
    }
}

impl Built {
    /// The program people run.
    pub(crate) fn recoup(&self) -> PathBuf {
        self.dir.join("recoup")
    }

    /// The program that judges.
    pub(crate) fn judge(&self) -> PathBuf {
        self.dir.join("recoup-judge")
    }

    fn server(&self) -> PathBuf {
        match self.plant {
            Some(_) => self.dir.join("examples/planted"),
            None => self.recoup(),
        }
    }

    fn plugin(&self, name: &str) -> PathBuf {
        self.dir.join(format!("librecoup_{name}.so"))
    }
}

/// A new folder for a run, numbered.
pub(crate) fn run_folder() -> Result<PathBuf, DemoError> {
    let all = cargo::target_dir().join("demo");
    let made = fs::create_dir_all(&all).and_then(|()| {
        for number in 1.. {
            let folder = all.join(number.to_string());
            match fs::create_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|()| folder),
            }
        }
        Err(io::Error::other("no number is free"))
    });
    made.map_err(|error| DemoError::Failed(format!("make a folder in {}: {error}", all.display())))
}

/// Where the sandbox listens.
#[derive(Debug, Clone, Deserialize)]
struct Endpoints {
    sms: String,
    voice: String,
    smtp: String,
    caldav: String,
    legal: String,
    control: String,
}

/// What the server says when it is ready.
#[derive(Debug, Clone, Deserialize)]
struct ServerReady {
    api: SocketAddr,
    clock: Option<SocketAddr>,
    #[serde(default)]
    accounts: Vec<Account>,
}

#[derive(Debug, Clone, Deserialize)]
struct Account {
    channel: String,
    url: String,
}

/// A process of ours; it is ended when this is dropped.
struct Process {
    name: &'static str,
    child: Option<Child>,
}

impl Process {
    /// Starts it; what it prints goes to `out`, what it tells to `log`.
    fn start(
        name: &'static str,
        command: &mut Command,
        out: &Path,
        log: &Path,
    ) -> Result<Self, DemoError> {
        let about = |error: io::Error| DemoError::Failed(format!("start the {name}: {error}"));
        let out = File::create(out).map_err(about)?;
        let err = File::create(log).map_err(about)?;
        let command = command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command.spawn().map_err(about)?;
        Ok(Self {
            name,
            child: Some(child),
        })
    }

    fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Waits for the file that says it is ready.
    async fn ready<T: for<'a> Deserialize<'a>>(
        &mut self,
        file: &Path,
        log: &Path,
    ) -> Result<T, DemoError> {
        let name = self.name;
        let about = |what: String| {
            let said = fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<&str> = said.lines().collect();
            let last = lines[lines.len().saturating_sub(8)..].join("\n  ");
            DemoError::Failed(format!("start the {name}: {what}; it said\n  {last}"))
        };
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            let text = fs::read_to_string(file).unwrap_or_default();
            if let Ok(ready) = serde_json::from_str(&text) {
                return Ok(ready);
            }
            let ended = self
                .child
                .as_mut()
                .and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                return Err(about(format!("it ended with {status}")));
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(about(format!(
            "it was not ready within {} s",
            PATIENCE.as_secs()
        )))
    }
}

impl Drop for Process {
    /// Asks it to end, then makes it.
    fn drop(&mut self) {
        let Some(child) = &mut self.child else {
            return;
        };
        let asked = Command::new("kill")
            .arg(child.id().to_string())
            .stderr(Stdio::null())
            .status();
        let since = Instant::now();
        while asked.is_ok() && since.elapsed() < PATIENCE / 3 {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK);
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// The running processes and where they listen.
pub(crate) struct World {
    server: Process,
    sandbox: Process,
    /// The API, `http://host:port`.
    pub(crate) api: String,
    /// The stepped clock.
    pub(crate) clock: SocketAddr,
    /// The sandbox's control interface.
    pub(crate) control: String,
    /// The sandbox's calendar.
    pub(crate) calendar: String,
    /// What the sandbox received.
    pub(crate) sandbox_log: PathBuf,
}

/// How the world starts.
pub(crate) struct Start<'a> {
    /// Folder of the run.
    pub(crate) folder: &'a Path,
    /// Seed of the sandbox.
    pub(crate) seed: u64,
    /// The first virtual instant.
    pub(crate) clock_start: jiff::Timestamp,
}

/// Token of the person who works for the lender.
pub(crate) const AGENT_TOKEN: &str = "dev-ana";
/// Token of the second person.
pub(crate) const SECOND_TOKEN: &str = "dev-ben";

impl World {
    /// Starts the sandbox, then the server whose clock the sandbox joins.
    pub(crate) async fn start(built: &Built, start: &Start<'_>) -> Result<Self, DemoError> {
        let Start {
            folder,
            seed,
            clock_start,
        } = start;
        // The sandbox must know the clock before the server runs that keeps it.
        let clock = free_port()?;
        let sandbox_log = folder.join("sandbox.jsonl");
        // It prints its addresses once it listens.
        let (ready, said) = (folder.join("sandbox.ready"), folder.join("sandbox.log"));
        let mut command = Command::new(built.recoup());
        command
            .arg("sandbox")
            .arg("--log")
            .arg(&sandbox_log)
            .args([
                "--seed",
                &seed.to_string(),
                "--party",
                "sandbox",
                "--field-app",
            ])
            .args(["--clock", &clock.to_string()]);
        let mut sandbox = Process::start("sandbox", &mut command, &ready, &said)?;
        let endpoints: Endpoints = sandbox.ready(&ready, &said).await?;

        let config = folder.join("recoup.toml");
        write_config(&config, &endpoints, built)?;
        let (ready, said) = (folder.join("server.ready"), folder.join("server.log"));
        let mut command = Command::new(built.server());
        command
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .args([
                "--clock",
                "stepped",
                "--clock-start",
                &clock_start.to_string(),
            ])
            .args([
                "--clock-listen",
                &clock.to_string(),
                "--clock-parties",
                "sandbox,demo",
            ])
            .arg("--ready-file")
            .arg(&ready);
        if let Some(plant) = built.plant {
            command.env("RECOUP_PLANT", plant.name());
        }
        let out = folder.join("server.out");
        let mut server = Process::start("server", &mut command, &out, &said)?;
        let ready: ServerReady = server.ready(&ready, &said).await?;
        // People's texts come in at the address of the SMS account.
        let account = ready
            .accounts
            .iter()
            .find(|account| account.channel == "sms");
        if let Some(account) = account {
            super::http::call(&endpoints.control, "POST", "/control/mo-url", &account.url).await?;
        }
        Ok(Self {
            server,
            sandbox,
            api: format!("http://{}", ready.api),
            clock: ready.clock.unwrap_or(clock),
            control: endpoints.control,
            calendar: endpoints.caldav,
            sandbox_log,
        })
    }

    /// Lets the processes run on; gives the ids of server and sandbox.
    pub(crate) fn keep(mut self) -> (u32, u32) {
        let pids = (self.server.pid(), self.sandbox.pid());
        self.server.child = None;
        self.sandbox.child = None;
        pids
    }
}

/// A port that is free now.
fn free_port() -> Result<SocketAddr, DemoError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address.map_err(|error| DemoError::Failed(format!("find a free port: {error}")))
}

/// The server's configuration: JSON values are written as TOML's inline tables.
fn write_config(path: &Path, endpoints: &Endpoints, built: &Built) -> Result<(), DemoError> {
    let about = |error: io::Error| DemoError::Failed(format!("write {}: {error}", path.display()));
    let folder = path.parent().unwrap_or(Path::new("."));
    let secrets = folder.join("secrets");
    fs::create_dir_all(&secrets).map_err(about)?;
    for (name, secret) in [("sms", "sandbox"), ("phone", "sandbox-token")] {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(secrets.join(name)).map_err(about)?;
        io::Write::write_all(&mut file, secret.as_bytes()).map_err(about)?;
    }
    let (mail_host, mail_port) = endpoints
        .smtp
        .trim_start_matches("smtp://")
        .rsplit_once(':')
        .unwrap_or(("127.0.0.1", "25"));
    let channels = [
        (
            "sms",
            json!({
                "endpoint": format!("{}/cgi-bin/sendsms", endpoints.sms),
                "username": "recoup", "password_secret": "sms", "from": "10690",
            }),
        ),
        (
            "phone",
            json!({
                "base_url": endpoints.voice, "account_sid": "ACsandbox", "auth_token_secret": "phone",
                "from": "+12025550100",
            }),
        ),
        (
            "email",
            json!({
                "host": mail_host, "port": mail_port.parse::<u16>().unwrap_or(25), "tls": "none",
                "from": "Demo Lender <collections@example.com>",
            }),
        ),
        (
            "visit",
            json!({"collection_url": format!("{}/calendars/field", endpoints.caldav), "domain": "example.com"}),
        ),
        ("legal", json!({"endpoint": endpoints.legal})),
    ];
    let mut text = String::from(
        "listen = \"127.0.0.1:0\"\ncallback_listen = \"127.0.0.1:0\"\nstore = \"sqlite:data\"\n\n\
         [engine]\nid_seed = 1\n\n\
         [[tenant]]\nid = \"demo\"\ndisplay_name = \"Demo Lender\"\n\
         licence = [{ region = \"US-CA\", number = \"10000-99\" }]\n\
         sms = [{ signature = \"Demo Lender\", templates = [\"demo-reminder\"] }]\n",
    );
    for (name, config) in channels {
        let library = built.plugin(name);
        text.push_str(&format!(
            "\n[[channel]]\nname = \"{name}\"\nlibrary = {}\nconfig = {}\n",
            json!(library.display().to_string()),
            inline(&config),
        ));
        if matches!(name, "sms" | "phone") {
            text.push_str(&format!(
                "secrets = {{ {name} = {{ file = \"secrets/{name}\" }} }}\n"
            ));
        }
        if name == "legal" {
            text.push_str("desk = \"desk-1\"\n");
        }
    }
    fs::write(path, text).map_err(about)
}

/// A JSON object of texts and numbers as an inline table of TOML.
fn inline(object: &serde_json::Value) -> String {
    let entries = object.as_object().into_iter().flatten();
    let entries: Vec<String> = entries
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    format!("{{ {} }}", entries.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_ends_with_its_handle() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let process = Process::start(
            "sleeper",
            Command::new("sleep").arg("600"),
            &dir.path().join("out"),
            &log,
        )
        .unwrap();
        let pid = process.pid();
        drop(process);
        assert!(
            !Path::new(&format!("/proc/{pid}")).exists(),
            "it still runs"
        );
    }

    #[tokio::test]
    async fn a_process_that_ends_early_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "echo the port is taken >&2; exit 3"]);
        let mut process =
            Process::start("server", &mut command, &dir.path().join("out"), &log).unwrap();
        let ready = process
            .ready::<ServerReady>(&dir.path().join("ready"), &log)
            .await;
        let error = ready.unwrap_err().to_string();
        assert!(error.contains("the port is taken"), "{error}");
    }

    #[test]
    fn json_becomes_a_table() {
        let table = inline(&json!({"port": 25, "tls": "none"}));
        assert_eq!(table, "{ port = 25, tls = \"none\" }");
    }
}
