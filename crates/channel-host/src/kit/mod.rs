//! The conformance kit: tries a channel library for the rules of the ABI. No check sends anything to a
//! person: the carrier is a recorder on loopback, which never answers or says nothing that proves a thing, or each
//! `send` comes past its `not_after`.
//!
//! Each check has a process of its own with a fresh instance in it, so a library that crashes fails the
//! check at hand and no other. Secrets and blobs are those of the [`LoadSpec`]; clock and recorder are
//! the kit's.

mod answers;
mod carrier;
mod checks;
mod manners;
mod papers;
mod recorder;
mod symbols;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use recoup_channel::wire::SendRequest;
use recoup_channel::{Call, Clock};
use sha2::{Digest, Sha256};

use crate::stage::hex;
use crate::{Host, Isolation, LoadSpec, LoadedChannel};

pub use symbols::Glibc;

/// Stands for the recorder's address in the configuration of a channel that is tried: `host:port`.
pub const RECORDER: &str = "{recorder}";
/// Stands for the recorder's port alone.
pub const RECORDER_PORT: &str = "{recorder_port}";

/// What became of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The library keeps the rule.
    Pass,
    /// It does not; what was seen.
    Fail(String),
    /// The check does not apply; why.
    Skip(String),
    /// It applies, and could not be tried; why.
    Untried(String),
}

impl From<Result<(), String>> for Verdict {
    fn from(result: Result<(), String>) -> Self {
        match result {
            Ok(()) => Self::Pass,
            Err(seen) => Self::Fail(seen),
        }
    }
}

/// One check and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// From which strictness on it is tried.
    pub level: u8,
    /// The rule, in words.
    pub rule: &'static str,
    /// What became of it.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

/// All checks of one library.
#[derive(Clone, Debug)]
pub struct Report {
    /// SHA-256 of the library in hexadecimal; empty where the file cannot be read.
    pub digest: String,
    /// The seed of the hostile payloads.
    pub seed: u64,
    /// In the order in which they ran.
    pub checks: Vec<Check>,
}

impl Report {
    /// True where no check failed.
    pub fn passed(&self) -> bool {
        !self
            .checks
            .iter()
            .any(|check| matches!(check.verdict, Verdict::Fail(_)))
    }

    /// The level up to which every check was tried, and none failed.
    pub fn level(&self) -> u8 {
        let holds =
            |check: &&Check| matches!(check.verdict, Verdict::Fail(_) | Verdict::Untried(_));
        let first = self
            .checks
            .iter()
            .filter(holds)
            .map(|check| check.level)
            .min();
        let last = self.checks.iter().map(|check| check.level).max();
        first.map_or(last.unwrap_or(0), |level| level - 1)
    }
}

/// The strictest level.
pub const LEVEL_MAX: u8 = 4;

/// What is tried, and how hard.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The channel. Its clock and placement are the kit's; its configuration may hold [`RECORDER`].
    pub spec: LoadSpec,
    /// Where it lives while it is tried.
    pub isolation: Isolation,
    /// A request that this channel could send.
    pub sample: SendRequest,
    /// Makes the hostile payloads.
    pub seed: u64,
    /// The oldest glibc of the servers that it is for.
    pub glibc: Glibc,
    /// 1: it loads; 2: it answers; 3: it bears hostility and ends cleanly; 4: its carrier gets what it
    /// should.
    pub level: u8,
}

/// Tries the library.
pub async fn check(trial: Trial) -> Report {
    let mut bench = Bench {
        trial,
        report: Report {
            digest: String::new(),
            seed: 0,
            checks: Vec::new(),
        },
    };
    bench.report.seed = bench.trial.seed;
    bench.run().await;
    bench.report
}

/// What the checks work on.
struct Bench {
    trial: Trial,
    report: Report,
}

/// The kit's wall clock stands here, and jumps from here, in Unix milliseconds.
pub const NOW_UNIX_MS: i64 = 1_700_000_000_000;
/// Where nobody listens.
const NOWHERE: &str = "127.0.0.1:9";
/// How long the kit waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

