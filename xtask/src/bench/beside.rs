//! How long a steady client waits while others work: G20, beside the engine that sends contacts as fast as it can,
//! and beside a neighbour that sends ten times as much.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use recoup::api::recoup::v1;
use recoup_domain::contact::ContactState;
use recoup_engine::Engine;
use recoup_engine::clock::SteppedWall;
use recoup_engine::stepped::Ground as _;
use recoup_store::figures::Fact;
use recoup_store::sqlite::ClockStamp;
use tempfile::TempDir;

use super::client::{Client, opening};
use super::measure::{Arm, median};
use super::open_loop::{self, Pace, Seen};
use super::opening::in_turn;
use super::report::{Better, Figure, Line, short};
use super::stack::{self, Door, Running, StoreIs, Who};
use super::{Failure, Ground, contacts as nine};

/// Calls that the steady client has under way at once, for which it has connections.
const STEADY_ROOM: usize = 64;
/// How often a look is taken at what the engine has sent.
const LOOK: Duration = Duration::from_millis(5);
/// Connections of the neighbour.
const NEIGHBOURS: usize = 10;

/// Times of a steady client, alone and beside others, round by round.
#[derive(Default)]
pub(super) struct Rounds {
    alone: Vec<[f64; 2]>,
    beside: Vec<[f64; 2]>,
    calls: usize,
}

impl Rounds {
    /// Takes the p50 and p99 of a round.
    fn take(&mut self, arm: Arm, seen: &Seen) {
        let times = [0.5, 0.99].map(|share| seen.quantile_ms(share));
        self.calls += seen.done();
        match arm {
            Arm::Ours => self.beside.push(times),
            Arm::Raw => self.alone.push(times),
        }
    }

    fn middle(of: &[[f64; 2]], which: usize) -> f64 {
        median(of.iter().map(|times| times[which]).collect())
    }

    /// The p99 beside others over that alone.
    pub(super) fn line(&self, goal: &'static str, what: &str, names: [&str; 2]) -> Line {
        let figure = |name: &str, of: &[[f64; 2]]| Figure {
            name: name.to_owned(),
            value: Self::middle(of, 1),
            unit: "ms p99",
            cpu_us: None,
        };
        let ratios = self.beside.iter().zip(&self.alone);
        let p50 = [&self.beside, &self.alone].map(|of| Self::middle(of, 0));
        Line {
            goal,
            what: what.to_owned(),
            ours: figure(names[0], &self.beside),
            raw: figure(names[1], &self.alone),
            result: median(ratios.map(|(b, a)| b[1] / a[1]).collect()),
            result_unit: "times",
            aim: f64::NAN,
            stretch: None,
            better: Better::Lower,
            suspect: None,
            price: None,
            notes: vec![format!(
                "p50 {} ms beside, {} ms alone; {} calls in all; times count from when a call was meant to begin, \
                 with a timer of 1 ms",
                short(p50[0]),
                short(p50[1]),
                self.calls
            )],
        }
    }
}

/// Alone and beside, in turn; who begins alternates.
pub(super) fn rounds(
    count: usize,
    mut arm: impl FnMut(Arm) -> Result<Seen, Failure>,
) -> Result<Rounds, Failure> {
    let mut all = Rounds::default();
    for round in 0..count {
        let order = match round % 2 {
            0 => [Arm::Raw, Arm::Ours],
            _ => [Arm::Ours, Arm::Raw],
        };
        for which in order {
            let seen = arm(which)?;
            all.take(which, &seen);
        }
    }
    Ok(all)
}

/// Numbers of cases that nobody has opened yet.
#[derive(Clone, Default)]
struct Fresh(Arc<AtomicUsize>);

impl Fresh {
    fn request(&self, now: Timestamp) -> v1::OpenCaseRequest {
        opening(1_000_000 + self.0.fetch_add(1, Ordering::Relaxed), now)
    }
}

