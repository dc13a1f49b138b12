//! A party: borrower, guarantor or third party, with the rights that bind every contact to them.
//!
//! Limits count a party over all cases and channels of the lender: every intent, outcome and stop fact
//! bumps [`Party::version`]. Names, numbers and addresses are in [`Party::sealed`]; what stands beside it
//! is what gate and policy may read.

use crate::contact::ContactClass;
use crate::ids::{CaseId, ConsentId, KeyedHash, OptOutId, PartyId, TenantId};
use crate::outcome::{Outcome, PointEvidence};
use crate::sealed::Sealed;
use crate::time::Zone;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};

mod introduction;

pub use introduction::{Introduction, introduce};

/// What kind of borrower.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BorrowerKind {
    /// A person.
    #[default]
    Individual,
    /// A business run by few people; visits may be earlier.
    MicroBusiness,
}

impl BorrowerKind {
    /// The name in policies and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Individual => "individual",
            Self::MicroBusiness => "micro_business",
        }
    }
}

/// The kind of a number or address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PointKind {
    /// A mobile number: texts and calls.
    Mobile,
    /// A fixed line: calls.
    Landline,
    /// A mailbox.
    Email,
    /// A place: visits and letters.
    Postal,
}

impl PointKind {
    /// Whether contacts of `class` can go there.
    #[must_use]
    #[inline]
    pub const fn serves(self, class: ContactClass) -> bool {
        matches!(
            (self, class),
            (Self::Mobile, ContactClass::Sms | ContactClass::Phone)
                | (Self::Landline, ContactClass::Phone)
                | (Self::Email, ContactClass::Email)
                | (Self::Postal, ContactClass::Visit)
        )
    }
}

/// Whose number or address it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PointOwner {
    /// The party's own.
    #[default]
    Own,
    /// The party's place of work.
    Workplace,
}

/// Whether a number or address can be used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PointState {
    /// It can.
    #[default]
    Usable,
    /// It does not exist, or not any more.
    Invalid,
    /// It belongs to somebody else. Nothing is ever sent there again.
    WrongNumber,
}

/// A number or address of a party, known here by its keyed hash alone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ContactPoint {
    /// Keyed hash of the value; its identity.
    pub key: KeyedHash,
    /// What it is.
    pub kind: PointKind,
    /// Whose.
    pub owner: PointOwner,
    /// The zone it indicates, where it does.
    pub zone: Option<Zone>,
    /// Whether the lender verified it.
    pub verified: bool,
    /// Where it came from, such as `contract`.
    pub source: String,
    /// Whether it can be used.
    pub state: PointState,
    /// Failed attempts since it last reached the person: local days on which there was one.
    pub failed_days: u8,
    /// The last such day.
    pub failed_on: Option<Date>,
}

/// What contacts have taught of a number or address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Taught {
    /// Whether it can be used.
    pub state: PointState,
    /// See [`ContactPoint::failed_days`].
    pub failed_days: u8,
    /// See [`ContactPoint::failed_on`].
    pub failed_on: Option<Date>,
}

/// The person asked not to be contacted by a medium, or at one number or address.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OptOut {
    /// Its id.
    pub id: OptOutId,
    /// The medium; none means all of them.
    pub class: Option<ContactClass>,
    /// The one number or address it is about; none means all.
    pub point: Option<KeyedHash>,
    /// How it was received, in a word: a channel kind, `letter`, `branch`, `regulator`.
    pub via: String,
    /// When it was received.
    pub at: Timestamp,
}

impl OptOut {
    /// Whether it forbids a contact of `class` at `point`.
    #[must_use]
    pub fn covers(&self, class: ContactClass, point: Option<KeyedHash>) -> bool {
        self.class.is_none_or(|c| c == class) && self.point.is_none_or(|p| Some(p) == point)
    }
}

/// The person asked to stop all contact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cease {
    /// The debt it is about; none means all debts at this lender.
    pub case: Option<CaseId>,
    /// Whether it came in writing.
    pub written: bool,
    /// When it was received.
    pub at: Timestamp,
}

/// What a consent allows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentKind {
    /// Contact outside the daily window.
    OffHours,
    /// More calls than the cap about one debt.
    ExtraCalls,
    /// More attempts than advised.
    MoreAttemptsAgreed,
    /// More visits than the cap, in writing.
    MoreVisitsWritten,
    /// The work mailbox.
    WorkEmail,
    /// Texts and e-mails, at the number or address it names.
    Electronic,
}

