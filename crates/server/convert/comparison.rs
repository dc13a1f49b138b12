//! What other packs would change.

use std::collections::HashMap;

use recoup_compliance::difference::{
    Change, DutyDifference, EntryDifference, PackDifference, Part, RuleDifference,
};
use recoup_compliance::{PackError, Packs, Severity};
use recoup_engine::Ahead;
use recoup_engine::commands::{CalledOff, CaseChange, ChangedCase, PackEffect, PackSummary};

use super::read::Bad;
use super::{value, words};
use crate::api::recoup::v1::preview_packs_response::Part as Told;
use crate::api::recoup::v1::{self, ErrorReason};

/// Files that one request may hold.
const FILES_MAX: usize = 32;
/// Ids that one request may switch on.
const ENABLED_MAX: usize = 256;

/// Reads the packs that a request proposes; `packs` are those in force. `None` was noted.
pub fn proposed(bad: &mut Bad, given: &v1::PreviewPacksRequest, packs: &Packs) -> Option<Packs> {
    bad.count_of("files", &given.files, FILES_MAX);
    bad.count_of("enabled", &given.enabled, ENABLED_MAX);
    let base = match given.instead {
        true => Packs::builtin(),
        false => packs,
    };
    let ids: Vec<Option<String>> = (0..given.enabled.len().min(ENABLED_MAX))
        .map(|i| bad.text(&format!("enabled[{i}]"), &given.enabled[i], 128))
        .collect();
    let read = files(bad, given, base)?;
    let on_now = base.enabled();
    for id in on_now {
        if let Err(error) = read.with_enabled(&[id]) {
            let problem = format!("the configuration switches on `{id}`: {error}");
            bad.note(ErrorReason::RuleUnknown, "files", problem);
        }
    }
    for (i, id) in ids.iter().enumerate() {
        if let Some(Err(error)) = id.as_ref().map(|id| read.with_enabled(&[id])) {
            bad.note(
                ErrorReason::RuleUnknown,
                &format!("enabled[{i}]"),
                error.to_string(),
            );
        }
    }
    let on: Vec<&String> = on_now.iter().chain(ids.iter().flatten()).collect();
    read.with_enabled(&on).ok()
}

/// The packs of `base` and those of the request's files. `None` was noted.
fn files(bad: &mut Bad, given: &v1::PreviewPacksRequest, base: &Packs) -> Option<Packs> {
    let mut named: Vec<(String, &str)> = Vec::new();
    for (i, file) in given.files.iter().take(FILES_MAX).enumerate() {
        let name = bad.text(&format!("files[{i}].name"), &file.name, 200);
        // A name that cannot be told stands for its place.
        let name = name.unwrap_or_else(|| format!("files[{i}]"));
        let text = format!("files[{i}].text");
        if bad.text(&text, &file.text, usize::MAX).is_some() {
            named.push((name, &file.text));
        }
    }
    let texts: Vec<(&str, &str)> = named.iter().map(|(name, text)| (&**name, *text)).collect();
    let faults = match base.with_files(&texts) {
        Ok(read) => return Some(read),
        Err(faults) => faults,
    };
    for fault in &faults {
        let place = place_of(fault, given);
        bad.note(ErrorReason::PackInvalid, &place, fault.to_string());
    }
    None
}

/// The field that a fault lies in.
fn place_of(fault: &PackError, given: &v1::PreviewPacksRequest) -> String {
    let named = |(i, f): (usize, &v1::PackFile)| {
        (f.name == fault.file || fault.file == format!("files[{i}]")).then_some(i)
    };
    let own = given.files.iter().enumerate().find_map(named);
    own.map_or_else(|| "files".to_owned(), |i| format!("files[{i}].text"))
}

/// A pack that differs, on the wire.
#[must_use]
pub fn pack(p: &PackDifference) -> Told {
    Told::Pack(v1::PackDifference {
        pack: p.pack.clone(),
        title: p.title.clone(),
        change: change(p.change).into(),
        parts: p.parts.iter().map(part).collect(),
    })
}

/// A rule that differs, on the wire.
#[must_use]
pub fn rule(r: &RuleDifference) -> Told {
    entry(r, r.loosens(), |rule| (rule.text(), rule.severity()))
}

/// A duty of content that differs, on the wire.
#[must_use]
pub fn duty(d: &DutyDifference) -> Told {
    entry(d, d.loosens(), |duty| (duty.text(), duty.severity()))
}

