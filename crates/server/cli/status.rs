//! `recoup status`: one screen.

use super::Outcome;
use super::channel::rows;
use super::client::{ClientArgs, refused};
use super::output::{instant, json, say, table, word};
use crate::api::recoup::v1;
use crate::api::recoup::v1::admin_service_client::AdminServiceClient;

/// How the server is.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    client: ClientArgs,
    /// JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Outcome {
    let mut service = AdminServiceClient::new(args.client.named().await?);
    let found = service
        .get_status(v1::GetStatusRequest {})
        .await
        .map_err(refused)?
        .into_inner();
    if args.json {
        json("GetStatusResponse", &found)?;
    } else {
        show(&found);
    }
    Ok(0)
}

fn show(s: &v1::GetStatusResponse) {
    let clock = s.clock.clone().unwrap_or_default();
    let mode = word(clock.mode().as_str_name(), "CLOCK_MODE_");
    let mut facts = table(&["recoup", &s.version]);
    facts.add_row([
        "clock".to_owned(),
        format!("{} UTC, {mode}", instant(clock.now.as_ref())),
    ]);
    facts.add_row(["open cases".to_owned(), s.open_cases.to_string()]);
    facts.add_row(["due now".to_owned(), s.due.to_string()]);
    facts.add_row(["due next".to_owned(), instant(s.next_due_time.as_ref())]);
    facts.add_row(["blocked".to_owned(), counts(&s.blocked)]);
    facts.add_row(["contacts".to_owned(), counts(&s.contacts)]);
    say(facts);
    for pause in &s.pauses {
        let scope = pause.scope.as_ref().and_then(|s| s.scope.as_ref());
        say(format!(
            "DISPATCH PAUSED for {} by {} since {} UTC: {}",
            super::dispatch::scope_in_words(scope),
            pause.author,
            instant(pause.since.as_ref()),
            pause.reason
        ));
    }
    say(rows(&s.channels));
}

fn counts(all: &std::collections::HashMap<String, i64>) -> String {
    let mut parts: Vec<String> = all
        .iter()
        .map(|(k, n)| format!("{} {n}", k.to_lowercase()))
        .collect();
    parts.sort();
    parts.join(", ")
}
