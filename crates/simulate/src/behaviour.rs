//! How borrowers behave in a replay: a file of declared numbers. What stands under `fitted` was counted in real data;
//! what stands under `assumed` somebody believes. All ratios are basis points (1 in 10,000), all amounts minor units.

use recoup_domain::party::BorrowerKind;
use recoup_domain::{ContactClass, Currency, Outcome};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The behaviour that ships: payments and rolls fitted, all else assumed.
pub const DEFAULT_BEHAVIOUR: &str = include_str!("../behaviour.yaml");

/// The whole of a ratio.
const WHOLE: u32 = 10_000;
/// Buckets of days past due: M0 to M6, M7+.
pub(crate) const BUCKETS: usize = 8;
const BUCKET_NAMES: [&str; BUCKETS] = ["M0", "M1", "M2", "M3", "M4", "M5", "M6", "M7+"];

/// The bucket of some days past due: M0 up to 0, M1 to M6 by 30 days, M7+ from 181.
pub(crate) const fn bucket(dpd: i32) -> usize {
    match dpd {
        ..=0 => 0,
        1..=180 => (dpd as usize - 1) / 30 + 1,
        _ => 7,
    }
}

/// Its name.
pub(crate) const fn bucket_name(bucket: usize) -> &'static str {
    BUCKET_NAMES[bucket]
}

/// What is wrong with a behaviour file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BehaviourError {
    /// It is no such file.
    #[error("{0}")]
    Unreadable(String),
    /// A number cannot be.
    #[error("{at}: {problem}")]
    Wrong {
        /// Where, such as `assumed.individual.sms.answers`.
        at: String,
        /// What is wrong and what would be right.
        problem: String,
    },
}

/// How borrowers behave.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// Its name, for reports.
    pub name: String,
    pub(crate) fitted: Fitted,
    pub(crate) assumed: Assumed,
}

/// Numbers counted in data.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fitted {
    /// The data, for people.
    pub(crate) source: String,
    /// What becomes of an overdue loan within 30 days, by bucket.
    months: BTreeMap<String, Month>,
    #[serde(skip)]
    table: [Month; BUCKETS],
}

/// What becomes of an overdue loan within 30 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Month {
    /// Everything that is overdue comes in.
    pub(crate) cures: u32,
    /// Part of it comes in, and the oldest unpaid instalment is a month younger after it.
    pub(crate) improves: u32,
    /// Part of it comes in, and the loan grows older all the same.
    pub(crate) pays_part: u32,
    /// The mean of such a part, of what is overdue.
    pub(crate) part: u32,
}

/// Numbers somebody believes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assumed {
    /// How much of what is fitted comes without any contact of ours: the data were collected from, too.
    pub(crate) own_accord: u32,
    /// How readily somebody reacts to a contact, by bucket, of what the channel says.
    readiness: BTreeMap<String, u32>,
    #[serde(skip)]
    ready: [u32; BUCKETS],
    /// Each contact of the same case that reached the person leaves this of the readiness.
    pub(crate) after_each_contact: u32,
    pub(crate) promise: PromiseModel,
    pub(crate) rights: Rights,
    pub(crate) points: PointModel,
    /// Hours until a person approves a contact that waits for one, from and to.
    pub(crate) approval_hours: (u32, u32),
    /// Hours until a referral is filed.
    pub(crate) filing_hours: u32,
    individual: Segment,
    micro_business: Segment,
    /// What a contact costs, in minor units, by currency and kind.
    pub(crate) costs: BTreeMap<Currency, Costs>,
}

/// Promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PromiseModel {
    /// Of all that is overdue; else of half of it.
    pub(crate) whole: u32,
    /// Days until it is due, from and to.
    pub(crate) days: (u32, u32),
    /// All of it comes in time.
    pub(crate) kept: u32,
    /// Half of it comes in time.
    pub(crate) partial: u32,
}

/// What people ask for once a contact reached them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rights {
    /// No more contacts of that kind.
    pub(crate) opts_out: u32,
    /// No more contact at all.
    pub(crate) ceases: u32,
}

/// Numbers that do not work, whoever tries them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PointModel {
    /// Not in service.
    pub(crate) dead: u32,
    /// Somebody else's.
    pub(crate) wrong: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Segment {
    sms: Reaction,
    phone: Reaction,
    email: Reaction,
    visit: Reaction,
    legal: Reaction,
}

/// How a segment reacts to a channel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reaction {
    /// What comes of a contact.
    answers: BTreeMap<String, u32>,
    #[serde(skip)]
    table: Vec<(u32, Outcome)>,
    /// A contact that reached the person is followed by a payment.
    pub(crate) pays: u32,
    /// Such a payment is all that is overdue; else a part.
    pub(crate) whole: u32,
    /// It comes within so many days.
    pub(crate) days: u32,
    /// A talk ends with a promise.
    #[serde(default)]
    pub(crate) promises: u32,
}

