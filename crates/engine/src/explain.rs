//! Why this, why not now, when next: the decision of this instant, watched.

use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::intent::{TZDB, World};
use crate::lifts::lifts;
use crate::message::must_suit;
use jiff::Timestamp;
use recoup_compliance::{Denial, TraceLine};
use recoup_decide::{Action, Decision, FullTrace, Plan};
use recoup_domain::case::{Pause, PolicyPin, SkipReason};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{CaseId, KeyedHash, PartyId, TenantId};
use recoup_domain::overrides::Lift;
use recoup_domain::party::Relation;
use recoup_policy::Note;
use recoup_store::{Facts, Scope, Switch};

/// The decision on a case at an instant, and everything it rests on.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The case.
    pub case: CaseId,
    /// The instant.
    pub as_of: Timestamp,
    /// The newest journal position it knew.
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
    /// The facts used, as name and value.
    pub facts: Vec<(String, String)>,
    /// The policy version.
    pub policy: Option<PolicyPin>,
    /// Since when the case runs under it.
    pub policy_since: Timestamp,
    /// Hash of the packs.
    pub packs_hash: String,
    /// Version of the bundled tz database.
    pub tzdb: String,
    /// All of it in words.
    pub lines: Vec<String>,
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
    /// In words: used up, due, denied by, goes now.
    pub state: String,
    /// When it is due, where it waits.
    pub due: Option<Timestamp>,
    /// The gate's no.
    pub denial: Option<Denial>,
}

/// What would be sent now.
#[derive(Clone, Debug)]
pub struct Preview {
    /// Whether something would be sent at the instant.
    pub explanation: Explanation,
    /// The contact, where one would be made and there is a text in the person's language.
    pub rendered: Option<Rendered>,
    /// Why its text would be held back, though the contact is permitted; none where it goes.
    pub held: Option<String>,
}

/// A contact in words.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The kind.
    pub class: ContactClass,
    /// Name of the channel.
    pub channel: String,
    /// Name of the template.
    pub template: String,
    /// Name of the stage.
    pub stage: String,
    /// Number of the step, from 0.
    pub step: u8,
    /// Who.
    pub party: PartyId,
    /// The number or address.
    pub point: Option<KeyedHash>,
    /// Subject line.
    pub subject: String,
    /// Text.
    pub body: String,
}

/// What begins the state of a step whose contact is held back for what its text lacks.
const HELD: &str = "held back: ";

impl Engine {
    /// Explains the decision on a case now.
    ///
    /// # Errors
    /// NotFound for a case that is not the tenant's; NoPolicy where its policy is not there.
    pub async fn explain(&self, tenant: &TenantId, id: CaseId) -> Done<Explanation> {
        let facts = self.tenants_facts(tenant, id).await?;
        self.explain_at(&facts, self.0.wall.now()).await
    }

