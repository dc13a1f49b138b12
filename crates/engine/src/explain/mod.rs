//! Why this, why not now, when next: a decision, watched; of this instant or of one that has passed.

mod en;
mod facts;
mod line;
mod past;
mod preview;
#[cfg(test)]
mod words_tests;
mod zh;

pub use line::{Line, Standing, Tongue};
pub(crate) use past::{Known, Then, fold};
pub use preview::{Preview, Rendered};

use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::intent::{TZDB, World};
use crate::lifts::lifts;
use facts::Sources;
use jiff::Timestamp;
use recoup_compliance::{Denial, TraceLine};
use recoup_decide::{Action, DECISION_VERSION, Decision, FullTrace, Plan};
use recoup_domain::case::{PolicyPin, SkipReason};
use recoup_domain::contact::ContactState;
use recoup_domain::ids::{CaseId, TenantId};
use recoup_domain::overrides::Lift;
use recoup_policy::Note;
use recoup_store::{Facts, Scope, Switch};

/// The decision on a case at an instant, and everything it rests on.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The case.
    pub case: CaseId,
    /// The instant.
    pub as_of: Timestamp,
    /// Which facts it stands on.
    pub mode: Mode,
    /// The newest journal position it knew: of all entries where it is of now, else of those that are about the case,
    /// its borrower or who could visit.
    pub position: u64,
    /// What would be done.
    pub decision: Decision,
    /// Name of the stage; empty for none.
    pub stage: String,
    /// Each stage's condition: name, text, whether it holds, what its parts came to.
    pub stages: Vec<StageNote>,
    /// Each step of the stage.
    pub steps: Vec<StepState>,
    /// The overrides in force that are about the case, and whether each lets something pass that its rule denies.
    pub overrides: Vec<(Lift, bool)>,
    /// The facts used.
    pub facts: Vec<Fact>,
    /// The policy version.
    pub policy: Option<PolicyPin>,
    /// Since when the case runs under it.
    pub policy_since: Timestamp,
    /// Hash of the packs.
    pub packs_hash: String,
    /// Version of the bundled tz database.
    pub tzdb: String,
    /// All of it, to be put into words.
    pub lines: Vec<Line>,
}

impl Explanation {
    /// All of it in words, line by line.
    #[must_use]
    pub fn words(&self, tongue: Tongue) -> Vec<String> {
        self.lines.iter().map(|line| line.say(tongue)).collect()
    }
}

/// Which facts an explanation stands on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// What was known at the instant.
    #[default]
    AsRecorded,
    /// What was so at the instant, late facts included.
    AsCorrected,
}

/// A fact, named as policies name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its name.
    pub name: String,
    /// Its value; empty for none.
    pub value: String,
    /// Position of the entry that gave it this value; none where it follows from the instant alone.
    pub source: Option<u64>,
}

/// A stage's condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageNote {
    /// The stage's name.
    pub name: String,
    /// The condition as written.
    pub condition: String,
    /// Whether it holds; none where it was not asked, because a later stage's held.
    pub holds: Option<bool>,
    /// The parts as written, and what they came to.
    pub values: Vec<(String, String)>,
}

/// A step of the stage that the case stands in.
#[derive(Clone, Debug)]
pub struct StepState {
    /// Its number, from 0.
    pub index: u8,
    /// Name of the channel.
    pub channel: String,
    /// Name of the template.
    pub template: String,
    /// Contacts made.
    pub made: u32,
    /// Contacts it may make.
    pub max: u32,
    /// Where it stands.
    pub state: Standing,
    /// When it is due, where it waits.
    pub due: Option<Timestamp>,
    /// The gate's no.
    pub denial: Option<Denial>,
}

/// What an explanation stands on.
struct StandsOn<'a> {
    facts: &'a Facts,
    /// Steps that were passed over, and why.
    skipped: &'a [((u8, u8), SkipReason)],
    sources: &'a Sources,
    mode: Mode,
}

impl Engine {
    /// Explains the decision on a case now.
    ///
    /// # Errors
    /// NotFound for a case that is not the tenant's; NoPolicy where its policy is not there.
    pub async fn explain(&self, tenant: &TenantId, id: CaseId) -> Done<Explanation> {
        let facts = self.tenants_facts(tenant, id).await?;
        let at = self.0.wall.now();
        let known = Known::Position(facts.position, at);
        let (skipped, sources) = match self.then(tenant, id, known).await? {
            Some(then) => (then.skipped, then.sources),
            None => Default::default(),
        };
        self.explain_at(&facts, &skipped, &sources, at).await
    }

