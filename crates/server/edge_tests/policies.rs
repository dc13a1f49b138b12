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
