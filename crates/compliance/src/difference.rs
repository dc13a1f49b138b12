//! What differs between two sets of packs, for the person who decides whether the second comes into force.

use crate::content::{Duty, DutyRef};
use crate::pack::{Pack, Packs};
use crate::rule::{Rule, RuleRef, Severity};
use crate::tree::Tree;
use jiff::civil::Date;
use std::collections::BTreeMap;

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

/// An entry of a pack that differs, with what it was and is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryDifference<R> {
    /// The pack.
    pub pack: String,
    /// The entry's id.
    pub id: String,
    /// What became of it.
    pub change: Change,
    /// What it was before; none where it was not there.
    pub before: Option<R>,
    /// What it is after; none where it is not there.
    pub after: Option<R>,
    /// Whether it bound before: it was there, and it and its pack were on.
    pub bound: bool,
    /// Whether it binds after.
    pub binds: bool,
    /// The parts of its entry that differ.
    pub parts: Vec<Part>,
}

/// A rule that differs.
pub type RuleDifference = EntryDifference<RuleRef>;
/// A duty of content that differs.
pub type DutyDifference = EntryDifference<DutyRef>;

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
        let id = shown.pack.id();
        self.rules.extend(entries_that_differ(id, was, is));
        self.duties.extend(entries_that_differ(id, was, is));
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

/// What stands in a pack as an entry with an id: a rule, or a duty of content.
trait Listed: Clone + PartialEq + 'static {
    /// Where such entries stand in the text of a pack.
    const KEY: &'static str;

    fn all(pack: &Pack) -> &[Self];
    fn id(&self) -> &str;
    fn effective_from(&self) -> Option<Date>;
    fn lender_kinds(&self) -> Vec<&'static str>;
    /// Whether it is on where its pack is.
    fn is_on(&self, packs: &Packs) -> bool;
}

impl Listed for RuleRef {
    const KEY: &'static str = "rules";

    fn all(pack: &Pack) -> &[Self] {
        pack.rules()
    }

    fn id(&self) -> &str {
        Rule::id(self)
    }

    fn effective_from(&self) -> Option<Date> {
        Rule::effective_from(self)
    }

    fn lender_kinds(&self) -> Vec<&'static str> {
        Rule::lender_kinds(self).map(|kind| kind.name()).collect()
    }

    fn is_on(&self, packs: &Packs) -> bool {
        packs.is_on(Rule::id(self))
    }
}

impl Listed for DutyRef {
    const KEY: &'static str = "content";

    fn all(pack: &Pack) -> &[Self] {
        pack.content()
    }

    fn id(&self) -> &str {
        Duty::id(self)
    }

    fn effective_from(&self) -> Option<Date> {
        Duty::effective_from(self)
    }

    fn lender_kinds(&self) -> Vec<&'static str> {
        Duty::lender_kinds(self).map(|kind| kind.name()).collect()
    }

    fn is_on(&self, _packs: &Packs) -> bool {
        true
    }
}

/// A rule or duty on one side, with its entry in the text.
struct Entry<'a, R> {
    said: &'a R,
    tree: Option<&'a Tree>,
    on: bool,
}

impl<R> Clone for Entry<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Entry<'_, R> {}

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
        self.tree.leaves(&[RuleRef::KEY, DutyRef::KEY])
    }

    fn entries<R: Listed>(&self) -> Vec<Entry<'_, R>> {
        let trees = self.tree.get(R::KEY).map_or(&[][..], Tree::entries);
        let entry = |(n, said): (usize, &'a R)| Entry {
            said,
            tree: trees.get(n),
            on: self.on && said.is_on(self.all),
        };
        R::all(self.pack).iter().enumerate().map(entry).collect()
    }
}

/// The rules, or the duties, of a pack that differ.
fn entries_that_differ<R: Listed>(
    pack: &str,
    was: Option<&Side<'_>>,
    is: Option<&Side<'_>>,
) -> Vec<EntryDifference<R>> {
    let pairs = pairs(was, is).into_iter();
    let differs = |(before, after)| entry_difference(pack, before, after);
    pairs.filter_map(differs).collect()
}

fn entry_difference<R: Listed>(
    pack: &str,
    before: Option<Entry<'_, R>>,
    after: Option<Entry<'_, R>>,
) -> Option<EntryDifference<R>> {
    let shown = after.or(before)?;
    let says_else = matches!((before, after), (Some(a), Some(b)) if a.said != b.said);
    let bound = before.is_some_and(|e| e.on);
    let binds = after.is_some_and(|e| e.on);
    let there = (before.is_some(), after.is_some());
    let change = change(there.0, there.1, says_else, bound, binds)?;
    let parts = match (before, after) {
        (Some(a), Some(b)) if says_else => entry_parts(a, b),
        _ => Vec::new(),
    };
    Some(EntryDifference {
        pack: pack.to_owned(),
        id: shown.said.id().to_owned(),
        change,
        before: before.map(|e| e.said.clone()),
        after: after.map(|e| e.said.clone()),
        bound,
        binds,
        parts,
    })
}

/// Whether two entries of one id belong together.
type Fits<R> = fn(&Entry<'_, R>, &Entry<'_, R>) -> bool;

type Pair<'a, R> = (Option<Entry<'a, R>>, Option<Entry<'a, R>>);

/// Each entry with what became of it. An id may stand several times, in versions that follow one another: those that
/// begin on the same day belong together (no two of one pack do), then the rest in their order.
fn pairs<'a, R: Listed>(was: Option<&'a Side<'_>>, is: Option<&'a Side<'_>>) -> Vec<Pair<'a, R>> {
    let list = |side: Option<&'a Side<'_>>| side.map_or_else(Vec::new, Side::entries);
    let (olds, mut news) = (list(was), list(is));
    let mut pairs: Vec<Pair<'a, R>> = olds.into_iter().map(|old| (Some(old), None)).collect();
    let ways: [Fits<R>; 2] = [
        |a, b| a.said.effective_from() == b.said.effective_from(),
        |_, _| true,
    ];
    for fits in ways {
        for (old, new) in &mut pairs {
            let Some(old) = old.filter(|_| new.is_none()) else {
                continue;
            };
            let same = |e: &Entry<'_, R>| e.said.id() == old.said.id() && fits(&old, e);
            if let Some(place) = news.iter().position(same) {
                *new = Some(news.remove(place));
            }
        }
    }
    pairs.extend(news.into_iter().map(|new| (None, Some(new))));
    pairs
}

/// The parts of an entry that differ. Where its own text is the same, what differs stands for the whole pack.
fn entry_parts<R: Listed>(before: Entry<'_, R>, after: Entry<'_, R>) -> Vec<Part> {
    let leaves = |e: Entry<'_, R>| e.tree.map(|t| t.leaves(&[])).unwrap_or_default();
    let own = parts(&leaves(before), &leaves(after));
    let kinds = (before.said.lender_kinds(), after.said.lender_kinds());
    if !own.is_empty() || kinds.0 == kinds.1 {
        return own;
    }
    let listed = |kinds: Vec<&str>| Some(format!("[{}]", kinds.join(", ")));
    vec![Part {
        path: "lender_kinds".to_owned(),
        before: listed(kinds.0),
        after: listed(kinds.1),
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
