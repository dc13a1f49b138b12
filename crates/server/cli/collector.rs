//! `recoup collector`.

use super::Outcome;
use super::client::{ClientArgs, refused};
use super::given::{self, Write};
use super::output::{json, pages, say, table};
use crate::api::recoup::v1;
use crate::api::recoup::v1::collector_service_client::CollectorServiceClient;

/// Commands on the people who call and visit.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Collectors that pass a filter.
    List {
        #[command(flatten)]
        client: ClientArgs,
        /// Such as `active = true`; the fields are in the comment of ListCollectors.
        #[arg(long, default_value = "")]
        filter: String,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// JSON, one object a page.
        #[arg(long)]
        json: bool,
    },
    /// Write a collector: all that is not said is taken from what is known, or empty.
    Put(Put),
}

pub(super) async fn run(command: Command) -> Outcome {
    match command {
        Command::List {
            client,
            filter,
            limit,
            json,
        } => list(&client, &filter, limit, json).await,
        Command::Put(command) => command.run().await,
    }
}

async fn list(args: &ClientArgs, filter: &str, limit: usize, as_json: bool) -> Outcome {
    let mut service = CollectorServiceClient::new(args.named().await?);
    let mut rows = table(&["collector", "reference", "name", "active", "credentials"]);
    pages(limit, async |page_size, page_token| {
        let request = v1::ListCollectorsRequest {
            page_size,
            page_token,
            filter: filter.to_owned(),
        };
        let page = service.list_collectors(request).await.map_err(refused)?;
        let page = page.into_inner();
        if as_json {
            json("ListCollectorsResponse", &page)?;
        }
        for c in &page.collectors {
            rows.add_row(row(c));
        }
        Ok((page.collectors.len(), page.next_page_token))
    })
    .await?;
    if !as_json {
        say(rows);
    }
    Ok(0)
}

fn row(c: &v1::Collector) -> [String; 5] {
    let credential = |c: &v1::Credential| match &c.valid_until {
        Some(d) => format!("{} until {:04}-{:02}-{:02}", c.kind, d.year, d.month, d.day),
        None => c.kind.clone(),
    };
    let credentials: Vec<String> = c.credentials.iter().map(credential).collect();
    [
        c.collector_id.clone(),
        c.lender_ref.clone(),
        c.display_name.clone(),
        if c.active() { "yes" } else { "no" }.to_owned(),
        credentials.join(", "),
    ]
}

/// `recoup collector put`.
#[derive(Debug, clap::Args)]
pub(super) struct Put {
    /// The lender's own reference.
    reference: String,
    /// Name for letters and the field app.
    #[arg(long)]
    name: String,
    /// A credential as KIND, KIND:NUMBER or KIND:NUMBER:LAST-DAY, such as `field_visit:881:2027-12-31`; repeat it.
    #[arg(long, value_parser = credential)]
    credential: Vec<v1::Credential>,
    /// A language spoken, BCP 47; repeat it.
    #[arg(long)]
    language: Vec<String>,
    /// A region covered, ISO 3166; repeat it. Without it all.
    #[arg(long)]
    region: Vec<String>,
    /// Takes no contacts now.
    #[arg(long)]
    inactive: bool,
    #[command(flatten)]
    write: Write,
}

impl Put {
    async fn run(self) -> Outcome {
        let mut written = vec!["display_name", "active"];
        let lists = [
            ("credentials", self.credential.is_empty()),
            ("languages", self.language.is_empty()),
            ("regions", self.region.is_empty()),
        ];
        written.extend(lists.iter().filter(|(_, no)| !no).map(|(name, _)| *name));
        let request = v1::UpsertCollectorRequest {
            request_id: self.write.id(),
            update_mask: Some(prost_types::FieldMask {
                paths: written.into_iter().map(str::to_owned).collect(),
            }),
            collector: Some(v1::Collector {
                lender_ref: self.reference,
                display_name: self.name,
                credentials: self.credential,
                languages: self.language,
                regions: self.region,
                active: Some(!self.inactive),
                ..v1::Collector::default()
            }),
        };
        let mut service = CollectorServiceClient::new(self.write.client.named().await?);
        let done = service.upsert_collector(request).await.map_err(refused)?;
        let done = done.into_inner();
        self.write.answer("UpsertCollectorResponse", &done, |m| {
            let c = m.collector.clone().unwrap_or_default();
            let what = if m.created { "is new" } else { "is changed" };
            say(format!("{} ({}) {what}", c.collector_id, c.lender_ref));
        })
    }
}

fn credential(text: &str) -> Result<v1::Credential, String> {
    let mut parts = text.splitn(3, ':');
    let mut next = || parts.next().unwrap_or_default().to_owned();
    let (kind, number, until) = (next(), next(), next());
    Ok(v1::Credential {
        kind,
        number,
        valid_until: match until.as_str() {
            "" => None,
            day => Some(given::day(day)?),
        },
    })
}
