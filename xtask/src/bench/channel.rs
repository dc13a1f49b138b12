//! G21: a call of a loaded library that does nothing, inline and isolated, over the same call of a trait
//! object.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use recoup_channel::wire::{DebtorMessage, Inbound, Receipt, SendRequest, send_request};
use recoup_channel::{Call, Channel, ChannelError, Clock, DynChannel};
use recoup_channel_host::{
    Host, Isolation, Limits, LoadSpec, LoadedChannel, NoBlobs, Placement, Sink,
};

use super::measure::{Arm, Pairs, Sample, Stopwatch, median_of};
use super::report::{Better, Figure, Line, short};
use super::{Failure, Ground};
use crate::cargo;

/// The program of the isolated channel's process.
const HOST: &str = "channel_process";
/// Calls under way where several are.
const SEVERAL: usize = 32;

/// A channel that does nothing, in this program: the library of `noop_channel.rs` as a trait object.
struct Noop;

impl Channel for Noop {
    async fn send(&self, _: &Call, request: SendRequest) -> Result<Receipt, ChannelError> {
        Ok(Receipt {
            provider_ref: request.idempotency_key,
            ..Receipt::default()
        })
    }
}

pub(super) struct RealClock(std::time::Instant);

impl RealClock {
    pub(super) fn shared() -> Arc<dyn Clock> {
        Arc::new(Self(std::time::Instant::now()))
    }
}

impl Clock for RealClock {
    fn wall_unix_ms(&self) -> i64 {
        0
    }

    fn mono_ns(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

struct NoEvents;

impl Sink for NoEvents {
    fn event(&self, _: u64, _: Inbound) -> bool {
        false
    }
}

/// Builds library and host process in the profile of this program; the folder that they are in.
fn built() -> Result<PathBuf, Failure> {
    build_examples(&["noop_channel", HOST])
}

/// Builds examples in the profile of this program; the folder that they are in.
pub(super) fn build_examples(names: &[&str]) -> Result<PathBuf, Failure> {
    let targets: Vec<&str> = names.iter().flat_map(|name| ["--example", name]).collect();
    cargo::build(cargo::PROFILE, &targets).map_err(Failure::Wrong)?;
    Ok(examples())
}

/// The folder of the examples.
fn examples() -> PathBuf {
    cargo::profile_dir(cargo::PROFILE).join("examples")
}

/// Loads a library of the examples.
pub(super) async fn load(
    ground: &Ground,
    clock: &Arc<dyn Clock>,
    (library, config): (&str, &str),
    placement: Placement,
) -> Result<Arc<LoadedChannel>, Failure> {
    let spec = LoadSpec {
        bytes: None,
        path: examples().join(format!("lib{library}.so")),
        name: library.to_owned(),
        config_json: config.to_owned(),
        secrets: BTreeMap::new(),
        run_dir: ground.dir.path().join("run"),
        blobs: Arc::new(NoBlobs),
        clock: clock.clone(),
        sink: Arc::new(NoEvents),
        limits: Limits::default(),
        placement,
    };
    let loaded = Host::load(spec).await.map_err(Failure::other)?;
    Ok(Arc::new(loaded))
}

pub(super) fn request() -> SendRequest {
    SendRequest {
        contact_id: "contact_0190a1b2c3d4e5f60718293a4b5c6d7e_1".to_owned(),
        idempotency_key: "0123456789abcdef0123456789abcdef".to_owned(),
        locale: "zh-CN".to_owned(),
        content: Some(send_request::Content::Debtor(DebtorMessage {
            body: "Zhang San, please pay what is due. ".repeat(4),
            ..DebtorMessage::default()
        })),
        ..SendRequest::default()
    }
}

async fn send(channel: &dyn DynChannel, clock: &Arc<dyn Clock>) -> Result<(), Failure> {
    let call = Call::new(Duration::from_secs(10), clock.clone());
    let receipt = channel
        .send(&call, request())
        .await
        .map_err(Failure::other)?;
    std::hint::black_box(receipt);
    Ok(())
}

/// `calls` calls, `several` at once.
async fn calls(
    channel: &Arc<dyn DynChannel>,
    clock: &Arc<dyn Clock>,
    calls: usize,
    several: usize,
) -> Result<Sample, Failure> {
    let watch = Stopwatch::start();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..several {
        let (channel, clock) = (channel.clone(), clock.clone());
        tasks.spawn(async move {
            for _ in 0..calls / several {
                send(&*channel, &clock).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(Failure::other)??;
    }
    Ok(watch.stop(calls / several * several))
}

/// G21: an inline call.
pub(super) fn inline(ground: &Ground) -> Result<Line, Failure> {
    let what = "inline channel call over a direct trait call, one at a time";
    call(ground, Placement::Inline, "G21", what, 1.5)
}

/// G21: a call of a channel in a process of its own.
pub(super) fn isolated(ground: &Ground) -> Result<Line, Failure> {
    let what = "isolated channel call over a direct trait call, one at a time";
    call(ground, own_process()?, "G21-isolated", what, 15.0)
}

/// A process of its own for a library.
pub(super) fn own_process() -> Result<Placement, Failure> {
    Ok(Placement::Isolated(Isolation {
        program: built()?.join(HOST),
        arguments: Vec::new(),
        memory_bytes: 256 << 20,
        require_sandbox: false,
        ports: None,
        ends_forks: false,
    }))
}

fn call(
    ground: &Ground,
    placement: Placement,
    goal: &'static str,
    what: &str,
    aim: f64,
) -> Result<Line, Failure> {
    let n = ground.size(50_000, 500);
    let clock = RealClock::shared();
    let direct: Arc<dyn DynChannel> = Arc::new(Noop);
    let runtime = &ground.runtime;
    built()?;
    let noop = ("noop_channel", "{}");
    let loaded = runtime.block_on(load(ground, &clock, noop, placement))?;
    let loaded: Arc<dyn DynChannel> = loaded;
    let run = |channel: &Arc<dyn DynChannel>, several| {
        runtime.block_on(calls(channel, &clock, n, several))
    };
    run(&loaded, 1)?;
    let one = Pairs::measure(ground.rounds, |arm| match arm {
        Arm::Ours => run(&loaded, 1),
        Arm::Raw => run(&direct, 1),
    })?;
    let many = Pairs::measure(ground.rounds, |arm| match arm {
        Arm::Ours => run(&loaded, SEVERAL),
        Arm::Raw => run(&direct, SEVERAL),
    })?;
    let over = median_of(&one.ours, Sample::us) - median_of(&one.raw, Sample::us);
    Ok(Line {
        goal,
        what: what.to_owned(),
        ours: Figure::time("loaded library", &one.ours),
        raw: Figure::time("trait object", &one.raw),
        result: over,
        result_unit: "us",
        aim,
        stretch: None,
        better: Better::Lower,
        suspect: None,
        price: None,
        notes: vec![format!(
            "{SEVERAL} at once: {} us a call loaded, {} us direct",
            short(median_of(&many.ours, Sample::us)),
            short(median_of(&many.raw, Sample::us))
        )],
    })
}
