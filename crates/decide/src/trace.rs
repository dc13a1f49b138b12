//! Watching a decision: what the policy's conditions came to, what each step was due for, what each rule
//! of the gate said.

use jiff::Timestamp;
use recoup_compliance::{Denial, MissingYear};
use recoup_domain::case::SkipReason;
use sha2::{Digest, Sha256};

/// Watches a decision. Watching never changes what comes out.
pub trait Trace {
    /// Watches the policy's conditions.
    type Policy: recoup_policy::Trace;
    /// Watches the gate's rules.
    type Gate: recoup_compliance::Trace;
    /// The one who watches conditions.
    fn policy(&mut self) -> &mut Self::Policy;
    /// The one who watches rules; called anew for each question to the gate.
    fn gate(&mut self, place: (u8, u8), from: Timestamp) -> &mut Self::Gate;
    /// A step of the stage was looked at.
    fn step(&mut self, place: (u8, u8), note: StepNote<'_>);
}

/// What came of looking at a step.
#[derive(Clone, Copy, Debug)]
pub enum StepNote<'a> {
    /// It reached its number of contacts, or was skipped before.
    UsedUp,
    /// Its `when`, which does not hold: it has no turn.
    NoTurn(&'a str),
    /// A contact of it waits for a person's approval, until then.
    WaitsForApproval(Option<Timestamp>),
    /// It has no way forward and is skipped.
    Skipped(&'a SkipReason),
    /// It waits for the effect of the step before.
    WaitsForStepBefore,
    /// It is due later.
    Due(Timestamp),
    /// It is due, and its channel should be there and is not. It is asked again then.
    WaitsForChannel(&'a str, Timestamp),
    /// Nobody knows when it may go: a calendar lacks a year. It is asked again then.
    WaitsForYear(&'a MissingYear, Timestamp),
    /// The gate refuses now.
    Denied(&'a Denial),
    /// It goes now.
    Goes,
}

/// What came of looking at a step, kept. As text it is English, and what the hash of a trace is taken of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StepSaid {
    /// See [`StepNote::UsedUp`].
    UsedUp,
    /// See [`StepNote::NoTurn`].
    NoTurn(String),
    /// See [`StepNote::WaitsForApproval`].
    WaitsForApproval(Option<Timestamp>),
    /// See [`StepNote::Skipped`].
    Skipped(SkipReason),
    /// See [`StepNote::WaitsForStepBefore`].
    WaitsForStepBefore,
    /// See [`StepNote::Due`].
    Due(Timestamp),
    /// See [`StepNote::WaitsForChannel`].
    WaitsForChannel(String, Timestamp),
    /// See [`StepNote::WaitsForYear`].
    WaitsForYear(MissingYear, Timestamp),
    /// The rule that refuses first; see [`StepNote::Denied`].
    Denied(String),
    /// See [`StepNote::Goes`].
    Goes,
}

impl From<StepNote<'_>> for StepSaid {
    fn from(note: StepNote<'_>) -> Self {
        match note {
            StepNote::UsedUp => Self::UsedUp,
            StepNote::NoTurn(when) => Self::NoTurn(when.to_owned()),
            StepNote::WaitsForApproval(until) => Self::WaitsForApproval(until),
            StepNote::Skipped(why) => Self::Skipped(why.clone()),
            StepNote::WaitsForStepBefore => Self::WaitsForStepBefore,
            StepNote::Due(at) => Self::Due(at),
            StepNote::WaitsForChannel(name, at) => Self::WaitsForChannel(name.to_owned(), at),
            StepNote::WaitsForYear(missing, at) => Self::WaitsForYear(missing.clone(), at),
            StepNote::Denied(denial) => Self::Denied(denial.reason.id().to_owned()),
            StepNote::Goes => Self::Goes,
        }
    }
}

impl std::fmt::Display for StepSaid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UsedUp => f.write_str("used up"),
            Self::NoTurn(when) => write!(f, "has no turn: `{when}` does not hold"),
            Self::WaitsForApproval(Some(at)) => {
                write!(f, "waits until {at} for a second person's approval")
            }
            Self::WaitsForApproval(None) => f.write_str("its wait for approval has ended"),
            Self::Skipped(SkipReason::DeniedForever { rule }) => {
                write!(f, "skipped: {rule} will never permit it as things stand")
            }
            Self::Skipped(why) => write!(f, "skipped: {why:?}"),
            Self::WaitsForChannel(name, at) => {
                write!(f, "waits for channel {name}; asked again {at}")
            }
            Self::WaitsForYear(missing, at) => {
                write!(f, "closed as long as {missing}; asked again {at}")
            }
            Self::WaitsForStepBefore => f.write_str("waits for the effect of the step before"),
            Self::Due(at) => write!(f, "due {at}"),
            Self::Denied(rule) => write!(f, "denied by {rule}"),
            Self::Goes => f.write_str("goes now"),
        }
    }
}

