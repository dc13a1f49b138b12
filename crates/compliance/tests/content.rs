//! What a message must say: each duty of each pack with a text that does it, and the same text without the words,
//! which does not.

#[path = "support/cases.rs"]
mod cases;
mod support;

use cases::cases;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use recoup_compliance::content::{
    Approval, Demand, Earlier, Licence, Marks, Said, Sender, Signature, Which, lacking,
    lacking_in_template, may_be_first, not_approved,
};
use recoup_compliance::{Binding, Packs};
use recoup_domain::case::LenderKind;
use recoup_domain::contact::{ContactClass, ContactState, Reader};
use recoup_domain::ids::KeyedHash;
use recoup_domain::outcome::Outcome;
use recoup_domain::past::PastContact;
use support::{DEBT, OTHER_DEBT, PERSON, SOMEBODY_ELSE, at, inbound, made};

const DAY: Date = date(2026, 12, 1);
const NAME: &str = "Harbor Credit";

fn marks() -> Marks {
    Marks {
        licences: vec![Licence {
            region: "US-CA".into(),
            number: "10101-99".into(),
        }],
        signatures: vec![Signature {
            signature: "港湾".into(),
            templates: vec!["SMS_1".into()],
        }],
    }
}

fn said(class: ContactClass, reader: Reader, body: &str) -> Said<'_> {
    Said {
        class,
        reader,
        day: DAY,
        earlier: Earlier::Nothing,
        subject: "",
        body,
        approval: Some(Approval {
            signature: "港湾",
            template: "SMS_1",
        }),
    }
}

fn bind(region: &str, lender: LenderKind) -> Binding {
    Packs::builtin().bind(region, &[], lender).unwrap()
}

/// The ids of what a message lacks.
fn lacks(binding: &Binding, said: &Said<'_>) -> Vec<String> {
    let marks = marks();
    let sender = Sender {
        name: NAME,
        marks: &marks,
    };
    let all = lacking(binding.content(), said, &sender);
    all.iter().map(|l| l.duty.id().to_owned()).collect()
}

/// A duty, where and by whom it is asked, a text that does it, and the words of the text that do.
struct Case {
    duty: &'static str,
    region: &'static str,
    lender: LenderKind,
    class: ContactClass,
    reader: Reader,
    earlier: Earlier,
    text: &'static str,
    words: &'static [&'static str],
}

const CASE: Case = Case {
    duty: "",
    region: "US-TX",
    lender: LenderKind::Bank,
    class: ContactClass::Sms,
    reader: Reader::Obligor,
    earlier: Earlier::Nothing,
    text: "",
    words: &[],
};

const TABLE: &[Case] = &[
    Case {
        duty: "US-REGF-1006.6e",
        text: "Please pay. ＲＥＰＬＹ  stop to end texts.",
        words: &["ＲＥＰＬＹ  stop", "stop to end"],
        ..CASE
    },
    Case {
        duty: "US-REGF-1006.6e",
        class: ContactClass::Email,
        text: "Please pay. You can Opt-Out here.",
        words: &["Opt-Out"],
        ..CASE
    },
    Case {
        duty: "US-REGF-1006.14g",
        class: ContactClass::Phone,
        text: "This is HARBOR credit, calling about your loan.",
        words: &["HARBOR"],
        ..CASE
    },
    Case {
        duty: "US-REGF-1006.18e1",
        lender: LenderKind::Agency,
        text: "This is an attempt to collect a debt, and any information will be used for that purpose. \
               Text STOP to stop.",
        words: &["attempt to collect a debt"],
        ..CASE
    },
    Case {
        duty: "US-REGF-1006.18e1",
        lender: LenderKind::Agency,
        class: ContactClass::Phone,
        text: "Harbor Credit, trying to collect a debt. What you say will be used for that purpose.",
        words: &["used for that purpose"],
        ..CASE
    },
    Case {
        duty: "US-REGF-1006.18e2",
        lender: LenderKind::Agency,
        earlier: Earlier::Reached,
        text: "This is from a debt collector. Reply STOP.",
        words: &["debt collector"],
        ..CASE
    },
    Case {
        duty: "US-REGF-1006.10b1",
        reader: Reader::ThirdParty,
        text: "I call to confirm how Mr Li is reached.",
        words: &["confirm how"],
        ..CASE
    },
    Case {
        duty: "US-CA-LICENSE",
        region: "US-CA",
        lender: LenderKind::FirstParty,
        text: "Licence 10101-99. Reply STOP to end texts.",
        words: &["10101-99"],
        ..CASE
    },
    Case {
        duty: "CN-GBT45251-IDENTITY",
        region: "CN",
        text: "【港湾】这里是Harbor Credit，提醒您还款。",
        words: &["Harbor Credit"],
        ..CASE
    },
    Case {
        duty: "CN-SMS-SIGNATURE",
        region: "CN",
        text: "Harbor Credit 提醒您还款。【港湾】",
        words: &["【港湾】"],
        ..CASE
    },
    Case {
        duty: "IN-RBI2022-ANONYMOUS",
        region: "IN",
        class: ContactClass::Phone,
        text: "This is Harbor Credit.",
        words: &["Harbor"],
        ..CASE
    },
    Case {
        duty: "TW-THIRD-IDENTITY",
        region: "TW",
        reader: Reader::ThirdParty,
        text: "這裡是 Harbor Credit，請轉告林先生回電。",
        words: &["Harbor"],
        ..CASE
    },
];

