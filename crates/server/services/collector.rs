//! CollectorService.

use prost::Message;
use recoup_engine::commands::CollectorView;
use tonic::{Request, Response, Status, async_trait};

use super::{Call, Edge, answer};
use crate::api::recoup::v1;
use crate::api::recoup::v1::ErrorReason;
use crate::api::recoup::v1::collector_service_server::CollectorService;
use crate::convert::collector;
use crate::convert::filter::{COLLECTORS, Filter};
use crate::convert::page::{self, Binding};
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
        let mut bad = Bad::new();
        let size = page::size(&mut bad, body.page_size);
        let bound = Binding {
            vault: self.engine.vault(),
            tenant: &who.tenant,
            method: "ListCollectors",
            filter: &body.filter,
        };
        let place = bound.place(&mut bad, &body.page_token);
        let filter = Filter::read(&mut bad, &body.filter, COLLECTORS);
        let (place, filter) = bad.check(place.zip(filter))?;
        let all = self.engine.collectors(&who.tenant).await;
        let all = all.map_err(status::of_command)?;
        let rows = all
            .iter()
            .map(|(c, plain)| (plain.lender_ref.clone(), collector::render(c, plain)));
        let rows = rows.filter(|(_, row)| filter.holds(row)).collect();
        let (collectors, next) = page::of_rows(rows, place.as_deref(), size);
        Ok(Response::new(v1::ListCollectorsResponse {
            collectors,
            next_page_token: next.map_or_else(String::new, |at| bound.token(&at)),
        }))
    }
}
