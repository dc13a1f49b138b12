//! Reads packs from YAML and says exactly what is wrong with one that cannot be used.

use crate::content::{Demand, Duty, DutyRef, Which};
use crate::pack::{EVERYWHERE, Pack, Unchecked};
use crate::plain;
use crate::proposal::{Audience, LENDER_KINDS};
use crate::rule::{Confidence, Layer, Rule, RuleRef, Scope, Severity};
use crate::sets::{Classes, Set};
use crate::shape::Shape;
use crate::shape::one_shot::Exception;
use jiff::civil::Date;
use recoup_domain::case::LenderKind;
use recoup_domain::contact::Reader;
use recoup_domain::party::Relation;
use recoup_domain::regions::is_no_part;
use serde::Deserialize;
use std::fmt;
use std::sync::Arc;

/// What is wrong with a pack, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PackError {
    /// The file.
    pub file: String,
    /// The line, from 1, as far as known.
    pub line: Option<u64>,
    /// The rule, where the fault lies in one.
    pub rule: Option<String>,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(rule) = &self.rule {
            write!(f, ": rule {rule}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPack {
    pack: String,
    title: String,
    regions: Vec<String>,
    /// It binds in its regions, but does not make them known: other packs hold the law of the place.
    #[serde(default)]
    overlay: bool,
    #[serde(default = "yes")]
    enabled: bool,
    disabled_because: Option<String>,
    /// None means all kinds.
    lender_kinds: Option<Set<LenderKind>>,
    rules: Vec<RawRule>,
    /// What messages must say.
    #[serde(default)]
    content: Vec<RawDuty>,
    /// What the text also asks for and nothing here sees to.
    #[serde(default)]
    unchecked: Vec<Unchecked>,
}

const fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: String,
    text: String,
    text_zh: Option<String>,
    citation: String,
    citation_zh: Option<String>,
    cited: Date,
    severity: Severity,
    confidence: Confidence,
    layer: Option<Layer>,
    #[serde(default = "yes")]
    enabled: bool,
    disabled_because: Option<String>,
    effective_from: Option<Date>,
    effective_to: Option<Date>,
    scope: Scope,
    channels: Classes,
    audiences: Option<Set<Audience>>,
    relations: Option<Set<Relation>>,
    lender_kinds: Option<Set<LenderKind>>,
    #[serde(default)]
    exceptions: Vec<Exception>,
    rule: Shape,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDuty {
    id: String,
    text: String,
    citation: String,
    cited: Date,
    severity: Severity,
    confidence: Confidence,
    effective_from: Option<Date>,
    effective_to: Option<Date>,
    channels: Classes,
    readers: Option<Set<Reader>>,
    lender_kinds: Option<Set<LenderKind>>,
    message: Which,
    demand: Demand,
}

/// Reads all files; ids of rules and duties are one namespace.
pub(crate) fn packs(files: &[(&str, &str)]) -> Result<Vec<Pack>, PackError> {
    let mut packs: Vec<Pack> = Vec::with_capacity(files.len());
    for (file, text) in files {
        let source = Source { file, text };
        let raw = source.parse()?;
        if raw.regions.is_empty() {
            return Err(source.error("`regions` is empty; the pack would bind nobody", None));
        }
        if let Some(region) = raw.regions.iter().find(|r| !is_place(r)) {
            let problem = format!(
                "`{region}` in `regions` is no place, and would bind nobody; write ISO 3166, such as `CN` or \
                 `US-NY`, or `*` for everywhere"
            );
            return Err(source.error(problem, None));
        }
        if packs.iter().any(|p| p.id == raw.pack) {
            let problem = format!("another file has a pack `{}` already", raw.pack);
            return Err(source.error(problem, None));
        }
        let pack = source.pack(raw)?;
        let others = packs.iter().flat_map(|p| &p.rules);
        source.check_ids(others, &pack.rules)?;
        source.check_duties(&packs, &pack)?;
        packs.push(pack);
    }
    Ok(packs)
}

/// Whether a region of a pack can be one of a case or a person, or a part of one: a country, its part, parts of that.
fn is_place(region: &str) -> bool {
    let mut parts = region.split('-');
    let country = parts.next().unwrap_or_default();
    let fits = |p: &str| {
        let is_code = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        (1..=3).contains(&p.len()) && p.bytes().all(is_code)
    };
    let known = parts.clone().next().map(|p| format!("{country}-{p}"));
    region == EVERYWHERE
        || (country.len() == 2
            && country.bytes().all(|b| b.is_ascii_uppercase())
            && parts.all(fits)
            && !known.is_some_and(|part| is_no_part(&part)))
}

struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn parse(&self) -> Result<RawPack, PackError> {
        serde_saphyr::from_str(self.text).map_err(|error| {
            let line = error.location().map(|at| at.line());
            PackError {
                file: self.file.to_owned(),
                rule: line.and_then(|line| self.rule_at(line)),
                line,
                problem: plain::problem(&error.without_snippet().to_string(), self.line(line)),
            }
        })
    }

    /// A line of the file, from 1.
    fn line(&self, number: Option<u64>) -> Option<&str> {
        let before = usize::try_from(number?).ok()?.checked_sub(1)?;
        self.text.lines().nth(before)
    }

    fn pack(&self, raw: RawPack) -> Result<Pack, PackError> {
        let off = off(raw.enabled, raw.disabled_because).map_err(|p| self.error(p, None))?;
        let rules = raw.rules.into_iter().map(|rule| {
            let lenders = both(raw.lender_kinds, rule.lender_kinds);
            self.rule(&raw.pack, lenders, rule)
        });
        let rules = rules.collect::<Result<_, _>>()?;
        let content = raw.content.into_iter().map(|duty| {
            let lenders = both(raw.lender_kinds, duty.lender_kinds);
            self.duty((&raw.pack, &raw.regions), lenders, duty)
        });
        Ok(Pack {
            rules,
            content: content.collect::<Result<_, _>>()?,
            id: raw.pack,
            title: raw.title,
            regions: raw.regions,
            overlay: raw.overlay,
            off,
            unchecked: raw.unchecked,
        })
    }

    fn rule(
        &self,
        pack: &str,
        lender_kinds: Set<LenderKind>,
        raw: RawRule,
    ) -> Result<RuleRef, PackError> {
        let texts = [&raw.id, &raw.text, &raw.citation].map(String::as_str);
        let dates = (raw.effective_from, raw.effective_to);
        self.check_entry(texts, dates, lender_kinds)?;
        let house = raw.confidence == Confidence::House;
        let layer = raw
            .layer
            .unwrap_or(if house { Layer::House } else { Layer::Law });
        if house != (layer == Layer::House) {
            let problem = "layer and confidence are `house` together or not at all";
            return Err(self.error(problem, Some(&raw.id)));
        }
        let off = off(raw.enabled, raw.disabled_because);
        let off = off.map_err(|problem| self.error(problem, Some(&raw.id)))?;
        Ok(Arc::new(Rule {
            layer,
            off: off.map(Into::into),
            pack: pack.into(),
            id: raw.id.into(),
            text: raw.text.into(),
            text_zh: raw.text_zh.map(Into::into),
            citation: raw.citation.into(),
            citation_zh: raw.citation_zh.map(Into::into),
            cited: raw.cited,
            severity: raw.severity,
            confidence: raw.confidence,
            effective_from: raw.effective_from,
            effective_to: raw.effective_to,
            scope: raw.scope,
            channels: raw.channels,
            audiences: raw.audiences.unwrap_or(Set::ALL),
            relations: raw.relations.unwrap_or(Set::ALL),
            lender_kinds,
            excepted_purposes: raw
                .exceptions
                .iter()
                .map(|e| e.purposes())
                .fold(Set::NONE, Set::or),
            exceptions: raw.exceptions.into(),
            shape: raw.rule,
        }))
    }

    /// What rules and duties have in common.
    fn check_entry(
        &self,
        [id, text, citation]: [&str; 3],
        dates: (Option<Date>, Option<Date>),
        lender_kinds: Set<LenderKind>,
    ) -> Result<(), PackError> {
        let texts = [("id", id), ("text", text), ("citation", citation)];
        if let Some((key, _)) = texts.iter().find(|(_, value)| value.trim().is_empty()) {
            return Err(self.error(format!("`{key}` is empty"), Some(id)));
        }
        if let (Some(from), Some(to)) = dates
            && to < from
        {
            let problem = format!("effective_to {to} lies before effective_from {from}");
            return Err(self.error(problem, Some(id)));
        }
        if !LENDER_KINDS.into_iter().any(|kind| lender_kinds.has(kind)) {
            let problem = "its `lender_kinds` and those of the pack have none in common";
            return Err(self.error(problem, Some(id)));
        }
        Ok(())
    }

    fn duty(
        &self,
        (pack, regions): (&str, &[String]),
        lender_kinds: Set<LenderKind>,
        raw: RawDuty,
    ) -> Result<DutyRef, PackError> {
        let texts = [&raw.id, &raw.text, &raw.citation].map(String::as_str);
        let dates = (raw.effective_from, raw.effective_to);
        self.check_entry(texts, dates, lender_kinds)?;
        let possible = raw.demand.check(raw.channels);
        possible.map_err(|problem| self.error(problem, Some(&raw.id)))?;
        Ok(Arc::new(Duty {
            pack: pack.into(),
            regions: regions.into(),
            id: raw.id.into(),
            text: raw.text.into(),
            citation: raw.citation.into(),
            cited: raw.cited,
            severity: raw.severity,
            confidence: raw.confidence,
            effective_from: raw.effective_from,
            effective_to: raw.effective_to,
            channels: raw.channels,
            readers: raw.readers.unwrap_or(Set::ALL),
            lender_kinds,
            message: raw.message,
            demand: raw.demand,
        }))
    }

    /// An id of a duty names nothing else: no rule, no other duty, nothing that is left unchecked.
    fn check_duties(&self, others: &[Pack], own: &Pack) -> Result<(), PackError> {
        for (i, duty) in own.content.iter().enumerate() {
            let id = duty.id();
            let packs = || others.iter().chain([own]);
            let is_rule = packs().flat_map(|p| &p.rules).any(|r| r.id() == id);
            let elsewhere = others.iter().flat_map(|p| &p.content);
            let is_duty = elsewhere.chain(&own.content[..i]).any(|d| d.id() == id);
            let is_left = packs().flat_map(|p| &p.unchecked).any(|u| u.id == id);
            let what = match (is_rule, is_duty, is_left) {
                (true, ..) => "a rule",
                (_, true, _) => "another duty",
                (.., true) => "an entry of `unchecked`",
                _ => continue,
            };
            return Err(self.error(format!("{what} has this id"), Some(id)));
        }
        Ok(())
    }

    /// One id names one rule; versions of it in one pack must not bind on the same day.
    fn check_ids<'a>(
        &self,
        others: impl Iterator<Item = &'a RuleRef> + Clone,
        own: &[RuleRef],
    ) -> Result<(), PackError> {
        for (i, rule) in own.iter().enumerate() {
            if let Some(other) = others.clone().find(|o| o.id == rule.id) {
                let problem = format!("pack `{}` has a rule of this id", other.pack);
                return Err(self.error(problem, Some(rule.id())));
            }
            let same = own[..i]
                .iter()
                .find(|o| o.id == rule.id && overlap(o, rule));
            if same.is_some() {
                let problem = "stands twice, with effective dates that overlap";
                return Err(self.error(problem, Some(rule.id())));
            }
        }
        Ok(())
    }

    fn error(&self, problem: impl Into<String>, rule: Option<&str>) -> PackError {
        let is_it = |line: &str| id_of(line).is_some_and(|id| Some(id) == rule);
        // The last one: where an id stands twice, the second is the fault.
        let line = rule.and_then(|_| {
            self.text
                .lines()
                .collect::<Vec<_>>()
                .iter()
                .rposition(|l| is_it(l))
        });
        PackError {
            file: self.file.to_owned(),
            line: line.and_then(|line| u64::try_from(line + 1).ok()),
            rule: rule.map(ToOwned::to_owned),
            problem: problem.into(),
        }
    }

    /// The rule whose entry holds `line`: entries begin with their id.
    fn rule_at(&self, line: u64) -> Option<String> {
        let upto = usize::try_from(line).unwrap_or(usize::MAX);
        let before = self.text.lines().take(upto);
        before.filter_map(id_of).last().map(ToOwned::to_owned)
    }
}

/// The id in a line `- id: X`.
fn id_of(line: &str) -> Option<&str> {
    let value = line.trim_start().strip_prefix("- id:")?;
    Some(value.trim().trim_matches(['"', '\'']))
}

/// Why it is off: there must be a reason, and only then.
fn off(enabled: bool, because: Option<String>) -> Result<Option<String>, &'static str> {
    match (enabled, because) {
        (true, None) => Ok(None),
        (false, Some(why)) if !why.trim().is_empty() => Ok(Some(why)),
        (false, _) => Err("`enabled: false` needs `disabled_because`"),
        (true, Some(_)) => Err("`disabled_because` without `enabled: false`"),
    }
}

fn overlap(a: &Rule, b: &Rule) -> bool {
    let begins_in = |x: &Rule, y: &Rule| {
        let end = y.effective_to.unwrap_or(Date::MAX);
        x.effective_from.unwrap_or(Date::MIN) <= end
    };
    begins_in(a, b) && begins_in(b, a)
}

fn both(a: Option<Set<LenderKind>>, b: Option<Set<LenderKind>>) -> Set<LenderKind> {
    match (a, b) {
        (Some(a), Some(b)) => a.and(b),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => Set::ALL,
    }
}
