//! A contact: its slot, its states, and the only edges between them.

use crate::case::PolicyPin;
use crate::ids::{CaseId, CollectorId, ContactId, KeyedHash, PartyId, TenantId};
use crate::outcome::Outcome;
use crate::overrides::Lift;
use crate::party::Relation;
use crate::sealed::Sealed;
use crate::time::Window;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The kind of contact, which tells the gate what rules bind it. A channel declares its class.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum ContactClass {
    /// A short text to a number.
    Sms,
    /// A call.
    Phone,
    /// A mail to an address.
    Email,
    /// A person at the door.
    Visit,
    /// A referral to a law firm or court; no communication with the borrower by itself.
    Legal,
}

impl ContactClass {
    /// All classes, mildest first.
    pub const ALL: [Self; 5] = [
        Self::Sms,
        Self::Phone,
        Self::Email,
        Self::Visit,
        Self::Legal,
    ];

    /// The name in policies, packs, exports and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Visit => "visit",
            Self::Legal => "legal",
        }
    }
}

impl fmt::Display for ContactClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no contact class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of contact; there are sms, phone, email, visit and legal")]
pub struct UnknownClass(pub String);

impl FromStr for ContactClass {
    type Err = UnknownClass;
    fn from_str(name: &str) -> Result<Self, UnknownClass> {
        Self::ALL
            .into_iter()
            .find(|c| c.name() == name)
            .ok_or_else(|| UnknownClass(name.to_owned()))
    }
}

/// Where a contact stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ContactState {
    /// Waits for a person's approval. Nothing was sent.
    Planned,
    /// The intent is durable; the channel has it or had it.
    Dispatching,
    /// The provider took it.
    Accepted,
    /// Its effect on the person is proven.
    Effected,
    /// The provider took it, and it failed.
    Failed,
    /// The channel proved that nothing was sent.
    RejectedProven,
    /// The engine proved that nothing was sent.
    ProvenNotSent,
    /// Nobody knows whether it was sent. Counted as made, never sent again on its own.
    Unknown,
    /// A cancel was asked of the carrier.
    Cancelling,
    /// Called off.
    Cancelled,
    /// Nobody knows whether it was called off.
    CancelUnknown,
    /// Dropped while it waited: a stop fact came first.
    Suppressed,
    /// Dropped while it waited: nobody approved it in time.
    Expired,
}

impl ContactState {
    /// All states. Stores hold their positions as numbers: append, never reorder.
    pub const ALL: [Self; 13] = [
        Self::Planned,
        Self::Dispatching,
        Self::Accepted,
        Self::Effected,
        Self::Failed,
        Self::RejectedProven,
        Self::ProvenNotSent,
        Self::Unknown,
        Self::Cancelling,
        Self::Cancelled,
        Self::CancelUnknown,
        Self::Suppressed,
        Self::Expired,
    ];

    /// The edges of the state table (delivery protocol); there are no others.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use ContactState as S;
        matches!(
            (self, next),
            (
                S::Planned,
                S::Dispatching | S::Suppressed | S::Expired | S::Cancelled
            ) | (
                S::Dispatching,
                S::Accepted | S::RejectedProven | S::ProvenNotSent | S::Unknown
            ) | (S::Accepted, S::Effected | S::Failed | S::Cancelling)
                | (S::Cancelling, S::Cancelled | S::CancelUnknown | S::Effected)
                | (S::Unknown, S::Accepted | S::ProvenNotSent)
                | (S::CancelUnknown, S::Cancelled | S::Effected | S::Accepted)
        )
    }

    /// Whether an outcome was told in it that can turn out to be wrong.
    #[must_use]
    pub const fn is_correctable(self) -> bool {
        matches!(self, Self::Effected | Self::Failed)
    }

    /// The edges that a correction takes, and nothing else does.
    #[must_use]
    pub const fn may_be_corrected_to(self, next: Self) -> bool {
        self.is_correctable() && next.is_correctable()
    }

    /// Whether an intent was ever written.
    #[must_use]
    pub const fn has_intent(self) -> bool {
        !matches!(self, Self::Planned | Self::Suppressed | Self::Expired)
    }

    /// Whether the contact may still reach the person by itself.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(
            self,
            Self::Dispatching
                | Self::Accepted
                | Self::Unknown
                | Self::Cancelling
                | Self::CancelUnknown
        )
    }

    /// The name in exports: capitals and underscores.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planned => "PLANNED",
            Self::Dispatching => "DISPATCHING",
            Self::Accepted => "ACCEPTED",
            Self::Effected => "EFFECTED",
            Self::Failed => "FAILED",
            Self::RejectedProven => "REJECTED_PROVEN",
            Self::ProvenNotSent => "PROVEN_NOT_SENT",
            Self::Unknown => "UNKNOWN",
            Self::Cancelling => "CANCELLING",
            Self::Cancelled => "CANCELLED",
            Self::CancelUnknown => "CANCEL_UNKNOWN",
            Self::Suppressed => "SUPPRESSED",
            Self::Expired => "EXPIRED",
        }
    }
}

