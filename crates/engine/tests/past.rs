//! A case explained as it was: the same later as it was then, and with what was learned since.

mod support;

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use recoup_domain::contact::ContactClass;
use recoup_domain::ids::CaseId;
use recoup_domain::money::{Currency, Money};
use recoup_engine::CommandError;
use recoup_engine::commands::{Circumstance, HoldInput, PaymentInput, PromiseInput};
use recoup_engine::explain::{Explanation, Mode, Tongue};
use recoup_engine::types::{Answered, PartyName};
use support::{Rig, at, case_input};

async fn then(rig: &Rig, case: CaseId, when: &str, mode: Mode) -> Explanation {
    let told = rig
        .engine
        .explain_then(&rig.tenant, case, Some(at(when)), mode);
    told.await.expect("an explanation")
}

async fn recorded(rig: &Rig, case: CaseId, when: &str) -> Explanation {
    then(rig, case, when, Mode::AsRecorded).await
}

async fn corrected(rig: &Rig, case: CaseId, when: &str) -> Explanation {
    then(rig, case, when, Mode::AsCorrected).await
}

/// All that an explanation holds, as text.
fn whole(told: &Explanation) -> String {
    let words = [Tongue::English, Tongue::Chinese].map(|tongue| told.words(tongue).join("\n"));
    format!("{told:#?}\n{}", words.join("\n"))
}

fn fact<'e>(told: &'e Explanation, name: &str) -> (&'e str, Option<u64>) {
    let fact = told.facts.iter().find(|f| f.name == name).expect(name);
    (&fact.value, fact.source)
}

async fn pay(rig: &Rig, case: CaseId, reference: &str, minor: i64, received: &str) {
    let input = PaymentInput {
        reference: reference.into(),
        amount: Money::new(minor, Currency::new("CNY").unwrap()),
        received_at: Some(at(received)),
        balance_after: None,
    };
    let who = rig.as_of("ledger");
    rig.engine
        .record_payment(&who, case, input, &|_| vec![])
        .await
        .expect("a payment");
}

#[tokio::test]
async fn an_instant_is_told_later_as_it_was_told_then() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    // Before a text, between texts, among calls, before and after visits, while a referral waits for somebody.
    let instants = [
        "2026-03-01T06:00:00Z",
        "2026-03-03T12:34:56Z",
        "2026-03-09T01:00:00Z",
        "2026-04-20T15:30:00Z",
        "2026-05-04T23:00:00Z",
        "2026-05-20T03:00:00Z",
        "2026-06-02T10:00:00Z",
    ];
    let mut told = Vec::new();
    for when in instants {
        rig.run_until(at(when)).await;
        told.push(whole(&recorded(&rig, case, when).await));
    }
    assert!(
        !rig.sent(ContactClass::Visit).is_empty(),
        "the ladder came to visits"
    );
    // Everything that an explanation reads moves on: money, texts, collectors, an opt-out.
    rig.run_until(at("2026-06-03T00:00:00Z")).await;
    pay(&rig, case, "late", 100, "2026-03-02T00:00:00Z").await;
    rig.register_again("first_call", ContactClass::Phone).await;
    rig.run_until(at("2026-06-20T00:00:00Z")).await;
    for (when, then) in instants.into_iter().zip(told) {
        let now = whole(&recorded(&rig, case, when).await);
        let differ = now.lines().zip(then.lines()).find(|(a, b)| a != b);
        assert_eq!(differ, None, "at {when}");
        assert_eq!(now, then, "at {when}");
    }
}

