//! Steps of a stage: those that came, went, moved, and what is another in those that stayed.

use super::matching::out_of_line;
use super::words::{contacts, label, length, on, span, way, whole};
use super::{Difference, Found, How, Part, about};
use crate::expr::canon::canonical;
use crate::policy::Step;
use crate::read::{default_lead, default_window};
use jiff::SignedDuration;

/// A step that is in both, with both its places.
struct Kept<'a> {
    was: &'a Step,
    is: &'a Step,
    from: (u8, u8),
    to: (u8, u8),
    /// What it is called in a sentence.
    label: String,
    stages: (String, String),
    /// Approval is the stage's matter, which was told or needs no telling.
    stage_approves: bool,
}

impl Kept<'_> {
    fn of(&self, how: How) -> Difference {
        Difference {
            base_step: Some(self.from.1),
            other_step: Some(self.to.1),
            ..about(Part::Step, how, &self.stages.0, &self.stages.1)
        }
    }

    fn changed(
        &self,
        field: &'static str,
        (before, after): (String, String),
        sentence: &str,
    ) -> Difference {
        let sentence = format!("{} {sentence}", self.label);
        self.of(How::Changed)
            .field(field, before, after)
            .says(sentence)
    }
}

impl Found<'_> {
    /// The steps of a stage that is in both.
    pub(super) fn steps(&mut self, b: u8, o: u8) {
        self.steps_gone(b);
        let steps = &self.other.stages[usize::from(o)].steps;
        let own = |step: usize| self.matching.base_step_of((o, step as u8));
        let stayed = (0..steps.len()).filter_map(|s| own(s).filter(|from| from.0 == b));
        let order: Vec<usize> = stayed.map(|from| usize::from(from.1)).collect();
        let mut moved = out_of_line(&order).into_iter();
        for step in 0..steps.len() as u8 {
            match self.matching.base_step_of((o, step)) {
                None => self.step_added((o, step)),
                Some(from) => {
                    let is_moved = from.0 != b || moved.next() == Some(true);
                    self.step_kept(from, (o, step), is_moved);
                }
            }
        }
    }

    /// The steps of a stage that are nowhere any more; those of a stage that is gone itself are told with it.
    pub(super) fn steps_gone(&mut self, b: u8) {
        let stage = &self.base.stages[usize::from(b)];
        let Some(to) = self.matching.stage(b) else {
            return;
        };
        let name = &self.other.stages[usize::from(to)].name;
        for (s, step) in stage.steps.iter().enumerate() {
            if self.matching.step((b, s as u8)).is_none() {
                let sentence = format!("stage `{name}` loses its step {}: {}", s + 1, whole(step));
                self.differences.push(Difference {
                    base_step: Some(s as u8),
                    ..about(Part::Step, How::Removed, &stage.name, name).says(sentence)
                });
            }
        }
    }

    /// Steps that a new stage has from others; its own are told with it.
    pub(super) fn steps_come(&mut self, o: u8) {
        for step in 0..self.other.stages[usize::from(o)].steps.len() as u8 {
            if let Some(from) = self.matching.base_step_of((o, step)) {
                self.step_kept(from, (o, step), true);
            }
        }
    }

    fn step_added(&mut self, (o, s): (u8, u8)) {
        let stage = &self.other.stages[usize::from(o)];
        let base = self.matching.base_of(o);
        let base = base.map_or("", |b| &self.base.stages[usize::from(b)].name);
        let step = &stage.steps[usize::from(s)];
        let (name, number) = (&stage.name, s + 1);
        let sentence = format!("stage `{name}` has a new step {number}: {}", whole(step));
        self.differences.push(Difference {
            other_step: Some(s),
            ..about(Part::Step, How::Added, base, name).says(sentence)
        });
    }

    fn step_kept(&mut self, from: (u8, u8), to: (u8, u8), is_moved: bool) {
        let (base, other) = (
            &self.base.stages[usize::from(from.0)],
            &self.other.stages[usize::from(to.0)],
        );
        let (was, is) = (
            &base.steps[usize::from(from.1)],
            &other.steps[usize::from(to.1)],
        );
        let kept = Kept {
            label: format!(
                "step {} of stage `{}` ({})",
                to.1 + 1,
                other.name,
                label(is)
            ),
            stages: (base.name.clone(), other.name.clone()),
            stage_approves: base.approval || other.approval,
            was,
            is,
            from,
            to,
        };
        let mut found = Vec::new();
        if is_moved {
            let stayed = self.matching.stage(from.0) == Some(to.0);
            let of = match stayed {
                true => String::new(),
                false => format!(" of stage `{}`", base.name),
            };
            let sentence = format!("{} was step {}{of}", kept.label, from.1 + 1);
            found.push(kept.of(How::Moved).says(sentence));
        }
        self.condition_of(&kept, &mut found);
        words_of(&kept, &mut found);
        times_of(&kept, &mut found);
        rest_of(&kept, &mut found);
        self.differences.extend(found);
    }

    fn condition_of(&self, kept: &Kept<'_>, found: &mut Vec<Difference>) {
        let (was, is) = (kept.was.when.as_deref(), kept.is.when.as_deref());
        let before = was.map(|when| canonical(when, &|stage| self.renamed(stage)));
        if before == is.map(|when| canonical(when, &str::to_owned)) {
            return;
        }
        let sentence = match (was, is) {
            (_, None) => "has its turn whatever the facts are".to_owned(),
            (None, Some(is)) => format!("has its turn only when {is}"),
            (Some(was), Some(is)) => format!("has its turn only when {is}; before, when {was}"),
        };
        let both = [was, is].map(|when| when.unwrap_or_default().to_owned());
        found.push(kept.changed("when", both.into(), &sentence));
    }
}