#[test]
fn each_duty_is_done_by_a_text_and_undone_without_its_words() {
    for case in TABLE {
        let binding = bind(case.region, case.lender);
        let of = |text: &str| {
            let said = Said {
                earlier: case.earlier,
                ..said(case.class, case.reader, text)
            };
            lacks(&binding, &said)
        };
        assert_eq!(of(case.text), [""; 0], "{}", case.duty);
        let mut without = case.text.to_owned();
        for word in case.words {
            assert!(case.text.contains(word), "{word}");
            without = without.replace(word, "…");
        }
        assert_eq!(of(&without), [case.duty], "{without}");
    }
    // No duty of any pack is left out.
    let all = Packs::builtin().packs().iter().flat_map(|p| p.content());
    for duty in all {
        assert!(TABLE.iter().any(|c| c.duty == duty.id()), "{}", duty.id());
    }
}

#[test]
fn a_lack_says_which_duty_and_what_would_be_right() {
    let sms = said(ContactClass::Sms, Reader::Obligor, "Pay.");
    let none = Marks::default();
    let sender = Sender {
        name: NAME,
        marks: &none,
    };
    let binding = bind("US-CA", LenderKind::FirstParty);
    let lacks = lacking(binding.content(), &sms, &sender);
    let said: Vec<String> = lacks.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "US-REGF-1006.6e (12 CFR 1006.6(e)): the text says none of `reply stop`, `responda stop`, `text stop`, \
             `responda alto`, …",
            "US-CA-LICENSE (Civ. Code 1788.11): the lender has no licence number for US-CA; the configuration \
             gives one in [[tenant.licence]]",
        ]
    );
}

#[test]
fn a_part_of_a_word_and_a_subject_that_nobody_reads_are_not_enough() {
    let binding = bind("US-TX", LenderKind::Bank);
    for body in [
        "reply stopwatch",
        "opting out",
        "un subscribe",
        "ЅТОР: reply ЅТОР",
    ] {
        let sms = said(ContactClass::Sms, Reader::Obligor, body);
        assert_eq!(lacks(&binding, &sms), ["US-REGF-1006.6e"], "{body}");
    }
    let hidden = Said {
        subject: "reply stop",
        ..said(ContactClass::Sms, Reader::Obligor, "Pay.")
    };
    assert_eq!(lacks(&binding, &hidden), ["US-REGF-1006.6e"]);
    let shown = Said {
        class: ContactClass::Email,
        ..hidden
    };
    assert_eq!(lacks(&binding, &shown), [""; 0]);
}

#[test]
fn where_the_state_is_not_known_the_duties_of_all_states_bind() {
    let text = "Reply STOP to end texts.";
    let sms = said(ContactClass::Sms, Reader::Obligor, text);
    let of = |region| lacks(&bind(region, LenderKind::FirstParty), &sms);
    assert_eq!(of("US"), ["US-CA-LICENSE"]);
    assert_eq!(of("US-TX"), [""; 0]);
    let packs = Packs::builtin();
    let moved = packs.bind("US-TX", &["US-CA".into()], LenderKind::FirstParty);
    assert_eq!(lacks(&moved.unwrap(), &sms), ["US-CA-LICENSE"]);
    // A bank has no such licence.
    assert_eq!(lacks(&bind("US-CA", LenderKind::Bank), &sms), [""; 0]);
}

