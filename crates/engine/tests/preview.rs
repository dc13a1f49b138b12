//! A text before anybody reads it: nobody's data unless a case is named, and what law asks that is missing.

mod support;

use jiff::civil::date;
use recoup_domain::case::LenderKind;
use recoup_domain::contact::{ContactClass, Reader};
use recoup_domain::ids::{CaseId, TenantId};
use recoup_engine::CommandError;
use recoup_engine::preview::{TemplatePreview, TemplateQuestion};
use recoup_engine::types::TemplateInput;
use support::{Rig, at};

async fn rig(dir: &std::path::Path) -> Rig {
    Rig::new(dir, at("2026-03-01T00:00:00Z")).await
}

fn asks(name: &str) -> TemplateQuestion {
    TemplateQuestion {
        name: name.into(),
        ..TemplateQuestion::default()
    }
}

fn with(name: &str, values: &[(&str, &str)]) -> TemplateQuestion {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    TemplateQuestion {
        values: values.iter().map(pair).collect(),
        ..asks(name)
    }
}

async fn shown(rig: &Rig, question: &TemplateQuestion) -> Vec<TemplatePreview> {
    let shown = rig.engine.preview_template(&rig.tenant, question).await;
    shown.unwrap_or_else(|e| panic!("{e}"))
}

async fn only(rig: &Rig, question: &TemplateQuestion) -> TemplatePreview {
    let mut all = shown(rig, question).await;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn text(name: &str, locale: &str, body: &str, variables: &[&str], reader: Reader) -> TemplateInput {
    TemplateInput {
        name: name.into(),
        class: ContactClass::Sms,
        locale: locale.into(),
        subject: String::new(),
        body: body.into(),
        variables: variables.iter().map(|v| (*v).to_owned()).collect(),
        reader,
        regions: vec![],
        lender_kinds: vec![],
        approval: None,
    }
}

async fn register(rig: &Rig, input: TemplateInput) {
    let ana = rig.as_of("ana");
    let done = rig.engine.register_template(&ana, input, &|_| vec![]);
    done.await.unwrap();
}

#[tokio::test]
async fn examples_are_nobodys_and_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let rig = rig(dir.path()).await;
    let plain = only(&rig, &asks("reminder")).await;
    assert_eq!(plain.body, "【Demo】示例姓名. Reply STOP to end texts.");
    assert_eq!(plain.examples, ["borrower_name"]);
    let cut = plain.segments.unwrap();
    let odd: String = cut.not_gsm.iter().collect();
    assert_eq!((cut.count, &*odd), (1, "【】示例姓名"));
    let given = only(&rig, &with("reminder", &[("borrower_name", "Li")])).await;
    assert_eq!(given.body, "【Demo】Li. Reply STOP to end texts.");
    assert_eq!(given.examples, [""; 0]);
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    let own = TemplateQuestion {
        case: Some(case),
        ..with("reminder", &[("lender_name", "Else")])
    };
    let own = only(&rig, &own).await;
    assert_eq!(own.body, "【Else】Zhang San. Reply STOP to end texts.");
    assert_eq!(own.examples, [""; 0]);
    assert_eq!(own.regions, ["CN"]);
    assert!(!own.duties.is_empty());
}

#[tokio::test]
async fn each_language_and_what_law_asks_in_each_place() {
    let dir = tempfile::tempdir().unwrap();
    let rig = rig(dir.path()).await;
    let variables = ["lender_name", "borrower_name", "dpd"];
    let body = "{{ lender_name }}: {{ borrower_name }}, {{ dpd }} days";
    register(&rig, text("note", "en", body, &variables, Reader::Obligor)).await;
    register(&rig, text("note", "es", body, &variables, Reader::Obligor)).await;
    let all = shown(&rig, &asks("note")).await;
    let locales: Vec<&str> = all.iter().map(|p| p.template.locale.as_str()).collect();
    assert_eq!(locales, ["en", "es"]);
    assert_eq!(all[0].body, "Demo: Example Name, 10 days");
    let cut = all[0].segments.clone().unwrap();
    assert_eq!((cut.count, cut.not_gsm.len()), (1, 0));
    // Nobody said where it goes.
    assert!(all[0].regions.is_empty() && all[0].duties.is_empty() && all[0].lacks.is_empty());
    let agency = TemplateQuestion {
        regions: vec!["US".into()],
        lender_kind: Some(LenderKind::Agency),
        locale: Some("en-US".into()),
        ..asks("note")
    };
    let agency = only(&rig, &agency).await;
    let always: Vec<&str> = (agency.lacks.iter())
        .filter(|(_, always)| *always)
        .map(|(lack, _)| lack.duty.id())
        .collect();
    assert!(always.contains(&"US-REGF-1006.6e"), "{always:?}");
}

#[tokio::test]
async fn what_cannot_be_shown_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let rig = rig(dir.path()).await;
    let fails = async |question: TemplateQuestion| {
        let shown = rig.engine.preview_template(&rig.tenant, &question).await;
        shown.unwrap_err()
    };
    let missing = fails(asks("nothing")).await;
    assert!(matches!(
        missing,
        CommandError::NotFound {
            what: "template",
            ..
        }
    ));
    let french = TemplateQuestion {
        locale: Some("fr".into()),
        ..asks("reminder")
    };
    assert!(matches!(fails(french).await, CommandError::Template { .. }));
    let CommandError::Invalid(violations) = fails(with("reminder", &[("dpd", "1")])).await else {
        panic!("it does not declare dpd")
    };
    assert_eq!(violations[0].field, "values[0].name");
    // In two languages: each variable is told once.
    for locale in ["en", "es"] {
        let body = "{{ lender_name }}: {{ borrower_name }}";
        let names = ["lender_name", "borrower_name"];
        register(&rig, text("note", locale, body, &names, Reader::Obligor)).await;
    }
    let CommandError::Invalid(violations) = fails(with("note", &[("dpd", "1")])).await else {
        panic!("it does not declare dpd")
    };
    let said = &violations[0].problem;
    assert!(
        said.ends_with("it declares borrower_name, lender_name"),
        "{said}"
    );
    let nobody = TemplateQuestion {
        case: Some(CaseId::from_bytes([9; 16])),
        ..asks("reminder")
    };
    assert!(matches!(
        fails(nobody).await,
        CommandError::NotFound { what: "case", .. }
    ));
    // A case of another lender is none.
    let case = rig.open_case("1", date(2026, 3, 1)).await;
    let theirs = TemplateQuestion {
        case: Some(case),
        ..asks("reminder")
    };
    let other = TenantId::new("other").unwrap();
    let shown = rig.engine.preview_template(&other, &theirs).await;
    assert!(matches!(shown, Err(CommandError::NotFound { .. })));
    // Third parties: from the names alone, and read once more.
    let body = "{{ person_name }}, {{ borrower_name }} please call {{ institution_name }}";
    let names = ["person_name", "borrower_name", "institution_name"];
    register(
        &rig,
        text("callback", "en", body, &names, Reader::ThirdParty),
    )
    .await;
    let plain = only(&rig, &asks("callback")).await;
    assert_eq!(plain.body, "Example Contact, Example Name please call Demo");
    let debt = fails(with("callback", &[("person_name", "your overdue debt")])).await;
    assert!(matches!(debt, CommandError::Template { .. }), "{debt}");
    let of_case = TemplateQuestion {
        case: Some(case),
        ..asks("callback")
    };
    assert!(matches!(fails(of_case).await, CommandError::Invalid(_)));
}
