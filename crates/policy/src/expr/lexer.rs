//! Text to tokens.

use super::Fault;
use crate::finding::code;

/// Bytes of an expression, `start..end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Span {
    pub(crate) start: u16,
    pub(crate) end: u16,
}

impl Span {
    pub(crate) const fn to(self, last: Self) -> Self {
        Self {
            start: self.start,
            end: last.end,
        }
    }

    pub(crate) fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Token {
    Name,
    /// Magnitude: the sign is a token of its own.
    Int(u64),
    Text(String),
    Sign(&'static str),
    End,
}

/// Longer signs first: `<=` is not `<` and `=`.
const SIGNS: [&str; 22] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", "(", ")",
    "[", "]", ",", ".",
];

/// What people write instead of ours, with what to write.
const INSTEAD: [(&str, &str); 6] = [
    ("=", "equality is `==`"),
    ("&", "and is `&&`"),
    ("|", "or is `||`"),
    ("<>", "inequality is `!=`"),
    ("{", "mappings are not part of the policy language"),
    ("`", "text stands in \"double\" or 'single' quotes"),
];

/// All tokens with their places, the last one [`Token::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<(Token, Span)>, Fault> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (token, len) = one(&text[at..]).map_err(|mut fault| {
            fault.span = span(at + fault.span.start as usize, at + fault.span.end as usize);
            fault
        })?;
        out.push((token, span(at, at + len)));
        at += len;
    }
    out.push((Token::End, span(at, at)));
    Ok(out)
}

fn span(start: usize, end: usize) -> Span {
    // Expressions are at most 2 KB long, which was checked before.
    let fit = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    Span {
        start: fit(start),
        end: fit(end),
    }
}

/// The token that `rest` begins with, and its length in bytes.
fn one(rest: &str) -> Result<(Token, usize), Fault> {
    let first = rest.as_bytes()[0];
    if first.is_ascii_alphabetic() || first == b'_' {
        let len = word(rest);
        return Ok((Token::Name, len));
    }
    if first.is_ascii_digit() {
        return number(rest);
    }
    if first == b'"' || first == b'\'' {
        return string(rest, first);
    }
    let fault = |len: usize, message: String, hint: &str| Fault {
        code: code::SYNTAX,
        span: span(0, len),
        message,
        hint: hint.to_owned(),
    };
    if rest.starts_with("<>") {
        return Err(fault(2, "`<>` is no operator".into(), INSTEAD[3].1));
    }
    if let Some(sign) = SIGNS.iter().find(|s| rest.starts_with(**s)) {
        return Ok((Token::Sign(sign), sign.len()));
    }
    let c = rest.chars().next().unwrap_or_default();
    let hint = INSTEAD
        .iter()
        .find(|(s, _)| rest.starts_with(s))
        .map_or("", |(_, hint)| hint);
    Err(fault(
        c.len_utf8(),
        format!("`{c}` means nothing here"),
        hint,
    ))
}

fn word(rest: &str) -> usize {
    rest.bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
        .count()
}

fn number(rest: &str) -> Result<(Token, usize), Fault> {
    let len = word(rest);
    let digits = &rest[..len];
    let parsed = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    let fraction =
        rest[len..].starts_with('.') && rest[len + 1..].starts_with(|c: char| c.is_ascii_digit());
    let fault = |code, len, message: String, hint: &str| {
        Err(Fault {
            code,
            span: span(0, len),
            message,
            hint: hint.to_owned(),
        })
    };
    if fraction {
        let whole = len + 1 + word(&rest[len + 1..]);
        let message = format!("`{}` is no integer", &rest[..whole]);
        return fault(
            code::OUTSIDE,
            whole,
            message,
            "amounts are integer minor units: 2000000 fen, not 20000.00",
        );
    }
    match parsed {
        Ok(n) if n <= i64::MAX as u64 + 1 => Ok((Token::Int(n), len)),
        Ok(_) => fault(code::SYNTAX, len, format!("`{digits}` is too large"), ""),
        Err(_) if digits.ends_with('u') => fault(
            code::OUTSIDE,
            len,
            format!("`{digits}` is an unsigned number"),
            "all integers are signed here: leave the `u` out",
        ),
        Err(_) => fault(
            code::SYNTAX,
            len,
            format!("`{digits}` is no integer"),
            "a length of time is written duration(\"3d\")",
        ),
    }
}

fn string(rest: &str, quote: u8) -> Result<(Token, usize), Fault> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        match c {
            _ if c == char::from(quote) => return Ok((Token::Text(text), i + 1)),
            '\\' => match chars.next() {
                Some((_, escaped @ ('"' | '\'' | '\\'))) => text.push(escaped),
                _ => {
                    return Err(Fault {
                        code: code::OUTSIDE,
                        span: span(i, i + 1),
                        message: "an escape that is not known".into(),
                        hint: "there are \\\", \\' and \\\\".into(),
                    });
                }
            },
            '\n' => break,
            _ => text.push(c),
        }
    }
    Err(Fault {
        code: code::SYNTAX,
        span: span(0, 1),
        message: "text without a closing quote".into(),
        hint: String::new(),
    })
}
