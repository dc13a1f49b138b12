//! Claims: who may work on what is due, and the fences that tell late ones apart.

use super::{Suite, build, done, refused};
use crate::{Change, Claim, CommitError, Guard, Store, Write};
use jiff::{SignedDuration, Timestamp};
use recoup_domain::ids::CaseId;

const LONG: SignedDuration = SignedDuration::from_hours(1);

/// Cases 1 to `n`, case `i` due at minute `i`.
async fn with_due(store: &dyn Store, n: u32) {
    let party = build::party(&build::tenant("a"), 1);
    done(store, build::tell_party(&party)).await;
    for i in 1..=n {
        let case = build::case(&party, i);
        done(store, build::open_case(&case, Some(build::at(i.into())))).await;
    }
}

fn ids(claims: &[Claim]) -> Vec<CaseId> {
    claims.iter().map(|c| c.case).collect()
}

fn cases(of: impl IntoIterator<Item = u32>) -> Vec<CaseId> {
    of.into_iter().map(build::case_id).collect()
}

fn schedule(case: CaseId, at: Option<Timestamp>, guards: Vec<Guard>) -> Change {
    Change {
        guards,
        writes: vec![Write::Schedule(case, at)],
        ..Change::default()
    }
}

impl Suite {
    pub(super) async fn run_leases(&self) {
        self.claims_take_what_is_due_the_longest_first().await;
        self.a_lease_that_ends_frees_the_case().await;
        self.a_schedule_ends_the_lease().await;
        self.fences_grow_over_restarts().await;
    }

    async fn claims_take_what_is_due_the_longest_first(&self) {
        let store = self.fresh("claims").await;
        assert_eq!(store.claim(build::at(99), LONG, 10).await.unwrap(), []);
        assert_eq!(store.next_due().await.unwrap(), None);
        with_due(&*store, 6).await;
        assert_eq!(store.next_due().await.unwrap(), Some(build::at(1)));
        let first = store.claim(build::at(4), LONG, 3).await.unwrap();
        assert_eq!(ids(&first), cases(1..=3));
        assert_eq!(first[1].due, build::at(2));
        assert_eq!(store.next_due().await.unwrap(), Some(build::at(4)));
        // What is leased is passed over, what is not due is left; due at the instant is due.
        let second = store.claim(build::at(4), LONG, 3).await.unwrap();
        assert_eq!(ids(&second), cases([4]));
        let almost = build::at(5) - SignedDuration::from_micros(1);
        assert_eq!(store.claim(almost, LONG, 3).await.unwrap(), []);
        let fences: Vec<_> = first.iter().chain(&second).map(|c| c.fence).collect();
        assert!(fences.windows(2).all(|w| w[0] < w[1]), "{fences:?}");
        assert_eq!(store.claim(build::at(9), LONG, 0).await.unwrap(), []);
        assert_eq!(
            store
                .status(&build::tenant("a"), build::at(4))
                .await
                .unwrap()
                .due,
            4
        );
    }

    async fn a_lease_that_ends_frees_the_case(&self) {
        let store = self.fresh("lease-end").await;
        with_due(&*store, 1).await;
        let dead = store
            .claim(build::at(5), SignedDuration::ZERO, 1)
            .await
            .unwrap()[0];
        let live = store.claim(build::at(5), LONG, 1).await.unwrap()[0];
        assert!(dead.case == live.case && dead.fence < live.fence);
        let late = schedule(dead.case, None, vec![Guard::Fence(dead.case, dead.fence)]);
        let answer = refused(&*store, late).await;
        assert!(matches!(answer, CommitError::Stale(Guard::Fence(..))));
        done(
            &*store,
            schedule(live.case, None, vec![Guard::Fence(live.case, live.fence)]),
        )
        .await;
        assert_eq!(store.next_due().await.unwrap(), None);
    }

    async fn a_schedule_ends_the_lease(&self) {
        let store = self.fresh("lease-schedule").await;
        with_due(&*store, 2).await;
        let claims = store.claim(build::at(5), LONG, 2).await.unwrap();
        let (one, two) = (claims[0], claims[1]);
        let fence = vec![Guard::Fence(one.case, one.fence)];
        // A change that keeps the lease, then one that ends it, then a late one: in one call.
        let keep = Change {
            guards: fence.clone(),
            ..Change::default()
        };
        let end = schedule(one.case, Some(build::at(3)), fence.clone());
        let answers = store.commit_all(vec![keep.clone(), end, keep]).await;
        assert!(answers[0].is_ok() && answers[1].is_ok(), "{answers:?}");
        assert!(matches!(&answers[2], Err(CommitError::Stale(g)) if *g == fence[0]));
        let again = store.claim(build::at(5), LONG, 2).await.unwrap();
        assert_eq!(ids(&again), [one.case]);
        assert_eq!(again[0].due, build::at(3));
        // Anybody's new schedule ends a lease: the worker that holds it decides on what is past.
        done(&*store, schedule(two.case, Some(build::at(30)), Vec::new())).await;
        let late = schedule(two.case, None, vec![Guard::Fence(two.case, two.fence)]);
        refused(&*store, late).await;
        assert_eq!(store.next_due().await.unwrap(), Some(build::at(30)));
    }

    async fn fences_grow_over_restarts(&self) {
        let store = self.fresh("fences").await;
        with_due(&*store, 1).await;
        let before = store.claim(build::at(5), LONG, 1).await.unwrap()[0];
        let store = self.again("fences", store).await;
        let after = store.claim(build::at(5), LONG, 1).await.unwrap()[0];
        assert!(before.case == after.case && before.fence < after.fence);
        let late = schedule(
            after.case,
            None,
            vec![Guard::Fence(after.case, before.fence)],
        );
        refused(&*store, late).await;
    }
}
