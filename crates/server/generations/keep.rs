//! Brings what runs here to what the rollout says, judges swaps, and moves them on or back.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use recoup_channel_host::Standing;
use recoup_domain::rollout::{GenerationState, Rollout, Step, Verdict, judge};
use recoup_engine::{CommandError, Engine, Sends};
use tokio_util::sync::CancellationToken;

use super::load::{Purpose, load};
use super::start::kept;
use super::{Generations, Here, Judging, Own, Seen};

/// How often rollouts are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long one that did not start here is left alone before it is tried again.
const AGAIN: Duration = Duration::from_secs(30);
/// How long a generation that drains is left to the other servers of a store, which have their own contacts under way.
const DRAIN: SignedDuration = SignedDuration::from_secs(120);

impl Generations {
    /// Follows the rollouts until the server stops.
    pub(crate) async fn keep(&self, engine: Engine, stopping: CancellationToken) {
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = self.changed.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            // On a stepped clock time waits for it.
            let _work = engine.activity().begin();
            if let Err(error) = self.look(&engine).await {
                tracing::warn!(%error, "the channels' rollouts could not be looked at");
            }
        }
    }

    async fn look(&self, engine: &Engine) -> Result<(), CommandError> {
        let rollouts = engine.rollouts().await?;
        for own in &self.all {
            let found = rollouts.iter().find(|r| r.channel == own.config.name);
            if own.is_missing() {
                own.held().note(found);
                if !own.was_tried_lately() {
                    self.try_again(own, engine, found).await?;
                }
                continue;
            }
            let Some(rollout) = found else {
                continue;
            };
            if own.must_follow(rollout) {
                self.follow(own, engine, Some(rollout.clone())).await;
            }
            if let Some(step) = own.next_step(engine, rollout) {
                tracing::info!(
                    channel = own.config.name,
                    ?step,
                    "the channel's rollout moves"
                );
                let next = engine.step_rollout_by_itself(rollout, &step, &[]).await?;
                if let Some(next) = next {
                    self.follow(own, engine, Some(next)).await;
                }
            }
        }
        Ok(())
    }

    /// Starts what the rollout wants and is not here, gives new contacts to whom it says, and puts away what has
    /// nothing under way any more. Done twice it changes nothing.
    pub(super) async fn follow(&self, own: &Own, engine: &Engine, rollout: Option<Rollout>) {
        let _one = own.working.lock().await;
        let Some(rollout) = rollout else {
            return;
        };
        let live = rollout.live();
        let tried = rollout.tried();
        for number in [Some(live), tried.map(|(to, _)| to)].into_iter().flatten() {
            if own.here(number).is_some() || own.was_tried(number) {
                continue;
            }
            if let Err(why) = self.bring(own, engine, &rollout, number).await {
                let channel = &own.config.name;
                tracing::error!(
                    channel,
                    generation = number,
                    "a generation does not start: {why}"
                );
                own.held().refuse(number, why.clone());
                if number != live {
                    let why = format!("a server could not start it: {why}");
                    let step = Step::RollBack { why };
                    let done = engine.step_rollout_by_itself(&rollout, &step, &[]).await;
                    if let Err(error) = done {
                        tracing::warn!(channel, %error, "not rolled back");
                    }
                    self.changed.notify_one();
                }
            }
        }
        // Before any contact is shared out by it: what the first ones come to counts, too.
        own.begin_judging(engine, &rollout);
        self.route(own, engine, &rollout);
        own.held().rollout = Some(rollout);
    }

    /// Loads a generation, where it is not here.
    pub(super) async fn bring(
        &self,
        own: &Own,
        engine: &Engine,
        rollout: &Rollout,
        number: u32,
    ) -> Result<Here, String> {
        if let Some(here) = own.here(number) {
            return Ok(here);
        }
        let source = kept(&**engine.store(), rollout, number).await;
        let source = source.map_err(|e| e.to_string())??;
        let loaded = load(&own.config, &self.around, source, Purpose::Work).await?;
        let here = Here::of(&own.config, loaded, number, (&self.around, &self.wrap))?;
        let mut held = own.held();
        held.refused.remove(&number);
        held.here.insert(number, here.clone());
        Ok(here)
    }

    fn route(&self, own: &Own, engine: &Engine, rollout: &Rollout) {
        let live = rollout.live();
        let tried = rollout.tried();
        let wanted = |n: u32| n == live || tried.is_some_and(|(to, _)| n == to);
        let name = &own.config.name;
        let mut held = own.held();
        if !held.here.contains_key(&live) {
            // What runs goes on: a server that cannot start the live generation is not one that sends nothing.
            return;
        }
        let under_way = engine.generations(name);
        let is_idle = |n: u32| {
            let found = under_way.iter().find(|g| g.generation == n);
            found.is_none_or(|g| g.in_flight == 0)
        };
        let handles = |held: &super::Held| held.here.values().map(|h| h.handle.clone()).collect();
        if !engine.route(name, handles(&held), live, tried) {
            tracing::error!(
                channel = name,
                generation = live,
                "the live generation is not taken: it makes another kind of contact"
            );
            return;
        }
        let numbers = held.here.keys().copied();
        let gone: Vec<u32> = numbers.filter(|n| !wanted(*n) && is_idle(*n)).collect();
        if gone.is_empty() {
            return;
        }
        for number in gone {
            // Whoever still holds it lets it come to its end; then it drains and ends.
            if let Some(here) = held.here.remove(&number) {
                held.mapped += u32::from(!here.channel.is_isolated());
                tracing::info!(
                    channel = name,
                    generation = number,
                    "a generation is put away"
                );
            }
        }
        let _ = engine.route(name, handles(&held), live, tried);
    }
}

