//! The referral pack: a zip with its manifest first. One contact makes the same bytes at any time.

use std::collections::BTreeSet;
use std::io::{Cursor, Write as _};

use jiff::Timestamp;
use recoup_channel::wire::send_request::Content;
use recoup_channel::wire::{Attachment, SendRequest};
use recoup_channel::{ChannelError, Host};
use serde::Serialize;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Format of the manifest; grows when a reader of the former one would go wrong.
const FORMAT: &str = "recoup.referral/1";
/// How many files a pack may hold.
const FILES_MAX: usize = 200;

/// A part of the pack.
struct Part {
    path: String,
    media_type: String,
    bytes: Vec<u8>,
}

#[derive(Serialize)]
struct Manifest<'a> {
    format: &'static str,
    contact_id: &'a str,
    key: &'a str,
    /// The case as the core names it.
    case: Option<&'a str>,
    desk: &'a str,
    title: &'a str,
    language: &'a str,
    /// The window in which the referral may be filed.
    file_from: Option<String>,
    file_to: Option<String>,
    parts: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    path: String,
    media_type: String,
    size: usize,
    sha256: String,
    /// The start of the window: when the pack was put together changes nothing in it.
    made_at: Option<String>,
}

/// A document that stays with the lender.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Held {
    name: String,
    reference: String,
    sha256: Option<String>,
}

/// Makes the pack. Every error is proven: nothing has been sent.
pub(crate) fn make(
    host: &Host,
    request: &SendRequest,
    desk: &str,
    bytes_max: u64,
) -> Result<Vec<u8>, ChannelError> {
    let letter = Letter::of(request)?;
    let mut parts = vec![
        Part {
            path: "letter.txt".to_owned(),
            media_type: "text/plain; charset=utf-8".to_owned(),
            bytes: letter.text.as_bytes().to_vec(),
        },
        Part {
            path: "documents.json".to_owned(),
            media_type: "application/json".to_owned(),
            bytes: json(&letter.held)?,
        },
    ];
    parts.extend(files(host, letter.attachments, bytes_max)?);
    let manifest = Manifest {
        format: FORMAT,
        contact_id: &request.contact_id,
        key: &request.idempotency_key,
        case: letter.case,
        desk,
        title: letter.title,
        language: &request.locale,
        file_from: instant(request.effect_from_unix_ms)?,
        file_to: instant(request.effect_to_unix_ms)?,
        parts: entries(&parts, request.effect_from_unix_ms)?,
    };
    let manifest = Part {
        path: "manifest.json".to_owned(),
        media_type: "application/json".to_owned(),
        bytes: json(&manifest)?,
    };
    let wrong = |error| ChannelError::permanent(format!("the pack cannot be written: {error}"));
    zipped(std::iter::once(&manifest).chain(&parts)).map_err(wrong)
}

/// What the request says.
struct Letter<'a> {
    title: &'a str,
    text: &'a str,
    held: Vec<Held>,
    attachments: &'a [Attachment],
    case: Option<&'a str>,
}

impl<'a> Letter<'a> {
    fn of(request: &'a SendRequest) -> Result<Self, ChannelError> {
        let letter = match &request.content {
            Some(Content::Debtor(message)) => {
                // The map has no order of its own.
                let mut held: Vec<Held> = message.references.iter().map(held).collect();
                held.sort_by(|a, b| a.name.cmp(&b.name));
                Self {
                    title: &message.subject,
                    text: &message.body,
                    held,
                    attachments: &message.attachments,
                    case: message.correlation.get("case").map(String::as_str),
                }
            }
            Some(Content::ThirdParty(message)) => Self {
                title: &message.subject,
                text: &message.body,
                held: Vec::new(),
                attachments: &[],
                case: None,
            },
            None => Self {
                title: "",
                text: "",
                held: Vec::new(),
                attachments: &[],
                case: None,
            },
        };
        if letter.text.is_empty() {
            return Err(ChannelError::permanent(
                "the referral has no letter: its text is empty",
            ));
        }
        Ok(letter)
    }
}