#[test]
fn a_region_of_the_person_tells_the_part_of_the_jurisdiction() {
    let ids = |jurisdiction: &str, regions: &[&str]| {
        let regions: Vec<String> = regions.iter().map(|r| (*r).to_owned()).collect();
        let binding = Packs::builtin().bind(jurisdiction, &regions, LenderKind::FirstParty);
        let binding = binding.unwrap();
        let packs = binding.content().iter().map(|d| d.pack().to_owned());
        let mut packs: Vec<String> = packs.collect();
        packs.dedup();
        let rules = binding.rules().iter().any(|r| r.pack() == "us-ca");
        (packs, rules)
    };
    for (jurisdiction, regions, packs, rules) in [
        ("US", &[][..], &["us-fed", "us-ca"][..], true),
        // The rules of the gate bind as they did.
        ("US", &["US-TX"], &["us-fed"], true),
        ("US", &["US-CA"], &["us-fed", "us-ca"], true),
        ("US", &["US-TX", "US-CA"], &["us-fed", "us-ca"], true),
        // Somewhere in the country tells no part of it.
        ("US", &["US"], &["us-fed", "us-ca"], true),
        ("US", &["US-TX", "US"], &["us-fed", "us-ca"], true),
        // A region elsewhere tells nothing of the jurisdiction.
        ("US", &["CN"], &["cn", "us-fed", "us-ca"], true),
        ("US", &["CN", "US-TX"], &["cn", "us-fed"], true),
        ("US-TX", &["US-CA"], &["us-fed", "us-ca"], true),
        ("US-CA", &["US-TX"], &["us-fed", "us-ca"], true),
        ("US-TX", &["US-TX"], &["us-fed"], false),
    ] {
        let (mut found, ca) = ids(jurisdiction, regions);
        found.sort();
        let mut expected = packs.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{jurisdiction} {regions:?}");
        assert_eq!(ca, rules, "{jurisdiction} {regions:?}");
    }
}

#[test]
fn the_fuller_text_is_asked_until_a_message_is_known_to_have_arrived() {
    let agency = bind("US-TX", LenderKind::Agency);
    let of = |earlier, text| {
        let call = Said {
            earlier,
            ..said(ContactClass::Phone, Reader::Obligor, text)
        };
        lacks(&agency, &call)
    };
    let (first, later) = ("US-REGF-1006.18e1", "US-REGF-1006.18e2");
    let full = "Harbor Credit. An attempt to collect a debt; it will be used for that purpose.";
    let short = "Harbor Credit, a debt collector.";
    assert_eq!(of(Earlier::Nothing, short), [first]);
    assert_eq!(of(Earlier::Perhaps, short), [first]);
    assert_eq!(of(Earlier::Reached, short), [""; 0]);
    assert_eq!(of(Earlier::Nothing, full), [""; 0]);
    assert_eq!(of(Earlier::Perhaps, full), [later]);
    assert_eq!(of(Earlier::Reached, full), [later]);
    // A creditor in its own name says neither.
    let own = bind("US-TX", LenderKind::FirstParty);
    let call = said(ContactClass::Phone, Reader::Obligor, "Harbor Credit.");
    assert_eq!(lacks(&own, &call), [""; 0]);
}