impl fmt::Display for ContactState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who asked for a contact.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The policy.
    Policy,
    /// A person, by hand.
    Hand,
}

/// For whom a text is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reader {
    /// Who owes the debt or is bound to pay it.
    #[default]
    Obligor,
    /// Anybody else: the text cannot speak of a debt.
    ThirdParty,
}

impl Reader {
    /// What somebody of this relation to the debt may read.
    #[must_use]
    pub const fn of(relation: Relation) -> Self {
        if relation.is_obligor() {
            Self::Obligor
        } else {
            Self::ThirdParty
        }
    }
}

/// A place in a policy: stage and step by number, from 0, with the stage's name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PolicyPlace {
    /// Number of the stage.
    pub stage: u8,
    /// Number of the step within the stage.
    pub step: u8,
    /// Name of the stage.
    pub stage_name: String,
}

/// What was known when the contact was decided, so that the decision can be looked at again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// Newest journal position the facts held.
    pub as_of: u64,
    /// Hash of the policy's text.
    pub policy_hash: String,
    /// Hash of the packs in force.
    pub packs_hash: String,
    /// Version of the bundled tz database.
    pub tzdb: String,
    /// Version of the decision code.
    pub decision_version: u32,
    /// Hash of the full trace.
    pub trace_hash: String,
    /// The rules that were asked and permitted.
    pub permitted_by: Vec<String>,
    /// Presumptions that stood against it and were lifted by an override; they are not among those above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lifted: Vec<Lift>,
    /// Channels of the policy that should have been there and were not: their steps waited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaited: Vec<String>,
}

/// A contact: one slot of a case, for ever.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Contact {
    /// Its id, which is its slot.
    pub id: ContactId,
    /// The lender.
    pub tenant: TenantId,
    /// Who is contacted.
    pub party: PartyId,
    /// The kind of contact.
    pub class: ContactClass,
    /// Name of the channel that carries it.
    pub channel: String,
    /// The number or address used, as a keyed hash; none for a referral.
    pub point: Option<KeyedHash>,
    /// Name of the template.
    pub template: String,
    /// Version of the template.
    pub template_version: u32,
    /// The policy version that planned it; none for one by hand.
    pub policy: Option<PolicyPin>,
    /// Where in the policy it was planned; none for one by hand.
    pub place: Option<PolicyPlace>,
    /// Who asked for it.
    pub origin: Origin,
    /// The slot this one tries again, which was proven not sent.
    pub retry_of: Option<u32>,
    /// The idempotency key that goes to the provider; the same for the slot's whole life.
    pub key: String,
    /// When the effect on the person lies.
    pub effect: Window,
    /// No byte leaves at or after this instant.
    pub not_after: Timestamp,
    /// When it was planned.
    pub planned_at: Timestamp,
    /// When the intent was written.
    pub intent_at: Option<Timestamp>,
    /// Number of the lease that wrote the intent.
    pub fence: u64,
    /// Where it stands.
    pub state: ContactState,
    /// What came of it.
    pub outcome: Option<Outcome>,
    /// When the outcome took place, as far as known.
    pub outcome_at: Option<Timestamp>,
    /// A person corrected the outcome: word of a carrier changes it no more.
    #[serde(default)]
    pub corrected: bool,
    /// A stop came when its carrier had it already, and its channel cannot call anything off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beyond_recall: bool,
    /// Each state with its instant, in order.
    pub states: Vec<(ContactState, Timestamp)>,
    /// Keyed hash of the rendered content.
    pub payload_hash: Option<KeyedHash>,
    /// SHA-256 of the channel library, hexadecimal.
    pub plugin_digest: String,
    /// The generation of the channel that it was given to.
    #[serde(default = "first_generation", skip_serializing_if = "is_first")]
    pub generation: u32,
    /// What was known when it was decided.
    pub decision: Option<DecisionRecord>,
    /// Who approved it, where approval was required.
    pub approved_by: Option<String>,
    /// When they did.
    pub approved_at: Option<Timestamp>,
    /// Collectors who go on a visit.
    pub collectors: Vec<CollectorId>,
    /// Rendered text, the address used, provider reference and the channel's state, sealed.
    pub sealed: Sealed,
}

const fn first_generation() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
const fn is_first(generation: &u32) -> bool {
    *generation == 1
}

