//! CollectorService.

use prost::Message;
use recoup_engine::commands::CollectorView;
use tonic::{Request, Response, Status, async_trait};

use super::{Call, Edge, answer};
use crate::api::recoup::v1;
use crate::api::recoup::v1::ErrorReason;
use crate::api::recoup::v1::collector_service_server::CollectorService;
use crate::convert::collector;
use crate::convert::read::Bad;

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
}
