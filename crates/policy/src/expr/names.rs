//! The names an expression may use, and the slot each of them is read from.

use recoup_domain::ContactClass;
use recoup_domain::case::{LenderKind, Status};
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{BorrowerKind, Contactability};

/// Sets of values that text can be compared with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Domain {
    /// Text as written, not yet compared with anything.
    Literal,
    Status,
    BorrowerKind,
    LenderKind,
    Contactability,
    Outcome,
    /// The policy's own segments.
    Segment,
    /// The lender's products: any text.
    Product,
    /// Any text.
    Jurisdiction,
}

impl Domain {
    /// The members, none where any text may be one (or only the policy knows them).
    pub(crate) fn members(self) -> Option<Vec<&'static str>> {
        Some(match self {
            Self::Status => STATUSES.iter().map(|s| s.name()).collect(),
            Self::BorrowerKind => BORROWER_KINDS.iter().map(|s| s.name()).collect(),
            Self::LenderKind => LENDER_KINDS.iter().map(|s| s.name()).collect(),
            Self::Contactability => CONTACTABILITIES.iter().map(|s| s.name()).collect(),
            Self::Outcome => Outcome::ALL.iter().map(|s| s.name()).collect(),
            Self::Literal | Self::Segment | Self::Product | Self::Jurisdiction => return None,
        })
    }

    /// Whether two values that are not written out can be compared.
    pub(crate) const fn is_closed(self) -> bool {
        !matches!(self, Self::Product | Self::Jurisdiction)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Literal => "text",
            Self::Status => "status",
            Self::BorrowerKind => "kind of borrower",
            Self::LenderKind => "kind of lender",
            Self::Contactability => "contactability",
            Self::Outcome => "outcome",
            Self::Segment => "segment",
            Self::Product => "product",
            Self::Jurisdiction => "jurisdiction",
        }
    }
}

// The index of a member in these tables is its number in a slot.
pub(crate) const STATUSES: [Status; 4] =
    [Status::Open, Status::Paused, Status::Legal, Status::Closed];
pub(crate) const BORROWER_KINDS: [BorrowerKind; 2] =
    [BorrowerKind::Individual, BorrowerKind::MicroBusiness];
pub(crate) const LENDER_KINDS: [LenderKind; 4] = [
    LenderKind::FirstParty,
    LenderKind::Agency,
    LenderKind::MicroloanCompany,
    LenderKind::Bank,
];
pub(crate) const CONTACTABILITIES: [Contactability; 3] = [
    Contactability::Reachable,
    Contactability::Doubtful,
    Contactability::Lost,
];

/// The type of an expression.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Type {
    Bool,
    Int,
    /// A length of time, in seconds.
    Duration,
    Text(Domain),
}

impl Type {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "a number",
            Self::Duration => "a length of time",
            Self::Text(domain) => match domain {
                Domain::Literal => "text",
                Domain::Status => "a status",
                Domain::BorrowerKind => "a kind of borrower",
                Domain::LenderKind => "a kind of lender",
                Domain::Contactability => "a contactability",
                Domain::Outcome => "an outcome",
                Domain::Segment => "a segment",
                Domain::Product => "a product",
                Domain::Jurisdiction => "a jurisdiction",
            },
        }
    }
}

/// Where a value stands in the environment.
pub(crate) type Slot = u8;

