//! What the gate asked and what was answered, for whoever wants to explain it.

use crate::rule::Rule;
use jiff::Timestamp;
use recoup_domain::overrides::Lift;

/// Takes note of each rule that was asked. The verdict never depends on it.
pub trait Trace {
    /// A rule permits; before `until` as far as it is concerned.
    fn permitted(&mut self, rule: &Rule, until: Timestamp);
    /// A rule would deny, and an override lifts it.
    fn lifted(&mut self, rule: &Rule, lift: &Lift);
    /// A rule denies; from `next` on it would permit, never where that is none.
    fn denied(&mut self, rule: &Rule, next: Option<Timestamp>);
}

/// Notes nothing and costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTrace;

impl Trace for NoTrace {
    fn permitted(&mut self, _: &Rule, _: Timestamp) {}
    fn lifted(&mut self, _: &Rule, _: &Lift) {}
    fn denied(&mut self, _: &Rule, _: Option<Timestamp>) {}
}

/// Notes every rule that was asked, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FullTrace {
    /// One line a rule.
    pub lines: Vec<TraceLine>,
}

/// What one rule answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceLine {
    /// It permits.
    Permitted {
        /// The rule's id.
        rule: String,
        /// Before when, as far as this rule is concerned.
        until: Timestamp,
    },
    /// It would deny, and an override lifts it.
    Lifted {
        /// The override, with the rule it lifts.
        by: Lift,
    },
    /// It denies.
    Denied {
        /// The rule's id.
        rule: String,
        /// From when it would permit; none: never.
        next: Option<Timestamp>,
    },
}

impl Trace for FullTrace {
    fn permitted(&mut self, rule: &Rule, until: Timestamp) {
        let rule = rule.id().to_owned();
        self.lines.push(TraceLine::Permitted { rule, until });
    }

    fn lifted(&mut self, _: &Rule, lift: &Lift) {
        self.lines.push(TraceLine::Lifted { by: lift.clone() });
    }

    fn denied(&mut self, rule: &Rule, next: Option<Timestamp>) {
        let rule = rule.id().to_owned();
        self.lines.push(TraceLine::Denied { rule, next });
    }
}
