//! The SMS gateway, in the shape of Kannel's `sendsms`.

use std::sync::Arc;

use crate::callback::{self, Callback};
use crate::http::{self, Answer, Params, Reply as HttpReply, Request};
use crate::hub::{Draft, Hub, Ticket, Verdict, World};
use crate::log::{Lost, Op};
use crate::misbehave::CallbackFaults;
use crate::options::{Channel, Outcome};
use crate::persona;
use crate::schedule::Due;
use crate::time;

/// How long a text takes to the handset.
const DELIVERY_SPAN_US: (i64, i64) = (30_000_000, 90_000_000);
/// How long a person takes to write back.
const REPLY_SPAN_US: (i64, i64) = (60_000_000, 900_000_000);

/// Bits of dlr-mask, and values of `%d`.
const DLR_DELIVERED: u32 = 1;
const DLR_FAILED: u32 = 2;
const DLR_SMSC_ACK: u32 = 8;
const DLR_SMSC_REJECT: u32 = 16;

/// A text on its way to the handset.
#[derive(Debug)]
pub(crate) struct Delivery {
    to: String,
    from: String,
    key: Option<String>,
    ordinal: u64,
    outcome: Outcome,
    /// The wanted states and where to report them.
    dlr: Option<(u32, String)>,
    faults: CallbackFaults,
}

/// A text that a person writes back.
#[derive(Debug)]
pub(crate) struct Reply {
    from: String,
    to: String,
    text: &'static str,
}

/// Serves `GET|POST /cgi-bin/sendsms`.
pub(crate) async fn handle(hub: Arc<Hub>, request: Request) -> Answer {
    hub.time.known().await;
    if request.path() != "/cgi-bin/sendsms" {
        return http::text(404, "there is /cgi-bin/sendsms only").into();
    }
    let params = Params::of(&request);
    let dest = params.get("to").unwrap_or_default();
    let draft = Draft {
        channel: Channel::Sms,
        op: Op::Send,
        key: params.get("binfo"),
        payload_sha256: request.payload_sha256(),
        text: params.bytes("text").map(|text| decode(text, &params)),
        window_us: None,
        reject: 400,
        dest,
    };
    let received = hub.receive(draft, |world, ticket| submit(&hub, world, ticket, &params));
    received
        .http(|reply| reply, || http::text(400, "Receiver is not allowed"))
        .await
}

/// The text as a person would read it.
fn decode(text: &[u8], params: &Params) -> String {
    let charset = params
        .get("charset")
        .unwrap_or_default()
        .to_ascii_uppercase();
    if params.get("coding").as_deref() == Some("1") {
        return crate::hub::hex(text);
    }
    match charset.as_str() {
        "UTF-16BE" | "UCS-2" => {
            let units: Vec<u16> = text
                .chunks(2)
                .map(|c| c.iter().fold(0, |n, b| n << 8 | u16::from(*b)))
                .collect();
            String::from_utf16_lossy(&units)
        }
        "ISO-8859-1" | "LATIN1" => text.iter().map(|byte| char::from(*byte)).collect(),
        _ => String::from_utf8_lossy(text).into_owned(),
    }
}

fn submit(hub: &Hub, world: &mut World, ticket: &Ticket, params: &Params) -> Verdict<HttpReply> {
    let refuse = |status, text| Verdict::without_effect(status, http::text(status, text));
    let options = &hub.options;
    let user = params
        .get("username")
        .is_some_and(|user| user == options.sms_username);
    let password = params
        .get("password")
        .is_some_and(|given| given == options.sms_password);
    if !(user && password) {
        return refuse(403, "Authorization failed for sendsms");
    }
    let (Some(to), Some(from)) = (params.get("to"), params.get("from")) else {
        return refuse(400, "Missing receiver and/or sender, rejected");
    };
    if params.bytes("text").is_none() {
        return refuse(400, "Missing text, rejected");
    }
    let Ok(validity_min) = params.get("validity").map(|v| v.parse::<u32>()).transpose() else {
        return refuse(400, "validity is no number of minutes, rejected");
    };
    let Ok(mask) = params.get("dlr-mask").map(|v| v.parse::<u32>()).transpose() else {
        return refuse(400, "dlr-mask is no number, rejected");
    };
    let at_us = hub.later_us("sms", &to, ticket.ordinal, ticket.now_us, DELIVERY_SPAN_US);
    let expired =
        validity_min.is_some_and(|min| at_us > ticket.now_us + i64::from(min) * 60_000_000);
    let outcome = match hub.outcome(Channel::Sms, &to, ticket.ordinal) {
        Outcome::Delivered if expired => Outcome::Undelivered,
        outcome => outcome,
    };
    let delivery = Delivery {
        key: params.get("binfo"),
        ordinal: ticket.ordinal,
        outcome,
        dlr: mask.zip(params.get("dlr-url")),
        faults: ticket.plan.callbacks,
        to,
        from,
    };
    world.schedule.at(at_us, Due::Sms(Box::new(delivery)));
    Verdict::accepted(202, outcome, http::text(202, "0: Accepted for delivery"))
}

