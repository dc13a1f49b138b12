//! Which packs bind, and what is said of a pack that cannot be used.

#[path = "support/cases.rs"]
mod cases;

use cases::cases;
use proptest::prelude::*;
use recoup_compliance::Packs;
use recoup_domain::case::LenderKind;

const GOOD: &str = r#"pack: t
title: Test
regions: [XX]
rules:
  - id: T-ONE
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
  - id: T-TWO
    text: Once a day.
    citation: none
    cited: 2026-01-01
    severity: advisory
    confidence: V2
    effective_from: 2026-01-01
    effective_to: 2026-06-30
    scope: debt
    channels: [sms]
    lender_kinds: [agency]
    rule:
      calendar_day:
        max: 1
        count: {channels: [sms], direction: outbound, outcomes: [delivered, unknown]}
"#;

fn bound(jurisdiction: &str, regions: &[&str], lender: LenderKind) -> Vec<String> {
    bound_of(Packs::builtin(), jurisdiction, regions, lender)
}

fn bound_of(all: &Packs, place: &str, regions: &[&str], lender: LenderKind) -> Vec<String> {
    let regions: Vec<String> = regions.iter().map(ToString::to_string).collect();
    let binding = all.bind(place, &regions, lender).unwrap();
    let mut packs: Vec<String> = binding
        .rules()
        .iter()
        .map(|r| r.pack().to_owned())
        .collect();
    packs.dedup();
    packs
}

#[test]
fn jurisdiction_and_regions_bind_and_the_house_always() {
    let first = LenderKind::FirstParty;
    assert_eq!(
        bound("CN", &[], LenderKind::MicroloanCompany),
        ["cn", "house"]
    );
    assert_eq!(bound("TW", &["TW"], LenderKind::Bank), ["tw", "house"]);
    // Where the state is not known, those of all states bind.
    assert_eq!(
        bound("US", &[], first),
        ["us-fed", "us-ma", "us-wa", "us-ca", "house"]
    );
    assert_eq!(
        bound("US-MA", &["US-NY"], LenderKind::Agency),
        ["us-fed", "us-ma", "house"]
    );
    assert_eq!(
        bound("CN", &["US-NY", "TW"], first),
        ["cn", "tw", "us-fed", "house"]
    );
    for (place, pack) in [
        ("IN", "in"),
        ("GB-ENG", "uk"),
        ("ID", "id"),
        ("VN", "vn"),
        ("PH", "ph"),
        ("BR-SP", "br-sp"),
        ("BR", "br-sp"),
        ("RU", "ru"),
    ] {
        assert_eq!(bound(place, &[], LenderKind::Bank), [pack, "house"]);
    }
}

#[test]
fn an_unknown_place_is_refused_with_the_known_ones() {
    let packs = Packs::builtin();
    for (jurisdiction, region) in [
        ("KP", "CN"),
        ("CN", "KP"),
        // The directive is no law of a member state.
        ("DE", "CN"),
        ("CN", "FR"),
        ("BR-RJ", "CN"),
        ("", "CN"),
        ("USA", "CN"),
        ("*", "CN"),
    ] {
        let error = packs
            .bind(jurisdiction, &[region.into()], LenderKind::Bank)
            .unwrap_err();
        assert_eq!(error.known, "CN, TW, US, IN, GB, ID, VN, PH, BR-SP, RU");
        let text = error.to_string();
        assert!(text.contains("known are CN, TW, US"), "{text}");
    }
}

