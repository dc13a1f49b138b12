//! What must not be said to somebody who owes nothing is found however it is dressed.

use recoup_compliance::{Found, Unsayable};

const TEXT: &str = include_str!("../words/third-party.yaml");

fn found(text: &str) -> Option<String> {
    let found = Unsayable::builtin().found_in(text)?;
    Some(match found {
        Found::Word { word, .. } => word,
        Found::Amount { mark } => mark,
        Found::MixedScripts => "mixed scripts".to_owned(),
    })
}

#[test]
fn words_of_debt_are_found_however_they_are_dressed() {
    for (text, word) in [
        ("您的朋友欠我们钱", "欠"),
        ("已经逾 期", "逾期"),
        ("逾\u{200b}期", "逾期"),
        ("債務", "債"),
        ("a DEBT collector", "debt*"),
        ("Ｄｅｂｔ", "debt*"),
        ("his Loans", "loan*"),
        ("It is past-due.", "past due"),
        ("OVERDUE!", "overdue"),
        ("khoản vay của anh", "khoản vay"),
        ("задолженность", "задолж*"),
        ("tiene 5 pesos", "pesos"),
        ("call about ¥ 600", "¥"),
        ("￥600.00", "¥"),
        ("600 元", "元"),
        ("六百元", "元"),
        ("USD 12", "usd"),
        ("12,345.60 dollars", "dollars"),
        ("伍佰元", "元"),
        ("贰仟元", "元"),
        ("他被起诉了", "起诉"),
        ("法院的律师函", "律师函"),
        ("money he borrows", "borrow*"),
        ("he will pay back", "pay back"),
        ("bankruptcy", "bankrupt*"),
        ("utangnya belum", "utang*"),
        ("khoan vay", "khoan vay"),
        ("заёмщика", "заёмщик*"),
        ("em atraso", "atraso*"),
        ("sus deudas", "deuda*"),
        ("préstamos", "préstamo*"),
        ("आपका कर्ज", "कर्ज*"),
        ("किस्तें", "किस्त*"),
        ("bakaya", "bakaya"),
        ("您的loan到期", "loan*"),
        ("d\u{435}bt", "mixed scripts"),
        ("l\u{3bf}an", "mixed scripts"),
    ] {
        assert_eq!(found(text).as_deref(), Some(word), "{text}");
    }
}

#[test]
fn no_invisible_character_hides_a_word() {
    let invisible = [
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{1160}',
        '\u{17b4}',
        '\u{17b5}',
        '\u{180b}',
        '\u{180f}',
        '\u{200b}',
        '\u{202a}',
        '\u{202e}',
        '\u{2065}',
        '\u{206f}',
        '\u{3164}',
        '\u{fe00}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{e0000}',
        '\u{e0041}',
        '\u{e0fff}',
    ];
    for c in invisible {
        let texts = [(format!("de{c}bt"), "debt*"), (format!("逾{c}期"), "逾期")];
        for (text, word) in texts {
            assert_eq!(
                found(&text).as_deref(),
                Some(word),
                "{}",
                c.escape_unicode()
            );
        }
    }
}

#[test]
fn what_may_be_said_is_let_through() {
    for text in [
        "This is Ana Li. I try to reach Mr Sloane. Please ask him to call +1 202 555 0100.",
        "您好，我是李安。请转告张三先生回电 010-12345678，谢谢。",
        "Bowen, Powell, Payne, Collect Street 5",
        "Chúng tôi cần liên lạc với anh Minh.",
        "Пожалуйста, попросите Ивана перезвонить Ana Li.",
        "कृपया काम कर जल्दी फोन करें",
        "",
    ] {
        assert_eq!(found(text), None, "{text}");
    }
}

#[test]
fn the_institution_is_withheld_where_law_says_so() {
    let words = Unsayable::builtin();
    for region in ["US", "US-CA", "US-MA"] {
        assert!(words.withholds_institution(region).is_some(), "{region}");
    }
    assert!(words.withholds_institution("CN").is_none());
    assert!(Unsayable::names("here is  DEMO-bank, hello", "Demo Bank"));
    assert!(!Unsayable::names("here is demo", "Demo Bank"));
    assert!(Unsayable::names("这里是Demo Bank。", "Demo Bank"));
    assert!(Unsayable::names("Demo Bank입니다", "Demo Bank"));
    assert!(!Unsayable::names("Demo Banking", "Demo Bank"));
}

#[test]
fn a_list_that_is_not_whole_is_refused_by_its_place() {
    let bad = TEXT.replacen("words: [欠", "words: [\"**\", 欠", 1);
    let error = Unsayable::parse("w.yaml", &bad).expect_err("an empty word");
    assert_eq!(error.rule.as_deref(), Some("debt-zh"));
    let bad = TEXT.replacen("language: zh", "tongue: zh", 1);
    let error = Unsayable::parse("w.yaml", &bad).expect_err("an unknown key");
    assert!(
        error.line.is_some() && error.problem.contains("tongue"),
        "{error}"
    );
}

