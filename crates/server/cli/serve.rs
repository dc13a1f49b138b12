//! `recoup serve`.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{Failure, Outcome};
use crate::config::{Config, LogFormat};
use crate::identity::Principals;
use crate::wiring::{ClockChoice, Ready, Seams, ServeError, Server, chain};

/// Runs the server until SIGTERM or SIGINT.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration. Without it: development mode with the principals ana and ben, no channels.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The store, over that of the configuration: `sqlite:DIR`, or `postgres://USER@HOST/DATABASE`.
    #[arg(long, value_name = "STORE")]
    store: Option<String>,
    /// Address and port of the API, over that of the configuration. Port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Address and port where providers call back, over that of the configuration.
    #[arg(long, value_name = "ADDR")]
    callback_listen: Option<SocketAddr>,
    /// Which clock rules. A stepped one leaps to what is due next; for demonstrations and tests.
    #[arg(long, value_enum, default_value_t = Clock::Live)]
    clock: Clock,
    /// Where a stepped clock starts, RFC 3339. A store that was stepped before goes on from where it
    /// stood if that is later.
    #[arg(long, value_name = "INSTANT")]
    clock_start: Option<jiff::Timestamp>,
    /// Where parties join the stepped clock; loopback only.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    clock_listen: SocketAddr,
    /// Parties without which the stepped clock does not move, with commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    clock_parties: Vec<String>,
    /// Start with everything stopped, and say why: for a restored store that does not know it (PostgreSQL, files copied by
    /// hand). `recoup dispatch resume --all` by a person of the first lender of the configuration lets it go.
    #[arg(long, value_name = "REASON", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    paused: Option<String>,
    /// Writes the bound addresses as JSON once the server serves.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Clock {
    Live,
    Stepped,
}

pub(super) async fn run(args: Args, seams: &Seams) -> Outcome {
    let failed = |e: &dyn std::error::Error| Failure::usage(chain(e));
    let mut config = Config::load(args.config.as_deref()).map_err(|e| failed(&e))?;
    config.store = args.store.clone().unwrap_or(config.store);
    config.listen = args.listen.unwrap_or(config.listen);
    config.callback_listen = args.callback_listen.unwrap_or(config.callback_listen);
    log_to_stderr(&config)?;
    let clock = clock(&args)?;
    let mut end = ending()?;
    let principals = Principals::of(&config).map_err(|e| failed(&e))?;
    let names: Vec<String> = principals.names().map(str::to_owned).collect();
    let guise = Guise::of(&config);
    let server = Server::start(config, clock, seams)
        .await
        .map_err(|e| failed(&e))?;
    if let Some(reason) = &args.paused {
        server.pause(reason).await.map_err(|e| failed(&e))?;
    }
    announce(server.ready(), guise, &names);
    if let Some(path) = &args.ready_file {
        write_ready(path, server.ready())?;
    }
    let served = server.serve(async move { end.recv().await }).await;
    if let Some(path) = &args.ready_file {
        // Whoever waits for the file must not find an old one.
        let _ = std::fs::remove_file(path);
    }
    match served {
        Ok(()) => Ok(0),
        Err(error @ ServeError::Clock(_)) => Err(Failure {
            message: error.to_string(),
            code: super::EXIT_UNREACHED,
        }),
        Err(error) => Err(failed(&error)),
    }
}

fn clock(args: &Args) -> Result<ClockChoice, Failure> {
    match args.clock {
        Clock::Live if args.clock_start.is_some() || !args.clock_parties.is_empty() => Err(
            Failure::usage("--clock-start and --clock-parties go with --clock stepped"),
        ),
        Clock::Live => Ok(ClockChoice::Live),
        Clock::Stepped => {
            let missing = || Failure::usage("--clock stepped needs --clock-start, RFC 3339");
            Ok(ClockChoice::Stepped {
                start: args.clock_start.ok_or_else(missing)?,
                listen: args.clock_listen,
                parties: args.clock_parties.clone(),
            })
        }
    }
}

/// Signals that end the server.
struct Ending {
    term: tokio::signal::unix::Signal,
    int: tokio::signal::unix::Signal,
}

impl Ending {
    async fn recv(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
        tracing::info!("stopping: nothing new is sent, calls under way go to their end");
    }
}

fn ending() -> Result<Ending, Failure> {
    let take = |kind| signal(kind).map_err(|e| Failure::usage(format!("cannot take signals: {e}")));
    Ok(Ending {
        term: take(SignalKind::terminate())?,
        int: take(SignalKind::interrupt())?,
    })
}

fn log_to_stderr(config: &Config) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&config.log)
        .map_err(|e| Failure::usage(format!("configuration `log`: {e}")))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let set = match config.log_format {
        LogFormat::Text => log.with_ansi(false).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    set.map_err(|e| Failure::usage(format!("cannot log: {e}")))
}

/// How callers reach the API and prove who they are.
#[derive(Clone, Copy)]
enum Guise {
    Development,
    Plain,
    Tls,
}

impl Guise {
    fn of(config: &Config) -> Self {
        match &config.tls {
            Some(_) => Self::Tls,
            None if config.is_development() => Self::Development,
            None => Self::Plain,
        }
    }
}

fn announce(ready: &Ready, guise: Guise, principals: &[String]) {
    let principals = principals.join(", ");
    match guise {
        Guise::Development => tracing::warn!(
            "DEVELOPMENT MODE: plain text and bearer tokens, loopback only; principals: {principals}"
        ),
        Guise::Plain => tracing::warn!(
            "PLAIN TEXT: the API is served without TLS, on loopback only; principals: {principals}"
        ),
        Guise::Tls => tracing::info!("the API is served with TLS; principals: {principals}"),
    }
    tracing::info!(api = %ready.api, callbacks = %ready.callbacks, "listening");
    if let Some(metrics) = ready.metrics {
        tracing::info!(%metrics, "metrics");
    }
    if let Some(clock) = ready.clock {
        tracing::warn!(%clock, "STEPPED CLOCK: time is not real here");
    }
}

/// Written whole and then named, so that who reads it never finds half of it.
fn write_ready(path: &Path, ready: &Ready) -> Result<(), Failure> {
    let failed =
        |e: std::io::Error| Failure::usage(format!("cannot write {}: {e}", path.display()));
    let half = path.with_extension("part");
    let mut file = std::fs::File::create(&half).map_err(failed)?;
    let text = serde_json::to_string(ready).map_err(|e| Failure::usage(e.to_string()))?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    std::fs::rename(&half, path).map_err(failed)
}
