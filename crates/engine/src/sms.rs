//! How many segments a text message takes, and which of its characters make them short: as the networks count, GSM
//! 03.38 or UCS-2.

/// A text message as a network cuts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segments {
    /// How many.
    pub count: u32,
    /// Characters that GSM 03.38 does not have, each once, in the order of the text. One is enough for the whole text
    /// to go as UCS-2, at 70 characters instead of 160.
    pub not_gsm: Vec<char>,
}

/// Characters of one septet; letters and digits of ASCII besides.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
/// Characters of an escape and a septet.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// Cuts a text.
#[must_use]
pub fn segments(text: &str) -> Segments {
    let mut not_gsm = Vec::new();
    for c in text.chars().filter(|c| septets(*c).is_none()) {
        if !not_gsm.contains(&c) {
            not_gsm.push(c);
        }
    }
    let count = match not_gsm.is_empty() {
        true => count(text, (160, 153), |c| septets(c).unwrap_or(1)),
        false => count(text, (70, 67), char::len_utf16),
    };
    Segments { count, not_gsm }
}

/// How many septets a character takes; none where GSM 03.38 has no such character.
fn septets(c: char) -> Option<usize> {
    if c.is_ascii_alphanumeric() || BASIC.contains(c) {
        Some(1)
    } else if EXTENSION.contains(c) {
        Some(2)
    } else {
        None
    }
}

/// One where the text fits, else as many as hold it; a character is never cut.
fn count(text: &str, (single, each): (usize, usize), width: impl Fn(char) -> usize) -> u32 {
    if text.chars().map(&width).sum::<usize>() <= single {
        return 1;
    }
    let (mut segments, mut used) = (1, 0);
    for width in text.chars().map(width) {
        if used + width > each {
            segments += 1;
            used = 0;
        }
        used += width;
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_as_networks_cut_them() {
        let (a, han, smile) = ("a", "债", "😀");
        for (text, expected, odd) in [
            (String::new(), 1, ""),
            (a.repeat(160), 1, ""),
            (a.repeat(161), 2, ""),
            (a.repeat(306), 2, ""),
            (a.repeat(307), 3, ""),
            // An escape is not cut from its character.
            ("€".repeat(80), 1, ""),
            (format!("{}€{}", a.repeat(152), a.repeat(153)), 3, ""),
            (han.repeat(70), 1, han),
            (han.repeat(71), 2, han),
            (format!("{}’{}’ç", a.repeat(60), a.repeat(10)), 2, "’ç"),
            // Nor is a pair of surrogates.
            (smile.repeat(35), 1, smile),
            (smile.repeat(67), 3, smile),
        ] {
            let found = segments(&text);
            assert_eq!(found.count, expected, "{text}");
            assert_eq!(found.not_gsm.iter().collect::<String>(), odd, "{text}");
        }
    }
}
