//! A library's file and the signature beside it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::load::Source;

/// Reads a library and, where there is one, its signature.
///
/// # Errors
/// Which file cannot be read, and what would help.
pub(crate) fn read(library: &Path, settings: String) -> Result<Source, String> {
    let bytes = std::fs::read(library).map_err(|e| {
        format!(
            "cannot read its library {}: {e}; check `library` and that this user may read the file",
            library.display()
        )
    })?;
    let beside = beside(library);
    let signature = match std::fs::read_to_string(&beside) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            return Err(format!(
                "cannot read its signature {}: {error}",
                beside.display()
            ));
        }
    };
    Ok(Source {
        from: library.to_owned(),
        bytes: bytes.into(),
        signature,
        settings,
    })
}

/// Where a library's signature lies: `minisign -S` puts it there.
pub(crate) fn beside(library: &Path) -> PathBuf {
    let mut name = OsString::from(library);
    name.push(".minisig");
    PathBuf::from(name)
}
