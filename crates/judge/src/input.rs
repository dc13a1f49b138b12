//! Reading lines of JSON, and the one error for an input that cannot be judged.

use std::borrow::Cow;
use std::io::BufRead;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A line longer than this many bytes is refused: nothing that either format holds comes near it.
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why an input cannot be judged. The process ends with status 2.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file could not be opened or read.
    #[error("{file} cannot be read")]
    Io {
        /// Which of the two files.
        file: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// One line is not what its format says.
    #[error("{file}, line {line}: {problem}")]
    Line {
        /// Which of the two files.
        file: &'static str,
        /// Line number, from 1.
        line: usize,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The file as a whole (or the two together) cannot be judged.
    #[error("{file}: {problem}")]
    File {
        /// Which of the two files.
        file: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
}

/// The `type` of a line; the rest of the line is read by the type's own struct.
#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

/// Calls `each(line number, type, line)` for every line.
///
/// # Errors
/// A line that is no JSON object with a `type`, a read error, or what `each` found wrong.
pub fn for_each_line<R: BufRead>(
    mut reader: R,
    file: &'static str,
    mut each: impl FnMut(usize, &str, &[u8]) -> Result<(), String>,
) -> Result<(), InputError> {
    let mut buffer = Vec::new();
    let mut line = 0;
    loop {
        buffer.clear();
        let read = reader
            .read_until(b'\n', &mut buffer)
            .map_err(|source| InputError::Io { file, source })?;
        if read == 0 {
            return Ok(());
        }
        line += 1;
        let text = buffer.strip_suffix(b"\n").unwrap_or(&buffer);
        one_line(text, line, &mut each).map_err(|problem| InputError::Line {
            file,
            line,
            problem,
        })?;
    }
}

fn one_line(
    text: &[u8],
    line: usize,
    each: &mut impl FnMut(usize, &str, &[u8]) -> Result<(), String>,
) -> Result<(), String> {
    if text.len() > LINE_BYTES_MAX {
        return Err(format!(
            "is {} bytes long, more than the {LINE_BYTES_MAX} that a line may have",
            text.len()
        ));
    }
    let tag: Tag<'_> = serde_json::from_slice(text)
        .map_err(|e| format!("is not a JSON object with a \"type\": {e}"))?;
    each(line, &tag.kind, text)
}

/// Reads one line as `T`.
///
/// # Errors
/// The field that is missing or wrong, in words.
pub fn parse<T: DeserializeOwned>(kind: &str, text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|e| format!("is not a valid {kind:?} line: {e}"))
}
