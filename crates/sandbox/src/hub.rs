//! What all servers share: the world's state, the log, time, and how a request is received.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::{Notify, watch};

use crate::caldav::{self, Event};
use crate::callback::Callbacks;
use crate::http::{self, Answer};
use crate::legal::{self, Referral};
use crate::log::{Line, Log, Lost, Op, Receipt, Written};
use crate::misbehave::{Fault, Misbehave, Plan};
use crate::options::{Channel, Options, Outcome};
use crate::persona;
use crate::schedule::{Due, Schedule};
use crate::time::{self, Time};
use crate::voice::{self, Call};
use crate::{sms, smtp};

/// Everything that changes. Held for short spans only, never across an await.
pub(crate) struct World {
    n: u64,
    ordinals: HashMap<(Channel, String), u64>,
    pub(crate) schedule: Schedule,
    pub(crate) calls: HashMap<String, Call>,
    pub(crate) collections: HashMap<String, ()>,
    pub(crate) events: HashMap<String, Event>,
    pub(crate) referrals: HashMap<String, Referral>,
    pub(crate) referral_by_key: HashMap<String, String>,
    pub(crate) visit_reports: Vec<caldav::VisitReport>,
    pub(crate) mo_url: Option<String>,
    pub(crate) misbehave: Misbehave,
    pub(crate) stats: BTreeMap<String, u64>,
}

impl World {
    pub(crate) fn count(&mut self, what: String) {
        *self.stats.entry(what).or_default() += 1;
    }
}

pub(crate) struct Hub {
    pub(crate) options: Options,
    pub(crate) time: Time,
    pub(crate) callbacks: Callbacks,
    pub(crate) stop: watch::Sender<bool>,
    log: Log,
    world: Mutex<World>,
    /// Requests being answered plus events being handled (their call-backs included).
    under_way: AtomicUsize,
    rescheduled: Notify,
}

/// A request as its protocol's server read it.
pub(crate) struct Draft {
    pub(crate) channel: Channel,
    pub(crate) op: Op,
    pub(crate) dest: String,
    pub(crate) key: Option<String>,
    pub(crate) payload_sha256: String,
    pub(crate) text: Option<String>,
    /// The appointment of a visit.
    pub(crate) window_us: Option<(i64, i64)>,
    /// The provider's documented permanent error, for `reject`.
    pub(crate) reject: u16,
}

/// What the world knows of a request when it decides on it.
pub(crate) struct Ticket {
    pub(crate) n: u64,
    pub(crate) ordinal: u64,
    pub(crate) now_us: i64,
    pub(crate) plan: Plan,
}

/// What was decided on a request; `value` is for the answer.
pub(crate) struct Verdict<T> {
    pub(crate) answer: u16,
    pub(crate) effect: bool,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) value: T,
}

impl<T> Verdict<T> {
    /// An accepted send.
    pub(crate) fn accepted(answer: u16, outcome: Outcome, value: T) -> Verdict<T> {
        Verdict {
            answer,
            effect: true,
            outcome: Some(outcome),
            value,
        }
    }

    /// A request that reaches nobody: refused, a duplicate, a cancel.
    pub(crate) fn without_effect(answer: u16, value: T) -> Verdict<T> {
        Verdict {
            answer,
            effect: false,
            outcome: None,
            value,
        }
    }
}

/// A request that was decided on and whose line is on its way to the disk.
pub(crate) struct Received<T> {
    fault: Option<Fault>,
    /// None where misbehaviour kept the request from taking effect.
    pub(crate) value: Option<T>,
    written: Written,
}

/// How the request is to be answered now that its line is on the disk.
pub(crate) enum Response<T> {
    Normal(T),
    Cut,
    Error,
    Garbage,
    Reject,
}

impl<T> Received<T> {
    /// Waits for the log, and for as long as a slow answer takes.
    pub(crate) async fn settle(self) -> Response<T> {
        if let Err(Lost) = self.written.wait().await {
            return Response::Cut;
        }
        match (self.fault, self.value) {
            (None, Some(value)) => Response::Normal(value),
            (Some(Fault::Slow { ms }), Some(value)) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Response::Normal(value)
            }
            (Some(Fault::Error500 { .. }), _) => Response::Error,
            (Some(Fault::Garbage), _) => Response::Garbage,
            (Some(Fault::Reject), _) => Response::Reject,
            _ => Response::Cut,
        }
    }

    /// The same for HTTP.
    pub(crate) async fn http(
        self,
        normal: impl FnOnce(T) -> http::Reply,
        reject: impl FnOnce() -> http::Reply,
    ) -> Answer {
        match self.settle().await {
            Response::Normal(value) => Answer::Reply(normal(value)),
            Response::Cut => Answer::Cut,
            Response::Error => Answer::Reply(http::text(500, "internal error")),
            Response::Garbage => Answer::Reply(http::text(200, "<<%&\u{fffd}{]")),
            Response::Reject => Answer::Reply(reject()),
        }
    }
}

