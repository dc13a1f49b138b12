//! Channels that are swapped under load: for good generations, for ones that fail and ones that crash, with kills of the
//! server amid the swap.

use std::time::{Duration, Instant};

use recoup::api::recoup::v1 as pb;
use tonic::Code;

use super::world::{self, Life, Setup, Tracer, program};
use crate::chance;
use crate::demo::client::Client;

/// How long a swap may take to its end: a failing one may wait for its contacts behind others.
const SWAP: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(100);
/// Channels that are swapped: those with the most contacts.
const CHANNELS: [&str; 2] = ["sms", "phone"];
/// Of a hundred swaps, so many are of a generation that fails, and of one that crashes.
const FAILS: i64 = 20;
const CRASHES: i64 = 15;
/// Of a hundred swaps, amid so many the server is killed.
const KILLS: i64 = 25;
/// Of a hundred good ones, so many are gone back from afterwards.
const BACK: i64 = 20;
/// Amid a swap: when the kill comes, in milliseconds.
const KILL_MS: (i64, i64) = (0, 2_500);

/// How a generation is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Good,
    Fails,
    Crashes,
}

/// Swaps `count` times. What must come of each is held here; who was reached, by the judge.
pub(super) async fn swap(
    (seed, count): (u64, usize),
    (mut life, setup): (Life, &mut Setup),
    ana: &Client,
) -> Result<Life, String> {
    let mut told = Told::default();
    for n in 0..count {
        let draw = |what: &str| chance::between(seed, &["swap", what, &n.to_string()], 0, 99);
        let kind = match draw("kind") {
            0..FAILS => Kind::Fails,
            k if k < FAILS + CRASHES => Kind::Crashes,
            _ => Kind::Good,
        };
        let channel = CHANNELS[n % CHANNELS.len()];
        let to = stage(ana, channel, kind, n).await?;
        begin(ana, channel, to, n).await?;
        if draw("kill") < KILLS {
            let number = n.to_string();
            let pause = chance::between(seed, &["swap", "pause", &number], KILL_MS.0, KILL_MS.1);
            tokio::time::sleep(Duration::from_millis(pause.unsigned_abs())).await;
            life.kill().await?;
            life = setup.live(Tracer::None).await?;
            told.kills += 1;
        }
        let ended = ends(ana, channel, to, kind).await;
        let ended = ended.map_err(|why| format!("swap {n} of {channel}: {why}"))?;
        match (kind, ended) {
            (Kind::Good, pb::ChannelState::Live) => told.live += 1,
            (Kind::Fails | Kind::Crashes, pb::ChannelState::Faulted) => told.back += 1,
            (kind, state) => {
                let kind = match kind {
                    Kind::Good => "good",
                    Kind::Fails => "failing",
                    Kind::Crashes => "crashing",
                };
                let detail = generation(ana, channel, to).await?.map(|c| c.detail);
                let detail = detail.unwrap_or_default();
                return Err(format!(
                    "swap {n}: a {kind} generation is {state:?}: {detail}"
                ));
            }
        }
        if kind == Kind::Good && draw("back") < BACK {
            roll_back(ana, channel, n).await?;
            told.by_hand += 1;
        }
        life.must_live()?;
    }
    println!(
        "{count} swaps: {} went live, {} went back by themselves, {} by hand; {} kills amid them",
        told.live, told.back, told.by_hand, told.kills
    );
    Ok(life)
}

#[derive(Default)]
struct Told {
    live: usize,
    back: usize,
    by_hand: usize,
    kills: usize,
}

/// Settings with which a library reaches nobody; none for the others, which have those of the live one.
fn settings(channel: &str, kind: Kind) -> String {
    let settings = match (kind, channel) {
        (Kind::Fails, "sms") => {
            r#"{"endpoint": "http://127.0.0.1:9/none", "username": "recoup", "password_secret": "sms",
                "from": "10690"}"#
        }
        (Kind::Fails, _) => {
            r#"{"base_url": "http://127.0.0.1:9", "account_sid": "ACsandbox",
                "auth_token_secret": "phone", "from": "+861068000000"}"#
        }
        (Kind::Good | Kind::Crashes, _) => "",
    };
    settings.to_owned()
}

async fn stage(ana: &Client, channel: &str, kind: Kind, n: usize) -> Result<i64, String> {
    let library = program(&format!("librecoup_{channel}.so"));
    let request = pb::StageChannelRequest {
        request_id: format!("stage-{n}"),
        kind: channel.to_owned(),
        path: library.display().to_string(),
        settings_json: settings(channel, kind),
        ..pb::StageChannelRequest::default()
    };
    let staged = ana.channels().stage_channel(request).await;
    let staged = staged.map_err(|e| format!("stage {n}: {e}"))?.into_inner();
    Ok(staged.channel.map_or(0, |c| c.generation))
}

async fn begin(ana: &Client, channel: &str, to: i64, n: usize) -> Result<(), String> {
    let request = pb::SwapChannelRequest {
        request_id: format!("swap-{n}"),
        kind: channel.to_owned(),
        generation: to,
        canary_percents: vec![50, 100],
        hold_seconds: Some(1),
        judged_min: Some(5),
    };
    let begun = ana.channels().swap_channel(request).await;
    begun.map(drop).map_err(|e| format!("swap {n}: {e}"))
}

async fn roll_back(ana: &Client, channel: &str, n: usize) -> Result<(), String> {
    let request = pb::RollbackChannelRequest {
        request_id: format!("back-{n}"),
        kind: channel.to_owned(),
        reason: "a word".to_owned(),
    };
    let back = ana.channels().rollback_channel(request).await;
    back.map(drop).map_err(|e| format!("roll back {n}: {e}"))
}

/// Waits until a generation is live or faulted; a crashing one is crashed whenever it has a process.
async fn ends(
    ana: &Client,
    channel: &str,
    to: i64,
    kind: Kind,
) -> Result<pb::ChannelState, String> {
    let begun = Instant::now();
    while begun.elapsed() < SWAP {
        tokio::time::sleep(LOOK).await;
        let Some(found) = generation(ana, channel, to).await? else {
            continue;
        };
        let state = found.state();
        if matches!(state, pb::ChannelState::Live | pb::ChannelState::Faulted)
            && found.share_percent % 100 == 0
        {
            return Ok(state);
        }
        if kind == Kind::Crashes && found.process_id > 0 && found.in_flight > 0 {
            // It may have ended since.
            let _ = world::signal(found.process_id, "KILL");
        }
    }
    Err("it comes to no end".to_owned())
}

async fn generation(
    ana: &Client,
    channel: &str,
    number: i64,
) -> Result<Option<pb::Channel>, String> {
    let request = pb::ListChannelsRequest {
        page_size: 1_000,
        show_all: true,
        ..pb::ListChannelsRequest::default()
    };
    let listed = match ana.channels().list_channels(request).await {
        Ok(listed) => listed.into_inner(),
        // It was killed a moment ago.
        Err(status) if status.code() == Code::Unavailable => return Ok(None),
        Err(status) => return Err(format!("the channels: {status}")),
    };
    let mut all = listed.channels.into_iter();
    Ok(all.find(|c| c.name == channel && c.generation == number))
}
