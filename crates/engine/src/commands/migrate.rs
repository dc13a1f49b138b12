//! Running cases go on under another policy version: asked first, then done, some at a time, on record.

use super::Decided;
use crate::beside::Beside;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done, Violation};
use crate::intent::World;
use crate::many::take_turns;
use crate::stops::alarm_for_uncertain_cancel;
use crate::types::{Answered, Caller, Encode};
use jiff::Timestamp;
use recoup_decide::{Action, NoTrace};
use recoup_domain::case::{PolicyMove, PolicyPin, SkipReason, WorklistReason, apply, move_policy};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{CaseId, ContactId, TenantId};
use recoup_domain::past::PastContact;
use recoup_domain::{Case, CaseEvent};
use recoup_policy::Policy;
use recoup_policy::diff::{Difference, Matching, diff};
use recoup_store::{Facts, StoredPolicy};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many cases and contacts are named as examples.
const EXAMPLES: usize = 20;
/// Cases whose facts a rehearsal reads before it looks for more.
const PAGE: usize = 256;
/// Turns of a case that a rehearsal looks at: one enters a stage, one passes steps over, and then it is seen.
const TURNS: usize = 4;

/// Which cases are to go where.
#[derive(Clone, Debug)]
pub struct MigrationInput {
    /// Name and version of the policy they are pinned to.
    pub from: (String, u32),
    /// Name and version of the one to pin them to.
    pub to: (String, u32),
    /// Why; kept sealed with each case.
    pub reason: String,
    /// Names of stages that became others; an empty one became nothing.
    pub stages: Vec<(String, String)>,
    /// Only cases with all of these labels.
    pub tags: Vec<String>,
    /// Only these; empty means all that are pinned to the first version.
    pub cases: Vec<CaseId>,
    /// After this one, in the order of ids.
    pub after: Option<CaseId>,
    /// At most so many are looked at.
    pub limit: usize,
}

/// Why a case stays.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Obstacle {
    /// The other version takes cases in another currency, this one.
    Currency(String),
    /// It is closed.
    Closed,
    /// Nobody said what became of the stage it stands in.
    Stage {
        /// Its name.
        stage: String,
        /// The stage of the other version that looks like it.
        like: Option<String>,
    },
    /// It is not pinned to the first version.
    Version,
}

/// Some cases, counted, with examples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many.
    pub cases: u64,
    /// Up to twenty of them.
    pub examples: Vec<CaseId>,
}

/// What was moved, or would be.
#[derive(Clone, Debug, Default)]
pub struct Migration {
    /// Cases looked at.
    pub cases: u64,
    /// Cases that go, by the stage left and the one they stand in then; empty names for none.
    pub moves: BTreeMap<(String, String), Counted>,
    /// Cases that stay.
    pub left: BTreeMap<Obstacle, Counted>,
    /// What became of each stage of the first version; empty for nothing.
    pub stages: Vec<(String, String)>,
    /// Stages of the first version of which nobody said what became, each with the one that looks like it.
    pub unnamed: Vec<(String, String)>,
    /// Contacts that waited for a person and are dropped.
    pub dropped: u64,
    /// Contacts that were accepted and are called off.
    pub recalled: u64,
    /// Some of both.
    pub contacts: Vec<ContactId>,
    /// Cases that make a contact at once then.
    pub due_now: u64,
    /// Cases that come before a person at once then: every step of their stage is used up.
    pub used_up: Counted,
    /// Where the next page begins; none where this was the last.
    pub next: Option<CaseId>,
}

impl Migration {
    /// How many cases go.
    #[must_use]
    pub fn moved(&self) -> u64 {
        self.moves.values().map(|m| m.cases).sum()
    }
}

/// What two versions of policies do differently.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// All of it.
    pub differences: Vec<Difference>,
    /// The texts are the same to the byte.
    pub same_text: bool,
}

/// Both versions, and what became of what.
struct Plan {
    from: StoredPolicy,
    to: StoredPolicy,
    base: Arc<Policy>,
    other: Arc<Policy>,
    matching: Matching,
    /// Stages that somebody said became nothing.
    given_up: Vec<u8>,
    tags: Vec<String>,
}

/// A case that goes, and what that does.
struct Going {
    event: PolicyMove,
    /// The stage that it stands in then.
    stage: Option<u8>,
    recalls_legal: bool,
    dropped: Vec<ContactId>,
    recalled: Vec<ContactId>,
    first: First,
}

