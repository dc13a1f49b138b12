//! One fault from the first case to the judge's word.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use recoup::api::recoup::v1 as pb;

use super::aim::{CALLS, Range};
use super::lender;
use super::load::{Acked, Load};
use super::look::Looks;
use super::swaps::Told;
use super::verdict::Row;
use super::world::{self, Place, Sandbox, Setup, Store, Tracer};
use crate::chance;
use crate::demo::client::Client;
use crate::demo::ledger;

/// Cases of a campaign that kills nobody.
const CASES: u32 = 150;
/// Cases of the life that is traced before the others are aimed at.
const CASES_TRACED: u32 = 10;
/// A hang guard: a life comes to its point within two seconds.
const LIFE_MAX: Duration = Duration::from_secs(30);
/// How long the end may take to settle: the sandbox tries a call-back for half a minute.
const SETTLE: Duration = Duration::from_secs(180);
/// How long nothing happens when all has settled: longer than the sandbox waits before it tries a call-back again.
const STILL: Duration = Duration::from_secs(6);
/// How long nothing happens to what is under way when it is stuck: longer than any call and its pauses.
const STUCK: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);
/// Between two kills of channels, in milliseconds.
const PAUSE_MS: (i64, i64) = (30, 300);
/// What providers do wrong, and how often.
const MISBEHAVE: &str = "*:cut=0.04,*:cut_before=0.04,*:error_500=0.04,*:slow=0.03@3000,*:garbage=0.03,\
                         *:reject=0.03,*:duplicate_callback=0.1,*:reorder_callback=0.1";

/// What goes wrong in a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Fault {
    /// Nothing: the run must be live.
    Calm,
    /// People pay and opt out while contacts are under way.
    StopFacts,
    /// Providers that cut, err, come late, talk nonsense and repeat themselves.
    Answers,
    /// kill -9 on entering a call of the system, life after life.
    KillSyscall,
    /// kill -9 at random instants of the processes that channels have of their own.
    KillChannels,
    /// Channels are swapped, for good generations and for bad ones; amid some swaps the server is killed.
    Swaps,
    /// kill -9 at random instants of three servers that share a database.
    KillRandom,
    /// One of three servers is stopped until the others think it dead, and goes on.
    Zombie,
    /// The database of three servers crashes and comes back.
    DatabaseAway,
    /// The lines of three servers to their database are cut amid a commit, go dumb or slow.
    CutLine,
}

impl Fault {
    /// The name that people use.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::StopFacts => "stop-facts",
            Self::Answers => "answers",
            Self::KillSyscall => "kill-syscall",
            Self::KillChannels => "kill-channels",
            Self::Swaps => "swaps",
            Self::KillRandom => "kill-random",
            Self::Zombie => "zombie",
            Self::DatabaseAway => "database-away",
            Self::CutLine => "cut-line",
        }
    }

    /// How often it happens where nobody says: by hand, and in the slice that CI runs.
    pub(super) const fn points(self) -> (usize, usize) {
        match self {
            Self::Calm | Self::StopFacts | Self::Answers => (0, 0),
            Self::KillSyscall => (500, 120),
            Self::KillChannels => (400, 60),
            Self::Swaps => (1_000, 12),
            Self::KillRandom => (200, 60),
            Self::Zombie => (8, 3),
            Self::DatabaseAway => (12, 3),
            Self::CutLine => (40, 8),
        }
    }

    /// Whether it needs servers that share a database.
    pub(super) const fn is_shared(self) -> bool {
        matches!(
            self,
            Self::KillRandom | Self::Zombie | Self::DatabaseAway | Self::CutLine
        )
    }

    /// How many points one store has, where many are had in rounds with a store each: each further one would make its
    /// starts slower.
    pub(super) const fn round(self) -> Option<usize> {
        match self {
            Self::KillSyscall => Some(125),
            Self::Swaps => Some(100),
            _ => None,
        }
    }

    /// What the judge is told of it.
    pub(super) const fn judged(self) -> &'static [&'static str] {
        match self {
            Self::Calm => &["--require-live", "--live-channels", "sms,phone,email,visit"],
            Self::Answers => &["--allow-misbehave"],
            Self::StopFacts
            | Self::KillSyscall
            | Self::KillChannels
            | Self::Swaps
            | Self::KillRandom
            | Self::Zombie
            | Self::DatabaseAway
            | Self::CutLine => &[],
        }
    }
}

