//! Texts to people who owe nothing. They are made from a scene of their own, which has nothing of a case: no amount,
//! no date, no reference, no product. Their words are looked over when a template is registered, and once more when
//! they are filled in, because a name may hold anything.

use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::library::language;
use crate::render::{CasePlain, amount, measured};
use crate::types::PartyPlain;
use recoup_channel::wire::ThirdPartyMessage;
use recoup_compliance::Unsayable;
use recoup_domain::contact::ContactClass;
use recoup_domain::{Case, Party};
use recoup_store::{Facts, StoredTemplate};

/// Variables that texts to third parties may use, with what they hold. There are no others for them.
pub const VARIABLES: [(&str, &str); 3] = [
    ("person_name", "name of the person who is contacted"),
    ("borrower_name", "name of the person who is looked for"),
    (
        "institution_name",
        "name of the lender; refused where law lets it be told only to who asks",
    ),
];

/// What a text to a third party is made from.
struct Scene<'a> {
    person_name: &'a str,
    borrower_name: &'a str,
    institution_name: &'a str,
}

/// A text to a third party. Only [`say`] makes one.
pub(crate) struct ThirdPartyText {
    subject: String,
    body: String,
}

impl ThirdPartyText {
    pub(crate) fn subject(&self) -> &str {
        &self.subject
    }

    pub(crate) fn body(&self) -> &str {
        &self.body
    }
}

impl From<&ThirdPartyText> for ThirdPartyMessage {
    fn from(text: &ThirdPartyText) -> Self {
        Self {
            subject: text.subject.clone(),
            body: text.body.clone(),
        }
    }
}

/// Checks a text before it is registered: its blocks are variables of this set alone, all of them declared, and what
/// stands around them says nothing of a debt.
pub(crate) fn check(
    name: &str,
    class: ContactClass,
    parts: [&str; 2],
    declared: &[String],
) -> Done<()> {
    let fault = |problem: String| CommandError::Template {
        name: name.to_owned(),
        problem,
    };
    if matches!(class, ContactClass::Visit | ContactClass::Legal) {
        let problem = format!(
            "nobody but an obligor gets a contact by {class}; third parties have sms, phone and email"
        );
        return Err(fault(problem));
    }
    let known = |v: &str| VARIABLES.iter().any(|(own, _)| *own == v);
    let all = VARIABLES.map(|(v, _)| v).join(", ");
    if let Some(unknown) = declared.iter().find(|v| !known(v)) {
        let problem = format!("a text for third parties has no variable `{unknown}`; it has {all}");
        return Err(fault(problem));
    }
    for text in parts {
        measured(text).map_err(fault)?;
        let (literal, used) = taken_apart(text).map_err(fault)?;
        if let Some(missing) = used.iter().find(|v| !declared.contains(v)) {
            let problem = match known(missing) {
                true => format!("the text uses `{missing}`, which is not among its variables"),
                false => {
                    format!("a text for third parties has no variable `{missing}`; it has {all}")
                }
            };
            return Err(fault(problem));
        }
        if let Some(found) = Unsayable::builtin().found_in(&literal) {
            let problem = format!(
                "a third party must not read {found}; say who calls and that {{{{ borrower_name }}}} is to call back"
            );
            return Err(fault(problem));
        }
    }
    Ok(())
}

/// The text around the blocks, and the variables in them. A block is `{{ name }}` and nothing else.
fn taken_apart(text: &str) -> Result<(String, Vec<String>), String> {
    let whole = "a text for third parties has `{{ variable }}` alone between braces: no tags, comments, filters or \
                 expressions";
    let mut literal = String::new();
    let mut used = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        literal.push_str(&rest[..start]);
        rest = &rest[start..];
        let Some(block) = rest.strip_prefix("{{") else {
            if rest.starts_with("{%") || rest.starts_with("{#") {
                return Err(whole.to_owned());
            }
            literal.push('{');
            rest = &rest[1..];
            continue;
        };
        let (name, after) = block.split_once("}}").ok_or("a `{{` is not closed")?;
        let name = name.trim();
        let plain = |b: u8| b.is_ascii_lowercase() || b == b'_';
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(whole.to_owned());
        }
        used.push(name.to_owned());
        literal.push('\u{0}');
        rest = after;
    }
    literal.push_str(rest);
    Ok((literal, used))
}

