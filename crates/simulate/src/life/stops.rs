//! What a fact overtakes is called off at once, as the engine does it.

use super::Life;
use crate::watch::Watch;
use jiff::Timestamp;
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::standing::Aim;
use recoup_domain::{Outcome, PastContact};

impl<W: Watch> Life<'_, '_, W> {
    /// Everything of a case that closed or pauses; a visit also where money came in without curing it.
    pub(super) fn stop_for_case(&mut self, now: Timestamp, i: usize, paid: bool) {
        let case = &self.loans[i].case;
        let stands_still = case.closed.is_some() || !case.pauses.is_empty();
        if !stands_still && !paid {
            return;
        }
        let id = case.id;
        self.call_off(now, |c| {
            c.debt == id && (stands_still || c.class == ContactClass::Visit)
        });
    }

    /// Whatever the facts of the person forbid now; each case is asked anew.
    pub(super) fn stop_for_person(&mut self, now: Timestamp) {
        let borrower = self.borrower.clone();
        self.call_off(now, |c| borrower.forbids(&Aim::from(c)));
        for loan in &mut self.loans {
            if loan.case.closed.is_none() {
                loan.wake = Some(now);
            }
        }
    }

    /// Calls off what was accepted and has not reached the person, and drops what waits for approval. A carrier always
    /// does as it is asked here.
    pub(super) fn call_off(&mut self, now: Timestamp, meant: impl Fn(&PastContact) -> bool) {
        for contact in self.contacts.iter_mut().filter(|c| meant(c)) {
            match contact.state {
                Some(ContactState::Accepted)
                    if contact.outcome.is_none() && now < contact.effect.to =>
                {
                    contact.state = Some(ContactState::Cancelled);
                    contact.outcome = Some(Outcome::Cancelled);
                    self.totals.called_off[contact.class as usize] += 1;
                }
                Some(ContactState::Planned) => {
                    contact.state = Some(ContactState::Suppressed);
                    let id = contact.id;
                    for loan in &mut self.loans {
                        let case = loan.case.id;
                        loan.waiting
                            .retain(|w| id.is_none_or(|id| id.case != case || id.seq != w.seq));
                    }
                }
                _ => {}
            }
        }
    }
}
