//! The file that says which libraries a server loads.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use semver::Version;
use serde::{Deserialize, Serialize};

use sha2::{Digest, Sha256};

use super::{Endpoint, signature};
use crate::stage::hex;

/// A lock that cannot be read, or says what cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{path}{at}: {problem}", path = path.display(), at = line.map_or_else(String::new, |l| format!(":{l}")))]
pub struct LockError {
    path: PathBuf,
    /// From 1; none where the whole file is meant.
    line: Option<usize>,
    problem: String,
}

/// `channels.lock`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lock {
    /// SHA-256 of libraries that are loaded no more, whoever vouches for them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub revoked: BTreeSet<String>,
    /// One entry for each channel.
    pub channel: Vec<Entry>,
}

/// Whom to believe on one channel, and what it is granted.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The channel's name in the configuration.
    pub name: String,
    /// The id of its library.
    pub id: String,
    /// Minisign keys of those who may sign it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publishers: Vec<String>,
    /// SHA-256 of libraries that need no signature, in lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sha256: Vec<String>,
    /// The oldest version that is loaded; none: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Version>,
    /// Where it may live.
    #[serde(default)]
    pub placement: LockPlacement,
    /// Where it may connect to.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    /// The secrets that it may get, by name.
    #[serde(default)]
    pub secrets: Vec<String>,
}

impl Entry {
    /// Which of the publishers signed these bytes.
    ///
    /// # Errors
    /// What does not fit.
    pub fn signed_by(&self, signature: &str, bytes: &[u8]) -> Result<String, String> {
        let sha256 = hex(&Sha256::digest(bytes));
        signature::verify(self, signature, bytes, &sha256)
    }
}

/// Where a channel may live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LockPlacement {
    /// In a process of its own.
    #[default]
    Isolated,
    /// In the server's process, too: full trust.
    Inline,
}

impl LockError {
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            problem: format!("cannot be read: {error}; check `channels_lock`"),
        }
    }
}

impl Lock {
    /// Reads a lock; `path` is for messages.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn parse(text: &str, path: &Path) -> Result<Self, LockError> {
        let error = |line, problem| LockError {
            path: path.to_owned(),
            line,
            problem,
        };
        let lock: Self = toml::from_str(text).map_err(|e| {
            let line = e
                .span()
                .map(|span| 1 + text[..span.start].matches('\n').count());
            error(line, e.message().trim().to_owned())
        })?;
        lock.check().map_err(|problem| error(None, problem))?;
        Ok(lock)
    }

    /// The entry of a channel.
    pub(super) fn entry(&self, channel: &str) -> Option<&Entry> {
        self.channel.iter().find(|e| e.name == channel)
    }

    fn check(&self) -> Result<(), String> {
        let of_revoked = self.revoked.iter().map(|hash| ("revoked".to_owned(), hash));
        let of_entries = self.channel.iter().enumerate().flat_map(|(i, e)| {
            e.sha256
                .iter()
                .map(move |hash| (format!("channel[{i}].sha256"), hash))
        });
        for (key, hash) in of_revoked.chain(of_entries) {
            if !is_hash(hash) {
                return Err(format!(
                    "{key}: `{hash}` is not 64 digits of lower-case hexadecimal"
                ));
            }
        }
        for (i, entry) in self.channel.iter().enumerate() {
            if self.channel[..i]
                .iter()
                .any(|other| other.name == entry.name)
            {
                return Err(format!(
                    "channel[{i}].name: `{}` is there twice",
                    entry.name
                ));
            }
            for key in &entry.publishers {
                signature::check_key(key)
                    .map_err(|why| format!("channel[{i}].publishers: {why}"))?;
            }
        }
        Ok(())
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
