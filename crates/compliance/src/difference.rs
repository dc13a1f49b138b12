//! What differs between two sets of packs, for the person who decides whether the second comes into force.

use crate::content::DutyRef;
use crate::pack::{Pack, Packs};
use crate::rule::{Rule, RuleRef, Severity};
use crate::tree::Tree;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that differs: packs by their order, rules within them by theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Packs that came, went, are switched otherwise, or say something else beside their rules.
    pub packs: Vec<PackDifference>,
    /// Rules that came, went, are switched otherwise, or say something else.
    pub rules: Vec<RuleDifference>,
    /// Duties of content that came, went, are switched otherwise, or say something else.
    pub duties: Vec<DutyDifference>,
}

/// What became of a pack or a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not there.
    Added,
    /// It is not there any more.
    Removed,
    /// It says something else, and may be switched otherwise too.
    Changed,
    /// It says the same, and binds now.
    SwitchedOn,
    /// It says the same, and binds no more.
    SwitchedOff,
}

/// A pack that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackDifference {
    /// Its id.
    pub pack: String,
    /// What it is, for people: after the change, or before where it went.
    pub title: String,
    /// What became of it.
    pub change: Change,
    /// The parts of its text that differ, its rules left out.
    pub parts: Vec<Part>,
}

/// A rule that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleDifference {
    /// The pack.
    pub pack: String,
    /// The rule's id.
    pub rule: String,
    /// What became of it.
    pub change: Change,
    /// The rule before; none where it was not there.
    pub before: Option<RuleRef>,
    /// The rule after; none where it is not there.
    pub after: Option<RuleRef>,
    /// Whether it bound before: it was there, and it and its pack were on.
    pub bound: bool,
    /// Whether it binds after.
    pub binds: bool,
    /// The parts of its entry that differ.
    pub parts: Vec<Part>,
}

/// A duty of content that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DutyDifference {
    /// The pack.
    pub pack: String,
    /// The duty's id.
    pub duty: String,
    /// What became of it.
    pub change: Change,
    /// The duty before; none where it was not there.
    pub before: Option<DutyRef>,
    /// The duty after; none where it is not there.
    pub after: Option<DutyRef>,
    /// Whether it bound before: it was there, and its pack was on.
    pub bound: bool,
    /// Whether it binds after.
    pub binds: bool,
    /// The parts of its entry that differ.
    pub parts: Vec<Part>,
}

/// One value of a text that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it stands, as in the YAML: `severity`, `rule.daily_window.hours[0].open`.
    pub path: String,
    /// What it was; none where it was not there.
    pub before: Option<String>,
    /// What it is; none where it is not there.
    pub after: Option<String>,
}

impl Difference {
    /// What differs.
    #[must_use]
    pub fn between(before: &Packs, after: &Packs) -> Self {
        let mut difference = Self::default();
        let (old, new) = (Side::all(before), Side::all(after));
        for was in &old {
            let is = new.iter().find(|s| s.pack.id() == was.pack.id());
            difference.pack(Some(was), is);
        }
        for is in &new {
            if !old.iter().any(|s| s.pack.id() == is.pack.id()) {
                difference.pack(None, Some(is));
            }
        }
        difference
    }

