//! Where new ids come from: UUIDv7 from the policy clock, so that they sort by time on a stepped clock
//! too, with random bits from the system or from a seed.

use crate::clock::Wall;
use recoup_domain::ids::{CaseId, CollectorId, ConsentId, OptOutId, OverrideId, PartyId, PauseId};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::{Builder, Uuid};

/// Makes ids.
#[derive(Clone)]
pub struct IdSource {
    wall: Arc<dyn Wall>,
    seed: Option<u64>,
    counter: Arc<AtomicU64>,
}

impl IdSource {
    /// Ids with random bits of the system, or, with a `seed`, of a fixed sequence (a run repeats).
    #[must_use]
    pub fn new(wall: Arc<dyn Wall>, seed: Option<u64>) -> Self {
        Self {
            wall,
            seed,
            counter: Arc::new(AtomicU64::new(0)),
        }
    }

    fn uuid(&self) -> Uuid {
        let millis = u64::try_from(self.wall.now().as_millisecond()).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &self.random()).into_uuid()
    }

    fn random(&self) -> [u8; 10] {
        let n = self.counter.fetch_add(1, Ordering::SeqCst);
        let mut bytes = [0; 10];
        if self.seed.is_none() && getrandom::fill(&mut bytes).is_ok() {
            return bytes;
        }
        // Seeded, or a system without randomness: unique by the counter all the same.
        let digest = Sha256::new()
            .chain_update(self.seed.unwrap_or_default().to_be_bytes())
            .chain_update(n.to_be_bytes())
            .finalize();
        bytes.copy_from_slice(&digest[..10]);
        bytes
    }

    /// A new case's id.
    #[must_use]
    pub fn case(&self) -> CaseId {
        self.uuid().into()
    }

    /// A new party's id.
    #[must_use]
    pub fn party(&self) -> PartyId {
        self.uuid().into()
    }

    /// A new collector's id.
    #[must_use]
    pub fn collector(&self) -> CollectorId {
        self.uuid().into()
    }

    /// A new opt-out's id.
    #[must_use]
    pub fn opt_out(&self) -> OptOutId {
        self.uuid().into()
    }

    /// A new consent's id.
    #[must_use]
    pub fn consent(&self) -> ConsentId {
        self.uuid().into()
    }

    /// A new override's id.
    #[must_use]
    pub fn overriding(&self) -> OverrideId {
        self.uuid().into()
    }

    /// A new pause's id.
    #[must_use]
    pub fn pause(&self) -> PauseId {
        self.uuid().into()
    }
}