#[test]
fn what_ships_off_binds_nobody_until_it_is_switched_on() {
    let packs = Packs::builtin();
    let off: Vec<&str> = packs.off().map(|(id, _)| id).collect();
    let expected = [
        "CN-HOUSE-NOON",
        "CN-HOUSE-HOLIDAYS",
        "US-FDCPA-1692c.a1",
        "US-REGF-1006.6d4",
        "US-REGF-1006.6d5",
        "US-REGF-1006.14b2iA-168H",
        "us-nyc",
        "IN-RBI2026-HOURS",
        "IN-RBI2026-THIRD",
        "IN-RBI2026-TIMES",
        "IN-DLD-NOTICE",
    ];
    assert_eq!(off, expected);
    assert!(packs.off().all(|(_, why)| why.len() > 20));

    let agency = LenderKind::Agency;
    let has = |packs: &Packs, place: &str, rule: &str| {
        let binding = packs.bind(place, &[], agency).unwrap();
        binding.rules().iter().any(|r| r.id() == rule)
    };
    assert!(!has(packs, "US-NY", "US-NYC-5-77-FREQ3") && !packs.is_on("us-nyc"));
    assert!(!has(packs, "IN", "IN-RBI2026-HOURS") && packs.is_on("IN-RBI2022-HOURS"));
    let on = packs.with_enabled(&["us-nyc", "IN-RBI2026-HOURS"]).unwrap();
    assert!(has(&on, "US-NY", "US-NYC-5-77-FREQ3") && on.is_on("us-nyc"));
    assert!(has(&on, "IN", "IN-RBI2026-HOURS") && !has(&on, "IN", "IN-RBI2026-THIRD"));
    assert!(!has(&on, "US-MA", "US-NYC-5-77-FREQ3"));

    // What is on is part of the hash, in whatever order it was said; what is on already changes nothing.
    let turned = packs.with_enabled(&["IN-RBI2026-HOURS", "us-nyc"]).unwrap();
    assert_eq!(on.hash(), turned.hash());
    assert_ne!(on.hash(), packs.hash());
    assert_eq!(on.with_enabled(&["us-nyc"]).unwrap().hash(), on.hash());

    let error = packs.with_enabled(&["us-fed"]).unwrap_err();
    assert_eq!(error.given, "us-fed");
    assert!(
        error
            .to_string()
            .contains("those that do are CN-HOUSE-NOON, "),
        "{error}"
    );
}

#[test]
fn every_rule_says_what_kind_of_text_it_comes_from() {
    use recoup_compliance::{Confidence, Layer};
    let rules = Packs::builtin().rules();
    let layers = |pack: &str, layer: Layer| {
        let rules = Packs::builtin().rules();
        rules
            .filter(|r| r.pack() == pack && r.layer() == layer)
            .count()
    };
    assert_eq!(layers("cn", Layer::Law), 3);
    assert_eq!(layers("cn", Layer::Standard), 4);
    assert_eq!(layers("cn", Layer::Guide), 3);
    assert_eq!(layers("cn", Layer::House), 2);
    assert_eq!(layers("in", Layer::Draft), 3);
    assert_eq!(layers("tw", Layer::Voluntary), 1);
    for rule in rules {
        let house = rule.confidence() == Confidence::House;
        assert_eq!(house, rule.layer() == Layer::House, "{}", rule.id());
        let draft = rule.layer() == Layer::Draft;
        assert!(
            !draft || rule.off_because().is_some(),
            "{} is a draft",
            rule.id()
        );
    }
}

#[test]
fn a_country_without_its_state_binds_the_packs_of_all_states() {
    let state = GOOD.replace("[XX]", "[XX-A]");
    let other = GOOD
        .replace("pack: t", "pack: u")
        .replace("[XX]", "[XX-B]")
        .replace("T-", "U-");
    let packs = Packs::parse(&[("t.yaml", &state), ("u.yaml", &other)]).unwrap();
    let count = |place| {
        let binding = packs.bind(place, &[], LenderKind::Agency);
        binding.map(|b| b.rules().len())
    };
    assert_eq!(count("XX"), Ok(4));
    assert_eq!(count("XX-A"), Ok(2));
    assert!(count("XX-C").is_err() && count("X").is_err());
}

#[test]
fn a_rule_binds_only_its_kinds_of_lender() {
    let packs = Packs::parse(&[("t.yaml", GOOD)]).unwrap();
    let count = |lender| packs.bind("XX", &[], lender).unwrap().rules().len();
    assert_eq!(count(LenderKind::Agency), 2);
    assert_eq!(count(LenderKind::Bank), 1);
}

