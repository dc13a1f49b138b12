//! Every rule in one line of its own: whom it binds, what it says, what it lets through. Written from the
//! regulations; `docs/law` has the same in prose.

use jiff::civil::Date;

use super::counts::{By, Count, Place, Run, Unless};
use super::dates::Calendar;
use super::facts::{self, But};
use super::hours::{Hours, Span};
use super::world::World;
use crate::law::case::{Agreed, Case, Class, Kin, Outcome, To};

/// A rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) id: &'static str,
    on: &'static [Class],
    to: &'static [To],
    /// Only these people, where some are named.
    kin: &'static [Kin],
    /// The first day it binds.
    pub(super) from: Option<Day>,
    pub(super) but: &'static [But],
    pub(super) says: Says,
}

/// Year, month, day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Day(i16, i8, i8);

impl Day {
    pub(super) const fn date(self) -> Date {
        Date::constant(self.0, self.1, self.2)
    }
}

/// What a rule says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Says {
    /// A fact forbids it.
    Fact(fn(&World<'_>) -> bool),
    /// Fewer than so many, ever.
    Ever(Count, usize),
    /// Only after such a contact.
    After(Count),
    /// Only with a consent to electronic contact, or so many days after the person used the address.
    Consented(Option<i32>),
    /// Not to the last protected day.
    Moratorium,
    /// Not from the first to the last day.
    Paused(Day, Day),
    Run(Run),
    Runs(&'static [Run]),
    /// Fewer than so many in so many hours.
    InHours(Count, i64, usize),
    Hours(Hours),
    /// Not in these hours.
    Ban(&'static [Span]),
    /// Not in times that do not suit the person.
    Unsuitable,
}

impl Rule {
    /// Whether it speaks of such a contact.
    pub(super) fn binds(&self, case: &Case) -> bool {
        self.on.contains(&case.class)
            && self.to.contains(&case.to)
            && (self.kin.is_empty() || self.kin.contains(&case.kin))
    }

    const fn on(self, on: &'static [Class]) -> Self {
        Self { on, ..self }
    }

    const fn to(self, to: &'static [To]) -> Self {
        Self { to, ..self }
    }

    const fn kin(self, kin: &'static [Kin]) -> Self {
        Self { kin, ..self }
    }

    const fn from(self, year: i16, month: i8, day: i8) -> Self {
        Self {
            from: Some(Day(year, month, day)),
            ..self
        }
    }

    const fn but(self, but: &'static [But]) -> Self {
        Self { but, ..self }
    }
}

const fn rule(id: &'static str, says: Says) -> Rule {
    Rule {
        id,
        on: CONTACT,
        to: &[To::Consumer, To::Workplace, To::Third],
        kin: &[],
        from: None,
        but: &[],
        says,
    }
}

const fn fact(id: &'static str, forbids: fn(&World<'_>) -> bool) -> Rule {
    rule(id, Says::Fact(forbids))
}

const fn third(id: &'static str, forbids: fn(&World<'_>) -> bool) -> Rule {
    fact(id, forbids).to(THIRD)
}

const fn hours(id: &'static str, open: i32, close: i32) -> Rule {
    rule(id, Says::Hours(daily(open, close)))
}

/// Hours that the person can agree to leave.
const fn agreed_hours(id: &'static str, open: i32, close: i32) -> Rule {
    let by_agreement = true;
    rule(
        id,
        Says::Hours(Hours {
            by_agreement,
            ..daily(open, close)
        }),
    )
}

const fn daily(open: i32, close: i32) -> Hours {
    let all = (open, close);
    Hours {
        weekdays: all,
        saturday: Some(all),
        sunday: Some(all),
        holidays: None,
        by_agreement: false,
        several_zones: false,
        also_in: None,
    }
}

const fn run(days: i32, max: usize, count: Count) -> Run {
    Run {
        count,
        days,
        max,
        unless: Unless::Nothing,
        waits: false,
    }
}

const fn wait(days: i32, count: Count) -> Run {
    Run {
        waits: true,
        ..run(days, 1, count)
    }
}

const fn ours(on: &'static [Class], by: By, these: fn(Outcome) -> bool) -> Count {
    Count {
        on,
        inbound_too: false,
        these,
        by,
        place: Place::Any,
    }
}

const fn everybodys(on: &'static [Class], by: By, these: fn(Outcome) -> bool) -> Count {
    Count {
        inbound_too: true,
        ..ours(on, by, these)
    }
}

const fn at(place: Place, count: Count) -> Count {
    Count { place, ..count }
}

const H: i32 = 3600;
const PHONE: &[Class] = &[Class::Phone];
const VISIT: &[Class] = &[Class::Visit];
const LEGAL: &[Class] = &[Class::Legal];
const SMS: &[Class] = &[Class::Sms];
const EMAIL: &[Class] = &[Class::Email];
const TEXTS: &[Class] = &[Class::Sms, Class::Email];
const CALLS_TEXTS: &[Class] = &[Class::Phone, Class::Sms];
const CALLS_TEXTS_VISITS: &[Class] = &[Class::Phone, Class::Sms, Class::Visit];
const CALLS_VISITS: &[Class] = &[Class::Phone, Class::Visit];
const TEXTS_VISITS: &[Class] = &[Class::Sms, Class::Email, Class::Visit];
const MAIL_VISITS: &[Class] = &[Class::Email, Class::Visit];
const REMOTE: &[Class] = &[Class::Sms, Class::Phone, Class::Email];
/// All but a referral, which is no contact with the person.
const CONTACT: &[Class] = &[Class::Sms, Class::Phone, Class::Email, Class::Visit];
const ALL: &[Class] = &[
    Class::Sms,
    Class::Phone,
    Class::Email,
    Class::Visit,
    Class::Legal,
];
const THIRD: &[To] = &[To::Third];
const WORK: &[To] = &[To::Workplace];
const CONSUMER: &[To] = &[To::Consumer, To::Workplace];
const HOME_OR_THIRD: &[To] = &[To::Consumer, To::Third];
const STRANGERS: &[Kin] = &[
    Kin::EmergencyContact,
    Kin::Neighbour,
    Kin::Colleague,
    Kin::Other,
];
const REPLY_AT_ONCE: &[But] = &[But::Reply(1)];
const REPLY: &[But] = &[But::Reply(24)];
const NOTICES: &[But] = &[But::Notices];
const STOPPED: &[But] = &[But::OptOutConfirmation, But::Reply(24)];
const REQUESTED: &[But] = &[But::Requested];

/// Whatever came of it.
const fn any(_: Outcome) -> bool {
    true
}

/// The call rang at the number.
const fn connected_to_the_number(o: Outcome) -> bool {
    !matches!(o, Outcome::Busy | Outcome::NotInService)
}

/// The person could be reached, or a message left.
const fn could_leave_a_message(o: Outcome) -> bool {
    !matches!(
        o,
        Outcome::Busy
            | Outcome::NotInService
            | Outcome::InvalidAddress
            | Outcome::UnableToLeaveMessage
    )
}

const fn went_to_an_address(o: Outcome) -> bool {
    !matches!(
        o,
        Outcome::Busy | Outcome::NotInService | Outcome::InvalidAddress
    )
}

const fn reached_somebody(o: Outcome) -> bool {
    !matches!(o, Outcome::NobodyContacted)
}

const fn met(o: Outcome) -> bool {
    matches!(
        o,
        Outcome::Visited | Outcome::Conversation | Outcome::AnsweredUnconfirmed | Outcome::Unknown
    )
}

/// A talk, or what may have been one.
const fn talked(o: Outcome) -> bool {
    matches!(o, Outcome::Conversation | Outcome::Unknown)
}

const fn exchanged(o: Outcome) -> bool {
    matches!(
        o,
        Outcome::Conversation | Outcome::Visited | Outcome::Unknown
    )
}

/// A call that was answered and may have been a talk with the debtor.
const fn effective(o: Outcome) -> bool {
    matches!(
        o,
        Outcome::Conversation | Outcome::AnsweredUnconfirmed | Outcome::Unknown
    )
}

/// A call that no person answered.
const fn unanswered(o: Outcome) -> bool {
    matches!(
        o,
        Outcome::NoAnswer
            | Outcome::Busy
            | Outcome::Declined
            | Outcome::NotInService
            | Outcome::Voicemail
            | Outcome::UnableToLeaveMessage
            | Outcome::Unknown
    )
}

/// A message that went to somebody.
const fn sent(o: Outcome) -> bool {
    matches!(
        o,
        Outcome::Delivered | Outcome::Undelivered | Outcome::WrongNumber | Outcome::Unknown
    )
}

const fn told(o: Outcome) -> bool {
    matches!(o, Outcome::Delivered | Outcome::Unknown)
}

/// Somebody was reached, or may have been.
const fn reached_or_may(o: Outcome) -> bool {
    matches!(
        o,
        Outcome::Delivered
            | Outcome::Voicemail
            | Outcome::AnsweredUnconfirmed
            | Outcome::Conversation
            | Outcome::ThirdPartyAnswered
            | Outcome::Visited
            | Outcome::Unknown
    )
}

const REG_F_CALLS: Count = ours(PHONE, By::Debt, connected_to_the_number);
const MA_CALLS: Count = ours(CALLS_TEXTS, By::Debt, could_leave_a_message);
const WA_CONTACTS: Count = ours(CONTACT, By::Person, went_to_an_address);
const RU_CALLS: Count = ours(PHONE, By::Person, effective);
const RU_MESSAGES: Count = ours(TEXTS, By::Person, sent);

const SP_HOURS: Hours = Hours {
    weekdays: (8 * H, 20 * H),
    saturday: Some((8 * H, 14 * H)),
    sunday: None,
    holidays: Some((Calendar::SaoPaulo, None)),
    ..daily(8 * H, 20 * H)
};

pub(super) fn all() -> &'static [Rule] {
    RULES
}

