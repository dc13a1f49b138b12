//! A client of CaseService, and the requests it sends.

use std::net::SocketAddr;

use jiff::Timestamp;
use recoup::api::google::r#type as google;
use recoup::api::recoup::v1;
use recoup::api::recoup::v1::case_service_client::CaseServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{IntoRequest, Request, Status};

use super::Failure;

/// Calls at once on one connection: half of what the server takes there, so that none is refused.
pub(crate) const CALLS_A_CONNECTION: usize = 32;

/// A client with its own connection.
#[derive(Clone)]
pub(crate) struct Client {
    stub: CaseServiceClient<Channel>,
    token: MetadataValue<Ascii>,
}

impl Client {
    /// As ana of the development mode, in plain text.
    pub(crate) async fn plain(to: SocketAddr) -> Result<Self, Failure> {
        let endpoint = Endpoint::from_shared(format!("http://{to}"))
            .map_err(Failure::other)?
            .tcp_nodelay(true);
        let channel = endpoint.connect().await.map_err(Failure::other)?;
        Self::over(channel, "dev-ana")
    }

    /// As whoever a key names, over a connection.
    pub(crate) fn over(channel: Channel, key: &str) -> Result<Self, Failure> {
        Ok(Self {
            stub: CaseServiceClient::new(channel),
            token: format!("Bearer {key}").parse().map_err(Failure::other)?,
        })
    }

    fn ask<T>(&self, message: impl IntoRequest<T>) -> Request<T> {
        let mut request = message.into_request();
        request
            .metadata_mut()
            .insert("authorization", self.token.clone());
        request
    }

    pub(crate) async fn open(&mut self, request: v1::OpenCaseRequest) -> Result<v1::Case, Failure> {
        let answer = self.try_open(request).await?;
        answer
            .case
            .ok_or_else(|| Failure::Wrong("no case in the answer".to_owned()))
    }

    /// Opens a case, or says with which status it was refused.
    pub(crate) async fn try_open(
        &mut self,
        request: v1::OpenCaseRequest,
    ) -> Result<v1::OpenCaseResponse, Status> {
        let request = self.ask(request);
        Ok(self.stub.open_case(request).await?.into_inner())
    }

    pub(crate) async fn get(&mut self, case_id: String) -> Result<v1::GetCaseResponse, Failure> {
        let request = self.ask(v1::GetCaseRequest {
            r#ref: Some(v1::get_case_request::Ref::CaseId(case_id)),
        });
        Ok(self.stub.get_case(request).await?.into_inner())
    }

    /// Imports rows; answers how many cases are open then.
    pub(crate) async fn import(
        &mut self,
        rows: Vec<v1::ImportCasesRequest>,
    ) -> Result<usize, Failure> {
        let request = self.ask(tokio_stream::iter(rows));
        let mut answers = self.stub.import_cases(request).await?.into_inner();
        let mut opened = 0;
        while let Some(answer) = answers.message().await? {
            match answer.result {
                Some(v1::import_cases_response::Result::CaseId(_)) if !answer.already_open => {
                    opened += 1
                }
                other => {
                    return Err(Failure::Wrong(format!(
                        "row {}: {other:?}",
                        answer.row_number
                    )));
                }
            }
        }
        Ok(opened)
    }
}

/// Case `n`, as a request. It falls due in twenty days, so nothing is sent while cases are opened.
pub(crate) fn opening(n: usize, now: Timestamp) -> v1::OpenCaseRequest {
    v1::OpenCaseRequest {
        request_id: format!("0190-{n:012}-bench"),
        borrower: Some(v1::open_case_request::Borrower::Upsert(party(n))),
        case: Some(case(n, now)),
    }
}

/// Case `n`, as a row of an import.
pub(crate) fn row(n: usize, now: Timestamp) -> v1::ImportCasesRequest {
    v1::ImportCasesRequest {
        request_id: "import-bench".to_owned(),
        row_number: n as i64 + 1,
        borrower: Some(party(n)),
        case: Some(case(n, now)),
    }
}

fn party(n: usize) -> v1::Party {
    let point = |kind: v1::ContactPointKind, value: String| v1::ContactPoint {
        kind: kind.into(),
        value,
        owner: v1::ContactPointOwner::Self_.into(),
        verified: true,
        source: "contract".to_owned(),
        ..v1::ContactPoint::default()
    };
    v1::Party {
        lender_ref: format!("borrower-{n:08}"),
        display_name: format!("Zhang San {n}"),
        kind: v1::BorrowerKind::Individual.into(),
        regions: vec!["CN".to_owned()],
        locale: "zh-CN".to_owned(),
        contact_points: vec![
            point(v1::ContactPointKind::Mobile, format!("+86138{n:08}")),
            point(
                v1::ContactPointKind::Postal,
                format!("{n} Main Road\nShanghai"),
            ),
        ],
        ..v1::Party::default()
    }
}

fn case(n: usize, now: Timestamp) -> v1::CaseInput {
    let money = |units: i64| {
        Some(google::Money {
            currency_code: "CNY".to_owned(),
            units,
            nanos: 0,
        })
    };
    let due = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let due = due.saturating_add(jiff::Span::new().days(20));
    v1::CaseInput {
        lender_case_ref: format!("loan-{n:08}"),
        jurisdiction: "CN".to_owned(),
        lender_kind: v1::LenderKind::MicroloanCompany.into(),
        facts: Some(v1::CaseFacts {
            principal: money(5_000),
            interest: money(120),
            overdue: money(0),
            oldest_unpaid_due_date: Some(google::Date {
                year: due.year().into(),
                month: due.month().into(),
                day: due.day().into(),
            }),
            ..v1::CaseFacts::default()
        }),
        ..v1::CaseInput::default()
    }
}
