//! The file of bad rows: the rows as they stood, with a column that says what is wrong. Only its owner may read it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::source::{Format, Raw};

/// The column that says what is wrong.
const ERROR: &str = "error";

/// Writes bad rows; the file is made with the first of them.
pub(super) struct BadRows {
    path: PathBuf,
    format: Format,
    header: Vec<String>,
    open: Option<Writer>,
    /// Rows written.
    pub(super) count: u64,
}

enum Writer {
    Csv(Box<csv::Writer<File>>),
    Lines(File),
}

impl BadRows {
    /// For bad rows of a file of this format; `header` where it has one. A file of an earlier run is removed, so
    /// that what is there afterwards is of this run.
    ///
    /// # Errors
    /// Where the earlier file cannot be removed.
    pub(super) fn new(
        path: PathBuf,
        format: Format,
        header: Option<&[String]>,
    ) -> io::Result<Self> {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(Self {
            path,
            format,
            header: header.unwrap_or_default().to_vec(),
            open: None,
            count: 0,
        })
    }

    /// Where it is, or would be.
    #[must_use]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a row.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub(super) fn add(&mut self, raw: &Raw, error: &str) -> io::Result<()> {
        self.count += 1;
        let columns = self.header.len();
        let told = self.header.iter().position(|name| name == ERROR);
        match (self.writer()?, raw) {
            (Writer::Csv(writer), Raw::Cells(cells)) => {
                // What an earlier run said of the row gives its place to what is said now.
                let told = told.filter(|_| cells.len() == columns);
                let kept = cells.iter().enumerate().filter(|(n, _)| Some(*n) != told);
                let mut cells: Vec<&[u8]> = kept.map(|(_, cell)| cell.as_slice()).collect();
                cells.push(error.as_bytes());
                Ok(writer.write_record(cells)?)
            }
            (Writer::Csv(writer), Raw::Line(line)) => {
                Ok(writer.write_record([line.as_str(), error])?)
            }
            (Writer::Lines(file), raw) => writeln!(file, "{}", with_error(raw, error)),
        }
    }

    /// Brings everything to the disk.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match &mut self.open {
            None => Ok(()),
            Some(Writer::Csv(writer)) => {
                writer.flush()?;
                writer.get_ref().sync_all()
            }
            Some(Writer::Lines(file)) => file.sync_all(),
        }
    }

    fn writer(&mut self) -> io::Result<&mut Writer> {
        let opened = match self.open.take() {
            Some(opened) => opened,
            None => create(&self.path, self.format, &self.header)?,
        };
        Ok(self.open.insert(opened))
    }
}

fn create(path: &Path, format: Format, header: &[String]) -> io::Result<Writer> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    if format == Format::JsonLines {
        return Ok(Writer::Lines(file));
    }
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
    let names = header.iter().map(String::as_str);
    writer.write_record(names.filter(|name| *name != ERROR).chain([ERROR]))?;
    Ok(Writer::Csv(Box::new(writer)))
}

/// The line's own object with the error in it; a line that is no object is kept as text.
fn with_error(raw: &Raw, error: &str) -> String {
    let line = match raw {
        Raw::Line(line) => line.clone(),
        Raw::Cells(cells) => cells
            .iter()
            .map(|cell| String::from_utf8_lossy(cell))
            .collect::<Vec<_>>()
            .join(","),
    };
    let error = serde_json::Value::from(error);
    let is_object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&line);
    match (is_object, line.rfind('}')) {
        // Written into the text, so that numbers stay as they were.
        (Ok(object), Some(end)) if !object.contains_key("error") => {
            let comma = if object.is_empty() { "" } else { "," };
            format!("{}{comma}\"error\":{error}}}", &line[..end])
        }
        (Ok(mut object), _) => {
            object.insert("error".to_owned(), error);
            serde_json::Value::from(object).to_string()
        }
        (Err(_), _) => serde_json::json!({"line": line, "error": error}).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_may_read_it_and_it_reads_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bad.csv");
        std::fs::write(&path, "of an earlier run").unwrap();
        let header = ["a".to_owned(), "b".to_owned()];
        let mut bad = BadRows::new(path.clone(), Format::Csv, Some(&header)).unwrap();
        assert!(!path.exists(), "no bad row, no file");
        let raw = Raw::Cells(vec![b"1".to_vec(), b"x,y".to_vec()]);
        bad.add(&raw, "b: `x,y` is wrong").unwrap();
        bad.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "a,b,error\n1,\"x,y\",\"b: `x,y` is wrong\"\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    /// Bad rows are corrected in their file and imported again: a row that is still bad stays in its columns.
    #[test]
    fn what_was_said_before_gives_its_place_to_what_is_said_now() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("again.csv");
        let header = ["a", "error", "b"].map(str::to_owned);
        let mut bad = BadRows::new(path.clone(), Format::Csv, Some(&header)).unwrap();
        let cells = |row: &[&str]| Raw::Cells(row.iter().map(|c| c.as_bytes().to_vec()).collect());
        bad.add(&cells(&["1", "old", "2"]), "new").unwrap();
        bad.add(&cells(&["1", "2"]), "too few").unwrap();
        bad.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "a,b,error\n1,2,new\n1,2,too few\n");
    }

    #[test]
    fn a_json_line_keeps_its_numbers() {
        let table = [
            ("{\"a\":1.10}", "{\"a\":1.10,\"error\":\"e\"}"),
            ("{}", "{\"error\":\"e\"}"),
            ("{\"error\":\"old\"}", "{\"error\":\"e\"}"),
            ("no json", "{\"error\":\"e\",\"line\":\"no json\"}"),
        ];
        for (line, want) in table {
            assert_eq!(with_error(&Raw::Line(line.to_owned()), "e"), want);
        }
    }
}