    /// Whether nothing differs that binds anybody or is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packs.is_empty() && self.rules.is_empty() && self.duties.is_empty()
    }

    /// Rules that bind less hard than they did: gone, switched off, or softer than before.
    pub fn loosened(&self) -> impl Iterator<Item = &RuleDifference> {
        self.rules.iter().filter(|rule| rule.loosens())
    }

    fn pack(&mut self, was: Option<&Side<'_>>, is: Option<&Side<'_>>) {
        let Some(shown) = is.or(was) else {
            return;
        };
        let parts = match (was, is) {
            (Some(was), Some(is)) => parts(&was.own_leaves(), &is.own_leaves()),
            _ => Vec::new(),
        };
        let on = |side: Option<&Side<'_>>| side.is_some_and(|s| s.on);
        if let Some(change) = change(
            was.is_some(),
            is.is_some(),
            !parts.is_empty(),
            on(was),
            on(is),
        ) {
            self.packs.push(PackDifference {
                pack: shown.pack.id().to_owned(),
                title: shown.pack.title().to_owned(),
                change,
                parts,
            });
        }
        for (before, after) in pairs(was, is) {
            self.rule(shown.pack.id(), before, after);
        }
        self.duties(shown.pack.id(), was, is);
    }

    /// Duties of a pack, by their ids.
    fn duties(&mut self, pack: &str, was: Option<&Side<'_>>, is: Option<&Side<'_>>) {
        let (olds, news) = (contents(was), contents(is));
        let ids: BTreeSet<&str> = olds.keys().chain(news.keys()).copied().collect();
        for id in ids {
            let (before, after) = (olds.get(id), news.get(id));
            let says_else = matches!((before, after), (Some(a), Some(b)) if a.0 != b.0);
            let on = |side: Option<&Side<'_>>| side.is_some_and(|s| s.on);
            let bound = before.is_some() && on(was);
            let binds = after.is_some() && on(is);
            let there = (before.is_some(), after.is_some());
            let Some(change) = change(there.0, there.1, says_else, bound, binds) else {
                continue;
            };
            let leaves = |found: Option<&Content<'_>>| {
                let tree = found.and_then(|(_, tree)| *tree);
                tree.map(|tree| tree.leaves(&[])).unwrap_or_default()
            };
            let differ = match change {
                Change::Changed => parts(&leaves(before), &leaves(after)),
                _ => Vec::new(),
            };
            self.duties.push(DutyDifference {
                pack: pack.to_owned(),
                duty: id.to_owned(),
                change,
                before: before.map(|(duty, _)| DutyRef::clone(duty)),
                after: after.map(|(duty, _)| DutyRef::clone(duty)),
                bound,
                binds,
                parts: differ,
            });
        }
    }

    fn rule(&mut self, pack: &str, before: Option<Entry<'_>>, after: Option<Entry<'_>>) {
        let Some(shown) = after.or(before) else {
            return;
        };
        let says_else = matches!((before, after), (Some(a), Some(b)) if a.rule != b.rule);
        let bound = before.is_some_and(|e| e.on);
        let binds = after.is_some_and(|e| e.on);
        let there = (before.is_some(), after.is_some());
        let Some(change) = change(there.0, there.1, says_else, bound, binds) else {
            return;
        };
        let parts = match (before, after) {
            (Some(a), Some(b)) if says_else => entry_parts(a, b),
            _ => Vec::new(),
        };
        self.rules.push(RuleDifference {
            pack: pack.to_owned(),
            rule: shown.rule.id().to_owned(),
            change,
            before: before.map(|e| e.rule.clone()),
            after: after.map(|e| e.rule.clone()),
            bound,
            binds,
            parts,
        });
    }
}

impl RuleDifference {
    /// Whether what it does differs and its sentence for people does not, which may then say what no longer holds.
    #[must_use]
    pub fn text_is_old(&self) -> bool {
        let does = |part: &Part| part.path.starts_with("rule.");
        self.parts.iter().any(does) && !self.parts.iter().any(|part| part.path == "text")
    }

    /// Whether it binds less hard than it did.
    #[must_use]
    pub fn loosens(&self) -> bool {
        let hardness = |rule: &Option<RuleRef>| rule.as_ref().map_or(0, |r| hardness(r));
        self.bound && (!self.binds || hardness(&self.after) < hardness(&self.before))
    }
}

impl DutyDifference {
    /// Whether messages need say less than they had to, or something else: which of two wordings asks for more,
    /// nobody but a person can tell.
    #[must_use]
    pub fn loosens(&self) -> bool {
        let same = match (&self.before, &self.after) {
            (Some(before), Some(after)) => before.asks_the_same(after),
            _ => false,
        };
        self.bound && !(self.binds && same)
    }
}

fn hardness(rule: &Rule) -> u8 {
    match rule.severity() {
        Severity::Hard => 3,
        Severity::Advisory => 2,
        // It alone can be overridden.
        Severity::Presumption => 1,
    }
}

/// What became of something: there before, there after, saying something else, on before, on after.
const fn change(was: bool, is: bool, differs: bool, on: bool, is_on: bool) -> Option<Change> {
    match (was, is) {
        (false, true) => Some(Change::Added),
        (true, false) => Some(Change::Removed),
        (true, true) if differs => Some(Change::Changed),
        (true, true) if on != is_on => Some(match is_on {
            true => Change::SwitchedOn,
            false => Change::SwitchedOff,
        }),
        _ => None,
    }
}

/// A pack on one side of the comparison, with its text.
struct Side<'a> {
    all: &'a Packs,
    pack: &'a Pack,
    tree: Tree,
    on: bool,
}

/// A rule on one side, with its entry in the text.
#[derive(Clone, Copy)]
struct Entry<'a> {
    rule: &'a RuleRef,
    tree: Option<&'a Tree>,
    on: bool,
}

