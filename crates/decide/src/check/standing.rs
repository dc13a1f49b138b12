//! Where a case stands: in no stage, in a stage nobody comes to, in two at once.

use super::example::Example;
use super::ladder::{Reach, needs_a_case};
use super::sets::{NONE, Set, TooLarge};
use super::space::{OPEN, Space};
use super::{Report, code};
use recoup_policy::explore::{ANY, Fact, Of, class_of};

/// A case that is open, overdue and past due stands in no stage.
pub(super) fn gaps(
    space: &mut Space<'_>,
    own: &Reach,
    report: &mut Report,
) -> Result<(), TooLarge> {
    let mut open = space.with(space.nowhere, Fact::Dpd, |from, _| from >= 1)?;
    open = space.with(open, Fact::Overdue, |from, _| from >= 1)?;
    open = space.with(open, Fact::Status, |from, _| from == OPEN)?;
    for (stage, reached) in own.stages.iter().enumerate() {
        if !reached && needs_a_case(space.policy, stage) {
            open = space.with(open, Fact::Exhausted(stage as u8), |_, to| to == 0)?;
        }
    }
    if open == NONE {
        return Ok(());
    }
    // A case that the ladder itself brings there says more than one that was contacted by hand.
    let by_ladder = space.sets.and(open, own.states)?;
    let shown = if by_ladder == NONE { open } else { by_ladder };
    let Some(state) = space.state(shown) else {
        return Ok(());
    };
    let example = Example::of(space, &state);
    if example.stage().is_some() {
        not_settled(space, 0, "whether a stage holds on every day", report);
        return Ok(());
    }
    let place = space.policy.stages()[0].place;
    let by_hand = match by_ladder {
        NONE => ", once somebody contacted the borrower by hand",
        _ => "",
    };
    let message = format!(
        "a case {} days past due can stand in no stage{by_hand}: nothing happens to it, and nobody is told",
        example.dpd()
    );
    let hint =
        "let some stage hold whenever case.dpd >= 1, such as the first one: enter: case.dpd >= 1";
    let lines = example.lines("the case is overdue, and no stage holds");
    report.show(code::GAP, place, message, hint, lines);
    Ok(())
}

/// Two stages that hold in the same states, or a stage that holds only before all earlier ones.
pub(super) fn overlaps(space: &mut Space<'_>, report: &mut Report) -> Result<(), TooLarge> {
    let stages = space.policy.stages();
    for later in 1..stages.len() {
        let same = (0..later).find(|earlier| {
            space.enters[*earlier] == space.enters[later] && space.enters[later] != NONE
        });
        if let Some(earlier) = same {
            if !space.is_whole(earlier) {
                not_settled(
                    space,
                    later,
                    "whether two stages hold in the same states",
                    report,
                );
                continue;
            }
            let (a, b) = (&stages[earlier].name, &stages[later].name);
            let message = format!(
                "stage `{b}` holds in exactly the same states as stage `{a}`: nobody ever stands in `{a}`"
            );
            let hint =
                "let the later stage ask for more, such as a higher case.dpd, or join the two";
            let lines = example_lines(space, space.enters[later], |_| {
                format!("`{a}` and `{b}` both hold; the case stands in `{b}`")
            });
            report.show(code::OVERLAP, stages[later].place, message, hint, lines);
            continue;
        }
        if let Some((earlier, fact)) = before_all(space, later)?
            && space.is_whole(0)
        {
            let (a, b) = (&stages[earlier].name, &stages[later].name);
            let name = space.policy.fact_in_words(fact);
            let message = format!(
                "stage `{b}` stands behind `{a}`, but holds only before it: {name} never goes back from what \
                 `{a}` asks for to what `{b}` asks for"
            );
            let hint = "order the stages as cases come to them, mildest first";
            let lines = example_lines(space, space.stands[later], |_| {
                format!("the case stands in `{b}`, and stood in no earlier stage")
            });
            report.show(code::OVERLAP, stages[later].place, message, hint, lines);
        }
    }
    Ok(())
}

