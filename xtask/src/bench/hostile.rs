//! How long a good channel's calls take beside channels that crash, hang, eat memory and talk nonsense, each in a process
//! of its own, against alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use recoup_channel::{Call, Clock, DynChannel};
use recoup_channel_host::LoadedChannel;
use tokio::task::JoinSet;
use tonic::Code;

use super::beside::rounds;
use super::channel::{RealClock, build_examples, load, own_process, request};
use super::measure::Arm;
use super::open_loop::{self, Pace, Seen};
use super::report::Line;
use super::{Failure, Ground};

/// What the hostile ones do: library and configuration.
const HOSTILE: [(&str, &str); 9] = [
    ("moody", r#"{"mood": "panic"}"#),
    ("rude", "abort"),
    ("rude", "segfault"),
    ("rude", "hog"),
    ("rude", "block"),
    ("rude", "close descriptors"),
    ("rude", "garbage"),
    ("rude", "too large"),
    ("rude", "double"),
];
/// What a call of a hostile one may take.
const HOSTILE_CALL: Duration = Duration::from_millis(500);
/// Between two calls of a hostile one.
const HOSTILE_PAUSE: Duration = Duration::from_millis(10);
/// What a call of the good one may take.
const CALL: Duration = Duration::from_secs(10);

/// A good channel beside hostile ones.
pub(super) fn hostile(ground: &Ground) -> Result<Line, Failure> {
    let pace = Pace {
        rate: ground.size(200, 50) as f64,
        calls: ground.size(1_000, 20),
    };
    build_examples(&["moody", "rude"])?;
    let (runtime, clock) = (&ground.runtime, RealClock::shared());
    let place = own_process()?;
    let noop = ("noop_channel", "{}");
    let good = runtime.block_on(load(ground, &clock, noop, place.clone()))?;
    let (mut answered, mut failed) = (0, 0);
    let mut arm = |arm| {
        runtime.block_on(async {
            if arm == Arm::Raw {
                return calls(&good, &clock, pace).await;
            }
            // New ones each time: who failed again and again is left alone for a while.
            let mut neighbours = Vec::new();
            for what in HOSTILE {
                neighbours.push(load(ground, &clock, what, place.clone()).await?);
            }
            let enough = Arc::new(AtomicBool::new(false));
            let mut rude = JoinSet::new();
            for neighbour in neighbours {
                rude.spawn(be_rude(neighbour, clock.clone(), enough.clone()));
            }
            let seen = calls(&good, &clock, pace).await;
            enough.store(true, Ordering::Relaxed);
            for (ok, bad) in rude.join_all().await {
                answered += ok;
                failed += bad;
            }
            seen
        })
    };
    // The good one's process is warm before anything counts.
    arm(Arm::Raw)?;
    let all = rounds(ground.rounds, &mut arm)?;
    let what = format!(
        "p99 of a good isolated channel's send at {} a second, beside {} hostile ones, against alone",
        pace.rate,
        HOSTILE.len()
    );
    let line = all.line("hostile", &what, ["beside hostile ones", "alone"]);
    Ok(line.aims(2.0, 1.5).note(format!(
        "every send of the good one was answered; of the hostile ones' {answered} were, and {failed} failed: panics, \
         aborts, bad memory, a hog, hangs, closed descriptors, nonsense; the design names no figure"
    )))
}

/// Sends at a pace; each must be answered well.
async fn calls(
    good: &Arc<LoadedChannel>,
    clock: &Arc<dyn Clock>,
    pace: Pace,
) -> Result<Seen, Failure> {
    let never = AtomicBool::new(false);
    let seen = open_loop::drive(pace, &never, |_| {
        let good: Arc<dyn DynChannel> = good.clone();
        let call = Call::new(CALL, clock.clone());
        async move {
            let sent = good.send(&call, request()).await;
            sent.map(drop).map_err(|_| Code::Internal)
        }
    });
    seen.await?.all_well()
}

/// Sends through a hostile one until it is enough; how many were answered, and how many failed.
async fn be_rude(
    neighbour: Arc<LoadedChannel>,
    clock: Arc<dyn Clock>,
    enough: Arc<AtomicBool>,
) -> (usize, usize) {
    let (mut answered, mut failed) = (0, 0);
    while !enough.load(Ordering::Relaxed) {
        let call = Call::new(HOSTILE_CALL, clock.clone());
        let channel: &dyn DynChannel = &*neighbour;
        match channel.send(&call, request()).await {
            Ok(_) => answered += 1,
            Err(_) => failed += 1,
        }
        tokio::time::sleep(HOSTILE_PAUSE).await;
    }
    (answered, failed)
}
