//! Texts: the one place where personal data is opened to be put into words.

use crate::engine::TenantOptions;
use crate::error::{CommandError, Done};
use crate::keys::{CASE_PLACE, CONTACT_PLACE, Keys};
use crate::library::language;
use crate::message::ObligorText;
use crate::types::PartyPlain;
use crate::vault::{DataKey, VaultError};
use jiff::Timestamp;
use recoup_compliance::pack::places_of_content;
use recoup_domain::contact::{Contact, ContactClass};
use recoup_domain::sealed::Sealed;
use recoup_domain::time::Window;
use recoup_domain::{Case, Party};
use recoup_store::StoredTemplate;
use serde::{Deserialize, Serialize};

/// Variables that texts may use, with what they hold.
pub const VARIABLES: [(&str, &str); 12] = [
    ("borrower_name", "name of the borrower"),
    ("lender_name", "name of the lender"),
    (
        "licence_number",
        "the lender's licence numbers for where the case or its borrower is; empty where it has none",
    ),
    ("case_ref", "the lender's reference of the loan"),
    (
        "overdue_amount",
        "what is overdue, with separators, such as 12,345.60",
    ),
    ("total_amount", "principal, interest and fees together"),
    ("currency", "ISO 4217 code of the amounts"),
    (
        "due_date",
        "due date of the oldest unpaid instalment, such as 2026-04-08",
    ),
    ("dpd", "days past due"),
    ("visit_date", "local day of the appointment"),
    (
        "visit_from",
        "local start of the appointment, such as 10:00",
    ),
    ("visit_to", "local end of the appointment"),
];

/// Variables that speak of the debt's amount: not for texts that others may read (a calendar).
const AMOUNTS: [&str; 3] = ["overdue_amount", "total_amount", "currency"];

/// What is sealed of a contact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Subject line.
    pub subject: String,
    /// The exact text.
    pub body: String,
    /// The number or address it went to.
    pub address: String,
    /// Name of the person, as the channel may show it.
    pub name: String,
    /// The provider's reference.
    #[serde(default)]
    pub provider_ref: String,
    /// What the channel wants back.
    #[serde(default)]
    pub state: Vec<u8>,
    /// What the channel or a reporter said of it.
    #[serde(default)]
    pub said: Vec<String>,
}

/// What is sealed of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CasePlain {
    /// The lender's reference of the loan.
    pub lender_ref: String,
}

/// What a text is made from.
pub(crate) struct Scene<'a> {
    pub(crate) case: &'a Case,
    pub(crate) party: &'a Party,
    pub(crate) plain: &'a PartyPlain,
    pub(crate) case_ref: &'a str,
    pub(crate) lender: &'a TenantOptions,
    pub(crate) effect: Window,
    pub(crate) now: Timestamp,
}

/// Checks a text before it is registered: it parses, uses declared variables alone, and those exist.
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
    let known: Vec<&str> = VARIABLES.iter().map(|(v, _)| *v).collect();
    if let Some(unknown) = declared.iter().find(|v| !known.contains(&v.as_str())) {
        let problem = format!(
            "there is no variable `{unknown}`; there are {}",
            known.join(", ")
        );
        return Err(fault(problem));
    }
    let env = language();
    for text in parts {
        measured(text).map_err(fault)?;
        let template = env
            .template_from_str(text)
            .map_err(|e| fault(e.to_string()))?;
        let mut used: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        used.sort();
        if let Some(missing) = used.iter().find(|v| !declared.contains(v)) {
            let problem = format!("the text uses `{missing}`, which is not among its variables");
            return Err(fault(problem));
        }
        if class == ContactClass::Visit
            && let Some(amount) = used.iter().find(|v| AMOUNTS.contains(&v.as_str()))
        {
            let problem = format!("a visit's text never holds amounts, it uses `{amount}`");
            return Err(fault(problem));
        }
    }
    Ok(())
}

/// The longest `{{ … }}` or `{% … %}` of a text, in characters, and how many of them it may have. The template
/// engine's parser goes down a level with each operator, filter and `.`, and a stack that ends takes the whole
/// process with it.
const BLOCK_MAX: usize = 200;
const BLOCKS_MAX: usize = 64;

