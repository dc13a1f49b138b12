//! `recoup audit`.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::client::{ClientArgs, refused};
use super::output::say;
use super::{EXIT_UNREACHED, Failure, Outcome};
use crate::api::recoup::v1;
use crate::api::recoup::v1::audit_service_client::AuditServiceClient;

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
}

pub(super) async fn run(command: Command) -> Outcome {
    let Command::Export { client, ledger } = command;
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
