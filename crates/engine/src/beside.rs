//! What lies sealed beside a journal entry: words of people, evidence, the lender's own references. The entry
//! says what happened by ids and keyed hashes; whoever may see personal data is shown this with it.

use crate::error::{CommandError, Done};
use crate::keys::{JOURNAL_PLACE, Keys};
use crate::vault::{DataKey, VaultError};
use recoup_domain::ids::{CollectorId, PartyId};
use recoup_domain::journal::Entry;
use recoup_domain::sealed::Sealed;
use serde::{Deserialize, Serialize};

/// The first byte of the plain text: what a carrier sent, as it came, or what is told here.
const RAW: u8 = 0;
const TOLD: u8 = 1;

/// What was told with a fact, in the open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Beside {
    /// What somebody wrote or said. Empty for nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Who reports, as the lender names them. Empty for whoever told it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reporter: String,
    /// The lender's own reference of a payment.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub payment_ref: String,
    /// Evidence: reference and SHA-256.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<(String, String)>,
    /// Collectors who took part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub collectors: Vec<CollectorId>,
}

impl Beside {
    /// Words alone.
    #[must_use]
    pub fn note(note: impl Into<String>) -> Self {
        Self {
            note: note.into(),
            ..Self::default()
        }
    }

    /// Sealed under a person's key; nothing where nothing was told.
    pub(crate) fn seal(&self, key: &DataKey) -> Done<Sealed> {
        if *self == Self::default() {
            return Ok(Sealed::default());
        }
        let json = serde_json::to_vec(self).unwrap_or_default();
        Ok(key.seal(JOURNAL_PLACE, &[&[TOLD][..], &json].concat())?)
    }

    /// Sealed under the key of a person, which is opened only where something was told.
    pub(crate) async fn sealed_for(&self, person: PartyId, keys: &Keys) -> Done<Sealed> {
        if *self == Self::default() {
            return Ok(Sealed::default());
        }
        self.seal(&*keys.of(person).await?)
    }

    /// What lies beside an entry about `person`; nothing where that is none of this, or the person was erased.
    pub(crate) async fn of(entry: &Entry, person: PartyId, keys: &Keys) -> Done<Option<Self>> {
        if entry.sealed.is_empty() {
            return Ok(None);
        }
        let key = match keys.of(person).await {
            Err(CommandError::Vault(VaultError::Erased(_))) => return Ok(None),
            key => key?,
        };
        Self::read(&key.open(JOURNAL_PLACE, &entry.sealed)?)
    }

    fn read(plain: &[u8]) -> Done<Option<Self>> {
        let forged = || CommandError::Vault(VaultError::Forged(JOURNAL_PLACE));
        match plain.split_first() {
            Some((&TOLD, json)) => serde_json::from_slice(json).map(Some).map_err(|_| forged()),
            Some((&RAW, _)) => Ok(None),
            _ => Err(forged()),
        }
    }
}

/// Seals what a carrier sent, as it came: kept as evidence, never shown.
pub(crate) fn seal_raw(key: &DataKey, raw: &[u8]) -> Done<Sealed> {
    Ok(key.seal(JOURNAL_PLACE, &[&[RAW][..], raw].concat())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Vault;

    #[test]
    fn what_was_told_reads_back_and_what_a_carrier_sent_is_none_of_it() {
        let party = PartyId::from_bytes([1; 16]);
        let (key, _) = Vault::new([1; 32]).new_key(party).unwrap();
        let told = Beside {
            evidence: vec![("scan-7".into(), "a".repeat(64))],
            ..Beside::note("moved to her sister")
        };
        let open = |sealed: &Sealed| Beside::read(&key.open(JOURNAL_PLACE, sealed).unwrap());
        assert_eq!(open(&told.seal(&key).unwrap()).unwrap(), Some(told));
        assert!(Beside::default().seal(&key).unwrap().is_empty());
        let raw = seal_raw(&key, br#"{"note":"from a carrier"}"#).unwrap();
        assert_eq!(open(&raw).unwrap(), None);
        assert!(Beside::read(b"").is_err());
        assert!(Beside::read(b"\x01{").is_err());
    }
}
