//! The configuration: one TOML file, read once. An unknown key is an error with its line and the key
//! that was likely meant.
//!
//! Every key below says its unit and its default. `docs/recoup.example.toml` shows all of them, and a
//! test holds it to this file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use recoup_channel_host::trust::Trust;
use recoup_domain::ids::TenantId;
use serde::Deserialize;

mod channel;
mod lender;
#[cfg(test)]
mod page;
mod people;
mod store;

pub use channel::{ChannelConfig, PlacementConfig, Secret};
pub use lender::{LicenceConfig, SmsConfig, TenantConfig};
pub use people::{ClientCertificate, DevPrincipal, PrincipalConfig, TlsConfig, read_roles};
pub use store::StorePlace;

/// A configuration that cannot be used: which file, which line, what is wrong, what would be right.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not the configuration.
    #[error("{path}:{line}: {problem}")]
    Text {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A value that cannot be.
    #[error("configuration `{key}`: {problem}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong and what would be right.
        problem: String,
    },
}

fn value_error(key: impl Into<String>, problem: impl Into<String>) -> ConfigError {
    ConfigError::Value {
        key: key.into(),
        problem: problem.into(),
    }
}

/// The whole configuration. Relative paths are relative to the file that names them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port of the API. Without `tls` it is gRPC in plain text, on loopback addresses
    /// only. Default: `127.0.0.1:7700`; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Address and port where providers call back, HTTP/1.1 in plain text, on loopback addresses only:
    /// what providers reach is a reverse proxy with TLS. Default: `127.0.0.1:7701`.
    pub callback_listen: SocketAddr,
    /// What the call-back addresses given to providers begin with, such as
    /// `https://calls.example.com`. Default: `http://` and the bound call-back address.
    pub callback_base_url: Option<String>,
    /// The store: `sqlite:` and a folder, which is made where it is missing; or the address of a PostgreSQL
    /// database, `postgres://USER@127.0.0.1:5432/DATABASE` on a loopback address or
    /// `postgres://USER@%2Frun%2Fpostgresql/DATABASE` by a socket, which several servers may share. Default:
    /// `sqlite:recoup-data`.
    pub store: String,
    /// A file with the password of the PostgreSQL user, where it needs one; never in the address. Default: none.
    pub store_password_file: Option<PathBuf>,
    /// The master key: a file of 32 bytes or 64 hexadecimal digits that only its owner may read (mode
    /// 0600). Development mode makes one where it is missing. Default: `master.key` in the store's
    /// folder, with PostgreSQL in `recoup-data`.
    pub master_key_file: Option<PathBuf>,
    /// Private folder for staged copies of channel libraries. Default: `run` in the store's folder, with PostgreSQL
    /// in `recoup-data`.
    pub run_dir: Option<PathBuf>,
    /// Folders of this machine whose files `recoup channel stage` takes. Default: those of the libraries of the
    /// channels.
    pub library_dirs: Vec<PathBuf>,
    /// The file that says whose libraries are loaded and what each channel is granted, as `recoup channel lock`
    /// writes it. Default: none.
    pub channels_lock: Option<PathBuf>,
    /// Load libraries that nobody vouches for, neither a key nor a hash of the lock. Default: only in the
    /// development mode without a lock.
    pub unsigned_channels: Option<bool>,
    /// Where copies of a SQLite store go; better a folder of another disk. Default: `copies` in the store's folder.
    pub backup_dir: Option<PathBuf>,
    /// Where the newest copy of the wrapped data keys goes, apart from the other copies: each new one replaces it, so
    /// that an erased key does not come back. Default: `copied-keys` in the store's folder.
    pub backup_keys_dir: Option<PathBuf>,
    /// MiB that must be free on the disk of a SQLite store for contacts to go: what becomes of those under way must
    /// find room. 64 MiB more are set aside in its folder, and given up where the disk is full all the same.
    /// Default: 256.
    pub least_free_mib: u32,
    /// Who may ask for the contract by gRPC reflection: `loopback` (callers on this machine),
    /// `authenticated` (every principal) or `off`. Default: `loopback`.
    pub reflection: Reflection,
    /// What is logged: a filter such as `info` or `recoup_engine=debug,info`. Default: `info`.
    pub log: String,
    /// How lines of the log look: `text` or `json`. Default: `text`.
    pub log_format: LogFormat,
    /// The listener of a monitor. Default: none, and nothing listens.
    pub metrics: Option<MetricsConfig>,
    /// The law.
    pub compliance: ComplianceConfig,
    /// Limits of the engine.
    pub engine: EngineConfig,
    /// Limits of the API.
    pub limits: Limits,
    /// The lenders. Default: one, `demo`.
    pub tenant: Vec<TenantConfig>,
    /// TLS of the API. Default: none, plain text on loopback.
    pub tls: Option<TlsConfig>,
    /// Who may call, by key or certificate. Default: none, which is the development mode.
    pub principal: Vec<PrincipalConfig>,
    /// Development mode: principals by token, on loopback listeners only. Default, where there is neither
    /// `tls` nor `principal`: `ana` and `ben`, each with every role at the lender `demo`, with the tokens
    /// `dev-ana` and `dev-ben`.
    #[serde(default)]
    pub dev_principal: Vec<DevPrincipal>,
    /// The channels. Default: none.
    pub channel: Vec<ChannelConfig>,
    /// The server's own folder where the store has none.
    #[serde(skip)]
    pub(crate) home: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7700)),
            callback_listen: SocketAddr::from(([127, 0, 0, 1], 7701)),
            callback_base_url: None,
            store: "sqlite:recoup-data".to_owned(),
            store_password_file: None,
            home: PathBuf::from("recoup-data"),
            master_key_file: None,
            run_dir: None,
            library_dirs: Vec::new(),
            channels_lock: None,
            unsigned_channels: None,
            backup_dir: None,
            backup_keys_dir: None,
            least_free_mib: 256,
            reflection: Reflection::Loopback,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            metrics: None,
            compliance: ComplianceConfig::default(),
            engine: EngineConfig::default(),
            limits: Limits::default(),
            tenant: vec![TenantConfig::demo()],
            tls: None,
            principal: Vec::new(),
            dev_principal: DevPrincipal::defaults(),
            channel: Vec::new(),
        }
    }
}

