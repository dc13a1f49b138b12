//! docs/law/<pack>.md is made from the packs. Stale files fail; `RECOUP_BLESS=1` writes them.

use jiff::civil::Date;
use recoup_compliance::pack::Pack;
use recoup_compliance::{Calendar, Confidence, Duty, Packs, Rule};
use recoup_domain::case::LenderKind;
use recoup_domain::contact::Reader;
use std::fmt::Write as _;
use std::path::PathBuf;

const NO_ADVICE: &str = "Packs are software, not legal advice. They say what was read, where, when, and how \
                         sure that is; counsel decides what binds you.";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/law")
}

/// How sure the listed rules are says nothing of what is not listed.
const NOT_ALL: &str = "The rules listed are not all there are: what was found and is not checked here stands under \
                       *What is not checked*; what nobody looked for stands nowhere, and is counsel's to find.\n";

/// The text of one line, fit for a cell of a table.
fn cell(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|")
}

fn list(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

fn dates(from: Option<Date>, to: Option<Date>) -> String {
    match (from, to) {
        (None, None) => "always".to_owned(),
        (Some(from), None) => format!("from {from}"),
        (None, Some(to)) => format!("to {to}"),
        (Some(from), Some(to)) => format!("{from} to {to}"),
    }
}

fn binds(rule: &Rule) -> String {
    let mut binds = list(rule.channels().map(|c| c.to_string()));
    if rule.audiences().count() < 3 {
        let whom = list(rule.audiences().map(|a| a.name().replace('_', " ")));
        let _ = write!(binds, "; with {whom}");
    }
    if rule.lender_kinds().count() < 4 {
        let lenders = list(rule.lender_kinds().map(|k| k.name().replace('_', " ")));
        let _ = write!(binds, "; by {lenders}");
    }
    binds
}

const fn sure(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::V1 => "V1",
        Confidence::V2 => "V2",
        Confidence::M => "**M**",
        Confidence::House => "house",
    }
}

fn row(rule: &Rule) -> String {
    let excepted: Vec<String> = rule.exceptions().collect();
    let mut text = cell(rule.text());
    if !excepted.is_empty() {
        let _ = write!(text, "<br>Not for: {}.", cell(&excepted.join("; ")));
    }
    let cited = format!("{} (looked up {})", cell(rule.citation()), rule.cited());
    let off = rule.off_because().map_or("", |_| " **off**");
    format!(
        "| `{}`{off} | {text} | {} | {}, {} | {} per {} | {} | {cited} | {} |\n",
        rule.id(),
        binds(rule),
        rule.layer().name(),
        rule.severity().name(),
        rule.shape(),
        rule.scope().name(),
        dates(rule.effective_from(), rule.effective_to()),
        sure(rule.confidence()),
    )
}

fn page(pack: &Pack) -> String {
    let mut out = format!("# {}\n", pack.title());
    let _ = writeln!(
        out,
        "Made from `crates/compliance/packs/{}.yaml`; do not edit.\n\n**{NO_ADVICE}**\n",
        pack.id()
    );
    let regions = pack.regions().join(", ").replace('*', "every place");
    let _ = writeln!(out, "Binds in: {regions}.");
    out.push_str(&beside(pack));
    if pack.is_overlay() {
        out.push_str("\nIt binds beside the law of the place and does not make the place known.\n");
    }
    if let Some(why) = pack.off_because() {
        let _ = writeln!(out, "\n**This pack ships off:** {}", cell(why));
    }
    out.push_str(
        "\n## Rules\n| rule | what it says | binds | layer, severity | shape | in force | citation | \
         sure |\n|---|---|---|---|---|---|---|---|\n",
    );
    out.extend(pack.rules().iter().map(|r| row(r)));
    off_rules(pack, &mut out);
    content(pack, &mut out);
    not_confirmed(pack, &mut out);
    unchecked(pack, &mut out);
    out
}

