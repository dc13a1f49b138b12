//! Contacts with people who owe nothing: what is handed to their carrier, and what they want stands.

mod support;

use jiff::civil::date;
use recoup_channel::wire::{Reply, destination, inbound};
use recoup_domain::Party;
use recoup_domain::case::{Amounts, LenderKind};
use recoup_domain::contact::{ContactClass, ContactState, Reader};
use recoup_domain::ids::CaseId;
use recoup_domain::party::{BorrowerKind, PointKind, PointState, Relation};
use recoup_domain::time::Zone;
use recoup_engine::CommandError;
use recoup_engine::commands::HandInput;
use recoup_engine::types::{Answered, PartyInput, PartyName, PointInput, TemplateInput};
use recoup_store::ContactFilter;
use support::{Rig, at, case_input, point};

const NEIGHBOUR: &str = "+12025550111";
const NOON: &str = "2026-03-03T18:00:00Z";

fn neighbour(points: Vec<PointInput>) -> PartyInput {
    PartyInput {
        lender_ref: "n-1".into(),
        display_name: "Li Na".into(),
        kind: BorrowerKind::Individual,
        regions: vec!["US-TX".into()],
        zones: vec![Zone::new("America/Chicago").unwrap()],
        locale: "zh-CN".into(),
        points,
        tags: vec![],
    }
}

fn reachable() -> Vec<PointInput> {
    vec![
        point(PointKind::Mobile, NEIGHBOUR),
        point(PointKind::Email, "li.na@mail.test"),
    ]
}

/// A case of an agency in Texas that names a neighbour, who owes nothing.
async fn open(rig: &Rig, loan: &str, points: Vec<PointInput>) -> CaseId {
    let mut input = case_input(loan, date(2026, 3, 1));
    let told = PartyName::Told(Box::new(neighbour(points)));
    input.parties = vec![(told, Relation::Neighbour)];
    input.jurisdiction = "US-TX".into();
    input.lender_kind = LenderKind::Agency;
    input.amounts = Amounts {
        principal: 500,
        interest: 0,
        fees: 0,
        overdue: 500,
    };
    let ana = rig.as_of("ana");
    let opened = rig.engine.open_case(&ana, input, &|_| vec![]).await;
    match opened.unwrap() {
        Answered::Now(view) => view.case.id,
        Answered::Before(_) => panic!("no request id was given"),
    }
}

async fn template(rig: &Rig, name: &str, class: ContactClass, body: &str) {
    let input = TemplateInput {
        name: name.into(),
        class,
        locale: "zh-CN".into(),
        subject: String::new(),
        body: body.into(),
        variables: vec!["person_name".into(), "borrower_name".into()],
        reader: Reader::ThirdParty,
        regions: vec!["US".into()],
        lender_kinds: vec![],
        approval: None,
    };
    let ana = rig.as_of("ana");
    let done = rig.engine.register_template(&ana, input, &|_| vec![]);
    done.await.unwrap();
}

async fn ask(
    rig: &Rig,
    case: CaseId,
    class: ContactClass,
    template: &str,
) -> Result<(), CommandError> {
    let input = HandInput {
        case,
        class,
        template: template.into(),
        party: Some(PartyName::Reference("n-1".into())),
        point: None,
        at: None,
        reason: "nobody answers at the number of the borrower".into(),
    };
    let ana = rig.as_of("ana");
    let asked = rig.engine.request_contact(&ana, input, &|_| vec![]).await;
    rig.engine.activity().until_quiet().await;
    asked.map(drop)
}

async fn party(rig: &Rig, reference: &str) -> Party {
    let name = PartyName::Reference(reference.into());
    rig.engine.borrower(&rig.tenant, &name).await.unwrap().party
}

async fn writes(rig: &Rig, from: &str, text: &str) {
    let reply = Reply {
        from: from.into(),
        to: "10690000".into(),
        text: text.into(),
        ..Reply::default()
    };
    let what = inbound::What::Reply(reply);
    rig.call_back(ContactClass::Sms, what).await;
}

const INQUIRY: &str = "{{ person_name }}, to confirm how they are reached, please ask {{ borrower_name }} to call Ana Li.";