fn example_lines(
    space: &Space<'_>,
    set: Set,
    end: impl FnOnce(&Example<'_>) -> String,
) -> Vec<String> {
    let Some(state) = space.state(set) else {
        return Vec::new();
    };
    let example = Example::of(space, &state);
    let end = end(&example);
    example.lines(&end)
}

/// Whether a case that stands in a stage cannot have stood in an earlier one, for something that only grows was
/// larger there. Answers with one of the earlier stages, and what grows.
fn before_all(space: &mut Space<'_>, later: usize) -> Result<Option<(usize, Fact)>, TooLarge> {
    if space.stands[later] == NONE {
        return Ok(None);
    }
    let growing: Vec<Fact> = space
        .axes
        .iter()
        .map(|a| a.fact)
        .filter(|f| grows(*f))
        .collect();
    let mut found = None;
    for earlier in 0..later {
        if space.stands[earlier] == NONE {
            continue;
        }
        let mut before = None;
        for fact in &growing {
            let (Some(own), Some(other)) = (
                range(space, space.stands[later], *fact)?,
                range(space, space.stands[earlier], *fact)?,
            ) else {
                continue;
            };
            if own.1 < other.0 {
                before = Some((earlier, *fact));
            }
        }
        match before {
            Some(before) => found = Some(before),
            None => return Ok(None),
        }
    }
    Ok(found)
}

/// Whether a fact never becomes less while no balance or due date is corrected.
const fn grows(fact: Fact) -> bool {
    matches!(
        fact,
        Fact::Dpd | Fact::AgeDays | Fact::Contacts(_, Of::Made | Of::Completed)
    )
}

/// The least and greatest value that a fact has in a set.
pub(super) fn range(
    space: &mut Space<'_>,
    set: Set,
    fact: Fact,
) -> Result<Option<(i64, i64)>, TooLarge> {
    let Some(axis) = space.place(fact) else {
        return Ok(None);
    };
    let cells = space.sets.cells_in(set, axis)?;
    let spans: Vec<(i64, i64)> = cells.iter().filter_map(|c| space.span(axis, *c)).collect();
    let least = spans.iter().map(|s| s.0).min();
    let most = spans.iter().map(|s| s.1).max();
    Ok(least.zip(most))
}

/// A stage that no case can ever stand in.
pub(super) fn unreachable(
    space: &mut Space<'_>,
    own: &Reach,
    report: &mut Report,
) -> Result<(), TooLarge> {
    let stages = space.policy.stages();
    // What a stage brings about that is not known to be reached, another may ask for.
    let settled = (0..stages.len()).all(|n| own.stages[n] || space.is_whole(n));
    for (number, stage) in stages.iter().enumerate() {
        // Told as an overlap.
        let told = space.enters[number] != NONE && same_later(space, number);
        if own.stages[number] || told {
            continue;
        }
        if !settled {
            not_settled(space, number, "whether the stage is ever reached", report);
            continue;
        }
        let name = &stage.name;
        let (message, hint, lines) = if space.enters[number] == NONE {
            let message =
                format!("nobody ever stands in stage `{name}`: its condition never holds");
            let hint = "look for two parts that cannot both be true, such as a fact above and below a number";
            (message, hint.to_owned(), Vec::new())
        } else if space.stands[number] == NONE {
            let over = later_ones(space, number)?;
            let message = format!(
                "nobody ever stands in stage `{name}`: wherever its condition holds, that of a later stage holds too"
            );
            let hint = format!("let {over} ask for more than `{name}`, or move `{name}` behind");
            let lines = example_lines(space, space.enters[number], |example| {
                let stands = example.stage().map(|s| &stages[usize::from(s)].name);
                let stands = stands.map_or("a later stage", |s| s.as_str());
                format!("`{name}` holds, but the case stands in `{stands}`, which holds too")
            });
            (message, hint, lines)
        } else {
            let lacking = lacking(space, number, own)?;
            let message = format!(
                "nobody ever stands in stage `{name}`: the ladder itself never comes there{lacking}"
            );
            let hint = "ask for what steps of earlier stages bring about";
            let lines = example_lines(space, space.stands[number], |_| {
                format!(
                    "`{name}` would hold, but no step of a stage reached before makes these contacts"
                )
            });
            (message, hint.to_owned(), lines)
        };
        report.show(code::UNREACHABLE, stage.place, message, &hint, lines);
    }
    Ok(())
}

fn same_later(space: &Space<'_>, number: usize) -> bool {
    space.enters[number + 1..].contains(&space.enters[number])
}

/// The later stages whose condition holds where that of this one does.
fn later_ones(space: &mut Space<'_>, number: usize) -> Result<String, TooLarge> {
    let mut names = Vec::new();
    for later in number + 1..space.enters.len() {
        if space.sets.and(space.enters[number], space.enters[later])? != NONE {
            names.push(format!("`{}`", space.policy.stages()[later].name));
        }
    }
    Ok(super::listed(names))
}

/// What a stage asks for that no step before it brings about.
fn lacking(space: &mut Space<'_>, number: usize, own: &Reach) -> Result<String, TooLarge> {
    let set = space.stands[number];
    for group in (0..=ANY).rev() {
        let of = Fact::Contacts(group, Of::Made);
        let cap = match class_of(group) {
            Some(class) => own.caps[class as usize],
            None => own.caps.iter().sum(),
        };
        if let Some((least, _)) = range(space, set, of)?
            && least > cap
        {
            let name = space.policy.fact_in_words(of);
            return Ok(format!(
                ": it asks for {name} >= {least}, and the steps of the stages before it make at most {cap}"
            ));
        }
    }
    for (stage, reached) in own.stages.iter().enumerate() {
        let used_up = Fact::Exhausted(stage as u8);
        if !reached
            && needs_a_case(space.policy, stage)
            && range(space, set, used_up)?.is_some_and(|(least, _)| least == 1)
        {
            let name = &space.policy.stages()[stage].name;
            return Ok(format!(
                ": it asks for exhausted(\"{name}\"), and nobody ever stands in `{name}`"
            ));
        }
    }
    Ok(String::new())
}

/// An example that the policy does not bear out: said, and not shown.
pub(super) fn not_settled(space: &Space<'_>, stage: usize, what: &str, report: &mut Report) {
    let message = format!("not explored: {what} could not be settled with these conditions");
    let place = space.policy.stages()[stage].place;
    report.find(code::NOT_EXPLORED, place, message, "");
}
