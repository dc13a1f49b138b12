//! Detached minisign signatures.

use minisign_verify::{PublicKey, Signature};
use recoup_channel::wire::ChannelDescriptor;
use semver::Version;

use super::Entry;

/// Which of the entry's publishers signed these bytes.
///
/// # Errors
/// What does not fit.
pub(super) fn verify(
    entry: &Entry,
    text: &str,
    bytes: &[u8],
    sha256: &str,
) -> Result<String, String> {
    let signature = read(text)?;
    let fits = |key: &&String| {
        // Legacy signatures are of the bytes and not of their hash; no tool makes them any more.
        PublicKey::from_base64(key).is_ok_and(|key| key.verify(bytes, &signature, false).is_ok())
    };
    let publisher = entry.publishers.iter().find(fits).ok_or_else(|| {
        let keys = entry.publishers.len();
        format!("it is of none of the {keys} publishers in the lock, or of another file")
    })?;
    holds(signature.trusted_comment(), entry, sha256)?;
    Ok(publisher.clone())
}

/// Reads a minisign file.
///
/// # Errors
/// Where it is none.
pub(super) fn read(text: &str) -> Result<Signature, String> {
    Signature::decode(text).map_err(|e| format!("it is no minisign file ({e})"))
}

/// Whether a text is a minisign key.
///
/// # Errors
/// That it is none, and where one stands.
pub fn check_key(text: &str) -> Result<(), String> {
    let read = PublicKey::from_base64(text);
    read.map(drop)
        .map_err(|_| format!("`{text}` is no minisign key; it is the second line of the .pub file"))
}

/// What a signature should say of the file that it is of.
#[must_use]
pub fn comment(descriptor: &ChannelDescriptor, sha256: &str) -> String {
    format!(
        "id:{} version:{} arch:{} sha256:{sha256} core:{}",
        descriptor.id,
        descriptor.version,
        std::env::consts::ARCH,
        env!("CARGO_PKG_VERSION")
    )
}

/// Whether what the comment says is so. It is signed, too, so that an old or another library's signature is
/// known before any code runs.
fn holds(comment: &str, entry: &Entry, sha256: &str) -> Result<(), String> {
    let other =
        |what: &str, said: &str, is: &str| Err(format!("it says {what} {said}, and that is {is}"));
    for (word, said) in comment.split_whitespace().filter_map(|w| w.split_once(':')) {
        match word {
            "id" if said != entry.id => return other("id", said, &entry.id),
            "sha256" if said != sha256 => return other("SHA-256", said, sha256),
            "arch" if said != std::env::consts::ARCH => {
                return other("architecture", said, std::env::consts::ARCH);
            }
            "version" => {
                let version = version(word, said)?;
                if let Some(oldest) = entry.oldest.as_ref().filter(|oldest| version < **oldest) {
                    return Err(format!(
                        "version {version} is before {oldest}, the lock's `oldest`"
                    ));
                }
            }
            "core" => {
                let (least, own) = (version(word, said)?, env!("CARGO_PKG_VERSION"));
                if Version::parse(own).is_ok_and(|own| own < least) {
                    return Err(format!(
                        "it needs recoup {least} or newer, and this is {own}"
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn version(word: &str, said: &str) -> Result<Version, String> {
    Version::parse(said).map_err(|e| format!("its `{word}:{said}` is no version ({e})"))
}
