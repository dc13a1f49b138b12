//! A request made into a mail: its headers, its parts and its envelope.

use std::time::{Duration, SystemTime};

use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, Message, MultiPart, SinglePart};
use recoup_channel::wire::send_request::Content;
use recoup_channel::wire::{self, SendRequest, destination};
use recoup_channel::{ChannelError, Host};
use sha2::{Digest, Sha256};

use crate::config::Config;

/// The most bytes of attachments that one mail carries.
const ATTACHMENTS_BYTES_MAX: u64 = 16 << 20;

/// A mail ready to go.
#[derive(Debug)]
pub(crate) struct Mail {
    /// Where bounces go.
    pub(crate) from: Address,
    pub(crate) to: Address,
    /// `<key@domain>`.
    pub(crate) message_id: String,
    /// The bytes, ASCII.
    pub(crate) bytes: Vec<u8>,
}

/// Makes the mail. Every error is proven: nothing has been sent.
pub(crate) fn make(
    config: &Config,
    host: &Host,
    request: &SendRequest,
) -> Result<Mail, ChannelError> {
    let destination = request.destination.clone().unwrap_or_default();
    let Some(destination::To::Email(to)) = &destination.to else {
        return Err(ChannelError::permanent(
            "the destination is no mail address; this channel takes `email`",
        ));
    };
    let to: Address = to.parse().map_err(|error| {
        ChannelError::permanent(format!("invalid_address: not a mail address: {error}"))
    })?;
    let (subject, body) = words(request)?;
    let name = Some(destination.display_name).filter(|name| !name.is_empty());
    for (what, text) in [("subject", Some(&subject)), ("name", name.as_ref())] {
        if text.is_some_and(|text| text.chars().any(char::is_control)) {
            return Err(ChannelError::permanent(format!(
                "the {what} holds a line end or another control character"
            )));
        }
    }
    let message_id = message_id(config, &request.idempotency_key)?;
    let mut builder = Message::builder()
        .from(config.from.clone())
        .to(Mailbox::new(name, to.clone()))
        .subject(subject)
        .date(wall(host.wall_unix_ms()))
        .message_id(Some(message_id.clone()))
        .raw_header(raw("Auto-Submitted", "auto-generated"));
    if let Some(reply_to) = &config.reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    if let Some(unsubscribe) = &config.list_unsubscribe {
        builder = builder.raw_header(raw("List-Unsubscribe", unsubscribe));
    }
    let text = SinglePart::plain(body);
    let files = files(request);
    let message = if files.is_empty() {
        builder.singlepart(text)
    } else {
        let mut parts = MultiPart::mixed().singlepart(text);
        for part in attachments(host, files)? {
            parts = parts.singlepart(part);
        }
        builder.multipart(parts)
    };
    let message = message
        .map_err(|error| ChannelError::permanent(format!("the mail cannot be made: {error}")))?;
    Ok(Mail {
        from: return_path(config, &request.contact_id)?,
        to,
        message_id,
        bytes: message.formatted(),
    })
}

/// Files go with a message to the debtor alone.
fn files(request: &SendRequest) -> &[wire::Attachment] {
    match &request.content {
        Some(Content::Debtor(message)) => &message.attachments,
        Some(Content::ThirdParty(_)) | None => &[],
    }
}

/// Subject and text.
fn words(request: &SendRequest) -> Result<(String, String), ChannelError> {
    let (subject, body) = match &request.content {
        Some(Content::Debtor(message)) => (message.subject.clone(), message.body.clone()),
        Some(Content::ThirdParty(message)) => (message.subject.clone(), message.body.clone()),
        None => (String::new(), String::new()),
    };
    if body.is_empty() {
        return Err(ChannelError::permanent(
            "the message has no text; this channel sends no carrier templates",
        ));
    }
    Ok((subject, body))
}

/// The key as the mail's identity: the peer and its logs know the mail by it.
fn message_id(config: &Config, key: &str) -> Result<String, ChannelError> {
    let in_atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    if key.is_empty() || !key.bytes().all(in_atom) {
        return Err(ChannelError::permanent(
            "the idempotency key has characters that a Message-ID cannot hold",
        ));
    }
    Ok(format!("<{key}@{}>", config.from.email.domain()))
}

/// `bounces+<contact>@domain`: a bounce is matched by where it comes to, not by what it says.
fn return_path(config: &Config, contact_id: &str) -> Result<Address, ChannelError> {
    let Some(domain) = &config.bounce_domain else {
        return Ok(config.from.email.clone());
    };
    Address::new(format!("bounces+{contact_id}"), domain).map_err(|error| {
        ChannelError::permanent(format!("the contact's id makes no return path: {error}"))
    })
}

fn wall(unix_ms: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(unix_ms.max(0).unsigned_abs())
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// Each file's bytes, held against the hash and size that the core named.
fn attachments(
    host: &Host,
    attachments: &[wire::Attachment],
) -> Result<Vec<SinglePart>, ChannelError> {
    let total: u64 = attachments
        .iter()
        .map(|one| one.size_bytes)
        .fold(0, u64::saturating_add);
    if total > ATTACHMENTS_BYTES_MAX {
        return Err(ChannelError::permanent(format!(
            "the attachments have {total} bytes; a mail carries {ATTACHMENTS_BYTES_MAX}"
        )));
    }
    attachments
        .iter()
        .map(|one| attachment(host, one))
        .collect()
}

fn attachment(host: &Host, one: &wire::Attachment) -> Result<SinglePart, ChannelError> {
    let name = &one.name;
    let sha256: [u8; 32] = one.sha256.as_slice().try_into().map_err(|_| {
        ChannelError::permanent(format!("attachment `{name}`: its SHA-256 is not 32 bytes"))
    })?;
    let bytes = host
        .blob(&sha256)
        .and_then(|blob| blob.read_all(one.size_bytes))
        .map_err(|error| {
            ChannelError::retryable(format!("attachment `{name}` cannot be read: {error}"))
        })?;
    if Sha256::digest(&bytes).as_slice() != sha256 || bytes.len() as u64 != one.size_bytes {
        return Err(ChannelError::permanent(format!(
            "attachment `{name}` is not the file that was named: its hash or size differs"
        )));
    }
    let media_type = ContentType::parse(&one.media_type).map_err(|error| {
        ChannelError::permanent(format!("attachment `{name}`: media type: {error}"))
    })?;
    Ok(Attachment::new(name.clone()).body(bytes, media_type))
}
