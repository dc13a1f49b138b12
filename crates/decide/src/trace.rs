//! Watching a decision: what the policy's conditions came to, what each step was due for, what each rule
//! of the gate said.

use jiff::Timestamp;
use recoup_compliance::{Denial, MissingYear};
use recoup_domain::case::SkipReason;

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
    /// Nobody knows when it may go: a calendar lacks a year. It is asked again then.
    WaitsForYear(&'a MissingYear, Timestamp),
    /// The gate refuses now.
    Denied(&'a Denial),
    /// It goes now.
    Goes,
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
    /// Each step looked at, in words.
    pub steps: Vec<((u8, u8), String)>,
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
        let text = match note {
            StepNote::UsedUp => "used up".to_owned(),
            StepNote::NoTurn(when) => format!("has no turn: `{when}` does not hold"),
            StepNote::WaitsForApproval(until) => match until {
                Some(at) => format!("waits until {at} for a second person's approval"),
                None => "its wait for approval has ended".to_owned(),
            },
            StepNote::Skipped(SkipReason::DeniedForever { rule }) => {
                format!("skipped: {rule} will never permit it as things stand")
            }
            StepNote::Skipped(why) => format!("skipped: {why:?}"),
            StepNote::WaitsForYear(missing, at) => {
                self.due.push((place, at));
                format!("closed as long as {missing}; asked again {at}")
            }
            StepNote::WaitsForStepBefore => "waits for the effect of the step before".to_owned(),
            StepNote::Due(at) => {
                self.due.push((place, at));
                format!("due {at}")
            }
            StepNote::Denied(denial) => {
                self.denials.push((place, denial.clone()));
                format!("denied by {}", denial.reason.id())
            }
            StepNote::Goes => "goes now".to_owned(),
        };
        self.steps.push((place, text));
    }
}

impl FullTrace {
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
