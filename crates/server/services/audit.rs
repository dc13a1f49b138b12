//! AuditService.

use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use recoup_engine::replay::{Count, Difference};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};

use super::Edge;
use crate::api::recoup::v1::audit_service_server::AuditService;
use crate::api::recoup::v1::{self, ErrorReason};
use crate::convert::read::Bad;
use crate::convert::{event, value};
use crate::status;

/// Groups of lines that wait for a slow reader.
const GROUPS_MAX: usize = 16;

/// Differences that wait for a slow reader.
const DIFFERENCES_MAX: usize = 64;
/// The longest span whose decisions are taken again by one call.
const SPAN_MAX: SignedDuration = SignedDuration::from_hours(31 * 24);

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

    async fn replay_decisions(
        &self,
        request: Request<v1::ReplayDecisionsRequest>,
    ) -> Result<Response<BoxStream<v1::ReplayDecisionsResponse>>, Status> {
        let (who, body) = self.open(request)?;
        let (from, to) = span(&body, self.engine.wall().now())?;
        let place = self.place_to_compare(&who.tenant).await?;
        let (tell, told) = mpsc::channel(DIFFERENCES_MAX);
        let edge = self.clone();
        let replay = tokio::spawn(async move {
            let _place = place;
            tokio::select! {
                ended = edge.engine.replay(&who.tenant, from, to, tell) => {
                    ended.map_err(status::of_command)
                }
                () = edge.stopping.cancelled() => Err(status::not_serving()),
            }
        });
        let differences = ReceiverStream::new(told).map(|d| Ok(difference(&d)));
        // How it went comes last: without it, not all was taken again.
        let ending = futures_util::stream::once(async move {
            match replay.await {
                Ok(ended) => ended.map(result),
                Err(error) => Err(status::internal(&format!("the replay died: {error}"))),
            }
        });
        Ok(Response::new(Box::pin(differences.chain(ending))))
    }
}

fn span(
    body: &v1::ReplayDecisionsRequest,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Status> {
    let mut bad = Bad::new();
    let mut read = |field: &str, given: Option<&prost_types::Timestamp>| match given {
        Some(given) => value::instant(&mut bad, field, given),
        None => {
            bad.missing(field);
            None
        }
    };
    let from = read("start_time", body.start_time.as_ref());
    let to = read("end_time", body.end_time.as_ref());
    if let Some(from) = from.filter(|from| *from > now) {
        let problem =
            format!("is {from}, which lies ahead of now ({now}): nothing was decided yet");
        bad.note(ErrorReason::TimeInvalid, "start_time", problem);
    }
    if let Some((from, to)) = from.zip(to) {
        let long = to.duration_since(from);
        // Of two that lie too far apart the one that is farther from now is likely the wrong one.
        let start_is_odd = now.duration_since(from).abs() > to.duration_since(now).abs();
        if SPAN_MAX < long && start_is_odd {
            let problem = format!("is {from}; it must lie before {to}, by 31 days at most");
            bad.note(ErrorReason::TimeInvalid, "start_time", problem);
        } else if long <= SignedDuration::ZERO || SPAN_MAX < long {
            let problem = format!("is {to}; it must lie after {from}, by 31 days at most");
            bad.note(ErrorReason::TimeInvalid, "end_time", problem);
        }
    }
    bad.check(from.zip(to))
}

fn difference(d: &Difference) -> v1::ReplayDecisionsResponse {
    let difference = v1::DecisionDifference {
        case_id: d.contact.case.to_string(),
        contact_id: d.contact.to_string(),
        time: Some(value::to_instant(d.at)),
        event_id: event::event_id(d.position),
        differences: d.what.clone(),
        other_rules: d.rules.clone(),
    };
    v1::ReplayDecisionsResponse {
        part: Some(v1::replay_decisions_response::Part::Difference(difference)),
    }
}

fn result(count: Count) -> v1::ReplayDecisionsResponse {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let result = v1::ReplayResult {
        decisions: number(count.decisions),
        same: number(count.same),
        same_contact: number(count.same_contact),
    };
    v1::ReplayDecisionsResponse {
        part: Some(v1::replay_decisions_response::Part::Result(result)),
    }
}
