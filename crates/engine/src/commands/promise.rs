//! Promises to pay.

use super::AsyncView;
use crate::beside::Beside;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::types::{Answered, Caller, CaseView, Encode};
use jiff::civil::Date;
use recoup_domain::case::{self, Pause, PromiseRequest};
use recoup_domain::ids::{CaseId, ContactId, PauseId};
use recoup_domain::money::{Money, MoneyError};
use recoup_store::Facts;

/// A promise as told.
#[derive(Clone, Debug)]
pub struct PromiseInput {
    /// How much.
    pub amount: Money,
    /// By the end of which local day.
    pub due: Date,
    /// The contact it was made in.
    pub contact: Option<ContactId>,
    /// What was said; kept sealed.
    pub note: String,
}

/// A promise, and the case that rests on it.
#[derive(Clone, Debug)]
pub struct PromiseView {
    /// The case.
    pub case: CaseView,
    /// The pause that stands for the promise.
    pub pause: Pause,
    /// The promise that it took the place of.
    pub replaced: Option<PauseId>,
}

struct Show(PauseId);

impl AsyncView<PromiseView> for Show {
    async fn of(&self, engine: &Engine, draft: &Draft, facts: &Facts) -> Done<PromiseView> {
        let mut case = engine.view_in(draft, facts).await?;
        case.cancelling = draft.cancels().to_vec();
        let found = case.case.pauses.iter().find(|p| p.id == self.0).cloned();
        let missing = || CommandError::NotFound {
            what: "promise",
            id: self.0.to_string(),
        };
        let mut before = facts.case.pauses.iter();
        let replaced = before.find(|p| p.promise.is_some() && p.id != self.0);
        Ok(PromiseView {
            replaced: replaced.map(|p| p.id),
            pause: found.ok_or_else(missing)?,
            case,
        })
    }
}

impl Engine {
    /// Records a promise: contact pauses until its day and a day of grace have passed.
    ///
    /// # Errors
    /// Refused where the case is closed, the amount cannot be, or the day lies wrong.
    pub async fn record_promise(
        &self,
        who: &Caller,
        id: CaseId,
        input: PromiseInput,
        encode: Encode<'_, PromiseView>,
    ) -> Done<Answered<PromiseView>> {
        let pause = self.0.ids.pause();
        if let Some(contact) = input.contact {
            self.contact(&who.tenant, contact).await?;
        }
        let borrower = self.stored_case(&who.tenant, id).await?.borrower;
        let told = Beside::note(&input.note);
        let sealed = told.sealed_for(borrower, &self.0.keys).await?;
        let act = |draft: &mut Draft, facts: &Facts| {
            if input.amount.currency != facts.case.currency {
                let mixed = MoneyError::Mixed(facts.case.currency, input.amount.currency);
                return Err(case::Refusal::from(mixed).into());
            }
            let request = PromiseRequest {
                pause,
                amount: input.amount.minor,
                due: input.due,
                owner: who.principal.clone(),
            };
            let zone = facts.borrower.home_zone();
            let events = case::record_promise(&facts.case, request, draft.now, zone)?;
            draft.case_events(id, events);
            draft.seal_last(sealed.clone());
            Ok(())
        };
        self.on_case(who, id, encode, act, Show(pause)).await
    }
}
