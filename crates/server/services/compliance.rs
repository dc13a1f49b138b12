//! ComplianceService.

use prost::Message;
use recoup_domain::ids::OverrideId;
use recoup_engine::commands::OverrideView;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};

use super::{Asked, Call, Edge, answer};
use crate::api::recoup::v1;
use crate::api::recoup::v1::compliance_service_server::ComplianceService;
use crate::convert::read::Bad;
use crate::convert::{comparison, law};
use crate::status;

#[async_trait]
impl ComplianceService for Edge {
    async fn list_packs(
        &self,
        request: Request<v1::ListPacksRequest>,
    ) -> Result<Response<v1::ListPacksResponse>, Status> {
        let (who, body) = self.open(request)?;
        let asked = Asked {
            method: "ListPacks",
            filter: "",
            page_size: body.page_size,
            page_token: &body.page_token,
        };
        let list = self.listing::<v1::Pack>(&who, asked, &[])?;
        let all = self.engine.packs();
        let rows = all.packs().iter();
        let rows = rows.map(|p| (p.id().to_owned(), law::pack(all, p)));
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        let (packs, next_page_token) = list.page(rows);
        Ok(Response::new(v1::ListPacksResponse {
            packs,
            next_page_token,
        }))
    }

    async fn preview_packs(
        &self,
        request: Request<v1::PreviewPacksRequest>,
    ) -> Result<Response<BoxStream<v1::PreviewPacksResponse>>, Status> {
        let (who, body) = self.open(request)?;
        let place = self.place_to_compare(&who.tenant).await?;
        let engine = self.engine.clone();
        // Files may be megabytes: calls on this thread do not wait for their reading.
        let reading = tokio::task::spawn_blocking(move || {
            let mut bad = Bad::new();
            let proposed = comparison::proposed(&mut bad, &body, engine.packs());
            bad.check(proposed)
        });
        let proposed = reading.await;
        let proposed = proposed.map_err(|_| status::internal("reading packs panicked"))??;
        Ok(Response::new(self.compare(who, proposed, place)))
    }

    async fn propose_override(
        &self,
        request: Request<v1::ProposeOverrideRequest>,
    ) -> Result<Response<v1::ProposeOverrideResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "ProposeOverride",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let input = law::proposed(&mut bad, &body, self.engine.packs());
        let input = bad.check(input)?;
        let sees_people = who.sees_people();
        let render = |v: &OverrideView| v1::ProposeOverrideResponse {
            r#override: Some(law::render_override(v, sees_people)),
        };
        let encode = |v: &OverrideView| render(v).encode_to_vec();
        let done = self.engine.propose_override(&caller, input, &encode);
        answer(done.await, render)
    }

    async fn approve_override(
        &self,
        request: Request<v1::ApproveOverrideRequest>,
    ) -> Result<Response<v1::ApproveOverrideResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "ApproveOverride",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.id::<OverrideId>("override_id", &body.override_id);
        let note = bad.short("note", &body.note, 500);
        let (id, note) = bad.check(id.zip(note))?;
        let sees_people = who.sees_people();
        let render = |v: &OverrideView| v1::ApproveOverrideResponse {
            r#override: Some(law::render_override(v, sees_people)),
        };
        let encode = |v: &OverrideView| render(v).encode_to_vec();
        let done = self.engine.approve_override(&caller, id, note, &encode);
        answer(done.await, render)
    }

    async fn revoke_override(
        &self,
        request: Request<v1::RevokeOverrideRequest>,
    ) -> Result<Response<v1::RevokeOverrideResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "RevokeOverride",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.id::<OverrideId>("override_id", &body.override_id);
        let reason = bad.text("reason", &body.reason, 500);
        let (id, reason) = bad.check(id.zip(reason))?;
        let sees_people = who.sees_people();
        let render = |v: &OverrideView| v1::RevokeOverrideResponse {
            r#override: Some(law::render_override(v, sees_people)),
        };
        let encode = |v: &OverrideView| render(v).encode_to_vec();
        let done = self.engine.revoke_override(&caller, id, reason, &encode);
        answer(done.await, render)
    }

    async fn list_overrides(
        &self,
        request: Request<v1::ListOverridesRequest>,
    ) -> Result<Response<v1::ListOverridesResponse>, Status> {
        let (who, body) = self.open(request)?;
        let asked = Asked {
            method: "ListOverrides",
            filter: "",
            page_size: body.page_size,
            page_token: &body.page_token,
        };
        let list = self.listing::<v1::Override>(&who, asked, &[])?;
        let all = self.engine.overrides(&who.tenant).await;
        let all = all.map_err(status::of_command)?;
        let sees_people = who.sees_people();
        // Ids are in the order of their making.
        let row = |v: &OverrideView| (v.row.id.to_string(), law::render_override(v, sees_people));
        let (overrides, next_page_token) = list.page(all.iter().map(row).collect());
        Ok(Response::new(v1::ListOverridesResponse {
            overrides,
            next_page_token,
        }))
    }
}
