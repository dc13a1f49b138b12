//! What the provider calls back with: its signature, and the table from its words to outcomes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use recoup_channel::wire::{Outcome, RawCallback};
use sha1::Sha1;

/// The provider's form, in its order.
#[derive(Debug)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn read(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The first value of a name; `None` where it is empty, too.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }
}

/// True where the signature of the call-back fits one of the URLs it may have been called by.
pub(crate) fn signature_fits(
    token: &str,
    callback: &RawCallback,
    form: &Form,
    public_base_url: Option<&str>,
) -> bool {
    let header = callback
        .headers
        .iter()
        .find(|h| h.name == "x-twilio-signature");
    let Some(given) = header.and_then(|header| STANDARD.decode(&header.value).ok()) else {
        return false;
    };
    let query = query_of(callback);
    let seen = Some(callback.url.as_str()).filter(|url| !url.is_empty());
    let configured =
        public_base_url.map(|base| format!("{}{}", base.trim_end_matches('/'), callback.path));
    let urls = [configured.as_deref(), seen];
    urls.into_iter().flatten().any(|url| {
        let url = if url.contains('?') {
            url.to_owned()
        } else {
            format!("{url}{query}")
        };
        with_and_without_port(&url)
            .iter()
            .filter_map(|url| signed(token, url, form))
            .any(|mac| mac.verify_slice(&given).is_ok())
    })
}

/// The provider signs a URL with its port or without: its own library tries both, and so do we.
fn with_and_without_port(url: &str) -> [String; 2] {
    let Some((scheme, rest)) = url.split_once("://") else {
        return [url.to_owned(), url.to_owned()];
    };
    let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let standard = if scheme == "https" { "443" } else { "80" };
    // The colons of an IPv6 address stand in brackets.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, standard),
    };
    [
        format!("{scheme}://{host}{rest}"),
        format!("{scheme}://{host}:{port}{rest}"),
    ]
}

/// The query as the channel minted it: its names and values need no escapes, so that reading and
/// writing them gives the same bytes.
fn query_of(callback: &RawCallback) -> String {
    if callback.query.is_empty() {
        return String::new();
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(callback.query.iter().map(|pair| (&pair.name, &pair.value)));
    format!("?{}", query.finish())
}

/// HMAC-SHA1 over the URL and each name and value, sorted by name.
fn signed(token: &str, url: &str, form: &Form) -> Option<Hmac<Sha1>> {
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).ok()?;
    let mut sorted: Vec<_> = form.0.iter().collect();
    sorted.sort();
    // The provider drops repeats of one name and value.
    sorted.dedup();
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    Some(mac)
}

/// What the provider says of a call, in words that `outcome` reads.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress<'a> {
    /// `CallStatus` or `status`.
    pub(crate) status: &'a str,
    /// `AnsweredBy` or `answered_by`.
    pub(crate) answered_by: Option<&'a str>,
    /// `SipResponseCode`.
    pub(crate) sip_code: Option<u16>,
    /// `ErrorCode`.
    pub(crate) error_code: Option<u32>,
}

/// The table from the provider's words to an outcome. `None`: the call is not over.
pub(crate) fn outcome(progress: Progress<'_>) -> Option<Outcome> {
    let by_sip = progress.sip_code.and_then(outcome_of_sip);
    match progress.status {
        "completed" => Some(outcome_of_answer(progress.answered_by)),
        // A refusal is `busy` at this provider; the SIP code tells them apart.
        "busy" if by_sip == Some(Outcome::Declined) => by_sip,
        "busy" => Some(Outcome::Busy),
        "no-answer" => Some(Outcome::NoAnswer),
        "canceled" => Some(Outcome::Cancelled),
        "failed" => {
            let by_error = progress.error_code.and_then(outcome_of_error);
            Some(by_error.or(by_sip).unwrap_or(Outcome::Undelivered))
        }
        _ => None,
    }
}

fn outcome_of_answer(answered_by: Option<&str>) -> Outcome {
    match answered_by {
        Some(by) if by.starts_with("machine") => Outcome::Voicemail,
        Some("fax") => Outcome::UnableToLeaveMessage,
        // Also a person: who it was, only the digit says.
        _ => Outcome::AnsweredUnconfirmed,
    }
}

fn outcome_of_sip(code: u16) -> Option<Outcome> {
    match code {
        404 | 410 | 604 => Some(Outcome::NotInService),
        484 => Some(Outcome::InvalidAddress),
        408 | 480 => Some(Outcome::NoAnswer),
        486 | 600 => Some(Outcome::Busy),
        603 | 607 => Some(Outcome::Declined),
        _ => None,
    }
}

