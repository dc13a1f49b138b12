//! Overrides: where the law only presumes a violation, counsel decides otherwise, with a second person, for a time.

use super::Decided;
use super::borrower::reopen;
use crate::beside::Beside;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done, Violation};
use crate::keys::OVERRIDE_PLACE;
use crate::settle::WRITES_MAX;
use crate::types::{Answered, Caller, Encode};
use crate::vault::{DataKey, VaultError};
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::{Layer, RuleRef, Severity};
use recoup_domain::case::Refusal;
use recoup_domain::ids::{CaseId, OverrideId, TenantId};
use recoup_domain::overrides::{Override, OverrideEvent, OverrideState, Signed};
use recoup_domain::sealed::Sealed;
use recoup_store::{CaseFilter, Facts, Guard, Write};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Cases read at a time.
const PAGE: usize = 512;
/// How far ahead an override may end: a year, also a leap year.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);

/// An override as asked for.
#[derive(Clone, Debug)]
pub struct OverrideInput {
    /// The rule.
    pub rule: String,
    /// The one case it is about; none means all of the lender.
    pub case: Option<CaseId>,
    /// Why; kept sealed.
    pub reason: String,
    /// Before when it holds.
    pub until: Timestamp,
}

/// What people wrote about an override.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OverridePlain {
    /// Why it was asked for.
    pub reason: String,
    /// What the second person wrote.
    pub approval_note: String,
    /// Why it was ended.
    pub revoke_reason: String,
}

/// An override as a caller sees it.
#[derive(Clone, Debug)]
pub struct OverrideView {
    /// The override.
    pub row: Override,
    /// What was written about it; empty where its person was erased.
    pub plain: OverridePlain,
    /// Where it stands.
    pub state: OverrideState,
}

/// An override that was read, and what its change is guarded by.
struct Held {
    draft: Draft,
    row: Override,
    plain: OverridePlain,
    /// None where its person was erased.
    key: Option<Arc<DataKey>>,
    /// The facts of the one open case it is about.
    facts: Option<Facts>,
}

impl Engine {
    /// Asks that a presumption be lifted. It lifts nothing before a second person approves it.
    ///
    /// # Errors
    /// RuleUnknown, RuleNotOverridable for all but presumptions; Invalid where the end is not ahead, or too far; NotFound for
    /// the case, Refused where it is closed.
    pub async fn propose_override(
        &self,
        who: &Caller,
        input: OverrideInput,
        encode: Encode<'_, OverrideView>,
    ) -> Done<Answered<OverrideView>> {
        let id = self.0.ids.overriding();
        self.command(who, encode, || async {
            let pack = self.must_be_presumption(&input.rule)?;
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            must_lie_ahead(input.until, draft.now)?;
            let key = match input.case {
                Some(case) => {
                    let case = self.stored_case(&who.tenant, case).await?;
                    if let Some(closed) = case.closed {
                        return Err(Refusal::Closed(closed.reason.name()).into());
                    }
                    self.0.keys.of(case.borrower).await?
                }
                None => self.0.keys.nobodys(),
            };
            let plain = OverridePlain {
                reason: input.reason.clone(),
                ..OverridePlain::default()
            };
            let row = Override {
                id,
                tenant: who.tenant.clone(),
                version: 0,
                pack,
                rule: input.rule.clone(),
                case: input.case,
                until: input.until,
                proposed: signed(who, &draft),
                approved: None,
                revoked: None,
                sealed: Sealed::default(),
            };
            let until = row.until;
            let result = write(
                &mut draft,
                row,
                plain,
                Some(&key),
                (OverrideEvent::Proposed { until }, &input.reason),
            )?;
            Ok(Decided { draft, result, key })
        })
        .await
    }

