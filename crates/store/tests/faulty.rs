//! The conformance suite is no formality: stores with one fault each, planted over a sound one, are all caught by it.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use recoup_domain::Case;
use recoup_domain::ids::{CaseId, PartyId, TenantId};
use recoup_store::conformance::Suite;
use recoup_store::sqlite::{Options, SqliteStore};
use recoup_store::{
    CaseFilter, Change, Claim, ClockStamp, CommitError, Committed, Guard, JournalFilter, Leaf,
    Page, Read, Recorded, Store, Write,
};
use recoup_testkit::around::{Around, Wrapped};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// A case's version is not compared: of two writers the later one wins.
    LostUpdate,
    /// A person's version is not compared: limits over cases do not hold.
    PersonUnchecked,
    /// A contact's state is not compared.
    StateUnchecked,
    /// A lease that is over still writes.
    FenceUnchecked,
    /// A switch that was thrown is not seen by what was decided before.
    SwitchOverlooked,
    /// An override that was revoked is not seen by what was decided before.
    OverridesUnchecked,
    /// It answers before what it was told is durable: the last change is lost with the process.
    AnswersTooSoon,
    /// A case is read as it was when it was read first.
    StaleRead,
    /// The same case is given to two.
    TwinClaim,
    /// Fences begin anew with each start.
    FencesBeginAnew,
    /// The same request is carried out twice.
    RequestsForgotten,
    /// A lender reads what is another's.
    TenantsMixed,
    /// A change is applied in part: its rows, without the last entry.
    HalfAChange,
    /// The journal has gaps.
    GapInJournal,
    /// A leaf is of another entry.
    WrongLeaf,
    /// A key that was erased comes back.
    KeyKept,
    /// A page begins again with the row that the last one ended with.
    PageRepeats,
    /// A schedule that was changed is not ended by who held the case.
    WakeLost,
}

const ALL: [Fault; 18] = [
    Fault::LostUpdate,
    Fault::PersonUnchecked,
    Fault::StateUnchecked,
    Fault::FenceUnchecked,
    Fault::SwitchOverlooked,
    Fault::OverridesUnchecked,
    Fault::AnswersTooSoon,
    Fault::StaleRead,
    Fault::TwinClaim,
    Fault::FencesBeginAnew,
    Fault::RequestsForgotten,
    Fault::TenantsMixed,
    Fault::HalfAChange,
    Fault::GapInJournal,
    Fault::WrongLeaf,
    Fault::KeyKept,
    Fault::PageRepeats,
    Fault::WakeLost,
];

struct Faulty {
    inner: SqliteStore,
    fault: Option<Fault>,
    dir: PathBuf,
    copying: tokio::sync::Mutex<()>,
    seen: Mutex<HashMap<CaseId, Case>>,
    keys: Mutex<HashMap<PartyId, Vec<u8>>>,
    /// The true fence of each claim.
    fences: Mutex<Vec<u64>>,
}

