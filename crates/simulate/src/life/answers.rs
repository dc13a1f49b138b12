//! What comes of a contact, and what people do about it and by themselves.

use super::{Cause, DAY_SECONDS, Event, Happening, Life, MONTH, Sum};
use crate::chance::{Chance, What};
use crate::watch::{Fact, Watch};
use jiff::{SignedDuration, Timestamp};
use recoup_domain::case::{self, DueDate, PauseReason, PromiseRequest};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{ContactId, KeyedHash, OptOutId, PauseId};
use recoup_domain::party::{Cease, OptOut};
use recoup_domain::time::add_days;
use recoup_domain::{Outcome, PastContact};

/// Seconds of an hour.
const HOUR: u64 = 3_600;
/// Promises that somebody gives in one case.
const PROMISES_MAX: u32 = 2;
/// Local hour at which promised money comes in, on the promised day.
const PAYS_AT: i8 = 18;

impl<W: Watch> Life<'_, '_, W> {
    pub(super) fn happen(&mut self, now: Timestamp, event: Event) {
        let i = event.loan;
        match event.what {
            Happening::Settled(seq) => self.settle(now, i, seq),
            Happening::Approved(seq) => {
                let loan = &mut self.loans[i];
                if let Some(w) = loan.waiting.iter_mut().find(|w| w.seq == seq) {
                    w.approved = true;
                    loan.wake = Some(now);
                    let case = loan.case.id;
                    self.watch
                        .fact(now, Fact::Approved(ContactId { case, seq }));
                }
            }
            Happening::Month(n) => self.month(now, i, n),
            Happening::Pays(sum, cause) => self.pays(now, i, sum, cause),
        }
    }

    /// What came of a contact is known now.
    pub(super) fn settle(&mut self, now: Timestamp, i: usize, seq: u32) {
        let case = self.loans[i].case.id;
        let id = ContactId { case, seq };
        let place = self.contacts.iter().rposition(|c| c.id == Some(id));
        let Some(place) =
            place.filter(|at| self.contacts[*at].state == Some(ContactState::Accepted))
        else {
            return;
        };
        let (class, point, effect) = {
            let c = &self.contacts[place];
            (c.class, c.point, c.effect)
        };
        let loan = &mut self.loans[i];
        let nth = u64::from(loan.made[class as usize]);
        loan.made[class as usize] += 1;
        let ordinal = ((class as u64) << 32) | nth;
        let (outcome, is_theirs) = self.answer(i, class, point, ordinal);
        self.watch.fact(now, Fact::Settled(id, outcome));
        let proven = outcome.meaning().effect_proven;
        let contact = &mut self.contacts[place];
        contact.outcome = Some(outcome);
        contact.state = Some(match proven {
            true => ContactState::Effected,
            false => ContactState::Failed,
        });
        if let Some(point) = point {
            self.borrower.learn(point, outcome, now);
        }
        self.count(i, class, outcome, effect.from);
        self.loans[i].wake = Some(now);
        if proven && is_theirs {
            self.was_reached |= class != ContactClass::Legal;
            self.react(now, i, class, outcome, ordinal);
            self.loans[i].reached += 1;
        }
    }

    /// What comes of a contact, and whether it reached the borrower rather than somebody else.
    fn answer(
        &self,
        i: usize,
        class: ContactClass,
        point: Option<KeyedHash>,
        ordinal: u64,
    ) -> (Outcome, bool) {
        let loan = &self.loans[i];
        let reaction = self
            .setting
            .behaviour
            .reaction(loan.case.borrower_kind, class);
        let usual = reaction.answer(loan.chance.below(What::Answer, ordinal, 10_000));
        let by_number = matches!(class, ContactClass::Sms | ContactClass::Phone);
        let Some(point) = point.filter(|_| by_number) else {
            return (usual, true);
        };
        let points = &self.borrower.points;
        let nth = points.iter().position(|p| p.key == point).unwrap_or(0);
        let model = self.setting.behaviour.assumed.points;
        let place = self.luck.below(What::Point, nth as u64, 10_000);
        let (dead, wrong) = (u64::from(model.dead), u64::from(model.wrong));
        match class {
            _ if place < dead => (Outcome::NotInService, false),
            ContactClass::Phone if place < dead + wrong => (Outcome::WrongNumber, false),
            // A text to somebody else's number arrives.
            _ if place < dead + wrong => (usual, false),
            _ => (usual, true),
        }
    }

