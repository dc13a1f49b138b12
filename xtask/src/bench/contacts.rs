//! G9: contacts from claim to the next schedule, through a channel that answers at once, against the
//! same rows written by plain SQL in two durable transactions a batch.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::date;
use recoup_domain::case::{Amounts, LenderKind, Scores};
use recoup_domain::contact::ContactState;
use recoup_domain::money::Currency;
use recoup_domain::party::{BorrowerKind, PointKind, PointOwner};
use recoup_engine::Engine;
use recoup_engine::clock::SteppedWall;
use recoup_engine::stepped::Ground as _;
use recoup_engine::types::{CaseInput, PartyInput, PartyName, PointInput};
use recoup_store::sqlite::{ClockStamp, SqliteStore};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::measure::{Arm, Pairs, Sample, Stopwatch};
use super::report::Line;
use super::stack::{self, StoreIs};
use super::{Failure, Ground, raw};

/// Cases claimed at once, by both.
const BATCH: usize = 256;

/// One text every thirty days.
pub(super) const POLICY: &str = "
name: monthly
stages:
  - name: remind
    enter: case.dpd >= 1
    steps: [{channel: sms, template: reminder, every: 30d, max: 100}]
";

/// Case `n`, overdue since January.
pub(super) fn case(n: usize) -> CaseInput {
    CaseInput {
        lender_case_ref: format!("loan-{n:08}"),
        borrower: PartyName::Told(Box::new(PartyInput {
            lender_ref: format!("borrower-{n:08}"),
            display_name: format!("Zhang San {n}"),
            kind: BorrowerKind::Individual,
            regions: vec!["CN".to_owned()],
            zones: Vec::new(),
            locale: "zh-CN".to_owned(),
            points: vec![PointInput {
                state: None,
                named: None,
                kind: PointKind::Mobile,
                value: format!("+86138{n:08}"),
                owner: PointOwner::Own,
                zone: None,
                verified: true,
                source: "contract".to_owned(),
            }],
            tags: Vec::new(),
        })),
        parties: Vec::new(),
        jurisdiction: "CN".to_owned(),
        lender_kind: LenderKind::MicroloanCompany,
        borrower_kind: None,
        product: None,
        currency: Currency::new("CNY").unwrap_or_else(|_| unreachable!("CNY is a currency")),
        amounts: Amounts {
            principal: 500_000,
            interest: 12_000,
            fees: 0,
            overdue: 60_000,
        },
        oldest_unpaid_due: Some(date(2026, 1, 1)),
        scores: Scores::default(),
        tags: Vec::new(),
        documents: Vec::new(),
        previous: None,
        policy: None,
    }
}

/// 09:00 in Shanghai.
pub(super) fn start() -> Result<Timestamp, Failure> {
    "2026-03-01T01:00:00Z".parse().map_err(Failure::other)
}

