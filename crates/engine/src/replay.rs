//! Decisions of the past, taken again: each contact that the policy planned was decided on what the journal held then,
//! and is decided on that once more. The same facts, policy, packs and code give the same contact for the same reasons.

use crate::engine::Engine;
use crate::error::Done;
use crate::explain::{Known, Then, fold};
use crate::intent::{TZDB, waiting};
use crate::lifts::lifts;
use crate::many::take_turns;
use jiff::Timestamp;
use recoup_compliance::Packs;
use recoup_decide::{
    Action, ChannelNames, DECISION_VERSION, FullTrace, Input, Plan, Presence, Waiting,
};
use recoup_domain::case::{CaseEvent, SkipReason};
use recoup_domain::contact::{Contact, ContactState, DecisionRecord, Origin};
use recoup_domain::ids::{ContactId, TenantId};
use recoup_domain::journal::{ContactEvent, What};
use recoup_domain::overrides::Override;
use recoup_domain::{Case, case};
use recoup_policy::Policy;
use recoup_store::{JournalFilter, Recorded};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Entries read at a time.
const PAGE: usize = 512;

/// What decides.
#[derive(Clone, Copy)]
pub struct Rules<'r> {
    /// Finds the policy version that a case is pinned to.
    pub policy_of: &'r (dyn Fn(&Case) -> Option<Arc<Policy>> + Sync),
    /// The law.
    pub packs: &'r Packs,
}

/// A decision on record: a contact that the policy planned, or that goes after it was approved.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The contact, as it was recorded with the decision.
    pub contact: Contact,
    /// What was noted of the decision.
    pub record: DecisionRecord,
    /// When it was taken.
    pub at: Timestamp,
    /// Position of its entry.
    pub position: u64,
}

impl Decided {
    /// The decision of an entry; none where it holds none.
    #[must_use]
    pub fn of(recorded: &Recorded) -> Option<Self> {
        let What::Contact { event, .. } = &recorded.entry.what else {
            return None;
        };
        let (ContactEvent::Planned(contact) | ContactEvent::Intended(contact)) = event else {
            return None;
        };
        let record = contact.decision.clone()?;
        (contact.origin == Origin::Policy).then(|| Self {
            contact: (**contact).clone(),
            record,
            at: recorded.entry.at,
            position: recorded.position,
        })
    }
}

/// A decision that comes out differently now, or for other reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The contact.
    pub contact: ContactId,
    /// When it was decided.
    pub at: Timestamp,
    /// Position of its entry.
    pub position: u64,
    /// What is different, in words: what it was, what it is.
    pub what: Vec<String>,
    /// Policy, packs, time zones or decision code that are others than those of then, each with both; nothing where
    /// all are the same, and the answer should be.
    pub rules: Vec<String>,
    /// The contact is the same; only the reasons are not.
    pub same_contact: bool,
}

impl Difference {
    /// Whether nothing is wrong: the contact is the same, and other rules give other reasons.
    #[must_use]
    pub fn is_of_other_rules_alone(&self) -> bool {
        self.same_contact && !self.rules.is_empty()
    }
}

/// What a replay counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Decisions taken again.
    pub decisions: u64,
    /// Those that came out the same, for the same reasons.
    pub same: u64,
    /// Those whose contact is the same and whose rules are others now, so that reasons cannot be compared.
    pub same_contact: u64,
}

/// Takes a decision again on the entries that may matter to it, in their order; none where it is the same.
#[must_use]
pub fn again(
    journal: &[Recorded],
    overrides: &[Override],
    decided: &Decided,
    rules: Rules<'_>,
) -> Option<Difference> {
    let (contact, at) = (&decided.contact, decided.at);
    let known = Known::Position(decided.record.as_of, at);
    let about = (contact.id.case, contact.party);
    let then = fold(journal, overrides, about, known, rules.policy_of);
    let (what, same_contact) = match then {
        Some(then) => compared(journal, then, decided, rules),
        None => (vec!["the case was not there yet".to_owned()], false),
    };
    let others = other_rules(decided, rules.packs);
    (!what.is_empty()).then_some(Difference {
        contact: contact.id,
        at,
        position: decided.position,
        what,
        rules: others,
        same_contact,
    })
}