/// Whether a text's blocks are few and short enough for the parser. The error says what would be right.
pub(crate) fn measured(text: &str) -> Result<(), String> {
    let mut rest = text;
    let mut blocks = 0;
    while let Some(start) = rest.find(['{']) {
        rest = &rest[start + 1..];
        let Some(end) = ["{", "%", "#"].iter().find(|c| rest.starts_with(**c)) else {
            continue;
        };
        let end = match *end {
            "{" => "}}",
            "%" => "%}",
            _ => "#}",
        };
        blocks += 1;
        let length = rest.find(end).unwrap_or(rest.len());
        if rest[..length].chars().count() > BLOCK_MAX {
            return Err(format!(
                "a block between braces is longer than {BLOCK_MAX} characters; name a variable, and leave \
                 the rest to whoever gives its value"
            ));
        }
        if blocks > BLOCKS_MAX {
            return Err(format!(
                "there are more than {BLOCKS_MAX} blocks between braces"
            ));
        }
        if end != "#}" {
            // The brace or percent sign that opens it is its first character.
            bounded(&rest[1..length.max(1)], end == "%}")?;
        }
        rest = &rest[length..];
    }
    Ok(())
}

/// The statements and filters that a text may use. The engine counts steps and not what a step takes: one that pads,
/// repeats, joins or keeps what it has made takes as much memory as it is asked for.
const STATEMENTS: [&str; 4] = ["if", "elif", "else", "endif"];
const FILTERS: [&str; 7] = [
    "capitalize",
    "d",
    "default",
    "lower",
    "title",
    "trim",
    "upper",
];
/// Signs by which a value may grow out of others, or be taken apart.
const GROWING: &str = "~*+[{";
/// Words that a parenthesis may follow.
const BEFORE_PARENTHESES: [&str; 7] = ["and", "elif", "if", "in", "is", "not", "or"];

/// Whether what stands between braces comes to no more than its own length and that of the variables it names.
fn bounded(block: &str, is_statement: bool) -> Result<(), String> {
    let block = block.trim_matches(|c: char| c.is_whitespace() || "-+".contains(c));
    let words = words_outside_quotes(block)?;
    if is_statement {
        let first = words.first().map_or("", |w| w.text);
        if !STATEMENTS.contains(&first) {
            return Err(format!(
                "`{{% {first} %}}` is not taken: a text fills in variables, and leaves parts out by `{{% if %}}`"
            ));
        }
    }
    for word in words {
        if word.is_filter && !FILTERS.contains(&word.text) {
            let filters = FILTERS.join(", ");
            return Err(format!(
                "the filter `{}` is not taken; there are {filters}",
                word.text
            ));
        }
        if word.is_called && !word.is_filter && !BEFORE_PARENTHESES.contains(&word.text) {
            return Err(format!(
                "`{}(…)` is not taken: a text calls no functions",
                word.text
            ));
        }
    }
    Ok(())
}

/// A word of a block.
struct Word<'t> {
    text: &'t str,
    /// It stands behind `|`.
    is_filter: bool,
    /// A parenthesis follows it.
    is_called: bool,
}

fn words_outside_quotes(block: &str) -> Result<Vec<Word<'_>>, String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let (mut words, mut rest, mut is_filter) = (Vec::new(), block, false);
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        if first == '"' || first == '\'' {
            // Without an end it is the parser's to say so.
            rest = after.split_once(first).map_or("", |(_, after)| after);
            is_filter = false;
        } else if is_part(first) {
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let (text, after) = rest.split_at(end);
            words.push(Word {
                text,
                is_filter,
                is_called: after.trim_start().starts_with('('),
            });
            (rest, is_filter) = (after, false);
        } else {
            if GROWING.contains(first) {
                return Err(format!(
                    "`{first}` between braces is not taken: name variables, and write the rest beside them"
                ));
            }
            if !first.is_whitespace() {
                is_filter = first == '|';
            }
            rest = after;
        }
    }
    Ok(words)
}

/// Puts a text to an obligor into words.
pub(crate) fn render(template: &StoredTemplate, scene: &Scene<'_>) -> Done<ObligorText> {
    let variables = minijinja::Value::from_pairs(variables(scene));
    let approved = template.approval.as_ref();
    Ok(ObligorText {
        subject: fill(template, &template.subject, &variables)?,
        body: fill(template, &template.body, &variables)?,
        approved_template: approved.map(|(_, id)| id.clone()).unwrap_or_default(),
    })
}

/// Fills in a text of a template. A variable that is not there is an error.
pub(crate) fn fill(
    template: &StoredTemplate,
    text: &str,
    variables: &minijinja::Value,
) -> Done<String> {
    let fault = |problem: String| CommandError::Template {
        name: format!("{}@{}", template.name, template.version),
        problem,
    };
    measured(text).map_err(fault)?;
    let filled = language().render_str(text, variables.clone());
    filled.map_err(|e| fault(e.to_string()))
}

