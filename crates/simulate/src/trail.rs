//! What is kept of each case: a few bytes, enough to tell two policies apart.

use recoup_domain::ContactClass;

/// A day that never came.
pub const NEVER_DAY: u16 = u16::MAX;

/// When a case first saw what, in days from the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trail {
    /// First contact.
    pub contact: u16,
    /// First visit.
    pub visit: u16,
    /// First referral.
    pub legal: u16,
    /// Cured or paid.
    pub cured: u16,
    /// Contacts in all.
    pub contacts: u16,
    /// Visits in all.
    pub visits: u8,
    /// The case could not be replayed under the policy.
    pub excluded: bool,
}

impl Trail {
    /// Of a case that saw nothing yet.
    pub const NOTHING: Self = Self {
        contact: NEVER_DAY,
        visit: NEVER_DAY,
        legal: NEVER_DAY,
        cured: NEVER_DAY,
        contacts: 0,
        visits: 0,
        excluded: false,
    };

    /// Notes a contact whose effect lies on a day.
    pub(crate) fn contacted(&mut self, class: ContactClass, day: u32) {
        let day = u16::try_from(day).unwrap_or(NEVER_DAY - 1);
        self.contact = self.contact.min(day);
        self.contacts = self.contacts.saturating_add(1);
        match class {
            ContactClass::Visit => {
                self.visit = self.visit.min(day);
                self.visits = self.visits.saturating_add(1);
            }
            ContactClass::Legal => self.legal = self.legal.min(day),
            ContactClass::Sms | ContactClass::Phone | ContactClass::Email => {}
        }
    }

    /// Notes the end.
    pub(crate) fn cured(&mut self, day: u32) {
        self.cured = u16::try_from(day).unwrap_or(NEVER_DAY - 1);
    }
}
