//! The live portfolio: the server replays, and what it tells is shown.

use std::collections::BTreeSet;
use std::path::Path;

use indicatif::ProgressBar;

use super::super::super::client::{ClientArgs, refused};
use super::super::super::output::{json, money, say, table};
use super::super::super::{EXIT_UNREACHED, Failure, Outcome};
use super::super::{connect, id_of, read};
use super::{Simulate, bar, write};
use crate::api::recoup::v1;
use crate::api::recoup::v1::simulate_policy_request::{Against, Subject};
use crate::api::recoup::v1::simulate_policy_response::Part;

/// Kinds of contact.
const KINDS: [&str; 5] = ["sms", "phone", "email", "visit", "legal"];

/// Asks the server, and shows what it answers.
pub(super) async fn run(args: &Simulate) -> Outcome {
    let behaviour_yaml = match &args.behaviour {
        Some(path) => read(path)?,
        None => String::new(),
    };
    let subject = match id_or_text(&args.client, &args.file).await? {
        (Some(id), _) => Subject::PolicyId(id),
        (None, text) => Subject::Yaml(text),
    };
    let against = match &args.against {
        None => None,
        Some(path) => Some(match id_or_text(&args.client, path).await? {
            (Some(id), _) => Against::AgainstPolicyId(id),
            (None, text) => Against::AgainstYaml(text),
        }),
    };
    let request = v1::SimulatePolicyRequest {
        subject: Some(subject),
        case_filter: args.filter.clone(),
        days: i32::try_from(args.days).unwrap_or(i32::MAX),
        seed: args.seed,
        against,
        behaviour_yaml,
        with_report: args.report.is_some(),
    };
    let mut client = connect(&args.client).await?;
    let answers = client.simulate_policy(request).await.map_err(refused)?;
    let mut answers = answers.into_inner();
    let mut progress: Option<ProgressBar> = None;
    let mut result = None;
    while let Some(answer) = answers.message().await.map_err(refused)? {
        match answer.part {
            Some(Part::Progress(p)) => {
                let total = u64::try_from(p.cases_total).unwrap_or(0);
                let bar = progress.get_or_insert_with(|| bar(total));
                bar.set_position(u64::try_from(p.cases_done).unwrap_or(0));
            }
            Some(Part::Result(all)) => result = Some(all),
            None => {}
        }
    }
    if let Some(bar) = progress {
        bar.finish_and_clear();
    }
    let Some(mut result) = result else {
        return Err(Failure {
            message: "the replay broke off before its end".into(),
            code: EXIT_UNREACHED,
        });
    };
    if let Some(path) = &args.report {
        write(path, &std::mem::take(&mut result.report_html))?;
    }
    if args.json {
        json("SimulationResult", &result)?;
        return Ok(0);
    }
    tell(&result);
    if let Some(path) = &args.report {
        say(format!("report: {}", path.display()));
    }
    Ok(0)
}

/// A version's id, or the text of a file.
async fn id_or_text(args: &ClientArgs, given: &Path) -> Result<(Option<String>, String), Failure> {
    let named = given.to_string_lossy();
    let is_version = named.starts_with("policy_") || named.contains('@');
    if is_version && !given.is_file() {
        let id = id_of(args, named.into_owned()).await?;
        return Ok((Some(id), String::new()));
    }
    Ok((None, read(given)?))
}

fn tell(result: &v1::SimulationResult) {
    let start = super::super::super::output::instant(result.start_time.as_ref());
    say(format!(
        "{} days from {start} (UTC), seed {}, behaviour {}. Nothing was sent.",
        result.days, result.seed, result.behaviour
    ));
    let policies = &result.policies;
    let head: Vec<&str> = std::iter::once("")
        .chain(policies.iter().map(|p| p.policy.as_str()))
        .collect();
    let mut rows = table(&head);
    let mut line = |name: String, of: &dyn Fn(&v1::SimulatedPolicy) -> String| {
        let cells = std::iter::once(name).chain(policies.iter().map(of));
        rows.add_row(cells.collect::<Vec<String>>());
    };
    line("cases replayed".into(), &|p| p.cases.to_string());
    line("people".into(), &|p| p.people.to_string());
    line("people contacted".into(), &|p| {
        p.people_contacted.to_string()
    });
    for kind in KINDS {
        line(format!("contacts by {kind}"), &|p| {
            p.contacts.get(kind).unwrap_or(&0).to_string()
        });
    }
    let peak = |p: Option<&v1::SimulationPeak>| p.map_or(0, |p| p.count).to_string();
    line("most calls on a day".into(), &|p| {
        peak(p.calls_a_day.as_ref())
    });
    line("most calls begun within an hour".into(), &|p| {
        peak(p.calls_an_hour.as_ref())
    });
    line("most visits on a day".into(), &|p| {
        peak(p.visits_a_day.as_ref())
    });
    line("promises given".into(), &|p| p.promises.to_string());
    line("cases cured".into(), &|p| p.cured.to_string());
    for (what, of) in [
        ("visits in", (|p| &p.visits_by_bucket) as Counts),
        ("refused by", |p| &p.denials),
        ("left out:", |p| &p.excluded),
    ] {
        let names: BTreeSet<&String> = policies.iter().flat_map(|p| of(p).keys()).collect();
        for name in names {
            line(format!("{what} {name}"), &|p| {
                of(p).get(name).unwrap_or(&0).to_string()
            });
        }
    }
    line("came in".into(), &|p| sums(p, |m| m.recovered.as_ref()));
    line("cost of contacts".into(), &|p| sums(p, |m| m.cost.as_ref()));
    say(rows);
    say(super::show::ASSUMED);
    let Some(d) = &result.difference else {
        return;
    };
    say(format!(
        "{} of {} cases differ.",
        d.differing_cases, d.cases
    ));
    for change in d.changes.iter().filter(|c| c.cases > 0) {
        let words = change.change.replace('_', " ");
        let first = change.first_case_ids.first().map_or("", String::as_str);
        say(format!("{:>9} {words} (such as {first})", change.cases));
    }
}

type Counts = fn(&v1::SimulatedPolicy) -> &std::collections::HashMap<String, i64>;

fn sums(
    p: &v1::SimulatedPolicy,
    of: impl Fn(&v1::SimulatedMoney) -> Option<&crate::api::google::r#type::Money>,
) -> String {
    let all: Vec<String> = p.money.iter().map(|m| money(of(m))).collect();
    all.join(", ")
}
