//! Nothing of a debt reaches anybody but who owes it: a thousand contacts with people who owe nothing, and what the
//! providers truly received of them, searched for all that must not be said.

use recoup::api::recoup::v1;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::support::World;
use crate::support::client::{Client, reason};
use crate::support::process::until;
use crate::support::scenes::Loan;

/// The ladder itself contacts nobody here.
const NEVER: &str = "name: never
stages:
  - name: call
    enter: case.dpd >= 1
    steps: [{channel: phone, template: first_call, max: 1, between: ['03:00', '03:01']}]
";

const CASES: u32 = 100;
const OTHERS: u32 = 10;
/// Who ask at the same time.
const ASKERS: u32 = 8;
const PRODUCT: &str = "FlexiCash Plus";

/// What a case must not give away: its reference and its borrower's, and its overdue amount.
struct Secret {
    case_id: String,
    references: [String; 2],
    /// As texts have it, such as `7,341.19`.
    formatted: String,
    /// In minor units, such as `734119`.
    minor: String,
}

/// The channel of a third party, by its number: of ten, six get a text, two a mail and two a call.
fn channel(n: u32) -> &'static str {
    match n % 10 {
        0..6 => "sms",
        6..8 => "email",
        _ => "phone",
    }
}

fn other(number: u32, n: u32, zone: &str) -> v1::CasePartyInput {
    let point = |kind: v1::ContactPointKind, value: String| v1::ContactPoint {
        kind: kind.into(),
        value,
        ..v1::ContactPoint::default()
    };
    let party = v1::Party {
        lender_ref: format!("T{number}-{n}"),
        display_name: format!("Neighbour {number} {n}"),
        kind: v1::BorrowerKind::Individual.into(),
        time_zones: vec![zone.into()],
        locale: "zh".into(),
        contact_points: vec![
            point(
                v1::ContactPointKind::Mobile,
                format!("+1415{:07}", number * 100 + n),
            ),
            point(
                v1::ContactPointKind::Email,
                format!("n{number}.{n}@neighbour.example"),
            ),
        ],
        ..v1::Party::default()
    };
    v1::CasePartyInput {
        who: Some(v1::case_party_input::Who::Upsert(party)),
        role: v1::PartyRole::ThirdParty.into(),
        third_party_kind: v1::ThirdPartyKind::Neighbour.into(),
    }
}

/// A case of an agency in Texas, with ten neighbours.
async fn open(client: &Client, number: u32) -> Secret {
    let loan = Loan::at_noon(number);
    let mut request = loan.open();
    let case = request.case.as_mut().expect("a case");
    let references = [
        format!("LOAN-REF-{number:04}"),
        format!("BORROWER-REF-{number:04}"),
    ];
    if let Some(v1::open_case_request::Borrower::Upsert(borrower)) = &mut request.borrower {
        borrower.lender_ref.clone_from(&references[1]);
        borrower.display_name = "Chen Wei".into();
    }
    case.lender_case_ref.clone_from(&references[0]);
    case.jurisdiction = "US-TX".into();
    case.lender_kind = v1::LenderKind::Agency.into();
    let cents = 734_119 + i64::from(number) * 10_007;
    let facts = case.facts.as_mut().expect("facts");
    for money in [&mut facts.overdue, &mut facts.principal] {
        let money = money.as_mut().expect("an amount");
        money.units = cents / 100;
        money.nanos = i32::try_from(cents % 100).expect("cents") * 10_000_000;
    }
    facts.product = PRODUCT.into();
    let others = (0..OTHERS).map(|n| other(number, n, &loan.zone));
    case.parties = others.collect();
    let opened = client.cases().open_case(request).await;
    let opened = opened.unwrap_or_else(|e| panic!("loan {number}: {e:?}"));
    let units = cents / 100;
    Secret {
        case_id: opened.into_inner().case.expect("the case").case_id,
        references,
        formatted: format!("{},{:03}.{:02}", units / 1000, units % 1000, cents % 100),
        minor: cents.to_string(),
    }
}

