//! Contacts by hand, doubtful ones settled, and what waits for a person.

use super::*;

fn ask(id: &str, case_id: &str) -> v1::RequestContactRequest {
    v1::RequestContactRequest {
        request_id: id.into(),
        case_id: case_id.into(),
        channel: "sms".into(),
        template: "reminder".into(),
        reason: "she asked for the number of her loan".into(),
        ..v1::RequestContactRequest::default()
    }
}

fn settle(id: &str, contact_id: &str, how: v1::UnknownResolution) -> v1::ResolveUnknownRequest {
    v1::ResolveUnknownRequest {
        request_id: id.into(),
        contact_id: contact_id.into(),
        resolution: how.into(),
        evidence: Some(v1::Evidence {
            reference: "carrier log 7".into(),
            sha256: "c".repeat(64),
        }),
        reason: "their desk looked it up".into(),
    }
}

async fn read(world: &World, contact_id: &str) -> v1::Contact {
    let contact_id = contact_id.into();
    let get = of("ana", v1::GetContactRequest { contact_id });
    let found = world.contacts().get_contact(get).await;
    found.expect("a contact").into_inner().contact.expect("it")
}

async fn worklist(world: &World, filter: &str) -> Vec<v1::WorklistItem> {
    let mut reports = v1::report_service_client::ReportServiceClient::new(world.channel.clone());
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::GetWorklistRequest {
            page_size: 1,
            page_token,
            filter: filter.into(),
        };
        let page = reports.get_worklist(of("ana", request)).await;
        let page = page.expect("a page").into_inner();
        all.extend(page.items);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

#[tokio::test]
async fn a_contact_by_hand_goes_out_once_by_the_same_way() {
    let world = World::new().await;
    world.with_policy().await;
    let case = world.case("L-1").await;
    let mut contacts = world.contacts();
    let asked = contacts
        .request_contact(of("ana", ask("q1", &case.case_id)))
        .await;
    let asked = asked.expect("a contact").into_inner();
    let contact = asked.contact.clone().expect("a contact");
    assert_eq!(contact.origin(), v1::ContactOrigin::Hand);
    assert_eq!(contact.state(), v1::ContactState::Dispatching);
    let replay = contacts
        .request_contact(of("ana", ask("q1", &case.case_id)))
        .await;
    assert_eq!(replay.expect("the same answer").into_inner(), asked);
    world.run_dry().await;
    assert_eq!(
        read(&world, &contact.contact_id).await.state(),
        v1::ContactState::Accepted
    );
    assert_eq!(
        world.sent().await,
        1,
        "one text a day: the policy's own waits"
    );
    let second = contacts
        .request_contact(of("ana", ask("q2", &case.case_id)))
        .await;
    let second = second.expect_err("one text a debt and day");
    assert_eq!(reason(&second), "CONTACT_DENIED");
    let details = second.get_error_details();
    let told = &details.error_info().expect("info").metadata;
    assert!(told["reasons"].contains("HOUSE-DAILY-SMS"), "{told:?}");
    // The next local day in Shanghai.
    assert!(told["earliest"].as_str() > "2026-03-02T16", "{told:?}");
    let timeline = world.timeline("ana", &case.case_id).await;
    let told = timeline
        .iter()
        .find(|e| e.kind() == v1::EventKind::ContactDispatching);
    let told = told.expect("the intent");
    assert_eq!(told.note, "she asked for the number of her loan");
    assert_eq!(told.actor, "ana");
    super::kept::must_be_sealed(&world, "number of her loan").await;
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_by_its_reason() {
    let world = World::new().await;
    world.with_policy().await;
    let id = world.case("L-1").await.case_id;
    let held = world.case("L-2").await.case_id;
    let hold = v1::HoldCaseRequest {
        request_id: "hold".into(),
        case_id: held.clone(),
        reason: "a word with the branch".into(),
        until: Some(instant(8, 0)),
    };
    world
        .cases()
        .hold_case(of("ana", hold))
        .await
        .expect("a hold");
    let closed = world.case("L-3").await.case_id;
    let close = v1::CloseCaseRequest {
        request_id: "end".into(),
        case_id: closed.clone(),
        reason: v1::CloseReason::Withdrawn.into(),
        ..v1::CloseCaseRequest::default()
    };
    world
        .cases()
        .close_case(of("ana", close))
        .await
        .expect("an end");
    let point = format!("point_{}", "0".repeat(32));
    let time = Some(instant(9, 0));
    let mut contacts = world.contacts();
    let mut seen = Vec::new();
    let base = |n: u32| ask(&n.to_string(), &id);
    for (n, who, request, expected) in [
        (1, "eve", base(1), "CASE_NOT_FOUND"),
        (2, "ana", ask("2", &closed), "CASE_CLOSED"),
        (3, "ana", ask("3", &held), "CONTACT_DENIED"),
        (
            4,
            "ana",
            v1::RequestContactRequest {
                template: "none".into(),
                ..base(4)
            },
            "TEMPLATE_NOT_FOUND",
        ),
        (
            5,
            "ana",
            v1::RequestContactRequest {
                channel: "pigeon".into(),
                ..base(5)
            },
            "CHANNEL_UNKNOWN",
        ),
        (
            6,
            "ana",
            v1::RequestContactRequest {
                channel: "phone".into(),
                ..base(6)
            },
            "CHANNEL_UNKNOWN",
        ),
        (
            7,
            "ana",
            v1::RequestContactRequest {
                contact_point_id: point,
                ..base(7)
            },
            "CONTACT_POINT_NOT_FOUND",
        ),
        (
            8,
            "ana",
            v1::RequestContactRequest { time, ..base(8) },
            "TIME_INVALID",
        ),
        (
            9,
            "ana",
            v1::RequestContactRequest {
                reason: String::new(),
                ..base(9)
            },
            "FIELD_REQUIRED",
        ),
        (10, "sue", base(10), "ROLE_MISSING"),
    ] {
        let refused = contacts.request_contact(of(who, request)).await.map(|_| ());
        seen.push((n, refused.map_err(|e| reason(&e)), expected));
    }
    let mut admin = v1::admin_service_client::AdminServiceClient::new(world.channel.clone());
    let pause = v1::PauseDispatchRequest {
        request_id: "off".into(),
        scope: Some(v1::DispatchScope {
            scope: Some(v1::dispatch_scope::Scope::Channel("sms".into())),
        }),
        reason: "garbled".into(),
    };
    admin
        .pause_dispatch(of("ana", pause))
        .await
        .expect("a pause");
    let refused = contacts
        .request_contact(of("ana", base(11)))
        .await
        .map(|_| ());
    seen.push((11, refused.map_err(|e| reason(&e)), "DISPATCH_PAUSED"));
    for (n, refused, expected) in seen {
        assert_eq!(refused, Err(expected.to_owned()), "{n}");
    }
    assert_eq!(world.sent().await, 0);
}

#[tokio::test]
async fn a_doubtful_contact_is_settled_by_another_with_proof() {
    let world = World::doubtful().await;
    world.with_policy().await;
    let one = world.case("L-1").await;
    let mut contacts = world.contacts();
    let asked = contacts
        .request_contact(of("ana", ask("q1", &one.case_id)))
        .await;
    let id = asked
        .expect("a contact")
        .into_inner()
        .contact
        .expect("it")
        .contact_id;
    world.run_dry().await;
    assert_eq!(read(&world, &id).await.state(), v1::ContactState::Unknown);
    let items = worklist(&world, "reason = unknown_contact").await;
    assert_eq!(items.len(), 1);
    assert_eq!(
        (items[0].contact_id.as_str(), items[0].case_id.as_str()),
        (id.as_str(), one.case_id.as_str())
    );
    use v1::UnknownResolution as R;
    let own = contacts
        .resolve_unknown(of("ana", settle("r1", &id, R::NotSent)))
        .await;
    assert_eq!(reason(&own.expect_err("she asked for it")), "SAME_PERSON");
    let again = contacts
        .resolve_unknown(of("ben", settle("r2", &id, R::SubmitAgain)))
        .await;
    assert_eq!(reason(&again.expect_err("not built")), "FIELD_INVALID");
    let bare = v1::ResolveUnknownRequest {
        evidence: None,
        ..settle("r3", &id, R::NotSent)
    };
    let bare = contacts.resolve_unknown(of("ben", bare)).await;
    assert_eq!(reason(&bare.expect_err("no proof")), "FIELD_REQUIRED");
    let other = contacts
        .resolve_unknown(of("eve", settle("r4", &id, R::NotSent)))
        .await;
    assert_eq!(reason(&other.expect_err("not hers")), "CONTACT_NOT_FOUND");
    let done = contacts
        .resolve_unknown(of("ben", settle("r5", &id, R::Accepted)))
        .await;
    let done = done
        .expect("settled")
        .into_inner()
        .contact
        .expect("a contact");
    assert_eq!(done.state(), v1::ContactState::Accepted);
    assert_eq!(done.evidence[0].reference, "carrier log 7");
    let twice = contacts
        .resolve_unknown(of("ben", settle("r6", &id, R::NotSent)))
        .await;
    assert_eq!(reason(&twice.expect_err("settled")), "CONTACT_STATE");
    assert_eq!(worklist(&world, "reason = unknown_contact").await, []);
    let timeline = world.timeline("ana", &one.case_id).await;
    let told = timeline
        .iter()
        .find(|e| e.note == "their desk looked it up");
    assert_eq!(told.expect("on record").actor, "ben");
}

#[tokio::test]
async fn a_contact_that_was_taken_after_all_is_called_off_where_a_fact_forbids_it() {
    let world = World::doubtful().await;
    world.with_policy().await;
    let case_id = world.case("L-1").await.case_id;
    world.run_dry().await;
    let id = format!("{}-1", case_id.replacen("case_", "contact_", 1));
    assert_eq!(read(&world, &id).await.state(), v1::ContactState::Unknown);
    let hold = v1::HoldCaseRequest {
        request_id: "hold".into(),
        case_id,
        reason: "a word with the branch".into(),
        until: None,
    };
    world
        .cases()
        .hold_case(of("ana", hold))
        .await
        .expect("a hold");
    let taken = settle("r1", &id, v1::UnknownResolution::Accepted);
    let taken = world.contacts().resolve_unknown(of("ana", taken)).await;
    let taken = taken
        .expect("settled")
        .into_inner()
        .contact
        .expect("a contact");
    // The channel of this world cannot call anything off, and a text is with its carrier at once.
    assert_eq!(taken.state(), v1::ContactState::Accepted);
    let timeline = world.timeline("ana", &taken.case_id).await;
    let beyond = timeline
        .iter()
        .filter(|e| e.kind() == v1::EventKind::ContactBeyondRecall);
    assert_eq!(beyond.count(), 1);
    let list = v1::GetWorklistRequest::default();
    let mut reports = v1::report_service_client::ReportServiceClient::new(world.channel.clone());
    let list = reports.get_worklist(of("ana", list)).await;
    assert_eq!(list.expect("a list").into_inner().items, []);
    // By hand it is refused, too.
    let cancel = v1::CancelContactRequest {
        request_id: "off".into(),
        contact_id: id.clone(),
        reason: "he is on hold".into(),
    };
    let refused = world.contacts().cancel_contact(of("ana", cancel)).await;
    assert_eq!(reason(&refused.expect_err("it is gone")), "CONTACT_STATE");
}

#[tokio::test]
async fn what_waits_for_a_person_is_listed_the_oldest_first() {
    let world = World::new().await;
    world.with(super::kept::APPROVED).await;
    let one = world.case("L-1").await.case_id;
    let two = world.case("L-2").await.case_id;
    world.run_dry().await;
    let complaint = v1::FileComplaintRequest {
        request_id: "c1".into(),
        case_id: two.clone(),
        statement: "called at work".into(),
        received_time: Some(instant(1, 0)),
        ..v1::FileComplaintRequest::default()
    };
    world
        .cases()
        .file_complaint(of("ana", complaint))
        .await
        .expect("a complaint");
    let items = worklist(&world, "").await;
    let told: Vec<_> = items
        .iter()
        .map(|i| (i.reason.as_str(), i.case_id.clone()))
        .collect();
    assert_eq!(told, [("complaint", two), ("approval", one.clone())]);
    assert!(items[0].due_time.is_some() && items[1].contact_id.starts_with("contact_"));
    let own = worklist(&world, &format!("case_id = {one}")).await;
    assert_eq!(own, items[1..]);
    let mut reports = v1::report_service_client::ReportServiceClient::new(world.channel.clone());
    let list = reports
        .get_worklist(of("eve", v1::GetWorklistRequest::default()))
        .await;
    assert_eq!(list.expect("a page").into_inner().items, []);
    let bad = v1::GetWorklistRequest {
        filter: "weight > 3".into(),
        ..v1::GetWorklistRequest::default()
    };
    let bad = reports.get_worklist(of("ana", bad)).await;
    assert_eq!(reason(&bad.expect_err("no such field")), "FILTER_INVALID");
}

#[tokio::test]
async fn policies_templates_and_collectors_are_listed_by_pages() {
    let world = World::new().await;
    let active = world.with_policy_listed().await;
    let mut policies = world.policies();
    let list = |filter: &str, page_token: String| v1::ListPoliciesRequest {
        page_size: 1,
        page_token,
        filter: filter.into(),
    };
    let first = policies
        .list_policies(of("ana", list("", String::new())))
        .await;
    let first = first.expect("a page").into_inner();
    assert_eq!(
        (first.policies[0].version, first.policies[0].yaml.as_str()),
        (2, "")
    );
    assert_eq!(first.policies[0].state(), v1::PolicyState::Draft);
    let last = policies
        .list_policies(of("ana", list("", first.next_page_token.clone())))
        .await;
    let last = last.expect("a page").into_inner();
    assert_eq!(last.policies[0].policy_id, active.policy_id);
    assert_eq!(
        (last.policies[0].pinned_cases, last.next_page_token.as_str()),
        (1, "")
    );
    let stolen = policies
        .list_policies(of("eve", list("", first.next_page_token)))
        .await;
    assert_eq!(reason(&stolen.expect_err("not hers")), "PAGE_TOKEN_INVALID");
    let drafts = policies.list_policies(of(
        "ana",
        list("state = DRAFT AND author = ana", String::new()),
    ));
    assert_eq!(drafts.await.expect("a page").into_inner().policies.len(), 1);
    let none = policies
        .list_policies(of("eve", list("", String::new())))
        .await;
    assert_eq!(none.expect("a page").into_inner().policies, []);
    let texts = v1::ListTemplatesRequest {
        filter: "channel = sms".into(),
        ..v1::ListTemplatesRequest::default()
    };
    let texts = policies.list_templates(of("ana", texts)).await;
    let texts = texts.expect("a page").into_inner().templates;
    assert_eq!((texts.len(), texts[0].name.as_str()), (1, "reminder"));
    let mut collectors =
        v1::collector_service_client::CollectorServiceClient::new(world.channel.clone());
    for (name, active) in [("wang", true), ("li", false)] {
        let upsert = v1::UpsertCollectorRequest {
            request_id: name.into(),
            collector: Some(v1::Collector {
                lender_ref: name.into(),
                display_name: name.to_uppercase(),
                languages: vec!["zh-CN".into()],
                active: Some(active),
                ..v1::Collector::default()
            }),
            update_mask: None,
        };
        collectors
            .upsert_collector(of("ana", upsert))
            .await
            .expect("a collector");
    }
    let names = async |filter: &str| -> Vec<String> {
        let list = v1::ListCollectorsRequest {
            filter: filter.into(),
            ..v1::ListCollectorsRequest::default()
        };
        let page = collectors.clone().list_collectors(of("ana", list)).await;
        let page = page.expect("a page").into_inner();
        page.collectors
            .into_iter()
            .map(|c| c.display_name)
            .collect()
    };
    assert_eq!(names("").await, ["LI", "WANG"]);
    assert_eq!(names("active = true AND language = zh-CN").await, ["WANG"]);
    assert!(names("region = CN").await.is_empty());
}
