//! The closed set of rule shapes, one file each.
//!
//! A new shape is a file here and a line in the list below: a struct that a pack's `rule:` is read into
//! (its fields are the keys of the YAML, unknown ones refused), with `RANK` and `judge`.

mod calendar_day;
mod consented;
mod cool_down;
mod counting;
mod daily_window;
mod duty;
mod interval_ban;
mod lifetime;
mod nested_periods;
pub(crate) mod one_shot;
mod pause;
mod prior_contact;
mod rolling_days;
mod rolling_hours;
mod state_flag;
mod third_party;

use crate::calendar::Calendar;
use crate::gate::Why;
use crate::numbers::Numbers;
use crate::question::{Moment, Question};
use crate::rule::Scope;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

/// What one rule says of one candidate start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// Permitted, and before `until` it stays so if nothing new happens.
    Open { until: Timestamp },
    /// Denied; `next` is the least later start that is permitted, none where there is none in reach.
    Shut { next: Option<Timestamp> },
}

impl Answer {
    /// No passing of time cures it.
    pub(crate) const NEVER: Self = Self::Shut { next: None };
    /// Nothing in it changes with time.
    pub(crate) const ALWAYS: Self = Self::Open {
        until: Timestamp::MAX,
    };

    pub(crate) const fn shut_until(next: Timestamp) -> Self {
        Self::Shut { next: Some(next) }
    }

    /// Open or shut for good.
    pub(crate) const fn for_good(open: bool) -> Self {
        if open { Self::ALWAYS } else { Self::NEVER }
    }
}

/// Which of several reasons is named first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Rank {
    /// No time cures it.
    Indefinite,
    /// A moratorium or pause.
    Pause,
    /// Too often.
    Frequency,
    /// The wrong hour.
    Window,
}

macro_rules! shapes {
    ($($file:ident :: $shape:ident),* $(,)?) => {
        /// What a rule says.
        #[derive(Debug, PartialEq, Eq, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum Shape {
            $(#[allow(missing_docs)] $shape($file::$shape),)*
        }

        impl Shape {
            pub(crate) const fn name(&self) -> &'static str {
                match self { $(Self::$shape(_) => stringify!($file),)* }
            }

            pub(crate) const fn rank(&self) -> Rank {
                match self { $(Self::$shape(_) => $file::$shape::RANK,)* }
            }

            #[inline]
            pub(crate) fn judge(&self, q: &Question<'_>, scope: Scope, m: &Moment<'_>) -> Answer {
                match self { $(Self::$shape(s) => s.judge(q, scope, m),)* }
            }
        }
    };
}

impl Shape {
    /// The same on other days; none where nothing in it reads such days.
    pub(crate) fn on_days(&self, holidays: &[Date], pauses: &[(Date, Date)]) -> Option<Self> {
        match self {
            Self::DailyWindow(window) => window.on_holidays(holidays).map(Self::DailyWindow),
            Self::Pause(pause) => pause.on_dates(pauses).map(Self::Pause),
            _ => None,
        }
    }

    /// The calendar of holidays that it reads, where it reads one.
    pub(crate) fn calendar(&self) -> Option<&Calendar> {
        match self {
            Self::DailyWindow(window) => window.calendar(),
            _ => None,
        }
    }

    /// The numbers in force: what its text says, or no longer does.
    pub(crate) fn limit(&self) -> Option<Numbers> {
        match self {
            Self::DailyWindow(window) => Some(window.limit()),
            Self::IntervalBan(ban) => ban.limit(),
            Self::RollingDays(limit) => Some(limit.limit()),
            Self::RollingHours(limit) => Some(limit.limit()),
            Self::NestedPeriods(limits) => Some(limits.limits()),
            Self::Lifetime(limit) => Some(limit.limit()),
            Self::CalendarDay(limit) => Some(limit.limit()),
            Self::CoolDown(limit) => Some(limit.limit()),
            Self::Pause(pause) => pause.limit(),
            Self::StateFlag(_)
            | Self::ThirdParty(_)
            | Self::PriorContact(_)
            | Self::Consented(_)
            | Self::Duty(_) => None,
        }
    }

    /// More than the rule's text, where there is more to say of a denial.
    pub(crate) fn why(
        &self,
        q: &Question<'_>,
        m: &Moment<'_>,
        next: Option<Timestamp>,
    ) -> Option<Why> {
        match self {
            Self::DailyWindow(window) => window.why(q, m, next),
            _ => None,
        }
    }
}

shapes! {
    daily_window::DailyWindow,
    interval_ban::IntervalBan,
    rolling_days::RollingDays,
    rolling_hours::RollingHours,
    nested_periods::NestedPeriods,
    lifetime::Lifetime,
    calendar_day::CalendarDay,
    cool_down::CoolDown,
    state_flag::StateFlag,
    third_party::ThirdParty,
    prior_contact::PriorContact,
    consented::Consented,
    duty::Duty,
    pause::Pause,
}
