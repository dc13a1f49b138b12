//! What a template says, before anybody reads it: with example data that is nobody's, or with a case's.

use crate::content::{approval, date_of, sender};
use crate::engine::{Engine, TenantOptions};
use crate::error::{CommandError, Done, Violation};
use crate::language::NoText;
use crate::render::fill;
use crate::sms::{Segments, segments};
use crate::third_party;
use jiff::{SignedDuration, Timestamp};
use recoup_channel::wire::destination::To;
use recoup_channel::wire::send_request::Content;
use recoup_channel::wire::{
    DebtorMessage, Desk, Destination, PostalAddress, SendRequest, ThirdPartyMessage,
};
use recoup_channel::{Call, ChannelError};
use recoup_compliance::DutyRef;
use recoup_compliance::content::{Earlier, Lack, Said, lacking};
use recoup_compliance::pack::places_of_content;
use recoup_domain::case::LenderKind;
use recoup_domain::contact::{ContactClass, Reader};
use recoup_domain::ids::{CaseId, TenantId};
use recoup_domain::time::Window;
use recoup_store::StoredTemplate;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How long the effect of the message is taken to last, for the variables of an appointment.
const EFFECT: SignedDuration = SignedDuration::from_hours(2);
/// The longest that a channel is asked what a message would be with it.
const ASK: std::time::Duration = std::time::Duration::from_secs(2);

/// Variables that are the lender's own, whoever reads the text.
const OF_THE_LENDER: [&str; 3] = ["lender_name", "institution_name", "licence_number"];

/// What is to be shown.
#[derive(Clone, Debug, Default)]
pub struct TemplateQuestion {
    /// Name of the template.
    pub name: String,
    /// As somebody reads it who reads this language; none shows each language that it has.
    pub locale: Option<String>,
    /// Values of variables.
    pub values: BTreeMap<String, String>,
    /// The other values are those of this case and its borrower.
    pub case: Option<CaseId>,
    /// What is looked for is what these places ask; empty means those it is written for.
    pub regions: Vec<String>,
    /// And what this kind of lender owes; none means those it is written for.
    pub lender_kind: Option<LenderKind>,
}

/// A template, filled in.
#[derive(Clone, Debug)]
pub struct TemplatePreview {
    /// The version.
    pub template: Arc<StoredTemplate>,
    /// Subject line.
    pub subject: String,
    /// Text.
    pub body: String,
    /// Declared variables that hold example data.
    pub examples: Vec<String>,
    /// Characters of the text.
    pub characters: usize,
    /// Of a text message: how networks cut it.
    pub segments: Option<Segments>,
    /// The places whose duties were looked at; empty: nobody knows where it goes, and none were.
    pub regions: Vec<String>,
    /// The duties that were looked at.
    pub duties: Vec<DutyRef>,
    /// What it lacks, and whether each of its messages must have it: else some must, by place, kind of lender or
    /// whether it is the first.
    pub lacks: Vec<(Lack, bool)>,
    /// What the channels that carry such messages say of it.
    pub channels: Vec<ChannelWord>,
}

/// What a channel says of a message that is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelWord {
    /// Name of the channel.
    pub channel: String,
    /// Parts that its carrier would charge.
    pub parts: u32,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Why it would never take it; none where it would.
    pub refusal: Option<String>,
}

/// A text as filled in.
struct Filled {
    subject: String,
    body: String,
}

impl Engine {
    /// A template as it would read. Nothing is sent, and no contact is planned.
    ///
    /// # Errors
    /// NotFound for a template or case that is not there; Template where there is no text in the language, or it cannot
    /// be filled in; Invalid for values of variables that it does not have.
    pub async fn preview_template(
        &self,
        tenant: &TenantId,
        question: &TemplateQuestion,
    ) -> Done<Vec<TemplatePreview>> {
        let templates = self.texts_of(tenant, question)?;
        let declared = |name: &String| templates.iter().any(|t| t.variables.contains(name));
        let unknown = question.values.keys().enumerate();
        let unknown = unknown.filter(|(_, name)| !declared(name));
        let violation = |(i, name): (usize, &String)| {
            // A template has a text in each of several languages: each variable is told once.
            let variables = templates.iter().flat_map(|t| &t.variables);
            let all: BTreeSet<&str> = variables.map(String::as_str).collect();
            let all: Vec<&str> = all.into_iter().collect();
            let problem = format!(
                "`{}` has no variable `{name}`; it declares {}",
                question.name,
                match all[..] {
                    [] => "none".to_owned(),
                    _ => all.join(", "),
                }
            );
            Violation::new(format!("values[{i}].name"), problem)
        };
        let violations: Vec<Violation> = unknown.map(violation).collect();
        if !violations.is_empty() {
            return Err(CommandError::Invalid(violations));
        }
        let mut previews = Vec::with_capacity(templates.len());
        for template in templates {
            previews.push(self.preview_one(tenant, template, question).await?);
        }
        Ok(previews)
    }