fn outcome_of_error(code: u32) -> Option<Outcome> {
    match code {
        // 21211: invalid `To`; 13224: invalid phone number; 21217: no valid number.
        13224 | 21211 | 21217 => Some(Outcome::InvalidAddress),
        // 32009: the user that was dialled is not registered.
        32009 => Some(Outcome::NotInService),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use recoup_channel::wire::Pair;

    #[test]
    fn a_url_is_tried_with_its_port_and_without() {
        let cases = [
            (
                "https://h/p?a=:1",
                "https://h/p?a=:1",
                "https://h:443/p?a=:1",
            ),
            ("http://h", "http://h", "http://h:80"),
            ("https://h:8443/p", "https://h/p", "https://h:8443/p"),
            (
                "https://[::1]:8443/p",
                "https://[::1]/p",
                "https://[::1]:8443/p",
            ),
            ("https://[::1]/p", "https://[::1]/p", "https://[::1]:443/p"),
            ("/p", "/p", "/p"),
        ];
        for (url, without, with) in cases {
            assert_eq!(with_and_without_port(url), [without, with], "{url}");
        }
    }

    #[test]
    fn every_word_of_the_provider_has_its_outcome() {
        use Outcome as O;
        let cases = [
            ("completed", None, None, None, Some(O::AnsweredUnconfirmed)),
            (
                "completed",
                Some("human"),
                Some(200),
                None,
                Some(O::AnsweredUnconfirmed),
            ),
            (
                "completed",
                Some("unknown"),
                None,
                None,
                Some(O::AnsweredUnconfirmed),
            ),
            (
                "completed",
                Some("machine_start"),
                None,
                None,
                Some(O::Voicemail),
            ),
            (
                "completed",
                Some("machine_end_beep"),
                None,
                None,
                Some(O::Voicemail),
            ),
            (
                "completed",
                Some("fax"),
                None,
                None,
                Some(O::UnableToLeaveMessage),
            ),
            ("busy", None, None, None, Some(O::Busy)),
            ("busy", None, Some(486), None, Some(O::Busy)),
            ("busy", None, Some(603), None, Some(O::Declined)),
            ("no-answer", None, Some(480), None, Some(O::NoAnswer)),
            ("canceled", None, Some(487), None, Some(O::Cancelled)),
            ("failed", None, Some(404), None, Some(O::NotInService)),
            ("failed", None, Some(484), None, Some(O::InvalidAddress)),
            ("failed", None, Some(503), None, Some(O::Undelivered)),
            (
                "failed",
                None,
                Some(404),
                Some(21211),
                Some(O::InvalidAddress),
            ),
            ("failed", None, None, None, Some(O::Undelivered)),
            ("queued", None, None, None, None),
            ("ringing", None, None, None, None),
            ("in-progress", Some("human"), None, None, None),
            ("", None, None, None, None),
        ];
        for (status, answered_by, sip_code, error_code, want) in cases {
            let progress = Progress {
                status,
                answered_by,
                sip_code,
                error_code,
            };
            assert_eq!(outcome(progress), want, "{progress:?}");
        }
    }

    /// The example in the provider's documentation of its request validation.
    fn documented() -> (Form, RawCallback) {
        let body = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&\
                    From=%2B14158675309&To=%2B18005551212";
        let pair = |name: &str, value: &str| Pair {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let callback = RawCallback {
            path: "/myapp.php".to_owned(),
            query: vec![pair("foo", "1"), pair("bar", "2")],
            headers: vec![pair("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=")],
            url: "https://mycompany.com/myapp.php".to_owned(),
            ..RawCallback::default()
        };
        (Form::read(body.as_bytes()), callback)
    }

    #[test]
    fn the_documented_signature_fits_and_others_do_not() {
        let (form, good) = documented();
        assert!(signature_fits("12345", &good, &form, None));
        assert!(!signature_fits("12346", &good, &form, None));
        let behind_proxy = RawCallback {
            url: "http://10.0.0.1/x".to_owned(),
            ..good.clone()
        };
        assert!(!signature_fits("12345", &behind_proxy, &form, None));
        let public = Some("https://mycompany.com/");
        assert!(signature_fits("12345", &behind_proxy, &form, public));
        let unsigned = RawCallback {
            headers: Vec::new(),
            ..good.clone()
        };
        assert!(!signature_fits("12345", &unsigned, &form, None));
        let moved = RawCallback {
            query: Vec::new(),
            ..good
        };
        assert!(!signature_fits("12345", &moved, &form, None));
    }
}
