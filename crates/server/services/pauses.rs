//! CaseService: what pauses a case and what ends that.

use prost::Message;
use recoup_domain::ids::CaseId;
use recoup_engine::commands::HoldInput;
use recoup_engine::types::CaseView;
use tonic::{Request, Response, Status};

use super::{Call, Edge, answer};
use crate::api::recoup::v1;
use crate::convert::read::Bad;
use crate::convert::{case, value};

impl Edge {
    pub(super) async fn hold(
        &self,
        request: Request<v1::HoldCaseRequest>,
    ) -> Result<Response<v1::HoldCaseResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "HoldCase",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.id::<CaseId>("case_id", &body.case_id);
        let reason = bad.text("reason", &body.reason, 500);
        let until = value::instant_or_none(&mut bad, "until", body.until.as_ref());
        let ((id, reason), until) = bad.check(id.zip(reason).zip(until))?;
        let render = |v: &CaseView| v1::HoldCaseResponse {
            case: Some(case::render(v)),
        };
        let encode = |v: &CaseView| render(v).encode_to_vec();
        let input = HoldInput { reason, until };
        answer(
            self.engine.hold_case(&caller, id, input, &encode).await,
            render,
        )
    }

    pub(super) async fn release(
        &self,
        request: Request<v1::ReleaseHoldRequest>,
    ) -> Result<Response<v1::ReleaseHoldResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "ReleaseHold",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.id::<CaseId>("case_id", &body.case_id);
        let note = bad.short("note", &body.note, 500);
        let (id, note) = bad.check(id.zip(note))?;
        let render = |v: &CaseView| v1::ReleaseHoldResponse {
            case: Some(case::render(v)),
        };
        let encode = |v: &CaseView| render(v).encode_to_vec();
        answer(
            self.engine.release_hold(&caller, id, note, &encode).await,
            render,
        )
    }
}
