//! What a message must say, and what is done with one that does not: it is not sent. The duties are those of the
//! packs that bind the case; the check is [`recoup_compliance::content`].

use crate::draft::Draft;
use crate::engine::{Engine, TenantOptions};
use crate::error::{CommandError, Done, Violation};
use crate::intent::{Prepared, no_text};
use crate::planner::Decided;
use crate::types::TemplateInput;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::DutyRef;
use recoup_compliance::content::{
    Approval, Earlier, Lack, Said, Sender, VARIABLE, Which, lacking, lacking_in_template,
    may_be_first, not_approved,
};
use recoup_decide::Plan;
use recoup_domain::case::WorklistReason;
use recoup_domain::contact::{ContactClass, Reader};
use recoup_domain::ids::{KeyedHash, TenantId};
use recoup_domain::party::{Party, PointState, Relation};
use recoup_domain::past::PastContact;
use recoup_domain::time::Window;
use recoup_store::{Facts, StoredTemplate};

/// When a case whose text lacks something is looked at again.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// Who a message goes to, and what went to them before.
#[derive(Clone, Copy)]
pub(crate) struct To<'a> {
    pub(crate) party: &'a Party,
    pub(crate) relation: Relation,
    pub(crate) past: &'a [PastContact],
}

/// A message as it would go.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) class: ContactClass,
    /// When its effect begins.
    pub(crate) from: Timestamp,
    pub(crate) subject: &'a str,
    pub(crate) body: &'a str,
}

impl Engine {
    /// Holds a message to what it must say.
    ///
    /// # Errors
    /// Lacking where it does not say it.
    pub(crate) fn must_say(
        &self,
        facts: &Facts,
        to: To<'_>,
        template: &StoredTemplate,
        text: Text<'_>,
    ) -> Done<()> {
        let binding = self.binding_with(&facts.case, to.party)?;
        let lacks = self.lacks(binding.content(), facts, to, template, text)?;
        held_back(template, &lacks).map_or(Ok(()), Err)
    }

    /// What a message lacks of some duties.
    fn lacks(
        &self,
        duties: &[DutyRef],
        facts: &Facts,
        to: To<'_>,
        template: &StoredTemplate,
        text: Text<'_>,
    ) -> Done<Vec<Lack>> {
        let may_tell = |c: &PastContact| {
            may_be_first(duties, c.class) && c.point.is_none_or(|point| !is_wrong(to.party, point))
        };
        let said = Said {
            class: text.class,
            reader: Reader::of(to.relation),
            day: to.party.home_zone().date(text.from),
            earlier: Earlier::of(to.past, facts.case.id, to.party.id, may_tell),
            subject: text.subject,
            body: text.body,
            approval: approval(template),
        };
        let tenant = self.tenant(&facts.case.tenant)?;
        Ok(lacking(duties, &said, &sender(tenant)))
    }

    /// Leaves a contact of the ladder where it is because its text must not go: a person must look at the case,
    /// unless one must already for a reason of its own, and the case is asked again later.
    pub(crate) fn keep(mut draft: Draft, facts: &Facts, why: &str) -> Decided {
        let (id, now) = (facts.case.id, draft.now);
        let listed = draft.listed(id);
        if listed.is_none_or(|l| l.is_of_steps() || is_held(l)) {
            draft.list(id, WorklistReason::StepHeld { why: why.into() });
        }
        let again = now.saturating_add(AGAIN).unwrap_or(Timestamp::MAX);
        draft.schedule(id, Some(again));
        draft.guard_all();
        Decided::Write(Box::new(Prepared { draft, send: None }))
    }

    /// A contact of the ladder goes: who was to look at its text need not.
    pub(crate) fn let_go(draft: &mut Draft, facts: &Facts) {
        let id = facts.case.id;
        if draft.listed(id).is_some_and(is_held) {
            draft.off_worklist(id);
        }
    }

    /// Why a contact that is planned would be held back; none where it would go, or cannot be told.
    pub(crate) async fn would_be_held(
        &self,
        facts: &Facts,
        plan: &Plan,
        template: &str,
        now: Timestamp,
    ) -> Option<String> {
        let (tenant, reader) = (&facts.borrower.tenant, &facts.borrower.locale);
        let found = self.0.library.template_then(tenant, template, reader, now);
        let template = match found.map_err(|why| no_text(template, why)) {
            Err(error @ CommandError::Lacking { .. }) => return Some(error.to_string()),
            found => found.ok()?,
        };
        let binding = self.binding(facts).ok()?;
        let contact = (plan.class, plan.effect);
        let lacks = self.lacks_of(binding.content(), facts, contact, &template, now);
        held_back(&template, &lacks.await).map(|error| error.to_string())
    }

