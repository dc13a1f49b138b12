//! Why a library is not loaded although it could be.

use super::LockError;

/// Why a library is not believed, or may not have what it wants.
#[derive(Debug, thiserror::Error)]
pub enum Untrusted {
    /// The lock cannot be read: then nobody is believed.
    #[error("channel `{channel}`: whom to believe is not known: {source}")]
    Lock {
        /// The channel.
        channel: String,
        /// Why.
        source: LockError,
    },
    /// The lock revokes these bytes.
    #[error("channel `{channel}`: the lock revokes the library with SHA-256 {sha256}")]
    Revoked {
        /// The channel.
        channel: String,
        /// The library's.
        sha256: String,
    },
    /// Neither its hash nor a signature of it is known.
    #[error(
        "channel `{channel}`: nobody vouches for the library with SHA-256 {sha256}: {fix}; or say \
         `unsigned_channels = true` in the configuration, which shows in every list of channels"
    )]
    Nobody {
        /// The channel.
        channel: String,
        /// The library's.
        sha256: String,
        /// What would help.
        fix: &'static str,
    },
    /// It has a signature that does not fit it.
    #[error(
        "channel `{channel}`: the library's signature is refused: {problem}; take both files from their \
         publisher again"
    )]
    Signature {
        /// The channel.
        channel: String,
        /// What does not fit.
        problem: String,
    },
    /// It wants what it was not granted.
    #[error(
        "channel `{channel}`: the lock does not grant what the library would have: {}; approve it by \
         changing the channel's entry there",
        problems.join("; ")
    )]
    Grant {
        /// The channel.
        channel: String,
        /// All that is not granted.
        problems: Vec<String>,
    },
}
