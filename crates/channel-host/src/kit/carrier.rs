//! What a carrier gets, seen by a recorder in its place.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use recoup_channel::wire::{Receipt, StatusKind, StatusRequest};
use recoup_channel::{Call, Channel, ChannelError};

use super::recorder::Recorder;
use super::{Bench, KitClock, RECORDER, RECORDER_PORT, Verdict};

/// How many looks at the clock a send may take until it jumps.
const LOOKS: u32 = 6;

/// How often the recorder is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// One `send`, and what came of it.
pub(super) struct Sent {
    call: Call,
    /// How it ended.
    pub(super) answer: Result<Receipt, ChannelError>,
    seen: Vec<u8>,
}

/// Sends the sample to a recorder, with a clock that jumps past `not_after` after so many looks.
pub(super) async fn send(bench: &Bench, recorder: &Recorder, looks: u32) -> Result<Sent, String> {
    let clock = KitClock::jumping_after(looks);
    let channel = bench.load_to(&recorder.address, &clock).await?;
    let call = bench.call(Arc::clone(&clock));
    let answer = Channel::send(&channel, &call, bench.trial.sample.clone()).await;
    channel.shutdown(Duration::from_secs(1)).await;
    Ok(Sent {
        call,
        answer,
        seen: recorder.take(),
    })
}

/// A recorder that never answers, where the configuration leads to it.
async fn recorder(bench: &Bench) -> Result<Recorder, Verdict> {
    recorder_for(bench, Recorder::silent()).await
}

/// A recorder, where the configuration leads to it.
pub(super) async fn recorder_for(
    bench: &Bench,
    starting: impl Future<Output = std::io::Result<Recorder>>,
) -> Result<Recorder, Verdict> {
    let config = &bench.trial.spec.config_json;
    if !config.contains(RECORDER) && !config.contains(RECORDER_PORT) {
        return Err(Verdict::Untried(format!(
            "its configuration does not lead to the kit's recorder: write {RECORDER} where the \
             carrier's host and port stand, or {RECORDER_PORT} for the port alone"
        )));
    }
    starting.await.map_err(|e| Verdict::Fail(e.to_string()))
}

pub(super) async fn begins(bench: &Bench) -> Verdict {
    let recorder = match recorder(bench).await {
        Ok(recorder) => recorder,
        Err(verdict) => return verdict,
    };
    let (mut reached, mut last) = (false, String::new());
    for looks in 0..=LOOKS {
        let sent = match send(bench, &recorder, looks).await {
            Ok(sent) => sent,
            Err(why) => return Verdict::Fail(why),
        };
        let text = has_sample(bench, &sent.seen);
        reached |= text;
        let about = format!("where the clock jumps after {looks} looks");
        let wrong = match &sent.answer {
            _ if text && !sent.call.has_begun() => {
                Some("a request left without `began`".to_owned())
            }
            Ok(_) => Some("a receipt, and the carrier answered nothing".to_owned()),
            Err(error) if sent.call.has_begun() && error.proves_not_sent() => {
                Some(format!("it had begun, and says `{error}`"))
            }
            Err(_) => None,
        };
        if let Some(wrong) = wrong {
            return Verdict::Fail(format!("{about}: {wrong}"));
        }
        last = said(&sent.answer);
    }
    if reached {
        Verdict::Pass
    } else {
        unread(&last)
    }
}

