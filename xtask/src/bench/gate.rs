//! G10, the gate alone: one call that is permitted, with the most rules that bind one case.

use std::hint::black_box;

use jiff::Timestamp;
use recoup_compliance::{NoTrace, Proposal, Verdict};
use recoup_domain::PastContact;
use recoup_domain::contact::ContactClass;
use recoup_domain::outcome::Outcome;

use super::allocations::Allocations;
use super::decision::time;
use super::measure::{Arm, Pairs, Sample, median_of};
use super::report::{Better, Figure, Line};
use super::scene::gate as scene;
use super::{Failure, Ground};

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
    let now = scene::noon().map_err(Failure::other)?;
    let person = scene::who().map_err(Failure::other)?;
    let past = scene::past(&person, now);
    let proposal = scene::proposal(&person, now);
    let (region, binding) = scene::fullest().map_err(Failure::other)?;
    let asked = binding.rules().iter().filter(|rule| {
        rule.channels().any(|class| class == scene::CLASS)
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
    let allocated = Allocations::count()?.gate;
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
            binding.rules().len(),
            CLASS = scene::CLASS,
        )],
    })
}
