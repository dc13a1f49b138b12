//! Attachments on their way to a channel: named by the SHA-256 of their bytes, held while a contact that
//! names them is with its channel.

use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Attachments by hash.
#[derive(Default)]
pub struct Blobs(Mutex<HashMap<[u8; 32], Held>>);

struct Held {
    bytes: Arc<[u8]>,
    holders: usize,
}

impl Blobs {
    /// Holds `bytes` until [`release`](Self::release); the same bytes are held once.
    pub fn hold(&self, bytes: Vec<u8>) -> [u8; 32] {
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.entry(hash)
            .or_insert_with(|| Held {
                bytes: bytes.into(),
                holders: 0,
            })
            .holders += 1;
        hash
    }

    /// The bytes of a hash; none where nobody holds them.
    #[must_use]
    pub fn get(&self, hash: &[u8; 32]) -> Option<Arc<[u8]>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(hash).map(|h| h.bytes.clone())
    }

    /// Lets go of one hold.
    pub fn release(&self, hash: &[u8; 32]) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(h) = held.get_mut(hash) {
            h.holders -= 1;
            if h.holders == 0 {
                held.remove(hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_there_as_long_as_somebody_holds_them() {
        let blobs = Blobs::default();
        let hash = blobs.hold(b"letter".to_vec());
        assert_eq!(blobs.hold(b"letter".to_vec()), hash);
        blobs.release(&hash);
        assert_eq!(blobs.get(&hash).as_deref(), Some(&b"letter"[..]));
        blobs.release(&hash);
        assert_eq!(blobs.get(&hash), None);
        blobs.release(&hash);
    }
}
