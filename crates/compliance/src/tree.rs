//! YAML as it was written, for whoever compares two texts: no key has a meaning here.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// A value of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    Leaf(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// The value of a key of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(entries) = self else {
            return None;
        };
        entries.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// The entries of a list; none for anything else.
    pub(crate) fn entries(&self) -> &[Self] {
        match self {
            Self::List(entries) => entries,
            Self::Leaf(_) | Self::Map(_) => &[],
        }
    }

    /// Every value by its path, such as `rule.daily_window.hours[0].open`; entries with an id by their id, lists of
    /// plain values whole. `less` names keys of the outermost map that are left out.
    pub(crate) fn leaves(&self, less: &[&str]) -> BTreeMap<String, String> {
        let mut leaves = BTreeMap::new();
        match self {
            Self::Map(entries) => {
                for (key, value) in entries.iter().filter(|(k, _)| !less.contains(&k.as_str())) {
                    value.collect(key.clone(), &mut leaves);
                }
            }
            other => other.collect(String::new(), &mut leaves),
        }
        leaves
    }

    fn collect(&self, path: String, leaves: &mut BTreeMap<String, String>) {
        match self {
            Self::Leaf(text) => {
                leaves.insert(path, text.clone());
            }
            Self::Map(entries) => {
                for (key, value) in entries {
                    value.collect(format!("{path}.{key}"), leaves);
                }
            }
            Self::List(entries) => match self.plain() {
                Some(text) => {
                    leaves.insert(path, text);
                }
                None => {
                    for (n, entry) in entries.iter().enumerate() {
                        let place = match entry.get("id") {
                            Some(Self::Leaf(id)) => format!("{path}[{id}]"),
                            _ => format!("{path}[{n}]"),
                        };
                        entry.collect(place, leaves);
                    }
                }
            },
        }
    }

    /// A list of plain values on one line.
    fn plain(&self) -> Option<String> {
        let text = |entry: &Self| match entry {
            Self::Leaf(text) => Some(text.clone()),
            Self::List(_) | Self::Map(_) => None,
        };
        let texts: Option<Vec<String>> = self.entries().iter().map(text).collect();
        Some(format!("[{}]", texts?.join(", ")))
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Reader)
    }
}

struct Reader;

macro_rules! leaf {
    ($($visit:ident: $kind:ty),*) => {$(
        fn $visit<E: Error>(self, value: $kind) -> Result<Tree, E> {
            Ok(Tree::Leaf(value.to_string()))
        }
    )*};
}

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    leaf!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf(String::new()))
    }

    fn visit_none<E: Error>(self) -> Result<Tree, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Tree, D::Error> {
        Tree::deserialize(d)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = seq.next_element()? {
            entries.push(entry);
        }
        Ok(Tree::List(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry::<String, Tree>()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}
