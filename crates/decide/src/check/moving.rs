//! How a case moves: what may come first, what never ends, what never gets its turn.

use super::example::Example;
use super::ladder::{Reach, reach};
use super::sets::{NONE, Set, TooLarge};
use super::space::{Space, made};
use super::standing::{not_settled, range};
use super::{Report, code};
use jiff::SignedDuration;
use recoup_domain::ContactClass;
use recoup_policy::explore::{ANY, Cell, Detail, Fact, Of};
use recoup_policy::{OnOutcome, Policy, Stage, Step};

/// Days that a question about time looks at.
pub(super) const DAYS: i64 = 400;
/// Contacts of a case on one day that a policy may ask for.
const CONTACTS_A_DAY_MAX: i64 = 10;
/// Contacts of a case in [`DAYS`] that a policy may ask for: one a day.
const CONTACTS_MAX: i64 = DAYS;
/// Days at the end of those looked at one by one, among which a remainder of days shows.
const LAST_DAYS: usize = 64;

const DAY: i64 = 86_400;

/// A stage whose steps may make more contacts than anybody can mean.
pub(super) fn pace(policy: &Policy, report: &mut Report) {
    for stage in policy.stages() {
        let all = |count: fn(&Step) -> i64| stage.steps.iter().map(count).sum::<i64>();
        let (count, max, span): (fn(&Step) -> i64, i64, String) =
            if on_one_day(stage) > CONTACTS_A_DAY_MAX {
                (a_day, CONTACTS_A_DAY_MAX, "on one day".to_owned())
            } else if all(in_all) > CONTACTS_MAX {
                (in_all, CONTACTS_MAX, format!("in {DAYS} days"))
            } else {
                continue;
            };
        let n = match max {
            CONTACTS_A_DAY_MAX => on_one_day(stage),
            _ => all(count),
        };
        let most = stage.steps.iter().max_by_key(|s| count(s));
        let place = most.map_or(stage.place, |s| s.place);
        let message = format!(
            "stage `{}` lets {n} contacts be made {span}: its own words hold back neither their number nor their pace",
            stage.name
        );
        let hint =
            format!("space them with `every`, and lower `max`: at most {max} {span} are taken");
        let lines = pace_lines(stage, count, &span);
        report.show(code::UNBOUNDED, place, message, &hint, lines);
    }
}

/// Contacts of a stage on one day: a step that comes a day or more after the one before begins another day.
fn on_one_day(stage: &Stage) -> i64 {
    let (mut most, mut today) = (0, 0);
    for step in &stage.steps {
        if step.after.is_some_and(|after| after.as_secs() >= DAY) {
            today = 0;
        }
        today += a_day(step);
        most = most.max(today);
    }
    most
}

/// Contacts of a step on one day, as far as the step alone says.
fn a_day(step: &Step) -> i64 {
    let max = i64::from(step.max);
    let Some(every) = step.every.map(|e| e.as_secs().max(1)) else {
        return max;
    };
    let open = step.between.map_or(DAY, |(from, to)| {
        SignedDuration::try_from(to - from).map_or(DAY, |d| d.as_secs())
    });
    max.min(1 + (open - 1).max(0) / every)
}

/// Contacts of a step in [`DAYS`].
fn in_all(step: &Step) -> i64 {
    let max = i64::from(step.max);
    match step.every.map(|e| e.as_secs().max(1)) {
        None => max,
        Some(every) if every >= DAY => max.min(1 + DAYS * DAY / every),
        Some(_) => max.min(DAYS * a_day(step)),
    }
}

fn pace_lines(stage: &Stage, count: fn(&Step) -> i64, span: &str) -> Vec<String> {
    let date = recoup_domain::time::add_days(super::example::DUE, 1);
    let mut lines = vec![format!(
        "{date} DPD 1: say the case stands in `{}`",
        stage.name
    )];
    lines.extend(stage.steps.iter().map(|step| {
        let n = count(step);
        format!(
            "{date} DPD 1: {n} contacts by {} {span}, for all the policy says",
            step.class
        )
    }));
    lines
}

