//! How a text is cut into the segments that a network carries and charges.

/// What a network writes a text in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// GSM 03.38, counted in septets.
    Gsm7,
    /// UTF-16, counted in units.
    Ucs2,
}

/// A text's segments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Segments {
    pub(crate) alphabet: Alphabet,
    pub(crate) parts: Vec<String>,
}

/// Characters of one septet; letters and digits of ASCII besides.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
/// Characters of an escape and a septet.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// Cuts a text: in GSM-7 where all of it can be written so, else in UCS-2.
pub(crate) fn segments(text: &str) -> Segments {
    if text.chars().all(|c| septets(c).is_some()) {
        let parts = cut(text, 160, 153, |c| septets(c).unwrap_or(1));
        Segments {
            alphabet: Alphabet::Gsm7,
            parts,
        }
    } else {
        let parts = cut(text, 70, 67, char::len_utf16);
        Segments {
            alphabet: Alphabet::Ucs2,
            parts,
        }
    }
}

/// How many septets a character takes; `None` where GSM-7 has no such character.
fn septets(c: char) -> Option<usize> {
    if c.is_ascii_alphanumeric() || BASIC.contains(c) {
        Some(1)
    } else if EXTENSION.contains(c) {
        Some(2)
    } else {
        None
    }
}

/// One part where the text fits `single`, else parts of at most `each`. A character is never cut, so
/// neither an escape nor a surrogate pair is.
fn cut(text: &str, single: usize, each: usize, width: impl Fn(char) -> usize) -> Vec<String> {
    if text.chars().map(&width).sum::<usize>() <= single {
        return vec![text.to_owned()];
    }
    let mut parts = Vec::new();
    let (mut part, mut used) = (String::new(), 0);
    for c in text.chars() {
        if used + width(c) > each {
            parts.push(std::mem::take(&mut part));
            used = 0;
        }
        used += width(c);
        part.push(c);
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, alphabet: Alphabet, lengths: &[usize]) {
        let cut = segments(text);
        assert_eq!(cut.alphabet, alphabet);
        let found: Vec<usize> = cut.parts.iter().map(|part| part.chars().count()).collect();
        assert_eq!(found, lengths, "characters of each part");
        assert_eq!(cut.parts.concat(), text, "nothing is lost");
    }

    #[test]
    fn gsm7_counts_septets() {
        check("", Alphabet::Gsm7, &[0]);
        check(&"a".repeat(160), Alphabet::Gsm7, &[160]);
        check(&"a".repeat(161), Alphabet::Gsm7, &[153, 8]);
        check(&"a".repeat(170), Alphabet::Gsm7, &[153, 17]);
        check(&"a".repeat(306), Alphabet::Gsm7, &[153, 153]);
        check(&"a".repeat(307), Alphabet::Gsm7, &[153, 153, 1]);
    }

    #[test]
    fn an_extension_character_counts_two_and_is_not_cut() {
        check(&"€".repeat(80), Alphabet::Gsm7, &[80]);
        check(&"€".repeat(81), Alphabet::Gsm7, &[76, 5]);
        // 152 septets, then an escape that would end in the next segment.
        check(
            &format!("{}€{}", "a".repeat(152), "b".repeat(9)),
            Alphabet::Gsm7,
            &[152, 10],
        );
    }

    #[test]
    fn ucs2_counts_units() {
        check(&"债".repeat(70), Alphabet::Ucs2, &[70]);
        check(&"债".repeat(71), Alphabet::Ucs2, &[67, 4]);
        check(&"债".repeat(90), Alphabet::Ucs2, &[67, 23]);
        check(&format!("{}ç", "a".repeat(70)), Alphabet::Ucs2, &[67, 4]);
    }

    #[test]
    fn a_surrogate_pair_is_not_cut() {
        check(&"😀".repeat(35), Alphabet::Ucs2, &[35]);
        check(&"😀".repeat(36), Alphabet::Ucs2, &[33, 3]);
        check(
            &format!("{}😀{}", "债".repeat(66), "债".repeat(5)),
            Alphabet::Ucs2,
            &[66, 6],
        );
    }

    #[test]
    fn the_tables_hold_what_gsm_03_38_holds() {
        // 128 codes: 62 letters and digits of ASCII, the rest of the table, and the escape itself.
        assert_eq!(62 + BASIC.chars().count() + 1, 128);
        assert_eq!(EXTENSION.chars().count(), 10);
    }
}
