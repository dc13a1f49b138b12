//! What only a process of its own survives.

use std::time::{Duration, Instant};

use recoup_channel::{ChannelError, DynChannel};
use recoup_channel_host::{Host, Limits, LoadedChannel, Placement};

use crate::hostile::{moody, rude, send};
use crate::support::{Gateway, Peer, Setup, call, example, message, message_about};

async fn died(mode: &str) -> ChannelError {
    let (setup, channel) = rude(mode).await;
    let pid = pid(&channel).await;
    let error = send(&setup, &channel, message("x"), 20_000)
        .await
        .expect_err(mode);
    // The next call has a process again, and this one.
    let again = send(&setup, &channel, message("x"), 20_000).await;
    assert!(again.is_err(), "{mode}");
    let state = channel.state().await;
    assert_eq!(state.remade, 1, "{mode}");
    assert_ne!(state.process.map(|p| p.pid), Some(pid), "{mode}");
    error
}

async fn pid(channel: &LoadedChannel) -> u32 {
    let process = channel.state().await.process.expect("it has a process");
    assert_eq!(process.unguarded, [""; 0], "the whole fence holds");
    assert_ne!(process.pid, std::process::id());
    process.pid
}

#[tokio::test]
async fn whatever_ends_the_process_ends_its_calls_alone() {
    let (setup, neighbour) = rude("foreign ids").await;
    let other = pid(&neighbour).await;
    for (mode, says) in [
        ("abort", "signal: 6"),
        ("segfault", "signal: 11"),
        ("exit", "exit status: 7"),
        ("hog", "signal: 6"),
    ] {
        let error = died(mode).await;
        // This library does not say `began`, so nobody knows what it let out.
        assert!(
            matches!(error, ChannelError::Unknown { .. }),
            "{mode}: {error}"
        );
        assert!(error.message().contains(says), "{mode}: {error}");
    }
    send(&setup, &neighbour, message("x"), 5_000)
        .await
        .expect("the other channel goes on");
    assert_eq!(pid(&neighbour).await, other);
}

#[tokio::test]
async fn a_process_that_dies_before_it_began_has_proven_that_nothing_left() {
    let setup = moody();
    let channel = setup.load().await;
    let error = send(&setup, &channel, message("abort"), 5_000)
        .await
        .expect_err("it aborts");
    assert!(error.proves_not_sent(), "{error}");
    assert!(error.message().contains("nothing had begun"), "{error}");
    let error = send(&setup, &channel, message("begin and abort"), 5_000)
        .await
        .expect_err("it aborts");
    assert!(matches!(error, ChannelError::Unknown { .. }), "{error}");
    send(&setup, &channel, message("ok"), 5_000)
        .await
        .expect("it is started again");
}

#[tokio::test]
async fn one_death_takes_each_call_as_far_as_it_had_come() {
    let setup = moody();
    let channel = setup.load().await;
    let send = |body: &'static str| send(&setup, &channel, message(body), 20_000);
    let (waiting, begun, _) = tokio::join!(send("wait"), send("begin and wait"), async {
        // Both are in the library by then: calls are handed over in order.
        send("ok").await.expect("a third is answered");
        send("abort").await.expect_err("it aborts")
    });
    let waiting = waiting.expect_err("its process died");
    let begun = begun.expect_err("its process died");
    assert!(waiting.proves_not_sent(), "{waiting}");
    assert!(matches!(begun, ChannelError::Unknown { .. }), "{begun}");
    let state = channel.state().await;
    assert_eq!((state.in_flight, state.circuit_open_after), (0, None));
}

#[tokio::test]
async fn a_hang_is_ended_a_second_after_its_time() {
    for (setup, body, proven) in [
        // It blocks its thread before it has begun, and is known to say `began`.
        (moody(), "block", true),
        (Setup::new(&example("rude"), "block"), "x", false),
    ] {
        let channel = setup.load().await;
        let pid = pid(&channel).await;
        let started = Instant::now();
        let error = send(&setup, &channel, message(body), 100)
            .await
            .expect_err("it blocks");
        assert!(started.elapsed() >= Duration::from_millis(1_100));
        assert_eq!(error.proves_not_sent(), proven, "{error}");
        assert!(error.message().contains("in time"), "{error}");
        assert!(!alive(pid), "the process is gone when the call ends");
    }
}

