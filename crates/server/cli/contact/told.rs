//! `recoup contact`: what a person says came of a contact.

use super::super::Outcome;
use super::super::client::refused;
use super::super::given::{self, Proof, Write};
use super::{connect, in_a_line};
use crate::api::recoup::v1;

/// `recoup contact report`.
#[derive(Debug, clap::Args)]
pub(crate) struct Report {
    /// `contact_…`
    contact: String,
    /// What came of it, such as `conversation`, `no_answer`, `wrong_number`, `visited`, `filed`.
    #[arg(long, value_parser = |text: &str| given::word(text, "OUTCOME_", v1::Outcome::as_str_name))]
    outcome: i32,
    /// When it happened. Without it now.
    #[arg(long, value_parser = given::instant, value_name = "INSTANT")]
    at: Option<prost_types::Timestamp>,
    /// Who reports, where that is not you.
    #[arg(long, default_value = "", value_name = "NAME")]
    reporter: String,
    /// What was said and seen.
    #[arg(long, default_value = "")]
    note: String,
    /// Proof: a file, whose hash is taken here, or REFERENCE=SHA256; repeat it.
    #[arg(long, value_name = "FILE")]
    evidence: Vec<Proof>,
    /// Who made it, `collector_…`; a visit names two or more.
    #[arg(long, value_name = "COLLECTOR")]
    collector: Vec<String>,
    #[command(flatten)]
    write: Write,
}

impl Report {
    pub(super) async fn run(self) -> Outcome {
        let request = v1::ReportOutcomeRequest {
            request_id: self.write.id(),
            contact_id: self.contact,
            outcome: self.outcome,
            occurred_time: self.at.or_else(|| Some(given::now())),
            reporter: self.reporter,
            note: self.note,
            evidence: self
                .evidence
                .iter()
                .map(Proof::read)
                .collect::<Result<_, _>>()?,
            collector_ids: self.collector,
        };
        let mut service = connect(&self.write.client).await?;
        let done = service.report_outcome(request).await.map_err(refused)?;
        let done = done.into_inner();
        self.write.answer("ReportOutcomeResponse", &done, |m| {
            in_a_line(m.contact.as_ref());
        })
    }
}

/// `recoup contact resolve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Resolve {
    /// `contact_…`
    contact: String,
    /// What the carrier shows: `accepted` where it took it (or has it still, though it was to be called off),
    /// `not_sent` where it never had it (or called it off).
    #[arg(long, value_parser = |text: &str| given::word(text, "UNKNOWN_RESOLUTION_", v1::UnknownResolution::as_str_name))]
    resolution: i32,
    /// The proof: a file, whose hash is taken here, or REFERENCE=SHA256.
    #[arg(long, value_name = "FILE")]
    evidence: Proof,
    /// Why.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    write: Write,
}

impl Resolve {
    pub(super) async fn run(self) -> Outcome {
        let request = v1::ResolveUnknownRequest {
            request_id: self.write.id(),
            contact_id: self.contact,
            resolution: self.resolution,
            evidence: Some(self.evidence.read()?),
            reason: self.reason,
        };
        let mut service = connect(&self.write.client).await?;
        let done = service.resolve_unknown(request).await.map_err(refused)?;
        let done = done.into_inner();
        self.write.answer("ResolveUnknownResponse", &done, |m| {
            in_a_line(m.contact.as_ref());
        })
    }
}