/// A campaign, or a round of one.
pub(super) struct Campaign {
    /// What goes wrong.
    pub(super) fault: Fault,
    /// Its own folder.
    pub(super) folder: PathBuf,
    /// What is drawn follows from it.
    pub(super) seed: u64,
    /// Kills, where it kills.
    pub(super) points: usize,
    /// The bug that is planted.
    pub(super) plant: Option<&'static str>,
}

impl Campaign {
    /// Runs it to the judge's word.
    pub(super) async fn run(&self, range: Option<&Range>) -> Result<Row, String> {
        let misbehave = (self.fault == Fault::Answers).then_some(MISBEHAVE);
        let sandbox = Sandbox::start(&self.folder, self.seed, misbehave).await?;
        let place = self.place();
        let mut setup = Setup::new(&self.folder, &sandbox, Store::Own, place, self.plant)?;
        let mut life = setup.live(Tracer::None).await?;
        let ana = setup.client("dev-ana")?;
        lender::set_up(&ana, &setup.client("dev-ben")?, lender::POLICY).await?;
        let (mut looks, mut slowest, mut told) =
            (Looks::default(), Duration::ZERO, Told::default());
        let kills = range.is_some() || matches!(self.fault, Fault::KillChannels | Fault::Swaps);
        let cases = (!kills).then_some(CASES);
        let load = Load::start(ana.clone(), self.seed, self.fault != Fault::Calm, cases);
        if let Some(range) = range {
            life.kill().await?;
            for n in 0..self.points {
                let point = range.draw(self.seed, n);
                let mut life = setup.live(Tracer::Kills(&point)).await?;
                slowest = slowest.max(life.start);
                if !life.dies_within(LIFE_MAX).await? {
                    let (call, number) = (point.call, point.number);
                    return Err(format!(
                        "no thread came to its {number}. {call}: a hang, or a range that is wrong"
                    ));
                }
                looks.add(&setup.database())?;
            }
            load.stop();
            life = setup.live(Tracer::None).await?;
        }
        if self.fault == Fault::KillChannels {
            self.kill_channels(&ana).await?;
            life.must_live()?;
            load.stop();
        }
        if self.fault == Fault::Swaps {
            let swaps = (self.seed, self.points);
            (life, told) = super::swaps::swap(swaps, (life, &mut setup), &ana).await?;
            load.stop();
        }
        let acked = load.finish().await?;
        settle(&ana).await?;
        let ledger = self.folder.join("ledger.jsonl");
        let exported = ledger::export(&ana, &ledger).await;
        exported.map_err(|e| e.to_string())?;
        life.stop().await?;
        let log = sandbox.log.clone();
        sandbox.stop().await?;
        let mut row = self.row(&log, &ledger, &acked, looks, slowest)?;
        row.swaps = told;
        Ok(row)
    }

    /// The channels where the fault is meant for them; else the server's own process, so that one trace sees
    /// all of a contact.
    fn place(&self) -> Place {
        match self.fault {
            Fault::KillSyscall => Place::Inline,
            _ => Place::Isolated,
        }
    }