async fn register(
    client: &Client,
    (name, channel): (&str, &str),
    body: &str,
    variables: &[&str],
    audience: v1::TemplateAudience,
) -> Result<v1::Template, tonic::Status> {
    let request = v1::RegisterTemplateRequest {
        request_id: format!("register-{name}-{channel}-{}", body.len()),
        name: name.into(),
        channel: channel.into(),
        locale: "zh".into(),
        subject: if channel == "email" {
            "Please call".into()
        } else {
            String::new()
        },
        body: body.into(),
        variables: variables.iter().map(|v| (*v).into()).collect(),
        audience: audience.into(),
        ..v1::RegisterTemplateRequest::default()
    };
    let done = client.policies().register_template(request).await?;
    Ok(done.into_inner().template.expect("the template"))
}

fn ask(
    case_id: &str,
    channel: &str,
    template: &str,
    party: Option<String>,
) -> v1::RequestContactRequest {
    let named = |reference: String| v1::PartyRef {
        r#ref: Some(v1::party_ref::Ref::LenderRef(reference)),
    };
    v1::RequestContactRequest {
        request_id: format!(
            "ask-{case_id}-{template}-{}",
            party.as_deref().unwrap_or("borrower")
        ),
        case_id: case_id.into(),
        channel: channel.into(),
        template: template.into(),
        party: party.map(named),
        reason: "nobody answers at the borrower's number".into(),
        ..v1::RequestContactRequest::default()
    }
}

const INQUIRY: &str = "Hello {{ person_name }}, this is Ana Li. I want to confirm how {{ borrower_name }} can be \
                       reached. Please ask them to call +1 202 555 0100.";

async fn with_templates(world: &World) {
    for channel in ["sms", "email", "phone"] {
        let name = format!("inquiry_{channel}");
        let variables = &["person_name", "borrower_name"];
        let audience = v1::TemplateAudience::ThirdParty;
        let done = register(&world.ana, (&name, channel), INQUIRY, variables, audience).await;
        let template = done.unwrap_or_else(|e| panic!("{name}: {e:?}"));
        assert_eq!(template.audience(), audience);
    }
    for channel in ["sms", "email"] {
        let name = format!("control_{channel}");
        let body = "{{ borrower_name }}: your FlexiCash Plus loan {{ case_ref }} is overdue (逾期): \
                    {{ overdue_amount }}. This is an attempt to collect a debt, and any information will be used \
                    for that purpose, by a debt collector. 您欠款。 Reply STOP.";
        let variables = &["borrower_name", "case_ref", "overdue_amount"];
        let audience = v1::TemplateAudience::Debtor;
        let done = register(&world.ana, (&name, channel), body, variables, audience).await;
        done.unwrap_or_else(|e| panic!("{name}: {e:?}"));
    }
}

/// Everything of the cases that stands in a line of the log, by what it is.
fn leaks(line: &Value, secrets: &[Secret]) -> Vec<&'static str> {
    let raw = line.to_string();
    let lower = raw.to_lowercase();
    let is_part = |c: char| c.is_alphanumeric() || c == '-';
    let tokens: std::collections::HashSet<&str> = raw.split(|c| !is_part(c)).collect();
    let mut found = Vec::new();
    // Keys and hashes are letters at random: words of an alphabet are looked for as words there, and anywhere in what
    // a person reads.
    let read = line["text"].as_str().unwrap_or_default().to_lowercase();
    let words: std::collections::HashSet<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).collect();
    for word in ["debt", "overdue"] {
        if read.contains(word) || words.contains(word) {
            found.push("a debt word");
        }
    }
    if ["欠", "逾期"].iter().any(|word| raw.contains(word)) {
        found.push("a debt word in Chinese");
    }
    if lower.contains(&PRODUCT.to_lowercase()) {
        found.push("the product");
    }
    for secret in secrets {
        if raw.contains(&secret.formatted) {
            found.push("an amount");
        }
        if tokens.contains(secret.minor.as_str()) {
            found.push("an amount in minor units");
        }
        if secret.references.iter().any(|r| raw.contains(r)) {
            found.push("a reference");
        }
    }
    found
}

