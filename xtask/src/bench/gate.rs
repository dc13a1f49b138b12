//! G10, the gate alone: one call that is permitted, with the most rules that bind one case.

use std::hint::black_box;

use jiff::{SignedDuration, Timestamp};
use recoup_compliance::{
    Audience, Binding, CaseFacts, DebtorFacts, NoTrace, Packs, Proposal, Purpose, Verdict,
};
use recoup_domain::case::LenderKind;
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{CaseId, ContactId};
use recoup_domain::outcome::Outcome;
use recoup_domain::party::Relation;
use recoup_domain::past::Direction;
use recoup_domain::time::Window;
use recoup_domain::{Party, PastContact};

use super::decision::{person, time};
use super::measure::{Arm, Pairs, Sample, median_of};
use super::report::{Better, Figure, Line};
use super::{Failure, Ground};

const CASE: CaseId = CaseId::from_bytes([1; 16]);
const CLASS: ContactClass = ContactClass::Phone;

/// The region and kind of lender whose case most rules bind, all packs as they ship.
fn fullest() -> Result<(String, Binding), Failure> {
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
    let (region, binding) =
        fullest.ok_or_else(|| Failure::Wrong("no pack binds anywhere".to_owned()))?;
    Ok((region.clone(), binding))
}

/// Fifty contacts, three days apart, by three media in turn: a call every twelve days.
fn past(person: &Party, now: Timestamp) -> Vec<PastContact> {
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

fn proposal(person: &Party, now: Timestamp) -> Proposal<'_> {
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

/// What the same gate must look at, written by hand without zone rules, packs, reasons or expiry: the
/// facts that forbid, the hours, and the contacts of the last day and week.
fn by_hand(proposal: &Proposal<'_>, past: &[PastContact], now: Timestamp) -> bool {
    const DAY: i64 = 86_400;
    let local = |at: Timestamp| at.as_second() - 4 * 3_600;
    let today = local(now) / DAY;
    let (mut made, mut calls, mut talks) = (0, 0, 0);
    for c in past.iter().filter(|c| c.party == proposal.party.id) {
        let ago = today - local(c.effect.from) / DAY;
        made += u32::from(ago == 0);
        let call = ago < 7 && c.class == ContactClass::Phone;
        calls += u32::from(call);
        talks += u32::from(call && c.outcome == Some(Outcome::Conversation));
    }
    let who = proposal.party;
    let hour = local(now) % DAY / 3_600;
    let forbidden = who.deceased
        || who.refused
        || !who.opt_outs.is_empty()
        || !who.ceases.is_empty()
        || !who.attorneys.is_empty()
        || !who.inconvenient.is_empty()
        || who.moratorium_until.is_some()
        || proposal.case.dispute.is_some();
    !forbidden && (8..20).contains(&hour) && made < 2 && calls < 2 && talks == 0
}

/// G10, the gate alone.
pub(super) fn gate(ground: &Ground) -> Result<Line, Failure> {
    // Noon in New York.
    let now: Timestamp = "2026-07-17T16:00:00Z".parse().map_err(Failure::other)?;
    let person = person("America/New_York")?;
    let past = past(&person, now);
    let proposal = proposal(&person, now);
    let (region, binding) = fullest()?;
    let asked = binding.rules().iter().filter(|rule| {
        rule.channels().any(|class| class == CLASS)
            && rule.audiences().any(|a| a == proposal.audience)
    });
    let asked = asked.count();
    let once = || {
        recoup_compliance::gate(
            black_box(&binding),
            black_box(&proposal),
            black_box(&past),
            now,
            &mut NoTrace,
        )
    };
    if let Verdict::Deny(denial) = once() {
        return Err(Failure::Wrong(format!("{} denies", denial.reason.id())));
    }
    if !by_hand(&proposal, &past, now) {
        return Err(Failure::Wrong("by hand it is denied".to_owned()));
    }
    let allocated = allocation_counter::measure(|| drop(black_box(once()))).count_total;
    let n = ground.size(200_000, 500);
    let pairs = Pairs::measure(ground.rounds, |arm| {
        Ok::<_, Failure>(match arm {
            Arm::Ours => time(n, || drop(black_box(once()))),
            Arm::Raw => time(n, || {
                black_box(by_hand(black_box(&proposal), black_box(&past), now));
            }),
        })
    })?;
    Ok(Line {
        price: None,
        goal: "G10-gate",
        what: "the gate alone: a call that is permitted, all rules of the fullest binding, a person with 50 \
               contacts; no allocation"
            .to_owned(),
        ours: Figure::time("gate", &pairs.ours),
        raw: Figure::time("by hand, without calendar or law", &pairs.raw),
        result: median_of(&pairs.ours, Sample::us),
        result_unit: "us",
        // Whatever its time, a permit that allocates misses.
        aim: if allocated == 0 { 1.0 } else { 0.0 },
        stretch: None,
        better: Better::Lower,
        suspect: None,
        notes: vec![format!(
            "{allocated} allocations; {} rules bind a case in {region}, {asked} of them a {CLASS} contact with \
             a person who owes the debt",
            binding.rules().len()
        )],
    })
}
