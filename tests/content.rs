//! What a message must say, over the API: told at once where a template lacks it, shown with the law, and held to
//! over each message, so that the provider is asked nothing.

use recoup::api::recoup::v1;
use tonic_types::StatusExt;

use crate::support::World;
use crate::support::client::{fields, reason};
use crate::support::scenes::{self, Loan};

/// The ladder itself contacts nobody here.
const NEVER: &str = "name: never
stages:
  - name: call
    enter: case.dpd >= 1
    steps: [{channel: phone, template: first_call, max: 1, between: ['03:00', '03:01']}]
";

fn text(name: &str, body: &str) -> v1::RegisterTemplateRequest {
    v1::RegisterTemplateRequest {
        request_id: format!("register-{name}-{}", body.len()),
        name: name.into(),
        channel: "sms".into(),
        locale: "zh".into(),
        body: body.into(),
        variables: vec!["lender_name".into()],
        ..v1::RegisterTemplateRequest::default()
    }
}

fn ask(case: &v1::Case, template: &str) -> v1::RequestContactRequest {
    v1::RequestContactRequest {
        request_id: format!("ask-{template}"),
        case_id: case.case_id.clone(),
        channel: "sms".into(),
        template: template.into(),
        reason: "she asked".into(),
        ..v1::RequestContactRequest::default()
    }
}

#[tokio::test]
async fn a_template_is_told_all_that_its_messages_must_say() {
    let world = World::live(&["sms", "phone"], NEVER).await;
    let mut policies = world.ana.policies();
    let bad = v1::RegisterTemplateRequest {
        regions: vec!["US-CA".into()],
        lender_kinds: vec![v1::LenderKind::Agency.into()],
        ..text("us", "{{ lender_name }}: please pay.")
    };
    let refused = policies.register_template(bad).await.expect_err("it lacks");
    assert_eq!(reason(&refused), "TEMPLATE_INVALID");
    assert_eq!(fields(&refused), ["body", "body", "body"]);
    let details = refused.get_error_details();
    let told = details
        .bad_request()
        .expect("violations")
        .field_violations
        .clone();
    for (violation, duty) in
        told.iter()
            .zip(["US-REGF-1006.6e", "US-CA-LICENSE", "US-REGF-1006.18e2"])
    {
        assert!(violation.description.starts_with(duty), "{violation:?}");
        assert_eq!(violation.reason, "TEMPLATE_INVALID");
    }
    let forged = v1::RegisterTemplateRequest {
        sms_signature: "Somebody".into(),
        provider_template_id: "demo".into(),
        ..text("forged", "【Somebody】pay")
    };
    let refused = policies.register_template(forged).await;
    assert_eq!(
        fields(&refused.expect_err("not approved")),
        ["sms_signature"]
    );

    let good = v1::RegisterTemplateRequest {
        locale: "en-US".into(),
        ..text(
            "us",
            "{{ lender_name }}: please pay. Reply STOP to end texts.",
        )
    };
    let done = policies.register_template(good).await.expect("it is whole");
    let done = done.into_inner();
    assert_eq!(done.template.expect("the template").regions, ["US"]);
    assert_eq!(done.checked, ["US-REGF-1006.6e"]);
    assert_eq!(
        done.left_to_rendering,
        ["US-REGF-1006.18e1", "US-REGF-1006.18e2", "US-CA-LICENSE"]
    );
    // The same duties as the law shows them.
    let page = v1::ListPacksRequest {
        page_size: 100,
        ..v1::ListPacksRequest::default()
    };
    let packs = world.ana.law().list_packs(page).await.expect("the packs");
    let packs = packs.into_inner().packs;
    let duties = packs.iter().flat_map(|p| &p.content);
    let licence = duties.clone().find(|d| d.duty_id == "US-CA-LICENSE");
    let licence = licence.expect("the duty");
    assert_eq!(licence.audience(), v1::TemplateAudience::Debtor);
    assert_eq!(licence.lender_kinds.len(), 3, "a bank has no such licence");
    assert_eq!((&*licence.message, licence.channels.len()), ("every", 2));
    let signature = duties.clone().find(|d| d.duty_id == "CN-SMS-SIGNATURE");
    let signature = signature.expect("the duty");
    assert_eq!(signature.audience(), v1::TemplateAudience::Unspecified);
    assert!(signature.lender_kinds.is_empty());
}

#[tokio::test]
async fn a_message_that_lacks_its_words_reaches_no_provider() {
    let mut world = World::live(&["sms", "phone"], NEVER).await;
    let mut policies = world.ana.policies();
    let bare = text("bare", "Please pay.");
    let done = policies.register_template(bare).await;
    let done = done.expect("nobody says where it goes").into_inner();
    assert!(done.checked.is_empty() && done.left_to_rendering.is_empty());
    let case = scenes::open(&world.ana, &Loan::at_noon(1)).await;
    let mut contacts = world.ana.contacts();
    let refused = contacts.request_contact(ask(&case, "bare")).await;
    let refused = refused.expect_err("it lacks");
    assert_eq!(reason(&refused), "CONTACT_DENIED");
    for duty in ["CN-GBT45251-IDENTITY", "CN-SMS-SIGNATURE"] {
        assert!(refused.message().contains(duty), "{refused:?}");
    }
    let mut reports = world.ana.reports();
    let listed = reports.get_worklist(v1::GetWorklistRequest::default());
    let items = listed.await.expect("the worklist").into_inner().items;
    assert!(format!("{items:?}").contains("template bare@1: CN-GBT45251-IDENTITY"));
    // The control: the text of the tests says all of it, and goes.
    let asked = contacts.request_contact(ask(&case, "reminder")).await;
    asked.expect("a text that is whole");
    scenes::until_contact(&world.ana, &case.case_id, v1::ContactState::Effected).await;
    let texts = world.sandbox.lines("receipt");
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(
        texts[0]["text"]
            .as_str()
            .is_some_and(|t| t.starts_with("【Demo Lender】"))
    );
    world.server.stop().await;
}
