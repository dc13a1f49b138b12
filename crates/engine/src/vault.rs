//! Keys: what seals personal data, what hashes references and numbers, what signs call-back addresses.
//!
//! One master key, kept outside the store, wraps a data key for each party; erasing the data key erases
//! the party. Everything else is a sub-key by purpose and tenant.

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use hmac::{Hmac, Mac};
use recoup_domain::ids::{CaseId, ContactId, KeyedHash, PartyId, TenantId};
use recoup_domain::sealed::Sealed;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Sealed data that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The party's key was erased or never existed.
    #[error("the key of {0} does not exist: the person was erased")]
    Erased(PartyId),
    /// The bytes were changed, or sealed under another key or for another place.
    #[error("sealed data of {0} does not open: it was changed, or the master key is another one")]
    Forged(&'static str),
    /// The system has no randomness.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

/// The master key and what is derived from it.
pub struct Vault {
    /// HMAC under the master key, before its first byte: what a call begins from a copy of.
    hmac: Hmac<Sha256>,
    wrap: Aes256GcmSiv,
}

const FORMAT: u8 = 1;
const NONCE_LEN: usize = 12;

impl Vault {
    /// A vault on a master key of 256 random bits.
    #[must_use]
    pub fn new(master: [u8; 32]) -> Self {
        let master = Zeroizing::new(master);
        // HMAC takes keys of any length: this cannot fail.
        let hmac = Hmac::<Sha256>::new_from_slice(&master[..])
            .unwrap_or_else(|_| unreachable!("HMAC takes any key"));
        let wrap = Aes256GcmSiv::new(&mac(&hmac, &[b"wrap"]).into());
        Self { hmac, wrap }
    }

    /// A keyed hash of something that identifies a person or loan. `kind` keeps like values of different
    /// kinds apart.
    #[must_use]
    pub fn keyed(&self, tenant: &TenantId, kind: &str, value: &str) -> KeyedHash {
        KeyedHash(self.short(&[
            b"keyed",
            tenant.as_str().as_bytes(),
            kind.as_bytes(),
            value.as_bytes(),
        ]))
    }

    /// A keyed hash of a request's method and body.
    #[must_use]
    pub fn fingerprint(&self, tenant: &TenantId, method: &str, body: &[u8]) -> [u8; 16] {
        self.short(&[
            b"request",
            tenant.as_str().as_bytes(),
            method.as_bytes(),
            body,
        ])
    }

    /// The idempotency key of a contact: the same for the slot's whole life.
    #[must_use]
    pub fn contact_key(&self, tenant: &TenantId, contact: ContactId) -> String {
        let seq = contact.seq.to_be_bytes();
        let parts: [&[u8]; 4] = [
            b"contact",
            tenant.as_str().as_bytes(),
            &contact.case.to_bytes(),
            &seq,
        ];
        KeyedHash(self.short(&parts)).to_string()
    }

    /// The token in a contact's call-back address.
    #[must_use]
    pub fn callback_token(&self, contact: ContactId) -> String {
        let (case, seq) = (contact.case.to_bytes(), contact.seq.to_be_bytes());
        let signature = self.short(&[b"callback", &case, &seq]);
        case.iter()
            .chain(&seq)
            .chain(&signature)
            .map(|b| format!("{b:02x}"))
            .collect()
    }

    /// The contact that a token was minted for; none where it was not minted here.
    #[must_use]
    pub fn read_token(&self, token: &str) -> Option<ContactId> {
        if token.len() != 72 || !token.is_ascii() {
            return None;
        }
        let bytes: Vec<u8> = (0..36)
            .map(|i| u8::from_str_radix(&token[2 * i..2 * i + 2], 16))
            .collect::<Result<_, _>>()
            .ok()?;
        let mut verify = self.hmac.clone();
        for part in [&b"callback"[..], &bytes[..16], &bytes[16..20]] {
            feed(&mut verify, part);
        }
        verify.verify_truncated_left(&bytes[20..]).ok()?;
        let case = CaseId::from_bytes(bytes[..16].try_into().ok()?);
        let seq = u32::from_be_bytes(bytes[16..20].try_into().ok()?);
        Some(ContactId { case, seq })
    }

    /// The path of a provider account's fixed call-back address.
    #[must_use]
    pub fn account_path(&self, tenant: &TenantId, channel: &str) -> String {
        KeyedHash(self.short(&[b"account", tenant.as_str().as_bytes(), channel.as_bytes()]))
            .to_string()
    }

    /// A new data key for a party, and its wrapped form for the key store.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn new_key(&self, party: PartyId) -> Result<(DataKey, Vec<u8>), VaultError> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut key[..]).map_err(|_| VaultError::NoRandomness)?;
        let aad = party.to_bytes();
        let wrapped = seal(&self.wrap, &aad, &key[..])?;
        Ok((
            DataKey {
                person: Some(party),
                cipher: Aes256GcmSiv::new((&*key).into()),
            },
            wrapped,
        ))
    }

    /// The key of what speaks of no person: derived, so that there is nothing to keep and nothing to erase.
    #[must_use]
    pub fn nobodys_key(&self) -> DataKey {
        DataKey {
            person: None,
            cipher: Aes256GcmSiv::new(&mac(&self.hmac, &[b"nobody"]).into()),
        }
    }

    /// The data key in a wrapped form.
    ///
    /// # Errors
    /// Where it was wrapped for another party or under another master key.
    pub fn unwrap(&self, party: PartyId, wrapped: &[u8]) -> Result<DataKey, VaultError> {
        let key = Zeroizing::new(open(&self.wrap, &party.to_bytes(), wrapped, "a data key")?);
        let key: &[u8; 32] = key[..]
            .try_into()
            .map_err(|_| VaultError::Forged("a data key"))?;
        Ok(DataKey {
            person: Some(party),
            cipher: Aes256GcmSiv::new(key.into()),
        })
    }

    fn short(&self, parts: &[&[u8]]) -> [u8; 16] {
        let full = mac(&self.hmac, parts);
        let mut short = [0; 16];
        short.copy_from_slice(&full[..16]);
        short
    }
}