pub(crate) const DPD: Slot = 0;
pub(crate) const STATUS: Slot = 1;
pub(crate) const PRODUCT: Slot = 2;
pub(crate) const OVERDUE: Slot = 3;
pub(crate) const PRINCIPAL: Slot = 4;
pub(crate) const AGE_DAYS: Slot = 5;
pub(crate) const JURISDICTION: Slot = 6;
pub(crate) const LENDER_KIND: Slot = 7;
pub(crate) const BORROWER_KIND: Slot = 8;
pub(crate) const SEGMENT: Slot = 9;
pub(crate) const CONTACTABILITY: Slot = 10;
pub(crate) const ABILITY: Slot = 11;
pub(crate) const WILLINGNESS: Slot = 12;
pub(crate) const HOUR: Slot = 13;
pub(crate) const WEEKDAY: Slot = 14;
/// First of the contacts: four for each class, then four for all together.
const CONTACTS: Slot = 15;
/// Contact classes, and all of them together.
pub(crate) const GROUPS: usize = ContactClass::ALL.len() + 1;
/// The group of all classes.
pub(crate) const ANY: usize = ContactClass::ALL.len();
/// All slots.
pub(crate) const SLOTS: usize = CONTACTS as usize + 4 * GROUPS;

/// What is known of the contacts of a group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Of {
    /// How many count as attempts.
    Made,
    /// How many have a proven effect.
    Completed,
    /// Days since the effect of the last one made.
    DaysSinceLast,
    /// What came of the last one made.
    LastOutcome,
}

/// The slot of a fact about the contacts of a group.
pub(crate) const fn contacts(group: usize, of: Of) -> Slot {
    CONTACTS + (group as Slot) * 4 + of as Slot
}

/// Names that stand alone.
pub(crate) const BARE: [(&str, Slot, Type); 4] = [
    ("segment", SEGMENT, Type::Text(Domain::Segment)),
    (
        "contactability",
        CONTACTABILITY,
        Type::Text(Domain::Contactability),
    ),
    ("ability", ABILITY, Type::Int),
    ("willingness", WILLINGNESS, Type::Int),
];

/// Names before a dot.
pub(crate) const OBJECTS: [&str; 4] = ["case", "borrower", "contacts", "now"];

/// Members of the objects, but for `contacts`.
pub(crate) const MEMBERS: [(&str, &str, Slot, Type); 9] = [
    ("case", "dpd", DPD, Type::Int),
    ("case", "status", STATUS, Type::Text(Domain::Status)),
    ("case", "product", PRODUCT, Type::Text(Domain::Product)),
    ("case", "age_days", AGE_DAYS, Type::Int),
    (
        "case",
        "jurisdiction",
        JURISDICTION,
        Type::Text(Domain::Jurisdiction),
    ),
    (
        "case",
        "lender_kind",
        LENDER_KIND,
        Type::Text(Domain::LenderKind),
    ),
    (
        "borrower",
        "kind",
        BORROWER_KIND,
        Type::Text(Domain::BorrowerKind),
    ),
    ("now", "hour", HOUR, Type::Int),
    ("now", "weekday", WEEKDAY, Type::Int),
];

/// Lengths of time, kept as whole days in a slot.
pub(crate) const AGES: [(&str, &str, Slot); 1] = [("case", "age", AGE_DAYS)];

/// What can be asked of a group of contacts.
pub(crate) const CONTACT_MEMBERS: [&str; 5] = [
    "made",
    "completed",
    "days_since_last",
    "since_last",
    "last_outcome",
];

/// Functions that stand alone, with their arguments.
pub(crate) const FUNCTIONS: [&str; 2] = ["duration", "exhausted"];

/// Methods of the objects.
pub(crate) const METHODS: [(&str, &str); 5] = [
    ("case", "overdue_in"),
    ("case", "principal_in"),
    ("case", "has_tag"),
    ("borrower", "has_tag"),
    ("borrower", "region"),
];

/// Slots whose value may change while nothing happens but the passing of a day (`case.dpd` apart).
pub(crate) fn changes_daily(slot: Slot) -> bool {
    slot == AGE_DAYS
        || slot == WEEKDAY
        || (0..GROUPS).any(|g| slot == contacts(g, Of::DaysSinceLast))
}

/// Slots whose value may change while nothing happens.
pub(crate) fn moves_with_time(slot: Slot) -> bool {
    slot == DPD || slot == HOUR || changes_daily(slot)
}
