//! What the gateway calls back with: delivery reports and people's answers.

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
             check `get-url` of the gateway's sms-service",
        ));
    };
    let reply = Reply {
        from: from.to_owned(),
        to: to.to_owned(),
        text: fields.get("text").cloned().unwrap_or_default(),
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