impl Own {
    /// Whether a generation did not start here a moment ago.
    fn was_tried(&self, number: u32) -> bool {
        let held = self.held();
        let tried = held.tried.get(&number);
        tried.is_some_and(|at| at.elapsed() < AGAIN)
    }

    /// Whether any generation did not start here a moment ago.
    fn was_tried_lately(&self) -> bool {
        let held = self.held();
        held.tried.values().any(|at| at.elapsed() < AGAIN)
    }

    /// Whether a rollout says something that is not so here yet.
    fn must_follow(&self, rollout: &Rollout) -> bool {
        let held = self.held();
        let is_new = held
            .rollout
            .as_ref()
            .is_none_or(|r| r.version < rollout.version);
        let live = rollout.live();
        let tried = rollout.tried().map(|(to, _)| to);
        let leaving = held.here.keys().any(|n| *n != live && Some(*n) != tried);
        is_new || leaving || !held.here.contains_key(&live)
    }

    /// What is to be done by itself: a swap goes on or back, what drained is retired.
    fn next_step(&self, engine: &Engine, rollout: &Rollout) -> Option<Step> {
        if let Some(step) = self.judge(engine, rollout) {
            return Some(step);
        }
        let draining = rollout.in_state(GenerationState::Draining)?;
        let now = engine.wall().now();
        let is_left = !engine.store().is_shared() || now.duration_since(draining.since) >= DRAIN;
        let is_gone = self.here(draining.number).is_none();
        (is_gone && is_left).then_some(Step::Retire(draining.number))
    }

    /// Notes what both generations of a swap had done when its share came in force.
    fn begin_judging(&self, engine: &Engine, rollout: &Rollout) {
        let version = rollout.version;
        let judging = rollout.swap.as_ref().map(|swap| Judging {
            version,
            tried: self.seen(engine, swap.to),
            live: self.seen(engine, rollout.live()),
            awaited: String::new(),
        });
        let mut held = self.held();
        if held.judging.as_ref().is_none_or(|j| j.version != version) {
            held.judging = judging;
        }
    }

    fn judge(&self, engine: &Engine, rollout: &Rollout) -> Option<Step> {
        let swap = rollout.swap.as_ref()?;
        if let Standing::Rests(_) = self.here(swap.to)?.channel.standing() {
            let why = "it failed again and again, and is left alone";
            return Some(roll_back(swap.share(), why));
        }
        let (tried, live) = (
            self.seen(engine, swap.to),
            self.seen(engine, rollout.live()),
        );
        let mut held = self.held();
        let began = held.judging.as_mut();
        let began = began.filter(|j| j.version == rollout.version)?;
        let (new, old) = (tried.since(&began.tried), live.since(&began.live));
        let left = swap.left_to_hold(engine.wall().now());
        began.awaited = match judge(&new, &old, u64::from(swap.judged_min)) {
            Verdict::Bad(why) => return Some(roll_back(swap.share(), &why)),
            Verdict::Good if left.is_zero() => return Some(Step::Advance),
            Verdict::Good => format!("{} s are left of what each lasts", left.as_secs() + 1),
            Verdict::Wait(what) => what,
        };
        None
    }

    /// What was seen of a generation here; nothing of one that has no contacts yet.
    fn seen(&self, engine: &Engine, number: u32) -> Seen {
        let all = engine.generations(&self.config.name);
        let own = all.into_iter().find(|g| g.generation == number);
        let here = self.here(number);
        Seen {
            sends: own.map_or_else(Sends::none, |g| g.sends),
            failures: here.map_or(0, |here| here.channel.failures()),
        }
    }
}

impl super::Held {
    /// Notes what is on record of a channel of which nothing runs here. Where the configuration says otherwise, that it was
    /// refused is all there is to tell.
    fn note(&mut self, rollout: Option<&Rollout>) {
        if self.unsettled.is_none() {
            self.rollout = rollout.cloned();
        }
    }

    /// Notes that a generation does not start here, and why.
    pub(super) fn refuse(&mut self, number: u32, why: String) {
        self.refused.insert(number, why);
        self.tried.insert(number, Instant::now());
    }
}

impl Seen {
    fn since(&self, earlier: &Self) -> recoup_domain::rollout::Tally {
        let broken = self.failures.saturating_sub(earlier.failures);
        self.sends.since(&earlier.sends, broken)
    }
}

fn roll_back(share: u8, why: &str) -> Step {
    Step::RollBack {
        why: format!("at a share of {share} %: {why}"),
    }
}
