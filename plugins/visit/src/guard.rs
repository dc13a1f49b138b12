//! Calendars sync to private phones: an event's text never tells what somebody owes.

/// Marks that stand before or after an amount, in lower case.
const SYMBOLS: [&str; 11] = ["¥", "$", "€", "£", "₩", "₹", "₱", "₫", "฿", "₺", "₽"];
/// Characters that follow an amount.
const UNITS: [&str; 5] = ["元", "圆", "圓", "块钱", "塊錢"];
/// Words for a currency, as words of their own.
const WORDS: [&str; 26] = [
    "cny",
    "rmb",
    "usd",
    "ntd",
    "twd",
    "hkd",
    "eur",
    "gbp",
    "jpy",
    "inr",
    "idr",
    "php",
    "vnd",
    "thb",
    "myr",
    "sgd",
    "rp",
    "rs",
    "yuan",
    "dollar",
    "dollars",
    "euro",
    "euros",
    "rupees",
    "pesos",
    "人民币",
];

/// The first amount of money in a text, as far as its mark; `None` where there is none.
pub(crate) fn amount_in(text: &str) -> Option<&'static str> {
    let plain: Vec<char> = text
        .chars()
        .map(narrow)
        .flat_map(char::to_lowercase)
        .collect();
    let symbol = SYMBOLS
        .iter()
        .find(|mark| stands(&plain, mark, Side::Either, false));
    let unit = UNITS
        .iter()
        .find(|mark| stands(&plain, mark, Side::Before, false));
    let word = WORDS
        .iter()
        .find(|mark| stands(&plain, mark, Side::Either, true));
    symbol.or(unit).or(word).copied()
}

/// On which side of a mark the number is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    Either,
}

/// True where the mark stands beside a number; a whole word where `is_word`.
fn stands(text: &[char], mark: &str, side: Side, is_word: bool) -> bool {
    let mark: Vec<char> = mark.chars().collect();
    let hits = text
        .windows(mark.len())
        .enumerate()
        .filter(|(_, window)| *window == mark);
    hits.map(|(at, _)| (&text[..at], &text[at + mark.len()..]))
        .any(|(before, after)| {
            let letter = |c: Option<&char>| c.is_some_and(char::is_ascii_alphabetic);
            if is_word && (letter(before.last()) || letter(after.first())) {
                return false;
            }
            let number_before = before
                .iter()
                .rev()
                .find(|c| !is_filler(**c))
                .is_some_and(is_number);
            let number_after = after
                .iter()
                .find(|c| !is_filler(**c))
                .is_some_and(is_number);
            number_before || (side == Side::Either && number_after)
        })
}

/// What may stand between a number and its mark.
fn is_filler(c: char) -> bool {
    c.is_whitespace() || matches!(c, '.' | ',' | ':' | '：' | '，' | '(' | ')' | '+' | '-')
}

fn is_number(c: &char) -> bool {
    c.is_numeric() || "零一二三四五六七八九十百千万萬亿億两兩壹贰叁肆伍陆柒捌玖拾佰仟".contains(*c)
}

/// Full-width forms as their narrow ones.
fn narrow(c: char) -> char {
    match c {
        '！'..='～' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '￥' => '¥',
        '￡' => '£',
        '￦' => '₩',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_seen_in_every_dress() {
        for text in [
            "欠款 1,234.50 元",
            "欠款５００元",
            "五千元整",
            "3万元",
            "金额：¥ 88",
            "￥88",
            "NT$1,000",
            "US$ 20.5",
            "＄20",
            "20$",
            "CNY500",
            "500 cny",
            "RMB: 500",
            "Rp 1.000.000",
            "人民币500",
            "pay 20 dollars",
            "€ 7",
        ] {
            assert!(amount_in(text).is_some(), "{text}");
        }
    }

    #[test]
    fn other_numbers_may_stand() {
        for text in [
            "外访 张三",
            "2单元301室",
            "2026-11-24 10:00",
            "3 persons at door 5",
            "call +861012345678",
            "用户 5 corps 20",
            "元旦前上门",
            "contract 2026-01, 2 visits",
            "",
        ] {
            assert_eq!(amount_in(text), None, "{text}");
        }
    }
}
