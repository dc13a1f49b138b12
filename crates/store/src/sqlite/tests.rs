//! What only this backend has: its statements.

use super::checkpoint::{Checkpointer, watch};
use super::open::{open, open_reader};
use super::writer::Writer;
use super::{ClockStamp, Options, SqliteStore, ballast, sql};
use crate::codec::{Prepared, prepare};
use crate::{Change, Read, Scope, Switch, Write};
use recoup_domain::ids::TenantId;
use rusqlite::{Connection, StatementStatus};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

#[test]
fn every_statement_prepares() {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(Options::new(dir.path(), ClockStamp::Live)).unwrap());
    let [main, keys] = SqliteStore::files(dir.path());
    let check = |path: &std::path::Path, statements: &[&str]| {
        let conn = Connection::open(path).unwrap();
        // A savepoint must be open for its own statements to run, not for them to prepare.
        for sql in statements {
            conn.prepare(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        }
    };
    check(&main, sql::MAIN);
    check(&keys, sql::KEYS);
}

/// Hot reads go by an index: none walks a table.
#[test]
fn hot_reads_go_by_an_index() {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(Options::new(dir.path(), ClockStamp::Live)).unwrap());
    let [main, _] = SqliteStore::files(dir.path());
    let conn = open_reader(&main).unwrap();
    for sql in [
        sql::DUE,
        sql::NEXT_DUE,
        sql::DUE_COUNT,
        sql::NEXT_DUE_OF,
        sql::SCHED_OF,
        sql::PAST,
        sql::CASE_OPEN,
        sql::CASE_OPEN_OF_REF,
        sql::CASE_CLOSED_OF_REF,
        sql::CASES,
        sql::CASES_ON_WORKLIST,
        sql::CASES_OPEN_OF,
        sql::CASES_WAITING,
        sql::CASES_PINNED,
        sql::CASES_OF_POLICY,
        sql::CONTACTS,
        sql::CONTACTS_OPEN_IN,
        sql::JOURNAL_OF_TENANT,
        sql::JOURNAL_OF_CASE,
        sql::JOURNAL_OF_PARTY,
        sql::PARTIES_BY_POINT,
        sql::REQUEST_GET,
        sql::SWITCH_HITS,
    ] {
        let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let parameters = plan.parameter_count();
        let nulls = vec![rusqlite::types::Null; parameters];
        let steps: Vec<String> = plan
            .query_map(rusqlite::params_from_iter(nulls), |r| r.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let walks = steps
            .iter()
            .any(|s| s.starts_with("SCAN") && !s.contains("USING COVERING INDEX sched_due"));
        let sorts = steps.iter().any(|s| s.contains("TEMP B-TREE"));
        // One person's contacts at one instant, or one case's, may be sorted; a whole list never.
        let sorts_few = [sql::PAST, sql::CONTACTS].contains(&sql);
        assert!(!walks && (!sorts || sorts_few), "{sql}: {steps:?}");
    }
}

/// A disk that is full: what was set aside is given up, the group is tried once more, and nothing of it stands where that
/// fails, too. SQLite says the same of a file that may not grow.
#[test]
fn a_full_disk_takes_what_was_set_aside_and_no_half_of_a_group() {
    let dir = tempfile::tempdir().unwrap();
    let ballast = dir.path().join(ballast::NAME);
    let mut parts = open(&Options::new(dir.path(), ClockStamp::Live)).unwrap();
    let writer = &mut parts.writer;
    assert!(ballast.exists());
    let switched_off = |n: i64| -> i64 {
        let sql = "SELECT COUNT(*) FROM switch WHERE length(body) > ?1";
        let conn = open_reader(&dir.path().join("recoup.db")).unwrap();
        conn.query_row(sql, [n], |r| r.get(0)).unwrap()
    };
    let may_grow = |writer: &Writer, pages: i64| {
        let pragma = format!("PRAGMA max_page_count = {pages}");
        let now = writer.main.query_row(&pragma, [], |r| r.get::<_, i64>(0));
        now.unwrap()
    };

    let pages = may_grow(writer, 1);
    let why = writer.commit(vec![switch("a", 10), switch("b", 100_000)]);
    let why = why.expect_err("a file that may not grow");
    assert!(why.contains("full"), "{why}");
    assert!(!ballast.exists(), "{pages} pages");
    assert_eq!(switched_off(0), 0, "half of a group stands");

    may_grow(writer, pages + 1_000);
    let outcomes = writer.commit(vec![switch("a", 10), switch("b", 100_000)]);
    assert!(outcomes.unwrap().iter().all(Result::is_ok));
    assert_eq!((switched_off(0), switched_off(100_000)), (2, 1));
}

