//! The legal channel through its trait, against a loopback desk.

#[path = "../../shared/peer.rs"]
mod peer;

use std::io::{Cursor, Read as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use peer::{NOW_UNIX_MS, Peer, Seen, TestHost, Then};
use recoup_channel::wire::send_request::Content;
use recoup_channel::wire::{
    Attachment, CancelKind, CancelRequest, DebtorMessage, Desk, Destination, Outcome, RawCallback,
    SendRequest, StatusKind, StatusRequest, destination, inbound,
};
use recoup_channel::{Channel, ChannelError, ChannelFactory};
use recoup_legal::LegalChannel;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const STATEMENT: &[u8] = br#"{"principal": "1000.00"}"#;

fn host() -> Arc<TestHost> {
    let host = TestHost::new(&[("desk", "bearer-1")]);
    host.put_blob(Sha256::digest(STATEMENT).into(), STATEMENT);
    host
}

fn channel(host: &Arc<TestHost>, endpoint: &str) -> LegalChannel {
    let config = format!(
        r#"{{"endpoint": "{endpoint}", "token_secret": "desk", "desks": ["beijing-1"],
            "pack_bytes_max": 4096}}"#
    );
    LegalChannel::create(&config, host.host()).expect("a valid configuration")
}

fn statement() -> Attachment {
    Attachment {
        name: "statement.json".to_owned(),
        media_type: "application/json".to_owned(),
        sha256: Sha256::digest(STATEMENT).to_vec(),
        size_bytes: STATEMENT.len() as u64,
    }
}

fn request() -> SendRequest {
    let references = [
        ("transfer".to_owned(), "T-9".to_owned()),
        (
            "contract".to_owned(),
            format!("LN-2026-1 sha256:{}", "cd".repeat(32)),
        ),
    ];
    SendRequest {
        contact_id: "c-1".to_owned(),
        idempotency_key: "key+1".to_owned(),
        locale: "zh-Hans-CN".to_owned(),
        destination: Some(Destination {
            to: Some(destination::To::Desk(Desk {
                id: "beijing-1".to_owned(),
                name: "北京一部".to_owned(),
            })),
            ..Destination::default()
        }),
        content: Some(Content::Debtor(DebtorMessage {
            subject: "催告函".to_owned(),
            body: "致张三：……".to_owned(),
            references: references.into(),
            attachments: vec![statement()],
            correlation: [("case".to_owned(), "case-7".to_owned())].into(),
            ..DebtorMessage::default()
        })),
        effect_from_unix_ms: NOW_UNIX_MS,
        callback_url: "http://127.0.0.1:7001/cb/abc".to_owned(),
        ..SendRequest::default()
    }
}

fn with_files(attachments: Vec<Attachment>) -> SendRequest {
    let mut request = request();
    if let Some(Content::Debtor(message)) = &mut request.content {
        message.attachments = attachments;
    }
    request
}