    /// kill -9 of a channel's process, and the next after a while.
    async fn kill_channels(&self, ana: &Client) -> Result<(), String> {
        let mut killed = 0;
        for n in 0.. {
            let number = n.to_string();
            let pause = chance::between(self.seed, &["pause", &number], PAUSE_MS.0, PAUSE_MS.1);
            tokio::time::sleep(Duration::from_millis(pause.unsigned_abs())).await;
            let request = pb::ListChannelsRequest {
                page_size: 100,
                ..pb::ListChannelsRequest::default()
            };
            let listed = ana.channels().list_channels(request).await;
            let listed = listed
                .map_err(|e| format!("the channels: {e}"))?
                .into_inner();
            let ids = listed.channels.iter().map(|c| c.process_id);
            let alive: Vec<i64> = ids.filter(|id| *id > 0).collect();
            // One that nobody calls stays dead until somebody does.
            if !alive.is_empty() {
                let one = chance::pick(self.seed, &["which", &number], &alive);
                killed += usize::from(world::signal(*one, "KILL").is_ok());
            }
            if killed == self.points {
                return Ok(());
            }
            if n > 20 * self.points {
                return Err(format!("only {killed} processes were there to kill"));
            }
        }
        Ok(())
    }

    fn row(
        &self,
        log: &Path,
        ledger: &Path,
        acked: &Acked,
        looks: Looks,
        slowest: Duration,
    ) -> Result<Row, String> {
        let mut row = Row::judge(self.fault, log, ledger)?;
        row.points = self.points;
        row.slowest_start = slowest;
        row.check_acked(ledger, acked)?;
        if self.fault == Fault::KillSyscall {
            row.check_doubts(log, ledger, looks)?;
        }
        Ok(row)
    }

    /// Lives once under a tracer that only writes, and gives the points that there are.
    pub(super) async fn aim(&self) -> Result<Range, String> {
        let sandbox = Sandbox::start(&self.folder, self.seed, None).await?;
        let place = self.place();
        let mut setup = Setup::new(&self.folder, &sandbox, Store::Own, place, self.plant)?;
        let life = setup.live(Tracer::None).await?;
        let ana = setup.client("dev-ana")?;
        lender::set_up(&ana, &setup.client("dev-ben")?, lender::POLICY).await?;
        life.stop().await?;
        let trace = self.folder.join("strace.txt");
        let calls = format!("{},openat", CALLS.join(","));
        let life = setup.live(Tracer::Writes(&calls, &trace)).await?;
        let load = Load::start(ana.clone(), self.seed, true, Some(CASES_TRACED));
        load.finish().await?;
        until_at_rest(&ana).await?;
        life.stop().await?;
        sandbox.stop().await?;
        Range::read(&trace, "ready.part")
    }
}

/// What is under way or due, and the newest position.
async fn under_way(ana: &Client) -> Result<(i64, i64), String> {
    let status = ana.admin().get_status(pb::GetStatusRequest {}).await;
    let status = status.map_err(|e| format!("the server's status: {e}"))?;
    let status = status.into_inner();
    let of = |state: &str| status.contacts.get(state).copied().unwrap_or(0);
    let position = status.store.as_ref().map_or(0, |s| s.position);
    Ok((of("DISPATCHING") + of("CANCELLING") + status.due, position))
}

async fn until_at_rest(ana: &Client) -> Result<(), String> {
    let begun = Instant::now();
    while under_way(ana).await?.0 > 0 {
        if begun.elapsed() > SETTLE {
            return Err("contacts stay under way".to_owned());
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Waits until nothing is under way and nothing has happened for a while. What never comes to rest is the judge's to
/// name.
pub(super) async fn settle(ana: &Client) -> Result<(), String> {
    let begun = Instant::now();
    let (mut position, mut since) = (0, Instant::now());
    while begun.elapsed() < SETTLE {
        let (busy, newest) = match under_way(ana).await {
            // A server may find out only now that its database was away.
            Err(_) if begun.elapsed() < STUCK => {
                tokio::time::sleep(LOOK).await;
                continue;
            }
            answered => answered?,
        };
        if newest != position {
            (position, since) = (newest, Instant::now());
        }
        let enough = if busy > 0 { STUCK } else { STILL };
        if since.elapsed() > enough {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}
