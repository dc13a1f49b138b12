//! What a call lets out, and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use recoup_channel::connector::refusal;
use recoup_channel::{Call, Cancel, ChannelError, Clock, Guarded};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[derive(Default)]
struct Hand {
    wall_unix_ms: AtomicI64,
    mono_ns: AtomicI64,
}

impl Clock for Hand {
    fn wall_unix_ms(&self) -> i64 {
        self.wall_unix_ms.load(Ordering::SeqCst)
    }

    fn mono_ns(&self) -> u64 {
        u64::try_from(self.mono_ns.load(Ordering::SeqCst)).expect("it only grows")
    }
}

fn call(clock: &Arc<Hand>) -> (Call, Arc<AtomicU32>) {
    let told = Arc::new(AtomicU32::new(0));
    let count = told.clone();
    let call = Call::new(Duration::from_secs(1), clock.clone())
        .with_not_after(100)
        .with_began(Arc::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }));
    (call, told)
}

#[test]
fn began_is_told_once_over_all_clones() {
    let (call, told) = call(&Arc::default());
    let clone = call.clone();
    assert!(!call.has_begun());
    call.began().expect("in time");
    clone.began().expect("begun already");
    assert!(clone.has_begun() && told.load(Ordering::SeqCst) == 1);
    assert!(matches!(call.broken("cut"), ChannelError::Unknown { .. }));
}

#[test]
fn at_not_after_nothing_begins() {
    let clock: Arc<Hand> = Arc::default();
    let (call, told) = call(&clock);
    clock.wall_unix_ms.store(99, Ordering::SeqCst);
    call.check_not_after().expect("a millisecond is left");
    clock.wall_unix_ms.store(100, Ordering::SeqCst);
    let error = call.began().expect_err("the instant itself is too late");
    assert!(error.proves_not_sent() && told.load(Ordering::SeqCst) == 0);
}

#[test]
fn once_proven_unsent_nothing_begins() {
    let (call, told) = call(&Arc::default());
    assert!(matches!(
        call.broken("no route"),
        ChannelError::Retryable { .. }
    ));
    call.began().expect_err("the proof has been given");
    assert_eq!(told.load(Ordering::SeqCst), 0);
}

#[test]
fn the_time_left_follows_the_monotonic_clock_alone() {
    let clock: Arc<Hand> = Arc::default();
    let (call, _) = call(&clock);
    clock.wall_unix_ms.store(i64::MAX, Ordering::SeqCst);
    assert_eq!(call.remaining(), Duration::from_secs(1));
    clock.mono_ns.store(400_000_000, Ordering::SeqCst);
    assert_eq!(call.remaining(), Duration::from_millis(600));
    clock.mono_ns.store(9_000_000_000, Ordering::SeqCst);
    assert_eq!(call.remaining(), Duration::ZERO);
}

#[tokio::test]
async fn the_first_write_asks_and_reads_do_not() {
    let (call, told) = call(&Arc::default());
    let (near, mut far) = tokio::io::duplex(64);
    let mut near = Guarded::new(near, &call);
    far.write_all(b"220 hello").await.expect("a greeting");
    let mut greeting = [0; 9];
    near.read_exact(&mut greeting).await.expect("reads pass");
    near.write_all(b"").await.expect("nothing is nothing");
    assert_eq!(told.load(Ordering::SeqCst), 0);
    near.write_all(b"EHLO").await.expect("in time");
    near.write_all(b" me").await.expect("the gate is open");
    assert_eq!(told.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_refused_write_lets_no_byte_out_and_says_why() {
    let clock: Arc<Hand> = Arc::default();
    let (call, _) = call(&clock);
    let (near, mut far) = tokio::io::duplex(64);
    let mut near = Guarded::new(near, &call);
    clock.wall_unix_ms.store(1_000, Ordering::SeqCst);
    let error = near.write_all(b"GET /").await.expect_err("too late");
    let found = refusal(&error).expect("the reason is inside");
    assert_eq!(near.refused(), Some(found));
    clock.wall_unix_ms.store(0, Ordering::SeqCst);
    near.write_all(b"GET /")
        .await
        .expect_err("a refused stream stays so");
    drop(near);
    let mut seen = Vec::new();
    far.read_to_end(&mut seen).await.expect("the end");
    assert!(seen.is_empty());
}

#[tokio::test]
async fn a_cancel_wakes_all_who_wait() {
    let cancel = Cancel::new();
    let (one, two) = (cancel.cancelled(), cancel.clone().cancelled());
    let ((), (), ()) = tokio::join!(one, two, async { cancel.cancel() });
    assert!(cancel.is_cancelled());
    cancel.cancelled().await;
}