impl ConsentKind {
    /// Whether it is taken on paper alone: what widens the hours or the places of contact must be shown to have
    /// been given, years later and by somebody else.
    #[must_use]
    pub const fn needs_paper(self) -> bool {
        match self {
            Self::OffHours | Self::MoreVisitsWritten | Self::WorkEmail => true,
            Self::ExtraCalls | Self::MoreAttemptsAgreed | Self::Electronic => false,
        }
    }
}

/// How a consent came in, and what shows it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ConsentProof {
    /// How it was given, in a word: a channel kind, `letter`, `branch`, `form`. Empty where that is not known.
    pub source: String,
    /// Whether its paper is on file, by reference and hash, sealed beside the journal entry.
    pub paper: bool,
}

/// A consent of the person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Consent {
    /// What it allows.
    pub kind: ConsentKind,
    /// The debt it is about; none means all.
    pub case: Option<CaseId>,
    /// When it was received; none where that is not known.
    pub received_at: Option<Timestamp>,
    /// Before when it holds; none where it has no end.
    pub expires_at: Option<Timestamp>,
    /// The medium it is about; none means all.
    #[serde(default)]
    pub class: Option<ContactClass>,
    /// The one number or address it is about; none means all.
    #[serde(default)]
    pub point: Option<KeyedHash>,
    /// When the person took it back. One that was got in a contact that was not allowed is void: it is
    /// recorded as taken back when it was received.
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
    /// How it came in.
    #[serde(default)]
    pub proof: ConsentProof,
}

impl Consent {
    /// Whether it is of `kind` and about a contact of `class` at `point` for `case`.
    #[must_use]
    pub fn is_about(
        &self,
        kind: ConsentKind,
        case: CaseId,
        class: ContactClass,
        point: Option<KeyedHash>,
    ) -> bool {
        self.kind == kind
            && self.case.is_none_or(|id| id == case)
            && self.class.is_none_or(|c| c == class)
            && self.point.is_none_or(|p| Some(p) == point)
    }

    /// Before when it holds: until it expires or is taken back; none where it has no end.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.expires_at.into_iter().chain(self.revoked_at).min()
    }
}

/// A span of local time that the person called inconvenient; half-open, on the given days of the week.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Inconvenient {
    /// Days of the week, Monday 1 to Sunday 7; empty means every day.
    pub days: Vec<i8>,
    /// The first local time.
    pub from: Time,
    /// The end, not included; none is the end of the day.
    pub to: Option<Time>,
}

/// An attorney represents the person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attorney {
    /// The debt; none means all.
    pub case: Option<CaseId>,
    /// The attorney did not answer in reasonable time.
    pub unresponsive: bool,
    /// The attorney consents to direct contact.
    pub consents: bool,
}

/// A dispute of a debt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dispute {
    /// Written, within the validation period, not answered yet.
    WrittenUnverified,
    /// Verification was sent.
    VerifiedSent,
}

/// What a party is to the debt when somebody wants to contact them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// Owes the debt.
    Borrower,
    /// Bound to pay it.
    Guarantor,
    /// The debtor's spouse.
    Spouse,
    /// Parent of a minor debtor.
    Parent,
    /// Represents the debtor.
    Attorney,
    /// Named by the debtor for emergencies.
    EmergencyContact,
    /// Lives near.
    Neighbour,
    /// Works with the debtor.
    Colleague,
    /// Anybody else.
    Other,
}

impl Relation {
    /// Whether the party owes the debt or is bound to pay it.
    #[must_use]
    pub const fn is_obligor(self) -> bool {
        matches!(self, Self::Borrower | Self::Guarantor)
    }
}

