//! What a campaign runs: the sandbox, which outlives every kill, and the lives of the server.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::{Child, Command};
use tonic::transport::Endpoint;

use super::aim::Point;
use super::loan;
use crate::cargo::{self, succeed};
use crate::demo::client::Client;
use crate::test::server::write;

/// A hang guard: a server under strace is ready within a second or two.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);
/// What an impatient caller waits for an answer.
const ANSWER: Duration = Duration::from_secs(2);

/// Builds all that is run; the server with planted bugs where it is wanted.
pub(super) fn build(planted: bool) -> Result<(), String> {
    let mut targets = vec!["--lib", "--bin", "recoup", "--bin", "recoup-judge"];
    if planted {
        targets.extend(["--example", "planted"]);
    }
    cargo::build("dev", &targets)
}

/// A program of this build.
pub(super) fn program(name: &str) -> PathBuf {
    cargo::profile_dir("dev").join(name)
}

/// The outside world.
pub(super) struct Sandbox {
    child: Child,
    endpoints: Value,
    /// What it received.
    pub(super) log: PathBuf,
}

impl Sandbox {
    /// Starts it. `misbehave` is what it does wrong.
    pub(super) async fn start(
        folder: &Path,
        seed: u64,
        misbehave: Option<&str>,
    ) -> Result<Self, String> {
        let (log, ready) = (folder.join("sandbox.jsonl"), folder.join("sandbox.json"));
        let mut command = Command::new(program("recoup"));
        command.arg("sandbox").arg("--log").arg(&log);
        command.args(["--seed", &seed.to_string()]);
        if let Some(what) = misbehave {
            command.args(["--misbehave", what]);
        }
        command.stdout(file(&ready)?);
        command.stderr(file(&folder.join("sandbox.log"))?);
        let mut child = spawn(&mut command)?;
        let endpoints = until_ready(&mut child, &ready).await;
        let endpoints = endpoints.map_err(|why| format!("the sandbox {why}"))?;
        Ok(Self {
            child,
            endpoints,
            log,
        })
    }

    fn at(&self, part: &str) -> &str {
        self.endpoints[part].as_str().unwrap_or_default()
    }

    /// Ends it, so that its log is whole.
    pub(super) async fn stop(mut self) -> Result<(), String> {
        let status = ask_to_end(&mut self.child).await?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("the sandbox ended badly: {status}")),
        }
    }
}

/// Where a server keeps what it knows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Store<'a> {
    /// In a folder of its own.
    Own,
    /// In a database that it shares with the servers in the folders beside its own.
    Shared(&'a str),
}

impl Store<'_> {
    fn settings(self) -> String {
        match self {
            Self::Own => "store = \"sqlite:data\"\n[engine]\ncall_timeout_ms = 2000\n".to_owned(),
            // Only what goes wrong here may leave a contact in doubt: no call is slow.
            Self::Shared(url) => format!(
                "store = \"{url}\"\nmaster_key_file = \"../master.key\"\n[engine]\ncall_timeout_ms = 30000\n"
            ),
        }
    }
}

/// Where the channels live.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// Each in a process of its own.
    Isolated,
    /// In the server's.
    Inline,
}

/// How the server is run.
pub(super) struct Setup {
    folder: PathBuf,
    program: PathBuf,
    plant: Option<&'static str>,
    /// Where callers and providers know it: of its first life.
    listen: Option<[SocketAddr; 2]>,
    /// The configuration with each channel in a process of its own.
    isolated: String,
}

impl Setup {
    /// A folder with a configuration for the sandbox; with a bug planted, where one is named.
    pub(super) fn new(
        folder: &Path,
        sandbox: &Sandbox,
        store: Store<'_>,
        place: Place,
        plant: Option<&'static str>,
    ) -> Result<Self, String> {
        let text = configuration(sandbox, store);
        for (name, secret) in [("sms", "sandbox"), ("phone", "sandbox-token")] {
            let path = folder.join(format!("{name}.secret"));
            write(&path, secret)?;
            let private = fs::set_permissions(&path, fs::Permissions::from_mode(0o600));
            private.map_err(|e| format!("{}: {e}", path.display()))?;
        }
        let name = if plant.is_some() {
            "examples/planted"
        } else {
            "recoup"
        };
        let setup = Self {
            folder: folder.to_owned(),
            program: program(name),
            plant,
            listen: None,
            isolated: text,
        };
        setup.place(place)?;
        Ok(setup)
    }