impl Hub {
    pub(crate) fn new(options: Options, log: Log) -> Hub {
        let world = World {
            n: 0,
            ordinals: HashMap::new(),
            schedule: Schedule::default(),
            calls: HashMap::new(),
            collections: HashMap::new(),
            events: HashMap::new(),
            referrals: HashMap::new(),
            referral_by_key: HashMap::new(),
            visit_reports: Vec::new(),
            mo_url: None,
            misbehave: options.misbehave.clone(),
            stats: BTreeMap::new(),
        };
        Hub {
            time: Time::new(options.clock.is_some()),
            callbacks: Callbacks::new(options.callback_tries_max),
            stop: watch::Sender::new(false),
            log,
            world: Mutex::new(world),
            under_way: AtomicUsize::new(0),
            rescheduled: Notify::new(),
            options,
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers a request, decides on it and hands its line to the log, all in one step, so that
    /// the log's order is the order in which the world changed.
    pub(crate) fn receive<T>(
        self: &Arc<Hub>,
        draft: Draft,
        decide: impl FnOnce(&mut World, &Ticket) -> Verdict<T>,
    ) -> Received<T> {
        let (wall_us, mono_us) = (time::wall_us(), time::mono_us());
        let mut world = self.world();
        world.n += 1;
        let ordinals = world
            .ordinals
            .entry((draft.channel, draft.dest.clone()))
            .or_default();
        let ordinal = *ordinals;
        if draft.op == Op::Send {
            *ordinals += 1;
        }
        let n = world.n;
        let plan = world.misbehave.draw(self.options.seed, draft.channel, n);
        let ticket = Ticket {
            n,
            ordinal,
            now_us: self.time.now_us(),
            plan,
        };
        let decided = match plan.request {
            Some(fault) if !fault.takes_effect() => None,
            _ => Some(decide(&mut world, &ticket)),
        };
        let answer = match plan.request {
            Some(Fault::Cut | Fault::CutBefore) => 0,
            Some(Fault::Error500 { .. }) if draft.channel == Channel::Email => smtp::BUSY,
            Some(Fault::Error500 { .. }) => 500,
            Some(Fault::Garbage) => 200,
            Some(Fault::Reject) => draft.reject,
            Some(Fault::Slow { .. }) | None => decided.as_ref().map_or(0, |d| d.answer),
        };
        let effect = decided.as_ref().is_some_and(|d| d.effect);
        world.count(format!("receipt.{}.{answer}", draft.channel.name()));
        if effect {
            world.count(format!("effect.{}", draft.channel.name()));
        }
        let faults = plan
            .request
            .map(Fault::name)
            .into_iter()
            .chain(plan.callbacks.names());
        for what in faults {
            world.count(format!("misbehave.{}.{what}", draft.channel.name()));
            let _ = self.log.append(&Line::Misbehave { what, n });
        }
        let written = self.log.append(&Line::Receipt(Receipt {
            n,
            wall_us,
            mono_us,
            virtual_us: self.time.virtual_us(),
            channel: draft.channel,
            op: draft.op,
            dest: &draft.dest,
            ordinal,
            key: draft.key.as_deref(),
            payload_sha256: &draft.payload_sha256,
            text: draft.text.as_deref(),
            effect_from_us: draft.window_us.map(|w| w.0),
            effect_to_us: draft.window_us.map(|w| w.1),
            answer,
            effect,
            outcome: decided.as_ref().and_then(|d| d.outcome),
        }));
        drop(world);
        self.pump();
        self.rescheduled.notify_one();
        Received {
            fault: plan.request,
            value: decided.map(|d| d.value),
            written,
        }
    }

    /// Writes that the person was reached, or was not.
    pub(crate) fn log_outcome(
        &self,
        channel: Channel,
        dest: &str,
        key: Option<&str>,
        outcome: Outcome,
        at_us: i64,
    ) -> Written {
        self.world()
            .count(format!("outcome.{}.{outcome:?}", channel.name()));
        self.log.append(&Line::Outcome {
            key,
            channel,
            dest,
            outcome,
            at_us,
            wall_us: time::wall_us(),
            virtual_us: self.time.virtual_us(),
        })
    }

    pub(crate) fn log_reply(&self, from: &str, text: &str, at_us: i64) -> Written {
        self.world().count("reply.sms".to_owned());
        self.log.append(&Line::Reply {
            channel: Channel::Sms,
            from,
            text,
            at_us,
        })
    }

    /// The outcome that chance or a rule has for this request.
    pub(crate) fn outcome(&self, channel: Channel, dest: &str, ordinal: u64) -> Outcome {
        persona::outcome(
            self.options.seed,
            &self.options.rules,
            channel,
            dest,
            ordinal,
        )
    }

    /// An instant after `now_us`: on the raster from `min_us` to `max_us` later while stepped,
    /// within the live delay otherwise. `what` names the delay.
    pub(crate) fn later_us(
        &self,
        what: &str,
        dest: &str,
        ordinal: u64,
        now_us: i64,
        (min_us, max_us): (i64, i64),
    ) -> i64 {
        let seed = self.options.seed;
        if self.time.is_stepped() {
            let at_us = now_us + persona::span_us(seed, what, dest, ordinal, min_us, max_us);
            let raster_us = persona::raster_us(max_us - min_us);
            let over_us = at_us.rem_euclid(raster_us);
            return if over_us == 0 {
                at_us
            } else {
                at_us - over_us + raster_us
            };
        }
        let max_us = self
            .options
            .live_delay_ms_max
            .saturating_mul(1_000)
            .saturating_add(1);
        let hash = persona::hash(seed, &["live", what, dest, &ordinal.to_string()]);
        now_us.saturating_add((hash % max_us) as i64)
    }

    /// Counts as work under way until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Hub>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        UnderWay(Arc::clone(self))
    }

    /// Starts all that is due now.
    pub(crate) fn pump(self: &Arc<Hub>) {
        let now_us = self.time.now_us();
        loop {
            // Begun before it leaves the schedule: at no instant is it in neither.
            let under_way = self.begin();
            let Some((at_us, due)) = self.world().schedule.pop_due(now_us) else {
                return;
            };
            let hub = Arc::clone(self);
            tokio::spawn(async move {
                // Lost: the log is gone and the sandbox ends; there is nobody left to tell.
                let _ = happen(&hub, due, at_us).await;
                hub.rescheduled.notify_one();
                drop(under_way);
            });
        }
    }

    /// On real time: starts what is due, for as long as the sandbox runs.
    pub(crate) async fn run_live(self: Arc<Hub>) {
        loop {
            self.pump();
            let next_us = self.world().schedule.next_us();
            let woken = self.rescheduled.notified();
            match next_us.map(|at_us| (at_us - time::wall_us()).max(0) as u64) {
                None => woken.await,
                Some(wait_us) => {
                    tokio::select! {
                        () = woken => {}
                        () = tokio::time::sleep(Duration::from_micros(wait_us)) => {}
                    }
                }
            }
        }
    }

    /// None while work is under way; otherwise the next due instant, if any.
    pub(crate) fn quiet(&self) -> Option<Option<i64>> {
        let world = self.world();
        if self.under_way.load(Ordering::SeqCst) > 0 || !world.visit_reports.is_empty() {
            return None;
        }
        let next_us = world.schedule.next_us();
        match next_us {
            Some(at_us) if at_us <= self.time.now_us() => None,
            _ => Some(next_us),
        }
    }
}

/// Work under way, which keeps the stepped clock from moving.
pub(crate) struct UnderWay(Arc<Hub>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn happen(hub: &Arc<Hub>, due: Due, at_us: i64) -> Result<(), Lost> {
    match due {
        Due::Sms(delivery) => sms::deliver(hub, *delivery, at_us).await,
        Due::Reply(reply) => sms::write_back(hub, reply, at_us).await,
        Due::Ring { sid } => voice::ring(hub, &sid, at_us).await,
        Due::HangUp { sid } => voice::hang_up(hub, &sid, at_us).await,
        Due::Bounce(bounce) => smtp::bounce(hub, bounce, at_us).await,
        Due::Appointment { path, version } => caldav::appointment(hub, &path, version, at_us).await,
        Due::Filing { receipt_id } => legal::file(hub, &receipt_id, at_us).await,
    }
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
