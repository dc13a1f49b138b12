//! ArrangementService.

use prost::Message;
use recoup_domain::ids::{CaseId, ContactId};
use recoup_engine::commands::{PromiseInput, PromiseView};
use tonic::{Request, Response, Status, async_trait};

use super::{Call, Edge, answer, ids};
use crate::api::recoup::v1;
use crate::api::recoup::v1::arrangement_service_server::ArrangementService;
use crate::convert::read::Bad;
use crate::convert::{case, value};
use crate::status;

#[async_trait]
impl ArrangementService for Edge {
    async fn record_promise(
        &self,
        request: Request<v1::RecordPromiseRequest>,
    ) -> Result<Response<v1::RecordPromiseResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "RecordPromise",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.id::<CaseId>("case_id", &body.case_id);
        let input = promise(&mut bad, &body);
        let (id, input) = bad.check(id.zip(input))?;
        let contact = body.contact_id.clone();
        let render = move |v: &PromiseView| v1::RecordPromiseResponse {
            promise: Some(case::render_promise(
                &v.case.case,
                &v.pause,
                contact.clone(),
            )),
            cancelling_contact_ids: ids(&v.case.cancelling),
            replaced_promise_id: v.replaced.map_or_else(String::new, |p| p.to_string()),
        };
        let encode = |v: &PromiseView| render(v).encode_to_vec();
        let done = self
            .engine
            .record_promise(&caller, id, input, &encode)
            .await;
        let done = done.map_err(|e| status::of_command_at(e, "amount.currency_code"))?;
        answer(Ok(done), &render)
    }
}

fn promise(bad: &mut Bad, body: &v1::RecordPromiseRequest) -> Option<PromiseInput> {
    let amount = value::positive(bad, "amount", body.amount.as_ref());
    let due = match &body.due_date {
        Some(day) => value::date(bad, "due_date", day),
        None => {
            bad.missing("due_date");
            None
        }
    };
    let contact = bad.id_or_none::<ContactId>("contact_id", &body.contact_id);
    let note = bad.short("note", &body.note, 2000);
    Some(PromiseInput {
        amount: amount?,
        due: due?,
        contact: contact?,
        note: note?,
    })
}
