//! All that there is at an instant.

use recoup_domain::contact::ContactState;

/// Processes on the store.
pub const REPLICAS: usize = 3;
/// Cases: [`TEXT`] and [`VISIT`].
pub const CASES: usize = 2;
/// Contacts that a case may plan: one, and one more where the first was proven not sent.
pub const SEQS: usize = 2;
/// Slots of all cases.
pub const SLOTS: usize = CASES * SEQS;
/// The case whose borrower is sent a text.
pub const TEXT: usize = 0;
/// The case whose borrower is visited.
pub const VISIT: usize = 1;

/// A slot's number.
#[must_use]
pub const fn slot(case: usize, seq: u8) -> usize {
    case * SEQS + seq as usize
}

/// The case of a slot.
#[must_use]
pub const fn case_of(slot: usize) -> usize {
    slot / SEQS
}

/// A state of the model.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct World {
    /// The processes.
    pub replicas: [Replica; REPLICAS],
    /// Version of the borrower, counted by every intent, outcome and stop.
    pub person: u8,
    /// The cases as the store has them.
    pub cases: [Case; CASES],
    /// The contacts as the store has them.
    pub contacts: [Option<Contact>; SLOTS],
    /// What the carriers have.
    pub carried: [Carried; SLOTS],
    /// Whether the borrower has paid.
    pub stopped: bool,
    /// Kills that may still come.
    pub kills: u8,
    /// Processes that may still stand still past their lease.
    pub lapses: u8,
    /// What went wrong on a way to this state, for the promises that are about steps and not about states.
    pub broken: Broken,
}

/// Promises that a step broke.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Broken {
    /// An intent was committed after the stop.
    pub late_intent: bool,
    /// A contact went along no edge of the table of states.
    pub edge: bool,
}

/// A case as the store has it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Case {
    /// Counts its events.
    pub version: u8,
    /// The number of its next contact.
    pub next_seq: u8,
    /// Whether it is to be decided.
    pub due: bool,
    /// The newest lease.
    pub fence: u8,
    /// Whose lease it is; none where nobody has one, or who had it is gone.
    pub holder: Option<u8>,
}

/// A contact as the store has it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Contact {
    /// Where it stands.
    pub state: ContactState,
    /// The lease its intent was written under.
    pub fence: u8,
    /// Who has it in hand; none where that process is gone.
    pub owner: Option<u8>,
}

/// What a carrier has of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Carried {
    /// How often it was submitted.
    pub submitted: u8,
    /// What became of it.
    pub goods: Goods,
}

/// What became of something that was submitted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Goods {
    /// There is nothing, or it waits.
    #[default]
    Waits,
    /// The person was reached.
    Effected,
    /// It was called off.
    CalledOff,
    /// Its time is over, and nobody was reached.
    Over,
}

/// A process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
pub struct Replica {
    /// Whether it was killed and did not start again.
    pub dead: bool,
    /// What it does about each case.
    pub tasks: [Task; CASES],
    /// A carrier's answer to a cancel that is not on record yet, and of which slot.
    pub cancel: Option<(u8, CancelAnswer)>,
}

/// What a process does about a case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
pub enum Task {
    /// Nothing.
    #[default]
    Idle,
    /// It has the lease.
    Claimed {
        /// Which.
        fence: u8,
    },
    /// It has read the facts, and a contact is due.
    Decided {
        /// The lease.
        fence: u8,
        /// The case's version that was read.
        case: u8,
        /// The borrower's version that was read.
        person: u8,
        /// The number of the contact.
        seq: u8,
    },
    /// The intent is durable, nothing has left yet.
    Sending {
        /// Number of the contact.
        seq: u8,
        /// The lease of its intent.
        fence: u8,
    },
    /// The channel has answered, and nothing of it is on record.
    Answered {
        /// Number of the contact.
        seq: u8,
        /// The lease of its intent.
        fence: u8,
        /// What it answered.
        says: Answer,
    },
}

/// What a channel answers to a send.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Answer {
    /// The carrier has it.
    Accepted,
    /// The carrier has it, and says that the person was reached.
    Effected,
    /// Nothing left, provably.
    Refused,
    /// Nobody knows.
    Unknown,
}

impl Answer {
    /// Where the contact goes with it at first.
    #[must_use]
    pub const fn state(self) -> ContactState {
        match self {
            Self::Accepted | Self::Effected => ContactState::Accepted,
            Self::Refused => ContactState::RejectedProven,
            Self::Unknown => ContactState::Unknown,
        }
    }
}

/// What a carrier answers to a cancel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum CancelAnswer {
    /// It is called off.
    Done,
    /// The person was reached before.
    TooLate,
    /// Nobody knows: the line broke.
    Lost,
}

impl World {
    /// Two cases are due, nobody is at it.
    #[must_use]
    pub fn new(kills: u8, lapses: u8) -> Self {
        let case = Case {
            version: 0,
            next_seq: 0,
            due: true,
            fence: 0,
            holder: None,
        };
        Self {
            replicas: [Replica::default(); REPLICAS],
            person: 0,
            cases: [case; CASES],
            contacts: [None; SLOTS],
            carried: [Carried::default(); SLOTS],
            stopped: false,
            kills,
            lapses,
            broken: Broken::default(),
        }
    }

    /// Whether a process runs, and so can look after what others left.
    #[must_use]
    pub fn somebody_runs(&self) -> bool {
        self.replicas.iter().any(|r| !r.dead)
    }

    /// The contacts of a case.
    pub fn contacts_of(&self, case: usize) -> impl Iterator<Item = &Contact> {
        let of_case = &self.contacts[slot(case, 0)..slot(case + 1, 0)];
        of_case.iter().flatten()
    }
}
