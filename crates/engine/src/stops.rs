//! Stop facts: whoever pays today is not visited tomorrow. What a fact overtakes is called off in the
//! fact's own transaction.

use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::Done;
use jiff::Timestamp;
use recoup_domain::case::WorklistReason;
use recoup_domain::contact::{Contact, ContactClass, ContactState};
use recoup_domain::ids::{CaseId, ContactId, KeyedHash};
use recoup_domain::journal::ContactEvent;
use recoup_domain::party::{Consent, ConsentKind};
use recoup_domain::past::PastContact;
use recoup_domain::{Case, Party};
use recoup_store::Facts;

impl Engine {
    /// Begins to call off every contact of the facts that was accepted, has not reached the person yet,
    /// and is meant by `meant`; what waits for a person is dropped.
    pub(crate) async fn call_off_where(
        &self,
        draft: &mut Draft,
        facts: &Facts,
        meant: impl Fn(&PastContact) -> bool,
    ) -> Done<()> {
        let open = |c: &&PastContact| {
            matches!(
                c.state,
                Some(ContactState::Accepted | ContactState::Planned)
            ) && meant(c)
        };
        for id in facts.contacts.iter().filter(open).filter_map(|c| c.id) {
            if draft.contact(id).is_none() {
                let Some(contact) = self.0.store.contact(&facts.case.tenant, id).await? else {
                    continue;
                };
                draft.hold_contact(contact);
            }
            self.call_off_one(draft, id);
        }
        Ok(())
    }

    pub(crate) fn call_off_one(&self, draft: &mut Draft, id: ContactId) {
        let Some(contact) = draft.contact(id) else {
            return;
        };
        if contact.state == ContactState::Planned {
            draft.contact_event(
                id,
                ContactEvent::Moved {
                    to: ContactState::Suppressed,
                },
            );
        } else if contact.can_be_called_off(draft.now) {
            self.begin_cancel(draft, id);
        }
    }

    /// Whether nothing is to be asked and nobody to be told: the carrier had it at once, and its channel cannot call
    /// anything off. What still lies ahead is never so: it gets its cancel, or a person.
    pub(crate) fn is_beyond_recall(&self, contact: &Contact, now: Timestamp) -> bool {
        let lane = self.0.channels.of(contact);
        // Of a channel that is not loaded nobody knows what it can do.
        contact.is_handed_over(now) && lane.is_some_and(|lane| !lane.handle.can_cancel())
    }

    /// Whether a contact's channel can call off what its carrier took.
    pub(crate) fn can_cancel(&self, contact: &Contact) -> bool {
        let lane = self.0.channels.of(contact);
        lane.is_some_and(|lane| lane.handle.can_cancel())
    }

    /// The cancel intent: durable before the carrier is asked. Where the channel cannot call anything off, what was
    /// with the carrier already stays so; of what lies ahead it is at once not known whether it will take effect.
    pub(crate) fn begin_cancel(&self, draft: &mut Draft, id: ContactId) {
        let Some(contact) = draft.contact(id) else {
            return;
        };
        if self.is_beyond_recall(contact, draft.now) {
            return draft.contact_event(id, ContactEvent::BeyondRecall);
        }
        let can_cancel = self.can_cancel(contact);
        let moved = |to| ContactEvent::Moved { to };
        draft.contact_event(id, moved(ContactState::Cancelling));
        if can_cancel {
            draft.cancel_after(id);
        } else {
            draft.contact_event(id, moved(ContactState::CancelUnknown));
        }
    }

    /// Calls off what the events of a case overtake: everything where it closes or pauses; a visit also
    /// where money came in without curing it.
    pub(crate) async fn stop_for_case(&self, draft: &mut Draft, facts: &Facts) -> Done<()> {
        let id = facts.case.id;
        let Some(case) = draft.case(id) else {
            return Ok(());
        };
        let stands_still = case.closed.is_some() || !case.pauses.is_empty();
        let paid = case.payments.len() > facts.case.payments.len();
        if !stands_still && !paid {
            return Ok(());
        }
        let of_case = |c: &PastContact| c.id.is_some_and(|c| c.case == id);
        let meant =
            |c: &PastContact| of_case(c) && (stands_still || c.class == ContactClass::Visit);
        self.call_off_where(draft, facts, meant).await?;
        self.call_off_others(draft, facts, meant).await
    }

    /// Calls off what a right of the person overtakes, over all cases.
    pub(crate) async fn stop_for_party(
        &self,
        draft: &mut Draft,
        all: &[Facts],
        scope: &PartyStop,
    ) -> Done<()> {
        for facts in all {
            let id = facts.case.id;
            let of_case = |c: &PastContact| c.id.is_some_and(|c| c.case == id);
            let party = draft.party(facts.borrower.id).cloned();
            let party = party.unwrap_or_else(|| facts.borrower.clone());
            let meant = |c: &PastContact| of_case(c) && scope.covers(&facts.case, &party, c);
            self.call_off_where(draft, facts, meant).await?;
            // Who must be left alone is not asked after either.
            if matches!(scope, PartyStop::Cease(_)) {
                let meant = |c: &PastContact| of_case(c) && scope.covers(&facts.case, &party, c);
                self.call_off_others(draft, facts, meant).await?;
            }
        }
        Ok(())
    }
}

