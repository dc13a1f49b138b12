//! What a message must say: a text without it is not registered, and not sent.

mod support;

use jiff::civil::date;
use recoup_channel::wire::{self, Receipt, send_request};
use recoup_domain::case::{CaseEvent, LenderKind};
use recoup_domain::contact::{ContactClass, Reader};
use recoup_domain::ids::CaseId;
use recoup_domain::journal::What;
use recoup_domain::party::{PointKind, PointState};
use recoup_engine::commands::{CaseName, HandInput};
use recoup_engine::explain::Tongue;
use recoup_engine::types::{Answered, PartyInput, PartyName, PartyView, TemplateInput};
use recoup_engine::{CommandError, Violation};
use recoup_store::StoredTemplate;
use support::{Rig, at, case_input};

const START: &str = "2026-03-01T00:00:00Z";
/// 08:00 in Shanghai, a day past due.
const DUE: &str = "2026-03-02T00:00:00Z";

/// A text of a language without a region: nobody knows yet where it goes.
fn text(name: &str, class: ContactClass, body: &str) -> TemplateInput {
    TemplateInput {
        name: name.into(),
        class,
        locale: "zh".into(),
        subject: String::new(),
        body: body.into(),
        variables: vec!["lender_name".into(), "licence_number".into()],
        reader: Reader::Obligor,
        regions: vec![],
        lender_kinds: vec![],
        approval: None,
    }
}

fn approved() -> Option<(String, String)> {
    Some(("Demo".into(), "SMS_1".into()))
}

async fn register(rig: &Rig, input: TemplateInput) -> Result<StoredTemplate, CommandError> {
    let ana = rig.as_of("ana");
    let done = rig.engine.register_template(&ana, input, &|_| vec![]);
    match done.await? {
        Answered::Now(template) => Ok(template),
        Answered::Before(_) => panic!("no request id was given"),
    }
}

async fn refused(rig: &Rig, input: TemplateInput) -> Vec<Violation> {
    match register(rig, input).await {
        Err(CommandError::TemplateLacks { violations, .. }) => violations,
        other => panic!("{other:?}"),
    }
}

async fn open_in(rig: &Rig, loan: &str, region: &str, lender: LenderKind) -> CaseId {
    open_at(rig, loan, region, region, lender).await
}

async fn open_at(
    rig: &Rig,
    loan: &str,
    jurisdiction: &str,
    region: &str,
    lender: LenderKind,
) -> CaseId {
    let mut input = case_input(loan, date(2026, 3, 1));
    // In America that is tomorrow still.
    input.amounts.overdue = 0;
    input.jurisdiction = jurisdiction.into();
    input.lender_kind = lender;
    if let PartyName::Told(told) = &mut input.borrower {
        told.regions = vec![region.into()];
    }
    let ana = rig.as_of("ana");
    let opened = rig.engine.open_case(&ana, input, &|_| vec![]);
    match opened.await.unwrap() {
        Answered::Now(view) => view.case.id,
        Answered::Before(_) => panic!("no request id was given"),
    }
}

async fn worklist(rig: &Rig, case: CaseId) -> Option<String> {
    let view = rig.engine.case(&rig.tenant, &CaseName::Id(case)).await;
    view.unwrap().case.worklist.map(|reason| reason.to_string())
}

/// How many times the case was put on the worklist, or taken off.
async fn listed(rig: &Rig, case: CaseId) -> usize {
    let page = rig.engine.timeline(&rig.tenant, case, 0, 1_000).await;
    let rows = page.unwrap().rows;
    let is = |w: &What| {
        let What::Case { event, .. } = w else {
            return false;
        };
        matches!(event, CaseEvent::WorklistChanged { .. })
    };
    rows.iter().filter(|r| is(&r.what)).count()
}

async fn explained(rig: &Rig, case: CaseId) -> String {
    let explanation = rig.engine.explain(&rig.tenant, case).await;
    explanation.unwrap().words(Tongue::English).join("\n")
}

/// What the channel of a class was given, in order.
fn said(rig: &Rig, class: ContactClass) -> Vec<String> {
    let seen = rig.channel(class).seen.lock().unwrap();
    let body = |content: &send_request::Content| match content {
        send_request::Content::Debtor(m) => m.body.clone(),
        send_request::Content::ThirdParty(m) => m.body.clone(),
    };
    let told = seen.iter().filter_map(|(_, r)| r.content.as_ref());
    told.map(body).collect()
}

