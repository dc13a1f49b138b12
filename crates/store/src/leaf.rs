//! The audit leaf of a journal entry.

use jiff::Timestamp;
use recoup_domain::journal::{Entry, What};
use recoup_domain::sealed::Sealed;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A leaf of the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The position of its entry; its Merkle index is one less.
    pub position: u64,
    /// SHA-256 of a zero byte and the canonical bytes of the entry (RFC 6962).
    pub hash: [u8; 32],
}

/// An entry as a journal row: what is sealed stands apart from the rest, so that erasing it leaves the
/// row, and the leaf, readable and verifiable.
#[derive(Clone, Debug)]
pub(crate) struct JournalRow {
    /// JSON of actor, event and the instants that the row's `at` does not tell.
    pub(crate) body: Vec<u8>,
    /// Sealed data of the entry.
    pub(crate) sealed: Vec<u8>,
    /// Sealed data of the row that the event carries whole.
    pub(crate) inner: Vec<u8>,
    /// When it was recorded, in microseconds since 1970 UTC.
    pub(crate) at_us: i64,
    begun: Sha256,
}

#[derive(Serialize)]
struct BodyRef<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_at: Option<Timestamp>,
    actor: &'a str,
    what: &'a What,
}

#[derive(Deserialize)]
struct Body {
    at: Option<Timestamp>,
    effective_at: Option<Timestamp>,
    actor: String,
    what: What,
}

impl JournalRow {
    /// The row of an entry; an error where it cannot be written as JSON.
    pub(crate) fn new(mut entry: Entry) -> Result<(Self, What), serde_json::Error> {
        let sealed = std::mem::take(&mut entry.sealed);
        let inner = inner_sealed(&mut entry.what)
            .map(std::mem::take)
            .unwrap_or_default();
        let at_us = micros(entry.at);
        let exact = from_micros(at_us) == Some(entry.at);
        let body = json(&BodyRef {
            at: (!exact).then_some(entry.at),
            effective_at: (entry.effective_at != entry.at).then_some(entry.effective_at),
            actor: &entry.actor,
            what: &entry.what,
        })?;
        let (sealed, inner) = (sealed.into_ciphertext(), inner.into_ciphertext());
        let begun = begin(&entry.tenant, at_us, &body, &sealed, &inner);
        let row = Self {
            body,
            sealed,
            inner,
            at_us,
            begun,
        };
        Ok((row, entry.what))
    }

    /// The leaf's hash at a position.
    pub(crate) fn leaf(&self, position: u64) -> [u8; 32] {
        let mut hash = self.begun.clone();
        hash.update(position.to_be_bytes());
        hash.finalize().into()
    }
}

/// The leaf hash of a recorded entry, computed anew: equal to the stored one as long as nothing was
/// changed or erased.
///
/// The canonical bytes are: length (4 bytes, big-endian) and text of the tenant, the instant in
/// microseconds (8 bytes), length and text of the body, 32 bytes of SHA-256 over both sealed parts
/// (each with its length), the position (8 bytes). Only the hash of ciphertext is in it, never of
/// plain personal data.
///
/// # Errors
/// Where the entry cannot be written as JSON.
pub fn leaf_hash(position: u64, entry: &Entry) -> Result<[u8; 32], serde_json::Error> {
    Ok(JournalRow::new(entry.clone())?.0.leaf(position))
}

/// What most rows and entries need: begun smaller, the text would be moved each time it outgrows its place.
const JSON_LEN: usize = 1_024;

/// A value as JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::with_capacity(JSON_LEN);
    serde_json::to_writer(&mut out, value)?;
    Ok(out)
}

pub(crate) fn entry_of(
    tenant: recoup_domain::ids::TenantId,
    at_us: i64,
    body: &[u8],
    sealed: Vec<u8>,
    inner: Vec<u8>,
) -> Result<Entry, serde_json::Error> {
    let mut body: Body = serde_json::from_slice(body)?;
    if let Some(place) = inner_sealed(&mut body.what) {
        *place = Sealed::from_ciphertext(inner);
    }
    let at = match body.at.or_else(|| from_micros(at_us)) {
        Some(at) => at,
        None => return Err(serde::de::Error::custom("an instant out of range")),
    };
    Ok(Entry {
        tenant,
        at,
        effective_at: body.effective_at.unwrap_or(at),
        actor: body.actor,
        what: body.what,
        sealed: Sealed::from_ciphertext(sealed),
    })
}

