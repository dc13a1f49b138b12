//! Whoever works under Chinese rules reads them in Chinese.

use jiff::civil::time;
use recoup_compliance::{MissingYear, Numbers, Packs, Span, Why};

#[test]
fn every_rule_of_china_and_of_the_house_is_told_in_chinese() {
    let packs = Packs::builtin();
    let mut told = 0;
    for pack in packs
        .packs()
        .iter()
        .filter(|p| ["cn", "house"].contains(&p.id()))
    {
        for rule in pack.rules() {
            let text = rule
                .text_in_chinese()
                .unwrap_or_else(|| panic!("{} has no text_zh", rule.id()));
            let han = text
                .chars()
                .filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c))
                .count();
            assert!(han >= 8, "{}: {text}", rule.id());
            assert!(
                !text.ends_with(['。', '.']),
                "{}: ends as a sentence of its own",
                rule.id()
            );
            let citation = rule.citation_in_chinese();
            let citation = citation.unwrap_or_else(|| panic!("{} has no citation_zh", rule.id()));
            assert!(!citation.is_empty(), "{}", rule.id());
            no_english(citation);
            no_english(text);
            told += 1;
        }
    }
    assert_eq!(told, 27);
}

#[test]
fn the_numbers_of_every_rule_are_told_in_chinese() {
    let packs = Packs::builtin();
    let numbers: Vec<_> = packs.rules().filter_map(|r| r.limit()).collect();
    for numbers in &numbers {
        let said = numbers.in_chinese();
        no_english(&said);
        let digits = |said: &str| {
            let mut digits: Vec<char> = said.chars().filter(char::is_ascii_digit).collect();
            digits.sort_unstable();
            digits
        };
        assert_eq!(
            digits(&said),
            digits(&numbers.to_string()),
            "{said}: {numbers}"
        );
    }
}

#[test]
fn numbers_are_told_so() {
    let packs = Packs::builtin();
    let of = |id: &str| {
        let rule = packs.rules().find(|r| r.id() == id);
        rule.and_then(|rule| rule.limit())
            .unwrap_or_else(|| panic!("{id}"))
    };
    for (id, expected) in [
        ("CN-GBT45251-TIME", "每日08:00至22:00"),
        ("CN-GBT45251-FREQ3", "每日最多 3 次"),
        ("US-REGF-1006.14b2iA", "7 天内最多 7 次"),
        ("US-REGF-1006.14b2iB", "其后 7 天内不得联系，当天计为第一天"),
        (
            "ID-POJK22-62-HOURS",
            "周一至周六08:00至20:00，周日不开放，节假日不开放",
        ),
        ("CN-HOUSE-HOLIDAYS", "每日00:00至24:00，节假日不开放"),
        ("CN-HOUSE-NOON", "不得在12:00至14:00联系"),
        (
            "RU-230FZ-CALLS",
            "1 天内最多 1 次，7 天内最多 2 次，31 天内最多 8 次",
        ),
        ("US-REGF-1006.10c", "总共最多 1 次"),
        ("US-REGF-1006.14b2iA-168H", "168 小时内最多 7 次"),
        ("TW-CNY-PAUSE", "不得在 2026-02-14 至 2026-02-22 期间联系"),
    ] {
        assert_eq!(of(id).in_chinese(), expected, "{id}");
    }
    let to_the_second = Span(time(8, 0, 30, 0), Some(time(9, 0, 0, 0)));
    let at_night = Span(time(22, 0, 0, 0), None);
    let times = Numbers::NotAt(vec![(to_the_second, true), (at_night, false)]);
    assert_eq!(
        times.to_string(),
        "none from 08:00:30 to 09:00 on some days, 22:00 to 24:00"
    );
    assert_eq!(
        times.in_chinese(),
        "不得在08:00:30至09:00（仅限部分日子）、22:00至24:00联系"
    );
}

#[test]
fn why_a_rule_finds_no_time_is_told_in_chinese() {
    let none = Why::NoCommonWindow.in_chinese();
    assert_eq!(
        none,
        "NO_COMMON_WINDOW：各候选时区的允许时段没有共同时刻，须由人工决定"
    );
    let lacks = Why::CalendarLacks(MissingYear {
        calendar: "cn".to_owned(),
        year: 2031,
    });
    assert_eq!(
        lacks.in_chinese(),
        "CALENDAR_YEAR_MISSING：日历文件 `cn` 缺少 2031 年，请按公布的安排补入"
    );
}

/// Words of English are none; capitals are names and codes.
fn no_english(said: &str) {
    let words = said.split(|c: char| !c.is_ascii_alphabetic());
    let found: Vec<&str> = words
        .filter(|w| w.len() > 1 && w.chars().any(|c| c.is_ascii_lowercase()))
        .collect();
    assert!(found.is_empty(), "{found:?} in `{said}`");
}