/// How a `send` ended, in words.
pub(super) fn said(answer: &Result<Receipt, ChannelError>) -> String {
    match answer {
        Ok(_) => "a receipt".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// It did not send what it could send, or it speaks a protocol that the recorder would have to answer first.
pub(super) fn unread(said: &str) -> Verdict {
    Verdict::Untried(format!(
        "no request that could be read came to the recorder; `send` ended as: {said}"
    ))
}

pub(super) async fn cut(bench: &Bench) -> Verdict {
    let recorder = match recorder(bench).await {
        Ok(recorder) => recorder,
        Err(verdict) => return verdict,
    };
    let sent = match send(bench, &recorder, u32::MAX).await {
        Ok(sent) => sent,
        Err(why) => return Verdict::Fail(why),
    };
    let text = has_sample(bench, &sent.seen);
    match sent.answer {
        Ok(_) => Verdict::Fail("a receipt, and the carrier answered nothing".to_owned()),
        Err(error) if text && error.proves_not_sent() => Verdict::Fail(format!(
            "the carrier has the request, and it says `{error}`"
        )),
        Err(error) if !text => unread(&error.to_string()),
        Err(_) => Verdict::Pass,
    }
}

pub(super) async fn same_key(bench: &Bench) -> Verdict {
    let recorder = match recorder(bench).await {
        Ok(recorder) => recorder,
        Err(verdict) => return verdict,
    };
    let mut carried = Vec::new();
    for _ in 0..2 {
        match send(bench, &recorder, u32::MAX).await {
            Ok(sent) if !has_sample(bench, &sent.seen) => {
                return unread(&said(&sent.answer));
            }
            Ok(sent) => carried.push(has(&sent.seen, &bench.trial.sample.idempotency_key)),
            Err(why) => return Verdict::Fail(why),
        }
    }
    match carried.as_slice() {
        [true, true] => Verdict::Pass,
        [false, false] => Verdict::Fail(format!(
            "neither carries `{}`: the carrier cannot know a second request of a contact for one",
            bench.trial.sample.idempotency_key
        )),
        _ => Verdict::Fail("one carries it and the other does not".to_owned()),
    }
}

/// The process is killed when the carrier has the request; a new one, as an upgrade starts it, has to know no more than
/// the key, and to claim nothing that the carrier did not tell it.
pub(super) async fn taken_over(bench: &Bench) -> Verdict {
    let recorder = match recorder(bench).await {
        Ok(recorder) => recorder,
        Err(verdict) => return verdict,
    };
    let (reached, killed) = match killed_amid(bench, &recorder).await {
        Ok(sent) => sent,
        Err(why) => return Verdict::Fail(why),
    };
    if !reached {
        return unread(&said(&killed));
    }
    if let Err(error) = killed
        && error.proves_not_sent()
    {
        return Verdict::Fail(format!(
            "the carrier has the request, and it says `{error}`"
        ));
    }
    let channel = match bench.load_to(&recorder.address, &KitClock::still()).await {
        Ok(channel) => channel,
        Err(why) => return Verdict::Fail(format!("a new process: {why}")),
    };
    if !channel.capabilities().status_query {
        return Verdict::Pass;
    }
    let request = StatusRequest {
        contact_id: bench.trial.sample.contact_id.clone(),
        idempotency_key: bench.trial.sample.idempotency_key.clone(),
        ..StatusRequest::default()
    };
    let told = Channel::status(&channel, &bench.call(KitClock::still()), request).await;
    match told.map(|status| status.kind()) {
        Ok(kind @ (StatusKind::Found | StatusKind::NotFound)) => Verdict::Fail(format!(
            "`status` says {kind:?}, and the carrier answered nothing"
        )),
        Ok(StatusKind::Pending | StatusKind::Unspecified) | Err(_) => Verdict::Pass,
    }
}

/// Whether a request was out, and how a send ends whose process is killed then.
async fn killed_amid(
    bench: &Bench,
    recorder: &Recorder,
) -> Result<(bool, Result<Receipt, ChannelError>), String> {
    let clock = KitClock::still();
    let channel = bench.load_to(&recorder.address, &clock).await?;
    let process = channel.state().await.process;
    let pid = process.and_then(|p| rustix::process::Pid::from_raw(p.pid.cast_signed()));
    let pid = pid.ok_or("it has no process")?;
    let call = bench.call(clock);
    let kill = async {
        while !recorder.has_seen(|bytes| has_sample(bench, bytes)) {
            tokio::time::sleep(LOOK).await;
        }
        // One that is gone by now was not waited for.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        std::future::pending().await
    };
    let send = Channel::send(&channel, &call, bench.trial.sample.clone());
    let answer = tokio::select! {
        answer = send => answer,
        () = kill => unreachable!("it waits for ever"),
    };
    let reached = recorder.has_seen(|bytes| has_sample(bench, bytes));
    Ok((reached, answer))
}

/// True where bytes hold a part of the request that no greeting of a protocol would: its key, or the
/// borrower's number.
pub(super) fn has_sample(bench: &Bench, bytes: &[u8]) -> bool {
    use recoup_channel::wire::destination::To;
    let sample = &bench.trial.sample;
    let to = sample.destination.as_ref().and_then(|d| d.to.as_ref());
    let own = match to {
        Some(To::E164(number)) => number.trim_start_matches('+'),
        Some(To::Email(address)) => address.as_str(),
        _ => "",
    };
    has(bytes, &sample.idempotency_key) || (!own.is_empty() && has(bytes, own))
}

fn has(bytes: &[u8], text: &str) -> bool {
    !text.is_empty()
        && bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
}
