//! Which names a library exports: a second one could clash with another library's.

use std::path::Path;

use recoup_channel::abi::ENTRY_SYMBOL;

use super::Verdict;

const DYNAMIC_SYMBOLS: u64 = 11;
const SYMBOL_BYTES: usize = 24;

pub(super) fn check(path: &Path) -> Verdict {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return Verdict::Fail(error.to_string()),
    };
    match exported(&bytes) {
        None => Verdict::Skip("it has no section headers to read the names from".to_owned()),
        Some(names) if names == [ENTRY_SYMBOL] => Verdict::Pass,
        Some(names) => Verdict::Fail(format!("it exports {}", names.join(", "))),
    }
}

/// The names of the defined global symbols of a 64-bit little-endian ELF file.
fn exported(bytes: &[u8]) -> Option<Vec<String>> {
    let (table, entry, count) = (
        number(bytes, 40, 8)?,
        number(bytes, 58, 2)?,
        number(bytes, 60, 2)?,
    );
    let header =
        |index: u64| Some(usize::try_from(table).ok()? + usize::try_from(index * entry).ok()?);
    for index in 0..count {
        let at = header(index)?;
        if number(bytes, at + 4, 4)? != DYNAMIC_SYMBOLS {
            continue;
        }
        let symbols = section(bytes, at)?;
        let names = section(bytes, header(number(bytes, at + 40, 4)?)?)?;
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