/// What a contact costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Costs {
    sms: u32,
    phone: u32,
    email: u32,
    visit: u32,
    legal: u32,
}

impl Costs {
    pub(crate) fn of(&self, class: ContactClass) -> u64 {
        u64::from(match class {
            ContactClass::Sms => self.sms,
            ContactClass::Phone => self.phone,
            ContactClass::Email => self.email,
            ContactClass::Visit => self.visit,
            ContactClass::Legal => self.legal,
        })
    }
}

impl Behaviour {
    /// Reads and checks a file's text.
    ///
    /// # Errors
    /// The first thing that is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, BehaviourError> {
        let mut behaviour: Self = serde_saphyr::from_str(text)
            .map_err(|e| BehaviourError::Unreadable(e.without_snippet().to_string()))?;
        let assumed = &mut behaviour.assumed;
        for (segment, name) in [
            (&mut assumed.individual, "individual"),
            (&mut assumed.micro_business, "micro_business"),
        ] {
            for class in ContactClass::ALL {
                let at = format!("assumed.{name}.{class}");
                segment.of_mut(class).build(class, &at)?;
            }
        }
        behaviour.check()?;
        for (i, name) in BUCKET_NAMES.iter().enumerate() {
            behaviour.fitted.table[i] = behaviour.fitted.months[*name];
            behaviour.assumed.ready[i] = behaviour.assumed.readiness[*name];
        }
        Ok(behaviour)
    }

    fn check(&self) -> Result<(), BehaviourError> {
        for (bucket, m) in &self.fitted.months {
            let at = format!("fitted.months.{bucket}");
            known(&at, bucket)?;
            ratio(
                &at,
                m.cures
                    .saturating_add(m.improves)
                    .saturating_add(m.pays_part),
            )?;
            ratio(&format!("{at}.part"), m.part)?;
        }
        let a = &self.assumed;
        for (bucket, readiness) in &a.readiness {
            let at = format!("assumed.readiness.{bucket}");
            known(&at, bucket)?;
            ratio(&at, *readiness)?;
        }
        for bucket in BUCKET_NAMES {
            if !self.fitted.months.contains_key(bucket) {
                return Err(wrong("fitted.months", format!("`{bucket}` is missing")));
            }
            if !a.readiness.contains_key(bucket) {
                return Err(wrong("assumed.readiness", format!("`{bucket}` is missing")));
            }
        }
        for (at, value) in [
            ("assumed.own_accord", a.own_accord),
            ("assumed.after_each_contact", a.after_each_contact),
            ("assumed.promise.whole", a.promise.whole),
            (
                "assumed.promise",
                a.promise.kept.saturating_add(a.promise.partial),
            ),
            (
                "assumed.rights",
                a.rights.opts_out.saturating_add(a.rights.ceases),
            ),
            (
                "assumed.points",
                a.points.dead.saturating_add(a.points.wrong),
            ),
        ] {
            ratio(at, value)?;
        }
        span("assumed.promise.days", a.promise.days, 90)?;
        span("assumed.approval_hours", a.approval_hours, 400)?;
        span("assumed.filing_hours", (0, a.filing_hours), 2_000)
    }

    /// What becomes of a loan of the bucket within 30 days.
    pub(crate) const fn month(&self, bucket: usize) -> Month {
        self.fitted.table[bucket]
    }

    /// How readily somebody of the bucket reacts.
    pub(crate) const fn readiness(&self, bucket: usize) -> u32 {
        self.assumed.ready[bucket]
    }

    /// How a segment reacts to a kind of contact.
    pub(crate) fn reaction(&self, kind: BorrowerKind, class: ContactClass) -> &Reaction {
        match kind {
            BorrowerKind::Individual => self.assumed.individual.of(class),
            BorrowerKind::MicroBusiness => self.assumed.micro_business.of(class),
        }
    }

    /// Where its fitted numbers are from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.fitted.source
    }
}

impl Segment {
    const fn of(&self, class: ContactClass) -> &Reaction {
        match class {
            ContactClass::Sms => &self.sms,
            ContactClass::Phone => &self.phone,
            ContactClass::Email => &self.email,
            ContactClass::Visit => &self.visit,
            ContactClass::Legal => &self.legal,
        }
    }

    const fn of_mut(&mut self, class: ContactClass) -> &mut Reaction {
        match class {
            ContactClass::Sms => &mut self.sms,
            ContactClass::Phone => &mut self.phone,
            ContactClass::Email => &mut self.email,
            ContactClass::Visit => &mut self.visit,
            ContactClass::Legal => &mut self.legal,
        }
    }
}