#[tokio::test]
async fn the_carrier_is_told_no_name_of_a_third_party() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(NOON)).await;
    template(&rig, "inquiry", ContactClass::Sms, INQUIRY).await;
    let case = open(&rig, "1", reachable()).await;
    let own = ContactClass::Sms;
    ask(&rig, case, own, "inquiry").await.unwrap();
    let seen = rig.channel(own).seen.lock().unwrap().clone();
    let to = |r: &destination::To| *r == destination::To::E164(NEIGHBOUR.into());
    let of_neighbour = seen.iter().filter_map(|(_, r)| r.destination.as_ref());
    let of_neighbour: Vec<_> = of_neighbour
        .filter(|d| d.to.as_ref().is_some_and(to))
        .collect();
    assert_eq!(of_neighbour.len(), 1);
    assert_eq!(of_neighbour[0].display_name, "");
}

#[tokio::test]
async fn who_owes_nothing_and_says_stop_is_asked_no_more_by_any_medium() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(NOON)).await;
    for (name, class) in [
        ("inquiry", ContactClass::Sms),
        ("inquiry_call", ContactClass::Phone),
    ] {
        template(&rig, name, class, INQUIRY).await;
    }
    let case = open(&rig, "1", reachable()).await;
    // Whoever was never asked as a third party opts out of a medium, and refuses nothing.
    writes(&rig, NEIGHBOUR, "STOP").await;
    let before = party(&rig, "n-1").await;
    assert!(!before.refused && before.opt_outs.len() == 1);
    ask(&rig, case, ContactClass::Phone, "inquiry_call")
        .await
        .unwrap();
    // The medium is closed already; the refusal is told all the same.
    writes(&rig, NEIGHBOUR, "STOP").await;
    let after = party(&rig, "n-1").await;
    assert!(after.refused && after.opt_outs.len() == 1);
    let denied = ask(&rig, case, ContactClass::Phone, "inquiry_call").await;
    assert!(
        matches!(&denied, Err(CommandError::Denied { reasons, .. })
            if reasons[0].contains("asked not to be contacted")),
        "{denied:?}"
    );
    let events = rig.engine.events(&rig.tenant, 0, 1_000).await.unwrap();
    writes(&rig, NEIGHBOUR, "STOP").await;
    let again = rig.engine.events(&rig.tenant, 0, 1_000).await.unwrap();
    assert_eq!(again.len(), events.len(), "once is enough");

    writes(&rig, "+8613800000001", "STOP").await;
    let borrower = party(&rig, "b-1").await;
    assert!(!borrower.refused && borrower.opt_outs.len() == 1);
}

#[tokio::test]
async fn a_short_number_is_no_amount_and_no_reference() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(NOON)).await;
    let block = format!("{INQUIRY} Block 5, room 123.");
    let amount = format!("{INQUIRY} Number 5.00.");
    template(&rig, "block", ContactClass::Sms, &block).await;
    template(&rig, "amount", ContactClass::Sms, &amount).await;
    let case = open(&rig, "123", reachable()).await;
    let held_back = ask(&rig, case, ContactClass::Sms, "amount").await;
    assert!(
        matches!(&held_back, Err(CommandError::Unsayable { problem, .. }) if problem.contains("an amount")),
        "{held_back:?}"
    );
    ask(&rig, case, ContactClass::Sms, "block").await.unwrap();
}

#[tokio::test]
async fn a_number_told_as_wrong_with_another_case_calls_off_what_is_on_its_way() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at(NOON)).await;
    template(&rig, "inquiry", ContactClass::Sms, INQUIRY).await;
    let first = open(&rig, "1", reachable()).await;
    ask(&rig, first, ContactClass::Sms, "inquiry")
        .await
        .unwrap();
    let person = party(&rig, "n-1").await;
    let filter = ContactFilter {
        party: Some(person.id),
        ..ContactFilter::default()
    };
    let state = async || {
        let page = rig.engine.contacts(&rig.tenant, &filter, None, 10).await;
        let contact = page.unwrap().rows.remove(0).contact;
        (contact.state, contact.beyond_recall)
    };
    assert_eq!(state().await, (ContactState::Accepted, false));
    let mut points = reachable();
    points[0].state = Some(PointState::WrongNumber);
    open(&rig, "2", points).await;
    let wrong = party(&rig, "n-1").await;
    assert_eq!(wrong.points[0].state, PointState::WrongNumber);
    // Its carrier has it, and its channel cannot call anything off.
    assert_eq!(state().await, (ContactState::Accepted, true));
}
