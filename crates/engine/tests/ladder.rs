//! The ladder on a real store: what is due goes out once, what a fact overtakes does not.

mod support;

use jiff::civil::date;
use recoup_channel::ChannelError;
use recoup_channel::wire::Receipt;
use recoup_domain::Outcome;
use recoup_domain::case::{DueDate, WorklistReason};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::money::{Currency, Money};
use recoup_engine::CommandError;
use recoup_engine::channels::Standing;
use recoup_engine::clock::Wall as _;
use recoup_engine::commands::{
    CaseName, CeaseInput, FactsInput, HardshipInput, PaymentInput, ResolutionInput,
};
use recoup_engine::explain::Tongue;
use recoup_engine::stepped::Ground as _;
use recoup_engine::types::{Answered, CollectorInput, PartyInput, PartyName, PartyView, Report};
use recoup_store::{ContactFilter, Scope};
use support::{Rig, at};

fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::new("CNY").unwrap())
}

async fn contacts(rig: &Rig) -> Vec<recoup_domain::Contact> {
    let filter = ContactFilter::default();
    let page = rig
        .engine
        .contacts(&rig.tenant, &filter, None, 1_000)
        .await
        .unwrap();
    page.rows.into_iter().map(|v| v.contact).collect()
}

fn payment(reference: &str, minor: i64) -> PaymentInput {
    PaymentInput {
        reference: reference.into(),
        amount: cny(minor),
        received_at: None,
        balance_after: None,
    }
}

#[tokio::test]
async fn the_ladder_climbs_from_text_to_referral() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at("2026-03-04T12:00:00Z")).await;
    assert_eq!(
        rig.sent(ContactClass::Sms),
        [at("2026-03-02T00:00:00Z")],
        "08:00 in Shanghai"
    );
    rig.run_until(at("2026-03-31T12:00:00Z")).await;
    let calls = rig.sent(ContactClass::Phone);
    assert_eq!(calls.len(), 10, "{calls:?}");
    assert_eq!(
        calls[0],
        at("2026-03-05T02:00:00Z"),
        "10:00 in Shanghai, on day 4"
    );
    rig.run_until(at("2026-05-29T12:00:00Z")).await;
    let visits = rig.sent(ContactClass::Visit);
    assert_eq!(visits.len(), 3, "{visits:?}");
    rig.run_until(at("2026-06-01T00:00:00Z")).await;
    assert_eq!(
        rig.sent(ContactClass::Legal),
        [],
        "a referral waits for a second person"
    );
    let waiting = contacts(&rig)
        .await
        .into_iter()
        .find(|c| c.state == ContactState::Planned)
        .unwrap();
    let own = rig
        .engine
        .approve_contact(&rig.as_of("ana"), waiting.id, String::new(), &|_| vec![])
        .await;
    assert!(
        matches!(own, Err(CommandError::SamePerson { .. })),
        "{own:?}"
    );
    // What was approved is what goes, whatever was registered since.
    rig.register_again("demand_letter", ContactClass::Legal)
        .await;
    rig.engine
        .approve_contact(&rig.as_of("ben"), waiting.id, String::new(), &|_| vec![])
        .await
        .unwrap();
    rig.run_until(at("2026-06-02T00:00:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Legal).len(), 1);
    let sent = contacts(&rig).await;
    let sent = sent.iter().find(|c| c.id == waiting.id).unwrap();
    assert_eq!(
        (&*sent.template, sent.template_version),
        ("demand_letter", 1)
    );
    let view = rig
        .engine
        .case(&rig.tenant, &recoup_engine::commands::CaseName::Id(case))
        .await
        .unwrap();
    assert!(view.case.legal_since.is_some());
    let all = contacts(&rig).await;
    let keys: std::collections::BTreeSet<_> = all.iter().map(|c| &c.key).collect();
    assert_eq!(keys.len(), all.len(), "a key each");
    assert!(
        all.iter().all(|c| c.state == ContactState::Accepted),
        "{all:?}"
    );
}

#[tokio::test]
async fn whoever_pays_is_not_visited() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at("2026-03-31T01:00:00Z")).await;
    let visit = contacts(&rig)
        .await
        .into_iter()
        .find(|c| c.class == ContactClass::Visit)
        .unwrap();
    assert_eq!(visit.state, ContactState::Accepted);
    assert!(
        visit.effect.from > at("2026-03-31T01:00:00Z"),
        "the appointment lies ahead"
    );
    let caller = rig.requesting("ana", "pay-1", b"60000");
    let paid = rig
        .engine
        .record_payment(&caller, case, payment("p1", 60_000), &|_| b"ok".to_vec());
    let Answered::Now(view) = paid.await.unwrap() else {
        panic!("answered before")
    };
    assert_eq!(view.cancelling, [visit.id]);
    rig.run_until(at("2026-04-20T00:00:00Z")).await;
    let visit = contacts(&rig)
        .await
        .into_iter()
        .find(|c| c.id == visit.id)
        .unwrap();
    assert_eq!(
        (visit.state, visit.outcome),
        (ContactState::Cancelled, Some(Outcome::Cancelled))
    );
    assert_eq!(
        *rig.channel(ContactClass::Visit).cancelled.lock().unwrap(),
        [visit.id.to_string()]
    );
    let sent = contacts(&rig).await.len();
    rig.run_until(at("2026-06-20T00:00:00Z")).await;
    assert_eq!(contacts(&rig).await.len(), sent, "nothing after the cure");
    let again = rig
        .engine
        .record_payment(&caller, case, payment("p1", 60_000), &|_| vec![])
        .await;
    assert_eq!(
        again.unwrap().into_before().unwrap(),
        b"ok",
        "the same request, the same answer"
    );
    let other = rig.requesting("ana", "pay-1", b"other");
    let reused = rig
        .engine
        .record_payment(&other, case, payment("p2", 1), &|_| vec![])
        .await;
    assert!(matches!(reused, Err(CommandError::RequestReused)));
}

