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
    for (name, value) in [
        (
            "clock",
            format!("{} UTC, {mode}", instant(clock.now.as_ref())),
        ),
        ("started", instant(s.start_time.as_ref())),
        ("store", s.store.as_ref().map_or_else(String::new, store)),
        ("open cases", s.open_cases.to_string()),
        ("due now", due(s, &clock)),
        ("due next", due_next(s)),
        ("blocked", counts(&s.blocked)),
        ("contacts", counts(&s.contacts).to_lowercase()),
    ] {
        facts.add_row([name.to_owned(), value]);
    }
    say(facts);
    if let Some(line) = super::clock::suspect(&clock) {
        say(line);
    }
    if let Some(problem) = s
        .store
        .as_ref()
        .map(|s| &s.problem)
        .filter(|p| !p.is_empty())
    {
        say(format!(
            "THE DISK IS NEARLY FULL, nothing is sent: {problem}"
        ));
    }
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
    for line in wants_a_person(s) {
        say(line);
    }
    say(rows(&s.channels));
}

fn store(s: &v1::StoreStatus) -> String {
    let free = s.free_bytes.map(|n| format!(", {} free", bytes(n)));
    format!(
        "{}, journal at {}{}",
        s.kind,
        s.position,
        free.unwrap_or_default()
    )
}

/// Bytes for people.
fn bytes(n: i64) -> String {
    const UNITS: [(&str, i64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = UNITS.iter().find(|(_, size)| n >= *size);
    unit.map_or_else(
        || format!("{n} bytes"),
        |(name, size)| format!("{}.{} {name}", n / size, n % size * 10 / size),
    )
}

/// What is due, and how late the longest waiting is.
fn due(s: &v1::GetStatusResponse, clock: &v1::Clock) -> String {
    let (Some(since), Some(now)) = (&s.next_due_time, &clock.now) else {
        return s.due.to_string();
    };
    match now.seconds - since.seconds {
        late if s.due > 0 && late > 0 => format!(
            "{}, the longest waiting since {} ({late} s)",
            s.due,
            instant(Some(since))
        ),
        _ => s.due.to_string(),
    }
}

fn due_next(s: &v1::GetStatusResponse) -> String {
    match (&s.next_due_time, s.due) {
        (None, _) => "nothing".to_owned(),
        (Some(_), 1..) => "now".to_owned(),
        (at, _) => instant(at.as_ref()),
    }
}

/// What does not go on without somebody, and the command that shows it.
fn wants_a_person(s: &v1::GetStatusResponse) -> Vec<String> {
    let of = |all: &std::collections::HashMap<String, i64>, key: &str| {
        all.get(key).copied().filter(|n| *n > 0)
    };
    let lines = [
        (
            of(&s.contacts, "UNKNOWN"),
            "contact may have been sent or not",
            "contacts may have been sent or not",
            "unknown_contact",
        ),
        (
            of(&s.contacts, "CANCEL_UNKNOWN"),
            "contact may have been called off or not",
            "contacts may have been called off or not",
            "cancel_unknown",
        ),
        (
            of(&s.blocked, "approval"),
            "contact waits for approval",
            "contacts wait for approval",
            "approval",
        ),
        (
            of(&s.blocked, "case_review"),
            "case wants looking at",
            "cases want looking at",
            "case_review",
        ),
    ];
    let line = |(n, one, several, reason): (Option<i64>, &str, &str, &str)| {
        let n = n?;
        let what = if n == 1 { one } else { several };
        Some(format!(
            "{n} {what}: recoup report worklist --filter 'reason = {reason}'"
        ))
    };
    lines.into_iter().filter_map(line).collect()
}

fn counts(all: &std::collections::HashMap<String, i64>) -> String {
    let mut parts: Vec<String> = all.iter().map(|(k, n)| format!("{k} {n}")).collect();
    parts.sort();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_for_people() {
        assert_eq!(bytes(512), "512 bytes");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(5 << 30), "5.0 GiB");
    }

    #[test]
    fn what_is_late_says_since_when() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let clock = v1::Clock {
            now: at(1_000),
            ..v1::Clock::default()
        };
        let mut status = v1::GetStatusResponse {
            next_due_time: at(400),
            ..v1::GetStatusResponse::default()
        };
        assert_eq!(due(&status, &clock), "0");
        status.due = 3;
        let late = due(&status, &clock);
        assert!(
            late.starts_with("3, the longest") && late.ends_with("(600 s)"),
            "{late}"
        );
        assert_eq!(due_next(&status), "now");
    }

    #[test]
    fn what_waits_for_a_person_names_the_command_that_shows_it() {
        let mut status = v1::GetStatusResponse::default();
        status.contacts.insert("UNKNOWN".into(), 2);
        status.contacts.insert("ACCEPTED".into(), 9);
        status.blocked.insert("case_review".into(), 1);
        assert_eq!(
            wants_a_person(&status),
            [
                "2 contacts may have been sent or not: recoup report worklist --filter 'reason = unknown_contact'",
                "1 case wants looking at: recoup report worklist --filter 'reason = case_review'",
            ]
        );
    }
}
