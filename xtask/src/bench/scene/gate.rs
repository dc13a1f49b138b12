//! One call that is permitted, with the most rules that bind one case.

use jiff::{SignedDuration, Timestamp};
use recoup_compliance::{Audience, Binding, CaseFacts, DebtorFacts, Packs, Proposal, Purpose};
use recoup_domain::case::LenderKind;
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{CaseId, ContactId};
use recoup_domain::outcome::Outcome;
use recoup_domain::party::Relation;
use recoup_domain::past::Direction;
use recoup_domain::time::Window;
use recoup_domain::{Party, PastContact};

use super::Fault;
use super::decision::person;

const CASE: CaseId = CaseId::from_bytes([1; 16]);
/// By what medium.
pub(crate) const CLASS: ContactClass = ContactClass::Phone;

/// The region and kind of lender whose case most rules bind, all packs as they ship.
pub(crate) fn fullest() -> Result<(String, Binding), Fault> {
    let packs = Packs::builtin();
    let regions = packs.packs().iter().flat_map(|pack| pack.regions());
    let lenders = [
        LenderKind::FirstParty,
        LenderKind::Agency,
        LenderKind::MicroloanCompany,
        LenderKind::Bank,
    ];
    let cases = regions.flat_map(|region| lenders.map(|lender| (region, lender)));
    // A region of an overlay, of a pack that is off, or `*` is no jurisdiction.
    let bound =
        cases.filter_map(|(region, lender)| Some((region, packs.bind(region, &[], lender).ok()?)));
    let fullest = bound.max_by_key(|(_, binding)| binding.rules().len());
    let (region, binding) = fullest.ok_or("no pack binds anywhere")?;
    Ok((region.clone(), binding))
}

/// Noon in New York.
///
/// # Errors
/// Never: it is a constant.
pub(crate) fn noon() -> Result<Timestamp, Fault> {
    Ok("2026-07-17T16:00:00Z".parse()?)
}

/// The person.
///
/// # Errors
/// Never: it is a constant.
pub(crate) fn who() -> Result<Party, Fault> {
    person("America/New_York")
}

/// Fifty contacts, three days apart, by three media in turn: a call every twelve days.
pub(crate) fn past(person: &Party, now: Timestamp) -> Vec<PastContact> {
    const MEDIA: [ContactClass; 4] = [
        ContactClass::Email,
        ContactClass::Sms,
        ContactClass::Email,
        ContactClass::Phone,
    ];
    let contact = |n: u32| {
        let at = now - SignedDuration::from_hours(72 * i64::from(n));
        PastContact {
            id: Some(ContactId {
                case: CASE,
                seq: 51 - n,
            }),
            at,
            effect: Window::starting(at, SignedDuration::from_mins(30)),
            class: MEDIA[n as usize % 4],
            direction: Direction::Outbound,
            debt: CASE,
            more_debts: Box::default(),
            party: person.id,
            point: None,
            outcome: Some(Outcome::NoAnswer),
            state: Some(ContactState::Failed),
            place: Some((0, 0)),
        }
    };
    (1..=50).rev().map(contact).collect()
}

/// A call that is permitted.
pub(crate) fn proposal(person: &Party, now: Timestamp) -> Proposal<'_> {
    Proposal {
        class: CLASS,
        effect: Window::starting(now, SignedDuration::from_mins(30)),
        debt: CASE,
        party: person,
        relation: Relation::Borrower,
        point: person.points.first(),
        audience: Audience::Consumer,
        purpose: Purpose::Ordinary,
        case: CaseFacts::default(),
        debtor: DebtorFacts::default(),
        qualified_collectors: 0,
        requested_by_person: false,
    }
}
