//! Events: everything after a cursor, in order, once; over a break of the stream and of the server.

use std::collections::BTreeMap;

use recoup::api::recoup::v1;
use v1::{ContactState, Event, EventKind};

use crate::support::World;
use crate::support::client::{Client, reason};
use crate::support::scenes::{self, Loan, ONE_TEXT};
use crate::support::server::{Server, Setup};

/// Reads events after a cursor, up to the present or up to `most`; answers them with the last cursor.
async fn read(client: &Client, cursor: &str, most: usize) -> (Vec<Event>, String) {
    let request = v1::WatchEventsRequest {
        cursor: cursor.into(),
        end_at_present: true,
        ..v1::WatchEventsRequest::default()
    };
    let stream = client.events().watch_events(request).await;
    let mut stream = stream.expect("a stream").into_inner();
    let (mut events, mut cursor) = (Vec::new(), cursor.to_owned());
    while events.len() < most {
        let Some(message) = stream.message().await.expect("the stream goes on") else {
            break;
        };
        events.extend(message.event);
        cursor = message.cursor;
    }
    (events, cursor)
}

#[tokio::test]
async fn a_watcher_that_breaks_off_misses_nothing_and_sees_nothing_twice() {
    let mut world = World::live(&["sms"], ONE_TEXT).await;
    scenes::open_and_settle(&world.ana, 1..=8).await;
    let (whole, end) = read(&world.ana, "", usize::MAX).await;
    let positions: Vec<i64> = whole.iter().map(|e| e.position).collect();
    assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?}");
    let mut kinds: BTreeMap<EventKind, usize> = BTreeMap::new();
    whole
        .iter()
        .for_each(|e| *kinds.entry(e.kind()).or_default() += 1);
    for kind in [
        EventKind::CaseOpened,
        EventKind::ContactDispatching,
        EventKind::ContactAccepted,
    ] {
        assert_eq!(kinds.get(&kind), Some(&8), "{kind:?}: {kinds:?}");
    }
    // Some numbers of the sandbox are dead.
    let ends = [EventKind::ContactEffected, EventKind::ContactFailed];
    let ends = ends.iter().filter_map(|kind| kinds.get(kind));
    assert_eq!(ends.sum::<usize>(), 8, "{kinds:?}");

    let (mut pieces, mut cursor) = (Vec::new(), String::new());
    loop {
        let (more, next) = read(&world.ana, &cursor, 5).await;
        if more.is_empty() {
            break;
        }
        pieces.extend(more);
        cursor = next;
    }
    assert_eq!(pieces, whole, "in pieces of five, the same");

    // A server that was killed and started again gives the same events, and the cursor still holds.
    world.server.process().kill();
    let setup = Setup::default().with("sms", &world.sandbox);
    world.server = Server::start(world.folder.path(), &setup).await;
    let ana = world.server.ana();
    assert_eq!(read(&ana, "", usize::MAX).await.0, whole);
    let case = scenes::open(&ana, &Loan::at_noon(9)).await;
    scenes::until_contact(&ana, &case.case_id, ContactState::Effected).await;
    let (news, _) = read(&ana, &end, usize::MAX).await;
    assert!(!news.is_empty());
    assert!(
        news.iter()
            .all(|e| e.position > positions[positions.len() - 1])
    );
    let opened = news.iter().filter(|e| e.kind() == EventKind::CaseOpened);
    assert_eq!(
        opened.map(|e| e.case_id.clone()).collect::<Vec<_>>(),
        [case.case_id]
    );
}

#[tokio::test]
async fn a_live_watcher_hears_of_what_happens() {
    let world = World::live(&["sms"], ONE_TEXT).await;
    let (_, cursor) = read(&world.ana, "", usize::MAX).await;
    let request = v1::WatchEventsRequest {
        cursor,
        kinds: vec![EventKind::ContactEffected.into()],
        ..v1::WatchEventsRequest::default()
    };
    let stream = world.ana.events().watch_events(request).await;
    let mut stream = stream.expect("a stream").into_inner();
    let case = scenes::open(&world.ana, &Loan::at_noon(1)).await;
    let heard = loop {
        let message = stream.message().await.expect("the stream goes on");
        if let Some(event) = message.expect("it does not end").event {
            break event;
        }
    };
    assert_eq!(heard.kind(), EventKind::ContactEffected);
    assert_eq!(heard.case_id, case.case_id);
}

#[tokio::test]
async fn a_cursor_of_nobody_is_refused() {
    let world = World::live(&["sms"], ONE_TEXT).await;
    let request = v1::WatchEventsRequest {
        cursor: "12".into(),
        ..v1::WatchEventsRequest::default()
    };
    let refused = world.ana.events().watch_events(request).await;
    assert_eq!(reason(&refused.expect_err("made up")), "CURSOR_INVALID");
}
