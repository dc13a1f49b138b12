//! A disk with too little room: nothing is sent that could not be put on record, and all else goes on.

use recoup::api::recoup::v1;

use crate::support::World;
use crate::support::client::{Client, reason};
use crate::support::process::{Folder, until};
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, Loan, ONE_TEXT};
use crate::support::server::{Server, Setup};

const CASES: u32 = 5;

/// The setup of a server that wants so much room.
fn setup(sandbox: &Sandbox, least_free_mib: u32) -> Setup {
    let mut setup = Setup::default().with("sms", sandbox);
    setup.top += &format!("least_free_mib = {least_free_mib}\n");
    setup
}

async fn status(ana: &Client) -> v1::GetStatusResponse {
    let found = ana.admin().get_status(v1::GetStatusRequest {}).await;
    found.expect("a status").into_inner()
}

async fn until_looked_at(ana: &Client) {
    until("the planner to have looked at all", async || {
        (status(ana).await.due == 0).then_some(())
    })
    .await;
}

async fn must_refuse_by_hand(ana: &Client, case: &v1::Case) {
    let request = v1::RequestContactRequest {
        request_id: "by-hand".into(),
        case_id: case.case_id.clone(),
        channel: "sms".into(),
        template: "reminder".into(),
        reason: "a word".into(),
        ..v1::RequestContactRequest::default()
    };
    let refused = ana.contacts().request_contact(request).await;
    let refused = refused.expect_err("there is no room");
    assert_eq!(reason(&refused), "DISPATCH_PAUSED", "{refused:?}");
    assert!(refused.message().contains("disk"), "{refused:?}");
}

#[tokio::test]
async fn nothing_is_sent_where_its_outcome_might_find_no_room() {
    let folder = Folder::new();
    let sandbox = Sandbox::live(folder.path(), 42).await;
    // No disk has four pebibytes free.
    let server = Server::start(folder.path(), &setup(&sandbox, u32::MAX)).await;
    let (ana, ben) = (server.ana(), server.ben());
    scenes::set_up(&ana, &ben, ONE_TEXT).await;
    let mut world = World {
        server,
        sandbox,
        ana,
        folder,
    };
    let mut last = None;
    for number in 1..=CASES {
        last = Some(scenes::open(&world.ana, &Loan::at_noon(number)).await);
    }
    let last = last.expect("a case");
    until_looked_at(&world.ana).await;
    must_refuse_by_hand(&world.ana, &last).await;
    let store = status(&world.ana).await.store.expect("the store");
    let (free, least) = (store.free_bytes(), store.least_free_bytes());
    assert!(0 < free && free < least, "{free} of {least}");
    assert!(store.problem.contains("MiB free"), "{}", store.problem);
    assert!(!world.folder.path().join("data/ballast").exists());
    assert_eq!(world.sandbox.effects("sms").len(), 0);
    let contacts = scenes::contacts_of(&world.ana, &last.case_id).await;
    assert!(contacts.is_empty(), "{contacts:?}");

    // Somebody makes room; a restart is the way a test has to that.
    world.server.process().kill();
    world.server = Server::start(world.folder.path(), &setup(&world.sandbox, 1)).await;
    world.ana = world.server.ana();
    // What was held goes with the next slot; what comes now goes now.
    let next = status(&world.ana).await.next_due_time;
    let next = next.expect("what was held").seconds;
    let now = scenes::now().as_second();
    assert!((now - 900..=now + 900).contains(&next), "{next}, {now}");
    scenes::open(&world.ana, &Loan::at_noon(CASES + 1)).await;
    until("a text to leave", async || {
        (!world.sandbox.effects("sms").is_empty()).then_some(())
    })
    .await;
    let store = status(&world.ana).await.store.expect("the store");
    assert_eq!(
        (store.least_free_bytes(), store.problem.as_str()),
        (1 << 20, "")
    );
    assert!(world.folder.path().join("data/ballast").exists());
}