    fn texts_of(
        &self,
        tenant: &TenantId,
        question: &TemplateQuestion,
    ) -> Done<Vec<Arc<StoredTemplate>>> {
        let (library, name) = (&self.0.library, &question.name);
        let missing = || CommandError::NotFound {
            what: "template",
            id: name.clone(),
        };
        if let Some(locale) = &question.locale {
            let found = library.template(tenant, name, locale);
            return match found {
                Ok(template) => Ok(vec![template]),
                Err(NoText::Unknown) => Err(missing()),
                Err(NoText::OtherLanguage(problem)) => Err(CommandError::Template {
                    name: name.clone(),
                    problem,
                }),
            };
        }
        let mut all = library.newest_templates(tenant);
        all.retain(|t| t.name == *name);
        match all.is_empty() {
            true => Err(missing()),
            false => Ok(all),
        }
    }

    async fn preview_one(
        &self,
        tenant: &TenantId,
        template: Arc<StoredTemplate>,
        question: &TemplateQuestion,
    ) -> Done<TemplatePreview> {
        let lender = self.tenant(tenant)?;
        let now = self.0.wall.now();
        let (mut regions, kinds) = (
            asked_regions(&template, question),
            kinds(&template, question),
        );
        let mut values = example_values(&template, lender, &regions);
        let mut real: Vec<String> = OF_THE_LENDER.map(str::to_owned).into();
        real.extend(question.values.keys().cloned());
        if let Some(case) = question.case {
            let own = self.values_of(tenant, case, &template, now).await?;
            if question.regions.is_empty() {
                regions = own.1;
            }
            real.extend(own.0.keys().cloned());
            values.extend(own.0);
        }
        values.extend(question.values.clone());
        let filled = filled(&template, &values)?;
        let packs = self.0.library.packs();
        let (certain, possible) = packs.duties_of_text(&regions, &kinds);
        let day = date_of(now);
        let said = Said {
            class: template.class,
            reader: template.reader,
            day,
            // Then what a first message owes is looked for, and what a later one does.
            earlier: Earlier::Perhaps,
            subject: &filled.subject,
            body: &filled.body,
            approval: approval(&template),
        };
        let all = [certain.clone(), possible].concat();
        let lacks = lacking(&all, &said, &sender(lender)).into_iter();
        let every = recoup_compliance::content::Which::Every;
        let lacks = lacks.map(|lack| {
            let always = certain.contains(&lack.duty) && lack.duty.message() == every;
            (lack, always)
        });
        let binds = |d: &DutyRef| d.binds(template.class, template.reader, day);
        let declared = template.variables.iter();
        Ok(TemplatePreview {
            examples: declared.filter(|v| !real.contains(v)).cloned().collect(),
            characters: filled.body.chars().count(),
            segments: (template.class == ContactClass::Sms).then(|| segments(&filled.body)),
            lacks: lacks.collect(),
            duties: all.into_iter().filter(binds).collect(),
            channels: self.asked_channels(&template, &filled, now).await,
            subject: filled.subject,
            body: filled.body,
            regions,
            template,
        })
    }

    /// The values of a case and its borrower, and the places whose law binds their messages.
    async fn values_of(
        &self,
        tenant: &TenantId,
        case: CaseId,
        template: &StoredTemplate,
        now: Timestamp,
    ) -> Done<(BTreeMap<String, String>, Vec<String>)> {
        if template.reader == Reader::ThirdParty {
            let problem = "a text for third parties is made without the case; leave this out";
            return Err(CommandError::Invalid(vec![Violation::new(
                "case_id", problem,
            )]));
        }
        let facts = self.tenants_facts(tenant, case).await?;
        let plain = self.0.keys.plain(&facts.borrower).await?;
        let effect = Window::starting(now, EFFECT);
        let values = self.values(&facts, &plain, effect, now).await?;
        let places = places_of_content(&facts.case.jurisdiction, &facts.borrower.regions);
        let places = places.into_iter().map(str::to_owned).collect();
        Ok((values, places))
    }

    /// What the channels say that carry messages of the template's kind and can judge one without sending it. The
    /// number or address is an example, whoever the text is about.
    async fn asked_channels(
        &self,
        template: &StoredTemplate,
        filled: &Filled,
        now: Timestamp,
    ) -> Vec<ChannelWord> {
        let mut words = Vec::new();
        for info in self.0.channels.list() {
            let handle = info.handle;
            let capabilities = handle.descriptor.capabilities.as_ref();
            if handle.class != template.class || !capabilities.is_some_and(|c| c.validate) {
                continue;
            }
            let request = request(template, filled, handle.desk.as_deref(), now);
            let call = Call::new(ASK, self.0.channel_clock.clone());
            let asked = tokio::time::timeout(ASK, handle.channel.validate(&call, request)).await;
            let word = |parts, warnings, refusal| ChannelWord {
                channel: handle.name.clone(),
                parts,
                warnings,
                refusal,
            };
            match asked {
                Ok(Ok(valid)) => words.push(word(valid.parts.max(1), valid.warnings, None)),
                Ok(Err(ChannelError::Permanent { message, .. })) => {
                    words.push(word(0, Vec::new(), Some(message)));
                }
                // It has nothing to say at present.
                Ok(Err(_)) | Err(_) => {}
            }
        }
        words
    }
}

