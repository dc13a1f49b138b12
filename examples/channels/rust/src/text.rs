//! What of a request a text message carries, or why it cannot.

use recoup_channel::ChannelError;
use recoup_channel::wire::SendRequest;
use recoup_channel::wire::destination::To;
use recoup_channel::wire::send_request::Content;

/// Texts of more parts are refused.
const PARTS_MAX: u32 = 10;

/// A text that can be sent.
pub(crate) struct Text<'a> {
    pub(crate) to: &'a str,
    pub(crate) body: &'a str,
    pub(crate) is_gsm7: bool,
    /// What the gateway makes of it, and charges.
    pub(crate) parts: u32,
}

/// No error in here may repeat the text or the number.
pub(crate) fn of(request: &SendRequest) -> Result<Text<'_>, ChannelError> {
    let bad = |what: &str| Err(ChannelError::permanent(format!("not sent: {what}")));
    let to = match request.destination.as_ref().and_then(|d| d.to.as_ref()) {
        Some(To::E164(number)) if is_e164(number) => number,
        Some(To::E164(_)) => return bad("the number is not in E.164, `+` and 7 to 15 digits"),
        _ => return bad("a text message goes to a phone number"),
    };
    let body = match &request.content {
        Some(Content::Debtor(message)) if !message.template.is_empty() => {
            return bad("this gateway knows no templates");
        }
        Some(Content::Debtor(message)) if !message.attachments.is_empty() => {
            return bad("a text message carries no attachments");
        }
        Some(Content::Debtor(message)) => &message.body,
        Some(Content::ThirdParty(message)) => &message.body,
        None => return bad("the request has no content"),
    };
    if body.is_empty() {
        return bad("the text is empty");
    }
    let is_gsm7 = body.bytes().all(is_plain_gsm7);
    let parts = parts(body, is_gsm7);
    if parts > PARTS_MAX {
        return bad(&format!("the text has more than {PARTS_MAX} parts"));
    }
    Ok(Text {
        to,
        body,
        is_gsm7,
        parts,
    })
}

fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// A character of GSM-7 that takes one place there. The others of GSM-7 go as UCS-2, too, which is
/// never wrong and sometimes dearer.
fn is_plain_gsm7(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | b' '..=b'~') && !br"[\]^`{|}~".contains(&byte)
}

/// No character is cut in two.
fn parts(body: &str, is_gsm7: bool) -> u32 {
    let (whole, part) = if is_gsm7 { (160, 153) } else { (70, 67) };
    if body.encode_utf16().count() <= whole {
        return 1;
    }
    let (mut parts, mut room) = (1, part);
    for character in body.chars() {
        if character.len_utf16() > room {
            parts += 1;
            room = part;
        }
        room -= character.len_utf16();
    }
    parts
}
