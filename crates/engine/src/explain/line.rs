//! What an explanation tells people, line by line, before it is put into a language.

use crate::clock_guard::Trouble;
use jiff::Timestamp;
use recoup_compliance::{Reason, RuleRef, Why};
use recoup_decide::StepSaid;
use recoup_domain::case::{CloseReason, Pause, SkipReason, Status, WorklistReason};
use recoup_domain::contact::ContactClass;
use recoup_domain::overrides::Lift;
use recoup_domain::time::Window;
use recoup_store::Room;

use super::{en, zh};

/// A language that explanations are told in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tongue {
    /// English.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Tongue {
    /// The language of a tag; none where explanations are not told in it.
    #[must_use]
    pub fn of(tag: &str) -> Option<Self> {
        let is_subtag =
            |s: &str| (1..=8).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric());
        if !tag.split('-').all(is_subtag) {
            return None;
        }
        let subtags = || tag.split('-').map(str::to_ascii_lowercase);
        let traditional = subtags().any(|s| ["hant", "tw", "hk", "mo"].contains(&s.as_str()));
        match subtags().next().as_deref() {
            Some("en") => Some(Self::English),
            Some("zh") if !traditional => Some(Self::Chinese),
            _ => None,
        }
    }
}

/// Where a step stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// What the decision said of it.
    Said(StepSaid),
    /// The decision did not come to it.
    NotAsked,
    /// It was passed over before.
    PassedOver(SkipReason),
    /// It would go, but for what its text lacks, in words.
    Held(String),
}

impl Standing {
    /// In words, without a full stop.
    #[must_use]
    pub fn say(&self, tongue: Tongue) -> String {
        match tongue {
            Tongue::English => en::standing(self),
            Tongue::Chinese => zh::standing(self),
        }
    }
}

/// One line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Line {
    /// The case's status at the instant; with what was learned since, or not.
    AsOf {
        /// The instant.
        at: Timestamp,
        /// The status.
        status: Status,
        /// Whether facts that were learned later count.
        corrected: bool,
    },
    /// The policy version that decides.
    Policy {
        /// Name and version.
        pin: (String, u32),
        /// Since when.
        since: Timestamp,
        /// The one before, where the case was moved.
        before: Option<(String, u32)>,
    },
    /// Packs or decision code were others when the newest contact was decided.
    OtherRules,
    /// Something pauses it.
    Paused(Pause),
    /// It is over.
    Closed(CloseReason, Timestamp),
    /// Where the debt stands.
    Debt {
        /// Days past due; below 0 before the due date.
        dpd: i32,
        /// What is overdue, with its currency.
        overdue: String,
        /// Contacts that count as made.
        made: usize,
    },
    /// The stage it stands in, with its condition; none where it stands in none.
    Stage(Option<(String, String)>),
    /// A step of that stage.
    Step {
        /// From 1.
        number: usize,
        /// Name of the channel.
        channel: String,
        /// Name of the template.
        template: String,
        /// Contacts made, and how many it may make.
        made: (u32, u32),
        /// Where it stands.
        standing: Standing,
    },
    /// A rule that refuses the step before.
    Rule {
        /// The rule.
        rule: RuleRef,
        /// From when it alone would permit.
        earliest: Option<Timestamp>,
        /// What its text does not tell.
        why: Option<Why>,
    },
    /// An override that is in force.
    Lifted {
        /// What it lifts.
        lift: Box<Lift>,
        /// Whether its rule would deny else.
        decides: bool,
    },
    /// A contact would be made, and is held back for its text.
    Held(ContactClass),
    /// A contact would be made.
    Contact(ContactClass, Window),
    /// Nothing is done before the instant, or before something happens.
    Sleeps(Option<Timestamp>),
    /// What is put on record now may change the answer: it is decided once more.
    DecidesAgain,
    /// A person must look at it: why.
    Worklist(WorklistReason),
    /// The newest try was refused by its channel.
    Refused {
        /// The kind.
        class: ContactClass,
        /// When.
        at: Option<Timestamp>,
        /// What the channel said; none for nothing.
        said: Option<String>,
    },
    /// When the planner looks at the case next.
    LooksNext {
        /// When.
        at: Timestamp,
        /// Whether a contact goes then.
        goes: bool,
    },
    /// Somebody paused dispatch.
    DispatchOff {
        /// The channel; none for all.
        channel: Option<String>,
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
        /// Why, as they wrote.
        reason: String,
    },
    /// The clock is not to be trusted.
    ClockSuspect(Trouble),
    /// The store's disk is nearly full.
    NoRoom(Room),
}

impl Line {
    pub(super) fn of(reason: &Reason) -> Self {
        Self::Rule {
            rule: reason.rule.clone(),
            earliest: reason.earliest,
            why: reason.why.clone(),
        }
    }

    /// In words.
    #[must_use]
    pub fn say(&self, tongue: Tongue) -> String {
        match tongue {
            Tongue::English => en::line(self),
            Tongue::Chinese => zh::line(self),
        }
    }
}

/// Whether a pause ends by itself.
pub(super) fn ends(pause: &Pause) -> Option<Timestamp> {
    Some(pause.until).filter(|until| *until < recoup_domain::time::NEVER)
}
