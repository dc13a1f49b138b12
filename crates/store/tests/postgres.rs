//! The PostgreSQL backend: the conformance suite, and what only a store on a server can do wrong.

use jiff::SignedDuration;
use recoup_domain::CaseEvent;
use recoup_domain::case::WorklistReason;
use recoup_domain::contact::ContactState;
use recoup_domain::journal::What;
use recoup_store::conformance::{Suite, build};
use recoup_store::postgres::{Options, PostgresStore};
use recoup_store::{
    Change, ClockStamp, CommitError, Guard, JournalFilter, Recorded, Store, StoreError,
};
use recoup_testkit::cluster::Cluster;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// A guard against hanging, nothing that is measured.
const GUARD: Duration = Duration::from_secs(60);

async fn open(url: &str, clock: ClockStamp) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(Options::new(url, clock)).await
}

async fn refusal(url: &str, clock: ClockStamp) -> String {
    match open(url, clock).await {
        Err(StoreError::Refused(text)) => text,
        Err(other) => panic!("not a refusal: {other:?}"),
        Ok(_) => panic!("it opened"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let Some(cluster) = Cluster::start(&[]) else {
        return;
    };
    let cluster = Arc::new(cluster);
    let made = Arc::new(Mutex::new(HashSet::new()));
    let suite = Suite::new(move |name: String| {
        let url = if made.lock().unwrap().insert(name.clone()) {
            cluster.database(&name)
        } else {
            cluster.url(&name)
        };
        async move {
            let store = open(&url, ClockStamp::Stepped).await.unwrap();
            Arc::new(store) as Arc<dyn Store>
        }
    });
    suite.run().await;
}

/// Another process's session is not gone from the server's view at once.
async fn again(url: &str, clock: ClockStamp, store: PostgresStore) -> PostgresStore {
    drop(store);
    open(url, clock).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_store_of_ours_is_refused() {
    let Some(cluster) = Cluster::start(&[]) else {
        return;
    };
    let url = cluster.database("one");
    let first = open(&url, ClockStamp::Live).await.unwrap();
    let text = refusal(&url, ClockStamp::Stepped).await;
    assert!(text.contains("clock = live"), "{text}");
    drop(again(&url, ClockStamp::Live, first).await);
    let epoch = cluster.sql("one", "SELECT value FROM meta WHERE name = 'epoch'");
    // One that a newer recoup has written.
    cluster.sql(
        "one",
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
        SELECT 99, 'future', applied_on, checksum FROM refinery_schema_history LIMIT 1",
    );
    let text = refusal(&url, ClockStamp::Live).await;
    assert!(text.contains("schema version 99"), "{text}");
    let after = cluster.sql("one", "SELECT value FROM meta WHERE name = 'epoch'");
    assert_eq!(after, epoch);
    // Somebody else's database.
    let url = cluster.database("other");
    cluster.sql("other", "CREATE TABLE notes (text TEXT)");
    let text = refusal(&url, ClockStamp::Live).await;
    assert!(text.contains("no store of recoup"), "{text}");
    assert_eq!(
        cluster.sql(
            "other",
            "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'"
        ),
        "1"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_may_forget_is_refused() {
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        let Some(cluster) = Cluster::start(&[&format!("{setting}=off")]) else {
            return;
        };
        let text = refusal(&cluster.database("one"), ClockStamp::Live).await;
        assert!(text.contains(&format!("{setting} = off")), "{text}");
        assert_eq!(
            cluster.sql(
                "one",
                "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'"
            ),
            "0"
        );
    }
}

fn note(n: u32) -> Change {
    let what = What::Service {
        event: "note".into(),
        subject: n.to_string(),
    };
    Change {
        entries: vec![build::entry(&build::tenant("a"), what, build::at(1))],
        ..Change::default()
    }
}

async fn journal(store: &PostgresStore) -> Vec<Recorded> {
    let everything = JournalFilter::default();
    store.journal(&everything, 0, usize::MAX).await.unwrap()
}

/// A store with cases 1 to `n`, all due.
async fn with_due(store: &PostgresStore, n: u32) {
    let party = build::party(&build::tenant("a"), 1);
    store.commit(build::tell_party(&party)).await.unwrap();
    for i in 1..=n {
        let case = build::case(&party, i);
        let opened = store
            .commit(build::open_case(&case, Some(build::at(1))))
            .await;
        opened.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_a_store() {
    let Some(cluster) = Cluster::start(&[]) else {
        return;
    };
    let url = cluster.database("shared");
    let (one, two) = tokio::join!(open(&url, ClockStamp::Live), open(&url, ClockStamp::Live));
    let (one, two) = (one.unwrap(), two.unwrap());
    with_due(&one, 40).await;
    // What one commits the other hears of, and reads.
    let mut newest = two.newest();
    let position = one.commit(note(0)).await.unwrap().position;
    newest.wait_for(|seen| *seen >= position).await.unwrap();
    assert_eq!(journal(&two).await.len() as u64, position);
    // Nobody's lease is another's.
    let hour = SignedDuration::from_hours(1);
    let (a, b) = tokio::join!(
        one.claim(build::at(5), hour, 15),
        two.claim(build::at(5), hour, 15)
    );
    let (a, b) = (a.unwrap(), b.unwrap());
    let cases: HashSet<_> = a.iter().chain(&b).map(|c| c.case).collect();
    let fences: HashSet<_> = a.iter().chain(&b).map(|c| c.fence).collect();
    assert!(a.len() + b.len() <= 30 && cases.len() == a.len() + b.len());
    assert_eq!(fences.len(), cases.len());
    // Two writes on the same version: one of them is stale, whichever process it comes from.
    for case in a.iter().take(5).map(|c| c.case) {
        let tenant = build::tenant("a");
        let seen = one.case(&tenant, case).await.unwrap().unwrap();
        let event = |reason| CaseEvent::WorklistChanged {
            reason: Some(reason),
        };
        let (_, left) =
            build::case_change(&seen, &[event(WorklistReason::WroteBack)], build::at(2));
        let (_, right) = build::case_change(&seen, &[event(WorklistReason::Death)], build::at(2));
        let (left, right) = tokio::join!(one.commit(left), two.commit(right));
        assert!(left.is_ok() != right.is_ok(), "{left:?} {right:?}");
        let lost = left.and(right).unwrap_err();
        assert!(
            matches!(lost, CommitError::Stale(Guard::Case(..))),
            "{lost:?}"
        );
    }
    // A process that is gone holds nothing.
    drop(one);
    let mut left: HashSet<_> = (1..=40).map(build::case_id).collect();
    b.iter().for_each(|claim| assert!(left.remove(&claim.case)));
    let begun = Instant::now();
    while !left.is_empty() {
        assert!(begun.elapsed() < GUARD, "{left:?}");
        let found = two.claim(build::at(5), hour, 40).await.unwrap();
        found
            .iter()
            .for_each(|claim| assert!(left.remove(&claim.case)));
    }
}

/// Whoever has read up to a position never finds a new entry below it, however many write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_come_in_the_order_of_commits() {
    let Some(cluster) = Cluster::start(&[]) else {
        return;
    };
    const WRITERS: u32 = 3;
    const EACH: u32 = 60;
    let url = cluster.database("order");
    let mut writing = Vec::new();
    for writer in 0..WRITERS {
        let store = open(&url, ClockStamp::Live).await.unwrap();
        writing.push(tokio::spawn(async move {
            for n in 0..EACH {
                store.commit(note(writer * EACH + n)).await.unwrap();
            }
        }));
    }
    let reader = open(&url, ClockStamp::Live).await.unwrap();
    let (mut seen, mut last) = (Vec::new(), 0);
    let all = u64::from(WRITERS * EACH);
    while last < all {
        let more = reader
            .journal(&JournalFilter::default(), last, 50)
            .await
            .unwrap();
        for entry in more {
            assert_eq!(entry.position, last + 1, "one is missing below");
            last = entry.position;
            seen.push(entry);
        }
    }
    for writer in writing {
        writer.await.unwrap();
    }
    assert_eq!(journal(&reader).await, seen);
}

/// What a process had in flight is left behind when it is gone, and not before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contacts_of_a_process_that_lives_are_not_left_behind() {
    let Some(cluster) = Cluster::start(&[]) else {
        return;
    };
    let url = cluster.database("left");
    let one = open(&url, ClockStamp::Live).await.unwrap();
    let two = open(&url, ClockStamp::Live).await.unwrap();
    let party = build::party(&build::tenant("a"), 1);
    let case = build::case(&party, 1);
    one.commit(build::tell_party(&party)).await.unwrap();
    one.commit(build::open_case(&case, None)).await.unwrap();
    let contact = build::contact(&case, 1, 3, build::at(1));
    let (.., change) = build::intend(&case, &party, &contact);
    one.commit(change).await.unwrap();
    let state = ContactState::Dispatching;
    let in_flight = two.contacts_in(state, 9).await.unwrap();
    assert_eq!(in_flight, std::slice::from_ref(&contact));
    assert_eq!(two.contacts_left_in(state, 9).await.unwrap(), []);
    assert_eq!(one.contacts_left_in(state, 9).await.unwrap(), []);
    drop(one);
    let begun = Instant::now();
    while two.contacts_left_in(state, 9).await.unwrap().is_empty() {
        assert!(begun.elapsed() < GUARD);
        tokio::task::yield_now().await;
    }
    assert_eq!(two.contacts_left_in(state, 9).await.unwrap(), [contact]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_comes_again() {
    let Some(mut cluster) = Cluster::start(&[]) else {
        return;
    };
    let store = open(&cluster.database("away"), ClockStamp::Live)
        .await
        .unwrap();
    store.commit(note(1)).await.unwrap();
    cluster.crash();
    let lost = store.commit(note(2)).await.unwrap_err();
    let lost = matches!(lost, CommitError::Store(StoreError::Unavailable { .. }));
    assert!(lost, "nothing was written, and it says so");
    let read = store.journal(&JournalFilter::default(), 0, 9).await;
    assert!(
        matches!(read, Err(StoreError::Unavailable { .. })),
        "{read:?}"
    );
    assert!(store.newest().has_changed().is_ok(), "it goes on");
    cluster.resume();
    store.commit(note(3)).await.unwrap();
    let notes: Vec<_> = journal(&store).await.into_iter().map(|r| r.entry).collect();
    assert_eq!(notes, [note(1), note(3)].map(|mut c| c.entries.remove(0)));
}

/// Stands between the store and its server, and cuts the line around a commit.
struct Proxy {
    cut: Arc<AtomicU8>,
    url: String,
    _dir: tempfile::TempDir,
}

/// Cuts before the server has the commit.
const BEFORE: u8 = 1;
/// Cuts when the server has it, and its answer is on the way.
const AFTER: u8 = 2;

impl Proxy {
    fn before(cluster: &Cluster, database: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = cluster.socket().join(".s.PGSQL.5432");
        let listener = UnixListener::bind(dir.path().join(".s.PGSQL.5432")).unwrap();
        let cut = Arc::new(AtomicU8::new(0));
        let told = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&socket).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&told)));
            }
        });
        let place = dir.path().display().to_string().replace('/', "%2F");
        Self {
            cut,
            url: format!("postgres://recoup@{place}/{database}"),
            _dir: dir,
        }
    }
}

