//! How a library answers, one function a check.

use std::time::Duration;

use prost::Message;
use recoup_channel::abi::MESSAGE_BYTES_MAX;
use recoup_channel::wire::HealthState;
use recoup_channel::wire::send_request::Content;
use recoup_channel::{Call, Channel, ChannelError};

use super::{Bench, KitClock, NOW_UNIX_MS, Verdict};
use crate::LoadedChannel;
use crate::method::Method;

/// How many hostile payloads each operation gets.
const HOSTILE_ROUNDS: u64 = 64;

/// What an answer says, where it cost the process.
pub(super) fn told<T>(answer: Result<T, ChannelError>) -> String {
    let told = answer.err().map(|error| error.to_string());
    told.unwrap_or_else(|| "it answered, and its process ended".to_owned())
}

pub(super) async fn health(bench: &Bench) -> Verdict {
    bench
        .on_fresh(async |channel| {
            let health = Channel::health(&channel, &bench.late_call()).await;
            match health.state() {
                HealthState::Ok | HealthState::Degraded => Verdict::Pass,
                HealthState::Down | HealthState::Unspecified => {
                    Verdict::Fail(format!("{:?}: {}", health.state(), health.detail))
                }
            }
        })
        .await
}

/// The one thing that a late `send` may do is to prove that nothing went out, and to live on.
async fn is_late_proof(
    channel: &LoadedChannel,
    call: &Call,
    answer: Result<(), ChannelError>,
) -> Result<(), String> {
    match answer {
        Err(error) if channel.state().await.process.is_none() => Err(error.to_string()),
        Ok(()) => Err("`send` gave a receipt past not_after".to_owned()),
        Err(_) if call.has_begun() => Err("it said `began` past not_after".to_owned()),
        Err(error) if error.proves_not_sent() => Ok(()),
        Err(error) => Err(format!("`send` past not_after ended as {error}")),
    }
}

async fn late_on(bench: &Bench, channel: &LoadedChannel) -> Verdict {
    let call = bench.late_call();
    let answer = Channel::send(channel, &call, bench.trial.sample.clone()).await;
    is_late_proof(channel, &call, answer.map(drop)).await.into()
}

pub(super) async fn late(bench: &Bench) -> Verdict {
    bench
        .on_fresh(async |channel| late_on(bench, &channel).await)
        .await
}

pub(super) async fn unknown_fields(bench: &Bench) -> Verdict {
    let plain = bench.trial.sample.encode_to_vec();
    let mut later = plain.clone();
    // Field 9999, three bytes of a later version's.
    later.extend_from_slice(&[0xfa, 0xf0, 0x04, 0x03, 0x01, 0x02, 0x03]);
    bench
        .on_fresh(async |channel| {
            let kind = async |bytes: Vec<u8>| {
                let call = bench.late_call();
                let answer = channel.call_bytes(Method::Send, &call, bytes).await;
                answer.map_err(|error| error.kind().to_owned())
            };
            let answers = (kind(plain).await, kind(later).await);
            match answers {
                _ if channel.state().await.process.is_none() => {
                    Verdict::Fail("its process ended".to_owned())
                }
                (Err(plain), Err(later)) if plain == later => Verdict::Pass,
                (plain, later) => {
                    Verdict::Fail(format!("without them {plain:?}, with them {later:?}"))
                }
            }
        })
        .await
}

pub(super) async fn hostile(bench: &Bench) -> Verdict {
    bench
        .on_fresh(async |channel| {
            let mut random = Random(bench.trial.seed | 1);
            for method in channel.methods() {
                for round in 0..HOSTILE_ROUNDS {
                    let bytes = payload(bench, &mut random, round);
                    if let Err(seen) = one_hostile(bench, &channel, method, &bytes).await {
                        let name = method.name();
                        return Verdict::Fail(format!("`{name}` with {bytes:02x?}: {seen}"));
                    }
                }
            }
            Verdict::Pass
        })
        .await
}

fn payload(bench: &Bench, random: &mut Random, round: u64) -> Vec<u8> {
    match round {
        0 => Vec::new(),
        // A string that is no UTF-8.
        1 => vec![0x0a, 0x02, 0xff, 0xfe],
        // A length that reaches behind the end.
        2 => vec![0x0a, 0xff, 0xff, 0xff, 0x7f],
        _ if round.is_multiple_of(2) => random.cut(bench.trial.sample.encode_to_vec()),
        _ => random.bytes(512),
    }
}