    fn count(&mut self, i: usize, class: ContactClass, outcome: Outcome, at: Timestamp) {
        let day = self.day(at);
        self.totals.settled(class, outcome, day);
        let loan = &self.loans[i];
        self.trails[loan.trail].contacted(class, day);
        self.contacted[class as usize] = true;
        let currency = loan.case.currency;
        let money = self.totals.money.entry(currency).or_default();
        match self.setting.behaviour.assumed.costs.get(&currency) {
            Some(costs) => money.cost[class as usize] += costs.of(class),
            None => money.unpriced = true,
        }
        match class {
            ContactClass::Phone => {
                let hours = at.duration_since(self.setting.start).as_secs() / HOUR as i64;
                let hour = usize::try_from(hours).unwrap_or(0);
                if let Some(n) = self.totals.calls_by_hour.get_mut(hour) {
                    *n += 1;
                }
            }
            ContactClass::Visit => {
                let bucket = self.bucket(i, at);
                self.totals.visits_by_bucket[bucket] += 1;
            }
            ContactClass::Sms | ContactClass::Email | ContactClass::Legal => {}
        }
    }

    /// What somebody whom a contact reached does about it.
    fn react(
        &mut self,
        now: Timestamp,
        i: usize,
        class: ContactClass,
        outcome: Outcome,
        ordinal: u64,
    ) {
        let behaviour = self.setting.behaviour;
        let loan = &self.loans[i];
        let chance = loan.chance;
        if class != ContactClass::Legal && self.stands_on_rights(now, class, chance, ordinal) {
            return;
        }
        let loan = &self.loans[i];
        if loan.case.closed.is_some() {
            return;
        }
        let reaction = behaviour.reaction(loan.case.borrower_kind, class);
        let readiness = self.readiness(now, i);
        let share = |ratio: u32| u64::from(ratio) * readiness / 10_000;
        let may_promise = outcome.meaning().conversation
            && loan.promises < PROMISES_MAX
            && !loan
                .case
                .pauses
                .iter()
                .any(|p| p.reason == PauseReason::Promise);
        if may_promise && chance.happens(What::Promise, ordinal, share(reaction.promises)) {
            return self.promises(now, i);
        }
        if !chance.happens(What::Moved, ordinal, share(reaction.pays)) {
            return;
        }
        let sum = match chance.happens(What::Share, ordinal, u64::from(reaction.whole)) {
            true => Sum::Whole,
            false => Sum::Part(part(chance, ordinal, 4_000)),
        };
        let latest = u64::from(reaction.days) * 24 * HOUR;
        let wait = chance.between(What::When, ordinal, HOUR, latest);
        self.later(now, wait, i, Happening::Pays(sum, Cause::Contact));
    }

    /// How readily the borrower reacts now, in basis points.
    fn readiness(&self, now: Timestamp, i: usize) -> u64 {
        let behaviour = self.setting.behaviour;
        let mut readiness = u64::from(behaviour.readiness(self.bucket(i, now)));
        let left = u64::from(behaviour.assumed.after_each_contact);
        for _ in 0..self.loans[i].reached.min(64) {
            readiness = readiness * left / 10_000;
        }
        readiness
    }

    /// Whether the person asks to be left alone.
    fn stands_on_rights(
        &mut self,
        now: Timestamp,
        class: ContactClass,
        chance: Chance,
        ordinal: u64,
    ) -> bool {
        let rights = self.setting.behaviour.assumed.rights;
        let place = chance.below(What::Rights, ordinal, 10_000);
        let (ceases, opts_out) = (u64::from(rights.ceases), u64::from(rights.opts_out));
        if place >= ceases + opts_out {
            return false;
        }
        let at = now;
        if place < ceases {
            let (case, written) = (None, false);
            self.borrower.ceases.push(Cease { case, written, at });
            self.watch.fact(now, Fact::Ceased(self.borrower.id));
            self.totals.ceased += 1;
        } else {
            self.borrower.opt_outs.push(OptOut {
                id: OptOutId::from_bytes([0; 16]),
                class: Some(class),
                point: None,
                via: class.name().to_owned(),
                at,
            });
            self.watch
                .fact(now, Fact::OptedOut(self.borrower.id, class));
            self.totals.opted_out += 1;
        }
        self.stop_for_person(now);
        true
    }

