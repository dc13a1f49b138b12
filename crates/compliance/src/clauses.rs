//! A text as what it must say is looked for in it: clause by clause. [`unsayable`](crate::unsayable) finds words
//! across every mark, since whoever hides a word hides it well; here that would find what nobody said.

use crate::denial;
use crate::unsayable::{common, is_han, words_of};

/// Whether a character ends a clause: a mark in its common form (`！` is `!` by then), the end of a line, or the NUL
/// that stands for a variable of a template.
const fn ends(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '。' | ';' | ',' | VARIABLE)
        || matches!(c, '\n'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What stands for a variable of a template, of which nobody knows what it will hold.
pub const VARIABLE: char = '\u{0}';

/// Words as they are looked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sought {
    row: Row,
    /// Characters of its own that end clauses: for it, they do not.
    own: Vec<char>,
}

#[derive(Debug, PartialEq, Eq)]
enum Row {
    /// With Han, of which the words are not parted: found anywhere, with nothing but spaces between its characters.
    Joined(String),
    /// Words in a row.
    Words(Vec<String>),
}

impl Sought {
    pub(crate) fn of(words: &str) -> Self {
        let common = common(words);
        let own = common.chars().filter(|c| ends(*c) && *c != VARIABLE);
        Self {
            own: own.collect(),
            row: match common.chars().any(is_han) {
                true => Row::Joined(joined(&common)),
                false => Row::Words(words_of(&common).map(str::to_owned).collect()),
            },
        }
    }

    /// Whether it has no letter and no digit.
    pub(crate) const fn is_empty(&self) -> bool {
        match &self.row {
            Row::Joined(_) => false,
            Row::Words(words) => words.is_empty(),
        }
    }

    /// Whether it is within one clause.
    pub(crate) const fn is_one_clause(&self) -> bool {
        self.own.is_empty()
    }
}

/// A text made ready to be searched.
pub(crate) struct Clauses {
    text: String,
    all: Vec<Clause>,
}

struct Clause {
    joined: String,
    words: Vec<String>,
}

impl Clauses {
    pub(crate) fn of(text: &str) -> Self {
        let text = common(text);
        let all = cut(&text, &[]);
        Self { text, all }
    }

    /// Whether the words are there.
    pub(crate) fn have(&self, sought: &Sought) -> bool {
        self.any(sought, |clause| clause.places(&sought.row).next().is_some())
    }

    /// Whether the words are there, and nothing beside them says that it is not so: `You cannot opt out` does not
    /// offer what `opt out` offers.
    pub(crate) fn affirm(&self, sought: &Sought) -> bool {
        self.any(sought, |clause| {
            let mut places = clause.places(&sought.row);
            places.any(|place| !clause.denies(&sought.row, place))
        })
    }

    fn any(&self, sought: &Sought, holds: impl Fn(&Clause) -> bool) -> bool {
        match &*sought.own {
            [] => self.all.iter().any(holds),
            own => cut(&self.text, own).iter().any(holds),
        }
    }
}

impl Clause {
    /// Where the row begins: a byte of the joined text, or the number of a word.
    fn places<'a>(&'a self, row: &'a Row) -> Box<dyn Iterator<Item = usize> + 'a> {
        match row {
            Row::Joined(text) => Box::new(self.joined.match_indices(text).map(|(at, _)| at)),
            Row::Words(words) if words.is_empty() => Box::new(std::iter::empty()),
            Row::Words(words) => {
                let windows = self.words.windows(words.len()).enumerate();
                Box::new(windows.filter(move |(_, w)| w == words).map(|(at, _)| at))
            }
        }
    }

    fn denies(&self, row: &Row, at: usize) -> bool {
        match row {
            Row::Joined(text) => {
                denial::in_han(&self.joined[..at], &self.joined[at + text.len()..])
            }
            Row::Words(words) => {
                denial::before(&self.words[..at]) || denial::behind(&self.words[at + words.len()..])
            }
        }
    }
}

fn cut(text: &str, kept: &[char]) -> Vec<Clause> {
    let clauses = text.split(|c| ends(c) && !kept.contains(&c));
    let clause = |clause: &str| Clause {
        joined: joined(clause),
        words: words_of(clause).map(str::to_owned).collect(),
    };
    clauses.map(clause).collect()
}

fn joined(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}