/// A visit or referral that may be chosen though nobody was ever contacted.
pub(super) fn first_visits(space: &mut Space<'_>, report: &mut Report) -> Result<(), TooLarge> {
    let untouched = reach(space, true)?;
    for (number, stage) in space.policy.stages().iter().enumerate() {
        let set = space.sets.and(space.stands[number], untouched.states)?;
        let mut first = None;
        for (n, step) in stage.steps.iter().enumerate() {
            if matches!(step.class, ContactClass::Visit | ContactClass::Legal) {
                let set = space.turn(number, n, set)?;
                first = first.or(space.state(set).map(|state| (step, state)));
            }
        }
        let Some((step, state)) = first else {
            continue;
        };
        let example = Example::of(space, &state);
        let name = &stage.name;
        if example.stage() != Some(number as u8) {
            not_settled(space, number, "whether a visit can come first", report);
            continue;
        }
        let what = match step.class {
            ContactClass::Visit => "a visit",
            _ => "a referral",
        };
        let message = format!(
            "{what} of stage `{name}` may be the first contact of a case: its condition does not ask for one before"
        );
        let hint = format!("enter: contacts.any.made >= 1 && {}", short(&stage.enter));
        let end = match stage.steps[0].class == step.class {
            true => format!(
                "the case stands in `{name}`: {what} is chosen, and nobody was ever contacted"
            ),
            false => format!(
                "the case stands in `{name}`: the steps before wait or are passed over, {what} is chosen, and \
                 nobody was ever contacted"
            ),
        };
        let lines = example.lines(&end);
        report.show(code::NO_PRIOR_CONTACT, step.place, message, &hint, lines);
    }
    Ok(())
}

/// A condition, as far as a hint has room.
fn short(condition: &str) -> String {
    match condition.len() <= 60 {
        true => format!("({condition})"),
        false => "…".to_owned(),
    }
}

/// Stages that follow each other for ever though no fact changes.
pub(super) fn loops(
    space: &mut Space<'_>,
    own: &Reach,
    report: &mut Report,
) -> Result<(), TooLarge> {
    let late = late(space, own.states)?;
    let clocks: Vec<usize> = [Fact::Hour, Fact::Weekday]
        .into_iter()
        .filter_map(|f| space.place(f))
        .collect();
    let stages = space.policy.stages();
    for later in 1..stages.len() {
        for earlier in 0..later {
            if !own.stages[earlier] || !own.stages[later] {
                continue;
            }
            let a = space.sets.and(space.stands[earlier], late)?;
            let b = space.sets.and(space.stands[later], late)?;
            let (mut any_a, mut any_b) = (a, b);
            for clock in &clocks {
                any_a = space.sets.whatever(any_a, *clock)?;
                any_b = space.sets.whatever(any_b, *clock)?;
            }
            let lines = match space.sets.and(any_a, any_b)? {
                NONE => match by_remainder(space, any_a, any_b)? {
                    true => Vec::new(),
                    false => continue,
                },
                both => turns(space, (earlier, a), (later, b), both)?,
            };
            let (a, b) = (&stages[earlier].name, &stages[later].name);
            let message = format!(
                "stages `{a}` and `{b}` follow each other for ever, though no fact of the case changes"
            );
            let hint = "say hours in `between` of the steps, not in `enter`; let a stage hold from a day on, not on \
                        some days";
            report.show(code::LOOP, stages[later].place, message, hint, lines);
            break;
        }
    }
    Ok(())
}

/// The states of long after: what only grows has passed all that conditions ask for.
fn late(space: &mut Space<'_>, mut set: Set) -> Result<Set, TooLarge> {
    let axes = space.axes.clone();
    for (place, axis) in axes.iter().enumerate() {
        let passes = matches!(
            axis.fact,
            Fact::Dpd | Fact::AgeDays | Fact::Contacts(_, Of::DaysSinceLast)
        );
        if passes && axis.detail == Detail::Exact {
            let last = axis.cells.len() - 1;
            let fits = |cell: usize| cell == last || axis.cells[cell] == Cell::Absent;
            set = space.sets.within(set, place, fits)?;
        }
    }
    Ok(set)
}

/// Whether days past due alone lead from one stage to the other and back, late in what is looked at one by one.
fn by_remainder(space: &mut Space<'_>, a: Set, b: Set) -> Result<bool, TooLarge> {
    let Some(place) = space.place(Fact::Dpd) else {
        return Ok(false);
    };
    if space.axes[place].detail == Detail::Exact {
        return Ok(false);
    }
    let cells = space.axes[place].cells.len();
    // In a, then in b, then in a again: with the same facts all along.
    let (mut was_a, mut was_b) = (NONE, NONE);
    for day in cells.saturating_sub(LAST_DAYS + 1)..cells - 1 {
        let a = space.sets.within(a, place, |cell| cell == day)?;
        let a = space.sets.whatever(a, place)?;
        let b = space.sets.within(b, place, |cell| cell == day)?;
        let b = space.sets.whatever(b, place)?;
        if space.sets.and(was_b, a)? != NONE {
            return Ok(true);
        }
        let then_b = space.sets.and(was_a, b)?;
        was_b = space.sets.or(was_b, then_b)?;
        was_a = space.sets.or(was_a, a)?;
    }
    Ok(false)
}

