//! A lender with four policies and a portfolio of several markets, kinds of borrowers, ages and amounts.

use crate::support::{Rig, case_input, point};
use jiff::civil::{Date, date};
use recoup_domain::case::{Amounts, LenderKind, Scores};
use recoup_domain::contact::{ContactClass, Reader};
use recoup_domain::money::Currency;
use recoup_domain::party::{BorrowerKind, PointKind};
use recoup_domain::time::add_days;
use recoup_engine::types::{Answered, CaseInput, CollectorInput, PartyName, TemplateInput};
use serde::Deserialize;

/// The day the portfolio is of.
const TODAY: Date = date(2026, 3, 1);

/// Two cases of a person, one of which is worked in the morning and one in the afternoon, on the same days: together
/// they come to the limits of a day.
const SHARED: &str = r#"
name: cn-shared
currency: CNY
stages:
  - name: morning
    enter: case.dpd >= 1
    steps:
      - {channel: phone, template: first_call_cn, every: 1h, max: 25, between: ["10:00", "12:00"]}
  - name: afternoon
    enter: case.dpd >= 1 && ability >= 50
    steps:
      - {channel: phone, template: first_call_cn, every: 1h, max: 25, between: ["14:00", "17:00"]}
      - {channel: sms, template: reminder_cn, every: 2d, max: 9, between: ["14:00", "17:00"]}
"#;

/// The policies, with the ending of the names of their templates and where those are sent to.
const POLICIES: [(&str, &str, &str); 4] = [
    (
        include_str!("../../../../xtask/data/policies/cn-micro.yaml"),
        "_cn",
        "CN",
    ),
    (
        include_str!("../../../../xtask/data/policies/tw-card.yaml"),
        "_tw",
        "TW",
    ),
    (
        include_str!("../../../../xtask/data/policies/us-consumer.yaml"),
        "_us",
        "US",
    ),
    (SHARED, "", ""),
];

const TEMPLATES: &str = include_str!("../../../../xtask/data/templates.json");

#[derive(Deserialize)]
struct Template {
    name: String,
    channel: String,
    locale: String,
    subject: String,
    body: String,
}

/// A market: its regions, its policy, its currency, who lends, and a number for each place.
struct Market {
    regions: &'static [&'static str],
    policy: &'static str,
    currency: &'static str,
    lender: LenderKind,
    locale: &'static str,
    overdue: i64,
    mobile: fn(u32) -> String,
}

const MARKETS: [Market; 3] = [
    Market {
        regions: &["CN"],
        policy: "cn-micro",
        currency: "CNY",
        lender: LenderKind::MicroloanCompany,
        locale: "zh-CN",
        overdue: 1_400_000,
        mobile: |n| format!("+86154{n:08}"),
    },
    Market {
        regions: &["TW"],
        policy: "tw-card",
        currency: "TWD",
        lender: LenderKind::Bank,
        locale: "zh-TW",
        overdue: 4_000_000,
        mobile: |n| format!("+88699{n:07}"),
    },
    Market {
        regions: &["US-NY", "US-CA", "US-TX", "US-WA", "US-MA", "US-AZ"],
        policy: "us-consumer",
        currency: "USD",
        lender: LenderKind::FirstParty,
        locale: "en",
        overdue: 400_000,
        mobile: |n| format!("+1{}55501{:02}", 202 + n / 100, n % 100),
    },
];

/// Templates, policies, collectors and cases.
pub(crate) async fn set_up(rig: &Rig) {
    let all: Vec<Template> = serde_json::from_str(TEMPLATES).unwrap();
    for (policy, ending, place) in POLICIES {
        let own = |t: &&Template| !ending.is_empty() && t.name.ends_with(ending);
        for template in all.iter().filter(own) {
            register(rig, template, place).await;
        }
        activate(rig, policy).await;
    }
    for name in ["li", "wang", "chen"] {
        employ(rig, name).await;
    }
    for n in 0..48 {
        open(rig, one_loan(n)).await;
    }
    for n in 48..54 {
        for (loan, ability) in [(0, 20), (1, 80)] {
            let mut input = one_loan(n - n % 3);
            let PartyName::Told(borrower) = &mut input.borrower else {
                unreachable!("borrowers are told with their loans")
            };
            borrower.lender_ref = format!("B-{n}");
            borrower.points[0] = point(PointKind::Mobile, &format!("+86154{:08}", 1_000 + n));
            input.lender_case_ref = format!("C-{n}-{loan}");
            input.policy = Some("cn-shared".into());
            input.scores.ability = Some(ability);
            open(rig, input).await;
        }
    }
}

