//! Calls at a steady rate, whatever the server does: each begins when it is meant to, and its time counts from
//! then. So a server that stalls is not spared the calls that a waiting client would have left out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use recoup::api::recoup::v1;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::Code;

use super::Failure;
use super::client::Client;

/// When calls begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Calls a second.
    pub(super) rate: f64,
    /// Most calls.
    pub(super) calls: usize,
}

/// What became of them.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// From the intended begin to the answer, in order of size: of calls that did what was asked.
    answered: Vec<Duration>,
    /// Calls that were refused since too many were under way.
    pub(super) exhausted: usize,
    /// Calls that failed otherwise.
    pub(super) failed: Vec<Code>,
    /// From the first begin to the last answer.
    wall: Duration,
}

impl Seen {
    /// Things that all were done, with the time of each.
    pub(super) fn of(mut answered: Vec<Duration>, wall: Duration) -> Self {
        answered.sort();
        Self {
            answered,
            wall,
            ..Self::default()
        }
    }

    /// The time that this share of the calls did not exceed, in milliseconds.
    pub(super) fn quantile_ms(&self, share: f64) -> f64 {
        let place = (self.answered.len() as f64 * share).ceil() as usize;
        let at = self
            .answered
            .get(place.clamp(1, self.answered.len().max(1)) - 1);
        at.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }

    /// Calls that did what was asked.
    pub(super) fn done(&self) -> usize {
        self.answered.len()
    }

    /// Calls a second that did what was asked.
    pub(super) fn rate(&self) -> f64 {
        self.done() as f64 / self.wall.as_secs_f64().max(1e-9)
    }

    /// Fails where a call was not answered as it should: its time would be missing.
    pub(super) fn all_well(self) -> Result<Self, Failure> {
        let bad = self.exhausted + self.failed.len();
        match bad {
            0 => Ok(self),
            _ => Err(Failure::Wrong(format!(
                "{bad} of {} steady calls were refused: {} with RESOURCE_EXHAUSTED, {:?}",
                bad + self.done(),
                self.exhausted,
                self.failed.first()
            ))),
        }
    }
}

/// Opens cases at a pace until all are opened or `enough` is set. `request` makes the next.
pub(super) async fn run(
    clients: &[Client],
    pace: Pace,
    enough: &AtomicBool,
    request: impl Fn() -> v1::OpenCaseRequest,
) -> Result<Seen, Failure> {
    drive(pace, enough, |n| {
        let (mut client, request) = (clients[n % clients.len()].clone(), request());
        async move {
            let opened = client.try_open(request).await;
            opened.map(drop).map_err(|status| status.code())
        }
    })
    .await
}

/// Calls at a pace until all are made or `enough` is set. `call` makes the one of a number.
pub(super) async fn drive<F>(
    pace: Pace,
    enough: &AtomicBool,
    call: impl Fn(usize) -> F,
) -> Result<Seen, Failure>
where
    F: Future<Output = Result<(), Code>> + Send + 'static,
{
    let begun = Instant::now();
    let mut calls = JoinSet::new();
    for n in 0..pace.calls {
        let intended = begun + Duration::from_secs_f64(n as f64 / pace.rate);
        tokio::time::sleep_until(intended).await;
        if enough.load(Ordering::Relaxed) {
            break;
        }
        let call = call(n);
        calls.spawn(async move { (call.await, intended, Instant::now()) });
    }
    let mut seen = Seen::default();
    while let Some(call) = calls.join_next().await {
        let (result, intended, ended) = call.map_err(Failure::other)?;
        seen.wall = seen.wall.max(ended - begun);
        match result {
            Ok(()) => seen.answered.push(ended - intended),
            Err(Code::ResourceExhausted) => seen.exhausted += 1,
            Err(code) => seen.failed.push(code),
        }
    }
    seen.answered.sort();
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_time_that_so_many_did_not_exceed() {
        let mut seen = Seen {
            answered: (1..=200).map(Duration::from_millis).collect(),
            ..Seen::default()
        };
        assert_eq!(seen.quantile_ms(0.5), 100.0);
        assert_eq!(seen.quantile_ms(0.99), 198.0);
        assert_eq!(seen.quantile_ms(1.0), 200.0);
        seen.answered.truncate(1);
        assert_eq!(seen.quantile_ms(0.99), 1.0);
        seen.answered.clear();
        assert!(seen.quantile_ms(0.99).is_nan());
    }

    #[test]
    fn a_refused_call_is_not_passed_over() {
        let seen = Seen {
            answered: vec![Duration::from_millis(1)],
            exhausted: 1,
            ..Seen::default()
        };
        let why = seen.all_well().expect_err("one was refused").to_string();
        assert!(why.contains("1 of 2"), "{why}");
    }
}