    /// Where the channels of the next life live.
    pub(super) fn place(&self, place: Place) -> Result<(), String> {
        let (isolated, inline) = ("placement = \"isolated\"", "placement = \"inline\"");
        let text = match place {
            Place::Isolated => self.isolated.clone(),
            Place::Inline => self.isolated.replace(isolated, inline),
        };
        write(&self.folder.join("recoup.toml"), &text)
    }

    /// The store's file.
    pub(super) fn database(&self) -> PathBuf {
        self.folder.join("data/recoup.db")
    }

    /// Somebody who calls the server, in whatever life it is.
    pub(super) fn client(&self, token: &str) -> Result<Client, String> {
        Self::over(self.endpoint()?, token)
    }

    /// The same, who gives up on a server that says nothing, to ask the next.
    pub(super) fn impatient_client(&self, token: &str) -> Result<Client, String> {
        Self::over(self.endpoint()?.timeout(ANSWER), token)
    }

    fn endpoint(&self) -> Result<Endpoint, String> {
        let [api, _] = self.listen.ok_or("the server has not lived yet")?;
        Endpoint::from_shared(format!("http://{api}")).map_err(|e| e.to_string())
    }

    fn over(endpoint: Endpoint, token: &str) -> Result<Client, String> {
        let channel = endpoint.connect_lazy();
        Client::over(channel, Some(token)).map_err(|e| e.to_string())
    }

    /// Begins a life that ends after so long by kill -9, whether it was ready by then or not.
    pub(super) async fn live_for(&mut self, lasts: Duration) -> Result<(), String> {
        let mut child = self.begin(Tracer::None)?;
        tokio::time::sleep(lasts).await;
        child.kill().await.map_err(|e| e.to_string())
    }

    fn ready(&self) -> PathBuf {
        self.folder.join("ready.json")
    }

    fn begin(&self, tracer: Tracer<'_>) -> Result<Child, String> {
        let ready = self.ready();
        let _ = fs::remove_file(&ready);
        let mut command = tracer.command(&self.program);
        command.current_dir(&self.folder);
        command.args(["serve", "--config", "recoup.toml", "--ready-file"]);
        command.arg(&ready);
        if let Some([api, callbacks]) = self.listen {
            command.args(["--listen", &api.to_string()]);
            command.args(["--callback-listen", &callbacks.to_string()]);
        }
        if let Some(plant) = self.plant {
            command.env("RECOUP_PLANT", plant);
            command.env("RECOUP_PLANT_ZONE", loan::noon_zone());
        }
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("server.log"));
        command.stderr(log.map_err(|e| e.to_string())?);
        command.stdout(Stdio::null());
        spawn(&mut command)
    }

    /// Begins a life. It may end before it is ready: then it is dead, and nothing is wrong.
    pub(super) async fn live(&mut self, tracer: Tracer<'_>) -> Result<Life, String> {
        let begun = Instant::now();
        let mut child = self.begin(tracer)?;
        match until_ready(&mut child, &self.ready()).await {
            Ok(said) => self.listen = self.listen.or(addresses(&said)),
            Err(why) if matches!(tracer, Tracer::Kills(_)) => {
                // What kills it may do so before it is ready.
                if !matches!(child.try_wait(), Ok(Some(_))) {
                    return Err(format!("the server {why}"));
                }
            }
            Err(why) => {
                let log = self.folder.join("server.log");
                return Err(format!("the server {why}; see {}", log.display()));
            }
        }
        Ok(Life {
            child,
            start: begun.elapsed(),
        })
    }
}

fn addresses(said: &Value) -> Option<[SocketAddr; 2]> {
    let at = |what: &str| said[what].as_str().and_then(|a| a.parse().ok());
    Some([at("api")?, at("callbacks")?])
}

/// What looks at a life's calls of the system.
#[derive(Clone, Copy)]
pub(super) enum Tracer<'a> {
    /// Nothing.
    None,
    /// Writes each of these to the file.
    Writes(&'a str, &'a Path),
    /// Kills it at a point.
    Kills(&'a Point),
}

impl Tracer<'_> {
    fn command(self, program: &Path) -> Command {
        let mut strace = Command::new("strace");
        // As a process beside, so that the child is the server itself; whole paths, so that the one that ends the
        // start is known.
        strace.args(["-D", "-f", "-qq", "-s", "4096", "-o"]);
        match self {
            Tracer::None => return Command::new(program),
            Tracer::Writes(calls, file) => strace.arg(file).args(["-e", &format!("trace={calls}")]),
            Tracer::Kills(point) => {
                let call = point.call;
                let kill = format!("inject={call}:signal=SIGKILL:when={}", point.number);
                strace
                    .arg("/dev/null")
                    .args(["-e", &format!("trace={call}"), "-e", &kill])
            }
        };
        strace.arg(program);
        strace
    }
}