    /// What would be sent to the borrower at an instant (none: now), if nothing new happens until then. Nothing
    /// is sent.
    ///
    /// # Errors
    /// As [`explain`](Self::explain); Template where the text cannot be put into words.
    pub async fn preview(
        &self,
        tenant: &TenantId,
        id: CaseId,
        at: Option<Timestamp>,
    ) -> Done<Preview> {
        let facts = self.tenants_facts(tenant, id).await?;
        let at = at.unwrap_or_else(|| self.0.wall.now());
        let explanation = self.explain_at(&facts, at).await?;
        let (mut rendered, mut held) = (None, None);
        if let Action::Contact(plan) = &explanation.decision.action {
            held = held_back(&explanation, plan).map(str::to_owned);
            rendered = match self.rendered(&facts, plan, &explanation.stage, at).await {
                // There is none in the person's language.
                Err(CommandError::Lacking { .. }) => None,
                text => Some(text?),
            };
        }
        Ok(Preview {
            explanation,
            rendered,
            held,
        })
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

    async fn explain_at(&self, facts: &Facts, at: Timestamp) -> Done<Explanation> {
        let paused = self.paused_in_words(facts).await?;
        let skipped = self.skipped(facts).await?;
        let refused = self.last_refusal(facts).await?;
        let next = self.next_at(facts.case.id).await?;
        let world = self.world(&facts.case, facts).await?;
        let (mut explanation, stage) = self.explained(&world, facts, at);
        for (place, why) in skipped {
            let index = usize::from(place.1);
            let step = explanation.steps.get_mut(index);
            if let Some(step) = step.filter(|_| Some(place.0) == stage) {
                step.state = why;
            }
        }
        self.tell_of_held(facts, &mut explanation).await;
        explanation.lines = words(facts, &explanation);
        explanation.lines.extend(refused);
        let next = next.filter(|next| *next > at);
        if let (Some(next), Action::Contact(plan)) = (next, &explanation.decision.action) {
            // A case is not looked at all the time.
            let goes = if held_back(&explanation, plan).is_some() {
                ""
            } else {
                ": it goes then"
            };
            let line = format!("The case is looked at next at {next}{goes}.");
            explanation.lines.push(line);
        }
        explanation.lines.extend(paused);
        Ok(explanation)
    }

    /// The decision, watched, and the number of its stage.
    fn explained(
        &self,
        world: &World<'_>,
        facts: &Facts,
        at: Timestamp,
    ) -> (Explanation, Option<u8>) {
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
                StepState {
                    index,
                    channel: step.channel.clone(),
                    template: step.template.clone(),
                    made: env.step_counts().made(stage, index),
                    max: step.max,
                    state: last(&trace.steps, place).unwrap_or_else(|| "not asked".to_owned()),
                    due: last(&trace.due, place),
                    denial: last(&trace.denials, place),
                }
            };
            steps.map(state).collect()
        });
        let explanation = Explanation {
            case: facts.case.id,
            as_of: at,
            position: facts.position,
            stage: name,
            stages: stage_notes(policy, &trace),
            steps,
            overrides: overrides(facts, at, &trace),
            facts: facts_used(facts, at),
            policy: facts.case.policy.clone(),
            policy_since: facts.case.policy_since(),
            packs_hash: self.0.library.packs().hash().to_owned(),
            tzdb: TZDB.to_owned(),
            decision,
            lines: Vec::new(),
        };
        (explanation, stage)
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
            step.state = format!("{HELD}{why}");
        }
    }

    /// Steps that were passed over, and why: the trace of now asks them no more.
    async fn skipped(&self, facts: &Facts) -> Done<Vec<((u8, u8), String)>> {
        let skipped = self.passed_over(&facts.case).await?.into_iter();
        let words = skipped.map(|(place, why)| (place, skipped_in_words(&why)));
        Ok(words.collect())
    }

    /// What the channel said against the newest try, where it was refused.
    async fn last_refusal(&self, facts: &Facts) -> Done<Option<String>> {
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
        let said = said.last().map_or("nothing", String::as_str);
        let at = contact.reached(ContactState::RejectedProven);
        let at = at.map_or_else(String::new, |at| format!(" at {at}"));
        Ok(Some(format!(
            "The last try ({}){at} was refused; the channel said: {said}.",
            contact.class
        )))
    }

    /// The switches that keep the case's contacts from going, whatever was decided.
    async fn paused_in_words(&self, facts: &Facts) -> Done<Vec<String>> {
        let switches = self.0.store.switches().await?;
        let covers = |s: &&Switch| match &s.scope {
            _ if !s.paused => false,
            Scope::All | Scope::Channel { .. } => true,
            Scope::Tenant { tenant } => *tenant == facts.case.tenant,
        };
        let word = |s: &Switch| {
            let scope = match &s.scope {
                Scope::Channel { channel } => format!(" of channel `{channel}`"),
                Scope::All | Scope::Tenant { .. } => String::new(),
            };
            format!(
                "Nothing{scope} is sent all the same: {} paused dispatch at {} ({}).",
                s.by, s.at, s.reason
            )
        };
        Ok(switches.iter().filter(covers).map(word).collect())
    }

    async fn rendered(
        &self,
        facts: &Facts,
        plan: &Plan,
        stage: &str,
        now: Timestamp,
    ) -> Done<Rendered> {
        let world = self.world(&facts.case, facts).await?;
        let step = &world.policy.stages()[usize::from(plan.stage)].steps[usize::from(plan.step)];
        let template = self.template_of(&facts.borrower, &step.template)?;
        must_suit(&template, Relation::Borrower)?;
        let plain = self.0.keys.plain(&facts.borrower).await?;
        let text = self.words(facts, &plain, &template, plan.effect, now);
        let text = text.await?;
        Ok(Rendered {
            class: plan.class,
            channel: step.channel.clone(),
            template: template.name.clone(),
            stage: stage.to_owned(),
            step: plan.step,
            party: facts.borrower.id,
            point: plan.point,
            subject: text.subject,
            body: text.body,
        })
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

fn facts_used(facts: &Facts, at: Timestamp) -> Vec<(String, String)> {
    let (case, party) = (&facts.case, &facts.borrower);
    let score = |s: Option<u8>| s.map_or_else(|| "not known".to_owned(), |s| s.to_string());
    let zones: Vec<&str> = party
        .zones
        .iter()
        .map(recoup_domain::time::Zone::name)
        .collect();
    let made = facts
        .contacts
        .iter()
        .filter(|c| c.concerns(case.id) && c.is_made())
        .count();
    [
        ("case.status", case.status().name().to_owned()),
        ("case.dpd", case.dpd(at, party.home_zone()).to_string()),
        (
            "case.overdue",
            crate::render::money(case.amounts.overdue, case.currency.code()),
        ),
        ("case.version", case.version.to_string()),
        ("borrower.kind", case.borrower_kind.name().to_owned()),
        ("borrower.version", party.version.to_string()),
        ("borrower.zones", zones.join(", ")),
        ("contacts.any.made", made.to_string()),
        ("ability", score(case.scores.ability)),
        ("willingness", score(case.scores.willingness)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn words(facts: &Facts, e: &Explanation) -> Vec<String> {
    let case = &facts.case;
    let mut lines = vec![format!(
        "As of {}, the case is {}.",
        e.as_of,
        case.status().name()
    )];
    lines.extend(case.policy.as_ref().map(|pin| {
        let (name, version, since) = (&pin.name, pin.version, case.policy_since());
        let before = case.moved.last().map(|m| &m.from);
        let before = before.map(|from| format!("; before, under {}@{}", from.name, from.version));
        let before = before.unwrap_or_default();
        format!("It runs under policy {name}@{version} since {since}{before}.")
    }));
    lines.extend(case.pauses.iter().map(pause_in_words));
    if e.stage.is_empty() {
        lines.push("It stands in no stage: no stage's condition holds.".to_owned());
    } else {
        lines.push(format!(
            "It stands in stage `{}`, the last one whose condition holds.",
            e.stage
        ));
    }
    for step in &e.steps {
        lines.push(format!(
            "Step {} ({} `{}`): {} of {} made, {}.",
            step.index + 1,
            step.channel,
            step.template,
            step.made,
            step.max,
            step.state
        ));
        for reason in step.denial.iter().flat_map(|d| &d.all) {
            let when = match (reason.earliest, &reason.why) {
                (Some(at), _) => format!("from {at} on it would permit"),
                (None, Some(why)) => why.to_string(),
                (None, None) => "no passing of time cures it".to_owned(),
            };
            let limit = reason.rule.limit();
            let limit = limit.map_or_else(String::new, |l| format!(" In force: {l};"));
            lines.push(format!(
                "  {} ({}): {};{limit} {when}.",
                reason.rule.id(),
                reason.rule.citation(),
                reason.rule.text()
            ));
        }
    }
    lines.extend(e.overrides.iter().map(|(lift, used)| {
        let counts = if *used {
            "without it the rule would deny"
        } else {
            "the rule is not in the way now"
        };
        format!(
            "{} is lifted by {} until {} (proposed by {}, approved by {} at {}); {counts}.",
            lift.rule, lift.id, lift.until, lift.proposed_by, lift.approved_by, lift.from
        )
    }));
    lines.push(match &e.decision.action {
        Action::Contact(plan) if held_back(e, plan).is_some() => format!(
            "A {} contact would be made now, and is held back until its text says what it must.",
            plan.class
        ),
        Action::Contact(plan) => format!(
            "A {} contact would be made now, its effect between {} and {}.",
            plan.class, plan.effect.from, plan.effect.to
        ),
        Action::Sleep { until: Some(at) } => format!("Nothing is done before {at}."),
        Action::Sleep { until: None } => "Nothing is done before something happens.".to_owned(),
    });
    if let Some(reason) = &case.worklist {
        lines.push(format!("A person must look at it: {reason}."));
    }
    lines
}

/// Why the contact that would be made is held back; none where it goes.
fn held_back<'e>(e: &'e Explanation, plan: &Plan) -> Option<&'e str> {
    let step = e.steps.get(usize::from(plan.step))?;
    step.state.strip_prefix(HELD)
}

fn skipped_in_words(why: &SkipReason) -> String {
    let why = match why {
        SkipReason::NoTarget => "no usable number or address",
        SkipReason::DeniedForever { rule } => rule,
        SkipReason::NoChannel => "no channel of that name is loaded",
        SkipReason::RetriesUsedUp => "tried in vain as often as may be",
        SkipReason::CalledOff => "a person called it off",
        SkipReason::ByOutcome { outcome } => return format!("skipped: after {outcome}"),
    };
    format!("skipped: {why}")
}

fn pause_in_words(pause: &Pause) -> String {
    let until = match pause.until {
        until if until >= recoup_domain::time::NEVER => "until a person ends it".to_owned(),
        until => format!("until {until}"),
    };
    let (reason, owner, since) = (pause.reason.name(), &pause.owner, pause.since);
    format!("It is paused ({reason}, by {owner} at {since}), {until}.")
}
