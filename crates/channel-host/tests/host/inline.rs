//! What is so in the core's own process alone.

use std::sync::atomic::Ordering;
use std::time::Duration;

use recoup_channel::wire::HealthState;
use recoup_channel::{ChannelError, DynChannel};
use recoup_channel_host::Limits;

use crate::hostile::{moody, rude, send};
use crate::support::{Setup, call, example, message};

#[tokio::test]
async fn a_channel_that_must_be_isolated_is_not_loaded_inline() {
    let error = Setup::new(&example("loner"), "{}").load_error().await;
    assert!(
        error.contains("libloner.so") && error.contains("isolated"),
        "{error}"
    );
}

#[tokio::test]
async fn a_blocked_thread_is_unknown_for_all_that_it_holds_and_opens_the_circuit() {
    let (mut setup, other) = (moody(), moody());
    setup.spec.limits = Limits {
        grace: Duration::from_millis(20),
        failures_max: 2,
        open_for: Duration::from_secs(3_600),
        ..Limits::default()
    };
    let (channel, neighbour) = (setup.load().await, other.load().await);
    let error = send(&setup, &channel, message("block"), 100)
        .await
        .expect_err("it blocks");
    assert!(matches!(error, ChannelError::Unknown { .. }), "{error}");
    // The library has this one as well, behind the first: nobody can prove what it will do with it,
    // but it can't begin any more.
    let (cx, began) = call(&setup.spec.clock, 100);
    let error = DynChannel::send(&channel, &cx, message("begin and wait")).await;
    assert!(
        matches!(error, Err(ChannelError::Unknown { .. })),
        "{error:?}"
    );
    assert!(cx.began().is_err() && began.load(Ordering::SeqCst) == 0);

    let error = send(&setup, &channel, message("ok"), 100)
        .await
        .expect_err("the circuit is open");
    assert!(matches!(error, ChannelError::Retryable { .. }), "{error}");
    assert_eq!(channel.state().await.circuit_open_after, Some(2));
    let (cx, _) = call(&setup.spec.clock, 100);
    let health = DynChannel::health(&channel, &cx).await;
    assert_eq!(health.state(), HealthState::Down);
    assert!(
        health.detail.contains("failed 2 times in a row"),
        "{}",
        health.detail
    );
    send(&other, &neighbour, message("ok"), 5_000)
        .await
        .expect("the other channel goes on");
}

#[tokio::test]
async fn a_call_that_the_library_never_saw_is_proven_unsent() {
    let mut setup = Setup::new(&example("rude"), "block");
    setup.spec.limits.grace = Duration::from_millis(10);
    let channel = setup.load().await;
    let first = send(&setup, &channel, message("x"), 50)
        .await
        .expect_err("it blocks");
    assert!(
        matches!(first, ChannelError::Unknown { .. }),
        "the library has it: {first}"
    );
    let second = send(&setup, &channel, message("x"), 50)
        .await
        .expect_err("it blocks");
    assert!(
        matches!(second, ChannelError::Retryable { .. }),
        "it waits outside: {second}"
    );
}

#[tokio::test]
async fn a_completion_after_the_end_finds_no_call() {
    let mut setup = Setup::new(&example("rude"), "after the end");
    setup.spec.limits.grace = Duration::from_millis(10);
    let channel = setup.load().await;
    let error = send(&setup, &channel, message("x"), 20)
        .await
        .expect_err("no answer");
    assert!(matches!(error, ChannelError::Unknown { .. }), "{error}");
    let patience = std::time::Instant::now();
    while channel.state().await.stale_completions < 1 {
        assert!(patience.elapsed() < Duration::from_secs(10), "it is lost");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_copy_that_is_mapped_is_gone_from_the_disk() {
    let (setup, _channel) = rude("").await;
    let copies = std::fs::read_dir(&setup.spec.run_dir).expect("the run folder");
    assert_eq!(copies.count(), 0, "the copy is gone, its mapping stays");
}
