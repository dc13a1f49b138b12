//! Which libraries may be loaded, and what they are granted.
//!
//! A server has a file, `channels.lock`, that says for each channel whom to believe and what the channel
//! may have. [`Trust::admit`] judges bytes before any of them runs; [`Admission::fits`] holds what the
//! library says of itself against the grant, before an instance sees a setting or a secret.

mod endpoint;
mod lock;
mod refusal;
mod signature;

use std::fs;
use std::path::PathBuf;

use recoup_channel::wire::ChannelDescriptor;
use semver::Version;
use sha2::{Digest, Sha256};

use crate::Placement;
use crate::stage::hex;
pub use endpoint::{Endpoint, endpoints_of};
pub use lock::{Entry, Lock, LockError, LockPlacement};
pub use refusal::Untrusted;
pub use signature::{check_key, comment};

/// Whom a server believes.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The file that says so; none: there is none.
    pub lock: Option<PathBuf>,
    /// Take what nobody vouches for, too.
    pub unsigned: bool,
}

/// A library on its way in.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a> {
    /// All of it.
    pub library: &'a [u8],
    /// The text of its minisign file; none: it has none.
    pub signature: Option<&'a str>,
}

/// Why a library is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The lock names these very bytes.
    Pinned,
    /// A key of the lock signed them.
    Signed {
        /// The key, as the lock writes it.
        publisher: String,
    },
    /// Nobody vouches for them.
    Unsigned,
}

/// A library that may be loaded, and on what terms.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Why.
    pub proof: Proof,
    channel: String,
    grant: Option<Entry>,
}

/// What a channel would have, held against its grant.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// What the library says of itself.
    pub descriptor: &'a ChannelDescriptor,
    /// Its settings, as JSON.
    pub settings: &'a str,
    /// Where it would live.
    pub placement: &'a Placement,
    /// The names of the secrets that it would get.
    pub secrets: &'a [&'a str],
}

impl Trust {
    /// Judges a library that channel `channel` would load.
    ///
    /// # Errors
    /// See [`Untrusted`].
    pub fn admit(&self, channel: &str, bytes: Bytes<'_>) -> Result<Admission, Untrusted> {
        let lock = self.read(channel)?;
        let sha256 = hex(&Sha256::digest(bytes.library));
        let lock = lock.as_ref();
        if lock.is_some_and(|l| l.revoked.contains(&sha256)) {
            return Err(Untrusted::Revoked {
                channel: channel.to_owned(),
                sha256,
            });
        }
        let entry = lock.and_then(|l| l.entry(channel));
        let proof = match entry {
            None => Proof::Unsigned,
            Some(entry) => prove(entry, &sha256, bytes)?,
        };
        if proof == Proof::Unsigned && !self.unsigned {
            return Err(Untrusted::Nobody {
                channel: channel.to_owned(),
                sha256,
                fix: match (&self.lock, entry) {
                    (None, _) => {
                        "write a lock with `recoup channel lock`, read it, and name it as \
                         `channels_lock`"
                    }
                    (Some(_), None) => {
                        "the lock has no [[channel]] of this name; `recoup channel lock` writes one"
                    }
                    (Some(_), Some(entry))
                        if bytes.signature.is_some() && entry.publishers.is_empty() =>
                    {
                        "it is signed, and the lock names no `publishers` of the channel: put the signer's key \
                         there, or the hash into `sha256`"
                    }
                    (Some(_), Some(_)) => {
                        "put its signature beside it (.minisig), or its hash into the lock's `sha256`"
                    }
                },
            });
        }
        Ok(Admission {
            proof,
            channel: channel.to_owned(),
            grant: entry.cloned(),
        })
    }

    /// The lock as it is now: what was approved a moment ago holds.
    fn read(&self, channel: &str) -> Result<Option<Lock>, Untrusted> {
        let Some(path) = &self.lock else {
            return Ok(None);
        };
        let lock = fs::read_to_string(path)
            .map_err(|e| LockError::unreadable(path, &e))
            .and_then(|text| Lock::parse(&text, path));
        let lock = lock.map_err(|source| Untrusted::Lock {
            channel: channel.to_owned(),
            source,
        })?;
        Ok(Some(lock))
    }
}

fn prove(entry: &Entry, sha256: &str, bytes: Bytes<'_>) -> Result<Proof, Untrusted> {
    let refused = |problem| Untrusted::Signature {
        channel: entry.name.clone(),
        problem,
    };
    let signed = match bytes.signature {
        None => None,
        // Without a key no more can be said than that it is one.
        Some(text) if entry.publishers.is_empty() => {
            signature::read(text).map_err(refused)?;
            None
        }
        Some(text) => Some(entry.signed_by(text, bytes.library).map_err(refused)?),
    };
    Ok(match signed {
        Some(publisher) => Proof::Signed { publisher },
        None if entry.sha256.iter().any(|one| one == sha256) => Proof::Pinned,
        None => Proof::Unsigned,
    })
}

impl Admission {
    /// Whether the library, its place, its secrets and its endpoints are what was granted. Without an entry in
    /// a lock nothing was, and nothing is held against it.
    ///
    /// # Errors
    /// [`Untrusted::Grant`] names everything that is not granted.
    pub fn fits(&self, wanted: &Wanted<'_>) -> Result<(), Untrusted> {
        let Some(grant) = &self.grant else {
            return Ok(());
        };
        let problems = problems(grant, wanted);
        if problems.is_empty() {
            return Ok(());
        }
        Err(Untrusted::Grant {
            channel: self.channel.clone(),
            problems,
        })
    }

    /// The ports that the channel may connect to; none: any.
    #[must_use]
    pub fn ports(&self) -> Option<Vec<u16>> {
        const DNS: u16 = 53;
        let granted = &self.grant.as_ref()?.endpoints;
        let mut ports: Vec<u16> = granted.iter().filter_map(|e| e.port).collect();
        if granted.iter().any(Endpoint::is_a_name) {
            ports.push(DNS);
        }
        ports.sort_unstable();
        ports.dedup();
        Some(ports)
    }
}

fn problems(grant: &Entry, wanted: &Wanted<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    let d = wanted.descriptor;
    if d.id != grant.id {
        problems.push(format!("its id is {}, and the lock's {}", d.id, grant.id));
    }
    if let Some(oldest) = &grant.oldest {
        match Version::parse(&d.version) {
            Ok(version) if version >= *oldest => {}
            Ok(version) => problems.push(format!(
                "version {version} is before {oldest}, the `oldest`"
            )),
            Err(_) => problems.push(format!(
                "its version `{}` is none (semver), so it cannot be held against `oldest`",
                d.version
            )),
        }
    }
    if matches!(wanted.placement, Placement::Inline) && grant.placement != LockPlacement::Inline {
        problems
            .push("it would live inline, which is full trust; the lock says isolated".to_owned());
    }
    let own = d.secret_names.iter().map(String::as_str);
    for secret in own.chain(wanted.secrets.iter().copied()) {
        let told = format!("it would get the secret `{secret}`, which `secrets` does not name");
        if !grant.secrets.iter().any(|s| s == secret) && !problems.contains(&told) {
            problems.push(told);
        }
    }
    match endpoints_of(d, wanted.settings) {
        Err(why) => problems.push(why),
        Ok(endpoints) => problems.extend(
            endpoints
                .iter()
                .filter(|e| !grant.endpoints.iter().any(|g| g.covers(e)))
                .map(|e| format!("it connects to {e}, which `endpoints` does not name")),
        ),
    }
    problems
}
