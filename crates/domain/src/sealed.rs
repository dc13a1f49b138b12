//! Personal data at rest: bytes that only the vault can open.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Ciphertext of personal data under the key of its person. There is no way to its content here: the
/// engine's vault opens it where text is rendered or shown to somebody who may see it.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Wraps what a vault has sealed.
    #[must_use]
    pub const fn from_ciphertext(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The ciphertext, for a store or a vault.
    #[must_use]
    pub fn ciphertext(&self) -> &[u8] {
        &self.0
    }

    /// The ciphertext itself.
    #[must_use]
    pub fn into_ciphertext(self) -> Vec<u8> {
        self.0
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}
