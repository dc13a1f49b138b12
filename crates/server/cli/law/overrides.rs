//! `recoup law override`: where the law only presumes a violation, counsel decides, and a second person agrees.

use super::super::Outcome;
use super::super::client::{ClientArgs, Named, refused};
use super::super::given::{self, Write};
use super::super::output::{instant, json, pages, say, table, word};
use crate::api::recoup::v1;
use crate::api::recoup::v1::compliance_service_client::ComplianceServiceClient;

type Client = ComplianceServiceClient<Named>;

/// Commands on overrides.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Propose that a presumption be lifted. It lifts nothing before a second person approves it.
    Propose(Propose),
    /// Approve an override: it is in force from the answer on. Whoever proposed it cannot.
    Approve(Approve),
    /// End an override at once. What was accepted under it is called off.
    Revoke(Revoke),
    /// List overrides, those that are over among them.
    List(List),
}

/// `recoup law override propose`.
#[derive(Debug, clap::Args)]
pub(super) struct Propose {
    /// The rule, such as CN-GBT45251-FREQ3.
    rule: String,
    /// Only this case: `case_…`, or the lender's own reference. Without it every case of the lender.
    #[arg(long, value_name = "CASE")]
    case: Option<String>,
    /// Why.
    #[arg(long)]
    reason: String,
    /// Before when it holds, such as 2026-03-01T00:00:00Z.
    #[arg(long, value_parser = given::instant, value_name = "INSTANT")]
    until: prost_types::Timestamp,
    #[command(flatten)]
    write: Write,
}

/// `recoup law override approve`.
#[derive(Debug, clap::Args)]
pub(super) struct Approve {
    /// `override_…`
    id: String,
    /// For the record.
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    write: Write,
}

/// `recoup law override revoke`.
#[derive(Debug, clap::Args)]
pub(super) struct Revoke {
    /// `override_…`
    id: String,
    /// Why.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    write: Write,
}

/// `recoup law override list`.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    client: ClientArgs,
    /// JSON, one object a page.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: Command) -> Outcome {
    match command {
        Command::Propose(args) => propose(args).await,
        Command::Approve(args) => approve(args).await,
        Command::Revoke(args) => revoke(args).await,
        Command::List(args) => list(args).await,
    }
}

async fn client(args: &ClientArgs) -> Result<Client, super::super::Failure> {
    Ok(ComplianceServiceClient::new(args.named().await?))
}

async fn propose(args: Propose) -> Outcome {
    let case_id = match args.case {
        Some(case) => super::super::case::id_of(&args.write.client, case).await?,
        None => String::new(),
    };
    let mut client = client(&args.write.client).await?;
    let request = v1::ProposeOverrideRequest {
        request_id: args.write.id(),
        rule_id: args.rule,
        case_id,
        reason: args.reason,
        until: Some(args.until),
    };
    let done = client.propose_override(request).await.map_err(refused)?;
    let done = done.into_inner();
    args.write.answer("ProposeOverrideResponse", &done, |m| {
        after(m.r#override.as_ref())
    })
}

async fn approve(args: Approve) -> Outcome {
    let mut client = client(&args.write.client).await?;
    let request = v1::ApproveOverrideRequest {
        request_id: args.write.id(),
        override_id: args.id,
        note: args.note,
    };
    let done = client.approve_override(request).await.map_err(refused)?;
    let done = done.into_inner();
    args.write.answer("ApproveOverrideResponse", &done, |m| {
        after(m.r#override.as_ref())
    })
}

async fn revoke(args: Revoke) -> Outcome {
    let mut client = client(&args.write.client).await?;
    let request = v1::RevokeOverrideRequest {
        request_id: args.write.id(),
        override_id: args.id,
        reason: args.reason,
    };
    let done = client.revoke_override(request).await.map_err(refused)?;
    let done = done.into_inner();
    args.write.answer("RevokeOverrideResponse", &done, |m| {
        after(m.r#override.as_ref())
    })
}

async fn list(args: List) -> Outcome {
    let mut client = client(&args.client).await?;
    let mut rows = table(&[
        "override",
        "rule",
        "about",
        "until",
        "stands",
        "proposed by",
        "approved by",
    ]);
    pages(usize::MAX, async |page_size, page_token| {
        let request = v1::ListOverridesRequest {
            page_size,
            page_token,
        };
        let page = client.list_overrides(request).await.map_err(refused)?;
        let page = page.into_inner();
        if args.json {
            json("ListOverridesResponse", &page)?;
        }
        for o in &page.overrides {
            rows.add_row([
                &o.override_id,
                &o.rule_id,
                about(o),
                &instant(o.until.as_ref()),
                &word(o.state().as_str_name(), "OVERRIDE_STATE_"),
                &o.author,
                &o.approved_by,
            ]);
        }
        Ok((page.overrides.len(), page.next_page_token))
    })
    .await?;
    if !args.json {
        say(rows);
    }
    Ok(0)
}

fn about(o: &v1::Override) -> &str {
    match o.case_id.as_str() {
        "" => "every case",
        case => case,
    }
}

fn after(o: Option<&v1::Override>) {
    let Some(o) = o else {
        return;
    };
    let (rule, about, until) = (&o.rule_id, about(o), instant(o.until.as_ref()));
    let stands = word(o.state().as_str_name(), "OVERRIDE_STATE_");
    say(format!(
        "{} is {stands}: {rule} of {about} until {until}",
        o.override_id
    ));
}
