//! Which names a library exports: a second one could clash with another library's. And which it needs of the C
//! library: a server's may be older than the vendor's.

use std::path::Path;

use recoup_channel::abi::ENTRY_SYMBOL;

use super::Verdict;

const DYNAMIC_SYMBOLS: u64 = 11;
const SYMBOL_BYTES: usize = 24;
/// `SHT_GNU_verneed`.
const NEEDED_VERSIONS: u64 = 0x6fff_fffe;
/// `SHT_RELR`, packed relocations.
const RELR: u64 = 19;
/// The first whose loader knows them.
const PACKED_RELOCATIONS: Glibc = Glibc {
    major: 2,
    minor: 36,
};
/// Names that are told of those that are too many: some libraries export thousands.
const TOLD_MAX: usize = 5;

pub(super) fn check(path: &Path) -> Verdict {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return Verdict::Fail(error.to_string()),
    };
    match exported(&bytes) {
        None => Verdict::Skip("it has no section headers to read the names from".to_owned()),
        Some(names) if names == [ENTRY_SYMBOL] => Verdict::Pass,
        Some(names) => Verdict::Fail(told(&names)),
    }
}

/// What a library exports, where that is more or less than it should.
fn told(names: &[String]) -> String {
    let others: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| *name != ENTRY_SYMBOL)
        .collect();
    let mut wrong = Vec::new();
    if others.len() == names.len() {
        wrong.push(format!("it does not export `{ENTRY_SYMBOL}`"));
    }
    if !others.is_empty() {
        let some = others[..others.len().min(TOLD_MAX)].join(", ");
        let more = match others.len().saturating_sub(TOLD_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        wrong.push(format!(
            "it exports {some}{more}: hide them, by -fvisibility=hidden or the linker's version script"
        ));
    }
    wrong.join("; ")
}

/// A version of the GNU C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc {
    /// 2 since 1997.
    pub major: u16,
    /// The number that changes.
    pub minor: u16,
}

impl Glibc {
    /// That of the oldest system that recoup's own program is built for, Debian 12.
    pub const OLDEST: Self = Self {
        major: 2,
        minor: 36,
    };
}

impl std::fmt::Display for Glibc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl std::str::FromStr for Glibc {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (major, minor) = text.split_once('.')?;
            // A third number, as in 2.2.5, ended before 2.3.
            let minor = minor.split('.').next()?;
            Some(Self {
                major: major.parse().ok()?,
                minor: minor.parse().ok()?,
            })
        };
        read().ok_or_else(|| format!("`{text}` is no version of glibc; write 2.36"))
    }
}

/// Whether the oldest C library that it is for has all that it needs.
pub(super) fn needs(path: &Path, oldest: Glibc) -> Verdict {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return Verdict::Fail(error.to_string()),
    };
    let Some(needed) = version_names(&bytes) else {
        return Verdict::Skip("it has no section headers to read the versions from".to_owned());
    };
    let named = needed.iter().filter_map(|name| version(name)).max();
    // A linker names them as a version only where the library wants something of the C library by a version, too.
    let packed = has_section(&bytes, RELR).then_some(PACKED_RELOCATIONS);
    let newest = named.max(packed);
    match newest {
        Some(newest) if newest > oldest => Verdict::Fail(format!(
            "it needs glibc {newest}, and is for servers with {oldest}: build it on a system that is as old, or say \
             --glibc {newest}"
        )),
        Some(_) | None => Verdict::Pass,
    }
}

/// The C library that a version's name wants. Packed relocations are no function of it, and have a name without a number.
fn version(name: &str) -> Option<Glibc> {
    match name.strip_prefix("GLIBC_")? {
        "ABI_DT_RELR" => Some(PACKED_RELOCATIONS),
        number => number.parse().ok(),
    }
}

/// Whether there is a section of this kind.
fn has_section(bytes: &[u8], kind: u64) -> bool {
    let Some(mut headers) = headers(bytes) else {
        return false;
    };
    headers.any(|at| number(bytes, at + 4, 4) == Some(kind))
}

