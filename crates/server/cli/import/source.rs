//! The rows of a file: CSV with a header, or JSON Lines. A row that cannot be read is told, and the rest goes on.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde_json::value::RawValue;

/// Bytes of one row; a longer one is refused.
pub const ROW_BYTES_MAX: usize = 1024 * 1024;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma separated, first row the names of the columns.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

impl Format {
    /// By the end of the file's name: `.csv`, `.jsonl`, `.ndjson`.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            _ => None,
        }
    }
}

/// One row as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Number of the row, from 1, the header not counted.
    pub number: i64,
    /// Line of the file it begins on, from 1.
    pub line: u64,
    /// The values by column, white space at the ends cut off. A list of JSON is joined by `;`.
    pub columns: BTreeMap<String, String>,
    /// The row as it stands in the file, for the file of bad rows.
    pub raw: Raw,
}

/// A row as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Raw {
    /// The cells of a CSV row.
    Cells(Vec<Vec<u8>>),
    /// A line of JSON.
    Line(String),
}

/// A row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Number of the row, from 1.
    pub number: i64,
    /// Line of the file it begins on, from 1.
    pub line: u64,
    /// What is wrong and what would be right.
    pub reason: String,
    /// The row as it stands in the file.
    pub raw: Raw,
}

/// Reads the rows of a file in order.
pub struct Source {
    reader: Reader,
    number: i64,
}

enum Reader {
    Csv {
        reader: Box<csv::Reader<File>>,
        header: Vec<String>,
    },
    JsonLines {
        reader: BufReader<File>,
        line: u64,
        bytes: u64,
    },
}

impl Source {
    /// Opens a file and reads the header where it has one.
    ///
    /// # Errors
    /// Where the file cannot be read or its header has an empty or repeated name.
    pub fn open(path: &Path, format: Format) -> io::Result<Self> {
        let file = File::open(path)?;
        let reader = match format {
            Format::JsonLines => Reader::JsonLines {
                reader: BufReader::new(file),
                line: 0,
                bytes: 0,
            },
            Format::Csv => {
                let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
                let header = header(&mut reader)?;
                Reader::Csv {
                    reader: Box::new(reader),
                    header,
                }
            }
        };
        Ok(Self { reader, number: 0 })
    }

    /// Names of the columns, where the file has a header.
    #[must_use]
    pub fn header(&self) -> Option<&[String]> {
        match &self.reader {
            Reader::Csv { header, .. } => Some(header),
            Reader::JsonLines { .. } => None,
        }
    }

    /// Bytes read so far.
    #[must_use]
    pub fn position_bytes(&self) -> u64 {
        match &self.reader {
            Reader::Csv { reader, .. } => reader.position().byte(),
            Reader::JsonLines { bytes, .. } => *bytes,
        }
    }

    /// The next row; none at the end.
    ///
    /// # Errors
    /// Where the file cannot be read any further.
    pub fn next_row(&mut self) -> io::Result<Option<Result<Row, Box<Unreadable>>>> {
        match &mut self.reader {
            Reader::Csv { reader, header } => next_csv(reader, header, &mut self.number),
            Reader::JsonLines {
                reader,
                line,
                bytes,
            } => next_json(reader, line, bytes, &mut self.number),
        }
    }
}

fn header(reader: &mut csv::Reader<File>) -> io::Result<Vec<String>> {
    let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
    let names: Vec<String> = reader
        .headers()
        .map_err(|error| invalid(format!("the header cannot be read: {error}")))?
        .iter()
        .map(|name| name.trim().trim_start_matches('\u{feff}').to_owned())
        .collect();
    for (i, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(invalid(format!(
                "column {} of the header has no name",
                i + 1
            )));
        }
        if names[..i].contains(name) {
            return Err(invalid(format!("the header has the column `{name}` twice")));
        }
    }
    Ok(names)
}

type Next = io::Result<Option<Result<Row, Box<Unreadable>>>>;

fn next_csv(reader: &mut csv::Reader<File>, header: &[String], number: &mut i64) -> Next {
    let mut record = csv::ByteRecord::new();
    let more = reader.read_byte_record(&mut record);
    if !more.map_err(io::Error::from)? {
        return Ok(None);
    }
    *number += 1;
    let line = record.position().map_or(0, csv::Position::line);
    let raw = || Raw::Cells(record.iter().map(<[u8]>::to_vec).collect());
    let refuse = |reason: String| {
        Ok(Some(Err(Box::new(Unreadable {
            number: *number,
            line,
            reason,
            raw: raw(),
        }))))
    };
    if record.len() != header.len() {
        return refuse(format!(
            "the row has {} columns and the header {}; a comma inside a value needs quotes around the value",
            record.len(),
            header.len()
        ));
    }
    if record.as_slice().len() > ROW_BYTES_MAX {
        return refuse(format!("the row is longer than {ROW_BYTES_MAX} bytes"));
    }
    let mut columns = BTreeMap::new();
    for (name, cell) in header.iter().zip(record.iter()) {
        let Ok(text) = std::str::from_utf8(cell) else {
            return refuse(format!(
                "the column `{name}` is not UTF-8; save the file as UTF-8"
            ));
        };
        columns.insert(name.clone(), text.trim().to_owned());
    }
    Ok(Some(Ok(Row {
        number: *number,
        line,
        columns,
        raw: raw(),
    })))
}

