//! All tests in one command: named steps, timed, each run to its end; then one plain line.

mod clients;
pub(crate) mod contract;
mod doors;
mod first_call;
mod report;
pub(crate) mod server;
mod steps;
mod templates;

pub(crate) use templates::{GoldenArgs, golden};

use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Run every check there is: format, lints, each crate alone, tests, a judged run, and the peers we did not
/// write. `RECOUP_STRICT=1` makes a skipped step a failure.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Only steps whose name has this in it.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Only name the steps.
    #[arg(long)]
    list: bool,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// As it must.
    Passed,
    /// Not as it must: what to look at.
    Failed(String),
    /// It could not be run here: what is missing.
    Skipped(String),
}

/// A step: a name and what to do.
pub(crate) struct Step {
    /// The name, in a few words.
    pub(crate) name: String,
    /// What to do.
    pub(crate) run: Box<dyn Fn() -> Ended>,
}

/// Runs the steps; exit code 0 where all passed.
pub(crate) fn run(args: &Args) -> ExitCode {
    let steps = steps::all().into_iter().filter(|step| {
        let wanted = args.only.as_deref().unwrap_or_default();
        step.name.contains(wanted)
    });
    if args.list {
        steps.for_each(|step| println!("{}", step.name));
        return ExitCode::SUCCESS;
    }
    let strict = std::env::var_os("RECOUP_STRICT").is_some_and(|value| value == "1");
    let mut results = Vec::new();
    for step in steps {
        eprintln!("── {}", step.name);
        let since = Instant::now();
        let ended = strictly(strict, (step.run)());
        results.push((step.name, ended, since.elapsed()));
    }
    let (text, all_passed) = summary(&results);
    println!("{text}");
    if all_passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

fn strictly(strict: bool, ended: Ended) -> Ended {
    match ended {
        Ended::Skipped(missing) if strict => Ended::Failed(format!("skipped: {missing}")),
        other => other,
    }
}

/// The table and the last line.
fn summary(results: &[(String, Ended, Duration)]) -> (String, bool) {
    let mut lines = Vec::new();
    let (mut passed, mut failed) = (0, 0);
    for (name, ended, took) in results {
        let (word, why) = match ended {
            Ended::Passed => {
                passed += 1;
                ("passed", String::new())
            }
            Ended::Failed(why) => {
                failed += 1;
                ("FAILED", format!("  {why}"))
            }
            Ended::Skipped(why) => ("skipped", format!("  {why}")),
        };
        lines.push(format!(
            "{word:<8}{:>7.1} s  {name}{why}",
            took.as_secs_f64()
        ));
    }
    lines.push(format!("{passed} passed, {failed} failed"));
    (lines.join("\n"), failed == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_and_strict_takes_no_skips() {
        let result = |ended: Ended| ("x".to_owned(), ended, Duration::from_secs(1));
        let skipped = || Ended::Skipped("no radicale".to_owned());
        let (text, well) = summary(&[result(Ended::Passed), result(strictly(false, skipped()))]);
        assert!(well && text.ends_with("\n1 passed, 0 failed"), "{text}");
        let (text, well) = summary(&[result(Ended::Passed), result(strictly(true, skipped()))]);
        assert!(!well && text.ends_with("\n1 passed, 1 failed"), "{text}");
        assert!(text.contains("skipped: no radicale"), "{text}");
    }

    #[test]
    fn no_two_steps_have_one_name() {
        let mut names: Vec<String> = steps::all().into_iter().map(|step| step.name).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(all > 5);
    }
}