#[tokio::test]
async fn a_template_is_refused_with_everything_that_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(START)).await;
    let before = rig.engine.templates(&rig.tenant).len();
    let bad = TemplateInput {
        regions: vec!["US-CA".into()],
        lender_kinds: vec![LenderKind::Agency],
        ..text("us", ContactClass::Sms, "Pay, {{ lender_name }} asks.")
    };
    let violations = refused(&rig, bad.clone()).await;
    let begins: Vec<&str> = violations
        .iter()
        .filter_map(|v| v.problem.split(' ').next())
        .collect();
    assert_eq!(
        begins,
        ["US-REGF-1006.6e", "US-CA-LICENSE", "US-REGF-1006.18e2"]
    );
    assert!(
        violations.iter().all(|v| v.field == "body"),
        "{violations:?}"
    );
    assert!(
        violations[0].problem.contains("`reply stop`"),
        "{violations:?}"
    );
    // The region of a locale counts where none is given; a call by nobody is none.
    let call = TemplateInput {
        locale: "zh-Hans-CN".into(),
        ..text("cn", ContactClass::Phone, "请还款。")
    };
    let violations = refused(&rig, call).await;
    assert_eq!(violations.len(), 1);
    assert!(violations[0].problem.starts_with("CN-GBT45251-IDENTITY"));
    assert_eq!(rig.engine.templates(&rig.tenant).len(), before);

    let elsewhere = TemplateInput {
        regions: vec!["US".into(), "ZZ".into()],
        ..bad
    };
    match register(&rig, elsewhere).await {
        Err(CommandError::Invalid(violations)) => assert_eq!(violations[0].field, "regions[1]"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_variable_parts_the_words_around_it() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(START)).await;
    let us = |body: &str| TemplateInput {
        regions: vec!["US-TX".into()],
        lender_kinds: vec![LenderKind::Bank],
        variables: vec!["dpd".into(), "lender_name".into()],
        ..text("us", ContactClass::Sms, body)
    };
    for bad in [
        "Reply {{ dpd }} STOP",
        "Reply{{ dpd }}STOP",
        "No reply. {% if dpd %}Stop{% endif %}",
    ] {
        assert_eq!(refused(&rig, us(bad)).await.len(), 1, "{bad}");
    }
    for good in [
        "{{ dpd }} Reply STOP {{ dpd }}",
        "Reply {% if dpd %}STOP{% else %}QUIT{% endif %}",
        "Reply {# the word of the carriers #}STOP",
    ] {
        register(&rig, us(good)).await.unwrap();
    }
}

#[tokio::test]
async fn the_answer_says_what_was_checked_and_what_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(START)).await;
    let ids = |t: &StoredTemplate| {
        let (checked, left) = rig.engine.duties_of_template(t);
        let ids = |all: Vec<recoup_compliance::DutyRef>| -> Vec<String> {
            all.iter().map(|d| d.id().to_owned()).collect()
        };
        (ids(checked), ids(left))
    };
    let us = TemplateInput {
        locale: "en-US".into(),
        ..text(
            "us",
            ContactClass::Sms,
            "{{ lender_name }}: pay. Reply STOP.",
        )
    };
    let us = register(&rig, us).await.unwrap();
    assert_eq!(us.regions, ["US"]);
    let (checked, left) = ids(&us);
    assert_eq!(checked, ["US-REGF-1006.6e"]);
    assert_eq!(
        left,
        ["US-REGF-1006.18e1", "US-REGF-1006.18e2", "US-CA-LICENSE"]
    );
    // What is good for some messages alone is not checked for the others.
    let (first, later) = ("US-REGF-1006.18e1", "US-REGF-1006.18e2");
    let full = "An attempt to collect a debt, used for that purpose.";
    for (says, met, unmet) in [
        ("From a debt collector.", &[later][..], &[first][..]),
        (full, &[first], &[later]),
        (
            "{% if dpd %}A debt collector.{% endif %} {% if dpd %}Trying to collect a debt{% endif %}",
            &[later],
            &[first],
        ),
    ] {
        let input = TemplateInput {
            regions: vec!["US-TX".into()],
            lender_kinds: vec![LenderKind::Agency],
            variables: vec!["dpd".into()],
            ..text("some", ContactClass::Sms, &format!("{says} Reply STOP."))
        };
        let (checked, left) = ids(&register(&rig, input).await.unwrap());
        assert_eq!(checked, [&["US-REGF-1006.6e"], met].concat(), "{says}");
        assert_eq!(left, unmet, "{says}");
    }
    let input = TemplateInput {
        regions: vec!["US-TX".into()],
        lender_kinds: vec![LenderKind::Agency],
        ..text(
            "both",
            ContactClass::Sms,
            &format!("{full} From a debt collector. Reply STOP."),
        )
    };
    let (checked, left) = ids(&register(&rig, input).await.unwrap());
    assert_eq!(checked, ["US-REGF-1006.6e", first, later]);
    assert_eq!(left, [""; 0]);
    let anywhere = register(&rig, text("any", ContactClass::Sms, "Pay.")).await;
    let anywhere = anywhere.unwrap();
    assert!(anywhere.regions.is_empty());
    assert_eq!(ids(&anywhere), (vec![], vec![]));
}

