//! The document as a tree with positions. The only place that knows the YAML library.

use crate::finding::{Finding, Severity, code};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::borrow::Cow;
use std::fmt;

/// Collections inside collections; a policy needs six.
const DEPTH_MAX: usize = 24;

/// A value as written.
#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// A number that is no integer of 64 bits; nothing in a policy is one.
    Float,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

impl Value {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) => "an integer",
            Self::Float => "a number that is no integer",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Where something stands in the source, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct At {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A value with its position.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) value: Value,
}

/// A key with its position.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) at: At,
    pub(crate) name: String,
}

/// A document and the places where its text was read otherwise than YAML would.
pub(crate) struct Document {
    pub(crate) root: Node,
    /// Bytes of colons that belong to conditions; see [`shield`].
    pub(crate) shielded: Vec<usize>,
}

/// Reads a document.
pub(crate) fn read(source: &str) -> Result<Document, Box<Finding>> {
    let (text, shielded) = shield(source);
    let root = tree(&text)?;
    Ok(Document { root, shielded })
}

/// Conditions are written without quotes on lines of their own, and `a ? b : c` is one; but YAML takes
/// `: ` for the end of a key. So in the values of `enter:` and `when:` such colons are hidden from YAML:
/// a semicolon, which means nothing in a condition, stands in for each. Every byte keeps its place, and
/// who reads the condition takes it from the document itself.
fn shield(source: &str) -> (Cow<'_, str>, Vec<usize>) {
    let mut shielded = Vec::new();
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        if let Some(value) = condition_without_quotes(line) {
            let text = &line[value..];
            let end = text.find(" #").unwrap_or(text.len());
            let colons = text[..end].match_indices(": ");
            shielded.extend(colons.map(|(i, _)| start + value + i));
        }
        start += line.len();
    }
    if shielded.is_empty() {
        return (Cow::Borrowed(source), shielded);
    }
    let mut bytes = source.as_bytes().to_vec();
    for byte in &shielded {
        bytes[*byte] = b';';
    }
    // One ASCII character for another leaves the text UTF-8.
    let text = String::from_utf8(bytes).unwrap_or_else(|_| source.to_owned());
    (Cow::Owned(text), shielded)
}

/// Where the value of `enter:` or `when:` begins in a line, if it is written without quotes.
fn condition_without_quotes(line: &str) -> Option<usize> {
    let entry = line.trim_start_matches([' ', '-']);
    let value = ["enter: ", "when: "]
        .iter()
        .find_map(|key| entry.strip_prefix(key))?
        .trim_start();
    let plain = !value.starts_with(|c: char| "'\"|>[{&*!#%@`".contains(c));
    plain.then(|| line.len() - value.len())
}

fn tree(source: &str) -> Result<Node, Box<Finding>> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            flow_nesting_limit: DEPTH_MAX,
            // Anchors would let one place of the text mean several places of the policy.
            max_aliases: 0,
            max_anchors: 0,
        },
        merge_keys: serde_saphyr::MergeKeyPolicy::Error,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Spanned<Value>>(source, options)
        .map(Node::from)
        .map_err(|e| {
            let place = e.location();
            let fits = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
            let (message, hint) = told(e.without_snippet());
            Box::new(Finding {
                code: code::NOT_YAML,
                severity: Severity::Error,
                line: place.map_or(1, |p| fits(p.line())),
                column: place.map_or(1, |p| fits(p.column())),
                message,
                hint: hint.to_owned(),
                example: Vec::new(),
            })
        })
}

/// The library's error in our words, with a hint.
fn told(error: &serde_saphyr::Error) -> (String, &'static str) {
    use serde_saphyr::Error;
    use serde_saphyr::budget::BudgetBreach;
    match error {
        Error::DuplicateMappingKey { key, .. } => (
            format!(
                "the key `{}` stands twice in one mapping",
                key.as_deref().unwrap_or("?")
            ),
            "keep one of them",
        ),
        Error::MultipleDocuments { .. } => (
            "there is more than one document".to_owned(),
            "a policy is one document: remove `---`",
        ),
        Error::MergeKeyNotAllowed { .. } => (
            "merge keys are not allowed".to_owned(),
            "write the entries out",
        ),
        Error::Budget {
            breach: BudgetBreach::Anchors { .. } | BudgetBreach::Aliases { .. },
            ..
        } => (
            "anchors and aliases are not allowed".to_owned(),
            "write the value out in each place",
        ),
        Error::Budget { .. } => (
            "the document is nested too deep or too large".to_owned(),
            "",
        ),
        other => {
            let text = other.to_string();
            let end = text.rfind(" at line ").unwrap_or(text.len());
            let hint = "put text that holds `: `, ` #`, a bracket or a quote into 'single quotes'";
            (
                format!("the document cannot be read: {}", &text[..end]),
                hint,
            )
        }
    }
}

fn at(location: &serde_saphyr::Location) -> At {
    let span = location.span();
    let start = span.byte_offset().unwrap_or(0) as usize;
    At {
        start,
        end: start + span.byte_len().unwrap_or(0) as usize,
    }
}

impl From<Spanned<Value>> for Node {
    fn from(s: Spanned<Value>) -> Self {
        Self {
            at: at(&s.defined),
            value: s.value,
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, a list or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
        Ok(Value::Bool(b))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(Value::Int(n))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(i64::try_from(n).map_or(Value::Float, Value::Int))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Value, E> {
        Ok(Value::Float)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Value, E> {
        Ok(Value::Float)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Float)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Value>>()? {
            list.push(item.into());
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let value = map.next_value::<Spanned<Value>>()?;
            let key = Key {
                at: at(&key.defined),
                name: key.value,
            };
            entries.push((key, value.into()));
        }
        Ok(Value::Map(entries))
    }
}