/// Puts a text to a third party into words, and reads it once more as the person will.
fn say(template: &StoredTemplate, scene: &Scene<'_>) -> Done<ThirdPartyText> {
    let env = language();
    let variables = minijinja::Value::from_pairs([
        ("person_name", scene.person_name),
        ("borrower_name", scene.borrower_name),
        ("institution_name", scene.institution_name),
    ]);
    let fill = |text: &str| {
        let fault = |problem: String| CommandError::Template {
            name: format!("{}@{}", template.name, template.version),
            problem,
        };
        taken_apart(text).map_err(fault)?;
        let filled = env.render_str(text, &variables);
        filled.map_err(|e| fault(e.to_string()))
    };
    let text = ThirdPartyText {
        subject: fill(&template.subject)?,
        body: fill(&template.body)?,
    };
    for part in [&text.subject, &text.body] {
        if let Some(found) = Unsayable::builtin().found_in(part) {
            let problem = format!("as filled in it has {found}; look at the names it is made with");
            return Err(unsayable(template, problem));
        }
    }
    Ok(text)
}

/// As [`say`], of the names of the person, the borrower and the institution.
pub(crate) fn say_of(template: &StoredTemplate, names: [&str; 3]) -> Done<ThirdPartyText> {
    let [person_name, borrower_name, institution_name] = names;
    let scene = Scene {
        person_name,
        borrower_name,
        institution_name,
    };
    say(template, &scene)
}

fn unsayable(template: &StoredTemplate, problem: String) -> CommandError {
    CommandError::Unsayable {
        name: format!("{}@{}", template.name, template.version),
        problem,
    }
}

impl Engine {
    /// What is said to somebody who owes nothing. The text is made without the case; the case is then asked whether
    /// anything of it is in there all the same.
    pub(crate) async fn third_party_words(
        &self,
        facts: &Facts,
        person: &Party,
        plain: &PartyPlain,
        template: &StoredTemplate,
    ) -> Done<ThirdPartyText> {
        let borrower = self.0.keys.plain(&facts.borrower).await?;
        let institution_name = &self.tenant(&facts.case.tenant)?.display_name;
        let scene = Scene {
            person_name: &plain.display_name,
            borrower_name: &borrower.display_name,
            institution_name,
        };
        let text = say(template, &scene)?;
        let said = [text.subject.as_str(), text.body.as_str()];
        let regions = std::iter::once(&facts.case.jurisdiction).chain(&person.regions);
        let words = Unsayable::builtin();
        let withheld = regions
            .filter_map(|r| words.withholds_institution(r))
            .next();
        if let Some(rule) = withheld
            && said.iter().any(|t| Unsayable::names(t, institution_name))
        {
            let problem = format!(
                "it names the institution, which {} ({}) leaves to who asks for it",
                rule.id, rule.citation
            );
            return Err(unsayable(template, problem));
        }
        let own = CasePlain::of(&facts.case, &self.0.keys).await?;
        if let Some(what) = told_of(&facts.case, &own, &borrower, said) {
            let problem = format!("as filled in it has {what} of the case");
            return Err(unsayable(template, problem));
        }
        Ok(text)
    }
}

/// What of a case stands in a text, by its name: never the value.
fn told_of(
    case: &Case,
    own: &CasePlain,
    borrower: &PartyPlain,
    said: [&str; 2],
) -> Option<&'static str> {
    /// References shorter than this are found in any text.
    const LEAST: usize = 3;
    /// The same of those that are a number, as house numbers and parts of telephone numbers are.
    const LEAST_DIGITS: usize = 5;
    let named = |value: &str| {
        let is_number = value.bytes().all(|b| b.is_ascii_digit());
        let least = if is_number { LEAST_DIGITS } else { LEAST };
        value.chars().count() >= least && said.iter().any(|t| Unsayable::names(t, value))
    };
    if case.product.as_deref().is_some_and(named) {
        return Some("the product");
    }
    if named(&own.lender_ref) || named(&borrower.lender_ref) {
        return Some("a reference");
    }
    let a = case.amounts;
    let total = a
        .principal
        .saturating_add(a.interest)
        .saturating_add(a.fees);
    let amounts = [a.principal, a.interest, a.fees, a.overdue, total];
    let amounts = amounts.into_iter().filter(|minor| *minor > 0);
    let mut amounts = amounts.map(|minor| amount(minor, case.currency.code()).replace(',', ""));
    let is_in = |value: &String| {
        let whole = value.strip_suffix(".00").unwrap_or(value);
        said.iter()
            .flat_map(|t| numbers(t))
            .any(|n| n == *value || (whole.len() > LEAST && n == whole))
    };
    amounts
        .any(|value| value.len() > LEAST && is_in(&value))
        .then_some("an amount")
}

