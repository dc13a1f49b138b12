//! Ways to spoil a policy, each at each place where it fits.

/// A way to spoil a policy, and its mutants.
pub(crate) struct Operator {
    pub(crate) name: &'static str,
    pub(crate) mutants: fn(&str) -> Vec<String>,
}

pub(crate) const OPERATORS: [Operator; 20] = [
    Operator {
        name: "a later day",
        mutants: |t| numbers(t, "case.dpd >= ", |n| n + 3),
    },
    Operator {
        name: "a far later day",
        mutants: |t| numbers(t, "case.dpd >= ", |n| n * 10),
    },
    Operator {
        name: "the other side of a day",
        mutants: |t| each(t, "case.dpd >= ", "case.dpd < "),
    },
    Operator {
        name: "the first part left out",
        mutants: first_part_out,
    },
    Operator {
        name: "and to or",
        mutants: |t| each(t, " && ", " || "),
    },
    Operator {
        name: "or to and",
        mutants: |t| each(t, " || ", " && "),
    },
    Operator {
        name: "not",
        mutants: |t| enters(t, |c| format!("(!({c}))")),
    },
    Operator {
        name: "an end",
        mutants: |t| enters(t, |c| format!("({c}) && case.dpd < 20")),
    },
    Operator {
        name: "office hours",
        mutants: |t| enters(t, |c| format!("({c}) && now.hour >= 9 && now.hour < 18")),
    },
    Operator {
        name: "weekends",
        mutants: |t| enters(t, |c| format!("({c}) && now.weekday >= 6")),
    },
    Operator {
        name: "a score that must be there",
        mutants: |t| enters(t, |c| format!("({c}) && ability >= 0")),
    },
    Operator {
        name: "before any contact",
        mutants: |t| enters(t, |c| format!("({c}) && contacts.any.made < 1")),
    },
    Operator {
        name: "the condition of the stage before",
        mutants: condition_of_the_one_before,
    },
    Operator {
        name: "two stages exchanged",
        mutants: stages_exchanged,
    },
    Operator {
        name: "a stage left out",
        mutants: stage_out,
    },
    Operator {
        name: "a hundred times",
        mutants: |t| numbers(t, "max: ", |n| (n * 100).min(1000)),
    },
    Operator {
        name: "no spacing",
        mutants: without_every,
    },
    Operator {
        name: "a visit in place of a text",
        mutants: |t| each(t, "channel: sms", "channel: visit"),
    },
    Operator {
        name: "a turn turned round",
        mutants: |t| turns(t, |condition| format!("when: '!({condition})', ")),
    },
    Operator {
        name: "a turn left out",
        mutants: |t| turns(t, |_| String::new()),
    },
];

/// The text with one occurrence replaced, for each of them outside of the first line.
fn each(text: &str, old: &str, new: &str) -> Vec<String> {
    let replaced = |(at, _): (usize, &str)| {
        let behind = &text[at + old.len()..];
        format!("{}{new}{behind}", &text[..at])
    };
    text.match_indices(old).map(replaced).collect()
}

/// The text with one number behind `before` changed, for each of them.
fn numbers(text: &str, before: &str, change: fn(i64) -> i64) -> Vec<String> {
    let mutant = |(at, _): (usize, &str)| {
        let from = at + before.len();
        let digits = text[from..].find(|c: char| !c.is_ascii_digit())?;
        let n: i64 = text[from..from + digits].parse().ok()?;
        let behind = &text[from + digits..];
        Some(format!("{}{}{behind}", &text[..from], change(n)))
    };
    text.match_indices(before).filter_map(mutant).collect()
}

/// The text with the condition of one stage changed, for each of them.
fn enters(text: &str, change: impl Fn(&str) -> String) -> Vec<String> {
    const KEY: &str = "    enter: ";
    let lines: Vec<&str> = text.lines().collect();
    let mutant = |i: usize| {
        let condition = lines[i].strip_prefix(KEY)?;
        let mut changed: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
        changed[i] = format!("{KEY}{}", change(condition));
        Some(changed.join("\n") + "\n")
    };
    (0..lines.len()).filter_map(mutant).collect()
}

/// The text with the condition of one step changed, for each of them: it stands first in its step.
fn turns(text: &str, change: impl Fn(&str) -> String) -> Vec<String> {
    const KEY: &str = "      - {when: '";
    let mutant = |(at, _): (usize, &str)| {
        let (condition, behind) = text[at + KEY.len()..].split_once("', ")?;
        Some(format!(
            "{}      - {{{}{behind}",
            &text[..at],
            change(condition)
        ))
    };
    text.match_indices(KEY).filter_map(mutant).collect()
}

fn first_part_out(text: &str) -> Vec<String> {
    let rest = |c: &str| {
        c.split_once(" && ")
            .map_or(c.to_owned(), |(_, rest)| rest.to_owned())
    };
    let all = enters(text, rest);
    all.into_iter().filter(|mutant| mutant != text).collect()
}

fn without_every(text: &str) -> Vec<String> {
    let mutant = |(at, _): (usize, &str)| {
        let end = text[at..].find(", ")? + 2;
        Some(format!("{}{}", &text[..at], &text[at + end..]))
    };
    text.match_indices("every: ").filter_map(mutant).collect()
}

/// What stands before the stages, and each stage.
fn stages(text: &str) -> (String, Vec<String>) {
    let (head, rest) = text.split_once("stages:\n").unwrap();
    let mut stages: Vec<String> = Vec::new();
    for line in rest.lines() {
        if line.starts_with("  - name: ") {
            stages.push(String::new());
        }
        let last = stages.last_mut().unwrap();
        *last += line;
        *last += "\n";
    }
    (format!("{head}stages:\n"), stages)
}

fn stages_exchanged(text: &str) -> Vec<String> {
    let (head, stages) = stages(text);
    let mutant = |i: usize| {
        let mut all = stages.clone();
        all.swap(i, i + 1);
        head.clone() + &all.concat()
    };
    (0..stages.len().saturating_sub(1)).map(mutant).collect()
}

fn stage_out(text: &str) -> Vec<String> {
    let (head, stages) = stages(text);
    if stages.len() < 2 {
        return Vec::new();
    }
    let mutant = |i: usize| {
        let mut all = stages.clone();
        all.remove(i);
        head.clone() + &all.concat()
    };
    (0..stages.len()).map(mutant).collect()
}

fn condition_of_the_one_before(text: &str) -> Vec<String> {
    let (head, stages) = stages(text);
    let enter = |stage: &str| {
        let line = stage.lines().find(|l| l.starts_with("    enter: "));
        line.unwrap().to_owned()
    };
    let mutant = |i: usize| {
        let mut all = stages.clone();
        all[i] = all[i].replace(&enter(&all[i]), &enter(&stages[i - 1]));
        head.clone() + &all.concat()
    };
    (1..stages.len()).map(mutant).collect()
}
