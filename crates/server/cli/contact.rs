//! `recoup contact`.

use super::client::{ClientArgs, Named, refused, request_id};
use super::output::{instant, json, say, table, word};
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
    /// Settle a contact of which nobody knew whether it was sent, with proof. Nothing is sent by it.
    Resolve {
        #[command(flatten)]
        client: ClientArgs,
        /// `contact_…`
        contact: String,
        /// What the carrier shows: that it took it, or that it never had it.
        #[arg(long, value_enum)]
        became: Became,
        /// Where the proof is kept, such as a ticket or a file of the archive.
        #[arg(long, value_name = "REFERENCE")]
        evidence: String,
        /// SHA-256 of the proof, 64 hexadecimal digits in lower case.
        #[arg(long, value_name = "HEX")]
        sha256: String,
        /// Why, for the record.
        #[arg(long)]
        reason: String,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make a contact with the borrower of a case by hand. The gate is asked as for any other.
    Request {
        #[command(flatten)]
        client: ClientArgs,
        /// `case_…`
        case: String,
        /// `sms`, `phone`, `email` or `visit`.
        #[arg(long)]
        channel: String,
        /// Name of the template.
        #[arg(long)]
        template: String,
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
    /// What would be sent to the borrower of a case now, and what the gate says.
    Preview {
        #[command(flatten)]
        client: ClientArgs,
        /// `case_…`
        case: String,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What became of a doubtful contact.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Became {
    /// The carrier shows that it took it.
    Accepted,
    /// The carrier shows that it never had it.
    NotSent,
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
        Command::Resolve {
            client,
            contact,
            became,
            evidence,
            sha256,
            reason,
            json,
        } => {
            let resolution = match became {
                Became::Accepted => v1::UnknownResolution::Accepted,
                Became::NotSent => v1::UnknownResolution::NotSent,
            };
            let request = v1::ResolveUnknownRequest {
                request_id: request_id(),
                contact_id: contact,
                resolution: resolution.into(),
                evidence: Some(v1::Evidence {
                    reference: evidence,
                    sha256,
                }),
                reason,
            };
            let mut service = connect(&client).await?;
            let done = service
                .resolve_unknown(request)
                .await
                .map_err(refused)?
                .into_inner();
            show_one("ResolveUnknownResponse", &done, done.contact.as_ref(), json)
        }
        Command::Request {
            client,
            case,
            channel,
            template,
            reason,
            at,
            json,
        } => {
            let request = v1::RequestContactRequest {
                request_id: request_id(),
                case_id: case,
                channel,
                template,
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
        Command::Preview { client, case, json } => preview(client, case, json).await,
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
    } else if let Some(c) = contact {
        let state = word(c.state().as_str_name(), "CONTACT_STATE_");
        let why = match c.state() {
            v1::ContactState::CancelUnknown => {
                ": its channel cannot call anything off; it may still reach the person"
            }
            _ => "",
        };
        say(format!("{} is {state}{why}", c.contact_id));
    }
    Ok(0)
}

async fn list(args: ClientArgs, filter: String, limit: usize, as_json: bool) -> Outcome {
    let mut client = connect(&args).await?;
    let mut rows = table(&[
        "contact",
        "channel",
        "template",
        "stage",
        "state",
        "outcome",
        "effect (UTC)",
    ]);
    let (mut page_token, mut shown) = (String::new(), 0);
    while shown < limit {
        let page_size = i32::try_from((limit - shown).min(500)).unwrap_or(500);
        let filter = filter.clone();
        let request = v1::ListContactsRequest {
            page_size,
            page_token,
            filter,
        };
        let page = client
            .list_contacts(request)
            .await
            .map_err(refused)?
            .into_inner();
        shown += page.contacts.len();
        if as_json {
            json("ListContactsResponse", &page)?;
        }
        for c in &page.contacts {
            rows.add_row([
                c.contact_id.clone(),
                c.channel.clone(),
                c.template.clone(),
                c.stage.clone(),
                word(c.state().as_str_name(), "CONTACT_STATE_"),
                word(c.outcome().as_str_name(), "OUTCOME_"),
                instant(c.effect_start_time.as_ref()),
            ]);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    if !as_json {
        say(rows);
    }
    Ok(0)
}

async fn preview(args: ClientArgs, case: String, as_json: bool) -> Outcome {
    use v1::preview_contact_request::Subject;
    let mut client = connect(&args).await?;
    let request = v1::PreviewContactRequest {
        subject: Some(Subject::CaseId(case)),
        time: None,
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
            r.channel, r.template, r.stage, r.step
        ));
        if !r.subject.is_empty() {
            say(&r.subject);
        }
        say(&r.body);
    }
    if !found.note.is_empty() {
        say(&found.note);
    }
    for reason in found.decision.iter().flat_map(|d| &d.reasons) {
        say(format!("denied by {}: {}", reason.rule_id, reason.message));
    }
    Ok(0)
}
