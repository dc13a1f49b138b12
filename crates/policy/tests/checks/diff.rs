//! Differences between policies: none where only the writing differs, and for one edit the one that it is.

use proptest::prelude::*;
use proptest::sample::Index;
use recoup_domain::ContactClass;
use recoup_policy::diff::{Difference, How, Matching, Part, diff};
use recoup_policy::{Names, Policy};
use std::collections::BTreeMap;
use std::path::Path;

fn parse(text: &str) -> Policy {
    let channels = ContactClass::ALL.map(|c| (c.name().to_owned(), c));
    let names = Names {
        channels: channels.into(),
        any_template: true,
        ..Names::default()
    };
    Policy::parse(text, &names).unwrap_or_else(|findings| panic!("{findings:?} in\n{text}"))
}

fn between(base: &str, other: &str) -> Vec<Difference> {
    diff(&parse(base), &parse(other))
}

/// What each difference is, without its words.
fn kinds(found: &[Difference]) -> Vec<(Part, How, &'static str)> {
    found.iter().map(|d| (d.part, d.how, d.field)).collect()
}

fn sentences(found: &[Difference]) -> Vec<&str> {
    found.iter().map(|d| d.sentence.as_str()).collect()
}

const LADDER: &str = r#"
name: ladder
segments: [{name: micro_business, when: 'borrower.kind == "micro_business"'}, {name: individual, when: 'true'}]
stages:
  - name: remind
    enter: case.dpd >= 1
    steps: [{channel: sms, template: reminder, every: 3d, max: 3}]
  - name: call
    enter: case.dpd >= 4 && (contacts.sms.made >= 1 || exhausted("remind"))
    steps: [{channel: phone, template: first_call, every: 1d, max: 10, between: ["10:00","19:00"]}]
  - name: legal
    enter: contacts.any.made >= 1 && case.dpd >= 90
    approval: required
    steps: [{channel: legal, template: demand_letter, max: 1}, {channel: legal, template: referral, after: 15d, max: 1}]
arms: {champion: 90, challenger: {share: 10, policy: ladder-soft}}
"#;

#[test]
fn nothing_differs_where_only_the_writing_does() {
    let written = LADDER
        .replace("case.dpd >= 4 && (", "(case.dpd>=4)   &&  (")
        .replace("exhausted(\"remind\")", "exhausted('remind')")
        .replace(", max: 1}", "}")
        .replace("every: 3d", "every: 72h")
        .replace("name: ladder\n", "# a remark\nname: 'ladder'\n");
    assert_eq!(between(LADDER, &written), []);
    assert_eq!(between(LADDER, LADDER), []);
}