#[tokio::test]
async fn a_signature_is_one_of_the_approved_ones() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(START)).await;
    let sms = |approval, body: &str| TemplateInput {
        approval,
        regions: vec!["CN".into()],
        ..text("cn", ContactClass::Sms, body)
    };
    let other = Some(("Other".to_owned(), "SMS_1".to_owned()));
    let violations = refused(&rig, sms(other, "【Other】{{ lender_name }}")).await;
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert_eq!(violations[0].field, "sms_signature");
    let violations = refused(&rig, sms(None, "【Demo】")).await;
    assert!(
        violations[0]
            .problem
            .contains("names no approved signature")
    );
    let violations = refused(&rig, sms(approved(), "pay 【{{ lender_name }}】 now")).await;
    assert!(violations[0].problem.contains("in the middle"));
    let good = register(&rig, sms(approved(), "【{{ lender_name }}】pay")).await;
    assert_eq!(good.unwrap().approval, approved());
}

#[tokio::test]
async fn a_text_that_lacks_something_is_held_until_it_is_corrected() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(START)).await;
    // The newest version is taken: one that nobody could check when it was registered.
    let bad = text("reminder", ContactClass::Sms, "Please pay.");
    register(&rig, bad).await.unwrap();
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    rig.run_until(at("2026-03-02T06:00:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Sms), []);
    let told = worklist(&rig, case).await.expect("a person must look");
    for word in [
        "reminder@2",
        "CN-GBT45251-IDENTITY (GB/T 45251-2025)",
        "write {{ lender_name }}",
        "CN-SMS-SIGNATURE",
        "names no approved signature",
    ] {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert_eq!(listed(&rig, case).await, 1, "once is enough");
    let lines = explained(&rig, case).await;
    assert!(
        lines.contains("0 of 3 made, held back: template reminder@2 is not sent"),
        "{lines}"
    );
    assert!(lines.contains("CN-GBT45251-IDENTITY"), "{lines}");

    let good = TemplateInput {
        approval: approved(),
        ..text(
            "reminder",
            ContactClass::Sms,
            "【{{ lender_name }}】Please pay.",
        )
    };
    register(&rig, good).await.unwrap();
    assert!(!explained(&rig, case).await.contains("made, held back"));
    rig.run_until(at("2026-03-02T07:00:00Z")).await;
    assert_eq!(said(&rig, ContactClass::Sms), ["【Demo】Please pay."]);
    let seen = rig.channel(ContactClass::Sms).seen.lock().unwrap().clone();
    let told = seen[0].1.content.clone().unwrap();
    assert!(
        matches!(&told, send_request::Content::Debtor(m) if m.approved_template == "SMS_1"),
        "{told:?}"
    );
    assert_eq!(worklist(&rig, case).await, None);
    assert_eq!(listed(&rig, case).await, 2);
}

#[tokio::test]
async fn a_text_asked_for_by_hand_is_refused_and_put_before_a_person() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(DUE)).await;
    let bad = text("plain", ContactClass::Sms, "Please pay.");
    register(&rig, bad).await.unwrap();
    let case = rig.open_case("1", date(2026, 3, 2)).await;
    let ask = HandInput {
        case,
        class: ContactClass::Sms,
        template: "plain".into(),
        party: None,
        point: None,
        at: None,
        reason: "she asked".into(),
    };
    let ana = rig.as_of("ana");
    let asked = rig.engine.request_contact(&ana, ask, &|_| vec![]).await;
    assert!(
        matches!(&asked, Err(CommandError::Lacking { problem, .. }) if problem.contains("CN-SMS-SIGNATURE")),
        "{:?}",
        asked.err()
    );
    assert_eq!(rig.sent(ContactClass::Sms), []);
    let told = worklist(&rig, case).await.expect("a person must look");
    assert!(
        told.contains("template plain@1: CN-GBT45251-IDENTITY"),
        "{told}"
    );
}

