//! ComplianceService.

use tonic::{Request, Response, Status, async_trait};

use super::{Asked, Edge};
use crate::api::recoup::v1;
use crate::api::recoup::v1::compliance_service_server::ComplianceService;
use crate::convert::law;

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
}
