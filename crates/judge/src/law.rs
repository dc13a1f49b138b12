//! The judge's own table of hours and limits, by the jurisdiction of the case.

/// An hour of the day in microseconds.
const HOUR_US: i64 = 3600 * 1_000_000;

/// The hours of a day in which a contact may take effect: `[open, close)` by the local clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First permitted time, microseconds since local midnight.
    pub open_us: i64,
    /// First time that is no longer permitted, microseconds since local midnight.
    pub close_us: i64,
    /// The rule, as a person would look it up.
    pub rule: &'static str,
}

/// How many calls may be placed about one debt to one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimit {
    /// Calls permitted within `days`.
    pub calls: usize,
    /// Consecutive local calendar days that are counted together, the day of the call included.
    pub days: i64,
    /// After a conversation on day C no call on a day D with D − C below this number.
    pub quiet_days: i64,
    /// The rule on the number of calls.
    pub rule: &'static str,
    /// The rule on the days after a conversation.
    pub quiet_rule: &'static str,
}

/// Conversations permitted to one person on one local day, over all debts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TalkLimit {
    /// Conversations permitted a day.
    pub talks: usize,
    /// The rule.
    pub rule: &'static str,
}

/// The rules of one jurisdiction.
#[derive(Debug, PartialEq, Eq)]
pub struct Law {
    /// The code in the export's `jurisdiction`.
    pub code: &'static str,
    /// Hours that bind every channel but `legal`, in every candidate zone of the party.
    pub window: Window,
    /// Limit on conversations by phone.
    pub talks: Option<TalkLimit>,
    /// Limit on calls.
    pub calls: Option<CallLimit>,
}

/// All jurisdictions that the judge knows.
pub static LAWS: [Law; 3] = [
    Law {
        code: "CN",
        window: Window {
            open_us: 8 * HOUR_US,
            close_us: 22 * HOUR_US,
            rule: "CN-GBT45251-TIME",
        },
        talks: Some(TalkLimit {
            talks: 3,
            rule: "CN-GBT45251-FREQ3",
        }),
        calls: None,
    },
    Law {
        code: "TW",
        window: Window {
            open_us: 7 * HOUR_US,
            close_us: 22 * HOUR_US,
            rule: "TW-HOURS",
        },
        talks: None,
        calls: None,
    },
    Law {
        code: "US",
        window: Window {
            open_us: 8 * HOUR_US,
            close_us: 21 * HOUR_US,
            rule: "US-REGF-1006.6b1i",
        },
        talks: None,
        calls: Some(CallLimit {
            calls: 7,
            days: 7,
            quiet_days: 7,
            rule: "US-REGF-1006.14b2iA",
            quiet_rule: "US-REGF-1006.14b2iB",
        }),
    },
];

/// The house's own hours for visits; they bind in every jurisdiction.
pub const HOUSE_VISIT: Window = Window {
    open_us: 8 * HOUR_US,
    close_us: 20 * HOUR_US,
    rule: "the house rule for visits",
};

/// The rules of the jurisdiction `code`.
///
/// # Errors
/// The judge has no table for it, so a case of it cannot be judged.
pub fn of(code: &str) -> Result<&'static Law, String> {
    LAWS.iter().find(|law| law.code == code).ok_or_else(|| {
        let known: Vec<_> = LAWS.iter().map(|law| law.code).collect();
        format!(
            "jurisdiction {code:?} has no table here; known are {}",
            known.join(", ")
        )
    })
}