/// The numbers of a text as they are written, without separators of thousands.
fn numbers(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !(c.is_ascii_digit() || c == ',' || c == '.'));
    let parts = parts.map(|p| p.trim_matches(['.', ',']).replace(',', ""));
    parts.filter(|p| !p.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use recoup_domain::contact::Reader;
    use recoup_domain::ids::TenantId;

    fn checked(body: &str, declared: &[&str]) -> Result<(), String> {
        let declared: Vec<String> = declared.iter().map(|v| (*v).to_owned()).collect();
        let done = check("t", ContactClass::Sms, ["", body], &declared);
        done.map_err(|e| e.to_string())
    }

    fn template(body: &str) -> StoredTemplate {
        StoredTemplate {
            tenant: TenantId::new("lender").expect("an id"),
            name: "ask".to_owned(),
            version: 1,
            class: ContactClass::Sms,
            locale: "en".to_owned(),
            subject: String::new(),
            body: body.to_owned(),
            variables: Vec::new(),
            reader: Reader::ThirdParty,
            regions: Vec::new(),
            lender_kinds: Vec::new(),
            approval: None,
            author: "ana".to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn no_variable_of_the_debt_exists_for_a_third_party() {
        let names = &["borrower_name", "person_name"];
        let good = "Dear {{ person_name }}, please ask {{borrower_name}} to call us.";
        assert_eq!(checked(good, names), Ok(()));
        for (v, _) in crate::render::VARIABLES {
            if VARIABLES.iter().any(|(own, _)| *own == v) {
                continue;
            }
            let said = checked(&format!("{{{{ {v} }}}}"), &[v]).expect_err(v);
            assert!(said.contains("has no variable"), "{said}");
            // Not declared, it is refused as well.
            let said = checked(&format!("{{{{ {v} }}}}"), &[]).expect_err(v);
            assert!(said.contains("has no variable"), "{said}");
        }
    }

    #[test]
    fn its_literal_text_says_nothing_of_a_debt() {
        for (body, says) in [
            ("Your friend is overdue.", "overdue"),
            ("请转告他还款", "还款"),
            ("Call about $ 600", "amount of money"),
            ("{{ borrower_name }} owes us", "owes"),
            ("{% if 1 %}x{% endif %}", "alone between braces"),
            ("{{ borrower_name|upper }}", "alone between braces"),
            ("{{ 'de' ~ 'bt' }}", "`~` between braces"),
            ("{# debt #}", "alone between braces"),
            ("{{ borrower_name", "not closed"),
        ] {
            let said = checked(body, &["borrower_name"]).expect_err(body);
            assert!(said.contains(says), "{body}: {said}");
        }
        for class in [ContactClass::Visit, ContactClass::Legal] {
            assert!(check("t", class, ["", "Hello"], &[]).is_err(), "{class}");
        }
    }

    #[test]
    fn a_name_that_tells_of_a_debt_is_held_back() {
        let scene = |name| Scene {
            person_name: name,
            borrower_name: "Chen Wei",
            institution_name: "Demo",
        };
        let template = template("{{ person_name }}, ask {{ borrower_name }} to call.");
        let said = say(&template, &scene("Li Na")).expect("a text");
        assert_eq!(said.body(), "Li Na, ask Chen Wei to call.");
        for name in ["Li (owes 600)", "李娜 欠款人", "Debt desk", "Li ¥600"] {
            let error = say(&template, &scene(name)).err().expect("held back");
            assert!(matches!(error, CommandError::Unsayable { .. }), "{error}");
            // The record of it is no leak of its own.
            assert!(!error.to_string().contains("Li"), "{error}");
        }
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        let said = numbers("call +1 202 555, or pay 12,345.60. now 600,");
        assert_eq!(said, ["1", "202", "555", "12345.60", "600"]);
    }
}