/// Who may ask for the contract by reflection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reflection {
    /// Callers on loopback.
    #[default]
    Loopback,
    /// Every principal, from anywhere.
    Authenticated,
    /// Nobody.
    Off,
}

/// How lines of the log look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The listener of a monitor: HTTP/1.1 in plain text, `/metrics` and nothing else. Figures alone, no personal
/// data; docs/metrics.md says which.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsConfig {
    /// Address and port; port 0 takes a free one. Default: `127.0.0.1:7702`.
    pub listen: SocketAddr,
    /// Whether it may be an address that other machines reach: what a portfolio does is then told to whoever
    /// reaches it. Default: `false`.
    pub off_loopback: bool,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7702)),
            off_loopback: false,
        }
    }
}

/// What of the law is switched on besides what always is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ComplianceConfig {
    /// Packs and rules that ship off, by their ids: drafts, contested readings. docs/law says which, and why.
    /// Nothing that is on can be switched off. Default: none.
    pub enabled: Vec<String>,
    /// Files of packs: each takes the place of the built-in pack of its id, or stands beside the built-in ones.
    /// `recoup law preview` says what one would change before it is named here. Default: none.
    pub packs: Vec<PathBuf>,
}

/// Limits of the engine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    /// How long a channel may take for one call, in milliseconds, 100 to 300000. Default: 10000.
    pub call_timeout_ms: u64,
    /// How long before the end of a permit or effect window the last byte may leave, in seconds, 0 to
    /// 3600. Default: 120, which is longer than any stall a send may suffer.
    pub guard_s: u32,
    /// How many due cases are taken at once, 1 to 4096. Default: 256.
    pub batch: usize,
    /// Seed of the ids, for runs that must repeat. Default: none, which draws them at random.
    pub id_seed: Option<u64>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            call_timeout_ms: 10_000,
            guard_s: 120,
            batch: 256,
            id_seed: None,
        }
    }
}