/// The text reaches the handset, or does not: the log first, then the receipts, then the person.
pub(crate) async fn deliver(hub: &Arc<Hub>, d: Delivery, at_us: i64) -> Result<(), Lost> {
    hub.log_outcome(Channel::Sms, &d.to, d.key.as_deref(), d.outcome, at_us)
        .wait()
        .await?;
    if d.outcome == Outcome::Delivered
        && let Some(text) = persona::reply(hub.options.seed, &d.to, d.ordinal)
    {
        let reply_us = hub.later_us("reply", &d.to, d.ordinal, at_us, REPLY_SPAN_US);
        let reply = Reply {
            from: d.to.clone(),
            to: d.from.clone(),
            text,
        };
        hub.world().schedule.at(reply_us, Due::Reply(reply));
    }
    callback::send_all(hub, receipts(hub, &d, at_us), d.faults).await;
    Ok(())
}

fn receipts(hub: &Hub, d: &Delivery, at_us: i64) -> Vec<Callback> {
    let Some((mask, url)) = &d.dlr else {
        return Vec::new();
    };
    let last = match d.outcome {
        Outcome::Delivered => DLR_DELIVERED,
        Outcome::NotInService | Outcome::InvalidAddress | Outcome::WrongNumber => DLR_SMSC_REJECT,
        _ => DLR_FAILED,
    };
    // Some networks say that the message centre has it before they say what became of it.
    let ack =
        persona::hash(hub.options.seed, &["ack", &d.to, &d.ordinal.to_string()]).is_multiple_of(2);
    let states = [
        (ack && last != DLR_SMSC_REJECT).then_some(DLR_SMSC_ACK),
        Some(last),
    ];
    let wanted = states
        .into_iter()
        .flatten()
        .filter(|state| mask & state != 0);
    wanted
        .map(|state| Callback::get(fill(url, d, state, at_us)))
        .collect()
}

/// Fills Kannel's escapes. An escape that is not known stays as it is: `%E4` may be a character.
fn fill(url: &str, d: &Delivery, state: u32, at_us: i64) -> String {
    let mut filled = String::with_capacity(url.len());
    let mut rest = url;
    while let Some(at) = rest.find('%') {
        filled.push_str(&rest[..at]);
        let escape = rest[at + 1..].chars().next();
        let value = match escape {
            Some('d') if !is_hex_pair(rest, at) => Some(state.to_string()),
            Some('p') => Some(http::encode(&d.to)),
            Some('P') => Some(http::encode(&d.from)),
            Some('t') => Some(http::encode(&time::format_us(at_us, "%Y-%m-%d %H:%M:%S"))),
            Some('T') => Some((at_us / 1_000_000).to_string()),
            _ => None,
        };
        filled.push_str(value.as_deref().unwrap_or("%"));
        rest = &rest[at + 1 + usize::from(value.is_some())..];
    }
    filled + rest
}

/// `%d` is the status, and `%d0` to `%df` a percent-encoded byte: then two hex digits stand there.
fn is_hex_pair(text: &str, at: usize) -> bool {
    text.as_bytes()
        .get(at + 2)
        .is_some_and(u8::is_ascii_hexdigit)
}

/// A person writes back, where somebody listens.
pub(crate) async fn write_back(hub: &Arc<Hub>, reply: Reply, at_us: i64) -> Result<(), Lost> {
    let Some(url) = hub.world().mo_url.clone() else {
        return Ok(());
    };
    hub.log_reply(&reply.from, reply.text, at_us).wait().await?;
    let joint = if url.contains('?') { '&' } else { '?' };
    let query: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("from", &reply.from)
        .append_pair("to", &reply.to)
        .append_pair("text", reply.text)
        .finish();
    let callback = Callback::get(format!("{url}{joint}{query}"));
    callback::send_all(hub, vec![callback], CallbackFaults::default()).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_filled() {
        let d = Delivery {
            to: "+861".into(),
            from: "106 90".into(),
            key: None,
            ordinal: 0,
            outcome: Outcome::Delivered,
            dlr: None,
            faults: CallbackFaults::default(),
        };
        let cases = [
            ("http://h/x?st=%d", "http://h/x?st=8"),
            ("http://h/%d?p=%p&P=%P", "http://h/8?p=%2B861&P=106+90"),
            (
                "http://h/?t=%t&T=%T",
                "http://h/?t=1970-01-01+00%3A00%3A01&T=1",
            ),
            ("http://h/?q=%E4%BD%A0&d=%d", "http://h/?q=%E4%BD%A0&d=8"),
            ("http://h/%", "http://h/%"),
        ];
        for (url, want) in cases {
            assert_eq!(fill(url, &d, 8, 1_000_000), want);
        }
    }

    #[test]
    fn text_is_decoded_by_its_charset() {
        let cases = [
            ("text=%E4%BD%A0+a", "你 a"),
            ("text=%4F%60&charset=UTF-16BE&coding=2", "你"),
            ("text=%E4&charset=ISO-8859-1", "ä"),
            ("text=%01%FF&coding=1", "01ff"),
        ];
        for (query, want) in cases {
            let params = Params::parse(query);
            assert_eq!(
                decode(params.bytes("text").expect("text"), &params),
                want,
                "{query}"
            );
        }
    }
}
