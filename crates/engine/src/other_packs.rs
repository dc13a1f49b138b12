//! After a start under other packs than those of the last run: every open case is looked at once. What was accepted
//! and is forbidden now is called off, steps that the gate had ruled out for good are asked again, and a case that
//! slept longer than it must is woken. Where the packs deny what the old ones permitted nothing is to be done here:
//! every contact is judged again at its intent.
//!
//! The store keeps under which packs all cases were looked at, written once the last of them was, and from the first
//! on that they are being looked at: a run that breaks off is made again whole by the next start, whatever its packs
//! are, and finds nothing to do where it was.

use crate::ahead::{ahead, is_of_the_gate, reopened};
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::intent::World;
use crate::many::READ_AT_ONCE;
use crate::settle::WRITES_MAX;
use jiff::Timestamp;
use recoup_decide::Action;
use recoup_domain::CaseEvent;
use recoup_domain::case::{SkipReason, WorklistReason};
use recoup_domain::ids::{CaseId, TenantId};
use recoup_store::{Change, CommitError, Facts, StoreError, Write};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is kept before the hash of packs under which cases are being looked at.
const UNDER_WAY: &str = "under way: ";
/// Lenders whose cases are looked at because who may visit has changed, and whether that is to be done once more.
#[derive(Default)]
pub(crate) struct Looking(Mutex<HashMap<TenantId, bool>>);

impl Looking {
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who speaks in the journal.
const ACTOR: &str = "packs";

/// What was done.
#[derive(Default)]
struct Count {
    cases: u64,
    changed: u64,
    /// Cases that could not be looked at.
    left: u64,
}

impl Engine {
    /// Looks at every case under packs that are new to it, on a task of its own. That it is begun is on record before
    /// anything is decided under them.
    ///
    /// # Errors
    /// Where the store fails.
    pub(crate) async fn follow_packs(&self) -> Result<(), StoreError> {
        let packs = self.0.library.packs().hash();
        let mut behind = Vec::new();
        for tenant in self.0.tenants.keys() {
            let last = self.0.store.packs_of(tenant).await?;
            if last.as_deref() == Some(packs) {
                continue;
            }
            if last.is_some() {
                self.keep_packs(tenant, format!("{UNDER_WAY}{packs}"))
                    .await?;
            }
            behind.push((tenant.clone(), last.is_some()));
        }
        let engine = self.clone();
        let work = self.0.activity.begin();
        tokio::spawn(async move {
            for (tenant, had_others) in behind {
                if let Err(error) = engine.follow_packs_of(&tenant, had_others).await {
                    tracing::error!(%tenant, %error, "not every case was looked at under the packs that are new; the next start does it");
                }
            }
            drop(work);
            engine.0.wake.notify_one();
        });
        Ok(())
    }

    /// Looks at every open case of a lender because who may visit has changed, or a channel that steps wait for is there:
    /// steps that the gate had ruled out for want of collectors are asked again, and who sleeps too long is woken. It goes on in the background; told again meanwhile, it begins once more when it is done.
    pub(crate) fn look_again(&self, tenant: &TenantId) {
        {
            let mut looking = self.0.looking.lock();
            if let Some(again) = looking.get_mut(tenant) {
                *again = true;
                return;
            }
            looking.insert(tenant.clone(), false);
        }
        let (engine, tenant) = (self.clone(), tenant.clone());
        let work = self.0.activity.begin();
        tokio::spawn(async move {
            loop {
                if let Err(error) = engine.look_at_all(&tenant).await {
                    tracing::error!(%tenant, %error, "not every case was looked at after collectors changed, or a channel came; each is when it wakes");
                }
                let mut looking = engine.0.looking.lock();
                match looking.get_mut(&tenant) {
                    Some(again) if *again && !engine.is_halted() => *again = false,
                    _ => {
                        looking.remove(&tenant);
                        break;
                    }
                }
            }
            drop(work);
            engine.0.wake.notify_one();
        });
    }

    /// Keeps under which packs the cases of a lender were looked at.
    async fn keep_packs(&self, tenant: &TenantId, packs: String) -> Result<(), StoreError> {
        let told = Change {
            writes: vec![Write::Packs(tenant.clone(), packs)],
            ..Change::default()
        };
        match self.0.store.commit(told).await {
            Ok(_) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
            Err(error) => Err(StoreError::Broken {
                what: "keeping under which packs the cases were looked at",
                source: Box::new(error),
            }),
        }
    }

    /// The cases of one lender; `had_others` where they were looked at under other packs before.
    async fn follow_packs_of(&self, tenant: &TenantId, had_others: bool) -> Done<()> {
        let packs = self.0.library.packs().hash().to_owned();
        if had_others {
            tracing::info!(%tenant, packs, "other packs than in the last run: every open case is looked at");
        }
        let Some(count) = self.look_at_all(tenant).await? else {
            return Ok(());
        };
        if count.left > 0 {
            let left = count.left;
            tracing::warn!(%tenant, left, "not every case was looked at under the packs that are new; the next start does it");
            return Ok(());
        }
        self.keep_packs(tenant, packs).await?;
        if had_others {
            let Count { cases, changed, .. } = count;
            tracing::info!(%tenant, cases, changed, "every open case was looked at under the new packs");
        }
        Ok(())
    }