    /// A talk ended with a promise.
    fn promises(&mut self, now: Timestamp, i: usize) {
        let model = self.setting.behaviour.assumed.promise;
        let loan = &mut self.loans[i];
        let nth = u64::from(loan.promises);
        let chance = loan.chance;
        let overdue = loan.case.amounts.overdue;
        let amount = match chance.happens(What::Promised, nth, u64::from(model.whole)) {
            true => overdue,
            false => (overdue / 2).max(1),
        };
        let (from, to) = (u64::from(model.days.0), u64::from(model.days.1));
        let days = chance.between(What::PromisedDay, nth, from, to) as i32;
        let due = add_days(self.zone.date(now), days);
        let request = PromiseRequest {
            pause: pause_id(nth),
            amount,
            due,
            owner: "agent".to_owned(),
        };
        let Ok(events) = case::record_promise(&loan.case, request, now, &self.zone) else {
            return;
        };
        loan.promises += 1;
        self.totals.promises += 1;
        let case = self.loans[i].case.id;
        self.watch.fact(now, Fact::Promised(case, amount, due));
        self.apply(now, i, &events);
        self.stop_for_case(now, i, false);
        self.keeps(now, i, amount, due, nth);
    }

    /// Whether a promise is kept, and when.
    fn keeps(&mut self, now: Timestamp, i: usize, amount: i64, due: jiff::civil::Date, nth: u64) {
        let model = self.setting.behaviour.assumed.promise;
        let place = self.loans[i].chance.below(What::Kept, nth, 10_000);
        let (kept, partial) = (u64::from(model.kept), u64::from(model.partial));
        let amount = match place {
            _ if place < kept => amount,
            _ if place < kept + partial => (amount / 2).max(1),
            _ => return,
        };
        let at = self
            .zone
            .instant(due, jiff::civil::Time::constant(PAYS_AT, 0, 0, 0));
        let wait = at.max(now).duration_since(now).as_secs().unsigned_abs();
        let what = Happening::Pays(Sum::Minor(amount), Cause::Promise);
        self.later(now, wait, i, what);
    }

    /// Promises that were open when the replay began.
    pub(super) fn await_old_promises(&mut self, i: usize) {
        let start = self.setting.start;
        let open: Vec<_> = {
            let pauses = self.loans[i].case.pauses.iter();
            pauses.filter_map(|p| p.promise).collect()
        };
        for promise in open {
            let nth = u64::from(self.loans[i].promises);
            self.loans[i].promises += 1;
            let left = promise.amount.saturating_sub(promise.paid);
            if left > 0 {
                self.keeps(start, i, left, promise.due, nth);
            }
        }
    }

    /// Contacts that were under way when the replay began.
    pub(super) fn await_old_contacts(&mut self) {
        let start = self.setting.start;
        let mut under_way: Vec<(usize, u32, u64)> = Vec::new();
        for contact in &mut self.contacts {
            if contact.state == Some(ContactState::Dispatching) {
                contact.state = Some(ContactState::Unknown);
            }
            let open = contact.state == Some(ContactState::Accepted) && contact.outcome.is_none();
            let of = |id: ContactId| self.loans.iter().position(|l| l.case.id == id.case);
            if let Some((id, i)) = contact
                .id
                .filter(|_| open)
                .and_then(|id| Some((id, of(id)?)))
            {
                let wait = contact.effect.to.max(start).duration_since(start).as_secs();
                under_way.push((i, id.seq, wait.unsigned_abs()));
            }
        }
        for (i, seq, wait) in under_way {
            self.later(start, wait, i, Happening::Settled(seq));
        }
    }

    /// What becomes of a loan in a month by itself.
    fn month(&mut self, now: Timestamp, i: usize, n: u32) {
        let case = &self.loans[i].case;
        if case.closed.is_some() {
            return;
        }
        let chance = self.loans[i].chance;
        self.next_month(now, i, n + 1, chance);
        if case::Case::dpd(&self.loans[i].case, now, &self.zone) < 1 {
            return;
        }
        let month = self.setting.behaviour.month(self.bucket(i, now));
        let own = u64::from(self.setting.behaviour.assumed.own_accord);
        let scaled = |ratio: u32| u64::from(ratio) * own / 10_000;
        let (cures, improves) = (scaled(month.cures), scaled(month.improves));
        let place = chance.below(What::Month, u64::from(n), 10_000);
        let nth = u64::from(n) | 1 << 48;
        let some = Sum::Part(part(chance, nth, month.part));
        if place < cures {
            self.pays(now, i, Sum::Whole, Cause::OwnAccord);
        } else if place < cures + improves {
            self.pays(now, i, some, Cause::OwnAccord);
            self.grows_younger(now, i);
        } else if place < cures + improves + scaled(month.pays_part) {
            self.pays(now, i, some, Cause::OwnAccord);
        }
    }

