//! What the lender says of numbers: an id names one, a state stops what goes to it.

use super::*;
use recoup_channel::wire::{Inbound, Inbounds, RawCallback, Reply, inbound};
use recoup_engine::callback::CallbackTarget;

/// A gateway whose call-backs are texts from a number: `+86… STOP`.
struct Writing;

impl ContactChannel for Writing {
    async fn send(&self, _: &Call, _: SendRequest) -> Result<Receipt, ChannelError> {
        Ok(Receipt::default())
    }

    async fn parse_callback(&self, _: &Call, raw: RawCallback) -> Result<Inbounds, ChannelError> {
        let text = String::from_utf8_lossy(&raw.body).into_owned();
        let (from, text) = text.split_once(' ').expect("a number and a text");
        let reply = Reply {
            from: from.into(),
            text: text.into(),
            ..Reply::default()
        };
        Ok(Inbounds {
            items: vec![Inbound {
                what: Some(inbound::What::Reply(reply)),
            }],
            ..Inbounds::default()
        })
    }
}

#[tokio::test]
async fn who_writes_from_a_replaced_number_is_heard_unless_it_is_somebody_elses_now() {
    use v1::ContactPointState as S;
    let world = World::on(sms(Arc::new(Writing))).await;
    world.with_policy().await;
    let case = world.case("L-1").await;
    let moved = told(&world, "u1", vec![point("", CALLED, S::Unspecified)]).await;
    moved.expect("another number");
    let write = async |text: &str| {
        let demo = TenantId::new("demo").expect("a tenant");
        let account = world.engine.accounts().find(|(of, _, _)| *of == demo);
        let target = CallbackTarget::Account(account.expect("an account").2);
        let raw = RawCallback {
            body: text.as_bytes().to_vec(),
            ..RawCallback::default()
        };
        let answer = world.engine.callback(&target, raw).await;
        assert_eq!(answer.expect("an answer").status, 200);
    };
    write("+8613800138000 STOP").await;
    assert_eq!(world.party(&case.party_id).await.opt_outs.len(), 1);
    // B-2 has the number now: what comes from it is theirs.
    let mut request = open("o2", "L-2");
    request.borrower = Some(v1::open_case_request::Borrower::Upsert(party("B-2")));
    let second = world.cases().open_case(of("ana", request)).await;
    let second = second.expect("a case").into_inner().case.expect("a case");
    write("+8613800138000 I pay on Friday").await;
    assert!(world.stored(&second.case_id).await.worklist.is_some());
    assert_eq!(world.stored(&case.case_id).await.worklist, None);
}

const CALLED: &str = "+8613900139000";

fn point(id: &str, value: &str, state: v1::ContactPointState) -> v1::ContactPoint {
    v1::ContactPoint {
        contact_point_id: id.into(),
        kind: v1::ContactPointKind::Mobile.into(),
        value: value.into(),
        state: state.into(),
        ..v1::ContactPoint::default()
    }
}

async fn told(
    world: &World,
    request_id: &str,
    points: Vec<v1::ContactPoint>,
) -> Result<v1::Party, Status> {
    let request = v1::UpsertBorrowerRequest {
        request_id: request_id.into(),
        party: Some(v1::Party {
            contact_points: points,
            ..party("B-1")
        }),
        ..v1::UpsertBorrowerRequest::default()
    };
    let done = world
        .borrowers()
        .upsert_borrower(of("ana", request))
        .await?;
    Ok(done.into_inner().party.expect("a party"))
}

fn states(party: &v1::Party) -> Vec<v1::ContactPointState> {
    party.contact_points.iter().map(|p| p.state()).collect()
}

#[tokio::test]
async fn a_number_that_the_lender_says_is_gone_gets_nothing_more() {
    use v1::ContactPointState as S;
    let world = World::new().await;
    world.with_policy().await;
    let case = world.case("L-1").await;
    let seen = told(&world, "u1", vec![point("", "+8613800138000", S::Invalid)])
        .await
        .expect("a party");
    assert_eq!(states(&seen), [S::Invalid]);
    world.run_dry().await;
    assert_eq!(world.sent().await, 0, "no number works");
    let explain = v1::ExplainCaseRequest {
        case_id: case.case_id.clone(),
        ..v1::ExplainCaseRequest::default()
    };
    let why = world.cases().explain_case(of("ana", explain)).await;
    let lines = why.expect("an explanation").into_inner().lines;
    let line = "Step 1 (sms `reminder`): 0 of 3 made, skipped: no usable number or address.";
    assert!(lines.iter().any(|l| l == line), "{lines:#?}");
    // Told anew without a word of it: it stays as it is.
    let same = told(
        &world,
        "u2",
        vec![point("", "+8613800138000", S::Unspecified)],
    )
    .await;
    assert_eq!(states(&same.expect("a party")), [S::Invalid]);
    // It is named by its id alone, and works again: what was passed over is asked again.
    let id = seen.contact_points[0].contact_point_id.clone();
    let again = told(&world, "u3", vec![point(&id, "", S::Valid)]).await;
    let again = again.expect("a party");
    assert_eq!(states(&again), [S::Valid]);
    assert_eq!(again.contact_points[0].value, "+8613800138000");
    world.run_dry().await;
    assert_eq!(world.sent().await, 1);
    let timeline = world.timeline("ana", &case.case_id).await;
    let lines: Vec<_> = timeline.iter().map(|l| l.summary.as_str()).collect();
    for line in ["does not exist", "works"] {
        let whole = format!("a number or address {line}, says the lender");
        assert!(lines.contains(&whole.as_str()), "{lines:#?}");
    }
}

#[tokio::test]
async fn somebody_elses_number_stays_so_whatever_is_told() {
    use v1::ContactPointState as S;
    let world = World::new().await;
    world.with_policy().await;
    world.case("L-1").await;
    for (request_id, state) in [("u1", S::WrongNumber), ("u2", S::Valid)] {
        let points = vec![point("", "+8613800138000", state)];
        let seen = told(&world, request_id, points).await.expect("a party");
        assert_eq!(states(&seen), [S::WrongNumber]);
    }
}

#[tokio::test]
async fn an_id_names_a_number_of_the_party_or_is_refused() {
    use v1::ContactPointState as S;
    let world = World::new().await;
    world.with_policy().await;
    let seen = told(&world, "u1", vec![point("", CALLED, S::Unspecified)]).await;
    let id = seen.expect("a party").contact_points[0]
        .contact_point_id
        .clone();
    let unknown = format!("point_{}", "0".repeat(32));
    let refused = told(&world, "u2", vec![point(&unknown, CALLED, S::Unspecified)]).await;
    assert_eq!(
        reason(&refused.expect_err("an id of nobody")),
        "CONTACT_POINT_NOT_FOUND"
    );
    let moved = told(
        &world,
        "u3",
        vec![point(&id, "+8613700137000", S::Unspecified)],
    )
    .await;
    let moved = moved.expect_err("the id of another number");
    let details = moved.get_error_details();
    let field = &details.bad_request().expect("a field").field_violations[0].field;
    assert_eq!(field, "party.contact_points[0].contact_point_id");
    let same = told(&world, "u4", vec![point(&id, CALLED, S::Unspecified)]).await;
    assert_eq!(
        same.expect("a party").contact_points[0].contact_point_id,
        id
    );
}
