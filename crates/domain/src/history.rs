//! The rows that a journal leads to, as far as it is read: all of it, or what was known or was so at an instant.

use crate::case::{self, CaseEvent, CloseReason, EndedBy};
use crate::collector::Collector;
use crate::contact::Contact;
use crate::ids::{CaseId, CollectorId, ContactId, OverrideId, PartyId};
use crate::journal::{ContactEvent, Entry, What, apply_contact, apply_to_case, apply_to_party};
use crate::overrides::OverrideEvent;
use crate::party::{Party, PartyEvent};
use crate::{Case, PastContact};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Rows, folded from entries in the order of the journal.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Cases by id.
    pub cases: BTreeMap<CaseId, Case>,
    /// Parties by id.
    pub parties: BTreeMap<PartyId, Party>,
    /// Contacts by slot.
    pub contacts: BTreeMap<ContactId, Contact>,
    /// Collectors by id.
    pub collectors: BTreeMap<CollectorId, Collector>,
    /// What happened to overrides last, by id: what they are about is not in the journal.
    pub overrides: BTreeMap<OverrideId, OverrideEvent>,
}

impl History {
    /// Applies what was recorded. What is about a row that no entry before has made does nothing.
    pub fn apply(&mut self, entry: &Entry) {
        self.apply_at(&entry.what, entry.at);
    }

    /// Applies what happened as of `at`.
    fn apply_at(&mut self, what: &What, at: Timestamp) {
        match what {
            What::Case { id, event } => match event {
                CaseEvent::Opened(opened) => drop(self.cases.insert(*id, (**opened).clone())),
                _ => self.on_case(*id, what, at),
            },
            What::Party { id, event } => match (self.parties.get_mut(id), event) {
                (Some(party), _) => apply_to_party(party, what, at),
                (None, PartyEvent::Upserted(told)) => {
                    self.parties.insert(*id, (**told).clone());
                }
                (None, _) => {}
            },
            What::Contact { id, party, event } => {
                self.on_case(id.case, what, at);
                if let Some(party) = self.parties.get_mut(party) {
                    apply_to_party(party, what, at);
                }
                match (self.contacts.get_mut(id), event) {
                    (Some(contact), _) => apply_contact(contact, event, at),
                    (None, ContactEvent::Planned(c) | ContactEvent::Intended(c)) => {
                        self.contacts.insert(*id, (**c).clone());
                    }
                    (None, _) => {}
                }
            }
            What::Collector { id, told } => {
                self.collectors.insert(*id, (**told).clone());
            }
            What::Override { id, event, .. } => {
                self.overrides.insert(*id, *event);
            }
            What::Service { .. } => {}
        }
    }

    fn on_case(&mut self, id: CaseId, what: &What, at: Timestamp) {
        if let Some(case) = self.cases.get_mut(&id) {
            apply_to_case(case, what, at);
        }
    }

    /// All contacts with a party as a decision reads them: by the time they were made, then by slot.
    #[must_use]
    pub fn past_of(&self, party: PartyId) -> Vec<PastContact> {
        let with = self.contacts.values().filter(|c| c.party == party);
        let mut past: Vec<PastContact> = with.map(PastContact::from).collect();
        past.sort_by_key(|c| c.at);
        past
    }
}

/// What was so at an instant, with all that was learned of it since.
///
/// An entry counts where what it tells held by then, whenever it was recorded; entries keep the order of the journal.
/// What follows from a late fact (a payment cures, a pause ends) holds from when the fact did. What the service did on
/// its own account is what it did: a contact that was made was made.
#[derive(Clone, Debug)]
pub struct Corrected {
    until: Timestamp,
    recorded: History,
    so: History,
    late: Option<Late>,
}

/// A late fact, for what follows from it.
#[derive(Clone, Debug)]
struct Late {
    position: u64,
    at: Timestamp,
    actor: String,
    held_from: Timestamp,
    of_a_party: bool,
}

/// How far behind a fact of a person what follows from it may stand: entries of their other cases lie between.
const FOLLOWING_MAX: u64 = 256;

impl Corrected {
    /// Of an instant.
    #[must_use]
    pub fn of(until: Timestamp) -> Self {
        Self {
            until,
            recorded: History::default(),
            so: History::default(),
            late: None,
        }
    }

