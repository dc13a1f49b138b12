//! A carrier is asked what became of a contact in doubt: also by the next life of the server.

use recoup::api::recoup::v1;

use crate::kill;
use crate::support::judge;
use crate::support::process::{Folder, until};
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, Loan, cny, now, pb_time};
use crate::support::server::{Server, Setup};
use crate::swap::VISITS;

use v1::ContactState as S;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visit_in_doubt_is_found_at_its_carrier_and_can_be_called_off() {
    let folder = Folder::new();
    let mut sandbox = Sandbox::live(folder.path(), 42).await;
    let setup = Setup::default()
        .with("sms", &sandbox)
        .with("visit", &sandbox);
    let mut server = Server::start(folder.path(), &setup).await;
    let (ana, ben) = (server.ana(), server.ben());
    scenes::set_up(&ana, &ben, VISITS).await;
    scenes::add_collectors(&ana).await;
    // It takes what it is told, and never says so.
    sandbox.misbehave("visit:cut=1").await;
    let case = scenes::open(&ana, &Loan::at_noon(1)).await;
    let doubtful = scenes::until_contact(&ana, &case.case_id, S::Unknown).await;
    assert_eq!(doubtful.channel, "visit");
    server.process().kill();
    sandbox.misbehave("").await;

    let mut server = Server::start(folder.path(), &setup).await;
    let ana = server.ana();
    let found = until("the visit to be found", async || {
        let all = scenes::contacts_of(&ana, &case.case_id).await;
        let visit = all.into_iter().find(|c| c.channel == "visit");
        visit.filter(|c| c.state() != S::Unknown)
    })
    .await;
    assert_eq!(
        (found.state(), &found.contact_id),
        (S::Accepted, &doubtful.contact_id)
    );
    let paid = v1::RecordPaymentRequest {
        request_id: "paid".into(),
        case_id: case.case_id.clone(),
        payment_ref: "P1".into(),
        amount: Some(cny(600)),
        received_time: Some(pb_time(now())),
        balance_after: None,
    };
    ana.cases().record_payment(paid).await.expect("taken");
    let cancelled = scenes::until_contact(&ana, &case.case_id, S::Cancelled).await;
    assert_eq!(cancelled.contact_id, doubtful.contact_id);

    kill::settle(&ana).await;
    let ledger = judge::export(&ana, folder.path()).await;
    assert!(server.stop().await.success());
    sandbox.stop().await;
    let judged = judge::judge(sandbox.log(), &ledger, &["--allow-misbehave"]);
    assert_eq!(judged.status, Some(0), "{}", judged.text);
}
