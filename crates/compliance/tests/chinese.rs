//! Whoever works under Chinese rules reads them in Chinese.

use recoup_compliance::Packs;

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
            told += 1;
        }
    }
    assert_eq!(told, 27);
}