/// An edge that the state table does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a contact cannot go from {from} to {to}")]
pub struct NoSuchEdge {
    /// The state it has.
    pub from: ContactState,
    /// The state that was asked for.
    pub to: ContactState,
}

impl Contact {
    /// The case.
    #[must_use]
    pub const fn case(&self) -> CaseId {
        self.id.case
    }

    /// Goes to `next` at `at`.
    ///
    /// # Errors
    /// Where the state table has no such edge; nothing is changed then.
    pub fn go(&mut self, next: ContactState, at: Timestamp) -> Result<(), NoSuchEdge> {
        if !self.state.may_become(next) {
            return Err(NoSuchEdge {
                from: self.state,
                to: next,
            });
        }
        self.state = next;
        self.states.push((next, at));
        Ok(())
    }

    /// Goes to `next` at `at` because what came of it was told wrongly. Only what took effect or failed is
    /// corrected, and only to one of the two.
    ///
    /// # Errors
    /// Where it is neither, or `next` is neither; nothing is changed then.
    pub fn correct(&mut self, next: ContactState, at: Timestamp) -> Result<(), NoSuchEdge> {
        if !self.state.may_be_corrected_to(next) {
            return Err(NoSuchEdge {
                from: self.state,
                to: next,
            });
        }
        if self.state != next {
            self.state = next;
            self.states.push((next, at));
        }
        Ok(())
    }

    /// When a state was first reached.
    #[must_use]
    pub fn reached(&self, state: ContactState) -> Option<Timestamp> {
        self.states
            .iter()
            .find(|(s, _)| *s == state)
            .map(|(_, at)| *at)
    }

    /// Whether a stop fact at `now` must call it off: the provider took it, no effect is proven, its effect window is
    /// not over, and no stop found it beyond recall before.
    #[must_use]
    pub fn can_be_called_off(&self, now: Timestamp) -> bool {
        self.state == ContactState::Accepted
            && self.outcome.is_none()
            && !self.beyond_recall
            && now < self.effect.to
    }

    /// Whether the carrier had it at once: a text or a mail whose time has come. What takes place later (a visit, a
    /// filing, a call that waits for a line, a text for tomorrow) is with nobody yet.
    #[must_use]
    pub fn is_handed_over(&self, now: Timestamp) -> bool {
        is_handed_over(self.class, self.effect, now)
    }
}

fn is_handed_over(class: ContactClass, effect: Window, now: Timestamp) -> bool {
    matches!(class, ContactClass::Sms | ContactClass::Email) && effect.from <= now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_a_final_state() {
        use ContactState as S;
        let all = [
            S::Planned,
            S::Dispatching,
            S::Accepted,
            S::Effected,
            S::Failed,
            S::RejectedProven,
            S::ProvenNotSent,
            S::Unknown,
            S::Cancelling,
            S::Cancelled,
            S::CancelUnknown,
            S::Suppressed,
            S::Expired,
        ];
        for end in [
            S::Effected,
            S::Failed,
            S::RejectedProven,
            S::ProvenNotSent,
            S::Cancelled,
            S::Suppressed,
            S::Expired,
        ] {
            assert!(all.into_iter().all(|next| !end.may_become(next)), "{end}");
        }
        assert!(
            !S::Unknown.may_become(S::Dispatching),
            "only a person's ResolveUnknown does that"
        );
        assert!(!S::Accepted.may_become(S::Dispatching));
    }

    #[test]
    fn a_carrier_has_texts_and_mails_at_once_and_nothing_that_lies_ahead() {
        use ContactClass as C;
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let (noon, one) = (at("2026-03-01T12:00:00Z"), at("2026-03-01T13:00:00Z"));
        let before = at("2026-03-01T11:59:59Z");
        for (class, now, expected) in [
            (C::Sms, noon, true),
            (C::Email, noon, true),
            (C::Sms, before, false),
            (C::Email, before, false),
            (C::Phone, noon, false),
            (C::Visit, noon, false),
            (C::Legal, noon, false),
        ] {
            let effect = Window {
                from: noon,
                to: one,
            };
            assert_eq!(
                is_handed_over(class, effect, now),
                expected,
                "{class} {now}"
            );
        }
    }

    #[test]
    fn names_match_serde() {
        for class in ContactClass::ALL {
            assert_eq!(class.name().parse(), Ok(class));
            assert_eq!(
                serde_json::to_string(&class).unwrap(),
                format!("\"{class}\"")
            );
        }
        let state = ContactState::ProvenNotSent;
        assert_eq!(
            serde_json::to_string(&state).unwrap(),
            format!("\"{state}\"")
        );
    }
}
