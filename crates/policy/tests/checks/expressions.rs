//! Expressions: what is refused, with code and column; and that no input ends the process.

use crate::document::findings;
use crate::support::{ladder, quoted};

/// Checks the findings of a condition of the second stage, as `column code`, columns within it.
fn check(expression: &str, expected: &str) {
    let source = ladder(&["true", expression]);
    let all = findings(&source);
    // The condition begins behind `    enter: '`.
    let places = all.iter().map(|f| {
        assert_eq!(f.line, 10, "{f}");
        format!("{} {}", f.column - 13, &f.code["RCP-POL-".len()..])
    });
    let places: Vec<String> = places.collect();
    assert_eq!(places.join(", "), expected, "{expression}: {all:#?}");
}

fn hint(expression: &str, expected: &str) {
    let all = findings(&ladder(&["true", expression]));
    let hints: Vec<&str> = all.iter().map(|f| f.hint.as_str()).collect();
    assert_eq!(hints, [expected], "{expression}: {all:#?}");
}

#[test]
fn right_ones_have_no_findings() {
    for expression in [
        "true",
        "!(case.dpd < 3) || -case.dpd == -3",
        "case.dpd % 7 == 0 && case.dpd / 2 * 3 - 1 + 4 > 0x10",
        "case.dpd in [1, -2, 3] && case.status in ['open', \"legal\"]",
        "(case.dpd > 3 ? 'small' : \"rest\") == segment",
        "'rest' == (case.dpd > 3 ? segment : 'small')",
        "case.product == 'gold' && case.product != 'it\\'s' && case.jurisdiction == 'US-MA'",
        "case.age >= duration('3d') && duration('1d') + duration('2h') > duration('26h') - duration('1s')",
        "contacts.phone.since_last > duration('36h') && contacts.any.days_since_last > 1",
        "contacts.sms.last_outcome == contacts.phone.last_outcome",
        "contacts.sms.last_outcome in ['delivered', 'unknown']",
        "case.has_tag('vip') == borrower.has_tag('vip') && borrower.region('CN')",
        "case.lender_kind == 'bank' && borrower.kind == 'individual' && contactability != 'lost'",
        "ability + willingness > 100 && now.hour >= 9 && now.weekday <= 5",
        "case.principal_in('CNY') * 10 < case.overdue_in('CNY') && exhausted('s0')",
        "'a' == 'a' && 'a' in ['a', 'b'] && -9223372036854775808 < 0",
    ] {
        check(expression, "");
    }
}

#[test]
fn syntax() {
    check("", "0 020");
    check("case.dpd >", "10 020");
    check("case.dpd >= 1 and true", "14 020");
    check("case.dpd = 1", "9 020");
    check("case.dpd >= 1 & true", "14 020");
    check("(case.dpd >= 1", "14 020");
    check("case.dpd >= 1)", "13 020");
    check("case.dpd <> 1", "9 020");
    check("not true", "0 020");
    check("true ? 1", "8 020");
    check("case..dpd == 1", "5 020");
    check("case.product == \"gold", "16 020");
    check("case.dpd >= 3d", "12 020");
    check("case.dpd >= 99999999999999999999", "12 020");
    check("case.dpd >= 9223372036854775808", "12 020");
    check("case.dpd == 1 2", "14 020");
    check("case.dpd >= 1 // more", "15 020");
    check("§", "0 020");
    hint("case.dpd = 1", "equality is `==`");
    hint("case.dpd >= 1 or true", "or is `||`");
    hint("not true", "not is `!`");
    hint(
        "case.dpd >= 3d",
        "a length of time is written duration(\"3d\")",
    );
}

#[test]
fn outside_the_subset() {
    check("case.dpd >= 1.5", "12 028");
    check("case.dpd >= 1u", "12 028");
    check("case.product == null", "16 028");
    check("[1, 2] == [1, 2]", "0 028, 10 028");
    check("case.dpd in [1, case.dpd]", "16 028");
    check("[1, 2][0] == 1", "6 028");
    check("all(x, true)", "0 028");
    check("case.product == 'a\\n'", "19 028");
    check("case.has_tag(segment)", "13 027");
    check("{'a': 1} == {}", "0 020");
}

#[test]
fn names() {
    check("case.dpx >= 1", "5 022");
    check("dpd >= 1", "0 022");
    check("cases.dpd >= 1", "0 022");
    check("case >= 1", "0 022");
    check("contacts.sms >= 1", "0 022");
    check("contacts.sms.mad >= 1", "13 022");
    check("contacts.post.made >= 1", "9 022");
    check("contacts.made >= 1", "9 022");
    check("now.minute == 3", "4 022");
    check("case.dpd.days >= 1", "9 022");
    check("case.overdue_in >= 1", "5 027");
    check("exausted('s0')", "0 023");
    check("case.has_tags('a')", "0 023");
    check("borrower.overdue_in('CNY') > 1", "0 023");
    check(
        "case.dpx >= 1 && willingnes < 2 || foo()",
        "5 022, 17 022, 35 023",
    );
    hint("case.dpx >= 1", "did you mean `dpd`?");
    hint("willingnes < 20", "did you mean `willingness`?");
    hint("exausted('s0')", "did you mean `exhausted`?");
    hint("case.has_tags('a')", "did you mean `has_tag`?");
    hint("contacts.fone.made > 1", "did you mean `phone`?");
    hint("now.minute == 3", "there are: hour, weekday");
}

