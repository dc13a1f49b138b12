//! Three servers on one PostgreSQL, and what happens to them under load.

use std::fs;
use std::path::Path;
use std::time::Duration;

use recoup_testkit::cluster::Cluster;
use tokio::task::JoinSet;

use super::campaign::{Campaign, Fault, settle};
use super::lender;
use super::line::{Line, Mood};
use super::load::Load;
use super::loan;
use super::past::Trouble;
use super::planted::LAZY_DISK;
use super::verdict::Row;
use super::world::{Life, Place, Sandbox, Setup, Store, Tracer};
use crate::chance;
use crate::demo::ledger;

const NAMES: [&str; 3] = ["a", "b", "c"];
/// A life lasts from the first to the second, in milliseconds.
const LIFE_MS: (i64, i64) = (200, 3_000);
/// One that is ended in its start, perhaps.
const START_MS: (i64, i64) = (10, 500);
/// Of so many lives in a hundred.
const ENDED_IN_START: i64 = 20;
/// What lies between two troubles.
const PAUSE_MS: (i64, i64) = (300, 1_500);
/// How long a server is stopped whose lines are cut meanwhile, and how long a line says nothing.
const STOPPED_MS: (i64, i64) = (500, 8_000);
/// Every so many stops one lasts longer than a lease.
const PAST_LEASE_EVERY: usize = 8;
/// A lease lasts a minute.
const PAST_LEASE: Duration = Duration::from_secs(65);
/// How long the database is away: shorter and longer than a server waits for it.
const AWAY_MS: (i64, i64) = (0, 8_000);
/// A hang guard: commits come all the time.
const COMMIT_MAX: Duration = Duration::from_secs(60);

/// One of the servers.
struct Server {
    name: &'static str,
    setup: Setup,
    life: Life,
    slowest_start: Duration,
}

impl Campaign {
    /// Runs a fault of servers that share a database, to the judge's word.
    pub(super) async fn run_shared(&self) -> Result<Row, String> {
        let mut cluster = Cluster::start(&[]).ok_or("there is no PostgreSQL to share")?;
        let url = cluster.database("recoup");
        let sandbox = Sandbox::start(&self.folder, self.seed, None).await?;
        let (mut servers, mut lines) = (Vec::new(), Vec::new());
        for name in NAMES {
            let url = match self.fault {
                Fault::Zombie | Fault::CutLine => {
                    let line = Line::to(cluster.socket()).await?;
                    let url = line.url("recoup");
                    lines.push(line);
                    url
                }
                _ => url.clone(),
            };
            servers.push(self.server(name, &sandbox, &url).await?);
            if servers.len() == 1 {
                // The others read it when they start.
                let setup = &servers[0].setup;
                let (ana, ben) = (setup.client("dev-ana")?, setup.client("dev-ben")?);
                lender::set_up(&ana, &ben, lender::POLICY).await?;
            }
        }
        if self.plant == Some(LAZY_DISK) {
            // Of connections that are made from now on: after a crash, all.
            cluster.sql(
                "recoup",
                "ALTER DATABASE recoup SET synchronous_commit = off",
            );
        }
        let callers = servers.iter().map(|s| s.setup.impatient_client("dev-ana"));
        let load = Load::over(callers.collect::<Result<_, _>>()?, self.seed);
        let ana = servers[0].setup.client("dev-ana")?;
        let troubles = match self.fault {
            Fault::Zombie => self.stop_some(&mut servers, &lines).await?,
            Fault::DatabaseAway => self.take_away(&mut cluster).await?,
            Fault::CutLine => self.cut(&lines).await?,
            _ => self.kill_some(&mut servers).await?,
        };
        load.stop();
        let acked = load.finish().await?;
        settle(&ana).await?;
        let slowest_start = servers.iter().map(|s| s.slowest_start).max();
        let ledger = self.folder.join("ledger.jsonl");
        let exported = ledger::export(&ana, &ledger).await;
        exported.map_err(|e| e.to_string())?;
        for mut server in servers {
            let about = |why: String| format!("server {}: {why}", server.name);
            server.life.must_live().map_err(about)?;
            server.life.stop().await?;
        }
        let log = sandbox.log.clone();
        sandbox.stop().await?;
        let mut row = Row::judge(self.fault, &log, &ledger)?;
        row.points = self.points;
        row.slowest_start = slowest_start.unwrap_or_default();
        row.check_acked(&ledger, &acked)?;
        row.check_past(&log, &ledger, &troubles)?;
        Ok(row)
    }

    async fn server(
        &self,
        name: &'static str,
        sandbox: &Sandbox,
        url: &str,
    ) -> Result<Server, String> {
        let folder: &Path = &self.folder.join(name);
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let plant = self.plant.filter(|bug| *bug != LAZY_DISK);
        let mut setup = Setup::new(folder, sandbox, Store::Shared(url), Place::Isolated, plant)?;
        let life = setup.live(Tracer::None).await?;
        let slowest_start = life.start;
        Ok(Server {
            name,
            setup,
            life,
            slowest_start,
        })
    }

