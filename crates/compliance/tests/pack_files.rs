//! Packs from files: what takes whose place, every fault at once, and what differs between two sets of packs.

use recoup_compliance::difference::{Change, EntryDifference};
use recoup_compliance::{Difference, Packs};
use recoup_domain::case::LenderKind;

const OWN: &str = r#"pack: xx
title: Test
regions: [XX]
rules:
  - id: XX-ONE
    text: Contact in the daytime.
    citation: none
    cited: 2026-01-01
    severity: hard
    confidence: M
    scope: person
    channels: [sms]
    rule:
      daily_window:
        hours: [{open: "08:00", close: "20:00"}]
  - id: XX-TWO
    text: Once a day.
    citation: none
    cited: 2026-01-01
    severity: presumption
    confidence: V2
    scope: debt
    channels: [sms]
    rule:
      calendar_day:
        max: 1
        count: {channels: [sms], direction: outbound, outcomes: [delivered, unknown]}
unchecked:
  - id: XX-WORDS
    text: Be polite.
    citation: none
    confidence: M
    left_to: whoever writes
"#;

fn text(pack: &str) -> String {
    Packs::builtin().text_of(pack).unwrap().to_owned()
}

fn with(files: &[(&str, &str)]) -> Packs {
    Packs::builtin().with_files(files).unwrap()
}

/// The built-in pack with something else written in it.
fn edited(pack: &str, from: &str, to: &str) -> Packs {
    let own = text(pack);
    assert!(own.contains(from), "{pack} has no `{from}`");
    with(&[("f.yaml", &own.replace(from, to))])
}

fn rules(difference: &Difference) -> Vec<(&str, Change)> {
    let rules = difference.rules.iter();
    rules.map(|r| (r.id.as_str(), r.change)).collect()
}

fn parts<R>(entry: &EntryDifference<R>) -> Vec<(&str, Option<&str>, Option<&str>)> {
    let parts = entry.parts.iter();
    parts
        .map(|p| (p.path.as_str(), p.before.as_deref(), p.after.as_deref()))
        .collect()
}

#[test]
fn a_file_takes_the_place_of_the_pack_of_its_id_and_another_stands_before_the_house() {
    let own = text("cn").replace("\"22:00\"", "\"21:00\"");
    let packs = with(&[("law/cn-2027.yaml", &own), ("xx.yaml", OWN)]);
    let ids: Vec<&str> = packs.packs().iter().map(|p| p.id()).collect();
    let mut expected: Vec<&str> = Packs::builtin().packs().iter().map(|p| p.id()).collect();
    expected.insert(expected.len() - 1, "xx");
    assert_eq!(ids, expected);
    assert_eq!(packs.file_of("cn"), Some("law/cn-2027.yaml"));
    assert_eq!(packs.file_of("tw"), None);
    assert_eq!(packs.text_of("cn"), Some(own.as_str()));
    let bound = packs.bind("XX", &[], LenderKind::Bank).unwrap();
    assert_eq!(bound.rules()[0].id(), "XX-ONE");
    assert_eq!(bound.rules().last().unwrap().pack(), "house");
    // Once more the built-in one, for whoever goes back.
    let back = packs.with_files(&[("b.yaml", &text("cn"))]).unwrap();
    assert_eq!(
        rules(&Difference::between(Packs::builtin(), &back)).len(),
        2
    );
    assert_eq!(back.file_of("xx"), Some("xx.yaml"));
}

#[test]
fn the_hash_is_that_of_the_texts_and_of_what_is_on() {
    let builtin = Packs::builtin();
    let same = with(&[("somewhere/else.yaml", &text("cn"))]);
    assert_eq!(same.hash(), builtin.hash());
    assert!(Difference::between(builtin, &same).is_empty());
    let comment = with(&[("cn.yaml", &format!("# read again\n{}", text("cn")))]);
    assert_ne!(comment.hash(), builtin.hash());
    assert!(Difference::between(builtin, &comment).is_empty());
    let (one, two) = (with(&[("a.yaml", OWN)]), with(&[("b.yaml", OWN)]));
    assert_eq!(one.hash(), two.hash());
    let (off, _) = builtin.off().next().unwrap();
    let on = same.with_enabled(&[off]).unwrap();
    assert_eq!(on.enabled(), [off.to_owned()]);
    assert_ne!(on.hash(), same.hash());
    assert_eq!(on.hash(), builtin.with_enabled(&[off]).unwrap().hash());
}