/// Limits of the API.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How long a call may take to its answer, in milliseconds (streams: to their first answer), 100
    /// to 600000. Default: 10000.
    pub request_timeout_ms: u64,
    /// Calls at once on one connection, 1 to 1000; more are refused with TOO_MANY_REQUESTS. Default:
    /// 64.
    pub connection_calls_max: usize,
    /// Calls at once on all connections, 1 to 100000; more are refused with TOO_MANY_REQUESTS. Half of
    /// them are kept for the lenders, as many for each. Default: 512.
    pub calls_max: usize,
    /// Calls at once of one lender on all its connections, 1 to 100000; more are refused with TOO_MANY_REQUESTS,
    /// and other lenders go on. Default: half of `calls_max` where there are several lenders, all of it where
    /// there is one.
    pub tenant_calls_max: Option<usize>,
    /// Streams (WatchEvents, ImportCases, ExportLedger, PreviewPacks) that are open at once on all connections, 1 to 100000; more
    /// are refused with TOO_MANY_REQUESTS. Half of them are kept for the lenders, as many for each. Default: 256.
    pub streams_max: usize,
    /// Streams that one lender has open at once, 1 to 100000; more are refused with TOO_MANY_REQUESTS, and other
    /// lenders go on. Default: half of `streams_max` where there are several lenders, all of it where there is one.
    pub tenant_streams_max: Option<usize>,
    /// HTTP/2 streams at once on one connection, calls among them, 1 to 1000. Default: 100.
    pub connection_streams_max: u32,
    /// Connections at once, 1 to 100000; more are closed at once. Default: 1024.
    pub connections_max: usize,
    /// Connections at once from one address, 1 to 100000. Default: 64.
    pub address_connections_max: usize,
    /// How long a connection may take to its TLS handshake, and then to its first frame, in milliseconds,
    /// 100 to 60000. Default: 5000.
    pub handshake_timeout_ms: u64,
    /// How long a connection lives before the client is asked to make a new one, in seconds, 10 to
    /// 86400. Default: 1800.
    pub connection_age_s: u64,
    /// Rows of one import that are under way at once, in three parts: one is decided while others are committed.
    /// 1 to 4096. Default: 1024.
    pub import_rows_max: usize,
    /// Events that wait for one slow watcher, 1 to 100000. Default: 1024.
    pub watch_buffer: usize,
    /// How long a stop waits for calls under way, in seconds, 1 to 300. Default: 30.
    pub drain_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_timeout_ms: 10_000,
            connection_calls_max: 64,
            calls_max: 512,
            tenant_calls_max: None,
            streams_max: 256,
            tenant_streams_max: None,
            connection_streams_max: 100,
            connections_max: 1024,
            address_connections_max: 64,
            handshake_timeout_ms: 5000,
            connection_age_s: 1800,
            import_rows_max: 1024,
            watch_buffer: 1024,
            drain_s: 30,
        }
    }
}

