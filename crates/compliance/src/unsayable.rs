//! What a message to somebody who owes nothing must not say: words of debt and amounts of money. The words are
//! data, `words/third-party.yaml`.

use crate::load::PackError;
use crate::pack::within;
use icu_normalizer::ComposingNormalizerBorrowed;
use serde::Deserialize;
use std::fmt;
use std::sync::LazyLock;

const FILE: &str = "third-party.yaml";
const TEXT: &str = include_str!("../words/third-party.yaml");

/// The words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsayable {
    forbidden: Vec<List>,
    money: Money,
    institution_withheld: Vec<Withheld>,
}

/// Words of one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    id: String,
    language: String,
    citation: String,
    why: String,
    words: Vec<String>,
}

/// Marks that make a number beside them an amount.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Money {
    symbols: Vec<String>,
    units: Vec<String>,
    words: Vec<String>,
}

/// A place where the institution is not named to a third party.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withheld {
    /// Its id, such as `US-REGF-1006.10b`.
    pub id: String,
    /// Where, such as `US`.
    regions: Vec<String>,
    /// Where it is written.
    pub citation: String,
    /// What it asks for.
    pub why: String,
}

/// Something in a text that a third party must not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A word of debt, as the list has it: never what stands around it.
    Word {
        /// The list, such as `debt-en`.
        list: String,
        /// The word.
        word: String,
        /// Where it is written that it must not be said.
        citation: String,
    },
    /// An amount of money, by the mark beside the number.
    Amount {
        /// The mark, such as `¥`.
        mark: String,
    },
    /// A word in which letters of two alphabets look alike, so that no list finds it.
    MixedScripts,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word {
                list,
                word,
                citation,
            } => write!(f, "the word of debt `{word}` ({list}: {citation})"),
            Self::Amount { mark } => write!(f, "an amount of money (a number beside `{mark}`)"),
            Self::MixedScripts => {
                f.write_str("a word that mixes Latin letters with Cyrillic or Greek ones")
            }
        }
    }
}

impl Unsayable {
    /// The words that are built in.
    ///
    /// # Panics
    /// Where the built-in list is faulty, which a test of this crate rules out.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Unsayable> =
            LazyLock::new(|| match Unsayable::parse(FILE, TEXT) {
                Ok(words) => words,
                Err(error) => panic!("built-in words: {error}"),
            });
        &BUILTIN
    }

    /// Reads a list.
    ///
    /// # Errors
    /// The first fault, with file, list and line.
    pub fn parse(file: &str, text: &str) -> Result<Self, PackError> {
        let fault = |rule: Option<&str>, line: Option<u64>, problem: String| PackError {
            file: file.to_owned(),
            line,
            rule: rule.map(str::to_owned),
            problem,
        };
        let read: Self = serde_saphyr::from_str(text).map_err(|error| {
            let line = error.location().map(|at| at.line());
            fault(None, line, error.without_snippet().to_string())
        })?;
        for list in &read.forbidden {
            let said = [&list.language, &list.citation, &list.why];
            let hollow = said.iter().any(|s| s.trim().is_empty());
            if hollow || list.words.is_empty() {
                let problem = "language, citation, why and words must all be there".to_owned();
                return Err(fault(Some(&list.id), None, problem));
            }
            if let Some(word) = list.words.iter().find(|w| Pattern::of(w).is_empty()) {
                let problem = format!("`{word}` has no letter; it would stand for nothing");
                return Err(fault(Some(&list.id), None, problem));
            }
        }
        Ok(read)
    }

    /// The first word of debt or amount of money in a text, or a word in which one can hide; none where it has none.
    #[must_use]
    pub fn found_in(&self, text: &str) -> Option<Found> {
        let text = Plain::of(text);
        for list in &self.forbidden {
            if let Some(word) = list.words.iter().find(|w| text.has(&Pattern::of(w))) {
                return Some(Found::Word {
                    list: list.id.clone(),
                    word: word.clone(),
                    citation: list.citation.clone(),
                });
            }
        }
        let symbol = self.money.symbols.iter().find(|m| text.prices(m, true));
        let unit = || self.money.units.iter().find(|m| text.prices(m, false));
        let word = || self.money.words.iter().find(|m| text.prices_word(m));
        if let Some(mark) = symbol.or_else(unit).or_else(word) {
            return Some(Found::Amount { mark: mark.clone() });
        }
        let mixed = text.words.iter().any(|w| mixes_scripts(w));
        mixed.then_some(Found::MixedScripts)
    }

    /// Whether a text has `name` in it, read as the list is: without case, form of letters, spaces and marks.
    #[must_use]
    pub fn names(text: &str, name: &str) -> bool {
        let name = Pattern::of(name);
        !name.is_empty() && Plain::of(text).has(&name)
    }

    /// Where `region` is a place in which the institution is not named: the text that says so.
    #[must_use]
    pub fn withholds_institution(&self, region: &str) -> Option<&Withheld> {
        let holds = |w: &&Withheld| {
            let mut own = w.regions.iter();
            own.any(|own| within(region, own) || within(own, region))
        };
        self.institution_withheld.iter().find(holds)
    }
}

