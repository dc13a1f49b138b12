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

/// A text to a debtor that an agency owes every duty of the federal law, with what is asked about left out.
fn lacks_of_agency(body: &str) -> Vec<String> {
    let binding = bind("US-TX", LenderKind::Agency);
    lacks(&binding, &said(ContactClass::Sms, Reader::Obligor, body))
}

#[test]
fn what_a_clause_denies_is_not_said() {
    let told = "This is an attempt to collect a debt. What you say will be used for that purpose.";
    for way_out in [
        "You cannot opt out of these texts.",
        "You can not opt out.",
        "You can't ever unsubscribe.",
        "You can’t unsubscribe.",
        "There is no opt-out here.",
        "There is no way for you to opt out.",
        "We are unable to let you: no unsubscribe link.",
        "To opt out is not possible.",
        "Unsubscribe not available.",
        "Reply STOP will not work.",
        "Do not reply STOP.",
        "No puede darse de baja.",
        "Usted no tiene forma de cancelar la suscripción.",
        "Opt out? Not here.",
    ] {
        let body = format!("{told} {way_out}");
        assert_eq!(lacks_of_agency(&body), ["US-REGF-1006.6e"], "{way_out}");
    }
    for way_out in [
        "Reply STOP to opt out.",
        "If you do not want these texts reply STOP.",
        "To not get these, text STOP.",
        "No more texts? Text STOP.",
        "You cannot opt out by phone. To opt out, reply STOP.",
        "You can opt out any time.",
        "On this link unsubscribe.",
        "T reply STOP to end.",
        "To opt out: example.com/o",
        "Unsubscribe: example.com/u. It is free, no fee.",
        "Para no recibir más mensajes responda STOP.",
        "Puede darse de baja en example.com.",
    ] {
        let body = format!("{told} {way_out}");
        assert_eq!(lacks_of_agency(&body), [""; 0], "{way_out}");
    }
}

#[test]
fn who_denies_to_collect_a_debt_has_not_told_it() {
    let first = "US-REGF-1006.18e1";
    for (told, lacking) in [
        (
            "This is not an attempt to collect a debt. It is used for that purpose.",
            vec![first],
        ),
        (
            "This is an attempt to collect a debt. Nothing you say will be used for that purpose.",
            vec![],
        ),
        (
            "This is an attempt to collect a debt. What you say will not be used for that purpose.",
            vec![first],
        ),
        (
            "Do not ignore this attempt to collect a debt. What you say is used for that purpose.",
            vec![],
        ),
    ] {
        assert_eq!(
            lacks_of_agency(&format!("{told} Reply STOP.")),
            lacking,
            "{told}"
        );
    }
    let binding = bind("US-TX", LenderKind::Agency);
    let later = |body: &str| {
        let sms = Said {
            earlier: Earlier::Reached,
            ..said(ContactClass::Sms, Reader::Obligor, body)
        };
        lacks(&binding, &sms)
    };
    assert_eq!(
        later("We are not a debt collector. Reply STOP."),
        ["US-REGF-1006.18e2"]
    );
    assert_eq!(
        later("This is not from a debt collector. Reply STOP."),
        ["US-REGF-1006.18e2"]
    );
    assert_eq!(
        later("Please do not ignore a debt collector. Reply STOP."),
        [""; 0]
    );
    assert_eq!(
        later("From a debt collector not a bank. Reply STOP."),
        [""; 0]
    );
}

#[test]
fn a_phrase_of_han_is_denied_by_what_stands_before_it_or_behind() {
    let pack = "pack: t\ntitle: T\nregions: [XX]\nrules: []\ncontent:\n  - id: T-OUT\n    text: Offers a way out.\n    \
                citation: none\n    cited: 2026-01-01\n    severity: hard\n    confidence: M\n    channels: [sms]\n    \
                message: every\n    demand: {says: [{zh: [退订]}]}\n";
    let packs = Packs::parse(&[("t.yaml", pack)]).unwrap();
    let binding = packs.bind("XX", &[], LenderKind::Bank).unwrap();
    let is_said =
        |body: &str| lacks(&binding, &said(ContactClass::Sms, Reader::Obligor, body)).is_empty();
    for body in [
        "回复T退订",
        "如不需要请回复TD即可退订",
        "退订回T",
        "不再打扰。退订回T",
        "若不想再收请回复退订",
    ] {
        assert!(is_said(body), "{body}");
    }
    for body in [
        "本短信不能退订",
        "无法退订",
        "不支持短信退订",
        "本行不提供短信等退订",
        "退订不可用",
    ] {
        assert!(!is_said(body), "{body}");
    }
}

#[test]
fn a_text_that_denies_is_told_so() {
    let binding = bind("US-TX", LenderKind::Bank);
    let marks = marks();
    let sender = Sender {
        name: "Harbor Credit",
        marks: &marks,
    };
    let sms = said(
        ContactClass::Sms,
        Reader::Obligor,
        "You can not unsubscribe.",
    );
    let all = lacking(binding.content(), &sms, &sender);
    let told = all[0].to_string();
    assert!(told.contains("beside its `unsubscribe`"), "{told}");
    // A name is named whatever is said of it.
    let call = said(
        ContactClass::Phone,
        Reader::Obligor,
        "This is not about Harbor Credit.",
    );
    assert!(lacking(binding.content(), &call, &sender).is_empty());
}