async fn one_hostile(
    bench: &Bench,
    channel: &LoadedChannel,
    method: Method,
    bytes: &[u8],
) -> Result<(), String> {
    let call = bench.late_call();
    match channel.call_bytes(method, &call, bytes.to_vec()).await {
        Err(error @ ChannelError::Panic { .. }) => Err(error.to_string()),
        // Whatever the answer: it cost the process.
        Err(error) if channel.state().await.process.is_none() => Err(error.to_string()),
        _ if call.has_begun() && method == Method::Send => Err("it said `began`".to_owned()),
        Ok(_) | Err(_) => Ok(()),
    }
}

pub(super) async fn large(bench: &Bench) -> Verdict {
    let mut request = bench.trial.sample.clone();
    let room = MESSAGE_BYTES_MAX - request.encoded_len() - 64;
    if let Some(Content::Debtor(message)) = &mut request.content {
        message
            .correlation
            .insert("padding".to_owned(), "x".repeat(room));
    }
    bench
        .on_fresh(async |channel| {
            let call = bench.late_call();
            let answer = Channel::send(&channel, &call, request).await;
            is_late_proof(&channel, &call, answer.map(drop))
                .await
                .into()
        })
        .await
}

pub(super) async fn together(bench: &Bench) -> Verdict {
    bench
        .on_fresh(async |channel| {
            let count = channel.max_in_flight().min(16);
            // On tasks of their own they would need a 'static channel, so the same thread drives them all.
            let local = tokio::task::LocalSet::new();
            let channel = std::rc::Rc::new(channel);
            let mut calls = tokio::task::JoinSet::new();
            for _ in 0..count {
                let (channel, call) = (channel.clone(), bench.late_call());
                let request = bench.trial.sample.clone();
                calls.spawn_local_on(
                    async move {
                        let answer = Channel::send(&*channel, &call, request).await;
                        is_late_proof(&channel, &call, answer.map(drop)).await
                    },
                    &local,
                );
            }
            let all = local.run_until(calls.join_all()).await;
            all.into_iter().collect::<Result<(), String>>().into()
        })
        .await
}

pub(super) async fn given_up(bench: &Bench) -> Verdict {
    bench
        .on_fresh(async |channel| {
            // No time at all, and a caller that goes away at once; then the channel has to be as before.
            let none = Call::new(Duration::ZERO, KitClock::still()).with_not_after(NOW_UNIX_MS - 1);
            let _ = Channel::send(&channel, &none, bench.trial.sample.clone()).await;
            let call = bench.late_call();
            let sending = Channel::send(&channel, &call, bench.trial.sample.clone());
            let _ = tokio::time::timeout(Duration::ZERO, sending).await;
            late_on(bench, &channel).await
        })
        .await
}

pub(super) async fn two(bench: &Bench) -> Verdict {
    let first = async |channel: LoadedChannel| match bench.load().await {
        Err(why) => Verdict::Fail(why),
        Ok(second) => {
            let health = Channel::health(&second, &bench.late_call()).await;
            if health.state() == HealthState::Down {
                return Verdict::Fail(format!("the second is down: {}", health.detail));
            }
            drop(second);
            late_on(bench, &channel).await
        }
    };
    bench.on_fresh(first).await
}

/// Given-up calls may complete late by right, so this looks at an instance that had none.
pub(super) async fn no_stale(bench: &Bench) -> Verdict {
    bench
        .on_fresh(async |channel| {
            for _ in 0..32 {
                let call = bench.late_call();
                let answer = Channel::send(&channel, &call, bench.trial.sample.clone()).await;
                if channel.state().await.process.is_none() {
                    return Verdict::Fail(told(answer));
                }
            }
            // Its drain gives a second completion the time to come.
            Channel::drain(&channel, Duration::from_millis(100)).await;
            match channel.state().await.stale_completions {
                0 => Verdict::Pass,
                stale => Verdict::Fail(format!("{stale} completions of 32 calls found no call")),
            }
        })
        .await
}

/// xorshift64*: the same seed gives the same payloads everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % (limit.max(1) as u64)) as usize
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most))
            .map(|_| self.next().to_le_bytes()[7])
            .collect()
    }

    /// A valid message cut short, with one byte turned.
    fn cut(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.truncate(self.below(bytes.len()));
        let at = self.below(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << self.below(8);
        }
        bytes
    }
}
