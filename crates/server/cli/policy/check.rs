//! `recoup policy check`: without a server.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use recoup_compliance::Packs;
use recoup_decide::check::{Question, Report, check};
use recoup_domain::ContactClass;
use recoup_policy::{Names, Policy, Severity};

use super::super::output::{json, say};
use super::super::{EXIT_REFUSED, Failure, Outcome};
use super::read;

/// `recoup policy check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// The files.
    #[arg(required = true)]
    file: Vec<PathBuf>,
    /// A channel by another name than its kind, as NAME=KIND, such as `pager=sms`; repeat it.
    #[arg(long, value_name = "NAME=KIND")]
    channel: Vec<String>,
    /// A template that exists, over those that the file names, and its language, such as `reminder=zh-CN`. Repeat
    /// it to check names strictly.
    #[arg(long, value_name = "NAME[=LOCALE]")]
    template: Vec<String>,
    /// Where borrowers are, ISO 3166: each step must be permitted there. Repeat it.
    #[arg(long, value_name = "REGION")]
    region: Vec<String>,
    /// A language that borrowers have, BCP 47: each step must have a text in it. Repeat it; without it, those of
    /// the templates given.
    #[arg(long, value_name = "LOCALE")]
    language: Vec<String>,
    /// JSON, one object a file.
    #[arg(long)]
    json: bool,
}

/// What a file may name.
struct Given {
    channels: BTreeMap<String, ContactClass>,
    /// The languages of each template; none where no template was given.
    templates: BTreeMap<String, BTreeSet<String>>,
    languages: Vec<String>,
}

/// The channels: one of each kind by its name, and those given as NAME=KIND.
pub(super) fn channels(given: &[String]) -> Result<BTreeMap<String, ContactClass>, Failure> {
    let mut channels: BTreeMap<String, ContactClass> = ContactClass::ALL
        .into_iter()
        .map(|c| (c.name().to_owned(), c))
        .collect();
    for given in given {
        let told = given
            .split_once('=')
            .ok_or_else(|| "no NAME=KIND".to_owned());
        let told = told.and_then(|(name, kind)| {
            let class = kind.parse::<ContactClass>().map_err(|e| e.to_string())?;
            Ok((name.to_owned(), class))
        });
        let (name, class) =
            told.map_err(|problem| Failure::usage(format!("--channel {given}: {problem}")))?;
        channels.insert(name, class);
    }
    Ok(channels)
}

impl Check {
    pub(super) fn run(self) -> Outcome {
        let given = self.given()?;
        // All are read first: one that is not there is no reason to tell half.
        let texts: Vec<(&PathBuf, String)> = self
            .file
            .iter()
            .map(|file| Ok((file, read(file)?)))
            .collect::<Result<_, Failure>>()?;
        let mut accepted = true;
        for (file, text) in &texts {
            let report = self.report(text, &given);
            accepted &= report.accepts();
            self.tell(file, text, &report)?;
        }
        Ok(if accepted { 0 } else { EXIT_REFUSED })
    }

    fn given(&self) -> Result<Given, Failure> {
        let channels = channels(&self.channel)?;
        let mut templates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for given in &self.template {
            let (name, locale) = match given.split_once('=') {
                Some((name, locale)) => (name, Some(locale.to_owned())),
                None => (given.as_str(), None),
            };
            let locales = templates.entry(name.to_owned()).or_default();
            locales.extend(locale);
        }
        let known = Packs::builtin();
        if let Some(region) = self.region.iter().find(|r| !known.knows(r)) {
            let problem = format!("--region {region}: no rule pack knows that place");
            return Err(Failure::usage(problem));
        }
        let languages = match &self.language[..] {
            [] => templates.values().flatten().cloned().collect(),
            given => given.to_vec(),
        };
        Ok(Given {
            channels,
            templates,
            languages,
        })
    }

    fn report(&self, text: &str, given: &Given) -> Report {
        let names = Names {
            channels: given.channels.clone(),
            templates: given.templates.keys().cloned().collect(),
            any_template: given.templates.is_empty(),
            ..Names::default()
        };
        let policy = match Policy::parse(text, &names) {
            Ok(policy) => policy,
            Err(findings) => {
                return Report {
                    findings,
                    unchecked: vec!["what the policy does: its text has faults".to_owned()],
                };
            }
        };
        // A template without a language is not known to lack one.
        let mut templates = given.templates.clone();
        templates.retain(|_, locales| !locales.is_empty());
        let question = Question {
            packs: Some(Packs::builtin()),
            regions: &self.region,
            templates: (!templates.is_empty()).then_some(&templates),
            languages: &given.languages,
        };
        let found = check(&policy, &question);
        Report {
            findings: [policy.warnings(), &found.findings].concat(),
            ..found
        }
    }

    fn tell(&self, file: &Path, text: &str, report: &Report) -> Result<(), Failure> {
        if self.json {
            return json(
                "CheckPolicyResponse",
                &crate::convert::policy::checked(report, text),
            );
        }
        let file = file.display();
        for f in &report.findings {
            say(format!("{file}:{f}"));
            for line in &f.example {
                say(format!("    {line}"));
            }
        }
        for what in &report.unchecked {
            say(format!("{file}: not checked: {what}"));
        }
        let errors = report.findings.iter();
        let errors = errors.filter(|f| f.severity == Severity::Error).count();
        let verdict = if errors > 0 { "rejected" } else { "accepted" };
        let warnings = report.findings.len() - errors;
        say(format!(
            "{file}: {verdict}: {errors} error(s), {warnings} warning(s)"
        ));
        Ok(())
    }
}
