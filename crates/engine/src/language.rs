//! Which of a template's texts somebody reads.

use recoup_domain::language::serves;
use recoup_store::StoredTemplate;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why no text can be taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoText {
    /// There is no such template.
    Unknown,
    /// There is none in the person's language, or nobody knows which that is. In words.
    OtherLanguage(String),
}

/// The newest text for a reader, of all versions of a template, oldest first.
pub(crate) fn text_for<'t>(
    versions: &'t [Arc<StoredTemplate>],
    reader: &str,
) -> Result<&'t Arc<StoredTemplate>, NoText> {
    let newest: BTreeMap<String, _> = versions
        .iter()
        .map(|t| (t.locale.to_ascii_lowercase(), t))
        .collect();
    let mut texts = newest.values();
    let languages = || {
        let all: Vec<&str> = newest.values().map(|t| t.locale.as_str()).collect();
        all.join(", ")
    };
    if reader.is_empty() {
        return match (texts.next(), texts.next()) {
            (None, _) => Err(NoText::Unknown),
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(NoText::OtherLanguage(format!(
                "it is there in {}, and nobody knows which of them the person reads; set the person's `locale`",
                languages()
            ))),
        };
    }
    let fit = texts.filter_map(|t| Some((serves(&t.locale, reader)?, t.version, t)));
    let best = fit.max_by_key(|(how_well, version, _)| (*how_well, *version));
    match best {
        Some((.., text)) => Ok(text),
        None if newest.is_empty() => Err(NoText::Unknown),
        None => Err(NoText::OtherLanguage(format!(
            "the person reads {reader}, and it is there in {} alone; register it in {reader}, or correct the person's \
             `locale`",
            languages()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use recoup_domain::TenantId;
    use recoup_domain::contact::{ContactClass, Reader};

    fn versions(locales: &[&str]) -> Vec<Arc<StoredTemplate>> {
        let numbered = locales.iter().zip(1..);
        let text = numbered.map(|(locale, version)| StoredTemplate {
            tenant: TenantId::new("acme").unwrap(),
            name: "reminder".into(),
            version,
            class: ContactClass::Sms,
            locale: (*locale).to_owned(),
            subject: String::new(),
            body: String::new(),
            variables: Vec::new(),
            reader: Reader::Obligor,
            author: String::new(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
            regions: Vec::new(),
            lender_kinds: Vec::new(),
            approval: None,
        });
        text.map(Arc::new).collect()
    }

    #[test]
    fn everybody_gets_the_newest_text_in_their_own_language() {
        for (there, reader, version) in [
            (&["en", "zh-CN"][..], "en", Some(1)),
            (&["en", "zh-CN"], "zh-CN", Some(2)),
            (&["zh-CN", "en", "zh-CN"], "zh-CN", Some(3)),
            // The same writing, of another country or of none.
            (&["en", "zh-CN"], "en-US", Some(1)),
            (&["en-US", "zh-CN"], "en", Some(1)),
            (&["en-GB", "en-US"], "en-US", Some(2)),
            (&["en-US", "en-GB"], "en-US", Some(1)),
            (&["en-US", "en-GB"], "en", Some(1)),
            (&["zh-CN"], "zh-Hans-SG", Some(1)),
            (&["zh-CN"], "ZH-cn", Some(1)),
            (&["zh-TW", "zh-CN"], "zh", Some(2)),
            (&["zh-Hant"], "zh-TW", Some(1)),
            // Another writing, another language.
            (&["zh-CN"], "zh-TW", None),
            (&["sr-Latn"], "sr", None),
            (&["en"], "es", None),
            // Nobody knows.
            (&["zh-CN"], "", Some(1)),
            (&["zh-CN", "zh-CN"], "", Some(2)),
            (&["zh-CN", "en"], "", None),
            // No tags at all.
            (&["Mandarin!"], "Mandarin!", Some(1)),
            (&["Mandarin!"], "zh", None),
        ] {
            let all = versions(there);
            let found = text_for(&all, reader).ok().map(|t| t.version);
            assert_eq!(found, version, "{there:?} for `{reader}`");
        }
    }

    #[test]
    fn who_must_act_is_told_what_there_is() {
        let all = versions(&["en", "zh-CN"]);
        let why = |reader| text_for(&all, reader).unwrap_err();
        let NoText::OtherLanguage(said) = why("id-ID") else {
            panic!("it is there in others")
        };
        assert!(
            said.contains("reads id-ID") && said.contains("en, zh-CN"),
            "{said}"
        );
        let NoText::OtherLanguage(said) = why("") else {
            panic!("nobody knows")
        };
        assert!(said.contains("set the person's `locale`"), "{said}");
        assert_eq!(text_for(&[], "en").unwrap_err(), NoText::Unknown);
        assert_eq!(text_for(&[], "").unwrap_err(), NoText::Unknown);
    }
}
