//! `recoup policy diff`: what two policies do differently, for people.

use std::path::Path;

use recoup_engine::commands::Comparison;
use recoup_policy::diff::diff;
use recoup_policy::{Names, Policy};

use super::super::client::{ClientArgs, refused};
use super::super::output::{json, say};
use super::super::{EXIT_CHANGES, EXIT_REFUSED, Failure, Outcome};
use super::check::channels;
use super::{connect, id_of, read};
use crate::api::recoup::v1;
use crate::convert::migration;

/// `recoup policy diff`.
#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    #[command(flatten)]
    client: ClientArgs,
    /// What to compare with: a file, or a version on the server, as NAME@VERSION or `policy_…` (a NAME alone: its
    /// newest version). Two files need no server.
    #[arg(value_name = "BASE")]
    base: String,
    /// What to compare: the same.
    #[arg(value_name = "OTHER")]
    other: String,
    /// For files: a channel by another name than its kind, as NAME=KIND, such as `pager=sms`; repeat it.
    #[arg(long, value_name = "NAME=KIND")]
    channel: Vec<String>,
    /// JSON.
    #[arg(long)]
    json: bool,
}

impl Diff {
    pub(super) async fn run(self) -> Outcome {
        let of_files = [&self.base, &self.other].map(|given| Path::new(given).is_file());
        let found = match of_files {
            [false, false] => self.on_the_server().await?,
            _ => self.here().await?,
        };
        if self.json {
            json("DiffPoliciesResponse", &found)?;
        } else {
            tell(&self.base, &self.other, &found);
        }
        Ok(if found.differences.is_empty() {
            0
        } else {
            EXIT_CHANGES
        })
    }

    async fn on_the_server(&self) -> Result<v1::DiffPoliciesResponse, Failure> {
        let request = v1::DiffPoliciesRequest {
            base_policy_id: id_of(&self.client, self.base.clone()).await?,
            other_policy_id: id_of(&self.client, self.other.clone()).await?,
        };
        let mut service = connect(&self.client).await?;
        let found = service.diff_policies(request).await.map_err(refused)?;
        Ok(found.into_inner())
    }

    /// Compares texts of which one at least is a file.
    async fn here(&self) -> Result<v1::DiffPoliciesResponse, Failure> {
        let (base, other) = (self.text(&self.base).await?, self.text(&self.other).await?);
        let (base, other) = (
            self.parsed(&self.base, &base)?,
            self.parsed(&self.other, &other)?,
        );
        Ok(migration::compared(&Comparison {
            same_text: base.source() == other.source(),
            differences: diff(&base, &other),
        }))
    }

    async fn text(&self, given: &str) -> Result<String, Failure> {
        use v1::get_policy_request::Ref;
        if Path::new(given).is_file() {
            return read(Path::new(given));
        }
        let request = v1::GetPolicyRequest {
            r#ref: Some(Ref::PolicyId(id_of(&self.client, given.to_owned()).await?)),
            version: None,
        };
        let mut service = connect(&self.client).await?;
        let found = service.get_policy(request).await.map_err(refused)?;
        Ok(found.into_inner().policy.unwrap_or_default().yaml)
    }

    fn parsed(&self, given: &str, text: &str) -> Result<Policy, Failure> {
        let names = Names {
            channels: channels(&self.channel)?,
            any_template: true,
            ..Names::default()
        };
        Policy::parse(text, &names).map_err(|findings| {
            let lines = findings.iter().map(|f| format!("{given}:{f}"));
            Failure {
                message: lines.collect::<Vec<_>>().join("\n"),
                code: EXIT_REFUSED,
            }
        })
    }
}

fn tell(base: &str, other: &str, found: &v1::DiffPoliciesResponse) {
    for difference in &found.differences {
        say(&difference.sentence);
    }
    say(match (found.same_text, found.differences.len()) {
        (true, _) => format!("{base} and {other} are the same text"),
        (false, 0) => format!("{base} and {other} do the same; only the writing differs"),
        (false, n) => format!("{n} difference(s) from {base} to {other}"),
    });
}
