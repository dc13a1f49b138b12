//! One pure step: the policy asks, the gate decides. The engine does what it answers; the simulator,
//! ExplainCase and CheckPolicy ask the same step.
//!
//! [`step`] takes facts and an instant and answers with a [`Decision`]: what to put on record, and one
//! [`Action`]. Same inputs, same answer, on any machine; watching it with a [`Trace`] never changes it.

pub mod check;
mod target;
mod trace;
mod turn;

pub use trace::{FullTrace, NoTrace, StepNote, StepSaid, Trace};

use jiff::{SignedDuration, Timestamp};
use recoup_compliance::Binding;
use recoup_domain::case::{CaseEvent, WorklistReason};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::KeyedHash;
use recoup_domain::time::{NEVER, Window, add_days};
use recoup_domain::{Case, Party, PastContact};
use recoup_policy::{Env, Facts, Policy};

/// Version of the decision code. Equal inputs give equal bytes within one version.
pub const DECISION_VERSION: u32 = 1;

/// How often a step may be tried again after a contact that was proven not sent.
pub const RETRIES_MAX: usize = 2;

/// How long after such a contact the first try comes, and the second: an outage of a provider must not
/// cost a whole ladder its step.
pub const RETRY_AFTER: [SignedDuration; RETRIES_MAX] =
    [SignedDuration::from_mins(15), SignedDuration::from_hours(4)];

/// Calendar days for which a planned contact waits for approval.
pub const APPROVAL_DAYS_MAX: i32 = 14;

/// Everything a decision is made from.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The case.
    pub case: &'a Case,
    /// Its borrower.
    pub borrower: &'a Party,
    /// All contacts of that person at the lender, sorted by time.
    pub contacts: &'a [PastContact],
    /// Contacts of the case that wait for a person.
    pub waiting: &'a [Waiting],
    /// The policy the case is pinned to.
    pub policy: &'a Policy,
    /// The rules that bind contacts with the borrower.
    pub binding: &'a Binding,
    /// Which channels are there.
    pub channels: &'a dyn ChannelNames,
    /// How many collectors could go on a visit with valid credentials.
    pub visitors: u8,
}

/// Which channels are there.
pub trait ChannelNames {
    /// How it stands with a channel of that name.
    fn presence(&self, name: &str) -> Presence;
}

/// Whether a channel is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// It is loaded.
    Here,
    /// It should be, and is not for now: its steps wait for it.
    Awaited,
    /// Nobody configured it: its steps are passed over.
    Unknown,
}

impl<F: Fn(&str) -> bool> ChannelNames for F {
    fn presence(&self, name: &str) -> Presence {
        if self(name) {
            Presence::Here
        } else {
            Presence::Unknown
        }
    }
}

/// A contact that waits for a person's approval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// Its number in the case.
    pub seq: u32,
    /// Stage and step.
    pub place: (u8, u8),
    /// Somebody approved it.
    pub approved: bool,
    /// When it was planned.
    pub since: Timestamp,
}

/// What comes of a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// What to put on record, in order; none in most cases.
    pub events: Vec<CaseEvent>,
    /// Contacts that waited for a person and must not any more.
    pub dropped: Vec<Dropped>,
    /// What to do.
    pub action: Action,
}

/// A contact that stops waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dropped {
    /// Its number in the case.
    pub seq: u32,
    /// `SUPPRESSED` where a fact overtook it, `EXPIRED` where nobody approved it in time.
    pub to: ContactState,
}

/// What to do now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Nothing before the instant, or before a fact comes where that is none.
    Sleep {
        /// When to ask again. Now, where what is put on record may change the answer.
        until: Option<Timestamp>,
    },
    /// Make this contact.
    Contact(Plan),
}

/// A contact that policy and gate agree on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Number of the stage.
    pub stage: u8,
    /// Number of the step.
    pub step: u8,
    /// The kind of contact.
    pub class: ContactClass,
    /// The number or address; none for a referral.
    pub point: Option<KeyedHash>,
    /// When its effect lies.
    pub effect: Window,
    /// When the permit lapses.
    pub expires: Timestamp,
    /// A person must approve it first: it is planned, not sent.
    pub needs_approval: bool,
    /// The waiting contact that is approved and goes now.
    pub approved: Option<u32>,
    /// The contact, proven not sent, that this one tries again.
    pub retry_of: Option<u32>,
}

/// Decides what happens with a case at `now`.
#[must_use]
pub fn step<T: Trace>(input: &Input<'_>, now: Timestamp, trace: &mut T) -> Decision {
    let mut decision = Decision {
        events: Vec::new(),
        dropped: Vec::new(),
        action: Action::Sleep { until: None },
    };
    if let Some(until) = standstill(input, &mut decision) {
        decision.action = Action::Sleep { until };
        return decision;
    }
    let facts = Facts {
        case: input.case,
        borrower: input.borrower,
        contacts: input.contacts,
    };
    let env = input.policy.env(&facts, now);
    let stage = input.policy.stage(&env, trace.policy());
    enter(input, stage, env.dpd(), &mut decision);
    drop_waiting_of_other_stages(input, &env, stage, now, &mut decision);
    let turn = stage.map(|stage| turn::take(input, &env, stage, now, &mut decision, trace));
    let change = input.policy.next_time_change(&facts, &env, now);
    // A wait ends at its time, whatever became of the step it belongs to.
    let waits = input.waiting.iter().filter(|w| !w.approved);
    let ends = waits
        .map(|w| approval_ends(input, w))
        .filter(|end| *end > now);
    let change = change.into_iter().chain(ends).min();
    decision.action = match turn {
        Some(turn::Turn::Contact(plan)) => Action::Contact(plan),
        _ if moves_facts(&decision) => Action::Sleep { until: Some(now) },
        Some(turn::Turn::Wait(until)) => Action::Sleep {
            until: until.into_iter().chain(change).min(),
        },
        None => Action::Sleep { until: change },
    };
    decision
}

