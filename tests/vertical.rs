//! One text: from a row of a file, through a loaded library, to the gateway, and its delivery back.

use std::process::Command;

use recoup::api::recoup::v1;
use v1::{ContactState, EventKind, Outcome};

use crate::support::World;
use crate::support::builds;
use crate::support::judge;
use crate::support::scenes::{self, Loan, ONE_TEXT};

#[tokio::test]
async fn one_text_leaves_for_an_imported_case_and_its_delivery_comes_back() {
    let mut world = World::live(&["sms"], ONE_TEXT).await;
    let loan = Loan::at_noon(1);
    let file = world.folder.path().join("cases.csv");
    let rows = format!(
        "lender_case_ref,borrower_ref,borrower_kind,jurisdiction,lender_kind,currency,overdue,\
         oldest_unpaid_due_date,display_name,time_zones,locale,mobiles\n\
         L1,B1,individual,CN,microloan_company,CNY,600.00,{},Li Wei,{},zh-CN,{}\n",
        loan.due,
        loan.zone,
        loan.mobile()
    );
    std::fs::write(&file, rows).expect("a file of one row");
    let imported = Command::new(builds::recoup())
        .args(["import", "--json", "--file"])
        .arg(&file)
        .env("RECOUP_SERVER", format!("http://{}", world.server.api()))
        .env("RECOUP_TOKEN", "dev-ana")
        .output()
        .expect("recoup import runs");
    assert!(imported.status.success(), "{imported:?}");

    let case = scenes::get(&world.ana, "L1").await;
    let contact = scenes::until_contact(&world.ana, &case.case_id, ContactState::Effected).await;
    assert_eq!(contact.outcome, i32::from(Outcome::Delivered));
    let texts = world.sandbox.effects("sms");
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert_eq!(texts[0]["dest"], loan.mobile());
    assert_eq!(
        texts[0]["text"],
        "【Demo Lender】Li Wei: 600.00 CNY is overdue."
    );

    let request = v1::GetTimelineRequest {
        case_id: case.case_id.clone(),
        ..v1::GetTimelineRequest::default()
    };
    let timeline = world.ana.cases().get_timeline(request).await;
    let timeline = timeline.expect("a timeline").into_inner().entries;
    let kinds: Vec<EventKind> = timeline.iter().map(v1::TimelineEntry::kind).collect();
    let wanted = [
        EventKind::CaseOpened,
        EventKind::ContactDispatching,
        EventKind::ContactAccepted,
        EventKind::ContactEffected,
    ];
    let mut places = wanted.map(|kind| kinds.iter().position(|k| *k == kind));
    assert!(
        places.is_sorted() && places.iter_mut().all(|p| p.is_some()),
        "{kinds:?}"
    );
    let sent = &timeline[places[1].expect("it was found")];
    let reason = sent.reason.as_ref().expect("why it was sent");
    assert_eq!(reason.stage, "remind", "{sent:?}");

    world.sandbox.stop().await;
    let ledger = judge::export(&world.ana, world.folder.path()).await;
    let judged = judge::judge(
        world.sandbox.log(),
        &ledger,
        &["--live-channels", "sms", "--require-live"],
    );
    assert_eq!(judged.status, Some(0), "{}", judged.text);
    assert_eq!(judged.figure("receipts"), 1, "{}", judged.text);
}