    /// kill -9 of each by a plan of its own, so that several may be dead at once.
    async fn kill_some(&self, servers: &mut Vec<Server>) -> Result<Vec<Trouble>, String> {
        let mut running = JoinSet::new();
        for (n, server) in servers.drain(..).enumerate() {
            let kills = (self.points + n) / NAMES.len();
            running.spawn(server.killed(self.seed, kills));
        }
        let mut troubles = Vec::new();
        while let Some(done) = running.join_next().await {
            let (server, own) = done.map_err(|e| e.to_string())??;
            servers.push(server);
            troubles.extend(own);
        }
        troubles.sort_unstable();
        Ok(troubles)
    }

    /// SIGSTOP: one sleeps while the others think it dead, and goes on where it was.
    async fn stop_some(
        &self,
        servers: &mut [Server],
        lines: &[Line],
    ) -> Result<Vec<Trouble>, String> {
        let mut troubles = Vec::new();
        for n in 0..self.points {
            self.pause("pause", n, PAUSE_MS).await;
            let which = self.which(n);
            let begun = loan::now_us();
            servers[which].life.signal("STOP")?;
            if n % PAST_LEASE_EVERY == PAST_LEASE_EVERY - 1 {
                tokio::time::sleep(PAST_LEASE).await;
            } else {
                // The database forgets it at once.
                lines[which].set(Mood::Cut);
                self.pause("stopped", n, STOPPED_MS).await;
                lines[which].set(Mood::Sound);
            }
            servers[which].life.signal("CONT")?;
            troubles.push(Trouble::until_now_and_after(begun));
        }
        Ok(troubles)
    }

    /// The database stops as in a crash, and comes back.
    async fn take_away(&self, cluster: &mut Cluster) -> Result<Vec<Trouble>, String> {
        let mut troubles = Vec::new();
        for n in 0..self.points {
            self.pause("pause", n, PAUSE_MS).await;
            let begun = loan::now_us();
            cluster.crash();
            self.pause("away", n, AWAY_MS).await;
            cluster.resume();
            troubles.push(Trouble::until_now_and_after(begun));
        }
        Ok(troubles)
    }

    /// The line of one between it and the database is cut, goes dumb or slow.
    async fn cut(&self, lines: &[Line]) -> Result<Vec<Trouble>, String> {
        let mut troubles = Vec::new();
        for n in 0..self.points {
            self.pause("pause", n, PAUSE_MS).await;
            let line = &lines[self.which(n)];
            let begun = loan::now_us();
            match n % 4 {
                0 => line.cut_at_commit(true, COMMIT_MAX).await?,
                1 => line.cut_at_commit(false, COMMIT_MAX).await?,
                2 => {
                    line.set(Mood::Dumb);
                    self.pause("dumb", n, STOPPED_MS).await;
                    line.set(Mood::Cut);
                    self.pause("cut", n, PAUSE_MS).await;
                }
                _ => {
                    line.set(Mood::Slow);
                    self.pause("slow", n, PAUSE_MS).await;
                    line.set(Mood::Cut);
                }
            }
            line.set(Mood::Sound);
            troubles.push(Trouble::until_now_and_after(begun));
        }
        Ok(troubles)
    }

    fn which(&self, n: usize) -> usize {
        chance::between(self.seed, &["which", &n.to_string()], 0, 2) as usize
    }

    async fn pause(&self, what: &str, n: usize, (least, most): (i64, i64)) {
        let lasts = chance::between(self.seed, &[what, &n.to_string()], least, most);
        tokio::time::sleep(millis(lasts)).await;
    }
}

impl Server {
    async fn killed(mut self, seed: u64, kills: usize) -> Result<(Self, Vec<Trouble>), String> {
        let mut troubles = Vec::new();
        let mut n = 0;
        while n < kills {
            let number = n.to_string();
            let draw = |what, (least, most): (i64, i64)| {
                millis(chance::between(
                    seed,
                    &[self.name, what, &number],
                    least,
                    most,
                ))
            };
            let lasts = draw("life", LIFE_MS);
            let starts = draw("start", START_MS);
            tokio::time::sleep(lasts).await;
            let asked = loan::now_us();
            self.life.kill().await?;
            troubles.push(Trouble::until_now(asked));
            n += 1;
            if n < kills && chance::happens(seed, &[self.name, "in start", &number], ENDED_IN_START)
            {
                self.setup.live_for(starts).await?;
                troubles.push(Trouble::until_now(asked));
                n += 1;
            }
            self.life = self.setup.live(Tracer::None).await?;
            self.slowest_start = self.slowest_start.max(self.life.start);
        }
        Ok((self, troubles))
    }
}

fn millis(n: i64) -> Duration {
    Duration::from_millis(n.unsigned_abs())
}
