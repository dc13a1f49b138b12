//! Commands on contacts: a person approves, calls off, or reports.

use super::Decided;
use super::read::contact_view;
use crate::beside::Beside;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::types::{Answered, Caller, ContactView, Encode};
use recoup_domain::Outcome;
use recoup_domain::case::{CaseEvent, SkipReason};
use recoup_domain::contact::{Contact, ContactState, Origin};
use recoup_domain::ids::ContactId;
use recoup_domain::journal::{ContactEvent, What};
use recoup_domain::sealed::Sealed;
use recoup_store::Facts;

/// What became of a contact that nobody knew of, as told.
#[derive(Clone, Debug)]
pub struct ResolutionInput {
    /// The carrier took it; otherwise it never had it.
    pub accepted: bool,
    /// The proof: reference and SHA-256; kept sealed.
    pub evidence: (String, String),
    /// Why; kept sealed.
    pub reason: String,
}

impl Engine {
    /// Approves a contact that waits for a person. Who wrote the policy that asks for it cannot: a second person
    /// must. It is judged anew and goes as soon as law permits.
    ///
    /// # Errors
    /// ContactState where it does not wait; SamePerson for the policy's author.
    pub async fn approve_contact(
        &self,
        who: &Caller,
        id: ContactId,
        note: String,
        encode: Encode<'_, ContactView>,
    ) -> Done<Answered<ContactView>> {
        let sealed = self.beside_contact(who, id, &Beside::note(note)).await?;
        let act = |draft: &mut Draft, contact: &Contact, facts: &Facts| {
            must_wait(contact)?;
            self.must_not_be_author(who, facts)?;
            if contact.approved_by.is_none() {
                let by = who.principal.clone();
                draft.contact_event(id, ContactEvent::Approved { by });
                draft.seal_last(sealed.clone());
            }
            Ok(())
        };
        self.on_contact(who, id, encode, act).await
    }

    /// What is told of a contact, sealed under the key of the person contacted.
    pub(super) async fn beside_contact(
        &self,
        who: &Caller,
        id: ContactId,
        told: &Beside,
    ) -> Done<Sealed> {
        if *told == Beside::default() {
            return Ok(Sealed::default());
        }
        let contact = self.0.store.contact(&who.tenant, id).await?;
        let missing = || CommandError::NotFound {
            what: "contact",
            id: id.to_string(),
        };
        let person = contact.ok_or_else(missing)?.party;
        told.sealed_for(person, &self.0.keys).await
    }

    fn must_not_be_author(&self, who: &Caller, facts: &Facts) -> Done<()> {
        let pin = facts.case.policy.as_ref();
        let author = pin
            .and_then(|p| self.0.library.policy(&who.tenant, &p.name, p.version))
            .map(|(stored, _)| stored.author);
        if author.as_ref() == Some(&who.principal) {
            return Err(CommandError::SamePerson {
                principal: who.principal.clone(),
                did: "wrote the policy that asks for this contact",
                wants: "approve it",
            });
        }
        Ok(())
    }

    /// Calls a contact off: one that waits is dropped, an accepted one is called off at the carrier.
    ///
    /// # Errors
    /// ContactState where it has taken effect, or nothing can be called off any more.
    pub async fn cancel_contact(
        &self,
        who: &Caller,
        id: ContactId,
        reason: String,
        encode: Encode<'_, ContactView>,
    ) -> Done<Answered<ContactView>> {
        let sealed = self.beside_contact(who, id, &Beside::note(reason)).await?;
        let act = |draft: &mut Draft, contact: &Contact, _: &Facts| {
            match contact.state {
                ContactState::Planned => {
                    draft.contact_event(
                        id,
                        ContactEvent::Moved {
                            to: ContactState::Cancelled,
                        },
                    );
                    draft.seal_last(sealed.clone());
                    // Else the same contact would stand there again at once: a person has said no to the step.
                    if let Some(place) = &contact.place {
                        let skipped = CaseEvent::StepSkipped {
                            stage: place.stage,
                            step: place.step,
                            why: SkipReason::CalledOff,
                        };
                        draft.case_event(id.case, skipped);
                    }
                    return Ok(());
                }
                state if self.is_beyond_recall(contact, draft.now) => {
                    return Err(CommandError::ContactState {
                        contact: id.to_string(),
                        state,
                        needs: "its carrier has it already, and its channel cannot call anything off",
                    });
                }
                _ if contact.can_be_called_off(draft.now) => self.begin_cancel(draft, id),
                state => {
                    return Err(CommandError::ContactState {
                        contact: id.to_string(),
                        state,
                        needs: "only one that waits, or was accepted and has had no effect yet, can be called off",
                    });
                }
            }
            draft.seal_last(sealed.clone());
            Ok(())
        };
        self.on_contact(who, id, encode, act).await
    }