#[tokio::test]
async fn a_doubtful_send_is_never_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let sms = rig.channel(ContactClass::Sms);
    *sms.answer.lock().unwrap() = Err(ChannelError::unknown("cut"));
    rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at("2026-03-03T00:00:00Z")).await;
    let all = contacts(&rig).await;
    assert_eq!(
        all.iter().map(|c| c.state).collect::<Vec<_>>(),
        [ContactState::Unknown]
    );
    assert_eq!(rig.sent(ContactClass::Sms).len(), 1);
    rig.run_until(at("2026-03-04T23:00:00Z")).await;
    assert_eq!(
        rig.sent(ContactClass::Sms).len(),
        1,
        "the next one is three days later"
    );
}

#[tokio::test]
async fn what_is_proven_not_sent_is_tried_anew_twice_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let sms = rig.channel(ContactClass::Sms);
    *sms.answer.lock().unwrap() = Err(ChannelError::retryable("refused"));
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at("2026-03-04T23:00:00Z")).await;
    let lines = rig.engine.explain(&rig.tenant, case).await.unwrap();
    let lines = lines.words(Tongue::English);
    let said = "was refused; the channel said: retryable: refused.";
    assert!(lines.iter().any(|l| l.ends_with(said)), "{lines:#?}");
    let all = contacts(&rig).await;
    let retries: Vec<_> = all.iter().map(|c| c.retry_of).collect();
    assert_eq!(retries, [None, Some(1), Some(2)]);
    assert!(all.iter().all(|c| c.state == ContactState::RejectedProven));
}

#[tokio::test]
async fn a_crash_between_intent_and_outcome_is_doubt_not_a_second_send() {
    let dir = tempfile::tempdir().unwrap();
    {
        let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
        rig.open_case("1", date(2026, 3, 1)).await;
        rig.run_until(at("2026-03-02T00:10:00Z")).await;
        assert_eq!(rig.sent(ContactClass::Sms).len(), 1);
    }
    let db = rusqlite_forget_outcome(dir.path());
    assert_eq!(
        db, 1,
        "the outcome is undone, as if the process had died before it"
    );
    let rig = Rig::open(dir.path(), at("2026-03-02T00:20:00Z")).await;
    let all = contacts(&rig).await;
    assert_eq!(
        all.iter().map(|c| c.state).collect::<Vec<_>>(),
        [ContactState::Unknown]
    );
    rig.run_until(at("2026-03-04T23:00:00Z")).await;
    assert_eq!(
        rig.sent(ContactClass::Sms).len(),
        0,
        "the restarted process sends nothing again"
    );
}

