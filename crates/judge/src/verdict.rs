//! The verdict: every rule over the joined facts, the figures, and whether the run was live.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::facts::Facts;
use crate::input::InputError;
use crate::ledger::{Ledger, Slot, State};
use crate::log::{Channel, SandboxLog};
use crate::{caps, delivery, edges, hours, stops, twins};

/// What kind of violation; the table in the crate's documentation says what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the crate's documentation has the table")]
pub enum Kind {
    Double,
    Loss,
    Twin,
    OutsideWindow,
    Late,
    OverCap,
    NoPriorContact,
    AfterStop,
    ReceiptWithoutIntent,
    AcceptedWithoutReceipt,
    BadEdge,
}

impl Kind {
    /// The name that the JSON has.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Double => "double",
            Self::Loss => "loss",
            Self::Twin => "twin",
            Self::OutsideWindow => "outside_window",
            Self::Late => "late",
            Self::OverCap => "over_cap",
            Self::NoPriorContact => "no_prior_contact",
            Self::AfterStop => "after_stop",
            Self::ReceiptWithoutIntent => "receipt_without_intent",
            Self::AcceptedWithoutReceipt => "accepted_without_receipt",
            Self::BadEdge => "bad_edge",
        }
    }
}

/// One thing that must not have happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// What kind.
    pub kind: Kind,
    /// The contact, null where a request belongs to none.
    pub contact: Option<String>,
    /// Its case.
    pub case: Option<String>,
    /// What happened and when, for the person who must look into it.
    pub text: String,
}

impl Violation {
    /// A violation of a slot.
    #[must_use]
    pub fn of(facts: &Facts<'_>, slot: &Slot, kind: Kind, text: String) -> Self {
        let case = facts.case(slot).id.clone();
        Self {
            kind,
            contact: Some(slot.contact.clone()),
            case: Some(case),
            text,
        }
    }

    /// A violation that belongs to no slot.
    #[must_use]
    pub fn stray(kind: Kind, text: String) -> Self {
        Self {
            kind,
            contact: None,
            case: None,
            text,
        }
    }
}

/// The figures. The first seven are what happened, the others are violations by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Slots with an intent.
    pub intents: usize,
    /// Requests by which a person is reached.
    pub receipts: usize,
    /// Slots that a provider took.
    pub accepted: usize,
    /// Slots that reached `EFFECTED`.
    pub effected: usize,
    /// Slots that are `UNKNOWN` or `CANCEL_UNKNOWN` now.
    pub unknown: usize,
    /// Denials of the gate.
    pub denied: usize,
    /// Slots that are `CANCELLED` now.
    pub cancelled: usize,
    /// Keys, or pairs of case and plan_seq, with more than one effect.
    pub doubles: usize,
    /// Effects that the ledger denies, and intents without an end.
    pub losses: usize,
    /// Repeated templates on one day.
    pub twins: usize,
    /// Effects outside hours, and late ones.
    pub outside_window: usize,
    /// Calls over a limit.
    pub over_cap: usize,
    /// Contacts that a stop forbade.
    pub after_stop: usize,
    /// Effects with no intent before.
    pub receipts_without_intent: usize,
    /// Accepted slots that nobody received.
    pub accepted_without_receipt: usize,
    /// Visits and legal contacts that were their case's first contact.
    pub no_prior_contact: usize,
    /// Histories that leave the state table.
    pub bad_edges: usize,
}

/// What one channel did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChannelTally {
    /// Slots with an intent.
    pub intents: usize,
    /// Requests by which a person is reached.
    pub receipts: usize,
    /// Slots that a provider took.
    pub accepted: usize,
    /// Slots that are `UNKNOWN` or `CANCEL_UNKNOWN` now.
    pub unknown: usize,
}

/// Clean or violated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// No violation.
    Clean,
    /// At least one, or not live where that was required.
    Violated,
}

/// How strict to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Take a log in which the sandbox misbehaved on purpose.
    pub allow_misbehave: bool,
    /// A run that is not live is violated.
    pub require_live: bool,
    /// The channels that must have accepted something to be live.
    pub live_channels: Vec<Channel>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allow_misbehave: false,
            require_live: false,
            live_channels: Channel::ALL.to_vec(),
        }
    }
}

/// All that the judge has to say.
#[derive(Debug, Serialize)]
pub struct Judgement {
    /// The figures.
    #[serde(flatten)]
    pub tally: Tally,
    /// The figures of each channel.
    #[serde(skip)]
    pub channels: BTreeMap<Channel, ChannelTally>,
    /// Faults that the sandbox made on purpose.
    pub misbehaved: usize,
    /// Lines of the log of a type that the judge does not know.
    pub ignored_lines: usize,
    /// Whether enough was accepted, little is unknown and no channel was silent.
    pub live: bool,
    /// Why it is not live, null if it is.
    pub live_reason: Option<String>,
    /// Every violation.
    pub violations: Vec<Violation>,
    /// Clean or violated.
    pub verdict: Verdict,
}

