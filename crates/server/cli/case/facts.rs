//! `recoup case`: what the lender's ledger says.

use std::path::PathBuf;

use super::super::Outcome;
use super::super::client::refused;
use super::super::given::{self, Proof, Write};
use super::super::output::{money, say};
use super::{CaseArg, after, client};
use crate::api::google::r#type as google;
use crate::api::recoup::v1;
use crate::api::recoup::v1::arrangement_service_client::ArrangementServiceClient;

/// `recoup case open`.
#[derive(Debug, clap::Args)]
pub(crate) struct Open {
    /// The file.
    file: PathBuf,
    #[command(flatten)]
    write: Write,
}

impl Open {
    pub(super) async fn run(self) -> Outcome {
        let mut request: v1::OpenCaseRequest = given::message("OpenCaseRequest", &self.file)?;
        if request.request_id.is_empty() {
            request.request_id = self.write.id();
        }
        let mut client = client(&self.write.client).await?;
        let done = client.open_case(request).await.map_err(refused)?;
        let done = done.into_inner();
        self.write
            .answer("OpenCaseResponse", &done, |m| after(m.case.as_ref(), &[]))
    }
}

/// `recoup case update`.
#[derive(Debug, clap::Args)]
pub(crate) struct Update {
    #[command(flatten)]
    case: CaseArg,
    /// What is overdue, such as `600.50 CNY`.
    #[arg(long, value_parser = given::money, value_name = "AMOUNT")]
    overdue: Option<google::Money>,
    /// Principal owed.
    #[arg(long, value_parser = given::money, value_name = "AMOUNT")]
    principal: Option<google::Money>,
    /// Interest owed.
    #[arg(long, value_parser = given::money, value_name = "AMOUNT")]
    interest: Option<google::Money>,
    /// Fees owed.
    #[arg(long, value_parser = given::money, value_name = "AMOUNT")]
    fees: Option<google::Money>,
    /// Due date of the oldest unpaid instalment, such as 2026-03-01.
    #[arg(long, value_parser = given::day, value_name = "DAY")]
    due: Option<google::Date>,
    /// Ability to pay, 0 to 100.
    #[arg(long)]
    ability: Option<i32>,
    /// Willingness to pay, 0 to 100.
    #[arg(long)]
    willingness: Option<i32>,
    #[command(flatten)]
    write: Write,
}

impl Update {
    pub(super) async fn run(self) -> Outcome {
        let mut client = client(&self.write.client).await?;
        let request = v1::UpdateCaseFactsRequest {
            request_id: self.write.id(),
            case_id: self.case.id(&mut client).await?,
            facts: Some(v1::CaseFacts {
                principal: self.principal,
                interest: self.interest,
                fees: self.fees,
                overdue: self.overdue,
                oldest_unpaid_due_date: self.due,
                ability: self.ability,
                willingness: self.willingness,
                ..v1::CaseFacts::default()
            }),
            ..v1::UpdateCaseFactsRequest::default()
        };
        let done = client.update_case_facts(request).await.map_err(refused)?;
        let done = done.into_inner();
        let name = "UpdateCaseFactsResponse";
        self.write
            .answer(name, &done, |m| after(m.case.as_ref(), &[]))
    }
}

/// `recoup case pay`.
#[derive(Debug, clap::Args)]
pub(crate) struct Pay {
    #[command(flatten)]
    case: CaseArg,
    /// How much, such as `600.50 CNY`.
    #[arg(long, value_parser = given::money)]
    amount: google::Money,
    /// The lender's own reference of the payment: the same one is booked once.
    #[arg(long, value_name = "REF")]
    payment: String,
    /// When the lender received it. Without it now.
    #[arg(long, value_parser = given::instant, value_name = "INSTANT")]
    received: Option<prost_types::Timestamp>,
    /// What is overdue after it, which then rules.
    #[arg(long, value_parser = given::money, value_name = "AMOUNT")]
    balance_after: Option<google::Money>,
    #[command(flatten)]
    write: Write,
}

impl Pay {
    pub(super) async fn run(self) -> Outcome {
        let mut client = client(&self.write.client).await?;
        let request = v1::RecordPaymentRequest {
            request_id: self.write.id(),
            case_id: self.case.id(&mut client).await?,
            payment_ref: self.payment,
            amount: Some(self.amount),
            received_time: self.received.or_else(|| Some(given::now())),
            balance_after: self.balance_after,
        };
        let done = client.record_payment(request).await.map_err(refused)?;
        let done = done.into_inner();
        self.write.answer("RecordPaymentResponse", &done, |m| {
            after(m.case.as_ref(), &m.cancelling_contact_ids);
        })
    }
}

/// `recoup case reverse-payment`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReversePayment {
    #[command(flatten)]
    case: CaseArg,
    /// The lender's own reference of the payment.
    #[arg(long, value_name = "REF")]
    payment: String,
    /// Why.
    #[arg(long)]
    reason: String,
    /// What is overdue after it, which then rules.
    #[arg(long, value_parser = given::money, value_name = "AMOUNT")]
    balance_after: Option<google::Money>,
    #[command(flatten)]
    write: Write,
}