/// A party as gate and policy read it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Party {
    /// Its id.
    pub id: PartyId,
    /// The lender.
    pub tenant: TenantId,
    /// Keyed hash of the lender's own reference; unique within the tenant.
    pub lender_ref: KeyedHash,
    /// Bumped by every intent, outcome and stop fact of this party.
    pub version: u64,
    /// What kind of borrower.
    pub kind: BorrowerKind,
    /// Candidate regions, such as `CN` or `US-NY`.
    pub regions: Vec<String>,
    /// Candidate zones, the address' zone first; never empty.
    pub zones: Vec<Zone>,
    /// BCP 47 language tag for texts.
    pub locale: String,
    /// Numbers and addresses, preferred first.
    pub points: Vec<ContactPoint>,
    /// Labels of the lender.
    pub tags: Vec<String>,
    /// Media and addresses not to be used.
    pub opt_outs: Vec<OptOut>,
    /// Demands to stop.
    pub ceases: Vec<Cease>,
    /// Consents in force.
    pub consents: Vec<Consent>,
    /// Ids of the consents, in their order.
    #[serde(default)]
    pub consent_ids: Vec<ConsentId>,
    /// Attorneys.
    pub attorneys: Vec<Attorney>,
    /// Employer forbids contact at work.
    pub employer_prohibits: bool,
    /// Inconvenient times.
    pub inconvenient: Vec<Inconvenient>,
    /// Numbers, addresses and places at which not to be contacted.
    #[serde(default)]
    pub declined_points: Vec<KeyedHash>,
    /// Keys of numbers and addresses that were told no more and turned out to be somebody else's: told again, they
    /// are so still.
    #[serde(default)]
    pub gone: Vec<KeyedHash>,
    /// Before when a declared hardship runs; the pauses of the cases stand for it.
    #[serde(default)]
    pub hardship_until: Option<Timestamp>,
    /// Last protected day of a moratorium.
    pub moratorium_until: Option<Date>,
    /// Died.
    pub deceased: bool,
    /// Found without or with limited capacity.
    pub incapacitated: bool,
    /// As a third party: asked not to be contacted (again).
    pub refused: bool,
    /// When it was first told.
    pub created_at: Timestamp,
    /// When anything of it last changed, an intent or outcome of a contact with it included.
    pub updated_at: Timestamp,
    /// Name, references, numbers and addresses, sealed.
    pub sealed: Sealed,
}

/// How well a person can be reached.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contactability {
    /// Some number or address works.
    #[default]
    Reachable,
    /// Attempts have begun to fail.
    Doubtful,
    /// No way is left.
    Lost,
}

impl Contactability {
    /// The name in policies and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reachable => "reachable",
            Self::Doubtful => "doubtful",
            Self::Lost => "lost",
        }
    }
}

/// Local days of failed attempts after which a number is given up, where the policy names no other.
pub const LOST_AFTER_FAILED_DAYS: u8 = 3;

impl Party {
    /// The zone that calendar days are read in: the first candidate.
    #[must_use]
    #[inline]
    pub fn home_zone(&self) -> &Zone {
        // Parties are only made with at least one zone (see the edge's conversion and the store's check).
        &self.zones[0]
    }

    /// Something of it changed at `at`.
    pub(crate) const fn touch(&mut self, at: Timestamp) {
        self.version += 1;
        self.updated_at = at;
    }

    /// A number or address by its key.
    #[must_use]
    pub fn point(&self, key: KeyedHash) -> Option<&ContactPoint> {
        self.points.iter().find(|p| p.key == key)
    }

    /// The points that a contact of `class` may use, preferred first: usable ones of its kind that no
    /// opt-out names and the person did not decline. A workplace only where the employer does not forbid it.
    pub fn usable_points(&self, class: ContactClass) -> impl Iterator<Item = &ContactPoint> {
        self.points.iter().filter(move |p| {
            p.state == PointState::Usable
                && p.kind.serves(class)
                && !(p.owner == PointOwner::Workplace && self.employer_prohibits)
                && !self.declined_points.contains(&p.key)
                && !self
                    .opt_outs
                    .iter()
                    .any(|o| o.point == Some(p.key) && o.covers(class, o.point))
        })
    }

    /// How well the party can be reached: lost where every number is invalid or has failed on `days`
    /// local days since it last reached them; doubtful where every one has begun to fail.
    #[must_use]
    pub fn contactability(&self, days: u8) -> Contactability {
        let mut numbers = self
            .points
            .iter()
            .filter(|p| matches!(p.kind, PointKind::Mobile | PointKind::Landline))
            .peekable();
        if numbers.peek().is_none() {
            return Contactability::Lost;
        }
        let mut worst_case = Contactability::Lost;
        for p in numbers {
            let this = match p.state {
                PointState::Usable if p.failed_days == 0 => return Contactability::Reachable,
                PointState::Usable if p.failed_days < days => Contactability::Doubtful,
                _ => Contactability::Lost,
            };
            if this == Contactability::Doubtful {
                worst_case = this;
            }
        }
        worst_case
    }

