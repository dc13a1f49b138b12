//! What other packs would change for the cases that are open now. Nothing is written, and no plan moves.

use crate::ahead::{Ahead, Forbidden, ahead, reopened};
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::lifts::lifts;
use crate::many::take_turns;
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::{Binding, Packs};
use recoup_decide::Input;
use recoup_domain::case::LenderKind;
use recoup_domain::contact::ContactClass;
use recoup_domain::ids::{CaseId, ContactId, TenantId};
use recoup_domain::time::Window;
use recoup_policy::Policy;
use recoup_store::Facts;
use std::collections::{BTreeMap, HashMap};
use tokio::sync::mpsc;

/// How long the effect of a contact ahead is taken to last, for what its text says of it.
const EFFECT: SignedDuration = SignedDuration::from_mins(30);
/// Bindings of the proposed packs that are kept; they are few kinds of place and lender.
const BINDINGS_MAX: usize = 4_096;

/// What becomes of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CaseChange {
    /// Its next contact would go now, and must wait.
    Denied,
    /// Its next contact waits, and must wait longer.
    Later,
    /// Its next contact has a time, and never goes.
    Never,
    /// Its next contact waits, and goes now.
    Allowed,
    /// Its next contact waits, and goes sooner.
    Sooner,
    /// It had no contact ahead that law permits, and has one.
    Possible,
    /// At the same time another step goes.
    OtherStep,
    /// No pack knows its place any more: nothing goes, and a person must look at it.
    LawUnknown,
    /// A pack knows its place, which none did.
    LawKnown,
    /// The text of its next contact lacks what a message would have to say: it is held back until somebody mends it.
    TextHeld,
    /// The text of its next contact is held back for what it lacks, and would not be.
    TextReleased,
}

/// A case that changes.
#[derive(Clone, Debug)]
pub struct ChangedCase {
    /// The case.
    pub case: CaseId,
    /// Its jurisdiction.
    pub jurisdiction: String,
    /// What becomes of it.
    pub change: CaseChange,
    /// What is next under the packs in force.
    pub before: Option<Ahead>,
    /// What is next under the others.
    pub after: Option<Ahead>,
}

/// A contact that was accepted and would be called off.
#[derive(Clone, Debug)]
pub struct CalledOff {
    /// The contact.
    pub contact: ContactId,
    /// The kind.
    pub class: ContactClass,
    /// When its effect lies.
    pub effect: Window,
    /// The rules that forbid it, the primary one first.
    pub rules: Vec<String>,
}

/// One thing that other packs change.
#[derive(Clone, Debug)]
pub enum PackEffect {
    /// For a case.
    Case(Box<ChangedCase>),
    /// For a contact.
    CalledOff(Box<CalledOff>),
}

/// All of it, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackSummary {
    /// Open cases read.
    pub cases: u64,
    /// Those that change, by how.
    pub changed: BTreeMap<CaseChange, u64>,
    /// Contacts that would be called off.
    pub called_off: u64,
    /// Cases and contacts by the rules that decide: those that deny after, or that denied before where the change is
    /// for the sooner.
    pub by_rule: BTreeMap<String, u64>,
}

impl Engine {
    /// Tells `out` what the packs `proposed` change for the open cases of a lender, as of `now`; answers the counts.
    /// Each case is judged on its facts of one snapshot. A reader that goes away ends it.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn preview_packs(
        &self,
        tenant: &TenantId,
        proposed: Packs,
        now: Timestamp,
        out: &mpsc::Sender<PackEffect>,
    ) -> Done<PackSummary> {
        let mut law = Law {
            packs: proposed,
            bindings: HashMap::new(),
        };
        let mut summary = PackSummary::default();
        let mut walk = self.walk_open_cases(tenant);
        while let Some(page) = walk.next().await? {
            let ids: Vec<CaseId> = page.into_iter().map(|(_, case)| case).collect();
            let facts = self.facts_of_many(&ids).await?;
            for (n, facts) in facts.iter().enumerate() {
                take_turns(n).await;
                if facts.case.closed.is_some() {
                    continue;
                }
                summary.cases += 1;
                for effect in self.effects(&mut law, facts, now).await? {
                    summary.count(&effect);
                    if out.send(effect).await.is_err() {
                        return Ok(summary);
                    }
                }
            }
        }
        Ok(summary)
    }

    /// What changes for one case.
    async fn effects(&self, law: &mut Law, facts: &Facts, now: Timestamp) -> Done<Vec<PackEffect>> {
        let mut effects = Vec::new();
        let old = match self.binding(facts) {
            Ok(binding) => Some(binding),
            Err(CommandError::Jurisdiction { .. }) => None,
            Err(error) => return Err(error),
        };
        let new = law.binding(facts);
        let Some(binding) = old.as_ref().or(new.as_ref()) else {
            return Ok(effects);
        };
        let world = match self.world_under(&facts.case, facts, binding.clone()).await {
            Ok(world) => world,
            // It is decided under no packs, as long as its policy is not there.
            Err(CommandError::NoPolicy(_)) => return Ok(effects),
            Err(error) => return Err(error),
        };
        let case = &facts.case;
        let under = |binding, case| {
            let input = world.input(case, facts);
            ahead(&Input { binding, ..input }, now).0
        };
        let before = old.as_ref().and_then(|old| under(old, case));
        // After the switch, what the gate had ruled out for good is asked again.
        let asked_again = reopened(case, &self.passed_over(case).await?);
        let next = new.as_ref().and_then(|new| under(new, &asked_again));
        let (mut before, mut next) = (before, next);
        let held = match (&old, &new) {
            (Some(old), Some(new)) if old.content() != new.content() => {
                let policy = world.input(case, facts).policy;
                let held = self.held(old, facts, policy, before.as_mut(), now);
                let held = held.await;
                let would = self.held(new, facts, policy, next.as_mut(), now).await;
                (held, would)
            }
            _ => (false, false),
        };
        let change = match (&old, &new) {
            (Some(_), Some(_)) if held == (false, true) => Some(CaseChange::TextHeld),
            (Some(_), Some(_)) if held == (true, false) => Some(CaseChange::TextReleased),
            (Some(_), None) => Some(CaseChange::LawUnknown),
            (None, _) => Some(CaseChange::LawKnown),
            (Some(_), Some(_)) => compare(before.as_ref(), next.as_ref(), now),
        };
        if let Some(change) = change {
            effects.push(PackEffect::Case(Box::new(ChangedCase {
                case: case.id,
                jurisdiction: case.jurisdiction.clone(),
                change,
                before,
                after: next,
            })));
        }
        if let Some(new) = &new {
            let forbidden = self.forbidden(facts, new, now).await?;
            effects.extend(forbidden.iter().map(called_off));
        }
        Ok(effects)
    }
}

