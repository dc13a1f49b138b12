//! CaseService: what pauses a case and what ends that.

use prost::Message;
use recoup_domain::case::{Pause, PauseReason, complaint_due};
use recoup_domain::ids::{CaseId, ContactId, ObjectionId};
use recoup_engine::commands::{HoldInput, ObjectionInput, SettlementInput};
use recoup_engine::types::CaseView;
use tonic::{Request, Response, Status};

use super::{Call, Edge, answer};
use crate::api::recoup::v1;
use crate::convert::read::Bad;
use crate::convert::{case, value};

/// How ids of disputes begin.
const DISPUTE: &str = "dispute";
/// How ids of complaints begin.
const COMPLAINT: &str = "complaint";

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

    pub(super) async fn dispute(
        &self,
        request: Request<v1::RaiseDisputeRequest>,
    ) -> Result<Response<v1::RaiseDisputeResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "RaiseDispute",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.id::<CaseId>("case_id", &body.case_id);
        let input = self.objection(&mut bad, &body.statement, body.received_time.as_ref());
        let (id, input) = bad.check(id.zip(input))?;
        let render = |v: &CaseView| v1::RaiseDisputeResponse {
            dispute_id: newest(v, PauseReason::Dispute)
                .map_or_else(String::new, |p| objection_id(v, p).text(DISPUTE)),
            case: Some(case::render(v)),
        };
        let encode = |v: &CaseView| render(v).encode_to_vec();
        let done = self
            .engine
            .raise_dispute(&caller, id, input, body.written, &encode)
            .await;
        answer(done, render)
    }

    pub(super) async fn settle_dispute(
        &self,
        request: Request<v1::ResolveDisputeRequest>,
    ) -> Result<Response<v1::ResolveDisputeResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "ResolveDispute",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.objection("dispute_id", DISPUTE, &body.dispute_id);
        let sent = body.verification_sent_time.as_ref();
        let sent = value::past(&mut bad, "verification_sent_time", sent, self.now());
        let note = bad.text("note", &body.note, 2000);
        let ((id, sent_at), note) = bad.check(id.zip(sent).zip(note))?;
        let render = |v: &CaseView| v1::ResolveDisputeResponse {
            case: Some(case::render(v)),
        };
        let encode = |v: &CaseView| render(v).encode_to_vec();
        let input = SettlementInput {
            verified: body.debt_verified,
            sent_at,
            note,
        };
        answer(
            self.engine
                .resolve_dispute(&caller, id, input, &encode)
                .await,
            render,
        )
    }

    pub(super) async fn complain(
        &self,
        request: Request<v1::FileComplaintRequest>,
    ) -> Result<Response<v1::FileComplaintResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "FileComplaint",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.id::<CaseId>("case_id", &body.case_id);
        let contact = bad.id_or_none::<ContactId>("contact_id", &body.contact_id);
        let input = self.objection(&mut bad, &body.statement, body.received_time.as_ref());
        let ((id, contact), input) = bad.check(id.zip(contact).zip(input))?;
        let render = |v: &CaseView| {
            let pause = newest(v, PauseReason::Complaint);
            let due = pause.map(|p| complaint_due(p, v.borrower.home_zone()));
            v1::FileComplaintResponse {
                complaint_id: pause
                    .map_or_else(String::new, |p| objection_id(v, p).text(COMPLAINT)),
                answer_due_time: due.map(value::to_instant),
                case: Some(case::render(v)),
            }
        };
        let encode = |v: &CaseView| render(v).encode_to_vec();
        let done = self
            .engine
            .file_complaint(&caller, id, input, contact, &encode)
            .await;
        answer(done, render)
    }

    pub(super) async fn settle_complaint(
        &self,
        request: Request<v1::ResolveComplaintRequest>,
    ) -> Result<Response<v1::ResolveComplaintResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "ResolveComplaint",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.objection("complaint_id", COMPLAINT, &body.complaint_id);
        let note = bad.text("note", &body.note, 2000);
        let (id, note) = bad.check(id.zip(note))?;
        let render = |v: &CaseView| v1::ResolveComplaintResponse {
            case: Some(case::render(v)),
        };
        let encode = |v: &CaseView| render(v).encode_to_vec();
        let done = self
            .engine
            .resolve_complaint(&caller, id, body.upheld, note, &encode)
            .await;
        answer(done, render)
    }

    fn objection(
        &self,
        bad: &mut Bad,
        statement: &str,
        received: Option<&prost_types::Timestamp>,
    ) -> Option<ObjectionInput> {
        let statement = bad.text("statement", statement, 2000);
        let received_at = value::past(bad, "received_time", received, self.now());
        Some(ObjectionInput {
            statement: statement?,
            received_at: received_at?,
        })
    }
}

/// The pause that a command has just begun.
fn newest(view: &CaseView, reason: PauseReason) -> Option<&Pause> {
    view.case.pauses.iter().rfind(|p| p.reason == reason)
}

fn objection_id(view: &CaseView, pause: &Pause) -> ObjectionId {
    ObjectionId {
        case: view.case.id,
        pause: pause.id,
    }
}