    /// Notes what an outcome says about the point that was used.
    pub fn learn(&mut self, point: KeyedHash, outcome: Outcome, at: Timestamp) {
        let day = self.home_zone().date(at);
        let evidence = outcome.meaning().point;
        if evidence == PointEvidence::Ends(PointState::WrongNumber) && self.point(point).is_none() {
            self.remember_gone(point);
        }
        // One number may be told as more than one kind.
        for p in self.points.iter_mut().filter(|p| p.key == point) {
            match evidence {
                PointEvidence::Reaches => {
                    p.failed_days = 0;
                    p.failed_on = None;
                }
                PointEvidence::Failed if p.failed_on.is_none_or(|on| on < day) => {
                    p.failed_days = p.failed_days.saturating_add(1);
                    p.failed_on = Some(day);
                }
                // A number once known to be somebody else's never comes back by a later failure.
                PointEvidence::Ends(state) if p.state == PointState::Usable => p.state = state,
                PointEvidence::Ends(PointState::WrongNumber) => p.state = PointState::WrongNumber,
                PointEvidence::Failed | PointEvidence::Ends(_) | PointEvidence::Silent => {}
            }
        }
    }

    fn remember_gone(&mut self, point: KeyedHash) {
        if !self.gone.contains(&point) {
            self.gone.push(point);
        }
    }

    /// Takes over what the lender says of a point. A number once known to be somebody else's stays so.
    fn told(&mut self, point: KeyedHash, state: PointState) {
        let known = |p: &&mut ContactPoint| p.key == point && p.state != PointState::WrongNumber;
        for p in self.points.iter_mut().filter(known) {
            p.state = state;
            if state == PointState::Usable {
                p.failed_days = 0;
                p.failed_on = None;
            }
        }
    }

    /// What contacts have taught of a point; none where the party has no such point.
    #[must_use]
    pub fn taught(&self, point: KeyedHash) -> Option<Taught> {
        self.point(point).map(|p| Taught {
            state: p.state,
            failed_days: p.failed_days,
            failed_on: p.failed_on,
        })
    }

    /// Sets what contacts have taught of a point, once an outcome was corrected.
    pub(crate) fn teach(&mut self, point: KeyedHash, taught: Taught) {
        if taught.state != PointState::WrongNumber {
            self.gone.retain(|gone| *gone != point);
        } else if self.point(point).is_none() {
            self.remember_gone(point);
        }
        for p in self.points.iter_mut().filter(|p| p.key == point) {
            p.state = taught.state;
            p.failed_days = taught.failed_days;
            p.failed_on = taught.failed_on;
        }
    }

    /// Whether a cease covers `case`; `written_only` where the law asks for writing.
    #[must_use]
    pub fn has_ceased(&self, case: CaseId, written_only: bool) -> bool {
        self.ceases
            .iter()
            .any(|c| c.case.is_none_or(|id| id == case) && (c.written || !written_only))
    }
}

/// What happened to a party. Personal data in it is sealed in the journal row, not here.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "e", rename_all = "snake_case")]
pub enum PartyEvent {
    /// First told, or told anew: the whole of what gate and policy may read.
    Upserted(Box<Party>),
    /// Asked not to be contacted by a medium or at an address.
    OptedOut(OptOut),
    /// Asked to stop.
    Ceased(Cease),
    /// A contact taught something about a number or address.
    Learned {
        /// The number or address.
        point: KeyedHash,
        /// What came of the contact.
        outcome: Outcome,
    },
    /// The lender said whether a number or address works.
    PointTold {
        /// The number or address.
        point: KeyedHash,
        /// What it said.
        state: PointState,
    },
    /// As a third party: asked not to be contacted.
    Refused,
    /// Took an opt-out back.
    OptOutWithdrawn {
        /// Which.
        id: OptOutId,
    },
    /// Consented to something.
    Consented {
        /// The id that it can be taken back by.
        id: ConsentId,
        /// To what.
        consent: Consent,
    },
    /// Took a consent back.
    ConsentWithdrawn {
        /// Which.
        id: ConsentId,
        /// When.
        at: Timestamp,
    },
    /// An attorney represents the person in all debts.
    Represented {
        /// The attorney, where the lender told of one.
        attorney: Option<PartyId>,
    },
    /// No attorney represents the person any more.
    RepresentationEnded,
    /// Called a time inconvenient.
    TimeDeclined(Inconvenient),
    /// Named a number, address or place at which not to be contacted.
    PlaceDeclined {
        /// Which.
        point: KeyedHash,
    },
    /// The employer forbids contact at work, or does no more.
    EmployerProhibits {
        /// Whether it does.
        prohibits: bool,
    },
    /// A moratorium protects the person.
    Moratorium {
        /// Its last day.
        until: Date,
    },
    /// Died, or the report of it was wrong.
    Died {
        /// Whether the person is dead.
        died: bool,
    },
    /// Declared hardship; events of the cases pause them.
    HardshipDeclared {
        /// Before when it runs.
        until: Timestamp,
    },
    /// The hardship is over.
    HardshipEnded,
}

