//! Outcomes: receipts, reports and answers of carriers move a contact along the state table, once.

use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use jiff::Timestamp;
use recoup_channel::wire;
use recoup_domain::Outcome;
use recoup_domain::case::CaseEvent;
use recoup_domain::contact::{Contact, ContactClass, ContactState};
use recoup_domain::ids::{CaseId, ContactId};
use recoup_domain::journal::ContactEvent;
use recoup_store::{CommitError, Facts};

/// How often a write is tried again because the facts moved.
pub(crate) const WRITES_MAX: usize = 32;

/// What somebody knows of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// What came of it, and when that was, where it is known.
    Outcome {
        /// What.
        outcome: Outcome,
        /// When; none means now.
        at: Option<Timestamp>,
    },
    /// The carrier has it, and no more is known.
    Taken(Taken),
    /// The carrier never had it, and nobody sends it any more.
    NeverHad,
    /// The carrier called it off.
    Cancelled,
    /// Nobody can say whether the carrier called it off.
    CancelUnknown,
}

/// How a carrier knows a contact that it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Its reference; empty where it has none.
    pub(crate) provider_ref: String,
    /// What the channel wants back; empty where that stays what it was.
    pub(crate) state: Vec<u8>,
}

/// Puts evidence on record; answers whether it moved anything. Late, duplicate and weaker evidence does not,
/// and nothing moves a state backward.
pub(crate) fn apply(draft: &mut Draft, id: ContactId, evidence: &Evidence) -> bool {
    use ContactState as S;
    let Some(contact) = draft.contact(id).cloned() else {
        return false;
    };
    let (outcome, at) = match evidence {
        Evidence::Outcome { outcome, at } => {
            // Providers cut instants to the second, and their clocks differ: an outcome lies between the
            // intent and now.
            let earliest = contact.intent_at.unwrap_or(contact.planned_at);
            let at = at.unwrap_or(draft.now).min(draft.now).max(earliest);
            (*outcome, at)
        }
        Evidence::Taken(_) | Evidence::NeverHad => {
            let in_doubt = contact.state == S::Unknown;
            if in_doubt {
                let to = match evidence {
                    Evidence::NeverHad => S::ProvenNotSent,
                    _ => S::Accepted,
                };
                draft.contact_event(id, ContactEvent::Moved { to });
            }
            return in_doubt;
        }
        Evidence::Cancelled => (Outcome::Cancelled, draft.now),
        Evidence::CancelUnknown => {
            let waits = contact.state == S::Cancelling;
            if waits {
                draft.contact_event(
                    id,
                    ContactEvent::Moved {
                        to: S::CancelUnknown,
                    },
                );
            }
            return waits;
        }
    };
    if outcome == Outcome::Unknown {
        return false;
    }
    let point = contact.point;
    let settled = |to| ContactEvent::Settled {
        to,
        outcome,
        point,
        at,
    };
    let moved = |to| ContactEvent::Moved { to };
    let proven = outcome.meaning().effect_proven;
    let events = match (contact.state, outcome) {
        (S::Accepted, Outcome::Cancelled) => vec![moved(S::Cancelling), settled(S::Cancelled)],
        (S::Unknown, Outcome::Cancelled) => {
            vec![
                moved(S::Accepted),
                moved(S::Cancelling),
                settled(S::Cancelled),
            ]
        }
        (S::Cancelling | S::CancelUnknown, Outcome::Cancelled) => vec![settled(S::Cancelled)],
        (S::Accepted, _) if contact.outcome.is_none() => {
            vec![settled(if proven { S::Effected } else { S::Failed })]
        }
        (S::Unknown, _) => {
            vec![
                moved(S::Accepted),
                settled(if proven { S::Effected } else { S::Failed }),
            ]
        }
        (S::Cancelling | S::CancelUnknown, _) if proven => vec![settled(S::Effected)],
        (S::Effected, _) if !contact.corrected && is_stronger(&contact, outcome) => {
            vec![ContactEvent::Learned { outcome, point, at }]
        }
        _ => return false,
    };
    events
        .into_iter()
        .for_each(|event| draft.contact_event(id, event));
    true
}

/// A confirmed conversation is more than an answer nobody confirmed; nothing else replaces an outcome.
fn is_stronger(contact: &Contact, outcome: Outcome) -> bool {
    contact.outcome == Some(Outcome::AnsweredUnconfirmed) && outcome == Outcome::Conversation
}