#[test]
fn every_fault_of_every_file_comes_back_with_file_line_and_rule() {
    let bad = OWN
        .replace("severity: hard", "severity: harsh")
        .replace("max: 1", "max: many")
        .replace("left_to: whoever writes", "left_for: whoever writes");
    let other = text("tw").replace("pack: tw", "pack: yy").replace(
        "    text: Only debtor and guarantor",
        "    text: \"\"\n    remark: Only debtor and guarantor",
    );
    let faults = Packs::builtin()
        .with_files(&[("bad.yaml", &bad), ("other.yaml", &other)])
        .unwrap_err();
    let told: Vec<(&str, Option<u64>, Option<&str>)> = faults
        .iter()
        .map(|f| (f.file.as_str(), f.line, f.rule.as_deref()))
        .collect();
    let line = |text: &str, of: &str| {
        let place = text.lines().position(|l| l.contains(of));
        place.map(|n| n as u64 + 1)
    };
    assert_eq!(
        told,
        [
            ("bad.yaml", line(&bad, "harsh"), Some("XX-ONE")),
            ("bad.yaml", line(&bad, "max: many"), Some("XX-TWO")),
            ("bad.yaml", line(&bad, "left_for"), Some("XX-WORDS")),
            ("other.yaml", line(&other, "remark"), Some("TW-THIRD")),
        ],
        "{faults:?}"
    );
}

#[test]
fn files_that_cannot_stand_together_are_refused() {
    let faults = |files: &[(&str, &str)]| -> Vec<String> {
        let faults = Packs::builtin().with_files(files).unwrap_err();
        faults.iter().map(ToString::to_string).collect()
    };
    let twice = faults(&[("a.yaml", OWN), ("b.yaml", OWN)]);
    assert!(
        twice.len() == 1 && twice[0].starts_with("b.yaml: another of the files has a pack `xx`"),
        "{twice:?}"
    );
    let stolen = OWN.replace("XX-ONE", "TW-HOURS");
    let stolen = faults(&[("c.yaml", &stolen)]);
    assert!(
        stolen[0].contains("rule TW-HOURS: pack `tw` has a rule of this id"),
        "{stolen:?}"
    );
    assert!(stolen[0].starts_with("c.yaml:"), "{stolen:?}");
    let named = OWN.replace("pack: xx", "pack: X X");
    assert!(faults(&[("d.yaml", &named)])[0].contains("a-z, 0-9 and -"));
    for odd in ["", "[]", "pack: [", "rules: 5", "a: &a [*a]", "x"] {
        assert_eq!(faults(&[("e.yaml", odd)]).len(), 1, "{odd}");
    }
}

#[test]
fn what_differs_is_told_by_its_path() {
    let builtin = Packs::builtin();
    for (pack, from, to, rule, path, before, after) in [
        (
            "tw",
            "\"22:00\"",
            "\"21:00\"",
            "TW-HOURS",
            "rule.daily_window.hours[0].close",
            "22:00",
            "21:00",
        ),
        (
            "tw",
            "channels: [sms, phone, email, visit]\n    rule:\n      daily",
            "channels: [sms]\n    rule:\n      daily",
            "TW-HOURS",
            "channels",
            "[sms, phone, email, visit]",
            "[sms]",
        ),
        (
            "tw",
            "severity: advisory",
            "severity: hard",
            "TW-CNY-PAUSE",
            "severity",
            "advisory",
            "hard",
        ),
        (
            "tw",
            "to: 2026-02-22",
            "to: 2026-02-25",
            "TW-CNY-PAUSE",
            "rule.pause.dates[0].to",
            "2026-02-22",
            "2026-02-25",
        ),
        (
            "house",
            "max: 5",
            "max: 4",
            "HOUSE-DAILY",
            "rule.calendar_day.max",
            "5",
            "4",
        ),
        (
            "cn",
            "text: No collection work",
            "text: No work",
            "CN-GBT45251-TIME",
            "text",
            "No collection work from 22:00 to 08:00 unless debtor and creditor agreed otherwise.",
            "No work from 22:00 to 08:00 unless debtor and creditor agreed otherwise.",
        ),
    ] {
        let difference = Difference::between(builtin, &edited(pack, from, to));
        assert_eq!(difference.packs, [], "{path}");
        assert_eq!(rules(&difference), [(rule, Change::Changed)], "{path}");
        let told = &difference.rules[0];
        assert!(told.bound && told.binds && told.pack == pack);
        assert_eq!(parts(told), [(path, Some(before), Some(after))]);
    }
}

