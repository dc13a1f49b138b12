//! Personal data lies sealed: the store's files hold no name, number, reference or word of a person, not in
//! state, journal or recorded answers, and an answer is still given twice alike.

use std::path::{Path, PathBuf};

use recoup::api::recoup::v1;
use tokio_stream::StreamExt;

use crate::support::World;
use crate::support::client::Client;
use crate::support::scenes::{self, Loan};

/// What is told of people below, each in words of its own.
const PERSONAL: [&str; 19] = [
    "+8613800077777",
    "b77777@borrower.example",
    "Road 77777, Town",
    "Borrower 77777",
    "B77777",
    "L77777",
    "Fang Renamed",
    "+8613900001234",
    "Import Li",
    "+8613700004321",
    "LOAN-IMPORTED",
    "Collector Qian",
    "CRED-8812",
    "PAY-551",
    "the sister said",
    "not my signature",
    "shouted at me",
    "asked by counsel",
    "archive/consent-77",
];

#[tokio::test]
async fn the_files_of_the_store_hold_nothing_personal() {
    let world = World::live(&["sms"], scenes::ONE_TEXT).await;
    let ana = &world.ana;
    let loan = Loan::at_noon(77_777);
    let case = scenes::open(ana, &loan).await;
    let made = scenes::until_contact(ana, &case.case_id, v1::ContactState::Effected).await;
    assert_eq!(made.channel, "sms");
    rename(ana).await;
    let collector = collector();
    let first = ana.collectors().upsert_collector(collector.clone()).await;
    import(ana).await;
    tell(ana, &case).await;

    // Twice alike, though the first answers lie sealed.
    let again = ana.collectors().upsert_collector(collector).await;
    let first = first.expect("a collector").into_inner();
    assert_eq!(again.expect("the answer kept").into_inner(), first);
    let again = ana.cases().open_case(loan.open()).await;
    let again = again.expect("the answer kept").into_inner().case;
    assert_eq!(again.expect("the case").lender_case_ref, "L77777");

    let files = files_of(&world.folder.path().join("data"));
    let holds = |word: &str| files.iter().find(|(_, text)| text.contains(word));
    // What speaks of nobody is found: these are the files, and the search finds.
    assert!(holds("one-text").is_some(), "the store is somewhere else");
    for word in PERSONAL {
        let found = holds(word).map(|(path, _)| path.display());
        assert!(found.is_none(), "`{word}` is in {found:?}");
    }
}

async fn rename(ana: &Client) {
    let point = v1::ContactPoint {
        kind: v1::ContactPointKind::Mobile.into(),
        value: "+8613900001234".into(),
        ..v1::ContactPoint::default()
    };
    let request = v1::UpsertBorrowerRequest {
        request_id: "rename".into(),
        party: Some(v1::Party {
            lender_ref: "B78".into(),
            display_name: "Fang Renamed".into(),
            kind: v1::BorrowerKind::Individual.into(),
            time_zones: vec!["Asia/Shanghai".into()],
            contact_points: vec![point],
            ..v1::Party::default()
        }),
        update_mask: None,
    };
    ana.borrowers().upsert_borrower(request).await.expect("it");
}

fn collector() -> v1::UpsertCollectorRequest {
    v1::UpsertCollectorRequest {
        request_id: "collector".into(),
        collector: Some(v1::Collector {
            lender_ref: "q1".into(),
            display_name: "Collector Qian".into(),
            credentials: vec![v1::Credential {
                kind: "field_visit".into(),
                number: "CRED-8812".into(),
                valid_until: Some(scenes::pb_date("2099-12-31".parse().expect("a date"))),
            }],
            active: Some(true),
            ..v1::Collector::default()
        }),
        update_mask: None,
    }
}

async fn import(ana: &Client) {
    let mut opened = Loan::at_noon(79).open();
    let mut case = opened.case.take().expect("a case");
    case.lender_case_ref = "LOAN-IMPORTED".into();
    let Some(v1::open_case_request::Borrower::Upsert(mut borrower)) = opened.borrower else {
        panic!("the borrower is told");
    };
    borrower.display_name = "Import Li".into();
    borrower.contact_points[0].value = "+8613700004321".into();
    let row = v1::ImportCasesRequest {
        request_id: "batch".into(),
        row_number: 1,
        borrower: Some(borrower),
        case: Some(case),
    };
    let answers = ana.cases().import_cases(tokio_stream::iter([row])).await;
    let mut answers = answers.expect("an import").into_inner();
    let answer = answers.next().await.expect("an answer").expect("a row");
    use v1::import_cases_response::Result as R;
    assert!(matches!(answer.result, Some(R::CaseId(_))), "{answer:?}");
}

/// Payments, promises and what people say.
async fn tell(ana: &Client, case: &v1::Case) {
    let case_id = || case.case_id.clone();
    let party = || {
        Some(v1::PartyRef {
            r#ref: Some(v1::party_ref::Ref::PartyId(case.party_id.clone())),
        })
    };
    let paid = v1::RecordPaymentRequest {
        request_id: "paid".into(),
        case_id: case_id(),
        payment_ref: "PAY-551".into(),
        amount: Some(scenes::cny(10)),
        received_time: Some(scenes::pb_time(scenes::now())),
        ..v1::RecordPaymentRequest::default()
    };
    ana.cases().record_payment(paid).await.expect("a payment");
    let hold = v1::HoldCaseRequest {
        request_id: "hold".into(),
        case_id: case_id(),
        reason: "asked by counsel".into(),
        until: None,
    };
    ana.cases().hold_case(hold).await.expect("a hold");
    let release = v1::ReleaseHoldRequest {
        request_id: "release".into(),
        case_id: case_id(),
        note: "the sister said".into(),
    };
    ana.cases().release_hold(release).await.expect("a release");
    let dispute = v1::RaiseDisputeRequest {
        request_id: "dispute".into(),
        case_id: case_id(),
        statement: "not my signature".into(),
        ..v1::RaiseDisputeRequest::default()
    };
    ana.cases().raise_dispute(dispute).await.expect("a dispute");
    let complaint = v1::FileComplaintRequest {
        request_id: "complaint".into(),
        case_id: case_id(),
        statement: "shouted at me".into(),
        ..v1::FileComplaintRequest::default()
    };
    let filed = ana.cases().file_complaint(complaint).await;
    filed.expect("a complaint");
    let consent = v1::RecordConsentRequest {
        request_id: "consent".into(),
        party: party(),
        kind: v1::ConsentKind::OffHours.into(),
        evidence: Some(v1::Evidence {
            reference: "archive/consent-77".into(),
            sha256: "ab".repeat(32),
        }),
        source: "letter".into(),
        ..v1::RecordConsentRequest::default()
    };
    let given = ana.borrowers().record_consent(consent).await;
    given.expect("a consent");
}

/// Every file under a folder, read whole.
fn files_of(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder of the store") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(files_of(&path));
        } else {
            let bytes = std::fs::read(&path).expect("a file");
            all.push((path, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    all
}
