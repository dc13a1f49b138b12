//! What a library leaves behind, takes over and tells.

use std::time::Duration;

use recoup_channel::Channel;

use super::{Bench, Verdict};
use crate::isolated::Lived;
use crate::product;

const LIVES: u32 = 1_000;
/// Threads that the runtime of a library with a process of its own may keep: Go's, for one, never ends. One
/// that each instance leaves is far more.
const RUNTIME_THREADS_MAX: u64 = 100;
/// How the end of a process is told whose system call the fence did not bear: SIGSYS.
const ENDED_BY_THE_FENCE: &str = "signal: 31";
/// Lives for a look at what one does.
const FEW: u32 = 3;
/// What 900 lives may add to the memory, in bytes: an allocator keeps some.
const GROWTH_MAX: u64 = 4 * 1024 * 1024;

async fn live(bench: &Bench, lives: u32) -> Result<Lived, String> {
    let mut spec = bench.spec_to(super::NOWHERE);
    // A thousand of them in the time of one.
    spec.limits.create_timeout *= 2;
    product::live_often(&spec, &bench.trial.isolation, lives).await
}

pub(super) async fn lives(bench: &Bench) -> Verdict {
    let runtime_threads = match bench.load().await {
        Ok(channel) if channel.capabilities().isolated_only => RUNTIME_THREADS_MAX,
        Ok(_) => 0,
        Err(why) => return Verdict::Fail(why),
    };
    let lived = match live(bench, LIVES).await {
        Ok(lived) => lived,
        Err(why) => return Verdict::Fail(why),
    };
    let grown = lived.memory_late.saturating_sub(lived.memory_early);
    let judged = if lived.threads_left > runtime_threads {
        Err(format!(
            "{} threads are left: `destroy` has to join them",
            lived.threads_left
        ))
    } else if grown > GROWTH_MAX {
        Err(format!("900 instances left {} KiB of memory", grown / 1024))
    } else {
        Ok(())
    };
    judged.into()
}

pub(super) async fn signals(bench: &Bench) -> Verdict {
    let channel = match bench.load().await {
        Ok(channel) => channel,
        Err(why) => return Verdict::Fail(why),
    };
    if channel.capabilities().isolated_only {
        return Verdict::Skip("its process is its own: it may".to_owned());
    }
    match live(bench, FEW).await {
        Err(why) => Verdict::Fail(why),
        Ok(lived) if lived.signals == 0 => Verdict::Pass,
        Ok(lived) => {
            let taken = (1..=64).filter(|n| lived.signals & (1 << (n - 1)) != 0);
            let taken: Vec<String> = taken.map(|n: u32| n.to_string()).collect();
            Verdict::Fail(format!("it handles signal {}", taken.join(", ")))
        }
    }
}

/// A fork takes a part of the core's memory with it, and nobody ends it.
pub(super) async fn forks(bench: &Bench) -> Verdict {
    let mut isolation = bench.trial.isolation.clone();
    isolation.ends_forks = true;
    let mut spec = bench.spec_to(super::NOWHERE);
    spec.clock = super::KitClock::still();
    spec.placement = crate::Placement::Isolated(isolation);
    let forked = |why: &str| {
        why.contains(ENDED_BY_THE_FENCE).then(|| {
            let seen = "it tried to start a process: on the server that is refused";
            Verdict::Fail(seen.to_owned())
        })
    };
    let channel = match crate::Host::load(spec).await {
        Ok(channel) => channel,
        Err(why) => {
            let why = why.to_string();
            return forked(&why).unwrap_or(Verdict::Fail(why));
        }
    };
    let call = bench.late_call();
    let answer = Channel::send(&channel, &call, bench.trial.sample.clone()).await;
    let _ = Channel::health(&channel, &bench.late_call()).await;
    if channel.state().await.process.is_some() {
        return Verdict::Pass;
    }
    let why = super::checks::told(answer);
    forked(&why).unwrap_or(Verdict::Fail(why))
}

pub(super) async fn quiet(bench: &Bench) -> Verdict {
    bench
        .on_fresh(async |channel| {
            for _ in 0..3 {
                let call = bench.late_call();
                let answer = Channel::send(&channel, &call, bench.trial.sample.clone()).await;
                if channel.state().await.process.is_none() {
                    return Verdict::Fail(super::checks::told(answer));
                }
            }
            // What it printed is on its way.
            tokio::time::sleep(Duration::from_millis(50)).await;
            match channel.manners() {
                (0, 0) => Verdict::Pass,
                (0, secrets) => Verdict::Fail(format!("{secrets} lines of its log hold a secret")),
                (lines, _) => Verdict::Fail(format!(
                    "it printed {lines} lines: what it has to say belongs to the host's `log`"
                )),
            }
        })
        .await
}