/// A portfolio of cases to contact, on a stepped clock, with the API before it.
struct Portfolio {
    server: Running,
    wall: SteppedWall,
    cases: usize,
    fresh: Fresh,
    /// Contacts a second, round by round.
    rates: Vec<f64>,
    _dir: TempDir,
}

impl Portfolio {
    async fn new(ground: &Ground, cases: usize) -> Result<Self, Failure> {
        let dir = ground.folder()?;
        let wall = SteppedWall::new(nine::start()?);
        let store = StoreIs {
            dir: dir.path(),
            clock: ClockStamp::Stepped,
            batch_max: None,
        };
        let engine = stack::engine(store, Arc::new(wall.clone()), nine::POLICY).await?;
        nine::fill(&engine, cases).await?;
        Ok(Self {
            server: Running::serve(dir.path(), engine).await?,
            wall,
            cases,
            fresh: Fresh::default(),
            rates: Vec::new(),
            _dir: dir,
        })
    }

    /// A case that falls due long after the last round: it is opened, and never contacted.
    fn request(&self) -> v1::OpenCaseRequest {
        let now = self.server.engine.wall().now();
        let later = now.saturating_add(SignedDuration::from_hours(1_000 * 24));
        self.fresh.request(later.unwrap_or(now))
    }

    /// Calls at a pace while nothing is due.
    async fn alone(&self, clients: &[Client], pace: Pace) -> Result<Seen, Failure> {
        let never = AtomicBool::new(false);
        let seen = open_loop::run(clients, pace, &never, || self.request());
        seen.await?.all_well()
    }

    /// Calls at a pace for as long as the engine takes to contact every case once.
    async fn beside(&mut self, clients: &[Client], pace: Pace) -> Result<Seen, Failure> {
        let engine = self.server.engine.clone();
        let next = engine.store().next_due().await?;
        let next = next.ok_or_else(|| Failure::Wrong("nothing is due next".to_owned()))?;
        let (before, sent) = (accepted(&engine), AtomicBool::new(false));
        self.wall.advance(next);
        let begun = Instant::now();
        let driving = tokio::spawn({
            let engine = engine.clone();
            async move { engine.run_dry().await }
        });
        let watch = async {
            while accepted(&engine) < before + self.cases as u64 && !driving.is_finished() {
                tokio::time::sleep(LOOK).await;
            }
            sent.store(true, Ordering::Relaxed);
            begun.elapsed()
        };
        let calls = open_loop::run(clients, pace, &sent, || self.request());
        let (took, seen) = tokio::join!(watch, calls);
        driving
            .await
            .map_err(Failure::other)?
            .map_err(Failure::Wrong)?;
        let made = accepted(&engine) - before;
        if made < self.cases as u64 {
            let found = format!("{made} contacts of {} cases", self.cases);
            return Err(Failure::Wrong(found));
        }
        self.rates.push(self.cases as f64 / took.as_secs_f64());
        seen?.all_well()
    }
}

/// Contacts that a channel took, since the store was opened.
fn accepted(engine: &Engine) -> u64 {
    let figures = engine.store_figures();
    let taken =
        |fact: &Fact| matches!(fact, Fact::Entered(_, s) if *s == ContactState::Accepted.name());
    let counted = figures.facts.iter().filter(|(fact, _)| taken(fact));
    counted.map(|(_, n)| *n).sum()
}