    /// Approves an override: it is in force from now on, and what it was in the way of is asked again; for all cases
    /// of a lender that goes on beside the answer.
    ///
    /// # Errors
    /// NotFound also for one that has ended; SamePerson for whoever asked for it.
    pub async fn approve_override(
        &self,
        who: &Caller,
        id: OverrideId,
        note: String,
        encode: Encode<'_, OverrideView>,
    ) -> Done<Answered<OverrideView>> {
        let done = self
            .on_override(who, id, encode, |held: &mut Held| {
                if held.row.proposed.by == who.principal {
                    return Err(CommandError::SamePerson {
                        principal: who.principal.clone(),
                        did: "proposed the override",
                        wants: "approve it",
                    });
                }
                if let Some(ended) = &held.row.revoked {
                    return Err(over(id, ended.at));
                }
                if held.row.approved.is_some() {
                    return Ok(None);
                }
                held.row.approved = Some(signed(who, &held.draft));
                held.plain.approval_note.clone_from(&note);
                if let Some(facts) = &held.facts {
                    reopen(&mut held.draft, facts);
                }
                let until = held.row.until;
                Ok(Some((OverrideEvent::Approved { until }, note.clone())))
            })
            .await?;
        // Also where the answer was given before: a run that broke off may have left some behind.
        let row = self.0.store.override_of(&who.tenant, id).await?;
        let now = self.0.wall.now();
        let wide = |o: &Override| o.case.is_none() && o.state(now) == OverrideState::Active;
        if row.as_ref().is_some_and(wide) {
            let rule = row.map(|o| o.rule).unwrap_or_default();
            self.reopen_beside(who.clone(), rule);
        }
        Ok(done)
    }

    /// Asks the steps of all cases that a rule binds again, on a task of its own: with many cases that outlasts the
    /// request.
    fn reopen_beside(&self, who: Caller, rule: String) {
        let engine = self.clone();
        let work = self.0.activity.begin();
        tokio::spawn(async move {
            if let Err(error) = engine.reopen_all(&who, &rule).await {
                tracing::error!(tenant = %who.tenant, %error, "steps could not all be asked again; approve the override once more");
            }
            drop(work);
            engine.0.wake.notify_one();
        });
    }

    /// Ends an override at once: what was accepted under it and has not taken effect is called off.
    ///
    /// # Errors
    /// NotFound also for one whose time is over.
    pub async fn revoke_override(
        &self,
        who: &Caller,
        id: OverrideId,
        reason: String,
        encode: Encode<'_, OverrideView>,
    ) -> Done<Answered<OverrideView>> {
        self.on_override(who, id, encode, |held: &mut Held| {
            if held.row.revoked.is_some() {
                return Ok(None);
            }
            held.row.revoked = Some(signed(who, &held.draft));
            held.plain.revoke_reason.clone_from(&reason);
            Ok(Some((OverrideEvent::Revoked, reason.clone())))
        })
        .await
    }

    /// All overrides of a lender, the oldest first.
    ///
    /// # Errors
    /// Where the store fails, or what was written about one was changed.
    pub async fn overrides(&self, tenant: &TenantId) -> Done<Vec<OverrideView>> {
        let now = self.0.wall.now();
        let mut all = Vec::new();
        for row in self.0.store.overrides(tenant).await? {
            let key = self.key_of(&row).await?;
            all.push(OverrideView {
                plain: open(key.as_deref(), &row.sealed)?,
                state: row.state(now),
                row,
            });
        }
        Ok(all)
    }

    /// A command on an override that has not ended by itself: `act` says what happens and what is told with it;
    /// nothing where it happened before.
    async fn on_override(
        &self,
        who: &Caller,
        id: OverrideId,
        encode: Encode<'_, OverrideView>,
        act: impl Fn(&mut Held) -> Done<Option<(OverrideEvent, String)>> + Send + Sync,
    ) -> Done<Answered<OverrideView>> {
        self.command(who, encode, || async {
            let mut held = self.hold_override(who, id).await?;
            let Some((event, note)) = act(&mut held)? else {
                return held.unchanged(self);
            };
            if let Some(facts) = &mut held.facts {
                for row in facts.overrides.iter_mut().filter(|o| o.id == id) {
                    row.clone_from(&held.row);
                }
                self.call_off_unlifted(&mut held.draft, facts).await?;
            }
            held.changed(self, event, &note)
        })
        .await
    }

