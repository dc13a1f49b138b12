//! The loop: claim what is due, decide, write the intents of a batch together, hand them to dispatch.

use crate::dispatch::Outgoing;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::Done;
use crate::intent::{Prepared, World};
use crate::routes::NoRoom;
use crate::stepped::Ground;
use crate::watch::Refusal;
use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use jiff::{SignedDuration, Timestamp};
use recoup_decide::{Action, NoTrace, Plan};
use recoup_domain::case::{WorklistReason, due_timers};
use recoup_domain::contact::Contact;
use recoup_domain::ids::CaseId;
use recoup_store::{Change, Claim, CommitError, Facts, Guard, StoreError};
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::activity::Work;

/// How long a claim holds (real time). A batch is decided in milliseconds.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// Cases that are committed by one call: as many as a store takes whole while others wait, so that what stands is
/// sent at once.
const COMMITTED_AT_ONCE: usize = 16;
/// How often a case is decided anew because its facts moved, before it is left for later.
const DECISIONS_MAX: usize = 10;
/// The longest sleep of the loop: a safety net, wake-ups come by word.
const SLEEP_MAX: Duration = Duration::from_secs(5);

/// Cases whose contact waits for room in a channel; what does not fit waits here under its lease, before
/// its intent.
#[derive(Default)]
pub(crate) struct Parked(Mutex<HashMap<String, VecDeque<(Claim, Work)>>>);

/// How many cases a stop of dispatch held back, and until when: the slot in which they are asked again.
#[derive(Default)]
pub(crate) struct HeldBack(Mutex<Option<(Timestamp, u64)>>);

impl HeldBack {
    /// One more, until then.
    fn one_more(&self, until: Timestamp) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *held = match *held {
            Some((slot, n)) if slot == until => Some((slot, n + 1)),
            // One of a slot that is over, told late.
            Some((slot, n)) if slot > until => Some((slot, n)),
            _ => Some((until, 1)),
        };
    }

    /// How many still sleep.
    fn now(&self, now: Timestamp) -> u64 {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.filter(|(until, _)| *until > now).map_or(0, |(_, n)| n)
    }
}

/// How many cases may wait for room in one channel. What does not fit goes back into the plan, so that a channel
/// that is slow holds up its own contacts alone.
const PARKED_MAX: usize = 1_024;
/// When a case that found its channel and the waiting room full is looked at again: soon enough that a channel of
/// 500 contacts a second never waits for its cases.
const FULL_AGAIN: SignedDuration = SignedDuration::from_secs(2);
/// The longest that a case of a channel that is left alone is put off at once.
const REST_MAX: SignedDuration = SignedDuration::from_mins(15);
/// How long nothing more is claimed where a waiting room is full, if it stays full: a channel that is quick makes
/// room meanwhile, one that is slow does not hold up others for longer. On the wall's clock, so that on a stepped
/// one, where time stands while there is work, nothing is put off at all.
const CROWDED_PAUSE: SignedDuration = SignedDuration::from_millis(100);
/// The longest time between two looks at the rooms: a safety net, wake-ups come by word.
const CROWDED_LOOK: Duration = Duration::from_millis(20);

impl Parked {
    /// Lets a case wait for room; gives it back where too many wait already.
    pub(crate) fn park(&self, channel: &str, claim: Claim, work: Work) -> Option<(Claim, Work)> {
        let mut parked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = parked.entry(channel.to_owned()).or_default();
        if waiting.len() >= PARKED_MAX {
            return Some((claim, work));
        }
        waiting.push_back((claim, work));
        None
    }

    /// How many cases wait, by channel.
    pub(crate) fn lengths(&self) -> HashMap<String, usize> {
        let parked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lengths = parked.iter().map(|(name, all)| (name.clone(), all.len()));
        lengths.collect()
    }

    /// Whether some channel has no place left for so many more cases that wait.
    fn is_crowded(&self, more: usize) -> bool {
        let parked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let free = |waiting: &VecDeque<_>| PARKED_MAX - waiting.len();
        parked.values().any(|waiting| free(waiting) < more)
    }

    /// Takes what waits for channels that have room, as `room` says how much.
    fn take(&self, room: impl Fn(&str) -> usize) -> Vec<(Claim, Work)> {
        let mut parked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = Vec::new();
        for (channel, waiting) in parked.iter_mut() {
            let n = room(channel).min(waiting.len());
            out.extend(waiting.drain(..n));
        }
        out
    }
}