impl ReversePayment {
    pub(super) async fn run(self) -> Outcome {
        let mut client = client(&self.write.client).await?;
        let request = v1::ReversePaymentRequest {
            request_id: self.write.id(),
            case_id: self.case.id(&mut client).await?,
            payment_ref: self.payment,
            reason: self.reason,
            balance_after: self.balance_after,
        };
        let done = client.reverse_payment(request).await.map_err(refused)?;
        let done = done.into_inner();
        let name = "ReversePaymentResponse";
        self.write
            .answer(name, &done, |m| after(m.case.as_ref(), &[]))
    }
}

/// `recoup case promise`.
#[derive(Debug, clap::Args)]
pub(crate) struct Promise {
    #[command(flatten)]
    case: CaseArg,
    /// How much, such as `600.50 CNY`.
    #[arg(long, value_parser = given::money)]
    amount: google::Money,
    /// By which day, in the borrower's zone.
    #[arg(long, value_parser = given::day, value_name = "DAY")]
    due: google::Date,
    /// What was said.
    #[arg(long, default_value = "")]
    note: String,
    /// The contact in which it was made, `contact_…`.
    #[arg(long, default_value = "", value_name = "CONTACT")]
    contact: String,
    #[command(flatten)]
    write: Write,
}

impl Promise {
    pub(super) async fn run(self) -> Outcome {
        let case_id = self.case.id(&mut client(&self.write.client).await?).await?;
        let request = v1::RecordPromiseRequest {
            request_id: self.write.id(),
            case_id,
            amount: Some(self.amount),
            due_date: Some(self.due),
            contact_id: self.contact,
            note: self.note,
        };
        let mut service = ArrangementServiceClient::new(self.write.client.named().await?);
        let done = service.record_promise(request).await.map_err(refused)?;
        let done = done.into_inner();
        self.write.answer("RecordPromiseResponse", &done, |m| {
            let promise = m.promise.clone().unwrap_or_default();
            let by = promise.due_date.unwrap_or_default();
            say(format!(
                "{}: {} by {:04}-{:02}-{:02}",
                promise.promise_id,
                money(promise.amount.as_ref()),
                by.year,
                by.month,
                by.day
            ));
            if !m.replaced_promise_id.is_empty() {
                let before = &m.replaced_promise_id;
                say(format!(
                    "it takes the place of {before}, which counts no more"
                ));
            }
            after(None, &m.cancelling_contact_ids);
        })
    }
}

/// `recoup case document`.
#[derive(Debug, clap::Args)]
pub(crate) struct Document {
    #[command(flatten)]
    case: CaseArg,
    /// What it proves, such as `contract`, `statement`, `repayment_record`.
    #[arg(long, value_parser = |text: &str| given::word(text, "DOCUMENT_KIND_", v1::DocumentKind::as_str_name))]
    kind: i32,
    /// A file, whose hash is taken here, or REFERENCE=SHA256.
    #[arg(long, value_name = "FILE")]
    evidence: Proof,
    #[command(flatten)]
    write: Write,
}

impl Document {
    pub(super) async fn run(self) -> Outcome {
        let paper = self.evidence.read()?;
        let mut client = client(&self.write.client).await?;
        let request = v1::AddDocumentRequest {
            request_id: self.write.id(),
            case_id: self.case.id(&mut client).await?,
            document: Some(v1::Document {
                kind: self.kind,
                reference: paper.reference,
                sha256: paper.sha256,
                record_time: None,
            }),
        };
        let done = client.add_document(request).await.map_err(refused)?;
        let done = done.into_inner();
        self.write.answer("AddDocumentResponse", &done, |m| {
            after(m.case.as_ref(), &[]);
        })
    }
}

/// `recoup case close`.
#[derive(Debug, clap::Args)]
pub(crate) struct Close {
    #[command(flatten)]
    case: CaseArg,
    /// `paid`, `settled`, `written_off`, `withdrawn` or `deceased`.
    #[arg(long, value_parser = |text: &str| given::word(text, "CLOSE_REASON_", v1::CloseReason::as_str_name))]
    reason: i32,
    /// For people.
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    write: Write,
}

impl Close {
    pub(super) async fn run(self) -> Outcome {
        let mut client = client(&self.write.client).await?;
        let request = v1::CloseCaseRequest {
            request_id: self.write.id(),
            case_id: self.case.id(&mut client).await?,
            reason: self.reason,
            note: self.note,
            etag: String::new(),
        };
        let done = client.close_case(request).await.map_err(refused)?;
        let done = done.into_inner();
        self.write.answer("CloseCaseResponse", &done, |m| {
            after(m.case.as_ref(), &m.cancelling_contact_ids);
        })
    }
}