impl Faulty {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// Spoils a change on its way in.
    fn spoil(&self, change: &mut Change) {
        let Some(fault) = self.fault else { return };
        change.guards.retain(|guard| match guard {
            Guard::Case(..) => fault != Fault::LostUpdate,
            Guard::Party(..) => fault != Fault::PersonUnchecked,
            Guard::Fence(..) => fault != Fault::FenceUnchecked,
            Guard::DispatchOn(..) => fault != Fault::SwitchOverlooked,
            Guard::Overrides(..) => fault != Fault::OverridesUnchecked,
            Guard::Contact(..) => fault != Fault::StateUnchecked,
            _ => true,
        });
        match fault {
            Fault::RequestsForgotten => change.answer = None,
            Fault::HalfAChange if change.entries.len() > 1 => drop(change.entries.pop()),
            Fault::WakeLost => change
                .writes
                .retain(|write| !matches!(write, Write::WakeAll(..))),
            Fault::FencesBeginAnew => {
                let fences = lock(&self.fences);
                for guard in &mut change.guards {
                    if let Guard::Fence(_, fence) = guard {
                        let place = usize::try_from(*fence).ok().and_then(|n| n.checked_sub(1));
                        *fence = place.and_then(|n| fences.get(n)).copied().unwrap_or(0);
                    }
                }
            }
            _ => {}
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a store is kept as it was before the last change.
fn before(dir: &Path) -> PathBuf {
    dir.with_extension("before")
}

/// Makes `to` what `from` is. Nobody writes to either.
fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap().flatten() {
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[async_trait]
impl Around for Faulty {
    fn beneath(&self) -> &dyn Store {
        &self.inner
    }

    async fn commit_all(&self, mut changes: Vec<Change>) -> Vec<Result<Committed, CommitError>> {
        for change in &mut changes {
            self.spoil(change);
        }
        if self.has(Fault::AnswersTooSoon) {
            let _alone = self.copying.lock().await;
            copy(&self.dir, &before(&self.dir));
            return self.inner.commit_all(changes).await;
        }
        self.inner.commit_all(changes).await
    }

    async fn claim(&self, now: Timestamp, lease: SignedDuration, limit: usize) -> Read<Vec<Claim>> {
        let lease = if self.has(Fault::TwinClaim) {
            SignedDuration::ZERO
        } else {
            lease
        };
        let mut claims = self.inner.claim(now, lease, limit).await?;
        if self.has(Fault::FencesBeginAnew) {
            let mut fences = lock(&self.fences);
            for claim in &mut claims {
                fences.push(claim.fence);
                claim.fence = fences.len() as u64;
            }
        }
        Ok(claims)
    }

    async fn case(&self, tenant: &TenantId, id: CaseId) -> Read<Option<Case>> {
        if self.has(Fault::TenantsMixed) {
            let found = self.inner.facts(&[id]).await?.pop();
            return Ok(found.map(|facts| facts.case));
        }
        let found = self.inner.case(tenant, id).await?;
        if self.has(Fault::StaleRead) {
            let mut seen = lock(&self.seen);
            return Ok(found.map(|case| seen.entry(id).or_insert(case).clone()));
        }
        Ok(found)
    }

    async fn cases(
        &self,
        tenant: &TenantId,
        filter: &CaseFilter,
        after: Option<CaseId>,
        limit: usize,
    ) -> Read<Page<Case>> {
        if let (true, Some(after)) = (self.has(Fault::PageRepeats), after) {
            let mut page = self
                .inner
                .cases(tenant, filter, Some(after), limit.saturating_sub(1))
                .await?;
            page.rows
                .splice(0..0, self.inner.case(tenant, after).await?);
            return Ok(page);
        }
        self.inner.cases(tenant, filter, after, limit).await
    }

    async fn party_key(&self, party: PartyId) -> Read<Option<Vec<u8>>> {
        let found = self.inner.party_key(party).await?;
        if !self.has(Fault::KeyKept) {
            return Ok(found);
        }
        let mut keys = lock(&self.keys);
        if let Some(key) = &found {
            keys.insert(party, key.clone());
        }
        Ok(keys.get(&party).cloned())
    }

    async fn journal(
        &self,
        filter: &JournalFilter,
        after: u64,
        limit: usize,
    ) -> Read<Vec<Recorded>> {
        let mut found = self.inner.journal(filter, after, limit).await?;
        if self.has(Fault::GapInJournal) {
            found.retain(|recorded| recorded.position != 2);
        }
        Ok(found)
    }

    async fn leaves(&self, after: u64, limit: usize) -> Read<Vec<Leaf>> {
        let mut leaves = self.inner.leaves(after, limit).await?;
        if let (true, [one, other, ..]) = (self.has(Fault::WrongLeaf), &mut leaves[..]) {
            std::mem::swap(&mut one.hash, &mut other.hash);
        }
        Ok(leaves)
    }
}

/// Whether the suite is content with stores that have this fault.
async fn is_passed(fault: Option<Fault>) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_owned();
    let suite = Suite::new(move |name| {
        let dir = root.join(name);
        if before(&dir).is_dir() {
            // The power went, and the last change with it.
            copy(&before(&dir), &dir);
        }
        let options = Options::new(&dir, ClockStamp::Stepped);
        let store = Faulty {
            inner: SqliteStore::open(options).unwrap(),
            fault,
            dir,
            copying: tokio::sync::Mutex::default(),
            seen: Mutex::default(),
            keys: Mutex::default(),
            fences: Mutex::default(),
        };
        async move { Arc::new(Wrapped(store)) as Arc<dyn Store> }
    });
    tokio::spawn(async move { suite.run().await }).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_is_caught_and_nothing_else() {
    assert!(is_passed(None).await, "a sound store is refused");
    let mut missed = Vec::new();
    for fault in ALL {
        if is_passed(Some(fault)).await {
            missed.push(fault);
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