/// The packs that bind wherever this one does, and those that bind in a part of it.
fn beside(pack: &Pack) -> String {
    let all = Packs::builtin().packs();
    let others = || all.iter().filter(|other| other.id() != pack.id());
    let link = |other: &Pack| format!("[{id}]({id}.md)", id = other.id());
    let around = others().filter(|other| pack.regions().iter().all(|r| lies_in(r, other)));
    let parts = others().filter(|other| other.regions().iter().all(|r| lies_in(r, pack)));
    let parts = parts.filter(|_| !pack.regions().iter().any(|r| r == "*"));
    let (around, parts) = (list(around.map(link)), list(parts.map(link)));
    let mut out = String::new();
    if !around.is_empty() {
        let _ = writeln!(
            out,
            "\n**Binds beside it: {around}.** A contact must be permitted by all of them; the strictest wins."
        );
    }
    if !parts.is_empty() {
        let _ = writeln!(out, "\nIn parts of it also: {parts}.");
    }
    out
}

fn lies_in(region: &str, pack: &Pack) -> bool {
    let mut around = pack.regions().iter();
    around.any(|r| r == "*" || r == region || region.starts_with(&format!("{r}-")))
}

fn off_rules(pack: &Pack, out: &mut String) {
    let off: Vec<_> = pack
        .rules()
        .iter()
        .filter_map(|r| Some((r.id(), r.off_because()?)))
        .collect();
    if off.is_empty() {
        return;
    }
    out.push_str("\n## Ships off\n");
    for (id, why) in off {
        let _ = writeln!(out, "- `{id}`: {}", cell(why));
    }
}

/// What messages must say.
fn content(pack: &Pack, out: &mut String) {
    if pack.content().is_empty() {
        return;
    }
    out.push_str(
        "\n## What messages must say\nChecked when a template is registered, and again over each message as it \
         goes: [how](../decisions/content-duties.md).\n\n| duty | what it says | a message | binds | severity | in \
         force | citation | sure |\n|---|---|---|---|---|---|---|---|\n",
    );
    for duty in pack.content() {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} | {} | {} | {} (looked up {}) | {} |",
            duty.id(),
            cell(duty.text()),
            cell(&duty.demand().in_words()),
            bound_messages(duty),
            duty.severity().name(),
            dates(duty.effective_from(), duty.effective_to()),
            cell(duty.citation()),
            duty.cited(),
            sure(duty.confidence()),
        );
    }
}

fn bound_messages(duty: &Duty) -> String {
    let which = duty.message().name();
    let mut binds = format!("{which} {}", list(duty.channels().map(|c| c.to_string())));
    let readers: Vec<Reader> = duty.readers().collect();
    if let [only] = readers[..] {
        let whom = match only {
            Reader::Obligor => "who owes the debt",
            Reader::ThirdParty => "who owes nothing",
        };
        let _ = write!(binds, "; to {whom}");
    }
    let kinds = [
        LenderKind::FirstParty,
        LenderKind::Agency,
        LenderKind::MicroloanCompany,
        LenderKind::Bank,
    ];
    let own = kinds.into_iter().filter(|kind| duty.binds_lender(*kind));
    if own.clone().count() < kinds.len() {
        let lenders = list(own.map(|kind| kind.name().replace('_', " ")));
        let _ = write!(binds, "; by {lenders}");
    }
    binds
}

fn not_confirmed(pack: &Pack, out: &mut String) {
    let of = |wanted: Confidence| {
        let rules = pack.rules().iter();
        let rules = rules.filter(move |r| r.confidence() == wanted);
        let duties = pack.content().iter();
        let duties = duties.filter(move |d| d.confidence() == wanted);
        let ids = rules.map(|r| r.id()).chain(duties.map(|d| d.id()));
        list(ids.map(|id| format!("`{id}`")))
    };
    out.push_str("\n## What is not confirmed\n");
    let (memory, summary) = (of(Confidence::M), of(Confidence::V2));
    if memory.is_empty() && summary.is_empty() {
        out.push_str(
            "Every rule listed above was read in an official text, or is the house's own.\n",
        );
    }
    out.push_str(NOT_ALL);
    if !memory.is_empty() {
        let _ = writeln!(
            out,
            "- From memory, to be checked against a text before use: {memory}"
        );
    }
    if !summary.is_empty() {
        let _ = writeln!(
            out,
            "- From a faithful summary, not from the text: {summary}"
        );
    }
}

