//! The exported ledger: written as it comes, and read back for the tables.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use recoup::api::recoup::v1 as pb;
use serde::Deserialize;

use super::DemoError;
use super::client::Client;

/// Writes the ledger of the lender to a file.
pub(crate) async fn export(client: &Client, path: &Path) -> Result<(), DemoError> {
    let about =
        |error: std::io::Error| DemoError::Failed(format!("write {}: {error}", path.display()));
    let mut file = BufWriter::new(File::create(path).map_err(about)?);
    let answer = client
        .audit()
        .export_ledger(pb::ExportLedgerRequest {})
        .await;
    let mut stream = answer
        .map_err(|status| DemoError::rpc("export the ledger", &status))?
        .into_inner();
    loop {
        let message = stream.message().await;
        let message = message.map_err(|status| DemoError::rpc("export the ledger", &status))?;
        let Some(message) = message else {
            return file.flush().map_err(about);
        };
        for line in message.lines {
            writeln!(file, "{line}").map_err(about)?;
        }
    }
}

/// What the tables are made from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Contacts with an intent, by channel.
    pub(crate) contacts: BTreeMap<String, u64>,
    /// The same by the Monday of their week (UTC), then channel.
    pub(crate) weeks: BTreeMap<Date, BTreeMap<String, u64>>,
    /// Denials by the rule that came first.
    pub(crate) denials: BTreeMap<String, u64>,
    /// Contacts by channel and the state they ended in.
    pub(crate) states: BTreeMap<(String, String), u64>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line {
    Slot {
        channel: String,
        intent_at_us: Option<i64>,
        state: String,
    },
    Denial {
        reason: String,
    },
    #[serde(other)]
    Other,
}

/// Reads a ledger.
pub(crate) fn read(path: &Path) -> Result<Figures, DemoError> {
    let about = |what: String| DemoError::Failed(format!("read {}: {what}", path.display()));
    let file = File::open(path).map_err(|error| about(error.to_string()))?;
    let mut figures = Figures::default();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| about(error.to_string()))?;
        let line: Line = serde_json::from_str(&line)
            .map_err(|error| about(format!("line {}: {error}", number + 1)))?;
        figures.add(line);
    }
    Ok(figures)
}

impl Figures {
    fn add(&mut self, line: Line) {
        match line {
            Line::Other => {}
            Line::Denial { reason } => *self.denials.entry(reason).or_default() += 1,
            Line::Slot {
                channel,
                intent_at_us,
                state,
            } => {
                *self.states.entry((channel.clone(), state)).or_default() += 1;
                let Some(at_us) = intent_at_us else {
                    return;
                };
                *self.contacts.entry(channel.clone()).or_default() += 1;
                let week = self.weeks.entry(monday(at_us)).or_default();
                *week.entry(channel).or_default() += 1;
            }
        }
    }
}

fn monday(at_us: i64) -> Date {
    let at = Timestamp::from_microsecond(at_us).unwrap_or(Timestamp::UNIX_EPOCH);
    let day = at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let since = i64::from(day.weekday().to_monday_zero_offset());
    day.checked_sub(jiff::Span::new().days(since))
        .unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_and_denials_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        let lines = [
            r#"{"type":"header","format":1}"#,
            r#"{"type":"slot","channel":"sms","intent_at_us":1772323200000000,"state":"EFFECTED","x":1}"#,
            r#"{"type":"slot","channel":"sms","intent_at_us":1772496000000000,"state":"FAILED"}"#,
            r#"{"type":"slot","channel":"legal","intent_at_us":null,"state":"SUPPRESSED"}"#,
            r#"{"type":"denial","reason":"TW-HOURS"}"#,
            r#"{"type":"footer","counts":{}}"#,
        ];
        std::fs::write(&path, lines.join("\n")).unwrap();
        let figures = read(&path).unwrap();
        assert_eq!(figures.contacts, BTreeMap::from([("sms".to_owned(), 2)]));
        // 1 March 2026 was a Sunday, 3 March the Tuesday after.
        let weeks: Vec<String> = figures.weeks.keys().map(Date::to_string).collect();
        assert_eq!(weeks, ["2026-02-23", "2026-03-02"]);
        assert_eq!(figures.denials["TW-HOURS"], 1);
        assert_eq!(
            figures.states[&("legal".to_owned(), "SUPPRESSED".to_owned())],
            1
        );
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        std::fs::write(&path, "{\"type\":\"header\"}\nnothing\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("line 2"));
    }
}
