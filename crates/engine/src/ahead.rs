//! What lies ahead of a case under some rules: its next contact, and what channels accepted that the rules forbid.
//! The same step and gate as ever; only the rules they are given may be others than those in force.

use crate::engine::Engine;
use crate::error::Done;
use jiff::Timestamp;
use recoup_compliance::{
    Audience, Binding, CaseFacts, DebtorFacts, Denial, NoTrace, Proposal, Purpose, Rule, gate,
};
use recoup_decide::{Decision, Input, StepNote};
use recoup_domain::case::SkipReason;
use recoup_domain::contact::{Contact, ContactState};
use recoup_domain::ids::CaseId;
use recoup_domain::journal::What;
use recoup_domain::overrides::Lift;
use recoup_domain::party::{LOST_AFTER_FAILED_DAYS, Relation};
use recoup_domain::past::PastContact;
use recoup_domain::{Case, CaseEvent};
use recoup_store::{Facts, JournalFilter};

/// The contact that a case makes next, if nothing new happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Name of the stage.
    pub stage: String,
    /// Number of stage and step, from 0.
    pub place: (u8, u8),
    /// Name of the channel.
    pub channel: String,
    /// When it is begun; none: never, as things stand, or nobody knows, for a calendar lacks the year.
    pub at: Option<Timestamp>,
    /// The rules that keep it from going before that, in the order in which they said so.
    pub rules: Vec<String>,
}

/// A contact that a channel has accepted and that some rules forbid.
#[derive(Clone, Debug)]
pub(crate) struct Forbidden {
    /// The contact.
    pub(crate) contact: Contact,
    /// The gate's no.
    pub(crate) denial: Denial,
}

/// Decides a case and answers what is next, beside the decision itself.
pub(crate) fn ahead(input: &Input<'_>, now: Timestamp) -> (Option<Ahead>, Decision) {
    let mut watch = Watch {
        policy: recoup_policy::NoTrace,
        denials: Denials::default(),
        now,
        seen: Vec::new(),
    };
    let decision = recoup_decide::step(input, now, &mut watch);
    let seen = watch.seen;
    let first = seen.iter().filter(|s| s.at.is_some()).min_by_key(|s| s.at);
    let next = first.or(seen.first()).and_then(|seen| {
        let (stage, step) = seen.place;
        let stage = input.policy.stages().get(usize::from(stage))?;
        Some(Ahead {
            stage: stage.name.clone(),
            place: seen.place,
            channel: stage.steps.get(usize::from(step))?.channel.clone(),
            at: seen.at,
            rules: seen.rules.clone(),
        })
    });
    (next, decision)
}

/// Watches which steps lead somewhere, and which rules stand against them.
struct Watch {
    policy: recoup_policy::NoTrace,
    denials: Denials,
    now: Timestamp,
    seen: Vec<Seen>,
}

struct Seen {
    place: (u8, u8),
    /// When it goes; never where that is none, or not known.
    at: Option<Timestamp>,
    rules: Vec<String>,
}

/// The rules that denied one step.
#[derive(Default)]
struct Denials(Vec<String>);

impl recoup_compliance::Trace for Denials {
    fn permitted(&mut self, _: &Rule, _: Timestamp) {}

    fn lifted(&mut self, _: &Rule, _: &Lift) {}

    fn denied(&mut self, rule: &Rule, _: Option<Timestamp>) {
        if !self.0.iter().any(|id| id == rule.id()) {
            self.0.push(rule.id().to_owned());
        }
    }
}

impl recoup_decide::Trace for Watch {
    type Policy = recoup_policy::NoTrace;
    type Gate = Denials;

    fn policy(&mut self) -> &mut Self::Policy {
        &mut self.policy
    }

    fn gate(&mut self, _: (u8, u8), _: Timestamp) -> &mut Self::Gate {
        &mut self.denials
    }

    fn step(&mut self, place: (u8, u8), note: StepNote<'_>) {
        let at = match note {
            // Said in the middle of a step; what comes of the step is said behind it.
            StepNote::Denied(_) => return,
            StepNote::Goes => Some(self.now),
            StepNote::Due(at) | StepNote::WaitsForChannel(_, at) => Some(at),
            StepNote::Skipped(SkipReason::DeniedForever { .. }) | StepNote::WaitsForYear(..) => {
                None
            }
            StepNote::UsedUp
            | StepNote::NoTurn(_)
            | StepNote::WaitsForApproval(_)
            | StepNote::Skipped(_)
            | StepNote::WaitsForStepBefore => return self.denials.0.clear(),
        };
        let rules = std::mem::take(&mut self.denials.0);
        self.seen.push(Seen { place, at, rules });
    }
}