#[test]
fn the_hash_follows_the_text() {
    let same = Packs::parse(&[("t.yaml", GOOD)]).unwrap();
    let again = Packs::parse(&[("t.yaml", GOOD)]).unwrap();
    let other = Packs::parse(&[("t.yaml", &GOOD.replace("20:00", "20:01"))]).unwrap();
    assert_eq!(same.hash(), again.hash());
    assert_ne!(same.hash(), other.hash());
    assert_eq!(Packs::builtin().hash().len(), 64);
}

#[test]
fn an_unknown_rule_is_named() {
    let error = Packs::builtin().only(&["CN-NO-SUCH"]).unwrap_err();
    assert_eq!(error.to_string(), "no pack has a rule `CN-NO-SUCH`");
}

/// What is changed in the good pack; then line, rule and a part of the problem that is told.
const FAULTS: [(&str, &str, u64, Option<&str>, &str); 33] = [
    ("title: Test", "titel: Test", 2, None, "titel"),
    ("[XX]", "[]", 0, None, "`regions` is empty"),
    (
        "    scope: person",
        "    scoop: person",
        11,
        Some("T-ONE"),
        "scoop",
    ),
    ("scope: debt", "scope: world", 24, Some("T-TWO"), "world"),
    ("severity: hard", "severity: soft", 9, Some("T-ONE"), "soft"),
    (
        "  calendar_day:",
        "  calender_day:",
        28,
        Some("T-TWO"),
        "calender_day",
    ),
    (
        "[delivered, unknown]",
        "[deliverd]",
        30,
        Some("T-TWO"),
        "deliverd",
    ),
    (
        "outcomes: [delivered, unknown]",
        "outcomes: []",
        30,
        Some("T-TWO"),
        "empty list",
    ),
    ("max: 1", "max: -1", 29, Some("T-TWO"), ""),
    ("max: 1", "max: 0", 29, Some("T-TWO"), "zero"),
    ("max: 1", "max: 1\n        min: 1", 30, Some("T-TWO"), "min"),
    (
        "\"20:00\"",
        "\"07:00\"",
        0,
        Some("T-ONE"),
        "not after 08:00",
    ),
    ("\"20:00\"", "\"8pm\"", 0, Some("T-ONE"), "no time of day"),
    (
        "2026-06-30",
        "2025-06-30",
        16,
        Some("T-TWO"),
        "before effective_from",
    ),
    ("T-TWO", "T-ONE", 16, Some("T-ONE"), "stands twice"),
    ("[agency]", "[pawnbroker]", 26, Some("T-TWO"), "pawnbroker"),
    // A zone that does not exist.
    (
        "\"20:00\"}]",
        "\"20:00\"}]\n        also_in: [Mars/Olympus]",
        0,
        Some("T-ONE"),
        "`Mars/Olympus` is no IANA time zone",
    ),
    (
        "\"20:00\"}]",
        "\"20:00\"}]\n        holidays: {calendar: zz}",
        0,
        Some("T-ONE"),
        "no calendar `zz`",
    ),
    (
        "\"20:00\"}]",
        "\"20:00\"}]\n        holidays: {open: \"09:00\", close: \"10:00\"}",
        0,
        Some("T-ONE"),
        "name a `calendar`",
    ),
    ("max: 1", "max: -5", 29, Some("T-TWO"), ""),
    (
        "calendar_day:",
        "rolling_days:\n        days: -7",
        29,
        Some("T-TWO"),
        "",
    ),
    (
        "calendar_day:",
        "rolling_hours:\n        hours: 0",
        29,
        Some("T-TWO"),
        "zero",
    ),
    (
        "max: 1",
        "periods: [{days: 7, max: 2}, {days: 1, max: 1}]",
        0,
        Some("T-TWO"),
        "",
    ),
    (
        "    lender_kinds: [agency]",
        "    exceptions: [{}]",
        26,
        Some("T-TWO"),
        "names at least one of",
    ),
    (
        "    lender_kinds: [agency]",
        "    exceptions: [{purpose: ordinary, within_hours: 3}]",
        26,
        Some("T-TWO"),
        "`once_after`",
    ),
    (
        "    lender_kinds: [agency]",
        "    exceptions: [{purpose: gossip}]",
        26,
        Some("T-TWO"),
        "gossip",
    ),
    (
        "    lender_kinds: [agency]",
        "    enabled: false",
        16,
        Some("T-TWO"),
        "needs `disabled_because`",
    ),
    (
        "    lender_kinds: [agency]",
        "    disabled_because: no reason",
        16,
        Some("T-TWO"),
        "without `enabled: false`",
    ),
    (
        "regions: [XX]",
        "regions: [XX]\nenabled: false",
        0,
        None,
        "needs `disabled_because`",
    ),
    (
        "    lender_kinds: [agency]",
        "    layer: house",
        16,
        Some("T-TWO"),
        "`house` together",
    ),
    (
        "    lender_kinds: [agency]",
        "    layer: gospel",
        26,
        Some("T-TWO"),
        "gospel",
    ),
    (
        "    lender_kinds: [agency]",
        "    relations: [dog]",
        26,
        Some("T-TWO"),
        "dog",
    ),
    (
        "regions: [XX]",
        "regions: [XX]\nunchecked: [{id: T-X, text: x}]",
        4,
        None,
        "missing field",
    ),
];

