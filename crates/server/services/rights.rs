//! BorrowerService: rights and circumstances of a person.

use prost::Message;
use recoup_domain::ids::{CaseId, ConsentId, OptOutId};
use recoup_domain::party::ConsentKind;
use recoup_engine::commands::{Circumstance, ConsentInput, HardshipInput};
use recoup_engine::types::PartyView;
use tonic::{Request, Response, Status};

use super::{Call, Edge, answer};
use crate::api::recoup::v1::{self, ErrorReason};
use crate::convert::read::Bad;
use crate::convert::{contact, hypothetical, party, value, words};

impl Edge {
    pub(super) async fn consent(
        &self,
        request: Request<v1::RecordConsentRequest>,
    ) -> Result<Response<v1::RecordConsentResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "RecordConsent",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let name = party::reference(&mut bad, "party", body.party.as_ref());
        let kind = bad.word::<v1::ConsentKind>("kind", body.kind);
        let case = bad.id_or_none::<CaseId>("case_id", &body.case_id);
        let point = party::point_key(&mut bad, "contact_point_id", &body.contact_point_id);
        let received = body.received_time.as_ref();
        let received = value::past(&mut bad, "received_time", received, self.now());
        let expires = value::instant_or_none(&mut bad, "expire_time", body.expire_time.as_ref());
        let evidence = contact::paper(&mut bad, "evidence", body.evidence.as_ref());
        let source = bad.name("source", &body.source);
        let kind = kind.and_then(words::consent_kind);
        if kind.is_some_and(ConsentKind::needs_paper) && body.evidence.is_none() {
            let problem =
                "is required: what widens hours or places of contact is taken with its paper";
            bad.note(ErrorReason::FieldRequired, "evidence", problem);
        }
        let read = name
            .zip(kind)
            .zip(case)
            .zip(point)
            .zip(received.zip(expires));
        let (((((name, kind), case), point), (received_at, expires_at)), (source, evidence)) =
            bad.check(read.zip(source.zip(evidence)))?;
        let input = ConsentInput {
            kind,
            case,
            point,
            received_at,
            expires_at,
            source,
            evidence,
        };
        let render = |v: &PartyView| v1::RecordConsentResponse {
            consent_id: v
                .party
                .consent_ids
                .last()
                .map_or_else(String::new, ToString::to_string),
        };
        let encode = |v: &PartyView| render(v).encode_to_vec();
        let done = self
            .engine
            .record_consent(&caller, &name, input, &encode)
            .await;
        answer(done, render)
    }

    pub(super) async fn unconsent(
        &self,
        request: Request<v1::WithdrawConsentRequest>,
    ) -> Result<Response<v1::WithdrawConsentResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "WithdrawConsent",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.id::<ConsentId>("consent_id", &body.consent_id);
        let received = body.received_time.as_ref();
        let received = value::past(&mut bad, "received_time", received, self.now());
        let (id, received_at) = bad.check(id.zip(received))?;
        let render = |v: &PartyView| v1::WithdrawConsentResponse {
            party: Some(self.party(&who, v)),
        };
        let encode = |v: &PartyView| render(v).encode_to_vec();
        let done = self
            .engine
            .withdraw_consent(&caller, id, received_at, &encode)
            .await;
        answer(done, render)
    }

    pub(super) async fn opt_in(
        &self,
        request: Request<v1::WithdrawOptOutRequest>,
    ) -> Result<Response<v1::WithdrawOptOutResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "WithdrawOptOut",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.id::<OptOutId>("opt_out_id", &body.opt_out_id);
        if body.evidence.is_none() {
            bad.missing("evidence");
        }
        let evidence = contact::paper(&mut bad, "evidence", body.evidence.as_ref()).flatten();
        let (id, evidence) = bad.check(id.zip(evidence))?;
        let render = |v: &PartyView| v1::WithdrawOptOutResponse {
            party: Some(self.party(&who, v)),
        };
        let encode = |v: &PartyView| render(v).encode_to_vec();
        let done = self
            .engine
            .withdraw_opt_out(&caller, id, evidence, &encode)
            .await;
        answer(done, render)
    }

    pub(super) async fn attorney(
        &self,
        request: Request<v1::RecordAttorneyRequest>,
    ) -> Result<Response<v1::RecordAttorneyResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "RecordAttorney",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let name = party::reference(&mut bad, "party", body.party.as_ref());
        let attorney = match &body.attorney {
            Some(attorney) => party::reference(&mut bad, "attorney", Some(attorney)).map(Some),
            None => Some(None),
        };
        let received = body.received_time.as_ref();
        let received = value::past(&mut bad, "received_time", received, self.now());
        let ((name, attorney), at) = bad.check(name.zip(attorney).zip(received))?;
        let render = |v: &PartyView| v1::RecordAttorneyResponse {
            party: Some(self.party(&who, v)),
        };
        let encode = |v: &PartyView| render(v).encode_to_vec();
        let done = self
            .engine
            .record_attorney(&caller, &name, attorney, body.represents, at, &encode)
            .await;
        answer(done, render)
    }

    pub(super) async fn circumstance(
        &self,
        request: Request<v1::RecordCircumstanceRequest>,
    ) -> Result<Response<v1::RecordCircumstanceResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "RecordCircumstance",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let name = party::reference(&mut bad, "party", body.party.as_ref());
        let told = circumstance(&mut bad, body.circumstance.as_ref());
        let received = body.received_time.as_ref();
        let received = value::past(&mut bad, "received_time", received, self.now());
        let ((name, told), at) = bad.check(name.zip(told).zip(received))?;
        let render = |v: &PartyView| v1::RecordCircumstanceResponse {
            party: Some(self.party(&who, v)),
        };
        let encode = |v: &PartyView| render(v).encode_to_vec();
        let done = self
            .engine
            .record_circumstance(&caller, &name, told, at, &encode)
            .await;
        answer(done, render)
    }

    pub(super) async fn hardship(
        &self,
        request: Request<v1::DeclareHardshipRequest>,
    ) -> Result<Response<v1::DeclareHardshipResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "DeclareHardship",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let name = party::reference(&mut bad, "party", body.party.as_ref());
        let until = value::instant_or_none(&mut bad, "until", body.until.as_ref());
        let kind = bad.text("kind", &body.kind, 64);
        let ((name, until), kind) = bad.check(name.zip(until).zip(kind))?;
        let render = |v: &PartyView| v1::DeclareHardshipResponse {
            party: Some(self.party(&who, v)),
            case_ids: v.paused.iter().map(ToString::to_string).collect(),
        };
        let encode = |v: &PartyView| render(v).encode_to_vec();
        let input = HardshipInput { until, kind };
        let done = self
            .engine
            .declare_hardship(&caller, &name, input, &encode)
            .await;
        answer(done, render)
    }
}