/// What the other version does about a case first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Contact,
    /// Every step of its stage is used up: a person decides what is next.
    AskPerson,
    Wait,
}

impl Engine {
    /// What two versions do differently.
    ///
    /// # Errors
    /// NotFound where one is not there.
    pub fn compare_policies(
        &self,
        tenant: &TenantId,
        base: &(String, u32),
        other: &(String, u32),
    ) -> Done<Comparison> {
        let (base, base_policy) = self.compiled(tenant, &base.0, base.1)?;
        let (other, other_policy) = self.compiled(tenant, &other.0, other.1)?;
        Ok(Comparison {
            same_text: base.hash == other.hash,
            differences: diff(&base_policy, &other_policy),
        })
    }

    /// What a migration would do to all cases it is about. Nothing is written.
    ///
    /// # Errors
    /// As [`migrate_cases`](Self::migrate_cases).
    pub async fn rehearse_migration(
        &self,
        who: &Caller,
        input: &MigrationInput,
    ) -> Done<Migration> {
        let plan = self.migration_plan(who, input)?;
        let mut migration = plan.nothing_yet();
        let now = self.0.wall.now();
        let mut after = None;
        loop {
            let (facts, next) = self.cases_of(who, input, &plan, (after, PAGE)).await?;
            for (n, facts) in facts.iter().enumerate() {
                take_turns(n).await;
                let outlook = self.outlook(&plan, facts, now).await?;
                migration.count(facts, &plan, outlook.as_ref());
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(migration),
            }
        }
    }

    /// Moves a page of cases to another policy version: those of them that can go, all or none. What was made of a
    /// step counts on in the step that it became; what waited for a person is dropped; what was accepted of a step
    /// that became nothing is called off; each is decided anew at once.
    ///
    /// # Errors
    /// NotFound for a version or case that is not there; NotActivated for a version that nobody activated; SamePerson
    /// for its author; Invalid for stages that are not there.
    pub async fn migrate_cases(
        &self,
        who: &Caller,
        input: &MigrationInput,
        encode: Encode<'_, Migration>,
    ) -> Done<Answered<Migration>> {
        let plan = match self.migration_plan(who, input) {
            Ok(plan) => plan,
            Err(refusal) => return self.answered_meanwhile(who, refusal).await,
        };
        let told = Beside::note(&input.reason);
        self.command(who, encode, || async {
            let page = (input.after, input.limit);
            let (all, next) = self.cases_of(who, input, &plan, page).await?;
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            let mut migration = plan.nothing_yet();
            migration.next = next;
            for (n, facts) in all.iter().enumerate() {
                take_turns(n).await;
                let outlook = self.outlook(&plan, facts, draft.now).await?;
                migration.count(facts, &plan, outlook.as_ref());
                if let Ok(going) = outlook {
                    let key = self.0.keys.of(facts.case.borrower).await?;
                    self.go(&mut draft, facts, going, told.seal(&key)?).await?;
                }
            }
            if migration.moved() > 0 {
                let subject = format!("{} ({} cases)", plan.in_words(), migration.moved());
                draft.service_event("cases_migrated", subject);
            }
            let key = self.0.keys.nobodys();
            Ok(Decided {
                draft,
                result: migration,
                key,
            })
        })
        .await
    }

    fn migration_plan(&self, who: &Caller, input: &MigrationInput) -> Done<Plan> {
        let (from, base) = self.compiled(&who.tenant, &input.from.0, input.from.1)?;
        let (to, other) = self.compiled(&who.tenant, &input.to.0, input.to.1)?;
        if to.activated.is_none() {
            return Err(CommandError::NotActivated(format!(
                "{}@{}",
                to.name, to.version
            )));
        }
        if to.author == who.principal {
            return Err(CommandError::SamePerson {
                principal: who.principal.clone(),
                did: "wrote the policy",
                wants: "move running cases to it",
            });
        }
        let (stages, given_up) = mapping(&base, &other, &input.stages)?;
        Ok(Plan {
            matching: Matching::with(&base, &other, stages),
            tags: input.tags.clone(),
            from,
            to,
            base,
            other,
            given_up,
        })
    }

