//! As much of iCalendar (RFC 5545) as an appointment needs.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// An appointment as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Appointment {
    pub(crate) uid: String,
    pub(crate) from_us: i64,
    pub(crate) to_us: i64,
    pub(crate) cancelled: bool,
    /// SUMMARY, LOCATION and DESCRIPTION, a line each.
    pub(crate) text: String,
    /// The attendees: CN where given, else the address.
    pub(crate) attendees: Vec<String>,
}

/// One content line: name, parameters, value.
struct Line {
    name: String,
    params: Vec<(String, String)>,
    value: String,
}

impl Line {
    fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}

/// Reads the first VEVENT. The error says what is missing or wrong.
pub(crate) fn parse(text: &str) -> Result<Appointment, String> {
    let event = event_lines(text)?;
    let find = |name: &str| event.iter().find(|line| line.name == name);
    let uid = find("UID")
        .map(|line| line.value.clone())
        .ok_or("the event has no UID")?;
    let start = find("DTSTART").ok_or("the event has no DTSTART")?;
    let from = instant(start)?;
    let to = match (find("DTEND"), find("DURATION")) {
        (Some(end), _) => instant(end)?,
        (None, Some(duration)) => {
            let span: Span = duration
                .value
                .parse()
                .map_err(|e| format!("read DURATION: {e}"))?;
            from.checked_add(span)
                .map_err(|e| format!("add DURATION: {e}"))?
        }
        (None, None) => return Err("the event has neither DTEND nor DURATION".to_owned()),
    };
    if to < from {
        return Err("the event ends before it starts".to_owned());
    }
    let words = ["SUMMARY", "LOCATION", "DESCRIPTION"];
    let text: Vec<String> = words
        .iter()
        .filter_map(|name| find(name))
        .map(|line| unescape(&line.value))
        .collect();
    let attendees = event
        .iter()
        .filter(|line| line.name == "ATTENDEE")
        .map(attendee)
        .collect();
    Ok(Appointment {
        uid,
        from_us: from.as_microsecond(),
        to_us: to.as_microsecond(),
        cancelled: find("STATUS").is_some_and(|l| l.value.eq_ignore_ascii_case("CANCELLED")),
        text: text.join("\n"),
        attendees,
    })
}

/// The unfolded lines of the first VEVENT, without those of components inside it.
fn event_lines(text: &str) -> Result<Vec<Line>, String> {
    // A line that begins with a space or tab goes on where the one before it ended.
    let unfolded = text
        .replace("\r\n", "\n")
        .replace("\n ", "")
        .replace("\n\t", "");
    let mut lines = Vec::new();
    let mut depth = 0;
    for line in unfolded.lines().filter_map(split) {
        match (line.name.as_str(), depth) {
            ("BEGIN", 0) if line.value.eq_ignore_ascii_case("VEVENT") => depth = 1,
            ("BEGIN", 1..) => depth += 1,
            ("END", 1) => return Ok(lines),
            ("END", 2..) => depth -= 1,
            (_, 1) => lines.push(line),
            _ => {}
        }
    }
    Err("there is no whole VEVENT".to_owned())
}

/// Splits at the first colon outside quotes; parameters at semicolons outside quotes.
fn split(line: &str) -> Option<Line> {
    let mut quoted = false;
    let mut cuts = Vec::new();
    let colon = line.char_indices().find_map(|(at, c)| {
        match c {
            '"' => quoted = !quoted,
            ';' if !quoted => cuts.push(at),
            ':' if !quoted => return Some(at),
            _ => {}
        }
        None
    })?;
    cuts.push(colon);
    let name = line[..cuts[0]].to_ascii_uppercase();
    let params = cuts.windows(2).filter_map(|cut| {
        let (name, value) = line[cut[0] + 1..cut[1]].split_once('=')?;
        Some((
            name.to_ascii_uppercase(),
            value.trim_matches('"').to_owned(),
        ))
    });
    Some(Line {
        name,
        params: params.collect(),
        value: line[colon + 1..].to_owned(),
    })
}