/// Stops a channel for a reason of so many letters.
fn switch(channel: &str, letters: usize) -> Read<Prepared> {
    let tenant = TenantId::new("demo").unwrap();
    let switch = Switch {
        scope: Scope::Channel {
            channel: channel.to_owned(),
        },
        paused: true,
        reason: "x".repeat(letters),
        tenant,
        by: "ana".to_owned(),
        at: jiff::Timestamp::UNIX_EPOCH,
    };
    prepare(Change {
        guards: Vec::new(),
        writes: vec![Write::Switch(switch)],
        entries: Vec::new(),
        answer: None,
    })
}

/// A statement is planned once, whatever is bound to it: planning costs more than most reads.
#[test]
fn statements_are_planned_once() {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(Options::new(dir.path(), ClockStamp::Live)).unwrap());
    let [main, _] = SqliteStore::files(dir.path());
    let conn = open_reader(&main).unwrap();
    for sql in sql::MAIN.iter().filter(|sql| sql.starts_with("SELECT")) {
        let mut statement = conn.prepare(sql).unwrap();
        for value in 1..=3 {
            let bound = vec![value; statement.parameter_count()];
            statement.exists(rusqlite::params_from_iter(bound)).unwrap();
        }
        let again = statement.get_status(StatementStatus::RePrepare);
        assert_eq!(again, 0, "{sql}");
    }
}

/// A second connection that makes checkpoints is safe since 3.51.3 alone: before, a log that began anew under one
/// could lose pages.
#[test]
fn the_library_is_one_whose_log_may_begin_anew_under_a_checkpoint() {
    assert!(rusqlite::version_number() >= 3_051_003);
}

/// The log goes on into the file beside the writer, and begins anew while others read: it does not grow with what is
/// written.
#[test]
fn the_log_has_an_end_while_others_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.db");
    let mut writer = a_log_of_its_own(&path);
    let own = Connection::open(&path).unwrap();
    let mut checkpointer = Checkpointer::start(own, &mut writer, Arc::default()).unwrap();
    write_while_others_read(&path, &writer);
    drop(writer);
    checkpointer.join();
}

/// A thread whose disk is slower than the writer is waited for, before the log gets too long.
#[test]
fn the_log_has_an_end_where_the_thread_is_slow() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.db");
    let mut writer = a_log_of_its_own(&path);
    let at_it = Arc::new(Mutex::new(()));
    let (wake, woken) = sync_channel(1);
    writer
        .wal_hook(Some(watch(wake, Arc::clone(&at_it), Arc::default())))
        .unwrap();
    let slow = std::thread::spawn(move || {
        while woken.recv().is_ok() {
            let _mine = at_it.lock().unwrap();
            std::thread::sleep(std::time::Duration::from_secs(2));
        }
    });
    write_while_others_read(&path, &writer);
    drop(writer);
    slow.join().unwrap();
}

fn a_log_of_its_own(path: &Path) -> Connection {
    let writer = Connection::open(path).unwrap();
    writer
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE t (x BLOB NOT NULL)",
        )
        .unwrap();
    writer
}

/// Writes 60,000 pages beside a reader, and holds the length of the log.
fn write_while_others_read(path: &Path, writer: &Connection) {
    let done = Arc::new(AtomicBool::new(false));
    let reading = std::thread::spawn({
        let (path, done) = (path.to_owned(), Arc::clone(&done));
        move || {
            let reader = open_reader(&path).unwrap();
            while !done.load(Ordering::Relaxed) {
                let rows: i64 = reader
                    .query_row(
                        "SELECT COUNT(*) FROM (SELECT 1 FROM t LIMIT 1000)",
                        [],
                        |r| r.get(0),
                    )
                    .unwrap();
                assert!(rows <= 1_000);
            }
        }
    });
    let pages = 60_000;
    for _ in 0..pages / 300 {
        let group = writer.unchecked_transaction().unwrap();
        for _ in 0..300 {
            group
                .execute("INSERT INTO t VALUES (zeroblob(3900))", [])
                .unwrap();
        }
        group.commit().unwrap();
    }
    done.store(true, Ordering::Relaxed);
    reading.join().unwrap();
    let log = std::fs::metadata(path.with_extension("db-wal"))
        .unwrap()
        .len();
    assert!(log < 32_000 * 4_120, "{log} bytes of log for {pages} pages");
}
