//! The provider's requests and answers, in the shape of Twilio's Calls.

use std::time::Duration;

use recoup_channel::ChannelError;
use serde::Deserialize;

use crate::config::Config;
use crate::report::Progress;

/// A call as the provider shows it.
#[derive(Debug, Deserialize)]
pub(crate) struct Shown {
    pub(crate) sid: String,
    #[serde(default)]
    status: String,
    answered_by: Option<String>,
}

impl Shown {
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let shown: Self = serde_json::from_slice(body).ok()?;
        (!shown.sid.is_empty()).then_some(shown)
    }

    pub(crate) fn progress(&self) -> Progress<'_> {
        Progress {
            status: &self.status,
            answered_by: self.answered_by.as_deref(),
            ..Progress::default()
        }
    }

    pub(crate) fn status(&self) -> &str {
        &self.status
    }
}

/// An error as the provider words it.
#[derive(Debug, Deserialize)]
struct Fault {
    code: u32,
    #[serde(default)]
    message: String,
}

/// The form of a new call.
pub(crate) fn create_form(config: &Config, to: &str, twiml: &str, callback_url: &str) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("To", to)
        .append_pair("From", &config.from)
        .append_pair("Twiml", twiml)
        .append_pair("Timeout", &config.ring_timeout().as_secs().to_string());
    if config.detect_machine {
        form.append_pair("MachineDetection", "Enable");
    }
    if !callback_url.is_empty() {
        form.append_pair("StatusCallback", callback_url)
            .append_pair("StatusCallbackMethod", "POST")
            .append_pair("StatusCallbackEvent", "completed");
    }
    form.finish()
}

/// What an answer other than 2xx to a new call proves. An answer without the provider's own error
/// code may come from anything on the way, so it proves nothing.
pub(crate) fn refused(status: u16, retry_after: Option<Duration>, body: &[u8]) -> ChannelError {
    let fault: Option<Fault> = serde_json::from_slice(body).ok();
    let Some(fault) = fault.filter(|_| (400..500).contains(&status)) else {
        return match status {
            429 => ChannelError::rate_limited("the provider answered 429", retry_after),
            401 => ChannelError::auth(
                "the provider answered 401: check `account_sid` and the secret of \
                 `auth_token_secret`",
            ),
            _ => ChannelError::unknown(format!(
                "the provider answered {status} without an error code"
            )),
        };
    };
    let said = format!(
        "the provider answered {status}, code {}: {}",
        fault.code,
        without_numbers(&fault.message)
    );
    match (status, fault.code) {
        (429, _) | (_, 20429) => ChannelError::rate_limited(said, retry_after),
        (401 | 403, _) | (_, 20003) => ChannelError::auth(format!(
            "{said}; check `account_sid` and the secret of `auth_token_secret`"
        )),
        // The provider's own blocks: unsubscribed, blocked by law or list.
        (_, 21610 | 13225 | 21216) => ChannelError::rejected(said),
        // The number cannot be called.
        (_, 13223 | 13224 | 21211 | 21214 | 21217) => {
            ChannelError::rejected(format!("invalid_address: {said}"))
        }
        (408 | 409 | 425, _) => ChannelError::unknown(said),
        _ => ChannelError::permanent(said),
    }
}

/// The provider likes to repeat phone numbers, and errors end in logs.
fn without_numbers(text: &str) -> String {
    let is_number = |word: &&str| word.bytes().filter(u8::is_ascii_digit).count() >= 7;
    let words = text.split_whitespace();
    let words = words.map(|word| {
        Some(word)
            .filter(|word| !is_number(word))
            .unwrap_or("(number)")
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(code: u32) -> Vec<u8> {
        format!(r#"{{"code": {code}, "message": "m", "status": 400}}"#).into_bytes()
    }

    #[test]
    fn only_a_coded_answer_proves_anything() {
        let cases: [(u16, Vec<u8>, &str); 12] = [
            (400, fault(21211), "rejected"),
            (400, fault(21610), "rejected"),
            (400, fault(21205), "permanent"),
            (404, fault(20404), "permanent"),
            (401, fault(20003), "auth"),
            (401, Vec::new(), "auth"),
            (429, fault(20429), "rate_limited"),
            (429, Vec::new(), "rate_limited"),
            (409, fault(1), "unknown"),
            (400, b"<html>".to_vec(), "unknown"),
            (500, fault(20500), "unknown"),
            (302, Vec::new(), "unknown"),
        ];
        for (status, body, want) in cases {
            let got = refused(status, None, &body);
            assert_eq!(got.kind(), want, "{status} {got}");
        }
        let invalid = refused(400, None, &fault(21211));
        assert!(
            invalid.message().starts_with("invalid_address"),
            "{invalid}"
        );
    }

    #[test]
    fn numbers_do_not_reach_the_logs() {
        let said = without_numbers("The 'To' number +8613800000001, is not valid (code 21211).");
        assert_eq!(said, "The 'To' number (number) is not valid (code 21211).");
    }

    #[test]
    fn a_call_is_read_or_not() {
        let body = br#"{"sid": "CA1", "status": "completed", "answered_by": "human"}"#;
        let shown = Shown::read(body).expect("a call");
        assert_eq!((shown.sid.as_str(), shown.status()), ("CA1", "completed"));
        assert_eq!(shown.progress().answered_by, Some("human"));
        for bad in [&b"{}"[..], b"", b"[]", br#"{"sid": ""}"#, br#"{"sid": 3}"#] {
            assert!(Shown::read(bad).is_none(), "{bad:?}");
        }
    }
}
