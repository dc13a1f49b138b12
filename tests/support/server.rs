//! The server as a process: its configuration, its start, its addresses, its end.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use serde_json::Value;

use super::builds;
use super::client::Client;
use super::process::{Process, until};
use super::sandbox::Sandbox;

/// How a server is set up. Public, so that a test changes what it is about.
pub(crate) struct Setup {
    /// The program: the shipped binary, or the planted build.
    pub(crate) program: PathBuf,
    /// Variables of its environment.
    pub(crate) env: Vec<(String, String)>,
    /// Arguments behind `serve --config`.
    pub(crate) args: Vec<String>,
    /// Configuration at the top.
    pub(crate) top: String,
    /// Tables of the configuration: tenants, principals, channels.
    pub(crate) tables: String,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            program: builds::recoup(),
            env: Vec::new(),
            args: Vec::new(),
            top: "listen = \"127.0.0.1:0\"\ncallback_listen = \"127.0.0.1:0\"\nstore = \"sqlite:data\"\n"
                .into(),
            tables: String::new(),
        }
    }
}

impl Setup {
    /// All five plugins, in front of a sandbox.
    pub(crate) fn with_all(sandbox: &Sandbox) -> Self {
        ["sms", "phone", "email", "visit", "legal"]
            .into_iter()
            .fold(Self::default(), |setup, name| setup.with(name, sandbox))
    }

    /// Adds a plugin in front of a sandbox, under its own name.
    pub(crate) fn with(self, name: &str, sandbox: &Sandbox) -> Self {
        let library = builds::plugin(name);
        self.with_channel(name, &library, &config_of(name, sandbox))
    }

    /// Adds a channel from any library.
    pub(crate) fn with_channel(mut self, name: &str, library: &Path, config: &str) -> Self {
        let library = library.display();
        let added = writeln!(
            self.tables,
            "[[channel]]\nname = \"{name}\"\nlibrary = \"{library}\"\n{config}"
        );
        added.expect("a string takes it");
        self
    }
}

/// What the configuration says of a plugin in front of a sandbox.
pub(crate) fn config_of(name: &str, sandbox: &Sandbox) -> String {
    let sms = sandbox.endpoint("sms");
    let voice = sandbox.endpoint("voice");
    let caldav = sandbox.endpoint("caldav");
    let legal = sandbox.endpoint("legal");
    let (host, port) = sandbox
        .endpoint("smtp")
        .trim_start_matches("smtp://")
        .rsplit_once(':')
        .expect("host and port");
    match name {
        "sms" => format!(
            "config = {{ endpoint = \"{sms}/cgi-bin/sendsms\", username = \"recoup\", \
             password_secret = \"sms\", from = \"10690\" }}\nsecrets = {{ sms = {{ file = \"sms.secret\" }} }}"
        ),
        "phone" => format!(
            "config = {{ base_url = \"{voice}\", account_sid = \"ACsandbox\", \
             auth_token_secret = \"voice\", from = \"+861068000000\" }}\n\
             secrets = {{ voice = {{ file = \"voice.secret\" }} }}"
        ),
        "email" => format!(
            "config = {{ host = \"{host}\", port = {port}, tls = \"none\", from = \"Demo <care@demo.example>\" }}"
        ),
        "visit" => {
            format!("config = {{ collection_url = \"{caldav}/team\", domain = \"demo.example\" }}")
        }
        "legal" => format!("desk = \"main\"\nconfig = {{ endpoint = \"{legal}\" }}"),
        other => panic!("no plugin {other}"),
    }
}

/// A running server.
pub(crate) struct Server {
    process: Process,
    api: SocketAddr,
    ready: Value,
}

impl Server {
    /// Starts a server and waits until it serves.
    pub(crate) async fn start(dir: &Path, setup: &Setup) -> Self {
        let mut process = launch(dir, setup);
        let ready = dir.join("ready.json");
        let text = until("the server to be ready", async || {
            if let Some(status) = process.exited() {
                panic!("the server ended, {status}: {}", process.stderr());
            }
            fs::read_to_string(&ready).ok().filter(|t| !t.is_empty())
        })
        .await;
        let ready: Value = serde_json::from_str(&text).expect("the ready file");
        let api = ready["api"].as_str().and_then(|a| a.parse().ok());
        Self {
            process,
            api: api.expect("the API's address"),
            ready,
        }
    }

    /// A named principal of the development mode, or whoever a token names.
    pub(crate) fn client(&self, token: &str) -> Client {
        Client::new(self.api, Some(token))
    }

    pub(crate) fn ana(&self) -> Client {
        self.client("dev-ana")
    }

    pub(crate) fn ben(&self) -> Client {
        self.client("dev-ben")
    }

    pub(crate) fn nobody(&self) -> Client {
        Client::new(self.api, None)
    }

    pub(crate) fn api(&self) -> SocketAddr {
        self.api
    }

    /// Where providers call back.
    pub(crate) fn callbacks(&self) -> SocketAddr {
        let address = self.ready["callbacks"].as_str();
        address.and_then(|a| a.parse().ok()).expect("an address")
    }

    /// Where a monitor scrapes.
    pub(crate) fn metrics(&self) -> SocketAddr {
        let address = self.told("metrics").as_str();
        address.and_then(|a| a.parse().ok()).expect("an address")
    }

    /// What the ready file says of something.
    pub(crate) fn told(&self, what: &str) -> &Value {
        &self.ready[what]
    }

    /// The fixed call-back address of a channel's account.
    pub(crate) fn account(&self, channel: &str) -> String {
        let accounts = self.ready["accounts"].as_array().into_iter().flatten();
        let own = accounts.filter(|a| a["channel"] == channel);
        let url = own.filter_map(|a| a["url"].as_str()).next();
        url.expect("an account of the channel").to_owned()
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// SIGTERM, and its exit.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        self.process.terminate().await
    }
}

/// Starts the program without waiting that it serves.
pub(crate) fn launch(dir: &Path, setup: &Setup) -> Process {
    let config = dir.join("recoup.toml");
    fs::write(&config, format!("{}{}", setup.top, setup.tables)).expect("the configuration");
    for (name, secret) in [("sms", "sandbox"), ("voice", "sandbox-token")] {
        let path = dir.join(format!("{name}.secret"));
        fs::write(&path, secret).expect("a secret");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    }
    let ready = dir.join("ready.json");
    let _ = fs::remove_file(&ready);
    let mut command = Command::new(&setup.program);
    command.arg("serve").arg("--config").arg(&config);
    command
        .arg("--ready-file")
        .arg(&ready)
        .args(&setup.args)
        .envs(setup.env.iter().cloned());
    Process::start(dir, "server", &mut command)
}
