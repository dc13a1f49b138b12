//! PreviewPacks: what other packs would change, told while it is found.

use std::time::Duration;

use jiff::Timestamp;
use recoup_compliance::{Difference, Packs};
use recoup_domain::ids::TenantId;
use recoup_engine::commands::{PackEffect, PackSummary};
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::codegen::BoxStream;

use super::Edge;
use crate::api::recoup::v1::preview_packs_response::Part;
use crate::api::recoup::v1::{self, ErrorReason};
use crate::convert::{comparison, value};
use crate::identity::Principal;
use crate::status::{self, Problem};

/// Answers that wait for a slow reader.
const ANSWERS_MAX: usize = 256;
/// How long a second comparison of a lender waits for the first.
const WAIT: Duration = Duration::from_secs(5);
/// How long a reader may leave its answers unread.
const SLOW: Duration = Duration::from_secs(30);

type Answers = mpsc::Sender<Result<v1::PreviewPacksResponse, Status>>;

impl Edge {
    /// The lender's place among those that compare.
    pub(super) async fn place_to_compare(
        &self,
        tenant: &TenantId,
    ) -> Result<OwnedSemaphorePermit, Status> {
        let unknown = || status::internal("a lender of no configuration asks");
        let place = self.comparing.0.get(tenant).ok_or_else(unknown)?;
        let free = tokio::time::timeout(WAIT, place.clone().acquire_owned()).await;
        free.ok().and_then(Result::ok).ok_or_else(|| {
            let problem = "another comparison or replay runs for your lender; try again after it";
            let problem = Problem::new(ErrorReason::TooManyRequests, problem);
            problem.retry(WAIT).into()
        })
    }

    /// Compares the packs in force with others, until everything is told or nobody listens any more.
    pub(super) fn compare(
        &self,
        who: Principal,
        proposed: Packs,
        place: OwnedSemaphorePermit,
    ) -> BoxStream<v1::PreviewPacksResponse> {
        let (to, answers) = mpsc::channel(ANSWERS_MAX);
        let edge = self.clone();
        tokio::spawn(async move {
            let _place = place;
            let compared = edge.tell_all(&who.tenant, proposed, &to);
            let ended = tokio::select! {
                ended = compared => ended,
                // It is dropped where it stands: it only reads.
                () = edge.stopping.cancelled() => Err(status::not_serving()),
                () = to.closed() => Ok(()),
            };
            if let Err(status) = ended {
                // Where nobody reads, the stream ends without its summary, which says enough.
                let _ = to.try_send(Err(status));
            }
        });
        Box::pin(ReceiverStream::new(answers))
    }

    async fn tell_all(
        &self,
        tenant: &TenantId,
        proposed: Packs,
        to: &Answers,
    ) -> Result<(), Status> {
        let now = self.now();
        let present = self.engine.packs();
        let compared = v1::PacksCompared {
            time: Some(value::to_instant(now)),
            hash_before: present.hash().to_owned(),
            hash_after: proposed.hash().to_owned(),
        };
        tell(to, Part::Compared(compared)).await?;
        let difference = Difference::between(present, &proposed);
        for pack in &difference.packs {
            tell(to, comparison::pack(pack)).await?;
        }
        for rule in &difference.rules {
            tell(to, comparison::rule(rule)).await?;
        }
        for duty in &difference.duties {
            tell(to, comparison::duty(duty)).await?;
        }
        let summary = self.tell_cases(tenant, proposed, now, to).await?;
        let Difference {
            packs,
            rules,
            duties,
        } = &difference;
        let differences = packs.len() + rules.len() + duties.len();
        tell(to, comparison::summary(&summary, differences)).await
    }

    async fn tell_cases(
        &self,
        tenant: &TenantId,
        proposed: Packs,
        now: Timestamp,
        to: &Answers,
    ) -> Result<PackSummary, Status> {
        let (out, mut effects) = mpsc::channel::<PackEffect>(ANSWERS_MAX);
        let preview = async move {
            let done = self.engine.preview_packs(tenant, proposed, now, &out).await;
            done.map_err(status::of_command)
        };
        let telling = async {
            while let Some(effect) = effects.recv().await {
                tell(to, comparison::effect(&effect)).await?;
            }
            Ok(())
        };
        let (summary, ()) = tokio::try_join!(preview, telling)?;
        Ok(summary)
    }
}

/// Tells one part. Who does not read holds up the lender's next comparison, and is ended; whether a reader is there
/// at all is asked where the whole comparison runs.
async fn tell(to: &Answers, part: Part) -> Result<(), Status> {
    let answer = v1::PreviewPacksResponse { part: Some(part) };
    match to.send_timeout(Ok(answer), SLOW).await {
        Ok(()) | Err(SendTimeoutError::Closed(_)) => Ok(()),
        Err(SendTimeoutError::Timeout(_)) => {
            let problem = "you read too slowly; ask again, and read on";
            Err(Problem::new(ErrorReason::NotServing, problem)
                .retry(WAIT)
                .into())
        }
    }
}
