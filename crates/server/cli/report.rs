//! `recoup report`.

use super::Outcome;
use super::client::{ClientArgs, refused};
use super::output::{instant, json, pages, say, table};
use crate::api::recoup::v1;
use crate::api::recoup::v1::report_service_client::ReportServiceClient;

/// Commands that count and list.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// What waits for a person, the oldest first.
    Worklist {
        #[command(flatten)]
        client: ClientArgs,
        /// Such as `reason = dispute`; the fields are in the comment of GetWorklist.
        #[arg(long, default_value = "")]
        filter: String,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// JSON, one object a page.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command) -> Outcome {
    let Command::Worklist {
        client,
        filter,
        limit,
        json: as_json,
    } = command;
    let mut service = ReportServiceClient::new(client.named().await?);
    let mut rows = table(&[
        "since (UTC)",
        "why",
        "what to do",
        "case",
        "contact",
        "due (UTC)",
    ]);
    pages(limit, async |page_size, page_token| {
        let request = v1::GetWorklistRequest {
            page_size,
            page_token,
            filter: filter.clone(),
        };
        let page = service.get_worklist(request).await.map_err(refused)?;
        let page = page.into_inner();
        if as_json {
            json("GetWorklistResponse", &page)?;
        }
        for i in page.items.clone() {
            let (since, due) = (instant(i.since.as_ref()), instant(i.due_time.as_ref()));
            rows.add_row([since, i.reason, i.text, i.case_id, i.contact_id, due]);
        }
        Ok((page.items.len(), page.next_page_token))
    })
    .await?;
    if !as_json {
        say(rows);
    }
    Ok(0)
}
