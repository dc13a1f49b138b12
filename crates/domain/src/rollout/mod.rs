//! The generations of a channel, and which of them takes a new contact.
//!
//! A generation is a library with its settings. One is live; another may be tried beside it by a swap, with a rising
//! share of the new contacts. Each step is a function of the row and of what was asked; what processes do follows from
//! the row, and doing it twice changes nothing.

mod gate;
mod refusal;

pub use gate::{Tally, Verdict, judge};
pub use refusal::Refusal;

use crate::ids::ContactId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Retired generations that are still named; older ones are in the journal alone.
const RETIRED_MAX: usize = 16;
/// Shares of a swap where nobody says others, in percent.
pub const SHARES: [u8; 4] = [1, 10, 50, 100];

/// The generations of one channel. There is always one that is live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// The channel's name.
    pub channel: String,
    /// Counts its changes, from 1.
    pub version: u64,
    /// Which configuration the newest generation that came of one had: a hash of library, settings and placement.
    pub configured: String,
    /// By rising number.
    pub generations: Vec<Generation>,
    /// The number of the next one.
    pub next: u32,
    /// The generation that was live before; a roll-back goes to it. None where there is none to go back to.
    pub before: Option<u32>,
    /// The swap that is under way.
    pub swap: Option<Swap>,
}

/// A library with its settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// From 1 within the channel.
    pub number: u32,
    /// What it is.
    #[serde(flatten)]
    pub made: Made,
    /// Where it stands.
    pub state: GenerationState,
    /// Why, for a person; empty where nothing is to be said.
    pub why: String,
    /// Who brought it there.
    pub by: String,
    /// When.
    pub since: Timestamp,
}

/// What a generation is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// SHA-256 of the library's bytes, hexadecimal.
    pub sha256: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// What the library is configured with, as JSON. Secrets are named there and never held.
    pub settings: String,
    /// What the library calls itself: its id.
    pub plugin: String,
    /// Its version.
    pub plugin_version: String,
    /// Its publisher's signature, the text of a minisign file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Who vouched for it when it was put on record.
    #[serde(default, skip_serializing_if = "Vouched::is_nobody")]
    pub vouched: Vouched,
    /// An operator took it although it is older than the one that was live.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub older: bool,
}

/// Who vouches for a library.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vouched {
    /// Nobody.
    #[default]
    Nobody,
    /// The operator, who wrote its hash into the lock.
    Pinned,
    /// A publisher that the operator named there.
    Signed {
        /// The publisher's minisign key.
        publisher: String,
    },
}

impl Vouched {
    /// Whether nobody does.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        *self == Self::Nobody
    }
}

/// Where a generation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GenerationState {
    /// Verified; takes no contacts.
    Staged,
    /// Takes a share of the new contacts.
    Canary,
    /// Takes the others.
    Live,
    /// Takes no new ones; what is under way comes to its end.
    Draining,
    /// It was worse, or did not start: takes none until an operator looks.
    Faulted,
    /// Ended.
    Retired,
}

/// A generation on its way to take all new contacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swap {
    /// The one on its way.
    pub to: u32,
    /// Shares in percent, rising; the last is 100.
    pub shares: Vec<u8>,
    /// Which of them is in force.
    pub step: usize,
    /// Since when.
    pub since: Timestamp,
    /// How long each share lasts at least.
    pub hold: SignedDuration,
    /// How many of its contacts must have been judged at each share before the next.
    pub judged_min: u32,
}

impl Swap {
    /// The share in force, in percent.
    #[must_use]
    pub fn share(&self) -> u8 {
        self.shares.get(self.step).copied().unwrap_or(0)
    }

    /// How much longer the share in force must last; zero where it has lasted as long as it must.
    #[must_use]
    pub fn left_to_hold(&self, now: Timestamp) -> SignedDuration {
        (self.hold - now.duration_since(self.since)).max(SignedDuration::ZERO)
    }
}

/// A step of a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A new generation was verified.
    Stage(Made),
    /// A generation begins to take contacts.
    Begin {
        /// Which.
        to: u32,
        /// Shares in percent, rising; the last is 100.
        shares: Vec<u8>,
        /// How long each lasts at least.
        hold: SignedDuration,
        /// How many of its contacts must have been judged at each.
        judged_min: u32,
    },
    /// The swap's generation was good: to the next share, or live.
    Advance,
    /// All new contacts go back to the generation before.
    RollBack {
        /// Why.
        why: String,
    },
    /// A generation is not needed any more.
    Drain(u32),
    /// What a draining generation had under way is at its end.
    Retire(u32),
    /// The configuration says something else than it did: that is live at once, as after any restart.
    Configure {
        /// What.
        made: Made,
        /// The configuration's hash.
        configured: String,
    },
}

