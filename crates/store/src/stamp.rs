//! What a store is stamped with.

/// What clock a store's instants come from; it opens as nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockStamp {
    /// The machine's.
    Live,
    /// A coordinator's, which moves in steps.
    Stepped,
}

impl ClockStamp {
    /// The name in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Stepped => "stepped",
        }
    }
}
