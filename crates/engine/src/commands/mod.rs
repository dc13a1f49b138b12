//! Commands: what callers may do, each as one transaction that is decided anew if its facts moved.

mod borrower;
mod case;
mod collector;
mod contact;
mod dispatch;
mod import;
mod objection;
mod pause;
mod policy;
mod promise;
mod read;
mod request;
mod rights;
pub(crate) mod worklist;

pub use borrower::{CeaseInput, OptOutInput};
pub use case::{CloseInput, FactsInput, PaymentInput, ReversalInput};
pub use collector::CollectorView;
pub use contact::ResolutionInput;
pub use import::Imported;
pub use objection::{ObjectionInput, SettlementInput};
pub use pause::HoldInput;
pub use promise::{PromiseInput, PromiseView};
pub use read::CaseName;
pub use request::HandInput;
pub use rights::{Circumstance, ConsentInput, HardshipInput};
pub use worklist::WorkItem;

use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::types::{Answered, Caller, Encode};
use recoup_domain::ids::CaseId;
use recoup_store::{Answer, CommitError, Facts};

/// How often a command is tried again because its facts moved.
const ATTEMPTS_MAX: usize = 32;

impl Engine {
    /// The answer this request got before.
    pub(crate) async fn answered<R>(&self, who: &Caller) -> Done<Option<Answered<R>>> {
        let Some(request) = &who.request else {
            return Ok(None);
        };
        match self.0.store.answer(&who.tenant, &request.id).await? {
            Some(answer) if answer.fingerprint == request.fingerprint => {
                Ok(Some(Answered::Before(answer.body)))
            }
            Some(_) => Err(CommandError::RequestReused),
            None => Ok(None),
        }
    }

    /// A refusal, unless the very same request was answered meanwhile by a twin of it: what that one did is why
    /// this one is refused.
    pub(crate) async fn answered_meanwhile<R>(
        &self,
        who: &Caller,
        refusal: CommandError,
    ) -> Done<Answered<R>> {
        self.answered(who).await?.ok_or(refusal)
    }

    /// Commits a command's draft with its answer. None where the facts moved: decide again.
    pub(crate) async fn commit_command<R>(
        &self,
        who: &Caller,
        draft: Draft,
        result: R,
        encode: Encode<'_, R>,
    ) -> Done<Option<Answered<R>>> {
        let now = draft.now;
        let (mut change, cancels) = draft.finish();
        change.answer = who.request.as_ref().map(|request| Answer {
            tenant: who.tenant.clone(),
            request_id: request.id.clone(),
            fingerprint: request.fingerprint,
            body: encode(&result),
            at: now,
        });
        match self.0.store.commit(change).await {
            Ok(_) => {
                self.call_off(cancels);
                self.0.wake.notify_one();
                Ok(Some(Answered::Now(result)))
            }
            Err(CommitError::Answered(answer)) => Ok(Some(Answered::Before(answer.body))),
            Err(CommitError::OtherRequest) => Err(CommandError::RequestReused),
            Err(CommitError::Stale(_) | CommitError::Taken(_)) => Ok(None),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }

    /// A command on one case: `act` puts on the draft what happens, `view` makes the answer from it.
    pub(crate) async fn on_case<R: Send>(
        &self,
        who: &Caller,
        id: CaseId,
        encode: Encode<'_, R>,
        act: impl Fn(&mut Draft, &Facts) -> Done<()> + Send + Sync,
        view: impl AsyncView<R>,
    ) -> Done<Answered<R>> {
        let _work = self.0.activity.begin();
        for _ in 0..ATTEMPTS_MAX {
            if let Some(before) = self.answered(who).await? {
                return Ok(before);
            }
            let facts = self.facts_for(who, id).await?;
            let mut draft = self.draft_on(&facts, &who.principal);
            if let Err(refusal) = act(&mut draft, &facts) {
                return self.answered_meanwhile(who, refusal).await;
            }
            draft.follows();
            self.stop_for_case(&mut draft, &facts).await?;
            crate::stops::alarm_for_doubt(&mut draft, &facts);
            if draft.has_entries() {
                self.schedule_next(&mut draft, &facts).await;
            }
            let result = view.of(self, &draft, &facts).await?;
            if let Some(done) = self.commit_command(who, draft, result, encode).await? {
                return Ok(done);
            }
        }
        Err(CommandError::Contended)
    }

    /// The facts of a case of the caller's tenant.
    pub(crate) async fn facts_for(&self, who: &Caller, id: CaseId) -> Done<Facts> {
        let facts = self
            .facts_of(id)
            .await?
            .filter(|f| f.case.tenant == who.tenant);
        facts.ok_or_else(|| CommandError::NotFound {
            what: "case",
            id: id.to_string(),
        })
    }
}

/// Makes a command's answer from what it has put on its draft.
pub(crate) trait AsyncView<R>: Send + Sync {
    /// The answer.
    fn of(
        &self,
        engine: &Engine,
        draft: &Draft,
        facts: &Facts,
    ) -> impl Future<Output = Done<R>> + Send;
}

/// Compares the etag that a caller saw with the present version.
pub(crate) fn check_etag(what: &'static str, seen: Option<&str>, version: u64) -> Done<()> {
    match seen {
        Some(etag) if !etag.is_empty() && etag != version.to_string() => Err(CommandError::Stale {
            what,
            now: version.to_string(),
        }),
        _ => Ok(()),
    }
}
