//! Commands: what callers may do, each as one transaction that is decided anew if its facts moved.

mod borrower;
mod case;
mod collector;
mod contact;
mod copies;
mod dispatch;
mod import;
mod migrate;
mod objection;
mod outcome;
mod overrides;
mod packs;
mod pause;
mod policy;
mod promise;
mod read;
mod replay;
mod request;
mod rights;
mod rollout;
mod whom;
pub(crate) mod worklist;

pub use borrower::{CeaseInput, OptOutInput};
pub use case::{CloseInput, FactsInput, PaymentInput, ReversalInput};
pub use collector::CollectorView;
pub use contact::ResolutionInput;
pub use import::Imported;
pub use migrate::{Comparison, Counted, Migration, MigrationInput, Obstacle};
pub use objection::{ObjectionInput, SettlementInput};
pub use overrides::{OverrideInput, OverridePlain, OverrideView};
pub use packs::{CalledOff, CaseChange, ChangedCase, PackEffect, PackSummary};
pub use pause::HoldInput;
pub use promise::{PromiseInput, PromiseView};
pub use read::CaseName;
pub use replay::Portrait;
pub use request::HandInput;
pub use rights::{Circumstance, ConsentInput, HardshipInput};
pub use rollout::StagedLibrary;
pub use worklist::WorkItem;

use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::keys::seal_answer;
use crate::types::{Answered, Caller, Encode};
use crate::vault::DataKey;
use recoup_domain::contact::Contact;
use recoup_domain::ids::CaseId;
use recoup_store::{Answer, Change, CommitError, Committed, Facts, Guard};
use std::sync::Arc;

/// How often a command is tried again because its facts moved.
const ATTEMPTS_MAX: usize = 32;

/// What a command decided: what happens, and what it answers.
pub(crate) struct Decided<R> {
    /// What happens.
    pub(crate) draft: Draft,
    /// What is answered.
    pub(crate) result: R,
    /// The key of the person it speaks of: the recorded answer is sealed under it.
    pub(crate) key: Arc<DataKey>,
}

/// What is left to do of a command while the store commits it.
struct Committing<R> {
    result: R,
    cancels: Vec<Contact>,
}

impl Engine {
    /// The answer this request got before.
    pub(crate) async fn answered<R>(&self, who: &Caller) -> Done<Option<Answered<R>>> {
        let Some(request) = &who.request else {
            return Ok(None);
        };
        match self.0.store.answer(&who.tenant, &request.id).await? {
            Some(answer) if answer.fingerprint == request.fingerprint => {
                let encoded = self.0.keys.open_answer(&answer).await?;
                Ok(Some(Answered::Before(encoded)))
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

    /// A command: decided on the facts as they are and committed, with its answer; decided anew where the facts
    /// moved in between. Whether the same request was answered before is asked where its answer would be
    /// recorded, and where it is refused: the first time, which is nearly always, that costs no read.
    ///
    /// # Errors
    /// What `decide` refuses, unless the very same request was answered meanwhile; Contended where the facts never
    /// stand still.
    pub(crate) async fn command<R, D>(
        &self,
        who: &Caller,
        encode: Encode<'_, R>,
        decide: impl Fn() -> D + Send + Sync,
    ) -> Done<Answered<R>>
    where
        R: Send,
        D: Future<Output = Done<Decided<R>>> + Send,
    {
        let _work = self.0.activity.begin();
        for _ in 0..ATTEMPTS_MAX {
            let decided = match decide().await {
                Ok(decided) => decided,
                Err(refusal) => return self.answered_meanwhile(who, refusal).await,
            };
            if let Some(done) = self.commit_decided(who, decided, encode).await? {
                return Ok(done);
            }
        }
        Err(CommandError::Contended)
    }

    /// Commits what was decided, with its answer. None where the facts moved: decide again.
    async fn commit_decided<R>(
        &self,
        who: &Caller,
        decided: Decided<R>,
        encode: Encode<'_, R>,
    ) -> Done<Option<Answered<R>>> {
        let (change, committing) = self.answering(who, decided, encode)?;
        let outcome = self.0.store.commit(change).await;
        self.committed(committing, outcome).await
    }

    /// The change of what was decided, with its answer, and what is left to do once it stands.
    fn answering<R>(
        &self,
        who: &Caller,
        decided: Decided<R>,
        encode: Encode<'_, R>,
    ) -> Done<(Change, Committing<R>)> {
        let Decided { draft, result, key } = decided;
        let now = draft.now;
        let (mut change, cancels) = draft.finish();
        if let Some(request) = &who.request {
            change.answer = Some(Answer {
                tenant: who.tenant.clone(),
                request_id: request.id.clone(),
                fingerprint: request.fingerprint,
                person: key.person(),
                sealed: seal_answer(&key, &encode(&result))?,
                at: now,
            });
        }
        Ok((change, Committing { result, cancels }))
    }

    /// What a caller is answered once the store has spoken. None where the facts moved: decide again.
    async fn committed<R>(
        &self,
        committing: Committing<R>,
        outcome: Result<Committed, CommitError>,
    ) -> Done<Option<Answered<R>>> {
        match outcome {
            Ok(_) => {
                self.call_off(committing.cancels);
                self.0.wake.notify_one();
                Ok(Some(Answered::Now(committing.result)))
            }
            Err(CommitError::Answered(answer)) => {
                let encoded = self.0.keys.open_answer(&answer).await?;
                Ok(Some(Answered::Before(encoded)))
            }
            Err(CommitError::OtherRequest) => Err(CommandError::RequestReused),
            Err(CommitError::Stale(guard)) => {
                if let Guard::Overrides(tenant, _) = &guard {
                    self.0.known.forget(tenant);
                }
                Ok(None)
            }
            Err(CommitError::Taken(_)) => Ok(None),
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
        self.command(who, encode, || async {
            let facts = self.facts_for(who, id).await?;
            let mut draft = self.draft_on(&facts, &who.principal);
            act(&mut draft, &facts)?;
            self.case_decided(draft, &facts, &view).await
        })
        .await
    }

    /// What a draft did to a case, with all that follows from it.
    pub(crate) async fn case_decided<R: Send>(
        &self,
        mut draft: Draft,
        facts: &Facts,
        view: &impl AsyncView<R>,
    ) -> Done<Decided<R>> {
        draft.follows();
        self.stop_for_case(&mut draft, facts).await?;
        crate::stops::alarm_for_doubt(&mut draft, facts);
        if draft.has_entries() {
            self.schedule_next(&mut draft, facts).await;
        }
        let result = view.of(self, &draft, facts).await?;
        let key = self.0.keys.of_answer(facts.case.borrower).await?;
        Ok(Decided { draft, result, key })
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