pub(crate) fn variables(s: &Scene<'_>) -> [(&'static str, String); 12] {
    let zone = s.party.home_zone();
    let a = s.case.amounts;
    let total = a
        .principal
        .saturating_add(a.interest)
        .saturating_add(a.fees);
    let currency = s.case.currency.code();
    let clock = |at| zone.time(at).strftime("%H:%M").to_string();
    [
        ("borrower_name", s.plain.display_name.clone()),
        ("lender_name", s.lender.display_name.clone()),
        ("licence_number", licences(s)),
        ("case_ref", s.case_ref.to_owned()),
        ("overdue_amount", amount(a.overdue, currency)),
        ("total_amount", amount(total, currency)),
        ("currency", currency.to_owned()),
        (
            "due_date",
            s.case
                .oldest_unpaid_due
                .map_or_else(String::new, |d| d.to_string()),
        ),
        ("dpd", s.case.dpd(s.now, zone).to_string()),
        ("visit_date", zone.date(s.effect.from).to_string()),
        ("visit_from", clock(s.effect.from)),
        ("visit_to", clock(s.effect.to)),
    ]
}

fn licences(s: &Scene<'_>) -> String {
    let places = places_of_content(&s.case.jurisdiction, &s.party.regions);
    let all = s.lender.marks.licences.iter();
    let here = all.filter(|l| places.iter().any(|place| l.holds_in(place)));
    let numbers: Vec<&str> = here.map(|l| l.number.as_str()).collect();
    numbers.join(", ")
}

/// An amount as operators and callers read it, such as `CNY 1234.50`; messages to people have [`amount`].
#[must_use]
pub fn money(minor: i64, currency: &str) -> String {
    format!("{currency} {}", amount(minor, currency).replace(',', ""))
}

/// Minor units with the currency's decimals and separators.
#[must_use]
pub fn amount(minor: i64, currency: &str) -> String {
    let exponent = iso_currency::Currency::from_code(currency)
        .and_then(|c| c.exponent())
        .unwrap_or(2);
    let unit = 10_u64.pow(u32::from(exponent));
    let whole = (minor.unsigned_abs() / unit).to_string();
    let mut text = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if exponent > 0 {
        let rest = minor.unsigned_abs() % unit;
        text.push_str(&format!(".{rest:0width$}", width = usize::from(exponent)));
    }
    if minor < 0 { format!("-{text}") } else { text }
}

impl Content {
    pub(crate) fn seal(&self, key: &DataKey) -> Done<Sealed> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        Ok(key.seal(CONTACT_PLACE, &bytes)?)
    }

    /// What is sealed of a contact; of one that was never rendered, nothing.
    pub(crate) async fn of(contact: &Contact, keys: &Keys) -> Done<Self> {
        if contact.sealed.is_empty() {
            return Ok(Self::default());
        }
        let key = keys.of(contact.party).await?;
        let bytes = key.open(CONTACT_PLACE, &contact.sealed)?;
        serde_json::from_slice(&bytes)
            .map_err(|_| CommandError::Vault(VaultError::Forged(CONTACT_PLACE)))
    }
}

impl CasePlain {
    pub(crate) fn seal(&self, key: &DataKey) -> Done<Sealed> {
        Ok(key.seal(CASE_PLACE, &serde_json::to_vec(self).unwrap_or_default())?)
    }

