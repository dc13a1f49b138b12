//! The checks, one function each.

use std::time::Duration;

use prost::Message;
use recoup_channel::abi::MESSAGE_BYTES_MAX;
use recoup_channel::wire::HealthState;
use recoup_channel::wire::send_request::Content;
use recoup_channel::{Call, Channel, ChannelError};

use super::{Bench, NOW_UNIX_MS, Verdict};
use crate::Host;
use crate::method::Method;

/// How many hostile payloads each operation gets.
const HOSTILE_ROUNDS: u64 = 64;
/// How often an instance is made and ended: in this process, and each in a process of its own.
const LIVES: (usize, usize) = (200, 8);

fn verdict(result: Result<(), String>) -> Verdict {
    match result {
        Ok(()) => Verdict::Pass,
        Err(seen) => Verdict::Fail(seen),
    }
}

pub(super) async fn health(bench: &Bench) -> Verdict {
    let health = Channel::health(&bench.channel, &bench.late_call()).await;
    match health.state() {
        HealthState::Ok | HealthState::Degraded => Verdict::Pass,
        HealthState::Down | HealthState::Unspecified => {
            Verdict::Fail(format!("{:?}: {}", health.state(), health.detail))
        }
    }
}

/// The one thing that a late `send` may do is to prove that nothing went out.
fn is_late_proof(call: &Call, answer: Result<(), ChannelError>) -> Result<(), String> {
    match answer {
        Ok(()) => Err("`send` gave a receipt past not_after".to_owned()),
        Err(_) if call.has_begun() => Err("it said `began` past not_after".to_owned()),
        Err(error) if error.proves_not_sent() => Ok(()),
        Err(error) => Err(format!("`send` past not_after ended as {error}")),
    }
}

pub(super) async fn late(bench: &Bench) -> Verdict {
    let call = bench.late_call();
    let answer = Channel::send(&bench.channel, &call, bench.sample.clone()).await;
    let proof = is_late_proof(&call, answer.map(drop));
    verdict(proof)
}

pub(super) async fn unknown_fields(bench: &Bench) -> Verdict {
    let mut bytes = bench.sample.encode_to_vec();
    // Field 9999, three bytes of a later version's.
    bytes.extend_from_slice(&[0xfa, 0xf0, 0x04, 0x03, 0x01, 0x02, 0x03]);
    let plain = answer_of(bench, "send", bench.sample.encode_to_vec()).await;
    let later = answer_of(bench, "send", bytes).await;
    verdict(match (plain, later) {
        (Err(plain), Err(later)) if plain == later => Ok(()),
        (plain, later) => Err(format!("without them {plain:?}, with them {later:?}")),
    })
}

async fn answer_of(bench: &Bench, name: &str, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let Some(method) = bench.channel.methods().find(|held| held.name() == name) else {
        return Err(format!("no `{name}`"));
    };
    let answer = bench
        .channel
        .call_bytes(method, &bench.late_call(), bytes)
        .await;
    answer.map_err(|error| error.kind().to_owned())
}

pub(super) async fn hostile(bench: &Bench) -> Verdict {
    let mut random = Random(bench.seed | 1);
    for method in bench.channel.methods() {
        for round in 0..HOSTILE_ROUNDS {
            let bytes = match round {
                0 => Vec::new(),
                // A string that is no UTF-8.
                1 => vec![0x0a, 0x02, 0xff, 0xfe],
                // A length that reaches behind the end.
                2 => vec![0x0a, 0xff, 0xff, 0xff, 0x7f],
                _ if round % 2 == 0 => random.cut(bench.sample.encode_to_vec()),
                _ => random.bytes(512),
            };
            let call = bench.late_call();
            let answer = bench.channel.call_bytes(method, &call, bytes.clone()).await;
            let seen = match answer {
                Err(error @ ChannelError::Panic { .. }) => error.to_string(),
                Err(error) if error.message().contains("in time") => error.to_string(),
                _ if call.has_begun() && method == Method::Send => "it said `began`".to_owned(),
                Ok(_) | Err(_) => continue,
            };
            return Verdict::Fail(format!("`{}` with {bytes:02x?}: {seen}", method.name()));
        }
    }
    Verdict::Pass
}

