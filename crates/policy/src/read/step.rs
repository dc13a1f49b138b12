//! A stage's steps.

use super::Condition;
use super::fields::{Map, Report};
use super::yaml::{Node, Value};
use crate::duration;
use crate::finding::code;
use crate::hint::nearest;
use crate::policy::{HOLD, Names, OnOutcome, Step};
use jiff::SignedDuration;
use jiff::civil::Time;
use recoup_domain::ContactClass;
use recoup_domain::outcome::Outcome;

pub(crate) const KEYS: [&str; 11] = [
    "when", "channel", "template", "every", "after", "max", "between", "approval", "lead",
    "window", "on",
];

/// Contacts of a step; far above what any pack permits.
pub(crate) const ATTEMPTS_MAX: u32 = 1_000;

/// How far ahead a visit's appointment lies where the step says nothing.
const VISIT_LEAD: SignedDuration = SignedDuration::from_hours(24);

/// The kind of contact that a step is read with while nobody knows which its channel makes: nothing is decided by it.
fn stand_in(name: &str, map: &Map<'_>) -> ContactClass {
    let of_its_name = ContactClass::ALL.into_iter().find(|c| c.name() == name);
    of_its_name.unwrap_or(match map.get("lead") {
        Some(_) => ContactClass::Visit,
        None => ContactClass::Sms,
    })
}

/// Length of the effect window where the step says nothing.
pub(crate) const fn default_window(class: ContactClass) -> SignedDuration {
    match class {
        ContactClass::Sms | ContactClass::Phone | ContactClass::Email => {
            SignedDuration::from_mins(30)
        }
        ContactClass::Visit => SignedDuration::from_hours(2),
        ContactClass::Legal => SignedDuration::from_hours(24),
    }
}

/// How far ahead the effect lies where the step says nothing.
pub(crate) const fn default_lead(class: ContactClass) -> SignedDuration {
    match class {
        ContactClass::Visit => VISIT_LEAD,
        _ => SignedDuration::ZERO,
    }
}

