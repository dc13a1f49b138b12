//! What an operator sees on one screen.

use crate::channels::ChannelInfo;
use crate::engine::Engine;
use crate::error::Done;
use jiff::Timestamp;
use recoup_domain::ids::TenantId;
use recoup_store::{StoreStatus, Switch};

/// Counts and states of the running service.
#[derive(Clone, Debug)]
pub struct EngineStatus {
    /// The policy clock.
    pub now: Timestamp,
    /// Switches that are off.
    pub switches: Vec<Switch>,
    /// The process sends nothing any more: it is going down, or the stepped clock has ended.
    pub halted: bool,
    /// Counts of the lender.
    pub store: StoreStatus,
    /// The store's kind.
    pub store_kind: &'static str,
    /// The channels.
    pub channels: Vec<ChannelInfo>,
}

impl Engine {
    /// What the service is doing, with the counts of one lender.
    ///
    /// # Errors
    /// NotFound for a tenant that is not configured; Store where the store fails.
    pub async fn status(&self, tenant: &TenantId) -> Done<EngineStatus> {
        self.tenant(tenant)?;
        let now = self.0.wall.now();
        Ok(EngineStatus {
            now,
            switches: self.0.store.switches().await?,
            halted: self.is_halted(),
            store: self.0.store.status(tenant, now).await?,
            store_kind: self.0.store.name(),
            channels: self.channels(),
        })
    }
}