    /// What would be decided on the case as it stands, at an instant from now on: with what was passed over, and where
    /// the facts are from.
    async fn explain_at(
        &self,
        facts: &Facts,
        skipped: &[((u8, u8), SkipReason)],
        sources: &Sources,
        at: Timestamp,
    ) -> Done<Explanation> {
        let case = &facts.case;
        let refused = self.last_refusal(facts).await?;
        let next = self.next_at(case.id).await?.filter(|next| *next > at);
        let paused = self.switched_off(facts).await?;
        let world = self.world(case, facts).await?;
        let stands_on = StandsOn {
            facts,
            skipped,
            sources,
            mode: Mode::AsRecorded,
        };
        let mut explanation = self.explained(&world, &stands_on, at).await;
        explanation.lines.extend(refused);
        if let (Some(at), Action::Contact(plan)) = (next, &explanation.decision.action) {
            // A case is not looked at all the time.
            let goes = held_back(&explanation, plan).is_none();
            explanation.lines.push(Line::LooksNext { at, goes });
        }
        explanation.lines.extend(paused);
        explanation
            .lines
            .extend(self.clock_trouble().map(Line::ClockSuspect));
        let short = self.short_of_room().await;
        explanation.lines.extend(short.map(Line::NoRoom));
        Ok(explanation)
    }

    /// Explains the decision on a case at an instant that has come (none: now), from its journal alone: what is asked for again
    /// later is answered the same, as long as the packs and the code that decides are the same.
    ///
    /// # Errors
    /// NotFound for a case that is not the tenant's; Invalid for an instant that lies ahead, or before the case was
    /// opened; NoPolicy where its policy is not there.
    pub async fn explain_then(
        &self,
        tenant: &TenantId,
        id: CaseId,
        at: Option<Timestamp>,
        mode: Mode,
    ) -> Done<Explanation> {
        let no = |problem: String| {
            CommandError::Invalid(vec![crate::error::Violation::new("as_of", problem)])
        };
        let now = self.0.wall.now();
        let at = at.unwrap_or(now);
        if at > now {
            return Err(no(format!("{at} lies ahead of now ({now})")));
        }
        let known = match mode {
            Mode::AsRecorded => Known::Recorded(at),
            Mode::AsCorrected => Known::Corrected(at),
        };
        let Some(then) = self.then(tenant, id, known).await? else {
            let opened = self.stored_case(tenant, id).await?.opened_at;
            return Err(no(format!(
                "the case was opened at {opened}; ask for that instant or a later one"
            )));
        };
        let world = self.world_then(&then)?;
        let stands_on = StandsOn {
            facts: &then.facts,
            skipped: &then.skipped,
            sources: &then.sources,
            mode,
        };
        let mut explanation = self.explained(&world, &stands_on, at).await;
        let others = |(packs, version): &(String, u32)| {
            *packs != explanation.packs_hash || *version != DECISION_VERSION
        };
        if then.decided_with.as_ref().is_some_and(others) {
            explanation.lines.insert(1, Line::OtherRules);
        }
        Ok(explanation)
    }

    pub(crate) async fn tenants_facts(&self, tenant: &TenantId, id: CaseId) -> Done<Facts> {
        let facts = self
            .facts_of(id)
            .await?
            .filter(|f| f.case.tenant == *tenant);
        facts.ok_or_else(|| CommandError::NotFound {
            what: "case",
            id: id.to_string(),
        })
    }

    /// The decision, watched, and all that is told of it.
    async fn explained(&self, world: &World<'_>, on: &StandsOn<'_>, at: Timestamp) -> Explanation {
        let mut explanation = self.decided(world, on, at);
        self.tell_of_held(on.facts, &mut explanation).await;
        explanation.lines = lines(on.facts, &explanation);
        explanation
    }

