//! AuditService.

use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};

use super::Edge;
use crate::api::recoup::v1;
use crate::api::recoup::v1::audit_service_server::AuditService;
use crate::status;

/// Groups of lines that wait for a slow reader.
const GROUPS_MAX: usize = 16;

#[async_trait]
impl AuditService for Edge {
    async fn export_ledger(
        &self,
        request: Request<v1::ExportLedgerRequest>,
    ) -> Result<Response<BoxStream<v1::ExportLedgerResponse>>, Status> {
        let (who, _) = self.open(request)?;
        let (lines, taken) = mpsc::channel::<Vec<String>>(GROUPS_MAX);
        let engine = self.engine.clone();
        let clock = if self.stepped { "stepped" } else { "live" };
        let export =
            tokio::spawn(async move { engine.export_ledger(&who.tenant, lines, clock).await });
        let groups = ReceiverStream::new(taken).map(|lines| Ok(v1::ExportLedgerResponse { lines }));
        // How it ended comes last: an export that broke off has no footer, and says why.
        let ending = futures_util::stream::once(async move {
            match export.await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(Err(status::of_command(error))),
                Err(error) => Some(Err(status::internal(&format!("the export died: {error}")))),
            }
        });
        let ending = ending.filter_map(std::future::ready);
        Ok(Response::new(Box::pin(groups.chain(ending))))
    }
}
