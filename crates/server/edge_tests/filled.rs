//! Ids and times that the contract names are there.

use super::*;

fn later(world: &World, hours: i64) -> prost_types::Timestamp {
    let to = world.engine.wall().now() + SignedDuration::from_hours(hours);
    world.wall.advance(to);
    prost_types::Timestamp {
        seconds: to.as_second(),
        nanos: to.subsec_nanosecond(),
    }
}

#[tokio::test]
async fn an_opt_out_has_an_id_and_keeps_it() {
    let world = World::new().await;
    world.with_policy().await;
    world.case("L-1").await;
    let mut ids = Vec::new();
    for (request, channel) in [("o1", "sms"), ("o2", "sms"), ("o3", "email")] {
        let opt_out = v1::RecordOptOutRequest {
            request_id: request.into(),
            party: Some(v1::PartyRef {
                r#ref: Some(v1::party_ref::Ref::LenderRef("B-1".into())),
            }),
            scope: Some(v1::record_opt_out_request::Scope::Channel(channel.into())),
            received_via: "letter".into(),
            ..v1::RecordOptOutRequest::default()
        };
        let done = world.borrowers().record_opt_out(of("ana", opt_out)).await;
        let done = done.expect("an opt-out").into_inner();
        assert!(
            done.opt_out_id
                .parse::<recoup_domain::ids::OptOutId>()
                .is_ok()
        );
        let kept = done.party.expect("a party").opt_outs;
        assert!(
            kept.iter().any(|o| o.opt_out_id == done.opt_out_id),
            "{kept:?}"
        );
        ids.push(done.opt_out_id);
    }
    assert_eq!(ids[0], ids[1], "the same wish once more");
    assert_ne!(ids[0], ids[2]);
}

#[tokio::test]
async fn a_case_says_when_it_changed_and_when_it_is_looked_at_next() {
    let world = World::new().await;
    world.with_policy().await;
    let opened = world.case("L-1").await;
    let start = Some(instant(3, 0));
    assert_eq!(opened.update_time, start);
    assert_eq!(opened.next_action_time, start, "a text is due");
    world.run_dry().await;
    let get = |id: &str| {
        let get = v1::GetCaseRequest {
            r#ref: Some(v1::get_case_request::Ref::CaseId(id.into())),
        };
        of("ana", get)
    };
    let sent = world.cases().get_case(get(&opened.case_id)).await;
    let sent = sent.expect("a case").into_inner().case.expect("a case");
    let next = sent.next_action_time.expect("the ladder goes on");
    assert!(next.seconds > instant(3, 0).seconds, "{next:?}");
    let list = v1::ListCasesRequest::default();
    let list = world.cases().list_cases(of("ana", list)).await;
    let listed = list.expect("a page").into_inner().cases.remove(0);
    assert_eq!(listed.next_action_time, Some(next));
    let now = later(&world, 1);
    let close = v1::CloseCaseRequest {
        request_id: "c1".into(),
        case_id: opened.case_id,
        reason: v1::CloseReason::Withdrawn.into(),
        ..v1::CloseCaseRequest::default()
    };
    let closed = world.cases().close_case(of("ana", close)).await;
    let closed = closed.expect("an end").into_inner().case.expect("a case");
    assert_eq!(
        (closed.update_time, closed.next_action_time),
        (Some(now), None)
    );
    assert_eq!(closed.open_time, start);
}

#[tokio::test]
async fn a_person_says_when_they_were_told_and_when_they_changed() {
    let world = World::new().await;
    let upsert = |id: &str, party: v1::Party| v1::UpsertBorrowerRequest {
        request_id: id.into(),
        party: Some(party),
        ..v1::UpsertBorrowerRequest::default()
    };
    let mut borrowers = world.borrowers();
    let told = borrowers.upsert_borrower(of("ana", upsert("u1", party("B-1"))));
    let told = told.await.expect("a party").into_inner().party;
    let told = told.expect("a party");
    let start = Some(instant(3, 0));
    assert_eq!((told.create_time, told.update_time), (start, start));
    let now = later(&world, 2);
    let again = borrowers.upsert_borrower(of("ana", upsert("u2", party("B-1"))));
    let again = again.await.expect("a party").into_inner().party;
    assert_eq!(
        again.expect("a party").update_time,
        start,
        "nothing new was told"
    );
    let renamed = v1::Party {
        locale: "en".into(),
        ..party("B-1")
    };
    let renamed = borrowers.upsert_borrower(of("ana", upsert("u3", renamed)));
    let renamed = renamed.await.expect("a party").into_inner().party;
    let renamed = renamed.expect("a party");
    assert_eq!(
        (renamed.create_time, renamed.update_time),
        (start, Some(now))
    );
}

#[tokio::test]
async fn a_contact_names_the_policy_that_planned_it_and_when_it_was_approved() {
    let world = World::new().await;
    let policy = world.with(super::kept::APPROVED).await;
    let case = world.case("L-1").await;
    world.run_dry().await;
    let now = later(&world, 1);
    let approve = v1::ApproveContactRequest {
        request_id: "y1".into(),
        contact_id: format!("{}-1", case.case_id.replacen("case_", "contact_", 1)),
        note: String::new(),
    };
    let approved = world.contacts().approve_contact(of("ben", approve)).await;
    let contact = approved.expect("a second person").into_inner().contact;
    let contact = contact.expect("a contact");
    assert_eq!(contact.approvals[0].time, Some(now));
    assert_eq!(contact.update_time, Some(now));
    let pin = contact.policy.expect("a policy");
    assert_eq!((pin.policy_id, pin.version), (policy.policy_id, 1));
    world.run_dry().await;
    let list = v1::ListContactsRequest::default();
    let list = world.contacts().list_contacts(of("ana", list)).await;
    let sent = list.expect("a page").into_inner().contacts.remove(0);
    assert_eq!(sent.state(), v1::ContactState::Accepted);
    assert_eq!(sent.policy.map(|p| p.hash), Some(policy.hash));
    assert_eq!(sent.approvals[0].time, Some(now), "also once it is sent");
}