#[test]
fn only_what_is_known_to_have_arrived_is_an_earlier_message() {
    let when = at("2026-11-01T12:00:00Z");
    let of = |past: &[PastContact]| Earlier::of(past, DEBT, PERSON, |_| true);
    let sms = |outcome| made(ContactClass::Sms, when, outcome);
    let call = |outcome| made(ContactClass::Phone, when, outcome);
    for (past, expected) in [
        (vec![], Earlier::Nothing),
        (vec![sms(Outcome::Undelivered)], Earlier::Nothing),
        (vec![call(Outcome::NoAnswer)], Earlier::Nothing),
        (vec![sms(Outcome::Unknown)], Earlier::Perhaps),
        (vec![call(Outcome::Voicemail)], Earlier::Perhaps),
        (vec![call(Outcome::ThirdPartyAnswered)], Earlier::Perhaps),
        (vec![sms(Outcome::Delivered)], Earlier::Reached),
        (vec![call(Outcome::Conversation)], Earlier::Reached),
        (
            vec![sms(Outcome::Delivered), sms(Outcome::Unknown)],
            Earlier::Reached,
        ),
        (
            vec![made(ContactClass::Legal, when, Outcome::Filed)],
            Earlier::Nothing,
        ),
        (
            vec![inbound(
                ContactClass::Phone,
                when,
                Outcome::InboundNoDiscussion,
            )],
            Earlier::Nothing,
        ),
    ] {
        assert_eq!(of(&past), expected, "{past:?}");
    }
    let delivered = sms(Outcome::Delivered);
    let under_way = PastContact {
        outcome: None,
        state: Some(ContactState::Accepted),
        ..delivered.clone()
    };
    assert_eq!(of(&[under_way]), Earlier::Perhaps);
    let never_sent = PastContact {
        outcome: None,
        state: Some(ContactState::Planned),
        ..delivered.clone()
    };
    assert_eq!(of(&[never_sent]), Earlier::Nothing);
    assert_eq!(
        Earlier::of(
            std::slice::from_ref(&delivered),
            DEBT,
            SOMEBODY_ELSE,
            |_| true
        ),
        Earlier::Nothing
    );
    assert_eq!(
        Earlier::of(&[delivered], OTHER_DEBT, PERSON, |_| true),
        Earlier::Nothing
    );
}

#[test]
fn what_may_not_have_told_it_is_no_first_message() {
    let agency = bind("US-TX", LenderKind::Agency);
    let when = at("2026-11-01T12:00:00Z");
    let of = |past: &[PastContact]| {
        let may_tell = |c: &PastContact| may_be_first(agency.content(), c.class);
        Earlier::of(past, DEBT, PERSON, may_tell)
    };
    let visit = |outcome| made(ContactClass::Visit, when, outcome);
    let call = |outcome| made(ContactClass::Phone, when, outcome);
    for (past, expected) in [
        (vec![visit(Outcome::Visited)], Earlier::Perhaps),
        (vec![visit(Outcome::NobodyContacted)], Earlier::Nothing),
        (vec![call(Outcome::Conversation)], Earlier::Reached),
        (
            vec![visit(Outcome::Visited), call(Outcome::Conversation)],
            Earlier::Reached,
        ),
    ] {
        assert_eq!(of(&past), expected, "{past:?}");
    }
    for (region, lender, class, may) in [
        ("US-TX", LenderKind::Agency, ContactClass::Sms, true),
        ("US-TX", LenderKind::Agency, ContactClass::Visit, false),
        ("US-TX", LenderKind::Bank, ContactClass::Sms, false),
        ("CN", LenderKind::Agency, ContactClass::Sms, false),
    ] {
        let binding = bind(region, lender);
        assert_eq!(may_be_first(binding.content(), class), may, "{region}");
    }
    let told = |point: u8| PastContact {
        point: Some(KeyedHash([point; 16])),
        ..call(Outcome::Conversation)
    };
    let text = made(ContactClass::Sms, when, Outcome::Delivered);
    assert_eq!(
        Earlier::of(&[text], DEBT, PERSON, |_| false),
        Earlier::Perhaps
    );
    let wrong = told(1).point;
    let of = |past: &[PastContact]| Earlier::of(past, DEBT, PERSON, |c| c.point != wrong);
    assert_eq!(of(&[told(1)]), Earlier::Perhaps);
    assert_eq!(of(&[told(1), told(2)]), Earlier::Reached);
}