    fn decided(&self, world: &World<'_>, on: &StandsOn<'_>, at: Timestamp) -> Explanation {
        let facts = on.facts;
        let input = world.input(&facts.case, facts);
        let mut trace = FullTrace::default();
        let decision = recoup_decide::step(&input, at, &mut trace);
        let (env, stage) =
            recoup_decide::stage_of(&input, at, &mut recoup_decide::NoTrace::default());
        let policy = &world.policy;
        let name = stage.map_or_else(String::new, |s| {
            policy.stages()[usize::from(s)].name.clone()
        });
        let steps = stage.map_or_else(Vec::new, |stage| {
            let steps = policy.stages()[usize::from(stage)].steps.iter().enumerate();
            let state = |(i, step): (usize, &recoup_policy::Step)| {
                let index = u8::try_from(i).unwrap_or(u8::MAX);
                let place = (stage, index);
                let said = last(&trace.steps, place).map_or(Standing::NotAsked, Standing::Said);
                StepState {
                    index,
                    channel: step.channel.clone(),
                    template: step.template.clone(),
                    made: env.step_counts().made(stage, index),
                    max: step.max,
                    // What was passed over before is asked no more: it says why.
                    state: last(on.skipped, place).map_or(said, Standing::PassedOver),
                    due: last(&trace.due, place),
                    denial: last(&trace.denials, place),
                }
            };
            steps.map(state).collect()
        });
        Explanation {
            case: facts.case.id,
            as_of: at,
            mode: on.mode,
            position: facts.position,
            stage: name,
            stages: stage_notes(policy, &trace),
            steps,
            overrides: overrides(facts, at, &trace),
            facts: on.sources.of(values_used(facts, policy, at)),
            policy: facts.case.policy.clone(),
            policy_since: facts.case.policy_since(),
            packs_hash: self.0.library.packs().hash().to_owned(),
            tzdb: TZDB.to_owned(),
            decision,
            lines: Vec::new(),
        }
    }

    /// Where the contact that would be made is held back for what its text lacks: its step says so.
    async fn tell_of_held(&self, facts: &Facts, e: &mut Explanation) {
        let Action::Contact(plan) = &e.decision.action else {
            return;
        };
        let Some(step) = e.steps.get_mut(usize::from(plan.step)) else {
            return;
        };
        let held = self.would_be_held(facts, plan, &step.template, e.as_of);
        if let Some(why) = held.await {
            step.state = Standing::Held(why);
        }
    }

    /// What the channel said against the newest try, where it was refused.
    async fn last_refusal(&self, facts: &Facts) -> Done<Option<Line>> {
        let own = facts.contacts.iter().filter(|c| c.debt == facts.case.id);
        let newest = own.filter(|c| c.id.is_some()).max_by_key(|c| c.at);
        let Some(id) = newest
            .filter(|c| c.state == Some(ContactState::RejectedProven))
            .and_then(|c| c.id)
        else {
            return Ok(None);
        };
        let Some(contact) = self.0.store.contact(&facts.case.tenant, id).await? else {
            return Ok(None);
        };
        let said = crate::render::Content::of(&contact, &self.0.keys)
            .await?
            .said;
        Ok(Some(Line::Refused {
            class: contact.class,
            at: contact.reached(ContactState::RejectedProven),
            said: said.last().cloned(),
        }))
    }

    /// The switches that keep the case's contacts from going, whatever was decided.
    async fn switched_off(&self, facts: &Facts) -> Done<Vec<Line>> {
        let switches = self.0.store.switches().await?;
        let covers = |s: &&Switch| match &s.scope {
            _ if !s.paused => false,
            Scope::All | Scope::Restored | Scope::Channel { .. } => true,
            Scope::Tenant { tenant } => *tenant == facts.case.tenant,
        };
        let line = |s: &Switch| Line::DispatchOff {
            channel: match &s.scope {
                Scope::Channel { channel } => Some(channel.clone()),
                Scope::All | Scope::Restored | Scope::Tenant { .. } => None,
            },
            by: s.by.clone(),
            at: s.at,
            reason: s.reason.clone(),
        };
        Ok(switches.iter().filter(covers).map(line).collect())
    }
}

fn last<T: Clone>(notes: &[((u8, u8), T)], place: (u8, u8)) -> Option<T> {
    notes
        .iter()
        .rev()
        .find(|(p, _)| *p == place)
        .map(|(_, note)| note.clone())
}

