//! Requests: the same id means the same request, whatever happens to the wire or the server.

use recoup::api::recoup::v1;
use tonic::Code;

use crate::support::World;
use crate::support::client::reason;
use crate::support::scenes::{self, Loan, ONE_TEXT, cny};

#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_another_body_is_refused() {
    let world = World::live(&["sms"], ONE_TEXT).await;
    let request = Loan::at_noon(1).open();
    let first = world.ana.cases().open_case(request.clone()).await;
    let first = first.expect("a case").into_inner();
    let again = world.ana.cases().open_case(request.clone()).await;
    assert_eq!(again.expect("the answer of before").into_inner(), first);

    let mut other = request;
    let case = other.case.as_mut().expect("the case");
    case.facts.as_mut().expect("facts").overdue = Some(cny(601));
    let refused = world.ana.cases().open_case(other).await;
    let refused = refused.expect_err("the id is taken");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::AlreadyExists, "REQUEST_ID_REUSED")
    );

    let list = world
        .ana
        .cases()
        .list_cases(v1::ListCasesRequest::default())
        .await;
    let list = list.expect("a list").into_inner().cases;
    assert_eq!(list.len(), 1, "{list:?}");
}

#[tokio::test]
async fn a_payment_told_twice_counts_once() {
    let world = World::live(&["sms"], ONE_TEXT).await;
    let case = scenes::open(&world.ana, &Loan::at_noon(1)).await;
    let received = scenes::pb_time(scenes::now());
    let pay = |request_id: &str, units| v1::RecordPaymentRequest {
        request_id: request_id.into(),
        case_id: case.case_id.clone(),
        payment_ref: "P1".into(),
        amount: Some(cny(units)),
        received_time: Some(received),
        balance_after: None,
    };
    // Twice by the same request, and once more by another that tells of the same payment.
    for id in ["pay", "pay", "pay-again"] {
        let paid = world.ana.cases().record_payment(pay(id, 100)).await;
        let paid = paid
            .expect("it is taken")
            .into_inner()
            .case
            .expect("the case");
        assert_eq!(paid.collected, Some(cny(100)), "{id}");
    }
    let refused = world
        .ana
        .cases()
        .record_payment(pay("pay-other", 200))
        .await;
    assert_eq!(reason(&refused.expect_err("P1 was 100")), "PAYMENT_EXISTS");
}

#[tokio::test]
async fn every_mutation_needs_an_id() {
    let world = World::live(&["sms"], ONE_TEXT).await;
    for id in ["", "with a space", &"x".repeat(65)] {
        let mut request = Loan::at_noon(1).open();
        request.request_id = id.into();
        let refused = world.ana.cases().open_case(request).await;
        let refused = refused.expect_err("no id");
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::InvalidArgument, "REQUEST_ID_INVALID"),
            "{id}"
        );
    }
}
