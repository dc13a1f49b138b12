//! Holds: somebody stops the contacts of a case, and lets them go on.

use super::read::ShowCase;
use crate::beside::Beside;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::Done;
use crate::types::{Answered, Caller, CaseView, Encode};
use jiff::Timestamp;
use recoup_domain::case::{self, Case, PauseReason, PauseRequest};
use recoup_domain::ids::CaseId;
use recoup_domain::party::PartyEvent;
use recoup_domain::time::NEVER;
use recoup_store::{Facts, Guard};

/// A hold as told.
#[derive(Clone, Debug)]
pub struct HoldInput {
    /// Why; kept sealed.
    pub reason: String,
    /// When it ends by itself; none where only a person ends it.
    pub until: Option<Timestamp>,
}

impl Engine {
    /// Stops the contacts of a case until an end or a release. What was accepted is called off.
    ///
    /// # Errors
    /// Refused where the case is closed or the end is not ahead.
    pub async fn hold_case(
        &self,
        who: &Caller,
        id: CaseId,
        input: HoldInput,
        encode: Encode<'_, CaseView>,
    ) -> Done<Answered<CaseView>> {
        let pause = self.0.ids.pause();
        let borrower = self.stored_case(&who.tenant, id).await?.borrower;
        let told = Beside::note(&input.reason);
        let sealed = told.sealed_for(borrower, &self.0.keys).await?;
        let act = |draft: &mut Draft, facts: &Facts| {
            let request = PauseRequest {
                id: pause,
                reason: PauseReason::Hold,
                owner: who.principal.clone(),
                until: input.until.unwrap_or(NEVER),
            };
            draft.case_events(id, case::pause(&facts.case, request, draft.now)?);
            draft.seal_last(sealed.clone());
            Ok(())
        };
        self.on_case(who, id, encode, act, ShowCase).await
    }

    /// Ends what holds a case: its holds, or where it has none a declared hardship. The ladder goes on. The person's
    /// hardship has ended with that where it holds no other case of theirs.
    ///
    /// # Errors
    /// Refused where nothing holds it.
    pub async fn release_hold(
        &self,
        who: &Caller,
        id: CaseId,
        note: String,
        encode: Encode<'_, CaseView>,
    ) -> Done<Answered<CaseView>> {
        let borrower = self.stored_case(&who.tenant, id).await?.borrower;
        let sealed = Beside::note(note)
            .sealed_for(borrower, &self.0.keys)
            .await?;
        self.command(who, encode, || async {
            let facts = self.facts_for(who, id).await?;
            let mut draft = self.draft_on(&facts, &who.principal);
            for event in case::release_hold(&facts.case)? {
                draft.case_event(id, event);
                draft.seal_last(sealed.clone());
            }
            self.end_hardship_held_by_none(&mut draft, &facts).await?;
            self.case_decided(draft, &facts, &ShowCase).await
        })
        .await
    }

    async fn end_hardship_held_by_none(&self, draft: &mut Draft, facts: &Facts) -> Done<()> {
        let (borrower, own) = (&facts.borrower, facts.case.id);
        if borrower.hardship_until.is_none() || draft.case(own).is_some_and(is_in_hardship) {
            return Ok(());
        }
        let all = self
            .0
            .store
            .open_cases_of(draft.tenant(), borrower.id)
            .await?;
        let others: Vec<_> = all.iter().filter(|case| case.id != own).collect();
        // Two that are released at once see one another.
        for other in &others {
            draft.guard(Guard::Case(other.id, other.version));
        }
        if !others.into_iter().any(is_in_hardship) {
            draft.party_event(borrower.id, PartyEvent::HardshipEnded);
        }
        Ok(())
    }
}

fn is_in_hardship(case: &Case) -> bool {
    let mut pauses = case.pauses.iter();
    pauses.any(|p| p.reason == PauseReason::Hardship)
}
