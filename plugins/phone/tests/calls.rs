//! The phone channel through its trait, against a loopback provider.

#[path = "../../shared/peer.rs"]
mod peer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use peer::{NOW_UNIX_MS, Peer, Seen, TestHost, Then};
use recoup_channel::wire::send_request::Content;
use recoup_channel::wire::{
    CancelKind, CancelRequest, DebtorMessage, Destination, Inbounds, Outcome, OutcomeReport, Pair,
    RawCallback, SendRequest, StatusKind, StatusRequest, ThirdPartyMessage, destination, inbound,
};
use recoup_channel::{Channel, ChannelError, ChannelFactory};
use recoup_phone::PhoneChannel;
use sha1::Sha1;

const TOKEN: &str = "account-token";
const CALLBACK: &str = "http://127.0.0.1:7001/cb/abc";
const DEBT: &str = "您在我司有一笔借款 <已逾期> & 请联系";

fn host() -> Arc<TestHost> {
    TestHost::new(&[("voice", TOKEN)])
}

fn channel(host: &Arc<TestHost>, base_url: &str) -> PhoneChannel {
    let config = format!(
        r#"{{"base_url": "{base_url}", "account_sid": "AC1", "auth_token_secret": "voice",
            "from": "+861012345678", "ring_timeout_s": 25}}"#
    );
    PhoneChannel::create(&config, host.host()).expect("a valid configuration")
}

fn to_debtor() -> SendRequest {
    SendRequest {
        contact_id: "c-1".to_owned(),
        idempotency_key: "key-1".to_owned(),
        locale: "zh-Hans-CN".to_owned(),
        destination: Some(Destination {
            to: Some(destination::To::E164("+8613800000001".to_owned())),
            display_name: "张三".to_owned(),
        }),
        content: Some(Content::Debtor(DebtorMessage {
            body: DEBT.to_owned(),
            ..DebtorMessage::default()
        })),
        callback_url: CALLBACK.to_owned(),
        ..SendRequest::default()
    }
}

fn form(seen: &Seen) -> BTreeMap<String, String> {
    form_urlencoded::parse(&seen.body).into_owned().collect()
}

