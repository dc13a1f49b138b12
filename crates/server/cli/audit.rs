//! `recoup audit`.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::client::{ClientArgs, refused};
use super::given;
use super::output::{instant, json, say};
use super::{EXIT_UNREACHED, Failure, Outcome};
use crate::api::recoup::v1;
use crate::api::recoup::v1::audit_service_client::AuditServiceClient;
use crate::convert::value::to_instant;

/// Commands on proof.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Export the ledger as JSON lines: every case, contact, denial and stop fact, for proof.
    Export {
        #[command(flatten)]
        client: ClientArgs,
        /// The file to write; must not exist.
        #[arg(long, value_name = "FILE")]
        ledger: PathBuf,
    },
    /// Take each decision of a span of the past again, on what was known then; list those that come out differently.
    /// Exit code 1 where some do; those whose contact is the same under other packs than then do not count.
    Replay(Replay),
}

/// Which span.
#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    #[command(flatten)]
    client: ClientArgs,
    /// A calendar day, such as 2026-03-05.
    #[arg(long, conflicts_with_all = ["from", "to"], required_unless_present = "from")]
    day: Option<Date>,
    /// The zone whose day it is.
    #[arg(long, default_value = "UTC", requires = "day")]
    zone: String,
    /// From when, such as 2026-03-01T00:00:00Z.
    #[arg(long, value_parser = given::instant, requires = "to")]
    from: Option<prost_types::Timestamp>,
    /// Before when; at most 31 days later.
    #[arg(long, value_parser = given::instant, requires = "from")]
    to: Option<prost_types::Timestamp>,
    /// JSON, one object a difference, then one that counts.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: Command) -> Outcome {
    match command {
        Command::Export { client, ledger } => export(client, ledger).await,
        Command::Replay(replay) => replay.run().await,
    }
}

impl Replay {
    async fn run(self) -> Outcome {
        use v1::replay_decisions_response::Part;
        let (start_time, end_time) = self.span()?;
        let mut service = AuditServiceClient::new(self.client.named().await?);
        let request = v1::ReplayDecisionsRequest {
            start_time,
            end_time,
        };
        let stream = service.replay_decisions(request).await.map_err(refused)?;
        let mut stream = stream.into_inner();
        let mut result = None;
        while let Some(answer) = stream.message().await.map_err(refused)? {
            match answer.part {
                Some(Part::Difference(d)) if self.json => json("DecisionDifference", &d)?,
                Some(Part::Difference(d)) => told(&d),
                Some(Part::Result(r)) => result = Some(r),
                None => {}
            }
        }
        let Some(result) = result else {
            return Err(Failure {
                message: "the replay ended before its result: the server broke off".to_owned(),
                code: EXIT_UNREACHED,
            });
        };
        if self.json {
            json("ReplayResult", &result)?;
        } else {
            let (all, same, alike) = (result.decisions, result.same, result.same_contact);
            let different = all - same - alike;
            say(format!(
                "decisions taken again: {all}; the same: {same}; the same contact under other rules: {alike}; \
                 different: {different}"
            ));
        }
        Ok(u8::from(
            result.same + result.same_contact < result.decisions,
        ))
    }

    fn span(
        &self,
    ) -> Result<
        (
            Option<prost_types::Timestamp>,
            Option<prost_types::Timestamp>,
        ),
        Failure,
    > {
        let Some(day) = self.day else {
            return Ok((self.from, self.to));
        };
        let start = |day: Date| {
            let start = day
                .in_tz(&self.zone)
                .map_err(|e| Failure::usage(e.to_string()))?;
            Ok(Some(to_instant(start.timestamp())))
        };
        let next = day.tomorrow().map_err(|e| Failure::usage(e.to_string()))?;
        Ok((start(day)?, start(next)?))
    }
}

/// A difference, for people.
fn told(d: &v1::DecisionDifference) {
    say(format!(
        "{} decided at {}",
        d.contact_id,
        instant(d.time.as_ref())
    ));
    d.differences
        .iter()
        .for_each(|what| say(format!("  {what}")));
    d.other_rules
        .iter()
        .for_each(|rule| say(format!("  other rules: {rule}")));
}

async fn export(client: ClientArgs, ledger: PathBuf) -> Outcome {
    if ledger.exists() {
        let problem = format!("{} is there already; name a new file", ledger.display());
        return Err(Failure::usage(problem));
    }
    let service = AuditServiceClient::new(client.named().await?);
    let mut service = service.max_decoding_message_size(64 << 20);
    let stream = service
        .export_ledger(v1::ExportLedgerRequest {})
        .await
        .map_err(refused)?;
    let mut stream = stream.into_inner();
    let failed =
        |e: std::io::Error| Failure::usage(format!("cannot write {}: {e}", ledger.display()));
    let half = half(&ledger);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&half);
    let mut file = BufWriter::new(file.map_err(failed)?);
    let mut lines = 0_u64;
    let mut last = String::new();
    while let Some(group) = stream.message().await.map_err(refused)? {
        for line in group.lines {
            writeln!(file, "{line}").map_err(failed)?;
            lines += 1;
            last = line;
        }
    }
    file.flush().map_err(failed)?;
    if !is_footer(&last) {
        let message = "the export ended before its footer: the server broke off".to_owned();
        return Err(Failure {
            message,
            code: EXIT_UNREACHED,
        });
    }
    std::fs::rename(&half, &ledger).map_err(failed)?;
    say(format!("{lines} lines in {}", ledger.display()));
    Ok(0)
}

fn half(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Whether a line is the footer that ends an export.
fn is_footer(line: &str) -> bool {
    let value: Result<serde_json::Value, _> = serde_json::from_str(line);
    value.is_ok_and(|v| v.get("type").and_then(|k| k.as_str()) == Some("footer"))
}
