//! A machine's clock that is set while contacts are due: none leaves until the clock is to be trusted.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use recoup::api::recoup::v1;
use recoup_testkit::cluster::Cluster;
use v1::{ClockState, ContactState, Event, EventKind};

use crate::support::World;
use crate::support::client::{Client, reason};
use crate::support::faketime::FakeWall;
use crate::support::process::{Folder, until};
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, Loan, ONE_TEXT};
use crate::support::server::{Server, Setup};

const HOUR: i64 = 3_600;

/// A server under a wall that the test sets, with the texts' channel and an active policy.
async fn world(url: Option<&str>) -> Option<(World, FakeWall)> {
    let folder = Folder::new();
    let wall = FakeWall::new(folder.path())?;
    let sandbox = Sandbox::live(folder.path(), 42).await;
    let server = Server::start(folder.path(), &setup(&wall, &sandbox, url)).await;
    let (ana, ben) = (server.ana(), server.ben());
    scenes::set_up(&ana, &ben, ONE_TEXT).await;
    let world = World {
        server,
        sandbox,
        ana,
        folder,
    };
    Some((world, wall))
}

fn setup(wall: &FakeWall, sandbox: &Sandbox, url: Option<&str>) -> Setup {
    let mut setup = wall.over(Setup::default().with("sms", sandbox));
    if let Some(url) = url {
        setup.top = setup.top.replace("sqlite:data", url);
    }
    setup
}

/// The server ends as in a crash, and another one goes on.
async fn restart(world: &mut World, wall: &FakeWall) {
    world.server.process().kill();
    let setup = setup(wall, &world.sandbox, None);
    world.server = Server::start(world.folder.path(), &setup).await;
    world.ana = world.server.ana();
}

async fn status(ana: &Client) -> v1::GetStatusResponse {
    let status = ana.admin().get_status(v1::GetStatusRequest {}).await;
    status.expect("a status").into_inner()
}

async fn until_clock(ana: &Client, state: ClockState) -> v1::Clock {
    until("the clock to be found so", async || {
        let clock = status(ana).await.clock;
        clock.filter(|clock| clock.state() == state)
    })
    .await
}

/// Waits until each case was looked at and sleeps.
async fn until_looked_at(ana: &Client) {
    until("the planner to have looked at all", async || {
        (status(ana).await.due == 0).then_some(())
    })
    .await;
}

/// Waits until so many texts have left in all; some numbers are dead, which is no matter here.
async fn until_sent(world: &World, texts: usize) {
    until("the texts to leave", async || {
        (world.sandbox.effects("sms").len() == texts).then_some(())
    })
    .await;
}

async fn accept(ana: &Client) -> v1::Clock {
    let request = v1::AcceptClockRequest {
        request_id: "accept".into(),
        reason: "compared with the time servers".into(),
    };
    let accepted = ana.admin().accept_clock(request).await;
    let accepted = accepted.expect("an operator may").into_inner();
    accepted.clock.expect("the clock")
}

async fn events(ana: &Client) -> Vec<Event> {
    let request = v1::WatchEventsRequest {
        end_at_present: true,
        ..v1::WatchEventsRequest::default()
    };
    let stream = ana.events().watch_events(request).await;
    let mut stream = stream.expect("a stream").into_inner();
    let mut events = Vec::new();
    while let Some(message) = stream.message().await.expect("the stream goes on") {
        events.extend(message.event);
    }
    events
}

fn instant(event: &Event) -> (i64, i32) {
    let time = event.time.expect("an instant");
    (time.seconds, time.nanos)
}

/// No event that was recorded after some others has an instant below theirs.
async fn must_not_go_back(ana: &Client, before: &[Event]) {
    let all = events(ana).await;
    let (old, new) = all.split_at(before.len());
    assert_eq!(old, before);
    let mark = old.iter().map(instant).max();
    assert!(!new.is_empty());
    assert!(new.iter().map(instant).min() >= mark, "{mark:?}: {new:?}");
    let accepted = new.iter().find(|e| e.kind() == EventKind::ClockAccepted);
    let accepted = accepted.expect("it is on record");
    assert_eq!(accepted.actor, "ana");
    let why = format!("{:?}", accepted.detail);
    assert!(why.contains("compared with the time servers"), "{why}");
}

/// Asks for a contact by hand, which the clock must forbid.
async fn must_refuse_by_hand(ana: &Client, case: &v1::Case) {
    let request = v1::RequestContactRequest {
        request_id: format!("hand-{}", case.case_id),
        case_id: case.case_id.clone(),
        channel: "sms".into(),
        template: "reminder".into(),
        reason: "a word".into(),
        ..v1::RequestContactRequest::default()
    };
    let refused = ana.contacts().request_contact(request).await;
    let refused = refused.expect_err("the clock is not to be trusted");
    assert_eq!(reason(&refused), "CLOCK_SUSPECT", "{refused:?}");
}