    fn next_month(&mut self, now: Timestamp, i: usize, n: u32, chance: Chance) {
        let month = MONTH.as_secs().unsigned_abs();
        let begins = SignedDuration::from_secs((month * u64::from(n)) as i64);
        let within = chance.below(What::MonthDay, u64::from(n), month);
        let begins = self.setting.start.saturating_add(begins);
        let begins = begins.unwrap_or(Timestamp::MAX);
        let wait = begins.duration_since(now).as_secs() + within as i64;
        self.later(now, wait.max(0).unsigned_abs(), i, Happening::Month(n));
    }

    /// The lender tells that the oldest unpaid instalment is one of a month later.
    fn grows_younger(&mut self, now: Timestamp, i: usize) {
        let case = &self.loans[i].case;
        let (Some(due), None) = (case.oldest_unpaid_due, case.closed) else {
            return;
        };
        let yesterday = add_days(self.zone.date(now), -1);
        let later = add_days(due, 30).min(yesterday).max(due);
        let told = Some(DueDate::On(later));
        if let Ok(events) = case::update_facts(case, None, told, None, None, None) {
            self.watch.fact(now, Fact::Due(case.id, later));
            self.apply(now, i, &events);
        }
    }

    /// Money comes in.
    fn pays(&mut self, now: Timestamp, i: usize, sum: Sum, cause: Cause) {
        let loan = &mut self.loans[i];
        let overdue = loan.case.amounts.overdue;
        if loan.case.closed.is_some() || overdue <= 0 {
            return;
        }
        let amount = match sum {
            Sum::Whole => overdue,
            Sum::Part(share) => (i128::from(overdue) * i128::from(share) / 10_000) as i64,
            Sum::Minor(minor) => minor,
        };
        let amount = amount.clamp(1, overdue);
        loan.payments += 1;
        let mut reference = [0xff; 16];
        reference[..4].copy_from_slice(&loan.payments.to_be_bytes());
        let (reference, currency) = (KeyedHash(reference), loan.case.currency);
        let recorded = case::record_payment(&loan.case, reference, amount, currency, now, None);
        let Ok(events) = recorded else {
            return;
        };
        loan.wake = Some(now);
        self.watch.fact(now, Fact::Paid(loan.case.id, amount));
        self.apply(now, i, &events);
        self.book(now, i, amount, cause);
        self.stop_for_case(now, i, true);
        if self.loans[i].case.closed.is_some() {
            let day = self.day(now);
            let loan = &self.loans[i];
            self.trails[loan.trail].cured(day);
            self.loans[i].wake = None;
        }
    }

    fn book(&mut self, now: Timestamp, i: usize, amount: i64, cause: Cause) {
        let day = self.day(now) as usize;
        let days = self.setting.days as usize;
        let currency = self.loans[i].case.currency;
        let money = self.totals.money.entry(currency).or_default();
        money.by_day.resize(days, 0);
        if let Some(sum) = money.by_day.get_mut(day.min(days - 1)) {
            *sum = sum.saturating_add(amount);
        }
        *match cause {
            Cause::OwnAccord => &mut money.own_accord,
            Cause::Contact => &mut money.contacts,
            Cause::Promise => &mut money.promised,
        } += i128::from(amount);
    }

    /// Puts the contact of a case that waited out of the way.
    pub(super) fn drop_waiting(&mut self, i: usize, seq: u32, to: ContactState) {
        let loan = &mut self.loans[i];
        loan.waiting.retain(|w| w.seq != seq);
        let case = loan.case.id;
        let id = Some(ContactId { case, seq });
        let waits = |c: &&mut PastContact| c.id == id && c.state == Some(ContactState::Planned);
        if let Some(contact) = self.contacts.iter_mut().find(waits) {
            contact.state = Some(to);
        }
    }
}

/// A part about the mean, from half of it to half more.
fn part(chance: Chance, ordinal: u64, mean: u32) -> u32 {
    let mean = u64::from(mean);
    let drawn = chance.between(What::Share, ordinal | 1 << 52, mean / 2, mean + mean / 2);
    drawn.clamp(1, 10_000) as u32
}

/// Unlike the ids of pauses that a portfolio brings, which are made of instants.
fn pause_id(nth: u64) -> PauseId {
    let mut id = [0xff; 16];
    id[8..].copy_from_slice(&nth.to_be_bytes());
    PauseId::from_bytes(id)
}

const _: () = assert!(DAY_SECONDS == 24 * HOUR as i64);