/// The turns that two stages take with the clock.
fn turns(
    space: &mut Space<'_>,
    (earlier, a): (usize, Set),
    (later, b): (usize, Set),
    both: Set,
) -> Result<Vec<String>, TooLarge> {
    let Some(state) = space.state(both) else {
        return Ok(Vec::new());
    };
    let clocks = [space.place(Fact::Hour), space.place(Fact::Weekday)];
    let mut same = both;
    for (place, cell) in state.iter().enumerate() {
        if !clocks.contains(&Some(place)) {
            same = space.sets.within(same, place, |c| c == *cell)?;
        }
    }
    let (a, b) = (space.sets.and(a, same)?, space.sets.and(b, same)?);
    let (Some(a), Some(b)) = (space.state(a), space.state(b)) else {
        return Ok(Vec::new());
    };
    let clock = |state: &[usize], fact| {
        let place = space.place(fact)?;
        space.axes[place].cells[state[place]].value()
    };
    let at = |state: &[usize]| {
        let day = [
            "Monday",
            "Tuesday",
            "Wednesday",
            "Thursday",
            "Friday",
            "Saturday",
            "Sunday",
        ];
        let weekday = clock(state, Fact::Weekday);
        let weekday = weekday.and_then(|n| day.get(usize::try_from(n - 1).ok()?));
        let hour = clock(state, Fact::Hour).map(|h| format!("{h:02}:00"));
        let words: Vec<String> = weekday
            .map(|d| (*d).to_owned())
            .into_iter()
            .chain(hour)
            .collect();
        words.join(" ")
    };
    let stages = space.policy.stages();
    let (name_a, name_b) = (&stages[earlier].name, &stages[later].name);
    let example = Example::of(space, &a);
    let day = |state: &[usize]| clock(state, Fact::Weekday).unwrap_or(0);
    let hour = |state: &[usize]| clock(state, Fact::Hour).unwrap_or(0);
    let mut days = (day(&b) - day(&a)).rem_euclid(7);
    if days == 0 && hour(&b) <= hour(&a) {
        days = if clocks[1].is_some() { 7 } else { 1 };
    }
    let again = if clocks[1].is_some() {
        7 * (days / 7 + 1)
    } else {
        days + 1
    };
    let mut lines = example.lines(&format!("{}: stands in `{name_a}`", at(&a)));
    let dpd = example.dpd();
    lines.push(example.line(dpd + days, &format!("{}: stands in `{name_b}`", at(&b))));
    let text = format!("{}: stands in `{name_a}` again, and so on", at(&a));
    lines.push(example.line(dpd + again, &text));
    Ok(lines)
}

/// Steps that never get their turn while the case stays in their stage.
pub(super) fn starving(
    space: &mut Space<'_>,
    own: &Reach,
    report: &mut Report,
) -> Result<(), TooLarge> {
    let stages = space.policy.stages();
    for (number, stage) in stages.iter().enumerate() {
        if !own.stages[number] || !space.is_whole(number) {
            continue;
        }
        let stays = space.sets.and(space.stands[number], own.states)?;
        let mut starved_before = false;
        for (n, step) in stage.steps.iter().enumerate() {
            let waits = step.after.is_some() && n > 0;
            if waits && starved_before {
                continue;
            }
            let wait = Wait::of(stage, n);
            let entered = space.turn(number, n, stays)?;
            let why = match entered {
                NONE if !space.is_whole_turn(number, n) => {
                    not_settled(space, number, "whether each step has its turn", report);
                    None
                }
                NONE => Some(no_turn(space, stays)),
                _ => starves(space, entered, step, &wait)?,
            };
            starved_before = why.is_some();
            let Some(why) = why else { continue };
            let message = format!(
                "step {} of stage `{}` ({}) never gets its turn: {}",
                n + 1,
                stage.name,
                step.class,
                why.text
            );
            report.show(code::STARVES, step.place, message, why.hint, why.lines);
        }
    }
    Ok(())
}

/// What a step waits for in its own stage.
struct Wait {
    /// Days from the entry into the stage.
    days: i64,
    /// Contacts of each class that the steps before must have made.
    made: [i64; ContactClass::ALL.len()],
}

