//! Disputes and complaints: raised by the person, settled by somebody of the lender.

use super::borrower::received;
use super::read::ShowCase;
use crate::beside::Beside;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::types::{Answered, Caller, CaseView, Encode};
use jiff::Timestamp;
use recoup_domain::case::{self, Objection, Refusal, Settlement};
use recoup_domain::ids::{CaseId, ContactId, ObjectionId, PauseId};
use recoup_store::Facts;

/// A dispute or a complaint as told.
#[derive(Clone, Debug)]
pub struct ObjectionInput {
    /// What is said; kept sealed.
    pub statement: String,
    /// When it was received; none means now.
    pub received_at: Option<Timestamp>,
}

/// How a dispute was settled, as told.
#[derive(Clone, Debug)]
pub struct SettlementInput {
    /// The debt stands; otherwise the borrower was right.
    pub verified: bool,
    /// When verification was sent to the borrower; none where it was not.
    pub sent_at: Option<Timestamp>,
    /// What was found; kept sealed.
    pub note: String,
}

impl Engine {
    /// Records that the debt or its amount is disputed; the newest pause of the case stands for it. Contact
    /// pauses, and what was accepted is called off.
    ///
    /// # Errors
    /// Refused where the case is closed; Invalid where it was received ahead of now.
    pub async fn raise_dispute(
        &self,
        who: &Caller,
        id: CaseId,
        input: ObjectionInput,
        written: bool,
        encode: Encode<'_, CaseView>,
    ) -> Done<Answered<CaseView>> {
        let verb = |case: &case::Case, o| case::raise_dispute(case, o, written);
        self.object(who, id, input, verb, encode).await
    }

    /// Records a complaint; the newest pause of the case stands for it. Contact pauses, and what was accepted is
    /// called off.
    ///
    /// # Errors
    /// Refused where the case is closed; Invalid where it was received ahead of now; NotFound for `contact`.
    pub async fn file_complaint(
        &self,
        who: &Caller,
        id: CaseId,
        input: ObjectionInput,
        contact: Option<ContactId>,
        encode: Encode<'_, CaseView>,
    ) -> Done<Answered<CaseView>> {
        let mut input = input;
        if let Some(contact) = contact {
            self.contact(&who.tenant, contact).await?;
            input.statement = format!("{contact}: {}", input.statement);
        }
        self.object(who, id, input, case::file_complaint, encode)
            .await
    }

    async fn object(
        &self,
        who: &Caller,
        id: CaseId,
        input: ObjectionInput,
        verb: impl Fn(&case::Case, Objection) -> Result<Vec<case::CaseEvent>, Refusal> + Send + Sync,
        encode: Encode<'_, CaseView>,
    ) -> Done<Answered<CaseView>> {
        let pause = self.0.ids.pause();
        let borrower = self.stored_case(&who.tenant, id).await?.borrower;
        let told = Beside::note(&input.statement);
        let sealed = told.sealed_for(borrower, &self.0.keys).await?;
        let act = |draft: &mut Draft, facts: &Facts| {
            let received_at = received(draft.now, input.received_at)?;
            let objection = Objection {
                pause,
                owner: who.principal.clone(),
                received_at,
            };
            draft.effective(received_at);
            for event in verb(&facts.case, objection)? {
                let is_pause = matches!(event, case::CaseEvent::Paused(_));
                draft.case_event(id, event);
                if is_pause {
                    draft.seal_last(sealed.clone());
                }
            }
            Ok(())
        };
        self.on_case(who, id, encode, act, ShowCase).await
    }

    /// Settles a dispute. The ladder goes on where the debt stands; where the borrower was right, the case stays
    /// on hold for the lender to correct it or close it.
    ///
    /// # Errors
    /// NotFound for a dispute that is not there or was settled.
    pub async fn resolve_dispute(
        &self,
        who: &Caller,
        id: ObjectionId,
        input: SettlementInput,
        encode: Encode<'_, CaseView>,
    ) -> Done<Answered<CaseView>> {
        let hold = self.0.ids.pause();
        let borrower = self.objected(who, id, "dispute").await?.borrower;
        let told = Beside::note(&input.note);
        let sealed = told.sealed_for(borrower, &self.0.keys).await?;
        let act = |draft: &mut Draft, facts: &Facts| {
            let settlement = Settlement {
                verified: input.verified,
                sent: input.sent_at.is_some(),
                hold: (hold, who.principal.clone()),
            };
            let events = case::resolve_dispute(&facts.case, id.pause, settlement, draft.now)?;
            // A debt that stands is verified from when the borrower was told so; one that does not, from now on.
            let verified_at = input.sent_at.filter(|_| input.verified);
            draft.effective(verified_at.unwrap_or(draft.now));
            for event in events {
                let resolves = matches!(event, case::CaseEvent::DisputeResolved { .. });
                draft.case_event(id.case, event);
                if resolves {
                    draft.seal_last(sealed.clone());
                    draft.follows();
                }
            }
            Ok(())
        };
        self.on_case(who, id.case, encode, act, ShowCase).await
    }

    /// Settles a complaint. Who recorded it cannot: a second person must.
    ///
    /// # Errors
    /// NotFound for a complaint that is not there or was settled; SamePerson for who recorded it.
    pub async fn resolve_complaint(
        &self,
        who: &Caller,
        id: ObjectionId,
        upheld: bool,
        note: String,
        encode: Encode<'_, CaseView>,
    ) -> Done<Answered<CaseView>> {
        let borrower = self.objected(who, id, "complaint").await?.borrower;
        let sealed = Beside::note(note)
            .sealed_for(borrower, &self.0.keys)
            .await?;
        let act = |draft: &mut Draft, facts: &Facts| {
            let events = case::resolve_complaint(&facts.case, id.pause, upheld)?;
            must_be_another(who, &facts.case, id.pause)?;
            draft.case_events(id.case, events);
            draft.seal_last(sealed.clone());
            Ok(())
        };
        self.on_case(who, id.case, encode, act, ShowCase).await
    }

    /// The case of a dispute or complaint; one of another lender does not exist.
    async fn objected(
        &self,
        who: &Caller,
        id: ObjectionId,
        what: &'static str,
    ) -> Done<case::Case> {
        let missing = || CommandError::NotFound {
            what,
            id: id.text(what),
        };
        let case = self.0.store.case(&who.tenant, id.case).await?;
        case.ok_or_else(missing)
    }
}

fn must_be_another(who: &Caller, case: &case::Case, pause: PauseId) -> Done<()> {
    let mut pauses = case.pauses.iter();
    let own = pauses.any(|p| p.id == pause && p.owner == who.principal);
    if !own {
        return Ok(());
    }
    Err(CommandError::SamePerson {
        principal: who.principal.clone(),
        did: "recorded the complaint",
        wants: "settle it",
    })
}
