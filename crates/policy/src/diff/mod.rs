//! What differs between two policies, for people: stages, conditions and steps, not lines of text.

mod matching;
mod steps;
mod words;

pub use matching::Matching;

use crate::expr::canon::canonical;
use crate::policy::{Policy, Stage};
use matching::out_of_line;
use words::{label, whole};

/// What a difference is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    /// The policy as a whole: name, currency, when a number is given up.
    Policy,
    /// A segment.
    Segment,
    /// A stage.
    Stage,
    /// A step of a stage.
    Step,
    /// An arm of its experiment.
    Arm,
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum How {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has another name.
    Renamed,
    /// It stands elsewhere among its like.
    Moved,
    /// One field of it is another.
    Changed,
}

/// One difference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// What it is about.
    pub part: Part,
    /// What became of it.
    pub how: How,
    /// Name of the segment, stage or arm in the base; of a step, that of its stage. Empty where it is new.
    pub base_name: String,
    /// The same in the other. Empty where it is gone.
    pub other_name: String,
    /// Number of the step in its stage of the base, from 0.
    pub base_step: Option<u8>,
    /// The same in the other.
    pub other_step: Option<u8>,
    /// The field that changed, as policies write it; empty but for [`How::Changed`].
    pub field: &'static str,
    /// What the field held, as written or as it counts where it was left out. Empty for nothing.
    pub before: String,
    /// What it holds.
    pub after: String,
    /// All of it in one sentence.
    pub sentence: String,
}

/// All that `other` does differently than `base`, in the order of the text of `other`. Empty where formatting alone
/// differs, and for the same text.
#[must_use]
pub fn diff(base: &Policy, other: &Policy) -> Vec<Difference> {
    let mut found = Found {
        base,
        other,
        matching: Matching::of(base, other),
        differences: Vec::new(),
    };
    if base.source() == other.source() {
        return found.differences;
    }
    found.policy();
    found.segments();
    found.stages();
    found.arms();
    found.differences
}

struct Found<'a> {
    base: &'a Policy,
    other: &'a Policy,
    matching: Matching,
    differences: Vec<Difference>,
}

/// What a difference is about, without its sentence.
fn about(part: Part, how: How, base_name: &str, other_name: &str) -> Difference {
    Difference {
        part,
        how,
        base_name: base_name.to_owned(),
        other_name: other_name.to_owned(),
        base_step: None,
        other_step: None,
        field: "",
        before: String::new(),
        after: String::new(),
        sentence: String::new(),
    }
}

impl Difference {
    fn field(
        mut self,
        field: &'static str,
        before: impl Into<String>,
        after: impl Into<String>,
    ) -> Self {
        self.field = field;
        self.before = before.into();
        self.after = after.into();
        self
    }

    fn says(mut self, sentence: impl Into<String>) -> Self {
        self.sentence = sentence.into();
        self
    }
}

