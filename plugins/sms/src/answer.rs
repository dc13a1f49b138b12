//! What the gateway's answer to a submit proves.

use recoup_channel::ChannelError;
use recoup_channel::wire::Receipt;

use crate::http::Answer;

/// Kannel documents 202 (taken), 400 (refused), 403 (account) and 404 (no such service). Anything
/// else proves nothing: a 5xx or a proxy's page may come after the text was taken.
pub(crate) fn read(answer: &Answer, parts: u32) -> Result<Receipt, ChannelError> {
    let text = String::from_utf8_lossy(&answer.body);
    let text = text.trim();
    match answer.status {
        202 => taken(text, parts),
        400 => Err(refused(text)),
        403 => Err(ChannelError::auth(format!(
            "the gateway does not accept `username` and the password: {}",
            short(text)
        ))),
        404 => Err(ChannelError::permanent(format!(
            "the gateway has no such service; check the path of `endpoint`: {}",
            short(text)
        ))),
        429 => Err(ChannelError::rate_limited(
            format!("the gateway refuses for now: {}", short(text)),
            answer.retry_after(),
        )),
        status => Err(ChannelError::unknown(format!(
            "the gateway answered {status}, which does not say whether it took the text: {}",
            short(text)
        ))),
    }
}

/// `0: Accepted for delivery`, `3: Queued for later delivery`, newer ones with `: <id>` behind.
fn taken(text: &str, parts: u32) -> Result<Receipt, ChannelError> {
    let mut fields = text.splitn(3, ':').map(str::trim);
    let (Some("0" | "3"), Some(_)) = (fields.next(), fields.next()) else {
        return Err(ChannelError::unknown(format!(
            "the gateway answered 202 with a text that is not its own: {}",
            short(text)
        )));
    };
    let provider_ref = fields.next().unwrap_or_default().to_owned();
    Ok(Receipt {
        provider_ref,
        parts,
        ..Receipt::default()
    })
}

/// The gateway's own lists are the person's or the operator's will; all else is our mistake.
fn refused(text: &str) -> ChannelError {
    let lower = text.to_ascii_lowercase();
    let by_list = [
        "not allowed",
        "black-list",
        "blacklist",
        "white-list",
        "do not contact",
    ];
    if by_list.iter().any(|words| lower.contains(words)) {
        ChannelError::rejected(format!(
            "the gateway refuses this receiver: {}",
            short(text)
        ))
    } else {
        ChannelError::permanent(format!("the gateway refuses the text: {}", short(text)))
    }
}

/// Enough of an answer to recognise it by.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
