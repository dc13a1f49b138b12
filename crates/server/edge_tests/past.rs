//! What was, over the wire: the same bytes later as then, in two languages, and decisions that are taken again.

use super::*;
use prost::Message;
use recoup_engine::clock::Wall as _;

fn question(
    case: &str,
    at: Option<prost_types::Timestamp>,
    language: &str,
) -> v1::ExplainCaseRequest {
    v1::ExplainCaseRequest {
        case_id: case.to_owned(),
        as_of: at,
        language_code: language.to_owned(),
        ..v1::ExplainCaseRequest::default()
    }
}

async fn explained(world: &World, question: v1::ExplainCaseRequest) -> v1::ExplainCaseResponse {
    let told = world.cases().explain_case(of("ana", question)).await;
    told.expect("an explanation").into_inner()
}

#[tokio::test]
async fn the_past_is_the_same_bytes_whenever_it_is_asked_for() {
    let world = World::new().await;
    world.with_policy().await;
    let case = world.case("L-1").await.case_id;
    world.run_dry().await;
    let later = world.wall.now() + SignedDuration::from_hours(30);
    world.wall.advance(later);
    let then = Some(instant(29, 0));
    for language in ["", "en", "zh-CN"] {
        let first = explained(&world, question(&case, then, language)).await;
        assert_eq!(first.mode(), v1::ExplainMode::AsRecorded);
        assert!(!first.calendar_version.is_empty() && !first.tzdb_version.is_empty());
        let told = first
            .facts
            .iter()
            .find(|f| f.name == "contacts.sms.made")
            .expect("a fact");
        assert_eq!(told.value, "1");
        assert!(told.source.starts_with("event_"), "{told:?}");
        let events = world.events("ana").await;
        let source = events
            .iter()
            .find(|e| e.event_id == told.source)
            .expect("the event");
        assert_eq!(
            source.kind(),
            v1::EventKind::ContactDispatching,
            "{source:?}"
        );
        if language.is_empty() {
            world.run_dry().await;
        }
        let later = explained(&world, question(&case, then, language)).await;
        assert_eq!(first.encode_to_vec(), later.encode_to_vec());
    }
    let chinese = explained(&world, question(&case, then, "zh")).await;
    assert!(
        chinese.lines[0].starts_with("截至 "),
        "{:#?}",
        chinese.lines
    );
    let refused = world
        .cases()
        .explain_case(of("ana", question(&case, None, "fr")))
        .await;
    let refused = refused.expect_err("no French");
    assert_eq!(reason(&refused), "FIELD_INVALID");
}

#[tokio::test]
async fn a_span_of_decisions_is_taken_again() {
    let world = World::new().await;
    world.with_policy().await;
    for loan in ["L-1", "L-2", "L-3"] {
        world.case(loan).await;
    }
    world.run_dry().await;
    let mut audit = v1::audit_service_client::AuditServiceClient::new(world.channel.clone());
    let span = |from, to| v1::ReplayDecisionsRequest {
        start_time: from,
        end_time: to,
    };
    let (from, to) = (Some(instant(-24, 0)), Some(instant(24, 0)));
    let stream = audit.replay_decisions(of("ana", span(from, to))).await;
    let mut stream = stream.expect("a replay").into_inner();
    let mut answers = Vec::new();
    while let Some(answer) = stream.message().await.expect("an answer") {
        answers.push(answer.part.expect("a part"));
    }
    let result = v1::ReplayResult {
        decisions: 3,
        same: 3,
        same_contact: 0,
    };
    assert_eq!(
        answers,
        [v1::replay_decisions_response::Part::Result(result)]
    );
    for (from, to, reason_is) in [
        (to, from, "TIME_INVALID"),
        (from, from, "TIME_INVALID"),
        (from, Some(instant(24 * 31, 0)), "TIME_INVALID"),
        (None, to, "FIELD_REQUIRED"),
    ] {
        let refused = audit.replay_decisions(of("ana", span(from, to))).await;
        assert_eq!(reason(&refused.expect_err("no span")), reason_is);
    }
}

#[tokio::test]
async fn a_stepped_clock_goes_on_from_where_its_store_stood() {
    use recoup_store::conformance::build;
    let dir = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(Options::new(dir.path(), ClockStamp::Stepped)).expect("a store");
    let party = build::party(&build::tenant("a"), 1);
    let (known, opened) = (
        build::tell_party(&party),
        build::open_case(&build::case(&party, 1), None),
    );
    let last = opened.entries.iter().map(|e| e.at).max().expect("an entry");
    for change in [known, opened] {
        store.commit(change).await.expect("a commit");
    }
    for (start, goes_on) in [
        (last - SignedDuration::from_hours(900), last),
        (
            last + SignedDuration::from_hours(1),
            last + SignedDuration::from_hours(1),
        ),
    ] {
        let mark = crate::wiring::newest_on_record(&store).await;
        let stepped = crate::wiring::ClockChoice::Stepped {
            start,
            listen: "127.0.0.1:0".parse().expect("an address"),
            parties: Vec::new(),
        };
        let (wall, _) = crate::wiring::wall_of(&stepped, mark.expect("a store that works"));
        assert_eq!(wall.now(), goes_on);
    }
}