async fn carry(client: UnixStream, server: UnixStream, cut: Arc<AtomicU8>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
    });
    let mut buffer = vec![0; 65_536];
    while let Ok(n @ 1..) = from_client.read(&mut buffer).await {
        let is_commit = buffer[..n].windows(7).any(|w| w == b"COMMIT\0");
        let how = if is_commit {
            cut.swap(0, Ordering::SeqCst)
        } else {
            0
        };
        if how != 0 {
            // No answer comes through any more; the client hears of nothing but the end.
            answers.abort();
            let _ = answers.await;
            if how == AFTER {
                to_server.write_all(&buffer[..n]).await.unwrap();
            }
            return;
        }
        if to_server.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_asked_after() {
    let Some(cluster) = Cluster::start(&[]) else {
        return;
    };
    drop(cluster.database("doubt"));
    let proxy = Proxy::before(&cluster, "doubt");
    let store = open(&proxy.url, ClockStamp::Live).await.unwrap();
    let mut expected = Vec::new();
    for (n, how) in [BEFORE, AFTER, AFTER, BEFORE, AFTER]
        .into_iter()
        .enumerate()
    {
        let change = note(u32::try_from(n).unwrap());
        expected.push(change.entries[0].clone());
        proxy.cut.store(how, Ordering::SeqCst);
        let done = store.commit(change).await.unwrap();
        assert_eq!(done.position, expected.len() as u64);
        assert_eq!(proxy.cut.load(Ordering::SeqCst), 0, "the line was cut");
    }
    let written: Vec<_> = journal(&store).await.into_iter().map(|r| r.entry).collect();
    assert_eq!(written, expected, "each stands once");
}