    async fn hold_override(&self, who: &Caller, id: OverrideId) -> Done<Held> {
        let missing = || CommandError::NotFound {
            what: "override",
            id: id.to_string(),
        };
        let (version, _) = self.0.store.approved_overrides(&who.tenant).await?;
        let row = self.0.store.override_of(&who.tenant, id).await?;
        let row = row.ok_or_else(missing)?;
        let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
        if row.state(draft.now) == OverrideState::Expired {
            return Err(over(id, row.until));
        }
        draft.guard(Guard::Overrides(who.tenant.clone(), version));
        let key = self.key_of(&row).await?;
        let facts = match row.case {
            Some(case) => self.facts_of(case).await?,
            None => None,
        };
        let facts = facts.filter(|f| f.case.closed.is_none());
        if let Some(facts) = &facts {
            draft.hold_case(facts.case.clone());
            draft.hold_party(facts.borrower.clone());
        }
        Ok(Held {
            plain: open(key.as_deref(), &row.sealed)?,
            draft,
            row,
            key,
            facts,
        })
    }

    /// What is written about an override is sealed under: the key of the borrower of its case, or nobody's.
    async fn key_of(&self, row: &Override) -> Done<Option<Arc<DataKey>>> {
        let Some(case) = row.case else {
            return Ok(Some(self.0.keys.nobodys()));
        };
        let borrower = self.stored_case(&row.tenant, case).await?.borrower;
        match self.0.keys.of(borrower).await {
            Err(CommandError::Vault(VaultError::Erased(_))) => Ok(None),
            key => key.map(Some),
        }
    }

    /// The pack of a rule that may be overridden.
    fn must_be_presumption(&self, id: &str) -> Done<String> {
        let rules = self.0.library.packs().rules().filter(|r| r.id() == id);
        let rules: Vec<_> = rules.collect();
        let lawyers =
            |r: &&&RuleRef| r.severity() == Severity::Presumption && r.layer() != Layer::House;
        let presumed = rules.iter().find(lawyers);
        match (presumed, rules.first()) {
            (Some(rule), _) => Ok(rule.pack().to_owned()),
            (None, Some(rule)) => Err(CommandError::RuleNotOverridable {
                rule: id.to_owned(),
                severity: match rule.severity() {
                    Severity::Presumption => Layer::House.name(),
                    harder => harder.name(),
                },
            }),
            (None, None) => Err(CommandError::RuleUnknown(id.to_owned())),
        }
    }

    /// Steps that were passed over are asked again, of any case that the rule binds. Those that still have no way are passed over again.
    async fn reopen_all(&self, who: &Caller, rule: &str) -> Done<()> {
        let mut after = None;
        loop {
            let filter = CaseFilter::default();
            let page = self
                .0
                .store
                .cases(&who.tenant, &filter, after, PAGE)
                .await?;
            let skipping = |c: &&recoup_domain::Case| c.closed.is_none() && !c.skipped.is_empty();
            for case in page.rows.iter().filter(skipping) {
                match self.reopen_one(who, case.id, rule).await {
                    Err(CommandError::Contended) => {
                        tracing::warn!(case = %case.id, "the case's facts keep moving; its steps are not asked again");
                    }
                    done => done?,
                }
            }
            after = page.rows.last().map(|c| c.id);
            if !page.more {
                return Ok(());
            }
        }
    }

    /// Whether a rule binds contacts of the case with its borrower. Where that cannot be told it may.
    fn is_bound_by(&self, facts: &Facts, rule: &str) -> bool {
        let binding = self.0.library.binding(&facts.case, &facts.borrower);
        binding.map_or(true, |bound| bound.rules().iter().any(|r| r.id() == rule))
    }

