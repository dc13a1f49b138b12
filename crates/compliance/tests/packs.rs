//! Which packs bind, and what is said of a pack that cannot be used.

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

fn bound(jurisdiction: &str, regions: &[&str], lender: LenderKind) -> Vec<&'static str> {
    let regions: Vec<String> = regions.iter().map(ToString::to_string).collect();
    let binding = Packs::builtin()
        .bind(jurisdiction, &regions, lender)
        .unwrap();
    let mut packs = Vec::new();
    for rule in binding.rules() {
        let of = ["cn", "tw", "us-fed", "house"]
            .into_iter()
            .find(|p| *p == rule.pack())
            .unwrap();
        if !packs.contains(&of) {
            packs.push(of);
        }
    }
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
    assert_eq!(bound("US", &[], first), ["us-fed", "house"]);
    assert_eq!(
        bound("US-MA", &["US-NY"], LenderKind::Agency),
        ["us-fed", "house"]
    );
    assert_eq!(
        bound("CN", &["US-NY", "TW"], first),
        ["cn", "tw", "us-fed", "house"]
    );
}

#[test]
fn an_unknown_place_is_refused_with_the_known_ones() {
    let packs = Packs::builtin();
    for (jurisdiction, region) in [
        ("DE", "CN"),
        ("CN", "DE"),
        ("", "CN"),
        ("USA", "CN"),
        ("*", "CN"),
    ] {
        let error = packs
            .bind(jurisdiction, &[region.into()], LenderKind::Bank)
            .unwrap_err();
        assert_eq!(error.known, "CN, TW, US");
        let text = error.to_string();
        assert!(text.contains("known are CN, TW, US"), "{text}");
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
const FAULTS: [(&str, &str, u64, Option<&str>, &str); 16] = [
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
];

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
