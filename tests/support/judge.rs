//! The judge, and the ledger it reads.

use std::path::{Path, PathBuf};
use std::process::Command;

use recoup::api::recoup::v1;
use serde_json::Value;

use super::builds;
use super::client::Client;

/// What the judge said.
pub(crate) struct Judgement {
    /// Exit status: 0 clean, 1 violated, 2 unjudged.
    pub(crate) status: Option<i32>,
    /// Its JSON.
    pub(crate) json: Value,
    /// All that it printed.
    pub(crate) text: String,
}

impl Judgement {
    /// A figure of its tally.
    pub(crate) fn figure(&self, name: &str) -> u64 {
        let figure = self.json[name].as_u64();
        figure.unwrap_or_else(|| panic!("no figure {name}: {}", self.text))
    }
}

/// Exports the ledger into a file.
pub(crate) async fn export(client: &Client, dir: &Path) -> PathBuf {
    let path = dir.join("ledger.jsonl");
    let request = v1::ExportLedgerRequest {};
    let stream = client.audit().export_ledger(request).await;
    let mut stream = stream.expect("an export").into_inner();
    let mut text = String::new();
    while let Some(part) = stream.message().await.expect("the export goes on") {
        for line in part.lines {
            text.push_str(&line);
            text.push('\n');
        }
    }
    std::fs::write(&path, text).expect("the ledger");
    path
}

/// Judges a log and a ledger.
pub(crate) fn judge(log: &Path, ledger: &Path, more: &[&str]) -> Judgement {
    let mut command = Command::new(builds::judge());
    command.arg("--sandbox-log").arg(log);
    command.arg("--ledger").arg(ledger).arg("--json").args(more);
    let output = command.output().expect("the judge runs");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let json = out
        .lines()
        .last()
        .and_then(|l| serde_json::from_str(l).ok());
    let err = String::from_utf8_lossy(&output.stderr);
    Judgement {
        status: output.status.code(),
        json: json.unwrap_or(Value::Null),
        text: format!("{out}{err}"),
    }
}