#[test]
fn the_signature_stands_once_at_an_end_and_is_an_approved_one() {
    let binding = bind("CN", LenderKind::Bank);
    let missing = |approval, body: &str| {
        let marks = marks();
        let sender = Sender {
            name: NAME,
            marks: &marks,
        };
        let sms = Said {
            approval,
            ..said(ContactClass::Sms, Reader::Obligor, body)
        };
        let lacks = lacking(binding.content(), &sms, &sender);
        lacks.into_iter().map(|l| l.missing).collect::<Vec<_>>()
    };
    let approval = |signature, template| {
        Some(Approval {
            signature,
            template,
        })
    };
    let own = approval("港湾", "SMS_1");
    for good in [
        "【港湾】Harbor Credit：请还款。",
        "Harbor Credit：请还款。【港湾】",
        " 【港湾】Harbor Credit ",
    ] {
        assert_eq!(missing(own, good), [""; 0], "{good}");
    }
    for (given, body, says) in [
        (None, "【港湾】Harbor Credit", "names no approved signature"),
        (
            approval("海湾", "SMS_1"),
            "【海湾】Harbor Credit",
            "no approved signature of the lender",
        ),
        (
            approval("港湾", "SMS_2"),
            "【港湾】Harbor Credit",
            "no template id approved under `港湾`",
        ),
        (own, "Harbor Credit", "0 times"),
        (own, "Harbor【港湾】Credit", "in the middle"),
        (own, "【港湾】Harbor Credit【港湾】", "2 times"),
        (own, "[港湾]Harbor Credit", "0 times"),
        (own, "【海湾】Harbor Credit【港湾】", "no other signature"),
        (own, "【港湾】Harbor Credit【海湾】", "no other signature"),
        (
            own,
            "【港湾】Harbor 【别家银行】Credit",
            "no other signature",
        ),
        (own, "【港湾】Harbor Credit】", "no other signature"),
        (own, "【港湾】【Harbor Credit", "no other signature"),
    ] {
        let said = missing(given, body);
        assert!(said.iter().any(|m| m.contains(says)), "{body}: {said:?}");
    }
    let own = Approval {
        signature: "港湾",
        template: "SMS_1",
    };
    assert_eq!(not_approved(&marks(), own), None);
}

#[test]
fn a_template_is_told_all_that_it_lacks_for_certain() {
    let packs = Packs::builtin();
    let ids = |region: &str, lenders: &[LenderKind], body: &str| {
        let (certain, left) = packs.duties_of_text(&[region.to_owned()], lenders);
        let marks = marks();
        let sender = Sender {
            name: NAME,
            marks: &marks,
        };
        let text = said(ContactClass::Sms, Reader::Obligor, body);
        let lacks = lacking_in_template(&certain, &text, &sender, false);
        let lacks: Vec<String> = lacks.iter().map(|l| l.duty.id().to_owned()).collect();
        let left: Vec<String> = left.iter().map(|d| d.id().to_owned()).collect();
        (lacks, left)
    };
    // Who sends it is not known, nor in which state: that is left to the rendering.
    let (lacks, left) = ids("US", &[], "Pay.");
    assert_eq!(lacks, ["US-REGF-1006.6e"]);
    assert_eq!(
        left,
        ["US-REGF-1006.18e1", "US-REGF-1006.18e2", "US-CA-LICENSE"]
    );
    let (lacks, left) = ids("US-CA", &[LenderKind::Agency], "Pay.");
    assert_eq!(
        lacks,
        ["US-REGF-1006.6e", "US-CA-LICENSE", "US-REGF-1006.18e2"]
    );
    assert_eq!(left, [""; 0]);
    // Good as the first, or good as a later one, is good for something.
    for text in [
        "Reply STOP. An attempt to collect a debt; it will be used for that purpose.",
        "Reply STOP. From a debt collector.",
    ] {
        let (lacks, _) = ids("US-TX", &[LenderKind::Agency], text);
        assert_eq!(lacks, [""; 0], "{text}");
    }
    // A text for several kinds owes what any of them does; one for a creditor, nothing of an agency's.
    let (lacks, _) = ids(
        "US-TX",
        &[LenderKind::Bank, LenderKind::Agency],
        "Reply STOP.",
    );
    assert_eq!(lacks, ["US-REGF-1006.18e2"]);
    let (lacks, left) = ids("US-TX", &[LenderKind::Bank], "Reply STOP.");
    assert_eq!((lacks.len(), left.len()), (0, 0));
    let both = ["CN".to_owned(), "US-TX".to_owned()];
    let (certain, _) = packs.duties_of_text(&both, &[]);
    for id in ["CN-SMS-SIGNATURE", "US-REGF-1006.6e"] {
        assert!(certain.iter().any(|d| d.id() == id), "{id}");
    }
    let (lacks, left) = ids("TW", &[], "Pay.");
    assert_eq!((lacks.len(), left.len()), (0, 0));
}

