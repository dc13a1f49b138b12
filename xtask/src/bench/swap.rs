//! How long a contact takes from its case's opening to its carrier while the channel is swapped, against while it is not:
//! the real server, the library in its process, the sandbox as the gateway. Each contact has to be there, once.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use recoup::api::recoup::v1 as pb;
use serde_json::Value;
use tempfile::TempDir;

use super::beside::rounds;
use super::client::Client as Opener;
use super::measure::{Arm, median};
use super::open_loop::{self, Pace, Seen};
use super::report::{Line, short};
use super::{Failure, Ground};
use crate::cargo;
use crate::demo::client::Client;
use crate::faults::lender;
use crate::faults::loan::{Loan, now_us};
use crate::test::server::{self, Sandbox, Server};

/// One text, at once.
const POLICY: &str = "name: at-once
stages:
  - name: all
    enter: case.dpd >= 1
    steps: [{channel: sms, template: reminder, max: 1}]
";
/// The channel that is swapped.
const CHANNEL: &str = "sms";
/// Connections of those who open cases.
const CONNECTIONS: usize = 16;
/// How long contacts may be on their way after the last case, and how long the second of one is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const SETTLED: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(50);

/// A swap under load.
pub(super) fn swap(ground: &Ground) -> Result<Line, Failure> {
    // Each share is held for a second and looked at once a second, so a swap takes two to four.
    let pace = Pace {
        rate: ground.size(250, 30) as f64,
        calls: ground.size(2_000, 240),
    };
    let full = Pace {
        rate: ground.size(1_000, 60) as f64,
        calls: ground.size(16_000, 480),
    };
    server::build().map_err(Failure::Wrong)?;
    let mut scene = ground.runtime.block_on(Scene::new(ground))?;
    let mut arm = |arm| ground.runtime.block_on(scene.round(arm, pace));
    // Connections, caches and the carrier are warm before anything counts.
    arm(Arm::Raw)?;
    let all = rounds(ground.rounds, &mut arm)?;
    let pressed = ground.runtime.block_on(scene.round(Arm::Ours, full))?;
    ground.runtime.block_on(scene.nobody_twice())?;
    let what = format!(
        "p99 from when a case is to be opened until its text is at the gateway, at {} a second, while the channel is \
         swapped, against while it is not",
        pace.rate
    );
    let line = all.line("swap", &what, ["while it is swapped", "while it is not"]);
    let silence = |of: &[f64]| short(median(of.to_vec()));
    let [swapped, calm] = &scene.silences;
    Ok(line
        .aims(2.0, 1.5)
        .note(format!(
            "{} contacts, each at the gateway once: none lost, none doubled; {} swaps of {} to {} ms, the gateway heard \
             nothing for {} ms at most in the middle round with one, {} without; the issue names no figure for the time",
            scene.next - 1,
            scene.swaps.len(),
            scene.swaps.iter().min().unwrap_or(&0),
            scene.swaps.iter().max().unwrap_or(&0),
            silence(swapped),
            silence(calm),
        ))
        .note(format!(
            "the last swap came while cases were opened at {} a second: {} texts/s reached the gateway, p50 {} ms, p99 \
             {} ms; server, gateway and those who open cases share this machine",
            full.rate,
            short(pressed.rate()),
            short(pressed.quantile_ms(0.5)),
            short(pressed.quantile_ms(0.99)),
        )))
}

/// Server, sandbox, and those who call.
struct Scene {
    ana: Client,
    openers: Vec<Opener>,
    gateway: Gateway,
    /// The number of the next loan.
    next: u32,
    /// How long each swap took, in milliseconds.
    swaps: Vec<u128>,
    /// The longest time without a text of each round with a swap and of each without, in milliseconds.
    silences: [Vec<f64>; 2],
    _server: Server,
    _sandbox: Sandbox,
    _folder: TempDir,
}

