//! Why a person must look at a case: each reason with what its words need. The code tells reasons apart by their kind,
//! people by their words, which are said here alone.

use crate::contact::ContactClass;
use crate::outcome::Outcome;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a case is before a person. Its text is one sentence for them, without a full stop.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WorklistReason {
    /// Every step of a stage is used up: a person decides what is next.
    StepsUsedUp {
        /// The stage.
        stage: String,
    },
    /// The borrower has no number or address that any step of a stage could use.
    NoTarget {
        /// The stage.
        stage: String,
    },
    /// A step was passed over because the gate will never permit it.
    NeverMade {
        /// The kind of contact.
        class: ContactClass,
        /// The stage of the step.
        stage: String,
        /// The rule that stands against it.
        rule: String,
    },
    /// A step waits for a year that a calendar lacks.
    WaitsForYear {
        /// The kind of contact.
        class: ContactClass,
        /// The stage of the step.
        stage: String,
        /// The calendar file.
        calendar: String,
        /// The year that it lacks.
        year: i16,
        /// The rule that asks for the year.
        rule: String,
    },
    /// A contact came to an outcome after which the policy asks for a person.
    AskedByPolicy {
        /// The kind of contact.
        class: ContactClass,
        /// The stage of the step.
        stage: String,
        /// What it came to.
        outcome: Outcome,
    },
    /// The case is new, something is overdue, and no stage of its policy will take it by itself.
    NoStage {
        /// The policy, as `name@version`.
        policy: String,
    },
    /// A contact of the ladder is held back for what its text lacks.
    StepHeld {
        /// What it lacks.
        why: String,
    },
    /// A contact that a person asked for was held back for what its text lacks.
    HandHeld {
        /// What it lacks.
        why: String,
    },
    /// The case cannot be decided: its policy, law or key is missing.
    Undecidable,
    /// The borrower wrote back, and no machine can tell what it means.
    WroteBack,
    /// Somebody who owes nothing and was asked about the borrower wrote back.
    OtherWroteBack,
    /// Nobody can say whether a contact was called off.
    CancelInDoubt,
    /// A contact may be on its way that should not go any more.
    SendingInDoubt,
    /// The borrower has died.
    Death,
    /// The borrower was right in a dispute.
    DisputeWon,
}

impl WorklistReason {
    /// Whether it is about the steps of the ladder, and nothing else: they are used up, passed over for good, lead to
    /// nobody, or wait for a year of a calendar. Where they are asked again, nobody need look at the case.
    #[must_use]
    pub const fn is_of_steps(&self) -> bool {
        matches!(
            self,
            Self::StepsUsedUp { .. }
                | Self::NoTarget { .. }
                | Self::NeverMade { .. }
                | Self::WaitsForYear { .. }
        )
    }

    /// Whether it is over once the case stands in the stage of that name: it is about the steps of another one, or that
    /// no stage took it.
    #[must_use]
    pub fn ends_in(&self, entered: &str) -> bool {
        match self {
            Self::StepsUsedUp { stage }
            | Self::NoTarget { stage }
            | Self::NeverMade { stage, .. }
            | Self::WaitsForYear { stage, .. } => stage != entered,
            Self::NoStage { .. } => true,
            _ => false,
        }
    }

    /// Whether it is about a contact that may reach the person and should not.
    #[must_use]
    pub const fn is_doubt(&self) -> bool {
        matches!(self, Self::CancelInDoubt | Self::SendingInDoubt)
    }
}

impl fmt::Display for WorklistReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StepsUsedUp { stage } => write!(f, "every step of stage `{stage}` is used up"),
            Self::NoTarget { stage } => write!(
                f,
                "the borrower has no number or address that a step of stage `{stage}` could use: find one, or decide what \
                 is next"
            ),
            Self::NeverMade { class, stage, rule } => write!(
                f,
                "{class} of stage `{stage}` can never be made as things stand: {rule}"
            ),
            Self::WaitsForYear {
                class,
                stage,
                calendar,
                year,
                rule,
            } => write!(
                f,
                "{class} of stage `{stage}` waits for a year: calendar file `{calendar}` lacks the year {year}; add it as \
                 published, with its source ({rule})"
            ),
            Self::AskedByPolicy {
                class,
                stage,
                outcome,
            } => write!(
                f,
                "{class} of stage `{stage}` came to {outcome}: the policy asks for a person"
            ),
            Self::NoStage { policy } => write!(
                f,
                "no stage of policy `{policy}` takes the case as it stands: nothing is done before something happens; \
                 was another policy meant?"
            ),
            Self::StepHeld { why } => write!(f, "a contact of the ladder is held back: {why}"),
            Self::HandHeld { why } => write!(f, "a contact was held back: {why}"),
            Self::Undecidable => {
                f.write_str("the case cannot be decided; the service's log says why")
            }
            Self::WroteBack => f.write_str("the person wrote back; somebody must read it"),
            Self::OtherWroteBack => {
                f.write_str("somebody who was asked about the borrower wrote back; read it")
            }
            Self::CancelInDoubt => f.write_str(
                "a contact was to be called off, and nobody can say whether it was",
            ),
            Self::SendingInDoubt => f.write_str(
                "a fact came in while a contact may be on its way that nobody can say was sent",
            ),
            Self::Death => f.write_str(
                "the borrower has died: close the case, or tell who answers for the debt",
            ),
            Self::DisputeWon => f.write_str(
                "the borrower was right in a dispute: correct the case, then release it, or close it",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_kept_as_its_kind_and_told_in_words() {
        let stage = || "remind".to_owned();
        let class = ContactClass::Sms;
        let rule = || "R-1".to_owned();
        for (reason, kept, words) in [
            (
                WorklistReason::StepsUsedUp { stage: stage() },
                r#"{"kind":"steps_used_up","stage":"remind"}"#,
                "every step of stage `remind` is used up",
            ),
            (
                WorklistReason::NoTarget { stage: stage() },
                r#"{"kind":"no_target","stage":"remind"}"#,
                "the borrower has no number or address that a step of stage `remind` could use: find one, or decide what is next",
            ),
            (
                WorklistReason::NeverMade {
                    class,
                    stage: stage(),
                    rule: rule(),
                },
                r#"{"kind":"never_made","class":"sms","stage":"remind","rule":"R-1"}"#,
                "sms of stage `remind` can never be made as things stand: R-1",
            ),
            (
                WorklistReason::WaitsForYear {
                    class,
                    stage: stage(),
                    calendar: "cn".into(),
                    year: 2027,
                    rule: rule(),
                },
                r#"{"kind":"waits_for_year","class":"sms","stage":"remind","calendar":"cn","year":2027,"rule":"R-1"}"#,
                "sms of stage `remind` waits for a year: calendar file `cn` lacks the year 2027; add it as published, \
                 with its source (R-1)",
            ),
            (
                WorklistReason::WroteBack,
                r#"{"kind":"wrote_back"}"#,
                "the person wrote back; somebody must read it",
            ),
        ] {
            assert_eq!(serde_json::to_string(&reason).unwrap(), kept);
            assert_eq!(
                serde_json::from_str::<WorklistReason>(kept).unwrap(),
                reason
            );
            assert_eq!(reason.to_string(), words);
            assert_eq!(reason.is_of_steps(), reason != WorklistReason::WroteBack);
        }
    }
}