fn circumstance(
    bad: &mut Bad,
    given: Option<&v1::record_circumstance_request::Circumstance>,
) -> Option<Circumstance> {
    use v1::record_circumstance_request::Circumstance as Given;
    match given {
        None => {
            bad.missing("circumstance");
            None
        }
        Some(Given::InconvenientTime(time)) => {
            let span = hypothetical::inconvenient_time(bad, "inconvenient_time", time)?;
            if span.to.is_some_and(|to| to <= span.from) {
                let problem = "`end` must be after `start`; a night is two times, one up to 24:00";
                bad.invalid("inconvenient_time", problem);
            }
            Some(Circumstance::Time(span))
        }
        Some(Given::InconvenientContactPointId(id)) => {
            let field = "inconvenient_contact_point_id";
            let point = party::point_key(bad, field, id);
            if point == Some(None) {
                bad.missing(field);
            }
            point.flatten().map(Circumstance::Place)
        }
        Some(Given::EmployerBan(stands)) => Some(Circumstance::EmployerBan(*stands)),
        Some(Given::MoratoriumLastDate(day)) => {
            value::date(bad, "moratorium_last_date", day).map(Circumstance::Moratorium)
        }
        Some(Given::Deceased(died)) => Some(Circumstance::Deceased(*died)),
    }
}