fn created() -> Then {
    Then::json(201, r#"{"sid": "CA77", "status": "queued"}"#)
}

async fn send(then: Vec<Then>, request: SendRequest) -> (Peer, Result<String, ChannelError>) {
    let host = host();
    let peer = Peer::start(then).await;
    let channel = channel(&host, &peer.url);
    let (call, began) = host.call(&request.idempotency_key);
    let receipt = Channel::send(&channel, &call, request).await;
    assert_eq!(began.load(Ordering::SeqCst), peer.seen().len() as u64);
    (peer, receipt.map(|receipt| receipt.provider_ref))
}

#[tokio::test]
async fn a_call_to_the_debtor_asks_first_and_tells_nobody() {
    let (peer, sid) = send(vec![created()], to_debtor()).await;
    assert_eq!(sid.expect("taken"), "CA77");
    let seen = peer.only();
    assert_eq!(seen.line, "POST /2010-04-01/Accounts/AC1/Calls.json");
    assert_eq!(seen.headers["idempotency-key"], "key-1");
    let basic = STANDARD.encode(format!("AC1:{TOKEN}"));
    assert_eq!(seen.headers["authorization"], format!("Basic {basic}"));
    let form = form(&seen);
    assert_eq!(form["To"], "+8613800000001");
    assert_eq!(form["From"], "+861012345678");
    assert_eq!(form["StatusCallback"], CALLBACK);
    assert_eq!(form["StatusCallbackEvent"], "completed");
    assert_eq!(form["MachineDetection"], "Enable");
    assert_eq!(form["Timeout"], "25");
    let twiml = &form["Twiml"];
    assert!(
        twiml.contains("请问是张三吗") && twiml.contains("numDigits=\"1\""),
        "{twiml}"
    );
    let body = String::from_utf8_lossy(&seen.body);
    assert!(
        !body.contains("借款") && !twiml.contains("借款"),
        "the debt is said too early"
    );
    assert!(
        !body.contains("%E5%80%9F%E6%AC%BE"),
        "the debt is said too early"
    );
}

#[tokio::test]
async fn a_third_party_hears_its_own_text_alone() {
    let text = "请转告张三回电。";
    let content = Content::ThirdParty(ThirdPartyMessage {
        body: text.to_owned(),
        ..ThirdPartyMessage::default()
    });
    let request = SendRequest {
        content: Some(content),
        ..to_debtor()
    };
    let (peer, sid) = send(vec![created()], request).await;
    sid.expect("taken");
    let twiml = form(&peer.only())["Twiml"].clone();
    assert!(twiml.contains(text) && !twiml.contains("Gather"), "{twiml}");
}

#[tokio::test]
async fn what_is_not_proven_is_unknown() {
    let cases = [
        (Then::Cut, "unknown"),
        (Then::Garbage, "unknown"),
        (
            Then::json(503, r#"{"code": 20503, "message": "m"}"#),
            "unknown",
        ),
        (Then::json(201, "not json"), "unknown"),
        (Then::json(201, r#"{"status": "queued"}"#), "unknown"),
        (
            Then::json(400, r#"{"code": 21211, "message": "m"}"#),
            "rejected",
        ),
        (
            Then::json(400, r#"{"code": 21205, "message": "m"}"#),
            "permanent",
        ),
        (
            Then::json(401, r#"{"code": 20003, "message": "m"}"#),
            "auth",
        ),
        (
            Then::json(429, r#"{"code": 20429, "message": "m"}"#),
            "rate_limited",
        ),
    ];
    for (then, want) in cases {
        let (peer, got) = send(vec![then.clone()], to_debtor()).await;
        let got = got.expect_err("not taken");
        assert_eq!(got.kind(), want, "{then:?}: {got}");
        assert_eq!(peer.seen().len(), 1, "never sent again: {then:?}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_proven_unsent() {
    let host = host();
    let channel = channel(&host, &peer::nobody().await);
    let (call, began) = host.call("key-1");
    let got = Channel::send(&channel, &call, to_debtor())
        .await
        .expect_err("nobody listens");
    assert_eq!(got.kind(), "retryable", "{got}");
    assert_eq!(began.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn nothing_leaves_after_not_after() {
    let host = host();
    let peer = Peer::start(vec![created()]).await;
    let channel = channel(&host, &peer.url);
    let (call, began) = host.call("key-1");
    let call = call.with_not_after(NOW_UNIX_MS);
    let got = Channel::send(&channel, &call, to_debtor())
        .await
        .expect_err("too late");
    assert!(got.proves_not_sent(), "{got}");
    assert_eq!(began.load(Ordering::SeqCst), 0);
    assert_eq!(peer.seen().len(), 0);
}

#[tokio::test]
async fn a_request_that_cannot_work_is_refused_before_anything() {
    let no_callback = SendRequest {
        callback_url: String::new(),
        ..to_debtor()
    };
    let no_text = SendRequest {
        content: None,
        ..to_debtor()
    };
    let mail = destination::To::Email("a@b".to_owned());
    let to_mail = Destination {
        to: Some(mail),
        ..Destination::default()
    };
    let no_number = SendRequest {
        destination: Some(to_mail),
        ..to_debtor()
    };
    let long = DebtorMessage {
        body: "债".repeat(2000),
        ..DebtorMessage::default()
    };
    let too_long = SendRequest {
        content: Some(Content::Debtor(long)),
        ..to_debtor()
    };
    for (request, want) in [
        (no_callback, "call-back URL"),
        (no_text, "no text"),
        (no_number, "e164"),
        (too_long, "shorten"),
    ] {
        let (peer, got) = send(Vec::new(), request).await;
        let got = got.expect_err(want);
        assert!(
            got.kind() == "permanent" && got.message().contains(want),
            "{got}"
        );
        assert_eq!(peer.seen().len(), 0);
    }
}

/// The provider calls this URL with this form, signed with this token.
fn signed(token: &str, url: &str, form: &[(&str, &str)]) -> RawCallback {
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).expect("any length");
    let mut sorted = form.to_vec();
    sorted.sort_unstable();
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let (bare, query) = url.split_once('?').unwrap_or((url, ""));
    let query = form_urlencoded::parse(query.as_bytes()).into_owned();
    let mut body = form_urlencoded::Serializer::new(String::new());
    RawCallback {
        method: "POST".to_owned(),
        path: "/cb/abc".to_owned(),
        query: query.map(|(name, value)| Pair { name, value }).collect(),
        headers: vec![Pair {
            name: "x-twilio-signature".to_owned(),
            value: signature,
        }],
        body: body.extend_pairs(form).finish().into_bytes(),
        received_at_unix_ms: NOW_UNIX_MS,
        contact_id: "c-1".to_owned(),
        account: String::new(),
        url: bare.to_owned(),
    }
}

fn reports(inbounds: &Inbounds) -> Vec<OutcomeReport> {
    let report = |item: &recoup_channel::wire::Inbound| match &item.what {
        Some(inbound::What::Report(report)) => report.clone(),
        other => panic!("no report: {other:?}"),
    };
    inbounds.items.iter().map(report).collect()
}

/// Where the digit of the debtor's call goes, taken from the request that was sent.
async fn digit_url() -> String {
    let (peer, sid) = send(vec![created()], to_debtor()).await;
    sid.expect("taken");
    let twiml = form(&peer.only())["Twiml"].clone();
    let (_, rest) = twiml.split_once("action=\"").expect("an action");
    let (action, _) = rest.split_once('"').expect("a whole action");
    action.replace("&amp;", "&")
}

#[tokio::test]
async fn the_message_is_the_answer_to_the_digit() {
    let url = digit_url().await;
    let host = host();
    let channel = channel(&host, "http://127.0.0.1:1");
    let (call, _) = host.call("");
    let parse = |callback| Channel::parse_callback(&channel, &call, callback);

    let one = signed(TOKEN, &url, &[("CallSid", "CA77"), ("Digits", "1")]);
    let said = parse(one.clone()).await.expect("signed");
    let report = &reports(&said)[0];
    assert_eq!(report.outcome(), Outcome::Conversation);
    assert!(report.r#final && report.contact_id == "c-1" && report.provider_ref == "CA77");
    let answer = String::from_utf8(said.answer).expect("text");
    assert!(
        answer.contains("您在我司有一笔借款 &lt;已逾期&gt; &amp; 请联系"),
        "{answer}"
    );
    assert_eq!(said.answer_media_type, "text/xml");

    let nine = signed(TOKEN, &url, &[("CallSid", "CA77"), ("Digits", "9")]);
    let said = parse(nine).await.expect("signed");
    assert!(said.items.is_empty());
    assert!(!String::from_utf8_lossy(&said.answer).contains("借款"));

    let other = RawCallback {
        contact_id: "c-2".to_owned(),
        ..one
    };
    let got = parse(other).await.expect_err("another contact's URL");
    assert_eq!(got.kind(), "permanent");
}

#[tokio::test]
async fn the_end_of_a_call_is_read_from_signed_words_only() {
    let host = host();
    let channel = channel(&host, "http://127.0.0.1:1");
    let (call, _) = host.call("");
    let form = [
        ("CallSid", "CA77"),
        ("CallStatus", "busy"),
        ("SipResponseCode", "486"),
    ];
    let good = signed(TOKEN, CALLBACK, &form);
    let got = Channel::parse_callback(&channel, &call, good)
        .await
        .expect("signed");
    assert_eq!(reports(&got)[0].outcome(), Outcome::Busy);

    let ringing = signed(TOKEN, CALLBACK, &[("CallStatus", "ringing")]);
    let got = Channel::parse_callback(&channel, &call, ringing)
        .await
        .expect("signed");
    assert!(got.items.is_empty(), "a step on the way is no outcome");

    let forged = signed("another", CALLBACK, &form);
    let got = Channel::parse_callback(&channel, &call, forged)
        .await
        .expect_err("forged");
    assert_eq!(got.kind(), "rejected");
    let mut changed = signed(TOKEN, CALLBACK, &form);
    changed.body.extend_from_slice(b"&AnsweredBy=human");
    let got = Channel::parse_callback(&channel, &call, changed)
        .await
        .expect_err("changed");
    assert_eq!(got.kind(), "rejected");
}

#[tokio::test]
async fn a_call_can_be_asked_after_and_called_off() {
    let host = host();
    let over = r#"{"sid": "CA77", "status": "completed", "answered_by": "machine_end_beep"}"#;
    let script = vec![
        Then::json(200, over),
        Then::json(404, r#"{"code": 20404, "message": "m"}"#),
        Then::json(200, r#"{"sid": "CA77", "status": "canceled"}"#),
        Then::json(400, r#"{"code": 21220, "message": "m"}"#),
        Then::json(200, over),
        Then::Cut,
    ];
    let peer = Peer::start(script).await;
    let channel = channel(&host, &peer.url);
    let (call, _) = host.call("key-1");
    let status = |provider_ref: &str| StatusRequest {
        provider_ref: provider_ref.to_owned(),
        ..StatusRequest::default()
    };
    let got = Channel::status(&channel, &call, status("CA77"))
        .await
        .expect("answered");
    assert_eq!(
        (got.kind(), got.outcome()),
        (StatusKind::Found, Outcome::Voicemail)
    );
    let got = Channel::status(&channel, &call, status("CA77"))
        .await
        .expect("answered");
    assert_eq!(got.kind(), StatusKind::NotFound);
    let got = Channel::status(&channel, &call, status(""))
        .await
        .expect("no question is asked");
    assert_eq!(got.kind(), StatusKind::Pending);
    let bad = Channel::status(&channel, &call, status("../x"))
        .await
        .expect_err("no reference");
    assert_eq!(bad.kind(), "permanent");

    let cancel = CancelRequest {
        provider_ref: "CA77".to_owned(),
        ..CancelRequest::default()
    };
    let got = Channel::cancel(&channel, &call, cancel.clone())
        .await
        .expect("answered");
    assert_eq!(got.kind(), CancelKind::Cancelled);
    let got = Channel::cancel(&channel, &call, cancel.clone())
        .await
        .expect("answered");
    assert_eq!(
        (got.kind(), got.outcome()),
        (CancelKind::TooLate, Outcome::Voicemail)
    );
    let got = Channel::cancel(&channel, &call, cancel)
        .await
        .expect_err("cut");
    assert_eq!(got.kind(), "unknown");
    assert_eq!(peer.seen()[2].body, b"Status=canceled");
    assert_eq!(
        peer.seen()[2].line,
        "POST /2010-04-01/Accounts/AC1/Calls/CA77.json"
    );
}
