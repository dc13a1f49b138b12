//! G10: one decision of policy and gate, beside the same questions written by hand.

use std::hint::black_box;

use jiff::Timestamp;
use recoup_decide::Action;
use recoup_domain::contact::ContactClass;
use recoup_domain::outcome::Outcome;

use super::allocations::Allocations;
use super::measure::{Arm, Pairs, Sample, Stopwatch, median_of};
use super::report::{Better, Figure, Line, short};
use super::scene::decision::Facts;
use super::{Failure, Ground};

/// What the same decision must look at, written by hand without calendar, law packs or reasons: counts
/// of the fifty contacts, twenty conditions, the hours, the caps of a day, the step that is due.
fn by_hand(facts: &Facts, now: Timestamp) -> Option<u8> {
    const DAY: i64 = 86_400;
    let local = |at: Timestamp| at.as_second() + 8 * 3_600;
    let today = local(now) / DAY;
    let mut last = [i64::MIN; 2];
    let (mut made, mut talks, mut visits) = (0, 0, 0);
    for c in &facts.contacts {
        let place = usize::from(c.place.map_or(0, |p| p.1)) % 2;
        last[place] = last[place].max(c.at.as_second());
        if local(c.at) / DAY == today {
            made += 1;
            talks += u32::from(c.outcome == Some(Outcome::Conversation));
        }
        visits += u32::from(c.class == ContactClass::Visit);
    }
    let dpd = today - black_box(20_550);
    let case = &facts.case;
    let least = black_box([1_i64; 20]);
    let holds = |n: &usize| {
        dpd >= least[*n]
            && case.tags.is_empty()
            && (case.scores.willingness.is_some_and(|w| w < 20) || visits < 9)
            && now.as_second() - case.opened_at.as_second() >= DAY
            && case.amounts.overdue >= 100
            && dpd < 200
    };
    (0..20).rev().find(holds)?;
    let hour = local(now) % DAY / 3_600;
    let lawful = (8..22).contains(&hour) && made < 5 && talks < 3;
    let due = last.iter().position(|at| now.as_second() - at >= 3 * DAY)?;
    lawful.then_some(due as u8)
}

pub(super) fn time(decisions: usize, mut once: impl FnMut()) -> Sample {
    let watch = Stopwatch::start();
    for _ in 0..decisions {
        once();
    }
    watch.stop(decisions)
}

/// G10: one decision.
pub(super) fn decision(ground: &Ground) -> Result<Line, Failure> {
    let due = Facts::due().map_err(Failure::other)?;
    let facts = Facts::new(due).map_err(Failure::other)?;
    if !matches!(facts.decide(due).action, Action::Contact(_)) {
        return Err(Failure::Wrong("nothing is due".to_owned()));
    }
    let early = facts.early(due).map_err(Failure::other)?;
    let allocated = Allocations::count()?;
    let (of_sleep, of_permit) = (allocated.sleep, allocated.permit);
    let n = ground.size(200_000, 500);
    let permit = Pairs::measure(ground.rounds, |arm| {
        Ok::<_, Failure>(match arm {
            Arm::Ours => time(n, || drop(black_box(facts.decide(black_box(due))))),
            Arm::Raw => time(n, || {
                black_box(by_hand(black_box(&facts), black_box(due)));
            }),
        })
    })?;
    let sleep: Vec<Sample> = (0..ground.rounds)
        .map(|_| time(n, || drop(black_box(facts.decide(black_box(early))))))
        .collect();
    let us = median_of(&permit.ours, Sample::us);
    // Whatever its time, a decision that allocates misses.
    let aim = if of_permit == 0 && of_sleep == 0 {
        1.0
    } else {
        0.0
    };
    Ok(Line {
        goal: "G10",
        what: "one decision that permits: 20 rules and the gate, a person with 50 contacts; no allocation"
            .to_owned(),
        ours: Figure::time("step", &permit.ours),
        raw: Figure::time("by hand, without calendar or law", &permit.raw),
        result: us,
        result_unit: "us",
        aim,
        stretch: Some(0.3 * aim),
        better: Better::Lower,
        suspect: None,
        price: None,
        notes: vec![format!(
            "{of_permit} allocations with a permit, {of_sleep} with a sleep; a sleep takes {} us",
            short(median_of(&sleep, Sample::us))
        )],
    })
}