#[tokio::test]
async fn what_was_in_flight_at_a_crash_and_is_forbidden_by_then_is_put_before_a_person() {
    for ceased in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
        let case = rig.open_case("1", date(2026, 3, 1)).await;
        rig.run_until(at("2026-03-01T23:30:00Z")).await;
        let hold = rig.channel(ContactClass::Sms).hold();
        rig.wall.advance(at("2026-03-02T00:00:00Z"));
        let running = tokio::spawn({
            let engine = rig.engine.clone();
            async move { recoup_engine::stepped::Ground::run_dry(&engine).await }
        });
        hold.reached().await;
        if ceased {
            let name = PartyName::Reference("b-1".into());
            let input = CeaseInput {
                case: None,
                written: true,
                received_at: None,
                evidence: None,
            };
            let ana = rig.as_of("ana");
            let done = rig.engine.record_cease(&ana, &name, input, &|_| vec![]);
            done.await.unwrap();
        }
        // The disk as a crash leaves it.
        let left = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(dir.path()).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                std::fs::copy(file.path(), left.path().join(file.file_name())).unwrap();
            }
        }
        hold.release();
        running.await.unwrap().unwrap();
        let after = Rig::open(left.path(), at("2026-03-02T00:01:00Z")).await;
        assert_eq!(
            contacts(&after).await.remove(0).state,
            ContactState::Unknown
        );
        let view = after.engine.case(&after.tenant, &CaseName::Id(case)).await;
        let listed = view.unwrap().case.worklist;
        let in_doubt = listed == Some(WorklistReason::SendingInDoubt);
        assert_eq!(in_doubt, ceased, "{listed:?}");
    }
}

/// Puts the one contact of the store back to the state its intent left it in.
fn rusqlite_forget_outcome(dir: &std::path::Path) -> usize {
    let db = rusqlite::Connection::open(dir.join("recoup.db")).unwrap();
    let body: String = db
        .query_row("SELECT CAST(body AS TEXT) FROM contact", [], |r| r.get(0))
        .unwrap();
    let mut body: serde_json::Value = serde_json::from_str(&body).unwrap();
    body["state"] = "DISPATCHING".into();
    body["states"].as_array_mut().unwrap().truncate(1);
    let code: i64 = db
        .query_row(
            "SELECT COUNT(*) FROM contact WHERE typeof(state) = 'text'",
            [],
            |r| r.get(0),
        )
        .unwrap();
    let state: rusqlite::types::Value = if code > 0 {
        "DISPATCHING".to_owned().into()
    } else {
        rusqlite::types::Value::Integer(1)
    };
    db.execute(
        "UPDATE contact SET state = ?1, body = CAST(?2 AS BLOB)",
        (state, body.to_string()),
    )
    .unwrap()
}

#[tokio::test]
async fn reports_settle_once_and_teach_the_party() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at("2026-03-02T01:00:00Z")).await;
    let sent = contacts(&rig).await.remove(0);
    let report = |outcome| Report {
        contact: sent.id,
        outcome,
        at: None,
        reporter: "gateway".into(),
        note: String::new(),
        evidence: vec![],
        collectors: vec![],
    };
    let ana = rig.as_of("ana");
    let done = rig
        .engine
        .report_outcome(&ana, report(Outcome::NotInService), &|_| vec![]);
    let Answered::Now(view) = done.await.unwrap() else {
        panic!()
    };
    assert_eq!(view.contact.state, ContactState::Failed);
    rig.run_until(at("2026-03-20T00:00:00Z")).await;
    assert_eq!(
        rig.sent(ContactClass::Sms).len(),
        1,
        "the number is gone: nothing more is sent to it"
    );
    assert_eq!(rig.sent(ContactClass::Phone).len(), 0);
}

#[tokio::test]
async fn doubt_is_put_before_a_person_where_a_fact_came_in_and_goes_when_it_is_settled() {
    for fact_comes_in in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
        let sms = rig.channel(ContactClass::Sms);
        *sms.answer.lock().unwrap() = Err(ChannelError::unknown("cut"));
        let case = rig.open_case("1", date(2026, 3, 1)).await;
        rig.run_until(at("2026-03-02T00:05:00Z")).await;
        let ana = rig.as_of("ana");
        let doubtful = contacts(&rig).await.remove(0);
        assert_eq!(doubtful.state, ContactState::Unknown);
        if fact_comes_in {
            let paid = payment("P1", 100);
            let done = rig.engine.record_payment(&ana, case, paid, &|_| vec![]);
            done.await.unwrap();
        }
        let listed = || async {
            let view = rig.engine.case(&rig.tenant, &CaseName::Id(case)).await;
            view.unwrap().case.worklist
        };
        let told = listed().await;
        let in_doubt = told == Some(WorklistReason::SendingInDoubt);
        assert_eq!(in_doubt, fact_comes_in, "{told:?}");
        let report = Report {
            contact: doubtful.id,
            outcome: Outcome::Delivered,
            at: None,
            reporter: "gateway".into(),
            note: String::new(),
            evidence: vec![],
            collectors: vec![],
        };
        let settled = rig.engine.report_outcome(&ana, report, &|_| vec![]);
        settled.await.unwrap();
        assert_eq!(listed().await, None, "a fact came in: {fact_comes_in}");
    }
}