#[tokio::test]
async fn of_a_thousand_contacts_with_third_parties_none_tells_of_the_debt() {
    let mut world = World::live(&["sms", "email", "phone"], NEVER).await;
    with_templates(&world).await;
    let mut secrets = Vec::new();
    for number in 1..=CASES {
        secrets.push(open(&world.ana, number).await);
    }
    let mut askers = JoinSet::new();
    for own in 0..ASKERS {
        let mut contacts = world.ana.contacts();
        let cases = (1..).zip(&secrets).filter(|(n, _)| n % ASKERS == own);
        let cases: Vec<(u32, String)> = cases.map(|(n, s)| (n, s.case_id.clone())).collect();
        askers.spawn(async move {
            for ((number, case_id), n) in
                cases.iter().flat_map(|c| (0..OTHERS).map(move |n| (c, n)))
            {
                let template = format!("inquiry_{}", channel(n));
                let party = Some(format!("T{number}-{n}"));
                let request = ask(case_id, channel(n), &template, party);
                let asked = contacts.request_contact(request).await;
                asked.unwrap_or_else(|e| panic!("T{number}-{n}: {e:?}"));
            }
        });
    }
    while let Some(done) = askers.join_next().await {
        done.expect("an asker");
    }
    let wanted = (CASES * OTHERS) as usize;
    until("a thousand receipts", async || {
        let all = world.sandbox.lines("receipt");
        (all.len() >= wanted).then_some(())
    })
    .await;
    // The control: the same search over what borrowers are told finds all of it, so that it can fail.
    let first = &secrets[0];
    for channel in ["sms", "email"] {
        let request = ask(&first.case_id, channel, &format!("control_{channel}"), None);
        let asked = world.ana.contacts().request_contact(request).await;
        asked.expect("a contact with the borrower");
    }
    until("the control", async || {
        (world.sandbox.lines("receipt").len() >= wanted + 2).then_some(())
    })
    .await;
    world.server.stop().await;
    world.sandbox.stop().await;

    let text = std::fs::read_to_string(world.sandbox.log()).expect("the sandbox's log");
    let lines = text
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).expect("a JSON line"));
    let (mut asked, mut told, mut control) = (std::collections::BTreeSet::new(), 0, 0);
    for line in lines {
        let dest = line["dest"].as_str().unwrap_or_default();
        let is_other = dest.starts_with("+1415") || dest.ends_with("@neighbour.example");
        let found = leaks(&line, &secrets);
        if line["type"] == "receipt" && !is_other {
            control += 1;
            for what in [
                "a debt word",
                "a debt word in Chinese",
                "the product",
                "an amount",
                "a reference",
            ] {
                assert!(found.contains(&what), "the search misses {what}: {line}");
            }
            continue;
        }
        if line["type"] == "receipt" {
            asked.insert(dest.to_owned());
            // Of a mail whose recipient the peer refuses, nothing is said.
            match line["text"].as_str() {
                Some(said) => {
                    assert!(said.contains("Chen Wei"), "{line}");
                    told += 1;
                }
                None => assert_eq!(line["answer"], 550, "{line}"),
            }
        }
        let of_control = dest == Loan::at_noon(1).mobile() || dest == "b1@borrower.example";
        assert!(found.is_empty() || of_control, "{found:?} in {line}");
    }
    assert_eq!((asked.len(), control), (wanted, 2));
    assert!(
        told > wanted * 9 / 10,
        "only {told} of {wanted} texts were read"
    );
    let minor = serde_json::json!({"n": 734_119 + 10_007, "text": ""});
    assert_eq!(leaks(&minor, &secrets), ["an amount in minor units"]);
}