#[test]
fn rules_and_packs_come_and_go_and_are_switched() {
    let builtin = Packs::builtin();
    let more = with(&[("xx.yaml", OWN)]);
    let there = Difference::between(builtin, &more);
    assert_eq!(there.packs[0].change, Change::Added);
    assert_eq!(
        rules(&there),
        [("XX-ONE", Change::Added), ("XX-TWO", Change::Added)]
    );
    assert_eq!(there.loosened().count(), 0);
    let back = Difference::between(&more, builtin);
    assert_eq!(
        (back.packs.len(), back.packs[0].change),
        (1, Change::Removed)
    );
    assert_eq!(
        rules(&back),
        [("XX-ONE", Change::Removed), ("XX-TWO", Change::Removed)]
    );
    assert_eq!(back.loosened().count(), 2);

    // What the pack says beside its rules is its own.
    let places = OWN.replace("regions: [XX]", "regions: [XX, XY]");
    let places = places.replace("Be polite.", "Be kind.");
    let said = Difference::between(&more, &with(&[("xx.yaml", &places)]));
    assert_eq!(said.rules, []);
    let paths: Vec<&str> = said.packs[0]
        .parts
        .iter()
        .map(|p| p.path.as_str())
        .collect();
    assert_eq!(paths, ["regions", "unchecked[XX-WORDS].text"]);
    // What stands for the whole pack differs for each rule of it.
    let agencies = OWN.replace("regions:", "lender_kinds: [agency]\nregions:");
    let bound = Difference::between(&more, &with(&[("xx.yaml", &agencies)]));
    assert_eq!(
        rules(&bound),
        [("XX-ONE", Change::Changed), ("XX-TWO", Change::Changed)]
    );
    let all = "[first_party, agency, microloan_company, bank]";
    assert_eq!(
        parts(&bound.rules[0]),
        [("lender_kinds", Some(all), Some("[agency]"))]
    );

    let (off, _) = builtin
        .off()
        .find(|(id, _)| builtin.packs().iter().all(|p| p.id() != *id))
        .unwrap();
    let on = builtin.with_enabled(&[off]).unwrap();
    assert_eq!(
        rules(&Difference::between(builtin, &on)),
        [(off, Change::SwitchedOn)]
    );
    let again = Difference::between(&on, builtin);
    assert_eq!(rules(&again), [(off, Change::SwitchedOff)]);
    assert_eq!(parts(&again.rules[0]), [], "it says the same");
    assert_eq!(
        again.loosened().map(|r| r.id.as_str()).collect::<Vec<_>>(),
        [off]
    );
    // A whole pack: it and its rules that are on by themselves.
    let whole = builtin.with_enabled(&["us-nyc"]).unwrap();
    let difference = Difference::between(builtin, &whole);
    assert_eq!(difference.packs[0].change, Change::SwitchedOn);
    assert!(
        difference
            .rules
            .iter()
            .all(|r| r.pack == "us-nyc" && r.binds && !r.bound)
    );
    assert!(!difference.rules.is_empty());
}

#[test]
fn a_rule_that_is_softer_or_gone_is_loosened_and_a_harder_one_is_not() {
    let builtin = Packs::builtin();
    let loosened = |packs: &Packs| -> Vec<String> {
        let difference = Difference::between(builtin, packs);
        difference.loosened().map(|r| r.id.clone()).collect()
    };
    let softer = edited("tw", "severity: hard", "severity: presumption");
    assert_eq!(loosened(&softer), ["TW-HOURS", "TW-THIRD"]);
    assert!(loosened(&edited("tw", "severity: advisory", "severity: hard")).is_empty());
    let off = edited(
        "tw",
        "  - id: TW-THIRD\n",
        "  - id: TW-THIRD\n    enabled: false\n    disabled_because: not here\n",
    );
    assert_eq!(loosened(&off), ["TW-THIRD"]);
    let own = text("tw");
    let (before, rest) = own.split_once("  - id: TW-THIRD").unwrap();
    let (_, after) = rest.split_once("  - id: TW-CNY-PAUSE").unwrap();
    let gone = with(&[("tw.yaml", &format!("{before}  - id: TW-CNY-PAUSE{after}"))]);
    assert_eq!(loosened(&gone), ["TW-THIRD"]);
}

