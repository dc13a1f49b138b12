//! BorrowerService.

use prost::Message;
use recoup_domain::ContactClass;
use recoup_domain::ids::{CaseId, KeyedHash};
use recoup_engine::commands::{CeaseInput, OptOutInput};
use recoup_engine::error::CommandError;
use recoup_engine::types::{PartyInput, PartyView};
use tonic::{Request, Response, Status, async_trait};

use super::{Call, Edge, answer, ids};
use crate::api::recoup::v1;
use crate::api::recoup::v1::borrower_service_server::BorrowerService;
use crate::convert::read::Bad;
use crate::convert::{contact, party, value};
use crate::identity::Principal;
use crate::status;

#[async_trait]
impl BorrowerService for Edge {
    async fn upsert_borrower(
        &self,
        request: Request<v1::UpsertBorrowerRequest>,
    ) -> Result<Response<v1::UpsertBorrowerResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "UpsertBorrower",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        party::mask(&mut bad, body.update_mask.as_ref(), &party::WRITABLE);
        let told = match &body.party {
            Some(told) => {
                let whole = body.update_mask.as_ref().is_none_or(|m| m.paths.is_empty());
                party::input(&mut bad, "party", told, whole)
            }
            None => {
                bad.missing("party");
                None
            }
        };
        let told = bad.check(told)?;
        let etag = body.party.as_ref().map_or("", |p| &p.etag);
        let paths = body.update_mask.as_ref().map_or(&[][..], |m| &m.paths);
        // Asked by the engine with the very row that it writes over.
        let over = |told: PartyInput, stored: Option<&PartyView>| match stored {
            Some(stored) => {
                let now = self.party_etag(&who, stored);
                if !etag.is_empty() && etag != now {
                    return Err(CommandError::Stale { what: "party", now });
                }
                Ok(overlaid(told, stored, paths))
            }
            None if etag.is_empty() => Ok(told),
            None => Err(CommandError::NotFound {
                what: "party",
                id: told.lender_ref,
            }),
        };
        let render = |v: &PartyView| v1::UpsertBorrowerResponse {
            party: Some(self.party(&who, v)),
            created: v.created,
        };
        let encode = |v: &PartyView| render(v).encode_to_vec();
        answer(
            self.engine
                .upsert_borrower(&caller, told, &over, &encode)
                .await,
            render,
        )
    }

    async fn get_borrower(
        &self,
        request: Request<v1::GetBorrowerRequest>,
    ) -> Result<Response<v1::GetBorrowerResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let name = party::reference(&mut bad, "party", body.party.as_ref());
        let name = bad.check(name)?;
        let view = self
            .engine
            .borrower(&who.tenant, &name)
            .await
            .map_err(status::of_command)?;
        Ok(Response::new(v1::GetBorrowerResponse {
            party: Some(self.party(&who, &view)),
        }))
    }

    async fn record_opt_out(
        &self,
        request: Request<v1::RecordOptOutRequest>,
    ) -> Result<Response<v1::RecordOptOutResponse>, Status> {
        use v1::record_opt_out_request::Scope;
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "RecordOptOut",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let name = party::reference(&mut bad, "party", body.party.as_ref());
        let class = match &body.scope {
            Some(Scope::AllChannels(true)) => Some(None),
            Some(Scope::Channel(channel)) => contact::class(&mut bad, "channel", channel).map(Some),
            Some(Scope::AllChannels(false)) | None => {
                bad.missing("scope");
                None
            }
        };
        let point = party::point_key(&mut bad, "contact_point_id", &body.contact_point_id);
        let via = bad.name("received_via", &body.received_via);
        let received = value::past(
            &mut bad,
            "received_time",
            body.received_time.as_ref(),
            self.now(),
        );
        let read = name.zip(class).zip(point).zip(via).zip(received);
        let ((((name, class), point), via), received_at) = bad.check(read)?;
        let input = OptOutInput {
            class,
            point,
            via,
            received_at,
        };
        let render = |v: &PartyView| v1::RecordOptOutResponse {
            opt_out_id: opt_out_id(v, class, point),
            party: Some(self.party(&who, v)),
            cancelling_contact_ids: ids(&v.cancelling),
        };
        let encode = |v: &PartyView| render(v).encode_to_vec();
        answer(
            self.engine
                .record_opt_out(&caller, &name, input, &encode)
                .await,
            render,
        )
    }

    async fn record_cease(
        &self,
        request: Request<v1::RecordCeaseRequest>,
    ) -> Result<Response<v1::RecordCeaseResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "RecordCease",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let name = party::reference(&mut bad, "party", body.party.as_ref());
        let case = bad.id_or_none::<CaseId>("case_id", &body.case_id);
        let received = value::past(
            &mut bad,
            "received_time",
            body.received_time.as_ref(),
            self.now(),
        );
        let evidence = contact::paper(&mut bad, "evidence", body.evidence.as_ref());
        let read = name.zip(case).zip(received).zip(evidence);
        let (((name, case), received_at), evidence) = bad.check(read)?;
        let input = CeaseInput {
            case,
            written: body.written,
            received_at,
            evidence,
        };
        let render = |v: &PartyView| v1::RecordCeaseResponse {
            party: Some(self.party(&who, v)),
            cancelling_contact_ids: ids(&v.cancelling),
        };
        let encode = |v: &PartyView| render(v).encode_to_vec();
        answer(
            self.engine
                .record_cease(&caller, &name, input, &encode)
                .await,
            render,
        )
    }

    async fn record_consent(
        &self,
        request: Request<v1::RecordConsentRequest>,
    ) -> Result<Response<v1::RecordConsentResponse>, Status> {
        self.consent(request).await
    }

    async fn withdraw_consent(
        &self,
        request: Request<v1::WithdrawConsentRequest>,
    ) -> Result<Response<v1::WithdrawConsentResponse>, Status> {
        self.unconsent(request).await
    }

    async fn withdraw_opt_out(
        &self,
        request: Request<v1::WithdrawOptOutRequest>,
    ) -> Result<Response<v1::WithdrawOptOutResponse>, Status> {
        self.opt_in(request).await
    }

    async fn record_attorney(
        &self,
        request: Request<v1::RecordAttorneyRequest>,
    ) -> Result<Response<v1::RecordAttorneyResponse>, Status> {
        self.attorney(request).await
    }

    async fn record_circumstance(
        &self,
        request: Request<v1::RecordCircumstanceRequest>,
    ) -> Result<Response<v1::RecordCircumstanceResponse>, Status> {
        self.circumstance(request).await
    }

    async fn declare_hardship(
        &self,
        request: Request<v1::DeclareHardshipRequest>,
    ) -> Result<Response<v1::DeclareHardshipResponse>, Status> {
        self.hardship(request).await
    }
}

/// The id of an opt-out that a party has.
fn opt_out_id(view: &PartyView, class: Option<ContactClass>, point: Option<KeyedHash>) -> String {
    let mut all = view.party.opt_outs.iter();
    all.find(|o| o.class == class && o.point == point)
        .map_or_else(String::new, |o| o.id.to_string())
}

impl Edge {
    pub(super) fn party(&self, who: &Principal, view: &PartyView) -> v1::Party {
        party::render(view, self.party_etag(who, view))
    }

    fn party_etag(&self, who: &Principal, view: &PartyView) -> String {
        let text = party::etag_text(view);
        let hash = self
            .engine
            .vault()
            .fingerprint(&who.tenant, "party etag", text.as_bytes());
        hash[..8].iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// Lays the masked fields of what was told over what is there; without a mask all of it is written.
fn overlaid(told: PartyInput, stored: &PartyView, paths: &[String]) -> PartyInput {
    if paths.is_empty() {
        return told;
    }
    let mut input = party::as_input(stored);
    party::overlay(&mut input, told, paths);
    input
}