    /// What a contact with the borrower would lack of some duties; nothing where it cannot be put into words, for
    /// which it is held back anyway.
    pub(crate) async fn lacks_of(
        &self,
        duties: &[DutyRef],
        facts: &Facts,
        (class, effect): (ContactClass, Window),
        template: &StoredTemplate,
        now: Timestamp,
    ) -> Vec<Lack> {
        let Ok(plain) = self.0.keys.plain(&facts.borrower).await else {
            return Vec::new();
        };
        let words = self.words(facts, &plain, template, effect, now).await;
        let Ok(words) = words else {
            return Vec::new();
        };
        let text = Text {
            class,
            from: effect.from,
            subject: &words.subject,
            body: &words.body,
        };
        let lacks = self.lacks(duties, facts, To::borrower(facts), template, text);
        lacks.unwrap_or_default()
    }

    /// The regions a template is written for: those given, or that of its locale where a pack knows it.
    ///
    /// # Errors
    /// Invalid for a region that no pack knows.
    pub(crate) fn regions_of_text(&self, input: &TemplateInput) -> Done<Vec<String>> {
        let packs = self.0.library.packs();
        let unknown = input.regions.iter().enumerate();
        let unknown = unknown.filter(|(_, region)| !packs.knows(region));
        let violation = |(i, region): (usize, &String)| {
            let problem = format!("no pack knows `{region}`; `recoup law` lists the places known");
            Violation::new(format!("regions[{i}]"), problem)
        };
        let violations: Vec<Violation> = unknown.map(violation).collect();
        if !violations.is_empty() {
            return Err(CommandError::Invalid(violations));
        }
        if !input.regions.is_empty() {
            return Ok(input.regions.clone());
        }
        let own = region_of(&input.locale).filter(|region| packs.knows(region));
        Ok(own.into_iter().collect())
    }

    /// Holds a template to what its messages must say, wherever they go.
    ///
    /// # Errors
    /// TemplateLacks with everything that is missing.
    pub(crate) fn must_say_at_registration(
        &self,
        tenant: &TenantId,
        input: &TemplateInput,
        regions: &[String],
        now: Timestamp,
    ) -> Done<()> {
        let tenant = self.tenant(tenant)?;
        let approval = input.approval.as_ref();
        let approval = approval.map(|(signature, template)| Approval {
            signature,
            template,
        });
        let mut violations = Vec::new();
        let wrong = approval.and_then(|approval| not_approved(&tenant.marks, approval));
        if let Some(problem) = &wrong {
            violations.push(Violation::new("sms_signature", problem.clone()));
        }
        let packs = self.0.library.packs();
        let (certain, _) = packs.duties_of_text(regions, &input.lender_kinds);
        let literal = |text: &str| literal(text, tenant);
        let (subject, body) = (literal(&input.subject), literal(&input.body));
        let said = Said {
            class: input.class,
            reader: input.reader,
            day: date_of(now),
            earlier: Earlier::Nothing,
            subject: &subject,
            body: &body,
            approval,
        };
        let in_parts = input.body.contains("{%");
        let lacks = lacking_in_template(&certain, &said, &sender(tenant), in_parts);
        let known = |l: &recoup_compliance::Lack| wrong.as_ref() == Some(&l.missing);
        let lacks = lacks.into_iter().filter(|l| !known(l));
        violations.extend(lacks.map(|l| Violation::new("body", l.to_string())));
        if violations.is_empty() {
            return Ok(());
        }
        Err(CommandError::TemplateLacks {
            name: input.name.clone(),
            violations,
        })
    }

    /// The duties of content that a template does whatever it is filled in with, and those that bind only some of its
    /// messages and are left to the rendering: of a part of its regions, of some kind of lender, or of the first or a
    /// later message where it lacks what that must say. Without regions everything is, and nothing is named.
    #[must_use]
    pub fn duties_of_template(&self, t: &StoredTemplate) -> (Vec<DutyRef>, Vec<DutyRef>) {
        let packs = self.0.library.packs();
        let (certain, left) = packs.duties_of_text(&t.regions, &t.lender_kinds);
        let unmet = self.unmet_by_some(t, &certain);
        let (later, certain): (Vec<_>, Vec<_>) =
            certain.into_iter().partition(|d| unmet.contains(d));
        let day = date_of(t.created_at);
        let own = |all: Vec<DutyRef>| {
            let all = all.into_iter();
            all.filter(|d| d.binds(t.class, t.reader, day)).collect()
        };
        (own(certain), own([later, left].concat()))
    }

    /// The duties of the first and of later messages that a registered template does not do.
    fn unmet_by_some(&self, t: &StoredTemplate, duties: &[DutyRef]) -> Vec<DutyRef> {
        let Ok(tenant) = self.tenant(&t.tenant) else {
            return Vec::new();
        };
        let (subject, body) = (literal(&t.subject, tenant), literal(&t.body, tenant));
        let said = Said {
            class: t.class,
            reader: t.reader,
            day: date_of(t.created_at),
            // Then both bind.
            earlier: Earlier::Perhaps,
            subject: &subject,
            body: &body,
            approval: approval(t),
        };
        let lacks = lacking(duties, &said, &sender(tenant)).into_iter();
        let of_some = lacks.filter(|l| l.duty.message() != Which::Every);
        of_some.map(|l| l.duty).collect()
    }
}

