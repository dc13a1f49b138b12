//! What somebody wants to do, with the facts that rules ask about.

use recoup_domain::case::{Case, LenderKind};
use recoup_domain::contact::ContactClass;
use recoup_domain::ids::CaseId;
use recoup_domain::party::{ContactPoint, Contactability, Dispute, Party, Relation};
use recoup_domain::time::Window;
use serde::Deserialize;

/// A contact that is asked about. Everything that is not here, the gate does not know.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    /// The kind of contact.
    pub class: ContactClass,
    /// When its effect on the person lies; judged whole. Caps are booked on the local day of `from`.
    pub effect: Window,
    /// The debt it is about.
    pub debt: CaseId,
    /// Who is contacted. Must have at least one zone.
    pub party: &'a Party,
    /// What that party is to the debt.
    pub relation: Relation,
    /// The number or address used; none where the contact has none (a referral) or it is not chosen yet.
    pub point: Option<&'a ContactPoint>,
    /// In what place or person the contact lands.
    pub audience: Audience,
    /// Why it is made.
    pub purpose: Purpose,
    /// Facts of the case.
    pub case: CaseFacts,
    /// Facts of the debtor, who is not always the one contacted.
    pub debtor: DebtorFacts,
    /// How many of the collectors given to a visit hold valid credentials at its appointment.
    pub qualified_collectors: u8,
    /// The person contacted asked for this contact.
    pub requested_by_person: bool,
}

/// Where a contact lands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Audience {
    /// With somebody who owes the debt or is bound to pay it.
    #[default]
    Consumer,
    /// With such a person at their place of work.
    Workplace,
    /// With anybody else.
    ThirdParty,
}

impl Audience {
    /// All audiences.
    pub(crate) const ALL: [Self; 3] = [Self::Consumer, Self::Workplace, Self::ThirdParty];

    /// The name in packs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consumer => "consumer",
            Self::Workplace => "workplace",
            Self::ThirdParty => "third_party",
        }
    }

    /// The audience that a relation and the owner of the contact point make.
    #[must_use]
    pub fn of(relation: Relation, point: Option<&ContactPoint>) -> Self {
        use recoup_domain::party::PointOwner;
        if !relation.is_obligor() {
            Self::ThirdParty
        } else if point.is_some_and(|p| p.owner == PointOwner::Workplace) {
            Self::Workplace
        } else {
            Self::Consumer
        }
    }
}

/// Why a contact is made. Some rules except some purposes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To collect.
    #[default]
    Ordinary,
    /// To learn where the debtor is, without a word of the debt.
    LocationInformation,
    /// One answer to what the person wrote or said first, by the same medium.
    ResponseToInbound,
    /// One confirmation of an opt-out, with nothing else in it.
    #[serde(rename = "optout_confirmation")]
    OptOutConfirmation,
    /// To tell that collection ends.
    NoticeEffortsTerminated,
    /// To tell of a remedy that is ordinarily invoked.
    NoticeOrdinaryRemedy,
    /// To tell of a remedy that will be invoked.
    NoticeSpecifiedRemedy,
}

impl Purpose {
    /// The name in packs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::LocationInformation => "location_information",
            Self::ResponseToInbound => "response_to_inbound",
            Self::OptOutConfirmation => "optout_confirmation",
            Self::NoticeEffortsTerminated => "notice_efforts_terminated",
            Self::NoticeOrdinaryRemedy => "notice_ordinary_remedy",
            Self::NoticeSpecifiedRemedy => "notice_specified_remedy",
        }
    }
}

/// Facts of the case that rules ask about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CaseFacts {
    /// The documents make a complete evidence pack.
    pub evidence_pack: bool,
    /// Whether the debt is disputed.
    pub dispute: Option<Dispute>,
    /// Suit on it is barred by time.
    pub time_barred: bool,
    /// Days past due as of the proposal; none where not known. It stays while an earliest instant is sought.
    pub days_past_due: Option<i32>,
    /// Forbearance was offered or considered, and that is on record.
    pub forbearance: bool,
}

/// The lender's label on a case that says: forbearance was offered or considered, and is on record.
pub const FORBEARANCE_TAG: &str = "forbearance-considered";

impl From<&Case> for CaseFacts {
    fn from(case: &Case) -> Self {
        Self {
            evidence_pack: case.has_evidence_pack(),
            dispute: case.dispute,
            time_barred: case.time_barred,
            days_past_due: None,
            forbearance: case.tags.iter().any(|tag| tag == FORBEARANCE_TAG),
        }
    }
}

/// Facts of the debtor that decide whether anybody else may be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DebtorFacts {
    /// No number of the debtor works any more.
    pub unreachable: bool,
    /// The debtor died.
    pub deceased: bool,
    /// The debtor was found without or with limited capacity.
    pub incapacitated: bool,
    /// The debtor asked to stop contact about this debt, orally or in writing.
    pub ceased: bool,
    /// An attorney represents the debtor in this debt.
    pub represented: bool,
}

impl DebtorFacts {
    /// The facts of `debtor` about `debt`; unreachable where contactability is lost after `lost_after`
    /// local days of failed attempts.
    #[must_use]
    pub fn of(debtor: &Party, debt: CaseId, lost_after: u8) -> Self {
        Self {
            unreachable: debtor.contactability(lost_after) == Contactability::Lost,
            deceased: debtor.deceased,
            incapacitated: debtor.incapacitated,
            ceased: debtor.has_ceased(debt, false),
            represented: debtor
                .attorneys
                .iter()
                .any(|a| a.case.is_none_or(|id| id == debt)),
        }
    }
}

/// All kinds of lender.
pub(crate) const LENDER_KINDS: [LenderKind; 4] = [
    LenderKind::FirstParty,
    LenderKind::Agency,
    LenderKind::MicroloanCompany,
    LenderKind::Bank,
];