/// A word of the list as it is looked for.
enum Pattern {
    /// Characters of a script without spaces, found anywhere.
    Dense(String),
    /// Words in a row; the last one may stand for what begins with it.
    Words { words: Vec<String>, open: bool },
}

impl Pattern {
    fn of(word: &str) -> Self {
        let open = word.ends_with('*');
        let plain = Plain::of(word);
        if plain.dense.chars().any(is_han) {
            Self::Dense(plain.dense)
        } else {
            let words = plain.words;
            Self::Words { words, open }
        }
    }

    const fn is_empty(&self) -> bool {
        match self {
            Self::Dense(text) => text.is_empty(),
            Self::Words { words, .. } => words.is_empty(),
        }
    }
}

/// Letters, digits and signs in other forms (full-width, bold, circled, joined, or apart from their accents) as the
/// common ones: NFKC.
const COMPATIBLE: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfkc();

/// A text in small letters and common forms, without what nobody sees.
pub(crate) fn common(text: &str) -> String {
    let visible = text.chars().filter(|c| !is_invisible(*c));
    let common = COMPATIBLE.normalize_iter(visible);
    common.flat_map(char::to_lowercase).collect()
}

/// The words of a text in common forms.
pub(crate) fn words_of(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != VIRAMA);
    words.flat_map(in_scripts)
}

/// A text as it is searched.
struct Plain {
    /// Its characters, small and in their common form.
    all: Vec<char>,
    /// Letters and digits alone.
    dense: String,
    /// Its words.
    words: Vec<String>,
}

impl Plain {
    fn of(text: &str) -> Self {
        let whole = common(text);
        Self {
            dense: whole.chars().filter(|c| c.is_alphanumeric()).collect(),
            words: words_of(&whole).map(str::to_owned).collect(),
            all: whole.chars().collect(),
        }
    }

    fn has(&self, pattern: &Pattern) -> bool {
        match pattern {
            Pattern::Dense(text) => self.dense.contains(text),
            Pattern::Words { words, open } => {
                let Some((last, before)) = words.split_last() else {
                    return false;
                };
                let is_last = |w: &String| w == last || (*open && w.starts_with(last.as_str()));
                let mut rows = self.words.windows(words.len());
                rows.any(|row| row[..before.len()] == *before && is_last(&row[before.len()]))
            }
        }
    }

    /// Whether a number stands before the mark, or also after it.
    fn prices(&self, mark: &str, either: bool) -> bool {
        let mark: Vec<char> = mark.chars().collect();
        self.beside(&mark)
            .any(|(before, after)| number(before.iter().rev()) || (either && number(after.iter())))
    }

    /// The same for a word, which stands by itself.
    fn prices_word(&self, mark: &str) -> bool {
        let mark: Vec<char> = mark.chars().collect();
        let letter = |c: Option<&char>| c.is_some_and(|c| c.is_alphabetic() && !is_han(*c));
        self.beside(&mark).any(|(before, after)| {
            !letter(before.last())
                && !letter(after.first())
                && (number(before.iter().rev()) || number(after.iter()))
        })
    }

    fn beside<'a>(&'a self, mark: &'a [char]) -> impl Iterator<Item = (&'a [char], &'a [char])> {
        let hits = self.all.windows(mark.len()).enumerate();
        let hits = hits.filter(move |(_, window)| *window == mark);
        hits.map(move |(at, _)| (&self.all[..at], &self.all[at + mark.len()..]))
    }
}

/// Whether a number is next.
fn number<'a>(mut chars: impl Iterator<Item = &'a char>) -> bool {
    let filler = |c: &&char| c.is_whitespace() || matches!(**c, '.' | ',' | ':' | '-' | '+');
    let next = chars.find(|c| !filler(c));
    next.is_some_and(|c| c.is_numeric() || NUMERALS.contains(*c))
}

/// Chinese numerals, common and formal.
const NUMERALS: &str = "〇零一二三四五六七八九十百千万萬亿億两兩壹贰貳叁參肆伍陆陸柒捌玖拾佰仟";

/// Joins consonants within a word of Hindi.
const VIRAMA: char = '\u{94d}';

/// Whether a word has letters of Latin beside ones of Cyrillic or Greek, which look like them.
fn mixes_scripts(word: &str) -> bool {
    let alike = |c: char| matches!(c, '\u{370}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' | '\u{1f00}'..='\u{1fff}');
    word.chars().any(|c| c.is_ascii_alphabetic()) && word.chars().any(alike)
}

/// The parts of a word in scripts that are written without spaces, and those in others: `请看loan` is two words.
fn in_scripts(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let spaceless = is_spaceless(rest.chars().next()?);
        let end = rest.find(|c| is_spaceless(c) != spaceless);
        let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(part)
    })
}

/// Han, kana and hangul, in which names of other scripts stand without a space beside them.
const fn is_spaceless(c: char) -> bool {
    is_han(c) || matches!(c, '\u{3040}'..='\u{30ff}' | '\u{ac00}'..='\u{d7af}')
}

pub(crate) const fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// Characters that nobody sees, put between letters to hide a word.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}
