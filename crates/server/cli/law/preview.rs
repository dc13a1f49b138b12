//! `recoup law preview`: what other packs would change, before they are named in the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use comfy_table::Table;

use super::super::client::{ClientArgs, refused};
use super::super::output::{instant, json, say, table, word};
use super::super::{EXIT_CHANGES, Failure, Outcome};
use crate::api::recoup::v1::compliance_service_client::ComplianceServiceClient;
use crate::api::recoup::v1::preview_packs_response::Part;
use crate::api::recoup::v1::{self, CaseLawChange};
use crate::packs;

/// The longest answer that is taken: the parts of one rule.
const ANSWER_MAX: usize = 4 << 20;

/// `recoup law preview`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    client: ClientArgs,
    /// The files: each takes the place of the pack of its id, or stands beside them.
    files: Vec<PathBuf>,
    /// A pack or rule that ships off and would be on; repeat it.
    #[arg(long, value_name = "ID")]
    enable: Vec<String>,
    /// Files and --enable take the place of what the configuration says, and do not stand beside it. Without any: the
    /// built-in packs alone.
    #[arg(long)]
    instead: bool,
    /// How many cases of each kind are shown. All are counted.
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    /// JSON, one object a line: everything, also all cases.
    #[arg(long)]
    json: bool,
}

/// What is told of a rule that does something else under the sentence that it had.
const TEXT_IS_OLD: &str = "its `text` is as before: is it still true?";

/// What was told, as far as it is shown.
#[derive(Default)]
struct Shown {
    rules: Option<Table>,
    cases: BTreeMap<i32, (Table, usize)>,
    contacts: Option<Table>,
}

pub(super) async fn run(args: Args) -> Outcome {
    if args.files.is_empty() && args.enable.is_empty() && !args.instead {
        let problem = "name a FILE, or --enable ID, or --instead for the built-in packs alone";
        return Err(Failure::usage(problem));
    }
    let files = packs::read(&args.files).map_err(Failure::usage)?;
    let file = |(name, text)| v1::PackFile { name, text };
    let request = v1::PreviewPacksRequest {
        files: files.into_iter().map(file).collect(),
        enabled: args.enable,
        instead: args.instead,
    };
    let service = ComplianceServiceClient::new(args.client.named().await?);
    let mut service = service.max_decoding_message_size(ANSWER_MAX);
    let answers = service.preview_packs(request).await.map_err(refused)?;
    let mut answers = answers.into_inner();
    let mut shown = Shown::default();
    let mut summary = None;
    while let Some(answer) = answers.message().await.map_err(refused)? {
        if args.json {
            json("PreviewPacksResponse", &answer)?;
        }
        match answer.part {
            Some(Part::Summary(all)) => summary = Some(all),
            Some(part) if !args.json => shown.take(part, args.limit),
            _ => {}
        }
    }
    let Some(summary) = summary else {
        return Err(Failure {
            message: "the comparison broke off before its end; what was shown is a part".into(),
            code: super::super::EXIT_UNREACHED,
        });
    };
    if !args.json {
        shown.say();
        in_words(&summary);
    }
    let changes = summary.changed_cases > 0 || summary.called_off > 0;
    Ok(if changes { EXIT_CHANGES } else { 0 })
}

impl Shown {
    fn take(&mut self, part: Part, limit: usize) {
        match part {
            Part::Compared(c) => say(format!(
                "As of {}: packs {} against {}.",
                instant(c.time.as_ref()),
                short(&c.hash_before),
                short(&c.hash_after)
            )),
            Part::Pack(p) => {
                let change = change_in_words(p.change(), &p.parts);
                self.rule([&p.pack, &p.title, &change, ""]);
            }
            Part::Rule(r) => {
                let change = change_in_words(r.change(), &r.parts);
                let note = match (r.binds_before, r.binds_after) {
                    (true, false) => "binds no more",
                    _ if r.loosened => "softer",
                    (false, true) => "binds from then on",
                    (false, false) => "off",
                    (true, true) => "",
                };
                let does = |p: &v1::LawPart| p.path.starts_with("rule.");
                let says = |p: &v1::LawPart| p.path == "text";
                let is_old = r.parts.iter().any(does) && !r.parts.iter().any(says);
                let note = match (is_old, note) {
                    (false, note) => note.to_owned(),
                    (true, "") => TEXT_IS_OLD.to_owned(),
                    (true, note) => format!("{note}; {TEXT_IS_OLD}"),
                };
                self.rule([&r.rule_id, &r.text, &change, &note]);
            }
            Part::Case(c) => self.case(&c, limit),
            Part::Contact(c) => self.contact(&c, limit),
            Part::Summary(_) => {}
        }
    }