impl Bench {
    async fn run(&mut self) {
        let path = self.trial.spec.path.clone();
        let bytes = std::fs::read(&path).unwrap_or_default();
        if !bytes.is_empty() {
            self.report.digest = hex(&Sha256::digest(&bytes));
        }
        let exports = async |_: &Self| symbols::check(&path);
        self.add(1, "it exports the entry symbol alone", exports)
            .await;
        let needs = async |bench: &Self| symbols::needs(&path, bench.trial.glibc);
        self.add(1, "it loads with the C library of its servers", needs)
            .await;
        // One that cannot be asked does not load either, and that check says why.
        let asked = Host::look(&self.spec_to(NOWHERE), &self.trial.isolation).await;
        if let Ok(told) = asked {
            let descriptor = async |_: &Self| papers::descriptor(&told);
            self.add(1, "its descriptor is one to go by", descriptor)
                .await;
            let settings = async |bench: &Self| papers::settings(bench, &told);
            self.add(1, "its settings are what its schema says", settings)
                .await;
        }
        let loaded = self.load().await.map(drop);
        let loads = loaded.is_ok();
        self.add(1, "it loads", async |_: &Self| loaded.into())
            .await;
        if !loads {
            return;
        }
        self.add(2, "`health` answers", checks::health).await;
        self.add(
            2,
            "past not_after nothing is sent, and that is said",
            checks::late,
        )
        .await;
        self.add(2, "unknown fields do no harm", checks::unknown_fields)
            .await;
        self.add(2, "calls at the same time all end", checks::together)
            .await;
        self.add(2, "a call given up does no harm", checks::given_up)
            .await;
        self.add(2, "two instances live side by side", checks::two)
            .await;
        self.add(3, "hostile payloads are answered", checks::hostile)
            .await;
        self.add(3, "a payload of 1 MiB is answered", checks::large)
            .await;
        self.add(3, "no call is completed twice or late", checks::no_stale)
            .await;
        self.add(
            3,
            "1,000 instances leave no thread and no memory",
            manners::lives,
        )
        .await;
        self.add(3, "it takes over no signal", manners::signals)
            .await;
        self.add(3, "it starts no process", manners::forks).await;
        self.add(3, "it prints nothing and tells no secret", manners::quiet)
            .await;
        self.add(
            4,
            "nothing leaves before `began`, nor past not_after",
            carrier::begins,
        )
        .await;
        self.add(
            4,
            "a connection that is cut leaves it in doubt",
            carrier::cut,
        )
        .await;
        self.add(
            4,
            "an answer that says nothing leaves it in doubt",
            answers::doubt,
        )
        .await;
        self.add(4, "one `send` is one request", answers::once)
            .await;
        self.add(
            4,
            "both requests of a contact carry its key",
            carrier::same_key,
        )
        .await;
        self.add(
            4,
            "killed amid a send, a new process takes the contact over",
            carrier::taken_over,
        )
        .await;
    }

    async fn add(
        &mut self,
        level: u8,
        rule: &'static str,
        check: impl AsyncFnOnce(&Self) -> Verdict,
    ) {
        if level > self.trial.level {
            return;
        }
        let started = Instant::now();
        let verdict = check(self).await;
        let took = started.elapsed();
        self.report.checks.push(Check {
            level,
            rule,
            verdict,
            took,
        });
    }

    /// A fresh process with a fresh instance, whose carrier is nowhere.
    async fn load(&self) -> Result<LoadedChannel, String> {
        self.load_to(NOWHERE, &KitClock::still()).await
    }

    /// The channel, with a carrier at an address.
    fn spec_to(&self, carrier: &str) -> LoadSpec {
        let mut spec = self.trial.spec.clone();
        let port = carrier.rsplit(':').next().unwrap_or_default();
        spec.config_json = spec
            .config_json
            .replace(RECORDER, carrier)
            .replace(RECORDER_PORT, port);
        spec
    }

    /// The same, with a carrier at an address and a clock.
    async fn load_to(&self, carrier: &str, clock: &Arc<KitClock>) -> Result<LoadedChannel, String> {
        let mut spec = self.spec_to(carrier);
        spec.clock = Arc::clone(clock) as Arc<dyn Clock>;
        spec.placement = crate::Placement::Isolated(self.trial.isolation.clone());
        Host::load(spec).await.map_err(|error| error.to_string())
    }

    /// Runs a check on a fresh instance.
    async fn on_fresh<F: Future<Output = Verdict>>(
        &self,
        body: impl FnOnce(LoadedChannel) -> F,
    ) -> Verdict {
        match self.load().await {
            Ok(channel) => body(channel).await,
            Err(why) => Verdict::Fail(why),
        }
    }

    /// A call that is too late to send.
    fn late_call(&self) -> Call {
        self.call(KitClock::still()).with_not_after(NOW_UNIX_MS - 1)
    }

    fn call(&self, clock: Arc<KitClock>) -> Call {
        Call::new(PATIENCE, clock)
            .with_idempotency_key(self.trial.sample.idempotency_key.clone())
            .with_not_after(NOW_UNIX_MS + 60_000)
    }
}

/// A wall clock that stands still, or jumps by a day after so many looks; real monotonic time.
struct KitClock {
    origin: Instant,
    wall_unix_ms: AtomicI64,
    looks_to_jump: AtomicU32,
}

impl KitClock {
    fn still() -> Arc<Self> {
        Self::jumping_after(u32::MAX)
    }

    fn jumping_after(looks: u32) -> Arc<Self> {
        Arc::new(Self {
            origin: Instant::now(),
            wall_unix_ms: AtomicI64::new(NOW_UNIX_MS),
            looks_to_jump: AtomicU32::new(looks),
        })
    }
}

impl Clock for KitClock {
    fn wall_unix_ms(&self) -> i64 {
        let one_less = |left: u32| left.checked_sub(1);
        let left = self
            .looks_to_jump
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
        if left.is_err() {
            self.wall_unix_ms
                .store(NOW_UNIX_MS + 86_400_000, Ordering::SeqCst);
        }
        self.wall_unix_ms.load(Ordering::SeqCst)
    }

    fn mono_ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
