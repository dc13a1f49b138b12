//! What a call says, as TwiML. Anybody may pick up: before the person confirms who they are, nothing
//! is said that hints at a debt.

use crate::config::{Config, Prompt};

/// The most characters that the provider takes as `Twiml`.
pub(crate) const TWIML_CHARS_MAX: usize = 4000;
/// How long the person has for the digit, in seconds.
const DIGIT_WAIT_S: u8 = 8;

/// Words by language: language, question, question with the name, good-bye.
const BUILT_IN: [(&str, &str, &str, &str); 4] = [
    (
        "zh-CN",
        "您好。请本人按1接听。",
        "您好，请问是{name}吗？如是本人，请按1。",
        "再见。",
    ),
    (
        "zh-TW",
        "您好。請本人按1接聽。",
        "您好，請問是{name}嗎？如是本人，請按1。",
        "再見。",
    ),
    (
        "zh-HK",
        "您好。請本人按1接聽。",
        "您好，請問是{name}嗎？如是本人，請按1。",
        "再見。",
    ),
    (
        "en",
        "Hello. If this call is for you, please press 1.",
        "Hello. This is a call for {name}. If you are {name}, please press 1.",
        "Goodbye.",
    ),
];

/// How a call sounds: its language and voice, and the words around the message.
#[derive(Debug)]
pub(crate) struct Manner {
    language: String,
    voice: Option<String>,
    prompt: Prompt,
}

impl Manner {
    /// For a locale in BCP 47; an unknown one gets English words.
    pub(crate) fn of(config: &Config, locale: &str) -> Self {
        let language = language(locale);
        let prompt = config.prompts.get(&language).cloned();
        Self {
            voice: config.voices.get(&language).cloned(),
            prompt: prompt.unwrap_or_else(|| built_in(&language)),
            language,
        }
    }

    fn say(&self, text: &str) -> String {
        let voice = self
            .voice
            .as_deref()
            .map_or_else(String::new, |voice| format!(" voice=\"{}\"", escape(voice)));
        format!(
            "<Say language=\"{}\"{voice}>{}</Say>",
            escape(&self.language),
            escape(text)
        )
    }

    /// A call whose text everybody may hear.
    pub(crate) fn plain(&self, body: &str) -> String {
        document(&format!("{}<Hangup/>", self.say(body)))
    }

    /// A call that asks for a 1 first. The digit goes to `action`, whose answer says the rest.
    pub(crate) fn ask(&self, name: &str, action: &str) -> String {
        let question = match (&self.prompt.confirm_named, name) {
            (Some(named), name) if !name.is_empty() => named.replace("{name}", name),
            _ => self.prompt.confirm.clone(),
        };
        let gather = format!(
            "<Gather input=\"dtmf\" numDigits=\"1\" timeout=\"{DIGIT_WAIT_S}\" method=\"POST\" \
             action=\"{}\">{}</Gather>",
            escape(action),
            self.say(&question)
        );
        document(&format!("{gather}{}", self.farewell()))
    }

    /// Ends a call that nobody confirmed.
    pub(crate) fn goodbye(&self) -> String {
        document(&self.farewell())
    }

    fn farewell(&self) -> String {
        format!("{}<Hangup/>", self.say(&self.prompt.goodbye))
    }
}

fn document(inner: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{inner}</Response>")
}

fn built_in(language: &str) -> Prompt {
    let row = BUILT_IN.iter().find(|row| row.0 == language);
    let (_, confirm, named, goodbye) = row.unwrap_or(&BUILT_IN[3]);
    Prompt {
        confirm: (*confirm).to_owned(),
        confirm_named: Some((*named).to_owned()),
        goodbye: (*goodbye).to_owned(),
    }
}

/// The provider's name of a language: language and region, no script.
fn language(locale: &str) -> String {
    let mut tags = locale.split(['-', '_']);
    let first = tags.next().unwrap_or_default().to_ascii_lowercase();
    let rest: Vec<&str> = tags.collect();
    let region = rest
        .iter()
        .find(|tag| tag.len() == 2 && tag.bytes().all(|b| b.is_ascii_alphabetic()));
    let hant = rest.iter().any(|tag| tag.eq_ignore_ascii_case("Hant"));
    match (first.as_str(), region, hant) {
        ("", _, _) => "en-US".to_owned(),
        (first, Some(region), _) => format!("{first}-{}", region.to_ascii_uppercase()),
        ("zh", None, true) => "zh-TW".to_owned(),
        ("zh", None, false) => "zh-CN".to_owned(),
        ("en", None, _) => "en-US".to_owned(),
        (first, None, _) => first.to_owned(),
    }
}

/// Text as XML content or attribute. What XML cannot hold at all is left out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(extra: &str) -> Config {
        Config::read(&format!(
            r#"{{"base_url": "http://h", "account_sid": "AC1", "auth_token_secret": "t",
                "from": "+861012345678"{extra}}}"#
        ))
        .expect("valid")
    }

    #[test]
    fn languages_are_those_of_the_provider() {
        let cases = [
            ("zh-Hans-CN", "zh-CN"),
            ("zh-Hant-TW", "zh-TW"),
            ("zh-Hant", "zh-TW"),
            ("zh", "zh-CN"),
            ("zh_HK", "zh-HK"),
            ("en", "en-US"),
            ("en-GB", "en-GB"),
            ("id", "id"),
            ("", "en-US"),
        ];
        for (locale, want) in cases {
            assert_eq!(language(locale), want, "{locale}");
        }
    }

    #[test]
    fn everything_that_is_said_is_escaped() {
        let manner = Manner::of(&config(r#", "voices": {"zh-CN": "a\"b"}"#), "zh-Hans-CN");
        assert_eq!(
            manner.plain("a<b>&'c\"\u{1}\n欠"),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>\
             <Say language=\"zh-CN\" voice=\"a&quot;b\">a&lt;b&gt;&amp;&apos;c&quot; 欠</Say>\
             <Hangup/></Response>"
        );
    }

    #[test]
    fn the_question_comes_before_everything() {
        let manner = Manner::of(&config(""), "zh-CN");
        let twiml = manner.ask("张<三>", "https://c/x?g=1&m=2");
        assert!(
            twiml.contains("action=\"https://c/x?g=1&amp;m=2\""),
            "{twiml}"
        );
        assert!(twiml.contains("请问是张&lt;三&gt;吗"), "{twiml}");
        assert!(twiml.contains("numDigits=\"1\""), "{twiml}");
        let unnamed = manner.ask("", "https://c/x");
        assert!(unnamed.contains("请本人按1接听"), "{unnamed}");
    }

    #[test]
    fn own_words_replace_the_built_in_ones() {
        let own = r#", "prompts": {"id": {"confirm": "Tekan 1.", "goodbye": "Dah."}}"#;
        let manner = Manner::of(&config(own), "id");
        assert!(manner.ask("Budi", "http://c").contains("Tekan 1."));
        assert!(manner.goodbye().contains("Dah."));
    }
}
