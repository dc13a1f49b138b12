//! What a proposal says of case, debtor and place: the facts that rules are asked about.

mod support;

use jiff::Timestamp;
use jiff::civil::date;
use recoup_compliance::{Audience, CaseFacts, DebtorFacts, FORBEARANCE_TAG};
use recoup_domain::Case;
use recoup_domain::case::{
    self, Amounts, CaseEvent, Document, DocumentKind, LenderKind, Opening, Scores,
};
use recoup_domain::ids::{KeyedHash, TenantId};
use recoup_domain::money::Currency;
use recoup_domain::party::{
    Attorney, BorrowerKind, Cease, Dispute, PointKind, PointOwner, PointState, Relation,
};
use recoup_domain::sealed::Sealed;
use support::{DEBT, OTHER_DEBT, PERSON};

#[test]
fn relation_and_owner_of_the_number_say_where_a_contact_lands() {
    let at = |owner| recoup_domain::party::ContactPoint {
        owner,
        ..support::point(PointKind::Landline, PointState::Usable)
    };
    let (own, work) = (at(PointOwner::Own), at(PointOwner::Workplace));
    for relation in [Relation::Borrower, Relation::Guarantor] {
        assert_eq!(Audience::of(relation, Some(&own)), Audience::Consumer);
        assert_eq!(Audience::of(relation, Some(&work)), Audience::Workplace);
        assert_eq!(Audience::of(relation, None), Audience::Consumer);
    }
    // Whoever does not owe the debt is somebody else, wherever the telephone stands.
    for relation in [Relation::Spouse, Relation::Attorney, Relation::Colleague] {
        for point in [None, Some(&own), Some(&work)] {
            assert_eq!(Audience::of(relation, point), Audience::ThirdParty);
        }
    }
}

fn opened(tags: &[&str], documents: &[DocumentKind]) -> Case {
    let document = |kind: &DocumentKind| Document {
        kind: *kind,
        sha256: "0".repeat(64),
        reference: "r".to_owned(),
    };
    let opening = Opening {
        id: DEBT,
        tenant: TenantId::new("t").unwrap(),
        lender_ref: KeyedHash([1; 16]),
        borrower: PERSON,
        parties: vec![],
        jurisdiction: "CN".to_owned(),
        lender_kind: LenderKind::Bank,
        borrower_kind: BorrowerKind::Individual,
        product: None,
        currency: Currency::new("CNY").unwrap(),
        amounts: Amounts {
            principal: 100,
            interest: 0,
            fees: 0,
            overdue: 100,
        },
        oldest_unpaid_due: Some(date(2026, 4, 7)),
        scores: Scores::default(),
        tags: tags.iter().map(ToString::to_string).collect(),
        documents: documents.iter().map(document).collect(),
        previous: None,
        sealed: Sealed::default(),
    };
    match case::open(opening, Timestamp::UNIX_EPOCH) {
        Ok(CaseEvent::Opened(case)) => *case,
        other => panic!("{other:?}"),
    }
}

#[test]
fn facts_of_a_case_are_read_from_it() {
    let plain = CaseFacts::from(&opened(&[], &[]));
    assert_eq!(plain, CaseFacts::default());
    let tagged = |tag| CaseFacts::from(&opened(&["vip", tag], &[])).forbearance;
    assert!(tagged(FORBEARANCE_TAG));
    assert!(!tagged("forbearance"));
    let mut case = opened(&[], &DocumentKind::EVIDENCE_PACK);
    case.dispute = Some(Dispute::WrittenUnverified);
    case.time_barred = true;
    let facts = CaseFacts {
        evidence_pack: true,
        dispute: Some(Dispute::WrittenUnverified),
        time_barred: true,
        days_past_due: None,
        forbearance: false,
    };
    assert_eq!(CaseFacts::from(&case), facts);
    let two = &DocumentKind::EVIDENCE_PACK[..2];
    assert!(!CaseFacts::from(&opened(&[], two)).evidence_pack);
}

#[test]
fn facts_of_a_debtor_are_read_about_the_debt() {
    let of = |party: &recoup_domain::Party| DebtorFacts::of(party, DEBT, 3);
    let mut who = support::party(&["Asia/Shanghai"]);
    // Without a number nobody is reached by one.
    let unreachable = DebtorFacts {
        unreachable: true,
        ..DebtorFacts::default()
    };
    assert_eq!(of(&who), unreachable);
    who.points = vec![support::point(PointKind::Mobile, PointState::Usable)];
    assert_eq!(of(&who), DebtorFacts::default());
    who.points[0].failed_days = 2;
    assert!(!of(&who).unreachable, "doubtful is not lost");
    who.points[0].failed_days = 3;
    assert!(of(&who).unreachable);
    who.points[0].failed_days = 0;

    let attorney = |case| Attorney {
        case,
        unresponsive: false,
        consents: false,
    };
    who.attorneys = vec![attorney(Some(OTHER_DEBT))];
    assert!(!of(&who).represented, "in another debt");
    who.attorneys.push(attorney(Some(DEBT)));
    assert!(of(&who).represented);
    who.attorneys = vec![attorney(None)];
    assert!(of(&who).represented, "in all debts");
    who.attorneys.clear();

    let cease = |case| Cease {
        case,
        written: false,
        at: Timestamp::UNIX_EPOCH,
    };
    who.ceases = vec![cease(Some(OTHER_DEBT))];
    assert!(!of(&who).ceased);
    who.ceases = vec![cease(Some(DEBT))];
    assert!(of(&who).ceased, "a word is enough");
    who.ceases.clear();

    who.deceased = true;
    assert!(of(&who).deceased && !of(&who).incapacitated);
    who.deceased = false;
    who.incapacitated = true;
    assert!(of(&who).incapacitated && !of(&who).deceased);
}
