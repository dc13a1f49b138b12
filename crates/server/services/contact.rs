//! ContactService.

use prost::Message;
use recoup_domain::ids::{CaseId, ContactId};
use recoup_engine::error::CommandError;
use recoup_engine::types::ContactView;
use recoup_store::ContactFilter;
use tonic::{Request, Response, Status, async_trait};

use super::case::SCAN_MAX;
use super::{Asked, Call, Edge, answer};
use crate::api::recoup::v1::contact_service_server::ContactService;
use crate::api::recoup::v1::{self, ErrorReason};
use crate::convert::filter::{CONTACTS, Filter};
use crate::convert::read::Bad;
use crate::convert::{contact, explain, gate, hypothetical, value, words};
use crate::identity::Principal;
use crate::status;

/// How far the clock of who asks may be behind.
const CLOCKS_DIFFER: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// Rows read at once for one page of a filtered list.
const SCAN_CHUNK: usize = 500;

#[async_trait]
impl ContactService for Edge {
    async fn preview_contact(
        &self,
        request: Request<v1::PreviewContactRequest>,
    ) -> Result<Response<v1::PreviewContactResponse>, Status> {
        use v1::preview_contact_request::Subject;
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let tongue = explain::tongue(&mut bad, &body.language_code);
        match &body.subject {
            None => {
                bad.missing("case_id");
                bad.check(None)
            }
            Some(Subject::Hypothetical(given)) => {
                if body.time.is_some() {
                    bad.invalid(
                        "time",
                        "goes with `case_id`; a hypothetical carries its own",
                    );
                }
                let question = hypothetical::read(&mut bad, given, self.engine.packs());
                let verdict = bad.check(question)?.ask();
                let decision = Some(gate::render(&verdict, self.engine.packs(), tongue));
                Ok(Response::new(v1::PreviewContactResponse {
                    decision,
                    ..Default::default()
                }))
            }
            Some(Subject::CaseId(id)) => {
                let id = bad.id::<CaseId>("case_id", id);
                let at = value::instant_or_none(&mut bad, "time", body.time.as_ref());
                let now = self.now();
                // Clocks differ a little.
                let is_over = |at: &jiff::Timestamp| now.duration_since(*at) > CLOCKS_DIFFER;
                if let Some(past) = at.flatten().filter(is_over) {
                    let problem = format!(
                        "{past} is over (it is {now}): ask for an instant to come, or leave it unset"
                    );
                    bad.note(ErrorReason::TimeInvalid, "time", problem);
                }
                let (id, at) = bad.check(id.zip(at))?;
                let preview = self.engine.preview(&who.tenant, id, at).await;
                let preview = preview.map_err(status::of_command)?;
                Ok(Response::new(explain::preview(
                    &preview,
                    self.engine.packs(),
                    tongue,
                )))
            }
        }
    }