/// What a right of a person stops.
pub(crate) enum PartyStop {
    /// A medium, or all; one number or address, or all.
    OptOut(Option<ContactClass>, Option<KeyedHash>),
    /// All contact about a debt, or about all.
    Cease(Option<CaseId>),
    /// Whatever the facts of the person forbid now.
    Standing,
    /// What a consent may have allowed, for it was taken back.
    Consent(Consent),
    /// Nothing: a stop was lifted.
    Nothing,
}

impl PartyStop {
    /// Whether it lifts what stood against steps of the ladder.
    pub(crate) const fn lifts(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    pub(crate) fn covers(&self, case: &Case, party: &Party, contact: &PastContact) -> bool {
        match self {
            Self::OptOut(class, point) => {
                class.is_none_or(|c| c == contact.class)
                    && point.is_none_or(|p| Some(p) == contact.point)
            }
            // A referral is no contact with the person: a cease does not take it back.
            Self::Cease(debt) => {
                debt.is_none_or(|d| d == case.id) && contact.class != ContactClass::Legal
            }
            Self::Standing => party.forbids(&contact.into()),
            Self::Consent(consent) => {
                let about = consent.is_about(consent.kind, case.id, contact.class, contact.point);
                about && may_rest_on(consent.kind, contact.class)
            }
            Self::Nothing => false,
        }
    }
}

/// Whether a contact of `class` may have been allowed by a consent. Which one was is not kept: all are called
/// off, and what may be made without the consent is planned anew.
fn may_rest_on(kind: ConsentKind, class: ContactClass) -> bool {
    match kind {
        ConsentKind::OffHours | ConsentKind::MoreAttemptsAgreed => class != ContactClass::Legal,
        ConsentKind::ExtraCalls => class == ContactClass::Phone,
        ConsentKind::MoreVisitsWritten => class == ContactClass::Visit,
        ConsentKind::WorkEmail => class == ContactClass::Email,
        ConsentKind::Electronic => matches!(class, ContactClass::Sms | ContactClass::Email),
    }
}

/// What a person must hear of after a fact: contacts that nobody can say were called off, and doubtful ones that
/// may still reach the person.
pub(crate) fn alarm_for_doubt(draft: &mut Draft, facts: &Facts) {
    let case = facts.case.id;
    if is_cancel_in_doubt(draft, case) {
        draft.list(case, WorklistReason::CancelInDoubt);
    } else if draft.has_entries() && doubtful(draft, facts).next().is_some() {
        draft.list(case, WorklistReason::SendingInDoubt);
    }
}

/// After word came of a contact: a person must hear where it could not be called off, and need not look at the case
/// any more where nothing of it is in doubt.
pub(crate) fn alarm_or_calm(draft: &mut Draft, facts: &Facts) {
    let case = facts.case.id;
    if is_cancel_in_doubt(draft, case) {
        return draft.list(case, WorklistReason::CancelInDoubt);
    }
    let is_ours = draft.listed(case).is_some_and(WorklistReason::is_doubt);
    let in_doubt = |c: &PastContact| c.state == Some(ContactState::CancelUnknown);
    let others = still_as_read(draft, facts).any(in_doubt);
    if is_ours && !others && doubtful(draft, facts).next().is_none() {
        draft.off_worklist(case);
    }
}

fn is_cancel_in_doubt(draft: &Draft, case: CaseId) -> bool {
    let mut contacts = draft.contacts_of(case);
    contacts.any(|c| c.state == ContactState::CancelUnknown)
}

/// Contacts of the case that may have been sent, and may still reach the person.
fn doubtful<'a>(draft: &'a Draft, facts: &'a Facts) -> impl Iterator<Item = &'a PastContact> {
    let now = draft.now;
    let may_reach =
        move |c: &&PastContact| c.state == Some(ContactState::Unknown) && now < c.effect.to;
    still_as_read(draft, facts).filter(may_reach)
}

/// Contacts of the case that the draft has not moved.
fn still_as_read<'a>(draft: &'a Draft, facts: &'a Facts) -> impl Iterator<Item = &'a PastContact> {
    let case = facts.case.id;
    let own = move |c: &&PastContact| c.id.is_some_and(|id| id.case == case);
    let same = |c: &&PastContact| {
        let moved = c.id.and_then(|id| draft.contact(id));
        moved.is_none_or(|now| Some(now.state) == c.state)
    };
    facts.contacts.iter().filter(own).filter(same)
}

/// What a person must hear of after a contact was to be called off: that nobody can say whether it was.
pub(crate) fn alarm_for_uncertain_cancel(draft: &mut Draft, case: CaseId) {
    if is_cancel_in_doubt(draft, case) {
        draft.list(case, WorklistReason::CancelInDoubt);
    }
}

/// Puts a case before a person because a contact that should not happen may.
pub(crate) fn alarm_for_cancel(draft: &mut Draft, case: CaseId) {
    draft.list(case, WorklistReason::CancelInDoubt);
}

/// Puts a case before a person because a contact may be on its way that should not go any more; answers whether that
/// is new. A case that is there for a doubt already stays as it is: else the two would take turns for ever.
pub(crate) fn alarm_for_sending(draft: &mut Draft, case: CaseId) -> bool {
    if draft.listed(case).is_some_and(WorklistReason::is_doubt) {
        return false;
    }
    draft.list(case, WorklistReason::SendingInDoubt);
    true
}
