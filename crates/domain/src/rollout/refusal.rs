//! Why a step of a rollout is not taken.

use super::GenerationState;
use std::fmt;

/// Why a step is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such generation.
    #[error("there is no generation {0}")]
    Unknown(u32),
    /// The generation stands elsewhere.
    #[error("generation {number} is {state}; it would have to be {wanted}")]
    State {
        /// Which.
        number: u32,
        /// Where it stands.
        state: GenerationState,
        /// Where it would have to.
        wanted: &'static str,
    },
    /// Another generation is being tried.
    #[error("generation {0} is being tried: wait until it is live, or roll it back")]
    SwapUnderWay(u32),
    /// No generation is being tried.
    #[error("no generation is being tried")]
    NoSwap,
    /// There is none to go back to.
    #[error("there is no generation to go back to: none was live before, or it was drained")]
    NothingBefore,
    /// The shares of a swap.
    #[error("shares {0:?} do not rise from 1 or more to 100")]
    Shares(Vec<u8>),
}

impl fmt::Display for GenerationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Staged => "STAGED",
            Self::Canary => "CANARY",
            Self::Live => "LIVE",
            Self::Draining => "DRAINING",
            Self::Faulted => "FAULTED",
            Self::Retired => "RETIRED",
        })
    }
}
