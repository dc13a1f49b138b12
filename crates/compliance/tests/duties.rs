//! Duties of content at their edges: what a pack may ask for, what a lack says, which duties a text owes.

use jiff::civil::{Date, date};
use recoup_compliance::content::{
    Approval, DutyRef, Earlier, Licence, Marks, Said, Sender, Signature, Which, lacking,
    lacking_in_template, not_approved,
};
use recoup_compliance::{Confidence, Packs, Severity};
use recoup_domain::case::LenderKind;
use recoup_domain::contact::{ContactClass, Reader};

const DAY: Date = date(2026, 12, 1);

/// A pack without rules, with these entries of `content`.
fn pack(id: &str, regions: &str, duties: &[String]) -> String {
    let duties = duties.concat();
    format!("pack: {id}\ntitle: T\nregions: [{regions}]\nrules: []\ncontent:\n{duties}")
}

/// An entry of `content` for an sms.
fn duty(id: &str, message: &str, demand: &str) -> String {
    format!(
        "  - id: {id}
    text: The text of {id}.
    citation: Art. 7
    cited: 2026-11-22
    severity: presumption
    confidence: V2
    channels: [sms]
    message: {message}
    demand: {demand}
"
    )
}

fn parsed(files: &[String]) -> Packs {
    let names: Vec<String> = (0..files.len()).map(|n| format!("{n}.yaml")).collect();
    let files: Vec<(&str, &str)> = names
        .iter()
        .zip(files)
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    Packs::parse(&files).unwrap()
}

fn duties(packs: &Packs) -> Vec<DutyRef> {
    let all = packs.packs().iter().flat_map(|p| p.content());
    all.cloned().collect()
}

fn sms(body: &str) -> Said<'_> {
    Said {
        class: ContactClass::Sms,
        reader: Reader::Obligor,
        day: DAY,
        earlier: Earlier::Nothing,
        subject: "",
        body,
        approval: None,
    }
}

/// What the only duty of a pack misses in a text.
fn missing(demand: &str, said: &Said<'_>, name: &str, marks: &Marks) -> Vec<String> {
    let packs = parsed(&[pack("t", "US-CA", &[duty("T-ONE", "every", demand)])]);
    let sender = Sender { name, marks };
    let lacks = lacking(&duties(&packs), said, &sender);
    lacks.into_iter().map(|l| l.missing).collect()
}

#[test]
fn a_duty_tells_all_that_its_pack_says() {
    let bare = duty("T-ONE", "first", "{names: institution}");
    let full = duty("T-TWO", "every", "{carries: licence_number}").replace(
        "    channels: [sms]\n",
        "    effective_from: 2026-01-02\n    effective_to: 2026-03-04\n    channels: [email, sms]\n    \
         readers: [third_party]\n    lender_kinds: [bank, agency]\n",
    );
    let packs = parsed(&[pack("t", "XX, YY", &[bare, full])]);
    let [one, two] = &duties(&packs)[..] else {
        panic!("two duties");
    };
    assert_eq!((one.id(), one.pack()), ("T-ONE", "t"));
    assert_eq!(
        (one.text(), one.citation()),
        ("The text of T-ONE.", "Art. 7")
    );
    assert_eq!(one.cited(), date(2026, 11, 22));
    assert_eq!(
        (one.severity(), one.confidence()),
        (Severity::Presumption, Confidence::V2)
    );
    assert_eq!((one.effective_from(), one.effective_to()), (None, None));
    assert_eq!(one.channels().collect::<Vec<_>>(), [ContactClass::Sms]);
    assert_eq!(
        one.readers().collect::<Vec<_>>(),
        [Reader::Obligor, Reader::ThirdParty]
    );
    assert_eq!(one.lender_kinds().count(), 4);
    assert_eq!(one.message().name(), "first");

    assert_eq!(two.effective_from(), Some(date(2026, 1, 2)));
    assert_eq!(two.effective_to(), Some(date(2026, 3, 4)));
    let mut channels: Vec<ContactClass> = two.channels().collect();
    channels.sort_unstable();
    let mut both = [ContactClass::Email, ContactClass::Sms];
    both.sort_unstable();
    assert_eq!(channels, both);
    assert_eq!(two.readers().collect::<Vec<_>>(), [Reader::ThirdParty]);
    let kinds: Vec<LenderKind> = two.lender_kinds().collect();
    assert_eq!(kinds, [LenderKind::Agency, LenderKind::Bank]);
    assert!(two.binds_lender(LenderKind::Bank) && !two.binds_lender(LenderKind::FirstParty));
    assert_eq!(two.message(), Which::Every);
    assert_eq!(Which::Every.name(), "every");
    assert_eq!(Which::Later.name(), "later");
}