#[test]
fn a_word_stands_for_itself_alone_unless_it_is_left_open() {
    // `owe`, `lent`, `credit` and `pay off` are whole words, `debt*` is not.
    for text in [
        "Owen Lentz",
        "Accreditation",
        "creditable",
        "pay offer",
        "pay",
        "off pay",
        "past, due",
    ] {
        let whole = text == "past, due";
        assert_eq!(found(text).is_some(), whole, "{text}");
    }
    assert_eq!(found("indebt").as_deref(), None);
    assert_eq!(found("debtless").as_deref(), Some("debt*"));
    assert_eq!(found("pay  off").as_deref(), Some("pay off"));
    assert_eq!(found("do pay off now").as_deref(), Some("pay off"));
}

#[test]
fn a_number_is_an_amount_only_beside_its_mark() {
    for (text, mark) in [
        ("￡600", "£"),
        ("600 €", "€"),
        ("$ - 5", "$"),
        ("5 usd", "usd"),
        ("usd:5", "usd"),
        ("5人民币", "人民币"),
        ("rs. 5", "rs"),
        ("5.元", "元"),
        ("5,块", "块"),
        ("5:塊", "塊"),
        ("+5-元", "元"),
        ("5+元", "元"),
    ] {
        assert_eq!(found(text).as_deref(), Some(mark), "{text}");
    }
    // A unit follows its number; a word stands by itself; something else may stand between.
    for text in [
        "公元2026年",
        "元 5",
        "5 susda",
        "5 usda",
        "5 susd",
        "usd",
        "$",
        "元",
        "5/usd",
        "$ x 5",
        "元旦",
    ] {
        assert_eq!(found(text), None, "{text}");
    }
}

#[test]
fn what_is_found_is_told_without_the_text() {
    let words = Unsayable::builtin();
    let told = |text: &str| words.found_in(text).unwrap().to_string();
    let told_of_debt = told("his debts");
    assert!(
        told_of_debt.starts_with("the word of debt `debt*` (debt-en: 15 USC 1692b"),
        "{told_of_debt}"
    );
    assert_eq!(told("5 usd"), "an amount of money (a number beside `usd`)");
    assert_eq!(
        told("d\u{435}bt"),
        "a word that mixes Latin letters with Cyrillic or Greek ones"
    );
}

#[test]
fn nothing_has_no_name() {
    assert!(!Unsayable::names("anything -- at all", "--"));
    assert!(!Unsayable::names("anything", ""));
    assert!(Unsayable::names("小明银行，您好", "明银行"));
    assert!(!Unsayable::names("小明，您好", "明银行"));
    let whole = Unsayable::builtin().withholds_institution("US-NY").unwrap();
    assert_eq!(whole.id, "US-REGF-1006.10b");
}

#[test]
fn a_list_says_where_its_words_come_from() {
    let list = |language: &str, why: &str, words: &str| {
        format!(
            "forbidden:\n  - {{id: one, language: '{language}', citation: c, why: '{why}', words: {words}}}\n\
             money: {{symbols: [], units: [], words: []}}\ninstitution_withheld: []\n"
        )
    };
    assert!(Unsayable::parse("w.yaml", &list("en", "It tells.", "[x]")).is_ok());
    for wrong in [
        list(" ", "It tells.", "[x]"),
        list("en", "", "[x]"),
        list("en", "It tells.", "[]"),
    ] {
        let error = Unsayable::parse("w.yaml", &wrong).unwrap_err();
        assert_eq!(error.rule.as_deref(), Some("one"));
        assert_eq!(
            error.problem,
            "language, citation, why and words must all be there"
        );
    }
}

#[test]
fn other_forms_of_letters_hide_nothing() {
    for (text, word) in [
        ("\u{1d41d}\u{1d41e}\u{1d41b}\u{1d42d}", "debt*"), // bold
        ("\u{24d3}\u{24d4}\u{24d1}\u{24e3}", "debt*"),     // circled
        ("\u{ff24}\u{ff25}\u{ff22}\u{ff34}", "debt*"),     // full-width
        ("de\u{2063}\u{1d41b}t", "debt*"),
        ("di\u{301}vida", "dívida*"),  // the accent apart
        ("\u{2460}\u{2465} 元", "元"), // circled digits
        ("5 \u{20a8}", "rs"),
        ("\u{ffe6}500", "₩"),
        ("\u{fe69}500", "$"),
        ("\u{1d4f8}\u{1d500}\u{1d4ee}", "owe"),
    ] {
        assert_eq!(found(text).as_deref(), Some(word), "{text}");
    }
}
