//! Holds: somebody stops the contacts of a case, and lets them go on.

use super::read::ShowCase;
use crate::beside::Beside;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::Done;
use crate::types::{Answered, Caller, CaseView, Encode};
use jiff::Timestamp;
use recoup_domain::case::{self, PauseReason, PauseRequest};
use recoup_domain::ids::CaseId;
use recoup_domain::party::PartyEvent;
use recoup_domain::time::NEVER;
use recoup_store::Facts;

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

    /// Ends what holds a case: its holds, or where it has none a declared hardship. The ladder goes on.
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
        let act = |draft: &mut Draft, facts: &Facts| {
            for event in case::release_hold(&facts.case)? {
                draft.case_event(id, event);
                draft.seal_last(sealed.clone());
            }
            let borrower = &facts.borrower;
            let still = draft.case(id).is_some_and(|case| {
                let mut pauses = case.pauses.iter();
                pauses.any(|p| p.reason == PauseReason::Hardship)
            });
            if borrower.hardship_until.is_some() && !still {
                draft.party_event(borrower.id, PartyEvent::HardshipEnded);
            }
            Ok(())
        };
        self.on_case(who, id, encode, act, ShowCase).await
    }
}
