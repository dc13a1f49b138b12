//! CollectorService.

use prost::Message;
use recoup_engine::commands::CollectorView;
use tonic::{Request, Response, Status, async_trait};

use super::{Asked, Call, Edge, answer};
use crate::api::recoup::v1;
use crate::api::recoup::v1::ErrorReason;
use crate::api::recoup::v1::collector_service_server::CollectorService;
use crate::convert::collector;
use crate::convert::filter::COLLECTORS;
use crate::convert::read::Bad;
use crate::status;

#[async_trait]
impl CollectorService for Edge {
    async fn upsert_collector(
        &self,
        request: Request<v1::UpsertCollectorRequest>,
    ) -> Result<Response<v1::UpsertCollectorResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "UpsertCollector",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        if body
            .update_mask
            .as_ref()
            .is_some_and(|m| !m.paths.is_empty())
        {
            let problem = "a collector is written whole; leave the mask out";
            bad.note(ErrorReason::FieldMaskInvalid, "update_mask", problem);
        }
        let input = collector::input(&mut bad, body.collector.as_ref());
        let input = bad.check(input)?;
        let render = |v: &CollectorView| v1::UpsertCollectorResponse {
            collector: Some(collector::render(&v.collector, &v.plain)),
            created: v.created,
        };
        let encode = |v: &CollectorView| render(v).encode_to_vec();
        answer(
            self.engine.upsert_collector(&caller, input, &encode).await,
            render,
        )
    }

    async fn list_collectors(
        &self,
        request: Request<v1::ListCollectorsRequest>,
    ) -> Result<Response<v1::ListCollectorsResponse>, Status> {
        let (who, body) = self.open(request)?;
        let asked = Asked {
            method: "ListCollectors",
            filter: &body.filter,
            page_size: body.page_size,
            page_token: &body.page_token,
        };
        let list = self.listing(&who, asked, COLLECTORS)?;
        let all = self.engine.collectors(&who.tenant).await;
        let all = all.map_err(status::of_command)?;
        let rows = all
            .iter()
            .map(|(c, plain)| (plain.lender_ref.clone(), collector::render(c, plain)));
        let rows = rows.filter(|(_, row)| list.filter.holds(row)).collect();
        let (collectors, next_page_token) = list.page(rows);
        Ok(Response::new(v1::ListCollectorsResponse {
            collectors,
            next_page_token,
        }))
    }
}
