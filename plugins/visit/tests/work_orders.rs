//! The visit channel through its trait, against a loopback calendar.

#[path = "../../shared/peer.rs"]
mod peer;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use peer::{NOW_UNIX_MS, Peer, TestHost, Then};
use recoup_channel::wire::send_request::Content;
use recoup_channel::wire::{
    Attachment, CancelKind, CancelRequest, Collector, DebtorMessage, Destination, Outcome,
    PostalAddress, SendRequest, StatusKind, StatusRequest, destination,
};
use recoup_channel::{Channel, ChannelError, ChannelFactory};
use recoup_visit::VisitChannel;

const FROM_UNIX_MS: i64 = NOW_UNIX_MS + 86_400_000;
const TO_UNIX_MS: i64 = FROM_UNIX_MS + 3_600_000;

fn channel(host: &Arc<TestHost>, base_url: &str) -> VisitChannel {
    let config = format!(
        r#"{{"collection_url": "{base_url}/cal/team-1/", "domain": "recoup.test",
            "username": "u", "password_secret": "calendar"}}"#
    );
    VisitChannel::create(&config, host.host()).expect("a valid configuration")
}

fn host() -> Arc<TestHost> {
    TestHost::new(&[("calendar", "p")])
}

fn at_the_door() -> Destination {
    Destination {
        to: Some(destination::To::Postal(PostalAddress {
            lines: vec!["2单元301室".to_owned(), "长安街1号".to_owned()],
            locality: "北京".to_owned(),
            country: "CN".to_owned(),
            latitude_e7: Some(399_042_000),
            longitude_e7: Some(1_164_074_000),
            ..PostalAddress::default()
        })),
        display_name: "张三".to_owned(),
    }
}

fn request() -> SendRequest {
    SendRequest {
        contact_id: "c-1".to_owned(),
        idempotency_key: "key+1".to_owned(),
        destination: Some(at_the_door()),
        content: Some(Content::Debtor(DebtorMessage {
            subject: "外访 张三".to_owned(),
            body: "两人同行; 出示证件,\n不得进入室内。".to_owned(),
            attachments: vec![Attachment {
                name: "order.pdf".to_owned(),
                media_type: "application/pdf".to_owned(),
                sha256: vec![0xab; 32],
                size_bytes: 9,
            }],
            ..DebtorMessage::default()
        })),
        effect_from_unix_ms: FROM_UNIX_MS,
        effect_to_unix_ms: TO_UNIX_MS,
        collectors: vec![
            Collector {
                id: "col-7".to_owned(),
                display_name: "李 \"L\" 伟".to_owned(),
            },
            Collector {
                id: "col-9".to_owned(),
                display_name: String::new(),
            },
        ],
        ..SendRequest::default()
    }
}

async fn send(then: Vec<Then>, request: SendRequest) -> (Peer, Result<String, ChannelError>) {
    let host = host();
    let peer = Peer::start(then).await;
    let (call, began) = host.call(&request.idempotency_key);
    let receipt = Channel::send(&channel(&host, &peer.url), &call, request).await;
    assert_eq!(began.load(Ordering::SeqCst), peer.seen().len() as u64);
    (peer, receipt.map(|receipt| receipt.provider_ref))
}