impl<'a> Side<'a> {
    fn all(packs: &'a Packs) -> Vec<Self> {
        let sides = packs.packs().iter().zip(packs.sources.iter());
        let side = |(pack, source): (&'a Pack, &'a crate::files::Source)| Self {
            all: packs,
            pack,
            // It was read as a pack before.
            tree: serde_saphyr::from_str(&source.text).unwrap_or(Tree::Leaf(String::new())),
            on: packs.is_on(pack.id()),
        };
        sides.map(side).collect()
    }

    fn own_leaves(&self) -> BTreeMap<String, String> {
        self.tree.leaves(&["rules", "content"])
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let trees = self.tree.get("rules").map_or(&[][..], Tree::entries);
        let entry = |(n, rule): (usize, &'a RuleRef)| Entry {
            rule,
            tree: trees.get(n),
            on: self.on && self.all.is_on(rule.id()),
        };
        let rules: &'a [RuleRef] = self.pack.rules();
        rules.iter().enumerate().map(entry)
    }
}

/// Whether two entries of one id belong together.
type Fits = fn(&Entry<'_>, &Entry<'_>) -> bool;

/// A duty with its entry in the text.
type Content<'a> = (&'a DutyRef, Option<&'a Tree>);

fn contents<'a>(side: Option<&'a Side<'_>>) -> BTreeMap<&'a str, Content<'a>> {
    let Some(side) = side else {
        return BTreeMap::new();
    };
    let trees = side.tree.get("content").map_or(&[][..], Tree::entries);
    let duties = side.pack.content().iter().enumerate();
    duties
        .map(|(n, duty)| (duty.id(), (duty, trees.get(n))))
        .collect()
}

type Pair<'a> = (Option<Entry<'a>>, Option<Entry<'a>>);

/// Each rule with what became of it. An id may stand several times, in versions that follow one another: those that
/// begin on the same day belong together (no two of one pack do), then the rest in their order.
fn pairs<'a>(was: Option<&'a Side<'_>>, is: Option<&'a Side<'_>>) -> Vec<Pair<'a>> {
    let list = |side: Option<&'a Side<'_>>| -> Vec<Entry<'a>> {
        side.map_or_else(Vec::new, |s| s.entries().collect())
    };
    let (olds, mut news) = (list(was), list(is));
    let mut pairs: Vec<Pair<'a>> = olds.into_iter().map(|old| (Some(old), None)).collect();
    let ways: [Fits; 2] = [|a, b| from(a) == from(b), |_, _| true];
    for fits in ways {
        for (old, new) in &mut pairs {
            let Some(old) = old.filter(|_| new.is_none()) else {
                continue;
            };
            let same = |e: &Entry<'_>| e.rule.id() == old.rule.id() && fits(&old, e);
            if let Some(place) = news.iter().position(same) {
                *new = Some(news.remove(place));
            }
        }
    }
    pairs.extend(news.into_iter().map(|new| (None, Some(new))));
    pairs
}

fn from(entry: &Entry<'_>) -> Option<Date> {
    entry.rule.effective_from()
}

/// The parts of an entry that differ. Where its own text is the same, what differs stands for the whole pack.
fn entry_parts(before: Entry<'_>, after: Entry<'_>) -> Vec<Part> {
    let leaves = |e: Entry<'_>| e.tree.map(|t| t.leaves(&[])).unwrap_or_default();
    let own = parts(&leaves(before), &leaves(after));
    if !own.is_empty() {
        return own;
    }
    let lenders = |e: Entry<'_>| {
        let kinds: Vec<&str> = e.rule.lender_kinds().map(|k| k.name()).collect();
        Some(format!("[{}]", kinds.join(", ")))
    };
    vec![Part {
        path: "lender_kinds".to_owned(),
        before: lenders(before),
        after: lenders(after),
    }]
}

fn parts(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Part> {
    let gone = before.iter().filter(|(path, _)| !after.contains_key(*path));
    let gone = gone.map(|(path, text)| Part {
        path: path.clone(),
        before: Some(text.clone()),
        after: None,
    });
    let other = after
        .iter()
        .filter(|(path, text)| before.get(*path) != Some(text));
    let other = other.map(|(path, text)| Part {
        path: path.clone(),
        before: before.get(path).cloned(),
        after: Some(text.clone()),
    });
    let mut parts: Vec<Part> = gone.chain(other).collect();
    parts.sort_by(|a, b| a.path.cmp(&b.path));
    parts
}
