//! G1, G2 and G4: opening cases against the raw store, one by one and as an import, committed together
//! and singly.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use super::client::{opening, row};
use super::measure::{Arm, Pairs, Sample, Stopwatch, median, median_of};
use super::raw::Opened;
use super::report::{Figure, Line, short};
use super::stack::{Door, Running, Who};
use super::{Failure, Ground};

/// Calls under way.
const IN_FLIGHT: usize = 256;
/// The raw limit of an import commits so many cases at once.
const IMPORT_BATCH: usize = 1_000;

pub(super) const POLICY: &str = "
name: ladder
stages:
  - name: remind
    enter: case.dpd >= 1
    steps: [{channel: sms, template: reminder, every: 3d, max: 3}]
  - name: call
    enter: case.dpd >= 4 && (contacts.sms.made >= 1 || exhausted('remind'))
    steps: [{channel: phone, template: reminder, every: 1d, max: 10, between: ['10:00', '19:00']}]
";

/// Cases that a server opened, and the commits it took.
struct Run {
    sample: Sample,
    commits: u64,
    dir: TempDir,
}

/// How cases come in.
#[derive(Clone, Copy)]
enum How {
    Unary,
    Import,
}

/// Opens cases on a new store.
fn run(
    ground: &Ground,
    how: How,
    door: Door,
    cases: usize,
    batch_max: Option<usize>,
) -> Result<Run, Failure> {
    let dir = ground.folder()?;
    ground.runtime.block_on(async {
        let server = Running::start(dir.path(), batch_max, POLICY).await?;
        let mut newest = server.engine.newest();
        newest.borrow_and_update();
        let commits = Arc::new(AtomicU64::new(0));
        let counted = commits.clone();
        let counting = tokio::spawn(async move {
            while newest.changed().await.is_ok() {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        let sample = match how {
            How::Unary => unary_calls(&server, door, cases).await,
            How::Import => one_import(&server, door, cases).await,
        };
        counting.abort();
        server.end().await;
        Ok(Run {
            sample: sample?,
            commits: commits.load(Ordering::Relaxed).max(1),
            dir,
        })
    })
}

async fn unary_calls(server: &Running, door: Door, cases: usize) -> Result<Sample, Failure> {
    let clients = server.clients(door, IN_FLIGHT).await?;
    let now = server.engine.wall().now();
    let mut todo: Vec<Vec<_>> = (0..IN_FLIGHT).map(|_| Vec::new()).collect();
    for n in (0..cases).rev() {
        todo[n % IN_FLIGHT].push(opening(n, now));
    }
    let watch = Stopwatch::start();
    let mut tasks = tokio::task::JoinSet::new();
    for (n, mut requests) in todo.into_iter().enumerate() {
        let mut client = clients[n % clients.len()].clone();
        tasks.spawn(async move {
            while let Some(request) = requests.pop() {
                client.open(request).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(Failure::other)??;
    }
    Ok(watch.stop(cases))
}

async fn one_import(server: &Running, door: Door, cases: usize) -> Result<Sample, Failure> {
    let mut client = server.client(door, Who::Ana).await?;
    let now = server.engine.wall().now();
    let rows = (0..cases).map(|n| row(n, now)).collect();
    let watch = Stopwatch::start();
    let opened = client.import(rows).await?;
    let sample = watch.stop(cases);
    if opened != cases {
        return Err(Failure::Wrong(format!(
            "{opened} of {cases} rows were opened"
        )));
    }
    Ok(sample)
}

/// The rows of a first run, which is not counted; every raw arm writes them again.
fn rows_of(ground: &Ground, how: How, cases: usize) -> Result<Opened, Failure> {
    Opened::read(run(ground, how, Door::Identified, cases, None)?.dir.path())
}

/// One sample through the door with identity for the goal, and one in plain text beside it for the price.
fn both_doors(ground: &Ground, how: How, cases: usize, price: &mut Pairs) -> Result<Run, Failure> {
    let measured = in_turn(price.ours.len(), |door| run(ground, how, door, cases, None));
    let (identified, development) = measured?;
    price.ours.push(identified.sample);
    price.raw.push(development.sample);
    Ok(identified)
}

/// Measures through both doors; who begins alternates.
pub(super) fn in_turn<T>(
    round: usize,
    mut measure: impl FnMut(Door) -> Result<T, Failure>,
) -> Result<(T, T), Failure> {
    if round.is_multiple_of(2) {
        let identified = measure(Door::Identified)?;
        Ok((identified, measure(Door::Development)?))
    } else {
        let development = measure(Door::Development)?;
        Ok((measure(Door::Identified)?, development))
    }
}

/// G1: unary OpenCase.
pub(super) fn unary(ground: &Ground) -> Result<Line, Failure> {
    let cases = ground.size(16_384, 512);
    let rows = rows_of(ground, How::Unary, cases)?;
    let (mut batches, mut price) = (Vec::new(), Pairs::default());
    let pairs = Pairs::measure(ground.rounds, |arm| match arm {
        Arm::Ours => {
            let run = both_doors(ground, How::Unary, cases, &mut price)?;
            batches.push(cases as f64 / run.commits as f64);
            Ok(run.sample)
        }
        Arm::Raw => rows.write(ground.folder()?.path(), cases, IN_FLIGHT),
    })?;
    let what = "unary OpenCase, 256 in flight, against raw group commit of equal rows";
    Ok(Line::share("G1", what, "cases/s", &pairs)
        .named("server and client, identified", "SQL, 256 a commit")
        .aims(0.35, 0.45)
        .priced(&price)
        .note(format!(
            "{}; the server committed {} cases at a time",
            rows.shape(),
            short(median(batches))
        )))
}

/// G2: ImportCases.
pub(super) fn import(ground: &Ground) -> Result<Line, Failure> {
    let cases = ground.size(20_000, 1_000);
    let rows = rows_of(ground, How::Import, cases)?;
    let (mut batches, mut price) = (Vec::new(), Pairs::default());
    let pairs = Pairs::measure(ground.rounds, |arm| match arm {
        Arm::Ours => {
            let run = both_doors(ground, How::Import, cases, &mut price)?;
            batches.push(cases as f64 / run.commits as f64);
            Ok(run.sample)
        }
        Arm::Raw => rows.write(ground.folder()?.path(), cases, IMPORT_BATCH),
    })?;
    let what = "ImportCases, one stream, against raw commits of 1,000 cases of equal rows";
    Ok(Line::share("G2", what, "cases/s", &pairs)
        .named("server and client, identified", "SQL, 1,000 a commit")
        .aims(0.7, 0.85)
        .priced(&price)
        .note(format!(
            "{}; the server committed {} cases at a time",
            rows.shape(),
            short(median(batches))
        )))
}

/// G4: what committing together is worth.
pub(super) fn grouping(ground: &Ground) -> Result<Line, Failure> {
    let (many, few) = (ground.size(4_096, 256), ground.size(1_024, 64));
    let rows = rows_of(ground, How::Unary, many)?;
    let raw = Pairs::measure(ground.rounds, |arm| {
        let (cases, batch) = match arm {
            Arm::Ours => (many, IN_FLIGHT),
            Arm::Raw => (few, 1),
        };
        rows.write(ground.folder()?.path(), cases, batch)
    })?;
    let served = Pairs::measure(ground.rounds, |arm| {
        let (cases, batch_max) = match arm {
            Arm::Ours => (many, None),
            Arm::Raw => (few, Some(1)),
        };
        let run = run(ground, How::Unary, Door::Identified, cases, batch_max)?;
        Ok::<_, Failure>(run.sample)
    })?;
    let what = "OpenCase, 256 in flight: committed together over singly, as a share of the same of the raw \
                store";
    let line = Line::share("G4", what, "times", &served).aims(0.5, 0.8);
    let times = |name: &str, pairs: &Pairs| Figure {
        name: name.to_owned(),
        value: pairs.ratio(),
        unit: "times",
        cpu_us: Some(median_of(&pairs.ours, Sample::cpu_us)),
    };
    Ok(Line {
        ours: times("server: together over singly", &served),
        raw: times("SQL: 256 over 1 a commit", &raw),
        result: served.ratio() / raw.ratio(),
        ..line
    }
    .note(format!(
        "cases/s together and singly: server {} and {}, raw {} and {}",
        short(median_of(&served.ours, Sample::rate)),
        short(median_of(&served.raw, Sample::rate)),
        short(median_of(&raw.ours, Sample::rate)),
        short(median_of(&raw.raw, Sample::rate)),
    )))
}
