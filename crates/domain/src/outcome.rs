//! What came of a contact, and the one table that says what each outcome means. Gate, policy, channels
//! and dispositions read this table; nobody keeps a list of their own.

use crate::contact::ContactClass;
use crate::party::PointState;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What came of a contact.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Outcome {
    /// A message reached the person's device or mailbox.
    Delivered,
    /// The carrier gave up on a message.
    Undelivered,
    /// It rang, nobody answered.
    NoAnswer,
    /// The line was busy.
    Busy,
    /// The call was declined.
    Declined,
    /// The number is not in service.
    NotInService,
    /// The number or address cannot exist.
    InvalidAddress,
    /// A machine answered and took a message.
    Voicemail,
    /// A machine answered and took none.
    UnableToLeaveMessage,
    /// Somebody answered; who, is not confirmed.
    AnsweredUnconfirmed,
    /// The right person answered and talked.
    Conversation,
    /// Somebody else answered.
    ThirdPartyAnswered,
    /// The number belongs to somebody else.
    WrongNumber,
    /// The person called or wrote, and the debt was not discussed.
    InboundNoDiscussion,
    /// A visit met the person.
    Visited,
    /// A visit met nobody.
    NobodyContacted,
    /// A referral was filed.
    Filed,
    /// Called off before it took effect.
    Cancelled,
    /// Nobody knows. Counts as made.
    Unknown,
}

/// What an outcome means; one row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Meaning {
    /// Something answered on the line, a person or a machine, or a message was delivered.
    pub connected: bool,
    /// The person and the collector talked with each other.
    pub conversation: bool,
    /// Counts as an attempt to reach the person (`contacts.<channel>.made`).
    pub attempt: bool,
    /// The effect on the person is proven (`contacts.<channel>.completed`).
    pub effect_proven: bool,
    /// What it says about the number or address that was used.
    pub point: PointEvidence,
}

/// What an outcome says about the number or address that was used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PointEvidence {
    /// The person can be reached by it.
    Reaches,
    /// Tried, not reached this time.
    Failed,
    /// It can no longer be used.
    Ends(PointState),
    /// Nothing.
    Silent,
}

impl Outcome {
    /// All outcomes, in the order of the table.
    pub const ALL: [Self; 19] = [
        Self::Delivered,
        Self::Undelivered,
        Self::NoAnswer,
        Self::Busy,
        Self::Declined,
        Self::NotInService,
        Self::InvalidAddress,
        Self::Voicemail,
        Self::UnableToLeaveMessage,
        Self::AnsweredUnconfirmed,
        Self::Conversation,
        Self::ThirdPartyAnswered,
        Self::WrongNumber,
        Self::InboundNoDiscussion,
        Self::Visited,
        Self::NobodyContacted,
        Self::Filed,
        Self::Cancelled,
        Self::Unknown,
    ];

    /// What the outcome means. Total: a new outcome does not compile without its row.
    #[must_use]
    pub const fn meaning(self) -> Meaning {
        use PointEvidence::{Ends, Failed, Reaches, Silent};
        //                       connected, conversation, attempt, effect proven, point
        let row = match self {
            Self::Delivered => (true, false, true, true, Reaches),
            Self::Undelivered => (false, false, true, false, Failed),
            Self::NoAnswer => (false, false, true, false, Failed),
            Self::Busy => (false, false, true, false, Failed),
            Self::Declined => (false, false, true, false, Silent),
            Self::NotInService => (false, false, true, false, Ends(PointState::Invalid)),
            Self::InvalidAddress => (false, false, true, false, Ends(PointState::Invalid)),
            Self::Voicemail => (true, false, true, true, Silent),
            Self::UnableToLeaveMessage => (true, false, true, false, Failed),
            Self::AnsweredUnconfirmed => (true, false, true, true, Silent),
            Self::Conversation => (true, true, true, true, Reaches),
            Self::ThirdPartyAnswered => (true, false, true, false, Failed),
            Self::WrongNumber => (true, false, true, false, Ends(PointState::WrongNumber)),
            Self::InboundNoDiscussion => (true, false, false, false, Reaches),
            Self::Visited => (true, true, true, true, Reaches),
            Self::NobodyContacted => (false, false, true, false, Failed),
            Self::Filed => (false, false, true, true, Silent),
            Self::Cancelled => (false, false, false, false, Silent),
            Self::Unknown => (false, false, true, false, Silent),
        };
        Meaning {
            connected: row.0,
            conversation: row.1,
            attempt: row.2,
            effect_proven: row.3,
            point: row.4,
        }
    }

