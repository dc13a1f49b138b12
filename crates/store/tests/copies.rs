//! Copies of a SQLite store while it is written, and stores that were copies.

use recoup_domain::ids::PartyId;
use recoup_store::conformance::build;
use recoup_store::sqlite::{ClockStamp, Options, SqliteStore};
use recoup_store::{
    Change, CommitError, Copied, CopyError, CopyTo, Guard, Scope, Store, Switch, Write,
};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(Options::new(dir, ClockStamp::Live)).unwrap()
}

fn to(root: &Path, name: &str) -> CopyTo {
    CopyTo {
        dir: root.join("copies"),
        keys_dir: root.join("keys"),
        name: name.to_owned(),
    }
}

/// What a person at night does: the rows of one copy, and the newest keys.
fn restore(root: &Path, name: &str) -> SqliteStore {
    let dir = root.join(format!("restored-{name}"));
    std::fs::create_dir(&dir).unwrap();
    let copy = root.join("copies").join(name).join("recoup.db");
    std::fs::copy(copy, dir.join("recoup.db")).unwrap();
    std::fs::copy(root.join("keys/keys.db"), dir.join("keys.db")).unwrap();
    open(&dir)
}

/// A borrower with a key, and their case.
async fn add(store: &SqliteStore, n: u32) -> PartyId {
    let party = build::party(&build::tenant("a"), n);
    let mut told = build::tell_party(&party);
    told.writes.push(Write::PartyKey(party.id, vec![7; 40]));
    store.commit(told).await.unwrap();
    let case = build::case(&party, n);
    let opened = build::open_case(&case, Some(build::at(1)));
    store.commit(opened).await.unwrap();
    party.id
}

fn dispatch_on() -> Change {
    Change {
        guards: vec![Guard::DispatchOn(build::tenant("a"), "sms".into())],
        ..Change::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_under_load_are_whole_and_begin_the_live_journal() {
    let root = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&root.path().join("data")));
    add(&store, 0).await;
    let stop = Arc::new(AtomicBool::new(false));
    let (writer, until) = (Arc::clone(&store), Arc::clone(&stop));
    let load = tokio::spawn(async move {
        let mut n = 1;
        while !until.load(Ordering::SeqCst) {
            add(&writer, n).await;
            n += 1;
        }
        n
    });
    let mut copies: Vec<Copied> = Vec::new();
    for n in 0..10 {
        let copied = store.copy_to(&to(root.path(), &format!("c{n}"))).await;
        copies.push(copied.unwrap());
    }
    stop.store(true, Ordering::SeqCst);
    let written = load.await.unwrap();
    let live = store.leaves(0, usize::MAX >> 1).await.unwrap();
    assert!(store.histories().await.unwrap().restored.is_empty());
    let positions: Vec<u64> = copies.iter().map(|c| c.position).collect();
    assert!(positions.is_sorted() && written > 1, "{positions:?}");
    for copied in &copies {
        let copy = restore(root.path(), &copied.name);
        let leaves = copy.leaves(0, usize::MAX >> 1).await.unwrap();
        assert_eq!(leaves.len() as u64, copied.position);
        assert_eq!(
            leaves[..],
            live[..leaves.len()],
            "a beginning of the live journal"
        );
        let histories = copy.histories().await.unwrap();
        assert_eq!(histories.restored.len(), 1, "{histories:?}");
        assert_eq!(histories.restored[0].position, copied.position);
        // Every row finds its key.
        for n in 0..u32::try_from(copied.position / 2).unwrap() {
            let key = copy.party_key(build::party_id(n)).await.unwrap();
            assert!(key.is_some(), "party {n} of {}", copied.name);
        }
    }
}

