//! What a replay gave, on the terminal and in files.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;

use recoup_simulate::{Amount, PolicySummary, Summary, Totals, Trail, csv};

use super::super::super::Failure;
use super::super::super::output::{say, table};

/// How many rules are shown that refused most.
const RULES_SHOWN: usize = 8;

/// What the figures rest on.
pub(super) const ASSUMED: &str = "What people answer, pay after contacts and promise, and what contacts cost, are \
    assumptions of the behaviour file; payments by themselves are fitted to data and scaled by one.";

/// Tells it to a person.
pub(super) fn tell(summary: &Summary) {
    let Summary {
        days, start, seed, ..
    } = summary;
    say(format!(
        "{days} days from {start}, seed {seed}, behaviour {}. Nothing was sent.",
        summary.behaviour
    ));
    let policies = &summary.policies;
    let head: Vec<&str> = std::iter::once("")
        .chain(policies.iter().map(|p| p.policy.as_str()))
        .collect();
    let mut rows = table(&head);
    let mut line = |name: String, of: &dyn Fn(&PolicySummary) -> String| {
        let cells = std::iter::once(name).chain(policies.iter().map(of));
        rows.add_row(cells.collect::<Vec<String>>());
    };
    line("cases replayed".into(), &|p| p.cases.to_string());
    line("cases left out".into(), &|p| {
        let all: u64 = p.excluded.iter().map(|n| n.count).sum();
        all.to_string()
    });
    line("people".into(), &|p| p.people.to_string());
    line("people contacted".into(), &|p| {
        p.people_contacted.to_string()
    });
    for (i, kind) in ["sms", "phone", "email", "visit", "legal"]
        .iter()
        .enumerate()
    {
        line(format!("contacts by {kind}"), &|p| {
            p.channels.get(i).map_or(0, |c| c.made).to_string()
        });
    }
    for (i, bucket) in bucket_names(summary).into_iter().enumerate() {
        line(format!("visits in {bucket}"), &|p| {
            p.visits_by_bucket.get(i).map_or(0, |n| n.count).to_string()
        });
    }
    line("most calls on a day".into(), &|p| {
        p.calls_a_day.count.to_string()
    });
    line("most calls begun within an hour".into(), &|p| {
        p.calls_an_hour.count.to_string()
    });
    line("most visits on a day".into(), &|p| {
        p.visits_a_day.count.to_string()
    });
    line("promises given".into(), &|p| p.promises.to_string());
    line("cases cured".into(), &|p| p.cured.to_string());
    for rule in rules(summary) {
        line(format!("refused by {rule}"), &|p| {
            let found = p.denials.iter().find(|n| n.name == rule);
            found.map_or(0, |n| n.count).to_string()
        });
    }
    for currency in currencies(summary) {
        let mut money = |what: &str, of: &dyn Fn(&Amount) -> String| {
            line(format!("{currency} {what}, minor units"), &|p| {
                let found = p.money.iter().find(|m| m.currency == currency);
                found.map_or_else(String::new, of)
            });
        };
        money("overdue at the start", &|m| m.overdue.to_string());
        money("came in", &|m| m.recovered.to_string());
        money("cost of contacts", &|m| match m.cost {
            Some(cost) => cost.to_string(),
            None => "no prices known".into(),
        });
    }
    say(rows);
    say(ASSUMED);
    compared(summary);
}

fn compared(summary: &Summary) {
    let Some(d) = &summary.difference else {
        return;
    };
    let names: Vec<&str> = summary.policies.iter().map(|p| p.policy.as_str()).collect();
    let [first, second] = names[..] else {
        return;
    };
    say(format!(
        "Under {second} against {first}: {} of {} cases differ.",
        d.differing, d.cases
    ));
    for change in d.changes.iter().filter(|c| c.cases > 0) {
        let first: Vec<&str> = change.first.iter().take(3).map(String::as_str).collect();
        let (n, words, first) = (change.cases, change.words, first.join(", "));
        say(format!("{n:>9} {words} (such as {first})"));
    }
    if d.only_one > 0 {
        say(format!(
            "{:>9} can be taken by one of the two only",
            d.only_one
        ));
    }
}

/// Buckets in which somebody is visited.
fn bucket_names(summary: &Summary) -> Vec<String> {
    let Some(p) = summary.policies.first() else {
        return Vec::new();
    };
    p.visits_by_bucket.iter().map(|n| n.name.clone()).collect()
}

fn rules(summary: &Summary) -> Vec<String> {
    let mut rules: Vec<String> = Vec::new();
    for denial in summary
        .policies
        .iter()
        .flat_map(|p| p.denials.iter().take(RULES_SHOWN))
    {
        if !rules.contains(&denial.name) {
            rules.push(denial.name.clone());
        }
    }
    rules
}

fn currencies(summary: &Summary) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for money in summary.policies.iter().flat_map(|p| &p.money) {
        if !all.contains(&money.currency) {
            all.push(money.currency.clone());
        }
    }
    all
}

/// Writes the files for analysts.
pub(super) fn files(
    folder: &Path,
    summary: &Summary,
    lived: &[(Totals, Vec<Trail>)],
    label: &dyn Fn(usize) -> String,
) -> Result<(), Failure> {
    let failed = |path: &Path, e: &std::io::Error| {
        Failure::usage(format!("cannot write {}: {e}", path.display()))
    };
    fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
    for (name, text) in csv::files(summary) {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|e| failed(&path, &e))?;
    }
    let path = folder.join("cases.csv");
    cases(&path, lived, label).map_err(|e| failed(&path, &e))
}

/// A line a case.
fn cases(
    path: &Path,
    lived: &[(Totals, Vec<Trail>)],
    label: &dyn Fn(usize) -> String,
) -> std::io::Result<()> {
    let mut out = BufWriter::new(fs::File::create(path)?);
    out.write_all(csv::case_head(lived.len()).as_bytes())?;
    let cases = lived.first().map_or(0, |(_, trails)| trails.len());
    for case in 0..cases {
        let trails: Vec<Trail> = lived.iter().map(|(_, trails)| trails[case]).collect();
        out.write_all(csv::case_line(&label(case), &trails).as_bytes())?;
    }
    out.flush()
}
