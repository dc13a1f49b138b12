//! Libraries that misbehave, as far as a host in the same process can contain them.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use recoup_channel::wire::send_request::Content;
use recoup_channel::wire::{Attachment, DebtorMessage, Receipt, SendRequest};
use recoup_channel::{Cancel, ChannelError, DynChannel};
use recoup_channel_host::{Limits, LoadedChannel};
use sha2::{Digest, Sha256};

use crate::support::{Blobs, Setup, call, example, message, message_about};

pub(crate) fn moody() -> Setup {
    Setup::new(&example("moody"), "{}")
}

pub(crate) async fn send(
    setup: &Setup,
    channel: &LoadedChannel,
    request: SendRequest,
    timeout_ms: u64,
) -> Result<Receipt, ChannelError> {
    let (cx, _) = call(&setup.spec.clock, timeout_ms);
    DynChannel::send(channel, &cx, request).await
}

#[tokio::test]
async fn a_panic_ends_its_own_call_and_the_next_gets_a_new_instance() {
    let (setup, other) = (moody(), moody());
    let (channel, neighbour) = (setup.load().await, other.load().await);
    let error = send(&setup, &channel, message("panic"), 5_000)
        .await
        .expect_err("a panic");
    let ChannelError::Panic {
        message: text,
        location,
        backtrace,
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(text, "the mood is bad");
    assert!(location.contains("moody.rs"), "{location}");
    assert!(!backtrace.is_empty() && !error.proves_not_sent());

    send(&setup, &channel, message("ok"), 5_000)
        .await
        .expect("a new instance");
    assert_eq!(channel.state().await.remade, 1);
    send(&other, &neighbour, message("ok"), 5_000)
        .await
        .expect("the other channel goes on");
    assert_eq!(neighbour.state().await.remade, 0);
}

#[tokio::test]
async fn after_a_hang_the_first_call_that_is_let_through_gets_a_new_instance() {
    let mut setup = moody();
    setup.spec.limits = Limits {
        grace: Duration::from_millis(20),
        failures_max: 1,
        open_for: Duration::ZERO,
        ..Limits::default()
    };
    let channel = setup.load().await;
    send(&setup, &channel, message("block"), 100)
        .await
        .expect_err("it blocks");
    send(&setup, &channel, message("ok"), 5_000)
        .await
        .expect("a new instance");
    let state = channel.state().await;
    assert_eq!((state.remade, state.circuit_open_after), (1, None));
}

#[tokio::test]
async fn a_call_without_an_end_is_ended_by_its_time() {
    let setup = moody();
    let channel = setup.load().await;
    let error = send(&setup, &channel, message("wait"), 50)
        .await
        .expect_err("no answer");
    assert!(
        matches!(error, ChannelError::Retryable { .. }),
        "nothing had begun: {error}"
    );
    let error = send(&setup, &channel, message("begin and wait"), 50)
        .await
        .expect_err("no answer");
    assert!(
        matches!(error, ChannelError::Unknown { .. }),
        "it had begun: {error}"
    );
    assert_eq!(channel.state().await.in_flight, 0);
}

#[tokio::test]
async fn a_caller_that_goes_away_frees_its_slot() {
    let setup = moody();
    let channel = setup.load().await;
    for _ in 0..3 * channel.max_in_flight() {
        let waiting = send(&setup, &channel, message("wait"), 60_000);
        let _ = tokio::time::timeout(Duration::from_millis(1), waiting).await;
        assert_eq!(channel.state().await.in_flight, 0);
    }
    let cancel = Cancel::new();
    let (cx, _) = call(&setup.spec.clock, 60_000);
    let cx = cx.with_cancel(cancel.clone());
    // The calls given up above still run in the library, which takes only so many at once.
    let fresh = moody();
    let channel = fresh.load().await;
    let sending = DynChannel::send(&channel, &cx, message("wait for cancel"));
    let (sent, ()) = tokio::join!(sending, async { cancel.cancel() });
    assert!(sent.expect_err("cancelled").proves_not_sent());
}

#[tokio::test]
async fn more_calls_than_the_descriptor_allows_are_turned_away_unsent() {
    let setup = moody();
    let channel = setup.load().await;
    let waiting = async || send(&setup, &channel, message("wait"), 300).await;
    let (a, b, c, d, over) = tokio::join!(waiting(), waiting(), waiting(), waiting(), waiting());
    assert!(
        [a, b, c, d]
            .iter()
            .all(|r| matches!(r, Err(ChannelError::Retryable { .. })))
    );
    assert!(
        matches!(over, Err(ChannelError::RateLimited { .. })),
        "{over:?}"
    );
}

pub(crate) async fn rude(mode: &str) -> (Setup, LoadedChannel) {
    let setup = Setup::new(&example("rude"), mode);
    let channel = setup.load().await;
    (setup, channel)
}

#[tokio::test]
async fn a_second_completion_changes_nothing() {
    let (setup, channel) = rude("double").await;
    for sent in 1..=3 {
        let receipt = send(&setup, &channel, message("x"), 5_000)
            .await
            .expect("the first counts");
        assert_eq!(receipt.provider_ref, "first");
        let (mut stale, patience) = (0, std::time::Instant::now());
        // The library completes for the second time while the first is already on its way here.
        while stale < sent && patience.elapsed() < Duration::from_secs(10) {
            tokio::task::yield_now().await;
            stale = channel.state().await.stale_completions;
        }
        assert_eq!(stale, sent);
    }
}

#[tokio::test]
async fn a_completion_of_somebody_elses_call_finds_nothing() {
    let (setup, channel) = rude("foreign ids").await;
    let receipt = send(&setup, &channel, message("x"), 5_000)
        .await
        .expect("its own id works");
    assert_eq!(receipt.provider_ref, "own");
}

#[tokio::test]
async fn answers_that_nobody_can_read_are_unknown() {
    for mode in [
        "garbage",
        "garbage failure",
        "no such status",
        "too large",
        "refuse after began",
    ] {
        let (setup, channel) = rude(mode).await;
        let error = send(&setup, &channel, message("x"), 5_000)
            .await
            .expect_err(mode);
        assert!(
            matches!(error, ChannelError::Unknown { .. }),
            "{mode}: {error}"
        );
    }
    let (setup, channel) = rude("refuse").await;
    let error = send(&setup, &channel, message("x"), 5_000)
        .await
        .expect_err("full");
    assert!(matches!(error, ChannelError::RateLimited { .. }), "{error}");
}

#[tokio::test]
async fn once_its_time_is_over_a_call_may_end_but_not_begin() {
    let setup = Setup::new(&example("rude"), "late");
    let channel = setup.load().await;
    let (cx, began) = call(&setup.spec.clock, 20);
    // The library hears that its time is over, tries to begin, and ends the call.
    DynChannel::send(&channel, &cx, message("x"))
        .await
        .expect("its end comes within the grace");
    assert_eq!(began.load(Ordering::SeqCst), 0);
    assert_eq!(channel.state().await.stale_completions, 0);
}

#[tokio::test]
async fn only_granted_secrets_are_given() {
    let setup = moody();
    let channel = setup.load().await;
    let given = send(&setup, &channel, message_about("secret", "pass"), 5_000).await;
    assert_eq!(given.expect("granted").provider_ref, "s3cret-word");
    let refused = send(&setup, &channel, message_about("secret", "other"), 5_000).await;
    assert!(matches!(refused, Err(ChannelError::Auth { .. })));
}

#[tokio::test]
async fn a_log_line_is_written_without_the_secrets_in_it() {
    let written = written_log();
    let setup = moody();
    let channel = setup.load().await;
    let line = message_about("log", "the password is s3cret-word, really");
    send(&setup, &channel, line, 5_000).await.expect("ok");
    let written = String::from_utf8(written.lock().expect("no panic while held").clone());
    let written = written.expect("text");
    assert!(
        written.contains("the password is [secret], really"),
        "{written}"
    );
    assert!(
        written.contains("WARN") && written.contains("channel=test"),
        "{written}"
    );
    assert!(!written.contains("s3cret-word"));
}

/// What this process logs from now on. The channel logs on a thread of its own, so the subscriber has
/// to be the process's.
fn written_log() -> Arc<Mutex<Vec<u8>>> {
    #[derive(Clone)]
    struct Into(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Into {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .lock()
                .expect("no panic while held")
                .extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let written = Arc::default();
    let writer = Into(Arc::clone(&written));
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    written
}

#[tokio::test]
async fn an_event_gets_a_ticket_and_its_acknowledgement_comes_back() {
    let setup = moody();
    let channel = setup.load().await;
    let receipt = send(&setup, &channel, message_about("event", "hello"), 5_000)
        .await
        .expect("ok");
    let ticket: u64 = receipt.provider_ref.parse().expect("a ticket");
    assert_eq!(setup.told.replies(), [(ticket, "hello".to_owned())]);
    DynChannel::event_acked(&channel, ticket);
    let patience = std::time::Instant::now();
    while setup.told.replies().len() < 2 {
        assert!(
            patience.elapsed() < Duration::from_secs(10),
            "the acknowledgement got lost"
        );
        tokio::task::yield_now().await;
    }
    assert_eq!(setup.told.replies()[1].1, format!("acked {ticket}"));
}

fn debtor(request: &mut SendRequest) -> &mut DebtorMessage {
    match &mut request.content {
        Some(Content::Debtor(message)) => message,
        other => panic!("not to the debtor: {other:?}"),
    }
}

#[tokio::test]
async fn an_attachment_of_20_mib_is_read_in_place() {
    let mut setup = moody();
    let bytes: Vec<u8> = (0..20 * 1024 * 1024u32).map(|n| (n % 251) as u8).collect();
    let sha256: [u8; 32] = Sha256::digest(&bytes).into();
    let last = bytes.last().copied().expect("not empty");
    setup.spec.blobs = Arc::new(Blobs(BTreeMap::from([(sha256, bytes)])));
    let channel = setup.load().await;
    let mut request = message("blob");
    let named = |sha256: &[u8]| Attachment {
        sha256: sha256.to_vec(),
        ..Attachment::default()
    };
    debtor(&mut request).attachments = vec![named(&sha256)];
    let receipt = send(&setup, &channel, request.clone(), 20_000)
        .await
        .expect("it reads");
    assert_eq!(receipt.provider_ref, format!("20971520 ends in {last}"));
    debtor(&mut request).attachments = vec![named(&[1; 32])];
    let error = send(&setup, &channel, request, 20_000)
        .await
        .expect_err("no such hash");
    assert!(error.message().contains("no attachment"), "{error}");
}
