//! `recoup clock`: the word of a person that the server's clock is right.

use super::Outcome;
use super::client::{ClientArgs, refused, request_id};
use super::output::{instant, json, say};
use crate::api::recoup::v1;
use crate::api::recoup::v1::admin_service_client::AdminServiceClient;

/// Commands on the server's clock.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Accept the clock as it is, on record. What it held back goes, as far as law and policy permit it then.
    Accept(Accept),
}

/// Who says so, and why.
#[derive(Debug, clap::Args)]
pub(super) struct Accept {
    #[command(flatten)]
    client: ClientArgs,
    /// Why, for the record: how you know that the clock is right.
    #[arg(long)]
    reason: String,
    /// JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: Command) -> Outcome {
    let Command::Accept(args) = command;
    let mut service = AdminServiceClient::new(args.client.named().await?);
    let request = v1::AcceptClockRequest {
        request_id: request_id(),
        reason: args.reason,
    };
    let done = service.accept_clock(request).await.map_err(refused)?;
    let done = done.into_inner();
    if args.json {
        json("AcceptClockResponse", &done)?;
        return Ok(0);
    }
    let clock = done.clock.unwrap_or_default();
    say(format!(
        "accepted; it is {} UTC for the server",
        instant(clock.now.as_ref())
    ));
    if let Some(line) = suspect(&clock) {
        say(line);
    }
    Ok(0)
}

/// What an operator must know of a clock that is not trusted.
pub(super) fn suspect(clock: &v1::Clock) -> Option<String> {
    let is_suspect = clock.state() == v1::ClockState::Suspect;
    is_suspect.then(|| format!("CLOCK NOT TRUSTED, nothing is sent: {}", clock.problem))
}