impl Engine {
    /// Works until `shutdown`, on a live clock, and watches it and the store's disk meanwhile.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) {
        tokio::select! {
            () = self.work(shutdown) => {}
            () = self.watch_clock() => {}
            () = self.watch_room() => {}
            () = self.keep_asking() => {}
        }
    }

    async fn work(&self, shutdown: impl Future<Output = ()> + Send) {
        tokio::pin!(shutdown);
        loop {
            let woken = self.0.wake.notified();
            let turn = async {
                self.follow_others().await?;
                self.turn().await
            };
            let pause = match turn.await {
                Ok(0) => self.until_next().await,
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    tracing::error!(%error, "the planner cannot go on for now");
                    SLEEP_MAX
                }
            };
            if pause.is_zero() {
                continue;
            }
            tokio::select! {
                () = &mut shutdown => return self.halt(),
                () = woken => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Cases that a stop of dispatch held back, and that are asked again in the next slot.
    #[must_use]
    pub fn held_back(&self) -> u64 {
        self.0.held_back.now(self.0.wall.now())
    }

    async fn until_next(&self) -> Duration {
        let next = self.0.store.next_due().await.ok().flatten();
        let wait = next.map(|at| at.duration_since(self.0.wall.now()));
        wait.map_or(SLEEP_MAX, |w| Duration::try_from(w).unwrap_or_default())
            .clamp(Duration::from_millis(1), SLEEP_MAX)
    }

    /// Takes one batch, decides each case of it once and hands on what follows; answers how many cases it took.
    /// [`run`](Self::run) does it again and again.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn turn(&self) -> Result<usize, StoreError> {
        if self.is_halted() {
            return Ok(0);
        }
        let mut claims = self.what_has_room().await;
        if claims.is_empty() {
            let now = self.0.wall.now();
            let found = self.0.store.claim(now, LEASE, self.0.options.batch).await?;
            claims.extend(
                found
                    .into_iter()
                    .map(|claim| (claim, self.0.activity.begin())),
            );
        }
        let taken = claims.len();
        self.handle(claims).await?;
        Ok(taken)
    }

    /// Cases that waited for room, and have it. Nothing where it is time to claim others: there is a place for them,
    /// or has been none for a while.
    async fn what_has_room(&self) -> Vec<(Claim, Work)> {
        let a_batch = self.0.options.batch.min(PARKED_MAX / 2);
        let until = self.0.wall.now().saturating_add(CROWDED_PAUSE);
        let until = until.unwrap_or(Timestamp::MAX);
        loop {
            let woken = self.0.wake.notified();
            let ready = self.0.parked.take(|channel| self.0.channels.free(channel));
            let crowded = self.0.parked.is_crowded(a_batch);
            if !ready.is_empty() || !crowded || self.is_halted() || self.0.wall.now() >= until {
                return ready;
            }
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep(CROWDED_LOOK) => {}
            }
        }
    }

    /// Decides the claimed cases and writes what follows, all together; those whose facts moved in between
    /// are decided anew.
    async fn handle(&self, claims: Vec<(Claim, Work)>) -> Result<(), StoreError> {
        let mut todo = claims;
        for _ in 0..DECISIONS_MAX {
            if todo.is_empty() {
                return Ok(());
            }
            todo = self.handle_once(todo).await?;
        }
        for (claim, _) in todo {
            tracing::warn!(case = %claim.case, "the case's facts keep moving; it is decided later");
        }
        Ok(())
    }

    async fn handle_once(
        &self,
        claims: Vec<(Claim, Work)>,
    ) -> Result<Vec<(Claim, Work)>, StoreError> {
        let ids: Vec<CaseId> = claims.iter().map(|(c, _)| c.case).collect();
        let facts = self.facts_of_many(&ids).await?;
        let mut by_case: HashMap<CaseId, Facts> =
            facts.into_iter().map(|f| (f.case.id, f)).collect();
        let mut decided = Vec::with_capacity(claims.len());
        for (n, (claim, work)) in claims.into_iter().enumerate() {
            self.give_way(n).await;
            let Some(facts) = by_case.remove(&claim.case) else {
                continue;
            };
            match self.decide_anew(&facts, &claim).await {
                Ok(Decided::Write(prepared)) => {
                    let (change, cancels) = prepared.draft.finish();
                    decided.push((change, (claim, work, prepared.send, cancels)));
                }
                Ok(Decided::NoRoom(channel, why)) => {
                    let (back, rests) = match why {
                        NoRoom::Full => (self.0.parked.park(&channel, claim, work), None),
                        NoRoom::Rests(left) => (Some((claim, work)), Some(left)),
                    };
                    if let Some((claim, work)) = back {
                        let rest = SignedDuration::try_from(rests.unwrap_or_default());
                        let rest = rest.unwrap_or(REST_MAX).clamp(FULL_AGAIN, REST_MAX);
                        let again = self.0.wall.now().saturating_add(rest).ok();
                        let mut change = Self::give_back(&claim, again);
                        change.guards.push(facts.overrides_guard());
                        decided.push((change, (claim, work, None, Vec::new())));
                    }
                }
                Err(error) => {
                    tracing::error!(case = %claim.case, %error, "the case cannot be decided");
                    let change = self.put_off(&facts, &claim);
                    decided.push((change, (claim, work, None, Vec::new())));
                }
            }
        }
        self.commit_and_send(decided).await
    }

    /// Commits what was decided, and sends what stands; answers what is to be decided anew. The store answers a call
    /// once all of it stands, and takes others in between: each piece is a call of its own, so that an intent that
    /// is durable goes to its channel before anybody else's stop is.
    async fn commit_and_send(
        &self,
        decided: Vec<(Change, After)>,
    ) -> Result<Vec<(Claim, Work)>, StoreError> {
        let mut decided = decided.into_iter().peekable();
        let mut commits = FuturesOrdered::new();
        while decided.peek().is_some() {
            let (changes, after): (Vec<_>, Vec<_>) =
                decided.by_ref().take(COMMITTED_AT_ONCE).unzip();
            commits.push_back(async { (self.commit_what_may(changes).await, after) });
        }
        let (mut again, mut off, mut failed) = (Vec::new(), Vec::new(), None);
        while let Some((results, after)) = commits.next().await {
            for (result, (claim, work, send, cancels)) in results.into_iter().zip(after) {
                match result {
                    Ok(_) => {
                        if let Some(send) = send {
                            self.dispatch(send, work);
                        }
                        self.call_off(cancels);
                    }
                    // Who watches clock and disk tells of it, once for all cases.
                    Err(Refusal::NothingGoes) => off.push(claim),
                    Err(Refusal::Commit(error)) => match error {
                        CommitError::Stale(Guard::Fence(..)) => {}
                        CommitError::Stale(Guard::DispatchOn(..)) => off.push(claim),
                        CommitError::Stale(_) => again.push((claim, work)),
                        // What stands of the others is still sent.
                        CommitError::Store(error) => failed = Some(error),
                        error => tracing::error!(case = %claim.case, %error, "not committed"),
                    },
                }
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        // Not before all that may go has gone.
        for claim in off {
            self.sleep_while_off(&claim).await?;
        }
        Ok(again)
    }

    /// Decides a case; once more where another process may know what is missing here.
    async fn decide_anew(&self, facts: &Facts, claim: &Claim) -> Done<Decided> {
        match self.decide(facts, claim).await {
            Err(_) if self.0.store.is_shared() => {
                self.read_library().await?;
                self.decide(facts, claim).await
            }
            decided => decided,
        }
    }

    /// Decides one case: its timers, then the step.
    async fn decide(&self, facts: &Facts, claim: &Claim) -> Done<Decided> {
        let now = self.0.wall.now();
        let case = facts.case.id;
        let mut draft = Draft::new(facts.case.tenant.clone(), "policy", now);
        draft.hold_case(facts.case.clone());
        draft.hold_party(facts.borrower.clone());
        draft.guard(recoup_store::Guard::Fence(case, claim.fence));
        draft.guard(facts.overrides_guard());
        let (timers, _) = due_timers(&facts.case, now);
        if !timers.is_empty() {
            draft.speak_as("timer");
            draft.case_events(case, timers);
            draft.speak_as("policy");
        }
        let current = draft
            .case(case)
            .cloned()
            .unwrap_or_else(|| facts.case.clone());
        let facts = &Facts {
            case: current,
            ..facts.clone()
        };
        if self.call_off_unlifted(&mut draft, facts).await? {
            crate::stops::alarm_for_doubt(&mut draft, facts);
            draft.schedule(case, Some(now));
            draft.guard_all();
            return Ok(Decided::Write(Box::new(Prepared { draft, send: None })));
        }
        let world = self.world(&facts.case, facts).await?;
        let decision = recoup_decide::step(
            &world.input(&facts.case, facts),
            now,
            &mut NoTrace::default(),
        );
        draft.case_events(case, decision.events.clone());
        self.drop_waiting(&mut draft, &world, &decision.dropped);
        self.recall(&mut draft, facts, &decision.events).await?;
        match decision.action {
            Action::Sleep { until } => {
                // What was put on record may change the answer: such a case is asked again at once.
                let moved = !decision.events.is_empty() || !decision.dropped.is_empty();
                let until = if moved {
                    until
                } else {
                    self.sleep_until(until, now)
                };
                draft.schedule(case, until);
                draft.guard_all();
                Ok(Decided::Write(Box::new(Prepared { draft, send: None })))
            }
            Action::Contact(plan) if self.is_early(&world, facts, &plan) => {
                draft.schedule(case, self.sleep_until(Some(now), now));
                draft.guard_all();
                Ok(Decided::Write(Box::new(Prepared { draft, send: None })))
            }
            Action::Contact(plan) => self.prepare(draft, &world, facts, &plan, claim).await,
        }
    }

    /// An operator accepted a wall that is behind what is on record: a contact goes only where it would at that
    /// instant, too.
    fn is_early(&self, world: &World<'_>, facts: &Facts, plan: &Plan) -> bool {
        let Some(at) = self.earlier() else {
            return false;
        };
        let input = world.input(&facts.case, facts);
        let decision = recoup_decide::step(&input, at, &mut NoTrace::default());
        let same = |then: &Plan| (then.stage, then.step) == (plan.stage, plan.step);
        !matches!(&decision.action, Action::Contact(then) if same(then))
    }

    /// A sleep ends ahead of now, so that a case never spins.
    pub(crate) fn sleep_until(
        &self,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let floor = now
            .saturating_add(recoup_domain::time::SLOT)
            .unwrap_or(Timestamp::MAX);
        until.map(|at| if at <= now { floor } else { at })
    }

    /// A case that cannot be decided (its policy or key is missing) waits for a person, and is looked at
    /// again in an hour.
    fn put_off(&self, facts: &Facts, claim: &Claim) -> recoup_store::Change {
        let now = self.0.wall.now();
        let mut draft = Draft::new(facts.case.tenant.clone(), "policy", now);
        draft.hold_case(facts.case.clone());
        draft.guard(recoup_store::Guard::Fence(facts.case.id, claim.fence));
        // Else it would sleep over what woke it meanwhile.
        draft.guard(facts.overrides_guard());
        draft.list(facts.case.id, WorklistReason::Undecidable);
        let later = now
            .saturating_add(SignedDuration::from_hours(1))
            .unwrap_or(Timestamp::MAX);
        draft.schedule(facts.case.id, Some(later));
        draft.finish().0
    }

    /// Gives a lease back: the case is looked at again at an instant.
    fn give_back(claim: &Claim, at: Option<Timestamp>) -> recoup_store::Change {
        recoup_store::Change {
            guards: vec![recoup_store::Guard::Fence(claim.case, claim.fence)],
            writes: vec![recoup_store::Write::Schedule(claim.case, at)],
            ..Default::default()
        }
    }

    /// Dispatch is switched off for this case, or the clock not to be trusted: it is looked at again in the next slot.
    async fn sleep_while_off(&self, claim: &Claim) -> Result<(), StoreError> {
        let now = self.0.wall.now();
        let next = recoup_domain::time::round_up_to_slot(
            now.saturating_add(SignedDuration::from_secs(1))
                .unwrap_or(now),
        );
        match self
            .0
            .store
            .commit(Self::give_back(claim, Some(next)))
            .await
        {
            Err(CommitError::Store(error)) => Err(error),
            Err(_) => Ok(()),
            Ok(_) => {
                self.0.held_back.one_more(next);
                Ok(())
            }
        }
    }
}

/// What follows once a change stands: the case it is of, what is sent, and what is called off.
type After = (Claim, Work, Option<Outgoing>, Vec<Contact>);

pub(crate) enum Decided {
    Write(Box<Prepared>),
    NoRoom(String, NoRoom),
}

#[async_trait]
impl Ground for Engine {
    async fn run_dry(&self) -> Result<Option<Timestamp>, String> {
        loop {
            let woken = self.0.wake.notified();
            if self.turn().await.map_err(|e| e.to_string())? > 0 {
                continue;
            }
            if self.0.activity.quiet().is_some() {
                let next = self.0.store.next_due().await.map_err(|e| e.to_string())?;
                if self.is_halted() || next.is_none_or(|at| at > self.0.wall.now()) {
                    return Ok(next.filter(|_| !self.is_halted()));
                }
                continue;
            }
            tokio::select! {
                () = woken => {}
                _ = self.0.activity.until_quiet() => {}
            }
        }
    }

    fn position(&self) -> u64 {
        *self.0.store.newest().borrow()
    }

    async fn abort(&self, why: &str) {
        tracing::error!(why, "the stepped clock has ended; dispatch stops");
        self.halt();
    }
}