/// What a decision taken again says otherwise, and whether its contact is the same.
fn compared(
    journal: &[Recorded],
    mut then: Then,
    decided: &Decided,
    rules: Rules<'_>,
) -> (Vec<String>, bool) {
    let at = decided.at;
    // The planner lets timers that have run out speak before it decides.
    let (timers, _) = case::due_timers(&then.facts.case, at);
    for event in &timers {
        case::apply(&mut then.facts.case, event, at);
    }
    let Some(policy) = (rules.policy_of)(&then.facts.case) else {
        return (vec!["its policy version is not there".to_owned()], false);
    };
    let (case, borrower) = (&then.facts.case, &then.facts.borrower);
    let binding = match rules
        .packs
        .bind(&case.jurisdiction, &borrower.regions, case.lender_kind)
    {
        Ok(binding) => binding.lifting(lifts(&then.facts.overrides)),
        Err(error) => return (vec![format!("no packs bind it: {error}")], false),
    };
    let lacked = lacked(journal, decided, &policy);
    let then_there = ThenThere {
        lacked: &lacked,
        awaited: &decided.record.awaited,
    };
    let waits: Vec<Waiting> = then.waiting.iter().filter_map(waiting).collect();
    let input = Input {
        case,
        borrower,
        contacts: &then.facts.contacts,
        waiting: &waits,
        policy: &policy,
        binding: &binding,
        channels: &then_there,
        visitors: u8::try_from(then.visitors.len()).unwrap_or(u8::MAX),
    };
    let mut trace = FullTrace::default();
    let mut what = match recoup_decide::step(&input, at, &mut trace).action {
        Action::Contact(plan) => otherwise(&decided.contact, &plan),
        Action::Sleep { until: Some(until) } => {
            vec![format!(
                "a contact was decided; now nothing is done before {until}"
            )]
        }
        Action::Sleep { until: None } => {
            vec!["a contact was decided; now nothing is done before something happens".to_owned()]
        }
    };
    let same_contact = what.is_empty();
    if same_contact && trace.hash() != decided.record.trace_hash {
        what.push("the same contact, for other reasons: the trace has another hash".to_owned());
    }
    (what, same_contact)
}

/// Which channels were there when something was decided.
struct ThenThere<'a> {
    lacked: &'a BTreeSet<String>,
    awaited: &'a [String],
}

impl ChannelNames for ThenThere<'_> {
    fn presence(&self, name: &str) -> Presence {
        if self.lacked.contains(name) {
            Presence::Unknown
        } else if self.awaited.iter().any(|awaited| awaited == name) {
            Presence::Awaited
        } else {
            Presence::Here
        }
    }
}

/// Channels that were not configured: the decision itself passed steps over for want of them.
fn lacked(journal: &[Recorded], decided: &Decided, policy: &Policy) -> BTreeSet<String> {
    let of_it = |r: &&Recorded| {
        (decided.record.as_of + 1..decided.position).contains(&r.position)
            && r.entry.at == decided.at
    };
    let step = |r: &Recorded| match &r.entry.what {
        What::Case {
            id,
            event:
                CaseEvent::StepSkipped {
                    stage,
                    step,
                    why: SkipReason::NoChannel,
                },
        } if *id == decided.contact.id.case => {
            let stage = policy.stages().get(usize::from(*stage))?;
            Some(stage.steps.get(usize::from(*step))?.channel.clone())
        }
        _ => None,
    };
    journal.iter().filter(of_it).filter_map(step).collect()
}