fn begin(
    tenant: &recoup_domain::ids::TenantId,
    at_us: i64,
    body: &[u8],
    sealed: &[u8],
    inner: &[u8],
) -> Sha256 {
    let mut part = Sha256::new();
    for bytes in [sealed, inner] {
        part.update(length(bytes));
        part.update(bytes);
    }
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(length(tenant.as_str().as_bytes()));
    hash.update(tenant.as_str());
    hash.update(at_us.to_be_bytes());
    hash.update(length(body));
    hash.update(body);
    hash.update(part.finalize());
    hash
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes()
}

/// The sealed part of the row that an event carries whole.
fn inner_sealed(what: &mut What) -> Option<&mut Sealed> {
    use recoup_domain::CaseEvent;
    use recoup_domain::journal::ContactEvent;
    use recoup_domain::party::PartyEvent;
    match what {
        What::Case {
            event: CaseEvent::Opened(case),
            ..
        } => Some(&mut case.sealed),
        What::Party {
            event: PartyEvent::Upserted(party),
            ..
        } => Some(&mut party.sealed),
        What::Contact {
            event: ContactEvent::Planned(contact) | ContactEvent::Intended(contact),
            ..
        } => Some(&mut contact.sealed),
        _ => None,
    }
}

/// Microseconds since 1970 UTC, rounded down.
pub(crate) fn micros(at: Timestamp) -> i64 {
    let us = at.as_nanosecond().div_euclid(1_000);
    // The range of Timestamp is ±9999 years: its microseconds fit into 64 bits.
    i64::try_from(us).unwrap_or(i64::MAX)
}

pub(crate) fn from_micros(us: i64) -> Option<Timestamp> {
    // By way of nanoseconds: the last microseconds of time are refused by the direct way.
    Timestamp::from_nanosecond(i128::from(us) * 1_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::build;
    use recoup_domain::CaseEvent;

    fn entry(at: &str) -> Entry {
        let case = build::case(&build::party(&build::tenant("a"), 1), 1);
        let event = CaseEvent::Opened(Box::new(case.clone()));
        let mut entry = build::case_entry(&case, event, at.parse().unwrap());
        entry.sealed = Sealed::from_ciphertext(vec![9; 5]);
        entry
    }

    #[test]
    fn entries_read_back_to_the_nanosecond_with_all_that_is_sealed() {
        for at in [
            "2026-04-08T08:00:00.123456789Z",
            "1960-01-01T00:00:00.000001Z",
        ] {
            for late in [0, 1] {
                let mut given = entry(at);
                given.effective_at -= jiff::SignedDuration::from_nanos(late);
                let (row, _) = JournalRow::new(given.clone()).unwrap();
                let JournalRow {
                    body,
                    sealed,
                    inner,
                    at_us,
                    ..
                } = row;
                let read = entry_of(given.tenant.clone(), at_us, &body, sealed, inner);
                assert_eq!(read.unwrap(), given);
            }
        }
    }

    #[test]
    fn whatever_is_changed_changes_the_leaf() {
        let given = entry("2026-04-08T08:00:00Z");
        let hash = |position, entry: &Entry| leaf_hash(position, entry).unwrap();
        let stored = hash(7, &given);
        assert_eq!(hash(7, &given.clone()), stored);
        assert_ne!(hash(8, &given), stored);
        let changes: [fn(&mut Entry); 6] = [
            |e| e.tenant = build::tenant("b"),
            |e| e.actor.push('x'),
            |e| e.at += jiff::SignedDuration::from_micros(1),
            |e| e.effective_at -= jiff::SignedDuration::from_micros(1),
            |e| e.sealed = Sealed::from_ciphertext(vec![9; 4]),
            |e| {
                let inner = inner_sealed(&mut e.what).unwrap();
                *inner = Sealed::default();
            },
        ];
        for change in changes {
            let mut forged = given.clone();
            change(&mut forged);
            assert_ne!(hash(7, &forged), stored);
        }
    }
}