impl Found<'_> {
    fn policy(&mut self) {
        let (base, other) = (self.base, self.other);
        let changed = || about(Part::Policy, How::Changed, "", "");
        if base.name != other.name {
            let (was, is) = (&base.name, &other.name);
            let one = changed().field("name", was, is);
            self.differences
                .push(one.says(format!("the policy is named `{is}`; it was `{was}`")));
        }
        if base.currency != other.currency {
            let code = |p: &Policy| p.currency.map_or_else(String::new, |c| c.code().to_owned());
            let takes = |code: &str| match code {
                "" => "cases of any currency".to_owned(),
                code => format!("cases in {code} alone"),
            };
            let (was, is) = (code(base), code(other));
            let sentence = format!("the policy takes {}; before, {}", takes(&is), takes(&was));
            self.differences
                .push(changed().field("currency", was, is).says(sentence));
        }
        let (was, is) = (base.lost_after_failed_days, other.lost_after_failed_days);
        if was != is {
            let sentence = format!(
                "a number is given up after {is} day(s) of failed attempts instead of {was}"
            );
            let one = changed().field("contactability", was.to_string(), is.to_string());
            self.differences.push(one.says(sentence));
        }
    }

    fn segments(&mut self) {
        let (base, other) = (self.base, self.other);
        let named = |policy: &Policy, name: &String| policy.segments.iter().position(|s| s == name);
        for (b, name) in base.segments.iter().enumerate() {
            if named(other, name).is_none() {
                let sentence = format!("segment `{name}` ({}) is gone", base.when(b));
                let one = about(Part::Segment, How::Removed, name, "");
                self.differences.push(one.says(sentence));
            }
        }
        let kept: Vec<usize> = (other.segments.iter())
            .filter_map(|name| named(base, name))
            .collect();
        let mut moved = out_of_line(&kept).into_iter();
        for (o, name) in other.segments.iter().enumerate() {
            let when = other.when(o);
            let Some(b) = named(base, name) else {
                let sentence = format!("segment `{name}` is new: cases where {when}");
                let one = about(Part::Segment, How::Added, "", name);
                self.differences.push(one.says(sentence));
                continue;
            };
            if moved.next() == Some(true) {
                let sentence = format!(
                    "segment `{name}` is asked {} now",
                    behind(&other.segments, o)
                );
                let one = about(Part::Segment, How::Moved, name, name);
                self.differences.push(one.says(sentence));
            }
            let before = base.when(b);
            if canonical(before, &str::to_owned) != canonical(when, &str::to_owned) {
                let sentence =
                    format!("segment `{name}` holds cases where {when}; before, where {before}");
                let one = about(Part::Segment, How::Changed, name, name);
                self.differences
                    .push(one.field("when", before, when).says(sentence));
            }
        }
    }

    fn stages(&mut self) {
        let (base, other) = (self.base, self.other);
        for (b, stage) in base.stages.iter().enumerate() {
            if self.matching.stage(b as u8).is_none() {
                let steps: Vec<String> = stage.steps.iter().map(label).collect();
                let sentence = format!("stage `{}` is gone ({})", stage.name, steps.join(", "));
                let one = about(Part::Stage, How::Removed, &stage.name, "");
                self.differences.push(one.says(sentence));
                self.steps_gone(b as u8);
            }
        }
        let kept: Vec<usize> = (0..other.stages.len() as u8)
            .filter_map(|o| self.matching.base_of(o).map(usize::from))
            .collect();
        let mut moved = out_of_line(&kept).into_iter();
        let names: Vec<String> = other.stages.iter().map(|s| s.name.clone()).collect();
        for (o, stage) in other.stages.iter().enumerate() {
            let place = behind(&names, o);
            match self.matching.base_of(o as u8) {
                None => self.stage_added(o as u8, stage, &place),
                Some(b) => {
                    let is_moved = moved.next() == Some(true);
                    self.stage_kept(b, o as u8, is_moved.then_some(&*place));
                }
            }
        }
    }

    /// What a stage of the base is named in the other version.
    fn renamed(&self, stage: &str) -> String {
        let known = self.base.stage_named(stage);
        let known = known.and_then(|stage| self.matching.stage(stage));
        let known = known.and_then(|stage| self.other.stages.get(usize::from(stage)));
        known.map_or_else(|| stage.to_owned(), |stage| stage.name.clone())
    }

    fn stage_added(&mut self, o: u8, stage: &Stage, place: &str) {
        let steps: Vec<String> = stage.steps.iter().map(whole).collect();
        let approval = match stage.approval {
            true => "; each contact waits for a person",
            false => "",
        };
        let sentence = format!(
            "stage `{}` is new, {place}: entered when {}; {}{approval}",
            stage.name,
            stage.enter,
            steps.join("; ")
        );
        let one = about(Part::Stage, How::Added, "", &stage.name);
        self.differences.push(one.says(sentence));
        self.steps_come(o);
    }

    fn stage_kept(&mut self, b: u8, o: u8, moved_to: Option<&str>) {
        let (was, is) = (
            &self.base.stages[usize::from(b)],
            &self.other.stages[usize::from(o)],
        );
        let name = &is.name;
        let of = |how| about(Part::Stage, how, &was.name, name);
        if was.name != *name {
            let one = of(How::Renamed).says(format!("stage `{}` is named `{name}` now", was.name));
            self.differences.push(one);
        }
        if let Some(place) = moved_to {
            let one = of(How::Moved).says(format!("stage `{name}` stands {place} now"));
            self.differences.push(one);
        }
        let renamed = |stage: &str| self.renamed(stage);
        if canonical(&was.enter, &renamed) != canonical(&is.enter, &str::to_owned) {
            let sentence = format!(
                "stage `{name}` is entered when {}; before, when {}",
                is.enter, was.enter
            );
            let one = of(How::Changed).field("enter", &*was.enter, &*is.enter);
            self.differences.push(one.says(sentence));
        }
        if was.approval != is.approval {
            let word = |required: bool| if required { "required" } else { "" };
            let sentence = match is.approval {
                true => format!("each contact of stage `{name}` waits for a person now"),
                false => format!("contacts of stage `{name}` need no person any more"),
            };
            let one = of(How::Changed).field("approval", word(was.approval), word(is.approval));
            self.differences.push(one.says(sentence));
        }
        self.steps(b, o);
    }

    fn arms(&mut self) {
        let find =
            |policy: &Policy, name: &str| policy.arms.iter().find(|a| a.name == name).cloned();
        for arm in &self.base.arms {
            if find(self.other, &arm.name).is_none() {
                let one = about(Part::Arm, How::Removed, &arm.name, "");
                let sentence = format!("arm `{}` ({}%) is gone", arm.name, arm.share);
                self.differences.push(one.says(sentence));
            }
        }
        for arm in &self.other.arms {
            let name = &arm.name;
            let policy = |of: &Option<String>| of.clone().unwrap_or_default();
            let Some(before) = find(self.base, name) else {
                let (share, runs) = (arm.share, policy(&arm.policy));
                let one = about(Part::Arm, How::Added, "", name);
                let sentence =
                    format!("arm `{name}` is new: {share}% of the new cases run under `{runs}`");
                self.differences.push(one.says(sentence));
                continue;
            };
            let changed = || about(Part::Arm, How::Changed, name, name);
            if before.share != arm.share {
                let (was, is) = (before.share, arm.share);
                let sentence =
                    format!("arm `{name}` gets {is}% of the new cases instead of {was}%");
                let one = changed().field("share", was.to_string(), is.to_string());
                self.differences.push(one.says(sentence));
            }
            if before.policy != arm.policy {
                let (was, is) = (policy(&before.policy), policy(&arm.policy));
                let sentence = format!("arm `{name}` runs under `{is}` instead of `{was}`");
                self.differences
                    .push(changed().field("policy", was, is).says(sentence));
            }
        }
    }
}

/// Where something stands among its like.
fn behind(names: &[String], at: usize) -> String {
    match at.checked_sub(1) {
        Some(before) => format!("after `{}`", names[before]),
        None => "first".to_owned(),
    }
}

impl Policy {
    /// The condition of a segment, as written; empty for a number that no segment has.
    #[must_use]
    pub fn when(&self, segment: usize) -> &str {
        let known = segment < self.segments.len();
        let text = self.program.sources.get(segment).filter(|_| known);
        text.map_or("", |text| &**text)
    }
}