/// Sends a process a signal, by its name for `kill`.
pub(super) fn signal(pid: i64, name: &str) -> Result<(), String> {
    succeed(std::process::Command::new("kill").args(["-s", name, &pid.to_string()]))
}

/// A server from its start to its end.
pub(super) struct Life {
    child: Child,
    /// What its start took.
    pub(super) start: Duration,
}

impl Life {
    /// Waits until something kills it, so long at most. Whether it is dead.
    pub(super) async fn dies_within(&mut self, patience: Duration) -> Result<bool, String> {
        match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(Ok(status)) if status.code().is_none() => Ok(true),
            Ok(Ok(status)) => Err(format!("the server ended by itself: {status}")),
            Ok(Err(error)) => Err(format!("the server: {error}")),
            Err(_) => Ok(false),
        }
    }

    /// kill -9.
    pub(super) async fn kill(&mut self) -> Result<(), String> {
        self.child.kill().await.map_err(|e| e.to_string())
    }

    /// Sends it a signal, by its name for `kill`.
    pub(super) fn signal(&self, name: &str) -> Result<(), String> {
        let pid = self.child.id().ok_or("the server has ended")?;
        signal(i64::from(pid), name)
    }

    /// Nothing but a kill of ours may end it.
    pub(super) fn must_live(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("a server ended by itself: {status}")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Asks it to stop, and waits for its end.
    pub(super) async fn stop(mut self) -> Result<(), String> {
        ask_to_end(&mut self.child).await.map(drop)
    }
}

async fn ask_to_end(child: &mut Child) -> Result<ExitStatus, String> {
    let pid = child.id().ok_or("it has ended before")?.to_string();
    succeed(std::process::Command::new("kill").arg(pid))?;
    let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
    ended
        .map_err(|_| "it did not stop")?
        .map_err(|e| e.to_string())
}

fn spawn(command: &mut Command) -> Result<Child, String> {
    let child = command.stdin(Stdio::null()).kill_on_drop(true).spawn();
    child.map_err(|e| format!("{command:?} could not be started: {e}"))
}

fn file(path: &Path) -> Result<File, String> {
    File::create(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// What it says in the file once it serves.
async fn until_ready(child: &mut Child, file: &Path) -> Result<Value, String> {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        let text = fs::read_to_string(file).unwrap_or_default();
        if let Ok(said) = serde_json::from_str(&text) {
            return Ok(said);
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("ended with {status} before it was ready"));
        }
        tokio::time::sleep(LOOK).await;
    }
    Err("did not come up".to_owned())
}

/// The server's configuration: the four channels in front of the sandbox.
fn configuration(sandbox: &Sandbox, store: Store<'_>) -> String {
    let library = |name: &str| {
        program(&format!("librecoup_{name}.so"))
            .display()
            .to_string()
    };
    let (host, port) = sandbox
        .at("smtp")
        .trim_start_matches("smtp://")
        .rsplit_once(':')
        .unwrap_or_default();
    let channels = [
        (
            "sms",
            format!(
                "config = {{ endpoint = \"{}/cgi-bin/sendsms\", username = \"recoup\", \
                 password_secret = \"sms\", from = \"10690\" }}\n\
                 secrets = {{ sms = {{ file = \"sms.secret\" }} }}",
                sandbox.at("sms")
            ),
        ),
        (
            "phone",
            format!(
                "config = {{ base_url = \"{}\", account_sid = \"ACsandbox\", \
                 auth_token_secret = \"phone\", from = \"+861068000000\" }}\n\
                 secrets = {{ phone = {{ file = \"phone.secret\" }} }}",
                sandbox.at("voice")
            ),
        ),
        (
            "email",
            format!(
                "config = {{ host = \"{host}\", port = {port}, tls = \"none\", \
                 from = \"Demo <care@demo.example>\" }}"
            ),
        ),
        (
            "visit",
            format!(
                "config = {{ collection_url = \"{}/team\", domain = \"demo.example\" }}",
                sandbox.at("caldav")
            ),
        ),
    ];
    let mut text = String::from(
        "listen = \"127.0.0.1:0\"\ncallback_listen = \"127.0.0.1:0\"\nlog = \"warn\"\n",
    );
    text.push_str(&store.settings());
    for (name, config) in channels {
        let library = library(name);
        text.push_str(&format!(
            "[[channel]]\nname = \"{name}\"\nlibrary = \"{library}\"\nplacement = \"isolated\"\n{config}\n"
        ));
    }
    text
}