#[tokio::test]
async fn the_first_message_says_more_than_a_later_one() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(START)).await;
    let mut receipt = Receipt {
        provider_ref: "r".into(),
        ..Receipt::default()
    };
    receipt.set_immediate(wire::Outcome::Delivered);
    *rig.channel(ContactClass::Sms).answer.lock().unwrap() = Ok(receipt);
    let sms = |body: &str| text("reminder", ContactClass::Sms, body);
    let short = "{{ lender_name }}, a debt collector. Reply STOP.";
    let full = "{{ lender_name }}: an attempt to collect a debt, all information will be used for that purpose. \
                Reply STOP.";
    register(&rig, sms(short)).await.unwrap();
    let case = open_in(&rig, "1", "US-TX", LenderKind::Agency).await;
    rig.run_until(at("2026-03-02T17:00:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Sms), []);
    let told = worklist(&rig, case).await.unwrap();
    assert!(
        told.contains("US-REGF-1006.18e1") && !told.contains("18e2"),
        "{told}"
    );
    register(&rig, sms(full)).await.unwrap();
    rig.run_until(at("2026-03-02T18:00:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Sms).len(), 1);

    // It arrived: the next one, a call, says what later ones must, and need not say the rest again.
    let call = |body: &str| text("first_call", ContactClass::Phone, body);
    register(&rig, call(full)).await.unwrap();
    rig.run_until(at("2026-03-06T20:00:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Phone), []);
    let told = worklist(&rig, case).await.unwrap();
    assert!(
        told.contains("US-REGF-1006.18e2") && !told.contains("18e1"),
        "{told}"
    );
    register(&rig, call(short)).await.unwrap();
    rig.run_until(at("2026-03-06T21:30:00Z")).await;
    assert_eq!(
        said(&rig, ContactClass::Phone),
        ["Demo, a debt collector. Reply STOP."]
    );
    assert_eq!(worklist(&rig, case).await, None);
}

#[tokio::test]
async fn what_went_to_somebody_elses_number_told_the_person_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(START)).await;
    let mut receipt = Receipt {
        provider_ref: "r".into(),
        ..Receipt::default()
    };
    receipt.set_immediate(wire::Outcome::Delivered);
    *rig.channel(ContactClass::Sms).answer.lock().unwrap() = Ok(receipt);
    let full =
        "{{ lender_name }}: an attempt to collect a debt, used for that purpose. Reply STOP.";
    let short = "{{ lender_name }}, a debt collector.";
    register(&rig, text("reminder", ContactClass::Sms, full))
        .await
        .unwrap();
    register(&rig, text("first_call", ContactClass::Phone, short))
        .await
        .unwrap();
    let case = open_in(&rig, "1", "US-TX", LenderKind::Agency).await;
    rig.run_until(at("2026-03-02T18:00:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Sms).len(), 1);

    // The lender learns whose number it was, and tells another one.
    let PartyName::Told(told) = case_input("1", date(2026, 3, 1)).borrower else {
        panic!("the borrower is told");
    };
    let mut told = *told;
    told.regions = vec!["US-TX".into()];
    told.points[0].state = Some(PointState::WrongNumber);
    told.points
        .push(support::point(PointKind::Mobile, "+8613800999999"));
    let ana = rig.as_of("ana");
    let over = |told: PartyInput, _: Option<&PartyView>| Ok(told);
    let written = rig.engine.upsert_borrower(&ana, told, &over, &|_| vec![]);
    written.await.unwrap();
    rig.run_until(at("2026-03-06T20:00:00Z")).await;
    assert_eq!(rig.sent(ContactClass::Phone), []);
    let told = worklist(&rig, case).await.expect("a person must look");
    assert!(told.contains("US-REGF-1006.18e1"), "{told}");
}

#[tokio::test]
async fn a_licence_number_stands_where_the_licence_holds() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(START)).await;
    let own =
        "{{ lender_name }}{% if licence_number %} ({{ licence_number }}){% endif %}. Reply STOP.";
    let sms = |body: &str| TemplateInput {
        regions: vec!["US-CA".into()],
        lender_kinds: vec![LenderKind::FirstParty],
        ..text("reminder", ContactClass::Sms, body)
    };
    let violations = refused(&rig, sms("{{ lender_name }}. Reply STOP.")).await;
    assert!(
        violations[0].problem.contains("{{ licence_number }}"),
        "{violations:?}"
    );
    register(&rig, sms(own)).await.unwrap();
    // Who lives in Texas is told no number of California, and needs none, whatever the case says.
    for (loan, jurisdiction, region) in [
        ("1", "US-CA", "US-CA"),
        ("2", "US-TX", "US-TX"),
        ("3", "US", "US-TX"),
        ("4", "US", "US-CA"),
        ("5", "US", "US"),
    ] {
        open_at(&rig, loan, jurisdiction, region, LenderKind::FirstParty).await;
    }
    rig.run_until(at("2026-03-02T18:00:00Z")).await;
    let mut said = said(&rig, ContactClass::Sms);
    said.sort();
    let (with, without) = ("Demo (10101-99). Reply STOP.", "Demo. Reply STOP.");
    assert_eq!(said, [with, with, with, without, without]);
}

#[tokio::test]
async fn a_person_reads_their_own_language_or_somebody_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(DUE)).await;
    let in_english = TemplateInput {
        locale: "en".into(),
        variables: vec![],
        ..text(
            "letter",
            ContactClass::Sms,
            "【Demo】Please pay. Reply STOP.",
        )
    };
    register(&rig, in_english.clone()).await.unwrap();
    let case = rig.open_case("1", date(2026, 3, 2)).await;
    let ana = rig.as_of("ana");
    let ask = || HandInput {
        case,
        class: ContactClass::Sms,
        template: "letter".into(),
        party: None,
        point: None,
        at: None,
        reason: "she asked".into(),
    };
    let asked = rig.engine.request_contact(&ana, ask(), &|_| vec![]).await;
    let told = asked.map(drop).expect_err("nobody reads it").to_string();
    assert!(
        told.contains("reads zh-CN") && told.contains("there in en alone"),
        "{told}"
    );
    let in_chinese = TemplateInput {
        locale: "zh-CN".into(),
        body: "【Demo】请还款。退订回T".into(),
        regions: vec!["CN".into()],
        approval: approved(),
        ..in_english.clone()
    };
    register(&rig, in_chinese).await.unwrap();
    // Newer, and for others.
    register(&rig, in_english).await.unwrap();
    let asked = rig.engine.request_contact(&ana, ask(), &|_| vec![]).await;
    asked.unwrap();
    rig.engine.activity().until_quiet().await;
    assert_eq!(said(&rig, ContactClass::Sms), ["【Demo】请还款。退订回T"]);
}

/// Versions of a template are of one kind: a policy names it for a channel, and what was checked for that channel (no
/// amount in a visit's text, which stands in a calendar) was checked of each version.
#[tokio::test]
async fn a_template_does_not_change_its_kind() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(START)).await;
    let mut owing = text("visit_brief", ContactClass::Email, "{{ total_amount }}");
    owing.variables = vec!["total_amount".into()];
    let error = register(&rig, owing).await.unwrap_err().to_string();
    assert!(error.contains("written for visit"), "{error}");
    let mut again = text("visit_brief", ContactClass::Visit, "A visit, soon.");
    again.variables = vec![];
    assert_eq!(register(&rig, again).await.unwrap().version, 2);
}
