//! What the machine does on work that was measured when it was quiet. A raw limit that rests on a
//! baseline more than twice worse than then is printed as suspect.

use std::hint::black_box;
use std::path::Path;

use recoup::api::recoup::v1;
use rusqlite::{Connection, params};

use super::client::Client;
use super::measure::{Sample, Stopwatch, median_of};
use super::report::{Baseline, Better};
use super::{Failure, Ground, get, raw};

pub(super) const ROWS_1: &str = "SQLite FULL, 400-byte rows, 1 a commit";
pub(super) const ROWS_100: &str = "SQLite FULL, 400-byte rows, 100 a commit";
pub(super) const ROWS_1000: &str = "SQLite FULL, 400-byte rows, 1,000 a commit";
pub(super) const ECHO: &str = "tonic echo, 32 in flight";
pub(super) const TICK: &str = "SQL: nothing due of 10,000";
pub(super) const TRAIT_CALL: &str = "call of a trait object";

/// Measures the machine.
pub(super) fn measure(ground: &Ground) -> Result<Vec<Baseline>, Failure> {
    let mut all = Vec::new();
    for (what, batch, rows, quiet) in [
        (ROWS_1, 1, ground.size(500, 20), 4_829.0),
        (ROWS_100, 100, ground.size(10_000, 200), 49_806.0),
        (ROWS_1000, 1_000, ground.size(20_000, 2_000), 80_000.0),
    ] {
        let samples = repeat(ground, || {
            let dir = ground.folder()?;
            write_rows(dir.path(), rows, batch)
        })?;
        all.push(rate(what, "rows/s", quiet, &samples));
    }
    let echo = ground.runtime.block_on(async {
        let message = v1::GetCaseResponse {
            case: Some(v1::Case {
                lender_case_ref: "x".repeat(270),
                ..v1::Case::default()
            }),
        };
        let at = get::echo(message).await?;
        let ids = vec!["c".to_owned()];
        let calls = ground.size(20_000, 200);
        let client = [Client::plain(at).await?];
        get::calls(&client, &ids, calls / 10).await?;
        let mut samples = Vec::new();
        for _ in 0..ground.rounds {
            samples.push(get::calls(&client, &ids, calls).await?);
        }
        Ok::<_, Failure>(samples)
    })?;
    all.push(rate(ECHO, "calls/s", 32_000.0, &echo));
    all.push(empty_tick(ground)?);
    all.push(trait_call(ground)?);
    Ok(all)
}

fn repeat(
    ground: &Ground,
    mut once: impl FnMut() -> Result<Sample, Failure>,
) -> Result<Vec<Sample>, Failure> {
    (0..ground.rounds).map(|_| once()).collect()
}

fn rate(what: &'static str, unit: &'static str, quiet: f64, samples: &[Sample]) -> Baseline {
    Baseline {
        what,
        now: median_of(samples, Sample::rate),
        quiet,
        unit,
        better: Better::Higher,
    }
}

/// Rows of about 400 bytes with two indexes, in the order of their keys.
fn write_rows(dir: &Path, rows: usize, batch: usize) -> Result<Sample, Failure> {
    let conn = raw::connect(&dir.join("rows.db"))?;
    conn.execute_batch(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a BLOB NOT NULL, b INTEGER NOT NULL, body BLOB NOT NULL);
         CREATE INDEX t_a ON t (a); CREATE INDEX t_b ON t (b);",
    )?;
    let body = [b'x'; 370];
    let watch = Stopwatch::start();
    for first in (0..rows).step_by(batch) {
        conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut insert = conn.prepare_cached("INSERT INTO t VALUES (?1, ?2, ?3, ?4)")?;
        for n in first..(first + batch).min(rows) {
            let id = (n as u128).to_be_bytes();
            insert.execute(params![n as i64, id, n as i64, body])?;
        }
        conn.prepare_cached("COMMIT")?.execute([])?;
    }
    Ok(watch.stop(rows))
}

/// The statement of a tick, by itself, on a schedule of which nothing is due.
pub(super) fn bare_tick(conn: &Connection, ticks: usize) -> Result<Sample, Failure> {
    let due = "SELECT case_id, next_at FROM sched WHERE next_at IS NOT NULL AND next_at <= ?1
        ORDER BY next_at, case_id LIMIT ?2";
    let watch = Stopwatch::start();
    for _ in 0..ticks {
        if conn.prepare_cached(due)?.exists([0, 256])? {
            return Err(Failure::Wrong("something was due".to_owned()));
        }
    }
    Ok(watch.stop(ticks))
}

fn empty_tick(ground: &Ground) -> Result<Baseline, Failure> {
    let dir = ground.folder()?;
    let conn = raw::connect(&dir.path().join("sched.db"))?;
    conn.execute_batch(
        "CREATE TABLE sched (case_id BLOB PRIMARY KEY NOT NULL, next_at INTEGER) WITHOUT ROWID;
         CREATE INDEX sched_due ON sched (next_at) WHERE next_at IS NOT NULL; BEGIN;",
    )?;
    for n in 0..10_000_i64 {
        let put = "INSERT INTO sched VALUES (?1, ?2)";
        conn.prepare_cached(put)?
            .execute(params![i128::from(n).to_be_bytes(), n + 1])?;
    }
    conn.execute_batch("COMMIT")?;
    let ticks = ground.size(20_000, 100);
    let samples = repeat(ground, || bare_tick(&conn, ticks))?;
    Ok(time(TICK, "us", 1.5, median_of(&samples, Sample::us)))
}

trait Bump: Send + Sync {
    fn bump(&self, by: u64) -> Box<u64>;
}

struct One;

impl Bump for One {
    fn bump(&self, by: u64) -> Box<u64> {
        Box::new(by + 1)
    }
}

/// As a channel's call: through a trait object, with a box for its answer.
fn trait_call(ground: &Ground) -> Result<Baseline, Failure> {
    let one: Box<dyn Bump> = black_box(Box::new(One));
    let calls = ground.size(2_000_000, 1_000);
    let samples = repeat(ground, || {
        let watch = Stopwatch::start();
        let mut n = 0;
        for _ in 0..calls {
            n = *black_box(one.bump(black_box(n)));
        }
        black_box(n);
        Ok(watch.stop(calls))
    })?;
    Ok(time(
        TRAIT_CALL,
        "ns",
        25.0,
        median_of(&samples, Sample::us) * 1_000.0,
    ))
}

fn time(what: &'static str, unit: &'static str, quiet: f64, now: f64) -> Baseline {
    Baseline {
        what,
        now,
        quiet,
        unit,
        better: Better::Lower,
    }
}
