//! The stream of rows to the server and of its answers back, with a bound on what is under way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use tonic_types::StatusExt;

use crate::api::google::rpc;
use crate::api::recoup::v1::case_service_client::CaseServiceClient;
use crate::api::recoup::v1::import_cases_response::Result as RowResult;
use crate::api::recoup::v1::{ImportCasesRequest, ImportCasesResponse};

use super::source::Raw;

/// Rows sent and not answered yet, at most.
pub(super) const UNDER_WAY_MAX: usize = 1024;

/// What became of a row at the server.
#[derive(Debug)]
pub(super) enum Answer {
    /// A case was opened.
    Opened,
    /// The case was open before.
    AlreadyOpen,
    /// Nothing was written: why, the number of the row, its line, and the row as it stands.
    Refused {
        /// Number of the row.
        number: i64,
        /// Line of the file.
        line: u64,
        /// What the server said.
        reason: String,
        /// The row.
        raw: Raw,
    },
}

/// A row under way.
struct UnderWay {
    line: u64,
    raw: Raw,
    _permit: OwnedSemaphorePermit,
}

/// The rows under way by number.
type Pending = Arc<Mutex<HashMap<i64, UnderWay>>>;

/// The sending half.
pub(super) struct Sender {
    rows: mpsc::Sender<ImportCasesRequest>,
    room: Arc<Semaphore>,
    pending: Pending,
}

/// The half the answers come from.
pub(super) struct Answers {
    stream: Streaming<ImportCasesResponse>,
    pending: Pending,
    room: Arc<Semaphore>,
}

impl Drop for Answers {
    /// Nobody frees room any more, so nobody shall wait for it.
    fn drop(&mut self) {
        self.room.close();
    }
}

/// Begins an import.
///
/// # Errors
/// What the server answers to the call as a whole.
pub(super) async fn begin(
    mut client: CaseServiceClient<Channel>,
    token: &str,
) -> Result<(Sender, Answers), Box<Status>> {
    let (rows, stream) = mpsc::channel(64);
    let mut request = Request::new(ReceiverStream::new(stream));
    authorize(&mut request, token)?;
    let response = client.import_cases(request).await.map_err(Box::new)?;
    let pending = Pending::default();
    let room = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let sender = Sender {
        rows,
        room: Arc::clone(&room),
        pending: Arc::clone(&pending),
    };
    let answers = Answers {
        stream: response.into_inner(),
        pending,
        room,
    };
    Ok((sender, answers))
}

/// Puts the caller's token into a request; an empty one is left out.
///
/// # Errors
/// Where the token has letters that no header may have.
pub(super) fn authorize<T>(request: &mut Request<T>, token: &str) -> Result<(), Box<Status>> {
    if token.is_empty() {
        return Ok(());
    }
    let value = format!("Bearer {token}").parse().map_err(|_| {
        Box::new(Status::invalid_argument(
            "the token has letters that no header may have",
        ))
    })?;
    request.metadata_mut().insert("authorization", value);
    Ok(())
}

impl Sender {
    /// Sends a row, waiting for room. False where the server takes no more; the answers say why.
    pub(super) async fn send(&self, request: ImportCasesRequest, line: u64, raw: Raw) -> bool {
        let Ok(permit) = Arc::clone(&self.room).acquire_owned().await else {
            return false;
        };
        let row = UnderWay {
            line,
            raw,
            _permit: permit,
        };
        lock(&self.pending).insert(request.row_number, row);
        self.rows.send(request).await.is_ok()
    }
}

impl Answers {
    /// The next answer; none once the server answered every row.
    ///
    /// # Errors
    /// Where the stream broke.
    pub(super) async fn next(&mut self) -> Result<Option<Answer>, Box<Status>> {
        loop {
            let Some(answer) = self.stream.message().await.map_err(Box::new)? else {
                return match lock(&self.pending).len() {
                    0 => Ok(None),
                    left => Err(Box::new(Status::new(
                        Code::DataLoss,
                        format!("the stream ended before {left} rows were answered"),
                    ))),
                };
            };
            let Some(row) = lock(&self.pending).remove(&answer.row_number) else {
                continue; // an answer to what was not asked says nothing
            };
            return Ok(Some(match answer.result {
                Some(RowResult::CaseId(_)) if answer.already_open => Answer::AlreadyOpen,
                Some(RowResult::CaseId(_)) => Answer::Opened,
                result => Answer::Refused {
                    number: answer.row_number,
                    line: row.line,
                    reason: reason(result),
                    raw: row.raw,
                },
            }));
        }
    }
}

fn lock(pending: &Pending) -> std::sync::MutexGuard<'_, HashMap<i64, UnderWay>> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

fn reason(result: Option<RowResult>) -> String {
    match result {
        Some(RowResult::Error(status)) => words(&status),
        _ => "the server answered without a result".to_owned(),
    }
}

/// A row's status with the fields it names.
fn words(status: &rpc::Status) -> String {
    let details: bytes::Bytes = prost::Message::encode_to_vec(status).into();
    let full = Status::with_details(Code::from_i32(status.code), &status.message, details);
    let fields: Vec<String> = full
        .get_error_details()
        .bad_request()
        .map(|bad| {
            let named = |v: &tonic_types::FieldViolation| format!("{}: {}", v.field, v.description);
            bad.field_violations.iter().map(named).collect()
        })
        .unwrap_or_default();
    let said = if status.message.is_empty() {
        full.code().description().to_owned()
    } else {
        status.message.clone()
    };
    match fields.is_empty() {
        true => said,
        false => format!("{said} ({})", fields.join("; ")),
    }
}