impl Reaction {
    fn build(&mut self, class: ContactClass, at: &str) -> Result<(), BehaviourError> {
        let at_answers = format!("{at}.answers");
        let mut sum = 0_u32;
        for (name, share) in &self.answers {
            let outcome: Outcome =
                name.parse()
                    .map_err(|e: recoup_domain::outcome::UnknownOutcome| {
                        wrong(&at_answers, e.to_string())
                    })?;
            if !outcome.fits(class) || outcome == Outcome::Cancelled {
                let problem = format!("`{name}` cannot come of a contact by {class}");
                return Err(wrong(&at_answers, problem));
            }
            sum = sum.saturating_add(*share);
            self.table.push((*share, outcome));
        }
        if sum != WHOLE {
            let problem = format!("the shares add up to {sum}; they must add up to {WHOLE}");
            return Err(wrong(&at_answers, problem));
        }
        // In the order of the outcomes, so that the file's order says nothing.
        self.table.sort_by_key(|(_, outcome)| *outcome);
        for (name, value) in [
            ("pays", self.pays),
            ("whole", self.whole),
            ("promises", self.promises),
        ] {
            ratio(&format!("{at}.{name}"), value)?;
        }
        span(&format!("{at}.days"), (1, self.days), 90)
    }

    /// What comes of a contact, of a number below 10,000.
    pub(crate) fn answer(&self, mut place: u64) -> Outcome {
        for (share, outcome) in &self.table {
            let share = u64::from(*share);
            if place < share {
                return *outcome;
            }
            place -= share;
        }
        Outcome::Unknown
    }
}

fn wrong(at: &str, problem: String) -> BehaviourError {
    BehaviourError::Wrong {
        at: at.to_owned(),
        problem,
    }
}

fn known(at: &str, bucket: &str) -> Result<(), BehaviourError> {
    if BUCKET_NAMES.contains(&bucket) {
        return Ok(());
    }
    let problem = format!("is no bucket; there are {}", BUCKET_NAMES.join(", "));
    Err(wrong(at, problem))
}

fn ratio(at: &str, value: u32) -> Result<(), BehaviourError> {
    if value <= WHOLE {
        return Ok(());
    }
    let problem = format!("is {value} basis points in all; it must be {WHOLE} at most");
    Err(wrong(at, problem))
}

fn span(at: &str, (from, to): (u32, u32), most: u32) -> Result<(), BehaviourError> {
    if from <= to && to <= most {
        return Ok(());
    }
    let problem = format!("goes from {from} to {to}; it must go upwards, to {most} at most");
    Err(wrong(at, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(from: &str, to: &str) -> String {
        assert!(DEFAULT_BEHAVIOUR.contains(from), "{from}");
        let text = DEFAULT_BEHAVIOUR.replacen(from, to, 1);
        Behaviour::parse(&text).unwrap_err().to_string()
    }

    #[test]
    fn what_ships_is_sound() {
        let b = Behaviour::parse(DEFAULT_BEHAVIOUR).unwrap();
        assert!(b.source().contains("Taiwan"), "{}", b.source());
        for class in ContactClass::ALL {
            let r = b.reaction(BorrowerKind::Individual, class);
            let all: u32 = r.table.iter().map(|(share, _)| share).sum();
            assert_eq!(all, WHOLE, "{class}");
            assert_eq!(r.answer(0), r.table.iter().find(|(n, _)| *n > 0).unwrap().1);
        }
    }

    #[test]
    fn what_cannot_be_is_said_with_its_place() {
        for (from, to, expected) in [
            ("own_accord: ", "own_accord: 2", "assumed.own_accord: is 2"),
            (
                "delivered: ",
                "delivered: 1",
                "answers: the shares add up to",
            ),
            (
                "delivered:",
                "visited:",
                "`visited` cannot come of a contact by",
            ),
            ("delivered:", "dilivered:", "`dilivered` is no outcome"),
            ("M7+: {", "M9: {", "M9: is no bucket"),
            ("name:", "nome:", "nome"),
        ] {
            let said = error(from, to);
            assert!(said.contains(expected), "{from} -> {to}: {said}");
        }
    }

    #[test]
    fn buckets_begin_where_they_should() {
        for (dpd, name) in [
            (-5, "M0"),
            (0, "M0"),
            (1, "M1"),
            (30, "M1"),
            (31, "M2"),
            (180, "M6"),
            (181, "M7+"),
        ] {
            assert_eq!(bucket_name(bucket(dpd)), name, "{dpd}");
        }
    }
}
