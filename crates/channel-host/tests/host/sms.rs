//! The real SMS plugin, loaded, against a gateway on loopback.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use recoup_channel::wire::inbound::What;
use recoup_channel::wire::{Outcome, Pair, RawCallback};
use recoup_channel::{Call, ChannelError, Clock, DynChannel};
use recoup_channel_host::LoadedChannel;
use sha2::{Digest, Sha256};

use crate::support::{Gateway, Peer, Setup, TestClock, call, message, sms};

pub(crate) fn config(endpoint: &str) -> String {
    serde_json::json!({
        "endpoint": endpoint, "username": "u&1", "password_secret": "pass", "from": "10690",
    })
    .to_string()
}

/// Loads the plugin for a gateway and sends one text; also what the gateway saw and `began` counted.
async fn send(gateway: Gateway, clock: Arc<TestClock>) -> (Sent, String, u32) {
    let peer = Peer::start(gateway).await;
    let mut setup = Setup::new(&sms(), &config(&peer.endpoint));
    setup.spec.clock = clock;
    let channel = setup.load().await;
    let (cx, began) = call(&setup.spec.clock, 1_500);
    let mut request = message("【贷】您的账单");
    request.callback_url = "http://127.0.0.1:9/cb/token".into();
    let sent = DynChannel::send(&channel, &cx, request).await;
    let seen = peer.seen().await;
    (sent, seen, began.load(Ordering::SeqCst))
}

type Sent = Result<recoup_channel::wire::Receipt, ChannelError>;

#[tokio::test]
async fn a_text_reaches_the_gateway_once_and_whole() {
    let answer = Gateway::Answer(202, "0: Accepted for delivery: 4711");
    let (sent, seen, began) = send(answer, TestClock::new()).await;
    let receipt = sent.expect("the gateway took it");
    assert_eq!(
        (receipt.provider_ref.as_str(), receipt.parts, began),
        ("4711", 1, 1)
    );
    let line = seen.lines().next().expect("a request line");
    assert_eq!(
        line,
        "GET /cgi-bin/sendsms?username=u%261&password=s3cret-word&from=10690\
         &to=%2B8613800000001&coding=2&charset=UTF-8\
         &text=%E3%80%90%E8%B4%B7%E3%80%91%E6%82%A8%E7%9A%84%E8%B4%A6%E5%8D%95\
         &binfo=key-1&validity=10&dlr-mask=31\
         &dlr-url=http%3A%2F%2F127.0.0.1%3A9%2Fcb%2Ftoken%3Fst%3D%25d%26t%3D%25T HTTP/1.1"
    );
    assert_eq!(seen.matches("GET ").count(), 1);
}

#[tokio::test]
async fn a_wall_clock_past_not_after_lets_no_byte_out() {
    // The plugin reads the clock for `validity`; then it jumps, and the connection is open by the
    // time that the first byte would leave.
    let answer = Gateway::Answer(202, "0: Accepted for delivery");
    let (sent, seen, began) = send(answer, TestClock::jumping_after(1)).await;
    let error = sent.expect_err("too late");
    assert!(matches!(error, ChannelError::Retryable { .. }), "{error}");
    assert!(
        error.proves_not_sent() && error.message().contains("not_after"),
        "{error}"
    );
    assert_eq!((seen.as_str(), began), ("", 0));
}

#[tokio::test]
async fn a_core_that_refuses_began_lets_no_byte_out() {
    let peer = Peer::start(Gateway::Answer(202, "0: Accepted for delivery")).await;
    let setup = Setup::new(&sms(), &config(&peer.endpoint));
    let channel = setup.load().await;
    let refuses = Arc::new(|| Err("the journal is not writable".to_owned()));
    let (cx, _) = call(&setup.spec.clock, 5_000);
    let cx = cx.with_began(refuses);
    let error = DynChannel::send(&channel, &cx, message("hello"))
        .await
        .expect_err("refused");
    assert!(error.proves_not_sent() && !cx.has_begun(), "{error}");
    assert_eq!(peer.seen().await, "");
}

#[tokio::test]
async fn what_may_have_been_sent_is_unknown() {
    let cases = [
        Gateway::Cut,
        Gateway::Silent,
        Gateway::Answer(500, "oops"),
        Gateway::Answer(503, "later"),
        Gateway::Answer(202, "<html>welcome</html>"),
        Gateway::Answer(200, "0: Accepted for delivery"),
    ];
    for gateway in cases {
        let (sent, seen, began) = send(gateway, TestClock::new()).await;
        let error = sent.expect_err("no receipt");
        assert!(matches!(error, ChannelError::Unknown { .. }), "{error}");
        assert!(seen.starts_with("GET /cgi-bin/sendsms?"));
        assert_eq!(began, 1);
    }
}

