//! As much of MIME as it takes to see what a person would read.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// How deep parts may lie in parts.
const DEPTH_MAX: u32 = 8;

/// base64 as mail has it: with or without padding.
const MAIL_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What the log wants of a mail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mail {
    pub(crate) message_id: Option<String>,
    /// The subject, an empty line, then the plain text parts (or HTML where there are none).
    pub(crate) text: String,
}

pub(crate) fn read(mail: &[u8]) -> Mail {
    let part = Part::split(mail);
    let mut plain = Vec::new();
    let mut html = Vec::new();
    collect(&part, DEPTH_MAX, &mut plain, &mut html);
    let body = if plain.is_empty() { html } else { plain }.join("\n");
    let text = match part.header("subject") {
        Some(subject) => format!("{}\n\n{body}", words(subject)),
        None => body,
    };
    Mail {
        message_id: part.header("message-id").map(str::to_owned),
        text,
    }
}

struct Part<'a> {
    headers: Vec<(String, String)>,
    body: &'a [u8],
}

impl Part<'_> {
    /// Splits at the first empty line and unfolds the headers.
    fn split(bytes: &[u8]) -> Part<'_> {
        let mut headers: Vec<(String, String)> = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = rest
                .iter()
                .position(|b| *b == b'\n')
                .map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at(end);
            rest = after;
            let line = String::from_utf8_lossy(line);
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                break;
            }
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = headers.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        Part {
            headers,
            body: rest,
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}

fn collect(part: &Part<'_>, depth: u32, plain: &mut Vec<String>, html: &mut Vec<String>) {
    let content_type = part.header("content-type").unwrap_or("text/plain");
    let kind = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let attached = part
        .header("content-disposition")
        .is_some_and(|d| d.to_ascii_lowercase().starts_with("attachment"));
    match kind.as_str() {
        _ if attached => {}
        "text/html" => html.push(decode(part)),
        _ if kind.starts_with("text/") => plain.push(decode(part)),
        _ if kind.starts_with("multipart/") && depth > 0 => {
            let Some(boundary) = parameter(content_type, "boundary") else {
                return;
            };
            for inner in inner_parts(part.body, &boundary) {
                collect(&Part::split(inner), depth - 1, plain, html);
            }
        }
        _ => {}
    }
}

fn parameter(header: &str, name: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|item| {
        let (n, value) = item.split_once('=')?;
        n.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// What lies between the boundary lines.
fn inner_parts<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let opening = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut begun: Option<usize> = None;
    let mut at = 0;
    for line in body.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(opening.as_bytes()) {
            if let Some(begin) = begun {
                parts.push(&body[begin..at]);
            }
            let last = line[opening.len()..].starts_with(b"--");
            begun = (!last).then_some(at + line.len());
        }
        at += line.len();
    }
    parts.extend(begun.map(|begin| &body[begin.min(body.len())..]));
    parts
}

fn decode(part: &Part<'_>) -> String {
    let encoding = part.header("content-transfer-encoding").unwrap_or("7bit");
    let bytes = match encoding.trim().to_ascii_lowercase().as_str() {
        "base64" => base64(part.body),
        "quoted-printable" => quoted_printable(part.body),
        _ => part.body.to_vec(),
    };
    let charset = part
        .header("content-type")
        .and_then(|t| parameter(t, "charset"));
    let text = in_charset(&bytes, charset.as_deref().unwrap_or("utf-8"));
    text.replace("\r\n", "\n").trim_end().to_owned()
}

fn in_charset(bytes: &[u8], charset: &str) -> String {
    if charset.eq_ignore_ascii_case("iso-8859-1") {
        return bytes.iter().map(|byte| char::from(*byte)).collect();
    }
    String::from_utf8_lossy(bytes).into_owned()
}

/// What is not base64 gives nothing: the hash in the log still tells what came.
fn base64(body: &[u8]) -> Vec<u8> {
    let dense: Vec<u8> = body
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    MAIL_BASE64.decode(dense).unwrap_or_default()
}

fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|b| char::from(*b).to_digit(16));
    let mut out = Vec::with_capacity(body.len());
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        let rest = &body[at + 1..];
        at += 1;
        if *byte != b'=' {
            out.push(*byte);
        } else if let (Some(high), Some(low)) = (digit(rest.first()), digit(rest.get(1))) {
            out.push((high << 4 | low) as u8);
            at += 2;
        } else if rest.starts_with(b"\r\n") {
            at += 2;
        } else if rest.starts_with(b"\n") {
            at += 1;
        } else {
            out.push(b'=');
        }
    }
    out
}

/// Decodes the encoded words of a header (RFC 2047).
fn words(header: &str) -> String {
    let mut out = String::new();
    let mut rest = header;
    let mut after_word = false;
    while let Some((before, tail)) = rest.split_once("=?") {
        let Some((word, tail)) = encoded_word(tail) else {
            out.push_str(before);
            out.push_str("=?");
            rest = tail;
            after_word = false;
            continue;
        };
        // White space between two encoded words is only there to fold the line.
        if !(after_word && before.trim().is_empty()) {
            out.push_str(before);
        }
        out.push_str(&word);
        rest = tail;
        after_word = true;
    }
    out + rest
}

/// `charset?B?text?=` and what follows it.
fn encoded_word(text: &str) -> Option<(String, &str)> {
    let (charset, text) = text.split_once('?')?;
    let (encoding, text) = text.split_once('?')?;
    let (word, rest) = text.split_once("?=")?;
    let bytes = match encoding {
        "B" | "b" => base64(word.as_bytes()),
        "Q" | "q" => quoted_printable(word.replace('_', " ").as_bytes()),
        _ => return None,
    };
    Some((in_charset(&bytes, charset), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_are_read() {
        let cases: [(&str, Option<&str>, &str); 5] = [
            (
                "Message-ID: <k@h>\r\nSubject: Hi\r\n\r\nBody\r\n",
                Some("<k@h>"),
                "Hi\n\nBody",
            ),
            (
                "Subject: =?utf-8?B?5L2g?=\r\n =?utf-8?Q?=E5=A5=BD_x?= y\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E4=BD=A0=\r\n=E5=A5=BD = 1",
                None,
                "你好 x y\n\n你好 = 1",
            ),
            (
                "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n5L2g\r\n5aW9\r\n",
                None,
                "你好",
            ),
            (
                "Content-Type: multipart/alternative; boundary=\"b\"\r\n\r\nskip\r\n--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>html\r\n--b--\r\nskip",
                None,
                "plain",
            ),
            ("Content-Type: text/html\r\n\r\n<p>only", None, "<p>only"),
        ];
        for (mail, id, text) in cases {
            let read = read(mail.as_bytes());
            assert_eq!(
                (read.message_id.as_deref(), read.text.as_str()),
                (id, text),
                "{mail}"
            );
        }
    }

    #[test]
    fn broken_mails_are_read_without_harm() {
        let broken: [&[u8]; 6] = [
            b"",
            b"\xff\xfe",
            b"Subject: =?utf-8?B?",
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b",
            b"Content-Transfer-Encoding: base64\r\n\r\n!!!",
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=",
        ];
        for mail in broken {
            let _ = read(mail);
        }
        assert_eq!(read(b"Subject: =?utf-8?B?").text, "=?utf-8?B?\n\n");
    }
}
