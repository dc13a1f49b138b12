//! Languages of texts and people. Tags are those of BCP 47; what a tag leaves out is what it most likely means (`zh` is
//! read in the writing of the mainland, `zh-TW` in that of Taiwan), by CLDR's likely subtags.

use icu_locale::{LanguageIdentifier, Locale, LocaleCanonicalizer, LocaleExpander};

/// A tag in full, by what it most likely means, and by its name of today (`in`, which older programs write, is `id`);
/// none for what is no tag.
fn in_full(tag: &str) -> Option<LanguageIdentifier> {
    let mut found = Locale::try_from_str(&tag.replace('_', "-")).ok()?;
    LocaleCanonicalizer::new_common().canonicalize(&mut found);
    LocaleExpander::new_common().maximize(&mut found.id);
    Some(found.id)
}

/// How well a text in one language serves who reads another: not at all (none), or the more the better.
#[must_use]
pub fn serves(text: &str, reader: &str) -> Option<u8> {
    if text.eq_ignore_ascii_case(reader) {
        return Some(2);
    }
    let (text, reader) = (in_full(text)?, in_full(reader)?);
    let alike = text.language == reader.language && text.script == reader.script;
    alike.then(|| u8::from(text.region == reader.region))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_serves_who_reads_its_language_in_its_writing() {
        for (text, reader, how_well) in [
            ("en", "EN", Some(2)),
            ("en-US", "en", Some(1)),
            ("en-GB", "en-US", Some(0)),
            ("zh-CN", "zh-Hans", Some(1)),
            ("zh-CN", "zh-TW", None),
            ("zh-Hant", "zh-TW", Some(1)),
            ("sr-Latn", "sr", None),
            ("en", "es", None),
            ("Mandarin!", "Mandarin!", Some(2)),
            ("id", "in-ID", Some(1)),
            ("he-IL", "iw", Some(1)),
            ("en", "en_US", Some(1)),
            ("Mandarin!", "zh", None),
            ("", "en", None),
        ] {
            assert_eq!(serves(text, reader), how_well, "{text} for {reader}");
        }
    }
}
