//! `recoup case`: what stops contact for a while, and what lets it go on.

use super::super::Outcome;
use super::super::client::refused;
use super::super::given::{self, Write};
use super::super::output::{instant, say};
use super::{CaseArg, after, client};
use crate::api::recoup::v1;

/// `recoup case hold`.
#[derive(Debug, clap::Args)]
pub(crate) struct Hold {
    #[command(flatten)]
    case: CaseArg,
    /// Why.
    #[arg(long)]
    reason: String,
    /// When it ends by itself, such as 2026-03-01T00:00:00Z. Without it only a release ends it.
    #[arg(long, value_parser = given::instant, value_name = "INSTANT")]
    until: Option<prost_types::Timestamp>,
    #[command(flatten)]
    write: Write,
}

impl Hold {
    pub(super) async fn run(self) -> Outcome {
        let mut client = client(&self.write.client).await?;
        let request = v1::HoldCaseRequest {
            request_id: self.write.id(),
            case_id: self.case.id(&mut client).await?,
            reason: self.reason,
            until: self.until,
        };
        let done = client.hold_case(request).await.map_err(refused)?;
        let done = done.into_inner();
        self.write
            .answer("HoldCaseResponse", &done, |m| after(m.case.as_ref(), &[]))
    }
}

/// `recoup case release`.
#[derive(Debug, clap::Args)]
pub(crate) struct Release {
    #[command(flatten)]
    case: CaseArg,
    /// Why.
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    write: Write,
}

impl Release {
    pub(super) async fn run(self) -> Outcome {
        let mut client = client(&self.write.client).await?;
        let request = v1::ReleaseHoldRequest {
            request_id: self.write.id(),
            case_id: self.case.id(&mut client).await?,
            note: self.note,
        };
        let done = client.release_hold(request).await.map_err(refused)?;
        let done = done.into_inner();
        self.write.answer("ReleaseHoldResponse", &done, |m| {
            after(m.case.as_ref(), &[]);
        })
    }
}

/// `recoup case dispute`.
#[derive(Debug, clap::Args)]
pub(crate) struct Dispute {
    #[command(flatten)]
    case: CaseArg,
    /// What is disputed.
    #[arg(long)]
    statement: String,
    /// It came in writing.
    #[arg(long)]
    written: bool,
    /// When it was received. Without it now.
    #[arg(long, value_parser = given::instant, value_name = "INSTANT")]
    received: Option<prost_types::Timestamp>,
    #[command(flatten)]
    write: Write,
}

impl Dispute {
    pub(super) async fn run(self) -> Outcome {
        let mut client = client(&self.write.client).await?;
        let request = v1::RaiseDisputeRequest {
            request_id: self.write.id(),
            case_id: self.case.id(&mut client).await?,
            statement: self.statement,
            written: self.written,
            received_time: self.received,
        };
        let done = client.raise_dispute(request).await.map_err(refused)?;
        let done = done.into_inner();
        self.write.answer("RaiseDisputeResponse", &done, |m| {
            say(&m.dispute_id);
            after(m.case.as_ref(), &[]);
        })
    }
}

/// `recoup case resolve-dispute`.
#[derive(Debug, clap::Args)]
pub(crate) struct ResolveDispute {
    /// `dispute_…`
    dispute: String,
    /// The debt stands. Without it the borrower was right, and the case stays on hold.
    #[arg(long)]
    verified: bool,
    /// When the verification was sent to the borrower.
    #[arg(long, value_parser = given::instant, value_name = "INSTANT")]
    sent: Option<prost_types::Timestamp>,
    /// What was found.
    #[arg(long)]
    note: String,
    #[command(flatten)]
    write: Write,
}

impl ResolveDispute {
    pub(super) async fn run(self) -> Outcome {
        let request = v1::ResolveDisputeRequest {
            request_id: self.write.id(),
            dispute_id: self.dispute,
            debt_verified: self.verified,
            verification_sent_time: self.sent,
            note: self.note,
        };
        let mut client = client(&self.write.client).await?;
        let done = client.resolve_dispute(request).await.map_err(refused)?;
        let done = done.into_inner();
        let name = "ResolveDisputeResponse";
        self.write
            .answer(name, &done, |m| after(m.case.as_ref(), &[]))
    }
}

/// `recoup case complain`.
#[derive(Debug, clap::Args)]
pub(crate) struct Complain {
    #[command(flatten)]
    case: CaseArg,
    /// What is complained of.
    #[arg(long)]
    statement: String,
    /// The contact complained of, `contact_…`.
    #[arg(long, default_value = "", value_name = "CONTACT")]
    contact: String,
    /// When it was received. Without it now.
    #[arg(long, value_parser = given::instant, value_name = "INSTANT")]
    received: Option<prost_types::Timestamp>,
    #[command(flatten)]
    write: Write,
}

impl Complain {
    pub(super) async fn run(self) -> Outcome {
        let mut client = client(&self.write.client).await?;
        let request = v1::FileComplaintRequest {
            request_id: self.write.id(),
            case_id: self.case.id(&mut client).await?,
            statement: self.statement,
            contact_id: self.contact,
            received_time: self.received,
        };
        let done = client.file_complaint(request).await.map_err(refused)?;
        let done = done.into_inner();
        self.write.answer("FileComplaintResponse", &done, |m| {
            let due = instant(m.answer_due_time.as_ref());
            say(format!("{}: answer it by {due} (UTC)", m.complaint_id));
            after(m.case.as_ref(), &[]);
        })
    }
}

/// `recoup case resolve-complaint`.
#[derive(Debug, clap::Args)]
pub(crate) struct ResolveComplaint {
    /// `complaint_…`
    complaint: String,
    /// The complaint was right.
    #[arg(long)]
    upheld: bool,
    /// What was done about it.
    #[arg(long)]
    note: String,
    #[command(flatten)]
    write: Write,
}

impl ResolveComplaint {
    pub(super) async fn run(self) -> Outcome {
        let request = v1::ResolveComplaintRequest {
            request_id: self.write.id(),
            complaint_id: self.complaint,
            upheld: self.upheld,
            note: self.note,
        };
        let mut client = client(&self.write.client).await?;
        let done = client.resolve_complaint(request).await.map_err(refused)?;
        let done = done.into_inner();
        let name = "ResolveComplaintResponse";
        self.write
            .answer(name, &done, |m| after(m.case.as_ref(), &[]))
    }
}