/// A reference `<where> sha256:<64 digits>`, or without a hash.
fn held((name, value): (&String, &String)) -> Held {
    let hashed = value
        .rsplit_once("sha256:")
        .filter(|(_, hash)| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
    let (reference, sha256) = match hashed {
        Some((reference, hash)) => (reference.trim_end(), Some(hash.to_ascii_lowercase())),
        None => (value.as_str(), None),
    };
    Held {
        name: name.clone(),
        reference: reference.to_owned(),
        sha256,
    }
}

/// The attachments, each held against the hash and size that the core named.
fn files(
    host: &Host,
    attachments: &[Attachment],
    bytes_max: u64,
) -> Result<Vec<Part>, ChannelError> {
    if attachments.len() > FILES_MAX {
        return Err(ChannelError::permanent(format!(
            "the referral has {} files; a pack holds {FILES_MAX}",
            attachments.len()
        )));
    }
    let total = attachments
        .iter()
        .map(|one| one.size_bytes)
        .fold(0, u64::saturating_add);
    if total > bytes_max {
        return Err(ChannelError::permanent(format!(
            "the files have {total} bytes; `pack_bytes_max` is {bytes_max}"
        )));
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = attachments.iter().find(|one| !names.insert(&one.name)) {
        return Err(ChannelError::permanent(format!(
            "two files are named `{}`",
            twice.name
        )));
    }
    attachments.iter().map(|one| file(host, one)).collect()
}

fn file(host: &Host, one: &Attachment) -> Result<Part, ChannelError> {
    let name = &one.name;
    let is_bad = |c: char| matches!(c, '/' | '\\' | ':') || c.is_control();
    if name.is_empty() || name.starts_with('.') || name.contains(is_bad) {
        return Err(ChannelError::permanent(format!(
            "`{name}` is no file name for a pack: no folder, no drive, no leading dot"
        )));
    }
    let sha256: [u8; 32] = one.sha256.as_slice().try_into().map_err(|_| {
        ChannelError::permanent(format!("file `{name}`: its SHA-256 is not 32 bytes"))
    })?;
    let bytes = host
        .blob(&sha256)
        .and_then(|blob| blob.read_all(one.size_bytes))
        .map_err(|error| ChannelError::retryable(format!("file `{name}`: {error}")))?;
    if Sha256::digest(&bytes).as_slice() != sha256 || bytes.len() as u64 != one.size_bytes {
        return Err(ChannelError::permanent(format!(
            "file `{name}` is not the one that was named: its hash or size differs"
        )));
    }
    Ok(Part {
        path: format!("files/{name}"),
        media_type: one.media_type.clone(),
        bytes,
    })
}

fn entries(parts: &[Part], made_at_unix_ms: i64) -> Result<Vec<Entry>, ChannelError> {
    let made_at = instant(made_at_unix_ms)?;
    let entry = |part: &Part| Entry {
        path: part.path.clone(),
        media_type: part.media_type.clone(),
        size: part.bytes.len(),
        sha256: sha256_hex(&part.bytes),
        made_at: made_at.clone(),
    };
    Ok(parts.iter().map(entry).collect())
}

/// RFC 3339; `None` for "not said".
fn instant(unix_ms: i64) -> Result<Option<String>, ChannelError> {
    if unix_ms == 0 {
        return Ok(None);
    }
    let instant = Timestamp::from_millisecond(unix_ms).map_err(|error| {
        ChannelError::permanent(format!("{unix_ms} ms is no instant of a calendar: {error}"))
    })?;
    Ok(Some(instant.to_string()))
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, ChannelError> {
    serde_json::to_vec_pretty(value)
        .map_err(|error| ChannelError::permanent(format!("the pack cannot be written: {error}")))
}

fn zipped<'a>(parts: impl Iterator<Item = &'a Part>) -> zip::result::ZipResult<Vec<u8>> {
    // Stored, with no time of its own: the bytes hang on the parts alone, not on a library's
    // compressor.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut pack = ZipWriter::new(Cursor::new(Vec::new()));
    for part in parts {
        pack.start_file(part.path.as_str(), options)?;
        pack.write_all(&part.bytes)?;
    }
    Ok(pack.finish()?.into_inner())
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_split_from_its_hash() {
        let hash = "AB".repeat(32);
        let cases = [
            (format!("LN-1 sha256:{hash}"), "LN-1", Some("ab".repeat(32))),
            (format!("sha256:{hash}"), "", Some("ab".repeat(32))),
            ("LN-1".to_owned(), "LN-1", None),
            ("LN-1 sha256:12".to_owned(), "LN-1 sha256:12", None),
            (format!("LN-1 sha256:{}", "z".repeat(64)), "", None),
        ];
        for (value, reference, sha256) in cases {
            let got = held((&"contract".to_owned(), &value));
            assert_eq!(got.sha256, sha256, "{value}");
            let want = if sha256.is_none() {
                value.as_str()
            } else {
                reference
            };
            assert_eq!(got.reference, want, "{value}");
        }
    }

    #[test]
    fn instants_are_rfc_3339() {
        let got = instant(1_795_485_600_000).expect("an instant");
        assert_eq!(got.as_deref(), Some("2026-11-24T02:00:00Z"));
        assert_eq!(instant(0).expect("none"), None);
        assert!(instant(i64::MAX).is_err());
    }
}
