//! The raw limit: the rows that recoup wrote, written again by plain SQL into a store with the same
//! schema and settings, so that bytes, tables, indexes and fsyncs are equal.

use std::path::Path;

use recoup_store::sqlite::{ClockStamp, Options, SqliteStore};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::Failure;
use super::measure::{Sample, Stopwatch};

/// Tables that opening a case writes, each with the order of its rows. Points go in the order of their
/// parties: by their own key they would meet the index in order, as no live traffic does.
const TABLES: [(&str, &str); 7] = [
    ("party", "rowid"),
    ("party_point", "party, point"),
    ("case_", "rowid"),
    ("sched", "case_id"),
    (
        "journal WHERE case_id IS NOT NULL OR party_id IS NOT NULL",
        "position",
    ),
    (
        "leaf WHERE position IN (SELECT position FROM journal
            WHERE case_id IS NOT NULL OR party_id IS NOT NULL)",
        "position",
    ),
    ("request", "rowid"),
];

/// Rows of one table.
struct Rows {
    insert: String,
    rows: Vec<Vec<Value>>,
}

impl Rows {
    fn read(conn: &Connection, from: &str, order: &str) -> Result<Self, Failure> {
        let table = from.split(' ').next().unwrap_or(from);
        let mut select = conn.prepare(&format!("SELECT * FROM {from} ORDER BY {order}"))?;
        let columns = select.column_count();
        let read = select.query_map([], |row| (0..columns).map(|i| row.get(i)).collect())?;
        let marks = vec!["?"; columns].join(", ");
        Ok(Self {
            insert: format!("INSERT INTO {table} VALUES ({marks})"),
            rows: read.collect::<Result<_, _>>()?,
        })
    }

    /// The rows of part `n` of `of`.
    fn part(&self, n: usize, of: usize) -> &[Vec<Value>] {
        let at = |n| self.rows.len() * n / of;
        &self.rows[at(n)..at(n + 1)]
    }

    fn put(&self, conn: &Connection, n: usize, of: usize) -> rusqlite::Result<()> {
        let mut insert = conn.prepare_cached(&self.insert)?;
        for row in self.part(n, of) {
            insert.execute(params_from_iter(row))?;
        }
        Ok(())
    }
}

/// All that opening cases wrote.
pub(crate) struct Opened {
    tables: Vec<Rows>,
    keys: Rows,
    cases: usize,
}

impl Opened {
    /// Reads it from a store that nobody writes to any more.
    pub(crate) fn read(dir: &Path) -> Result<Self, Failure> {
        let [main, keys] = SqliteStore::files(dir);
        let (main, keys) = (Connection::open(main)?, Connection::open(keys)?);
        let tables = TABLES
            .iter()
            .map(|(from, order)| Rows::read(&main, from, order))
            .collect::<Result<Vec<_>, _>>()?;
        let count = "SELECT COUNT(*) FROM case_";
        let cases: i64 = main.query_row(count, [], |row| row.get(0))?;
        Ok(Self {
            tables,
            keys: Rows::read(&keys, "party_key", "party")?,
            cases: usize::try_from(cases).unwrap_or(0),
        })
    }

    /// Bytes and rows of a case, for the report.
    pub(crate) fn shape(&self) -> String {
        let all = self.tables.iter().chain([&self.keys]);
        let (mut rows, mut bytes) = (0, 0);
        for row in all.flat_map(|t| &t.rows) {
            rows += 1;
            bytes += row.iter().map(width).sum::<usize>();
        }
        let n = self.cases.max(1);
        format!(
            "a case is {:.1} rows and {} bytes",
            rows as f64 / n as f64,
            bytes / n
        )
    }

    /// Writes the first `cases` into a new store in `dir`, `batch` of them a commit.
    pub(crate) fn write(&self, dir: &Path, cases: usize, batch: usize) -> Result<Sample, Failure> {
        let (main, keys) = open(dir)?;
        let parts = self.cases.div_ceil(batch).max(1);
        let used = cases.div_ceil(batch).min(parts);
        let watch = Stopwatch::start();
        for n in 0..used {
            main.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            for table in &self.tables {
                table.put(&main, n, parts)?;
            }
            // As the store does: keys are durable before what they seal.
            keys.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            self.keys.put(&keys, n, parts)?;
            keys.prepare_cached("COMMIT")?.execute([])?;
            main.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(watch.stop(self.cases * used / parts))
    }
}

fn width(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Integer(_) | Value::Real(_) => 8,
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
    }
}

/// A new store's two files, opened as the store opens them.
fn open(dir: &Path) -> Result<(Connection, Connection), Failure> {
    drop(SqliteStore::open(Options::new(dir, ClockStamp::Live))?);
    let [main, keys] = SqliteStore::files(dir);
    Ok((connect(&main)?, connect(&keys)?))
}

/// A connection with the store's settings.
pub(crate) fn connect(path: &Path) -> Result<Connection, Failure> {
    let conn = Connection::open(path)?;
    conn.set_prepared_statement_cache_capacity(128);
    conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
    conn.query_row("PRAGMA secure_delete = ON", [], |_| Ok(()))?;
    conn.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536;")?;
    conn.query_row("PRAGMA wal_autocheckpoint = 4000", [], |_| Ok(()))?;
    Ok(conn)
}
