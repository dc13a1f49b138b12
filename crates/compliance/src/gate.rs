//! The gate: one proposal in, permit or deny out.

use crate::calendar::MissingYear;
use crate::lifted;
use crate::pack::Binding;
use crate::proposal::Proposal;
use crate::question::{Moment, Question};
use crate::rule::{Rule, RuleRef};
use crate::shape::{Answer, Rank};
use crate::trace::Trace;
use jiff::{SignedDuration, Timestamp};
use recoup_domain::past::PastContact;
use recoup_domain::time::add_days;
use std::fmt;

/// How far ahead the earliest instant is looked for.
pub const SEARCH_DAYS_MAX: i32 = 400;

/// So many calendar days ahead hold every instant within the search.
pub(crate) const DAYS_AHEAD: i32 = 401;

/// A permit is good for no longer than this after the effect begins.
pub const PERMIT_MAX: SignedDuration = SignedDuration::from_hours(24);

/// The gate's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Every bound rule permits.
    Permit {
        /// The permit lapses at this instant: a window closes, the effect ends, or a day has passed.
        expires: Timestamp,
    },
    /// Some rule denies.
    Deny(Denial),
}

impl Verdict {
    /// Whether it is a permit.
    #[must_use]
    pub const fn is_permit(&self) -> bool {
        matches!(self, Self::Permit { .. })
    }

    /// The denial, if it is one.
    #[must_use]
    pub const fn denial(&self) -> Option<&Denial> {
        match self {
            Self::Permit { .. } => None,
            Self::Deny(denial) => Some(denial),
        }
    }
}

/// Why not, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The primary reason: what no time cures before pauses, before frequency, before hours.
    pub reason: RuleRef,
    /// Every rule that denies, the primary one first.
    pub all: Vec<Reason>,
    /// The least start of a window of the same length, at or after the one proposed, that all rules
    /// permit if nothing new happens; none where there is none within [`SEARCH_DAYS_MAX`] days.
    pub earliest: Option<Timestamp>,
    /// The year on whose holidays it hangs whether there is such an instant: a calendar lacks it, and were its days
    /// ordinary ones there would be one. It is not denied for good then, only for as long as nobody tells the year.
    pub lacks: Option<MissingYear>,
}

/// One rule that denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The rule.
    pub rule: RuleRef,
    /// From when this rule alone would permit; none: no passing of time cures it.
    pub earliest: Option<Timestamp>,
    /// What the rule's text does not tell, where there is such.
    pub why: Option<Why>,
}

impl fmt::Display for Reason {
    /// The rule, its text, the numbers in force, and what else a person must know.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.rule.id(), self.rule.text())?;
        if let Some(limit) = self.rule.limit() {
            write!(f, " In force: {limit}.")?;
        }
        if let Some(why) = &self.why {
            write!(f, " {why}")?;
        }
        f.write_str(")")
    }
}

/// What lies behind a denial that a person must know to act on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Each zone of the person has hours for it, but no instant lies in the hours of all.
    #[error(
        "NO_COMMON_WINDOW: no instant lies in the hours of all candidate zones; a person must decide"
    )]
    NoCommonWindow,
    /// The rule needs holidays that nobody has told.
    #[error("CALENDAR_YEAR_MISSING: {0}")]
    CalendarLacks(MissingYear),
}

impl Why {
    /// The same in simplified Chinese.
    #[must_use]
    pub fn in_chinese(&self) -> String {
        match self {
            Self::NoCommonWindow => {
                "NO_COMMON_WINDOW：各候选时区的允许时段没有共同时刻，须由人工决定".to_owned()
            }
            Self::CalendarLacks(missing) => format!(
                "CALENDAR_YEAR_MISSING：日历文件 `{}` 缺少 {} 年，请按公布的安排补入",
                missing.calendar, missing.year
            ),
        }
    }
}