fn stage_notes(policy: &recoup_policy::Policy, trace: &FullTrace) -> Vec<StageNote> {
    let note = |stage: &recoup_policy::Stage| StageNote {
        name: stage.name.clone(),
        condition: stage.enter.clone(),
        holds: None,
        values: Vec::new(),
    };
    let mut notes: Vec<StageNote> = policy.stages().iter().map(note).collect();
    let mut parts = Vec::new();
    for line in &trace.policy.notes {
        match line {
            Note::Part { text, value } => parts.push((text.clone(), value.clone())),
            Note::Stage { stage, holds, .. } => {
                if let Some(note) = notes.get_mut(usize::from(*stage)) {
                    note.holds = Some(*holds);
                    note.values = std::mem::take(&mut parts);
                }
            }
        }
    }
    notes
}

fn overrides(facts: &Facts, at: Timestamp, trace: &FullTrace) -> Vec<(Lift, bool)> {
    let lines = || trace.gate.iter().flat_map(|(_, _, gate)| &gate.lines);
    let used = |lift: &Lift| {
        let by = |line: &TraceLine| matches!(line, TraceLine::Lifted { by } if by == lift);
        lines().any(by)
    };
    let in_force = lifts(&facts.overrides).filter(|lift| lift.from <= at && at < lift.until);
    in_force.map(|lift| (lift.clone(), used(&lift))).collect()
}

fn values_used(
    facts: &Facts,
    policy: &recoup_policy::Policy,
    at: Timestamp,
) -> Vec<(String, String)> {
    let lost_after = Some(policy.lost_after_failed_days());
    let (case, party) = (&facts.case, &facts.borrower);
    facts::values(case, party, &facts.contacts, lost_after, at)
}

fn lines(facts: &Facts, e: &Explanation) -> Vec<Line> {
    let case = &facts.case;
    let mut lines = vec![Line::AsOf {
        at: e.as_of,
        status: case.status(),
        corrected: e.mode == Mode::AsCorrected,
    }];
    lines.extend(case.policy.as_ref().map(|pin| {
        Line::Policy {
            pin: (pin.name.clone(), pin.version),
            since: case.policy_since(),
            before: case
                .moved
                .last()
                .map(|m| (m.from.name.clone(), m.from.version)),
        }
    }));
    lines.push(Line::Debt {
        dpd: case.dpd(e.as_of, facts.borrower.home_zone()),
        overdue: crate::render::money(case.amounts.overdue, case.currency.code()),
        made: made(facts),
    });
    lines.extend(
        case.closed
            .map(|closed| Line::Closed(closed.reason, closed.at)),
    );
    lines.extend(case.pauses.iter().cloned().map(Line::Paused));
    let stage = e.stages.iter().find(|s| s.name == e.stage);
    lines.push(Line::Stage(
        stage.map(|s| (s.name.clone(), s.condition.clone())),
    ));
    for step in &e.steps {
        lines.push(Line::Step {
            number: usize::from(step.index) + 1,
            channel: step.channel.clone(),
            template: step.template.clone(),
            made: (step.made, step.max),
            standing: step.state.clone(),
        });
        let reasons = step.denial.iter().flat_map(|d| &d.all);
        lines.extend(reasons.map(Line::of));
    }
    lines.extend(e.overrides.iter().map(|(lift, decides)| Line::Lifted {
        lift: Box::new(lift.clone()),
        decides: *decides,
    }));
    lines.push(match &e.decision.action {
        Action::Contact(plan) if held_back(e, plan).is_some() => Line::Held(plan.class),
        Action::Contact(plan) => Line::Contact(plan.class, plan.effect),
        Action::Sleep { until: Some(at) } if *at <= e.as_of => Line::DecidesAgain,
        Action::Sleep { until } => Line::Sleeps(*until),
    });
    lines.extend(case.worklist.clone().map(Line::Worklist));
    lines
}

/// Contacts of the case that count as made.
fn made(facts: &Facts) -> usize {
    let own = facts.contacts.iter().filter(|c| c.concerns(facts.case.id));
    own.filter(|c| c.is_made()).count()
}

/// Why the contact that would be made is held back; none where it goes.
fn held_back<'e>(e: &'e Explanation, plan: &Plan) -> Option<&'e str> {
    match &e.steps.get(usize::from(plan.step))?.state {
        Standing::Held(why) => Some(why),
        _ => None,
    }
}
