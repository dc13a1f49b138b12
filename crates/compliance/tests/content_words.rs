//! What counts as said: a phrase within a clause, a name in a row.

use jiff::civil::date;
use recoup_compliance::content::{Earlier, Marks, Said, Sender, lacking};
use recoup_compliance::{Binding, Packs};
use recoup_domain::case::LenderKind;
use recoup_domain::contact::{ContactClass, Reader};

fn marks() -> Marks {
    Marks::default()
}

fn said(class: ContactClass, reader: Reader, body: &str) -> Said<'_> {
    Said {
        class,
        reader,
        day: date(2026, 12, 1),
        earlier: Earlier::Nothing,
        subject: "",
        body,
        approval: None,
    }
}

fn bind(region: &str, lender: LenderKind) -> Binding {
    Packs::builtin().bind(region, &[], lender).unwrap()
}

fn lacks(binding: &Binding, said: &Said<'_>) -> Vec<String> {
    let marks = marks();
    let sender = Sender {
        name: "Harbor Credit",
        marks: &marks,
    };
    let all = lacking(binding.content(), said, &sender);
    all.iter().map(|l| l.duty.id().to_owned()).collect()
}

#[test]
fn words_on_both_sides_of_a_mark_are_no_phrase() {
    let binding = bind("US-TX", LenderKind::Bank);
    let of = |body: &str| lacks(&binding, &said(ContactClass::Sms, Reader::Obligor, body));
    for body in [
        "You did not reply. Stop ignoring us.",
        "We had no reply! Stop this.",
        "Why no reply? Stop it",
        "No reply； stop it",
        "no reply，stop it",
        "no reply。stop it",
        "No reply\nStop it",
        "No reply\r\nStop it",
        "No reply\u{2028}Stop it",
        // What stands for a variable of a template.
        "reply \u{0} stop",
    ] {
        assert_eq!(of(body), ["US-REGF-1006.6e"], "{body}");
    }
    for body in [
        "Call Acme Co. or reply STOP.",
        "Pay.REPLY: STOP!",
        "(Reply “STOP”)",
        "Re\u{200b}ply\u{a0}STOP, please",
    ] {
        assert_eq!(of(body), [""; 0], "{body}");
    }
}

#[test]
fn a_name_is_named_by_its_own_characters_in_a_row() {
    let binding = bind("IN", LenderKind::Bank);
    let names = |name: &str, body: &str| {
        let marks = marks();
        let sender = Sender {
            name,
            marks: &marks,
        };
        let call = said(ContactClass::Phone, Reader::Obligor, body);
        lacking(binding.content(), &call, &sender).is_empty()
    };
    for (name, body) in [
        ("中信", "这里是中信。"),
        ("中信", "这里是中 信"),
        ("中信", "中\u{3000}\u{200b}信"),
        ("港湾Credit", "这里是港湾 ＣＲＥＤＩＴ"),
        ("招商银行（中国）", "招商银行(中国)提醒您"),
        ("Harbor Credit", "harbor-credit calls"),
        ("J.P. Harbor, Inc.", "This is J.P. Harbor, Inc. calling"),
        ("Harbor\nCredit", "This is Harbor\nCredit"),
    ] {
        assert!(names(name, body), "{name}: {body}");
    }
    for (name, body) in [
        ("中信", "请在途中，信用"),
        ("中信", "中、信"),
        ("中信", "中·信"),
        ("中信", "中（信）"),
        ("中信", "途中\n信用"),
        ("中信", "中\u{0}信"),
        ("Harbor Credit", "In the harbor. Credit is short."),
        ("Harbor Credit", "harbor \u{0} credit"),
        ("J.P. Harbor", "J.P.! Harbor"),
        ("J.P. Harbor", "J.\u{0}P. Harbor"),
        ("", "Harbor"),
        ("!", "Harbor!"),
    ] {
        assert!(!names(name, body), "{name}: {body}");
    }
}