fn asked_regions(template: &StoredTemplate, question: &TemplateQuestion) -> Vec<String> {
    match question.regions[..] {
        [] => template.regions.clone(),
        _ => question.regions.clone(),
    }
}

fn kinds(template: &StoredTemplate, question: &TemplateQuestion) -> Vec<LenderKind> {
    match question.lender_kind {
        Some(kind) => vec![kind],
        None => template.lender_kinds.clone(),
    }
}

/// Values that are nobody's. What the lender says of itself is true.
fn example_values(
    template: &StoredTemplate,
    lender: &TenantOptions,
    regions: &[String],
) -> BTreeMap<String, String> {
    let is_chinese = template.locale.to_ascii_lowercase().starts_with("zh");
    let (person, other) = match is_chinese {
        true => ("示例姓名", "示例联系人"),
        false => ("Example Name", "Example Contact"),
    };
    let country = regions.first().map(|r| r.split('-').next().unwrap_or(r));
    let currency = match country {
        Some("CN") => "CNY",
        Some("TW") => "TWD",
        Some("US") => "USD",
        _ => "XXX",
    };
    let numbers = lender.marks.licences.iter();
    let numbers = numbers.filter(|l| regions.iter().any(|place| l.holds_in(place)));
    let numbers: Vec<&str> = numbers.map(|l| l.number.as_str()).collect();
    let own = [
        ("borrower_name", person),
        ("person_name", other),
        ("lender_name", &lender.display_name),
        ("institution_name", &lender.display_name),
        ("licence_number", &numbers.join(", ")),
        ("case_ref", "EXAMPLE-0001"),
        ("overdue_amount", "1,234.50"),
        ("total_amount", "5,678.90"),
        ("currency", currency),
        ("due_date", "2026-01-31"),
        ("dpd", "10"),
        ("visit_date", "2026-02-10"),
        ("visit_from", "10:00"),
        ("visit_to", "12:00"),
    ];
    own.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn filled(template: &StoredTemplate, values: &BTreeMap<String, String>) -> Done<Filled> {
    let name = || format!("{}@{}", template.name, template.version);
    match template.reader {
        Reader::Obligor => {
            let known = values
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()));
            let known = minijinja::Value::from_pairs(known);
            Ok(Filled {
                subject: fill(template, &template.subject, &known)?,
                body: fill(template, &template.body, &known)?,
            })
        }
        Reader::ThirdParty => {
            let of = |name: &str| values.get(name).map_or("", String::as_str);
            let names = [
                of("person_name"),
                of("borrower_name"),
                of("institution_name"),
            ];
            let text = third_party::say_of(template, names).map_err(|error| match error {
                CommandError::Unsayable { problem, .. } => CommandError::Template {
                    name: name(),
                    problem,
                },
                other => other,
            })?;
            Ok(Filled {
                subject: text.subject().to_owned(),
                body: text.body().to_owned(),
            })
        }
    }
}

/// The message as a channel would get it, to nobody.
fn request(
    template: &StoredTemplate,
    filled: &Filled,
    desk: Option<&str>,
    now: Timestamp,
) -> SendRequest {
    let to = match template.class {
        // Kept free for examples by the plan of numbers.
        ContactClass::Sms | ContactClass::Phone => To::E164("+12025550100".to_owned()),
        ContactClass::Email => To::Email("example@example.com".to_owned()),
        ContactClass::Visit => To::Postal(PostalAddress {
            lines: vec!["1 Example Road".to_owned()],
            ..PostalAddress::default()
        }),
        ContactClass::Legal => To::Desk(Desk {
            id: desk.unwrap_or_default().to_owned(),
            name: String::new(),
        }),
    };
    let (subject, body) = (filled.subject.clone(), filled.body.clone());
    let content = match template.reader {
        Reader::Obligor => Content::Debtor(DebtorMessage {
            subject,
            body,
            approved_template: template
                .approval
                .as_ref()
                .map_or_else(String::new, |(_, id)| id.clone()),
            ..DebtorMessage::default()
        }),
        Reader::ThirdParty => Content::ThirdParty(ThirdPartyMessage { subject, body }),
    };
    let ends = now.saturating_add(EFFECT).unwrap_or(now);
    SendRequest {
        contact_id: "preview".to_owned(),
        idempotency_key: "preview".to_owned(),
        locale: template.locale.clone(),
        destination: Some(Destination {
            to: Some(to),
            display_name: "Example".to_owned(),
        }),
        content: Some(content),
        effect_from_unix_ms: now.as_millisecond(),
        effect_to_unix_ms: ends.as_millisecond(),
        ..SendRequest::default()
    }
}