/// A channel's outcome as the domain's; none for what it did not say.
pub(crate) fn outcome(wire: wire::Outcome) -> Option<Outcome> {
    use wire::Outcome as W;
    Some(match wire {
        W::Unspecified => return None,
        W::Delivered => Outcome::Delivered,
        W::Undelivered => Outcome::Undelivered,
        W::NoAnswer => Outcome::NoAnswer,
        W::Busy => Outcome::Busy,
        W::Declined => Outcome::Declined,
        W::NotInService => Outcome::NotInService,
        W::InvalidAddress => Outcome::InvalidAddress,
        W::Voicemail => Outcome::Voicemail,
        W::UnableToLeaveMessage => Outcome::UnableToLeaveMessage,
        W::AnsweredUnconfirmed => Outcome::AnsweredUnconfirmed,
        W::Conversation => Outcome::Conversation,
        W::ThirdPartyAnswered => Outcome::ThirdPartyAnswered,
        W::WrongNumber => Outcome::WrongNumber,
        W::InboundNoDiscussion => Outcome::InboundNoDiscussion,
        W::Visited => Outcome::Visited,
        W::NobodyContacted => Outcome::NobodyContacted,
        W::Filed => Outcome::Filed,
        W::Cancelled => Outcome::Cancelled,
        W::Unknown => Outcome::Unknown,
    })
}

impl Engine {
    /// Commits a draft that answers no request, with what follows from it. Whether it stands: where the facts moved
    /// it does not, and is to be decided anew.
    pub(crate) async fn commit_draft(&self, draft: Draft) -> Done<bool> {
        let (change, cancels) = draft.finish();
        match self.0.store.commit(change).await {
            Ok(_) => {
                self.call_off(cancels);
                self.0.wake.notify_one();
                Ok(true)
            }
            Err(CommitError::Stale(_)) => Ok(false),
            Err(CommitError::Store(error)) => Err(error.into()),
            Err(_) => Err(CommandError::Contended),
        }
    }

    pub(crate) async fn facts_of(&self, case: CaseId) -> Done<Option<Facts>> {
        Ok(self.0.store.facts(&[case]).await?.pop())
    }

    /// A draft that holds a case and its borrower.
    pub(crate) fn draft_on(&self, facts: &Facts, actor: &str) -> Draft {
        let mut draft = Draft::new(facts.case.tenant.clone(), actor, self.0.wall.now());
        draft.hold_case(facts.case.clone());
        draft.hold_party(facts.borrower.clone());
        draft
    }

    /// A contact in doubt is with its carrier: what follows from that for its case, and it is called off where
    /// `unwanted`, if that is possible.
    pub(crate) fn is_taken_after_all(
        &self,
        draft: &mut Draft,
        contact: &Contact,
        facts: &Facts,
        unwanted: bool,
    ) {
        let referred = contact.class == ContactClass::Legal && facts.case.closed.is_none();
        if referred && facts.case.legal_since.is_none() {
            draft.case_event(contact.id.case, CaseEvent::LegalBegan);
        }
        let after = draft.contact(contact.id);
        let can = after.is_some_and(|c| c.can_be_called_off(draft.now));
        if can && unwanted {
            self.begin_cancel(draft, contact.id);
        }
    }

    /// When the case is due next after what the draft has done to it: now, where there is something to do.
    pub(crate) async fn schedule_next(&self, draft: &mut Draft, facts: &Facts) {
        let id = facts.case.id;
        let now = draft.now;
        let (Some(case), Some(party)) = (
            draft.case(id).cloned(),
            draft.party(facts.borrower.id).cloned(),
        ) else {
            return;
        };
        let mut facts = Facts {
            case,
            borrower: party,
            ..facts.clone()
        };
        for past in &mut facts.contacts {
            let current = past.id.and_then(|id| draft.contact(id));
            if let Some(contact) = current {
                *past = contact.into();
            }
        }
        let at = match self.world(&facts.case, &facts).await {
            Ok(world) => {
                let input = world.input(&facts.case, &facts);
                let decision =
                    recoup_decide::step(&input, now, &mut recoup_decide::NoTrace::default());
                let nothing_to_do = decision.events.is_empty() && decision.dropped.is_empty();
                match decision.action {
                    recoup_decide::Action::Sleep { until } if nothing_to_do => {
                        self.sleep_until(until, now)
                    }
                    _ => Some(now),
                }
            }
            // The planner finds out why, and puts the case on the worklist.
            Err(_) => Some(now),
        };
        draft.schedule(id, at);
        // What was approved or revoked meanwhile may mean another instant.
        draft.guard(facts.overrides_guard());
    }
}