    /// Looks at every open case; none where the process goes down meanwhile.
    async fn look_at_all(&self, tenant: &TenantId) -> Done<Option<Count>> {
        let mut count = Count::default();
        let mut walk = self.walk_open_cases(tenant);
        while let Some(page) = walk.next().await? {
            let ids: Vec<CaseId> = page.into_iter().map(|(_, case)| case).collect();
            for some in ids.chunks(READ_AT_ONCE) {
                if self.is_halted() {
                    return Ok(None);
                }
                self.look_at_some(some, &mut count).await?;
            }
            if self.is_halted() {
                return Ok(None);
            }
        }
        Ok(Some(count))
    }

    async fn look_at_some(&self, cases: &[CaseId], count: &mut Count) -> Done<()> {
        let shown = self.0.store.shown(cases).await?;
        for (n, (facts, due)) in shown.into_iter().enumerate() {
            self.give_way(n).await;
            count.cases += 1;
            let id = facts.case.id;
            match self.look_at(facts, due).await {
                Err(CommandError::Contended) => {
                    count.left += 1;
                    tracing::warn!(case = %id, "the case's facts keep moving; it is not looked at under the new packs");
                }
                done => count.changed += u64::from(done?),
            }
        }
        Ok(())
    }

    /// Looks at one case; answers whether anything was to be done.
    async fn look_at(&self, facts: Facts, due: Option<Timestamp>) -> Done<bool> {
        let id = facts.case.id;
        let mut read = Some((facts, due));
        for _ in 0..WRITES_MAX {
            let Some((facts, due)) = read else {
                return Ok(false);
            };
            if facts.case.closed.is_some() {
                return Ok(false);
            }
            let Some(draft) = self.under_new_packs(&facts, due).await? else {
                return Ok(false);
            };
            if self.commit_draft(draft).await? {
                return Ok(true);
            }
            read = self.0.store.shown(&[id]).await?.pop();
        }
        Err(CommandError::Contended)
    }

    /// What is to be done with a case, if anything is.
    async fn under_new_packs(&self, facts: &Facts, due: Option<Timestamp>) -> Done<Option<Draft>> {
        let mut draft = self.draft_on(facts, ACTOR);
        let binding = match self.binding(facts) {
            Ok(binding) => binding,
            // The planner says so in the log, and puts the case before a person.
            Err(CommandError::Jurisdiction { .. }) => {
                let now = draft.now;
                return Ok(sooner(draft, facts, due, Some(now)));
            }
            Err(error) => return Err(error),
        };
        let world = match self.world_under(&facts.case, facts, binding.clone()).await {
            Ok(world) => world,
            Err(CommandError::NoPolicy(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        for found in self.forbidden(facts, &binding, draft.now).await? {
            let id = found.contact.id;
            draft.hold_contact(found.contact);
            self.begin_cancel(&mut draft, id);
        }
        self.ask_ruled_out_again(&mut draft, facts, &world).await?;
        if draft.has_entries() {
            crate::stops::alarm_for_doubt(&mut draft, facts);
            self.schedule_next(&mut draft, facts).await;
            return Ok(Some(draft));
        }
        let input = world.input(&facts.case, facts);
        let decision =
            recoup_decide::step(&input, draft.now, &mut recoup_decide::NoTrace::default());
        let idle = decision.events.is_empty() && decision.dropped.is_empty();
        let next = match decision.action {
            Action::Sleep { until } if idle => self.sleep_until(until, draft.now),
            Action::Sleep { .. } | Action::Contact(_) => Some(draft.now),
        };
        Ok(sooner(draft, facts, due, next))
    }

    /// Steps that the gate had ruled out for good, and rules out no more, are open again; the others stay passed over.
    async fn ask_ruled_out_again(
        &self,
        draft: &mut Draft,
        facts: &Facts,
        world: &World<'_>,
    ) -> Done<()> {
        let case = &facts.case;
        let skips = self.passed_over(case).await?;
        if !skips.iter().any(|(_, why)| is_of_the_gate(why)) {
            return Ok(());
        }
        let open = reopened(case, &skips);
        let (_, decision) = ahead(&world.input(&open, facts), draft.now);
        let again = |place: (u8, u8)| {
            let mut events = decision.events.iter();
            events.any(|e| matches!(e, CaseEvent::StepSkipped { stage, step, .. } if (*stage, *step) == place))
        };
        let stays = |(place, why): &((u8, u8), SkipReason)| !is_of_the_gate(why) || again(*place);
        if skips.iter().all(stays) {
            return Ok(());
        }
        draft.case_event(case.id, CaseEvent::StepsReopened);
        for ((stage, step), why) in skips.into_iter().filter(stays) {
            let event = CaseEvent::StepSkipped { stage, step, why };
            draft.case_event(case.id, event);
        }
        if case
            .worklist
            .as_ref()
            .is_some_and(WorklistReason::is_of_steps)
        {
            draft.off_worklist(case.id);
        }
        Ok(())
    }
}

/// Wakes the case at `next` where it would sleep longer than that.
fn sooner(
    mut draft: Draft,
    facts: &Facts,
    due: Option<Timestamp>,
    next: Option<Timestamp>,
) -> Option<Draft> {
    let next = next.filter(|next| due.is_none_or(|due| *next < due))?;
    draft.schedule(facts.case.id, Some(next));
    draft.guard_all();
    draft.guard(facts.overrides_guard());
    Some(draft)
}