/// Faults of the shapes that the good pack has not got.
#[test]
fn a_faulty_shape_is_refused_with_its_rule() {
    let shapes = [
        ("interval_ban: sometimes", "sometimes"),
        (
            "interval_ban: {times: [{from: \"25:00\", to: \"08:00\"}]}",
            "no time of day",
        ),
        ("interval_ban: {times: [{from: \"08:00\"}]}", "to"),
        (
            "nested_periods: {periods: [], count: COUNT}",
            "`periods` is empty",
        ),
        (
            "nested_periods: {periods: [{days: 7, max: 2}, {days: 1, max: 2}], count: COUNT}",
            "short to long",
        ),
        (
            "nested_periods: {periods: [{days: 1, max: 2}, {days: 7, max: 1}], count: COUNT}",
            "allows no fewer",
        ),
        ("lifetime: {max: 0, count: COUNT}", "zero"),
        ("lifetime: {max: -1, count: COUNT}", ""),
        ("rolling_hours: {hours: 24, max: -1, count: COUNT}", ""),
        ("consented: {kind: vague}", "vague"),
        ("consented: {kind: electronic, or_inbound_days: 0}", "zero"),
        ("duty: good_manners", "good_manners"),
        ("state_flag: unlucky", "unlucky"),
        (
            "pause: {dates: [{from: 2026-02-02, to: 2026-02-01}]}",
            "before it begins",
        ),
        (
            "third_party: {allow_relations: [borrower], allow_if: [bored]}",
            "bored",
        ),
    ];
    let count = "{channels: [sms], direction: outbound, outcomes: [delivered]}";
    let head = GOOD.split("      calendar_day:").next().unwrap();
    for (shape, problem) in shapes {
        let shape = shape.replace("COUNT", count);
        let text = format!("{head}      {shape}\n");
        let error = Packs::parse(&[("t.yaml", &text)]).unwrap_err();
        assert_eq!(error.rule.as_deref(), Some("T-TWO"), "{shape}: {error}");
        assert!(
            error.line.is_some() && error.problem.contains(problem),
            "{shape}: {error}"
        );
    }
}

#[test]
fn a_faulty_pack_is_refused_with_file_line_and_rule() {
    for (good, bad, line, rule, problem) in FAULTS {
        let text = GOOD.replacen(good, bad, 1);
        assert_ne!(text, GOOD, "{good}");
        let error = Packs::parse(&[("t.yaml", &text)]).unwrap_err();
        let shown = error.to_string();
        assert_eq!(error.file, "t.yaml");
        assert_eq!(error.rule.as_deref(), rule, "{bad}: {shown}");
        assert!(error.problem.contains(problem), "{bad}: {shown}");
        assert!(!error.problem.contains('\n'), "{bad}: {shown}");
        if line > 0 {
            assert_eq!(error.line, Some(line), "{bad}: {shown}");
            assert!(shown.starts_with(&format!("t.yaml:{line}: ")), "{shown}");
        }
    }
}

