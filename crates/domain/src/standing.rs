//! What the facts of a person forbid now, whatever a policy asks for. The gate judges what is proposed; this
//! says which contact that was accepted, or waits, a fact has overtaken.

use crate::contact::{Contact, ContactClass};
use crate::ids::{CaseId, KeyedHash};
use crate::party::{Inconvenient, Party, PointOwner, PointState};
use crate::past::PastContact;
use crate::time::{Window, Zone, add_days};

/// Calendar days of an effect window that are looked at for inconvenient times; windows are of days.
const DAYS_MAX: i32 = 62;

/// A contact as far as rights of a person are about it.
#[derive(Clone, Copy, Debug)]
pub struct Aim {
    /// The debt.
    pub debt: CaseId,
    /// The kind.
    pub class: ContactClass,
    /// The number or address.
    pub point: Option<KeyedHash>,
    /// When its effect lies.
    pub effect: Window,
}

impl From<&Contact> for Aim {
    fn from(c: &Contact) -> Self {
        Self {
            debt: c.id.case,
            class: c.class,
            point: c.point,
            effect: c.effect,
        }
    }
}

impl From<&PastContact> for Aim {
    fn from(c: &PastContact) -> Self {
        Self {
            debt: c.debt,
            class: c.class,
            point: c.point,
            effect: c.effect,
        }
    }
}

impl Party {
    /// Whether a fact of the person forbids the contact. A referral is no contact with the person: of these only
    /// death, an opt-out of it and a moratorium forbid it.
    #[must_use]
    pub fn forbids(&self, aim: &Aim) -> bool {
        let opted_out = |o: &crate::party::OptOut| o.covers(aim.class, aim.point);
        self.deceased
            || self.is_protected(aim.effect)
            || self.opt_outs.iter().any(opted_out)
            || (aim.class != ContactClass::Legal && self.declines(aim))
    }

    /// What a person must know who finds that contacts of a kind can never be made in a debt, and what to do then;
    /// none where no fact of the person says why.
    #[must_use]
    pub fn stands_against(&self, debt: CaseId, class: ContactClass) -> Option<&'static str> {
        let to_law = class == ContactClass::Legal;
        let opted_out = |o: &crate::party::OptOut| o.covers(class, None);
        Some(if self.deceased {
            "has died: close the case, or tell who answers for the debt"
        } else if !to_law && self.is_represented(debt) {
            "has an attorney: talk to the attorney"
        } else if !to_law && self.has_ceased(debt, true) {
            "asked to stop, in writing: contact nobody; close the case, or go to law"
        } else if !to_law && self.has_ceased(debt, false) {
            "asked to stop: contact nobody; close the case, or go to law"
        } else if self.opt_outs.iter().any(opted_out) {
            "wants no contact of this kind: take another way, or decide what is next"
        } else {
            return None;
        })
    }

    fn declines(&self, aim: &Aim) -> bool {
        self.has_ceased(aim.debt, false)
            || self.is_represented(aim.debt)
            || aim.point.is_some_and(|key| self.declines_point(key))
            || self.inconvenient.iter().any(|span| {
                let point = aim.point.and_then(|key| self.point(key));
                let mut zones = self.zones.iter().chain(point.and_then(|p| p.zone.as_ref()));
                zones.any(|zone| span.meets(aim.effect, zone))
            })
    }

    /// Whether an attorney who answers and does not consent to direct contact represents the person in a debt.
    #[must_use]
    pub fn is_represented(&self, debt: CaseId) -> bool {
        self.attorneys
            .iter()
            .any(|a| a.case.is_none_or(|id| id == debt) && !a.unresponsive && !a.consents)
    }

    /// Whether a moratorium protects the person on the day an effect begins.
    fn is_protected(&self, effect: Window) -> bool {
        let day = self.home_zone().date(effect.from);
        self.moratorium_until.is_some_and(|last| day <= last)
    }

    fn declines_point(&self, key: KeyedHash) -> bool {
        self.declined_points.contains(&key)
            || self.point(key).is_some_and(|p| {
                p.state == PointState::WrongNumber
                    || (p.owner == PointOwner::Workplace && self.employer_prohibits)
            })
    }
}

impl Inconvenient {
    /// Whether an effect may fall into it, read in `zone`.
    #[must_use]
    pub fn meets(&self, effect: Window, zone: &Zone) -> bool {
        let (first, last) = (zone.date(effect.from), zone.date(effect.to));
        (0..=DAYS_MAX)
            .map(|n| add_days(first, n))
            .take_while(|day| *day <= last)
            .filter(|day| {
                let weekday = day.weekday().to_monday_one_offset();
                self.days.is_empty() || self.days.contains(&weekday)
            })
            .any(|day| {
                let from = zone.instant(day, self.from);
                let to = match self.to {
                    Some(to) => zone.instant(day, to),
                    None => zone.start_of_day(add_days(day, 1)),
                };
                from < effect.to && effect.from < to
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::time;

    #[test]
    fn an_inconvenient_time_meets_what_may_fall_into_it() {
        let zone = Zone::new("Asia/Shanghai").unwrap();
        let window = |from: &str, to: &str| Window {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
        };
        let mondays = Inconvenient {
            days: vec![1],
            from: time(12, 0, 0, 0),
            to: Some(time(14, 0, 0, 0)),
        };
        let every_evening = Inconvenient {
            days: vec![],
            from: time(18, 0, 0, 0),
            to: None,
        };
        // 2 March 2026 is a Monday; local time is eight hours ahead.
        for (from, to, monday, evening) in [
            ("2026-03-02T03:00:00Z", "2026-03-02T04:00:00Z", false, false),
            ("2026-03-02T03:00:00Z", "2026-03-02T04:00:01Z", true, false),
            ("2026-03-02T06:00:00Z", "2026-03-02T10:00:00Z", false, false),
            ("2026-03-03T04:30:00Z", "2026-03-03T05:00:00Z", false, false),
            ("2026-03-03T04:30:00Z", "2026-03-03T10:00:01Z", false, true),
            ("2026-03-03T15:59:59Z", "2026-03-03T16:00:00Z", false, true),
            ("2026-03-03T16:00:00Z", "2026-03-04T01:00:00Z", false, false),
            ("2026-02-27T03:00:00Z", "2026-03-04T03:00:00Z", true, true),
        ] {
            let at = window(from, to);
            assert_eq!(mondays.meets(at, &zone), monday, "{from} {to}");
            assert_eq!(every_evening.meets(at, &zone), evening, "{from} {to}");
        }
    }
}