/// The data key of a person, or of nobody.
pub struct DataKey {
    person: Option<PartyId>,
    cipher: Aes256GcmSiv,
}

impl DataKey {
    /// Whose it is.
    #[must_use]
    pub const fn person(&self) -> Option<PartyId> {
        self.person
    }

    /// Seals `plain` for `place` (a table and column): it opens for the same party and place only.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Result<Sealed, VaultError> {
        seal(&self.cipher, &self.aad(place), plain).map(Sealed::from_ciphertext)
    }

    /// Opens what was sealed for `place`.
    ///
    /// # Errors
    /// Where it was changed or sealed elsewhere.
    pub fn open(&self, place: &'static str, sealed: &Sealed) -> Result<Vec<u8>, VaultError> {
        open(&self.cipher, &self.aad(place), sealed.ciphertext(), place)
    }

    fn aad(&self, place: &str) -> Vec<u8> {
        let person = self.person.map(PartyId::to_bytes).unwrap_or_default();
        [&person[..], place.as_bytes()].concat()
    }
}

fn seal(cipher: &Aes256GcmSiv, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).map_err(|_| VaultError::NoRandomness)?;
    let sealed = cipher
        .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad })
        .map_err(|_| VaultError::NoRandomness)?;
    Ok([&[FORMAT][..], &nonce, &sealed].concat())
}

fn open(
    cipher: &Aes256GcmSiv,
    aad: &[u8],
    sealed: &[u8],
    what: &'static str,
) -> Result<Vec<u8>, VaultError> {
    let forged = VaultError::Forged(what);
    let Some((&FORMAT, rest)) = sealed.split_first() else {
        return Err(forged);
    };
    let Some((nonce, body)) = rest.split_first_chunk::<NONCE_LEN>() else {
        return Err(forged);
    };
    cipher
        .decrypt(&Nonce::from(*nonce), Payload { msg: body, aad })
        .map_err(|_| forged)
}

/// Length first, so that no two lists of parts feed the same bytes.
fn feed(mac: &mut Hmac<Sha256>, part: &[u8]) {
    mac.update(&(part.len() as u64).to_be_bytes());
    mac.update(part);
}

fn mac(keyed: &Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = keyed.clone();
    parts.iter().for_each(|part| feed(&mut mac, part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact() -> ContactId {
        ContactId {
            case: CaseId::from_bytes([3; 16]),
            seq: 9,
        }
    }

    #[test]
    fn what_is_sealed_opens_for_its_party_and_place_alone() {
        let vault = Vault::new([1; 32]);
        let (alice, bob) = (PartyId::from_bytes([1; 16]), PartyId::from_bytes([2; 16]));
        let (key, wrapped) = vault.new_key(alice).unwrap();
        let sealed = key.seal("party", b"Zhang San").unwrap();
        let again = vault.unwrap(alice, &wrapped).unwrap();
        assert_eq!(again.open("party", &sealed).unwrap(), b"Zhang San");
        assert!(again.open("contact", &sealed).is_err());
        assert!(vault.unwrap(bob, &wrapped).is_err());
        assert!(Vault::new([2; 32]).unwrap(alice, &wrapped).is_err());
        let mut bytes = sealed.ciphertext().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        assert!(
            again
                .open("party", &Sealed::from_ciphertext(bytes))
                .is_err()
        );
        assert!(again.open("party", &Sealed::default()).is_err());
    }

    #[test]
    fn tokens_lead_back_to_their_contact_and_cannot_be_made_up() {
        let vault = Vault::new([1; 32]);
        let token = vault.callback_token(contact());
        assert_eq!(vault.read_token(&token), Some(contact()));
        for i in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[i] = if forged[i] == b'0' { b'1' } else { b'0' };
            assert_eq!(
                vault.read_token(std::str::from_utf8(&forged).unwrap()),
                None
            );
        }
        assert_eq!(Vault::new([2; 32]).read_token(&token), None);
        assert_eq!(vault.read_token(&"é".repeat(36)), None);
    }

    #[test]
    fn hashes_depend_on_tenant_kind_and_value() {
        let vault = Vault::new([1; 32]);
        let (a, b) = (TenantId::new("a").unwrap(), TenantId::new("b").unwrap());
        let base = vault.keyed(&a, "point", "+8613800000001");
        assert_eq!(base, vault.keyed(&a, "point", "+8613800000001"));
        assert_ne!(base, vault.keyed(&b, "point", "+8613800000001"));
        assert_ne!(base, vault.keyed(&a, "ref", "+8613800000001"));
        assert_ne!(vault.keyed(&a, "po", "int"), vault.keyed(&a, "poi", "nt"));
    }
}
