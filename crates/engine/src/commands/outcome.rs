//! What came of a contact, as somebody tells it: the first report settles it, a later one that differs corrects
//! it. Both stay on record (docs/decisions/corrections.md).

use crate::beside::Beside;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done, Violation};
use crate::settle::{self, Evidence};
use crate::stops::PartyStop;
use crate::types::{Answered, Caller, ContactView, Encode, Report};
use recoup_domain::case::{CaseEvent, SkipReason};
use recoup_domain::contact::{Contact, ContactState};
use recoup_domain::journal::{ContactEvent, Entry, What};
use recoup_domain::{Outcome, correction};
use recoup_store::{Facts, JournalFilter, Recorded};

impl Engine {
    /// What an agent, the field app or a law firm says came of a contact. The same once more changes nothing; what
    /// differs from what was told before corrects it, and what follows from it is as if it had been told so at
    /// once, from now on.
    ///
    /// # Errors
    /// ContactState where nothing is awaited of it and nothing was told that could be corrected; Invalid where it
    /// happened ahead of now, cannot come of such a contact, or contradicts the carrier without evidence.
    pub async fn report_outcome(
        &self,
        who: &Caller,
        report: Report,
        encode: Encode<'_, ContactView>,
    ) -> Done<Answered<ContactView>> {
        let id = report.contact;
        let told = Beside {
            note: report.note.clone(),
            reporter: report.reporter.clone(),
            evidence: report.evidence.clone(),
            collectors: report.collectors.clone(),
            ..Beside::default()
        };
        let sealed = self.beside_contact(who, id, &told).await?;
        self.command(who, encode, || async {
            let (mut draft, contact, facts) = self.contact_draft(who, id).await?;
            if contact.party != facts.borrower.id
                && let Some(party) = self.0.store.party(&who.tenant, contact.party).await?
            {
                draft.hold_party(party);
            }
            can_be_told(&draft, &contact, &report)?;
            let evidence = Evidence::Outcome {
                outcome: report.outcome,
                at: report.at,
            };
            if settle::apply(&mut draft, id, &evidence) {
                draft.seal_last(sealed.clone());
            } else if contact.outcome != Some(report.outcome) {
                self.correct(&mut draft, &contact, &report).await?;
                draft.seal_last(sealed.clone());
                self.ask_again(&mut draft, &facts, &contact).await?;
            }
            self.follow_point(&mut draft, &facts, &contact).await?;
            self.contact_decided(draft, contact, &facts).await
        })
        .await
    }

    /// Puts on record that what was told before was wrong.
    async fn correct(&self, draft: &mut Draft, contact: &Contact, report: &Report) -> Done<()> {
        let Some(was) = contact.outcome.filter(|_| contact.state.is_correctable()) else {
            return Err(CommandError::ContactState {
                contact: contact.id.to_string(),
                state: contact.state,
                needs: "an outcome is reported of a contact that was accepted, and corrected once it was reported",
            });
        };
        let journal = self.journal_of(contact).await?;
        let entries: Vec<&Entry> = journal.iter().map(|r| &r.entry).collect();
        if was_told_by_carrier(&entries, contact) && report.evidence.is_empty() {
            let problem = format!(
                "the carrier itself reported {was}; a report that contradicts it names its proof by reference and hash"
            );
            let violation = Violation::new("evidence", problem);
            return Err(CommandError::Invalid(vec![violation]));
        }
        let proven = report.outcome.meaning().effect_proven;
        let earliest = contact.intent_at.unwrap_or(contact.planned_at);
        let at = report.at.unwrap_or(draft.now).max(earliest);
        let taught = contact
            .point
            .and_then(|point| correction::taught(&entries, contact.id, report.outcome, at, point));
        let corrected = ContactEvent::Corrected {
            was,
            to: match proven {
                true => ContactState::Effected,
                false => ContactState::Failed,
            },
            outcome: report.outcome,
            point: contact.point,
            taught,
            at,
        };
        draft.contact_event(contact.id, corrected);
        Ok(())
    }

    /// All that is on record of the person contacted, and of contacts with them.
    async fn journal_of(&self, contact: &Contact) -> Done<Vec<Recorded>> {
        let filter = JournalFilter {
            tenant: Some(contact.tenant.clone()),
            party: Some(contact.party),
            ..JournalFilter::default()
        };
        Ok(self.0.store.journal(&filter, 0, usize::MAX).await?)
    }