fn unchecked(pack: &Pack, out: &mut String) {
    if pack.unchecked().is_empty() {
        return;
    }
    out.push_str(
        "\n## What is not checked\n| id | what the text asks for | left to | citation | sure |\n\
         |---|---|---|---|---|\n",
    );
    for u in pack.unchecked() {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} | {} |",
            u.id,
            cell(&u.text),
            cell(&u.left_to),
            cell(&u.citation),
            sure(u.confidence)
        );
    }
}

/// The page that leads to the others.
fn index() -> String {
    let mut out = format!(
        "# The law in the packs\nMade from `crates/compliance/packs` and `calendars`; do not edit.\n\n\
         **{NO_ADVICE}**\n\n\
         A contact is permitted where every rule that binds it permits, and goes where its text does every duty of \
         content. *Sure*: V1, the official text was \
         read; V2, a faithful summary was read; **M**, from memory; house, a rule of our own. *Layer* tells \
         law from a standard, a guide, what members do of their own will, and a draft. What ships off binds \
         nobody until the operator switches it on.\n\n\
         | pack | what | binds in | rules | of them off | of content | not checked |\n|---|---|---|---|---|---|---|\n"
    );
    for pack in Packs::builtin().packs() {
        let off = pack.rules().iter().filter(|r| r.off_because().is_some());
        let off = match pack.off_because() {
            Some(_) => "all".to_owned(),
            None => off.count().to_string(),
        };
        let regions = match pack.regions() {
            many if many.len() > 4 => format!("{} regions", many.len()),
            few => few.join(", ").replace('*', "every place"),
        };
        let _ = writeln!(
            out,
            "| [{id}]({id}.md) | {} | {regions} | {} | {off} | {} | {} |",
            cell(pack.title()),
            pack.rules().len(),
            pack.content().len(),
            pack.unchecked().len(),
            id = pack.id(),
        );
    }
    out.push_str(COLUMNS);
    calendars(&mut out);
    out.push_str(MEANING);
    out
}

fn calendars(out: &mut String) {
    out.push_str(
        "\n## Calendars\nA year that a calendar lacks is closed for every rule that needs it: the gate denies and \
         names file and year. A step that hangs on it is not passed over: it is asked again each day, and the case \
         stands on the worklist until the year is there.\n\n| file | year | holidays | worked weekends | source |\n|---|---|---|---|---|\n",
    );
    for calendar in Calendar::builtin() {
        for year in calendar.years() {
            let _ = writeln!(
                out,
                "| `{}` | {} | {} | {} | {} |",
                calendar.file(),
                year.year(),
                year.holidays().len(),
                year.working().len(),
                cell(year.source())
            );
        }
    }
}

/// What the columns of a page mean.
const COLUMNS: &str = r"
## How to read a page
A page lists one pack. The packs of the country around it and the house bind beside it (each page names them): what
binds a person in Boston stands in us-ma, in us-fed and in house.

*Severity* says what a person may do about a denial; all three deny.

| severity | means | can be lifted |
|---|---|---|
| hard | forbidden | by nobody; the rule itself may name exceptions |
| presumption | the law presumes a violation, and a good reason would rebut it | by two persons of compliance, with a reason and an end, on record: [overrides](../decisions/overrides.md) |
| advisory | the text, or the house, advises against it | by nobody; a rule that ships off can be left off |

*Shape* is how the rule looks at the past and the clock, and behind *per* what it counts or stops by:

| word | means |
|---|---|
| per debt | each debt by itself: a stop for one leaves the others, and each has a count of its own |
| per person | the person over all debts at this lender |
| per number | one telephone number or address; another of the same person is not touched |
| `daily_window`, `interval_ban` | hours in which contact is allowed, or times in which it is not |
| `calendar_day`, `rolling_days`, `rolling_hours`, `nested_periods`, `lifetime` | at most so many on one day, in so many days or hours, in several periods at once, ever |
| `cool_down` | none for so many days after something happened, such as a conversation |
| `state_flag` | none as long as a fact stands: an opt-out, a cease, an attorney, a death, a dispute |
| `third_party` | who else may be contacted, and what for |
| `prior_contact`, `consented`, `duty` | only after another contact, with a consent, or when something is ready |
| `pause` | none on some days, or in a person's moratorium |
";