#[tokio::test]
async fn a_late_payment_is_unknown_as_recorded_and_counts_as_corrected() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at("2026-03-10T00:00:00Z")).await;
    let all = rig.engine.explain(&rig.tenant, case).await.unwrap();
    let before = fact(&all, "case.overdue").0.to_owned();
    pay(&rig, case, "a", 10_000, "2026-03-07T00:00:00Z").await;
    rig.run_until(at("2026-03-12T00:00:00Z")).await;

    let then = recorded(&rig, case, "2026-03-08T00:00:00Z").await;
    assert_eq!(
        fact(&then, "case.overdue").0,
        before,
        "nobody knew on the 8th"
    );
    let so = corrected(&rig, case, "2026-03-08T00:00:00Z").await;
    let (overdue, source) = fact(&so, "case.overdue");
    assert_ne!(overdue, before, "it had come in on the 7th");
    assert!(
        source > fact(&then, "case.overdue").1,
        "{source:?} is the payment"
    );
    let earlier = corrected(&rig, case, "2026-03-06T00:00:00Z").await;
    assert_eq!(
        fact(&earlier, "case.overdue").0,
        before,
        "it had not come in on the 6th"
    );
    // Told in another order than they came in: each day has its own balance.
    pay(&rig, case, "b", 5_000, "2026-03-04T00:00:00Z").await;
    let fourth = corrected(&rig, case, "2026-03-05T00:00:00Z").await;
    let eighth = corrected(&rig, case, "2026-03-08T00:00:00Z").await;
    let minor = |told: &Explanation| {
        let digits = fact(told, "case.overdue")
            .0
            .chars()
            .filter(char::is_ascii_digit);
        digits
            .collect::<String>()
            .parse::<i64>()
            .expect("an amount")
    };
    assert_eq!(minor(&fourth) - minor(&eighth), 10_000);
}

#[tokio::test]
async fn a_late_cure_closes_the_case_when_the_money_came_in() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at("2026-03-10T00:00:00Z")).await;
    pay(&rig, case, "all", 100_000_000, "2026-03-07T00:00:00Z").await;
    let so = corrected(&rig, case, "2026-03-08T00:00:00Z").await;
    assert_eq!(fact(&so, "case.status").0, "closed");
    assert!(so.words(Tongue::English)[0].contains("with all that was learned since"));
    let then = recorded(&rig, case, "2026-03-08T00:00:00Z").await;
    assert_eq!(fact(&then, "case.status").0, "open");
    let sixth = corrected(&rig, case, "2026-03-06T00:00:00Z").await;
    assert_eq!(fact(&sixth, "case.status").0, "open");
}

#[tokio::test]
async fn facts_name_the_entries_that_they_are_from() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at("2026-03-04T00:00:00Z")).await;
    pay(&rig, case, "a", 100, "2026-03-04T00:00:00Z").await;
    let told = rig.engine.explain(&rig.tenant, case).await.unwrap();
    let timeline = rig
        .engine
        .timeline(&rig.tenant, case, 0, 1_000)
        .await
        .unwrap();
    let kind_of = |name: &str| {
        let source = fact(&told, name).1.expect(name);
        let item = timeline.rows.iter().find(|r| r.position == source);
        item.map_or_else(
            || format!("not in the timeline: {source}"),
            |r| r.kind.clone(),
        )
    };
    assert_eq!(kind_of("case.overdue"), "payment_recorded");
    assert_eq!(
        kind_of("case.dpd"),
        "case_opened",
        "the day it was due on was told then"
    );
    assert_eq!(kind_of("contacts.sms.made"), "contact_intended");
    for fact in &told.facts {
        assert!(fact.source.is_some(), "{} comes from somewhere", fact.name);
    }
}

#[tokio::test]
async fn what_has_not_come_and_what_was_before_the_case_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    for (when, says) in [
        ("2026-03-02T00:00:00Z", "lies ahead"),
        ("2026-02-28T23:59:59Z", "was opened at"),
    ] {
        for mode in [Mode::AsRecorded, Mode::AsCorrected] {
            let told = rig
                .engine
                .explain_then(&rig.tenant, case, Some(at(when)), mode)
                .await;
            let Err(CommandError::Invalid(faults)) = told else {
                panic!("{when}: {told:?}");
            };
            assert_eq!(faults[0].field, "as_of");
            assert!(faults[0].problem.contains(says), "{}", faults[0].problem);
        }
    }
}

#[tokio::test]
async fn chinese_and_english_tell_the_same_lines() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    let mut until = at("2026-03-01T03:00:00Z");
    let mut seen = 0;
    while until < at("2026-05-20T00:00:00Z") {
        rig.run_until(until).await;
        let told = rig.engine.explain(&rig.tenant, case).await.unwrap();
        let (english, chinese) = (told.words(Tongue::English), told.words(Tongue::Chinese));
        assert_eq!(english.len(), chinese.len());
        for (line, said) in english.iter().zip(&chinese) {
            let han = said
                .chars()
                .filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c))
                .count();
            assert!(han >= 3, "no Chinese: {said}");
            assert_eq!(instants(line), instants(said), "{line}\n{said}");
            seen += 1;
        }
        until += SignedDuration::from_hours(57);
    }
    assert!(seen > 150, "{seen} lines");
}

