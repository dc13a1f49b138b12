//! `recoup case`.

mod facts;
mod pauses;

use super::client::{ClientArgs, Named, refused};
use super::given;
use super::output::{instant, json, money, pages, say, table, word};
use super::{Failure, Outcome};
use crate::api::recoup::v1;
use crate::api::recoup::v1::case_service_client::CaseServiceClient;

/// Commands on cases.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// One case.
    Get(One),
    /// Cases that pass a filter.
    List {
        #[command(flatten)]
        client: ClientArgs,
        /// Such as `status = OPEN AND dpd >= 30`; the fields are in the comment of ListCases.
        #[arg(long, default_value = "")]
        filter: String,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// JSON, one object a page.
        #[arg(long)]
        json: bool,
    },
    /// What happened in a case, oldest first.
    Timeline(One),
    /// Why a case stands where it stands, why not now, and what comes next.
    Explain(Explain),
    /// Open a case from a file: an OpenCaseRequest in JSON.
    Open(facts::Open),
    /// Take over what the lender's ledger says now; what is not named stays.
    Update(facts::Update),
    /// Record money that came in.
    Pay(facts::Pay),
    /// Take a payment back.
    ReversePayment(facts::ReversePayment),
    /// Record a promise to pay; contacts pause until it is kept or broken.
    Promise(facts::Promise),
    /// Add a document by reference and hash.
    Document(facts::Document),
    /// Stop the contacts of a case.
    Hold(pauses::Hold),
    /// End the holds of a case.
    Release(pauses::Release),
    /// Record that the borrower disputes the debt.
    Dispute(pauses::Dispute),
    /// Settle a dispute.
    ResolveDispute(pauses::ResolveDispute),
    /// Record a complaint.
    Complain(pauses::Complain),
    /// Settle a complaint.
    ResolveComplaint(pauses::ResolveComplaint),
    /// Close a case for good.
    Close(facts::Close),
}

/// Names a case.
#[derive(Debug, clap::Args)]
pub(super) struct CaseArg {
    /// `case_…`, or the lender's own reference.
    case: String,
}

impl CaseArg {
    /// Its id, asked for where it is named by a reference.
    pub(super) async fn id(&self, client: &mut Client) -> Result<String, Failure> {
        if self.case.starts_with("case_") {
            return Ok(self.case.clone());
        }
        let found = find(client, &self.case).await?;
        Ok(found.case.unwrap_or_default().case_id)
    }
}

/// The id of a case that is named by it, or by the lender's reference.
pub(super) async fn id_of(args: &ClientArgs, case: String) -> Result<String, Failure> {
    CaseArg { case }.id(&mut client(args).await?).await
}

/// A case to look at.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    #[command(flatten)]
    client: ClientArgs,
    #[command(flatten)]
    case: CaseArg,
    /// JSON.
    #[arg(long)]
    json: bool,
}

/// A case to explain.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    #[command(flatten)]
    one: One,
    /// The instant to explain, such as 2026-03-01T10:00:00Z; now where it is not named. Told again later, it is the same.
    #[arg(long, value_parser = given::instant)]
    as_of: Option<prost_types::Timestamp>,
    /// With all that was learned since of that instant: late payments, corrected outcomes.
    #[arg(long)]
    corrected: bool,
    /// Language of the text: en or zh-CN.
    #[arg(long, default_value = "")]
    language: String,
}

pub(super) async fn run(command: Command) -> Outcome {
    match command {
        Command::Get(one) => get(one).await,
        Command::List {
            client,
            filter,
            limit,
            json,
        } => list(client, filter, limit, json).await,
        Command::Timeline(one) => timeline(one).await,
        Command::Explain(command) => explain(command).await,
        Command::Open(command) => command.run().await,
        Command::Update(command) => command.run().await,
        Command::Pay(command) => command.run().await,
        Command::ReversePayment(command) => command.run().await,
        Command::Promise(command) => command.run().await,
        Command::Document(command) => command.run().await,
        Command::Hold(command) => command.run().await,
        Command::Release(command) => command.run().await,
        Command::Dispute(command) => command.run().await,
        Command::ResolveDispute(command) => command.run().await,
        Command::Complain(command) => command.run().await,
        Command::ResolveComplaint(command) => command.run().await,
        Command::Close(command) => command.run().await,
    }
}

pub(super) type Client = CaseServiceClient<Named>;

pub(super) async fn client(args: &ClientArgs) -> Result<Client, Failure> {
    Ok(CaseServiceClient::new(args.named().await?).max_decoding_message_size(16 << 20))
}

