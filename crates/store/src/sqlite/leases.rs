//! Leases of the one process that owns the store. They live in memory: a crash ends them all, which
//! is what a lease means.

use crate::{Claim, CommitError, Guard};
use recoup_domain::ids::CaseId;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// Who works on what, and until when.
pub(super) struct Leases {
    held: HashMap<CaseId, Lease>,
    epoch: u32,
    count: u32,
}

struct Lease {
    fence: u64,
    until: Instant,
    /// A change that names its fence is being committed: nobody else may take the case meanwhile.
    is_pinned: bool,
}

impl Leases {
    pub(super) fn new(epoch: u32) -> Self {
        Self {
            held: HashMap::new(),
            epoch,
            count: 0,
        }
    }

    /// How many rows a claim may have to pass over.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn is_held(&self, case: CaseId, now: Instant) -> bool {
        self.held
            .get(&case)
            .is_some_and(|l| l.is_pinned || now < l.until)
    }

    /// Takes the case; the fence of the new lease is higher than all before.
    pub(super) fn take(&mut self, case: CaseId, now: Instant, length: Duration) -> Option<u64> {
        // 4 billion claims of one process: the next start begins a new epoch.
        self.count = self.count.checked_add(1)?;
        let fence = u64::from(self.epoch) << 32 | u64::from(self.count);
        // A length beyond the end of the monotonic clock is as good as a year.
        let year = Duration::from_secs(31_536_000);
        let until = now.checked_add(length).unwrap_or(now + year);
        let lease = Lease {
            fence,
            until,
            is_pinned: false,
        };
        self.held.insert(case, lease);
        Some(fence)
    }

    fn pin(&mut self, case: CaseId, fence: u64, now: Instant) -> bool {
        match self.held.get_mut(&case) {
            Some(l) if l.fence == fence && (l.is_pinned || now < l.until) => {
                l.is_pinned = true;
                true
            }
            _ => false,
        }
    }

    /// Ends or frees what a committed (or failed) batch touched.
    pub(super) fn settle(&mut self, batch: Touched) {
        for case in &batch.ended {
            self.held.remove(case);
        }
        for case in batch.pinned {
            if let Some(lease) = self.held.get_mut(&case) {
                lease.is_pinned = false;
            }
        }
    }
}

/// What a batch does to leases; settled when its outcome is durable.
#[derive(Default)]
pub(super) struct Touched {
    pinned: Vec<CaseId>,
    ended: HashSet<CaseId>,
}

impl Touched {
    /// Checks a fence as the change that is applied now sees it.
    pub(super) fn check(
        &mut self,
        leases: &mut Leases,
        case: CaseId,
        fence: u64,
    ) -> Result<(), CommitError> {
        if !self.ended.contains(&case) && leases.pin(case, fence, Instant::now()) {
            self.pinned.push(case);
            return Ok(());
        }
        Err(CommitError::Stale(Guard::Fence(case, fence)))
    }

    pub(super) fn end(&mut self, case: CaseId) {
        self.ended.insert(case);
    }
}

/// Of the due rows, those nobody holds, under lease from now on.
pub(super) fn grant(
    leases: &mut Leases,
    due: impl Iterator<Item = (CaseId, jiff::Timestamp)>,
    length: Duration,
    limit: usize,
) -> Vec<Claim> {
    let now = Instant::now();
    let mut claims = Vec::new();
    for (case, due) in due {
        if claims.len() == limit {
            break;
        }
        if leases.is_held(case, now) {
            continue;
        }
        let Some(fence) = leases.take(case, now, length) else {
            break;
        };
        claims.push(Claim { case, fence, due });
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(n: u8) -> CaseId {
        CaseId::from_bytes([n; 16])
    }

    #[test]
    fn a_lease_being_committed_is_not_taken_even_when_its_time_is_over() {
        let mut leases = Leases::new(3);
        let now = Instant::now();
        let fence = leases.take(case(1), now, Duration::from_secs(60)).unwrap();
        assert_eq!(fence, 3 << 32 | 1);
        let mut batch = Touched::default();
        batch.check(&mut leases, case(1), fence).unwrap();
        let later = now + Duration::from_secs(61);
        assert!(leases.is_held(case(1), later));
        leases.settle(batch);
        assert!(!leases.is_held(case(1), later));
    }

    #[test]
    fn an_ended_or_overtaken_fence_is_stale() {
        let mut leases = Leases::new(0);
        let now = Instant::now();
        let old = leases.take(case(1), now, Duration::ZERO).unwrap();
        let mut batch = Touched::default();
        assert!(
            batch.check(&mut leases, case(1), old).is_err(),
            "its time is over"
        );
        let new = leases.take(case(1), now, Duration::from_secs(60)).unwrap();
        assert!(batch.check(&mut leases, case(1), old).is_err(), "overtaken");
        batch.end(case(1));
        assert!(
            batch.check(&mut leases, case(1), new).is_err(),
            "ended in the batch"
        );
        leases.settle(batch);
        assert_eq!(leases.len(), 0);
    }
}