/// Applies an event. `at` is when it took effect.
pub fn apply(party: &mut Party, event: &PartyEvent, at: Timestamp) {
    match event {
        PartyEvent::Upserted(told) => merge(party, told),
        PartyEvent::OptedOut(opt_out) => party.opt_outs.push(opt_out.clone()),
        PartyEvent::Ceased(cease) => party.ceases.push(cease.clone()),
        PartyEvent::Learned { point, outcome } => party.learn(*point, *outcome, at),
        PartyEvent::PointTold { point, state } => party.told(*point, *state),
        PartyEvent::Refused => party.refused = true,
        PartyEvent::OptOutWithdrawn { id } => party.opt_outs.retain(|o| o.id != *id),
        PartyEvent::Consented { id, consent } => {
            party.consents.push(consent.clone());
            // Consents of before they had ids stand in front.
            let none = ConsentId::from_bytes([0; 16]);
            party.consent_ids.resize(party.consents.len() - 1, none);
            party.consent_ids.push(*id);
        }
        PartyEvent::ConsentWithdrawn { id, at } => {
            let place = party.consent_ids.iter().position(|known| known == id);
            if let Some(consent) = place.and_then(|i| party.consents.get_mut(i)) {
                consent.revoked_at = Some(*at);
                consent.expires_at = consent.ends_at();
            }
        }
        PartyEvent::Represented { .. } => party.attorneys.push(Attorney {
            case: None,
            unresponsive: false,
            consents: false,
        }),
        PartyEvent::RepresentationEnded => party.attorneys.clear(),
        PartyEvent::TimeDeclined(span) => party.inconvenient.push(span.clone()),
        PartyEvent::PlaceDeclined { point } => party.declined_points.push(*point),
        PartyEvent::EmployerProhibits { prohibits } => party.employer_prohibits = *prohibits,
        PartyEvent::Moratorium { until } => party.moratorium_until = Some(*until),
        PartyEvent::Died { died } => party.deceased = *died,
        PartyEvent::HardshipDeclared { until } => party.hardship_until = Some(*until),
        PartyEvent::HardshipEnded => party.hardship_until = None,
    }
    party.touch(at);
}

/// What the lender tells anew never takes back a right of the person, nor what contacts have taught.
fn merge(party: &mut Party, told: &Party) {
    let mut points = told.points.clone();
    let wrong = party.points.iter();
    let wrong = wrong.filter(|p| p.state == PointState::WrongNumber);
    let wrong: Vec<KeyedHash> = wrong.map(|p| p.key).collect();
    for key in &wrong {
        if points.iter().all(|p| p.key != *key) {
            party.remember_gone(*key);
        }
    }
    for p in &mut points {
        if let Some(known) = party.point(p.key) {
            p.state = known.state;
            p.failed_days = known.failed_days;
            p.failed_on = known.failed_on;
        }
        if wrong.contains(&p.key) || party.gone.contains(&p.key) {
            p.state = PointState::WrongNumber;
        }
    }
    party.kind = told.kind;
    party.regions.clone_from(&told.regions);
    party.zones.clone_from(&told.zones);
    party.locale.clone_from(&told.locale);
    party.tags.clone_from(&told.tags);
    party.sealed = told.sealed.clone();
    party.points = points;
}

#[cfg(test)]
mod tests;
