//! As much of a call script as the sandbox needs: what is said, and where a digit goes.

/// The words that the person hears.
pub(crate) fn spoken(script: &str) -> String {
    let mut words = Vec::new();
    let mut rest = script;
    while let Some((before, after)) = rest.split_once('<') {
        words.extend(before.split_whitespace());
        let Some((_, after)) = after.split_once('>') else {
            return join(&words);
        };
        rest = after;
    }
    words.extend(rest.split_whitespace());
    join(&words)
}

fn join(words: &[&str]) -> String {
    unescape(&words.join(" "))
}

/// The action of the first `<Gather>`, if it has one.
pub(crate) fn gather_action(script: &str) -> Option<String> {
    let (_, tag) = script.split_once("<Gather")?;
    let (tag, _) = tag.split_once('>')?;
    let (_, value) = tag.split_once(" action=")?;
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (action, _) = value[1..].split_once(quote)?;
    Some(unescape(action)).filter(|action| !action.is_empty())
}

fn unescape(text: &str) -> String {
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
    ];
    let named = entities
        .iter()
        .fold(text.to_owned(), |t, (from, to)| t.replace(from, to));
    // Last, or `&amp;lt;` would be unescaped twice.
    named.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_is_read() {
        let cases = [
            (
                "<Response><Say>Hello, A &amp; B</Say></Response>",
                "Hello, A & B",
                None,
            ),
            (
                "<Response><Gather numDigits=\"1\" action=\"http://h/x?a=1&amp;b=2\"><Say>您好</Say>\n<Say>按1</Say></Gather></Response>",
                "您好 按1",
                Some("http://h/x?a=1&b=2"),
            ),
            ("<Gather action='http://h'/>", "", Some("http://h")),
            ("<Gather action=", "", None),
            ("<Gather action=\"x", "", None),
            ("a < b", "a", None),
        ];
        for (script, words, action) in cases {
            assert_eq!(spoken(script), words, "{script}");
            assert_eq!(gather_action(script).as_deref(), action, "{script}");
        }
    }
}
