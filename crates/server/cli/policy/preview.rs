//! `recoup policy preview-template`: a text as it would read.

use super::super::client::{ClientArgs, refused};
use super::super::output::{json, say};
use super::super::{Failure, Outcome};
use super::{connect, kinds};
use crate::api::recoup::v1;

/// `recoup policy preview-template`.
#[derive(Debug, clap::Args)]
pub(crate) struct Preview {
    #[command(flatten)]
    client: ClientArgs,
    /// Its name.
    name: String,
    /// The text that is for who reads this language, BCP 47. Without it, each that it has.
    #[arg(long, default_value = "")]
    locale: String,
    /// A variable's value; repeat it. Those left out hold example data, or the case's.
    #[arg(long, value_name = "NAME=TEXT")]
    value: Vec<String>,
    /// Take the other values from this case and its borrower.
    #[arg(long, value_name = "ID", default_value = "")]
    case: String,
    /// Hold it to what this place asks, ISO 3166; repeat it. Without it, the places it is written for.
    #[arg(long, value_name = "REGION")]
    region: Vec<String>,
    /// Hold it to what this kind of lender owes: first_party, agency, microloan_company, bank.
    #[arg(long, value_name = "KIND")]
    lender_kind: Option<String>,
    /// JSON.
    #[arg(long)]
    json: bool,
}

impl Preview {
    pub(super) async fn run(self) -> Outcome {
        let value = |given: &String| {
            let (name, value) = given
                .split_once('=')
                .ok_or_else(|| Failure::usage(format!("--value {given}: write NAME=TEXT")))?;
            Ok(v1::TemplateValue {
                name: name.to_owned(),
                value: value.to_owned(),
            })
        };
        let kind = kinds(self.lender_kind.as_slice())?;
        let request = v1::PreviewTemplateRequest {
            name: self.name,
            locale: self.locale,
            values: self
                .value
                .iter()
                .map(value)
                .collect::<Result<_, Failure>>()?,
            case_id: self.case,
            regions: self.region,
            lender_kind: kind.first().copied().unwrap_or_default(),
        };
        let mut service = connect(&self.client).await?;
        let found = service.preview_template(request).await.map_err(refused)?;
        let found = found.into_inner();
        if self.json {
            json("PreviewTemplateResponse", &found)?;
        } else {
            found.previews.iter().for_each(tell);
        }
        Ok(0)
    }
}

fn tell(p: &v1::TemplatePreview) {
    let all = |of: &[String]| match of {
        [] => "none".to_owned(),
        of => of.join(", "),
    };
    say(format!("{}, {}, {}", p.template_id, p.channel, p.locale));
    if !p.subject.is_empty() {
        say(format!("  subject: {}", p.subject));
    }
    for line in p.body.lines() {
        say(format!("  | {line}"));
    }
    say(format!("  variables: {}", all(&p.variables)));
    if !p.example_variables.is_empty() {
        let examples = all(&p.example_variables);
        say(format!("  EXAMPLE DATA, nobody's: {examples}"));
    }
    say(match (p.segments, &p.ucs2_characters[..]) {
        (0, _) => format!("  {} characters", p.characters),
        (n, []) => format!("  {} characters, {n} segment(s) of GSM 03.38", p.characters),
        (n, odd) => format!(
            "  {} characters, {n} segment(s) of UCS-2, for GSM 03.38 lacks {}",
            p.characters,
            some(odd)
        ),
    });
    match &p.regions[..] {
        [] => say("  what law asks: not looked at, for no place is known; give --region"),
        regions => say(format!(
            "  what law asks in {}: {}",
            regions.join(", "),
            all(&p.checked)
        )),
    }
    for lack in &p.lacks {
        let whose = match lack.every_message {
            true => "lacks",
            false => "lacks in some messages",
        };
        say(format!("  {whose}: {}", lack.text));
    }
    for c in &p.channels {
        say(match c.refusal.as_str() {
            "" => format!("  channel {}: {} part(s)", c.channel, c.parts),
            why => format!("  channel {} would not take it: {why}", c.channel),
        });
        for warning in &c.warnings {
            say(format!("    {warning}"));
        }
    }
}

/// A few of many.
fn some(of: &[String]) -> String {
    let shown = of.iter().take(12).cloned().collect::<String>();
    match of.len() > 12 {
        true => format!("{shown}…"),
        false => shown,
    }
}