fn instant(line: &Line) -> Result<Timestamp, String> {
    let about = |e: String| format!("read {} {:?}: {e}", line.name, line.value);
    let (local, zone) = match (line.value.strip_suffix('Z'), line.param("TZID")) {
        (Some(utc), _) => (utc, TimeZone::UTC),
        (None, Some(id)) => (
            line.value.as_str(),
            TimeZone::get(id).map_err(|e| about(e.to_string()))?,
        ),
        (None, None) => {
            return Err(about(
                "it is neither UTC (`...Z`) nor in a zone (TZID)".to_owned(),
            ));
        }
    };
    let local = DateTime::strptime("%Y%m%dT%H%M%S", local).map_err(|e| about(e.to_string()))?;
    Ok(local
        .to_zoned(zone)
        .map_err(|e| about(e.to_string()))?
        .timestamp())
}

fn attendee(line: &Line) -> String {
    let address = line
        .value
        .trim_start_matches("mailto:")
        .trim_start_matches("MAILTO:");
    line.param("CN").unwrap_or(address).to_owned()
}

fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n' | 'N') => text.push('\n'),
                Some(escaped) => text.push(escaped),
                None => text.push('\\'),
            },
            (c, false) => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(lines: &str) -> String {
        format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{lines}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
    }

    #[test]
    fn both_forms_of_time_give_the_same_instant() {
        let utc = "UID:k@x\r\nDTSTART:20261124T020000Z\r\nDTEND:20261124T030000Z";
        let zoned = "UID:k@x\r\nDTSTART;TZID=Asia/Shanghai:20261124T100000\r\nDTEND;TZID=\"Asia/Shanghai\":20261124T110000";
        let length = "UID:k@x\r\nDTSTART:20261124T020000Z\r\nDURATION:PT1H";
        let read = |lines| parse(&event(lines)).expect("a valid event");
        assert_eq!(read(utc), read(zoned));
        assert_eq!(read(utc), read(length));
        assert_eq!(read(utc).from_us, 1_795_485_600_000_000);
        assert_eq!(read(utc).to_us - read(utc).from_us, 3_600_000_000);
    }

    #[test]
    fn folded_and_escaped_text_is_joined() {
        let lines = "UID:k@x\r\nDTSTART:20261124T020000Z\r\nDTEND:20261124T030000Z\r\nSUMMARY:外访\r\n  张三\\, 2 p\r\n m\r\nATTENDEE;CN=\"Li; Wei\":mailto:a@b\r\nATTENDEE:mailto:c@d\r\nSTATUS:CANCELLED\r\nBEGIN:VALARM\r\nSUMMARY:not this\r\nEND:VALARM";
        let read = parse(&event(lines)).expect("a valid event");
        assert_eq!(read.text, "外访 张三, 2 pm");
        assert_eq!(read.attendees, ["Li; Wei", "c@d"]);
        assert!(read.cancelled);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            (
                "DTSTART:20261124T020000Z\r\nDTEND:20261124T030000Z",
                "no UID",
            ),
            ("UID:k", "no DTSTART"),
            ("UID:k\r\nDTSTART:20261124T020000Z", "neither DTEND"),
            (
                "UID:k\r\nDTSTART:20261124T020000\r\nDTEND:20261124T030000Z",
                "neither UTC",
            ),
            (
                "UID:k\r\nDTSTART;TZID=Mars/X:20261124T020000\r\nDTEND:20261124T030000Z",
                "Mars",
            ),
            (
                "UID:k\r\nDTSTART:2026Z\r\nDTEND:20261124T030000Z",
                "DTSTART",
            ),
            (
                "UID:k\r\nDTSTART:20261124T040000Z\r\nDTEND:20261124T030000Z",
                "before it starts",
            ),
        ];
        for (lines, want) in cases {
            let got = parse(&event(lines)).expect_err(lines);
            assert!(got.contains(want), "{lines}: {got}");
        }
        assert!(
            parse("BEGIN:VEVENT\nUID:k")
                .expect_err("cut off")
                .contains("no whole VEVENT")
        );
    }
}