/// G20: OpenCase beside contacts.
pub(super) fn contacts(ground: &Ground) -> Result<Line, Failure> {
    let cases = ground.size(8_192, 200);
    let pace = Pace {
        rate: ground.size(100, 20) as f64,
        calls: ground.size(500, 20),
    };
    let runtime = &ground.runtime;
    let mut portfolio = runtime.block_on(Portfolio::new(ground, cases))?;
    let [identified, development] = runtime.block_on(async {
        let server = &portfolio.server;
        Ok::<_, Failure>([
            server.clients(Door::Identified, STEADY_ROOM).await?,
            server.clients(Door::Development, STEADY_ROOM).await?,
        ])
    })?;
    // The first round enters the stage, too, and warms connections and caches.
    runtime.block_on(portfolio.alone(&development, pace))?;
    runtime.block_on(portfolio.beside(&identified, pace))?;
    portfolio.rates.clear();
    let mut price = Vec::new();
    let all = rounds(ground.rounds, |arm| match arm {
        Arm::Ours => runtime.block_on(portfolio.beside(&identified, pace)),
        Arm::Raw => {
            let (with, without) = in_turn(price.len(), |door| {
                let clients = match door {
                    Door::Identified => &identified,
                    Door::Development => &development,
                };
                runtime.block_on(portfolio.alone(clients, pace))
            })?;
            price.push(with.quantile_ms(0.99) / without.quantile_ms(0.99));
            Ok(with)
        }
    })?;
    let rate = median(portfolio.rates.clone());
    runtime.block_on(portfolio.server.end());
    let what = format!(
        "p99 of OpenCase at {} a second, beside the engine sending contacts as fast as it can, against alone",
        pace.rate
    );
    let line = all.line("G20", &what, ["beside contacts", "alone"]);
    Ok(line
        .aims(3.0, 2.0)
        .note(format!(
            "the engine sent {} contacts/s through a channel that answers at once; the goal names 10,000",
            short(rate)
        ))
        .note(format!(
            "identity (mutual TLS, a key on each call): {} times the p99 in plain text, alone",
            short(median(price))
        )))
}

/// A good client beside a noisy neighbour.
pub(super) fn neighbour(ground: &Ground) -> Result<Line, Failure> {
    let steady = Pace {
        rate: ground.size(100, 10) as f64,
        calls: ground.size(500, 10),
    };
    let noise = Pace {
        rate: 10.0 * steady.rate,
        calls: 10 * steady.calls,
    };
    let (runtime, dir) = (&ground.runtime, ground.folder()?);
    let policy = super::opening::POLICY;
    let server = runtime.block_on(Running::start(dir.path(), None, policy))?;
    let (good, loud) = runtime.block_on(async {
        let mut loud = Vec::new();
        for _ in 0..NEIGHBOURS {
            loud.push(server.client(Door::Identified, Who::Lou).await?);
        }
        let good = server.clients(Door::Identified, STEADY_ROOM).await?;
        Ok::<_, Failure>((good, loud))
    })?;
    let (fresh, now) = (Fresh::default(), server.engine.wall().now());
    let never = AtomicBool::new(false);
    let (mut refused, mut rates) = (0, Vec::new());
    let mut arm = |arm| {
        let steady = open_loop::run(&good, steady, &never, || fresh.request(now));
        if arm == Arm::Raw {
            return runtime.block_on(steady)?.all_well();
        }
        let noise = open_loop::run(&loud, noise, &never, || fresh.request(now));
        let (seen, noise) = runtime.block_on(async { tokio::join!(steady, noise) });
        let noise = noise?;
        refused += noise.exhausted;
        rates.push(noise.rate());
        match noise.failed.first() {
            Some(code) => Err(Failure::Wrong(format!("the neighbour got {code:?}"))),
            None => seen?.all_well(),
        }
    };
    // Connections and caches are warm before anything counts.
    arm(Arm::Raw)?;
    let all = rounds(ground.rounds, &mut arm)?;
    runtime.block_on(server.end());
    let what = format!(
        "p99 of one lender's OpenCase at {} a second, beside another lender's at {}, against alone",
        steady.rate, noise.rate
    );
    let line = all.line("neighbour", &what, ["beside the neighbour", "alone"]);
    Ok(line.aims(2.0, 1.5).note(format!(
        "the neighbour was served {} calls/s on {NEIGHBOURS} connections, and {refused} of its calls were refused \
         with RESOURCE_EXHAUSTED",
        short(median(rates))
    )))
}
