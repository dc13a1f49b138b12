//! Whether each step has a text in each language that borrowers have.

use super::{Question, Report, code, listed};
use recoup_domain::language::serves;
use recoup_policy::Policy;
use std::collections::BTreeSet;

pub(super) fn ask(policy: &Policy, question: &Question<'_>, report: &mut Report) {
    let Some(templates) = question
        .templates
        .filter(|_| !question.languages.is_empty())
    else {
        let why = "whether each step has a text in each language: the languages of borrowers or of the texts are not \
                   known";
        report.unchecked.push(why.to_owned());
        return;
    };
    let mut unknown = BTreeSet::new();
    for stage in policy.stages() {
        for (n, step) in stage.steps.iter().enumerate() {
            let Some(texts) = templates.get(&step.template) else {
                unknown.insert(step.template.clone());
                continue;
            };
            let lacks = |language: &&String| !texts.iter().any(|t| serves(t, language).is_some());
            let lacking: Vec<String> = question.languages.iter().filter(lacks).cloned().collect();
            if lacking.is_empty() {
                continue;
            }
            let message = format!(
                "step {} of stage `{}` has no text in {}: template `{}` exists in {}",
                n + 1,
                stage.name,
                listed(lacking.clone()),
                step.template,
                listed(texts.iter().cloned())
            );
            let hint = format!(
                "register `{}` in {}, or take a template that exists in it",
                step.template,
                listed(lacking)
            );
            report.find(code::NO_TEXT, step.place, message, &hint);
        }
    }
    for template in unknown {
        let why = format!("the languages of template `{template}`: they are not known");
        report.unchecked.push(why);
    }
}