    /// Some of the cases that a migration is about, and where the next ones begin.
    async fn cases_of(
        &self,
        who: &Caller,
        input: &MigrationInput,
        plan: &Plan,
        (after, limit): (Option<CaseId>, usize),
    ) -> Done<(Vec<Facts>, Option<CaseId>)> {
        let (ids, next) = if input.cases.is_empty() {
            let (name, version) = (&plan.from.name, plan.from.version);
            let store = &self.0.store;
            let page = store.cases_pinned(&who.tenant, name, version, after, limit);
            let page = page.await?;
            let next = page.rows.last().map(|c| c.id).filter(|_| page.more);
            (page.rows.iter().map(|c| c.id).collect(), next)
        } else {
            (input.cases.clone(), None)
        };
        let mut facts = self.facts_of_many(&ids).await?;
        facts.retain(|f| f.case.tenant == who.tenant);
        let is_there = |id: &&CaseId| facts.iter().any(|f| f.case.id == **id);
        if let Some(missing) = input.cases.iter().find(|id| !is_there(id)) {
            return Err(CommandError::NotFound {
                what: "case",
                id: missing.to_string(),
            });
        }
        facts.retain(|f| plan.tags.iter().all(|tag| f.case.tags.contains(tag)));
        Ok((facts, next))
    }

    /// What a migration does to a case, or why it stays.
    async fn outlook(
        &self,
        plan: &Plan,
        facts: &Facts,
        now: Timestamp,
    ) -> Done<Result<Going, Obstacle>> {
        let pin = match plan.may_go(&facts.case) {
            Ok(pin) => pin,
            Err(obstacle) => return Ok(Err(obstacle)),
        };
        let skipped = self.passed_over(&facts.case).await?;
        let event = plan.policy_move(facts, pin, &skipped);
        let mut case = facts.case.clone();
        apply(
            &mut case,
            &CaseEvent::PolicyMoved(Box::new(event.clone())),
            now,
        );
        let own = |c: &&PastContact| c.id.is_some_and(|id| id.case == case.id) && c.place.is_some();
        let of = |state, lost: bool| -> Vec<ContactId> {
            let all = facts.contacts.iter().filter(own);
            let all = all.filter(|c| c.state == Some(state));
            let meant = all.filter(|c| !lost || case.place_of(c).is_none());
            meant.filter_map(|c| c.id).collect()
        };
        let dropped = of(ContactState::Planned, false);
        let recalled = of(ContactState::Accepted, true);
        let contacts = facts.contacts.iter().map(|c| match c.id {
            Some(id) if dropped.contains(&id) => PastContact {
                state: Some(ContactState::Suppressed),
                ..c.clone()
            },
            _ => c.clone(),
        });
        let then = Facts {
            contacts: contacts.collect(),
            case: case.clone(),
            ..facts.clone()
        };
        let stage = plan.stage_of(&then, now);
        let has_law = stage.is_some_and(|stage| {
            let steps = &plan.other.stages()[usize::from(stage)].steps;
            steps.iter().any(|s| s.class == ContactClass::Legal)
        });
        // A stage that is entered tells this itself.
        let recalls_legal = case.legal_since.is_some() && stage == case.stage && !has_law;
        let first = match self.world(&case, &then).await {
            Ok(world) => first_of(&world, &case, &then, now),
            // The planner says so, and puts the case before a person.
            Err(CommandError::Jurisdiction { .. } | CommandError::NoPolicy(_)) => First::Wait,
            Err(error) => return Err(error),
        };
        Ok(Ok(Going {
            event,
            stage,
            recalls_legal,
            dropped,
            recalled,
            first,
        }))
    }

    /// Puts on the draft what a migration does to a case.
    async fn go(
        &self,
        draft: &mut Draft,
        facts: &Facts,
        going: Going,
        told: recoup_domain::sealed::Sealed,
    ) -> Done<()> {
        let id = facts.case.id;
        draft.hold_case(facts.case.clone());
        draft.hold_party(facts.borrower.clone());
        draft.case_events(id, move_policy(&facts.case, going.event)?);
        draft.seal_last(told);
        let ended = [going.dropped, going.recalled].concat();
        let meant = |c: &PastContact| c.id.is_some_and(|id| ended.contains(&id));
        self.call_off_where(draft, facts, meant).await?;
        if going.recalls_legal {
            let events = [CaseEvent::LegalRecalled];
            self.recall(draft, facts, &events).await?;
            draft.case_events(id, events.into());
        }
        alarm_for_uncertain_cancel(draft, id);
        // Of whatever stage it speaks: that was one of the version left.
        if draft.listed(id).is_some_and(|r| r.ends_in("")) {
            draft.off_worklist(id);
        }
        draft.schedule(id, Some(draft.now));
        Ok(())
    }
}