#[test]
fn ids_are_one_namespace_and_versions_must_not_overlap() {
    let twice = [("t.yaml", GOOD), ("u.yaml", GOOD)];
    assert!(
        Packs::parse(&twice)
            .unwrap_err()
            .problem
            .contains("a pack `t` already")
    );
    let renamed = GOOD.replace("pack: t", "pack: u");
    let error = Packs::parse(&[("t.yaml", GOOD), ("u.yaml", &renamed)]).unwrap_err();
    assert_eq!(
        (error.file.as_str(), error.rule.as_deref()),
        ("u.yaml", Some("T-ONE"))
    );
    // Two versions of one rule, one after the other, are fine.
    let second = GOOD.replace("T-ONE", "T-TWO").replacen(
        "    scope: person",
        "    effective_from: 2026-07-01\n    scope: person",
        1,
    );
    assert!(Packs::parse(&[("t.yaml", &second)]).is_ok());
}

const BUILT_IN: [(&str, &str); 4] = [
    ("ru.yaml", include_str!("../packs/ru.yaml")),
    ("us-fed.yaml", include_str!("../packs/us-fed.yaml")),
    ("uk.yaml", include_str!("../packs/uk.yaml")),
    ("tw.yaml", include_str!("../packs/tw.yaml")),
];

/// Words that stand where others are expected.
const ODD: [&str; 12] = [
    "",
    "-1",
    "0",
    "99999999999999999999",
    "[]",
    "{}",
    "~",
    "\u{0}",
    "- - -",
    "&a *a",
    "\"",
    "2026-13-40",
];

proptest! {
    #![proptest_config(cases(192))]

    /// A pack that somebody broke is read or refused, with its file and in one line; nothing panics.
    #[test]
    fn a_broken_pack_is_refused_and_never_a_panic(
        (file, text) in prop::sample::select(&BUILT_IN[..]),
        at in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        odd in prop::sample::select(&ODD[..]),
        how in 0..4_u8,
    ) {
        let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
        let (at, to) = (at.index(lines.len()), to.index(lines.len()));
        match how {
            0 => drop(lines.remove(at)),
            1 => lines.swap(at, to),
            2 => lines[at] = format!("{}{odd}", lines[at]),
            _ => {
                let key = lines[at].split_once(": ").map_or("x", |(key, _)| key).to_owned();
                lines[at] = format!("{key}: {odd}");
            }
        }
        let text = lines.join("\n");
        if let Err(error) = Packs::parse(&[(file, &text)]) {
            prop_assert_eq!(&error.file, file);
            prop_assert!(!error.problem.is_empty() && !error.problem.contains('\n'), "{}", error);
        }
    }
}

#[test]
fn a_pack_of_no_place_is_refused_since_it_would_bind_nobody() {
    for nowhere in [
        "us-ca",
        "US-ZZ",
        "USA",
        "US_CA",
        "US-",
        "U",
        "Taiwan",
        "'* '",
        "CN-",
        "US-NYC",
        "US-NY-nyc",
        "US-NY-CITY",
    ] {
        let text = GOOD.replace("[XX]", &format!("[US, {nowhere}]"));
        let fault = Packs::parse(&[("t.yaml", &text)]).expect_err(nowhere);
        let named = nowhere.trim_matches('\'');
        assert!(fault.problem.contains(&format!("`{named}`")), "{fault}");
        assert!(fault.problem.contains("ISO 3166"), "{fault}");
    }
    for place in ["XX", "US", "US-CA", "US-NY-NYC", "CN-31", "'*'"] {
        let text = GOOD.replace("[XX]", &format!("[{place}]"));
        assert!(Packs::parse(&[("t.yaml", &text)]).is_ok(), "{place}");
    }
}