    async fn approve_contact(
        &self,
        request: Request<v1::ApproveContactRequest>,
    ) -> Result<Response<v1::ApproveContactResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "ApproveContact",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.contact(&body.contact_id);
        let note = bad.short("note", &body.note, 500);
        let (id, note) = bad.check(id.zip(note))?;
        let sees_people = who.sees_people();
        let render = |v: &ContactView| v1::ApproveContactResponse {
            contact: Some(contact::render(v, sees_people)),
        };
        let encode = |v: &ContactView| render(v).encode_to_vec();
        answer(
            self.engine
                .approve_contact(&caller, id, note, &encode)
                .await,
            render,
        )
    }

    async fn cancel_contact(
        &self,
        request: Request<v1::CancelContactRequest>,
    ) -> Result<Response<v1::CancelContactResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "CancelContact",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.contact(&body.contact_id);
        let reason = bad.text("reason", &body.reason, 500);
        let (id, reason) = bad.check(id.zip(reason))?;
        let sees_people = who.sees_people();
        let render = |v: &ContactView| v1::CancelContactResponse {
            contact: Some(contact::render(v, sees_people)),
        };
        let encode = |v: &ContactView| render(v).encode_to_vec();
        answer(
            self.engine
                .cancel_contact(&caller, id, reason, &encode)
                .await,
            render,
        )
    }

    async fn get_contact(
        &self,
        request: Request<v1::GetContactRequest>,
    ) -> Result<Response<v1::GetContactResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let id = bad.contact(&body.contact_id);
        let id = bad.check(id)?;
        let view = self
            .engine
            .contact(&who.tenant, id)
            .await
            .map_err(status::of_command)?;
        Ok(Response::new(v1::GetContactResponse {
            contact: Some(contact::render(&view, who.sees_people())),
        }))
    }

    async fn list_contacts(
        &self,
        request: Request<v1::ListContactsRequest>,
    ) -> Result<Response<v1::ListContactsResponse>, Status> {
        let (who, body) = self.open(request)?;
        let asked = Asked {
            method: "ListContacts",
            filter: &body.filter,
            page_size: body.page_size,
            page_token: &body.page_token,
        };
        let list = self.listing(&who, asked, CONTACTS)?;
        let after = list
            .after
            .as_ref()
            .and_then(|id| id.parse::<ContactId>().ok());
        let (contacts, next) = self
            .scan_contacts(&who.tenant, &list.filter, after, list.size)
            .await?;
        let next_page_token = list.token(next);
        Ok(Response::new(v1::ListContactsResponse {
            contacts,
            next_page_token,
        }))
    }

    async fn request_contact(
        &self,
        request: Request<v1::RequestContactRequest>,
    ) -> Result<Response<v1::RequestContactResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "RequestContact",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let input = contact::by_hand(&mut bad, &body);
        let input = bad.check(input)?;
        let sees_people = who.sees_people();
        let render = |v: &ContactView| v1::RequestContactResponse {
            contact: Some(contact::render(v, sees_people)),
        };
        let encode = |v: &ContactView| render(v).encode_to_vec();
        answer(
            self.engine.request_contact(&caller, input, &encode).await,
            render,
        )
    }

    async fn resolve_unknown(
        &self,
        request: Request<v1::ResolveUnknownRequest>,
    ) -> Result<Response<v1::ResolveUnknownResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "ResolveUnknown",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let read = contact::resolution(&mut bad, &body);
        let (id, input) = bad.check(read)?;
        let sees_people = who.sees_people();
        let render = |v: &ContactView| v1::ResolveUnknownResponse {
            contact: Some(contact::render(v, sees_people)),
        };
        let encode = |v: &ContactView| render(v).encode_to_vec();
        let done = self
            .engine
            .resolve_unknown(&caller, id, input, &encode)
            .await;
        answer(done, render)
    }

    async fn report_outcome(
        &self,
        request: Request<v1::ReportOutcomeRequest>,
    ) -> Result<Response<v1::ReportOutcomeResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "ReportOutcome",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let report = contact::report(&mut bad, &body, &who.name, self.now());
        self.collectors_known(&mut bad, &who, &body.collector_ids)
            .await?;
        let report = bad.check(report)?;
        let sees_people = who.sees_people();
        let render = |v: &ContactView| v1::ReportOutcomeResponse {
            contact: Some(contact::render(v, sees_people)),
        };
        let encode = |v: &ContactView| render(v).encode_to_vec();
        answer(
            self.engine.report_outcome(&caller, report, &encode).await,
            render,
        )
    }
}

impl Edge {
    /// The collectors of a report are the lender's own.
    async fn collectors_known(
        &self,
        bad: &mut Bad,
        who: &Principal,
        ids: &[String],
    ) -> Result<(), Status> {
        if ids.is_empty() || bad.count() > 0 {
            return Ok(());
        }
        let known = self.engine.collectors(&who.tenant).await;
        let known = known.map_err(status::of_command)?;
        let is_known = |id: &&String| known.iter().any(|(c, _)| c.id.to_string() == **id);
        match ids.iter().find(|id| !is_known(id)) {
            None => Ok(()),
            Some(id) => Err(status::of_command(CommandError::NotFound {
                what: "collector",
                id: id.clone(),
            })),
        }
    }

    /// A page of contacts that pass a filter, and where the next one begins.
    async fn scan_contacts(
        &self,
        tenant: &recoup_domain::TenantId,
        filter: &Filter<v1::Contact>,
        mut after: Option<ContactId>,
        size: usize,
    ) -> Result<(Vec<v1::Contact>, Option<ContactId>), Status> {
        let narrow = narrowed(filter);
        let mut found = Vec::new();
        let mut scanned = 0;
        loop {
            let chunk = self
                .engine
                .contacts(tenant, &narrow, after, SCAN_CHUNK)
                .await;
            let chunk = chunk.map_err(status::of_command)?;
            scanned += chunk.rows.len();
            for (i, view) in chunk.rows.iter().enumerate() {
                after = Some(view.contact.id);
                let row = contact::render(view, false);
                if filter.holds(&row) {
                    found.push(row);
                }
                if found.len() == size {
                    let more = chunk.more || i + 1 < chunk.rows.len();
                    return Ok((found, after.filter(|_| more)));
                }
            }
            if !chunk.more || chunk.rows.is_empty() {
                return Ok((found, None));
            }
            if scanned >= SCAN_MAX {
                return Ok((found, after));
            }
        }
    }
}

/// What of a filter the store can do itself; the rest is compared here.
fn narrowed(filter: &Filter<v1::Contact>) -> ContactFilter {
    let state = |name: &str| {
        let word = v1::ContactState::from_str_name(&format!("CONTACT_STATE_{name}"));
        word.and_then(words::contact_state)
    };
    ContactFilter {
        case: filter.equals("case_id").and_then(|id| id.parse().ok()),
        party: filter.equals("party_id").and_then(|id| id.parse().ok()),
        state: filter.equals("state").and_then(state),
        class: filter.equals("channel").and_then(|name| name.parse().ok()),
    }
}