    fn rule(&mut self, row: [&str; 4]) {
        let head = ["pack or rule", "what", "change", "note"];
        self.rules.get_or_insert_with(|| table(&head)).add_row(row);
    }

    fn case(&mut self, c: &v1::CaseUnderPacks, limit: usize) {
        let head = ["case", "next now", "next then", "rules"];
        let place = self.cases.entry(c.change);
        let (rows, count) = place.or_insert_with(|| (table(&head), 0));
        *count += 1;
        if *count > limit {
            return;
        }
        let mut rules: Vec<&str> = Vec::new();
        for id in [&c.before, &c.after]
            .into_iter()
            .flatten()
            .flat_map(|a| &a.rule_ids)
        {
            if !rules.contains(&id.as_str()) {
                rules.push(id);
            }
        }
        rows.add_row([
            c.case_id.as_str(),
            &ahead(c.before.as_ref()),
            &ahead(c.after.as_ref()),
            &rules.join(" "),
        ]);
    }

    fn contact(&mut self, c: &v1::ContactUnderPacks, limit: usize) {
        let head = ["contact", "channel", "effect", "rules"];
        let rows = self.contacts.get_or_insert_with(|| table(&head));
        if rows.row_count() < limit {
            let effect = format!(
                "{} to {}",
                instant(c.time.as_ref()),
                instant(c.end_time.as_ref())
            );
            rows.add_row([&c.contact_id, &c.channel, &effect, &c.rule_ids.join(" ")]);
        }
    }

    fn say(self) {
        match self.rules {
            Some(rules) => say(rules),
            None => say("No rule differs."),
        }
        for (change, (rows, count)) in self.cases {
            let change = CaseLawChange::try_from(change).unwrap_or_default();
            say(format!("\n{count} {}:", case_in_words(change)));
            say(rows);
        }
        if let Some(contacts) = self.contacts {
            say("\nAccepted contacts that would be called off:");
            say(contacts);
        }
    }
}

fn in_words(s: &v1::PacksSummary) {
    say(format!(
        "\n{} open cases were read: {} change, {} accepted contacts would be called off.",
        s.cases, s.changed_cases, s.called_off
    ));
    let rules: BTreeMap<&String, &i64> = s.by_rule.iter().collect();
    for (rule, n) in rules {
        say(format!("  {rule}: {n}"));
    }
}

fn ahead(a: Option<&v1::ContactAhead>) -> String {
    let Some(a) = a else {
        return "nothing".to_owned();
    };
    let when = match &a.time {
        Some(time) => instant(Some(time)),
        None => "never".to_owned(),
    };
    format!("{} step {} ({}) {when}", a.stage, a.step + 1, a.channel)
}

fn change_in_words(change: v1::LawChange, parts: &[v1::LawPart]) -> String {
    let mut lines = vec![word(change.as_str_name(), "LAW_CHANGE_").replace('_', " ")];
    lines.extend(parts.iter().map(|p| {
        let told = |text: &Option<String>| text.clone().unwrap_or_else(|| "not there".to_owned());
        format!("{}: {}, then {}", p.path, told(&p.before), told(&p.after))
    }));
    lines.join("\n")
}

const fn case_in_words(change: CaseLawChange) -> &'static str {
    match change {
        CaseLawChange::Denied => "cases whose next contact goes now and would have to wait",
        CaseLawChange::Later => "cases whose next contact would wait longer",
        CaseLawChange::Never => "cases whose next contact would never go",
        CaseLawChange::Allowed => "cases whose next contact waits and would go now",
        CaseLawChange::Sooner => "cases whose next contact would go sooner",
        CaseLawChange::Possible => "cases without a contact ahead that would have one",
        CaseLawChange::OtherStep => "cases in which another step would go at the same time",
        CaseLawChange::LawUnknown => "cases in a place that no pack would know",
        CaseLawChange::LawKnown => "cases in a place that no pack knows now",
        CaseLawChange::TextHeld => {
            "cases whose next text lacks what it would have to say, and would be held back"
        }
        CaseLawChange::TextReleased => "cases whose next text is held back and would go",
        CaseLawChange::Unspecified => "cases that change otherwise",
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