#[test]
fn a_demand_is_told_in_words() {
    for (demand, words) in [
        ("{names: institution}", "names the institution"),
        (
            "{carries: licence_number}",
            "carries the lender's licence number",
        ),
        (
            "{carries: sms_signature}",
            "carries an approved signature 【…】, once, at its beginning or end, under an approved template id",
        ),
        (
            "{says: [{en: [a, b c], es: [d]}, {en: [e]}]}",
            "says one of en: \"a\", \"b c\"; es: \"d\" - and one of en: \"e\"",
        ),
    ] {
        let packs = parsed(&[pack("t", "XX", &[duty("T-ONE", "every", demand)])]);
        assert_eq!(duties(&packs)[0].demand().in_words(), words);
    }
}

#[test]
fn a_lack_names_four_phrases_of_every_language_by_turns() {
    let none = Marks::default();
    for (demand, told) in [
        ("{says: [{en: [a]}]}", "the text says none of `a`"),
        (
            "{says: [{en: [a, b, c, d]}]}",
            "the text says none of `a`, `b`, `c`, `d`",
        ),
        (
            "{says: [{en: [a, b, c, d, e]}]}",
            "the text says none of `a`, `b`, `c`, `d`, …",
        ),
        (
            "{says: [{en: [a, b, c], es: [x], fr: [y, z]}]}",
            "the text says none of `a`, `x`, `y`, `b`, …",
        ),
        (
            "{says: [{en: [a]}, {en: [text]}, {en: [b]}]}",
            "the text says none of `a`; the text says none of `b`",
        ),
    ] {
        assert_eq!(missing(demand, &sms("Text."), "N", &none), [told]);
    }
    let said = "{says: [{en: [a, b c], es: [x]}]}";
    for body in ["A!", "to b  c", "x"] {
        assert_eq!(missing(said, &sms(body), "N", &none), [""; 0], "{body}");
    }
}

#[test]
fn the_institution_is_named_by_letters_and_by_the_field_for_the_reader() {
    let none = Marks::default();
    let of = |reader, name, body| {
        let said = Said {
            reader,
            ..sms(body)
        };
        missing("{names: institution}", &said, name, &none)
    };
    let lacks =
        |field: &str| format!("the text does not name the institution; write {{{{ {field} }}}}");
    assert_eq!(
        of(Reader::Obligor, "Harbor", "Pay."),
        [lacks("lender_name")]
    );
    assert_eq!(
        of(Reader::ThirdParty, "Harbor", "Call."),
        [lacks("institution_name")]
    );
    assert_eq!(of(Reader::Obligor, "Harbor", "harbor: pay"), [""; 0]);
    // A name without a letter is in every text, and names nobody.
    for name in ["", "…", "*"] {
        assert_eq!(of(Reader::Obligor, name, "…*"), [lacks("lender_name")]);
    }
}

#[test]
fn a_licence_holds_in_its_place_in_parts_of_it_and_in_what_it_is_a_part_of() {
    for (own, asked, holds) in [
        ("US-CA", "US-CA", true),
        ("US", "US-CA", true),
        ("US-CA", "US", true),
        ("US-NY", "US-CA", false),
        ("US-C", "US-CA", false),
        ("CN", "US", false),
    ] {
        let licence = Licence {
            region: own.to_owned(),
            number: "1".to_owned(),
        };
        assert_eq!(licence.holds_in(asked), holds, "{own} {asked}");
    }
}

#[test]
fn a_text_carries_a_licence_of_the_place() {
    let licence = |region: &str, number: &str| Licence {
        region: region.to_owned(),
        number: number.to_owned(),
    };
    let marks = Marks {
        licences: vec![
            licence("US-NY", "77"),
            licence("US-CA", "10-1"),
            licence("US-CA", "10-2"),
        ],
        ..Marks::default()
    };
    let of = |body| missing("{carries: licence_number}", &sms(body), "N", &marks);
    assert_eq!(of("Licence 10-1"), [""; 0]);
    assert_eq!(of("Licence 10-2"), [""; 0]);
    let told = "the text does not carry the lender's licence number; write {{ licence_number }}";
    assert_eq!(of("Licence 77"), [told]);
    assert_eq!(of("Licence 10-3"), [told]);
    let elsewhere = Marks {
        licences: vec![licence("US-NY", "77")],
        ..Marks::default()
    };
    assert_eq!(
        missing("{carries: licence_number}", &sms("77"), "N", &elsewhere),
        [
            "the lender has no licence number for US-CA; the configuration gives one in [[tenant.licence]]"
        ]
    );
}

