//! `recoup contact`.

mod told;

use super::case::{self, CaseArg};
use super::client::{ClientArgs, Named, refused, request_id};
use super::given;
use super::output::{instant, json, pages, say, table, word};
use super::{Failure, Outcome};
use crate::api::recoup::v1;
use crate::api::recoup::v1::contact_service_client::ContactServiceClient;

/// Commands on contacts.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Contacts that pass a filter.
    List {
        #[command(flatten)]
        client: ClientArgs,
        /// Such as `state = PLANNED AND channel = legal`; the fields are in the comment of ListContacts.
        #[arg(long, default_value = "")]
        filter: String,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// JSON, one object a page.
        #[arg(long)]
        json: bool,
    },
    /// Approve a contact that waits for a person.
    Approve {
        #[command(flatten)]
        client: ClientArgs,
        /// `contact_…`
        contact: String,
        /// For the record.
        #[arg(long, default_value = "")]
        note: String,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Call a contact off.
    Cancel {
        #[command(flatten)]
        client: ClientArgs,
        /// `contact_…`
        contact: String,
        /// Why.
        #[arg(long)]
        reason: String,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make a contact with the borrower of a case by hand, or with a third party of it. The gate is asked as for
    /// any other.
    Request {
        #[command(flatten)]
        client: ClientArgs,
        #[command(flatten)]
        case: CaseArg,
        /// `sms`, `phone`, `email` or `visit`.
        #[arg(long)]
        channel: String,
        /// Name of the template.
        #[arg(long)]
        template: String,
        /// The lender's reference of a third party of the case; without it the borrower is contacted.
        #[arg(long, value_name = "REFERENCE")]
        party: Option<String>,
        /// Why.
        #[arg(long)]
        reason: String,
        /// When a visit's appointment begins, such as 2026-03-01T10:00:00Z.
        #[arg(long)]
        at: Option<jiff::Timestamp>,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// One contact, with its states.
    Get {
        #[command(flatten)]
        client: ClientArgs,
        /// `contact_…`
        contact: String,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say what came of a contact: for agents, the field app, the law firm.
    Report(told::Report),
    /// Settle by proof what became of a contact that nobody knows of.
    Resolve(told::Resolve),
    /// What would be sent to the borrower of a case, and what the gate says.
    Preview {
        #[command(flatten)]
        client: ClientArgs,
        #[command(flatten)]
        case: CaseArg,
        /// At this instant, such as 2026-03-01T10:00:00Z, if nothing new happens until then. Without it now.
        #[arg(long, value_parser = given::instant, value_name = "INSTANT")]
        at: Option<prost_types::Timestamp>,
        /// Language of the text: en or zh-CN.
        #[arg(long, default_value = "")]
        language: String,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command) -> Outcome {
    match command {
        Command::List {
            client,
            filter,
            limit,
            json,
        } => list(client, filter, limit, json).await,
        Command::Approve {
            client,
            contact,
            note,
            json,
        } => {
            let request = v1::ApproveContactRequest {
                request_id: request_id(),
                contact_id: contact,
                note,
            };
            let mut service = connect(&client).await?;
            let done = service
                .approve_contact(request)
                .await
                .map_err(refused)?
                .into_inner();
            if !json && let Some(c) = &done.contact {
                say(format!("{} is approved and goes next", c.contact_id));
                return Ok(0);
            }
            show_one("ApproveContactResponse", &done, done.contact.as_ref(), json)
        }
        Command::Cancel {
            client,
            contact,
            reason,
            json,
        } => {
            let request = v1::CancelContactRequest {
                request_id: request_id(),
                contact_id: contact,
                reason,
            };
            let mut service = connect(&client).await?;
            let done = service
                .cancel_contact(request)
                .await
                .map_err(refused)?
                .into_inner();
            show_one("CancelContactResponse", &done, done.contact.as_ref(), json)
        }
        Command::Request {
            client,
            case,
            channel,
            template,
            party,
            reason,
            at,
            json,
        } => {
            let request = v1::RequestContactRequest {
                request_id: request_id(),
                case_id: case.id(&mut case::client(&client).await?).await?,
                channel,
                template,
                party: party.map(|reference| v1::PartyRef {
                    r#ref: Some(v1::party_ref::Ref::LenderRef(reference)),
                }),
                reason,
                time: at.map(crate::convert::value::to_instant),
                ..v1::RequestContactRequest::default()
            };
            let mut service = connect(&client).await?;
            let done = service
                .request_contact(request)
                .await
                .map_err(refused)?
                .into_inner();
            show_one("RequestContactResponse", &done, done.contact.as_ref(), json)
        }
        Command::Get {
            client,
            contact,
            json,
        } => get(&client, contact, json).await,
        Command::Report(command) => command.run().await,
        Command::Resolve(command) => command.run().await,
        Command::Preview {
            client,
            case,
            at,
            language,
            json,
        } => preview(client, case, (at, language), json).await,
    }
}

async fn connect(args: &ClientArgs) -> Result<ContactServiceClient<Named>, Failure> {
    Ok(ContactServiceClient::new(args.named().await?).max_decoding_message_size(16 << 20))
}

fn show_one<M: prost::Message>(
    name: &str,
    answer: &M,
    contact: Option<&v1::Contact>,
    as_json: bool,
) -> Outcome {
    if as_json {
        json(name, answer)?;
    } else {
        in_a_line(contact);
    }
    Ok(0)
}

/// Where a contact stands.
fn in_a_line(contact: Option<&v1::Contact>) {
    let Some(c) = contact else {
        return;
    };
    let state = word(c.state().as_str_name(), "CONTACT_STATE_");
    let why = match c.state() {
        v1::ContactState::CancelUnknown => {
            ": nobody can say whether it was called off; it may still reach the person"
        }
        _ => "",
    };
    say(format!("{} is {state}{why}", c.contact_id));
}

async fn get(args: &ClientArgs, contact_id: String, as_json: bool) -> Outcome {
    let request = v1::GetContactRequest { contact_id };
    let found = connect(args).await?.get_contact(request).await;
    let found = found.map_err(refused)?.into_inner();
    if as_json {
        json("GetContactResponse", &found)?;
        return Ok(0);
    }
    let c = found.contact.unwrap_or_default();
    let judged = c.judged_under.clone().unwrap_or_default();
    let said = c.said.clone().unwrap_or_default();
    let mut rows = table(&["contact", &c.contact_id]);
    for (name, value) in [
        ("case", c.case_id.clone()),
        ("kind", c.channel.clone()),
        ("channel", carried_by(&c)),
        ("provider's reference", c.provider_key.clone()),
        ("template", c.template_id.clone()),
        ("language", c.template_locale.clone()),
        ("stage", c.stage.clone()),
        ("outcome", word(c.outcome().as_str_name(), "OUTCOME_")),
        ("effect from (UTC)", instant(c.effect_start_time.as_ref())),
        ("effect to (UTC)", instant(c.effect_end_time.as_ref())),
        ("collectors", c.collector_ids.join(", ")),
        ("why", c.reason.clone()),
        ("permitted by", judged.permitted_by.join(", ")),
        ("packs", judged.packs_hash),
        ("policy", judged.policy_hash),
        ("subject", said.subject),
        ("text", said.body),
        ("SHA-256 of the text", said.sha256),
        ("keyed hash", c.payload_hash.clone()),
    ] {
        if !value.is_empty() {
            rows.add_row([name.to_owned(), value]);
        }
    }
    for t in &c.transitions {
        let state = word(t.state().as_str_name(), "CONTACT_STATE_");
        rows.add_row([state, instant(t.time.as_ref())]);
    }
    say(rows);
    Ok(0)
}

/// The channel by its own name, and which generation of it once there was more than one.
fn carried_by(c: &v1::Contact) -> String {
    match c.channel_generation {
        0 | 1 => c.channel_name.clone(),
        n => format!("{} {n}", c.channel_name),
    }
}

async fn list(args: ClientArgs, filter: String, limit: usize, as_json: bool) -> Outcome {
    let mut client = connect(&args).await?;
    let mut rows = table(&[
        "contact",
        "kind",
        "channel",
        "template",
        "stage",
        "state",
        "outcome",
        "effect (UTC)",
    ]);
    pages(limit, async |page_size, page_token| {
        let request = v1::ListContactsRequest {
            page_size,
            page_token,
            filter: filter.clone(),
        };
        let page = client.list_contacts(request).await.map_err(refused)?;
        let page = page.into_inner();
        if as_json {
            json("ListContactsResponse", &page)?;
        }
        for c in &page.contacts {
            rows.add_row([
                c.contact_id.clone(),
                c.channel.clone(),
                carried_by(c),
                c.template.clone(),
                c.stage.clone(),
                word(c.state().as_str_name(), "CONTACT_STATE_"),
                word(c.outcome().as_str_name(), "OUTCOME_"),
                instant(c.effect_start_time.as_ref()),
            ]);
        }
        Ok((page.contacts.len(), page.next_page_token))
    })
    .await?;
    if !as_json {
        say(rows);
    }
    Ok(0)
}

async fn preview(
    args: ClientArgs,
    case: CaseArg,
    (time, language_code): (Option<prost_types::Timestamp>, String),
    as_json: bool,
) -> Outcome {
    use v1::preview_contact_request::Subject;
    let case_id = case.id(&mut case::client(&args).await?).await?;
    let mut client = connect(&args).await?;
    let request = v1::PreviewContactRequest {
        subject: Some(Subject::CaseId(case_id)),
        time,
        language_code,
    };
    let found = client
        .preview_contact(request)
        .await
        .map_err(refused)?
        .into_inner();
    if as_json {
        json("PreviewContactResponse", &found)?;
        return Ok(0);
    }
    if let Some(r) = &found.rendered {
        say(format!(
            "{} `{}` (stage {}, step {}):",
            r.channel,
            r.template,
            r.stage,
            r.step + 1
        ));
        if !r.subject.is_empty() {
            say(&r.subject);
        }
        say(&r.body);
    }
    if !found.held.is_empty() {
        say(format!("held back, it would not go: {}", found.held));
    }
    if !found.note.is_empty() {
        say(&found.note);
    }
    for reason in found.decision.iter().flat_map(|d| &d.reasons) {
        say(format!("denied by {}: {}", reason.rule_id, reason.message));
    }
    Ok(0)
}