/// Whether a decision puts on record what conditions and steps read: a skipped step may exhaust its stage, a
/// recall changes the status, a contact that waits no more makes room for another.
fn moves_facts(decision: &Decision) -> bool {
    let moves =
        |e: &CaseEvent| matches!(e, CaseEvent::StepSkipped { .. } | CaseEvent::LegalRecalled);
    !decision.dropped.is_empty() || decision.events.iter().any(moves)
}

/// The stage a case stands in at `now` by its policy, for whoever shows it.
#[must_use]
pub fn stage_of<T: Trace>(input: &Input<'_>, now: Timestamp, trace: &mut T) -> (Env, Option<u8>) {
    let facts = Facts {
        case: input.case,
        borrower: input.borrower,
        contacts: input.contacts,
    };
    let env = input.policy.env(&facts, now);
    let stage = input.policy.stage(&env, trace.policy());
    (env, stage)
}

/// Where the ladder stands still: the case is closed or paused, or a contact of it is on its way. Answers
/// until when; contacts that waited are dropped where a fact overtook them.
fn standstill(input: &Input<'_>, decision: &mut Decision) -> Option<Option<Timestamp>> {
    let case = input.case;
    let until = if case.closed.is_some() {
        None
    } else if !case.pauses.is_empty() {
        let ends = case.pauses.iter().map(|p| p.until);
        // A pause without an end waits for a person, not for a time.
        ends.filter(|until| *until < NEVER).min()
    } else if dispatching(input) {
        return Some(None);
    } else {
        return None;
    };
    let to = ContactState::Suppressed;
    decision
        .dropped
        .extend(input.waiting.iter().map(|w| Dropped { seq: w.seq, to }));
    Some(until)
}

/// A contact of the case is with its channel: what comes of it decides what is next.
fn dispatching(input: &Input<'_>) -> bool {
    let of_case = |c: &&PastContact| c.id.is_some_and(|id| id.case == input.case.id);
    input
        .contacts
        .iter()
        .rev()
        .filter(of_case)
        .any(|c| c.state == Some(ContactState::Dispatching))
}

fn enter(input: &Input<'_>, stage: Option<u8>, dpd: i32, decision: &mut Decision) {
    let case = input.case;
    if stage == case.stage {
        return;
    }
    // A stage left may be one of another version: it has no name here then.
    let name = |s: u8| {
        input
            .policy
            .stages()
            .get(usize::from(s))
            .map(|s| s.name.clone())
    };
    let name = |s: Option<u8>| s.and_then(name).unwrap_or_default();
    decision.events.push(CaseEvent::StageEntered {
        from: case.stage,
        to: stage,
        left: name(case.stage),
        name: name(stage),
        dpd,
    });
    // What is asked of a person about a stage is over with it.
    let over = |r: &WorklistReason| stage.is_some() && r.ends_in(&name(stage));
    if case.worklist.as_ref().is_some_and(over) {
        decision
            .events
            .push(CaseEvent::WorklistChanged { reason: None });
    }
    let goes_to_law = |s: u8| {
        input.policy.stages()[usize::from(s)]
            .steps
            .iter()
            .any(|s| s.class == ContactClass::Legal)
    };
    if case.legal_since.is_some() && !stage.is_some_and(goes_to_law) {
        decision.events.push(CaseEvent::LegalRecalled);
    }
}

/// What waited for approval in another stage, or of a step that has no turn any more, is overtaken; what waited too
/// long has expired.
fn drop_waiting_of_other_stages(
    input: &Input<'_>,
    env: &Env,
    stage: Option<u8>,
    now: Timestamp,
    decision: &mut Decision,
) {
    for w in input.waiting {
        let has_turn = || input.policy.applies(env, w.place.0, w.place.1);
        if Some(w.place.0) != stage || !has_turn() {
            decision.dropped.push(Dropped {
                seq: w.seq,
                to: ContactState::Suppressed,
            });
        } else if !w.approved && approval_ends(input, w) <= now {
            decision.dropped.push(Dropped {
                seq: w.seq,
                to: ContactState::Expired,
            });
        }
    }
}

/// When a waiting contact expires: at the start of the local day after the last one it may wait.
fn approval_ends(input: &Input<'_>, w: &Waiting) -> Timestamp {
    let zone = input.borrower.home_zone();
    zone.start_of_day(add_days(zone.date(w.since), APPROVAL_DAYS_MAX + 1))
}
