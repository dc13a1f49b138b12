//! Opening a store: one owner, an undamaged file, the right backend, clock and schema; then migrations.

use super::ballast::Ballast;
use super::checkpoint::Checkpointer;
use super::copy::{Copier, begin_history};
use super::leases::Leases;
use super::pool::{Pool, Reader};
use super::writer::Writer;
use super::{ClockStamp, NAME, Options, sql};
use crate::codec::plain;
use crate::figures::Groups;
use crate::tally::{Counts, Tally};
use crate::{Read, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

mod embedded {
    refinery::embed_migrations!("migrations/sqlite");
}

/// An open store in its parts.
pub(super) struct Parts {
    pub(super) lock: File,
    pub(super) writer: Writer,
    pub(super) checkpointer: Checkpointer,
    pub(super) pool: Pool,
    pub(super) leases: Arc<Mutex<Leases>>,
    pub(super) tally: Arc<Mutex<Tally>>,
    pub(super) groups: Arc<Groups>,
    pub(super) newest: watch::Receiver<u64>,
    pub(super) copier: Copier,
    pub(super) ballast: Arc<Ballast>,
}

pub(super) fn open(options: &Options) -> Read<Parts> {
    let dir = &options.dir;
    make_dir(dir)?;
    let lock = own(dir)?;
    let ballast = Arc::new(Ballast::new(dir, options.least_free_bytes));
    let (main_path, keys_path) = (dir.join("recoup.db"), dir.join("keys.db"));
    let mut main = open_file(&main_path)?;
    refuse_damage(&main, &main_path, options.check_max_bytes)?;
    refuse_foreign(&main, &main_path)?;
    migrate(&mut main, &main_path)?;
    let keys = open_file(&keys_path)?;
    refuse_damage(&keys, &keys_path, options.check_max_bytes)?;
    let told = |what: &'static str| move |e| broken(what, e);
    keys.execute_batch(sql::KEYS_SCHEMA)
        .map_err(told("making the key store's table"))?;
    let epoch = stamp(&mut main, options.clock, dir)?;
    purge_answers(&main).map_err(told("purging old answers"))?;
    let tally = count(&main).map_err(told("counting cases and contacts"))?;
    let position: i64 = main
        .query_row(sql::POSITION, [], |r| r.get(0))
        .map_err(told("reading the newest position"))?;
    let readers = (0..options.readers.max(1))
        .map(|_| {
            Ok(Reader {
                main: open_reader(&main_path)?,
                keys: open_reader(&keys_path)?,
            })
        })
        .collect::<Read<Vec<_>>>()?;
    let beside = open_file(&main_path)?;
    let copier = Copier::new([main_path, keys_path]);
    let checkpointer =
        Checkpointer::start(beside, &mut main, copier.under_way()).map_err(|source| {
            StoreError::Broken {
                what: "starting what brings the log into the store's file",
                source,
            }
        })?;
    let (newest, seen) = watch::channel(position.cast_unsigned());
    let leases = Arc::new(Mutex::new(Leases::new(epoch)));
    let tally = Arc::new(Mutex::new(tally));
    let groups = Arc::new(Groups::default());
    Ok(Parts {
        lock,
        checkpointer,
        writer: Writer {
            main,
            keys,
            leases: Arc::clone(&leases),
            tally: Arc::clone(&tally),
            newest: Some(newest),
            groups: Arc::clone(&groups),
            ballast: Arc::clone(&ballast),
            batch_max: options.batch_max.max(1),
            broken: None,
        },
        pool: Pool::start(readers).map_err(|e| StoreError::Broken {
            what: "starting the readers",
            source: Box::new(e),
        })?,
        leases,
        tally,
        groups,
        newest: seen,
        copier,
        ballast,
    })
}

fn broken(what: &'static str, e: rusqlite::Error) -> StoreError {
    StoreError::Broken {
        what,
        source: Box::new(e),
    }
}

fn make_dir(dir: &Path) -> Read<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|e| StoreError::Broken {
        what: "making the store's folder",
        source: format!("{}: {e}", dir.display()).into(),
    })
}

pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// One process owns a store: leases live in its memory.
fn own(dir: &Path) -> Read<File> {
    let path = dir.join("recoup.lock");
    let failed = |e: std::io::Error| StoreError::Broken {
        what: "locking the store",
        source: format!("{}: {e}", path.display()).into(),
    };
    let file = private().open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Refused(format!(
            "the store in {} is in use by another process; stop it first, or give this one another \
             folder",
            dir.display()
        ))),
        Err(TryLockError::Error(e)) => Err(failed(e)),
    }
}

/// Opens a file for writing; what SQLite puts beside it inherits its rights.
fn open_file(path: &Path) -> Read<Connection> {
    private().open(path).map_err(|e| StoreError::Broken {
        what: "opening the store's file",
        source: format!("{}: {e}", path.display()).into(),
    })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let set = || {
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(Duration::from_secs(5))?;
        conn.set_prepared_statement_cache_capacity(128);
        keep_plans(&conn)?;
        conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        // FULL: NORMAL may lose answered commits when the power fails.
        conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
        conn.query_row("PRAGMA secure_delete = ON", [], |_| Ok(()))?;
        conn.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536;")?;
        // 16 MiB of log between checkpoints: busy pages reach the file once, not in every megabyte. Of the main file
        // another thread makes them.
        conn.query_row("PRAGMA wal_autocheckpoint = 4000", [], |_| Ok(()))?;
        Ok(conn)
    };
    set().map_err(|e| damaged_or_broken(path, e))
}

/// Plans a statement once. As it is bundled, SQLite would else plan it anew with every value that is bound
/// to a range or a limit; none of ours are better off by that.
fn keep_plans(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
}

pub(super) fn open_reader(path: &Path) -> Read<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let set = || {
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(Duration::from_secs(5))?;
        conn.set_prepared_statement_cache_capacity(128);
        keep_plans(&conn)?;
        conn.execute_batch("PRAGMA cache_size = -16384;")?;
        Ok(conn)
    };
    set().map_err(|e| damaged_or_broken(path, e))
}

fn damaged_or_broken(path: &Path, e: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match e.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => damaged(path, &e.to_string()),
        _ => broken("opening the store's file", e),
    }
}

fn damaged(path: &Path, found: &str) -> StoreError {
    StoreError::Refused(format!(
        "{} is damaged ({found}); nothing was changed. Restore the store from a backup, or move it \
         away to begin with an empty one",
        path.display()
    ))
}

/// SQLite's own check, on files up to a size: it reads every page.
fn refuse_damage(conn: &Connection, path: &Path, max_bytes: u64) -> Read<()> {
    let size = std::fs::metadata(path).map_or(0, |m| m.len());
    if size > max_bytes {
        tracing::warn!(file = %path.display(), size, max_bytes, "too large for a check at the start");
        return Ok(());
    }
    let found = conn.query_row("PRAGMA quick_check(1)", [], |r| r.get::<_, String>(0));
    match found {
        Ok(found) if found == "ok" => Ok(()),
        Ok(found) => Err(damaged(path, &found)),
        Err(e) => Err(damaged_or_broken(path, e)),
    }
}

/// Refuses a file that is no store, or one that a newer recoup has written; before anything is changed.
fn refuse_foreign(conn: &Connection, path: &Path) -> Read<()> {
    let told = |e| damaged_or_broken(path, e);
    let tables: i64 = conn
        .query_row("SELECT COUNT(*) FROM sqlite_schema", [], |r| r.get(0))
        .map_err(told)?;
    if tables == 0 {
        return Ok(());
    }
    let newest = conn.query_row(
        "SELECT MAX(version) FROM refinery_schema_history",
        [],
        |r| r.get::<_, Option<i64>>(0),
    );
    let ours = newest_schema();
    match newest {
        Ok(Some(theirs)) if theirs > ours => Err(StoreError::Refused(format!(
            "{} has schema version {theirs}, this recoup knows versions up to {ours}: run the version \
             that wrote it, or a newer one",
            path.display()
        ))),
        Ok(_) => Ok(()),
        Err(_) => Err(StoreError::Refused(format!(
            "{} is a database, but no store of recoup; give the folder of one, or an empty folder",
            path.display()
        ))),
    }
}