    /// What is sealed of a case, under its borrower's key.
    pub(crate) async fn of(case: &Case, keys: &Keys) -> Done<Self> {
        let key = keys.of(case.borrower).await?;
        let bytes = key.open(CASE_PLACE, &case.sealed)?;
        serde_json::from_slice(&bytes)
            .map_err(|_| CommandError::Vault(VaultError::Forged(CASE_PLACE)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_separators_and_the_currencys_decimals() {
        for (minor, currency, text) in [
            (0, "CNY", "0.00"),
            (5, "CNY", "0.05"),
            (123_456, "CNY", "1,234.56"),
            (-100_000_000, "USD", "-1,000,000.00"),
            (1_234, "JPY", "1,234"),
            (1_234, "BHD", "1.234"),
        ] {
            assert_eq!(amount(minor, currency), text);
        }
    }

    fn checked(class: ContactClass, body: &str, declared: &[&str]) -> Result<(), String> {
        let declared: Vec<String> = declared.iter().map(|v| (*v).to_owned()).collect();
        check("t", class, ["", body], &declared).map_err(|e| e.to_string())
    }

    #[test]
    fn a_text_that_would_end_the_stack_or_the_day_is_refused() {
        let sms = ContactClass::Sms;
        let name = &["borrower_name"];
        for deep in [
            format!("{{{{ {}1 }}}}", "-".repeat(19_000)),
            format!("{{{{ {}1 }}}}", "not ".repeat(2_290)),
            format!("{{{{ borrower_name{} }}}}", "|upper".repeat(3_000)),
            format!("{{{{ borrower_name{} }}}}", ".a".repeat(9_000)),
            format!("{{% if {}1 %}}x{{% endif %}}", "1+".repeat(5_000)),
        ] {
            let said = checked(sms, &deep, name).expect_err("too deep");
            assert!(said.contains("longer than 200"), "{said}");
        }
        let many = "{{ borrower_name }}".repeat(65);
        let said = checked(sms, &many, name).expect_err("too many");
        assert!(said.contains("more than 64"), "{said}");
        assert_eq!(
            checked(sms, &"{{ borrower_name }} ".repeat(64), name),
            Ok(())
        );
        assert_eq!(checked(sms, &"{ not a block } ".repeat(500), &[]), Ok(()));
        // Eleven loops in one another, ten rounds each.
        let round = "{% for x in [0,1,2,3,4,5,6,7,8,9] %}";
        let endless = format!("{}x{}", round.repeat(11), "{% endfor %}".repeat(11));
        let said = language()
            .render_str(&endless, ())
            .expect_err("out of fuel");
        assert_eq!(said.kind(), minijinja::ErrorKind::OutOfFuel, "{said}");
    }

    #[test]
    fn no_text_can_grow_beyond_what_it_names() {
        let name = &["borrower_name", "dpd"][..];
        for (grows, says) in [
            (
                "{{ borrower_name|indent(10000000000000) }}",
                "the filter `indent`",
            ),
            ("{{ borrower_name | center(9) }}", "the filter `center`"),
            ("{% set a = borrower_name %}{{ a }}", "`{% set %}`"),
            ("{%- set a = borrower_name -%}", "`{% set %}`"),
            ("{%for x in borrower_name%}x{%endfor%}", "`{% for %}`"),
            ("{% macro m() %}{% endmacro %}", "`{% macro %}`"),
            ("{% filter upper %}x{% endfilter %}", "`{% filter %}`"),
            ("{{ borrower_name ~ borrower_name }}", "`~`"),
            ("{{ borrower_name * 1000000000 }}", "`*`"),
            ("{{ borrower_name + borrower_name }}", "`+`"),
            ("{{ range(1000000000) }}", "`range(…)`"),
            ("{{ [1, 2]|join }}", "`[`"),
            (
                "{{ borrower_name|replace('', 'xxxxxxxx') }}",
                "the filter `replace`",
            ),
            ("{% if range(9) %}x{% endif %}", "`range(…)`"),
            ("{{ 'it''s'|indent(9) }}", "the filter `indent`"),
        ] {
            let said = checked(ContactClass::Sms, grows, name).expect_err(grows);
            assert!(said.contains(says), "{grows}: {said}");
            assert!(
                measured(grows).is_err(),
                "one that is stored already is not filled in"
            );
        }
        for plain in [
            "{{ borrower_name|upper|trim }} {{ borrower_name | default('~ * [') }}",
            "{% if dpd and (not borrower_name) %}a{% elif borrower_name is defined %}b{% else %}c{% endif %}",
            "{%- if dpd == '10' -%}{{- borrower_name -}}{%- endif -%}",
            "{# set, for and indent(9) in a comment #}",
        ] {
            assert_eq!(checked(ContactClass::Sms, plain, name), Ok(()), "{plain}");
        }
    }

    #[test]
    fn texts_are_checked_before_they_are_registered() {
        let sms = ContactClass::Sms;
        assert_eq!(
            checked(sms, "{{ borrower_name }}", &["borrower_name"]),
            Ok(())
        );
        for (body, declared, says) in [
            ("{{ borrower_name }}", &[][..], "not among its variables"),
            ("{{ x }}", &["x"][..], "there is no variable `x`"),
            ("{{ dpd", &["dpd"][..], "syntax error"),
        ] {
            let error = checked(sms, body, declared).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        let visit = checked(ContactClass::Visit, "{{ total_amount }}", &["total_amount"]);
        assert!(visit.unwrap_err().contains("never holds amounts"));
    }
}