#[test]
fn parts_that_may_be_left_out_say_nothing_of_order_yet() {
    let (certain, _) = Packs::builtin().duties_of_text(&["CN".to_owned()], &[]);
    let marks = marks();
    let sender = Sender {
        name: NAME,
        marks: &marks,
    };
    let body = "【港湾】Harbor Credit：A【港湾】Harbor Credit：B";
    let text = said(ContactClass::Sms, Reader::Obligor, body);
    assert_eq!(
        lacking_in_template(&certain, &text, &sender, false).len(),
        1
    );
    assert_eq!(lacking_in_template(&certain, &text, &sender, true), []);
    // A branch without the signature, or with somebody else's too, is never right.
    for body in ["Harbor Credit", "【港湾】Harbor Credit：A【海湾】B"] {
        let text = said(ContactClass::Sms, Reader::Obligor, body);
        let lacks = lacking_in_template(&certain, &text, &sender, true);
        assert_eq!(lacks.len(), 1, "{body}");
    }
}

const PACK: &str = "pack: t
title: T
regions: [XX]
rules: []
content:
  - id: T-ONE
    text: t
    citation: t
    cited: 2026-11-22
    severity: hard
    confidence: M
    effective_from: 2026-06-01
    effective_to: 2026-06-30
    channels: [sms]
    readers: [obligor]
    lender_kinds: [agency]
    message: every
    demand: {says: [{en: [bye]}]}
unchecked: [{id: T-LEFT, text: t, citation: t, confidence: M, left_to: t}]
";

#[test]
fn a_duty_binds_in_its_time_its_channels_and_its_lenders() {
    let packs = Packs::parse(&[("t.yaml", PACK)]).unwrap();
    let marks = Marks::default();
    let sender = Sender {
        name: NAME,
        marks: &marks,
    };
    let lacks = |lender, class, reader, day| {
        let binding = packs.bind("XX", &[], lender).unwrap();
        let said = Said {
            day,
            ..said(class, reader, "hello")
        };
        lacking(binding.content(), &said, &sender).len()
    };
    use ContactClass::{Email, Sms};
    use LenderKind::{Agency, Bank};
    let june = date(2026, 6, 1);
    assert_eq!(lacks(Agency, Sms, Reader::Obligor, june), 1);
    assert_eq!(lacks(Agency, Sms, Reader::Obligor, date(2026, 6, 30)), 1);
    assert_eq!(lacks(Agency, Sms, Reader::Obligor, date(2026, 5, 31)), 0);
    assert_eq!(lacks(Agency, Sms, Reader::Obligor, date(2026, 7, 1)), 0);
    assert_eq!(lacks(Agency, Email, Reader::Obligor, june), 0);
    assert_eq!(lacks(Agency, Sms, Reader::ThirdParty, june), 0);
    assert_eq!(lacks(Bank, Sms, Reader::Obligor, june), 0);
}

#[test]
fn a_faulty_duty_is_refused_with_file_line_and_id() {
    for (good, bad, line, problem) in [
        (
            "    severity: hard\n",
            "    severity: hard\n    colour: red\n",
            11,
            "colour",
        ),
        ("channels: [sms]", "channels: [pigeon]", 14, "pigeon"),
        ("channels: [sms]", "channels: []", 14, "empty list"),
        ("readers: [obligor]", "readers: [dog]", 15, "dog"),
        ("message: every", "message: sometimes", 17, "sometimes"),
        (
            "{says: [{en: [bye]}]}",
            "{sings: [{en: [bye]}]}",
            18,
            "sings",
        ),
        ("{says: [{en: [bye]}]}", "{says: []}", 6, "`says` is empty"),
        ("{says: [{en: [bye]}]}", "{says: [{}]}", 6, "has no phrase"),
        (
            "{says: [{en: [bye]}]}",
            "{says: [{en: [bye], es: []}]}",
            6,
            "has no phrase",
        ),
        (
            "{says: [{en: [bye]}]}",
            "{says: [{en: ['!!']}]}",
            6,
            "has no letter",
        ),
        (
            "{says: [{en: [bye]}]}",
            "{says: [{en: ['by*']}]}",
            6,
            "ends with `*`",
        ),
        (
            "{says: [{en: [bye]}]}",
            "{says: [{en: ['good, bye']}]}",
            6,
            "ends a clause",
        ),
        (
            "{says: [{en: [bye]}]}",
            "{names: neighbour}",
            18,
            "neighbour",
        ),
        (
            "{says: [{en: [bye]}]}",
            "{carries: umbrella}",
            18,
            "umbrella",
        ),
        (
            "channels: [sms]\n    readers: [obligor]\n    lender_kinds: [agency]\n    message: every\n    \
             demand: {says: [{en: [bye]}]}",
            "channels: [sms, email]\n    message: every\n    demand: {carries: sms_signature}",
            6,
            "only an sms",
        ),
        (
            "citation: t\n    cited",
            "citation: ''\n    cited",
            6,
            "`citation` is empty",
        ),
        ("to: 2026-06-30", "to: 2026-05-30", 6, "lies before"),
        ("id: T-LEFT", "id: T-ONE", 0, "an entry of `unchecked`"),
    ] {
        let text = PACK.replacen(good, bad, 1);
        assert_ne!(text, PACK, "{good}");
        let error = Packs::parse(&[("t.yaml", &text)]).unwrap_err();
        let shown = error.to_string();
        assert_eq!(error.rule.as_deref(), Some("T-ONE"), "{bad}: {shown}");
        assert!(error.problem.contains(problem), "{bad}: {shown}");
        if line > 0 {
            assert!(
                shown.starts_with(&format!("t.yaml:{line}: ")),
                "{bad}: {shown}"
            );
        }
    }
    let twice = PACK
        .replace("pack: t\n", "pack: u\n")
        .replace("T-LEFT", "U-LEFT");
    let error = Packs::parse(&[("t.yaml", PACK), ("u.yaml", &twice)]).unwrap_err();
    assert!(error.problem.contains("another duty"), "{error}");
}

