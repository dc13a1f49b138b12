//! A question to gate and checker in the plainest words: numbers, flags and lists. Nothing of the product is
//! in it, so that the checker can read it and nothing else.

use jiff::Timestamp;
use jiff::civil::{Date, Time};

/// The kind of contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Sms,
    Phone,
    Email,
    Visit,
    Legal,
}

/// In whose hands it lands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    Consumer,
    Workplace,
    Third,
}

/// What the person is to the debt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kin {
    Borrower,
    Guarantor,
    Spouse,
    Parent,
    Attorney,
    EmergencyContact,
    Neighbour,
    Colleague,
    Other,
}

/// Why it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Ordinary,
    Location,
    Response,
    OptOutConfirmation,
    EffortsTerminated,
    OrdinaryRemedy,
    SpecifiedRemedy,
}

/// What a consent is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreed {
    OffHours,
    ExtraCalls,
    MoreAttempts,
    MoreVisits,
    WorkEmail,
    Electronic,
}

/// What came of a past contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delivered,
    Undelivered,
    NoAnswer,
    Busy,
    Declined,
    NotInService,
    InvalidAddress,
    Voicemail,
    UnableToLeaveMessage,
    AnsweredUnconfirmed,
    Conversation,
    ThirdPartyAnswered,
    WrongNumber,
    InboundNoDiscussion,
    Visited,
    NobodyContacted,
    Filed,
    Unknown,
}

/// Where a past contact stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stands {
    Done,
    /// Sent or about to be; nobody knows yet what came of it.
    UnderWay,
    /// Called off before it took effect.
    CalledOff,
    /// It is proven that it never left.
    NeverSent,
}

/// A past contact.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    pub(crate) class: Class,
    pub(crate) at: Timestamp,
    /// When it takes effect; later than `at` where it was accepted ahead.
    pub(crate) effect: Timestamp,
    pub(crate) inbound: bool,
    pub(crate) stands: Stands,
    pub(crate) outcome: Outcome,
    pub(crate) debts: Vec<u8>,
    /// With somebody else than the person proposed.
    pub(crate) with_another: bool,
    pub(crate) number: Option<u8>,
}

/// The person asked not to be contacted by a medium or at a number; none is all.
#[derive(Debug, Clone)]
pub(crate) struct OptOut {
    pub(crate) class: Option<Class>,
    pub(crate) number: Option<u8>,
    pub(crate) at: Timestamp,
}

/// A consent; none is all, always or for ever.
#[derive(Debug, Clone)]
pub(crate) struct Consent {
    pub(crate) to: Agreed,
    pub(crate) debt: Option<u8>,
    pub(crate) class: Option<Class>,
    pub(crate) number: Option<u8>,
    pub(crate) received: Option<Timestamp>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) revoked: Option<Timestamp>,
}

/// An attorney of the person; of every debt where none is named.
#[derive(Debug, Clone)]
pub(crate) struct Attorney {
    pub(crate) debt: Option<u8>,
    pub(crate) unresponsive: bool,
    pub(crate) consents: bool,
}

/// A demand to stop; about every debt where none is named.
#[derive(Debug, Clone)]
pub(crate) struct Cease {
    pub(crate) debt: Option<u8>,
    pub(crate) written: bool,
}

/// A time of the week that does not suit; days from Monday 1, none is every day; no end is midnight.
#[derive(Debug, Clone)]
pub(crate) struct Unsuitable {
    pub(crate) days: Vec<i8>,
    pub(crate) from: Time,
    pub(crate) to: Option<Time>,
}

/// Facts of the debtor, who is not always the one contacted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Debtor {
    pub(crate) unreachable: bool,
    pub(crate) deceased: bool,
    pub(crate) incapacitated: bool,
    pub(crate) ceased: bool,
    pub(crate) represented: bool,
}

/// The debt that is asked about.
pub(crate) const DEBT: u8 = 1;
/// A number at work that is a mailbox.
pub(crate) const WORK_MAILBOX: u8 = 2;
/// A telephone at work.
pub(crate) const WORK_PHONE: u8 = 4;
/// A number that nobody knows any more whose it was.
pub(crate) const FORGOTTEN: u8 = 5;

/// A question.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Ids of the rules that bind, in the order of their packs.
    pub(crate) rules: Vec<&'static str>,
    /// Candidate zones, the person's own first.
    pub(crate) zones: Vec<&'static str>,
    pub(crate) at: Timestamp,
    pub(crate) minutes: i64,
    pub(crate) class: Class,
    pub(crate) to: To,
    pub(crate) kin: Kin,
    pub(crate) purpose: Purpose,
    pub(crate) number: Option<u8>,
    pub(crate) number_is_wrong: bool,
    pub(crate) requested: bool,
    pub(crate) days_past_due: Option<i32>,
    pub(crate) evidence_pack: bool,
    pub(crate) forbearance: bool,
    pub(crate) collectors: u8,
    pub(crate) time_barred: bool,
    pub(crate) disputed: bool,
    pub(crate) opt_outs: Vec<OptOut>,
    pub(crate) ceases: Vec<Cease>,
    pub(crate) attorneys: Vec<Attorney>,
    pub(crate) employer_prohibits: bool,
    pub(crate) deceased: bool,
    pub(crate) refused: bool,
    pub(crate) debtor: Debtor,
    pub(crate) moratorium_until: Option<Date>,
    pub(crate) unsuitable: Vec<Unsuitable>,
    pub(crate) consents: Vec<Consent>,
    /// Oldest first.
    pub(crate) past: Vec<Past>,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Permit,
    Deny {
        /// The rule that weighs most.
        reason: String,
        /// All that deny, sorted.
        all: Vec<String>,
        earliest: Option<Timestamp>,
        /// There is none, and there would be one, had the years that nobody told no holidays.
        waits_for_a_year: bool,
    },
}