#[test]
fn a_signature_is_told_what_is_wrong_with_it() {
    let marks = Marks {
        signatures: [("港湾", "SMS_1"), ("海湾", "SMS_2")]
            .map(|(signature, template)| Signature {
                signature: signature.to_owned(),
                templates: vec![template.to_owned(), format!("{template}b")],
            })
            .to_vec(),
        ..Marks::default()
    };
    let unknown = "`山` is no approved signature of the lender; the configuration lists them in [[tenant.sms]]";
    let strange = "`SMS_1` is no template id approved under `海湾`; the configuration lists them in [[tenant.sms]]";
    for (signature, template, problem) in [
        ("港湾", "SMS_1", None),
        ("港湾", "SMS_1b", None),
        ("海湾", "SMS_2", None),
        ("海湾", "SMS_1", Some(strange)),
        ("山", "SMS_1", Some(unknown)),
    ] {
        let approval = Approval {
            signature,
            template,
        };
        assert_eq!(not_approved(&marks, approval).as_deref(), problem);
    }
    let of = |body| {
        let said = Said {
            approval: Some(Approval {
                signature: "港湾",
                template: "SMS_1",
            }),
            ..sms(body)
        };
        missing("{carries: sms_signature}", &said, "N", &marks)
    };
    let wrong = |times: &str| {
        format!(
            "the signature 【港湾】 must stand in the text once, at its beginning or end; it stands there {times}"
        )
    };
    assert_eq!(of("【港湾】请还款"), [""; 0]);
    assert_eq!(of("请还款【港湾】 "), [""; 0]);
    assert_eq!(of("请还款"), [wrong("0 times")]);
    assert_eq!(of("请【港湾】还款"), [wrong("1 times, in the middle")]);
    assert_eq!(of("【港湾】请还款【港湾】"), [wrong("2 times")]);
    assert_eq!(
        missing("{carries: sms_signature}", &sms("【港湾】"), "N", &marks),
        [
            "the template names no approved signature; register it with sms_signature and provider_template_id"
        ]
    );
}

/// What a template lacks and what is left to the rendering, by ids.
fn owed(packs: &Packs, region: &str, lenders: &[LenderKind], said: &Said<'_>) -> [Vec<String>; 2] {
    let (certain, left) = packs.duties_of_text(&[region.to_owned()], lenders);
    let marks = Marks::default();
    let sender = Sender {
        name: "N",
        marks: &marks,
    };
    let lacks = lacking_in_template(&certain, said, &sender, false);
    let lacks = lacks.iter().map(|l| l.duty.id().to_owned()).collect();
    [lacks, left.iter().map(|d| d.id().to_owned()).collect()]
}

#[test]
fn a_template_must_do_for_one_kind_of_message_in_each_pack_by_itself() {
    let says = |word: &str| format!("{{says: [{{en: [{word}]}}]}}");
    let of_pack = |id: &str| {
        let own = |kind: &str| duty(&format!("{id}-{kind}"), kind, &says(&format!("{id}{kind}")));
        pack(id, "XX", &[own("first"), own("later")])
    };
    let packs = parsed(&[of_pack("a"), of_pack("b")]);
    for (body, lacks) in [
        ("nothing", &["a-later", "b-later"][..]),
        ("afirst", &["b-later"]),
        ("alater", &["b-later"]),
        ("bfirst", &["a-later"]),
        ("afirst blater", &[]),
        ("alater bfirst", &[]),
        ("afirst alater bfirst blater", &[]),
    ] {
        assert_eq!(owed(&packs, "XX", &[], &sms(body))[0], lacks, "{body}");
    }
    // Another kind of contact, another reader: nothing is owed.
    let mail = Said {
        class: ContactClass::Email,
        ..sms("nothing")
    };
    assert_eq!(owed(&packs, "XX", &[], &mail)[0], [""; 0]);
    // A pack that speaks of later messages alone asks for nothing of a text that may be the first.
    let lone = parsed(&[pack("a", "XX", &[duty("a-later", "later", &says("x"))])]);
    assert_eq!(owed(&lone, "XX", &[], &sms("nothing"))[0], [""; 0]);
}

