//! Places: bytes of the document to lines and columns, and bytes of an expression to bytes of the
//! document.

use super::yaml::At;

/// Line and column, from 1, of a byte of the document. Columns count characters.
pub(crate) fn line_and_column(source: &str, byte: usize) -> (u32, u32) {
    let mut byte = byte.min(source.len());
    while !source.is_char_boundary(byte) {
        byte -= 1;
    }
    let before = &source[..byte];
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    let lines = before.bytes().filter(|b| *b == b'\n').count();
    let fit = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
    (fit(lines), fit(before[start..].chars().count()))
}

/// The byte of the document where byte `offset` of a scalar's text stands.
///
/// YAML folds lines, doubles quotes and escapes; but every character of the text that is no white space
/// stands in the document too, in the same order. So walk both.
pub(crate) fn byte_of(source: &str, scalar: At, text: &str, offset: usize) -> usize {
    let end = scalar.end.min(source.len());
    let raw = source.get(scalar.start..end).unwrap_or_default();
    let quotes = usize::from(raw.starts_with(['"', '\'']));
    let inner = &raw[quotes..];
    if inner.get(..text.len()) == Some(text) {
        return scalar.start + quotes + offset.min(text.len());
    }
    let mut rest = inner.char_indices();
    for (i, c) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
        let Some((at, _)) = rest.find(|(_, r)| *r == c) else {
            break;
        };
        if i >= offset {
            return scalar.start + quotes + at;
        }
        // A quote that is doubled in the document is one character of the text.
        if c == '\'' && raw.starts_with('\'') && inner[at + 1..].starts_with('\'') {
            rest.next();
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        assert_eq!(line_and_column("né: x\nb", 4), (1, 4));
        assert_eq!(line_and_column("a\nbc", 3), (2, 2));
        assert_eq!(line_and_column("", 9), (1, 1));
    }

    #[test]
    fn places_survive_quotes_and_folds() {
        let check = |raw: &str, text: &str, at: &str| {
            let scalar = At {
                start: 0,
                end: raw.len(),
            };
            let found = byte_of(raw, scalar, text, text.find(at).unwrap());
            assert_eq!(found, raw.rfind(at).unwrap(), "{raw}");
        };
        check("a == b", "a == b", "b");
        check("'x == ''m'' && b'", "x == 'm' && b", "b");
        check("\"x == \\\"m\\\" && b\"", "x == \"m\" && b", "b");
        check("a &&\n    b ||\n    c", "a && b || c", "c");
    }
}