/// The schema version this code writes.
fn newest_schema() -> i64 {
    let all = embedded::migrations::runner();
    let newest = all.get_migrations().iter().map(|m| i64::from(m.version()));
    newest.max().unwrap_or(0)
}

fn migrate(conn: &mut Connection, path: &Path) -> Read<()> {
    let done = embedded::migrations::runner().run(conn);
    done.map(drop).map_err(|e| {
        StoreError::Refused(format!(
            "{} could not be brought to schema version {}: {e}",
            path.display(),
            newest_schema()
        ))
    })
}

/// Checks and writes what the store is, and begins a new epoch of leases.
fn stamp(conn: &mut Connection, clock: ClockStamp, dir: &Path) -> Read<u32> {
    let told = |e| broken("stamping the store", e);
    let tx = conn.transaction().map_err(told)?;
    let get = |name: &str| {
        let found = tx.query_row(sql::META_GET, [name], |r| r.get::<_, String>(0));
        found.optional().map_err(told)
    };
    let wanted = [("backend", NAME), ("clock", clock.name())];
    for (name, ours) in wanted {
        match get(name)? {
            Some(theirs) if theirs != ours => {
                return Err(StoreError::Refused(format!(
                    "the store in {} is stamped {name} = {theirs} and cannot be opened as {ours}; \
                     open it as {theirs}, or give another folder",
                    dir.display()
                )));
            }
            _ => tx
                .execute(sql::META_PUT, params![name, ours])
                .map_err(told)?,
        };
    }
    let last: u32 = match get("epoch")? {
        Some(text) => plain("the epoch", text.as_bytes())?,
        None => 0,
    };
    // Fences are stored in 63 bits.
    let epoch = last
        .checked_add(1)
        .filter(|e| *e < 1 << 31)
        .ok_or_else(|| {
            StoreError::Refused(
                "the store was opened two billion times; its epochs are used up".into(),
            )
        })?;
    tx.execute(sql::META_PUT, params!["epoch", epoch.to_string()])
        .map_err(told)?;
    begin_history(&tx)?;
    tx.commit().map_err(told)?;
    Ok(epoch)
}

/// Answers are kept for 400 days before the newest entry; some of the older ones go at each start.
fn purge_answers(conn: &Connection) -> rusqlite::Result<()> {
    const KEPT_US: i64 = 400 * 86_400 * 1_000_000;
    let newest = conn.query_row(sql::NEWEST_AT, [], |r| r.get::<_, i64>(0));
    if let Some(newest) = newest.optional()? {
        conn.execute(sql::REQUEST_PURGE, [newest.saturating_sub(KEPT_US)])?;
    }
    Ok(())
}

fn count(conn: &Connection) -> rusqlite::Result<Tally> {
    let mut tally = Tally::default();
    count_into(conn, sql::CASES_BY_STATUS, &mut tally, |c| &mut c.cases)?;
    count_into(conn, sql::CONTACTS_BY_STATE, &mut tally, |c| {
        &mut c.contacts
    })?;
    Ok(tally)
}

fn count_into(
    conn: &Connection,
    sql: &str,
    tally: &mut Tally,
    which: impl Fn(&mut Counts) -> &mut [u64],
) -> rusqlite::Result<()> {
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        // No row was ever written for a lender without a name.
        let Ok(tenant) = recoup_domain::ids::TenantId::new(row.get::<_, String>(0)?) else {
            continue;
        };
        let code: usize = row.get::<_, u8>(1)?.into();
        if let Some(n) = which(tally.of_mut(tenant)).get_mut(code) {
            *n = row.get::<_, i64>(2)?.cast_unsigned();
        }
    }
    Ok(())
}

/// Where a store keeps its files.
pub(super) fn files(dir: &Path) -> [PathBuf; 2] {
    [dir.join("recoup.db"), dir.join("keys.db")]
}
