//! G14: a tick of the engine where nothing is due, by the number of cases that wait.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use recoup_engine::Engine;
use recoup_engine::clock::SteppedWall;
use recoup_engine::stepped::Ground as _;
use recoup_store::sqlite::{ClockStamp, SqliteStore};
use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::measure::{Arm, Pairs, Sample, Stopwatch, median_of};
use super::opening::POLICY;
use super::report::{Better, Figure, Line, short};
use super::stack::{self, StoreIs};
use super::{Failure, Ground, machine, raw};

const START: &str = "2026-03-01T00:00:00Z";

/// An engine on a store in which so many cases wait for later.
struct Waiting {
    engine: Engine,
    bare: Connection,
    _dir: TempDir,
}

impl Waiting {
    fn new(ground: &Ground, cases: usize) -> Result<Self, Failure> {
        let dir = ground.folder()?;
        let start: Timestamp = START.parse().map_err(Failure::other)?;
        // A first engine makes the store and the one case that all others are copies of.
        let engine = ground.runtime.block_on(async {
            let engine = open(dir.path(), start, POLICY).await?;
            let input = super::contacts::case(0);
            engine
                .import_case(&stack::caller("ana")?, &input)
                .await
                .map_err(Failure::other)?;
            Ok::<_, Failure>(engine)
        })?;
        drop(engine);
        fill(dir.path(), cases, start)?;
        let [main, _] = SqliteStore::files(dir.path());
        let bare = raw::connect(&main)?;
        let again = POLICY.replace("name: ladder", "name: ladder-again");
        Ok(Self {
            engine: ground.runtime.block_on(open(dir.path(), start, &again))?,
            bare,
            _dir: dir,
        })
    }

    fn ticks(&self, ground: &Ground, ticks: usize) -> Result<Sample, Failure> {
        ground.runtime.block_on(async {
            let watch = Stopwatch::start();
            for _ in 0..ticks {
                let next = self.engine.run_dry().await.map_err(Failure::Wrong)?;
                if next.is_none() {
                    return Err(Failure::Wrong("no case waits".to_owned()));
                }
            }
            Ok(watch.stop(ticks))
        })
    }
}

async fn open(dir: &Path, start: Timestamp, policy: &str) -> Result<Engine, Failure> {
    let store = StoreIs {
        dir,
        clock: ClockStamp::Stepped,
        batch_max: None,
    };
    stack::engine(store, Arc::new(SteppedWall::new(start)), policy).await
}

/// Copies the one case until there are `cases`, each due a day or more after `start`, in the 15-minute
/// slots of a year.
fn fill(dir: &Path, cases: usize, start: Timestamp) -> Result<(), Failure> {
    let [main, _] = SqliteStore::files(dir);
    let conn = raw::connect(&main)?;
    conn.execute_batch("PRAGMA synchronous = OFF; BEGIN IMMEDIATE;")?;
    let day = 86_400_000_000_i64;
    let first = start.as_microsecond() + day;
    conn.execute("UPDATE sched SET next_at = ?1", [first])?;
    {
        let mut case = conn.prepare(
            "INSERT INTO case_ SELECT ?1, tenant, version, ?1, borrower, status, stage, worklist, policy,
                policy_version, body, sealed
             FROM case_ WHERE rowid = 1",
        )?;
        let mut sched = conn.prepare("INSERT INTO sched VALUES (?1, ?2)")?;
        for n in 1..cases {
            let id = (n as u128 + (0xff << 120)).to_be_bytes();
            case.execute([id])?;
            let slot = (n as i64).wrapping_mul(7_919).rem_euclid(365 * 96);
            sched.execute(params![id, first + slot * day / 96])?;
        }
    }
    conn.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE);")?;
    Ok(())
}

/// G14: the empty tick.
pub(super) fn tick(ground: &Ground) -> Result<Line, Failure> {
    let (many, few) = (ground.size(1_000_000, 2_000), ground.size(10_000, 100));
    let ticks = ground.size(3_000, 20);
    let (large, small) = (Waiting::new(ground, many)?, Waiting::new(ground, few)?);
    large.ticks(ground, ticks)?;
    small.ticks(ground, ticks)?;
    let pairs = Pairs::measure(ground.rounds, |arm| match arm {
        Arm::Ours => large.ticks(ground, ticks),
        Arm::Raw => small.ticks(ground, ticks),
    })?;
    let mut bare = Vec::new();
    for _ in 0..ground.rounds {
        bare.push(machine::bare_tick(&large.bare, ticks)?);
    }
    Ok(Line {
        goal: "G14",
        what: format!("tick with {many} cases, none due, against {few}"),
        ours: Figure::time(format!("tick with {many}"), &pairs.ours),
        raw: Figure::time(format!("tick with {few}"), &pairs.raw),
        result: 1.0 / pairs.ratio(),
        result_unit: "times",
        aim: 1.5,
        stretch: Some(1.1),
        better: Better::Lower,
        suspect: None,
        price: None,
        notes: vec![format!(
            "a tick is two reads, each handed to a thread that may block; the claim's statement by itself \
             takes {} us with {many} cases",
            short(median_of(&bare, Sample::us))
        )],
    })
}