#[tokio::test]
async fn what_would_tell_of_the_debt_is_refused_and_put_before_a_person() {
    let world = World::live(&["sms", "phone"], NEVER).await;
    let third = v1::TemplateAudience::ThirdParty;
    // At registration: variables, words, amounts.
    for (body, variables, says) in [
        (
            "{{ overdue_amount }}",
            &["overdue_amount"][..],
            "no variable `overdue_amount`",
        ),
        ("{{ case_ref }}", &["case_ref"], "no variable `case_ref`"),
        ("{{ due_date }}", &["due_date"], "no variable `due_date`"),
        (
            "{{ borrower_name }} is overdue",
            &["borrower_name"],
            "overdue",
        ),
        ("请转告他尽快还款", &[], "还款"),
        ("about $600", &[], "amount of money"),
    ] {
        let refused = register(&world.ana, ("leaky", "sms"), body, variables, third).await;
        let refused = refused.expect_err(body);
        assert_eq!(reason(&refused), "TEMPLATE_INVALID", "{refused:?}");
        assert!(format!("{refused:?}").contains(says), "{body}: {refused:?}");
    }
    let done = register(
        &world.ana,
        ("inquiry", "sms"),
        INQUIRY,
        &["person_name", "borrower_name"],
        third,
    );
    done.await.expect("a template");
    let named = "Here is {{ institution_name }}.";
    let done = register(
        &world.ana,
        ("named", "sms"),
        named,
        &["institution_name"],
        third,
    )
    .await;
    done.expect("a template");
    // A name keeps its audience: a policy or person may hold it to be what it was.
    let other = register(&world.ana, ("reminder", "sms"), "Hello", &[], third).await;
    assert_eq!(
        reason(&other.expect_err("another audience")),
        "TEMPLATE_INVALID"
    );

    let secret = open(&world.ana, 1).await;
    let mut contacts = world.ana.contacts();
    let id = &secret.case_id;
    // Each audience has its own templates.
    for (template, party, says) in [
        (
            "reminder",
            Some("T1-0".to_owned()),
            "written for those who owe",
        ),
        ("inquiry", None, "written for third parties"),
    ] {
        let refused = contacts
            .request_contact(ask(id, "sms", template, party))
            .await;
        let refused = refused.expect_err(template);
        assert!(format!("{refused:?}").contains(says), "{refused:?}");
    }
    // Where a name tells of a debt: the institution's ("Demo Lender"), and a person's.
    let request = ask(id, "sms", "named", Some("T1-0".into()));
    let refused = contacts.request_contact(request).await;
    let refused = refused.expect_err("the institution");
    assert_eq!(reason(&refused), "CONTACT_DENIED");
    assert!(refused.message().contains("`lend*`"), "{refused:?}");
    let party = v1::Party {
        lender_ref: "T1-1".into(),
        display_name: "Neighbour (knows of the debt of 7,441.26)".into(),
        ..v1::Party::default()
    };
    let rename = v1::UpsertBorrowerRequest {
        request_id: "rename".into(),
        party: Some(party),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["display_name".into()],
        }),
    };
    let renamed = world.ana.borrowers().upsert_borrower(rename).await;
    renamed.expect("another name");
    let request = ask(id, "sms", "inquiry", Some("T1-1".into()));
    let refused = contacts
        .request_contact(request)
        .await
        .expect_err("a debt word");
    assert_eq!(reason(&refused), "CONTACT_DENIED");
    assert!(refused.message().contains("`debt*`"), "{refused:?}");
    let mut reports = world.ana.reports();
    let all = reports.get_worklist(v1::GetWorklistRequest::default());
    let items = all.await.expect("the worklist").into_inner().items;
    let item = items.iter().find(|i| i.case_id == *id).expect("the case");
    let said = format!("{item:?}");
    assert!(
        said.contains("held back") && said.contains("debt-en"),
        "{said}"
    );
    assert!(
        !said.contains("knows of"),
        "a name stands on the worklist: {said}"
    );
    assert_eq!(world.sandbox.lines("receipt"), Vec::<Value>::new());
    // Somebody else is asked: the refusals left nothing behind.
    let request = ask(id, "sms", "inquiry", Some("T1-2".into()));
    contacts.request_contact(request).await.expect("a contact");
    until("its outcome", async || {
        (!world.sandbox.lines("outcome").is_empty()).then_some(())
    })
    .await;
}
