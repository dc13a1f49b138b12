//! CollectorService.

use prost::Message;
use recoup_domain::collector::Collector;
use recoup_engine::commands::CollectorView;
use recoup_engine::types::CollectorPlain;
use tonic::{Request, Response, Status, async_trait};

use super::{Asked, Call, Edge, answer};
use crate::api::recoup::v1;
use crate::api::recoup::v1::collector_service_server::CollectorService;
use crate::convert::filter::COLLECTORS;
use crate::convert::read::Bad;
use crate::convert::{collector, party};
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
        party::mask(&mut bad, body.update_mask.as_ref(), &collector::MASK);
        let input = collector::input(&mut bad, body.collector.as_ref());
        let input = bad.check(input)?;
        let render = |v: &CollectorView| v1::UpsertCollectorResponse {
            collector: Some(collector::render(&v.collector, &v.plain)),
            created: v.created,
        };
        let encode = |v: &CollectorView| render(v).encode_to_vec();
        let paths = body.update_mask.map(|m| m.paths).unwrap_or_default();
        let over = |told, known: Option<(&Collector, &CollectorPlain)>| match known {
            Some(known) if !paths.is_empty() => collector::overlay(known, told, &paths),
            _ => told,
        };
        let done = self.engine.upsert_collector(&caller, input, &over, &encode);
        answer(done.await, render)
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
