//! `recoup sandbox`: the outside world that answers, calls back, and logs what it received.

use std::net::SocketAddr;
use std::path::PathBuf;

use recoup_sandbox::{Misbehave, Options};
use tokio::signal::unix::{SignalKind, signal};

use super::{EXIT_UNREACHED, Failure, Outcome};

/// Runs until SIGTERM or SIGINT. Prints its addresses as one JSON line.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The SMS gateway takes user `recoup` with password `sandbox`, the voice provider account \
`ACsandbox` with token `sandbox-token`; mail, calendar and law firm take anybody. docs/sandbox.example.toml is a \
server's configuration for all of them."
)]
pub(super) struct Args {
    /// The log of what it received; must be new or empty.
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
    /// All chance is a function of this and of what comes in.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Port of the SMS gateway; 0 takes a free one, as for the others.
    #[arg(long, default_value_t = 0)]
    sms_port: u16,
    /// Port of the voice provider.
    #[arg(long, default_value_t = 0)]
    voice_port: u16,
    /// Port of the mail server.
    #[arg(long, default_value_t = 0)]
    smtp_port: u16,
    /// Port of the calendar server.
    #[arg(long, default_value_t = 0)]
    caldav_port: u16,
    /// Port of the law firm's desk.
    #[arg(long, default_value_t = 0)]
    legal_port: u16,
    /// Port of the control interface.
    #[arg(long, default_value_t = 0)]
    control_port: u16,
    /// The stepped clock's coordinator to join. Without it: real time.
    #[arg(long, value_name = "ADDR")]
    clock: Option<SocketAddr>,
    /// The name under which it joins the stepped clock.
    #[arg(long, default_value = "sandbox")]
    party: String,
    /// What to do wrong, and how often.
    #[arg(long, value_name = "SPEC")]
    misbehave: Option<Misbehave>,
    /// The field app queues visit reports.
    #[arg(long)]
    field_app: bool,
    /// On real time, the longest delay to an outcome, in milliseconds.
    #[arg(long, default_value_t = 200, value_name = "MS")]
    live_delay_ms_max: u64,
}

pub(super) async fn run(args: Args) -> Outcome {
    let options = Options {
        seed: args.seed,
        sms_port: args.sms_port,
        voice_port: args.voice_port,
        smtp_port: args.smtp_port,
        caldav_port: args.caldav_port,
        legal_port: args.legal_port,
        control_port: args.control_port,
        clock: args.clock,
        party: args.party,
        misbehave: args.misbehave.unwrap_or_default(),
        field_app: args.field_app,
        live_delay_ms_max: args.live_delay_ms_max,
        ..Options::new(args.log)
    };
    let taken = |e: std::io::Error| Failure::usage(format!("cannot take signals: {e}"));
    let mut term = signal(SignalKind::terminate()).map_err(taken)?;
    let mut int = signal(SignalKind::interrupt()).map_err(taken)?;
    let mut running = recoup_sandbox::start(options)
        .await
        .map_err(|e| Failure::usage(e.to_string()))?;
    let endpoints = serde_json::to_string(running.endpoints());
    super::output::say(endpoints.map_err(|e| Failure::usage(e.to_string()))?);
    let failed = tokio::select! {
        _ = term.recv() => None,
        _ = int.recv() => None,
        error = running.wait() => Some(error),
    };
    running.shutdown().await;
    match failed {
        None => Ok(0),
        Some(error) => Err(Failure {
            message: error.to_string(),
            code: EXIT_UNREACHED,
        }),
    }
}