/// The versions of other libraries' symbols that it needs, such as `GLIBC_2.34`; none where it names none.
fn version_names(bytes: &[u8]) -> Option<Vec<String>> {
    let headers = headers(bytes)?;
    let mut found = Vec::new();
    for at in headers.clone() {
        if number(bytes, at + 4, 4)? != NEEDED_VERSIONS {
            continue;
        }
        let needs = section(bytes, at)?;
        let link = usize::try_from(number(bytes, at + 40, 4)?).ok()?;
        let names = section(bytes, headers.clone().nth(link)?)?;
        let libraries = number(bytes, at + 44, 4)?;
        let mut library = 0;
        // A library, its versions in a list, then the next library; each tells how far the next one is.
        for _ in 0..libraries {
            let mut version = library + usize::try_from(number(needs, library + 8, 4)?).ok()?;
            for _ in 0..number(needs, library + 2, 2)? {
                found.push(name_at(names, number(needs, version + 8, 4)?)?);
                version += usize::try_from(number(needs, version + 12, 4)?).ok()?;
            }
            library += usize::try_from(number(needs, library + 12, 4)?).ok()?;
        }
    }
    Some(found)
}

/// Where the headers of the sections are.
fn headers(bytes: &[u8]) -> Option<impl Iterator<Item = usize> + Clone> {
    let from = usize::try_from(number(bytes, 40, 8)?).ok()?;
    let entry = usize::try_from(number(bytes, 58, 2)?).ok()?;
    let count = usize::try_from(number(bytes, 60, 2)?).ok()?;
    Some((0..count).map(move |index| from.saturating_add(index * entry)))
}

/// The names of the defined global symbols of a 64-bit little-endian ELF file.
fn exported(bytes: &[u8]) -> Option<Vec<String>> {
    let headers = headers(bytes)?;
    for at in headers.clone() {
        if number(bytes, at + 4, 4)? != DYNAMIC_SYMBOLS {
            continue;
        }
        let symbols = section(bytes, at)?;
        let link = usize::try_from(number(bytes, at + 40, 4)?).ok()?;
        let names = section(bytes, headers.clone().nth(link)?)?;
        let mut found: Vec<String> = symbols
            .chunks_exact(SYMBOL_BYTES)
            .filter(|symbol| is_exported(symbol))
            .filter_map(|symbol| name_at(names, number(symbol, 0, 4)?))
            .collect();
        found.sort();
        return Some(found);
    }
    None
}

/// Global or weak, visible, and defined here.
fn is_exported(symbol: &[u8]) -> bool {
    let (binding, visibility) = (symbol[4] >> 4, symbol[5] & 3);
    let defined = symbol[6..8] != [0, 0];
    defined && (binding == 1 || binding == 2) && (visibility == 0 || visibility == 3)
}

fn section(bytes: &[u8], header: usize) -> Option<&[u8]> {
    let from = usize::try_from(number(bytes, header + 24, 8)?).ok()?;
    let size = usize::try_from(number(bytes, header + 32, 8)?).ok()?;
    bytes.get(from..from.checked_add(size)?)
}

fn name_at(names: &[u8], at: u64) -> Option<String> {
    let rest = names.get(usize::try_from(at).ok()?..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&rest[..end]).into_owned())
}

fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(size)?)?;
    Some(
        field
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_too_many_are_counted() {
        let names = |count: usize| -> Vec<String> {
            let own = std::iter::once(ENTRY_SYMBOL.to_owned());
            own.chain((0..count).map(|n| format!("f{n}"))).collect()
        };
        assert!(told(&names(1)).starts_with("it exports f0: hide"));
        assert!(told(&names(5)).starts_with("it exports f0, f1, f2, f3, f4: hide"));
        assert!(told(&names(1_005)).contains("f4 and 1000 more: hide"));
        let without = told(&names(1)[1..]);
        assert!(
            without.starts_with("it does not export `recoup_channel_entry_v1`; it exports f0"),
            "{without}"
        );
    }
}
