//! Versions of a policy: which one runs, which one did, and for how many cases.

use super::*;

async fn read(world: &World, version: Option<i64>) -> v1::Policy {
    let request = v1::GetPolicyRequest {
        r#ref: Some(v1::get_policy_request::Ref::Name("demo".into())),
        version,
    };
    let found = world.policies().get_policy(of("ana", request)).await;
    found
        .expect("a policy")
        .into_inner()
        .policy
        .expect("a policy")
}

async fn create(world: &World, request_id: &str, yaml: String) -> v1::Policy {
    let request = v1::CreatePolicyRequest {
        request_id: request_id.into(),
        yaml,
    };
    let created = world.policies().create_policy(of("ana", request)).await;
    created
        .expect("a version")
        .into_inner()
        .policy
        .expect("a policy")
}

async fn activate(world: &World, request_id: &str, policy: &v1::Policy) -> v1::Policy {
    let request = v1::ActivatePolicyRequest {
        request_id: request_id.into(),
        policy_id: policy.policy_id.clone(),
        note: String::new(),
    };
    let active = world.policies().activate_policy(of("ben", request)).await;
    active
        .expect("an activation")
        .into_inner()
        .policy
        .expect("a policy")
}

#[tokio::test]
async fn without_a_version_the_active_one_is_read() {
    let world = World::new().await;
    let first = world.with(POLICY).await;
    world.case("L-1").await;
    assert_eq!(
        (first.state(), first.pinned_cases),
        (v1::PolicyState::Active, 0)
    );
    let second = create(&world, "p2", POLICY.replace("max: 3", "max: 2")).await;
    assert_eq!(
        (second.version, second.state()),
        (2, v1::PolicyState::Draft)
    );
    let running = read(&world, None).await;
    assert_eq!(
        (running.version, running.state()),
        (1, v1::PolicyState::Active)
    );
    assert_eq!(running.pinned_cases, 1);

    world
        .wall
        .advance(world.engine.wall().now() + SignedDuration::from_secs(1));
    activate(&world, "a3", &second).await;
    world.case("L-2").await;
    world.case("L-3").await;
    let running = read(&world, None).await;
    assert_eq!((running.version, running.pinned_cases), (2, 2));
    let replaced = read(&world, Some(1)).await;
    assert_eq!(replaced.state(), v1::PolicyState::Retired);
    assert_eq!(replaced.pinned_cases, 1, "running cases keep theirs");

    // Back to the first: the second is what was.
    world
        .wall
        .advance(world.engine.wall().now() + SignedDuration::from_secs(1));
    let back = activate(&world, "a4", &first).await;
    assert_eq!(
        (back.state(), back.pinned_cases),
        (v1::PolicyState::Active, 1)
    );
    assert_eq!(read(&world, None).await.version, 1);
    assert_eq!(
        read(&world, Some(2)).await.state(),
        v1::PolicyState::Retired
    );
}

#[tokio::test]
async fn a_version_of_one_currency_leaves_the_others_to_the_one_before() {
    let world = World::new().await;
    world.with(POLICY).await;
    let dollars = format!("currency: USD\n{POLICY}");
    let dollars = create(&world, "p2", dollars).await;
    world
        .wall
        .advance(world.engine.wall().now() + SignedDuration::from_secs(1));
    activate(&world, "a3", &dollars).await;
    assert_eq!(read(&world, Some(1)).await.state(), v1::PolicyState::Active);
    let case = world.case("L-1").await;
    assert_eq!(case.policy.expect("a policy").version, 1, "a loan in CNY");
}

#[tokio::test]
async fn where_none_is_active_the_newest_is_read() {
    let world = World::new().await;
    let template = v1::RegisterTemplateRequest {
        request_id: "t".into(),
        name: "reminder".into(),
        channel: "sms".into(),
        locale: "en".into(),
        body: "{{ case_ref }}".into(),
        variables: vec!["case_ref".into()],
        ..v1::RegisterTemplateRequest::default()
    };
    let registered = world
        .policies()
        .register_template(of("ana", template))
        .await;
    registered.expect("a template");
    create(&world, "p1", POLICY.into()).await;
    create(&world, "p2", POLICY.replace("max: 3", "max: 2")).await;
    let newest = read(&world, None).await;
    assert_eq!(
        (newest.version, newest.state()),
        (2, v1::PolicyState::Draft)
    );
}

#[tokio::test]
async fn an_author_is_told_of_borrowers_whom_the_policy_has_no_text_for() {
    let world = World::new().await;
    let first = world.with(POLICY).await;
    let ask = async |request_id: &str, yaml: &str| {
        let request = v1::CreatePolicyRequest {
            request_id: request_id.into(),
            yaml: yaml.into(),
        };
        let created = world.policies().create_policy(of("ana", request)).await;
        created.expect("a version").into_inner()
    };
    let told = |findings: &[v1::Finding]| {
        let line = |f: &v1::Finding| (f.severity(), f.message.clone());
        findings.iter().map(line).collect::<Vec<_>>()
    };

    // Nobody's case is open: nothing is known of borrowers.
    let alone = ask("p2", &POLICY.replace("max: 3", "max: 2")).await;
    assert_eq!(told(&alone.findings), []);
    assert_eq!(alone.same_text_as, "");
    assert_eq!(
        alone.unchecked,
        [
            "whether law ever permits each step: no region of borrowers was given",
            "whether each step has a text in each language: the languages of borrowers or of the texts are not known",
        ]
    );

    world.case("L-1").await;
    let mut korean = party("B-2");
    korean.locale = "ko".into();
    let mut request = open("L-2", "L-2");
    request.borrower = Some(v1::open_case_request::Borrower::Upsert(korean));
    let opened = world.cases().open_case(of("ana", request)).await;
    opened.expect("a case");

    let lacks = (
        v1::Severity::Warning,
        "step 1 of stage `remind` has no text in ko: template `reminder` exists in zh-CN"
            .to_owned(),
    );
    let again = ask("p3", POLICY).await;
    assert_eq!(told(&again.findings), std::slice::from_ref(&lacks));
    assert_eq!(again.same_text_as, first.policy_id);
    assert_eq!(again.unchecked, [""; 0]);

    let request = v1::ActivatePolicyRequest {
        request_id: "a3".into(),
        policy_id: again.policy.expect("a policy").policy_id,
        note: String::new(),
    };
    let active = world.policies().activate_policy(of("ben", request)).await;
    let active = active.expect("it is activated all the same").into_inner();
    assert_eq!(told(&active.findings), [lacks]);
    assert_eq!(active.unchecked, [""; 0]);
}