#[test]
fn types() {
    check("case.dpd", "0 024");
    check("case.dpd && true", "0 024");
    check("true || 1", "8 024");
    check("!case.dpd", "1 024");
    check("-(true) == 1", "2 024");
    check("case.dpd == 'x'", "0 024");
    check("case.dpd == '3'", "0 024");
    check("case.dpd == true", "0 024");
    check("case.product < 'x'", "0 024");
    check("true < false", "0 024");
    check("1 < case.dpd < 3", "0 024");
    check("case.dpd + 'x' == 1", "0 024");
    check("'a' + 'b' == 'ab'", "0 024");
    check("case.age == 3", "0 024");
    check("case.age * 2 == case.age", "0 024");
    check("case.status == borrower.kind", "0 024");
    check("case.product == case.product", "0 024");
    check("case.dpd in 3", "12 024");
    check("case.dpd in []", "12 006");
    check("case.dpd in [1, 'x', true]", "16 024, 23 024");
    check("case.dpd ? true : false", "0 024");
    check("true ? 1 : false", "0 024");
    check("true ? 1 : 2", "0 024");
    hint("true < false", "compare with `==` or `!=`");
    hint("1 < case.dpd < 3", "write `a < b && b < c`");
    hint(
        "case.age == 3",
        "a length of time is written duration(\"3d\")",
    );
    hint("case.dpd == '3'", "numbers stand without quotes");
}

#[test]
fn members() {
    check("case.status == 'opened'", "15 025");
    check("borrower.kind == 'person'", "17 025");
    // Quotes that YAML doubles count as they stand in the document.
    check("case.lender_kind in ['bank', 'banc']", "31 025");
    check("segment == 'big'", "11 025");
    check("contactability == 'gone'", "18 025");
    check("contacts.sms.last_outcome == 'answered'", "29 025");
    check("(case.dpd > 3 ? 'x' : 'y') == segment", "16 025, 24 025");
    hint("case.status == 'opend'", "did you mean `open`?");
    hint("segment == 'big'", "there are: small, rest");
}

#[test]
fn arguments() {
    check("duration('3 days') > duration('1d')", "9 009");
    check("duration() > duration('1d')", "0 027");
    check("duration('1d', '2d') > duration('1d')", "0 027");
    check("case.has_tag(3)", "13 027");
    check("exhausted(s0)", "10 027");
    check("exhausted('s1')", "10 026");
    check("exhausted('nowhere')", "10 026");
    check("case.overdue_in('cny') > 1", "16 017");
    check("case.overdue_in('USD') > 1", "16 017");
    hint("exhausted('s1')", "earlier stages are: s0");
}

#[test]
fn limits() {
    check(&format!("case.dpd >= 1{}", " ".repeat(2048)), "0 021");
    let chain = |terms: usize| vec!["true"; terms].join("||");
    check(&chain(128), "");
    check(&chain(129), "772 021");
    let nested = |n: usize| format!("{}true{}", "(".repeat(n), ")".repeat(n));
    check(&nested(32), "");
    check(&nested(33), "33 021");
    check(&format!("{}true", "!".repeat(33)), "33 021");
    let ladder_of = |n: usize| "true ? true : ".repeat(n) + "true";
    check(&ladder_of(32), "");
    check(&ladder_of(33), "455 021");
}

#[test]
fn bombs_are_refused_without_harm() {
    let bombs = [
        "(".repeat(5_000),
        "(".repeat(300) + "§",
        "!".repeat(5_000) + "true",
        "-".repeat(2_000) + "1 == 1",
        "[{!(".repeat(30),
        vec!["true"; 100_000].join("||"),
        "case".to_owned() + &".a".repeat(1_000),
        "a(".repeat(1_000),
        "1 - ".repeat(500) + "1 == 1",
        "true ? ".repeat(290),
        "1 == 1 && (".repeat(180),
    ];
    for bomb in bombs {
        let source = format!(
            "name: a\nstages: [{{name: s, enter: {}, steps: [{{channel: sms, template: reminder}}]}}]\n",
            quoted(&bomb)
        );
        assert!(!findings(&source).is_empty(), "{}", &bomb[..40]);
    }
}

#[test]
fn two_currencies_are_one_too_many() {
    let source = ladder(&["case.principal_in('CNY') > 1", "case.overdue_in('USD') > 1"]).replace(
        "small, when: case.overdue_in(\"CNY\") < 1000",
        "small, when: case.dpd < 9",
    );
    let all = findings(&source);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(
        (all[0].line, all[0].column, all[0].code),
        (10, 29, "RCP-POL-017")
    );
    let declared = format!("currency: USD\n{}", ladder(&["case.dpd > 1"]));
    assert_eq!(findings(&declared)[0].code, "RCP-POL-017");
}

#[test]
fn segments_cannot_ask_for_what_comes_after_them() {
    let with = |when: &str| {
        format!(
            "name: a\nsegments: [{{name: x, when: {}}}]\nstages: [{{name: s, enter: 'true', steps: [{{channel: sms, template: reminder}}]}}]\n",
            quoted(when)
        )
    };
    assert_eq!(findings(&with("segment == 'x'"))[0].code, "RCP-POL-018");
    assert_eq!(findings(&with("exhausted('s')"))[0].code, "RCP-POL-018");
    assert!(findings(&with("case.dpd > 3 && contacts.any.made > 2")).is_empty());
    let none = "name: a\nstages: [{name: s, enter: segment == 'x', steps: [{channel: sms, template: reminder}]}]\n";
    assert_eq!(findings(none)[0].code, "RCP-POL-022");
}
