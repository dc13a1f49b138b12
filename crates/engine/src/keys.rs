//! Data keys of parties, opened once and kept for a while.

use crate::error::{CommandError, Done};
use crate::types::PartyPlain;
use crate::vault::{DataKey, Vault, VaultError};
use recoup_domain::Party;
use recoup_domain::ids::PartyId;
use recoup_domain::sealed::Sealed;
use recoup_store::{Answer, Store};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many keys are kept open, in two generations: the older one goes when the younger is full. So a key that
/// was put here before it was stored is there for as long as the command that made it can take.
const KEPT_MAX: usize = 16_384;

/// Where a party's own sealed data belongs.
pub(crate) const PARTY_PLACE: &str = "party.sealed";
/// Where a case's sealed references belong.
pub(crate) const CASE_PLACE: &str = "case.sealed";
/// Where a contact's sealed content belongs.
pub(crate) const CONTACT_PLACE: &str = "contact.sealed";
/// Where what was written about an override belongs.
pub(crate) const OVERRIDE_PLACE: &str = "override.sealed";
/// Where the recorded answer to a request belongs.
const ANSWER_PLACE: &str = "request.sealed";
/// Where personal data beside a journal entry belongs.
pub(crate) const JOURNAL_PLACE: &str = "journal.sealed";

/// Opens data keys.
pub(crate) struct Keys {
    pub(crate) vault: Arc<Vault>,
    store: Arc<dyn Store>,
    nobodys: Arc<DataKey>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    younger: HashMap<PartyId, Arc<DataKey>>,
    older: HashMap<PartyId, Arc<DataKey>>,
}

impl Kept {
    fn get(&mut self, party: PartyId) -> Option<Arc<DataKey>> {
        if let Some(key) = self.younger.get(&party) {
            return Some(key.clone());
        }
        let key = self.older.get(&party).cloned()?;
        self.put(party, key.clone());
        Some(key)
    }

    fn put(&mut self, party: PartyId, key: Arc<DataKey>) {
        if self.younger.len() >= KEPT_MAX / 2 {
            self.older = std::mem::take(&mut self.younger);
        }
        self.younger.insert(party, key);
    }
}

impl Keys {
    pub(crate) fn new(vault: Arc<Vault>, store: Arc<dyn Store>) -> Self {
        Self {
            nobodys: Arc::new(vault.nobodys_key()),
            vault,
            store,
            kept: Mutex::default(),
        }
    }

    pub(crate) async fn of(&self, party: PartyId) -> Done<Arc<DataKey>> {
        if let Some(key) = self.kept().get(party) {
            return Ok(key);
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
        self.kept().put(party, key);
    }

    /// The key of what speaks of no person.
    pub(crate) fn nobodys(&self) -> Arc<DataKey> {
        self.nobodys.clone()
    }

    /// What an answer on a person is sealed under. Of one who was erased nothing personal is left to answer.
    pub(crate) async fn of_answer(&self, person: PartyId) -> Done<Arc<DataKey>> {
        match self.of(person).await {
            Err(CommandError::Vault(VaultError::Erased(_))) => Ok(self.nobodys()),
            key => key,
        }
    }

    /// A recorded answer, in the open.
    pub(crate) async fn open_answer(&self, answer: &Answer) -> Done<Vec<u8>> {
        let key = match answer.person {
            Some(person) => self.of(person).await?,
            None => self.nobodys(),
        };
        Ok(key.open(ANSWER_PLACE, &answer.sealed)?)
    }

    /// What is sealed of a party, in the open.
    pub(crate) async fn plain(&self, party: &Party) -> Done<PartyPlain> {
        let key = self.of(party.id).await?;
        let bytes = key.open(PARTY_PLACE, &party.sealed)?;
        serde_json::from_slice(&bytes)
            .map_err(|_| CommandError::Vault(VaultError::Forged(PARTY_PLACE)))
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seals an encoded answer.
pub(crate) fn seal_answer(key: &DataKey, encoded: &[u8]) -> Done<Sealed> {
    Ok(key.seal(ANSWER_PLACE, encoded)?)
}
