//! Places for calls and streams: how many may be under way, and how many of them each lender.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use recoup_domain::ids::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use crate::api::recoup::v1::ErrorReason;
use crate::identity::Principal;
use crate::status::Problem;

/// Places of one kind. Half of them are for whoever comes; the other half is kept for the lenders, as many for each,
/// so that any number of loud lenders leave a quiet one its own.
pub(crate) struct Room {
    /// What takes a place, for people.
    kind: &'static str,
    common: Arc<Semaphore>,
    lenders: HashMap<TenantId, Share>,
}

/// What is there for one lender.
struct Share {
    /// What it may have at once, its own places among them.
    most: Arc<Semaphore>,
    /// What is kept for it.
    own: Arc<Semaphore>,
}

impl Room {
    /// `all` places, of which a lender may have `most` at once.
    pub(crate) fn new<'a>(
        kind: &'static str,
        all: usize,
        tenants: impl Iterator<Item = &'a TenantId>,
        most: usize,
    ) -> Self {
        let tenants: BTreeSet<_> = tenants.collect();
        let own = (all / 2).checked_div(tenants.len()).unwrap_or(0);
        let common = all - own * tenants.len();
        let share = |tenant: &TenantId| {
            let share = Share {
                most: Arc::new(Semaphore::new(most)),
                own: Arc::new(Semaphore::new(own)),
            };
            (tenant.clone(), share)
        };
        Self {
            kind,
            common: Arc::new(Semaphore::new(common)),
            lenders: tenants.into_iter().map(share).collect(),
        }
    }

    /// What takes a place, for people.
    pub(crate) const fn kind(&self) -> &'static str {
        self.kind
    }

    /// A place within the share of the caller's lender: one that is kept for it, else one of the common ones.
    ///
    /// # Errors
    /// TOO_MANY_REQUESTS, saying whose places are taken.
    pub(crate) fn place(&self, who: Option<&Principal>) -> Result<Places, Status> {
        let common = || place(&self.common, "the server", self.kind);
        let Some(lender) = who.and_then(|who| self.lenders.get(&who.tenant)) else {
            return Ok(Places {
                _share: None,
                _place: common()?,
            });
        };
        let share = place(&lender.most, "your lender", self.kind)?;
        let own = Arc::clone(&lender.own).try_acquire_owned();
        Ok(Places {
            _share: Some(share),
            _place: own.or_else(|_| common())?,
        })
    }
}

/// A place, and what it takes of its lender's share.
pub(crate) struct Places {
    _share: Option<OwnedSemaphorePermit>,
    _place: OwnedSemaphorePermit,
}

/// A place of a room that is one semaphore.
///
/// # Errors
/// TOO_MANY_REQUESTS, saying whose places are taken.
pub(crate) fn place(
    room: &Arc<Semaphore>,
    whose: &str,
    kind: &str,
) -> Result<OwnedSemaphorePermit, Status> {
    Arc::clone(room).try_acquire_owned().map_err(|_| {
        let problem = format!("{whose} has as many {kind} as it takes; try again");
        Problem::new(ErrorReason::TooManyRequests, problem)
            .retry(Duration::from_secs(1))
            .into()
    })
}