impl Rollout {
    /// The rollout of a channel that nobody has changed yet: what the configuration says is live, as number 1.
    #[must_use]
    pub fn first(channel: &str, configured: String, made: Made, at: Timestamp) -> Self {
        let first = Generation {
            number: 1,
            made,
            state: GenerationState::Live,
            why: String::new(),
            by: "configuration".to_owned(),
            since: at,
        };
        Self {
            channel: channel.to_owned(),
            version: 0,
            configured,
            generations: vec![first],
            next: 2,
            before: None,
            swap: None,
        }
    }

    /// A generation by its number.
    #[must_use]
    pub fn generation(&self, number: u32) -> Option<&Generation> {
        self.generations.iter().find(|g| g.number == number)
    }

    /// The one that is live.
    #[must_use]
    pub fn live(&self) -> u32 {
        let live = self.in_state(GenerationState::Live);
        live.map_or(0, |g| g.number)
    }

    /// The first generation in a state.
    #[must_use]
    pub fn in_state(&self, state: GenerationState) -> Option<&Generation> {
        self.generations.iter().find(|g| g.state == state)
    }

    /// The generation that is tried, and its share in percent.
    #[must_use]
    pub fn tried(&self) -> Option<(u32, u8)> {
        self.swap.as_ref().map(|swap| (swap.to, swap.share()))
    }

    /// The share of the new contacts that a generation takes, in percent.
    #[must_use]
    pub fn share(&self, number: u32) -> u8 {
        let tried = self.tried().unwrap_or_default();
        if number == tried.0 {
            tried.1
        } else if number == self.live() {
            100 - tried.1
        } else {
            0
        }
    }

    /// Whether a generation's bytes may be needed again.
    #[must_use]
    pub fn keeps(&self, number: u32) -> bool {
        let retired = |g: &Generation| g.state == GenerationState::Retired;
        let known = self.generation(number);
        known.is_some_and(|g| !retired(g) || self.before == Some(number))
    }

    /// Takes a step.
    ///
    /// # Errors
    /// [`Refusal`] where the rollout does not stand so; it says what would be right.
    pub fn take(&self, step: &Step, by: &str, at: Timestamp) -> Result<Self, Refusal> {
        let mut next = self.clone();
        next.version += 1;
        let mut moving = Moving {
            all: &mut next,
            by,
            at,
        };
        match step {
            Step::Stage(made) => moving.stage(made),
            Step::Begin {
                to,
                shares,
                hold,
                judged_min,
            } => moving.begin(*to, shares, *hold, *judged_min)?,
            Step::Advance => moving.advance()?,
            Step::RollBack { why } => moving.roll_back(why)?,
            Step::Drain(number) => moving.drain(*number)?,
            Step::Retire(number) => moving.retire(*number)?,
            Step::Configure { made, configured } => moving.configure(made, configured),
        }
        next.forget_old();
        Ok(next)
    }

    /// Libraries, by their SHA-256, that this rollout needs and `next` does not.
    #[must_use]
    pub fn let_go(&self, next: &Self) -> Vec<String> {
        let kept = |all: &Self| -> Vec<String> {
            let kept = all.generations.iter().filter(|g| all.keeps(g.number));
            kept.map(|g| g.made.sha256.clone()).collect()
        };
        let (mut gone, still) = (kept(self), kept(next));
        gone.retain(|sha256| !still.contains(sha256));
        gone.sort_unstable();
        gone.dedup();
        gone
    }

    fn forget_old(&mut self) {
        let named = |g: &&Generation| g.state == GenerationState::Retired;
        let mut over = self.generations.iter().filter(named).count();
        let before = self.before;
        self.generations.retain(|g| {
            let old = g.state == GenerationState::Retired && Some(g.number) != before;
            let goes = old && over > RETIRED_MAX;
            over -= usize::from(goes);
            !goes
        });
    }
}

/// A rollout while a step is taken.
struct Moving<'a> {
    all: &'a mut Rollout,
    by: &'a str,
    at: Timestamp,
}