fn one_loan(n: u32) -> CaseInput {
    let market = &MARKETS[(n % 3) as usize];
    let region = market.regions[(n / 3) as usize % market.regions.len()];
    let dpd = (n * 23 + 1) % 130;
    let overdue = market.overdue / 4 * i64::from(1 + n % 7);
    let mut input = case_input(&n.to_string(), add_days(TODAY, -(dpd as i32)));
    let PartyName::Told(borrower) = &mut input.borrower else {
        unreachable!("borrowers are told with their loans")
    };
    borrower.lender_ref = format!("B-{n}");
    borrower.regions = vec![region.into()];
    borrower.locale = market.locale.into();
    if n % 4 == 1 {
        borrower.kind = BorrowerKind::MicroBusiness;
    }
    borrower.points = match n % 11 {
        // A part of a whole that nobody can call.
        7 => vec![],
        5 => vec![
            point(PointKind::Mobile, &(market.mobile)(2 * n)),
            point(PointKind::Mobile, &(market.mobile)(2 * n + 1)),
        ],
        _ => vec![point(PointKind::Mobile, &(market.mobile)(2 * n))],
    };
    if n % 5 != 2 {
        let mailbox = format!("b{n}@example.com");
        borrower.points.push(point(PointKind::Email, &mailbox));
    }
    let street = format!("{n} Example Street");
    borrower.points.push(point(PointKind::Postal, &street));
    input.lender_case_ref = format!("C-{n}");
    input.jurisdiction = region.into();
    input.lender_kind = market.lender;
    input.currency = Currency::new(market.currency).unwrap();
    input.amounts = Amounts {
        principal: 2 * overdue,
        interest: 0,
        fees: 0,
        overdue,
    };
    input.scores = Scores {
        ability: Some(50),
        willingness: Some((n % 4 * 20) as u8),
    };
    input.policy = Some(market.policy.into());
    input
}

async fn open(rig: &Rig, input: CaseInput) {
    let ana = rig.as_of("ana");
    let opened = rig.engine.open_case(&ana, input, &|_| vec![]);
    opened.await.unwrap();
}

async fn employ(rig: &Rig, name: &str) {
    let until = "2030-01-01T00:00:00Z".parse().unwrap();
    let input = CollectorInput {
        id: None,
        lender_ref: name.into(),
        display_name: name.into(),
        credentials: vec![("field_visit".into(), "1".into(), until)],
        languages: ["zh-CN", "zh-TW", "en"].map(Into::into).into(),
        regions: vec![],
        active: true,
        etag: None,
    };
    let ana = rig.as_of("ana");
    let done = rig
        .engine
        .upsert_collector(&ana, input, &|told, _| told, &|_| vec![]);
    done.await.unwrap();
}

async fn activate(rig: &Rig, policy: &str) {
    let ana = rig.as_of("ana");
    let created = rig.engine.create_policy(&ana, policy.into(), &|_| vec![]);
    let Answered::Now(created) = created.await.unwrap() else {
        panic!("no request id was given")
    };
    let stored = &created.policy.stored;
    let (ben, note) = (rig.as_of("ben"), String::new());
    let done = rig
        .engine
        .activate_policy(&ben, &stored.name, stored.version, note, &|_| vec![]);
    done.await.unwrap();
}

async fn register(rig: &Rig, template: &Template, place: &str) {
    let class = ContactClass::ALL
        .into_iter()
        .find(|c| c.name() == template.channel);
    let class = class.unwrap();
    let texts = [&template.subject, &template.body];
    let mut variables: Vec<String> = texts
        .into_iter()
        .flat_map(|text| text.split("{{").skip(1))
        .filter_map(|rest| rest.split_once("}}"))
        .map(|(name, _)| name.trim().to_owned())
        .collect();
    variables.sort();
    variables.dedup();
    let is_approved = place == "CN" && class == ContactClass::Sms;
    let input = TemplateInput {
        name: template.name.clone(),
        class,
        locale: template.locale.clone(),
        subject: template.subject.clone(),
        body: template.body.clone(),
        variables,
        reader: Reader::Obligor,
        regions: vec![place.into()],
        lender_kinds: vec![],
        approval: is_approved.then(|| ("Demo".into(), "SMS_1".into())),
    };
    let ana = rig.as_of("ana");
    let done = rig.engine.register_template(&ana, input, &|_| vec![]);
    done.await.unwrap();
}
