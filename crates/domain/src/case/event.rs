//! What can happen to a case.

use super::{
    Amounts, Case, CloseReason, Document, Pause, Payment, PolicyMove, PolicyPin, Reversal, Scores,
    WorklistReason,
};
use crate::contact::ContactClass;
use crate::ids::PauseId;
use crate::outcome::Outcome;
use crate::party::Dispute;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Something that happened to a case.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "e", rename_all = "snake_case")]
pub enum CaseEvent {
    /// It was opened, with all that was known.
    Opened(Box<Case>),
    /// The lender's ledger changed. Fields that are none did not.
    FactsUpdated {
        /// All amounts.
        amounts: Option<Amounts>,
        /// Oldest unpaid due date.
        oldest_unpaid_due: Option<DueDate>,
        /// Days that do not count as past due.
        pause_days: Option<u32>,
        /// Both scores.
        scores: Option<Scores>,
        /// All labels.
        tags: Option<Vec<String>>,
    },
    /// Evidence was added.
    DocumentAdded(Document),
    /// Money came in.
    PaymentRecorded(Payment),
    /// Money that came in was taken back.
    PaymentReversed(Reversal),
    /// Contact is paused.
    Paused(Pause),
    /// A pause ended.
    PauseEnded {
        /// Which.
        pause: PauseId,
        /// What ended it.
        by: EndedBy,
    },
    /// A promise was kept, kept in part, or broken; its pause ends with it.
    PromiseResolved {
        /// The pause that stood for it.
        pause: PauseId,
        /// How it went.
        result: PromiseResult,
        /// What came in, in minor units.
        paid: i64,
    },
    /// The debt is disputed in a way that the gate must know.
    Disputed {
        /// How.
        dispute: Dispute,
    },
    /// A dispute was settled; its pause ends with it.
    DisputeResolved {
        /// The pause that stood for it.
        pause: PauseId,
        /// The debt stands.
        verified: bool,
        /// What the gate must know of disputes from now on.
        dispute: Option<Dispute>,
    },
    /// A complaint was settled; its pause ends with it.
    ComplaintResolved {
        /// The pause that stood for it.
        pause: PauseId,
        /// The complaint was right.
        upheld: bool,
    },
    /// The case runs under this policy version from now on.
    PolicyPinned(PolicyPin),
    /// It goes on under another policy version.
    PolicyMoved(Box<PolicyMove>),
    /// It stands in another stage; none before the first.
    StageEntered {
        /// The stage left.
        from: Option<u8>,
        /// The stage entered.
        to: Option<u8>,
        /// The name of the stage left, empty for none.
        left: String,
        /// The name of the stage entered, empty for none.
        name: String,
        /// Days past due then.
        dpd: i32,
    },
    /// A step can never be taken and was passed over.
    StepSkipped {
        /// Stage.
        stage: u8,
        /// Step.
        step: u8,
        /// Why.
        why: SkipReason,
    },
    /// What was passed over is asked again: a fact that stood against it was lifted.
    StepsReopened,
    /// The gate refused a contact that the policy asked for.
    Denied(Denial),
    /// The first contact of channel legal was accepted.
    LegalBegan,
    /// The referral was recalled.
    LegalRecalled,
    /// A person must look at it, or need not any more.
    WorklistChanged {
        /// Why; none takes it off the worklist.
        reason: Option<WorklistReason>,
    },
    /// It is over.
    Closed {
        /// Why.
        reason: CloseReason,
        /// What came in over its life, in minor units.
        collected: i64,
    },
}

/// The oldest unpaid due date, as the ledger tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DueDate {
    /// This day.
    On(Date),
    /// Nothing is unpaid any more.
    Cleared,
}

impl DueDate {
    /// The day, where there is one.
    #[must_use]
    pub const fn day(self) -> Option<Date> {
        match self {
            Self::On(day) => Some(day),
            Self::Cleared => None,
        }
    }
}

/// What ended a pause.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// Its planned end.
    Timer,
    /// A person released it.
    Release,
    /// The case was closed.
    Close,
}

/// How a promise went.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromiseResult {
    /// All of it came in in time.
    Kept,
    /// Some of it came in in time.
    Partial,
    /// Nothing came in in time.
    Broken,
}

/// Why a step was passed over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum SkipReason {
    /// The party has no usable number or address for it.
    NoTarget,
    /// The gate will never permit it.
    DeniedForever {
        /// The primary rule.
        rule: String,
    },
    /// No channel of that name is loaded.
    NoChannel,
    /// Tried, and proven not sent, as often as a step may be.
    RetriesUsedUp,
    /// A person called it off while it waited for approval.
    CalledOff,
    /// The policy says so of an outcome.
    ByOutcome {
        /// The outcome.
        outcome: Outcome,
    },
}

/// The gate's no, as recorded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Denial {
    /// Stage and step that asked.
    pub place: (u8, u8),
    /// The kind of contact.
    pub class: ContactClass,
    /// The primary rule.
    pub rule: String,
    /// The other rules that refuse.
    pub also: Vec<String>,
    /// The least instant at which it would be permitted; none where time alone never cures it.
    pub earliest: Option<Timestamp>,
    /// What nobody has told, and on which it hangs whether it will be permitted: a year of a calendar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<String>,
}