/// The clock is set by `off` while contacts are due: none leaves, over a restart where that is looked at, until an
/// operator accepts it.
async fn nothing_leaves_until_it_is_accepted(off: i64, restarts: bool) {
    let Some((mut world, wall)) = world(None).await else {
        return;
    };
    let first = scenes::open(&world.ana, &Loan::at_noon(1)).await;
    scenes::until_contact(&world.ana, &first.case_id, ContactState::Effected).await;
    let before = events(&world.ana).await;
    let sent = world.sandbox.effects("sms").len();

    wall.set(off);
    until_clock(&world.ana, ClockState::Suspect).await;
    for number in 2..=5 {
        scenes::open(&world.ana, &Loan::at_noon(number)).await;
    }
    if restarts {
        restart(&mut world, &wall).await;
    }
    let last = scenes::open(&world.ana, &Loan::at_noon(6)).await;
    until_looked_at(&world.ana).await;
    must_refuse_by_hand(&world.ana, &last).await;
    let clock = until_clock(&world.ana, ClockState::Suspect).await;
    assert!(clock.problem.contains("recoup clock accept"), "{clock:?}");
    assert_eq!(world.sandbox.effects("sms").len(), sent);
    assert!(
        scenes::contacts_of(&world.ana, &last.case_id)
            .await
            .is_empty()
    );

    let clock = accept(&world.ana).await;
    assert_eq!(clock.state(), ClockState::Ok, "{clock:?}");
    until_sent(&world, sent + 5).await;
    // The same request again does not accept another leap.
    wall.set(off + 24 * HOUR);
    until_clock(&world.ana, ClockState::Suspect).await;
    accept(&world.ana).await;
    until_clock(&world.ana, ClockState::Suspect).await;
    must_not_go_back(&world.ana, &before).await;
}

#[tokio::test]
async fn a_clock_set_on_by_an_hour_sends_nothing_until_it_is_accepted() {
    nothing_leaves_until_it_is_accepted(HOUR, false).await;
}

#[tokio::test]
async fn a_clock_set_back_by_an_hour_sends_nothing_until_it_is_accepted_and_no_instant_goes_back() {
    nothing_leaves_until_it_is_accepted(-HOUR, false).await;
}

#[tokio::test]
async fn a_clock_set_back_is_found_by_the_next_start() {
    nothing_leaves_until_it_is_accepted(-HOUR, true).await;
}

#[tokio::test]
async fn a_second_more_or_less_does_nothing() {
    let Some((world, wall)) = world(None).await else {
        return;
    };
    for (sent, off) in (1_u32..).zip([0, 1, 0, -1, 0]) {
        wall.set(off);
        scenes::open(&world.ana, &Loan::at_noon(sent)).await;
        until_sent(&world, sent as usize).await;
        let clock = status(&world.ana).await.clock.expect("the clock");
        assert_eq!(
            (clock.state(), clock.problem.as_str()),
            (ClockState::Ok, "")
        );
    }
}

/// A loan of somebody for whom it is three in the morning.
fn at_night(number: u32) -> Loan {
    let zone = scenes::noon_zone(scenes::now() + SignedDuration::from_hours(9));
    let hour = TimeZone::get(&zone)
        .expect("a zone")
        .to_datetime(scenes::now());
    assert_eq!(hour.hour(), 3, "{zone}");
    Loan {
        zone,
        ..Loan::at_noon(number)
    }
}

#[tokio::test]
async fn a_clock_that_leaps_into_the_day_wakes_nobody_at_night() {
    let Some((world, wall)) = world(None).await else {
        return;
    };
    scenes::open(&world.ana, &at_night(1)).await;
    until_looked_at(&world.ana).await;
    for off in [9 * HOUR, 33 * HOUR, -15 * HOUR] {
        wall.set(off);
        until_clock(&world.ana, ClockState::Suspect).await;
    }
    // It is set right again: as if nothing had been.
    scenes::open(&world.ana, &at_night(2)).await;
    wall.set(0);
    until_clock(&world.ana, ClockState::Ok).await;
    scenes::open(&world.ana, &Loan::at_noon(3)).await;
    until_sent(&world, 1).await;
    until_looked_at(&world.ana).await;
    let texts = world.sandbox.effects("sms");
    assert_eq!(texts.len(), 1, "{texts:?}");
}

#[tokio::test]
async fn a_server_whose_clock_is_not_the_databases_sends_nothing_until_they_agree() {
    let Some(cluster) = Cluster::start(&[]) else {
        return;
    };
    let Some((world, wall)) = world(Some(&cluster.database("skew"))).await else {
        return;
    };
    // On by less than what has to be accepted: yet the database says otherwise.
    wall.set(5);
    let clock = until("the clock to be held against the database's", async || {
        let clock = status(&world.ana).await.clock?;
        clock.problem.contains("database").then_some(clock)
    })
    .await;
    assert_eq!(clock.state(), ClockState::Suspect);
    let case = scenes::open(&world.ana, &Loan::at_noon(1)).await;
    until_looked_at(&world.ana).await;
    // Nobody can accept that.
    assert_eq!(accept(&world.ana).await.state(), ClockState::Suspect);
    assert!(
        scenes::contacts_of(&world.ana, &case.case_id)
            .await
            .is_empty()
    );
    assert_eq!(world.sandbox.effects("sms").len(), 0);
    wall.set(0);
    until_clock(&world.ana, ClockState::Ok).await;
    scenes::open(&world.ana, &Loan::at_noon(2)).await;
    until("a text to leave", async || {
        (!world.sandbox.effects("sms").is_empty()).then_some(())
    })
    .await;
}