#[tokio::test]
async fn what_the_gateway_documents_as_refused_is_proven() {
    let check = async |status, text, kind| {
        let (sent, _, _) = send(Gateway::Answer(status, text), TestClock::new()).await;
        let error = sent.expect_err("refused");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(
            error.proves_not_sent() && error.message().contains(text),
            "{error}"
        );
    };
    check(403, "Authorization failed for sendsms", "auth").await;
    check(400, "Receiver is not allowed", "rejected").await;
    check(400, "Missing text, rejected", "permanent").await;
    check(404, "there is no such page", "permanent").await;
    check(429, "slow down", "rate_limited").await;
}

#[tokio::test]
async fn no_connection_is_proof() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let setup = Setup::new(&sms(), &config(&format!("http://127.0.0.1:{port}/x")));
    let channel = setup.load().await;
    let (cx, began) = call(&setup.spec.clock, 5_000);
    let error = DynChannel::send(&channel, &cx, message("hello"))
        .await
        .expect_err("refused");
    assert!(matches!(error, ChannelError::Retryable { .. }), "{error}");
    assert_eq!(began.load(Ordering::SeqCst), 0);
}

async fn loaded() -> (LoadedChannel, Call, Setup) {
    let setup = Setup::new(&sms(), &config("http://127.0.0.1:9/x"));
    let channel = setup.load().await;
    let clock: Arc<dyn Clock> = setup.spec.clock.clone();
    let (cx, _) = call(&clock, 5_000);
    (channel, cx, setup)
}

#[tokio::test]
async fn delivery_reports_and_answers_are_read() {
    let (channel, cx, _setup) = loaded().await;
    let pair = |name: &str, value: &str| Pair {
        name: name.into(),
        value: value.into(),
    };
    let callback = |query| RawCallback {
        method: "GET".into(),
        contact_id: "c-1".into(),
        received_at_unix_ms: 9,
        query,
        ..RawCallback::default()
    };
    let report = callback(vec![pair("st", "16"), pair("t", "1700000000")]);
    let read = DynChannel::parse_callback(&channel, &cx, report)
        .await
        .expect("a report");
    let Some(What::Report(report)) = &read.items[0].what else {
        panic!("{read:?}")
    };
    assert_eq!(
        (report.outcome(), report.r#final),
        (Outcome::Undelivered, true)
    );
    assert_eq!(
        (report.contact_id.as_str(), report.at_unix_ms),
        ("c-1", 1_700_000_000_000)
    );

    let step = callback(vec![pair("st", "8")]);
    let read = DynChannel::parse_callback(&channel, &cx, step)
        .await
        .expect("a step");
    assert!(read.items.is_empty());

    let nonsense = callback(vec![pair("x", "1")]);
    let error = DynChannel::parse_callback(&channel, &cx, nonsense)
        .await
        .expect_err("nonsense");
    assert_eq!(error.kind(), "permanent");
}

#[tokio::test]
async fn a_request_is_judged_without_sending() {
    let (channel, cx, _setup) = loaded().await;
    let valid = DynChannel::validate(&channel, &cx, message(&"债".repeat(71))).await;
    let valid = valid.expect("valid");
    assert_eq!((valid.parts, valid.warnings.len()), (2, 1));
    let mut bad = message("hello");
    bad.destination = None;
    let error = DynChannel::validate(&channel, &cx, bad)
        .await
        .expect_err("nowhere to send to");
    assert!(error.message().contains("phone number"), "{error}");
    let error = DynChannel::status(&channel, &cx, Default::default())
        .await
        .expect_err("none");
    assert!(matches!(error, ChannelError::Unsupported { .. }));
}

#[tokio::test]
async fn the_loaded_channel_says_what_it_is() {
    let (channel, cx, _setup) = loaded().await;
    let bytes = std::fs::read(sms()).expect("the library");
    let digest: String = Sha256::digest(&bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(channel.digest(), digest);
    assert_eq!(channel.descriptor().id, "org.recoup.sms");
    assert!(channel.capabilities().began && channel.max_in_flight() == 64);
    let health = DynChannel::health(&channel, &cx).await;
    assert_eq!(health.state(), recoup_channel::wire::HealthState::Ok);
    assert!(
        channel.shutdown(std::time::Duration::from_secs(5)).await,
        "destroy joins"
    );
}
