//! Packs from files, in the place of built-in ones or beside them; and every fault of such a file at once.

use crate::load::{self, PackError};
use crate::pack::{Pack, Packs};
use std::borrow::Cow;

/// How many faults of one file are told.
const FAULTS_MAX: usize = 64;
/// The pack that stands last, behind all law.
const HOUSE: &str = "house";

/// What a pack was read from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The name under which its text is hashed: the same wherever the file lies.
    name: String,
    pub(crate) text: String,
    /// The file that was given; none for one that is built in.
    given: Option<String>,
}

impl Source {
    pub(crate) fn of((name, text): &(&str, &str)) -> Self {
        Self {
            name: (*name).to_owned(),
            text: (*text).to_owned(),
            given: None,
        }
    }
}

impl Packs {
    /// These packs, each file (name, text) in the place of the pack of its id, or beside them where there is none;
    /// nothing of them is switched on. The hash is that of the texts: it does not matter where a file lies.
    ///
    /// # Errors
    /// Every fault that was found in any of the files.
    pub fn with_files(&self, files: &[(&str, &str)]) -> Result<Self, Vec<PackError>> {
        let mut faults = Vec::new();
        let mut sources = self.sources.to_vec();
        let mut ids: Vec<String> = self.packs().iter().map(|p| p.id().to_owned()).collect();
        let mut given: Vec<String> = Vec::new();
        for (name, text) in files {
            let pack = match read(name, text) {
                Ok(pack) => pack,
                Err(found) => {
                    faults.extend(found);
                    continue;
                }
            };
            if let Some(problem) = misnamed(&pack, &given) {
                faults.push(of_file(name, problem));
                continue;
            }
            given.push(pack.id.clone());
            let mut source = Source {
                name: format!("{}.yaml", pack.id),
                text: (*text).to_owned(),
                given: Some((*name).to_owned()),
            };
            if let Some(place) = ids.iter().position(|id| *id == pack.id) {
                source.name.clone_from(&sources[place].name);
                sources[place] = source;
            } else {
                let place = ids.iter().position(|id| id == HOUSE);
                let place = place.unwrap_or(ids.len());
                sources.insert(place, source);
                ids.insert(place, pack.id);
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        together(sources).map_err(|fault| vec![fault])
    }

    /// The text of a pack as it was read.
    #[must_use]
    pub fn text_of(&self, pack: &str) -> Option<&str> {
        self.source_of(pack).map(|s| s.text.as_str())
    }

    /// The file that a pack was read from; none for one that is built in.
    #[must_use]
    pub fn file_of(&self, pack: &str) -> Option<&str> {
        self.source_of(pack)?.given.as_deref()
    }

    fn source_of(&self, pack: &str) -> Option<&Source> {
        let place = self.packs().iter().position(|p| p.id() == pack)?;
        self.sources.get(place)
    }
}

/// Reads all packs together: rule ids are one namespace over them.
fn together(sources: Vec<Source>) -> Result<Packs, PackError> {
    let files: Vec<(&str, &str)> = sources
        .iter()
        .map(|s| (s.name.as_str(), s.text.as_str()))
        .collect();
    let mut packs = Packs::parse(&files).map_err(|fault| {
        let own = sources.iter().find(|s| s.name == fault.file);
        let given = own.and_then(|s| s.given.clone());
        PackError {
            file: given.unwrap_or_else(|| fault.file.clone()),
            ..fault
        }
    })?;
    packs.sources = sources.into();
    Ok(packs)
}

/// Why a pack cannot have its id, if it cannot.
fn misnamed(pack: &Pack, given: &[String]) -> Option<String> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !(1..=64).contains(&pack.id.len()) || !pack.id.bytes().all(fits) {
        return Some("`pack` must be 1 to 64 characters of a-z, 0-9 and -".to_owned());
    }
    let twice = given.contains(&pack.id);
    twice.then(|| format!("another of the files has a pack `{}` already", pack.id))
}

fn of_file(name: &str, problem: String) -> PackError {
    PackError {
        file: name.to_owned(),
        line: None,
        rule: None,
        problem,
    }
}

/// Reads one file by itself. After a fault within the entry of a rule the entry is blanked out, and the rest is
/// read once more: who mends a file wants to know of every fault.
fn read(name: &str, text: &str) -> Result<Pack, Vec<PackError>> {
    let mut text = Cow::Borrowed(text);
    let mut found: Vec<PackError> = Vec::new();
    loop {
        let fault = match load::packs(&[(name, &text)]) {
            Ok(packs) if found.is_empty() => {
                let empty = || vec![of_file(name, "there is no pack in it".to_owned())];
                return packs.into_iter().next().ok_or_else(empty);
            }
            Ok(_) => return Err(found),
            Err(fault) => fault,
        };
        let rest = fault.line.and_then(|line| without_entry(&text, line));
        found.push(fault);
        match rest {
            Some(rest) if found.len() < FAULTS_MAX => text = Cow::Owned(rest),
            _ => return Err(found),
        }
    }
}

/// The text with the entry that holds `line` (from 1) blanked out, so that lines keep their numbers; none where the
/// line lies in no entry.
fn without_entry(text: &str, line: u64) -> Option<String> {
    let at = usize::try_from(line).ok()?.checked_sub(1)?;
    let mut lines: Vec<&str> = text.lines().collect();
    let upto = lines.get(..=at)?;
    let first = upto
        .iter()
        .rposition(|l| l.trim_start().starts_with("- id:"))?;
    let indent = indent_of(lines[first]);
    let says = |l: &str| !l.trim().is_empty() && !l.trim_start().starts_with('#');
    let mut behind = lines[first + 1..].iter();
    let ends = |l: &&str| says(l) && indent_of(l) <= indent;
    let last = behind.position(ends).map_or(lines.len(), |n| first + 1 + n);
    if at >= last {
        return None;
    }
    lines[first..last].fill("");
    // A list that has lost its only entry is empty, and not nothing.
    let head = lines[..first].iter().rposition(|l| says(l))?;
    let is_key = lines[head].trim_end().ends_with(':');
    let more = lines[last..].iter().find(|l| says(l));
    let more = more.is_some_and(|l| indent_of(l) == indent && l.trim_start().starts_with("- "));
    let emptied = format!("{} []", lines[head].trim_end());
    if is_key && !more {
        lines[head] = &emptied;
    }
    Some(lines.join("\n"))
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}