fn next_json(
    reader: &mut BufReader<File>,
    line: &mut u64,
    bytes: &mut u64,
    number: &mut i64,
) -> Next {
    let text = loop {
        let mut text = Vec::new();
        let read = reader.read_until(b'\n', &mut text)?;
        if read == 0 {
            return Ok(None);
        }
        *line += 1;
        *bytes += read as u64;
        if !text.trim_ascii().is_empty() {
            break text;
        }
    };
    *number += 1;
    let shown = String::from_utf8_lossy(&text).trim().to_owned();
    let read = if text.len() > ROW_BYTES_MAX {
        Err(format!("the row is longer than {ROW_BYTES_MAX} bytes"))
    } else {
        json_columns(&text)
    };
    let raw = Raw::Line(shown);
    let (number, line) = (*number, *line);
    Ok(Some(match read {
        Ok(columns) => Ok(Row {
            number,
            line,
            columns,
            raw,
        }),
        Err(reason) => Err(Box::new(Unreadable {
            number,
            line,
            reason,
            raw,
        })),
    }))
}

/// Numbers keep their text as written, so that no amount goes through a float.
fn json_columns(text: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let object: BTreeMap<String, Box<RawValue>> =
        serde_json::from_slice(text).map_err(|error| {
            // The error's text may quote the row, which holds personal data.
            format!(
                "the line is not one JSON object: wrong at column {}",
                error.column()
            )
        })?;
    let mut columns = BTreeMap::new();
    for (name, value) in object {
        let text = scalar(value.get())
            .or_else(|| list(value.get()))
            .ok_or_else(|| {
                format!("`{name}` is neither a text, a number, true, false nor a list of texts")
            })?;
        columns.insert(name, text);
    }
    Ok(columns)
}

fn scalar(json: &str) -> Option<String> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(json)
            .ok()
            .map(|text| text.trim().to_owned()),
        b'n' => Some(String::new()),
        b'[' | b'{' => None,
        _ => Some(json.to_owned()),
    }
}

fn list(json: &str) -> Option<String> {
    let parts: Vec<Box<RawValue>> = serde_json::from_str(json).ok()?;
    let parts: Option<Vec<String>> = parts.iter().map(|part| scalar(part.get())).collect();
    // A `;` inside a part would change what the list says.
    let parts = parts?;
    if parts.iter().any(|part| part.contains(';')) {
        return None;
    }
    Some(parts.join(";"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read(name: &str, text: &[u8]) -> Vec<Result<Row, Box<Unreadable>>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        File::create(&path).unwrap().write_all(text).unwrap();
        let mut source = Source::open(&path, Format::of(&path).unwrap()).unwrap();
        let mut rows = Vec::new();
        while let Some(row) = source.next_row().unwrap() {
            rows.push(row);
        }
        assert_eq!(source.position_bytes(), text.len() as u64);
        rows
    }

    #[test]
    fn a_bad_csv_row_does_not_end_the_file() {
        let rows = read("a.csv", b"a,b\n1,2\n3\n\"x\ny\", 4 \n\xff,5\n6,7\n");
        let places: Vec<_> = rows
            .iter()
            .map(|row| match row {
                Ok(row) => (row.number, row.line, "ok"),
                Err(bad) => (bad.number, bad.line, "bad"),
            })
            .collect();
        assert_eq!(
            places,
            [
                (1, 2, "ok"),
                (2, 3, "bad"),
                (3, 4, "ok"),
                (4, 6, "bad"),
                (5, 7, "ok")
            ]
        );
        assert_eq!(rows[2].as_ref().unwrap().columns["b"], "4");
        let reason = &rows[1].as_ref().unwrap_err().reason;
        assert!(reason.contains("1 columns and the header 2"), "{reason}");
    }

    #[test]
    fn json_keeps_numbers_as_written() {
        let text = "{\"amount\": 1234567890123456.10, \"list\": [\"a\", \"b\"], \"none\": null}\n\nnot json\n";
        let rows = read("a.jsonl", text.as_bytes());
        let columns = &rows[0].as_ref().unwrap().columns;
        assert_eq!(columns["amount"], "1234567890123456.10");
        assert_eq!(columns["list"], "a;b");
        assert_eq!(columns["none"], "");
        let bad = rows[1].as_ref().unwrap_err();
        assert_eq!((bad.number, bad.line), (2, 3));
        assert!(!bad.reason.contains("not json"), "quotes the row");
    }

    #[test]
    fn a_header_is_checked() {
        for (text, want) in [("a,a\n", "twice"), ("a,\n", "column 2")] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.csv");
            std::fs::write(&path, text).unwrap();
            let error = Source::open(&path, Format::Csv).err().unwrap().to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