impl<'s> Report<'s> {
    pub(super) fn step<'n>(
        &mut self,
        node: &'n Node,
        names: &Names,
        stage_approval: bool,
    ) -> Option<(Step, Option<Condition<'n>>)>
    where
        's: 'n,
    {
        let map = self.map(node, "a step", &KEYS)?;
        let when = map.get("when").is_some();
        let when = match when {
            true => self.expression(&map, "a step", "when"),
            false => None,
        };
        let channel = self.channel(&map, names);
        let template = self.template(&map, names);
        let every = self.optional(&map, "every");
        let after = self.optional(&map, "after");
        let max = match map.get("max") {
            Some(node) => self.int(node, "`max`", 1, ATTEMPTS_MAX),
            None => Some(1),
        };
        let between = map.get("between").and_then(|node| self.between(node));
        let approval = stage_approval | self.approval(&map);
        let lead = self.optional(&map, "lead");
        let window = self.optional(&map, "window");
        let on = map.get("on").map_or_else(Vec::new, |node| self.on(node));
        let (channel, class) = channel?;
        self.spacing(&map, every, max);
        self.never_comes(&map, class);
        let step = Step {
            when: when.as_ref().map(|w| w.text.to_owned()),
            when_root: None,
            lead: self.lead(&map, class, lead),
            window: window.unwrap_or_else(|| default_window(class)),
            channel,
            class,
            template: template?,
            every,
            after,
            max: max?,
            between,
            approval,
            on,
            place: self.place(node.at),
        };
        Some((step, when))
    }

    fn channel(&mut self, map: &Map<'_>, names: &Names) -> Option<(String, ContactClass)> {
        let node = self.required(map, "a step", "channel")?;
        let name = self.text(node, "`channel`")?;
        if let Some(class) = names.channels.get(name) {
            return Some((name.to_owned(), *class));
        }
        if names.any_channel {
            return Some((name.to_owned(), stand_in(name, map)));
        }
        let (message, hint) = match names.refused.get(name) {
            Some(why) => (
                format!("channel `{name}` is refused: {why}"),
                "mend that; the server tries the channel again every half minute".to_owned(),
            ),
            None => (
                format!("there is no channel `{name}`"),
                nearest(name, names.channels.keys().map(String::as_str)),
            ),
        };
        self.error(code::CHANNEL, node.at, message, hint);
        None
    }

    fn template(&mut self, map: &Map<'_>, names: &Names) -> Option<String> {
        let node = self.required(map, "a step", "template")?;
        let name = self.text(node, "`template`")?;
        if names.any_template || names.templates.contains(name) {
            return Some(name.to_owned());
        }
        let hint = nearest(name, names.templates.iter().map(String::as_str));
        self.error(
            code::TEMPLATE,
            node.at,
            format!("there is no template `{name}`"),
            hint,
        );
        None
    }

    fn optional(&mut self, map: &Map<'_>, key: &str) -> Option<SignedDuration> {
        let node = map.get(key)?;
        let given = match &node.value {
            Value::Text(text) => text.clone(),
            Value::Int(n) => n.to_string(),
            _ => {
                self.text(node, &format!("`{key}`"));
                return None;
            }
        };
        let length = duration::parse(&given);
        if length.is_none() {
            let message = format!("`{given}` is no length of time");
            self.error(code::DURATION, node.at, message, duration::LOOKS);
        }
        length
    }

    fn lead(
        &mut self,
        map: &Map<'_>,
        class: ContactClass,
        given: Option<SignedDuration>,
    ) -> SignedDuration {
        if class == ContactClass::Visit {
            return given.unwrap_or(default_lead(class));
        }
        if let Some(node) = map.get("lead") {
            let message = format!("`lead` is for visits, this step's contacts are {class}");
            self.error(code::MISPLACED, node.at, message, "leave it out");
        }
        default_lead(class)
    }

    fn spacing(&mut self, map: &Map<'_>, every: Option<SignedDuration>, max: Option<u32>) {
        if map.get("every").is_none() && max.is_some_and(|max| max > 1) {
            let message = "`max` above 1 without `every`: only the rules of law space the contacts";
            let at = map.get("max").map_or(map.at, |node| node.at);
            self.warning(code::NO_SPACING, at, message, "add every: 1d");
        }
        if let (Some(node), Some(_), Some(1)) = (map.get("every"), every, max) {
            let message = "`every` has no effect: the step has one contact";
            self.warning(
                code::NO_SPACING,
                node.at,
                message,
                "add max: 3, or leave `every` out",
            );
        }
    }

    /// Whether `approval: required` stands there.
    pub(super) fn approval(&mut self, map: &Map<'_>) -> bool {
        let Some(node) = map.get("approval") else {
            return false;
        };
        let required = matches!(&node.value, Value::Text(text) if text == "required");
        if !required {
            let message = "`approval` must be `required`";
            self.error(code::WRONG_KIND, node.at, message, "or leave it out");
        }
        true
    }

    fn between(&mut self, node: &Node) -> Option<(Time, Time)> {
        const HINT: &str = "write between: [\"10:00\", \"19:00\"]";
        let [from, to] = self.list(node, "`between`")? else {
            let message = "`between` must be two times of day";
            self.error(code::TIME_OF_DAY, node.at, message, HINT);
            return None;
        };
        let (from, until) = (self.time(from, HINT), self.time(to, HINT));
        let (from, until) = (from?, until?);
        if from >= until {
            let message = "`between` must end after it begins, on the same day";
            self.error(code::TIME_OF_DAY, to.at, message, HINT);
            return None;
        }
        Some((from, until))
    }

    fn time(&mut self, node: &Node, hint: &str) -> Option<Time> {
        let text = self.text(node, "a time of day")?;
        let time = time_of_day(text);
        if time.is_none() {
            let message = format!("`{text}` is no time of day");
            self.error(code::TIME_OF_DAY, node.at, message, hint);
        }
        time
    }

    fn on(&mut self, node: &Node) -> Vec<(Outcome, OnOutcome)> {
        let Value::Map(entries) = &node.value else {
            self.map(node, "`on`", &[]);
            return Vec::new();
        };
        let mut on = Vec::new();
        for (key, value) in entries {
            let outcome = key.name.parse::<Outcome>();
            if outcome.is_err() {
                let hint = match key.name.as_str() {
                    "promise_to_pay" | "promise" | "hardship" | "hardship_claimed" | "dispute"
                    | "disputed" | "complaint" => {
                        "it pauses the case by itself once it is recorded: leave this out"
                            .to_owned()
                    }
                    "refused" | "refusal" | "refuses_to_pay" => {
                        "score `willingness` or label the case, and ask for it in `enter` or `when`"
                            .to_owned()
                    }
                    name => nearest(name, Outcome::ALL.map(Outcome::name)),
                };
                let message = format!("`{}` is no outcome", key.name);
                self.error(code::OUTCOME, key.at, message, hint);
            }
            let action = self.action(value);
            if let (Ok(outcome), Some(action)) = (outcome, action) {
                on.push((outcome, action));
            }
        }
        on.sort_by_key(|(outcome, _)| *outcome);
        on
    }

    /// Warns of reactions to what does not come of the step's contacts.
    fn never_comes(&mut self, map: &Map<'_>, class: ContactClass) {
        let Some(Value::Map(entries)) = map.get("on").map(|node| &node.value) else {
            return;
        };
        for (key, _) in entries {
            let Ok(outcome) = key.name.parse::<Outcome>() else {
                continue;
            };
            if outcome.fits(class) {
                continue;
            }
            let message = format!(
                "`{outcome}` does not come of a contact by {class}: nothing follows from it here"
            );
            let those: Vec<&str> = Outcome::of_class(class).map(Outcome::name).collect();
            let hint = format!("take one of {}, or leave it out", those.join(", "));
            self.warning(code::NEVER_COMES, key.at, message, hint);
        }
    }

    fn action(&mut self, node: &Node) -> Option<OnOutcome> {
        if matches!(node.value, Value::Map(_)) {
            let map = self.map(node, "an action", &[HOLD])?;
            self.required(&map, "an action", HOLD)?;
            return self.optional(&map, HOLD).map(OnOutcome::Hold);
        }
        let name = self.text(node, "an action")?;
        let found = OnOutcome::WORDS.into_iter().find(|a| a.name() == name);
        if found.is_none() {
            let hint = match name {
                HOLD => "say for how long: {hold: 7d}".to_owned(),
                "escalate" | "next_stage" => {
                    "write skip_stage, and exhausted(\"…\") in `enter` of the stage that follows"
                        .to_owned()
                }
                "step_back" => {
                    "ask for the outcome in `enter`, such as contacts.phone.last_outcome != \"…\""
                        .to_owned()
                }
                _ => nearest(name, OnOutcome::WORDS.map(OnOutcome::name)),
            };
            self.error(
                code::ACTION,
                node.at,
                format!("there is no action `{name}`"),
                hint,
            );
        }
        found
    }
}

/// `10:00`: hours and minutes, two digits each.
fn time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two = |s: &str| {
        let plain = s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit());
        s.parse::<i8>().ok().filter(|_| plain)
    };
    Time::new(two(hour)?, two(minute)?, 0, 0).ok()
}