#[test]
fn each_edit_is_told_in_words() {
    for (old, new, says) in [
        (
            "every: 3d, max: 3",
            "every: 2d, max: 3",
            "step 1 of stage `remind` (sms reminder) is repeated every 2d at most instead of 3d: more often",
        ),
        (
            "every: 3d, max: 3",
            "every: 3d, max: 4",
            "step 1 of stage `remind` (sms reminder) makes at most 4 contacts instead of at most 3 contacts: more",
        ),
        (
            "case.dpd >= 90",
            "case.dpd >= 60",
            "stage `legal` is entered when contacts.any.made >= 1 && case.dpd >= 60; before, when contacts.any.made \
             >= 1 && case.dpd >= 90",
        ),
        (
            "[\"10:00\",\"19:00\"]",
            "[\"10:00\",\"20:00\"]",
            "step 1 of stage `call` (phone first_call) goes between 10:00-20:00 instead of between 10:00-19:00",
        ),
        (
            "    approval: required\n",
            "",
            "contacts of stage `legal` need no person any more",
        ),
        (
            ", after: 15d",
            ", after: 20d",
            "step 2 of stage `legal` (legal referral) waits 20d after the step before instead of 15d: later",
        ),
        (
            "template: reminder",
            "template: reminder_2",
            "step 1 of stage `remind` (sms reminder_2) says `reminder_2` instead of `reminder`",
        ),
        (
            "max: 3}",
            "max: 3, on: {wrong_number: skip_step}}",
            "step 1 of stage `remind` (sms reminder) does wrong_number: skip_step instead of nothing",
        ),
        (
            "max: 3}",
            "max: 3, on: {conversation: {hold: 7d}}}",
            "step 1 of stage `remind` (sms reminder) does conversation: hold 7d instead of nothing",
        ),
        (
            "max: 3}",
            "max: 3, when: '!borrower.has_tag(\"gentle\")'}",
            "step 1 of stage `remind` (sms reminder) has its turn only when !borrower.has_tag(\"gentle\")",
        ),
        (
            "{champion: 90, challenger: {share: 10, policy: ladder-soft}}",
            "{champion: 90, challenger: {share: 10, policy: softer}}",
            "arm `challenger` runs under `softer` instead of `ladder-soft`",
        ),
        (
            "name: ladder\n",
            "name: ladder\ncurrency: CNY\n",
            "the policy takes cases in CNY alone; before, cases of any currency",
        ),
        (
            "name: ladder\n",
            "name: ladder\ncontactability: {lost_after_failed_days: 5}\n",
            "a number is given up after 5 day(s) of failed attempts instead of 3",
        ),
        (
            "'borrower.kind == \"micro_business\"'",
            "'borrower.kind != \"individual\"'",
            "segment `micro_business` holds cases where borrower.kind != \"individual\"; before, where \
             borrower.kind == \"micro_business\"",
        ),
    ] {
        let edited = LADDER.replacen(old, new, 1);
        assert_ne!(edited, LADDER, "{old}");
        let found = between(LADDER, &edited);
        assert_eq!(sentences(&found), [says], "{old} -> {new}");
        assert_ne!(found[0].before, found[0].after);
        // And back: as many, the other way round.
        let back = between(&edited, LADDER);
        assert_eq!(back.len(), 1);
        assert_eq!(
            (&back[0].before, &back[0].after),
            (&found[0].after, &found[0].before)
        );
    }
}

#[test]
fn a_stage_that_is_renamed_is_renamed_wherever_it_is_spoken_of() {
    let renamed = LADDER
        .replace("name: remind\n", "name: nudge\n")
        .replace("exhausted(\"remind\")", "exhausted(\"nudge\")");
    let found = between(LADDER, &renamed);
    assert_eq!(kinds(&found), [(Part::Stage, How::Renamed, "")]);
    assert_eq!(found[0].sentence, "stage `remind` is named `nudge` now");
    let matching = Matching::of(&parse(LADDER), &parse(&renamed));
    assert_eq!(matching.step((0, 0)), Some((0, 0)));
}

#[test]
fn what_goes_comes_and_moves_is_told_once() {
    let visit = "  - name: visit\n    enter: case.dpd >= 60 && contacts.any.made >= 1\n    steps: [{channel: \
                 visit, template: visit_brief, every: 14d, max: 3}]\n";
    let with_visit = LADDER.replace("  - name: legal\n", &format!("{visit}  - name: legal\n"));
    let found = between(LADDER, &with_visit);
    assert_eq!(
        sentences(&found),
        [
            "stage `visit` is new, after `call`: entered when case.dpd >= 60 && contacts.any.made >= 1; visit \
             visit_brief, at most 3 contacts, every 14d"
        ]
    );
    assert_eq!(
        sentences(&between(&with_visit, LADDER)),
        ["stage `visit` is gone (visit visit_brief)"]
    );
    let letter = "{channel: legal, template: demand_letter, max: 1}, ";
    let without = LADDER.replace(letter, "");
    assert_eq!(
        sentences(&between(LADDER, &without)),
        ["stage `legal` loses its step 1: legal demand_letter, one contact, with approval"]
    );
    let elsewhere = without.replace(
        "steps: [{channel: phone",
        "steps: [{channel: legal, template: \
         demand_letter, max: 1}, {channel: phone",
    );
    let found = between(LADDER, &elsewhere);
    // It asks nobody there, so it is no more the step that it was.
    assert_eq!(
        kinds(&found),
        [(Part::Step, How::Added, ""), (Part::Step, How::Removed, "")]
    );
    let call = "{channel: phone, template: first_call, every: 1d, max: 10, between: [\"10:00\",\"19:00\"]}";
    let moved = LADDER
        .replace(call, "{channel: email, template: mail, max: 1}")
        .replace("max: 3}]", &format!("max: 3}}, {call}]"));
    let found = between(LADDER, &moved);
    assert_eq!(
        kinds(&found),
        [(Part::Step, How::Moved, ""), (Part::Step, How::Added, "")]
    );
    assert_eq!(
        found[0].sentence,
        "step 2 of stage `remind` (phone first_call) was step 1 of stage `call`"
    );
}