pub(super) async fn large(bench: &Bench) -> Verdict {
    let mut request = bench.sample.clone();
    let room = MESSAGE_BYTES_MAX - request.encoded_len() - 64;
    if let Some(Content::Debtor(message)) = &mut request.content {
        message
            .correlation
            .insert("padding".to_owned(), "x".repeat(room));
    }
    let call = bench.late_call();
    let answer = Channel::send(&bench.channel, &call, request).await;
    let proof = is_late_proof(&call, answer.map(drop));
    verdict(proof)
}

pub(super) async fn together(bench: &Bench) -> Verdict {
    let count = bench.channel.max_in_flight().min(16);
    let mut calls = tokio::task::JoinSet::new();
    // On tasks of their own they would need a 'static channel, so the same thread drives them all.
    let local = tokio::task::LocalSet::new();
    let channel = std::rc::Rc::new(match Host::load(bench.spec.clone()).await {
        Ok(channel) => channel,
        Err(error) => return Verdict::Fail(error.to_string()),
    });
    for _ in 0..count {
        let (channel, call) = (channel.clone(), bench.late_call());
        let request = bench.sample.clone();
        calls.spawn_local_on(
            async move {
                let answer = Channel::send(&*channel, &call, request).await;
                is_late_proof(&call, answer.map(drop))
            },
            &local,
        );
    }
    let all = local.run_until(calls.join_all()).await;
    verdict(all.into_iter().collect())
}

pub(super) async fn given_up(bench: &Bench) -> Verdict {
    // No time at all, and a caller that goes away at once; then the channel has to be as before.
    let none = Call::new(Duration::ZERO, bench.spec.clock.clone()).with_not_after(NOW_UNIX_MS - 1);
    let _ = Channel::send(&bench.channel, &none, bench.sample.clone()).await;
    let call = bench.late_call();
    let sending = Channel::send(&bench.channel, &call, bench.sample.clone());
    let _ = tokio::time::timeout(Duration::ZERO, sending).await;
    late(bench).await
}

pub(super) async fn two(bench: &Bench) -> Verdict {
    match Host::load(bench.spec.clone()).await {
        Err(error) => Verdict::Fail(error.to_string()),
        Ok(second) => {
            let health = Channel::health(&second, &bench.late_call()).await;
            if health.state() == HealthState::Down {
                return Verdict::Fail(format!("the second is down: {}", health.detail));
            }
            drop(second);
            late(bench).await
        }
    }
}

/// Given-up calls may complete late by right, so this looks at an instance that had none.
pub(super) async fn no_stale(bench: &Bench) -> Verdict {
    let channel = match Host::load(bench.spec.clone()).await {
        Ok(channel) => channel,
        Err(error) => return Verdict::Fail(error.to_string()),
    };
    for _ in 0..32 {
        let call = bench.late_call();
        let _ = Channel::send(&channel, &call, bench.sample.clone()).await;
    }
    // Its drain gives a second completion the time to come.
    Channel::drain(&channel, Duration::from_millis(100)).await;
    match channel.state().await.stale_completions {
        0 => Verdict::Pass,
        stale => Verdict::Fail(format!("{stale} completions of 32 calls found no call")),
    }
}

pub(super) async fn destroy(bench: Bench) -> Verdict {
    let Some(before) = threads() else {
        return Verdict::Skip("this system does not count threads in /proc".to_owned());
    };
    let lives = if bench.channel.is_isolated() {
        LIVES.1
    } else {
        LIVES.0
    };
    for life in 1..=lives {
        match bench.channel.live_and_die(Duration::from_secs(1)).await {
            Ok(Some(0)) => {}
            Ok(Some(left)) => {
                return Verdict::Fail(format!("life {life}: {left} threads are left"));
            }
            Ok(None) => return Verdict::Fail(format!("life {life}: `destroy` did not come back")),
            Err(error) => return Verdict::Fail(format!("life {life}: {error}")),
        }
    }
    if !bench.channel.shutdown(Duration::from_secs(1)).await {
        return Verdict::Fail("`destroy` did not come back".to_owned());
    }
    // The host's own threads end a moment after they have told so.
    let mut after = threads().unwrap_or(before);
    for _ in 0..200 {
        if after <= before {
            return Verdict::Pass;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        after = threads().unwrap_or(before);
    }
    Verdict::Fail(format!(
        "{before} threads before {lives} instances, {after} after them"
    ))
}

fn threads() -> Option<usize> {
    std::fs::read_dir("/proc/self/task")
        .ok()
        .map(Iterator::count)
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
