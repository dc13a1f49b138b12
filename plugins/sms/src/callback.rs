//! What the gateway calls back with: delivery reports and people's answers.
//!
//! An answer's text comes as the body (Kannel's `post-url`), which says its charset: a text beyond
//! GSM-7 is UTF-16, and in a query (`get-url`) its bytes do not survive.

use std::collections::BTreeMap;

use recoup_channel::ChannelError;
use recoup_channel::wire::inbound::What;
use recoup_channel::wire::{Inbound, Inbounds, Outcome, OutcomeReport, RawCallback, Reply};

/// Reads a call-back: one with `st` is a delivery report, one with `from` and `to` an answer.
///
/// The answer to the gateway stays empty: Kannel would send a body to the person.
pub(crate) fn read(callback: &RawCallback) -> Result<Inbounds, ChannelError> {
    let fields = fields_of(callback);
    let field = |name: &str| {
        fields
            .get(name)
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    };
    let at_unix_ms = field("t")
        .and_then(|seconds| seconds.parse::<i64>().ok())
        .and_then(|seconds| seconds.checked_mul(1000))
        .unwrap_or(callback.received_at_unix_ms);
    if let Some(state) = field("st") {
        return report(callback, state, at_unix_ms);
    }
    let (Some(from), Some(to)) = (field("from"), field("to")) else {
        return Err(ChannelError::permanent(
            "a call-back with neither `st` (a delivery report) nor `from` and `to` (an answer); \
             check `post-url` of the gateway's sms-service",
        ));
    };
    let text = match posted_text(callback)? {
        Some(text) => text,
        None => fields.get("text").cloned().unwrap_or_default(),
    };
    if text.contains(['\u{fffd}', '\0']) {
        return Err(unreadable());
    }
    let reply = Reply {
        from: from.to_owned(),
        to: to.to_owned(),
        text,
        at_unix_ms,
        provider_ref: field("id").unwrap_or_default().to_owned(),
        ..Reply::default()
    };
    Ok(vec![Inbound {
        what: Some(What::Reply(reply)),
    }]
    .into())
}

fn report(callback: &RawCallback, state: &str, at_unix_ms: i64) -> Result<Inbounds, ChannelError> {
    let outcome = match state {
        "1" => Outcome::Delivered,
        "2" | "16" => Outcome::Undelivered,
        // Buffered, or taken by the message centre: on the way, nothing to tell.
        "4" | "8" => return Ok(Inbounds::default()),
        other => {
            return Err(ChannelError::permanent(format!(
                "a delivery report with the state `{other}`, which is none of 1, 2, 4, 8 and 16"
            )));
        }
    };
    if callback.contact_id.is_empty() {
        return Err(ChannelError::permanent(
            "a delivery report at an account's URL: it names no contact; reports go to the URL \
             that each text carries",
        ));
    }
    let report = OutcomeReport {
        contact_id: callback.contact_id.clone(),
        outcome: outcome.into(),
        at_unix_ms,
        detail: format!("gateway state {state}"),
        r#final: true,
        ..OutcomeReport::default()
    };
    Ok(vec![Inbound {
        what: Some(What::Report(report)),
    }]
    .into())
}

/// The body as the text of an answer; `None` where it is no text.
fn posted_text(callback: &RawCallback) -> Result<Option<String>, ChannelError> {
    let media_type = callback.headers.iter().find(|h| h.name == "content-type");
    let media_type = media_type.map_or(String::new(), |h| h.value.to_ascii_lowercase());
    if !media_type.starts_with("text/plain") {
        return Ok(None);
    }
    let charset = media_type
        .split(';')
        .find_map(|part| part.trim().strip_prefix("charset="))
        .map_or("utf-8", |name| name.trim_matches('"'));
    let body = &callback.body;
    let text = match charset {
        "utf-8" | "us-ascii" => String::from_utf8(body.clone()).ok(),
        "utf-16be" | "utf-16" | "ucs-2" => utf16_be(body),
        "iso-8859-1" => Some(body.iter().copied().map(char::from).collect()),
        _ => None,
    };
    text.map(Some).ok_or_else(unreadable)
}

fn utf16_be(bytes: &[u8]) -> Option<String> {
    let units = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => Some(u16::from_be_bytes([high, low])),
        _ => None,
    });
    String::from_utf16(&units.collect::<Option<Vec<u16>>>()?).ok()
}

/// Half a text could hide a refusal to be contacted, so none is better.
fn unreadable() -> ChannelError {
    ChannelError::permanent(
        "an answer whose text cannot be read in the charset that the gateway names; let its \
         sms-service post answers with `post-url`, which keeps the bytes",
    )
}