#[tokio::test]
async fn a_switch_stops_everything_until_it_is_on_again() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    let blocked = async || {
        let status = rig.engine.status(&rig.tenant).await.unwrap();
        let blocked = rig.engine.blocked(&rig.tenant, &status.store).await;
        blocked.unwrap().get("dispatch_paused").copied()
    };
    let channel = Scope::Channel {
        channel: "sms".into(),
    };
    let ana = rig.as_of("ana");
    let off = rig
        .engine
        .pause_dispatch(&ana, channel.clone(), "test".into(), &|_| vec![]);
    off.await.unwrap();
    rig.run_until(at("2026-03-03T00:00:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Sms).len(), 0);
    assert_eq!(blocked().await, Some(1), "one waits for it");
    rig.engine
        .resume_dispatch(&rig.as_of("ana"), channel, "test".into(), &|_| vec![])
        .await
        .unwrap();
    assert_eq!(blocked().await, None);
    // The case was given back to the next slot: until then it does not go.
    let lines = rig.engine.explain(&rig.tenant, case).await.unwrap();
    let lines = lines.words(Tongue::English);
    let next = "The case is looked at next at 2026-03-03T00:15:00Z: it goes then.";
    assert!(lines.iter().any(|l| l == next), "{lines:#?}");
    rig.run_until(at("2026-03-04T00:00:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Sms).len(), 1);
}

#[tokio::test]
async fn many_cases_through_a_narrow_channel_each_once() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    for i in 0..100 {
        rig.open_case(&i.to_string(), date(2026, 3, 1)).await;
    }
    rig.run_until(at("2026-03-02T12:00:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Sms).len(), 100);
    let accepted = Receipt::default();
    assert!(accepted.provider_ref.is_empty());
    assert!(
        contacts(&rig)
            .await
            .iter()
            .all(|c| c.state == ContactState::Accepted)
    );
}

#[tokio::test]
async fn a_payment_while_a_visit_is_in_flight_calls_it_off_as_soon_as_it_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at("2026-03-30T23:30:00Z")).await;
    let hold = rig.channel(ContactClass::Visit).hold();
    rig.wall.advance(at("2026-03-31T00:00:00Z"));
    let running = tokio::spawn({
        let engine = rig.engine.clone();
        async move { recoup_engine::stepped::Ground::run_dry(&engine).await }
    });
    hold.reached().await;
    let ana = rig.as_of("ana");
    rig.engine
        .record_payment(&ana, case, payment("p1", 60_000), &|_| vec![])
        .await
        .unwrap();
    hold.release();
    running.await.unwrap().unwrap();
    let visit = contacts(&rig)
        .await
        .into_iter()
        .find(|c| c.class == ContactClass::Visit)
        .unwrap();
    let states: Vec<_> = visit.states.iter().map(|(s, _)| *s).collect();
    use ContactState as S;
    assert_eq!(
        states,
        [S::Dispatching, S::Accepted, S::Cancelling, S::Cancelled]
    );
}

#[tokio::test]
async fn what_is_written_over_a_party_is_what_was_read() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    rig.open_case("1", date(2026, 3, 1)).await;
    let PartyName::Told(told) = support::case_input("1", date(2026, 3, 1)).borrower else {
        panic!("told in full")
    };
    let ana = rig.as_of("ana");
    let named = |name: &str| PartyInput {
        display_name: name.into(),
        ..(*told).clone()
    };
    // Somebody else writes between the read and the write of the first try.
    let seen = std::sync::Mutex::new(Vec::new());
    let over = |told: PartyInput, stored: Option<&PartyView>| {
        let mut seen = seen.lock().unwrap();
        seen.push(stored.unwrap().plain.display_name.clone());
        if seen.len() == 1 {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread();
                    let runtime = { runtime }.enable_all().build().unwrap();
                    let as_told = |told: PartyInput, _: Option<&PartyView>| Ok(told);
                    let other = named("Li Si");
                    let other = rig
                        .engine
                        .upsert_borrower(&ana, other, &as_told, &|_| vec![]);
                    runtime.block_on(other).unwrap();
                });
            });
        }
        Ok(told)
    };
    let written = rig
        .engine
        .upsert_borrower(&ana, named("Wang Wu"), &over, &|_| vec![]);
    let Answered::Now(view) = written.await.unwrap() else {
        panic!("no request id was given")
    };
    assert_eq!(view.plain.display_name, "Wang Wu");
    assert_eq!(*seen.lock().unwrap(), ["Zhang San", "Li Si"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cases_wait_for_a_channel_that_is_busy_for_a_moment_and_are_not_put_off() {
    // More than may wait for one channel.
    const CASES: usize = 1_200;
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-02T02:00:00Z")).await;
    let loans = (0..CASES).map(|n| n.to_string());
    let opened = loans.map(|loan| async { rig.open_case(&{ loan }, date(2026, 3, 1)).await });
    futures_util::future::join_all(opened).await;
    rig.channel(ContactClass::Sms).is_busy(true);
    let engine = rig.engine.clone();
    let driven = tokio::spawn(async move { engine.run_dry().await });
    let crowd = async {
        let (mut waiting, mut looks) = (0, 0);
        while waiting == 0 || looks < 10 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            let now = rig.engine.parked("sms");
            (waiting, looks) = if now == waiting {
                (now, looks + 1)
            } else {
                (now, 0)
            };
        }
        waiting
    };
    assert!(crowd.await > CASES / 2, "they wait for room");
    rig.channel(ContactClass::Sms).is_busy(false);
    driven.await.unwrap().unwrap();
    assert_eq!(rig.sent(ContactClass::Sms).len(), CASES);
}

#[tokio::test]
async fn contacts_of_a_channel_that_is_left_alone_wait_before_their_intent() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-02T02:00:00Z")).await;
    for loan in ["1", "2", "3"] {
        rig.open_case(loan, date(2026, 3, 1)).await;
    }
    let minutes = |n: u64| std::time::Duration::from_secs(60 * n);
    let sms = rig.channel(ContactClass::Sms);
    sms.stands(Standing::Rests(minutes(10)));
    rig.run_until(at("2026-03-02T02:09:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Sms).len(), 0);
    assert!(contacts(&rig).await.is_empty(), "no try was used up");
    assert_eq!(rig.engine.parked("sms"), 0, "they are in the plan");

    // On trial: one goes, and the others after it.
    sms.stands(Standing::OnTrial);
    let hold = sms.hold();
    rig.wall.advance(at("2026-03-02T02:10:00Z"));
    let engine = rig.engine.clone();
    let driven = tokio::spawn(async move { engine.run_dry().await });
    hold.reached().await;
    assert_eq!(rig.sent(ContactClass::Sms).len(), 1);
    sms.stands(Standing::Sound);
    hold.release();
    driven.await.unwrap().unwrap();
    rig.run_until(at("2026-03-02T02:11:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Sms).len(), 3);
}

#[tokio::test]
async fn a_visit_to_whoever_paid_in_part_is_called_off_once_it_is_known_to_be_made() {
    for paid in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
        let case = rig.open_case("1", date(2026, 3, 1)).await;
        rig.run_until(at("2026-03-30T23:30:00Z")).await;
        let answer = &rig.channel(ContactClass::Visit).answer;
        *answer.lock().unwrap() = Err(ChannelError::unknown("cut"));
        rig.run_until(at("2026-03-31T00:00:00Z")).await;
        let visit = || async {
            let all = contacts(&rig).await;
            all.into_iter().find(|c| c.class == ContactClass::Visit)
        };
        let unknown = visit().await.unwrap();
        assert_eq!(unknown.state, ContactState::Unknown);
        let ana = rig.as_of("ana");
        if paid {
            let part = rig
                .engine
                .record_payment(&ana, case, payment("p1", 100), &|_| vec![]);
            part.await.unwrap();
        }
        let evidence = ResolutionInput {
            accepted: true,
            evidence: ("the calendar".into(), "a".repeat(64)),
            reason: "it is in their calendar".into(),
        };
        let ben = rig.as_of("ben");
        let settled = rig
            .engine
            .resolve_unknown(&ben, unknown.id, evidence, &|_| vec![]);
        settled.await.unwrap();
        rig.run_until(at("2026-03-31T00:01:00Z")).await;
        let stands = match paid {
            true => ContactState::Cancelled,
            false => ContactState::Accepted,
        };
        assert_eq!(visit().await.unwrap().state, stands);
    }
}

#[tokio::test]
async fn a_hardship_ends_with_the_last_case_that_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let first = rig.open_case("1", date(2026, 3, 1)).await;
    let mut input = support::case_input("2", date(2026, 3, 1));
    input.amounts.overdue = 0;
    let person = PartyName::Reference("b-1".into());
    input.borrower = person.clone();
    let ana = rig.as_of("ana");
    let opened = rig.engine.open_case(&ana, input, &|_| vec![]).await;
    let Answered::Now(second) = opened.unwrap() else {
        panic!("no request id was given")
    };
    let illness = HardshipInput {
        until: None,
        kind: "illness".into(),
    };
    let declared = rig
        .engine
        .declare_hardship(&ana, &person, illness, &|_| vec![]);
    declared.await.unwrap();
    for (case, holds) in [(first, true), (second.case.id, false)] {
        let released = rig
            .engine
            .release_hold(&ana, case, String::new(), &|_| vec![]);
        released.await.unwrap();
        let party = rig.engine.borrower(&rig.tenant, &person).await.unwrap();
        assert_eq!(party.party.hardship_until.is_some(), holds);
    }
}

#[tokio::test]
async fn a_step_back_of_one_case_recalls_the_referrals_of_that_one_alone() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let first = rig.open_case("1", date(2026, 3, 1)).await;
    let mut input = support::case_input("2", date(2026, 3, 1));
    input.borrower = PartyName::Reference("b-1".into());
    let ana = rig.as_of("ana");
    rig.engine
        .open_case(&ana, input, &|_| vec![])
        .await
        .unwrap();
    rig.run_until(at("2026-06-01T00:00:00Z")).await;
    let letters = || async {
        let all = contacts(&rig).await.into_iter();
        all.filter(|c| c.class == ContactClass::Legal)
            .collect::<Vec<_>>()
    };
    let waiting = letters().await;
    assert_eq!(waiting.len(), 2, "{waiting:?}");
    for letter in waiting {
        let ben = rig.as_of("ben");
        let approved = rig
            .engine
            .approve_contact(&ben, letter.id, String::new(), &|_| vec![]);
        approved.await.unwrap();
    }
    rig.run_until(at("2026-06-01T06:00:00Z")).await;
    let accepted = letters().await;
    let accepted = accepted
        .iter()
        .map(|c| (c.state, c.effect.to > rig.wall.now()));
    assert_eq!(
        accepted.collect::<Vec<_>>(),
        [(ContactState::Accepted, true); 2],
        "they can still be taken back"
    );
    let facts = FactsInput {
        oldest_unpaid_due: Some(DueDate::On(date(2026, 5, 20))),
        ..FactsInput::default()
    };
    rig.engine
        .update_case_facts(&ana, first, facts, &|_| vec![])
        .await
        .unwrap();
    rig.run_until(at("2026-06-01T07:00:00Z")).await;
    for letter in letters().await {
        let stands = match letter.id.case == first {
            true => ContactState::Cancelled,
            false => ContactState::Accepted,
        };
        assert_eq!(letter.state, stands);
    }
}

#[tokio::test]
async fn a_visit_that_was_ruled_out_for_want_of_collectors_is_asked_again_when_there_are_some() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let told = |active| CollectorInput {
        id: None,
        lender_ref: "wang".into(),
        display_name: "wang".into(),
        credentials: vec![("field_visit".into(), "1".into(), at("2030-01-01T00:00:00Z"))],
        languages: vec![],
        regions: vec![],
        active,
        etag: None,
    };
    let upsert = async |active| {
        let ana = rig.as_of("ana");
        let done = rig
            .engine
            .upsert_collector(&ana, told(active), &|told, _| told, &|_| vec![]);
        done.await.unwrap();
        rig.engine.activity().until_quiet().await;
    };
    upsert(false).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at("2026-04-10T00:00:00Z")).await;
    assert_eq!(
        rig.sent(ContactClass::Visit),
        [],
        "one collector is not two"
    );
    let explained = rig.engine.explain(&rig.tenant, case).await.unwrap();
    let said = explained.words(Tongue::English).join("\n");
    assert!(said.contains("skipped: HOUSE-VISIT-TWO"), "{said}");
    upsert(true).await;
    rig.run_until(at("2026-04-14T00:00:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Visit).len(), 1);
}
