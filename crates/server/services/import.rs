//! ImportCases: several rows are under way at once, so that the store commits them together; answers
//! come in the order of the rows.

use futures_util::{StreamExt, stream};
use prost::Message;
use recoup_domain::ids::TenantId;
use recoup_engine::types::{Caller, RequestKey};
use tonic::codegen::BoxStream;
use tonic::{Status, Streaming};

use super::Edge;
use crate::api::google::rpc;
use crate::api::recoup::v1::{self, ErrorReason, import_cases_response::Result as Row};
use crate::convert::read::Bad;
use crate::convert::{case, party};
use crate::identity::Principal;
use crate::status;

impl Edge {
    pub(super) fn import(
        &self,
        who: Principal,
        rows: Streaming<v1::ImportCasesRequest>,
    ) -> BoxStream<v1::ImportCasesResponse> {
        let edge = self.clone();
        // A server that stops takes no more rows, and says so behind the answers to those it took.
        let stopping = self.stopping.clone();
        let end = async move { stopping.is_cancelled().then(|| Err(status::not_serving())) };
        let rows = rows
            .take_until(self.stopping.clone().cancelled_owned())
            .chain(stream::once(end).filter_map(std::future::ready));
        let rows = rows.map(move |row| {
            let (edge, who) = (edge.clone(), who.clone());
            async move {
                match row {
                    Ok(row) => {
                        let _work = edge.engine.activity().begin();
                        edge.import_row(&who, row).await
                    }
                    Err(status) => Err(status::of_transport(&status).unwrap_or(status)),
                }
            }
        });
        let answers = rows.buffered(self.limits.import_rows_max);
        // A stream error or a store that is gone ends the import; a bad row does not.
        let mut over = false;
        Box::pin(answers.take_while(move |answer| {
            let go_on = !over;
            over = answer.is_err();
            std::future::ready(go_on)
        }))
    }

    /// One row. A bad one is answered with its status.
    async fn import_row(
        &self,
        who: &Principal,
        row: v1::ImportCasesRequest,
    ) -> Result<v1::ImportCasesResponse, Status> {
        let row_number = row.row_number;
        let (result, already_open) = match self.open_row(who, row).await {
            Ok((case_id, already_open)) => (Row::CaseId(case_id), already_open),
            Err(status) if ends_import(&status) => {
                self.meters.import_rows.add("failed");
                return Err(status);
            }
            Err(status) => (Row::Error(to_rpc(&status)), false),
        };
        self.meters.import_rows.add(match &result {
            Row::CaseId(_) if already_open => "already_open",
            Row::CaseId(_) => "opened",
            Row::Error(_) => "refused",
        });
        Ok(v1::ImportCasesResponse {
            row_number,
            result: Some(result),
            already_open,
        })
    }

    async fn open_row(
        &self,
        who: &Principal,
        row: v1::ImportCasesRequest,
    ) -> Result<(String, bool), Status> {
        let mut bad = Bad::new();
        let caller = self.row_caller(&mut bad, &who.tenant, &who.name, &row);
        let borrower = match &row.borrower {
            Some(told) => party::told(&mut bad, "borrower", told, true),
            None => {
                bad.missing("borrower");
                None
            }
        };
        let input = case::input(&mut bad, "borrower", borrower, row.case.as_ref());
        let input = bad.check(input)?;
        let done = self
            .engine
            .import_case(&caller, input)
            .await
            .map_err(status::of_command)?;
        Ok((done.case.to_string(), done.already_open))
    }

    /// A row is remembered under (request_id, row_number).
    fn row_caller(
        &self,
        bad: &mut Bad,
        tenant: &TenantId,
        principal: &str,
        row: &v1::ImportCasesRequest,
    ) -> Caller {
        let id = bad.request_id(&row.request_id);
        if row.row_number < 1 {
            bad.note(ErrorReason::RowInvalid, "row_number", "counts from 1");
        }
        let body = row.encode_to_vec();
        let fingerprint = self
            .engine
            .vault()
            .fingerprint(tenant, "ImportCases", &body);
        let id = id.map(|id| format!("{id}#{}", row.row_number));
        Caller {
            tenant: tenant.clone(),
            principal: principal.to_owned(),
            request: id.map(|id| RequestKey { id, fingerprint }),
        }
    }
}

/// Whether a row's error means that no other row can be taken either.
fn ends_import(status: &Status) -> bool {
    matches!(
        status.code(),
        tonic::Code::Unavailable | tonic::Code::Internal
    )
}

/// A status as a message, with its details.
fn to_rpc(status: &Status) -> rpc::Status {
    rpc::Status::decode(status.details()).unwrap_or_else(|_| rpc::Status {
        code: i32::from(status.code()),
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}
