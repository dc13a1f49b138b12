//! Explanations: what each part of a condition came to.

use std::fmt;

/// What a part of a condition came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    /// True or false.
    Bool(bool),
    /// A number; amounts in minor units.
    Int(i64),
    /// A length of time, in seconds.
    Duration(i64),
    /// A name or other text.
    Text(&'a str),
    /// A text that the policy does not name.
    Other,
    /// Not known: every comparison with it is false.
    Absent,
    /// It cannot be computed; the condition is false. Why.
    Error(&'static str),
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Duration(s) if s % 86_400 == 0 => write!(f, "{}d", s / 86_400),
            Self::Duration(s) => write!(f, "{s}s"),
            Self::Text(t) => write!(f, "\"{t}\""),
            Self::Other => f.write_str("something else"),
            Self::Absent => f.write_str("not known"),
            Self::Error(why) => write!(f, "error: {why}"),
        }
    }
}

/// Watches an evaluation. Watching never changes what comes out.
pub trait Trace {
    /// Whether anything is watched; where false, no text is made at all.
    const ON: bool;

    /// A part of a condition, as written, and what it came to. Parts come before what they are part of;
    /// what short-circuiting left out does not come.
    fn note(&mut self, text: &str, value: Value<'_>);

    /// The whole condition of a stage.
    fn stage(&mut self, stage: u8, name: &str, holds: bool);
}

/// Watches nothing and costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTrace;

impl Trace for NoTrace {
    const ON: bool = false;

    fn note(&mut self, _: &str, _: Value<'_>) {}

    fn stage(&mut self, _: u8, _: &str, _: bool) {}
}

/// One line of an explanation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Note {
    /// A part of a condition.
    Part {
        /// The part as written.
        text: String,
        /// What it came to.
        value: String,
    },
    /// The end of a stage's condition; its parts stand before it.
    Stage {
        /// Number of the stage.
        stage: u8,
        /// Its name.
        name: String,
        /// Whether the condition holds.
        holds: bool,
    },
}

/// Collects everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FullTrace {
    /// In the order of evaluation.
    pub notes: Vec<Note>,
}

impl Trace for FullTrace {
    const ON: bool = true;

    fn note(&mut self, text: &str, value: Value<'_>) {
        self.notes.push(Note::Part {
            text: text.to_owned(),
            value: value.to_string(),
        });
    }

    fn stage(&mut self, stage: u8, name: &str, holds: bool) {
        self.notes.push(Note::Stage {
            stage,
            name: name.to_owned(),
            holds,
        });
    }
}