const RULES: &[Rule] = &[
    // United States, Regulation F.
    agreed_hours("US-REGF-1006.6b1i", 8 * H, 21 * H).but(REPLY_AT_ONCE),
    rule(
        "US-REGF-LOC",
        Says::Hours(Hours {
            several_zones: true,
            by_agreement: true,
            ..daily(8 * H, 21 * H)
        }),
    )
    .but(REPLY_AT_ONCE),
    rule(
        "US-REGF-1006.14b2iA",
        Says::Run(Run {
            unless: Unless::SevenDays,
            ..run(7, 7, REG_F_CALLS)
        }),
    )
    .on(PHONE),
    rule(
        "US-REGF-1006.14b2iB",
        Says::Run(Run {
            unless: Unless::SevenDays,
            ..wait(7, everybodys(PHONE, By::Debt, talked))
        }),
    )
    .on(PHONE),
    fact("US-REGF-1006.14h1", facts::opted_out).but(STOPPED),
    fact("US-REGF-1006.6c1", facts::ceased_in_writing).but(NOTICES),
    third("US-REGF-1006.6d1", facts::third_in_the_us),
    fact("US-REGF-1006.6b2", facts::represented)
        .to(CONSUMER)
        .but(REPLY),
    fact("US-REGF-1006.6b3", facts::employer_prohibits).to(WORK),
    fact("US-REGF-1006.38d2", facts::disputed).on(ALL),
    fact("US-REGF-1006.26b", facts::time_barred).on(LEGAL),
    agreed_hours("US-FDCPA-1692c.a1", 8 * H + 1, 21 * H),
    rule("US-REGF-1006.6b1-DESIG", Says::Unsuitable).but(REPLY_AT_ONCE),
    fact("US-REGF-1006.6b1ii", facts::declined_here).on(CALLS_VISITS),
    rule(
        "US-REGF-1006.10c",
        Says::Ever(ours(CONTACT, By::Person, reached_or_may), 1),
    )
    .to(THIRD)
    .kin(STRANGERS)
    .but(REQUESTED),
    fact("US-REGF-1006.10b5", facts::debtor_represented)
        .to(THIRD)
        .kin(STRANGERS),
    fact("US-REGF-1006.22f3", facts::work_mailbox)
        .on(EMAIL)
        .but(&[But::Agreed(Agreed::WorkEmail)]),
    rule("US-REGF-1006.6d4", Says::Consented(Some(3650))).on(EMAIL),
    rule("US-REGF-1006.6d5", Says::Consented(Some(60))).on(SMS),
    rule(
        "US-REGF-1006.14b2iA-168H",
        Says::InHours(REG_F_CALLS, 168, 7),
    )
    .on(PHONE),
    fact("US-TCPA-REVOKED", facts::opted_out)
        .on(CALLS_TEXTS)
        .from(2025, 4, 11)
        .but(STOPPED),
    fact("US-TCPA-REVOKE-ALL", facts::opted_out_of_calls_or_texts)
        .on(CALLS_TEXTS)
        .from(2027, 1, 31)
        .but(STOPPED),
    // Massachusetts.
    rule(
        "US-MA-FREQ2",
        Says::Run(run(7, 2, at(Place::Home, MA_CALLS))),
    )
    .on(CALLS_TEXTS)
    .to(HOME_OR_THIRD),
    rule(
        "US-MA-FREQ2-ELSEWHERE",
        Says::Run(run(30, 2, at(Place::Work, MA_CALLS))),
    )
    .on(CALLS_TEXTS)
    .to(WORK),
    fact("US-MA-WORK", facts::declined_here).on(PHONE).to(WORK),
    rule(
        "US-MA-VISIT30",
        Says::Run(Run {
            unless: Unless::Agreed(Agreed::MoreVisits),
            ..run(30, 1, ours(VISIT, By::Debt, reached_somebody))
        }),
    )
    .on(VISIT)
    .to(HOME_OR_THIRD),
    rule(
        "US-MA-HOURS",
        Says::Hours(Hours {
            also_in: Some("America/New_York"),
            ..daily(8 * H, 21 * H)
        }),
    )
    .on(CALLS_VISITS),
    fact("US-MA-VISIT-WORK", facts::not_requested)
        .on(VISIT)
        .to(WORK),
    // Washington.
    rule("US-WA-FREQ3", Says::Run(run(7, 3, WA_CONTACTS))).but(REQUESTED),
    rule(
        "US-WA-WORK1",
        Says::Run(run(7, 1, at(Place::Work, WA_CONTACTS))),
    )
    .to(WORK)
    .but(REQUESTED),
    hours("US-WA-HOURS", 7 * H + H / 2, 21 * H).on(CALLS_TEXTS_VISITS),
    // California takes over the federal rules for creditors.
    agreed_hours("US-CA-1788.17-HOURS", 8 * H, 21 * H).but(REPLY_AT_ONCE),
    fact("US-CA-1788.17-ATTORNEY", facts::represented)
        .to(CONSUMER)
        .but(REPLY),
    fact("US-CA-1788.17-EMPLOYER", facts::employer_prohibits).to(WORK),
    fact("US-CA-1788.17-CEASE", facts::ceased_in_writing).but(NOTICES),
    third("US-CA-1788.17-THIRD", facts::third_in_the_us),
    // New York City, numbers not confirmed.
    rule(
        "US-NYC-5-77-FREQ3",
        Says::Run(run(7, 3, ours(CONTACT, By::Debt, any))),
    )
    .from(2026, 9, 1),
    rule(
        "US-NYC-5-77-EXCHANGE",
        Says::Run(wait(7, everybodys(CONTACT, By::Debt, exchanged))),
    )
    .from(2026, 9, 1),
    rule("US-NYC-5-77-ELECTRONIC", Says::Consented(None))
        .on(TEXTS)
        .from(2026, 9, 1),
    fact("US-NYC-5-77-MEDIUM", facts::opted_out).from(2026, 9, 1),
    // China.
    agreed_hours("CN-GBT45251-TIME", 8 * H, 22 * H).from(2025, 2, 28),
    rule(
        "CN-GBT45251-FREQ3",
        Says::Run(run(1, 3, ours(PHONE, By::Person, effective))),
    )
    .on(PHONE)
    .from(2025, 2, 28),
    third("CN-GBT45251-OBJ", facts::not_an_obligor_but_location).from(2025, 2, 28),
    third("CN-GBT45251-THIRD", facts::third_in_china)
        .on(CALLS_TEXTS)
        .from(2025, 2, 28),
    agreed_hours("CN-CBA2026-TIME", 8 * H, 22 * H).from(2026, 1, 30),
    rule(
        "CN-CBA2026-ATT6",
        Says::Run(Run {
            unless: Unless::Agreed(Agreed::MoreAttempts),
            ..run(1, 6, ours(PHONE, By::Number, unanswered))
        }),
    )
    .on(PHONE)
    .from(2026, 1, 30),
    third("CN-CBA2026-THIRD", facts::third_of_banks)
        .on(PHONE)
        .from(2026, 1, 30),
    third("CN-CARD2011-68", facts::not_an_obligor),
    third("CN-MICRO2025-OBLIGOR", facts::not_an_obligor).from(2024, 12, 31),
    third("CN-CFC2024-THIRD", facts::not_an_obligor_but_location).from(2024, 4, 18),
    rule("CN-HOUSE-NOON", Says::Ban(&[(12 * H, 14 * H)])),
    rule(
        "CN-HOUSE-HOLIDAYS",
        Says::Hours(Hours {
            holidays: Some((Calendar::China, None)),
            ..daily(0, 24 * H)
        }),
    ),
    // India.
    hours("IN-RBI2022-HOURS", 8 * H, 19 * H)
        .on(PHONE)
        .from(2022, 8, 12),
    third("IN-RBI2022-THIRD", facts::not_an_obligor).from(2022, 8, 12),
    hours("IN-RBI-MFI-HOURS", 9 * H, 18 * H)
        .on(PHONE)
        .from(2022, 4, 1),
    hours("IN-HOUSE-HOURS", 8 * H, 19 * H).on(TEXTS_VISITS),
    hours("IN-RBI2026-HOURS", 8 * H, 19 * H).from(2026, 7, 1),
    third("IN-RBI2026-THIRD", facts::not_an_obligor).from(2026, 7, 1),
    rule("IN-RBI2026-TIMES", Says::Unsuitable).from(2026, 7, 1),
    rule("IN-DLD-NOTICE", Says::After(ours(TEXTS, By::Debt, told))).on(VISIT),
    // Indonesia: Monday to Saturday, no holidays.
    rule(
        "ID-POJK22-62-HOURS",
        Says::Hours(Hours {
            sunday: None,
            holidays: Some((Calendar::Indonesia, None)),
            by_agreement: true,
            ..daily(8 * H, 20 * H)
        }),
    ),
    third("ID-POJK22-62-THIRD", facts::not_an_obligor),
    fact("ID-POJK22-62-PLACE", facts::not_requested)
        .on(VISIT)
        .to(WORK),
    // Vietnam.
    hours("VN-C18-HOURS", 7 * H, 21 * H).from(2020, 1, 1),
    rule(
        "VN-C18-FREQ5",
        Says::Run(run(1, 5, ours(CONTACT, By::Person, any))),
    )
    .from(2020, 1, 1),
    third("VN-C18-THIRD", facts::not_an_obligor).from(2020, 1, 1),
    // Philippines.
    agreed_hours("PH-MC18-HOURS", 6 * H, 22 * H).but(&[But::PastDue(15)]),
    rule("PH-HOUSE-NIGHT", Says::Ban(&[(22 * H, 6 * H)])).but(&[But::Agreed(Agreed::OffHours)]),
    third("PH-MC18-THIRD", facts::not_an_obligor),
    // Taiwan.
    agreed_hours("TW-HOURS", 7 * H, 22 * H),
    third("TW-THIRD", facts::not_an_obligor_but_location),
    rule(
        "TW-CNY-PAUSE",
        Says::Paused(Day(2026, 2, 14), Day(2026, 2, 22)),
    ),
    // São Paulo.
    rule("BR-SP-15426-HOURS", Says::Hours(SP_HOURS)).on(CALLS_TEXTS),
    rule("BR-SP-HOUSE-HOURS", Says::Hours(SP_HOURS)).on(MAIL_VISITS),
    // Russia.
    rule(
        "RU-230FZ-HOURS",
        Says::Hours(Hours {
            saturday: Some((9 * H, 20 * H)),
            sunday: Some((9 * H, 20 * H)),
            holidays: Some((Calendar::Russia, Some((9 * H, 20 * H)))),
            ..daily(8 * H, 22 * H)
        }),
    )
    .on(CALLS_TEXTS_VISITS),
    rule("RU-230FZ-DAY1", Says::Run(run(1, 1, RU_CALLS))).on(PHONE),
    rule(
        "RU-230FZ-CALLS",
        Says::Runs(&[
            run(1, 1, RU_CALLS),
            run(7, 2, RU_CALLS),
            run(31, 8, RU_CALLS),
        ]),
    )
    .on(PHONE),
    rule("RU-230FZ-SMS2", Says::Run(run(1, 2, RU_MESSAGES))).on(TEXTS),
    rule(
        "RU-230FZ-MESSAGES",
        Says::Runs(&[
            run(1, 2, RU_MESSAGES),
            run(7, 4, RU_MESSAGES),
            run(31, 16, RU_MESSAGES),
        ]),
    )
    .on(TEXTS),
    rule(
        "RU-230FZ-MEETINGS",
        Says::Run(run(7, 1, ours(VISIT, By::Person, met))),
    )
    .on(VISIT),
    // United Kingdom.
    rule("UK-DRS-60", Says::Moratorium)
        .on(ALL)
        .from(2021, 5, 4)
        .but(REPLY),
    rule("UK-DRS-MH", Says::Moratorium)
        .on(ALL)
        .from(2021, 5, 4)
        .but(REPLY),
    agreed_hours("UK-CONC-7.9-HOURS", 8 * H, 21 * H).but(REPLY_AT_ONCE),
    fact("UK-CONC-7.9-VISIT", facts::not_requested).on(VISIT),
    third("UK-CONC-7.9-THIRD", facts::not_an_obligor_but_location),
    fact("UK-CONC-7.14", facts::disputed).on(ALL),
    fact("UK-CONC-7.15", facts::time_barred).on(LEGAL),
    // European Union.
    fact("EU-CCD2-35", facts::no_forbearance)
        .on(LEGAL)
        .from(2026, 11, 20),
    // The house.
    fact("HOUSE-OPT-OUT", facts::opted_out).but(STOPPED),
    fact("HOUSE-CEASE", facts::ceased).but(NOTICES),
    fact("HOUSE-WRONG-NUMBER", facts::wrong_number),
    fact("HOUSE-DECEASED", facts::deceased).on(ALL),
    fact("HOUSE-ATTORNEY", facts::represented).but(REPLY),
    fact("HOUSE-REFUSED", facts::refused),
    rule("HOUSE-INCONVENIENT", Says::Unsuitable).but(REPLY_AT_ONCE),
    rule("HOUSE-MORATORIUM", Says::Moratorium).on(ALL),
    rule(
        "HOUSE-DAILY",
        Says::Run(run(1, 5, ours(CONTACT, By::Person, any))),
    ),
    rule(
        "HOUSE-DAILY-SMS",
        Says::Run(run(1, 1, ours(SMS, By::Debt, any))),
    )
    .on(SMS)
    .but(STOPPED),
    hours("HOUSE-VISIT-HOURS", 8 * H, 20 * H).on(VISIT),
    rule(
        "HOUSE-VISIT-PRIOR",
        Says::After(everybodys(REMOTE, By::Debt, any)),
    )
    .on(VISIT),
    fact("HOUSE-VISIT-EVIDENCE", facts::no_evidence).on(VISIT),
    fact("HOUSE-VISIT-TWO", facts::fewer_than_two).on(VISIT),
    rule(
        "HOUSE-LEGAL-PRIOR",
        Says::After(everybodys(CONTACT, By::Debt, any)),
    )
    .on(LEGAL),
];