#[tokio::test]
async fn a_store_that_was_a_copy_stops_dispatch_until_it_is_lifted_and_counts_its_histories() {
    let root = tempfile::tempdir().unwrap();
    let store = open(&root.path().join("data"));
    add(&store, 0).await;
    store.commit(dispatch_on()).await.unwrap();
    store.copy_to(&to(root.path(), "one")).await.unwrap();
    store.commit(dispatch_on()).await.unwrap();

    let restored = restore(root.path(), "one");
    let stopped = restored.commit(dispatch_on()).await;
    assert!(matches!(stopped, Err(CommitError::Stale(_))), "{stopped:?}");
    let mut switch: Vec<Switch> = restored.switches().await.unwrap();
    assert_eq!(switch[0].scope, Scope::Restored);
    let first = restored.histories().await.unwrap();
    assert_eq!(first.unheld(), first.restored.last());
    let held = Write::RestoreHeld(first.current());
    let writes = vec![held];
    let change = Change {
        writes,
        ..Change::default()
    };
    restored.commit(change).await.unwrap();
    assert_eq!(restored.histories().await.unwrap().unheld(), None);

    // It stays stopped over a restart, and is no new history by that.
    let dir = root.path().join("restored-one");
    drop(restored);
    let restored = open(&dir);
    assert_eq!(restored.histories().await.unwrap().restored, first.restored);
    assert!(restored.commit(dispatch_on()).await.is_err());
    let mut lifted = switch.remove(0);
    lifted.paused = false;
    let writes = vec![Write::Switch(lifted)];
    let change = Change {
        writes,
        ..Change::default()
    };
    restored.commit(change).await.unwrap();
    restored.commit(dispatch_on()).await.unwrap();

    // A copy of what was restored, restored again: a history above both.
    restored.copy_to(&to(root.path(), "two")).await.unwrap();
    let again = restore(root.path(), "two");
    let both = again.histories().await.unwrap();
    assert_eq!(both.restored.len(), 2);
    assert!(both.current() > first.current());
    assert!(both.unheld().is_some() && again.commit(dispatch_on()).await.is_err());
}

#[tokio::test]
async fn an_erased_key_does_not_come_back_with_an_old_copy() {
    let root = tempfile::tempdir().unwrap();
    let store = open(&root.path().join("data"));
    let (erased, kept) = (add(&store, 0).await, add(&store, 1).await);
    store.copy_to(&to(root.path(), "old")).await.unwrap();
    let writes = vec![Write::PartyKey(erased, Vec::new())];
    let change = Change {
        writes,
        ..Change::default()
    };
    store.commit(change).await.unwrap();
    store.copy_to(&to(root.path(), "new")).await.unwrap();
    let restored = restore(root.path(), "old");
    assert_eq!(restored.party_key(erased).await.unwrap(), None);
    assert_eq!(restored.party_key(kept).await.unwrap(), Some(vec![7; 40]));
}

#[tokio::test]
async fn what_cannot_be_a_copy_is_refused_and_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let store = open(&root.path().join("data"));
    add(&store, 0).await;
    store.copy_to(&to(root.path(), "one")).await.unwrap();
    let again = store.copy_to(&to(root.path(), "one")).await;
    assert!(matches!(again, Err(CopyError::Exists(_))), "{again:?}");
    for name in ["", ".", "../up", "a/b", ".hidden", &"x".repeat(65)] {
        let refused = store.copy_to(&to(root.path(), name)).await;
        assert!(
            matches!(refused, Err(CopyError::Name(_))),
            "{name}: {refused:?}"
        );
    }
    // What a process left that died over it is no obstacle, and no copy.
    let left = root.path().join("copies/.two.part");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("recoup.db"), "half").unwrap();
    store.copy_to(&to(root.path(), "two")).await.unwrap();
    // A place that takes no keys: no copy is named.
    std::fs::write(root.path().join("file"), "").unwrap();
    let mut nowhere = to(root.path(), "three");
    nowhere.keys_dir = root.path().join("file");
    let refused = store.copy_to(&nowhere).await;
    assert!(
        matches!(refused, Err(CopyError::Place { .. })),
        "{refused:?}"
    );
    let mut names: Vec<_> = std::fs::read_dir(root.path().join("copies"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["one", "two"]);
}