impl Config {
    /// Reads the file; `None` is the default configuration.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let mut config = Self::parse(&text, path)?;
        if let Some(base) = path.parent() {
            config.settle(base);
        }
        config.check()?;
        Ok(config)
    }

    /// Reads a text; `path` is for messages.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| ConfigError::Text {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line_of(text, span.start)),
            problem: with_hint(error.message()),
        })?;
        if config.is_development() && config.dev_principal.is_empty() {
            config.dev_principal = DevPrincipal::defaults();
        }
        Ok(config)
    }

    /// Makes relative paths relative to `base`.
    fn settle(&mut self, base: &Path) {
        if let Some(dir) = self.store.strip_prefix("sqlite:") {
            self.store = format!("sqlite:{}", base.join(dir).display());
        }
        self.home = base.join(&self.home);
        let own = [
            &mut self.store_password_file,
            &mut self.master_key_file,
            &mut self.run_dir,
            &mut self.channels_lock,
            &mut self.backup_dir,
            &mut self.backup_keys_dir,
        ];
        for path in own {
            *path = path.take().map(|p| base.join(p));
        }
        for path in self
            .library_dirs
            .iter_mut()
            .chain(&mut self.compliance.packs)
        {
            *path = base.join(&*path);
        }
        for path in self.tls.iter_mut().flat_map(TlsConfig::files_mut) {
            *path = base.join(&*path);
        }
        for channel in &mut self.channel {
            channel.library = base.join(&channel.library);
            for secret in channel.secrets.values_mut() {
                if let Secret::File(path) = secret {
                    *path = base.join(&path);
                }
            }
        }
    }

    /// How long a channel may take for one call.
    #[must_use]
    pub const fn call_timeout(&self) -> Duration {
        Duration::from_millis(self.engine.call_timeout_ms)
    }

    /// Whose libraries are loaded.
    #[must_use]
    pub fn trust(&self) -> Trust {
        let lock = self.channels_lock.clone();
        let by_default = lock.is_none() && self.is_development();
        Trust {
            unsigned: self.unsigned_channels.unwrap_or(by_default),
            lock,
        }
    }

    /// Calls at once of one lender.
    #[must_use]
    pub fn tenant_calls_max(&self) -> usize {
        let limits = &self.limits;
        let share = limits.tenant_calls_max;
        share.unwrap_or_else(|| self.share_of(limits.calls_max))
    }

    /// Streams at once of one lender.
    #[must_use]
    pub fn tenant_streams_max(&self) -> usize {
        let limits = &self.limits;
        let share = limits.tenant_streams_max;
        share.unwrap_or_else(|| self.share_of(limits.streams_max))
    }

    /// What one lender may take of something that is there for all.
    fn share_of(&self, all: usize) -> usize {
        if self.tenant.len() > 1 {
            all.div_ceil(2)
        } else {
            all
        }
    }

    /// Whether every value can be.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.store_place()?;
        let e = &self.engine;
        within("engine.call_timeout_ms", e.call_timeout_ms, 100, 300_000)?;
        within("engine.guard_s", u64::from(e.guard_s), 0, 3600)?;
        within("engine.batch", e.batch as u64, 1, 4096)?;
        let l = &self.limits;
        within(
            "limits.request_timeout_ms",
            l.request_timeout_ms,
            100,
            600_000,
        )?;
        within(
            "limits.connection_calls_max",
            l.connection_calls_max as u64,
            1,
            1000,
        )?;
        within("limits.calls_max", l.calls_max as u64, 1, 100_000)?;
        if let Some(calls) = l.tenant_calls_max {
            within("limits.tenant_calls_max", calls as u64, 1, 100_000)?;
        }
        within("limits.streams_max", l.streams_max as u64, 1, 100_000)?;
        if let Some(streams) = l.tenant_streams_max {
            within("limits.tenant_streams_max", streams as u64, 1, 100_000)?;
        }
        within(
            "limits.connection_streams_max",
            u64::from(l.connection_streams_max),
            1,
            1000,
        )?;
        within(
            "limits.connections_max",
            l.connections_max as u64,
            1,
            100_000,
        )?;
        within(
            "limits.address_connections_max",
            l.address_connections_max as u64,
            1,
            100_000,
        )?;
        within(
            "limits.handshake_timeout_ms",
            l.handshake_timeout_ms,
            100,
            60_000,
        )?;
        within("limits.connection_age_s", l.connection_age_s, 10, 86_400)?;
        within("limits.import_rows_max", l.import_rows_max as u64, 1, 4096)?;
        within("limits.watch_buffer", l.watch_buffer as u64, 1, 100_000)?;
        within("limits.drain_s", l.drain_s, 1, 300)?;
        self.check_metrics()?;
        self.check_tenants()?;
        self.check_people()?;
        self.check_channels()
    }

    fn check_metrics(&self) -> Result<(), ConfigError> {
        match &self.metrics {
            Some(m) if !m.off_loopback && !m.listen.ip().is_loopback() => Err(value_error(
                "metrics.listen",
                format!(
                    "{} is not a loopback address: whoever reaches it reads what the portfolio does. Listen on \
                     127.0.0.1, or say `off_loopback = true`",
                    m.listen
                ),
            )),
            _ => Ok(()),
        }
    }

    fn check_tenants(&self) -> Result<(), ConfigError> {
        if self.tenant.is_empty() {
            return Err(value_error(
                "tenant",
                "there is none; write at least one [[tenant]]",
            ));
        }
        for (i, tenant) in self.tenant.iter().enumerate() {
            TenantId::new(tenant.id.clone())
                .map_err(|e| value_error(format!("tenant[{i}].id"), e.to_string()))?;
            tenant.check(&format!("tenant[{i}]"))?;
            if self.tenant[..i].iter().any(|t| t.id == tenant.id) {
                return Err(value_error(
                    "tenant",
                    format!("`{}` is there twice", tenant.id),
                ));
            }
        }
        Ok(())
    }

    fn check_channels(&self) -> Result<(), ConfigError> {
        for (i, channel) in self.channel.iter().enumerate() {
            let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
            if !(1..=64).contains(&channel.name.len()) || !channel.name.bytes().all(fits) {
                let key = format!("channel[{i}].name");
                return Err(value_error(key, "must be 1 to 64 of a-z, 0-9, `-` and `_`"));
            }
            let key = format!("channel[{i}].memory_mib");
            within(&key, channel.memory_mib.into(), 32, 1 << 20)?;
            if self.channel[..i].iter().any(|c| c.name == channel.name) {
                return Err(value_error(
                    "channel",
                    format!("`{}` is there twice", channel.name),
                ));
            }
        }
        Ok(())
    }
}