#[tokio::test]
async fn a_due_date_in_the_mask_without_a_value_is_cleared() {
    let world = World::new().await;
    world.with_policy().await;
    let case = world.case("L-1").await;
    let update = |id: &str, paths: &[&str]| v1::UpdateCaseFactsRequest {
        request_id: id.into(),
        case_id: case.case_id.clone(),
        facts: Some(v1::CaseFacts::default()),
        update_mask: Some(prost_types::FieldMask {
            paths: paths.iter().map(|p| (*p).to_owned()).collect(),
        }),
        ..v1::UpdateCaseFactsRequest::default()
    };
    let mut cases = world.cases();
    let tags = cases.update_case_facts(of("ana", update("f1", &["tags"])));
    let tags = tags.await.expect("facts").into_inner().case;
    assert_eq!(tags.expect("a case").dpd, 10, "the mask does not name it");
    let cleared = cases.update_case_facts(of("ana", update("f2", &["oldest_unpaid_due_date"])));
    let cleared = cleared.await.expect("facts").into_inner().case;
    let cleared = cleared.expect("a case");
    assert_eq!(cleared.dpd, 0);
    let facts = cleared.facts.expect("facts");
    assert_eq!(facts.oldest_unpaid_due_date, None);
    assert_eq!(facts.overdue, money(100));
    let never = cases.update_case_facts(of("ana", update("f3", &["overdue"])));
    let never = never.await.expect_err("an amount that a case must have");
    assert_eq!(reason(&never), "FIELD_MASK_INVALID");
}

#[tokio::test]
async fn the_status_counts_the_callers_lender_alone() {
    let world = World::new().await;
    world.with_policy().await;
    world.case("L-1").await;
    let status = async |who| {
        let mut admin = v1::admin_service_client::AdminServiceClient::new(world.channel.clone());
        let status = admin.get_status(of(who, v1::GetStatusRequest {})).await;
        status.expect("a status").into_inner()
    };
    let own = status("ana").await;
    assert_eq!((own.open_cases, own.due), (1, 1));
    assert_eq!(own.next_due_time, Some(instant(3, 0)));
    let other = status("eve").await;
    assert_eq!((other.open_cases, other.due), (0, 0));
    assert_eq!(other.next_due_time, None);
    world.run_dry().await;
    let sent = std::collections::HashMap::from([("ACCEPTED".to_owned(), 1)]);
    assert_eq!(status("ana").await.contacts, sent);
    assert!(status("eve").await.contacts.is_empty());
}

#[tokio::test]
async fn of_many_who_write_over_the_same_etag_one_does() {
    let world = World::new().await;
    let upsert = |n: i32, etag: &str| v1::UpsertBorrowerRequest {
        request_id: format!("u{n}"),
        party: Some(v1::Party {
            display_name: format!("writer {n}"),
            etag: etag.into(),
            ..party("B-1")
        }),
        ..v1::UpsertBorrowerRequest::default()
    };
    let mut borrowers = world.borrowers();
    let first = borrowers.upsert_borrower(of("ana", upsert(0, ""))).await;
    let first = first.expect("a party").into_inner().party;
    let etag = first.expect("a party").etag;
    let mut writers = tokio::task::JoinSet::new();
    for n in 1..=12 {
        let (mut borrowers, request) = (world.borrowers(), of("ana", upsert(n, &etag)));
        writers.spawn(async move { borrowers.upsert_borrower(request).await });
    }
    let answers = writers.join_all().await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(done.len(), 1);
    for status in refused.into_iter().filter_map(Result::err) {
        assert_eq!(reason(&status), "STALE_ETAG");
    }
}

#[tokio::test]
async fn a_stop_is_lifted_by_the_lender_who_laid_it() {
    let world = World::new().await;
    let mut admin = v1::admin_service_client::AdminServiceClient::new(world.channel.clone());
    let all = || {
        Some(v1::DispatchScope {
            scope: Some(v1::dispatch_scope::Scope::All(true)),
        })
    };
    let pause = |id: &str| v1::PauseDispatchRequest {
        request_id: id.into(),
        scope: all(),
        reason: "court order".into(),
    };
    let resume = |id: &str| v1::ResumeDispatchRequest {
        request_id: id.into(),
        scope: all(),
        reason: "go".into(),
    };
    let laid = admin.pause_dispatch(of("ana", pause("p1"))).await;
    assert_eq!(laid.expect("a stop").into_inner().pauses.len(), 1);
    // Somebody of another lender can neither lift it nor make it theirs.
    let lifted = admin.resume_dispatch(of("eve", resume("r1"))).await;
    assert_eq!(
        reason(&lifted.expect_err("not theirs")),
        "DISPATCH_NOT_PAUSED"
    );
    let again = admin.pause_dispatch(of("eve", pause("p2"))).await;
    assert_eq!(
        again.expect("it is paused").into_inner().pauses[0].author,
        "ana"
    );
    let lifted = admin.resume_dispatch(of("eve", resume("r2"))).await;
    assert!(lifted.is_err(), "still not theirs");
    let lifted = admin.resume_dispatch(of("ana", resume("r3"))).await;
    assert!(lifted.expect("her own").into_inner().pauses.is_empty());
}