impl<'a> To<'a> {
    /// The borrower of a case.
    pub(crate) fn borrower(facts: &'a Facts) -> Self {
        Self {
            party: &facts.borrower,
            relation: Relation::Borrower,
            past: &facts.contacts,
        }
    }
}

pub(crate) fn sender(tenant: &TenantOptions) -> Sender<'_> {
    Sender {
        name: &tenant.display_name,
        marks: &tenant.marks,
    }
}

/// What a text lacks, as the error that holds it back; none where it lacks nothing.
fn held_back(template: &StoredTemplate, lacks: &[Lack]) -> Option<CommandError> {
    let each: Vec<String> = lacks.iter().map(ToString::to_string).collect();
    (!each.is_empty()).then(|| CommandError::Lacking {
        name: format!("{}@{}", template.name, template.version),
        problem: each.join("; "),
    })
}

const fn is_held(reason: &WorklistReason) -> bool {
    matches!(reason, WorklistReason::StepHeld { .. })
}

/// Whether a number or address is known by now to be somebody else's.
fn is_wrong(party: &Party, point: KeyedHash) -> bool {
    let mut told = party.points.iter().filter(|p| p.key == point);
    party.gone.contains(&point) || told.any(|p| p.state == PointState::WrongNumber)
}

pub(crate) fn approval(template: &StoredTemplate) -> Option<Approval<'_>> {
    let approval = template.approval.as_ref();
    approval.map(|(signature, template)| Approval {
        signature,
        template,
    })
}

/// A day for what has no place yet.
pub(crate) fn date_of(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(at).date()
}

/// The region in a language tag, such as `CN` in `zh-Hans-CN`.
fn region_of(locale: &str) -> Option<String> {
    let region = |part: &&str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_alphabetic());
    let found = locale.split(['-', '_']).skip(1).find(region);
    found.map(str::to_ascii_uppercase)
}

/// The words of a template without its blocks: those of all branches, and the names and numbers that are the same in
/// each message. What stands for another variable parts clauses; a block parts words.
fn literal(text: &str, tenant: &TenantOptions) -> String {
    let mut words = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        words.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = match rest.as_bytes().get(1) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            Some(b'#') => "#}",
            _ => {
                words.push('{');
                rest = &rest[1..];
                continue;
            }
        };
        let (block, after) = rest.split_once(end).unwrap_or((rest, ""));
        words.push_str(&value_of(block, tenant));
        rest = after;
    }
    words.push_str(rest);
    words
}

/// What a block holds in every message of a lender.
fn value_of(block: &str, tenant: &TenantOptions) -> String {
    let Some(expression) = block.strip_prefix("{{") else {
        return " ".to_owned();
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut names = expression.split(|c| !is_part(c));
    let known = names.find_map(|name| match name {
        "lender_name" | "institution_name" => Some(tenant.display_name.clone()),
        "licence_number" => {
            let numbers = tenant.marks.licences.iter().map(|l| l.number.as_str());
            Some(numbers.collect::<Vec<_>>().join(", "))
        }
        _ => None,
    });
    known.unwrap_or_else(|| VARIABLE.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use recoup_compliance::content::{Licence, Marks};

    fn tenant() -> TenantOptions {
        TenantOptions {
            id: TenantId::new("demo").expect("an id"),
            display_name: "Demo".to_owned(),
            marks: Marks {
                licences: vec![Licence {
                    region: "US-CA".to_owned(),
                    number: "7".to_owned(),
                }],
                signatures: Vec::new(),
            },
        }
    }

    #[test]
    fn a_locale_names_a_region_or_none() {
        for (locale, region) in [
            ("zh-CN", Some("CN")),
            ("zh-Hant-TW", Some("TW")),
            ("en_us", Some("US")),
            ("en", None),
            ("es-419", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(region_of(locale).as_deref(), region, "{locale}");
        }
    }

    #[test]
    fn the_literal_words_of_a_template_have_all_branches_and_no_comment() {
        for (text, words) in [
            ("{{ lender_name }}: pay {{ dpd }}.", "Demo: pay \u{0}."),
            ("{{lender_name|upper}} {{ licence_number }}", "Demo 7"),
            ("{% if dpd %}a{% else %}b{% endif %}", " a b "),
            ("{# STOP #}x", " x"),
            ("{ x } {", "{ x } {"),
            ("x {{ dpd", "x \u{0}"),
            ("{{ my_lender_name }}", "\u{0}"),
            ("{", "{"),
            ("【{", "【{"),
        ] {
            assert_eq!(literal(text, &tenant()), words, "{text}");
        }
    }
}