    /// Takes the next entry; answers whether it counts.
    pub fn take(&mut self, position: u64, entry: &Entry) -> bool {
        let from = self.holds_from(position, entry);
        let counts = from <= self.until && !self.is_no_consequence(&entry.what, from < entry.at);
        if counts {
            let what = self.shifted(&entry.what);
            self.so.apply_at(&what, from);
        }
        self.recorded.apply(entry);
        counts
    }

    /// The rows.
    #[must_use]
    pub const fn rows(&self) -> &History {
        &self.so
    }

    /// From when an entry holds.
    fn holds_from(&mut self, position: u64, entry: &Entry) -> Timestamp {
        let told = entry
            .effective_at
            .min(happened(&entry.what).unwrap_or(entry.at));
        let follows = self
            .late
            .as_ref()
            .filter(|late| late.is_followed_by(position, entry));
        let of_ours = matches!(entry.what, What::Case { .. } | What::Party { .. });
        let from = follows
            .filter(|_| of_ours)
            .map_or(told, |late| told.min(late.held_from));
        if told < entry.at {
            self.late = Some(Late {
                position,
                at: entry.at,
                actor: entry.actor.clone(),
                held_from: told,
                of_a_party: matches!(entry.what, What::Party { .. }),
            });
        } else if let Some(late) = self
            .late
            .take_if(|late| late.is_followed_by(position, entry))
        {
            self.late = Some(Late { position, ..late });
        }
        from
    }

    /// What followed from a late payment when it was told need not follow from it at the instant: it may not have cured
    /// what was overdue then, or kept a promise.
    fn is_no_consequence(&self, what: &What, late: bool) -> bool {
        let What::Case { id, event } = what else {
            return false;
        };
        let Some(case) = self.so.cases.get(id).filter(|_| late) else {
            return false;
        };
        let owes = case.amounts.overdue > 0;
        match event {
            CaseEvent::Closed {
                reason: CloseReason::Cured | CloseReason::Paid,
                ..
            } => owes,
            CaseEvent::PauseEnded {
                by: EndedBy::Close, ..
            } => owes,
            CaseEvent::WorklistChanged { reason: None } => owes,
            CaseEvent::PromiseResolved { pause, .. } => {
                let promise = case.pauses.iter().find(|p| p.id == *pause);
                let promise = promise.and_then(|p| p.promise);
                promise.is_some_and(|p| p.paid < p.amount)
            }
            _ => false,
        }
    }

    /// Money as it changes what was overdue then: an entry tells what was overdue after it when it was recorded, with
    /// payments before it that may have come in later than the instant. Where the ledger told the balance, what that
    /// moved counts; else the payment's own amount.
    fn shifted(&self, what: &What) -> What {
        let What::Case { id, event } = what else {
            return what.clone();
        };
        let (Some(told), Some(so)) = (self.recorded.cases.get(id), self.so.cases.get(id)) else {
            return what.clone();
        };
        let (before, now) = (told.amounts.overdue, so.amounts.overdue);
        let after = |usual: i64, overdue_after: i64| {
            let untold = before.saturating_add(usual).max(0) == overdue_after;
            let moved = if untold {
                usual
            } else {
                overdue_after.saturating_sub(before)
            };
            now.saturating_add(moved).max(0)
        };
        let event = match event {
            CaseEvent::PaymentRecorded(payment) => CaseEvent::PaymentRecorded(case::Payment {
                overdue_after: after(-payment.amount, payment.overdue_after),
                ..*payment
            }),
            CaseEvent::PaymentReversed(reversal) => CaseEvent::PaymentReversed(case::Reversal {
                overdue_after: after(reversal.amount, reversal.overdue_after),
                ..*reversal
            }),
            other => other.clone(),
        };
        What::Case { id: *id, event }
    }
}

impl Late {
    /// Whether an entry was recorded with the fact: in the same breath, and where the fact is of one case, right behind.
    /// A fact of a person is followed by entries of all their cases, not all of which are read.
    fn is_followed_by(&self, position: u64, entry: &Entry) -> bool {
        let apart = position.saturating_sub(self.position);
        let near = if self.of_a_party {
            apart <= FOLLOWING_MAX
        } else {
            apart == 1
        };
        near && self.at == entry.at && self.actor == entry.actor
    }
}

/// When what a contact came to took place.
const fn happened(what: &What) -> Option<Timestamp> {
    match what {
        What::Contact {
            event:
                ContactEvent::Learned { at, .. }
                | ContactEvent::Settled { at, .. }
                | ContactEvent::Corrected { at, .. },
            ..
        } => Some(*at),
        _ => None,
    }
}