/// Decided once for all packs; tests/semantics.rs of the crate holds a test of each, by number.
const MEANING: &str = r"
## What was decided
1. Zones are a set of candidates; a contact is permitted only if it is in all; the person's own word collapses it.
2. Where the hours of all zones have nothing in common: denied, no earliest instant, `NO_COMMON_WINDOW`, for a person.
3. Days are local calendar days; the day of a conversation or consent is the first. 168 hours are an option.
4. Days are read in the first zone.
5. Hours are wall-clock. A time that does not exist maps forward; a repeated one closes at its earlier and opens at
   its later instant.
6. Days are added by the calendar, never as 86,400 seconds.
7. What is under way counts, each rule names the outcomes it counts, and nothing is given back.
8. Each dial is a call, each text sent again a text; it counts when it was sent.
9. An unknown outcome counts as a call, and holds back as a conversation would until it is settled.
10. Voicemail counts for some rules and not for others.
11. A call that somebody else answered is a call and no conversation; their refusal is for good.
12. A wrong number is stopped at once and lifts no cap.
13. A contact about several debts counts for each; China, Vietnam and Russia count the person.
14. Rights travel with the file; imported history counts.
15. A consent has a kind, a scope, a time and an end; one got in a forbidden contact is void from its receipt.
16. An opt-out is kept at its narrowest scope; from 2027-01-31 one by call or text is read at the widest.
17. Holidays matter for Indonesia, São Paulo and Russia (and Taiwan's pause, by its dates); elsewhere not.
18. The second counts; a contact must begin inside, and what is known to last must fit as a whole.
19. A permit lapses where the answer could change, and after a day at the latest; sending asks the gate again.
";

/// Pages about the gate that are not made from packs.
const WRITTEN_BY_HAND: [&str; 2] = ["checker.md", "mutants.md"];

#[test]
fn the_pages_of_the_law_are_fresh() {
    let mut pages = vec![("README.md".to_owned(), index())];
    let packs = Packs::builtin().packs().iter();
    pages.extend(packs.map(|p| (format!("{}.md", p.id()), page(p))));
    let bless = std::env::var_os("RECOUP_BLESS").is_some_and(|v| v == "1");
    if bless {
        std::fs::create_dir_all(folder()).unwrap();
    }
    let mut stale = Vec::new();
    for (name, text) in &pages {
        let path = folder().join(name);
        if bless {
            std::fs::write(&path, text).unwrap();
        } else if std::fs::read_to_string(&path).ok().as_ref() != Some(text) {
            stale.push(format!("docs/law/{name}"));
        }
    }
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if WRITTEN_BY_HAND.contains(&&*name) {
            continue;
        }
        if !pages.iter().any(|(page, _)| *page == name) {
            stale.push(format!("docs/law/{name}, which no pack has"));
        }
    }
    let how = "write them with RECOUP_BLESS=1 cargo test -p recoup-compliance --test law_docs";
    assert!(stale.is_empty(), "stale: {}; {how}", stale.join(", "));
}

#[test]
fn every_page_says_that_it_is_no_advice_and_holds_every_rule() {
    for pack in Packs::builtin().packs() {
        let page = page(pack);
        assert!(page.contains(NO_ADVICE));
        let rows = page.lines().filter(|l| l.starts_with("| `"));
        let entries = pack.rules().len() + pack.content().len() + pack.unchecked().len();
        assert_eq!(rows.count(), entries);
        assert!(
            pack.rules().iter().all(|r| page.contains(r.citation())),
            "{}",
            pack.id()
        );
    }
    // A rule binds some kind of lender, or none would have written it.
    for rule in Packs::builtin().rules() {
        assert!(rule.lender_kinds().any(|k| k != LenderKind::FirstParty));
    }
}