/// Imports the first `cases`, several at once.
pub(super) async fn fill(engine: &Engine, cases: usize) -> Result<(), Failure> {
    let mut tasks = tokio::task::JoinSet::new();
    for first in 0..BATCH {
        let (engine, ana) = (engine.clone(), stack::caller("ana")?);
        tasks.spawn(async move {
            for n in (first..cases).step_by(BATCH) {
                engine.import_case(&ana, &case(n)).await?;
            }
            Ok::<_, recoup_engine::CommandError>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(Failure::other)?.map_err(Failure::other)?;
    }
    Ok(())
}

/// An engine that has cases to contact, and the clock that makes them due.
struct Portfolio {
    engine: Engine,
    wall: SteppedWall,
    cases: usize,
    next: Timestamp,
    contacts: u64,
}

impl Portfolio {
    async fn new(dir: &Path, cases: usize) -> Result<Self, Failure> {
        let start = start()?;
        let wall = SteppedWall::new(start);
        let store = StoreIs {
            dir,
            clock: ClockStamp::Stepped,
            batch_max: None,
        };
        let engine = stack::engine(store, Arc::new(wall.clone()), POLICY).await?;
        fill(&engine, cases).await?;
        Ok(Self {
            engine,
            wall,
            cases,
            next: start,
            contacts: 0,
        })
    }

    /// Every case is contacted once, and is scheduled thirty days on.
    async fn round(&mut self) -> Result<Sample, Failure> {
        self.wall.advance(self.next);
        let watch = Stopwatch::start();
        let next = self.engine.run_dry().await.map_err(Failure::Wrong)?;
        let sample = watch.stop(self.cases);
        let lender = stack::tenant()?;
        let status = self.engine.store().status(&lender, self.next).await?;
        let made: u64 = status.contacts.iter().map(|(_, n)| n).sum();
        let accepted: u64 = status
            .contacts
            .iter()
            .filter(|(state, _)| state == ContactState::Accepted.name())
            .map(|(_, n)| n)
            .sum();
        self.contacts += self.cases as u64;
        if (made, accepted) != (self.contacts, self.contacts) {
            let found = format!("{:?} after {} contacts", status.contacts, self.contacts);
            return Err(Failure::Wrong(found));
        }
        self.next = next.ok_or_else(|| Failure::Wrong("nothing is due next".to_owned()))?;
        Ok(sample)
    }
}

/// What the engine writes for the contacts of one round, by case.
struct Cycle {
    conn: Connection,
    rows: HashMap<Vec<u8>, Contact>,
    seq: i64,
    position: i64,
    now: i64,
}

/// The rows of one contact, as they stand after it.
struct Contact {
    party: Vec<Value>,
    case: Vec<Value>,
    contact: Vec<Value>,
    intent: Vec<Vec<Value>>,
    outcome: Vec<Vec<Value>>,
}

const DUE: &str = "SELECT case_id FROM sched WHERE next_at IS NOT NULL AND next_at <= ?1
    ORDER BY next_at, case_id LIMIT ?2";
const PARTY: &str =
    "UPDATE party SET version = ?2, points = ?3, body = ?4, sealed = ?5 WHERE id = ?1";
const CASE: &str =
    "UPDATE case_ SET version = ?2, status = ?3, stage = ?4, worklist = ?5, body = ?6,
    sealed = ?7 WHERE id = ?1";
const INTEND: &str =
    "INSERT INTO contact VALUES (?1, ?17, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,
    ?14, ?15, ?16)";
const SETTLE: &str = "UPDATE contact SET state = ?3, outcome = ?4, body = ?5, sealed = ?6
    WHERE case_id = ?1 AND seq = ?2";
const JOURNAL: &str = "INSERT INTO journal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

impl Cycle {
    /// Reads the rows of the contacts numbered `seq`, and copies the store into `to`.
    fn new(from: &Path, to: &Path, seq: i64) -> Result<Self, Failure> {
        let [main, _] = SqliteStore::files(from);
        let conn = Connection::open(main)?;
        let rows = read(&conn, seq)?;
        let copy = to.join("copy.db");
        conn.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
        let conn = raw::connect(&copy)?;
        let one = |sql: &str| conn.query_row(sql, [], |r| r.get::<_, i64>(0));
        Ok(Self {
            seq: one("SELECT MAX(seq) FROM contact")?,
            position: one("SELECT MAX(position) FROM journal")?,
            now: one("SELECT MAX(next_at) FROM sched")?,
            rows,
            conn,
        })
    }

    /// Contacts every case once.
    fn round(&mut self) -> Result<Sample, Failure> {
        self.seq += 1;
        let next = self.now + 1_000_000;
        let watch = Stopwatch::start();
        let mut done = 0;
        loop {
            let due = self.due()?;
            if due.is_empty() {
                break;
            }
            self.transaction(&due, |cycle, id, row| cycle.intend(id, row))?;
            self.transaction(&due, |cycle, id, row| cycle.settle(id, row, next))?;
            done += due.len();
        }
        let sample = watch.stop(done);
        self.now = next;
        if done != self.rows.len() {
            return Err(Failure::Wrong(format!(
                "{done} of {} were due",
                self.rows.len()
            )));
        }
        Ok(sample)
    }

    fn due(&self) -> Result<Vec<Vec<u8>>, Failure> {
        let mut due = self.conn.prepare_cached(DUE)?;
        let ids = due.query_map([self.now, BATCH as i64], |r| r.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    fn transaction(
        &mut self,
        ids: &[Vec<u8>],
        put: impl Fn(&mut Self, &[u8], &Contact) -> rusqlite::Result<()>,
    ) -> Result<(), Failure> {
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let rows = std::mem::take(&mut self.rows);
        for id in ids {
            let row = rows
                .get(id)
                .ok_or_else(|| Failure::Wrong("an unknown case".to_owned()))?;
            put(self, id, row)?;
        }
        self.rows = rows;
        self.conn.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// T1: the intent.
    fn intend(&mut self, id: &[u8], row: &Contact) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached(PARTY)?
            .execute(params_from_iter(&row.party))?;
        self.conn
            .prepare_cached(CASE)?
            .execute(params_from_iter(&row.case))?;
        let seq = Value::from(self.seq);
        let values = row.contact.iter().chain([&seq]);
        self.conn
            .prepare_cached(INTEND)?
            .execute(params_from_iter(values))?;
        self.conn
            .prepare_cached("DELETE FROM sched WHERE case_id = ?1")?
            .execute([id])?;
        self.journal(&row.intent)
    }

    /// T2: the outcome and the next schedule.
    fn settle(&mut self, id: &[u8], row: &Contact, next: i64) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached(PARTY)?
            .execute(params_from_iter(&row.party))?;
        self.conn
            .prepare_cached(CASE)?
            .execute(params_from_iter(&row.case))?;
        let c = &row.contact;
        let settled = params![id, self.seq, c[5], c[6], c[14], c[15]];
        self.conn.prepare_cached(SETTLE)?.execute(settled)?;
        let put = "INSERT INTO sched VALUES (?1, ?2)";
        self.conn.prepare_cached(put)?.execute(params![id, next])?;
        self.journal(&row.outcome)
    }

    fn journal(&mut self, entries: &[Vec<Value>]) -> rusqlite::Result<()> {
        for entry in entries {
            self.position += 1;
            let position = Value::from(self.position);
            let values = [&position].into_iter().chain(entry);
            self.conn
                .prepare_cached(JOURNAL)?
                .execute(params_from_iter(values))?;
            let leaf = "INSERT INTO leaf VALUES (?1, ?2)";
            self.conn
                .prepare_cached(leaf)?
                .execute(params![self.position, [7_u8; 32]])?;
        }
        Ok(())
    }
}

fn read(conn: &Connection, seq: i64) -> Result<HashMap<Vec<u8>, Contact>, Failure> {
    let mut all = HashMap::new();
    let mut ids = conn.prepare("SELECT case_id, party FROM contact WHERE seq = ?1")?;
    let ids = ids.query_map([seq], |r| Ok((r.get(0)?, r.get(1)?)))?;
    for found in ids {
        let (case, party): (Vec<u8>, Vec<u8>) = found?;
        let intended = intent_of(conn, &case)?;
        let journal = "SELECT tenant, kind, case_id, party_id, at, body, sealed, inner FROM journal
            WHERE case_id = ?1 AND position";
        let first = intended.0;
        let own = format!("{journal} >= ?2 AND position <= ?3 ORDER BY position");
        let later = format!("{journal} > ?2 ORDER BY position");
        let row = Contact {
            party: one(
                conn,
                "SELECT id, version, points, body, sealed FROM party WHERE id = ?1",
                &[&party],
            )?,
            case: one(
                conn,
                "SELECT id, version, status, stage, worklist, body, sealed FROM case_ WHERE id = ?1",
                &[&case],
            )?,
            contact: one(
                conn,
                "SELECT * FROM contact WHERE case_id = ?1 AND seq = ?2",
                &[&case, &seq],
            )?,
            intent: many(conn, &own, &[&case, &first, &intended.1])?,
            outcome: many(conn, &later, &[&case, &intended.1])?,
        };
        all.insert(case, row);
    }
    Ok(all)
}

/// Positions of a case's last intent: of the first entry of its transaction, and of the intent.
fn intent_of(conn: &Connection, case: &[u8]) -> Result<(i64, i64), Failure> {
    let last = "SELECT MAX(position) FROM journal WHERE case_id = ?1 AND kind = 2
        AND instr(body, CAST('\"intended\"' AS BLOB)) > 0";
    let at: Option<i64> = conn.prepare_cached(last)?.query_row([case], |r| r.get(0))?;
    let at = at.ok_or_else(|| Failure::Wrong("a contact without an intent".to_owned()))?;
    // Entries of the case just before it, such as the end of a denial, belong to the same transaction.
    let first = "SELECT COALESCE(MAX(position), 0) + 1 FROM journal
        WHERE case_id = ?1 AND position < ?2 AND kind = 2";
    let first = conn
        .prepare_cached(first)?
        .query_row(params![case, at], |r| r.get(0))?;
    Ok((first, at))
}

fn one(
    conn: &Connection,
    sql: &str,
    given: &[&dyn rusqlite::ToSql],
) -> Result<Vec<Value>, Failure> {
    let found = many(conn, sql, given)?.into_iter().next();
    found.ok_or_else(|| Failure::Wrong(format!("no row: {sql}")))
}

fn many(
    conn: &Connection,
    sql: &str,
    given: &[&dyn rusqlite::ToSql],
) -> Result<Vec<Vec<Value>>, Failure> {
    let mut select = conn.prepare_cached(sql)?;
    let columns = select.column_count();
    let rows = select.query_map(given, |row| (0..columns).map(|i| row.get(i)).collect())?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// G9: contacts end to end.
pub(super) fn contacts(ground: &Ground) -> Result<Line, Failure> {
    let cases = ground.size(8_192, 300);
    let (dir, copy) = (ground.folder()?, ground.folder()?);
    let runtime = &ground.runtime;
    let mut portfolio = runtime.block_on(Portfolio::new(dir.path(), cases))?;
    // The first round enters the stage, too; the second is like all after it.
    runtime.block_on(portfolio.round())?;
    runtime.block_on(portfolio.round())?;
    let mut cycle = Cycle::new(dir.path(), copy.path(), 2)?;
    let sample = cycle.rows.values().next();
    let entries = sample.map_or((0, 0), |c| (c.intent.len(), c.outcome.len()));
    let pairs = Pairs::measure(ground.rounds, |arm| match arm {
        Arm::Ours => runtime.block_on(portfolio.round()),
        Arm::Raw => cycle.round(),
    })?;
    let what = "contacts, end to end through an instant channel, against the SQL cycle of equal rows in two \
                durable transactions a batch of 256";
    Ok(Line::share("G9", what, "contacts/s", &pairs)
        .named("engine", "SQL")
        .aims(0.5, 0.7)
        .note(format!(
            "journal entries of a contact: {} with its intent, {} with its outcome; party and case are \
             rewritten by both",
            entries.0, entries.1
        )))
}