/// The corpus of the check: a bad policy is one line away from a good one.
#[test]
fn one_line_of_the_corpus_is_one_stage_or_step() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../decide/tests/policies");
    let read = |of: &str| -> BTreeMap<String, String> {
        let files = std::fs::read_dir(folder.join(of)).unwrap();
        let file = |entry: std::io::Result<std::fs::DirEntry>| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        };
        files.map(file).collect()
    };
    let good = read("good");
    for (name, text) in &good {
        assert_eq!(between(text, text), [], "{name}");
        let remarked = format!("# said again\n{text}\n\n");
        assert_eq!(between(text, &remarked), [], "{name}");
    }
    let channels = ContactClass::ALL.map(|c| (c.name().to_owned(), c));
    let names = Names {
        channels: channels.into(),
        any_template: true,
        ..Names::default()
    };
    let mut compared = 0;
    for (name, text) in read("bad") {
        let header = text.lines().next().unwrap().to_owned();
        let from = header.split_once(", from ").unwrap().1;
        let base = &good[from.split_once(':').unwrap().0];
        // A text with faults is nothing to compare.
        let Ok(bad) = Policy::parse(&text, &names) else {
            continue;
        };
        let found = diff(&parse(base), &bad);
        // An amount that comes or goes may bind the policy to a currency.
        let told: Vec<&Difference> = found.iter().filter(|d| d.field != "currency").collect();
        let one = told.first().unwrap_or_else(|| panic!("{name}: {header}"));
        // A step that goes another way and says something else is another step in the same place.
        let place = |d: &Difference| (d.part, d.other_name.clone(), d.base_step.or(d.other_step));
        let same = |d: &&Difference| place(d) == place(one);
        assert!(told.iter().all(same), "{name}: {:?}", sentences(&found));
        let named = told.iter().filter(|d| d.how == How::Changed);
        let fields: Vec<&str> = named.map(|d| d.field).collect();
        let mut apart = fields.clone();
        apart.dedup();
        assert_eq!(fields, apart, "{name}: a field is told twice");
        compared += 1;
    }
    assert!(compared >= 35, "{compared} policies of the corpus compared");
}

/// A made-up policy, each step with a text of its own.
#[derive(Clone, Debug)]
struct Made {
    stages: Vec<MadeStage>,
}

#[derive(Clone, Debug)]
struct MadeStage {
    name: String,
    dpd: u32,
    approval: bool,
    steps: Vec<MadeStep>,
}

#[derive(Clone, Debug)]
struct MadeStep {
    channel: usize,
    template: u32,
    every: u32,
    max: u32,
}

impl Made {
    fn text(&self) -> String {
        let mut text = "name: made\nstages:\n".to_owned();
        for stage in &self.stages {
            let MadeStage { name, dpd, .. } = stage;
            text += &format!("  - name: {name}\n    enter: case.dpd >= {dpd}\n");
            if stage.approval {
                text += "    approval: required\n";
            }
            text += "    steps:\n";
            for s in &stage.steps {
                let channel = ["sms", "phone", "email"][s.channel];
                let MadeStep {
                    template,
                    every,
                    max,
                    ..
                } = s;
                text += &format!(
                    "      - {{channel: {channel}, template: t{template}, every: {every}d, max: {max}}}\n"
                );
            }
        }
        text
    }
}

prop_compose! {
    fn made()(
        sizes in prop::collection::vec(2_usize..5, 2..6),
        draws in prop::collection::vec((0_usize..3, 1_u32..9, 2_u32..9, any::<bool>()), 24),
    ) -> Made {
        let mut draws = draws.into_iter().cycle().enumerate();
        let mut stage = |(n, size): (usize, usize)| {
            let mut approval = false;
            let mut step = || {
                let (i, (channel, every, max, asks)) = draws.next().unwrap();
                approval = asks;
                MadeStep { channel, template: i as u32, every, max }
            };
            let steps = (0..size).map(|_| step()).collect();
            MadeStage { name: format!("s{n}"), dpd: 10 * n as u32 + 1, approval, steps }
        };
        Made { stages: sizes.into_iter().enumerate().map(&mut stage).collect() }
    }
}

