//! `recoup worklist`: what waits for a person.

use super::Outcome;
use super::client::{ClientArgs, refused};
use super::output::{instant, json, say, table};
use crate::api::recoup::v1;
use crate::api::recoup::v1::report_service_client::ReportServiceClient;

/// What waits for a person.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    client: ClientArgs,
    /// Such as `reason = unknown_contact`; the reasons are in the comment of WorklistItem.
    #[arg(long, default_value = "")]
    filter: String,
    /// At most so many, 1 to 1000.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000))]
    limit: i32,
    /// JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Outcome {
    let service = ReportServiceClient::new(args.client.named().await?);
    let mut service = service.max_decoding_message_size(16 << 20);
    let request = v1::GetWorklistRequest {
        page_size: args.limit,
        filter: args.filter,
        ..v1::GetWorklistRequest::default()
    };
    let found = service
        .get_worklist(request)
        .await
        .map_err(refused)?
        .into_inner();
    if args.json {
        json("GetWorklistResponse", &found)?;
        return Ok(0);
    }
    let mut rows = table(&["reason", "since (UTC)", "due (UTC)", "what", "text"]);
    for item in &found.items {
        let what = match item.contact_id.as_str() {
            "" => &item.case_id,
            contact => contact,
        };
        rows.add_row([
            &item.reason,
            &instant(item.since.as_ref()),
            &instant(item.due_time.as_ref()),
            what,
            &item.text,
        ]);
    }
    say(rows);
    if !found.next_page_token.is_empty() {
        say("there are more: --limit shows them");
    }
    Ok(0)
}
