//! Rights: who calls, whether they may, for which lender, and what is not built.

use recoup::api::recoup::v1;
use tonic::Code;

use crate::support::client::{Client, reason};
use crate::support::process::Folder;
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, Loan, ONE_TEXT};
use crate::support::server::{Server, Setup};

/// Two lenders with a principal each, and one who may only audit.
const TWO_LENDERS: &str = "[[tenant]]\nid = \"demo\"\ndisplay_name = \"Demo Lender\"\n\
    sms = [{ signature = \"Demo Lender\", templates = [\"demo\"] }]\n\
    [[tenant]]\nid = \"other\"\ndisplay_name = \"Other\"\n\
    [[dev_principal]]\nname = \"ana\"\ntoken = \"dev-ana\"\ntenant = \"demo\"\nroles = [\"all\"]\n\
    [[dev_principal]]\nname = \"ben\"\ntoken = \"dev-ben\"\ntenant = \"demo\"\nroles = [\"all\"]\n\
    [[dev_principal]]\nname = \"olga\"\ntoken = \"dev-olga\"\ntenant = \"other\"\nroles = [\"all\"]\n\
    [[dev_principal]]\nname = \"audit\"\ntoken = \"dev-audit\"\ntenant = \"demo\"\nroles = [\"auditor\"]\n";

async fn two_lenders() -> (Server, Sandbox, Folder) {
    let folder = Folder::new();
    let sandbox = Sandbox::live(folder.path(), 42).await;
    let mut setup = Setup::default().with("sms", &sandbox);
    setup.tables.push_str(TWO_LENDERS);
    let server = Server::start(folder.path(), &setup).await;
    (server, sandbox, folder)
}

#[tokio::test]
async fn who_says_no_name_or_a_false_one_may_do_nothing() {
    let (server, _sandbox, _folder) = two_lenders().await;
    for client in [
        server.nobody(),
        server.client("dev-anna"),
        server.client("x"),
    ] {
        let refused = client.admin().get_status(v1::GetStatusRequest {}).await;
        let refused = refused.expect_err("nobody");
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::Unauthenticated, "UNAUTHENTICATED")
        );
    }
    let status = server
        .ana()
        .admin()
        .get_status(v1::GetStatusRequest {})
        .await;
    assert!(status.is_ok(), "{status:?}");
}

#[tokio::test]
async fn a_role_that_a_call_needs_is_needed() {
    let (server, _sandbox, _folder) = two_lenders().await;
    let audit = server.client("dev-audit");
    assert!(
        audit
            .cases()
            .list_cases(v1::ListCasesRequest::default())
            .await
            .is_ok()
    );
    let refused = audit.cases().open_case(Loan::at_noon(1).open()).await;
    let refused = refused.expect_err("an auditor only looks");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "ROLE_MISSING")
    );
    assert!(
        refused.message().contains("OpenCase"),
        "{}",
        refused.message()
    );
}

#[tokio::test]
async fn whoever_wrote_a_policy_does_not_activate_it() {
    let (server, _sandbox, _folder) = two_lenders().await;
    let (ana, ben) = (server.ana(), server.ben());
    scenes::set_up(&ana, &ben, ONE_TEXT).await;
    let request = v1::CreatePolicyRequest {
        request_id: "second".into(),
        yaml: ONE_TEXT.replace("max: 3", "max: 2"),
    };
    let created = ana.policies().create_policy(request).await;
    let policy = created.expect("a policy").into_inner().policy.expect("it");
    let request = v1::ActivatePolicyRequest {
        request_id: "activate-own".into(),
        policy_id: policy.policy_id,
        note: String::new(),
    };
    let refused = ana.policies().activate_policy(request).await;
    assert_eq!(reason(&refused.expect_err("her own")), "SAME_PERSON");
}

/// What one lender has, another cannot see, name, change or learn of.
#[tokio::test]
async fn lenders_know_nothing_of_each_other() {
    let (server, _sandbox, folder) = two_lenders().await;
    let (ana, ben, olga) = (server.ana(), server.ben(), server.client("dev-olga"));
    scenes::set_up(&ana, &ben, ONE_TEXT).await;
    let case = scenes::open(&ana, &Loan::at_noon(1)).await;
    scenes::until_contact(&ana, &case.case_id, v1::ContactState::Effected).await;

    let by_id = v1::get_case_request::Ref::CaseId(case.case_id.clone());
    let by_ref = v1::get_case_request::Ref::LenderCaseRef("L1".into());
    for name in [by_id, by_ref] {
        let request = v1::GetCaseRequest { r#ref: Some(name) };
        let refused = olga.cases().get_case(request).await;
        assert_eq!(reason(&refused.expect_err("not hers")), "CASE_NOT_FOUND");
    }
    let request = v1::RecordPaymentRequest {
        request_id: "pay".into(),
        case_id: case.case_id.clone(),
        payment_ref: "P".into(),
        amount: Some(scenes::cny(1)),
        received_time: Some(scenes::pb_time(scenes::now())),
        balance_after: None,
    };
    let refused = olga.cases().record_payment(request).await;
    assert_eq!(reason(&refused.expect_err("not hers")), "CASE_NOT_FOUND");
    let contacts = scenes::contacts_of(&olga, &case.case_id).await;
    assert!(contacts.is_empty(), "{contacts:?}");
    let list = olga
        .cases()
        .list_cases(v1::ListCasesRequest::default())
        .await;
    assert!(list.expect("a list").into_inner().cases.is_empty());
    assert_eq!(events_of(&olga).await, 0);
    assert!(events_of(&ana).await > 0);
    let ledger = crate::support::judge::export(&olga, folder.path()).await;
    let ledger = std::fs::read_to_string(ledger).expect("the ledger");
    assert!(
        !ledger.contains(&case.case_id) && ledger.lines().count() == 2,
        "{ledger}"
    );
}

async fn events_of(client: &Client) -> usize {
    let request = v1::WatchEventsRequest {
        end_at_present: true,
        ..v1::WatchEventsRequest::default()
    };
    let stream = client.events().watch_events(request).await;
    let mut stream = stream.expect("a stream").into_inner();
    let mut count = 0;
    while let Some(message) = stream.message().await.expect("it goes on") {
        count += usize::from(message.event.is_some());
    }
    count
}

/// Every method that is not built says so, to whoever could call it once it is.
#[tokio::test]
async fn what_is_not_built_says_so() {
    let (server, _sandbox, _folder) = two_lenders().await;
    let methods = recoup::api::methods().expect("the contract");
    let preview: Vec<_> = methods.into_iter().filter(|m| m.preview).collect();
    assert!(
        !preview.is_empty(),
        "then this test has nothing left to hold"
    );
    for method in preview {
        let mut grpc = tonic::client::Grpc::new(server.ana().named());
        grpc.ready().await.expect("a connection");
        let path = method.path.parse().expect("a path");
        let request = tonic::Request::new(v1::GetStatusRequest {});
        let codec = tonic_prost::ProstCodec::<_, v1::GetStatusResponse>::default();
        let answer = grpc.unary(request, path, codec).await;
        let status = answer.expect_err(&method.path);
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::Unimplemented, "NOT_BUILT"),
            "{}",
            method.path
        );
    }
}