#[tokio::test]
async fn a_work_order_is_an_event_that_is_put_once() {
    let (peer, got) = send(vec![Then::empty(201)], request()).await;
    assert_eq!(got.expect("taken"), "key+1@recoup.test");
    let seen = peer.only();
    assert_eq!(seen.line, "PUT /cal/team-1/key%2B1.ics");
    assert_eq!(seen.headers["if-none-match"], "*");
    assert_eq!(seen.headers["authorization"], "Basic dTpw");
    let ics = String::from_utf8(seen.body).expect("text");
    assert!(ics.split("\r\n").all(|line| line.len() <= 75), "{ics}");
    let unfolded = ics.replace("\r\n ", "");
    let hash = "ab".repeat(32);
    let want = [
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        "PRODID:-//recoup//visit//EN".to_owned(),
        "BEGIN:VEVENT".to_owned(),
        "UID:key+1@recoup.test".to_owned(),
        "DTSTAMP:20261124T020000Z".to_owned(),
        "DTSTART:20261125T020000Z".to_owned(),
        "DTEND:20261125T030000Z".to_owned(),
        "CLASS:PRIVATE".to_owned(),
        "SEQUENCE:0".to_owned(),
        "STATUS:CONFIRMED".to_owned(),
        "SUMMARY:外访 张三".to_owned(),
        "DESCRIPTION:两人同行\\; 出示证件\\,\\n不得进入室内。".to_owned(),
        "LOCATION:2单元301室\\, 长安街1号\\, 北京\\, CN".to_owned(),
        "GEO:39.9042000;116.4074000".to_owned(),
        "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;CN=\"李 'L' 伟\":\
         urn:x-recoup:collector:col%2D7"
            .to_owned(),
        "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;CN=\"col-9\":\
         urn:x-recoup:collector:col%2D9"
            .to_owned(),
        format!(
            "ATTACH;FMTTYPE=application/pdf;FILENAME=\"order.pdf\";X-SHA256={hash}:\
             urn:sha256:{hash}"
        ),
        "END:VEVENT".to_owned(),
        "END:VCALENDAR".to_owned(),
    ];
    assert_eq!(unfolded.trim_end().split("\r\n").collect::<Vec<_>>(), want);
}

#[tokio::test]
async fn an_event_that_is_there_is_taken() {
    for status in [204, 412] {
        let (_, got) = send(vec![Then::empty(status)], request()).await;
        assert_eq!(got.expect("taken"), "key+1@recoup.test", "{status}");
    }
}

#[tokio::test]
async fn what_is_not_proven_is_unknown() {
    let cases = [
        (Then::Cut, "unknown"),
        (Then::Garbage, "unknown"),
        // A page in the way answers 200; a calendar answers 201 to a new event.
        (Then::empty(200), "unknown"),
        (Then::empty(500), "unknown"),
        (Then::empty(503), "unknown"),
        (Then::empty(408), "unknown"),
        (Then::empty(401), "auth"),
        (Then::empty(403), "auth"),
        (Then::empty(404), "permanent"),
        (Then::empty(409), "permanent"),
        (Then::empty(429), "rate_limited"),
    ];
    for (then, want) in cases {
        let (peer, got) = send(vec![then.clone()], request()).await;
        assert_eq!(got.expect_err("not taken").kind(), want, "{then:?}");
        assert_eq!(peer.seen().len(), 1, "never sent again: {then:?}");
    }
}

#[tokio::test]
async fn a_refused_connection_and_a_late_call_are_proven_unsent() {
    let host = host();
    let (call, began) = host.call("key+1");
    let nobody = channel(&host, &peer::nobody().await);
    let got = Channel::send(&nobody, &call, request())
        .await
        .expect_err("nobody listens");
    assert_eq!(got.kind(), "retryable", "{got}");

    let peer = Peer::start(vec![Then::empty(201)]).await;
    let (call, late) = host.call("key+1");
    let call = call.with_not_after(NOW_UNIX_MS - 1);
    let got = Channel::send(&channel(&host, &peer.url), &call, request()).await;
    assert!(got.expect_err("too late").proves_not_sent());
    assert_eq!(
        (began.load(Ordering::SeqCst), late.load(Ordering::SeqCst)),
        (0, 0)
    );
    assert_eq!(peer.seen().len(), 0);
}