impl Moving<'_> {
    fn stage(&mut self, made: &Made) {
        let number = self.all.next;
        self.all.next += 1;
        self.all.generations.push(Generation {
            number,
            made: made.clone(),
            state: GenerationState::Staged,
            why: String::new(),
            by: self.by.to_owned(),
            since: self.at,
        });
    }

    fn begin(
        &mut self,
        to: u32,
        shares: &[u8],
        hold: SignedDuration,
        judged_min: u32,
    ) -> Result<(), Refusal> {
        use GenerationState as S;
        let rising = shares.windows(2).all(|two| two[0] < two[1]);
        if !rising || shares.first() == Some(&0) || shares.last() != Some(&100) {
            return Err(Refusal::Shares(shares.to_vec()));
        }
        let known = self.all.generation(to).ok_or(Refusal::Unknown(to))?;
        let state = known.state;
        let under_way = self.all.swap.as_ref().map(|s| s.to);
        match (state, under_way) {
            // Asked for again: from here on by the new shares.
            (S::Canary, Some(other)) if other == to => {}
            (_, Some(other)) => return Err(Refusal::SwapUnderWay(other)),
            (S::Staged | S::Faulted, None) => self.put(to, S::Canary, ""),
            (state, _) => {
                return Err(Refusal::State {
                    number: to,
                    state,
                    wanted: "STAGED or FAULTED",
                });
            }
        }
        self.all.swap = Some(Swap {
            to,
            shares: shares.to_vec(),
            step: 0,
            since: self.at,
            hold,
            judged_min,
        });
        Ok(())
    }

    fn advance(&mut self) -> Result<(), Refusal> {
        let at = self.at;
        let Some(swap) = &mut self.all.swap else {
            return Err(Refusal::NoSwap);
        };
        if swap.step + 1 < swap.shares.len() {
            swap.step += 1;
            swap.since = at;
            return Ok(());
        }
        let to = swap.to;
        self.all.swap = None;
        self.take_over(to);
        Ok(())
    }

    /// `to` is live; the one that was drains, and may be gone back to.
    fn take_over(&mut self, to: u32) {
        let from = self.all.live();
        self.put(from, GenerationState::Draining, "");
        self.put(to, GenerationState::Live, "");
        self.all.before = Some(from);
    }

    fn roll_back(&mut self, why: &str) -> Result<(), Refusal> {
        use GenerationState as S;
        if let Some(swap) = self.all.swap.take() {
            self.put(swap.to, S::Faulted, why);
            return Ok(());
        }
        let before = self.all.before.ok_or(Refusal::NothingBefore)?;
        let live = self.all.live();
        self.put(live, S::Faulted, why);
        self.put(before, S::Live, "");
        self.all.before = None;
        Ok(())
    }

    fn drain(&mut self, number: u32) -> Result<(), Refusal> {
        use GenerationState as S;
        let known = self.all.generation(number);
        let state = known.ok_or(Refusal::Unknown(number))?.state;
        match state {
            S::Staged | S::Faulted => self.put(number, S::Draining, ""),
            // It is as was asked for.
            S::Draining | S::Retired => {}
            S::Live | S::Canary => {
                return Err(Refusal::State {
                    number,
                    state,
                    wanted: "STAGED, FAULTED or DRAINING; swap or roll back first",
                });
            }
        }
        if self.all.before == Some(number) {
            self.all.before = None;
        }
        Ok(())
    }

    fn retire(&mut self, number: u32) -> Result<(), Refusal> {
        use GenerationState as S;
        let known = self.all.generation(number);
        let state = known.ok_or(Refusal::Unknown(number))?.state;
        if state != S::Draining {
            return Err(Refusal::State {
                number,
                state,
                wanted: "DRAINING",
            });
        }
        self.put(number, S::Retired, "");
        Ok(())
    }

    fn configure(&mut self, made: &Made, configured: &str) {
        if let Some(swap) = self.all.swap.take() {
            let why = "the configuration was changed while it was tried";
            self.put(swap.to, GenerationState::Faulted, why);
        }
        let number = self.all.next;
        self.stage(made);
        self.take_over(number);
        configured.clone_into(&mut self.all.configured);
    }

    fn put(&mut self, number: u32, state: GenerationState, why: &str) {
        let found = self.all.generations.iter_mut();
        if let Some(g) = found.into_iter().find(|g| g.number == number) {
            g.state = state;
            why.clone_into(&mut g.why);
            self.by.clone_into(&mut g.by);
            g.since = self.at;
        }
    }
}

/// Whether a contact is among the share (in percent) of the new ones that a generation on trial takes: the same on
/// every server and after a restart. Which contacts those are differs from generation to generation.
#[must_use]
pub fn is_in_share(contact: ContactId, generation: u32, share: u8) -> bool {
    // FNV-1a, and MurmurHash3's finalizer: the low digits of a short number's FNV alone are not even.
    let bytes = contact.case.to_bytes().into_iter();
    let bytes = bytes.chain(contact.seq.to_le_bytes());
    let bytes = bytes.chain(generation.to_le_bytes());
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (hash ^ (hash >> 33)) % 100 < u64::from(share)
}