async fn find(client: &mut Client, case: &str) -> Result<v1::GetCaseResponse, Failure> {
    use v1::get_case_request::Ref;
    let name = if case.starts_with("case_") {
        Ref::CaseId(case.to_owned())
    } else {
        Ref::LenderCaseRef(case.to_owned())
    };
    let request = v1::GetCaseRequest { r#ref: Some(name) };
    Ok(client
        .get_case(request)
        .await
        .map_err(refused)?
        .into_inner())
}

async fn get(one: One) -> Outcome {
    let mut client = client(&one.client).await?;
    let found = find(&mut client, &one.case.case).await?;
    if one.json {
        json("GetCaseResponse", &found)?;
        return Ok(0);
    }
    show(&found.case.unwrap_or_default());
    Ok(0)
}

/// The case after a command, and what the command called off.
fn after(case: Option<&v1::Case>, called_off: &[String]) {
    case.into_iter().for_each(show);
    for contact in called_off {
        say(format!("{contact} is being called off"));
    }
}

/// What pauses a case, in a line.
fn paused(case: &v1::Case) -> String {
    let Some(pause) = &case.pause else {
        return String::new();
    };
    let reason = word(pause.reason().as_str_name(), "PAUSE_REASON_");
    match &pause.until {
        Some(until) => format!("{reason} until {}", instant(Some(until))),
        None => format!("{reason}, until a person ends it"),
    }
}

fn show(c: &v1::Case) {
    let facts = c.facts.clone().unwrap_or_default();
    let mut made: Vec<String> = c
        .contacts_made
        .iter()
        .map(|(k, n)| format!("{k} {n}"))
        .collect();
    made.sort();
    let policy = c
        .policy
        .as_ref()
        .map_or_else(String::new, |p| format!("{}@{}", p.name, p.version));
    let mut rows = table(&["case", &c.case_id]);
    for (name, value) in [
        ("reference", c.lender_case_ref.clone()),
        ("borrower", format!("{} ({})", c.borrower_ref, c.party_id)),
        ("status", word(c.status().as_str_name(), "CASE_STATUS_")),
        ("paused by", paused(c)),
        ("stage", c.stage.clone()),
        ("days past due", format!("{} ({})", c.dpd, c.bucket)),
        ("overdue", money(facts.overdue.as_ref())),
        ("collected", money(c.collected.as_ref())),
        (
            "contactability",
            word(c.contactability().as_str_name(), "CONTACTABILITY_"),
        ),
        ("contacts made", made.join(", ")),
        ("policy", policy),
        ("opened", instant(c.open_time.as_ref())),
        ("closed", instant(c.close_time.as_ref())),
    ] {
        rows.add_row([name.to_owned(), value]);
    }
    say(rows);
}

async fn list(args: ClientArgs, filter: String, limit: usize, as_json: bool) -> Outcome {
    let mut client = client(&args).await?;
    let mut rows = table(&[
        "case",
        "reference",
        "status",
        "stage",
        "dpd",
        "overdue",
        "policy",
    ]);
    pages(limit, async |page_size, page_token| {
        let request = v1::ListCasesRequest {
            page_size,
            page_token,
            filter: filter.clone(),
        };
        let page = client.list_cases(request).await.map_err(refused)?;
        let page = page.into_inner();
        if as_json {
            json("ListCasesResponse", &page)?;
        }
        for c in &page.cases {
            rows.add_row([
                c.case_id.clone(),
                c.lender_case_ref.clone(),
                word(c.status().as_str_name(), "CASE_STATUS_"),
                c.stage.clone(),
                c.dpd.to_string(),
                money(c.facts.as_ref().and_then(|f| f.overdue.as_ref())),
                c.policy
                    .as_ref()
                    .map_or_else(String::new, |p| p.name.clone()),
            ]);
        }
        Ok((page.cases.len(), page.next_page_token))
    })
    .await?;
    if !as_json {
        say(rows);
    }
    Ok(0)
}

async fn timeline(one: One) -> Outcome {
    let mut client = client(&one.client).await?;
    let case_id = one.case.id(&mut client).await?;
    let mut rows = table(&["when (UTC)", "who", "what", "why"]);
    pages(usize::MAX, async |page_size, page_token| {
        let request = v1::GetTimelineRequest {
            case_id: case_id.clone(),
            page_size,
            page_token,
        };
        let page = client.get_timeline(request).await.map_err(refused)?;
        let page = page.into_inner();
        if one.json {
            json("GetTimelineResponse", &page)?;
        }
        for e in &page.entries {
            let why = e
                .reason
                .as_ref()
                .map_or_else(String::new, |r| r.text.clone());
            rows.add_row([instant(e.time.as_ref()), e.actor.clone(), told(e), why]);
        }
        Ok((page.entries.len(), page.next_page_token))
    })
    .await?;
    if !one.json {
        say(rows);
    }
    Ok(0)
}

async fn explain(command: Explain) -> Outcome {
    let one = command.one;
    let mut client = client(&one.client).await?;
    let case_id = one.case.id(&mut client).await?;
    let request = v1::ExplainCaseRequest {
        case_id,
        as_of: command.as_of,
        mode: if command.corrected {
            v1::ExplainMode::AsCorrected.into()
        } else {
            v1::ExplainMode::AsRecorded.into()
        },
        language_code: command.language,
    };
    let found = client
        .explain_case(request)
        .await
        .map_err(refused)?
        .into_inner();
    if one.json {
        json("ExplainCaseResponse", &found)?;
    } else {
        found.lines.iter().for_each(say);
    }
    Ok(0)
}

/// A line of the timeline, with what was told with it where the caller may see that.
fn told(entry: &v1::TimelineEntry) -> String {
    match entry.note.as_str() {
        "" => entry.summary.clone(),
        note => format!("{}: {note}", entry.summary),
    }
}