/// Judges one run.
///
/// # Errors
/// The two files are not of one kind of clock, or the sandbox misbehaved and that was not allowed.
pub fn judge(
    log: &SandboxLog,
    ledger: &Ledger,
    options: &Options,
) -> Result<Judgement, InputError> {
    refuse_misbehaviour(log, options)?;
    let facts = Facts::join(log, ledger)?;
    let mut violations = Vec::new();
    for check in [
        delivery::check,
        twins::check,
        hours::check,
        caps::check,
        stops::check,
        edges::check,
    ] {
        check(&facts, &mut violations);
    }
    violations.sort_by_key(|violation| violation.kind);
    let channels = by_channel(&facts);
    let tally = count(&facts, &channels, &violations);
    let live_reason = not_live(&tally, &channels, options);
    let failed = !violations.is_empty() || (options.require_live && live_reason.is_some());
    Ok(Judgement {
        tally,
        channels,
        misbehaved: log.misbehaved.len(),
        ignored_lines: log.ignored_lines,
        live: live_reason.is_none(),
        live_reason,
        violations,
        verdict: if failed {
            Verdict::Violated
        } else {
            Verdict::Clean
        },
    })
}

fn refuse_misbehaviour(log: &SandboxLog, options: &Options) -> Result<(), InputError> {
    match log.misbehaved.first() {
        Some((n, what)) if !options.allow_misbehave => Err(InputError::File {
            file: "sandbox log",
            problem: format!(
                "the sandbox misbehaved on purpose {} times, first at request {n} ({what}); \
                 if the faults were meant, judge with --allow-misbehave",
                log.misbehaved.len()
            ),
        }),
        _ => Ok(()),
    }
}

fn by_channel(facts: &Facts<'_>) -> BTreeMap<Channel, ChannelTally> {
    let mut channels: BTreeMap<_, ChannelTally> = BTreeMap::new();
    for (_, slot, seen) in facts.slots() {
        let channel = channels.entry(slot.channel).or_default();
        channel.intents += usize::from(slot.intent_at.is_some());
        channel.accepted += usize::from(slot.was_accepted());
        channel.unknown += usize::from(matches!(slot.state, State::Unknown | State::CancelUnknown));
        channel.receipts += seen.effects.len();
    }
    for receipt in &facts.strays {
        channels
            .entry(facts.log.receipts[*receipt].channel)
            .or_default()
            .receipts += 1;
    }
    channels
}

fn count(
    facts: &Facts<'_>,
    channels: &BTreeMap<Channel, ChannelTally>,
    violations: &[Violation],
) -> Tally {
    let of = |kind| {
        violations
            .iter()
            .filter(|violation| violation.kind == kind)
            .count()
    };
    let slots = |wanted: fn(&Slot) -> bool| facts.ledger.slots.iter().filter(|s| wanted(s)).count();
    let sum = |of: fn(&ChannelTally) -> usize| channels.values().map(of).sum();
    Tally {
        intents: sum(|channel| channel.intents),
        receipts: sum(|channel| channel.receipts),
        accepted: sum(|channel| channel.accepted),
        effected: slots(|slot| slot.reached(State::Effected)),
        unknown: sum(|channel| channel.unknown),
        denied: facts.ledger.denials,
        cancelled: slots(|slot| slot.state == State::Cancelled),
        doubles: of(Kind::Double),
        losses: of(Kind::Loss),
        twins: of(Kind::Twin),
        outside_window: of(Kind::OutsideWindow) + of(Kind::Late),
        over_cap: of(Kind::OverCap),
        after_stop: of(Kind::AfterStop),
        receipts_without_intent: of(Kind::ReceiptWithoutIntent),
        accepted_without_receipt: of(Kind::AcceptedWithoutReceipt),
        no_prior_contact: of(Kind::NoPriorContact),
        bad_edges: of(Kind::BadEdge),
    }
}

/// Neither "send nothing" nor "call it all unknown" can pass as a good run.
fn not_live(
    tally: &Tally,
    channels: &BTreeMap<Channel, ChannelTally>,
    options: &Options,
) -> Option<String> {
    if tally.accepted * 100 < tally.intents * 95 || tally.intents == 0 {
        return Some(format!(
            "{} of {} intents were accepted, fewer than 95 %",
            tally.accepted, tally.intents
        ));
    }
    if tally.unknown * 100 > tally.intents {
        return Some(format!(
            "{} of {} intents are unknown, more than 1 %",
            tally.unknown, tally.intents
        ));
    }
    let silent = |channel: &&Channel| channels.get(channel).is_none_or(|c| c.accepted == 0);
    let silent: Vec<_> = options
        .live_channels
        .iter()
        .filter(silent)
        .map(|channel| channel.name())
        .collect();
    (!silent.is_empty()).then(|| format!("nothing was accepted on {}", silent.join(", ")))
}