/// What of a contact a plan says otherwise.
fn otherwise(contact: &Contact, plan: &Plan) -> Vec<String> {
    let was = contact.place.as_ref().map(|p| (p.stage, p.step));
    let planned = contact.state == ContactState::Planned;
    let mut what = Vec::new();
    let mut compare = |name: &str, was: String, is: String| {
        if was != is {
            what.push(format!("{name} was {was}, is {is}"));
        }
    };
    compare(
        "stage and step",
        format!("{was:?}"),
        format!("{:?}", Some((plan.stage, plan.step))),
    );
    compare(
        "the kind",
        contact.class.to_string(),
        plan.class.to_string(),
    );
    compare(
        "the number or address",
        format!("{:?}", contact.point),
        format!("{:?}", plan.point),
    );
    let window = |w: recoup_domain::time::Window| format!("{} to {}", w.from, w.to);
    compare("the effect", window(contact.effect), window(plan.effect));
    compare(
        "waiting for approval",
        planned.to_string(),
        plan.needs_approval.to_string(),
    );
    compare(
        "a try again of",
        format!("{:?}", contact.retry_of),
        format!("{:?}", plan.retry_of),
    );
    if contact.not_after > plan.expires {
        compare(
            "the last instant",
            contact.not_after.to_string(),
            plan.expires.to_string(),
        );
    }
    what
}

/// What of the rules is not what it was.
fn other_rules(decided: &Decided, packs: &Packs) -> Vec<String> {
    let record = &decided.record;
    let code = (
        record.decision_version.to_string(),
        DECISION_VERSION.to_string(),
    );
    let all = [
        ("packs", record.packs_hash.clone(), packs.hash().to_owned()),
        ("time zones", record.tzdb.clone(), TZDB.to_owned()),
        ("decision version", code.0, code.1),
    ];
    let others = all.into_iter().filter(|(_, was, is)| was != is);
    others
        .map(|(name, was, is)| format!("{name} {was}, now {is}"))
        .collect()
}

impl Engine {
    /// Takes every decision of a lender again that was recorded from `from` on and before `to`; tells each difference,
    /// and how many there were. It ends where nobody listens any more.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn replay(
        &self,
        tenant: &TenantId,
        from: Timestamp,
        to: Timestamp,
        tell: mpsc::Sender<Difference>,
    ) -> Done<Count> {
        let filter = JournalFilter {
            tenant: Some(tenant.clone()),
            ..JournalFilter::default()
        };
        let overrides = self.0.store.overrides(tenant).await?;
        let policy_of = |case: &Case| self.0.library.policy_of(case);
        let rules = Rules {
            policy_of: &policy_of,
            packs: self.0.library.packs(),
        };
        let end = to.saturating_add(ALLOWED).unwrap_or(Timestamp::MAX);
        let mut count = Count::default();
        let mut after = self.position_before(from).await?;
        loop {
            let page = self.0.store.journal(&filter, after, PAGE).await?;
            for recorded in &page {
                after = recorded.position;
                if recorded.entry.at >= end {
                    return Ok(count);
                }
                let decided = Decided::of(recorded).filter(|d| from <= d.at && d.at < to);
                let Some(decided) = decided else { continue };
                take_turns(usize::try_from(count.decisions).unwrap_or(usize::MAX)).await;
                let case = self.stored_case(tenant, decided.contact.id.case).await?;
                let journal = self.journal_about(tenant, &case, &overrides).await?;
                count.decisions += 1;
                match again(&journal, &overrides, &decided, rules) {
                    None => count.same += 1,
                    Some(difference) => {
                        count.same_contact += u64::from(difference.is_of_other_rules_alone());
                        if tell.send(difference).await.is_err() {
                            return Ok(count);
                        }
                    }
                }
            }
            if page.len() < PAGE {
                return Ok(count);
            }
        }
    }

    /// A position before all entries that were recorded at `from` or later. Entries are recorded in the order of their
    /// positions but for the moment between a decision and its commit: that is allowed for.
    async fn position_before(&self, from: Timestamp) -> Done<u64> {
        let from = from.saturating_sub(ALLOWED).unwrap_or(Timestamp::MIN);
        let (mut low, mut high) = (0_u64, *self.0.store.newest().borrow());
        while low < high {
            let middle = low + (high - low) / 2;
            let next = self
                .0
                .store
                .journal(&JournalFilter::default(), middle, 1)
                .await?;
            match next.first() {
                Some(entry) if entry.entry.at < from => low = entry.position,
                _ => high = middle,
            }
        }
        Ok(low)
    }
}

/// How long a decision may wait for its commit.
const ALLOWED: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);
