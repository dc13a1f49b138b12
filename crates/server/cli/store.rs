//! `recoup store`: copies of the store, and what follows from one.

use super::Outcome;
use super::client::{ClientArgs, refused, request_id};
use super::output::{instant, json, say};
use crate::api::recoup::v1;
use crate::api::recoup::v1::admin_service_client::AdminServiceClient;

/// Commands on the store as a whole.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Copy the store on the server's machine while it works: into a folder of `backup_dir` of its configuration, the
    /// wrapped keys apart.
    Backup {
        #[command(flatten)]
        client: ClientArgs,
        /// The folder's name. Default: the instant.
        #[arg(long)]
        name: Option<String>,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say that what the carriers took since the copy is reconciled: contacts go again. Cases that are held stay so
    /// until each is released.
    Reconciled {
        #[command(flatten)]
        client: ClientArgs,
        /// What was compared and how, for the record.
        #[arg(long)]
        reason: String,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command) -> Outcome {
    match command {
        Command::Backup { client, name, json } => backup(client, name, json).await,
        Command::Reconciled {
            client,
            reason,
            json,
        } => reconciled(client, reason, json).await,
    }
}

async fn backup(client: ClientArgs, name: Option<String>, as_json: bool) -> Outcome {
    let mut service = AdminServiceClient::new(client.named().await?);
    let request = v1::BackupStoreRequest {
        request_id: request_id(),
        name: name.unwrap_or_default(),
    };
    let done = service.backup_store(request).await.map_err(refused)?;
    let done = done.into_inner();
    if as_json {
        json("BackupStoreResponse", &done)?;
        return Ok(0);
    }
    say(format!(
        "copied to {}: {} bytes, journal at {}, recoup.db has SHA-256 {}",
        done.name, done.size_bytes, done.position, done.sha256
    ));
    Ok(0)
}

async fn reconciled(client: ClientArgs, reason: String, as_json: bool) -> Outcome {
    let mut service = AdminServiceClient::new(client.named().await?);
    let request = v1::ConfirmReconciledRequest {
        request_id: request_id(),
        reason,
    };
    let done = service.confirm_reconciled(request).await.map_err(refused)?;
    let done = done.into_inner();
    if as_json {
        json("ConfirmReconciledResponse", &done)?;
        return Ok(0);
    }
    say(format!(
        "contacts go again since {} UTC; cases that are held stay so: recoup case release",
        instant(done.time.as_ref())
    ));
    Ok(0)
}