#[test]
fn a_pack_that_is_off_asks_for_nothing() {
    let off = PACK.replace(
        "regions: [XX]",
        "regions: [XX]\nenabled: false\ndisabled_because: a draft",
    );
    let on = "pack: u\ntitle: U\nregions: [XX]\nrules: []\n";
    let packs = Packs::parse(&[("t.yaml", &off), ("u.yaml", on)]).unwrap();
    let of = |packs: &Packs| {
        packs
            .bind("XX", &[], LenderKind::Agency)
            .unwrap()
            .content()
            .len()
    };
    assert_eq!(of(&packs), 0);
    assert_eq!(of(&packs.with_enabled(&["t"]).unwrap()), 1);
}

#[test]
fn a_duty_tells_what_it_asks_for() {
    let all = Packs::builtin().packs().iter().flat_map(|p| p.content());
    let duties: Vec<_> = all.collect();
    let find = |id: &str| duties.iter().find(|d| d.id() == id).unwrap();
    let mini = find("US-REGF-1006.18e2");
    assert_eq!((mini.pack(), mini.message()), ("us-fed", Which::Later));
    assert_eq!(
        mini.demand().in_words(),
        "says one of en: \"debt collector\"; es: \"cobrador de deudas\", \"cobradora de deudas\""
    );
    assert!(matches!(find("US-CA-LICENSE").demand(), Demand::Carries(_)));
    assert!(!mini.binds_lender(LenderKind::Bank) && mini.binds_lender(LenderKind::Agency));
}

proptest! {
    #![proptest_config(cases(256))]

    /// No text and no name makes the check panic, and what is added to a text that lacks nothing takes nothing away.
    #[test]
    fn no_text_is_too_odd(text in any::<String>(), name in any::<String>(), subject in any::<String>()) {
        let marks = marks();
        for region in ["CN", "US", "TW", "IN"] {
            let binding = bind(region, LenderKind::Agency);
            for class in ContactClass::ALL {
                for reader in [Reader::Obligor, Reader::ThirdParty] {
                    let sender = Sender { name: &name, marks: &marks };
                    let given = Said { subject: &subject, ..said(class, reader, &text) };
                    let _ = lacking(binding.content(), &given, &sender);
                    let _ = lacking_in_template(binding.content(), &given, &sender, true);
                }
            }
        }
        let whole = format!("{text} Harbor Credit Reply STOP, a debt collector. 10101-99 An attempt to collect a \
                             debt, used for that purpose.");
        let sms = Said { earlier: Earlier::Perhaps, ..said(ContactClass::Sms, Reader::Obligor, &whole) };
        prop_assert_eq!(lacks(&bind("US", LenderKind::Agency), &sms), [""; 0]);
    }
}