fn within(key: &str, given: u64, least: u64, most: u64) -> Result<(), ConfigError> {
    if (least..=most).contains(&given) {
        return Ok(());
    }
    Err(value_error(
        key,
        format!("is {given}; it goes from {least} to {most}"),
    ))
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.iter().filter(|b| **b == b'\n').count() + 1
}

/// Adds the key that was likely meant. serde's words for an unknown field are stable; where they ever
/// differ, the message goes out as it is.
fn with_hint(message: &str) -> String {
    let message = message.trim();
    let mut names = message.split('`').skip(1).step_by(2);
    let Some(given) = names
        .next()
        .filter(|_| message.starts_with("unknown field"))
    else {
        return message.to_owned();
    };
    let near = names.map(|name| (distance(given, name), name)).min();
    match near.filter(|(far, name)| *far <= name.len().max(given.len()) / 2) {
        Some((_, name)) => format!("unknown key `{given}`; did you mean `{name}`?"),
        None => message.replacen("unknown field", "unknown key", 1),
    }
}

/// Edits between two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let swap = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = swap.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        let config = Config::parse(text, Path::new("recoup.toml"))?;
        config.check()?;
        Ok(config)
    }

    #[test]
    fn nothing_is_a_whole_configuration() {
        let config = parse("").expect("the default");
        assert_eq!(config.dev_principal.len(), 2);
        assert_eq!(
            config.home().expect("a folder"),
            PathBuf::from("recoup-data")
        );
    }

    #[test]
    fn the_example_for_the_sandbox_has_every_channel_and_what_the_sandbox_takes() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sandbox.example.toml");
        let example = parse(&std::fs::read_to_string(path).expect("the example"));
        let example = example.expect("the example");
        let names: Vec<_> = example.channel.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["sms", "phone", "email", "visit", "legal"]);
        let sandbox = recoup_sandbox::Options::new("sandbox.jsonl");
        let text = format!("{:?}", example.channel);
        for taken in [&sandbox.sms_username, &sandbox.voice_account_sid] {
            assert!(text.contains(taken.as_str()), "{taken}");
        }
    }

    #[test]
    fn the_example_names_every_key_with_its_default() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recoup.example.toml");
        let text = std::fs::read_to_string(path).expect("the example");
        let example = parse(&text).expect("the example");
        let default = Config::default();
        assert_eq!(example.listen, default.listen);
        assert_eq!(
            format!("{:?}", example.engine),
            format!("{:?}", default.engine)
        );
        assert_eq!(
            format!("{:?}", example.limits),
            format!("{:?}", default.limits)
        );
        let source = concat!(include_str!("config.rs"), include_str!("config/people.rs"));
        for line in source.lines() {
            let line = line.trim();
            let is_key = line.starts_with("pub ") && line.ends_with(',') && line.contains(": ");
            if is_key {
                let key = line["pub ".len()..].split(':').next().expect("a name");
                assert!(text.contains(key), "the example lacks `{key}`");
            }
        }
    }

    #[test]
    fn an_unknown_key_names_line_and_likely_key() {
        let text = "listen = \"127.0.0.1:0\"\n\n[limits]\ndrain_seconds = 3\n";
        let error = parse(text).expect_err("unknown").to_string();
        assert_eq!(
            error,
            "recoup.toml:4: unknown key `drain_seconds`; did you mean `drain_s`?"
        );
        let error = parse("lisen = \"x\"").expect_err("unknown").to_string();
        assert!(error.contains("did you mean `listen`?"), "{error}");
    }

    #[test]
    fn values_that_cannot_be_are_named() {
        for (text, key) in [
            ("store = \"mysql:x\"", "store"),
            ("[engine]\nbatch = 0", "engine.batch"),
            ("[metrics]\nlisten = \"0.0.0.0:7702\"", "metrics.listen"),
            ("tenant = []", "tenant"),
            (
                "[[tenant]]\nid = \"a\"\ndisplay_name = \"x\"\n\
                 licence = [{ region = \"California\", number = \"1\" }]",
                "tenant[0].licence[0].region",
            ),
            (
                "[[tenant]]\nid = \"a\"\ndisplay_name = \"x\"\n\
                 licence = [{ region = \"US-CA\", number = \"--\" }]",
                "tenant[0].licence[0].number",
            ),
            (
                "[[tenant]]\nid = \"a\"\ndisplay_name = \"x\"\n\
                 licence = [{ region = \"US-CA\", number = \"1-2-3\" }]",
                "tenant[0].licence[0].number",
            ),
            (
                "[[tenant]]\nid = \"a\"\ndisplay_name = \"!\"",
                "tenant[0].display_name",
            ),
            (
                "[[tenant]]\nid = \"a\"\ndisplay_name = \"\"",
                "tenant[0].display_name",
            ),
            (
                "[[tenant]]\nid = \"a\"\ndisplay_name = \"x\"\n\
                 sms = [{ signature = \"【x】\", templates = [\"1\"] }]",
                "tenant[0].sms[0].signature",
            ),
            (
                "[[tenant]]\nid = \"a\"\ndisplay_name = \"x\"\n\
                 sms = [{ signature = \"x\", templates = [] }]",
                "tenant[0].sms[0].templates",
            ),
            (
                "[[tenant]]\nid = \"A B\"\ndisplay_name = \"x\"",
                "tenant[0].id",
            ),
            (
                "[[dev_principal]]\nname = \"ana\"\ntoken = \"secret\"\ntenant = \"x\"\nroles = []",
                "dev_principal[0].tenant",
            ),
            (
                "[[dev_principal]]\nname = \"ana\"\ntoken = \"secret\"\ntenant = \"demo\"\n\
                 roles = [\"king\"]",
                "dev_principal[0].roles",
            ),
            (
                "[[channel]]\nname = \"A\"\nlibrary = \"x.so\"",
                "channel[0].name",
            ),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(&format!("`{key}`")), "{text}: {error}");
        }
    }

    #[test]
    fn channels_and_secrets() {
        let text = r#"
            [[channel]]
            name = "sms"
            library = "librecoup_sms.so"
            config = { endpoint = "http://127.0.0.1:1" }
            secrets = { password = { env = "NO_SUCH_VARIABLE_HERE" }, pin = { file = "pin" } }
        "#;
        let config = parse(text).expect("a channel");
        let secrets = &config.channel[0].secrets;
        let error = secrets["password"]
            .read(Path::new("."))
            .expect_err("not set");
        assert!(error.contains("NO_SUCH_VARIABLE_HERE"));
    }
}
