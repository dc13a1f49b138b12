//! `recoup channel`.

use super::client::{ClientArgs, refused};
use super::output::{json, say, table, word};
use super::{Outcome, channel_test};
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
    /// Try a channel's library with the conformance kit, without a server. It sends nothing to anybody. Exit
    /// code 1 where a check fails.
    Test(channel_test::Args),
}

pub(super) async fn run(command: Command) -> Outcome {
    match command {
        Command::List { client, json } => list(client, json).await,
        Command::Test(args) => channel_test::run(args).await,
    }
}

async fn list(client: ClientArgs, as_json: bool) -> Outcome {
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
    let mut rows = table(&[
        "channel",
        "kind",
        "library",
        "state",
        "process",
        "under way",
        "detail",
    ]);
    for c in channels {
        rows.add_row([
            c.name.clone(),
            c.kind.clone(),
            format!("{} {}", c.plugin_id, c.version).trim().to_owned(),
            word(c.state().as_str_name(), "CHANNEL_STATE_"),
            match (c.placement(), c.process_id) {
                (v1::ChannelPlacement::Isolated, 0) => "none".to_owned(),
                (v1::ChannelPlacement::Isolated, id) => id.to_string(),
                (v1::ChannelPlacement::Inline, _) => "the server's".to_owned(),
                (v1::ChannelPlacement::Unspecified, _) => String::new(),
            },
            format!("{}/{}", c.in_flight, c.max_in_flight),
            c.detail.clone(),
        ]);
    }
    rows
}