    /// Whether it can come of a contact of `class` that the service made. Carriers are not held to it: they tell
    /// what they see.
    #[must_use]
    pub const fn fits(self, class: ContactClass) -> bool {
        use ContactClass::{Email, Legal, Phone, Sms, Visit};
        match self {
            Self::Delivered => matches!(class, Sms | Email),
            Self::Undelivered => !matches!(class, Visit),
            Self::NotInService => matches!(class, Sms | Phone),
            Self::InvalidAddress | Self::Cancelled | Self::Unknown => true,
            Self::WrongNumber => !matches!(class, Legal),
            Self::NoAnswer
            | Self::Busy
            | Self::Voicemail
            | Self::UnableToLeaveMessage
            | Self::Conversation => matches!(class, Phone),
            Self::Declined => matches!(class, Phone | Visit | Legal),
            Self::AnsweredUnconfirmed | Self::ThirdPartyAnswered => matches!(class, Phone | Visit),
            Self::Visited | Self::NobodyContacted => matches!(class, Visit),
            Self::Filed => matches!(class, Legal),
            // The person came to us: nothing that we made can end so.
            Self::InboundNoDiscussion => false,
        }
    }

    /// The outcomes that can come of a contact of `class`, and that somebody can report.
    pub fn of_class(class: ContactClass) -> impl Iterator<Item = Self> {
        let all = Self::ALL.into_iter();
        all.filter(move |o| *o != Self::Unknown && o.fits(class))
    }

    /// The name in policies, exports and the API: snake case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
            Self::Declined => "declined",
            Self::NotInService => "not_in_service",
            Self::InvalidAddress => "invalid_address",
            Self::Voicemail => "voicemail",
            Self::UnableToLeaveMessage => "unable_to_leave_message",
            Self::AnsweredUnconfirmed => "answered_unconfirmed",
            Self::Conversation => "conversation",
            Self::ThirdPartyAnswered => "third_party_answered",
            Self::WrongNumber => "wrong_number",
            Self::InboundNoDiscussion => "inbound_no_discussion",
            Self::Visited => "visited",
            Self::NobodyContacted => "nobody_contacted",
            Self::Filed => "filed",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no outcome")]
pub struct UnknownOutcome(pub String);

impl FromStr for Outcome {
    type Err = UnknownOutcome;
    fn from_str(name: &str) -> Result<Self, UnknownOutcome> {
        Self::ALL
            .into_iter()
            .find(|o| o.name() == name)
            .ok_or_else(|| UnknownOutcome(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_match_serde() {
        for (i, o) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(o as usize, i);
            assert_eq!(o.name().parse(), Ok(o));
            assert_eq!(
                serde_json::to_string(&o).unwrap(),
                format!("\"{}\"", o.name())
            );
        }
    }

    #[test]
    fn a_conversation_is_connected_and_an_effect_is_an_attempt() {
        for o in Outcome::ALL {
            let m = o.meaning();
            assert!(!m.conversation || (m.connected && m.effect_proven), "{o}");
            assert!(!m.effect_proven || m.attempt, "{o}");
        }
        assert!(
            Outcome::Unknown.meaning().attempt,
            "a doubtful contact counts as made"
        );
    }
}
