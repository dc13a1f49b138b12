//! The conformance kit over a good library and over bad ones. A binary of its own with one test at a
//! time in it, since the kit counts this process's threads.

#[path = "host/support.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use recoup_channel_host::kit::{self, Report, Verdict};

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

/// See `support::placement`.
const ISOLATED: bool = false;

use support::{Setup, example, message, sms};

/// Takes every connection, and counts what comes.
async fn count_bytes(gateway: TcpListener, seen: Arc<AtomicUsize>) {
    while let Ok((mut stream, _)) = gateway.accept().await {
        let seen = seen.clone();
        tokio::spawn(async move {
            let mut all = Vec::new();
            let _ = stream.read_to_end(&mut all).await;
            seen.fetch_add(all.len(), Ordering::SeqCst);
        });
    }
}

async fn report(path: &std::path::Path, config: &str, body: &str) -> Report {
    let setup = Setup::new(path, config);
    kit::check(setup.spec.clone(), message(body), 42).await
}

fn failed(report: &Report) -> Vec<&'static str> {
    let failed = report
        .checks
        .iter()
        .filter(|check| matches!(check.verdict, Verdict::Fail(_)));
    failed.map(|check| check.rule).collect()
}

#[tokio::test]
async fn good_libraries_pass_and_each_rule_that_is_broken_is_found() {
    let gateway = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = gateway.local_addr().expect("an address");
    let seen = Arc::new(AtomicUsize::new(0));
    tokio::spawn(count_bytes(gateway, seen.clone()));
    let config = serde_json::json!({
        "endpoint": format!("http://{address}/x"), "username": "u", "password_secret": "pass",
        "from": "1",
    });
    let good = report(&sms(), &config.to_string(), "hello").await;
    assert_eq!(
        seen.load(Ordering::SeqCst),
        0,
        "every text comes past its not_after"
    );
    assert!(good.passed(), "{:#?}", good.checks);
    assert_eq!(good.checks.len(), 12);
    assert!(
        good.checks
            .iter()
            .all(|check| check.verdict == Verdict::Pass),
        "{:#?}",
        good.checks
    );

    let receipt_at_any_time = report(&example("moody"), "{}", "ok").await;
    assert!(
        failed(&receipt_at_any_time).contains(&"past not_after nothing is sent, and that is said")
    );

    let panics = report(&example("moody"), "{}", "panic").await;
    assert!(!panics.passed());

    let double = report(&example("rude"), "double", "x").await;
    assert!(
        failed(&double).contains(&"no call is completed twice or late"),
        "{double:#?}"
    );

    let no_library = report(&example("no_entry"), "{}", "x").await;
    assert_eq!(
        failed(&no_library),
        ["it exports the entry symbol alone", "it loads"]
    );
}
