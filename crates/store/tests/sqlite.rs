//! The SQLite backend: the conformance suite, and what only a store of files can do wrong.

use recoup_store::conformance::{Suite, build};
use recoup_store::sqlite::{ClockStamp, Options, SqliteStore};
use recoup_store::{Change, CommitError, Store, StoreError, Write};
use std::path::Path;
use std::sync::Arc;

fn open(dir: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(Options::new(dir, ClockStamp::Stepped))
}

fn refusal(dir: &Path) -> String {
    match open(dir) {
        Err(StoreError::Refused(text)) => text,
        Err(other) => panic!("not a refusal: {other:?}"),
        Ok(_) => panic!("it opened"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_owned();
    let suite = Suite::new(move |name| {
        let store = open(&root.join(name)).unwrap();
        async move { Arc::new(store) as Arc<dyn Store> }
    });
    suite.run().await;
}

#[test]
fn a_second_opener_is_refused_until_the_first_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).unwrap();
    let text = refusal(dir.path());
    assert!(text.contains("in use by another process"), "{text}");
    drop(first);
    open(dir.path()).unwrap();
}

#[test]
fn a_store_of_another_clock_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(Options::new(dir.path(), ClockStamp::Live)).unwrap());
    let text = refusal(dir.path());
    assert!(text.contains("clock = live"), "{text}");
    drop(SqliteStore::open(Options::new(dir.path(), ClockStamp::Live)).unwrap());
}

/// Two connections that close at once would each leave the log to the other.
#[test]
fn a_closed_store_is_whole_in_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let [main, keys] = SqliteStore::files(dir.path());
    for round in 0..100 {
        drop(open(dir.path()).unwrap());
        for file in [&main, &keys] {
            let log = file.with_extension("db-wal");
            assert!(!log.exists(), "{} after {round} rounds", log.display());
        }
    }
}

#[test]
fn damaged_and_foreign_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let [main, keys] = SqliteStore::files(dir.path());
    let sound = std::fs::read(&main).unwrap();
    // A page in the middle is lost.
    let mut hurt = sound.clone();
    let middle = hurt.len() / 4096 / 2 * 4096;
    hurt[middle..middle + 4096].fill(0xa5);
    std::fs::write(&main, &hurt).unwrap();
    let text = refusal(dir.path());
    assert!(
        text.contains("is damaged") && text.contains("recoup.db"),
        "{text}"
    );
    assert_eq!(std::fs::read(&main).unwrap(), hurt, "nothing was changed");
    // Not a database at all.
    std::fs::write(&main, &sound).unwrap();
    std::fs::write(&keys, vec![b'x'; 8192]).unwrap();
    let text = refusal(dir.path());
    assert!(
        text.contains("is damaged") && text.contains("keys.db"),
        "{text}"
    );
    // Somebody else's database.
    std::fs::remove_file(&main).unwrap();
    let other = rusqlite::Connection::open(&main).unwrap();
    other
        .execute_batch("CREATE TABLE notes (text TEXT)")
        .unwrap();
    drop(other);
    let text = refusal(dir.path());
    assert!(text.contains("no store of recoup"), "{text}");
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let [main, _] = SqliteStore::files(dir.path());
    let newer = rusqlite::Connection::open(&main).unwrap();
    let from_the_future =
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
        SELECT 99, 'future', applied_on, checksum FROM refinery_schema_history LIMIT 1";
    assert_eq!(newer.execute(from_the_future, []).unwrap(), 1);
    let epoch = |conn: &rusqlite::Connection| -> String {
        conn.query_row("SELECT value FROM meta WHERE name = 'epoch'", [], |r| {
            r.get(0)
        })
        .unwrap()
    };
    let before = epoch(&newer);
    let text = refusal(dir.path());
    assert!(text.contains("schema version 99"), "{text}");
    assert_eq!(epoch(&newer), before);
}

#[cfg(unix)]
#[test]
fn files_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let _store = open(&dir).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for file in std::fs::read_dir(&dir).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

/// What was sealed under a key that is gone must not be found by reading the file.
#[tokio::test]
async fn an_erased_key_leaves_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let canary = b"a wrapped key that must not stay".to_vec();
    let put = |key: Vec<u8>| Change {
        writes: vec![Write::PartyKey(build::party_id(1), key)],
        ..Change::default()
    };
    let on_disk = || {
        std::fs::read_dir(dir.path()).unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(canary.len()).any(|w| w == canary)
        })
    };
    store.commit(put(canary.clone())).await.unwrap();
    assert!(on_disk());
    store.commit(put(Vec::new())).await.unwrap();
    assert!(!on_disk());
}

/// When a batch cannot be committed, everything in it is in doubt and nothing is written any more.
#[tokio::test]
async fn a_failed_commit_stops_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let party = build::party(&build::tenant("a"), 1);
    // A table goes missing under the store, as after a disk fault.
    let [main, _] = SqliteStore::files(dir.path());
    let hand = rusqlite::Connection::open(main).unwrap();
    hand.execute_batch("ALTER TABLE leaf RENAME TO gone")
        .unwrap();
    let is_broken = |answer: &Result<_, CommitError>| {
        matches!(answer, Err(CommitError::Store(StoreError::Broken { .. })))
    };
    let empty = Change::default();
    let answers = store
        .commit_all(vec![empty.clone(), build::tell_party(&party)])
        .await;
    assert!(answers.iter().all(is_broken), "{answers:?}");
    hand.execute_batch("ALTER TABLE gone RENAME TO leaf")
        .unwrap();
    assert!(is_broken(&store.commit(empty).await));
    // Whoever follows the store hears that there will be no more.
    assert!(store.newest().changed().await.is_err());
    drop(store);
    let store = open(dir.path()).unwrap();
    assert_eq!(store.party(&party.tenant, party.id).await.unwrap(), None);
    store.commit(build::tell_party(&party)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_waits_for_what_was_handed_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(dir.path()).unwrap());
    let mut callers = Vec::new();
    for n in 0..64 {
        let store = Arc::clone(&store);
        let change = build::tell_party(&build::party(&build::tenant("a"), n));
        callers.push(tokio::spawn(async move { store.commit(change).await }));
    }
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    drop(store);
    let store = open(dir.path()).unwrap();
    assert_eq!(*store.newest().borrow(), 64);
}
