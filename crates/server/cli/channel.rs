//! `recoup channel`.

use std::path::PathBuf;

use comfy_table::{ColumnConstraint, Width};

use super::client::{ClientArgs, refused, request_id};
use super::output::{json, say, table, word};
use super::{Failure, Outcome, channel_new, channel_test, channel_trust};
use crate::api::recoup::v1;
use crate::api::recoup::v1::channel_service_client::ChannelServiceClient;

/// Commands on channels.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// The channels with all their generations, also those that were refused, and why.
    List {
        #[command(flatten)]
        client: ClientArgs,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Keep a library of the server's machine as a new generation of a channel, after loading it in a process of its
    /// own. It takes no contacts yet.
    Stage {
        #[command(flatten)]
        client: ClientArgs,
        /// The channel.
        channel: String,
        /// The library: an absolute path on the server's machine, in one of its `library_dirs`.
        path: String,
        /// What it is configured with: a file with a JSON object. Default: as the live generation.
        #[arg(long, value_name = "FILE")]
        settings: Option<PathBuf>,
        /// The SHA-256 that it must have.
        #[arg(long, value_name = "HEX")]
        sha256: Option<String>,
        /// Take it also where it is older than the live generation.
        #[arg(long)]
        allow_downgrade: bool,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Try a generation in a process of its own: start, health, a dry run. Nothing is sent. Exit code 1 where a step
    /// fails.
    Probe {
        #[command(flatten)]
        client: ClientArgs,
        /// The channel.
        channel: String,
        /// The number of the generation, as `recoup channel list` shows it.
        generation: i64,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give a generation new contacts, share by share; where it is worse than the live one, they all go back by
    /// themselves. `recoup channel list` shows how far it is.
    Swap {
        #[command(flatten)]
        client: ClientArgs,
        /// The channel.
        channel: String,
        /// The number of the generation.
        generation: i64,
        /// Shares in percent, the last 100.
        #[arg(long, value_name = "N,N…", value_delimiter = ',', default_values_t = [1, 10, 50, 100],
            value_parser = clap::value_parser!(i32).range(1..=100))]
        canary: Vec<i32>,
        /// How long each share lasts at least, in seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(i32).range(1..))]
        hold: i32,
        /// How many of its contacts are judged at each share.
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(i32).range(1..))]
        judged: i32,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give all new contacts back to the generation before, at once.
    Rollback {
        #[command(flatten)]
        client: ClientArgs,
        /// The channel.
        channel: String,
        /// Why, for the record.
        #[arg(long)]
        reason: String,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// End a generation that takes no contacts; it cannot be gone back to any more.
    Drain {
        #[command(flatten)]
        client: ClientArgs,
        /// The channel.
        channel: String,
        /// The number of the generation.
        generation: i64,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Try a channel's library with the conformance kit, without a server. It sends nothing to anybody. Exit
    /// code 1 where a check fails.
    Test(channel_test::Args),
    /// Begin a channel of your own: a folder that builds, and passes the conformance kit at once.
    New(channel_new::Args),
    /// What a library says of itself: its id, version, endpoints and secrets. It is asked in a process of its own.
    Show(channel_trust::ShowArgs),
    /// Print the lock that lets a server load what its configuration names, as it is now, and nothing else.
    Lock(channel_trust::LockArgs),
}

pub(super) async fn run(command: Command) -> Outcome {
    match command {
        Command::List { client, json } => list(client, json).await,
        Command::Test(args) => channel_test::run(args).await,
        Command::New(args) => channel_new::run(args).await,
        Command::Show(args) => channel_trust::show(args).await,
        Command::Lock(args) => channel_trust::lock(args).await,
        Command::Stage {
            client,
            channel,
            path,
            settings,
            sha256,
            allow_downgrade,
            json: as_json,
        } => {
            let settings_json = match settings {
                None => String::new(),
                Some(file) => std::fs::read_to_string(&file)
                    .map_err(|e| Failure::usage(format!("cannot read {}: {e}", file.display())))?,
            };
            let request = v1::StageChannelRequest {
                request_id: request_id(),
                kind: channel,
                path,
                sha256: sha256.unwrap_or_default(),
                settings_json,
                allow_downgrade,
            };
            let mut service = ChannelServiceClient::new(client.named().await?);
            let done = service.stage_channel(request).await.map_err(refused)?;
            let done = done.into_inner();
            show(
                "StageChannelResponse",
                &done,
                done.channel.as_ref(),
                as_json,
            )
        }
        Command::Probe {
            client,
            channel,
            generation,
            json,
        } => probe(client, channel, generation, json).await,
        Command::Swap {
            client,
            channel,
            generation,
            canary,
            hold,
            judged,
            json,
        } => {
            let rises = canary.windows(2).all(|two| two[0] < two[1]);
            if !rises || canary.last() != Some(&100) {
                let why = "--canary: shares rise, and the last is 100, as in 1,10,50,100";
                return Err(Failure::usage(why.to_owned()));
            }
            let request = v1::SwapChannelRequest {
                request_id: request_id(),
                kind: channel,
                generation,
                canary_percents: canary,
                hold_seconds: Some(hold),
                judged_min: Some(judged),
            };
            let mut service = ChannelServiceClient::new(client.named().await?);
            let done = service.swap_channel(request).await.map_err(refused)?;
            let done = done.into_inner();
            show("SwapChannelResponse", &done, done.channel.as_ref(), json)
        }
        Command::Rollback {
            client,
            channel,
            reason,
            json,
        } => {
            let request = v1::RollbackChannelRequest {
                request_id: request_id(),
                kind: channel,
                reason,
            };
            let mut service = ChannelServiceClient::new(client.named().await?);
            let done = service.rollback_channel(request).await.map_err(refused)?;
            let done = done.into_inner();
            show(
                "RollbackChannelResponse",
                &done,
                done.channel.as_ref(),
                json,
            )
        }
        Command::Drain {
            client,
            channel,
            generation,
            json,
        } => {
            let request = v1::DrainChannelRequest {
                request_id: request_id(),
                kind: channel,
                generation,
            };
            let mut service = ChannelServiceClient::new(client.named().await?);
            let done = service.drain_channel(request).await.map_err(refused)?;
            let done = done.into_inner();
            show("DrainChannelResponse", &done, done.channel.as_ref(), json)
        }
    }
}

async fn probe(client: ClientArgs, channel: String, generation: i64, as_json: bool) -> Outcome {
    let request = v1::ProbeChannelRequest {
        request_id: request_id(),
        kind: channel,
        generation,
    };
    let mut service = ChannelServiceClient::new(client.named().await?);
    let found = service.probe_channel(request).await.map_err(refused)?;
    let found = found.into_inner();
    if as_json {
        json("ProbeChannelResponse", &found)?;
    } else {
        found.lines.iter().for_each(say);
    }
    Ok(u8::from(!found.ok))
}

fn show<M: prost::Message>(
    name: &str,
    answer: &M,
    channel: Option<&v1::Channel>,
    as_json: bool,
) -> Outcome {
    if as_json {
        json(name, answer)?;
        return Ok(0);
    }
    if let Some(c) = channel {
        let state = word(c.state().as_str_name(), "CHANNEL_STATE_");
        say(format!(
            "generation {} of channel {} ({} {}) is {state}, with {} % of the new contacts",
            c.generation, c.name, c.plugin_id, c.version, c.share_percent
        ));
    }
    Ok(0)
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

/// Columns of the detail: what a library says may be a page, and would make every row as wide.
const DETAIL_WIDTH: u16 = 80;

/// A table of channels.
pub(super) fn rows(channels: &[v1::Channel]) -> comfy_table::Table {
    let mut rows = table(&[
        "channel",
        "generation",
        "kind",
        "library",
        "state",
        "share",
        "process",
        "vouched for by",
        "under way",
        "detail",
    ]);
    for c in channels {
        rows.add_row([
            c.name.clone(),
            c.generation.to_string(),
            c.kind.clone(),
            format!("{} {}", c.plugin_id, c.version).trim().to_owned(),
            word(c.state().as_str_name(), "CHANNEL_STATE_"),
            format!("{} %", c.share_percent),
            match (c.placement(), c.process_id) {
                (v1::ChannelPlacement::Isolated, 0) => "none".to_owned(),
                (v1::ChannelPlacement::Isolated, id) => id.to_string(),
                (v1::ChannelPlacement::Inline, _) => "the server's".to_owned(),
                (v1::ChannelPlacement::Unspecified, _) => String::new(),
            },
            trust(c),
            format!("{}/{}", c.in_flight, c.max_in_flight),
            c.detail.clone(),
        ]);
    }
    let narrow = ColumnConstraint::UpperBoundary(Width::Fixed(DETAIL_WIDTH));
    if let Some(detail) = rows.column_iter_mut().last() {
        detail.set_constraint(narrow);
    }
    rows
}

fn trust(c: &v1::Channel) -> String {
    let who = match c.trust() {
        v1::ChannelTrust::Unspecified => "",
        v1::ChannelTrust::Pinned => "the lock",
        v1::ChannelTrust::Signed => &c.publisher,
        v1::ChannelTrust::Unsigned => "NOBODY",
    };
    let older = if c.is_downgrade { "; a downgrade" } else { "" };
    format!("{who}{older}")
}
