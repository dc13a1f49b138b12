//! Why a command is not done. Each kind owns what the edge needs to tell the caller: what is wrong, where,
//! and what would be right.

use recoup_domain::case::Refusal;
use recoup_domain::contact::ContactState;
use recoup_policy::Finding;
use recoup_store::StoreError;

/// A field of a command that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, such as `borrower.time_zones[0]`.
    pub field: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl Violation {
    /// A violation.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }
}

/// Why a command is not done. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no such thing for this tenant.
    #[error("there is no {what} {id}")]
    NotFound {
        /// `case`, `party`, `contact`, `policy`, `template`, `collector`.
        what: &'static str,
        /// As it was given.
        id: String,
    },
    /// Fields that cannot be taken, all at once.
    #[error("{} field(s) cannot be taken", .0.len())]
    Invalid(Vec<Violation>),
    /// The case refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The loan has an open case.
    #[error("the loan has an open case, {0}")]
    CaseExists(recoup_domain::CaseId),
    /// Somebody else wrote in between.
    #[error("the {what} was changed by somebody else since: its etag is now {now}")]
    Stale {
        /// What.
        what: &'static str,
        /// Its present etag.
        now: String,
    },
    /// The request id was used for another request.
    #[error("request_id was used before for a request with another body")]
    RequestReused,
    /// The one who asked may not be the one who approves.
    #[error("{principal} {did} and cannot also {wants}: a second person must")]
    SamePerson {
        /// Who.
        principal: String,
        /// What they did, such as `wrote the policy`.
        did: &'static str,
        /// What they want to do, such as `activate it`.
        wants: &'static str,
    },
    /// No pack has a rule of that id.
    #[error("no pack has a rule `{0}`; `recoup law` lists them")]
    RuleUnknown(String),
    /// The rule is no presumption: nobody may override it.
    #[error("{rule} is {severity}: only a presumption of law can be overridden")]
    RuleNotOverridable {
        /// Which.
        rule: String,
        /// How hard it is.
        severity: &'static str,
    },
    /// The contact does not stand where the command needs it.
    #[error("contact {contact} is {state}; {needs}")]
    ContactState {
        /// Which.
        contact: String,
        /// Where it stands.
        state: ContactState,
        /// What would be right.
        needs: &'static str,
    },
    /// Law, the house or the person forbid a contact that somebody asked for by hand.
    #[error("the contact is denied: {}", .reasons.join("; "))]
    Denied {
        /// Each rule that denies, with its text; the primary one first.
        reasons: Vec<String>,
        /// From when it would be permitted, if nothing new happens; none where no time cures it.
        earliest: Option<jiff::Timestamp>,
    },
    /// A text would tell somebody who owes nothing of a debt. Nothing was sent; the case waits for a person.
    #[error("template {name} is not sent to somebody who owes nothing: {problem}")]
    Unsayable {
        /// The template.
        name: String,
        /// What was found in the text, without personal data.
        problem: String,
    },
    /// A text does not say what a message must say. Nothing was sent; the case waits for a person.
    #[error("template {name} is not sent: {problem}")]
    Lacking {
        /// The template and its version.
        name: String,
        /// The duties, where they are written, what is missing of each, and what would be right.
        problem: String,
    },
    /// A template does not say what each of its messages must say.
    #[error("template {name} lacks {} thing(s) that its messages must say", .violations.len())]
    TemplateLacks {
        /// The template.
        name: String,
        /// All of them.
        violations: Vec<Violation>,
    },
    /// No number or address of the person can take the contact.
    #[error("{0}")]
    PointUnusable(String),
    /// Dispatch is stopped for the lender or the channel.
    #[error("nothing is sent: {0}")]
    DispatchPaused(String),
    /// The wall clock is not to be trusted.
    #[error("nothing is sent: {0}; {advice}", advice = .0.advice())]
    ClockSuspect(crate::clock_guard::Trouble),
    /// The generations of a channel do not stand as the step needs it.
    #[error("channel {channel}: {why}")]
    Rollout {
        /// Which channel.
        channel: String,
        /// What stands in the way, and what would be right.
        why: recoup_domain::rollout::Refusal,
    },
    /// Dispatch waits for no confirmation: the store never was a copy.
    #[error("the store was not restored from a copy: there is nothing to confirm")]
    NotRestored,
    /// The store was not copied.
    #[error(transparent)]
    Copy(recoup_store::CopyError),
    /// The tenant has no active policy that fits.
    #[error("{0}")]
    NoPolicy(String),
    /// Nobody activated the policy version.
    #[error("policy {0} was never activated; a second person activates it first")]
    NotActivated(String),
    /// The policy's text has faults.
    #[error("the policy has {} finding(s)", .0.len())]
    PolicyFaults(Vec<Finding>),
    /// A template that cannot be taken or rendered.
    #[error("template {name}: {problem}")]
    Template {
        /// Which.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// No pack knows the jurisdiction.
    #[error("no compliance pack binds jurisdiction `{given}`; known are {known}")]
    Jurisdiction {
        /// As it was given.
        given: String,
        /// Those there are.
        known: String,
    },
    /// Others write the same case or person all the time; try again.
    #[error("the case or person is being changed by many at once; try again")]
    Contended,
    /// Personal data does not open.
    #[error(transparent)]
    Vault(#[from] crate::vault::VaultError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<recoup_store::CopyError> for CommandError {
    fn from(error: recoup_store::CopyError) -> Self {
        match error {
            recoup_store::CopyError::Store(error) => Self::Store(error),
            refusal => Self::Copy(refusal),
        }
    }
}

/// The result of a command.
pub type Done<T> = Result<T, CommandError>;
