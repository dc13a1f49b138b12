//! What the demo knows of each case, from events alone.

use std::collections::BTreeMap;

use recoup::api::google::r#type::Money;
use recoup::api::recoup::v1 as pb;
use recoup::cli::import::values;

use super::behaviour::{DAY_US, Seen};

/// A case as the people around it see it.
#[derive(Debug, Clone, Default)]
pub(crate) struct CaseView {
    /// The lender's own reference.
    pub(crate) case_ref: String,
    /// Jurisdiction of the loan.
    pub(crate) jurisdiction: String,
    /// Currency of its amounts.
    pub(crate) currency: String,
    /// What is overdue, in minor units.
    pub(crate) overdue_minor: i64,
    /// What was promised last, in minor units.
    pub(crate) promised_minor: i64,
    /// What its people act on.
    pub(crate) seen: Seen,
    /// Payments sent so far.
    pub(crate) payments: u32,
    /// True once it is closed.
    pub(crate) closed: bool,
    /// Days past due at an instant.
    dpd_at: (i32, i64),
}

impl CaseView {
    /// Days past due at `at_us`, pauses aside.
    pub(crate) fn dpd(&self, at_us: i64) -> i32 {
        let (dpd, since_us) = self.dpd_at;
        dpd + ((at_us - since_us) / DAY_US) as i32
    }

    /// The zone its promises are dated in: the first of the candidates.
    pub(crate) fn zone(&self) -> &'static str {
        match self.jurisdiction.get(..2) {
            Some("CN") => "Asia/Shanghai",
            Some("TW") => "Asia/Taipei",
            _ => "America/New_York",
        }
    }

    /// An amount in the case's currency.
    pub(crate) fn money(&self, minor: i64) -> Money {
        let digits = values::minor_digits(&self.currency).unwrap_or(2);
        values::money(minor, &self.currency, digits)
    }
}

/// All cases by id, and what was counted on the way.
#[derive(Debug, Default)]
pub(crate) struct Cases {
    /// By `case_…`.
    pub(crate) by_id: BTreeMap<String, CaseView>,
    /// The open case of each of the lender's references.
    pub(crate) open_by_ref: BTreeMap<String, String>,
    /// The newest case of each of the lender's references, open or not.
    pub(crate) newest_by_ref: BTreeMap<String, String>,
    /// Contacts that a carrier took, by channel.
    pub(crate) accepted: BTreeMap<String, u64>,
    /// Visits that took place, by days past due.
    pub(crate) visit_dpds: Vec<i32>,
    /// Cases cured.
    pub(crate) cured: u64,
    /// Money that came in, by currency, in minor units.
    pub(crate) collected_minor: BTreeMap<String, i64>,
    /// Promises by how they ended: given, kept, broken.
    pub(crate) promises: [u64; 3],
    /// Contacts of each channel that reached the person, by case: for choosing the story to tell.
    pub(crate) reached: BTreeMap<String, BTreeMap<String, u32>>,
}

