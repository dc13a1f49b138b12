//! Channels that are swapped under load: for good generations, for ones that fail and ones that crash, with kills of the
//! server amid the swaps.

use std::time::{Duration, Instant};

use recoup::api::recoup::v1 as pb;
use tokio::task::JoinSet;
use tonic::Code;

use super::world::{self, Life, Place, Setup, Tracer, program};
use crate::chance;
use crate::demo::client::Client;

/// How long a swap may take to its end: a failing one may wait for its contacts behind others.
const SWAP: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(100);
/// Channels that are swapped, all at once: those with the most contacts.
const CHANNELS: [&str; 3] = ["sms", "phone", "email"];
/// One swap of so many, and the last ones, is of channels in the server's own process.
const INLINE: usize = 20;
/// Of a hundred swaps, so many are of a generation that fails, and of one that crashes.
const FAILS: i64 = 20;
const CRASHES: i64 = 15;
/// Of a hundred times that channels are swapped, amid so many the server is killed.
const KILLS: i64 = 25;
/// Of a hundred good ones, so many are gone back from afterwards.
const BACK: i64 = 20;
/// Amid a swap: when the kill comes, in milliseconds.
const KILL_MS: (i64, i64) = (0, 2_500);

/// How a generation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Good,
    Fails,
    Crashes,
}

/// What the swaps came to.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Told {
    isolated: usize,
    inline: usize,
    live: usize,
    back: usize,
    by_hand: usize,
    kills: usize,
}

impl Told {
    /// Those of another round, too.
    pub(super) fn take(&mut self, other: Self) {
        self.isolated += other.isolated;
        self.inline += other.inline;
        self.live += other.live;
        self.back += other.back;
        self.by_hand += other.by_hand;
        self.kills += other.kills;
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let swaps = self.isolated + self.inline;
        let (isolated, inline, live, back) = (self.isolated, self.inline, self.live, self.back);
        write!(
            f,
            "{swaps} swaps, {isolated} isolated and {inline} inline: {live} went live, "
        )?;
        write!(
            f,
            "{back} went back by themselves, {} by hand; ",
            self.by_hand
        )?;
        write!(f, "{} kills of the server amid them", self.kills)
    }
}

/// Swaps `count` times. What must come of each is held here; who was reached, by the judge.
pub(super) async fn swap(
    (seed, count): (u64, usize),
    (mut life, setup): (Life, &mut Setup),
    ana: &Client,
) -> Result<(Life, Told), String> {
    let mut told = Told {
        inline: count.div_ceil(INLINE),
        ..Told::default()
    };
    told.isolated = count - told.inline;
    for (numbers, place) in [
        (0..told.isolated, Place::Isolated),
        (told.isolated..count, Place::Inline),
    ] {
        if matches!(place, Place::Inline) {
            life.stop().await?;
            setup.place(place)?;
            life = setup.live(Tracer::None).await?;
        }
        let all: Vec<usize> = numbers.collect();
        for together in all.chunks(CHANNELS.len()) {
            let mut swaps = Vec::new();
            for (n, channel) in together.iter().zip(CHANNELS) {
                swaps.push(Swap::begin(ana, channel, (seed, *n), place).await?);
            }
            let number = together[0].to_string();
            if chance::between(seed, &["swap", "kill", &number], 0, 99) < KILLS {
                let pause =
                    chance::between(seed, &["swap", "pause", &number], KILL_MS.0, KILL_MS.1);
                tokio::time::sleep(Duration::from_millis(pause.unsigned_abs())).await;
                life.kill().await?;
                life = setup.live(Tracer::None).await?;
                told.kills += 1;
            }
            let mut ending = JoinSet::new();
            for swap in swaps {
                let ana = ana.clone();
                ending.spawn(async move { swap.end(&ana).await });
            }
            while let Some(ended) = ending.join_next().await {
                match ended.map_err(|e| e.to_string())?? {
                    End::Live => told.live += 1,
                    End::Back => told.back += 1,
                    End::ByHand => {
                        told.live += 1;
                        told.by_hand += 1;
                    }
                }
            }
            life.must_live()?;
        }
    }
    Ok((life, told))
}

/// What became of a swap, and was right.
enum End {
    Live,
    Back,
    ByHand,
}

struct Swap {
    channel: &'static str,
    seed: u64,
    number: usize,
    kind: Kind,
    to: i64,
}

impl Swap {
    async fn begin(
        ana: &Client,
        channel: &'static str,
        (seed, number): (u64, usize),
        place: Place,
    ) -> Result<Self, String> {
        let kind = match chance::between(seed, &["swap", "kind", &number.to_string()], 0, 99) {
            0..FAILS => Kind::Fails,
            // Who crashes in the server's own process takes it along: that is what inline means.
            k if k < FAILS + CRASHES && matches!(place, Place::Isolated) => Kind::Crashes,
            _ => Kind::Good,
        };
        let to = stage(ana, channel, kind, number).await?;
        begin(ana, channel, to, number).await?;
        Ok(Self {
            channel,
            seed,
            number,
            kind,
            to,
        })
    }

    async fn end(self, ana: &Client) -> Result<End, String> {
        let (channel, number) = (self.channel, self.number);
        let ended = ends(ana, channel, self.to, self.kind).await;
        let ended = ended.map_err(|why| format!("swap {number} of {channel}: {why}"))?;
        match (self.kind, ended) {
            (Kind::Good, pb::ChannelState::Live) => {
                let draw = ["swap", "back", &number.to_string()];
                if chance::between(self.seed, &draw, 0, 99) >= BACK {
                    return Ok(End::Live);
                }
                roll_back(ana, channel, number).await?;
                Ok(End::ByHand)
            }
            (Kind::Fails | Kind::Crashes, pb::ChannelState::Faulted) => Ok(End::Back),
            (kind, state) => {
                let detail = generation(ana, channel, self.to).await?.map(|c| c.detail);
                let detail = detail.unwrap_or_default();
                Err(format!(
                    "swap {number} of {channel}: of the kind {kind:?}, and {state:?}: {detail}"
                ))
            }
        }
    }
}

/// Settings with which a library reaches nobody; none for the others, which have those of the live one.
fn settings(channel: &str, kind: Kind) -> String {
    let settings = match (kind, channel) {
        (Kind::Fails, "sms") => {
            r#"{"endpoint": "http://127.0.0.1:9/none", "username": "recoup", "password_secret": "sms",
                "from": "10690"}"#
        }
        (Kind::Fails, "email") => {
            r#"{"host": "127.0.0.1", "port": 9, "tls": "none", "from": "Demo <care@demo.example>"}"#
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
        if kind == Kind::Crashes && found.process_id > 0 {
            // Stopped, so that a short call, too, is amid when the kill comes. It may have ended since.
            let signal = if found.in_flight > 0 { "KILL" } else { "STOP" };
            let _ = world::signal(found.process_id, signal);
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
