//! Questions about a policy that its text alone does not answer: can each stage be reached, does a stage hold on
//! every day, can a visit come first, does it ever end. See docs/decisions/check-policy.md.
//!
//! Start at [`check`]. Pure: same policy and question, same report.

mod example;
mod ladder;
mod moving;
mod permits;
mod sets;
mod space;
mod standing;
mod texts;
mod world;

use recoup_compliance::Packs;
use recoup_policy::explore::Detail;
use recoup_policy::{Finding, Policy, Severity};
use sets::TooLarge;
use space::Space;
use std::collections::{BTreeMap, BTreeSet};

/// What is asked beside the policy's own behaviour.
#[derive(Clone, Copy, Default)]
pub struct Question<'a> {
    /// The rules that steps are held to; none means they are not.
    pub packs: Option<&'a Packs>,
    /// Where borrowers are, ISO 3166: each step must be permitted in each of them.
    pub regions: &'a [String],
    /// The languages in which each template exists, BCP 47; none means they are not known.
    pub templates: Option<&'a BTreeMap<String, BTreeSet<String>>>,
    /// The languages that borrowers have.
    pub languages: &'a [String],
}

/// What a check found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// What is wrong, in the order of the text.
    pub findings: Vec<Finding>,
    /// What was not looked at, and why.
    pub unchecked: Vec<String>,
}

impl Report {
    /// Whether nothing speaks against the policy.
    #[must_use]
    pub fn accepts(&self) -> bool {
        self.findings.iter().all(|f| f.severity != Severity::Error)
    }

    fn find(&mut self, code: &'static str, place: (u32, u32), message: String, hint: &str) {
        self.show(code, place, message, hint, Vec::new());
    }

    fn show(
        &mut self,
        code: &'static str,
        (line, column): (u32, u32),
        message: String,
        hint: &str,
        example: Vec<String>,
    ) {
        self.findings.push(Finding {
            code,
            severity: match code {
                code::NOT_EXPLORED | code::ONLY_CONSENTED => Severity::Warning,
                _ => Severity::Error,
            },
            line,
            column,
            message,
            hint: hint.to_owned(),
            example,
        });
    }
}

/// The codes of what an exploration finds; listed in docs/policy-language.md with those of the text.
pub mod code {
    /// No case can ever stand in the stage.
    pub const UNREACHABLE: &str = "RCP-POL-040";
    /// A case that is overdue stands in no stage.
    pub const GAP: &str = "RCP-POL-041";
    /// Two stages hold in the same states, or a later one only before the earlier ones.
    pub const OVERLAP: &str = "RCP-POL-042";
    /// Stages follow each other for ever.
    pub const LOOP: &str = "RCP-POL-043";
    /// Nothing in the policy holds back the number of contacts.
    pub const UNBOUNDED: &str = "RCP-POL-044";
    /// A visit or referral may be the first contact of a case.
    pub const NO_PRIOR_CONTACT: &str = "RCP-POL-045";
    /// No rule of law ever lets a step through.
    pub const NEVER_PERMITTED: &str = "RCP-POL-046";
    /// A step is never chosen.
    pub const STARVES: &str = "RCP-POL-047";
    /// A step has no text in a language of the borrowers.
    pub const NO_TEXT: &str = "RCP-POL-048";
    /// Warning: a question could not be answered.
    pub const NOT_EXPLORED: &str = "RCP-POL-049";
    /// A step that law permits in a region only to somebody who consented.
    pub const ONLY_CONSENTED: &str = "RCP-POL-050";
}

/// Explores a policy.
#[must_use]
pub fn check(policy: &Policy, question: &Question<'_>) -> Report {
    let mut report = Report::default();
    moving::pace(policy, &mut report);
    if explore(policy, &mut report) == Err(TooLarge) {
        let message = "not explored: the conditions tell apart too many states to look at all of them; gaps, \
                       unreachable stages, overlaps, loops, first visits and steps that starve were not all looked for";
        let hint = "compare each fact with fewer different values, or write two policies";
        report.find(code::NOT_EXPLORED, (1, 1), message.to_owned(), hint);
    }
    permits::ask(policy, question, &mut report);
    texts::ask(policy, question, &mut report);
    report.findings.sort_by_key(|f| (f.line, f.column, f.code));
    report
}

fn explore(policy: &Policy, report: &mut Report) -> Result<(), TooLarge> {
    let mut space = Space::of(policy)?;
    for axis in &space.axes {
        let name = policy.fact_in_words(axis.fact);
        match axis.detail {
            Detail::Exact => {}
            Detail::UpTo(last) => report.unchecked.push(format!(
                "{name} above {last}: it is calculated with, so each value is looked at by itself"
            )),
            Detail::Picked => {
                let message = format!(
                    "not fully explored: {name} is calculated with; only some of its values were looked at"
                );
                let hint = "compare it with numbers that are written out";
                report.find(code::NOT_EXPLORED, (1, 1), message, hint);
            }
        }
    }
    let own = ladder::reach(&mut space, false)?;
    standing::overlaps(&mut space, report)?;
    standing::unreachable(&mut space, &own, report)?;
    standing::gaps(&mut space, &own, report)?;
    moving::first_visits(&mut space, report)?;
    moving::loops(&mut space, &own, report)?;
    moving::starving(&mut space, &own, report)
}

/// The names of a few things, as a sentence has them.
fn listed(names: impl IntoIterator<Item = String>) -> String {
    let names: Vec<String> = names.into_iter().collect();
    names.join(", ")
}