fn taken() -> Then {
    Then::json(201, r#"{"receipt_id": "r-1"}"#)
}

async fn send(then: Vec<Then>, request: SendRequest) -> (Peer, Result<String, ChannelError>) {
    let host = host();
    let peer = Peer::start(then).await;
    let (call, began) = host.call(&request.idempotency_key);
    let receipt = Channel::send(&channel(&host, &peer.url), &call, request).await;
    assert_eq!(began.load(Ordering::SeqCst), peer.seen().len() as u64);
    (peer, receipt.map(|receipt| receipt.provider_ref))
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn unpack(seen: &Seen) -> Vec<(String, Vec<u8>)> {
    let mut pack = zip::ZipArchive::new(Cursor::new(&seen.body)).expect("a zip");
    let mut parts = Vec::new();
    for i in 0..pack.len() {
        let mut part = pack.by_index(i).expect("a part");
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).expect("whole");
        let name = part.name().expect("a name").into_owned();
        parts.push((name, bytes));
    }
    parts
}

#[tokio::test]
async fn a_pack_says_what_it_holds() {
    let (peer, got) = send(vec![taken()], request()).await;
    assert_eq!(got.expect("taken"), "r-1");
    let seen = peer.only();
    assert_eq!(seen.line, "POST /v1/referrals");
    assert_eq!(seen.headers["idempotency-key"], "key+1");
    assert_eq!(seen.headers["desk"], "beijing-1");
    assert_eq!(seen.headers["callback-url"], "http://127.0.0.1:7001/cb/abc");
    assert_eq!(seen.headers["authorization"], "Bearer bearer-1");
    assert_eq!(seen.headers["content-sha256"], sha256_hex(&seen.body));

    let parts = unpack(&seen);
    let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
    let want = [
        "manifest.json",
        "letter.txt",
        "documents.json",
        "files/statement.json",
    ];
    assert_eq!(names, want);
    assert_eq!(parts[1].1, "致张三：……".as_bytes());
    assert_eq!(parts[3].1, STATEMENT);
    let documents: Value = serde_json::from_slice(&parts[2].1).expect("JSON");
    assert_eq!(
        documents,
        json!([
            {"name": "contract", "reference": "LN-2026-1", "sha256": "cd".repeat(32)},
            {"name": "transfer", "reference": "T-9", "sha256": null},
        ])
    );
    let manifest: Value = serde_json::from_slice(&parts[0].1).expect("JSON");
    assert_eq!(manifest["format"], "recoup.referral/1");
    assert_eq!(manifest["contact_id"], "c-1");
    assert_eq!(manifest["key"], "key+1");
    assert_eq!(manifest["case"], "case-7");
    assert_eq!(manifest["title"], "催告函");
    assert_eq!(manifest["file_from"], "2026-11-24T02:00:00Z");
    let listed = manifest["parts"].as_array().expect("a list");
    assert_eq!(listed.len(), 3);
    for (entry, (name, bytes)) in listed.iter().zip(&parts[1..]) {
        assert_eq!(entry["path"], name.as_str());
        assert_eq!(entry["size"], bytes.len());
        assert_eq!(entry["sha256"], sha256_hex(bytes));
        assert_eq!(entry["made_at"], "2026-11-24T02:00:00Z");
    }
}

#[tokio::test]
async fn one_contact_makes_the_same_bytes_again() {
    let (first, _) = send(vec![taken()], request()).await;
    let (second, got) = send(vec![Then::json(200, r#"{"receipt_id": "r-1"}"#)], request()).await;
    assert_eq!(got.expect("there already"), "r-1");
    assert_eq!(first.only().body, second.only().body);
}

#[tokio::test]
async fn what_is_not_proven_is_unknown() {
    let cases = [
        (Then::Cut, "unknown"),
        (Then::Garbage, "unknown"),
        (Then::empty(500), "unknown"),
        (Then::empty(409), "unknown"),
        (Then::empty(202), "unknown"),
        (Then::json(201, "taken"), "unknown"),
        (Then::json(201, r#"{"receipt_id": ""}"#), "unknown"),
        (Then::empty(401), "auth"),
        (Then::empty(403), "auth"),
        (Then::empty(422), "permanent"),
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

    let peer = Peer::start(vec![taken()]).await;
    let (call, late) = host.call("key+1");
    let call = call.with_not_after(NOW_UNIX_MS);
    let got = Channel::send(&channel(&host, &peer.url), &call, request()).await;
    assert!(got.expect_err("too late").proves_not_sent());
    assert_eq!(
        (began.load(Ordering::SeqCst), late.load(Ordering::SeqCst)),
        (0, 0)
    );
    assert_eq!(peer.seen().len(), 0);
}

#[tokio::test]
async fn a_pack_that_cannot_be_made_is_refused() {
    let desk = Desk {
        id: "elsewhere".to_owned(),
        ..Desk::default()
    };
    let elsewhere = Destination {
        to: Some(destination::To::Desk(desk)),
        ..Destination::default()
    };
    let files = with_files;
    let cases = [
        (
            SendRequest {
                destination: Some(elsewhere),
                ..request()
            },
            "`elsewhere`",
            "permanent",
        ),
        (
            SendRequest {
                destination: None,
                ..request()
            },
            "desk",
            "permanent",
        ),
        (
            SendRequest {
                content: None,
                ..request()
            },
            "letter",
            "permanent",
        ),
        (
            files(vec![statement(), statement()]),
            "two files",
            "permanent",
        ),
        (
            files(vec![Attachment {
                name: "../x".to_owned(),
                ..statement()
            }]),
            "no file name",
            "permanent",
        ),
        (
            files(vec![Attachment {
                size_bytes: 5000,
                ..statement()
            }]),
            "pack_bytes_max",
            "permanent",
        ),
        (
            files(vec![Attachment {
                size_bytes: 99,
                ..statement()
            }]),
            "differs",
            "permanent",
        ),
        (
            files(vec![Attachment {
                sha256: vec![1],
                ..statement()
            }]),
            "32 bytes",
            "permanent",
        ),
        // The core may yet get it.
        (
            files(vec![Attachment {
                sha256: vec![1; 32],
                ..statement()
            }]),
            "file",
            "retryable",
        ),
    ];
    for (request, want, kind) in cases {
        let (peer, got) = send(Vec::new(), request).await;
        let got = got.expect_err(want);
        assert!(
            got.kind() == kind && got.message().contains(want),
            "{want}: {got}"
        );
        assert_eq!(peer.seen().len(), 0);
    }
}

#[tokio::test]
async fn bytes_that_are_not_the_named_file_are_refused() {
    let host = host();
    host.put_blob([9; 32], STATEMENT);
    let peer = Peer::start(vec![taken()]).await;
    let (call, _) = host.call("key+1");
    let other = Attachment {
        sha256: vec![9; 32],
        ..statement()
    };
    let request = with_files(vec![other]);
    let got = Channel::send(&channel(&host, &peer.url), &call, request).await;
    let got = got.expect_err("another file");
    assert!(
        got.kind() == "permanent" && got.message().contains("differs"),
        "{got}"
    );
    assert_eq!(peer.seen().len(), 0);
}

#[tokio::test]
async fn a_referral_can_be_asked_after_by_its_key() {
    let host = host();
    let shown = |status: &str| {
        Then::json(
            200,
            &format!(r#"{{"receipt_id": "r-1", "status": "{status}"}}"#),
        )
    };
    let script = vec![
        shown("received"),
        shown("filed"),
        shown("recalled"),
        Then::empty(404),
        shown("eaten"),
    ];
    let peer = Peer::start(script).await;
    let channel = channel(&host, &peer.url);
    let (call, _) = host.call("key+1");
    let ask = || StatusRequest {
        idempotency_key: "key+1".to_owned(),
        ..StatusRequest::default()
    };
    for (kind, outcome) in [
        (StatusKind::Found, None),
        (StatusKind::Found, Some(Outcome::Filed)),
        (StatusKind::Found, Some(Outcome::Cancelled)),
        (StatusKind::NotFound, None),
    ] {
        let got = Channel::status(&channel, &call, ask())
            .await
            .expect("answered");
        assert_eq!((got.kind(), got.outcome), (kind, outcome.map(Into::into)));
    }
    let got = Channel::status(&channel, &call, ask())
        .await
        .expect_err("no such status");
    assert_eq!(got.kind(), "unknown");
    assert_eq!(peer.seen()[0].line, "GET /v1/referrals?key=key%2B1");
}

#[tokio::test]
async fn a_referral_can_be_recalled_until_it_is_filed() {
    let host = host();
    let by_key = Then::json(200, r#"{"receipt_id": "r-1", "status": "received"}"#);
    let script = vec![
        Then::json(200, r#"{"receipt_id": "r-1", "status": "recalled"}"#),
        Then::empty(409),
        Then::empty(404),
        by_key,
        Then::empty(204),
        Then::Cut,
    ];
    let peer = Peer::start(script).await;
    let channel = channel(&host, &peer.url);
    let (call, _) = host.call("key+1");
    let known = CancelRequest {
        idempotency_key: "key+1".to_owned(),
        provider_ref: "r-1".to_owned(),
        ..CancelRequest::default()
    };
    let by_key = CancelRequest {
        provider_ref: String::new(),
        ..known.clone()
    };
    for (request, kind, outcome) in [
        (&known, CancelKind::Cancelled, None),
        (&known, CancelKind::TooLate, Some(Outcome::Filed)),
        (&known, CancelKind::NotFound, None),
        (&by_key, CancelKind::Cancelled, None),
    ] {
        let got = Channel::cancel(&channel, &call, request.clone())
            .await
            .expect("answered");
        assert_eq!((got.kind(), got.outcome), (kind, outcome.map(Into::into)));
    }
    let got = Channel::cancel(&channel, &call, known)
        .await
        .expect_err("cut");
    assert_eq!(got.kind(), "unknown");
    assert_eq!(peer.seen()[0].line, "DELETE /v1/referrals/r-1");
    assert_eq!(peer.seen()[4].line, "DELETE /v1/referrals/r-1");
}

#[tokio::test]
async fn the_desk_says_when_it_has_filed() {
    let host = host();
    let channel = channel(&host, "http://127.0.0.1:1");
    let (call, _) = host.call("");
    let callback = |body: &str| RawCallback {
        body: body.as_bytes().to_vec(),
        contact_id: "c-1".to_owned(),
        ..RawCallback::default()
    };
    let filed = callback(
        r#"{"receipt_id": "r-1", "key": "key+1", "status": "filed", "at_us": 1795485600123456}"#,
    );
    let got = Channel::parse_callback(&channel, &call, filed)
        .await
        .expect("readable");
    let Some(inbound::What::Report(report)) = &got.items[0].what else {
        panic!("no report: {got:?}");
    };
    assert_eq!(report.outcome(), Outcome::Filed);
    assert_eq!(
        (report.contact_id.as_str(), report.provider_ref.as_str()),
        ("c-1", "r-1")
    );
    assert!(report.r#final && report.at_unix_ms == 1_795_485_600_123);

    let received = callback(r#"{"receipt_id": "r-1", "status": "received"}"#);
    let got = Channel::parse_callback(&channel, &call, received)
        .await
        .expect("readable");
    assert!(got.items.is_empty());
    for bad in [
        "",
        "{}",
        "[]",
        r#"{"receipt_id": "r-1", "status": "eaten"}"#,
    ] {
        let got = Channel::parse_callback(&channel, &call, callback(bad))
            .await
            .expect_err(bad);
        assert_eq!(got.kind(), "permanent", "{bad}");
    }
}