    async fn reopen_one(&self, who: &Caller, id: CaseId, rule: &str) -> Done<()> {
        for _ in 0..WRITES_MAX {
            let Some(facts) = self.facts_of(id).await? else {
                return Ok(());
            };
            if !self.is_bound_by(&facts, rule) {
                return Ok(());
            }
            let mut draft = self.draft_on(&facts, &who.principal);
            reopen(&mut draft, &facts);
            if !draft.has_entries() {
                return Ok(());
            }
            self.schedule_next(&mut draft, &facts).await;
            if self.commit_draft(draft).await? {
                return Ok(());
            }
        }
        Err(CommandError::Contended)
    }
}

impl Held {
    /// The answer where there was nothing to do.
    fn unchanged(self, engine: &Engine) -> Done<Decided<OverrideView>> {
        let key = self.key.unwrap_or_else(|| engine.0.keys.nobodys());
        let result = OverrideView {
            state: self.row.state(self.draft.now),
            row: self.row,
            plain: self.plain,
        };
        let draft = self.draft;
        Ok(Decided { draft, result, key })
    }

    /// Writes what was changed, and wakes every case that it concerns.
    fn changed(
        mut self,
        engine: &Engine,
        event: OverrideEvent,
        note: &str,
    ) -> Done<Decided<OverrideView>> {
        let now = self.draft.now;
        // What nobody approved was in nobody's way, and its end is neither.
        let was_in_force = self.row.approved.is_some();
        if let Some(facts) = &self.facts {
            if event == OverrideEvent::Revoked {
                crate::stops::alarm_for_doubt(&mut self.draft, facts);
            }
            if was_in_force {
                self.draft.schedule(facts.case.id, Some(now));
            }
        }
        if was_in_force && self.row.case.is_none() {
            let tenant = self.row.tenant.clone();
            self.draft.write(Write::WakeAll(tenant, now));
        }
        let key = self.key.as_deref();
        let result = write(&mut self.draft, self.row, self.plain, key, (event, note))?;
        let key = self.key.unwrap_or_else(|| engine.0.keys.nobodys());
        let draft = self.draft;
        Ok(Decided { draft, result, key })
    }
}

/// Puts an override and what happened to it on a draft.
fn write(
    draft: &mut Draft,
    mut row: Override,
    plain: OverridePlain,
    key: Option<&DataKey>,
    (event, note): (OverrideEvent, &str),
) -> Done<OverrideView> {
    row.version += 1;
    let mut beside = Sealed::default();
    if let Some(key) = key {
        let json = serde_json::to_vec(&plain).unwrap_or_default();
        row.sealed = key.seal(OVERRIDE_PLACE, &json)?;
        // Beside an entry lies what is a person's; of what is about no person, the row has it.
        if row.case.is_some() {
            beside = Beside::note(note).seal(key)?;
        }
    }
    draft.override_event(&row, event);
    draft.seal_last(beside);
    draft.write(Write::Override(Box::new(row.clone())));
    Ok(OverrideView {
        state: row.state(draft.now),
        row,
        plain,
    })
}

fn open(key: Option<&DataKey>, sealed: &Sealed) -> Done<OverridePlain> {
    let Some(key) = key.filter(|_| !sealed.is_empty()) else {
        return Ok(OverridePlain::default());
    };
    let bytes = key.open(OVERRIDE_PLACE, sealed)?;
    let forged = |_| CommandError::Vault(VaultError::Forged(OVERRIDE_PLACE));
    serde_json::from_slice(&bytes).map_err(forged)
}

fn over(id: OverrideId, ended: Timestamp) -> CommandError {
    CommandError::NotFound {
        what: "override",
        id: format!("{id} that is not over: it ended at {ended}; propose a new one"),
    }
}

fn signed(who: &Caller, draft: &Draft) -> Signed {
    Signed {
        by: who.principal.clone(),
        at: draft.now,
    }
}

fn must_lie_ahead(until: Timestamp, now: Timestamp) -> Done<()> {
    let problem = if until <= now {
        format!("{until} does not lie ahead of now ({now})")
    } else if until.duration_since(now) > AHEAD_MAX {
        "lies more than 366 days ahead; propose a new one then".to_owned()
    } else {
        return Ok(());
    };
    Err(CommandError::Invalid(vec![Violation::new(
        "until", problem,
    )]))
}