#[tokio::test]
async fn an_order_that_tells_the_debt_or_cannot_be_made_is_refused() {
    let says = |subject: &str, body: &str| SendRequest {
        content: Some(Content::Debtor(DebtorMessage {
            subject: subject.to_owned(),
            body: body.to_owned(),
            ..DebtorMessage::default()
        })),
        ..request()
    };
    let cases = [
        (says("外访", "欠款 1,234.50 元"), "amount"),
        (says("collect CNY 500", ""), "amount"),
        (
            SendRequest {
                effect_to_unix_ms: 0,
                ..request()
            },
            "window",
        ),
        (
            SendRequest {
                destination: None,
                ..request()
            },
            "postal",
        ),
        (
            SendRequest {
                content: None,
                ..request()
            },
            "no text",
        ),
    ];
    for (request, want) in cases {
        let (peer, got) = send(Vec::new(), request).await;
        let got = got.expect_err(want);
        assert!(
            got.kind() == "permanent" && got.message().contains(want),
            "{got}"
        );
        assert_eq!(peer.seen().len(), 0);
    }
}

#[tokio::test]
async fn a_work_order_can_be_asked_after() {
    let ics = |uid: &str, state: &str| {
        let text = format!(
            "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nSTATUS:{state}\r\nEND:VEVENT\r\n"
        );
        Then::Answer(200, String::new(), text.into_bytes())
    };
    let host = host();
    let script = vec![
        ics("key+1@recoup.test", "CONFIRMED"),
        ics("key+1@recoup.test", "CANCELLED"),
        Then::empty(404),
        ics("another", "CONFIRMED"),
    ];
    let peer = Peer::start(script).await;
    let channel = channel(&host, &peer.url);
    let (call, _) = host.call("key+1");
    let ask = || StatusRequest {
        idempotency_key: "key+1".to_owned(),
        ..StatusRequest::default()
    };
    let got = Channel::status(&channel, &call, ask())
        .await
        .expect("answered");
    assert_eq!((got.kind(), got.outcome), (StatusKind::Found, None));
    let got = Channel::status(&channel, &call, ask())
        .await
        .expect("answered");
    assert_eq!(
        (got.kind(), got.outcome()),
        (StatusKind::Found, Outcome::Cancelled)
    );
    let got = Channel::status(&channel, &call, ask())
        .await
        .expect("answered");
    assert_eq!(got.kind(), StatusKind::NotFound);
    let got = Channel::status(&channel, &call, ask())
        .await
        .expect_err("another event");
    assert_eq!(got.kind(), "unknown");
}

#[tokio::test]
async fn a_cancel_puts_the_same_event_called_off() {
    let host = host();
    let script = vec![
        Then::empty(204),
        Then::empty(412),
        Then::empty(204),
        Then::Cut,
    ];
    let peer = Peer::start(script).await;
    let channel = channel(&host, &peer.url);
    let (call, _) = host.call("key+1");
    let cancel = CancelRequest {
        idempotency_key: "key+1".to_owned(),
        effect_from_unix_ms: FROM_UNIX_MS,
        effect_to_unix_ms: TO_UNIX_MS,
        subject: "外访 张三".to_owned(),
        destination: Some(at_the_door()),
        ..CancelRequest::default()
    };
    let got = Channel::cancel(&channel, &call, cancel.clone())
        .await
        .expect("answered");
    assert_eq!(got.kind(), CancelKind::Cancelled);
    let got = Channel::cancel(&channel, &call, cancel.clone())
        .await
        .expect("answered");
    assert_eq!(got.kind(), CancelKind::NotFound);
    let begun = CancelRequest {
        effect_from_unix_ms: NOW_UNIX_MS,
        ..cancel.clone()
    };
    let got = Channel::cancel(&channel, &call, begun)
        .await
        .expect_err("begun");
    assert_eq!(got.kind(), "unknown");
    let got = Channel::cancel(&channel, &call, cancel)
        .await
        .expect_err("cut");
    assert_eq!(got.kind(), "unknown");

    let seen = &peer.seen()[0];
    assert_eq!(seen.line, "PUT /cal/team-1/key%2B1.ics");
    assert_eq!(seen.headers["if-match"], "*");
    let ics = String::from_utf8_lossy(&seen.body);
    for line in ["UID:key+1@recoup.test", "SEQUENCE:1", "STATUS:CANCELLED"] {
        assert!(ics.contains(&format!("\r\n{line}\r\n")), "{ics}");
    }
}