#[test]
fn a_text_owes_for_certain_what_binds_throughout_its_place_and_all_its_lenders() {
    let one = |id: &str| duty(id, "every", "{names: institution}");
    let banks = one("IN-BANK").replace("    message", "    lender_kinds: [bank]\n    message");
    let packs = parsed(&[
        pack("all", "'*'", &[one("ALL")]),
        pack("in", "IN", &[one("IN-ANY"), banks]),
        pack("part", "IN-KA", &[one("PART")]),
        pack("other", "CN", &[one("OTHER")]),
    ]);
    use LenderKind::{Agency, Bank};
    for (region, lenders, certain, left) in [
        (
            "IN",
            &[][..],
            &["ALL", "IN-ANY"][..],
            &["IN-BANK", "PART"][..],
        ),
        ("IN", &[Bank], &["ALL", "IN-ANY", "IN-BANK"], &["PART"]),
        ("IN", &[Agency], &["ALL", "IN-ANY"], &["PART"]),
        (
            "IN-KA",
            &[Agency, Bank],
            &["ALL", "IN-ANY", "IN-BANK", "PART"],
            &[],
        ),
        ("IN-DL", &[Agency], &["ALL", "IN-ANY"], &[]),
        ("CN", &[Agency], &["ALL", "OTHER"], &[]),
        ("ZZ", &[Agency], &["ALL"], &[]),
    ] {
        assert_eq!(
            owed(&packs, region, lenders, &sms("Pay.")),
            [certain, left],
            "{region}"
        );
    }
}

#[test]
fn a_question_with_days_of_its_own_keeps_the_duties() {
    let binding = Packs::builtin().bind("CN", &[], LenderKind::Bank).unwrap();
    assert!(!binding.content().is_empty());
    let moved = binding.on_days(&[date(2026, 1, 1)], &[]);
    assert_eq!(moved.content(), binding.content());
}

#[test]
fn an_id_of_a_duty_names_nothing_else() {
    let one = || duty("T-ONE", "every", "{names: institution}");
    let rule = "  - id: T-ONE
    text: Once a day.
    citation: none
    cited: 2026-01-01
    severity: hard
    confidence: M
    scope: debt
    channels: [sms]
    rule: {calendar_day: {max: 1, count: {channels: [sms], direction: outbound, outcomes: [unknown]}}}
";
    let rules = |text: String| text.replace("rules: []\n", &format!("rules:\n{rule}"));
    let left = "unchecked: [{id: T-ONE, text: t, citation: t, confidence: M, left_to: t}]\n";
    let own = pack("t", "XX", &[one()]);
    let other = |more: &str| format!("pack: o\ntitle: O\nregions: [XX]\nrules: []\n{more}");
    for (files, what) in [
        (vec![pack("t", "XX", &[one(), one()])], "another duty"),
        (vec![own.clone(), pack("u", "XX", &[one()])], "another duty"),
        (vec![rules(own.clone())], "a rule"),
        (vec![rules(other("")), own.clone()], "a rule"),
        (vec![format!("{own}{left}")], "an entry of `unchecked`"),
        (vec![other(left), own.clone()], "an entry of `unchecked`"),
    ] {
        let names = ["a.yaml", "b.yaml"];
        let given: Vec<(&str, &str)> = names
            .into_iter()
            .zip(files.iter().map(String::as_str))
            .collect();
        let error = Packs::parse(&given).unwrap_err();
        assert_eq!(error.problem, format!("{what} has this id"));
        assert_eq!(error.rule.as_deref(), Some("T-ONE"));
        assert_eq!(error.file, names[files.len() - 1]);
    }
    // Two that differ stand beside one another.
    let two = duty("T-TWO", "every", "{names: institution}");
    assert_eq!(duties(&parsed(&[pack("t", "XX", &[one(), two])])).len(), 2);
}

#[test]
fn a_duty_of_one_day_is_none_that_ends_before_it_begins() {
    let one = duty("T-ONE", "every", "{names: institution}");
    let dated = |to: &str| {
        let dates = format!("    effective_from: 2026-05-02\n    effective_to: {to}\n    channels");
        pack("t", "XX", &[one.replace("    channels", &dates)])
    };
    assert!(Packs::parse(&[("t.yaml", &dated("2026-05-02"))]).is_ok());
    let error = Packs::parse(&[("t.yaml", &dated("2026-05-01"))]).unwrap_err();
    assert_eq!(
        error.problem,
        "effective_to 2026-05-01 lies before effective_from 2026-05-02"
    );
}