/// Edits a policy at one place, and says what must be told.
fn edit(
    made: &Made,
    kind: usize,
    stage: Index,
    step: Index,
) -> (Made, Vec<(Part, How, &'static str)>) {
    let mut edited = made.clone();
    let s = stage.index(edited.stages.len());
    let t = step.index(edited.stages[s].steps.len());
    let fresh = MadeStep {
        channel: 0,
        template: 1_000,
        every: 5,
        max: 2,
    };
    let told = match kind {
        0 => {
            edited.stages[s].dpd += 1;
            (Part::Stage, How::Changed, "enter")
        }
        1 => {
            edited.stages[s].approval ^= true;
            (Part::Stage, How::Changed, "approval")
        }
        2 => {
            edited.stages[s].steps[t].every += 1;
            (Part::Step, How::Changed, "every")
        }
        3 => {
            edited.stages[s].steps[t].max += 1;
            (Part::Step, How::Changed, "max")
        }
        4 => {
            edited.stages[s].steps[t].template = 1_000;
            (Part::Step, How::Changed, "template")
        }
        5 => {
            let channel = &mut edited.stages[s].steps[t].channel;
            *channel = (*channel + 1) % 3;
            (Part::Step, How::Changed, "channel")
        }
        6 => {
            edited.stages[s].steps.remove(t);
            (Part::Step, How::Removed, "")
        }
        7 => {
            edited.stages[s].steps.insert(t, fresh);
            (Part::Step, How::Added, "")
        }
        8 => {
            let step = edited.stages[s].steps.remove(t);
            let end = if t == 0 {
                edited.stages[s].steps.len()
            } else {
                0
            };
            edited.stages[s].steps.insert(end, step);
            (Part::Step, How::Moved, "")
        }
        9 => {
            edited.stages.remove(s);
            (Part::Stage, How::Removed, "")
        }
        10 => {
            let stage = MadeStage {
                name: "fresh".to_owned(),
                dpd: 999,
                approval: false,
                steps: vec![fresh],
            };
            edited.stages.insert(s, stage);
            (Part::Stage, How::Added, "")
        }
        11 => {
            edited.stages[s].name = "renamed".to_owned();
            (Part::Stage, How::Renamed, "")
        }
        _ => {
            let stage = edited.stages.remove(s);
            let end = if s == 0 { edited.stages.len() } else { 0 };
            edited.stages.insert(end, stage);
            (Part::Stage, How::Moved, "")
        }
    };
    (edited, vec![told])
}

proptest! {
    #[test]
    fn one_edit_is_one_difference(
        made in made(),
        kind in 0_usize..13,
        stage in any::<Index>(),
        step in any::<Index>(),
    ) {
        let base = parse(&made.text());
        prop_assert_eq!(diff(&base, &parse(&format!("{}# again\n", made.text()))), []);
        let (edited, told) = edit(&made, kind, stage, step);
        let other = parse(&edited.text());
        let found = diff(&base, &other);
        prop_assert_eq!(kinds(&found), told, "{:?}\n{}\n{}", sentences(&found), made.text(), edited.text());
        // The way back is as short.
        prop_assert_eq!(diff(&other, &base).len(), 1);
        // Every step that was not edited is found again where it is.
        let matching = Matching::of(&base, &other);
        for (s, stage) in base.stages().iter().enumerate() {
            for (t, step) in stage.steps.iter().enumerate() {
                let to = matching.step((s as u8, t as u8));
                let is = to.and_then(|to| other.step_at(to));
                let there = other.stages().iter().flat_map(|s| &s.steps).any(|o| o.template == step.template);
                prop_assert_eq!(there || kind == 4, is.is_some(), "{:?} to {:?}", (s, t), to);
                prop_assert!(kind == 4 || is.is_none_or(|is| is.template == step.template));
            }
        }
    }
}