fn alive(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn one_that_closes_its_lines_is_ended() {
    let (setup, channel) = rude("close descriptors").await;
    let pid = pid(&channel).await;
    let error = send(&setup, &channel, message("x"), 20_000)
        .await
        .expect_err("it cannot answer");
    assert!(matches!(error, ChannelError::Unknown { .. }), "{error}");
    assert!(!alive(pid));
}

#[tokio::test]
async fn a_library_that_dies_again_and_again_is_left_alone() {
    let mut setup = Setup::new(&example("rude"), "abort");
    setup.spec.limits = Limits {
        failures_max: 2,
        open_for: Duration::from_secs(3_600),
        ..Limits::default()
    };
    let channel = setup.load().await;
    for _ in 0..2 {
        send(&setup, &channel, message("x"), 5_000)
            .await
            .expect_err("it aborts");
    }
    let error = send(&setup, &channel, message("x"), 5_000)
        .await
        .expect_err("it is not even tried");
    assert!(error.proves_not_sent(), "{error}");
    assert!(
        error.message().contains("failed 2 times in a row"),
        "{error}"
    );
    assert_eq!(channel.state().await.circuit_open_after, Some(2));
}

#[tokio::test]
async fn the_fence_holds() {
    for (mode, says) in [
        ("fork", "Operation not permitted"),
        ("write a file", "Permission denied"),
        ("read the passwords", "Permission denied"),
        ("kill the core", "Operation not permitted"),
        ("environment", "RUST_MIN_STACK"),
    ] {
        let (setup, channel) = rude(mode).await;
        let seen = send(&setup, &channel, message("x"), 5_000)
            .await
            .expect(mode);
        assert!(
            seen.provider_ref.starts_with(says),
            "{mode}: {}",
            seen.provider_ref
        );
        assert!(!seen.provider_ref.contains("PATH"), "{}", seen.provider_ref);
    }
}

#[tokio::test]
async fn a_channel_is_kept_to_its_ports() {
    for (granted, reaches) in [(true, true), (false, false)] {
        let peer = Peer::start(Gateway::Answer(202, "0: Accepted for delivery")).await;
        let port = peer
            .endpoint
            .split(':')
            .nth(2)
            .and_then(|p| p.split('/').next());
        let port: u16 = port.and_then(|p| p.parse().ok()).expect("a port");
        let config = crate::sms::config(&peer.endpoint);
        let mut setup = Setup::new(&crate::support::sms(), &config);
        let Placement::Isolated(isolation) = &mut setup.spec.placement else {
            panic!("these tests are of isolated channels");
        };
        isolation.ports = Some(if granted { vec![port, 53] } else { vec![53] });
        let channel = setup.load().await;
        pid(&channel).await;
        let sent = send(&setup, &channel, message("x"), 5_000).await;
        assert_eq!(sent.is_ok(), reaches, "{sent:?}");
        if let Err(error) = sent {
            assert!(error.proves_not_sent(), "{error}");
            assert!(error.message().contains("Permission denied"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_library_says_what_it_is_before_it_sees_settings() {
    let mut setup = Setup::new(&crate::support::sms(), "no settings at all");
    let Placement::Isolated(isolation) = setup.spec.placement.clone() else {
        panic!("these tests are of isolated channels");
    };
    let found = Host::look(&setup.spec, &isolation).await.expect("it says");
    assert_eq!((&*found.id, &*found.kind), ("org.recoup.sms", "sms"));
    setup.spec.path = example("no_entry");
    let error = Host::look(&setup.spec, &isolation).await.expect_err("none");
    assert!(error.to_string().contains("does not export"), "{error}");
}

#[tokio::test]
async fn what_tells_a_service_to_stop_leaves_its_end_to_the_core() {
    let setup = moody();
    let channel = setup.load().await;
    let pid = pid(&channel).await;
    let id = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a process");
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        rustix::process::kill_process(id, signal).expect("it is there");
    }
    send(&setup, &channel, message("ok"), 5_000)
        .await
        .expect("it still serves");
    assert_eq!(self::pid(&channel).await, pid);
}

#[tokio::test]
async fn what_it_prints_disturbs_nobody() {
    let (setup, channel) = rude("print").await;
    for _ in 0..3 {
        let seen = send(&setup, &channel, message("x"), 5_000).await;
        assert_eq!(seen.expect("an answer").provider_ref, "printed");
    }
}

#[tokio::test]
async fn a_channel_that_must_be_isolated_is() {
    let channel = Setup::new(&example("loner"), "{}").load().await;
    assert!(channel.is_isolated());
    // Its table says so, and its descriptor does not.
    assert!(channel.capabilities().isolated_only);
    assert!(channel.shutdown(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn no_process_outlives_its_channel() {
    let (setup, channel) = rude("late").await;
    let first = pid(&channel).await;
    drop(channel);
    let second = setup.load().await;
    let pid = pid(&second).await;
    assert!(second.shutdown(Duration::from_secs(5)).await);
    assert!(!alive(pid));
    let patience = Instant::now();
    while alive(first) {
        assert!(patience.elapsed() < Duration::from_secs(10), "it lives on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn without_its_core_a_channel_is_never_early_enough() {
    // The clock of a call is the core's: where that has gone past not_after, nothing begins, though the
    // process's own clock is years before it.
    let setup = moody();
    let channel = setup.load().await;
    let (cx, began) = call(&setup.spec.clock, 5_000);
    let late = cx.with_not_after(crate::support::START_UNIX_MS);
    let error = DynChannel::send(&channel, &late, message_about("begin and wait", ""))
        .await
        .expect_err("too late");
    assert!(error.proves_not_sent(), "{error}");
    assert_eq!(began.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_folder_for_copies_may_be_named_from_where_the_core_works() {
    let folder = tempfile::tempdir_in(".").expect("a folder here");
    let mut setup = moody();
    let name = folder.path().file_name().expect("it has a name");
    setup.spec.run_dir = std::path::Path::new(name).join("run");
    let channel = setup.load().await;
    assert!(channel.shutdown(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn a_program_that_is_no_channel_host_is_named() {
    let mut setup = moody();
    let Placement::Isolated(isolation) = &mut setup.spec.placement else {
        panic!("these tests are of isolated channels");
    };
    isolation.program = "/bin/false".into();
    let error = setup.load_error().await;
    assert!(error.contains("exit status: 1"), "{error}");
    let Placement::Isolated(isolation) = &mut setup.spec.placement else {
        panic!("as above");
    };
    isolation.program = "/nowhere/recoup".into();
    let error = Host::load(setup.spec.clone())
        .await
        .expect_err("no program");
    assert!(error.to_string().contains("No such file"), "{error}");
}
