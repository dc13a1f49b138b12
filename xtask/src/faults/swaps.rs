//! Channels that are swapped under load: for good generations, for ones that fail and ones that crash, with kills of the
//! server amid the swaps.

use std::time::{Duration, Instant};

use recoup::api::recoup::v1 as pb;
use tokio::task::JoinSet;
use tonic::{Response, Status};

use super::load;
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
const KILL_MS: (i64, i64) = (0, 3_000);

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
            let mut swaps = JoinSet::new();
            for (n, channel) in together.iter().zip(CHANNELS) {
                let swap = Swap::new(ana, channel, (seed, *n), place);
                swaps.spawn(swap.run());
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
            while let Some(ended) = swaps.join_next().await {
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

/// One swap, asked for by a caller that never gives up.
struct Swap {
    ana: Client,
    channel: &'static str,
    seed: u64,
    number: String,
    kind: Kind,
}

impl Swap {
    fn new(
        ana: &Client,
        channel: &'static str,
        (seed, number): (u64, usize),
        place: Place,
    ) -> Self {
        let number = number.to_string();
        let kind = match chance::between(seed, &["swap", "kind", &number], 0, 99) {
            0..FAILS => Kind::Fails,
            // Who crashes in the server's own process takes it along: that is what inline means.
            k if k < FAILS + CRASHES && matches!(place, Place::Isolated) => Kind::Crashes,
            _ => Kind::Good,
        };
        Self {
            ana: ana.clone(),
            channel,
            seed,
            number,
            kind,
        }
    }

    async fn run(self) -> Result<End, String> {
        let what = format!("swap {} of {}", self.number, self.channel);
        self.to_its_end()
            .await
            .map_err(|why| format!("{what}: {why}"))
    }

    async fn to_its_end(&self) -> Result<End, String> {
        let to = self.stage().await?;
        self.begin(to).await?;
        match (self.kind, self.ends(to).await?) {
            (Kind::Good, (pb::ChannelState::Live, _)) => {
                let draw = ["swap", "back", &self.number];
                if chance::between(self.seed, &draw, 0, 99) >= BACK {
                    return Ok(End::Live);
                }
                self.roll_back().await?;
                Ok(End::ByHand)
            }
            (Kind::Fails | Kind::Crashes, (pb::ChannelState::Faulted, _)) => Ok(End::Back),
            (kind, (state, detail)) => {
                Err(format!("of the kind {kind:?}, and {state:?}: {detail}"))
            }
        }
    }

    async fn stage(&self) -> Result<i64, String> {
        let library = program(&format!("librecoup_{}.so", self.channel));
        let request = pb::StageChannelRequest {
            request_id: format!("stage-{}", self.number),
            kind: self.channel.to_owned(),
            path: library.display().to_string(),
            settings_json: settings(self.channel, self.kind),
            ..pb::StageChannelRequest::default()
        };
        let staged = insist("stage", || {
            let (mut service, request) = (self.ana.channels(), request.clone());
            async move { service.stage_channel(request).await }
        });
        Ok(staged.await?.channel.map_or(0, |c| c.generation))
    }

    async fn begin(&self, to: i64) -> Result<(), String> {
        let request = pb::SwapChannelRequest {
            request_id: format!("swap-{}", self.number),
            kind: self.channel.to_owned(),
            generation: to,
            canary_percents: vec![50, 100],
            hold_seconds: Some(1),
            judged_min: Some(5),
        };
        let begun = insist("begin", || {
            let (mut service, request) = (self.ana.channels(), request.clone());
            async move { service.swap_channel(request).await }
        });
        begun.await.map(drop)
    }

    async fn roll_back(&self) -> Result<(), String> {
        let request = pb::RollbackChannelRequest {
            request_id: format!("back-{}", self.number),
            kind: self.channel.to_owned(),
            reason: "a word".to_owned(),
        };
        let back = insist("roll back", || {
            let (mut service, request) = (self.ana.channels(), request.clone());
            async move { service.rollback_channel(request).await }
        });
        back.await.map(drop)
    }

    /// Waits until a generation is live or faulted, and gives its detail, too; a crashing one is crashed whenever it has
    /// a process.
    async fn ends(&self, to: i64) -> Result<(pb::ChannelState, String), String> {
        let begun = Instant::now();
        while begun.elapsed() < SWAP {
            tokio::time::sleep(LOOK).await;
            let Some(found) = self.generation(to).await? else {
                continue;
            };
            let state = found.state();
            if matches!(state, pb::ChannelState::Live | pb::ChannelState::Faulted)
                && found.share_percent % 100 == 0
            {
                return Ok((state, found.detail));
            }
            if self.kind == Kind::Crashes && found.process_id > 0 {
                // Stopped, so that a short call, too, is amid when the kill comes. It may have ended since.
                let signal = if found.in_flight > 0 { "KILL" } else { "STOP" };
                let _ = world::signal(found.process_id, signal);
            }
        }
        Err("it comes to no end".to_owned())
    }

    async fn generation(&self, number: i64) -> Result<Option<pb::Channel>, String> {
        let request = pb::ListChannelsRequest {
            page_size: 1_000,
            show_all: true,
            ..pb::ListChannelsRequest::default()
        };
        let listed = insist("the channels", || {
            let (mut service, request) = (self.ana.channels(), request.clone());
            async move { service.list_channels(request).await }
        });
        let mut all = listed.await?.channels.into_iter();
        Ok(all.find(|c| c.name == self.channel && c.generation == number))
    }
}

/// Asks as the load's callers do; `what` goes before the reason of a refusal.
async fn insist<T, F>(what: &str, ask: impl Fn() -> F) -> Result<T, String>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let answer = load::insist(ask).await;
    answer.map_err(|status| format!("{what}: {status}"))
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