impl Engine {
    /// Whether the next contact of a case is held back for what its text lacks of the duties of a binding: those are
    /// put to the rules that stand in its way then.
    async fn held(
        &self,
        binding: &Binding,
        facts: &Facts,
        policy: &Policy,
        next: Option<&mut Ahead>,
        now: Timestamp,
    ) -> bool {
        let Some((next, at)) = next.and_then(|next| next.at.map(|at| (next, at))) else {
            return false;
        };
        let (stage, step) = next.place;
        let stage = policy.stages().get(usize::from(stage));
        let Some(step) = stage.and_then(|stage| stage.steps.get(usize::from(step))) else {
            return false;
        };
        let Ok(template) = self.template_of(&facts.borrower, &step.template) else {
            return false;
        };
        let contact = (step.class, Window::starting(at, EFFECT));
        let lacks = self.lacks_of(binding.content(), facts, contact, &template, now);
        let lacks = lacks.await;
        next.rules
            .extend(lacks.iter().map(|lack| lack.duty.id().to_owned()));
        !lacks.is_empty()
    }
}

/// The proposed packs, with what was bound of them.
struct Law {
    packs: Packs,
    bindings: HashMap<(String, Vec<String>, LenderKind), Option<Binding>>,
}

impl Law {
    /// The rules that would bind contacts of a case with its borrower; none where no pack knows the place.
    fn binding(&mut self, facts: &Facts) -> Option<Binding> {
        let (case, regions) = (&facts.case, &facts.borrower.regions);
        let key = (case.jurisdiction.clone(), regions.clone(), case.lender_kind);
        if self.bindings.len() >= BINDINGS_MAX {
            self.bindings.clear();
        }
        let (place, lender) = (&case.jurisdiction, case.lender_kind);
        let bind = || self.packs.bind(place, regions, lender).ok();
        let binding = self.bindings.entry(key).or_insert_with(bind).clone()?;
        match facts.overrides.is_empty() {
            true => Some(binding),
            false => Some(binding.lifting(lifts(&facts.overrides))),
        }
    }
}

/// What becomes of a case whose next contact was the one, and is the other.
fn compare(before: Option<&Ahead>, after: Option<&Ahead>, now: Timestamp) -> Option<CaseChange> {
    let at = |ahead: Option<&Ahead>| ahead.and_then(|a| a.at);
    match (at(before), at(after)) {
        (None, None) => None,
        (Some(_), None) => Some(CaseChange::Never),
        (None, Some(_)) => Some(CaseChange::Possible),
        (Some(old), Some(new)) if old < new => Some(match old <= now {
            true => CaseChange::Denied,
            false => CaseChange::Later,
        }),
        (Some(old), Some(new)) if new < old => Some(match new <= now {
            true => CaseChange::Allowed,
            false => CaseChange::Sooner,
        }),
        (Some(_), Some(_)) => {
            let place = |ahead: Option<&Ahead>| ahead.map(|a| a.place);
            (place(before) != place(after)).then_some(CaseChange::OtherStep)
        }
    }
}

fn called_off(forbidden: &Forbidden) -> PackEffect {
    let rules = forbidden.denial.all.iter().map(|r| r.rule.id().to_owned());
    PackEffect::CalledOff(Box::new(CalledOff {
        contact: forbidden.contact.id,
        class: forbidden.contact.class,
        effect: forbidden.contact.effect,
        rules: rules.collect(),
    }))
}

impl PackSummary {
    fn count(&mut self, effect: &PackEffect) {
        let rules: &[String] = match effect {
            PackEffect::CalledOff(contact) => {
                self.called_off += 1;
                &contact.rules
            }
            PackEffect::Case(case) => {
                *self.changed.entry(case.change).or_default() += 1;
                let eased = matches!(
                    case.change,
                    CaseChange::Allowed | CaseChange::Sooner | CaseChange::Possible
                );
                let decides = if eased { &case.before } else { &case.after };
                decides.as_ref().map_or(&[], |a| &a.rules)
            }
        };
        for rule in rules {
            *self.by_rule.entry(rule.clone()).or_default() += 1;
        }
    }
}