/// What comes first of a case under the world of its new version. A turn whose events may change the answer is followed
/// by another one, as the planner does.
fn first_of(world: &World<'_>, case: &Case, then: &Facts, now: Timestamp) -> First {
    let mut case = case.clone();
    // Taken off with the move.
    case.worklist = case.worklist.filter(|r| !r.ends_in(""));
    for _ in 0..TURNS {
        let input = world.input(&case, then);
        let decision = recoup_decide::step(&input, now, &mut NoTrace::default());
        if matches!(decision.action, Action::Contact(_)) {
            return First::Contact;
        }
        let used_up = |e: &CaseEvent| {
            let CaseEvent::WorklistChanged { reason } = e else {
                return false;
            };
            matches!(
                reason,
                Some(WorklistReason::StepsUsedUp { .. } | WorklistReason::NoTarget { .. })
            )
        };
        if decision.events.iter().any(used_up) {
            return First::AskPerson;
        }
        if decision.events.is_empty() {
            break;
        }
        for event in &decision.events {
            apply(&mut case, event, now);
        }
    }
    First::Wait
}

/// For each stage of `base` its number in `other`: by name, and as somebody says; and those that they say became
/// nothing.
fn mapping(
    base: &Policy,
    other: &Policy,
    told: &[(String, String)],
) -> Done<(Vec<Option<u8>>, Vec<u8>)> {
    let mut stages = Matching::by_name(base, other);
    let (mut given_up, mut violations) = (Vec::new(), Vec::new());
    let names = |policy: &Policy| {
        let names = policy.stages().iter().map(|s| s.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let mut seen: Vec<&str> = Vec::new();
    for (i, (from, to)) in told.iter().enumerate() {
        let mut bad = |field: &str, problem: String| {
            violations.push(Violation::new(format!("stages[{i}].{field}"), problem));
        };
        let Some(stage) = base.stage_named(from) else {
            let known = names(base);
            bad(
                "from_stage",
                format!("the first version has no stage `{from}`; it has {known}"),
            );
            continue;
        };
        if seen.contains(&from.as_str()) {
            bad("from_stage", format!("stage `{from}` is named twice"));
            continue;
        }
        seen.push(from);
        let became = other.stage_named(to);
        if to.is_empty() {
            given_up.push(stage);
        } else if became.is_none() {
            let known = names(other);
            bad(
                "to_stage",
                format!("the other version has no stage `{to}`; it has {known}"),
            );
        }
        stages[usize::from(stage)] = became;
    }
    if violations.is_empty() {
        Ok((stages, given_up))
    } else {
        Err(CommandError::Invalid(violations))
    }
}

impl Plan {
    fn in_words(&self) -> String {
        let (from, to) = (&self.from, &self.to);
        format!(
            "{}@{} to {}@{}",
            from.name, from.version, to.name, to.version
        )
    }

    fn nothing_yet(&self) -> Migration {
        let stages = self.base.stages().iter().enumerate();
        let became = |(b, stage): (usize, &recoup_policy::Stage)| {
            (
                stage.name.clone(),
                self.name_of(self.matching.stage(b as u8)),
            )
        };
        Migration {
            stages: stages.map(became).collect(),
            unnamed: self.unnamed(),
            ..Migration::default()
        }
    }

    /// Stages without a counterpart of which nobody said so, where one looks like it: a name that is forgotten makes
    /// the contacts of its steps count for none.
    fn unnamed(&self) -> Vec<(String, String)> {
        let alike = Matching::of(&self.base, &self.other);
        let stages = (0u8..).zip(self.base.stages());
        let lost =
            stages.filter(|(b, _)| self.matching.stage(*b).is_none() && !self.given_up.contains(b));
        let like = |(b, stage): (u8, &recoup_policy::Stage)| {
            let like = alike.stage(b)?;
            Some((stage.name.clone(), self.name_of(Some(like))))
        };
        lost.filter_map(like).collect()
    }

    /// The name of a stage of the other version; empty for none.
    fn name_of(&self, stage: Option<u8>) -> String {
        let stage = stage.and_then(|s| self.other.stages().get(usize::from(s)));
        stage.map_or_else(String::new, |s| s.name.clone())
    }

    /// The name of the stage that a case stands in; empty for none.
    fn stage_left(&self, case: &Case) -> String {
        let stage = case
            .stage
            .and_then(|s| self.base.stages().get(usize::from(s)));
        stage.map_or_else(String::new, |s| s.name.clone())
    }

    /// What a case is pinned to, if it may go.
    fn may_go<'c>(&self, case: &'c Case) -> Result<&'c PolicyPin, Obstacle> {
        if case.closed.is_some() {
            return Err(Obstacle::Closed);
        }
        let (name, version) = (&self.from.name, self.from.version);
        let pin = case.policy.as_ref();
        let pin = pin.filter(|pin| pin.name == *name && pin.version == version);
        let pin = pin.ok_or(Obstacle::Version)?;
        if let Some(takes) = self.other.currency().filter(|c| *c != case.currency) {
            return Err(Obstacle::Currency(takes.code().to_owned()));
        }
        let lost =
            |stage: &u8| self.matching.stage(*stage).is_none() && !self.given_up.contains(stage);
        if let Some(stage) = case.stage.filter(lost) {
            let like = Matching::of(&self.base, &self.other).stage(stage);
            return Err(Obstacle::Stage {
                stage: self.stage_left(case),
                like: like.map(|like| self.name_of(Some(like))),
            });
        }
        Ok(pin)
    }

    fn policy_move(
        &self,
        facts: &Facts,
        pin: &PolicyPin,
        skipped: &[((u8, u8), SkipReason)],
    ) -> PolicyMove {
        let case = &facts.case;
        let mut places: Vec<((u8, u8), (u8, u8))> = Vec::new();
        let own = |c: &&PastContact| c.id.is_some_and(|id| id.case == case.id);
        for place in facts
            .contacts
            .iter()
            .filter(own)
            .filter_map(|c| case.place_of(c))
        {
            let became = self.matching.step(place).map(|now| (place, now));
            places.extend(became.filter(|pair| !places.contains(pair)));
        }
        places.sort_unstable();
        // What a person called off stays so; what stood in the way of the others may not stand in theirs.
        let called_off = skipped
            .iter()
            .filter(|(_, why)| *why == SkipReason::CalledOff);
        let stage = case.stage.and_then(|s| self.matching.stage(s));
        PolicyMove {
            from: pin.clone(),
            to: PolicyPin {
                name: self.to.name.clone(),
                version: self.to.version,
                hash: self.to.hash.clone(),
                // How the case was drawn is a fact of its past.
                arm: pin.arm.clone(),
            },
            stage_names: (self.stage_left(case), self.name_of(stage)),
            stage,
            below: case.next_seq,
            places,
            skipped: called_off
                .filter_map(|(place, _)| self.matching.step(*place))
                .collect(),
        }
    }

    /// The stage that a case stands in under the other version.
    fn stage_of(&self, then: &Facts, now: Timestamp) -> Option<u8> {
        let facts = recoup_policy::Facts {
            case: &then.case,
            borrower: &then.borrower,
            contacts: &then.contacts,
        };
        let env = self.other.env(&facts, now);
        self.other.stage(&env, &mut recoup_policy::NoTrace)
    }
}

impl Migration {
    fn count(&mut self, facts: &Facts, plan: &Plan, outlook: Result<&Going, &Obstacle>) {
        self.cases += 1;
        let case = facts.case.id;
        match outlook {
            Ok(going) => {
                let way = (plan.stage_left(&facts.case), plan.name_of(going.stage));
                self.moves.entry(way).or_default().take(case);
                self.dropped += going.dropped.len() as u64;
                self.recalled += going.recalled.len() as u64;
                let room = EXAMPLES.saturating_sub(self.contacts.len());
                let ended = going.dropped.iter().chain(&going.recalled);
                self.contacts.extend(ended.take(room));
                match going.first {
                    First::Contact => self.due_now += 1,
                    First::AskPerson => self.used_up.take(case),
                    First::Wait => {}
                }
            }
            Err(obstacle) => {
                self.left.entry(obstacle.clone()).or_default().take(case);
            }
        }
    }
}

impl Counted {
    fn take(&mut self, case: CaseId) {
        self.cases += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(case);
        }
    }
}
