//! The conformance kit: tries a channel library for the rules of the ABI. No check sends anything
//! to a person: each `send` comes past its `not_after`.
//!
//! It runs in this process, so a library that aborts ends the kit as well: run it in a process of
//! its own. Secrets, blobs and the sink are those of the [`LoadSpec`]; the clock is the kit's.

mod checks;
mod symbols;

use std::sync::Arc;
use std::time::{Duration, Instant};

use recoup_channel::wire::SendRequest;
use recoup_channel::{Call, Clock};

use crate::{Host, LoadSpec, LoadedChannel};

/// What became of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The library keeps the rule.
    Pass,
    /// It does not; what was seen.
    Fail(String),
    /// The check does not apply; why.
    Skip(String),
}

/// One check and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The rule, in words.
    pub rule: &'static str,
    /// What became of it.
    pub verdict: Verdict,
}

/// All checks of one library.
#[derive(Clone, Debug)]
pub struct Report {
    /// SHA-256 of the library in hexadecimal; empty where it did not load.
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
}

/// Tries the library. `sample` is a request that this channel could send; `seed` makes the hostile
/// payloads.
pub async fn check(mut spec: LoadSpec, sample: SendRequest, seed: u64) -> Report {
    spec.clock = Arc::new(KitClock(Instant::now()));
    let mut report = Report {
        digest: String::new(),
        seed,
        checks: Vec::new(),
    };
    report.add(
        "it exports the entry symbol alone",
        symbols::check(&spec.path),
    );
    let channel = match Host::load(spec.clone()).await {
        Ok(channel) => channel,
        Err(error) => {
            report.add("it loads", Verdict::Fail(error.to_string()));
            return report;
        }
    };
    report.add("it loads", Verdict::Pass);
    report.digest = channel.digest().to_owned();
    let bench = Bench {
        spec,
        channel,
        sample,
        seed,
    };
    report.add("`health` answers", checks::health(&bench).await);
    report.add(
        "past not_after nothing is sent, and that is said",
        checks::late(&bench).await,
    );
    report.add(
        "unknown fields do no harm",
        checks::unknown_fields(&bench).await,
    );
    report.add(
        "hostile payloads are answered",
        checks::hostile(&bench).await,
    );
    report.add(
        "a payload of 1 MiB is answered",
        checks::large(&bench).await,
    );
    report.add(
        "calls at the same time all end",
        checks::together(&bench).await,
    );
    report.add(
        "a call given up does no harm",
        checks::given_up(&bench).await,
    );
    report.add("two instances live side by side", checks::two(&bench).await);
    report.add(
        "no call is completed twice or late",
        checks::no_stale(&bench).await,
    );
    report.add("`destroy` ends every thread", checks::destroy(bench).await);
    report
}

impl Report {
    fn add(&mut self, rule: &'static str, verdict: Verdict) {
        self.checks.push(Check { rule, verdict });
    }
}

/// What the checks work on.
struct Bench {
    spec: LoadSpec,
    channel: LoadedChannel,
    sample: SendRequest,
    seed: u64,
}

/// The kit's wall clock stands still, and not_after is always behind it.
const NOW_UNIX_MS: i64 = 1_700_000_000_000;
/// How long the kit waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

impl Bench {
    /// A call that is too late to send.
    fn late_call(&self) -> Call {
        Call::new(PATIENCE, self.spec.clock.clone())
            .with_not_after(NOW_UNIX_MS - 1)
            .with_idempotency_key(self.sample.idempotency_key.clone())
    }
}

struct KitClock(Instant);

impl Clock for KitClock {
    fn wall_unix_ms(&self) -> i64 {
        NOW_UNIX_MS
    }

    fn mono_ns(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