impl Cases {
    /// Takes one event in.
    pub(crate) fn take(&mut self, event: &pb::Event) {
        use pb::event::Detail;
        let at_us = instant_us(event.time.as_ref());
        if let Some(Detail::CaseOpened(opened)) = &event.detail {
            self.open(event, opened, at_us);
        }
        let kind = event.kind();
        let Some(case) = self.by_id.get_mut(&event.case_id) else {
            return;
        };
        match &event.detail {
            Some(Detail::CaseFactsUpdated(updated)) => {
                // What is unset did not change.
                if let Some(overdue) = &updated.overdue {
                    case.overdue_minor = values::minor_of(overdue);
                }
                if let Some(dpd) = updated.dpd {
                    case.dpd_at = (dpd, at_us);
                }
            }
            Some(Detail::Payment(payment)) if kind == pb::EventKind::PaymentRecorded => {
                case.overdue_minor = payment.overdue_after.as_ref().map_or(0, values::minor_of);
                let minor = payment.amount.as_ref().map_or(0, values::minor_of);
                *self
                    .collected_minor
                    .entry(case.currency.clone())
                    .or_default() += minor;
            }
            Some(Detail::CaseClosed(closed)) => {
                case.closed = true;
                self.open_by_ref.remove(&case.case_ref);
                self.cured += u64::from(closed.reason() == pb::CloseReason::Cured);
            }
            Some(Detail::Promise(promise)) => match kind {
                pb::EventKind::PromiseRecorded => {
                    case.promised_minor = promise.amount.as_ref().map_or(0, values::minor_of);
                    self.promises[0] += 1;
                }
                pb::EventKind::PromiseKept => self.promises[1] += 1,
                pb::EventKind::PromiseBroken => self.promises[2] += 1,
                _ => {}
            },
            Some(Detail::Contact(contact)) => match kind {
                pb::EventKind::ContactAccepted => {
                    *self.accepted.entry(contact.channel.clone()).or_default() += 1;
                }
                pb::EventKind::ContactEffected => {
                    case.seen.effected += 1;
                    let reached = self.reached.entry(event.case_id.clone()).or_default();
                    *reached.entry(contact.channel.clone()).or_default() += 1;
                    if contact.channel == "visit" {
                        self.visit_dpds.push(case.dpd(at_us));
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn open(&mut self, event: &pb::Event, opened: &pb::CaseOpened, at_us: i64) {
        let overdue = opened.overdue.clone().unwrap_or_default();
        let view = CaseView {
            case_ref: opened.lender_case_ref.clone(),
            jurisdiction: opened.jurisdiction.clone(),
            overdue_minor: values::minor_of(&overdue),
            currency: overdue.currency_code,
            dpd_at: (opened.dpd, at_us),
            ..CaseView::default()
        };
        let id = event.case_id.clone();
        self.open_by_ref.insert(view.case_ref.clone(), id.clone());
        self.newest_by_ref.insert(view.case_ref.clone(), id.clone());
        self.by_id.insert(id, view);
    }

    /// Cases that are not closed.
    pub(crate) fn open_count(&self) -> usize {
        self.open_by_ref.len()
    }

    /// The case whose story shows most: the one reached on most rungs, legal among them.
    pub(crate) fn story(&self) -> Option<&str> {
        let rank = |reached: &BTreeMap<String, u32>| {
            let has = |channel: &str| u32::from(reached.contains_key(channel));
            let rungs = has("sms") + has("phone") + 2 * has("visit") + 4 * has("legal");
            // Among those with the same rungs, the shortest story.
            (rungs, std::cmp::Reverse(reached.values().sum::<u32>()))
        };
        let best = self.reached.iter().max_by_key(|(_, reached)| rank(reached));
        best.map(|(case, _)| case.as_str())
    }
}

/// Microseconds since the Unix epoch; 0 where there is no instant.
pub(crate) fn instant_us(time: Option<&prost_types::Timestamp>) -> i64 {
    time.map_or(0, |t| t.seconds * 1_000_000 + i64::from(t.nanos) / 1_000)
}

/// The instant of microseconds since the Unix epoch.
pub(crate) fn timestamp(us: i64) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: us.div_euclid(1_000_000),
        nanos: (us.rem_euclid(1_000_000) * 1_000) as i32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pb::event::Detail;

    fn money(units: i64) -> Money {
        Money {
            currency_code: "CNY".to_owned(),
            units,
            nanos: 0,
        }
    }

    fn event(kind: pb::EventKind, day: i64, detail: Detail) -> pb::Event {
        pb::Event {
            kind: kind.into(),
            case_id: "case_1".to_owned(),
            time: Some(timestamp(day * DAY_US)),
            detail: Some(detail),
            ..pb::Event::default()
        }
    }

    #[test]
    fn a_case_is_followed_from_opening_to_cure() {
        let mut cases = Cases::default();
        let opened = pb::CaseOpened {
            lender_case_ref: "L-1".to_owned(),
            jurisdiction: "CN".to_owned(),
            overdue: Some(money(100)),
            dpd: 5,
            policy: None,
        };
        cases.take(&event(
            pb::EventKind::CaseOpened,
            10,
            Detail::CaseOpened(opened),
        ));
        let visit = pb::ContactChanged {
            channel: "visit".to_owned(),
            ..pb::ContactChanged::default()
        };
        cases.take(&event(
            pb::EventKind::ContactEffected,
            40,
            Detail::Contact(visit),
        ));
        assert_eq!(cases.visit_dpds, [35]);
        assert_eq!(cases.by_id["case_1"].seen.effected, 1);
        let payment = pb::PaymentRecorded {
            amount: Some(money(100)),
            overdue_after: Some(money(0)),
            cured: true,
            ..pb::PaymentRecorded::default()
        };
        cases.take(&event(
            pb::EventKind::PaymentRecorded,
            41,
            Detail::Payment(payment),
        ));
        let closed = pb::CaseClosed {
            reason: pb::CloseReason::Cured.into(),
            collected: Some(money(100)),
        };
        cases.take(&event(
            pb::EventKind::CaseClosed,
            41,
            Detail::CaseClosed(closed),
        ));
        assert_eq!((cases.cured, cases.open_count()), (1, 0));
        assert_eq!(cases.collected_minor["CNY"], 10_000);
        assert_eq!(cases.newest_by_ref["L-1"], "case_1");
        assert!(cases.by_id["case_1"].closed);
    }

    #[test]
    fn the_story_is_of_a_case_that_went_to_law() {
        let mut cases = Cases::default();
        let reach = |channels: &[&str]| {
            channels
                .iter()
                .map(|c| ((*c).to_owned(), 1))
                .collect::<BTreeMap<_, _>>()
        };
        cases
            .reached
            .insert("a".to_owned(), reach(&["sms", "phone", "visit"]));
        cases
            .reached
            .insert("b".to_owned(), reach(&["sms", "phone", "visit", "legal"]));
        cases
            .reached
            .insert("c".to_owned(), reach(&["sms", "legal"]));
        assert_eq!(cases.story(), Some("b"));
    }

    #[test]
    fn instants_go_out_and_back() {
        for us in [0, 1, -1, 1_772_323_200_000_000, 7_000_001] {
            assert_eq!(instant_us(Some(&timestamp(us))), us);
        }
    }
}
