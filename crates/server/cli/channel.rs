//! `recoup channel`.

use super::Outcome;
use super::client::{ClientArgs, refused};
use super::output::{json, say, table, word};
use crate::api::recoup::v1;
use crate::api::recoup::v1::channel_service_client::ChannelServiceClient;

/// Commands on channels.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// The channels, also those that were refused, and why.
    List {
        #[command(flatten)]
        client: ClientArgs,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command) -> Outcome {
    let Command::List {
        client,
        json: as_json,
    } = command;
    let mut service = ChannelServiceClient::new(client.named().await?);
    let request = v1::ListChannelsRequest {
        page_size: 1000,
        show_all: true,
        ..Default::default()
    };
    let found = service
        .list_channels(request)
        .await
        .map_err(refused)?
        .into_inner();
    if as_json {
        json("ListChannelsResponse", &found)?;
    } else {
        say(rows(&found.channels));
    }
    Ok(0)
}

/// A table of channels.
pub(super) fn rows(channels: &[v1::Channel]) -> comfy_table::Table {
    let mut rows = table(&["channel", "kind", "library", "state", "under way", "detail"]);
    for c in channels {
        rows.add_row([
            c.name.clone(),
            c.kind.clone(),
            format!("{} {}", c.plugin_id, c.version).trim().to_owned(),
            word(c.state().as_str_name(), "CHANNEL_STATE_"),
            format!("{}/{}", c.in_flight, c.max_in_flight),
            c.detail.clone(),
        ]);
    }
    rows
}