impl Scene {
    async fn new(ground: &Ground) -> Result<Self, Failure> {
        let folder = ground.folder()?;
        let sandbox = Sandbox::start(folder.path()).map_err(Failure::Wrong)?;
        let server = Server::start(folder.path(), &sandbox.gateway).map_err(Failure::Wrong)?;
        let client = async |token| {
            let client = Client::connect(&format!("http://{}", server.api), token).await;
            client.map_err(Failure::other)
        };
        let ana = client("dev-ana").await?;
        let done = lender::set_up(&ana, &client("dev-ben").await?, POLICY).await;
        done.map_err(Failure::Wrong)?;
        let mut openers = Vec::new();
        for _ in 0..CONNECTIONS {
            let to = server.api.parse().map_err(Failure::other)?;
            openers.push(Opener::plain(to).await?);
        }
        Ok(Self {
            ana,
            openers,
            gateway: Gateway::of(folder.path()),
            next: 1,
            swaps: Vec::new(),
            silences: [Vec::new(), Vec::new()],
            _server: server,
            _sandbox: sandbox,
            _folder: folder,
        })
    }

    /// Opens cases at a pace, with a swap amid them or without, and waits until the gateway has a text of each.
    async fn round(&mut self, arm: Arm, pace: Pace) -> Result<Seen, Failure> {
        let to = match arm {
            Arm::Ours => Some(self.stage().await?),
            Arm::Raw => None,
        };
        let first = self.next;
        self.next += u32::try_from(pace.calls).map_err(Failure::other)?;
        let (begun, begun_us) = (Instant::now(), now_us());
        let never = AtomicBool::new(false);
        let opened = open_loop::drive(pace, &never, |n| {
            let mut opener = self.openers[n % self.openers.len()].clone();
            let request = Loan::awake(first + n as u32).open();
            async move {
                let opened = opener.try_open(request).await;
                opened.map(drop).map_err(|status| status.code())
            }
        });
        let swapped = async {
            match to {
                Some(to) => self.swapped(to).await.map(Some),
                None => Ok(None),
            }
        };
        let (opened, swapped) = tokio::join!(opened, swapped);
        opened?.all_well()?;
        if let Some(took) = swapped? {
            if took.as_secs_f64() > pace.calls as f64 / pace.rate {
                return Err(Failure::Wrong(format!(
                    "the swap was under way for {took:?}, longer than cases were opened"
                )));
            }
            self.swaps.push(took.as_millis());
        }
        let reached_us = self.gateway.wait_for(first..self.next).await?;
        let meant_us = |n: usize| begun_us + (n as f64 / pace.rate * 1e6) as i64;
        let times = reached_us.iter().enumerate().map(|(n, reached_us)| {
            let took_us = (reached_us - meant_us(n)).max(0);
            Duration::from_micros(took_us.unsigned_abs())
        });
        let seen = Seen::of(times.collect(), begun.elapsed());
        let which = usize::from(to.is_none());
        self.silences[which].push(silence_ms(reached_us));
        Ok(seen)
    }

    /// The live library once more, as a new generation; its number.
    async fn stage(&self) -> Result<i64, Failure> {
        let library = cargo::profile_dir(cargo::PROFILE).join("librecoup_sms.so");
        let request = pb::StageChannelRequest {
            request_id: format!("stage-{}", self.next),
            kind: CHANNEL.to_owned(),
            path: library.display().to_string(),
            ..pb::StageChannelRequest::default()
        };
        let staged = self.ana.channels().stage_channel(request).await?;
        Ok(staged.into_inner().channel.map_or(0, |c| c.generation))
    }

