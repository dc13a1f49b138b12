//! Pages of docs/ that are written from the code. Test code: `RECOUP_BLESS=1` writes them, else a page that is
//! not what the code says fails.

use std::path::Path;

/// Holds a page to what it should be.
pub(crate) fn hold(path: &str, wanted: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("RECOUP_BLESS").is_some_and(|v| v == "1") {
        std::fs::write(&file, wanted).unwrap_or_else(|e| panic!("{path}: {e}"));
        return;
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    let mut lines = found.lines().zip(wanted.lines()).enumerate();
    let differs = lines.find(|(_, (found, wanted))| found != wanted);
    assert!(
        found == wanted,
        "{path} is not what the code says; write it anew with RECOUP_BLESS=1. First difference: {differs:#?}"
    );
}
