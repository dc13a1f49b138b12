//! The contract's enums and the domain's, both ways. Every match is total, so that a new member does
//! not compile without its word.

use recoup_compliance as compliance;
use recoup_domain::case::{
    CloseReason, DocumentKind, LenderKind, PauseReason, Status, WorklistReason,
};
use recoup_domain::contact::{ContactState, Origin};
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{
    BorrowerKind, ConsentKind, Contactability, PointKind, PointOwner, PointState, Relation,
};

use crate::api::recoup::v1;

/// Both directions between a contract enum and a domain enum of the same members.
macro_rules! same {
    ($($wire:ident <=> $domain:ty, $to:ident, $from:ident { $($w:ident = $d:ident,)* })*) => {$(
        #[doc = concat!("`", stringify!($wire), "` on the wire.")]
        #[must_use]
        pub const fn $to(value: $domain) -> v1::$wire {
            match value { $(<$domain>::$d => v1::$wire::$w,)* }
        }

        #[doc = concat!("The domain's value of `", stringify!($wire), "`; none for UNSPECIFIED.")]
        #[must_use]
        pub const fn $from(word: v1::$wire) -> Option<$domain> {
            match word {
                v1::$wire::Unspecified => None,
                $(v1::$wire::$w => Some(<$domain>::$d),)*
            }
        }
    )*};
}

same! {
    LenderKind <=> LenderKind, to_lender_kind, lender_kind {
        FirstParty = FirstParty,
        Agency = Agency,
        MicroloanCompany = MicroloanCompany,
        Bank = Bank,
    }
    BorrowerKind <=> BorrowerKind, to_borrower_kind, borrower_kind {
        Individual = Individual,
        MicroBusiness = MicroBusiness,
    }
    CaseStatus <=> Status, to_status, status {
        Open = Open,
        Paused = Paused,
        Legal = Legal,
        Closed = Closed,
    }
    PauseReason <=> PauseReason, to_pause_reason, pause_reason {
        Hold = Hold,
        Promise = Promise,
        Plan = Plan,
        Hardship = Hardship,
        Dispute = Dispute,
        Complaint = Complaint,
    }
    CloseReason <=> CloseReason, to_close_reason, close_reason {
        Paid = Paid,
        Settled = Settled,
        Cured = Cured,
        WrittenOff = WrittenOff,
        Withdrawn = Withdrawn,
        Deceased = Deceased,
    }
    Contactability <=> Contactability, to_contactability, contactability {
        Reachable = Reachable,
        Doubtful = Doubtful,
        Lost = Lost,
    }
    DocumentKind <=> DocumentKind, to_document_kind, document_kind {
        Contract = Contract,
        Statement = Statement,
        RepaymentRecord = RepaymentRecord,
        Identity = Identity,
        Disbursement = Disbursement,
        PowerOfAttorney = PowerOfAttorney,
        Other = Other,
    }
    ContactPointKind <=> PointKind, to_point_kind, point_kind {
        Mobile = Mobile,
        Landline = Landline,
        Email = Email,
        Postal = Postal,
    }
    ContactPointOwner <=> PointOwner, to_point_owner, point_owner {
        Self_ = Own,
        Work = Workplace,
    }
    ContactPointState <=> PointState, to_point_state, point_state {
        Valid = Usable,
        Invalid = Invalid,
        WrongNumber = WrongNumber,
    }
    ContactOrigin <=> Origin, to_origin, origin {
        Policy = Policy,
        Hand = Hand,
    }
    ContactState <=> ContactState, to_contact_state, contact_state {
        Planned = Planned,
        Dispatching = Dispatching,
        Accepted = Accepted,
        Effected = Effected,
        Failed = Failed,
        RejectedProven = RejectedProven,
        ProvenNotSent = ProvenNotSent,
        Unknown = Unknown,
        Cancelling = Cancelling,
        Cancelled = Cancelled,
        CancelUnknown = CancelUnknown,
        Suppressed = Suppressed,
        Expired = Expired,
    }
    Outcome <=> Outcome, to_outcome, outcome {
        Delivered = Delivered,
        Undelivered = Undelivered,
        NoAnswer = NoAnswer,
        Busy = Busy,
        Declined = Declined,
        NotInService = NotInService,
        InvalidAddress = InvalidAddress,
        Voicemail = Voicemail,
        UnableToLeaveMessage = UnableToLeaveMessage,
        AnsweredUnconfirmed = AnsweredUnconfirmed,
        Conversation = Conversation,
        ThirdPartyAnswered = ThirdPartyAnswered,
        WrongNumber = WrongNumber,
        InboundNoDiscussion = InboundNoDiscussion,
        Visited = Visited,
        NobodyContacted = NobodyContacted,
        Filed = Filed,
        Cancelled = Cancelled,
        Unknown = Unknown,
    }
    RuleSeverity <=> compliance::Severity, to_severity, severity {
        Hard = Hard,
        Presumption = Presumption,
        Advisory = Advisory,
    }
}

