//! ImportCases: rows that came in together are read, decided and committed together; answers come in the order
//! of the rows.

use futures_util::{StreamExt, stream};
use prost::Message;
use recoup_domain::ids::TenantId;
use recoup_engine::commands::Imported;
use recoup_engine::error::CommandError;
use recoup_engine::types::{Caller, CaseInput, RequestKey};
use tonic::codegen::BoxStream;
use tonic::{Status, Streaming};

use super::Edge;
use crate::api::google::rpc;
use crate::api::recoup::v1::{self, ErrorReason, import_cases_response::Result as Row};
use crate::convert::read::Bad;
use crate::convert::{case, party};
use crate::identity::Principal;
use crate::status;

/// Rows that are read before others have a turn on the thread.
const READ_AT_ONCE: usize = 32;
/// Rows of a part at most: they are encoded, and answered, together.
const PART_MAX: usize = 512;
/// Parts that are under way: while one reaches the disk and one waits for it, the next one is decided.
const PARTS: usize = 3;

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
        let part = self.limits.import_rows_max.div_ceil(PARTS).min(PART_MAX);
        let parts = rows.ready_chunks(part).map(move |rows| {
            let (edge, who) = (edge.clone(), who.clone());
            async move {
                // A part goes to its end also where its caller is gone, or reads no answers.
                let part = tokio::spawn(async move { edge.import_part(&who, rows).await });
                let broken = |_| vec![Err(status::internal("a part of an import panicked"))];
                stream::iter(part.await.unwrap_or_else(broken))
            }
        });
        let answers = parts.buffered(PARTS).flatten();
        // A stream error or a store that is gone ends the import; a bad row does not.
        let mut over = false;
        Box::pin(answers.take_while(move |answer| {
            let go_on = !over;
            over = answer.is_err();
            std::future::ready(go_on)
        }))
    }

    /// Rows that came in together, and their answers in the same order.
    async fn import_part(
        &self,
        who: &Principal,
        rows: Vec<Result<v1::ImportCasesRequest, Status>>,
    ) -> Vec<Result<v1::ImportCasesResponse, Status>> {
        let _work = self.engine.activity().begin();
        let mut read = Vec::with_capacity(rows.len());
        let mut good = Vec::with_capacity(rows.len());
        for (n, row) in rows.into_iter().enumerate() {
            if n > 0 && n.is_multiple_of(READ_AT_ONCE) {
                tokio::task::yield_now().await;
            }
            read.push(match row {
                Ok(row) => {
                    let number = row.row_number;
                    let row = self.read_row(who, row).map(|row| good.push(row));
                    Ok((number, row))
                }
                Err(status) => Err(status::of_transport(&status).unwrap_or(status)),
            });
        }
        let mut done = self.engine.import_cases(&good).await.into_iter();
        let answer = |read: Result<(i64, Result<(), Status>), Status>| {
            let (number, row) = read?;
            let imported = match row {
                Ok(()) => done.next().unwrap_or(Err(CommandError::Contended)),
                Err(refused) => return self.answer_row(number, Err(refused)),
            };
            self.answer_row(number, imported.map_err(status::of_command))
        };
        read.into_iter().map(answer).collect()
    }

    /// A row's answer. A bad one is answered with its status.
    fn answer_row(
        &self,
        row_number: i64,
        imported: Result<Imported, Status>,
    ) -> Result<v1::ImportCasesResponse, Status> {
        let (result, already_open) = match imported {
            Ok(row) => (Row::CaseId(row.case.to_string()), row.already_open),
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

    /// A row as the engine takes it.
    fn read_row(
        &self,
        who: &Principal,
        row: v1::ImportCasesRequest,
    ) -> Result<(Caller, CaseInput), Status> {
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
        Ok((caller, bad.check(input)?))
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
