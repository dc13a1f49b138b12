//! A policy as compiled: stages and steps, and what can be asked of them.

use crate::finding::Finding;
use crate::horizon::Horizon;
use crate::program::Program;
use jiff::SignedDuration;
use jiff::civil::Time;
use recoup_domain::money::Currency;
use recoup_domain::outcome::Outcome;
use recoup_domain::{CaseId, ContactClass};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a policy's text.
pub const SOURCE_BYTES_MAX: usize = 64 * 1024;
/// Stages of a policy.
pub const STAGES_MAX: usize = 32;
/// Steps of a stage.
pub const STEPS_MAX: usize = 16;

/// The names a policy may use: what is loaded and registered where it is to run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names {
    /// Channels by name, with the class each of them declares.
    pub channels: BTreeMap<String, ContactClass>,
    /// Any other name of a channel is taken, too, under a kind of contact that its step can be read with: for policies
    /// on record, whose channels may be missing for a while.
    pub any_channel: bool,
    /// Templates by name.
    pub templates: BTreeSet<String>,
    /// Any name of a template is taken: it is not known which exist.
    pub any_template: bool,
    /// Channels that are configured and could not be loaded so far, with why.
    pub refused: BTreeMap<String, String>,
}

/// What a step does when a contact of it had a certain outcome.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OnOutcome {
    /// Go on with the next number or address of the person.
    NextContactPoint,
    /// Pass the step over: it counts as skipped.
    SkipStep,
    /// Pass every step of the stage over: a later stage that asks whether this one is exhausted can follow.
    SkipStage,
    /// Pass the step over, and put the case before a person.
    AskPerson,
    /// No contact of the case before this long after the effect; whole days are calendar days.
    Hold(SignedDuration),
}

impl OnOutcome {
    /// The actions that are written as a word alone.
    pub(crate) const WORDS: [Self; 4] = [
        Self::NextContactPoint,
        Self::SkipStep,
        Self::SkipStage,
        Self::AskPerson,
    ];

    /// The name in policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NextContactPoint => "next_contact_point",
            Self::SkipStep => "skip_step",
            Self::SkipStage => "skip_stage",
            Self::AskPerson => "worklist",
            Self::Hold(_) => HOLD,
        }
    }

    /// Whether the step is passed over: it comes to an end before its `max`.
    #[must_use]
    pub const fn skips(self) -> bool {
        matches!(self, Self::SkipStep | Self::SkipStage | Self::AskPerson)
    }
}

/// The key of an action that has a length of time.
pub(crate) const HOLD: &str = "hold";

/// One step of a stage: a contact, repeated up to [`max`](Self::max) times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Name of the channel.
    pub channel: String,
    /// The class that channel declares.
    pub class: ContactClass,
    /// Name of the template.
    pub template: String,
    /// The condition under which it has its turn, as written; none where it always has.
    pub when: Option<String>,
    /// The same, compiled.
    pub(crate) when_root: Option<u16>,
    /// Least time between two contacts of this step; whole days are calendar days.
    pub every: Option<SignedDuration>,
    /// Least time since the effect of the step before; whole days are calendar days.
    pub after: Option<SignedDuration>,
    /// Contacts of this step over the whole case.
    pub max: u32,
    /// Local time of day `[from, to)` the effect must begin in.
    pub between: Option<(Time, Time)>,
    /// Whether a person must approve each contact (by the step or its stage).
    pub approval: bool,
    /// How far ahead the effect lies when it is planned; zero but for visits.
    pub lead: SignedDuration,
    /// Length of the effect window.
    pub window: SignedDuration,
    /// What an outcome of this step brings with it, in the order of the outcomes.
    pub on: Vec<(Outcome, OnOutcome)>,
    /// Where it stands in the policy's text: line and column, from 1.
    pub place: (u32, u32),
}

impl Step {
    /// What `outcome` brings with it.
    #[must_use]
    pub fn on(&self, outcome: Outcome) -> Option<OnOutcome> {
        self.on
            .iter()
            .find(|(o, _)| *o == outcome)
            .map(|(_, action)| *action)
    }
}

/// One rung of the ladder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// The condition as written.
    pub enter: String,
    /// Whether a person must approve each contact of it.
    pub approval: bool,
    /// Its steps, in order; never empty.
    pub steps: Vec<Step>,
    /// Where its condition stands in the policy's text: line and column, from 1.
    pub place: (u32, u32),
}

/// One arm of an experiment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arm {
    /// Its name; `champion` is this policy itself.
    pub name: String,
    /// Per cent of the cases.
    pub share: u8,
    /// Name of the policy its cases are pinned to; none for this one.
    pub policy: Option<String>,
}

/// A compiled policy.
#[derive(Debug)]
pub struct Policy {
    pub(crate) source: Box<str>,
    pub(crate) name: String,
    pub(crate) currency: Option<Currency>,
    pub(crate) segments: Vec<String>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) arms: Vec<Arm>,
    pub(crate) lost_after_failed_days: u8,
    pub(crate) warnings: Vec<Finding>,
    /// Whether some outcome of a step holds the case.
    pub(crate) holds: bool,
    pub(crate) program: Program,
    pub(crate) horizon: Horizon,
}

impl Policy {
    /// Reads, checks and compiles a policy's text. Same text and names, same policy.
    ///
    /// # Errors
    /// All that is wrong with it, in the order of the text, never empty.
    pub fn parse(source: &str, names: &Names) -> Result<Self, Vec<Finding>> {
        crate::read::policy(source, names)
    }

    /// The text it was compiled from; its hash is the hash of these bytes.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The stages, mildest first; never empty. A stage's number is its index.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Names of the segments, in order.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// The one currency it names; none where it names none. A case in another one cannot be pinned to it.
    #[must_use]
    pub const fn currency(&self) -> Option<Currency> {
        self.currency
    }

    /// Local days of failed attempts after which a number is given up.
    #[must_use]
    pub const fn lost_after_failed_days(&self) -> u8 {
        self.lost_after_failed_days
    }

    /// What may not be meant so, though it can be run.
    #[must_use]
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// Names of the channels it uses.
    #[must_use]
    pub fn channels(&self) -> BTreeSet<&str> {
        self.steps().map(|s| s.channel.as_str()).collect()
    }

    /// Names of the templates it uses.
    #[must_use]
    pub fn templates(&self) -> BTreeSet<&str> {
        self.steps().map(|s| s.template.as_str()).collect()
    }

    fn steps(&self) -> impl Iterator<Item = &Step> {
        self.stages.iter().flat_map(|s| &s.steps)
    }

    /// The arms of the experiment; the first one is `champion`. Shares add up to 100.
    #[must_use]
    pub fn arms(&self) -> &[Arm] {
        &self.arms
    }

    /// The arm of a case: by a hash of its id and the policy's name, so that it never moves and two
    /// experiments divide the cases independently of each other.
    #[must_use]
    pub fn arm(&self, case: CaseId) -> &Arm {
        let place = u8::try_from(stable_hash(self.name.as_bytes(), &case.to_bytes()) % 100);
        let mut place = place.unwrap_or(0);
        for arm in &self.arms {
            if place < arm.share {
                return arm;
            }
            place -= arm.share;
        }
        &self.arms[0]
    }
}

/// FNV-1a over both, then mixed so that the low digits depend on all bytes.
fn stable_hash(salt: &[u8], id: &[u8]) -> u64 {
    let mut h: u64 = 0xcbf2_9ce4_8422_2325;
    for b in salt.iter().chain(id) {
        h = (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}