/// What a party is in a case: role and kind of third party.
#[must_use]
pub const fn to_relation(relation: Relation) -> (v1::PartyRole, v1::ThirdPartyKind) {
    use v1::{PartyRole as R, ThirdPartyKind as K};
    match relation {
        Relation::Borrower => (R::Borrower, K::Unspecified),
        Relation::Guarantor => (R::Guarantor, K::Unspecified),
        Relation::Spouse => (R::ThirdParty, K::Spouse),
        Relation::Parent => (R::ThirdParty, K::Parent),
        Relation::Attorney => (R::ThirdParty, K::Attorney),
        Relation::EmergencyContact => (R::ThirdParty, K::EmergencyContact),
        Relation::Neighbour => (R::ThirdParty, K::Neighbour),
        Relation::Colleague => (R::ThirdParty, K::Colleague),
        Relation::Other => (R::ThirdParty, K::Unspecified),
    }
}

/// What a consent of this kind allows.
#[must_use]
pub const fn consent_kind(kind: v1::ConsentKind) -> Option<ConsentKind> {
    use v1::ConsentKind as K;
    Some(match kind {
        K::Unspecified => return None,
        K::OffHours => ConsentKind::OffHours,
        K::ExtraCalls => ConsentKind::ExtraCalls,
        K::MoreAttemptsAgreed => ConsentKind::MoreAttemptsAgreed,
        K::MoreVisitsWritten => ConsentKind::MoreVisitsWritten,
        K::WorkEmail => ConsentKind::WorkEmail,
    })
}

/// The contract's word for what a consent allows; texts and e-mails have none there yet.
#[must_use]
pub const fn to_consent_kind(kind: ConsentKind) -> v1::ConsentKind {
    use v1::ConsentKind as K;
    match kind {
        ConsentKind::OffHours => K::OffHours,
        ConsentKind::ExtraCalls => K::ExtraCalls,
        ConsentKind::MoreAttemptsAgreed => K::MoreAttemptsAgreed,
        ConsentKind::MoreVisitsWritten => K::MoreVisitsWritten,
        ConsentKind::WorkEmail => K::WorkEmail,
        ConsentKind::Electronic => K::Unspecified,
    }
}

/// What a third party of this kind is to the debt; of an unknown kind, anybody else.
#[must_use]
pub const fn third_party(kind: v1::ThirdPartyKind) -> Relation {
    use v1::ThirdPartyKind as K;
    match kind {
        K::Unspecified => Relation::Other,
        K::Attorney => Relation::Attorney,
        K::Spouse => Relation::Spouse,
        K::Parent => Relation::Parent,
        K::Neighbour => Relation::Neighbour,
        K::Colleague => Relation::Colleague,
        K::EmergencyContact => Relation::EmergencyContact,
        K::Guarantor => Relation::Guarantor,
    }
}

/// Why a person must look at a case, on the wire; UNSPECIFIED where nobody must.
#[must_use]
pub const fn to_review_reason(reason: Option<&WorklistReason>) -> v1::ReviewReason {
    use WorklistReason as R;
    let Some(reason) = reason else {
        return v1::ReviewReason::Unspecified;
    };
    match reason {
        R::StepsUsedUp { .. } => v1::ReviewReason::StepsUsedUp,
        R::NoTarget { .. } => v1::ReviewReason::NoTarget,
        R::NeverMade { .. } => v1::ReviewReason::NeverMade,
        R::WaitsForYear { .. } => v1::ReviewReason::WaitsForYear,
        R::AskedByPolicy { .. } => v1::ReviewReason::AskedByPolicy,
        R::NoStage { .. } => v1::ReviewReason::NoStage,
        R::StepHeld { .. } => v1::ReviewReason::StepHeld,
        R::HandHeld { .. } => v1::ReviewReason::HandHeld,
        R::Undecidable => v1::ReviewReason::Undecidable,
        R::WroteBack => v1::ReviewReason::WroteBack,
        R::OtherWroteBack => v1::ReviewReason::OtherWroteBack,
        R::CancelInDoubt => v1::ReviewReason::CancelInDoubt,
        R::SendingInDoubt => v1::ReviewReason::SendingInDoubt,
        R::Death => v1::ReviewReason::Death,
        R::DisputeWon => v1::ReviewReason::DisputeWon,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_reads_back() {
        for value in Outcome::ALL {
            assert_eq!(outcome(to_outcome(value)), Some(value));
        }
        assert_eq!(outcome(v1::Outcome::Unspecified), None);
    }

    #[test]
    fn third_parties_are_never_borrowers() {
        for relation in [Relation::Spouse, Relation::Attorney, Relation::Other] {
            let (role, kind) = to_relation(relation);
            assert_eq!(role, v1::PartyRole::ThirdParty);
            assert_eq!(third_party(kind), relation);
        }
    }
}