    /// Swaps to a generation; how long it took until that was live.
    async fn swapped(&self, to: i64) -> Result<Duration, Failure> {
        let begun = Instant::now();
        let request = pb::SwapChannelRequest {
            request_id: format!("swap-{to}"),
            kind: CHANNEL.to_owned(),
            generation: to,
            canary_percents: vec![50, 100],
            hold_seconds: Some(1),
            judged_min: Some(5),
        };
        self.ana.channels().swap_channel(request).await?;
        while begun.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK).await;
            let request = pb::ListChannelsRequest {
                page_size: 1_000,
                show_all: true,
                ..pb::ListChannelsRequest::default()
            };
            let listed = self.ana.channels().list_channels(request).await?;
            let all = listed.into_inner().channels;
            let found = all.into_iter().find(|c| c.generation == to);
            match found.as_ref().map(pb::Channel::state) {
                Some(pb::ChannelState::Live) => return Ok(begun.elapsed()),
                Some(pb::ChannelState::Faulted) => {
                    let why = found.map(|c| c.detail).unwrap_or_default();
                    return Err(Failure::Wrong(format!("the swap went back: {why}")));
                }
                _ => {}
            }
        }
        Err(Failure::Wrong("the swap came to no end".to_owned()))
    }

    /// Waits for a second text to anybody.
    async fn nobody_twice(&mut self) -> Result<(), Failure> {
        tokio::time::sleep(SETTLED).await;
        self.gateway.read()
    }
}

/// The longest time between two texts, in milliseconds.
fn silence_ms(mut reached_us: Vec<i64>) -> f64 {
    reached_us.sort_unstable();
    let gaps = reached_us.windows(2).map(|two| two[1] - two[0]);
    gaps.max().unwrap_or(0) as f64 / 1e3
}

/// What the sandbox wrote down: when the text to each number came, in microseconds of Unix time.
struct Gateway {
    log: PathBuf,
    read_to: u64,
    reached_us: Vec<Option<i64>>,
}

impl Gateway {
    fn of(folder: &Path) -> Self {
        Self {
            log: folder.join("sandbox.jsonl"),
            read_to: 0,
            reached_us: Vec::new(),
        }
    }

    /// Waits until all of these have a text; when each came.
    async fn wait_for(&mut self, loans: std::ops::Range<u32>) -> Result<Vec<i64>, Failure> {
        let begun = Instant::now();
        let (first, last) = (loans.start as usize, loans.end as usize);
        loop {
            self.read()?;
            let there = self.reached_us.get(first..last).unwrap_or_default();
            let there: Option<Vec<i64>> = there.iter().copied().collect();
            match there.filter(|there| there.len() == loans.len()) {
                Some(all) => return Ok(all),
                None if begun.elapsed() < PATIENCE => tokio::time::sleep(LOOK).await,
                None => break,
            }
        }
        let there = (first..last).filter(|n| self.reached_us.get(*n).is_some_and(Option::is_some));
        Err(Failure::Wrong(format!(
            "{} of {} contacts never came to the gateway",
            loans.len() - there.count(),
            loans.len()
        )))
    }

    /// Reads on.
    fn read(&mut self) -> Result<(), Failure> {
        let mut log = BufReader::new(File::open(&self.log)?);
        log.seek(SeekFrom::Start(self.read_to))?;
        let mut line = String::new();
        // A line that is not whole yet is read the next time.
        while log.read_line(&mut line)? > 0 && line.ends_with('\n') {
            self.take(&line)?;
            self.read_to += line.len() as u64;
            line.clear();
        }
        Ok(())
    }

    fn take(&mut self, line: &str) -> Result<(), Failure> {
        let said: Value = serde_json::from_str(line).map_err(Failure::other)?;
        if said["type"] != "receipt" {
            return Ok(());
        }
        let number = said["dest"].as_str().and_then(Loan::number_of);
        let (Some(number), Some(at_us)) = (number, said["wall_us"].as_i64()) else {
            return Err(Failure::Wrong(format!("a text to nobody known: {line}")));
        };
        let number = number as usize;
        if self.reached_us.len() <= number {
            self.reached_us.resize(number + 1, None);
        }
        match self.reached_us[number].replace(at_us) {
            None => Ok(()),
            Some(_) => Err(Failure::Wrong(format!("loan {number} was texted twice"))),
        }
    }
}