impl Engine {
    /// Contacts of the case with its borrower that were accepted, have not reached the person, and that the rules
    /// would not have permitted, asked as they were planned: after what was made before them.
    pub(crate) async fn forbidden(
        &self,
        facts: &Facts,
        binding: &Binding,
        now: Timestamp,
    ) -> Done<Vec<Forbidden>> {
        let case = facts.case.id;
        let on_its_way = |c: &&PastContact| {
            c.state == Some(ContactState::Accepted)
                && c.id.is_some_and(|id| id.case == case)
                && now < c.effect.to
        };
        let mut found = Vec::new();
        for past in facts.contacts.iter().filter(on_its_way) {
            let Some(id) = past.id else {
                continue;
            };
            let stored = self.0.store.contact(&facts.case.tenant, id).await?;
            let late = |c: &Contact| c.can_be_called_off(now) && !self.is_beyond_recall(c, now);
            let Some(contact) = stored.filter(late) else {
                continue;
            };
            if let Some(denial) = self.denial_of(facts, binding, &contact, past.at, now) {
                found.push(Forbidden { contact, denial });
            }
        }
        Ok(found)
    }

    /// The gate's no to a contact that was planned at `planned`.
    fn denial_of(
        &self,
        facts: &Facts,
        binding: &Binding,
        contact: &Contact,
        planned: Timestamp,
        now: Timestamp,
    ) -> Option<Denial> {
        let (case, borrower) = (&facts.case, &facts.borrower);
        let point = contact.point.and_then(|key| borrower.point(key));
        let policy = self.0.library.policy_of(case);
        let lost_after = policy.map_or(LOST_AFTER_FAILED_DAYS, |p| p.lost_after_failed_days());
        let proposal = Proposal {
            class: contact.class,
            effect: contact.effect,
            debt: case.id,
            party: borrower,
            relation: Relation::Borrower,
            point,
            audience: Audience::of(Relation::Borrower, point),
            purpose: Purpose::Ordinary,
            case: CaseFacts {
                days_past_due: Some(case.dpd(contact.effect.from, borrower.home_zone())),
                ..CaseFacts::from(case)
            },
            debtor: DebtorFacts::of(borrower, case.id, lost_after),
            qualified_collectors: u8::try_from(contact.collectors.len()).unwrap_or(u8::MAX),
            requested_by_person: false,
        };
        let before = |c: &&PastContact| c.id != Some(contact.id) && c.at <= planned;
        let past: Vec<PastContact> = facts.contacts.iter().filter(before).cloned().collect();
        let verdict = gate(binding, &proposal, &past, now, &mut NoTrace);
        verdict.denial().cloned()
    }

    /// The steps that the case has passed over, each with why.
    pub(crate) async fn passed_over(&self, case: &Case) -> Done<Vec<((u8, u8), SkipReason)>> {
        let mut skips = PassedOver::default();
        if case.skipped.is_empty() {
            return Ok(Vec::new());
        }
        let filter = JournalFilter {
            tenant: Some(case.tenant.clone()),
            case: Some(case.id),
            ..JournalFilter::default()
        };
        for row in self.0.store.journal(&filter, 0, usize::MAX).await? {
            skips.take(case.id, &row.entry.what);
        }
        Ok(skips.of(case))
    }
}

/// Steps that were passed over, read of the journal of a case.
#[derive(Default)]
pub(crate) struct PassedOver(Vec<((u8, u8), SkipReason)>);

impl PassedOver {
    /// Takes what happened next.
    pub(crate) fn take(&mut self, case: CaseId, what: &What) {
        let What::Case { id, event } = what else {
            return;
        };
        match event {
            _ if *id != case => {}
            CaseEvent::StepsReopened => self.0.clear(),
            CaseEvent::StepSkipped { stage, step, why } => {
                self.0.push(((*stage, *step), why.clone()));
            }
            // Only what a person called off outlives a move; which step that is now, the move says.
            CaseEvent::PolicyMoved(policy_move) => {
                let stays = policy_move.skipped.iter();
                self.0 = stays.map(|place| (*place, SkipReason::CalledOff)).collect();
            }
            _ => {}
        }
    }

    /// Those that the case, to which all that led, still has.
    pub(crate) fn of(mut self, case: &Case) -> Vec<((u8, u8), SkipReason)> {
        // A stage that is entered anew may have taken some back.
        self.0.retain(|(place, _)| case.skipped.contains(place));
        self.0
    }
}

/// The case with those steps open again that the gate had ruled out for good.
pub(crate) fn reopened(case: &Case, skips: &[((u8, u8), SkipReason)]) -> Case {
    let mut case = case.clone();
    let ruled_out = |place: &(u8, u8)| {
        let mut of_the_gate = skips.iter().filter(|(_, why)| is_of_the_gate(why));
        of_the_gate.any(|(p, _)| p == place)
    };
    case.skipped.retain(|place| !ruled_out(place));
    case
}

/// Whether a step was passed over because the gate would never permit it.
pub(crate) const fn is_of_the_gate(why: &SkipReason) -> bool {
    matches!(why, SkipReason::DeniedForever { .. })
}
