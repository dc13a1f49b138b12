//! The journal: what happened, who said so, when it was recorded and from when it holds.

use crate::case::{self, Case, CaseEvent};
use crate::collector::Collector;
use crate::contact::{Contact, ContactState};
use crate::ids::{CaseId, CollectorId, ContactId, KeyedHash, OverrideId, PartyId, TenantId};
use crate::outcome::Outcome;
use crate::overrides::OverrideEvent;
use crate::party::{self, Party, PartyEvent, Taught};
use crate::sealed::Sealed;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An entry before it has a position.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The lender.
    pub tenant: TenantId,
    /// When it was recorded.
    pub at: Timestamp,
    /// From when it holds; earlier than `at` for late facts.
    pub effective_at: Timestamp,
    /// Who said so: a principal, `policy`, `channel:<name>` or `timer`.
    pub actor: String,
    /// What happened.
    pub what: What,
    /// Personal data that belongs to it (a note, a reply's text, a raw call-back), sealed.
    pub sealed: Sealed,
}

/// Whose history the entries of what is no person (a collector, an override) are filed under, and a collector's data
/// key: a person of the bytes of its id, which nobody else has.
#[must_use]
pub const fn filed_under(id: [u8; 16]) -> PartyId {
    PartyId::from_bytes(id)
}

/// What happened, and to what.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "on", rename_all = "snake_case")]
pub enum What {
    /// To a case.
    Case {
        /// Which.
        id: CaseId,
        /// What.
        event: CaseEvent,
    },
    /// To a party.
    Party {
        /// Which.
        id: PartyId,
        /// What.
        event: PartyEvent,
    },
    /// To a contact.
    Contact {
        /// Which.
        id: ContactId,
        /// Who is contacted: the entry counts in this party's version.
        party: PartyId,
        /// What.
        event: ContactEvent,
    },
    /// To an override of a presumption of law.
    Override {
        /// Which.
        id: OverrideId,
        /// The rule.
        rule: String,
        /// The one case it is about; none means all of the lender.
        case: Option<CaseId>,
        /// What.
        event: OverrideEvent,
    },
    /// A collector was told of, or changed: what the gate asks of visits is read of them.
    Collector {
        /// Which; also under whose id the journal files it, see [`filed_under`].
        id: CollectorId,
        /// As they are from now on.
        told: Box<Collector>,
    },
    /// To the service: policies, templates, dispatch.
    Service {
        /// What, as a name such as `policy_activated`.
        event: String,
        /// What it is about, such as `cn-microloan@3`.
        subject: String,
    },
}

/// What happened to a contact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "e", rename_all = "snake_case")]
pub enum ContactEvent {
    /// It was planned and waits for a person.
    Planned(Box<Contact>),
    /// Its intent was written.
    Intended(Box<Contact>),
    /// A person approved it.
    Approved {
        /// Who.
        by: String,
    },
    /// It went to another state.
    Moved {
        /// The state.
        to: ContactState,
    },
    /// Its outcome became known, without a move.
    Learned {
        /// What came of it.
        outcome: Outcome,
        /// The number or address it says something about.
        point: Option<KeyedHash>,
        /// When that took place.
        at: Timestamp,
    },
    /// It went to another state with an outcome.
    Settled {
        /// The state.
        to: ContactState,
        /// What came of it.
        outcome: Outcome,
        /// The number or address it says something about.
        point: Option<KeyedHash>,
        /// When that took place.
        at: Timestamp,
    },
    /// A fact forbade it when its carrier had it already, and its channel cannot call anything off.
    BeyondRecall,
    /// Its outcome was reported wrongly, and is this one.
    Corrected {
        /// What it was before.
        was: Outcome,
        /// Where it stands now.
        to: ContactState,
        /// What came of it.
        outcome: Outcome,
        /// The number or address it says something about.
        point: Option<KeyedHash>,
        /// What all contacts have taught of that point, this one by its corrected outcome; none where nothing
        /// is known of it.
        taught: Option<Taught>,
        /// When that took place.
        at: Timestamp,
    },
}

/// Applies an event of the contact. Total; a move that the table does not have leaves the state.
pub fn apply_contact(contact: &mut Contact, event: &ContactEvent, at: Timestamp) {
    match event {
        ContactEvent::Planned(c) | ContactEvent::Intended(c) => *contact = (**c).clone(),
        ContactEvent::Approved { by } => {
            contact.approved_by = Some(by.clone());
            contact.approved_at = Some(at);
        }
        ContactEvent::Moved { to } => drop(contact.go(*to, at)),
        ContactEvent::BeyondRecall => contact.beyond_recall = true,
        ContactEvent::Learned { outcome, at, .. } => {
            contact.outcome = Some(*outcome);
            contact.outcome_at = Some(*at);
        }
        ContactEvent::Settled {
            to,
            outcome,
            at: when,
            ..
        } => {
            if contact.go(*to, at).is_ok() {
                contact.outcome = Some(*outcome);
                contact.outcome_at = Some(*when);
            }
        }
        ContactEvent::Corrected {
            to,
            outcome,
            at: when,
            ..
        } => {
            if contact.correct(*to, at).is_ok() {
                contact.corrected = true;
                contact.outcome = Some(*outcome);
                contact.outcome_at = Some(*when);
            }
        }
    }
}

/// What an entry does to a case: its own events, and the slot that a contact takes. Every entry of the case
/// or of one of its contacts counts in the version.
pub fn apply_to_case(case: &mut Case, what: &What, at: Timestamp) {
    match what {
        What::Case { event, .. } => case::apply(case, event, at),
        What::Contact { id, event, .. } => {
            if matches!(event, ContactEvent::Planned(_) | ContactEvent::Intended(_)) {
                case.next_seq = case.next_seq.max(id.seq + 1);
                case.last_denial = None;
            }
            case.touch(at);
        }
        What::Party { .. }
        | What::Override { .. }
        | What::Collector { .. }
        | What::Service { .. } => {}
    }
}

/// What an entry does to a party: its own events, and what contacts teach about its numbers. Every entry of
/// the party or of a contact with it counts in the version, so that limits hold over cases and channels.
pub fn apply_to_party(party: &mut Party, what: &What, at: Timestamp) {
    match what {
        What::Party { event, .. } => party::apply(party, event, at),
        What::Contact { event, .. } => {
            if let ContactEvent::Learned {
                outcome,
                point: Some(point),
                at,
            }
            | ContactEvent::Settled {
                outcome,
                point: Some(point),
                at,
                ..
            } = event
            {
                party.learn(*point, *outcome, *at);
            }
            if let ContactEvent::Corrected {
                point: Some(point),
                taught: Some(taught),
                ..
            } = event
            {
                party.teach(*point, *taught);
            }
            party.touch(at);
        }
        What::Case { .. }
        | What::Override { .. }
        | What::Collector { .. }
        | What::Service { .. } => {}
    }
}

/// The kinds of facts that end or pause contact.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopKind {
    /// Money came in.
    Payment,
    /// A demand to stop.
    Cease,
    /// A medium or address is not to be used.
    OptOut,
    /// The debt is disputed.
    Dispute,
    /// A complaint is open.
    Complaint,
    /// An attorney represents the person.
    Attorney,
    /// A moratorium runs.
    Moratorium,
    /// The borrower died.
    Deceased,
    /// Hardship.
    Hardship,
    /// Somebody put it on hold.
    Hold,
    /// A promise is open.
    Promise,
    /// A plan is kept.
    Plan,
    /// The number is somebody else's.
    WrongNumber,
    /// The case is closed.
    Closed,
}
