//! Limits over several periods at once, each within the next: so many a day, a week, a month.

use super::counting::{Counted, Limit};
use super::{Answer, Rank};
use crate::numbers::{Numbers, Within};
use crate::question::{Moment, Question};
use crate::rule::Scope;
use jiff::Timestamp;
use serde::Deserialize;
use std::num::{NonZeroU8, NonZeroU32};

/// Every period is so many consecutive local calendar days that end with the day of the contact. A calendar
/// week lies within seven consecutive days, a calendar month within 31: this is the strict reading of both.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Raw")]
pub(crate) struct NestedPeriods {
    /// Shortest first.
    periods: Vec<Period>,
    count: Counted,
}

/// `max` includes the proposed contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Period {
    days: NonZeroU8,
    max: NonZeroU32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    periods: Vec<Period>,
    count: Counted,
}

impl TryFrom<Raw> for NestedPeriods {
    type Error = String;

    fn try_from(Raw { periods, count }: Raw) -> Result<Self, String> {
        if periods.is_empty() {
            return Err("`periods` is empty; nothing would be limited".into());
        }
        let grows = |pair: &[Period]| pair[0].days < pair[1].days && pair[0].max <= pair[1].max;
        if !periods.windows(2).all(grows) {
            return Err("periods go from short to long, and a longer one allows no fewer".into());
        }
        Ok(Self { periods, count })
    }
}

impl NestedPeriods {
    pub(super) const RANK: Rank = Rank::Frequency;

    /// The numbers in force.
    pub(super) fn limits(&self) -> Numbers {
        let each = |p: &Period| (p.max.get(), Within::Days(p.days.get()));
        Numbers::AtMost(self.periods.iter().map(each).collect())
    }

    pub(super) fn judge(&self, q: &Question<'_>, scope: Scope, m: &Moment<'_>) -> Answer {
        let mut moment = *m;
        loop {
            let mut until = Timestamp::MAX;
            let mut latest = moment.at;
            for period in &self.periods {
                match self.limit(*period).judge(q, scope, &moment) {
                    Answer::Open { until: end } => until = until.min(end),
                    Answer::Shut { next: Some(next) } => latest = latest.max(next),
                    Answer::Shut { next: None } => return Answer::NEVER,
                }
            }
            if latest == moment.at && latest == m.at {
                return Answer::Open { until };
            }
            if latest == moment.at {
                return Answer::shut_until(latest);
            }
            moment = q.moment(latest);
        }
    }

    fn limit(&self, period: Period) -> Limit<'_> {
        Limit {
            counted: &self.count,
            days: i32::from(period.days.get()),
            max: period.max.get(),
            looks_ahead: true,
            unless: None,
            consented_count: false,
        }
    }
}
