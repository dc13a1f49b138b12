//! `recoup law`: the packs that the server judges by.

mod files;
mod overrides;
mod preview;

use super::Outcome;
use super::client::{ClientArgs, refused};
use super::output::{json, pages, say, table, word};
use crate::api::google::r#type as google;
use crate::api::recoup::v1;
use crate::api::recoup::v1::compliance_service_client::ComplianceServiceClient;

/// Shows the packs of law and house rules, or the rules of one.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    client: ClientArgs,
    /// A pack, such as `cn`: its rules. Without it the packs.
    pack: Option<String>,
    /// JSON, one object a page.
    #[arg(long)]
    json: bool,
}

/// Commands on the law.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Override presumptions of law: with a reason, for a time, by two persons.
    #[command(subcommand)]
    Override(overrides::Command),
    /// Check packs in files, without a server: every fault with file, line and rule. Exit code 4 where there are
    /// any.
    Check(files::Check),
    /// Print a built-in pack as the file that it is, to write another one from.
    Text(files::Text),
    /// Say what packs in files would change: which rules, and for which of the open cases. Nothing is written. Exit
    /// code 5 where a case changes.
    Preview(preview::Args),
}

pub(super) async fn run(args: Args) -> Outcome {
    match args.command {
        Some(Command::Override(command)) => return overrides::run(command).await,
        Some(Command::Check(command)) => return files::check(&command),
        Some(Command::Text(command)) => return files::text(&command),
        Some(Command::Preview(command)) => return preview::run(command).await,
        None => {}
    }
    let mut service = ComplianceServiceClient::new(args.client.named().await?);
    let mut all = Vec::new();
    pages(usize::MAX, async |page_size, page_token| {
        let request = v1::ListPacksRequest {
            page_size,
            page_token,
        };
        let page = service.list_packs(request).await.map_err(refused)?;
        let mut page = page.into_inner();
        if let Some(wanted) = &args.pack {
            page.packs.retain(|p| id(p) == wanted);
        }
        if args.json {
            json("ListPacksResponse", &page)?;
        }
        let rows = page.packs.len();
        all.append(&mut page.packs);
        Ok((rows, page.next_page_token))
    })
    .await?;
    match (&args.pack, &all[..]) {
        _ if args.json => {}
        (Some(wanted), []) => {
            let problem = format!("no pack `{wanted}` is loaded; `recoup law` lists them");
            return Err(super::Failure::usage(problem));
        }
        (Some(_), packs) => packs.iter().for_each(rules),
        (None, packs) => overview(packs),
    }
    Ok(0)
}

fn id(pack: &v1::Pack) -> &str {
    pack.pack.as_ref().map_or("", |p| &p.pack)
}

fn overview(packs: &[v1::Pack]) {
    let mut rows = table(&["pack", "what", "where", "rules", "file", "off because"]);
    for p in packs {
        let mut places = p.regions.join(", ");
        if p.beside {
            places.push_str(" (beside the law of the place; does not make the place known)");
        }
        rows.add_row([
            id(p),
            &p.title,
            &places,
            &p.rules.len().to_string(),
            &p.file,
            &p.off_because,
        ]);
    }
    say(rows);
}

/// From when and until when a rule binds; nothing where it always did and no end is known.
fn days(from: Option<&google::Date>, to: Option<&google::Date>) -> String {
    let day =
        |word: &str, d: &google::Date| format!("{word} {:04}-{:02}-{:02}", d.year, d.month, d.day);
    let both = [from.map(|d| day("from", d)), to.map(|d| day("to", d))];
    let both: Vec<String> = both.into_iter().flatten().collect();
    both.join(" ")
}

fn rules(pack: &v1::Pack) {
    let mut rows = table(&[
        "rule",
        "what",
        "how hard",
        "where it is written",
        "binds",
        "off because",
    ]);
    for r in &pack.rules {
        let severity = word(r.severity().as_str_name(), "RULE_SEVERITY_");
        let hard = format!("{severity}, {} ({})", r.layer, r.confidence);
        let days = days(r.effective_from.as_ref(), r.effective_to.as_ref());
        rows.add_row([
            &r.rule_id,
            &r.text,
            &hard,
            &r.citation,
            &days,
            &r.off_because,
        ]);
    }
    say(rows);
    if pack.beside {
        say("It binds beside the law of the place and does not make the place known.");
    }
    for d in &pack.content {
        say(format!(
            "a message must say: {} {} ({}; {} {})",
            d.duty_id,
            d.text,
            d.demand,
            d.message,
            d.channels.join(", ")
        ));
    }
    for u in &pack.unchecked {
        say(format!(
            "not checked: {} {} ({})",
            u.rule_id, u.text, u.left_to
        ));
    }
}
