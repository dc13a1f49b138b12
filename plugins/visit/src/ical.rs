//! As much of iCalendar (RFC 5545) as a work order needs: written with the standard's escapes and
//! folds, and read as far as `status` asks.

/// The most octets of a line, its end not counted.
const LINE_OCTETS_MAX: usize = 75;

/// Content lines, escaped and folded.
#[derive(Debug, Default)]
pub(crate) struct Lines(String);

impl Lines {
    /// A line whose value is not text: an instant, a number, a URI.
    pub(crate) fn raw(&mut self, name: &str, value: &str) -> &mut Self {
        // Nothing that we write has a control character; what we were given must not end a line.
        let value: String = value.chars().filter(|c| !c.is_control()).collect();
        self.fold(&format!("{name}:{value}"))
    }

    /// A line whose value is text.
    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.fold(&format!("{name}:{}", escape(value)))
    }

    fn fold(&mut self, line: &str) -> &mut Self {
        let mut octets = 0;
        for c in line.chars() {
            // A character is never split: some readers unfold after decoding.
            if octets + c.len_utf8() > LINE_OCTETS_MAX {
                self.0.push_str("\r\n ");
                octets = 1;
            }
            self.0.push(c);
            octets += c.len_utf8();
        }
        self.0.push_str("\r\n");
        self
    }

    /// All lines.
    pub(crate) fn finish(&self) -> String {
        self.0.clone()
    }
}

/// Text as a value.
fn escape(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push('\t'),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// A parameter's value in quotes, which the standard gives no way to hold a quote itself.
pub(crate) fn quoted(value: &str) -> String {
    let inner = value.chars().filter(|c| !c.is_control());
    let inner: String = inner.map(|c| if c == '"' { '\'' } else { c }).collect();
    format!("\"{inner}\"")
}

/// The value of the first line of this name inside the VEVENT, unfolded and as written.
pub(crate) fn find(ics: &str, name: &str) -> Option<String> {
    let unfolded = ics
        .replace("\r\n", "\n")
        .replace("\n ", "")
        .replace("\n\t", "");
    let mut lines = unfolded.lines().map(str::trim_end);
    lines.find(|line| line.eq_ignore_ascii_case("BEGIN:VEVENT"))?;
    lines
        .take_while(|line| !line.eq_ignore_ascii_case("END:VEVENT"))
        .find_map(|line| {
            let (head, value) = line.split_once(':')?;
            let head = head.split(';').next().unwrap_or_default();
            head.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_folded_between_characters() {
        let mut lines = Lines::default();
        lines.text("DESCRIPTION", &"外访张三，".repeat(40));
        let folded = lines.finish();
        assert!(folded.ends_with("\r\n"));
        for line in folded.trim_end().split("\r\n") {
            assert!(
                line.len() <= LINE_OCTETS_MAX,
                "{} octets: {line}",
                line.len()
            );
        }
        let unfolded = folded.replace("\r\n ", "");
        assert_eq!(
            unfolded,
            format!("DESCRIPTION:{}\r\n", "外访张三，".repeat(40))
        );
        // Exactly at the limit there is no fold.
        let mut exact = Lines::default();
        exact.raw("X", &"a".repeat(73));
        assert_eq!(exact.finish().len(), 77);
    }

    #[test]
    fn text_cannot_leave_its_line() {
        let cases = [
            ("a,b;c\\d", "a\\,b\\;c\\\\d"),
            ("a\r\nEND:VEVENT\rb\nc", "a\\nEND:VEVENT\\nb\\nc"),
            ("a\u{0}\u{7f}b\tc", "ab\tc"),
        ];
        for (text, want) in cases {
            assert_eq!(escape(text), want, "{text:?}");
        }
        assert_eq!(quoted("Li \"W\"; x\r\ny"), "\"Li 'W'; xy\"");
        let mut lines = Lines::default();
        lines.raw("UID", "a\r\nb");
        assert_eq!(lines.finish(), "UID:ab\r\n");
    }

    #[test]
    fn a_value_is_found_in_the_event_alone() {
        let ics = "BEGIN:VCALENDAR\r\nUID:no\r\nBEGIN:VEVENT\r\nUID;X=1:key\r\n @d\r\n\
                   STATUS:CANCELLED\r\nEND:VEVENT\r\nLAST:1\r\n";
        assert_eq!(find(ics, "uid").as_deref(), Some("key@d"));
        assert_eq!(find(ics, "STATUS").as_deref(), Some("CANCELLED"));
        assert_eq!(find(ics, "LAST"), None);
        assert_eq!(find("", "UID"), None);
    }
}