/// Watches nothing and costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTrace {
    policy: recoup_policy::NoTrace,
    gate: recoup_compliance::NoTrace,
}

impl Trace for NoTrace {
    type Policy = recoup_policy::NoTrace;
    type Gate = recoup_compliance::NoTrace;

    fn policy(&mut self) -> &mut Self::Policy {
        &mut self.policy
    }

    fn gate(&mut self, _: (u8, u8), _: Timestamp) -> &mut Self::Gate {
        &mut self.gate
    }

    fn step(&mut self, _: (u8, u8), _: StepNote<'_>) {}
}

/// Collects everything.
#[derive(Clone, Debug, Default)]
pub struct FullTrace {
    /// The policy's conditions.
    pub policy: recoup_policy::FullTrace,
    /// Each question to the gate: the step, the start of the effect asked about, the rules' answers.
    pub gate: Vec<((u8, u8), Timestamp, recoup_compliance::FullTrace)>,
    /// Each step looked at, and what came of it.
    pub steps: Vec<((u8, u8), StepSaid)>,
    /// The gate's no to each step that was refused.
    pub denials: Vec<((u8, u8), Denial)>,
    /// When each step that waits is due.
    pub due: Vec<((u8, u8), Timestamp)>,
}

impl Trace for FullTrace {
    type Policy = recoup_policy::FullTrace;
    type Gate = recoup_compliance::FullTrace;

    fn policy(&mut self) -> &mut Self::Policy {
        &mut self.policy
    }

    fn gate(&mut self, place: (u8, u8), from: Timestamp) -> &mut Self::Gate {
        self.gate
            .push((place, from, recoup_compliance::FullTrace::default()));
        let last = self.gate.len() - 1;
        &mut self.gate[last].2
    }

    fn step(&mut self, place: (u8, u8), note: StepNote<'_>) {
        match note {
            StepNote::WaitsForChannel(_, at)
            | StepNote::WaitsForYear(_, at)
            | StepNote::Due(at) => self.due.push((place, at)),
            StepNote::Denied(denial) => self.denials.push((place, denial.clone())),
            _ => {}
        }
        self.steps.push((place, note.into()));
    }
}

impl FullTrace {
    /// SHA-256 of the trace as text, hexadecimal: two decisions of one hash were made of the same for the same reasons.
    #[must_use]
    pub fn hash(&self) -> String {
        let digest = Sha256::digest(self.lines().join("\n").as_bytes());
        digest.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The trace as text, line by line: what its hash is taken of.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let conditions = self.policy.notes.iter().map(|note| format!("{note:?}"));
        let steps = self
            .steps
            .iter()
            .map(|((s, n), text)| format!("step {s}.{n}: {text}"));
        let gate = self.gate.iter().flat_map(|((s, n), from, trace)| {
            trace
                .lines
                .iter()
                .map(move |line| format!("gate {s}.{n} from {from}: {line:?}"))
        });
        conditions.chain(steps).chain(gate).collect()
    }
}
