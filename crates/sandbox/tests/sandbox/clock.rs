//! The sandbox as a party of the stepped clock.

use recoup_sandbox::{Channel, Error, Outcome};
use tokio::net::TcpListener;

use crate::support::{
    Coordinator, Recorder, SECOND, T0, get, guarded, rule, sms_url, start, start_stepped,
};

#[tokio::test]
async fn a_party_is_busy_while_a_call_back_is_unanswered() {
    let (world, mut clock) =
        start_stepped(|o| o.rules = vec![rule("", Channel::Sms, Outcome::NotInService)]).await;
    assert_eq!(clock.joined, "JOIN sandbox");
    assert_eq!(clock.quiet().await, None);
    let mut service = Recorder::start().await;
    get(&sms_url(
        &world.at,
        "+861",
        "k1",
        &format!("{}/%d", service.url),
    ))
    .await;
    let next = clock.quiet().await.expect("a text is on its way");
    // A move to before it is due starts nothing.
    clock.now(next - 1).await;
    assert_eq!(clock.quiet().await, Some(next));
    assert!(world.of_type("outcome").is_empty());
    clock.now(next).await;
    let got = service.next().await;
    assert_eq!(clock.ask().await, None, "unanswered");
    // A service in trouble is asked again, and until then the party stays busy.
    got.answer(503);
    let again = service.next().await;
    assert_eq!(clock.ask().await, None, "unanswered again");
    again.answer(200);
    assert_eq!(clock.quiet().await, None);
    assert!(service.is_empty());
    assert_eq!(world.of_type("receipt")[0]["virtual_us"].as_i64(), Some(T0));
    assert_eq!(
        world.of_type("outcome")[0]["virtual_us"].as_i64(),
        Some(next)
    );
}

#[tokio::test]
async fn a_request_waits_for_the_first_instant() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let world = start(|o| o.clock = Some(address)).await;
    let url = sms_url(&world.at, "+861", "k1", "");
    let sending = tokio::spawn(async move { get(&url).await });
    let mut clock = Coordinator::accept(&listener).await;
    assert_eq!(clock.ask().await, None, "no instant is known");
    assert!(world.of_type("receipt").is_empty());
    clock.now(T0 + SECOND).await;
    assert_eq!(guarded("the send", sending).await.expect("sent").0, 202);
    assert_eq!(
        world.of_type("receipt")[0]["virtual_us"].as_i64(),
        Some(T0 + SECOND)
    );
}

#[tokio::test]
async fn a_shutdown_leaves() {
    let (world, mut clock) = start_stepped(|_| {}).await;
    guarded("the shutdown", world.running.shutdown()).await;
    assert_eq!(clock.line().await, "LEAVE");
}

#[tokio::test]
async fn a_coordinator_that_is_lost_is_joined_again_and_one_that_refuses_ends_the_run() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut world = start(|o| o.clock = Some(address)).await;
    drop(Coordinator::accept(&listener).await);
    let mut clock = Coordinator::accept(&listener).await;
    assert_eq!(clock.joined, "JOIN sandbox");
    clock.say("ERR the name is taken").await;
    let error = guarded("the end", world.running.wait()).await;
    assert!(
        matches!(&error, Error::Clock { reason, .. } if reason == "the name is taken"),
        "{error}"
    );
}

#[tokio::test]
async fn a_clock_that_stays_away_or_goes_backward_ends_the_run() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port")
        .local_addr();
    let mut world = start(|o| {
        o.clock = gone.ok();
        o.clock_wait_ms = 0;
    })
    .await;
    let error = guarded("the end", world.running.wait()).await;
    assert!(matches!(error, Error::Clock { .. }), "{error}");
    guarded("the shutdown of what has ended", world.running.shutdown()).await;

    let (mut world, mut clock) = start_stepped(|_| {}).await;
    clock.now(T0 - 1).await;
    let error = guarded("the end", world.running.wait()).await;
    assert!(error.to_string().contains("backward"), "{error}");
}

#[tokio::test]
async fn a_service_that_is_gone_is_given_up() {
    let (world, mut clock) = start_stepped(|o| {
        o.rules = vec![rule("", Channel::Sms, Outcome::NotInService)];
        o.callback_tries_max = 2;
    })
    .await;
    let gone = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port")
        .local_addr();
    let dlr = format!("http://{}/%d", gone.expect("an address"));
    get(&sms_url(&world.at, "+861", "k1", &dlr)).await;
    clock.step().await;
    assert_eq!(clock.quiet().await, None);
    let (_, stats) = get(&format!("{}/control/stats", world.at.control)).await;
    assert!(stats.contains("\"callback.given_up\":1"), "{stats}");
}

#[tokio::test]
async fn on_real_time_call_backs_come_by_themselves() {
    let world = start(|o| {
        o.rules = vec![rule("", Channel::Sms, Outcome::NotInService)];
        o.live_delay_ms_max = 20;
    })
    .await;
    let mut service = Recorder::start().await;
    for i in 0..5 {
        get(&sms_url(
            &world.at,
            "+861",
            "k1",
            &format!("{}/{i}/%d", service.url),
        ))
        .await;
    }
    let mut told = Vec::new();
    for _ in 0..5 {
        told.push(service.take().await.0);
    }
    told.sort();
    assert_eq!(
        told,
        [0, 1, 2, 3, 4].map(|i| format!("GET /{i}/16 HTTP/1.1"))
    );
    assert!(
        world
            .of_type("outcome")
            .iter()
            .all(|line| line["virtual_us"].is_null())
    );
}