    /// Steps that were passed over because of an outcome that was none are asked again.
    async fn ask_again(&self, draft: &mut Draft, facts: &Facts, contact: &Contact) -> Done<()> {
        let filter = JournalFilter {
            tenant: Some(contact.tenant.clone()),
            case: Some(contact.id.case),
            ..JournalFilter::default()
        };
        let journal = self.0.store.journal(&filter, 0, usize::MAX).await?;
        let mut by_outcome = false;
        for row in &journal {
            match &row.entry.what {
                What::Case {
                    event: CaseEvent::StepsReopened,
                    ..
                } => by_outcome = false,
                What::Case {
                    event: CaseEvent::StepSkipped { why, .. },
                    ..
                } => {
                    by_outcome |= matches!(why, SkipReason::NoTarget | SkipReason::ByOutcome { .. })
                }
                _ => {}
            }
        }
        if by_outcome {
            super::borrower::reopen(draft, facts);
        }
        Ok(())
    }

    /// What the report says of the number or address that was used: where it cannot be used any more, what is under
    /// way to it is called off; where it can be used again, steps of all cases are asked again.
    async fn follow_point(&self, draft: &mut Draft, facts: &Facts, contact: &Contact) -> Done<()> {
        let Some(point) = contact.point else {
            return Ok(());
        };
        let before = match contact.party == facts.borrower.id {
            true => Some(facts.borrower.clone()),
            false => self.0.store.party(&contact.tenant, contact.party).await?,
        };
        let state = |party: Option<&recoup_domain::Party>| {
            party.and_then(|p| p.point(point)).map(|p| p.state)
        };
        let (before, after) = (state(before.as_ref()), state(draft.party(contact.party)));
        let usable = Some(recoup_domain::party::PointState::Usable);
        if before == after {
            return Ok(());
        }
        if after == usable {
            return self.follow_lift(draft, contact.party).await;
        }
        let stop = PartyStop::OptOut(None, Some(point));
        self.follow_stop(draft, contact.party, &stop).await
    }
}

/// Whether what is told can be true of the contact.
fn can_be_told(draft: &Draft, contact: &Contact, report: &Report) -> Done<()> {
    let invalid = |field, problem| Err(CommandError::Invalid(vec![Violation::new(field, problem)]));
    if let Some(at) = report.at.filter(|at| *at > draft.now) {
        let problem = format!("{at} lies ahead of now ({})", draft.now);
        return invalid("occurred_time", problem);
    }
    if report.outcome == Outcome::Unknown {
        let problem = "report what came of it; unknown it is already".to_owned();
        return invalid("outcome", problem);
    }
    if !report.outcome.fits(contact.class) {
        let there_are: Vec<_> = Outcome::of_class(contact.class)
            .map(Outcome::name)
            .collect();
        let problem = format!(
            "{} cannot come of a contact of channel {}; there are {}",
            report.outcome,
            contact.class,
            there_are.join(", ")
        );
        return invalid("outcome", problem);
    }
    // A person was told that it may have gone out though it should not: that is not cleared by a word alone.
    if contact.state == ContactState::CancelUnknown && report.evidence.is_empty() {
        let problem = "nobody can say whether it was called off: a report of it names its proof by reference and \
                       hash, or ResolveUnknown settles it";
        return invalid("evidence", problem.to_owned());
    }
    // Only the carrier, asked by a cancel, can say that what it took will not happen: a contact that was
    // called off counts as none, and the next one would go at once.
    let is_called_off = matches!(
        contact.state,
        ContactState::Cancelling | ContactState::CancelUnknown | ContactState::Cancelled
    );
    if report.outcome == Outcome::Cancelled && !is_called_off {
        return Err(CommandError::ContactState {
            contact: contact.id.to_string(),
            state: contact.state,
            needs: "only one that is being called off can be reported as called off; CancelContact \
                    asks the carrier",
        });
    }
    Ok(())
}

/// Whether what stands was told by a channel, and not by a person.
fn was_told_by_carrier(entries: &[&Entry], contact: &Contact) -> bool {
    let told = |entry: &&&Entry| {
        let event = match &entry.what {
            What::Contact { id, event, .. } if *id == contact.id => event,
            _ => return false,
        };
        matches!(
            event,
            ContactEvent::Settled { .. }
                | ContactEvent::Learned { .. }
                | ContactEvent::Corrected { .. }
        )
    };
    let last = entries.iter().rev().find(told);
    last.is_some_and(|entry| entry.actor.starts_with("channel:"))
}
