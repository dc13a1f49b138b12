//! `recoup events`: follows what happens, from any cursor.

use super::client::{ClientArgs, refused};
use super::given;
use super::output::{instant, json, say, word};
use super::{EXIT_UNREACHED, Failure, Outcome};
use crate::api::recoup::v1;
use crate::api::recoup::v1::event_service_client::EventServiceClient;

/// Shows events in the order they were recorded, each with the cursor to go on after it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    client: ClientArgs,
    /// Go on right after this cursor. Without it from the first event there is.
    #[arg(long, default_value = "")]
    cursor: String,
    /// Only this kind, such as `contact_accepted`; repeat it.
    #[arg(long, value_parser = |text: &str| given::word(text, "EVENT_KIND_", v1::EventKind::as_str_name))]
    kind: Vec<i32>,
    /// Only this case, `case_…`; repeat it.
    #[arg(long)]
    case: Vec<String>,
    /// Go on when everything recorded so far was shown, until the server goes away or Ctrl-C.
    #[arg(long)]
    follow: bool,
    /// JSON, one object a line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Outcome {
    let mut service = EventServiceClient::new(args.client.named().await?);
    let request = v1::WatchEventsRequest {
        cursor: args.cursor,
        kinds: args.kind,
        case_ids: args.case,
        party_ids: Vec::new(),
        end_at_present: !args.follow,
    };
    let mut stream = service.watch_events(request).await.map_err(refused)?;
    let mut cursor = String::new();
    loop {
        let next = stream.get_mut().message().await;
        let Some(next) = next.map_err(|status| broke_off(status, &cursor))? else {
            return Ok(0);
        };
        cursor.clone_from(&next.cursor);
        if args.json {
            json("WatchEventsResponse", &next)?;
        } else if let Some(e) = &next.event {
            let about = [&e.case_id, &e.contact_id, &e.party_id];
            let about = about.into_iter().find(|id| !id.is_empty());
            say(format!(
                "{} {} {} by {} [{}]",
                instant(e.time.as_ref()),
                word(e.kind().as_str_name(), "EVENT_KIND_"),
                about.map_or("", String::as_str),
                e.actor,
                next.cursor
            ));
        }
    }
}

/// Where to go on after the stream ended before its time.
fn broke_off(status: tonic::Status, cursor: &str) -> Failure {
    let mut failure = refused(status);
    if !cursor.is_empty() {
        failure.code = EXIT_UNREACHED;
        failure.message = format!("{}\ngo on with --cursor {cursor}", failure.message);
    }
    failure
}