impl Wait {
    /// `after` runs from the latest contact of the step before: where that one repeats faster than `after` is long,
    /// it must be done with first.
    ///
    /// A step before that has a `when` of its own may have no turn: then it is not waited for.
    fn of(stage: &Stage, number: usize) -> Self {
        let steps = &stage.steps;
        let step = &steps[number];
        let mut wait = Self {
            days: 0,
            made: [0; ContactClass::ALL.len()],
        };
        let before = number.checked_sub(1);
        let before = before.filter(|n| steps[*n].when.is_none());
        let (Some(after), Some(before)) = (step.after, before) else {
            return wait;
        };
        wait = Self::of(stage, before);
        let before = &steps[before];
        let every = before.every.unwrap_or(SignedDuration::ZERO);
        let ends = [OnOutcome::SkipStep, OnOutcome::AskPerson];
        let can_end = before.on.iter().any(|(_, to)| ends.contains(to));
        let repeats = every <= after && !can_end;
        let contacts = if repeats { i64::from(before.max) } else { 1 };
        wait.days += (contacts - 1) * every.as_secs() / DAY + after.as_secs() / DAY;
        wait.made[before.class as usize] += contacts;
        wait
    }
}

fn no_turn(space: &Space<'_>, stays: Set) -> Why {
    Why {
        text: "its `when` never holds while a case stands in the stage".to_owned(),
        hint: "let `when` ask for something that can be in this stage",
        lines: lines_of(
            space,
            stays,
            "the case stands in the stage, and the step has no turn",
        ),
    }
}

struct Why {
    text: String,
    hint: &'static str,
    lines: Vec<String>,
}

fn starves(
    space: &mut Space<'_>,
    entered: Set,
    step: &Step,
    wait: &Wait,
) -> Result<Option<Why>, TooLarge> {
    let mut set = entered;
    let mut any = 0;
    for class in ContactClass::ALL {
        let n = wait.made[class as usize];
        any += n;
        set = space.with(set, made(class as u8), |_, to| to >= n)?;
    }
    set = space.with(set, made(ANY), |_, to| to >= any)?;
    let left =
        "let the stage hold on once the step before is made, or put the step in a stage of its own";
    if set == NONE {
        let text = "once the step before it is made, the case has left the stage".to_owned();
        let lines = lines_of(
            space,
            entered,
            "the step before is made, and the stage holds no longer",
        );
        return Ok(Some(Why {
            text,
            hint: left,
            lines,
        }));
    }
    let hours = hours_of(step);
    let in_hours = space.with(set, Fact::Hour, |from, to| {
        (from..=to).any(|h| hours.contains(&h))
    })?;
    if in_hours == NONE {
        let text = "the stage holds only at hours outside the step's `between`".to_owned();
        let hint = "say hours in `between` alone, or let both overlap";
        let lines = lines_of(
            space,
            set,
            "the stage holds, and the step waits for another hour",
        );
        return Ok(Some(Why { text, hint, lines }));
    }
    let days = wait.days;
    if days > DAYS {
        let text = format!("it waits {days} days in its stage for the steps before it");
        let hint = "shorten `after`, or `every` and `max` of the step before";
        let lines = lines_of(
            space,
            entered,
            &format!("the step waits {days} days from here"),
        );
        return Ok(Some(Why { text, hint, lines }));
    }
    for fact in [Fact::Dpd, Fact::AgeDays] {
        let from = range(space, entered, fact)?;
        let to = range(space, in_hours, fact)?;
        let (Some((from, _)), Some((_, to))) = (from, to) else {
            continue;
        };
        if from + days > to {
            let name = space.policy.fact_in_words(fact);
            let text = format!(
                "it waits {days} days, and the stage holds only while {name} is {from} to {to}"
            );
            let hint = "shorten `after`, or let the stage hold longer";
            let mut lines = lines_of(space, entered, "the case comes to the stage");
            if let Some(state) = space.state(entered) {
                let example = Example::of(space, &state);
                let dpd = example.dpd();
                lines.push(example.line(dpd + (to - from) + 1, "the stage holds no longer"));
                lines.push(example.line(dpd + days, "the step would be due"));
            }
            return Ok(Some(Why { text, hint, lines }));
        }
    }
    Ok(None)
}

fn lines_of(space: &Space<'_>, set: Set, end: &str) -> Vec<String> {
    let state = space.state(set);
    state.map_or_else(Vec::new, |state| Example::of(space, &state).lines(end))
}

/// The local hours in which a step can be chosen: its effect begins in `between`, its lead later.
fn hours_of(step: &Step) -> Vec<i64> {
    let Some((from, to)) = step.between else {
        return (0..24).collect();
    };
    let minute = |t: jiff::civil::Time| i64::from(t.hour()) * 60 + i64::from(t.minute());
    let lead = step.lead.as_secs() / 60;
    let minutes = minute(from)..minute(to);
    let mut hours: Vec<i64> = minutes.map(|m| (m - lead).rem_euclid(1_440) / 60).collect();
    hours.sort_unstable();
    hours.dedup();
    hours
}