    /// Settles by evidence what became of a contact that nobody knows of: the carrier took it, or never had it; where
    /// it is its cancel that nobody knows of, the carrier still has it, or called it off. Who asked for it by hand or
    /// approved it cannot: a second person must. One that was taken and that a fact forbids meanwhile, or whose
    /// override was revoked, is called off.
    ///
    /// # Errors
    /// ContactState where neither it nor its cancel is unknown; SamePerson.
    pub async fn resolve_unknown(
        &self,
        who: &Caller,
        id: ContactId,
        input: ResolutionInput,
        encode: Encode<'_, ContactView>,
    ) -> Done<Answered<ContactView>> {
        let accepted = input.accepted;
        let told = Beside {
            evidence: vec![input.evidence],
            ..Beside::note(input.reason)
        };
        let sealed = self.beside_contact(who, id, &told).await?;
        let asked_by = self.asked_by(id).await?;
        let act = |draft: &mut Draft, contact: &Contact, facts: &Facts, overtaken: bool| {
            let uncancelled = contact.state == ContactState::CancelUnknown;
            if contact.state != ContactState::Unknown && !uncancelled {
                return Err(CommandError::ContactState {
                    contact: id.to_string(),
                    state: contact.state,
                    needs: "only one that nobody knows of (UNKNOWN, CANCEL_UNKNOWN) is settled by evidence",
                });
            }
            let own = [asked_by.as_ref(), contact.approved_by.as_ref()];
            if own.contains(&Some(&who.principal)) {
                return Err(CommandError::SamePerson {
                    principal: who.principal.clone(),
                    did: "asked for the contact, or approved it,",
                    wants: "settle what became of it",
                });
            }
            let moved = |to| ContactEvent::Moved { to };
            draft.contact_event(
                id,
                match (accepted, uncancelled) {
                    (true, _) => moved(ContactState::Accepted),
                    (false, false) => moved(ContactState::ProvenNotSent),
                    (false, true) => ContactEvent::Settled {
                        to: ContactState::Cancelled,
                        outcome: Outcome::Cancelled,
                        point: contact.point,
                        at: draft.now,
                    },
                },
            );
            draft.seal_last(sealed.clone());
            // Whoever showed that it stands as it was knows it: where nothing can be asked of the carrier, it is
            // theirs, and not in doubt again.
            if accepted && (!uncancelled || self.can_cancel(contact)) {
                // What was being called off is asked for once more.
                self.is_taken_after_all(draft, contact, facts, uncancelled || overtaken);
            }
            Ok(())
        };
        self.command(who, encode, || async {
            let (mut draft, contact, facts) = self.contact_draft(who, id).await?;
            let overtaken = self.is_overtaken(&draft, &facts, &contact).await?;
            act(&mut draft, &contact, &facts, overtaken)?;
            self.contact_decided(draft, contact, &facts).await
        })
        .await
    }

    /// Who asked for a contact by hand; nobody for one of the policy.
    async fn asked_by(&self, id: ContactId) -> Done<Option<String>> {
        let filter = recoup_store::JournalFilter {
            case: Some(id.case),
            ..Default::default()
        };
        let journal = self.0.store.journal(&filter, 0, usize::MAX).await?;
        let asked = journal.into_iter().find_map(|r| match r.entry.what {
            What::Contact {
                id: of,
                event: ContactEvent::Intended(contact),
                ..
            } if of == id && contact.origin == Origin::Hand => Some(r.entry.actor),
            _ => None,
        });
        Ok(asked)
    }

    async fn on_contact(
        &self,
        who: &Caller,
        id: ContactId,
        encode: Encode<'_, ContactView>,
        act: impl Fn(&mut Draft, &Contact, &Facts) -> Done<()> + Send + Sync,
    ) -> Done<Answered<ContactView>> {
        self.command(who, encode, || async {
            let (mut draft, contact, facts) = self.contact_draft(who, id).await?;
            act(&mut draft, &contact, &facts)?;
            self.contact_decided(draft, contact, &facts).await
        })
        .await
    }

    /// A draft that holds a contact, its case and whom it concerns.
    pub(super) async fn contact_draft(
        &self,
        who: &Caller,
        id: ContactId,
    ) -> Done<(Draft, Contact, Facts)> {
        let missing = || CommandError::NotFound {
            what: "contact",
            id: id.to_string(),
        };
        let contact = self.0.store.contact(&who.tenant, id).await?;
        let contact = contact.ok_or_else(missing)?;
        let facts = self.facts_of(id.case).await?.ok_or_else(missing)?;
        let mut draft = self.draft_on(&facts, &who.principal);
        draft.hold_contact(contact.clone());
        self.hold_person(&mut draft, &contact).await?;
        Ok((draft, contact, facts))
    }

    /// What the draft did to a contact, with all that follows for its case.
    pub(super) async fn contact_decided(
        &self,
        mut draft: Draft,
        contact: Contact,
        facts: &Facts,
    ) -> Done<Decided<ContactView>> {
        if draft.has_entries() {
            crate::stops::alarm_or_calm(&mut draft, facts);
            self.schedule_after_contact(&mut draft, facts).await;
        }
        let key = self.0.keys.of_answer(contact.party).await?;
        let mut result = contact_view(draft.contact(contact.id).cloned().unwrap_or(contact));
        self.told_of(&mut result, draft.entries()).await?;
        Ok(Decided { draft, result, key })
    }

    /// An approval is seen by the planner alone: the case is due now. Anything else says when it is due.
    async fn schedule_after_contact(&self, draft: &mut Draft, facts: &Facts) {
        self.schedule_next(draft, facts).await;
        let waits = draft
            .contacts_of(facts.case.id)
            .any(|c| c.state == ContactState::Planned);
        if waits {
            let now = draft.now;
            draft.schedule(facts.case.id, Some(now));
        }
    }
}

fn must_wait(contact: &Contact) -> Done<()> {
    if contact.state == ContactState::Planned {
        return Ok(());
    }
    Err(CommandError::ContactState {
        contact: contact.id.to_string(),
        state: contact.state,
        needs: "only a contact that waits for a person (PLANNED) can be approved",
    })
}
