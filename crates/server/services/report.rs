//! ReportService.

use recoup_engine::commands::WorkItem;
use tonic::{Request, Response, Status, async_trait};

use super::{Asked, Edge};
use crate::api::recoup::v1;
use crate::api::recoup::v1::report_service_server::ReportService;
use crate::convert::filter::WORKLIST;
use crate::convert::{value, words};
use crate::status;

#[async_trait]
impl ReportService for Edge {
    async fn get_worklist(
        &self,
        request: Request<v1::GetWorklistRequest>,
    ) -> Result<Response<v1::GetWorklistResponse>, Status> {
        let (who, body) = self.open(request)?;
        let asked = Asked {
            method: "GetWorklist",
            filter: &body.filter,
            page_size: body.page_size,
            page_token: &body.page_token,
        };
        let list = self.listing(&who, asked, WORKLIST)?;
        let all = self.engine.worklist(&who.tenant).await;
        let all = all.map_err(status::of_command)?;
        let rows = all.iter().map(|item| {
            let row = render(item);
            // The oldest first; instants of our days have as many digits.
            let key = format!("{:020} {}", item.since.as_microsecond(), row.item_id);
            (key, row)
        });
        let mut rows: Vec<_> = rows.filter(|(_, row)| list.filter.holds(row)).collect();
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        let (items, next_page_token) = list.page(rows);
        Ok(Response::new(v1::GetWorklistResponse {
            items,
            next_page_token,
        }))
    }
}

fn render(item: &WorkItem) -> v1::WorklistItem {
    let case_id = item.case.to_string();
    let contact_id = item.contact.map_or_else(String::new, |c| c.to_string());
    let subject = match item.contact {
        Some(_) => contact_id.trim_start_matches("contact_"),
        None => case_id.trim_start_matches("case_"),
    };
    v1::WorklistItem {
        item_id: format!("work_{}-{subject}", item.reason),
        reason: item.reason.to_owned(),
        text: item.text.clone(),
        review: words::to_review_reason(item.review.as_ref()).into(),
        since: Some(value::to_instant(item.since)),
        due_time: item.due.map(value::to_instant),
        case_id,
        contact_id,
    }
}
