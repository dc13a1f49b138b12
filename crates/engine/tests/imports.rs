//! Rows of an import that came in together: each is answered in its place, whatever the others are.

mod support;

use jiff::civil::date;
use recoup_domain::party::Relation;
use recoup_engine::CommandError;
use recoup_engine::types::{Caller, CaseInput, PartyName};
use support::{Rig, at, case_input};

/// A row of a batch.
fn row(rig: &Rig, n: usize, input: CaseInput) -> (Caller, CaseInput) {
    let body = format!("{input:?}");
    let caller = rig.requesting("ana", &format!("batch#{n}"), body.as_bytes());
    (caller, input)
}

/// A loan of a borrower who may have others.
fn loan(name: &str, borrower: &str) -> CaseInput {
    let mut input = case_input(name, date(2026, 3, 1));
    if let PartyName::Told(told) = &mut input.borrower {
        told.lender_ref = borrower.into();
    }
    input
}

#[tokio::test]
async fn rows_of_one_part_that_concern_one_another_are_all_taken() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(dir.path(), at("2026-03-02T02:00:00Z")).await;
    let mut inputs = Vec::new();
    // Three loans each of forty borrowers that nobody has heard of.
    for n in 0..120 {
        inputs.push(loan(&n.to_string(), &format!("b-{}", n / 3)));
    }
    // A guarantor whom a row of the same part tells, and one whom none does.
    let mut by_reference = loan("120", "b-120");
    by_reference.parties = vec![(PartyName::Reference("b-7".into()), Relation::Guarantor)];
    inputs.push(by_reference.clone());
    by_reference.lender_case_ref = "121".into();
    by_reference.parties[0].0 = PartyName::Reference("nobody".into());
    inputs.push(by_reference);
    // A loan that another row opens.
    inputs.push(loan("5", "b-1"));
    let rows = inputs.into_iter().enumerate();
    let rows: Vec<_> = rows.map(|(n, input)| row(&rig, n, input)).collect();

    let answers = rig.engine.import_cases(&rows).await;

    assert_eq!(answers.len(), rows.len());
    for (n, answer) in answers[..=120].iter().enumerate() {
        let answer = answer.as_ref().unwrap_or_else(|e| panic!("row {n}: {e}"));
        assert!(!answer.already_open, "row {n}");
    }
    assert!(matches!(
        answers[121],
        Err(CommandError::NotFound { what: "party", .. })
    ));
    let twin = answers[122].as_ref().unwrap();
    assert_eq!(
        (twin.case, twin.already_open),
        (answers[5].as_ref().unwrap().case, true)
    );

    // Said again, each is answered as before; a row that says something else under the same number is refused.
    let again = rig.engine.import_cases(&rows).await;
    for (n, (before, after)) in answers.iter().zip(&again).enumerate().take(121) {
        let (before, after) = (before.as_ref().unwrap(), after.as_ref().unwrap());
        assert_eq!((before.case, true), (after.case, after.already_open), "{n}");
    }
    let other = vec![row(&rig, 0, loan("another", "b-0"))];
    let refused = rig.engine.import_cases(&other).await;
    assert!(matches!(refused[0], Err(CommandError::RequestReused)));
}
