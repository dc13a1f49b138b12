//! `recoup dispatch`: the switch that stops everything.

use super::client::{ClientArgs, refused, request_id};
use super::output::{json, say};
use super::{Failure, Outcome};
use crate::api::recoup::v1;
use crate::api::recoup::v1::admin_service_client::AdminServiceClient;
use crate::api::recoup::v1::dispatch_scope::Scope;

/// Commands on dispatch as a whole.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Stop new contacts. From the answer on no new one is sent; what was accepted runs on.
    Pause {
        #[command(flatten)]
        what: What,
    },
    /// Let contacts go again. What fell due meanwhile goes within the next quarter of an hour.
    Resume {
        #[command(flatten)]
        what: What,
    },
}

/// What is stopped or let go.
#[derive(Debug, clap::Args)]
pub(super) struct What {
    #[command(flatten)]
    client: ClientArgs,
    /// Everything.
    #[arg(long, group = "scope")]
    all: bool,
    /// A lender.
    #[arg(long, group = "scope", value_name = "NAME")]
    lender: Option<String>,
    /// A channel.
    #[arg(long, group = "scope", value_name = "NAME")]
    channel: Option<String>,
    /// Why, for the record.
    #[arg(long)]
    reason: String,
    /// JSON.
    #[arg(long)]
    json: bool,
}

impl What {
    fn scope(&self) -> Result<v1::DispatchScope, Failure> {
        let scope = match (self.all, &self.lender, &self.channel) {
            (true, _, _) => Scope::All(true),
            (_, Some(lender), _) => Scope::Lender(lender.clone()),
            (_, _, Some(channel)) => Scope::Channel(channel.clone()),
            _ => {
                let problem = "say what: --all, --lender NAME or --channel NAME";
                return Err(Failure::usage(problem));
            }
        };
        Ok(v1::DispatchScope { scope: Some(scope) })
    }
}

pub(super) async fn run(command: Command) -> Outcome {
    match command {
        Command::Pause { what } => {
            let mut service = AdminServiceClient::new(what.client.named().await?);
            let request = v1::PauseDispatchRequest {
                request_id: request_id(),
                scope: Some(what.scope()?),
                reason: what.reason,
            };
            let done = service.pause_dispatch(request).await.map_err(refused)?;
            let done = done.into_inner();
            show("PauseDispatchResponse", &done, &done.pauses, what.json)
        }
        Command::Resume { what } => {
            let mut service = AdminServiceClient::new(what.client.named().await?);
            let request = v1::ResumeDispatchRequest {
                request_id: request_id(),
                scope: Some(what.scope()?),
                reason: what.reason,
            };
            let done = service.resume_dispatch(request).await.map_err(refused)?;
            let done = done.into_inner();
            show("ResumeDispatchResponse", &done, &done.pauses, what.json)
        }
    }
}

fn show<M: prost::Message>(
    name: &str,
    answer: &M,
    pauses: &[v1::DispatchPause],
    as_json: bool,
) -> Outcome {
    if as_json {
        json(name, answer)?;
        return Ok(0);
    }
    for pause in pauses {
        let scope = pause.scope.as_ref().and_then(|s| s.scope.as_ref());
        let scope = scope_in_words(scope);
        say(format!(
            "paused for {scope} by {}: {}",
            pause.author, pause.reason
        ));
    }
    if pauses.is_empty() {
        say("dispatch is not paused; what fell due in a pause goes within a quarter of an hour");
    }
    Ok(0)
}

/// What a pause covers, for people.
pub(super) fn scope_in_words(scope: Option<&Scope>) -> String {
    match scope {
        Some(Scope::Lender(name)) => format!("the lender {name}"),
        Some(Scope::Channel(name)) => format!("the channel {name}"),
        Some(Scope::All(_)) | None => "everything".to_owned(),
    }
}