/// Judges a proposal by the rules of `binding`.
///
/// `past` holds the contacts with the proposal's party at this lender, over all cases and channels;
/// contacts with others are passed over. Of several zones all must be open; calendar days are read in the
/// first. What an override of the binding lifts permits as long as the override holds, and judges as ever
/// before and after. Nothing is allocated where the answer is a permit.
pub fn gate(
    binding: &Binding,
    proposal: &Proposal<'_>,
    past: &[PastContact],
    now: Timestamp,
    trace: &mut impl Trace,
) -> Verdict {
    let question = Question::new(proposal, past, now);
    let moment = question.moment_of(proposal.effect);
    let mut expires = expiry_of_effect(proposal);
    let mut reasons: Vec<Reason> = Vec::new();
    for rule in binding.rules_for(proposal) {
        match lifted::judge(binding, rule, &question, &moment) {
            (Answer::Open { until }, lift) => {
                expires = expires.min(until);
                match lift {
                    None => trace.permitted(rule, until),
                    Some(lift) => trace.lifted(rule, lift),
                }
            }
            (Answer::Shut { next }, _) => {
                let earliest = within_search(proposal.effect.from, next);
                trace.denied(rule, earliest);
                reasons.push(Reason {
                    why: rule.why(&question, &moment, next),
                    rule: rule.clone(),
                    earliest,
                });
            }
        }
    }
    if reasons.is_empty() {
        return Verdict::Permit { expires };
    }
    // Stable: rules of one rank keep the order of their packs.
    reasons.sort_by_key(precedence);
    // One rule that never permits settles it: there is nothing to look for.
    let curable = reasons.iter().all(|r| r.earliest.is_some());
    let found = curable.then(|| earliest(binding, &question, moment));
    let found = found.flatten();
    Verdict::Deny(Denial {
        reason: reasons[0].rule.clone(),
        earliest: found,
        lacks: match found {
            Some(_) => None,
            None => lacking(binding, &question, moment),
        },
        all: reasons,
    })
}

/// The year that a calendar lacks, if there would be an earliest instant were its days ordinary ones.
fn lacking(binding: &Binding, question: &Question<'_>, first: Moment<'_>) -> Option<MissingYear> {
    let rules = || binding.rules_for(question.proposal);
    let calendars = || rules().filter_map(|rule| rule.calendar());
    calendars().next()?;
    let question = question.presuming();
    let at = earliest(binding, &question, first)?;
    // Another zone may be a day ahead, and hours that go on after midnight are read into the next day.
    let last = add_days(question.home.date(question.window_at(at).to), 2);
    let years = first.day.date().year()..=last.year();
    let missing = calendars().filter_map(|calendar| calendar.lacks(years.clone()));
    missing.min_by_key(|missing| missing.year)
}

/// The least instant at which all rules permit. Each rule names the least instant at which it permits
/// itself, so going to the latest of them never steps over a common one.
fn earliest(binding: &Binding, question: &Question<'_>, first: Moment<'_>) -> Option<Timestamp> {
    let from = first.at;
    let mut moment = first;
    loop {
        let mut latest = moment.at;
        for rule in binding.rules_for(question.proposal) {
            match lifted::judge(binding, rule, question, &moment).0 {
                Answer::Open { .. } => {}
                Answer::Shut { next } => latest = latest.max(within_search(from, next)?),
            }
        }
        if latest == moment.at {
            return Some(latest);
        }
        moment = question.moment(latest);
    }
}

fn expiry_of_effect(proposal: &Proposal<'_>) -> Timestamp {
    let effect = proposal.effect;
    if effect.from < effect.to && effect.to.duration_since(effect.from) <= PERMIT_MAX {
        return effect.to;
    }
    let lapses = effect.from.saturating_add(PERMIT_MAX);
    lapses.unwrap_or(Timestamp::MAX)
}

fn within_search(from: Timestamp, next: Option<Timestamp>) -> Option<Timestamp> {
    let length = SignedDuration::from_hours(24 * i64::from(SEARCH_DAYS_MAX));
    next.filter(|n| n.duration_since(from) <= length)
}

/// What no time cures comes first; then by rank.
fn precedence(reason: &Reason) -> (bool, Rank) {
    (reason.earliest.is_some(), rank(&reason.rule))
}

fn rank(rule: &Rule) -> Rank {
    rule.rank()
}
