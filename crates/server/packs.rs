//! The packs that the configuration asks for: built-in ones, files in their place, and what is switched on.

use std::path::{Path, PathBuf};

use jiff::ToSpan as _;
use jiff::civil::Date;
use recoup_compliance::difference::{Change, Part, RuleDifference};
use recoup_compliance::{Difference, MissingYear, Packs, RuleRef};

use crate::config::{Config, ConfigError};

/// The longest file of a pack, in bytes.
pub(crate) const FILE_MAX: u64 = 1 << 20;

/// The packs of a configuration. What its files loosen of the built-in law is told in the log, rule by rule: the
/// operator owns the law, and must see what went.
///
/// # Errors
/// A file that cannot be read or is no pack, with all its faults; an id that nothing off has.
pub(crate) fn of(config: &Config) -> Result<Packs, ConfigError> {
    let value = |key: &str, problem: String| ConfigError::Value {
        key: key.to_owned(),
        problem,
    };
    let files = read(&config.compliance.packs).map_err(|e| value("compliance.packs", e))?;
    let named: Vec<(&str, &str)> = files.iter().map(|(n, t)| (&**n, &**t)).collect();
    let packs = Packs::builtin().with_files(&named).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        value("compliance.packs", lines.join("\n  "))
    })?;
    let on = packs.with_enabled(&config.compliance.enabled);
    let packs = on.map_err(|e| value("compliance.enabled", e.to_string()))?;
    if !files.is_empty() {
        tell(&packs);
    }
    Ok(packs)
}

/// From how many days before the end of the last year of a calendar the log tells of it.
const CALENDAR_ENDS_DAYS: i32 = 60;

/// Tells of each rule in force that is closed soon, or already, for its calendar lacks a year.
pub(crate) fn tell_of_calendars(packs: &Packs, today: Date) {
    for (rule, missing) in closing(packs, today) {
        let (rule, calendar, year) = (rule.id(), missing.calendar, missing.year);
        tracing::warn!(
            rule,
            calendar,
            year,
            "a calendar lacks a year that is near or here: contacts that hang on it wait"
        );
    }
}

/// The rules in force whose calendar lacks the year of today, or that of a day that is near.
fn closing(packs: &Packs, today: Date) -> Vec<(&RuleRef, MissingYear)> {
    let near = today.saturating_add(CALENDAR_ENDS_DAYS.days()).year();
    let mut all = packs.years_missing(today.year());
    all.retain(|(_, missing)| missing.year <= near);
    all
}

/// Tells which packs come from files, and what those change of the built-in law.
fn tell(packs: &Packs) {
    for pack in packs.packs() {
        if let Some(file) = packs.file_of(pack.id()) {
            let (pack, rules) = (pack.id(), pack.rules().len());
            tracing::info!(pack, file, rules, "pack from a file");
        }
    }
    let difference = Difference::between(Packs::builtin(), packs);
    tell_rules(&difference);
    for pack in &difference.packs {
        if !matches!(pack.change, Change::Added | Change::SwitchedOn) {
            let (pack, parts) = (&pack.pack, in_words(&pack.parts));
            tracing::warn!(pack, parts, "a file changes a pack of the built-in law");
        }
    }
    for duty in difference.duties.iter().filter(|duty| duty.loosens()) {
        let (pack, id) = (&duty.pack, &duty.id);
        let now = match (&duty.after, duty.binds) {
            (None, _) => "gone",
            (Some(_), false) => "off",
            (Some(_), true) => "asks something else",
        };
        tracing::warn!(
            pack,
            duty = id,
            now,
            "a file changes what messages must say by the built-in law"
        );
    }
}

fn tell_rules(difference: &Difference) {
    for rule in difference.loosened() {
        let (pack, id, now) = (&rule.pack, &rule.id, becomes(rule));
        tracing::warn!(
            pack,
            rule = id,
            now,
            "a file loosens a rule of the built-in law"
        );
    }
    for rule in difference.rules.iter().filter(|r| r.bound && !r.loosens()) {
        let (pack, id, parts) = (&rule.pack, &rule.id, in_words(&rule.parts));
        tracing::warn!(
            pack,
            rule = id,
            parts,
            "a file changes a rule of the built-in law"
        );
    }
}

/// Reads files, each with its name for messages.
///
/// # Errors
/// The first that cannot be read, in words.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<(String, String)>, String> {
    paths.iter().map(|path| read_one(path)).collect()
}

fn read_one(path: &Path) -> Result<(String, String), String> {
    let name = path.display().to_string();
    let told = |e: std::io::Error| format!("cannot read {name}: {e}");
    let size = std::fs::metadata(path).map_err(told)?.len();
    if size > FILE_MAX {
        return Err(format!(
            "{name} has {size} bytes; a pack has at most {FILE_MAX}"
        ));
    }
    let text = std::fs::read_to_string(path).map_err(told)?;
    Ok((name, text))
}

/// What became of a rule that binds less hard than it did.
fn becomes(rule: &RuleDifference) -> String {
    match &rule.after {
        None => "gone".to_owned(),
        Some(_) if !rule.binds => "off".to_owned(),
        Some(after) => after.severity().name().to_owned(),
    }
}

/// What differs of an entry: whether that asks for more or for less, nobody but a person can tell.
fn in_words(parts: &[Part]) -> String {
    let told = |text: &Option<String>| text.clone().unwrap_or_else(|| "not there".to_owned());
    let line = |p: &Part| format!("{}: {}, now {}", p.path, told(&p.before), told(&p.after));
    parts.iter().map(line).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_calendar_that_ends_is_told_sixty_days_ahead_and_as_long_as_it_lasts() {
        let packs = Packs::builtin()
            .with_enabled(&["CN-HOUSE-HOLIDAYS"])
            .unwrap();
        let told = |packs: &Packs, today| {
            let all = closing(packs, today).into_iter();
            let all = all.map(|(rule, missing)| (rule.id().to_owned(), missing.year));
            let china = all.filter(|(id, _)| id.starts_with("CN-"));
            china.map(|(_, year)| year).collect::<Vec<_>>()
        };
        assert_eq!(told(&packs, date(2026, 11, 1)), [0; 0]);
        assert_eq!(told(&packs, date(2026, 11, 2)), [2027]);
        assert_eq!(told(&packs, date(2027, 5, 1)), [2027]);
        assert_eq!(told(Packs::builtin(), date(2026, 12, 1)), [0; 0]);
    }
}
