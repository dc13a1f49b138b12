//! What the gateway's answer proves.

use recoup_channel::ChannelError;
use recoup_channel::wire::Receipt;

use crate::http::Answer;

/// Only what the gateway documents is a proof. A 5xx or a proxy's page may come after the text was
/// taken, so anything else is `Unknown`.
pub(crate) fn judge(answer: &Answer, parts: u32) -> Result<Receipt, ChannelError> {
    let text = short(&answer.body);
    match answer.status {
        202 => taken(&text, parts),
        400 => Err(refused(&text)),
        403 => Err(ChannelError::auth(format!(
            "the gateway does not accept `username` and the password: {text}"
        ))),
        404 => Err(ChannelError::permanent(format!(
            "the gateway has no such service; check the path of `endpoint`: {text}"
        ))),
        429 => Err(ChannelError::rate_limited(
            format!("the gateway refuses for now: {text}"),
            answer.retry_after,
        )),
        status => Err(ChannelError::unknown(format!(
            "the gateway answered {status}, and may have taken it: {text}"
        ))),
    }
}

/// `0: Accepted for delivery`, `3: Queued for later delivery`; newer gateways put `: <id>` behind.
fn taken(text: &str, parts: u32) -> Result<Receipt, ChannelError> {
    let mut fields = text.splitn(3, ':').map(str::trim);
    let (Some("0" | "3"), Some(_)) = (fields.next(), fields.next()) else {
        return Err(ChannelError::unknown(format!(
            "the gateway answered 202 with a text that is not its own: {text}"
        )));
    };
    Ok(Receipt {
        provider_ref: fields.next().unwrap_or_default().to_owned(),
        parts,
        ..Receipt::default()
    })
}

/// The gateway's own lists are the person's or the operator's will; all else is our mistake.
fn refused(text: &str) -> ChannelError {
    let lists = [
        "not allowed",
        "black-list",
        "blacklist",
        "white-list",
        "do not contact",
    ];
    let lower = text.to_ascii_lowercase();
    if lists.iter().any(|words| lower.contains(words)) {
        ChannelError::rejected(format!("the gateway refuses this receiver: {text}"))
    } else {
        ChannelError::permanent(format!("the gateway refuses the text: {text}"))
    }
}

/// Enough of an answer to recognise it by.
fn short(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let printed = text.trim().chars().filter(|c| !c.is_control());
    printed.take(200).collect()
}