/// Query and, for a posted form, the body. The first of a name counts.
fn fields_of(callback: &RawCallback) -> BTreeMap<String, String> {
    let is_form = callback.headers.iter().any(|header| {
        header.name == "content-type" && header.value.starts_with("application/x-www-form")
    });
    let body = if is_form {
        callback.body.as_slice()
    } else {
        &[]
    };
    let query = callback
        .query
        .iter()
        .map(|pair| (pair.name.clone(), pair.value.clone()));
    let form = form_urlencoded::parse(body).into_owned();
    let mut fields = BTreeMap::new();
    for (name, value) in query.chain(form) {
        fields.entry(name).or_insert(value);
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use recoup_channel::wire::Pair;

    fn callback(query: &[(&str, &str)]) -> RawCallback {
        let pair = |(name, value): &(&str, &str)| Pair {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        };
        RawCallback {
            method: "GET".into(),
            query: query.iter().map(pair).collect(),
            contact_id: "c1".into(),
            received_at_unix_ms: 5,
            ..RawCallback::default()
        }
    }

    #[track_caller]
    fn check_state(state: &str, wanted: Option<Outcome>) {
        let read = read(&callback(&[("st", state)])).expect("a known state");
        let found = read.items.into_iter().next().map(|item| match item.what {
            Some(What::Report(report)) => {
                assert!(report.r#final && report.contact_id == "c1" && report.at_unix_ms == 5);
                report.outcome()
            }
            other => panic!("not a report: {other:?}"),
        });
        assert_eq!(found, wanted, "state {state}");
    }

    #[test]
    fn each_state_means_what_kannel_says() {
        check_state("1", Some(Outcome::Delivered));
        check_state("2", Some(Outcome::Undelivered));
        check_state("16", Some(Outcome::Undelivered));
        check_state("4", None);
        check_state("8", None);
        assert!(read(&callback(&[("st", "3")])).is_err());
        assert!(read(&callback(&[("st", "")])).is_err());
    }

    #[test]
    fn an_answer_keeps_its_text_and_the_gateways_time() {
        let query = [
            ("from", "+8613800000001"),
            ("to", "10690"),
            ("text", "退订"),
            ("t", "7"),
        ];
        let read = read(&callback(&query)).expect("an answer");
        assert!(read.answer.is_empty(), "Kannel would send it to the person");
        let Some(What::Reply(reply)) = &read.items[0].what else {
            panic!("not a reply")
        };
        assert_eq!(
            (reply.from.as_str(), reply.to.as_str()),
            ("+8613800000001", "10690")
        );
        assert_eq!((reply.text.as_str(), reply.at_unix_ms), ("退订", 7000));
    }

    #[track_caller]
    fn check_posted(content_type: &str, body: &[u8], wanted: Option<&str>) {
        let mut posted = callback(&[("from", "+861"), ("to", "1")]);
        posted.headers = vec![Pair {
            name: "content-type".into(),
            value: content_type.into(),
        }];
        posted.body = body.to_vec();
        let text = match read(&posted) {
            Ok(read) => match read.items.into_iter().next().and_then(|item| item.what) {
                Some(What::Reply(reply)) => Some(reply.text),
                other => panic!("not a reply: {other:?}"),
            },
            Err(error) => {
                assert!(error.message().contains("post-url"), "{error}");
                None
            }
        };
        assert_eq!(text.as_deref(), wanted, "{content_type}");
    }

    #[test]
    fn a_posted_text_is_read_in_its_charset_or_not_at_all() {
        let utf16 = [0x90, 0x00, 0x8b, 0xa2];
        check_posted("text/plain; charset=\"UTF-16BE\"", &utf16, Some("退订"));
        check_posted("text/plain; charset=UTF-16BE", &utf16[..3], None);
        check_posted("text/plain; charset=UTF-16BE", &[0xd8, 0x3d], None);
        check_posted("text/plain; charset=UTF-8", "退订".as_bytes(), Some("退订"));
        check_posted("text/plain", b"STOP", Some("STOP"));
        check_posted("text/plain", &utf16, None);
        check_posted("text/plain; charset=ISO-8859-1", &[0xe9], Some("é"));
        check_posted("text/plain; charset=8-BIT", b"x", None);
    }

    #[test]
    fn a_text_whose_bytes_a_query_has_lost_is_no_answer() {
        // What is left of 退订 in UTF-16 after a query was read as UTF-8.
        let query = [
            ("from", "+861"),
            ("to", "1"),
            ("text", "\u{fffd}\0\u{fffd}\u{fffd}"),
        ];
        assert!(read(&callback(&query)).is_err());
    }

    #[test]
    fn a_posted_form_is_read_and_a_report_needs_its_contact() {
        let mut posted = callback(&[]);
        posted.method = "POST".into();
        posted.headers = vec![Pair {
            name: "content-type".into(),
            value: "application/x-www-form-urlencoded".into(),
        }];
        posted.body = b"from=%2B861&to=1&text=STOP+now".to_vec();
        let Some(What::Reply(reply)) = &read(&posted).expect("an answer").items[0].what else {
            panic!("not a reply")
        };
        assert_eq!(reply.text, "STOP now");
        let mut unnamed = callback(&[("st", "1")]);
        unnamed.contact_id.clear();
        assert!(read(&unnamed).is_err());
    }
}
