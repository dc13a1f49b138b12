//! Contact only with a consent, or where the person used the number or address first.

use super::{Answer, Rank};
use crate::question::{Moment, Question};
use crate::rule::Scope;
use jiff::Timestamp;
use recoup_domain::party::ConsentKind;
use recoup_domain::past::{Direction, PastContact};
use recoup_domain::time::add_days;
use serde::Deserialize;
use std::num::NonZeroU16;

/// A consent of `kind` must cover the whole effect; or the person came to us by this medium from this very
/// number or address, in the last `or_inbound_days` local calendar days, that day the first.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Consented {
    kind: ConsentKind,
    #[serde(default)]
    or_inbound_days: Option<NonZeroU16>,
}

impl Consented {
    pub(super) const RANK: Rank = Rank::Indefinite;

    pub(super) fn judge(&self, q: &Question<'_>, _: Scope, m: &Moment<'_>) -> Answer {
        let consent = q.consent(self.kind, m.effect);
        // Both only end, so what is shut now stays shut if nothing new happens.
        match consent.max(self.used(q).filter(|end| m.at < *end)) {
            Some(until) => Answer::Open { until },
            None => Answer::NEVER,
        }
    }

    /// Until when the person's own use of the number or address opens it.
    fn used(&self, q: &Question<'_>) -> Option<Timestamp> {
        let days = i32::from(self.or_inbound_days?.get());
        let last = q.ever().filter(|c| came(c, q)).map(|c| c.at).max()?;
        Some(q.home.start_of_day(add_days(q.home.date(last), days)))
    }
}

fn came(contact: &PastContact, q: &Question<'_>) -> bool {
    let p = q.proposal;
    contact.direction == Direction::Inbound
        && contact.class == p.class
        && contact.point.is_some()
        && contact.point == p.point.map(|point| point.key)
        && contact.at <= q.now
}
