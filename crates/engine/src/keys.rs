//! Data keys of parties, opened once and kept for a while.

use crate::error::{CommandError, Done};
use crate::types::PartyPlain;
use crate::vault::{DataKey, Vault, VaultError};
use recoup_domain::Party;
use recoup_domain::ids::PartyId;
use recoup_store::Store;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many keys are kept open. Past that the cache starts anew: it saves look-ups, it is no store.
const KEPT_MAX: usize = 16_384;

/// Where a party's own sealed data belongs.
pub(crate) const PARTY_PLACE: &str = "party.sealed";
/// Where a case's sealed references belong.
pub(crate) const CASE_PLACE: &str = "case.sealed";
/// Where a contact's sealed content belongs.
pub(crate) const CONTACT_PLACE: &str = "contact.sealed";
/// Where personal data beside a journal entry belongs.
pub(crate) const JOURNAL_PLACE: &str = "journal.sealed";

/// Opens data keys.
pub(crate) struct Keys {
    pub(crate) vault: Arc<Vault>,
    store: Arc<dyn Store>,
    kept: Mutex<HashMap<PartyId, Arc<DataKey>>>,
}

impl Keys {
    pub(crate) fn new(vault: Arc<Vault>, store: Arc<dyn Store>) -> Self {
        Self {
            vault,
            store,
            kept: Mutex::default(),
        }
    }

    pub(crate) async fn of(&self, party: PartyId) -> Done<Arc<DataKey>> {
        if let Some(key) = self.kept().get(&party) {
            return Ok(key.clone());
        }
        let wrapped = self.store.party_key(party).await?;
        let wrapped = wrapped
            .filter(|w| !w.is_empty())
            .ok_or(VaultError::Erased(party))?;
        let key = Arc::new(self.vault.unwrap(party, &wrapped)?);
        self.keep(party, key.clone());
        Ok(key)
    }

    pub(crate) fn keep(&self, party: PartyId, key: Arc<DataKey>) {
        let mut kept = self.kept();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(party, key);
    }

    /// What is sealed of a party, in the open.
    pub(crate) async fn plain(&self, party: &Party) -> Done<PartyPlain> {
        let key = self.of(party.id).await?;
        let bytes = key.open(PARTY_PLACE, &party.sealed)?;
        serde_json::from_slice(&bytes)
            .map_err(|_| CommandError::Vault(VaultError::Forged(PARTY_PLACE)))
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<PartyId, Arc<DataKey>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