/// The instants that a line names.
fn instants(line: &str) -> Vec<Timestamp> {
    let marks = |c: char| !(c.is_ascii_alphanumeric() || "-:.".contains(c));
    let words = line.split(marks).map(|w| w.trim_end_matches('.'));
    words.filter_map(|w| w.parse().ok()).collect()
}

/// A late payment may have cured what was overdue when it was told, and not what was overdue when it came in.
#[tokio::test]
async fn what_a_late_payment_brought_about_is_asked_of_the_balance_of_then() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at("2026-03-05T00:00:00Z")).await;
    let ana = rig.as_of("ana");
    let hold = HoldInput {
        until: Some(at("2026-03-20T00:00:00Z")),
        reason: "a word with the branch".into(),
    };
    rig.engine
        .hold_case(&ana, case, hold, &|_| vec![])
        .await
        .unwrap();
    let promise = PromiseInput {
        amount: Money::new(50_000, Currency::new("CNY").unwrap()),
        due: date(2026, 3, 18),
        contact: None,
        note: String::new(),
    };
    rig.engine
        .record_promise(&ana, case, promise, &|_| vec![])
        .await
        .unwrap();
    // 600.00 are overdue: 400.00 come in on the 8th and are told; 200.00 had come on the 6th and are told last.
    rig.run_until(at("2026-03-09T00:00:00Z")).await;
    pay(&rig, case, "later", 40_000, "2026-03-08T00:00:00Z").await;
    rig.run_until(at("2026-03-10T00:00:00Z")).await;
    pay(&rig, case, "earlier", 20_000, "2026-03-06T00:00:00Z").await;
    let now = rig.engine.explain(&rig.tenant, case).await.unwrap();
    assert_eq!(fact(&now, "case.status").0, "closed");

    let seventh = corrected(&rig, case, "2026-03-07T00:00:00Z").await;
    assert_eq!(fact(&seventh, "case.overdue").0, "CNY 400.00");
    assert_eq!(fact(&seventh, "case.status").0, "paused");
    assert_eq!(
        fact(&seventh, "case.pauses").0,
        "hold, promise",
        "it was not kept yet"
    );
    let ninth = corrected(&rig, case, "2026-03-08T12:00:00Z").await;
    assert_eq!(fact(&ninth, "case.overdue").0, "CNY 0.00");
}

/// A balance that ends at nothing hides how much came in: the amount of a payment counts, not what it moved.
#[tokio::test]
async fn what_came_in_above_what_was_overdue_counts_when_it_came() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at("2026-03-09T00:00:00Z")).await;
    pay(&rig, case, "all", 60_000, "2026-03-08T00:00:00Z").await;
    pay(&rig, case, "before", 20_000, "2026-03-06T00:00:00Z").await;
    let seventh = corrected(&rig, case, "2026-03-07T00:00:00Z").await;
    assert_eq!(fact(&seventh, "case.overdue").0, "CNY 400.00");
    assert_eq!(fact(&seventh, "case.status").0, "open");
}

#[tokio::test]
async fn a_late_death_reaches_every_case_of_the_person() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
    let first = rig.open_case("1", date(2026, 3, 1)).await;
    let mut second = case_input("1b", date(2026, 3, 1));
    second.borrower = PartyName::Reference("b-1".into());
    let opened = rig
        .engine
        .open_case(&rig.as_of("lena"), second, &|_| vec![])
        .await;
    let Answered::Now(opened) = opened.unwrap() else {
        panic!("opened before")
    };
    rig.run_until(at("2026-03-10T00:00:00Z")).await;
    let (died, received) = (
        Circumstance::Deceased(true),
        Some(at("2026-03-06T00:00:00Z")),
    );
    let whose = PartyName::Reference("b-1".into());
    let ana = rig.as_of("ana");
    let told = rig
        .engine
        .record_circumstance(&ana, &whose, died, received, &|_| vec![]);
    told.await.unwrap();
    for case in [first, opened.case.id] {
        let so = corrected(&rig, case, "2026-03-07T00:00:00Z").await;
        let said = so.words(Tongue::English).join("\n");
        assert!(said.contains("the borrower has died"), "{said}");
    }
}