fn words_of(kept: &Kept<'_>, found: &mut Vec<Difference>) {
    let (was, is) = (kept.was, kept.is);
    if was.channel != is.channel {
        let sentence = format!("goes by `{}` instead of `{}`", is.channel, was.channel);
        let both = (was.channel.clone(), is.channel.clone());
        found.push(kept.changed("channel", both, &sentence));
    }
    if was.template != is.template {
        let sentence = format!("says `{}` instead of `{}`", is.template, was.template);
        let both = (was.template.clone(), is.template.clone());
        found.push(kept.changed("template", both, &sentence));
    }
    if was.max != is.max {
        let way = way(&was.max, &is.max, "fewer", "more");
        let sentence = format!(
            "makes {} instead of {}: {way}",
            contacts(is.max),
            contacts(was.max)
        );
        let both = (was.max.to_string(), is.max.to_string());
        found.push(kept.changed("max", both, &sentence));
    }
}

fn times_of(kept: &Kept<'_>, found: &mut Vec<Difference>) {
    let (was, is) = (kept.was, kept.is);
    let text = |given: Option<SignedDuration>| given.map_or_else(String::new, length);
    let nothing = SignedDuration::ZERO;
    if was.every != is.every {
        let (before, after) = (was.every.unwrap_or(nothing), is.every.unwrap_or(nothing));
        let way = way(&before, &after, "more often", "less often");
        let sentence = match (was.every, is.every) {
            (_, None) => format!("is repeated without a wait of its own: {way}"),
            (None, Some(every)) => format!("is repeated every {} at most: {way}", length(every)),
            (Some(before), Some(every)) => {
                let (before, every) = (length(before), length(every));
                format!("is repeated every {every} at most instead of {before}: {way}")
            }
        };
        let both = (text(was.every), text(is.every));
        found.push(kept.changed("every", both, &sentence));
    }
    if was.after != is.after {
        let sentence = match (was.after, is.after) {
            (_, None) => "does not wait for the step before any more".to_owned(),
            (None, Some(after)) => format!("waits {} after the step before", length(after)),
            (Some(before), Some(after)) => {
                let way = way(&before, &after, "sooner", "later");
                let (before, after) = (length(before), length(after));
                format!("waits {after} after the step before instead of {before}: {way}")
            }
        };
        let both = (text(was.after), text(is.after));
        found.push(kept.changed("after", both, &sentence));
    }
    if was.between != is.between {
        let hours = |given: Option<_>| given.map_or_else(String::new, span);
        let (before, after) = (hours(was.between), hours(is.between));
        let said = |hours: &str| match hours {
            "" => "at any hour that law permits".to_owned(),
            hours => format!("between {hours}"),
        };
        let sentence = format!("goes {} instead of {}", said(&after), said(&before));
        found.push(kept.changed("between", (before, after), &sentence));
    }
}

fn rest_of(kept: &Kept<'_>, found: &mut Vec<Difference>) {
    let (was, is) = (kept.was, kept.is);
    if was.approval != is.approval && !kept.stage_approves {
        let word = |required: bool| if required { "required" } else { "" }.to_owned();
        let sentence = match is.approval {
            true => "waits for a person now",
            false => "needs no person any more",
        };
        let both = (word(was.approval), word(is.approval));
        found.push(kept.changed("approval", both, sentence));
    }
    // Another kind of contact brings other lengths with it, where the step names none.
    let of_kind = was.class != is.class;
    let left_out = |length: fn(&Step) -> SignedDuration, default: fn(&Step) -> SignedDuration| {
        of_kind && length(was) == default(was) && length(is) == default(is)
    };
    if was.lead != is.lead && !left_out(|s| s.lead, |s| default_lead(s.class)) {
        let (before, after) = (length(was.lead), length(is.lead));
        let sentence = format!("is arranged {after} ahead instead of {before}");
        found.push(kept.changed("lead", (before, after), &sentence));
    }
    if was.window != is.window && !left_out(|s| s.window, |s| default_window(s.class)) {
        let (before, after) = (length(was.window), length(is.window));
        let sentence = format!("may take effect within {after} instead of {before}");
        found.push(kept.changed("window", (before, after), &sentence));
    }
    if was.on != is.on {
        let (before, after) = (on(&was.on), on(&is.on));
        let said = |on: &str| match on {
            "" => "nothing".to_owned(),
            on => on.to_owned(),
        };
        let sentence = format!("does {} instead of {}", said(&after), said(&before));
        found.push(kept.changed("on", (before, after), &sentence));
    }
}
