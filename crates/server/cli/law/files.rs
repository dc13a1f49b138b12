//! `recoup law check` and `recoup law text`: packs as files, without a server.

use std::path::PathBuf;

use recoup_compliance::{Difference, Packs};
use recoup_domain::regions::is_no_country;

use super::super::output::{say, table};
use super::super::{EXIT_BAD_INPUT, Failure, Outcome};
use crate::packs;

/// `recoup law check`.
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// The files: packs as docs/adding-a-rule.md has them.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A pack or rule that ships off and is to be on; repeat it.
    #[arg(long, value_name = "ID")]
    enable: Vec<String>,
    /// JSON, one object a fault.
    #[arg(long)]
    json: bool,
}

/// `recoup law text`.
#[derive(Debug, clap::Args)]
pub(super) struct Text {
    /// The pack, such as `cn`.
    pack: String,
}

pub(super) fn check(args: &Check) -> Outcome {
    let files = packs::read(&args.files).map_err(Failure::usage)?;
    let named: Vec<(&str, &str)> = files.iter().map(|(n, t)| (&**n, &**t)).collect();
    let read = match Packs::builtin().with_files(&named) {
        Ok(read) => read,
        Err(faults) => {
            for fault in faults {
                if args.json {
                    say(serde_json::json!({
                        "file": fault.file,
                        "line": fault.line,
                        "rule": fault.rule,
                        "problem": fault.problem,
                    }));
                } else {
                    say(fault);
                }
            }
            return Ok(EXIT_BAD_INPUT);
        }
    };
    let read = read.with_enabled(&args.enable);
    let read = read.map_err(|e| Failure::usage(format!("--enable: {e}")))?;
    if args.json {
        return Ok(0);
    }
    let mut rows = table(&["pack", "file", "rules", "in the place of"]);
    for pack in read.packs() {
        let Some(file) = read.file_of(pack.id()) else {
            continue;
        };
        let built_in = Packs::builtin().text_of(pack.id()).is_some();
        let place = if built_in { "the built-in one" } else { "" };
        rows.add_row([pack.id(), file, &pack.rules().len().to_string(), place]);
    }
    say(rows);
    doubts(&read).iter().for_each(say);
    Ok(0)
}

/// What is no fault and may be a mistake: a sentence that was not changed with its numbers, a place that is none, a
/// calendar that ends.
fn doubts(read: &Packs) -> Vec<String> {
    let difference = Difference::between(Packs::builtin(), read);
    let old = difference.rules.iter().filter(|r| r.text_is_old());
    let old = old.map(|r| {
        let limit = r.after.as_ref().and_then(|rule| rule.limit());
        let limit = limit.map_or_else(String::new, |l| format!(" In force: {l}."));
        let text = r.after.as_ref().map_or("", |rule| rule.text());
        format!(
            "warning: {}: `rule` is another, and `text` is as before: is it still true? \"{text}\"{limit}",
            r.id
        )
    });
    let given = read
        .packs()
        .iter()
        .filter(|p| read.file_of(p.id()).is_some());
    let nowhere = given.clone().flat_map(|pack| {
        let none = pack.regions().iter().filter(|r| *r != "*" && is_no_country(r));
        none.map(|r| {
            let pack = pack.id();
            format!("warning: pack {pack}: `{r}` of `regions` begins with the code of no country (ISO 3166-1); is it a slip?")
        })
    });
    let calendars = given.flat_map(|pack| pack.rules()).filter_map(|rule| {
        let calendar = rule.calendar()?;
        let last = calendar.years().iter().map(|y| y.year()).max()?;
        let file = calendar.file();
        Some(format!(
            "{}: calendar `{file}` ends with {last}; from then on the rule is closed until the next year is there",
            rule.id()
        ))
    });
    old.chain(nowhere).chain(calendars).collect()
}

pub(super) fn text(args: &Text) -> Outcome {
    match Packs::builtin().text_of(&args.pack) {
        Some(text) => {
            say(text.trim_end());
            Ok(0)
        }
        None => {
            let known = Packs::builtin().packs().iter().map(|p| p.id());
            let known: Vec<&str> = known.collect();
            let problem = format!(
                "no pack `{}` is built in; those are {}",
                args.pack,
                known.join(", ")
            );
            Err(Failure::usage(problem))
        }
    }
}