#[test]
fn a_version_that_follows_another_is_added_and_the_old_one_ends() {
    let old = OWN.replace(
        "    severity: hard\n",
        "    severity: hard\n    effective_to: 2026-12-31\n",
    );
    let entry = "  - id: XX-ONE
    text: Contact in the daytime.
    citation: none
    cited: 2026-01-01
    severity: hard
    confidence: M
    effective_from: 2027-01-01
    scope: person
    channels: [sms]
    rule:
      daily_window:
        hours: [{open: \"09:00\", close: \"18:00\"}]
";
    let new = old.replace("  - id: XX-TWO", &format!("{entry}  - id: XX-TWO"));
    let difference = Difference::between(&with(&[("xx.yaml", OWN)]), &with(&[("xx.yaml", &new)]));
    assert_eq!(
        rules(&difference),
        [("XX-ONE", Change::Changed), ("XX-ONE", Change::Added)]
    );
    assert_eq!(
        parts(&difference.rules[0]),
        [("effective_to", None, Some("2026-12-31"))]
    );
    let begins = difference.rules[1].after.as_ref().unwrap().effective_from();
    assert_eq!(begins.unwrap().to_string(), "2027-01-01");
}

#[test]
fn duties_of_content_that_go_or_ask_something_else_are_told_by_their_ids() {
    let builtin = Packs::builtin();
    const OPT_OUT: &str = "US-REGF-1006.6e";
    let told = |packs: &Packs| -> Vec<(String, Change, bool)> {
        let difference = Difference::between(builtin, packs);
        assert_eq!(difference.packs, []);
        assert_eq!(difference.rules, []);
        assert_eq!(difference.is_empty(), difference.duties.is_empty());
        let duties = difference.duties.iter();
        duties
            .map(|d| (d.id.clone(), d.change, d.loosens()))
            .collect()
    };
    let changed = |loosens| vec![(OPT_OUT.to_owned(), Change::Changed, loosens)];
    let fewer = edited("us-fed", "            - unsubscribe\n", "");
    assert_eq!(told(&fewer), changed(true));
    let less = &Difference::between(builtin, &fewer).duties[0].parts;
    assert!(
        !less.is_empty() && less.iter().all(|p| p.path.starts_with("demand.says")),
        "{less:?}"
    );
    // Other words for the same.
    let reworded = edited("us-fed", "Every e-mail and text carries", "Each carries");
    assert_eq!(told(&reworded), changed(false));
    let text = text("us-fed");
    let (begin, end) = (text.find("\ncontent:"), text.find("\nunchecked:"));
    let without = format!("{}{}", &text[..begin.unwrap()], &text[end.unwrap()..]);
    let gone = told(&with(&[("us-fed.yaml", &without)]));
    assert_eq!(gone.len(), 5);
    assert!(gone.iter().all(|d| d.1 == Change::Removed && d.2));
    assert!(gone.iter().any(|d| d.0 == OPT_OUT));
    let without = with(&[("us-fed.yaml", &without)]);
    let gone = Difference::between(builtin, &without);
    assert!(gone.duties.iter().all(|d| d.bound && !d.binds));
    // The way back asks for more.
    let back = Difference::between(&without, builtin);
    assert!(back.duties.iter().all(|d| d.change == Change::Added));
    assert!(
        back.duties
            .iter()
            .all(|d| !d.bound && d.binds && !d.loosens())
    );
    assert!(back.duties.iter().all(|d| d.parts.is_empty()));
    // What stands for the whole pack differs for each duty of it too.
    let bound = edited(
        "tw",
        "\nregions: [TW]",
        "\nlender_kinds: [agency]\nregions: [TW]",
    );
    let difference = Difference::between(builtin, &bound);
    assert!(!difference.duties.is_empty());
    let all = "[first_party, agency, microloan_company, bank]";
    for duty in &difference.duties {
        assert_eq!(parts(duty), [("lender_kinds", Some(all), Some("[agency]"))]);
    }
}

/// The faults of one file, as rule and problem.
fn faults(text: &str) -> Vec<(Option<String>, String)> {
    let faults = Packs::builtin().with_files(&[("f.yaml", text)]);
    let faults = faults.unwrap_err().into_iter();
    faults.map(|f| (f.rule, f.problem)).collect()
}

fn rules_of(faults: &[(Option<String>, String)]) -> Vec<&str> {
    let rules = faults.iter().map(|(rule, _)| rule.as_deref().unwrap_or(""));
    rules.collect()
}

#[test]
fn the_faults_behind_a_faulty_entry_are_found_however_the_entry_is_written() {
    let left = OWN.replace("left_to: whoever", "left_for: whoever");
    let hard = |text: &str| text.replace("severity: hard", "severity: harsh");
    let many = |text: &str| text.replace("max: 1", "max: many");
    for (text, rules) in [
        // The first entry of a list, the last one, the only one, and all of them.
        (hard(&left), &["XX-ONE", "XX-WORDS"][..]),
        (many(&left), &["XX-TWO", "XX-WORDS"]),
        (many(&hard(&left)), &["XX-ONE", "XX-TWO", "XX-WORDS"]),
        // Blank lines and remarks at the margin are within the entry.
        (
            many(&left).replace("    scope: debt", "\n# a remark\n\n    scope: debt"),
            &["XX-TWO", "XX-WORDS"],
        ),
        (
            hard(&left).replace("    scope: person", "# a remark\n\n    scope: person"),
            &["XX-ONE", "XX-WORDS"],
        ),
        // The fault stands in the line of the id.
        (
            left.replace("- id: XX-ONE", "- id: [XX-ONE]"),
            &["[XX-ONE]", "XX-WORDS"],
        ),
        // Behind the last entry there is none that could be left out.
        (
            format!("{}colour: red\n", hard(OWN)),
            &["XX-ONE", "XX-WORDS"],
        ),
    ] {
        let found = faults(&text);
        assert_eq!(rules_of(&found), rules, "{found:?}\n{text}");
    }
    // Lists at the margin, and a list that has lost its only entry.
    let at_margin = "pack: xx
title: Test
regions: [XX]
rules:
- id: XX-ONE
  text: Contact in the daytime.
  citation: none
  cited: 2026-01-01
  severity: harsh
  confidence: M
  scope: person
  channels: [sms]
  rule: {daily_window: {hours: [{open: \"08:00\", close: \"20:00\"}]}}
unchecked:
- id: XX-WORDS
  text: Be polite.
  citation: none
  confidence: M
  left_for: whoever writes
";
    let found = faults(at_margin);
    assert_eq!(rules_of(&found), ["XX-ONE", "XX-WORDS"], "{found:?}");
}

#[test]
fn no_more_than_64_faults_of_a_file_are_told() {
    let (head, rest) = OWN.split_once("  - id: XX-ONE").unwrap();
    let (entry, _) = rest.split_once("  - id: XX-TWO").unwrap();
    let of = |count: usize| {
        let entry = entry.replace("severity: hard", "severity: harsh");
        let entries = (0..count).map(|n| format!("  - id: XX-{n}{entry}"));
        faults(&format!("{head}{}", entries.collect::<String>())).len()
    };
    assert_eq!((of(2), of(63), of(64), of(65)), (2, 63, 64, 64));
}

#[test]
fn a_pack_has_a_short_id_of_small_letters_digits_and_hyphens() {
    let named = |id: &str| OWN.replace("pack: xx", &format!("pack: \"{id}\""));
    let longest = "x".repeat(64);
    for good in ["x", "x-1", "1-x", "-", "0", &longest] {
        let packs = with(&[("f.yaml", &named(good))]);
        assert_eq!(packs.text_of(good), Some(named(good).as_str()));
    }
    for bad in ["", "X", "x y", "x_y", "x.y", "é", &format!("{longest}x")] {
        let found = faults(&named(bad));
        let told = "`pack` must be 1 to 64 characters of a-z, 0-9 and -";
        assert_eq!(found, [(None, told.to_owned())], "{bad}");
    }
}

#[test]
fn something_differs_where_a_pack_or_a_rule_alone_does() {
    let more = with(&[("xx.yaml", OWN)]);
    let kinder = with(&[("xx.yaml", &OWN.replace("Be polite.", "Be kind."))]);
    let later = with(&[("xx.yaml", &OWN.replace("20:00", "20:30"))]);
    let of_pack = Difference::between(&more, &kinder);
    assert_eq!((of_pack.packs.len(), of_pack.rules.len()), (1, 0));
    let of_rule = Difference::between(&more, &later);
    assert_eq!((of_rule.packs.len(), of_rule.rules.len()), (0, 1));
    assert!(!of_pack.is_empty() && !of_rule.is_empty());
    // The same text, loosened in nothing that a machine can tell.
    assert_eq!(of_rule.loosened().count(), 0);
    assert!(Difference::between(&more, &more).is_empty());
}

#[test]
fn versions_belong_together_that_begin_on_the_same_day_wherever_they_stand() {
    let (head, rest) = OWN.split_once("  - id: XX-ONE").unwrap();
    let (entry, tail) = rest.split_once("  - id: XX-TWO").unwrap();
    let version = |from: &str, to: &str, open: &str| {
        let dates = format!("    effective_from: {from}\n    effective_to: {to}\n    scope");
        let entry = entry.replace("    scope", &dates).replace("08:00", open);
        format!("  - id: XX-ONE{entry}")
    };
    let pack = |versions: [String; 2]| {
        let text = format!("{head}{}  - id: XX-TWO{tail}", versions.concat());
        with(&[("xx.yaml", &text)])
    };
    let (y26, y27) = (("2026-01-01", "2026-12-31"), ("2027-01-01", "2027-12-31"));
    let was = pack([
        version(y26.0, y26.1, "07:00"),
        version(y27.0, y27.1, "08:00"),
    ]);
    let hours = |difference: &Difference| -> Vec<(String, String)> {
        let parts = difference.rules.iter().flat_map(|r| &r.parts);
        let text = |t: &Option<String>| t.clone().unwrap_or_default();
        parts.map(|p| (text(&p.before), text(&p.after))).collect()
    };
    // The order in the file says nothing.
    let turned = pack([
        version(y27.0, y27.1, "08:00"),
        version(y26.0, y26.1, "07:00"),
    ]);
    assert!(Difference::between(&was, &turned).is_empty());
    let both = pack([
        version(y27.0, y27.1, "08:30"),
        version(y26.0, y26.1, "07:30"),
    ]);
    let told = |pairs: [(&str, &str); 2]| pairs.map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(
        hours(&Difference::between(&was, &both)),
        told([("07:00", "07:30"), ("08:00", "08:30")])
    );
    // One that begins on another day is still the one that is left.
    let moved = pack([
        version("2027-02-01", y27.1, "08:00"),
        version(y26.0, y26.1, "07:30"),
    ]);
    assert_eq!(
        hours(&Difference::between(&was, &moved)),
        told([("07:00", "07:30"), ("2027-01-01", "2027-02-01")])
    );
}

/// The problem of the one fault that this change makes in a file.
fn fault(from: &str, to: &str) -> String {
    assert!(OWN.contains(from), "{from}");
    let text = OWN.replacen(from, to, 1);
    let faults = Packs::builtin()
        .with_files(&[("f.yaml", &text)])
        .unwrap_err();
    faults[0].to_string()
}

#[test]
fn a_fault_of_a_file_says_what_would_be_right() {
    for (from, to, words) in [
        (
            "max: 1",
            "max: -3",
            "`max: -3` wants a whole number of 1 or more",
        ),
        (
            "max: 1",
            "max: 0",
            "`max: 0` wants a whole number of 1 or more",
        ),
        (
            "max: 1",
            "max: two",
            "`max: two` wants a whole number of 1 or more",
        ),
        (
            "severity: hard",
            "severty: hard",
            "did you mean `severity`?",
        ),
        ("max: 1", "mx: 1", "did you mean `max`?"),
        ("severity: hard", "svrity: hard", "did you mean `severity`?"),
    ] {
        let told = fault(from, to);
        assert!(told.contains(words), "{told}");
        assert!(told.starts_with("f.yaml:"), "{told}");
    }
    for other in ["hardness", "xyseveri"] {
        let far = fault("severity: hard", &format!("{other}: hard"));
        assert!(!far.contains("did you mean"), "{far}");
    }
    let word = fault("severity: hard", "severity: soft");
    assert!(!word.contains("whole number"), "{word}");
}

#[test]
fn numbers_that_change_under_the_same_sentence_are_told() {
    let lags = |from: &str, to: &str| {
        let packs = edited("cn", from, to);
        let difference = Difference::between(Packs::builtin(), &packs);
        let rules = difference.rules.iter();
        let old = rules.filter(|r| r.text_is_old()).map(|r| r.id.clone());
        old.collect::<Vec<_>>()
    };
    let hours = "close: \"22:00\"";
    let own = text("cn");
    let first = own.find("CN-GBT45251-TIME").unwrap();
    let one = own[first..].replacen(hours, "close: \"19:00\"", 1);
    let changed = lags(&own[first..], &one);
    assert_eq!(changed, ["CN-GBT45251-TIME"]);
    let both = one.replacen("22:00", "19:00", 1);
    assert_eq!(lags(&own[first..], &both), [""; 0]);
}

#[test]
fn a_denial_names_the_numbers_in_force() {
    let limit = |packs: &Packs, id: &str| {
        let rule = packs.rules().find(|r| r.id() == id);
        rule.unwrap().limit().map(|limit| limit.to_string())
    };
    let builtin = Packs::builtin();
    for (id, expected) in [
        ("CN-GBT45251-TIME", Some("08:00 to 22:00")),
        ("CN-GBT45251-FREQ3", Some("at most 3 on one day")),
        ("US-REGF-1006.14b2iA", Some("at most 7 in 7 days")),
        (
            "US-REGF-1006.14b2iB",
            Some("none for 7 days after it, its day the first"),
        ),
        (
            "ID-POJK22-62-HOURS",
            Some("Mon-Sat 08:00 to 20:00, Sun closed, holidays closed"),
        ),
        ("CN-HOUSE-HOLIDAYS", Some("00:00 to 24:00, holidays closed")),
        ("CN-HOUSE-NOON", Some("none from 12:00 to 14:00")),
        (
            "RU-230FZ-CALLS",
            Some("at most 1 in 1 days, 2 in 7 days, 8 in 31 days"),
        ),
        ("US-REGF-1006.10c", Some("at most 1 ever")),
        ("US-REGF-1006.14b2iA-168H", Some("at most 7 in 168 hours")),
        ("TW-CNY-PAUSE", Some("none from 2026-02-14 to 2026-02-22")),
        ("HOUSE-OPT-OUT", None),
        ("HOUSE-INCONVENIENT", None),
        ("HOUSE-MORATORIUM", None),
    ] {
        assert_eq!(limit(builtin, id).as_deref(), expected, "{id}");
    }
    let own = text("cn");
    let first = own.find("CN-GBT45251-TIME").unwrap();
    let changed = own[first..].replacen("close: \"22:00\"", "close: \"19:00\"", 1);
    let packs = edited("cn", &own[first..], &changed);
    assert_eq!(
        limit(&packs, "CN-GBT45251-TIME").as_deref(),
        Some("08:00 to 19:00")
    );
    let second = changed.replacen("19:00", "19:00:30", 1);
    let packs = edited("cn", &own[first..], &second);
    assert_eq!(
        limit(&packs, "CN-GBT45251-TIME").as_deref(),
        Some("08:00 to 19:00:30")
    );
}

#[test]
fn the_year_that_a_calendar_lacks_is_known_ahead() {
    let missing = |packs: &Packs, year: i16| {
        let all = packs.years_missing(year).into_iter();
        let told =
            all.map(|(rule, missing)| (rule.id().to_owned(), missing.calendar, missing.year));
        told.filter(|(id, ..)| id.starts_with("CN"))
            .collect::<Vec<_>>()
    };
    assert_eq!(missing(Packs::builtin(), 2026), [], "the rule ships off");
    let on = Packs::builtin()
        .with_enabled(&["CN-HOUSE-HOLIDAYS"])
        .unwrap();
    let told = |year| ("CN-HOUSE-HOLIDAYS".to_owned(), "cn.yaml".to_owned(), year);
    assert_eq!(missing(&on, 2026), [told(2027)]);
    assert_eq!(missing(&on, 2030), [told(2030)]);
}