/// An entry that differs; `of` tells its text and how hard it is.
fn entry<R>(d: &EntryDifference<R>, loosened: bool, of: fn(&R) -> (&str, Severity)) -> Told {
    let severity = |side: &Option<R>| {
        let severity = side.as_ref().map(|r| words::to_severity(of(r).1));
        severity.unwrap_or(v1::RuleSeverity::Unspecified).into()
    };
    let shown = d.after.as_ref().or(d.before.as_ref());
    Told::Rule(v1::RuleDifference {
        pack: d.pack.clone(),
        rule_id: d.id.clone(),
        change: change(d.change).into(),
        text: shown.map_or_else(String::new, |r| of(r).0.to_owned()),
        severity_before: severity(&d.before),
        severity_after: severity(&d.after),
        binds_before: d.bound,
        binds_after: d.binds,
        parts: d.parts.iter().map(part).collect(),
        loosened,
    })
}

fn part(part: &Part) -> v1::LawPart {
    v1::LawPart {
        path: part.path.clone(),
        before: part.before.clone(),
        after: part.after.clone(),
    }
}

const fn change(change: Change) -> v1::LawChange {
    match change {
        Change::Added => v1::LawChange::Added,
        Change::Removed => v1::LawChange::Removed,
        Change::Changed => v1::LawChange::Changed,
        Change::SwitchedOn => v1::LawChange::SwitchedOn,
        Change::SwitchedOff => v1::LawChange::SwitchedOff,
    }
}

/// What becomes of a case or a contact, on the wire.
#[must_use]
pub fn effect(effect: &PackEffect) -> Told {
    match effect {
        PackEffect::Case(c) => Told::Case(case(c)),
        PackEffect::CalledOff(c) => Told::Contact(contact(c)),
    }
}

fn case(c: &ChangedCase) -> v1::CaseUnderPacks {
    v1::CaseUnderPacks {
        case_id: c.case.to_string(),
        jurisdiction: c.jurisdiction.clone(),
        change: case_change(c.change).into(),
        before: c.before.as_ref().map(ahead),
        after: c.after.as_ref().map(ahead),
    }
}

fn ahead(a: &Ahead) -> v1::ContactAhead {
    v1::ContactAhead {
        stage: a.stage.clone(),
        step: i32::from(a.place.1),
        channel: a.channel.clone(),
        time: a.at.map(value::to_instant),
        rule_ids: a.rules.clone(),
    }
}

fn contact(c: &CalledOff) -> v1::ContactUnderPacks {
    v1::ContactUnderPacks {
        case_id: c.contact.case.to_string(),
        contact_id: c.contact.to_string(),
        channel: c.class.name().to_owned(),
        time: Some(value::to_instant(c.effect.from)),
        end_time: Some(value::to_instant(c.effect.to)),
        rule_ids: c.rules.clone(),
    }
}

/// All of it counted, on the wire; `differences` are the packs and rules that differ.
#[must_use]
pub fn summary(s: &PackSummary, differences: usize) -> Told {
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let by_change = s.changed.iter().map(|(change, n)| {
        let name = case_change(*change).as_str_name();
        let name = name.strip_prefix("CASE_LAW_CHANGE_").unwrap_or(name);
        (name.to_owned(), count(*n))
    });
    let by_rule: HashMap<String, i64> = s
        .by_rule
        .iter()
        .map(|(rule, n)| (rule.clone(), count(*n)))
        .collect();
    Told::Summary(v1::PacksSummary {
        cases: count(s.cases),
        changed_cases: count(s.changed.values().sum()),
        cases_by_change: by_change.collect(),
        called_off: count(s.called_off),
        by_rule,
        differences: i64::try_from(differences).unwrap_or(i64::MAX),
    })
}

const fn case_change(change: CaseChange) -> v1::CaseLawChange {
    match change {
        CaseChange::Denied => v1::CaseLawChange::Denied,
        CaseChange::Later => v1::CaseLawChange::Later,
        CaseChange::Never => v1::CaseLawChange::Never,
        CaseChange::Allowed => v1::CaseLawChange::Allowed,
        CaseChange::Sooner => v1::CaseLawChange::Sooner,
        CaseChange::Possible => v1::CaseLawChange::Possible,
        CaseChange::OtherStep => v1::CaseLawChange::OtherStep,
        CaseChange::LawUnknown => v1::CaseLawChange::LawUnknown,
        CaseChange::LawKnown => v1::CaseLawChange::LawKnown,
        CaseChange::TextHeld => v1::CaseLawChange::TextHeld,
        CaseChange::TextReleased => v1::CaseLawChange::TextReleased,
    }
}
